/* What runs are told from outside: signals, and files that appear. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/state.h"
#include "engine/core/view.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#define CYCLE "20261124T0000Z"
#define TOY(stages) \
    "workflow: { name = \"toy\"; pools = { local = { site = \"local\"; cores = 2; jobs = 8; }; " \
    "}; " \
    "sites = { local = { root = \"local\"; }; }; stages: { " stages " }; };"

static void open_toy(struct drive *d, const char *text)
{
    drive_open(d);
    drive_load(d, text);
    drive_hello(d, "w1", NULL);
    drive_submit(d, CYCLE);
}

static int signal(struct drive *d, const char *to, const char *whom, const char *name)
{
    return drive_feed(d, FL_INPUT_REQUEST, NULL,
                      json_pack("{s:s,s:s,s:s,s:s}", "verb", "signal", to, whom, "name", name,
                                "text", "by telephone"));
}

/* The forecaster says go: what waits for that starts, once, and a wrong name is told. */
static void a_signal_lets_start_what_waits_for_it(void **state)
{
    fl_json_auto json_t *why = NULL;
    struct drive d;

    (void)state;
    open_toy(&d, TOY("a: { program = \"p\"; when = \"event:go\"; };"));
    assert_string_equal(drive_state(&d, "a"), "waiting");
    assert_ok(fl_view_why(d.core, d.run, "a", d.now_ns, &why, &d.err), d.err);
    assert_non_null(strstr(json_string_value(json_object_get(why, "text")), "go"));
    assert_int_equal(signal(&d, "run", d.run, "stop"), FL_E_NOENT);
    assert_non_null(strstr(d.err.text, "its triggers wait for: go"));
    assert_int_equal(signal(&d, "run", d.run, "go"), 0);
    assert_string_equal(drive_state(&d, "a"), "launched");
    assert_int_equal(signal(&d, "run", d.run, "go"), FL_E_REFUSED);
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* A program that knows nothing of cycles tells the workflow: all its runs that wait hear of it. */
static void a_signal_to_a_workflow_reaches_its_runs(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY("a: { program = \"p\"; when = \"event:go\"; };"));
    drive_submit(&d, "20261124T0600Z");
    assert_int_equal(signal(&d, "workflow", "nothing", "go"), FL_E_NOENT);
    assert_int_equal(signal(&d, "workflow", "toy", "go"), 0);
    assert_int_equal(drive_events(&d, FL_EVENT_SIGNALLED, NULL), 2);
    drive_play(&d);
    assert_int_equal(drive_events(&d, FL_EVENT_RUN_ENDED, NULL), 2);
    drive_close(&d);
}

static const json_t *watch_of(const struct drive *d)
{
    for (size_t i = 0; i < json_array_size(d->queue); i++) {
        const json_t *message = json_array_get(json_array_get(d->queue, i), 1);

        if (strcmp(json_string_value(json_object_get(message, "type")), "watch") == 0)
            return message;
    }
    return NULL;
}

/* A file that another system puts there: the site's worker watches for it, is told again after it
 * was away, and what it says lets the stage start, once. */
static void a_file_that_arrives_lets_start_what_waits_for_it(void **state)
{
    const json_t *watch;
    json_t *arrived;
    struct drive d;

    (void)state;
    open_toy(&d, TOY("a: { program = \"p\"; when = \"file(\\\"inbox/{cycle}.ready\\\")\"; };"));
    watch = watch_of(&d);
    assert_non_null(watch);
    assert_string_equal(json_string_value(json_object_get(watch, "path")), "inbox/" CYCLE ".ready");
    drive_clear(&d);
    drive_hello(&d, "w1", NULL);
    watch = watch_of(&d);
    assert_non_null(watch);
    arrived = json_pack("{s:s,s:O,s:O,s:i}", "type", "arrived", "id", json_object_get(watch, "id"),
                        "path", json_object_get(watch, "path"), "size", 7);
    assert_int_equal(drive_feed(&d, FL_INPUT_ARRIVED, "w1", json_incref(arrived)), 0);
    assert_string_equal(drive_state(&d, "a"), "launched");
    assert_int_equal(drive_feed(&d, FL_INPUT_ARRIVED, "w1", arrived), 0);
    assert_int_equal(drive_events(&d, FL_EVENT_FILE_ARRIVED, "a"), 1);
    drive_clear(&d);
    drive_hello(&d, "w2", NULL);
    assert_null(watch_of(&d));
    assert_int_equal(drive_feed(&d, FL_INPUT_ARRIVED, "w1",
                                json_pack("{s:s,s:s}", "id", "nonsense", "path", "x")),
                     FL_E_PARSE);
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_lets_start_what_waits_for_it),
        cmocka_unit_test(a_signal_to_a_workflow_reaches_its_runs),
        cmocka_unit_test(a_file_that_arrives_lets_start_what_waits_for_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
