/* Carrying out withdrawals and retirements. */
#include "config.h"

#include "data-fetch/deliver/ending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"

#include "engine/base/banned.h"

#define SETS_MAX 4096 /* resumed in one go */

struct carrying {
    struct fl_ending *e;
    char folder[FL_PATH_MAX]; /* of the set */
    struct fl_buf notice;
    size_t files;
    struct fl_err *reterr;
};

static bool file_is(const struct fl_world *world, const char *path, const char *sha256)
{
    char found[FL_DIGEST_HEX];

    return fl_file_exists(world, path) && fl_file_digest(world, path, found, NULL, NULL) == 0 &&
           strcmp(found, sha256) == 0;
}

/* SET/FILE to SET/.withdrawn/FILE.DIGEST */
static int move_aside(const struct carrying *c, const struct fl_custody *row, const char *path)
{
    const struct fl_world *world = c->e->world;
    char to[FL_PATH_MAX];
    char parent[FL_PATH_MAX];
    int rc;

    if (snprintf(to, sizeof(to), "%s/" FL_WITHDRAWN "/%s.%.12s", c->folder, row->file,
                 row->sha256) >= (int)sizeof(to))
        return fl_err_set(c->reterr, FL_E_TOO_BIG, 0, "path of '%.200s' is too long", row->file);
    (void)snprintf(parent, sizeof(parent), "%.*s", (int)(fl_path_base(to) - to - 1), to);
    rc = fl_dir_make(world, parent, 0755, c->reterr);
    if (rc == 0) {
        int renamed = world->ops->rename(path, to, world->arg);

        rc = renamed < 0 ? fl_err_errno(c->reterr, -renamed, "rename '%s'", path) : 0;
    }
    if (rc == 0)
        rc = fl_dir_sync(world, parent, c->reterr);
    c->e->moved += rc == 0;
    return rc;
}

static int carry_row(const struct fl_custody *row, void *arg)
{
    struct carrying *c = arg;
    char path[FL_PATH_MAX];
    int rc = fl_path_join(c->folder, row->file, path, sizeof(path), c->reterr);

    if (rc < 0 || !file_is(c->e->world, path, row->sha256))
        return rc; /* gone already, or another version has its place */
    if (strcmp(row->ending, "withdrawing") == 0)
        return move_aside(c, row, path);
    c->e->removed++;
    return fl_file_remove(c->e->world, path, c->reterr);
}

static int notice_row(const struct fl_custody *row, void *arg)
{
    struct carrying *c = arg;

    fl_buf_printf(&c->notice, "%s  %s  withdrawn %s: %s\n", row->sha256, row->file, row->superseded,
                  row->why);
    return 0;
}

/* All that was ever withdrawn from the set, for its readers. */
static int write_notice(struct carrying *c, const char *set)
{
    char path[FL_PATH_MAX];
    size_t before;
    int rc = fl_path_join(c->folder, FL_WITHDRAWN_NOTICE, path, sizeof(path), c->reterr);

    fl_buf_printf(&c->notice,
                  "# %s: these files were found bad after delivery. Do not use them, or what was "
                  "made from them.\n",
                  set);
    before = c->notice.size;
    if (rc == 0)
        rc = fl_ledger_each(c->e->ledger, FL_LEDGER_ENDING, set, "withdrawing", notice_row, c,
                            c->reterr);
    if (rc == 0)
        rc = fl_ledger_each(c->e->ledger, FL_LEDGER_ENDING, set, "withdrawn", notice_row, c,
                            c->reterr);
    if (rc == 0)
        rc = fl_buf_check(&c->notice, c->reterr);
    if (rc == 0 && c->notice.size > before)
        rc = fl_file_publish(c->e->world, path, c->notice.data, c->notice.size, c->reterr);
    return rc;
}

static int count_row(const struct fl_custody *row, void *arg)
{
    struct carrying *c = arg;

    (void)row;
    c->files++;
    return 1; /* one is enough to know */
}

static int manifest_of(struct carrying *c, const char *set)
{
    return fl_file_exists(c->e->world, c->folder)
               ? fl_manifest_write(c->e->world, c->e->ledger, set, NULL, c->folder, c->e->signer,
                                   NULL, c->reterr)
               : 0;
}

/* A set of which nothing is present any more, and nothing was withdrawn, is no set. */
static int drop_empty(struct carrying *c, const char *set)
{
    char notice[FL_PATH_MAX];
    int rc = fl_ledger_each(c->e->ledger, FL_LEDGER_PRESENT, set, NULL, count_row, c, c->reterr);

    if (rc < 0 || c->files > 0 || c->e->removed == 0 ||
        fl_path_join(c->folder, FL_WITHDRAWN_NOTICE, notice, sizeof(notice), NULL) < 0 ||
        fl_file_exists(c->e->world, notice))
        return rc;
    return fl_dir_remove(c->e->world, c->folder, c->reterr);
}

int fl_ending_carry_out(struct fl_ending *ending, const char *set, struct fl_err *reterr)
{
    struct carrying c = {.e = ending, .reterr = reterr};
    int rc = fl_path_join(ending->dir, set, c.folder, sizeof(c.folder), reterr);

    fl_buf_init(&c.notice, 0);
    if (rc == 0)
        rc = manifest_of(&c, set);
    if (rc == 0 && fl_file_exists(ending->world, c.folder))
        rc = write_notice(&c, set);
    if (rc == 0)
        rc = fl_ledger_each(ending->ledger, FL_LEDGER_ENDING, set, NULL, carry_row, &c, reterr);
    if (rc == 0 && fl_file_exists(ending->world, c.folder))
        rc = fl_dir_sync(ending->world, c.folder, reterr);
    if (rc == 0)
        rc = fl_ledger_settle(ending->ledger, set, "withdrawing", "withdrawn", reterr);
    if (rc == 0)
        rc = fl_ledger_settle(ending->ledger, set, "retiring", "retired", reterr);
    if (rc == 0)
        rc = drop_empty(&c, set);
    fl_buf_release(&c.notice);
    return rc;
}

struct sets {
    char **items;
    size_t count;
};

static int note_set(const struct fl_custody *row, void *arg)
{
    struct sets *sets = arg;

    if (sets->count == SETS_MAX ||
        (sets->count > 0 && strcmp(sets->items[sets->count - 1], row->set) == 0))
        return 0;
    sets->items[sets->count] = strdup(row->set);
    sets->count += sets->items[sets->count] != NULL;
    return 0;
}

int fl_ending_resume(struct fl_ending *ending, struct fl_err *reterr)
{
    struct sets sets = {.items = calloc(SETS_MAX, sizeof(char *))};
    int rc = sets.items ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0)
        rc = fl_ledger_each(ending->ledger, FL_LEDGER_ENDING, NULL, NULL, note_set, &sets, reterr);
    for (size_t i = 0; rc == 0 && i < sets.count; i++)
        rc = fl_ending_carry_out(ending, sets.items[i], reterr);
    for (size_t i = 0; i < sets.count; i++)
        free(sets.items[i]);
    free(sets.items);
    return rc;
}
