/* Attempts in a worker's hands: following, orders, acknowledgement. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"
#include "engine/worker/private.h"
#include "engine/worker/supervisor.h"

#include "engine/base/banned.h"

#define ENTRIES_A_TURN 1000
#define SYNC_NS INT64_C(200000000)       /* an end that is not acknowledged by then is synced */
#define ORDER_RETRY_NS INT64_C(50000000) /* a supervisor that is stopped has its queue full */

int fl_attempt_add(struct fl_worker *worker, struct site *site, const char *id,
                   struct attempt **ret_attempt, struct fl_err *reterr)
{
    struct attempt *attempt;
    int rc;

    if (worker->attempt_count >= FL_WORKER_ATTEMPTS_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "this worker holds %d attempts already",
                          FL_WORKER_ATTEMPTS_MAX);
    attempt = calloc(1, sizeof(*attempt));
    if (!attempt)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "attempt: out of memory");
    attempt->site = site;
    attempt->sweep.source = (struct source){.kind = SOURCE_SWEEP, .owner = attempt};
    attempt->lock_fd = -1;
    attempt->retry_ns = INT64_MAX;
    (void)snprintf(attempt->id, sizeof(attempt->id), "%s", id);
    attempt->orders = json_array();
    rc = attempt->orders ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "attempt: out of memory");
    if (rc == 0 && snprintf(attempt->folder, FL_PATH_MAX, "%s/work/%s", site->root, id) >=
                       FL_PATH_MAX - FL_SPEC_ID_MAX)
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "path of attempt '%s' is too long", id);
    if (rc == 0)
        rc = fl_spool_reader_init(&attempt->reader, worker->world, attempt->folder, reterr);
    if (rc < 0) {
        json_decref(attempt->orders);
        free(attempt);
        return rc;
    }
    attempt->next = worker->attempts;
    worker->attempts = attempt;
    worker->attempt_count++;
    *ret_attempt = attempt;
    return 0;
}

void fl_attempt_free(struct fl_worker *worker, struct attempt *attempt)
{
    struct attempt **slot = &worker->attempts;

    while (*slot && *slot != attempt)
        slot = &(*slot)->next;
    fl_assert(*slot);
    *slot = attempt->next;
    worker->attempt_count--;
    if (attempt->holder)
        fl_holder_release(worker, attempt->holder);
    fl_sweep_drop(worker, &attempt->sweep);
    fl_lock_release(worker->world, attempt->lock_fd);
    fl_spool_reader_release(&attempt->reader);
    json_decref(attempt->orders);
    json_decref(attempt->held);
    json_decref(attempt->end);
    free(attempt);
}

/* No more will be said of it: its marker goes, and our memory of it. */
static void finish(struct fl_worker *worker, struct attempt *attempt)
{
    if (attempt->end_index > 0 && json_array_size(worker->told) >= FL_WORKER_TOLD_MAX)
        (void)json_array_remove(worker->told, 0); /* there is one */
    if (attempt->end_index > 0)
        (void)json_array_append_new(worker->told, json_string(attempt->id)); /* or forgotten */
    fl_live_clear(worker, attempt->site, attempt->id);
    fl_attempt_free(worker, attempt);
}

void fl_attempt_retry_in(struct fl_worker *worker, struct attempt *attempt, int64_t wait_ns)
{
    attempt->retry_ns = fl_world_mono_ns(worker->world) + wait_ns;
}

int fl_attempt_json(struct fl_worker *worker, const struct attempt *attempt, const char *file,
                    json_t **ret_json, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    char path[FL_PATH_MAX];
    const char *brace;
    int rc = fl_path_join(attempt->folder, file, path, sizeof(path), reterr);

    fl_buf_init(&text, FL_JSON_MAX);
    if (rc == 0)
        rc = fl_file_read(worker->world, path, FL_JSON_MAX, &text, reterr);
    if (rc < 0)
        return rc;
    brace = strchr(text.data, '{'); /* behind the process id of a lock */
    if (!brace)
        return fl_err_set(reterr, FL_E_PARSE, 0, "'%s' is empty", path);
    return fl_json_parse(brace, text.size - (size_t)(brace - text.data), ret_json, reterr);
}

/* ---------------------------------------------------------------- orders */

/* Sends what waits, in order. */
static void send_orders(struct fl_worker *worker, struct attempt *attempt)
{
    while (attempt->holder && json_array_size(attempt->orders) > 0) {
        int rc = fl_holder_say(worker, attempt->holder, json_array_get(attempt->orders, 0));

        if (rc == FL_E_AGAIN) {
            fl_attempt_retry_in(worker, attempt, ORDER_RETRY_NS);
            return;
        }
        if (rc == FL_E_NET)
            return; /* it is dead, which is seen soon, or ends */
        (void)json_array_remove(attempt->orders, 0);
    }
}

void fl_attempt_order(struct fl_worker *worker, struct attempt *attempt, const json_t *order)
{
    const char *type = json_string_value(json_object_get(order, "type"));
    size_t at = 0;

    /* one of each type at most: the newest says all that those before it said */
    while (at < json_array_size(attempt->orders)) {
        const char *have =
            json_string_value(json_object_get(json_array_get(attempt->orders, at), "type"));

        if (type && have && strcmp(type, have) == 0)
            (void)json_array_remove(attempt->orders, at);
        else
            at++;
    }
    (void)json_array_append(attempt->orders, (json_t *)(uintptr_t)order);
    send_orders(worker, attempt);
}

/* ---------------------------------------------------------------- the spool */

/* Sends one entry. FL_E_FULL: it is held, and comes first next time. */
static int send_entry(struct fl_worker *worker, struct attempt *attempt, int64_t index,
                      json_t *event)
{
    fl_json_auto json_t *message = NULL;
    struct fl_err err = {0};
    const char *type = json_string_value(json_object_get(event, "type"));
    int rc = 0;

    if (type && strcmp(type, "end") == 0) {
        if (attempt->end_index == 0) {
            attempt->unsynced = true;
            if (attempt->retry_ns == INT64_MAX)
                fl_attempt_retry_in(worker, attempt, SYNC_NS);
        }
        attempt->end_index = index;
        json_decref(attempt->end);
        attempt->end = json_incref(event);
        if (index <= attempt->acked) /* lines before it were lost here; an end is never old */
            index = attempt->acked + 1;
    }
    if (attempt->forgotten || index <= attempt->acked)
        return 0;
    if (attempt->known[0] && type && strcmp(type, "begin") == 0)
        (void)json_object_set_new(event, "known", json_string(attempt->known));
    message = json_pack("{s:s,s:s,s:I,s:O}", "type", "attempt", "id", attempt->id, "index",
                        (json_int_t)index, "event", event);
    rc = message ? fl_bus_client_send(worker->bus, message, &err) : FL_E_NOMEM;
    if (rc == 0)
        return 0;
    if (rc != FL_E_FULL)
        fl_log(FL_LOG_WARN, "report.failed", "attempt='%s' index=%lld error='%s'", attempt->id,
               (long long)index, err.text);
    json_incref(event);
    json_decref(attempt->held);
    attempt->held = event;
    attempt->held_index = index;
    return rc;
}

static bool may_send(const struct fl_worker *worker, const struct attempt *attempt)
{
    return (worker->said || attempt->forgotten) && !attempt->held;
}

static void send_new(struct fl_worker *worker, struct attempt *attempt)
{
    struct fl_err err = {0};
    int rc = 0;

    if (attempt->held) {
        json_t *event = FL_STEAL(attempt->held);

        rc = send_entry(worker, attempt, attempt->held_index, event);
        json_decref(event);
    }
    for (int i = 0; rc == 0 && i < ENTRIES_A_TURN; i++) {
        fl_json_auto json_t *event = NULL;
        int64_t index = 0;

        rc = fl_spool_next(&attempt->reader, &index, &event, &err);
        if (rc == 0)
            rc = send_entry(worker, attempt, index, event);
        else if (rc == FL_E_PARSE && !attempt->dead)
            fl_log(FL_LOG_WARN, "spool.unreadable", "attempt='%s' error='%s'", attempt->id,
                   err.text);
    }
    if (rc == 0) /* there is more */
        attempt->retry_ns = 0;
}

/* The coordinator wants no more of it, and it has ended. */
static bool is_over(const struct attempt *attempt)
{
    return attempt->end_index > 0 && attempt->forgotten;
}

void fl_attempt_line(struct fl_worker *worker, struct attempt *attempt, const char *line,
                     size_t size)
{
    fl_json_auto json_t *event = NULL;

    if (!may_send(worker, attempt))
        return; /* it is read from the file when it can be sent */
    if (fl_spool_take(&attempt->reader, line, size, &event, NULL) < 0) {
        fl_attempt_follow(worker, attempt);
        return;
    }
    (void)send_entry(worker, attempt, attempt->reader.index, event); /* or it is held */
    if (is_over(attempt))
        finish(worker, attempt);
}

/* All that is on the disk was read, there is no end, and nobody who could write one: what was there
 * has been lost again (a sync failed). */
static bool is_stranded(const struct attempt *attempt)
{
    bool ended = attempt->end_index > 0 && attempt->reader.index >= attempt->end_index;

    return !attempt->holder && !attempt->dead && !ended && !attempt->held && !attempt->settled &&
           attempt->retry_ns == INT64_MAX;
}

static void settle_stranded(struct fl_worker *worker, struct attempt *attempt)
{
    fl_spool_rewind(&attempt->reader); /* what was read may lie beyond what is there now */
    attempt->settled = true;           /* once: it leaves an end, or tries again by itself */
    fl_death_settle(worker, attempt, false);
}

void fl_attempt_follow(struct fl_worker *worker, struct attempt *attempt)
{
    bool reads = worker->said || attempt->forgotten;

    if (reads)
        send_new(worker, attempt);
    if (is_over(attempt))
        finish(worker, attempt);
    else if (reads && is_stranded(attempt))
        settle_stranded(worker, attempt);
}

void fl_attempt_resend(struct attempt *attempt)
{
    json_decref(attempt->held);
    attempt->held = NULL;
    fl_spool_rewind(&attempt->reader);
}

/* The coordinator acknowledges an end by `forget` alone. One that it has entries beyond, and still
 * asks for, is numbered as the next: lines that it has recorded were lost here with the machine. */
void fl_attempt_ack(struct fl_worker *worker, struct attempt *attempt, int64_t index)
{
    if (index > attempt->acked)
        attempt->acked = index;
    if (attempt->end_index > 0 && attempt->end && attempt->acked >= attempt->end_index &&
        !attempt->forgotten) {
        json_t *end = json_incref(attempt->end);

        (void)send_entry(worker, attempt, attempt->acked + 1, end); /* or it is held */
        json_decref(end);
    }
}

void fl_attempt_forget(struct fl_worker *worker, struct attempt *attempt)
{
    fl_json_auto json_t *order =
        json_pack("{s:s,s:s,s:i}", "type", "cancel", "reason",
                  "the coordinator does not know this attempt", "grace_s", 0);

    attempt->forgotten = true;
    if (is_over(attempt)) {
        finish(worker, attempt);
        return;
    }
    if (order)
        fl_attempt_order(worker, attempt, order);
    fl_attempt_follow(worker, attempt);
}

/* ---------------------------------------------------------------- taking up */

/* Reads what it spooled last, whether it can be sent now or not. */
static bool has_end(struct fl_worker *worker, const struct attempt *attempt)
{
    struct fl_spool_reader reader;
    bool found = false;
    int rc = fl_spool_reader_init(&reader, worker->world, attempt->folder, NULL);

    while (rc == 0 && !found) {
        fl_json_auto json_t *event = NULL;
        const char *type;
        int64_t index;

        rc = fl_spool_next(&reader, &index, &event, NULL);
        type = rc == 0 ? json_string_value(json_object_get(event, "type")) : NULL;
        found = type && strcmp(type, "end") == 0;
    }
    fl_spool_reader_release(&reader);
    return found;
}

void fl_attempt_died(struct fl_worker *worker, struct attempt *attempt)
{
    /* also when the end was heard: a sync that failed may have lost it again */
    if (!has_end(worker, attempt))
        fl_death_settle(worker, attempt, false);
    else
        fl_attempt_follow(worker, attempt);
}

/* The coordinator is slow to acknowledge the end, or away: until it does, the record must outlive
 * the machine. */
static void sync_record(struct fl_worker *worker, struct attempt *attempt)
{
    const struct fl_world *world = worker->world;
    int fd = world->ops->open(attempt->reader.path, O_RDONLY, 0, world->arg);
    int rc = fd < 0 ? fd : world->ops->sync(fd, world->arg);

    if (fd >= 0)
        (void)world->ops->close(fd, world->arg); /* it was only read */
    attempt->unsynced = false;
    if (rc < 0) /* after a failed sync another proves nothing */
        fl_log(FL_LOG_ERROR, "spool.unsynced", "attempt='%s' errno=%d", attempt->id, -rc);
}

void fl_attempt_unheard(struct fl_worker *worker, struct attempt *attempt)
{
    attempt->unsynced = true;
    fl_attempt_retry_in(worker, attempt, SYNC_NS);
    fl_attempt_follow(worker, attempt);
}

void fl_attempt_retry(struct fl_worker *worker, struct attempt *attempt)
{
    attempt->retry_ns = INT64_MAX;
    if (attempt->unsynced)
        sync_record(worker, attempt);
    if (attempt->dead) {
        fl_death_sweep(worker, attempt);
    } else if (!attempt->holder && attempt->end_index == 0) {
        fl_attempt_adopt(worker, attempt);
    } else {
        send_orders(worker, attempt);
        fl_attempt_follow(worker, attempt);
    }
}

/* A folder that was never made whole, or of which the machine's end has left too little. Not one
 * that a supervisor holds, whatever has become of its spec.json. */
static void drop_half_made(struct fl_worker *worker, struct attempt *attempt, int rc,
                           const struct fl_err *why)
{
    char path[FL_PATH_MAX];
    int lock_fd = -1;

    if (rc != FL_E_NOENT &&
        fl_path_join(attempt->folder, FL_SUPERVISOR_FILE, path, sizeof(path), NULL) == 0 &&
        fl_lock_take(worker->world, path, &lock_fd, NULL) < 0) {
        fl_log(FL_LOG_ERROR, "attempt.unreadable",
               "attempt='%s' error='%s' effect='its supervisor holds it; looked at again in 5 s'",
               attempt->id, why->text);
        fl_attempt_retry_in(worker, attempt, INT64_C(5000000000));
        return;
    }
    fl_lock_release(worker->world, lock_fd);
    fl_log(FL_LOG_WARN, "attempt.half_made", "attempt='%s' error='%s'", attempt->id, why->text);
    if (rc == FL_E_NOENT || rc == FL_E_PARSE)
        (void)fl_dir_remove(worker->world, attempt->folder, NULL);
    finish(worker, attempt);
}

void fl_attempt_adopt(struct fl_worker *worker, struct attempt *attempt)
{
    fl_json_auto json_t *spec = NULL;
    const char *token = "";
    struct fl_err err = {0};
    int rc = fl_attempt_json(worker, attempt, "spec.json", &spec, &err);

    if (rc == 0)
        rc = fl_json_string(spec, "token", &token, &err);
    if (rc < 0) { /* the coordinator will ask for it again */
        drop_half_made(worker, attempt, rc, &err);
        return;
    }
    (void)snprintf(attempt->token, sizeof(attempt->token), "%s", token);
    if (has_end(worker, attempt)) {
        fl_attempt_follow(worker, attempt);
        return;
    }
    rc = fl_holder_find(worker, attempt, &err);
    if (rc == 0) {
        fl_log(FL_LOG_INFO, "attempt.adopted", "attempt='%s' supervisor=%ld", attempt->id,
               (long)attempt->holder->pid);
        send_orders(worker, attempt);
        fl_attempt_follow(worker, attempt);
        return;
    }
    (void)snprintf(attempt->death, sizeof(attempt->death), "%s",
                   "found dead when its worker was started again");
    fl_death_settle(worker, attempt, true);
}

void fl_attempt_fail(struct fl_worker *worker, struct attempt *attempt, const struct fl_err *why)
{
    fl_json_auto json_t *end =
        fl_spool_end("failed", -1, 0, fl_err_class_name(fl_err_class(why->code)), why->text);

    fl_log(FL_LOG_WARN, "launch.failed", "attempt='%s' error='%s'", attempt->id, why->text);
    if (fl_death_end(worker, attempt, end, NULL) == 0) {
        fl_attempt_follow(worker, attempt);
        return;
    }
    /* not even that could be written: said once, and the coordinator asks again after a crash */
    if (end)
        (void)send_entry(worker, attempt, 1, end);
    finish(worker, attempt);
}
