/* Terms counted up and down, and what follows from them at once. */
#include "config.h"

#include "engine/core/apply.h"
#include "engine/core/clock.h"
#include "engine/core/sourced.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

/* One change on its way to what waits for it. */
struct spreading {
    struct fl_core *core;
    struct fl_run *run;
    int64_t now_ns;
    bool quiet; /* only counted: the caller looks at all of the run afterwards */
    struct fl_err *reterr;
};

static const struct fl_plan_stage *stage_of(const struct fl_run *run, uint32_t inst)
{
    return &run->plan->stages[run->plan->inst_stage[inst]];
}

static size_t term_of(const struct fl_run *run, uint32_t inst)
{
    const struct fl_plan_stage *ps = stage_of(run, inst);

    return ps->term_first + (size_t)fl_plan_inst_k(run->plan, inst) * ps->term_count;
}

struct fl_term *fl_inst_terms(const struct fl_run *run, uint32_t inst)
{
    return &run->terms[term_of(run, inst)];
}

const struct fl_want *fl_inst_wants(const struct fl_run *run, uint32_t inst)
{
    return &run->plan->wants[term_of(run, inst)];
}

struct fl_standing fl_standing_of(const struct fl_run *run, uint32_t inst)
{
    const struct fl_inst *in = &run->insts[inst];

    return (struct fl_standing){
        .state = in->state,
        .final = in->final,
        .begun = in->begun,
        .passed_on = in->state == FL_STATE_SKIPPED && fl_doom_is_absence(in->doom),
        .not_needed = in->state == FL_STATE_SKIPPED && in->set,
        .progress = run->progress ? run->progress[inst] : INT32_MIN,
    };
}

static bool is_good(const struct fl_standing *s)
{
    return s->state == FL_STATE_SUCCEEDED || s->state == FL_STATE_REUSED || s->passed_on ||
           s->not_needed;
}

static bool end_is(const struct fl_standing *s, enum fl_leaf_state wanted)
{
    switch (wanted) {
    case FL_LEAF_SUCCEEDED:
        return is_good(s);
    case FL_LEAF_FAILED:
        return s->state == FL_STATE_FAILED || s->state == FL_STATE_TIMED_OUT ||
               s->state == FL_STATE_LOST;
    case FL_LEAF_TIMED_OUT:
        return s->state == FL_STATE_TIMED_OUT;
    case FL_LEAF_LOST:
        return s->state == FL_STATE_LOST;
    case FL_LEAF_CANCELLED:
        return s->state == FL_STATE_CANCELLED;
    case FL_LEAF_EXPIRED:
        return s->state == FL_STATE_EXPIRED;
    case FL_LEAF_SKIPPED:
        return s->state == FL_STATE_SKIPPED;
    case FL_LEAF_ENDED:
        return true;
    case FL_LEAF_STARTED:
        return s->begun;
    case FL_LEAF_STATE_COUNT:
        break;
    }
    fl_assert(false);
    return false;
}

int fl_counts_inst(const struct fl_expr_leaf *leaf, const struct fl_standing *standing)
{
    if (leaf->kind == FL_LEAF_PROGRESS && standing->progress >= leaf->lead.minutes)
        return 1;
    if (leaf->kind == FL_LEAF_STATE && leaf->state == FL_LEAF_STARTED && standing->begun)
        return 1;
    if (!standing->final)
        return 0;
    if (leaf->kind == FL_LEAF_PROGRESS)
        return is_good(standing) ? 1 : -1;
    return end_is(standing, leaf->state) ? 1 : -1;
}

int fl_counts_slot(const struct fl_expr_leaf *leaf, enum fl_slot_state state, bool maker_final)
{
    switch (state) {
    case FL_SLOT_ACCEPTED:
        return 1;
    case FL_SLOT_ABSENT: /* a trigger on all of them only waits until it is known of each */
        return leaf && leaf->many == FL_COUNT_ALL ? 1 : -1;
    case FL_SLOT_PENDING:
        return maker_final ? -1 : 0;
    }
    fl_assert(false);
    return 0;
}

void fl_term_adjust(struct fl_term *term, int was, int is)
{
    term->met -= was > 0;
    term->lost -= was < 0;
    term->met += is > 0;
    term->lost += is < 0;
}

/* ---- what an instance's terms come to ---- */

enum verdict { WAITS, MET, NEVER };

static enum verdict verdict(const struct fl_run *run, uint32_t inst, bool *ret_follow_lost)
{
    const struct fl_plan_stage *ps = stage_of(run, inst);
    const struct fl_term *terms = fl_inst_terms(run, inst);
    const struct fl_want *wants = fl_inst_wants(run, inst);
    bool waits = false;
    bool never = !fl_expr_possible(&ps->when, terms, wants);

    *ret_follow_lost = false;
    for (uint32_t t = (uint32_t)ps->when.leaf_count; t < ps->term_count; t++) {
        *ret_follow_lost |= ps->kinds[t] == FL_TERM_FOLLOW && terms[t].lost > 0;
        waits |= !fl_term_is_met(&terms[t], &wants[t]);
        never |= fl_term_is_never(&terms[t], &wants[t]);
    }
    if (never || *ret_follow_lost)
        return NEVER;
    return waits || !fl_expr_value(&ps->when, terms, wants) ? WAITS : MET;
}

void fl_apply_doom(struct fl_run *run, uint32_t inst, uint32_t doom)
{
    struct fl_inst *in = &run->insts[inst];

    if (in->doom || in->final)
        return;
    in->doom = doom;
    fl_bits_add(&run->doomed, inst);
}

int fl_apply_check(struct fl_core *core, struct fl_run *run, uint32_t inst, int64_t now_ns,
                   struct fl_err *reterr)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    struct fl_inst *in = &run->insts[inst];
    bool follow_lost;
    enum verdict is;

    (void)core;
    if (in->state == FL_STATE_HELD ||
        (in->final && (in->state != FL_STATE_SKIPPED || in->doom < FL_DOOM_FOLLOW ||
                       in->doom == FL_DOOM_NO_CHOICE)))
        return 0;
    is = verdict(run, inst, &follow_lost);
    if (in->final) {
        if (is == NEVER)
            fl_bits_drop(&run->revived, inst);
        else
            fl_bits_add(&run->revived, inst);
        return 0;
    }
    if (in->state == FL_STATE_WAITING && is != NEVER && in->doom == FL_DOOM_NEVER) {
        in->doom = 0; /* it was not ended yet */
        fl_bits_drop(&run->doomed, inst);
    }
    if (is == NEVER && in->state == FL_STATE_WAITING)
        fl_apply_doom(run, inst, FL_DOOM_NEVER);
    else if (follow_lost)
        fl_apply_doom(run, inst, FL_DOOM_FOLLOW);
    if (is != MET || in->state != FL_STATE_WAITING || in->doom)
        return 0;
    in->ready_ns = now_ns;
    if (stage->has_at && fl_clock_after_ns(run, stage->at_s) > in->not_before_ns &&
        fl_clock_after_ns(run, stage->at_s) > now_ns)
        in->not_before_ns = fl_clock_after_ns(run, stage->at_s);
    return fl_inst_happen(run, inst, FL_HAPPEN_NEEDS_MET, reterr);
}

int fl_apply_try_wait(struct fl_run *run, uint32_t inst, struct fl_err *reterr)
{
    bool follow_lost;

    if (run->insts[inst].state != FL_STATE_READY || verdict(run, inst, &follow_lost) == MET)
        return 0;
    return fl_inst_happen(run, inst, FL_HAPPEN_NEEDS_UNMET, reterr);
}

int fl_apply_look(struct fl_core *core, struct fl_run *run, uint32_t inst, uint32_t term,
                  struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = stage_of(run, inst);
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
        fl_inst_terms(run, inst)[term] =
            (struct fl_term){result == FL_RESOLVE_OK, result == FL_RESOLVE_DOOM};
    if (result == FL_RESOLVE_DOOM && why != FL_DOOM_NEVER) /* that follows from the term */
        fl_apply_doom(run, inst, why);
    return 0;
}

/* ---- spreading ---- */

static int step(const struct spreading *s, const struct fl_dep *dep, int was, int is)
{
    uint32_t number = dep->term & ~FL_DEP_SAYS;
    struct fl_term *term = &fl_inst_terms(s->run, dep->inst)[number];
    const struct fl_want *want = &fl_inst_wants(s->run, dep->inst)[number];
    struct fl_term before = *term;

    if (was == is)
        return 0;
    if (dep->term & FL_DEP_SAYS) /* all that are wanted might have been among them */
        term->lost += is < 0 ? want->need : -want->need;
    else
        fl_term_adjust(term, was, is);
    if (s->quiet || (fl_term_is_met(&before, want) == fl_term_is_met(term, want) &&
                     fl_term_is_never(&before, want) == fl_term_is_never(term, want) &&
                     (before.lost > 0) == (term->lost > 0)))
        return 0;
    return fl_apply_check(s->core, s->run, dep->inst, s->now_ns, s->reterr);
}

static int slot_for(const struct spreading *s, const struct fl_dep *dep, uint32_t slot,
                    enum fl_slot_state was, bool was_final)
{
    const struct fl_plan_stage *ps = stage_of(s->run, dep->inst);
    enum fl_slot_state is = s->run->slots[slot].state;
    bool is_final = fl_inst_is_over(s->run, s->run->plan->slots[slot].inst);
    const struct fl_expr_leaf *leaf = NULL;
    int rc = 0;

    switch (ps->kinds[dep->term]) {
    case FL_TERM_LEAF:
        leaf = &ps->when.leaves[dep->term];
        break;
    case FL_TERM_INPUT:
        if (is == FL_SLOT_ABSENT && was != is && !s->quiet)
            fl_apply_doom(s->run, dep->inst, slot + 1);
        break;
    case FL_TERM_FOLLOW:
        if (is == FL_SLOT_ABSENT && was != is && !s->quiet)
            rc = fl_apply_look(s->core, s->run, dep->inst, dep->term, s->reterr);
        if (rc < 0)
            return rc;
        return step(s, dep, was == FL_SLOT_PENDING && was_final ? -1 : 0,
                    is == FL_SLOT_PENDING && is_final ? -1 : 0);
    case FL_TERM_DYNAMIC:
        if (s->quiet)
            return 0;
        rc = fl_apply_look(s->core, s->run, dep->inst, dep->term, s->reterr);
        return rc < 0 ? rc : fl_apply_check(s->core, s->run, dep->inst, s->now_ns, s->reterr);
    case FL_TERM_FAR:
    case FL_TERM_GIVEN:
    case FL_TERM_UNDECLARED:
        return 0;
    }
    return step(s, dep, fl_counts_slot(leaf, was, was_final), fl_counts_slot(leaf, is, is_final));
}

static int spread_slot(const struct spreading *s, uint32_t slot, enum fl_slot_state was,
                       bool was_final)
{
    const struct fl_plan *plan = s->run->plan;
    int rc = 0;

    for (uint32_t d = plan->slot_dep_first[slot]; rc == 0 && d < plan->slot_dep_first[slot + 1];
         d++)
        rc = slot_for(s, &plan->slot_deps[d], slot, was, was_final);
    if (rc == 0 && !s->quiet && s->run->reach)
        rc = fl_far_slot_changed(s->core, s->run, slot, was, was_final, s->now_ns, s->reterr);
    return rc;
}

/* The outputs that an instance has not made come no more, or may come again. */
static int spread_outputs(const struct spreading *s, uint32_t inst, bool was_final)
{
    const struct fl_plan_stage *ps = stage_of(s->run, inst);
    size_t count = fl_inst_stage(s->run, inst)->output_count;
    int rc = 0;

    for (size_t o = 0; rc == 0 && o < count; o++) {
        uint32_t first = fl_plan_inst_slot(s->run->plan, inst, o);

        for (uint32_t m = 0; rc == 0 && m < ps->slot_own[o]; m++)
            if (s->run->slots[first + m].state == FL_SLOT_PENDING)
                rc = spread_slot(s, first + m, FL_SLOT_PENDING, was_final);
    }
    return rc;
}

static int spread_inst(const struct spreading *s, uint32_t inst, const struct fl_standing *was)
{
    const struct fl_plan *plan = s->run->plan;
    struct fl_standing is = fl_standing_of(s->run, inst);
    int rc = 0;

    for (uint32_t d = plan->inst_dep_first[inst]; rc == 0 && d < plan->inst_dep_first[inst + 1];
         d++) {
        const struct fl_dep *dep = &plan->inst_deps[d];
        const struct fl_plan_stage *ps = stage_of(s->run, dep->inst);

        if ((dep->term & FL_DEP_SAYS) ||
            ps->unknown[dep->term] != FL_NONE) /* it ends without having said the members */
            rc = step(s, dep, was->final ? -1 : 0, is.final ? -1 : 0);
        else
            rc = step(s, dep, fl_counts_inst(&ps->when.leaves[dep->term], was),
                      fl_counts_inst(&ps->when.leaves[dep->term], &is));
    }
    if (rc == 0 && (was->final && !was->passed_on) != (is.final && !is.passed_on))
        rc = spread_outputs(s, inst, was->final && !was->passed_on);
    if (rc == 0 && !s->quiet && s->run->reach)
        rc = fl_far_inst_changed(s->core, s->run, inst, was, s->now_ns, s->reterr);
    return rc;
}

int fl_apply_slot_changed(struct fl_core *core, struct fl_run *run, uint32_t slot,
                          enum fl_slot_state was, int64_t now_ns, struct fl_err *reterr)
{
    const struct spreading s = {core, run, now_ns, false, reterr};

    return spread_slot(&s, slot, was, fl_inst_is_over(run, run->plan->slots[slot].inst));
}

int fl_apply_inst_changed(struct fl_core *core, struct fl_run *run, uint32_t inst,
                          const struct fl_standing *was, int64_t now_ns, struct fl_err *reterr)
{
    const struct spreading s = {core, run, now_ns, false, reterr};

    return spread_inst(&s, inst, was);
}

int fl_apply_progress(struct fl_core *core, struct fl_run *run, uint32_t inst, int32_t minutes,
                      int64_t now_ns, struct fl_err *reterr)
{
    struct fl_standing was;

    if (!run->progress || minutes <= run->progress[inst])
        return 0;
    was = fl_standing_of(run, inst);
    run->progress[inst] = minutes;
    return fl_apply_inst_changed(core, run, inst, &was, now_ns, reterr);
}

/* ---- what is given from outside ---- */

static bool has_signal(const struct fl_run *run, const char *name)
{
    for (size_t i = 0; i < run->signal_count; i++)
        if (strcmp(run->signals[i], name) == 0)
            return true;
    return false;
}

static bool has_arrived(const struct fl_run *run, uint32_t inst, uint32_t leaf)
{
    for (size_t i = 0; i < run->arrival_count; i++)
        if (run->arrivals[i].inst == inst && run->arrivals[i].leaf == leaf)
            return true;
    return false;
}

/* 1: so it is; -1: it is not, and will not be by itself; 0: not yet. */
static int given_value(const struct fl_run *run, uint32_t inst, uint32_t t)
{
    const struct fl_expr_leaf *leaf = &stage_of(run, inst)->when.leaves[t];
    const struct fl_param *param;
    char text[64];
    bool come;

    switch (leaf->kind) {
    case FL_LEAF_EVENT:
        return has_signal(run, leaf->name) ? 1 : 0;
    case FL_LEAF_FILE:
        return has_arrived(run, inst, t) ? 1 : 0;
    case FL_LEAF_CLOCK:
        come = run->clock_come_s >= leaf->clock_s;
        if (leaf->negated)
            return come ? -1 : 1;
        return come ? 1 : 0;
    case FL_LEAF_PARAM:
        param = fl_workflow_param(run->plan->workflow, leaf->name);
        return fl_leaf_compare(
                   leaf, param->type,
                   fl_run_param(run, fl_inst_stage(run, inst)->name, param, text, sizeof(text)))
                   ? 1
                   : -1;
    case FL_LEAF_STATE:
    case FL_LEAF_OUTPUT:
    case FL_LEAF_PROGRESS:
    case FL_LEAF_SOURCE: /* is counted */
        break;
    }
    fl_assert(false);
    return 0;
}

static void give_all(struct fl_run *run, uint32_t inst)
{
    const struct fl_plan_stage *ps = stage_of(run, inst);
    struct fl_term *terms = fl_inst_terms(run, inst);

    for (uint32_t t = 0; t < ps->when.leaf_count; t++) {
        const struct fl_expr_leaf *leaf = &ps->when.leaves[t];
        int value;

        if (ps->kinds[t] != FL_TERM_GIVEN)
            continue;
        value = leaf->kind == FL_LEAF_SOURCE ? 0 : given_value(run, inst, t);
        if (leaf->kind == FL_LEAF_SOURCE)
            terms[t] = fl_sourced_count(run, inst, leaf);
        else
            terms[t] = (struct fl_term){value > 0, value < 0};
    }
}

static bool has_given(const struct fl_plan_stage *ps, enum fl_leaf_kind kind, const char *name)
{
    for (size_t i = 0; i < ps->when.leaf_count; i++)
        if (ps->when.leaves[i].kind == kind &&
            (!name || strcmp(ps->when.leaves[i].name, name) == 0))
            return true;
    return false;
}

int fl_apply_given(struct fl_core *core, struct fl_run *run, enum fl_leaf_kind kind,
                   const char *name, int64_t now_ns, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t s = 0; rc == 0 && s < run->plan->stage_count; s++) {
        const struct fl_plan_stage *ps = &run->plan->stages[s];
        bool asks = has_given(ps, kind, name);

        for (uint32_t k = 0; asks && rc == 0 && k < ps->inst_count; k++) {
            give_all(run, ps->inst_first + k);
            rc = fl_apply_check(core, run, ps->inst_first + k, now_ns, reterr);
        }
    }
    return rc;
}

int fl_apply_signal(struct fl_core *core, struct fl_run *run, const char *name, int64_t now_ns,
                    struct fl_err *reterr)
{
    char **signals;
    char *copy;

    if (has_signal(run, name))
        return 0;
    signals = realloc(run->signals, (run->signal_count + 1) * sizeof(char *));
    if (signals)
        run->signals = signals;
    copy = signals ? strdup(name) : NULL;
    if (!copy)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a signal");
    run->signals[run->signal_count++] = copy;
    return fl_apply_given(core, run, FL_LEAF_EVENT, name, now_ns, reterr);
}

int fl_apply_clock(struct fl_core *core, struct fl_run *run, int64_t after_s, int64_t now_ns,
                   struct fl_err *reterr)
{
    if (after_s <= run->clock_come_s)
        return 0;
    run->clock_come_s = after_s;
    return fl_apply_given(core, run, FL_LEAF_CLOCK, NULL, now_ns, reterr);
}

int fl_apply_arrival(struct fl_core *core, struct fl_run *run, uint32_t inst, uint32_t leaf,
                     int64_t now_ns, struct fl_err *reterr)
{
    struct fl_arrival *arrivals;

    if (has_arrived(run, inst, leaf))
        return 0;
    arrivals = realloc(run->arrivals, (run->arrival_count + 1) * sizeof(*arrivals));
    if (!arrivals)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the arrival of a file");
    run->arrivals = arrivals;
    arrivals[run->arrival_count++] = (struct fl_arrival){inst, leaf};
    give_all(run, inst);
    return fl_apply_check(core, run, inst, now_ns, reterr);
}

/* ---- all of a run ---- */

int fl_apply_wake(struct fl_core *core, struct fl_run *run, uint32_t inst, int64_t now_ns,
                  struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = stage_of(run, inst);
    int rc = 0;

    give_all(run, inst);
    for (uint32_t t = (uint32_t)ps->when.leaf_count;
         rc == 0 && run->insts[inst].state == FL_STATE_WAITING && t < ps->term_count; t++)
        if (ps->kinds[t] == FL_TERM_DYNAMIC)
            rc = fl_apply_look(core, run, inst, t, reterr);
    return rc < 0 ? rc : fl_apply_check(core, run, inst, now_ns, reterr);
}

int fl_apply_wake_all(struct fl_core *core, struct fl_run *run, int64_t now_ns,
                      struct fl_err *reterr)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < run->plan->inst_count; i++)
        rc = fl_apply_wake(core, run, i, now_ns, reterr);
    return rc;
}

int fl_apply_recount(struct fl_core *core, struct fl_run *run, struct fl_err *reterr)
{
    const struct spreading s = {core, run, 0, true, reterr};
    static const struct fl_standing blank = {.state = FL_STATE_WAITING, .progress = INT32_MIN};
    int rc = 0;

    memset(run->terms, 0, (size_t)run->plan->term_count * sizeof(*run->terms));
    for (uint32_t i = 0; rc == 0 && i < run->plan->inst_count; i++)
        rc = spread_inst(&s, i, &blank);
    for (uint32_t slot = 0; rc == 0 && slot < run->plan->slot_count; slot++)
        if (run->slots[slot].state != FL_SLOT_PENDING)
            rc = spread_slot(&s, slot, FL_SLOT_PENDING, false);
    return rc < 0 ? rc : fl_far_recount(core, run, reterr);
}
