#ifndef FL_STORE_SNAPSHOTS_H
#define FL_STORE_SNAPSHOTS_H

/* Snapshots of the state in the store: written in small transactions, so that a commit never waits
 * long for one; a snapshot counts only when its last transaction, with size and digest, is there.
 * The last FL_SNAPSHOTS_KEPT are kept, older ones go piece by piece.
 * Owns: nothing between calls but the writer's bytes. Threads: those of the store's handle.
 * Limits: FL_SNAPSHOT_MAX bytes (engine/core/snapshot.h), FL_SNAPSHOT_PART a transaction. */

#include "engine/store/store.h"

#define FL_SNAPSHOTS_KEPT 2
#define FL_SNAPSHOT_PART ((size_t)128 * 1024)

/* A snapshot on its way into the store. Zeroed: none. */
struct fl_snapshot_writer {
    uint64_t seq; /* the last event that it has */
    int format;
    char *data; /* owned; NULL: none */
    size_t size;
    size_t part; /* the next one */
};

void fl_snapshot_writer_release(struct fl_snapshot_writer *writer);
/* One transaction of it. 1: call again, 0: all is done, the writer is released. After an error it
 * is released, too: what was written of it goes with a later one. Errors as fl_store_commit. */
int fl_snapshot_write(struct fl_store *store, struct fl_snapshot_writer *writer,
                      struct fl_err *reterr);

/* Appends the newest snapshot that has no event after `until`. FL_E_NOENT: there is none.
 * FL_E_DATA: it is damaged (*ret_seq says which: ask for one before it). */
int fl_snapshot_read(struct fl_store *store, uint64_t until, struct fl_buf *out, uint64_t *ret_seq,
                     int *ret_format, struct fl_err *reterr);

#endif
