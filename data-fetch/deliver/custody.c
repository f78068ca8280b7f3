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
#include "engine/world/file.h"

#include "engine/base/banned.h"

/* Where a version stands in its life. */
static const char *stand_of(const struct fl_custody *row)
{
    if (row->superseded[0])
        return row->ending[0] ? row->ending : "replaced";
    if (row->delivery[0])
        return "arrived"; /* its set is not published yet */
    return row->removed[0] ? "removed at source" : "received";
}

static int print_row(const struct fl_custody *row, void *arg)
{
    const char *only = arg;

    if (only && strcmp(only, row->run) != 0)
        return 0;
    (void)printf("%s/%s  %" PRIu64 " bytes  %.12s  run %s  created %s  sent %s  received %s",
                 row->set, row->file, row->size, row->sha256, row->run,
                 row->created[0] ? row->created : "-", row->sent, row->received);
    if (row->removed[0])
        (void)printf("  removed at source %s", row->removed);
    if (row->superseded[0])
        (void)printf("  %s %s%s%s", stand_of(row), row->superseded, row->why[0] ? ": " : "",
                     row->why);
    (void)printf("%s%s\n", row->delivery[0] ? "  arrived, not published" : "",
                 strcmp(row->degraded, "[]") == 0 ? "" : "  degraded");
    return 0;
}

struct listing {
    const char *run; /* NULL: all */
    bool first;
};

/* A row at a time: a ledger may have very many. */
static int print_row_json(const struct fl_custody *row, void *arg)
{
    struct listing *list = arg;
    json_t *degraded = json_loads(row->degraded, 0, NULL);
    fl_json_auto json_t *entry = json_pack(
        "{ss ss sI ss ss ss ss ss ss ss so* ss ss ss ss ss ss ss ss}", "set", row->set, "file",
        row->file, "size", (json_int_t)row->size, "sha256", row->sha256, "run", row->run, "stage",
        row->stage, "output", row->output, "lead", row->lead, "cycle", row->cycle, "valid_time",
        row->valid_time, "degraded", degraded, "origin", row->origin, "created", row->created,
        "sent", row->sent, "received", row->received, "superseded", row->superseded, "removed",
        row->removed, "state", stand_of(row), "why", row->why);
    char *text;

    if (list->run && strcmp(list->run, row->run) != 0)
        return 0;
    text = entry ? json_dumps(entry, JSON_SORT_KEYS) : NULL;
    if (!text)
        return FL_E_NOMEM;
    (void)printf("%s\n %s", list->first ? "" : ",", text);
    list->first = false;
    free(text);
    return 0;
}

static int print_json(struct fl_ledger *ledger, const char *set, const char *run,
                      struct fl_err *reterr)
{
    struct listing list = {.run = run, .first = true};
    int rc;

    (void)printf("[");
    rc = fl_ledger_each(ledger, FL_LEDGER_ALL, set, NULL, print_row_json, &list, reterr);
    (void)printf("%s]\n", list.first ? "" : "\n");
    return rc == FL_E_NOMEM ? fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory") : rc;
}

/* What workers have said meanwhile; a reader who may not write does without. */
static int open_ledger(const char *dir, struct fl_ledger **ret_ledger, struct fl_err *reterr)
{
    const struct fl_world *world = fl_world_real();
    char notes[FL_PATH_MAX];
    int lock = -1;
    int rc = fl_ledger_open(world, dir, false, ret_ledger, reterr);

    if (rc < 0 ||
        snprintf(notes, sizeof(notes), "%s/" FL_LEDGER_FOLDER "/removed", dir) >=
            (int)sizeof(notes) ||
        !fl_file_exists(world, notes) || fl_ledger_lock(world, dir, &lock, NULL) < 0)
        return rc;
    (void)fl_ledger_absorb(*ret_ledger, world, dir, NULL); /* the next writer does it */
    fl_lock_release(world, lock);
    return 0;
}

int fl_command_custody(int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"set", required_argument, NULL, 's'},
        {"run", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    fl_auto(fl_ledger_close) struct fl_ledger *ledger = NULL;
    const char *set = NULL;
    char *run = NULL;
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
        run = code == 'r' ? optarg : run;
    }
    if (optind + 1 != argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "custody takes one products folder");
    rc = open_ledger(argv[optind], &ledger, reterr);
    if (rc < 0)
        return rc;
    return json ? print_json(ledger, set, run, reterr)
                : fl_ledger_each(ledger, FL_LEDGER_ALL, set, NULL, print_row, run, reterr);
}
