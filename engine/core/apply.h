#ifndef FL_CORE_APPLY_H
#define FL_CORE_APPLY_H

/* How a change spreads inside the state; private to engine/core.
 * Owns: nothing. Threads: one at a time. Limits: none of its own. */

#include "engine/core/state.h"

/* FL_E_BUG with the event's names. */
int fl_apply_bug(const struct fl_event *event, struct fl_err *reterr, const char *what);
int fl_list_push(uint32_t **list, size_t *count, size_t *room, uint32_t v, struct fl_err *reterr);
/* Waiting becomes ready when all needs are met. */
int fl_apply_try_ready(struct fl_run *run, uint32_t inst, int64_t now_ns, struct fl_err *reterr);
/* First look at all instances of a run. */
int fl_apply_wake_all(struct fl_core *core, struct fl_run *run, int64_t now_ns,
                      struct fl_err *reterr);
/* A slot is no longer what it was: its dependents hear of it. */
int fl_apply_slot_changed(struct fl_core *core, struct fl_run *run, uint32_t slot,
                          enum fl_slot_state was, int64_t now_ns, struct fl_err *reterr);
/* An instance has come to its end: its dependents hear of it. */
int fl_apply_finished(struct fl_core *core, struct fl_run *run, uint32_t inst, int64_t now_ns,
                      struct fl_err *reterr);
/* Counts all terms anew from slots and ends (a run is opened again). */
void fl_apply_recount(struct fl_run *run);

#endif
