/* What people did, and the workflow that a run goes by. */
#include "config.h"

#include "engine/core/view.h"

#include <string.h>

#include "engine/base/json.h"
#include "engine/core/state.h"
#include "engine/core/view_impl.h"

#include "engine/base/banned.h"

static int one(const struct fl_action *action, json_t *list)
{
    fl_json_auto json_t *asked = NULL;
    json_t *json = json_object();
    int rc = json && json_array_append_new(list, json) == 0 ? 0 : FL_E_NOMEM;

    if (rc == 0)
        rc = fl_json_parse(action->text, strlen(action->text), &asked, NULL);
    fl_view_put_int(&rc, json, "action", action->number);
    fl_view_put_time(&rc, json, "time", action->time_ns);
    fl_view_put_text(&rc, json, "who", action->who);
    fl_view_put_text(&rc, json, "why", action->why);
    fl_view_put_text(&rc, json, "run", action->run);
    fl_view_put_text(&rc, json, "verb", json_string_value(json_object_get(asked, "verb")));
    fl_view_put_int(&rc, json, "touched", (int64_t)action->inst_count);
    if (action->undone_by)
        fl_view_put_int(&rc, json, "undone_by", action->undone_by);
    fl_view_put(&rc, json, "asked", json_incref(asked));
    return rc;
}

int fl_view_actions(const struct fl_core *core, const char *run, json_t **ret_json,
                    struct fl_err *reterr)
{
    fl_json_auto json_t *json = json_pack("{s:[]}", "actions");
    json_t *list = json_object_get(json, "actions");
    int rc = json ? 0 : FL_E_NOMEM;

    fl_assert(core);
    fl_assert(ret_json);
    for (int64_t n = core->actions.count; rc == 0 && n > 0; n--) {
        const struct fl_action *action = fl_actions_find(&core->actions, n);

        if (!action) /* older ones have left the ring */
            break;
        if (!run || (action->run && strcmp(action->run, run) == 0))
            rc = one(action, list);
    }
    if (rc == 0)
        *ret_json = json_incref(json);
    return fl_view_done(rc, reterr);
}

int fl_view_workflow(const struct fl_core *core, const char *run, json_t **ret_json,
                     struct fl_err *reterr)
{
    const struct fl_run *found;
    int rc = fl_view_find_run(core, run, &found, reterr);

    return rc < 0 ? rc : fl_workflow_to_json(found->plan->workflow, ret_json, reterr);
}
