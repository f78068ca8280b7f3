/* Requests about installed workflows. */
#include "config.h"

#include "engine/core/flow.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

static int emit(const struct fl_input *input, struct fl_events *events, enum fl_event_type type,
                const char *workflow, struct fl_event **ret_event, struct fl_err *reterr)
{
    int rc = fl_emit(events, type, input->now_ns, NULL, UINT32_MAX, ret_event, reterr);

    if (rc == 0)
        rc = fl_event_set_text(*ret_event, &(*ret_event)->workflow, workflow, reterr);
    if (rc == 0)
        rc = fl_emit_text(*ret_event, &(*ret_event)->who, input->who, reterr);
    return rc < 0 ? rc : fl_emit_text(*ret_event, &(*ret_event)->why, input->why, reterr);
}

/* The version that a request names. */
static int find_plan(const struct fl_core *core, const struct fl_input *input,
                     const struct fl_plan **ret_plan, struct fl_err *reterr)
{
    const char *digest;
    uint32_t plan;
    int rc = fl_json_string(input->message, "digest", &digest, reterr);

    if (rc < 0)
        return rc;
    if (!fl_names_find(&core->plan_names, digest, &plan))
        return fl_err_set(reterr, FL_E_NOENT, 0, "no workflow with digest '%.64s'", digest);
    *ret_plan = core->plans[plan];
    return 0;
}

static int find_flow(const struct fl_core *core, const char *name, struct fl_flow **ret_flow,
                     struct fl_err *reterr)
{
    *ret_flow = fl_core_flow(core, name);
    if (*ret_flow && !(*ret_flow)->removed)
        return 0;
    return fl_err_set(reterr, FL_E_NOENT, 0,
                      "workflow '%.100s' is not installed (`fairlead workflows` shows those that "
                      "are; `fairlead install FILE` installs one)",
                      name);
}

static int take_cycle(const json_t *message, const char *key, enum fl_calendar calendar,
                      bool *ret_has, struct fl_cycle *ret_cycle, struct fl_err *reterr)
{
    const char *text;
    int rc = fl_json_string_opt(message, key, NULL, &text, reterr);

    *ret_has = text != NULL;
    if (rc < 0 || !text)
        return rc;
    rc = fl_cycle_parse_in(text, calendar, ret_cycle, reterr);
    return rc < 0 ? fl_err_note(reterr, rc, "--%s", key) : 0;
}

/* The ends that a request asks for, held against the recurrences. */
struct ends {
    bool has_start;
    bool has_stop;
    struct fl_cycle start;
    struct fl_cycle stop;
};

static int check_ends(const struct fl_workflow *wf, const struct ends *ends, struct fl_err *reterr)
{
    const struct fl_cycling *c = &wf->cycles;
    struct fl_recurrence *rules = NULL;
    struct fl_rule_bits bits;
    struct fl_cycle from = {INT64_MIN};
    struct fl_cycle first;
    size_t count = 0;
    int rc = fl_flow_rules(wf, ends->has_start ? &ends->start : NULL, &rules, &count, reterr);

    if (rc == 0 && ends->has_start) {
        rc = fl_flow_check(rules, count, ends->start, reterr);
        rc = rc < 0 ? fl_err_note(reterr, rc, "--start") : 0;
    }
    if (rc == 0 && ends->has_stop) {
        rc = fl_flow_check(rules, count, ends->stop, reterr);
        rc = rc < 0 ? fl_err_note(reterr, rc, "--stop") : 0;
    }
    if (c->has_from)
        from = c->from;
    if (ends->has_start && ends->start.s > from.s)
        from = ends->start;
    if (rc == 0 &&
        (!fl_flow_first(rules, count, from, &first, &bits) ||
         (ends->has_stop && first.s > ends->stop.s) || (c->has_stop && first.s > c->stop.s)))
        rc = fl_err_set(reterr, FL_E_REFUSED, 0,
                        "workflow '%s' would have no cycle: its last one lies before its first",
                        wf->name);
    free(rules);
    return rc;
}

static int set_ends(struct fl_event *event, const struct ends *ends, bool held,
                    struct fl_err *reterr)
{
    fl_json_auto json_t *text = json_object();
    char time[FL_TIME_TEXT_MAX];
    char *flat;
    int rc;

    if (ends->has_start) {
        fl_cycle_format(ends->start, time);
        (void)json_object_set_new(text, "start", json_string(time)); /* seen in the text */
    }
    if (ends->has_stop) {
        fl_cycle_format(ends->stop, time);
        (void)json_object_set_new(text, "stop", json_string(time));
    }
    if (held)
        (void)json_object_set_new(text, "held", json_true());
    flat = text ? fl_json_text(text) : NULL;
    if (!flat)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a workflow");
    rc = fl_event_set_text(event, &event->text, flat, reterr);
    free(flat);
    return rc;
}

int fl_decide_install(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr)
{
    const struct fl_plan *plan;
    const struct fl_flow *flow;
    struct fl_event *event;
    struct ends ends;
    int rc = find_plan(core, input, &plan, reterr);

    if (rc == 0)
        rc = take_cycle(input->message, "start", plan->workflow->cycles.calendar, &ends.has_start,
                        &ends.start, reterr);
    if (rc == 0)
        rc = take_cycle(input->message, "stop", plan->workflow->cycles.calendar, &ends.has_stop,
                        &ends.stop, reterr);
    if (rc == 0)
        rc = check_ends(plan->workflow, &ends, reterr);
    if (rc < 0)
        return rc;
    flow = fl_core_flow(core, plan->workflow->name);
    if (flow && !flow->removed)
        return fl_err_set(reterr, FL_E_EXISTS, 0,
                          "workflow '%s' is installed already (`fairlead reload FILE` changes its "
                          "cycles to come, `fairlead uninstall %s` ends them)",
                          flow->name, flow->name);
    if (!flow && core->flow_count >= FL_CORE_FLOWS_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "%d workflows are known; the limit",
                          FL_CORE_FLOWS_MAX);
    rc = emit(input, events, FL_EVENT_WORKFLOW_INSTALLED, plan->workflow->name, &event, reterr);
    if (rc < 0)
        return rc;
    event->digest = plan->digest;
    return set_ends(event, &ends, json_is_true(json_object_get(input->message, "held")), reterr);
}

int fl_decide_uninstall(const struct fl_core *core, const struct fl_input *input,
                        struct fl_events *events, struct fl_err *reterr)
{
    struct fl_event *event;
    struct fl_flow *flow = NULL;
    const char *name;
    int rc = fl_json_string(input->message, "workflow", &name, reterr);

    if (rc == 0)
        rc = find_flow(core, name, &flow, reterr);
    return rc < 0 ? rc : emit(input, events, FL_EVENT_WORKFLOW_REMOVED, flow->name, &event, reterr);
}

int fl_decide_reload(const struct fl_core *core, const struct fl_input *input,
                     struct fl_events *events, struct fl_err *reterr)
{
    const struct fl_plan *plan;
    struct fl_event *event;
    struct fl_flow *flow = NULL;
    struct ends ends = {0};
    int rc = find_plan(core, input, &plan, reterr);

    if (rc == 0)
        rc = find_flow(core, plan->workflow->name, &flow, reterr);
    if (rc < 0)
        return rc;
    if (flow->plan == plan)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "nothing to reload: workflow '%s' is installed as it stands in the file",
                          flow->name);
    if (plan->workflow->cycles.calendar != flow->plan->workflow->cycles.calendar)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "workflow '%s' runs in the calendar %s; another one needs another name",
                          flow->name, fl_calendar_name(flow->plan->workflow->cycles.calendar));
    ends.has_start = flow->has_start && !plan->workflow->cycles.has_from;
    ends.start = flow->start;
    rc = check_ends(plan->workflow, &ends, reterr);
    if (rc == 0)
        rc = emit(input, events, FL_EVENT_WORKFLOW_RELOADED, flow->name, &event, reterr);
    if (rc == 0)
        event->digest = plan->digest;
    return rc;
}

int fl_decide_flow_hold(const struct fl_core *core, const struct fl_input *input, const char *name,
                        bool hold, struct fl_events *events, struct fl_err *reterr)
{
    struct fl_event *event;
    struct fl_flow *flow;
    int rc = find_flow(core, name, &flow, reterr);

    if (rc < 0)
        return rc;
    if (flow->held == hold)
        return fl_err_set(reterr, FL_E_REFUSED, 0, "workflow '%s' is %s", flow->name,
                          hold ? "held already" : "not held");
    return emit(input, events, hold ? FL_EVENT_HELD : FL_EVENT_RELEASED, flow->name, &event,
                reterr);
}
