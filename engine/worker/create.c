/* Making and ending a worker: sites, pools, locks, and what lies on the disk from before. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/bus/keys.h"
#include "engine/world/file.h"
#include "engine/world/process.h"
#include "engine/world/wake.h"
#include "engine/worker/private.h"

#include "engine/base/banned.h"

struct adopt_walk {
    struct fl_worker *worker;
    struct site *site;
};

static int parse_number(const char *key, const char *text, int64_t *ret_value,
                        struct fl_err *reterr)
{
    char *end = NULL;
    long long value = strtoll(text, &end, 10);

    if (end == text || *end || value < 0 || value > 1000000)
        return fl_err_set(reterr, FL_E_USAGE, 0, "%s='%s' is not a number from 0 to 1000000", key,
                          text);
    *ret_value = value;
    return 0;
}

#define POOL_KEYS "site=, cores=, jobs=, memory=, gpus=, licence:NAME="

/* "64G": a number, with K, M, G or T for powers of 1024. */
static int parse_amount(const char *key, const char *text, int64_t *ret_value,
                        struct fl_err *reterr)
{
    static const char units[] = "KMGT";
    char *end = NULL;
    long long value = strtoll(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;

    if (end == text || value < 0 || (*end && (!unit || end[1])) || value > INT64_MAX >> shift)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "%s='%s'; accepted: a number, with K, M, G or T behind it for powers of "
                          "1024",
                          key, text);
    *ret_value = value << shift;
    return 0;
}

static int parse_resource(struct fl_worker_pool *pool, const char *key, const char *text,
                          struct fl_err *reterr)
{
    static const char licence[] = "licence:";
    const char *name = strncmp(key, licence, strlen(licence)) == 0 ? key + strlen(licence) : key;
    struct fl_worker_resource *resource = &pool->resources[pool->resource_count];

    if (!fl_name_is_safe(name) ||
        (name == key && strcmp(key, "memory") != 0 && strcmp(key, "gpus") != 0))
        return fl_err_set(reterr, FL_E_USAGE, 0, "pool '%s': '%s'; accepted: " POOL_KEYS,
                          pool->pool, key);
    if (pool->resource_count == FL_WORKER_RESOURCES_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0, "pool '%s': more than %d resources", pool->pool,
                          FL_WORKER_RESOURCES_MAX);
    resource->name = name;
    pool->resource_count++;
    return parse_amount(key, text, &resource->amount, reterr);
}

int fl_worker_parse_pool(char *text, struct fl_worker_pool *ret_pool, struct fl_err *reterr)
{
    struct fl_worker_pool pool = {.pool = text, .cores = 1, .jobs = 8};
    char *at = strchr(text, ':');
    int rc = 0;

    if (at)
        *at++ = '\0';
    while (at && *at && rc == 0) {
        char *next = strchr(at, ',');
        char *value = strchr(at, '=');

        if (next)
            *next++ = '\0';
        if (!value)
            return fl_err_set(reterr, FL_E_USAGE, 0, "pool '%s': '%s'; accepted: " POOL_KEYS,
                              pool.pool, at);
        *value++ = '\0';
        if (strcmp(at, "site") == 0)
            pool.site = value;
        else if (strcmp(at, "cores") == 0)
            rc = parse_number("cores", value, &pool.cores, reterr);
        else if (strcmp(at, "jobs") == 0)
            rc = parse_number("jobs", value, &pool.jobs, reterr);
        else
            rc = parse_resource(&pool, at, value, reterr);
        at = next;
    }
    if (rc == 0 && (!pool.site || !fl_name_is_safe(pool.pool)))
        rc = fl_err_set(reterr, FL_E_USAGE, 0, "pool '%s': NAME:site=SITE[,cores=N][,jobs=N]...",
                        pool.pool);
    if (rc == 0)
        *ret_pool = pool;
    return rc;
}

int fl_worker_parse_site(char *text, struct fl_worker_site *ret_site, struct fl_err *reterr)
{
    char *value = strchr(text, '=');

    if (!value || !value[1])
        return fl_err_set(reterr, FL_E_USAGE, 0, "site '%s': NAME=ROOT is expected", text);
    *value++ = '\0';
    if (!fl_name_is_safe(text))
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is no name for a site", text);
    *ret_site = (struct fl_worker_site){.site = text, .root = value};
    return 0;
}

int fl_worker_parse_site_file(char *text, struct fl_worker_site *sites, size_t count,
                              struct fl_err *reterr)
{
    char *value = strchr(text, '=');

    if (!value || !value[1])
        return fl_err_set(reterr, FL_E_USAGE, 0, "site file '%s': NAME=FILE is expected", text);
    *value++ = '\0';
    for (size_t i = 0; i < count; i++) {
        if (strcmp(sites[i].site, text) != 0)
            continue;
        sites[i].file = value;
        return 0;
    }
    return fl_err_set(reterr, FL_E_USAGE, 0,
                      "site file of '%s': there is no --site of that name before it", text);
}

/* What every attempt's mark is a name of; and the folder for what is made ahead, empty. */
static int open_site(struct fl_worker *worker, const struct site *site, struct fl_err *reterr)
{
    const struct fl_world *world = worker->world;
    char path[FL_PATH_MAX];
    int rc = fl_path_join(site->root, "work/.live/.mark", path, sizeof(path), reterr);
    int fd;

    if (rc < 0)
        return rc;
    fd = world->ops->open(path, O_WRONLY | O_CREAT, 0644, world->arg);
    if (fd < 0)
        return fl_err_errno(reterr, -fd, "make '%s'", path);
    (void)world->ops->close(fd, world->arg); /* it is empty */
    rc = fl_path_join(site->root, "work/.ready", path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_dir_remove(world, path, reterr);
    return rc < 0 ? rc : fl_dir_make(world, path, 0755, reterr);
}

static int add_site(struct fl_worker *worker, const struct fl_worker_site *given,
                    struct fl_err *reterr)
{
    struct site *site = &worker->sites[worker->site_count];
    char path[FL_PATH_MAX];
    int rc;

    if (worker->site_count == FL_WORKER_SITES_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "more than %d sites", FL_WORKER_SITES_MAX);
    if (!fl_name_is_safe(given->site) || strlen(given->site) >= sizeof(site->name) ||
        fl_worker_site(worker, given->site))
        return fl_err_set(reterr, FL_E_USAGE, 0, "site '%s' has no good name, or comes twice",
                          given->site);
    site->lock_fd = -1;
    site->making.inputs_fd = -1;
    fl_door_init(&site->door);
    (void)snprintf(site->name, sizeof(site->name), "%s", given->site);
    if (snprintf(path, sizeof(path), "%s/work/.live", given->root) >= (int)sizeof(path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "root '%.200s' is too long", given->root);
    rc = fl_dir_make(worker->world, path, 0755, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "site '%s'", given->site);
    if (!realpath(given->root, site->root))
        return fl_err_errno(reterr, errno, "root '%s' of site '%s'", given->root, given->site);
    rc = fl_path_join(site->root, "work/.worker.lock", path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_lock_take_within(worker->world, path, FL_LOCK_START_NS, &site->lock_fd, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "site '%s'", given->site);
    worker->site_count++;
    if (given->file && !realpath(given->file, site->file))
        return fl_err_errno(reterr, errno, "site file '%s' of site '%s'", given->file, given->site);
    rc = open_site(worker, site, reterr);
    return rc < 0 ? rc : fl_door_prepare(worker, site, reterr);
}

static int add_pool(struct fl_worker *worker, const struct fl_worker_pool *given,
                    struct fl_err *reterr)
{
    struct pool *pool = &worker->pools[worker->pool_count];

    if (worker->pool_count == FL_WORKER_POOLS_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "more than %d pools", FL_WORKER_POOLS_MAX);
    if (!fl_worker_site(worker, given->site))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "pool '%s' is at site '%s', which has no root here (--site %s=ROOT)",
                          given->pool, given->site, given->site);
    (void)snprintf(pool->name, sizeof(pool->name), "%s", given->pool);
    (void)snprintf(pool->site, sizeof(pool->site), "%s", given->site);
    pool->cores = given->cores;
    pool->jobs = given->jobs;
    for (size_t i = 0; i < given->resource_count; i++) {
        if (!pool->resources)
            pool->resources = json_object();
        if (json_object_set_new(pool->resources, given->resources[i].name,
                                json_integer(given->resources[i].amount)) != 0)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "pool: out of memory");
    }
    worker->spare_max += (size_t)pool->jobs;
    if (worker->spare_max > FL_WORKER_SPARES_MAX)
        worker->spare_max = FL_WORKER_SPARES_MAX;
    worker->pool_count++;
    return 0;
}

static int adopt_one(const char *name, bool is_dir, void *arg)
{
    const struct adopt_walk *walk = arg;
    struct attempt *attempt = NULL;
    struct fl_err err = {0};
    char id[256];

    (void)is_dir; /* earlier versions made folders */
    if (name[0] == '.' || snprintf(id, sizeof(id), "%s", name) >= (int)sizeof(id))
        return 0;
    for (char *at = id; *at; at++)
        *at = *at == '%' ? '/' : *at;
    if (!fl_spec_id_is_safe(id))
        return 0;
    if (fl_attempt_add(walk->worker, walk->site, id, &attempt, &err) < 0) {
        fl_log(FL_LOG_ERROR, "attempt.not_adopted", "attempt='%s' error='%s'", id, err.text);
        return 0;
    }
    fl_attempt_adopt(walk->worker, attempt);
    return 0;
}

/* All attempts below the roots that had not ended, or whose end was not acknowledged. */
static int adopt_all(struct fl_worker *worker, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; i < worker->site_count && rc == 0; i++) {
        struct adopt_walk walk = {.worker = worker, .site = &worker->sites[i]};
        char path[FL_PATH_MAX];

        rc = fl_path_join(worker->sites[i].root, "work/.live", path, sizeof(path), reterr);
        if (rc == 0)
            rc = fl_dir_list(worker->world, path, adopt_one, &walk, reterr);
    }
    return rc;
}

static int open_descriptors(struct fl_worker *worker, struct fl_err *reterr)
{
    int rc = fl_watch_create(&worker->watch, reterr);

    worker->bell = (struct source){.kind = SOURCE_BELL};
    if (rc == 0)
        rc = fl_wake_create(&worker->bell_fd, reterr);
    if (rc == 0)
        rc = fl_watch_add(worker->watch, worker->bell_fd, (uint64_t)(uintptr_t)&worker->bell,
                          reterr);
    return rc;
}

static int add_places(struct fl_worker *worker, const struct fl_worker_config *config,
                      struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; i < config->site_count && rc == 0; i++)
        rc = add_site(worker, &config->sites[i], reterr);
    for (size_t i = 0; i < config->pool_count && rc == 0; i++)
        rc = add_pool(worker, &config->pools[i], reterr);
    if (rc == 0 && worker->pool_count == 0)
        rc =
            fl_err_set(reterr, FL_E_USAGE, 0, "a worker needs a pool (--pool) and a site (--site)");
    return rc;
}

static int find_programs(struct fl_worker *worker, const struct fl_worker_config *config,
                         struct fl_err *reterr)
{
    struct fl_err err = {0};
    int rc = fl_process_find(worker->world, "fairlead-supervisor", worker->supervisor,
                             sizeof(worker->supervisor), reterr);

    worker->no_doors = config->no_doors;
    if (rc < 0 || config->no_doors)
        return rc;
    if (fl_process_find(worker->world, "fairlead-transfer", worker->transfer,
                        sizeof(worker->transfer), &err) < 0) {
        worker->transfer[0] = '\0';
        fl_log(FL_LOG_WARN, "door.none", "error='%s'; files of these sites stay at them", err.text);
    }
    return 0;
}

int fl_worker_create(const struct fl_world *world, const struct fl_worker_config *config,
                     struct fl_worker **ret_worker, struct fl_err *reterr)
{
    fl_auto(fl_worker_destroy) struct fl_worker *worker = calloc(1, sizeof(*worker));
    int rc;

    fl_assert(world && config);
    if (!worker)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "worker: out of memory");
    worker->world = world;
    worker->bell_fd = worker->folders_fd = -1;
    worker->stock_ns = 0;
    worker->due_ns = worker->stuck_ns = INT64_MAX;
    worker->strays = json_object();
    worker->due = json_object();
    worker->buffer = malloc(FL_SPOOL_LINE_MAX);
    worker->told = json_array();
    if (!worker->buffer || !worker->told || !worker->strays || !worker->due)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "worker: out of memory");
    if (!config->name || !fl_name_is_safe(config->name) ||
        strlen(config->name) >= sizeof(worker->name))
        return fl_err_set(reterr, FL_E_USAGE, 0, "a worker needs a name that is one plain word");
    (void)snprintf(worker->name, sizeof(worker->name), "%s", config->name);
    if (!realpath(config->keys_dir, worker->keys_dir)) /* what is wrong with it is said below */
        worker->keys_dir[0] = '\0';
    rc = open_descriptors(worker, reterr);
    if (rc == 0)
        rc = find_programs(worker, config, reterr);
    if (rc == 0)
        rc = add_places(worker, config, reterr);
    if (rc == 0)
        rc = fl_bus_connect(world, config->keys_dir, "worker", config->coordinator, NULL,
                            &worker->bus, reterr);
    if (rc == 0)
        rc = adopt_all(worker, reterr);
    if (rc < 0)
        return rc;
    fl_proof_strays(worker);
    fl_clean_resume(worker);
    for (size_t i = 0; i < worker->site_count; i++)
        fl_door_start(worker, &worker->sites[i]);
    *ret_worker = FL_STEAL(worker);
    return 0;
}

void fl_worker_destroy(struct fl_worker *worker)
{
    if (!worker)
        return;
    while (worker->attempts)
        fl_attempt_free(worker, worker->attempts);
    fl_holder_drop_all(worker);
    fl_proof_release(worker);
    fl_clean_release(worker);
    fl_arrive_clear(worker);
    fl_await_release(worker);
    fl_wake_close(worker->folders_fd);
    json_decref(worker->due);
    for (size_t i = 0; i < worker->pool_count; i++)
        json_decref(worker->pools[i].resources);
    json_decref(worker->told);
    for (size_t i = 0; i < worker->site_count; i++) {
        fl_door_stop(worker, &worker->sites[i]);
        fl_ready_clear(worker, &worker->sites[i]);
        fl_lock_release(worker->world, worker->sites[i].lock_fd);
    }
    fl_bus_client_destroy(worker->bus);
    fl_wake_close(worker->bell_fd);
    fl_watch_destroy(worker->watch);
    free(worker->buffer);
    free(worker);
}
