/* Numbering of instances, slots and terms, and how the references of each stage are met. */
#include "config.h"

#include "engine/core/plan.h"
#include "engine/core/deadline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

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

struct fl_region fl_plan_leaf(const struct fl_plan *plan, uint32_t s, uint32_t k, size_t match)
{
    return fl_match_region(&plan->stages[s].matches[match], k);
}

uint32_t fl_plan_leaf_base(const struct fl_plan *plan, uint32_t s, size_t leaf, size_t match)
{
    const struct fl_plan_stage *on = &plan->stages[plan->stages[s].match_stage[match]];
    int32_t output = plan->stages[s].when.leaves[leaf].output;

    return output == FL_NONE ? on->inst_first : on->slot_first[output];
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

static int no_memory(struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the plan of a workflow");
}

/* True for a leaf that is counted in stages: of this run, or of another cycle's. */
static bool has_matches(const struct fl_expr_leaf *leaf)
{
    return fl_leaf_counts(leaf) && !leaf->workflow;
}

/* True for a stage that a leaf means, in the run that it means. */
static bool is_meant(const struct fl_workflow *wf, const struct fl_expr_leaf *leaf, size_t stage)
{
    struct fl_expr_leaf here = *leaf;

    here.cycle_offset_s = 0;
    return fl_leaf_names(wf, &here, stage);
}

static size_t count_matches(struct fl_plan_stage *ps, const struct fl_workflow *wf,
                            const struct fl_stage *stage)
{
    size_t count = 0;

    for (size_t i = 0; i < ps->when.leaf_count; i++) {
        ps->leaf_first[i] = (uint32_t)count;
        for (size_t s = 0; has_matches(&ps->when.leaves[i]) && s < wf->stage_count; s++)
            count += is_meant(wf, &ps->when.leaves[i], s);
    }
    ps->leaf_first[ps->when.leaf_count] = (uint32_t)count;
    for (size_t i = 0; i < stage->input_count; i++) {
        ps->source_first[i] = (uint32_t)count;
        count += stage->inputs[i].source_count;
    }
    return count;
}

/* A number of instances of a group, some stages of which are there already: these may be enough,
 * whether the members of the others are ever said or not. */
static bool known_will_do(const struct fl_plan_stage *ps, const struct fl_workflow *wf, size_t leaf)
{
    const struct fl_expr_leaf *l = &ps->when.leaves[leaf];
    bool known = false;

    for (uint32_t m = ps->leaf_first[leaf]; m < ps->leaf_first[leaf + 1]; m++) {
        int32_t set = ps->matches[m].unknown;

        known |= set == FL_NONE;
        if (set != FL_NONE && fl_stage_instances(wf, &wf->stages[wf->sets[set].by]) != 1)
            return false;
    }
    return known && l->many == FL_COUNT_NUMBER && l->count < INT32_MAX / FL_WORKFLOW_STAGES_MAX;
}

static int leaf_matches(struct fl_plan_stage *ps, const struct fl_workflow *wf,
                        const struct fl_stage *stage, size_t leaf, struct fl_err *reterr)
{
    const struct fl_expr_leaf *l = &ps->when.leaves[leaf];
    size_t at = ps->leaf_first[leaf];
    int rc = 0;

    for (size_t s = 0; rc == 0 && at < ps->leaf_first[leaf + 1] && s < wf->stage_count; s++) {
        const struct fl_ref ref = {.stage = stage,
                                   .from = &wf->stages[s],
                                   .output = l->output,
                                   .select = l->group == FL_NONE ? &l->select : NULL,
                                   .all = l->all,
                                   .text = wf->stages[s].name};

        if (!is_meant(wf, l, s))
            continue;
        ps->match_stage[at] = (int32_t)s;
        rc = fl_match_make(wf, &ref, &ps->matches[at], reterr);
        if (rc == 0 && ps->matches[at].unknown != FL_NONE && l->cycle_offset_s == 0) {
            ps->unknown[leaf] = ps->matches[at].unknown;
            ps->kinds[leaf] = FL_TERM_UNDECLARED;
        }
        at++;
    }
    if (rc == 0 && ps->kinds[leaf] == FL_TERM_UNDECLARED && known_will_do(ps, wf, leaf)) {
        ps->unknown[leaf] = FL_NONE;
        ps->kinds[leaf] = FL_TERM_LEAF;
    }
    return rc;
}

static int source_matches(struct fl_plan_stage *ps, const struct fl_workflow *wf,
                          const struct fl_stage *stage, size_t input, struct fl_err *reterr)
{
    const struct fl_stage_input *in = &stage->inputs[input];
    size_t term = ps->when.leaf_count + input;
    int rc = 0;

    for (size_t n = 0; rc == 0 && n < in->source_count; n++) {
        const struct fl_source *source = &in->sources[n];
        struct fl_match *match = &ps->matches[ps->source_first[input] + n];

        match->unknown = FL_NONE;
        ps->match_stage[ps->source_first[input] + n] = source->stage;
        if (source->stage == FL_NONE)
            continue;
        rc = fl_match_source(wf, stage, in, source, match, reterr);
        if (rc == 0 && match->unknown != FL_NONE && source->cycle_offset_s == 0) {
            ps->unknown[term] = match->unknown;
            if (ps->kinds[term] != FL_TERM_FOLLOW)
                ps->kinds[term] = FL_TERM_UNDECLARED;
        }
    }
    return rc;
}

/* How the references of a stage are met with its instances. */
static int stage_matches(struct fl_plan_stage *ps, const struct fl_workflow *wf,
                         const struct fl_stage *stage, struct fl_err *reterr)
{
    int rc = 0;

    ps->source_first = calloc(stage->input_count + 1, sizeof(*ps->source_first));
    ps->leaf_first = calloc(ps->when.leaf_count + 1, sizeof(*ps->leaf_first));
    if (!ps->source_first || !ps->leaf_first)
        return no_memory(reterr);
    ps->match_count = count_matches(ps, wf, stage);
    ps->matches = calloc(ps->match_count + 1, sizeof(*ps->matches));
    ps->match_stage = calloc(ps->match_count + 1, sizeof(*ps->match_stage));
    if (!ps->matches || !ps->match_stage)
        return no_memory(reterr);
    for (size_t i = 0; rc == 0 && i < ps->when.leaf_count; i++)
        rc = leaf_matches(ps, wf, stage, i, reterr);
    for (size_t i = 0; rc == 0 && i < stage->input_count; i++)
        rc = source_matches(ps, wf, stage, i, reterr);
    return rc < 0 ? fl_err_note(reterr, rc, "stage '%s'", stage->name) : 0;
}

static enum fl_term_kind leaf_kind(const struct fl_expr_leaf *leaf)
{
    if (!fl_leaf_counts(leaf))
        return FL_TERM_GIVEN;
    return leaf->workflow || leaf->cycle_offset_s ? FL_TERM_FAR : FL_TERM_LEAF;
}

static bool input_is_far(const struct fl_stage_input *input)
{
    for (size_t n = 0; n < input->source_count; n++)
        if (input->sources[n].stage != FL_NONE && input->sources[n].cycle_offset_s != 0)
            return true;
    return false;
}

static enum fl_term_kind input_kind(const struct fl_stage_input *input)
{
    if (input->follow)
        return FL_TERM_FOLLOW;
    return input->first_of || input->bridge_max_s > 0 ? FL_TERM_DYNAMIC : FL_TERM_INPUT;
}

static int stage_terms(struct fl_plan_stage *ps, const struct fl_stage *stage,
                       struct fl_err *reterr)
{
    uint32_t leaves = (uint32_t)ps->when.leaf_count;

    ps->term_count = (uint32_t)(ps->when.leaf_count + stage->input_count);
    ps->kinds = calloc((size_t)ps->term_count + 1, sizeof(*ps->kinds));
    ps->unknown = calloc((size_t)ps->term_count + 1, sizeof(*ps->unknown));
    ps->far_terms = calloc((size_t)ps->term_count + 1, sizeof(*ps->far_terms));
    ps->slot_first = calloc(stage->output_count + 1, sizeof(*ps->slot_first));
    ps->slot_own = calloc(stage->output_count + 1, sizeof(*ps->slot_own));
    if (!ps->kinds || !ps->unknown || !ps->far_terms || !ps->slot_first || !ps->slot_own)
        return no_memory(reterr);
    for (uint32_t t = 0; t < ps->term_count; t++) {
        bool far;

        ps->unknown[t] = FL_NONE;
        ps->kinds[t] =
            t < leaves ? leaf_kind(&ps->when.leaves[t]) : input_kind(&stage->inputs[t - leaves]);
        far = t < leaves ? ps->kinds[t] == FL_TERM_FAR : input_is_far(&stage->inputs[t - leaves]);
        if (far)
            ps->far_terms[ps->far_count++] = t;
        ps->follows |= ps->kinds[t] == FL_TERM_FOLLOW;
    }
    return 0;
}

static int by_seconds(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* What the leaves of a stage need of the run beside its own counts. */
static int note_leaves(struct fl_plan *plan, const struct fl_plan_stage *ps, struct fl_err *reterr)
{
    plan->follows |= ps->follows;
    plan->outside |= ps->far_count > 0;
    for (size_t i = 0; i < ps->when.leaf_count; i++) {
        const struct fl_expr_leaf *leaf = &ps->when.leaves[i];
        int64_t *clocks;

        plan->progress |= leaf->kind == FL_LEAF_PROGRESS;
        plan->sources |= leaf->kind == FL_LEAF_SOURCE;
        plan->outside |= !fl_leaf_counts(leaf) && leaf->kind != FL_LEAF_PARAM;
        if (leaf->kind != FL_LEAF_CLOCK ||
            (plan->clock_count > 0 && bsearch(&leaf->clock_s, plan->clocks, plan->clock_count,
                                              sizeof(*plan->clocks), by_seconds)))
            continue;
        clocks = realloc(plan->clocks, (plan->clock_count + 1) * sizeof(*clocks));
        if (!clocks)
            return no_memory(reterr);
        plan->clocks = clocks;
        clocks[plan->clock_count++] = leaf->clock_s;
        qsort(clocks, plan->clock_count, sizeof(*clocks), by_seconds);
    }
    return 0;
}

static int number_stage(struct fl_plan *plan, uint32_t s, struct fl_err *reterr)
{
    const struct fl_stage *stage = &plan->workflow->stages[s];
    struct fl_plan_stage *ps = &plan->stages[s];
    uint64_t slots = plan->slot_count;
    uint64_t terms = plan->term_count;
    int rc = 0;

    if (stage->when)
        rc = fl_expr_parse(stage->when, plan->workflow, &ps->when, reterr);
    if (rc == 0)
        rc = fl_expr_sources(plan->workflow, stage, &ps->when, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "stage '%s', when", stage->name);
    rc = stage_terms(ps, stage, reterr);
    if (rc == 0)
        rc = stage_matches(ps, plan->workflow, stage, reterr);
    if (rc < 0)
        return rc;
    rc = note_leaves(plan, ps, reterr);
    if (rc < 0)
        return rc;
    ps->inst_first = plan->inst_count;
    ps->inst_count = (uint32_t)fl_stage_instances(plan->workflow, stage);
    plan->inst_count += ps->inst_count;
    ps->term_first = plan->term_count;
    terms += (uint64_t)ps->inst_count * ps->term_count;
    if (terms > FL_PLAN_TERMS_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "stage '%s': more than %u terms and inputs",
                          stage->name, FL_PLAN_TERMS_MAX);
    plan->term_count = (uint32_t)terms;
    ps->far_first = plan->far_count;
    plan->far_count += ps->inst_count * ps->far_count;
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
    plan->wants = calloc((size_t)plan->term_count + 1, sizeof(*plan->wants));
    if (!plan->inst_stage || !plan->slots || !plan->wants)
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

static bool takes(const struct fl_stage *stage, size_t from, size_t output)
{
    for (size_t i = 0; i < stage->input_count; i++)
        for (size_t k = 0; k < stage->inputs[i].source_count; k++) {
            const struct fl_source *source = &stage->inputs[i].sources[k];

            if (source->stage == (int32_t)from && source->output == (int32_t)output &&
                source->cycle_offset_s == 0)
                return true;
        }
    return false;
}

static bool is_product(const struct fl_plan *plan, size_t s, size_t output)
{
    bool any = false;

    for (size_t d = 0; d < plan->delivery_count; d++) {
        const struct fl_stage *delivery = &plan->workflow->stages[plan->deliveries[d]];

        if (!takes(delivery, s, output))
            continue;
        if (delivery->keep_at_source)
            return false;
        any = true;
    }
    return any;
}

/* What an inserted transfer brought to another site is a product when its origin is. */
static int note_products(struct fl_plan *plan, struct fl_err *reterr)
{
    const struct fl_workflow *wf = plan->workflow;
    bool *sites = calloc(wf->site_count + 1, sizeof(*sites));

    if (!sites)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the plan of a workflow");
    for (size_t s = 0; s < wf->stage_count; s++) {
        const struct fl_stage *stage = &wf->stages[s];

        plan->stages[s].products = calloc(stage->output_count + 1, sizeof(bool));
        for (size_t o = 0; plan->stages[s].products && o < stage->output_count; o++) {
            bool brought = stage->kind == FL_STAGE_TRANSFER && stage->origin != FL_NONE;
            bool product = brought ? is_product(plan, (size_t)stage->origin,
                                                (size_t)stage->inputs[0].sources[0].output)
                                   : is_product(plan, s, o);

            plan->stages[s].products[o] = product;
            sites[wf->pools[stage->pool].site] |= product;
        }
        if (!plan->stages[s].products) {
            free(sites);
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the plan of a workflow");
        }
    }
    for (size_t s = 0; s < wf->stage_count; s++)
        plan->stages[s].at_source = sites[wf->pools[wf->stages[s].pool].site];
    free(sites);
    return 0;
}

static int note_deliveries(struct fl_plan *plan, struct fl_err *reterr)
{
    const struct fl_workflow *wf = plan->workflow;

    plan->deliveries = calloc(FL_PLAN_DELIVERIES_MAX, sizeof(*plan->deliveries));
    if (!plan->deliveries)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the plan of a workflow");
    for (size_t s = 0; s < wf->stage_count; s++) {
        if (wf->stages[s].kind != FL_STAGE_DELIVER)
            continue;
        if (plan->delivery_count == FL_PLAN_DELIVERIES_MAX)
            return fl_err_set(reterr, FL_E_TOO_BIG, 0, "workflow '%s' has more than %d deliveries",
                              wf->name, FL_PLAN_DELIVERIES_MAX);
        plan->deliveries[plan->delivery_count++] = (uint16_t)s;
        plan->removes |= !wf->stages[s].keep_at_source;
    }
    return note_products(plan, reterr);
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
    if (!plan->stages)
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
        rc = note_deliveries(plan, reterr);
    if (rc == 0)
        rc = fl_plan_dues(plan, reterr);
    if (rc == 0)
        rc = fl_plan_edges(plan, reterr);
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
        free(plan->stages[s].unknown);
        free(plan->stages[s].far_terms);
        free(plan->stages[s].leaf_first);
        free(plan->stages[s].slot_first);
        free(plan->stages[s].slot_own);
        free(plan->stages[s].products);
        free(plan->stages[s].matches);
        free(plan->stages[s].match_stage);
        free(plan->stages[s].source_first);
    }
    free(plan->stages);
    free(plan->clocks);
    fl_names_release(&plan->stage_names);
    free(plan->inst_stage);
    free(plan->slots);
    free(plan->wants);
    free(plan->slot_dep_first);
    free(plan->slot_deps);
    free(plan->inst_dep_first);
    free(plan->inst_deps);
    free(plan->deliveries);
    for (size_t d = 0; d < plan->due_count; d++)
        free(plan->dues[d].latest_s);
    free(plan->dues);
    fl_workflow_destroy(plan->workflow);
    free(plan);
}
