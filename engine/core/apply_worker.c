/* What comes of workers that join and leave: their pools, their sites, and who offers what. */
#include "config.h"

#include "engine/core/apply.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "engine/base/banned.h"

static int worker_get(struct fl_core *core, const char *name, struct fl_worker **ret_worker,
                      struct fl_err *reterr)
{
    struct fl_worker *worker = fl_core_worker(core, name);
    struct fl_worker **workers;
    int rc;

    *ret_worker = worker;
    if (worker)
        return 0;
    workers = realloc(core->workers, (core->worker_count + 1) * sizeof(struct fl_worker *));
    worker = calloc(1, sizeof(*worker));
    if (workers)
        core->workers = workers;
    if (!workers || !worker) {
        free(worker);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for worker '%s'", name);
    }
    rc = fl_text_set(&worker->name, name, reterr);
    if (rc == 0)
        rc = fl_names_add(&core->worker_names, worker->name, (uint32_t)core->worker_count, reterr);
    if (rc < 0) {
        fl_core_worker_destroy(worker);
        return rc;
    }
    core->workers[core->worker_count++] = worker;
    *ret_worker = worker;
    return 0;
}

static int worker_site(struct fl_core *core, struct fl_worker *worker, const struct fl_event *event,
                       struct fl_err *reterr)
{
    struct fl_worker_site *sites;
    uint32_t word;
    int rc = fl_words_number(&core->words, event->site, &word, reterr);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < worker->site_count; i++)
        if (worker->sites[i].site == word)
            return fl_text_set(&worker->sites[i].door, event->text, reterr);
    sites = realloc(worker->sites, (worker->site_count + 1) * sizeof(*sites));
    if (!sites)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a site");
    worker->sites = sites;
    sites[worker->site_count] = (struct fl_worker_site){.site = word};
    return fl_text_set(&sites[worker->site_count++].door, event->text, reterr);
}

static int worker_pool(struct fl_core *core, struct fl_worker *worker, const struct fl_event *event,
                       struct fl_err *reterr)
{
    struct fl_worker_pool *pool;
    uint32_t name;
    uint32_t site;
    int rc = fl_words_number(&core->words, event->pool, &name, reterr);

    if (rc == 0)
        rc = fl_words_number(&core->words, event->site, &site, reterr);
    if (rc < 0)
        return rc;
    pool = fl_worker_pool(worker, name);
    if (!pool) {
        struct fl_worker_pool *pools =
            realloc(worker->pools, (worker->pool_count + 1) * sizeof(*pools));

        if (!pools)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a pool");
        worker->pools = pools;
        pool = &pools[worker->pool_count++];
        *pool = (struct fl_worker_pool){.pool = name};
    }
    pool->cores = event->cores;
    pool->jobs = event->jobs;
    pool->site = site;
    json_decref(pool->resources);
    pool->resources = NULL;
    return event->resources
               ? fl_json_parse(event->resources, strlen(event->resources), &pool->resources, reterr)
               : 0;
}

int fl_apply_worker_joined(struct fl_core *core, const struct fl_event *event,
                           struct fl_err *reterr)
{
    struct fl_worker *worker;
    int rc = worker_get(core, event->worker, &worker, reterr);

    if (rc == 0)
        rc = worker_site(core, worker, event, reterr);
    if (rc == 0 && event->pool)
        rc = worker_pool(core, worker, event, reterr);
    if (rc < 0)
        return rc;
    if (worker->gone || worker->since_ns == 0)
        worker->since_ns = event->time_ns;
    worker->gone = false;
    (void)fl_text_set(&worker->reason, NULL, NULL); /* clearing cannot fail */
    return fl_core_places(core, reterr);
}

int fl_apply_worker_left(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_worker *worker = fl_core_worker(core, event->worker);
    int rc;

    if (!worker)
        return fl_apply_bug(event, reterr, "no such worker");
    worker->gone = true;
    worker->since_ns = event->time_ns;
    rc = fl_text_set(&worker->reason, event->why, reterr);
    return rc < 0 ? rc : fl_core_places(core, reterr);
}
