/* The core: from submit to the end of a run, and each rule on the way. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/state.h"
#include "tests/lib/test.h"
#include "tests/unit/core/bench.h"

#define ENTROPY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* grid → prep(per lead) → model follows prep, starts on the first lead → post per hour */
#define CHAIN \
    "[{\"name\":\"src\",\"outputs\":[{\"name\":\"step\",\"file\":\"gfs.{lead}\",\"set\":0}]}," \
    "{\"name\":\"prep\",\"per\":0,\"args\":[\"{input:grib}\",\"{from}\",\"{output:f}\"]," \
    "\"inputs\":[{\"name\":\"grib\",\"sources\":[{\"stage\":0}],\"bridge_max_s\":21600," \
    "\"bridge_note\":\"unfit\"}],\"outputs\":[{\"name\":\"f\",\"file\":\"f.{lead}\",\"set\":0}]}," \
    "{\"name\":\"model\",\"when\":\"prep.f(+000)\",\"cores\":2,\"inputs\":[{\"name\":\"f\"," \
    "\"follow\":true," \
    "\"sources\":[{\"stage\":1}],\"bridge_max_s\":0}]," \
    "\"outputs\":[{\"name\":\"hour\",\"file\":\"h.{lead}\",\"set\":0},{\"name\":\"max\",\"file\":" \
    "\"max\"," \
    "\"set\":-1}]}," \
    "{\"name\":\"post\",\"per\":0,\"inputs\":[{\"name\":\"h\",\"sources\":[{\"stage\":2}]}]," \
    "\"outputs\":[{\"name\":\"map\",\"file\":\"m.{lead}\",\"set\":0}]}]"

/* One stage runs from launch to its end; a second begin with the same token is answered again, and
 * an old index and a gap change nothing. */
static void one_stage_runs_to_its_end(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "[{\"name\":\"a\",\"outputs\":[{\"name\":\"o\",\"file\":\"o.nc\",\"set\":-1}]}]",
               2, 4);
    assert_string_equal(bench_state(&b, "a"), "launched");
    assert_int_equal(bench_sent(&b, "launch", "a/1"), 1);
    bench_begin(&b, "a/1");
    assert_string_equal(bench_state(&b, "a"), "running");
    assert_int_equal(bench_sent(&b, "go", "a/1"), 1);
    b.spools[0].index = 0;
    bench_begin(&b, "a/1"); /* again: index 1 */
    assert_int_equal(bench_sent(&b, "go", "a/1"), 2);
    b.spools[0].index = 7; /* a gap */
    bench_output(&b, "a/1", "o", NULL, 'a');
    b.spools[0].index = 1;
    bench_output(&b, "a/1", "o", NULL, 'a');
    bench_end(&b, "a/1", "succeeded", NULL);
    assert_string_equal(bench_state(&b, "a"), "succeeded");
    assert_string_equal(bench_run_state(&b), "succeeded");
    bench_close(&b);
}

/* A stage that ends well without its output has not ended well. */
static void success_without_its_output_is_failure(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "[{\"name\":\"a\",\"outputs\":[{\"name\":\"o\",\"file\":\"o.nc\",\"set\":-1}]}]",
               2, 4);
    bench_begin(&b, "a/1");
    bench_end(&b, "a/1", "succeeded", NULL);
    assert_string_equal(bench_state(&b, "a"), "failed");
    assert_string_equal(bench_run_state(&b), "failed");
    bench_close(&b);
}

/* Transient failures are tried again, each wait longer; data failures are not; the rest is skipped
 * with the reason, and a person's retry opens the run again. */
static void failures_are_retried_by_class(void **state)
{
    fl_json_auto json_t *why = NULL;
    struct fl_err err = {0};
    struct bench b;

    (void)state;
    bench_open(&b,
               "[{\"name\":\"a\",\"outputs\":[{\"name\":\"o\",\"file\":\"o.nc\",\"set\":-1}]},"
               "{\"name\":\"b\",\"inputs\":[{\"name\":\"i\",\"sources\":[{\"stage\":0}]}]}]",
               2, 4);
    bench_begin(&b, "a/1");
    bench_end(&b, "a/1", "failed", "transient");
    assert_int_equal(fl_core_next_timer_ns(b.core), b.now_ns + INT64_C(5000000000));
    assert_int_equal(bench_sent(&b, "launch", "a/2"), 0);
    b.now_ns += INT64_C(5000000000);
    bench_feed(&b, FL_INPUT_TICK, NULL);
    bench_begin(&b, "a/2");
    bench_end(&b, "a/2", "failed", "transient");
    assert_int_equal(fl_core_next_timer_ns(b.core), b.now_ns + INT64_C(10000000000));
    b.now_ns += INT64_C(10000000000);
    bench_feed(&b, FL_INPUT_TICK, NULL);
    bench_begin(&b, "a/3");
    bench_end(&b, "a/3", "failed", "data");
    assert_string_equal(bench_state(&b, "a"), "failed");
    assert_string_equal(bench_state(&b, "b"), "skipped");
    assert_string_equal(bench_run_state(&b), "failed");
    assert_ok(fl_view_why(b.core, BENCH_RUN, "b", b.now_ns, &why, &err), err);
    assert_non_null(strstr(json_string_value(json_object_get(why, "text")), "failed"));
    bench_feed(&b, FL_INPUT_REQUEST,
               "{\"verb\":\"retry\",\"run\":\"" BENCH_RUN "\",\"stage\":\"a\"}");
    assert_int_equal(b.refused, 0);
    assert_string_equal(bench_run_state(&b), "running");
    assert_string_equal(bench_state(&b, "b"), "waiting");
    bench_begin(&b, "a/4");
    bench_output(&b, "a/4", "o", NULL, 'a');
    bench_end(&b, "a/4", "succeeded", NULL);
    bench_begin(&b, "b/1");
    bench_end(&b, "b/1", "succeeded", NULL);
    assert_string_equal(bench_run_state(&b), "succeeded");
    bench_close(&b);
}

/* The gap of one absent input is bridged by its neighbours, the model starts on its first lead and
 * is handed the rest, and the mark is on what was made from the bridge on, never before. */
static void chain_with_a_gap_streams_and_marks(void **state)
{
    const json_t *spec;
    fl_json_auto json_t *status = NULL;
    struct fl_err err = {0};
    char *text;
    struct bench b;

    (void)state;
    bench_open(&b, CHAIN, 8, 16);
    bench_begin(&b, "src/1");
    bench_output(&b, "src/1", "step", "+000", 'a');
    bench_output(&b, "src/1", "step", "+003", 'b');
    bench_say(
        &b, "src/1",
        "{\"type\":\"absent\",\"output\":\"step\",\"lead\":\"+006\",\"cause\":\"18Z is missing\"}");
    assert_string_equal(bench_state(&b, "prep(+006)"), "waiting");
    bench_output(&b, "src/1", "step", "+009", 'c');
    bench_end(&b, "src/1", "succeeded", NULL);
    spec = bench_launch(&b, "prep.f006/1");
    assert_int_equal(json_array_size(json_object_get(spec, "inputs")), 2);
    assert_int_equal(json_array_size(json_object_get(spec, "args")), 4);
    assert_string_equal(json_string_value(json_array_get(json_object_get(spec, "args"), 2)),
                        "+003");
    assert_string_equal(json_string_value(json_array_get(json_object_get(spec, "args"), 3)),
                        "../out/f.f006");
    bench_begin(&b, "prep.f000/1");
    bench_output(&b, "prep.f000/1", "f", "+000", 'd');
    bench_end(&b, "prep.f000/1", "succeeded", NULL);
    bench_begin(&b, "model/1");
    bench_begin(&b, "prep.f003/1");
    bench_output(&b, "prep.f003/1", "f", NULL, 'e');
    bench_end(&b, "prep.f003/1", "succeeded", NULL);
    bench_begin(&b, "prep.f006/1");
    bench_output(&b, "prep.f006/1", "f", NULL, 'f');
    bench_end(&b, "prep.f006/1", "succeeded", NULL);
    assert_int_equal(bench_sent(&b, "provide", "model/1"), 2);
    bench_output(&b, "model/1", "hour", "+003", '1');
    bench_output(&b, "model/1", "hour", "+006", '2');
    assert_string_equal(bench_state(&b, "post(+003)"), "launched");
    assert_ok(fl_view_status(b.core, BENCH_RUN, &status, &err), err);
    text = json_dumps(status, JSON_COMPACT);
    assert_non_null(strstr(text, "18Z is missing; bridged PT6H between"));
    free(text);
    for (size_t i = 0; i < b.log.count; i++) {
        const struct fl_event *event = b.log.items[i];

        if (event->type != FL_EVENT_OUTPUT_ACCEPTED || strcmp(event->stage, "model") != 0)
            continue;
        if (strcmp(event->lead, "+003") == 0)
            assert_null(event->degraded);
        else
            assert_non_null(strstr(event->degraded, "unfit"));
    }
    bench_close(&b);
}

/* What follows an output that can no longer come is asked to stop; the run ends failed. */
static void follower_of_a_failed_stage_is_stopped(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, CHAIN, 8, 16);
    bench_begin(&b, "src/1");
    bench_output(&b, "src/1", "step", "+000", 'a');
    bench_begin(&b, "prep.f000/1");
    bench_output(&b, "prep.f000/1", "f", NULL, 'd');
    bench_end(&b, "prep.f000/1", "succeeded", NULL);
    bench_begin(&b, "model/1");
    bench_output(&b, "src/1", "step", "+003", 'b');
    bench_begin(&b, "prep.f003/1");
    bench_end(&b, "prep.f003/1", "failed", "data");
    assert_int_equal(bench_sent(&b, "cancel", "model/1"), 1);
    bench_end(&b, "model/1", "cancelled", NULL);
    assert_string_equal(bench_state(&b, "model"), "cancelled");
    bench_end(&b, "src/1", "failed", "config");
    assert_string_equal(bench_run_state(&b), "failed");
    bench_close(&b);
}

/* A pool never holds more than its cores and jobs, and early leads go first. */
static void pools_have_limits(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b,
               "[{\"name\":\"p\",\"per\":0,\"outputs\":[{\"name\":\"o\",\"file\":\"o.{lead}\","
               "\"set\":0}]}]",
               2, 4);
    assert_int_equal(bench_sent(&b, "launch", NULL), 2);
    assert_string_equal(bench_state(&b, "p(+000)"), "launched");
    assert_string_equal(bench_state(&b, "p(+003)"), "launched");
    assert_string_equal(bench_state(&b, "p(+006)"), "ready");
    bench_begin(&b, "p.f003/1");
    bench_output(&b, "p.f003/1", "o", NULL, 'a');
    bench_end(&b, "p.f003/1", "succeeded", NULL);
    assert_string_equal(bench_state(&b, "p(+006)"), "launched");
    assert_string_equal(bench_state(&b, "p(+009)"), "ready");
    bench_close(&b);
}

/* Cancel ends what has not begun at once, asks what runs, and the run ends cancelled. */
static void cancel_ends_a_run(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b,
               "[{\"name\":\"p\",\"per\":0,\"outputs\":[{\"name\":\"o\",\"file\":\"o.{lead}\","
               "\"set\":0}]}]",
               2, 4);
    bench_begin(&b, "p.f000/1");
    bench_feed(&b, FL_INPUT_REQUEST, "{\"verb\":\"cancel\",\"run\":\"" BENCH_RUN "\"}");
    assert_int_equal(b.refused, 0);
    assert_int_equal(bench_sent(&b, "cancel", "p.f000/1"), 1);
    assert_string_equal(bench_state(&b, "p(+009)"), "cancelled");
    assert_int_equal(bench_sent(&b, "cancel", "p.f003/1"), 1);
    bench_begin(&b, "p.f003/1"); /* too late */
    assert_int_equal(bench_sent(&b, "go", "p.f003/1"), 0);
    assert_int_equal(bench_sent(&b, "refuse", "p.f003/1"), 1);
    assert_string_equal(bench_state(&b, "p(+003)"), "launched"); /* its worker says how it ended */
    bench_end(&b, "p.f003/1", "cancelled", NULL);
    bench_end(&b, "p.f000/1", "cancelled", NULL);
    assert_string_equal(bench_run_state(&b), "cancelled");
    bench_feed(&b, FL_INPUT_REQUEST, "{\"verb\":\"cancel\",\"run\":\"" BENCH_RUN "\"}");
    assert_int_equal(b.refused, FL_E_REFUSED);
    bench_close(&b);
}

/* A body that began by the grant of its launch has begun, though a cancel was on its way: to forget
 * it would be to lose what it does until the cancel reaches it. */
static void begin_by_grant_is_a_fact(void **state)
{
    struct bench b;
    char begin[256];

    (void)state;
    bench_open(&b, "[{\"name\":\"a\"}]", 2, 4);
    (void)snprintf(begin, sizeof(begin), "{\"type\":\"begin\",\"token\":\"%s\",\"granted\":true}",
                   fl_attempt_token(fl_inst_last_try(&fl_core_run(b.core, BENCH_RUN)->insts[0])));
    bench_feed(&b, FL_INPUT_REQUEST, "{\"verb\":\"cancel\",\"run\":\"" BENCH_RUN "\"}");
    assert_string_equal(bench_state(&b, "a"), "launched");
    assert_int_equal(bench_sent(&b, "cancel", "a/1"), 1);
    bench_say(&b, "a/1", begin);
    assert_string_equal(bench_state(&b, "a"), "running");
    assert_int_equal(bench_sent(&b, "go", "a/1"), 0);
    assert_int_equal(bench_sent(&b, "refuse", "a/1"), 0);
    bench_end(&b, "a/1", "cancelled", NULL);
    assert_string_equal(bench_run_state(&b), "cancelled");
    bench_close(&b);
}

/* A launch that is made again may find a worker that has lost its record of the first with its
 * disk: only the first lets the body begin unasked. */
static void launch_made_again_carries_no_grant(void **state)
{
    fl_auto(fl_effects_release) struct fl_effects effects = {0};
    struct fl_err err = {0};
    json_t *live = json_array();
    struct bench b;

    (void)state;
    bench_open(&b, "[{\"name\":\"a\"}]", 2, 4);
    assert_true(b.sent.count > 0);
    for (size_t i = 0; i < b.sent.count; i++)
        if (strcmp(json_string_value(json_object_get(b.sent.items[i].message, "type")), "launch") ==
            0)
            assert_true(json_is_true(json_object_get(b.sent.items[i].message, "grant")));
    assert_ok(fl_core_resync(b.core, "w1", live, &effects, &err), err);
    assert_int_equal(effects.count, 1);
    assert_true(json_is_false(json_object_get(effects.items[0].message, "grant")));
    json_decref(live);
    bench_close(&b);
}

/* A worker that goes keeps its running attempt; it is adopted when listed, lost and tried again
 * when not. */
static void worker_that_comes_back_keeps_its_attempts(void **state)
{
    fl_auto(fl_effects_release) struct fl_effects effects = {0};
    struct fl_err err = {0};
    json_t *live = json_array();
    struct bench b;

    (void)state;
    bench_open(&b, "[{\"name\":\"a\"},{\"name\":\"b\"}]", 2, 4);
    bench_begin(&b, "a/1");
    bench_feed(&b, FL_INPUT_WORKER_GONE, "{\"reason\":\"lease over\"}");
    assert_string_equal(bench_state(&b, "a"), "running");
    bench_hello(&b, "[\"" BENCH_RUN "/a/1\"]");
    assert_string_equal(bench_state(&b, "a"), "running");
    assert_ok(fl_core_resync(b.core, "w1", live, &effects, &err), err);
    assert_int_equal(effects.count, 2); /* go for a, launch of b again */
    bench_hello(&b, "[]");
    assert_string_equal(bench_state(&b, "a"), "lost"); /* nothing proves its body dead */
    b.now_ns += INT64_C(5000000000);
    bench_feed(&b, FL_INPUT_TICK, NULL);
    assert_int_equal(bench_sent(&b, "launch", "a/2"), 0);
    bench_feed(&b, FL_INPUT_REQUEST,
               "{\"verb\":\"retry\",\"run\":\"" BENCH_RUN "\",\"stage\":\"a\",\"force\":true}");
    assert_int_equal(bench_sent(&b, "launch", "a/2"), 1); /* a person says that it is */
    json_decref(live);
    bench_close(&b);
}

/* A held instance does not start until released. */
static void held_instances_wait(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b,
               "[{\"name\":\"a\",\"outputs\":[{\"name\":\"o\",\"file\":\"o.nc\",\"set\":-1}]},"
               "{\"name\":\"b\",\"inputs\":[{\"name\":\"i\",\"sources\":[{\"stage\":0}]}]}]",
               2, 4);
    bench_feed(&b, FL_INPUT_REQUEST,
               "{\"verb\":\"hold\",\"run\":\"" BENCH_RUN "\",\"stage\":\"b\"}");
    bench_begin(&b, "a/1");
    bench_output(&b, "a/1", "o", NULL, 'a');
    bench_end(&b, "a/1", "succeeded", NULL);
    assert_string_equal(bench_state(&b, "b"), "held");
    assert_string_equal(bench_run_state(&b), "running");
    bench_feed(&b, FL_INPUT_REQUEST,
               "{\"verb\":\"release\",\"run\":\"" BENCH_RUN "\",\"stage\":\"b\"}");
    assert_string_equal(bench_state(&b, "b"), "launched");
    bench_close(&b);
}

/* An absence without a rule ends its consumer; an inserted transfer is skipped and passes it on. */
static void absence_without_a_rule_fails_the_consumer(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b,
               "[{\"name\":\"a\",\"outputs\":[{\"name\":\"o\",\"file\":\"o.nc\",\"set\":-1}]},"
               "{\"name\":\"a.o@far\",\"kind\":2,\"origin\":0,\"inputs\":[{\"name\":\"files\","
               "\"sources\":[{"
               "\"stage\":0}]}],\"outputs\":[{\"name\":\"o\",\"file\":\"o.nc\",\"set\":-1}]},"
               "{\"name\":\"b\",\"inputs\":[{\"name\":\"i\",\"sources\":[{\"stage\":1}]}]}]",
               2, 4);
    bench_begin(&b, "a/1");
    bench_say(&b, "a/1", "{\"type\":\"absent\",\"output\":\"o\",\"cause\":\"not at the source\"}");
    bench_end(&b, "a/1", "succeeded", NULL);
    assert_string_equal(bench_state(&b, "a.o@far"), "skipped");
    assert_string_equal(bench_state(&b, "b"), "failed");
    assert_string_equal(bench_run_state(&b), "failed");
    bench_close(&b);
}

/* Every pair that the table does not have is refused, and no end is left but by a retry. */
static void states_follow_their_table(void **state)
{
    (void)state;
    for (int at = 0; at < FL_STATE_COUNT; at++) {
        enum fl_state s = (enum fl_state)at;

        for (enum fl_happening h = 0; h < FL_HAPPENING_COUNT; h++) {
            enum fl_state next = fl_state_next(s, h);

            if (s == FL_STATE_LOST && h < FL_HAPPEN_SET_SUCCEEDED) /* still to be decided */
                assert_true(next == FL_STATE_COUNT || next == FL_STATE_FAILED ||
                            next == FL_STATE_CANCELLED || next == FL_STATE_WAITING);
            else if (fl_state_is_end(s) && h < FL_HAPPEN_SET_SUCCEEDED) /* a person may set any */
                assert_true(next == FL_STATE_COUNT ||
                            (h == FL_HAPPEN_RETRY && next == FL_STATE_WAITING));
            if (s == FL_STATE_LAUNCHED || s == FL_STATE_RUNNING)
                assert_true(next == FL_STATE_COUNT || h < FL_HAPPEN_SET_SUCCEEDED);
            if (h == FL_HAPPEN_LAUNCH)
                assert_true(next == FL_STATE_COUNT || s == FL_STATE_READY);
            if (h == FL_HAPPEN_BEGIN)
                assert_true(next == FL_STATE_COUNT || s == FL_STATE_LAUNCHED);
        }
    }
    assert_int_equal(fl_state_next(FL_STATE_SUCCEEDED, FL_HAPPEN_RETRY), FL_STATE_COUNT);
    assert_int_equal(fl_state_from_name("timed-out"), FL_STATE_TIMED_OUT);
    assert_int_equal(fl_state_from_name("nonsense"), FL_STATE_COUNT);
}

/* The same state and input give the same events, and the state is not touched. */
static void decide_is_a_function(void **state)
{
    fl_json_auto json_t *message = json_pack("{s:s,s:s}", "verb", "cancel", "run", BENCH_RUN);
    struct fl_input input = {.type = FL_INPUT_REQUEST,
                             .now_ns = 1,
                             .who = "x",
                             .entropy = ENTROPY_A,
                             .message = message};
    struct fl_err err = {0};
    struct bench b;
    char *before;
    char *after;

    (void)state;
    bench_open(&b, CHAIN, 8, 16);
    before = bench_picture(b.core);
    for (int i = 0; i < 2; i++) {
        fl_auto(fl_events_release) struct fl_events events = {0};

        assert_ok(fl_core_decide(b.core, &input, &events, &err), err);
        assert_int_equal(events.count,
                         11); /* the action, the asking, and an end for each that is not launched */
    }
    after = bench_picture(b.core);
    assert_string_equal(before, after);
    free(before);
    free(after);
    bench_close(&b);
}

/* A mistake in `when` points at its column. */
static void expressions_point_at_the_column(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"", "column 1"},
        {"prep &&", "column 8"},
        {"prep & src", "column 6"},
        {"(prep || src", "column 1: '(' without"},
        {"nothing", "column 1: there is no stage or group 'nothing'"},
        {"prep.g", "column 6: stage 'prep' has no output 'g'"},
        {"prep.f(+000/+600)", "column 8"},
        {"prep.f(+001)", "column 8"},
        {"prep:sometime", "column 6: unknown state"},
        {"model.max(+000)", "column 10"},
        {"src)", "column 4"},
    };
    fl_json_auto json_t *json = NULL;
    fl_auto(fl_workflow_destroy) struct fl_workflow *wf = NULL;
    struct fl_err err = {0};
    struct bench b;

    (void)state;
    bench_open(&b, CHAIN, 8, 16);
    assert_ok(fl_json_parse(b.workflow, strlen(b.workflow), &json, &err), err);
    assert_ok(fl_workflow_from_json(json, &wf, &err), err);
    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        struct fl_expr expr = {0};

        assert_fails_with(fl_expr_parse(rows[i].text, wf, &expr, &err), FL_E_PARSE, err,
                          rows[i].words);
    }
    for (int i = 0; i < 2; i++) {
        fl_auto(fl_expr_release) struct fl_expr expr = {0};
        const struct fl_want wants[3] = {{1, 0}, {1, 0}, {1, 0}};
        const struct fl_term terms[3] = {{0, 0}, {1, 0}, {i == 0, 0}};

        assert_ok(fl_expr_parse("prep || src && ( model:ended )", wf, &expr, &err), err);
        assert_int_equal(fl_expr_value(&expr, terms, wants), i == 0);
    }
    bench_close(&b);
}

/* The compiled workflow comes back from the store the same, and with the same digest. */
static void workflow_comes_back_the_same(void **state)
{
    fl_json_auto json_t *json = NULL;
    fl_json_auto json_t *again = NULL;
    fl_auto(fl_workflow_destroy) struct fl_workflow *wf = NULL;
    char digest[FL_DIGEST_HEX];
    char *text;
    struct fl_err err = {0};
    struct bench b;

    (void)state;
    bench_open(&b, CHAIN, 8, 16);
    assert_ok(fl_json_parse(b.workflow, strlen(b.workflow), &json, &err), err);
    assert_ok(fl_workflow_from_json(json, &wf, &err), err);
    assert_ok(fl_workflow_to_json(wf, &again, &err), err);
    fl_workflow_destroy(wf);
    wf = NULL;
    assert_ok(fl_workflow_from_json(again, &wf, &err), err);
    assert_ok(fl_workflow_digest(wf, digest, &err), err);
    text = fl_json_text(again);
    fl_digest_memory(text, strlen(text), b.digest);
    assert_string_equal(digest, b.digest);
    free(text);
    fl_digest_memory(b.workflow, strlen(b.workflow), b.digest);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stage_runs_to_its_end),
        cmocka_unit_test(success_without_its_output_is_failure),
        cmocka_unit_test(failures_are_retried_by_class),
        cmocka_unit_test(chain_with_a_gap_streams_and_marks),
        cmocka_unit_test(follower_of_a_failed_stage_is_stopped),
        cmocka_unit_test(pools_have_limits),
        cmocka_unit_test(cancel_ends_a_run),
        cmocka_unit_test(begin_by_grant_is_a_fact),
        cmocka_unit_test(launch_made_again_carries_no_grant),
        cmocka_unit_test(worker_that_comes_back_keeps_its_attempts),
        cmocka_unit_test(held_instances_wait),
        cmocka_unit_test(absence_without_a_rule_fails_the_consumer),
        cmocka_unit_test(states_follow_their_table),
        cmocka_unit_test(decide_is_a_function),
        cmocka_unit_test(expressions_point_at_the_column),
        cmocka_unit_test(workflow_comes_back_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
