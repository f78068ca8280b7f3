/* The operating system behind the table of world.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "engine/world/world.h"

#include "engine/base/banned.h"

#define WAIT_ITEMS_MAX 256

extern char **environ;

static int64_t clock_ns(clockid_t id)
{
    struct timespec now = {0};

    (void)clock_gettime(id, &now); /* cannot fail with these clock ids */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t real_mono_ns(void *arg)
{
    (void)arg;
    return clock_ns(CLOCK_MONOTONIC);
}

static int64_t real_utc_ns(void *arg)
{
    (void)arg;
    return clock_ns(CLOCK_REALTIME);
}

static int real_random(void *out, size_t size, void *arg)
{
    (void)arg;
    return getrandom(out, size, 0) == (ssize_t)size ? 0 : -EIO;
}

static int minus_errno(long rc)
{
    return rc < 0 ? -errno : (int)rc;
}

static int real_open(const char *path, int flags, int mode, void *arg)
{
    (void)arg;
    return minus_errno(open(path, flags | O_CLOEXEC, mode));
}

static ssize_t real_pread(int fd, void *data, size_t size, int64_t offset, void *arg)
{
    ssize_t n = pread(fd, data, size, offset);

    (void)arg;
    return n < 0 ? -errno : n;
}

static ssize_t real_pwrite(int fd, const void *data, size_t size, int64_t offset, void *arg)
{
    ssize_t n = offset < 0 ? write(fd, data, size) : pwrite(fd, data, size, offset);

    (void)arg;
    return n < 0 ? -errno : n;
}

static int real_truncate(int fd, int64_t size, void *arg)
{
    (void)arg;
    return minus_errno(ftruncate(fd, size));
}

static int real_sync(int fd, void *arg)
{
    (void)arg;
    return minus_errno(fsync(fd));
}

static int real_close(int fd, void *arg)
{
    (void)arg;
    return minus_errno(close(fd));
}

static int real_lock(int fd, void *arg)
{
    (void)arg;
    return minus_errno(flock(fd, LOCK_EX | LOCK_NB));
}

static int real_lock_wait(int fd, void *arg)
{
    int rc;

    (void)arg;
    do
        rc = minus_errno(flock(fd, LOCK_EX));
    while (rc == -EINTR);
    return rc;
}

static int real_rename(const char *from, const char *to, void *arg)
{
    (void)arg;
    return minus_errno(rename(from, to));
}

static int real_unlink(const char *path, void *arg)
{
    (void)arg;
    return minus_errno(unlink(path));
}

static int real_mkdir(const char *path, int mode, void *arg)
{
    (void)arg;
    return minus_errno(mkdir(path, (mode_t)mode));
}

static int real_rmdir(const char *path, void *arg)
{
    (void)arg;
    return minus_errno(rmdir(path));
}

static int real_link(const char *from, const char *to, void *arg)
{
    (void)arg;
    return minus_errno(link(from, to));
}

static int real_symlink(const char *target, const char *path, void *arg)
{
    (void)arg;
    return minus_errno(symlink(target, path));
}

static int real_stat(const char *path, struct fl_stat *ret_stat, void *arg)
{
    struct stat info;

    (void)arg;
    if (lstat(path, &info) != 0)
        return -errno;
    ret_stat->size_bytes = (uint64_t)info.st_size;
    ret_stat->mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    ret_stat->inode = info.st_ino;
    ret_stat->mode = info.st_mode & 07777;
    ret_stat->is_dir = S_ISDIR(info.st_mode);
    ret_stat->is_link = S_ISLNK(info.st_mode);
    return 0;
}

static int real_list(const char *path, fl_list_fn fn, void *fn_arg, void *arg)
{
    DIR *dir = opendir(path);
    int rc = 0;

    (void)arg;
    if (!dir)
        return -errno;
    while (rc >= 0) {
        struct dirent *entry;
        struct stat info;

        errno = 0;
        entry = readdir(dir);
        if (!entry) {
            rc = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            continue; /* gone since it was read */
        rc = fn(entry->d_name, S_ISDIR(info.st_mode), fn_arg);
    }
    (void)closedir(dir);
    return rc < 0 ? rc : 0;
}

static int64_t real_free_bytes(const char *path, void *arg)
{
    struct statvfs info;

    (void)arg;
    if (statvfs(path, &info) != 0)
        return -errno;
    return (int64_t)info.f_bavail * (int64_t)info.f_frsize;
}

static int spawn_stdio(posix_spawn_file_actions_t *actions, int fd, int as, int flags)
{
    if (fd < 0)
        return posix_spawn_file_actions_addopen(actions, as, "/dev/null", flags, 0);
    return posix_spawn_file_actions_adddup2(actions, fd, as);
}

static pid_t real_spawn(const struct fl_spawn *spawn, void *arg)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    sigset_t all;
    pid_t pid = -1;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    int rc;

    (void)arg;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    if (spawn->new_session)
        flags |= POSIX_SPAWN_SETSID;
    rc = posix_spawn_file_actions_init(&actions);
    if (rc == 0)
        rc = posix_spawnattr_init(&attr);
    if (rc == 0)
        rc = spawn_stdio(&actions, spawn->stdin_fd, STDIN_FILENO, O_RDONLY);
    if (rc == 0)
        rc = spawn_stdio(&actions, spawn->stdout_fd, STDOUT_FILENO, O_WRONLY);
    if (rc == 0)
        rc = spawn_stdio(&actions, spawn->stderr_fd, STDERR_FILENO, O_WRONLY);
    if (rc == 0 && spawn->cwd)
        rc = posix_spawn_file_actions_addchdir_np(&actions, spawn->cwd);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(&attr, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(&attr, &all);
    if (rc == 0)
        rc = posix_spawnattr_setflags(&attr, flags);
    if (rc == 0) {
        char *const *envp = spawn->envp ? (char *const *)(uintptr_t)spawn->envp : environ;
        char *const *argv = (char *const *)(uintptr_t)spawn->argv;

        rc = strchr(spawn->path, '/')
                 ? posix_spawn(&pid, spawn->path, &actions, &attr, argv, envp)
                 : posix_spawnp(&pid, spawn->path, &actions, &attr, argv, envp);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attr);
    return rc == 0 ? pid : -rc;
}

static int real_pidfd(pid_t pid, void *arg)
{
    (void)arg;
    return minus_errno(syscall(SYS_pidfd_open, pid, 0));
}

static int real_reap(pid_t pid, int *ret_status, void *arg)
{
    pid_t got = waitpid(pid, ret_status, WNOHANG);

    (void)arg;
    if (got < 0)
        return -errno;
    return got == pid ? 1 : 0;
}

static int real_kill(pid_t pid, int signal, void *arg)
{
    (void)arg;
    return minus_errno(kill(pid, signal));
}

/* A program without sockets of ZeroMQ (the supervisor) need not carry libzmq. */
#pragma weak zmq_poll

static int wait_zmq(struct fl_wait_item *items, size_t count, int64_t timeout_ns)
{
    zmq_pollitem_t polled[WAIT_ITEMS_MAX];
    long timeout_ms = timeout_ns < 0 ? -1 : (long)((timeout_ns + 999999) / 1000000);
    int n;

    for (size_t i = 0; i < count; i++) {
        polled[i].socket = items[i].zmq;
        polled[i].fd = items[i].fd;
        polled[i].events = items[i].want_write ? ZMQ_POLLOUT : ZMQ_POLLIN;
        polled[i].revents = 0;
    }
    n = zmq_poll(polled, (int)count, timeout_ms);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    for (size_t i = 0; i < count; i++)
        items[i].ready = polled[i].revents != 0;
    return n;
}

static int wait_fds(struct fl_wait_item *items, size_t count, int64_t timeout_ns)
{
    struct pollfd polled[WAIT_ITEMS_MAX];
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000),
                               .tv_nsec = (long)(timeout_ns % 1000000000)};
    int n;

    for (size_t i = 0; i < count; i++) {
        polled[i].fd = items[i].fd;
        polled[i].events = items[i].want_write ? POLLOUT : POLLIN;
        polled[i].revents = 0;
    }
    n = ppoll(polled, (nfds_t)count, timeout_ns < 0 ? NULL : &timeout, NULL);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    for (size_t i = 0; i < count; i++)
        items[i].ready = polled[i].revents != 0;
    return n;
}

static int real_wait(struct fl_wait_item *items, size_t count, int64_t timeout_ns, void *arg)
{
    bool has_zmq = false;

    (void)arg;
    if (count > WAIT_ITEMS_MAX)
        return -E2BIG;
    for (size_t i = 0; i < count; i++)
        has_zmq = has_zmq || items[i].zmq;
    if (!has_zmq)
        return wait_fds(items, count, timeout_ns);
    return zmq_poll ? wait_zmq(items, count, timeout_ns) : -EINVAL;
}

static const struct fl_world_ops real_ops = {
    .mono_ns = real_mono_ns,
    .utc_ns = real_utc_ns,
    .random = real_random,
    .open = real_open,
    .pread = real_pread,
    .pwrite = real_pwrite,
    .truncate = real_truncate,
    .sync = real_sync,
    .close = real_close,
    .lock = real_lock,
    .lock_wait = real_lock_wait,
    .rename = real_rename,
    .unlink = real_unlink,
    .mkdir = real_mkdir,
    .rmdir = real_rmdir,
    .link = real_link,
    .symlink = real_symlink,
    .stat = real_stat,
    .list = real_list,
    .free_bytes = real_free_bytes,
    .spawn = real_spawn,
    .pidfd = real_pidfd,
    .reap = real_reap,
    .kill = real_kill,
    .wait = real_wait,
};

static const struct fl_world real_world = {.ops = &real_ops, .arg = NULL};

const struct fl_world *fl_world_real(void)
{
    return &real_world;
}
