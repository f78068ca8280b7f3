/* Terms that count in other runs: linked once when both runs exist, so that an event over there
 * costs what depends on it here. */
#include "config.h"

#include "engine/core/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

#define NOWHERE UINT32_MAX

/* Lists of the far terms that count each instance and each slot of a run. */
struct fl_reach {
    uint32_t *insts; /* head of the list of each; NOWHERE: none */
    uint32_t *slots;
    struct fl_reach_item {
        uint32_t run;
        uint32_t far;
        uint32_t next;
    } * items;
    size_t count;
    size_t room;
};

static int no_memory(struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for what reaches into other runs");
}

static void reach_release(struct fl_run *run)
{
    if (!run->reach)
        return;
    free(run->reach->insts);
    free(run->reach->slots);
    free(run->reach->items);
    free(run->reach);
    run->reach = NULL;
}

void fl_far_release(struct fl_run *run)
{
    reach_release(run);
    free(run->fars);
    run->fars = NULL;
}

static int reach_get(struct fl_run *run, struct fl_err *reterr)
{
    struct fl_reach *reach;

    if (run->reach)
        return 0;
    reach = calloc(1, sizeof(*reach));
    if (!reach)
        return no_memory(reterr);
    run->reach = reach;
    reach->insts = malloc(((size_t)run->plan->inst_count + 1) * sizeof(uint32_t));
    reach->slots = malloc(((size_t)run->plan->slot_count + 1) * sizeof(uint32_t));
    if (!reach->insts || !reach->slots) {
        reach_release(run);
        return no_memory(reterr);
    }
    for (uint32_t i = 0; i < run->plan->inst_count; i++)
        reach->insts[i] = NOWHERE;
    for (uint32_t i = 0; i < run->plan->slot_count; i++)
        reach->slots[i] = NOWHERE;
    return 0;
}

/* The far term hears of an instance or a slot of the target from now on. */
static int link_one(const struct fl_run *run, uint32_t far, struct fl_run *target, bool slot,
                    uint32_t number, struct fl_err *reterr)
{
    struct fl_reach *reach;
    uint32_t *head;
    int rc = reach_get(target, reterr);

    if (rc < 0)
        return rc;
    reach = target->reach;
    if (reach->count == reach->room) {
        size_t room = reach->room ? 2 * reach->room : 64;
        struct fl_reach_item *items = realloc(reach->items, room * sizeof(*items));

        if (!items)
            return no_memory(reterr);
        reach->items = items;
        reach->room = room;
    }
    head = slot ? &reach->slots[number] : &reach->insts[number];
    reach->items[reach->count] = (struct fl_reach_item){run->index, far, *head};
    *head = (uint32_t)reach->count++;
    return 0;
}

/* ---- one leaf in its target ---- */

struct linking {
    struct fl_core *core;
    struct fl_run *run;
    struct fl_run *target;
    uint32_t far; /* index */
    const struct fl_expr_leaf *leaf;
    uint32_t total;
    bool unknown; /* some members are not said yet */
    struct fl_err *reterr;
};

static int count_region(struct linking *l, uint32_t base, const struct fl_region *region)
{
    bool slot = l->leaf->kind == FL_LEAF_OUTPUT;
    struct fl_far *far = &l->run->fars[l->far];
    int rc = 0;

    if ((uint64_t)l->total + region->count > FL_PLAN_EDGES_MAX)
        return 0; /* far more than can be wanted: what is not linked is never met */
    for (uint32_t i = 0; rc == 0 && i < region->count; i++) {
        uint32_t at = base + fl_region_at(region, i);
        int is;

        if (slot) {
            is = fl_counts_slot(l->leaf, l->target->slots[at].state,
                                fl_inst_is_over(l->target, l->target->plan->slots[at].inst));
        } else {
            struct fl_standing standing = fl_standing_of(l->target, at);

            is = fl_counts_inst(l->leaf, &standing);
        }
        fl_term_adjust(&far->now, 0, is);
        rc = link_one(l->run, l->far, l->target, slot, at, l->reterr);
    }
    l->total += region->count;
    return rc;
}

/* Our own member of a set of the other workflow: by the set's name, or by the lead. *ret_text is
 * NULL when we do not run over such a set. */
static void own_member(const struct linking *l, const struct fl_set *set,
                       char text[static FL_MEMBER_TEXT_MAX], const char **ret_text)
{
    const struct fl_workflow *wf = l->run->plan->workflow;
    uint32_t inst = l->run->fars[l->far].inst;
    const struct fl_dims *dims = &fl_inst_stage(l->run, inst)->dims;
    struct fl_radix radix = fl_radix_of(wf, dims);
    uint32_t members[FL_DIMS_MAX];

    *ret_text = NULL;
    fl_radix_split(&radix, fl_plan_inst_k(l->run->plan, inst), members);
    for (int round = 0; round < 2; round++) {
        for (size_t d = 0; d < dims->count && !*ret_text; d++) {
            const struct fl_set *own = &wf->sets[dims->sets[d]];

            if (round == 0 ? strcmp(own->name, set->name) == 0
                           : own->kind == FL_SET_LEADS && set->kind == FL_SET_LEADS)
                *ret_text = fl_set_member(own, members[d], text);
        }
    }
}

/* The members that a leaf of ours names, in the other version's set of that name. */
static bool translate(const struct linking *l, const struct fl_stage *ours,
                      const struct fl_set *set, struct fl_span *span)
{
    const struct fl_workflow *wf = l->run->plan->workflow;
    struct fl_dims dims = fl_output_dims(ours, l->leaf->output);

    for (size_t d = 0; d < dims.count; d++) {
        const struct fl_set *own = &wf->sets[dims.sets[d]];
        const struct fl_span *given = &l->leaf->select.of[d];
        char text[FL_MEMBER_TEXT_MAX];
        const char *member;
        int64_t first;
        int64_t last;

        if (given->count == 0 || strcmp(own->name, set->name) != 0)
            continue;
        member = fl_set_member(own, given->first, text);
        first = fl_set_find(set, member, strlen(member));
        member = fl_set_member(own, given->first + (given->count - 1) * given->stride, text);
        last = fl_set_find(set, member, strlen(member));
        *span = (struct fl_span){(uint32_t)first, given->count, given->stride};
        return first >= 0 && last == first + (int64_t)(given->count - 1) * given->stride;
    }
    return true;
}

/* The region in a stage of another workflow, or of another version of ours; by names. False when it
 * has not what is meant. ours: our stage of that name, or NULL. */
static bool region_there(const struct linking *l, const struct fl_stage *ours, uint32_t stage,
                         int32_t output, struct fl_region *region)
{
    const struct fl_workflow *wf = l->target->plan->workflow;
    struct fl_dims dims = fl_output_dims(&wf->stages[stage], output);
    struct fl_selector select = {0};
    uint32_t weight = 1;

    if (l->leaf->members &&
        fl_selector_parse(wf, &dims, l->leaf->members, strlen(l->leaf->members), &select, NULL) < 0)
        return false;
    *region = (struct fl_region){.count = 1, .dims = dims.count};
    for (size_t d = dims.count; d-- > 0;) {
        const struct fl_set *set = &wf->sets[dims.sets[d]];
        struct fl_span *span = &region->of[d];
        char text[FL_MEMBER_TEXT_MAX];
        const char *own;

        *span = select.of[d];
        if (ours && !translate(l, ours, set, span))
            return false;
        own_member(l, set, text, &own);
        if (span->count == 0 && own && !l->leaf->all) {
            int64_t at = fl_set_find(set, own, strlen(own));

            if (at < 0)
                return false;
            *span = (struct fl_span){(uint32_t)at, 1, 1};
        }
        if (span->count == 0)
            *span = (struct fl_span){0, (uint32_t)fl_set_count(set), 1};
        region->weight[d] = weight;
        weight *= (uint32_t)fl_set_count(set);
        region->count *= span->count;
    }
    return true;
}

/* One stage of the target, by its name. */
static int link_stage(struct linking *l, const struct fl_stage *ours, uint32_t stage)
{
    const struct fl_plan *plan = l->target->plan;
    const struct fl_stage *there = &plan->workflow->stages[stage];
    const char *name =
        ours && l->leaf->output != FL_NONE ? ours->outputs[l->leaf->output].name : l->leaf->other;
    int32_t output = FL_NONE;
    struct fl_region region;
    struct fl_dims dims;

    if (l->leaf->kind == FL_LEAF_OUTPUT) {
        output = fl_stage_output(there, name, strlen(name));
        if (output == FL_NONE)
            return 0;
    }
    dims = fl_output_dims(there, output);
    l->unknown |= !fl_dims_known(plan->workflow, &dims);
    if (l->unknown || !region_there(l, ours, stage, output, &region))
        return 0;
    return count_region(l,
                        output == FL_NONE ? plan->stages[stage].inst_first
                                          : plan->stages[stage].slot_first[output],
                        &region);
}

/* A stage or a group of another workflow. */
static int link_names(struct linking *l)
{
    const struct fl_workflow *wf = l->target->plan->workflow;
    int32_t group = fl_workflow_group(wf, l->leaf->name);
    uint32_t stage;
    int rc = 0;

    if (fl_names_find(&l->target->plan->stage_names, l->leaf->name, &stage))
        return link_stage(l, NULL, stage);
    for (uint32_t s = 0; rc == 0 && group != FL_NONE && s < wf->stage_count; s++)
        if (fl_workflow_group_within(wf, wf->stages[s].group, group))
            rc = link_stage(l, NULL, s);
    return rc;
}

/* Another cycle of our own workflow. */
static int link_cycle(struct linking *l)
{
    const struct fl_plan *plan = l->run->plan;
    const struct fl_far *far = &l->run->fars[l->far];
    uint32_t s = plan->inst_stage[far->inst];
    const struct fl_plan_stage *ps = &plan->stages[s];
    uint32_t stage;
    int rc = 0;

    for (uint32_t m = ps->leaf_first[far->term]; rc == 0 && m < ps->leaf_first[far->term + 1];
         m++) {
        const struct fl_stage *ours = &plan->workflow->stages[ps->match_stage[m]];

        if (l->target->plan == plan && ps->matches[m].unknown == FL_NONE) {
            struct fl_region region = fl_plan_leaf(plan, s, fl_plan_inst_k(plan, far->inst), m);

            rc = count_region(l, fl_plan_leaf_base(plan, s, far->term, m), &region);
        } else if (fl_names_find(&l->target->plan->stage_names, ours->name, &stage)) {
            rc = link_stage(l, ours, stage);
        }
    }
    return rc;
}

static int link_leaf(struct fl_core *core, struct fl_run *run, uint32_t f, struct fl_run *target,
                     struct fl_err *reterr)
{
    struct fl_far *far = &run->fars[f];
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[far->inst]];
    struct linking l = {.core = core,
                        .run = run,
                        .target = target,
                        .far = f,
                        .leaf = &ps->when.leaves[far->term],
                        .reterr = reterr};
    int rc;

    far->target = target->index;
    far->now = (struct fl_term){0, 0};
    rc = l.leaf->workflow ? link_names(&l) : link_cycle(&l);
    far->want.need = fl_leaf_need(l.leaf, l.total);
    far->want.spare = (int32_t)((int64_t)l.total - far->want.need);
    if (l.unknown) { /* more may come, until the run has ended */
        bool over = fl_state_is_end(target->state);

        if (!over || l.leaf->many != FL_COUNT_NUMBER || l.total == 0)
            far->want = (struct fl_want){l.total + 1, over ? -1 : INT32_MAX};
    } else if (l.total == 0) { /* nothing of what is meant exists there */
        far->want = (struct fl_want){1, -1};
    }
    return rc;
}

/* The sources of an input that lie in one run: a change there is looked at again. */
static int link_input(struct fl_run *run, uint32_t f, struct fl_run *target, size_t source,
                      struct fl_err *reterr)
{
    const struct fl_far *far = &run->fars[f];
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[far->inst]];
    uint32_t slot;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && fl_source_slot(run, far->inst, far->term - ps->when.leaf_count,
                                                   source, target, i, &slot);
         i++)
        rc = link_one(run, f, target, true, slot, reterr);
    return rc;
}

/* ---- whole runs ---- */

static const struct fl_expr_leaf *leaf_of(const struct fl_run *run, const struct fl_far *far)
{
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[far->inst]];

    return far->term < ps->when.leaf_count ? &ps->when.leaves[far->term] : NULL;
}

/* Shows the instance what its far term comes to. True when that has changed. */
static bool publish(struct fl_run *run, const struct fl_far *far)
{
    struct fl_term *term = &fl_inst_terms(run, far->inst)[far->term];
    struct fl_term is = {fl_term_is_met(&far->now, &far->want),
                         fl_term_is_never(&far->now, &far->want)};
    bool changed = is.met != term->met || is.lost != term->lost;

    *term = is;
    return changed;
}

static void target_name(const struct fl_run *run, const struct fl_expr_leaf *leaf,
                        char text[static FL_CORE_ID_MAX])
{
    char time[FL_TIME_TEXT_MAX];

    fl_cycle_format((struct fl_cycle){run->cycle.s + leaf->cycle_offset_s}, time);
    (void)snprintf(text, FL_CORE_ID_MAX, "%s/%s",
                   leaf->workflow ? leaf->workflow : run->plan->workflow->name, time);
}

static int await(struct fl_core *core, const struct fl_run *run, uint32_t far, const char *name,
                 struct fl_err *reterr)
{
    uint32_t word;
    int rc = fl_words_number(&core->run_words, name, &word, reterr);

    if (rc < 0)
        return rc;
    if (core->awaited_count == core->awaited_room) {
        size_t room = core->awaited_room ? 2 * core->awaited_room : 64;
        struct fl_awaited *items = realloc(core->awaited, room * sizeof(*items));

        if (!items)
            return no_memory(reterr);
        core->awaited = items;
        core->awaited_room = room;
    }
    core->awaited[core->awaited_count++] = (struct fl_awaited){word, run->index, far};
    return 0;
}

/* Links a far term with the run that it reaches, if that exists. An earlier cycle that does not
 * lies before the first one of the operation, or was skipped: it holds nobody up. */
static int begin_leaf(struct fl_core *core, struct fl_run *run, uint32_t f, struct fl_err *reterr)
{
    struct fl_far *far = &run->fars[f];
    const struct fl_expr_leaf *leaf = leaf_of(run, far);
    char name[FL_CORE_ID_MAX];
    struct fl_run *target;

    target_name(run, leaf, name);
    target = fl_core_run(core, name);
    if (target)
        return link_leaf(core, run, f, target, reterr);
    far->target = NOWHERE;
    far->now = (struct fl_term){!leaf->workflow, 0};
    far->want = (struct fl_want){1, 0};
    return leaf->workflow ? await(core, run, f, name, reterr) : 0;
}

static int begin_input(struct fl_core *core, struct fl_run *run, uint32_t f, struct fl_err *reterr)
{
    const struct fl_far *far = &run->fars[f];
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[far->inst]];
    const struct fl_stage_input *input =
        &fl_inst_stage(run, far->inst)->inputs[far->term - ps->when.leaf_count];
    int rc = 0;

    for (size_t n = 0; rc == 0 && n < input->source_count; n++) {
        const struct fl_run *target;

        if (input->sources[n].stage == FL_NONE || input->sources[n].cycle_offset_s == 0)
            continue;
        target = fl_source_run(core, run, &input->sources[n]);
        if (target)
            rc = link_input(run, f, core->runs[target->index], n, reterr);
    }
    return rc;
}

int fl_far_number(struct fl_run *run, struct fl_err *reterr)
{
    free(run->fars);
    run->fars = run->plan->far_count ? calloc(run->plan->far_count, sizeof(*run->fars)) : NULL;
    if (run->plan->far_count && !run->fars)
        return no_memory(reterr);
    for (uint32_t s = 0; s < run->plan->stage_count; s++) {
        const struct fl_plan_stage *ps = &run->plan->stages[s];

        for (uint32_t i = 0; i < ps->inst_count * ps->far_count; i++)
            run->fars[ps->far_first + i] =
                (struct fl_far){.inst = ps->inst_first + i / ps->far_count,
                                .term = ps->far_terms[i % ps->far_count],
                                .target = NOWHERE};
    }
    return 0;
}

static int begin_all(struct fl_core *core, struct fl_run *run, struct fl_err *reterr)
{
    int rc = fl_far_number(run, reterr);

    for (uint32_t f = 0; rc == 0 && run->fars && f < run->plan->far_count; f++) {
        if (!leaf_of(run, &run->fars[f])) {
            rc = begin_input(core, run, f, reterr);
            continue;
        }
        rc = begin_leaf(core, run, f, reterr);
        (void)publish(run, &run->fars[f]);
    }
    return rc;
}

/* A far term that counts already. */
static int link_again(struct fl_core *core, struct fl_run *run, uint32_t f, struct fl_err *reterr)
{
    struct fl_far kept = run->fars[f];
    const struct fl_expr_leaf *leaf = leaf_of(run, &kept);
    char name[FL_CORE_ID_MAX];
    int rc;

    if (!leaf)
        return begin_input(core, run, f, reterr);
    if (kept.target == NOWHERE && !leaf->workflow)
        return 0;
    if (kept.target == NOWHERE) {
        target_name(run, leaf, name);
        return await(core, run, f, name, reterr);
    }
    if (kept.target >= core->run_count)
        return fl_err_set(reterr, FL_E_DATA, 0, "a term that reaches into no run");
    if (!core->runs[kept.target])
        return 0; /* it was dropped */
    rc = link_leaf(core, run, f, core->runs[kept.target], reterr);
    run->fars[f] = kept;
    return rc;
}

int fl_far_link(struct fl_core *core, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t r = 0; rc == 0 && r < core->run_count; r++)
        for (uint32_t f = 0;
             rc == 0 && core->runs[r] && core->runs[r]->fars && f < core->runs[r]->plan->far_count;
             f++)
            rc = link_again(core, core->runs[r], f, reterr);
    return rc;
}

/* Those of other runs that waited for this one to be made. */
static int adopt_awaited(struct fl_core *core, struct fl_run *run, int64_t now_ns,
                         struct fl_err *reterr)
{
    size_t kept = 0;
    uint32_t word;
    int rc = 0;

    if (!fl_names_find(&core->run_words.index, run->name, &word))
        return 0;
    for (size_t i = 0; i < core->awaited_count; i++) {
        struct fl_awaited item = core->awaited[i];
        struct fl_run *other = core->runs[item.run];

        if (!other)
            continue; /* it was dropped; one that has ended may be opened again */
        if (item.name != word || rc < 0) {
            core->awaited[kept++] = item;
            continue;
        }
        rc = link_leaf(core, other, item.far, run, reterr);
        if (rc == 0 && publish(other, &other->fars[item.far]))
            rc = fl_apply_check(core, other, other->fars[item.far].inst, now_ns, reterr);
    }
    core->awaited_count = kept;
    return rc;
}

int fl_far_begin(struct fl_core *core, struct fl_run *run, int64_t now_ns, struct fl_err *reterr)
{
    int rc = begin_all(core, run, reterr);

    return rc < 0 ? rc : adopt_awaited(core, run, now_ns, reterr);
}

int fl_far_again(struct fl_core *core, struct fl_run *run, struct fl_err *reterr)
{
    size_t kept = 0;

    for (size_t r = 0; r < core->run_count; r++) {
        struct fl_reach *reach = core->runs[r] ? core->runs[r]->reach : NULL;

        for (size_t i = 0; reach && i < reach->count; i++)
            if (reach->items[i].run == run->index)
                reach->items[i].run = NOWHERE;
    }
    for (size_t i = 0; i < core->awaited_count; i++)
        if (core->awaited[i].run != run->index)
            core->awaited[kept++] = core->awaited[i];
    core->awaited_count = kept;
    return begin_all(core, run, reterr);
}

int fl_far_recount(struct fl_core *core, struct fl_run *run, struct fl_err *reterr)
{
    (void)core;
    (void)reterr;
    for (uint32_t f = 0; run->fars && f < run->plan->far_count; f++) /* their counts have gone on */
        if (leaf_of(run, &run->fars[f]))
            (void)publish(run, &run->fars[f]);
    return 0;
}

static int look_again(struct fl_core *core, struct fl_run *run, const struct fl_far *far,
                      int64_t now_ns, struct fl_err *reterr)
{
    enum fl_state state = run->insts[far->inst].state;
    int rc = state == FL_STATE_WAITING || state == FL_STATE_HELD
                 ? fl_apply_look(core, run, far->inst, far->term, reterr)
                 : 0;

    return rc < 0 ? rc : fl_apply_check(core, run, far->inst, now_ns, reterr);
}

int fl_far_moved(struct fl_core *core, struct fl_run *run, int64_t now_ns, struct fl_err *reterr)
{
    int rc = 0;

    reach_release(run);
    for (size_t r = 0; rc == 0 && r < core->run_count; r++) {
        struct fl_run *other = core->runs[r];

        for (uint32_t f = 0; rc == 0 && other && other->fars && f < other->plan->far_count; f++) {
            struct fl_far *far = &other->fars[f];

            if (!leaf_of(other, far)) {
                const struct fl_plan_stage *ps =
                    &other->plan->stages[other->plan->inst_stage[far->inst]];
                const struct fl_stage_input *input =
                    &fl_inst_stage(other, far->inst)->inputs[far->term - ps->when.leaf_count];

                for (size_t n = 0; rc == 0 && n < input->source_count; n++)
                    if (input->sources[n].stage != FL_NONE &&
                        input->sources[n].cycle_offset_s != 0 &&
                        fl_source_run(core, other, &input->sources[n]) == run)
                        rc = link_input(other, f, run, n, reterr);
                if (rc == 0)
                    rc = look_again(core, other, far, now_ns, reterr);
            } else if (far->target == run->index) {
                rc = link_leaf(core, other, f, run, reterr);
                if (rc == 0 && publish(other, far))
                    rc = fl_apply_check(core, other, far->inst, now_ns, reterr);
            }
        }
    }
    return rc;
}

int fl_far_ended(struct fl_core *core, struct fl_run *run, int64_t now_ns, struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;

    for (size_t i = 0; i < wf->set_count; i++)
        if (!fl_set_is_known(&wf->sets[i]))
            return fl_far_moved(core, run, now_ns, reterr);
    return 0;
}

/* ---- changes over there ---- */

/* One that has ended counts on: a person may open it again. */
static struct fl_run *waiting_run(const struct fl_core *core, const struct fl_reach_item *item)
{
    return item->run == NOWHERE ? NULL : core->runs[item->run];
}

static int far_step(struct fl_core *core, struct fl_run *run, struct fl_far *far, int was, int is,
                    int64_t now_ns, struct fl_err *reterr)
{
    if (was == is)
        return 0;
    fl_term_adjust(&far->now, was, is);
    return publish(run, far) ? fl_apply_check(core, run, far->inst, now_ns, reterr) : 0;
}

int fl_far_inst_changed(struct fl_core *core, struct fl_run *run, uint32_t inst,
                        const struct fl_standing *was, int64_t now_ns, struct fl_err *reterr)
{
    struct fl_standing is = fl_standing_of(run, inst);
    int rc = 0;

    for (uint32_t i = run->reach->insts[inst]; rc == 0 && i != NOWHERE;
         i = run->reach->items[i].next) {
        struct fl_run *other = waiting_run(core, &run->reach->items[i]);
        struct fl_far *far = other ? &other->fars[run->reach->items[i].far] : NULL;

        if (far)
            rc = far_step(core, other, far, fl_counts_inst(leaf_of(other, far), was),
                          fl_counts_inst(leaf_of(other, far), &is), now_ns, reterr);
    }
    return rc;
}

int fl_far_slot_changed(struct fl_core *core, struct fl_run *run, uint32_t slot,
                        enum fl_slot_state was, bool was_final, int64_t now_ns,
                        struct fl_err *reterr)
{
    enum fl_slot_state is = run->slots[slot].state;
    bool is_final = fl_inst_is_over(run, run->plan->slots[slot].inst);
    int rc = 0;

    for (uint32_t i = run->reach->slots[slot]; rc == 0 && i != NOWHERE;
         i = run->reach->items[i].next) {
        struct fl_run *other = waiting_run(core, &run->reach->items[i]);
        struct fl_far *far = other ? &other->fars[run->reach->items[i].far] : NULL;
        const struct fl_expr_leaf *leaf = far ? leaf_of(other, far) : NULL;

        if (leaf)
            rc = far_step(core, other, far, fl_counts_slot(leaf, was, was_final),
                          fl_counts_slot(leaf, is, is_final), now_ns, reterr);
        else if (far)
            rc = look_again(core, other, far, now_ns, reterr);
    }
    return rc;
}
