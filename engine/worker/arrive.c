/* Files that others put under a site's root, told when they are there and whole. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"
#include "engine/world/wake.h"
#include "engine/worker/private.h"

#include "engine/base/banned.h"

#define ARRIVALS_MAX 10000

static struct arrival *find(const struct fl_worker *worker, const char *id)
{
    struct arrival *arrival = worker->arrivals;

    while (arrival && strcmp(arrival->id, id) != 0)
        arrival = arrival->next;
    return arrival;
}

static bool is_shared(const struct fl_worker *worker, const struct arrival *arrival)
{
    for (const struct arrival *at = worker->arrivals; at; at = at->next) {
        if (at != arrival && at->folder_id == arrival->folder_id)
            return true;
    }
    return false;
}

static void drop_folder(struct fl_worker *worker, struct arrival *arrival)
{
    if (arrival->folder_id >= 0 && !is_shared(worker, arrival))
        fl_notify_remove(worker->folders_fd, arrival->folder_id);
    arrival->folder_id = -1;
}

static void arrival_free(struct fl_worker *worker, struct arrival *arrival)
{
    struct arrival **slot = &worker->arrivals;

    while (*slot && *slot != arrival)
        slot = &(*slot)->next;
    fl_assert(*slot);
    drop_folder(worker, arrival);
    *slot = arrival->next;
    free(arrival);
}

/* Watches the file's folder or, while that is not there, the nearest one above it. The first two
 * steps may be repeated: a folder may come between them. */
static int watch_nearest(struct fl_worker *worker, struct arrival *arrival, struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];
    char real[FL_PATH_MAX];
    size_t length = strlen(arrival->site->root);
    int rc = FL_E_NOENT;

    if (snprintf(folder, sizeof(folder), "%s/%s", arrival->site->root, arrival->path) >=
        (int)sizeof(folder))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", arrival->path);
    drop_folder(worker, arrival);
    while (rc == FL_E_NOENT && strlen(folder) > length) {
        *strrchr(folder, '/') = '\0';
        if (!realpath(folder, real))
            continue;
        if (strncmp(real, arrival->site->root, length) != 0 ||
            (real[length] && real[length] != '/'))
            return fl_err_set(reterr, FL_E_PERM, 0, "'%s' leads out of the root of site '%s'",
                              folder, arrival->site->name);
        rc = fl_notify_add(worker->folders_fd, folder, &arrival->folder_id, reterr);
    }
    return rc;
}

/* Tells it when it is there and nobody writes to it. */
static void look_at(struct fl_worker *worker, struct arrival *arrival)
{
    fl_json_auto json_t *news = NULL;
    char path[FL_PATH_MAX];
    struct fl_stat info;

    if (arrival->told ||
        snprintf(path, sizeof(path), "%s/%s", arrival->site->root, arrival->path) >=
            (int)sizeof(path) ||
        worker->world->ops->stat(path, &info, worker->world->arg) < 0 || info.is_dir ||
        info.is_link || !fl_notify_settled(path))
        return;
    news = json_pack("{s:s,s:s,s:s,s:I}", "type", "arrived", "id", arrival->id, "path",
                     arrival->path, "size", (json_int_t)info.size_bytes);
    if (news && fl_bus_client_send(worker->bus, news, NULL) == 0)
        arrival->told = true;
    else
        worker->hello_due = true; /* after which the coordinator asks again */
}

static int open_folders(struct fl_worker *worker, struct fl_err *reterr)
{
    int rc;

    if (worker->folders_fd >= 0)
        return 0;
    rc = fl_notify_create(&worker->folders_fd, reterr);
    worker->folders = (struct source){.kind = SOURCE_FOLDERS};
    if (rc == 0)
        rc = fl_watch_add(worker->watch, worker->folders_fd, (uint64_t)(uintptr_t)&worker->folders,
                          reterr);
    return rc;
}

static int arrival_add(struct fl_worker *worker, const char *id, struct site *site,
                       const char *path, struct fl_err *reterr)
{
    struct arrival *arrival;
    size_t count = 0;
    int rc;

    for (const struct arrival *at = worker->arrivals; at; at = at->next)
        count++;
    if (count >= ARRIVALS_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "%d files are waited for already", ARRIVALS_MAX);
    rc = open_folders(worker, reterr);
    arrival = rc == 0 ? calloc(1, sizeof(*arrival)) : NULL;
    if (!arrival)
        return rc < 0 ? rc : fl_err_set(reterr, FL_E_NOMEM, 0, "watch: out of memory");
    arrival->folder_id = -1;
    arrival->site = site;
    (void)snprintf(arrival->id, sizeof(arrival->id), "%s", id);
    (void)snprintf(arrival->path, sizeof(arrival->path), "%s", path);
    arrival->next = worker->arrivals;
    worker->arrivals = arrival;
    rc = watch_nearest(worker, arrival, reterr);
    if (rc < 0) {
        arrival_free(worker, arrival);
        return rc;
    }
    look_at(worker, arrival); /* after the watch: nothing falls between */
    return 0;
}

int fl_arrive_watch(struct fl_worker *worker, const json_t *message, struct fl_err *reterr)
{
    const char *id = NULL;
    const char *name = NULL;
    const char *path = NULL;
    struct site *site;
    int rc = fl_json_string(message, "id", &id, reterr);

    if (rc == 0)
        rc = fl_json_string(message, "site", &name, reterr);
    if (rc == 0)
        rc = fl_json_string(message, "path", &path, reterr);
    if (rc < 0)
        return rc;
    site = fl_worker_site(worker, name);
    if (!site)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "worker '%s' has no site '%s'", worker->name,
                          name);
    if (strlen(id) > FL_SPEC_ID_MAX || !fl_path_is_safe(path))
        return fl_err_set(reterr, FL_E_PERM, 0,
                          "'%.200s' is no path below a root (or its id is longer than %d bytes)",
                          path, FL_SPEC_ID_MAX);
    if (find(worker, id))
        return 0; /* asked for again */
    return arrival_add(worker, id, site, path, reterr);
}

void fl_arrive_unwatch(struct fl_worker *worker, const char *id)
{
    struct arrival *arrival = find(worker, id);

    if (arrival)
        arrival_free(worker, arrival);
}

struct news {
    struct fl_worker *worker;
};

static void folder_changed(int folder_id, const char *name, void *arg)
{
    const struct news *news = arg;

    (void)name;
    for (struct arrival *at = news->worker->arrivals; at; at = at->next) {
        struct fl_err err = {0};

        if (folder_id >= 0 && at->folder_id != folder_id)
            continue;
        if (!at->told && watch_nearest(news->worker, at, &err) < 0)
            fl_log(FL_LOG_ERROR, "watch.failed", "path='%s' error='%s'", at->path, err.text);
        look_at(news->worker, at);
    }
}

void fl_arrive_look(struct fl_worker *worker)
{
    struct news news = {.worker = worker};

    fl_notify_read(worker->folders_fd, folder_changed, &news);
}

void fl_arrive_clear(struct fl_worker *worker)
{
    while (worker->arrivals)
        arrival_free(worker, worker->arrivals);
}
