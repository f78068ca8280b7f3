/* Removing what was delivered, and the working folders around it, when the coordinator orders it;
 * and telling the ledger of a destination that it was done: the order is put where
 * fairlead-transfer finds it. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"
#include "engine/world/local.h"
#include "engine/world/process.h"
#include "engine/worker/private.h"

#include "engine/base/banned.h"

#define FILES_A_TURN 32

/* One order that is carried out. */
struct removal {
    struct removal *next;
    struct site *site;
    json_t *order;
    const char *run; /* in the order */
    size_t folder;   /* next of the order's */
    int64_t files;
    int64_t bytes;
    /* of a withdrawal: the process that carries it out */
    struct source source;
    pid_t pid;
    int pidfd;
};

static void removal_free(struct fl_worker *worker, struct removal *removal)
{
    struct removal **slot = &worker->removals;

    while (*slot && *slot != removal)
        slot = &(*slot)->next;
    fl_assert(*slot);
    *slot = removal->next;
    if (removal->pidfd >= 0) { /* a process that runs goes on to its end */
        fl_watch_remove(worker->watch, removal->pidfd);
        fl_local_close(removal->pidfd);
    }
    json_decref(removal->order);
    free(removal);
}

static int64_t number(const json_t *order, const char *name)
{
    return json_integer_value(json_object_get(order, name));
}

static bool is_of(const json_t *order, const char *type)
{
    return strcmp(json_string_value(json_object_get(order, "type")), type) == 0;
}

static bool is_note(const json_t *order)
{
    return is_of(order, "removed-at-source");
}

static bool is_same(const json_t *a, const json_t *b)
{
    static const char *const names[] = {"type", "run", "first", "last", "delivery", "file"};

    for (size_t i = 0; i < FL_COUNT(names); i++) {
        const json_t *x = json_object_get(a, names[i]);
        const json_t *y = json_object_get(b, names[i]);

        if (x && y ? !json_equal(x, y) : x != y)
            return false;
    }
    return true;
}

int fl_remove_begin(struct fl_worker *worker, const json_t *message, struct fl_err *reterr)
{
    struct removal **slot = &worker->removals;
    struct removal *removal;
    const char *run = NULL;
    const char *site = NULL;
    int rc = fl_json_string(message, "run", &run, reterr);

    if (rc == 0)
        rc = fl_json_string(message, "site", &site, reterr);
    if (rc < 0)
        return rc;
    if (!fl_path_is_safe(run) || run[0] == '.' || !strchr(run, '/') || strlen(run) > FL_SPEC_ID_MAX)
        return fl_err_set(reterr, FL_E_PERM, 0, "'%.200s' is no run; accepted: WORKFLOW/CYCLE",
                          run);
    if (!fl_worker_site(worker, site))
        return fl_err_set(reterr, FL_E_NOENT, 0, "no site '%.60s' here", site);
    for (; *slot; slot = &(*slot)->next)
        if (is_same((*slot)->order, message))
            return 0; /* it is under way */
    removal = calloc(1, sizeof(*removal));
    if (!removal)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    removal->pidfd = -1;
    removal->site = fl_worker_site(worker, site);
    removal->order = json_incref((json_t *)(uintptr_t)message);
    removal->run = run;
    *slot = removal;
    return 0;
}

/* ---- a folder of an attempt ---- */

struct clearing {
    struct fl_worker *worker;
    struct removal *removal;
    const json_t *keep; /* paths below the instance's folder; NULL: nothing */
    char path[FL_PATH_MAX];
    size_t base; /* where what is below the instance's folder begins in path */
    int left;
    bool any; /* something stays */
};

static bool is_kept(const struct clearing *c)
{
    for (size_t i = 0; i < json_array_size(c->keep); i++) {
        const char *path = json_string_value(json_array_get(c->keep, i));

        if (path && strcmp(path, c->path + c->base) == 0)
            return true;
    }
    return false;
}

static int clear_folder(struct clearing *c, int depth);

struct entry {
    struct clearing *c;
    int depth;
};

static int remove_file(struct clearing *c)
{
    const struct fl_world *world = c->worker->world;
    struct fl_stat info = {0};
    int rc;

    if (c->left <= 0)
        return -EAGAIN;
    (void)world->ops->stat(c->path, &info, world->arg);
    rc = world->ops->unlink(c->path, world->arg);
    c->left--;
    if (rc < 0 && rc != -ENOENT)
        return rc;
    c->removal->bytes += rc == 0 ? (int64_t)info.size_bytes : 0;
    return 0;
}

static int clear_entry(const char *name, bool is_dir, void *arg)
{
    const struct entry *e = arg;
    struct clearing *c = e->c;
    size_t size = strlen(c->path);
    int rc = 0;

    if (size + 1 + strlen(name) >= sizeof(c->path))
        return -ENAMETOOLONG;
    c->path[size] = '/';
    memcpy(c->path + size + 1, name, strlen(name) + 1);
    if (is_dir)
        rc = clear_folder(c, e->depth + 1);
    else if (is_kept(c))
        c->any = true;
    else
        rc = remove_file(c);
    c->path[size] = '\0';
    return rc;
}

#define DEPTH_MAX 64

/* All below c->path but what is kept; folders that are empty then go as well. */
static int clear_folder(struct clearing *c, int depth)
{
    const struct fl_world *world = c->worker->world;
    struct entry e = {c, depth};
    bool before = c->any;
    int rc;

    if (depth > DEPTH_MAX)
        return -ELOOP;
    c->any = false;
    rc = world->ops->list(c->path, clear_entry, &e, world->arg);
    if (rc == 0 && !c->any)
        rc = world->ops->rmdir(c->path, world->arg);
    c->any = c->any || before;
    return rc == -ENOENT ? 0 : rc;
}

/* DATA and out of one attempt. The removal lasts: its folder is synced. */
static int clear_attempt(struct clearing *c, const char *root, int64_t number_)
{
    static const char *const below[] = {"data", "out"};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < FL_COUNT(below); i++) {
        c->any = false;
        if (snprintf(c->path, sizeof(c->path), "%s/%lld/%s", root, (long long)number_, below[i]) >=
            (int)sizeof(c->path))
            return -ENAMETOOLONG;
        if (!fl_file_exists(c->worker->world, c->path))
            continue;
        rc = clear_folder(c, 0);
        if (rc == 0 && c->any)
            (void)fl_dir_sync(c->worker->world, c->path, NULL); /* what stays is not at stake */
    }
    return rc;
}

/* The products that go: gone is gone, whoever removed them. */
static int remove_products(struct clearing *c, const char *root, const json_t *go)
{
    for (size_t i = 0; i < json_array_size(go); i++) {
        const char *path = json_string_value(json_array_get(go, i));
        int rc;

        if (!path || !fl_path_is_safe(path) ||
            snprintf(c->path, sizeof(c->path), "%s/%s", root, path) >= (int)sizeof(c->path))
            return -EINVAL;
        if (!fl_file_exists(c->worker->world, c->path))
            continue;
        rc = remove_file(c);
        if (rc < 0)
            return rc;
        *strrchr(c->path, '/') = '\0';
        if (fl_dir_sync(c->worker->world, c->path, NULL) < 0)
            return -EIO;
    }
    return 0;
}

/* An attempt of the instance, no later than the order's, has not ended here. */
static bool is_held(const struct fl_worker *worker, const char *run, const char *name,
                    int64_t attempts)
{
    char start[FL_SPEC_ID_MAX + 2];
    size_t size;

    if (snprintf(start, sizeof(start), "%s/%s/", run, name) >= (int)sizeof(start))
        return false;
    size = strlen(start);
    for (const struct attempt *at = worker->attempts; at; at = at->next)
        if (strncmp(at->id, start, size) == 0 && strtoll(at->id + size, NULL, 10) <= attempts)
            return true;
    return false;
}

/* -EAGAIN: there is more to do; -EBUSY: not before an attempt has ended. */
static int clear_instance(struct fl_worker *worker, struct removal *removal, const json_t *folder,
                          int *left)
{
    const char *name = json_string_value(json_object_get(folder, "name"));
    const json_t *go = json_object_get(folder, "go");
    int64_t attempts = number(folder, "attempts");
    struct clearing c = {.worker = worker,
                         .removal = removal,
                         .keep = json_object_get(folder, "keep"),
                         .left = *left};
    char root[FL_PATH_MAX];
    int rc = 0;

    if (!name || !fl_name_is_safe(name) ||
        snprintf(root, sizeof(root), "%s/work/%s/%s", removal->site->root, removal->run, name) >=
            (int)sizeof(root))
        return -EINVAL;
    if (is_held(worker, removal->run, name, attempts))
        return -EBUSY;
    c.base = strlen(root) + 1;
    rc = remove_products(&c, root, go);
    for (int64_t n = 1; rc == 0 && n <= attempts && json_is_true(json_object_get(folder, "clear"));
         n++)
        rc = clear_attempt(&c, root, n);
    *left = c.left;
    if (rc == 0)
        removal->files += (int64_t)json_array_size(go);
    return rc;
}

/* ---- orders ---- */

static int answer(struct fl_worker *worker, const struct removal *removal, const char *error)
{
    fl_json_auto json_t *done =
        is_note(removal->order)
            ? json_pack("{s:s,s:s,s:I,s:I,s:I}", "type", "noted", "run", removal->run, "first",
                        (json_int_t)number(removal->order, "first"), "last",
                        (json_int_t)number(removal->order, "last"), "delivery",
                        (json_int_t)number(removal->order, "delivery"))
            : json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:s*}", "type", "removed", "run", removal->run,
                        "first", (json_int_t)number(removal->order, "first"), "last",
                        (json_int_t)number(removal->order, "last"), "files",
                        (json_int_t)removal->files, "bytes", (json_int_t)removal->bytes, "error",
                        error);

    return done ? fl_bus_client_send(worker->bus, done, NULL) : FL_E_NOMEM;
}

/* What fairlead-transfer takes into the ledger when it opens it the next time. */
static int put_note(struct fl_worker *worker, const struct removal *removal, struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    char name[FL_SPEC_ID_MAX + 1];
    char *text;
    const char *to = json_string_value(json_object_get(removal->order, "destination"));
    char below[256];
    int rc;

    if (to && (!fl_name_is_safe(to) || strlen(to) > 100))
        return fl_err_set(reterr, FL_E_PERM, 0, "'%.100s' is no name of a destination", to);
    (void)snprintf(below, sizeof(below), "products/.fairlead/%s%s%sremoved", to ? "to/" : "",
                   to ? to : "", to ? "/.fairlead/" : "");
    rc = fl_path_join(removal->site->root, below, folder, sizeof(folder), reterr);
    if (rc == 0)
        rc = fl_dir_make(worker->world, folder, 0755, reterr);
    if (rc < 0)
        return rc;
    (void)snprintf(name, sizeof(name), "%s", removal->run);
    for (char *at = name; *at; at++)
        *at = *at == '/' ? '%' : *at;
    if (snprintf(path, sizeof(path), "%s/%s.%lld.%lld.json", folder, name,
                 (long long)number(removal->order, "first"),
                 (long long)number(removal->order, "delivery")) >= (int)sizeof(path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", folder);
    (void)json_object_set_new(
        removal->order, "time_s",
        json_integer((json_int_t)(fl_world_utc_ns(worker->world) / 1000000000)));
    text = fl_json_text(removal->order);
    rc = text ? fl_file_publish(worker->world, path, text, strlen(text), reterr)
              : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    free(text);
    return rc;
}

static int withdraw_start(struct fl_worker *worker, struct removal *removal, struct fl_err *reterr)
{
    const char *file = json_string_value(json_object_get(removal->order, "file"));
    const char *why = json_string_value(json_object_get(removal->order, "why"));
    const char *who = json_string_value(json_object_get(removal->order, "who"));
    char products[FL_PATH_MAX];
    const char *const argv[] = {
        worker->transfer, "withdraw",     "--set", removal->run, "--why", why ? why : "",
        "--who",          who ? who : "", "--",    products,     file,    NULL};
    const struct fl_spawn spawn = {.path = worker->transfer,
                                   .argv = argv,
                                   .stdin_fd = -1,
                                   .stdout_fd = -1,
                                   .stderr_fd = 2,
                                   .new_session = true};
    int rc = fl_path_join(removal->site->root, "products", products, sizeof(products), reterr);

    if (rc == 0 && (!file || !worker->transfer[0]))
        rc = fl_err_set(reterr, FL_E_NOENT, 0, "fairlead-transfer was not found");
    if (rc == 0)
        rc = fl_process_spawn(worker->world, &spawn, &removal->pid, reterr);
    if (rc < 0)
        return rc;
    removal->source = (struct source){.kind = SOURCE_CHORE, .owner = removal};
    removal->pidfd = worker->world->ops->pidfd(removal->pid, worker->world->arg);
    return removal->pidfd < 0 ? fl_err_errno(reterr, -removal->pidfd, "watch a process")
                              : fl_watch_add(worker->watch, removal->pidfd,
                                             (uint64_t)(uintptr_t)&removal->source, reterr);
}

/* 1 when its process has ended. */
static int withdraw(struct fl_worker *worker, struct removal *removal, char *error, size_t size)
{
    struct fl_err err = {0};
    int status = 0;
    int rc = removal->pid ? 0 : withdraw_start(worker, removal, &err);

    if (rc < 0) {
        (void)snprintf(error, size, "%s", err.text);
        return 1;
    }
    if (worker->world->ops->reap(removal->pid, &status, worker->world->arg) == 0)
        return -EBUSY;
    if (status != 0)
        (void)snprintf(error, size, "fairlead-transfer withdraw ended with status %d: see above",
                       WIFEXITED(status) ? WEXITSTATUS(status) : 128);
    return 1;
}

/* 1: it is done, and its answer has to go. */
static int carry_out(struct fl_worker *worker, struct removal *removal, char *error, size_t size)
{
    const json_t *folders = json_object_get(removal->order, "folders");
    struct fl_err err = {0};
    int left = FILES_A_TURN;
    int rc;

    if (is_of(removal->order, "withdraw"))
        return withdraw(worker, removal, error, size);
    if (is_note(removal->order)) {
        rc = put_note(worker, removal, &err);
        if (rc < 0)
            fl_log(FL_LOG_ERROR, "custody.note", "run='%s' error='%s'", removal->run, err.text);
        return rc < 0 ? -EBUSY : 1; /* tried again in the next turn */
    }
    while (removal->folder < json_array_size(folders)) {
        const json_t *folder = json_array_get(folders, removal->folder);

        rc = clear_instance(worker, removal, folder, &left);
        if (rc == -EAGAIN || rc == -EBUSY)
            return rc;
        if (rc < 0) {
            const char *name = json_string_value(json_object_get(folder, "name"));

            (void)snprintf(error, size, "'%s/work/%s/%s': %s", removal->site->root, removal->run,
                           name ? name : "", strerror(-rc));
            return 1;
        }
        removal->folder++;
        if (left <= 0)
            return -EAGAIN;
    }
    return 1;
}

void fl_remove_step(struct fl_worker *worker)
{
    struct removal *removal = worker->removals;
    char error[FL_ERR_TEXT_MAX] = "";
    int rc;

    worker->removal_waits = false;
    if (!removal)
        return;
    rc = carry_out(worker, removal, error, sizeof(error));
    if (rc == 1 && is_of(removal->order, "withdraw"))
        rc = 0; /* the log says how it went */
    else if (rc == 1)
        rc = answer(worker, removal, error[0] ? error : NULL) < 0 ? -EBUSY : 0;
    worker->removal_waits = rc == -EBUSY;
    if (rc != 0)
        return;
    fl_log(error[0] ? FL_LOG_ERROR : FL_LOG_INFO, error[0] ? "remove.failed" : "remove.done",
           "run='%s' site='%s' what='%s' files=%lld bytes=%lld%s%s%s", removal->run,
           removal->site->name, json_string_value(json_object_get(removal->order, "type")),
           (long long)removal->files, (long long)removal->bytes, error[0] ? " error='" : "", error,
           error[0] ? "'" : "");
    removal_free(worker, removal);
}

void fl_remove_clear(struct fl_worker *worker)
{
    while (worker->removals)
        removal_free(worker, worker->removals);
}
