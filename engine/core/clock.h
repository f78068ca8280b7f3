#ifndef FL_CORE_CLOCK_H
#define FL_CORE_CLOCK_H

/* What a stage says about the clock, counted from its cycle: `at`, not before; `expire`, too late
 * to be useful. Cycles of a model's own calendar have no clock: there neither holds. Owns: nothing.
 * Threads: any. Limits: none of its own. */

#include "engine/core/state.h"

/* A time after the cycle [ns UTC], INT64_MIN when the cycle has no clock. */
int64_t fl_clock_after_ns(const struct fl_run *run, int64_t after_s);
/* Instances that did not start in time. */
int fl_clock_advance(const struct fl_core *core, const struct fl_input *tick,
                     struct fl_events *events, struct fl_err *reterr);
/* When the next of them will be too late, after since; or INT64_MAX. */
int64_t fl_clock_timer_ns(const struct fl_core *core, int64_t since_ns);

#endif
