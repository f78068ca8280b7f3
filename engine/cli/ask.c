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

/* What stands in the way of everything, first of all. */
static void tell_alarm(const struct fl_cli *cli, const json_t *answer)
{
    const json_t *alarm = json_object_get(answer, "alarm");
    int64_t since_ns = json_integer_value(json_object_get(alarm, "since_ns"));
    bool color = fl_text_color(stdout);
    char since[FL_TIME_TEXT_MAX];

    if (!alarm || (cli->given & FL_OPT_JSON))
        return;
    (void)printf("%sALARM %s%s since %s UTC: %s\n  %s (events held: %lld)\n",
                 fl_text_state_color("failed", color), fl_text_of(alarm, "alarm"),
                 fl_text_reset(color),
                 fl_text_time(since_ns, fl_world_utc_ns(cli->world), since, sizeof(since)),
                 fl_text_of(alarm, "error"), fl_text_of(alarm, "effect"),
                 (long long)json_integer_value(json_object_get(alarm, "held")));
}

/* A run that the coordinator has dropped: its record still knows it. */
static int ask_past(struct fl_cli *cli, const char *run, const json_t *request, json_t **ret_result,
                    struct fl_err *reterr)
{
    fl_auto(fl_model_destroy) struct fl_model *model = NULL;
    char time[FL_TIME_TEXT_MAX];
    int64_t time_ns = 0;
    uint64_t seq = 0;
    int rc = fl_model_create_past(cli->state, run, &model, &seq, reterr);

    if (rc == 0)
        rc = fl_model_time(model, seq, &time_ns, reterr);
    if (rc == 0)
        rc = fl_model_answer(model, request, time_ns, ret_result, reterr);
    if (rc == 0 && !(cli->given & FL_OPT_JSON))
        (void)fprintf(stderr,
                      "fairlead: %s is kept no more; from the record, as it was after event %llu, "
                      "%s UTC\n",
                      run, (unsigned long long)seq,
                      fl_text_time(time_ns, fl_world_utc_ns(cli->world), time, sizeof(time)));
    return rc;
}

int fl_cli_ask(struct fl_cli *cli, const char *verb, const char *run, const char *stage,
               json_t **ret_result, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    fl_json_auto json_t *request =
        json_pack("{s:s, s:s*, s:s*}", "verb", verb, "run", run, "stage", stage);
    struct fl_err err = {0};
    int rc;

    if (request && strcmp(verb, "status") == 0 && cli->brief)
        (void)json_object_set_new(request, "brief", json_true());
    if (request && (cli->given & FL_OPT_ATTEMPT))
        (void)json_object_set_new(request, "attempt", json_integer(cli->attempt));
    rc = fl_client_open(&client, cli->world, cli->state, FL_CLIENT_ANY, reterr);
    if (rc < 0)
        return rc;
    cli->stored = client.model;
    if (strcmp(verb, "status") == 0 && !cli->brief)
        rc = fl_client_status(&client, run, ret_result, reterr);
    else
        rc = fl_client_ask(&client, json_incref(request), ret_result, reterr);
    if (rc == FL_E_NOENT && run && ask_past(cli, run, request, ret_result, &err) == 0)
        rc = 0;
    if (rc == 0 && strcmp(verb, "log") != 0) /* a stage's own output stays as it is */
        tell_alarm(cli, *ret_result);
    return rc;
}

/* "surge/20261124T0000Z/prep.f003": the run ends at the second slash. */
static int split_joined(const struct fl_cli *cli, const char **ret_run, const char **ret_stage,
                        struct fl_err *reterr)
{
    char *second = strchr(strchr(cli->args[0], '/') + 1, '/');

    if (!second || !second[1])
        return fl_err_set(
            reterr, FL_E_USAGE, 0,
            "'%.200s' is a run: say which stage of it ('fairlead status %.200s' lists "
            "them)",
            cli->args[0], cli->args[0]);
    if (cli->run)
        return fl_err_set(reterr, FL_E_USAGE, 0, "the run is named twice: '%s' and --run %s",
                          cli->args[0], cli->run);
    *second = '\0';
    *ret_run = cli->args[0];
    *ret_stage = second + 1;
    return 0;
}

int fl_cli_run_stage(const struct fl_cli *cli, const char **ret_run, const char **ret_stage,
                     struct fl_err *reterr)
{
    if (cli->arg_count == 2 && cli->run)
        return fl_err_set(reterr, FL_E_USAGE, 0, "the run is named twice: '%s' and --run %s",
                          cli->args[0], cli->run);
    *ret_run = cli->arg_count == 2 ? cli->args[0] : cli->run;
    *ret_stage = cli->arg_count > 0 ? cli->args[cli->arg_count - 1] : NULL;
    if (cli->arg_count == 1 && strchr(cli->args[0], '/'))
        return split_joined(cli, ret_run, ret_stage, reterr);
    return 0;
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
    static const char *const heads[] = {"WORKER", "STATE", "POOL", "SITE",
                                        "CORES",  "USED",  "SINCE"};
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
        const char *state = json_is_true(json_object_get(worker, "gone")) ? "gone" : "here";
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
                                   state,
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
