/* What can be seen of a graph before it runs: stages that can never start, and why; failures that
 * are waited for and fail the run all the same; cycles that are reached for and never exist. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/recurrence.h"
#include "engine/spec/impl.h"
#include "engine/spec/possible.h"

#include "engine/base/banned.h"

#define CONTEXTS 2 /* in the first cycle of an operation, in a later one */

/* What is known of the stages so far, in graph order. */
struct lint {
    struct fl_compile *c;
    uint32_t *ends[CONTEXTS]; /* of each stage: the ends it can come to */
};

/* The stage as it was written; NULL for a transfer. */
static const struct fl_draft *draft_of(const struct fl_compile *c, const struct fl_stage *stage)
{
    for (size_t i = 0; i < c->draft_count; i++) {
        if (strcmp(c->drafts[i].name, stage->name) == 0)
            return &c->drafts[i];
    }
    return NULL;
}

static const config_setting_t *when_of(const struct fl_compile *c, const struct fl_stage *stage)
{
    const struct fl_draft *draft = draft_of(c, stage);
    const config_setting_t *when = draft ? fl_layers_get(&draft->layers, "when") : NULL;

    return when ? when : draft ? draft->at : NULL;
}

static bool exists_in(const struct fl_stage *stage, int context)
{
    return stage->only == FL_ONLY_ALWAYS || (stage->only == FL_ONLY_FIRST) == (context == 0);
}

static bool has_outputs(const struct lint *lint, const struct fl_source *source, int context)
{
    return source->stage == FL_NONE || source->cycle_offset_s ||
           (lint->ends[context][source->stage] & (1u << FL_END_SUCCEEDED));
}

/* The input that can never be there, or NULL. */
static const struct fl_stage_input *missing_input(const struct lint *lint,
                                                  const struct fl_stage *stage, int context)
{
    for (size_t i = 0; i < stage->input_count; i++) {
        const struct fl_stage_input *input = &stage->inputs[i];
        size_t there = 0;

        for (size_t k = 0; k < input->source_count; k++)
            there += has_outputs(lint, &input->sources[k], context);
        if (input->source_count && (input->first_of ? there == 0 : there < input->source_count))
            return input;
    }
    return NULL;
}

/* How many instances or members of an output a leaf speaks of; 0: that is not known yet. */
static uint64_t meant(const struct fl_workflow *w, const struct fl_stage *stage,
                      const struct fl_expr_leaf *leaf)
{
    struct fl_dims dims = fl_output_dims(&w->stages[leaf->stage], leaf->output);
    uint64_t total = 1;

    for (size_t d = 0; d < dims.count; d++) {
        if (leaf->select.of[d].count)
            total *= leaf->select.of[d].count;
        else if (leaf->all || fl_dims_find(&stage->dims, dims.sets[d]) < 0)
            total *= fl_set_count(&w->sets[dims.sets[d]]);
    }
    return total;
}

static bool leaf_may_be(const struct fl_expr_leaf *leaf, uint32_t ends)
{
    return leaf->kind == FL_LEAF_STATE ? fl_leaf_may_be(leaf, ends)
                                       : (ends & (1u << FL_END_SUCCEEDED)) != 0;
}

/* Why a leaf can never be true in the trigger of a stage, or NULL. */
static const char *why_never(const struct lint *lint, const struct fl_stage *by,
                             const struct fl_expr_leaf *leaf, char *text, size_t size)
{
    const struct fl_stage *stage;
    uint32_t here = 0;
    uint32_t ends;

    if (leaf->stage == FL_NONE || leaf->workflow || leaf->cycle_offset_s)
        return NULL;
    stage = &lint->c->workflow->stages[leaf->stage];
    ends = lint->ends[0][leaf->stage] | lint->ends[1][leaf->stage];
    for (int context = 0; context < CONTEXTS; context++)
        here |= exists_in(by, context) ? lint->ends[context][leaf->stage] : 0;
    if (leaf_may_be(leaf, here))
        return NULL;
    if (leaf_may_be(leaf, ends)) {
        (void)snprintf(text, size, "stage '%s' does not run in the same cycles (only)",
                       stage->name);
        return text;
    }
    if (leaf->state == FL_LEAF_EXPIRED && leaf->kind == FL_LEAF_STATE && !stage->has_expire)
        (void)snprintf(text, size, "stage '%s' has no 'expire', so it never expires", stage->name);
    else if (leaf->state == FL_LEAF_TIMED_OUT && leaf->kind == FL_LEAF_STATE &&
             !stage->time_limit_s)
        (void)snprintf(text, size, "stage '%s' has no 'time_limit', so it never times out",
                       stage->name);
    else
        (void)snprintf(text, size, "stage '%s' can never start", stage->name);
    return text;
}

static void complain_trigger(struct lint *lint, const struct fl_stage *stage,
                             const struct fl_expr *expr)
{
    const config_setting_t *at = when_of(lint->c, stage);
    char said[400];
    char why[200];

    for (size_t i = 0; i < expr->leaf_count; i++) {
        if (!why_never(lint, stage, &expr->leaves[i], why, sizeof(why)))
            continue;
        (void)snprintf(said, sizeof(said),
                       "column %d: stage '%s' can never start: its trigger can never be true: %s",
                       expr->leaves[i].column, stage->name, why);
        fl_complain_when(lint->c, at, stage->when, said);
        return;
    }
    (void)snprintf(said, sizeof(said),
                   "column 1: stage '%s' can never start: the terms of its trigger exclude each "
                   "other",
                   stage->name);
    fl_complain_when(lint->c, at, stage->when, said);
}

static void complain_input(struct lint *lint, const struct fl_stage *stage)
{
    const struct fl_draft *draft = draft_of(lint->c, stage);
    const struct fl_stage_input *input = missing_input(lint, stage, 0);

    if (!input)
        input = missing_input(lint, stage, 1);
    if (draft && input)
        fl_complain(lint->c, draft->at,
                    "stage '%s' can never start: its input '%s' ('%s') is never there in the "
                    "cycles that it is part of",
                    stage->name, input->name, input->sources[0].text);
}

/* The ends that a stage can come to once it can start. */
static uint32_t natural_ends(const struct fl_stage *stage)
{
    uint32_t ends = 1u << FL_END_SUCCEEDED | 1u << FL_END_FAILED | 1u << FL_END_LOST |
                    1u << FL_END_CANCELLED | 1u << FL_END_SKIPPED;

    if (stage->time_limit_s)
        ends |= 1u << FL_END_TIMED_OUT;
    if (stage->has_expire)
        ends |= 1u << FL_END_EXPIRED;
    return ends;
}

/* A failure that is waited for fails the run nevertheless, unless it is allowed to happen. */
static void note_failures(struct lint *lint, const struct fl_stage *stage,
                          const struct fl_expr *expr)
{
    const struct fl_workflow *w = lint->c->workflow;

    for (size_t i = 0; i < expr->leaf_count; i++) {
        const struct fl_expr_leaf *leaf = &expr->leaves[i];

        if (leaf->kind != FL_LEAF_STATE || leaf->stage == FL_NONE || leaf->workflow ||
            leaf->cycle_offset_s || w->stages[leaf->stage].optional ||
            (leaf->state != FL_LEAF_FAILED && leaf->state != FL_LEAF_TIMED_OUT))
            continue;
        fl_say(lint->c, false, when_of(lint->c, stage),
               "stage '%s' waits for the failure of '%s', which is not optional: the run still "
               "ends failed; accepted: optional = true in '%s'",
               stage->name, w->stages[leaf->stage].name, w->stages[leaf->stage].name);
    }
}

/* More of something than there is of it. */
static void check_counts(struct lint *lint, const struct fl_stage *stage,
                         const struct fl_expr *expr)
{
    char said[300];

    for (size_t i = 0; i < expr->leaf_count; i++) {
        const struct fl_expr_leaf *leaf = &expr->leaves[i];
        uint64_t total;

        if (leaf->stage == FL_NONE || leaf->workflow || leaf->many != FL_COUNT_NUMBER)
            continue;
        total = meant(lint->c->workflow, stage, leaf);
        if (total == 0 || (uint64_t)leaf->count <= total)
            continue;
        (void)snprintf(said, sizeof(said),
                       "column %d: %lld of '%s' are waited for, but there %s %llu", leaf->column,
                       (long long)leaf->count, lint->c->workflow->stages[leaf->stage].name,
                       total == 1 ? "is" : "are", (unsigned long long)total);
        fl_complain_when(lint->c, when_of(lint->c, stage), stage->when, said);
    }
}

static void check_clock(struct lint *lint, const struct fl_stage *stage, const struct fl_expr *expr)
{
    char said[200];

    for (size_t i = 0; i < expr->leaf_count; i++) {
        if (expr->leaves[i].kind != FL_LEAF_CLOCK ||
            lint->c->workflow->cycles.calendar == FL_CALENDAR_STANDARD)
            continue;
        (void)snprintf(said, sizeof(said),
                       "column %d: a workflow in another calendar than the standard one has no "
                       "clock",
                       expr->leaves[i].column);
        fl_complain_when(lint->c, when_of(lint->c, stage), stage->when, said);
    }
}

static int64_t gcd(int64_t a, int64_t b)
{
    return b ? gcd(b, a % b) : a;
}

/* Some cycle of rule a lies offset_s after one of rule b; periods of months may. */
static bool may_reach(const struct fl_recurrence *a, const struct fl_recurrence *b,
                      int64_t offset_s)
{
    if (a->period.months || b->period.months)
        return true;
    return (a->anchor.s - b->anchor.s + offset_s) % gcd(a->period.seconds, b->period.seconds) == 0;
}

/* "forecast[-PT5H]" where there is a cycle every six hours. */
static void check_offset(struct lint *lint, const struct fl_stage *stage,
                         const config_setting_t *at, int32_t other, int64_t offset_s)
{
    const struct fl_cycling *cycles = &lint->c->workflow->cycles;
    const struct fl_cycle *from = cycles->has_from ? &cycles->from : NULL;
    char offset[FL_TIME_TEXT_MAX];
    int32_t rule = stage->recurrence;
    int32_t of = other == FL_NONE ? FL_NONE : lint->c->workflow->stages[other].recurrence;

    if (!offset_s || !cycles->rule_count)
        return;
    for (size_t i = 0; i < cycles->rule_count; i++) {
        for (size_t k = 0; k < cycles->rule_count; k++) {
            struct fl_recurrence a;
            struct fl_recurrence b;

            if ((rule != FL_NONE && (size_t)rule != i) || (of != FL_NONE && (size_t)of != k))
                continue;
            if (fl_recurrence_parse(cycles->rules[i].rule, cycles->calendar, from, &a, NULL) < 0 ||
                fl_recurrence_parse(cycles->rules[k].rule, cycles->calendar, from, &b, NULL) < 0 ||
                may_reach(&a, &b, offset_s))
                return;
        }
    }
    fl_duration_format(offset_s, offset);
    fl_complain(lint->c, at,
                "stage '%s' reaches for the cycle [%s], but there is never a cycle so long before "
                "one of its own; cycles are %s%s",
                stage->name, offset, cycles->rules[0].rule,
                cycles->rule_count > 1 ? " and others" : "");
}

static void check_offsets(struct lint *lint, const struct fl_stage *stage,
                          const struct fl_expr *expr)
{
    const struct fl_draft *draft = draft_of(lint->c, stage);

    for (size_t i = 0; i < stage->input_count && draft; i++) {
        for (size_t k = 0; k < stage->inputs[i].source_count; k++)
            check_offset(lint, stage, draft->at, stage->inputs[i].sources[k].stage,
                         stage->inputs[i].sources[k].cycle_offset_s);
    }
    for (size_t i = 0; i < expr->leaf_count; i++) {
        if (!expr->leaves[i].workflow)
            check_offset(lint, stage, when_of(lint->c, stage), expr->leaves[i].stage,
                         expr->leaves[i].cycle_offset_s);
    }
}

static int lint_stage(struct lint *lint, size_t index)
{
    const struct fl_workflow *w = lint->c->workflow;
    const struct fl_stage *stage = &w->stages[index];
    fl_auto(fl_expr_release) struct fl_expr expr = {0};
    bool inputs = false;
    bool starts = false;

    if (stage->when && fl_expr_parse(stage->when, w, &expr, NULL) < 0)
        return 0; /* told before */
    for (int context = 0; context < CONTEXTS; context++) {
        bool possible = true;

        lint->ends[context][index] = 1u << FL_END_SKIPPED;
        if (!exists_in(stage, context) || missing_input(lint, stage, context))
            continue;
        inputs = true;
        if (fl_expr_may_be_true(w, &expr, lint->ends[context], &possible) < 0)
            return FL_E_NOMEM;
        if (possible)
            lint->ends[context][index] = natural_ends(stage);
        starts = starts || possible;
    }
    if (!inputs)
        complain_input(lint, stage);
    else if (!starts)
        complain_trigger(lint, stage, &expr);
    note_failures(lint, stage, &expr);
    check_counts(lint, stage, &expr);
    check_clock(lint, stage, &expr);
    check_offsets(lint, stage, &expr);
    return 0;
}

void fl_lint(struct fl_compile *c)
{
    size_t count = c->workflow->stage_count;
    struct lint lint = {.c = c};

    for (int context = 0; context < CONTEXTS; context++) {
        lint.ends[context] = calloc(count + 1, sizeof(*lint.ends[context]));
        c->no_memory = c->no_memory || !lint.ends[context];
    }
    for (size_t i = 0; i < count && !c->no_memory; i++)
        c->no_memory = lint_stage(&lint, i) < 0;
    for (int context = 0; context < CONTEXTS; context++)
        free(lint.ends[context]);
}
