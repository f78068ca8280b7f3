/* Compiling a workflow file: reading with its includes, then the passes over it. */
#include "config.h"

#include "engine/spec/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/spec/impl.h"

#include "engine/base/banned.h"

static int parse(struct fl_compile *c, config_t *config, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    const char *base = fl_path_base(c->path);
    int rc;

    fl_buf_init(&text, FL_SPEC_FILE_MAX + 1);
    if ((size_t)(base - c->path) >= sizeof(c->folder))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", c->path);
    if (base == c->path)
        memcpy(c->folder, ".", 2);
    else
        (void)snprintf(c->folder, sizeof(c->folder), "%.*s", (int)(base - c->path - 1), c->path);
    rc = c->options->read(c->path, FL_SPEC_FILE_MAX, &text, reterr, c->options->arg);
    if (rc == FL_E_TOO_BIG) {
        fl_complain(c, NULL,
                    "has more than %zu bytes; stages that are alike are one stage with foreach or "
                    "per",
                    FL_SPEC_FILE_MAX);
        return FL_E_CONFIG;
    }
    if (rc < 0)
        return rc;
    rc = fl_scan(c, text.data, text.size);
    if (rc < 0)
        return rc;
    config_set_include_dir(config, c->folder);
    if (config_read_string(config, text.data) != CONFIG_TRUE) {
        const char *said = config_error_text(config);

        if (strstr(said, "duplicate"))
            said = "a name stands twice in its group";
        fl_say_at(c, true, config_error_file(config), (unsigned)config_error_line(config),
                  "%s; accepted: NAME = VALUE; or NAME = { … }; each name once", said);
        return FL_E_PARSE;
    }
    return 0;
}

/* Where the stage stands that a message of the core begins with, or NULL. */
static const config_setting_t *stage_in(const struct fl_compile *c, const char *said)
{
    static const char head[] = "stage '";

    if (strncmp(said, head, strlen(head)) != 0)
        return NULL;
    said += strlen(head);
    for (size_t i = 0; i < c->draft_count; i++) {
        const char *name = c->drafts[i].name;

        if (strncmp(said, name, strlen(name)) == 0 && said[strlen(name)] == '\'')
            return c->drafts[i].at;
    }
    return NULL;
}

/* Instances of all stages. */
static void check_total(struct fl_compile *c)
{
    uint64_t total = 0;

    for (size_t i = 0; i < c->workflow->stage_count; i++)
        total += fl_stage_instances(c->workflow, &c->workflow->stages[i]);
    if (total > FL_WORKFLOW_TOTAL_MAX)
        fl_complain(c, NULL, "the stages have %llu instances together; the limit is %d",
                    (unsigned long long)total, FL_WORKFLOW_TOTAL_MAX);
}

static void compile(struct fl_compile *c, const config_t *config)
{
    const config_setting_t *root = config_root_setting(config);
    const config_setting_t *workflow = config_setting_get_member(root, "workflow");
    struct fl_layers top;

    for (int i = 0; i < config_setting_length(root); i++) {
        const config_setting_t *item = config_setting_get_elem(root, (unsigned)i);

        if (item != workflow)
            fl_complain(c, item, "unknown key '%s'; accepted: workflow", config_setting_name(item));
    }
    if (!workflow || !config_setting_is_group(workflow)) {
        fl_complain(c, workflow,
                    "no workflow here; accepted: workflow: { name = …; stages: { … }; };");
        return;
    }
    fl_read_top(c, workflow);
    top = fl_layers_of(workflow);
    fl_draft_stages(c, workflow);
    fl_read_pools(c, &top);
    for (size_t i = 0; i < c->draft_count; i++)
        fl_resolve_per(c, i);
    fl_read_declares(c, workflow);
    for (size_t i = 0; i < c->draft_count; i++)
        fl_read_stage(c, i);
    for (size_t i = 0; i < c->draft_count; i++) {
        fl_read_inputs(c, i);
        fl_read_files(c, i);
        fl_check_templates(c, i);
        fl_check_names(c, i);
        fl_check_when(c, i);
    }
    if (c->diagnostics->errors || c->no_memory)
        return; /* what follows relies on names that are there */
    fl_insert_transfers(c);
    check_total(c);
    fl_order_stages(c);
    if (c->diagnostics->errors == 0 && !c->no_memory)
        fl_lint(c);
}

int fl_spec_load(const char *path, const struct fl_spec_options *options,
                 struct fl_workflow **ret_workflow, struct fl_diagnostics *diagnostics,
                 struct fl_err *reterr)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    struct fl_compile c = {.path = path, .options = options, .diagnostics = diagnostics};
    struct fl_err why = {0};
    config_t config;
    int rc = fl_workflow_create(&workflow, reterr);

    fl_assert(path && options && options->read);
    fl_assert(ret_workflow && diagnostics);
    if (rc < 0)
        return rc;
    config_init(&config);
    c.workflow = workflow;
    rc = parse(&c, &config, reterr);
    if (rc == 0)
        compile(&c, &config);
    if (rc == 0 && diagnostics->errors == 0 && !c.no_memory &&
        fl_workflow_check(workflow, &why) < 0)
        fl_complain(&c, stage_in(&c, why.text), "%s", why.text);
    for (size_t i = 0; i < c.draft_count; i++)
        fl_free_texts(&c.drafts[i].per);
    free(c.drafts);
    config_destroy(&config);
    if (c.no_memory)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s': out of memory", path);
    for (size_t i = 0; i < diagnostics->count && diagnostics->errors; i++) {
        if (diagnostics->items[i].is_error)
            return fl_err_set(reterr, FL_E_CONFIG, 0, "%s", diagnostics->items[i].text);
    }
    if (rc < 0)
        return rc;
    *ret_workflow = FL_STEAL(workflow);
    return 0;
}
