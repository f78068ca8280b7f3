/* signal: something outside has happened that triggers wait for (event:NAME). */
#include "config.h"

#include "engine/core/given.h"
#include "engine/core/request.h"

#include <string.h>

#include "engine/base/json.h"
#include "engine/core/view_impl.h"

#include "engine/base/banned.h"

static bool waits_for(const struct fl_run *run, const char *name)
{
    for (size_t s = 0; s < run->plan->stage_count; s++) {
        const struct fl_expr *when = &run->plan->stages[s].when;

        for (size_t i = 0; i < when->leaf_count; i++)
            if (when->leaves[i].kind == FL_LEAF_EVENT && strcmp(when->leaves[i].name, name) == 0)
                return true;
    }
    return false;
}

static bool has_come(const struct fl_run *run, const char *name)
{
    for (size_t i = 0; i < run->signal_count; i++)
        if (strcmp(run->signals[i], name) == 0)
            return true;
    return false;
}

/* "no trigger of run … waits for event 'x'; it waits for: a, b". */
static int no_such(const struct fl_run *run, const char *name, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf list;
    size_t count = 0;

    fl_buf_init(&list, FL_ERR_TEXT_MAX);
    for (size_t s = 0; s < run->plan->stage_count; s++) {
        const struct fl_expr *when = &run->plan->stages[s].when;

        for (size_t i = 0; i < when->leaf_count && count < FL_VIEW_NAMED_MAX; i++)
            if (when->leaves[i].kind == FL_LEAF_EVENT)
                fl_buf_printf(&list, "%s%s", count++ ? ", " : "", when->leaves[i].name);
    }
    return fl_err_set(reterr, FL_E_NOENT, 0, "no trigger of run '%s' waits for event:%.100s; %s%s",
                      run->name, name, count ? "its triggers wait for: " : "it waits for no event",
                      count ? list.data : "");
}

static int fill(const struct fl_input *input, const char *name, struct fl_event *event,
                struct fl_err *reterr)
{
    int rc = fl_event_set_text(event, &event->output, name, reterr);

    return rc < 0
               ? rc
               : fl_emit_text(event, &event->text,
                              json_string_value(json_object_get(input->message, "text")), reterr);
}

int fl_request_signal(const struct fl_asking *a, struct fl_err *reterr)
{
    struct fl_event *event;
    const char *name;
    int rc = fl_json_string(a->input->message, "name", &name, reterr);

    if (rc < 0)
        return rc;
    if (a->run->state != FL_STATE_RUNNING)
        return fl_err_set(reterr, FL_E_REFUSED, 0, "run '%s' has ended: it is %s", a->run->name,
                          fl_state_name(a->run->state));
    if (!waits_for(a->run, name))
        return no_such(a->run, name, reterr);
    if (has_come(a->run, name))
        return fl_err_set(reterr, FL_E_REFUSED, 0, "event:%.100s has come to run '%s' already",
                          name, a->run->name);
    rc = fl_asking_emit(a, FL_EVENT_SIGNALLED, UINT32_MAX, &event, reterr);
    return rc < 0 ? rc : fill(a->input, name, event, reterr);
}

int fl_decide_signal_all(const struct fl_core *core, const struct fl_input *input,
                         struct fl_events *events, struct fl_err *reterr)
{
    size_t before = events->count;
    const char *workflow;
    const char *name;
    int rc = fl_json_string(input->message, "workflow", &workflow, reterr);

    if (rc == 0)
        rc = fl_json_string(input->message, "name", &name, reterr);
    for (size_t r = 0; rc == 0 && r < core->active_count; r++) {
        const struct fl_run *run = core->runs[core->active[r]];
        struct fl_event *event;

        if (strcmp(run->plan->workflow->name, workflow) != 0 || !waits_for(run, name) ||
            has_come(run, name))
            continue;
        rc = fl_emit(events, FL_EVENT_SIGNALLED, input->now_ns, run, UINT32_MAX, &event, reterr);
        if (rc == 0)
            rc = fl_emit_text(event, &event->who, input->who, reterr);
        if (rc == 0)
            rc = fill(input, name, event, reterr);
    }
    if (rc == 0 && events->count == before)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "no unfinished run of workflow '%.100s' waits for event:%.100s", workflow,
                          name);
    return rc;
}
