#ifndef FL_WORKER_SUPERVISOR_H
#define FL_WORKER_SUPERVISOR_H

/* Holds one attempt: its process tree, logs, event socket and end record. Outlives the worker that
 * started it.
 * Owns: the attempt's folder, under its lock. Threads: one.
 * Limits: outputs waiting to be hashed FL_SUPERVISOR_OUTPUTS_MAX; datagrams of
 * FL_LOCAL_DATAGRAM_MAX. */

#include <signal.h>

#include "engine/base/err.h"
#include "engine/world/world.h"

#define FL_SUPERVISOR_FILE "supervisor.json"
#define FL_SUPERVISOR_LOCK "supervisor.lock"
#define FL_SUPERVISOR_OUTPUTS_MAX 65536

struct fl_supervisor;

/* folder: absolute, with spec.json in it. grant_ns: until then (monotonic) the body may begin
 * without a question, as its launch said; 0: it may not. signals_fd: from fl_signals_open with
 * SIGCHLD, SIGTERM and SIGINT. FL_E_LOCKED when another supervisor holds the attempt, FL_E_EXISTS
 * when it has an end. */
int fl_supervisor_create(const struct fl_world *world, const char *folder, int64_t grant_ns,
                         int signals_fd, char *const *environment,
                         struct fl_supervisor **ret_supervisor, struct fl_err *reterr);
void fl_supervisor_destroy(struct fl_supervisor *supervisor);
FL_DEFINE_AUTO(struct fl_supervisor *, fl_supervisor_destroy)
/* Until the attempt has its end. An error is one of the supervisor's own (a full disk): the tree is
 * gone then, and the worker reports. */
int fl_supervisor_run(struct fl_supervisor *supervisor, struct fl_err *reterr);

#endif
