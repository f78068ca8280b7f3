/* The worker's loop: the coordinator's messages, and whatever its descriptors tell. */
#include "config.h"

#include "engine/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/bus/keys.h"
#include "engine/world/file.h"
#include "engine/world/process.h"
#include "engine/world/wake.h"
#include "engine/worker/private.h"

#include "engine/base/banned.h"

#define EVENTS_A_TURN 1000
#define ITEMS_MAX 8
#define GRANT_MARGIN_NS INT64_C(2000000000) /* for clocks that do not run alike */

struct site *fl_worker_site(struct fl_worker *worker, const char *name)
{
    for (size_t i = 0; i < worker->site_count; i++) {
        if (strcmp(worker->sites[i].name, name) == 0)
            return &worker->sites[i];
    }
    return NULL;
}

struct attempt *fl_worker_find(struct fl_worker *worker, const char *id)
{
    struct attempt *attempt = worker->attempts;

    while (attempt && strcmp(attempt->id, id) != 0)
        attempt = attempt->next;
    return attempt;
}

/* ---------------------------------------------------------------- hello */

static json_t *hello_lists(const struct fl_worker *worker, json_t *pools, json_t *sites,
                           json_t *attempts)
{
    for (size_t i = 0; i < worker->pool_count; i++) {
        const struct pool *pool = &worker->pools[i];

        (void)json_array_append_new(
            pools, json_pack("{s:s,s:s,s:I,s:I,s:O*}", "pool", pool->name, "site", pool->site,
                             "cores", (json_int_t)pool->cores, "jobs", (json_int_t)pool->jobs,
                             "resources", pool->resources));
    }
    for (size_t i = 0; i < worker->site_count; i++) {
        const struct site *site = &worker->sites[i];

        (void)json_array_append_new(sites, json_pack("{s:s,s:s,s:s*}", "site", site->name, "root",
                                                     site->root, "door",
                                                     site->door.url[0] ? site->door.url : NULL));
    }
    for (const struct attempt *attempt = worker->attempts; attempt; attempt = attempt->next) {
        (void)json_array_append_new(attempts, json_string(attempt->id));
    }
    return attempts;
}

static int say_hello(struct fl_worker *worker, struct fl_err *reterr)
{
    fl_json_auto json_t *hello = NULL;
    json_t *pools = json_array();
    json_t *sites = json_array();
    json_t *attempts = json_array();
    char host[128] = "unknown";
    int rc;

    (void)gethostname(host, sizeof(host) - 1); /* for people only */
    (void)hello_lists(worker, pools, sites, attempts);
    hello = json_pack("{s:s,s:i,s:s,s:s,s:o,s:o,s:o,s:O}", "type", "hello", "v", 1, "worker",
                      worker->name, "host", host, "pools", pools, "sites", sites, "attempts",
                      attempts, "told", worker->told);
    rc = hello ? fl_bus_client_send(worker->bus, hello, reterr)
               : fl_err_set(reterr, FL_E_NOMEM, 0, "hello: out of memory");
    if (rc == 0) {
        worker->said = true;
        worker->hello_due = false;
    }
    return rc;
}

/* Calls fn for every attempt, which fn may free. */
static void each_attempt(struct fl_worker *worker,
                         void (*fn)(struct fl_worker *worker, struct attempt *attempt))
{
    struct attempt *next;

    for (struct attempt *attempt = worker->attempts; attempt; attempt = next) {
        next = attempt->next;
        fn(worker, attempt);
    }
}

/* Hello waits for the doors' addresses, once; then all that happened is told. */
static void hello_if_due(struct fl_worker *worker)
{
    struct fl_err err = {0};
    int rc;

    if (!worker->opened || !worker->hello_due)
        return;
    for (size_t i = 0; i < worker->site_count; i++) {
        if (!worker->sites[i].door.settled)
            return;
    }
    rc = say_hello(worker, &err);
    if (rc == 0)
        each_attempt(worker, fl_attempt_follow);
    else if (rc != FL_E_FULL)
        fl_log(FL_LOG_ERROR, "hello.failed", "error='%s'", err.text);
}

/* ---------------------------------------------------------------- messages */

/* The end of an attempt that is not in the list, as the entry of that index: a coordinator that has
 * more of it passes that over. One that finds no room is asked for again after the next hello. end
 * is released. */
static void answer_end(struct fl_worker *worker, const char *id, int64_t index, json_t *end)
{
    fl_json_auto json_t *message = json_pack("{s:s,s:s,s:I,s:o}", "type", "attempt", "id", id,
                                             "index", (json_int_t)index, "event", end);

    if (!message || fl_bus_client_send(worker->bus, message, NULL) < 0) {
        fl_log(FL_LOG_WARN, "end.untold", "attempt='%s' effect='told after the next hello'", id);
        worker->hello_due = true;
    }
}

static void refuse_launch(struct fl_worker *worker, const char *id, const struct fl_err *why)
{
    fl_log(FL_LOG_WARN, "launch.refused", "attempt='%s' error='%s'", id, why->text);
    answer_end(
        worker, id, 1,
        fl_spool_end("failed", -1, 0, fl_err_class_name(fl_err_class(why->code)), why->text));
}

/* A grant is good only while the coordinator cannot have given this worker up: one that was frozen,
 * or cut off, and wakes to an old launch asks before it begins. */
static int64_t grant_until(const struct fl_worker *worker, const json_t *message)
{
    int64_t present_ns = fl_bus_client_present_ns(worker->bus);

    if (!json_is_true(json_object_get(message, "grant")) || present_ns < GRANT_MARGIN_NS)
        return 0;
    return present_ns - GRANT_MARGIN_NS;
}

/* A coordinator whose record was restored from a backup asks for what it has lost: the record of it
 * is sent again, with the token of the new launch, so that it is taken for what was asked for. */
static void say_known(struct fl_worker *worker, struct attempt *attempt, const char *token)
{
    fl_log(FL_LOG_WARN, "launch.known", "attempt='%s' runs already; its record is sent again",
           attempt->id);
    (void)snprintf(attempt->known, sizeof(attempt->known), "%s", token);
    attempt->acked = 0;
    fl_attempt_resend(attempt);
    fl_attempt_follow(worker, attempt);
}

/* A full disk: nothing of it is kept, and it is tried again. */
static int put_off(struct fl_worker *worker, struct attempt *attempt, const struct fl_err *why,
                   struct fl_err *reterr)
{
    (void)fl_dir_remove(worker->world, attempt->folder,
                        NULL); /* a half-made one is removed again */
    fl_live_clear(worker, attempt->site, attempt->id);
    fl_attempt_free(worker, attempt);
    return fl_err_set(reterr, FL_E_NOSPACE, why->foreign, "%s", why->text);
}

/* A body of this attempt was found running though nothing else of it is left here. */
static void end_stray(struct fl_worker *worker, const struct fl_spec *spec)
{
    fl_proof_begin(worker, spec->id, spec->token, 1,
                   fl_spool_end("failed", -1, 0, "transient",
                                "a body of it ran on without its folder; it was ended"));
}

static int launch(struct fl_worker *worker, const struct fl_spec *spec, int64_t grant_ns,
                  struct fl_err *reterr)
{
    struct site *site = fl_worker_site(worker, spec->site);
    struct attempt *attempt = NULL;
    struct fl_err why = {0};
    int rc;

    if (!site)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "worker '%s' has no site '%s'", worker->name,
                          spec->site);
    attempt = fl_worker_find(worker, spec->id);
    if (attempt) { /* said twice: it runs already */
        if (strcmp(attempt->token, spec->token) != 0)
            say_known(worker, attempt, spec->token);
        return 0;
    }
    if (fl_proof_is_stray(worker, spec->token)) {
        end_stray(worker, spec);
        return 0;
    }
    rc = fl_live_mark(worker, site, spec->id, reterr);
    if (rc == 0)
        rc = fl_attempt_add(worker, site, spec->id, &attempt, reterr);
    if (rc < 0)
        return rc;
    (void)snprintf(attempt->token, sizeof(attempt->token), "%s", spec->token);
    rc = fl_prepare_folder(worker, attempt, spec, &why);
    if (rc == FL_E_EXISTS) { /* ended, acknowledged, and asked for once more: nothing runs twice */
        fl_log(FL_LOG_WARN, "launch.known", "attempt='%s' was here before; its record is sent",
               attempt->id);
        (void)snprintf(attempt->known, sizeof(attempt->known), "%s", spec->token);
        fl_attempt_adopt(worker, attempt);
        return 0;
    }
    if (rc == FL_E_NOSPACE)
        return put_off(worker, attempt, &why, reterr);
    if (rc == 0)
        rc = fl_holder_give(worker, attempt, grant_ns, &why);
    if (rc < 0)
        fl_attempt_fail(worker, attempt, &why);
    return 0;
}

int fl_worker_launch(struct fl_worker *worker, const json_t *message, int64_t grant_ns,
                     struct fl_err *reterr)
{
    fl_auto(fl_spec_release) struct fl_spec spec = {0};
    json_t *json = json_object_get(message, "spec");
    const char *id = json_string_value(json_object_get(json, "id"));
    int rc = fl_spec_init(&spec, json, reterr);

    if (rc == 0)
        rc = launch(worker, &spec, grant_ns, reterr);
    if (rc < 0 && rc != FL_E_NOSPACE)
        refuse_launch(worker, id, reterr);
    return rc;
}

/* One that was there before needs no supervisor; any other takes its turn. */
static void take_launch(struct fl_worker *worker, const json_t *message)
{
    const json_t *spec = json_object_get(message, "spec");
    const char *id = json_string_value(json_object_get(spec, "id"));
    int64_t grant_ns = grant_until(worker, message);
    struct fl_err err = {0};

    if (!id || !fl_spec_id_is_safe(id)) {
        (void)fl_err_set(&err, FL_E_PARSE, 0, "launch without a spec, or without a safe id");
        refuse_launch(worker, id ? id : "?", &err);
    } else if (fl_worker_find(worker, id)) {
        (void)fl_worker_launch(worker, message, grant_ns, &err); /* what is wrong was told */
    } else if (fl_due_add(worker, id, message, grant_ns, &err) < 0) {
        refuse_launch(worker, id, &err);
    }
}

static void take_provide(struct fl_worker *worker, struct attempt *attempt, const json_t *message)
{
    const json_t *inputs = NULL;
    struct fl_err err = {0};
    int rc = fl_json_array_opt(message, "inputs", &inputs, &err);

    if (rc == 0 && inputs)
        rc = fl_prepare_more(worker, attempt, message, &err);
    if (rc < 0) { /* the stage would wait for ever for what cannot come */
        fl_json_auto json_t *order = json_pack("{s:s,s:s}", "type", "fail", "reason", err.text);

        fl_log(FL_LOG_ERROR, "provide.failed", "attempt='%s' error='%s'", attempt->id, err.text);
        if (order)
            fl_attempt_order(worker, attempt, order);
    }
}

static void resend(struct fl_worker *worker, struct attempt *attempt)
{
    (void)worker;
    fl_attempt_resend(attempt);
}

/* The coordinator could not queue all that it had to say: a hello brings it again, for what it
 * lacks of us too. */
static void take_again(struct fl_worker *worker)
{
    each_attempt(worker, resend);
    worker->hello_due = true;
}

/* A coordinator whose record was restored from a backup has lost the end of it: it is told again
 * from the attempt's folder. */
static void tell_again(struct fl_worker *worker, const char *id)
{
    for (size_t i = 0; i < worker->site_count; i++) {
        struct site *site = &worker->sites[i];
        struct attempt *attempt = NULL;
        char path[FL_PATH_MAX];
        struct fl_err err = {0};
        int rc;

        if (snprintf(path, sizeof(path), "%s/work/%s/spec.json", site->root, id) >=
                (int)sizeof(path) ||
            !fl_file_exists(worker->world, path))
            continue;
        rc = fl_live_mark(worker, site, id, &err);
        if (rc == 0)
            rc = fl_attempt_add(worker, site, id, &attempt, &err);
        if (rc < 0) {
            fl_log(FL_LOG_WARN, "attempt.tell", "attempt='%s' error='%s'", id, err.text);
            return;
        }
        fl_log(FL_LOG_WARN, "attempt.tell",
               "attempt='%s' has ended before; its record is sent again", id);
        fl_attempt_adopt(worker, attempt);
        return;
    }
}

/* About an attempt that is not here: it has ended and been acknowledged, or its launch, or all that
 * there was of it, is lost. */
static void take_unknown(struct fl_worker *worker, const char *type, const char *id,
                         const json_t *message)
{
    const char *token = json_string_value(json_object_get(message, "token"));
    char reason[256];
    char host[128] = "unknown";

    if (strcmp(type, "go") == 0) {
        tell_again(worker, id);
    } else if (strcmp(type, "cancel") == 0) {
        json_t *end = fl_spool_end("cancelled", -1, 0, NULL, "cancelled before it was launched");

        int64_t next = json_integer_value(json_object_get(message, "index")) + 1;

        if (fl_proof_is_stray(worker, token))
            fl_proof_begin(worker, id, token, next, end);
        else
            answer_end(worker, id, next, end);
    } else if (strcmp(type, "prove") == 0 && token) {
        (void)gethostname(host, sizeof(host) - 1); /* for people only */
        (void)snprintf(reason, sizeof(reason),
                       "nothing of it is left at '%s': its folder is gone, and no process on "
                       "host '%s' has its token",
                       worker->name, host);
        fl_proof_begin(worker, id, token, 1, fl_spool_end("lost", -1, 0, "transient", reason));
    }
}

static void take_clean(struct fl_worker *worker, const json_t *message)
{
    const json_t *runs = json_object_get(message, "runs");
    const char *run = json_string_value(json_object_get(message, "run"));

    if (run)
        fl_clean_begin(worker, run);
    for (size_t i = 0; i < json_array_size(runs); i++) {
        run = json_string_value(json_array_get(runs, i));
        if (run)
            fl_clean_begin(worker, run);
    }
}

static void take_watch(struct fl_worker *worker, const json_t *message)
{
    struct fl_err err = {0};

    if (fl_arrive_watch(worker, message, &err) < 0)
        fl_log(FL_LOG_ERROR, "watch.refused", "error='%s'", err.text);
}

static void take_removal(struct fl_worker *worker, const json_t *message)
{
    struct fl_err err = {0};

    if (fl_remove_begin(worker, message, &err) < 0)
        fl_log(FL_LOG_ERROR, "remove.refused", "error='%s'", err.text);
}

static void take_await(struct fl_worker *worker, const json_t *message)
{
    struct fl_err err = {0};

    if (fl_await_begin(worker, message, &err) < 0)
        fl_log(FL_LOG_ERROR, "await.refused", "error='%s'", err.text);
}

void fl_worker_take(struct fl_worker *worker, const json_t *message)
{
    const char *type = "";
    const char *id = NULL;
    struct attempt *attempt;
    int64_t index = 0;

    if (fl_json_string(message, "type", &type, NULL) < 0)
        return;
    if (strcmp(type, "welcome") == 0)
        return;
    if (strcmp(type, "again") == 0) {
        take_again(worker);
        return;
    }
    if (strcmp(type, "launch") == 0) {
        take_launch(worker, message);
        return;
    }
    if (strcmp(type, "clean") == 0) {
        take_clean(worker, message);
        return;
    }
    if (strcmp(type, "watch") == 0) {
        take_watch(worker, message);
        return;
    }
    if (strcmp(type, "remove") == 0 || strcmp(type, "removed-at-source") == 0 ||
        strcmp(type, "withdraw") == 0) {
        take_removal(worker, message);
        return;
    }
    if (strcmp(type, "await") == 0) {
        take_await(worker, message);
        return;
    }
    if (fl_json_string(message, "id", &id, NULL) < 0) {
        fl_log(FL_LOG_WARN, "message.unknown", "type='%s'", type);
        return;
    }
    if (strcmp(type, "unwatch") == 0) {
        fl_arrive_unwatch(worker, id);
        fl_await_end(worker, id);
        return;
    }
    attempt = fl_worker_find(worker, id);
    if (!attempt) {
        if (!fl_due_take(worker, type, id, message))
            take_unknown(worker, type, id, message);
        return;
    }
    if (strcmp(type, "go") == 0 || strcmp(type, "refuse") == 0 || strcmp(type, "cancel") == 0)
        fl_attempt_order(worker, attempt, message);
    else if (strcmp(type, "provide") == 0)
        take_provide(worker, attempt, message);
    else if (strcmp(type, "ack") == 0 && fl_json_int(message, "index", &index, NULL) == 0)
        fl_attempt_ack(worker, attempt, index);
    else if (strcmp(type, "forget") == 0)
        fl_attempt_forget(worker, attempt);
    else
        fl_log(FL_LOG_WARN, "message.unknown", "type='%s'", type);
}

static int take_bus(struct fl_worker *worker, struct fl_err *reterr)
{
    for (int i = 0; i < EVENTS_A_TURN; i++) {
        struct fl_bus_event event = {0};
        int rc = fl_bus_client_recv(worker->bus, &event, reterr);

        if (rc == FL_E_AGAIN)
            return 0;
        if (rc < 0)
            return rc;
        worker->was_busy = true;
        switch (event.kind) {
        case FL_BUS_OPENED:
            worker->opened = worker->hello_due = true;
            break;
        case FL_BUS_MESSAGE:
            fl_worker_take(worker, event.message);
            json_decref(event.message);
            break;
        case FL_BUS_RESET:
            worker->opened = worker->said = false;
            fl_due_clear(worker); /* what is still wanted is asked for again */
            fl_arrive_clear(worker);
            fl_remove_clear(worker);
            fl_await_clear(worker);
            each_attempt(worker, resend);
            break;
        case FL_BUS_GONE:
            fl_log(FL_LOG_WARN, "coordinator.silent", "attempts=%zu run on%s",
                   worker->attempt_count,
                   worker->opened ? ""
                                  : "; it is not there, or has not put the key of this worker on "
                                    "its allow-list");
            break;
        case FL_BUS_BACK:
            fl_log(FL_LOG_INFO, "coordinator.back", "attempts=%zu", worker->attempt_count);
            break;
        case FL_BUS_ROOM: /* a server's alone */
            break;
        case FL_BUS_CLOSED:
            return fl_err_set(reterr, FL_E_LOCKED, 0,
                              "another process speaks as worker '%s' now; this one ends",
                              worker->name);
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- the turn */

static void take_source(struct fl_worker *worker, const struct source *source)
{
    switch (source->kind) {
    case SOURCE_BELL:
        fl_wake_clear(worker->bell_fd);
        worker->stopping = true;
        break;
    case SOURCE_CHANNEL:
        fl_holder_hear(worker, source->owner);
        break;
    case SOURCE_DEATH:
        fl_holder_died(worker, source->owner);
        break;
    case SOURCE_SWEEP:
        fl_death_sweep(worker, source->owner);
        break;
    case SOURCE_PROOF:
        fl_proof_step(worker, source->owner);
        break;
    case SOURCE_FOLDERS:
        fl_arrive_look(worker);
        break;
    case SOURCE_LOOKOUT:
        fl_await_look(worker, source->owner);
        break;
    case SOURCE_CHORE:
        break; /* fl_remove_step looks at it in this turn */
    case SOURCE_DOOR:
        if (fl_door_look(worker, source->owner))
            worker->hello_due = true;
        break;
    }
}

/* Makes a piece of what is used up, in each turn that has nothing else to do until there is enough.
 */
static void take_stock(struct fl_worker *worker)
{
    bool more = false;

    for (size_t i = 0; i < worker->site_count && !more; i++)
        more = fl_ready_stock(worker, &worker->sites[i]);
    if (!more)
        fl_holder_stock(worker);
    worker->stock_ns = more ? 0 : INT64_MAX;
}

static void take_proofs(struct fl_worker *worker, int64_t now_ns)
{
    struct proof *next;

    for (struct proof *proof = worker->proofs; proof; proof = next) {
        next = proof->next;
        if (now_ns >= proof->retry_ns)
            fl_proof_step(worker, proof);
    }
}

static void take_timers(struct fl_worker *worker)
{
    int64_t now_ns = fl_world_mono_ns(worker->world);
    struct attempt *next;

    for (size_t i = 0; i < worker->site_count; i++) {
        if (fl_door_timer(worker, &worker->sites[i], now_ns))
            worker->hello_due = true;
    }
    if (now_ns >= worker->stock_ns && !worker->was_busy)
        take_stock(worker);
    if (worker->cleanings)
        fl_clean_step(worker);
    if (worker->removals)
        fl_remove_step(worker);
    take_proofs(worker, now_ns);
    fl_await_timer(worker, now_ns);
    for (struct attempt *attempt = worker->attempts; attempt; attempt = next) {
        next = attempt->next;
        if (now_ns >= attempt->retry_ns)
            fl_attempt_retry(worker, attempt);
        else if (attempt->held)
            fl_attempt_follow(worker, attempt);
    }
}

int fl_worker_turn(struct fl_worker *worker, struct fl_err *reterr)
{
    uint64_t key;
    int rc;

    worker->was_busy = false;
    rc = take_bus(worker, reterr);
    if (rc < 0)
        return rc;
    for (int i = 0; i < EVENTS_A_TURN && fl_watch_next(worker->watch, &key); i++) {
        worker->was_busy = true;
        take_source(worker, (const struct source *)(uintptr_t)key);
    }
    fl_due_step(worker); /* once all is known that has come free */
    take_timers(worker);
    hello_if_due(worker);
    return worker->stopping ? 1 : 0;
}

size_t fl_worker_wait_items(struct fl_worker *worker, struct fl_wait_item *items, size_t room)
{
    size_t count = fl_bus_client_wait_items(worker->bus, items, room);

    if (count < room)
        items[count++] = (struct fl_wait_item){.fd = fl_watch_fd(worker->watch)};
    return count;
}

int64_t fl_worker_timer(const struct fl_worker *worker)
{
    int64_t due_ns = fl_bus_client_timer(worker->bus);
    int64_t await_ns = fl_await_next_ns(worker);

    if (worker->cleanings || (worker->removals && !worker->removal_waits))
        return 0;
    if (worker->stock_ns < due_ns)
        due_ns = worker->stock_ns;
    if (fl_due_timer(worker) < due_ns)
        due_ns = fl_due_timer(worker);
    if (await_ns < due_ns)
        due_ns = await_ns;
    for (const struct proof *proof = worker->proofs; proof; proof = proof->next) {
        if (proof->retry_ns < due_ns)
            due_ns = proof->retry_ns;
    }
    for (size_t i = 0; i < worker->site_count; i++) {
        if (worker->sites[i].door.next_ns < due_ns)
            due_ns = worker->sites[i].door.next_ns;
    }
    for (const struct attempt *attempt = worker->attempts; attempt; attempt = attempt->next) {
        if (attempt->retry_ns < due_ns)
            due_ns = attempt->retry_ns;
    }
    return due_ns;
}

int fl_worker_run(struct fl_worker *worker, struct fl_err *reterr)
{
    int rc;

    while ((rc = fl_worker_turn(worker, reterr)) == 0) {
        struct fl_wait_item items[ITEMS_MAX];
        size_t count = fl_worker_wait_items(worker, items, ITEMS_MAX);
        int64_t now_ns = fl_world_mono_ns(worker->world);
        int64_t due_ns = fl_worker_timer(worker);
        int64_t wait_ns = due_ns == INT64_MAX ? -1 : due_ns > now_ns ? due_ns - now_ns : 0;

        rc = fl_world_wait(worker->world, items, count, wait_ns, reterr);
        if (rc < 0 && rc != FL_E_TIMEOUT)
            return rc;
    }
    return rc < 0 ? rc : 0;
}

void fl_worker_stop(struct fl_worker *worker)
{
    fl_wake_ring(worker->bell_fd);
}
