/* The last actions of people, in a ring. */
#include "config.h"

#include "engine/core/actions.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

static void action_release(struct fl_action *action)
{
    free(action->run);
    free(action->who);
    free(action->why);
    free(action->text);
    free(action->insts);
    *action = (struct fl_action){0};
}

static int copy(char **field, const char *text, struct fl_err *reterr)
{
    *field = text ? strdup(text) : NULL;
    return text && !*field ? fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for an action") : 0;
}

struct fl_action *fl_actions_find(const struct fl_actions *actions, int64_t number)
{
    struct fl_action *action;

    if (!actions->items || number < 1 || number > actions->count)
        return NULL;
    action = &actions->items[number % FL_CORE_ACTIONS_MAX];
    return action->number == number ? action : NULL;
}

/* An undo names the action that it takes back. */
static int note_undo(struct fl_actions *actions, struct fl_action *action, struct fl_err *reterr)
{
    fl_json_auto json_t *asked = NULL;
    struct fl_action *undone;
    const char *verb;
    int rc = fl_json_parse(action->text, strlen(action->text), &asked, reterr);

    if (rc == 0)
        rc = fl_json_string(asked, "verb", &verb, reterr);
    if (rc < 0 || strcmp(verb, "undo") != 0)
        return rc;
    action->undoes = json_integer_value(json_object_get(asked, "number"));
    undone = fl_actions_find(actions, action->undoes);
    if (undone)
        undone->undone_by = action->number;
    return 0;
}

int fl_actions_add(struct fl_actions *actions, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_action *action;
    int rc;

    if (event->action != actions->count + 1)
        return fl_err_set(reterr, FL_E_BUG, 0, "action %lld comes after action %lld",
                          (long long)event->action, (long long)actions->count);
    if (!actions->items)
        actions->items = calloc(FL_CORE_ACTIONS_MAX, sizeof(*actions->items));
    if (!actions->items)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for an action");
    action = &actions->items[event->action % FL_CORE_ACTIONS_MAX];
    action_release(action);
    rc = copy(&action->run, event->run, reterr);
    if (rc == 0)
        rc = copy(&action->who, event->who, reterr);
    if (rc == 0)
        rc = copy(&action->why, event->why, reterr);
    if (rc == 0)
        rc = copy(&action->text, event->text, reterr);
    if (rc < 0)
        return rc;
    action->number = event->action;
    action->time_ns = event->time_ns;
    actions->count = event->action;
    return note_undo(actions, action, reterr);
}

int fl_actions_note(struct fl_actions *actions, int64_t number, uint32_t inst,
                    struct fl_err *reterr)
{
    struct fl_action *action = fl_actions_find(actions, number);
    size_t room;
    uint32_t *insts;

    if (!action)
        return fl_err_set(reterr, FL_E_BUG, 0, "there is no action %lld", (long long)number);
    action->whole_run |= inst == UINT32_MAX;
    action->too_many |= action->inst_count == FL_CORE_ACTION_INSTS_MAX;
    if (inst == UINT32_MAX || action->too_many ||
        (action->inst_count > 0 && action->insts[action->inst_count - 1] == inst))
        return 0;
    if (action->inst_count == action->inst_room) {
        room = action->inst_room ? action->inst_room * 2 : 16;
        insts = realloc(action->insts, room * sizeof(*insts));
        if (!insts)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for an action");
        action->insts = insts;
        action->inst_room = room;
    }
    action->insts[action->inst_count++] = inst;
    return 0;
}

void fl_actions_release(struct fl_actions *actions)
{
    for (size_t i = 0; actions->items && i < FL_CORE_ACTIONS_MAX; i++)
        action_release(&actions->items[i]);
    free(actions->items);
    *actions = (struct fl_actions){0};
}
