/* apply(state, event): the only place where the state changes. Also what follows inside the state
 * at once: terms counted down, instances becoming ready or impossible. */
#include "config.h"

#include "engine/core/apply.h"
#include "engine/core/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

int fl_apply_bug(const struct fl_event *event, struct fl_err *reterr, const char *what)
{
    return fl_err_set(reterr, FL_E_BUG, 0, "event %llu %s of '%s' %s %s contradicts the state: %s",
                      (unsigned long long)event->seq.v, fl_event_type_name(event->type),
                      event->run ? event->run : "", event->stage ? event->stage : "",
                      event->key ? event->key : "", what);
}

int fl_list_push(uint32_t **list, size_t *count, size_t *room, uint32_t v, struct fl_err *reterr)
{
    if (*count == *room) {
        size_t more = *room ? *room * 2 : 16;
        uint32_t *items = realloc(*list, more * sizeof(*items));

        if (!items)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the state of the runs");
        *list = items;
        *room = more;
    }
    (*list)[(*count)++] = v;
    return 0;
}

/* What is ready in the pool of an instance. */
static struct fl_ready *ready_of(const struct fl_run *run, uint32_t inst)
{
    return &run->ready[fl_inst_stage(run, inst)->pool];
}

static bool is_before_start(enum fl_state state)
{
    return state == FL_STATE_WAITING || state == FL_STATE_READY || state == FL_STATE_HELD;
}

/* The first launch, an end without one, or all from the beginning again. */
static void count_started(struct fl_run *run, uint32_t inst, enum fl_happening happening,
                          enum fl_state next)
{
    const struct fl_inst *in = &run->insts[inst];
    uint32_t *unstarted = &run->unstarted[run->plan->inst_stage[inst]];

    if (happening == FL_HAPPEN_LAUNCH && in->try_count == 1)
        (*unstarted)--;
    else if (in->try_count == 0 && is_before_start(in->state) && !is_before_start(next))
        (*unstarted)--;
    else if (in->try_count == 0 && !is_before_start(in->state) && is_before_start(next))
        (*unstarted)++;
}

int fl_inst_happen(struct fl_run *run, uint32_t inst, enum fl_happening happening,
                   struct fl_err *reterr)
{
    struct fl_inst *in = &run->insts[inst];
    enum fl_state next = fl_state_next(in->state, happening);
    char title[FL_CORE_ID_MAX];

    if (next == FL_STATE_COUNT) {
        fl_inst_title(run, inst, title, sizeof(title));
        return fl_err_set(reterr, FL_E_BUG, 0, "run '%s' %s: %s while %s", run->name, title,
                          fl_happening_name(happening), fl_state_name(in->state));
    }
    count_started(run, inst, happening, next);
    run->undecided -= in->undecided; /* it was lost; now it is known what follows */
    in->undecided = false;
    run->counts[in->state]--;
    run->counts[next]++;
    if (in->state == FL_STATE_READY) {
        fl_bits_drop(&ready_of(run, inst)->set, inst);
        run->ready_total--;
        if (in->not_before_ns)
            fl_bits_drop(&run->timers, inst);
    }
    in->state = next;
    if (next == FL_STATE_LAUNCHED)
        fl_bits_add(&run->live, inst);
    else if (next != FL_STATE_RUNNING)
        fl_bits_drop(&run->live, inst);
    if (next == FL_STATE_READY) {
        fl_bits_add(&ready_of(run, inst)->set, inst);
        run->ready_total++;
        if (in->not_before_ns)
            fl_bits_add(&run->timers, inst);
    }
    return 0;
}

static uint32_t *terms_of(const struct fl_run *run, uint32_t inst)
{
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[inst]];

    return &run->pending[ps->term_first + fl_plan_inst_k(run->plan, inst) * ps->term_count];
}

static bool needs_met(const struct fl_run *run, uint32_t inst)
{
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[inst]];
    const uint32_t *pending = terms_of(run, inst);

    for (uint32_t t = (uint32_t)ps->when.leaf_count; t < ps->term_count; t++)
        if (pending[t])
            return false;
    return fl_expr_value(&ps->when, pending);
}

int fl_apply_try_wait(struct fl_run *run, uint32_t inst, struct fl_err *reterr)
{
    if (run->insts[inst].state != FL_STATE_READY || needs_met(run, inst))
        return 0;
    return fl_inst_happen(run, inst, FL_HAPPEN_NEEDS_UNMET, reterr);
}

int fl_apply_try_ready(struct fl_run *run, uint32_t inst, int64_t now_ns, struct fl_err *reterr)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    struct fl_inst *in = &run->insts[inst];

    if (in->state != FL_STATE_WAITING || in->doom || !needs_met(run, inst))
        return 0;
    in->ready_ns = now_ns;
    if (stage->has_at && fl_clock_after_ns(run, stage->at_s) > in->not_before_ns &&
        fl_clock_after_ns(run, stage->at_s) > now_ns)
        in->not_before_ns = fl_clock_after_ns(run, stage->at_s);
    return fl_inst_happen(run, inst, FL_HAPPEN_NEEDS_MET, reterr);
}

/* An input can never come: advance will end the instance, or cancel it. */
static int doom(struct fl_run *run, uint32_t inst, uint32_t slot_plus_1)
{
    struct fl_inst *in = &run->insts[inst];

    if (in->doom || in->final)
        return 0;
    in->doom = slot_plus_1;
    fl_bits_add(&run->doomed, inst);
    return 0;
}

void fl_apply_spare(struct fl_run *run, uint32_t inst)
{
    fl_bits_drop(&run->doomed, inst);
    run->insts[inst].doom = 0;
}

/* Looks again at a bridge, a first_of or a followed input. */
static int look_again(struct fl_core *core, struct fl_run *run, uint32_t inst, uint32_t term,
                      struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[inst]];
    enum fl_resolve result;
    uint32_t why;
    int rc;

    if (run->insts[inst].final)
        return 0;
    rc = fl_resolve_input(core, run, inst, term - (uint32_t)ps->when.leaf_count, NULL, NULL,
                          &result, &why, reterr);
    if (rc < 0)
        return rc;
    if (ps->kinds[term] == FL_TERM_DYNAMIC)
        terms_of(run, inst)[term] = result == FL_RESOLVE_OK ? 0 : 1;
    return result == FL_RESOLVE_DOOM ? doom(run, inst, why) : 0;
}

/* All dynamic terms of a stage's instances that still wait (first look, or another run has
 * changed). */
static int look_at_stage(struct fl_core *core, struct fl_run *run, uint32_t s, int64_t now_ns,
                         struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = &run->plan->stages[s];
    int rc = 0;

    for (uint32_t i = ps->inst_first; rc == 0 && i < ps->inst_first + ps->inst_count; i++) {
        if (run->insts[i].state != FL_STATE_WAITING)
            continue;
        for (uint32_t t = (uint32_t)ps->when.leaf_count; rc == 0 && t < ps->term_count; t++)
            if (ps->kinds[t] == FL_TERM_DYNAMIC)
                rc = look_again(core, run, i, t, reterr);
        if (rc == 0)
            rc = fl_apply_try_ready(run, i, now_ns, reterr);
    }
    return rc;
}

int fl_apply_wake_all(struct fl_core *core, struct fl_run *run, int64_t now_ns,
                      struct fl_err *reterr)
{
    int rc = 0;

    for (uint32_t s = 0; rc == 0 && s < run->plan->stage_count; s++)
        rc = look_at_stage(core, run, s, now_ns, reterr);
    return rc;
}

/* Runs of other cycles may wait for what has just changed in this one. */
static int wake_others(struct fl_core *core, const struct fl_run *run, uint32_t stage,
                       int64_t now_ns, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t a = 0; rc == 0 && a < core->active_count; a++) {
        struct fl_run *other = core->runs[core->active[a]];

        if (!other->plan->crosses || other == run || other->counts[FL_STATE_WAITING] == 0 ||
            (other->plan == run->plan && !run->plan->reached[stage]) ||
            strcmp(other->plan->workflow->name, run->plan->workflow->name) != 0)
            continue;
        for (uint32_t s = 0; rc == 0 && s < other->plan->stage_count; s++)
            if (other->plan->stages[s].crosses)
                rc = look_at_stage(core, other, s, now_ns, reterr);
    }
    return rc;
}

static int slot_changed_for(struct fl_core *core, struct fl_run *run, const struct fl_dep *dep,
                            enum fl_slot_state was, enum fl_slot_state is, uint32_t slot,
                            struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[dep->inst]];
    uint32_t *pending = &terms_of(run, dep->inst)[dep->term];

    if (dep->term < ps->when.leaf_count) {
        if (was == FL_SLOT_PENDING && *pending > 0)
            (*pending)--;
        return 0;
    }
    switch (ps->kinds[dep->term]) {
    case FL_TERM_INPUT:
        if (is == FL_SLOT_ABSENT)
            return doom(run, dep->inst, slot + 1);
        if (*pending > 0)
            (*pending)--;
        return 0;
    case FL_TERM_DYNAMIC:
        return look_again(core, run, dep->inst, dep->term, reterr);
    case FL_TERM_FOLLOW:
        return is == FL_SLOT_ABSENT ? look_again(core, run, dep->inst, dep->term, reterr) : 0;
    case FL_TERM_LEAF:
        break;
    }
    fl_assert(false);
    return 0;
}

int fl_apply_slot_changed(struct fl_core *core, struct fl_run *run, uint32_t slot,
                          enum fl_slot_state was, int64_t now_ns, struct fl_err *reterr)
{
    const struct fl_plan *plan = run->plan;
    int rc = 0;

    for (uint32_t d = plan->slot_dep_first[slot]; rc == 0 && d < plan->slot_dep_first[slot + 1];
         d++) {
        const struct fl_dep *dep = &plan->slot_deps[d];

        rc = slot_changed_for(core, run, dep, was, run->slots[slot].state, slot, reterr);
        if (rc == 0)
            rc = fl_apply_try_ready(run, dep->inst, now_ns, reterr);
    }
    return rc < 0 ? rc : wake_others(core, run, plan->slots[slot].stage, now_ns, reterr);
}

/* True when an ended instance makes a leaf of that mode true. */
static bool leaf_met(const struct fl_inst *in, enum fl_expr_mode mode)
{
    if (mode == FL_EXPR_ENDED)
        return true;
    if (in->set) /* by a person: skipped means that it is not needed */
        return fl_state_is_good(in->state);
    return in->state == FL_STATE_SKIPPED ? in->doom != 0 : fl_state_is_good(in->state);
}

static void count_down(struct fl_run *run, uint32_t inst, const struct fl_dep *dep)
{
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[dep->inst]];
    uint32_t *pending = &terms_of(run, dep->inst)[dep->term];

    if (leaf_met(&run->insts[inst], ps->when.leaves[dep->term].mode) && *pending > 0)
        (*pending)--;
}

/* What ended badly and was optional marks the run. */
static int mark_optional(struct fl_run *run, uint32_t inst, struct fl_err *reterr)
{
    char title[FL_CORE_ID_MAX];
    char text[FL_CORE_REASON_MAX];

    if (!fl_inst_stage(run, inst)->optional || run->insts[inst].state == FL_STATE_EXPIRED)
        return 0; /* an expiry has its own mark */
    fl_inst_title(run, inst, title, sizeof(title));
    (void)snprintf(text, sizeof(text), "%s, which is optional, was %s", title,
                   fl_state_name(run->insts[inst].state));
    return fl_marks_add_one(&run->marks, text, NULL, reterr);
}

int fl_apply_finished(struct fl_core *core, struct fl_run *run, uint32_t inst, int64_t now_ns,
                      struct fl_err *reterr)
{
    const struct fl_plan *plan = run->plan;
    int rc = 0;

    run->insts[inst].final = true;
    run->open[plan->inst_stage[inst]]--;
    fl_bits_drop(&run->doomed, inst);
    if (!fl_state_is_good(run->insts[inst].state))
        rc = mark_optional(run, inst, reterr);
    if (rc == 0 && !fl_state_is_good(run->insts[inst].state))
        fl_bits_add(&run->failed, inst);
    for (uint32_t d = plan->inst_dep_first[inst]; rc == 0 && d < plan->inst_dep_first[inst + 1];
         d++) {
        const struct fl_dep *dep = &plan->inst_deps[d];

        count_down(run, inst, dep);
        rc = fl_apply_try_ready(run, dep->inst, now_ns, reterr);
    }
    return rc < 0 ? rc : wake_others(core, run, plan->inst_stage[inst], now_ns, reterr);
}

void fl_apply_recount(struct fl_run *run)
{
    const struct fl_plan *plan = run->plan;

    memcpy(run->pending, plan->pending, (size_t)plan->term_count * sizeof(*run->pending));
    for (uint32_t slot = 0; slot < plan->slot_count; slot++) {
        if (run->slots[slot].state == FL_SLOT_PENDING)
            continue;
        for (uint32_t d = plan->slot_dep_first[slot]; d < plan->slot_dep_first[slot + 1]; d++) {
            const struct fl_dep *dep = &plan->slot_deps[d];
            const struct fl_plan_stage *ps = &plan->stages[plan->inst_stage[dep->inst]];
            uint32_t *pending = &terms_of(run, dep->inst)[dep->term];
            bool counts =
                dep->term < ps->when.leaf_count || (ps->kinds[dep->term] == FL_TERM_INPUT &&
                                                    run->slots[slot].state == FL_SLOT_ACCEPTED);

            if (counts && *pending > 0)
                (*pending)--;
        }
    }
    for (uint32_t inst = 0; inst < plan->inst_count; inst++)
        if (run->insts[inst].final)
            for (uint32_t d = plan->inst_dep_first[inst]; d < plan->inst_dep_first[inst + 1]; d++)
                count_down(run, inst, &plan->inst_deps[d]);
}
