/* The driver for a folder of this disk (or one mounted on it). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/driver.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define DEPTH_MAX 64

enum phase {
    PHASE_LOOK,   /* is it under its name already? */
    PHASE_THERE,  /* hashing what is */
    PHASE_HIDDEN, /* opening the hidden file */
    PHASE_PREFIX, /* hashing what an earlier try has left */
    PHASE_COPY,
    PHASE_SEAL, /* sync and compare */
};

static int place(const struct fl_destination *dest, const char *path, char *out, size_t size,
                 struct fl_err *reterr)
{
    int used;

    if (path[0])
        return fl_path_join(dest->spec.path, path, out, size, reterr);
    used = snprintf(out, size, "%s", dest->spec.path);
    return used >= 0 && (size_t)used < size
               ? 0
               : fl_err_set(reterr, FL_E_TOO_BIG, 0, "folder '%.200s' is too long",
                            dest->spec.path);
}

/* The destination's own folder must be there: a mount that is not, would be filled below it. */
static int check_root(const struct fl_destination *dest, struct fl_err *reterr)
{
    struct fl_stat info;
    char root[FL_PATH_MAX];
    int rc;

    /* with the slash a symbolic link to a folder is one */
    if (snprintf(root, sizeof(root), "%s/.", dest->spec.path) >= (int)sizeof(root))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "folder '%.200s' is too long", dest->spec.path);
    rc = dest->world->ops->stat(root, &info, dest->world->arg);
    if (rc == -ENOENT)
        return fl_err_set(reterr, FL_E_CONFIG, ENOENT,
                          "folder '%s' does not exist (it is not made: it may be a mount that is "
                          "missing)",
                          dest->spec.path);
    return rc < 0 ? fl_err_errno(reterr, -rc, "folder '%s'", dest->spec.path) : 0;
}

/* The folders above a path below the root. */
static int make_folder_of(const struct fl_destination *dest, const char *path,
                          struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];
    char full[FL_PATH_MAX];
    int rc;

    fl_dest_folder_of(path, folder, sizeof(folder));
    rc = check_root(dest, reterr);
    if (rc == 0 && folder[0]) {
        rc = place(dest, folder, full, sizeof(full), reterr);
        if (rc == 0)
            rc = fl_dir_make(dest->world, full, 0755, reterr);
    }
    return rc;
}

/* From the folder of a path up to the root: what was made on the way is durable too. */
static int sync_folder_of(const struct fl_destination *dest, const char *path,
                          struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];
    char full[FL_PATH_MAX];
    int rc = 0;

    fl_dest_folder_of(path, folder, sizeof(folder));
    for (;;) {
        rc = place(dest, folder, full, sizeof(full), reterr);
        if (rc == 0)
            rc = fl_dir_sync(dest->world, full, reterr);
        if (rc < 0 || !folder[0])
            return rc;
        fl_dest_folder_of(folder, folder, sizeof(folder));
    }
}

static void close_out(struct fl_dest_job *job)
{
    if (job->out >= 0)
        (void)job->dest->world->ops->close(job->out, job->dest->world->arg); /* synced before */
    job->out = -1;
}

/* ---- sending ---- */

static int open_at(struct fl_dest_job *job, const char *path, int flags, struct fl_err *reterr)
{
    const struct fl_world *world = job->dest->world;
    char full[FL_PATH_MAX];
    int rc = place(job->dest, path, full, sizeof(full), reterr);

    if (rc < 0)
        return rc;
    job->out = world->ops->open(full, flags, 0644, world->arg);
    if (job->out < 0) {
        rc = fl_err_errno(reterr, -job->out, "open '%s'", full);
        job->out = -1;
    }
    return rc;
}

static int step_look(struct fl_dest_job *job, struct fl_err *reterr)
{
    const struct fl_world *world = job->dest->world;
    struct fl_stat info;
    char full[FL_PATH_MAX];
    int rc = place(job->dest, job->final, full, sizeof(full), reterr);

    job->phase = PHASE_HIDDEN;
    if (rc < 0 || world->ops->stat(full, &info, world->arg) < 0 || info.is_dir || info.is_link ||
        info.size_bytes != (uint64_t)job->size)
        return rc;
    if (job->proven) {
        job->there = true;
        job->proof = FL_DEST_PROOF_GIVEN;
        fl_dest_job_end(job, 0);
        return 0;
    }
    job->phase = PHASE_THERE;
    job->offset = 0;
    rc = fl_dest_job_digest(job, reterr);
    return rc == 0 ? open_at(job, job->final, O_RDONLY, reterr) : rc;
}

/* Hashes a piece of job->out up to `end`. *ret_done: nothing is left. */
static int hash_piece(struct fl_dest_job *job, uint64_t end, bool *ret_done, struct fl_err *reterr)
{
    const struct fl_world *world = job->dest->world;
    char *piece = job->dest->piece;
    size_t room = end - job->offset < FL_DEST_PIECE ? (size_t)(end - job->offset) : FL_DEST_PIECE;
    ssize_t n = 0;
    int rc = 0;

    if (room > 0) {
        n = world->ops->pread(job->out, piece, room, (int64_t)job->offset, world->arg);
        if (n < 0 && n != -EINTR)
            rc = fl_err_errno(reterr, (int)-n, "read '%s' at the destination", job->name);
    }
    if (n > 0) {
        fl_digest_add(job->digest, piece, (size_t)n);
        job->offset += (uint64_t)n;
    }
    *ret_done = job->offset == end || (n == 0 && room > 0);
    return rc;
}

static int step_there(struct fl_dest_job *job, struct fl_err *reterr)
{
    bool done = false;
    int rc = hash_piece(job, (uint64_t)job->size, &done, reterr);

    if (rc < 0 || !done)
        return rc;
    close_out(job);
    if (fl_dest_job_equal(job)) {
        job->there = true;
        job->proof = FL_DEST_PROOF_READ;
        fl_dest_job_end(job, 0);
    }
    job->phase = PHASE_HIDDEN;
    return 0;
}

static int step_hidden(struct fl_dest_job *job, struct fl_err *reterr)
{
    const struct fl_world *world = job->dest->world;
    struct fl_stat info = {0};
    char full[FL_PATH_MAX];
    int rc = make_folder_of(job->dest, job->hidden, reterr);

    if (rc == 0)
        rc = place(job->dest, job->hidden, full, sizeof(full), reterr);
    if (rc < 0)
        return rc;
    if (world->ops->stat(full, &info, world->arg) == 0 && job->proven && !info.is_link &&
        info.size_bytes == (uint64_t)job->size) {
        job->proof = FL_DEST_PROOF_GIVEN;
        fl_dest_job_end(job, 0);
        return 0;
    }
    rc = open_at(job, job->hidden, O_RDWR | O_CREAT | O_NOFOLLOW, reterr);
    if (rc == 0 && world->ops->lock(job->out, world->arg) < 0)
        rc = fl_err_set(reterr, FL_E_LOCKED, 0, "'%s' is being written by another process", full);
    if (rc == 0)
        rc = fl_dest_job_digest(job, reterr);
    if (rc == 0 && info.size_bytes > (uint64_t)job->size) { /* not ours */
        rc = world->ops->truncate(job->out, 0, world->arg);
        info.size_bytes = 0;
        if (rc < 0)
            rc = fl_err_errno(reterr, -rc, "shorten '%s'", full);
    }
    job->end = info.size_bytes;
    job->offset = 0;
    job->sent = 0;
    job->resumed = info.size_bytes > 0;
    job->phase = PHASE_PREFIX;
    return rc;
}

static int copy_piece(struct fl_dest_job *job, struct fl_err *reterr)
{
    const struct fl_world *world = job->dest->world;
    char *piece = job->dest->piece;
    ssize_t n = world->ops->pread(job->fd, piece, FL_DEST_PIECE, (int64_t)job->offset, world->arg);
    int rc = 0;

    if (n < 0 && n != -EINTR) {
        job->own = true;
        rc = fl_err_errno(reterr, (int)-n, "read '%s'", job->local);
    }
    for (ssize_t at = 0; rc == 0 && at < n;) {
        ssize_t put = world->ops->pwrite(job->out, piece + at, (size_t)(n - at),
                                         (int64_t)job->offset, world->arg);

        if (put == -EINTR)
            continue;
        if (put < 0) {
            rc =
                fl_err_errno(reterr, (int)-put, "write '%s/%s'", job->dest->spec.path, job->hidden);
        } else {
            fl_digest_add(job->digest, piece + at, (size_t)put);
            job->offset += (uint64_t)put;
            job->sent += (uint64_t)put;
            at += put;
        }
    }
    if (rc == 0 && n == 0)
        job->phase = PHASE_SEAL;
    return rc;
}

static int step_seal(struct fl_dest_job *job, struct fl_err *reterr)
{
    const struct fl_world *world = job->dest->world;
    int rc = world->ops->sync(job->out, world->arg);
    bool equal = fl_dest_job_equal(job) && job->offset == (uint64_t)job->size;

    if (rc < 0)
        return fl_err_errno(reterr, -rc, "sync '%s/%s'", job->dest->spec.path, job->hidden);
    if (!equal) { /* what an earlier try left may be to blame: once more from the start */
        rc = world->ops->truncate(job->out, 0, world->arg);
        close_out(job);
        if (rc < 0)
            return fl_err_errno(reterr, -rc, "shorten '%s/%s'", job->dest->spec.path, job->hidden);
        if (!job->resumed) {
            job->own = true;
            return fl_err_set(reterr, FL_E_MISMATCH, 0,
                              "'%s' has other bytes than its digest %.16s… says: it was changed "
                              "while it was sent",
                              job->local, job->sha256);
        }
        job->phase = PHASE_HIDDEN;
        return 0;
    }
    close_out(job);
    rc = sync_folder_of(job->dest, job->hidden, reterr);
    job->proof = FL_DEST_PROOF_WRITTEN;
    if (rc == 0)
        fl_dest_job_end(job, 0);
    return rc;
}

static int step_prefix(struct fl_dest_job *job, struct fl_err *reterr)
{
    bool done = false;
    int rc = hash_piece(job, job->end, &done, reterr);

    if (rc == 0 && done)
        job->phase = PHASE_COPY;
    return rc;
}

/* ---- releasing ---- */

static int release(struct fl_dest_job *job, struct fl_err *reterr)
{
    const struct fl_world *world = job->dest->world;
    struct fl_stat info;
    char from[FL_PATH_MAX];
    char to[FL_PATH_MAX];
    int rc = place(job->dest, job->hidden, from, sizeof(from), reterr);

    if (rc == 0)
        rc = place(job->dest, job->final, to, sizeof(to), reterr);
    if (rc == 0)
        rc = make_folder_of(job->dest, job->final, reterr);
    if (rc < 0)
        return rc;
    rc = world->ops->rename(from, to, world->arg);
    if (rc == -ENOENT && world->ops->stat(to, &info, world->arg) == 0 && !info.is_dir &&
        (job->size < 0 || info.size_bytes == (uint64_t)job->size)) {
        job->there = true; /* an earlier try did it */
        rc = 0;
    }
    if (rc < 0) {
        job->own = rc == -ENOENT;
        return fl_err_errno(reterr, -rc, "rename '%s' to '%s'", from, to);
    }
    rc = sync_folder_of(job->dest, job->final, reterr);
    if (rc == 0)
        fl_dest_job_end(job, 0);
    return rc;
}

static int directory_start(struct fl_dest_job *job, struct fl_err *reterr)
{
    int rc;

    if (job->task == FL_DEST_RELEASE)
        return release(job, reterr);
    rc = fl_dest_job_open(job, reterr);
    job->phase = job->set->mode == FL_DEST_EACH ? PHASE_LOOK : PHASE_HIDDEN;
    return rc;
}

static int do_phase(struct fl_dest_job *job, struct fl_err *reterr)
{
    switch ((enum phase)job->phase) {
    case PHASE_LOOK:
        return step_look(job, reterr);
    case PHASE_THERE:
        return step_there(job, reterr);
    case PHASE_HIDDEN:
        return step_hidden(job, reterr);
    case PHASE_PREFIX:
        return step_prefix(job, reterr);
    case PHASE_COPY:
        return copy_piece(job, reterr);
    case PHASE_SEAL:
        return step_seal(job, reterr);
    }
    return fl_err_set(reterr, FL_E_BUG, 0, "a job in no phase");
}

static int directory_step(struct fl_dest_job *job, struct fl_err *reterr)
{
    int rc = do_phase(job, reterr);

    return rc < 0 ? rc : 1; /* there is always something to do */
}

/* ---- what is there ---- */

static int directory_open(struct fl_destination *dest, struct fl_err *reterr)
{
    (void)reterr;
    dest->caps = (struct fl_dest_caps){.kind = "directory",
                                       .whole = true,
                                       .hidden = true,
                                       .move = true,
                                       .list = true,
                                       .resume = true,
                                       .synced = true,
                                       .space = true,
                                       .proof = FL_DEST_PROOF_WRITTEN};
    dest->inflight = dest->spec.inflight ? dest->spec.inflight : 1; /* one disk */
    (void)snprintf(dest->where, sizeof(dest->where), "%s", dest->spec.path);
    return 0;
}

static int directory_stat(struct fl_destination *dest, const char *path,
                          struct fl_dest_stat *ret_stat, struct fl_err *reterr)
{
    struct fl_stat info;
    char full[FL_PATH_MAX];
    int rc = place(dest, path, full, sizeof(full), reterr);

    if (rc == 0)
        rc = check_root(dest, reterr);
    if (rc == 0)
        rc = fl_file_stat(dest->world, full, &info, reterr);
    if (rc == 0)
        *ret_stat = (struct fl_dest_stat){.size = info.size_bytes,
                                          .is_folder = info.is_dir,
                                          .modified_s = info.mtime_ns / 1000000000};
    return rc;
}

struct walk {
    struct fl_destination *dest;
    const char *root;   /* the listed folder, full */
    const char *folder; /* below it, "" at first */
    bool hidden;
    int depth;
    fl_dest_list_fn fn;
    void *arg;
    struct fl_err *reterr;
    int rc; /* ours, when the listing was ended by us */
};

static int walk_folder(const struct walk *above, const char *folder);

static int walk_entry(const char *name, bool is_dir, void *arg)
{
    struct walk *walk = arg;
    struct fl_stat info;
    char path[FL_PATH_MAX];
    char full[FL_PATH_MAX];
    int rc;

    if (name[0] == '.' && !walk->hidden)
        return 0;
    if (snprintf(path, sizeof(path), "%s%s%s", walk->folder, walk->folder[0] ? "/" : "", name) >=
            (int)sizeof(path) ||
        snprintf(full, sizeof(full), "%s/%s", walk->root, path) >= (int)sizeof(full))
        return -ENAMETOOLONG;
    if (is_dir) {
        walk->rc = walk_folder(walk, path);
        return walk->rc < 0 ? -ECANCELED : 0;
    }
    rc = walk->dest->world->ops->stat(full, &info, walk->dest->world->arg);
    if (rc == -ENOENT) /* went meanwhile */
        return 0;
    if (rc < 0)
        return rc;
    walk->rc = walk->fn(
        path,
        &(struct fl_dest_stat){.size = info.size_bytes, .modified_s = info.mtime_ns / 1000000000},
        walk->reterr, walk->arg);
    return walk->rc < 0 ? -ECANCELED : 0;
}

static int walk_folder(const struct walk *above, const char *folder)
{
    struct walk walk = *above;
    const struct fl_world *world = walk.dest->world;
    char full[FL_PATH_MAX];
    int rc;

    walk.folder = folder;
    walk.depth++;
    walk.rc = 0;
    if (walk.depth > DEPTH_MAX)
        return fl_err_set(walk.reterr, FL_E_TOO_BIG, 0, "folders deeper than %d: '%.200s'",
                          DEPTH_MAX, folder);
    if (snprintf(full, sizeof(full), "%s%s%s", walk.root, folder[0] ? "/" : "", folder) >=
        (int)sizeof(full))
        return fl_err_set(walk.reterr, FL_E_TOO_BIG, 0, "'%.200s' is too long", folder);
    rc = world->ops->list(full, walk_entry, &walk, world->arg);
    if (rc < 0 && walk.rc < 0)
        return walk.rc;
    return rc < 0 ? fl_err_errno(walk.reterr, -rc, "list folder '%s'", full) : 0;
}

static int directory_list(struct fl_destination *dest, const char *path, bool hidden,
                          fl_dest_list_fn fn, struct fl_err *reterr, void *arg)
{
    char root[FL_PATH_MAX];
    struct walk walk = {
        .dest = dest, .root = root, .hidden = hidden, .fn = fn, .arg = arg, .reterr = reterr};
    int rc = place(dest, path, root, sizeof(root), reterr);

    return rc == 0 ? walk_folder(&walk, "") : rc;
}

static int directory_read(struct fl_destination *dest, const char *path, fl_dest_sink_fn sink,
                          void *arg, struct fl_err *reterr)
{
    const struct fl_world *world = dest->world;
    char full[FL_PATH_MAX];
    char *piece = malloc(FL_DEST_PIECE); /* its own: sink may do what it likes */
    int64_t offset = 0;
    int fd = -1;
    int rc = piece ? place(dest, path, full, sizeof(full), reterr)
                   : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0) {
        fd = world->ops->open(full, O_RDONLY, 0, world->arg);
        if (fd < 0)
            rc = fl_err_errno(reterr, -fd, "open '%s'", full);
    }
    while (rc == 0) {
        ssize_t n = world->ops->pread(fd, piece, FL_DEST_PIECE, offset, world->arg);

        if (n == -EINTR)
            continue;
        if (n < 0)
            rc = fl_err_errno(reterr, (int)-n, "read '%s'", full);
        if (n <= 0)
            break;
        offset += n;
        rc = sink(piece, (size_t)n, arg);
        if (rc < 0)
            rc = fl_err_set(reterr, rc, 0, "the bytes of '%s' could not be taken", full);
    }
    if (fd >= 0)
        (void)world->ops->close(fd, world->arg); /* was only read */
    free(piece);
    return rc;
}

static int directory_put(struct fl_destination *dest, const char *path, const void *data,
                         size_t size, struct fl_err *reterr)
{
    const struct fl_world *world = dest->world;
    char hidden[FL_PATH_MAX];
    char temp[FL_PATH_MAX];
    char full[FL_PATH_MAX];
    size_t done = 0;
    int rc = fl_dest_hidden_name(path, "put", hidden, sizeof(hidden), reterr);
    int fd;

    if (rc == 0)
        rc = make_folder_of(dest, path, reterr);
    if (rc == 0)
        rc = place(dest, hidden, temp, sizeof(temp), reterr);
    if (rc == 0)
        rc = place(dest, path, full, sizeof(full), reterr);
    if (rc < 0)
        return rc;
    fd = world->ops->open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644, world->arg);
    if (fd < 0)
        return fl_err_errno(reterr, -fd, "open '%s'", temp);
    while (rc == 0 && done < size) {
        ssize_t n = world->ops->pwrite(fd, (const char *)data + done, size - done, (int64_t)done,
                                       world->arg);

        if (n < 0 && n != -EINTR)
            rc = fl_err_errno(reterr, (int)-n, "write '%s'", temp);
        done += n > 0 ? (size_t)n : 0;
    }
    (void)world->ops->close(fd, world->arg); /* settle syncs it */
    if (rc < 0) {
        (void)world->ops->unlink(temp, world->arg); /* the error we return matters more */
        return rc;
    }
    return fl_file_settle(world, temp, full, reterr);
}

static int directory_move(struct fl_destination *dest, const char *from, const char *to,
                          bool folder, struct fl_err *reterr)
{
    const struct fl_world *world = dest->world;
    struct fl_stat info;
    char old[FL_PATH_MAX];
    char new[FL_PATH_MAX];
    int rc = place(dest, from, old, sizeof(old), reterr);

    if (rc == 0)
        rc = place(dest, to, new, sizeof(new), reterr);
    if (rc == 0)
        rc = make_folder_of(dest, to, reterr);
    if (rc < 0)
        return rc;
    if (world->ops->stat(new, &info, world->arg) == 0)
        return fl_err_set(reterr, FL_E_EXISTS, EEXIST, "'%s' is there already", new);
    if (folder) { /* onto a folder with something in it this fails too */
        rc = world->ops->rename(old, new, world->arg);
    } else {
        rc = world->ops->link(old, new, world->arg); /* unlike rename it replaces nothing */
        if (rc == 0)
            rc = world->ops->unlink(old, world->arg);
        else if (rc == -EPERM || rc == -EOPNOTSUPP) /* a file system without links */
            rc = world->ops->rename(old, new, world->arg);
    }
    if (rc == -ENOTEMPTY || rc == -EEXIST)
        return fl_err_set(reterr, FL_E_EXISTS, -rc, "'%s' is there already", new);
    if (rc < 0)
        return fl_err_errno(reterr, -rc, "rename '%s' to '%s'", old, new);
    rc = sync_folder_of(dest, to, reterr);
    return rc == 0 && !folder ? sync_folder_of(dest, from, reterr) : rc;
}

static int directory_remove(struct fl_destination *dest, const char *path, struct fl_err *reterr)
{
    char full[FL_PATH_MAX];
    int rc = place(dest, path, full, sizeof(full), reterr);

    return rc == 0 ? fl_file_remove(dest->world, full, reterr) : rc;
}

static int directory_remove_tree(struct fl_destination *dest, const char *path,
                                 struct fl_err *reterr)
{
    char full[FL_PATH_MAX];
    int rc = place(dest, path, full, sizeof(full), reterr);

    return rc == 0 ? fl_dir_remove(dest->world, full, reterr) : rc;
}

static int directory_space(struct fl_destination *dest, uint64_t *ret_bytes, struct fl_err *reterr)
{
    int64_t bytes = dest->world->ops->free_bytes(dest->spec.path, dest->world->arg);

    if (bytes < 0)
        return fl_err_errno(reterr, (int)-bytes, "folder '%s'", dest->spec.path);
    *ret_bytes = (uint64_t)bytes;
    return 0;
}

const struct fl_dest_driver fl_dest_directory = {
    .kind = "directory",
    .open = directory_open,
    .start = directory_start,
    .step = directory_step,
    .drop = close_out,
    .stat = directory_stat,
    .list = directory_list,
    .read = directory_read,
    .put = directory_put,
    .move = directory_move,
    .remove = directory_remove,
    .remove_tree = directory_remove_tree,
    .space = directory_space,
};
