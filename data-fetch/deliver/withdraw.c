/* withdraw: a product found bad after delivery is recalled. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/deliver/ending.h"
#include "data-fetch/deliver/notify.h"
#include "data-fetch/lines/site.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define RUN_MAX 512

struct withdrawing {
    const char *dir;
    const char *set;
    const char *why;
    const char *who;
    const char *site_file;
    char *const *files;
    size_t count;
    struct fl_notify notify;
    struct fl_ending ending;
    struct fl_signer signer;
};

/* Each file is one of the set: present, or withdrawn before (then nothing is left to do). */
static int end_files(struct withdrawing *w, struct fl_err *reterr)
{
    char now[FL_TIME_TEXT_MAX];
    char why[512];
    int rc = fl_ledger_begin(w->ending.ledger, reterr);

    fl_cycle_format_extended((struct fl_cycle){.s = fl_world_utc_ns(w->ending.world) / 1000000000},
                             now);
    (void)snprintf(why, sizeof(why), "%.400s%s%.100s%s", w->why, w->who ? " (" : "",
                   w->who ? w->who : "", w->who ? ")" : "");
    for (char *at = why; *at; at++)
        *at = *at == '\n' || *at == '\r' ? ' ' : *at; /* a notice is a line */
    for (size_t i = 0; rc == 0 && i < w->count; i++) {
        char sha256[FL_DIGEST_HEX];
        char run[RUN_MAX];

        rc =
            fl_ledger_find(w->ending.ledger, w->set, w->files[i], sha256, run, sizeof(run), reterr);
        if (rc == 0 && !sha256[0])
            rc = fl_err_set(reterr, FL_E_NOENT, 0,
                            "set '%s' at '%s' has no file '%.200s' now (fairlead-transfer custody "
                            "%s --set '%s' lists what it has and had)",
                            w->set, w->dir, w->files[i], w->dir, w->set);
        if (rc == 0)
            rc = fl_ledger_end(w->ending.ledger, w->set, w->files[i], now, "withdrawing", why,
                               reterr);
    }
    if (rc == 0)
        rc = fl_ledger_commit(w->ending.ledger, reterr);
    if (rc < 0)
        fl_ledger_rollback(w->ending.ledger);
    return rc;
}

static int withdraw(struct withdrawing *w, struct fl_err *reterr)
{
    const struct fl_world *world = w->ending.world;
    int lock = -1;
    int rc = fl_ledger_open(world, w->dir, false, &w->ending.ledger, reterr);

    if (rc == 0)
        rc = fl_ledger_lock(world, w->dir, &lock, reterr);
    if (rc == 0)
        rc = fl_ending_resume(&w->ending, reterr);
    if (rc == 0)
        rc = end_files(w, reterr);
    if (rc == 0)
        rc = fl_ending_carry_out(&w->ending, w->set, reterr);
    if (lock >= 0)
        fl_lock_release(world, lock);
    fl_ledger_close(w->ending.ledger);
    return rc;
}

static int tell_others(const struct withdrawing *w, struct fl_err *reterr)
{
    json_t *files = json_array();
    int rc;

    for (size_t i = 0; files && i < w->count; i++)
        (void)json_array_append_new(files, json_string(w->files[i])); /* NULL ends in NOMEM */
    rc = fl_notify_send(&w->notify, w->ending.world,
                        json_pack("{ss ss ss ss* so}", "event", "withdrawn", "set", w->set, "why",
                                  w->why, "who", w->who, "files", files),
                        reterr);
    return rc < 0 ? rc : 0; /* one that was not reached was warned of */
}

static int set_up(struct withdrawing *w, struct fl_err *reterr)
{
    fl_auto(fl_site_destroy) struct fl_site *site = NULL;
    int rc;

    if (!w->set || !w->why || !*w->why || w->count == 0)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "withdraw needs DIR, --set NAME, --why TEXT and one file at least");
    rc = fl_site_find(w->ending.world, w->site_file, &site, reterr);
    if (rc == 0 && site && site->keys[0])
        rc = fl_signer_open(w->ending.world, site->keys, site->name, &w->signer, reterr);
    w->ending.dir = w->dir;
    w->ending.signer = w->signer.key ? &w->signer : NULL;
    return rc;
}

int fl_command_withdraw(int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"set", required_argument, NULL, 's'},    {"why", required_argument, NULL, 'w'},
        {"who", required_argument, NULL, 'o'},    {"site", required_argument, NULL, 'S'},
        {"notify", required_argument, NULL, 'n'}, {NULL, 0, NULL, 0},
    };
    struct withdrawing w = {.ending = {.world = fl_world_real()}};
    int code;
    int rc = 0;

    opterr = 0;
    optind = 1;
    while (rc == 0 && (code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        w.set = code == 's' ? optarg : w.set;
        w.why = code == 'w' ? optarg : w.why;
        w.who = code == 'o' ? optarg : w.who;
        w.site_file = code == 'S' ? optarg : w.site_file;
        if (code == 'n')
            rc = fl_notify_add(&w.notify, optarg, reterr);
    }
    if (rc == 0 && optind < argc) {
        w.dir = argv[optind];
        w.files = argv + optind + 1;
        w.count = (size_t)(argc - optind - 1);
    }
    if (rc == 0)
        rc = set_up(&w, reterr);
    if (rc == 0)
        rc = withdraw(&w, reterr);
    if (rc == 0)
        rc = tell_others(&w, reterr);
    if (rc == 0)
        fl_log(FL_LOG_INFO, "transfer.withdrawn", "set='%s' files=%zu moved=%zu why='%s'", w.set,
               w.count, w.ending.moved, w.why);
    fl_signer_release(&w.signer);
    return rc;
}
