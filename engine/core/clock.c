/* Too late to be useful. */
#include "config.h"

#include "engine/core/clock.h"

#include <stdio.h>

#include "engine/core/launch.h"

#include "engine/base/banned.h"

#define NS INT64_C(1000000000)

int64_t fl_clock_after_ns(const struct fl_run *run, int64_t after_s)
{
    if (fl_cycle_calendar(run->cycle) != FL_CALENDAR_STANDARD)
        return INT64_MIN;
    return (run->cycle.s + after_s) * NS;
}

/* Time after which stage s of a run is too late, when some of it has not started; else INT64_MAX.
 */
static int64_t expires_ns(const struct fl_run *run, uint32_t s)
{
    const struct fl_stage *stage = &run->plan->workflow->stages[s];
    int64_t at_ns = stage->has_expire ? fl_clock_after_ns(run, stage->expire_s) : INT64_MIN;

    return run->unstarted[s] == 0 || at_ns == INT64_MIN ? INT64_MAX : at_ns;
}

static int expire_stage(const struct fl_run *run, uint32_t s, const struct fl_input *tick,
                        struct fl_events *events, struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = &run->plan->stages[s];
    const struct fl_stage *stage = &run->plan->workflow->stages[s];
    char after[FL_TIME_TEXT_MAX];
    char at[FL_TIME_TEXT_MAX];
    char title[FL_CORE_ID_MAX];
    char text[FL_CORE_REASON_MAX];
    int rc = 0;

    fl_duration_format(stage->expire_s, after);
    fl_cycle_format_extended((struct fl_cycle){run->cycle.s + stage->expire_s}, at);
    for (uint32_t i = ps->inst_first; rc == 0 && i < ps->inst_first + ps->inst_count; i++) {
        const struct fl_inst *in = &run->insts[i];
        struct fl_event *event;

        if (in->try_count > 0 || (in->state != FL_STATE_WAITING && in->state != FL_STATE_READY &&
                                  in->state != FL_STATE_HELD))
            continue;
        (void)snprintf(text, sizeof(text),
                       "not started by %s (expire, cycle + %s): too late to be useful", at, after);
        rc = fl_emit_inst_ended(events, tick, run, i, FL_STATE_EXPIRED, text, &event, reterr);
        if (rc < 0)
            return rc;
        fl_inst_title(run, i, title, sizeof(title));
        (void)snprintf(text, sizeof(text), "%s: not started by %s", title, at);
        rc = fl_emit_text(event, &event->cause, text, reterr);
    }
    return rc;
}

int fl_clock_advance(const struct fl_core *core, const struct fl_input *tick,
                     struct fl_events *events, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t a = 0; a < core->active_count; a++) {
        const struct fl_run *run = core->runs[core->active[a]];

        for (size_t e = 0; rc == 0 && !run->cancel_asked && e < run->expiring_count; e++)
            if (expires_ns(run, run->expiring[e]) <= tick->now_ns)
                rc = expire_stage(run, run->expiring[e], tick, events, reterr);
    }
    return rc;
}

int64_t fl_clock_timer_ns(const struct fl_core *core, int64_t since_ns)
{
    int64_t next = INT64_MAX;

    for (size_t a = 0; a < core->active_count; a++) {
        const struct fl_run *run = core->runs[core->active[a]];

        for (size_t e = 0; !run->cancel_asked && e < run->expiring_count; e++) {
            int64_t at_ns = expires_ns(run, run->expiring[e]);

            if (at_ns > since_ns && at_ns < next)
                next = at_ns;
        }
    }
    return next;
}
