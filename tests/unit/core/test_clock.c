/* Times that a stage waits for, times after which it is of no use, and stages whose end is not that
 * of the run. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/state.h"
#include "engine/core/view.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#define TOY(stages) \
    "workflow: { name = \"toy\"; pools = { local = { site = \"local\"; cores = 2; jobs = 8; }; " \
    "}; " \
    "sites = { local = { root = \"local\"; }; }; stages: { " stages " }; };"

static void open_toy(struct drive *d, const char *text, const char *now)
{
    drive_open(d);
    drive_set_clock(d, now);
    drive_load(d, text);
    drive_submit(d, "20261124T0000Z");
    drive_hello(d, "w1", NULL);
}

static bool why_says(struct drive *d, const char *stage, const char *words)
{
    fl_json_auto json_t *why = NULL;

    assert_ok(fl_view_why(d->core, d->run, stage, d->now_ns, &why, &d->err), d->err);
    return strstr(json_string_value(json_object_get(why, "text")), words) != NULL;
}

/* GFS is not there before three hours and twenty minutes: the stage waits for that time, and says
 * so. */
static void a_stage_waits_for_its_time(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY("a: { program = \"p\"; at = \"+PT3H20M\"; };"), "20261124T0100Z");
    assert_string_equal(drive_state(&d, "a"), "ready");
    assert_true(why_says(&d, "a", "may start at 2026-11-24T03:20"));
    assert_int_equal(fl_core_next_timer_ns(d.core) - d.now_ns, INT64_C(8400) * 1000000000);
    drive_pass(&d, 8399);
    assert_string_equal(drive_state(&d, "a"), "ready");
    drive_pass(&d, 1);
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* In catching up the time has passed long ago: it holds nothing back. */
static void a_time_that_has_passed_holds_nothing_back(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY("a: { program = \"p\"; at = \"+PT3H20M\"; };"), "20261130T0000Z");
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_close(&d);
}

/* A nowcast that has not started in time is of no use: it expires, also while it is held or waits
 * for room; the run ends degraded and says why. */
static void what_is_too_late_expires(void **state)
{
    fl_json_auto json_t *status = NULL;
    struct drive d;

    (void)state;
    open_toy(&d,
             TOY("a: { program = \"p\"; outputs = { o = \"o.nc\"; }; }; b: { program = \"p\"; "
                 "expire = \"+PT2H\"; inputs = { i = \"a.o\"; }; };"),
             "20261124T0100Z");
    drive_begin(&d, "a/1");
    assert_int_equal(fl_core_next_timer_ns(d.core) - d.now_ns, INT64_C(3600) * 1000000000);
    drive_pass(&d, 3600);
    assert_string_equal(drive_state(&d, "b"), "expired");
    assert_non_null(strstr(drive_reason(&d, "b"), "cycle + PT2H"));
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_ok(fl_view_status(d.core, d.run, &status, &d.err), d.err);
    assert_int_equal(json_array_size(json_object_get(status, "degraded")), 1);
    drive_close(&d);
}

/* What has started is not too late, also when its first attempt failed. */
static void what_has_started_does_not_expire(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY("a: { program = \"p\"; expire = \"+PT2H\"; };"), "20261124T0100Z");
    drive_begin(&d, "a/1");
    assert_int_equal(drive_say(&d, "a/1", 0, "{'type':'end','state':'failed','code':75}"), 0);
    drive_set_clock(&d, "20261124T0500Z");
    (void)drive_feed(&d, FL_INPUT_TICK, NULL, NULL);
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* The plot for the web page may fail: the forecast is good, and the run says what is missing. */
static void an_optional_stage_does_not_fail_its_run(void **state)
{
    fl_json_auto json_t *status = NULL;
    struct drive d;

    (void)state;
    open_toy(&d, TOY("a: { program = \"p\"; }; b: { program = \"p\"; optional = true; };"),
             "20261124T0100Z");
    drive_begin(&d, "b/1");
    assert_int_equal(drive_say(&d, "b/1", 0, "{'type':'end','state':'failed','code':1}"), 0);
    drive_play(&d);
    assert_string_equal(drive_state(&d, "b"), "failed");
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_ok(fl_view_status(d.core, d.run, &status, &d.err), d.err);
    assert_non_null(strstr(json_string_value(json_object_get(
                               json_array_get(json_object_get(status, "degraded"), 0), "cause")),
                           "b, which is optional, ended failed"));
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_waits_for_its_time),
        cmocka_unit_test(a_time_that_has_passed_holds_nothing_back),
        cmocka_unit_test(what_is_too_late_expires),
        cmocka_unit_test(what_has_started_does_not_expire),
        cmocka_unit_test(an_optional_stage_does_not_fail_its_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
