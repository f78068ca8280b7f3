/* What people do to a run: whom it reaches, what the record keeps of it, and how it is undone. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/core/state.h"
#include "engine/core/view.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#define CYCLE "20261124T0000Z"

static const char grouped[] =
    "workflow: { name = \"toy\"; params = { manning = 0.02; name = \"a\"; };"
    " pools = { local = { site = \"local\"; cores = 1; jobs = 8; }; };"
    " sites = { local = { root = \"local\"; }; };"
    " leads = { hourly = \"+000/+002/1\"; };"
    " groups = { model = { stages = {"
    "   grid: { program = \"true\"; args = [\"{manning}\"]; };"
    "   run: { program = \"true\"; args = [\"{manning}\"]; per = \"leads:hourly\"; when = "
    "\"grid\"; };"
    " }; }; };"
    " stages = { last: { program = \"true\"; args = [\"{manning}\", \"{name}\"]; when = "
    "\"run:all\"; };"
    " }; };";

static void open_grouped(struct drive *d)
{
    drive_open(d);
    drive_load(d, grouped);
    drive_submit(d, CYCLE);
}

static const char *arg_of(const struct drive *d, const char *attempt, size_t n)
{
    const json_t *spec = json_object_get(drive_message(d, "launch", attempt), "spec");

    return json_string_value(json_array_get(json_object_get(spec, "args"), n));
}

/* At 03:00 one names the group, not its forty stages; and none of them twice. */
static void a_group_is_acted_on_as_a_stage_is(void **state)
{
    struct drive d;

    (void)state;
    open_grouped(&d);
    assert_int_equal(drive_request(&d, "{'verb':'hold','which':['model','run.f001','grid']}"), 0);
    assert_int_equal(drive_events(&d, FL_EVENT_HELD, NULL), 4);
    assert_string_equal(drive_state(&d, "grid"), "held");
    assert_string_equal(drive_state(&d, "run.f001"), "held");
    assert_string_equal(drive_state(&d, "last"), "waiting");
    assert_int_equal(drive_request(&d, "{'verb':'release','which':['model']}"), 0);
    assert_string_equal(drive_state(&d, "grid"), "ready");
    drive_close(&d);
}

/* A slip in a name must not hold half of what was meant. */
static void a_wrong_name_does_nothing_at_all(void **state)
{
    struct drive d;

    (void)state;
    open_grouped(&d);
    assert_int_equal(drive_request(&d, "{'verb':'hold','which':['grid','rnu']}"), FL_E_NOENT);
    assert_non_null(strstr(d.err.text, "rnu"));
    assert_non_null(strstr(d.err.text, "run"));
    assert_int_equal(drive_events(&d, FL_EVENT_HELD, NULL), 0);
    assert_int_equal(drive_events(&d, FL_EVENT_ACTION_TAKEN, NULL), 0);
    assert_int_equal(drive_request(&d, "{'verb':'hodl','which':['grid']}"), FL_E_UNSUPPORTED);
    assert_non_null(strstr(d.err.text, "hold, release"));
    assert_int_equal(drive_request(&d, "{'verb':'hold','run':'toy/20261125T0000Z'}"), FL_E_NOENT);
    drive_close(&d);
}

/* "It ran or had ended" is no answer for who named five things: each is told with its state. */
static void what_cannot_be_done_is_told_of_each_object(void **state)
{
    struct drive d;

    (void)state;
    open_grouped(&d);
    assert_int_equal(drive_request(&d, "{'verb':'release','which':['model']}"), FL_E_REFUSED);
    assert_string_equal(d.err.text, "nothing is held there: grid is ready, run(+000) is waiting");
    assert_int_equal(drive_request(&d, "{'verb':'retry','which':['last','grid']}"), FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "): grid is ready, last is waiting"));
    drive_hello(&d, "w1", NULL);
    assert_int_equal(drive_request(&d, "{'verb':'hold','which':['grid']}"), FL_E_REFUSED);
    assert_string_equal(d.err.text, "nothing to hold: grid is launched");
    drive_close(&d);
}

/* What was held before by another hand stays held. */
static void undo_releases_only_what_the_hold_held(void **state)
{
    struct drive d;

    (void)state;
    open_grouped(&d);
    assert_int_equal(drive_request(&d, "{'verb':'hold','which':['run.f001']}"), 0);
    assert_int_equal(drive_request(&d, "{'verb':'hold','which':['model']}"), 0);
    assert_int_equal(drive_request(&d, "{'verb':'undo'}"), 0);
    assert_string_equal(drive_state(&d, "grid"), "ready");
    assert_string_equal(drive_state(&d, "run.f000"), "waiting");
    assert_string_equal(drive_state(&d, "run.f001"), "held");
    assert_int_equal(drive_request(&d, "{'verb':'undo','number':2}"),
                     FL_E_REFUSED); /* undone already */
    assert_int_equal(drive_request(&d, "{'verb':'undo','number':3}"),
                     FL_E_REFUSED); /* an undo itself */
    assert_int_equal(drive_request(&d, "{'verb':'undo','number':9}"), FL_E_NOENT);
    assert_int_equal(drive_request(&d, "{'verb':'undo'}"), 0); /* the one before: number 1 */
    assert_string_equal(drive_state(&d, "run.f001"), "waiting");
    drive_close(&d);
}

/* The forecaster's other value reaches what is launched from now on, there and nowhere else. */
static void a_parameter_that_is_set_reaches_what_is_launched_next(void **state)
{
    struct drive d;

    (void)state;
    open_grouped(&d);
    assert_int_equal(drive_request(&d, "{'verb':'set-parameter','name':'manning','value':'0.03'}"),
                     0);
    assert_int_equal(
        drive_request(&d,
                      "{'verb':'set-parameter','which':['last'],'name':'manning','value':'0.04'}"),
        0);
    drive_hello(&d, "w1", NULL);
    assert_string_equal(arg_of(&d, "grid/1", 0), "0.03");
    drive_begin(&d, "grid/1");
    drive_end(&d, "grid/1", "succeeded");
    assert_int_equal(drive_request(&d, "{'verb':'undo','number':1}"), 0);
    assert_string_equal(arg_of(&d, "run.f000/1", 0), "0.03"); /* launched before the undo */
    drive_begin(&d, "run.f000/1");
    drive_end(&d, "run.f000/1", "succeeded");
    assert_string_equal(arg_of(&d, "run.f001/1", 0), "0.02");
    drive_begin(&d, "run.f001/1");
    drive_end(&d, "run.f001/1", "succeeded");
    drive_begin(&d, "run.f002/1");
    drive_end(&d, "run.f002/1", "succeeded");
    assert_string_equal(arg_of(&d, "last/1", 0), "0.04");
    assert_string_equal(arg_of(&d, "last/1", 1), "a");
    drive_close(&d);
}

/* A value for two hours ends by itself, when nobody thinks of it any more. */
static void a_parameter_set_for_a_time_expires(void **state)
{
    struct drive d;
    char request[200];

    (void)state;
    open_grouped(&d);
    (void)snprintf(request, sizeof(request),
                   "{'verb':'set-parameter','name':'manning','value':'0.03','until_ns':%" PRId64
                   "}",
                   d.now_ns + INT64_C(60000000000));
    assert_int_equal(drive_request(&d, request), 0);
    assert_true(fl_core_next_timer_ns(d.core) <= d.now_ns + INT64_C(60000000000));
    drive_pass(&d, 61);
    assert_int_equal(drive_events(&d, FL_EVENT_PARAM_SET, NULL), 2);
    drive_hello(&d, "w1", NULL);
    assert_string_equal(arg_of(&d, "grid/1", 0), "0.02");
    drive_close(&d);
}

/* A value of the wrong kind would reach the model as it is. */
static void a_parameter_keeps_its_type(void **state)
{
    struct drive d;

    (void)state;
    open_grouped(&d);
    assert_int_equal(drive_request(&d, "{'verb':'set-parameter','name':'manning','value':'wide'}"),
                     FL_E_USAGE);
    assert_non_null(strstr(d.err.text, "accepted: a number"));
    assert_int_equal(drive_request(&d, "{'verb':'set-parameter','name':'maning','value':'1'}"),
                     FL_E_NOENT);
    assert_int_equal(drive_request(&d, "{'verb':'set-parameter','name':'name','value':'a\\nb'}"),
                     FL_E_USAGE);
    assert_int_equal(drive_request(&d, "{'verb':'set-parameter','name':'manning'}"), FL_E_REFUSED);
    assert_int_equal(
        drive_request(&d, "{'verb':'set-parameter','name':'manning','value':'1','until_ns':1}"),
        FL_E_USAGE);
    drive_close(&d);
}

static const char products[] =
    "workflow: { name = \"toy\";"
    " pools = { local = { site = \"local\"; cores = 4; jobs = 8; }; };"
    " sites = { local = { root = \"local\"; }; };"
    " stages = {"
    "   gauge: { program = \"true\"; outputs = { level = \"level.txt\"; }; };"
    "   blend: { program = \"true\"; inputs = { level = \"gauge.level\"; }; };"
    "   tell: { program = \"true\"; when = \"gauge\"; };"
    " }; };";

/* The gauge is broken and will not come: the night's run must end without it, and say so. */
static void what_is_skipped_is_not_waited_for(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, products);
    drive_submit(&d, CYCLE);
    assert_int_equal(drive_request(&d, "{'verb':'skip','which':['gauge']}"), 0);
    assert_string_equal(drive_state(&d, "gauge"), "skipped");
    assert_string_equal(drive_state(&d, "tell"), "ready");
    assert_int_equal(drive_events(&d, FL_EVENT_OUTPUT_ABSENT, "gauge"), 1);
    assert_true(strcmp(drive_state(&d, "blend"), "waiting") != 0); /* it can never have its input */
    drive_close(&d);
}

/* A slip of the hand is taken back, also for what had ended because of it. */
static void undo_of_a_skip_makes_all_wait_again(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, products);
    drive_submit(&d, CYCLE);
    assert_int_equal(drive_request(&d, "{'verb':'skip','which':['gauge']}"), 0);
    assert_int_equal(drive_request(&d, "{'verb':'undo'}"), 0);
    assert_string_equal(drive_state(&d, "gauge"), "ready");
    assert_string_equal(drive_state(&d, "blend"), "waiting");
    drive_hello(&d, "w1", NULL);
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_string_equal(drive_state(&d, "blend"), "succeeded");
    drive_close(&d);
}

/* Two are skipped at once, the second of which the first had doomed: what was to be ended for that
 * must not be, once the slip is taken back. Reading past the plan's end took the coordinator down.
 */
static void undo_of_a_skip_forgets_what_it_doomed(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, products);
    drive_submit(&d, CYCLE);
    assert_int_equal(drive_request(&d, "{'verb':'skip','which':['gauge','blend']}"), 0);
    assert_int_equal(drive_request(&d, "{'verb':'undo'}"), 0);
    assert_string_equal(drive_state(&d, "blend"), "waiting");
    drive_hello(&d, "w1", NULL);
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* What has been started since cannot be un-started. */
static void undo_is_refused_when_others_have_gone_on(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, products);
    drive_submit(&d, CYCLE);
    assert_int_equal(drive_request(&d, "{'verb':'skip','which':['gauge']}"), 0);
    drive_hello(&d, "w1", NULL);
    assert_string_equal(drive_state(&d, "tell"), "launched");
    assert_int_equal(drive_request(&d, "{'verb':'undo'}"), FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "tell was started"));
    drive_close(&d);
}

/* A run that failed for one stage which a person knows to be fine goes on and ends well. */
static void a_state_that_is_set_lets_an_ended_run_go_on(void **state)
{
    struct drive d;

    (void)state;
    open_grouped(&d);
    drive_hello(&d, "w1", NULL);
    drive_begin(&d, "grid/1");
    assert_int_equal(
        drive_say(&d, "grid/1", 0, "{'type':'end','state':'failed','code':1,'class':'data'}"), 0);
    assert_string_equal(drive_state(&d, NULL), "failed");
    assert_int_equal(drive_request(&d, "{'verb':'set-state','which':['grid'],'state':'succeeded'}"),
                     0);
    drive_play(&d);
    assert_string_equal(drive_state(&d, "grid"), "succeeded");
    assert_string_equal(drive_state(&d, "last"), "succeeded");
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* Success without the file would be found out by the stage that opens it, at the worst time. */
static void success_is_not_set_without_the_outputs(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, products);
    drive_submit(&d, CYCLE);
    assert_int_equal(
        drive_request(&d, "{'verb':'set-state','which':['gauge'],'state':'succeeded'}"),
        FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "--force"));
    assert_int_equal(drive_request(&d, "{'verb':'set-state','which':['gauge'],'state':'done'}"),
                     FL_E_USAGE);
    assert_int_equal(
        drive_request(&d,
                      "{'verb':'set-state','which':['gauge'],'state':'succeeded','force':true}"),
        0);
    assert_string_equal(drive_state(&d, "gauge"), "succeeded");
    drive_hello(&d, "w1", NULL);
    assert_int_equal(drive_request(&d, "{'verb':'skip','which':['tell']}"), FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "cancel it first"));
    drive_close(&d);
}

#define CHAIN(middle) \
    "workflow: { name = \"toy\";" \
    " pools = { local = { site = \"local\"; cores = 4; jobs = 8; }; };" \
    " sites = { local = { root = \"local\"; }; };" \
    " leads = { hourly = \"+000/+002/1\"; };" \
    " stages = { first: { program = \"true\"; outputs = { o = \"o.txt\"; }; };" middle \
    "   last: { program = \"true\"; inputs = { o = \"first.o\"; }; }; }; };"

/* A stage is put into a run that is under way: nothing that was done is done again. */
static void a_stage_is_inserted_into_a_running_run(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, CHAIN(""));
    drive_submit(&d, CYCLE);
    drive_hello(&d, "w1", NULL);
    drive_begin(&d, "first/1");
    drive_output(&d, "first/1", "o", NULL);
    drive_end(&d, "first/1", "succeeded");
    drive_begin(&d, "last/1");
    drive_load(&d, CHAIN("extra: { program = \"true\"; per = \"leads:hourly\";"
                         " inputs = { o = \"first.o\"; }; };"));
    assert_int_equal(drive_reload(&d, "insert", ",'stages':['other']"), FL_E_REFUSED);
    assert_int_equal(drive_reload(&d, "insert", ",'stages':['extra']"), 0);
    assert_string_equal(drive_state(&d, "first"), "succeeded");
    assert_string_equal(drive_state(&d, "last"), "running");
    assert_string_equal(drive_state(&d, "extra.f001"), "launched"); /* its input is there */
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_int_equal(drive_events(&d, FL_EVENT_ATTEMPT_LAUNCHED, "first"), 1);
    drive_close(&d);
}

#define LIMITED(head, stage) \
    "workflow: { name = \"toy\"; limits = { io = 2; };" \
    " pools = { local = { site = \"local\"; cores = 4; jobs = 8; resources = { memory = 8; }; };" \
    " other = { site = \"local\"; cores = 4; jobs = 8; }; };" \
    " sites = { local = { root = \"local\"; }; };" \
    " stages = { one: { program = \"true\"; " stage " }; }; };"

/* What runs is counted by what it was launched with; another pool or weight would hold a limit that
 * it does not use, or exceed it. */
static void what_runs_keeps_what_it_takes(void **state)
{
    static const char *const others[] = {
        "pool = \"local\"; uses = { io = 2; };", "pool = \"other\"; uses = [\"io\"];",
        "pool = \"local\"; uses = [\"io\"]; needs = { memory = 2; };"};
    struct drive d;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(others); i++) {
        char text[1024];

        drive_open(&d);
        drive_load(&d, LIMITED("", "pool = \"local\"; uses = [\"io\"];"));
        drive_submit(&d, CYCLE);
        drive_hello(&d, "w1", NULL);
        drive_begin(&d, "one/1");
        (void)snprintf(text, sizeof(text), LIMITED("", "%s"), others[i]);
        drive_load(&d, text);
        assert_int_equal(drive_reload(&d, "reload-run", ""), FL_E_REFUSED);
        assert_non_null(strstr(d.err.text, "one is running, and the new version gives it another"));
        drive_load(&d, LIMITED("", "pool = \"local\"; uses = [\"io\"]; priority = 3;"));
        assert_int_equal(drive_reload(&d, "reload-run", ""), 0);
        drive_close(&d);
    }
}

/* What runs is not taken away under its feet; what does not can go, and come back by undo. */
static void a_stage_is_removed_unless_it_runs(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, CHAIN("extra: { program = \"true\"; };"
                         "later: { program = \"true\"; when = \"last\"; };"));
    drive_submit(&d, CYCLE);
    drive_hello(&d, "w1", NULL);
    drive_begin(&d, "extra/1");
    drive_load(&d, CHAIN(""));
    assert_int_equal(drive_reload(&d, "remove", ",'stages':['extra','later']"), FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "extra is running"));
    drive_load(&d, CHAIN("extra: { program = \"true\"; };"));
    assert_int_equal(drive_reload(&d, "remove", ",'stages':['later']"), 0);
    assert_int_equal(drive_request(&d, "{'verb':'hold','which':['later']}"), FL_E_NOENT);
    assert_int_equal(drive_request(&d, "{'verb':'undo'}"), 0);
    assert_string_equal(drive_state(&d, "later"), "waiting");
    assert_string_equal(drive_state(&d, "extra"), "running");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* A changed file: what has run stays, what has not runs as the new version says. */
static void a_reload_takes_over_the_difference(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, CHAIN("late: { program = \"true\"; args = [\"old\"]; when = \"first\"; };"));
    drive_submit(&d, CYCLE);
    drive_hello(&d, "w1", NULL);
    assert_int_equal(drive_reload(&d, "reload-run", ""), FL_E_REFUSED); /* that version already */
    drive_load(&d, CHAIN("late: { program = \"true\"; args = [\"new\"]; when = \"first\"; };"));
    assert_int_equal(drive_reload(&d, "reload-run", ""), 0);
    drive_begin(&d, "first/1");
    drive_output(&d, "first/1", "o", NULL);
    drive_end(&d, "first/1", "succeeded");
    assert_string_equal(arg_of(&d, "late/1", 0), "new");
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    assert_int_equal(drive_request(&d, "{'verb':'undo'}"), FL_E_REFUSED); /* the run has ended */
    drive_close(&d);
}

/* A stage that would be too late is still seen to be so after another was put before it. */
static void what_is_too_late_expires_after_an_insertion_too(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, CHAIN("late: { program = \"true\"; when = \"last\"; expire = \"+PT12H\"; };"));
    drive_submit(&d, CYCLE);
    drive_load(&d, CHAIN("extra: { program = \"true\"; };"
                         "late: { program = \"true\"; when = \"last\"; expire = \"+PT12H\"; };"));
    assert_int_equal(drive_reload(&d, "insert", ",'stages':['extra']"), 0);
    drive_pass(&d, (int64_t)12 * 3600);
    assert_string_equal(drive_state(&d, "late"), "expired");
    assert_string_equal(drive_state(&d, "extra"), "ready");
    drive_close(&d);
}

static const char *sum_state(const json_t *brief, const char *list, const char *name)
{
    size_t i;
    json_t *one;

    json_array_foreach(json_object_get(brief, list), i, one)
    {
        const char *is = json_string_value(json_object_get(one, "stage"));

        if (!is)
            is = json_string_value(json_object_get(one, "name"));
        if (strcmp(is, name) == 0)
            return json_string_value(json_object_get(one, "state"));
    }
    return NULL;
}

/* One line a stage and a group, whatever the number of members, and the worst news first. */
static void a_run_is_summed_up_by_its_worst_news(void **state)
{
    fl_json_auto json_t *brief = NULL;
    struct fl_err err = {0};
    struct drive d;

    (void)state;
    open_grouped(&d);
    drive_hello(&d, "w1", NULL);
    drive_begin(&d, "grid/1");
    drive_end(&d, "grid/1", "succeeded");
    drive_begin(&d, "run.f000/1");
    drive_end(&d, "run.f000/1", "succeeded");
    assert_ok(fl_view_brief(d.core, d.run, &brief, &err), err);
    assert_string_equal(sum_state(brief, "stages", "grid"), "succeeded");
    assert_string_equal(sum_state(brief, "stages", "run"), "launched");
    assert_string_equal(sum_state(brief, "groups", "model"), "launched");
    json_decref(brief);
    brief = NULL;
    drive_begin(&d, "run.f001/1");
    assert_int_equal(
        drive_say(&d, "run.f001/1", 0, "{'type':'end','state':'failed','code':1,'class':'data'}"),
        0);
    assert_ok(fl_view_brief(d.core, d.run, &brief, &err), err);
    assert_string_equal(sum_state(brief, "stages", "run"), "failed");
    assert_string_equal(sum_state(brief, "groups", "model"), "failed");
    assert_int_equal(json_array_size(json_object_get(brief, "troubles")), 1);
    drive_close(&d);
}

/* "Why is model not done?" is asked of the group, not of each of its stages. */
static void why_answers_for_a_group(void **state)
{
    fl_json_auto json_t *why = NULL;
    struct fl_err err = {0};
    const char *text;
    struct drive d;

    (void)state;
    open_grouped(&d);
    assert_int_equal(drive_request(&d, "{'verb':'hold','which':['run.f001']}"), 0);
    assert_ok(fl_view_why(d.core, d.run, "model", d.now_ns, &why, &err), err);
    text = json_string_value(json_object_get(why, "text"));
    assert_string_equal(json_string_value(json_object_get(why, "stage")), "model");
    assert_string_equal(json_string_value(json_object_get(why, "state")), "held");
    assert_non_null(strstr(text, "group of 2 stages"));
    assert_non_null(strstr(text, "run(+001) is held"));
    assert_non_null(strstr(text, "grid"));
    drive_close(&d);
}

/* One stage too many was cancelled before it began: that is put right like any other end. */
static void what_was_cancelled_before_it_began_is_tried_again(void **state)
{
    struct drive d;

    (void)state;
    open_grouped(&d);
    assert_int_equal(drive_request(&d, "{'verb':'cancel','which':['last']}"), 0);
    assert_int_equal(drive_request(&d, "{'verb':'retry','which':['last']}"), 0);
    assert_string_equal(drive_state(&d, "last"), "waiting");
    assert_int_equal(drive_request(&d, "{'verb':'cancel'}"), 0);
    assert_string_equal(drive_state(&d, NULL), "cancelled");
    assert_int_equal(drive_request(&d, "{'verb':'retry'}"), 0);
    drive_hello(&d, "w1", NULL);
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* After an undo nothing may still say that the product is one that somebody left something out of.
 */
static void an_undone_skip_marks_nothing(void **state)
{
    struct drive d;

    (void)state;
    open_grouped(&d);
    assert_int_equal(drive_request(&d, "{'verb':'skip','which':['grid','last']}"), 0);
    assert_int_equal(json_array_size(fl_core_run(d.core, d.run)->marks), 2);
    assert_int_equal(drive_request(&d, "{'verb':'set-state','which':['last'],'state':'waiting'}"),
                     0);
    assert_int_equal(json_array_size(fl_core_run(d.core, d.run)->marks), 1);
    assert_int_equal(drive_request(&d, "{'verb':'undo','number':1}"), 0);
    assert_null(fl_core_run(d.core, d.run)->marks);
    drive_close(&d);
}

/* Who did what, when and why, is asked after every incident. */
static void actions_are_listed_newest_first(void **state)
{
    fl_json_auto json_t *json = NULL;
    struct fl_err err = {0};
    const json_t *list;
    struct drive d;

    (void)state;
    open_grouped(&d);
    assert_int_equal(drive_request(&d, "{'verb':'hold','which':['model']}"), 0);
    assert_int_equal(drive_request(&d, "{'verb':'undo'}"), 0);
    assert_ok(fl_view_actions(d.core, d.run, &json, &err), err);
    list = json_object_get(json, "actions");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "verb")),
                        "undo");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "undone_by")), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "touched")), 4);
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_is_acted_on_as_a_stage_is),
        cmocka_unit_test(a_wrong_name_does_nothing_at_all),
        cmocka_unit_test(what_cannot_be_done_is_told_of_each_object),
        cmocka_unit_test(undo_releases_only_what_the_hold_held),
        cmocka_unit_test(a_parameter_that_is_set_reaches_what_is_launched_next),
        cmocka_unit_test(a_parameter_set_for_a_time_expires),
        cmocka_unit_test(a_parameter_keeps_its_type),
        cmocka_unit_test(what_is_skipped_is_not_waited_for),
        cmocka_unit_test(undo_of_a_skip_makes_all_wait_again),
        cmocka_unit_test(undo_of_a_skip_forgets_what_it_doomed),
        cmocka_unit_test(undo_is_refused_when_others_have_gone_on),
        cmocka_unit_test(a_state_that_is_set_lets_an_ended_run_go_on),
        cmocka_unit_test(success_is_not_set_without_the_outputs),
        cmocka_unit_test(a_stage_is_inserted_into_a_running_run),
        cmocka_unit_test(a_stage_is_removed_unless_it_runs),
        cmocka_unit_test(what_runs_keeps_what_it_takes),
        cmocka_unit_test(a_reload_takes_over_the_difference),
        cmocka_unit_test(what_is_too_late_expires_after_an_insertion_too),
        cmocka_unit_test(a_run_is_summed_up_by_its_worst_news),
        cmocka_unit_test(why_answers_for_a_group),
        cmocka_unit_test(what_was_cancelled_before_it_began_is_tried_again),
        cmocka_unit_test(an_undone_skip_marks_nothing),
        cmocka_unit_test(actions_are_listed_newest_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
