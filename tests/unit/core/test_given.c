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

/* ---- leads of sources ---- */

#define SOURCED(leads, stages) \
    "workflow: { name = \"toy\"; leads = { " leads " }; pools = { local = { site = \"local\"; " \
    "cores = 2; jobs = 8; }; }; sites = { local = { root = \"local\"; }; }; stages: { " stages \
    " }; };"
#define HOURS "hours = \"+000/+012/3\";"

/* The i-th message of a type for a worker that waits to be taken; NULL: there is none. */
static const json_t *told(const struct drive *d, const char *worker, const char *type, size_t i)
{
    for (size_t k = 0; k < json_array_size(d->queue); k++) {
        const json_t *item = json_array_get(d->queue, k);
        const json_t *message = json_array_get(item, 1);

        if (strcmp(json_string_value(json_object_get(message, "type")), type) == 0 &&
            strcmp(json_string_value(json_array_get(item, 0)), worker) == 0 && i-- == 0)
            return message;
    }
    return NULL;
}

static const char *sets_told(const json_t *await, char text[static 256])
{
    const json_t *sets = json_object_get(await, "leads");

    text[0] = '\0';
    for (size_t i = 0; i < json_array_size(sets); i++)
        (void)snprintf(text + strlen(text), 256 - strlen(text), "%s%s", i ? " " : "",
                       json_string_value(json_array_get(sets, i)));
    return text;
}

static int lead_told(struct drive *d, const char *id, const char *lead, const char *cause)
{
    json_t *message = json_pack("{s:s,s:s,s:s}", "type", "available", "id", id, "lead", lead);

    if (cause) {
        (void)json_object_set_new(message, "absent", json_true());
        (void)json_object_set_new(message, "cause", json_string(cause));
    }
    return drive_feed(d, FL_INPUT_ARRIVED, "w1", message);
}

#define GFS "toy/" CYCLE "|local|gfs.0p25|" CYCLE

/* A stage starts when its part of the source is there: asked once, again after the worker was away,
 * only for what is missing, and what is told twice changes nothing. */
static void leads_of_a_source_let_start_what_waits_for_them(void **state)
{
    fl_json_auto json_t *why = NULL;
    const json_t *await;
    char text[256];
    struct drive d;

    (void)state;
    open_toy(&d, SOURCED(HOURS, "a: { program = \"p\"; leads = \"hours\"; "
                                "when = \"source:gfs.0p25(+000/+006)\"; };"));
    await = told(&d, "w1", "await", 0);
    assert_non_null(await);
    assert_string_equal(json_string_value(json_object_get(await, "id")), GFS);
    assert_string_equal(json_string_value(json_object_get(await, "source")), "gfs.0p25");
    assert_string_equal(json_string_value(json_object_get(await, "cycle")), CYCLE);
    assert_string_equal(sets_told(await, text), "+000/+006/003");
    assert_int_equal(lead_told(&d, GFS, "+000", NULL), 0);
    assert_int_equal(lead_told(&d, GFS, "+000", NULL), 0);
    assert_int_equal(lead_told(&d, GFS, "+009", NULL), 0); /* nobody asked */
    assert_int_equal(drive_events(&d, FL_EVENT_SOURCE_ARRIVED, NULL), 1);
    assert_ok(fl_view_why(d.core, d.run, "a", d.now_ns, &why, &d.err), d.err);
    assert_non_null(strstr(json_string_value(json_object_get(why, "text")),
                           "of its cycle " CYCLE " 1 of 3 leads are there"));
    drive_clear(&d);
    drive_hello(&d, "w1", NULL);
    assert_string_equal(sets_told(told(&d, "w1", "await", 0), text), "+003/+006/003");
    assert_int_equal(lead_told(&d, GFS, "+006", NULL), 0);
    assert_string_equal(drive_state(&d, "a"), "waiting");
    assert_int_equal(lead_told(&d, GFS, "+003", NULL), 0);
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_clear(&d);
    drive_hello(&d, "w1", NULL);
    assert_null(told(&d, "w1", "await", 0));
    assert_int_equal(lead_told(&d, "nonsense", "+000", NULL), FL_E_PARSE);
    drive_close(&d);
}

/* Fetching begins with the first lead, not with the last: each instance waits for its own, and the
 * source is asked by one process for all. */
static void each_instance_waits_for_its_own_lead(void **state)
{
    char text[256];
    struct drive d;

    (void)state;
    open_toy(&d, SOURCED(HOURS, "a: { program = \"p\"; per = \"leads:hours\"; "
                                "when = \"source:gfs.0p25\"; };"));
    assert_string_equal(sets_told(told(&d, "w1", "await", 0), text), "+000/+012/003");
    assert_null(told(&d, "w1", "await", 1));
    assert_int_equal(lead_told(&d, GFS, "+003", NULL), 0);
    assert_string_equal(drive_state(&d, "a.f003"), "launched");
    assert_string_equal(drive_state(&d, "a.f000"), "waiting");
    drive_close(&d);
}

/* An earlier cycle, and enough of it. */
static void so_many_leads_of_an_earlier_cycle_are_enough(void **state)
{
    struct drive d;
    const char *id = "toy/" CYCLE "|local|ecmwf.oper|20261123T1800Z";

    (void)state;
    open_toy(&d, SOURCED(HOURS, "a: { program = \"p\"; "
                                "when = \"source:ecmwf.oper[-PT6H](hours) >= 40%\"; };"));
    assert_string_equal(json_string_value(json_object_get(told(&d, "w1", "await", 0), "id")), id);
    assert_int_equal(lead_told(&d, id, "+012", NULL), 0);
    assert_string_equal(drive_state(&d, "a"), "waiting");
    assert_int_equal(lead_told(&d, id, "+000", NULL), 0);
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_close(&d);
}

/* The centre never published it: the branch for that is taken at once, and a person who knows that
 * it came after all has it looked for again. */
static void a_lead_that_was_given_up_ends_the_waiting(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, SOURCED(HOURS, "a: { program = \"p\"; when = \"source:gfs.0p25(+000/+006/3)\"; "
                                "optional = true; };"
                                "b: { program = \"p\"; when = \"a:skipped\"; };"
                                "c: { program = \"p\"; when = \"event:go\"; };"));
    assert_int_equal(lead_told(&d, GFS, "+000", NULL), 0);
    assert_int_equal(lead_told(&d, GFS, "+003", "not there by 07:00Z"), 0);
    assert_string_equal(drive_state(&d, "a"), "skipped");
    assert_non_null(strstr(drive_reason(&d, "a"), "+003 was given up: not there by 07:00Z"));
    assert_string_equal(drive_state(&d, "b"), "launched");
    drive_clear(&d);
    assert_int_equal(drive_request(&d, "{'verb':'set-state','which':['a'],'state':'waiting'}"), 0);
    assert_string_equal(drive_state(&d, "a"), "waiting");
    assert_non_null(told(&d, "w1", "await", 0));
    assert_int_equal(lead_told(&d, GFS, "+003", NULL), 0);
    assert_int_equal(lead_told(&d, GFS, "+006", NULL), 0);
    assert_string_equal(drive_state(&d, "a"), "launched");
    drive_close(&d);
}

/* Two workers of a site do not both ask the centre; when the one that does goes, the other does. */
static void one_worker_of_a_site_looks(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, SOURCED(HOURS, "a: { program = \"p\"; when = \"source:gfs.0p25(hours)\"; };"));
    drive_clear(&d);
    drive_hello(&d, "w2", NULL);
    assert_null(told(&d, "w2", "await", 0));
    assert_int_equal(drive_feed(&d, FL_INPUT_WORKER_GONE, "w1", json_pack("{s:s}", "reason", "x")),
                     0);
    assert_non_null(told(&d, "w2", "await", 0));
    drive_clear(&d);
    drive_hello(&d, "w1", NULL);
    assert_non_null(told(&d, "w1", "await", 0));
    assert_non_null(told(&d, "w2", "unwatch", 0));
    drive_clear(&d);
    assert_int_equal(drive_ask(&d, "cancel", NULL, NULL), 0);
    assert_string_equal(drive_state(&d, NULL), "cancelled");
    assert_non_null(told(&d, "w1", "unwatch", 0));
    drive_close(&d);
}

/* What was meant is asked for at check time, not found out at 03:00. */
static void a_source_without_its_leads_is_a_mistake(void **state)
{
    static const struct {
        const char *text;
        const char *said;
    } rows[] = {
        {SOURCED(HOURS, "a: { program = \"p\"; when = \"source:gfs.0p25\"; };"),
         "which leads of source 'gfs.0p25'?"},
        {SOURCED(HOURS, "a: { program = \"p\"; when = \"source:gfs.0p25(+000/+012)\"; };"),
         "this stage has none"},
        {SOURCED(HOURS, "a: { program = \"p\"; leads = \"hours\"; when = "
                        "\"source:gfs.0p25(+000/+011)\"; };"),
         "is no part of the leads 'hours'"},
        {SOURCED(HOURS, "a: { program = \"p\"; when = \"source:gfs.0p25(weeks)\"; };"),
         "is no set of leads"},
        {SOURCED(HOURS, "a: { program = \"p\"; when = \"source:gfs.0p25(hours) >= 6\"; };"),
         "only 5 leads are meant"},
        {SOURCED(HOURS, "a: { program = \"p\"; when = \"source:(hours)\"; };"),
         "the name of a source"},
        {SOURCED(HOURS, "a: { program = \"p\"; when = \"!source:gfs.0p25(hours)\"; };"),
         "'!' is for param and clock"},
        {"workflow: { name = \"toy\"; cycles = { every = \"PT6H\"; from = \"20261124T0000Z\"; "
         "calendar = \"360_day\"; }; stages: { a: { program = \"p\"; when = "
         "\"source:gfs.0p25(+000)\"; }; }; };",
         "standard calendar"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        struct drive d;
        const char *said;

        drive_open(&d);
        said = drive_load_error(&d, rows[i].text);
        if (!strstr(said, rows[i].said))
            fail_msg("'%s' is not in '%s'", rows[i].said, said);
        drive_close(&d);
    }
}

/* A stage may be called source. */
static void a_stage_called_source_is_still_a_stage(void **state)
{
    struct drive d;

    (void)state;
    open_toy(&d, TOY("source: { program = \"p\"; };"
                     "b: { program = \"p\"; when = \"source:succeeded\"; };"));
    assert_null(told(&d, "w1", "await", 0));
    drive_play(&d);
    assert_string_equal(drive_state(&d, "b"), "succeeded");
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_lets_start_what_waits_for_it),
        cmocka_unit_test(a_signal_to_a_workflow_reaches_its_runs),
        cmocka_unit_test(a_file_that_arrives_lets_start_what_waits_for_it),
        cmocka_unit_test(leads_of_a_source_let_start_what_waits_for_them),
        cmocka_unit_test(each_instance_waits_for_its_own_lead),
        cmocka_unit_test(so_many_leads_of_an_earlier_cycle_are_enough),
        cmocka_unit_test(a_lead_that_was_given_up_ends_the_waiting),
        cmocka_unit_test(one_worker_of_a_site_looks),
        cmocka_unit_test(a_source_without_its_leads_is_a_mistake),
        cmocka_unit_test(a_stage_called_source_is_still_a_stage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
