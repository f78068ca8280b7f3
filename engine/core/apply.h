#ifndef FL_CORE_APPLY_H
#define FL_CORE_APPLY_H

/* How a change spreads inside the state; private to engine/core.
 * Owns: nothing. Threads: one at a time. Limits: none of its own. */

#include "engine/core/terms.h"

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
int fl_list_push(uint32_t **list, size_t *count, size_t *room, uint32_t v, struct fl_err *reterr);
/* Ready waits again when some need is not met any more. */
int fl_apply_try_wait(struct fl_run *run, uint32_t inst, struct fl_err *reterr);
/* Looks anew at all that an instance waits for. */
int fl_apply_wake(struct fl_core *core, struct fl_run *run, uint32_t inst, int64_t now_ns,
                  struct fl_err *reterr);
/* First look at all instances of a run, or after something that any may have waited for. */
int fl_apply_wake_all(struct fl_core *core, struct fl_run *run, int64_t now_ns,
                      struct fl_err *reterr);
/* A slot is no longer what it was: its dependents hear of it. */
int fl_apply_slot_changed(struct fl_core *core, struct fl_run *run, uint32_t slot,
                          enum fl_slot_state was, int64_t now_ns, struct fl_err *reterr);
/* An instance is no longer what it was: its dependents hear of it. */
int fl_apply_inst_changed(struct fl_core *core, struct fl_run *run, uint32_t inst,
                          const struct fl_standing *was, int64_t now_ns, struct fl_err *reterr);
/* It has told a lead, in minutes, or has made an output of one. */
int fl_apply_progress(struct fl_core *core, struct fl_run *run, uint32_t inst, int32_t minutes,
                      int64_t now_ns, struct fl_err *reterr);
/* An instance has come to its end. */
int fl_apply_finished(struct fl_core *core, struct fl_run *run, uint32_t inst, int64_t now_ns,
                      struct fl_err *reterr);
/* It had its end or not, as `was` says, and its state is another now: final or to go on. */
int fl_apply_ended_as(struct fl_core *core, struct fl_run *run, uint32_t inst, bool final,
                      const struct fl_standing *was, int64_t now_ns, struct fl_err *reterr);
/* The run goes on by another plan; what it has done is carried over by name. */
int fl_run_move(struct fl_core *core, struct fl_run *run, const struct fl_plan *plan,
                int64_t now_ns, struct fl_err *reterr);
/* The same by a plan of the run's own (taken), or by `plan` when own is NULL. */
int fl_run_move_own(struct fl_core *core, struct fl_run *run, const struct fl_plan *plan,
                    struct fl_plan *own, int64_t now_ns, struct fl_err *reterr);
/* True for an end that makes the run fail: not when it was only too late. */
bool fl_inst_is_bad(const struct fl_run *run, uint32_t inst, const struct fl_standing *standing);
/* Counts all terms anew from slots and ends (a run is opened again, or has another plan). */
int fl_apply_recount(struct fl_core *core, struct fl_run *run, struct fl_err *reterr);

/* One function an event. */
int fl_apply_time(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
int fl_apply_signalled(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
int fl_apply_file(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
int fl_apply_declared(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);

/* What triggers wait for from outside: a signal; the time after the cycle; a file, by the leaf of
 * `when` that names it; a value that has changed (name NULL: of any). */
int fl_apply_signal(struct fl_core *core, struct fl_run *run, const char *name, int64_t now_ns,
                    struct fl_err *reterr);
int fl_apply_clock(struct fl_core *core, struct fl_run *run, int64_t after_s, int64_t now_ns,
                   struct fl_err *reterr);
int fl_apply_arrival(struct fl_core *core, struct fl_run *run, uint32_t inst, uint32_t leaf,
                     int64_t now_ns, struct fl_err *reterr);
int fl_apply_given(struct fl_core *core, struct fl_run *run, enum fl_leaf_kind kind,
                   const char *name, int64_t now_ns, struct fl_err *reterr);

#endif
