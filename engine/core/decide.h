#ifndef FL_CORE_DECIDE_H
#define FL_CORE_DECIDE_H

/* Parts of decide; private to engine/core.
 * Owns: nothing. Threads: one at a time. Limits: none of its own. */

#include "engine/core/state.h"

int fl_decide_attempt(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr);
int fl_decide_request(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr);

/* Fills an output-absent event for a slot of an instance. */
int fl_decide_absent(const struct fl_run *run, uint32_t inst, uint32_t slot, struct fl_event *event,
                     const char *cause, const char *age, struct fl_err *reterr);

/* Marks the instances that have ended or can never start; over has room for all of the run. */
int fl_find_over(const struct fl_run *run, bool *over, struct fl_err *reterr);
/* Asks running stages to stop that follow what can no longer come. */
int fl_stop_hopeless(const struct fl_run *run, int64_t now_ns, struct fl_events *events,
                     struct fl_err *reterr);

#endif
