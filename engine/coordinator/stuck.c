/* The record cannot be written for now (disk full, a write failed, another process holds the file),
 * or only slowly. What has been decided is kept; nothing more is decided, so that all stays
 * bounded; the bus lives on, so that nobody takes us, or we a worker, for gone. */
#include "config.h"

#include <stdio.h>

#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/coordinator/private.h"

#include "engine/base/banned.h"

static const char *trouble_name(int rc)
{
    switch (rc) {
    case FL_E_NOSPACE:
        return "disk.full";
    case FL_E_LOCKED:
        return "store.locked";
    default:
        return "store.write";
    }
}

/* What answers say while it lasts. */
static void raise_alarm(struct fl_coordinator *c, const struct fl_err *err)
{
    size_t held = (c->flight ? c->flight->events.count : 0) + c->open->events.count;
    json_t *alarm = json_pack(
        "{s:s, s:I, s:I, s:s, s:s}", "alarm", trouble_name(c->trouble.rc), "since_ns",
        (json_int_t)c->trouble.since_ns, "held", (json_int_t)held, "error", err->text, "effect",
        "nothing is dispatched until the record can be written; nothing is lost");

    fl_log(FL_LOG_ERROR, trouble_name(c->trouble.rc),
           "error='%s' held=%zu effect='nothing is dispatched until it can be written'", err->text,
           held);
    fl_query_alarm(c->query, alarm); /* NULL for want of memory: the log has said it */
}

void fl_coordinator_stuck(struct fl_coordinator *c, int rc, const struct fl_err *err)
{
    bool is_news = rc != c->trouble.rc;

    if (c->trouble.rc == 0)
        c->trouble.since_ns = fl_world_utc_ns(c->world);
    c->trouble.rc = rc;
    c->trouble.retry_ns = fl_world_mono_ns(c->world) + FL_COORDINATOR_RETRY_NS;
    fl_bus_server_hold(c->bus, true, false);
    if (is_news)
        raise_alarm(c, err);
}

int fl_coordinator_unstuck(struct fl_coordinator *c, struct fl_err *reterr)
{
    int64_t lasted_ns = fl_world_utc_ns(c->world) - c->trouble.since_ns;

    fl_log(FL_LOG_INFO, "store.written", "alarm='%s' lasted_s=%lld effect='goes on'",
           trouble_name(c->trouble.rc), (long long)(lasted_ns / 1000000000));
    c->trouble = (struct trouble){0};
    fl_query_alarm(c->query, NULL);
    fl_bus_server_hold(c->bus, false, false);
    return fl_coordinator_take_news(c, reterr);
}

int fl_coordinator_hold_out(struct fl_coordinator *c, struct fl_err *reterr)
{
    for (int i = 0; i < FL_COORDINATOR_TURN_MAX && !c->stopping; i++) {
        struct fl_bus_event event = {0};
        struct fl_err err = {0};
        int rc = fl_bus_server_recv(c->bus, &event, &err);

        if (rc == FL_E_AGAIN)
            return 0;
        if (rc == 0 && event.kind == FL_BUS_MESSAGE && event.role == FL_BUS_CLIENT)
            rc = fl_coordinator_request(c, &event, &err);
        else if (rc == 0 && event.kind != FL_BUS_MESSAGE && event.role == FL_BUS_WORKER)
            rc = fl_coordinator_take(c, &event, &err);
        json_decref(event.message);
        if (rc < 0) {
            *reterr = err;
            return rc;
        }
    }
    return 0;
}
