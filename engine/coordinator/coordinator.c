/* Making a coordinator ready and taking it down again. */
#include "config.h"

#include "engine/coordinator/coordinator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/base/sign.h"
#include "engine/coordinator/private.h"
#include "engine/world/file.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

#define STATE_MODE 0755
#define LOCK_FILE "lock"

static int state_path(const struct fl_coordinator *c, const char *name, char *path, size_t size,
                      struct fl_err *reterr)
{
    int used = snprintf(path, size, "%s/%s", c->state, name);

    if (used < 0 || (size_t)used >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "state folder '%.200s': the name is too long",
                          c->state);
    return 0;
}

static int copy_text(char *to, size_t size, const char *text, struct fl_err *reterr)
{
    int used = snprintf(to, size, "%s", text);

    if (used < 0 || (size_t)used >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "'%.200s' is too long", text);
    return 0;
}

/* Lock, store, live state as the committed events say. */
static int recover(struct fl_coordinator *c, const char *vfs, int64_t log_bytes,
                   struct fl_err *reterr)
{
    struct fl_store_config config = {.folder = c->state, .vfs = vfs};
    struct fl_err passed = {0};
    char path[FL_PATH_MAX];
    int rc = fl_dir_make(c->world, c->state, STATE_MODE, reterr);

    if (rc == 0)
        rc = state_path(c, LOCK_FILE, path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_lock_take_within(c->world, path, FL_LOCK_START_NS, &c->lock_fd, reterr);
    if (rc < 0)
        return rc;
    rc = fl_store_open(&config, &c->store, reterr);
    if (rc == 0)
        rc = fl_store_next_epoch(c->store, &c->epoch, reterr);
    if (rc == 0 && log_bytes > 0)
        rc = fl_store_reserve(c->store, (size_t)log_bytes, reterr);
    if (rc == 0)
        rc = fl_store_recover(c->store, UINT64_MAX, 0, &c->core, &c->seq, NULL, &passed, reterr);
    c->told_seq = c->seq; /* an earlier life may have told any of it */
    if (rc == 0 && passed.code < 0)
        fl_log(FL_LOG_WARN, "snapshot.passed", "error='%s' effect='more events were replayed'",
               passed.text);
    if (rc == 0)
        rc = fl_query_create(c->world, c->state, c->core, FL_COORDINATOR_QUERIES_MAX, &c->query,
                             reterr);
    if (rc == 0)
        rc = fl_commit_create(c->store, &c->commit, reterr);
    return rc;
}

/* "tcp://127.0.0.1:0" in the transport's way of writing. */
static int bind_bus(struct fl_coordinator *c, const char *listen, struct fl_err *reterr)
{
    struct fl_bus_limits limits;
    char endpoint[256];
    size_t size = strlen(listen);
    int rc = copy_text(endpoint, sizeof(endpoint), listen, reterr);

    if (rc < 0)
        return rc;
    if (size > 2 && strcmp(listen + size - 2, ":0") == 0)
        endpoint[size - 1] = '*';
    fl_bus_limits_default(&limits);
    rc = fl_bus_listen(c->world, c->keys, endpoint, &limits, &c->bus, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "listen on '%s'", listen);
    return 0;
}

static void query_news(void *arg)
{
    struct fl_coordinator *c = arg;

    if (c->http)
        fl_http_notify(c->http);
}

static bool query_offer(uint64_t seq, char *data, size_t size, void *arg)
{
    struct fl_coordinator *c = arg;

    return fl_commit_offer(c->commit, seq, data, size);
}

static int start_http(struct fl_coordinator *c, const struct fl_coordinator_config *config,
                      struct fl_err *reterr)
{
    struct fl_http_config http = {.world = c->world,
                                  .listen = config->http,
                                  .web = config->web,
                                  .model = fl_query_model(c->query)};

    if (!config->http)
        return 0;
    return fl_http_create(&http, &c->http, reterr);
}

static int write_endpoint(struct fl_coordinator *c, struct fl_err *reterr)
{
    fl_json_auto json_t *json = json_pack(
        "{s:i, s:s, s:s, s:I, s:s}", "pid", (int)getpid(), "endpoint", fl_coordinator_endpoint(c),
        "http", fl_coordinator_http(c), "epoch", (json_int_t)c->epoch, "keys", c->keys);
    char path[FL_PATH_MAX];
    char *text = json ? fl_json_text(json) : NULL;
    int rc = text ? state_path(c, FL_COORDINATOR_ENDPOINT_FILE, path, sizeof(path), reterr)
                  : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0)
        rc = fl_file_publish(c->world, path, text, strlen(text), reterr);
    free(text);
    return rc;
}

int fl_coordinator_create(const struct fl_coordinator_config *config,
                          struct fl_coordinator **ret_coordinator, struct fl_err *reterr)
{
    fl_auto(fl_coordinator_destroy) struct fl_coordinator *c = calloc(1, sizeof(*c));
    int rc;

    fl_assert(config && config->world && config->state && config->listen);
    if (!c)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    c->world = config->world;
    c->lock_fd = -1;
    c->stop_fd = -1;
    c->sites = json_object();
    c->open = &c->batches[0];
    for (size_t i = 0; i < FL_COUNT(c->batches); i++)
        c->batches[i].afters = calloc(FL_COORDINATOR_TURN_MAX, sizeof(*c->batches[i].afters));
    if (!c->batches[0].afters || !c->batches[1].afters || !c->sites)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = copy_text(c->state, sizeof(c->state), config->state, reterr);
    if (rc == 0 && config->keys)
        rc = copy_text(c->keys, sizeof(c->keys), config->keys, reterr);
    else if (rc == 0)
        rc = state_path(c, "keys", c->keys, sizeof(c->keys), reterr);
    if (rc == 0)
        rc = fl_wake_create(&c->stop_fd, reterr);
    if (rc == 0)
        rc = recover(c, config->vfs,
                     config->log_bytes ? config->log_bytes : (int64_t)FL_STORE_LOG_BYTES, reterr);
    if (rc == 0)
        rc = bind_bus(c, config->listen, reterr);
    if (rc == 0)
        fl_coordinator_load_grant_key(c);
    if (rc == 0)
        rc = start_http(c, config, reterr);
    if (rc == 0)
        rc = fl_query_start(c->query, query_news, query_offer, c, reterr);
    if (rc == 0)
        rc = fl_coordinator_drop_workers(c, "the coordinator was started again", reterr);
    if (rc == 0)
        rc = write_endpoint(c, reterr);
    if (rc < 0)
        return rc;
    *ret_coordinator = FL_STEAL(c);
    return 0;
}

void fl_coordinator_destroy(struct fl_coordinator *c)
{
    char path[FL_PATH_MAX];

    if (!c)
        return;
    if (c->lock_fd >= 0 &&
        state_path(c, FL_COORDINATOR_ENDPOINT_FILE, path, sizeof(path), NULL) == 0)
        (void)fl_file_remove(c->world, path, NULL); /* readers notice a dead one by themselves */
    fl_query_stop(c->query);
    fl_http_destroy(c->http);
    fl_query_destroy(c->query);
    fl_bus_server_destroy(c->bus);
    fl_sign_key_destroy(c->grant_key);
    fl_commit_destroy(c->commit);
    fl_core_destroy(c->core);
    fl_store_destroy(c->store);
    if (c->lock_fd >= 0)
        fl_lock_release(c->world, c->lock_fd);
    for (size_t i = 0; i < c->link_count; i++) {
        free(c->links[i].name);
        json_decref(c->links[i].hello);
    }
    free(c->links);
    json_decref(c->sites);
    for (size_t i = 0; i < FL_COUNT(c->batches); i++) {
        fl_batch_clear(&c->batches[i]);
        fl_events_release(&c->batches[i].events);
        free(c->batches[i].afters);
    }
    fl_event_pool_release(&c->events);
    fl_wake_close(c->stop_fd);
    free(c);
}

void fl_coordinator_stop(struct fl_coordinator *c)
{
    fl_wake_ring(c->stop_fd);
}

const char *fl_coordinator_endpoint(const struct fl_coordinator *c)
{
    return fl_bus_server_endpoint(c->bus);
}

const char *fl_coordinator_http(const struct fl_coordinator *c)
{
    return c->http ? fl_http_address(c->http) : "";
}

int64_t fl_coordinator_epoch(const struct fl_coordinator *c)
{
    return c->epoch;
}
