/* Workflows as a person writes them, run to their end by the pure core. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/path.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#define CYCLE "20261124T0000Z"
#define ONE_POOL \
    "pools = { local = { site = \"local\"; cores = 2; jobs = 8; }; }; sites = { local = { root = " \
    "\"local\"; }; };"

static void open_with(struct drive *d, const char *text)
{
    drive_open(d);
    drive_load(d, text);
    drive_submit(d, CYCLE);
}

static const char one_stage[] =
    "workflow: { name = \"toy\"; " ONE_POOL
    " stages: { grid: { program = \"fairlead-prep\"; outputs = { grid = \"grid.nc\"; }; }; }; };";

/* The plain way: a stage is launched, let begin, brings its output, ends, and the run is done. */
static void run_of_one_stage_succeeds(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, one_stage);
    assert_string_equal(drive_state(&d, "grid"), "ready");
    drive_hello(&d, "w1", NULL);
    assert_int_equal(drive_count(&d, "launch", "grid/1"), 1);
    assert_string_equal(drive_state(&d, "grid"), "launched");
    drive_begin(&d, "grid/1");
    assert_int_equal(drive_count(&d, "go", "grid/1"), 1);
    drive_output(&d, "grid/1", "grid", NULL);
    drive_end(&d, "grid/1", "succeeded");
    assert_int_equal(drive_count(&d, "forget", "grid/1"), 1);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* A stage said a mark that is longer than an event's text. It was dropped with its place in the
 * spool, so that all that followed was a gap: the attempt never ended, not even by a cancel. */
static void what_cannot_be_recorded_keeps_its_place(void **state)
{
    static char event[FL_EVENT_TEXT_MAX + 512];
    static char cause[FL_EVENT_TEXT_MAX + 1];
    struct drive d;

    (void)state;
    open_with(&d, one_stage);
    drive_hello(&d, "w1", NULL);
    drive_begin(&d, "grid/1");
    memset(cause, 'x', sizeof(cause) - 1);
    (void)snprintf(event, sizeof(event),
                   "{'type':'output','output':'grid','path':'work/toy/" CYCLE
                   "/grid/1/out/grid.nc','size':1,'sha256':'%064d','degraded':[{'cause':'%s'}]}",
                   0, cause);
    (void)drive_say(&d, "grid/1", 0, event);
    assert_int_equal(drive_events(&d, FL_EVENT_OUTPUT_ACCEPTED, "grid"), 0);
    drive_end(&d, "grid/1", "succeeded");
    assert_string_equal(drive_state(&d, "grid"), "failed");
    assert_true(strstr(drive_reason(&d, "grid"), "not announced") != NULL);
    drive_close(&d);
}

/* The main job, hurricane forcing from the best track: whole, in order, nothing degraded. */
static void main_job_with_best_track_runs_to_its_end(void **state)
{
    char path[FL_PATH_MAX];
    struct drive d;

    (void)state;
    drive_open(&d);
    d.every = 64;
    (void)snprintf(path, sizeof(path), "%s/templates/surge-michael/workflow.cfg",
                   getenv("FL_TOP_SRCDIR"));
    drive_load_file(&d, path, "forcing=best-track");
    drive_submit(&d, "20181009T0000Z");
    drive_hello(&d, "w1", NULL);
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_string_equal(drive_marks(&d, "post", "product", "+054"), "");
    assert_string_equal(drive_state(&d, "deliver.f054"), "succeeded");
    assert_string_equal(drive_state(&d, "deliver_summary"), "succeeded");
    drive_close(&d);
}

/* The main job with a hole in the forcing: the run goes through, and exactly the products from the
 * first hour after the last good step carry the mark. */
static void main_job_with_a_hole_is_degraded_from_the_right_hour_on(void **state)
{
    char path[FL_PATH_MAX];
    struct drive d;

    (void)state;
    drive_open(&d);
    d.every = 64;
    d.lag = true; /* all forcing is there, the marked too, while the first hours are made */
    d.rules[0] = (struct drive_rule){
        .stage = "forcing", .lead = "+042", .cause = "not at the source", .age = NULL};
    d.rules[1] = (struct drive_rule){
        .stage = "forcing", .lead = "+045", .cause = "not at the source", .age = NULL};
    (void)snprintf(path, sizeof(path), "%s/templates/surge-michael/workflow.cfg",
                   getenv("FL_TOP_SRCDIR"));
    drive_load_file(&d, path, "forcing=gfs");
    drive_submit(&d, "20181009T0000Z");
    drive_hello(&d, "w1", NULL);
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    for (int hour = 0; hour <= 54; hour++) {
        char lead[8];
        const char *marks;

        (void)snprintf(lead, sizeof(lead), "+%03d", hour);
        marks = drive_marks(&d, "post", "product", lead);
        if (hour < 40)
            assert_string_equal(marks, "");
        else if (!strstr(marks, "bridged PT9H") || !strstr(marks, "PT9H"))
            fail_msg("%s: '%s' does not tell of the bridge", lead, marks);
        assert_string_equal(drive_marks(&d, "post", "map", lead), marks);
    }
    assert_true(strstr(drive_marks(&d, "summary", "max", NULL), "bridged PT9H") != NULL);
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_of_one_stage_succeeds),
        cmocka_unit_test(what_cannot_be_recorded_keeps_its_place),
        cmocka_unit_test(main_job_with_best_track_runs_to_its_end),
        cmocka_unit_test(main_job_with_a_hole_is_degraded_from_the_right_hour_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
