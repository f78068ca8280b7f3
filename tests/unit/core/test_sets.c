/* Stages over sets of several kinds: keys, ids, matching, selectors, limits, and compiled workflows
 * from before there were any. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/plan.h"
#include "engine/core/state.h"
#include "engine/core/view.h"
#include "tests/lib/build.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#include "engine/base/banned.h"

/* forecast over members, hours of its own; post over members and hours; mean over hours. */
static struct fl_workflow *ensemble(uint32_t members)
{
    struct fl_workflow *wf = build_workflow("eps", 100);
    int32_t member = build_names(wf, "member", "m", members);
    int32_t hour = build_leads(wf, "hour", "+000/+012/6");
    int32_t forecast = build_stage(wf, "forecast", NULL, 1, member);
    int32_t post;
    int32_t mean;
    int32_t all;

    (void)build_output(wf, forecast, "field", hour);
    free(wf->stages[0].outputs[0].file);
    wf->stages[0].outputs[0].file = strdup("field.{lead}.nc"); /* the same for each member */
    (void)build_output(wf, forecast, "log", FL_NONE);
    post = build_stage(wf, "post", NULL, 2, member, hour);
    (void)build_output(wf, post, "map", FL_NONE);
    (void)build_input(wf, post, forecast, 0, NULL);
    mean = build_stage(wf, "mean", NULL, 1, hour);
    (void)build_output(wf, mean, "mean", FL_NONE);
    (void)build_input(wf, mean, forecast, 0, NULL);
    all = build_stage(wf, "all", "post:all && mean:all", 0);
    (void)build_output(wf, all, "end", FL_NONE);
    (void)build_input(wf, all, forecast, 0, "m01/m02,+006");
    return wf;
}

/* Each map waits for its own member and hour, each mean for all members of its hour: the whole
 * ensemble streams while the models run. */
static void ensemble_streams_by_member_and_lead(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_take(&d, ensemble(3));
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, "20261124T0000Z");
    drive_begin(&d, "forecast.m02/1");
    drive_output(&d, "forecast.m02/1", "field", "+006");
    assert_string_equal(drive_state(&d, "post.m02.f006"), "launched");
    assert_string_equal(drive_state(&d, "post.m02.f000"), "waiting");
    assert_string_equal(drive_state(&d, "post.m01.f006"), "waiting");
    drive_begin(&d, "forecast.m01/1");
    drive_output(&d, "forecast.m01/1", "field", "+006");
    assert_string_equal(drive_state(&d, "mean.f006"), "waiting");
    drive_begin(&d, "forecast.m03/1");
    drive_output(&d, "forecast.m03/1", "field", "+006");
    assert_string_equal(drive_state(&d, "mean.f006"), "launched");
    assert_string_equal(drive_state(&d, "mean.f000"), "waiting");
    drive_close(&d);
}

static void ensemble_runs_to_its_end(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_take(&d, ensemble(3));
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, "20261124T0000Z");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_int_equal(drive_events(&d, FL_EVENT_ATTEMPT_LAUNCHED, "post"), 9);
    assert_int_equal(drive_events(&d, FL_EVENT_ATTEMPT_LAUNCHED, "mean"), 3);
    assert_int_equal(drive_events(&d, FL_EVENT_OUTPUT_ACCEPTED, "forecast"), 12);
    drive_close(&d);
}

/* Who asks for a part of an ensemble gets it by any form of its name, and is told what there is. */
static void instances_go_by_their_members(void **state)
{
    static const struct {
        const char *which;
        const char *text;
    } rows[] = {
        {"post(m02,+006)", "waiting for forecast.field(m02,+006): forecast(m02)"},
        {"post.m02.f006", "waiting for forecast.field(m02,+006): forecast(m02)"},
        {"post(m02)", "3 instances: 3 waiting"},
        {"post.m02", "3 instances: 3 waiting"},
        {"mean(+006)", "waiting for 3 of 3 files of forecast.field, among them"},
    };
    fl_json_auto json_t *log = NULL;
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_take(&d, ensemble(3));
    drive_submit(&d, "20261124T0000Z");
    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        fl_json_auto json_t *json = NULL;
        const char *text;

        assert_ok(fl_view_why(d.core, NULL, rows[i].which, d.now_ns, &json, &d.err), d.err);
        text = json_string_value(json_object_get(json, "text"));
        if (!strstr(text, rows[i].text))
            fail_msg("%s: '%s' does not say '%s'", rows[i].which, text, rows[i].text);
    }
    assert_fails_with(fl_view_why(d.core, NULL, "post(m04,+006)", d.now_ns, &log, &d.err),
                      FL_E_NOENT, d.err, "no 'm04' in set 'member'; it has: m01, m02, m03");
    assert_fails_with(fl_view_why(d.core, NULL, "post.m01.f007", d.now_ns, &log, &d.err),
                      FL_E_NOENT, d.err, "no 'f007' in leads 'hour'; it has: +000/+012/006");
    drive_hello(&d, "w1", NULL);
    assert_int_equal(drive_count(&d, "launch", "forecast.m02/1"), 1);
    assert_int_equal(drive_ask(&d, "cancel", "post(m02)", NULL), 0);
    assert_string_equal(drive_state(&d, "post.m02.f012"), "cancelled");
    assert_string_equal(drive_state(&d, "post.m01.f012"), "waiting");
    assert_int_equal(drive_ask(&d, "cancel", "post.m03.f006", NULL), 0);
    assert_string_equal(drive_state(&d, "post.m03.f006"), "cancelled");
    assert_int_equal(drive_ask(&d, "cancel", "post", "m09,+006"), FL_E_NOENT);
    drive_close(&d);
}

/* The program of an instance finds its members in its arguments, and the files of many members side
 * by side in its folder though their makers gave them one name. */
static void launch_names_members_and_files(void **state)
{
    struct fl_workflow *wf = ensemble(2);
    struct fl_stage *post = &wf->stages[1];
    const json_t *spec;
    const json_t *inputs;
    struct drive d;

    (void)state;
    post->args.items = calloc(1, sizeof(*post->args.items));
    post->args.items[0] = strdup("{member} {hour} {lead:signed} {valid:%H} {output:map}");
    post->args.count = 1;
    drive_open(&d);
    drive_take(&d, wf);
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, "20261124T0000Z");
    drive_begin(&d, "forecast.m01/1");
    drive_begin(&d, "forecast.m02/1");
    drive_output(&d, "forecast.m01/1", "field", "+006");
    drive_output(&d, "forecast.m02/1", "field", "+006");
    spec = json_object_get(drive_message(&d, "launch", "post.m02.f006/1"), "spec");
    assert_string_equal(json_string_value(json_array_get(json_object_get(spec, "args"), 0)),
                        "m02 f006 +006 06 ../out/map.m02.f006");
    assert_string_equal(json_string_value(json_object_get(spec, "key")), "m02,+006");
    assert_string_equal(json_string_value(json_object_get(spec, "lead")), "+006");
    inputs = json_object_get(spec, "inputs");
    assert_string_equal(json_string_value(json_object_get(json_array_get(inputs, 0), "file")),
                        "field.006");
    spec = json_object_get(drive_message(&d, "launch", "mean.f006/1"), "spec");
    inputs = json_object_get(spec, "inputs");
    assert_int_equal(json_array_size(inputs), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(inputs, 0), "file")),
                        "m01.field.006");
    assert_string_equal(json_string_value(json_object_get(json_array_get(inputs, 1), "file")),
                        "m02.field.006");
    drive_close(&d);
}

/* A trigger names members of either set; what it does not name it shares with its own instance. */
static void triggers_choose_by_dimension(void **state)
{
    static const struct {
        const char *when;
        uint32_t count;
    } rows[] = {
        {"forecast", 1},
        {"forecast:all", 4},
        {"forecast(m03)", 1},
        {"forecast.field", 3},
        {"forecast.field(+006)", 1},
        {"forecast.field(m02/m04)", 9},
        {"post", 3},
        {"post(m01,+000)", 1},
        {"post(+000/+006)", 2},
        {"post(m01/m04/2)", 6},
        {"mean", 3},
        {"post.map(m02)", 3},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        struct fl_workflow *wf = ensemble(4);
        struct fl_plan *plan = NULL;
        struct fl_err err = {0};
        int32_t s = build_stage(wf, "probe", rows[i].when, 1, 0);

        assert_ok(fl_workflow_check(wf, &err), err);
        assert_ok(fl_plan_create("", wf, &plan, &err), err);
        assert_int_equal(plan->stages[s].inst_count, 4);
        for (uint32_t k = 0; k < 4; k++)
            if (plan->wants[plan->stages[s].term_first + k].need != rows[i].count)
                fail_msg("%s: %u, not %u", rows[i].when,
                         plan->wants[plan->stages[s].term_first + k].need, rows[i].count);
        fl_plan_destroy(plan);
    }
}

/* What is refused says which stage, what, and what would be accepted. */
static void limits_and_mistakes_are_told(void **state)
{
    struct fl_workflow *wf = ensemble(3);
    struct fl_err err = {0};
    int32_t wide = build_names(wf, "wide", "w", 2000);
    int32_t far = build_names(wf, "far", "f", 1000);

    (void)state;
    (void)build_stage(wf, "huge", NULL, 2, wide, far);
    assert_fails_with(fl_workflow_check(wf, &err), FL_E_CONFIG, err,
                      "stage 'huge': 2000000 instances; the limit is 1000000");
    wf->stages[4].dims.sets[1] = wide;
    assert_fails_with(fl_workflow_check(wf, &err), FL_E_CONFIG, err, "it runs twice over 'wide'");
    wf->stages[4].dims.count = 1;
    assert_ok(fl_workflow_check(wf, &err), err);
    free(wf->sets[0].members.items[1]);
    wf->sets[0].members.items[1] = strdup("m 2");
    assert_fails_with(fl_workflow_check(wf, &err), FL_E_CONFIG, err, "set 'member': member 'm 2'");
    free(wf->sets[0].members.items[1]);
    wf->sets[0].members.items[1] = strdup("m01");
    assert_ok(fl_set_index(&wf->sets[0], &err), err);
    assert_fails_with(fl_workflow_check(wf, &err), FL_E_CONFIG, err, "has member 'm01' twice");
    fl_workflow_destroy(wf);
}

/* 5,000 x 5,000 dependencies would fill the memory of a server; a gathering stage of 100,000 is
 * fine.
 */
static void products_of_large_sets_are_refused(void **state)
{
    struct fl_workflow *wf = build_workflow("big", 10);
    struct fl_plan *plan = NULL;
    struct fl_err err = {0};
    int32_t a = build_names(wf, "a", "a", 5000);
    int32_t b = build_names(wf, "b", "b", 5000);
    int32_t make = build_stage(wf, "make", NULL, 1, a);
    int32_t take;

    (void)state;
    (void)build_output(wf, make, "o", FL_NONE);
    take = build_stage(wf, "take", NULL, 1, b);
    (void)build_input(wf, take, make, 0, NULL);
    assert_ok(fl_workflow_check(wf, &err), err);
    assert_fails_with(fl_plan_create("", wf, &plan, &err), FL_E_TOO_BIG, err,
                      "stage 'take': more than 16777216 dependencies: each of its 5000 instances "
                      "waits for 5000 of 'make'");
    fl_workflow_destroy(wf);
    wf = build_workflow("wide", 10);
    a = build_names(wf, "a", "a", 100000);
    make = build_stage(wf, "make", NULL, 1, a);
    (void)build_output(wf, make, "o", FL_NONE);
    take = build_stage(wf, "take", NULL, 0);
    (void)build_input(wf, take, make, 0, NULL);
    assert_ok(fl_workflow_check(wf, &err), err);
    assert_ok(fl_plan_create("", wf, &plan, &err), err);
    assert_int_equal(plan->wants[0].need, 100000);
    assert_int_equal(fl_set_find(&plan->workflow->sets[0], "a99999", 6), 99998);
    fl_plan_destroy(plan);
}

/* An output that is many files must say so in its name. */
static void own_set_stands_in_the_file(void **state)
{
    struct fl_workflow *wf = ensemble(3);
    struct fl_err err = {0};

    (void)state;
    free(wf->stages[0].outputs[0].file);
    wf->stages[0].outputs[0].file = strdup("field.{member}.nc");
    assert_fails_with(fl_workflow_check(wf, &err), FL_E_CONFIG, err,
                      "output 'field' is one for each of 'hour', so its file needs {lead}");
    fl_workflow_destroy(wf);
}

/* Runs that were recorded by an older version go on: `per`, and one lead of a source. */
static void old_workflows_are_read(void **state)
{
    static const char text[] =
        "{'version':1,'name':'old','cycles':{'every_s':0,'from':0,'ahead':0,'keep_s':0},"
        "'sets':[{'name':'h','leads':[0,360,180]}],'params':[],'sites':[{'name':'l','root':'l'}],"
        "'pools':[{'name':'l','site':0,'cores':1,'jobs':1}],'stages':["
        "{'name':'a','kind':0,'origin':-1,'program':'true','args':[],'env':[],'inputs':[],"
        "'outputs':[{'name':'o','file':'o.{lead}','set':0}],'files':[],'deadlines':[],'pool':0,"
        "'cores':1,'ranks':0,'per':0,'leads':-1,'success':{'exit':0,'log_forbid':[],'outputs':0},"
        "'tries':1,'delay_s':1,'grow':1.0,'time_limit_s':0,'grace_s':1,'once':false,"
        "'keep_at_source':true},"
        "{'name':'b','kind':0,'origin':-1,'program':'true','args':[],'env':[],'inputs':["
        "{'name':'i','sources':[{'stage':0,'output':0,'offset_s':0,'text':'a.o','lead':180}],"
        "'first_of':false,'follow':false,'edge_absent':false,'shift_min':0,'leads':-1,"
        "'bridge_max_s':0}],'outputs':[{'name':'p','file':'p.{lead}','set':0}],'files':[],"
        "'deadlines':[],'pool':0,'cores':1,'ranks':0,'per':-1,'leads':-1,"
        "'success':{'exit':0,'log_forbid':[],'outputs':0},'tries':1,'delay_s':1,'grow':1.0,"
        "'time_limit_s':0,'grace_s':1,'once':false,'keep_at_source':true}]}";
    char copy[sizeof(text)];
    fl_json_auto json_t *json = NULL;
    fl_auto(fl_workflow_destroy) struct fl_workflow *wf = NULL;
    struct fl_err err = {0};

    (void)state;
    memcpy(copy, text, sizeof(text));
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    assert_ok(fl_json_parse(copy, strlen(copy), &json, &err), err);
    assert_ok(fl_workflow_from_json(json, &wf, &err), err);
    assert_int_equal(wf->stages[0].dims.count, 1);
    assert_int_equal(wf->stages[0].outputs[0].set, FL_NONE);
    assert_int_equal(wf->stages[1].outputs[0].set, 0);
    assert_int_equal(wf->stages[1].inputs[0].sources[0].select.of[0].first, 1);
    assert_int_equal(wf->stages[1].inputs[0].sources[0].select.of[0].count, 1);
}

/* tracker says which storms there are; each is tracked, all are summed up. */
static struct fl_workflow *storms(void)
{
    struct fl_workflow *wf = build_workflow("storms", 100);
    int32_t tracker = build_stage(wf, "tracker", NULL, 0);
    int32_t storm = build_declared(wf, "storm", tracker);
    int32_t track;
    int32_t sum;

    (void)build_output(wf, tracker, "list", FL_NONE);
    track = build_stage(wf, "track", NULL, 1, storm);
    (void)build_output(wf, track, "path", FL_NONE);
    (void)build_input(wf, track, tracker, 0, NULL);
    sum = build_stage(wf, "sum", "track:ended", 0);
    (void)build_input(wf, sum, track, 0, NULL);
    return wf;
}

static void storms_open(struct drive *d)
{
    drive_open(d);
    drive_take(d, storms());
    drive_hello(d, "w1", NULL);
    drive_submit(d, "20261124T0000Z");
    drive_begin(d, "tracker/1");
}

/* The graph grows by what a stage finds, and what waits for all of them waits for that. */
static void declared_members_make_instances(void **state)
{
    fl_json_auto json_t *why = NULL;
    struct drive d;

    (void)state;
    storms_open(&d);
    assert_ok(fl_view_why(d.core, NULL, "sum", d.now_ns, &why, &d.err), d.err);
    assert_non_null(strstr(json_string_value(json_object_get(why, "text")),
                           "the members of set 'storm', which tracker says: tracker is running"));
    assert_int_equal(
        drive_say(&d, "tracker/1", 0, "{'type':'set','set':'storm','members':['al09','al10']}"), 0);
    assert_string_equal(drive_state(&d, "track.al10"), "waiting");
    assert_int_equal(
        drive_say(&d, "tracker/1", 0, "{'type':'set','set':'storm','members':['al09','al10']}"), 0);
    assert_int_equal(
        drive_say(&d, "tracker/1", 0, "{'type':'set','set':'storm','members':['al11']}"), 0);
    assert_int_equal(drive_events(&d, FL_EVENT_SET_DECLARED, NULL), 1);
    drive_output(&d, "tracker/1", "list", NULL);
    drive_end(&d, "tracker/1", "succeeded");
    assert_string_equal(drive_state(&d, "track.al09"), "launched");
    assert_string_equal(drive_state(&d, "sum"), "waiting");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_int_equal(drive_events(&d, FL_EVENT_ATTEMPT_LAUNCHED, "track"), 2);
    drive_close(&d);
}

/* No storm is an answer, too; none said is not. */
static void declared_sets_may_be_empty_or_missing(void **state)
{
    struct drive d;

    (void)state;
    storms_open(&d);
    assert_int_equal(drive_say(&d, "tracker/1", 0, "{'type':'set','set':'storm','members':[]}"), 0);
    drive_play(&d);
    assert_string_equal(drive_state(&d, "sum"), "succeeded");
    drive_close(&d);
    storms_open(&d);
    assert_int_equal(drive_say(&d, "tracker/1", 0, "{'type':'set','set':'strom','members':['a']}"),
                     0);
    assert_int_equal(
        drive_say(&d, "tracker/1", 0, "{'type':'set','set':'storm','members':['a','../b']}"), 0);
    assert_int_equal(drive_say(&d, "tracker/1", 0, "{'type':'set','set':'storm'}"), 0);
    drive_output(&d, "tracker/1", "list", NULL);
    drive_end(&d, "tracker/1", "succeeded");
    assert_int_equal(drive_events(&d, FL_EVENT_SET_DECLARED, NULL), 0);
    assert_string_equal(drive_state(&d, "sum"), "skipped");
    assert_non_null(strstr(drive_reason(&d, "sum"), "the members of set 'storm'"));
    drive_close(&d);
}

/* A person says that the search has succeeded, and it has not said what it found: that is asked
 * for, or the set is empty by force, and what waits for all of nothing goes on. */
static void success_by_hand_needs_the_set(void **state)
{
    struct drive d;

    (void)state;
    storms_open(&d);
    drive_end(&d, "tracker/1", "failed");
    assert_int_equal(drive_request(&d, "{'verb':'set-state','which':['tracker'],'state':"
                                       "'succeeded'}"),
                     FL_E_REFUSED); /* its list is missing */
    assert_int_equal(drive_request(&d,
                                   "{'verb':'set-state','which':['tracker'],'state':'succeeded',"
                                   "'force':true}"),
                     0);
    assert_int_equal(drive_events(&d, FL_EVENT_SET_DECLARED, NULL), 1);
    drive_play(&d);
    assert_string_equal(drive_state(&d, "sum"), "succeeded");
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_int_equal(drive_request(&d, "{'verb':'undo'}"), FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "set 'storm' is empty"));
    drive_close(&d);
}

/* Without outputs there is nothing else that could be missing. */
static void a_set_that_was_not_said_is_missing_like_an_output(void **state)
{
    struct fl_workflow *wf = build_workflow("storms", 100);
    int32_t tracker = build_stage(wf, "tracker", NULL, 0);
    int32_t storm = build_declared(wf, "storm", tracker);
    struct drive d;

    (void)state;
    (void)build_stage(wf, "track", NULL, 1, storm);
    drive_open(&d);
    drive_take(&d, wf);
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, "20261124T0000Z");
    drive_begin(&d, "tracker/1");
    drive_end(&d, "tracker/1", "failed");
    assert_int_equal(drive_request(&d, "{'verb':'set-state','which':['tracker'],'state':"
                                       "'succeeded'}"),
                     FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "tracker has not said the members of set 'storm'; --force"));
    drive_close(&d);
}

/* "Some part of the ensemble has failed: tell the duty officer": what is there decides, also when
 * nobody ever says what else there is. */
static void so_many_of_a_group_may_be_known_already(void **state)
{
    struct drive d;

    (void)state;
    for (int says = 0; says < 2; says++) {
        drive_open(&d);
        drive_load(&d,
                   "workflow: { name = \"toy\"; sets = { storm = { declared = true; }; }; groups = "
                   "{ g: { stages: { find: { program = \"p\"; declares = \"storm\"; }; "
                   "track: { foreach = [\"storm\"]; program = \"p\"; }; "
                   "other: { program = \"p\"; optional = true; }; }; }; };"
                   "stages: { alarm: { when = \"g:failed >= 1\"; program = \"p\"; }; "
                   "two: { when = \"g:failed >= 2\"; program = \"p\"; }; }; };");
        drive_hello(&d, "w1", NULL);
        drive_submit(&d, "20261124T0000Z");
        drive_begin(&d, "find/1");
        drive_begin(&d, "other/1");
        if (says)
            assert_int_equal(
                drive_say(&d, "find/1", 0, "{'type':'set','set':'storm','members':['al09']}"), 0);
        drive_end(&d, "find/1", "succeeded");
        assert_string_equal(drive_state(&d, "alarm"), "waiting");
        assert_string_equal(drive_state(&d, "two"), says ? "waiting" : "skipped");
        drive_end(&d, "other/1", "failed");
        assert_string_equal(drive_state(&d, "alarm"), "launched");
        drive_play(&d);
        assert_string_equal(drive_state(&d, "two"), "skipped");
        drive_close(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ensemble_streams_by_member_and_lead),
        cmocka_unit_test(ensemble_runs_to_its_end),
        cmocka_unit_test(instances_go_by_their_members),
        cmocka_unit_test(launch_names_members_and_files),
        cmocka_unit_test(triggers_choose_by_dimension),
        cmocka_unit_test(limits_and_mistakes_are_told),
        cmocka_unit_test(products_of_large_sets_are_refused),
        cmocka_unit_test(own_set_stands_in_the_file),
        cmocka_unit_test(old_workflows_are_read),
        cmocka_unit_test(declared_members_make_instances),
        cmocka_unit_test(declared_sets_may_be_empty_or_missing),
        cmocka_unit_test(success_by_hand_needs_the_set),
        cmocka_unit_test(a_set_that_was_not_said_is_missing_like_an_output),
        cmocka_unit_test(so_many_of_a_group_may_be_known_already),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
