/* Unix datagram sockets and pipes. */
#include "config.h"

#include "engine/world/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/banned.h"

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == FL_LOCAL_PATH_MAX, "sun_path");

/* Makes the folder, or takes one that is there and nobody else's. */
static int own_folder(const char *path, struct fl_err *reterr)
{
    struct stat info;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fl_err_errno(reterr, errno, "make folder '%s'", path);
    if (lstat(path, &info) != 0)
        return fl_err_errno(reterr, errno, "look at '%s'", path);
    if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077) != 0)
        return fl_err_set(reterr, FL_E_PERM, 0,
                          "'%s' must be a folder of user %ld with mode 0700; remove it", path,
                          (long)geteuid());
    return 0;
}

int fl_local_folder(const struct fl_world *world, char *path, size_t size, struct fl_err *reterr)
{
    char run[64];

    (void)world;
    (void)snprintf(run, sizeof(run), "/run/user/%ld", (long)geteuid());
    if (access(run, W_OK) == 0 && snprintf(path, size, "%s/fairlead", run) < (int)size &&
        own_folder(path, NULL) == 0)
        return 0;
    if (snprintf(path, size, "/tmp/fairlead-%ld", (long)geteuid()) >= (int)size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "socket folder: %zu bytes are not enough", size);
    return own_folder(path, reterr);
}

static int local_address(const char *path, struct sockaddr_un *address, struct fl_err *reterr)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(address->sun_path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "socket path '%s' is longer than %d bytes", path,
                          FL_LOCAL_PATH_MAX - 1);
    memcpy(address->sun_path, path, strlen(path) + 1);
    return 0;
}

int fl_local_bind(const char *path, int *ret_fd, struct fl_err *reterr)
{
    struct sockaddr_un address;
    int rc = local_address(path, &address, reterr);
    int fd;

    if (rc < 0)
        return rc;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fl_err_errno(reterr, errno, "make a socket");
    (void)unlink(path); /* of a process that has died; bind tells when it cannot be removed */
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        rc = fl_err_errno(reterr, errno, "bind socket '%s'", path);
        (void)close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

int fl_local_receive(int fd, void *data, size_t room, size_t *ret_size, struct fl_err *reterr)
{
    struct iovec part = {.iov_base = data, .iov_len = room};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return fl_err_set(reterr, FL_E_AGAIN, errno, "nothing has arrived");
    if (n < 0)
        return fl_err_errno(reterr, errno, "receive from a socket");
    *ret_size = message.msg_flags & MSG_TRUNC ? room + 1 : (size_t)n;
    return 0;
}

int fl_local_send(const char *path, const void *data, size_t size, struct fl_err *reterr)
{
    struct sockaddr_un address;
    int rc = local_address(path, &address, reterr);
    ssize_t n;
    int fd;

    if (rc < 0)
        return rc;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fl_err_errno(reterr, errno, "make a socket");
    do
        n = sendto(fd, data, size, MSG_NOSIGNAL, (const struct sockaddr *)&address,
                   sizeof(address));
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == ECONNREFUSED || errno == ENOENT))
        rc = fl_err_set(reterr, FL_E_NET, errno, "nobody listens at '%s'", path);
    else if (n < 0)
        rc = fl_err_errno(reterr, errno, "send to '%s'", path);
    (void)close(fd);
    return rc;
}

int fl_pipe_create(int ret_fds[2], struct fl_err *reterr)
{
    int flags;

    if (pipe2(ret_fds, O_CLOEXEC) != 0)
        return fl_err_errno(reterr, errno, "make a pipe");
    flags = fcntl(ret_fds[0], F_GETFL);
    if (flags < 0 || fcntl(ret_fds[0], F_SETFL, flags | O_NONBLOCK) != 0) {
        int rc = fl_err_errno(reterr, errno, "make a pipe");

        fl_local_close(ret_fds[0]);
        fl_local_close(ret_fds[1]);
        return rc;
    }
    return 0;
}

ssize_t fl_pipe_read(int fd, void *data, size_t size)
{
    ssize_t n = read(fd, data, size);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? FL_E_AGAIN : FL_E_IO;
    return n;
}

void fl_local_close(int fd)
{
    if (fd >= 0)
        (void)close(fd); /* nothing of ours is lost by it */
}
