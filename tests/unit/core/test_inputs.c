/* What a stage gets to read: members, edges, bridges, followed files, copies at other sites. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#define CYCLE "20261124T0000Z"
#define HEAD \
    "workflow: { name = \"toy\"; leads = { all = \"+000/+012/3\"; };" \
    " sites = { near = { root = \"near\"; }; away = { root = \"away\"; }; };" \
    " pools = { near = { site = \"near\"; cores = 4; jobs = 20; };" \
    " away = { site = \"away\"; cores = 4; jobs = 20; }; }; stages: {"
#define TAIL " }; };"
/* Brings one file for each lead, one after the other. */
#define SOURCE \
    " src: { program = \"x\"; leads = \"all\"; outputs = { step = \"src.{lead}.nc\"; }; };"
#define PREP(inputs) \
    " prep: { program = \"x\"; per = \"src.step\"; args = [\"{input:grib}\", \"--from\"," \
    " \"{from}\", \"{input:before}\", \"--to\", \"{output:force}\"]; inputs = { " inputs \
    " }; outputs = { force = \"force.{lead}.nc\"; }; };"

static void open_with(struct drive *d, const char *text)
{
    drive_open(d);
    drive_load(d, text);
    drive_submit(d, CYCLE);
}

/* The arguments of a launch, joined by blanks. */
static void args_are(const struct drive *d, const char *attempt, const char *want)
{
    const json_t *args =
        json_object_get(json_object_get(drive_message(d, "launch", attempt), "spec"), "args");
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    for (size_t i = 0; i < json_array_size(args); i++)
        fl_buf_printf(&text, "%s%s", i ? " " : "", json_string_value(json_array_get(args, i)));
    assert_string_equal(text.data, want);
}

/* Post-processing of an hour starts with that hour, not with the end of the run; and a member
 * beyond the edge of the set is no file at all. */
static void members_become_ready_one_by_one(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, HEAD SOURCE PREP("grib = \"src.step\"; before = { from = \"src.step\";"
                                   " shift = \"-003\"; edge = \"absent\"; };") TAIL);
    drive_hello(&d, "w1", NULL);
    drive_begin(&d, "src/1");
    assert_string_equal(drive_state(&d, "prep.f000"), "waiting");
    drive_output(&d, "src/1", "step", "+000");
    assert_string_equal(drive_state(&d, "prep.f000"), "launched");
    assert_string_equal(drive_state(&d, "prep.f003"), "waiting");
    args_are(&d, "prep.f000/1", "step.000 --from +000 --to ../out/force.f000.nc");
    drive_output(&d, "src/1", "step", "+003");
    args_are(&d, "prep.f003/1", "step.003 --from +000 step.000 --to ../out/force.f003.nc");
    drive_output(&d, "src/1", "step", "+009");
    assert_string_equal(drive_state(&d, "prep.f009"), "waiting");
    drive_close(&d);
}

/* Each input has its own rule: one without a bridge ends the instance, with the reason. */
static void hole_without_a_rule_fails_with_its_reason(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, HEAD SOURCE PREP("grib = { from = \"src.step\"; bridge = { max = \"PT6H\"; }; };"
                                   " before = \"src.step\";") TAIL);
    d.rules[0] = (struct drive_rule){.stage = "src", .lead = "+006", .cause = "not at the source"};
    drive_hello(&d, "w1", NULL);
    drive_play(&d);
    assert_string_equal(drive_state(&d, "prep.f006"), "failed");
    assert_non_null(strstr(drive_reason(&d, "prep.f006"), "not at the source"));
    assert_string_equal(drive_state(&d, "prep.f003"), "succeeded");
    assert_string_equal(drive_state(&d, NULL), "failed");
    drive_close(&d);
}

/* The neighbours, both, are what the stage gets; cause and age are in the mark. */
static void bridged_member_gets_both_neighbours(void **state)
{
    struct drive d;
    const char *marks;

    (void)state;
    open_with(&d, HEAD SOURCE
              " prep: { program = \"x\"; per = \"src.step\"; args = [\"{input:grib}\"];"
              " inputs = { grib = { from = \"src.step\"; bridge = { max = \"PT6H\";"
              " note = \"mind it\"; }; }; }; outputs = { force = \"force.{lead}.nc\"; }; };" TAIL);
    drive_hello(&d, "w1", NULL);
    drive_begin(&d, "src/1");
    (void)drive_say(&d, "src/1", 0,
                    "{'type':'absent','output':'step','lead':'+006','cause':'not at the source'}");
    drive_output(&d, "src/1", "step", "+003");
    assert_string_equal(drive_state(&d, "prep.f006"), "waiting");
    drive_output(&d, "src/1", "step", "+009");
    args_are(&d, "prep.f006/1", "step.003 step.009");
    drive_begin(&d, "prep.f006/1");
    drive_output(&d, "prep.f006/1", "force", "+006");
    marks = drive_marks(&d, "prep", "force", "+006");
    assert_non_null(strstr(marks, "not at the source; bridged PT6H"));
    assert_non_null(strstr(marks, "mind it"));
    assert_non_null(strstr(marks, "\"age\":\"PT6H\""));
    drive_close(&d);
}

/* Too wide a hole is no forcing at all: the stage fails and names the hole. */
static void hole_too_wide_is_not_bridged(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, HEAD SOURCE " prep: { program = \"x\"; per = \"src.step\"; inputs = { grib = {"
                              " from = \"src.step\"; bridge = { max = \"PT6H\"; }; }; };"
                              " outputs = { force = \"force.{lead}.nc\"; }; };" TAIL);
    d.rules[0] = (struct drive_rule){.stage = "src", .lead = "+003", .cause = "lost at sea"};
    d.rules[1] = (struct drive_rule){.stage = "src", .lead = "+006", .cause = "lost at sea"};
    drive_hello(&d, "w1", NULL);
    drive_play(&d);
    assert_string_equal(drive_state(&d, "prep.f003"), "failed");
    assert_non_null(strstr(drive_reason(&d, "prep.f006"), "lost at sea"));
    assert_string_equal(drive_state(&d, "prep.f009"), "succeeded");
    assert_string_equal(drive_state(&d, NULL), "failed");
    drive_close(&d);
}

/* The model starts on the first steps and is handed the others as they come; what it makes of a
 * marked one is marked, and nothing before it. */
static void followed_members_are_handed_over_and_mark_from_their_stretch_on(void **state)
{
    const json_t *inputs;
    struct drive d;

    (void)state;
    open_with(&d, HEAD SOURCE
              " model: { program = \"x\"; leads = \"all\"; when = \"src.step(+000/+003)\";"
              " inputs = { forcing = { from = \"src.step\"; follow = true; }; };"
              " outputs = { hour = \"m.{lead}.nc\"; max = \"max.nc\"; }; };" TAIL);
    drive_hello(&d, "w1", NULL);
    drive_begin(&d, "src/1");
    drive_output(&d, "src/1", "step", "+000");
    assert_string_equal(drive_state(&d, "model"), "waiting");
    drive_output(&d, "src/1", "step", "+003");
    inputs =
        json_object_get(json_object_get(drive_message(&d, "launch", "model/1"), "spec"), "inputs");
    assert_int_equal(json_array_size(inputs), 2);
    drive_begin(&d, "model/1");
    drive_clear(&d);
    (void)drive_say(&d, "src/1", 0, "{'type':'degraded','cause':'an older cycle','age':'PT6H'}");
    drive_output(&d, "src/1", "step", "+006");
    assert_int_equal(drive_count(&d, "provide", "model/1"), 1);
    drive_output(&d, "model/1", "hour", "+003");
    drive_output(&d, "model/1", "hour", "+006");
    drive_output(&d, "model/1", "max", NULL);
    assert_string_equal(drive_marks(&d, "model", "hour", "+003"), "");
    assert_non_null(strstr(drive_marks(&d, "model", "hour", "+006"), "an older cycle"));
    assert_non_null(strstr(drive_marks(&d, "model", "max", NULL), "an older cycle"));
    drive_close(&d);
}

/* Between sites a copy is inserted, visible like any stage; of what is absent there is no copy, and
 * the consumer hears of the absence itself. */
static void transfer_of_an_absent_member_is_skipped(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, HEAD SOURCE
              " prep: { program = \"x\"; pool = \"away\"; per = \"src.step\"; inputs = { grib = {"
              " from = \"src.step\"; bridge = { max = \"PT6H\"; }; }; };"
              " outputs = { force = \"force.{lead}.nc\"; }; };" TAIL);
    d.rules[0] = (struct drive_rule){.stage = "src", .lead = "+006", .cause = "lost at sea"};
    drive_hello(&d, "w1", NULL);
    drive_play(&d);
    assert_string_equal(drive_state(&d, "src.step@away.f003"), "succeeded");
    assert_string_equal(drive_state(&d, "src.step@away.f006"), "skipped");
    assert_non_null(strstr(drive_reason(&d, "src.step@away.f006"), "lost at sea"));
    assert_non_null(strstr(drive_marks(&d, "prep", "force", "+006"), "lost at sea; bridged PT6H"));
    assert_string_equal(drive_marks(&d, "prep", "force", "+003"), "");
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* The next cycle starts warm from the one before; until that one has its restart, it waits; when
 * there is none it starts cold and says so. */
static void restart_comes_from_the_cycle_before(void **state)
{
    static const char text[] =
        HEAD " model: { program = \"x\"; args = [\"{input:restart}\"]; leads = \"all\"; inputs = {"
             " restart = { first_of = [\"model[-PT6H].rst(+006)\", \"cold\"]; }; };"
             " outputs = { rst = \"rst.{lead}.nc\"; }; };" TAIL;
    struct drive d;

    (void)state;
    open_with(&d, text);
    drive_hello(&d, "w1", NULL);
    args_are(&d, "model/1", "");
    drive_begin(&d, "model/1");
    drive_submit(&d, "20261124T0600Z");
    assert_string_equal(drive_state(&d, "model"), "waiting");
    (void)snprintf(d.run, sizeof(d.run), "toy/" CYCLE);
    drive_output(&d, "model/1", "rst", "+006");
    assert_non_null(strstr(drive_marks(&d, "model", "rst", "+006"), "cold start"));
    (void)snprintf(d.run, sizeof(d.run), "toy/20261124T0600Z");
    assert_string_equal(drive_state(&d, "model"), "launched");
    args_are(&d, "model/1", "rst.006");
    drive_close(&d);
}

/* One night's cold start must not mark every product of the years that follow: the next cycle is
 * told of it, those after that are not. */
static void marks_of_earlier_cycles_end(void **state)
{
    static const char text[] =
        HEAD " model: { program = \"x\"; leads = \"all\"; inputs = {"
             " restart = { first_of = [\"model[-PT6H].rst(+006)\", \"cold\"]; }; };"
             " outputs = { rst = \"rst.{lead}.nc\"; }; };" TAIL;
    static const char *const cycles[] = {CYCLE, "20261124T0600Z", "20261124T1200Z"};
    const char *marks;
    struct drive d;

    (void)state;
    open_with(&d, text);
    drive_hello(&d, "w1", NULL);
    for (size_t i = 1; i < FL_COUNT(cycles); i++)
        drive_submit(&d, cycles[i]);
    drive_play(&d);
    for (size_t i = 0; i < FL_COUNT(cycles); i++) {
        (void)snprintf(d.run, sizeof(d.run), "toy/%s", cycles[i]);
        marks = drive_marks(&d, "model", "rst", "+006");
        assert_int_equal(strstr(marks, "restart: cold start") != NULL, i < 2);
        assert_int_equal(strstr(marks, "through an earlier cycle") != NULL, i == 1);
    }
    drive_close(&d);
}

/* A mistake in `when` is told with its column, when the file is read. */
static void mistake_in_when_points_at_its_column(void **state)
{
    struct drive d;
    const char *text;

    (void)state;
    drive_open(&d);
    text =
        drive_load_error(&d, HEAD SOURCE " b: { program = \"x\"; when = \"src && sorc\"; };" TAIL);
    assert_non_null(strstr(text, "column 8"));
    assert_non_null(strstr(text, "sorc"));
    text = drive_load_error(&d, HEAD SOURCE
                            " b: { program = \"x\"; when = \"src.step(+001)\"; };" TAIL);
    assert_non_null(strstr(text, "+001"));
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_of_earlier_cycles_end),
        cmocka_unit_test(members_become_ready_one_by_one),
        cmocka_unit_test(hole_without_a_rule_fails_with_its_reason),
        cmocka_unit_test(bridged_member_gets_both_neighbours),
        cmocka_unit_test(hole_too_wide_is_not_bridged),
        cmocka_unit_test(followed_members_are_handed_over_and_mark_from_their_stretch_on),
        cmocka_unit_test(transfer_of_an_absent_member_is_skipped),
        cmocka_unit_test(restart_comes_from_the_cycle_before),
        cmocka_unit_test(mistake_in_when_points_at_its_column),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
