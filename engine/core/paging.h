#ifndef FL_CORE_PAGING_H
#define FL_CORE_PAGING_H

/* Runs that have ended and that no `keep` looks after (`fairlead run`, a forecaster's runs, cycles
 * of a workflow without keep): the newest are held, older ones leave the memory. Nothing of theirs
 * is cleaned: files stay, and questions are answered from the record. Their names are remembered,
 * so that no second run takes the place of the first; private to engine/core.
 * Owns: see struct fl_paged. Threads: one at a time.
 * Limits: FL_CORE_ENDED_KEPT runs are held, the newest FL_CORE_ENDED_NEWEST whatever became of
 * them, older ones that did not succeed before those that did; more only while an unfinished run or
 * a cycle to come may need them. FL_CORE_PAGED_MAX names; then the oldest is forgotten. */

#include "engine/core/apply.h"

#define FL_CORE_ENDED_KEPT 200
#define FL_CORE_ENDED_NEWEST 100
#define FL_CORE_PAGED_MAX 100000
#define FL_PAGING_ROUND_MAX 100 /* runs paged in one call */

bool fl_core_is_paged(const struct fl_core *core, const char *run);
/* "run 'x' has ended and is held no more …: what to do". Fits an error's text. */
void fl_paged_text(const char *run, char *text, size_t size);
/* True when an official run of the workflow that has been paged is of an earlier cycle. */
bool fl_paged_earlier(const struct fl_core *core, const char *workflow, struct fl_cycle cycle);

/* Runs that have to go now. */
int fl_paging_advance(const struct fl_core *core, const struct fl_input *tick,
                      struct fl_events *events, struct fl_err *reterr);
/* A run has ended, goes on after all, or leaves the state. */
int fl_paging_ended(struct fl_core *core, const struct fl_run *run, struct fl_err *reterr);
void fl_paging_left(struct fl_core *core, const struct fl_run *run);
int fl_apply_paged(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
/* Takes the name over on success, and forgets the oldest when there are too many. FL_E_NOMEM. */
int fl_paged_add(struct fl_paged *paged, char *name, struct fl_err *reterr);
void fl_paged_release(struct fl_paged *paged);

#endif
