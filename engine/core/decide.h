#ifndef FL_CORE_DECIDE_H
#define FL_CORE_DECIDE_H

/* Parts of decide; private to engine/core.
 * Owns: nothing. Threads: one at a time. Limits: none of its own. */

#include "engine/core/state.h"

int fl_decide_attempt(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr);
/* A message to a worker; takes message (NULL is a lack of memory). FL_E_NOMEM. */
int fl_effects_add(struct fl_effects *effects, const char *worker, json_t *message,
                   struct fl_err *reterr);
int fl_decide_request(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr);

/* Fills an output-absent event for a slot of an instance. */
int fl_decide_absent(const struct fl_run *run, uint32_t inst, uint32_t slot, struct fl_event *event,
                     const char *cause, const char *age, struct fl_err *reterr);

#endif
