/* A batch: what waits for one commit, and what it lets out. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/coordinator/private.h"

#include "engine/base/banned.h"

#define OUT_MAX 100 /* messages that leave before a question is looked at again */

void fl_batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->after_count; i++) {
        json_decref(batch->afters[i].message);
        free(batch->afters[i].worker);
    }
    for (size_t i = 0; i < batch->workflow_count; i++) {
        free((char *)(uintptr_t)batch->workflows[i].digest);
        free((char *)(uintptr_t)batch->workflows[i].text);
    }
    free(batch->workflows);
    fl_events_clear(&batch->events);
    fl_effects_release(&batch->out);
    *batch = (struct batch){.afters = batch->afters, .events = batch->events};
}

int fl_batch_add_workflow(struct batch *batch, const char *digest, const char *text,
                          struct fl_err *reterr)
{
    struct fl_store_workflow *workflows =
        realloc(batch->workflows, (batch->workflow_count + 1) * sizeof(*workflows));
    struct fl_store_workflow *workflow;

    if (!workflows)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    batch->workflows = workflows;
    workflow = &workflows[batch->workflow_count];
    batch->urgent = true;
    workflow->digest = strdup(digest);
    workflow->text = strdup(text);
    workflow->size = strlen(text);
    batch->workflow_count++; /* also when one is missing: cleared with the batch */
    if (!workflow->digest || !workflow->text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    return 0;
}

bool fl_batch_is_empty(const struct batch *batch)
{
    return batch->events.count == 0 && batch->workflow_count == 0 && batch->after_count == 0;
}

bool fl_batch_is_full(const struct batch *batch)
{
    return batch->after_count >= FL_COORDINATOR_TURN_MAX ||
           batch->events.count >= FL_COORDINATOR_EVENTS_MAX ||
           batch->workflow_count >= FL_COORDINATOR_TURN_MAX;
}

void fl_batch_note(struct fl_coordinator *c, struct batch *batch, bool urgent)
{
    if (batch->since_ns == 0)
        batch->since_ns = fl_world_mono_ns(c->world);
    batch->urgent = batch->urgent || urgent;
}

int64_t fl_batch_due(const struct batch *batch)
{
    return batch->urgent || fl_batch_is_full(batch) ? 0
                                                    : batch->since_ns + FL_COORDINATOR_GATHER_NS;
}

void fl_coordinator_send(struct fl_coordinator *c, struct fl_bus_peer peer, const json_t *message)
{
    struct fl_err err = {0};
    int rc = fl_bus_server_send(c->bus, peer, message, &err);

    if (rc == FL_E_TOO_BIG && json_object_get(message, "id")) { /* a reply: say so instead */
        fl_json_auto json_t *reply = fl_query_reply(message, rc, NULL, &err);

        rc = reply ? fl_bus_server_send(c->bus, peer, reply, &err) : FL_E_NOMEM;
    }
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

/* What the worker of a hello is told again. */
static int resync(struct fl_coordinator *c, const struct after *after, struct fl_effects *out,
                  struct fl_err *reterr)
{
    const json_t *live = NULL;
    int rc = fl_json_array_opt(after->message, "attempts", &live, reterr);

    return rc < 0 ? rc : fl_core_resync(c->core, after->worker, live, out, reterr);
}

static void send_welcome(struct fl_coordinator *c, const char *worker)
{
    fl_json_auto json_t *message =
        json_pack("{s:s, s:I}", "type", "welcome", "epoch", (json_int_t)c->epoch);

    if (message)
        send_worker(c, worker, message);
    else
        fl_log(FL_LOG_WARN, "bus.send", "worker='%s' error='out of memory'", worker);
}

/* Drops the messages from `from` on to workers that are told everything in this batch anyway. */
static void drop_resynced(struct batch *batch, size_t from)
{
    size_t kept = from;

    for (size_t i = from; i < batch->out.count; i++) {
        bool told = false;

        for (size_t a = 0; a < batch->after_count && !told; a++)
            told = batch->afters[a].kind == AFTER_RESYNC &&
                   strcmp(batch->afters[a].worker, batch->out.items[i].worker) == 0;
        if (told)
            json_decref(batch->out.items[i].message);
        else
            batch->out.items[kept++] = batch->out.items[i];
    }
    batch->out.count = kept;
}

int fl_batch_prepare(struct fl_coordinator *c, struct batch *batch, struct fl_err *reterr)
{
    bool resyncs = false;
    size_t first;
    int rc = 0;

    for (size_t i = 0; i < batch->after_count && rc == 0; i++) {
        if (batch->afters[i].kind != AFTER_RESYNC)
            continue;
        resyncs = true;
        rc = resync(c, &batch->afters[i], &batch->out, reterr);
    }
    first = batch->out.count;
    for (size_t i = 0; i < batch->events.count && rc == 0; i++)
        rc = fl_core_effects(c->core, batch->events.items[i], &batch->out, reterr);
    if (rc == 0 && resyncs)
        drop_resynced(batch, first);
    for (size_t i = 0; i < batch->after_count && rc == 0; i++) {
        if (batch->afters[i].kind == AFTER_ANSWER)
            rc = fl_core_answer(c->core, batch->afters[i].worker, batch->afters[i].message,
                                &batch->out, reterr);
    }
    for (size_t i = 0; i < batch->out.count && rc == 0; i++)
        rc = fl_coordinator_add_grants(c, batch->out.items[i].message, reterr);
    return rc;
}

/* What a resync makes again from the state. */
static bool is_told_again(const json_t *message)
{
    static const char *const types[] = {"launch", "go", "provide", "cancel"};
    const char *type = json_string_value(json_object_get(message, "type"));

    for (size_t i = 0; type && i < FL_COUNT(types); i++) {
        if (strcmp(type, types[i]) == 0)
            return true;
    }
    return false;
}

void fl_batch_drop_worker(struct batch *batch, const char *worker)
{
    size_t kept = batch->out_sent;

    for (size_t i = batch->out_sent; i < batch->out.count; i++) {
        if (strcmp(batch->out.items[i].worker, worker) == 0 &&
            is_told_again(batch->out.items[i].message))
            json_decref(batch->out.items[i].message);
        else
            batch->out.items[kept++] = batch->out.items[i];
    }
    batch->out.count = kept;
}

bool fl_batch_let_out(struct fl_coordinator *c, struct batch *batch)
{
    size_t last = batch->out_sent + OUT_MAX;

    for (size_t i = 0; i < batch->after_count && batch->out_sent == 0; i++) {
        if (batch->afters[i].kind == AFTER_RESYNC)
            send_welcome(c, batch->afters[i].worker);
    }
    for (; batch->out_sent < batch->out.count && batch->out_sent < last; batch->out_sent++)
        send_worker(c, batch->out.items[batch->out_sent].worker,
                    batch->out.items[batch->out_sent].message);
    if (batch->out_sent < batch->out.count)
        return false;
    for (size_t i = 0; i < batch->after_count; i++) {
        if (batch->afters[i].kind != AFTER_SEND)
            continue;
        c->told_seq = c->seq;
        fl_coordinator_send(c, batch->afters[i].peer, batch->afters[i].message);
    }
    return true;
}
