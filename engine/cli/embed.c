/* The embedded mode's threads. */
#include "config.h"

#include "engine/cli/embed.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/path.h"
#include "engine/bus/keys.h"
#include "engine/bus/sites.h"
#include "engine/http/http.h"
#include "engine/worker/worker.h"
#include "engine/world/file.h"
#include "engine/world/memory.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

/* What one thread runs and how it ended. */
struct part {
    struct fl_embed *embed;
    pthread_t thread;
    bool started;
    int rc; /* set before the alarm rings, read after the join or the alarm */
    struct fl_err err;
};

struct fl_embed {
    const struct fl_world *world;
    char state[FL_PATH_MAX];
    char keys[FL_PATH_MAX];
    struct fl_coordinator *coordinator;
    struct fl_worker *worker;
    struct part coordinating;
    struct part working;
    int alarm_fd;
    char roots[FL_WORKER_SITES_MAX][FL_PATH_MAX];
};

static void *coordinator_main(void *arg)
{
    struct part *part = arg;

    part->rc = fl_coordinator_run(part->embed->coordinator, &part->err);
    fl_wake_ring(part->embed->alarm_fd);
    return NULL;
}

static void *worker_main(void *arg)
{
    struct part *part = arg;

    part->rc = fl_worker_run(part->embed->worker, &part->err);
    fl_wake_ring(part->embed->alarm_fd);
    return NULL;
}

static int part_start(struct fl_embed *embed, struct part *part, void *(*body)(void *),
                      struct fl_err *reterr)
{
    int rc;

    part->embed = embed;
    rc = pthread_create(&part->thread, NULL, body, part);
    if (rc != 0)
        return fl_err_errno(reterr, rc, "start a thread");
    part->started = true;
    return 0;
}

int fl_embed_create(const struct fl_embed_config *config, struct fl_embed **ret_embed,
                    struct fl_err *reterr)
{
    fl_auto(fl_embed_destroy) struct fl_embed *embed = calloc(1, sizeof(*embed));
    struct fl_coordinator_config coordinator = {.world = config->world,
                                                .state = config->state,
                                                .listen = "tcp://127.0.0.1:0",
                                                .http = config->http};
    char web[FL_PATH_MAX];
    int rc;

    if (!embed)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    fl_memory_tune();
    embed->world = config->world;
    embed->alarm_fd = -1;
    (void)snprintf(embed->state, sizeof(embed->state), "%s", config->state);
    rc = fl_path_join(config->state, "keys", embed->keys, sizeof(embed->keys), reterr);
    if (rc == 0)
        rc = fl_wake_create(&embed->alarm_fd, reterr);
    if (rc == 0)
        rc = fl_keys_setup(config->world, embed->keys, FL_EMBED_WORKER, reterr);
    if (rc == 0)
        rc = fl_sites_setup_grant(config->world, embed->keys, reterr);
    if (rc == 0 && config->http) {
        rc = fl_http_find_web(web, sizeof(web), reterr);
        coordinator.web = web;
    }
    if (rc == 0) {
        coordinator.keys = embed->keys;
        rc = fl_coordinator_create(&coordinator, &embed->coordinator, reterr);
    }
    if (rc == 0)
        rc = part_start(embed, &embed->coordinating, coordinator_main, reterr);
    if (rc < 0)
        return rc;
    *ret_embed = FL_STEAL(embed);
    return 0;
}

int fl_embed_root(const char *state, const struct fl_site *site, char *path, size_t size,
                  struct fl_err *reterr)
{
    int used = site->root[0] == '/' ? snprintf(path, size, "%s", site->root)
                                    : snprintf(path, size, "%s/%s", state, site->root);

    if (used < 0 || (size_t)used >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "site '%s': the name of its root is too long",
                          site->name);
    return 0;
}

int fl_embed_start_worker(struct fl_embed *embed, const struct fl_workflow *workflow,
                          struct fl_err *reterr)
{
    struct fl_worker_site sites[FL_WORKER_SITES_MAX];
    struct fl_worker_pool pools[FL_WORKER_POOLS_MAX];
    struct fl_worker_config config = {.name = FL_EMBED_WORKER,
                                      .coordinator = fl_coordinator_endpoint(embed->coordinator),
                                      .keys_dir = embed->keys,
                                      .pools = pools,
                                      .pool_count = workflow->pool_count,
                                      .sites = sites,
                                      .site_count = workflow->site_count};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int rc = 0;

    if (workflow->site_count > FL_WORKER_SITES_MAX || workflow->pool_count > FL_WORKER_POOLS_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "more than %d sites or %d pools in one worker",
                          FL_WORKER_SITES_MAX, FL_WORKER_POOLS_MAX);
    for (size_t i = 0; i < workflow->site_count && rc == 0; i++) {
        rc = fl_embed_root(embed->state, &workflow->sites[i], embed->roots[i],
                           sizeof(embed->roots[i]), reterr);
        sites[i] =
            (struct fl_worker_site){.site = workflow->sites[i].name, .root = embed->roots[i]};
    }
    for (size_t i = 0; i < workflow->pool_count; i++) {
        const struct fl_pool *pool = &workflow->pools[i];

        pools[i] = (struct fl_worker_pool){.pool = pool->name,
                                           .site = workflow->sites[pool->site].name,
                                           .cores = pool->cores ? pool->cores : cores,
                                           .jobs = pool->jobs};
    }
    if (rc == 0)
        rc = fl_worker_create(embed->world, &config, &embed->worker, reterr);
    if (rc == 0)
        rc = part_start(embed, &embed->working, worker_main, reterr);
    return rc;
}

void fl_embed_destroy(struct fl_embed *embed)
{
    if (!embed)
        return;
    if (embed->working.started) {
        fl_worker_stop(embed->worker);
        (void)pthread_join(embed->working.thread, NULL);
    }
    fl_worker_destroy(embed->worker);
    if (embed->coordinating.started) {
        fl_coordinator_stop(embed->coordinator);
        (void)pthread_join(embed->coordinating.thread, NULL);
    }
    fl_coordinator_destroy(embed->coordinator);
    fl_wake_close(embed->alarm_fd);
    free(embed);
}

struct fl_coordinator *fl_embed_coordinator(struct fl_embed *embed)
{
    return embed->coordinator;
}

const char *fl_embed_keys(const struct fl_embed *embed)
{
    return embed->keys;
}

int fl_embed_alarm(const struct fl_embed *embed)
{
    return embed->alarm_fd;
}

int fl_embed_failure(struct fl_embed *embed, struct fl_err *reterr)
{
    const struct part *part = embed->coordinating.rc < 0 ? &embed->coordinating : &embed->working;

    if (part->rc == 0)
        return fl_err_set(reterr, FL_E_AGAIN, 0,
                          "the coordinator was asked to stop; the same "
                          "command goes on");
    *reterr = part->err;
    return fl_err_note(reterr, part->rc, part == &embed->coordinating ? "coordinator" : "worker");
}
