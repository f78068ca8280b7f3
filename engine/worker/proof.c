/* Bodies without a record: what a lost disk or a removed folder leaves running. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/tree.h"
#include "engine/worker/private.h"

#include "engine/base/banned.h"

#define AGAIN_NS INT64_C(1000000000)

static void note_token(pid_t pid, const char *value, void *arg)
{
    struct fl_worker *worker = arg;

    (void)pid;
    for (const struct attempt *at = worker->attempts; at; at = at->next) {
        if (strcmp(at->token, value) == 0)
            return;
    }
    (void)json_object_set_new(worker->strays, value, json_true());
}

void fl_proof_strays(struct fl_worker *worker)
{
    fl_tree_values("FAIRLEAD_TOKEN", note_token, worker);
}

bool fl_proof_is_stray(const struct fl_worker *worker, const char *token)
{
    return token && json_object_get(worker->strays, token);
}

static void proof_free(struct fl_worker *worker, struct proof *proof)
{
    struct proof **slot = &worker->proofs;

    while (*slot && *slot != proof)
        slot = &(*slot)->next;
    fl_assert(*slot);
    *slot = proof->next;
    fl_sweep_drop(worker, &proof->sweep);
    json_decref(proof->end);
    free(proof);
}

/* All are gone. One that finds the bus full is asked for again after the next hello. */
static void tell(struct fl_worker *worker, struct proof *proof)
{
    fl_json_auto json_t *message =
        json_pack("{s:s,s:s,s:I,s:O}", "type", "attempt", "id", proof->id, "index",
                  (json_int_t)proof->index, "event", proof->end);

    if (!message || fl_bus_client_send(worker->bus, message, NULL) < 0)
        worker->hello_due = true;
    (void)json_object_del(worker->strays, proof->token);
    proof_free(worker, proof);
}

void fl_proof_step(struct fl_worker *worker, struct proof *proof)
{
    proof->retry_ns = fl_world_mono_ns(worker->world) + AGAIN_NS;
    if (!fl_sweep(worker, proof->token, &proof->sweep))
        tell(worker, proof);
}

void fl_proof_begin(struct fl_worker *worker, const char *id, const char *token, int64_t index,
                    json_t *end)
{
    struct proof *proof = end ? calloc(1, sizeof(*proof)) : NULL;

    for (const struct proof *at = worker->proofs; at; at = at->next) {
        if (strcmp(at->id, id) == 0) { /* asked for again while it is on its way */
            json_decref(end);
            free(proof);
            return;
        }
    }
    if (!proof || !fl_spec_id_is_safe(id) || strlen(token) >= sizeof(proof->token)) {
        fl_log(FL_LOG_ERROR, "proof.failed", "attempt='%.200s' is no attempt, or out of memory",
               id);
        json_decref(end);
        free(proof);
        return;
    }
    fl_log(FL_LOG_WARN, "attempt.traceless", "attempt='%s' effect='what runs of it is ended'", id);
    proof->sweep.source = (struct source){.kind = SOURCE_PROOF, .owner = proof};
    proof->index = index;
    proof->end = end;
    (void)snprintf(proof->id, sizeof(proof->id), "%s", id);
    (void)snprintf(proof->token, sizeof(proof->token), "%s", token);
    proof->next = worker->proofs;
    worker->proofs = proof;
    fl_proof_step(worker, proof);
}

void fl_proof_release(struct fl_worker *worker)
{
    while (worker->proofs)
        proof_free(worker, worker->proofs);
    json_decref(worker->strays);
    worker->strays = NULL;
}
