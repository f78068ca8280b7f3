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
        rc = run == r->run
                 ? fl_marks_add(r->marks, fl_slot_marks(&run->slots[slot]), r->reterr)
                 : fl_marks_hand_on(r->marks, fl_slot_marks(&run->slots[slot]), r->reterr);
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

/* Pending, and its maker will bring no more. */
static bool never_comes(const struct fl_run *run, uint32_t slot)
{
    return run->slots[slot].state == FL_SLOT_PENDING &&
           fl_inst_is_over(run, run->plan->slots[slot].inst);
}

static bool is_hole(const struct fl_run *run, uint32_t slot)
{
    return run->slots[slot].state == FL_SLOT_ABSENT || never_comes(run, slot);
}

bool fl_find_bridge(const struct fl_run *run, uint32_t slot, int64_t max_s,
                    struct fl_bridge *ret_bridge)
{
    uint32_t at = slot;
    bool found;

    do
        found = fl_plan_slot_next(run->plan, at, -1, &at);
    while (found && is_hole(run, at));
    if (!found)
        return false;
    ret_bridge->before = at;
    at = slot;
    do
        found = fl_plan_slot_next(run->plan, at, 1, &at);
    while (found && is_hole(run, at));
    if (!found)
        return false;
    ret_bridge->after = at;
    (void)fl_plan_slot_lead(run->plan, ret_bridge->before, &ret_bridge->lead_before); /* has one */
    (void)fl_plan_slot_lead(run->plan, ret_bridge->after, &ret_bridge->lead_after);
    return (int64_t)(ret_bridge->lead_after.minutes - ret_bridge->lead_before.minutes) * 60 <=
           max_s;
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

/* It was not said to be absent: what should have made it ended without it. */
static void never(struct resolving *r)
{
    if (r->result != FL_RESOLVE_DOOM)
        r->doom = FL_DOOM_NEVER;
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
static int bridge(struct resolving *r, uint32_t slot, bool also_take)
{
    struct fl_bridge bridge;
    int rc;

    if (!fl_find_bridge(r->run, slot, r->input->bridge_max_s, &bridge)) {
        doomed(r, slot); /* too far already, whatever the rest becomes */
        return 0;
    }
    if (r->run->slots[bridge.before].state == FL_SLOT_PENDING ||
        r->run->slots[bridge.after].state == FL_SLOT_PENDING) {
        must_wait(r);
        return 0;
    }
    rc = mark_bridge(r, slot, bridge.lead_before, bridge.lead_after);
    if (rc == 0 && also_take)
        rc = take(r, r->run, bridge.before);
    if (rc == 0 && also_take)
        rc = take(r, r->run, bridge.after);
    return rc;
}

/* All members of a source in the same run. */
static int own_source(struct resolving *r, size_t n)
{
    const struct fl_plan *plan = r->run->plan;
    const struct fl_source *source = &r->input->sources[n];
    uint32_t s = plan->inst_stage[r->inst];
    const struct fl_match *match = fl_plan_source_match(plan, s, r->input_index, n);
    struct fl_region region = fl_match_region(match, fl_plan_inst_k(plan, r->inst));
    uint32_t base = plan->stages[source->stage].slot_first[source->output];
    int rc = 0;

    if (match->unknown != FL_NONE && !r->input->follow)
        must_wait(r);
    for (uint32_t i = 0; rc == 0 && i < region.count; i++) {
        uint32_t at = base + fl_region_at(&region, i);

        switch (r->run->slots[at].state) {
        case FL_SLOT_PENDING:
            if (!r->input->follow && never_comes(r->run, at))
                never(r);
            else if (!r->input->follow)
                must_wait(r);
            break;
        case FL_SLOT_ACCEPTED:
            rc = take(r, r->run, at);
            break;
        case FL_SLOT_ABSENT:
            if (r->input->bridge_max_s > 0 && match->lead >= 0)
                rc = bridge(r, at, region.count == 1);
            else
                doomed(r, at);
            break;
        }
    }
    return rc;
}

/* One entry of a first_of list. */
enum found { FOUND, NOT_YET, PASSED_OVER, NO_RUN };

/* The slot of another run that has the names of one in ours. */
static bool slot_there(const struct fl_run *ours, const struct fl_run *theirs, uint32_t slot,
                       uint32_t *ret_slot)
{
    const struct fl_plan *plan = ours->plan;
    const struct fl_plan_slot *ps = &plan->slots[slot];
    const struct fl_stage *from = &plan->workflow->stages[ps->stage];
    const struct fl_stage_output *output = &from->outputs[ps->output];
    char key[FL_KEY_TEXT_MAX];
    char member[FL_MEMBER_TEXT_MAX];
    uint32_t inst;

    *ret_slot = slot;
    if (theirs->plan == plan)
        return true;
    return fl_run_find(theirs, from->name, fl_inst_key(ours, ps->inst, key), &inst, NULL) == 0 &&
           fl_run_find_slot(theirs, inst, output->name,
                            output->set == FL_NONE ? NULL : fl_plan_slot_member(plan, slot, member),
                            ret_slot, NULL) == 0;
}

const struct fl_run *fl_source_run(const struct fl_core *core, const struct fl_run *run,
                                   const struct fl_source *source)
{
    char name[FL_CORE_ID_MAX];
    char time[FL_TIME_TEXT_MAX];

    if (source->cycle_offset_s == 0)
        return run;
    fl_cycle_format((struct fl_cycle){run->cycle.s + source->cycle_offset_s}, time);
    (void)snprintf(name, sizeof(name), "%s/%s", run->plan->workflow->name, time); /* bounded */
    return fl_core_run(core, name);
}

bool fl_source_slot(const struct fl_run *run, uint32_t inst, size_t input, size_t source,
                    const struct fl_run *other, uint32_t i, uint32_t *ret_slot)
{
    const struct fl_plan *plan = run->plan;
    uint32_t s = plan->inst_stage[inst];
    const struct fl_source *src = &fl_inst_stage(run, inst)->inputs[input].sources[source];
    struct fl_region region = fl_plan_source(plan, s, fl_plan_inst_k(plan, inst), input, source);

    return i < region.count &&
           slot_there(run, other,
                      plan->stages[src->stage].slot_first[src->output] + fl_region_at(&region, i),
                      ret_slot);
}

static enum found look_for(const struct resolving *r, size_t n, const struct fl_run **ret_run)
{
    const struct fl_run *run = fl_source_run(r->core, r->run, &r->input->sources[n]);
    bool waits = false;
    uint32_t slot;
    uint32_t i;

    if (!run)
        return NO_RUN;
    *ret_run = run;
    for (i = 0; fl_source_slot(r->run, r->inst, r->input_index, n, run, i, &slot); i++) {
        const struct fl_slot *at = &run->slots[slot];

        if (at->state == FL_SLOT_ACCEPTED && !fl_slot_is_gone(at))
            continue;
        if (at->state == FL_SLOT_ABSENT || fl_slot_is_gone(at) || fl_state_is_end(run->state) ||
            run->insts[run->plan->slots[slot].inst].final)
            return PASSED_OVER;
        waits = true;
    }
    if (i < fl_plan_source(r->run->plan, r->run->plan->inst_stage[r->inst],
                           fl_plan_inst_k(r->run->plan, r->inst), r->input_index, n)
                .count ||
        i == 0)
        return PASSED_OVER; /* the other run is of another version of the workflow, without it */
    return waits ? NOT_YET : FOUND;
}

static int mark_fallback(struct resolving *r, const struct fl_source *used, bool any_run)
{
    char text[FL_CORE_REASON_MAX];
    char age[FL_TIME_TEXT_MAX];
    const struct fl_source *first = &r->input->sources[0];

    if (!r->marks || used == first)
        return 0;
    if (r->run->flow && r->run->first && !any_run && first->cycle_offset_s != 0 &&
        used->cycle_offset_s == 0)
        return 0; /* an operation begins: there is no earlier cycle to have had anything from */
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
        switch (look_for(r, i, &run)) {
        case FOUND:
            rc = mark_fallback(r, source, any_run);
            for (uint32_t k = 0;
                 rc == 0 && fl_source_slot(r->run, r->inst, r->input_index, i, run, k, &slot); k++)
                rc = take(r, run, slot);
            return rc;
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
    r->doom = FL_DOOM_NO_CHOICE;
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
            rc = own_source(&r, i);
    *ret_result = r.result;
    *ret_doom = r.doom;
    return rc;
}
