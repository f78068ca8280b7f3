#ifndef FL_CORE_CUSTODY_H
#define FL_CORE_CUSTODY_H

/* Custody of what is delivered, from its acceptance to its removal at the source; private to
 * engine/core.
 *
 * A set is told to be delivered when all instances of a delivery stage have succeeded. Where a
 * delivery does not keep its files at the source (`keep_at_source = false`), the worker of the
 * source site is told to remove them, in batches of instances, when nothing of the run is left to
 * do: each instance's working folder and whatever its attempts left besides accepted outputs, and
 * of these the products that may go. When it has, the ledger at each destination is told. A run
 * waits with its end for that while the workers can be reached.
 *
 * A product may go when (invariant 8)
 *  - every delivery that takes it has a receipt for these very bytes (a person's word is none), and
 *    none of them keeps it;
 *  - no instance of the run that takes it could have to be tried again;
 *  - no cycle that takes it is unfinished, failed, or still to come. Without an installed workflow
 *    to tell, a cycle is to come until its official run is there.
 * What may not go is looked at again when a run ends or is dropped, and when a workflow changes.
 *
 * Owns: struct fl_removal of a run, the list of runs that have ended and have more to remove.
 * Threads: one at a time. Limits: FL_CUSTODY_BATCH_MAX instances a batch. */

#include "engine/core/decide.h"

#define FL_CUSTODY_BATCH_MAX 256
#define FL_CUSTODY_RETRY_S 60 /* after a removal that failed; doubled up to an hour */

/* Sets that are complete, and batches to remove. */
int fl_custody_advance(const struct fl_core *core, const struct fl_input *tick,
                       struct fl_events *events, struct fl_err *reterr);
/* True while a run that would end waits for a removal that a worker carries out. */
bool fl_custody_holds_end(const struct fl_core *core, const struct fl_run *run, int64_t now_ns);
/* When a removal that failed is asked for again, or INT64_MAX. */
int64_t fl_custody_timer_ns(const struct fl_core *core, int64_t since_ns);
/* An ended run has files to remove, or has just had them removed: it is not let go of. */
static inline bool fl_custody_is_open(const struct fl_run *run)
{
    return run->plan->removes && run->state == FL_STATE_SUCCEEDED &&
           (run->removal.phase != FL_REMOVAL_IDLE || !run->removal.cleared || run->removal.due);
}

/* A worker says {"run","first","last","files","bytes","error"?} of a removal, or
 * {"run","first","last","delivery"} of a ledger. */
int fl_decide_removed(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr);
int fl_decide_noted(const struct fl_core *core, const struct fl_input *input,
                    struct fl_events *events, struct fl_err *reterr);

int fl_apply_delivered(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
int fl_apply_removal_asked(struct fl_core *core, const struct fl_event *event,
                           struct fl_err *reterr);
int fl_apply_files_removed(struct fl_core *core, const struct fl_event *event,
                           struct fl_err *reterr);
int fl_apply_custody_noted(struct fl_core *core, const struct fl_event *event,
                           struct fl_err *reterr);
/* After any event: an end, a drop or a change of a workflow may free what was kept. */
int fl_custody_look(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
/* The run goes by another plan. */
void fl_custody_moved(struct fl_run *run);
/* A run that had its end goes on, or leaves the state. */
void fl_custody_left(struct fl_core *core, const struct fl_run *run);
/* An instance is to be tried again: its set is not complete, and it leaves new files. */
void fl_custody_undone(struct fl_run *run, uint32_t inst);

/* What the worker that is in charge is told of the batch under way; worker NULL: whichever serves
 * the site now. */
int fl_custody_effects(const struct fl_core *core, const struct fl_run *run,
                       const struct fl_worker *worker, struct fl_effects *effects,
                       struct fl_err *reterr);

/* The site of an instance; the site whose worker carries out what is under way; the worker that
 * serves a site now, or NULL. */
const char *fl_custody_site(const struct fl_run *run, uint32_t inst);
const char *fl_custody_in_charge(const struct fl_run *run);
const struct fl_worker *fl_custody_worker(const struct fl_core *core, const char *site);

/* True when a delivery of the run took a file of that name. */
bool fl_custody_delivered(const struct fl_core *core, const struct fl_run *run, uint32_t delivery,
                          const char *file);
/* The workers of the destinations of a product that was withdrawn move it aside. */
int fl_withdraw_effects(const struct fl_core *core, const struct fl_run *run,
                        const struct fl_event *event, struct fl_effects *effects,
                        struct fl_err *reterr);
int fl_apply_withdrawn(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);

/* ---- custody.c: the rules ---- */

/* True for an output of a stage that deliveries take and none keeps. */
bool fl_custody_is_product(const struct fl_plan *plan, uint32_t slot);
/* True when it was delivered, and nothing of the run may need it again. */
bool fl_custody_is_free(const struct fl_run *run, uint32_t slot);
/* True when another cycle may need it. */
bool fl_custody_needed_later(const struct fl_core *core, const struct fl_run *run, uint32_t slot);
/* True when a delivery has brought it to its destination; the instance that did. */
bool fl_custody_taker(const struct fl_run *run, uint32_t delivery, uint32_t slot,
                      uint32_t *ret_inst, uint32_t *ret_input);

#endif
