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

void fl_add_draft(struct fl_compile *c, const config_setting_t *at, int32_t group,
                  const struct fl_layers *inherited)
{
    const char *name = config_setting_name(at);
    struct fl_stage *stage;
    struct fl_draft *draft;

    if (!config_setting_is_group(at)) {
        fl_complain(c, at, "stage '%s' must be a group, { … }", name);
        return;
    }
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
