/* Whether a trigger can ever become true. Each stage that is spoken of comes to one end, each
 * parameter has one value, the clock one time: a search over these, cut where the trigger is false
 * whatever the rest. What is not understood (counts, groups, other runs, signals, files) may be
 * either. Pure. Limits: STEPS_MAX; a trigger that is not decided by then counts as possible. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spec/possible.h"

#include "engine/base/banned.h"

#define STEPS_MAX 100000
#define VALUES_MAX 64

/* One thing that is the same wherever the trigger speaks of it. */
struct variable {
    enum fl_leaf_kind kind;
    const struct fl_expr_leaf *leaf; /* the first that speaks of it */
    const char *values[VALUES_MAX];  /* of a parameter */
    char numbers[VALUES_MAX][40];    /* those of them that were made here */
    int64_t times[VALUES_MAX];       /* of the clock */
    uint8_t ends[FL_END_COUNT + 1];  /* of a stage */
    size_t count;
};

struct search {
    const struct fl_workflow *workflow;
    const struct fl_expr *expr;
    struct variable *variables;
    size_t count;
    int16_t *of_leaf; /* variable of each leaf, or -1: free */
    bool *now;        /* value of each leaf under what is chosen so far */
    size_t steps;
};

/* True when an instance that has come to this end makes a leaf of its state true. */
static bool end_satisfies(enum fl_leaf_state state, uint8_t end)
{
    switch (state) {
    case FL_LEAF_SUCCEEDED:
        return end == FL_END_SUCCEEDED;
    case FL_LEAF_FAILED:
        return end == FL_END_FAILED || end == FL_END_TIMED_OUT || end == FL_END_LOST;
    case FL_LEAF_TIMED_OUT:
        return end == FL_END_TIMED_OUT;
    case FL_LEAF_LOST:
        return end == FL_END_LOST;
    case FL_LEAF_CANCELLED:
        return end == FL_END_CANCELLED;
    case FL_LEAF_EXPIRED:
        return end == FL_END_EXPIRED;
    case FL_LEAF_SKIPPED:
        return end == FL_END_SKIPPED;
    case FL_LEAF_ENDED:
        return true;
    case FL_LEAF_STARTED:
        return end != FL_END_SKIPPED && end != FL_END_EXPIRED;
    case FL_LEAF_STATE_COUNT:
        break;
    }
    return true;
}

bool fl_leaf_may_be(const struct fl_expr_leaf *leaf, uint32_t ends)
{
    for (unsigned end = 0; end < FL_END_COUNT; end++) {
        if ((ends & (1u << end)) && end_satisfies(leaf->state, (uint8_t)end))
            return true;
    }
    return false;
}

static bool selects(const struct fl_selector *selector)
{
    for (size_t i = 0; i < FL_DIMS_MAX; i++) {
        if (selector->of[i].count)
            return true;
    }
    return false;
}

/* A leaf that says something of all instances that are meant of one stage in this run. */
static bool is_of_stage(const struct fl_expr_leaf *leaf)
{
    return leaf->kind == FL_LEAF_STATE && leaf->stage != FL_NONE && !leaf->workflow &&
           !leaf->cycle_offset_s && leaf->many == FL_COUNT_ALL && !selects(&leaf->select);
}

static bool same_thing(const struct fl_expr_leaf *a, const struct fl_expr_leaf *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case FL_LEAF_STATE:
        return is_of_stage(a) && is_of_stage(b) && a->stage == b->stage && a->all == b->all;
    case FL_LEAF_PARAM:
        return strcmp(a->name, b->name) == 0;
    case FL_LEAF_CLOCK:
        return true;
    case FL_LEAF_OUTPUT:
    case FL_LEAF_PROGRESS:
    case FL_LEAF_EVENT:
    case FL_LEAF_FILE:
    case FL_LEAF_SOURCE:
        return false;
    }
    return false;
}

static void add_value(struct variable *variable, const char *text)
{
    if (variable->count < VALUES_MAX)
        variable->values[variable->count++] = text;
}

/* A number beside another one. */
static void add_number(struct variable *variable, enum fl_param_type type, const char *text, int by)
{
    char *number = variable->numbers[variable->count % VALUES_MAX];
    long long whole = strtoll(text, NULL, 10);
    double real = strtod(text, NULL);

    if (variable->count >= VALUES_MAX)
        return;
    if (type == FL_PARAM_INT && __builtin_add_overflow(whole, by, &whole))
        return;
    if (type == FL_PARAM_INT)
        (void)snprintf(number, sizeof(variable->numbers[0]), "%lld", whole);
    else
        (void)snprintf(number, sizeof(variable->numbers[0]), "%.17g",
                       real + by * 1e-9 * (1 + (real < 0 ? -real : real)));
    variable->values[variable->count++] = number;
}

/* The values of a parameter that its leaves can tell apart. */
static void add_param(const struct fl_workflow *w, struct variable *variable,
                      const struct fl_expr_leaf *leaf)
{
    const struct fl_param *param = fl_workflow_param(w, leaf->name);

    add_value(variable, leaf->other);
    if (!param || param->type == FL_PARAM_TEXT) {
        add_value(variable, "\x01 something else");
        return;
    }
    if (param->type == FL_PARAM_BOOL) {
        add_value(variable, "true");
        add_value(variable, "false");
        return;
    }
    add_number(variable, param->type, leaf->other, -1);
    add_number(variable, param->type, leaf->other, 1);
}

static void add_leaf(struct search *search, struct variable *variable,
                     const struct fl_expr_leaf *leaf, const uint32_t *ends)
{
    if (leaf->kind == FL_LEAF_PARAM) {
        add_param(search->workflow, variable, leaf);
    } else if (leaf->kind == FL_LEAF_CLOCK && variable->count + 1 < VALUES_MAX) {
        variable->times[variable->count++] = leaf->clock_s - 1;
        variable->times[variable->count++] = leaf->clock_s;
    } else if (leaf->kind == FL_LEAF_STATE && variable->count == 0) {
        for (unsigned end = 0; end < FL_END_COUNT; end++) {
            if (ends[leaf->stage] & (1u << end))
                variable->ends[variable->count++] = (uint8_t)end;
        }
        if (fl_stage_instances(search->workflow, &search->workflow->stages[leaf->stage]) != 1)
            variable->ends[variable->count++] = FL_END_COUNT; /* some this, some that */
    }
}

static bool value_of(const struct search *search, const struct fl_expr_leaf *leaf,
                     const struct variable *variable, size_t choice)
{
    const struct fl_param *param;
    uint8_t end;

    switch (leaf->kind) {
    case FL_LEAF_STATE:
        end = variable->ends[choice];
        return end == FL_END_COUNT ? leaf->state == FL_LEAF_ENDED || leaf->state == FL_LEAF_STARTED
                                   : end_satisfies(leaf->state, end);
    case FL_LEAF_PARAM:
        param = fl_workflow_param(search->workflow, leaf->name);
        return fl_leaf_compare(leaf, param ? param->type : FL_PARAM_TEXT,
                               variable->values[choice]) != leaf->negated;
    case FL_LEAF_CLOCK:
        return (variable->times[choice] >= leaf->clock_s) != leaf->negated;
    case FL_LEAF_OUTPUT:
    case FL_LEAF_PROGRESS:
    case FL_LEAF_EVENT:
    case FL_LEAF_FILE:
    case FL_LEAF_SOURCE:
        return true;
    }
    return true;
}

static bool node_value(const struct search *search, size_t node)
{
    const struct fl_expr_node *n = &search->expr->nodes[node];

    switch (n->op) {
    case FL_EXPR_AND:
        return node_value(search, n->a) && node_value(search, n->b);
    case FL_EXPR_OR:
        return node_value(search, n->a) || node_value(search, n->b);
    case FL_EXPR_LEAF:
        return search->now[n->a];
    }
    return true;
}

/* Some choice for this variable and those after it makes the trigger true. */
static bool search_from(struct search *search, size_t at)
{
    const struct variable *variable = &search->variables[at];

    if (++search->steps > STEPS_MAX)
        return true;
    if (!node_value(search, search->expr->node_count - 1))
        return false;
    if (at == search->count)
        return true;
    for (size_t choice = 0; choice < variable->count; choice++) {
        for (size_t i = 0; i < search->expr->leaf_count; i++) {
            if (search->of_leaf[i] == (int16_t)at)
                search->now[i] = value_of(search, &search->expr->leaves[i], variable, choice);
        }
        if (search_from(search, at + 1))
            return true;
    }
    for (size_t i = 0; i < search->expr->leaf_count; i++) {
        if (search->of_leaf[i] == (int16_t)at)
            search->now[i] = true; /* open again */
    }
    return false;
}

/* Variables of the leaves; a leaf of a stage whose ends rule it out is false from the start. */
static void find_variables(struct search *search, const uint32_t *ends)
{
    const struct fl_expr *expr = search->expr;

    for (size_t i = 0; i < expr->leaf_count; i++) {
        const struct fl_expr_leaf *leaf = &expr->leaves[i];
        bool here = leaf->stage != FL_NONE && !leaf->workflow && !leaf->cycle_offset_s;
        size_t v = 0;

        search->of_leaf[i] = -1;
        search->now[i] = true;
        if (here && leaf->kind == FL_LEAF_STATE)
            search->now[i] = fl_leaf_may_be(leaf, ends[leaf->stage]);
        else if (here)
            search->now[i] = (ends[leaf->stage] & (1u << FL_END_SUCCEEDED)) != 0;
        if (!same_thing(leaf, leaf))
            continue;
        while (v < search->count && !same_thing(search->variables[v].leaf, leaf))
            v++;
        if (v == search->count) {
            search->variables[v].leaf = leaf;
            search->count++;
        }
        search->of_leaf[i] = (int16_t)v;
        add_leaf(search, &search->variables[v], leaf, ends);
    }
    for (size_t i = 0; i < expr->leaf_count; i++) {
        if (search->of_leaf[i] >= 0 && search->variables[search->of_leaf[i]].count + 2 > VALUES_MAX)
            search->of_leaf[i] = -1; /* too many values to try: it may be either */
    }
}

int fl_expr_may_be_true(const struct fl_workflow *workflow, const struct fl_expr *expr,
                        const uint32_t *ends, bool *ret_possible)
{
    struct search search = {.workflow = workflow, .expr = expr};
    int rc = 0;

    *ret_possible = true;
    if (expr->node_count == 0)
        return 0;
    search.variables = calloc(expr->leaf_count + 1, sizeof(*search.variables));
    search.of_leaf = calloc(expr->leaf_count + 1, sizeof(*search.of_leaf));
    search.now = calloc(expr->leaf_count + 1, sizeof(*search.now));
    if (search.variables && search.of_leaf && search.now) {
        find_variables(&search, ends);
        *ret_possible = search_from(&search, 0);
    } else {
        rc = FL_E_NOMEM;
    }
    free(search.variables);
    free(search.of_leaf);
    free(search.now);
    return rc;
}
