/* What a person says has become of an instance. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "engine/core/apply.h"
#include "engine/core/sourced.h"

#include "engine/base/banned.h"

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
static int forget_absences(struct fl_core *core, struct fl_run *run, uint32_t inst, int64_t now_ns,
                           struct fl_err *reterr)
{
    const struct fl_plan *plan = run->plan;
    const struct fl_plan_stage *ps = &plan->stages[plan->inst_stage[inst]];
    int rc = 0;

    for (size_t o = 0; rc == 0 && o < fl_inst_stage(run, inst)->output_count; o++) {
        uint32_t first = fl_plan_inst_slot(plan, inst, o);

        for (uint32_t i = first; rc == 0 && i < first + ps->slot_own[o]; i++) {
            if (run->slots[i].state != FL_SLOT_ABSENT)
                continue;
            fl_made_destroy(run->slots[i].made);
            run->slots[i] = (struct fl_slot){0};
            rc = fl_apply_slot_changed(core, run, i, FL_SLOT_ABSENT, now_ns, reterr);
        }
    }
    return rc;
}

/* What ended without an attempt, because of others, is looked at anew. */
static int look_anew(struct fl_core *core, struct fl_run *run, int64_t now_ns,
                     struct fl_err *reterr)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < run->plan->inst_count; i++) {
        struct fl_inst *in = &run->insts[i];
        struct fl_standing was = fl_standing_of(run, i);

        if (!in->final || in->set || in->try_count > 0 || in->state == FL_STATE_EXPIRED ||
            in->state == FL_STATE_CANCELLED)
            continue;
        rc = fl_inst_happen(run, i, FL_HAPPEN_SET_WAITING, reterr);
        if (rc == 0)
            rc = fl_apply_ended_as(core, run, i, false, &was, now_ns, reterr);
        if (rc == 0)
            rc = forget_absences(core, run, i, now_ns, reterr);
        (void)fl_text_set(&in->reason, NULL, NULL); /* clearing cannot fail */
    }
    if (rc == 0 && run->state != FL_STATE_RUNNING)
        return fl_apply_reopen(core, run, now_ns, reterr);
    for (uint32_t i = 0; rc == 0 && i < run->plan->inst_count; i++)
        rc = fl_apply_try_wait(run, i, reterr);
    return rc < 0 ? rc : fl_apply_wake_all(core, run, now_ns, reterr);
}

/* What is to wait again was set by nobody: the mark that said so goes. */
static int forget_mark(struct fl_run *run, uint32_t inst, struct fl_err *reterr)
{
    char start[FL_CORE_ID_MAX + 16];
    char title[FL_CORE_ID_MAX];

    fl_inst_title(run, inst, title, sizeof(title));
    (void)snprintf(start, sizeof(start), "%s was set ",
                   title); /* as fl_request_set_state says it */
    return fl_marks_drop(&run->marks, start, reterr);
}

int fl_apply_state_set(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    enum fl_state state = fl_state_from_name(event->state);
    struct fl_inst *in;
    struct fl_run *run;
    uint32_t inst;
    struct fl_standing was;
    int rc = fl_apply_find(core, event, &run, &inst, reterr);

    if (rc < 0)
        return rc;
    if (state == FL_STATE_COUNT || setting_of(state) == FL_HAPPENING_COUNT)
        return fl_apply_bug(event, reterr, "no state that can be set");
    in = &run->insts[inst];
    was = fl_standing_of(run, inst);
    rc = fl_inst_happen(run, inst, setting_of(state), reterr);
    if (rc == 0)
        rc = fl_text_set(&in->reason, event->cause ? event->cause : event->why, reterr);
    if (rc == 0 && event->cause)
        rc = fl_marks_add_one(&run->marks, event->cause, event->age, reterr);
    if (rc == 0 && in->set && state == FL_STATE_WAITING)
        rc = forget_mark(run, inst, reterr);
    if (rc < 0)
        return rc;
    in->set = state != FL_STATE_WAITING;
    in->held = false;
    in->doom = 0;
    rc =
        fl_apply_ended_as(core, run, inst, state != FL_STATE_WAITING, &was, event->time_ns, reterr);
    if (rc == 0 && state == FL_STATE_WAITING)
        fl_sourced_forget(run, inst);
    if (rc == 0 && state == FL_STATE_WAITING)
        rc = forget_absences(core, run, inst, event->time_ns, reterr);
    if (rc < 0 || (!was.final && state != FL_STATE_WAITING))
        return rc;
    return look_anew(core, run, event->time_ns, reterr);
}
