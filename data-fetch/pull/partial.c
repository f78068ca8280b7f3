/* Leads on their way in. */
#include "config.h"

#include "data-fetch/pull/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/pull/partial_impl.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define INFO_MAX ((size_t)4096)
#define PIECE_BYTES ((size_t)1024 * 1024)

static int bad_io(int negative, const char *what, const char *path, struct fl_err *reterr)
{
    return fl_err_errno(reterr, -negative, "%s '%s'", what, path);
}

int fl_partial_put(const struct fl_world *world, int fd, const char *path, uint64_t at,
                   const void *data, size_t size, struct fl_err *reterr)
{
    const char *from = data;

    while (size > 0) {
        ssize_t n = world->ops->pwrite(fd, from, size, (int64_t)at, world->arg);

        if (n == -EINTR)
            continue;
        if (n < 0)
            return bad_io((int)n, "write", path, reterr);
        from += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

/* False when the file that fd has open is no longer the one under that name: its holder has just
 * given it its final name. Where the kernel does not tell, it is taken to be. */
static bool has_name(const struct fl_partial *partial)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    char path[64];
    struct fl_stat info;
    const char *inode;

    fl_buf_init(&text, INFO_MAX);
    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", partial->fd);
    if (fl_file_read(partial->world, path, INFO_MAX, &text, NULL) < 0)
        return true;
    inode = strstr(text.data, "ino:");
    if (!inode)
        return true;
    return fl_file_stat(partial->world, partial->temp, &info, NULL) == 0 &&
           strtoull(inode + 4, NULL, 10) == info.inode;
}

static int open_files(struct fl_partial *partial, struct fl_err *reterr)
{
    const struct fl_world *world = partial->world;
    int rc;

    partial->fd = world->ops->open(partial->temp, O_RDWR | O_CREAT, 0644, world->arg);
    if (partial->fd < 0)
        return bad_io(partial->fd, "open", partial->temp, reterr);
    rc = world->ops->lock(partial->fd, world->arg);
    if (rc == -EWOULDBLOCK || (rc == 0 && !has_name(partial))) {
        (void)world->ops->close(partial->fd, world->arg); /* not ours */
        partial->fd = -1;
        return fl_err_set(reterr, FL_E_LOCKED, 0, "'%s' is being fetched by another process",
                          partial->path);
    }
    if (rc < 0)
        return bad_io(rc, "lock", partial->temp, reterr);
    partial->log_fd = world->ops->open(partial->log, O_RDWR | O_CREAT, 0644, world->arg);
    if (partial->log_fd < 0)
        return bad_io(partial->log_fd, "open", partial->log, reterr);
    return 0;
}

int fl_partial_open(struct fl_partial *partial, const struct fl_world *world, const char *path,
                    size_t files, struct fl_err *reterr)
{
    const char *base = fl_path_base(path);
    char folder[FL_PATH_MAX];
    int rc;

    fl_assert(files > 0);
    *partial = (struct fl_partial){.world = world, .fd = -1, .log_fd = -1};
    if (files > FL_PARTIAL_FILES_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "%zu files for one lead; the limit is %d", files,
                          FL_PARTIAL_FILES_MAX);
    if ((size_t)snprintf(folder, sizeof(folder), "%.*s%s" FL_INCOMING, (int)(base - path), path,
                         "") >= sizeof(folder) ||
        (size_t)snprintf(partial->log, sizeof(partial->log), "%s/%s.part.log", folder, base) >=
            sizeof(partial->log))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", path);
    (void)snprintf(partial->path, sizeof(partial->path), "%s", path);
    (void)snprintf(partial->temp, sizeof(partial->temp), "%.*s", (int)(strlen(partial->log) - 4),
                   partial->log);
    rc = fl_dir_make(world, folder, 0755, reterr);
    if (rc == 0)
        rc = fl_digest_create(&partial->digest, reterr);
    partial->files = rc == 0 ? calloc(files, sizeof(*partial->files)) : NULL;
    partial->count = partial->files ? files : 0;
    if (rc == 0 && !partial->files)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a lead");
    for (size_t i = 0; i < partial->count; i++)
        partial->files[i].total = -1;
    if (rc == 0)
        rc = open_files(partial, reterr);
    if (rc == 0)
        rc = fl_partial_recall(partial, reterr);
    if (rc < 0)
        fl_partial_leave(partial);
    return rc;
}

/* ---- plans ---- */

static void place(struct fl_partial *partial, struct fl_partial_piece *piece, uint64_t room)
{
    piece->at = partial->tail;
    piece->placed = true;
    partial->tail += room;
}

/* True when what the journal told of a file fits its plan. */
static bool fits(const struct fl_partial_file *file, const char *identity, const uint64_t *sizes,
                 size_t count)
{
    if (strcmp(file->identity, identity) != 0 || file->count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!file->pieces[i].here && file->pieces[i].room != sizes[i])
            return false;
    }
    return true;
}

int fl_partial_plan(struct fl_partial *partial, size_t at, const char *identity,
                    const uint64_t *sizes, size_t count, struct fl_err *reterr)
{
    struct fl_partial_file *file = &partial->files[at];
    struct fl_partial_piece *pieces;
    uint64_t base = partial->tail;
    int rc;

    fl_assert(at < partial->count);
    if (fits(file, identity, sizes, count))
        return 0;
    rc = fl_partial_forget(partial, at, reterr);
    pieces = rc == 0 ? calloc(count ? count : 1, sizeof(*pieces)) : NULL;
    if (rc == 0 && !pieces)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for %zu messages", count);
    if (rc < 0)
        return rc;
    if (partial->count == 1)
        base = partial->tail = 0; /* there is nobody else */
    free(file->pieces);
    file->pieces = pieces;
    file->count = count;
    file->missing = count;
    (void)snprintf(file->identity, sizeof(file->identity), "%s", identity);
    for (size_t i = 0; i < count; i++) {
        pieces[i].room = sizes[i];
        if (sizes[i] > 0)
            place(partial, &pieces[i], sizes[i]);
    }
    return fl_partial_log_plan(partial, at, base, reterr);
}

int fl_partial_validator(struct fl_partial *partial, size_t at, const char *etag, int64_t total,
                         struct fl_err *reterr)
{
    struct fl_partial_file *file = &partial->files[at];

    if (strcmp(file->etag, etag) == 0 && file->total == total)
        return 0;
    (void)snprintf(file->etag, sizeof(file->etag), "%s", etag);
    file->total = total;
    return fl_partial_log_validator(partial, at, reterr);
}

int fl_partial_forget(struct fl_partial *partial, size_t at, struct fl_err *reterr)
{
    struct fl_partial_file *file = &partial->files[at];
    bool any = file->identity[0] || file->count > 0;

    free(file->pieces);
    *file = (struct fl_partial_file){.total = -1};
    if (!any)
        return 0;
    if (at < partial->next_file || (at == partial->next_file && partial->next_piece > 0)) {
        char hex[FL_DIGEST_HEX];

        fl_digest_finish(partial->digest, hex); /* thrown away: begins anew */
        partial->next_file = partial->next_piece = 0;
        partial->size = 0;
        partial->scattered = false;
    }
    return fl_partial_log_forget(partial, at, reterr);
}

/* ---- bytes ---- */

int fl_partial_write(struct fl_partial *partial, size_t at, size_t number, uint64_t from,
                     const void *data, size_t size, struct fl_err *reterr)
{
    struct fl_partial_piece *piece = &partial->files[at].pieces[number];

    fl_assert(!piece->here);
    if (!piece->placed || (piece->room > 0 && from == 0 && size > piece->room)) {
        place(partial, piece, size);
        piece->room = 0;
    } else if (piece->room == 0 && from > 0) { /* the last one that was placed may grow */
        if (piece->at + from != partial->tail)
            return fl_err_set(reterr, FL_E_BUG, 0, "message %zu of '%s' has no room to grow",
                              number, partial->path);
        partial->tail += size;
    } else if (piece->room > 0 && from + size > piece->room) {
        return fl_err_set(reterr, FL_E_BUG, 0, "message %zu of '%s' is longer than its plan",
                          number, partial->path);
    }
    return fl_partial_put(partial->world, partial->fd, partial->temp, piece->at + from, data, size,
                          reterr);
}

/* Reads a piece of the hidden file; with to_fd >= 0 it is also written there at to_at. */
static int piece_read(struct fl_partial *partial, const struct fl_partial_piece *piece, int to_fd,
                      uint64_t to_at, struct fl_err *reterr)
{
    const struct fl_world *world = partial->world;
    char *data = malloc(PIECE_BYTES);
    uint64_t done = 0;
    int rc = data ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    while (rc == 0 && done < piece->size) {
        uint64_t left = piece->size - done;
        ssize_t n = world->ops->pread(partial->fd, data, left < PIECE_BYTES ? left : PIECE_BYTES,
                                      (int64_t)(piece->at + done), world->arg);

        if (n == -EINTR)
            continue;
        if (n < 0)
            rc = bad_io((int)n, "read", partial->temp, reterr);
        else if (n == 0)
            rc = fl_err_set(reterr, FL_E_IO, 0, "'%s' has become shorter", partial->temp);
        else if (to_fd >= 0)
            rc = fl_partial_put(world, to_fd, partial->path, to_at + done, data, (size_t)n, reterr);
        else
            fl_digest_add(partial->digest, data, (size_t)n);
        done += n > 0 ? (uint64_t)n : 0;
    }
    free(data);
    return rc;
}

/* Hashes on as far as the pieces are here; data are the bytes of the newest. */
static int hash_on(struct fl_partial *partial, const struct fl_partial_piece *newest,
                   const void *data, struct fl_err *reterr)
{
    int rc = 0;

    while (rc == 0 && partial->next_file < partial->count) {
        const struct fl_partial_file *file = &partial->files[partial->next_file];
        const struct fl_partial_piece *piece = &file->pieces[partial->next_piece];

        if (!file->identity[0])
            return 0;
        if (partial->next_piece == file->count) {
            partial->next_file++;
            partial->next_piece = 0;
            continue;
        }
        if (!piece->here)
            return 0;
        if (piece->size > 0 && piece->at != partial->size)
            partial->scattered = true;
        if (piece == newest && data)
            fl_digest_add(partial->digest, data, piece->size);
        else
            rc = piece_read(partial, piece, -1, 0, reterr);
        partial->size += piece->size;
        partial->next_piece++;
    }
    return rc;
}

int fl_partial_mark(struct fl_partial *partial, size_t at, size_t number, uint64_t size,
                    const void *data, struct fl_err *reterr)
{
    struct fl_partial_file *file = &partial->files[at];
    struct fl_partial_piece *piece = &file->pieces[number];
    int rc;

    fl_assert(!piece->here && file->missing > 0);
    piece->size = size;
    if (size == 0)
        piece->placed = false;
    rc = fl_partial_log_piece(partial, at, number, reterr);
    if (rc < 0)
        return rc;
    piece->here = true;
    file->missing--;
    return hash_on(partial, piece, data, reterr);
}

/* ---- the end ---- */

/* The pieces in order, in a file of their own that takes the place of the hidden one. */
static int put_in_order(struct fl_partial *partial, struct fl_err *reterr)
{
    const struct fl_world *world = partial->world;
    char path[FL_PATH_MAX];
    uint64_t at = 0;
    int fd;
    int rc = 0;

    if (snprintf(path, sizeof(path), "%s.order", partial->temp) >= (int)sizeof(path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", partial->temp);
    fd = world->ops->open(path, O_RDWR | O_CREAT | O_TRUNC, 0644, world->arg);
    if (fd < 0)
        return bad_io(fd, "open", path, reterr);
    for (size_t i = 0; rc == 0 && i < partial->count; i++) {
        for (size_t k = 0; rc == 0 && k < partial->files[i].count; k++) {
            rc = piece_read(partial, &partial->files[i].pieces[k], fd, at, reterr);
            at += partial->files[i].pieces[k].size;
        }
    }
    if (rc == 0) {
        int back = world->ops->lock(fd, world->arg);

        back = back < 0 ? back : world->ops->rename(path, partial->temp, world->arg);
        if (back < 0)
            rc = bad_io(back, "rename", path, reterr);
    }
    if (rc < 0) {
        (void)world->ops->close(fd, world->arg);    /* thrown away */
        (void)world->ops->unlink(path, world->arg); /* the same */
        return rc;
    }
    (void)world->ops->close(partial->fd, world->arg); /* its name is gone */
    partial->fd = fd;
    return 0;
}

int fl_partial_finish(struct fl_partial *partial, char hex[static FL_DIGEST_HEX],
                      uint64_t *ret_size, struct fl_err *reterr)
{
    const struct fl_world *world = partial->world;
    struct fl_stat info;
    int rc = hash_on(partial, NULL, NULL, reterr);
    int back;

    if (rc < 0)
        return rc;
    fl_assert(partial->next_file == partial->count);
    if (partial->scattered) {
        /* From here on the journal does not fit the bytes: without it a crash costs a new fetch. */
        rc = fl_file_remove(world, partial->log, reterr);
        if (rc == 0)
            rc = put_in_order(partial, reterr);
        if (rc < 0)
            return rc;
    }
    back = fl_file_stat(world, partial->temp, &info, reterr);
    if (back < 0)
        return back;
    if (info.size_bytes > partial->size)
        back = world->ops->truncate(partial->fd, (int64_t)partial->size, world->arg);
    if (back == 0)
        back = world->ops->sync(partial->fd, world->arg);
    if (back < 0)
        return bad_io(back, "sync", partial->temp, reterr);
    fl_digest_finish(partial->digest, hex);
    *ret_size = partial->size;
    return 0;
}

int fl_partial_settle(struct fl_partial *partial, struct fl_err *reterr)
{
    const struct fl_world *world = partial->world;
    int rc = fl_file_settle(world, partial->temp, partial->path, reterr);

    if (rc == 0)
        (void)world->ops->unlink(partial->log, world->arg); /* hidden, and of no use any more */
    fl_partial_leave(partial);
    return rc;
}

void fl_partial_leave(struct fl_partial *partial)
{
    if (!partial->world)
        return;
    if (partial->log_fd >= 0)
        (void)partial->world->ops->close(partial->log_fd, partial->world->arg); /* lines stand */
    if (partial->fd >= 0)
        (void)partial->world->ops->close(partial->fd, partial->world->arg); /* to be read anew */
    for (size_t i = 0; i < partial->count; i++)
        free(partial->files[i].pieces);
    free(partial->files);
    fl_digest_destroy(partial->digest);
    *partial = (struct fl_partial){.fd = -1, .log_fd = -1};
}

void fl_partial_drop(struct fl_partial *partial)
{
    if (partial->world && partial->fd >= 0) {
        (void)partial->world->ops->unlink(partial->log, partial->world->arg);  /* hidden */
        (void)partial->world->ops->unlink(partial->temp, partial->world->arg); /* the same */
    }
    fl_partial_leave(partial);
}
