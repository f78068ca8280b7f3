/* Unix sockets of type SOCK_SEQPACKET. */
#include "config.h"

#include "engine/world/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/world/local.h"

#include "engine/base/banned.h"

#define QUEUE_BYTES (1024 * 1024) /* asked for; the kernel may give less */
#define BACKLOG 8

/* A larger queue means fewer waits; one that is not to be had is none the worse. */
static void widen(int fd)
{
    int bytes = QUEUE_BYTES;

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

int fl_channel_pair(int ret_fds[2], struct fl_err *reterr)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) != 0)
        return fl_err_errno(reterr, errno, "make a channel");
    widen(ret_fds[0]);
    widen(ret_fds[1]);
    return 0;
}

int fl_channel_take_stdin(int *ret_fd, struct fl_err *reterr)
{
    int type = 0;
    socklen_t size = sizeof(type);
    int null;
    int fd;

    if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "standard input is no channel of a worker; give a folder instead");
    fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (fd < 0)
        return fl_err_errno(reterr, errno, "move the channel");
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0) {
        int rc = fl_err_errno(reterr, errno, "open /dev/null");

        fl_local_close(null);
        fl_local_close(fd);
        return rc;
    }
    fl_local_close(null);
    *ret_fd = fd;
    return 0;
}

/* The abstract name: a NUL, then the text. */
static socklen_t abstract_address(const char *name, struct sockaddr_un *address)
{
    size_t length = strlen(name);

    fl_assert(length > 0 && length < FL_CHANNEL_NAME_MAX);
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path + 1, name, length);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

int fl_channel_listen(const char *name, int *ret_fd, struct fl_err *reterr)
{
    struct sockaddr_un address;
    socklen_t size = abstract_address(name, &address);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return fl_err_errno(reterr, errno, "make a channel");
    if (bind(fd, (const struct sockaddr *)&address, size) != 0 || listen(fd, BACKLOG) != 0) {
        int rc = fl_err_errno(reterr, errno, "listen as '%s'", name);

        fl_local_close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

static int own_peer(int fd)
{
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

int fl_channel_accept(int fd, int *ret_fd, struct fl_err *reterr)
{
    int peer;

    while ((peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        if (own_peer(peer)) {
            widen(peer);
            *ret_fd = peer;
            return 0;
        }
        fl_local_close(peer);
    }
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
        return fl_err_set(reterr, FL_E_AGAIN, errno, "nobody has come");
    return fl_err_errno(reterr, errno, "accept on a channel");
}

int fl_channel_connect(const char *name, int *ret_fd, struct fl_err *reterr)
{
    struct sockaddr_un address;
    socklen_t size = abstract_address(name, &address);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = 0;

    if (fd < 0)
        return fl_err_errno(reterr, errno, "make a channel");
    if (connect(fd, (const struct sockaddr *)&address, size) != 0) {
        if (errno == ECONNREFUSED || errno == ENOENT)
            rc = fl_err_set(reterr, FL_E_NET, errno, "nobody listens as '%s'", name);
        else if (errno == EAGAIN || errno == EINTR)
            rc = fl_err_set(reterr, FL_E_AGAIN, errno, "'%s' has no room now", name);
        else
            rc = fl_err_errno(reterr, errno, "connect to '%s'", name);
    } else if (!own_peer(fd)) {
        rc = fl_err_set(reterr, FL_E_PERM, 0, "'%s' is a process of another user", name);
    }
    if (rc < 0) {
        fl_local_close(fd);
        return rc;
    }
    widen(fd);
    *ret_fd = fd;
    return 0;
}

int fl_channel_send(int fd, const void *data, size_t size, struct fl_err *reterr)
{
    ssize_t n;

    fl_assert(size > 0); /* none would look like an end */
    do
        n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return 0;
    if (errno == EAGAIN || errno == ENOBUFS)
        return fl_err_set(reterr, FL_E_AGAIN, errno, "the other end is slow");
    if (errno == EMSGSIZE)
        return fl_err_set(reterr, FL_E_TOO_BIG, errno, "message of %zu bytes", size);
    return fl_err_set(reterr, FL_E_NET, errno, "the other end is gone");
}

int fl_channel_receive(int fd, void *data, size_t room, size_t *ret_size, struct fl_err *reterr)
{
    struct iovec part = {.iov_base = data, .iov_len = room};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    do
        n = recvmsg(fd, &message, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return fl_err_set(reterr, FL_E_AGAIN, errno, "nothing has arrived");
    if (n <= 0)
        return fl_err_set(reterr, FL_E_NET, n < 0 ? errno : 0, "the other end is gone");
    if (message.msg_flags & MSG_TRUNC)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "a message longer than %zu bytes", room);
    *ret_size = (size_t)n;
    return 0;
}
