/* Every {name} of arguments, environment, output names and rendered files is one that will be
 * known. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/expand.h"
#include "engine/spec/impl.h"

#include "engine/base/banned.h"

struct check {
    struct fl_compile *c;
    const struct fl_stage *stage;
    struct fl_dims dims; /* whose members are known */
    bool has_lead;       /* {lead} is known: a stage with `per`, or the name of a per-lead output */
};

static bool has_input(const struct fl_stage *stage, const char *name)
{
    for (size_t i = 0; i < stage->input_count; i++) {
        if (strcmp(stage->inputs[i].name, name) == 0)
            return true;
    }
    return false;
}

static const char *const plain[] = {"cycle", "run", "workflow", "stage", "attempt", "out"};
static const char *const of_leads[] = {"lead", "valid", "from"};

/* What would be accepted. */
static int unknown_name(const struct check *check, const char *name, const char *format,
                        struct fl_err *reterr)
{
    const struct fl_workflow *w = check->c->workflow;
    int32_t set = fl_workflow_set(w, name);
    struct fl_known names = {.count = 0};
    char near[128];
    char list[512];

    for (size_t i = 0; i < FL_COUNT(plain); i++)
        fl_known_add(&names, plain[i]);
    for (size_t i = 0; i < FL_COUNT(of_leads) && check->has_lead; i++)
        fl_known_add(&names, of_leads[i]);
    for (size_t i = 0; i < check->dims.count; i++) {
        if (fl_workflow_name_is_plain(w->sets[check->dims.sets[i]].name))
            fl_known_add(&names, w->sets[check->dims.sets[i]].name);
    }
    for (size_t i = 0; i < w->param_count; i++)
        fl_known_add(&names, w->params[i].name);
    if (!format && (set != FL_NONE || strcmp(name, "lead") == 0 || strcmp(name, "valid") == 0))
        (void)snprintf(near, sizeof(near), "stage '%.64s' does not run over it; ",
                       check->stage->name);
    else
        (void)fl_nearest(name, names.items, names.count, near, sizeof(near));
    return fl_err_set(reterr, FL_E_NOENT, 0,
                      "unknown name '%s%s%s'; %saccepted: %s, leads:SET, input:NAME, output:NAME",
                      name, format ? ":" : "", format ? format : "", near,
                      fl_join(names.items, names.count, list, sizeof(list)));
}

static int check_name(const char *name, const char *format, struct fl_buf *out,
                      struct fl_err *reterr, void *arg)
{
    static const struct fl_lead lead = {.minutes = 60};
    const struct check *check = arg;
    const struct fl_workflow *w = check->c->workflow;
    int32_t set = fl_workflow_set(w, name);

    if (strcmp(name, "cycle") == 0 ||
        (check->has_lead && (strcmp(name, "lead") == 0 || strcmp(name, "valid") == 0)))
        return fl_expand_time(name, format, (struct fl_cycle){.s = 0}, &lead, out, reterr);
    if (check->has_lead && strcmp(name, "from") == 0)
        return 0;
    if (set != FL_NONE && fl_dims_find(&check->dims, set) >= 0)
        return w->sets[set].kind == FL_SET_LEADS
                   ? fl_expand_time("lead", format, (struct fl_cycle){.s = 0}, &lead, out, reterr)
               : format ? fl_err_set(reterr, FL_E_PARSE, 0, "'{%s}' takes no format", name)
                        : 0;
    for (size_t i = 0; i < FL_COUNT(plain); i++) {
        if (strcmp(name, plain[i]) == 0)
            return 0;
    }
    if (format && strcmp(name, "leads") == 0) {
        int32_t leads = fl_workflow_set(w, format);

        if (leads != FL_NONE && w->sets[leads].kind == FL_SET_LEADS)
            return 0;
    }
    if (format && strcmp(name, "input") == 0 && has_input(check->stage, format))
        return 0;
    if (format && strcmp(name, "output") == 0 &&
        fl_stage_output(check->stage, format, strlen(format)) != FL_NONE)
        return 0;
    if (!format && fl_workflow_param(w, name))
        return 0;
    return unknown_name(check, name, format, reterr);
}

static void check_text(struct fl_compile *c, const struct fl_stage *stage,
                       const config_setting_t *at, const char *what, const char *text,
                       const struct fl_dims *dims)
{
    fl_auto(fl_buf_release) struct fl_buf out;
    struct check check = {.c = c, .stage = stage, .dims = *dims};
    struct fl_err why = {0};

    check.has_lead = fl_dims_lead(c->workflow, dims) >= 0;
    fl_buf_init(&out, 0);
    if (text && fl_expand(text, check_name, &out, &why, &check) < 0)
        fl_complain(c, at, "%s: %s", what, why.text);
}

void fl_check_text(struct fl_compile *c, size_t index, const config_setting_t *at, const char *what,
                   const char *text)
{
    const struct fl_stage *stage = &c->workflow->stages[index];

    check_text(c, stage, at, what, text, &stage->dims);
}

void fl_check_templates(struct fl_compile *c, size_t index)
{
    const struct fl_stage *stage = &c->workflow->stages[index];
    const struct fl_draft *draft = &c->drafts[index];
    const config_setting_t *args = fl_layers_get(&draft->layers, "args");
    const config_setting_t *files = fl_layers_get(&draft->layers, "files");
    char what[300];

    for (size_t i = 0; i < stage->args.count; i++)
        check_text(c, stage, args ? args : draft->at, "args", stage->args.items[i], &stage->dims);
    for (size_t i = 0; i < stage->env_count; i++)
        check_text(c, stage, fl_layers_get(&draft->layers, "env"), stage->env[i].name,
                   stage->env[i].value, &stage->dims);
    for (size_t i = 0; i < stage->output_count; i++) {
        struct fl_dims dims = fl_output_dims(stage, (int32_t)i);

        check_text(c, stage, draft->at, "outputs", stage->outputs[i].file, &dims);
    }
    for (size_t i = 0; i < stage->file_count; i++) {
        (void)snprintf(what, sizeof(what), "%s.in", stage->files[i].name);
        if (stage->files[i].render)
            check_text(c, stage, files, what, stage->files[i].content, &stage->dims);
    }
}
