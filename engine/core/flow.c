/* Which cycle comes next, which is skipped, which run is dropped. Pure: time is an input, and what
 * was made is known from the state alone. */
#include "config.h"

#include "engine/core/flow.h"
#include "engine/core/paging.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

#define NS INT64_C(1000000000)

struct fl_flow *fl_core_flow(const struct fl_core *core, const char *name)
{
    uint32_t v;

    return fl_names_find(&core->flow_names, name, &v) ? core->flows[v] : NULL;
}

struct fl_flow *fl_run_flow(const struct fl_core *core, const struct fl_run *run)
{
    return run->flow ? core->flows[run->flow - 1] : NULL;
}

void fl_flow_destroy(struct fl_flow *flow)
{
    if (!flow)
        return;
    free(flow->name);
    free(flow->rules);
    free(flow->ended);
    free(flow->who);
    free(flow->reason);
    free(flow->passed);
    free(flow);
}

static int rule_every(const struct fl_workflow *wf, const struct fl_cycle *from,
                      struct fl_recurrence *rule, struct fl_err *reterr)
{
    const struct fl_cycling *c = &wf->cycles;

    if (c->every_s <= 0)
        return fl_err_set(
            reterr, FL_E_CONFIG, 0,
            "workflow '%s' has no cycles; accepted: cycles = { every = \"PT6H\"; from "
            "= \"20261124T0000Z\"; }, or rules",
            wf->name);
    if (!from)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "workflow '%s' does not say from which cycle on: cycles.from, or --start",
                          wf->name);
    *rule = (struct fl_recurrence){.anchor = *from, .period = {0, c->every_s}};
    return 0;
}

int fl_flow_rules(const struct fl_workflow *wf, const struct fl_cycle *start,
                  struct fl_recurrence **ret_rules, size_t *ret_count, struct fl_err *reterr)
{
    const struct fl_cycling *c = &wf->cycles;
    const struct fl_cycle *from = c->has_from ? &c->from : start;
    size_t count = c->rule_count ? c->rule_count : 1;
    struct fl_recurrence *rules = calloc(count, sizeof(*rules));
    int rc = 0;

    if (!rules)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the cycles of '%s'", wf->name);
    if (c->rule_count == 0)
        rc = rule_every(wf, from, &rules[0], reterr);
    for (size_t i = 0; rc == 0 && i < c->rule_count; i++) {
        rc = fl_recurrence_parse(c->rules[i].rule, c->calendar, from, &rules[i], reterr);
        if (rc < 0)
            rc = fl_err_note(reterr, rc, "cycles.rules.%s", c->rules[i].name);
    }
    if (rc < 0) {
        free(rules);
        return rc;
    }
    *ret_rules = rules;
    *ret_count = count;
    return 0;
}

bool fl_flow_first(const struct fl_recurrence *rules, size_t count, struct fl_cycle from,
                   struct fl_cycle *ret_cycle, struct fl_rule_bits *ret_bits)
{
    struct fl_cycle best = {0};
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        int64_t index = fl_recurrence_at_or_after(&rules[i], from);
        struct fl_cycle at;

        if (index < 0 || !fl_recurrence_nth(&rules[i], index, &at) || (found && at.s >= best.s))
            continue;
        best = at;
        found = true;
    }
    if (!found)
        return false;
    *ret_bits = (struct fl_rule_bits){0};
    for (size_t i = 0; i < count; i++)
        if (fl_recurrence_find(&rules[i], best) >= 0)
            ret_bits->bits[i / 64] |= UINT64_C(1) << (i % 64);
    *ret_cycle = best;
    return true;
}

int fl_flow_check(const struct fl_recurrence *rules, size_t count, struct fl_cycle cycle,
                  struct fl_err *reterr)
{
    char asked[FL_TIME_TEXT_MAX];
    char text[FL_TIME_TEXT_MAX];
    char near[128] = "";
    struct fl_rule_bits bits;
    struct fl_cycle best = {0};
    struct fl_cycle at;
    bool before = false;

    for (size_t i = 0; i < count; i++) {
        int64_t index = fl_recurrence_at_or_before(&rules[i], cycle);

        if (index < 0 || !fl_recurrence_nth(&rules[i], index, &at))
            continue;
        if (at.s == cycle.s)
            return 0;
        if (!before || at.s > best.s)
            best = at;
        before = true;
    }
    if (count == 1)
        return fl_recurrence_check(&rules[0], cycle, reterr);
    if (before) {
        fl_cycle_format(best, text);
        (void)snprintf(near, sizeof(near), "%s", text);
    }
    if (fl_flow_first(rules, count, cycle, &at, &bits)) {
        fl_cycle_format(at, text);
        (void)snprintf(near + strlen(near), sizeof(near) - strlen(near), "%s%s",
                       before ? " and " : "", text);
    }
    fl_cycle_format(cycle, asked);
    return fl_err_set(reterr, FL_E_REFUSED, 0,
                      "cycle %s is not on any of the %zu recurrences; the nearest points are %s",
                      asked, count, near);
}

static bool stop_of(const struct fl_flow *flow, struct fl_cycle *ret_stop)
{
    const struct fl_cycling *c = &flow->plan->workflow->cycles;

    if (c->has_stop)
        *ret_stop = c->stop;
    if (flow->has_stop && (!c->has_stop || flow->stop.s < c->stop.s))
        *ret_stop = flow->stop;
    return c->has_stop || flow->has_stop;
}

/* The cycle after (or, without a last one, the first). */
static bool cycle_after(const struct fl_flow *flow, bool has_last, struct fl_cycle last,
                        struct fl_cycle *ret_cycle, struct fl_rule_bits *ret_bits)
{
    const struct fl_cycling *c = &flow->plan->workflow->cycles;
    struct fl_cycle from = {INT64_MIN};
    struct fl_cycle stop;

    if (c->has_from)
        from = c->from;
    if (flow->has_start && flow->start.s > from.s)
        from = flow->start;
    if (has_last && last.s >= from.s)
        from.s = last.s + 1;
    return fl_flow_first(flow->rules, flow->rule_count, from, ret_cycle, ret_bits) &&
           (!stop_of(flow, &stop) || ret_cycle->s <= stop.s);
}

void fl_flow_look(struct fl_flow *flow)
{
    flow->has_next = cycle_after(flow, flow->has_last, flow->last, &flow->next, &flow->next_rules);
}

/* When a cycle's run may be made. Cycles of a model's own calendar do not wait for a clock. */
static int64_t due_ns(const struct fl_flow *flow, struct fl_cycle cycle)
{
    if (fl_cycle_calendar(cycle) != FL_CALENDAR_STANDARD)
        return INT64_MIN;
    return (cycle.s - flow->plan->workflow->cycles.early_s) * NS;
}

struct flowing {
    const struct fl_core *core;
    const struct fl_input *tick;
    struct fl_events *events;
    const struct fl_flow *flow;
    struct fl_err *reterr;
    size_t round;
    uint32_t unfinished; /* with those made in this call */
    bool begun;
};

static int set_cycle(struct fl_event *event, struct fl_cycle cycle, struct fl_err *reterr)
{
    char text[FL_TIME_TEXT_MAX];

    fl_cycle_format(cycle, text);
    return fl_event_set_text(event, &event->cycle, text, reterr);
}

static int emit(const struct flowing *f, enum fl_event_type type, struct fl_event **ret_event)
{
    int rc = fl_emit(f->events, type, f->tick->now_ns, NULL, UINT32_MAX, ret_event, f->reterr);

    if (rc < 0)
        return rc;
    (*ret_event)->workflow = f->flow->name;
    (*ret_event)->who = "fairlead";
    return 0;
}

static int skip(const struct flowing *f, struct fl_cycle cycle, const char *why)
{
    struct fl_event *event;
    int rc = emit(f, FL_EVENT_CYCLE_SKIPPED, &event);

    if (rc == 0)
        rc = set_cycle(event, cycle, f->reterr);
    return rc < 0 ? rc : fl_emit_text(event, &event->why, why, f->reterr);
}

/* {"first":true,"rules":["main","daily"]} */
static int set_place(const struct flowing *f, const struct fl_rule_bits *bits,
                     struct fl_event *event)
{
    const struct fl_cycling *c = &f->flow->plan->workflow->cycles;
    fl_json_auto json_t *text = json_object();
    json_t *rules = json_array();
    char *flat;
    int rc;

    if (!f->begun)
        (void)json_object_set_new(text, "first", json_true()); /* seen in the text */
    for (size_t i = 0; i < c->rule_count; i++)
        if (bits->bits[i / 64] >> (i % 64) & 1)
            (void)json_array_append_new(rules, json_string(c->rules[i].name));
    (void)json_object_set_new(text, "rules", rules);
    flat = text && rules ? fl_json_text(text) : NULL;
    if (!flat)
        return fl_err_set(f->reterr, FL_E_NOMEM, 0, "no memory for a cycle");
    rc = fl_event_set_text(event, &event->text, flat, f->reterr);
    free(flat);
    return rc;
}

static int make(struct flowing *f, struct fl_cycle cycle, const struct fl_rule_bits *bits)
{
    char name[FL_CORE_ID_MAX];
    char time[FL_TIME_TEXT_MAX];
    struct fl_event *event;
    int rc;

    fl_cycle_format(cycle, time);
    (void)snprintf(name, sizeof(name), "%s/%s", f->flow->name, time); /* names are bounded */
    if (fl_core_run(f->core, name) || fl_core_is_paged(f->core, name))
        return skip(f, cycle, "there is a run of this cycle already");
    rc = emit(f, FL_EVENT_RUN_CREATED, &event);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->run, name, f->reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->cycle, time, f->reterr);
    if (rc == 0)
        rc = set_place(f, bits, event);
    if (rc < 0)
        return rc;
    event->digest = f->flow->plan->digest;
    f->unfinished++;
    f->begun = true;
    return 0;
}

/* Why a cycle that is due is not run, or false. */
static bool falls_behind(const struct flowing *f, struct fl_cycle cycle, char *why, size_t size)
{
    const struct fl_cycling *c = &f->flow->plan->workflow->cycles;
    char text[FL_TIME_TEXT_MAX];
    struct fl_rule_bits bits;
    struct fl_cycle after;

    if (fl_cycle_calendar(cycle) != FL_CALENDAR_STANDARD)
        return false;
    switch (c->behind) {
    case FL_BEHIND_ALL:
        return false;
    case FL_BEHIND_NEWEST:
        if (!cycle_after(f->flow, true, cycle, &after, &bits) ||
            due_ns(f->flow, after) > f->tick->now_ns)
            return false;
        fl_cycle_format(after, text);
        (void)snprintf(why, size, "cycle %s is due as well, and only the newest is run (behind)",
                       text);
        return true;
    case FL_BEHIND_SKIP:
        if (f->tick->now_ns - c->behind_s * NS <= cycle.s * NS)
            return false;
        fl_duration_format(c->behind_s, text);
        (void)snprintf(why, size, "it lies more than %s back (behind)", text);
        return true;
    }
    fl_assert(false);
    return false;
}

static int make_cycles(struct flowing *f)
{
    const struct fl_flow *flow = f->flow;
    int64_t ahead = flow->plan->workflow->cycles.ahead;
    struct fl_rule_bits bits = flow->next_rules;
    struct fl_cycle cycle = flow->next;
    bool has = flow->has_next;
    int rc = 0;

    while (rc == 0 && has && f->round < FL_FLOW_ROUND_MAX &&
           due_ns(flow, cycle) <= f->tick->now_ns) {
        char why[FL_CORE_REASON_MAX];

        if (falls_behind(f, cycle, why, sizeof(why)))
            rc = skip(f, cycle, why);
        else if (f->unfinished > ahead || f->core->live_runs + f->events->count >= FL_CORE_RUNS_MAX)
            return 0;
        else
            rc = make(f, cycle, &bits);
        f->round++;
        has = cycle_after(flow, true, cycle, &cycle, &bits);
    }
    return rc;
}

static bool is_needed(const struct flowing *f, const struct fl_run *old)
{
    return (f->flow->has_next &&
            old->cycle.s >= f->flow->next.s + fl_reach_back_s(f->flow->plan)) ||
           fl_needed_by_runs(f->core, old);
}

static int drop_old(struct flowing *f)
{
    int64_t keep_s = f->flow->plan->workflow->cycles.keep_s;
    int rc = 0;

    for (size_t i = 0; rc == 0 && keep_s > 0 && i < f->flow->ended_count; i++) {
        const struct fl_run *run = f->core->runs[f->flow->ended[i]];
        struct fl_event *event;
        char span[FL_TIME_TEXT_MAX];
        char why[FL_CORE_REASON_MAX];

        if (run->cycle.s + keep_s >= f->flow->newest.s || f->round++ >= FL_FLOW_ROUND_MAX)
            return 0;
        if (is_needed(f, run))
            continue;
        rc = fl_emit(f->events, FL_EVENT_RUN_DROPPED, f->tick->now_ns, run, UINT32_MAX, &event,
                     f->reterr);
        if (rc == 0) /* the event may outlive the run */
            rc = fl_event_set_text(event, &event->run, run->name, f->reterr);
        if (rc < 0)
            return rc;
        event->who = "fairlead";
        fl_duration_format(keep_s, span);
        (void)snprintf(why, sizeof(why), "more than %s older than the newest cycle (keep)", span);
        rc = fl_emit_text(event, &event->why, why, f->reterr);
    }
    return rc;
}

bool fl_flow_excludes(const struct fl_run *run, const struct fl_stage *stage, char *why,
                      size_t size)
{
    if (stage->only == FL_ONLY_FIRST && !run->first) {
        (void)snprintf(why, size, "it is only part of the first cycle of an operation");
        return true;
    }
    if (stage->only == FL_ONLY_LATER && run->first) {
        (void)snprintf(why, size, "it is no part of the first cycle of an operation");
        return true;
    }
    if (stage->recurrence == FL_NONE ||
        run->rules[stage->recurrence / 64] >> (stage->recurrence % 64) & 1)
        return false;
    (void)snprintf(why, size, "it is only part of the cycles of the recurrence '%s'",
                   run->plan->workflow->cycles.rules[stage->recurrence].name);
    return true;
}

/* Instances of stages that are no part of their run; all of a stage go at once. */
static int exclude(const struct flowing *f, const struct fl_run *run)
{
    int rc = 0;

    for (size_t e = 0; rc == 0 && e < run->excluded_count; e++) {
        const struct fl_plan_stage *ps = &run->plan->stages[run->excluded[e]];
        const struct fl_stage *stage = &run->plan->workflow->stages[run->excluded[e]];
        char why[FL_CORE_REASON_MAX];

        if (ps->inst_count == 0 || fl_state_is_end(run->insts[ps->inst_first].state) ||
            !fl_flow_excludes(run, stage, why, sizeof(why)))
            continue;
        for (uint32_t i = ps->inst_first; rc == 0 && i < ps->inst_first + ps->inst_count; i++) {
            struct fl_event *event;

            if (fl_state_is_end(run->insts[i].state))
                continue;
            rc = fl_emit(f->events, FL_EVENT_INSTANCE_ENDED, f->tick->now_ns, run, i, &event,
                         f->reterr);
            if (rc < 0)
                return rc;
            event->state = fl_state_name(FL_STATE_SKIPPED);
            event->who = "fairlead";
            rc = fl_emit_text(event, &event->why, why, f->reterr);
        }
    }
    return rc;
}

int fl_flow_advance(const struct fl_core *core, const struct fl_input *tick,
                    struct fl_events *events, struct fl_err *reterr)
{
    struct flowing f = {.core = core, .tick = tick, .events = events, .reterr = reterr};
    int rc = 0;

    for (size_t a = 0; rc == 0 && a < core->active_count; a++)
        rc = exclude(&f, core->runs[core->active[a]]);
    for (size_t i = 0; rc == 0 && i < core->flow_count; i++) {
        f.flow = core->flows[i];
        f.unfinished = f.flow->unfinished;
        f.begun = f.flow->begun;
        if (!f.flow->held && !f.flow->removed)
            rc = make_cycles(&f);
        if (rc == 0)
            rc = drop_old(&f);
    }
    return rc;
}

/* When something of a flow is due that is not due yet. */
static int64_t timer_of(const struct fl_core *core, const struct fl_flow *flow)
{
    const struct fl_cycling *c = &flow->plan->workflow->cycles;
    struct fl_rule_bits bits;
    struct fl_cycle after;

    if (flow->held || flow->removed || !flow->has_next ||
        fl_cycle_calendar(flow->next) != FL_CALENDAR_STANDARD)
        return INT64_MAX;
    if (flow->unfinished <= c->ahead && core->live_runs < FL_CORE_RUNS_MAX)
        return due_ns(flow, flow->next);
    switch (c->behind) { /* no room: only what makes it old comes by the clock */
    case FL_BEHIND_ALL:
        return INT64_MAX;
    case FL_BEHIND_NEWEST:
        return cycle_after(flow, true, flow->next, &after, &bits) ? due_ns(flow, after) : INT64_MAX;
    case FL_BEHIND_SKIP:
        return (flow->next.s + c->behind_s) * NS + 1;
    }
    fl_assert(false);
    return INT64_MAX;
}

int64_t fl_flow_timer_ns(const struct fl_core *core, int64_t since_ns)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < core->flow_count; i++) {
        int64_t at_ns = timer_of(core, core->flows[i]);

        if (at_ns > since_ns && at_ns < next)
            next = at_ns;
    }
    return next;
}
