/* epoll and inotify. */
#include "config.h"

#include "engine/world/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "engine/base/banned.h"

#define NOTIFY_BYTES 8192

struct fl_watch {
    int fd;
};

int fl_watch_create(struct fl_watch **ret_watch, struct fl_err *reterr)
{
    struct fl_watch *watch = calloc(1, sizeof(*watch));

    if (!watch)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "watch: out of memory");
    watch->fd = epoll_create1(EPOLL_CLOEXEC);
    if (watch->fd < 0) {
        free(watch);
        return fl_err_errno(reterr, errno, "make an epoll set");
    }
    *ret_watch = watch;
    return 0;
}

void fl_watch_destroy(struct fl_watch *watch)
{
    if (!watch)
        return;
    (void)close(watch->fd); /* nothing is written through it */
    free(watch);
}

int fl_watch_fd(const struct fl_watch *watch)
{
    return watch->fd;
}

int fl_watch_add(struct fl_watch *watch, int fd, uint64_t key, struct fl_err *reterr)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = key};

    if (epoll_ctl(watch->fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        if (errno == ENOSPC)
            return fl_err_set(reterr, FL_E_FULL, errno, "the kernel's limit of watches is reached");
        return fl_err_errno(reterr, errno, "watch descriptor %d", fd);
    }
    return 0;
}

void fl_watch_remove(struct fl_watch *watch, int fd)
{
    /* fails only when it is not in the set: then there is nothing to do */
    (void)epoll_ctl(watch->fd, EPOLL_CTL_DEL, fd, NULL);
}

bool fl_watch_next(struct fl_watch *watch, uint64_t *ret_key)
{
    struct epoll_event event;

    if (epoll_wait(watch->fd, &event, 1, 0) != 1)
        return false;
    *ret_key = event.data.u64;
    return true;
}

int fl_notify_create(int *ret_fd, struct fl_err *reterr)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (fd < 0)
        return fl_err_errno(reterr, errno, "start inotify");
    *ret_fd = fd;
    return 0;
}

int fl_notify_add(int fd, const char *folder, int *ret_id, struct fl_err *reterr)
{
    int id = inotify_add_watch(fd, folder, IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);

    if (id < 0 && errno == ENOSPC)
        return fl_err_set(reterr, FL_E_FULL, errno,
                          "watch folder '%s': fs.inotify.max_user_watches is reached", folder);
    if (id < 0)
        return fl_err_errno(reterr, errno, "watch folder '%s'", folder);
    *ret_id = id;
    return 0;
}

bool fl_notify_settled(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool settled;

    if (fd < 0)
        return errno != ENOENT; /* what we may not read we cannot ask */
    /* a read lease is had only while nobody writes (fcntl(2)); of others' files, not at all */
    settled = fcntl(fd, F_SETLEASE, F_RDLCK) == 0 || errno != EAGAIN;
    (void)close(fd); /* and the lease with it */
    return settled;
}

void fl_notify_remove(int fd, int id)
{
    (void)inotify_rm_watch(fd, id); /* fails when the folder is gone, and the watch with it */
}

void fl_notify_read(int fd, fl_notify_fn fn, void *arg)
{
    alignas(struct inotify_event) char buffer[NOTIFY_BYTES];
    ssize_t n;

    while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
        const char *at = buffer;

        while (at < buffer + n) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;

            if (event->mask & IN_Q_OVERFLOW)
                fn(-1, "", arg);
            else if (!(event->mask & IN_IGNORED))
                fn(event->wd, event->len > 0 ? event->name : "", arg);
            at += sizeof(*event) + event->len;
        }
    }
}
