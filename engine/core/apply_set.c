/* What a person says has become of an instance. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "engine/core/apply.h"

#include "engine/base/banned.h"

void fl_apply_not_failed(struct fl_run *run, uint32_t inst)
{
    fl_bits_drop(&run->failed, inst);
}

/* FL_HAPPENING_COUNT for a state that cannot be set. */
static enum fl_happening setting_of(enum fl_state state)
{
    if (state == FL_STATE_SUCCEEDED)
        return FL_HAPPEN_SET_SUCCEEDED;
    if (state == FL_STATE_FAILED)
        return FL_HAPPEN_SET_FAILED;
    if (state == FL_STATE_SKIPPED)
        return FL_HAPPEN_SET_SKIPPED;
    return state == FL_STATE_WAITING ? FL_HAPPEN_SET_WAITING : FL_HAPPENING_COUNT;
}

/* Outputs that were absent may come again. */
static void forget_absences(struct fl_run *run, uint32_t inst)
{
    const struct fl_plan *plan = run->plan;
    const struct fl_plan_stage *ps = &plan->stages[plan->inst_stage[inst]];

    for (size_t o = 0; o < fl_inst_stage(run, inst)->output_count; o++) {
        struct fl_slot *slots = &run->slots[fl_plan_inst_slot(plan, inst, o)];

        for (uint32_t i = 0; i < ps->slot_own[o]; i++) {
            if (slots[i].state != FL_SLOT_ABSENT)
                continue;
            fl_made_destroy(slots[i].made);
            slots[i] = (struct fl_slot){0};
        }
    }
}

/* What ended without an attempt, because of others, is looked at anew. */
static int look_anew(struct fl_core *core, struct fl_run *run, int64_t now_ns,
                     struct fl_err *reterr)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < run->plan->inst_count; i++) {
        struct fl_inst *in = &run->insts[i];

        if (!in->final || in->set || in->try_count > 0 || in->state == FL_STATE_EXPIRED ||
            in->state == FL_STATE_CANCELLED)
            continue;
        rc = fl_inst_happen(run, i, FL_HAPPEN_SET_WAITING, reterr);
        run->open[run->plan->inst_stage[i]]++;
        in->final = false;
        fl_apply_spare(run, i);
        fl_apply_not_failed(run, i);
        forget_absences(run, i);
        (void)fl_text_set(&in->reason, NULL, NULL); /* clearing cannot fail */
    }
    if (rc == 0 && run->state != FL_STATE_RUNNING)
        return fl_apply_reopen(core, run, now_ns, reterr);
    fl_apply_recount(run);
    for (uint32_t i = 0; rc == 0 && i < run->plan->inst_count; i++)
        rc = fl_apply_try_wait(run, i, reterr);
    return rc < 0 ? rc : fl_apply_wake_all(core, run, now_ns, reterr);
}

int fl_apply_state_set(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    enum fl_state state = fl_state_from_name(event->state);
    struct fl_inst *in;
    struct fl_run *run;
    uint32_t inst;
    bool was_final;
    int rc = fl_apply_find(core, event, &run, &inst, reterr);

    if (rc < 0)
        return rc;
    if (state == FL_STATE_COUNT || setting_of(state) == FL_HAPPENING_COUNT)
        return fl_apply_bug(event, reterr, "no state that can be set");
    in = &run->insts[inst];
    was_final = in->final;
    rc = fl_inst_happen(run, inst, setting_of(state), reterr);
    if (rc == 0)
        rc = fl_text_set(&in->reason, event->why, reterr);
    if (rc == 0 && event->cause)
        rc = fl_marks_add_one(&run->marks, event->cause, event->age, reterr);
    if (rc < 0)
        return rc;
    in->set = state != FL_STATE_WAITING;
    in->held = false;
    fl_apply_spare(run, inst);
    if (!was_final && state != FL_STATE_WAITING)
        return fl_apply_finished(core, run, inst, event->time_ns, reterr);
    run->open[run->plan->inst_stage[inst]] += was_final && state == FL_STATE_WAITING;
    in->final = state != FL_STATE_WAITING;
    fl_apply_not_failed(run, inst);
    if (state == FL_STATE_FAILED)
        fl_bits_add(&run->failed, inst);
    if (state == FL_STATE_WAITING)
        forget_absences(run, inst);
    return rc < 0 ? rc : look_anew(core, run, event->time_ns, reterr);
}
