/* Every {name} of arguments, environment, output names and rendered files is one that will be
 * known. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/expand.h"
#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define KNOWN \
    "accepted: cycle, run, workflow, stage, attempt, out, leads:SET, input:NAME, output:NAME, " \
    "parameters; with 'per' " \
    "also lead, valid, from"

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

static int check_name(const char *name, const char *format, struct fl_buf *out,
                      struct fl_err *reterr, void *arg)
{
    static const char *const plain[] = {"run", "workflow", "stage", "attempt", "out"};
    static const struct fl_lead lead = {.minutes = 60};
    const struct check *check = arg;
    const struct fl_workflow *w = check->c->workflow;
    int32_t set = fl_workflow_set(w, name);

    for (size_t i = 0; i < FL_COUNT(plain); i++) {
        if (strcmp(name, plain[i]) == 0)
            return 0;
    }
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
    if (format && strcmp(name, "leads") == 0 && fl_workflow_set(w, format) != FL_NONE)
        return 0;
    if (format && strcmp(name, "input") == 0 && has_input(check->stage, format))
        return 0;
    if (format && strcmp(name, "output") == 0 &&
        fl_stage_output(check->stage, format, strlen(format)) != FL_NONE)
        return 0;
    if (!format && fl_workflow_param(w, name))
        return 0;
    return fl_err_set(reterr, FL_E_NOENT, 0, "unknown name '%s%s%s'; " KNOWN, name,
                      format ? ":" : "", format ? format : "");
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
