/* insert, remove and reload: stages of a run, or of the cycles to come, become others. */
#include "config.h"

#include "engine/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/cli/client.h"
#include "engine/cli/text.h"

#include "engine/base/banned.h"

static void print_names(const char *what, const json_t *names)
{
    size_t i;
    json_t *name;

    json_array_foreach(names, i, name)
    {
        (void)printf("  %s: %s\n", what, json_string_value(name));
    }
}

void fl_cli_print_changes(const json_t *result)
{
    fl_json_auto json_t *asked = NULL;
    const json_t *changes;
    const char *text = fl_text_of(json_array_get(json_object_get(result, "would"), 0), "text");

    if (*text == '\0' || fl_json_parse(text, strlen(text), &asked, NULL) < 0)
        return;
    changes = json_object_get(asked, "changes");
    print_names("added", json_object_get(changes, "added"));
    print_names("removed", json_object_get(changes, "removed"));
    print_names("changed", json_object_get(changes, "changed"));
}

/* Asks for a dry run first, so that the difference can be shown, then for the thing itself. */
static int ask(struct fl_cli *cli, json_t *request, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    fl_json_auto json_t *wanted = request;
    fl_json_auto json_t *newest = NULL;
    fl_json_auto json_t *look = NULL;
    fl_json_auto json_t *result = NULL;
    int rc = fl_client_open(&client, cli->world, cli->state, FL_CLIENT_LIVE, reterr);

    if (rc == 0 && !json_object_get(wanted, "run") &&
        strcmp(fl_text_of(wanted, "verb"), "reload") != 0) {
        rc = fl_client_ask(&client, json_pack("{s:s, s:b}", "verb", "status", "brief", 1), &newest,
                           reterr);
        if (rc == 0)
            (void)json_object_set(wanted, "run", json_object_get(newest, "run"));
    }
    if (rc == 0) {
        json_t *dry = json_copy(wanted);

        (void)json_object_set_new(dry, "dry", json_true()); /* a lack shows in the answer */
        rc = fl_client_ask(&client, dry, &look, reterr);
    }
    if (rc == 0 && !(cli->given & FL_OPT_DRY))
        rc = fl_client_ask(&client, json_incref(wanted), &result, reterr);
    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result ? result : look, reterr);
    if (result)
        (void)printf("action %lld: %s %s: recorded\n",
                     (long long)json_integer_value(json_object_get(result, "action")),
                     fl_cli_verb(fl_text_of(wanted, "verb")), fl_text_of(wanted, "run"));
    fl_cli_print_changes(look);
    if (!result)
        (void)puts("nothing was done: without --dry-run it is");
    return 0;
}

/* {"verb","run"?,"why"?,"stages"?}; stages are the arguments from `from` on. */
static json_t *make_request(const struct fl_cli *cli, const char *verb, const char *run, int from)
{
    json_t *request = json_pack("{s:s, s:s*, s:s*}", "verb", verb, "run", run, "why", cli->why);
    json_t *stages = json_array();

    for (int i = from; i < cli->arg_count; i++)
        (void)json_array_append_new(stages, json_string(cli->args[i]));
    if (from < cli->arg_count)
        (void)json_object_set(request, "stages", stages); /* a lack shows in the answer */
    json_decref(stages);
    return request;
}

static int with_file(struct fl_cli *cli, json_t *request, struct fl_err *reterr)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    json_t *json = NULL;
    int rc = fl_cli_compile(cli, cli->args[0], &workflow, reterr);

    if (rc == 0)
        rc = fl_workflow_to_json(workflow, &json, reterr);
    if (rc == 0 && json_object_set_new(request, "workflow", json) != 0)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc < 0) {
        json_decref(request);
        return rc;
    }
    return ask(cli, request, reterr);
}

int fl_cli_reload(struct fl_cli *cli, struct fl_err *reterr)
{
    return with_file(
        cli, make_request(cli, cli->run ? "reload-run" : "reload", cli->run, cli->arg_count),
        reterr);
}

int fl_cli_insert(struct fl_cli *cli, struct fl_err *reterr)
{
    return with_file(cli, make_request(cli, "insert", cli->run, 1), reterr);
}

int fl_cli_remove(struct fl_cli *cli, struct fl_err *reterr)
{
    bool named = strchr(cli->args[0], '/') != NULL;

    if (named && cli->run)
        return fl_err_set(reterr, FL_E_USAGE, 0, "the run is named twice: '%s' and --run %s",
                          cli->args[0], cli->run);
    if (named && cli->arg_count == 1)
        return fl_err_set(reterr, FL_E_USAGE, 0, "remove: say which stages of '%s'", cli->args[0]);
    return ask(cli, make_request(cli, "remove", named ? cli->args[0] : cli->run, named ? 1 : 0),
               reterr);
}
