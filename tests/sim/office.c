/* The coordinator of the simulation. */
#include "config.h"

#include "tests/sim/office.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "tests/sim/check.h"
#include "engine/base/banned.h"

static void know_workflow(struct office *office, struct fl_core *core)
{
    struct fl_workflow *wf = NULL;
    struct fl_err err = {0};

    if (fl_workflow_from_json(office->workflow, &wf, &err) < 0 ||
        fl_core_add_workflow(core, office->digest, wf, &err) < 0)
        sim_broken(office, "workflow: %s", err.text);
}

static int apply_stored(const struct fl_event *event, void *arg, struct fl_err *reterr)
{
    return fl_core_apply(arg, event, reterr);
}

/* A core fed with the committed events alone, from the store or through the codec. */
static struct fl_core *replay(struct office *office)
{
    struct fl_core *core = NULL;
    struct fl_err err = {0};

    fl_assert(fl_core_create(&core, &err) == 0);
    know_workflow(office, core);
    if (office->store) {
        if (fl_store_load(office->store, 1, 0, apply_stored, core, &err) < 0)
            sim_broken(office, "replay from the store: %s", err.text);
        return core;
    }
    for (size_t i = 0; i < office->log.count && !office->failed; i++) {
        fl_auto(fl_event_destroy) struct fl_event *event = NULL;
        fl_json_auto json_t *json = NULL;

        if (fl_event_to_json(office->log.items[i], &json, &err) < 0 ||
            fl_event_from_json(json, &event, &err) < 0 || fl_core_apply(core, event, &err) < 0)
            sim_broken(office, "replay of event %zu: %s", i + 1, err.text);
    }
    return core;
}

static void bus_open(struct office *office)
{
    office->lives++;
    fl_assert(fl_bus_server_create(&office->net->world, sim_net_transport(office->net, 0), NULL,
                                   &office->bus, NULL) == 0);
}

static void store_open(struct office *office)
{
    struct fl_store_config config = {.folder = office->folder};
    struct fl_err err = {0};

    if (office->folder && fl_store_open(&config, &office->store, &err) < 0)
        sim_broken(office, "store: %s", err.text);
}

void office_open(struct office *office, struct sim_net *net, const char *folder)
{
    struct fl_workflow *wf;
    struct fl_err err = {0};

    memset(office, 0, sizeof(*office));
    office->net = net;
    office->folder = folder;
    wf = sim_graph(net->random);
    if (fl_workflow_to_json(wf, &office->workflow, &err) < 0 ||
        fl_workflow_digest(wf, office->digest, &err) < 0)
        sim_broken(office, "workflow: %s", err.text);
    fl_workflow_destroy(wf);
    store_open(office);
    office->core = replay(office);
    bus_open(office);
}

static void down(struct office *office)
{
    office->net->mute = true;
    fl_bus_server_destroy(office->bus);
    office->net->mute = false;
    office->bus = NULL;
    fl_store_destroy(office->store);
    office->store = NULL;
    fl_core_destroy(office->core);
    office->core = NULL;
    for (size_t n = 0; n < SIM_NODES_MAX; n++) {
        json_decref(office->hellos[n]);
        office->hellos[n] = NULL;
        office->peers[n] = 0;
    }
}

void office_close(struct office *office)
{
    down(office);
    fl_events_release(&office->log);
    json_decref(office->workflow);
}

void office_crash(struct office *office)
{
    down(office);
    store_open(office);
    office->core = replay(office);
    bus_open(office);
    office->died = true;
}

static void send_all(struct office *office, const struct fl_effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        struct fl_err err = {0};
        int rc = fl_bus_server_send_worker(office->bus, effects->items[i].worker,
                                           effects->items[i].message, &err);

        if (rc < 0 && rc != FL_E_NOENT && rc != FL_E_FULL && rc != FL_E_AGAIN)
            sim_broken(office, "send: %s", err.text);
    }
}

static void let_out(struct office *office, const struct fl_input *input,
                    const struct fl_events *batch)
{
    fl_auto(fl_effects_release) struct fl_effects effects = {0};
    const json_t *attempts = json_object_get(input->message, "attempts");
    struct fl_err err = {0};
    int rc = 0;

    if (input->type == FL_INPUT_WORKER_HELLO && attempts)
        rc = fl_core_resync(office->core, input->worker, attempts, &effects, &err);
    for (size_t i = 0; rc == 0 && i < batch->count; i++)
        rc = fl_core_effects(office->core, batch->items[i], &effects, &err);
    if (rc == 0 && input->type == FL_INPUT_ATTEMPT)
        rc = fl_core_answer(office->core, input->worker, input->message, &effects, &err);
    if (rc < 0)
        sim_broken(office, "effects: %s", err.text);
    send_all(office, &effects);
}

static void commit(struct office *office, struct fl_events *batch)
{
    struct fl_err err = {0};

    if (office->store && batch->count > 0 &&
        fl_store_append(office->store, batch->items, batch->count, &err) < 0)
        sim_broken(office, "store: %s", err.text);
    for (size_t i = 0; i < batch->count; i++) {
        batch->items[i]->seq.v = office->log.count + 1;
        if (fl_event_keep(batch->items[i], &err) < 0 || /* the log outlives the core */
            fl_events_add(&office->log, batch->items[i], &err) < 0)
            sim_broken(office, "log: %s", err.text);
    }
}

static void decide(struct office *office, const struct fl_input *input, struct fl_events *batch)
{
    struct fl_err err = {0};
    size_t applied = 0;

    if (fl_core_decide(office->core, input, batch, &err) < 0 && input->type != FL_INPUT_REQUEST)
        sim_broken(office, "decide: %s", err.text);
    for (;;) {
        for (; applied < batch->count && !office->failed; applied++) {
            sim_check_event(office, batch, applied);
            if (fl_core_apply(office->core, batch->items[applied], &err) < 0)
                sim_broken(office, "apply: %s", err.text);
        }
        if (office->failed)
            return;
        if (fl_core_advance(office->core, input, batch, &err) < 0)
            sim_broken(office, "advance: %s", err.text);
        if (batch->count == applied)
            return;
    }
}

static void turn(struct office *office, enum fl_input_type type, const char *worker,
                 const json_t *message)
{
    struct sim_random *random = office->net->random;
    char entropy[80];
    struct fl_input input = {.type = type,
                             .now_ns = office->net->now_ns,
                             .worker = worker,
                             .who = "sim",
                             .entropy = entropy,
                             .message = message};
    struct fl_events batch = {0};

    (void)snprintf(entropy, sizeof(entropy), "%016llx", (unsigned long long)sim_random(random));
    decide(office, &input, &batch);
    sim_check_limits(office);
    if (office->net->faults && sim_chance(random, 5)) { /* before the commit: torn off */
        fl_events_release(&batch);
        office_crash(office);
        return;
    }
    commit(office, &batch);
    if (office->net->faults && sim_chance(random, 5)) /* after the commit, before the effects */
        office_crash(office);
    else
        let_out(office, &input, &batch);
    free(batch.items); /* the log owns the events */
}

static void take_message(struct office *office, const struct fl_bus_event *event, size_t n)
{
    const char *type = json_string_value(json_object_get(event->message, "type"));
    char name[16];

    (void)snprintf(name, sizeof(name), "%s", event->name);
    if (strcmp(type, "hello") == 0) {
        json_decref(office->hellos[n]);
        office->hellos[n] = json_copy(event->message);
        (void)json_object_del(office->hellos[n], "attempts"); /* true at that moment only */
        office->peers[n] = event->peer.v;
        turn(office, FL_INPUT_WORKER_HELLO, name, event->message);
    } else {
        turn(office, FL_INPUT_ATTEMPT, name, event->message);
    }
}

static void take(struct office *office, const struct fl_bus_event *event)
{
    size_t n = (size_t)(event->name[1] - '0');
    char name[16];

    (void)snprintf(name, sizeof(name), "%s", event->name);
    switch (event->kind) {
    case FL_BUS_MESSAGE:
        take_message(office, event, n);
        break;
    case FL_BUS_GONE:
    case FL_BUS_CLOSED:
        if (office->peers[n] == event->peer.v)
            turn(office, FL_INPUT_WORKER_GONE, name, NULL);
        break;
    case FL_BUS_BACK:
        if (office->peers[n] == event->peer.v && office->hellos[n]) {
            fl_json_auto json_t *hello = json_incref(office->hellos[n]);

            turn(office, FL_INPUT_WORKER_HELLO, name, hello);
        }
        break;
    case FL_BUS_ROOM: {
        fl_json_auto json_t *again = json_pack("{s:s}", "type", "again");

        (void)fl_bus_server_send(office->bus, event->peer, again, NULL); /* empty by now */
        break;
    }
    case FL_BUS_OPENED:
    case FL_BUS_RESET:
        break;
    }
}

void office_poll(struct office *office)
{
    struct fl_bus_event event;

    office->died = false;
    while (!office->died && !office->failed && fl_bus_server_recv(office->bus, &event, NULL) == 0) {
        take(office, &event);
        json_decref(event.message);
    }
    if (!office->died && fl_core_next_timer_ns(office->core) <= office->net->now_ns)
        turn(office, FL_INPUT_TICK, NULL, NULL);
}

void office_submit(struct office *office)
{
    fl_json_auto json_t *submit =
        json_pack("{s:s,s:s}", "digest", office->digest, "cycle", "20261124T0000Z");

    if (!fl_core_run(office->core, OFFICE_RUN))
        turn(office, FL_INPUT_SUBMIT, NULL, submit);
}

void office_ask(struct office *office, const char *verb)
{
    char stage[8];
    fl_json_auto json_t *request = NULL;

    (void)snprintf(stage, sizeof(stage), "s%u", sim_pick(office->net->random, SIM_STAGES_MAX));
    request = json_pack("{s:s,s:s,s:s}", "verb", verb, "run", OFFICE_RUN, "stage", stage);
    turn(office, FL_INPUT_REQUEST, NULL, request);
}

void office_decide_lost(struct office *office)
{
    const struct fl_run *run = fl_core_run(office->core, OFFICE_RUN);
    fl_json_auto json_t *request = NULL;

    if (!run || run->undecided == 0)
        return;
    request = json_pack("{s:s,s:s,s:b}", "verb", "retry", "run", OFFICE_RUN, "force", 1);
    turn(office, FL_INPUT_REQUEST, NULL, request);
}

void office_check_replay(struct office *office)
{
    fl_auto(fl_core_destroy) struct fl_core *again = replay(office);
    char live[FL_DIGEST_HEX];
    char replayed[FL_DIGEST_HEX];

    sim_picture(office->core, live);
    sim_picture(again, replayed);
    if (strcmp(live, replayed) != 0)
        sim_broken(office, "the replay of %zu events is not the live state", office->log.count);
}

bool office_has_ended(const struct office *office)
{
    const struct fl_run *run = fl_core_run(office->core, OFFICE_RUN);

    return run && run->state != FL_STATE_RUNNING;
}

void office_tell_stuck(struct office *office)
{
    const struct fl_run *run = fl_core_run(office->core, OFFICE_RUN);
    fl_auto(fl_buf_release) struct fl_buf out;

    fl_buf_init(&out, 400);
    for (uint32_t i = 0; run && i < run->plan->inst_count; i++) {
        char title[FL_CORE_ID_MAX];

        if (fl_state_is_end(run->insts[i].state))
            continue;
        fl_inst_title(run, i, title, sizeof(title));
        fl_buf_printf(&out, " %s is %s;", title, fl_state_name(run->insts[i].state));
    }
    sim_broken(office, "the run has not ended though the faults have stopped:%s", out.data);
}

void office_summary(const struct office *office, char *text, size_t size)
{
    const struct fl_run *run = fl_core_run(office->core, OFFICE_RUN);

    (void)snprintf(text, size, "%s after %zu events in %u lives",
                   run ? fl_state_name(run->state) : "nothing", office->log.count, office->lives);
}

void office_hash(const struct office *office, char hash[static FL_DIGEST_HEX])
{
    fl_auto(fl_digest_destroy) struct fl_digest *digest = NULL;

    fl_assert(fl_digest_create(&digest, NULL) == 0);
    for (size_t i = 0; i < office->log.count; i++) {
        fl_json_auto json_t *json = NULL;
        char *text;

        fl_assert(fl_event_to_json(office->log.items[i], &json, NULL) == 0);
        text = fl_json_text(json);
        fl_assert(text);
        fl_digest_add(digest, text, strlen(text));
        free(text);
    }
    fl_digest_finish(digest, hash);
}
