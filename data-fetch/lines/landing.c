/* Files that come in pieces. */
#include "config.h"

#include "data-fetch/lines/landing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/lines/journal.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

/* ---- which bytes are there ---- */

static size_t part_after(const struct fl_landing *landing, int64_t offset)
{
    size_t low = 0;
    size_t high = landing->count;

    while (low < high) { /* the first part that ends at or after offset */
        size_t middle = (low + high) / 2;

        if (landing->parts[middle].end < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Returns false when there are too many parts: the bytes count as not there. */
static bool add_part(struct fl_landing *landing, int64_t first, int64_t end)
{
    size_t at = part_after(landing, first);
    size_t until = at;

    while (until < landing->count && landing->parts[until].first <= end) {
        if (landing->parts[until].first < first)
            first = landing->parts[until].first;
        if (landing->parts[until].end > end)
            end = landing->parts[until].end;
        until++;
    }
    if (until == at) {
        if (landing->count == FL_LANDING_PARTS_MAX)
            return false;
        memmove(&landing->parts[at + 1], &landing->parts[at],
                (landing->count - at) * sizeof(landing->parts[0]));
        landing->count++;
    } else if (until > at + 1) {
        memmove(&landing->parts[at + 1], &landing->parts[until],
                (landing->count - until) * sizeof(landing->parts[0]));
        landing->count -= until - at - 1;
    }
    landing->parts[at] = (struct fl_part){.first = first, .end = end};
    return true;
}

int64_t fl_landing_prefix(const struct fl_landing *landing)
{
    return landing->count > 0 && landing->parts[0].first == 0 ? landing->parts[0].end : 0;
}

bool fl_landing_whole(const struct fl_landing *landing)
{
    return landing->size >= 0 && fl_landing_prefix(landing) >= landing->size;
}

bool fl_landing_gap(const struct fl_landing *landing, int64_t from, struct fl_part *ret_gap)
{
    size_t at = part_after(landing, from);
    int64_t end = landing->size >= 0 ? landing->size : INT64_MAX;

    if (at < landing->count && landing->parts[at].first <= from)
        from = landing->parts[at++].end;
    if (at < landing->count && landing->parts[at].first < end)
        end = landing->parts[at].first;
    *ret_gap = (struct fl_part){.first = from, .end = end};
    return from < end;
}

/* ---- the journal ---- */

static void journal_close(struct fl_landing *landing, bool keep)
{
    const struct fl_world *world = landing->world;

    if (!landing->journal)
        return;
    if (!keep)
        (void)world->ops->unlink(landing->journal, world->arg); /* hidden, and read by nobody */
    (void)world->ops->close(landing->journal_fd, world->arg);   /* and the lock with it */
    free(landing->journal);
    landing->journal = NULL;
    landing->journal_fd = -1;
}

int fl_landing_note(struct fl_landing *landing, struct fl_err *reterr)
{
    int rc = 0;

    if (landing->fresh_count == 0)
        return 0;
    if (landing->journal)
        rc = fl_journal_add(landing->world, landing->journal_fd, landing->journal, landing->fresh,
                            landing->fresh_count, reterr);
    landing->fresh_count = 0;
    landing->touched_ns = fl_world_mono_ns(landing->world);
    return rc;
}

static int note_later(struct fl_landing *landing, int64_t first, int64_t end, struct fl_err *reterr)
{
    if (!landing->journal)
        return 0;
    for (size_t i = 0; i < landing->fresh_count; i++) {
        if (landing->fresh[i].end == first) {
            landing->fresh[i].end = end;
            return 0;
        }
    }
    landing->fresh[landing->fresh_count++] = (struct fl_part){.first = first, .end = end};
    return landing->fresh_count == FL_LANDING_FRESH_MAX ? fl_landing_note(landing, reterr) : 0;
}

/* ---- names and descriptors ---- */

static int copy_text(const char *text, char **ret_copy, struct fl_err *reterr)
{
    *ret_copy = strdup(text);
    return *ret_copy ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a path");
}

static int open_temp(struct fl_landing *landing, int flags, struct fl_err *reterr)
{
    const struct fl_world *world = landing->world;

    landing->fd = world->ops->open(landing->temp, flags | O_RDWR | O_CREAT, 0644, world->arg);
    if (landing->fd < 0) {
        int rc = fl_err_errno(reterr, -landing->fd, "open '%s'", landing->temp);

        free(landing->temp); /* it is not ours to remove */
        landing->temp = NULL;
        landing->fd = -1;
        return rc;
    }
    return 0;
}

/* A temporary of its own, without a journal. */
static int open_plain(struct fl_landing *landing, struct fl_err *reterr)
{
    char temp[FL_PATH_MAX];
    int rc = fl_file_incoming(landing->world, landing->path, temp, sizeof(temp), reterr);

    if (rc == 0)
        rc = copy_text(temp, &landing->temp, reterr);
    return rc == 0 ? open_temp(landing, O_EXCL, reterr) : rc;
}

static int hidden_name(const struct fl_landing *landing, const char *end, char *out,
                       struct fl_err *reterr)
{
    const char *base = fl_path_base(landing->path);

    if (snprintf(out, FL_PATH_MAX, "%.*s" FL_INCOMING "/%s%s", (int)(base - landing->path),
                 landing->path, base, end) >= FL_PATH_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", landing->path);
    return 0;
}

/* The journal, locked; *ret_ours is false when another process has it, or the name is too long for
 * the disk. */
static int open_journal(struct fl_landing *landing, bool *ret_ours, struct fl_err *reterr)
{
    const struct fl_world *world = landing->world;
    char name[FL_PATH_MAX];
    int rc = hidden_name(landing, ".journal", name, reterr);
    int fd;

    *ret_ours = false;
    if (rc < 0)
        return rc;
    fd = world->ops->open(name, O_RDWR | O_CREAT | O_APPEND, 0644, world->arg);
    if (fd == -ENAMETOOLONG)
        return 0;
    if (fd < 0)
        return fl_err_errno(reterr, -fd, "open '%s'", name);
    if (world->ops->lock(fd, world->arg) < 0) {
        (void)world->ops->close(fd, world->arg); /* another's */
        return 0;
    }
    rc = copy_text(name, &landing->journal, reterr);
    if (rc < 0) {
        (void)world->ops->close(fd, world->arg); /* nothing was written */
        return rc;
    }
    landing->journal_fd = fd;
    *ret_ours = true;
    return 0;
}

static int see_part(int64_t first, int64_t end, void *arg)
{
    struct fl_landing *landing = arg;

    (void)add_part(landing, first, end); /* what does not fit is fetched again */
    return 0;
}

/* What an earlier process left, as far as it is of the same bytes. */
static int take_up(struct fl_landing *landing, const struct fl_landing_of *of, uint64_t on_disk,
                   struct fl_err *reterr)
{
    struct fl_journal_head head = {.size = of->size};
    bool same = false;
    int rc = fl_journal_read(landing->world, landing->journal, of, &head, &same, see_part, landing,
                             reterr);

    for (size_t i = 0; rc == 0 && same && i < landing->count; i++) {
        same = landing->parts[i].end <= (int64_t)on_disk &&
               (head.size < 0 || landing->parts[i].end <= head.size);
        landing->resumed += landing->parts[i].end - landing->parts[i].first;
    }
    if (rc == 0 && same) {
        if (landing->size < 0)
            landing->size = head.size;
        (void)snprintf(landing->etag, sizeof(landing->etag), "%s", head.etag);
        return 0;
    }
    landing->count = 0;
    landing->resumed = 0;
    return rc < 0 ? rc : fl_landing_reset(landing, reterr);
}

static bool deserves_journal(const struct fl_landing_of *of)
{
    return of->size < 0 || of->size >= FL_LANDING_JOURNAL_MIN;
}

static int open_kept(struct fl_landing *landing, const struct fl_landing_of *of, bool *ret_ours,
                     struct fl_err *reterr)
{
    const struct fl_world *world = landing->world;
    struct fl_stat info = {0};
    char name[FL_PATH_MAX];
    int rc = hidden_name(landing, ".part", name, reterr);

    if (rc == 0)
        rc = open_journal(landing, ret_ours, reterr);
    if (rc < 0 || !*ret_ours)
        return rc;
    rc = copy_text(name, &landing->temp, reterr);
    if (rc == 0 && world->ops->stat(name, &info, world->arg) < 0)
        info.size_bytes = 0;
    if (rc == 0)
        rc = open_temp(landing, 0, reterr);
    return rc == 0 ? take_up(landing, of, info.size_bytes, reterr) : rc;
}

int fl_landing_open(struct fl_landing *landing, const struct fl_world *world, const char *path,
                    const struct fl_landing_of *of, struct fl_err *reterr)
{
    char first[FL_PATH_MAX];
    bool ours = false;
    int rc;

    *landing = (struct fl_landing){.world = world, .fd = -1, .journal_fd = -1, .size = of->size};
    landing->parts = malloc(FL_LANDING_PARTS_MAX * sizeof(*landing->parts));
    rc = landing->parts ? copy_text(path, &landing->path, reterr)
                        : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        rc = fl_incoming_make_folder(world, path, reterr);
    if (rc == 0 && deserves_journal(of)) {
        rc = hidden_name(landing, "", first, reterr);
        if (rc == 0)
            rc = fl_incoming_make_folder(world, first, reterr);
        if (rc == 0)
            rc = open_kept(landing, of, &ours, reterr);
    }
    if (rc == 0 && !ours)
        rc = open_plain(landing, reterr);
    if (rc < 0)
        fl_landing_close(landing, true);
    return rc;
}

int fl_landing_told(struct fl_landing *landing, const struct fl_landing_of *of,
                    struct fl_err *reterr)
{
    landing->size = of->size;
    (void)snprintf(landing->etag, sizeof(landing->etag), "%s", of->etag);
    if (!landing->journal)
        return 0;
    return fl_journal_begin(landing->world, landing->journal_fd, landing->journal, of, reterr);
}

int fl_landing_write(struct fl_landing *landing, int64_t offset, const void *data, size_t size,
                     struct fl_err *reterr)
{
    const struct fl_world *world = landing->world;
    const char *at = data;
    size_t left = size;

    fl_assert(landing->fd >= 0);
    while (left > 0) {
        ssize_t n =
            world->ops->pwrite(landing->fd, at, left, offset + (int64_t)(size - left), world->arg);

        if (n == -EINTR)
            continue;
        if (n < 0)
            return fl_err_errno(reterr, (int)-n, "write '%s'", landing->temp);
        at += n;
        left -= (size_t)n;
    }
    if (!add_part(landing, offset, offset + (int64_t)size))
        return fl_err_set(reterr, FL_E_FULL, 0, "'%s' is in more than %d pieces", landing->path,
                          FL_LANDING_PARTS_MAX);
    return note_later(landing, offset, offset + (int64_t)size, reterr);
}

int fl_landing_reset(struct fl_landing *landing, struct fl_err *reterr)
{
    const struct fl_world *world = landing->world;
    int rc = world->ops->truncate(landing->fd, 0, world->arg);

    landing->count = 0;
    landing->fresh_count = 0;
    landing->resumed = 0;
    if (rc == 0 && landing->journal)
        rc = world->ops->truncate(landing->journal_fd, 0, world->arg);
    return rc < 0 ? fl_err_errno(reterr, -rc, "empty '%s'", landing->temp) : 0;
}

void fl_landing_give(struct fl_landing *landing, struct fl_incoming *incoming)
{
    fl_assert(landing->fd < 0);
    *incoming = (struct fl_incoming){.world = landing->world,
                                     .fd = -1,
                                     .path = landing->path,
                                     .temp = landing->temp,
                                     .journal = landing->journal,
                                     .journal_fd = landing->journal_fd,
                                     .size = (uint64_t)landing->size};
    free(landing->parts);
    *landing = (struct fl_landing){.fd = -1, .journal_fd = -1};
}

void fl_landing_close(struct fl_landing *landing, bool keep)
{
    const struct fl_world *world = landing->world;

    if (!world)
        return;
    keep = keep && landing->journal && landing->count > 0;
    if (keep)
        (void)fl_landing_note(landing, NULL); /* what is not told is fetched again */
    if (landing->fd >= 0)
        (void)world->ops->close(landing->fd, world->arg); /* kept or not: nothing depends on it */
    if (!keep && landing->temp)
        (void)world->ops->unlink(landing->temp, world->arg); /* hidden */
    journal_close(landing, keep);
    free(landing->temp);
    free(landing->path);
    free(landing->parts);
    *landing = (struct fl_landing){.fd = -1, .journal_fd = -1};
}
