/* Recursive descent over a bounded text. */
#include "config.h"

#include "engine/core/expr.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

struct parser {
    const char *text;
    const char *at;
    const struct fl_workflow *workflow;
    struct fl_expr *expr;
    int depth;
    struct fl_err *reterr;
};

static int column_of(const struct parser *p, const char *at)
{
    return (int)(at - p->text) + 1;
}

static int add_node(struct parser *p, enum fl_expr_op op, uint16_t a, uint16_t b,
                    uint16_t *ret_node)
{
    struct fl_expr *expr = p->expr;

    if (expr->node_count == FL_EXPR_NODES_MAX)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: more than %d terms",
                          column_of(p, p->at), FL_EXPR_NODES_MAX / 2);
    expr->nodes[expr->node_count] = (struct fl_expr_node){op, a, b};
    *ret_node = (uint16_t)expr->node_count++;
    return 0;
}

static void skip_space(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')
        p->at++;
}

static size_t name_size(const char *at)
{
    size_t size = 0;

    while (isalnum((unsigned char)at[size]) || at[size] == '_' ||
           (at[size] == '-' && isalnum((unsigned char)at[size + 1])))
        size++;
    return size;
}

/* ":succeeded", ":all", ":ended" after a stage. */
static int parse_mode(struct parser *p, struct fl_expr_leaf *leaf)
{
    size_t size;

    if (*p->at != ':')
        return 0;
    p->at++;
    size = name_size(p->at);
    if (size == 9 && strncmp(p->at, "succeeded", size) == 0) {
        leaf->mode = FL_EXPR_SUCCEEDED;
    } else if (size == 3 && strncmp(p->at, "all", size) == 0) {
        leaf->all = true;
    } else if (size == 5 && strncmp(p->at, "ended", size) == 0 && leaf->output == FL_NONE) {
        leaf->mode = FL_EXPR_ENDED;
    } else {
        return fl_err_set(p->reterr, FL_E_PARSE, 0,
                          "column %d: unknown state '%.*s'; accepted: succeeded, all, ended",
                          column_of(p, p->at), (int)(size < 60 ? size : 60), p->at);
    }
    p->at += size;
    return 0;
}

/* "(+000/+012)", "(m01,+006)": members of what stands before it. */
static int parse_members(struct parser *p, struct fl_expr_leaf *leaf, const struct fl_dims *dims)
{
    const char *open;
    const char *close;
    size_t size;

    if (*p->at != '(')
        return 0;
    open = p->at;
    close = strchr(open, ')');
    size = close ? (size_t)(close - open) - 1 : 0;
    if (!close || size == 0)
        return fl_err_set(p->reterr, FL_E_PARSE, 0,
                          "column %d: '(' needs members and ')', as (+000/+012) or (m01,+006)",
                          column_of(p, open));
    if (dims->count == 0)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: this is one, without members",
                          column_of(p, open));
    if (fl_selector_parse(p->workflow, dims, open + 1, size, &leaf->select, p->reterr) < 0)
        return fl_err_note(p->reterr, FL_E_PARSE, "column %d", column_of(p, open + 1));
    p->at = close + 1;
    return 0;
}

static int parse_ref(struct parser *p, uint16_t *ret_node)
{
    struct fl_expr_leaf *leaf = &p->expr->leaves[p->expr->leaf_count];
    const struct fl_stage *stage;
    size_t size = name_size(p->at);
    struct fl_dims dims;
    int rc;

    if (size == 0 && *p->at == '\0')
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: a stage is expected, not the end",
                          column_of(p, p->at));
    if (size == 0)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: a stage is expected, not '%c'",
                          column_of(p, p->at), isprint((unsigned char)*p->at) ? *p->at : '?');
    *leaf = (struct fl_expr_leaf){.output = FL_NONE, .column = column_of(p, p->at)};
    leaf->stage = fl_workflow_stage(p->workflow, p->at, size);
    if (leaf->stage == FL_NONE)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: there is no stage '%.*s'",
                          column_of(p, p->at), (int)(size < 60 ? size : 60), p->at);
    stage = &p->workflow->stages[leaf->stage];
    p->at += size;
    if (*p->at == '.') {
        size = name_size(++p->at);
        leaf->output = fl_stage_output(stage, p->at, size);
        if (leaf->output == FL_NONE)
            return fl_err_set(p->reterr, FL_E_PARSE, 0,
                              "column %d: stage '%s' has no output '%.*s'", column_of(p, p->at),
                              stage->name, (int)(size < 60 ? size : 60), p->at);
        p->at += size;
    }
    dims = fl_output_dims(stage, leaf->output);
    rc = parse_members(p, leaf, &dims);
    if (rc == 0)
        rc = parse_mode(p, leaf);
    if (rc == 0)
        rc = add_node(p, FL_EXPR_LEAF, (uint16_t)p->expr->leaf_count, 0, ret_node);
    if (rc == 0)
        p->expr->leaf_count++;
    return rc;
}

static int parse_or(struct parser *p, uint16_t *ret_node);

static int parse_primary(struct parser *p, uint16_t *ret_node)
{
    const char *open;
    int rc;

    skip_space(p);
    if (*p->at != '(')
        return parse_ref(p, ret_node);
    open = p->at++; /* NOLINT(clang-analyzer-deadcode.DeadStores): used in error texts */
    if (++p->depth > FL_EXPR_DEPTH_MAX)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: more than %d parentheses deep",
                          column_of(p, open), FL_EXPR_DEPTH_MAX);
    rc = parse_or(p, ret_node);
    if (rc < 0)
        return rc;
    skip_space(p);
    if (*p->at != ')')
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: '(' without its ')'",
                          column_of(p, open));
    p->at++;
    p->depth--;
    return 0;
}

static int parse_chain(struct parser *p, uint16_t *ret_node, const char *sign, enum fl_expr_op op,
                       int (*operand)(struct parser *p, uint16_t *ret_node))
{
    uint16_t left;
    int rc = operand(p, &left);

    while (rc == 0) {
        uint16_t right;

        skip_space(p);
        if (strncmp(p->at, sign, 2) != 0)
            break;
        p->at += 2;
        rc = operand(p, &right);
        if (rc == 0)
            rc = add_node(p, op, left, right, &left);
    }
    if (rc == 0)
        *ret_node = left;
    return rc;
}

static int parse_and(struct parser *p, uint16_t *ret_node)
{
    return parse_chain(p, ret_node, "&&", FL_EXPR_AND, parse_primary);
}

static int parse_or(struct parser *p, uint16_t *ret_node)
{
    return parse_chain(p, ret_node, "||", FL_EXPR_OR, parse_and);
}

void fl_expr_release(struct fl_expr *expr)
{
    free(expr->nodes);
    free(expr->leaves);
    *expr = (struct fl_expr){0};
}

int fl_expr_parse(const char *text, const struct fl_workflow *workflow, struct fl_expr *expr,
                  struct fl_err *reterr)
{
    struct fl_expr made = {0};
    struct parser p = {
        .text = text, .at = text, .workflow = workflow, .expr = &made, .reterr = reterr};
    uint16_t root;
    int rc;

    fl_assert(text);
    fl_assert(expr);
    if (strnlen(text, FL_EXPR_TEXT_MAX + 1) > FL_EXPR_TEXT_MAX)
        return fl_err_set(reterr, FL_E_PARSE, 0, "column %d: an expression has at most %d bytes",
                          FL_EXPR_TEXT_MAX + 1, FL_EXPR_TEXT_MAX);
    made.nodes = calloc(FL_EXPR_NODES_MAX, sizeof(*made.nodes));
    made.leaves = calloc(FL_EXPR_NODES_MAX + 1, sizeof(*made.leaves));
    if (!made.nodes || !made.leaves) {
        fl_expr_release(&made);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for an expression");
    }
    rc = parse_or(&p, &root);
    if (rc == 0 && *p.at != '\0')
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "column %d: '&&' or '||' is expected",
                        column_of(&p, p.at));
    if (rc < 0) {
        fl_expr_release(&made);
        return rc;
    }
    fl_assert(root == made.node_count - 1);
    *expr = made;
    return 0;
}

static bool node_value(const struct fl_expr *expr, size_t node, const uint32_t *pending)
{
    const struct fl_expr_node *n = &expr->nodes[node];

    switch (n->op) {
    case FL_EXPR_AND:
        return node_value(expr, n->a, pending) && node_value(expr, n->b, pending);
    case FL_EXPR_OR:
        return node_value(expr, n->a, pending) || node_value(expr, n->b, pending);
    case FL_EXPR_LEAF:
        return pending[n->a] == 0;
    }
    fl_assert(false);
    return false;
}

bool fl_expr_value(const struct fl_expr *expr, const uint32_t *pending)
{
    return expr->node_count == 0 || node_value(expr, expr->node_count - 1, pending);
}
