/* skip and set-state: a person says what has become of something that does not run. */
#include "config.h"

#include "engine/core/request.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"

#include "engine/base/banned.h"

/* Calls fn for each output slot of an instance. */
typedef int (*slot_fn)(const struct fl_asking *a, uint32_t inst, uint32_t slot,
                       struct fl_err *reterr);
static int each_slot(const struct fl_asking *a, uint32_t inst, slot_fn fn, struct fl_err *reterr)
{
    const struct fl_stage *stage = fl_inst_stage(a->run, inst);
    int rc = 0;

    for (size_t o = 0; rc == 0 && o < stage->output_count; o++) {
        uint32_t first = fl_plan_inst_slot(a->run->plan, inst, o);
        uint32_t count = a->run->plan->stages[a->run->plan->inst_stage[inst]].slot_own[o];

        for (uint32_t i = 0; rc == 0 && i < count; i++)
            rc = fn(a, inst, first + i, reterr);
    }
    return rc;
}

static int slot_absent(const struct fl_asking *a, uint32_t inst, uint32_t slot,
                       struct fl_err *reterr)
{
    char cause[FL_CORE_REASON_MAX];
    struct fl_event *event;
    int rc;

    if (a->run->slots[slot].state != FL_SLOT_PENDING)
        return 0;
    fl_asking_cause(a, "left out", cause, sizeof(cause));
    rc = fl_asking_emit(a, FL_EVENT_OUTPUT_ABSENT, inst, &event, reterr);
    return rc < 0 ? rc : fl_decide_absent(a->run, inst, slot, event, cause, NULL, reterr);
}

static int refuse_active(const struct fl_asking *a, uint32_t inst, struct fl_err *reterr)
{
    char title[FL_CORE_ID_MAX];

    fl_inst_title(a->run, inst, title, sizeof(title));
    return fl_err_set(reterr, FL_E_REFUSED, 0,
                      "%s is %s: cancel it first ('fairlead cancel %s %s')", title,
                      fl_state_name(a->run->insts[inst].state), a->run->name, title);
}

static int refuse_missing(const struct fl_asking *a, uint32_t inst, uint32_t slot,
                          struct fl_err *reterr)
{
    char title[FL_CORE_ID_MAX];

    if (a->run->slots[slot].state == FL_SLOT_ACCEPTED)
        return 0;
    fl_inst_title(a->run, inst, title, sizeof(title));
    return fl_err_set(reterr, FL_E_REFUSED, 0,
                      "output '%s' of %s is not there; --force makes it absent, and what needs it "
                      "without a rule for that then ends",
                      fl_inst_stage(a->run, inst)->outputs[a->run->plan->slots[slot].output].name,
                      title);
}

/* True when this action has said the members of the set already. */
static bool is_said(const struct fl_asking *a, const char *set)
{
    for (size_t i = a->events->count; i-- > 0;) {
        const struct fl_event *event = a->events->items[i];

        if (event->action != a->action)
            return false;
        if (event->type == FL_EVENT_SET_DECLARED && strcmp(event->output, set) == 0)
            return true;
    }
    return false;
}

/* Calls fn for each set that the stage of an instance says and has not said. */
typedef int (*set_fn)(const struct fl_asking *a, const struct fl_set *set, struct fl_err *reterr);
static int each_unsaid(const struct fl_asking *a, uint32_t inst, set_fn fn, struct fl_err *reterr)
{
    const struct fl_workflow *wf = a->run->plan->workflow;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < wf->set_count; i++) {
        const struct fl_set *set = &wf->sets[i];

        if (set->kind == FL_SET_DECLARED && !set->known &&
            set->by == (int32_t)a->run->plan->inst_stage[inst] && !is_said(a, set->name))
            rc = fn(a, set, reterr);
    }
    return rc;
}

/* What runs over it would be left out. */
static int refuse_unsaid(const struct fl_asking *a, const struct fl_set *set, struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_REFUSED, 0,
                      "%s has not said the members of set '%s'; --force makes the set empty, and "
                      "what runs over it then has nothing to do",
                      a->run->plan->workflow->stages[set->by].name, set->name);
}

static int make_empty(const struct fl_asking *a, const struct fl_set *set, struct fl_err *reterr)
{
    struct fl_event *event;
    int rc = fl_asking_emit(a, FL_EVENT_SET_DECLARED, UINT32_MAX, &event, reterr);

    if (rc == 0)
        rc = fl_event_set_text(event, &event->output, set->name, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->text, "[]", reterr);
    if (rc == 0 && json_object_set_new(a->asked, "emptied", json_string(set->name)) < 0)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a request");
    return rc;
}

static int set_one(const struct fl_asking *a, uint32_t inst, enum fl_state state,
                   struct fl_err *reterr)
{
    const struct fl_inst *in = &a->run->insts[inst];
    char title[FL_CORE_ID_MAX];
    char cause[FL_CORE_REASON_MAX];
    char what[FL_CORE_ID_MAX + 32];
    struct fl_event *event;
    int rc = 0;

    if (in->state == FL_STATE_LAUNCHED || in->state == FL_STATE_RUNNING)
        return a->whole_run ? 0 : refuse_active(a, inst, reterr);
    if (in->state == state || in->state == FL_STATE_SUCCEEDED || in->state == FL_STATE_REUSED)
        return 0;
    if (state == FL_STATE_SUCCEEDED && !a->force)
        rc = each_slot(a, inst, refuse_missing, reterr);
    if (rc == 0 && state == FL_STATE_SUCCEEDED && !a->force)
        rc = each_unsaid(a, inst, refuse_unsaid, reterr);
    if (rc == 0)
        rc = fl_asking_emit(a, FL_EVENT_STATE_SET, inst, &event, reterr);
    if (rc < 0)
        return rc;
    event->state = fl_state_name(state);
    if (state == FL_STATE_WAITING || state == FL_STATE_FAILED)
        return 0;
    fl_inst_title(a->run, inst, title, sizeof(title));
    (void)snprintf(what, sizeof(what), "%s was set %s", title, fl_state_name(state));
    fl_asking_cause(a, what, cause, sizeof(cause));
    rc = fl_emit_text(event, &event->cause, cause, reterr);
    if (rc == 0 && state == FL_STATE_SUCCEEDED)
        rc = each_unsaid(a, inst, make_empty, reterr);
    return rc < 0 ? rc : each_slot(a, inst, slot_absent, reterr);
}

static int skip_one(const struct fl_asking *a, uint32_t inst, struct fl_err *reterr)
{
    return set_one(a, inst, FL_STATE_SKIPPED, reterr);
}

static int succeed_one(const struct fl_asking *a, uint32_t inst, struct fl_err *reterr)
{
    return set_one(a, inst, FL_STATE_SUCCEEDED, reterr);
}

static int fail_one(const struct fl_asking *a, uint32_t inst, struct fl_err *reterr)
{
    return set_one(a, inst, FL_STATE_FAILED, reterr);
}

static int wait_one(const struct fl_asking *a, uint32_t inst, struct fl_err *reterr)
{
    return set_one(a, inst, FL_STATE_WAITING, reterr);
}

static int set_all(const struct fl_asking *a, fl_asking_fn fn, struct fl_err *reterr)
{
    size_t before = a->events->count;
    int rc = fl_asking_each(a, fn, reterr);

    if (rc == 0 && a->events->count == before)
        rc = fl_asking_refuse(
            a, "nothing to set (what runs, has succeeded, or is in that state is left alone)",
            reterr);
    return rc;
}

int fl_request_skip(const struct fl_asking *asking, struct fl_err *reterr)
{
    return set_all(asking, skip_one, reterr);
}

int fl_request_set_state(const struct fl_asking *asking, struct fl_err *reterr)
{
    static const struct {
        const char *name;
        fl_asking_fn fn;
    } states[] = {{"succeeded", succeed_one},
                  {"failed", fail_one},
                  {"skipped", skip_one},
                  {"waiting", wait_one}};
    const char *state;
    int rc = fl_json_string(asking->input->message, "state", &state, reterr);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < FL_COUNT(states); i++)
        if (strcmp(states[i].name, state) == 0)
            return set_all(asking, states[i].fn, reterr);
    return fl_err_set(reterr, FL_E_USAGE, 0,
                      "'%.40s' is no state that can be set; accepted: succeeded, failed, skipped, "
                      "waiting",
                      state);
}

/* The first that was started because of what an action had set, or UINT32_MAX. */
static uint32_t gone_on(const struct fl_asking *a, uint32_t inst)
{
    const struct fl_plan *plan = a->run->plan;

    for (uint32_t d = plan->inst_dep_first[inst]; d < plan->inst_dep_first[inst + 1]; d++)
        if (a->run->insts[plan->inst_deps[d].inst].try_count > 0)
            return plan->inst_deps[d].inst;
    return UINT32_MAX;
}

int fl_undo_state(const struct fl_asking *asking, const struct fl_action *action,
                  struct fl_err *reterr)
{
    fl_json_auto json_t *asked = NULL;
    char title[FL_CORE_ID_MAX];
    int rc = fl_json_parse(action->text, strlen(action->text), &asked, reterr);

    if (rc == 0 && json_object_get(asked, "emptied"))
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "action %lld cannot be undone: it has said that set '%s' is empty, and a "
                          "set is said once",
                          (long long)action->number,
                          json_string_value(json_object_get(asked, "emptied")));
    for (size_t i = 0; rc == 0 && i < action->inst_count; i++) {
        uint32_t inst = action->insts[i];
        uint32_t after = gone_on(asking, inst);
        struct fl_event *event;

        if (!asking->run->insts[inst].set)
            continue; /* another action has changed it since */
        if (after != UINT32_MAX) {
            fl_inst_title(asking->run, after, title, sizeof(title));
            return fl_err_set(reterr, FL_E_REFUSED, 0,
                              "action %lld cannot be undone: %s was started after it",
                              (long long)action->number, title);
        }
        rc = fl_asking_emit(asking, FL_EVENT_STATE_SET, inst, &event, reterr);
        if (rc == 0)
            event->state = fl_state_name(FL_STATE_WAITING);
    }
    return rc;
}
