/* What the machine itself takes, measured beside the engine.
 *   bench_probe sync DIR [COUNT]              an append of 4 KiB and its sync
 *   bench_probe spawn COUNT PROGRAM ARG...    start of a program to its end
 * Prints one line of JSON: median, p99 and maximum in milliseconds.
 *   bench_probe bodies DIR COUNT PROGRAM ARG...   what any engine must do at the least: COUNT
 * bodies, 8 at a time, each with a folder of its own and a record of its begin and its end in
 * there, all of it synced once. Prints the bodies a second. */
#include "config.h"

#include <errno.h>
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
#define BODIES 8 /* at a time */

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

struct body {
    int pidfd; /* -1: none */
    pid_t pid;
    int record;
};

static int body_start(const struct fl_world *world, const char *dir, size_t number,
                      char *const *argv, struct body *body)
{
    const struct fl_spawn spawn = {.path = argv[0],
                                   .argv = (const char *const *)argv,
                                   .stdin_fd = -1,
                                   .stdout_fd = -1,
                                   .stderr_fd = -1};
    char path[FL_PATH_MAX];
    int rc;

    if (snprintf(path, sizeof(path), "%s/%zu", dir, number) >= (int)sizeof(path) - 8)
        return -ENAMETOOLONG;
    rc = world->ops->mkdir(path, 0755, world->arg);
    if (rc < 0)
        return rc;
    (void)snprintf(path + strlen(path), 8, "/record");
    body->record = world->ops->open(path, O_WRONLY | O_CREAT | O_APPEND, 0600, world->arg);
    if (body->record < 0)
        return body->record;
    if (world->ops->pwrite(body->record, "begin\n", 6, -1, world->arg) != 6)
        return -EIO;
    body->pid = world->ops->spawn(&spawn, world->arg);
    if (body->pid < 0)
        return body->pid;
    body->pidfd = world->ops->pidfd(body->pid, world->arg);
    return body->pidfd < 0 ? body->pidfd : 0;
}

static int body_end(const struct fl_world *world, struct body *body)
{
    bool written = world->ops->pwrite(body->record, "end\n", 4, -1, world->arg) == 4;
    int status = 0;

    (void)world->ops->reap(body->pid, &status, world->arg);
    (void)world->ops->close(body->pidfd, world->arg);
    (void)world->ops->close(body->record, world->arg);
    body->pidfd = -1;
    return written && status == 0 ? 0 : -EIO;
}

/* Waits for one that runs, and ends all that have. */
static int bodies_wait(const struct fl_world *world, struct body *bodies, size_t *running)
{
    struct fl_wait_item items[BODIES];
    size_t of[BODIES];
    size_t count = 0;
    int rc;

    for (size_t i = 0; i < BODIES; i++) {
        if (bodies[i].pidfd < 0)
            continue;
        items[count] = (struct fl_wait_item){.fd = bodies[i].pidfd};
        of[count++] = i;
    }
    rc = fl_world_wait(world, items, count, -1, NULL);
    for (size_t i = 0; i < count && rc >= 0; i++) {
        if (!items[i].ready)
            continue;
        rc = body_end(world, &bodies[of[i]]);
        (*running)--;
    }
    return rc < 0 ? rc : 0;
}

static int probe_bodies(const char *dir, char *const *argv, size_t count, struct fl_err *reterr)
{
    const struct fl_world *world = fl_world_real();
    int64_t start_ns = fl_world_mono_ns(world);
    struct body bodies[BODIES];
    size_t started = 0;
    size_t running = 0;
    int rc = 0;
    int fd;

    for (size_t i = 0; i < BODIES; i++)
        bodies[i].pidfd = -1;
    while (rc == 0 && (started < count || running > 0)) {
        for (size_t i = 0; i < BODIES && started < count && rc == 0; i++) {
            if (bodies[i].pidfd >= 0)
                continue;
            rc = body_start(world, dir, started++, argv, &bodies[i]);
            running += rc == 0;
        }
        if (rc == 0 && running > 0)
            rc = bodies_wait(world, bodies, &running);
    }
    fd = rc == 0 ? world->ops->open(dir, O_RDONLY, 0, world->arg) : rc;
    if (fd < 0)
        return fl_err_errno(reterr, -fd, "bodies below '%s'", dir);
    rc = world->ops->sync(fd, world->arg);
    (void)world->ops->close(fd, world->arg);
    if (rc < 0)
        return fl_err_errno(reterr, -rc, "sync '%s'", dir);
    (void)printf("{\"count\":%zu,\"rate\":%.1f}\n", count,
                 (double)count * 1e9 / (double)(fl_world_mono_ns(world) - start_ns));
    return 0;
}

static int bodies_main(int argc, char **argv, struct fl_err *reterr)
{
    size_t count = argc >= 5 ? (size_t)strtoul(argv[3], NULL, 10) : 0;

    if (count == 0 || count > 1000000)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "usage: bench_probe bodies DIR COUNT PROGRAM ARG...");
    return probe_bodies(argv[2], argv + 4, count, reterr);
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

    if (argc >= 2 && strcmp(argv[1], "bodies") == 0) {
        rc = bodies_main(argc, argv, &err);
        if (rc < 0)
            (void)fprintf(stderr, "bench_probe: %s\n", err.text);
        return fl_err_exit_code(rc);
    }

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
