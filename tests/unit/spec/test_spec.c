/* Workflow files: what is accepted, and how each mistake is told. */
#include "config.h"

#include "engine/spec/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/world/file.h"
#include "tests/lib/test.h"

static int read_real(const char *path, size_t limit, struct fl_buf *out, struct fl_err *reterr,
                     void *arg)
{
    (void)arg;
    return fl_file_read(fl_world_real(), path, limit, out, reterr);
}

static int load(const char *path, const char *override, struct fl_workflow **workflow,
                struct fl_diagnostics *list)
{
    const struct fl_spec_options options = {
        .overrides = &override, .override_count = override ? 1 : 0, .read = read_real};
    struct fl_err err = {0};

    memset(list, 0, sizeof(*list));
    return fl_spec_load(path, &options, workflow, list, &err);
}

static void must_load(const char *path, const char *override, struct fl_workflow **workflow)
{
    struct fl_diagnostics list;

    if (load(path, override, workflow, &list) < 0)
        fail_msg("%s", list.count ? list.items[list.count - 1].text : "no message");
}

static const struct fl_stage *stage_of(const struct fl_workflow *workflow, const char *name)
{
    int32_t index = fl_workflow_stage(workflow, name, strlen(name));

    if (index == FL_NONE)
        fail_msg("no stage '%s'", name);
    return &workflow->stages[index];
}

static const char *source_file(const char *name, char *path, size_t size)
{
    (void)snprintf(path, size, "%s/%s", getenv("FL_TOP_SRCDIR"), name);
    return path;
}

/* The example of the design is the promise made to a newcomer: it stays true. */
static void design_example_passes(void **state)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *w = NULL;
    char path[FL_PATH_MAX];

    (void)state;
    must_load(source_file("tests/golden/design-example/workflow.cfg", path, sizeof(path)), NULL,
              &w);
    assert_int_equal(w->stage_count, 6);
    assert_int_equal(fl_stage_instances(w, stage_of(w, "prep")), 17);
    assert_int_equal(fl_stage_instances(w, stage_of(w, "deliver")), 49);
    assert_int_equal(stage_of(w, "forecast")->ranks, 2);
    assert_false(stage_of(w, "deliver")->keep_at_source);
}

/* The main job compiles both ways, with the transfers between its sites inserted and named. */
static void main_job_passes(void **state)
{
    static const char *const settings[] = {"forcing=best-track", "forcing=gfs"};
    char path[FL_PATH_MAX];

    (void)state;
    source_file("templates/surge-michael/workflow.cfg", path, sizeof(path));
    for (size_t i = 0; i < FL_COUNT(settings); i++) {
        fl_auto(fl_workflow_destroy) struct fl_workflow *w = NULL;
        const struct fl_stage *prep;
        const struct fl_stage *brought;

        must_load(path, settings[i], &w);
        brought = stage_of(w, "forcing.step@hpc");
        assert_int_equal(brought->kind, FL_STAGE_TRANSFER);
        assert_int_equal(fl_stage_instances(w, brought), 19);
        prep = stage_of(w, "prep");
        for (size_t k = 0; k < prep->input_count; k++) {
            if (strcmp(prep->inputs[k].name, "grib") == 0)
                assert_int_equal(prep->inputs[k].bridge_max_s, i == 1 ? 9 * 3600 : 0);
        }
        assert_string_equal(stage_of(w, "forcing")->args.items[2],
                            i == 1 ? "gfs.1p00" : "gfs.0p50");
    }
}

/* A recovery that reads back another workflow than was run would replay nonsense. */
static void compiled_text_is_canonical(void **state)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *w = NULL;
    fl_auto(fl_workflow_destroy) struct fl_workflow *again = NULL;
    fl_json_auto json_t *json = NULL;
    char path[FL_PATH_MAX];
    char a[FL_DIGEST_HEX];
    char b[FL_DIGEST_HEX];
    struct fl_err err = {0};

    (void)state;
    must_load(source_file("templates/surge-michael/workflow.cfg", path, sizeof(path)), NULL, &w);
    assert_ok(fl_workflow_to_json(w, &json, &err), err);
    assert_ok(fl_workflow_from_json(json, &again, &err), err);
    assert_ok(fl_workflow_digest(w, a, &err), err);
    assert_ok(fl_workflow_digest(again, b, &err), err);
    assert_string_equal(a, b);
}

#define HEAD \
    "workflow: {\n name = \"t\";\n leads = { h = \"+000/+002/1\"; };\n params = { n = 1; kind = " \
    "\"a\"; };\n stages: {\n"
#define TAIL "\n };\n};\n"
#define MODEL \
    "m: { program = \"x\"; leads = \"h\"; outputs = { hour = \"f.{lead}.nc\"; one = \"one.nc\"; " \
    "}; };\n"

/* Each mistake is told with its line, what it is, and what would be accepted. */
static void mistakes_are_told(void **state)
{
    static const struct {
        const char *text;
        const char *says[3];
    } cases[] = {
        {HEAD "a: { programm = \"x\"; };" TAIL,
         {"w.cfg:6:", "unknown key 'programm'", "did you mean 'program'?"}},
        {HEAD "a: { program = 3; };" TAIL, {"w.cfg:6:", "'program' must be a text", NULL}},
        {HEAD "a: { program = \"x\"; cores = \"two\"; };" TAIL,
         {"w.cfg:6:", "'cores' must be a whole number", NULL}},
        {HEAD "a: { args = [\"x\"]; };" TAIL,
         {"w.cfg:6:", "has no program", "accepted: program, source or to"}},
        {HEAD MODEL "b: { program = \"x\"; inputs = { i = \"mm.hour\"; }; };" TAIL,
         {"w.cfg:7:", "no stage 'mm'", "did you mean 'm'?"}},
        {HEAD MODEL "b: { program = \"x\"; inputs = { i = \"m.hours\"; }; };" TAIL,
         {"w.cfg:7:", "no output 'hours'", "accepted: hour, one"}},
        {HEAD MODEL "b: { program = \"x\"; per = \"m.one\"; };" TAIL,
         {"w.cfg:7:", "is one, not one for each", NULL}},
        {HEAD "a: { program = \"x\"; when = \"b\"; };\nb: { program = \"x\"; when = \"a\"; };" TAIL,
         {"w.cfg:6:", "round in a circle", "a needs b needs a"}},
        {HEAD MODEL "b: { program = \"x\"; when = \"m &&\"; };" TAIL, {"w.cfg:7:", "column", NULL}},
        {HEAD MODEL "b: { program = \"x\"; args = [\"{lead}\"]; };" TAIL,
         {"w.cfg:7:", "unknown name 'lead'", "accepted:"}},
        {HEAD MODEL "b: { program = \"x\"; args = [\"{input:q}\"]; };" TAIL,
         {"w.cfg:7:", "unknown name 'input:q'", NULL}},
        {HEAD "a: { program = \"x\"; files = [\"../etc/passwd\"]; };" TAIL,
         {"w.cfg:6:", "not a plain relative path", NULL}},
        {HEAD "a: { program = \"x\"; files = [\"gone.cfg\"]; };" TAIL,
         {"w.cfg:6:", "gone.cfg", "No such file"}},
        {HEAD "a: { program = \"x\"; leads = \"hh\"; };" TAIL,
         {"w.cfg:6:", "no set of leads 'hh'", "did you mean 'h'?"}},
        {HEAD "a: { program = \"x\"; by = { kind = { b = { cores = 1; }; }; }; };" TAIL,
         {"w.cfg:6:", "parameter 'kind' is 'a'", "accepted: b"}},
        {HEAD "a: { to = \"moon\"; inputs = { i = \"a.x\"; }; };" TAIL,
         {"w.cfg:6:", "no site 'moon'", NULL}},
        {HEAD "a: { program = \"x\"; mpi = { ranks = 0; }; };" TAIL,
         {"w.cfg:6:", "accepted: 1 to", NULL}},
        {HEAD "a: { program = \"x\"; time_limit = \"6 hours\"; };" TAIL,
         {"w.cfg:6:", "not a duration", "PT6H"}},
        {HEAD "a: { program = \"x\" };\nb { };" TAIL, {"w.cfg:7:", "syntax error", NULL}},
        {"workflow: { name = \"t\"; };\n", {"w.cfg", "needs 'stages'", NULL}},
        {"other = 1;\n", {"w.cfg:1:", "unknown key 'other'", "accepted: workflow"}},
        {"@include \"../x.cfg\"\n", {"w.cfg", "@include", "not a plain relative path"}},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct fl_workflow *w = NULL;
        struct fl_diagnostics list;
        bool found = false;

        test_file_write("w.cfg", cases[i].text, strlen(cases[i].text));
        assert_true(load("w.cfg", NULL, &w, &list) < 0);
        assert_null(w);
        for (size_t k = 0; k < list.count && !found; k++) {
            found = true;
            for (size_t s = 0; s < 3 && cases[i].says[s]; s++)
                found = found && strstr(list.items[k].text, cases[i].says[s]);
        }
        if (!found)
            fail_msg("case %zu: '%s' does not say '%s'", i, list.count ? list.items[0].text : "",
                     cases[i].says[1]);
    }
}

/* Seven lines about one slip hide the line that matters. */
static void one_mistake_is_told_once(void **state)
{
    static const char *const cases[] = {
        HEAD "m: { program = \"x\"; leads = \"hh\"; outputs = { hour = \"f.{lead}.nc\"; }; };\n"
             "b: { program = \"x\"; per = \"m.hour\"; args = [\"{lead}\"]; };" TAIL,
        HEAD
        "m: { program = \"x\"; leads = \"+000/+002/4\"; outputs = { hour = \"f.{lead}.nc\"; }; "
        "};\nb: { program = \"x\"; per = \"m.hour\"; args = [\"{lead}\"]; };" TAIL,
        HEAD MODEL "b: { program = \"x\"; per = \"mm.hour\"; args = [\"{lead}\"]; };" TAIL,
        HEAD MODEL "b: { program = \"x\"; per = \"m.hours\"; args = [\"{lead}\"]; };" TAIL,
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct fl_workflow *w = NULL;
        struct fl_diagnostics list;

        test_file_write("w.cfg", cases[i], strlen(cases[i]));
        assert_true(load("w.cfg", NULL, &w, &list) < 0);
        if (list.errors != 1)
            fail_msg("case %zu: %zu mistakes, the second: %s", i, list.errors, list.items[1].text);
    }
}

/* A parameter of the wrong type on the command line must not reach a model. */
static void overrides_are_typed(void **state)
{
    static const char text[] = HEAD MODEL TAIL;
    fl_auto(fl_workflow_destroy) struct fl_workflow *w = NULL;
    struct fl_workflow *none = NULL;
    struct fl_diagnostics list;

    (void)state;
    test_file_write("w.cfg", text, sizeof(text) - 1);
    must_load("w.cfg", "n=7", &w);
    assert_string_equal(fl_workflow_param(w, "n")->value, "7");
    assert_true(load("w.cfg", "n=seven", &none, &list) < 0);
    assert_non_null(strstr(list.items[0].text, "whole number"));
    assert_true(load("w.cfg", "nn=7", &none, &list) < 0);
    assert_non_null(strstr(list.items[0].text, "did you mean 'n'?"));
    assert_true(load("w.cfg", "n", &none, &list) < 0);
}

/* A megabyte of brackets ends in a message, not in a stack overflow. */
static void brackets_without_end_are_refused(void **state)
{
    size_t size = 500000;
    char *text = malloc(size);
    struct fl_workflow *w = NULL;
    struct fl_diagnostics list;

    (void)state;
    assert_non_null(text);
    memset(text, '(', size);
    memcpy(text, "a = ", 4);
    test_file_write("w.cfg", text, size);
    free(text);
    assert_true(load("w.cfg", NULL, &w, &list) < 0);
    assert_non_null(strstr(list.items[0].text, "brackets"));
}

/* Writes head, count times "NAME-number TAIL", and tail. */
static void write_many(const char *head, const char *name, size_t count, const char *each,
                       const char *tail)
{
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    fl_buf_puts(&text, head);
    for (size_t i = 0; i < count; i++)
        fl_buf_printf(&text, "%s%zu%s", name, i, each);
    fl_buf_puts(&text, tail);
    test_file_write("w.cfg", text.data, text.size);
}

/* libconfig looks through all settings of a group for each new one: a file of 100,000 beside each
 * other would hold the command line for minutes. */
static void many_settings_are_refused_before_they_are_read(void **state)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *whole = NULL;
    struct fl_workflow *w = NULL;
    struct fl_diagnostics list;

    (void)state;
    write_many("", "a", 100000, "=1;\n", "");
    assert_true(load("w.cfg", NULL, &w, &list) < 0);
    assert_string_equal(list.items[0].text, "w.cfg:1001: more than 1000 settings in one group");
    write_many("workflow = { name = \"t\"; stages = {\n", "a", 1001, " = { program = \"x\"; };\n",
               "}; };");
    assert_true(load("w.cfg", NULL, &w, &list) < 0);
    assert_non_null(strstr(list.items[0].text, "w.cfg:1002: more than 1000 stages"));
    assert_non_null(strstr(list.items[0].text, "foreach or per"));
    write_many("workflow = { name = \"t\"; stages = {\n", "a", 1000, " = { program = \"x\"; };\n",
               "}; };");
    must_load("w.cfg", NULL, &whole);
    assert_int_equal(whole->stage_count, 1000);
    write_many("# ", "a", 200000, " ", ""); /* more than a megabyte */
    assert_true(load("w.cfg", NULL, &w, &list) < 0);
    assert_non_null(strstr(list.items[0].text, "more than 1048576 bytes"));
    write_many("workflow = { name = \"t\"; groups = { g = { stages = {\n", "a", 600,
               " = { program = \"x\"; };\n", "b = { program = \"x\"; }; }; }; h = { stages = {\n");
    assert_true(load("w.cfg", NULL, &w, &list) < 0); /* cut in the middle */
    assert_non_null(strstr(list.items[0].text, "syntax error"));
}

/* What a group says holds for its stages, nearest first, and a stage has the last word. */
static void groups_give_to_their_stages(void **state)
{
    static const char text[] =
        "workflow: { name = \"t\"; limits = { io = 10; net = 2; }; pools = { a = { cores = 4; }; b "
        "= "
        "{ cores = 8; resources = { memory = \"64G\"; }; }; };\n"
        "stages = { first = { program = \"x\"; }; };\n"
        "groups = { outer = { pool = \"b\"; priority = 5; env = { A = \"1\"; B = \"1\"; }; uses = "
        "[\"io\", \"net\"]; when = \"first\"; on = { lost = { tries = 5; delay = \"PT1M\"; }; };\n"
        " stages = { one = { program = \"x\"; }; };\n"
        " groups = { inner = { env = { B = \"2\"; }; uses = { io = 3; }; when = \"one\"; "
        "time_limit = "
        "\"PT1H\"; needs = { memory = \"2G\"; }; at = \"+PT1H\"; optional = true;\n"
        "  stages = { two = { program = \"x\"; priority = 7; env = { C = \"3\"; }; uses = { net = "
        "0; "
        "}; when = \"one:ended\"; on = { lost = { tries = 9; }; }; needs = { memory = 0; }; }; }; "
        "}; "
        "}; }; }; };";
    fl_auto(fl_workflow_destroy) struct fl_workflow *w = NULL;
    const struct fl_stage *one;
    const struct fl_stage *two;

    (void)state;
    test_file_write("w.cfg", text, sizeof(text) - 1);
    must_load("w.cfg", NULL, &w);
    one = stage_of(w, "one");
    two = stage_of(w, "two");
    assert_int_equal(w->group_count, 2);
    assert_int_equal(one->group, fl_workflow_group(w, "outer"));
    assert_int_equal(two->group, fl_workflow_group(w, "inner"));
    assert_true(fl_workflow_group_within(w, two->group, one->group));
    assert_int_equal(stage_of(w, "first")->group, FL_NONE);
    assert_int_equal(one->priority, 5);
    assert_int_equal(two->priority, 7);
    assert_int_equal(two->pool, fl_workflow_pool(w, "b"));
    assert_string_equal(one->when, "first");
    assert_string_equal(two->when, "(first) && (one) && (one:ended)");
    assert_int_equal(two->env_count, 3);
    assert_string_equal(two->env[1].value, "2");
    assert_int_equal(one->use_count, 2);
    assert_int_equal(two->use_count, 1);
    assert_int_equal(two->uses[0].weight, 3);
    assert_int_equal(two->rules[0].tries, 9);
    assert_int_equal(two->rules[0].delay_s, 60);
    assert_int_equal(two->time_limit_s, 3600);
    assert_int_equal(two->need_count, 0);
    assert_true(two->has_at && two->at_s == 3600 && two->optional);
    assert_false(one->has_at || one->optional);
}

/* One recurrence and several are the same thing to the engine, and text is kept in one form. */
static void cycles_are_rules(void **state)
{
    static const struct {
        const char *cycles;
        const char *rule; /* the first */
        int64_t every_s;
    } cases[] = {
        {"every = \"PT6H\"; from = \"2026-11-24T00:00Z\";", "R/20261124T0000Z/PT6H", 21600},
        {"every = \"P1M\"; from = \"20261124T0000Z\";", "R/20261124T0000Z/P1M", 0},
        {"every = \"R4/20261124T0000Z/PT12H\";", "R4/20261124T0000Z/PT12H", 43200},
        {"from = \"20261124T0000Z\"; rules = { a = \"P1D\"; b = \"R/20200101T0000Z/P1Y\"; };",
         "R/20261124T0000Z/P1D", 0},
        {"calendar = \"360_day\"; every = \"P1D\"; from = \"20260230T0000Z\";",
         "R/20260230T0000Z/P1D", 86400},
    };
    char text[1024];

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        fl_auto(fl_workflow_destroy) struct fl_workflow *w = NULL;
        int size =
            snprintf(text, sizeof(text),
                     "workflow: { name = \"t\"; cycles = { ahead = 3; keep = \"P3D\"; behind = "
                     "\"skip-older-than PT12H\"; %s }; stages = { a = { program = \"x\"; }; }; };",
                     cases[i].cycles);

        test_file_write("w.cfg", text, (size_t)size);
        must_load("w.cfg", NULL, &w);
        assert_string_equal(w->cycles.rules[0].rule, cases[i].rule);
        assert_int_equal(w->cycles.every_s, cases[i].every_s);
        assert_int_equal(w->cycles.ahead, 3);
        assert_int_equal(w->cycles.behind, FL_BEHIND_SKIP);
        assert_int_equal(w->cycles.behind_s, 43200);
    }
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(design_example_passes),
        cmocka_unit_test(main_job_passes),
        cmocka_unit_test(compiled_text_is_canonical),
        IN_FOLDER(mistakes_are_told),
        IN_FOLDER(one_mistake_is_told_once),
        IN_FOLDER(overrides_are_typed),
        IN_FOLDER(brackets_without_end_are_refused),
        IN_FOLDER(many_settings_are_refused_before_they_are_read),
        IN_FOLDER(groups_give_to_their_stages),
        IN_FOLDER(cycles_are_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
