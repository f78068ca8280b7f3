#ifndef FL_CORE_HISTORY_H
#define FL_CORE_HISTORY_H

/* How long stages take: the last durations of attempts that succeeded, by workflow and stage,
 * whatever the run. Where a stage does not say `expect`, their median stands for it.
 * Private to engine/core. Owns: see struct fl_history. Threads: one at a time.
 * Limits: FL_HISTORY_KEPT durations a stage; FL_CORE_HISTORY_MAX stages, of which the one that was
 * heard of the longest ago then goes. */

#include "engine/core/state.h"

#define FL_CORE_HISTORY_MAX 20000

/* An attempt of an instance has succeeded after so long. FL_E_NOMEM. */
int fl_history_add(struct fl_core *core, struct fl_run *run, uint32_t inst, int64_t took_ns,
                   struct fl_err *reterr);
/* NULL: nothing is known. */
const struct fl_history *fl_history_of(const struct fl_core *core, const char *workflow,
                                       const char *stage);
/* The middle one of the durations kept, the longer of two, at least 1 [ms]. */
int64_t fl_history_median_ms(const struct fl_history *history);
/* How long a stage of a workflow is expected to take [s]: `expect`, else the median, rounded up;
 * 0: not known. */
int64_t fl_expected_s(const struct fl_core *core, const struct fl_workflow *workflow,
                      const struct fl_stage *stage);
void fl_history_release(struct fl_core *core);

#endif
