/* The loop of the coordinator, without anything around it. */
#include "config.h"

#include "tests/lib/drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/snapshot.h"
#include "engine/core/state.h"
#include "engine/spec/spec.h"
#include "engine/world/file.h"
#include "tests/lib/drive_impl.h"
#include "tests/lib/dump.h"
#include "tests/lib/test.h"

#include "engine/base/banned.h"

#define START_NS (INT64_C(1795500000) * 1000000000)
#define ROUNDS_MAX 100000

void drive_open(struct drive *d)
{
    struct fl_err err = {0};

    *d = (struct drive){.queue = json_array(),
                        .attempts = json_object(),
                        .workflows = json_array(),
                        .now_ns = START_NS,
                        .every = 1};
    oracle_init(&d->oracle);
    assert_ok(fl_core_create(&d->core, &err), err);
}

void drive_close(struct drive *d)
{
    drive_replay(d);
    fl_core_destroy(d->core);
    oracle_release(&d->oracle);
    fl_events_release(&d->log);
    free(d->hashes);
    json_decref(d->queue);
    json_decref(d->attempts);
    json_decref(d->workflows);
}

static int read_real(const char *path, size_t limit, struct fl_buf *out, struct fl_err *reterr,
                     void *arg)
{
    (void)arg;
    return fl_file_read(fl_world_real(), path, limit, out, reterr);
}

static int read_text(const char *path, size_t limit, struct fl_buf *out, struct fl_err *reterr,
                     void *arg)
{
    (void)limit;
    if (strcmp(fl_path_base(path), "workflow.cfg") != 0)
        return fl_err_set(reterr, FL_E_NOENT, 0, "no file '%s'", path);
    fl_buf_puts(out, arg);
    return fl_buf_check(out, reterr);
}

/* What came back from its JSON is what went in. */
static void check_same(const struct fl_workflow *first, const char *digest)
{
    char hex[FL_DIGEST_HEX];
    struct fl_err err = {0};

    assert_ok(fl_workflow_digest(first, hex, &err), err);
    assert_string_equal(hex, digest);
}

/* Also sends the workflow through its JSON, as the store does. */
void drive_take(struct drive *d, struct fl_workflow *compiled)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *first = compiled;
    struct fl_workflow *workflow = NULL;
    json_t *json = NULL;

    assert_ok(fl_workflow_to_json(first, &json, &d->err), d->err);
    assert_ok(fl_workflow_from_json(json, &workflow, &d->err), d->err);
    assert_ok(fl_workflow_digest(workflow, d->digest, &d->err), d->err);
    check_same(first, d->digest);
    (void)json_array_append_new(d->workflows, json_pack("[s,o]", d->digest, json));
    assert_ok(fl_core_add_workflow(d->core, d->digest, workflow, &d->err), d->err);
    oracle_workflow(&d->oracle, d->digest, workflow);
}

void drive_load(struct drive *d, const char *text)
{
    const struct fl_spec_options options = {.read = read_text, .arg = (void *)(uintptr_t)text};
    struct fl_diagnostics list = {0};
    struct fl_workflow *workflow = NULL;

    if (fl_spec_load("workflow.cfg", &options, &workflow, &list, &d->err) < 0)
        fail_msg("%s", list.count ? list.items[0].text : d->err.text);
    drive_take(d, workflow);
}

void drive_load_file(struct drive *d, const char *path, const char *override)
{
    const struct fl_spec_options options = {
        .overrides = &override, .override_count = override ? 1 : 0, .read = read_real};
    struct fl_diagnostics list = {0};
    struct fl_workflow *workflow = NULL;

    if (fl_spec_load(path, &options, &workflow, &list, &d->err) < 0)
        fail_msg("%s", list.count ? list.items[0].text : d->err.text);
    drive_take(d, workflow);
}

const char *drive_load_error(struct drive *d, const char *text)
{
    const struct fl_spec_options options = {.read = read_text, .arg = (void *)(uintptr_t)text};
    struct fl_diagnostics list = {0};
    struct fl_workflow *workflow = NULL;

    if (fl_spec_load("workflow.cfg", &options, &workflow, &list, &d->err) == 0) {
        fl_workflow_destroy(workflow);
        fail_msg("this should not compile");
    }
    (void)snprintf(d->err.text, sizeof(d->err.text), "%s", list.items[0].text);
    return d->err.text;
}

static void apply_one(struct drive *d, const struct fl_event *event)
{
    size_t at = d->log.count - 1;

    if (fl_core_apply(d->core, event, &d->err) < 0)
        fail_msg("apply: %s", d->err.text);
    if (oracle_event(&d->oracle, event, &d->err) < 0)
        fail_msg("broken: %s", d->err.text);
    d->hashes = realloc(d->hashes, d->log.count * sizeof(*d->hashes));
    assert_non_null(d->hashes);
    d->hashes[at] = at % d->every == 0 ? dump_hash(d->core) : 0;
}

/* Takes the events over into the log, and applies them. */
static void apply_new(struct drive *d, struct fl_events *events)
{
    for (size_t i = 0; i < events->count; i++) {
        events->items[i]->seq.v = d->log.count + 1;
        assert_ok(fl_events_add(&d->log, events->items[i], &d->err), d->err);
        apply_one(d, d->log.items[d->log.count - 1]);
    }
    events->count = 0; /* the log has them */
}

static void entropy(struct drive *d, char text[65])
{
    (void)snprintf(text, 65, "%064lld", (long long)++d->fed);
}

static void queue_effects(struct drive *d, const struct fl_effects *effects)
{
    for (size_t i = 0; i < effects->count; i++)
        (void)json_array_append_new(
            d->queue, json_pack("[s,O]", effects->items[i].worker, effects->items[i].message));
}

static void advance(struct drive *d)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        fl_auto(fl_events_release) struct fl_events events = {0};
        char fresh[65];
        const struct fl_input tick = {.type = FL_INPUT_TICK, .now_ns = d->now_ns, .entropy = fresh};

        entropy(d, fresh);
        assert_ok(fl_core_advance(d->core, &tick, &events, &d->err), d->err);
        if (events.count == 0)
            return;
        apply_new(d, &events);
    }
    fail_msg("advance never comes to rest");
}

static void answer(struct drive *d, const struct fl_input *input)
{
    fl_auto(fl_effects_release) struct fl_effects effects = {0};

    if (input->type == FL_INPUT_ATTEMPT)
        assert_ok(fl_core_answer(d->core, input->worker, input->message, &effects, &d->err),
                  d->err);
    if (input->type == FL_INPUT_WORKER_HELLO)
        assert_ok(fl_core_resync(d->core, input->worker,
                                 json_object_get(input->message, "attempts"), &effects, &d->err),
                  d->err);
    queue_effects(d, &effects);
}

int drive_feed(struct drive *d, enum fl_input_type type, const char *worker, json_t *message)
{
    fl_json_auto json_t *owned = message;
    fl_auto(fl_events_release) struct fl_events events = {0};
    char fresh[65];
    const struct fl_input input = {.type = type,
                                   .now_ns = d->now_ns,
                                   .worker = worker,
                                   .who = "tester",
                                   .why = "a test",
                                   .entropy = fresh,
                                   .message = owned};
    uint64_t before = d->every == 1 ? dump_hash(d->core) : 0;
    size_t first = d->log.count;
    int rc;

    entropy(d, fresh);
    memset(&d->err, 0, sizeof(d->err));
    rc = fl_core_decide(d->core, &input, &events, &d->err);
    if (d->every == 1 && dump_hash(d->core) != before)
        fail_msg("decide has changed the state");
    if (rc < 0)
        return rc;
    apply_new(d, &events);
    advance(d);
    if (type == FL_INPUT_WORKER_HELLO)
        answer(d, &input); /* tells everything, also what this turn brought */
    for (size_t i = first; type != FL_INPUT_WORKER_HELLO && i < d->log.count; i++) {
        fl_auto(fl_effects_release) struct fl_effects effects = {0};

        assert_ok(fl_core_effects(d->core, d->log.items[i], &effects, &d->err), d->err);
        queue_effects(d, &effects);
    }
    if (type != FL_INPUT_WORKER_HELLO)
        answer(d, &input);
    return 0;
}

void drive_submit(struct drive *d, const char *cycle)
{
    const struct fl_workflow *workflow = d->oracle.known[d->oracle.known_count - 1].workflow;

    if (drive_feed(d, FL_INPUT_SUBMIT, NULL,
                   json_pack("{s:s,s:s}", "digest", d->digest, "cycle", cycle)) < 0)
        fail_msg("submit: %s", d->err.text);
    (void)snprintf(d->run, sizeof(d->run), "%s/%s", workflow->name, cycle);
}

int drive_install(struct drive *d, const char *ends)
{
    json_t *request = json_pack("{s:s,s:s}", "verb", "install", "digest", d->digest);
    char *text = ends ? strdup(ends) : NULL;
    json_t *more = NULL;

    for (char *c = text; c && *c; c++)
        *c = *c == '\'' ? '"' : *c;
    if (text)
        assert_ok(fl_json_parse(text, strlen(text), &more, &d->err), d->err);
    if (more)
        (void)json_object_update(request, more);
    json_decref(more);
    free(text);
    return drive_feed(d, FL_INPUT_REQUEST, NULL, request);
}

void drive_look_at(struct drive *d, const char *cycle)
{
    const struct fl_workflow *workflow = d->oracle.known[d->oracle.known_count - 1].workflow;

    (void)snprintf(d->run, sizeof(d->run), "%s/%s", workflow->name, cycle);
}

void drive_set_clock(struct drive *d, const char *time)
{
    struct fl_cycle at;

    assert_ok(fl_cycle_parse(time, &at, &d->err), d->err);
    d->now_ns = at.s * 1000000000;
}

void drive_hello(struct drive *d, const char *worker, const char *const *live)
{
    const struct fl_workflow *workflow = d->oracle.known[d->oracle.known_count - 1].workflow;
    json_t *pools = json_array();
    json_t *sites = json_array();
    json_t *ids = json_array();

    for (size_t i = 0; i < workflow->pool_count; i++) {
        const struct fl_pool *pool = &workflow->pools[i];

        (void)json_array_append_new(pools,
                                    json_pack("{s:s,s:s,s:I,s:I}", "pool", pool->name, "site",
                                              workflow->sites[pool->site].name, "cores",
                                              (json_int_t)(pool->cores ? pool->cores : 2), "jobs",
                                              (json_int_t)pool->jobs));
    }
    for (size_t i = 0; i < workflow->site_count; i++)
        (void)json_array_append_new(
            sites, json_pack("{s:s,s:o}", "site", workflow->sites[i].name, "door",
                             json_sprintf("http://127.0.0.1:1/%s", workflow->sites[i].name)));
    for (size_t i = 0; live && live[i]; i++)
        (void)json_array_append_new(ids, json_sprintf("%s/%s", d->run, live[i]));
    if (drive_feed(d, FL_INPUT_WORKER_HELLO, worker,
                   json_pack("{s:s,s:o,s:o,s:o}", "worker", worker, "pools", pools, "sites", sites,
                             "attempts", ids)) < 0)
        fail_msg("hello: %s", d->err.text);
}

int drive_ask(struct drive *d, const char *verb, const char *stage, const char *key)
{
    return drive_feed(
        d, FL_INPUT_REQUEST, NULL,
        json_pack("{s:s,s:s,s:s*,s:s*}", "verb", verb, "run", d->run, "stage", stage, "key", key));
}

int drive_request(struct drive *d, const char *text)
{
    char json[512];
    json_t *message;

    (void)snprintf(json, sizeof(json), "%s", text);
    for (char *at = json; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    message = json_loads(json, 0, NULL);
    assert_non_null(message);
    if (!json_object_get(message, "run"))
        assert_int_equal(json_object_set_new(message, "run", json_string(d->run)), 0);
    return drive_feed(d, FL_INPUT_REQUEST, NULL, message);
}

int drive_reload(struct drive *d, const char *verb, const char *more)
{
    char request[400];

    (void)snprintf(request, sizeof(request), "{'verb':'%s','digest':'%s'%s}", verb, d->digest,
                   more);
    return drive_request(d, request);
}

void drive_pass(struct drive *d, int64_t seconds)
{
    d->now_ns += seconds * 1000000000;
    (void)drive_feed(d, FL_INPUT_TICK, NULL, NULL);
}

void drive_play(struct drive *d)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        int64_t next_ns;

        drive_work(d);
        next_ns = fl_core_next_timer_ns(d->core);
        if (next_ns == INT64_MAX)
            return;
        if (next_ns > d->now_ns)
            d->now_ns = next_ns;
        (void)drive_feed(d, FL_INPUT_TICK, NULL, NULL);
    }
    fail_msg("the run never comes to rest");
}

/* The workflows of the log, in a core. */
static void know_workflow(const struct drive *d, struct fl_core *core, const char *digest)
{
    for (size_t i = 0; i < json_array_size(d->workflows); i++) {
        const json_t *pair = json_array_get(d->workflows, i);
        const char *name = json_string_value(json_array_get(pair, 0));
        struct fl_workflow *workflow = NULL;
        struct fl_err err = {0};

        if (digest && strcmp(name, digest) != 0)
            continue;
        assert_ok(fl_workflow_from_json(json_array_get(pair, 1), &workflow, &err), err);
        assert_ok(fl_core_add_workflow(core, name, workflow, &err), err);
    }
}

static int need_workflow(struct fl_core *core, const char *digest, void *arg, struct fl_err *reterr)
{
    (void)reterr;
    know_workflow(arg, core, digest);
    return 0;
}

/* The state through a snapshot: the same in every field, and what follows goes on from it. */
static void through_snapshot(const struct drive *d, struct fl_core **core, size_t at)
{
    fl_auto(fl_buf_release) struct fl_buf bytes;
    struct fl_core *again = NULL;
    struct fl_err err = {0};
    char *before = dump_core(*core);
    char *after;

    fl_buf_init(&bytes, FL_SNAPSHOT_MAX);
    assert_ok(fl_core_save(*core, &bytes, &err), err);
    assert_ok(
        fl_core_load(bytes.data, bytes.size, need_workflow, (void *)(uintptr_t)d, &again, &err),
        err);
    after = dump_core(again);
    if (strcmp(before, after) != 0) {
        size_t same = 0;

        while (before[same] && before[same] == after[same])
            same++;
        while (same > 0 && before[same - 1] != '\n')
            same--;
        fail_msg("the snapshot after event %zu differs:\n%.300s\nis not\n%.300s", at, after + same,
                 before + same);
    }
    free(before);
    free(after);
    fl_core_destroy(*core);
    *core = again;
}

void drive_spoil(struct drive *d)
{
    static const unsigned char adds[] = {1, 0x7f, 0xff};
    fl_auto(fl_buf_release) struct fl_buf bytes;
    struct fl_err err = {0};

    fl_buf_init(&bytes, FL_SNAPSHOT_MAX);
    assert_ok(fl_core_save(d->core, &bytes, &err), err);
    for (size_t at = 0; at < bytes.size; at++) {
        char before = bytes.data[at];

        for (size_t i = 0; i < FL_COUNT(adds); i++) {
            struct fl_core *again = NULL;

            bytes.data[at] = (char)(before + adds[i]);
            if (fl_core_load(bytes.data, bytes.size, need_workflow, d, &again, NULL) == 0)
                fl_core_destroy(again);
        }
        bytes.data[at] = before;
    }
}

/* The log through its JSON into a fresh core: the same number after each event, also when the state
 * goes through a snapshot on the way, as at a restart. */
void drive_replay(const struct drive *d)
{
    fl_auto(fl_core_destroy) struct fl_core *core = NULL;
    struct fl_err err = {0};
    size_t next = 3;

    assert_ok(fl_core_create(&core, &err), err);
    know_workflow(d, core, NULL);
    for (size_t i = 0; i < d->log.count; i++) {
        fl_auto(fl_event_destroy) struct fl_event *event = NULL;
        fl_json_auto json_t *json = NULL;

        assert_ok(fl_event_to_json(d->log.items[i], &json, &err), err);
        assert_ok(fl_event_from_json(json, &event, &err), err);
        assert_ok(fl_core_apply(core, event, &err), err);
        if (d->hashes[i] && dump_hash(core) != d->hashes[i])
            fail_msg("the replay differs after event %zu (%s)", i + 1,
                     fl_event_type_name(event->type));
        if (i == next) {
            through_snapshot(d, &core, i + 1);
            next += next / 4 + 1; /* often at first, some 60 times in a long log */
        }
    }
    through_snapshot(d, &core, d->log.count);
}
