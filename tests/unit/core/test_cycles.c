/* Installed workflows: which cycles become runs, which are skipped, which are dropped. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/state.h"
#include "engine/core/view.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#define PLACE \
    "pools = { local = { site = \"local\"; cores = 8; jobs = 8; }; }; sites = { local = { root = " \
    "\"local\"; }; };"
#define FLOW(cycles, stages) \
    "workflow: { name = \"flow\"; cycles = { " cycles " }; " PLACE " stages: { " stages " }; };"
#define ONE "a: { program = \"p\"; outputs = { o = \"o.nc\"; }; };"
#define EVERY6 "every = \"PT6H\"; from = \"20261124T0000Z\"; "

static void open_flow(struct drive *d, const char *text, const char *now, const char *ends)
{
    drive_open(d);
    drive_set_clock(d, now);
    drive_load(d, text);
    drive_hello(d, "w1", NULL);
    if (drive_install(d, ends) < 0)
        fail_msg("install: %s", d->err.text);
}

/* The cycles that have become runs, or were skipped, in the order in which that happened. */
static const char *cycles_of(const struct drive *d, enum fl_event_type type, char *text,
                             size_t size)
{
    text[0] = '\0';
    for (size_t i = 0; i < d->log.count; i++) {
        const struct fl_event *event = d->log.items[i];
        const char *what = type == FL_EVENT_RUN_DROPPED ? event->run : event->cycle;

        if (event->type == type)
            (void)snprintf(text + strlen(text), size - strlen(text), "%s%s", *text ? " " : "",
                           what + (type == FL_EVENT_RUN_DROPPED ? strlen("flow/") : 0));
    }
    return text;
}

static void assert_cycles(const struct drive *d, enum fl_event_type type, const char *expected)
{
    char text[4096];

    assert_string_equal(cycles_of(d, type, text, sizeof(text)), expected);
}

/* Lets the one stage of a cycle succeed. */
static void finish(struct drive *d, const char *cycle)
{
    drive_look_at(d, cycle);
    drive_begin(d, "a/1");
    drive_output(d, "a/1", "o", NULL);
    drive_end(d, "a/1", "succeeded");
    if (fl_core_run(d->core, d->run)) /* it may be dropped at once */
        assert_string_equal(drive_state(d, NULL), "succeeded");
}

/* Real time: a cycle is made at its time, once, by the timer that says when. */
static void a_cycle_is_made_when_its_time_has_come(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "ahead = 1;", ONE), "20261124T0000Z", NULL);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261124T0000Z");
    assert_int_equal(fl_core_next_timer_ns(d.core), d.now_ns + INT64_C(21600) * 1000000000);
    drive_pass(&d, 21599);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261124T0000Z");
    drive_pass(&d, 1);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261124T0000Z 20261124T0600Z");
    drive_close(&d);
}

static void assert_waits(const struct drive *d, const char *words)
{
    fl_json_auto json_t *answer = NULL;
    struct fl_err err = {0};
    const json_t *one;

    assert_ok(fl_view_workflows(d->core, d->now_ns, &answer, &err), err);
    one = json_array_get(json_object_get(answer, "workflows"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "waits_for")), words);
}

/* Of a workflow that has caught up, the end of an earlier cycle is not all that the next one waits
 * for. */
static void what_the_next_cycle_waits_for_is_told(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "ahead = 0;", ONE), "20261124T0000Z", NULL);
    assert_waits(&d, "its time, and the end of an earlier cycle (ahead)");
    drive_pass(&d, 21600);
    assert_waits(&d, "the end of an earlier cycle (ahead)");
    finish(&d, "20261124T0000Z");
    assert_waits(&d, "its time, and the end of an earlier cycle (ahead)");
    finish(&d, "20261124T0600Z");
    assert_waits(&d, "its time");
    drive_close(&d);
}

/* A forecast for 00Z may begin to fetch before 00Z. */
static void early_makes_it_before_its_time(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "ahead = 5; early = \"PT30M\";", ONE), "20261124T0529Z", NULL);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261124T0000Z");
    drive_pass(&d, 60);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261124T0000Z 20261124T0600Z");
    drive_close(&d);
}

/* Catching up after an outage does not start a month of cycles at once, and goes on as they end. */
static void no_more_runs_are_unfinished_than_ahead_allows(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "ahead = 1;", ONE), "20261126T0000Z", NULL);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261124T0000Z 20261124T0600Z");
    assert_true(fl_core_next_timer_ns(d.core) == INT64_MAX);
    finish(&d, "20261124T0600Z");
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261124T0000Z 20261124T0600Z 20261124T1200Z");
    finish(&d, "20261124T0000Z");
    assert_cycles(&d, FL_EVENT_RUN_CREATED,
                  "20261124T0000Z 20261124T0600Z 20261124T1200Z 20261124T1800Z");
    drive_close(&d);
}

/* The last cycle is the last, whichever says so first: the file or the command. */
static void nothing_comes_after_the_stop(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "ahead = 9; stop = \"20261125T0000Z\";", ONE), "20261201T0000Z",
              "{'start':'20261124T0600Z','stop':'20261124T1800Z'}");
    drive_play(&d);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261124T0600Z 20261124T1200Z 20261124T1800Z");
    assert_int_equal(drive_events(&d, FL_EVENT_RUN_ENDED, NULL), 3);
    assert_true(fl_core_next_timer_ns(d.core) == INT64_MAX);
    drive_close(&d);
}

/* Products of yesterday are of no use: after an outage the newest cycle is run. */
static void only_the_newest_is_run_when_told_so(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "ahead = 0; behind = \"newest\";", ONE), "20261125T0100Z", NULL);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261125T0000Z");
    assert_cycles(&d, FL_EVENT_CYCLE_SKIPPED,
                  "20261124T0000Z 20261124T0600Z 20261124T1200Z 20261124T1800Z");
    drive_pass(&d, 12 * 3600); /* two more come while it runs on: the older one has had its time */
    assert_cycles(&d, FL_EVENT_CYCLE_SKIPPED,
                  "20261124T0000Z 20261124T0600Z 20261124T1200Z 20261124T1800Z 20261125T0600Z");
    finish(&d, "20261125T0000Z");
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261125T0000Z 20261125T1200Z");
    drive_close(&d);
}

static void cycles_that_lie_too_far_back_are_skipped(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d,
              FLOW(EVERY6
                   "ahead = 0; behind = \"skip-older-than PT12H\"; stop = \"20261125T0600Z\";",
                   ONE),
              "20261125T0100Z", NULL);
    assert_cycles(&d, FL_EVENT_CYCLE_SKIPPED, "20261124T0000Z 20261124T0600Z 20261124T1200Z");
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261124T1800Z");
    drive_play(&d);
    drive_close(&d);
}

/* A clock that jumps a day back, also over the end of a year, makes nothing twice; one that jumps
 * forward obeys the policy. */
static void a_clock_that_jumps_makes_nothing_twice(void **state)
{
    struct drive d;

    (void)state;
    open_flow(
        &d,
        FLOW("every = \"PT6H\"; from = \"20261231T1200Z\"; ahead = 20; behind = \"newest\";", ONE),
        "20261231T1200Z", NULL);
    drive_pass(&d, 6 * 3600);
    drive_pass(&d, 6 * 3600);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261231T1200Z 20261231T1800Z 20270101T0000Z");
    drive_set_clock(&d, "20261231T0000Z");
    (void)drive_feed(&d, FL_INPUT_TICK, NULL, NULL);
    drive_pass(&d, 24 * 3600);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261231T1200Z 20261231T1800Z 20270101T0000Z");
    drive_set_clock(&d, "20270102T0000Z");
    (void)drive_feed(&d, FL_INPUT_TICK, NULL, NULL);
    assert_cycles(&d, FL_EVENT_RUN_CREATED,
                  "20261231T1200Z 20261231T1800Z 20270101T0000Z 20270102T0000Z");
    assert_cycles(&d, FL_EVENT_CYCLE_SKIPPED, "20270101T0600Z 20270101T1200Z 20270101T1800Z");
    drive_close(&d);
}

/* A climate model's calendar has no clock: its cycles follow each other, 30 February among them. */
static void a_calendar_of_a_model_does_not_wait_for_the_clock(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d,
              FLOW("every = \"P15D\"; from = \"20260215T0000Z\"; stop = \"20260315T0000Z\"; "
                   "calendar = \"360_day\";",
                   ONE),
              "20200101T0000Z", NULL);
    drive_play(&d);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20260215T0000Z 20260230T0000Z 20260315T0000Z");
    assert_int_equal(drive_events(&d, FL_EVENT_RUN_ENDED, NULL), 3);
    drive_close(&d);
}

/* One workflow with several recurrences: the daily stage is part of 00Z alone, the cold start of
 * the first cycle alone; each of the others is skipped at once, in words. */
static void stages_are_part_of_their_recurrence_and_of_the_first_cycle(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d,
              FLOW("ahead = 9; rules = { main = \"R/20261124T0000Z/PT6H\"; daily = "
                   "\"R/20261124T0000Z/P1D\"; }; stop = \"20261125T0000Z\";",
                   ONE " b: { program = \"p\"; cycle = \"daily\"; };"
                       " c: { program = \"p\"; only = \"first\"; };"
                       " d: { program = \"p\"; only = \"later\"; };"),
              "20261126T0000Z", NULL);
    drive_play(&d);
    drive_look_at(&d, "20261124T0000Z");
    assert_string_equal(drive_state(&d, "b"), "succeeded");
    assert_string_equal(drive_state(&d, "c"), "succeeded");
    assert_string_equal(drive_state(&d, "d"), "skipped");
    drive_look_at(&d, "20261124T0600Z");
    assert_string_equal(drive_state(&d, "a"), "succeeded");
    assert_string_equal(drive_state(&d, "b"), "skipped");
    assert_non_null(strstr(drive_reason(&d, "b"), "recurrence 'daily'"));
    assert_string_equal(drive_state(&d, "c"), "skipped");
    assert_non_null(strstr(drive_reason(&d, "c"), "first cycle of an operation"));
    assert_string_equal(drive_state(&d, "d"), "succeeded");
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_look_at(&d, "20261125T0000Z");
    assert_string_equal(drive_state(&d, "b"), "succeeded");
    drive_close(&d);
}

/* What is old goes, and workers are told to clean up after it. */
static void runs_older_than_keep_are_dropped(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "ahead = 0; keep = \"PT12H\"; stop = \"20261125T0000Z\";", ONE),
              "20261126T0000Z", NULL);
    drive_play(&d);
    assert_cycles(&d, FL_EVENT_RUN_DROPPED, "20261124T0000Z 20261124T0600Z");
    assert_null(fl_core_run(d.core, "flow/20261124T0000Z"));
    assert_non_null(fl_core_run(d.core, "flow/20261124T1200Z"));
    drive_close(&d);
}

#define WARM \
    "a: { program = \"p\"; outputs = { o = \"o.nc\"; }; inputs = { r = { first_of = [" \
    "\"a[-PT6H].o\", \"a[-PT12H].o\", \"cold\"]; }; }; };"

/* An operation begins with a cold start: that is no substitution, and nothing is marked. */
static void the_first_cycle_of_an_operation_starts_cold_unmarked(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "ahead = 0; stop = \"20261124T0600Z\";", WARM), "20261126T0000Z",
              NULL);
    drive_play(&d);
    drive_look_at(&d, "20261124T0000Z");
    assert_string_equal(drive_marks(&d, "a", "o", NULL), "");
    drive_look_at(&d, "20261124T0600Z");
    assert_string_equal(drive_marks(&d, "a", "o", NULL), "");
    drive_close(&d);
}

/* A warm start takes the cycle before; one that may still be needed is not dropped under it. */
static void what_a_later_cycle_may_need_is_kept(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "ahead = 0; keep = \"PT1H\"; stop = \"20261125T0000Z\";", WARM),
              "20261126T0000Z", NULL);
    finish(&d, "20261124T0000Z");
    finish(&d, "20261124T0600Z");
    finish(&d, "20261124T1200Z");
    /* 18Z runs on: it took what it needed from 12Z, and might have from 06Z */
    assert_cycles(&d, FL_EVENT_RUN_DROPPED, "20261124T0000Z");
    finish(&d, "20261124T1800Z");
    assert_cycles(&d, FL_EVENT_RUN_DROPPED, "20261124T0000Z 20261124T0600Z");
    finish(&d, "20261125T0000Z");
    assert_cycles(&d, FL_EVENT_RUN_DROPPED,
                  "20261124T0000Z 20261124T0600Z 20261124T1200Z 20261124T1800Z");
    drive_close(&d);
}

/* Another workflow waits for a stage of an old cycle, held by its other need: the cycle stays until
 * that has had its turn. */
static void what_another_workflow_waits_for_is_kept(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "ahead = 0; keep = \"PT1H\"; stop = \"20261124T1200Z\";", ONE),
              "20261126T0000Z", NULL);
    drive_load(&d, "workflow: { name = \"local\"; " PLACE " stages: { c: { program = \"p\"; when = "
                   "\"flow/a:succeeded && event:go\"; }; }; };");
    drive_submit(&d, "20261124T0000Z");
    drive_play(&d);
    assert_cycles(&d, FL_EVENT_RUN_DROPPED, "20261124T0600Z");
    assert_int_equal(
        drive_feed(&d, FL_INPUT_REQUEST, NULL,
                   json_pack("{s:s,s:s,s:s}", "verb", "signal", "workflow", "local", "name", "go")),
        0);
    drive_play(&d);
    assert_cycles(&d, FL_EVENT_RUN_DROPPED, "20261124T0600Z 20261124T0000Z");
    drive_close(&d);
}

/* A worker that was away while a run was dropped cleans up when it comes back. */
static void workers_are_told_to_clean(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "ahead = 0; keep = \"PT1H\"; stop = \"20261124T0600Z\";", ONE),
              "20261126T0000Z", NULL);
    drive_clear(&d);
    finish(&d, "20261124T0000Z");
    assert_int_equal(drive_cleans(&d, "flow/20261124T0000Z"), 1);
    drive_clear(&d);
    drive_hello(&d, "w1", NULL);
    assert_int_equal(drive_cleans(&d, "flow/20261124T0000Z"), 1);
    drive_close(&d);
}

static int ask_flow(struct drive *d, const char *verb, const char *name)
{
    return drive_feed(d, FL_INPUT_REQUEST, NULL,
                      json_pack("{s:s,s:s}", "verb", verb, "workflow", name));
}

/* The last thing that was done is what an undo means, also when it was done to a workflow; one that
 * has no contrary is not passed over for another action that nobody thought of. */
static void undo_takes_back_the_hold_of_a_workflow(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_set_clock(&d, "20261124T0000Z");
    drive_load(&d, FLOW(EVERY6 "ahead = 3;", ONE));
    assert_int_equal(drive_install(&d, NULL), 0);
    assert_int_equal(ask_flow(&d, "undo", "flow"), FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "install of workflow 'flow'"));
    assert_int_equal(ask_flow(&d, "hold", "flow"), 0);
    assert_int_equal(ask_flow(&d, "undo", "flow"), 0);
    assert_int_equal(ask_flow(&d, "release", "flow"), FL_E_REFUSED); /* it is not held */
    assert_int_equal(ask_flow(&d, "hold", "flow"), 0);
    assert_int_equal(ask_flow(&d, "release", "flow"), 0);
    assert_int_equal(ask_flow(&d, "undo", "flow"), 0);
    assert_int_equal(ask_flow(&d, "hold", "flow"), FL_E_REFUSED); /* it is again */
    drive_close(&d);
}

/* The operator holds a whole workflow: no cycle is made and nothing of its runs starts. */
static void a_held_workflow_starts_nothing(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_set_clock(&d, "20261124T0000Z");
    drive_load(&d, FLOW(EVERY6 "ahead = 3;", ONE));
    assert_int_equal(drive_install(&d, "{'held':true}"), 0);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "");
    assert_int_equal(ask_flow(&d, "release", "flow"), 0);
    assert_int_equal(ask_flow(&d, "release", "flow"), FL_E_REFUSED);
    assert_int_equal(ask_flow(&d, "hold", "flow"), 0);
    assert_int_equal(ask_flow(&d, "hold", "flow"), FL_E_REFUSED);
    drive_hello(&d, "w1", NULL);
    drive_look_at(&d, "20261124T0000Z");
    assert_string_equal(drive_state(&d, "a"), "ready");
    drive_pass(&d, 86400);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261124T0000Z");
    assert_int_equal(ask_flow(&d, "release", "flow"), 0);
    assert_string_equal(drive_state(&d, "a"), "launched");
    assert_cycles(&d, FL_EVENT_RUN_CREATED,
                  "20261124T0000Z 20261124T0600Z 20261124T1200Z 20261124T1800Z");
    assert_int_equal(ask_flow(&d, "uninstall", "flow"), 0);
    assert_int_equal(ask_flow(&d, "uninstall", "flow"), FL_E_NOENT);
    assert_int_equal(ask_flow(&d, "hold", "flow"), FL_E_NOENT);
    drive_play(&d);
    assert_int_equal(drive_events(&d, FL_EVENT_RUN_ENDED, NULL), 4);
    assert_int_equal(drive_install(&d, NULL), 0); /* goes on where it was */
    assert_cycles(&d, FL_EVENT_RUN_CREATED,
                  "20261124T0000Z 20261124T0600Z 20261124T1200Z 20261124T1800Z 20261125T0000Z");
    drive_close(&d);
}

/* The clock of a retry that is due runs out while all of its workflow is held: that is nothing to
 * wake up for, again and again, until the hold ends. */
static void what_is_held_is_nothing_to_wake_up_for(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "stop = \"20261124T0000Z\";", ONE), "20261124T0000Z", NULL);
    drive_look_at(&d, "20261124T0000Z");
    drive_begin(&d, "a/1");
    assert_int_equal(drive_say(&d, "a/1", 0, "{'type':'end','state':'failed','code':75}"), 0);
    assert_true(fl_core_timer_after_ns(d.core, d.now_ns) < INT64_MAX);
    assert_int_equal(ask_flow(&d, "hold", "flow"), 0);
    drive_pass(&d, 60);
    assert_true(fl_core_timer_after_ns(d.core, d.now_ns) == INT64_MAX);
    assert_true(fl_core_next_timer_ns(d.core) == INT64_MAX);
    assert_int_equal(ask_flow(&d, "release", "flow"), 0);
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_close(&d);
}

/* A changed file is for the cycles to come; those under way keep theirs. */
static void a_reload_is_for_the_cycles_to_come(void **state)
{
    struct drive d;

    (void)state;
    open_flow(&d, FLOW(EVERY6 "ahead = 1;", ONE), "20261124T0000Z", NULL);
    drive_load(&d, FLOW("every = \"PT12H\"; from = \"20261124T0000Z\"; ahead = 1;",
                        ONE " b: { program = \"p\"; };"));
    assert_int_equal(drive_feed(&d, FL_INPUT_REQUEST, NULL,
                                json_pack("{s:s,s:s}", "verb", "reload", "digest", d.digest)),
                     0);
    assert_int_equal(drive_feed(&d, FL_INPUT_REQUEST, NULL,
                                json_pack("{s:s,s:s}", "verb", "reload", "digest", d.digest)),
                     FL_E_REFUSED);
    drive_pass(&d, 86400);
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261124T0000Z 20261124T1200Z");
    drive_look_at(&d, "20261124T1200Z");
    assert_string_equal(drive_state(&d, "b"), "launched");
    drive_look_at(&d, "20261124T0000Z");
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_close(&d);
}

/* What cannot be meant is answered with what would be accepted. */
static void bad_ends_are_refused_with_the_nearest_points(void **state)
{
    static const struct {
        const char *ends;
        int rc;
        const char *says;
    } bad[] = {
        {"{'start':'20261124T0100Z'}", FL_E_REFUSED, "20261124T0000Z and 20261124T0600Z"},
        {"{'stop':'20261124T0700Z'}", FL_E_REFUSED, "20261124T0600Z and 20261124T1200Z"},
        {"{'start':'20261123T0000Z'}", FL_E_REFUSED, "first point is 20261124T0000Z"},
        {"{'start':'20261125T0000Z','stop':'20261124T0000Z'}", FL_E_REFUSED, "before its first"},
        {"{'start':'yesterday'}", FL_E_PARSE, "is not a UTC time"},
    };
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, FLOW(EVERY6, ONE));
    for (size_t i = 0; i < FL_COUNT(bad); i++) {
        assert_int_equal(drive_install(&d, bad[i].ends), bad[i].rc);
        if (!strstr(d.err.text, bad[i].says))
            fail_msg("%s was answered: %s", bad[i].ends, d.err.text);
    }
    assert_int_equal(
        drive_feed(&d, FL_INPUT_SUBMIT, NULL,
                   json_pack("{s:s,s:s}", "digest", d.digest, "cycle", "20261124T0330Z")),
        FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "20261124T0000Z and 20261124T0600Z"));
    assert_int_equal(drive_install(&d, NULL), 0);
    assert_int_equal(drive_install(&d, NULL), FL_E_EXISTS);
    drive_load(&d, "workflow: { name = \"bare\"; " PLACE " stages: { " ONE " }; };");
    assert_int_equal(drive_install(&d, NULL), FL_E_CONFIG);
    assert_non_null(strstr(d.err.text, "has no cycles"));
    drive_close(&d);
}

/* A cycle that somebody ran by hand is not run again. */
static void a_cycle_that_is_there_already_is_passed_over(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_set_clock(&d, "20261124T0600Z");
    drive_load(&d, FLOW(EVERY6 "ahead = 3;", ONE));
    drive_submit(&d, "20261124T0000Z");
    assert_int_equal(drive_install(&d, NULL), 0);
    assert_cycles(&d, FL_EVENT_CYCLE_SKIPPED, "20261124T0000Z");
    assert_cycles(&d, FL_EVENT_RUN_CREATED, "20261124T0000Z 20261124T0600Z");
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cycle_is_made_when_its_time_has_come),
        cmocka_unit_test(what_the_next_cycle_waits_for_is_told),
        cmocka_unit_test(early_makes_it_before_its_time),
        cmocka_unit_test(no_more_runs_are_unfinished_than_ahead_allows),
        cmocka_unit_test(nothing_comes_after_the_stop),
        cmocka_unit_test(only_the_newest_is_run_when_told_so),
        cmocka_unit_test(cycles_that_lie_too_far_back_are_skipped),
        cmocka_unit_test(a_clock_that_jumps_makes_nothing_twice),
        cmocka_unit_test(a_calendar_of_a_model_does_not_wait_for_the_clock),
        cmocka_unit_test(stages_are_part_of_their_recurrence_and_of_the_first_cycle),
        cmocka_unit_test(runs_older_than_keep_are_dropped),
        cmocka_unit_test(the_first_cycle_of_an_operation_starts_cold_unmarked),
        cmocka_unit_test(what_a_later_cycle_may_need_is_kept),
        cmocka_unit_test(what_another_workflow_waits_for_is_kept),
        cmocka_unit_test(workers_are_told_to_clean),
        cmocka_unit_test(undo_takes_back_the_hold_of_a_workflow),
        cmocka_unit_test(a_held_workflow_starts_nothing),
        cmocka_unit_test(what_is_held_is_nothing_to_wake_up_for),
        cmocka_unit_test(a_reload_is_for_the_cycles_to_come),
        cmocka_unit_test(bad_ends_are_refused_with_the_nearest_points),
        cmocka_unit_test(a_cycle_that_is_there_already_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
