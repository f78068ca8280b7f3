/* One turn: take what has arrived, decide, commit, and only then let anything out. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/coordinator/private.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

#define FULL_RETRY_NS ((int64_t)1000000000)
#define ITEMS_MAX 8

/* To a worker or client. One that cannot be reached now loses nothing: a worker is told again at
 * its next hello, a client asks again. FL_E_AGAIN: its queue was full, which was said; see
 * take_worker_room. */
static void send_peer(struct fl_coordinator *c, struct fl_bus_peer peer, const json_t *message)
{
    struct fl_err err = {0};
    int rc = fl_bus_server_send(c->bus, peer, message, &err);

    if (rc < 0 && rc != FL_E_NOENT && rc != FL_E_AGAIN)
        fl_log(FL_LOG_WARN, "bus.send", "error='%s'", err.text);
}

static void send_worker(struct fl_coordinator *c, const char *worker, const json_t *message)
{
    struct fl_err err = {0};
    int rc = fl_bus_server_send_worker(c->bus, worker, message, &err);

    if (rc < 0 && rc != FL_E_NOENT && rc != FL_E_AGAIN)
        fl_log(FL_LOG_WARN, "bus.send", "worker='%s' error='%s'", worker, err.text);
}

static void send_effects(struct fl_coordinator *c, const struct fl_effects *effects,
                         bool (*skip)(const struct fl_coordinator *, const char *))
{
    for (size_t i = 0; i < effects->count; i++) {
        if (!skip || !skip(c, effects->items[i].worker))
            send_worker(c, effects->items[i].worker, effects->items[i].message);
    }
}

static int welcome(struct fl_coordinator *c, const struct after *after, struct fl_err *reterr)
{
    fl_auto(fl_effects_release) struct fl_effects effects = {0};
    fl_json_auto json_t *hello =
        json_pack("{s:s, s:I}", "type", "welcome", "epoch", (json_int_t)c->epoch);
    const json_t *live = NULL;
    int rc = fl_json_array_opt(after->message, "attempts", &live, reterr);

    if (rc == 0 && !hello)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        rc = fl_core_resync(c->core, after->worker, live, &effects, reterr);
    if (rc < 0)
        return rc;
    send_worker(c, after->worker, hello);
    send_effects(c, &effects, NULL);
    return 0;
}

static int answer_attempt(struct fl_coordinator *c, const struct after *after,
                          struct fl_err *reterr)
{
    fl_auto(fl_effects_release) struct fl_effects effects = {0};
    int rc = fl_core_answer(c->core, after->worker, after->message, &effects, reterr);

    if (rc < 0)
        return rc;
    send_effects(c, &effects, NULL);
    return 0;
}

/* True for a worker that is told everything in this turn anyway. */
static bool is_resynced(const struct fl_coordinator *c, const char *worker)
{
    for (size_t i = 0; i < c->after_count; i++) {
        if (c->afters[i].kind == AFTER_RESYNC && strcmp(c->afters[i].worker, worker) == 0)
            return true;
    }
    return false;
}

static void afters_clear(struct fl_coordinator *c)
{
    for (size_t i = 0; i < c->after_count; i++) {
        json_decref(c->afters[i].message);
        free(c->afters[i].worker);
    }
    memset(c->afters, 0, c->after_count * sizeof(*c->afters));
    c->after_count = 0;
}

static int let_out(struct fl_coordinator *c, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; i < c->after_count && rc == 0; i++) {
        if (c->afters[i].kind == AFTER_RESYNC)
            rc = welcome(c, &c->afters[i], reterr);
    }
    for (size_t i = 0; i < c->batch.count && rc == 0; i++) {
        fl_auto(fl_effects_release) struct fl_effects effects = {0};

        rc = fl_core_effects(c->core, c->batch.items[i], &effects, reterr);
        if (rc == 0)
            send_effects(c, &effects, is_resynced);
    }
    for (size_t i = 0; i < c->after_count && rc == 0; i++) {
        if (c->afters[i].kind == AFTER_ANSWER)
            rc = answer_attempt(c, &c->afters[i], reterr);
        else if (c->afters[i].kind == AFTER_SEND)
            send_peer(c, c->afters[i].peer, c->afters[i].message);
    }
    return rc;
}

int fl_coordinator_commit(struct fl_coordinator *c, struct fl_err *reterr)
{
    int rc = fl_store_append(c->store, c->batch.items, c->batch.count, reterr);

    if (rc == FL_E_NOSPACE || rc == FL_E_LOCKED) {
        if (!c->disk_full)
            fl_log(FL_LOG_ERROR, "disk.full",
                   "error='%s' held=%zu effect='nothing is dispatched until there is space'",
                   reterr->text, c->batch.count);
        c->disk_full = true;
        return rc;
    }
    if (rc < 0)
        return rc;
    if (c->disk_full)
        fl_log(FL_LOG_INFO, "disk.space", "written=%zu", c->batch.count);
    c->disk_full = false;
    c->seq += c->batch.count;
    if (c->batch.count > 0)
        fl_query_advance(c->query);
    rc = let_out(c, reterr);
    afters_clear(c);
    fl_events_release(&c->batch);
    memset(&c->batch, 0, sizeof(c->batch));
    return rc;
}

/* Takes at most one turn's worth of what has arrived. */
static int take_arrived(struct fl_coordinator *c, struct fl_err *reterr)
{
    while (c->after_count < FL_COORDINATOR_TURN_MAX - 1 && !c->stopping) {
        struct fl_bus_event event = {0};
        struct fl_err err = {0};
        int rc = fl_bus_server_recv(c->bus, &event, &err);

        if (rc == FL_E_AGAIN)
            return 0;
        if (rc < 0) {
            *reterr = err;
            return rc;
        }
        rc = fl_coordinator_take(c, &event, &err);
        if (rc < 0 && rc != FL_E_BUG && rc != FL_E_IO) {
            fl_log(FL_LOG_WARN, "message.refused", "from='%s' error='%s'",
                   event.name ? event.name : "", err.text);
            rc = 0;
        }
        json_decref(event.message);
        if (rc < 0) {
            *reterr = err;
            return rc;
        }
    }
    return 0;
}

static void send_answers(struct fl_coordinator *c)
{
    uint64_t tag = 0;
    json_t *reply;

    while ((reply = fl_query_take(c->query, &tag)) != NULL) {
        send_peer(c, (struct fl_bus_peer){.v = tag}, reply);
        json_decref(reply);
    }
}

/* Time until something is due without anything arriving. */
static int64_t turn_timeout(const struct fl_coordinator *c)
{
    int64_t now_ns = fl_world_mono_ns(c->world);
    int64_t bus_ns = fl_bus_server_timer(c->bus);
    int64_t core_ns = fl_core_next_timer_ns(c->core);
    int64_t timeout_ns = INT64_MAX;

    if (c->disk_full)
        return FULL_RETRY_NS;
    if (bus_ns != INT64_MAX)
        timeout_ns = bus_ns - now_ns;
    if (core_ns != INT64_MAX) {
        int64_t left_ns = core_ns - fl_world_utc_ns(c->world);

        timeout_ns = left_ns < timeout_ns ? left_ns : timeout_ns;
    }
    if (timeout_ns == INT64_MAX)
        return -1;
    return timeout_ns > 0 ? timeout_ns : 0;
}

static int turn_wait(struct fl_coordinator *c, struct fl_err *reterr)
{
    struct fl_wait_item items[ITEMS_MAX] = {{.fd = c->stop_fd}, {.fd = fl_query_fd(c->query)}};
    size_t count = 2;
    int rc;

    if (!c->disk_full)
        count += fl_bus_server_wait_items(c->bus, items + count, ITEMS_MAX - count);
    rc = fl_world_wait(c->world, items, count, turn_timeout(c), reterr);
    if (rc < 0 && rc != FL_E_TIMEOUT)
        return rc;
    if (items[0].ready)
        c->stopping = true;
    return 0;
}

static void tell_refusals(struct fl_coordinator *c)
{
    struct fl_refusals refusals = {0};

    fl_bus_server_refusals(c->bus, &refusals);
    if (refusals.count > c->refused)
        fl_log(FL_LOG_WARN, "key.refused", "count=%llu last='%s'",
               (unsigned long long)refusals.count, refusals.last);
    c->refused = refusals.count;
}

int fl_coordinator_run(struct fl_coordinator *c, struct fl_err *reterr)
{
    int rc = 0;

    while (rc == 0 && !c->stopping) {
        if (!c->disk_full)
            rc = take_arrived(c, reterr);
        if (rc == 0 && !c->disk_full)
            rc = fl_coordinator_advance(c, reterr);
        if (rc == 0)
            rc = fl_coordinator_commit(c, reterr);
        if (rc == FL_E_NOSPACE || rc == FL_E_LOCKED)
            rc = 0; /* kept; again in a second */
        if (rc == 0) {
            send_answers(c);
            tell_refusals(c);
        }
        if (rc == 0 && !c->stopping)
            rc = turn_wait(c, reterr);
    }
    return rc;
}
