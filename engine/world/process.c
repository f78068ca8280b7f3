/* Processes of a world, and finding our own programs. */
#include "config.h"

#include "engine/world/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/path.h"

#include "engine/base/banned.h"

int fl_process_spawn(const struct fl_world *world, const struct fl_spawn *spawn, pid_t *ret_pid,
                     struct fl_err *reterr)
{
    pid_t pid;

    fl_assert(spawn->path && spawn->argv && spawn->argv[0]);
    pid = world->ops->spawn(spawn, world->arg);
    if (pid < 0)
        return fl_err_errno(reterr, -pid, "start '%s'", spawn->path);
    *ret_pid = pid;
    return 0;
}

bool fl_process_ended(const struct fl_world *world, pid_t pid, struct fl_exit *ret_exit)
{
    int status = 0;
    int rc = world->ops->reap(pid, &status, world->arg);

    if (rc <= 0)
        return false;
    ret_exit->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ret_exit->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return true;
}

int fl_process_kill(const struct fl_world *world, pid_t pid, int signal, struct fl_err *reterr)
{
    int rc = world->ops->kill(pid, signal, world->arg);

    if (rc == -ESRCH)
        return fl_err_set(reterr, FL_E_NOENT, ESRCH, "no process %ld", (long)pid);
    if (rc < 0)
        return fl_err_errno(reterr, -rc, "signal %d to process %ld", signal, (long)pid);
    return 0;
}

int fl_process_enter(const char *path, struct fl_err *reterr)
{
    return chdir(path) == 0 ? 0 : fl_err_errno(reterr, errno, "enter folder '%s'", path);
}

int fl_process_log_to(const char *path, struct fl_err *reterr)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int rc = 0;

    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
        rc = fl_err_errno(reterr, errno, "open '%s'", path);
    if (fd >= 0)
        (void)close(fd); /* the copy stays */
    return rc;
}

int fl_process_folder(char *path, size_t size, struct fl_err *reterr)
{
    ssize_t n = readlink("/proc/self/exe", path, size - 1);
    char *slash;

    if (n < 0)
        return fl_err_errno(reterr, errno, "read /proc/self/exe");
    path[n] = '\0';
    slash = strrchr(path, '/');
    fl_assert(slash);
    *slash = '\0';
    return 0;
}

/* True when folder/rel/name can be run; then it is in path. */
static bool find_in(const char *folder, const char *rel, const char *name, char *path, size_t size)
{
    int used = snprintf(path, size, "%s/%s%s", folder, rel, name);

    return used > 0 && (size_t)used < size && access(path, X_OK) == 0;
}

int fl_process_find(const struct fl_world *world, const char *name, char *path, size_t size,
                    struct fl_err *reterr)
{
    /* where the build tree keeps its programs, seen from engine/cli and the like, and from a test's
     * folder */
    static const char *const beside[] = {"",
                                         "../../engine/cli/",
                                         "../../engine/worker/",
                                         "../../engine/coordinator/",
                                         "../../data-fetch/",
                                         "../../stages/prep/",
                                         "../../stages/surge/",
                                         "../../stages/post/",
                                         "../../stages/check/",
                                         "../data-fetch/",
                                         "../engine/worker/",
                                         "../../../engine/worker/",
                                         "../../../data-fetch/"};
    char folder[FL_PATH_MAX];
    const char *search;
    int rc;

    (void)world;
    if (strchr(name, '/')) {
        if (snprintf(path, size, "%s", name) < (int)size && access(path, X_OK) == 0)
            return 0;
        return fl_err_set(reterr, FL_E_NOENT, 0, "program '%s' does not exist or cannot be run",
                          name);
    }
    rc = fl_process_folder(folder, sizeof(folder), reterr);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < FL_COUNT(beside); i++) {
        if (find_in(folder, beside[i], name, path, size))
            return 0;
    }
    if (find_in(FL_BINDIR, "", name, path, size) ||
        find_in(FL_LIBEXECDIR, "fairlead/", name, path, size))
        return 0;
    search = getenv("PATH");
    while (search && *search) {
        char part[FL_PATH_MAX];
        size_t length = strcspn(search, ":");

        if (length > 0 && length < sizeof(part)) {
            memcpy(part, search, length);
            part[length] = '\0';
            if (find_in(part, "", name, path, size))
                return 0;
        }
        search += length + (search[length] == ':');
    }
    return fl_err_set(reterr, FL_E_NOENT, 0, "program '%s' is not in '%s', in '%s' or in PATH",
                      name, folder, FL_BINDIR);
}
