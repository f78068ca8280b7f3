/* Named limits, resources of pools, and who goes first. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/history.h"
#include "engine/core/view.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#define CYCLE "20261124T0000Z"
#define TOY(head, pool, stages) \
    "workflow: { name = \"toy\"; " head " pools = { local = { site = \"local\"; " pool " }; }; " \
    "sites = { local = { root = \"local\"; }; }; stages: { " stages " }; };"

static void open_toy(struct drive *d, const char *text)
{
    drive_open(d);
    drive_load(d, text);
    drive_submit(d, CYCLE);
    drive_hello(d, "w1", NULL);
}

static void assert_why(struct drive *d, const char *stage, const char *words)
{
    fl_json_auto json_t *why = NULL;

    assert_ok(fl_view_why(d->core, d->run, stage, d->now_ns, &why, &d->err), d->err);
    if (!strstr(json_string_value(json_object_get(why, "text")), words))
        fail_msg("%s: '%s' does not say '%s'", stage,
                 json_string_value(json_object_get(why, "text")), words);
}

/* Four requests at a time to a global centre, whatever the pool and the run: more, and it shuts us
 * out. */
static void a_limit_holds_over_runs_and_says_who_has_it(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY("limits = { io = 3; };", "cores = 8; jobs = 8;",
                     "a: { program = \"p\"; uses = { io = 2; }; }; b: { program = \"p\"; uses = "
                     "[\"io\"]; }; c: { program = \"p\"; };"));
    assert_string_equal(drive_state(&d, "a"), "launched");
    assert_string_equal(drive_state(&d, "b"), "launched");
    drive_submit(&d, "20261124T0600Z");
    assert_string_equal(drive_state(&d, "a"), "ready");
    assert_string_equal(drive_state(&d, "b"), "ready");
    assert_string_equal(drive_state(&d, "c"), "launched");
    assert_why(&d, "a", "limit 'io' is 3, of which it takes 2; used by a of run 'toy/" CYCLE "'");
    drive_look_at(&d, CYCLE);
    drive_begin(&d, "b/1");
    drive_end(&d, "b/1", "succeeded");
    drive_look_at(&d, "20261124T0600Z");
    assert_string_equal(drive_state(&d, "a"), "ready"); /* it takes two, and one is free */
    assert_string_equal(drive_state(&d, "b"), "launched");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* A model that follows its forcing and holds the last of a limit that the forcing needs would wait
 * for it for ever, and hold the limit. */
static void a_follower_leaves_room_in_its_limits_for_what_it_follows(void **state)
{
    struct drive d;

    (void)state;
    open_toy(
        &d, TOY("leads = { two = \"+000/+003/3\"; }; limits = { io = 2; };", "cores = 8; jobs = 8;",
                "a: { program = \"p\"; leads = \"two\"; outputs = { o = \"o.{lead}\"; }; };"
                "b: { per = \"a.o\"; program = \"p\"; uses = [\"io\"]; inputs = { i = \"a.o\"; };"
                " outputs = { o = \"o.{lead}\"; }; };"
                "c: { program = \"p\"; uses = { io = 2; }; when = \"a\"; priority = 5;"
                " inputs = { i = { from = \"b.o\"; follow = true; }; }; };"));
    drive_begin(&d, "a/1");
    drive_output(&d, "a/1", "o", "+000");
    drive_output(&d, "a/1", "o", "+003");
    drive_end(&d, "a/1", "succeeded");
    assert_string_equal(drive_state(&d, "b.f000"), "launched");
    assert_string_equal(drive_state(&d, "b.f003"), "launched");
    assert_string_equal(drive_state(&d, "c"), "ready");
    assert_why(&d, "c", "limit 'io' is 2, of which it takes 2 and leaves 1 to what it follows");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* One that takes all of a limit is not passed for ever by those that take little. */
static void nothing_starves_at_a_limit(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d,
             TOY("limits = { io = 2; };", "cores = 8; jobs = 8;",
                 "b: { program = \"p\"; uses = [\"io\"]; }; a: { program = \"p\"; uses = { io = "
                 "2; }; };"));
    assert_string_equal(drive_state(&d, "b"), "launched");
    assert_string_equal(drive_state(&d, "a"), "ready");
    drive_pass(&d, 601);
    drive_submit(&d, "20261124T0600Z"); /* its b would fit */
    assert_string_equal(drive_state(&d, "b"), "ready");
    drive_look_at(&d, CYCLE);
    drive_begin(&d, "b/1");
    drive_end(&d, "b/1", "succeeded");
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_look_at(&d, "20261124T0600Z");
    assert_string_equal(drive_state(&d, "b"), "ready");
    drive_play(&d);
    drive_close(&d);
}

/* Two models of 48 GB on a node of 64 end with the one that the kernel kills. */
static void resources_of_a_pool_are_never_given_twice(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d,
             TOY("", "cores = 8; jobs = 8; resources = { gpus = 3; };",
                 "a: { program = \"p\"; needs = { gpus = 2; }; }; b: { program = \"p\"; needs = "
                 "{ gpus = 2; }; }; c: { program = \"p\"; needs = { gpus = 1; }; };"));
    assert_string_equal(drive_state(&d, "a"), "launched");
    assert_string_equal(drive_state(&d, "b"), "ready");
    assert_string_equal(drive_state(&d, "c"), "launched");
    assert_why(&d, "b", "it needs 2 of 'gpus', and pool 'local' has 3 a worker; used by a, c");
    drive_hello(&d, "w2", NULL); /* another worker brings its own */
    assert_string_equal(drive_state(&d, "b"), "launched");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* A node says what it really has: more than the file expects, or less. What can never be is told.
 */
static void a_worker_says_what_it_has(void **state)
{
    static const char hello[] =
        "{'pools':[{'pool':'local','site':'local','cores':8,'jobs':8,'resources':{'gpus':%d}}],"
        "'sites':[{'site':'local','door':'http://127.0.0.1:1/'}]}";
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, TOY("", "cores = 8; jobs = 8; resources = { gpus = 4; };",
                       "a: { program = \"p\"; needs = { gpus = 2; }; };"));
    drive_submit(&d, CYCLE);
    for (int gpus = 1; gpus <= 2; gpus++) {
        char text[512];
        json_t *message = NULL;

        (void)snprintf(text, sizeof(text), hello, gpus);
        for (char *c = text; *c; c++)
            *c = *c == '\'' ? '"' : *c;
        assert_ok(fl_json_parse(text, strlen(text), &message, &d.err), d.err);
        assert_int_equal(drive_feed(&d, FL_INPUT_WORKER_HELLO, "w1", message), 0);
        if (gpus == 1)
            assert_why(&d, "a", "no worker of pool 'local' has more than 1");
    }
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_close(&d);
}

/* What somebody waits for goes before what fills the machine, whichever cycle it is of. */
static void priority_goes_before_order(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, TOY("", "cores = 8; jobs = 1;",
                       "a: { program = \"p\"; }; b: { program = \"p\"; priority = 5; };"));
    drive_submit(&d, CYCLE);
    drive_submit(&d, "20261124T0600Z");
    drive_hello(&d, "w1", NULL);
    assert_string_equal(drive_state(&d, "b"), "ready");
    drive_look_at(&d, CYCLE);
    assert_string_equal(drive_state(&d, "b"), "launched");
    assert_string_equal(drive_state(&d, "a"), "ready");
    drive_begin(&d, "b/1");
    drive_end(&d, "b/1", "succeeded");
    assert_string_equal(drive_state(&d, "a"), "ready");
    drive_look_at(&d, "20261124T0600Z");
    assert_string_equal(drive_state(&d, "b"), "launched");
    drive_play(&d);
    drive_close(&d);
}

/* Of two chains the one whose product is due first, less what is still to be done for it, goes
 * first. */
static void less_slack_goes_before_order(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY("", "cores = 8; jobs = 1;",
                     "a: { program = \"p\"; outputs = { o = \"a.nc\"; }; }; "
                     "b: { program = \"p\"; outputs = { o = \"b.nc\"; }; }; "
                     "da: { to = \"local\"; inputs = { f = \"a.o\"; }; deadline = ( { by = "
                     "\"+PT4H\"; } ); expect = \"PT10M\"; }; "
                     "db: { to = \"local\"; inputs = { f = \"b.o\"; }; deadline = ( { by = "
                     "\"+PT4H\"; } ); expect = \"PT2H\"; };"));
    assert_string_equal(drive_state(&d, "a"), "ready");
    assert_string_equal(drive_state(&d, "b"), "launched");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* One attempt that takes so long. */
static void take(struct drive *d, const char *stage, int64_t seconds)
{
    char attempt[64];

    (void)snprintf(attempt, sizeof(attempt), "%s/1", stage);
    drive_begin(d, attempt);
    drive_pass(d, seconds);
    if (strcmp(stage, "a") == 0 || strcmp(stage, "b") == 0)
        drive_output(d, attempt, "o", NULL);
    else
        drive_output(d, attempt, "receipt", NULL);
    drive_end(d, attempt, "succeeded");
}

/* Nobody has said how long a delivery takes: the last cycles have shown it, also after a restart
 * (drive_close goes through a snapshot). */
static void slack_is_reckoned_by_what_stages_took(void **state)
{
    static const char *const cycles[] = {"20261124T0000Z", "20261124T0600Z", "20261124T1200Z"};
    const struct fl_history *history;
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, TOY("", "cores = 8; jobs = 1;",
                       "a: { program = \"p\"; outputs = { o = \"a.nc\"; }; }; "
                       "b: { program = \"p\"; outputs = { o = \"b.nc\"; }; }; "
                       "da: { to = \"local\"; inputs = { f = \"a.o\"; }; deadline = ( { by = "
                       "\"+PT4H\"; } ); }; "
                       "db: { to = \"local\"; inputs = { f = \"b.o\"; }; deadline = ( { by = "
                       "\"+PT4H\"; } ); };"));
    drive_hello(&d, "w1", NULL);
    for (size_t i = 0; i < FL_COUNT(cycles); i++) {
        bool knows = i > 0;

        drive_submit(&d, cycles[i]);
        assert_string_equal(drive_state(&d, knows ? "b" : "a"), "launched");
        assert_string_equal(drive_state(&d, knows ? "a" : "b"), "ready");
        take(&d, knows ? "b" : "a", 30);
        take(&d, knows ? "db" : "b", knows ? 600 : 30);
        take(&d, knows ? "a" : "da", knows ? 30 : 60);
        if (i == 1) {
            assert_why(&d, "da", ", usually takes PT1M (median of the last 1)");
        }
        take(&d, knows ? "da" : "db", knows ? 60 : 600);
        assert_string_equal(drive_state(&d, NULL), "succeeded");
    }
    history = fl_history_of(d.core, "toy", "db");
    assert_non_null(history);
    assert_int_equal(history->count, 3);
    assert_int_equal(fl_history_median_ms(history), 600000);
    drive_close(&d);
}

/* One night when the disk was slow must not upset the order of a week. */
static void a_history_is_the_middle_of_the_last_ones(void **state)
{
    struct fl_history history = {.count = 5, .took_ms = {40, 10, 9000, 20, 30}};

    (void)state;
    assert_int_equal(fl_history_median_ms(&history), 30);
    history.count = 4;
    assert_int_equal(fl_history_median_ms(&history), 40);
    history.count = 1;
    assert_int_equal(fl_history_median_ms(&history), 40);
}

/* It is bounded: what was not heard of for the longest goes, and numbers that runs have remembered
 * do not lead to another stage. */
static void the_oldest_history_goes_at_the_bound(void **state)
{
    struct fl_workflow *wf;
    struct drive d;
    struct fl_run *run;
    char *kept;

    (void)state;
    drive_open(&d);
    drive_load(
        &d, TOY("", "cores = 2; jobs = 8;", "a: { program = \"p\"; }; b: { program = \"p\"; };"));
    drive_submit(&d, CYCLE);
    run = fl_core_run(d.core, d.run);
    wf = run->plan->workflow;
    kept = wf->stages[0].name;
    for (size_t i = 0; i < FL_CORE_HISTORY_MAX + 1; i++) { /* as of so many stages */
        char name[32];

        (void)snprintf(name, sizeof(name), "s%zu", i);
        wf->stages[0].name = name;
        free(run->histories);
        run->histories = NULL;
        d.core->event_count++;
        assert_int_equal(fl_history_add(d.core, run, 0, INT64_C(1000000000), &d.err), 0);
    }
    assert_int_equal(d.core->history_count, FL_CORE_HISTORY_MAX);
    assert_null(fl_history_of(d.core, "toy", "s0"));
    assert_non_null(fl_history_of(d.core, "toy", "s1"));
    assert_non_null(fl_history_of(d.core, "toy", "s20000"));
    wf->stages[0].name = kept;
    fl_events_clear(&d.log); /* a replay would not come to what was made by hand */
    drive_close(&d);
}

static const char *told(const struct drive *d, size_t i)
{
    for (size_t e = 0; e < d->log.count; e++)
        if (d->log.items[e]->type == FL_EVENT_NEED_UNMET && i-- == 0)
            return d->log.items[e]->why;
    return "";
}

static void join(struct drive *d, const char *worker, const char *pool, int cores, int memory)
{
    assert_int_equal(
        drive_feed(d, FL_INPUT_WORKER_HELLO, worker,
                   json_pack("{s:s,s:[{s:s,s:s,s:i,s:i,s:{s:i}}],s:[],s:[]}", "worker", worker,
                             "pools", "pool", pool, "site", "local", "cores", cores, "jobs", 8,
                             "resources", "memory", memory, "sites", "attempts")),
        0);
}

/* A model that wants more cores than any node has must not wait in silence until somebody looks. It
 * is told once, whatever else happens, and another cause once more. */
static void what_no_worker_can_give_is_told_once(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, TOY("", "cores = 64; jobs = 8; resources = { memory = 64; };",
                       "a: { program = \"p\"; cores = 16; needs = { memory = 48; }; };"
                       "b: { program = \"p\"; };"));
    drive_submit(&d, CYCLE);
    assert_int_equal(drive_events(&d, FL_EVENT_NEED_UNMET, NULL), 0); /* nobody is known yet */
    join(&d, "w1", "local", 8, 32);
    assert_string_equal(told(&d, 0),
                        "it wants 16 cores, and no known worker of pool 'local' has more than 8");
    drive_pass(&d, 5000);
    drive_play(&d);
    assert_int_equal(drive_events(&d, FL_EVENT_NEED_UNMET, "a"), 1);
    assert_int_equal(drive_events(&d, FL_EVENT_NEED_UNMET, "b"), 0);
    assert_string_equal(drive_state(&d, "b"), "succeeded");
    join(&d, "w2", "local", 16, 32);
    assert_string_equal(
        told(&d, 1),
        "it needs 48 of 'memory', and no known worker of pool 'local' has more than 32");
    join(&d, "w3", "local", 4, 64);
    assert_int_equal(drive_events(&d, FL_EVENT_NEED_UNMET, "a"), 2);
    join(&d, "w4", "local", 16, 64);
    assert_int_equal(drive_events(&d, FL_EVENT_NEED_UNMET, "a"), 2);
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_close(&d);
}

/* The other pool's worker is there, this one's was forgotten; one that is only away may come back.
 */
static void a_pool_that_nobody_offers_is_told(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, TOY("", "cores = 2; jobs = 8;", "a: { program = \"p\"; };"));
    join(&d, "w1", "other", 2, 0);
    drive_submit(&d, CYCLE);
    assert_string_equal(told(&d, 0), "no known worker offers pool 'local' at site 'local'");
    assert_why(&d, "a", "no worker offers pool 'local' at site 'local'");
    join(&d, "w2", "local", 2, 0);
    drive_submit(&d, "20261124T0600Z");
    assert_int_equal(drive_feed(&d, FL_INPUT_WORKER_GONE, "w2", json_pack("{s:s}", "reason", "x")),
                     0);
    drive_submit(&d, "20261124T1200Z");
    assert_string_equal(drive_state(&d, "a"), "ready");
    assert_int_equal(drive_events(&d, FL_EVENT_NEED_UNMET, "a"), 1);
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slack_is_reckoned_by_what_stages_took),
        cmocka_unit_test(a_history_is_the_middle_of_the_last_ones),
        cmocka_unit_test(the_oldest_history_goes_at_the_bound),
        cmocka_unit_test(what_no_worker_can_give_is_told_once),
        cmocka_unit_test(a_pool_that_nobody_offers_is_told),
        cmocka_unit_test(a_limit_holds_over_runs_and_says_who_has_it),
        cmocka_unit_test(a_follower_leaves_room_in_its_limits_for_what_it_follows),
        cmocka_unit_test(nothing_starves_at_a_limit),
        cmocka_unit_test(resources_of_a_pool_are_never_given_twice),
        cmocka_unit_test(a_worker_says_what_it_has),
        cmocka_unit_test(priority_goes_before_order),
        cmocka_unit_test(less_slack_goes_before_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
