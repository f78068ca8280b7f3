/* `fairlead store`: looking after the record. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/store/care.h"

#include "engine/base/banned.h"

#define WHO_MAX 160

static void print_problem(const char *text, void *arg)
{
    const struct fl_cli *cli = arg;

    (void)fprintf(cli->given & FL_OPT_JSON ? stderr : stdout, "problem: %s\n", text);
}

static int print_report(const struct fl_cli *cli, const char *what, const char *folder,
                        const struct fl_store_report *report, struct fl_err *reterr)
{
    fl_json_auto json_t *json = NULL;

    if (cli->given & FL_OPT_JSON) {
        json = json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I}", "folder", folder, "schema",
                         report->schema, "events", (json_int_t)report->events, "workflows",
                         (json_int_t)report->workflows, "bytes", (json_int_t)report->bytes, "held",
                         (json_int_t)report->held, "problems", (json_int_t)report->problems);
        return json ? fl_cli_print_json(json, reterr)
                    : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    }
    (void)printf("%s '%s': %" PRIu64 " events, %" PRIu64 " workflows, %.1f MB, schema %d: %s\n",
                 what, folder, report->events, report->workflows, (double)report->bytes / 1e6,
                 report->schema, report->problems ? "damaged" : "whole");
    return 0;
}

static int no_state(const struct fl_cli *cli, int rc, struct fl_err *reterr)
{
    if (rc != FL_E_NOENT)
        return rc;
    return fl_err_set(reterr, FL_E_NOENT, 0,
                      "no state at '%s': nothing was run there yet (say --state DIR)", cli->state);
}

static int store_check(struct fl_cli *cli, struct fl_err *reterr)
{
    struct fl_store_report report = {0};
    int rc = fl_store_verify(cli->state, print_problem, cli, &report, reterr);

    if (rc == 0)
        rc = print_report(cli, "record", cli->state, &report, reterr);
    if (rc == 0 && report.problems > 0)
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "the record in '%s' is damaged: stop its coordinator and go on from a "
                          "backup (fairlead store restore)",
                          cli->state);
    return no_state(cli, rc, reterr);
}

static int store_backup(struct fl_cli *cli, const char *folder, struct fl_err *reterr)
{
    struct fl_store_report report = {0};
    int rc = fl_store_backup(cli->world, cli->state, folder, &report, reterr);

    return rc == 0 ? print_report(cli, "backup", folder, &report, reterr)
                   : no_state(cli, rc, reterr);
}

static int store_restore(struct fl_cli *cli, const char *folder, struct fl_err *reterr)
{
    struct fl_store_report report = {0};
    char who[WHO_MAX];
    int rc;

    fl_client_who(who, sizeof(who));
    rc = fl_store_restore(cli->world, folder, cli->state, who, &report, reterr);
    if (rc == FL_E_NOENT)
        return fl_err_set(reterr, rc, 0, "no backup at '%s'", folder);
    if (rc == 0)
        rc = print_report(cli, "restored", cli->state, &report, reterr);
    if (rc == 0 && report.held > 0 && !(cli->given & FL_OPT_JSON))
        (void)printf("held: %" PRIu64
                     " runs that have not ended. Start the coordinator on it, let the "
                     "workers come back, look at fairlead status, then fairlead release RUN\n",
                     report.held);
    return rc;
}

int fl_cli_store(struct fl_cli *cli, struct fl_err *reterr)
{
    const char *what = cli->args[0];
    const char *folder = cli->arg_count > 1 ? cli->args[1] : NULL;

    if (strcmp(what, "check") == 0 && !folder)
        return store_check(cli, reterr);
    if (strcmp(what, "backup") == 0 && folder)
        return store_backup(cli, folder, reterr);
    if (strcmp(what, "restore") == 0 && folder)
        return store_restore(cli, folder, reterr);
    return fl_err_set(
        reterr, FL_E_USAGE, 0,
        "expected: fairlead store check, store backup DIR, or store restore DIR, each "
        "with --state DIR");
}
