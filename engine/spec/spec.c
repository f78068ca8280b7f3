/* Compiling a workflow file: reading with its includes, then the passes over it. */
#include "config.h"

#include "engine/spec/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define NESTING_MAX 200 /* brackets in brackets: libconfig's parser recurses */

/* Included files must stay below the workflow's folder: libconfig opens them by itself. */
static int check_includes(struct fl_compile *c, const char *text, int *left, size_t *bytes_left,
                          struct fl_err *reterr)
{
    for (const char *at = strstr(text, "@include"); at; at = strstr(at, "@include")) {
        fl_auto(fl_buf_release) struct fl_buf inner;
        const char *open = strchr(at, '"');
        const char *close = open ? strchr(open + 1, '"') : NULL;
        char name[FL_PATH_MAX];
        char path[FL_PATH_MAX];
        int rc;

        fl_buf_init(&inner, FL_SPEC_FILE_MAX + 1);
        at += strlen("@include");
        if (!close || (size_t)(close - open) > sizeof(name) - 1)
            continue; /* the parser says what is wrong */
        memcpy(name, open + 1, (size_t)(close - open - 1));
        name[close - open - 1] = '\0';
        if ((*left)-- <= 0)
            return fl_err_set(reterr, FL_E_CONFIG, 0, "more than %d includes",
                              FL_SPEC_INCLUDES_MAX);
        rc = fl_path_join(c->folder, name, path, sizeof(path), reterr);
        if (rc == 0)
            rc = c->options->read(path, *bytes_left, &inner, reterr, c->options->arg);
        if (rc < 0)
            return fl_err_note(reterr, FL_E_CONFIG, "@include \"%s\"", name);
        *bytes_left -= inner.size;
        rc = check_includes(c, inner.data, left, bytes_left, reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int check_nesting(const char *text, struct fl_err *reterr)
{
    int depth = 0;
    int line = 1;
    bool quoted = false;

    for (; *text; text++) {
        line += *text == '\n';
        if (*text == '\\' && quoted && text[1])
            text++;
        else if (*text == '"')
            quoted = !quoted;
        else if (!quoted && strchr("{[(", *text))
            depth++;
        else if (!quoted && strchr("}])", *text))
            depth--;
        if (depth > NESTING_MAX)
            return fl_err_set(reterr, FL_E_PARSE, 0,
                              "line %d: more than %d brackets within each other", line,
                              NESTING_MAX);
    }
    return 0;
}

static int parse(struct fl_compile *c, config_t *config, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    const char *base = fl_path_base(c->path);
    size_t bytes_left = FL_SPEC_FILE_MAX;
    int left = FL_SPEC_INCLUDES_MAX;
    struct fl_err why = {0};
    int rc;

    fl_buf_init(&text, FL_SPEC_FILE_MAX + 1);
    if ((size_t)(base - c->path) >= sizeof(c->folder))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", c->path);
    if (base == c->path)
        memcpy(c->folder, ".", 2);
    else
        (void)snprintf(c->folder, sizeof(c->folder), "%.*s", (int)(base - c->path - 1), c->path);
    rc = c->options->read(c->path, FL_SPEC_FILE_MAX, &text, reterr, c->options->arg);
    if (rc < 0)
        return rc;
    if (strlen(text.data) != text.size) {
        fl_complain(c, NULL, "holds a NUL byte; a workflow is a text file");
        return FL_E_PARSE;
    }
    rc = check_nesting(text.data, &why);
    if (rc == 0)
        rc = check_includes(c, text.data, &left, &bytes_left, &why);
    if (rc < 0) {
        fl_complain(c, NULL, "%s", why.text);
        return rc;
    }
    config_set_include_dir(config, c->folder);
    if (config_read_string(config, text.data) != CONFIG_TRUE) {
        struct fl_diagnostic *item = &c->diagnostics->items[c->diagnostics->count++];
        const char *file = config_error_file(config);

        c->diagnostics->errors++;
        item->is_error = true;
        (void)snprintf(item->text, sizeof(item->text),
                       "%s:%d: %s; accepted: NAME = VALUE; or NAME = { … };", file ? file : c->path,
                       config_error_line(config), config_error_text(config));
        return FL_E_PARSE;
    }
    return 0;
}

static void compile(struct fl_compile *c, const config_t *config)
{
    const config_setting_t *root = config_root_setting(config);
    const config_setting_t *workflow = config_setting_get_member(root, "workflow");

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
    fl_draft_stages(c, config_setting_get_member(workflow, "stages"));
    for (size_t i = 0; i < c->draft_count; i++)
        fl_resolve_per(c, i);
    for (size_t i = 0; i < c->draft_count; i++)
        fl_read_stage(c, i);
    for (size_t i = 0; i < c->draft_count; i++) {
        fl_read_inputs(c, i);
        fl_read_files(c, i);
        fl_check_templates(c, i);
    }
    if (c->diagnostics->errors || c->no_memory)
        return; /* what follows relies on names that are there */
    fl_insert_transfers(c);
    fl_order_stages(c);
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
        fl_complain(&c, NULL, "%s", why.text);
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
