#ifndef FL_CORE_EXPR_H
#define FL_CORE_EXPR_H

/* Trigger expressions (`when`): terms joined by && and || with parentheses.
 *   prep.forcing(+000/+012)   these members of the output are there (or absent by a rule)
 *   forecast.hour(m01)        those of member m01; of a set that both stages run over the own
 * member, of any other set all check  check:succeeded    the instance of the same key where both
 * run over the same sets, else all check:all                 all instances have succeeded
 *   check:ended               has come to any end
 * Pure. Owns: its nodes. Threads: read-only once parsed. Limits: FL_EXPR_*_MAX. */

#include "engine/core/workflow.h"

#define FL_EXPR_TEXT_MAX 4096
#define FL_EXPR_NODES_MAX 256
#define FL_EXPR_DEPTH_MAX 32

enum fl_expr_op { FL_EXPR_AND, FL_EXPR_OR, FL_EXPR_LEAF };
enum fl_expr_mode { FL_EXPR_SUCCEEDED, FL_EXPR_ENDED };

/* A node: operands are indexes of nodes; a leaf has the index of its leaf. */
struct fl_expr_node {
    enum fl_expr_op op;
    uint16_t a;
    uint16_t b;
};

struct fl_expr_leaf {
    int32_t stage;
    int32_t output; /* FL_NONE: the state of instances */
    enum fl_expr_mode mode;
    bool all; /* :all, never only the same key */
    struct fl_selector select;
    int column; /* where it stands, from 1 */
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

/* Value, given the value of each leaf: pending[leaf] == 0 is true. */
bool fl_expr_value(const struct fl_expr *expr, const uint32_t *pending);

#endif
