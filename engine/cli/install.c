/* `fairlead install`, `uninstall`, `workflows`: what the coordinator cycles by itself. */
#include "config.h"

#include "engine/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "engine/cli/text.h"

#include "engine/base/banned.h"

int fl_cli_flow_request(const struct fl_cli *cli, const char *verb,
                        const struct fl_workflow *workflow, const char *start, const char *stop,
                        json_t **ret_request, struct fl_err *reterr)
{
    fl_json_auto json_t *compiled = NULL;
    json_t *request;
    int rc = fl_workflow_to_json(workflow, &compiled, reterr);

    if (rc < 0)
        return rc;
    request = json_pack("{s:s, s:O, s:s*, s:s*, s:s*}", "verb", verb, "workflow", compiled, "start",
                        start, "stop", stop, "why", cli->why);
    if (request && (cli->given & FL_OPT_HELD) && json_object_set_new(request, "held", json_true()))
        request = NULL;
    if (!request)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    *ret_request = request;
    return 0;
}

static int ask(struct fl_cli *cli, json_t *request, json_t **ret_result, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    int rc = 0;

    if ((cli->given & FL_OPT_DRY) && json_object_set_new(request, "dry", json_true()) != 0)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        rc = fl_client_open(&client, cli->world, cli->state, FL_CLIENT_LIVE, reterr);
    if (rc < 0) {
        json_decref(request);
        return rc;
    }
    return fl_client_ask(&client, request, ret_result, reterr);
}

static int tell(const struct fl_cli *cli, const char *verb, const char *workflow, const char *more,
                const json_t *result, struct fl_err *reterr)
{
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    if (cli->given & FL_OPT_DRY) {
        (void)printf("%s of workflow %s would lead to\n", verb, workflow);
        fl_cli_print_would(result);
        (void)puts("nothing was done: without --dry-run it is");
        return 0;
    }
    (void)printf("action %lld: %s of workflow %s: recorded%s\n",
                 (long long)json_integer_value(json_object_get(result, "action")), verb, workflow,
                 more);
    return 0;
}

static int ask_file(struct fl_cli *cli, const char *verb, const char *more, struct fl_err *reterr)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    fl_json_auto json_t *result = NULL;
    json_t *request = NULL;
    int rc = fl_cli_compile(cli, cli->args[0], &workflow, reterr);

    if (rc == 0)
        rc = fl_cli_flow_request(cli, verb, workflow, cli->start, cli->stop, &request, reterr);
    if (rc == 0)
        rc = ask(cli, request, &result, reterr);
    return rc < 0 ? rc : tell(cli, verb, workflow->name, more, result, reterr);
}

int fl_cli_install(struct fl_cli *cli, struct fl_err *reterr)
{
    return ask_file(cli, "install", "; `fairlead workflows` shows its cycles", reterr);
}

int fl_cli_uninstall(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_json_auto json_t *result = NULL;
    json_t *request = json_pack("{s:s, s:s, s:s*}", "verb", "uninstall", "workflow", cli->args[0],
                                "why", cli->why);
    int rc;

    if (!request)
        return fl_err_set(reterr, FL_E_USAGE, 0, "the name must be UTF-8");
    rc = ask(cli, request, &result, reterr);
    return rc < 0 ? rc
                  : tell(cli, "uninstall", cli->args[0],
                         "; it makes no more cycles, its runs go on", result, reterr);
}

/* Hold or release of all of a workflow. */
int fl_cli_flow_hold(struct fl_cli *cli, const char *verb, struct fl_err *reterr)
{
    fl_json_auto json_t *result = NULL;
    json_t *request;
    int rc;

    if (cli->arg_count > 0)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "--workflow %s is all of it; no run or stage beside it", cli->workflow);
    request =
        json_pack("{s:s, s:s, s:s*}", "verb", verb, "workflow", cli->workflow, "why", cli->why);
    if (!request)
        return fl_err_set(reterr, FL_E_USAGE, 0, "the name must be UTF-8");
    rc = ask(cli, request, &result, reterr);
    return rc < 0 ? rc : tell(cli, verb, cli->workflow, "", result, reterr);
}

int fl_cli_workflows(struct fl_cli *cli, struct fl_err *reterr)
{
    static const char *const heads[] = {"WORKFLOW",  "STATE",      "LAST", "NEXT",
                                        "WAITS FOR", "UNFINISHED", "MADE", "SKIPPED"};
    fl_auto(fl_table_release) struct fl_table table = {0};
    fl_json_auto json_t *result = NULL;
    size_t i;
    json_t *flow;
    int rc = fl_cli_ask(cli, "workflows", NULL, NULL, &result, reterr);

    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    fl_table_init(&table, FL_COUNT(heads), heads, 1);
    json_array_foreach(json_object_get(result, "workflows"), i, flow)
    {
        char numbers[3][24];
        static const char *const counted[] = {"unfinished", "made", "skipped"};
        const char *cells[FL_COUNT(heads)] = {
            fl_text_of(flow, "workflow"), fl_text_of(flow, "state"), fl_text_of(flow, "last"),
            fl_text_of(flow, "next"), fl_text_of(flow, "waits_for")};

        for (size_t n = 0; n < FL_COUNT(counted); n++) {
            (void)snprintf(numbers[n], sizeof(numbers[n]), "%lld",
                           (long long)json_integer_value(json_object_get(flow, counted[n])));
            cells[5 + n] = numbers[n];
        }
        fl_table_row(&table, cells);
    }
    if (table.count == 1) {
        (void)puts("no workflow is installed; `fairlead install FILE` installs one");
        return 0;
    }
    return fl_table_print(&table, stdout, "", reterr);
}
