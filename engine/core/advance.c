/* What the state itself now allows: launches within the limits of the pools, ends of what cannot go
 * on. */
#include "config.h"

#include "engine/core/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

#define ADVANCE_MAX 1000 /* launches of one call; the caller calls again */
/* An instance that has found no room for this long holds back those behind it in its pool, so that
 * a wide one is not passed by narrow ones for ever. */
#define PATIENCE_NS (INT64_C(600) * 1000000000)

/* Use of the pools including what this call has already given away. */
struct usage {
    int64_t *cores; /* of each pool of each worker */
    int64_t *jobs;
    size_t *offset; /* where the pools of each worker begin */
    size_t count;
};

struct advancing {
    const struct fl_core *core;
    const struct fl_input *tick;
    struct fl_events *events;
    struct usage usage;
    size_t launches;
};

static void usage_release(struct usage *usage)
{
    free(usage->cores);
    free(usage->jobs);
    free(usage->offset);
}

static int usage_init(const struct fl_core *core, struct usage *usage, struct fl_err *reterr)
{
    usage->offset = calloc(core->worker_count + 1, sizeof(*usage->offset));
    for (size_t w = 0; usage->offset && w < core->worker_count; w++) {
        usage->offset[w] = usage->count;
        usage->count += core->workers[w]->pool_count;
    }
    usage->cores = calloc(usage->count + 1, sizeof(*usage->cores));
    usage->jobs = calloc(usage->count + 1, sizeof(*usage->jobs));
    if (!usage->offset || !usage->cores || !usage->jobs) {
        usage_release(usage);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory to look for room in the pools");
    }
    for (size_t w = 0; w < core->worker_count; w++) {
        for (size_t p = 0; p < core->workers[w]->pool_count; p++) {
            usage->cores[usage->offset[w] + p] = core->workers[w]->pools[p].used_cores;
            usage->jobs[usage->offset[w] + p] = core->workers[w]->pools[p].used_jobs;
        }
    }
    return 0;
}

/* The worker with most free cores in the pool that can take it, or NULL. */
static const struct fl_worker *find_room(const struct advancing *a, const struct fl_pool *pool,
                                         const char *site, int64_t cores, size_t *ret_slot)
{
    const struct fl_worker *best = NULL;
    int64_t best_free = -1;
    uint32_t pool_word;
    uint32_t site_word;

    if (!fl_names_find(&a->core->words.index, pool->name, &pool_word) ||
        !fl_names_find(&a->core->words.index, site, &site_word))
        return NULL; /* no worker has ever brought it */

    for (size_t w = 0; w < a->core->worker_count; w++) {
        const struct fl_worker *worker = a->core->workers[w];

        for (size_t p = 0; !worker->gone && p < worker->pool_count; p++) {
            size_t slot = a->usage.offset[w] + p;
            int64_t free_cores = worker->pools[p].cores - a->usage.cores[slot];

            if (worker->pools[p].pool != pool_word || worker->pools[p].site != site_word ||
                a->usage.jobs[slot] >= worker->pools[p].jobs || free_cores < cores ||
                free_cores <= best_free)
                continue;
            best = worker;
            best_free = free_cores;
            *ret_slot = slot;
        }
    }
    return best;
}

/* {"forcing.cfg":"sha256…"} of the rendered files, for the event. */
static int set_digests(struct fl_event *event, const json_t *spec, struct fl_err *reterr)
{
    fl_json_auto json_t *digests = json_object();
    const json_t *files = json_object_get(spec, "files");
    char *text;
    int rc;

    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *file = json_array_get(files, i);

        (void)json_object_set(
            digests, json_string_value(json_object_get(file, "name")),
            json_object_get(file, "sha256")); /* a missing one shows in the text */
    }
    if (json_object_size(digests) == 0)
        return 0;
    text = fl_json_text(digests);
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the digests of a launch");
    rc = strlen(text) <= FL_EVENT_TEXT_MAX ? fl_event_set_text(event, &event->text, text, reterr)
                                           : 0;
    free(text);
    return rc;
}

static int end_instance(const struct advancing *a, const struct fl_run *run, uint32_t inst,
                        enum fl_state state, const char *why, struct fl_event **ret_event,
                        struct fl_err *reterr)
{
    int rc =
        fl_emit(a->events, FL_EVENT_INSTANCE_ENDED, a->tick->now_ns, run, inst, ret_event, reterr);

    if (rc < 0)
        return rc;
    (*ret_event)->state = fl_state_name(state);
    (*ret_event)->who = "fairlead";
    return fl_emit_text(*ret_event, &(*ret_event)->why, why, reterr);
}

static void make_token(const struct advancing *a, const char *id, char token[static FL_DIGEST_HEX])
{
    char text[FL_CORE_ID_MAX + 128];
    int size = snprintf(text, sizeof(text), "%s %s", a->tick->entropy ? a->tick->entropy : "", id);

    fl_digest_memory(text, (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1, token);
}

static int launch(struct advancing *a, const struct fl_run *run, uint32_t inst,
                  const struct fl_worker *worker, size_t slot, struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const char *pool = wf->pools[stage->pool].name;
    const char *site = wf->sites[wf->pools[stage->pool].site].name;
    uint32_t number = run->insts[inst].try_count + 1;
    fl_json_auto json_t *spec = NULL;
    fl_json_auto json_t *marks = NULL;
    char token[FL_DIGEST_HEX];
    char id[FL_CORE_ID_MAX];
    struct fl_event *event;
    struct fl_err why = {0};
    uint32_t pool_word = 0;
    uint32_t site_word = 0;
    bool known = fl_names_find(&a->core->words.index, pool, &pool_word) &&
                 fl_names_find(&a->core->words.index, site, &site_word);
    int rc;

    fl_assert(known); /* the worker brought them */
    fl_attempt_id(run, inst, number, id, sizeof(id));
    make_token(a, id, token);
    rc = fl_render_spec(a->core, run, inst, number, token, pool_word, site_word, &spec, &marks,
                        &why);
    if (rc == FL_E_NOMEM)
        return fl_err_set(reterr, rc, 0, "%s", why.text);
    if (rc == FL_E_AGAIN) /* a door that is not known yet: the hello of its worker brings us back */
        return 0;
    if (rc < 0) /* what cannot be rendered never can: a person must change something */
        return end_instance(a, run, inst, FL_STATE_FAILED, why.text, &event, reterr);
    rc = fl_emit(a->events, FL_EVENT_ATTEMPT_LAUNCHED, a->tick->now_ns, run, inst, &event, reterr);
    if (rc < 0)
        return rc;
    event->attempt = number;
    event->cores = stage->cores;
    event->worker = worker->name;
    event->pool = fl_core_word(a->core, pool_word);
    event->site = fl_core_word(a->core, site_word);
    rc = fl_event_set_text(event, &event->token, token, reterr);
    if (rc == 0)
        rc = set_digests(event, spec, reterr);
    if (rc == 0 && marks) {
        char *text = fl_json_text(marks);

        rc = text ? fl_event_set_text(event, &event->degraded, text, reterr)
                  : fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a degraded mark");
        free(text);
    }
    a->usage.cores[slot] += stage->cores;
    a->usage.jobs[slot]++;
    a->launches++;
    return rc;
}

/* Cores of the widest stage before s in its pool that still has something to do, or -1. */
static int64_t widest_before(const struct fl_run *run, uint32_t s)
{
    const struct fl_stage *stages = run->plan->workflow->stages;
    bool *over = calloc((size_t)run->plan->inst_count + 1, sizeof(*over));
    int64_t widest = -1;

    if (!over || fl_find_over(run, over, NULL) < 0) {
        free(over);
        return INT64_MAX; /* no memory: it waits */
    }
    for (uint32_t i = 0; i < run->plan->stages[s].inst_first; i++) {
        const struct fl_stage *before = &stages[run->plan->inst_stage[i]];

        if (!over[i] && before->pool == stages[s].pool && before->cores > widest)
            widest = before->cores;
    }
    free(over);
    return widest;
}

/* The worker for an instance of stage s, or NULL. A stage that follows what others still make
 * leaves room in its pool for them: a pool that is full of followers would wait for ever. */
static const struct fl_worker *find_place(struct advancing *a, const struct fl_run *run, uint32_t s,
                                          int64_t run_jobs, size_t *ret_slot)
{
    const struct fl_workflow *wf = run->plan->workflow;
    const struct fl_stage *stage = &wf->stages[s];
    const struct fl_pool *pool = &wf->pools[stage->pool];
    const char *site = wf->sites[pool->site].name;
    const struct fl_worker *worker = find_room(a, pool, site, stage->cores, ret_slot);
    int64_t widest = worker && run->plan->stages[s].follows ? widest_before(run, s) : -1;
    bool leaves;
    size_t other;

    if (widest < 0)
        return worker;
    a->usage.cores[*ret_slot] += stage->cores;
    a->usage.jobs[*ret_slot]++;
    leaves = run_jobs + 2 <= pool->jobs && find_room(a, pool, site, widest, &other);
    a->usage.cores[*ret_slot] -= stage->cores;
    a->usage.jobs[*ret_slot]--;
    return leaves ? worker : NULL;
}

/* Launches of one stage: ready instances in the order of their leads while there is room.
 * *held_back is set when one of them has waited too long. */
static int launch_stage(struct advancing *a, const struct fl_run *run, uint32_t s,
                        int64_t *run_jobs, bool *held_back, struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = &run->plan->stages[s];
    const struct fl_stage *stage = &run->plan->workflow->stages[s];
    const struct fl_workflow *wf = run->plan->workflow;
    const struct fl_pool *pool = &wf->pools[stage->pool];
    uint32_t left = run->ready_count[s];
    int rc = 0;

    for (uint32_t i = ps->inst_first; rc == 0 && left > 0 && i < ps->inst_first + ps->inst_count;
         i++) {
        const struct fl_inst *in = &run->insts[i];
        const struct fl_worker *worker;
        size_t slot = 0;

        if (i % 64 == 0 && run->ready[i / 64] == 0) {
            i += 63;
            continue;
        }
        if (!fl_bit(run->ready, i))
            continue;
        left--;
        if (in->not_before_ns > a->tick->now_ns)
            continue;
        if (run_jobs[stage->pool] >= pool->jobs)
            return 0;
        worker = find_place(a, run, s, run_jobs[stage->pool], &slot);
        if (!worker) {
            *held_back = stage->cores > 0 && a->tick->now_ns - in->ready_ns > PATIENCE_NS;
            return 0;
        }
        if (a->launches >= ADVANCE_MAX)
            return 0;
        run_jobs[stage->pool]++;
        rc = launch(a, run, i, worker, slot, reterr);
    }
    return rc;
}

static int launch_run(struct advancing *a, const struct fl_run *run, bool *pool_held,
                      struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    int64_t *run_jobs;
    int rc = 0;

    if (run->held || run->cancel_asked || run->ready_total == 0)
        return 0;
    run_jobs = calloc(wf->pool_count + 1, sizeof(*run_jobs));
    if (!run_jobs)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory to look for room in the pools");
    memcpy(run_jobs, run->pool_jobs, wf->pool_count * sizeof(*run_jobs));
    for (uint32_t s = 0; rc == 0 && s < wf->stage_count; s++) {
        bool held_back = false;

        if (run->ready_count[s] == 0 || (pool_held[wf->stages[s].pool] && wf->stages[s].cores > 0))
            continue;
        rc = launch_stage(a, run, s, run_jobs, &held_back, reterr);
        pool_held[wf->stages[s].pool] |= held_back;
    }
    free(run_jobs);
    return rc;
}

static void doom_text(const struct fl_run *run, const struct fl_inst *in, char *text, size_t size)
{
    const struct fl_plan_slot *ps;
    const struct fl_slot *slot;
    char lead_text[FL_TIME_TEXT_MAX] = "";
    struct fl_lead lead;

    if (in->doom == UINT32_MAX) {
        (void)snprintf(text, size, "none of the alternatives of an input is there");
        return;
    }
    ps = &run->plan->slots[in->doom - 1];
    slot = &run->slots[in->doom - 1];
    if (fl_plan_slot_lead(run->plan, in->doom - 1, &lead))
        fl_lead_format(lead, lead_text);
    (void)snprintf(text, size, "input %s.%s%s%s%s is absent: %.600s",
                   run->plan->workflow->stages[ps->stage].name,
                   run->plan->workflow->stages[ps->stage].outputs[ps->output].name,
                   *lead_text ? "(" : "", lead_text, *lead_text ? ")" : "",
                   fl_slot_cause(slot) ? fl_slot_cause(slot) : "no cause given");
}

/* An inserted transfer passes the absence on. */
static int pass_on_absence(const struct advancing *a, const struct fl_run *run, uint32_t inst,
                           struct fl_err *reterr)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[inst]];
    const struct fl_slot *from = &run->slots[run->insts[inst].doom - 1];
    int rc = 0;

    for (size_t o = 0; rc == 0 && o < stage->output_count; o++) {
        struct fl_event *event;

        rc = fl_emit(a->events, FL_EVENT_OUTPUT_ABSENT, a->tick->now_ns, run, inst, &event, reterr);
        if (rc == 0)
            rc = fl_decide_absent(run, inst, ps->slot_first[o] + fl_plan_inst_k(run->plan, inst),
                                  event, fl_slot_cause(from) ? fl_slot_cause(from) : "absent",
                                  fl_slot_age(from), reterr);
    }
    return rc;
}

static int end_doomed(const struct advancing *a, const struct fl_run *run, uint32_t inst,
                      struct fl_err *reterr)
{
    const struct fl_inst *in = &run->insts[inst];
    const struct fl_attempt *attempt = fl_inst_last_try(in);
    char text[FL_CORE_REASON_MAX];
    struct fl_event *event;
    int rc;

    if (fl_state_is_end(in->state))
        return 0;
    doom_text(run, in, text, sizeof(text));
    /* a launched one may have begun: its worker says how it ended */
    if (in->state == FL_STATE_LAUNCHED || in->state == FL_STATE_RUNNING) {
        if (attempt->cancel_asked)
            return 0;
        rc = fl_emit(a->events, FL_EVENT_CANCEL_ASKED, a->tick->now_ns, run, inst, &event, reterr);
        if (rc < 0)
            return rc;
        event->who = "fairlead";
        return fl_emit_text(event, &event->why, text, reterr);
    }
    if (fl_inst_stage(run, inst)->kind != FL_STAGE_TRANSFER || in->doom == UINT32_MAX)
        return end_instance(a, run, inst, FL_STATE_FAILED, text, &event, reterr);
    rc = end_instance(a, run, inst, FL_STATE_SKIPPED, text, &event, reterr);
    return rc < 0 ? rc : pass_on_absence(a, run, inst, reterr);
}

static int settle(const struct advancing *a, const struct fl_run *run, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < run->doomed_count; i++)
        rc = end_doomed(a, run, run->doomed[i], reterr);
    if (rc == 0 && run->counts[FL_STATE_RUNNING] > 0 && run->plan->follows && run->failed_count > 0)
        rc = fl_stop_hopeless(run, a->tick->now_ns, a->events, reterr);
    return rc;
}

static bool waits_for_an_end(const struct fl_run *run, uint32_t inst)
{
    const struct fl_expr *when = &run->plan->stages[run->plan->inst_stage[inst]].when;

    for (size_t i = 0; i < when->leaf_count; i++)
        if (when->leaves[i].output == FL_NONE && when->leaves[i].mode == FL_EXPR_ENDED)
            return true;
    return false;
}

/* What still waits can never start: says why, for all but those that wait for any end at all (they
 * come next). */
static int skip_blocked(const struct advancing *a, const struct fl_run *run, struct fl_err *reterr)
{
    size_t before = a->events->count;
    int rc = 0;

    for (int round = 0; rc == 0 && round < 2 && a->events->count == before; round++) {
        for (uint32_t i = 0; rc == 0 && i < run->plan->inst_count; i++) {
            fl_auto(fl_buf_release) struct fl_buf why = {0};
            struct fl_event *event;

            if (run->insts[i].state != FL_STATE_WAITING || (round == 0 && waits_for_an_end(run, i)))
                continue;
            fl_buf_init(&why, FL_CORE_REASON_MAX);
            fl_why_blocked(a->core, run, i, &why);
            rc = end_instance(a, run, i, FL_STATE_SKIPPED, why.data, &event, reterr);
        }
    }
    return rc;
}

static bool waits_for_other_run(const struct fl_core *core, const struct fl_run *run)
{
    bool crosses = false;

    for (uint32_t s = 0; s < run->plan->stage_count && !crosses; s++)
        crosses = run->plan->stages[s].crosses;
    for (uint32_t i = 0; crosses && i < run->plan->inst_count; i++) {
        const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[i]];
        const struct fl_stage *stage = fl_inst_stage(run, i);

        if (run->insts[i].state != FL_STATE_WAITING || !ps->crosses)
            continue;
        for (uint32_t n = 0; n < stage->input_count; n++) {
            enum fl_resolve result;
            uint32_t doom;

            if (stage->inputs[n].first_of &&
                fl_resolve_input(core, run, i, n, NULL, NULL, &result, &doom, NULL) == 0 &&
                result == FL_RESOLVE_WAIT && core->active_count > 1)
                return true;
        }
    }
    return false;
}

/* Ends a run when nothing of it can go on. */
static int end_run(const struct advancing *a, const struct fl_run *run, struct fl_err *reterr)
{
    const uint32_t *n = run->counts;
    enum fl_state state = FL_STATE_SUCCEEDED;
    struct fl_event *event;
    int rc;

    if (n[FL_STATE_READY] || n[FL_STATE_LAUNCHED] || n[FL_STATE_RUNNING] || n[FL_STATE_HELD])
        return 0;
    if (n[FL_STATE_WAITING]) {
        if (run->held || waits_for_other_run(a->core, run))
            return 0;
        return skip_blocked(a, run, reterr);
    }
    if (n[FL_STATE_FAILED] || n[FL_STATE_TIMED_OUT] || n[FL_STATE_LOST] || n[FL_STATE_EXPIRED])
        state = FL_STATE_FAILED;
    if (n[FL_STATE_CANCELLED])
        state = run->cancel_asked ? FL_STATE_CANCELLED : FL_STATE_FAILED;
    rc = fl_emit(a->events, FL_EVENT_RUN_ENDED, a->tick->now_ns, run, UINT32_MAX, &event, reterr);
    if (rc == 0)
        event->state = fl_state_name(state);
    return rc;
}

int fl_core_advance(const struct fl_core *core, const struct fl_input *tick,
                    struct fl_events *events, struct fl_err *reterr)
{
    struct advancing a = {.core = core, .tick = tick, .events = events};
    bool held[FL_WORKFLOW_POOLS_MAX] = {false};
    size_t before;
    int rc = 0;

    fl_assert(core);
    fl_assert(tick);
    fl_assert(events);
    before = events->count;
    for (size_t r = 0; rc == 0 && r < core->active_count; r++)
        rc = settle(&a, core->runs[core->active[r]], reterr);
    if (rc < 0 || events->count > before)
        return rc; /* these change what may start */
    rc = usage_init(core, &a.usage, reterr);
    if (rc < 0)
        return rc;
    for (size_t r = 0; rc == 0 && r < core->active_count && a.launches < ADVANCE_MAX; r++) {
        memset(held, 0, sizeof(held));
        rc = launch_run(&a, core->runs[core->active[r]], held, reterr);
    }
    for (size_t r = 0; rc == 0 && r < core->active_count; r++)
        rc = end_run(&a, core->runs[core->active[r]], reterr);
    usage_release(&a.usage);
    return rc;
}

/* True when a due attempt would find no room now: then not time but an end must come first. */
static bool has_no_room(struct advancing *a, const struct fl_run *run, uint32_t inst)
{
    const struct fl_workflow *wf = run->plan->workflow;
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_pool *pool = &wf->pools[stage->pool];
    size_t slot;

    return run->pool_jobs[stage->pool] >= pool->jobs ||
           !find_place(a, run, run->plan->inst_stage[inst], run->pool_jobs[stage->pool], &slot);
}

int64_t fl_core_next_timer_ns(const struct fl_core *core)
{
    struct advancing a = {.core = core};
    int64_t next = INT64_MAX;

    if (usage_init(core, &a.usage, NULL) < 0)
        return INT64_MAX; /* no memory: the next event looks again */
    for (size_t r = 0; r < core->active_count; r++) {
        const struct fl_run *run = core->runs[core->active[r]];

        for (size_t t = 0; !run->held && !run->cancel_asked && t < run->timer_count; t++) {
            int64_t at_ns = run->insts[run->timers[t]].not_before_ns;

            if (at_ns < next && !has_no_room(&a, run, run->timers[t]))
                next = at_ns;
        }
    }
    usage_release(&a.usage);
    return next;
}
