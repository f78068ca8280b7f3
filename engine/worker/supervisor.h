#ifndef FL_WORKER_SUPERVISOR_H
#define FL_WORKER_SUPERVISOR_H

/* Holds one attempt: its process tree, logs, event socket and end record. Outlives the worker that
 * started it.
 *
 * A supervisor is started before it is needed and waits at its post; its worker hands it an attempt
 * by the channel that is its standard input, hears there what happens, and may hand it another one
 * when that has ended. A later worker finds it by supervisor.json and connects.
 *
 * What is on the disk when (the machine's kernel keeps what was written when a process dies; only
 * what was synced outlives the machine):
 *  - `begin` is written before the body starts: whoever finds the record knows that there may be a
 *    body, and starts no other. Not synced: when the machine goes down the body goes with it.
 *  - an output is synced, with every folder on the way to it, before it is told: others rely on it.
 *  - the end is told first and synced only when nobody hears it, or when the coordinator has not
 *    acknowledged it soon: once that has recorded it, it is needed no more. A sync of its own for
 *    each would hold up the coordinator's, on the same disk, for nothing.
 *  - all else is for people, or can be made again.
 * A full disk ends nothing: what cannot be written is kept, and what would come is left where it
 * is (the body comes to stand at full pipes in the end), until there is space.
 *
 * Owns: the attempt's folder, under the lock on supervisor.json. Threads: one.
 * Limits: outputs waiting to be hashed FL_SUPERVISOR_OUTPUTS_MAX; datagrams of
 * FL_LOCAL_DATAGRAM_MAX; entries kept while the disk is full FL_SUPERVISOR_HELD_MAX. */

#include <signal.h>

#include "engine/base/err.h"
#include "engine/world/world.h"

#define FL_SUPERVISOR_FILE "supervisor.json"
#define FL_SUPERVISOR_OUTPUTS_MAX 65536
#define FL_SUPERVISOR_HELD_MAX 1024

/* What stays from attempt to attempt: the sockets and the channel. */
struct fl_post;

/* channel_fd: from fl_channel_take_stdin, taken over; -1: none. signals_fd: from fl_signals_open
 * with SIGCHLD, SIGTERM and SIGINT. */
int fl_post_create(const struct fl_world *world, int channel_fd, int signals_fd,
                   char *const *environment, struct fl_post **ret_post, struct fl_err *reterr);
void fl_post_destroy(struct fl_post *post);
FL_DEFINE_AUTO(struct fl_post *, fl_post_destroy)
/* Waits for an attempt from the worker that started us. 1: that worker is gone, or wants no more.
 * grant: see fl_supervisor_create. */
int fl_post_wait(struct fl_post *post, char *folder, size_t size, int64_t *ret_grant_ns,
                 struct fl_err *reterr);
/* Tells the worker that the next one may come. */
void fl_post_free(struct fl_post *post);

struct fl_supervisor;

/* folder: absolute, with spec.json in it. grant_ns: until then (monotonic) the body may begin
 * without a question, as its launch said; 0: it may not. FL_E_LOCKED when another supervisor holds
 * the attempt, FL_E_EXISTS when it has been begun before. */
int fl_supervisor_create(struct fl_post *post, const char *folder, int64_t grant_ns,
                         struct fl_supervisor **ret_supervisor, struct fl_err *reterr);
void fl_supervisor_destroy(struct fl_supervisor *supervisor);
FL_DEFINE_AUTO(struct fl_supervisor *, fl_supervisor_destroy)
/* Until the attempt has its end. An error is one of the supervisor's own: the tree is gone then,
 * and the worker reports. */
int fl_supervisor_run(struct fl_supervisor *supervisor, struct fl_err *reterr);

#endif
