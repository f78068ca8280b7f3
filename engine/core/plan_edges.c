/* The dependency index of a plan, made in two passes: count, then fill. */
#include "config.h"

#include "engine/core/plan.h"

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

/* What waits for the members of a set to be said is told when the stage that says them ends. */
static void unknown_edges(struct builder *b, uint32_t s, uint32_t k, uint32_t term,
                          struct fl_want *want)
{
    const struct fl_plan *plan = b->plan;
    const struct fl_plan_stage *ps = &plan->stages[s];
    const struct fl_plan_stage *by = &plan->stages[plan->workflow->sets[ps->unknown[term]].by];

    for (uint32_t i = 0; i < by->inst_count; i++)
        edge(b, &b->insts, by->inst_first + i, ps->inst_first + k, term);
    *want = (struct fl_want){1, (int32_t)by->inst_count - 1};
}

/* Members that are not said yet: when the stage that says them has ended without that, so many that
 * are wanted do not come. How many stages that are. */
static uint32_t says_edges(struct builder *b, uint32_t s, uint32_t k, uint32_t term, int32_t set)
{
    const struct fl_plan *plan = b->plan;
    const struct fl_plan_stage *by = &plan->stages[plan->workflow->sets[set].by];

    for (uint32_t i = 0; i < by->inst_count; i++)
        edge(b, &b->insts, by->inst_first + i, plan->stages[s].inst_first + k, term | FL_DEP_SAYS);
    return by->inst_count;
}

/* Edges of one leaf of `when` for the k-th instance. */
static void leaf_edges(struct builder *b, uint32_t s, uint32_t k, uint32_t term,
                       struct fl_want *want)
{
    const struct fl_plan *plan = b->plan;
    const struct fl_plan_stage *ps = &plan->stages[s];
    const struct fl_expr_leaf *leaf = &ps->when.leaves[term];
    struct edges *edges = leaf->output == FL_NONE ? &b->insts : &b->slots;
    uint32_t total = 0;
    uint32_t says = 0;

    *want = (struct fl_want){1, 0};
    if (ps->kinds[term] == FL_TERM_UNDECLARED)
        unknown_edges(b, s, k, term, want);
    if (leaf->kind == FL_LEAF_SOURCE) {
        total = leaf->own ? 1 : (uint32_t)fl_leads_count(&leaf->leads);
        want->need = fl_leaf_need(leaf, total);
        want->spare = (int32_t)(total - want->need);
    }
    if (ps->kinds[term] != FL_TERM_LEAF)
        return;
    for (uint32_t m = ps->leaf_first[term]; m < ps->leaf_first[term + 1]; m++) {
        struct fl_region region = fl_plan_leaf(plan, s, k, m);
        uint32_t base = fl_plan_leaf_base(plan, s, term, m);

        if (ps->matches[m].unknown != FL_NONE) {
            says += says_edges(b, s, k, term, ps->matches[m].unknown);
            continue;
        }
        for (uint32_t i = 0; i < region.count; i++)
            edge(b, edges, base + fl_region_at(&region, i), ps->inst_first + k, term);
        total += region.count;
    }
    want->need = fl_leaf_need(leaf, total);
    want->spare = (int32_t)((int64_t)total - want->need + (int64_t)says * want->need);
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

static void input_edges(struct builder *b, uint32_t s, uint32_t k, uint32_t i, struct fl_want *want)
{
    const struct fl_plan *plan = b->plan;
    const struct fl_workflow *wf = plan->workflow;
    const struct fl_stage_input *input = &wf->stages[s].inputs[i];
    const struct fl_plan_stage *ps = &plan->stages[s];
    uint32_t term = (uint32_t)ps->when.leaf_count + i;

    *want = (struct fl_want){0, 0};
    if (ps->kinds[term] == FL_TERM_UNDECLARED) {
        unknown_edges(b, s, k, term, want);
        return;
    }
    for (size_t n = 0; n < input->source_count; n++) {
        const struct fl_source *source = &input->sources[n];
        const struct fl_match *match = fl_plan_source_match(plan, s, i, n);
        struct fl_region region;
        uint32_t base;

        if (source->stage == FL_NONE || source->cycle_offset_s != 0)
            continue;
        region = fl_match_region(match, k);
        base = plan->stages[source->stage].slot_first[source->output];
        want->need += region.count;
        if (input->bridge_max_s > 0 && match->lead >= 0 && region.count > 0) {
            struct fl_dims dims = fl_output_dims(&wf->stages[source->stage], source->output);

            widen(wf, match, dims.sets[match->lead], input->bridge_max_s, &region);
        }
        for (uint32_t m = 0; m < region.count; m++)
            edge(b, &b->slots, base + fl_region_at(&region, m), ps->inst_first + k, term);
    }
    if (ps->kinds[term] == FL_TERM_FOLLOW)
        want->need = 0;
    if (ps->kinds[term] == FL_TERM_DYNAMIC)
        want->need = 1;
}

/* True for a match in another cycle's run. */
static bool is_elsewhere(const struct fl_plan *plan, uint32_t s, size_t match)
{
    const struct fl_plan_stage *ps = &plan->stages[s];
    const struct fl_stage *stage = &plan->workflow->stages[s];

    for (size_t i = 0; i < ps->when.leaf_count; i++)
        if (match >= ps->leaf_first[i] && match < ps->leaf_first[i + 1])
            return ps->kinds[i] == FL_TERM_FAR;
    for (size_t i = 0; i < stage->input_count; i++)
        if (match >= ps->source_first[i] &&
            match < ps->source_first[i] + stage->inputs[i].source_count)
            return stage->inputs[i].sources[match - ps->source_first[i]].cycle_offset_s != 0;
    return false;
}

/* Refuses a product of large sets before it is counted one by one. */
static int check_edges(const struct builder *b, uint32_t s, struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = &b->plan->stages[s];
    uint64_t edges = b->edge_count;
    uint32_t most = 0;
    int32_t worst = FL_NONE;

    for (size_t n = 0; ps->inst_count > 0 && n < ps->match_count; n++) {
        struct fl_region region;

        if (ps->match_stage[n] == FL_NONE || is_elsewhere(b->plan, s, n))
            continue;
        region = fl_match_region(&ps->matches[n], 0);
        edges += (uint64_t)region.count * ps->inst_count;
        if (region.count > most) {
            most = region.count;
            worst = ps->match_stage[n];
        }
    }
    (void)worst; /* only the message names it */
    if (edges <= FL_PLAN_EDGES_MAX)
        return 0;
    return fl_err_set(
        reterr, FL_E_TOO_BIG, 0,
        "stage '%s': more than %u dependencies: each of its %u instances waits for %u "
        "of '%s'; a set that both run over, or a stage between them that gathers, "
        "makes them few",
        b->plan->workflow->stages[s].name, FL_PLAN_EDGES_MAX, ps->inst_count, most,
        worst == FL_NONE ? "" : b->plan->workflow->stages[worst].name);
}

static int stage_edges(struct builder *b, uint32_t s, struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = &b->plan->stages[s];
    int rc = b->fill ? 0 : check_edges(b, s, reterr);

    for (uint32_t k = 0; rc == 0 && k < ps->inst_count; k++) {
        struct fl_want *wants = &b->plan->wants[ps->term_first + k * ps->term_count];

        for (uint32_t t = 0; t < ps->when.leaf_count; t++)
            leaf_edges(b, s, k, t, &wants[t]);
        for (uint32_t t = (uint32_t)ps->when.leaf_count; t < ps->term_count; t++)
            input_edges(b, s, k, t - (uint32_t)ps->when.leaf_count, &wants[t]);
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

int fl_plan_edges(struct fl_plan *plan, struct fl_err *reterr)
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
