/* Ended runs that no rule of a workflow looks after leave the memory, and nothing else does. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/paging.h"
#include "engine/core/snapshot.h"
#include "tests/lib/drive.h"
#include "tests/lib/dump.h"
#include "tests/lib/test.h"

#include "engine/base/banned.h"

#define PLACE \
    "pools = { local = { site = \"local\"; cores = 8; jobs = 8; }; }; sites = { local = { root = " \
    "\"local\"; }; };"
#define ONE \
    "workflow: { name = \"one\"; " PLACE " stages: { a: { program = \"p\"; outputs = { o = " \
    "\"o.nc\"; }; }; }; };"

static void open_core(struct drive *d, const char *workflow)
{
    drive_open(d);
    d->every = 997; /* hundreds of runs in each dump */
    drive_load(d, workflow);
    drive_hello(d, "w1", NULL);
}

static int submit(struct drive *d, const char *cycle, const char *variant)
{
    return drive_feed(
        d, FL_INPUT_SUBMIT, NULL,
        json_pack("{s:s,s:s,s:s*}", "digest", d->digest, "cycle", cycle, "variant", variant));
}

/* Forecasters' runs, each to its end. */
static void play_runs(struct drive *d, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char variant[16];

        (void)snprintf(variant, sizeof(variant), "v%04d", i);
        if (submit(d, "20261124T0000Z", variant) < 0)
            fail_msg("%s: %s", variant, d->err.text);
        drive_play(d);
    }
}

/* A coordinator that runs for months must not grow with all that it has ever run, and what it held
 * before a restart is what it holds after. */
static void a_thousand_ended_runs_leave_the_newest(void **state)
{
    fl_auto(fl_buf_release) struct fl_buf bytes;
    struct drive d;
    size_t held;

    (void)state;
    fl_buf_init(&bytes, FL_SNAPSHOT_MAX);
    open_core(&d, ONE);
    play_runs(&d, 0, FL_CORE_ENDED_KEPT);
    assert_int_equal(drive_events(&d, FL_EVENT_RUN_PAGED, NULL), 0);
    assert_ok(fl_core_save(d.core, &bytes, &d.err), d.err);
    held = bytes.size;
    play_runs(&d, FL_CORE_ENDED_KEPT, 1000 - FL_CORE_ENDED_KEPT);
    assert_int_equal(drive_events(&d, FL_EVENT_RUN_PAGED, NULL), 1000 - FL_CORE_ENDED_KEPT);
    assert_int_equal(d.core->live_runs, FL_CORE_ENDED_KEPT);
    assert_null(fl_core_run(d.core, "one/20261124T0000Z#v0799"));
    assert_non_null(fl_core_run(d.core, "one/20261124T0000Z#v0800"));
    fl_buf_clear(&bytes);
    assert_ok(fl_core_save(d.core, &bytes, &d.err), d.err);
    assert_true(bytes.size < held * 2); /* names, and places in the list of runs */
    assert_int_equal(drive_cleans(&d, "one/20261124T0000Z#v0000"), 0);
    drive_close(&d); /* a replay, and the way through a snapshot, come to the same */
}

/* A second run of that name would write where the first has its files. */
static void the_name_of_a_paged_run_is_not_given_again(void **state)
{
    struct drive d;

    (void)state;
    open_core(&d, ONE);
    play_runs(&d, 0, FL_CORE_ENDED_KEPT + 1);
    assert_true(fl_core_is_paged(d.core, "one/20261124T0000Z#v0000"));
    assert_int_equal(submit(&d, "20261124T0000Z", "v0000"), FL_E_EXISTS);
    assert_non_null(strstr(d.err.text, "fairlead run FILE --cycle 20261124T0000Z --variant NAME"));
    drive_close(&d);
}

/* A person who types the name of an old run is told what became of it, not that it never was. */
static void an_action_on_a_paged_run_says_what_to_do(void **state)
{
    static const char *const verbs[] = {"retry", "cancel", "hold", "skip"};
    struct drive d;

    (void)state;
    open_core(&d, ONE);
    play_runs(&d, 0, FL_CORE_ENDED_KEPT + FL_CORE_ENDED_NEWEST);
    for (size_t i = 0; i < FL_COUNT(verbs); i++) {
        char text[128];

        (void)snprintf(text, sizeof(text), "{'verb':'%s','run':'one/20261124T0000Z#v0001'}",
                       verbs[i]);
        assert_int_equal(drive_request(&d, text), FL_E_NOENT);
        assert_non_null(strstr(d.err.text, "is held no more"));
        assert_non_null(strstr(d.err.text, "what it made stays"));
    }
    drive_close(&d);
}

/* What may still be tried again goes last. */
static void runs_that_failed_stay_longer(void **state)
{
    struct drive d;

    (void)state;
    open_core(&d, ONE);
    d.rules[0] = (struct drive_rule){.stage = "a", .class = "config"};
    play_runs(&d, 0, 50);
    d.rules[0] = (struct drive_rule){0};
    play_runs(&d, 50, 400);
    assert_non_null(fl_core_run(d.core, "one/20261124T0000Z#v0000"));
    assert_null(fl_core_run(d.core, "one/20261124T0000Z#v0299"));
    assert_non_null(fl_core_run(d.core, "one/20261124T0000Z#v0300"));
    assert_int_equal(d.core->live_runs, FL_CORE_ENDED_KEPT);
    d.rules[0] = (struct drive_rule){.stage = "a", .class = "config"};
    play_runs(&d, 450, 200); /* but not for ever */
    assert_null(fl_core_run(d.core, "one/20261124T0000Z#v0000"));
    assert_int_equal(d.core->live_runs, FL_CORE_ENDED_KEPT);
    drive_close(&d);
}

/* One that was taken up again is unfinished, and then the newest that ended. */
static void a_run_that_goes_on_is_not_paged(void **state)
{
    struct drive d;

    (void)state;
    open_core(&d, ONE);
    d.rules[0] = (struct drive_rule){.stage = "a", .class = "config", .attempts = 1};
    play_runs(&d, 0, 1);
    d.rules[0] = (struct drive_rule){0};
    play_runs(&d, 1, FL_CORE_ENDED_KEPT - 1);
    assert_int_equal(drive_request(&d, "{'verb':'retry','run':'one/20261124T0000Z#v0000'}"), 0);
    play_runs(&d, 300, 150);
    assert_non_null(fl_core_run(d.core, "one/20261124T0000Z#v0000"));
    play_runs(&d, 450, 60);
    assert_null(fl_core_run(d.core, "one/20261124T0000Z#v0000"));
    drive_close(&d);
}

#define WARM \
    "workflow: { name = \"warm\"; " PLACE \
    " cycles = { every = \"PT6H\"; from = \"20261101T0000Z\"; }; stages: { a: { " \
    "program = \"p\"; outputs = { o = \"o.nc\"; }; inputs = { r = { first_of = [" \
    "\"a[-PT6H].o\", \"cold\"]; }; }; }; }; };"

/* A warm start takes the restart file of the cycle before, however many other runs there were. */
static void the_newest_cycle_stays_for_a_warm_start(void **state)
{
    struct drive d;

    (void)state;
    open_core(&d, WARM);
    assert_int_equal(submit(&d, "20261123T1200Z", NULL), 0);
    drive_play(&d);
    assert_int_equal(submit(&d, "20261123T1800Z", NULL), 0);
    drive_play(&d);
    assert_int_equal(submit(&d, "20261124T0000Z", NULL), 0);
    drive_play(&d);
    play_runs(&d, 0, FL_CORE_ENDED_KEPT + 10);
    assert_null(fl_core_run(d.core, "warm/20261123T1200Z"));
    assert_non_null(fl_core_run(d.core, "warm/20261123T1800Z"));
    assert_non_null(fl_core_run(d.core, "warm/20261124T0000Z"));
    assert_int_equal(submit(&d, "20261124T0600Z", NULL), 0);
    drive_look_at(&d, "20261124T0600Z");
    drive_play(&d);
    assert_string_equal(drive_marks(&d, "a", "o", NULL), "");
    drive_close(&d);
}

/* Without keep the cycles of an operation stay no longer than other runs, and are not made again.
 */
static void cycles_without_keep_are_paged(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    d.every = 997;
    drive_set_clock(&d, "20261230T0000Z");
    drive_load(&d, "workflow: { name = \"flow\"; cycles = { every = \"PT1H\"; from = "
                   "\"20261124T0000Z\"; stop = \"20261203T1100Z\"; ahead = 9; }; " PLACE
                   " stages: { a: { program = \"p\"; outputs = { o = \"o.nc\"; }; }; }; };");
    drive_hello(&d, "w1", NULL);
    if (drive_install(&d, NULL) < 0)
        fail_msg("install: %s", d.err.text);
    drive_play(&d);
    assert_int_equal(drive_events(&d, FL_EVENT_RUN_CREATED, NULL), 228);
    assert_int_equal(d.core->live_runs, FL_CORE_ENDED_KEPT);
    assert_null(fl_core_run(d.core, "flow/20261124T0000Z"));
    assert_int_equal(drive_feed(&d, FL_INPUT_REQUEST, NULL,
                                json_pack("{s:s,s:s}", "verb", "uninstall", "workflow", "flow")),
                     0);
    if (drive_install(&d, "{'start':'20261124T0000Z'}") < 0)
        fail_msg("install: %s", d.err.text);
    drive_play(&d);
    assert_int_equal(drive_events(&d, FL_EVENT_RUN_CREATED, NULL), 228);
    assert_int_equal(drive_events(&d, FL_EVENT_CYCLE_SKIPPED, NULL), 228);
    drive_close(&d);
}

/* The names are bounded as well: the oldest goes, and only that. */
static void the_oldest_name_is_forgotten_at_the_bound(void **state)
{
    struct fl_paged paged = {0};
    struct fl_err err = {0};
    uint32_t v;

    (void)state;
    for (int i = 0; i < FL_CORE_PAGED_MAX + 1; i++) {
        char name[32];
        char *own;

        (void)snprintf(name, sizeof(name), "one/%d", i);
        own = strdup(name);
        assert_non_null(own);
        assert_ok(fl_paged_add(&paged, own, &err), err);
    }
    assert_int_equal(paged.count, FL_CORE_PAGED_MAX);
    assert_false(fl_names_find(&paged.index, "one/0", &v));
    assert_true(fl_names_find(&paged.index, "one/1", &v));
    fl_paged_release(&paged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_ended_runs_leave_the_newest),
        cmocka_unit_test(the_name_of_a_paged_run_is_not_given_again),
        cmocka_unit_test(an_action_on_a_paged_run_says_what_to_do),
        cmocka_unit_test(runs_that_failed_stay_longer),
        cmocka_unit_test(a_run_that_goes_on_is_not_paged),
        cmocka_unit_test(the_newest_cycle_stays_for_a_warm_start),
        cmocka_unit_test(cycles_without_keep_are_paged),
        cmocka_unit_test(the_oldest_name_is_forgotten_at_the_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
