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

const struct fl_match *fl_plan_source_match(const struct fl_plan *plan, uint32_t s, size_t input,
                                            size_t source)
{
    return &plan->stages[s].matches[plan->stages[s].source_first[input] + source];
}

struct fl_region fl_plan_source(const struct fl_plan *plan, uint32_t s, uint32_t k, size_t input,
                                size_t source)
{
    return fl_match_region(fl_plan_source_match(plan, s, input, source), k);
}

struct fl_region fl_plan_leaf(const struct fl_plan *plan, uint32_t s, uint32_t k, size_t leaf)
{
    return fl_match_region(&plan->stages[s].matches[leaf], k);
}

uint32_t fl_plan_inst_k(const struct fl_plan *plan, uint32_t inst)
{
    return inst - plan->stages[plan->inst_stage[inst]].inst_first;
}

uint32_t fl_plan_inst_slot(const struct fl_plan *plan, uint32_t inst, size_t output)
{
    const struct fl_plan_stage *ps = &plan->stages[plan->inst_stage[inst]];

    return ps->slot_first[output] + fl_plan_inst_k(plan, inst) * ps->slot_own[output];
}

/* Lead of the k-th of some dimensions. */
static bool dims_lead(const struct fl_workflow *wf, const struct fl_dims *dims, uint32_t k,
                      struct fl_lead *ret_lead)
{
    struct fl_radix radix = fl_radix_of(wf, dims);
    int lead = fl_dims_lead(wf, dims);
    uint32_t members[FL_DIMS_MAX];

    if (lead < 0)
        return false;
    fl_radix_split(&radix, k, members);
    *ret_lead = fl_leads_at(&wf->sets[dims->sets[lead]].leads, members[lead]);
    return true;
}

bool fl_plan_inst_lead(const struct fl_plan *plan, uint32_t inst, struct fl_lead *ret_lead)
{
    const struct fl_stage *stage = &plan->workflow->stages[plan->inst_stage[inst]];

    return dims_lead(plan->workflow, &stage->dims, fl_plan_inst_k(plan, inst), ret_lead);
}

static struct fl_dims slot_dims(const struct fl_plan *plan, uint32_t slot, uint32_t *ret_k)
{
    const struct fl_plan_slot *s = &plan->slots[slot];

    *ret_k = slot - plan->stages[s->stage].slot_first[s->output];
    return fl_output_dims(&plan->workflow->stages[s->stage], s->output);
}

bool fl_plan_slot_lead(const struct fl_plan *plan, uint32_t slot, struct fl_lead *ret_lead)
{
    uint32_t k;
    struct fl_dims dims = slot_dims(plan, slot, &k);

    return dims_lead(plan->workflow, &dims, k, ret_lead);
}

bool fl_plan_slot_next(const struct fl_plan *plan, uint32_t slot, int by, uint32_t *ret_slot)
{
    uint32_t k;
    struct fl_dims dims = slot_dims(plan, slot, &k);
    struct fl_radix radix = fl_radix_of(plan->workflow, &dims);
    int lead = fl_dims_lead(plan->workflow, &dims);
    uint32_t members[FL_DIMS_MAX];

    if (lead < 0)
        return false;
    fl_radix_split(&radix, k, members);
    if (by < 0 ? members[lead] == 0 : members[lead] + 1 >= radix.sizes[lead])
        return false;
    members[lead] += (uint32_t)by;
    *ret_slot = slot - k + fl_radix_join(&radix, members);
    return true;
}

const char *fl_plan_slot_member(const struct fl_plan *plan, uint32_t slot,
                                char text[static FL_MEMBER_TEXT_MAX])
{
    const struct fl_plan_slot *s = &plan->slots[slot];
    int32_t own = plan->workflow->stages[s->stage].outputs[s->output].set;
    struct fl_lead lead;

    if (own != FL_NONE)
        return fl_set_member(&plan->workflow->sets[own], s->member, text);
    if (!fl_plan_inst_lead(plan, s->inst, &lead))
        return NULL;
    fl_lead_format(lead, text);
    return text;
}

void fl_plan_slot_key(const struct fl_plan *plan, uint32_t slot, char text[static FL_KEY_TEXT_MAX])
{
    uint32_t k;
    struct fl_dims dims = slot_dims(plan, slot, &k);

    fl_key_format(plan->workflow, &dims, k, text);
}

/* Edges of one leaf of `when` for the k-th instance; *ret_pending is how many there are. */
static void leaf_edges(struct builder *b, uint32_t s, uint32_t k, uint32_t term,
                       uint32_t *ret_pending)
{
    const struct fl_plan *plan = b->plan;
    const struct fl_plan_stage *ps = &plan->stages[s];
    const struct fl_expr_leaf *leaf = &ps->when.leaves[term];
    const struct fl_plan_stage *on_plan = &plan->stages[leaf->stage];
    uint32_t base =
        leaf->output == FL_NONE ? on_plan->inst_first : on_plan->slot_first[leaf->output];
    struct edges *edges = leaf->output == FL_NONE ? &b->insts : &b->slots;
    struct fl_region region = fl_plan_leaf(plan, s, k, term);

    for (uint32_t i = 0; i < region.count; i++)
        edge(b, edges, base + fl_region_at(&region, i), ps->inst_first + k, term);
    *ret_pending = ps->matches[term].unknown == FL_NONE ? region.count : 1;
}

/* An absent member may be bridged by its neighbours: these matter too, up to the allowed distance.
 */
static void widen(const struct fl_workflow *wf, const struct fl_match *match, int32_t set,
                  int64_t max_s, struct fl_region *region)
{
    struct fl_span *span = &region->of[match->lead];
    int64_t reach = max_s / 60 / wf->sets[set].leads.step_minutes;
    int64_t last = (int64_t)match->radix.sizes[match->lead] - 1;
    int64_t from = (int64_t)span->first - reach;
    int64_t to = (int64_t)span->first + (int64_t)(span->count - 1) * span->stride + reach;

    from = from < 0 ? 0 : from;
    to = to > last ? last : to;
    region->count /= span->count;
    *span = (struct fl_span){(uint32_t)from, (uint32_t)(to - from) + 1, 1};
    region->count *= span->count;
}

static void input_edges(struct builder *b, uint32_t s, uint32_t k, uint32_t i,
                        uint32_t *ret_pending)
{
    const struct fl_plan *plan = b->plan;
    const struct fl_workflow *wf = plan->workflow;
    const struct fl_stage_input *input = &wf->stages[s].inputs[i];
    const struct fl_plan_stage *ps = &plan->stages[s];
    uint32_t term = (uint32_t)ps->when.leaf_count + i;

    *ret_pending = 0;
    for (size_t n = 0; n < input->source_count; n++) {
        const struct fl_source *source = &input->sources[n];
        const struct fl_match *match = fl_plan_source_match(plan, s, i, n);
        struct fl_region region;
        uint32_t base;

        if (source->stage == FL_NONE || source->cycle_offset_s != 0)
            continue;
        region = fl_match_region(match, k);
        base = plan->stages[source->stage].slot_first[source->output];
        *ret_pending += match->unknown == FL_NONE ? region.count : 1;
        if (input->bridge_max_s > 0 && match->lead >= 0 && region.count > 0) {
            struct fl_dims dims = fl_output_dims(&wf->stages[source->stage], source->output);

            widen(wf, match, dims.sets[match->lead], input->bridge_max_s, &region);
        }
        for (uint32_t m = 0; m < region.count; m++)
            edge(b, &b->slots, base + fl_region_at(&region, m), ps->inst_first + k, term);
    }
    if (ps->kinds[term] == FL_TERM_FOLLOW)
        *ret_pending = 0;
    if (ps->kinds[term] == FL_TERM_DYNAMIC)
        *ret_pending = 1;
}

/* Refuses a product of large sets before it is counted one by one. */
static int check_edges(const struct builder *b, uint32_t s, struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = &b->plan->stages[s];
    const struct fl_stage *stage = &b->plan->workflow->stages[s];
    uint64_t edges = b->edge_count;
    uint32_t most = 0;
    int32_t worst = FL_NONE;

    for (size_t n = 0; ps->inst_count > 0 && n < ps->match_count; n++) {
        struct fl_region region = fl_match_region(&ps->matches[n], 0);

        if (ps->match_stage[n] == FL_NONE)
            continue;
        edges += (uint64_t)region.count * ps->inst_count;
        if (region.count > most) {
            most = region.count;
            worst = ps->match_stage[n];
        }
    }
    if (edges <= FL_PLAN_EDGES_MAX)
        return 0;
    return fl_err_set(
        reterr, FL_E_TOO_BIG, 0,
        "stage '%s': more than %u dependencies: each of its %u instances waits for %u "
        "of '%s'; a set that both run over, or a stage between them that gathers, "
        "makes them few",
        stage->name, FL_PLAN_EDGES_MAX, ps->inst_count, most,
        worst == FL_NONE ? "" : b->plan->workflow->stages[worst].name);
}

static int stage_edges(struct builder *b, uint32_t s, struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = &b->plan->stages[s];
    int rc = b->fill ? 0 : check_edges(b, s, reterr);

    for (uint32_t k = 0; rc == 0 && k < ps->inst_count; k++) {
        uint32_t *pending = &b->plan->pending[ps->term_first + k * ps->term_count];

        for (uint32_t t = 0; t < ps->when.leaf_count; t++)
            leaf_edges(b, s, k, t, &pending[t]);
        for (uint32_t t = (uint32_t)ps->when.leaf_count; t < ps->term_count; t++)
            input_edges(b, s, k, t - (uint32_t)ps->when.leaf_count, &pending[t]);
        if (b->edge_count > FL_PLAN_EDGES_MAX)
            rc =
                fl_err_set(reterr, FL_E_TOO_BIG, 0, "more than %u dependencies", FL_PLAN_EDGES_MAX);
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

static int no_memory(struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the plan of a workflow");
}

/* How the references of a stage are met with its instances. */
static int stage_matches(struct fl_plan_stage *ps, const struct fl_workflow *wf,
                         const struct fl_stage *stage, struct fl_err *reterr)
{
    size_t count = ps->when.leaf_count;
    int rc = 0;

    ps->source_first = calloc(stage->input_count + 1, sizeof(*ps->source_first));
    for (size_t i = 0; ps->source_first && i < stage->input_count; i++) {
        ps->source_first[i] = (uint32_t)count;
        count += stage->inputs[i].source_count;
    }
    ps->matches = calloc(count + 1, sizeof(*ps->matches));
    ps->match_stage = calloc(count + 1, sizeof(*ps->match_stage));
    if (!ps->source_first || !ps->matches || !ps->match_stage)
        return no_memory(reterr);
    ps->match_count = count;
    for (size_t i = 0; rc == 0 && i < ps->when.leaf_count; i++) {
        const struct fl_expr_leaf *leaf = &ps->when.leaves[i];
        const struct fl_ref ref = {.stage = stage,
                                   .from = &wf->stages[leaf->stage],
                                   .output = leaf->output,
                                   .select = &leaf->select,
                                   .all = leaf->all,
                                   .text = wf->stages[leaf->stage].name};

        ps->match_stage[i] = leaf->stage;
        rc = fl_match_make(wf, &ref, &ps->matches[i], reterr);
    }
    for (size_t i = 0; rc == 0 && i < stage->input_count; i++) {
        for (size_t n = 0; rc == 0 && n < stage->inputs[i].source_count; n++) {
            const struct fl_source *source = &stage->inputs[i].sources[n];
            size_t at = ps->source_first[i] + n;

            ps->match_stage[at] = source->cycle_offset_s == 0 ? source->stage : FL_NONE;
            if (source->stage != FL_NONE)
                rc =
                    fl_match_source(wf, stage, &stage->inputs[i], source, &ps->matches[at], reterr);
        }
    }
    return rc < 0 ? fl_err_note(reterr, rc, "stage '%s'", stage->name) : 0;
}

static int stage_terms(struct fl_plan_stage *ps, const struct fl_stage *stage,
                       struct fl_err *reterr)
{
    ps->term_count = (uint32_t)(ps->when.leaf_count + stage->input_count);
    ps->kinds = calloc((size_t)ps->term_count + 1, sizeof(*ps->kinds));
    ps->slot_first = calloc(stage->output_count + 1, sizeof(*ps->slot_first));
    ps->slot_own = calloc(stage->output_count + 1, sizeof(*ps->slot_own));
    if (!ps->kinds || !ps->slot_first || !ps->slot_own)
        return no_memory(reterr);
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

static int number_stage(struct fl_plan *plan, uint32_t s, struct fl_err *reterr)
{
    const struct fl_stage *stage = &plan->workflow->stages[s];
    struct fl_plan_stage *ps = &plan->stages[s];
    uint64_t slots = plan->slot_count;
    int rc = 0;

    if (stage->when)
        rc = fl_expr_parse(stage->when, plan->workflow, &ps->when, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "stage '%s', when", stage->name);
    rc = stage_terms(ps, stage, reterr);
    if (rc == 0)
        rc = stage_matches(ps, plan->workflow, stage, reterr);
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
        int32_t set = stage->outputs[o].set;

        ps->slot_first[o] = plan->slot_count;
        ps->slot_own[o] = set == FL_NONE ? 1 : (uint32_t)fl_set_count(&plan->workflow->sets[set]);
        slots += (uint64_t)ps->inst_count * ps->slot_own[o];
        if (slots > FL_PLAN_SLOTS_MAX)
            return fl_err_set(reterr, FL_E_TOO_BIG, 0, "stage '%s': more than %u output files",
                              stage->name, FL_PLAN_SLOTS_MAX);
        plan->slot_count = (uint32_t)slots;
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
            uint32_t own = ps->slot_own[o];

            for (uint32_t m = 0; m < ps->inst_count * own; m++)
                plan->slots[ps->slot_first[o] + m] = (struct fl_plan_slot){
                    .inst = ps->inst_first + m / own,
                    .stage = (uint16_t)s,
                    .output = (uint16_t)o,
                    .member = m % own,
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
    atomic_init(&plan->refs, 1);
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

struct fl_plan *fl_plan_ref(struct fl_plan *plan)
{
    (void)atomic_fetch_add_explicit(&plan->refs, 1, memory_order_relaxed);
    return plan;
}

const char *fl_plan_digest(const struct fl_plan *plan)
{
    return plan->digest;
}

void fl_plan_destroy(struct fl_plan *plan)
{
    if (!plan || atomic_fetch_sub_explicit(&plan->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t s = 0; s < plan->stage_count; s++) {
        fl_expr_release(&plan->stages[s].when);
        free(plan->stages[s].kinds);
        free(plan->stages[s].slot_first);
        free(plan->stages[s].slot_own);
        free(plan->stages[s].matches);
        free(plan->stages[s].match_stage);
        free(plan->stages[s].source_first);
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
