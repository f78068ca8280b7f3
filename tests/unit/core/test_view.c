/* The answers to questions, from a state that was fed with events alone. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/json.h"
#include "engine/core/state.h"
#include "engine/core/view.h"
#include "tests/lib/test.h"

#define SHA "abababababababababababababababababababababababababababababababab"
#define RUN "surge/20181010T0000Z"
#define START_NS (INT64_C(1539192600) * 1000000000) /* 2018-10-10T17:30:00Z */

/* JSON with ' for ". */
static json_t *read_json(const char *text)
{
    char *copy = strdup(text);
    json_t *json = NULL;
    struct fl_err err = {0};

    assert_non_null(copy);
    for (size_t i = 0; copy[i]; i++)
        if (copy[i] == '\'')
            copy[i] = '"';
    assert_ok(fl_json_parse(copy, strlen(copy), &json, &err), err);
    free(copy);
    return json;
}

#define STAGE_END \
    "'kind':0,'origin':-1,'program':'p','ranks':0,'success':{'exit':0,'outputs':0},'tries':3," \
    "'delay_s':5,'grow':2.0,'time_limit_s':0,'grace_s':10}"
#define INPUT_END "'shift_min':0,'leads':-1,"
#define SOURCE(stage, text) \
    "'sources':[{'stage':" #stage ",'output':0,'offset_s':0,'text':'" text "'}]"

/* forcing brings steps; prep makes each fit and bridges gaps; forecast follows; post draws each
 * hour. */
static const char workflow_text[] =
    "{'version':1,'name':'surge','title':'Surge','cycles':{'every_s':0,'from':0,'ahead':0,'keep_s':"
    "0},"
    "'sets':[{'name':'h','leads':[0,720,180]}],'sites':[{'name':'hpc','root':'hpc'}],"
    "'pools':[{'name':'net','site':0,'cores':1,'jobs':8},{'name':'main','site':0,'cores':1,'jobs':"
    "8},"
    "{'name':'post','site':0,'cores':1,'jobs':8}],'stages':["
    "{'name':'forcing','pool':0,'cores':0,'per':-1,'leads':0,"
    "'outputs':[{'name':'step','file':'s.{lead}','set':0}]," STAGE_END ","
    "{'name':'prep','pool':1,'cores':1,'per':0,'leads':-1,'inputs':[{'name':'grib','bridge_max_s':"
    "32400,"
    "'bridge_note':'linear in time'," INPUT_END SOURCE(
        0,
        "forcing.step") "}],"
                        "'outputs':[{'name':'force','file':'f.{lead}','set':0}]," STAGE_END ","
                        "{'name':'forecast','pool':1,'cores':1,'per':-1,'leads':0,'when':'prep."
                        "force(+000/+003)',"
                        "'inputs':[{'name':'force','follow':true,'bridge_max_s':0," INPUT_END
                            SOURCE(
                                1,
                                "prep.force") "}],"
                                              "'outputs':[{'name':'hour','file':'h.{lead}','set':0}"
                                              "]," STAGE_END ","
                                              "{'name':'post','pool':2,'cores':1,'per':0,'leads':-"
                                              "1,"
                                              "'inputs':[{'name':'hour','bridge_max_s':0," INPUT_END
                                                  SOURCE(
                                                      2,
                                                      "forecast.hour") "}],"
                                                                       "'outputs':[{'name':'map','"
                                                                       "file':'m.{lead}','set':0}]"
                                                                       "," STAGE_END ","
                                                                       "{'name':'alarm','pool':0,'"
                                                                       "cores':0,'per':-1,'leads':-"
                                                                       "1,'when':'forecast || "
                                                                       "prep:all && post:ended',"
                                                                       "'inputs':[{'name':'old','"
                                                                       "first_of':true,'bridge_max_"
                                                                       "s':0," INPUT_END
                                                                       "'sources':[{'stage':2,'"
                                                                       "output':0,'offset_s':-"
                                                                       "21600,'lead':360,'text':'"
                                                                       "forecast[-PT6H].hour(+006)'"
                                                                       "},"
                                                                       "{'stage':-1,'output':-1,'"
                                                                       "offset_s':0,'text':'cold'}]"
                                                                       "}]," STAGE_END "]}";

struct bench {
    struct fl_core *core;
    int64_t now_ns;
    int64_t seq;
};

/* Applies one event, a second after the last; members: JSON with ' for ", without braces. */
static void feed(struct bench *b, const char *type, const char *members)
{
    fl_auto(fl_event_destroy) struct fl_event *event = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    fl_json_auto json_t *json = NULL;
    struct fl_err err = {0};

    fl_buf_init(&text, 0);
    b->now_ns += 1000000000;
    b->seq++;
    fl_buf_printf(&text,
                  "{'v':1,'seq':%lld,'type':'%s','time':'2018-10-10T17:30:00.000000000Z',%s}",
                  (long long)b->seq, type, members);
    json = read_json(text.data);
    assert_ok(fl_event_from_json(json, &event, &err), err);
    event->time_ns = b->now_ns;
    assert_ok(fl_core_apply(b->core, event, &err), err);
}

/* An event of an instance: stage and the JSON of its key, or NULL. */
static void feed_inst(struct bench *b, const char *type, const char *stage, const char *key,
                      const char *members)
{
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    fl_buf_printf(&text, "'run':'" RUN "','stage':'%s'", stage);
    if (key)
        fl_buf_printf(&text, ",'key':'%s'", key);
    fl_buf_printf(&text, ",%s", members);
    feed(b, type, text.data);
}

static void launch(struct bench *b, const char *stage, const char *key, const char *pool, int cores)
{
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    fl_buf_printf(&text,
                  "'attempt':1,'worker':'w1','pool':'%s','site':'hpc','token':'t','cores':%d", pool,
                  cores);
    feed_inst(b, "attempt-launched", stage, key, text.data);
}

static void start(struct bench *b, const char *stage, const char *key, const char *pool, int cores)
{
    launch(b, stage, key, pool, cores);
    feed_inst(b, "attempt-begun", stage, key, "'attempt':1");
}

static void step_is_there(struct bench *b, const char *lead)
{
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    fl_buf_printf(&text,
                  "'attempt':1,'output':'step','lead':'%s','path':'work/" RUN
                  "/forcing/1/out/s','size':5,"
                  "'sha256':'" SHA "','site':'hpc'",
                  lead);
    feed_inst(b, "output-accepted", "forcing", NULL, text.data);
}

/* A run whose forcing runs on worker w1. */
static int bench_setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    fl_json_auto json_t *json = read_json(workflow_text);
    struct fl_workflow *workflow = NULL;
    struct fl_err err = {0};

    assert_non_null(b);
    b->now_ns = START_NS + 123000000;
    assert_ok(fl_core_create(&b->core, &err), err);
    assert_ok(fl_workflow_from_json(json, &workflow, &err), err);
    assert_ok(fl_core_add_workflow(b->core, "d1", workflow, &err), err);
    feed(b, "run-created", "'run':'" RUN "','digest':'d1','cycle':'20181010T0000Z','who':'op'");
    feed(b, "worker-joined",
         "'worker':'w1','site':'hpc','pool':'net','cores':1,'jobs':8,'text':'http://d'");
    feed(b, "worker-joined",
         "'worker':'w1','site':'hpc','pool':'main','cores':1,'jobs':8,'text':'http://d'");
    start(b, "forcing", NULL, "net", 0);
    feed_inst(b, "attempt-noted", "forcing", NULL, "'attempt':1,'text':'progress +000'");
    *state = b;
    return 0;
}

static int bench_teardown(void **state)
{
    struct bench *b = *state;

    fl_core_destroy(b->core);
    free(b);
    return 0;
}

static json_t *why(const struct bench *b, const char *which)
{
    struct fl_err err = {0};
    json_t *json = NULL;

    assert_ok(fl_view_why(b->core, NULL, which, b->now_ns, &json, &err), err);
    return json;
}

/* Fails unless the text about an instance has the words. */
static void assert_says(const struct bench *b, const char *which, const char *words)
{
    fl_json_auto json_t *json = why(b, which);
    const char *text = json_string_value(json_object_get(json, "text"));

    assert_non_null(text);
    if (!strstr(text, words))
        fail_msg("%s: '%s' does not say '%s'", which, text, words);
}

static const char *text_of(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

/* An operator who is told only "waiting" has to read the whole graph to find what is late. */
static void waiting_names_the_file_and_what_its_maker_does(void **state)
{
    struct bench *b = *state;
    fl_json_auto json_t *json = why(b, "prep.f003");
    const json_t *wait = json_array_get(json_object_get(json, "waits_for"), 0);

    assert_string_equal(text_of(json, "text"),
                        "waiting for forcing.step(+003): forcing is running, attempt "
                        "1, last progress +000");
    assert_string_equal(text_of(json, "stage"), "prep");
    assert_string_equal(text_of(json, "key"), "+003");
    assert_string_equal(text_of(json, "state"), "waiting");
    assert_string_equal(text_of(wait, "need"), "forcing.step(+003)");
    assert_string_equal(text_of(wait, "state"), "running");
}

/* The first link of a chain is seldom the one to mend: the reason is followed upstream. */
static void waiting_is_followed_upstream(void **state)
{
    assert_says(*state, "post(+006)",
                "waiting for forecast.hour(+006): forecast waits for 2 of 2 files of prep.force, "
                "among them "
                "prep.force(+000): prep(+000) waits for forcing.step(+000): forcing is running");
}

/* Every form in which the name stands in other output can be pasted back. */
static void instances_are_found_by_each_form_of_their_name(void **state)
{
    static const char *const forms[] = {"prep.f003", "prep(+003)", "prep +003", "prep (+003)"};

    for (size_t i = 0; i < FL_COUNT(forms); i++) {
        fl_json_auto json_t *json = why(*state, forms[i]);

        assert_string_equal(text_of(json, "key"), "+003");
    }
}

/* A mistyped name must not send the operator to the manual. */
static void unknown_names_are_answered_with_what_there_is(void **state)
{
    struct bench *b = *state;
    json_t *json = NULL;
    struct fl_err err = {0};

    assert_fails_with(fl_view_why(b->core, NULL, "perp", b->now_ns, &json, &err), FL_E_NOENT, err,
                      "has no stage 'perp'; it has: prep, ");
    assert_fails_with(fl_view_why(b->core, NULL, "prep.f004", b->now_ns, &json, &err), FL_E_NOENT,
                      err, "it has: +000/+012/003");
    assert_fails_with(fl_view_why(b->core, NULL, "forecast.f003", b->now_ns, &json, &err),
                      FL_E_NOENT, err, "one instance");
    assert_fails_with(fl_view_status(b->core, "surge/2018", &json, &err), FL_E_NOENT, err,
                      "there is: " RUN);
    assert_fails_with(fl_view_log(b->core, RUN, "prep", 0, &json, &err), FL_E_NOENT, err,
                      "no attempt yet");
    assert_fails_with(fl_view_log(b->core, RUN, "forcing", 7, &json, &err), FL_E_NOENT, err,
                      "1 to 1");
}

/* A full pool is the commonest reason of all; without the names of its users nobody can weigh them.
 */
static void ready_names_the_users_of_the_pool(void **state)
{
    struct bench *b = *state;
    fl_json_auto json_t *json = NULL;
    const json_t *holder;

    step_is_there(b, "+000");
    step_is_there(b, "+003");
    assert_says(b, "prep.f003", "ready; pool 'main' has room (0 of 1 cores used)");
    start(b, "prep", "+000", "main", 1);
    json = why(b, "prep.f003");
    assert_string_equal(text_of(json, "text"), "ready; pool 'main' has 1 core, used by prep(+000)");
    holder = json_array_get(json_object_get(json, "holders"), 0);
    assert_string_equal(text_of(holder, "key"), "+000");
    assert_string_equal(text_of(holder, "worker"), "w1");
    feed(b, "worker-left", "'worker':'w1','why':'no sign of life for 15 s'");
    assert_says(b, "prep.f003",
                "no worker offers pool 'main' at site 'hpc'; worker 'w1', which did, is gone "
                "since 2018-10-10T17:30:11.123Z: no sign of life for 15 s");
    assert_says(b, "prep.f000", "cannot be reached since");
}

/* A pool that nobody serves would otherwise look like a slow queue. */
static void ready_without_any_worker_for_the_pool(void **state)
{
    struct bench *b = *state;

    step_is_there(b, "+000");
    step_is_there(b, "+003");
    start(b, "prep", "+000", "main", 1);
    feed_inst(b, "output-accepted", "prep", "+000",
              "'attempt':1,'output':'force','lead':'+000','path':'p','sha256':'" SHA
              "','site':'hpc'");
    feed_inst(b, "attempt-ended", "prep", "+000", "'attempt':1,'state':'succeeded'");
    start(b, "prep", "+003", "main", 1);
    feed_inst(b, "output-accepted", "prep", "+003",
              "'attempt':1,'output':'force','lead':'+003','path':'p','sha256':'" SHA
              "','site':'hpc'");
    feed_inst(b, "attempt-ended", "prep", "+003", "'attempt':1,'state':'succeeded'");
    start(b, "forecast", NULL, "main", 1);
    feed_inst(b, "output-accepted", "forecast", NULL,
              "'attempt':1,'output':'hour','lead':'+000','path':'p','sha256':'" SHA
              "','site':'hpc'");
    assert_says(b, "post.f000", "ready; no worker offers pool 'post' at site 'hpc'");
    assert_says(b, "forecast", "running on worker 'w1' since 2018-10-10T17:30:");
    assert_says(b, "forecast", "no progress was told");
    assert_says(b, "prep.f000", "succeeded at ");
}

/* What failed must say how, how often, and where to read on. */
static void failed_says_how_and_where_its_log_is(void **state)
{
    struct bench *b = *state;
    fl_json_auto json_t *log = NULL;
    struct fl_err err = {0};

    step_is_there(b, "+000");
    start(b, "prep", "+000", "main", 1);
    feed_inst(
        b, "attempt-ended", "prep", "+000",
        "'attempt':1,'state':'failed','code':65,'class':'data','why':'grid.nc: no variable depth'");
    assert_says(b, "prep.f000", "failed at ");
    assert_says(b, "prep.f000",
                ", attempt 1, class data (not tried again by itself), exit code 65: grid.nc: "
                "no variable "
                "depth; its log: `fairlead log prep.f000`");
    assert_says(b, "forecast", "among them prep.force(+000): prep(+000) failed, attempt 1, ");
    assert_says(b, "prep", "5 instances: 1 failed, 4 waiting; prep(+000) failed, attempt 1, ");
    assert_ok(fl_view_log(b->core, NULL, "prep", 0, &log, &err), err);
    assert_string_equal(text_of(log, "site"), "hpc");
    assert_string_equal(text_of(log, "path"), "work/" RUN "/prep.f000/1/log");
}

/* Between two attempts nothing runs: without the time this looks like a hang. */
static void a_retry_says_its_time_and_the_failure_before(void **state)
{
    struct bench *b = *state;
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    step_is_there(b, "+000");
    start(b, "prep", "+000", "main", 1);
    fl_buf_printf(&text,
                  "'attempt':1,'state':'failed','signal':9,'class':'transient','why':'killed',"
                  "'until_ns':%lld",
                  (long long)b->now_ns + 5000000000LL);
    feed_inst(b, "attempt-ended", "prep", "+000", text.data);
    fl_buf_clear(&text);
    fl_buf_printf(&text, "'attempt':2,'why':'after: killed','until_ns':%lld",
                  (long long)b->now_ns + 5000000000LL);
    feed_inst(b, "instance-retry", "prep", "+000", text.data);
    assert_says(b, "prep.f000",
                "ready; its next attempt may start at 2018-10-10T17:30:15.123Z, in PT4S (after: "
                "killed)");
}

/* A bridged input changes what the forecast is worth: it is told wherever one looks. */
static void a_bridged_input_is_told(void **state)
{
    struct bench *b = *state;

    step_is_there(b, "+000");
    feed_inst(b, "output-absent", "forcing", NULL,
              "'attempt':1,'output':'step','lead':'+003','cause':'not published'");
    assert_says(
        b, "prep.f003",
        "waiting for a neighbour to bridge forcing.step(+003), which is absent (not published): "
        "forcing.step(+006): forcing is running");
    step_is_there(b, "+006");
    assert_says(b, "prep.f003", "ready; ");
    assert_says(b, "prep.f003",
                "; input 'grib': forcing.step(+003) is absent (not published) and is bridged "
                "PT6H between +000 and +006");
}

/* A trigger names what keeps it from being true, and only that. */
static void a_trigger_names_its_unmet_leaves(void **state)
{
    struct bench *b = *state;

    assert_says(
        b, "alarm",
        "waiting for the success of forecast: forecast waits for 2 of 2 files of prep.force");
    assert_says(b, "alarm",
                "; or for the success of 5 of 5 instances of prep: prep(+000) waits for ");
    assert_says(b, "alarm", "; and for the end of 5 of 5 instances of post: post(+000) waits for ");
    feed_inst(b, "instance-ended", "forecast", NULL, "'state':'skipped','why':'not wanted'");
    assert_says(b, "alarm", "the success of forecast: forecast was skipped: not wanted; or for ");
}

/* A warm start that waits for the run before says so, with that run's name. */
static void alternatives_name_the_other_run(void **state)
{
    struct bench *b = *state;

    feed(b, "run-created", "'run':'surge/20181010T0600Z','digest':'d1','cycle':'20181010T0600Z'");
    assert_says(b, "alarm", "; and for forecast.hour(+006) of run '" RUN "': forecast waits for ");
}

/* A reason in another language that was cut must not stop the event that carries it. */
static void a_cut_reason_stays_utf8(void **state)
{
    struct bench *b = *state;
    const struct fl_run *run = fl_core_run(b->core, RUN);
    fl_auto(fl_buf_release) struct fl_buf text;
    fl_auto(fl_buf_release) struct fl_buf out;
    fl_json_auto json_t *json = NULL;
    fl_json_auto json_t *string = NULL;

    fl_buf_init(&text, 0);
    fl_buf_init(&out, FL_CORE_REASON_MAX);
    fl_buf_puts(&text, "'attempt':1,'state':'failed','class':'data','why':'x");
    for (int i = 0; i < 600; i++)
        fl_buf_puts(&text, "\xc3\xa9");
    fl_buf_puts(&text, "'");
    feed_inst(b, "attempt-ended", "forcing", NULL, text.data);
    fl_why_blocked(b->core, run, 1, &out);
    string = json_string(out.data);
    assert_non_null(string);
    json = why(b, "forcing");
    assert_non_null(text_of(json, "text"));
}

/* A hold that was forgotten is found. */
static void holds_are_told(void **state)
{
    struct bench *b = *state;

    feed_inst(b, "held", "prep", "+006", "'who':'op','why':'bad GFS'");
    assert_says(b, "prep.f006", "held by a person: bad GFS");
    assert_says(b, "prep", "1 held, 4 waiting; prep(+006) is held: bad GFS");
    feed(b, "held", "'run':'" RUN "','who':'op'");
    step_is_there(b, "+000");
    assert_says(b, "prep.f000", "ready; the whole run is held");
    assert_says(b, "prep.f003", "; and the whole run is held");
}

/* The reason that a skipped instance keeps must be whole and within its bound. */
static void blocked_fits_its_buffer(void **state)
{
    struct bench *b = *state;
    const struct fl_run *run = fl_core_run(b->core, RUN);

    for (size_t limit = 24; limit < 200; limit += 25) {
        fl_auto(fl_buf_release) struct fl_buf text;

        fl_buf_init(&text, limit);
        fl_why_blocked(b->core, run, 1, &text);
        assert_false(text.failed);
        assert_true(text.size <= limit);
        assert_memory_equal(text.data, "it needs forcing.step(", 22);
    }
}

/* Dashboard and command line read these members by name and type. */
static void status_has_its_members(void **state)
{
    struct bench *b = *state;
    fl_json_auto json_t *json = NULL;
    struct fl_err err = {0};
    const json_t *stages;
    const json_t *forcing;
    const json_t *output;

    step_is_there(b, "+003");
    feed_inst(b, "attempt-degraded", "forcing", NULL,
              "'attempt':1,'cause':'older run','age':'PT6H'");
    assert_ok(fl_view_status(b->core, NULL, &json, &err), err);
    assert_string_equal(text_of(json, "run"), RUN);
    assert_string_equal(text_of(json, "workflow"), "surge");
    assert_string_equal(text_of(json, "cycle"), "20181010T0000Z");
    assert_string_equal(text_of(json, "state"), "running");
    assert_string_equal(text_of(json, "created"), "2018-10-10T17:30:01.123Z");
    assert_null(json_object_get(json, "ended"));
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "counts"), "waiting")), 11);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "counts"), "ready")),
                     1);
    assert_string_equal(text_of(json_array_get(json_object_get(json, "degraded"), 0), "age"),
                        "PT6H");
    stages = json_object_get(json, "stages");
    assert_int_equal(json_array_size(stages), 13);
    forcing = json_array_get(stages, 0);
    assert_string_equal(text_of(forcing, "stage"), "forcing");
    assert_null(json_object_get(forcing, "key"));
    assert_string_equal(text_of(forcing, "worker"), "w1");
    assert_int_equal(json_integer_value(json_object_get(forcing, "attempt")), 1);
    assert_int_equal(json_array_size(json_object_get(forcing, "outputs")), 1);
    output = json_array_get(json_object_get(forcing, "outputs"), 0);
    assert_string_equal(text_of(output, "lead"), "+003");
    assert_int_equal(json_integer_value(json_object_get(output, "size")), 5);
    assert_string_equal(text_of(json_array_get(stages, 1), "key"), "+000");
}

/* The newest run comes first, and a run is meant when none is named. */
static void runs_are_listed_newest_first(void **state)
{
    struct bench *b = *state;
    fl_json_auto json_t *json = NULL;
    fl_json_auto json_t *newest = NULL;
    struct fl_err err = {0};

    feed(b, "run-created", "'run':'surge/20181010T0600Z','digest':'d1','cycle':'20181010T0600Z'");
    assert_ok(fl_view_runs(b->core, &json, &err), err);
    assert_string_equal(text_of(json_array_get(json_object_get(json, "runs"), 0), "run"),
                        "surge/20181010T0600Z");
    assert_string_equal(text_of(json_array_get(json_object_get(json, "runs"), 1), "run"), RUN);
    assert_ok(fl_view_status(b->core, NULL, &newest, &err), err);
    assert_string_equal(text_of(newest, "run"), "surge/20181010T0600Z");
}

/* Free room can be seen before a job is sent. */
static void workers_show_what_is_used(void **state)
{
    struct bench *b = *state;
    fl_json_auto json_t *json = NULL;
    struct fl_err err = {0};
    const json_t *worker;
    const json_t *pool;

    step_is_there(b, "+000");
    launch(b, "prep", "+000", "main", 1);
    assert_ok(fl_view_workers(b->core, &json, &err), err);
    worker = json_array_get(json_object_get(json, "workers"), 0);
    assert_string_equal(text_of(worker, "worker"), "w1");
    assert_false(json_is_true(json_object_get(worker, "gone")));
    pool = json_array_get(json_object_get(worker, "pools"), 1);
    assert_string_equal(text_of(pool, "pool"), "main");
    assert_int_equal(json_integer_value(json_object_get(pool, "cores")), 1);
    assert_int_equal(json_integer_value(json_object_get(pool, "used")), 1);
    assert_says(b, "prep.f000", "launched at worker 'w1' since ");
}

/* A run too large for one message is told in parts: together they are the whole. */
static void status_in_parts_is_the_whole(void **state)
{
    struct bench *b = *state;
    fl_json_auto json_t *whole = NULL;
    fl_json_auto json_t *part = NULL;
    struct fl_err err = {0};

    step_is_there(b, "+000");
    assert_ok(fl_view_status(b->core, NULL, &whole, &err), err);
    assert_ok(fl_view_status_part(b->core, NULL, 1, 2, &part, &err), err);
    assert_int_equal(json_array_size(json_object_get(part, "stages")), 2);
    assert_true(json_equal(json_array_get(json_object_get(part, "stages"), 0),
                           json_array_get(json_object_get(whole, "stages"), 1)));
    assert_int_equal(json_integer_value(json_object_get(part, "instances")),
                     json_array_size(json_object_get(whole, "stages")));
}

#define T(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(waiting_names_the_file_and_what_its_maker_does),
        T(waiting_is_followed_upstream),
        T(instances_are_found_by_each_form_of_their_name),
        T(unknown_names_are_answered_with_what_there_is),
        T(ready_names_the_users_of_the_pool),
        T(ready_without_any_worker_for_the_pool),
        T(failed_says_how_and_where_its_log_is),
        T(a_retry_says_its_time_and_the_failure_before),
        T(a_bridged_input_is_told),
        T(holds_are_told),
        T(a_trigger_names_its_unmet_leaves),
        T(alternatives_name_the_other_run),
        T(a_cut_reason_stays_utf8),
        T(blocked_fits_its_buffer),
        T(status_has_its_members),
        T(status_in_parts_is_the_whole),
        T(runs_are_listed_newest_first),
        T(workers_show_what_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
