/* Files that are whole or absent, composed from a world's disk calls. */
#include "config.h"

#include "engine/world/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/banned.h"

#define PIECE_BYTES ((size_t)256 * 1024)
#define FEW_BYTES 4096
#define TEMP_DIGITS 16
#define TREE_DEPTH_MAX 64
#define LOCK_DEAD_NS INT64_C(10000000000) /* for a dead holder's lock to become free */
#define LOCK_LOOK_NS INT64_C(100000000)   /* a holder that lives may let go of it */
#define LOCK_PAUSE_NS INT64_C(5000000)

static int disk_open(const struct fl_world *world, const char *path, int flags,
                     struct fl_err *reterr)
{
    int fd = world->ops->open(path, flags, 0644, world->arg);

    if (fd < 0)
        return fl_err_errno(reterr, -fd, "open '%s'", path);
    return fd;
}

static int disk_write(const struct fl_world *world, int fd, const void *data, size_t size,
                      int64_t offset, const char *path, struct fl_err *reterr)
{
    const char *at = data;

    while (size > 0) {
        ssize_t n = world->ops->pwrite(fd, at, size, offset, world->arg);

        if (n == -EINTR)
            continue;
        if (n < 0)
            return fl_err_errno(reterr, (int)-n, "write '%s'", path);
        at += n;
        size -= (size_t)n;
        if (offset >= 0)
            offset += n;
    }
    return 0;
}

static void disk_close(const struct fl_world *world, int fd)
{
    (void)world->ops->close(fd, world->arg); /* what matters was synced before */
}

static int folder_of(const char *path, char *folder, size_t size, struct fl_err *reterr)
{
    const char *base = fl_path_base(path);
    size_t length = (size_t)(base - path);

    if (length + 2 > size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is longer than %zu bytes", path,
                          size);
    if (length == 0) {
        memcpy(folder, ".", 2);
        return 0;
    }
    if (length > 1)
        length--; /* without the slash, but for the root itself */
    memcpy(folder, path, length);
    folder[length] = '\0';
    return 0;
}

int fl_file_read(const struct fl_world *world, const char *path, size_t limit, struct fl_buf *out,
                 struct fl_err *reterr)
{
    char few[FEW_BYTES]; /* most files are small */
    char *many = NULL;
    int64_t offset = 0;
    int rc = 0;
    int fd = disk_open(world, path, O_RDONLY, reterr);

    if (fd < 0)
        return fd;
    for (;;) {
        char *piece = many ? many : few; /* cppcheck-suppress legacyUninitvar ; pread fills it */
        ssize_t n =
            world->ops->pread(fd, piece, many ? PIECE_BYTES : sizeof(few), offset, world->arg);

        if (n == -EINTR)
            continue;
        if (!many && n == (ssize_t)sizeof(few)) /* without memory the pieces stay small */
            many = malloc(PIECE_BYTES);
        if (n < 0)
            rc = fl_err_errno(reterr, (int)-n, "read '%s'", path);
        if (n <= 0)
            break;
        if ((size_t)(offset += n) > limit) {
            rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "'%s' is larger than %zu bytes", path, limit);
            break;
        }
        fl_buf_add(out, piece, (size_t)n);
    }
    disk_close(world, fd);
    free(many);
    if (rc == 0 && fl_buf_check(out, reterr) < 0)
        rc = fl_err_note(reterr, FL_E_TOO_BIG, "read '%s'", path);
    return rc;
}

int fl_file_incoming(const struct fl_world *world, const char *path, char *temp, size_t size,
                     struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];
    char hidden[FL_PATH_MAX];
    char random[TEMP_DIGITS + 1];
    int used;
    int rc = folder_of(path, folder, sizeof(folder), reterr);

    if (rc == 0)
        rc = fl_world_random_hex(world, random, TEMP_DIGITS, reterr);
    if (rc < 0)
        return rc;
    used = snprintf(hidden, sizeof(hidden), "%s/%s", folder, FL_INCOMING);
    if (used < 0 || (size_t)used >= sizeof(hidden))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", path);
    rc = world->ops->mkdir(hidden, 0755, world->arg);
    if (rc < 0 && rc != -EEXIST)
        return fl_err_errno(reterr, -rc, "make folder '%s'", hidden);
    used = snprintf(temp, size, "%s/%s.%s", hidden, fl_path_base(path), random);
    if (used < 0 || (size_t)used >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", path);
    return 0;
}

int fl_dir_sync(const struct fl_world *world, const char *path, struct fl_err *reterr)
{
    int fd = disk_open(world, path, O_RDONLY | O_DIRECTORY, reterr);
    int rc;

    if (fd < 0)
        return fd;
    rc = world->ops->sync(fd, world->arg);
    disk_close(world, fd);
    if (rc < 0)
        return fl_err_errno(reterr, -rc, "sync folder '%s'", path);
    return 0;
}

int fl_file_settle(const struct fl_world *world, const char *temp, const char *path,
                   struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];
    int rc = folder_of(path, folder, sizeof(folder), reterr);
    int fd = rc < 0 ? rc : disk_open(world, temp, O_RDONLY, reterr);

    rc = fd < 0 ? fd : 0;
    if (rc == 0) {
        int sync_rc = world->ops->sync(fd, world->arg);

        if (sync_rc < 0)
            rc = fl_err_errno(reterr, -sync_rc, "sync '%s'", temp);
        disk_close(world, fd);
    }
    if (rc == 0) {
        int rename_rc = world->ops->rename(temp, path, world->arg);

        if (rename_rc < 0)
            rc = fl_err_errno(reterr, -rename_rc, "rename '%s' to '%s'", temp, path);
    }
    if (rc < 0) {
        (void)world->ops->unlink(temp, world->arg); /* the error we return matters more */
        return rc;
    }
    return fl_dir_sync(world, folder, reterr);
}

int fl_file_publish_mode(const struct fl_world *world, const char *path, const void *data,
                         size_t size, int mode, struct fl_err *reterr)
{
    char temp[FL_PATH_MAX];
    int rc = fl_file_incoming(world, path, temp, sizeof(temp), reterr);
    int fd;

    if (rc < 0)
        return rc;
    fd = world->ops->open(temp, O_WRONLY | O_CREAT | O_EXCL, mode, world->arg);
    if (fd < 0)
        return fl_err_errno(reterr, -fd, "open '%s'", temp);
    rc = disk_write(world, fd, data, size, 0, temp, reterr);
    disk_close(world, fd);
    if (rc < 0) {
        (void)world->ops->unlink(temp, world->arg); /* the error we return matters more */
        return rc;
    }
    return fl_file_settle(world, temp, path, reterr);
}

int fl_file_publish(const struct fl_world *world, const char *path, const void *data, size_t size,
                    struct fl_err *reterr)
{
    return fl_file_publish_mode(world, path, data, size, 0644, reterr);
}

int fl_file_append(const struct fl_world *world, const char *path, const void *data, size_t size,
                   bool sync, struct fl_err *reterr)
{
    int fd = disk_open(world, path, O_WRONLY | O_CREAT | O_APPEND, reterr);
    int rc;

    if (fd < 0)
        return fd;
    rc = disk_write(world, fd, data, size, -1, path, reterr);
    if (rc == 0 && sync) {
        int sync_rc = world->ops->sync(fd, world->arg);

        if (sync_rc < 0)
            rc = fl_err_errno(reterr, -sync_rc, "sync '%s'", path);
    }
    disk_close(world, fd);
    return rc;
}

/* Reads `from` in pieces into a digest, a file descriptor, or both. */
static int file_pump(const struct fl_world *world, const char *from, struct fl_digest *digest,
                     int out_fd, const char *out_path, uint64_t *ret_size, struct fl_err *reterr)
{
    char *piece = malloc(PIECE_BYTES);
    int64_t offset = 0;
    int rc = 0;
    int fd = piece ? disk_open(world, from, O_RDONLY, reterr)
                   : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (fd < 0) {
        free(piece);
        return fd;
    }
    for (;;) {
        ssize_t n = world->ops->pread(fd, piece, PIECE_BYTES, offset, world->arg);

        if (n == -EINTR)
            continue;
        if (n < 0)
            rc = fl_err_errno(reterr, (int)-n, "read '%s'", from);
        if (n <= 0)
            break;
        if (digest)
            fl_digest_add(digest, piece, (size_t)n);
        if (out_fd >= 0)
            rc = disk_write(world, out_fd, piece, (size_t)n, offset, out_path, reterr);
        if (rc < 0)
            break;
        offset += n;
    }
    disk_close(world, fd);
    free(piece);
    if (rc == 0 && ret_size)
        *ret_size = (uint64_t)offset;
    return rc;
}

int fl_file_digest(const struct fl_world *world, const char *path, char hex[static FL_DIGEST_HEX],
                   uint64_t *ret_size, struct fl_err *reterr)
{
    fl_auto(fl_digest_destroy) struct fl_digest *digest = NULL;
    int rc = fl_digest_create(&digest, reterr);

    if (rc == 0)
        rc = file_pump(world, path, digest, -1, NULL, ret_size, reterr);
    if (rc == 0)
        fl_digest_finish(digest, hex);
    return rc;
}

int fl_file_stat(const struct fl_world *world, const char *path, struct fl_stat *ret_stat,
                 struct fl_err *reterr)
{
    int rc = world->ops->stat(path, ret_stat, world->arg);

    if (rc < 0)
        return fl_err_errno(reterr, -rc, "look at '%s'", path);
    return 0;
}

bool fl_file_exists(const struct fl_world *world, const char *path)
{
    struct fl_stat info;

    return world->ops->stat(path, &info, world->arg) == 0;
}

int fl_file_remove(const struct fl_world *world, const char *path, struct fl_err *reterr)
{
    int rc = world->ops->unlink(path, world->arg);

    if (rc < 0 && rc != -ENOENT)
        return fl_err_errno(reterr, -rc, "remove '%s'", path);
    return 0;
}

int fl_file_copy(const struct fl_world *world, const char *from, const char *to,
                 struct fl_err *reterr)
{
    char temp[FL_PATH_MAX];
    int rc = fl_file_incoming(world, to, temp, sizeof(temp), reterr);
    int fd;

    if (rc < 0)
        return rc;
    fd = disk_open(world, temp, O_WRONLY | O_CREAT | O_EXCL, reterr);
    if (fd < 0)
        return fd;
    rc = file_pump(world, from, NULL, fd, temp, NULL, reterr);
    disk_close(world, fd);
    if (rc < 0) {
        (void)world->ops->unlink(temp, world->arg); /* the error we return matters more */
        return fl_err_note(reterr, rc, "copy to '%s'", to);
    }
    return fl_file_settle(world, temp, to, reterr);
}

int fl_file_provide(const struct fl_world *world, const char *from, const char *to,
                    struct fl_err *reterr)
{
    int rc = world->ops->link(from, to, world->arg);

    if (rc < 0 && rc != -EEXIST && from[0] == '/' && fl_file_exists(world, from))
        rc = world->ops->symlink(from, to, world->arg);
    if (rc == -EEXIST)
        return fl_err_set(reterr, FL_E_EXISTS, EEXIST, "'%s' is there already", to);
    if (rc < 0)
        return fl_file_copy(world, from, to, reterr);
    return 0;
}

int fl_dir_make(const struct fl_world *world, const char *path, int mode, struct fl_err *reterr)
{
    char part[FL_PATH_MAX];
    size_t size = strlen(path);

    if (size == 0 || size >= sizeof(part))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "folder name of %zu bytes; the limit is %zu",
                          size, sizeof(part) - 1);
    for (size_t i = 1; i <= size; i++) {
        int rc;

        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        rc = world->ops->mkdir(part, mode, world->arg);
        if (rc < 0 && rc != -EEXIST)
            return fl_err_errno(reterr, -rc, "make folder '%s'", part);
    }
    return 0;
}

struct name_list {
    char **names; /* each: 'd' or 'f', then the name, so that sorting keeps the pair together */
    size_t count;
    size_t room;
};

static int name_add(const char *name, bool is_dir, void *arg)
{
    struct name_list *list = arg;

    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 32;
        char **names = realloc(list->names, room * sizeof(*names));

        if (!names)
            return -ENOMEM;
        list->names = names;
        list->room = room;
    }
    list->names[list->count] = malloc(strlen(name) + 2);
    if (!list->names[list->count])
        return -ENOMEM;
    list->names[list->count][0] = is_dir ? 'd' : 'f';
    memcpy(list->names[list->count] + 1, name, strlen(name) + 1);
    list->count++;
    return 0;
}

static int name_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a + 1, *(char *const *)b + 1);
}

int fl_dir_list(const struct fl_world *world, const char *path, fl_list_fn fn, void *arg,
                struct fl_err *reterr)
{
    struct name_list list = {0};
    int rc = world->ops->list(path, name_add, &list, world->arg);

    if (rc < 0) {
        rc = fl_err_errno(reterr, -rc, "list folder '%s'", path);
    } else {
        if (list.count)
            qsort(list.names, list.count, sizeof(list.names[0]), name_order);
        for (size_t i = 0; i < list.count && rc >= 0; i++)
            rc = fn(list.names[i] + 1, list.names[i][0] == 'd', arg);
    }
    for (size_t i = 0; i < list.count; i++)
        free(list.names[i]);
    free(list.names);
    return rc < 0 ? rc : 0;
}

struct remove_walk {
    const struct fl_world *world;
    const char *path;
    int depth;
};

static int remove_tree(const struct fl_world *world, const char *path, int depth);

static int remove_entry(const char *name, bool is_dir, void *arg)
{
    const struct remove_walk *walk = arg;
    char path[FL_PATH_MAX];
    int used = snprintf(path, sizeof(path), "%s/%s", walk->path, name);
    int rc;

    if (used < 0 || (size_t)used >= sizeof(path))
        return -ENAMETOOLONG;
    if (is_dir)
        return remove_tree(walk->world, path, walk->depth + 1);
    rc = walk->world->ops->unlink(path, walk->world->arg);
    return rc == -ENOENT ? 0 : rc;
}

static int remove_tree(const struct fl_world *world, const char *path, int depth)
{
    struct remove_walk walk = {.world = world, .path = path, .depth = depth};
    int rc;

    if (depth > TREE_DEPTH_MAX)
        return -ELOOP;
    rc = world->ops->list(path, remove_entry, &walk, world->arg);
    if (rc == 0)
        rc = world->ops->rmdir(path, world->arg);
    return rc;
}

int fl_dir_remove(const struct fl_world *world, const char *path, struct fl_err *reterr)
{
    int rc = remove_tree(world, path, 0);

    if (rc < 0 && rc != -ENOENT)
        return fl_err_errno(reterr, -rc, "remove folder '%s'", path);
    return 0;
}

/* Our process id into a lock's file: a courtesy to people; the lock is what counts. */
static void lock_sign(const struct fl_world *world, int fd)
{
    char pid[32];
    int used = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

    if (world->ops->pwrite(fd, pid, (size_t)used, 0, world->arg) != used)
        used = 0; /* better nobody's name than another's */
    /* only what an earlier one left: a file that was cut to nothing is written out when it is
     * closed (ext4), which takes longer than all else that is done with a lock */
    if (world->ops->pread(fd, pid, 1, used, world->arg) > 0)
        (void)world->ops->truncate(fd, used, world->arg);
}

/* The process id in a lock's file; 0: none is there (yet). */
static pid_t lock_signer(const struct fl_world *world, int fd)
{
    char pid[32] = "";
    ssize_t n = world->ops->pread(fd, pid, sizeof(pid) - 1, 0, world->arg);
    long number = n > 0 ? strtol(pid, NULL, 10) : 0;

    return number > 0 && number <= INT32_MAX ? (pid_t)number : 0;
}

/* True when the process is dead, or dies within wait_ns (a parent need not have reaped it). */
static bool holder_ends(const struct fl_world *world, pid_t pid, int64_t wait_ns)
{
    struct fl_wait_item item = {.fd = world->ops->pidfd(pid, world->arg)};

    if (item.fd < 0)
        return item.fd == -ESRCH;
    (void)fl_world_wait(world, &item, 1, wait_ns, NULL);
    disk_close(world, item.fd);
    return item.ready;
}

/* While another has the lock. A process that was killed while it started another leaves its locks
 * to the half-started child for a moment, until that becomes a program of its own: a lock whose
 * holder is dead is soon free. A holder that lives has until patience_ns is over. Nothing tells
 * that a lock is free without blocking on it, for ever perhaps: hence the short looks. */
static int lock_outwait(const struct fl_world *world, int fd, const char *path, int64_t patience_ns,
                        struct fl_err *reterr)
{
    int64_t begun_ns = fl_world_mono_ns(world);
    int rc = -EWOULDBLOCK;

    while (rc == -EWOULDBLOCK) {
        int64_t waited_ns = fl_world_mono_ns(world) - begun_ns;
        int64_t left_ns = patience_ns > waited_ns ? patience_ns - waited_ns : 0;
        pid_t pid = lock_signer(world, fd);
        bool ended =
            pid > 0 && holder_ends(world, pid, left_ns < LOCK_LOOK_NS ? left_ns : LOCK_LOOK_NS);

        if (waited_ns >= (ended ? LOCK_DEAD_NS : patience_ns)) {
            if (pid > 0)
                return fl_err_set(reterr, FL_E_LOCKED, EWOULDBLOCK, "'%s' is held by process %ld",
                                  path, (long)pid);
            return fl_err_set(reterr, FL_E_LOCKED, EWOULDBLOCK, "'%s' is held by process unknown",
                              path);
        }
        if (ended || pid == 0)
            (void)fl_world_wait(world, NULL, 0, LOCK_PAUSE_NS, NULL);
        rc = world->ops->lock(fd, world->arg);
    }
    return rc < 0 ? fl_err_errno(reterr, -rc, "lock '%s'", path) : 0;
}

int fl_lock_take_within(const struct fl_world *world, const char *path, int64_t patience_ns,
                        int *ret_fd, struct fl_err *reterr)
{
    int fd = disk_open(world, path, O_RDWR | O_CREAT, reterr);
    int rc;

    if (fd < 0)
        return fd;
    rc = world->ops->lock(fd, world->arg);
    if (rc == -EWOULDBLOCK)
        rc = lock_outwait(world, fd, path, patience_ns, reterr);
    else if (rc < 0)
        rc = fl_err_errno(reterr, -rc, "lock '%s'", path);
    if (rc < 0) {
        disk_close(world, fd);
        return rc;
    }
    lock_sign(world, fd);
    *ret_fd = fd;
    return 0;
}

int fl_lock_take(const struct fl_world *world, const char *path, int *ret_fd, struct fl_err *reterr)
{
    return fl_lock_take_within(world, path, 0, ret_fd, reterr);
}

int fl_lock_wait(const struct fl_world *world, const char *path, int *ret_fd, struct fl_err *reterr)
{
    int fd = disk_open(world, path, O_RDWR | O_CREAT, reterr);
    int rc;

    if (fd < 0)
        return fd;
    rc = world->ops->lock_wait(fd, world->arg);
    if (rc < 0) {
        disk_close(world, fd);
        return fl_err_errno(reterr, -rc, "lock '%s'", path);
    }
    lock_sign(world, fd);
    *ret_fd = fd;
    return 0;
}

void fl_lock_release(const struct fl_world *world, int fd)
{
    if (fd >= 0)
        disk_close(world, fd);
}
