/* Books of an onlooker. */
#include "config.h"

#include "tests/lib/oracle.h"

#include <stdio.h>
#include <string.h>

#include "engine/core/expr.h"

#include "engine/base/banned.h"

#define KEY_MAX 512

struct needs {
    const struct oracle *o;
    const struct fl_workflow *wf;
    const struct fl_stage *stage;
    const char *run;
    struct fl_cycle cycle;
    bool has_lead;
    struct fl_lead lead;
    struct fl_err *reterr;
};

void oracle_init(struct oracle *o)
{
    *o = (struct oracle){.runs = json_object(),
                         .slots = json_object(),
                         .insts = json_object(),
                         .pools = json_object(),
                         .jobs = json_object()};
}

void oracle_release(struct oracle *o)
{
    json_decref(o->runs);
    json_decref(o->slots);
    json_decref(o->insts);
    json_decref(o->pools);
    json_decref(o->jobs);
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

static const struct fl_workflow *workflow_of(const struct oracle *o, const char *run)
{
    const char *digest =
        json_string_value(json_object_get(json_object_get(o->runs, run), "digest"));

    for (size_t i = 0; digest && i < o->known_count; i++)
        if (strcmp(o->known[i].digest, digest) == 0)
            return o->known[i].workflow;
    return NULL;
}

static void key_of(char *text, const char *a, const char *b, const char *c, const char *d)
{
    (void)snprintf(text, KEY_MAX, "%s|%s|%s|%s", a, b ? b : "", c ? c : "", d ? d : "");
}

/* 'a' accepted, 'x' absent, 0 neither. */
static char slot_is(const struct oracle *o, const char *run, const struct fl_stage *stage,
                    const struct fl_stage_output *output, const struct fl_lead *lead)
{
    char text[FL_TIME_TEXT_MAX] = "";
    char key[KEY_MAX];
    const char *state;

    if (lead && output->set != FL_NONE)
        fl_lead_format(*lead, text);
    key_of(key, run, stage->name, output->name, text);
    state = json_string_value(json_object_get(o->slots, key));
    return state ? *state : 0;
}

/* An absent member is fine between two that are there and near enough. */
static bool is_bridged(const struct needs *n, const struct fl_stage_input *input,
                       const struct fl_stage *from, const struct fl_stage_output *output,
                       struct fl_lead lead)
{
    const struct fl_leads *set = &n->wf->sets[output->set].leads;
    int64_t at = fl_leads_find(set, lead);
    int64_t count = (int64_t)fl_leads_count(set);
    int64_t a = at - 1;
    int64_t b = at + 1;
    struct fl_lead left;
    struct fl_lead right;

    for (; a >= 0; a--) {
        left = fl_leads_at(set, (size_t)a);
        if (slot_is(n->o, n->run, from, output, &left) == 'a')
            break;
    }
    for (; b < count; b++) {
        right = fl_leads_at(set, (size_t)b);
        if (slot_is(n->o, n->run, from, output, &right) == 'a')
            break;
    }
    return a >= 0 && b < count &&
           (int64_t)(right.minutes - left.minutes) * 60 <= input->bridge_max_s;
}

static int member_there(const struct needs *n, const struct fl_stage_input *input,
                        const struct fl_source *source, const struct fl_lead *lead)
{
    const struct fl_stage *from = &n->wf->stages[source->stage];
    const struct fl_stage_output *output = &from->outputs[source->output];
    char state = slot_is(n->o, n->run, from, output, lead);

    if (state == 'a' || (state == 'x' && lead && output->set != FL_NONE &&
                         input->bridge_max_s > 0 && is_bridged(n, input, from, output, *lead)))
        return 0;
    return fl_err_set(n->reterr, FL_E_BUG, 0, "%s of run %s starts without its input %s (%s %+d)",
                      n->stage->name, n->run, input->name, source->text,
                      lead ? lead->minutes / 60 : 0);
}

static int source_there(const struct needs *n, const struct fl_stage_input *input,
                        const struct fl_source *source)
{
    const struct fl_stage *from = &n->wf->stages[source->stage];
    const struct fl_stage_output *output = &from->outputs[source->output];
    const struct fl_leads *set = output->set == FL_NONE ? NULL : &n->wf->sets[output->set].leads;
    struct fl_lead lead = source->lead;
    int rc = 0;

    if (!set || source->has_lead)
        return member_there(n, input, source, set ? &lead : NULL);
    if (n->has_lead && input->leads == FL_NONE) {
        lead.minutes = n->lead.minutes + input->shift_min;
        if (fl_leads_find(set, lead) < 0 && input->edge_absent)
            return 0;
        return member_there(n, input, source, &lead);
    }
    if (input->leads != FL_NONE)
        set = &n->wf->sets[input->leads].leads;
    for (size_t i = 0; rc == 0 && i < fl_leads_count(set); i++) {
        lead = fl_leads_at(set, i);
        rc = member_there(n, input, source, &lead);
    }
    return rc;
}

static bool any_there(const struct needs *n, const struct fl_stage_input *input)
{
    for (size_t i = 0; i < input->source_count; i++) {
        const struct fl_source *source = &input->sources[i];
        struct fl_cycle cycle = {n->cycle.s + source->cycle_offset_s};
        char time[FL_TIME_TEXT_MAX];
        char run[KEY_MAX];
        const struct fl_stage *from;

        if (source->stage == FL_NONE)
            return true;
        fl_cycle_format(cycle, time);
        (void)snprintf(run, sizeof(run), "%s/%s", n->wf->name, time);
        from = &n->wf->stages[source->stage];
        if (slot_is(n->o, source->cycle_offset_s ? run : n->run, from,
                    &from->outputs[source->output], source->has_lead ? &source->lead : NULL) == 'a')
            return true;
    }
    return false;
}

static bool inst_has(const struct needs *n, const struct fl_stage *on, const struct fl_lead *lead,
                     enum fl_expr_mode mode)
{
    char text[FL_TIME_TEXT_MAX] = "";
    char key[KEY_MAX];
    const char *state;

    if (lead)
        fl_lead_format(*lead, text);
    key_of(key, n->run, on->name, text, NULL);
    state = json_string_value(json_object_get(json_object_get(n->o->insts, key), "state"));
    if (!state)
        return false;
    return mode == FL_EXPR_ENDED || strcmp(state, "succeeded") == 0 ||
           strcmp(state, "skipped") == 0;
}

static bool leaf_holds(const struct needs *n, const struct fl_expr_leaf *leaf)
{
    const struct fl_stage *on = &n->wf->stages[leaf->stage];
    const struct fl_stage_output *output =
        leaf->output == FL_NONE ? NULL : &on->outputs[leaf->output];
    int32_t set_index = output ? output->set : on->per;
    const struct fl_leads *set = set_index == FL_NONE ? NULL : &n->wf->sets[set_index].leads;
    bool ok = true;

    if (!set)
        return output ? slot_is(n->o, n->run, on, output, NULL) != 0
                      : inst_has(n, on, NULL, leaf->mode);
    for (size_t i = 0; i < fl_leads_count(set); i++) {
        struct fl_lead lead = fl_leads_at(set, i);

        if (leaf->has_leads && fl_leads_find(&leaf->leads, lead) < 0)
            continue;
        if (!leaf->has_leads && !leaf->all && set_index == n->stage->per &&
            lead.minutes != n->lead.minutes)
            continue;
        ok = ok && (output ? slot_is(n->o, n->run, on, output, &lead) != 0
                           : inst_has(n, on, &lead, leaf->mode));
    }
    return ok;
}

static int when_holds(const struct needs *n)
{
    fl_auto(fl_expr_release) struct fl_expr when = {0};
    uint32_t pending[FL_EXPR_NODES_MAX] = {0};
    int rc;

    if (!n->stage->when)
        return 0;
    rc = fl_expr_parse(n->stage->when, n->wf, &when, n->reterr);
    for (size_t i = 0; rc == 0 && i < when.leaf_count; i++)
        pending[i] = leaf_holds(n, &when.leaves[i]) ? 0 : 1;
    if (rc < 0 || fl_expr_value(&when, pending))
        return rc;
    return fl_err_set(n->reterr, FL_E_BUG, 0, "%s of run %s starts though its `when` is false: %s",
                      n->stage->name, n->run, n->stage->when);
}

static int needs_met(const struct oracle *o, const struct fl_workflow *wf,
                     const struct fl_stage *stage, const struct fl_event *event,
                     struct fl_err *reterr)
{
    struct needs n = {.o = o, .wf = wf, .stage = stage, .run = event->run, .reterr = reterr};
    const json_t *run = json_object_get(o->runs, event->run);
    int rc = 0;

    n.cycle.s = json_integer_value(json_object_get(run, "cycle"));
    n.has_lead = event->key != NULL;
    if (event->key)
        rc = fl_lead_parse(event->key, &n.lead, reterr);
    for (size_t i = 0; rc == 0 && i < stage->input_count; i++) {
        const struct fl_stage_input *input = &stage->inputs[i];

        if (input->follow)
            continue;
        if (input->first_of && !any_there(&n, input))
            rc = fl_err_set(reterr, FL_E_BUG, 0, "%s starts without any of its input %s",
                            stage->name, input->name);
        for (size_t s = 0; rc == 0 && !input->first_of && s < input->source_count; s++)
            rc = source_there(&n, input, &input->sources[s]);
    }
    return rc < 0 ? rc : when_holds(&n);
}

static int64_t number(const json_t *array, size_t at)
{
    return json_integer_value(json_array_get(array, at));
}

/* Counts an attempt in (sign 1) or out of its pool, and holds it against the limits. */
static int use_pool(struct oracle *o, const struct fl_workflow *wf, const struct fl_stage *stage,
                    const char *run, const char *worker, int64_t sign)
{
    const struct fl_pool *pool = &wf->pools[stage->pool];
    char key[KEY_MAX];
    json_t *use;
    json_t *jobs;

    key_of(key, worker, pool->name, NULL, NULL);
    use = json_object_get(o->pools, key);
    if (!use)
        return FL_E_BUG;
    (void)json_array_set_new(use, 2, json_integer(number(use, 2) + sign * stage->cores));
    (void)json_array_set_new(use, 3, json_integer(number(use, 3) + sign));
    key_of(key, run, pool->name, NULL, NULL);
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
    char key[KEY_MAX];
    json_t *inst;

    key_of(key, event->run, event->stage, event->key, NULL);
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
    rc = needs_met(o, wf, stage, event, reterr);
    if (rc < 0)
        return rc;
    put(inst, "tries", json_integer(event->attempt));
    put(inst, "open", json_true());
    put(inst, "begun", json_false());
    put(inst, "worker", json_string(event->worker));
    rc = use_pool(o, wf, stage, event->run, event->worker, 1);
    return rc < 0 ? broken(reterr, event, "a limit of the pool is passed") : 0;
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
    } else if (event->type == FL_EVENT_ATTEMPT_ENDED) {
        if (strcmp(event->state, "succeeded") == 0 && !is_set(inst, "begun"))
            return broken(reterr, event, "succeeded without having begun");
        put(inst, "open", json_false());
        if (!event->until_ns)
            put(inst, "state", json_string(event->state));
        (void)use_pool(o, wf, stage, event->run, json_string_value(json_object_get(inst, "worker")),
                       -1);
    } else if (event->type == FL_EVENT_OUTPUT_ACCEPTED && !is_set(inst, "begun")) {
        return broken(reterr, event, "an output before the begin");
    }
    return 0;
}

static int on_output(struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    bool accepted = event->type == FL_EVENT_OUTPUT_ACCEPTED;
    char key[KEY_MAX];
    const char *was;

    key_of(key, event->run, event->stage, event->output, event->lead);
    was = json_string_value(json_object_get(o->slots, key));
    if (was && *was == 'a' && !accepted)
        return broken(reterr, event, "an accepted output becomes absent");
    (void)json_object_set_new(o->slots, key, json_string(accepted ? "accepted" : "x"));
    if (event->attempt == 0)
        put(inst_get(o, event), "passed", json_true());
    return 0;
}

static int on_run_ended(const struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
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
    return 0;
}

static int on_joined(struct oracle *o, const struct fl_event *event)
{
    char key[KEY_MAX];
    json_t *use;

    if (!event->pool)
        return 0;
    key_of(key, event->worker, event->pool, NULL, NULL);
    use = json_object_get(o->pools, key);
    if (!use) {
        use = json_pack("[i,i,i,i]", 0, 0, 0, 0);
        (void)json_object_set_new(o->pools, key, use);
    }
    (void)json_array_set_new(use, 0, json_integer(event->cores));
    (void)json_array_set_new(use, 1, json_integer(event->jobs));
    return 0;
}

static int on_run_created(struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_cycle cycle = {0};
    int rc = fl_cycle_parse(event->cycle, &cycle, reterr);

    if (rc == 0 && json_object_get(o->runs, event->run))
        return broken(reterr, event, "created twice");
    (void)json_object_set_new(
        o->runs, event->run,
        json_pack("{s:s,s:I}", "digest", event->digest, "cycle", (json_int_t)cycle.s));
    return rc;
}

/* What belongs to an instance of a known stage. */
static int on_instance(struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    const struct fl_workflow *wf = workflow_of(o, event->run);
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
        return 0;
    }
    if (event->type == FL_EVENT_INSTANCE_RETRY) {
        if (is_set(inst, "open"))
            return broken(reterr, event, "under way");
        (void)json_object_del(inst, "state");
        return 0;
    }
    if (event->type == FL_EVENT_OUTPUT_ABSENT && event->attempt == 0)
        return on_output(o, event, reterr);
    rc = on_attempt(o, event, wf, &wf->stages[index], inst, reterr);
    if (rc == 0 &&
        (event->type == FL_EVENT_OUTPUT_ACCEPTED || event->type == FL_EVENT_OUTPUT_ABSENT))
        rc = on_output(o, event, reterr);
    return rc;
}

/* A person's retry opens an ended run: what never could start waits again. */
static void reopen(struct oracle *o, const struct fl_event *event, json_t *run)
{
    size_t size = strlen(event->run);
    const char *key;
    json_t *inst;

    (void)json_object_del(run, "ended");
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

int oracle_event(struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    json_t *run = event->run ? json_object_get(o->runs, event->run) : NULL;

    if (run && json_object_get(run, "ended")) {
        if (event->type == FL_EVENT_ACTION_TAKEN)
            return 0;
        if (event->type != FL_EVENT_INSTANCE_RETRY)
            return broken(reterr, event, "the run has ended");
        reopen(o, event, run);
    }
    switch (event->type) {
    case FL_EVENT_RUN_CREATED:
        return on_run_created(o, event, reterr);
    case FL_EVENT_RUN_ENDED:
        return on_run_ended(o, event, reterr);
    case FL_EVENT_WORKER_JOINED:
        return on_joined(o, event);
    case FL_EVENT_WORKER_LEFT:
    case FL_EVENT_CANCEL_ASKED:
    case FL_EVENT_HELD:
    case FL_EVENT_RELEASED:
    case FL_EVENT_ACTION_TAKEN:
        return 0;
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
