#ifndef FL_CORE_PLAN_H
#define FL_CORE_PLAN_H

/* What follows from a workflow alone and is shared by its runs: instances and output slots numbered
 * through, the terms that each instance waits for, and the index from a slot or an instance to
 * those that wait for it, so that an event costs as much as it has dependents, whatever the size of
 * the graph. Instances are numbered in graph order, early leads of a stage first. Owns: the
 * workflow and its tables. Threads: read-only once made. Limits: those of the workflow;
 * FL_PLAN_EDGES_MAX dependencies. */

#include "engine/core/expr.h"
#include "engine/core/names.h"

#define FL_PLAN_EDGES_MAX (16u * 1024 * 1024)

/* One instance waits for something with its term of this number: leaves of `when` first, then
 * inputs. */
struct fl_dep {
    uint32_t inst;
    uint32_t term;
};

enum fl_term_kind {
    FL_TERM_LEAF,    /* of `when` */
    FL_TERM_INPUT,   /* all its slots must be accepted */
    FL_TERM_DYNAMIC, /* bridge or first_of: looked at again when one of its slots changes */
    FL_TERM_FOLLOW,  /* not waited for */
};

struct fl_plan_stage {
    struct fl_expr when;
    uint32_t inst_first;
    uint32_t inst_count;
    uint32_t term_first; /* terms of instance k begin at term_first + k * term_count */
    uint32_t term_count;
    enum fl_term_kind *kinds; /* term_count of them */
    uint32_t *slot_first;     /* for each output */
    bool follows;             /* has a follow input */
    bool crosses;             /* has an input that reaches into other cycles */
};

struct fl_plan_slot {
    uint32_t inst;
    uint16_t stage;
    uint16_t output;
    uint32_t member; /* in the output's set */
};

struct fl_plan {
    char digest[FL_DIGEST_HEX];
    struct fl_workflow *workflow;
    struct fl_plan_stage *stages;
    size_t stage_count;
    struct fl_names stage_names;
    bool follows;  /* some stage follows an output */
    bool crosses;  /* some stage has an input that reaches into other cycles */
    bool *reached; /* stages that an input of this plan's own reaches in other cycles */
    uint32_t inst_count;
    uint16_t *inst_stage; /* stage of each instance */
    uint32_t slot_count;
    struct fl_plan_slot *slots;
    uint32_t term_count;
    uint32_t *pending;        /* what each term waits for at first */
    uint32_t *slot_dep_first; /* slot_count + 1 */
    struct fl_dep *slot_deps;
    uint32_t *inst_dep_first; /* inst_count + 1 */
    struct fl_dep *inst_deps;
};

/* Takes the workflow (checked) on success. FL_E_CONFIG, FL_E_TOO_BIG, FL_E_NOMEM. */
int fl_plan_create(const char *digest, struct fl_workflow *workflow, struct fl_plan **ret_plan,
                   struct fl_err *reterr);
void fl_plan_destroy(struct fl_plan *plan);
FL_DEFINE_AUTO(struct fl_plan *, fl_plan_destroy)

/* Members of an output, as an arithmetic progression of their indexes. */
struct fl_span {
    uint32_t first;
    uint32_t count;
    uint32_t stride;
};

/* Which members of a source's output the k-th instance of a stage takes. count is 0 at an edge that
 * means absent. FL_E_CONFIG when a lead is not in the set. The source has a stage. */
int fl_plan_span(const struct fl_workflow *workflow, const struct fl_stage *stage, uint32_t k,
                 const struct fl_stage_input *input, const struct fl_source *source,
                 struct fl_span *ret_span, struct fl_err *reterr);

/* Lead of an instance or of a slot; false when it has none. */
bool fl_plan_inst_lead(const struct fl_plan *plan, uint32_t inst, struct fl_lead *ret_lead);
bool fl_plan_slot_lead(const struct fl_plan *plan, uint32_t slot, struct fl_lead *ret_lead);
/* Index of an instance within its stage. */
uint32_t fl_plan_inst_k(const struct fl_plan *plan, uint32_t inst);

#endif
