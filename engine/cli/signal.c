/* `fairlead signal`: something outside has happened that triggers wait for. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/text.h"

#include "engine/base/banned.h"

int fl_cli_signal(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    fl_json_auto json_t *result = NULL;
    const char *to = cli->args[0];
    const char *name = cli->args[1];
    json_t *request = json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "verb", "signal",
                                strchr(to, '/') ? "run" : "workflow", to, "name", name, "text",
                                cli->text, "why", cli->why);
    int rc;

    if (!request)
        return fl_err_set(reterr, FL_E_USAGE, 0, "the names must be UTF-8");
    if ((cli->given & FL_OPT_DRY) && json_object_set_new(request, "dry", json_true()) != 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = fl_client_open(&client, cli->world, cli->state, FL_CLIENT_LIVE, reterr);
    if (rc < 0) {
        json_decref(request);
        return rc;
    }
    rc = fl_client_ask(&client, request, &result, reterr);
    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    (void)printf("event:%s %s %s\n", name, cli->given & FL_OPT_DRY ? "would be told to" : "told to",
                 to);
    return 0;
}
