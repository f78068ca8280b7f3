#ifndef FL_CORE_STARVED_H
#define FL_CORE_STARVED_H

/* Stages that are ready and want more than any known worker can ever give: more cores, more of a
 * resource, a pool that nobody offers. That is told once a run, stage and cause (event need-unmet);
 * `why` says it as long as it is so. Workers that are gone count: they may come back. As long as no
 * worker has ever been known nothing is told. Private to engine/core.
 * Owns: nothing. Threads: one at a time. Limits: FL_STARVED_CAUSES causes a stage. */

#include "engine/core/apply.h"

#define FL_STARVED_CAUSES 32 /* bits: pool, cores, then each of its resources */

int fl_starved_advance(const struct fl_core *core, const struct fl_input *tick,
                       struct fl_events *events, struct fl_err *reterr);
int fl_apply_starved(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);

#endif
