/* Deadlines, watched. */
#include "config.h"

#include "engine/core/deadline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/apply.h"
#include "engine/core/clock.h"
#include "engine/core/launch.h"

#include "engine/base/banned.h"

#define NS INT64_C(1000000000)
#define NEVER (INT64_MAX / 4) /* nothing of the stage is on the way */

/* ---- the plan ---- */

static void earlier(int64_t *latest_s, int64_t s)
{
    *latest_s = s < *latest_s ? s : *latest_s;
}

/* A stage that comes before another has to have ended when that one starts. */
static void pass_back(const struct fl_plan *plan, uint32_t s, int64_t *latest_s)
{
    const struct fl_stage *stages = plan->workflow->stages;
    const struct fl_expr *when = &plan->stages[s].when;

    for (size_t i = 0; i < stages[s].input_count; i++)
        for (size_t k = 0; k < stages[s].inputs[i].source_count; k++) {
            const struct fl_source *source = &stages[s].inputs[i].sources[k];

            if (source->stage != FL_NONE && source->cycle_offset_s == 0)
                earlier(&latest_s[source->stage], latest_s[s] - stages[source->stage].expect_s);
        }
    for (size_t i = 0; i < when->leaf_count; i++) {
        int32_t before = when->leaves[i].stage;

        if (before != FL_NONE && (uint32_t)before < s && when->leaves[i].cycle_offset_s == 0)
            earlier(&latest_s[before], latest_s[s] - stages[before].expect_s);
    }
}

static int make_due(struct fl_plan *plan, uint32_t s, size_t row, struct fl_due *due)
{
    const struct fl_stage *stage = &plan->workflow->stages[s];

    due->stage = s;
    due->row = (uint32_t)row;
    due->by_s = stage->deadlines[row].by_s;
    due->latest_s = malloc(((size_t)s + 1) * sizeof(*due->latest_s));
    if (!due->latest_s)
        return FL_E_NOMEM;
    for (uint32_t i = 0; i <= s; i++)
        due->latest_s[i] = NEVER;
    due->latest_s[s] = due->by_s - stage->expect_s;
    for (uint32_t i = s + 1; i-- > 0;)
        if (due->latest_s[i] < NEVER)
            pass_back(plan, i, due->latest_s);
    return 0;
}

int fl_plan_dues(struct fl_plan *plan, struct fl_err *reterr)
{
    size_t count = 0;
    int rc = 0;

    for (size_t s = 0; s < plan->stage_count; s++)
        count += plan->workflow->stages[s].deadline_count;
    if (count == 0)
        return 0;
    plan->dues = calloc(count, sizeof(*plan->dues));
    for (uint32_t s = 0; plan->dues && rc == 0 && s < plan->stage_count; s++)
        for (size_t row = 0; rc == 0 && row < plan->workflow->stages[s].deadline_count; row++)
            rc = make_due(plan, s, row, &plan->dues[plan->due_count++]);
    if (rc < 0 || !plan->dues)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the plan of a workflow");
    return 0;
}

/* ---- a run ---- */

static const struct fl_leads *leads_of(const struct fl_run *run, const struct fl_due *due)
{
    return &run->plan->workflow->stages[due->stage].deadlines[due->row].leads;
}

/* Which products a deadline is about: a set with steps of an hour is a range of any leads. */
static bool is_meant(const struct fl_leads *leads, struct fl_lead lead)
{
    int64_t after = (int64_t)lead.minutes - leads->first.minutes;

    if (leads->step_minutes == INT32_MAX) /* all */
        return true;
    return after >= 0 && lead.minutes <= leads->last.minutes &&
           (leads->step_minutes <= 60 || after % leads->step_minutes == 0);
}

static bool inst_is_meant(const struct fl_run *run, const struct fl_due *due, uint32_t inst)
{
    struct fl_lead lead;

    return !fl_plan_inst_lead(run->plan, inst, &lead) || is_meant(leads_of(run, due), lead);
}

/* Products of a deadline that are not there; the first of them. */
static uint32_t count_late(const struct fl_run *run, const struct fl_due *due, uint32_t *ret_first)
{
    const struct fl_plan_stage *ps = &run->plan->stages[due->stage];
    uint32_t count = 0;

    if (run->open[due->stage] == 0 && run->bad == 0)
        return 0;
    for (uint32_t i = ps->inst_first; i < ps->inst_first + ps->inst_count; i++) {
        const struct fl_inst *in = &run->insts[i];

        if ((in->final && fl_state_is_good(in->state)) || !inst_is_meant(run, due, i))
            continue;
        if (count++ == 0)
            *ret_first = i;
    }
    return count;
}

/* Something of a stage that has not started, though the products need it. */
static bool find_unstarted(const struct fl_run *run, const struct fl_due *due, uint32_t s,
                           uint32_t *ret_inst)
{
    const struct fl_plan_stage *ps = &run->plan->stages[s];

    for (uint32_t i = ps->inst_first; run->unstarted[s] > 0 && i < ps->inst_first + ps->inst_count;
         i++) {
        const struct fl_inst *in = &run->insts[i];

        if (in->try_count == 0 && !fl_state_is_end(in->state) && inst_is_meant(run, due, i)) {
            *ret_inst = i;
            return true;
        }
    }
    return false;
}

static int emit_due(const struct fl_run *run, const struct fl_due *due, enum fl_event_type type,
                    const struct fl_input *tick, struct fl_events *events, uint32_t late,
                    const char *why, struct fl_err *reterr)
{
    struct fl_event *event;
    int rc = fl_emit(events, type, tick->now_ns, run, UINT32_MAX, &event, reterr);

    if (rc == 0)
        rc = fl_emit_name(event, &event->stage, run, run->plan->workflow->stages[due->stage].name,
                          reterr);
    if (rc < 0)
        return rc;
    event->until_ns = fl_clock_after_ns(run, due->by_s);
    event->index = (int64_t)due->row + 1;
    event->files = late;
    event->who = "fairlead";
    return fl_emit_text(event, &event->why, why, reterr);
}

static int tell_passed(const struct fl_run *run, const struct fl_due *due,
                       const struct fl_input *tick, struct fl_events *events, struct fl_err *reterr)
{
    uint32_t first = 0;
    uint32_t late = count_late(run, due, &first);
    char title[FL_CORE_ID_MAX];
    char at[FL_TIME_TEXT_MAX];
    char text[FL_CORE_REASON_MAX];

    if (late == 0)
        return 0;
    fl_inst_title(run, first, title, sizeof(title));
    fl_cycle_format_extended((struct fl_cycle){run->cycle.s + due->by_s}, at);
    (void)snprintf(text, sizeof(text),
                   "the deadline %s has passed and %u product%s not there, from %.300s on, which "
                   "is %s; to see why: fairlead why '%s' '%.300s'",
                   at, late, late == 1 ? " is" : "s are", title,
                   fl_state_name(run->insts[first].state), run->name, title);
    return emit_due(run, due, FL_EVENT_DEADLINE_PASSED, tick, events, late, text, reterr);
}

static int tell_risk(const struct fl_run *run, const struct fl_due *due,
                     const struct fl_input *tick, struct fl_events *events, struct fl_err *reterr)
{
    uint32_t first = 0;
    uint32_t late = 0;

    for (uint32_t s = 0; s <= due->stage; s++) {
        int64_t rest_s = due->by_s - due->latest_s[s];
        char title[FL_CORE_ID_MAX];
        char at[FL_TIME_TEXT_MAX];
        char end[FL_TIME_TEXT_MAX];
        char took[FL_TIME_TEXT_MAX];
        char text[FL_CORE_REASON_MAX];
        uint32_t inst;

        if (due->latest_s[s] == NEVER || rest_s <= 0 ||
            fl_clock_after_ns(run, due->latest_s[s]) >= tick->now_ns ||
            !find_unstarted(run, due, s, &inst))
            continue;
        late = count_late(run, due, &first);
        if (late == 0)
            return 0;
        fl_inst_title(run, inst, title, sizeof(title));
        fl_cycle_format_extended((struct fl_cycle){run->cycle.s + due->by_s}, at);
        fl_cycle_format_extended((struct fl_cycle){tick->now_ns / NS + rest_s}, end);
        fl_duration_format(rest_s, took);
        (void)snprintf(text, sizeof(text),
                       "the deadline %s will be missed: %.300s has not started, and it takes %s "
                       "from there: %s; %u product%s at risk; to see why: fairlead why '%s' "
                       "'%.300s'",
                       at, title, took, end, late, late == 1 ? " is" : "s are", run->name, title);
        return emit_due(run, due, FL_EVENT_DEADLINE_AT_RISK, tick, events, late, text, reterr);
    }
    return 0;
}

int fl_deadline_advance(const struct fl_core *core, const struct fl_input *tick,
                        struct fl_events *events, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t a = 0; rc == 0 && a < core->active_count; a++) {
        const struct fl_run *run = core->runs[core->active[a]];

        for (uint32_t d = 0; rc == 0 && d < run->plan->due_count; d++) {
            const struct fl_due *due = &run->plan->dues[d];
            int64_t at_ns = fl_clock_after_ns(run, due->by_s);

            if (at_ns == INT64_MIN || (run->due_told[d] & FL_DUE_PASSED) || run->cancel_asked)
                continue;
            if (at_ns < tick->now_ns)
                rc = tell_passed(run, due, tick, events, reterr);
            else if (!(run->due_told[d] & FL_DUE_RISK))
                rc = tell_risk(run, due, tick, events, reterr);
        }
    }
    return rc;
}

int fl_apply_deadline(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_run *run;
    int rc = fl_apply_find(core, event, &run, NULL, reterr);

    for (uint32_t d = 0; rc == 0 && d < run->plan->due_count; d++) {
        const struct fl_due *due = &run->plan->dues[d];

        if (strcmp(run->plan->workflow->stages[due->stage].name, event->stage) == 0 &&
            event->index == (int64_t)due->row + 1) {
            run->due_told[d] |=
                event->type == FL_EVENT_DEADLINE_PASSED ? FL_DUE_PASSED : FL_DUE_RISK;
            return 0;
        }
    }
    return rc < 0 ? rc : fl_apply_bug(event, reterr, "no such deadline");
}

/* Something of the run happens just after these. */
static void sooner(int64_t *next, int64_t at_ns, int64_t since_ns)
{
    if (at_ns != INT64_MIN && at_ns + 1 > since_ns && at_ns + 1 < *next)
        *next = at_ns + 1;
}

int64_t fl_deadline_timer_ns(const struct fl_core *core, int64_t since_ns)
{
    int64_t next = INT64_MAX;

    for (size_t a = 0; a < core->active_count; a++) {
        const struct fl_run *run = core->runs[core->active[a]];

        for (uint32_t d = 0; d < run->plan->due_count && !run->cancel_asked; d++) {
            const struct fl_due *due = &run->plan->dues[d];

            if (run->due_told[d] & FL_DUE_PASSED || run->open[due->stage] == 0)
                continue;
            sooner(&next, fl_clock_after_ns(run, due->by_s), since_ns);
            for (uint32_t s = 0; !(run->due_told[d] & FL_DUE_RISK) && s <= due->stage; s++)
                if (due->latest_s[s] < due->by_s && run->unstarted[s] > 0)
                    sooner(&next, fl_clock_after_ns(run, due->latest_s[s]), since_ns);
        }
    }
    return next;
}
