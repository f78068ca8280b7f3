/* Triggers: what is no trigger and where, and references to other workflows. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/expr.h"
#include "engine/core/view.h"
#include "tests/lib/build.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#define CYCLE "20261124T0000Z"
#define TOY(name, stages) \
    "workflow: { name = \"" name "\"; pools = { local = { site = \"local\"; cores = 2; jobs = 8; " \
    "}; }; sites = { local = { root = \"local\"; }; }; stages: { " stages " }; };"

static struct fl_workflow *ensemble(void)
{
    struct fl_workflow *wf = build_workflow("ensemble", 8);
    int32_t member = build_names(wf, "member", "m", 3);
    int32_t hours = build_leads(wf, "hours", "+000/+006/3");
    int32_t model = build_stage(wf, "model", NULL, 1, member);

    (void)build_output(wf, model, "hour", hours);
    (void)build_stage(wf, "post", NULL, 2, member, hours);
    return wf;
}

/* Each mistake is told with its column. */
static void mistakes_have_a_column(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"model:ended >= 0", "column 16: '>=' needs a number from 1"},
        {"model:ended >= 101%", "column 16: '>=' needs"},
        {"model(m09)", "column 7"},
        {"model(m01,+000)", "column 7"},
        {"post(m01", "column 5: '(' needs"},
        {"model[PT6H]", "column 6: '[' needs how far back the cycle is"},
        {"model[-PT6H", "column 6: '[' needs"},
        {"model.hour:failed", "column 12: an output is there or not"},
        {"model:progress(x)", "column 16: 'x' is not a lead"},
        {"!model", "column 1"},
        {"event:", "column 7: the name of an event"},
        {"file(in)", "column 6: a text in quotes"},
        {"file(\"\")", "column 5: file needs a path"},
        {"clock(soon)", "column 7: 'soon' is not a duration"},
        {"param.domain == \"x\"", "column 7: there is no parameter 'domain'"},
        {"model && && post", "column 10: a stage is expected"},
        {"model post", "column 7: '&&' or '||' is expected"},
    };
    fl_auto(fl_workflow_destroy) struct fl_workflow *wf = ensemble();
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        struct fl_expr expr = {0};

        assert_fails_with(fl_expr_parse(rows[i].text, wf, &expr, &err), FL_E_PARSE, err,
                          rows[i].words);
        assert_null(expr.nodes);
    }
}

/* However much there is of it, the answer is short and comes at once. */
static void sizes_are_bounded(void **state)
{
    static const struct {
        const char *piece;
        size_t times;
        const char *words;
    } rows[] = {
        {"(", 1 << 20, "at most 4096 bytes"},
        {"(", 40, "more than 32 parentheses deep"},
        {"model||", 300, "more than 128 terms"},
    };
    fl_auto(fl_workflow_destroy) struct fl_workflow *wf = ensemble();
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        size_t size = strlen(rows[i].piece);
        char *text = calloc(rows[i].times + 1, size);
        struct fl_expr expr = {0};

        assert_non_null(text);
        for (size_t n = 0; n < rows[i].times; n++)
            memcpy(text + n * size, rows[i].piece, size);
        assert_fails_with(fl_expr_parse(text, wf, &expr, &err), FL_E_PARSE, err, rows[i].words);
        free(text);
    }
}

static void leaves_are_read(void **state)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *wf = ensemble();
    fl_auto(fl_expr_release) struct fl_expr expr = {0};
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_expr_parse("model[-PT6H](m02):ended || post(+003):succeeded >= 50% && "
                            "global/forecast.hour(+006) && !clock(+PT3H)",
                            wf, &expr, &err),
              err);
    assert_int_equal(expr.leaf_count, 4);
    assert_int_equal(expr.leaves[0].cycle_offset_s, -6 * 3600);
    assert_int_equal(expr.leaves[0].select.of[0].first, 1);
    assert_int_equal(expr.leaves[0].select.of[0].count, 1);
    assert_int_equal(expr.leaves[0].state, FL_LEAF_ENDED);
    assert_int_equal(expr.leaves[1].many, FL_COUNT_PERCENT);
    assert_int_equal(expr.leaves[1].count, 50);
    assert_int_equal(expr.leaves[1].select.of[0].count, 0);
    assert_int_equal(expr.leaves[1].select.of[1].first, 1);
    assert_string_equal(expr.leaves[2].workflow, "global");
    assert_string_equal(expr.leaves[2].other, "hour");
    assert_string_equal(expr.leaves[2].members, "+006");
    assert_true(expr.leaves[3].negated);
    assert_int_equal(expr.leaves[3].clock_s, 3 * 3600);
    assert_int_equal(expr.nodes[expr.node_count - 1].op, FL_EXPR_OR);
}

/* A run waits for that of another workflow before there is one, and for what it makes. */
static void other_workflows_are_waited_for(void **state)
{
    fl_json_auto json_t *why = NULL;
    char local[256];
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, TOY("local", "fit: { program = \"p\"; when = \"global/model.field\"; };"
                                "late: { program = \"p\"; when = \"global/model:failed\"; "
                                "optional = true; };"));
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, CYCLE);
    (void)snprintf(local, sizeof(local), "%s", d.run);
    assert_string_equal(drive_state(&d, "fit"), "waiting");
    assert_ok(fl_view_why(d.core, local, "fit", d.now_ns, &why, &d.err), d.err);
    assert_non_null(strstr(json_string_value(json_object_get(why, "text")), "global"));
    drive_load(&d, TOY("global", "model: { program = \"p\"; outputs = { field = \"f.nc\"; }; };"));
    drive_submit(&d, CYCLE);
    drive_begin(&d, "model/1");
    assert_int_equal(drive_count(&d, "launch", NULL), 1);
    drive_output(&d, "model/1", "field", NULL);
    drive_end(&d, "model/1", "succeeded");
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    (void)snprintf(d.run, sizeof(d.run), "%s", local);
    assert_string_equal(drive_state(&d, "fit"), "launched");
    assert_string_equal(drive_state(&d, "late"), "skipped");
    assert_non_null(strstr(drive_reason(&d, "late"), "global/model"));
    drive_play(&d);
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_have_a_column),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(leaves_are_read),
        cmocka_unit_test(other_workflows_are_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
