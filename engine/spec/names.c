/* The files that an instance writes: each has a plain name, and no two have the same. What stands
 * for the instance, the run or the attempt is the same in all of them and is left as it is. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/expand.h"
#include "engine/base/path.h"
#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define FILES_MAX 100000 /* of one instance that are held against each other */

/* A file of an output. */
struct file {
    char *name;
    size_t output;
    size_t member;
};

struct naming {
    const struct fl_workflow *workflow;
    const struct fl_set *set; /* of the output; or NULL */
    size_t member;
};

static int expand_name(const char *name, const char *format, struct fl_buf *out,
                       struct fl_err *reterr, void *arg)
{
    const struct naming *naming = arg;
    const struct fl_param *param = format ? NULL : fl_workflow_param(naming->workflow, name);
    char member[FL_MEMBER_TEXT_MAX];
    struct fl_lead lead;

    if (naming->set && naming->set->kind == FL_SET_LEADS) {
        bool own = strcmp(name, naming->set->name) == 0;

        lead = fl_leads_at(&naming->set->leads, naming->member);
        if (own || strcmp(name, "lead") == 0 || strcmp(name, "valid") == 0)
            return fl_expand_time(own ? "lead" : name, format, (struct fl_cycle){.s = 0}, &lead,
                                  out, reterr);
    } else if (naming->set && strcmp(name, naming->set->name) == 0) {
        fl_buf_puts(out, fl_set_member(naming->set, naming->member, member));
        return 0;
    }
    if (strcmp(name, "cycle") == 0)
        return fl_expand_time(name, format, (struct fl_cycle){.s = 0}, NULL, out, reterr);
    if (param)
        fl_buf_puts(out, param->value);
    else
        fl_buf_printf(out, "{%s%s%s}", name, format ? ":" : "", format ? format : "");
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct file *x = a;
    const struct file *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : (x->output > y->output) - (x->output < y->output);
}

static void add_file(struct fl_compile *c, const struct fl_stage *stage, size_t output,
                     size_t member, struct file **files, size_t *count)
{
    int32_t set = stage->outputs[output].set;
    struct naming naming = {.workflow = c->workflow,
                            .set = set == FL_NONE ? NULL : &c->workflow->sets[set],
                            .member = member};
    fl_auto(fl_buf_release) struct fl_buf text;
    struct file *file;

    fl_buf_init(&text, FL_PATH_MAX);
    if (fl_expand(stage->outputs[output].file, expand_name, &text, NULL, &naming) < 0 ||
        fl_buf_check(&text, NULL) < 0)
        return; /* told with the placeholders */
    file = fl_grow(c, files, count, sizeof(*file));
    if (!file)
        return;
    fl_set_text(c, &file->name, text.data);
    file->output = output;
    file->member = member;
}

static void complain_twice(struct fl_compile *c, const struct fl_stage *stage,
                           const config_setting_t *at, const struct file *a, const struct file *b)
{
    const struct fl_set *set = stage->outputs[a->output].set == FL_NONE
                                   ? NULL
                                   : &c->workflow->sets[stage->outputs[a->output].set];
    char one[FL_MEMBER_TEXT_MAX];
    char two[FL_MEMBER_TEXT_MAX];

    if (a->output == b->output && set)
        fl_complain(c, at,
                    "output '%s': its file '%s' is '%.200s' for %s and for %s; each needs its own",
                    stage->outputs[a->output].name, stage->outputs[a->output].file, a->name,
                    fl_set_member(set, a->member, one), fl_set_member(set, b->member, two));
    else
        fl_complain(c, at, "outputs '%s' and '%s' have one file, '%.200s'; each needs its own",
                    stage->outputs[a->output].name, stage->outputs[b->output].name, a->name);
}

static void check_files(struct fl_compile *c, size_t index, struct file *files, size_t count)
{
    const struct fl_stage *stage = &c->workflow->stages[index];
    const config_setting_t *outputs = fl_layers_get(&c->drafts[index].layers, "outputs");
    const config_setting_t *at = outputs ? outputs : c->drafts[index].at;

    for (size_t i = 0; i < count; i++) {
        if (fl_path_is_safe(files[i].name))
            continue;
        fl_complain(c, at,
                    "output '%s': file '%.200s' is not a plain path below the folder of "
                    "outputs",
                    stage->outputs[files[i].output].name, files[i].name);
        return;
    }
    qsort(files, count, sizeof(files[0]), by_name);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(files[i - 1].name, files[i].name) == 0) {
            complain_twice(c, stage, at, &files[i - 1], &files[i]);
            return;
        }
    }
}

void fl_check_names(struct fl_compile *c, size_t index)
{
    const struct fl_stage *stage = &c->workflow->stages[index];
    struct file *files = NULL;
    size_t count = 0;

    for (size_t i = 0; i < stage->output_count; i++) {
        int32_t set = stage->outputs[i].set;
        size_t members = set == FL_NONE ? 1 : fl_set_count(&c->workflow->sets[set]);

        if (set != FL_NONE && !fl_template_has_set(c->workflow, stage->outputs[i].file, set))
            members = 1; /* told already */
        for (size_t m = 0; m < members && count < FILES_MAX && !c->no_memory; m++)
            add_file(c, stage, i, m, &files, &count);
    }
    if (count && !c->no_memory)
        check_files(c, index, files, count);
    for (size_t i = 0; i < count; i++)
        free(files[i].name);
    free(files);
}
