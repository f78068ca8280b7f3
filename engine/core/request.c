/* Finding what a request means, and the table of verbs. */
#include "config.h"

#include "engine/core/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/flow.h"
#include "engine/core/given.h"
#include "engine/core/view_impl.h"

#include "engine/base/banned.h"

int fl_asking_emit(const struct fl_asking *asking, enum fl_event_type type, uint32_t inst,
                   struct fl_event **ret_event, struct fl_err *reterr)
{
    int rc =
        fl_emit(asking->events, type, asking->input->now_ns, asking->run, inst, ret_event, reterr);

    if (rc == 0)
        rc = fl_asking_name(asking, *ret_event, reterr);
    return rc;
}

int fl_asking_name(const struct fl_asking *asking, struct fl_event *event, struct fl_err *reterr)
{
    int rc = fl_emit_text(event, &event->who, asking->input->who, reterr);

    event->action = asking->action;
    return rc < 0 ? rc : fl_emit_text(event, &event->why, asking->input->why, reterr);
}

void fl_asking_cause(const struct fl_asking *asking, const char *what, char *text, size_t size)
{
    (void)snprintf(text, size, "%s by %.120s%s%.600s", what,
                   asking->input->who ? asking->input->who : "a person",
                   asking->input->why ? ": " : "", asking->input->why ? asking->input->why : "");
}

int fl_asking_each(const struct fl_asking *asking, fl_asking_fn fn, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t r = 0; r < asking->range_count; r++)
        for (uint32_t i = asking->ranges[r].first; rc == 0 && i < asking->ranges[r].last; i++)
            rc = fn(asking, i, reterr);
    return rc;
}

/* One for each stage of the objects that is alike: its first instance in that state. */
int fl_asking_refuse(const struct fl_asking *asking, const char *what, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf list;
    const struct fl_run *run = asking->run;
    uint32_t stage = UINT32_MAX;
    enum fl_state state = FL_STATE_COUNT;
    size_t count = 0;

    fl_buf_init(&list, FL_ERR_TEXT_MAX);
    for (size_t r = 0; r < asking->range_count; r++)
        for (uint32_t i = asking->ranges[r].first; i < asking->ranges[r].last; i++) {
            char title[FL_CORE_ID_MAX];

            if (run->plan->inst_stage[i] == stage && run->insts[i].state == state)
                continue;
            stage = run->plan->inst_stage[i];
            state = run->insts[i].state;
            if (count++ >= FL_VIEW_NAMED_MAX)
                continue;
            fl_inst_title(run, i, title, sizeof(title));
            fl_buf_printf(&list, "%s%.100s is %s", count > 1 ? ", " : "", title,
                          fl_state_name(state));
        }
    if (count > FL_VIEW_NAMED_MAX)
        fl_buf_printf(&list, " and %zu more", count - FL_VIEW_NAMED_MAX);
    return fl_err_set(reterr, FL_E_REFUSED, 0, "%s%s%s", what, count ? ": " : "",
                      count ? list.data : "");
}

void fl_asking_release(struct fl_asking *asking)
{
    free(asking->ranges);
    json_decref(asking->asked);
    asking->asked = NULL;
    asking->ranges = NULL;
    asking->range_count = 0;
}

static int add_range(struct fl_asking *a, uint32_t first, uint32_t count, struct fl_err *reterr)
{
    struct fl_range *ranges = realloc(a->ranges, (a->range_count + 1) * sizeof(*ranges));

    if (!ranges)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a request");
    a->ranges = ranges;
    a->ranges[a->range_count++] = (struct fl_range){first, first + count};
    return 0;
}

static int add_group(struct fl_asking *a, int32_t group, struct fl_err *reterr)
{
    const struct fl_plan *plan = a->run->plan;
    const struct fl_workflow *wf = plan->workflow;
    int rc = 0;

    for (size_t s = 0; rc == 0 && s < wf->stage_count; s++)
        if (fl_workflow_group_within(wf, wf->stages[s].group, group))
            rc = add_range(a, plan->stages[s].inst_first, plan->stages[s].inst_count, reterr);
    return rc;
}

static int add_object(struct fl_asking *a, const char *text, struct fl_err *reterr)
{
    int32_t group = fl_workflow_group(a->run->plan->workflow, text);
    struct fl_view_which which;
    int rc;

    if (group != FL_NONE)
        return add_group(a, group, reterr);
    rc = fl_view_find(a->run, text, &which, reterr);
    return rc < 0 ? rc : add_range(a, which.first, which.count, reterr);
}

static int by_first(const void *a, const void *b)
{
    const struct fl_range *x = a;
    const struct fl_range *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

/* In order and without overlap, so that each instance is meant once. */
static void merge_ranges(struct fl_asking *a)
{
    size_t kept = 0;

    if (a->range_count == 0)
        return;
    qsort(a->ranges, a->range_count, sizeof(*a->ranges), by_first);
    for (size_t i = 1; i < a->range_count; i++) {
        if (a->ranges[i].first > a->ranges[kept].last)
            a->ranges[++kept] = a->ranges[i];
        else if (a->ranges[i].last > a->ranges[kept].last)
            a->ranges[kept].last = a->ranges[i].last;
    }
    a->range_count = kept + 1;
}

/* A stage and, when there is one, its key: how programs name one instance. */
static int add_stage(struct fl_asking *a, const char *stage, const char *key, struct fl_err *reterr)
{
    uint32_t inst;
    int rc;

    if (!key)
        return add_object(a, stage, reterr);
    rc = fl_run_find(a->run, stage, key, &inst, reterr);
    return rc < 0 ? rc : add_range(a, inst, 1, reterr);
}

int fl_asking_find(struct fl_asking *asking, struct fl_err *reterr)
{
    const json_t *message = asking->input->message;
    const json_t *which = NULL;
    const char *run;
    const char *stage;
    const char *key;
    int rc = fl_json_string(message, "run", &run, reterr);

    if (rc == 0)
        rc = fl_json_string_opt(message, "stage", NULL, &stage, reterr);
    if (rc == 0)
        rc = fl_json_string_opt(message, "key", NULL, &key, reterr);
    if (rc == 0)
        rc = fl_json_array_opt(message, "which", &which, reterr);
    if (rc == 0)
        rc = fl_view_find_run(asking->core, run, &asking->run, reterr);
    if (rc < 0)
        return rc;
    if (json_array_size(which) > FL_REQUEST_OBJECTS_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "more than %d objects in one request",
                          FL_REQUEST_OBJECTS_MAX);
    if (stage)
        rc = add_stage(asking, stage, key, reterr);
    for (size_t i = 0; rc == 0 && i < json_array_size(which); i++) {
        const char *text = json_string_value(json_array_get(which, i));

        rc = text ? add_object(asking, text, reterr)
                  : fl_err_set(reterr, FL_E_PARSE, 0, "'which' must be a list of texts");
    }
    asking->whole_run = !stage && json_array_size(which) == 0;
    if (rc == 0 && asking->whole_run)
        rc = add_range(asking, 0, asking->run->plan->inst_count, reterr);
    if (rc == 0)
        merge_ranges(asking);
    return rc;
}

typedef int (*verb_fn)(const struct fl_asking *asking, struct fl_err *reterr);

static const struct {
    const char *verb;
    verb_fn fn;
} verbs[] = {
    {"cancel", fl_request_cancel},
    {"hold", fl_request_hold},
    {"release", fl_request_release},
    {"retry", fl_request_retry},
    {"skip", fl_request_skip},
    {"set-state", fl_request_set_state},
    {"set-parameter", fl_request_set_parameter},
    {"reload-run", fl_request_reload_run},
    {"insert", fl_request_insert},
    {"remove", fl_request_remove},
    {"signal", fl_request_signal},
    {"withdraw", fl_request_withdraw},
    {"undo", fl_request_undo},
};

static int no_verb(const char *verb, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf list;

    fl_buf_init(&list, FL_ERR_TEXT_MAX);
    fl_buf_puts(&list, "install, uninstall, reload, ");
    for (size_t v = 0; v < FL_COUNT(verbs); v++)
        fl_buf_printf(&list, "%s%s", v ? ", " : "", verbs[v].verb);
    return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                      "unknown request '%.60s'; accepted: submit, stop, a question, or %s", verb,
                      list.data);
}

/* What was asked, without what the event itself has or what is the bus's. */
static json_t *asked_of(const json_t *message)
{
    static const char *const not_told[] = {"type", "id", "who", "why", "run", "dry"};
    json_t *asked = json_deep_copy(message);

    for (size_t i = 0; i < FL_COUNT(not_told); i++)
        (void)json_object_del(asked, not_told[i]); /* most are not there */
    return asked;
}

/* The text of the record, when the verb has added to it what an undo will need. */
static int tell_asked(const struct fl_asking *a, struct fl_event *event, struct fl_err *reterr)
{
    char *text = fl_json_text(a->asked);
    int rc;

    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a request");
    rc = strlen(text) <= FL_EVENT_TEXT_MAX
             ? fl_event_set_text(event, &event->text, text, reterr)
             : fl_err_set(reterr, FL_E_TOO_BIG, 0, "too many objects in one request");
    free(text);
    return rc;
}

/* The record of the action comes first, and what follows from it bears its number. */
static int act(const struct fl_asking *a, verb_fn fn, struct fl_err *reterr)
{
    size_t before = a->events->count;
    struct fl_event *event;
    int rc = fl_asking_emit(a, FL_EVENT_ACTION_TAKEN, UINT32_MAX, &event, reterr);

    if (rc == 0)
        rc = fn(a, reterr);
    if (rc == 0)
        rc = tell_asked(a, event, reterr);
    if (rc == 0 && a->events->count == before + 1) /* verbs refuse what they cannot do */
        rc = fl_err_set(reterr, FL_E_BUG, 0, "request '%s' came to nothing", a->verb);
    while (rc < 0 && a->events->count > before) /* what is refused leaves no trace */
        fl_event_destroy(a->events->items[--a->events->count]);
    return rc;
}

typedef int (*flow_fn)(const struct fl_core *core, const struct fl_input *input,
                       struct fl_events *events, struct fl_err *reterr);

static int hold_flow(const struct fl_core *core, const struct fl_input *input,
                     struct fl_events *events, struct fl_err *reterr)
{
    return fl_decide_flow_hold(core, input,
                               json_string_value(json_object_get(input->message, "workflow")), true,
                               events, reterr);
}

static int release_flow(const struct fl_core *core, const struct fl_input *input,
                        struct fl_events *events, struct fl_err *reterr)
{
    return fl_decide_flow_hold(core, input,
                               json_string_value(json_object_get(input->message, "workflow")),
                               false, events, reterr);
}

/* What concerns an installed workflow, not a run; or NULL. */
static flow_fn flow_verb(const char *verb, const json_t *message)
{
    bool named = json_is_string(json_object_get(message, "workflow"));

    if (strcmp(verb, "install") == 0)
        return fl_decide_install;
    if (strcmp(verb, "uninstall") == 0)
        return fl_decide_uninstall;
    if (strcmp(verb, "reload") == 0)
        return fl_decide_reload;
    if (named && strcmp(verb, "signal") == 0)
        return fl_decide_signal_all;
    if (named && strcmp(verb, "hold") == 0)
        return hold_flow;
    return named && strcmp(verb, "release") == 0 ? release_flow : NULL;
}

static int act_on_flow(const struct fl_asking *a, flow_fn fn, struct fl_err *reterr)
{
    size_t before = a->events->count;
    struct fl_event *event;
    int rc = fl_asking_emit(a, FL_EVENT_ACTION_TAKEN, UINT32_MAX, &event, reterr);

    if (rc == 0)
        rc = fn(a->core, a->input, a->events, reterr);
    if (rc == 0) { /* the record names it, also where the request has but a digest */
        const char *name = a->events->items[a->events->count - 1]->workflow;

        if (name && json_object_set_new(a->asked, "workflow", json_string(name)) != 0)
            rc = fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a request");
    }
    if (rc == 0)
        rc = tell_asked(a, event, reterr);
    while (rc < 0 && a->events->count > before)
        fl_event_destroy(a->events->items[--a->events->count]);
    return rc;
}

int fl_decide_request(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr)
{
    fl_auto(fl_asking_release) struct fl_asking a = {
        .core = core, .input = input, .events = events, .action = core->actions.count + 1};
    flow_fn on_flow;
    size_t v = 0;
    int rc = fl_json_string(input->message, "verb", &a.verb, reterr);

    if (rc == 0)
        rc = fl_json_bool_opt(input->message, "force", false, &a.force, reterr);
    if (rc < 0)
        return rc;
    on_flow = flow_verb(a.verb, input->message);
    while (v < FL_COUNT(verbs) && strcmp(verbs[v].verb, a.verb) != 0)
        v++;
    if (v == FL_COUNT(verbs) && !on_flow)
        return no_verb(a.verb, reterr);
    a.asked = asked_of(input->message);
    if (!a.asked)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a request");
    if (on_flow)
        return act_on_flow(&a, on_flow, reterr);
    rc = verbs[v].fn == fl_request_undo ? fl_undo_find(&a, reterr) : fl_asking_find(&a, reterr);
    if (rc == 0 && a.undoes && json_object_set_new(a.asked, "number", json_integer(a.undoes)) != 0)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a request");
    return rc < 0 ? rc : act(&a, verbs[v].fn, reterr);
}
