/* Folders of attempts made ahead: to make files takes longer than anything else between a launch
 * and its body, to rename them is nothing. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "engine/world/file.h"
#include "engine/world/local.h"
#include "engine/worker/private.h"
#include "engine/worker/spool.h"
#include "engine/worker/supervisor.h"

#include "engine/base/banned.h"

static int make_file(struct fl_worker *worker, const char *path, int mode, int *ret_fd,
                     struct fl_err *reterr)
{
    const struct fl_world *world = worker->world;
    int fd = world->ops->open(path, O_WRONLY | O_CREAT | O_EXCL, mode, world->arg);

    if (fd < 0)
        return fl_err_errno(reterr, -fd, "make '%s'", path);
    if (ret_fd)
        *ret_fd = fd;
    else
        fl_local_close(fd);
    return 0;
}

static int make_dir(struct fl_worker *worker, const char *path, struct fl_err *reterr)
{
    int rc = worker->world->ops->mkdir(path, 0755, worker->world->arg);

    return rc < 0 ? fl_err_errno(reterr, -rc, "make folder '%s'", path) : 0;
}

/* What a folder has before anybody asks for it, in the order of making. */
static const struct part {
    const char *name;
    int mode;    /* 0: a folder */
    bool inputs; /* its descriptor is kept */
} parts[] = {
    {"", 0, false},
    {"1", 0, false},
    {"1/data", 0, false},
    {"1/out", 0, false},
    {"1/spec.new", 0600, false},
    {"1/" FL_SUPERVISOR_FILE, 0600, false},
    {"1/" FL_SPOOL_FILE, 0644, false},
    {"1/data/inputs.json", 0444, true},
};

static int begin_ready(struct fl_worker *worker, const struct site *site, struct ready *ready,
                       struct fl_err *reterr)
{
    ready->inputs_fd = -1;
    if (snprintf(ready->path, sizeof(ready->path), "%s/work/.ready/%llu", site->root,
                 (unsigned long long)worker->ready_number++) >= (int)sizeof(ready->path) - 64)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "root '%s' is too long", site->root);
    return 0;
}

/* Gives up one that is half made. */
static void drop_ready(struct fl_worker *worker, struct ready *ready)
{
    fl_local_close(ready->inputs_fd);
    (void)fl_dir_remove(worker->world, ready->path, NULL); /* what stays, the next start takes */
    memset(ready, 0, sizeof(*ready));
    ready->inputs_fd = -1;
}

/* The next part. */
static int make_step(struct fl_worker *worker, const struct site *site, struct ready *ready,
                     struct fl_err *reterr)
{
    const struct part *part = &parts[ready->step];
    char path[FL_PATH_MAX];
    int rc = ready->step == 0 ? begin_ready(worker, site, ready, reterr) : 0;

    if (rc < 0)
        return rc;
    (void)snprintf(path, sizeof(path), "%.4000s/%s", ready->path, part->name); /* measured before */
    if (part->mode == 0)
        rc = make_dir(worker, path, reterr);
    else
        rc = make_file(worker, path, part->mode, part->inputs ? &ready->inputs_fd : NULL, reterr);
    if (rc < 0)
        drop_ready(worker, ready);
    else
        ready->step++;
    return rc;
}

static bool is_made(const struct ready *ready)
{
    return ready->step == FL_COUNT(parts);
}

/* Moves the finished one out. */
static struct ready take_made(struct site *site)
{
    struct ready made = site->making;

    memset(&site->making, 0, sizeof(site->making));
    site->making.inputs_fd = -1;
    return made;
}

/* NUMBER or NUMBER/1 to its place, whose parents may have to be made. 0 or -errno. */
static int put(struct fl_worker *worker, const char *from, const char *to)
{
    const struct fl_world *world = worker->world;
    char parent[FL_PATH_MAX];
    int rc = world->ops->rename(from, to, world->arg);

    if (rc != -ENOENT)
        return rc;
    (void)snprintf(parent, sizeof(parent), "%.4000s", to);
    *strrchr(parent, '/') = '\0';
    if (fl_dir_make(world, parent, 0755, NULL) < 0)
        return rc;
    return world->ops->rename(from, to, world->arg);
}

static int place(struct fl_worker *worker, const struct ready *ready, const char *folder,
                 struct fl_err *reterr)
{
    char stage[FL_PATH_MAX];
    char inner[FL_PATH_MAX];
    const char *number = fl_path_base(folder);
    int rc = -EEXIST;

    (void)snprintf(stage, sizeof(stage), "%.*s", (int)(number - folder - 1), folder);
    if (strcmp(number, "1") == 0) /* most often the stage's own folder is not there either */
        rc = put(worker, ready->path, stage);
    if (rc == 0)
        return 0;
    (void)snprintf(inner, sizeof(inner), "%.4000s/1", ready->path);
    rc = put(worker, inner, folder);
    if (rc < 0)
        return fl_err_errno(reterr, -rc, "make folder '%s'", folder);
    (void)worker->world->ops->rmdir(ready->path, worker->world->arg); /* an empty one is no harm */
    return 0;
}

int fl_ready_take(struct fl_worker *worker, const struct attempt *attempt, int *ret_inputs_fd,
                  struct fl_err *reterr)
{
    struct site *site = attempt->site;
    struct ready ready;
    int rc = 0;

    while (rc == 0 && site->ready_count == 0 && !is_made(&site->making))
        rc = make_step(worker, site, &site->making, reterr);
    if (rc < 0)
        return rc;
    ready = site->ready_count > 0 ? site->ready[--site->ready_count] : take_made(site);
    rc = place(worker, &ready, attempt->folder, reterr);
    if (rc < 0) {
        fl_local_close(ready.inputs_fd);
        (void)fl_dir_remove(worker->world, ready.path, NULL);
        return rc;
    }
    *ret_inputs_fd = ready.inputs_fd;
    return 0;
}

bool fl_ready_stock(struct fl_worker *worker, struct site *site)
{
    if (site->ready_count == FL_WORKER_READY_MAX)
        return false;
    /* on a full disk there is none: the launch that needs one says so */
    if (!is_made(&site->making) && make_step(worker, site, &site->making, NULL) < 0)
        return false;
    if (is_made(&site->making))
        site->ready[site->ready_count++] = take_made(site);
    return site->ready_count < FL_WORKER_READY_MAX;
}

void fl_ready_clear(struct fl_worker *worker, struct site *site)
{
    while (site->ready_count > 0)
        drop_ready(worker, &site->ready[--site->ready_count]);
    if (site->making.step > 0)
        drop_ready(worker, &site->making);
}
