/* What can no longer come, seen through the graph: outputs of what has failed, and of all that
 * waits for them. A running stage that follows such an output would wait for ever and is asked to
 * stop. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/decide.h"

#include "engine/base/banned.h"

struct looking {
    const struct fl_run *run;
    uint32_t *hopeless; /* a number a term: how many of its needs can never be met */
    bool *stop;         /* instances that follow what can no longer come */
    bool *over;         /* instances that bring no more; or NULL */
};

static uint32_t term_at(const struct fl_run *run, const struct fl_dep *dep)
{
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[dep->inst]];

    return ps->term_first + fl_plan_inst_k(run->plan, dep->inst) * ps->term_count + dep->term;
}

/* Of a bridge only the member itself counts: its neighbours matter only when it is absent. */
static bool is_own_member(const struct fl_run *run, const struct fl_dep *dep, uint32_t input,
                          uint32_t slot)
{
    struct fl_lead own;
    struct fl_lead lead;

    if (!fl_plan_inst_lead(run->plan, dep->inst, &own) ||
        !fl_plan_slot_lead(run->plan, slot, &lead))
        return true;
    return lead.minutes == own.minutes + fl_inst_stage(run, dep->inst)->inputs[input].shift_min;
}

static void slot_never_comes(struct looking *l, uint32_t slot)
{
    const struct fl_plan *plan = l->run->plan;

    for (uint32_t d = plan->slot_dep_first[slot]; d < plan->slot_dep_first[slot + 1]; d++) {
        const struct fl_dep *dep = &plan->slot_deps[d];
        const struct fl_plan_stage *ps = &plan->stages[plan->inst_stage[dep->inst]];
        uint32_t leaves = (uint32_t)ps->when.leaf_count;

        if (dep->term >= leaves && ps->kinds[dep->term] == FL_TERM_FOLLOW)
            l->stop[dep->inst] = true;
        else if (dep->term < leaves || ps->kinds[dep->term] != FL_TERM_DYNAMIC ||
                 is_own_member(l->run, dep, dep->term - leaves, slot))
            l->hopeless[term_at(l->run, dep)]++;
    }
}

/* True for an instance that has ended, or that waits for what can never be. */
static bool brings_no_more(const struct looking *l, uint32_t inst)
{
    const struct fl_plan_stage *ps = &l->run->plan->stages[l->run->plan->inst_stage[inst]];
    const uint32_t *terms =
        &l->hopeless[ps->term_first + fl_plan_inst_k(l->run->plan, inst) * ps->term_count];

    if (l->run->insts[inst].final)
        return true;
    if (l->run->insts[inst].state != FL_STATE_WAITING)
        return false;
    for (uint32_t t = (uint32_t)ps->when.leaf_count; t < ps->term_count; t++)
        if (terms[t])
            return true;
    return !fl_expr_value(&ps->when, terms);
}

static void look_at(struct looking *l, uint32_t inst)
{
    const struct fl_plan *plan = l->run->plan;
    const struct fl_stage *stage = fl_inst_stage(l->run, inst);
    const struct fl_plan_stage *ps = &plan->stages[plan->inst_stage[inst]];

    if (!brings_no_more(l, inst))
        return;
    if (l->over)
        l->over[inst] = true;
    for (size_t o = 0; o < stage->output_count; o++) {
        uint32_t first = fl_plan_inst_slot(plan, inst, o);

        for (uint32_t m = 0; m < ps->slot_own[o]; m++)
            if (l->run->slots[first + m].state == FL_SLOT_PENDING)
                slot_never_comes(l, first + m);
    }
    for (uint32_t d = plan->inst_dep_first[inst]; d < plan->inst_dep_first[inst + 1]; d++) {
        const struct fl_dep *dep = &plan->inst_deps[d];
        const struct fl_plan_stage *on = &plan->stages[plan->inst_stage[dep->inst]];

        if (on->when.leaves[dep->term].mode == FL_EXPR_SUCCEEDED &&
            !fl_state_is_good(l->run->insts[inst].state))
            l->hopeless[term_at(l->run, dep)]++;
    }
}

static int ask_to_stop(const struct fl_run *run, uint32_t inst, int64_t now_ns,
                       struct fl_events *events, struct fl_err *reterr)
{
    struct fl_event *event;
    int rc;

    if (run->insts[inst].state != FL_STATE_RUNNING ||
        fl_inst_last_try(&run->insts[inst])->cancel_asked)
        return 0;
    rc = fl_emit(events, FL_EVENT_CANCEL_ASKED, now_ns, run, inst, &event, reterr);
    if (rc < 0)
        return rc;
    event->who = "fairlead";
    event->why = "it follows what no longer comes, after a failure before it";
    return 0;
}

static int look(struct looking *l, struct fl_err *reterr)
{
    const struct fl_plan *plan = l->run->plan;

    l->hopeless = calloc((size_t)plan->term_count + 1, sizeof(*l->hopeless));
    l->stop = calloc((size_t)plan->inst_count + 1, sizeof(*l->stop));
    if (!l->hopeless || !l->stop)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory to look for what can no longer come");
    for (uint32_t i = 0; i < plan->inst_count; i++)
        look_at(l, i);
    return 0;
}

static void looking_release(struct looking *l)
{
    free(l->hopeless);
    free(l->stop);
}

int fl_find_over(const struct fl_run *run, bool *over, struct fl_err *reterr)
{
    struct looking l = {.run = run, .over = over};
    int rc = look(&l, reterr);

    looking_release(&l);
    return rc;
}

int fl_stop_hopeless(const struct fl_run *run, int64_t now_ns, struct fl_events *events,
                     struct fl_err *reterr)
{
    struct looking l = {.run = run};
    int rc = look(&l, reterr);

    for (uint32_t i = 0; rc == 0 && i < run->plan->inst_count; i++)
        if (l.stop[i])
            rc = ask_to_stop(run, i, now_ns, events, reterr);
    looking_release(&l);
    return rc;
}
