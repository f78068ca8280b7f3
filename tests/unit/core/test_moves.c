/* Runs that go on by another plan, and what reaches into them and out of them meanwhile. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/core/state.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#include "engine/base/banned.h"

#define CYCLE "20261124T0000Z"
#define NEXT "20261124T0600Z"
#define TOY(name, more, stages) \
    "workflow: { name = \"" name "\"; pools = { local = { site = \"local\"; cores = 4; jobs = 8; " \
    "}; }; sites = { local = { root = \"local\"; }; };" more " stages: { " stages " }; };"

/* The second set that is said replaces the plan of the run that the first one made: events that are
 * on their way then still have the names that they were made with. */
static void sets_are_said_one_after_the_other(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, TOY("toy", "sets: { s = { declared = true; }; t = { declared = true; }; };",
                       "one: { program = \"p\"; declares = \"s\"; };"
                       "two: { program = \"p\"; declares = \"t\"; };"
                       "of_s: { program = \"p\"; foreach = [\"s\"]; outputs = { o = \"o\"; }; };"
                       "both: { program = \"p\"; foreach = [\"s\", \"t\"]; when = \"of_s\"; };"
                       "last: { program = \"p\"; when = \"both:ended\"; };"));
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, CYCLE);
    drive_begin(&d, "one/1");
    drive_begin(&d, "two/1");
    assert_int_equal(drive_say(&d, "one/1", 0, "{'type':'set','set':'s','members':['a','b']}"), 0);
    drive_begin(&d, "of_s.a/1");
    drive_output(&d, "of_s.a/1", "o", NULL);
    drive_end(&d, "of_s.a/1", "succeeded");
    assert_int_equal(drive_say(&d, "two/1", 0, "{'type':'set','set':'t','members':['x','y']}"), 0);
    assert_string_equal(drive_state(&d, "of_s.a"), "succeeded");
    assert_string_equal(drive_state(&d, "both.a.x"), "launched");
    assert_string_equal(drive_state(&d, "both.b.x"), "waiting");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_int_equal(drive_events(&d, FL_EVENT_ATTEMPT_LAUNCHED, "both"), 4);
    drive_close(&d);
}

#define CHAIN(middle) \
    TOY("toy", "", \
        "model: { program = \"p\"; outputs = { o = \"o\"; }; };" middle \
        "next: { program = \"p\"; when = \"model[-PT6H]\"; };")

/* A cycle that had ended is opened again: what it waits for in the one before has come meanwhile,
 * though that goes by another plan now. */
static void an_ended_run_hears_of_one_that_moved(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, CHAIN(""));
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, CYCLE);
    drive_begin(&d, "model/1");
    drive_submit(&d, NEXT);
    drive_begin(&d, "model/1");
    drive_end(&d, "model/1", "failed");
    assert_int_equal(drive_request(&d, "{'verb':'cancel','which':['next']}"), 0);
    assert_string_equal(drive_state(&d, NULL), "failed");
    drive_load(&d, CHAIN("more: { program = \"p\"; };"));
    drive_look_at(&d, CYCLE);
    assert_int_equal(drive_reload(&d, "insert", ",'stages':['more']"), 0);
    drive_output(&d, "model/1", "o", NULL);
    drive_end(&d, "model/1", "succeeded");
    drive_look_at(&d, NEXT);
    assert_int_equal(drive_request(&d, "{'verb':'retry','which':['next']}"), 0);
    assert_string_equal(drive_state(&d, "next"), "launched");
    drive_look_at(&d, CYCLE);
    drive_play(&d);
    drive_close(&d);
}

/* A run that was cancelled while it waited for another workflow waits again when it is opened, also
 * when that workflow's run was made in between. */
static void an_ended_run_hears_of_one_that_is_made(void **state)
{
    char local[256];
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, TOY("local", "", "fit: { program = \"p\"; when = \"global/model\"; };"));
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, CYCLE);
    (void)snprintf(local, sizeof(local), "%s", d.run);
    assert_int_equal(drive_request(&d, "{'verb':'cancel'}"), 0);
    assert_string_equal(drive_state(&d, NULL), "cancelled");
    drive_load(&d, TOY("global", "", "model: { program = \"p\"; };"));
    drive_submit(&d, CYCLE);
    drive_begin(&d, "model/1");
    (void)snprintf(d.run, sizeof(d.run), "%s", local);
    assert_int_equal(drive_request(&d, "{'verb':'retry'}"), 0);
    assert_string_equal(drive_state(&d, "fit"), "waiting");
    (void)snprintf(d.run, sizeof(d.run), "global/" CYCLE);
    drive_end(&d, "model/1", "succeeded");
    (void)snprintf(d.run, sizeof(d.run), "%s", local);
    assert_string_equal(drive_state(&d, "fit"), "launched");
    drive_play(&d);
    drive_close(&d);
}

/* The tracker of the other workflow failed before it said which storms there are: nobody waits for
 * their tracks for ever. */
static void members_that_are_never_said_are_not_waited_for(void **state)
{
    char local[256];
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, TOY("local", "", "fit: { program = \"p\"; when = \"global/track\"; };"));
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, CYCLE);
    (void)snprintf(local, sizeof(local), "%s", d.run);
    drive_load(&d, TOY("global", "sets: { storm = { declared = true; }; };",
                       "find: { program = \"p\"; declares = \"storm\"; };"
                       "track: { program = \"p\"; foreach = [\"storm\"]; };"));
    drive_submit(&d, CYCLE);
    drive_begin(&d, "find/1");
    drive_end(&d, "find/1", "failed");
    assert_string_equal(drive_state(&d, NULL), "failed");
    (void)snprintf(d.run, sizeof(d.run), "%s", local);
    assert_string_equal(drive_state(&d, "fit"), "skipped");
    drive_close(&d);
}

/* A stage whose body may still be alive has its place; taking it away would also leave the run
 * waiting for something that it no longer has. */
static void what_is_lost_is_not_removed(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, CHAIN("more: { program = \"p\"; };"));
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, CYCLE);
    drive_begin(&d, "more/1");
    drive_hello(&d, "w1", NULL);
    assert_string_equal(drive_state(&d, "more"), "lost");
    drive_load(&d, CHAIN(""));
    assert_int_equal(drive_reload(&d, "remove", ",'stages':['more']"), FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "more is lost"));
    assert_int_equal(drive_request(&d, "{'verb':'set-state','which':['more'],'state':'failed'}"),
                     0);
    assert_int_equal(drive_reload(&d, "remove", ",'stages':['more']"), 0);
    drive_begin(&d, "model/1");
    drive_end(&d, "model/1", "succeeded");
    drive_close(&d);
}

/* The wrong hour in the file is put right while the stage waits for it. */
static void another_hour_holds_at_once(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_set_clock(&d, CYCLE);
    drive_load(&d, TOY("toy", "", "a: { program = \"p\"; at = \"+PT12H\"; };"));
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, CYCLE);
    drive_pass(&d, 3600);
    assert_string_equal(drive_state(&d, "a"), "ready");
    drive_load(&d, TOY("toy", "", "a: { program = \"p\"; at = \"+PT2H\"; };"));
    assert_int_equal(drive_reload(&d, "reload-run", ""), 0);
    assert_string_equal(drive_state(&d, "a"), "ready");
    drive_pass(&d, 3600);
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_close(&d);
}

/* Files of an instance that there is no more are not taken for those of the one in its place. */
static void outputs_stay_with_what_made_them(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d,
               TOY("toy", "leads: { h = \"+000/+001/1\"; };",
                   "a: { program = \"p\"; per = \"leads:h\"; outputs = { o = \"o.{lead}\"; }; };"
                   "b: { program = \"p\"; inputs = { o = \"a.o\"; }; };"));
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, CYCLE);
    assert_int_equal(drive_request(&d, "{'verb':'hold','which':['b']}"), 0);
    drive_begin(&d, "a.f000/1");
    drive_output(&d, "a.f000/1", "o", "+000");
    drive_end(&d, "a.f000/1", "succeeded");
    drive_begin(&d, "a.f001/1");
    drive_output(&d, "a.f001/1", "o", "+001");
    drive_load(&d, TOY("toy", "leads: { h = \"+000/+001/1\"; };",
                       "a: { program = \"p\"; leads = \"h\"; outputs = { o = \"o.{lead}\"; }; };"
                       "b: { program = \"p\"; inputs = { o = \"a.o\"; }; };"));
    assert_int_equal(drive_reload(&d, "reload-run", ""), FL_E_REFUSED);
    drive_end(&d, "a.f001/1", "succeeded");
    assert_int_equal(drive_reload(&d, "reload-run", ""), 0);
    assert_string_equal(drive_state(&d, "a"), "launched");
    assert_int_equal(drive_request(&d, "{'verb':'release','which':['b']}"), 0);
    assert_string_equal(drive_state(&d, "b"), "waiting");
    drive_begin(&d, "a/1");
    drive_output(&d, "a/1", "o", "+000");
    drive_output(&d, "a/1", "o", "+001");
    assert_string_equal(drive_state(&d, "b"), "launched");
    drive_close(&d);
}

/* A stage that failed is taken out and a mended one of that name put in: its first attempt is not
 * the old one, whose record the worker still has. */
static void a_stage_that_comes_back_counts_on(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, CHAIN("more: { program = \"p\"; };"));
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, CYCLE);
    drive_begin(&d, "more/1");
    drive_end(&d, "more/1", "failed");
    drive_load(&d, CHAIN(""));
    assert_int_equal(drive_reload(&d, "remove", ",'stages':['more']"), 0);
    drive_load(&d, CHAIN("more: { program = \"q\"; };"));
    assert_int_equal(drive_reload(&d, "insert", ",'stages':['more']"), 0);
    assert_string_equal(drive_state(&d, "more"), "launched");
    drive_begin(&d, "more/2");
    drive_end(&d, "more/2", "succeeded");
    drive_close(&d);
}

/* A program that inserts and removes for weeks comes to a bound that is told. */
static void removed_instances_have_a_bound(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    d.every = 1000; /* the state is bent below */
    drive_load(&d, CHAIN("more: { program = \"p\"; };"));
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, CYCLE);
    drive_begin(&d, "more/1");
    drive_end(&d, "more/1", "failed");
    drive_load(&d, CHAIN(""));
    fl_core_run(d.core, d.run)->gone_count = FL_CORE_GONE_MAX; /* as of so many */
    assert_int_equal(drive_reload(&d, "remove", ",'stages':['more']"), FL_E_FULL);
    assert_non_null(strstr(d.err.text, "the limit is 100000"));
    fl_core_run(d.core, d.run)->gone_count = 0;
    assert_int_equal(drive_reload(&d, "remove", ",'stages':['more']"), 0);
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_said_one_after_the_other),
        cmocka_unit_test(an_ended_run_hears_of_one_that_moved),
        cmocka_unit_test(an_ended_run_hears_of_one_that_is_made),
        cmocka_unit_test(members_that_are_never_said_are_not_waited_for),
        cmocka_unit_test(what_is_lost_is_not_removed),
        cmocka_unit_test(another_hour_holds_at_once),
        cmocka_unit_test(outputs_stay_with_what_made_them),
        cmocka_unit_test(a_stage_that_comes_back_counts_on),
        cmocka_unit_test(removed_instances_have_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
