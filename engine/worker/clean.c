/* Removing the files of runs that are kept no longer: out of sight at once, from the disk by and
 * by.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"
#include "engine/worker/private.h"

#include "engine/base/banned.h"

#define FILES_A_TURN 32
#define DEPTH_MAX 64

struct removing {
    const struct fl_world *world;
    const char *path;
    int depth;
    int *left; /* how many more in this turn */
    int64_t *bytes;
};

/* 1: there is more to do. */
static int remove_some(const struct removing *r);

static int remove_entry(const char *name, bool is_dir, void *arg)
{
    const struct removing *r = arg;
    char path[FL_PATH_MAX];
    struct fl_stat info = {0};
    int rc;

    if (*r->left <= 0)
        return -EAGAIN;
    if (snprintf(path, sizeof(path), "%s/%s", r->path, name) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    if (is_dir) {
        const struct removing below = {r->world, path, r->depth + 1, r->left, r->bytes};

        return remove_some(&below);
    }
    (void)r->world->ops->stat(path, &info, r->world->arg);
    rc = r->world->ops->unlink(path, r->world->arg);
    (*r->left)--;
    if (rc < 0 && rc != -ENOENT)
        return rc;
    *r->bytes += (int64_t)info.size_bytes;
    return 0;
}

static int remove_some(const struct removing *r)
{
    int rc;

    if (r->depth > DEPTH_MAX)
        return -ELOOP;
    rc = r->world->ops->list(r->path, remove_entry, (void *)(uintptr_t)r, r->world->arg);
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    rc = r->world->ops->rmdir(r->path, r->world->arg);
    (*r->left)--;
    return rc == -ENOENT ? 0 : rc;
}

static void cleaning_free(struct fl_worker *worker, struct cleaning *cleaning)
{
    struct cleaning **slot = &worker->cleanings;

    while (*slot && *slot != cleaning)
        slot = &(*slot)->next;
    fl_assert(*slot);
    *slot = cleaning->next;
    free(cleaning);
}

static struct cleaning *cleaning_add(struct fl_worker *worker, struct site *site)
{
    struct cleaning *cleaning = calloc(1, sizeof(*cleaning));

    if (!cleaning)
        return NULL;
    cleaning->site = site;
    cleaning->next = worker->cleanings;
    worker->cleanings = cleaning;
    return cleaning;
}

void fl_clean_step(struct fl_worker *worker)
{
    struct cleaning *cleaning = worker->cleanings;
    int left = FILES_A_TURN;
    const struct removing all = {worker->world, cleaning ? cleaning->trash : "", 0, &left,
                                 cleaning ? &cleaning->bytes : NULL};
    int rc = cleaning ? remove_some(&all) : 0;

    if (!cleaning || rc == -EAGAIN)
        return;
    if (rc < 0) {
        fl_log(FL_LOG_ERROR, "clean.failed", "run='%s' site='%s' folder='%s' errno=%d",
               cleaning->run, cleaning->site->name, cleaning->trash, -rc);
    } else if (cleaning->run[0]) {
        fl_json_auto json_t *done =
            json_pack("{s:s,s:s,s:s,s:I}", "type", "cleaned", "run", cleaning->run, "site",
                      cleaning->site->name, "bytes", (json_int_t)cleaning->bytes);

        fl_log(FL_LOG_INFO, "clean.done", "run='%s' site='%s' bytes=%lld", cleaning->run,
               cleaning->site->name, (long long)cleaning->bytes);
        if (done)
            (void)fl_bus_client_send(worker->bus, done, NULL); /* news for people alone */
    }
    cleaning_free(worker, cleaning);
}

static bool is_held(const struct fl_worker *worker, const char *run)
{
    size_t length = strlen(run);

    for (const struct attempt *at = worker->attempts; at; at = at->next) {
        if (strncmp(at->id, run, length) == 0 && at->id[length] == '/')
            return true;
    }
    return false;
}

/* Out of sight: the door serves nothing of it from now on. */
static void clean_site(struct fl_worker *worker, struct site *site, const char *run)
{
    const struct fl_world *world = worker->world;
    char from[FL_PATH_MAX];
    char trash[FL_PATH_MAX];
    struct cleaning *cleaning;
    int rc;

    if (snprintf(from, sizeof(from), "%s/work/%s", site->root, run) >= (int)sizeof(from) ||
        snprintf(trash, sizeof(trash), "%s/work/.trash", site->root) >= (int)sizeof(trash) ||
        !fl_file_exists(world, from))
        return;
    cleaning = cleaning_add(worker, site);
    rc = cleaning ? fl_dir_make(world, trash, 0755, NULL) : FL_E_NOMEM;
    if (rc == 0) {
        (void)snprintf(cleaning->run, sizeof(cleaning->run), "%s", run);
        (void)snprintf(cleaning->trash, sizeof(cleaning->trash), "%.4000s/%llu", trash,
                       (unsigned long long)worker->trash_number++);
        rc = world->ops->rename(from, cleaning->trash, world->arg);
    }
    if (rc < 0) {
        fl_log(FL_LOG_ERROR, "clean.failed", "run='%s' site='%s' folder='%s' errno=%d", run,
               site->name, from, -rc);
        if (cleaning)
            cleaning_free(worker, cleaning);
    }
}

void fl_clean_begin(struct fl_worker *worker, const char *run)
{
    if (!fl_path_is_safe(run) || run[0] == '.' || !strchr(run, '/') ||
        strlen(run) > FL_SPEC_ID_MAX) {
        fl_log(FL_LOG_WARN, "clean.refused", "'%.200s' is no run; accepted: WORKFLOW/CYCLE", run);
        return;
    }
    if (is_held(worker, run)) {
        fl_log(FL_LOG_WARN, "clean.refused", "run='%s' has an attempt that has not ended here",
               run);
        return;
    }
    for (size_t i = 0; i < worker->site_count; i++)
        clean_site(worker, &worker->sites[i], run);
}

struct resuming {
    struct fl_worker *worker;
    struct site *site;
};

static int resume_one(const char *name, bool is_dir, void *arg)
{
    const struct resuming *r = arg;
    struct cleaning *cleaning = is_dir ? cleaning_add(r->worker, r->site) : NULL;
    unsigned long long number = strtoull(name, NULL, 10);

    if (cleaning)
        (void)snprintf(cleaning->trash, sizeof(cleaning->trash), "%.3000s/work/.trash/%.200s",
                       r->site->root, name);
    if (number >= r->worker->trash_number)
        r->worker->trash_number = number + 1;
    return 0;
}

void fl_clean_resume(struct fl_worker *worker)
{
    for (size_t i = 0; i < worker->site_count; i++) {
        struct resuming r = {.worker = worker, .site = &worker->sites[i]};
        char path[FL_PATH_MAX];

        if (fl_path_join(r.site->root, "work/.trash", path, sizeof(path), NULL) == 0)
            (void)fl_dir_list(worker->world, path, resume_one, &r, NULL); /* most often none */
    }
}

void fl_clean_release(struct fl_worker *worker)
{
    while (worker->cleanings)
        cleaning_free(worker, worker->cleanings);
}
