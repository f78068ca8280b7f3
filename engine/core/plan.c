/* Numbering of instances, slots and terms, and the dependency index, made in two passes: count,
 * then fill. */
#include "config.h"

#include "engine/core/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

/* Gathers edges: in the first pass counts them per source, in the second writes them. */
struct edges {
    uint32_t *first; /* count + 1 */
    uint32_t *next;  /* write positions of the second pass; NULL in the first */
    struct fl_dep *deps;
};

struct builder {
    struct fl_plan *plan;
    struct edges slots;
    struct edges insts;
    uint64_t edge_count;
    bool fill;
};

static void edge(struct builder *b, struct edges *edges, uint32_t from, uint32_t inst,
                 uint32_t term)
{
    b->edge_count++;
    if (b->fill)
        edges->deps[edges->next[from]++] = (struct fl_dep){inst, term};
    else
        edges->first[from + 1]++;
}

static int32_t wanted_lead(const struct fl_workflow *wf, const struct fl_stage *stage, uint32_t k,
                           const struct fl_stage_input *input)
{
    return fl_leads_at(&wf->sets[stage->per].leads, k).minutes + input->shift_min;
}

int fl_plan_span(const struct fl_workflow *workflow, const struct fl_stage *stage, uint32_t k,
                 const struct fl_stage_input *input, const struct fl_source *source,
                 struct fl_span *ret_span, struct fl_err *reterr)
{
    const struct fl_stage *from = &workflow->stages[source->stage];
    const struct fl_stage_output *output = &from->outputs[source->output];
    const struct fl_leads *set;
    struct fl_lead lead;
    char text[FL_TIME_TEXT_MAX];
    int64_t at;

    *ret_span = (struct fl_span){0, 1, 1};
    if (output->set == FL_NONE)
        return 0;
    set = &workflow->sets[output->set].leads;
    if (!source->has_lead && input->leads != FL_NONE) {
        const struct fl_leads *part = &workflow->sets[input->leads].leads;

        if (!fl_leads_within(part, set))
            return fl_err_set(reterr, FL_E_CONFIG, 0,
                              "leads of set '%s' are not all in those of %s",
                              workflow->sets[input->leads].name, source->text);
        *ret_span = (struct fl_span){(uint32_t)fl_leads_find(set, part->first),
                                     (uint32_t)fl_leads_count(part),
                                     (uint32_t)(part->step_minutes / set->step_minutes)};
        if (ret_span->stride == 0) /* one member: its step says nothing */
            ret_span->stride = 1;
        return 0;
    }
    if (!source->has_lead && stage->per == FL_NONE) {
        ret_span->count = (uint32_t)fl_leads_count(set);
        return 0;
    }
    lead =
        source->has_lead ? source->lead : (struct fl_lead){wanted_lead(workflow, stage, k, input)};
    at = fl_leads_find(set, lead);
    if (at < 0 && input->edge_absent && !source->has_lead) {
        ret_span->count = 0;
        return 0;
    }
    if (at < 0) {
        fl_lead_format(lead, text);
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "lead %s is not among those of %s (edge = \"absent\" allows that)", text,
                          source->text);
    }
    ret_span->first = (uint32_t)at;
    return 0;
}

bool fl_plan_inst_lead(const struct fl_plan *plan, uint32_t inst, struct fl_lead *ret_lead)
{
    const struct fl_stage *stage = &plan->workflow->stages[plan->inst_stage[inst]];

    if (stage->per == FL_NONE)
        return false;
    *ret_lead = fl_leads_at(&plan->workflow->sets[stage->per].leads, fl_plan_inst_k(plan, inst));
    return true;
}

bool fl_plan_slot_lead(const struct fl_plan *plan, uint32_t slot, struct fl_lead *ret_lead)
{
    const struct fl_plan_slot *s = &plan->slots[slot];
    int32_t set = plan->workflow->stages[s->stage].outputs[s->output].set;

    if (set == FL_NONE)
        return false;
    *ret_lead = fl_leads_at(&plan->workflow->sets[set].leads, s->member);
    return true;
}

uint32_t fl_plan_inst_k(const struct fl_plan *plan, uint32_t inst)
{
    return inst - plan->stages[plan->inst_stage[inst]].inst_first;
}

static bool same_set(const struct fl_workflow *wf, int32_t a, int32_t b)
{
    const struct fl_leads *x;
    const struct fl_leads *y;

    if (a == b || a == FL_NONE || b == FL_NONE)
        return a == b;
    x = &wf->sets[a].leads;
    y = &wf->sets[b].leads;
    return x->first.minutes == y->first.minutes && x->last.minutes == y->last.minutes &&
           fl_leads_count(x) == fl_leads_count(y);
}

/* Edges of one leaf of `when` for the k-th instance; *ret_pending is how many there are. */
static void leaf_edges(struct builder *b, uint32_t s, uint32_t k, uint32_t term,
                       uint32_t *ret_pending)
{
    const struct fl_plan *plan = b->plan;
    const struct fl_workflow *wf = plan->workflow;
    const struct fl_plan_stage *ps = &plan->stages[s];
    const struct fl_expr_leaf *leaf = &ps->when.leaves[term];
    const struct fl_stage *on = &wf->stages[leaf->stage];
    const struct fl_plan_stage *on_plan = &plan->stages[leaf->stage];
    int32_t set = leaf->output == FL_NONE ? on->per : on->outputs[leaf->output].set;
    uint32_t base =
        leaf->output == FL_NONE ? on_plan->inst_first : on_plan->slot_first[leaf->output];
    struct edges *edges = leaf->output == FL_NONE ? &b->insts : &b->slots;
    uint32_t first = 0;
    uint32_t count = set == FL_NONE ? 1 : (uint32_t)fl_leads_count(&wf->sets[set].leads);
    uint32_t stride = 1;

    if (leaf->has_leads) {
        first = (uint32_t)fl_leads_find(&wf->sets[set].leads, leaf->leads.first);
        count = (uint32_t)fl_leads_count(&leaf->leads);
        stride = (uint32_t)(leaf->leads.step_minutes / wf->sets[set].leads.step_minutes);
        if (stride == 0)
            stride = 1;
    } else if (!leaf->all && set != FL_NONE && same_set(wf, set, wf->stages[s].per)) {
        first = k;
        count = 1;
    }
    for (uint32_t i = 0; i < count; i++)
        edge(b, edges, base + first + i * stride, ps->inst_first + k, term);
    *ret_pending = count;
}

/* An absent member may be bridged by its neighbours: these matter too, up to the allowed distance.
 */
static void bridge_edges(struct builder *b, const struct fl_span *span, uint32_t base,
                         uint32_t inst, uint32_t term, const struct fl_leads *set, int64_t max_s)
{
    int64_t reach = max_s / 60 / set->step_minutes;
    int64_t from = (int64_t)span->first - reach;
    int64_t to = (int64_t)span->first + reach;
    int64_t last = (int64_t)fl_leads_count(set) - 1;

    for (int64_t m = from < 0 ? 0 : from; m <= (to > last ? last : to); m++)
        edge(b, &b->slots, base + (uint32_t)m, inst, term);
}

static int input_edges(struct builder *b, uint32_t s, uint32_t k, uint32_t i, uint32_t *ret_pending,
                       struct fl_err *reterr)
{
    const struct fl_plan *plan = b->plan;
    const struct fl_workflow *wf = plan->workflow;
    const struct fl_stage *stage = &wf->stages[s];
    const struct fl_stage_input *input = &stage->inputs[i];
    const struct fl_plan_stage *ps = &plan->stages[s];
    uint32_t term = (uint32_t)ps->when.leaf_count + i;
    uint32_t inst = ps->inst_first + k;

    *ret_pending = 0;
    for (size_t n = 0; n < input->source_count; n++) {
        const struct fl_source *source = &input->sources[n];
        struct fl_span span;
        int32_t set;
        uint32_t base;
        int rc;

        if (source->stage == FL_NONE || source->cycle_offset_s != 0)
            continue;
        rc = fl_plan_span(wf, stage, k, input, source, &span, reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "stage '%s', input '%s'", stage->name, input->name);
        base = plan->stages[source->stage].slot_first[source->output];
        set = wf->stages[source->stage].outputs[source->output].set;
        if (input->bridge_max_s > 0 && set != FL_NONE && span.count == 1)
            bridge_edges(b, &span, base, inst, term, &wf->sets[set].leads, input->bridge_max_s);
        else
            for (uint32_t m = 0; m < span.count; m++)
                edge(b, &b->slots, base + span.first + m * span.stride, inst, term);
        *ret_pending += span.count;
    }
    if (ps->kinds[term] == FL_TERM_FOLLOW)
        *ret_pending = 0;
    if (ps->kinds[term] == FL_TERM_DYNAMIC)
        *ret_pending = 1;
    return 0;
}

static int stage_edges(struct builder *b, uint32_t s, struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = &b->plan->stages[s];
    int rc = 0;

    for (uint32_t k = 0; rc == 0 && k < ps->inst_count; k++) {
        uint32_t *pending = &b->plan->pending[ps->term_first + k * ps->term_count];

        for (uint32_t t = 0; t < ps->when.leaf_count; t++)
            leaf_edges(b, s, k, t, &pending[t]);
        for (uint32_t t = (uint32_t)ps->when.leaf_count; rc == 0 && t < ps->term_count; t++)
            rc = input_edges(b, s, k, t - (uint32_t)ps->when.leaf_count, &pending[t], reterr);
        if (b->edge_count > FL_PLAN_EDGES_MAX)
            return fl_err_set(reterr, FL_E_TOO_BIG, 0, "more than %u dependencies",
                              FL_PLAN_EDGES_MAX);
    }
    return rc;
}

/* From counts at [i + 1] to first positions. */
static int edges_sum(struct edges *edges, uint32_t count, struct fl_err *reterr)
{
    for (uint32_t i = 0; i < count; i++)
        edges->first[i + 1] += edges->first[i];
    edges->deps = calloc((size_t)edges->first[count] + 1, sizeof(*edges->deps));
    edges->next = calloc((size_t)count + 1, sizeof(*edges->next));
    if (!edges->deps || !edges->next)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the dependencies of a workflow");
    memcpy(edges->next, edges->first, ((size_t)count + 1) * sizeof(*edges->next));
    return 0;
}

static int build_edges(struct fl_plan *plan, struct fl_err *reterr)
{
    struct builder b = {.plan = plan};
    int rc = 0;

    b.slots.first = calloc((size_t)plan->slot_count + 1, sizeof(*b.slots.first));
    b.insts.first = calloc((size_t)plan->inst_count + 1, sizeof(*b.insts.first));
    if (!b.slots.first || !b.insts.first)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the dependencies of a workflow");
    for (uint32_t s = 0; rc == 0 && s < plan->workflow->stage_count; s++)
        rc = stage_edges(&b, s, reterr);
    if (rc == 0)
        rc = edges_sum(&b.slots, plan->slot_count, reterr);
    if (rc == 0)
        rc = edges_sum(&b.insts, plan->inst_count, reterr);
    b.fill = true;
    b.edge_count = 0;
    for (uint32_t s = 0; rc == 0 && s < plan->workflow->stage_count; s++)
        rc = stage_edges(&b, s, reterr);
    free(b.slots.next);
    free(b.insts.next);
    plan->slot_dep_first = b.slots.first;
    plan->slot_deps = b.slots.deps;
    plan->inst_dep_first = b.insts.first;
    plan->inst_deps = b.insts.deps;
    return rc;
}

static int stage_terms(struct fl_plan_stage *ps, const struct fl_stage *stage,
                       struct fl_err *reterr)
{
    ps->term_count = (uint32_t)(ps->when.leaf_count + stage->input_count);
    ps->kinds = calloc((size_t)ps->term_count + 1, sizeof(*ps->kinds));
    ps->slot_first = calloc(stage->output_count + 1, sizeof(*ps->slot_first));
    if (!ps->kinds || !ps->slot_first)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the plan of a stage");
    for (size_t i = 0; i < stage->input_count; i++) {
        const struct fl_stage_input *input = &stage->inputs[i];
        enum fl_term_kind *kind = &ps->kinds[ps->when.leaf_count + i];

        *kind = FL_TERM_INPUT;
        if (input->follow)
            *kind = FL_TERM_FOLLOW;
        else if (input->first_of || input->bridge_max_s > 0)
            *kind = FL_TERM_DYNAMIC;
        ps->follows |= input->follow;
        for (size_t n = 0; n < input->source_count; n++)
            ps->crosses |= input->sources[n].cycle_offset_s != 0;
    }
    return 0;
}

static size_t output_members(const struct fl_workflow *wf, const struct fl_stage_output *output)
{
    return output->set == FL_NONE ? 1 : fl_leads_count(&wf->sets[output->set].leads);
}

static int number_stage(struct fl_plan *plan, uint32_t s, struct fl_err *reterr)
{
    const struct fl_stage *stage = &plan->workflow->stages[s];
    struct fl_plan_stage *ps = &plan->stages[s];
    int rc = 0;

    if (stage->when)
        rc = fl_expr_parse(stage->when, plan->workflow, &ps->when, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "stage '%s', when", stage->name);
    rc = stage_terms(ps, stage, reterr);
    if (rc < 0)
        return rc;
    plan->follows |= ps->follows;
    plan->crosses |= ps->crosses;
    for (size_t i = 0; i < stage->input_count; i++)
        for (size_t n = 0; n < stage->inputs[i].source_count; n++)
            if (stage->inputs[i].sources[n].cycle_offset_s != 0)
                plan->reached[stage->inputs[i].sources[n].stage] = true;
    ps->inst_first = plan->inst_count;
    ps->inst_count = (uint32_t)fl_stage_instances(plan->workflow, stage);
    plan->inst_count += ps->inst_count;
    ps->term_first = plan->term_count;
    plan->term_count += ps->inst_count * ps->term_count;
    for (size_t o = 0; o < stage->output_count; o++) {
        ps->slot_first[o] = plan->slot_count;
        plan->slot_count += (uint32_t)output_members(plan->workflow, &stage->outputs[o]);
    }
    return 0;
}

static int fill_numbers(struct fl_plan *plan, struct fl_err *reterr)
{
    plan->inst_stage = calloc((size_t)plan->inst_count + 1, sizeof(*plan->inst_stage));
    plan->slots = calloc((size_t)plan->slot_count + 1, sizeof(*plan->slots));
    plan->pending = calloc((size_t)plan->term_count + 1, sizeof(*plan->pending));
    if (!plan->inst_stage || !plan->slots || !plan->pending)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the plan of a workflow");
    for (uint32_t s = 0; s < plan->workflow->stage_count; s++) {
        const struct fl_stage *stage = &plan->workflow->stages[s];
        const struct fl_plan_stage *ps = &plan->stages[s];

        for (uint32_t k = 0; k < ps->inst_count; k++)
            plan->inst_stage[ps->inst_first + k] = (uint16_t)s;
        for (uint32_t o = 0; o < stage->output_count; o++) {
            size_t count = output_members(plan->workflow, &stage->outputs[o]);

            for (uint32_t m = 0; m < count; m++)
                plan->slots[ps->slot_first[o] + m] = (struct fl_plan_slot){
                    .inst = ps->inst_first + (stage->per == FL_NONE ? 0 : m),
                    .stage = (uint16_t)s,
                    .output = (uint16_t)o,
                    .member = m,
                };
        }
    }
    return 0;
}

int fl_plan_create(const char *digest, struct fl_workflow *workflow, struct fl_plan **ret_plan,
                   struct fl_err *reterr)
{
    fl_auto(fl_plan_destroy) struct fl_plan *plan = calloc(1, sizeof(*plan));
    int rc = 0;

    fl_assert(workflow);
    fl_assert(ret_plan);
    if (!plan)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the plan of a workflow");
    (void)snprintf(plan->digest, sizeof(plan->digest), "%s", digest);
    plan->stages = calloc(workflow->stage_count + 1, sizeof(*plan->stages));
    plan->reached = calloc(workflow->stage_count + 1, sizeof(*plan->reached));
    if (!plan->stages || !plan->reached)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the plan of a workflow");
    plan->stage_count = workflow->stage_count;
    plan->workflow = workflow;
    for (uint32_t s = 0; rc == 0 && s < workflow->stage_count; s++) {
        rc = number_stage(plan, s, reterr);
        if (rc == 0)
            rc = fl_names_add(&plan->stage_names, workflow->stages[s].name, s, reterr);
    }
    if (rc == 0)
        rc = fill_numbers(plan, reterr);
    if (rc == 0)
        rc = build_edges(plan, reterr);
    if (rc < 0) {
        plan->workflow = NULL; /* stays the caller's */
        return rc;
    }
    *ret_plan = FL_STEAL(plan);
    return 0;
}

void fl_plan_destroy(struct fl_plan *plan)
{
    if (!plan)
        return;
    for (size_t s = 0; s < plan->stage_count; s++) {
        fl_expr_release(&plan->stages[s].when);
        free(plan->stages[s].kinds);
        free(plan->stages[s].slot_first);
    }
    free(plan->stages);
    free(plan->reached);
    fl_names_release(&plan->stage_names);
    free(plan->inst_stage);
    free(plan->slots);
    free(plan->pending);
    free(plan->slot_dep_first);
    free(plan->slot_deps);
    free(plan->inst_dep_first);
    free(plan->inst_deps);
    fl_workflow_destroy(plan->workflow);
    free(plan);
}
