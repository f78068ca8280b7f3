/* What the state itself now allows: launches within the limits of the pools, ends of what cannot go
 * on. */
#include "config.h"

#include "engine/core/clock.h"
#include "engine/core/custody.h"
#include "engine/core/deadline.h"
#include "engine/core/flow.h"
#include "engine/core/launch.h"
#include "engine/core/paging.h"
#include "engine/core/starved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

#define ENDS_MAX 10000 /* of what cannot go on, in one call; the caller calls again */

struct advancing {
    const struct fl_core *core;
    const struct fl_input *tick;
    struct fl_events *events;
    size_t last; /* no more ends are added from this many events on */
};

static void doom_text(const struct fl_run *run, const struct fl_inst *in, char *text, size_t size)
{
    const struct fl_plan_slot *ps;
    const struct fl_slot *slot;
    char lead_text[FL_KEY_TEXT_MAX];

    if (in->doom == FL_DOOM_NO_CHOICE) {
        (void)snprintf(text, size, "none of the alternatives of an input is there");
        return;
    }
    ps = &run->plan->slots[in->doom - 1];
    slot = &run->slots[in->doom - 1];
    fl_plan_slot_key(run->plan, in->doom - 1, lead_text);
    (void)snprintf(text, size, "input %s.%s%s%s%s is absent: %.600s",
                   run->plan->workflow->stages[ps->stage].name,
                   run->plan->workflow->stages[ps->stage].outputs[ps->output].name,
                   *lead_text ? "(" : "", lead_text, *lead_text ? ")" : "",
                   fl_slot_cause(slot) ? fl_slot_cause(slot) : "no cause given");
}

/* An inserted transfer passes the absence on. */
static int pass_on_absence(const struct advancing *a, const struct fl_run *run, uint32_t inst,
                           struct fl_err *reterr)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_slot *from = &run->slots[run->insts[inst].doom - 1];
    int rc = 0;

    for (size_t o = 0; rc == 0 && o < stage->output_count; o++) {
        struct fl_event *event;

        rc = fl_emit(a->events, FL_EVENT_OUTPUT_ABSENT, a->tick->now_ns, run, inst, &event, reterr);
        if (rc == 0)
            rc = fl_decide_absent(run, inst, fl_plan_inst_slot(run->plan, inst, o), event,
                                  fl_slot_cause(from) ? fl_slot_cause(from) : "absent",
                                  fl_slot_age(from), reterr);
    }
    return rc;
}

/* One that runs is asked to stop; its worker says how it ended. */
static int stop_doomed(const struct advancing *a, const struct fl_run *run, uint32_t inst,
                       const char *why, struct fl_err *reterr)
{
    struct fl_event *event;
    int rc;

    if (fl_inst_last_try(&run->insts[inst])->cancel_asked)
        return 0;
    rc = fl_emit(a->events, FL_EVENT_CANCEL_ASKED, a->tick->now_ns, run, inst, &event, reterr);
    if (rc < 0)
        return rc;
    event->who = "fairlead";
    return fl_emit_text(event, &event->why, why, reterr);
}

/* What can never start is skipped, with what it waited for; what lacks a file without a rule for
 * that has failed. */
static int end_doomed(const struct advancing *a, const struct fl_run *run, uint32_t inst,
                      struct fl_err *reterr)
{
    const struct fl_inst *in = &run->insts[inst];
    bool never = in->doom == FL_DOOM_NEVER || in->doom == FL_DOOM_FOLLOW;
    bool passes_on =
        fl_inst_stage(run, inst)->kind == FL_STAGE_TRANSFER && fl_doom_is_absence(in->doom);
    char text[FL_CORE_REASON_MAX] = "it follows what no longer comes, after a failure before it";
    struct fl_event *event;
    int rc;

    if (fl_state_is_end(in->state))
        return 0;
    if (!never)
        doom_text(run, in, text, sizeof(text));
    if (in->state == FL_STATE_LAUNCHED || in->state == FL_STATE_RUNNING)
        return stop_doomed(a, run, inst, text, reterr);
    if (never && in->state == FL_STATE_WAITING) {
        fl_auto(fl_buf_release) struct fl_buf why;

        fl_buf_init(&why, FL_CORE_REASON_MAX);
        fl_why_blocked(a->core, run, inst, &why);
        return fl_emit_inst_ended(a->events, a->tick, run, inst, FL_STATE_SKIPPED, why.data, &event,
                                  reterr);
    }
    rc = fl_emit_inst_ended(a->events, a->tick, run, inst,
                            never || passes_on ? FL_STATE_SKIPPED : FL_STATE_FAILED, text, &event,
                            reterr);
    return rc < 0 || !passes_on ? rc : pass_on_absence(a, run, inst, reterr);
}

/* One that was skipped waits again: what it needs may still come. */
static int revive(const struct advancing *a, const struct fl_run *run, uint32_t inst,
                  struct fl_err *reterr)
{
    struct fl_event *event;
    int rc =
        fl_emit(a->events, FL_EVENT_INSTANCE_RETRY, a->tick->now_ns, run, inst, &event, reterr);

    if (rc < 0)
        return rc;
    event->attempt = (int64_t)run->insts[inst].try_count + 1;
    event->until_ns = a->tick->now_ns;
    event->who = "fairlead";
    event->why = "what it was skipped for may still come";
    return 0;
}

/* Triggers of the clock whose time has come. */
static int tell_time(const struct advancing *a, const struct fl_run *run, struct fl_err *reterr)
{
    const struct fl_plan *plan = run->plan;
    struct fl_event *event;
    size_t due = plan->clock_count;
    int rc;

    if (due > 0 && fl_clock_after_ns(run, 0) == INT64_MIN)
        return 0; /* its calendar has no clock */
    while (due > 0 && (plan->clocks[due - 1] <= run->clock_come_s ||
                       fl_clock_after_ns(run, plan->clocks[due - 1]) > a->tick->now_ns))
        due--;
    if (due == 0)
        return 0;
    rc = fl_emit(a->events, FL_EVENT_TIME_CAME, a->tick->now_ns, run, UINT32_MAX, &event, reterr);
    if (rc == 0)
        event->until_ns = fl_clock_after_ns(run, plan->clocks[due - 1]);
    return rc;
}

static int settle(const struct advancing *a, const struct fl_run *run, struct fl_err *reterr)
{
    int rc = tell_time(a, run, reterr);

    for (uint32_t i = fl_bits_next(&run->doomed, 0);
         rc == 0 && i != FL_BITS_NONE && a->events->count < a->last;
         i = fl_bits_next(&run->doomed, i + 1))
        rc = end_doomed(a, run, i, reterr);
    for (uint32_t i = fl_bits_next(&run->revived, 0);
         rc == 0 && i != FL_BITS_NONE && a->events->count < a->last && !run->cancel_asked;
         i = fl_bits_next(&run->revived, i + 1))
        rc = revive(a, run, i, reterr);
    return rc;
}

/* A net for what the terms do not tell: says why, when nothing else can go on and nothing is waited
 * for from outside. */
static int skip_blocked(const struct advancing *a, const struct fl_run *run, struct fl_err *reterr)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < run->plan->inst_count && a->events->count < a->last; i++) {
        fl_auto(fl_buf_release) struct fl_buf why = {0};
        struct fl_event *event;

        if (run->insts[i].state != FL_STATE_WAITING)
            continue;
        fl_buf_init(&why, FL_CORE_REASON_MAX);
        fl_why_blocked(a->core, run, i, &why);
        rc = fl_emit_inst_ended(a->events, a->tick, run, i, FL_STATE_SKIPPED, why.data, &event,
                                reterr);
    }
    return rc;
}

/* Ends a run when nothing of it can go on. */
static int end_run(const struct advancing *a, const struct fl_run *run, struct fl_err *reterr)
{
    const uint32_t *n = run->counts;
    enum fl_state state = FL_STATE_SUCCEEDED;
    struct fl_event *event;
    int rc;

    if (n[FL_STATE_READY] || n[FL_STATE_LAUNCHED] || n[FL_STATE_RUNNING] || n[FL_STATE_HELD] ||
        run->undecided)
        return 0;
    if (n[FL_STATE_WAITING]) {
        if (run->held || run->plan->outside)
            return 0;
        return skip_blocked(a, run, reterr);
    }
    if (fl_custody_holds_end(a->core, run, a->tick->now_ns))
        return 0;
    if (run->bad)
        state = FL_STATE_FAILED;
    if (n[FL_STATE_CANCELLED] && run->cancel_asked)
        state = FL_STATE_CANCELLED;
    rc = fl_emit(a->events, FL_EVENT_RUN_ENDED, a->tick->now_ns, run, UINT32_MAX, &event, reterr);
    if (rc == 0)
        event->state = fl_state_name(state);
    return rc;
}

/* Parameters that were set until now are what the workflow says again. */
static int expire_params(const struct advancing *a, const struct fl_run *run, struct fl_err *reterr)
{
    const struct fl_overrides *overrides = &run->overrides;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < overrides->count; i++) {
        const struct fl_override *override = &overrides->items[i];
        struct fl_event *event;

        if (override->until_ns == 0 || override->until_ns > a->tick->now_ns)
            continue;
        rc = fl_emit(a->events, FL_EVENT_PARAM_SET, a->tick->now_ns, run, UINT32_MAX, &event,
                     reterr);
        if (rc == 0)
            rc = fl_event_set_text(event, &event->stage, override->stage, reterr);
        if (rc == 0)
            rc = fl_event_set_text(event, &event->output, override->name, reterr);
        if (rc == 0)
            rc = fl_event_set_text(event, &event->who, "fairlead", reterr);
        if (rc == 0)
            rc =
                fl_event_set_text(event, &event->why, "the time it was set for has passed", reterr);
    }
    return rc;
}

int fl_core_advance(const struct fl_core *core, const struct fl_input *tick,
                    struct fl_events *events, struct fl_err *reterr)
{
    fl_auto(fl_launching_release) struct fl_launching launching = {
        .core = core, .tick = tick, .events = events};
    const struct advancing a = {
        .core = core, .tick = tick, .events = events, .last = events->count + ENDS_MAX};
    size_t before;
    int rc = 0;

    fl_assert(core);
    fl_assert(tick);
    fl_assert(events);
    before = events->count;
    rc = fl_flow_advance(core, tick, events, reterr);
    if (rc == 0)
        rc = fl_paging_advance(core, tick, events, reterr);
    if (rc == 0)
        rc = fl_clock_advance(core, tick, events, reterr);
    for (size_t r = 0; rc == 0 && r < core->active_count; r++)
        rc = settle(&a, core->runs[core->active[r]], reterr);
    for (size_t r = 0; rc == 0 && r < core->active_count; r++)
        rc = expire_params(&a, core->runs[core->active[r]], reterr);
    if (rc == 0)
        rc = fl_custody_advance(core, tick, events, reterr);
    if (rc == 0)
        rc = fl_deadline_advance(core, tick, events, reterr);
    if (rc < 0 || events->count > before)
        return rc; /* these change what may start */
    rc = fl_launch_all(&launching, reterr);
    if (rc == 0 && events->count == before) /* what is still ready waits for room */
        rc = fl_starved_advance(core, tick, events, reterr);
    for (size_t r = 0; rc == 0 && r < core->active_count; r++)
        rc = end_run(&a, core->runs[core->active[r]], reterr);
    return rc;
}

/* When the next trigger of the clock comes, or INT64_MAX. */
static int64_t next_clock_ns(const struct fl_run *run)
{
    const struct fl_plan *plan = run->plan;

    if (plan->clock_count == 0 || fl_clock_after_ns(run, 0) == INT64_MIN)
        return INT64_MAX;
    for (size_t i = 0; i < plan->clock_count; i++)
        if (plan->clocks[i] > run->clock_come_s)
            return fl_clock_after_ns(run, plan->clocks[i]);
    return INT64_MAX;
}

static void sooner(int64_t *next, int64_t at_ns, int64_t since_ns)
{
    if (at_ns > since_ns && at_ns < *next)
        *next = at_ns;
}

int64_t fl_core_timer_after_ns(const struct fl_core *core, int64_t since_ns)
{
    int64_t next = fl_flow_timer_ns(core, since_ns);

    sooner(&next, fl_clock_timer_ns(core, since_ns), since_ns);
    sooner(&next, fl_custody_timer_ns(core, since_ns), since_ns);
    sooner(&next, fl_deadline_timer_ns(core, since_ns), since_ns);
    for (size_t r = 0; r < core->active_count; r++) {
        const struct fl_run *run = core->runs[core->active[r]];

        sooner(&next, fl_overrides_next_ns(&run->overrides), since_ns);
        sooner(&next, next_clock_ns(run), since_ns);
        if (fl_launch_may(core, run))
            sooner(&next, fl_timers_after_ns(&run->timers, run->insts, since_ns), since_ns);
    }
    return next;
}

int64_t fl_core_next_timer_ns(const struct fl_core *core)
{
    fl_auto(fl_launching_release) struct fl_launching launching = {.core = core};
    int64_t next = fl_flow_timer_ns(core, INT64_MIN);

    sooner(&next, fl_clock_timer_ns(core, INT64_MIN), INT64_MIN);
    sooner(&next, fl_custody_timer_ns(core, INT64_MIN), INT64_MIN);
    sooner(&next, fl_deadline_timer_ns(core, INT64_MIN), INT64_MIN);
    for (size_t r = 0; r < core->active_count; r++) {
        const struct fl_run *run = core->runs[core->active[r]];

        sooner(&next, fl_overrides_next_ns(&run->overrides), INT64_MIN);
        sooner(&next, next_clock_ns(run), INT64_MIN);
        /* a due attempt that finds no room waits for an end, not for time */
        for (uint32_t i = fl_bits_next(&run->timers.set, 0);
             fl_launch_may(core, run) && i != FL_BITS_NONE;
             i = fl_bits_next(&run->timers.set, i + 1))
            if (run->insts[i].not_before_ns < next && fl_launch_has_room(&launching, run, i))
                next = run->insts[i].not_before_ns;
    }
    return next;
}
