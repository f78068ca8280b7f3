/* The file doors of the sites, as children that end with us. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"
#include "engine/world/local.h"
#include "engine/world/process.h"
#include "engine/worker/private.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define SETTLE_NS (5 * SECOND_NS) /* after which hello no longer waits for an address */
#define WAIT_MAX_NS (30 * SECOND_NS)
#define ARGS_MAX 24
#define LOG_MAX ((uint64_t)1024 * 1024) /* beyond it a log is put aside at the next start */

void fl_door_init(struct door *door)
{
    memset(door, 0, sizeof(*door));
    door->pidfd = door->keep_fd = door->told_fd = -1;
    door->next_ns = INT64_MAX;
    door->wait_ns = SECOND_NS;
}

static void shut(struct fl_worker *worker, int *fd)
{
    if (*fd < 0)
        return;
    fl_watch_remove(worker->watch, *fd);
    fl_local_close(*fd);
    *fd = -1;
}

static bool has_file(const struct fl_worker *worker, const char *folder, const char *name,
                     const char *suffix, char path[FL_PATH_MAX])
{
    return folder[0] &&
           snprintf(path, FL_PATH_MAX, "%s/%s%s", folder, name, suffix) < FL_PATH_MAX &&
           fl_file_exists(worker->world, path);
}

int fl_door_prepare(struct fl_worker *worker, struct site *site, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    char text[2 * FL_PATH_MAX];
    int rc;

    site->keys = has_file(worker, worker->keys_dir, site->name, ".pem", path) &&
                 has_file(worker, worker->keys_dir, site->name, ".key", path);
    if (!site->keys || site->file[0])
        return 0;
    if (strpbrk(worker->keys_dir, "\"\\\n"))
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "site '%s': the folder of keys '%s' has a name that no site file can "
                          "hold; accepted: one without quotes and backslashes",
                          site->name, worker->keys_dir);
    rc = fl_path_join(site->root, ".transfer", path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_dir_make(worker->world, path, 0755, reterr);
    if (rc == 0)
        rc = fl_path_join(site->root, ".transfer/site.cfg", site->file, sizeof(site->file), reterr);
    (void)snprintf(text, sizeof(text),
                   "# made by fairlead-worker, which was given no --site-file\n"
                   "site: { name = \"%s\"; keys = \"%s\"; };\n",
                   site->name, worker->keys_dir);
    return rc < 0 ? rc : fl_file_publish(worker->world, site->file, text, strlen(text), reterr);
}

/* With keys HTTPS as the site file says; without, plain HTTP on loopback. */
static size_t make_args(const struct fl_worker *worker, const struct site *site,
                        const char *port_file, const char *args[static ARGS_MAX])
{
    char path[FL_PATH_MAX];
    bool grants = has_file(worker, worker->keys_dir, "grant", ".pub", path);
    size_t count = 0;

    args[count++] = worker->transfer;
    args[count++] = "serve";
    args[count++] = "--root";
    args[count++] = site->root;
    args[count++] = "--name";
    args[count++] = site->name;
    args[count++] = "--port-file";
    args[count++] = port_file;
    args[count++] = "--until-eof";
    if (site->file[0]) {
        args[count++] = "--site";
        args[count++] = site->file;
    } else {
        args[count++] = "--plain";
        if (!grants)
            args[count++] = "--no-grants";
    }
    if (site->keys || (!site->file[0] && grants)) {
        args[count++] = "--keys";
        args[count++] = worker->keys_dir;
    }
    args[count] = NULL;
    return count;
}

/* What its doors of before said is kept, but not for ever. */
static int open_log(struct fl_worker *worker, const struct site *site, struct fl_err *reterr)
{
    const struct fl_world *world = worker->world;
    char path[FL_PATH_MAX];
    char old[FL_PATH_MAX];
    struct fl_stat info;
    int fd;
    int rc = fl_path_join(site->root, "work/.door-log", path, sizeof(path), reterr);

    if (rc == 0)
        rc = fl_path_join(site->root, "work/.door-log.old", old, sizeof(old), reterr);
    if (rc < 0)
        return rc;
    if (fl_file_stat(world, path, &info, NULL) == 0 && info.size_bytes > LOG_MAX)
        (void)world->ops->rename(path, old, world->arg); /* else it grows on */
    fd = world->ops->open(path, O_WRONLY | O_CREAT | O_APPEND, 0644, world->arg);
    return fd < 0 ? fl_err_errno(reterr, -fd, "open '%s'", path) : fd;
}

static int door_spawn(struct fl_worker *worker, struct site *site, struct fl_err *reterr)
{
    struct door *door = &site->door;
    const struct fl_world *world = worker->world;
    char port_file[FL_PATH_MAX];
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    int log_fd = -1;
    int rc = fl_path_join(site->root, "work/.door-port", port_file, sizeof(port_file), reterr);

    if (rc == 0)
        rc = log_fd = open_log(worker, site, reterr);
    if (rc >= 0)
        rc = fl_pipe_create(in, reterr);
    if (rc == 0)
        rc = fl_pipe_create(out, reterr);
    if (rc == 0) {
        const char *argv[ARGS_MAX];
        const struct fl_spawn spawn = {.path = worker->transfer,
                                       .argv = argv,
                                       .stdin_fd = in[0],
                                       .stdout_fd = out[1],
                                       .stderr_fd = log_fd,
                                       .new_session = true};

        (void)make_args(worker, site, port_file, argv);
        rc = fl_process_spawn(world, &spawn, &door->pid, reterr);
    }
    fl_local_close(in[0]);
    fl_local_close(out[1]);
    fl_local_close(log_fd);
    if (rc < 0) {
        fl_local_close(in[1]);
        fl_local_close(out[0]);
        return rc;
    }
    door->keep_fd = in[1];
    door->told_fd = out[0];
    return 0;
}

void fl_door_start(struct fl_worker *worker, struct site *site)
{
    struct door *door = &site->door;
    struct fl_err err = {0};
    int rc;

    door->source = (struct source){.kind = SOURCE_DOOR, .owner = site};
    door->next_ns = INT64_MAX;
    if (worker->no_doors || !worker->transfer[0]) {
        door->settled = true;
        return;
    }
    rc = door_spawn(worker, site, &err);
    if (rc == 0) {
        door->pidfd = worker->world->ops->pidfd(door->pid, worker->world->arg);
        rc = fl_watch_add(worker->watch, door->told_fd, (uint64_t)(uintptr_t)&door->source, &err);
    }
    if (rc == 0 && door->pidfd >= 0)
        rc = fl_watch_add(worker->watch, door->pidfd, (uint64_t)(uintptr_t)&door->source, &err);
    if (rc < 0) {
        fl_log(FL_LOG_WARN, "door.failed", "site='%s' error='%s' again_in_s=%lld", site->name,
               err.text, (long long)(door->wait_ns / SECOND_NS));
        door->settled = true;
        door->next_ns = fl_world_mono_ns(worker->world) + door->wait_ns;
    } else if (!door->settled) {
        door->next_ns = fl_world_mono_ns(worker->world) + SETTLE_NS;
    }
}

/* {"door":"http://127.0.0.1:4711"}, a line for each address; the first is told. */
static bool door_told(struct door *door, const char *line, size_t size)
{
    fl_json_auto json_t *json = NULL;
    const char *url = NULL;

    const char *end = memchr(line, '\n', size);

    if (fl_json_parse(line, end ? (size_t)(end - line) : size, &json, NULL) < 0 ||
        fl_json_string(json, "door", &url, NULL) < 0 || strlen(url) >= sizeof(door->url))
        return false;
    door->settled = true;
    door->next_ns = INT64_MAX;
    door->wait_ns = SECOND_NS;
    if (strcmp(door->url, url) == 0)
        return false;
    (void)snprintf(door->url, sizeof(door->url), "%s", url);
    return true;
}

bool fl_door_look(struct fl_worker *worker, struct site *site)
{
    struct door *door = &site->door;
    struct fl_exit ended;
    bool changed = false;

    if (door->told_fd >= 0) {
        char line[2048];
        ssize_t n = fl_pipe_read(door->told_fd, line, sizeof(line));

        if (n > 0)
            changed = door_told(door, line, (size_t)n);
        else if (n != FL_E_AGAIN)
            shut(worker, &door->told_fd);
    }
    if (door->pid <= 0 || !fl_process_ended(worker->world, door->pid, &ended))
        return changed;
    fl_log(FL_LOG_WARN, "door.ended",
           "site='%s' code=%d signal=%d again_in_s=%lld log='%s/work/.door-log'", site->name,
           ended.code, ended.signal, (long long)(door->wait_ns / SECOND_NS), site->root);
    door->pid = 0;
    shut(worker, &door->pidfd);
    shut(worker, &door->told_fd);
    shut(worker, &door->keep_fd);
    changed = changed || !door->settled;
    door->settled = true;
    door->next_ns = fl_world_mono_ns(worker->world) + door->wait_ns;
    door->wait_ns = door->wait_ns * 2 > WAIT_MAX_NS ? WAIT_MAX_NS : door->wait_ns * 2;
    return changed;
}

bool fl_door_timer(struct fl_worker *worker, struct site *site, int64_t now_ns)
{
    struct door *door = &site->door;

    if (now_ns < door->next_ns)
        return false;
    door->next_ns = INT64_MAX;
    if (door->pid == 0) {
        fl_door_start(worker, site);
        return false;
    }
    door->settled = true; /* still silent: hello goes without its address */
    return true;
}

void fl_door_stop(struct fl_worker *worker, struct site *site)
{
    struct door *door = &site->door;
    struct fl_exit ended;

    shut(worker, &door->keep_fd); /* the end of its input tells it to end */
    shut(worker, &door->told_fd);
    if (door->pid > 0 && door->pidfd >= 0) {
        struct fl_wait_item item = {.fd = door->pidfd};

        if (fl_world_wait(worker->world, &item, 1, SECOND_NS, NULL) < 0)
            (void)fl_process_kill(worker->world, door->pid, SIGKILL, NULL);
        (void)fl_world_wait(worker->world, &item, 1, SECOND_NS, NULL);
        (void)fl_process_ended(worker->world, door->pid, &ended);
    }
    door->pid = 0;
    shut(worker, &door->pidfd);
}
