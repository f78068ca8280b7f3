/* What events change of installed workflows. */
#include "config.h"

#include "engine/core/custody.h"
#include "engine/core/flow.h"
#include "engine/core/paging.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "engine/base/banned.h"

static int flow_make(struct fl_core *core, const char *name, struct fl_flow **ret_flow,
                     struct fl_err *reterr)
{
    struct fl_flow **flows = realloc(core->flows, (core->flow_count + 1) * sizeof(*flows));
    fl_auto(fl_flow_destroy) struct fl_flow *flow = calloc(1, sizeof(*flow));
    int rc;

    if (flows)
        core->flows = flows;
    if (!flows || !flow)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for workflow '%s'", name);
    rc = fl_text_set(&flow->name, name, reterr);
    if (rc == 0)
        rc = fl_names_add(&core->flow_names, flow->name, (uint32_t)core->flow_count, reterr);
    if (rc < 0)
        return rc;
    core->flows[core->flow_count++] = flow;
    *ret_flow = FL_STEAL(flow);
    return 0;
}

/* The version that an event names, and its recurrences. */
static int take_plan(struct fl_core *core, struct fl_flow *flow, const struct fl_event *event,
                     struct fl_err *reterr)
{
    struct fl_recurrence *rules;
    size_t count;
    uint32_t plan;

    if (!fl_names_find(&core->plan_names, event->digest, &plan))
        return fl_apply_bug(event, reterr, "its workflow is not known");
    if (fl_flow_rules(core->plans[plan]->workflow, flow->has_start ? &flow->start : NULL, &rules,
                      &count, reterr) < 0)
        return fl_apply_bug(event, reterr, "its workflow has no cycles");
    free(flow->rules);
    flow->rules = rules;
    flow->rule_count = count;
    flow->plan = core->plans[plan];
    return 0;
}

static int take_cycle(const json_t *text, const char *key, enum fl_calendar calendar, bool *ret_has,
                      struct fl_cycle *ret_cycle, struct fl_err *reterr)
{
    const char *value = json_string_value(json_object_get(text, key));

    *ret_has = value != NULL;
    return value ? fl_cycle_parse_in(value, calendar, ret_cycle, reterr) : 0;
}

int fl_apply_installed(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_flow *flow = fl_core_flow(core, event->workflow);
    fl_json_auto json_t *text = NULL;
    enum fl_calendar calendar;
    uint32_t plan;
    int rc = 0;

    if (flow && !flow->removed)
        return fl_apply_bug(event, reterr, "it is installed already");
    if (!fl_names_find(&core->plan_names, event->digest, &plan))
        return fl_apply_bug(event, reterr, "its workflow is not known");
    calendar = core->plans[plan]->workflow->cycles.calendar;
    if (event->text)
        rc = fl_json_parse(event->text, strlen(event->text), &text, reterr);
    if (rc == 0 && !flow)
        rc = flow_make(core, event->workflow, &flow, reterr);
    if (rc == 0)
        rc = take_cycle(text, "start", calendar, &flow->has_start, &flow->start, reterr);
    if (rc == 0)
        rc = take_cycle(text, "stop", calendar, &flow->has_stop, &flow->stop, reterr);
    if (rc == 0)
        rc = take_plan(core, flow, event, reterr);
    if (rc == 0)
        rc = fl_text_set(&flow->who, event->who, reterr);
    if (rc < 0)
        return rc;
    if (flow->has_start || (flow->has_last && fl_cycle_calendar(flow->last) != calendar))
        flow->has_last = false; /* it begins where it was told to */
    flow->removed = false;
    flow->held = json_is_true(json_object_get(text, "held"));
    flow->since_ns = event->time_ns;
    fl_flow_look(flow);
    return fl_text_set(&flow->reason, flow->held ? event->why : NULL, reterr);
}

static int find(const struct fl_core *core, const struct fl_event *event, struct fl_flow **ret_flow,
                struct fl_err *reterr)
{
    *ret_flow = fl_core_flow(core, event->workflow);
    if (!*ret_flow || (*ret_flow)->removed)
        return fl_apply_bug(event, reterr, "no such workflow is installed");
    return 0;
}

int fl_apply_reloaded(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_flow *flow;
    int rc = find(core, event, &flow, reterr);

    if (rc == 0)
        rc = take_plan(core, flow, event, reterr);
    if (rc == 0)
        fl_flow_look(flow);
    return rc;
}

int fl_apply_removed(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_flow *flow;
    int rc = find(core, event, &flow, reterr);

    if (rc == 0)
        flow->removed = true;
    return rc;
}

int fl_apply_flow_hold(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_flow *flow;
    int rc;

    if (!event->workflow)
        return fl_apply_bug(event, reterr, "neither a run nor a workflow");
    rc = find(core, event, &flow, reterr);
    if (rc < 0)
        return rc;
    flow->held = event->type == FL_EVENT_HELD;
    return fl_text_set(&flow->reason, flow->held ? event->why : NULL, reterr);
}

static void passed(struct fl_flow *flow, struct fl_cycle cycle)
{
    if (!flow->has_last || cycle.s > flow->last.s)
        flow->last = cycle;
    flow->has_last = true;
    fl_flow_look(flow);
}

int fl_apply_cycle_skipped(struct fl_core *core, const struct fl_event *event,
                           struct fl_err *reterr)
{
    struct fl_cycle cycle;
    struct fl_flow *flow;
    int rc = find(core, event, &flow, reterr);

    if (rc == 0)
        rc = fl_cycle_parse_in(event->cycle, flow->plan->workflow->cycles.calendar, &cycle, reterr);
    if (rc == 0)
        rc = fl_text_set(&flow->passed, event->why, reterr);
    if (rc < 0)
        return rc;
    flow->skipped++;
    passed(flow, cycle);
    return 0;
}

/* Stages that are no part of the run. */
static int note_excluded(struct fl_run *run, struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    char why[FL_CORE_REASON_MAX];
    size_t room = 0;
    int rc = 0;

    for (size_t s = 0; rc == 0 && s < wf->stage_count; s++)
        if (fl_flow_excludes(run, &wf->stages[s], why, sizeof(why)))
            rc = fl_list_push(&run->excluded, &run->excluded_count, &room, (uint32_t)s, reterr);
    return rc;
}

static void take_rules(struct fl_run *run, const json_t *names)
{
    const struct fl_cycling *c = &run->plan->workflow->cycles;

    for (size_t n = 0; n < json_array_size(names); n++) {
        const char *name = json_string_value(json_array_get(names, n));

        for (size_t i = 0; name && i < c->rule_count; i++)
            if (strcmp(c->rules[i].name, name) == 0)
                run->rules[i / 64] |= UINT64_C(1) << (i % 64);
    }
}

int fl_flow_moved(struct fl_run *run, const struct fl_workflow *was, struct fl_err *reterr)
{
    const struct fl_cycling *c = &run->plan->workflow->cycles;
    uint64_t rules[2] = {0};

    for (size_t i = 0; i < was->cycles.rule_count; i++)
        for (size_t n = 0; n < c->rule_count; n++)
            if ((run->rules[i / 64] >> (i % 64) & 1) &&
                strcmp(was->cycles.rules[i].name, c->rules[n].name) == 0)
                rules[n / 64] |= UINT64_C(1) << (n % 64);
    memcpy(run->rules, rules, sizeof(rules));
    free(run->excluded);
    run->excluded = NULL;
    run->excluded_count = 0;
    return note_excluded(run, reterr);
}

int fl_flow_created(struct fl_core *core, struct fl_run *run, const struct fl_event *event,
                    const json_t *text, struct fl_err *reterr)
{
    struct fl_flow *flow;
    int rc;

    run->first = json_is_true(json_object_get(text, "first"));
    take_rules(run, json_object_get(text, "rules"));
    rc = note_excluded(run, reterr);
    if (rc < 0 || !event->workflow)
        return rc;
    rc = find(core, event, &flow, reterr);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < core->flow_count; i++)
        if (core->flows[i] == flow)
            run->flow = i + 1;
    flow->begun = true;
    flow->made++;
    flow->unfinished++;
    flow->newest = run->cycle;
    passed(flow, run->cycle);
    return 0;
}

int fl_flow_ended(struct fl_core *core, const struct fl_run *run, struct fl_err *reterr)
{
    struct fl_flow *flow = fl_run_flow(core, run);
    int rc;

    if (!flow)
        return 0;
    rc = fl_list_push(&flow->ended, &flow->ended_count, &flow->ended_room, run->index, reterr);
    if (rc < 0)
        return rc;
    for (size_t i = flow->ended_count - 1;
         i > 0 && core->runs[flow->ended[i - 1]]->cycle.s > run->cycle.s; i--) {
        flow->ended[i] = flow->ended[i - 1];
        flow->ended[i - 1] = run->index;
    }
    fl_assert(flow->unfinished > 0);
    flow->unfinished--;
    return 0;
}

static void forget_ended(struct fl_flow *flow, uint32_t index)
{
    for (size_t i = 0; i < flow->ended_count; i++) {
        if (flow->ended[i] != index)
            continue;
        memmove(&flow->ended[i], &flow->ended[i + 1],
                (flow->ended_count - i - 1) * sizeof(*flow->ended));
        flow->ended_count--;
        return;
    }
}

void fl_flow_reopened(struct fl_core *core, const struct fl_run *run)
{
    struct fl_flow *flow = fl_run_flow(core, run);

    if (!flow)
        return;
    forget_ended(flow, run->index);
    flow->unfinished++;
}

void fl_flow_left(struct fl_core *core, const struct fl_run *run)
{
    struct fl_flow *flow = fl_run_flow(core, run);

    if (flow)
        forget_ended(flow, run->index);
}

/* Events under way may borrow the name: it outlives its run, and workers that come back are told to
 * clean up after it. */
static int keep_name(struct fl_core *core, struct fl_run *run, struct fl_err *reterr)
{
    if (core->dropped_count < FL_CORE_DROPPED_MAX) {
        char **names = realloc(core->dropped, (core->dropped_count + 1) * sizeof(*names));

        if (!names)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory to drop run '%s'", run->name);
        core->dropped = names;
        core->dropped[core->dropped_count++] = run->name;
    } else {
        free(core->dropped[core->dropped_next]);
        core->dropped[core->dropped_next] = run->name;
        core->dropped_next = (core->dropped_next + 1) % FL_CORE_DROPPED_MAX;
    }
    run->name = NULL;
    return 0;
}

int fl_apply_dropped(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_run *run = fl_core_run(core, event->run);
    uint32_t index;
    int rc;

    if (!run || run->state == FL_STATE_RUNNING)
        return fl_apply_bug(event, reterr, "no such run has ended");
    index = run->index;
    (void)fl_names_drop(&core->run_names, run->name); /* it was found by it */
    rc = keep_name(core, run, reterr);
    if (rc < 0)
        return rc;
    fl_flow_left(core, run);
    fl_paging_left(core, run);
    fl_custody_left(core, run);
    fl_run_destroy(run);
    core->runs[index] = NULL;
    core->live_runs--;
    return 0;
}
