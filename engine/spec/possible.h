#ifndef FL_SPEC_POSSIBLE_H
#define FL_SPEC_POSSIBLE_H

/* Whether a trigger can ever become true, given the ends that the stages can come to. Pure. Owns:
 * nothing. Threads: any. Limits: see possible.c. */

#include "engine/core/expr.h"

enum fl_end {
    FL_END_SUCCEEDED,
    FL_END_FAILED,
    FL_END_TIMED_OUT,
    FL_END_LOST,
    FL_END_CANCELLED,
    FL_END_EXPIRED,
    FL_END_SKIPPED,
    FL_END_COUNT
};

/* True when one of the ends (a set of 1 << FL_END_*) makes a leaf of a state true. */
bool fl_leaf_may_be(const struct fl_expr_leaf *leaf, uint32_t ends);

/* ends: of each stage of the workflow, the ends that it can come to. FL_E_NOMEM. */
int fl_expr_may_be_true(const struct fl_workflow *workflow, const struct fl_expr *expr,
                        const uint32_t *ends, bool *ret_possible);

#endif
