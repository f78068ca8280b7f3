/* A run goes on by another version of its workflow: what has been done is carried over by the names
 * of stages, instances and outputs; the rest waits as it would have from the start. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/apply.h"
#include "engine/core/custody.h"
#include "engine/core/flow.h"

#include "engine/base/banned.h"

/* The same instance in the other plan, or UINT32_MAX. */
static uint32_t same_inst(const struct fl_plan *from, uint32_t inst, const struct fl_plan *to)
{
    const struct fl_stage *stage = &from->workflow->stages[from->inst_stage[inst]];
    char key[FL_KEY_TEXT_MAX];
    uint32_t s;
    uint32_t k = 0;

    if (!fl_names_find(&to->stage_names, stage->name, &s) ||
        to->workflow->stages[s].dims.count != stage->dims.count)
        return UINT32_MAX;
    fl_key_format(from->workflow, &stage->dims, fl_plan_inst_k(from, inst), key);
    if (stage->dims.count > 0 &&
        fl_key_parse(to->workflow, &to->workflow->stages[s].dims, key, &k, NULL) < 0)
        return UINT32_MAX;
    return k < to->stages[s].inst_count ? to->stages[s].inst_first + k : UINT32_MAX;
}

static uint32_t same_slot(const struct fl_plan *from, uint32_t slot, const struct fl_plan *to)
{
    const struct fl_plan_slot *ps = &from->slots[slot];
    const struct fl_stage *stage = &from->workflow->stages[ps->stage];
    const struct fl_stage_output *output = &stage->outputs[ps->output];
    struct fl_dims dims;
    char key[FL_KEY_TEXT_MAX];
    uint32_t s;
    uint32_t k = 0;
    int32_t o;

    if (!fl_names_find(&to->stage_names, stage->name, &s))
        return UINT32_MAX;
    o = fl_stage_output(&to->workflow->stages[s], output->name, strlen(output->name));
    if (o == FL_NONE)
        return UINT32_MAX;
    dims = fl_output_dims(&to->workflow->stages[s], o);
    fl_plan_slot_key(from, slot, key);
    if ((dims.count == 0) != (*key == '\0') ||
        (dims.count > 0 && fl_key_parse(to->workflow, &dims, key, &k, NULL) < 0))
        return UINT32_MAX;
    return to->stages[s].slot_first[o] + k;
}

/* Tables of the run that hold what is derived from its instances, made anew. */
static void carry_inst(struct fl_run *to, uint32_t inst, struct fl_inst *in)
{
    enum fl_state state = in->state == FL_STATE_READY ? FL_STATE_WAITING : in->state;
    struct fl_standing standing;

    to->insts[inst] = *in;
    *in = (struct fl_inst){0};
    in = &to->insts[inst];
    if (in->state == FL_STATE_READY && in->try_count == 0)
        in->not_before_ns = 0; /* `at` may be another */
    in->state = state;         /* what is ready is found to be so again, if it still is */
    if (!in->final)
        in->doom = 0;
    to->counts[FL_STATE_WAITING]--;
    to->counts[state]++;
    if (in->final)
        to->open[to->plan->inst_stage[inst]]--;
    if (state == FL_STATE_LAUNCHED || state == FL_STATE_RUNNING) {
        fl_bits_add(&to->live, inst);
        to->pool_jobs[fl_inst_stage(to, inst)->pool]++;
    }
    standing = fl_standing_of(to, inst);
    to->bad += fl_inst_is_bad(to, inst, &standing);
    to->undecided += in->undecided;
    if (in->try_count > 0 || (state != FL_STATE_WAITING && state != FL_STATE_HELD))
        to->unstarted[to->plan->inst_stage[inst]]--;
}

/* Remembers the attempts of an instance that the other plan has not. */
static int keep_gone(struct fl_run *run, uint32_t inst, struct fl_err *reterr)
{
    struct fl_inst *in = &run->insts[inst];
    char name[FL_CORE_ID_MAX];

    if (in->try_count == 0)
        return 0;
    if (run->gone_count == run->gone_room) {
        size_t room = run->gone_room ? 2 * run->gone_room : 16;
        struct fl_gone *gone = realloc(run->gone, room * sizeof(*gone));

        if (!gone)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for run '%s'", run->name);
        run->gone = gone;
        run->gone_room = room;
    }
    fl_inst_plain(run, inst, name, sizeof(name));
    run->gone[run->gone_count] = (struct fl_gone){strdup(name), in->tries, in->try_count};
    if (!run->gone[run->gone_count].name)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for run '%s'", run->name);
    run->gone_count++;
    in->tries = NULL;
    in->try_count = 0;
    return 0;
}

/* Gives them to the instances of the other plan that are there again. */
static void give_back(struct fl_run *run, struct fl_run *fresh)
{
    size_t kept = 0;

    for (size_t i = 0; i < run->gone_count; i++) {
        struct fl_gone *gone = &run->gone[i];
        uint32_t inst;

        if (fl_run_find_plain(fresh, gone->name, &inst, NULL) < 0 ||
            inst >= fresh->plan->inst_count || fresh->insts[inst].try_count > 0) {
            run->gone[kept++] = *gone;
            continue;
        }
        fresh->insts[inst].tries = gone->tries;
        fresh->insts[inst].try_count = gone->try_count;
        if (fresh->insts[inst].state == FL_STATE_WAITING || /* as carry_inst counts */
            fresh->insts[inst].state == FL_STATE_HELD)
            fresh->unstarted[fresh->plan->inst_stage[inst]]--;
        free(gone->name);
    }
    run->gone_count = kept;
}

static void remap_actions(struct fl_core *core, const struct fl_run *run, const uint32_t *place)
{
    for (int64_t n = core->actions.count; n > 0; n--) {
        struct fl_action *action = fl_actions_find(&core->actions, n);
        size_t kept = 0;

        if (!action)
            return;
        if (!action->run || strcmp(action->run, run->name) != 0)
            continue;
        for (size_t i = 0; i < action->inst_count; i++)
            if (place[action->insts[i]] != UINT32_MAX)
                action->insts[kept++] = place[action->insts[i]];
        action->inst_count = kept;
    }
}

/* Files that came stay for triggers that are as they were. */
static void remap_arrivals(struct fl_run *run, const struct fl_plan *plan, const uint32_t *place)
{
    size_t kept = 0;

    for (size_t i = 0; i < run->arrival_count; i++) {
        struct fl_arrival arrival = run->arrivals[i];
        uint32_t to = place[arrival.inst];
        const char *was = fl_inst_stage(run, arrival.inst)->when;
        const char *is =
            to == UINT32_MAX ? NULL : plan->workflow->stages[plan->inst_stage[to]].when;

        if (was && is && strcmp(was, is) == 0)
            run->arrivals[kept++] = (struct fl_arrival){to, arrival.leaf};
    }
    run->arrival_count = kept;
}

/* The tables change owners; what is the run's own whatever its plan stays. */
static void take_tables(struct fl_run *run, struct fl_run *fresh)
{
#define SWAP(member) \
    do { \
        __typeof__(run->member) swap_ = run->member; \
        run->member = fresh->member; \
        fresh->member = swap_; \
    } while (0)
    SWAP(plan);
    SWAP(insts);
    SWAP(slots);
    SWAP(terms);
    SWAP(progress);
    SWAP(ready);
    SWAP(live);
    SWAP(open);
    SWAP(rendered);
    SWAP(due_told);
    SWAP(pool_jobs);
    SWAP(unstarted);
    SWAP(starved);
    SWAP(histories);
    SWAP(expiring);
    SWAP(expiring_count);
    SWAP(doomed);
    SWAP(revived);
    SWAP(bad);
    SWAP(timers);
    SWAP(undecided);
#undef SWAP
    memcpy(run->counts, fresh->counts, sizeof(run->counts));
    run->ready_total = 0;
}

int fl_run_move(struct fl_core *core, struct fl_run *run, const struct fl_plan *plan,
                int64_t now_ns, struct fl_err *reterr)
{
    fl_auto(fl_run_destroy) struct fl_run *fresh = NULL;
    uint32_t count = run->plan->inst_count;
    uint32_t *place = calloc((size_t)count + 1, sizeof(*place));
    int rc = place ? fl_run_create(plan, run->name, &fresh, reterr)
                   : fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for run '%s'", run->name);

    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        uint32_t doom = run->insts[i].doom;

        place[i] = same_inst(run->plan, i, plan);
        if (place[i] == UINT32_MAX) {
            rc = keep_gone(run, i, reterr);
            continue;
        }
        if (run->progress && fresh->progress)
            fresh->progress[place[i]] = run->progress[i];
        if (fl_doom_is_absence(doom)) {
            uint32_t slot = same_slot(run->plan, doom - 1, plan);

            run->insts[i].doom = slot == UINT32_MAX ? FL_DOOM_NO_CHOICE : slot + 1;
        }
        carry_inst(fresh, place[i], &run->insts[i]);
    }
    if (rc == 0) {
        remap_arrivals(run, plan, place);
        give_back(run, fresh);
    }
    for (uint32_t slot = 0; rc == 0 && slot < run->plan->slot_count; slot++) {
        uint32_t to = same_slot(run->plan, slot, plan);

        if (to == UINT32_MAX ||
            place[run->plan->slots[slot].inst] != plan->slots[to].inst) /* another makes it now */
            continue;
        fresh->slots[to] = run->slots[slot];
        run->slots[slot] = (struct fl_slot){0};
    }
    if (rc == 0) {
        remap_actions(core, run, place);
        take_tables(run, fresh);
        fl_custody_moved(run);
        rc = fl_flow_moved(run, fresh->plan->workflow, reterr);
    }
    if (rc == 0)
        rc = fl_run_slack(core, run, reterr);
    if (rc == 0)
        rc = fl_far_again(core, run, reterr);
    if (rc == 0)
        rc = fl_far_moved(core, run, now_ns, reterr);
    if (rc == 0)
        rc = fl_apply_recount(core, run, reterr);
    if (rc == 0)
        rc = fl_apply_wake_all(core, run, now_ns, reterr);
    free(place);
    return rc;
}
