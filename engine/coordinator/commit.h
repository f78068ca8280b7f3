#ifndef FL_COORDINATOR_COMMIT_H
#define FL_COORDINATOR_COMMIT_H

/* The commit in a thread of its own, one batch in flight: while it is written and synced the loop
 * goes on deciding and answers heartbeats, however long the disk takes.
 * Owns: its thread. Threads: the calls are for the loop's thread; from fl_commit_give until
 * fl_commit_take has given its result the batch and the store belong to the commit thread.
 * Limits: one batch, one snapshot.
 *
 * Why a thread for every batch, also for a single small one: the hand-over there and back adds 12
 * us to a commit of 160 us (median of 3,000 with three events each, on two cores and a virtual
 * disk; the 99th percentiles are alike), the loop uses the time of the sync to make the messages
 * that go out after it, and a sick disk never leaves the bus deaf. */

#include "engine/store/store.h"

struct fl_commit;

/* Starts the thread. The store is borrowed. FL_E_NOMEM, FL_E_IO, FL_E_AGAIN (no thread). */
int fl_commit_create(struct fl_store *store, struct fl_commit **ret_commit, struct fl_err *reterr);
/* Waits for a batch under way, ends the thread. */
void fl_commit_destroy(struct fl_commit *commit);
FL_DEFINE_AUTO(struct fl_commit *, fl_commit_destroy)

/* Hands a batch over; there is none under way. What it points to stays as it is until it is taken
 * back. */
void fl_commit_give(struct fl_commit *commit, const struct fl_store_batch *batch);
/* True when the batch is done: *ret_rc and ret_err as fl_store_commit gave them. Never waits. */
bool fl_commit_take(struct fl_commit *commit, int *ret_rc, struct fl_err *ret_err);
/* A snapshot after event seq to be written piece by piece when no batch waits; data is taken over
 * when it is true. False: one is on its way (data NULL only asks). From any thread. */
bool fl_commit_offer(struct fl_commit *commit, uint64_t seq, char *data, size_t size);
/* Readable when there is something to take. */
int fl_commit_fd(const struct fl_commit *commit);

#endif
