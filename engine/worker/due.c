/* Launches that wait here: until a supervisor can take one, or until there is space on the disk.
 *
 * A node that is told to start a thousand stages at once starts a few at a time: those whose bodies
 * are short are over before the last would have had its turn, and their supervisors serve the
 * next. Nothing waits for a clock: each begin, and each supervisor that comes free, lets the next
 * one start. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/worker/private.h"

#include "engine/base/banned.h"

#define STARTS_MAX 4 /* attempts given to a supervisor that have not begun; spares take more */
#define STARTS_NS INT64_C(1000000000)     /* then the next starts whatever those before it do */
#define FULL_RETRY_NS INT64_C(1000000000) /* of a full disk */

/* Due: an object of {"message":…,"grant_ns":N,"later":[…]} by id, in the order of arrival. */

static json_t *first_due(const struct fl_worker *worker, const char **ret_id)
{
    void *at = json_object_iter(worker->due);

    *ret_id = at ? json_object_iter_key(at) : NULL;
    return at ? json_object_iter_value(at) : NULL;
}

/* More can start now. */
static bool has_room(const struct fl_worker *worker, int64_t now_ns)
{
    return worker->spare_count > 0 || worker->start_count < STARTS_MAX || now_ns >= worker->due_ns;
}

static bool is_stuck(const struct fl_worker *worker)
{
    return worker->stuck_ns != INT64_MAX;
}

static void note_full(struct fl_worker *worker, const char *id, const struct fl_err *why)
{
    if (!is_stuck(worker))
        fl_log(FL_LOG_ERROR, "disk.full",
               "attempt='%s' error='%s' effect='launches wait until there is space'", id,
               why->text);
    worker->stuck_ns = fl_world_mono_ns(worker->world) + FULL_RETRY_NS;
}

static void note_space(struct fl_worker *worker)
{
    if (is_stuck(worker))
        fl_log(FL_LOG_INFO, "disk.space", "effect='%zu launches go on'",
               json_object_size(worker->due));
    worker->stuck_ns = INT64_MAX;
}

/* Starts it, and tells it what has come for it meanwhile. False: the disk is full. */
static bool launch_due(struct fl_worker *worker, const char *key, const json_t *entry)
{
    fl_json_auto json_t *later = json_incref(json_object_get(entry, "later"));
    struct fl_err err = {0};
    char id[FL_SPEC_ID_MAX + 1];
    size_t i;
    json_t *message;
    int rc = fl_worker_launch(worker, json_object_get(entry, "message"),
                              json_integer_value(json_object_get(entry, "grant_ns")), &err);

    (void)snprintf(id, sizeof(id), "%s", key);
    if (rc == FL_E_NOSPACE) {
        note_full(worker, id, &err);
        return false;
    }
    (void)json_object_del(worker->due, id);
    note_space(worker);
    json_array_foreach(later, i, message)
    {
        fl_worker_take(worker, message);
    }
    return true;
}

void fl_due_step(struct fl_worker *worker)
{
    int64_t now_ns = fl_world_mono_ns(worker->world);
    const char *id;
    const json_t *entry;

    if (is_stuck(worker) && now_ns < worker->stuck_ns)
        return;
    while ((entry = first_due(worker, &id)) != NULL && has_room(worker, now_ns)) {
        if (!launch_due(worker, id, entry))
            return;
        worker->due_ns = now_ns + STARTS_NS;
    }
    if (!entry)
        worker->due_ns = worker->stuck_ns = INT64_MAX;
}

int64_t fl_due_timer(const struct fl_worker *worker)
{
    return is_stuck(worker) ? worker->stuck_ns : worker->due_ns;
}

int fl_due_add(struct fl_worker *worker, const char *id, const json_t *message, int64_t grant_ns,
               struct fl_err *reterr)
{
    json_t *entry = json_object_get(worker->due, id);
    json_t *later = entry ? json_incref(json_object_get(entry, "later")) : json_array();

    if (!entry && json_object_size(worker->due) >= FL_WORKER_ATTEMPTS_MAX) {
        json_decref(later);
        return fl_err_set(reterr, FL_E_FULL, 0, "%d launches wait at this worker already",
                          FL_WORKER_ATTEMPTS_MAX);
    }
    entry = json_pack("{s:O,s:I,s:o}", "message", message, "grant_ns", (json_int_t)grant_ns,
                      "later", later);
    if (!entry || json_object_set_new(worker->due, id, entry) != 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "launch: out of memory");
    if (worker->due_ns == INT64_MAX)
        worker->due_ns = fl_world_mono_ns(worker->world) + STARTS_NS;
    fl_due_step(worker);
    return 0;
}

bool fl_due_take(struct fl_worker *worker, const char *type, const char *id, const json_t *message)
{
    const json_t *entry = json_object_get(worker->due, id);

    if (!entry)
        return false;
    if (strcmp(type, "provide") == 0) /* one that finds no memory is provided at the next hello */
        return json_array_append(json_object_get(entry, "later"), (json_t *)(uintptr_t)message) ==
               0;
    if (strcmp(type, "cancel") == 0 || strcmp(type, "prove") == 0 || strcmp(type, "forget") == 0)
        (void)json_object_del(worker->due, id); /* it is there */
    return strcmp(type, "forget") == 0;
}

void fl_due_clear(struct fl_worker *worker)
{
    (void)json_object_clear(worker->due);
    worker->due_ns = worker->stuck_ns = INT64_MAX;
}
