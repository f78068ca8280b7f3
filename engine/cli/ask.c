/* Questions and actions: what the commands that talk to a coordinator share, and the small ones. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/text.h"

#include "engine/base/banned.h"

int fl_cli_print_json(const json_t *json, struct fl_err *reterr)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER);

    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (puts(text) < 0) {
        free(text);
        return fl_err_set(reterr, FL_E_IO, 0, "write standard output");
    }
    free(text);
    return 0;
}

int fl_cli_ask(struct fl_cli *cli, const char *verb, const char *run, const char *stage,
               json_t **ret_result, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    json_t *request = json_pack("{s:s, s:s*, s:s*}", "verb", verb, "run", run, "stage", stage);
    int rc;

    if (request && (cli->given & FL_OPT_ATTEMPT))
        (void)json_object_set_new(request, "attempt", json_integer(cli->attempt));
    rc = fl_client_open(&client, cli->world, cli->state, FL_CLIENT_ANY, reterr);
    if (rc < 0) {
        json_decref(request);
        return rc;
    }
    cli->stored = client.model;
    return fl_client_ask(&client, request, ret_result, reterr);
}

int fl_cli_run_stage(const struct fl_cli *cli, const char **ret_run, const char **ret_stage,
                     struct fl_err *reterr)
{
    if (cli->arg_count == 2 && cli->run)
        return fl_err_set(reterr, FL_E_USAGE, 0, "the run is named twice: '%s' and --run %s",
                          cli->args[0], cli->run);
    *ret_run = cli->arg_count == 2 ? cli->args[0] : cli->run;
    *ret_stage = cli->arg_count > 0 ? cli->args[cli->arg_count - 1] : NULL;
    return 0;
}

/* A lone argument with a slash is a run, as no stage has one in its name. */
static int run_and_maybe_stage(const struct fl_cli *cli, const char **ret_run,
                               const char **ret_stage, struct fl_err *reterr)
{
    if (cli->arg_count == 1 && strchr(cli->args[0], '/')) {
        *ret_run = cli->args[0];
        *ret_stage = NULL;
        return 0;
    }
    return fl_cli_run_stage(cli, ret_run, ret_stage, reterr);
}

/* "prep.f003" or "prep(+003)" as stage and key. */
static int split_key(const char *which, char *stage, size_t size, char *key, size_t key_size,
                     struct fl_err *reterr)
{
    size_t name = strcspn(which, ".(");
    size_t rest = strlen(which + name);
    struct fl_lead lead;
    char text[FL_TIME_TEXT_MAX];
    bool dotted = which[name] == '.';
    int rc;

    key[0] = '\0';
    if (name >= size)
        return fl_err_set(reterr, FL_E_USAGE, 0, "stage '%.80s' is too long", which);
    memcpy(stage, which, name);
    stage[name] = '\0';
    if (which[name] == '\0')
        return 0;
    if (rest < 3 || rest >= sizeof(text) || (!dotted && which[name + rest - 1] != ')'))
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%.80s'; accepted: prep, prep.f003, prep(+003)",
                          which);
    memcpy(text, which + name + (dotted ? 2 : 1), rest - 2);
    text[rest - 2] = '\0';
    for (char *m = text; dotted && *m; m++)
        *m = *m == 'm' ? ':' : *m;
    rc = fl_lead_parse(text, &lead, reterr);
    if (rc < 0)
        return fl_err_note(reterr, FL_E_USAGE, "'%.80s'", which);
    fl_lead_format(lead, text);
    (void)snprintf(key, key_size, "%s", text);
    return 0;
}

/* A person's action: run, stage and reason go with it. */
static int act(struct fl_cli *cli, const char *verb, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    fl_json_auto json_t *result = NULL;
    fl_json_auto json_t *newest = NULL;
    const char *run = NULL;
    const char *which = NULL;
    char stage[FL_WORKFLOW_NAME_MAX * 3] = "";
    char key[FL_TIME_TEXT_MAX] = "";
    int rc = run_and_maybe_stage(cli, &run, &which, reterr);

    if (rc == 0 && which)
        rc = split_key(which, stage, sizeof(stage), key, sizeof(key), reterr);
    if (rc == 0)
        rc = fl_client_open(&client, cli->world, cli->state, FL_CLIENT_LIVE, reterr);
    if (rc == 0 && !run) {
        rc = fl_client_ask(&client, json_pack("{s:s}", "verb", "status"), &newest, reterr);
        run = fl_text_of(newest, "run");
    }
    if (rc == 0)
        rc = fl_client_ask(&client,
                           json_pack("{s:s, s:s, s:s*, s:s*, s:s*}", "verb", verb, "run", run,
                                     "stage", *stage ? stage : NULL, "key", *key ? key : NULL,
                                     "why", cli->why),
                           &result, reterr);
    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    (void)printf("%s %s%s%s: recorded\n", verb, run, which ? " " : "", which ? which : "");
    return 0;
}

int fl_cli_cancel(struct fl_cli *cli, struct fl_err *reterr)
{
    return act(cli, "cancel", reterr);
}

int fl_cli_hold(struct fl_cli *cli, struct fl_err *reterr)
{
    return act(cli, "hold", reterr);
}

int fl_cli_release(struct fl_cli *cli, struct fl_err *reterr)
{
    return act(cli, "release", reterr);
}

int fl_cli_retry(struct fl_cli *cli, struct fl_err *reterr)
{
    return act(cli, "retry", reterr);
}

int fl_cli_stop(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    fl_json_auto json_t *result = NULL;
    int rc = fl_client_open(&client, cli->world, cli->state, FL_CLIENT_LIVE, reterr);

    if (rc == 0)
        rc = fl_client_ask(&client, json_pack("{s:s}", "verb", "stop"), &result, reterr);
    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    (void)puts("the coordinator ends; what runs goes on and is found again at its next start");
    return 0;
}

int fl_cli_workers(struct fl_cli *cli, struct fl_err *reterr)
{
    static const char *const heads[] = {"WORKER", "POOL", "SITE", "CORES", "USED", "SINCE"};
    fl_auto(fl_table_release) struct fl_table table = {0};
    fl_json_auto json_t *result = NULL;
    size_t i;
    json_t *worker;
    int rc = fl_cli_ask(cli, "workers", NULL, NULL, &result, reterr);

    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    fl_table_init(&table, FL_COUNT(heads), heads, -1);
    json_array_foreach(json_object_get(result, "workers"), i, worker)
    {
        char since[FL_TIME_TEXT_MAX];
        size_t j;
        json_t *pool;

        (void)fl_text_time(fl_text_time_ns(json_object_get(worker, "since")),
                           fl_world_utc_ns(cli->world), since, sizeof(since));
        json_array_foreach(json_object_get(worker, "pools"), j, pool)
        {
            char cores[24];
            char used[24];
            const char *cells[] = {fl_text_of(worker, "worker"),
                                   fl_text_of(pool, "pool"),
                                   fl_text_of(pool, "site"),
                                   cores,
                                   used,
                                   since};

            (void)snprintf(cores, sizeof(cores), "%lld",
                           (long long)json_integer_value(json_object_get(pool, "cores")));
            (void)snprintf(used, sizeof(used), "%lld",
                           (long long)json_integer_value(json_object_get(pool, "used")));
            fl_table_row(&table, cells);
        }
    }
    if (table.count == 1) {
        (void)puts("no workers");
        return 0;
    }
    return fl_table_print(&table, stdout, "", reterr);
}
