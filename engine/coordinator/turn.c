/* One turn: take what has arrived, decide, hand the batch to the commit thread, and let out what
 * has been committed. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/coordinator/private.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

#define ITEMS_MAX 8
#define TAKE_NS ((int64_t)3000000) /* for what has arrived, in one turn */
/* A commit that takes longer: heartbeats are answered though nothing more can be taken in. */
#define SLOW_NS ((int64_t)1000000000)

/* Lets out some of what has been written; the batch has landed when it is all. */
static void let_out(struct fl_coordinator *c)
{
    if (!c->committed || !fl_batch_let_out(c, c->flight))
        return;
    fl_batch_clear(c->flight);
    c->flight = NULL;
    c->committed = false;
}

/* Takes the batch in flight back when it is written. */
static int take_result(struct fl_coordinator *c, struct fl_err *reterr)
{
    struct fl_err err = {0};
    size_t count;
    int rc = 0;

    if (!c->given || !fl_commit_take(c->commit, &rc, &err))
        return 0;
    c->given = false;
    if (rc == FL_E_NOSPACE || rc == FL_E_AGAIN || rc == FL_E_LOCKED) {
        fl_coordinator_stuck(c, rc, &err);
        return 0;
    }
    if (rc < 0) {
        *reterr = err;
        return rc;
    }
    count = c->flight->events.count;
    c->seq += count;
    c->committed = true;
    let_out(c);
    if (count > 0)
        fl_query_advance(c->query);
    return c->trouble.rc < 0 ? fl_coordinator_unstuck(c, reterr) : 0;
}

static void give(struct fl_coordinator *c)
{
    const struct fl_store_batch batch = {.events = c->flight->events.items,
                                         .count = c->flight->events.count,
                                         .workflows = c->flight->workflows,
                                         .workflow_count = c->flight->workflow_count};

    fl_commit_give(c->commit, &batch);
    c->given = true;
}

/* The open batch takes off when nothing is in flight, and it is due or has to (now). Its messages
 * are made while it is synced: the live state is just as the batch has left it. */
static int hand_over(struct fl_coordinator *c, bool now, struct fl_err *reterr)
{
    struct batch *batch = c->open;
    int rc;

    if (c->flight || fl_batch_is_empty(batch) ||
        (!now && fl_world_mono_ns(c->world) < fl_batch_due(batch)))
        return 0;
    c->open = batch == &c->batches[0] ? &c->batches[1] : &c->batches[0];
    if (batch->events.count > 0 || batch->workflow_count > 0) {
        c->flight = batch;
        c->flight_since_ns = fl_world_mono_ns(c->world);
        give(c);
        return fl_batch_prepare(c, batch, reterr);
    }
    rc = fl_batch_prepare(c, batch, reterr); /* nothing to write: all it rests on is committed */
    while (rc == 0 && !fl_batch_let_out(c, batch))
        continue; /* no more than answers to one turn's messages */
    fl_batch_clear(batch);
    return rc;
}

/* Takes at most one batch's worth of what has arrived. */
static int take_arrived(struct fl_coordinator *c, struct fl_err *reterr)
{
    int64_t until_ns = fl_world_mono_ns(c->world) + TAKE_NS;

    while (!fl_batch_is_full(c->open) && !c->stopping && fl_world_mono_ns(c->world) < until_ns) {
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

/* The open batch is full and the one before it does not come back: only heartbeats are taken. */
static bool is_slow(const struct fl_coordinator *c)
{
    return c->flight && fl_batch_is_full(c->open) &&
           fl_world_mono_ns(c->world) - c->flight_since_ns >= SLOW_NS;
}

/* While the record cannot be written: no decisions; the batch in flight is tried again. */
static int stuck_turn(struct fl_coordinator *c, struct fl_err *reterr)
{
    if (!c->given && fl_world_mono_ns(c->world) >= c->trouble.retry_ns)
        give(c);
    return fl_coordinator_hold_out(c, reterr);
}

static int turn(struct fl_coordinator *c, struct fl_err *reterr)
{
    bool slow;
    int rc;

    c->entropy[0] = '\0';
    let_out(c);
    rc = take_result(c, reterr);
    if (rc < 0)
        return rc;
    if (c->trouble.rc < 0)
        return stuck_turn(c, reterr);
    slow = is_slow(c);
    if (slow != c->holding) {
        fl_bus_server_hold(c->bus, slow, slow);
        c->holding = slow;
    }
    if (slow)
        return fl_coordinator_hold_out(c, reterr);
    rc = take_arrived(c, reterr);
    if (rc == 0 && !fl_batch_is_full(c->open))
        rc = fl_coordinator_advance(c, reterr);
    else
        c->more = true;
    if (rc == 0)
        rc = hand_over(c, false, reterr);
    return rc;
}

static void send_answers(struct fl_coordinator *c)
{
    uint64_t tag = 0;
    json_t *reply;

    while ((reply = fl_query_take(c->query, &tag)) != NULL) {
        fl_coordinator_send(c, (struct fl_bus_peer){.v = tag}, reply);
        json_decref(reply);
    }
}

/* True when the loop takes from the bus: not while the open batch waits, full, for its turn. */
static bool is_listening(const struct fl_coordinator *c)
{
    return c->trouble.rc < 0 || c->holding || !fl_batch_is_full(c->open);
}

/* Monotonic time at which something is due without anything arriving. */
static int64_t next_due(const struct fl_coordinator *c)
{
    int64_t due_ns = is_listening(c) ? fl_bus_server_timer(c->bus) : c->flight_since_ns + SLOW_NS;
    int64_t core_ns;

    if (c->trouble.rc < 0)
        return c->given || due_ns < c->trouble.retry_ns ? due_ns : c->trouble.retry_ns;
    if (!is_listening(c) || c->holding)
        return due_ns;
    core_ns = fl_core_timer_after_ns(c->core, c->advanced_ns);
    if (core_ns != INT64_MAX) {
        core_ns += fl_world_mono_ns(c->world) - fl_world_utc_ns(c->world);
        due_ns = core_ns < due_ns ? core_ns : due_ns;
    }
    if (!c->flight && !fl_batch_is_empty(c->open) && fl_batch_due(c->open) < due_ns)
        due_ns = fl_batch_due(c->open);
    return due_ns;
}

static int turn_wait(struct fl_coordinator *c, struct fl_err *reterr)
{
    struct fl_wait_item items[ITEMS_MAX] = {
        {.fd = c->stop_fd}, {.fd = fl_query_fd(c->query)}, {.fd = fl_commit_fd(c->commit)}};
    size_t count = 3;
    int64_t timeout_ns = -1;
    int rc;

    if (is_listening(c))
        count += fl_bus_server_wait_items(c->bus, items + count, ITEMS_MAX - count);
    if (c->committed || (c->more && is_listening(c) && c->trouble.rc == 0 && !c->holding)) {
        timeout_ns = 0;
    } else {
        int64_t due_ns = next_due(c);

        if (due_ns != INT64_MAX)
            timeout_ns = due_ns - fl_world_mono_ns(c->world);
        if (due_ns != INT64_MAX && timeout_ns < 0)
            timeout_ns = 0;
    }
    rc = fl_world_wait(c->world, items, count, timeout_ns, reterr);
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

/* Commits and lets out what has been decided. When it cannot be written it is given up: nothing
 * has heard of it, and what it came from is said again after the next start. */
static int finish(struct fl_coordinator *c, struct fl_err *reterr)
{
    int rc = take_result(c, reterr);

    for (;;) {
        while (c->committed)
            let_out(c);
        if (rc < 0 || c->trouble.rc < 0 || (!c->flight && fl_batch_is_empty(c->open)))
            return rc;
        rc = hand_over(c, true, reterr);
        if (rc == 0 && c->flight) {
            struct fl_wait_item item = {.fd = fl_commit_fd(c->commit)};

            rc = fl_world_wait(c->world, &item, 1, -1, reterr);
        }
        if (rc == 0)
            rc = take_result(c, reterr);
    }
}

int fl_coordinator_run(struct fl_coordinator *c, struct fl_err *reterr)
{
    int rc = 0;

    while (rc == 0 && !c->stopping) {
        rc = turn(c, reterr);
        if (rc == 0) {
            send_answers(c);
            tell_refusals(c);
        }
        if (rc == 0 && !c->stopping)
            rc = turn_wait(c, reterr);
    }
    return rc == 0 ? finish(c, reterr) : rc;
}
