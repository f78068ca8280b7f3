#ifndef FL_WORLD_WORLD_H
#define FL_WORLD_WORLD_H

/* The outside as one table of functions: clock, randomness, disk, processes, waiting.
 * The real one calls the operating system; tests bring a simulated or a failing one.
 * Disk and process calls give a value >= 0 or a negative errno; the helpers in file.h and
 * process.h turn that into the house's errors.
 * Owns: nothing. Threads: the real world any. Limits: stated at each call. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/base/err.h"

/* What stat tells. */
struct fl_stat {
    uint64_t size_bytes;
    int64_t mtime_ns;
    uint64_t inode;
    uint32_t mode; /* permission bits */
    bool is_dir;
    bool is_link;
};

/* One thing to wait for: a file descriptor, or a ZeroMQ socket when zmq is not NULL. */
struct fl_wait_item {
    int fd;
    void *zmq;
    bool want_write;
    bool ready; /* set by the wait */
};

/* A process to start. Arrays end in NULL. stdio of -1 means /dev/null. */
struct fl_spawn {
    const char *path; /* executable; searched in PATH when it has no slash */
    const char *const *argv;
    const char *const *envp; /* the whole environment; NULL: our own */
    const char *cwd;         /* NULL: ours */
    int stdin_fd;
    int stdout_fd;
    int stderr_fd;
    bool new_session; /* setsid: outlives us and is a process group of its own */
};

/* Called for each entry of a folder but "." and ".."; a negative return ends the listing with that
 * value. */
typedef int (*fl_list_fn)(const char *name, bool is_dir, void *arg);

struct fl_world_ops {
    int64_t (*mono_ns)(void *arg);
    int64_t (*utc_ns)(void *arg);
    int (*random)(void *out, size_t size, void *arg);

    int (*open)(const char *path, int flags, int mode, void *arg); /* O_CLOEXEC is added */
    ssize_t (*pread)(int fd, void *data, size_t size, int64_t offset, void *arg);
    ssize_t (*pwrite)(int fd, const void *data, size_t size, int64_t offset, void *arg);
    int (*truncate)(int fd, int64_t size, void *arg);
    int (*sync)(int fd, void *arg);
    int (*close)(int fd, void *arg);
    int (*lock)(int fd,
                void *arg); /* exclusive, at once or -EWOULDBLOCK; ends with the descriptor */
    int (*lock_wait)(int fd, void *arg); /* exclusive, waits for its holder */
    int (*rename)(const char *from, const char *to, void *arg);
    int (*unlink)(const char *path, void *arg);
    int (*mkdir)(const char *path, int mode, void *arg);
    int (*rmdir)(const char *path, void *arg);
    int (*link)(const char *from, const char *to, void *arg);
    int (*symlink)(const char *target, const char *path, void *arg);
    int (*stat)(const char *path, struct fl_stat *ret_stat, void *arg); /* does not follow links */
    int (*list)(const char *path, fl_list_fn fn, void *fn_arg, void *arg);
    int64_t (*free_bytes)(const char *path, void *arg);

    pid_t (*spawn)(const struct fl_spawn *spawn, void *arg);
    int (*pidfd)(pid_t pid, void *arg); /* readable when the process ends */
    /* 1 and the wait status when our child has ended, 0 when it runs. */
    int (*reap)(pid_t pid, int *ret_status, void *arg);
    int (*kill)(pid_t pid, int signal, void *arg);

    /* Waits until an item is ready or timeout_ns has passed (< 0: for ever). Number of ready items.
     * ZeroMQ sockets can be waited on in programs that link libzmq. */
    int (*wait)(struct fl_wait_item *items, size_t count, int64_t timeout_ns, void *arg);
};

struct fl_world {
    const struct fl_world_ops *ops;
    void *arg;
};

/* The operating system. Has no state; never freed. */
const struct fl_world *fl_world_real(void);

static inline int64_t fl_world_mono_ns(const struct fl_world *world)
{
    return world->ops->mono_ns(world->arg);
}
static inline int64_t fl_world_utc_ns(const struct fl_world *world)
{
    return world->ops->utc_ns(world->arg);
}
/* size random bytes for keys and tokens. FL_E_IO. */
int fl_world_random(const struct fl_world *world, void *out, size_t size, struct fl_err *reterr);
/* digits/2 random bytes as lower-case hex; hex holds digits + 1. FL_E_IO. */
int fl_world_random_hex(const struct fl_world *world, char *hex, size_t digits,
                        struct fl_err *reterr);
/* FL_E_TIMEOUT when nothing became ready in time (items then all not ready); FL_E_IO. */
int fl_world_wait(const struct fl_world *world, struct fl_wait_item *items, size_t count,
                  int64_t timeout_ns, struct fl_err *reterr);

#endif
