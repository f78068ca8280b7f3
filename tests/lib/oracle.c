/* Books of an onlooker. */
#include "config.h"

#include "tests/lib/oracle.h"

#include <stdio.h>
#include <string.h>

#include "engine/core/expr.h"

#include "engine/base/banned.h"

#define KEY_MAX 1024

struct needs {
    const struct oracle *o;
    const struct fl_workflow *wf;
    const struct fl_stage *stage;
    const char *run;
    struct fl_cycle cycle;
    char key[FL_KEY_TEXT_MAX];
    const char *own[FL_DIMS_MAX]; /* our members */
    struct fl_err *reterr;
};

void oracle_init(struct oracle *o)
{
    *o = (struct oracle){.runs = json_object(),
                         .slots = json_object(),
                         .insts = json_object(),
                         .pools = json_object(),
                         .jobs = json_object(),
                         .flows = json_object()};
}

void oracle_release(struct oracle *o)
{
    json_decref(o->runs);
    json_decref(o->slots);
    json_decref(o->insts);
    json_decref(o->pools);
    json_decref(o->jobs);
    json_decref(o->flows);
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

static void key_of(char *text, const char *a, const char *b, const char *c, const char *d,
                   const char *e)
{
    (void)snprintf(text, KEY_MAX, "%s|%s|%s|%s|%s", a, b ? b : "", c ? c : "", d ? d : "",
                   e ? e : "");
}

/* 'a' accepted, 'x' absent, 0 neither. key: of the instance; member: of the output's own set. */
static char slot_is(const struct oracle *o, const char *run, const char *stage, const char *output,
                    const char *key, const char *member)
{
    char text[KEY_MAX];
    const char *state;

    key_of(text, run, stage, output, key, member);
    state = json_string_value(json_object_get(o->slots, text));
    return state ? *state : 0;
}

/* A member of a set as text. */
static const char *text_of(const struct fl_workflow *wf, int32_t set, size_t i,
                           char text[static FL_MEMBER_TEXT_MAX])
{
    if (wf->sets[set].kind != FL_SET_LEADS)
        return wf->sets[set].members.items[i];
    fl_lead_format(fl_leads_at(&wf->sets[set].leads, i), text);
    return text;
}

static size_t size_of(const struct fl_workflow *wf, int32_t set)
{
    return wf->sets[set].kind == FL_SET_LEADS ? fl_leads_count(&wf->sets[set].leads)
                                              : wf->sets[set].members.count;
}

/* What is referred to, and by what. */
struct reference {
    const struct needs *n;
    const struct fl_stage *from;
    const struct fl_stage_output *output; /* or NULL: instances */
    const struct fl_stage_input *input;   /* or NULL: a leaf */
    const struct fl_selector *select;
    bool all;
    int32_t sets[FL_DIMS_MAX]; /* of what is referred to */
    size_t dims;
    size_t at[FL_DIMS_MAX]; /* the members looked at */
};

/* The text of our own member of a set; NULL when we do not run over it. */
static const char *own_member(const struct needs *n, int32_t set, int32_t *ret_set)
{
    const struct fl_workflow *wf = n->wf;

    for (int round = 0; round < 3; round++) {
        for (size_t d = n->stage->dims.count; d-- > 0;) {
            int32_t own = n->stage->dims.sets[d];
            bool leads = wf->sets[own].kind == FL_SET_LEADS && wf->sets[set].kind == FL_SET_LEADS;
            bool same = leads && size_of(wf, own) == size_of(wf, set) &&
                        wf->sets[own].leads.first.minutes == wf->sets[set].leads.first.minutes &&
                        wf->sets[own].leads.last.minutes == wf->sets[set].leads.last.minutes;

            *ret_set = own;
            if (round == 0 ? own == set : round == 1 ? same : leads)
                return n->own[d];
        }
    }
    return NULL;
}

/* True for a trigger of a stage some of whose leads what is referred to does not have. */
static bool leads_differ(const struct needs *n, int32_t own, int32_t set)
{
    for (size_t i = 0; i < size_of(n->wf, own); i++)
        if (fl_leads_find(&n->wf->sets[set].leads, fl_leads_at(&n->wf->sets[own].leads, i)) < 0)
            return true;
    return false;
}

/* True when the member of a dimension that is looked at is one of those that are meant. */
static bool is_meant(const struct reference *ref, size_t d)
{
    const struct fl_workflow *wf = ref->n->wf;
    const struct fl_span *span = &ref->select->of[d];
    int32_t set = ref->sets[d];
    bool leads = wf->sets[set].kind == FL_SET_LEADS;
    char text[FL_MEMBER_TEXT_MAX];
    struct fl_lead lead;
    const char *own;
    int32_t own_set;

    if (span->count)
        return ref->at[d] >= span->first &&
               ref->at[d] <= span->first + (size_t)(span->count - 1) * span->stride &&
               (ref->at[d] - span->first) % span->stride == 0;
    if (leads && ref->input && ref->input->leads != FL_NONE)
        return fl_leads_find(&wf->sets[ref->input->leads].leads,
                             fl_leads_at(&wf->sets[set].leads, ref->at[d])) >= 0;
    own = ref->all ? NULL : own_member(ref->n, set, &own_set);
    if (!own)
        return true;
    if (!leads)
        return strcmp(text_of(wf, set, ref->at[d], text), own) == 0;
    if (!ref->input && leads_differ(ref->n, own_set, set))
        return true;
    (void)fl_lead_parse(own, &lead, NULL);
    lead.minutes += ref->input ? ref->input->shift_min : 0;
    return fl_leads_at(&wf->sets[set].leads, ref->at[d]).minutes == lead.minutes;
}

/* Sets up what is referred to; false for one without any member. */
static bool reference_first(struct reference *ref)
{
    ref->dims = 0;
    for (size_t d = 0; d < ref->from->dims.count; d++)
        ref->sets[ref->dims++] = ref->from->dims.sets[d];
    if (ref->output && ref->output->set != FL_NONE)
        ref->sets[ref->dims++] = ref->output->set;
    memset(ref->at, 0, sizeof(ref->at));
    for (size_t d = 0; d < ref->dims; d++)
        if (size_of(ref->n->wf, ref->sets[d]) == 0)
            return false;
    return true;
}

static bool reference_next(struct reference *ref)
{
    for (size_t d = ref->dims; d-- > 0;) {
        if (++ref->at[d] < size_of(ref->n->wf, ref->sets[d]))
            return true;
        ref->at[d] = 0;
    }
    return false;
}

static bool reference_is_meant(const struct reference *ref)
{
    for (size_t d = 0; d < ref->dims; d++)
        if (!is_meant(ref, d))
            return false;
    return true;
}

/* Key of the instance, and the member of the output's own set, of what is looked at. */
static void reference_names(const struct reference *ref, const size_t at[static FL_DIMS_MAX],
                            char *key, char *member)
{
    key[0] = member[0] = '\0';
    for (size_t d = 0; d < ref->dims; d++) {
        char text[FL_MEMBER_TEXT_MAX];
        const char *one = text_of(ref->n->wf, ref->sets[d], at[d], text);

        if (d >= ref->from->dims.count)
            (void)snprintf(member, FL_MEMBER_TEXT_MAX, "%s", one);
        else
            (void)snprintf(key + strlen(key), FL_KEY_TEXT_MAX - strlen(key), "%s%s", d ? "," : "",
                           one);
    }
}

static char reference_slot(const struct reference *ref, const char *run,
                           const size_t at[static FL_DIMS_MAX])
{
    char key[FL_KEY_TEXT_MAX];
    char member[FL_MEMBER_TEXT_MAX];

    reference_names(ref, at, key, member);
    return slot_is(ref->n->o, run, ref->from->name, ref->output->name, key, member);
}

/* An absent member is fine between two that are there and near enough. */
static bool is_bridged(const struct reference *ref)
{
    const struct fl_leads *set = NULL;
    size_t at[FL_DIMS_MAX];
    size_t lead = ref->dims;
    int64_t found[2];

    for (size_t d = 0; d < ref->dims; d++)
        if (ref->n->wf->sets[ref->sets[d]].kind == FL_SET_LEADS)
            lead = d;
    if (lead == ref->dims || ref->input->bridge_max_s == 0)
        return false;
    set = &ref->n->wf->sets[ref->sets[lead]].leads;
    for (int side = 0; side < 2; side++) {
        found[side] = -1;
        memcpy(at, ref->at, sizeof(at));
        for (int64_t i = (int64_t)at[lead];
             i >= 0 && i < (int64_t)fl_leads_count(set) && found[side] < 0; i += side ? 1 : -1) {
            at[lead] = (size_t)i;
            if (reference_slot(ref, ref->n->run, at) == 'a')
                found[side] = i;
        }
        if (found[side] < 0)
            return false;
    }
    return (found[1] - found[0]) * set->step_minutes * 60 <= ref->input->bridge_max_s;
}

static int source_there(const struct needs *n, const struct fl_stage_input *input,
                        const struct fl_source *source)
{
    const struct fl_stage *from = &n->wf->stages[source->stage];
    struct reference ref = {.n = n,
                            .from = from,
                            .output = &from->outputs[source->output],
                            .input = input,
                            .select = &source->select};

    if (!reference_first(&ref))
        return 0;
    do {
        char state;

        if (!reference_is_meant(&ref))
            continue;
        state = reference_slot(&ref, n->run, ref.at);
        if (state != 'a' && !(state == 'x' && is_bridged(&ref)))
            return fl_err_set(n->reterr, FL_E_BUG, 0,
                              "%s of run %s starts without its input %s"
                              " (%s)",
                              n->stage->name, n->run, input->name, source->text);
    } while (reference_next(&ref));
    return 0;
}

static bool any_there(const struct needs *n, const struct fl_stage_input *input)
{
    for (size_t i = 0; i < input->source_count; i++) {
        const struct fl_source *source = &input->sources[i];
        struct fl_cycle cycle = {n->cycle.s + source->cycle_offset_s};
        struct reference ref = {.n = n, .input = input, .select = &source->select};
        char time[FL_TIME_TEXT_MAX];
        char run[KEY_MAX];
        bool there = true;

        if (source->stage == FL_NONE)
            return true;
        fl_cycle_format(cycle, time);
        (void)snprintf(run, sizeof(run), "%s/%s", n->wf->name, time);
        ref.from = &n->wf->stages[source->stage];
        ref.output = &ref.from->outputs[source->output];
        if (!reference_first(&ref))
            continue;
        do
            there = there &&
                    (!reference_is_meant(&ref) ||
                     reference_slot(&ref, source->cycle_offset_s ? run : n->run, ref.at) == 'a');
        while (reference_next(&ref));
        if (there)
            return true;
    }
    return false;
}

static bool inst_has(const struct needs *n, const struct fl_stage *on, const char *inst,
                     enum fl_expr_mode mode)
{
    char key[KEY_MAX];
    const char *state;

    key_of(key, n->run, on->name, inst, NULL, NULL);
    state = json_string_value(json_object_get(json_object_get(n->o->insts, key), "state"));
    if (!state)
        return false;
    return mode == FL_EXPR_ENDED || strcmp(state, "succeeded") == 0 ||
           strcmp(state, "skipped") == 0;
}

static bool leaf_holds(const struct needs *n, const struct fl_expr_leaf *leaf)
{
    const struct fl_stage *on = &n->wf->stages[leaf->stage];
    struct reference ref = {.n = n,
                            .from = on,
                            .output = leaf->output == FL_NONE ? NULL : &on->outputs[leaf->output],
                            .select = &leaf->select,
                            .all = leaf->all};

    if (!reference_first(&ref))
        return true;
    do {
        char key[FL_KEY_TEXT_MAX];
        char member[FL_MEMBER_TEXT_MAX];

        if (!reference_is_meant(&ref))
            continue;
        reference_names(&ref, ref.at, key, member);
        if (ref.output ? reference_slot(&ref, n->run, ref.at) == 0
                       : !inst_has(n, on, key, leaf->mode))
            return false;
    } while (reference_next(&ref));
    return true;
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
    (void)snprintf(n.key, sizeof(n.key), "%s", event->key ? event->key : "");
    for (size_t d = 0; d < stage->dims.count; d++) {
        char *from = d ? strchr(n.own[d - 1], '\0') + 1 : n.key;

        n.own[d] = from;
        from[strcspn(from, ",")] = '\0';
    }
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

    key_of(key, worker, pool->name, NULL, NULL, NULL);
    use = json_object_get(o->pools, key);
    if (!use)
        return FL_E_BUG;
    (void)json_array_set_new(use, 2, json_integer(number(use, 2) + sign * stage->cores));
    (void)json_array_set_new(use, 3, json_integer(number(use, 3) + sign));
    key_of(key, run, pool->name, NULL, NULL, NULL);
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

    key_of(key, event->run, event->stage, event->key, NULL, NULL);
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
        put(inst, "lost", json_boolean(event->cause && strcmp(event->state, "lost") == 0));
        if (!event->until_ns && !is_set(inst, "lost"))
            put(inst, "state", json_string(event->state));
        (void)use_pool(o, wf, stage, event->run, json_string_value(json_object_get(inst, "worker")),
                       -1);
    } else if (event->type == FL_EVENT_OUTPUT_ACCEPTED && !is_set(inst, "begun")) {
        return broken(reterr, event, "an output before the begin");
    }
    return 0;
}

static int on_output(struct oracle *o, const struct fl_event *event, const struct fl_stage *stage,
                     struct fl_err *reterr)
{
    bool accepted = event->type == FL_EVENT_OUTPUT_ACCEPTED;
    char key[KEY_MAX];
    const char *was;
    int32_t of;

    of = fl_stage_output(stage, event->output, strlen(event->output));
    if (of == FL_NONE)
        return broken(reterr, event, "no such output");
    key_of(key, event->run, event->stage, event->output, event->key,
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
    return 0;
}

static int on_joined(struct oracle *o, const struct fl_event *event)
{
    char key[KEY_MAX];
    json_t *use;

    if (!event->pool)
        return 0;
    key_of(key, event->worker, event->pool, NULL, NULL, NULL);
    use = json_object_get(o->pools, key);
    if (!use) {
        use = json_pack("[i,i,i,i]", 0, 0, 0, 0);
        (void)json_object_set_new(o->pools, key, use);
    }
    (void)json_array_set_new(use, 0, json_integer(event->cores));
    (void)json_array_set_new(use, 1, json_integer(event->jobs));
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

    if (event->type == FL_EVENT_RUN_DROPPED) {
        if (!json_object_get(run, "ended"))
            return broken(reterr, event, "it has not ended");
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
    struct fl_cycle cycle = {0};
    const struct fl_workflow *wf = known(o, event->digest);
    int rc;

    if (!wf)
        return broken(reterr, event, "its workflow is not known");
    rc = fl_cycle_parse_in(event->cycle, wf->cycles.calendar, &cycle, reterr);
    if (rc == 0 && json_object_get(o->runs, event->run))
        return broken(reterr, event, "created twice");
    (void)json_object_set_new(o->runs, event->run,
                              json_pack("{s:s,s:I,s:s*}", "digest", event->digest, "cycle",
                                        (json_int_t)cycle.s, "flow", event->workflow));
    return rc < 0 || !event->workflow ? rc : on_cycle(o, event, cycle, reterr);
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
        return on_output(o, event, &wf->stages[index], reterr);
    rc = on_attempt(o, event, wf, &wf->stages[index], inst, reterr);
    if (rc == 0 &&
        (event->type == FL_EVENT_OUTPUT_ACCEPTED || event->type == FL_EVENT_OUTPUT_ABSENT))
        rc = on_output(o, event, &wf->stages[index], reterr);
    return rc;
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

/* The absences that an instance ("RUN|STAGE|KEY") has caused are forgotten. */
static void forget_absences(struct oracle *o, const char *inst)
{
    const char *stage_end = strrchr(inst, '|');
    void *next;
    const char *key;
    json_t *slot;

    json_object_foreach_safe(o->slots, next, key, slot)
    {
        const char *output = key + (stage_end - inst) + 1;
        const char *own;

        if (strncmp(key, inst, (size_t)(stage_end - inst) + 1) != 0)
            continue;
        own = strchr(output, '|');
        if (!own || strncmp(own, stage_end, strlen(stage_end)) != 0 ||
            (own[strlen(stage_end)] != '|' && own[strlen(stage_end)] != '\0'))
            continue;
        if (*json_string_value(slot) == 'x')
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
    char own_key[KEY_MAX];
    const char *key;
    json_t *inst;

    if (is_set(own, "open"))
        return broken(reterr, event, "an attempt is under way");
    key_of(own_key, event->run, event->stage, event->key, NULL, NULL);
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

int oracle_event(struct oracle *o, const struct fl_event *event, struct fl_err *reterr)
{
    json_t *run = event->run ? json_object_get(o->runs, event->run) : NULL;

    if (run && json_object_get(run, "ended") && event->type != FL_EVENT_RUN_DROPPED) {
        if (event->type == FL_EVENT_ACTION_TAKEN)
            return 0;
        if (event->type != FL_EVENT_INSTANCE_RETRY && event->type != FL_EVENT_STATE_SET)
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
        return 0;
    case FL_EVENT_HELD:
    case FL_EVENT_RELEASED:
        on_hold(o, event);
        return 0;
    case FL_EVENT_PARAM_SET:
    case FL_EVENT_ACTION_TAKEN:
        return 0;
    case FL_EVENT_WORKFLOW_INSTALLED:
    case FL_EVENT_WORKFLOW_RELOADED:
    case FL_EVENT_WORKFLOW_REMOVED:
    case FL_EVENT_CYCLE_SKIPPED:
    case FL_EVENT_RUN_DROPPED:
        return on_flow(o, event, reterr);
    case FL_EVENT_RUN_REPLANNED:
        put(run, "digest", json_string(event->digest));
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
