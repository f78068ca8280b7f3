/* What a trigger comes to, given its terms. */
#include "config.h"

#include "engine/core/expr.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

static const char *const state_names[] = {
#define FL_LEAF_NAME(NAME, name) [FL_LEAF_##NAME] = name,
    FL_LEAF_STATES(FL_LEAF_NAME)
#undef FL_LEAF_NAME
};

const char *fl_leaf_state_name(enum fl_leaf_state state)
{
    fl_assert((unsigned)state < FL_LEAF_STATE_COUNT);
    return state_names[state];
}

void fl_expr_release(struct fl_expr *expr)
{
    for (size_t i = 0; i < expr->leaf_count; i++) {
        free(expr->leaves[i].workflow);
        free(expr->leaves[i].name);
        free(expr->leaves[i].other);
        free(expr->leaves[i].members);
    }
    free(expr->nodes);
    free(expr->leaves);
    *expr = (struct fl_expr){0};
}

bool fl_leaf_counts(const struct fl_expr_leaf *leaf)
{
    return leaf->kind == FL_LEAF_STATE || leaf->kind == FL_LEAF_OUTPUT ||
           leaf->kind == FL_LEAF_PROGRESS;
}

bool fl_leaf_names(const struct fl_workflow *workflow, const struct fl_expr_leaf *leaf,
                   size_t stage)
{
    if (!fl_leaf_counts(leaf) || leaf->workflow || leaf->cycle_offset_s)
        return false;
    if (leaf->group != FL_NONE)
        return fl_workflow_group_within(workflow, workflow->stages[stage].group, leaf->group);
    return leaf->stage == (int32_t)stage;
}

uint32_t fl_leaf_need(const struct fl_expr_leaf *leaf, uint32_t total)
{
    switch (leaf->many) {
    case FL_COUNT_ALL:
        return total;
    case FL_COUNT_NUMBER:
        return (uint32_t)leaf->count;
    case FL_COUNT_PERCENT:
        return (uint32_t)(((uint64_t)total * (uint64_t)leaf->count + 99) / 100);
    }
    fl_assert(false);
    return 0;
}

bool fl_leaf_compare(const struct fl_expr_leaf *leaf, enum fl_param_type type, const char *value)
{
    double difference = 0;
    bool equal = strcmp(value, leaf->other) == 0;

    if (type == FL_PARAM_INT || type == FL_PARAM_REAL) {
        difference = strtod(value, NULL) - strtod(leaf->other, NULL);
        equal = !(difference < 0) && !(difference > 0);
    }
    switch (leaf->compare) {
    case FL_IS_EQUAL:
        return equal != leaf->negated;
    case FL_IS_OTHER:
        return equal == leaf->negated;
    case FL_IS_LESS:
        return (difference < 0) != leaf->negated;
    case FL_IS_AT_MOST:
        return (difference <= 0) != leaf->negated;
    case FL_IS_MORE:
        return (difference > 0) != leaf->negated;
    case FL_IS_AT_LEAST:
        return (difference >= 0) != leaf->negated;
    }
    fl_assert(false);
    return false;
}

typedef bool (*leaf_fn)(const struct fl_term *term, const struct fl_want *want);

static bool is_possible(const struct fl_term *term, const struct fl_want *want)
{
    return !fl_term_is_never(term, want);
}

static bool node_value(const struct fl_expr *expr, size_t node, leaf_fn fn,
                       const struct fl_term *terms, const struct fl_want *wants)
{
    const struct fl_expr_node *n = &expr->nodes[node];

    switch (n->op) {
    case FL_EXPR_AND:
        return node_value(expr, n->a, fn, terms, wants) && node_value(expr, n->b, fn, terms, wants);
    case FL_EXPR_OR:
        return node_value(expr, n->a, fn, terms, wants) || node_value(expr, n->b, fn, terms, wants);
    case FL_EXPR_LEAF:
        return fn(&terms[n->a], &wants[n->a]);
    }
    fl_assert(false);
    return false;
}

bool fl_expr_value(const struct fl_expr *expr, const struct fl_term *terms,
                   const struct fl_want *wants)
{
    return expr->node_count == 0 ||
           node_value(expr, expr->node_count - 1, fl_term_is_met, terms, wants);
}

bool fl_expr_possible(const struct fl_expr *expr, const struct fl_term *terms,
                      const struct fl_want *wants)
{
    return expr->node_count == 0 ||
           node_value(expr, expr->node_count - 1, is_possible, terms, wants);
}
