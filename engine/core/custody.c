/* Which files may go from their source: the rules of invariant 8. */
#include "config.h"

#include "engine/core/custody.h"
#include "engine/core/flow.h"
#include "engine/core/paging.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

/* The slot whose bytes a slot has: of what an inserted transfer brought, the one it came from. */
static uint32_t origin_of(const struct fl_plan *plan, uint32_t slot)
{
    const struct fl_plan_slot *ps = &plan->slots[slot];
    const struct fl_stage *stage = &plan->workflow->stages[ps->stage];
    int32_t output;

    if (stage->kind != FL_STAGE_TRANSFER || stage->origin == FL_NONE)
        return slot;
    output = stage->inputs[0].sources[0].output;
    return plan->stages[stage->origin].slot_first[output] +
           (slot - plan->stages[ps->stage].slot_first[ps->output]);
}

bool fl_custody_is_product(const struct fl_plan *plan, uint32_t slot)
{
    const struct fl_plan_slot *ps = &plan->slots[slot];

    return plan->stages[ps->stage].products[ps->output];
}

/* The input that a dependency of an instance is about; false for one of its trigger. */
static bool input_of(const struct fl_plan *plan, const struct fl_dep *dep, uint32_t *ret_input)
{
    size_t leaves = plan->stages[plan->inst_stage[dep->inst]].when.leaf_count;

    *ret_input = dep->term < leaves ? 0 : dep->term - (uint32_t)leaves;
    return dep->term >= leaves;
}

/* It took the bytes that are there now, and has the receipt for them. */
static bool has_receipt(const struct fl_run *run, uint32_t inst, uint32_t slot)
{
    const struct fl_inst *in = &run->insts[inst];

    return in->state == FL_STATE_SUCCEEDED && !in->set && in->try_count > 0 &&
           fl_inst_last_try(in)->order > run->slots[slot].made->order;
}

/* It will not be tried again: not even by a person, who can repeat what ended badly. */
static bool is_done_with(const struct fl_run *run, uint32_t inst)
{
    const struct fl_inst *in = &run->insts[inst];

    return in->final && (fl_state_is_good(in->state) || in->state == FL_STATE_EXPIRED);
}

bool fl_custody_taker(const struct fl_run *run, uint32_t delivery, uint32_t slot,
                      uint32_t *ret_inst, uint32_t *ret_input)
{
    const struct fl_plan *plan = run->plan;

    for (uint32_t d = plan->slot_dep_first[slot]; d < plan->slot_dep_first[slot + 1]; d++) {
        const struct fl_dep *dep = &plan->slot_deps[d];

        if (plan->inst_stage[dep->inst] == plan->deliveries[delivery] &&
            input_of(plan, dep, ret_input) && has_receipt(run, dep->inst, slot)) {
            *ret_inst = dep->inst;
            return true;
        }
    }
    return false;
}

/* Those that take a slot in its run. */
static bool is_let_go(const struct fl_run *run, uint32_t slot, bool *ret_delivered)
{
    const struct fl_plan *plan = run->plan;
    uint32_t input;

    for (uint32_t d = plan->slot_dep_first[slot]; d < plan->slot_dep_first[slot + 1]; d++) {
        const struct fl_dep *dep = &plan->slot_deps[d];
        bool delivers = fl_inst_stage(run, dep->inst)->kind == FL_STAGE_DELIVER;

        if (!input_of(plan, dep, &input))
            continue;
        if (delivers ? !has_receipt(run, dep->inst, slot) : !is_done_with(run, dep->inst))
            return false;
        *ret_delivered |= delivers;
    }
    return true;
}

bool fl_custody_is_free(const struct fl_run *run, uint32_t slot)
{
    uint32_t origin = origin_of(run->plan, slot);
    bool delivered = false;

    if (run->slots[slot].state != FL_SLOT_ACCEPTED || run->slots[origin].state != FL_SLOT_ACCEPTED)
        return false;
    return is_let_go(run, origin, &delivered) &&
           (slot == origin || is_let_go(run, slot, &delivered)) && delivered;
}

/* ---- other cycles ---- */

/* What other cycles know a slot by. */
struct wanted {
    const struct fl_core *core;
    const struct fl_run *run;
    const char *stage;
    const char *output;
};

static bool is_source(const struct wanted *w, const struct fl_workflow *wf,
                      const struct fl_source *source)
{
    return source->stage != FL_NONE && source->output != FL_NONE && source->cycle_offset_s != 0 &&
           strcmp(wf->stages[source->stage].name, w->stage) == 0 &&
           strcmp(wf->stages[source->stage].outputs[source->output].name, w->output) == 0;
}

static bool run_needs(const struct wanted *w, const struct fl_run *other)
{
    const struct fl_workflow *wf = other->plan->workflow;

    for (size_t s = 0; s < wf->stage_count; s++) {
        const struct fl_plan_stage *ps = &other->plan->stages[s];
        bool reaches = false;

        for (size_t i = 0; i < wf->stages[s].input_count; i++)
            for (size_t k = 0; k < wf->stages[s].inputs[i].source_count; k++) {
                const struct fl_source *source = &wf->stages[s].inputs[i].sources[k];

                reaches |= is_source(w, wf, source) &&
                           other->cycle.s + source->cycle_offset_s == w->run->cycle.s;
            }
        for (uint32_t i = ps->inst_first; reaches && i < ps->inst_first + ps->inst_count; i++)
            if (!is_done_with(other, i))
                return true;
    }
    return false;
}

/* True for a cycle that may still become a run. */
static bool is_to_come(const struct wanted *w, const struct fl_flow *flow, struct fl_cycle cycle)
{
    char name[FL_CORE_ID_MAX];
    char time[FL_TIME_TEXT_MAX];

    if (flow)
        return !flow->removed && flow->has_next && cycle.s >= flow->next.s;
    fl_cycle_format(cycle, time);
    (void)snprintf(name, sizeof(name), "%s/%s", w->run->plan->workflow->name, time); /* bounded */
    return !fl_core_run(w->core, name) && !fl_core_is_paged(w->core, name);
}

static bool cycles_need(const struct wanted *w, const struct fl_plan *plan,
                        const struct fl_flow *flow)
{
    const struct fl_workflow *wf = plan->workflow;

    for (size_t s = 0; s < wf->stage_count; s++)
        for (size_t i = 0; i < wf->stages[s].input_count; i++)
            for (size_t k = 0; k < wf->stages[s].inputs[i].source_count; k++) {
                const struct fl_source *source = &wf->stages[s].inputs[i].sources[k];

                if (is_source(w, wf, source) &&
                    is_to_come(w, flow,
                               (struct fl_cycle){w->run->cycle.s - source->cycle_offset_s}))
                    return true;
            }
    return false;
}

/* True when some version of the workflow takes it in other cycles. */
static bool is_reached(const struct wanted *w)
{
    for (size_t p = 0; p < w->core->plan_count; p++) {
        const struct fl_workflow *wf = w->core->plans[p]->workflow;

        if (strcmp(wf->name, w->run->plan->workflow->name) != 0)
            continue;
        for (size_t s = 0; s < wf->stage_count; s++)
            for (size_t i = 0; i < wf->stages[s].input_count; i++)
                for (size_t k = 0; k < wf->stages[s].inputs[i].source_count; k++)
                    if (is_source(w, wf, &wf->stages[s].inputs[i].sources[k]))
                        return true;
    }
    return false;
}

bool fl_custody_needed_later(const struct fl_core *core, const struct fl_run *run, uint32_t slot)
{
    const struct fl_plan_slot *ps = &run->plan->slots[slot];
    const struct fl_stage *stage = &run->plan->workflow->stages[ps->stage];
    const struct wanted w = {core, run, stage->name, stage->outputs[ps->output].name};
    const char *name = run->plan->workflow->name;
    bool has_flow = false;

    if (run->variant)
        return false; /* other cycles reach official runs alone */
    if (!is_reached(&w))
        return false;
    for (size_t r = 0; r < core->run_count; r++) {
        const struct fl_run *other = core->runs[r];

        if (other && other != run && strcmp(other->plan->workflow->name, name) == 0 &&
            run_needs(&w, other))
            return true;
    }
    for (size_t i = 0; i < core->flow_count; i++) {
        if (strcmp(core->flows[i]->name, name) != 0)
            continue;
        has_flow = true;
        if (cycles_need(&w, core->flows[i]->plan, core->flows[i]))
            return true;
    }
    return !has_flow && cycles_need(&w, run->plan, NULL);
}
