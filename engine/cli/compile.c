/* Workflow files: `fairlead check`, and what `run` and `submit` make of them. */
#include "config.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/text.h"
#include "engine/spec/spec.h"
#include "engine/world/file.h"
#include "engine/world/process.h"

#include "engine/base/banned.h"

static int read_file(const char *path, size_t limit, struct fl_buf *out, struct fl_err *reterr,
                     void *arg)
{
    const struct fl_world *world = arg;

    return fl_file_read(world, path, limit, out, reterr);
}

/* Errors to standard error, notes where the caller wants them. */
static void tell_diagnostics(const struct fl_diagnostics *found, bool errors, FILE *stream)
{
    for (size_t i = 0; i < found->count; i++) {
        if (found->items[i].is_error == errors)
            (void)fprintf(stream, "%s%s\n", errors ? "" : "note: ", found->items[i].text);
    }
    if (errors && found->errors > found->count)
        (void)fprintf(stream, "and more: %zu mistakes in all\n", found->errors);
}

static int load(struct fl_cli *cli, const char *path, struct fl_workflow **ret_workflow,
                struct fl_diagnostics *found, struct fl_err *reterr)
{
    char *whole = realpath(path, NULL); /* NULL: it is not there, and reading it says so */
    struct fl_spec_options options = {.overrides = cli->sets,
                                      .override_count = cli->set_count,
                                      .base = whole ? dirname(whole) : NULL,
                                      .read = read_file,
                                      .arg = (void *)(uintptr_t)cli->world};
    int rc = fl_spec_load(path, &options, ret_workflow, found, reterr);

    free(whole);
    return rc;
}

int fl_cli_compile(struct fl_cli *cli, const char *path, struct fl_workflow **ret_workflow,
                   struct fl_err *reterr)
{
    struct fl_diagnostics *found = calloc(1, sizeof(*found));
    int rc;

    if (!found)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = load(cli, path, ret_workflow, found, reterr);
    tell_diagnostics(found, true, stderr);
    if (rc == 0)
        tell_diagnostics(found, false, stdout);
    if (rc < 0 && found->count > 0)
        rc = fl_err_set(reterr, FL_E_CONFIG, 0, "'%s' has %zu mistake%s; nothing was done", path,
                        found->errors, found->errors == 1 ? "" : "s");
    free(found);
    return rc;
}

static int params_json(const struct fl_cli *cli, json_t **ret_params, struct fl_err *reterr)
{
    fl_json_auto json_t *params = json_object();

    for (size_t i = 0; params && i < cli->set_count; i++) {
        const char *equals = strchr(cli->sets[i], '=');
        char name[FL_WORKFLOW_NAME_MAX + 1];
        size_t size = equals ? (size_t)(equals - cli->sets[i]) : 0;

        if (size == 0 || size >= sizeof(name))
            return fl_err_set(reterr, FL_E_USAGE, 0, "--set '%.80s': expected NAME=VALUE",
                              cli->sets[i]);
        memcpy(name, cli->sets[i], size);
        name[size] = '\0';
        if (json_object_set_new(params, name, json_string(equals + 1)) != 0)
            return fl_err_set(reterr, FL_E_USAGE, 0, "--set %s: the value is not UTF-8", name);
    }
    if (!params)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    *ret_params = json_incref(params);
    return 0;
}

int fl_cli_submit_request(struct fl_cli *cli, const struct fl_workflow *workflow,
                          json_t **ret_request, struct fl_err *reterr)
{
    fl_json_auto json_t *compiled = NULL;
    fl_json_auto json_t *params = NULL;
    int rc = fl_workflow_to_json(workflow, &compiled, reterr);

    if (rc == 0)
        rc = params_json(cli, &params, reterr);
    if (rc < 0)
        return rc;
    *ret_request = json_pack("{s:s, s:O, s:s, s:s*, s:O}", "verb", "submit", "workflow", compiled,
                             "cycle", cli->cycle, "variant", cli->variant, "params", params);
    return *ret_request ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
}

/* "hour restart max", cut when there are many. */
static void outputs_text(const struct fl_stage *stage, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < stage->output_count && used < size; i++) {
        int n = snprintf(text + used, size - used, "%s%s", i ? " " : "", stage->outputs[i].name);

        used += n > 0 ? (size_t)n : 0;
    }
}

/* A program that is not on this machine may be on the one where the stage runs: a note. */
static void tell_programs(const struct fl_cli *cli, const struct fl_workflow *workflow)
{
    for (size_t i = 0; i < workflow->stage_count; i++) {
        const struct fl_stage *stage = &workflow->stages[i];
        char path[FL_PATH_MAX];
        struct fl_err err = {0};

        if (fl_process_find(cli->world, stage->program, path, sizeof(path), &err) < 0)
            (void)printf("note: stage '%s': here, %s\n", stage->name, err.text);
    }
}

static int tell_summary(const struct fl_workflow *workflow, struct fl_err *reterr)
{
    static const char *const heads[] = {"STAGE", "INSTANCES", "POOL",   "SITE",
                                        "CORES", "PROGRAM",   "OUTPUTS"};
    fl_auto(fl_table_release) struct fl_table table = {0};
    size_t instances = 0;
    size_t delivered = 0;

    fl_table_init(&table, FL_COUNT(heads), heads, -1);
    for (size_t i = 0; i < workflow->stage_count; i++) {
        const struct fl_stage *stage = &workflow->stages[i];
        size_t count = fl_stage_instances(workflow, stage);
        char number[24];
        char cores[24];
        char outputs[80];
        const char *cells[] = {stage->name,
                               number,
                               workflow->pools[stage->pool].name,
                               workflow->sites[workflow->pools[stage->pool].site].name,
                               cores,
                               stage->program,
                               outputs};

        (void)snprintf(number, sizeof(number), "%zu", count);
        (void)snprintf(cores, sizeof(cores), "%lld", (long long)stage->cores);
        outputs_text(stage, outputs, sizeof(outputs));
        fl_table_row(&table, cells);
        instances += count;
        if (stage->kind == FL_STAGE_DELIVER)
            delivered += count;
    }
    (void)printf("%s%s%s: %zu stages, %zu instances, %zu deliveries\n", workflow->name,
                 workflow->title ? ": " : "", workflow->title ? workflow->title : "",
                 workflow->stage_count, instances, delivered);
    return fl_table_print(&table, stdout, "  ", reterr);
}

static int summary_json(const struct fl_workflow *workflow, const struct fl_diagnostics *found,
                        struct fl_err *reterr)
{
    fl_json_auto json_t *stages = json_array();
    fl_json_auto json_t *notes = json_array();
    fl_json_auto json_t *all = NULL;
    char digest[FL_DIGEST_HEX];
    int rc = fl_workflow_digest(workflow, digest, reterr);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < workflow->stage_count; i++) {
        const struct fl_stage *stage = &workflow->stages[i];
        size_t count = fl_stage_instances(workflow, stage);

        (void)json_array_append_new(
            stages,
            json_pack("{s:s, s:I, s:s, s:s, s:I, s:s, s:b}", "stage", stage->name, "instances",
                      (json_int_t)count, "pool", workflow->pools[stage->pool].name, "site",
                      workflow->sites[workflow->pools[stage->pool].site].name, "cores",
                      (json_int_t)stage->cores, "program", stage->program, "delivers",
                      stage->kind == FL_STAGE_DELIVER));
    }
    for (size_t i = 0; i < found->count; i++)
        (void)json_array_append_new(notes, json_string(found->items[i].text));
    all = json_pack("{s:s, s:s, s:O, s:O}", "workflow", workflow->name, "digest", digest, "stages",
                    stages, "notes", notes);
    if (!all || json_array_size(stages) != workflow->stage_count)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    return fl_cli_print_json(all, reterr);
}

int fl_cli_check(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    struct fl_diagnostics *found = calloc(1, sizeof(*found));
    int rc;

    if (!found)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = load(cli, cli->args[0], &workflow, found, reterr);
    tell_diagnostics(found, true, stderr);
    if (rc < 0 && found->count > 0)
        rc = fl_err_set(reterr, FL_E_CONFIG, 0, "'%s' has %zu mistake%s", cli->args[0],
                        found->errors, found->errors == 1 ? "" : "s");
    if (rc == 0 && (cli->given & FL_OPT_JSON)) {
        rc = summary_json(workflow, found, reterr);
    } else if (rc == 0) {
        rc = tell_summary(workflow, reterr);
        tell_diagnostics(found, false, stdout);
        tell_programs(cli, workflow);
    }
    free(found);
    return rc;
}
