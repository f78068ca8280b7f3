/* What workers say, turned into inputs of the core. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/coordinator/private.h"
#include "engine/core/view.h"

#include "engine/base/banned.h"

#define ADVANCE_ROUNDS_MAX 10000

/* Drawn once a turn: what is made of it also names what it is for. */
static int draw_entropy(struct fl_coordinator *c, struct fl_err *reterr)
{
    int rc =
        *c->entropy ? 0 : fl_world_random_hex(c->world, c->entropy, FL_COORDINATOR_ENTROPY, reterr);

    if (rc < 0)
        c->entropy[0] = '\0';
    return rc;
}

/* Facts from which nothing follows: what else they let happen becomes events of other types. */
static bool is_only_noted(enum fl_event_type type)
{
    return type == FL_EVENT_ATTEMPT_BEGUN || type == FL_EVENT_ATTEMPT_NOTED;
}

/* An attempt's entry whose answer nobody waits for. */
static bool is_only_told(const json_t *message)
{
    static const char *const types[] = {"begun", "progress", "warn"};
    const json_t *entry = json_object_get(message, "event");
    const char *type = json_string_value(json_object_get(entry, "type"));

    if (type && strcmp(type, "begin") == 0)
        return json_is_true(json_object_get(entry, "granted"));
    for (size_t i = 0; type && i < FL_COUNT(types); i++) {
        if (strcmp(type, types[i]) == 0)
            return true;
    }
    return false;
}

/* Moves events from the decision to the batch, applying each to the live state. */
static int events_apply(struct fl_coordinator *c, struct fl_events *events, struct fl_err *reterr)
{
    for (size_t i = 0; i < events->count; i++) {
        int rc = fl_core_apply(c->core, events->items[i], reterr);

        if (rc == 0)
            rc = fl_events_add(&c->open->events, events->items[i], reterr);
        if (rc < 0)
            return fl_err_note(reterr, FL_E_BUG, "apply a decided event"); /* the states part */
        fl_batch_note(c, c->open, !is_only_noted(events->items[i]->type));
        events->items[i] = NULL;
    }
    events->count = 0;
    return 0;
}

int fl_coordinator_decide(struct fl_coordinator *c, const struct fl_input *input,
                          struct fl_err *reterr)
{
    fl_auto(fl_events_release) struct fl_events events = {.pool = &c->events};
    struct fl_input full = *input;
    int rc = draw_entropy(c, reterr);

    if (rc < 0)
        return rc;
    full.now_ns = fl_world_utc_ns(c->world);
    full.entropy = c->entropy;
    rc = fl_core_decide(c->core, &full, &events, reterr);
    if (rc < 0)
        return rc;
    return events_apply(c, &events, reterr);
}

int fl_coordinator_advance(struct fl_coordinator *c, struct fl_err *reterr)
{
    c->more = false;
    for (int round = 0; round < ADVANCE_ROUNDS_MAX; round++) {
        fl_auto(fl_events_release) struct fl_events events = {.pool = &c->events};
        struct fl_input tick = {.type = FL_INPUT_TICK, .entropy = c->entropy};
        int rc = draw_entropy(c, reterr);

        tick.now_ns = fl_world_utc_ns(c->world);
        c->advanced_ns = tick.now_ns;
        if (rc == 0)
            rc = fl_core_advance(c->core, &tick, &events, reterr);
        if (rc < 0)
            return rc;
        if (events.count == 0)
            return 0;
        rc = events_apply(c, &events, reterr);
        if (rc < 0)
            return rc;
        if (fl_batch_is_full(c->open)) {
            c->more = true;
            return 0;
        }
    }
    return fl_err_set(reterr, FL_E_BUG, 0, "the state does not come to rest in %d rounds",
                      ADVANCE_ROUNDS_MAX);
}

int fl_coordinator_after(struct fl_coordinator *c, enum after_kind kind, struct fl_bus_peer peer,
                         const char *worker, json_t *message, struct fl_err *reterr)
{
    struct batch *batch = c->open;
    struct after *after;

    if (message && batch->after_count < FL_COORDINATOR_TURN_MAX) {
        after = &batch->afters[batch->after_count];
        after->kind = kind;
        after->peer = peer;
        after->worker = worker ? strdup(worker) : NULL;
        fl_batch_note(c, batch, kind != AFTER_ANSWER || !is_only_told(message));
        if (!worker || after->worker) {
            after->message = message;
            batch->after_count++;
            return 0;
        }
    }
    json_decref(message);
    return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
}

static struct worker_link *link_find(struct fl_coordinator *c, const char *name)
{
    for (size_t i = 0; i < c->link_count; i++) {
        if (strcmp(c->links[i].name, name) == 0)
            return &c->links[i];
    }
    return NULL;
}

static int link_make(struct fl_coordinator *c, const char *name, struct worker_link **ret_link,
                     struct fl_err *reterr)
{
    struct worker_link *link = link_find(c, name);

    if (!link && c->link_count == c->link_room) {
        size_t room = c->link_room ? c->link_room * 2 : 16;
        struct worker_link *links;

        if (room > 2 * FL_CORE_WORKERS_MAX)
            return fl_err_set(reterr, FL_E_FULL, 0, "more than %d workers", FL_CORE_WORKERS_MAX);
        links = realloc(c->links, room * sizeof(*links));
        if (!links)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
        c->links = links;
        c->link_room = room;
    }
    if (!link) {
        link = &c->links[c->link_count];
        memset(link, 0, sizeof(*link));
        link->name = strdup(name);
        if (!link->name)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
        c->link_count++;
    }
    *ret_link = link;
    return 0;
}

/* level: a goodbye is no alarm, silence is. */
static int worker_gone(struct fl_coordinator *c, const char *name, const char *reason,
                       enum fl_log_level level, struct fl_err *reterr)
{
    fl_json_auto json_t *message =
        json_pack("{s:s,s:b}", "reason", reason, "silent", level == FL_LOG_WARN);
    struct fl_input input = {
        .type = FL_INPUT_WORKER_GONE, .worker = name, .who = name, .message = message};

    if (!message)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    fl_log(level, "worker.gone", "worker='%s' reason='%s'", name, reason);
    return fl_coordinator_decide(c, &input, reterr);
}

int fl_coordinator_drop_workers(struct fl_coordinator *c, const char *reason, struct fl_err *reterr)
{
    fl_json_auto json_t *view = NULL;
    const json_t *workers = NULL;
    size_t i;
    json_t *worker;
    int rc = fl_view_workers(c->core, &view, reterr);

    if (rc == 0)
        rc = fl_json_array_opt(view, "workers", &workers, reterr);
    if (rc < 0)
        return rc;
    json_array_foreach(workers, i, worker)
    {
        const char *name = NULL;

        rc = fl_json_string(worker, "worker", &name, reterr);
        if (rc == 0 && !link_find(c, name))
            rc = worker_gone(c, name, reason, FL_LOG_INFO, reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int take_hello(struct fl_coordinator *c, const struct fl_bus_event *event,
                      struct fl_err *reterr)
{
    struct fl_input input = {.type = FL_INPUT_WORKER_HELLO,
                             .worker = event->name,
                             .who = event->name,
                             .message = event->message};
    struct worker_link *link = NULL;
    int rc = link_make(c, event->name, &link, reterr);

    if (rc == 0)
        rc = fl_coordinator_decide(c, &input, reterr);
    if (rc < 0)
        return rc;
    link->peer = event->peer;
    json_decref(link->hello);
    link->hello = json_copy(event->message);
    if (!link->hello)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    (void)json_object_del(link->hello, "attempts"); /* true at that moment only */
    link->news = LINK_SAME;
    if (c->flight)
        fl_batch_drop_worker(c->flight, event->name);
    fl_coordinator_note_sites(c, event->name, event->message);
    fl_log(FL_LOG_INFO, "worker.hello", "worker='%s'", event->name);
    return fl_coordinator_after(c, AFTER_RESYNC, event->peer, event->name,
                                json_incref(event->message), reterr);
}

static int take_attempt(struct fl_coordinator *c, const struct fl_bus_event *event,
                        struct fl_err *reterr)
{
    struct fl_input input = {.type = FL_INPUT_ATTEMPT,
                             .worker = event->name,
                             .who = event->name,
                             .message = event->message};
    int rc = fl_coordinator_decide(c, &input, reterr);

    if (rc < 0)
        return rc;
    return fl_coordinator_after(c, AFTER_ANSWER, event->peer, event->name,
                                json_incref(event->message), reterr);
}

/* The files of a run that was dropped are gone from a site. */
static int take_cleaned(const struct fl_bus_event *event)
{
    const char *run = json_string_value(json_object_get(event->message, "run"));
    const char *site = json_string_value(json_object_get(event->message, "site"));

    fl_log(FL_LOG_INFO, "run.cleaned", "run='%s' site='%s' bytes=%lld worker='%s'", run ? run : "",
           site ? site : "",
           (long long)json_integer_value(json_object_get(event->message, "bytes")), event->name);
    return 0;
}

/* Delivered files are gone from their source, or the ledger of their destination knows it. */
static int take_custody(struct fl_coordinator *c, const struct fl_bus_event *event,
                        enum fl_input_type type, struct fl_err *reterr)
{
    struct fl_input input = {
        .type = type, .worker = event->name, .who = event->name, .message = event->message};
    const char *why = json_string_value(json_object_get(event->message, "error"));

    if (why)
        fl_log(FL_LOG_ERROR, "custody.removal", "worker='%s' error='%s' effect='asked again later'",
               event->name, why);
    return fl_coordinator_decide(c, &input, reterr);
}

/* A file, or a lead of a source, that a trigger waits for is there. */
static int take_file(struct fl_coordinator *c, const struct fl_bus_event *event,
                     struct fl_err *reterr)
{
    struct fl_input input = {.type = FL_INPUT_ARRIVED,
                             .worker = event->name,
                             .who = event->name,
                             .message = event->message};

    return fl_coordinator_decide(c, &input, reterr);
}

/* A worker's message. */
static int take_worker(struct fl_coordinator *c, const struct fl_bus_event *event,
                       struct fl_err *reterr)
{
    const char *type = NULL;
    int rc = fl_json_string(event->message, "type", &type, reterr);

    if (rc < 0)
        return rc;
    if (strcmp(type, "hello") == 0)
        return take_hello(c, event, reterr);
    if (strcmp(type, "attempt") == 0)
        return take_attempt(c, event, reterr);
    if (strcmp(type, "arrived") == 0 || strcmp(type, "available") == 0)
        return take_file(c, event, reterr);
    if (strcmp(type, "removed") == 0)
        return take_custody(c, event, FL_INPUT_REMOVED, reterr);
    if (strcmp(type, "noted") == 0)
        return take_custody(c, event, FL_INPUT_NOTED, reterr);
    if (strcmp(type, "cleaned") == 0)
        return take_cleaned(event);
    if (strcmp(type, "bye") == 0)
        return 0; /* the session's own end says it */
    return fl_err_set(reterr, FL_E_PARSE, 0, "unknown message '%.40s'", type);
}

/* Decides on what became of a worker. */
static int link_decide(struct fl_coordinator *c, struct worker_link *link, enum link_news news,
                       struct fl_err *reterr)
{
    struct fl_input input = {.type = FL_INPUT_WORKER_HELLO,
                             .worker = link->name,
                             .who = link->name,
                             .message = link->hello};

    switch (news) {
    case LINK_ENDED:
        return worker_gone(c, link->name, "said goodbye", FL_LOG_INFO, reterr);
    case LINK_LOST:
        return worker_gone(c, link->name, "silent for longer than its lease", FL_LOG_WARN, reterr);
    case LINK_BACK:
        fl_log(FL_LOG_INFO, "worker.back", "worker='%s'", link->name);
        return fl_coordinator_decide(c, &input, reterr);
    case LINK_SAME:
        break;
    }
    return 0;
}

int fl_coordinator_take_link(struct fl_coordinator *c, const struct fl_bus_event *event,
                             struct fl_err *reterr)
{
    struct worker_link *link = link_find(c, event->name);
    enum link_news news = event->kind == FL_BUS_CLOSED ? LINK_ENDED
                          : event->kind == FL_BUS_GONE ? LINK_LOST
                                                       : LINK_BACK;

    if (!link || link->peer.v != event->peer.v)
        return 0; /* a session that a newer one has replaced, or that never said hello */
    if (news == LINK_ENDED)
        link->peer.v = 0;
    if (news == LINK_BACK && !link->hello)
        return 0;
    if (c->trouble.rc == 0)
        return link_decide(c, link, news, reterr);
    link->news = news; /* the last word counts; what holds already gives no event */
    return 0;
}

int fl_coordinator_take_news(struct fl_coordinator *c, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; i < c->link_count && rc == 0; i++) {
        rc = link_decide(c, &c->links[i], c->links[i].news, reterr);
        c->links[i].news = LINK_SAME;
    }
    return rc;
}

/* Its queue was full, and what did not go in was let go; now it has taken the rest. Its next hello
 * brings it from the state all that it lacks. */
static void take_worker_room(struct fl_coordinator *c, const struct fl_bus_event *event)
{
    fl_json_auto json_t *again = json_pack("{s:s}", "type", "again");

    fl_log(FL_LOG_INFO, "worker.room", "worker='%s' effect='it is asked to say hello again'",
           event->name);
    if (again)
        fl_coordinator_send(c, event->peer, again); /* rests on nothing that could be taken back */
}

int fl_coordinator_take(struct fl_coordinator *c, const struct fl_bus_event *event,
                        struct fl_err *reterr)
{
    bool is_worker = event->role == FL_BUS_WORKER;

    switch (event->kind) {
    case FL_BUS_MESSAGE:
        return is_worker ? take_worker(c, event, reterr) : fl_coordinator_request(c, event, reterr);
    case FL_BUS_GONE:
    case FL_BUS_CLOSED:
    case FL_BUS_BACK:
        return is_worker ? fl_coordinator_take_link(c, event, reterr) : 0;
    case FL_BUS_ROOM:
        if (is_worker)
            take_worker_room(c, event);
        return 0;
    case FL_BUS_OPENED:
    case FL_BUS_RESET:
        return 0;
    }
    return 0;
}
