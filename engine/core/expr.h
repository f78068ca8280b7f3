#ifndef FL_CORE_EXPR_H
#define FL_CORE_EXPR_H

/* Trigger expressions (`when`): terms joined by && and || with parentheses, and ! before terms of
 * parameters and the clock.
 *
 * - check, check:succeeded: the instance of the same key when both run over the same sets; else
 * all
 * - check(m01,+006): these members; check:all: all instances, whichever key is one's own
 * - check:failed: failed, timed out or lost for good; also timed-out, lost, cancelled, expired,
 *   skipped, started, and ended: any of these ends and succeeded
 * - check:ended >= 3, check:ended >= 90%: so many of those that are meant
 * - GROUP:ended: the stages of a group, and of the groups in it
 * - forecast.hour(+000/+012): these members of the output are there, or absent by a rule
 * - forecast.hour >= 20: so many are there
 * - forecast:progress(+036): it has told this lead or a later one, or an output of such a lead
 * - forecast[-PT6H]:succeeded: in the official run of another cycle
 * - global/forecast.hour: in the run of another workflow for the same cycle
 * - source:gfs.0p25: the instance's own lead of a catalogue source is there, or all of the stage's
 *   leads; source:gfs.0p25(+000/+012) that part of them, (forcing) a set of leads, (+000/+012/3)
 *   these; also of an earlier cycle, [-PT6H], and with a count, >= 3
 * - event:NAME, file("in/{cycle}.ready"), clock(+PT3H), param.NAME == "x" (also != < <= > >=)
 *
 * Pure. Owns: its nodes and texts. Threads: read-only once parsed. Limits: FL_EXPR_*_MAX. */

#include "engine/core/workflow.h"

#define FL_EXPR_TEXT_MAX 4096
#define FL_EXPR_NODES_MAX 256
#define FL_EXPR_DEPTH_MAX 32

enum fl_expr_op { FL_EXPR_AND, FL_EXPR_OR, FL_EXPR_LEAF };

/* A node: operands are indexes of nodes; a leaf has the index of its leaf. */
struct fl_expr_node {
    enum fl_expr_op op;
    uint16_t a;
    uint16_t b;
};

enum fl_leaf_kind {
    FL_LEAF_STATE,    /* of instances of a stage or of a group */
    FL_LEAF_OUTPUT,   /* members of an output */
    FL_LEAF_PROGRESS, /* of instances of a stage */
    FL_LEAF_EVENT,    /* a signal from outside */
    FL_LEAF_FILE,     /* a file that appears at the stage's site */
    FL_LEAF_SOURCE,   /* leads of a catalogue source */
    FL_LEAF_PARAM,
    FL_LEAF_CLOCK,
};

/* X(NAME, "name") */
#define FL_LEAF_STATES(X) \
    X(SUCCEEDED, "succeeded") \
    X(FAILED, "failed") \
    X(TIMED_OUT, "timed-out") \
    X(LOST, "lost") \
    X(CANCELLED, "cancelled") \
    X(EXPIRED, "expired") \
    X(SKIPPED, "skipped") \
    X(ENDED, "ended") \
    X(STARTED, "started")

enum fl_leaf_state {
#define FL_LEAF_ENUM(NAME, name) FL_LEAF_##NAME,
    FL_LEAF_STATES(FL_LEAF_ENUM)
#undef FL_LEAF_ENUM
        FL_LEAF_STATE_COUNT
};

enum fl_leaf_count { FL_COUNT_ALL, FL_COUNT_NUMBER, FL_COUNT_PERCENT };

enum fl_compare { FL_IS_EQUAL, FL_IS_OTHER, FL_IS_LESS, FL_IS_AT_MOST, FL_IS_MORE, FL_IS_AT_LEAST };

struct fl_expr_leaf {
    enum fl_leaf_kind kind;
    bool negated;  /* PARAM and CLOCK */
    int32_t stage; /* FL_NONE: of a group, of another workflow, or of none at all */
    int32_t group;
    int32_t output;
    enum fl_leaf_state state;
    bool all; /* :all, never only the own members */
    struct fl_selector select;
    int64_t cycle_offset_s;  /* < 0: in the official run of that cycle */
    enum fl_leaf_count many; /* of those that are meant */
    int64_t count;
    struct fl_lead lead; /* PROGRESS */
    int64_t clock_s;     /* after the cycle */
    enum fl_compare compare;
    char *workflow; /* another one, or NULL */
    char *name;    /* of the other's stage; of the event; template of the file; of the parameter; of
                      the source */
    char *other;   /* the other's output, or NULL; value that a parameter is held against */
    char *members; /* of the other's stage or output, of the source, as written; or NULL */
    struct fl_leads leads; /* SOURCE: those meant; see fl_leaf_source */
    bool own;              /* SOURCE: of these only the instance's own */
    int column;            /* where it stands, from 1 */
    int size;              /* bytes of it */
};

struct fl_expr {
    struct fl_expr_node *nodes; /* the last one is the root; none: always true */
    size_t node_count;
    struct fl_expr_leaf *leaves;
    size_t leaf_count;
};

/* Reads text and resolves its names in workflow. FL_E_PARSE with the column: "column 7: …". */
int fl_expr_parse(const char *text, const struct fl_workflow *workflow, struct fl_expr *expr,
                  struct fl_err *reterr);
void fl_expr_release(struct fl_expr *expr);
FL_DEFINE_AUTO_VALUE(struct fl_expr, fl_expr_release)

/* What a SOURCE leaf means for a stage: sets its leads, and own. FL_E_PARSE with the column. */
int fl_leaf_source(const struct fl_workflow *workflow, const struct fl_stage *stage,
                   struct fl_expr_leaf *leaf, struct fl_err *reterr);
/* The same for all leaves of an expression. */
int fl_expr_sources(const struct fl_workflow *workflow, const struct fl_stage *stage,
                    struct fl_expr *expr, struct fl_err *reterr);

/* True when a leaf refers to a stage in its own run: by name, or as one of a group. */
bool fl_leaf_names(const struct fl_workflow *workflow, const struct fl_expr_leaf *leaf,
                   size_t stage);
/* True for a leaf of stages or outputs, in this run or another. */
bool fl_leaf_counts(const struct fl_expr_leaf *leaf);
const char *fl_leaf_state_name(enum fl_leaf_state state);
/* How many of total are wanted. */
uint32_t fl_leaf_need(const struct fl_expr_leaf *leaf, uint32_t total);
/* Holds a value, as it is rendered, against that of a PARAM leaf. */
bool fl_leaf_compare(const struct fl_expr_leaf *leaf, enum fl_param_type type, const char *value);

/* What a term still needs: it is true when met is need, and can never be when more than spare are
 * lost. */
struct fl_want {
    uint32_t need;
    int32_t spare;
};
struct fl_term {
    uint32_t met;
    uint32_t lost;
};
static inline bool fl_term_is_met(const struct fl_term *term, const struct fl_want *want)
{
    return term->met >= want->need;
}
static inline bool fl_term_is_never(const struct fl_term *term, const struct fl_want *want)
{
    return (int64_t)term->lost > want->spare && term->met < want->need;
}

/* Value, given those of the leaves. */
bool fl_expr_value(const struct fl_expr *expr, const struct fl_term *terms,
                   const struct fl_want *wants);
/* False when it can no longer become true. */
bool fl_expr_possible(const struct fl_expr *expr, const struct fl_term *terms,
                      const struct fl_want *wants);

#endif
