/* Stages as drafts: their names and layers (groups, `by`). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/spec/impl.h"

#include "engine/base/banned.h"

/* The groups that `by` of the layers from `from` on chooses are laid over them. */
void fl_lay_by(struct fl_compile *c, struct fl_layers *layers, size_t from)
{
    struct fl_layers own = {.count = 0};
    struct fl_layers by;
    const char *params[FL_MERGED_KEYS_MAX];
    size_t count;

    for (size_t i = from; i < layers->count; i++)
        own.item[own.count++] = layers->item[i];
    by = fl_layers_sub(&own, "by");
    count = fl_is_group(c, &own, "by") ? fl_layers_keys(c, &by, params) : 0;

    for (size_t i = 0; i < count; i++) {
        const struct fl_param *param = fl_workflow_param(c->workflow, params[i]);
        struct fl_layers cases = fl_layers_sub(&by, params[i]);
        const config_setting_t *chosen;

        if (!param) {
            fl_complain(c, fl_layers_get(&by, params[i]), "by: no parameter '%s' in 'params'",
                        params[i]);
            continue;
        }
        if (!fl_is_group(c, &by, params[i]))
            continue;
        chosen = fl_layers_get(&cases, param->value);
        if (!chosen || !config_setting_is_group(chosen)) {
            const char *names[FL_MERGED_KEYS_MAX];
            char list[512];
            size_t n = fl_layers_keys(c, &cases, names);

            fl_complain(c, fl_layers_get(&by, params[i]),
                        "by: parameter '%s' is '%.100s'; accepted: %s", params[i], param->value,
                        fl_join(names, n, list, sizeof(list)));
            continue;
        }
        if (layers->count == FL_LAYERS_MAX)
            fl_complain(c, chosen, "more than %d groups laid over each other", FL_LAYERS_MAX);
        else
            layers->item[layers->count++] = chosen;
    }
}

static void add_one(struct fl_compile *c, const config_setting_t *at, const char *name,
                    const char *to, int32_t group, const struct fl_layers *inherited)
{
    struct fl_stage *stage;
    struct fl_draft *draft;

    if (!fl_plain(c, at, "stage", name))
        return;
    if (fl_workflow_stage(c->workflow, name, strlen(name)) != FL_NONE) {
        fl_complain(c, at, "two stages are called '%s'; a name stands once in a workflow", name);
        return;
    }
    if (c->draft_count == FL_WORKFLOW_STAGES_MAX) {
        fl_complain(c, at,
                    "more than %d stages; stages that are alike are one stage with foreach or per",
                    FL_WORKFLOW_STAGES_MAX);
        return;
    }
    stage = fl_grow(c, &c->workflow->stages, &c->workflow->stage_count, sizeof(*stage));
    draft = fl_grow(c, &c->drafts, &c->draft_count, sizeof(*draft));
    if (!stage || !draft)
        return;
    fl_set_text(c, &stage->name, name);
    stage->origin = stage->leads = stage->pool = FL_NONE;
    stage->recurrence = FL_NONE;
    stage->group = group;
    draft->at = at;
    draft->name = stage->name ? stage->name : "";
    draft->to = to;
    draft->layers = *inherited;
    draft->inherited = inherited->count;
    if (draft->layers.count == FL_LAYERS_MAX) {
        fl_complain(c, at, "more than %d groups laid over each other", FL_LAYERS_MAX);
        return;
    }
    draft->layers.item[draft->layers.count++] = at;
    fl_lay_by(c, &draft->layers, draft->inherited);
    (void)fl_get_texts(c, &draft->layers, "per", &draft->per);
}

/* A delivery to several destinations is a group of its name, with a stage NAME-DESTINATION each. */
static void add_destinations(struct fl_compile *c, const config_setting_t *at,
                             const config_setting_t *to, int32_t parent,
                             const struct fl_layers *inherited)
{
    const char *name = config_setting_name(at);
    int32_t index = (int32_t)c->workflow->group_count;
    struct fl_group *group;

    if (config_setting_length(to) == 0) {
        fl_complain(c, to, "'to' is an empty list; accepted: \"SITE\", [\"SITE\", \"SITE\"]");
        return;
    }
    if (c->workflow->group_count == FL_WORKFLOW_GROUPS_MAX) {
        fl_complain(c, at, "more than %d groups", FL_WORKFLOW_GROUPS_MAX);
        return;
    }
    if (fl_workflow_group(c->workflow, name) != FL_NONE || !fl_plain(c, at, "stage", name)) {
        if (fl_workflow_group(c->workflow, name) != FL_NONE)
            fl_complain(c, at, "two groups are called '%s'; a name stands once in a workflow",
                        name);
        return;
    }
    group = fl_grow(c, &c->workflow->groups, &c->workflow->group_count, sizeof(*group));
    if (!group)
        return;
    fl_set_text(c, &group->name, name);
    group->parent = parent;
    for (int i = 0; i < config_setting_length(to); i++) {
        const char *one = config_setting_get_string_elem(to, i);
        char full[2 * FL_WORKFLOW_NAME_MAX + 2];

        if (!one) {
            fl_complain(c, to, "'to' must be a list of texts, [\"…\", \"…\"]");
            return;
        }
        (void)snprintf(full, sizeof(full), "%.64s-%.64s", name, one);
        add_one(c, at, full, one, index, inherited);
    }
}

void fl_add_draft(struct fl_compile *c, const config_setting_t *at, int32_t group,
                  const struct fl_layers *inherited)
{
    const char *name = config_setting_name(at);
    const config_setting_t *to;

    if (!config_setting_is_group(at)) {
        fl_complain(c, at, "stage '%s' must be a group, { … }", name);
        return;
    }
    to = config_setting_get_member(at, "to");
    if (to && (config_setting_is_array(to) || config_setting_is_list(to)))
        add_destinations(c, at, to, group, inherited);
    else
        add_one(c, at, name, NULL, group, inherited);
}
