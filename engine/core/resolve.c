/* What an input comes to, seen from one instance: the files that it gives, whether to wait, and the
 * degraded marks that come with them. */
#include "config.h"

#include "engine/core/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

struct resolving {
    const struct fl_core *core;
    const struct fl_run *run;
    const struct fl_stage *stage;
    const struct fl_stage_input *input;
    uint32_t inst;
    uint32_t input_index;
    struct fl_picks *picks; /* or NULL */
    json_t **marks;         /* or NULL */
    enum fl_resolve result;
    uint32_t doom;
    struct fl_err *reterr;
};

void fl_picks_release(struct fl_picks *picks)
{
    free(picks->items);
    *picks = (struct fl_picks){0};
}

static int take(struct resolving *r, const struct fl_run *run, uint32_t slot)
{
    struct fl_picks *picks = r->picks;
    int rc = 0;

    if (r->marks && fl_slot_marks(&run->slots[slot]))
        rc = fl_marks_add(r->marks, fl_slot_marks(&run->slots[slot]), r->reterr);
    if (rc < 0 || !picks)
        return rc;
    if (picks->count == picks->room) {
        size_t room = picks->room ? picks->room * 2 : 16;
        struct fl_pick *items = realloc(picks->items, room * sizeof(*items));

        if (!items)
            return fl_err_set(r->reterr, FL_E_NOMEM, 0, "no memory for the inputs of a stage");
        picks->items = items;
        picks->room = room;
    }
    picks->items[picks->count++] = (struct fl_pick){run, slot, r->input_index};
    return 0;
}

static void must_wait(struct resolving *r)
{
    if (r->result == FL_RESOLVE_OK)
        r->result = FL_RESOLVE_WAIT;
}

static void doomed(struct resolving *r, uint32_t slot)
{
    if (r->result != FL_RESOLVE_DOOM)
        r->doom = slot + 1;
    r->result = FL_RESOLVE_DOOM;
}

/* "…; bridged PT9H between +036 and +045: note", and the gap as its age. */
static int mark_bridge(struct resolving *r, uint32_t slot, struct fl_lead before,
                       struct fl_lead after)
{
    const struct fl_slot *s = &r->run->slots[slot];
    char text[FL_CORE_REASON_MAX];
    char gap[FL_TIME_TEXT_MAX];
    char from[FL_TIME_TEXT_MAX];
    char to[FL_TIME_TEXT_MAX];

    if (!r->marks)
        return 0;
    fl_duration_format((int64_t)(after.minutes - before.minutes) * 60, gap);
    fl_cycle_format_extended(fl_cycle_add(r->run->cycle, before), from);
    fl_cycle_format_extended(fl_cycle_add(r->run->cycle, after), to);
    (void)snprintf(text, sizeof(text), "%.400s; bridged %s between %s and %s%s%.400s",
                   fl_slot_cause(s) ? fl_slot_cause(s) : "absent", gap, from, to,
                   r->input->bridge_note ? "; " : "",
                   r->input->bridge_note ? r->input->bridge_note : ""); /* cut when too long */
    return fl_marks_add_one(r->marks, text, gap, r->reterr);
}

/* An absent member with a bridge: its neighbours that are there, when they are near enough. With
 * also_take they are given as files. */
static int bridge(struct resolving *r, uint32_t base, uint32_t member, const struct fl_leads *set,
                  bool also_take)
{
    int64_t count = (int64_t)fl_leads_count(set);
    int64_t a = (int64_t)member - 1;
    int64_t b = (int64_t)member + 1;
    const struct fl_slot *slots = &r->run->slots[base];
    struct fl_lead before;
    struct fl_lead after;
    int rc;

    while (a >= 0 && slots[a].state == FL_SLOT_ABSENT)
        a--;
    while (b < count && slots[b].state == FL_SLOT_ABSENT)
        b++;
    if (a < 0 || b >= count) {
        doomed(r, base + member);
        return 0;
    }
    before = fl_leads_at(set, (size_t)a);
    after = fl_leads_at(set, (size_t)b);
    if ((int64_t)(after.minutes - before.minutes) * 60 > r->input->bridge_max_s) {
        doomed(r, base + member); /* too far already, whatever the rest becomes */
        return 0;
    }
    if (slots[a].state == FL_SLOT_PENDING || slots[b].state == FL_SLOT_PENDING) {
        must_wait(r);
        return 0;
    }
    rc = mark_bridge(r, base + member, before, after);
    if (rc == 0 && also_take)
        rc = take(r, r->run, base + (uint32_t)a);
    if (rc == 0 && also_take)
        rc = take(r, r->run, base + (uint32_t)b);
    return rc;
}

/* All members of a source in the same run. */
static int own_source(struct resolving *r, const struct fl_source *source)
{
    const struct fl_plan *plan = r->run->plan;
    const struct fl_workflow *wf = plan->workflow;
    int32_t set = wf->stages[source->stage].outputs[source->output].set;
    uint32_t base = plan->stages[source->stage].slot_first[source->output];
    struct fl_span span;
    int rc = fl_plan_span(wf, r->stage, fl_plan_inst_k(plan, r->inst), r->input, source, &span,
                          r->reterr);

    for (uint32_t i = 0; rc == 0 && i < span.count; i++) {
        uint32_t member = span.first + i * span.stride;
        const struct fl_slot *slot = &r->run->slots[base + member];

        switch (slot->state) {
        case FL_SLOT_PENDING:
            if (!r->input->follow)
                must_wait(r);
            break;
        case FL_SLOT_ACCEPTED:
            rc = take(r, r->run, base + member);
            break;
        case FL_SLOT_ABSENT:
            if (r->input->bridge_max_s > 0 && set != FL_NONE)
                rc = bridge(r, base, member, &wf->sets[set].leads, span.count == 1);
            else
                doomed(r, base + member);
            break;
        }
    }
    return rc;
}

/* One entry of a first_of list. */
enum found { FOUND, NOT_YET, PASSED_OVER, NO_RUN };

static enum found look_for(const struct resolving *r, const struct fl_source *source,
                           const struct fl_run **ret_run, uint32_t *ret_slot)
{
    const struct fl_workflow *own = r->run->plan->workflow;
    const struct fl_stage *from = &own->stages[source->stage];
    struct fl_cycle cycle = {r->run->cycle.s + source->cycle_offset_s};
    const struct fl_run *run = r->run;
    char name[FL_CORE_ID_MAX];
    char time[FL_TIME_TEXT_MAX];
    char lead[FL_TIME_TEXT_MAX];
    const struct fl_slot *slot;
    uint32_t inst;

    if (source->cycle_offset_s != 0) {
        fl_cycle_format(cycle, time);
        (void)snprintf(name, sizeof(name), "%s/%s", own->name, time); /* names are bounded */
        run = fl_core_run(r->core, name);
        if (!run)
            return NO_RUN;
    }
    if (source->has_lead)
        fl_lead_format(source->lead, lead);
    if (fl_run_find(run, from->name, from->per != FL_NONE && source->has_lead ? lead : NULL, &inst,
                    NULL) < 0 ||
        fl_run_find_slot(run, inst, from->outputs[source->output].name,
                         source->has_lead ? lead : NULL, ret_slot, NULL) < 0)
        return PASSED_OVER; /* the other run is of another version of the workflow, without it */
    slot = &run->slots[*ret_slot];
    *ret_run = run;
    if (slot->state == FL_SLOT_ACCEPTED)
        return FOUND;
    if (slot->state == FL_SLOT_ABSENT || fl_state_is_end(run->state) || run->insts[inst].final)
        return PASSED_OVER;
    return NOT_YET;
}

static int mark_fallback(struct resolving *r, const struct fl_source *used, bool any_run)
{
    char text[FL_CORE_REASON_MAX];
    char age[FL_TIME_TEXT_MAX];
    const struct fl_source *first = &r->input->sources[0];

    if (!r->marks || used == first)
        return 0;
    if (used->stage == FL_NONE) {
        (void)snprintf(text, sizeof(text), "%s: cold start, %s", r->input->name,
                       any_run ? "no earlier run has what was wanted" : "there is no earlier run");
        return fl_marks_add_one(r->marks, text, NULL, r->reterr);
    }
    (void)snprintf(text, sizeof(text), "%s: %.300s is not there, %.300s was used", r->input->name,
                   first->text, used->text); /* cut when too long */
    fl_duration_format(first->cycle_offset_s > used->cycle_offset_s
                           ? first->cycle_offset_s - used->cycle_offset_s
                           : used->cycle_offset_s - first->cycle_offset_s,
                       age);
    return fl_marks_add_one(r->marks, text, age, r->reterr);
}

static int first_of(struct resolving *r)
{
    bool any_run = false;

    for (size_t i = 0; i < r->input->source_count; i++) {
        const struct fl_source *source = &r->input->sources[i];
        const struct fl_run *run = NULL;
        uint32_t slot = 0;
        int rc;

        if (source->stage == FL_NONE)
            return mark_fallback(r, source, any_run);
        switch (look_for(r, source, &run, &slot)) {
        case FOUND:
            rc = mark_fallback(r, source, true);
            return rc < 0 ? rc : take(r, run, slot);
        case NOT_YET:
            must_wait(r);
            return 0;
        case PASSED_OVER:
            any_run = true;
            break;
        case NO_RUN:
            break;
        }
    }
    r->result = FL_RESOLVE_DOOM; /* nothing of the list is there, and it has no "cold" */
    r->doom = UINT32_MAX;
    return 0;
}

int fl_resolve_input(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                     uint32_t input, struct fl_picks *picks, json_t **marks,
                     enum fl_resolve *ret_result, uint32_t *ret_doom, struct fl_err *reterr)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    struct resolving r = {
        .core = core,
        .run = run,
        .stage = stage,
        .input = &stage->inputs[input],
        .inst = inst,
        .input_index = input,
        .picks = picks,
        .marks = marks,
        .reterr = reterr,
    };
    int rc = 0;

    if (r.input->first_of)
        rc = first_of(&r);
    else
        for (size_t i = 0; rc == 0 && i < r.input->source_count; i++)
            rc = own_source(&r, &r.input->sources[i]);
    *ret_result = r.result;
    *ret_doom = r.doom;
    return rc;
}
