/* Books of an onlooker. */
#include "config.h"

#include "tests/lib/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/oracle_impl.h"

#include "engine/base/banned.h"

void oracle_init(struct oracle *o)
{
    *o = (struct oracle){.runs = json_object(),
                         .slots = json_object(),
                         .insts = json_object(),
                         .pools = json_object(),
                         .jobs = json_object(),
                         .paged = json_object(),
                         .flows = json_object(),
                         .shared = json_object()};
}

void oracle_release(struct oracle *o)
{
    json_decref(o->runs);
    json_decref(o->slots);
    json_decref(o->insts);
    json_decref(o->pools);
    json_decref(o->jobs);
    for (size_t i = 0; i < o->own_count; i++) {
        free(o->own[i].run);
        fl_workflow_destroy(o->own[i].workflow);
    }
    json_decref(o->paged);
    json_decref(o->flows);
    json_decref(o->shared);
}

void oracle_workflow(struct oracle *o, const char *digest, const struct fl_workflow *workflow)
{
    fl_assert(o->known_count < ORACLE_WORKFLOWS_MAX);
    (void)snprintf(o->known[o->known_count].digest, FL_DIGEST_HEX, "%s", digest);
    o->known[o->known_count++].workflow = workflow;
}

static int broken(struct fl_err *reterr, const struct fl_event *event, const char *what)
{
    return fl_err_set(reterr, FL_E_BUG, 0, "%s of %s %s %s attempt %lld: %s",
                      fl_event_type_name(event->type), event->run ? event->run : "",
                      event->stage ? event->stage : "", event->key ? event->key : "",
                      (long long)event->attempt, what);
}

const struct fl_workflow *oracle_workflow_of(const struct oracle *o, const char *run)
{
    const char *digest =
        json_string_value(json_object_get(json_object_get(o->runs, run), "digest"));

    for (size_t i = o->own_count; i-- > 0;)
        if (strcmp(o->own[i].run, run) == 0)
            return o->own[i].workflow;
    for (size_t i = 0; digest && i < o->known_count; i++)
        if (strcmp(o->known[i].digest, digest) == 0)
            return o->known[i].workflow;
    return NULL;
}

/* From now on the run's set has these members. */
static int on_declared(struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    const struct fl_workflow *wf = oracle_workflow_of(o, event->run);
    int32_t set = fl_workflow_set(wf, event->output);
    fl_json_auto json_t *members = NULL;
    fl_json_auto json_t *json = NULL;
    struct fl_workflow *own = NULL;
    json_t *one;
    int rc;

    fl_assert(o->own_count < ORACLE_WORKFLOWS_MAX);
    if (set == FL_NONE || wf->sets[set].kind != FL_SET_DECLARED || wf->sets[set].known)
        return fl_err_set(reterr, FL_E_BUG, 0, "set '%s' is none, or known", event->output);
    rc = fl_json_parse(event->text, strlen(event->text), &members, reterr);
    if (rc == 0)
        rc = fl_workflow_to_json(wf, &json, reterr);
    one = json_array_get(json_object_get(json, "sets"), (size_t)set);
    (void)json_object_set(one, "members", members);
    (void)json_object_set_new(one, "known", json_true());
    if (rc == 0)
        rc = fl_workflow_from_json(json, &own, reterr);
    if (rc < 0)
        return rc;
    o->own[o->own_count].run = strdup(event->run);
    o->own[o->own_count++].workflow = own;
    return 0;
}

void oracle_key(char *text, const char *a, const char *b, const char *c, const char *d,
                const char *e)
{
    (void)snprintf(text, ORACLE_KEY_MAX, "%s|%s|%s|%s|%s", a, b ? b : "", c ? c : "", d ? d : "",
                   e ? e : "");
}

static int64_t number(const json_t *array, size_t at)
{
    return json_integer_value(json_array_get(array, at));
}

/* Adds to a number of the books; false when it is then above the most. */
static bool use_shared(struct oracle *o, const char *a, const char *b, const char *c,
                       int64_t amount, int64_t most)
{
    char key[ORACLE_KEY_MAX];
    json_t *use;

    oracle_key(key, a, b, c, NULL, NULL);
    use = json_object_get(o->shared, key);
    if (!use) {
        use = json_integer(0);
        (void)json_object_set_new(o->shared, key, use);
    }
    (void)json_integer_set(use, json_integer_value(use) + amount);
    return amount < 0 || json_integer_value(use) <= most;
}

/* Named limits are shared by all runs of a workflow; resources belong to a pool of a worker. */
static bool use_limits(struct oracle *o, const struct fl_workflow *wf, const struct fl_stage *stage,
                       const char *worker, int64_t sign)
{
    const struct fl_pool *pool = &wf->pools[stage->pool];
    bool fits = true;

    for (size_t i = 0; i < stage->use_count; i++) {
        const struct fl_limit *limit = &wf->limits[stage->uses[i].limit];

        fits &= use_shared(o, wf->name, "limit", limit->name, sign * stage->uses[i].weight,
                           limit->size);
    }
    for (size_t i = 0; i < stage->need_count; i++) {
        int64_t most = 0;
        char key[ORACLE_KEY_MAX];

        for (size_t r = 0; r < pool->resource_count; r++)
            if (strcmp(pool->resources[r].name, stage->needs[i].name) == 0)
                most = pool->resources[r].amount;
        oracle_key(key, worker, pool->name, "has", stage->needs[i].name, NULL);
        if (json_object_get(o->shared, key))
            most = json_integer_value(json_object_get(o->shared, key));
        fits &= use_shared(o, worker, pool->name, stage->needs[i].name,
                           sign * stage->needs[i].amount, most);
    }
    return fits;
}

/* Counts an attempt in (sign 1) or out of its pool, and holds it against the limits. */
static int use_pool(struct oracle *o, const struct fl_workflow *wf, const struct fl_stage *stage,
                    const char *run, const char *worker, int64_t sign)
{
    const struct fl_pool *pool = &wf->pools[stage->pool];
    char key[ORACLE_KEY_MAX];
    json_t *use;
    json_t *jobs;

    oracle_key(key, worker, pool->name, NULL, NULL, NULL);
    use = json_object_get(o->pools, key);
    if (!use)
        return FL_E_BUG;
    (void)json_array_set_new(use, 2, json_integer(number(use, 2) + sign * stage->cores));
    (void)json_array_set_new(use, 3, json_integer(number(use, 3) + sign));
    oracle_key(key, run, pool->name, NULL, NULL, NULL);
    jobs = json_object_get(o->jobs, key);
    if (!jobs) {
        jobs = json_integer(0);
        (void)json_object_set_new(o->jobs, key, jobs);
    }
    (void)json_integer_set(jobs, json_integer_value(jobs) + sign);
    if (number(use, 2) > number(use, 0) || number(use, 3) > number(use, 1) ||
        json_integer_value(jobs) > pool->jobs)
        return sign > 0 ? FL_E_BUG : 0;
    return 0;
}

static json_t *inst_get(struct oracle *o, const struct fl_event *event)
{
    char key[ORACLE_KEY_MAX];
    json_t *inst;

    oracle_key(key, event->run, event->stage, event->key, NULL, NULL);
    inst = json_object_get(o->insts, key);
    if (!inst) {
        inst = json_pack("{s:i,s:b,s:b}", "tries", 0, "open", 0, "begun", 0);
        (void)json_object_set_new(o->insts, key, inst);
    }
    return inst;
}

static bool is_set(const json_t *inst, const char *name)
{
    return json_is_true(json_object_get(inst, name));
}

static void put(json_t *inst, const char *name, json_t *value)
{
    (void)json_object_set_new(inst, name, value);
}

static int on_launched(struct oracle *o, const struct fl_event *event, const struct fl_workflow *wf,
                       const struct fl_stage *stage, json_t *inst, struct fl_err *reterr)
{
    int rc;

    if (is_set(inst, "open"))
        return broken(reterr, event, "the attempt before has not ended");
    if (json_object_get(inst, "state"))
        return broken(reterr, event, "the instance has ended");
    if (event->attempt != json_integer_value(json_object_get(inst, "tries")) + 1)
        return broken(reterr, event, "not the next number");
    rc = oracle_needs_met(o, wf, stage, event->run, event->key, false, reterr);
    if (rc < 0)
        return rc;
    put(inst, "tries", json_integer(event->attempt));
    put(inst, "open", json_true());
    put(inst, "begun", json_false());
    put(inst, "worker", json_string(event->worker));
    if (!use_limits(o, wf, stage, event->worker, 1))
        return broken(reterr, event, "a limit or a resource is given twice");
    rc = use_pool(o, wf, stage, event->run, event->worker, 1);
    return rc < 0 ? broken(reterr, event, "a limit of the pool is passed") : 0;
}

/* "progress +006": the furthest counts. */
static void note_progress(json_t *inst, const char *text)
{
    const json_t *was = json_object_get(inst, "progress");
    struct fl_lead lead;

    if (text && strncmp(text, "progress +", 10) == 0)
        text += 9;
    if (!text || *text != '+' || fl_lead_parse(text, &lead, NULL) < 0 ||
        (was && json_integer_value(was) >= lead.minutes))
        return;
    put(inst, "progress", json_integer(lead.minutes));
}

static int on_attempt(struct oracle *o, const struct fl_event *event, const struct fl_workflow *wf,
                      const struct fl_stage *stage, json_t *inst, struct fl_err *reterr)
{
    if (!is_set(inst, "open") ||
        event->attempt != json_integer_value(json_object_get(inst, "tries")))
        return broken(reterr, event, "the attempt is not under way");
    if (event->type == FL_EVENT_ATTEMPT_BEGUN) {
        if (is_set(inst, "begun"))
            return broken(reterr, event, "begun twice");
        put(inst, "begun", json_true());
        put(inst, "started", json_true());
    } else if (event->type == FL_EVENT_ATTEMPT_ENDED) {
        if (strcmp(event->state, "succeeded") == 0 && !is_set(inst, "begun"))
            return broken(reterr, event, "succeeded without having begun");
        put(inst, "open", json_false());
        put(inst, "lost", json_boolean(event->cause && strcmp(event->state, "lost") == 0));
        if (!event->until_ns && !is_set(inst, "lost"))
            put(inst, "state", json_string(event->state));
        (void)use_limits(o, wf, stage, json_string_value(json_object_get(inst, "worker")), -1);
        (void)use_pool(o, wf, stage, event->run, json_string_value(json_object_get(inst, "worker")),
                       -1);
    } else if (event->type == FL_EVENT_ATTEMPT_NOTED) {
        note_progress(inst, event->text);
    } else if (event->type == FL_EVENT_OUTPUT_ACCEPTED && !is_set(inst, "begun")) {
        return broken(reterr, event, "an output before the begin");
    }
    return 0;
}

static int on_output(struct oracle *o, const struct fl_event *event, const struct fl_stage *stage,
                     struct fl_err *reterr)
{
    bool accepted = event->type == FL_EVENT_OUTPUT_ACCEPTED;
    char key[ORACLE_KEY_MAX];
    const char *was;
    int32_t of;

    of = fl_stage_output(stage, event->output, strlen(event->output));
    if (of == FL_NONE)
        return broken(reterr, event, "no such output");
    oracle_key(key, event->run, event->stage, event->output, event->key,
               stage->outputs[of].set == FL_NONE ? NULL : event->lead);
    was = json_string_value(json_object_get(o->slots, key));
    if (was && *was == 'a' && !accepted)
        return broken(reterr, event, "an accepted output becomes absent");
    (void)json_object_set_new(o->slots, key, json_string(accepted ? "accepted" : "x"));
    if (event->attempt == 0)
        put(inst_get(o, event), "passed", json_true());
    return 0;
}

/* A run of an installed workflow has ended (-1), or goes on. */
static void count_open(struct oracle *o, const json_t *run, int more)
{
    const char *name = json_string_value(json_object_get(run, "flow"));
    json_t *flow = name ? json_object_get(o->flows, name) : NULL;

    if (flow)
        put(flow, "open", json_integer(json_integer_value(json_object_get(flow, "open")) + more));
}

/* Every instance has an end, and what was skipped by itself could really not start. */
static int settled_inst(const struct oracle *o, const struct fl_workflow *wf,
                        const struct fl_stage *stage, const char *run, const char *inst_key,
                        struct fl_err *reterr)
{
    char key[ORACLE_KEY_MAX];
    const json_t *inst;
    const char *state;
    const char *by;

    oracle_key(key, run, stage->name, inst_key, NULL, NULL);
    inst = json_object_get(o->insts, key);
    state = json_string_value(json_object_get(inst, "state"));
    by = json_string_value(json_object_get(inst, "by"));
    if (!state)
        return fl_err_set(reterr, FL_E_BUG, 0, "run %s has ended, but %s(%s) has not", run,
                          stage->name, inst_key);
    if (strcmp(state, "skipped") == 0 && !is_set(inst, "passed") && !is_set(inst, "set") && by &&
        stage->only == FL_ONLY_ALWAYS && stage->recurrence == FL_NONE &&
        strcmp(by, "fairlead") == 0 &&
        oracle_needs_met(o, wf, stage, run, *inst_key ? inst_key : NULL, true, NULL) == 0)
        return fl_err_set(reterr, FL_E_BUG, 0, "%s(%s) of run %s was skipped, but could start: %s",
                          stage->name, inst_key, run, stage->when ? stage->when : "no trigger");
    return 0;
}

/* All of a run when it ends. */
static int settled(const struct oracle *o, const char *run, struct fl_err *reterr)
{
    const struct fl_workflow *wf = oracle_workflow_of(o, run);
    int rc = 0;

    for (size_t s = 0; rc == 0 && s < wf->stage_count; s++) {
        for (uint32_t k = 0; rc == 0 && k < fl_stage_instances(wf, &wf->stages[s]); k++) {
            char key[FL_KEY_TEXT_MAX];

            fl_key_format(wf, &wf->stages[s].dims, k, key);
            rc = settled_inst(o, wf, &wf->stages[s], run, key, reterr);
        }
    }
    return rc;
}

static int on_run_ended(struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    json_t *run = json_object_get(o->runs, event->run);
    size_t size = strlen(event->run);
    const char *key;
    json_t *inst;

    put(run, "ended", json_string(event->state));
    json_object_foreach(o->insts, key, inst)
    {
        if (strncmp(key, event->run, size) == 0 && key[size] == '|' && is_set(inst, "open"))
            return broken(reterr, event, "an attempt is still under way");
    }
    count_open(o, run, -1);
    return strcmp(event->state, "cancelled") == 0 ? 0 : settled(o, event->run, reterr);
}

/* What a worker says that its pool has. */
static void note_resources(struct oracle *o, const struct fl_event *event)
{
    json_t *has = event->resources ? json_loads(event->resources, 0, NULL) : NULL;
    char key[ORACLE_KEY_MAX];
    const char *name;
    json_t *amount;

    json_object_foreach(has, name, amount)
    {
        oracle_key(key, event->worker, event->pool, "has", name, NULL);
        (void)json_object_set(o->shared, key, amount);
    }
    json_decref(has);
}

static int on_joined(struct oracle *o, const struct fl_event *event)
{
    char key[ORACLE_KEY_MAX];
    json_t *use;

    if (!event->pool)
        return 0;
    oracle_key(key, event->worker, event->pool, NULL, NULL, NULL);
    use = json_object_get(o->pools, key);
    if (!use) {
        use = json_pack("[i,i,i,i]", 0, 0, 0, 0);
        (void)json_object_set_new(o->pools, key, use);
    }
    (void)json_array_set_new(use, 0, json_integer(event->cores));
    (void)json_array_set_new(use, 1, json_integer(event->jobs));
    note_resources(o, event);
    return 0;
}

static const struct fl_workflow *known(const struct oracle *o, const char *digest)
{
    for (size_t i = 0; digest && i < o->known_count; i++)
        if (strcmp(o->known[i].digest, digest) == 0)
            return o->known[i].workflow;
    return NULL;
}

/* A cycle of an installed workflow comes once, in its order, and never more of them are unfinished
 * than it allows. */
static int on_cycle(struct oracle *o, const struct fl_event *event, struct fl_cycle cycle,
                    struct fl_err *reterr)
{
    json_t *flow = json_object_get(o->flows, event->workflow);
    const json_t *last = json_object_get(flow, "last");
    json_int_t open = json_integer_value(json_object_get(flow, "open"));
    const struct fl_workflow *wf = known(o, json_string_value(json_object_get(flow, "digest")));

    if (!wf || is_set(flow, "removed"))
        return broken(reterr, event, "its workflow is not installed");
    if (is_set(flow, "held"))
        return broken(reterr, event, "its workflow is held");
    if (last && json_integer_value(last) >= cycle.s)
        return broken(reterr, event, "a cycle that had its turn already");
    if (event->type == FL_EVENT_RUN_CREATED && open > wf->cycles.ahead)
        return broken(reterr, event, "more unfinished runs than `ahead` allows");
    if (event->type == FL_EVENT_RUN_CREATED &&
        event->time_ns / 1000000000 + wf->cycles.early_s < cycle.s &&
        wf->cycles.calendar == FL_CALENDAR_STANDARD)
        return broken(reterr, event, "a cycle before its time");
    put(flow, "last", json_integer((json_int_t)cycle.s));
    if (event->type == FL_EVENT_RUN_CREATED)
        put(flow, "open", json_integer(open + 1));
    return 0;
}

static int on_flow(struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    json_t *flow = event->workflow ? json_object_get(o->flows, event->workflow) : NULL;
    const json_t *run = event->run ? json_object_get(o->runs, event->run) : NULL;
    const struct fl_workflow *wf;
    struct fl_cycle cycle;

    if (event->type == FL_EVENT_RUN_DROPPED || event->type == FL_EVENT_RUN_PAGED) {
        if (!json_object_get(run, "ended"))
            return broken(reterr, event, "it has not ended");
        if (event->type == FL_EVENT_RUN_PAGED)
            (void)json_object_set_new(o->paged, event->run, json_true());
        (void)json_object_del(o->runs, event->run);
        return 0;
    }
    if (event->type == FL_EVENT_WORKFLOW_INSTALLED && !flow) {
        flow = json_object();
        (void)json_object_set_new(o->flows, event->workflow, flow);
    } else if (event->type == FL_EVENT_WORKFLOW_INSTALLED) {
        if (!is_set(flow, "removed"))
            return broken(reterr, event, "installed twice");
        (void)json_object_del(flow, "removed");
        (void)json_object_del(flow, "last"); /* it may begin anew */
    }
    if (event->digest)
        put(flow, "digest", json_string(event->digest));
    if (event->type == FL_EVENT_WORKFLOW_REMOVED)
        put(flow, "removed", json_true());
    if (event->type != FL_EVENT_CYCLE_SKIPPED)
        return 0;
    wf = known(o, json_string_value(json_object_get(flow, "digest")));
    if (!wf || fl_cycle_parse_in(event->cycle, wf->cycles.calendar, &cycle, reterr) < 0)
        return broken(reterr, event, "no such cycle");
    return on_cycle(o, event, cycle, reterr);
}

static void on_hold(struct oracle *o, const struct fl_event *event)
{
    if (event->workflow)
        put(json_object_get(o->flows, event->workflow), "held",
            json_boolean(event->type == FL_EVENT_HELD));
}

static int on_run_created(struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    fl_json_auto json_t *text = NULL;
    struct fl_cycle cycle = {0};
    const struct fl_workflow *wf = known(o, event->digest);
    json_t *params;
    int rc;

    if (!wf)
        return broken(reterr, event, "its workflow is not known");
    rc = fl_cycle_parse_in(event->cycle, wf->cycles.calendar, &cycle, reterr);
    if (rc == 0 && event->text)
        rc = fl_json_parse(event->text, strlen(event->text), &text, reterr);
    params = json_copy(json_object_get(text, "params"));
    if (rc == 0 && (json_object_get(o->runs, event->run) || json_object_get(o->paged, event->run)))
        return broken(reterr, event, "created twice");
    (void)json_object_set_new(o->runs, event->run,
                              json_pack("{s:s,s:I,s:s*,s:i,s:o,s:{}}", "digest", event->digest,
                                        "cycle", (json_int_t)cycle.s, "flow", event->workflow,
                                        "order", o->run_order++, "params",
                                        params ? params : json_object(), "signals"));
    return rc < 0 || !event->workflow ? rc : on_cycle(o, event, cycle, reterr);
}

/* What belongs to an instance of a known stage. */
static int on_instance(struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    const struct fl_workflow *wf = oracle_workflow_of(o, event->run);
    json_t *inst = inst_get(o, event);
    int32_t index = wf ? fl_workflow_stage(wf, event->stage, strlen(event->stage)) : FL_NONE;
    int rc;

    if (index == FL_NONE)
        return broken(reterr, event, "no such stage");
    if (event->type == FL_EVENT_ATTEMPT_LAUNCHED)
        return on_launched(o, event, wf, &wf->stages[index], inst, reterr);
    if (event->type == FL_EVENT_INSTANCE_ENDED) {
        if (is_set(inst, "open") || json_object_get(inst, "state"))
            return broken(reterr, event, "under way, or ended already");
        put(inst, "state", json_string(event->state));
        put(inst, "by", json_string(event->who));
        return 0;
    }
    if (event->type == FL_EVENT_INSTANCE_RETRY) {
        if (is_set(inst, "open"))
            return broken(reterr, event, "under way");
        (void)json_object_del(inst, "state");
        return 0;
    }
    if (event->type == FL_EVENT_OUTPUT_ABSENT && event->attempt == 0)
        return on_output(o, event, &wf->stages[index], reterr);
    rc = on_attempt(o, event, wf, &wf->stages[index], inst, reterr);
    if (rc == 0 &&
        (event->type == FL_EVENT_OUTPUT_ACCEPTED || event->type == FL_EVENT_OUTPUT_ABSENT))
        rc = on_output(o, event, &wf->stages[index], reterr);
    if (rc == 0 && event->type == FL_EVENT_OUTPUT_ACCEPTED)
        note_progress(inst, event->lead);
    return rc;
}

/* What a run is told from outside. */
static void on_given(struct oracle *o, const struct fl_event *event, json_t *run)
{
    char name[ORACLE_KEY_MAX];

    if (event->type == FL_EVENT_SIGNALLED)
        put(json_object_get(run, "signals"), event->output, json_true());
    if (event->type == FL_EVENT_TIME_CAME)
        put(run, "clock",
            json_integer(event->until_ns / 1000000000 -
                         json_integer_value(json_object_get(run, "cycle"))));
    if (event->type == FL_EVENT_SOURCE_ARRIVED) {
        (void)snprintf(name, sizeof(name), "source %s|%s|%s", event->output, event->cycle,
                       event->lead);
        put(run, name, json_boolean(!event->cause));
        return;
    }
    if (event->type == FL_EVENT_FILE_ARRIVED)
        put(inst_get(o, event), "file", json_true());
    if (event->type != FL_EVENT_PARAM_SET)
        return;
    (void)snprintf(name, sizeof(name), "%s%s%s", event->stage ? event->stage : "",
                   event->stage ? "." : "", event->output);
    if (event->text)
        put(json_object_get(run, "params"), name, json_string(event->text));
    else
        (void)json_object_del(json_object_get(run, "params"), name);
}

/* A person's retry opens an ended run: what never could start waits again. */
static void reopen(struct oracle *o, const struct fl_event *event, json_t *run)
{
    size_t size = strlen(event->run);
    const char *key;
    json_t *inst;

    (void)json_object_del(run, "ended");
    count_open(o, run, 1);
    json_object_foreach(o->insts, key, inst)
    {
        const char *state = json_string_value(json_object_get(inst, "state"));
        bool untried = json_integer_value(json_object_get(inst, "tries")) == 0;

        if (strncmp(key, event->run, size) != 0 || key[size] != '|' || !state)
            continue;
        if ((strcmp(state, "skipped") == 0 && !is_set(inst, "passed")) ||
            (strcmp(state, "cancelled") == 0 && untried))
            (void)json_object_del(inst, "state");
    }
}

/* The absences that an instance ("RUN|STAGE|KEY||") has caused are forgotten. */
static void forget_absences(struct oracle *o, const char *inst)
{
    size_t name = (size_t)(strchr(strchr(inst, '|') + 1, '|') - inst) + 1;
    size_t key_size = strcspn(inst + name, "|");
    void *next;
    const char *key;
    json_t *slot;

    json_object_foreach_safe(o->slots, next, key, slot)
    {
        const char *own = strncmp(key, inst, name) == 0 ? strchr(key + name, '|') : NULL;

        if (own && strncmp(own + 1, inst + name, key_size + 1) == 0 &&
            *json_string_value(slot) == 'x')
            (void)json_object_del(o->slots, key);
    }
}

/* What a person says of one instance; what had ended because of others is looked at anew. */
static int on_state_set(struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    json_t *own = inst_get(o, event);
    bool waits = strcmp(event->state, "waiting") == 0;
    bool anew = waits || json_object_get(own, "state");
    size_t size = strlen(event->run);
    char own_key[ORACLE_KEY_MAX];
    const char *key;
    json_t *inst;

    if (is_set(own, "open"))
        return broken(reterr, event, "an attempt is under way");
    oracle_key(own_key, event->run, event->stage, event->key, NULL, NULL);
    put(own, "set", json_boolean(!waits));
    if (waits)
        (void)json_object_del(own, "state");
    else
        put(own, "state", json_string(event->state));
    if (waits)
        forget_absences(o, own_key);
    json_object_foreach(o->insts, key, inst)
    {
        const char *state = json_string_value(json_object_get(inst, "state"));

        if (!anew || !state || is_set(inst, "set") || strncmp(key, event->run, size) != 0 ||
            key[size] != '|' || json_integer_value(json_object_get(inst, "tries")) > 0 ||
            strcmp(state, "expired") == 0 || strcmp(state, "cancelled") == 0)
            continue;
        (void)json_object_del(inst, "state");
        forget_absences(o, key);
    }
    return 0;
}

/* What the new version has not may come back, to begin anew; its attempts are counted on. */
static void forget_removed(struct oracle *o, const char *run, const struct fl_workflow *wf)
{
    size_t size = strlen(run);
    const char *key;
    json_t *inst;

    json_object_foreach(o->insts, key, inst)
    {
        const char *stage = key + size + 1;

        if (strncmp(key, run, size) == 0 && key[size] == '|' && wf &&
            fl_workflow_stage(wf, stage, strcspn(stage, "|")) == FL_NONE)
            (void)json_object_del(inst, "state");
    }
}

/* What concerns a run whether or not it has ended. */
static bool is_about_its_files(const struct fl_event *event)
{
    return event->type == FL_EVENT_REMOVAL_ASKED || event->type == FL_EVENT_FILES_REMOVED ||
           event->type == FL_EVENT_CUSTODY_NOTED || event->type == FL_EVENT_PRODUCT_WITHDRAWN;
}

/* Nothing is removed under the hands of a body. */
static int on_files(const struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    size_t size = strlen(event->run);
    const char *key;
    json_t *inst;

    json_object_foreach(o->insts, key, inst)
    {
        if (event->type == FL_EVENT_REMOVAL_ASKED && strncmp(key, event->run, size) == 0 &&
            key[size] == '|' && is_set(inst, "open"))
            return broken(reterr, event, "an attempt of the run is under way");
    }
    return 0;
}

/* A run has its end: 1 when that is all there is to say of the event. */
static int on_ended(struct oracle *o, const struct fl_event *event, json_t *run,
                    struct fl_err *reterr)
{
    if (event->type == FL_EVENT_RUN_DROPPED || event->type == FL_EVENT_RUN_PAGED)
        return 0;
    if (event->type == FL_EVENT_ACTION_TAKEN)
        return 1;
    if (is_about_its_files(event))
        return 0;
    if (event->type != FL_EVENT_INSTANCE_RETRY && event->type != FL_EVENT_STATE_SET)
        return broken(reterr, event, "the run has ended");
    reopen(o, event, run);
    return 0;
}

int oracle_event(struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    json_t *run = event->run ? json_object_get(o->runs, event->run) : NULL;
    int rc = run && json_object_get(run, "ended") ? on_ended(o, event, run, reterr) : 0;

    if (rc != 0)
        return rc < 0 ? rc : 0;
    switch (event->type) {
    case FL_EVENT_RUN_CREATED:
        return on_run_created(o, event, reterr);
    case FL_EVENT_RUN_ENDED:
        return on_run_ended(o, event, reterr);
    case FL_EVENT_WORKER_JOINED:
        return on_joined(o, event);
    case FL_EVENT_WORKER_LEFT:
    case FL_EVENT_CANCEL_ASKED:
    case FL_EVENT_SET_DELIVERED:
    case FL_EVENT_DEADLINE_AT_RISK:
    case FL_EVENT_DEADLINE_PASSED:
    case FL_EVENT_NEED_UNMET:
    case FL_EVENT_ACTION_TAKEN:
        return 0;
    case FL_EVENT_REMOVAL_ASKED:
    case FL_EVENT_FILES_REMOVED:
    case FL_EVENT_CUSTODY_NOTED:
    case FL_EVENT_PRODUCT_WITHDRAWN:
        return on_files(o, event, reterr);
    case FL_EVENT_HELD:
    case FL_EVENT_RELEASED:
        on_hold(o, event);
        return 0;
    case FL_EVENT_SET_DECLARED:
        return on_declared(o, event, reterr);
    case FL_EVENT_PARAM_SET:
    case FL_EVENT_TIME_CAME:
    case FL_EVENT_SIGNALLED:
    case FL_EVENT_FILE_ARRIVED:
    case FL_EVENT_SOURCE_ARRIVED:
        on_given(o, event, run);
        return 0;
    case FL_EVENT_WORKFLOW_INSTALLED:
    case FL_EVENT_WORKFLOW_RELOADED:
    case FL_EVENT_WORKFLOW_REMOVED:
    case FL_EVENT_CYCLE_SKIPPED:
    case FL_EVENT_RUN_DROPPED:
    case FL_EVENT_RUN_PAGED:
        return on_flow(o, event, reterr);
    case FL_EVENT_RUN_REPLANNED:
        put(run, "digest", json_string(event->digest));
        forget_removed(o, event->run, known(o, event->digest));
        return 0;
    case FL_EVENT_STATE_SET:
        return on_state_set(o, event, reterr);
    case FL_EVENT_ATTEMPT_LAUNCHED:
    case FL_EVENT_ATTEMPT_BEGUN:
    case FL_EVENT_ATTEMPT_NOTED:
    case FL_EVENT_ATTEMPT_DEGRADED:
    case FL_EVENT_ATTEMPT_ENDED:
    case FL_EVENT_OUTPUT_ACCEPTED:
    case FL_EVENT_OUTPUT_ABSENT:
    case FL_EVENT_INSTANCE_ENDED:
    case FL_EVENT_INSTANCE_RETRY:
        return on_instance(o, event, reterr);
    case FL_EVENT_TYPE_COUNT:
        break;
    }
    return broken(reterr, event, "unknown");
}
