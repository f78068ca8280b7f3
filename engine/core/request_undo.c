/* undo: an action is taken back where nothing has gone on from it. */
#include "config.h"

#include "engine/core/request.h"

#include <string.h>

#include "engine/base/json.h"
#include "engine/core/flow.h"
#include "engine/core/paging.h"

#include "engine/base/banned.h"

static int hold_again(const struct fl_asking *a, uint32_t inst, struct fl_err *reterr)
{
    struct fl_event *event;

    if (fl_state_next(a->run->insts[inst].state, FL_HAPPEN_HOLD) == FL_STATE_COUNT)
        return 0; /* it was started meanwhile */
    return fl_asking_emit(a, FL_EVENT_HELD, inst, &event, reterr);
}

static int release_again(const struct fl_asking *a, uint32_t inst, struct fl_err *reterr)
{
    struct fl_event *event;

    if (a->run->insts[inst].state != FL_STATE_HELD)
        return 0;
    return fl_asking_emit(a, FL_EVENT_RELEASED, inst, &event, reterr);
}

/* The hold or release of a whole run, or of what it touched. */
static int undo_hold(const struct fl_asking *a, const struct fl_action *action, bool was_hold,
                     struct fl_err *reterr)
{
    struct fl_event *event;
    int rc = 0;

    if (action->whole_run && a->run->held == was_hold)
        rc = fl_asking_emit(a, was_hold ? FL_EVENT_RELEASED : FL_EVENT_HELD, UINT32_MAX, &event,
                            reterr);
    for (size_t i = 0; rc == 0 && i < action->inst_count; i++)
        rc = was_hold ? release_again(a, action->insts[i], reterr)
                      : hold_again(a, action->insts[i], reterr);
    return rc;
}

static int undo_of(const struct fl_asking *a, const struct fl_action *action, const json_t *asked,
                   struct fl_err *reterr)
{
    const char *verb;
    int rc = fl_json_string(asked, "verb", &verb, reterr);

    if (rc < 0)
        return rc;
    if (action->too_many)
        return fl_err_set(reterr, FL_E_REFUSED, 0, "action %lld touched too many instances",
                          (long long)action->number);
    if (strcmp(verb, "hold") == 0 || strcmp(verb, "release") == 0)
        return undo_hold(a, action, strcmp(verb, "hold") == 0, reterr);
    if (strcmp(verb, "set-parameter") == 0)
        return fl_undo_parameter(a, asked, reterr);
    if (strcmp(verb, "skip") == 0 || strcmp(verb, "set-state") == 0)
        return fl_undo_state(a, action, reterr);
    if (strcmp(verb, "reload-run") == 0 || strcmp(verb, "insert") == 0 ||
        strcmp(verb, "remove") == 0)
        return fl_undo_replan(a, asked, reterr);
    if (strcmp(verb, "cancel") == 0)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "a cancel cannot be undone; 'fairlead retry %s' starts it again",
                          a->run->name);
    return fl_err_set(reterr, FL_E_REFUSED, 0,
                      "action %lld, a %.40s, cannot be undone; 'fairlead cancel' stops what it "
                      "started, 'fairlead undo N' takes back an earlier action",
                      (long long)action->number, verb);
}

/* An installed workflow: only its hold and release have a contrary that leaves no trace. */
static int undo_of_flow(const struct fl_asking *a, const struct fl_action *action,
                        const json_t *asked, struct fl_err *reterr)
{
    const char *name;
    const char *verb;
    int rc = fl_json_string(asked, "verb", &verb, reterr);

    if (rc == 0)
        rc = fl_json_string_opt(asked, "workflow", "", &name, reterr);
    if (rc < 0)
        return rc;
    if (strcmp(verb, "hold") == 0 || strcmp(verb, "release") == 0)
        return fl_decide_flow_hold(a->core, a->input, name, strcmp(verb, "release") == 0, a->events,
                                   reterr);
    return fl_err_set(reterr, FL_E_REFUSED, 0,
                      "action %lld, %.40s of workflow '%.100s', cannot be undone: do the contrary "
                      "(%s)",
                      (long long)action->number, verb, name,
                      strcmp(verb, "install") == 0  ? "fairlead uninstall"
                      : strcmp(verb, "reload") == 0 ? "fairlead reload with the file before"
                                                    : "fairlead install");
}

int fl_undo_find(struct fl_asking *asking, struct fl_err *reterr)
{
    const struct fl_actions *actions = &asking->core->actions;
    const struct fl_action *action;
    char text[FL_ERR_TEXT_MAX];
    int64_t number;
    int rc = fl_json_int_opt(asking->input->message, "number", 0, &number, reterr);

    if (rc < 0)
        return rc;
    for (int64_t n = actions->count; number == 0 && n > 0; n--) {
        action = fl_actions_find(actions, n);
        if (action && !action->undone_by && !action->undoes)
            number = n;
    }
    action = fl_actions_find(actions, number);
    if (!action)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "there is no action %lld to undo; fairlead actions lists them",
                          (long long)number);
    if (action->undone_by || action->undoes)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          action->undoes ? "action %lld is an undo itself: do the thing again"
                                         : "action %lld is undone already",
                          (long long)number);
    asking->run = action->run ? fl_core_run(asking->core, action->run) : NULL;
    if (action->run && fl_core_is_paged(asking->core, action->run)) {
        fl_paged_text(action->run, text, sizeof(text));
        return fl_err_set(reterr, FL_E_NOENT, 0, "action %lld: %s", (long long)number, text);
    }
    if (action->run && !asking->run)
        return fl_err_set(reterr, FL_E_NOENT, 0, "the run of action %lld is not here any more",
                          (long long)number);
    asking->undoes = number;
    return 0;
}

int fl_request_undo(const struct fl_asking *asking, struct fl_err *reterr)
{
    const struct fl_action *action = fl_actions_find(&asking->core->actions, asking->undoes);
    fl_json_auto json_t *asked = NULL;
    size_t before = asking->events->count;
    int rc = fl_json_parse(action->text, strlen(action->text), &asked, reterr);

    if (rc == 0)
        rc = action->run ? undo_of(asking, action, asked, reterr)
                         : undo_of_flow(asking, action, asked, reterr);
    if (rc == 0 && asking->events->count == before)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "nothing of action %lld can be undone any more: what it touched has gone "
                          "on since",
                          (long long)action->number);
    return rc;
}
