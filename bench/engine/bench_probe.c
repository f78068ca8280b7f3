/* What the machine itself takes, measured beside the engine.
 *   bench_probe sync DIR [COUNT]              an append of 4 KiB and its sync
 *   bench_probe spawn COUNT PROGRAM ARG...    start of a program to its end
 * Prints one line of JSON: median, p99 and maximum in milliseconds. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/engine/took.h"
#include "engine/base/path.h"
#include "engine/world/process.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

#define BLOCK 4096

static int probe_sync(const char *dir, int64_t *took_ns, size_t count, struct fl_err *reterr)
{
    const struct fl_world *world = fl_world_real();
    char path[FL_PATH_MAX];
    char block[BLOCK];
    int rc = fl_path_join(dir, "sync.probe", path, sizeof(path), reterr);
    int fd = rc < 0 ? rc : world->ops->open(path, O_RDWR | O_CREAT | O_TRUNC, 0600, world->arg);

    if (fd < 0)
        return fl_err_set(reterr, FL_E_IO, 0, "'%s' cannot be opened", path);
    memset(block, 'x', sizeof(block));
    for (size_t i = 0; i < count && rc == 0; i++) {
        int64_t start_ns = fl_world_mono_ns(world);

        if (world->ops->pwrite(fd, block, BLOCK, (int64_t)i * BLOCK, world->arg) != BLOCK ||
            world->ops->sync(fd, world->arg) < 0)
            rc = fl_err_set(reterr, FL_E_IO, 0, "'%s' cannot be written", path);
        took_ns[i] = fl_world_mono_ns(world) - start_ns;
    }
    (void)world->ops->close(fd, world->arg); /* a scratch file */
    (void)world->ops->unlink(path, world->arg);
    return rc;
}

static int probe_spawn(char *const *argv, int64_t *took_ns, size_t count, struct fl_err *reterr)
{
    const struct fl_world *world = fl_world_real();
    const struct fl_spawn spawn = {.path = argv[0],
                                   .argv = (const char *const *)argv,
                                   .stdin_fd = -1,
                                   .stdout_fd = -1,
                                   .stderr_fd = -1};

    for (size_t i = 0; i < count; i++) {
        int64_t start_ns = fl_world_mono_ns(world);
        struct fl_wait_item item = {0};
        pid_t pid = world->ops->spawn(&spawn, world->arg);
        int status = 0;
        int rc;

        if (pid < 0)
            return fl_err_set(reterr, FL_E_IO, 0, "'%s' cannot be started", argv[0]);
        item.fd = world->ops->pidfd(pid, world->arg);
        rc = fl_world_wait(world, &item, 1, -1, reterr);
        (void)world->ops->close(item.fd, world->arg);
        if (rc < 0)
            return rc;
        took_ns[i] = fl_world_mono_ns(world) - start_ns;
        (void)world->ops->reap(pid, &status, world->arg);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct fl_err err = {0};
    bool sync = argc >= 3 && strcmp(argv[1], "sync") == 0;
    bool spawn = argc >= 4 && strcmp(argv[1], "spawn") == 0;
    const char *number = spawn ? argv[2] : argc == 4 ? argv[3] : "300";
    size_t count = (size_t)strtoul(number, NULL, 10);
    int64_t *took_ns = NULL;
    int rc;

    if ((!sync && !spawn) || count == 0 || count > 1000000)
        rc = fl_err_set(
            &err, FL_E_USAGE, 0,
            "usage: bench_probe sync DIR [COUNT] | bench_probe spawn COUNT PROGRAM ARG...");
    else if (!(took_ns = calloc(count, sizeof(*took_ns))))
        rc = fl_err_set(&err, FL_E_NOMEM, 0, "out of memory");
    else
        rc = sync ? probe_sync(argv[2], took_ns, count, &err)
                  : probe_spawn(argv + 3, took_ns, count, &err);
    if (rc == 0)
        took_report(took_ns, count);
    else
        (void)fprintf(stderr, "bench_probe: %s\n", err.text);
    free(took_ns);
    return fl_err_exit_code(rc);
}
