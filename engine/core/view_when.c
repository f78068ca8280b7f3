/* The terms that keep a trigger from being true, in words. */
#include "config.h"

#include "engine/core/clock.h"
#include "engine/core/terms.h"
#include "engine/core/view_impl.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

static const char *const what_names[FL_LEAF_STATE_COUNT] = {
    [FL_LEAF_SUCCEEDED] = "success",    [FL_LEAF_FAILED] = "failure",
    [FL_LEAF_TIMED_OUT] = "time-out",   [FL_LEAF_LOST] = "loss",
    [FL_LEAF_CANCELLED] = "cancelling", [FL_LEAF_EXPIRED] = "expiry",
    [FL_LEAF_SKIPPED] = "skipping",     [FL_LEAF_ENDED] = "end",
    [FL_LEAF_STARTED] = "start",
};

static const struct fl_plan_stage *stage_of(const struct fl_needs *n)
{
    return &n->run->plan->stages[n->run->plan->inst_stage[n->inst]];
}

static void leaf_what(const struct fl_expr_leaf *leaf, char *text, size_t size)
{
    char lead[FL_TIME_TEXT_MAX];

    if (leaf->kind != FL_LEAF_PROGRESS) {
        (void)snprintf(text, size, "%s", what_names[leaf->state]);
        return;
    }
    fl_lead_format(leaf->lead, lead);
    (void)snprintf(text, size, "progress %s", lead); /* bounded */
}

/* "3 more of 20 instances of post": how much is missing of what. */
static void count_text(const struct fl_expr_leaf *leaf, const char *name, uint32_t missing,
                       uint32_t wanted, uint32_t total, char *text, size_t size)
{
    if (leaf->many != FL_COUNT_ALL)
        (void)snprintf(text, size, "%u more of %u instances of %s", wanted, total, name);
    else if (missing > 1)
        (void)snprintf(text, size, "%u of %u instances of %s", missing, total, name);
    else
        (void)snprintf(text, size, "%s", name); /* names are bounded */
}

static void leaf_of_instances(struct fl_needs *n, const char *joiner, uint32_t t)
{
    const struct fl_run *run = n->run;
    const struct fl_plan_stage *ps = stage_of(n);
    const struct fl_expr_leaf *leaf = &ps->when.leaves[t];
    const struct fl_workflow *wf = run->plan->workflow;
    const char *name =
        leaf->group == FL_NONE ? wf->stages[leaf->stage].name : wf->groups[leaf->group].name;
    uint32_t missing = 0;
    uint32_t total = 0;
    uint32_t named = 0;
    char what[FL_TIME_TEXT_MAX + 16];
    char text[FL_CORE_ID_MAX + 32];

    leaf_what(leaf, what, sizeof(what));
    for (uint32_t m = ps->leaf_first[t]; m < ps->leaf_first[t + 1]; m++) {
        struct fl_region region = fl_plan_leaf(run->plan, run->plan->inst_stage[n->inst],
                                               fl_plan_inst_k(run->plan, n->inst), m);
        uint32_t base = run->plan->stages[ps->match_stage[m]].inst_first;

        if (ps->matches[m].unknown != FL_NONE)
            continue; /* nobody has said them */
        total += region.count;
        for (uint32_t i = 0; i < region.count; i++) {
            uint32_t inst = base + fl_region_at(&region, i);
            struct fl_standing standing = fl_standing_of(run, inst);
            char title[FL_CORE_ID_MAX];

            if (fl_counts_inst(leaf, &standing) > 0)
                continue;
            if (missing++ == 0 || (run->insts[inst].final && !run->insts[named].final))
                named = inst;
            if (!fl_needs_lists(n->why))
                continue;
            fl_inst_title(run, inst, title, sizeof(title));
            (void)snprintf(text, sizeof(text), "%s of %s", what, title); /* bounded */
            fl_needs_wait(n->why, "instance", text, run, inst);
        }
    }
    if (!fl_needs_next(n, joiner))
        return;
    count_text(leaf, name, missing,
               fl_inst_wants(run, n->inst)[t].need - fl_inst_terms(run, n->inst)[t].met, total,
               text, sizeof(text));
    fl_buf_printf(n->why->out, "the %s of %s", what, text);
    if (missing == 0)
        return;
    fl_buf_puts(n->why->out, ": ");
    fl_why_maker(n->why, run, named);
}

static void leaf_of_output(struct fl_needs *n, const char *joiner, uint32_t t)
{
    const struct fl_plan *plan = n->run->plan;
    const struct fl_plan_stage *ps = stage_of(n);
    const struct fl_expr_leaf *leaf = &ps->when.leaves[t];
    uint32_t m = ps->leaf_first[t];
    struct fl_region region =
        fl_plan_leaf(plan, plan->inst_stage[n->inst], fl_plan_inst_k(plan, n->inst), m);
    const struct fl_term *term = &fl_inst_terms(n->run, n->inst)[t];
    const struct fl_want *want = &fl_inst_wants(n->run, n->inst)[t];

    if (leaf->many != FL_COUNT_ALL && fl_needs_next(n, joiner)) {
        fl_buf_printf(n->why->out, "%u more files of %s.%s (%u of %u are there)",
                      want->need - term->met, plan->workflow->stages[leaf->stage].name,
                      plan->workflow->stages[leaf->stage].outputs[leaf->output].name, term->met,
                      region.count);
        return;
    }
    if (leaf->many == FL_COUNT_ALL)
        fl_needs_slots(n, joiner, fl_plan_leaf_base(plan, plan->inst_stage[n->inst], t, m),
                       &region);
}

/* A term that counts in another run: as it is written, which run, and how far that is. */
static void leaf_far(struct fl_needs *n, const char *joiner, uint32_t t)
{
    const struct fl_plan_stage *ps = stage_of(n);
    const struct fl_expr_leaf *leaf = &ps->when.leaves[t];
    const char *when = fl_inst_stage(n->run, n->inst)->when;
    const struct fl_far *far = NULL;
    const struct fl_run *target;
    char time[FL_TIME_TEXT_MAX];

    if (!fl_needs_next(n, joiner))
        return;
    for (uint32_t j = 0; n->run->fars && j < ps->far_count; j++)
        if (ps->far_terms[j] == t)
            far = &n->run->fars[ps->far_first +
                                fl_plan_inst_k(n->run->plan, n->inst) * ps->far_count + j];
    fl_cycle_format((struct fl_cycle){n->run->cycle.s + leaf->cycle_offset_s}, time);
    fl_buf_printf(n->why->out, "%.*s", leaf->size, when + leaf->column - 1);
    target = far && far->target != UINT32_MAX ? n->why->core->runs[far->target] : NULL;
    if (!target) {
        fl_buf_printf(n->why->out, ": there is no run '%s/%s' yet",
                      leaf->workflow ? leaf->workflow : n->run->plan->workflow->name, time);
        return;
    }
    fl_buf_printf(n->why->out, ": run '%s' is %s, %u of %u so far", target->name,
                  fl_state_name(target->state), far->now.met, far->want.need);
    if (fl_term_is_never(&far->now, &far->want))
        fl_buf_puts(n->why->out, ", and the rest can no longer come");
}

/* Where the file is looked for, with its placeholders filled in. */
static void file_wanted(struct fl_needs *n, const struct fl_expr_leaf *leaf)
{
    const struct fl_workflow *wf = n->run->plan->workflow;
    const struct fl_pool *pool = &wf->pools[fl_inst_stage(n->run, n->inst)->pool];
    fl_auto(fl_buf_release) struct fl_buf path;

    fl_buf_init(&path, FL_EVENT_TEXT_MAX);
    if (fl_render_path(n->why->core, n->run, n->inst, leaf->name, &path, NULL) == 0)
        fl_buf_printf(n->why->out, ", which is '%.400s' at site '%s'", path.data,
                      wf->sites[pool->site].name);
}

/* Which leads are there, which are not, and why the next one will not come. */
static void source_state(struct fl_needs *n, const struct fl_expr_leaf *leaf)
{
    const struct fl_run *run = n->run;
    uint32_t t = (uint32_t)(leaf - stage_of(n)->when.leaves);
    const struct fl_term *term = &fl_inst_terms(run, n->inst)[t];
    char cycle[FL_TIME_TEXT_MAX];

    fl_cycle_format((struct fl_cycle){run->cycle.s + leaf->cycle_offset_s}, cycle);
    fl_buf_printf(n->why->out, ": of its cycle %s %u of %u leads are there", cycle, term->met,
                  leaf->own ? 1 : (unsigned)fl_leads_count(&leaf->leads));
    for (size_t i = 0; term->lost > 0 && i < run->sourced_count; i++) {
        const struct fl_sourced *one = &run->sourced[i];
        char lead[FL_TIME_TEXT_MAX];

        if (!one->absent || strcmp(one->source, leaf->name) != 0 ||
            one->cycle.s != run->cycle.s + leaf->cycle_offset_s)
            continue;
        fl_lead_format((struct fl_lead){one->minutes}, lead);
        fl_buf_printf(n->why->out, ", and %s was given up: %.200s", lead, one->cause);
        break;
    }
}

static void leaf_given(struct fl_needs *n, const char *joiner, uint32_t t)
{
    const struct fl_expr_leaf *leaf = &stage_of(n)->when.leaves[t];
    const char *when = fl_inst_stage(n->run, n->inst)->when;
    const struct fl_param *param;
    char text[FL_VIEW_TIME_MAX];

    if (!fl_needs_next(n, joiner))
        return;
    fl_buf_printf(n->why->out, "%s%.*s", leaf->negated ? "not " : "", leaf->size,
                  when + leaf->column - 1);
    if (leaf->kind == FL_LEAF_CLOCK) {
        fl_view_time(fl_clock_after_ns(n->run, leaf->clock_s), text);
        fl_buf_printf(n->why->out, ", which is %s", text);
    }
    if (leaf->kind == FL_LEAF_FILE)
        file_wanted(n, leaf);
    if (leaf->kind == FL_LEAF_SOURCE)
        source_state(n, leaf);
    if (leaf->kind == FL_LEAF_EVENT && fl_needs_lists(n->why))
        fl_buf_printf(n->why->out, " (`fairlead signal '%s' %s` gives it)", n->run->name,
                      leaf->name);
    if (leaf->kind == FL_LEAF_PARAM) {
        param = fl_workflow_param(n->run->plan->workflow, leaf->name);
        fl_buf_printf(
            n->why->out, " (it is '%.200s')",
            fl_run_param(n->run, fl_inst_stage(n->run, n->inst)->name, param, text, sizeof(text)));
    }
}

static void leaf_need(struct fl_needs *n, const char *joiner, uint32_t t)
{
    const struct fl_plan_stage *ps = stage_of(n);

    switch (ps->kinds[t]) {
    case FL_TERM_UNDECLARED:
        fl_needs_declaration(n, joiner, ps->unknown[t]);
        return;
    case FL_TERM_FAR:
        leaf_far(n, joiner, t);
        return;
    case FL_TERM_GIVEN:
        leaf_given(n, joiner, t);
        return;
    case FL_TERM_LEAF:
        if (ps->when.leaves[t].output == FL_NONE)
            leaf_of_instances(n, joiner, t);
        else
            leaf_of_output(n, joiner, t);
        return;
    case FL_TERM_INPUT:
    case FL_TERM_DYNAMIC:
    case FL_TERM_FOLLOW:
        break;
    }
    fl_assert(false);
}

static bool node_is_met(const struct fl_needs *n, size_t node)
{
    const struct fl_expr_node *at = &stage_of(n)->when.nodes[node];

    switch (at->op) {
    case FL_EXPR_AND:
        return node_is_met(n, at->a) && node_is_met(n, at->b);
    case FL_EXPR_OR:
        return node_is_met(n, at->a) || node_is_met(n, at->b);
    case FL_EXPR_LEAF:
        break;
    }
    return fl_term_is_met(&fl_inst_terms(n->run, n->inst)[at->a],
                          &fl_inst_wants(n->run, n->inst)[at->a]);
}

static void node_needs(struct fl_needs *n, size_t node, const char *joiner)
{
    const struct fl_expr_node *at = &stage_of(n)->when.nodes[node];

    if (node_is_met(n, node))
        return;
    if (at->op == FL_EXPR_LEAF) {
        leaf_need(n, joiner, at->a);
        return;
    }
    node_needs(n, at->a, joiner);
    node_needs(n, at->b, at->op == FL_EXPR_AND ? "; and for " : "; or for ");
}

void fl_why_when(struct fl_needs *n)
{
    node_needs(n, stage_of(n)->when.node_count - 1, "; and for ");
}
