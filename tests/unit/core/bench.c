/* The bench: a workflow in short form, and a worker that the test speaks for. */
#include "config.h"

#include "tests/unit/core/bench.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "tests/lib/test.h"

#define ENTROPY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void put_default(json_t *to, const char *key, json_t *value)
{
    if (json_object_get(to, key))
        json_decref(value);
    else
        (void)json_object_set_new(to, key, value);
}

/* Fills a stage in short form, which names only what matters. */
static void fill_stage(json_t *stage)
{
    static const char *const lists[] = {"args", "inputs", "outputs", "files", "deadlines"};
    size_t i;
    json_t *input;

    put_default(stage, "kind", json_integer(0));
    put_default(stage, "origin", json_integer(-1));
    put_default(stage, "program", json_string("true"));
    for (i = 0; i < FL_COUNT(lists); i++)
        put_default(stage, lists[i], json_array());
    put_default(stage, "env", json_array());
    put_default(stage, "once", json_false());
    put_default(stage, "keep_at_source", json_true());
    put_default(stage, "pool", json_integer(0));
    put_default(stage, "cores", json_integer(1));
    put_default(stage, "ranks", json_integer(0));
    put_default(stage, "per", json_integer(-1));
    put_default(stage, "leads", json_integer(-1));
    put_default(stage, "success",
                json_pack("{s:i,s:[],s:i}", "exit", 0, "log_forbid", "outputs", 0));
    put_default(stage, "tries", json_integer(3));
    put_default(stage, "delay_s", json_integer(5));
    put_default(stage, "grow", json_real(2));
    put_default(stage, "time_limit_s", json_integer(0));
    put_default(stage, "grace_s", json_integer(10));
    json_array_foreach(json_object_get(stage, "inputs"), i, input)
    {
        put_default(input, "shift_min", json_integer(0));
        put_default(input, "first_of", json_false());
        put_default(input, "follow", json_false());
        put_default(input, "edge_absent", json_false());
        put_default(input, "leads", json_integer(-1));
        put_default(input, "bridge_max_s", json_integer(0));
        for (size_t n = 0; n < json_array_size(json_object_get(input, "sources")); n++) {
            json_t *source = json_array_get(json_object_get(input, "sources"), n);

            put_default(source, "output", json_integer(0));
            put_default(source, "offset_s", json_integer(0));
            put_default(source, "text", json_string("source"));
        }
    }
}

static json_t *workflow_json(const char *stages, int64_t cores, int64_t jobs)
{
    struct fl_err err = {0};
    json_t *list = NULL;
    json_t *json;

    assert_ok(fl_json_parse(stages, strlen(stages), &list, &err), err);
    for (size_t i = 0; i < json_array_size(list); i++)
        fill_stage(json_array_get(list, i));
    json =
        json_pack("{s:i,s:s,s:{s:i,s:b,s:i,s:i,s:i},s:[{s:s,s:[iii]}],s:[],s:[{s:s,s:s}],"
                  "s:[{s:s,s:i,s:I,s:I}],s:o}",
                  "version", 1, "name", "toy", "cycles", "every_s", 0, "has_from", 0, "from", 0,
                  "ahead", 0, "keep_s", 0, "sets", "name", "three", "leads", 0, 540, 180, "params",
                  "sites", "name", "local", "root", "local", "pools", "name", "local", "site", 0,
                  "cores", (json_int_t)cores, "jobs", (json_int_t)jobs, "stages", list);
    assert_non_null(json);
    return json;
}

static void know_workflow(struct fl_core *core, const char *text, const char *digest)
{
    fl_json_auto json_t *json = NULL;
    struct fl_workflow *workflow = NULL;
    struct fl_err err = {0};

    assert_ok(fl_json_parse(text, strlen(text), &json, &err), err);
    assert_ok(fl_workflow_from_json(json, &workflow, &err), err);
    assert_ok(fl_core_add_workflow(core, digest, workflow, &err), err);
}

void bench_open(struct bench *bench, const char *stages, int64_t cores, int64_t jobs)
{
    fl_json_auto json_t *json = workflow_json(stages, cores, jobs);
    struct fl_err err = {0};

    memset(bench, 0, sizeof(*bench));
    bench->now_ns = INT64_C(1795478400000000000);
    bench->workflow = fl_json_text(json);
    fl_digest_memory(bench->workflow, strlen(bench->workflow), bench->digest);
    assert_ok(fl_core_create(&bench->core, &err), err);
    know_workflow(bench->core, bench->workflow, bench->digest);
    bench_hello(bench, "[]");
    bench_submit(bench);
}

void bench_close(struct bench *bench)
{
    bench_check_replay(bench);
    fl_core_destroy(bench->core);
    fl_events_release(&bench->log);
    fl_effects_release(&bench->sent);
    free(bench->workflow);
}

void bench_feed(struct bench *bench, enum fl_input_type type, const char *message)
{
    fl_json_auto json_t *json = NULL;
    struct fl_input input = {
        .type = type, .now_ns = bench->now_ns, .worker = "w1", .who = "test", .entropy = ENTROPY};
    struct fl_events events = {0};
    struct fl_err err = {0};
    size_t before;

    if (message)
        assert_ok(fl_json_parse(message, strlen(message), &json, &err), err);
    input.message = json;
    bench->refused = fl_core_decide(bench->core, &input, &events, &bench->err);
    before = 0;
    do {
        for (; before < events.count; before++) {
            struct fl_event *event = events.items[before];

            event->seq.v = bench->log.count + 1;
            assert_ok(fl_core_apply(bench->core, event, &err), err);
            assert_ok(fl_events_add(&bench->log, event, &err), err);
        }
        assert_ok(fl_core_advance(bench->core, &input, &events, &err), err);
    } while (events.count > before);
    for (size_t i = 0; i < events.count; i++)
        assert_ok(fl_core_effects(bench->core, events.items[i], &bench->sent, &err), err);
    if (type == FL_INPUT_ATTEMPT)
        assert_ok(fl_core_answer(bench->core, "w1", json, &bench->sent, &err), err);
    free(events.items); /* the log owns the events */
}

void bench_submit(struct bench *bench)
{
    char message[256];

    (void)snprintf(message, sizeof(message), "{\"digest\":\"%s\",\"cycle\":\"20261124T0000Z\"}",
                   bench->digest);
    bench_feed(bench, FL_INPUT_SUBMIT, message);
}

void bench_hello(struct bench *bench, const char *attempts_json)
{
    fl_json_auto json_t *wf = NULL;
    char message[2048];
    struct fl_err err = {0};
    const json_t *pool;

    assert_ok(fl_json_parse(bench->workflow, strlen(bench->workflow), &wf, &err), err);
    pool = json_array_get(json_object_get(wf, "pools"), 0);
    (void)snprintf(
        message, sizeof(message),
        "{\"type\":\"hello\",\"v\":1,\"worker\":\"w1\",\"pools\":[{\"pool\":\"local\",\"site\":"
        "\"local\",\"cores\":%lld,\"jobs\":%lld}],\"sites\":[{\"site\":\"local\",\"door\":"
        "\"http://127.0.0.1:1\"}],\"attempts\":%s}",
        (long long)json_integer_value(json_object_get(pool, "cores")),
        (long long)json_integer_value(json_object_get(pool, "jobs")), attempts_json);
    bench_feed(bench, FL_INPUT_WORKER_HELLO, message);
}

static struct bench_index *spool_of(struct bench *bench, const char *attempt)
{
    for (size_t i = 0; i < bench->spool_count; i++)
        if (strcmp(bench->spools[i].id, attempt) == 0)
            return &bench->spools[i];
    assert_true(bench->spool_count < FL_COUNT(bench->spools));
    (void)snprintf(bench->spools[bench->spool_count].id, sizeof(bench->spools[0].id), "%s",
                   attempt);
    return &bench->spools[bench->spool_count++];
}

void bench_say(struct bench *bench, const char *attempt, const char *event)
{
    char message[2048];

    (void)snprintf(message, sizeof(message),
                   "{\"type\":\"attempt\",\"id\":\"%s/%s\",\"index\":%lld,\"event\":%s}", BENCH_RUN,
                   attempt, (long long)++spool_of(bench, attempt)->index, event);
    bench_feed(bench, FL_INPUT_ATTEMPT, message);
}

void bench_begin(struct bench *bench, const char *attempt)
{
    const char *token = json_string_value(json_object_get(bench_launch(bench, attempt), "token"));
    char event[256];

    assert_non_null(token);
    (void)snprintf(event, sizeof(event), "{\"type\":\"begin\",\"token\":\"%s\"}", token);
    bench_say(bench, attempt, event);
}

void bench_output(struct bench *bench, const char *attempt, const char *output, const char *lead,
                  char digit)
{
    char sha[65];
    char event[1024];

    memset(sha, digit, 64);
    sha[64] = '\0';
    (void)snprintf(
        event, sizeof(event),
        "{\"type\":\"output\",\"output\":\"%s\"%s%s%s,\"path\":\"work/%s/%s/out/%s%s\",\"size\":1,"
        "\"sha256\":\"%s\"}",
        output, lead ? ",\"lead\":\"" : "", lead ? lead : "", lead ? "\"" : "", BENCH_RUN, attempt,
        output, lead ? lead : "", sha);
    bench_say(bench, attempt, event);
}

void bench_end(struct bench *bench, const char *attempt, const char *state, const char *class)
{
    char event[256];

    (void)snprintf(event, sizeof(event), "{\"type\":\"end\",\"state\":\"%s\",\"code\":%d%s%s%s}",
                   state, strcmp(state, "succeeded") == 0 ? 0 : 1, class ? ",\"class\":\"" : "",
                   class ? class : "", class ? "\"" : "");
    bench_say(bench, attempt, event);
}

const char *bench_state(struct bench *bench, const char *which)
{
    static const char *const names[] = {"waiting", "ready",     "launched",  "running", "succeeded",
                                        "failed",  "timed-out", "cancelled", "lost",    "held",
                                        "skipped", "expired",   "reused"};
    fl_json_auto json_t *why = NULL;
    struct fl_err err = {0};
    const char *state;

    assert_ok(fl_view_why(bench->core, BENCH_RUN, which, bench->now_ns, &why, &err), err);
    state = json_string_value(json_object_get(why, "state"));
    for (size_t i = 0; state && i < FL_COUNT(names); i++)
        if (strcmp(names[i], state) == 0)
            return names[i];
    fail_msg("%s has no single state", which);
    return NULL;
}

const char *bench_run_state(struct bench *bench)
{
    static const char *const names[] = {"running", "succeeded", "failed", "cancelled", "held"};
    fl_json_auto json_t *status = NULL;
    struct fl_err err = {0};
    const char *state;

    assert_ok(fl_view_status(bench->core, BENCH_RUN, &status, &err), err);
    state = json_string_value(json_object_get(status, "state"));
    for (size_t i = 0; i < FL_COUNT(names); i++)
        if (strcmp(names[i], state) == 0)
            return names[i];
    fail_msg("unknown state %s", state);
    return NULL;
}

static const char *id_of(const json_t *message)
{
    const json_t *spec = json_object_get(message, "spec");

    return json_string_value(json_object_get(spec ? spec : message, "id"));
}

static bool is_for(const json_t *message, const char *type, const char *attempt)
{
    const char *id = id_of(message);

    return strcmp(json_string_value(json_object_get(message, "type")), type) == 0 &&
           (!attempt || (id && strcmp(id + strlen(BENCH_RUN) + 1, attempt) == 0));
}

size_t bench_sent(const struct bench *bench, const char *type, const char *attempt)
{
    size_t count = 0;

    for (size_t i = 0; i < bench->sent.count; i++)
        count += is_for(bench->sent.items[i].message, type, attempt);
    return count;
}

const json_t *bench_launch(const struct bench *bench, const char *attempt)
{
    for (size_t i = bench->sent.count; i > 0; i--)
        if (is_for(bench->sent.items[i - 1].message, "launch", attempt))
            return json_object_get(bench->sent.items[i - 1].message, "spec");
    fail_msg("%s was not launched", attempt);
    return NULL;
}

void bench_clear(struct bench *bench)
{
    fl_effects_release(&bench->sent);
}

char *bench_picture(const struct fl_core *core)
{
    fl_json_auto json_t *all = json_object();
    fl_json_auto json_t *runs = NULL;
    fl_json_auto json_t *workers = NULL;
    struct fl_err err = {0};
    size_t i;
    json_t *run;

    assert_ok(fl_view_runs(core, &runs, &err), err);
    assert_ok(fl_view_workers(core, &workers, &err), err);
    json_array_foreach(json_object_get(runs, "runs"), i, run)
    {
        const char *name = json_string_value(json_object_get(run, "run"));
        json_t *status = NULL;

        assert_ok(fl_view_status(core, name, &status, &err), err);
        (void)json_object_set_new(all, name, status);
    }
    (void)json_object_set(all, "workers", workers);
    return fl_json_text(all);
}

void bench_check_replay(struct bench *bench)
{
    fl_auto(fl_core_destroy) struct fl_core *again = NULL;
    struct fl_err err = {0};
    char *live = bench_picture(bench->core);
    char *replayed;

    assert_ok(fl_core_create(&again, &err), err);
    know_workflow(again, bench->workflow, bench->digest);
    for (size_t i = 0; i < bench->log.count; i++) {
        fl_auto(fl_event_destroy) struct fl_event *copy = NULL;
        fl_json_auto json_t *json = NULL;

        assert_ok(fl_event_to_json(bench->log.items[i], &json, &err), err);
        assert_ok(fl_event_from_json(json, &copy, &err), err);
        assert_ok(fl_core_apply(again, copy, &err), err);
    }
    replayed = bench_picture(again);
    assert_string_equal(live, replayed);
    free(live);
    free(replayed);
}
