#ifndef FL_CORE_TERMS_H
#define FL_CORE_TERMS_H

/* How a change of an instance or of an output spreads to what waits for it; private to engine/core.
 * Each term of an instance counts what is met and what is lost; both change by one step an event,
 * and back again when an instance is tried anew. An instance all of whose terms are met becomes
 * ready; one whose trigger or an input of which can never be is doomed at once.
 * Owns: nothing. Threads: one at a time. Limits: none of its own. */

#include "engine/core/state.h"

/* What leaves ask of an instance. */
struct fl_standing {
    enum fl_state state;
    bool final;
    bool begun;
    bool passed_on;  /* skipped because an input is absent, which it passes on */
    bool not_needed; /* skipped by a person */
    int32_t progress;
};
struct fl_standing fl_standing_of(const struct fl_run *run, uint32_t inst);

/* 1: met, -1: lost, 0: neither yet. */
int fl_counts_inst(const struct fl_expr_leaf *leaf, const struct fl_standing *standing);
/* leaf NULL: an input. */
int fl_counts_slot(const struct fl_expr_leaf *leaf, enum fl_slot_state state, bool maker_final);
void fl_term_adjust(struct fl_term *term, int was, int is);

struct fl_term *fl_inst_terms(const struct fl_run *run, uint32_t inst);
const struct fl_want *fl_inst_wants(const struct fl_run *run, uint32_t inst);

/* Waiting becomes ready or doomed; what runs and follows what can no longer come is doomed; what
 * was skipped and could start after all is revived. */
int fl_apply_check(struct fl_core *core, struct fl_run *run, uint32_t inst, int64_t now_ns,
                   struct fl_err *reterr);
/* Dooms an instance that has not ended. */
void fl_apply_doom(struct fl_run *run, uint32_t inst, uint32_t doom);
/* Looks again at a bridge, a first_of or a followed input of an instance. */
int fl_apply_look(struct fl_core *core, struct fl_run *run, uint32_t inst, uint32_t term,
                  struct fl_err *reterr);

/* ---- far.c: terms that count in other runs ---- */

/* One term of an instance that reaches into another run. */
struct fl_far {
    uint32_t inst;
    uint32_t term;
    uint32_t target; /* index of the run; UINT32_MAX: none */
    struct fl_term now;
    struct fl_want want;
};
/* Makes the terms of a new run that reach into others, and links it with those that waited for it.
 */
int fl_far_begin(struct fl_core *core, struct fl_run *run, int64_t now_ns, struct fl_err *reterr);
/* Room for them, and the instance and term of each. FL_E_NOMEM. */
int fl_far_number(struct fl_run *run, struct fl_err *reterr);
/* Links those of all runs, which count already, with what they reach. FL_E_NOMEM, FL_E_DATA. */
int fl_far_link(struct fl_core *core, struct fl_err *reterr);
/* Makes them anew for a run whose instances have other numbers now. */
int fl_far_again(struct fl_core *core, struct fl_run *run, struct fl_err *reterr);
/* Shows the instances of a run anew what they come to. */
int fl_far_recount(struct fl_core *core, struct fl_run *run, struct fl_err *reterr);
/* All runs that reach into this one count anew: its instances have other numbers now. */
int fl_far_moved(struct fl_core *core, struct fl_run *run, int64_t now_ns, struct fl_err *reterr);
/* A run has ended: members that were not said by now are not waited for. */
int fl_far_ended(struct fl_core *core, struct fl_run *run, int64_t now_ns, struct fl_err *reterr);
/* An instance or a slot of this run has changed. */
int fl_far_inst_changed(struct fl_core *core, struct fl_run *run, uint32_t inst,
                        const struct fl_standing *was, int64_t now_ns, struct fl_err *reterr);
int fl_far_slot_changed(struct fl_core *core, struct fl_run *run, uint32_t slot,
                        enum fl_slot_state was, bool was_final, int64_t now_ns,
                        struct fl_err *reterr);
void fl_far_release(struct fl_run *run);

#endif
