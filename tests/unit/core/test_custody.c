/* What is delivered goes from its source when nothing needs it any more, and not before. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/state.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#define CYCLE "20261124T0000Z"
#define NEXT "20261124T0600Z"

/* more: keys of the delivery; rest: more stages. */
static char *workflow(const char *more, const char *rest)
{
    static char text[8192];

    (void)snprintf(
        text, sizeof(text),
        "workflow: { name = \"toy\"; cycles = { every = \"PT6H\"; from = \"20261124T0000Z\"; };"
        " sites = { hpc = { root = \"hpc\"; }; local = { root = \"local\"; };"
        "           far = { root = \"far\"; }; };"
        " pools = { main = { site = \"hpc\"; cores = 2; jobs = 8; };"
        "           store = { site = \"local\"; jobs = 8; }; away = { site = \"far\"; jobs = 8; }; "
        "};"
        " leads = { hourly = \"+000/+003/1\"; };"
        " stages: {"
        "  make: { pool = \"main\"; program = \"make\"; per = \"leads:hourly\";"
        "          outputs = { product = \"p.{lead}.nc\"; log = \"l.{lead}.txt\"; }; };"
        "  deliver: { per = \"make\"; to = \"local\"; inputs = { files = [\"make.product\"]; };"
        "             keep_at_source = false; %s };"
        "  %s }; };",
        more, rest);
    return text;
}

static void open_with(struct drive *d, const char *more, const char *rest)
{
    drive_open(d);
    drive_set_clock(d, "2026-11-24T00:10:00Z");
    drive_load(d, workflow(more, rest));
    drive_submit(d, CYCLE);
    drive_hello(d, "worker", NULL);
}

static const struct fl_slot *slot_of(const struct drive *d, const char *stage, const char *key,
                                     const char *output)
{
    struct fl_run *run = fl_core_run(d->core, d->run);
    struct fl_err err = {0};
    uint32_t inst;
    uint32_t slot;

    assert_non_null(run);
    assert_ok(fl_run_find(run, stage, key, &inst, &err), err);
    assert_ok(fl_run_find_slot(run, inst, output, NULL, &slot, &err), err);
    return &run->slots[slot];
}

static bool is_gone(const struct drive *d, const char *stage, const char *key, const char *output)
{
    return fl_slot_is_gone(slot_of(d, stage, key, output));
}

/* The products of a run that has ended are gone at the compute site, what is no product stays, each
 * set is recorded with its root digest, and the ledger was told. */
static void delivered_products_are_gone_when_the_run_has_ended(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, "", "");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    for (const char *const *key = (const char *const[]){"+000", "+001", "+002", "+003", NULL}; *key;
         key++) {
        assert_true(is_gone(&d, "make", *key, "product"));
        assert_false(is_gone(&d, "make", *key, "log"));
    }
    assert_int_equal(drive_events(&d, FL_EVENT_SET_DELIVERED, "deliver"), 1);
    assert_int_equal(drive_events(&d, FL_EVENT_REMOVAL_ASKED, NULL), 1);
    assert_int_equal(drive_events(&d, FL_EVENT_FILES_REMOVED, NULL), 1);
    assert_int_equal(drive_events(&d, FL_EVENT_CUSTODY_NOTED, "deliver"), 1);
    drive_close(&d);
}

/* The order names the products that go and what has to stay, for the attempts that there were. */
static void an_order_names_what_goes_and_what_stays(void **state)
{
    const json_t *order;
    const json_t *folder;
    struct drive d;

    (void)state;
    open_with(&d, "", "");
    d.mute = true;
    for (int i = 0; i < 4; i++) {
        char id[64];

        (void)snprintf(id, sizeof(id), "make.f%03d/1", i);
        drive_begin(&d, id);
        drive_output(&d, id, "product", NULL);
        drive_output(&d, id, "log", NULL);
        drive_end(&d, id, "succeeded");
        (void)snprintf(id, sizeof(id), "deliver.f%03d/1", i);
        drive_begin(&d, id);
        drive_output(&d, id, "receipt", NULL);
        assert_int_equal(drive_count(&d, "remove", NULL), 0);
        drive_end(&d, id, "succeeded");
    }
    assert_string_equal(drive_state(&d, NULL), "running"); /* it waits for the removal */
    order = drive_message(&d, "remove", NULL);
    assert_string_equal(json_string_value(json_object_get(order, "site")), "hpc");
    assert_int_equal(json_array_size(json_object_get(order, "folders")), 4);
    folder = json_array_get(json_object_get(order, "folders"), 1);
    assert_string_equal(json_string_value(json_object_get(folder, "name")), "make.f001");
    assert_int_equal(json_integer_value(json_object_get(folder, "attempts")), 1);
    assert_true(json_is_true(json_object_get(folder, "clear")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(folder, "go"), 0)),
                        "1/out/product");
    assert_int_equal(json_array_size(json_object_get(folder, "go")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(folder, "keep"), 0)),
                        "1/out/log");
    drive_close(&d);
}

/* An archive that gets the same product later still needs it: an open delivery held nothing back,
 * and the archive never got its copy. */
static void an_open_delivery_to_another_place_keeps_its_files(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, "",
              "archive: { per = \"make\"; to = \"far\"; inputs = { files = [\"make.product\"]; };"
              " keep_at_source = false; at = \"PT12H\"; };");
    drive_set_clock(&d, "2026-11-24T01:00:00Z");
    drive_work(&d);
    assert_string_equal(drive_state(&d, "deliver.f003"), "succeeded");
    assert_int_equal(drive_events(&d, FL_EVENT_REMOVAL_ASKED, NULL), 0);
    drive_set_clock(&d, "2026-11-24T13:00:00Z");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_true(is_gone(&d, "make", "+002", "product"));
    assert_int_equal(drive_events(&d, FL_EVENT_CUSTODY_NOTED, "deliver"), 1);
    assert_int_equal(drive_events(&d, FL_EVENT_CUSTODY_NOTED, "archive"), 1);
    drive_close(&d);
}

/* Two deliveries disagree: the one that keeps wins. */
static void what_one_delivery_keeps_stays(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, "", "archive: { to = \"far\"; inputs = { files = [\"make.product\"]; }; };");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_int_equal(drive_events(&d, FL_EVENT_REMOVAL_ASKED, NULL), 0);
    drive_close(&d);
}

/* A plot that failed, and may be repeated by a person, finds its input. */
static void a_consumer_that_may_be_tried_again_keeps_its_input(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, "",
              "plot: { pool = \"main\"; program = \"plot\"; optional = true;"
              " inputs = { p = \"make.product(+002)\"; }; outputs = { map = \"m.png\"; }; };");
    d.rules[0] = (struct drive_rule){.stage = "plot", .class = "data"};
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_true(is_gone(&d, "make", "+001", "product"));
    assert_false(is_gone(&d, "make", "+002", "product"));
    d.rules[0] = (struct drive_rule){0};
    assert_int_equal(drive_ask(&d, "retry", "plot", NULL), 0);
    drive_play(&d);
    assert_string_equal(drive_state(&d, "plot"), "succeeded");
    assert_true(is_gone(&d, "make", "+002", "product"));
    drive_close(&d);
}

/* The restart of the next cycle is a product as well: it stays until that cycle has ended. */
static void the_input_of_a_later_cycle_stays_until_that_has_ended(void **state)
{
    struct drive d;

    (void)state;
    open_with(
        &d, "",
        "model: { pool = \"main\"; program = \"model\"; inputs = { start = { first_of ="
        " [\"make[-PT6H].product(+003)\", \"cold\"]; }; }; outputs = { hour = \"h.nc\"; }; };");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_false(is_gone(&d, "make", "+003", "product"));
    drive_submit(&d, NEXT);
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_look_at(&d, CYCLE);
    assert_true(is_gone(&d, "make", "+003", "product"));
    drive_look_at(&d, NEXT);
    assert_false(is_gone(&d, "make", "+003", "product")); /* its own next cycle may come */
    drive_close(&d);
}

/* A person's word that a delivery has succeeded is no receipt. */
static void a_delivery_that_a_person_set_is_no_receipt(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, "", "");
    d.rules[0] = (struct drive_rule){.stage = "deliver", .class = "data"};
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "failed");
    assert_int_equal(drive_request(&d, "{'verb':'set-state','stage':'deliver','state':'succeeded',"
                                       "'force':true}"),
                     0);
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_false(is_gone(&d, "make", "+001", "product"));
    assert_int_equal(drive_events(&d, FL_EVENT_SET_DELIVERED, NULL), 0);
    drive_close(&d);
}

/* The disk of the source does not answer: the run has its end, and the removal is asked again until
 * it is done. */
static void a_removal_that_failed_is_asked_again(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, "", "");
    d.fail_removals = 3;
    drive_work(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_false(slot_of(&d, "make", "+001", "product")->made->gone == FL_GONE_DONE);
    for (int i = 0; i < 4; i++) {
        drive_pass(&d, 600);
        drive_work(&d);
    }
    assert_int_equal(drive_events(&d, FL_EVENT_FILES_REMOVED, NULL), 4);
    assert_true(slot_of(&d, "make", "+001", "product")->made->gone == FL_GONE_DONE);
    assert_int_equal(drive_events(&d, FL_EVENT_CUSTODY_NOTED, "deliver"), 1);
    drive_close(&d);
}

/* The worker dies with the order in its queue: the one that comes back is told again. */
static void a_worker_that_comes_back_is_told_again(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, "", "");
    d.mute = true;
    for (int i = 0; i < 4; i++) {
        char id[64];

        (void)snprintf(id, sizeof(id), "make.f%03d/1", i);
        drive_begin(&d, id);
        drive_output(&d, id, "product", NULL);
        drive_output(&d, id, "log", NULL);
        drive_end(&d, id, "succeeded");
        (void)snprintf(id, sizeof(id), "deliver.f%03d/1", i);
        drive_begin(&d, id);
        drive_output(&d, id, "receipt", NULL);
        drive_end(&d, id, "succeeded");
    }
    assert_int_equal(drive_count(&d, "remove", NULL), 1);
    drive_clear(&d);
    (void)drive_feed(&d, FL_INPUT_WORKER_GONE, "worker", json_pack("{s:s}", "reason", "silent"));
    assert_string_equal(drive_state(&d, NULL), "succeeded"); /* nobody is there to wait for */
    drive_hello(&d, "worker", NULL);
    assert_int_equal(drive_count(&d, "remove", NULL), 1);
    d.mute = false;
    drive_play(&d);
    assert_true(slot_of(&d, "make", "+001", "product")->made->gone == FL_GONE_DONE);
    drive_close(&d);
}

/* The last event of a type; fails the test when there is none. */
static const struct fl_event *last_of(const struct drive *d, enum fl_event_type type)
{
    for (size_t i = d->log.count; i-- > 0;)
        if (d->log.items[i]->type == type)
            return d->log.items[i];
    fail_msg("no such event");
    return NULL;
}

#define DATED \
    "deadline = ( { leads = \"+000/+001\"; by = \"PT2H\"; }, { leads = \"+002/+003\"; by = " \
    "\"PT3H\"; } );"

/* At 03:00 the duty officer is told once that products are late, and which. */
static void a_deadline_that_passes_is_told_once(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, DATED, "");
    d.mute = true;
    drive_set_clock(&d, "2026-11-24T01:00:00Z");
    drive_pass(&d, 1);
    assert_int_equal(drive_events(&d, FL_EVENT_DEADLINE_PASSED, NULL), 0);
    drive_set_clock(&d, "2026-11-24T02:00:01Z");
    drive_pass(&d, 1);
    drive_pass(&d, 60);
    assert_int_equal(drive_events(&d, FL_EVENT_DEADLINE_PASSED, "deliver"), 1);
    assert_int_equal(last_of(&d, FL_EVENT_DEADLINE_PASSED)->files, 2);
    assert_non_null(strstr(last_of(&d, FL_EVENT_DEADLINE_PASSED)->why, "deliver(+000)"));
    drive_set_clock(&d, "2026-11-24T03:00:01Z");
    drive_pass(&d, 1);
    assert_int_equal(drive_events(&d, FL_EVENT_DEADLINE_PASSED, "deliver"), 2);
    d.mute = false;
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* What is there in time is not told of, however late the rest is. */
static void products_that_are_there_are_not_late(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, "deadline = \"PT2H\";", "");
    drive_play(&d);
    drive_set_clock(&d, "2026-11-24T05:00:00Z");
    drive_pass(&d, 1);
    assert_int_equal(drive_events(&d, FL_EVENT_DEADLINE_PASSED, NULL), 0);
    assert_int_equal(drive_events(&d, FL_EVENT_DEADLINE_AT_RISK, NULL), 0);
    drive_close(&d);
}

/* A model that has not started at the last moment makes its products late: that is told then, not
 * when it is too late. */
static void a_deadline_that_will_be_missed_is_told_before(void **state)
{
    struct drive d;

    (void)state;
    open_with(
        &d, "deadline = \"PT2H\"; expect = \"PT10M\"; when = \"model\";",
        "model: { pool = \"main\"; program = \"model\"; expect = \"PT50M\"; outputs = { hour ="
        " \"h.nc\"; }; };");
    d.mute = true;
    drive_set_clock(&d, "2026-11-24T00:59:59Z");
    drive_pass(&d, 0);
    assert_int_equal(drive_ask(&d, "hold", "model", NULL), FL_E_REFUSED); /* it was launched */
    assert_int_equal(drive_events(&d, FL_EVENT_DEADLINE_AT_RISK, NULL), 0);
    drive_close(&d);

    drive_open(&d);
    drive_load(&d, workflow("deadline = \"PT2H\"; expect = \"PT10M\"; when = \"model\";",
                            "model: { pool = \"main\"; program = \"model\"; expect = \"PT50M\";"
                            " outputs = { hour = \"h.nc\"; }; };"));
    drive_set_clock(&d, "2026-11-24T00:30:00Z");
    drive_submit(&d, CYCLE); /* and there is no worker */
    drive_set_clock(&d, "2026-11-24T01:00:01Z");
    drive_pass(&d, 1);
    drive_pass(&d, 60);
    assert_int_equal(drive_events(&d, FL_EVENT_DEADLINE_AT_RISK, "deliver"), 1);
    assert_int_equal(last_of(&d, FL_EVENT_DEADLINE_AT_RISK)->files, 4);
    assert_non_null(strstr(last_of(&d, FL_EVENT_DEADLINE_AT_RISK)->why, "PT1H"));
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivered_products_are_gone_when_the_run_has_ended),
        cmocka_unit_test(an_order_names_what_goes_and_what_stays),
        cmocka_unit_test(an_open_delivery_to_another_place_keeps_its_files),
        cmocka_unit_test(what_one_delivery_keeps_stays),
        cmocka_unit_test(a_consumer_that_may_be_tried_again_keeps_its_input),
        cmocka_unit_test(the_input_of_a_later_cycle_stays_until_that_has_ended),
        cmocka_unit_test(a_delivery_that_a_person_set_is_no_receipt),
        cmocka_unit_test(a_removal_that_failed_is_asked_again),
        cmocka_unit_test(a_deadline_that_passes_is_told_once),
        cmocka_unit_test(products_that_are_there_are_not_late),
        cmocka_unit_test(a_deadline_that_will_be_missed_is_told_before),
        cmocka_unit_test(a_worker_that_comes_back_is_told_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
