/* Reading a trigger: recursive descent over a bounded text. */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/expr.h"

#include "engine/base/banned.h"

#define STATES_HELP \
    "accepted: succeeded, failed, timed-out, lost, cancelled, expired, skipped, ended, started, " \
    "all, progress(+036)"
#define MEMBERS_MAX 1000 /* bytes of the members of another workflow */

struct parser {
    const char *text;
    const char *at;
    const struct fl_workflow *workflow;
    struct fl_expr *expr;
    int depth;
    const char *negated; /* the '!' that turns what is read now; or NULL */
    struct fl_err *reterr;
};

static int column_of(const struct parser *p, const char *at)
{
    return (int)(at - p->text) + 1;
}

static int shown(size_t size)
{
    return (int)(size < 60 ? size : 60);
}

static int no_memory(const struct parser *p)
{
    return fl_err_set(p->reterr, FL_E_NOMEM, 0, "no memory for an expression");
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

static int keep(const struct parser *p, char **field, const char *from, size_t size)
{
    *field = strndup(from, size);
    return *field ? 0 : no_memory(p);
}

/* What stands between the '(' at p->at and its ')'. */
static int take_brackets(struct parser *p, const char *help, const char **ret_from,
                         size_t *ret_size)
{
    const char *open = p->at;
    const char *close = strchr(open, ')');
    size_t size = close ? (size_t)(close - open) - 1 : 0;

    if (*open != '(' || !close || size == 0)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: '(' needs %s and ')'",
                          column_of(p, open), help);
    *ret_from = open + 1;
    *ret_size = size;
    p->at = close + 1;
    return 0;
}

static int parse_progress(struct parser *p, struct fl_expr_leaf *leaf)
{
    char text[FL_TIME_TEXT_MAX];
    const char *from;
    size_t size;
    int rc = take_brackets(p, "a lead, as progress(+036),", &from, &size);

    if (rc < 0)
        return rc;
    if (size >= sizeof(text))
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: '%.*s' is not a lead",
                          column_of(p, from), shown(size), from);
    memcpy(text, from, size);
    text[size] = '\0';
    if (fl_lead_parse(text, &leaf->lead, p->reterr) < 0)
        return fl_err_note(p->reterr, FL_E_PARSE, "column %d", column_of(p, from));
    leaf->kind = FL_LEAF_PROGRESS;
    return 0;
}

/* ":succeeded", ":all", ":progress(+036)" after a stage, a group or an output. */
static int parse_state(struct parser *p, struct fl_expr_leaf *leaf)
{
    const char *from = p->at + 1;
    size_t size;

    if (*p->at != ':')
        return 0;
    size = name_size(from);
    if (size == 3 && strncmp(from, "all", size) == 0) {
        leaf->all = true;
        p->at = from + size;
        return 0;
    }
    if (size == 8 && strncmp(from, "progress", size) == 0 && leaf->kind == FL_LEAF_STATE &&
        leaf->group == FL_NONE) {
        p->at = from + size;
        return parse_progress(p, leaf);
    }
    for (enum fl_leaf_state s = 0; s < FL_LEAF_STATE_COUNT; s++) {
        const char *name = fl_leaf_state_name(s);

        if (strlen(name) != size || strncmp(from, name, size) != 0 ||
            (leaf->kind == FL_LEAF_OUTPUT && s != FL_LEAF_SUCCEEDED))
            continue;
        leaf->state = s;
        p->at = from + size;
        return 0;
    }
    if (leaf->kind == FL_LEAF_OUTPUT)
        return fl_err_set(p->reterr, FL_E_PARSE, 0,
                          "column %d: an output is there or not: unknown state '%.*s'; accepted: "
                          "succeeded, all",
                          column_of(p, from), shown(size), from);
    return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: unknown state '%.*s'; " STATES_HELP,
                      column_of(p, from), shown(size), from);
}

/* ">= 3", ">= 90%". */
static int parse_many(struct parser *p, struct fl_expr_leaf *leaf)
{
    const char *from;
    char *end;
    long count;

    skip_space(p);
    if (p->at[0] != '>' || p->at[1] != '=')
        return 0;
    p->at += 2;
    skip_space(p);
    from = p->at;
    count = isdigit((unsigned char)*from) ? strtol(from, &end, 10) : 0;
    if (count < 1 || count > FL_WORKFLOW_TOTAL_MAX || (*end == '%' && count > 100))
        return fl_err_set(p->reterr, FL_E_PARSE, 0,
                          "column %d: '>=' needs a number from 1, or 1%% to 100%%",
                          column_of(p, from));
    leaf->count = count;
    leaf->many = *end == '%' ? FL_COUNT_PERCENT : FL_COUNT_NUMBER;
    p->at = end + (*end == '%');
    return 0;
}

/* "[-PT6H]": once, after the stage, its output or its members. */
static int parse_offset(struct parser *p, struct fl_expr_leaf *leaf)
{
    const char *from = p->at + 1;
    const char *close = strchr(p->at, ']');
    char text[FL_TIME_TEXT_MAX];
    size_t size;

    if (*p->at != '[')
        return 0;
    size = close ? (size_t)(close - from) : sizeof(text);
    if (size < sizeof(text)) {
        memcpy(text, from, size);
        text[size] = '\0';
    }
    if (size >= sizeof(text) || leaf->cycle_offset_s ||
        fl_duration_parse(text, &leaf->cycle_offset_s, NULL) < 0 || leaf->cycle_offset_s >= 0)
        return fl_err_set(p->reterr, FL_E_PARSE, 0,
                          "column %d: '[' needs how far back the cycle is, and ']', as [-PT6H]",
                          column_of(p, p->at));
    p->at = close + 1;
    return 0;
}

/* "(+000/+012)", "(m01,+006)": members of what stands before it. */
static int parse_members(struct parser *p, struct fl_expr_leaf *leaf)
{
    const struct fl_workflow *wf = p->workflow;
    const char *open = p->at;
    struct fl_dims dims;
    const char *from;
    size_t size;
    int rc;

    if (*open != '(')
        return 0;
    if (leaf->group != FL_NONE)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: a group has no members",
                          column_of(p, open));
    rc = take_brackets(p, "members, as (+000/+012) or (m01,+006),", &from, &size);
    if (rc < 0)
        return rc;
    if (leaf->workflow && size > MEMBERS_MAX)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: too many members",
                          column_of(p, from));
    if (leaf->workflow)
        return keep(p, &leaf->members, from, size);
    dims = fl_output_dims(&wf->stages[leaf->stage], leaf->output);
    if (dims.count == 0)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: this is one, without members",
                          column_of(p, open));
    if (fl_selector_parse(wf, &dims, from, size, &leaf->select, p->reterr) < 0)
        return fl_err_note(p->reterr, FL_E_PARSE, "column %d", column_of(p, from));
    return 0;
}

static int parse_output(struct parser *p, struct fl_expr_leaf *leaf)
{
    const struct fl_stage *stage;
    size_t size;

    if (*p->at != '.')
        return 0;
    size = name_size(++p->at);
    if (leaf->group != FL_NONE)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: a group has no outputs",
                          column_of(p, p->at));
    leaf->kind = FL_LEAF_OUTPUT;
    if (leaf->workflow && size == 0)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: an output is expected",
                          column_of(p, p->at));
    if (leaf->workflow) {
        p->at += size;
        return keep(p, &leaf->other, p->at - size, size);
    }
    stage = &p->workflow->stages[leaf->stage];
    leaf->output = fl_stage_output(stage, p->at, size);
    if (leaf->output == FL_NONE)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: stage '%s' has no output '%.*s'",
                          column_of(p, p->at), stage->name, shown(size), p->at);
    p->at += size;
    return 0;
}

static int parse_name(struct parser *p, struct fl_expr_leaf *leaf, size_t size)
{
    char name[FL_WORKFLOW_NAME_MAX + 1];

    if (p->at[size] == '/') { /* another workflow */
        size_t stage = name_size(p->at + size + 1);

        if (stage == 0)
            return fl_err_set(p->reterr, FL_E_PARSE, 0,
                              "column %d: a stage of workflow '%.*s' is expected",
                              column_of(p, p->at + size + 1), shown(size), p->at);
        if (keep(p, &leaf->workflow, p->at, size) < 0 ||
            keep(p, &leaf->name, p->at + size + 1, stage) < 0)
            return FL_E_NOMEM;
        p->at += size + 1 + stage;
        return 0;
    }
    leaf->stage = fl_workflow_stage(p->workflow, p->at, size);
    if (leaf->stage == FL_NONE && size < sizeof(name)) {
        memcpy(name, p->at, size);
        name[size] = '\0';
        leaf->group = fl_workflow_group(p->workflow, name);
    }
    if (leaf->stage == FL_NONE && leaf->group == FL_NONE)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: there is no stage or group '%.*s'",
                          column_of(p, p->at), shown(size), p->at);
    p->at += size;
    return 0;
}

/* A stage, a group, an output: members, cycle, state, how many. */
static int parse_ref(struct parser *p, struct fl_expr_leaf *leaf, size_t size)
{
    int rc = parse_name(p, leaf, size);

    if (rc == 0)
        rc = parse_offset(p, leaf);
    if (rc == 0)
        rc = parse_output(p, leaf);
    if (rc == 0)
        rc = parse_members(p, leaf);
    if (rc == 0)
        rc = parse_offset(p, leaf);
    if (rc == 0)
        rc = parse_state(p, leaf);
    return rc < 0 ? rc : parse_many(p, leaf);
}

static int parse_event(struct parser *p, struct fl_expr_leaf *leaf)
{
    size_t size = name_size(p->at);

    leaf->kind = FL_LEAF_EVENT;
    if (size == 0 || size > FL_WORKFLOW_NAME_MAX)
        return fl_err_set(p->reterr, FL_E_PARSE, 0,
                          "column %d: the name of an event is expected, at most %d bytes",
                          column_of(p, p->at), FL_WORKFLOW_NAME_MAX);
    p->at += size;
    return keep(p, &leaf->name, p->at - size, size);
}

/* "gfs.0p25": names of sources may have dots. */
static size_t source_name_size(const char *at)
{
    size_t size = 0;

    while (isalnum((unsigned char)at[size]) || at[size] == '_' ||
           ((at[size] == '-' || at[size] == '.') && isalnum((unsigned char)at[size + 1])))
        size++;
    return size;
}

/* "gfs.0p25[-PT6H](+000/+012) >= 3"; which leads these are depends on the stage: fl_leaf_source. */
static int parse_source(struct parser *p, struct fl_expr_leaf *leaf)
{
    size_t size = source_name_size(p->at);
    const char *from;
    int rc;

    leaf->kind = FL_LEAF_SOURCE;
    if (size == 0 || size > FL_WORKFLOW_NAME_MAX)
        return fl_err_set(p->reterr, FL_E_PARSE, 0,
                          "column %d: the name of a source of the catalogue is expected, as "
                          "source:gfs.0p25(+000/+012/3)",
                          column_of(p, p->at));
    p->at += size;
    rc = keep(p, &leaf->name, p->at - size, size);
    if (rc == 0)
        rc = parse_offset(p, leaf);
    if (rc == 0 && *p->at == '(') {
        rc = take_brackets(p, "leads, as (+000/+012/3) or the name of a set,", &from, &size);
        if (rc == 0)
            rc = keep(p, &leaf->members, from, size);
    }
    if (rc == 0)
        rc = parse_offset(p, leaf);
    return rc < 0 ? rc : parse_many(p, leaf);
}

/* A stage may be called source: then "source:succeeded" speaks of it. */
static bool speaks_of_stage(const struct parser *p, const char *word)
{
    size_t size = name_size(word);
    char group[] = "source";

    if (fl_workflow_stage(p->workflow, "source", 6) == FL_NONE &&
        fl_workflow_group(p->workflow, group) == FL_NONE)
        return false;
    for (enum fl_leaf_state s = 0; s < FL_LEAF_STATE_COUNT; s++)
        if (strlen(fl_leaf_state_name(s)) == size &&
            strncmp(word, fl_leaf_state_name(s), size) == 0)
            return true;
    return (size == 3 && strncmp(word, "all", size) == 0) ||
           (size == 8 && strncmp(word, "progress", size) == 0);
}

/* A text in double quotes. */
static int take_quoted(struct parser *p, char **ret_text)
{
    const char *from = p->at + 1;
    const char *close = *p->at == '"' ? strchr(from, '"') : NULL;

    if (!close)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: a text in quotes is expected",
                          column_of(p, p->at));
    p->at = close + 1;
    return keep(p, ret_text, from, (size_t)(close - from));
}

static int parse_file(struct parser *p, struct fl_expr_leaf *leaf)
{
    const char *open = p->at;
    int rc;

    leaf->kind = FL_LEAF_FILE;
    p->at++;
    skip_space(p);
    rc = take_quoted(p, &leaf->name);
    if (rc < 0)
        return rc;
    skip_space(p);
    if (*p->at != ')' || !*leaf->name)
        return fl_err_set(p->reterr, FL_E_PARSE, 0,
                          "column %d: file needs a path, as file(\"inbox/{cycle}.ready\")",
                          column_of(p, open));
    (void)open; /* only the message names it */
    p->at++;
    return 0;
}

static int parse_clock(struct parser *p, struct fl_expr_leaf *leaf)
{
    char text[FL_TIME_TEXT_MAX];
    const char *from;
    size_t size;
    int rc = take_brackets(p, "a time after the cycle, as clock(+PT3H),", &from, &size);

    leaf->kind = FL_LEAF_CLOCK;
    if (rc < 0)
        return rc;
    if (size >= sizeof(text))
        size = sizeof(text) - 1;
    memcpy(text, from, size);
    text[size] = '\0';
    if (fl_duration_parse(text, &leaf->clock_s, p->reterr) < 0)
        return fl_err_note(p->reterr, FL_E_PARSE, "column %d", column_of(p, from));
    return 0;
}

static int take_compare(struct parser *p, const struct fl_param *param, enum fl_compare *ret_how)
{
    static const struct {
        const char *sign;
        enum fl_compare how;
    } rows[] = {
        {"==", FL_IS_EQUAL},    {"!=", FL_IS_OTHER}, {"<=", FL_IS_AT_MOST},
        {">=", FL_IS_AT_LEAST}, {"<", FL_IS_LESS},   {">", FL_IS_MORE},
    };
    bool number = param->type == FL_PARAM_INT || param->type == FL_PARAM_REAL;

    skip_space(p);
    for (size_t i = 0; i < (number ? FL_COUNT(rows) : 2); i++) {
        size_t size = strlen(rows[i].sign);

        if (strncmp(p->at, rows[i].sign, size) != 0)
            continue;
        p->at += size;
        *ret_how = rows[i].how;
        skip_space(p);
        return 0;
    }
    return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: parameter '%s' is %s; accepted: %s",
                      column_of(p, p->at), param->name,
                      number                         ? "a number"
                      : param->type == FL_PARAM_BOOL ? "true or false"
                                                     : "a text",
                      number ? "== != < <= > >=" : "== !=");
}

/* "param.NAME == value" with a value of the parameter's type. */
static int parse_param(struct parser *p, struct fl_expr_leaf *leaf)
{
    size_t size = name_size(p->at);
    const struct fl_param *param;
    char *end = NULL;
    int rc;

    leaf->kind = FL_LEAF_PARAM;
    rc = keep(p, &leaf->name, p->at, size);
    if (rc < 0)
        return rc;
    param = fl_workflow_param(p->workflow, leaf->name);
    if (!param)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: there is no parameter '%.60s'",
                          column_of(p, p->at), leaf->name);
    p->at += size;
    rc = take_compare(p, param, &leaf->compare);
    if (rc < 0)
        return rc;
    if (param->type == FL_PARAM_TEXT)
        return take_quoted(p, &leaf->other);
    size = name_size(p->at);
    if (param->type == FL_PARAM_BOOL && ((size == 4 && strncmp(p->at, "true", size) == 0) ||
                                         (size == 5 && strncmp(p->at, "false", size) == 0))) {
        p->at += size;
        return keep(p, &leaf->other, p->at - size, size);
    }
    if (param->type != FL_PARAM_BOOL)
        (void)strtod(p->at, &end); /* what it has read is what counts */
    if (!end || end == p->at || isalpha((unsigned char)*end))
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: parameter '%s' is %s",
                          column_of(p, p->at), param->name,
                          param->type == FL_PARAM_BOOL ? "true or false" : "a number");
    rc = keep(p, &leaf->other, p->at, (size_t)(end - p->at));
    p->at = end;
    return rc;
}

static bool starts(struct parser *p, const char *word)
{
    size_t size = strlen(word);

    if (strncmp(p->at, word, size) != 0)
        return false;
    p->at += size;
    return true;
}

static int parse_kind(struct parser *p, struct fl_expr_leaf *leaf)
{
    size_t size = name_size(p->at);

    if (starts(p, "event:"))
        return parse_event(p, leaf);
    if (strncmp(p->at, "source:", 7) == 0 && !speaks_of_stage(p, p->at + 7)) {
        p->at += 7;
        return parse_source(p, leaf);
    }
    if (starts(p, "param."))
        return parse_param(p, leaf);
    if (starts(p, "file(")) {
        p->at--;
        return parse_file(p, leaf);
    }
    if (starts(p, "clock(")) {
        p->at--;
        return parse_clock(p, leaf);
    }
    if (size == 0 && *p->at == '\0')
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: a stage is expected, not the end",
                          column_of(p, p->at));
    if (size == 0)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: a stage is expected, not '%c'",
                          column_of(p, p->at), isprint((unsigned char)*p->at) ? *p->at : '?');
    return parse_ref(p, leaf, size);
}

static int parse_leaf(struct parser *p, uint16_t *ret_node)
{
    struct fl_expr *expr = p->expr;
    struct fl_expr_leaf *leaf = &expr->leaves[expr->leaf_count];
    const char *from = p->at;
    int rc;

    if (expr->leaf_count == FL_EXPR_NODES_MAX)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: more than %d terms",
                          column_of(p, p->at), FL_EXPR_NODES_MAX / 2);
    *leaf = (struct fl_expr_leaf){.stage = FL_NONE,
                                  .group = FL_NONE,
                                  .output = FL_NONE,
                                  .negated = p->negated != NULL,
                                  .column = column_of(p, from)};
    expr->leaf_count++; /* its texts are released with the rest */
    rc = parse_kind(p, leaf);
    if (rc < 0)
        return rc;
    if (p->negated && leaf->kind != FL_LEAF_PARAM && leaf->kind != FL_LEAF_CLOCK)
        return fl_err_set(p->reterr, FL_E_PARSE, 0,
                          "column %d: '!' is for param and clock terms; of a stage say what has "
                          "become of it, as :failed or :skipped",
                          column_of(p, p->negated));
    leaf->size = (int)(p->at - from);
    return add_node(p, FL_EXPR_LEAF, (uint16_t)(expr->leaf_count - 1), 0, ret_node);
}

static int parse_or(struct parser *p, uint16_t *ret_node);

static int deeper(struct parser *p, const char *at)
{
    if (++p->depth > FL_EXPR_DEPTH_MAX)
        return fl_err_set(p->reterr, FL_E_PARSE, 0, "column %d: more than %d parentheses deep",
                          column_of(p, at), FL_EXPR_DEPTH_MAX);
    return 0;
}

/* A leaf, "( … )", or either of these after '!'. */
static int parse_primary(struct parser *p, uint16_t *ret_node)
{
    const char *was = p->negated;
    const char *open;
    int rc;

    skip_space(p);
    open = p->at;
    if (*open == '!' && open[1] != '=') {
        p->at++;
        p->negated = was ? NULL : open;
        rc = deeper(p, open);
        if (rc == 0)
            rc = parse_primary(p, ret_node);
        p->negated = was;
        p->depth--;
        return rc;
    }
    if (*open != '(')
        return parse_leaf(p, ret_node);
    p->at++;
    rc = deeper(p, open);
    if (rc == 0)
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

/* Within '!' the two change places. */
static int parse_and(struct parser *p, uint16_t *ret_node)
{
    return parse_chain(p, ret_node, "&&", p->negated ? FL_EXPR_OR : FL_EXPR_AND, parse_primary);
}

static int parse_or(struct parser *p, uint16_t *ret_node)
{
    return parse_chain(p, ret_node, "||", p->negated ? FL_EXPR_AND : FL_EXPR_OR, parse_and);
}

/* Gives back the room that was not needed; that it cannot be is no harm. */
static void shrink(struct fl_expr *expr)
{
    void *nodes = realloc(expr->nodes, expr->node_count * sizeof(*expr->nodes));
    void *leaves = realloc(expr->leaves, expr->leaf_count * sizeof(*expr->leaves));

    if (nodes)
        expr->nodes = nodes;
    if (leaves)
        expr->leaves = leaves;
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
    made.leaves = calloc(FL_EXPR_NODES_MAX, sizeof(*made.leaves));
    if (!made.nodes || !made.leaves) {
        fl_expr_release(&made);
        return no_memory(&p);
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
    shrink(&made);
    *expr = made;
    return 0;
}
