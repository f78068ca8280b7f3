/* Installed workflows, from the state alone. */
#include "config.h"

#include "engine/core/flow.h"
#include "engine/core/view_impl.h"

#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

static void put_cycle(int *rc, json_t *object, const char *key, bool has, struct fl_cycle cycle)
{
    char text[FL_TIME_TEXT_MAX];

    if (!has)
        return;
    fl_cycle_format(cycle, text);
    fl_view_put_text(rc, object, key, text);
}

static const char *state_of(const struct fl_flow *flow)
{
    if (flow->removed)
        return flow->unfinished > 0 ? "ending" : "removed";
    if (flow->held)
        return "held";
    if (!flow->has_next)
        return flow->unfinished > 0 ? "ending" : "done";
    return "active";
}

/* What the next cycle waits for, in words. */
static const char *waits_of(const struct fl_flow *flow, int64_t now_ns)
{
    const struct fl_cycling *c = &flow->plan->workflow->cycles;

    if (flow->removed || !flow->has_next)
        return NULL;
    if (flow->held)
        return "its release";
    if (flow->unfinished > c->ahead && fl_cycle_calendar(flow->next) == FL_CALENDAR_STANDARD &&
        now_ns < (flow->next.s - c->early_s) * INT64_C(1000000000))
        return "its time, and the end of an earlier cycle (ahead)";
    if (flow->unfinished > c->ahead)
        return "the end of an earlier cycle (ahead)";
    return fl_cycle_calendar(flow->next) == FL_CALENDAR_STANDARD ? "its time" : NULL;
}

static void put_flow(int *rc, json_t *object, const struct fl_flow *flow, int64_t now_ns)
{
    const struct fl_cycling *c = &flow->plan->workflow->cycles;

    fl_view_put_text(rc, object, "workflow", flow->name);
    fl_view_put_text(rc, object, "title", flow->plan->workflow->title);
    fl_view_put_text(rc, object, "digest", flow->plan->digest);
    fl_view_put_text(rc, object, "state", state_of(flow));
    fl_view_put_text(rc, object, "reason", flow->reason);
    fl_view_put_text(rc, object, "calendar", fl_calendar_name(c->calendar));
    put_cycle(rc, object, "start", flow->has_start, flow->start);
    put_cycle(rc, object, "stop", flow->has_stop, flow->stop);
    put_cycle(rc, object, "last", flow->has_last, flow->last);
    put_cycle(rc, object, "next", flow->has_next && !flow->removed, flow->next);
    fl_view_put_text(rc, object, "waits_for", waits_of(flow, now_ns));
    fl_view_put_int(rc, object, "unfinished", flow->unfinished);
    fl_view_put_int(rc, object, "ahead", c->ahead);
    fl_view_put_int(rc, object, "made", (int64_t)flow->made);
    fl_view_put_int(rc, object, "skipped", (int64_t)flow->skipped);
    fl_view_put_text(rc, object, "skipped_why", flow->passed);
    fl_view_put_time(rc, object, "since", flow->since_ns);
    fl_view_put_text(rc, object, "who", flow->who);
}

int fl_view_workflows(const struct fl_core *core, int64_t now_ns, json_t **ret_json,
                      struct fl_err *reterr)
{
    fl_json_auto json_t *list = json_array();
    json_t *answer;
    int rc = list ? 0 : FL_E_NOMEM;

    for (size_t i = 0; rc == 0 && i < core->flow_count; i++) {
        fl_json_auto json_t *one = json_object();

        put_flow(&rc, one, core->flows[i], now_ns);
        if (rc == 0 && json_array_append(list, one) < 0)
            rc = FL_E_NOMEM;
    }
    if (rc < 0)
        return fl_view_done(rc, reterr);
    answer = json_pack("{s:O}", "workflows", list);
    if (!answer)
        return fl_view_done(FL_E_NOMEM, reterr);
    *ret_json = answer;
    return 0;
}
