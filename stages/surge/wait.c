/* Waiting for a file with inotify. */
#include "config.h"

#include "stages/surge/wait.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "engine/world/file.h"

#include "engine/base/banned.h"

#define NS_A_SECOND INT64_C(1000000000)
/* A network file system brings no news of what other nodes do: look again this often. */
#define LOOK_AGAIN_NS (10 * NS_A_SECOND)

/* Takes the news off the queue; what they say is found by looking at the file again. */
static int drain(int fd, const char *path, struct fl_err *reterr)
{
    char news[4096];
    ssize_t n = read(fd, news, sizeof(news));

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return fl_err_errno(reterr, errno, "news of the folder of '%s'", path);
    return 0;
}

static int wait_on(const struct fl_world *world, int fd, const char *path, int64_t limit_s,
                   fl_wait_begin_fn begin, void *arg, struct fl_err *reterr)
{
    int64_t deadline_ns = fl_world_mono_ns(world) + limit_s * NS_A_SECOND;
    int rc = 0;

    /* The watch stands before the first look, so that nothing can appear unseen in between. */
    if (!fl_file_exists(world, path) && begin)
        begin(path, limit_s, arg);
    while (rc == 0 && !fl_file_exists(world, path)) {
        struct fl_wait_item item = {.fd = fd};
        int64_t left_ns = deadline_ns - fl_world_mono_ns(world);

        if (left_ns <= 0)
            return fl_err_set(reterr, FL_E_TIMEOUT, 0, "'%s' did not appear within %lld s", path,
                              (long long)limit_s);
        rc = fl_world_wait(world, &item, 1, left_ns < LOOK_AGAIN_NS ? left_ns : LOOK_AGAIN_NS,
                           reterr);
        if (rc == 0)
            rc = drain(fd, path, reterr);
        else if (rc == FL_E_TIMEOUT)
            rc = 0;
    }
    return rc;
}

int fl_surge_wait(const struct fl_world *world, const char *path, int64_t limit_s,
                  fl_wait_begin_fn begin, void *arg, struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];
    size_t length = (size_t)(fl_path_base(path) - path);
    int fd;
    int rc;

    if (length >= sizeof(folder))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", path);
    memcpy(folder, path, length);
    folder[length] = '\0';
    fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return fl_err_errno(reterr, errno, "watch the folder of '%s'", path);
    if (inotify_add_watch(fd, length ? folder : ".", IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
        rc = fl_err_errno(reterr, errno, "watch the folder of '%s'", path);
    else
        rc = wait_on(world, fd, path, limit_s, begin, arg, reterr);
    (void)close(fd); /* nothing was written */
    return rc;
}
