/* Sets whose members a stage says in a run: from then on the run has a plan of its own. */
#include "config.h"

#include "engine/core/declare.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

static json_t *members_of(const struct fl_set *set)
{
    json_t *members = json_array();

    for (size_t i = 0; members && i < set->members.count; i++)
        (void)json_array_append_new(members, json_string(set->members.items[i])); /* names */
    return members;
}

int fl_plan_declare(const struct fl_plan *plan, int32_t set, const json_t *members,
                    struct fl_plan **ret_plan, struct fl_err *reterr)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    fl_json_auto json_t *json = NULL;
    json_t *one;
    int rc = fl_workflow_to_json(plan->workflow, &json, reterr);

    fl_assert(plan->workflow->sets[set].kind == FL_SET_DECLARED);
    if (rc < 0)
        return rc;
    one = json_array_get(json_object_get(json, "sets"), (size_t)set);
    if (json_object_set_new(one, "members", json_deep_copy(members)) < 0 ||
        json_object_set_new(one, "known", json_true()) < 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the members of a set");
    rc = fl_workflow_from_json(json, &workflow, reterr);
    if (rc == 0)
        rc = fl_plan_create(plan->digest, workflow, ret_plan, reterr);
    if (rc == 0)
        (void)FL_STEAL(workflow);
    return rc;
}

int fl_plan_declare_like(const struct fl_plan *plan, const struct fl_workflow *like,
                         struct fl_plan **ret_plan, struct fl_err *reterr)
{
    fl_auto(fl_plan_destroy) struct fl_plan *own = NULL;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < plan->workflow->set_count; i++) {
        const struct fl_set *set = &plan->workflow->sets[i];
        int32_t was = fl_workflow_set(like, set->name);
        fl_json_auto json_t *members = NULL;
        struct fl_plan *next = NULL;

        if (set->kind != FL_SET_DECLARED || set->known || was == FL_NONE ||
            like->sets[was].kind != FL_SET_DECLARED || !like->sets[was].known)
            continue;
        members = members_of(&like->sets[was]);
        rc = fl_plan_declare(own ? own : plan, (int32_t)i, members, &next, reterr);
        if (rc == 0) {
            fl_plan_destroy(own);
            own = next;
        }
    }
    if (rc == 0)
        *ret_plan = FL_STEAL(own);
    return rc;
}

bool fl_set_is_said_again(const struct fl_set *set, const json_t *members)
{
    if (json_array_size(members) != set->members.count)
        return false;
    for (size_t i = 0; i < set->members.count; i++)
        if (strcmp(json_string_value(json_array_get(members, i)), set->members.items[i]) != 0)
            return false;
    return true;
}
