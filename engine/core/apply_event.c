/* One function a type of event. */
#include "config.h"

#include "engine/core/custody.h"
#include "engine/core/deadline.h"
#include "engine/core/declare.h"
#include "engine/core/flow.h"
#include "engine/core/history.h"
#include "engine/core/paging.h"
#include "engine/core/sourced.h"
#include "engine/core/starved.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "engine/base/banned.h"

typedef int (*apply_fn)(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);

int fl_apply_find(const struct fl_core *core, const struct fl_event *event, struct fl_run **ret_run,
                  uint32_t *ret_inst, struct fl_err *reterr)
{
    const struct fl_event_place *place = &event->place;

    /* the very texts of this state: the place that its own decide noted holds */
    if (place->run < core->run_count && core->runs[place->run] &&
        core->runs[place->run]->name == event->run)
        *ret_run = core->runs[place->run];
    else
        *ret_run = fl_core_run(core, event->run);
    if (!*ret_run)
        return fl_apply_bug(event, reterr, "no such run");
    if (ret_inst && place->plan == (*ret_run)->plan && place->inst < (*ret_run)->plan->inst_count &&
        fl_inst_stage(*ret_run, place->inst)->name == event->stage)
        *ret_inst = place->inst;
    else if (ret_inst && fl_run_find(*ret_run, event->stage, event->key, ret_inst, reterr) < 0)
        return fl_apply_bug(event, reterr, "no such instance");
    return 0;
}

/* The instance and its attempt of that number; takes over the spool index. */
int fl_apply_find_attempt(const struct fl_core *core, const struct fl_event *event,
                          struct fl_run **ret_run, uint32_t *ret_inst,
                          struct fl_attempt **ret_attempt, struct fl_err *reterr)
{
    struct fl_inst *in;
    int rc = fl_apply_find(core, event, ret_run, ret_inst, reterr);

    if (rc < 0)
        return rc;
    in = &(*ret_run)->insts[*ret_inst];
    if (event->attempt < 1 || event->attempt > in->try_count)
        return fl_apply_bug(event, reterr, "no such attempt");
    *ret_attempt = &in->tries[event->attempt - 1];
    if (event->index > 0) {
        if (event->index > (int64_t)(*ret_attempt)->index + 1 || event->index > UINT32_MAX)
            return fl_apply_bug(event, reterr, "a gap in the attempt's spool");
        if (event->index > (*ret_attempt)->index)
            (*ret_attempt)->index = (uint32_t)event->index;
    }
    return 0;
}

int fl_apply_marks(json_t **marks, const char *text, struct fl_err *reterr)
{
    fl_json_auto json_t *more = fl_marks_parse(text);

    return more ? fl_marks_add(marks, more, reterr) : 0;
}

static int run_enlist(struct fl_core *core, struct fl_run *run, struct fl_err *reterr)
{
    struct fl_run **runs;
    int rc;

    runs = realloc(core->runs, (core->run_count + 1) * sizeof(struct fl_run *));
    if (!runs)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for run '%s'", run->name);
    core->runs = runs;
    run->index = (uint32_t)core->run_count;
    rc = fl_list_push(&core->active, &core->active_count, &core->active_room, run->index, reterr);
    if (rc == 0)
        rc = fl_names_add(&core->run_names, run->name, run->index, reterr);
    if (rc == 0)
        core->runs[core->run_count++] = run;
    if (rc == 0)
        core->live_runs++;
    return rc;
}

static int run_details(struct fl_core *core, struct fl_run *run, const struct fl_event *event,
                       struct fl_err *reterr)
{
    fl_json_auto json_t *text = NULL;
    int rc =
        fl_cycle_parse_in(event->cycle, run->plan->workflow->cycles.calendar, &run->cycle, reterr);

    run->created_ns = event->time_ns;
    if (rc == 0)
        rc = fl_run_slack(core, run, reterr);
    if (rc == 0)
        rc = fl_text_set(&run->who, event->who, reterr);
    if (rc == 0 && event->text)
        rc = fl_json_parse(event->text, strlen(event->text), &text, reterr);
    if (rc == 0 && json_object_get(text, "params"))
        run->params = json_incref(json_object_get(text, "params"));
    if (rc == 0)
        rc =
            fl_text_set(&run->variant, json_string_value(json_object_get(text, "variant")), reterr);
    return rc < 0 ? rc : fl_flow_created(core, run, event, text, reterr);
}

static int apply_run_created(struct fl_core *core, const struct fl_event *event,
                             struct fl_err *reterr)
{
    fl_auto(fl_run_destroy) struct fl_run *run = NULL;
    struct fl_run *kept;
    uint32_t plan;
    int rc;

    if (fl_core_run(core, event->run))
        return fl_apply_bug(event, reterr, "the run exists already");
    if (!fl_names_find(&core->plan_names, event->digest, &plan))
        return fl_apply_bug(event, reterr, "its workflow is not known");
    rc = fl_run_create(core->plans[plan], event->run, &run, reterr);
    if (rc == 0)
        rc = run_details(core, run, event, reterr);
    if (rc == 0)
        rc = run_enlist(core, run, reterr);
    if (rc < 0)
        return rc;
    kept = FL_STEAL(run);
    rc = fl_far_begin(core, kept, event->time_ns, reterr);
    return rc < 0 ? rc : fl_apply_wake_all(core, kept, event->time_ns, reterr);
}

static int apply_run_ended(struct fl_core *core, const struct fl_event *event,
                           struct fl_err *reterr)
{
    struct fl_run *run;
    enum fl_state state = fl_state_from_name(event->state);
    int rc = fl_apply_find(core, event, &run, NULL, reterr);

    if (rc < 0)
        return rc;
    if (run->state != FL_STATE_RUNNING || !fl_state_is_end(state))
        return fl_apply_bug(event, reterr, "it has ended already, or not with an end");
    run->state = state;
    run->ended_ns = event->time_ns;
    for (size_t i = 0; i < core->active_count; i++) {
        if (core->active[i] != run->index)
            continue;
        memmove(&core->active[i], &core->active[i + 1],
                (core->active_count - i - 1) * sizeof(*core->active));
        core->active_count--;
        break;
    }
    rc = fl_far_ended(core, run, event->time_ns, reterr);
    if (rc == 0)
        rc = fl_flow_ended(core, run, reterr);
    return rc < 0 ? rc : fl_paging_ended(core, run, reterr);
}

/* What few attempts have, made when it is needed. */
static int attempt_more(struct fl_attempt *attempt, struct fl_err *reterr)
{
    if (!attempt->more)
        attempt->more = calloc(1, sizeof(*attempt->more));
    if (!attempt->more)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for an attempt");
    return 0;
}

static int attempt_fill(struct fl_core *core, struct fl_attempt *attempt,
                        const struct fl_event *event, uint32_t worker, struct fl_err *reterr)
{
    int rc = attempt_more(attempt, reterr);

    attempt->state = FL_STATE_LAUNCHED;
    attempt->worker = worker;
    attempt->cores = (int32_t)event->cores;
    attempt->launched_ns = event->time_ns;
    if (rc == 0)
        rc = fl_words_number(&core->words, event->pool, &attempt->pool, reterr);
    if (rc == 0)
        rc = fl_words_number(&core->words, event->site, &attempt->site, reterr);
    if (rc == 0)
        rc = fl_text_set(&attempt->more->token, event->token, reterr);
    if (rc == 0)
        rc = fl_apply_marks(&attempt->more->marks, event->degraded, reterr);
    return rc;
}

/* Counts an attempt in or out of the limits of its pool. */
static void count_use(struct fl_core *core, struct fl_run *run, uint32_t inst,
                      const struct fl_attempt *attempt, int sign)
{
    run->pool_jobs[fl_inst_stage(run, inst)->pool] += sign;
    fl_core_use(core, attempt->worker, attempt->pool, attempt->cores, sign);
}

static int apply_launched(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_attempt *tries;
    struct fl_inst *in;
    struct fl_run *run;
    uint32_t worker;
    uint32_t inst;
    int rc = fl_apply_find(core, event, &run, &inst, reterr);

    if (rc < 0)
        return rc;
    in = &run->insts[inst];
    if (event->attempt != (int64_t)in->try_count + 1 || in->try_count >= FL_CORE_TRIES_MAX)
        return fl_apply_bug(event, reterr, "not the next attempt");
    if (!fl_names_find(&core->worker_names, event->worker, &worker))
        return fl_apply_bug(event, reterr, "no such worker");
    tries = realloc(in->tries, ((size_t)in->try_count + 1) * sizeof(*tries));
    if (!tries)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for an attempt");
    in->tries = tries;
    tries[in->try_count] = (struct fl_attempt){0};
    rc = attempt_fill(core, &tries[in->try_count], event, worker, reterr);
    in->try_count++;
    if (rc == 0)
        rc = fl_inst_happen(run, inst, FL_HAPPEN_LAUNCH, reterr);
    if (rc < 0)
        return rc;
    tries[in->try_count - 1].order = core->event_count;
    in->not_before_ns = 0;
    run->rendered[run->plan->inst_stage[inst]] = true;
    count_use(core, run, inst, &tries[in->try_count - 1], 1);
    (void)fl_text_set(&in->reason, NULL, NULL); /* clearing cannot fail */
    return fl_apply_marks(&run->marks, event->degraded, reterr);
}

static int apply_begun(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_standing was;
    struct fl_attempt *attempt;
    struct fl_run *run;
    uint32_t inst;
    int rc = fl_apply_find_attempt(core, event, &run, &inst, &attempt, reterr);

    if (rc < 0)
        return rc;
    if (attempt != fl_inst_last_try(&run->insts[inst]) || attempt->state != FL_STATE_LAUNCHED)
        return fl_apply_bug(event, reterr, "the attempt is not the one that was launched last");
    attempt->state = FL_STATE_RUNNING;
    attempt->begun_ns = event->time_ns;
    rc = fl_inst_happen(run, inst, FL_HAPPEN_BEGIN, reterr);
    if (rc < 0 || run->insts[inst].begun)
        return rc;
    was = fl_standing_of(run, inst);
    run->insts[inst].begun = true;
    return fl_apply_inst_changed(core, run, inst, &was, event->time_ns, reterr);
}

static int apply_noted(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_attempt *attempt;
    struct fl_lead lead;
    struct fl_run *run;
    uint32_t inst;
    int rc = fl_apply_find_attempt(core, event, &run, &inst, &attempt, reterr);

    if (rc < 0 || strncmp(event->text, "progress ", 9) != 0)
        return rc;
    rc = attempt_more(attempt, reterr);
    if (rc == 0)
        rc = fl_text_set(&attempt->more->progress, event->text + 9, reterr);
    if (rc < 0 || event->text[9] != '+' || fl_lead_parse(event->text + 9, &lead, NULL) < 0)
        return rc;
    return fl_apply_progress(core, run, inst, lead.minutes, event->time_ns, reterr);
}

static int apply_degraded(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_attempt *attempt;
    struct fl_run *run;
    uint32_t inst;
    int rc = fl_apply_find_attempt(core, event, &run, &inst, &attempt, reterr);

    if (rc == 0)
        rc = attempt_more(attempt, reterr);
    if (rc == 0)
        rc = fl_marks_add_one(&attempt->more->marks, event->cause, event->age, reterr);
    if (rc == 0)
        rc = fl_marks_add_one(&run->marks, event->cause, event->age, reterr);
    return rc;
}

/* At its end an attempt needs its token no more, unless what runs with it must still be found: what
 * no attempt has then is given back. */
static int attempt_settle(struct fl_attempt *attempt, const char *class, struct fl_err *reterr)
{
    int rc = class ? attempt_more(attempt, reterr) : 0;

    if (rc < 0 || !attempt->more)
        return rc;
    if (attempt->state != FL_STATE_LOST)
        (void)fl_text_set(&attempt->more->token, NULL, NULL); /* clearing cannot fail */
    rc = fl_text_set(&attempt->more->class, class, reterr);
    if (!attempt->more->token && !attempt->more->class && !attempt->more->progress &&
        !attempt->more->marks) {
        free(attempt->more);
        attempt->more = NULL;
    }
    return rc;
}

static int apply_ended(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    enum fl_state state = fl_state_from_name(event->state);
    struct fl_attempt *attempt;
    struct fl_run *run;
    uint32_t inst;
    int rc = fl_apply_find_attempt(core, event, &run, &inst, &attempt, reterr);

    if (rc < 0)
        return rc;
    if (attempt != fl_inst_last_try(&run->insts[inst]) || fl_state_is_end(attempt->state))
        return fl_apply_bug(event, reterr, "the attempt has its end already");
    if (state == FL_STATE_COUNT || fl_state_ending(state) == FL_HAPPENING_COUNT)
        return fl_apply_bug(event, reterr, "its state is not an end");
    attempt->state = state;
    attempt->ended_ns = event->time_ns;
    attempt->code = (int32_t)event->code;
    attempt->signal = (int16_t)event->signal;
    attempt->check = event->cause && strcmp(event->cause, "check") == 0;
    rc = attempt_settle(attempt, event->class, reterr);
    if (rc == 0)
        rc = fl_text_set(&run->insts[inst].reason, event->why, reterr);
    if (rc == 0)
        rc = fl_inst_happen(run, inst, fl_state_ending(state), reterr);
    if (rc < 0)
        return rc;
    count_use(core, run, inst, attempt, -1);
    if (state == FL_STATE_SUCCEEDED && attempt->begun_ns)
        rc = fl_history_add(core, run, inst, attempt->ended_ns - attempt->begun_ns, reterr);
    if (rc < 0)
        return rc;
    if (state == FL_STATE_LOST && event->cause) { /* nothing proves its body dead */
        run->insts[inst].undecided = true;
        run->undecided++;
        return 0;
    }
    /* until_ns says that an instance-retry follows in the same batch: then this is not the end */
    return event->until_ns ? 0 : fl_apply_finished(core, run, inst, event->time_ns, reterr);
}

static int apply_inst_ended(struct fl_core *core, const struct fl_event *event,
                            struct fl_err *reterr)
{
    enum fl_state state = fl_state_from_name(event->state);
    struct fl_run *run;
    uint32_t inst;
    int rc = fl_apply_find(core, event, &run, &inst, reterr);

    if (rc < 0)
        return rc;
    if (state == FL_STATE_COUNT || fl_state_ending(state) == FL_HAPPENING_COUNT)
        return fl_apply_bug(event, reterr, "its state is not an end");
    if (run->insts[inst].state == FL_STATE_LOST && !run->insts[inst].undecided)
        return fl_apply_bug(event, reterr, "it has its end already");
    rc = fl_inst_happen(run, inst, fl_state_ending(state), reterr);
    if (rc == 0)
        rc = fl_text_set(&run->insts[inst].reason, event->why, reterr);
    if (rc == 0 && event->cause)
        rc = fl_marks_add_one(&run->marks, event->cause, event->age, reterr);
    return rc < 0 ? rc : fl_apply_finished(core, run, inst, event->time_ns, reterr);
}

int fl_apply_reopen(struct fl_core *core, struct fl_run *run, int64_t now_ns, struct fl_err *reterr)
{
    struct fl_standing was;
    int rc;

    run->state = FL_STATE_RUNNING;
    run->ended_ns = 0;
    run->cancel_asked = false;
    fl_flow_reopened(core, run);
    fl_paging_left(core, run);
    fl_custody_left(core, run);
    rc = fl_list_push(&core->active, &core->active_count, &core->active_room, run->index, reterr);
    for (size_t i = core->active_count;
         rc == 0 && i > 1 && core->active[i - 2] > core->active[i - 1]; i--) {
        uint32_t swap = core->active[i - 1];

        core->active[i - 1] = core->active[i - 2];
        core->active[i - 2] = swap;
    }
    for (uint32_t i = 0; rc == 0 && i < run->plan->inst_count; i++) {
        struct fl_inst *in = &run->insts[i];

        if (!((in->state == FL_STATE_SKIPPED && !in->set &&
               (in->doom == FL_DOOM_NEVER || in->doom == FL_DOOM_FOLLOW)) ||
              (in->state == FL_STATE_CANCELLED && in->try_count == 0)))
            continue;
        was = fl_standing_of(run, i);
        rc = fl_inst_happen(run, i, FL_HAPPEN_RETRY, reterr);
        if (rc == 0)
            rc = fl_apply_ended_as(core, run, i, false, &was, now_ns, reterr);
        (void)fl_text_set(&in->reason, NULL, NULL); /* clearing cannot fail */
    }
    if (rc == 0)
        rc = fl_far_ended(core, run, now_ns, reterr); /* or has not, after all */
    if (rc == 0)
        rc = fl_apply_recount(core, run, reterr);
    return rc < 0 ? rc : fl_apply_wake_all(core, run, now_ns, reterr);
}

static int apply_retry(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_standing was;
    struct fl_inst *in;
    struct fl_run *run;
    uint32_t inst;
    int rc = fl_apply_find(core, event, &run, &inst, reterr);

    if (rc < 0)
        return rc;
    in = &run->insts[inst];
    if (event->attempt != (int64_t)in->try_count + 1)
        return fl_apply_bug(event, reterr, "not the next attempt");
    was = fl_standing_of(run, inst);
    rc = fl_inst_happen(run, inst, FL_HAPPEN_RETRY, reterr);
    if (rc == 0)
        rc = fl_text_set(&in->reason, event->why, reterr);
    if (rc < 0)
        return rc;
    in->not_before_ns = event->until_ns;
    in->set = false;
    rc = fl_apply_ended_as(core, run, inst, false, &was, event->time_ns, reterr);
    if (rc < 0)
        return rc;
    if (run->state != FL_STATE_RUNNING)
        return fl_apply_reopen(core, run, event->time_ns, reterr);
    return fl_apply_wake(core, run, inst, event->time_ns, reterr);
}

static void ask_cancel(struct fl_run *run, uint32_t inst)
{
    struct fl_attempt *attempt = fl_inst_last_try(&run->insts[inst]);

    if (attempt && !fl_state_is_end(attempt->state))
        attempt->cancel_asked = true;
}

static int apply_cancel(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_run *run;
    uint32_t inst = 0;
    int rc = fl_apply_find(core, event, &run, event->stage ? &inst : NULL, reterr);

    if (rc < 0)
        return rc;
    if (event->stage) {
        ask_cancel(run, inst);
        return 0;
    }
    run->cancel_asked = true;
    for (inst = 0; inst < run->plan->inst_count; inst++)
        ask_cancel(run, inst);
    return 0;
}

static int apply_hold(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    bool hold = event->type == FL_EVENT_HELD;
    struct fl_run *run;
    uint32_t inst = 0;
    int rc;

    if (!event->run)
        return fl_apply_flow_hold(core, event, reterr);
    rc = fl_apply_find(core, event, &run, event->stage ? &inst : NULL, reterr);
    if (rc < 0)
        return rc;
    if (!event->stage) {
        run->held = hold;
        return 0;
    }
    rc = fl_inst_happen(run, inst, hold ? FL_HAPPEN_HOLD : FL_HAPPEN_RELEASE, reterr);
    if (rc == 0)
        rc = fl_text_set(&run->insts[inst].reason, hold ? event->why : NULL, reterr);
    if (rc < 0)
        return rc;
    run->insts[inst].held = hold;
    return hold ? 0 : fl_apply_wake(core, run, inst, event->time_ns, reterr);
}

static int apply_action(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    return fl_actions_add(&core->actions, event, reterr);
}

/* What is launched from now on is rendered with it, and triggers look again. */
static int apply_param(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_run *run;
    int rc = fl_apply_find(core, event, &run, NULL, reterr);

    if (rc == 0)
        rc = fl_overrides_set(&run->overrides, event->stage, event->output, event->text,
                              event->until_ns, reterr);
    if (rc < 0)
        return rc;
    memset(run->rendered, 0, run->plan->stage_count * sizeof(*run->rendered));
    return fl_apply_wake_all(core, run, event->time_ns, reterr);
}

static int apply_replanned(struct fl_core *core, const struct fl_event *event,
                           struct fl_err *reterr)
{
    const struct fl_plan *plan = fl_core_plan(core, event->digest);
    struct fl_plan *own = NULL;
    struct fl_run *run;
    int rc = fl_apply_find(core, event, &run, NULL, reterr);

    if (rc < 0)
        return rc;
    if (!plan)
        return fl_apply_bug(event, reterr, "its workflow is not known");
    rc = fl_plan_declare_like(plan, run->plan->workflow, &own, reterr);
    return rc < 0 ? rc : fl_run_move_own(core, run, plan, own, event->time_ns, reterr);
}

/* What an event of an action touched is remembered, so that the action can be undone. */
static int note_action(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_run *run;
    uint32_t inst = UINT32_MAX;
    int rc = 0;

    if (event->stage && event->type != FL_EVENT_PARAM_SET)
        rc = fl_apply_find(core, event, &run, &inst, reterr);
    return rc < 0 ? rc : fl_actions_note(&core->actions, event->action, inst, reterr);
}

static const apply_fn appliers[] = {
    [FL_EVENT_RUN_CREATED] = apply_run_created,
    [FL_EVENT_RUN_ENDED] = apply_run_ended,
    [FL_EVENT_WORKER_JOINED] = fl_apply_worker_joined,
    [FL_EVENT_WORKER_LEFT] = fl_apply_worker_left,
    [FL_EVENT_ATTEMPT_LAUNCHED] = apply_launched,
    [FL_EVENT_ATTEMPT_BEGUN] = apply_begun,
    [FL_EVENT_ATTEMPT_NOTED] = apply_noted,
    [FL_EVENT_ATTEMPT_DEGRADED] = apply_degraded,
    [FL_EVENT_ATTEMPT_ENDED] = apply_ended,
    [FL_EVENT_OUTPUT_ACCEPTED] = fl_apply_output,
    [FL_EVENT_OUTPUT_ABSENT] = fl_apply_output,
    [FL_EVENT_INSTANCE_ENDED] = apply_inst_ended,
    [FL_EVENT_INSTANCE_RETRY] = apply_retry,
    [FL_EVENT_CANCEL_ASKED] = apply_cancel,
    [FL_EVENT_HELD] = apply_hold,
    [FL_EVENT_RELEASED] = apply_hold,
    [FL_EVENT_ACTION_TAKEN] = apply_action,
    [FL_EVENT_PARAM_SET] = apply_param,
    [FL_EVENT_WORKFLOW_INSTALLED] = fl_apply_installed,
    [FL_EVENT_WORKFLOW_RELOADED] = fl_apply_reloaded,
    [FL_EVENT_WORKFLOW_REMOVED] = fl_apply_removed,
    [FL_EVENT_CYCLE_SKIPPED] = fl_apply_cycle_skipped,
    [FL_EVENT_RUN_DROPPED] = fl_apply_dropped,
    [FL_EVENT_NEED_UNMET] = fl_apply_starved,
    [FL_EVENT_RUN_PAGED] = fl_apply_paged,
    [FL_EVENT_STATE_SET] = fl_apply_state_set,
    [FL_EVENT_RUN_REPLANNED] = apply_replanned,
    [FL_EVENT_TIME_CAME] = fl_apply_time,
    [FL_EVENT_SIGNALLED] = fl_apply_signalled,
    [FL_EVENT_FILE_ARRIVED] = fl_apply_file,
    [FL_EVENT_SOURCE_ARRIVED] = fl_apply_sourced,
    [FL_EVENT_SET_DECLARED] = fl_apply_declared,
    [FL_EVENT_SET_DELIVERED] = fl_apply_delivered,
    [FL_EVENT_REMOVAL_ASKED] = fl_apply_removal_asked,
    [FL_EVENT_FILES_REMOVED] = fl_apply_files_removed,
    [FL_EVENT_PRODUCT_WITHDRAWN] = fl_apply_withdrawn,
    [FL_EVENT_DEADLINE_AT_RISK] = fl_apply_deadline,
    [FL_EVENT_DEADLINE_PASSED] = fl_apply_deadline,
    [FL_EVENT_CUSTODY_NOTED] = fl_apply_custody_noted,
};
_Static_assert(FL_COUNT(appliers) == FL_EVENT_TYPE_COUNT, "every type is applied");

int fl_core_apply(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    int rc;

    fl_assert(core);
    fl_assert(event);
    rc = appliers[event->type](core, event, reterr);
    if (rc == 0 && event->action > 0 && event->type != FL_EVENT_ACTION_TAKEN)
        rc = note_action(core, event, reterr);
    if (rc == 0)
        rc = fl_custody_look(core, event, reterr);
    if (rc == 0)
        core->event_count++;
    return rc;
}
