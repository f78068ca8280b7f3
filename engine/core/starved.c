/* What wants more than there is. */
#include "config.h"

#include "engine/core/starved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/launch.h"
#include "engine/core/limits.h"

#include "engine/base/banned.h"

#define CAUSE_POOL 0
#define CAUSE_CORES 1
#define CAUSE_NEEDS 2

/* Who offers a pool of a workflow; NULL: nobody ever has. */
static const struct fl_place *place_of(const struct fl_core *core, const struct fl_workflow *wf,
                                       uint32_t pool)
{
    const struct fl_pool *wanted = &wf->pools[pool];
    uint32_t place;

    if (!fl_core_place(core, wanted->name, wf->sites[wanted->site].name, &place) ||
        core->places[place].member_count == 0)
        return NULL;
    return &core->places[place];
}

static const struct fl_worker_pool *member_pool(const struct fl_core *core,
                                                const struct fl_place_member *member)
{
    return &core->workers[member->worker]->pools[member->pool];
}

/* The most cores that one worker offers there. */
static int64_t widest(const struct fl_core *core, const struct fl_place *place)
{
    int64_t most = 0;

    for (size_t m = 0; m < place->member_count; m++)
        if (member_pool(core, &place->members[m])->cores > most)
            most = member_pool(core, &place->members[m])->cores;
    return most;
}

/* True when one worker has all that a stage needs; else *ret_need is what the best of those with
 * cores enough lacks, and *ret_offer the most of that which any has. */
static bool has_all(const struct fl_core *core, const struct fl_workflow *wf,
                    const struct fl_stage *stage, const struct fl_place *place, size_t *ret_need,
                    int64_t *ret_offer)
{
    *ret_need = 0;
    for (size_t m = 0; m < place->member_count; m++) {
        const struct fl_place_member *member = &place->members[m];
        size_t n = 0;

        if (member_pool(core, member)->cores < stage->cores)
            continue;
        while (n < stage->need_count &&
               fl_needs_offer(core, wf, stage->pool, member->worker, member->pool,
                              stage->needs[n].name) >= stage->needs[n].amount)
            n++;
        if (n == stage->need_count)
            return true;
        if (n > *ret_need)
            *ret_need = n;
    }
    *ret_offer = 0;
    for (size_t m = 0; m < place->member_count; m++) {
        const struct fl_place_member *member = &place->members[m];
        int64_t offer = fl_needs_offer(core, wf, stage->pool, member->worker, member->pool,
                                       stage->needs[*ret_need].name);

        if (offer > *ret_offer)
            *ret_offer = offer;
    }
    return false;
}

/* FL_STARVED_CAUSES when a stage can have what it wants; else the cause, with words for it. */
static uint32_t cause_of(const struct fl_core *core, const struct fl_workflow *wf,
                         const struct fl_stage *stage, const struct fl_place *place, char *text,
                         size_t size)
{
    const struct fl_pool *pool = &wf->pools[stage->pool];
    size_t need;
    int64_t offer;

    if (!place) {
        (void)snprintf(text, size, "no known worker offers pool '%s' at site '%s'", pool->name,
                       wf->sites[pool->site].name);
        return CAUSE_POOL;
    }
    if (widest(core, place) < stage->cores) {
        (void)snprintf(text, size,
                       "it wants %lld cores, and no known worker of pool '%s' has more than %lld",
                       (long long)stage->cores, pool->name, (long long)widest(core, place));
        return CAUSE_CORES;
    }
    if (stage->need_count == 0 || has_all(core, wf, stage, place, &need, &offer))
        return FL_STARVED_CAUSES;
    if (offer >= stage->needs[need].amount)
        (void)snprintf(text, size,
                       "it needs %lld of '%s', and no known worker of pool '%s' has that beside "
                       "the rest of what it needs",
                       (long long)stage->needs[need].amount, stage->needs[need].name, pool->name);
    else
        (void)snprintf(text, size,
                       "it needs %lld of '%s', and no known worker of pool '%s' has more than %lld",
                       (long long)stage->needs[need].amount, stage->needs[need].name, pool->name,
                       (long long)offer);
    return need + CAUSE_NEEDS < FL_STARVED_CAUSES ? (uint32_t)need + CAUSE_NEEDS
                                                  : FL_STARVED_CAUSES - 1;
}

/* "pool", "cores", or the resource. */
static const char *cause_name(const struct fl_stage *stage, uint32_t cause)
{
    if (cause == CAUSE_POOL)
        return "pool";
    return cause == CAUSE_CORES ? "cores" : stage->needs[cause - CAUSE_NEEDS].name;
}

static int tell(const struct fl_input *tick, struct fl_events *events, const struct fl_run *run,
                uint32_t inst, uint32_t cause, const char *why, struct fl_err *reterr)
{
    struct fl_event *event;
    int rc = fl_emit(events, FL_EVENT_NEED_UNMET, tick->now_ns, run, inst, &event, reterr);

    if (rc == 0)
        rc = fl_event_set_text(event, &event->cause, cause_name(fl_inst_stage(run, inst), cause),
                               reterr);
    if (rc == 0)
        rc = fl_emit_text(event, &event->why, why, reterr);
    if (rc == 0)
        event->who = "fairlead";
    return rc;
}

static int look_at_pool(const struct fl_core *core, const struct fl_input *tick,
                        struct fl_events *events, const struct fl_run *run, uint32_t pool,
                        struct fl_err *reterr)
{
    const struct fl_plan *plan = run->plan;
    const struct fl_workflow *wf = plan->workflow;
    const struct fl_ready *ready = &run->ready[pool];
    const struct fl_place *place = place_of(core, wf, pool);
    int rc = 0;

    if (place && !ready->needs && ready->cores_max <= widest(core, place))
        return 0; /* any stage of it can have what it wants */
    for (uint32_t i = fl_bits_next(&ready->set, 0); rc == 0 && i != FL_BITS_NONE;) {
        uint32_t s = plan->inst_stage[i];
        char why[FL_CORE_REASON_MAX];
        uint32_t cause = cause_of(core, wf, &wf->stages[s], place, why, sizeof(why));

        if (cause < FL_STARVED_CAUSES && !(run->starved && (run->starved[s] >> cause & 1)))
            rc = tell(tick, events, run, i, cause, why, reterr);
        i = fl_bits_next(&ready->set, plan->stages[s].inst_first + plan->stages[s].inst_count);
    }
    return rc;
}

int fl_starved_advance(const struct fl_core *core, const struct fl_input *tick,
                       struct fl_events *events, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t a = 0; rc == 0 && core->worker_count > 0 && a < core->active_count; a++) {
        const struct fl_run *run = core->runs[core->active[a]];

        if (!fl_launch_may(core, run))
            continue;
        for (uint32_t p = 0; rc == 0 && p < run->plan->workflow->pool_count; p++)
            if (run->ready[p].set.members > 0)
                rc = look_at_pool(core, tick, events, run, p, reterr);
    }
    return rc;
}

int fl_apply_starved(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    const struct fl_stage *stage;
    struct fl_run *run;
    uint32_t inst;
    uint32_t cause = 0;
    int rc = fl_apply_find(core, event, &run, &inst, reterr);

    if (rc < 0)
        return rc;
    stage = fl_inst_stage(run, inst);
    while (cause < CAUSE_NEEDS + stage->need_count && cause < FL_STARVED_CAUSES - 1 &&
           strcmp(cause_name(stage, cause), event->cause) != 0)
        cause++;
    if (cause >= CAUSE_NEEDS + stage->need_count)
        return fl_apply_bug(event, reterr, "the stage has no such need");
    if (!run->starved)
        run->starved = calloc(run->plan->workflow->stage_count + 1, sizeof(*run->starved));
    if (!run->starved)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a warning");
    run->starved[run->plan->inst_stage[inst]] |= 1u << cause;
    return 0;
}
