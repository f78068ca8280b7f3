/* Commits and questions, one after the other. */
#include "config.h"

#include "tests/sim/threads.h"

#include <stdlib.h>
#include <string.h>

#include "engine/coordinator/commit.h"
#include "engine/coordinator/query.h"
#include "engine/core/snapshot.h"
#include "engine/http/http.h"
#include "engine/store/snapshots.h"
#include "engine/world/wake.h"
#include "tests/sim/machine.h"
#include "engine/base/banned.h"

#define SAVE_EVENTS 15 /* a snapshot often enough to begin from one */

/* ---------------------------------------------------------------- commit.h */

struct fl_commit {
    struct fl_store *store;
    struct fl_store_batch batch;
    bool under_way;
    bool done;
    int rc;
    struct fl_err err;
    int done_fd;
    struct fl_snapshot_writer offered; /* data NULL: none */
    struct fl_snapshot_writer writing;
};

int fl_commit_create(struct fl_store *store, struct fl_commit **ret_commit, struct fl_err *reterr)
{
    struct fl_commit *commit = calloc(1, sizeof(*commit));

    fl_assert(commit);
    commit->store = store;
    *ret_commit = commit;
    return fl_wake_create(&commit->done_fd, reterr);
}

/* A piece of a snapshot, when no batch waits. A failure harms nothing: the next one is tried. */
static void do_snapshot(struct fl_commit *commit)
{
    struct fl_err err = {0};

    if (!commit->writing.data) {
        commit->writing = commit->offered;
        commit->offered = (struct fl_snapshot_writer){0};
    }
    if (commit->writing.data)
        (void)fl_snapshot_write(commit->store, &commit->writing, &err);
}

void sim_commit_do(struct fl_commit *commit)
{
    if (!commit->under_way) {
        do_snapshot(commit);
        return;
    }
    commit->err = (struct fl_err){0};
    commit->rc = fl_store_commit(commit->store, &commit->batch, &commit->err);
    commit->under_way = false;
    commit->done = true;
    fl_wake_ring(commit->done_fd);
    if (commit->rc == 0)
        (void)fl_store_tidy(commit->store, &commit->err); /* tried again later */
}

bool fl_commit_offer(struct fl_commit *commit, uint64_t seq, char *data, size_t size)
{
    if (commit->offered.data || commit->writing.data)
        return false;
    if (data)
        commit->offered = (struct fl_snapshot_writer){
            .seq = seq, .format = FL_SNAPSHOT_FORMAT, .data = data, .size = size};
    return true;
}

void fl_commit_destroy(struct fl_commit *commit)
{
    if (!commit)
        return;
    if (!machine_now()->dead && commit->under_way)
        sim_commit_do(commit);
    fl_snapshot_writer_release(&commit->offered);
    fl_snapshot_writer_release(&commit->writing);
    fl_wake_close(commit->done_fd);
    free(commit);
}

void fl_commit_give(struct fl_commit *commit, const struct fl_store_batch *batch)
{
    fl_assert(!commit->under_way && !commit->done);
    commit->batch = *batch;
    commit->under_way = true;
}

bool fl_commit_take(struct fl_commit *commit, int *ret_rc, struct fl_err *ret_err)
{
    if (!commit->done)
        return false;
    *ret_rc = commit->rc;
    *ret_err = commit->err;
    commit->done = false;
    fl_wake_clear(commit->done_fd);
    return true;
}

int fl_commit_fd(const struct fl_commit *commit)
{
    return commit->done_fd;
}

/* ---------------------------------------------------------------- query.h */

struct fl_query {
    const struct fl_world *world;
    struct fl_model *model;
    json_t *answers; /* [[tag, reply], …] */
    int fd;
    fl_query_offer_fn offer;
    void *offer_arg;
    uint64_t saved_seq; /* of the last snapshot offered */
};

int fl_query_create(const struct fl_world *world, const char *state, const struct fl_core *live,
                    size_t capacity, struct fl_query **ret_query, struct fl_err *reterr)
{
    fl_auto(fl_query_destroy) struct fl_query *query = calloc(1, sizeof(*query));
    int rc;

    (void)capacity;
    fl_assert(query);
    query->world = world;
    query->answers = json_array();
    rc = fl_wake_create(&query->fd, reterr);
    if (rc == 0)
        rc = fl_model_create(state, &query->model, reterr);
    for (size_t i = 0; rc == 0 && fl_core_digest(live, i); i++)
        fl_model_offer_plan(query->model, fl_core_share_plan(live, fl_core_digest(live, i)));
    if (rc == 0)
        *ret_query = FL_STEAL(query);
    return rc;
}

int fl_query_start(struct fl_query *query, fl_query_news_fn news, fl_query_offer_fn offer,
                   void *arg, struct fl_err *reterr)
{
    (void)news;
    (void)reterr;
    query->offer = offer;
    query->offer_arg = arg;
    return 0;
}

void fl_query_stop(struct fl_query *query)
{
    (void)query;
}

void fl_query_destroy(struct fl_query *query)
{
    if (!query)
        return;
    fl_model_destroy(query->model);
    json_decref(query->answers);
    fl_wake_close(query->fd);
    free(query);
}

struct fl_model *fl_query_model(struct fl_query *query)
{
    return query->model;
}

void fl_query_offer_plan(struct fl_query *query, struct fl_plan *plan)
{
    fl_model_offer_plan(query->model, plan);
}

void fl_query_alarm(struct fl_query *query, json_t *alarm)
{
    fl_model_alarm(query->model, alarm);
}

void fl_query_advance(struct fl_query *query)
{
    char *data = NULL;
    size_t size = 0;
    struct fl_err err = {0};

    if (fl_model_catch_up(query->model, &err) < 0 ||
        fl_model_seq(query->model) - query->saved_seq < SAVE_EVENTS ||
        !query->offer(0, NULL, 0, query->offer_arg))
        return;
    if (fl_model_save(query->model, &data, &size, &query->saved_seq, &err) == 0 &&
        !query->offer(query->saved_seq, data, size, query->offer_arg))
        free(data);
}

int fl_query_ask(struct fl_query *query, uint64_t tag, uint64_t seq, uint64_t told, json_t *request,
                 struct fl_err *reterr)
{
    struct fl_err err = {0};
    json_t *result = NULL;
    int rc = fl_model_catch_up(query->model, &err);

    (void)seq; /* it has caught up with all there is */
    (void)told;
    (void)reterr;
    if (rc == 0)
        rc = fl_model_answer(query->model, request, fl_world_utc_ns(query->world), &result, &err);
    (void)json_array_append_new(
        query->answers,
        json_pack("[I,o]", (json_int_t)tag, fl_query_reply(request, rc, result, &err)));
    fl_wake_ring(query->fd);
    return 0;
}

json_t *fl_query_take(struct fl_query *query, uint64_t *ret_tag)
{
    json_t *pair = json_array_get(query->answers, 0);
    json_t *reply;

    fl_wake_clear(query->fd);
    if (!pair)
        return NULL;
    *ret_tag = (uint64_t)json_integer_value(json_array_get(pair, 0));
    reply = json_incref(json_array_get(pair, 1));
    (void)json_array_remove(query->answers, 0);
    return reply;
}

int fl_query_fd(const struct fl_query *query)
{
    return query->fd;
}

json_t *fl_query_reply(const json_t *request, int rc, json_t *result, const struct fl_err *err)
{
    const char *id = json_string_value(json_object_get(request, "id"));

    if (rc == 0)
        return json_pack("{s:s,s:s*,s:b,s:o}", "type", "reply", "id", id, "ok", 1, "result",
                         result ? result : json_object());
    json_decref(result);
    return json_pack("{s:s,s:s*,s:b,s:{s:s,s:s}}", "type", "reply", "id", id, "ok", 0, "error",
                     "code", fl_err_name(rc), "text", err->text);
}

/* ---------------------------------------------------------------- http.h: nobody looks */

int fl_http_create(const struct fl_http_config *config, struct fl_http **ret_http,
                   struct fl_err *reterr)
{
    (void)config;
    (void)ret_http;
    return fl_err_set(reterr, FL_E_UNSUPPORTED, 0, "no HTTP here");
}

void fl_http_destroy(struct fl_http *http)
{
    (void)http;
}

void fl_http_notify(struct fl_http *http)
{
    (void)http;
}

const char *fl_http_address(const struct fl_http *http)
{
    (void)http;
    return "";
}
