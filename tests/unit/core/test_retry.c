/* What follows a bad end: rules by cause, and attempts that are lost. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/retry.h"
#include "engine/core/view.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#define CYCLE "20261124T0000Z"
#define TOY(rules) \
    "workflow: { name = \"toy\"; pools = { local = { site = \"local\"; cores = 2; jobs = 8; }; " \
    "}; " \
    "sites = { local = { root = \"local\"; }; }; stages: { a: { program = \"p\"; " rules \
    " }; }; };"

static void open_toy(struct drive *d, const char *text)
{
    drive_open(d);
    drive_load(d, text);
    drive_submit(d, CYCLE);
    drive_hello(d, "w1", NULL);
}

static void end(struct drive *d, const char *attempt, const char *how)
{
    drive_begin(d, attempt);
    assert_int_equal(drive_say(d, attempt, 0, how), 0);
}

/* Each cause has its own rule, and its own count. */
static void the_most_exact_rule_wins(void **state)
{
    static const struct {
        const char *rules;
        const char *end;
        int64_t delay_s; /* of the next attempt; -1: none */
    } cases[] = {
        {"", "{'type':'end','state':'failed','code':75}", 5},
        {"", "{'type':'end','state':'failed','code':1,'class':'limit'}", 5},
        {"", "{'type':'end','state':'failed','code':1}", -1},
        {"", "{'type':'end','state':'failed','code':78}", -1},
        {"", "{'type':'end','state':'timed-out'}", -1},
        {"on = { any = { tries = 2; delay = \"PT9S\"; }; };",
         "{'type':'end','state':'failed','code':1}", 9},
        {"on = { any = { tries = 2; delay = \"PT9S\"; }; exit_1 = { tries = 2; delay = \"PT7S\"; "
         "}; data = { tries = 2; delay = \"PT8S\"; }; };",
         "{'type':'end','state':'failed','code':1}", 7},
        {"on = { any = { tries = 2; delay = \"PT9S\"; }; data = { tries = 2; delay = \"PT8S\"; "
         "}; };",
         "{'type':'end','state':'failed','code':1}", 8},
        {"on = { exit_1 = { tries = 2; delay = \"PT7S\"; }; };",
         "{'type':'end','state':'failed','code':2}", -1},
        {"on = { signal_9 = { tries = 2; delay = \"PT3S\"; }; };",
         "{'type':'end','state':'failed','signal':9}", 3},
        {"on = { check = { tries = 2; delay = \"PT4S\"; }; data = { tries = 9; delay = \"PT1S\"; "
         "}; };",
         "{'type':'end','state':'failed','code':0,'class':'data','cause':'check'}", 4},
        {"on = { timed-out = { tries = 2; delay = \"PT6S\"; }; };",
         "{'type':'end','state':'timed-out'}", 6},
        {"on = { transient = { tries = 1; delay = \"PT6S\"; }; };",
         "{'type':'end','state':'failed','code':75}", -1},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct drive d;
        char text[1024];

        (void)snprintf(text, sizeof(text), TOY("%s"), cases[i].rules);
        open_toy(&d, text);
        end(&d, "a/1", cases[i].end);
        if (cases[i].delay_s < 0) {
            assert_true(fl_core_next_timer_ns(d.core) == INT64_MAX);
            assert_string_equal(drive_state(&d, NULL), "failed");
        } else {
            assert_int_equal(fl_core_next_timer_ns(d.core) - d.now_ns,
                             cases[i].delay_s * 1000000000);
        }
        drive_close(&d);
    }
}

/* A failing network does not use up the tries that a full disk has. */
static void tries_are_counted_by_cause(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY("on = { exit_3 = { tries = 2; delay = \"PT1S\"; }; exit_4 = { tries = 3; "
                     "delay = \"PT1S\"; grow = 10.0; }; };"));
    end(&d, "a/1", "{'type':'end','state':'failed','code':3}");
    drive_pass(&d, 1);
    end(&d, "a/2", "{'type':'end','state':'failed','code':4}");
    drive_pass(&d, 1);
    end(&d, "a/3", "{'type':'end','state':'failed','code':4}");
    assert_int_equal(fl_core_next_timer_ns(d.core) - d.now_ns, INT64_C(10000000000));
    assert_non_null(strstr(drive_reason(&d, "a"), "exit_4: 3 of 3"));
    drive_pass(&d, 10);
    end(&d, "a/4", "{'type':'end','state':'failed','code':3}");
    assert_string_equal(drive_state(&d, NULL), "failed");
    drive_close(&d);
}

/* The node lost its disk: nothing proves the model dead that may still write. Nothing starts beside
 * it, and the run waits; a person who knows starts another. */
static void a_lost_attempt_holds_its_stage(void **state)
{
    fl_json_auto json_t *why = NULL;
    struct drive d;

    (void)state;
    open_toy(&d, TOY(""));
    drive_begin(&d, "a/1");
    drive_hello(&d, "w1", NULL);
    assert_string_equal(drive_state(&d, "a"), "lost");
    assert_string_equal(drive_state(&d, NULL), "running");
    assert_ok(fl_view_why(d.core, d.run, "a", d.now_ns, &why, &d.err), d.err);
    assert_non_null(strstr(json_string_value(json_object_get(why, "text")),
                           "`fairlead retry --force 'toy/" CYCLE "' a`"));
    assert_int_equal(drive_ask(&d, "retry", "a", NULL), FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "--force"));
    assert_int_equal(drive_feed(&d, FL_INPUT_REQUEST, NULL,
                                json_pack("{s:s,s:s,s:s,s:b}", "verb", "retry", "run", d.run,
                                          "stage", "a", "force", 1)),
                     0);
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* The node burns: who knows it need not wait for a rule. But a worker that is only being started
 * again comes back with the body that runs, and a second one would write beside it. */
static void a_gone_workers_attempt_is_given_up_at_once_but_not_too_soon(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY(""));
    drive_begin(&d, "a/1");
    assert_int_equal(drive_feed(&d, FL_INPUT_WORKER_GONE, "w1", json_pack("{s:s}", "reason", "x")),
                     0);
    drive_pass(&d, 4);
    assert_int_equal(drive_request(&d, "{'verb':'retry','which':['a'],'force':true}"),
                     FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "worker 'w1', which is gone for 4 s only"));
    drive_pass(&d, 26);
    assert_int_equal(drive_request(&d, "{'verb':'retry','which':['a'],'force':true}"), 0);
    assert_string_equal(drive_state(&d, "a"), "ready");
    drive_hello(&d, "w2", NULL);
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_close(&d);
}

static void hello_dead(struct drive *d, const char *attempt)
{
    char id[256];

    (void)snprintf(id, sizeof(id), "%s/%s", d->run, attempt);
    assert_int_equal(
        drive_feed(d, FL_INPUT_WORKER_HELLO, "w1",
                   json_pack("{s:s,s:[],s:[s]}", "worker", "w1", "attempts", "dead", id)),
        0);
}

/* When the worker says that the supervisor is dead, the rule decides: at once, or later. */
static void proof_of_death_lets_the_rule_decide(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY("on = { lost = { tries = 2; delay = \"PT2S\"; }; };"));
    drive_begin(&d, "a/1");
    drive_hello(&d, "w1", NULL);
    assert_string_equal(drive_state(&d, "a"), "lost"); /* a rule, but no proof */
    assert_true(fl_core_next_timer_ns(d.core) == INT64_MAX);
    hello_dead(&d, "a/1");
    assert_int_equal(fl_core_next_timer_ns(d.core) - d.now_ns, INT64_C(2000000000));
    drive_pass(&d, 2);
    drive_begin(&d, "a/2");
    hello_dead(&d, "a/2"); /* known dead as it comes back; the tries are used up */
    assert_string_equal(drive_state(&d, "a"), "lost");
    assert_string_equal(drive_state(&d, NULL), "failed");
    drive_close(&d);
}

/* A late end of a lost attempt is proof, and never accepted. */
static void a_late_end_is_proof_and_no_success(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY("on = { lost = { tries = 1; }; };"));
    drive_begin(&d, "a/1");
    drive_hello(&d, "w1", NULL);
    drive_say(&d, "a/1", 0, "{'type':'end','state':'succeeded'}");
    assert_string_equal(drive_state(&d, "a"), "failed");
    assert_non_null(strstr(drive_reason(&d, "a"), "found its end"));
    assert_string_equal(drive_state(&d, NULL), "failed");
    drive_close(&d);
}

static void silent(struct drive *d)
{
    assert_int_equal(drive_feed(d, FL_INPUT_WORKER_GONE, "w1",
                                json_pack("{s:s,s:b}", "reason", "silent", "silent", 1)),
                     0);
}

/* Where the stage allows it, another attempt starts beside one that cannot be reached; the first is
 * accepted no more. */
static void with_overlap_another_starts_at_once(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY("on = { lost = { tries = 2; delay = \"PT0S\"; overlap = true; }; };"));
    drive_begin(&d, "a/1");
    drive_hello(&d, "w2", NULL);
    silent(&d);
    assert_string_equal(drive_state(&d, "a"), "launched");
    assert_int_equal(drive_events(&d, FL_EVENT_ATTEMPT_LAUNCHED, "a"), 2);
    drive_say(&d, "a/1", 0, "{'type':'end','state':'succeeded'}");
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_begin(&d, "a/2");
    drive_end(&d, "a/2", "succeeded");
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* A line that is cut for a minute costs no work: what runs is taken up again. */
static void a_silent_worker_loses_nothing_by_itself(void **state)
{
    static const char *const live[] = {"a/1", NULL};
    struct drive d;

    (void)state;
    open_toy(&d, TOY("on = { lost = { tries = 2; }; };"));
    drive_begin(&d, "a/1");
    silent(&d);
    assert_string_equal(drive_state(&d, "a"), "running");
    drive_hello(&d, "w1", live);
    drive_end(&d, "a/1", "succeeded");
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* A run that is cancelled does not wait for what is lost. */
static void cancel_ends_what_is_lost(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY(""));
    drive_begin(&d, "a/1");
    drive_hello(&d, "w1", NULL);
    assert_int_equal(drive_ask(&d, "cancel", NULL, NULL), 0);
    assert_string_equal(drive_state(&d, "a"), "cancelled");
    assert_string_equal(drive_state(&d, NULL), "cancelled");
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_exact_rule_wins),
        cmocka_unit_test(tries_are_counted_by_cause),
        cmocka_unit_test(a_lost_attempt_holds_its_stage),
        cmocka_unit_test(a_gone_workers_attempt_is_given_up_at_once_but_not_too_soon),
        cmocka_unit_test(proof_of_death_lets_the_rule_decide),
        cmocka_unit_test(a_late_end_is_proof_and_no_success),
        cmocka_unit_test(with_overlap_another_starts_at_once),
        cmocka_unit_test(a_silent_worker_loses_nothing_by_itself),
        cmocka_unit_test(cancel_ends_what_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
