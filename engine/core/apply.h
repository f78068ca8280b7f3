#ifndef FL_CORE_APPLY_H
#define FL_CORE_APPLY_H

/* How a change spreads inside the state; private to engine/core.
 * Owns: nothing. Threads: one at a time. Limits: none of its own. */

#include "engine/core/state.h"

/* FL_E_BUG with the event's names. */
int fl_apply_bug(const struct fl_event *event, struct fl_err *reterr, const char *what);
/* The run and, unless ret_inst is NULL, the instance that an event names. FL_E_BUG. */
int fl_apply_find(const struct fl_core *core, const struct fl_event *event, struct fl_run **ret_run,
                  uint32_t *ret_inst, struct fl_err *reterr);
/* The same with the attempt of the event's number; takes over the index of its spool. */
int fl_apply_find_attempt(const struct fl_core *core, const struct fl_event *event,
                          struct fl_run **ret_run, uint32_t *ret_inst,
                          struct fl_attempt **ret_attempt, struct fl_err *reterr);
/* Adds degraded marks that an event has as text (NULL: none). */
int fl_apply_marks(json_t **marks, const char *text, struct fl_err *reterr);
/* worker-joined, worker-left; output-accepted, output-absent. */
int fl_apply_worker_joined(struct fl_core *core, const struct fl_event *event,
                           struct fl_err *reterr);
int fl_apply_worker_left(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
int fl_apply_output(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
/* A person gave an instance its state (state-set). */
int fl_apply_state_set(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
/* An ended run goes on: what never could start waits again. */
int fl_apply_reopen(struct fl_core *core, struct fl_run *run, int64_t now_ns,
                    struct fl_err *reterr);
/* An instance is no longer one that advance must end. */
void fl_apply_spare(struct fl_run *run, uint32_t inst);
/* An instance is no longer among those that failed for good. */
void fl_apply_not_failed(struct fl_run *run, uint32_t inst);
int fl_list_push(uint32_t **list, size_t *count, size_t *room, uint32_t v, struct fl_err *reterr);
/* Waiting becomes ready when all needs are met. */
int fl_apply_try_ready(struct fl_run *run, uint32_t inst, int64_t now_ns, struct fl_err *reterr);
/* Ready waits again when some need is not met any more. */
int fl_apply_try_wait(struct fl_run *run, uint32_t inst, struct fl_err *reterr);
/* First look at all instances of a run. */
int fl_apply_wake_all(struct fl_core *core, struct fl_run *run, int64_t now_ns,
                      struct fl_err *reterr);
/* A slot is no longer what it was: its dependents hear of it. */
int fl_apply_slot_changed(struct fl_core *core, struct fl_run *run, uint32_t slot,
                          enum fl_slot_state was, int64_t now_ns, struct fl_err *reterr);
/* An instance has come to its end: its dependents hear of it. */
int fl_apply_finished(struct fl_core *core, struct fl_run *run, uint32_t inst, int64_t now_ns,
                      struct fl_err *reterr);
/* The run goes on by another plan; what it has done is carried over by name. */
int fl_run_move(struct fl_core *core, struct fl_run *run, const struct fl_plan *plan,
                int64_t now_ns, struct fl_err *reterr);
/* Counts all terms anew from slots and ends (a run is opened again). */
void fl_apply_recount(struct fl_run *run);

#endif
