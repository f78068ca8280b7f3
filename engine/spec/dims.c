/* What a stage runs over (`foreach`, `per`), which may depend on other stages, and its outputs. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/spec/impl.h"

#include "engine/base/banned.h"

static bool has_lead(const char *file)
{
    return fl_template_has(file, "lead") || fl_template_has(file, "valid");
}

static bool in_file(const struct fl_workflow *w, const char *file, int32_t set)
{
    return fl_template_has_set(w, file, set) ||
           (w->sets[set].kind == FL_SET_LEADS && has_lead(file));
}

/* The set that an output has beyond those of its stage, or FL_NONE. */
static int32_t own_set(struct fl_compile *c, const struct fl_stage *stage,
                       const config_setting_t *at, const char *name, const char *file,
                       const char *per, const char *leads)
{
    const struct fl_workflow *w = c->workflow;
    bool over_leads = fl_dims_lead(w, &stage->dims) >= 0;
    bool lead = leads || (per && strcmp(per, "lead") == 0) || (!per && has_lead(file));
    int32_t set;

    if (lead && over_leads) {
        if (leads)
            fl_complain(c, at,
                        "output '%s': stage '%s' runs over leads itself, so its outputs have the "
                        "instance's lead; leave 'leads' out",
                        name, stage->name);
        return FL_NONE;
    }
    if (leads)
        return fl_find_set(c, at, leads);
    if (lead && stage->leads == FL_NONE)
        fl_complain(c, at, "output '%s' is one for each lead, but the stage has no 'leads'", name);
    if (lead)
        return stage->leads;
    if (!per)
        return FL_NONE;
    set = fl_find_any_set(c, at, "per: no set", per);
    if (set == FL_NONE || fl_dims_find(&stage->dims, set) >= 0)
        return FL_NONE; /* one for each instance as it is */
    if (w->sets[set].kind == FL_SET_DECLARED) {
        fl_complain(c, at,
                    "output '%s': set '%s' becomes known in a run; accepted: a stage with foreach "
                    "over it",
                    name, per);
        return FL_NONE;
    }
    return set;
}

/* One output: a file, and the set that it is one for each member of. */
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
    size_t errors = c->diagnostics->errors;
    int32_t set;

    if (one.count == 0 && !fl_get_text(c, group, name, &file))
        return;
    if (one.count && (!fl_only(c, &one, "an output", keys, FL_COUNT(keys)) ||
                      !fl_get_text(c, &one, "file", &file) || !fl_get_text(c, &one, "per", &per) ||
                      !fl_get_text(c, &one, "leads", &leads)))
        return;
    if (!file || !*file) {
        fl_complain(c, at, "output '%s' needs a file, such as \"%s.{lead}.nc\"", name, name);
        return;
    }
    set = own_set(c, stage, at, name, file, per, leads);
    output = fl_grow(c, &stage->outputs, &stage->output_count, sizeof(*output));
    if (!output)
        return;
    fl_set_text(c, &output->name, name);
    fl_set_text(c, &output->file, file);
    output->set = set;
    if (set != FL_NONE && c->diagnostics->errors == errors && !in_file(c->workflow, file, set))
        fl_complain(c, at,
                    "output '%s' is one for each member of '%s', so its file needs {%s}; '%s' "
                    "would be one file",
                    name, c->workflow->sets[set].name,
                    c->workflow->sets[set].kind == FL_SET_LEADS ? "lead"
                                                                : c->workflow->sets[set].name,
                    file);
}

static void read_outputs(struct fl_compile *c, size_t index)
{
    const struct fl_layers *layers = &c->drafts[index].layers;
    struct fl_layers group = fl_layers_sub(layers, "outputs");
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, layers, "outputs") ? fl_layers_keys(c, &group, names) : 0;

    for (size_t i = 0; i < count && i < FL_WORKFLOW_LIST_MAX; i++) {
        if (fl_plain(c, fl_layers_get(&group, names[i]), "output", names[i]))
            read_output(c, index, &group, names[i]);
    }
}

/* A set more, unless it is among them. False, told, when there are too many. */
static bool add_dim(struct fl_compile *c, const config_setting_t *at, struct fl_dims *dims,
                    int32_t set)
{
    if (set == FL_NONE)
        return false;
    for (size_t i = 0; i < dims->count; i++) {
        if (fl_sets_equal(c->workflow, dims->sets[i], set))
            return true;
    }
    if (dims->count == FL_DIMS_MAX) {
        fl_complain(c, at, "more than %d sets; a stage runs over at most %d", FL_DIMS_MAX,
                    FL_DIMS_MAX);
        return false;
    }
    dims->sets[dims->count++] = set;
    return true;
}

static struct fl_dims one_set(int32_t set)
{
    return (struct fl_dims){.sets = {set}, .count = set == FL_NONE ? 0 : 1};
}

/* The sets of "stage.output", "stage" or "leads:NAME". */
static struct fl_dims per_dims(struct fl_compile *c, size_t index, const char *per)
{
    const config_setting_t *at = fl_layers_get(&c->drafts[index].layers, "per");
    size_t size = strcspn(per, ".");
    struct fl_known names = {.count = 0};
    char text[2 * FL_WORKFLOW_NAME_MAX];
    const struct fl_stage *stage;
    struct fl_dims dims;
    int32_t other;
    int32_t output;

    if (strncmp(per, "leads:", 6) == 0)
        return one_set(fl_find_set(c, at, per + 6));
    other = fl_workflow_stage(c->workflow, per, size);
    if (other == FL_NONE) {
        (void)snprintf(text, sizeof(text), "%.*s", (int)size, per);
        fl_known_stages(c->workflow, &names);
        fl_complain_name(c, at, "per: no stage", text, &names, "a set of leads as \"leads:SET\"");
        return one_set(fl_stand_in_set(c, per));
    }
    fl_resolve_per(c, (size_t)other);
    stage = &c->workflow->stages[other];
    dims = stage->dims;
    if (per[size]) {
        output = fl_stage_output(stage, per + size + 1, strlen(per + size + 1));
        if (output == FL_NONE) {
            for (size_t i = 0; i < stage->output_count; i++)
                fl_known_add(&names, stage->outputs[i].name);
            (void)snprintf(text, sizeof(text), "per: stage '%s' has no output", stage->name);
            fl_complain_name(c, at, text, per + size + 1, &names, NULL);
            return one_set(fl_stand_in_set(c, per));
        }
        dims = fl_output_dims(stage, output);
    }
    if (dims.count > 0)
        return dims;
    fl_complain(c, at, "per: '%s' is one, not one for each member of a set", per);
    return one_set(fl_stand_in_set(c, per));
}

/* More instances than can be are told with their number; of sets that are not known yet, one. */
static void check_count(struct fl_compile *c, size_t index, const struct fl_dims *dims)
{
    uint64_t count = 1;

    for (size_t i = 0; i < dims->count; i++) {
        size_t members = fl_set_count(&c->workflow->sets[dims->sets[i]]);

        count *= members ? members : 1; /* 10^5 members four times is 10^20: see below */
        if (count > FL_WORKFLOW_INSTANCES_MAX) {
            fl_complain(c, c->drafts[index].at,
                        "stage '%s' would have %llu instances%s; the limit is %d",
                        c->workflow->stages[index].name, (unsigned long long)count,
                        i + 1 < dims->count ? " and more" : "", FL_WORKFLOW_INSTANCES_MAX);
            return;
        }
    }
}

static void read_dims(struct fl_compile *c, size_t index, struct fl_dims *dims)
{
    const struct fl_draft *draft = &c->drafts[index];
    const config_setting_t *at = fl_layers_get(&draft->layers, "foreach");
    struct fl_texts texts = {0};
    bool fits = fl_get_texts(c, &draft->layers, "foreach", &texts);

    for (size_t i = 0; i < texts.count && texts.items[i] && fits; i++)
        fits = add_dim(c, at, dims, fl_find_any_set(c, at, "foreach: no set", texts.items[i]));
    fl_free_texts(&texts);
    for (size_t i = 0; i < draft->per.count && draft->per.items[i] && fits; i++) {
        struct fl_dims more = per_dims(c, index, draft->per.items[i]);

        for (size_t k = 0; k < more.count && fits; k++)
            fits = add_dim(c, fl_layers_get(&draft->layers, "per"), dims, more.sets[k]);
    }
    check_count(c, index, dims);
}

void fl_resolve_per(struct fl_compile *c, size_t index)
{
    struct fl_draft *draft = &c->drafts[index];
    struct fl_dims dims = {.count = 0};
    const char *leads = NULL;

    if (draft->per_state == 2)
        return;
    if (draft->per_state == 1) {
        fl_complain(c, draft->at, "per of stage '%s' leads back to itself",
                    c->workflow->stages[index].name);
        return;
    }
    draft->per_state = 1;
    read_dims(c, index, &dims);
    c->workflow->stages[index].dims = dims;
    if (fl_get_text(c, &draft->layers, "leads", &leads) && leads)
        c->workflow->stages[index].leads =
            fl_find_set(c, fl_layers_get(&draft->layers, "leads"), leads);
    read_outputs(c, index);
    draft->per_state = 2;
}
