#ifndef FL_CORE_SOURCED_H
#define FL_CORE_SOURCED_H

/* Leads of catalogue sources that triggers wait for (source:NAME): which they are, who is asked to
 * look for them, and what follows from what is told; private to engine/core. One worker of a site
 * looks, once for all that wait there for a cycle of a source.
 * Owns: nothing. Threads: one at a time. Limits: FL_LEADS_MAX leads a cycle of a source. */

#include "engine/core/apply.h"
#include "engine/core/decide.h"

/* How many of the leads that a leaf of an instance means are there, and how many will not come. */
struct fl_term fl_sourced_count(const struct fl_run *run, uint32_t inst,
                                const struct fl_expr_leaf *leaf);
/* Messages {"type":"await","id","site","source","cycle","leads":[sets]}, and "unwatch" for those
 * who need look no more. worker NULL: for all; else as far as they concern this one. */
int fl_sourced_effects(const struct fl_core *core, const struct fl_run *run,
                       const struct fl_worker *worker, struct fl_effects *effects,
                       struct fl_err *reterr);
/* The run has ended: nobody looks for it any more. */
int fl_sourced_end_effects(const struct fl_core *core, const struct fl_run *run,
                           struct fl_effects *effects, struct fl_err *reterr);
/* A worker says that a lead is there, or was given up: {"id","lead","absent"?,"cause"?}. */
int fl_decide_available(const struct fl_core *core, const struct fl_input *input,
                        struct fl_events *events, struct fl_err *reterr);
int fl_apply_sourced(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
/* What was given up of the sources that an instance waits for is asked for again. */
void fl_sourced_forget(struct fl_run *run, uint32_t inst);
void fl_sourced_release(struct fl_run *run);

#endif
