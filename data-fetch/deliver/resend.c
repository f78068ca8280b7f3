/* resend: what a set should have and has not, or not as it was, is brought again. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/deliver/ledger.h"
#include "data-fetch/lines/pull.h"
#include "data-fetch/lines/site.h"
#include "engine/base/log.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define WINDOW 64

struct missing {
    char path[FL_PATH_MAX];
    char origin[FL_PATH_MAX];
    char sha256[FL_DIGEST_HEX];
};

struct resending {
    const struct fl_world *world;
    const char *dir;
    const char *set;
    const char *from;
    struct fl_site *site;
    struct fl_ledger *ledger;
    struct fl_pull_item *items;
    struct missing *missing;
    size_t count;
    size_t looked;
    size_t sent;
    uint64_t bytes;
    struct fl_err *reterr;
};

static bool file_is(const struct fl_world *world, const char *path, const char *sha256)
{
    char found[FL_DIGEST_HEX];

    return fl_file_exists(world, path) && fl_file_digest(world, path, found, NULL, NULL) == 0 &&
           strcmp(found, sha256) == 0;
}

static int came(struct fl_pull_item *item, struct fl_err *reterr, void *arg)
{
    struct resending *r = arg;
    uint64_t size = item->incoming.size;
    int rc = fl_incoming_settle(&item->incoming, reterr);

    r->sent += rc == 0;
    r->bytes += rc == 0 ? size : 0;
    if (rc == 0)
        (void)printf("%s: sent again, %" PRIu64 " bytes\n", item->path, size);
    return rc;
}

static int flush(struct resending *r)
{
    const struct fl_pull_options pull = {.site = r->site};
    int rc = fl_pull_run_with(r->world, &pull, r->items, r->count, came, r, r->reterr);

    r->count = 0;
    return rc;
}

static int look_at(const struct fl_custody *row, void *arg)
{
    struct resending *r = arg;
    struct missing *m = &r->missing[r->count];
    struct fl_pull_item *item = &r->items[r->count];
    char name[FL_PATH_MAX];
    bool is_url;
    int rc;

    r->looked++;
    if (snprintf(name, sizeof(name), "%s/%s", row->set, row->file) >= (int)sizeof(name))
        return fl_err_set(r->reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", row->file);
    rc = fl_path_join(r->dir, name, m->path, sizeof(m->path), r->reterr);
    if (rc < 0 || file_is(r->world, m->path, row->sha256))
        return rc;
    if (r->from)
        rc = fl_path_join(r->from, row->file, m->origin, sizeof(m->origin), r->reterr);
    else if (row->removed[0])
        rc = fl_err_set(r->reterr, FL_E_REFUSED, 0,
                        "'%s': its copy at the source was removed on %s, after delivery; say "
                        "--from DIR for a folder that has it, or run the stage again",
                        m->path, row->removed);
    else
        (void)snprintf(m->origin, sizeof(m->origin), "%s", row->origin);
    if (rc < 0)
        return rc;
    is_url = strstr(m->origin, "://") != NULL;
    memcpy(m->sha256, row->sha256, sizeof(m->sha256));
    *item = (struct fl_pull_item){.url = is_url ? m->origin : NULL,
                                  .local = is_url ? NULL : m->origin,
                                  .path = m->path,
                                  .sha256 = m->sha256,
                                  .size = (int64_t)row->size,
                                  .modified_s = -1};
    return ++r->count == WINDOW ? flush(r) : 0;
}

static int resend(struct resending *r, struct fl_err *reterr)
{
    int rc = fl_ledger_open(r->world, r->dir, false, &r->ledger, reterr);

    r->items = calloc(WINDOW, sizeof(*r->items));
    r->missing = calloc(WINDOW, sizeof(*r->missing));
    if (rc == 0 && (!r->items || !r->missing))
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        rc = fl_ledger_each(r->ledger, FL_LEDGER_PRESENT, r->set, NULL, look_at, r, reterr);
    if (rc == 0 && r->count > 0)
        rc = flush(r);
    fl_ledger_close(r->ledger);
    free(r->items);
    free(r->missing);
    return rc;
}

int fl_command_resend(int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"missing", no_argument, NULL, 'm'},
        {"set", required_argument, NULL, 's'},
        {"from", required_argument, NULL, 'f'},
        {"site", required_argument, NULL, 'S'},
        {NULL, 0, NULL, 0},
    };
    struct resending r = {.world = fl_world_real(), .reterr = reterr};
    const char *site_file = NULL;
    bool missing = false;
    int code;
    int rc;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        missing = missing || code == 'm';
        r.set = code == 's' ? optarg : r.set;
        r.from = code == 'f' ? optarg : r.from;
        site_file = code == 'S' ? optarg : site_file;
    }
    if (optind + 1 != argc || !missing)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "accepted: resend --missing DIR [--set NAME] [--from DIR]");
    r.dir = argv[optind];
    rc = fl_site_find(r.world, site_file, &r.site, reterr);
    if (rc == 0)
        rc = resend(&r, reterr);
    fl_site_destroy(r.site);
    if (rc == 0)
        (void)printf("%zu files looked at, %zu sent again, %" PRIu64 " bytes\n", r.looked, r.sent,
                     r.bytes);
    return rc;
}
