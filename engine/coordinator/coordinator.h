#ifndef FL_COORDINATOR_COORDINATOR_H
#define FL_COORDINATOR_COORDINATOR_H

/* The daemon that decides: one loop that takes what has arrived, decides, makes the events durable
 * in one transaction, and only then lets anything out. The program fairleadd runs it, and so does
 * `fairlead run` in a thread of its own.
 * The transaction is a second thread's work. While it is under way the loop decides on what comes
 * next (the live state has the batch already), but nothing of either batch goes out before its own
 * commit. When the disk is full or a write fails, nothing is decided and nothing dispatched until
 * it can be written: the bus stays alive, questions are answered, an alarm says so. A failed sync
 * ends the loop: only a new start knows what is on the disk.
 * Owns: the state folder (by its lock), the bus, the live state, the commit thread and the query
 * service's thread. Threads: the loop belongs to the thread that calls fl_coordinator_run;
 * fl_coordinator_stop is for any thread.
 * Limits: FL_COORDINATOR_TURN_MAX inputs and about FL_COORDINATOR_EVENTS_MAX events a batch, two
 * batches; FL_COORDINATOR_QUERIES_MAX questions waiting. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/world/world.h"

#define FL_COORDINATOR_TURN_MAX 1000
#define FL_COORDINATOR_EVENTS_MAX 500 /* one decision may go beyond it, no second one does */
/* What is only for the record (a body has begun, has made progress) goes with the next batch, or by
 * itself after this long: an end, and the launches that follow from it, find no sync under way. */
#define FL_COORDINATOR_GATHER_NS ((int64_t)10000000)
/* A batch that could not be written is tried again after this long. */
#define FL_COORDINATOR_RETRY_NS ((int64_t)1000000000)
#define FL_COORDINATOR_QUERIES_MAX 256
/* How long after its launch an attempt may read at the doors of other sites [s]: it may have to
 * wait for its turn in a batch system first. */
#define FL_COORDINATOR_GRANT_S (INT64_C(3) * 86400)
/* STATE/endpoint.json while a coordinator runs: {"pid","endpoint","http","epoch","keys"}. */
#define FL_COORDINATOR_ENDPOINT_FILE "endpoint.json"
/* STATE/sites.json: {"SITE":{"root","host","worker"}}, where each site's worker says that it lies.
 */
#define FL_COORDINATOR_SITES_FILE "sites.json"

#define FL_COORDINATOR_LOG_NONE ((int64_t)-1) /* log_bytes: none of it is made ahead */

struct fl_coordinator;

struct fl_coordinator_config {
    const struct fl_world *world;
    const char *state;  /* folder; made when absent */
    const char *listen; /* "tcp://127.0.0.1:0": port 0 picks one */
    const char *keys;   /* folder of the keys; NULL: STATE/keys */
    const char *http;   /* "127.0.0.1:8090", port 0 picks one; NULL: none */
    const char *web;    /* folder of the static pages; NULL: none */
    const char *vfs;    /* SQLite's disk layer by name; NULL: the operating system's */
    int64_t log_bytes;  /* of the store's log, made at the start; 0: FL_STORE_LOG_BYTES */
};

/* Takes the lock, recovers the state from the store, binds. Everything is in place when it returns:
 * endpoint file written, HTTP answering. FL_E_LOCKED: another coordinator owns the state;
 * FL_E_BUG: the stored events contradict each other; the errors of store, keys and bus. */
int fl_coordinator_create(const struct fl_coordinator_config *config,
                          struct fl_coordinator **ret_coordinator, struct fl_err *reterr);
void fl_coordinator_destroy(struct fl_coordinator *coordinator);
FL_DEFINE_AUTO(struct fl_coordinator *, fl_coordinator_destroy)

/* Works until it is asked to stop (0) or cannot go on safely (FL_E_IO, FL_E_BUG). */
int fl_coordinator_run(struct fl_coordinator *coordinator, struct fl_err *reterr);
/* Asks the loop to end after its turn. */
void fl_coordinator_stop(struct fl_coordinator *coordinator);

/* Where it is reached; "" for no HTTP. Borrowed. */
const char *fl_coordinator_endpoint(const struct fl_coordinator *coordinator);
const char *fl_coordinator_http(const struct fl_coordinator *coordinator);
int64_t fl_coordinator_epoch(const struct fl_coordinator *coordinator);

#endif
