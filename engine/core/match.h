#ifndef FL_CORE_MATCH_H
#define FL_CORE_MATCH_H

/* How a reference to another stage or output is met with each instance of a stage, dimension by
 * dimension: the members that it names; else the instance's own member where both run over the same
 * set (of leads: the same leads, or the lead is in it, shifted); else all. Made once for a stage,
 * asked for each instance. Owns: nothing; borrows the workflow. Threads: read-only once made.
 * Limits: FL_DIMS_MAX. */

#include "engine/core/workflow.h"

enum fl_meet {
    FL_MEET_SPAN, /* these members, whichever the instance */
    FL_MEET_OWN,  /* the instance's member of its dimension `own` */
    FL_MEET_LEAD, /* the lead of that dimension, shifted */
};

struct fl_match_dim {
    enum fl_meet how;
    size_t own;
    struct fl_span span;
    const struct fl_leads *mine;
    const struct fl_leads *theirs;
    int32_t shift_min;
};

struct fl_match {
    struct fl_radix radix; /* of what is referred to */
    struct fl_radix own;   /* of the stage that refers */
    struct fl_match_dim of[FL_DIMS_MAX];
    int lead;        /* dimension that is leads, or -1 */
    int32_t unknown; /* set whose members must be said first, or FL_NONE */
};

/* Numbers within what is referred to: a product of spans. */
struct fl_region {
    uint32_t count;
    size_t dims;
    struct fl_span of[FL_DIMS_MAX];
    uint32_t weight[FL_DIMS_MAX]; /* of a member of each dimension in the number */
};

/* What refers. */
struct fl_ref {
    const struct fl_stage *stage;       /* that refers */
    const struct fl_stage *from;        /* that is referred to */
    int32_t output;                     /* of it; FL_NONE: its instances */
    const struct fl_selector *select;   /* or NULL */
    const struct fl_stage_input *input; /* or NULL: a leaf of `when` */
    bool all;                           /* never only the own members */
    const char *text;                   /* as written, for messages */
};

/* FL_E_CONFIG when a lead of the stage, shifted, is not in the set that is referred to. */
int fl_match_make(const struct fl_workflow *workflow, const struct fl_ref *ref,
                  struct fl_match *ret_match, struct fl_err *reterr);
/* The same for a source (of a stage) of an input. */
int fl_match_source(const struct fl_workflow *workflow, const struct fl_stage *stage,
                    const struct fl_stage_input *input, const struct fl_source *source,
                    struct fl_match *ret_match, struct fl_err *reterr);
/* For the k-th instance of the stage that refers. count is 0 where an edge means absent. */
struct fl_region fl_match_region(const struct fl_match *match, uint32_t k);
/* The i-th number of a region. */
uint32_t fl_region_at(const struct fl_region *region, uint32_t i);

#endif
