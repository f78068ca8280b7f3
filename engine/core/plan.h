#ifndef FL_CORE_PLAN_H
#define FL_CORE_PLAN_H

/* What follows from a workflow alone and is shared by its runs: instances and output slots numbered
 * through, the terms that each instance waits for, and the index from a slot or an instance to
 * those that wait for it, so that an event costs as much as it has dependents, whatever the size of
 * the graph. Instances are numbered in graph order, early members of a stage first; the slots of an
 * output are those of the first instance, of the second …, each with the members of the output's
 * own set. Owns: the workflow and its tables. Threads: read-only once made; counted by those that
 * have it. Limits: those of the workflow; FL_PLAN_EDGES_MAX dependencies. */

#include "engine/core/expr.h"
#include "engine/core/match.h"
#include "engine/core/names.h"

#include <stdatomic.h>

#define FL_PLAN_DELIVERIES_MAX 64
#define FL_PLAN_EDGES_MAX (16u * 1024 * 1024)
#define FL_PLAN_SLOTS_MAX (8u * 1024 * 1024)
#define FL_PLAN_TERMS_MAX (32u * 1024 * 1024)

/* One instance waits for something with its term of this number: leaves of `when` first, then
 * inputs. */
struct fl_dep {
    uint32_t inst;
    uint32_t term; /* of a stage that says the members of what the term counts: with FL_DEP_SAYS */
};
#define FL_DEP_SAYS (UINT32_C(1) << 31)

enum fl_term_kind {
    FL_TERM_LEAF,       /* of `when`, counted within the run */
    FL_TERM_FAR,        /* of `when`, counted in another run */
    FL_TERM_GIVEN,      /* of `when`: a signal, a file, a parameter, the clock */
    FL_TERM_INPUT,      /* all its slots must be accepted */
    FL_TERM_DYNAMIC,    /* bridge or first_of: looked at again when one of its slots changes */
    FL_TERM_FOLLOW,     /* not waited for */
    FL_TERM_UNDECLARED, /* leaf or input: the members of a set must be said first */
};

struct fl_plan_stage {
    struct fl_expr when;
    uint32_t inst_first;
    uint32_t inst_count;
    uint32_t term_first; /* terms of instance k begin at term_first + k * term_count */
    uint32_t term_count;
    enum fl_term_kind *kinds; /* term_count of them */
    int32_t *unknown;         /* term_count of them: the set that must be said first, or FL_NONE */
    struct fl_match *matches; /* of the leaves, then one a source of each input */
    int32_t *match_stage;     /* the stage that each refers to, in this or another cycle's run */
    size_t match_count;
    uint32_t *leaf_first;   /* leaf_count + 1: where the matches of each leaf begin */
    uint32_t *source_first; /* for each input: where those of its sources begin */
    uint32_t *far_terms;    /* terms that reach into other runs */
    uint32_t far_count;
    uint32_t far_first;   /* among those of the plan: far_first + k * far_count */
    uint32_t *slot_first; /* for each output */
    uint32_t *slot_own;   /* for each output: slots of one instance */
    bool follows;         /* has a follow input */
    bool *products;       /* for each output: deliveries take it, and none keeps it at the source */
    bool at_source;       /* at a site where some stage has such outputs */
};

struct fl_plan_slot {
    uint32_t inst;
    uint16_t stage;
    uint16_t output;
    uint32_t member; /* in the output's set */
};

/* A deadline of a stage. */
struct fl_due {
    uint32_t stage;
    uint32_t row;      /* among those of the stage */
    int64_t by_s;      /* after the cycle */
    int64_t *latest_s; /* for each stage up to it: when it must have started, after the cycle */
};

struct fl_plan {
    atomic_uint refs;
    char digest[FL_DIGEST_HEX];
    struct fl_workflow *workflow;
    struct fl_plan_stage *stages;
    size_t stage_count;
    struct fl_names stage_names;
    bool follows;  /* some stage follows an output */
    bool progress; /* some leaf is about the progress of a stage */
    bool sources;  /* some leaf waits for leads of a catalogue source */
    bool outside;  /* some term waits for what is not of the run itself */
    uint32_t far_count;
    int64_t *clocks; /* seconds after the cycle that leaves name, ascending, each once */
    size_t clock_count;
    uint32_t inst_count;
    uint16_t *inst_stage; /* stage of each instance */
    uint32_t slot_count;
    struct fl_plan_slot *slots;
    uint32_t term_count;
    struct fl_want *wants;    /* of each term */
    uint32_t *slot_dep_first; /* slot_count + 1 */
    struct fl_dep *slot_deps;
    uint32_t *inst_dep_first; /* inst_count + 1 */
    struct fl_dep *inst_deps;
    uint16_t *deliveries; /* stages that deliver */
    size_t delivery_count;
    struct fl_due *dues;
    size_t due_count;
    bool removes; /* some of them does not keep what it delivers at the source */
};

/* Takes the workflow (checked) on success. FL_E_CONFIG, FL_E_TOO_BIG, FL_E_NOMEM. */
int fl_plan_create(const char *digest, struct fl_workflow *workflow, struct fl_plan **ret_plan,
                   struct fl_err *reterr);
/* One more that has it. */
struct fl_plan *fl_plan_ref(struct fl_plan *plan);
void fl_plan_destroy(struct fl_plan *plan); /* when the last one gives it back */
const char *fl_plan_digest(const struct fl_plan *plan);
FL_DEFINE_AUTO(struct fl_plan *, fl_plan_destroy)

/* Which slots of its source's output the k-th instance of stage s takes for an input, as numbers
 * from the output's first slot. The source is a stage's. */
struct fl_region fl_plan_source(const struct fl_plan *plan, uint32_t s, uint32_t k, size_t input,
                                size_t source);
/* Which slots or instances of its stage a match of a leaf means, from the first of them. */
struct fl_region fl_plan_leaf(const struct fl_plan *plan, uint32_t s, uint32_t k, size_t match);
/* The first slot or instance of what a match of a leaf refers to. */
uint32_t fl_plan_leaf_base(const struct fl_plan *plan, uint32_t s, size_t leaf, size_t match);
/* Counts and fills the dependencies; for fl_plan_create. */
int fl_plan_edges(struct fl_plan *plan, struct fl_err *reterr);
const struct fl_match *fl_plan_source_match(const struct fl_plan *plan, uint32_t s, size_t input,
                                            size_t source);
/* The first of the slots that an instance has of an output; they are slot_own. */
uint32_t fl_plan_inst_slot(const struct fl_plan *plan, uint32_t inst, size_t output);

/* Lead of an instance or of a slot (of the output's own set, else of its instance); false when it
 * has none. */
bool fl_plan_inst_lead(const struct fl_plan *plan, uint32_t inst, struct fl_lead *ret_lead);
bool fl_plan_slot_lead(const struct fl_plan *plan, uint32_t slot, struct fl_lead *ret_lead);
/* The slot of the same output that is `by` leads further (1 or -1); false past the ends. */
bool fl_plan_slot_next(const struct fl_plan *plan, uint32_t slot, int by, uint32_t *ret_slot);
/* What an event calls `lead`: the member of the output's own set, "+006" or "m03"; without one the
 * lead of its instance. NULL when there is neither; text is the buffer. */
const char *fl_plan_slot_member(const struct fl_plan *plan, uint32_t slot,
                                char text[static FL_MEMBER_TEXT_MAX]);
/* All dimensions of a slot as a key, "m03,+006"; "" for none. */
void fl_plan_slot_key(const struct fl_plan *plan, uint32_t slot, char text[static FL_KEY_TEXT_MAX]);
/* Index of an instance within its stage. */
uint32_t fl_plan_inst_k(const struct fl_plan *plan, uint32_t inst);

#endif
