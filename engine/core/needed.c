/* What an unfinished run, or a cycle to come, may still take from a run that has ended. */
#include "config.h"

#include "engine/core/flow.h"
#include "engine/core/terms.h"

#include <string.h>

#include "engine/base/banned.h"

int64_t fl_reach_back_s(const struct fl_plan *plan)
{
    const struct fl_workflow *wf = plan->workflow;
    int64_t deepest = 0;

    for (size_t s = 0; s < wf->stage_count; s++) {
        const struct fl_expr *when = &plan->stages[s].when;

        for (size_t i = 0; i < when->leaf_count; i++)
            if (when->leaves[i].cycle_offset_s < deepest)
                deepest = when->leaves[i].cycle_offset_s;
        for (size_t i = 0; i < wf->stages[s].input_count; i++)
            for (size_t k = 0; k < wf->stages[s].inputs[i].source_count; k++) {
                int64_t offset_s = wf->stages[s].inputs[i].sources[k].cycle_offset_s;

                deepest = offset_s < deepest ? offset_s : deepest;
            }
    }
    return deepest;
}

/* True when a stage of an unfinished run may still take something from that cycle. */
static bool stage_needs(const struct fl_run *run, uint32_t s, struct fl_cycle cycle)
{
    const struct fl_stage *stage = &run->plan->workflow->stages[s];
    const struct fl_plan_stage *ps = &run->plan->stages[s];
    bool reaches = false;

    for (size_t i = 0; !reaches && i < ps->when.leaf_count; i++)
        reaches = ps->when.leaves[i].cycle_offset_s != 0 &&
                  run->cycle.s + ps->when.leaves[i].cycle_offset_s == cycle.s;
    for (size_t i = 0; !reaches && i < stage->input_count; i++)
        for (size_t k = 0; !reaches && k < stage->inputs[i].source_count; k++)
            reaches = stage->inputs[i].sources[k].cycle_offset_s != 0 &&
                      run->cycle.s + stage->inputs[i].sources[k].cycle_offset_s == cycle.s;
    for (size_t i = 0; !reaches && i < ps->when.leaf_count; i++)
        reaches = ps->kinds[i] == FL_TERM_FAR &&
                  run->cycle.s + ps->when.leaves[i].cycle_offset_s == cycle.s;
    for (uint32_t i = ps->inst_first; reaches && i < ps->inst_first + ps->inst_count; i++)
        if (!run->insts[i].final)
            return true;
    return false;
}

/* True when a trigger of an unfinished run, of whatever workflow, still counts in the old one. */
static bool is_counted(const struct fl_run *run, const struct fl_run *old)
{
    for (uint32_t i = 0; run->fars && i < run->plan->far_count; i++)
        if (run->fars[i].target == old->index && !run->insts[run->fars[i].inst].final)
            return true;
    return false;
}

bool fl_needed_by_runs(const struct fl_core *core, const struct fl_run *old)
{
    const char *name = old->plan->workflow->name;

    for (size_t a = 0; a < core->active_count; a++) {
        const struct fl_run *run = core->runs[core->active[a]];

        if (is_counted(run, old))
            return true;
        if (old->variant || strcmp(run->plan->workflow->name, name) != 0)
            continue;
        for (uint32_t s = 0; s < run->plan->stage_count; s++)
            if (run->plan->stages[s].far_count > 0 && stage_needs(run, s, old->cycle))
                return true;
    }
    return false;
}

/* How far back the cycles of a flow reach into those of a workflow [s]; false: not at all. */
static bool reach_into(const struct fl_flow *flow, const char *workflow, int64_t *ret_s)
{
    const struct fl_plan *plan = flow->plan;
    bool reaches = strcmp(flow->name, workflow) == 0;

    *ret_s = reaches ? fl_reach_back_s(plan) : 0;
    for (size_t s = 0; s < plan->stage_count; s++) {
        const struct fl_expr *when = &plan->stages[s].when;

        for (size_t i = 0; i < when->leaf_count; i++) {
            if (!when->leaves[i].workflow || strcmp(when->leaves[i].workflow, workflow) != 0)
                continue;
            if (!reaches || when->leaves[i].cycle_offset_s < *ret_s)
                *ret_s = when->leaves[i].cycle_offset_s;
            reaches = true;
        }
    }
    return reaches;
}

/* The latest cycle of a workflow that has an official run. */
static struct fl_cycle newest_of(const struct fl_core *core, const char *workflow)
{
    struct fl_cycle newest = {INT64_MIN};

    for (size_t r = 0; r < core->run_count; r++) {
        const struct fl_run *run = core->runs[r];

        if (run && !run->variant && run->cycle.s > newest.s &&
            strcmp(run->plan->workflow->name, workflow) == 0)
            newest = run->cycle;
    }
    return newest;
}

bool fl_needed_later(const struct fl_core *core, const struct fl_run *old)
{
    const char *name = old->plan->workflow->name;
    int64_t back_s;

    if (old->variant)
        return false; /* only official runs are reached from others */
    for (size_t i = 0; i < core->flow_count; i++) {
        const struct fl_flow *flow = core->flows[i];

        if (!flow->removed && flow->has_next && reach_into(flow, name, &back_s) &&
            old->cycle.s >= flow->next.s + back_s)
            return true;
    }
    back_s = fl_reach_back_s(old->plan);
    return back_s < 0 && old->cycle.s >= newest_of(core, name).s + back_s;
}
