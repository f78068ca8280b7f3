#ifndef FL_CORE_DEADLINE_H
#define FL_CORE_DEADLINE_H

/* Deadlines of products, watched; private to engine/core. For each deadline of a stage two things
 * are told once: that it will be missed, as soon as something on the way has not started at the
 * last moment from which the expected times (`expect`) still lead to the deadline; and that it has
 * passed while products are not there.
 * Owns: run->due_told. Threads: one at a time. Limits: none of its own. */

#include "engine/core/decide.h"

enum { FL_DUE_RISK = 1, FL_DUE_PASSED = 2 };

/* What follows from a workflow alone, for fl_plan_create: plan->dues. FL_E_NOMEM. */
int fl_plan_dues(struct fl_plan *plan, struct fl_err *reterr);

int fl_deadline_advance(const struct fl_core *core, const struct fl_input *tick,
                        struct fl_events *events, struct fl_err *reterr);
int fl_apply_deadline(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
/* When the next deadline may be missed or passes, or INT64_MAX. */
int64_t fl_deadline_timer_ns(const struct fl_core *core, int64_t since_ns);

#endif
