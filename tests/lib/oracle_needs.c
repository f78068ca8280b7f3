/* What an instance needs to start, found out by looking through the books at every member of every
 * reference: slow, and nothing like the way of the core. */
#include "config.h"

#include "tests/lib/oracle_impl.h"

#include <stdio.h>
#include <string.h>

#include "engine/core/expr.h"

#include "engine/base/banned.h"

struct needs {
    const struct oracle *o;
    const struct fl_workflow *wf;
    const struct fl_stage *stage;
    const char *run;
    const char *whole_key;
    struct fl_cycle cycle;
    char key[FL_KEY_TEXT_MAX];
    const char *own[FL_DIMS_MAX]; /* our members */
    struct fl_err *reterr;
};

/* 'a' accepted, 'x' absent, 0 neither. key: of the instance; member: of the output's own set. */
static char slot_is(const struct oracle *o, const char *run, const char *stage, const char *output,
                    const char *key, const char *member)
{
    char text[ORACLE_KEY_MAX];
    const char *state;

    oracle_key(text, run, stage, output, key, member);
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
    const struct fl_workflow *wf; /* of what is referred to */
    const struct fl_stage *from;
    const struct fl_stage_output *output; /* or NULL: instances */
    const struct fl_stage_input *input;   /* or NULL: a leaf */
    const struct fl_selector *select;
    bool all;
    int32_t sets[FL_DIMS_MAX]; /* of what is referred to */
    size_t dims;
    size_t at[FL_DIMS_MAX]; /* the members looked at */
};

/* The text of our own member of a set; NULL when we do not run over such a one. In another workflow
 * sets are the same by their names. */
static const char *own_member(const struct reference *ref, int32_t set, int32_t *ret_set)
{
    const struct fl_workflow *wf = ref->n->wf;
    const struct fl_set *there = &ref->wf->sets[set];

    for (int round = 0; round < 3; round++) {
        for (size_t d = ref->n->stage->dims.count; d-- > 0;) {
            int32_t own = ref->n->stage->dims.sets[d];
            const struct fl_set *here = &wf->sets[own];
            bool leads = here->kind == FL_SET_LEADS && there->kind == FL_SET_LEADS;
            bool equal = leads && size_of(wf, own) == size_of(ref->wf, set) &&
                         here->leads.first.minutes == there->leads.first.minutes &&
                         here->leads.last.minutes == there->leads.last.minutes;
            bool same = wf == ref->wf ? own == set : strcmp(here->name, there->name) == 0;

            bool taken = false; /* it is the member of another of the sets that are referred to */

            for (size_t t = 0; t < ref->dims; t++)
                taken |= ref->sets[t] != set && wf == ref->wf && ref->sets[t] == own;
            if (taken)
                continue;
            *ret_set = own;
            if (round == 0 ? same : round == 1 ? equal : leads)
                return ref->n->own[d];
        }
    }
    return NULL;
}

/* True for a trigger of a stage some of whose leads what is referred to does not have. */
static bool leads_differ(const struct reference *ref, int32_t own, int32_t set)
{
    for (size_t i = 0; i < size_of(ref->n->wf, own); i++)
        if (fl_leads_find(&ref->wf->sets[set].leads, fl_leads_at(&ref->n->wf->sets[own].leads, i)) <
            0)
            return true;
    return false;
}

/* True when the member of a dimension that is looked at is one of those that are meant. */
static bool is_meant(const struct reference *ref, size_t d)
{
    const struct fl_workflow *wf = ref->wf;
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
    own = ref->all ? NULL : own_member(ref, set, &own_set);
    if (!own)
        return true;
    if (!leads)
        return strcmp(text_of(wf, set, ref->at[d], text), own) == 0;
    if (!ref->input && leads_differ(ref, own_set, set))
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
        if (size_of(ref->wf, ref->sets[d]) == 0)
            return false;
    return true;
}

/* True when a stage has yet to say over what members we would look. */
static bool is_unsaid(const struct reference *ref)
{
    for (size_t d = 0; d < ref->dims; d++)
        if (!fl_set_is_known(&ref->wf->sets[ref->sets[d]]))
            return true;
    return false;
}

static bool reference_next(struct reference *ref)
{
    for (size_t d = ref->dims; d-- > 0;) {
        if (++ref->at[d] < size_of(ref->wf, ref->sets[d]))
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
        const char *one = text_of(ref->wf, ref->sets[d], at[d], text);

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
        if (ref->wf->sets[ref->sets[d]].kind == FL_SET_LEADS)
            lead = d;
    if (lead == ref->dims || ref->input->bridge_max_s == 0)
        return false;
    set = &ref->wf->sets[ref->sets[lead]].leads;
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
                            .wf = n->wf,
                            .from = from,
                            .output = &from->outputs[source->output],
                            .input = input,
                            .select = &source->select};

    if (!reference_first(&ref))
        return is_unsaid(&ref)
                   ? fl_err_set(n->reterr, FL_E_BUG, 0, "%s of run %s starts before %s has members",
                                n->stage->name, n->run, source->text)
                   : 0;
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
        struct reference ref = {.n = n, .wf = n->wf, .input = input, .select = &source->select};
        char time[FL_TIME_TEXT_MAX];
        char run[ORACLE_KEY_MAX];
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

/* True when the books say of an instance what a leaf wants. */
static bool inst_has(const struct needs *n, const char *run, const char *stage, const char *inst,
                     const struct fl_expr_leaf *leaf)
{
    char key[ORACLE_KEY_MAX];
    const json_t *books;
    const char *state;
    bool passed;

    oracle_key(key, run, stage, inst, NULL, NULL);
    books = json_object_get(n->o->insts, key);
    state = json_string_value(json_object_get(books, "state"));
    passed = json_is_true(json_object_get(books, "passed")) ||
             json_is_true(json_object_get(books, "set"));
    if (leaf->kind == FL_LEAF_PROGRESS &&
        json_integer_value(json_object_get(books, "progress")) >= leaf->lead.minutes &&
        json_object_get(books, "progress"))
        return true;
    if (leaf->kind == FL_LEAF_STATE && leaf->state == FL_LEAF_STARTED)
        return json_is_true(json_object_get(books, "started"));
    if (!state)
        return false;
    if (leaf->kind == FL_LEAF_PROGRESS || leaf->state == FL_LEAF_SUCCEEDED)
        return strcmp(state, "succeeded") == 0 || (strcmp(state, "skipped") == 0 && passed);
    if (leaf->state == FL_LEAF_ENDED)
        return true;
    if (leaf->state == FL_LEAF_FAILED &&
        (strcmp(state, "timed-out") == 0 || strcmp(state, "lost") == 0))
        return true;
    return strcmp(state, fl_leaf_state_name(leaf->state)) == 0;
}

/* Counts in one stage of a run: how many are meant, how many are as wanted. */
static void count_stage(const struct needs *n, const struct fl_expr_leaf *leaf, const char *run,
                        const struct fl_workflow *wf, const struct fl_stage *on, size_t *meant,
                        size_t *met)
{
    static const struct fl_selector none = {0};
    struct fl_selector given = leaf->select;
    const char *output = leaf->other;
    struct reference ref = {.n = n, .wf = wf, .from = on, .select = &given, .all = leaf->all};
    struct fl_dims dims;

    if (!leaf->workflow && leaf->output != FL_NONE)
        output = n->wf->stages[leaf->stage].outputs[leaf->output].name;
    if (leaf->group != FL_NONE)
        given = none;
    if (leaf->kind == FL_LEAF_OUTPUT) {
        int32_t o = fl_stage_output(on, output, strlen(output));

        if (o == FL_NONE)
            return;
        ref.output = &on->outputs[o];
    }
    dims = fl_output_dims(on, ref.output ? (int32_t)(ref.output - on->outputs) : FL_NONE);
    if (leaf->members &&
        fl_selector_parse(wf, &dims, leaf->members, strlen(leaf->members), &given, NULL) < 0)
        return;
    if (!reference_first(&ref)) {
        *meant += is_unsaid(&ref); /* none of them is as wanted */
        return;
    }
    do {
        char key[FL_KEY_TEXT_MAX];
        char member[FL_MEMBER_TEXT_MAX];
        char slot;

        if (!reference_is_meant(&ref))
            continue;
        (*meant)++;
        reference_names(&ref, ref.at, key, member);
        slot = ref.output ? reference_slot(&ref, run, ref.at) : 0;
        *met += ref.output ? slot == 'a' || (slot == 'x' && leaf->many == FL_COUNT_ALL)
                           : inst_has(n, run, on->name, key, leaf);
    } while (reference_next(&ref));
}

/* A leaf of stages or outputs, in this run or another. */
static bool counts_hold(const struct needs *n, const struct fl_expr_leaf *leaf)
{
    const json_t *ours = json_object_get(n->o->runs, n->run);
    const struct fl_workflow *wf = n->wf;
    char time[FL_TIME_TEXT_MAX];
    char run[ORACLE_KEY_MAX];
    size_t meant = 0;
    size_t met = 0;

    (void)snprintf(run, sizeof(run), "%s", n->run);
    if (leaf->workflow || leaf->cycle_offset_s) {
        const json_t *theirs;

        fl_cycle_format((struct fl_cycle){n->cycle.s + leaf->cycle_offset_s}, time);
        (void)snprintf(run, sizeof(run), "%s/%s", leaf->workflow ? leaf->workflow : wf->name, time);
        theirs = json_object_get(n->o->runs, run);
        if (!leaf->workflow && (!theirs || json_integer_value(json_object_get(theirs, "order")) >
                                               json_integer_value(json_object_get(ours, "order"))))
            return true; /* before the first cycle */
        if (!theirs)
            return false;
        wf = oracle_workflow_of(n->o, run);
    }
    for (size_t s = 0; s < wf->stage_count; s++) {
        const struct fl_stage *on = &wf->stages[s];
        bool named = leaf->workflow ? strcmp(on->name, leaf->name) == 0
                     : leaf->group == FL_NONE
                         ? strcmp(on->name, n->wf->stages[leaf->stage].name) == 0
                         : fl_workflow_group_within(wf, on->group, leaf->group);

        if (named)
            count_stage(n, leaf, run, wf, on, &meant, &met);
    }
    if (meant == 0 && (leaf->workflow || leaf->cycle_offset_s))
        return false;
    if (leaf->many == FL_COUNT_NUMBER)
        return met >= (size_t)leaf->count;
    return leaf->many == FL_COUNT_PERCENT ? met * 100 >= meant * (size_t)leaf->count : met == meant;
}

static bool param_holds(const struct needs *n, const json_t *run, const struct fl_expr_leaf *leaf)
{
    const struct fl_param *param = fl_workflow_param(n->wf, leaf->name);
    const json_t *params = json_object_get(run, "params");
    char name[ORACLE_KEY_MAX];
    char text[64];
    const json_t *set;
    const char *value = param->value;

    (void)snprintf(name, sizeof(name), "%s.%s", n->stage->name, leaf->name);
    set = json_object_get(params, name);
    if (!set)
        set = json_object_get(params, leaf->name);
    if (json_is_string(set))
        value = json_string_value(set);
    else if (json_is_boolean(set))
        value = json_is_true(set) ? "true" : "false";
    else if (set) {
        (void)snprintf(text, sizeof(text), "%.15g", json_number_value(set));
        value = text;
    }
    return fl_leaf_compare(leaf, param->type, value);
}

/* The lead among the members of a key "m03,+006"; false when there is none. */
static bool lead_of_key(const char *key, struct fl_lead *ret_lead)
{
    const char *at = key ? strpbrk(key, "+") : NULL;
    char text[FL_TIME_TEXT_MAX];

    if (!at)
        return false;
    (void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(at, ","), at);
    return fl_lead_parse(text, ret_lead, NULL) == 0;
}

/* So many of the leads that are meant have been told to be there. */
static bool source_holds(const struct needs *n, const json_t *run, const struct fl_expr_leaf *leaf)
{
    struct fl_expr_leaf meant = *leaf;
    struct fl_cycle cycle = {json_integer_value(json_object_get(run, "cycle")) +
                             leaf->cycle_offset_s};
    struct fl_lead own;
    char time[FL_TIME_TEXT_MAX];
    size_t met = 0;
    size_t total;

    if (fl_leaf_source(n->wf, n->stage, &meant, n->reterr) < 0)
        return false;
    fl_cycle_format(cycle, time);
    total = meant.own ? 1 : fl_leads_count(&meant.leads);
    if (meant.own && !lead_of_key(n->whole_key, &own))
        return false;
    for (size_t i = 0; i < total; i++) {
        char lead[FL_TIME_TEXT_MAX];
        char key[ORACLE_KEY_MAX];

        fl_lead_format(meant.own ? own : fl_leads_at(&meant.leads, i), lead);
        (void)snprintf(key, sizeof(key), "source %s|%s|%s", leaf->name, time, lead);
        met += json_is_true(json_object_get(run, key));
    }
    return met >= fl_leaf_need(leaf, (uint32_t)total);
}

static bool leaf_holds(const struct needs *n, const struct fl_expr_leaf *leaf)
{
    const json_t *run = json_object_get(n->o->runs, n->run);
    const json_t *clock = json_object_get(run, "clock");
    char key[ORACLE_KEY_MAX];

    switch (leaf->kind) {
    case FL_LEAF_STATE:
    case FL_LEAF_OUTPUT:
    case FL_LEAF_PROGRESS:
        return counts_hold(n, leaf);
    case FL_LEAF_EVENT:
        return json_object_get(json_object_get(run, "signals"), leaf->name) != NULL;
    case FL_LEAF_FILE:
        oracle_key(key, n->run, n->stage->name, n->whole_key, NULL, NULL);
        return json_object_get(json_object_get(n->o->insts, key), "file") != NULL;
    case FL_LEAF_SOURCE:
        return source_holds(n, run, leaf);
    case FL_LEAF_PARAM:
        return param_holds(n, run, leaf);
    case FL_LEAF_CLOCK:
        return (clock && json_integer_value(clock) >= leaf->clock_s) != leaf->negated;
    }
    fl_assert(false);
    return false;
}

static bool node_holds(const struct needs *n, const struct fl_expr *when, size_t node)
{
    const struct fl_expr_node *at = &when->nodes[node];

    switch (at->op) {
    case FL_EXPR_AND:
        return node_holds(n, when, at->a) && node_holds(n, when, at->b);
    case FL_EXPR_OR:
        return node_holds(n, when, at->a) || node_holds(n, when, at->b);
    case FL_EXPR_LEAF:
        return leaf_holds(n, &when->leaves[at->a]);
    }
    fl_assert(false);
    return false;
}

static int when_holds(const struct needs *n)
{
    fl_auto(fl_expr_release) struct fl_expr when = {0};
    int rc;

    if (!n->stage->when)
        return 0;
    rc = fl_expr_parse(n->stage->when, n->wf, &when, n->reterr);
    if (rc < 0 || node_holds(n, &when, when.node_count - 1))
        return rc;
    return fl_err_set(n->reterr, FL_E_BUG, 0, "%s of run %s starts though its `when` is false: %s",
                      n->stage->name, n->run, n->stage->when);
}

int oracle_needs_met(const struct oracle *o, const struct fl_workflow *wf,
                     const struct fl_stage *stage, const char *run_name, const char *key,
                     bool follows_too, struct fl_err *reterr)
{
    struct needs n = {
        .o = o, .wf = wf, .stage = stage, .run = run_name, .whole_key = key, .reterr = reterr};
    const json_t *run = json_object_get(o->runs, run_name);
    int rc = 0;

    n.cycle.s = json_integer_value(json_object_get(run, "cycle"));
    (void)snprintf(n.key, sizeof(n.key), "%s", key ? key : "");
    for (size_t d = 0; d < stage->dims.count; d++) {
        char *from = d ? strchr(n.own[d - 1], '\0') + 1 : n.key;

        n.own[d] = from;
        from[strcspn(from, ",")] = '\0';
    }
    for (size_t i = 0; rc == 0 && i < stage->input_count; i++) {
        const struct fl_stage_input *input = &stage->inputs[i];

        if (input->follow && !follows_too)
            continue;
        if (input->first_of && !any_there(&n, input))
            rc = fl_err_set(reterr, FL_E_BUG, 0, "%s starts without any of its input %s",
                            stage->name, input->name);
        for (size_t s = 0; rc == 0 && !input->first_of && s < input->source_count; s++)
            rc = source_there(&n, input, &input->sources[s]);
    }
    return rc < 0 ? rc : when_holds(&n);
}
