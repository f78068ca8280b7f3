/* custody: what the ledger of a destination holds. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/deliver/ledger.h"
#include "engine/base/json.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

static int print_row(const struct fl_custody *row, void *arg)
{
    (void)arg;
    (void)printf("%s/%s  %" PRIu64 " bytes  %.12s  run %s  received %s%s%s%s\n", row->set,
                 row->file, row->size, row->sha256, row->run, row->received,
                 row->superseded[0] ? "  superseded " : "", row->superseded,
                 strcmp(row->degraded, "[]") == 0 ? "" : "  degraded");
    return 0;
}

static int collect_row(const struct fl_custody *row, void *arg)
{
    json_t *degraded = json_loads(row->degraded, 0, NULL);
    json_t *entry = json_pack(
        "{ss ss sI ss ss ss ss ss ss ss so* ss ss ss ss ss}", "set", row->set, "file", row->file,
        "size", (json_int_t)row->size, "sha256", row->sha256, "run", row->run, "stage", row->stage,
        "output", row->output, "lead", row->lead, "cycle", row->cycle, "valid_time",
        row->valid_time, "degraded", degraded, "origin", row->origin, "created", row->created,
        "sent", row->sent, "received", row->received, "superseded", row->superseded);

    return json_array_append_new(arg, entry) < 0 ? FL_E_NOMEM : 0;
}

static int print_json(struct fl_ledger *ledger, const char *set, struct fl_err *reterr)
{
    fl_json_auto json_t *rows = json_array();
    char *text = NULL;
    int rc = rows ? fl_ledger_each(ledger, set, false, collect_row, rows, reterr) : FL_E_NOMEM;

    if (rc == 0)
        text = json_dumps(rows, JSON_INDENT(1) | JSON_SORT_KEYS);
    if (rc == FL_E_NOMEM || (rc == 0 && !text))
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        (void)printf("%s\n", text);
    free(text);
    return rc;
}

int fl_command_custody(int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"set", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    fl_auto(fl_ledger_close) struct fl_ledger *ledger = NULL;
    const char *set = NULL;
    bool json = false;
    int code;
    int rc;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        json = json || code == 'j';
        set = code == 's' ? optarg : set;
    }
    if (optind + 1 != argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "custody takes one products folder");
    rc = fl_ledger_open(fl_world_real(), argv[optind], false, &ledger, reterr);
    if (rc < 0)
        return rc;
    return json ? print_json(ledger, set, reterr)
                : fl_ledger_each(ledger, set, false, print_row, NULL, reterr);
}
