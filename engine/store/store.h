#ifndef FL_STORE_STORE_H
#define FL_STORE_STORE_H

/* What outlives the coordinator: events in order, compiled workflows by digest, the epoch counter.
 * The callers see no SQL: another database can stand behind the same calls.
 * A batch of events is durable as a whole or not at all (write-ahead log, synchronous=FULL).
 * Owns: FOLDER/fairlead.db and its companions. Threads: one at a time for each handle; several
 * handles on one folder are fine when all but one are read-only. The caller holds FOLDER/lock
 * (fl_lock_take) while it has a handle that writes.
 * Limits: FL_STORE_BATCH_MAX events a batch, FL_STORE_WORKFLOW_MAX bytes a workflow. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/event/event.h"

#define FL_STORE_SCHEMA 2 /* 1: without snapshots */
#define FL_STORE_BATCH_MAX FL_EVENTS_MAX
#define FL_STORE_WORKFLOW_MAX ((size_t)16 * 1024 * 1024)
#define FL_STORE_FILE "fairlead.db"
#define FL_STORE_TIDY_PAGES 1000 /* of 4 KiB */
/* What the log takes until then, with its frames and a batch more. */
#define FL_STORE_LOG_BYTES ((size_t)(FL_STORE_TIDY_PAGES + 100) * (4096 + 24))

struct fl_store;

struct fl_store_config {
    const char *folder; /* exists already */
    bool read_only;     /* beside a writer, or when none runs */
    const char *vfs;    /* SQLite's disk layer by name; NULL: the operating system's */
};

/* Opens, and unless read_only makes what is missing and brings an older schema up to date, in one
 * transaction. FL_E_NOENT: read_only and there is nothing
 * yet. FL_E_UNSUPPORTED: made by a newer version. FL_E_NOSPACE, FL_E_IO, FL_E_PERM, FL_E_DATA (not
 * a state of ours, or damaged). Free with fl_store_destroy. */
int fl_store_open(const struct fl_store_config *config, struct fl_store **ret_store,
                  struct fl_err *reterr);
void fl_store_destroy(struct fl_store *store);
FL_DEFINE_AUTO(struct fl_store *, fl_store_destroy)

/* A compiled workflow (JSON text) under its digest. One that is there already is fine. */
struct fl_store_workflow {
    const char *digest;
    const char *text;
    size_t size;
};

/* What becomes durable together. All is borrowed. */
struct fl_store_batch {
    struct fl_event *const *events;
    size_t count;
    const struct fl_store_workflow *workflows; /* written before the events */
    size_t workflow_count;
};

/* Gives the events the next numbers and makes the batch durable in one transaction. On success each
 * event has its seq; on failure none has, and nothing was kept.
 * FL_E_NOSPACE, FL_E_AGAIN (a write failed otherwise), FL_E_LOCKED (another process holds the
 * file): call again with the same batch later. FL_E_IO: a sync failed; the disk's content is not
 * known any more, so every later commit fails too: end the process and recover.
 * FL_E_FULL: more than FL_STORE_BATCH_MAX events. FL_E_TOO_BIG: a workflow. */
int fl_store_commit(struct fl_store *store, const struct fl_store_batch *batch,
                    struct fl_err *reterr);
/* The same for events alone. */
int fl_store_append(struct fl_store *store, struct fl_event *const *events, size_t count,
                    struct fl_err *reterr);
/* Makes the log's place on the disk ahead, so many bytes of it: a commit that writes over
 * what is there syncs its pages, one that makes the file longer the file system's record of that
 * too, which takes as long again. Zeros are no part of a log: recovery ends at them. A disk that is
 * full makes no difference but time. FL_E_IO: a sync failed. */
int fl_store_reserve(struct fl_store *store, size_t bytes, struct fl_err *reterr);
/* Moves the write-ahead log into the file when it has grown (FL_STORE_TIDY_PAGES). Takes the time
 * of some commits: call it when nothing waits. A failure harms nothing: the log stays. */
int fl_store_tidy(struct fl_store *store, struct fl_err *reterr);

/* The number of the last durable event, 0 when there is none. */
int fl_store_last_seq(struct fl_store *store, uint64_t *ret_seq, struct fl_err *reterr);

/* The number of the event by which a run was dropped from the state, or paged: before it the state
 * has the run. FL_E_NOENT: it was not. */
int fl_store_dropped(struct fl_store *store, const char *run, uint64_t *ret_seq,
                     struct fl_err *reterr);

/* Calls fn for at most limit events (0: all) with number >= from, in order, from one consistent
 * view. The event is borrowed. A negative return of fn ends the walk with that value. */
typedef int (*fl_store_event_fn)(const struct fl_event *event, void *arg, struct fl_err *reterr);
int fl_store_load(struct fl_store *store, uint64_t from, size_t limit, fl_store_event_fn fn,
                  void *arg, struct fl_err *reterr);

/* One workflow. Errors as fl_store_commit. */
int fl_store_put_workflow(struct fl_store *store, const char *digest, const char *text, size_t size,
                          struct fl_err *reterr);
/* Appends the text to out. FL_E_NOENT. */
int fl_store_get_workflow(struct fl_store *store, const char *digest, struct fl_buf *out,
                          struct fl_err *reterr);

/* Counts the lives of the coordinator: adds one, durably, and gives the new value. */
int fl_store_next_epoch(struct fl_store *store, int64_t *ret_epoch, struct fl_err *reterr);
/* Passes over some lives. */
int fl_store_add_epochs(struct fl_store *store, int64_t count, int64_t *ret_epoch,
                        struct fl_err *reterr);

#endif
