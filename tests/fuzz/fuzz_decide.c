/* Fuzzes what reaches the core of a running coordinator: what workers say of their attempts,
 * hellos, goodbyes, what people ask, and time that passes, in any order and with any mistake.
 * Whatever comes, what is decided can be applied, the state comes to rest, questions are answered,
 * and the recorded events make the same state again. The first two bytes draw a workflow; then each
 * byte is a step that may take more bytes. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/core.h"
#include "engine/core/view.h"
#include "tests/fuzz/drawn.h"
#include "tests/lib/dump.h"
#include "tests/sim/graph.h"

#include "engine/base/banned.h"

#define ATTEMPTS_MAX 256
#define WORKERS 2
#define STEPS_MAX 400
#define ROUNDS_MAX 1000
#define RUN "sim/20261124T0000Z"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct attempt {
    char *id;
    char *token;
    json_t *outputs;
    int64_t index;
    int worker;
};

struct centre {
    struct fl_core *core;
    json_t *workflow;
    char digest[FL_DIGEST_HEX];
    struct fl_events log;
    struct attempt attempts[ATTEMPTS_MAX];
    size_t attempt_count;
    int64_t now_ns;
    uint64_t fed;
    const uint8_t *data;
    size_t size;
};

static const char *const names[WORKERS] = {"w0", "w1"};

static uint8_t take(struct centre *c)
{
    if (c->size == 0)
        return 0;
    c->size--;
    return *c->data++;
}

static void know_workflow(const struct centre *c, struct fl_core *core)
{
    struct fl_workflow *workflow = NULL;

    fl_assert(fl_workflow_from_json(c->workflow, &workflow, NULL) == 0);
    fl_assert(fl_core_add_workflow(core, c->digest, workflow, NULL) == 0);
}

/* Keeps what a launch is about, to speak of it later. */
static void note_effects(struct centre *c, const struct fl_effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        const json_t *spec = json_object_get(effects->items[i].message, "spec");
        const char *id = json_string_value(json_object_get(spec, "id"));
        const char *token = json_string_value(json_object_get(spec, "token"));
        struct attempt *a = &c->attempts[c->attempt_count];

        if (!id || !token || c->attempt_count == ATTEMPTS_MAX)
            continue;
        a->id = strdup(id);
        a->token = strdup(token);
        a->outputs = json_incref(json_object_get(spec, "outputs"));
        a->worker = strcmp(effects->items[i].worker, names[1]) == 0;
        fl_assert(a->id && a->token);
        c->attempt_count++;
    }
}

static struct fl_input input_of(struct centre *c, enum fl_input_type type, char entropy[65])
{
    (void)snprintf(entropy, 65, "%064llx", (unsigned long long)++c->fed);
    return (struct fl_input){
        .type = type, .now_ns = c->now_ns, .who = "fuzz", .why = "why not", .entropy = entropy};
}

/* One input as the loop takes it. message is taken over. */
static void feed(struct centre *c, enum fl_input_type type, const char *worker, json_t *message)
{
    fl_json_auto json_t *owned = message;
    fl_auto(fl_effects_release) struct fl_effects effects = {0};
    struct fl_events events = {0};
    struct fl_err err = {0};
    char entropy[65];
    struct fl_input input = input_of(c, type, entropy);
    size_t applied = 0;
    int rounds = 0;
    int rc;

    input.worker = worker;
    input.message = owned;
    rc = fl_core_decide(c->core, &input, &events, &err);
    fl_assert(rc != FL_E_BUG);
    do {
        for (; applied < events.count; applied++) {
            struct fl_event *event = events.items[applied];

            event->seq.v = c->log.count + 1;
            fl_assert(fl_core_apply(c->core, event, &err) == 0);
            fl_assert(fl_events_add(&c->log, event, &err) == 0);
        }
        input = input_of(c, FL_INPUT_TICK, entropy);
        fl_assert(fl_core_advance(c->core, &input, &events, &err) == 0);
        fl_assert(++rounds < ROUNDS_MAX);
    } while (events.count > applied);
    for (size_t i = 0; i < events.count; i++)
        fl_assert(fl_core_effects(c->core, events.items[i], &effects, &err) == 0);
    if (rc == 0 && type == FL_INPUT_ATTEMPT)
        fl_assert(fl_core_answer(c->core, worker, owned, &effects, &err) == 0);
    note_effects(c, &effects);
    free(events.items); /* the log owns the events */
}

static void hello(struct centre *c, uint8_t how)
{
    const char *worker = names[how & 1];
    json_t *live = json_array();
    json_t *message;

    for (size_t i = 0; i < c->attempt_count; i++)
        if (c->attempts[i].worker == (how & 1) && (how & 2 || i % 3 == 0))
            (void)json_array_append_new(live, json_string(c->attempts[i].id));
    message = json_pack("{s:s,s:i,s:s,s:[{s:s,s:s,s:i,s:i}],s:[{s:s,s:s}],s:o}", "type", "hello",
                        "v", 1, "worker", worker, "pools", "pool", "local", "site", "local",
                        "cores", how & 4 ? 2 : 8, "jobs", how & 8 ? 1 : 6, "sites", "site", "local",
                        "door", "http://127.0.0.1:1", "attempts", live);
    fl_assert(message);
    if (how & 16) {
        fl_auto(fl_effects_release) struct fl_effects effects = {0};
        fl_json_auto json_t *kept = json_incref(live);

        feed(c, FL_INPUT_WORKER_HELLO, worker, message);
        fl_assert(fl_core_resync(c->core, worker, kept, &effects, NULL) == 0);
        note_effects(c, &effects);
        return;
    }
    (void)json_object_del(message, "attempts");
    feed(c, FL_INPUT_WORKER_HELLO, worker, message);
}

/* The entry of a spool, right or wrong. */
static json_t *entry_of(struct centre *c, const struct attempt *a)
{
    static const char *const states[] = {"succeeded", "failed",  "timed-out", "cancelled",
                                         "lost",      "skipped", "nonsense"};
    static const char *const classes[] = {"transient", "limit", "data", "config", "bug", "odd"};
    uint8_t how = take(c);
    const json_t *output = json_array_get(a->outputs, take(c) % 8);
    const char *name = json_string_value(json_object_get(output, "output"));
    const char *lead = json_string_value(json_object_get(output, "lead"));
    char path[512];
    char sha[65];

    (void)snprintf(path, sizeof(path), "work/%s/out/f%u", a->id, how);
    memset(sha, how & 64 ? 'a' : 'b', 64);
    sha[64] = '\0';
    switch (how % 10) {
    case 0:
        return json_pack("{s:s,s:s}", "type", "begin", "token", how & 16 ? a->token : sha);
    case 1:
        return json_pack("{s:s,s:s,s:b}", "type", "begin", "token", a->token, "granted", 1);
    case 2:
        return json_pack("{s:s,s:i}", "type", "begun", "pid", how);
    case 3:
    case 4:
        return json_pack("{s:s,s:s,s:s*,s:s,s:i,s:s}", "type", "output", "output",
                         name ? name : "none", "lead", lead, "path", how & 32 ? path : "work/../x",
                         "size", how, "sha256", sha);
    case 5:
        return json_pack("{s:s,s:s,s:s*,s:s,s:s}", "type", "absent", "output", name ? name : "none",
                         "lead", lead, "cause", "no such lead", "age", "PT9H");
    case 6:
        return json_pack("{s:s,s:s,s:f}", "type", "progress", "lead", lead ? lead : "+000",
                         "fraction", how / 256.0);
    case 7:
        return json_pack("{s:s,s:s,s:s,s:s}", "type", how & 16 ? "warn" : "degraded", "text",
                         "well", "cause", "older", "age", "PT6H");
    default:
        return json_pack("{s:s,s:s,s:i,s:s*,s:s}", "type", "end", "state",
                         states[how % FL_COUNT(states)], "code", how & 128 ? 75 : 0, "class",
                         how & 16 ? classes[how % FL_COUNT(classes)] : NULL, "reason", "as it was");
    }
}

static void say(struct centre *c, uint8_t how)
{
    struct attempt *a;
    json_t *entry;
    int64_t index;

    if (c->attempt_count == 0)
        return;
    a = &c->attempts[take(c) % c->attempt_count];
    entry = entry_of(c, a);
    fl_assert(entry);
    index = a->index + 1;
    if ((how & 0x30) == 0x30)
        index += (int64_t)(how >> 6) - 1; /* again, right, or with a gap */
    if (index > a->index)
        a->index = index == a->index + 1 ? index : a->index;
    feed(c, FL_INPUT_ATTEMPT, names[how & 0x40 ? 1 - a->worker : a->worker],
         json_pack("{s:s,s:s,s:I,s:o}", "type", "attempt", "id", a->id, "index", (json_int_t)index,
                   "event", entry));
}

static void ask(struct centre *c, uint8_t how)
{
    static const char *const verbs[] = {"cancel", "hold", "release",       "retry",
                                        "undo",   "skip", "set-parameter", "twist"};
    static const char *const keys[] = {"", ".f003", "(+006)", ".f999"};
    uint8_t what = take(c);
    char which[32];
    json_t *list = json_array();

    (void)snprintf(which, sizeof(which), "s%d%s", what % SIM_STAGES_MAX, keys[what >> 6]);
    if (how & 16)
        (void)json_array_append_new(list, json_string(which));
    feed(c, FL_INPUT_REQUEST, NULL,
         json_pack("{s:s,s:s,s:o,s:i,s:b,s:b,s:s,s:s}", "verb", verbs[how % FL_COUNT(verbs)], "run",
                   RUN, "which", list, "number", 1 + what % 8, "force", how & 32, "dry_run",
                   how & 64, "name", "p", "value", "1"));
}

/* Bytes of the input as a message of its own. */
static void say_raw(struct centre *c)
{
    size_t length = take(c);
    json_t *message = NULL;

    length = length < c->size ? length : c->size;
    (void)fl_json_parse((const char *)c->data, length, &message, NULL);
    c->data += length;
    c->size -= length;
    if (message && length % 3 == 0)
        feed(c, FL_INPUT_REQUEST, NULL, message);
    else if (message && length % 3 == 1 && c->attempt_count > 0)
        feed(c, FL_INPUT_ATTEMPT, names[c->attempts[0].worker],
             json_pack("{s:s,s:s,s:I,s:o}", "type", "attempt", "id", c->attempts[0].id, "index",
                       (json_int_t)++c->attempts[0].index, "event", message));
    else if (message)
        feed(c, FL_INPUT_WORKER_HELLO, names[0], message);
}

static void step(struct centre *c)
{
    uint8_t how = take(c);

    switch (how & 7) {
    case 0:
        hello(c, take(c));
        break;
    case 1:
        feed(c, FL_INPUT_WORKER_GONE, names[how >> 7], json_pack("{s:s}", "reason", "silent"));
        break;
    case 2:
        ask(c, take(c));
        break;
    case 3:
        c->now_ns += (int64_t)take(c) * 1000000000;
        feed(c, FL_INPUT_TICK, NULL, NULL);
        break;
    case 4:
        say_raw(c);
        break;
    default:
        say(c, how);
    }
}

/* What was recorded makes the same state, through its JSON. */
static void replay(const struct centre *c)
{
    fl_auto(fl_core_destroy) struct fl_core *core = NULL;

    fl_assert(fl_core_create(&core, NULL) == 0);
    know_workflow(c, core);
    for (size_t i = 0; i < c->log.count; i++) {
        fl_json_auto json_t *json = NULL;
        fl_auto(fl_event_destroy) struct fl_event *event = NULL;

        fl_assert(fl_event_to_json(c->log.items[i], &json, NULL) == 0);
        fl_assert(fl_event_from_json(json, &event, NULL) == 0);
        fl_assert(fl_core_apply(core, event, NULL) == 0);
    }
    fl_assert(dump_hash(core) == dump_hash(c->core));
}

static void question(const struct centre *c)
{
    fl_json_auto json_t *status = NULL;
    size_t i;
    json_t *stage;

    if (fl_view_status(c->core, RUN, &status, NULL) < 0)
        return;
    json_array_foreach(json_object_get(status, "stages"), i, stage)
    {
        fl_json_auto json_t *why = NULL;
        const char *name = json_string_value(json_object_get(stage, "stage"));

        fl_assert(name && fl_view_why(c->core, RUN, name, c->now_ns, &why, NULL) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct centre c = {.now_ns = INT64_C(1795500000) * 1000000000, .data = data, .size = size};
    uint64_t seed = take(&c);
    struct fl_workflow *workflow;

    workflow = fuzz_drawn(seed << 8 | take(&c));
    fl_assert(fl_workflow_to_json(workflow, &c.workflow, NULL) == 0);
    fl_assert(fl_workflow_digest(workflow, c.digest, NULL) == 0);
    fl_workflow_destroy(workflow);
    fl_assert(fl_core_create(&c.core, NULL) == 0);
    know_workflow(&c, c.core);
    hello(&c, 0);
    feed(&c, FL_INPUT_SUBMIT, NULL,
         json_pack("{s:s,s:s}", "digest", c.digest, "cycle", "20261124T0000Z"));
    for (int i = 0; i < STEPS_MAX && c.size > 0; i++)
        step(&c);
    question(&c);
    replay(&c);
    for (size_t i = 0; i < c.attempt_count; i++) {
        free(c.attempts[i].id);
        free(c.attempts[i].token);
        json_decref(c.attempts[i].outputs);
    }
    fl_events_release(&c.log);
    fl_core_destroy(c.core);
    json_decref(c.workflow);
    return 0;
}
