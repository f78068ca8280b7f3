/* Removal of delivered files at their sources, batch by batch: asked, done, told to the ledgers. */
#include "config.h"

#include "engine/core/apply.h"
#include "engine/core/custody.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"

#include "engine/base/banned.h"

#define NS INT64_C(1000000000)
#define RETRY_MAX_S 3600

/* ---- what there is to do ---- */

static int32_t site_of(const struct fl_run *run, uint32_t inst)
{
    return run->plan->workflow->pools[fl_inst_stage(run, inst)->pool].site;
}

const char *fl_custody_site(const struct fl_run *run, uint32_t inst)
{
    return run->plan->workflow->sites[site_of(run, inst)].name;
}

/* Whether a later cycle needs an output is found out once for all of its slots. */
#define MEMO_COUNT 32
struct memo {
    const struct fl_core *core;
    const struct fl_run *run;
    struct {
        bool known;
        uint16_t stage;
        uint16_t output;
        bool needed;
    } items[MEMO_COUNT];
};

static bool is_needed_later(struct memo *memo, uint32_t slot)
{
    const struct fl_plan_slot *ps = &memo->run->plan->slots[slot];
    size_t at = (ps->stage * 7u + ps->output) % MEMO_COUNT;

    if (!memo->items[at].known || memo->items[at].stage != ps->stage ||
        memo->items[at].output != ps->output) {
        memo->items[at].needed = fl_custody_needed_later(memo->core, memo->run, slot);
        memo->items[at].stage = ps->stage;
        memo->items[at].output = ps->output;
        memo->items[at].known = true;
    }
    return memo->items[at].needed;
}

/* Calls fn for each slot of an instance; true ends it. */
typedef bool (*slot_fn)(struct memo *memo, uint32_t slot, void *arg);
static bool each_slot(struct memo *memo, uint32_t inst, slot_fn fn, void *arg)
{
    const struct fl_run *run = memo->run;
    const struct fl_stage *stage = fl_inst_stage(run, inst);

    for (size_t o = 0; o < stage->output_count; o++) {
        uint32_t first = fl_plan_inst_slot(run->plan, inst, o);
        uint32_t own = run->plan->stages[run->plan->inst_stage[inst]].slot_own[o];

        for (uint32_t i = 0; i < own; i++)
            if (fn(memo, first + i, arg))
                return true;
    }
    return false;
}

/* A delivered product that is there, as far as its own run goes. */
static bool may_go(const struct fl_run *run, uint32_t slot)
{
    return run->slots[slot].state == FL_SLOT_ACCEPTED &&
           run->slots[slot].made->gone != FL_GONE_DONE && fl_custody_is_product(run->plan, slot) &&
           fl_custody_is_free(run, slot);
}

static bool is_free_now(struct memo *memo, uint32_t slot, void *arg)
{
    (void)arg;
    return may_go(memo->run, slot) && !is_needed_later(memo, slot);
}

/* The first time each instance that had an attempt is looked at, later those with products that may
 * go now. */
static bool has_work(struct memo *memo, uint32_t inst)
{
    return memo->run->insts[inst].try_count > 0 &&
           (!memo->run->removal.cleared || each_slot(memo, inst, is_free_now, NULL));
}

/* The next batch from an instance on: of one site. False when there is no more. */
static bool next_batch(const struct fl_core *core, const struct fl_run *run, uint32_t from,
                       uint32_t *ret_first, uint32_t *ret_last)
{
    const struct fl_plan *plan = run->plan;
    struct memo memo = {.core = core, .run = run};
    int32_t site = FL_NONE;
    uint32_t count = 0;

    for (uint32_t s = 0; s < plan->stage_count; s++) {
        const struct fl_plan_stage *ps = &plan->stages[s];
        int32_t here = plan->workflow->pools[plan->workflow->stages[s].pool].site;
        uint32_t end = ps->inst_first + ps->inst_count;

        if (end <= from || ps->inst_count == 0)
            continue;
        if (site != FL_NONE ? here != site : !ps->at_source) {
            if (site != FL_NONE)
                return true;
            continue;
        }
        for (uint32_t i = from > ps->inst_first ? from : ps->inst_first; i < end; i++) {
            if (!has_work(&memo, i))
                continue;
            if (count++ == 0)
                *ret_first = i;
            *ret_last = i + 1;
            site = here;
            if (count == FL_CUSTODY_BATCH_MAX)
                return true;
        }
    }
    return count > 0;
}

/* Nothing of the run is left to do, and it has done well. */
static bool is_through(const struct fl_run *run)
{
    const uint32_t *n = run->counts;

    if (run->state != FL_STATE_RUNNING)
        return run->state == FL_STATE_SUCCEEDED;
    return !n[FL_STATE_WAITING] && !n[FL_STATE_READY] && !n[FL_STATE_LAUNCHED] &&
           !n[FL_STATE_RUNNING] && !n[FL_STATE_HELD] && run->undecided == 0 && run->bad == 0 &&
           !run->cancel_asked;
}

static bool is_wanted(const struct fl_run *run)
{
    return run->plan->removes && run->removal.phase == FL_REMOVAL_IDLE &&
           (!run->removal.cleared || run->removal.due) && is_through(run);
}

/* The worker that serves a site now, or NULL. */
const struct fl_worker *fl_custody_worker(const struct fl_core *core, const char *site)
{
    for (size_t w = 0; w < core->worker_count; w++) {
        const struct fl_worker *worker = core->workers[w];

        for (size_t i = 0; !worker->gone && i < worker->site_count; i++)
            if (strcmp(fl_core_word(core, worker->sites[i].site), site) == 0)
                return worker;
    }
    return NULL;
}

/* The site that the batch under way waits for. */
const char *fl_custody_in_charge(const struct fl_run *run)
{
    const struct fl_removal *removal = &run->removal;
    const struct fl_workflow *wf = run->plan->workflow;

    if (removal->phase != FL_REMOVAL_NOTING)
        return fl_custody_site(run, removal->first);
    return wf->sites[wf->pools[wf->stages[run->plan->deliveries[removal->noting]].pool].site].name;
}

bool fl_custody_holds_end(const struct fl_core *core, const struct fl_run *run, int64_t now_ns)
{
    uint32_t first;
    uint32_t last;

    if (!run->plan->removes || run->removal.again_ns > now_ns)
        return false;
    if (run->removal.phase != FL_REMOVAL_IDLE)
        return fl_custody_worker(core, fl_custody_in_charge(run)) != NULL;
    return is_wanted(run) && next_batch(core, run, run->removal.last, &first, &last) &&
           fl_custody_worker(core, fl_custody_site(run, first));
}

/* ---- what follows ---- */

static int emit_range(const struct fl_input *input, struct fl_events *events,
                      enum fl_event_type type, const struct fl_run *run, const char *site,
                      uint32_t first, uint32_t last, struct fl_event **ret_event,
                      struct fl_err *reterr)
{
    int rc = fl_emit(events, type, input->now_ns, run, UINT32_MAX, ret_event, reterr);

    if (rc < 0)
        return rc;
    (*ret_event)->first = first;
    (*ret_event)->last = last;
    (*ret_event)->who = "fairlead";
    return fl_event_set_text(*ret_event, &(*ret_event)->site, site, reterr);
}

static int ask_next(const struct fl_core *core, const struct fl_input *tick,
                    struct fl_events *events, const struct fl_run *run, struct fl_err *reterr)
{
    struct fl_event *event;
    uint32_t first;
    uint32_t last;

    if (!is_wanted(run) || run->removal.again_ns > tick->now_ns ||
        !next_batch(core, run, run->removal.last, &first, &last) ||
        !fl_custody_worker(core, fl_custody_site(run, first)))
        return 0;
    return emit_range(tick, events, FL_EVENT_REMOVAL_ASKED, run, fl_custody_site(run, first), first,
                      last, &event, reterr);
}

/* What a complete delivery amounts to: its files, and the digest over its receipts. */
static int sum_up(const struct fl_core *core, const struct fl_run *run, uint32_t s,
                  struct fl_event *event, char root[static FL_DIGEST_HEX], struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = &run->plan->stages[s];
    const struct fl_stage *stage = &run->plan->workflow->stages[s];
    fl_auto(fl_picks_release) struct fl_picks picks = {0};
    struct fl_digest *digest = NULL;
    int rc = fl_digest_create(&digest, reterr);

    for (uint32_t k = 0; rc == 0 && k < ps->inst_count; k++) {
        const struct fl_slot *receipt = &run->slots[ps->slot_first[0] + k];
        char line[FL_DIGEST_HEX + 1] = "-";
        enum fl_resolve result;
        uint32_t doom;

        if (receipt->state == FL_SLOT_ACCEPTED)
            fl_slot_sha256(receipt, line);
        memcpy(line + strlen(line), "\n", 2);
        fl_digest_add(digest, line, strlen(line));
        picks.count = 0;
        for (uint32_t i = 0; rc == 0 && i < stage->input_count; i++)
            rc = fl_resolve_input(core, run, ps->inst_first + k, i, &picks, NULL, &result, &doom,
                                  reterr);
        for (size_t p = 0; rc == 0 && p < picks.count; p++)
            event->size += picks.items[p].run->slots[picks.items[p].slot].made->size;
        event->files += (int64_t)picks.count;
    }
    if (digest)
        fl_digest_finish(digest, root);
    fl_digest_destroy(digest);
    return rc;
}

static bool is_complete(const struct fl_run *run, uint32_t s)
{
    const struct fl_plan_stage *ps = &run->plan->stages[s];

    if (run->open[s] > 0 || ps->inst_count == 0)
        return false;
    for (uint32_t i = ps->inst_first; i < ps->inst_first + ps->inst_count; i++)
        if (run->insts[i].state != FL_STATE_SUCCEEDED || run->insts[i].set)
            return false;
    return true;
}

static int tell_sets(const struct fl_core *core, const struct fl_input *tick,
                     struct fl_events *events, const struct fl_run *run, struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    int rc = 0;

    for (size_t d = 0; rc == 0 && d < run->plan->delivery_count; d++) {
        uint32_t s = run->plan->deliveries[d];
        char root[FL_DIGEST_HEX];
        struct fl_event *event;

        if (run->told >> d & 1 || !is_complete(run, s))
            continue;
        rc = fl_emit(events, FL_EVENT_SET_DELIVERED, tick->now_ns, run, UINT32_MAX, &event, reterr);
        if (rc == 0)
            rc = fl_emit_name(event, &event->stage, run, wf->stages[s].name, reterr);
        if (rc == 0)
            rc = fl_event_set_text(event, &event->site,
                                   wf->sites[wf->pools[wf->stages[s].pool].site].name, reterr);
        if (rc == 0)
            rc = sum_up(core, run, s, event, root, reterr);
        if (rc == 0)
            rc = fl_event_set_text(event, &event->sha256, root, reterr);
        if (rc == 0)
            event->who = "fairlead";
    }
    return rc;
}

int fl_custody_advance(const struct fl_core *core, const struct fl_input *tick,
                       struct fl_events *events, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t a = 0; rc == 0 && a < core->active_count; a++) {
        const struct fl_run *run = core->runs[core->active[a]];

        if (run->plan->delivery_count > 0)
            rc = tell_sets(core, tick, events, run, reterr);
        if (rc == 0 && run->plan->removes)
            rc = ask_next(core, tick, events, run, reterr);
    }
    for (size_t i = 0; rc == 0 && i < core->removing_count; i++)
        rc = ask_next(core, tick, events, core->runs[core->removing[i]], reterr);
    return rc;
}

static void sooner(const struct fl_run *run, int64_t since_ns, int64_t *next)
{
    int64_t at_ns = run->removal.again_ns;

    if (run->removal.phase == FL_REMOVAL_IDLE && at_ns > since_ns && at_ns < *next)
        *next = at_ns;
}

int64_t fl_custody_timer_ns(const struct fl_core *core, int64_t since_ns)
{
    int64_t next = INT64_MAX;

    if (since_ns < 0)
        since_ns = 0; /* 0: nothing is waited for */
    for (size_t a = 0; a < core->active_count; a++)
        sooner(core->runs[core->active[a]], since_ns, &next);
    for (size_t i = 0; i < core->removing_count; i++)
        sooner(core->runs[core->removing[i]], since_ns, &next);
    return next;
}

/* The run whose batch under way a worker speaks of, or NULL: it was told already. */
static const struct fl_run *run_meant(const struct fl_core *core, const struct fl_input *input,
                                      enum fl_removal_phase phase)
{
    const char *name = json_string_value(json_object_get(input->message, "run"));
    const struct fl_run *run = name ? fl_core_run(core, name) : NULL;

    return run && run->removal.phase == phase &&
                   json_integer_value(json_object_get(input->message, "first")) ==
                       run->removal.first &&
                   json_integer_value(json_object_get(input->message, "last")) == run->removal.last
               ? run
               : NULL;
}

int fl_decide_removed(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr)
{
    const struct fl_run *run = run_meant(core, input, FL_REMOVAL_ASKED);
    const char *why = json_string_value(json_object_get(input->message, "error"));
    struct fl_event *event;
    int64_t wait_s = FL_CUSTODY_RETRY_S;
    int rc;

    if (!run)
        return 0;
    rc = emit_range(input, events, FL_EVENT_FILES_REMOVED, run,
                    fl_custody_site(run, run->removal.first), run->removal.first, run->removal.last,
                    &event, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->worker, input->worker, reterr);
    if (rc < 0)
        return rc;
    event->files = json_integer_value(json_object_get(input->message, "files"));
    event->size = json_integer_value(json_object_get(input->message, "bytes"));
    if (!why)
        return 0;
    for (uint32_t i = 0; i < run->removal.tries && wait_s < RETRY_MAX_S; i++)
        wait_s *= 2;
    event->until_ns = input->now_ns + (wait_s < RETRY_MAX_S ? wait_s : RETRY_MAX_S) * NS;
    return fl_emit_text(event, &event->cause, why, reterr);
}

int fl_decide_noted(const struct fl_core *core, const struct fl_input *input,
                    struct fl_events *events, struct fl_err *reterr)
{
    const struct fl_run *run = run_meant(core, input, FL_REMOVAL_NOTING);
    struct fl_event *event;
    int rc;

    if (!run ||
        json_integer_value(json_object_get(input->message, "delivery")) != run->removal.noting)
        return 0;
    rc = emit_range(input, events, FL_EVENT_CUSTODY_NOTED, run, fl_custody_in_charge(run),
                    run->removal.first, run->removal.last, &event, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->worker, input->worker, reterr);
    return rc < 0
               ? rc
               : fl_emit_name(
                     event, &event->stage, run,
                     run->plan->workflow->stages[run->plan->deliveries[run->removal.noting]].name,
                     reterr);
}

/* ---- the state ---- */

int fl_apply_delivered(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_run *run;
    int rc = fl_apply_find(core, event, &run, NULL, reterr);

    for (size_t d = 0; rc == 0 && d < run->plan->delivery_count; d++)
        if (strcmp(run->plan->workflow->stages[run->plan->deliveries[d]].name, event->stage) == 0)
            run->told |= UINT64_C(1) << d;
    return rc;
}

void fl_custody_undone(struct fl_run *run, uint32_t inst)
{
    struct fl_removal *removal = &run->removal;

    if (removal->phase == FL_REMOVAL_IDLE)
        *removal = (struct fl_removal){.left = removal->left};
    else
        removal->anew = true;
    for (size_t d = 0; d < run->plan->delivery_count; d++)
        if (run->plan->deliveries[d] == run->plan->inst_stage[inst])
            run->told &= ~(UINT64_C(1) << d);
}

/* Calls of the list of ended runs that have more to remove. */
static size_t place_in_list(const struct fl_core *core, uint32_t index)
{
    size_t at = 0;

    while (at < core->removing_count && core->removing[at] < index)
        at++;
    return at;
}

static bool is_in_list(const struct fl_core *core, uint32_t index)
{
    size_t at = place_in_list(core, index);

    return at < core->removing_count && core->removing[at] == index;
}

void fl_custody_left(struct fl_core *core, const struct fl_run *run)
{
    size_t at = place_in_list(core, run->index);

    if (!is_in_list(core, run->index))
        return;
    memmove(&core->removing[at], &core->removing[at + 1],
            (core->removing_count - at - 1) * sizeof(*core->removing));
    core->removing_count--;
}

static int list_add(struct fl_core *core, uint32_t index, struct fl_err *reterr)
{
    size_t at = place_in_list(core, index);
    int rc;

    if (is_in_list(core, index))
        return 0;
    rc = fl_list_push(&core->removing, &core->removing_count, &core->removing_room, index, reterr);
    if (rc < 0)
        return rc;
    memmove(&core->removing[at + 1], &core->removing[at],
            (core->removing_count - at - 1) * sizeof(*core->removing));
    core->removing[at] = index;
    return 0;
}

/* An ended run is in the list as long as there may be something to do for it. */
static int list_settle(struct fl_core *core, const struct fl_run *run, struct fl_err *reterr)
{
    const struct fl_removal *removal = &run->removal;
    bool more = removal->phase != FL_REMOVAL_IDLE || !removal->cleared || removal->left;

    if (run->state == FL_STATE_RUNNING)
        return 0;
    if (run->state == FL_STATE_SUCCEEDED && run->plan->removes && more)
        return list_add(core, run->index, reterr);
    fl_custody_left(core, run);
    return 0;
}

/* A pass is over when there is no further batch. */
static int settle(struct fl_core *core, struct fl_run *run, struct fl_err *reterr)
{
    struct fl_removal *removal = &run->removal;
    uint32_t first;
    uint32_t last;

    removal->phase = FL_REMOVAL_IDLE;
    removal->tries = 0;
    removal->again_ns = 0;
    if (!next_batch(core, run, removal->last, &first, &last)) {
        removal->cleared = !removal->anew;
        removal->due = removal->anew = false;
        removal->first = removal->last = 0;
    }
    return list_settle(core, run, reterr);
}

void fl_custody_moved(struct fl_run *run)
{
    run->removal = (struct fl_removal){0};
    run->told = 0;
}

static bool range_is_good(const struct fl_run *run, const struct fl_event *event)
{
    return event->first >= 0 && event->first < event->last && event->last <= run->plan->inst_count;
}

/* Calls fn for each slot of the batch; true ends it. */
static bool each_of_batch(const struct fl_core *core, const struct fl_run *run, slot_fn fn,
                          void *arg)
{
    struct memo memo = {.core = core, .run = run};

    for (uint32_t i = run->removal.first; i < run->removal.last; i++)
        if (each_slot(&memo, i, fn, arg))
            return true;
    return false;
}

/* arg: the run. */
static bool mark_asked(struct memo *memo, uint32_t slot, void *arg)
{
    struct fl_run *run = arg;

    if (may_go(run, slot) && is_needed_later(memo, slot) && !fl_slot_is_gone(&run->slots[slot]))
        run->removal.left = true;
    else if (is_free_now(memo, slot, NULL))
        run->slots[slot].made->gone = FL_GONE_ASKED;
    return false;
}

static bool mark_removed(struct memo *memo, uint32_t slot, void *arg)
{
    struct fl_run *run = arg;

    (void)memo;
    if (fl_slot_is_gone(&run->slots[slot]))
        run->slots[slot].made->gone = FL_GONE_DONE;
    return false;
}

int fl_apply_removal_asked(struct fl_core *core, const struct fl_event *event,
                           struct fl_err *reterr)
{
    struct fl_run *run;
    int rc = fl_apply_find(core, event, &run, NULL, reterr);

    if (rc < 0)
        return rc;
    if (run->removal.phase != FL_REMOVAL_IDLE || !range_is_good(run, event))
        return fl_apply_bug(event, reterr, "no such removal can be asked for");
    if (run->removal.last == 0)
        run->removal.left = false; /* a new pass: it is found out again */
    run->removal.phase = FL_REMOVAL_ASKED;
    run->removal.first = (uint32_t)event->first;
    run->removal.last = (uint32_t)event->last;
    (void)each_of_batch(core, run, mark_asked, run);
    return 0;
}

/* True when a delivery (arg) took this one. */
static bool is_taken(struct memo *memo, uint32_t slot, void *arg)
{
    const uint32_t *delivery = arg;
    uint32_t taker;
    uint32_t input;

    return memo->run->slots[slot].made && memo->run->slots[slot].made->gone == FL_GONE_DONE &&
           fl_custody_taker(memo->run, *delivery, slot, &taker, &input);
}

/* The ledger of the next delivery that is concerned is told, or the batch is done. */
static int note_from(struct fl_core *core, struct fl_run *run, uint32_t delivery,
                     struct fl_err *reterr)
{
    while (delivery < run->plan->delivery_count && !each_of_batch(core, run, is_taken, &delivery))
        delivery++;
    if (delivery == run->plan->delivery_count)
        return settle(core, run, reterr);
    run->removal.phase = FL_REMOVAL_NOTING;
    run->removal.noting = delivery;
    return 0;
}

static int find_batch(const struct fl_core *core, const struct fl_event *event,
                      enum fl_removal_phase phase, struct fl_run **ret_run, struct fl_err *reterr)
{
    int rc = fl_apply_find(core, event, ret_run, NULL, reterr);

    if (rc < 0)
        return rc;
    if ((*ret_run)->removal.phase != phase || (*ret_run)->removal.first != event->first ||
        (*ret_run)->removal.last != event->last)
        return fl_apply_bug(event, reterr, "no such removal is under way");
    return 0;
}

int fl_apply_files_removed(struct fl_core *core, const struct fl_event *event,
                           struct fl_err *reterr)
{
    struct fl_run *run;
    int rc = find_batch(core, event, FL_REMOVAL_ASKED, &run, reterr);

    if (rc < 0)
        return rc;
    if (event->cause) {
        run->removal.phase = FL_REMOVAL_IDLE;
        run->removal.last = run->removal.first; /* the same batch again */
        run->removal.tries++;
        run->removal.again_ns = event->until_ns;
        return 0;
    }
    (void)each_of_batch(core, run, mark_removed, run);
    return note_from(core, run, 0, reterr);
}

int fl_apply_custody_noted(struct fl_core *core, const struct fl_event *event,
                           struct fl_err *reterr)
{
    struct fl_run *run;
    int rc = find_batch(core, event, FL_REMOVAL_NOTING, &run, reterr);

    return rc < 0 ? rc : note_from(core, run, run->removal.noting + 1, reterr);
}

/* One of the products that were kept may go now. */
static bool is_any_free(const struct fl_core *core, const struct fl_run *run)
{
    const struct fl_plan *plan = run->plan;
    const struct fl_workflow *wf = plan->workflow;

    for (size_t s = 0; s < wf->stage_count; s++)
        for (size_t o = 0; o < wf->stages[s].output_count; o++) {
            uint32_t first = plan->stages[s].slot_first[o];
            uint32_t count = plan->stages[s].inst_count * plan->stages[s].slot_own[o];

            if (count == 0 || !fl_custody_is_product(plan, first) ||
                fl_custody_needed_later(core, run, first)) /* all of an output alike */
                continue;
            for (uint32_t i = 0; i < count; i++)
                if (may_go(run, first + i))
                    return true;
        }
    return false;
}

int fl_custody_look(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_run *ended =
        event->run && event->type == FL_EVENT_RUN_ENDED ? fl_core_run(core, event->run) : NULL;
    uint32_t first;
    uint32_t last;
    int rc = 0;

    if (ended && ended->plan->removes && ended->removal.phase == FL_REMOVAL_IDLE &&
        !ended->removal.cleared && !next_batch(core, ended, ended->removal.last, &first, &last))
        ended->removal.cleared = true; /* there was nothing */
    if (ended)
        rc = list_settle(core, ended, reterr);
    if (event->type != FL_EVENT_RUN_ENDED && event->type != FL_EVENT_RUN_DROPPED &&
        event->type != FL_EVENT_CYCLE_SKIPPED && event->type != FL_EVENT_WORKFLOW_INSTALLED &&
        event->type != FL_EVENT_WORKFLOW_RELOADED && event->type != FL_EVENT_WORKFLOW_REMOVED)
        return 0;
    for (size_t i = 0; rc == 0 && i < core->removing_count; i++) {
        struct fl_run *run = core->runs[core->removing[i]];

        if (run->removal.left && run->removal.cleared && !run->removal.due)
            run->removal.due = is_any_free(core, run);
    }
    return rc;
}
