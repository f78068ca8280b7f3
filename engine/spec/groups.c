/* Stages in the order of the file, and the groups that hold them. */
#include "config.h"

#include <string.h>

#include "engine/spec/impl.h"

#include "engine/base/banned.h"

/* What a group gives to its stages, and what it holds. */
static const char *const group_keys[] = {"pool", "foreach", "env",      "when",       "retry",
                                         "on",   "uses",    "needs",    "time_limit", "grace",
                                         "at",   "expire",  "optional", "priority",   "expect",
                                         "only", "cycle",   "by",       "groups",     "stages"};

static void draft_within(struct fl_compile *c, const config_setting_t *within, int32_t group,
                         const struct fl_layers *inherited, int depth);

static void read_group(struct fl_compile *c, const config_setting_t *at, int32_t parent,
                       const struct fl_layers *inherited, int depth)
{
    const char *name = config_setting_name(at);
    struct fl_layers layers = *inherited;
    struct fl_layers own;
    struct fl_group *group;
    int32_t index;

    if (!config_setting_is_group(at)) {
        fl_complain(c, at, "group '%s' must be a group, { … }", name);
        return;
    }
    if (depth > FL_GROUP_DEPTH_MAX) {
        fl_complain(c, at, "group '%s': more than %d groups within each other", name,
                    FL_GROUP_DEPTH_MAX);
        return;
    }
    if (!fl_plain(c, at, "group", name))
        return;
    if (fl_workflow_group(c->workflow, name) != FL_NONE) {
        fl_complain(c, at, "two groups are called '%s'; a name stands once in a workflow", name);
        return;
    }
    if (c->workflow->group_count == FL_WORKFLOW_GROUPS_MAX) {
        fl_complain(c, at, "more than %d groups", FL_WORKFLOW_GROUPS_MAX);
        return;
    }
    index = (int32_t)c->workflow->group_count;
    group = fl_grow(c, &c->workflow->groups, &c->workflow->group_count, sizeof(*group));
    if (!group)
        return;
    fl_set_text(c, &group->name, name);
    group->parent = parent;
    own = fl_layers_of(at);
    if (!config_setting_get_member(at, "stages") && !config_setting_get_member(at, "groups"))
        fl_complain(c, at, "group '%s' is empty; accepted: stages = { … }, groups = { … }", name);
    fl_lay_by(c, &own, 0);
    (void)fl_only(c, &own, "a group", group_keys, FL_COUNT(group_keys));
    for (size_t i = 0; i < own.count && layers.count < FL_LAYERS_MAX; i++)
        layers.item[layers.count++] = own.item[i];
    draft_within(c, at, index, &layers, depth);
}

static void draft_list(struct fl_compile *c, const config_setting_t *list, int32_t group,
                       const struct fl_layers *inherited, int depth, bool groups)
{
    if (!config_setting_is_group(list)) {
        fl_complain(c, list, "'%s' must be a group, { … }", config_setting_name(list));
        return;
    }
    for (int i = 0; i < config_setting_length(list); i++) {
        const config_setting_t *at = config_setting_get_elem(list, (unsigned)i);

        if (groups)
            read_group(c, at, group, inherited, depth + 1);
        else
            fl_add_draft(c, at, group, inherited);
    }
}

static void draft_within(struct fl_compile *c, const config_setting_t *within, int32_t group,
                         const struct fl_layers *inherited, int depth)
{
    for (int i = 0; i < config_setting_length(within); i++) {
        const config_setting_t *at = config_setting_get_elem(within, (unsigned)i);
        bool groups = strcmp(config_setting_name(at), "groups") == 0;

        if (groups || strcmp(config_setting_name(at), "stages") == 0)
            draft_list(c, at, group, inherited, depth, groups);
    }
}

void fl_draft_stages(struct fl_compile *c, const config_setting_t *workflow)
{
    static const struct fl_layers none = {.count = 0};
    size_t errors = c->diagnostics->errors;

    draft_within(c, workflow, FL_NONE, &none, 0);
    if (c->draft_count == 0 && c->diagnostics->errors == errors)
        fl_complain(c, workflow, "a workflow needs 'stages', a group of at least one stage");
    for (size_t i = 0; i < c->draft_count; i++) {
        if (fl_workflow_group(c->workflow, c->workflow->stages[i].name) != FL_NONE)
            fl_complain(c, c->drafts[i].at, "'%s' is a group too; a stage needs a name of its own",
                        c->workflow->stages[i].name);
    }
}
