/* What is missing for an instance that waits: leaves of `when`, inputs, bridges, alternatives; each
 * with what its maker does, followed upstream within a bound. */
#include "config.h"

#include "engine/core/view_impl.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

/* A sentence with a bounded number of needs. */
struct needs {
    struct fl_why *why;
    const struct fl_run *run;
    uint32_t inst;
    size_t count;
    size_t hidden;
};

/* True when the next need is to be written; the joiner is then written already. */
static bool next_need(struct needs *n, const char *joiner)
{
    size_t max = n->why->depth > 0 ? 1 : FL_VIEW_NAMED_MAX;

    if (n->count >= max) {
        n->hidden++;
        return false;
    }
    if (n->count++ > 0)
        fl_buf_puts(n->why->out, joiner);
    return true;
}

/* One member of waits_for: the need, and what makes it. */
static void add_wait(struct fl_why *why, const char *kind, const char *need,
                     const struct fl_run *run, uint32_t inst)
{
    fl_auto(fl_buf_release) struct fl_buf text = {0};
    struct fl_why inner = {.core = why->core, .now_ns = why->now_ns, .out = &text, .depth = 1};
    char key[FL_TIME_TEXT_MAX];
    json_t *one = json_object();

    fl_buf_init(&text, FL_VIEW_TEXT_MAX);
    fl_why_maker(&inner, run, inst);
    fl_view_put_text(&why->rc, one, "kind", kind);
    fl_view_put_text(&why->rc, one, "need", need);
    fl_view_put_text(&why->rc, one, "run", run->name);
    fl_view_put_text(&why->rc, one, "stage", fl_inst_stage(run, inst)->name);
    fl_view_put_text(&why->rc, one, "key", fl_inst_key(run, inst, key));
    fl_view_put_text(&why->rc, one, "state", fl_state_name(run->insts[inst].state));
    fl_view_put_text(&why->rc, one, "why", text.data);
    if (json_array_append_new(why->waits, one) < 0)
        why->rc = FL_E_NOMEM;
}

/* True when the list is wanted and has room. */
static bool lists_waits(const struct fl_why *why)
{
    return why->waits && why->depth == 0 && json_array_size(why->waits) < FL_VIEW_LIST_MAX;
}

/* "forecast.hour(+006): forecast is running, …". */
static void name_slot(struct needs *n, const struct fl_run *run, uint32_t slot)
{
    char title[FL_CORE_ID_MAX];

    fl_view_slot_title(run, slot, title, sizeof(title));
    fl_buf_puts(n->why->out, title);
    if (run != n->run)
        fl_buf_printf(n->why->out, " of run '%s'", run->name);
    fl_buf_puts(n->why->out, ": ");
    fl_why_maker(n->why, run, run->plan->slots[slot].inst);
}

static void wait_for_slot(struct fl_why *why, const struct fl_run *run, uint32_t slot)
{
    char title[FL_CORE_ID_MAX];

    if (!lists_waits(why))
        return;
    fl_view_slot_title(run, slot, title, sizeof(title));
    add_wait(why, "output", title, run, run->plan->slots[slot].inst);
}

/* Pending members of an output: the one that can no longer come is named before those that still
 * may. */
static void pending_slots(struct needs *n, const char *joiner, uint32_t base,
                          const struct fl_span *span)
{
    const struct fl_run *run = n->run;
    uint32_t missing = 0;
    uint32_t named = 0;
    bool named_is_final = false;
    char title[FL_CORE_ID_MAX];

    for (uint32_t i = 0; i < span->count; i++) {
        uint32_t slot = base + span->first + i * span->stride;
        bool is_final = run->insts[run->plan->slots[slot].inst].final;

        if (run->slots[slot].state != FL_SLOT_PENDING)
            continue;
        if (missing++ == 0 || (is_final && !named_is_final)) {
            named = slot;
            named_is_final = is_final;
        }
        wait_for_slot(n->why, run, slot);
    }
    if (missing == 0 || !next_need(n, joiner))
        return;
    if (missing > 1) {
        const struct fl_plan_slot *ps = &run->plan->slots[named];

        (void)snprintf(
            title, sizeof(title), "%s.%s", run->plan->workflow->stages[ps->stage].name,
            run->plan->workflow->stages[ps->stage].outputs[ps->output].name); /* bounded */
        fl_buf_printf(n->why->out, "%u of %u files of %s, among them ", missing, span->count,
                      title);
    }
    name_slot(n, run, named);
}

static bool same_set(const struct fl_workflow *wf, int32_t a, int32_t b)
{
    const struct fl_leads *x;
    const struct fl_leads *y;

    if (a == b || a == FL_NONE || b == FL_NONE)
        return a == b;
    x = &wf->sets[a].leads;
    y = &wf->sets[b].leads;
    return x->first.minutes == y->first.minutes && x->last.minutes == y->last.minutes &&
           fl_leads_count(x) == fl_leads_count(y);
}

/* Members that a leaf of `when` means for an instance, as in the plan. */
static struct fl_span leaf_span(const struct fl_run *run, uint32_t inst,
                                const struct fl_expr_leaf *leaf)
{
    const struct fl_workflow *wf = run->plan->workflow;
    const struct fl_stage *on = &wf->stages[leaf->stage];
    int32_t set = leaf->output == FL_NONE ? on->per : on->outputs[leaf->output].set;
    struct fl_span span = {0, 1, 1};

    if (set == FL_NONE)
        return span;
    span.count = (uint32_t)fl_leads_count(&wf->sets[set].leads);
    if (leaf->has_leads) {
        span.first = (uint32_t)fl_leads_find(&wf->sets[set].leads, leaf->leads.first);
        span.count = (uint32_t)fl_leads_count(&leaf->leads);
        span.stride = (uint32_t)(leaf->leads.step_minutes / wf->sets[set].leads.step_minutes);
        if (span.stride == 0)
            span.stride = 1;
    } else if (!leaf->all && same_set(wf, set, fl_inst_stage(run, inst)->per)) {
        span.first = fl_plan_inst_k(run->plan, inst);
        span.count = 1;
    }
    return span;
}

static bool end_is_met(const struct fl_inst *in, enum fl_expr_mode mode)
{
    if (!in->final || mode == FL_EXPR_ENDED)
        return in->final;
    return in->state == FL_STATE_SKIPPED ? in->doom != 0 : fl_state_is_good(in->state);
}

static void leaf_of_instances(struct needs *n, const char *joiner, const struct fl_expr_leaf *leaf)
{
    const struct fl_run *run = n->run;
    uint32_t base = run->plan->stages[leaf->stage].inst_first;
    struct fl_span span = leaf_span(run, n->inst, leaf);
    const char *what = leaf->mode == FL_EXPR_ENDED ? "end" : "success";
    uint32_t missing = 0;
    uint32_t named = 0;
    char title[FL_CORE_ID_MAX];
    char need[FL_CORE_ID_MAX + 16];

    for (uint32_t i = 0; i < span.count; i++) {
        uint32_t inst = base + span.first + i * span.stride;

        if (end_is_met(&run->insts[inst], leaf->mode))
            continue;
        if (missing++ == 0 || (run->insts[inst].final && !run->insts[named].final))
            named = inst;
        if (!lists_waits(n->why))
            continue;
        fl_inst_title(run, inst, title, sizeof(title));
        (void)snprintf(need, sizeof(need), "%s of %s", what, title); /* bounded */
        add_wait(n->why, "instance", need, run, inst);
    }
    if (missing == 0 || !next_need(n, joiner))
        return;
    if (missing > 1)
        fl_buf_printf(n->why->out, "the %s of %u of %u instances of %s: ", what, missing,
                      span.count, run->plan->workflow->stages[leaf->stage].name);
    else
        fl_buf_printf(n->why->out, "the %s of %s: ", what,
                      run->plan->workflow->stages[leaf->stage].name);
    fl_why_maker(n->why, run, named);
}

static bool node_is_met(const struct needs *n, const struct fl_expr *expr, const uint32_t *pending,
                        size_t node)
{
    const struct fl_expr_node *at = &expr->nodes[node];

    switch (at->op) {
    case FL_EXPR_AND:
        return node_is_met(n, expr, pending, at->a) && node_is_met(n, expr, pending, at->b);
    case FL_EXPR_OR:
        return node_is_met(n, expr, pending, at->a) || node_is_met(n, expr, pending, at->b);
    case FL_EXPR_LEAF:
        break;
    }
    return pending[at->a] == 0;
}

/* The leaves that keep a node from being true. */
static void node_needs(struct needs *n, const struct fl_expr *expr, const uint32_t *pending,
                       size_t node, const char *joiner)
{
    const struct fl_expr_node *at = &expr->nodes[node];
    const struct fl_expr_leaf *leaf;
    struct fl_span span;

    if (node_is_met(n, expr, pending, node))
        return;
    if (at->op != FL_EXPR_LEAF) {
        node_needs(n, expr, pending, at->a, joiner);
        node_needs(n, expr, pending, at->b, at->op == FL_EXPR_AND ? "; and for " : "; or for ");
        return;
    }
    leaf = &expr->leaves[at->a];
    if (leaf->output == FL_NONE) {
        leaf_of_instances(n, joiner, leaf);
        return;
    }
    span = leaf_span(n->run, n->inst, leaf);
    pending_slots(n, joiner, n->run->plan->stages[leaf->stage].slot_first[leaf->output], &span);
}

/* An absent member: the neighbour that is to bridge it, or that it cannot be. */
static void absent_need(struct needs *n, const struct fl_stage_input *input, uint32_t base,
                        uint32_t member, const struct fl_leads *set)
{
    const struct fl_slot *slots = &n->run->slots[base];
    const char *cause =
        fl_slot_cause(&slots[member]) ? fl_slot_cause(&slots[member]) : "no cause given";
    int64_t count = set ? (int64_t)fl_leads_count(set) : 1;
    int64_t a = (int64_t)member - 1;
    int64_t b = (int64_t)member + 1;
    char title[FL_CORE_ID_MAX];
    char max[FL_TIME_TEXT_MAX];
    int64_t other;

    fl_view_slot_title(n->run, base + member, title, sizeof(title));
    while (a >= 0 && slots[a].state == FL_SLOT_ABSENT)
        a--;
    while (b < count && slots[b].state == FL_SLOT_ABSENT)
        b++;
    if (input->bridge_max_s == 0 || !set || a < 0 || b >= count ||
        (int64_t)(fl_leads_at(set, (size_t)b).minutes - fl_leads_at(set, (size_t)a).minutes) * 60 >
            input->bridge_max_s) {
        if (!next_need(n, "; and for "))
            return;
        fl_buf_printf(n->why->out, "%s, which is absent: %.600s", title, cause);
        if (input->bridge_max_s > 0) {
            fl_duration_format(input->bridge_max_s, max);
            fl_buf_printf(n->why->out, "; it cannot be bridged within %s", max);
        }
        return;
    }
    other = slots[a].state == FL_SLOT_PENDING ? a : b;
    if (slots[other].state != FL_SLOT_PENDING)
        return; /* bridged */
    wait_for_slot(n->why, n->run, base + (uint32_t)other);
    if (!next_need(n, "; and for "))
        return;
    fl_buf_printf(n->why->out, "a neighbour to bridge %s, which is absent (%.300s): ", title,
                  cause);
    name_slot(n, n->run, base + (uint32_t)other);
}

static void own_source(struct needs *n, const struct fl_stage_input *input,
                       const struct fl_source *source)
{
    const struct fl_plan *plan = n->run->plan;
    const struct fl_workflow *wf = plan->workflow;
    int32_t set = wf->stages[source->stage].outputs[source->output].set;
    uint32_t base = plan->stages[source->stage].slot_first[source->output];
    struct fl_span span;

    if (fl_plan_span(wf, fl_inst_stage(n->run, n->inst), fl_plan_inst_k(plan, n->inst), input,
                     source, &span, NULL) < 0)
        return; /* checked when the workflow was made */
    if (!input->follow)
        pending_slots(n, "; and for ", base, &span);
    for (uint32_t i = 0; i < span.count; i++) {
        uint32_t member = span.first + i * span.stride;

        if (n->run->slots[base + member].state == FL_SLOT_ABSENT)
            absent_need(n, input, base, member, set == FL_NONE ? NULL : &wf->sets[set].leads);
    }
}

/* The alternative of a first_of list that is waited for now, or that none is there. */
static void first_of_need(struct needs *n, const struct fl_stage_input *input)
{
    const struct fl_workflow *wf = n->run->plan->workflow;
    char name[FL_CORE_ID_MAX];
    char text[FL_TIME_TEXT_MAX];

    for (size_t i = 0; i < input->source_count; i++) {
        const struct fl_source *source = &input->sources[i];
        const struct fl_run *run = n->run;
        const struct fl_stage *from;
        uint32_t inst;
        uint32_t slot;

        if (source->stage == FL_NONE)
            return;
        from = &wf->stages[source->stage];
        if (source->cycle_offset_s != 0) {
            fl_cycle_format((struct fl_cycle){n->run->cycle.s + source->cycle_offset_s}, text);
            (void)snprintf(name, sizeof(name), "%s/%s", wf->name, text); /* names are bounded */
            run = fl_core_run(n->why->core, name);
        }
        fl_lead_format(source->lead, text);
        if (!run ||
            fl_run_find(run, from->name, from->per != FL_NONE && source->has_lead ? text : NULL,
                        &inst, NULL) < 0 ||
            fl_run_find_slot(run, inst, from->outputs[source->output].name,
                             source->has_lead ? text : NULL, &slot, NULL) < 0)
            continue;
        if (run->slots[slot].state == FL_SLOT_ACCEPTED)
            return;
        if (run->slots[slot].state == FL_SLOT_ABSENT || fl_state_is_end(run->state) ||
            run->insts[inst].final)
            continue;
        wait_for_slot(n->why, run, slot);
        if (next_need(n, "; and for "))
            name_slot(n, run, slot);
        return;
    }
    if (next_need(n, "; and for "))
        fl_buf_printf(n->why->out, "input '%s', none of whose %zu alternatives is there",
                      input->name, input->source_count);
}

void fl_why_needs(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[inst]];
    const uint32_t *pending =
        &run->pending[ps->term_first + fl_plan_inst_k(run->plan, inst) * ps->term_count];
    struct needs n = {.why = why, .run = run, .inst = inst};

    if (ps->when.node_count > 0)
        node_needs(&n, &ps->when, pending, ps->when.node_count - 1, "; and for ");
    for (size_t i = 0; i < stage->input_count; i++) {
        if (stage->inputs[i].first_of) {
            first_of_need(&n, &stage->inputs[i]);
            continue;
        }
        for (size_t s = 0; s < stage->inputs[i].source_count; s++)
            own_source(&n, &stage->inputs[i], &stage->inputs[i].sources[s]);
    }
    if (n.count == 0)
        fl_buf_puts(why->out, "nothing: all that it needs is there");
    if (n.hidden > 0 && why->depth == 0)
        fl_buf_printf(why->out, "; and for %zu more", n.hidden);
}
