/* What is missing for an instance that waits: leaves of `when`, inputs, bridges, alternatives; each
 * with what its maker does, followed upstream within a bound. */
#include "config.h"

#include "engine/core/view_impl.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

bool fl_needs_next(struct fl_needs *n, const char *joiner)
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

void fl_needs_wait(struct fl_why *why, const char *kind, const char *need, const struct fl_run *run,
                   uint32_t inst)
{
    fl_auto(fl_buf_release) struct fl_buf text = {0};
    struct fl_why inner = {.core = why->core, .now_ns = why->now_ns, .out = &text, .depth = 1};
    char key[FL_KEY_TEXT_MAX];
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

bool fl_needs_lists(const struct fl_why *why)
{
    return why->waits && why->depth == 0 && json_array_size(why->waits) < FL_VIEW_LIST_MAX;
}

/* "forecast.hour(+006): forecast is running, …". */
static void name_slot(struct fl_needs *n, const struct fl_run *run, uint32_t slot)
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

    if (!fl_needs_lists(why))
        return;
    fl_view_slot_title(run, slot, title, sizeof(title));
    fl_needs_wait(why, "output", title, run, run->plan->slots[slot].inst);
}

void fl_needs_slots(struct fl_needs *n, const char *joiner, uint32_t base,
                    const struct fl_region *region)
{
    const struct fl_run *run = n->run;
    uint32_t missing = 0;
    uint32_t named = 0;
    bool named_is_final = false;
    char title[FL_CORE_ID_MAX];

    for (uint32_t i = 0; i < region->count; i++) {
        uint32_t slot = base + fl_region_at(region, i);
        bool is_final = run->insts[run->plan->slots[slot].inst].final;

        if (run->slots[slot].state != FL_SLOT_PENDING)
            continue;
        if (missing++ == 0 || (is_final && !named_is_final)) {
            named = slot;
            named_is_final = is_final;
        }
        wait_for_slot(n->why, run, slot);
    }
    if (missing == 0 || !fl_needs_next(n, joiner))
        return;
    if (missing > 1) {
        const struct fl_plan_slot *ps = &run->plan->slots[named];

        (void)snprintf(
            title, sizeof(title), "%s.%s", run->plan->workflow->stages[ps->stage].name,
            run->plan->workflow->stages[ps->stage].outputs[ps->output].name); /* bounded */
        fl_buf_printf(n->why->out, "%u of %u files of %s, among them ", missing, region->count,
                      title);
    }
    name_slot(n, run, named);
}

void fl_needs_declaration(struct fl_needs *n, const char *joiner, int32_t set)
{
    const struct fl_workflow *wf = n->run->plan->workflow;
    const struct fl_set *of = &wf->sets[set];
    uint32_t by = n->run->plan->stages[of->by].inst_first;
    uint32_t last = by + n->run->plan->stages[of->by].inst_count;

    if (!fl_needs_next(n, joiner))
        return;
    while (by < last && (!n->run->insts[by].final || !fl_state_is_good(n->run->insts[by].state)))
        by++;
    if (by < last) {
        fl_buf_printf(n->why->out, "the members of set '%s': %s ended without saying them",
                      of->name, wf->stages[of->by].name);
        return;
    }
    by = n->run->plan->stages[of->by].inst_first;
    fl_buf_printf(n->why->out, "the members of set '%s', which %s says: ", of->name,
                  wf->stages[of->by].name);
    fl_why_maker(n->why, n->run, by);
}

/* An absent member: the neighbour that is to bridge it, or that it cannot be. */
static void absent_need(struct fl_needs *n, const struct fl_stage_input *input, uint32_t slot,
                        bool has_leads)
{
    const struct fl_slot *slots = n->run->slots;
    const char *cause =
        fl_slot_cause(&slots[slot]) ? fl_slot_cause(&slots[slot]) : "no cause given";
    struct fl_bridge bridge;
    char title[FL_CORE_ID_MAX];
    char max[FL_TIME_TEXT_MAX];
    uint32_t other;

    fl_view_slot_title(n->run, slot, title, sizeof(title));
    if (input->bridge_max_s == 0 || !has_leads ||
        !fl_find_bridge(n->run, slot, input->bridge_max_s, &bridge)) {
        if (!fl_needs_next(n, "; and for "))
            return;
        fl_buf_printf(n->why->out, "%s, which is absent: %.600s", title, cause);
        if (input->bridge_max_s > 0) {
            fl_duration_format(input->bridge_max_s, max);
            fl_buf_printf(n->why->out, "; it cannot be bridged within %s", max);
        }
        return;
    }
    other = slots[bridge.before].state == FL_SLOT_PENDING ? bridge.before : bridge.after;
    if (slots[other].state != FL_SLOT_PENDING)
        return; /* bridged */
    wait_for_slot(n->why, n->run, other);
    if (!fl_needs_next(n, "; and for "))
        return;
    fl_buf_printf(n->why->out, "a neighbour to bridge %s, which is absent (%.300s): ", title,
                  cause);
    name_slot(n, n->run, other);
}

static void own_source(struct fl_needs *n, size_t i, size_t s)
{
    const struct fl_plan *plan = n->run->plan;
    const struct fl_stage_input *input = &fl_inst_stage(n->run, n->inst)->inputs[i];
    const struct fl_source *source = &input->sources[s];
    const struct fl_match *match = fl_plan_source_match(plan, plan->inst_stage[n->inst], i, s);
    struct fl_region region = fl_match_region(match, fl_plan_inst_k(plan, n->inst));
    uint32_t base = plan->stages[source->stage].slot_first[source->output];

    if (!input->follow && match->unknown != FL_NONE) {
        fl_needs_declaration(n, "; and for ", match->unknown);
        return;
    }
    if (!input->follow)
        fl_needs_slots(n, "; and for ", base, &region);
    for (uint32_t k = 0; k < region.count; k++) {
        uint32_t slot = base + fl_region_at(&region, k);

        if (n->run->slots[slot].state == FL_SLOT_ABSENT)
            absent_need(n, input, slot, match->lead >= 0);
    }
}

/* The alternative of a first_of list that is waited for now, or that none is there. */
static void first_of_need(struct fl_needs *n, size_t index)
{
    const struct fl_stage_input *input = &fl_inst_stage(n->run, n->inst)->inputs[index];

    for (size_t i = 0; i < input->source_count; i++) {
        const struct fl_run *run;
        bool accepted = false;
        uint32_t slot;

        if (input->sources[i].stage == FL_NONE)
            return;
        run = fl_source_run(n->why->core, n->run, &input->sources[i]);
        for (uint32_t k = 0; run && fl_source_slot(n->run, n->inst, index, i, run, k, &slot); k++) {
            accepted = run->slots[slot].state == FL_SLOT_ACCEPTED;
            if (accepted)
                continue;
            if (run->slots[slot].state == FL_SLOT_ABSENT || fl_state_is_end(run->state) ||
                run->insts[run->plan->slots[slot].inst].final)
                break;
            wait_for_slot(n->why, run, slot);
            if (fl_needs_next(n, "; and for "))
                name_slot(n, run, slot);
            return;
        }
        if (accepted)
            return;
    }
    if (fl_needs_next(n, "; and for "))
        fl_buf_printf(n->why->out, "input '%s', none of whose %zu alternatives is there",
                      input->name, input->source_count);
}

void fl_why_needs(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[inst]];
    struct fl_needs n = {.why = why, .run = run, .inst = inst};

    if (ps->when.node_count > 0)
        fl_why_when(&n);
    for (size_t i = 0; i < stage->input_count; i++) {
        if (stage->inputs[i].first_of) {
            first_of_need(&n, i);
            continue;
        }
        for (size_t s = 0; s < stage->inputs[i].source_count; s++)
            own_source(&n, i, s);
    }
    if (n.count == 0)
        fl_buf_puts(why->out, "nothing: all that it needs is there");
    if (n.hidden > 0 && why->depth == 0)
        fl_buf_printf(why->out, "; and for %zu more", n.hidden);
}
