/* Stages as drafts: their layers (`by`), and the sets they run over, which may depend on each
 * other. */
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
    (void)fl_get_text(c, &draft->layers, "per", &draft->per);
}

static bool has_lead(const char *file)
{
    return strstr(file, "{lead") || strstr(file, "{valid");
}

/* One output: a file, and the set that its {lead} runs over. */
static void read_output(struct fl_compile *c, size_t index, const struct fl_layers *group,
                        const char *name)
{
    static const char *const keys[] = {"file", "per", "leads"};
    struct fl_stage *stage = &c->workflow->stages[index];
    const config_setting_t *at = fl_layers_get(group, name);
    struct fl_layers one = fl_layers_sub(group, name);
    const char *file = NULL;
    const char *per = NULL;
    const char *leads = NULL;
    struct fl_stage_output *output;

    if (one.count == 0) {
        if (!fl_get_text(c, group, name, &file))
            return;
    } else {
        (void)fl_only(c, &one, "an output", keys, FL_COUNT(keys));
        if (!fl_get_text(c, &one, "file", &file) || !fl_get_text(c, &one, "per", &per) ||
            !fl_get_text(c, &one, "leads", &leads))
            return;
    }
    if (!file || !*file) {
        fl_complain(c, at, "output '%s' needs a file, such as \"%s.{lead}.nc\"", name, name);
        return;
    }
    if (per && strcmp(per, "lead") != 0) {
        fl_complain(c, at, "output '%s': per = \"%s\"; accepted: \"lead\"", name, per);
        return;
    }
    for (size_t i = 0; i < stage->output_count; i++) {
        if (strcmp(stage->outputs[i].file, file) == 0)
            fl_complain(c, at, "outputs '%s' and '%s' have one file, '%s'; each needs its own",
                        stage->outputs[i].name, name, file);
    }
    output = fl_grow(c, &stage->outputs, &stage->output_count, sizeof(*output));
    if (!output)
        return;
    fl_set_text(c, &output->name, name);
    fl_set_text(c, &output->file, file);
    output->set = FL_NONE;
    if (stage->dims.count > 0)
        output->set = FL_NONE; /* one for each instance */
    else if (leads)
        output->set = fl_find_set(c, at, leads);
    else if (per || has_lead(file))
        output->set = stage->leads;
    if (stage->dims.count == 0 && (per || has_lead(file)) && output->set == FL_NONE && !leads)
        fl_complain(c, at, "output '%s' is one for each lead, but the stage has no 'leads'", name);
    if (output->set != FL_NONE && !has_lead(file))
        fl_complain(
            c, at,
            "output '%s' is one for each lead, so its file needs {lead}; '%s' would be one file",
            name, file);
}

static void read_outputs(struct fl_compile *c, size_t index)
{
    const struct fl_layers *layers = &c->drafts[index].layers;
    struct fl_layers group = fl_layers_sub(layers, "outputs");
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, layers, "outputs") ? fl_layers_keys(c, &group, names) : 0;

    for (size_t i = 0; i < count && i < FL_WORKFLOW_LIST_MAX; i++) {
        if (fl_workflow_name_is_plain(names[i]))
            read_output(c, index, &group, names[i]);
        else
            fl_complain(c, fl_layers_get(&group, names[i]), "output '%s': not a plain name",
                        names[i]);
    }
}

static struct fl_dims one_set(int32_t set)
{
    return (struct fl_dims){.sets = {set}, .count = set == FL_NONE ? 0 : 1};
}

/* The sets of "stage.output", "stage" or "leads:NAME". */
static struct fl_dims per_dims(struct fl_compile *c, size_t index)
{
    const config_setting_t *at = fl_layers_get(&c->drafts[index].layers, "per");
    const char *per = c->drafts[index].per;
    size_t size = strcspn(per, ".");
    struct fl_dims dims;
    int32_t other;
    int32_t output;

    if (strncmp(per, "leads:", 6) == 0)
        return one_set(fl_find_set(c, at, per + 6));
    other = fl_workflow_stage(c->workflow, per, size);
    if (other == FL_NONE) {
        struct fl_known names = {.count = 0};
        char name[FL_WORKFLOW_NAME_MAX + 1];

        (void)snprintf(name, sizeof(name), "%.*s", (int)size, per);
        fl_known_stages(c->workflow, &names);
        fl_complain_name(c, at, "per: no stage", name, &names, "a set of leads as \"leads:SET\"");
        return one_set(fl_stand_in_set(c, per));
    }
    fl_resolve_per(c, (size_t)other);
    if (per[size] == '\0') {
        dims = c->workflow->stages[other].dims;
    } else {
        output =
            fl_stage_output(&c->workflow->stages[other], per + size + 1, strlen(per + size + 1));
        if (output == FL_NONE) {
            fl_complain(c, at, "per: stage '%.*s' has no output '%s'", (int)size, per,
                        per + size + 1);
            return one_set(fl_stand_in_set(c, per));
        }
        dims = fl_output_dims(&c->workflow->stages[other], output);
    }
    if (dims.count > 0)
        return dims;
    fl_complain(c, at, "per: '%s' is one, not one for each member of a set", per);
    return one_set(fl_stand_in_set(c, per));
}

void fl_resolve_per(struct fl_compile *c, size_t index)
{
    struct fl_draft *draft = &c->drafts[index];
    const char *leads = NULL;

    if (draft->per_state == 2)
        return;
    if (draft->per_state == 1) {
        fl_complain(c, draft->at, "per of stage '%s' leads back to itself",
                    c->workflow->stages[index].name);
        return;
    }
    draft->per_state = 1;
    if (draft->per) {
        struct fl_dims dims = per_dims(c, index);

        c->workflow->stages[index].dims = dims;
    }
    if (fl_get_text(c, &draft->layers, "leads", &leads) && leads)
        c->workflow->stages[index].leads =
            fl_find_set(c, fl_layers_get(&draft->layers, "leads"), leads);
    read_outputs(c, index);
    draft->per_state = 2;
}
