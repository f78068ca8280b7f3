/* What people ask for: cancel, hold, release, retry. Each says what it cannot do, and why. */
#include "config.h"

#include "engine/core/decide.h"

#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

struct asking {
    const struct fl_core *core;
    const struct fl_input *input;
    struct fl_events *events;
    const struct fl_run *run;
    uint32_t first; /* instances asked for: first … last - 1 */
    uint32_t last;
    bool whole_run;
};

static int name_event(const struct asking *a, struct fl_event *event, struct fl_err *reterr)
{
    int rc = fl_emit_text(event, &event->who, a->input->who, reterr);

    return rc < 0 ? rc : fl_emit_text(event, &event->why, a->input->why, reterr);
}

static int emit(const struct asking *a, enum fl_event_type type, uint32_t inst,
                struct fl_event **ret_event, struct fl_err *reterr)
{
    int rc = fl_emit(a->events, type, a->input->now_ns, a->run, inst, ret_event, reterr);

    return rc < 0 ? rc : name_event(a, *ret_event, reterr);
}

/* Cancels one instance according to how far it has come. */
static int cancel_one(const struct asking *a, uint32_t inst, struct fl_err *reterr)
{
    const struct fl_inst *in = &a->run->insts[inst];
    struct fl_event *event;
    int rc;

    switch (in->state) {
    case FL_STATE_WAITING:
    case FL_STATE_READY:
    case FL_STATE_HELD:
        rc = emit(a, FL_EVENT_INSTANCE_ENDED, inst, &event, reterr);
        if (rc == 0)
            event->state = fl_state_name(FL_STATE_CANCELLED);
        return rc;
    case FL_STATE_LAUNCHED: /* its body may have begun: only its worker can say that it is not */
    case FL_STATE_RUNNING:
        return a->whole_run ? 0 : emit(a, FL_EVENT_CANCEL_ASKED, inst, &event, reterr);
    case FL_STATE_SUCCEEDED:
    case FL_STATE_FAILED:
    case FL_STATE_TIMED_OUT:
    case FL_STATE_CANCELLED:
    case FL_STATE_LOST:
    case FL_STATE_SKIPPED:
    case FL_STATE_EXPIRED:
    case FL_STATE_REUSED:
    case FL_STATE_COUNT:
        break;
    }
    return 0;
}

static int ask_cancel(const struct asking *a, struct fl_err *reterr)
{
    size_t before = a->events->count;
    struct fl_event *event;
    int rc = 0;

    if (a->run->state != FL_STATE_RUNNING)
        return fl_err_set(reterr, FL_E_REFUSED, 0, "run '%s' has ended: it is %s", a->run->name,
                          fl_state_name(a->run->state));
    if (a->whole_run)
        rc = emit(a, FL_EVENT_CANCEL_ASKED, UINT32_MAX, &event, reterr);
    for (uint32_t i = a->first; rc == 0 && i < a->last; i++)
        rc = cancel_one(a, i, reterr);
    if (rc == 0 && a->events->count == before)
        return fl_err_set(reterr, FL_E_REFUSED, 0, "nothing to cancel: it has ended");
    return rc;
}

static int ask_hold(const struct asking *a, bool hold, struct fl_err *reterr)
{
    size_t before = a->events->count;
    struct fl_event *event;
    int rc = 0;

    if (a->run->state != FL_STATE_RUNNING)
        return fl_err_set(reterr, FL_E_REFUSED, 0, "run '%s' has ended: it is %s", a->run->name,
                          fl_state_name(a->run->state));
    if (a->whole_run) {
        if (a->run->held == hold)
            return fl_err_set(reterr, FL_E_REFUSED, 0, "run '%s' is %s", a->run->name,
                              hold ? "held already" : "not held");
        return emit(a, hold ? FL_EVENT_HELD : FL_EVENT_RELEASED, UINT32_MAX, &event, reterr);
    }
    for (uint32_t i = a->first; rc == 0 && i < a->last; i++)
        if (fl_state_next(a->run->insts[i].state, hold ? FL_HAPPEN_HOLD : FL_HAPPEN_RELEASE) !=
            FL_STATE_COUNT)
            rc = emit(a, hold ? FL_EVENT_HELD : FL_EVENT_RELEASED, i, &event, reterr);
    if (rc == 0 && a->events->count == before)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          hold ? "nothing to hold: it runs or has ended" : "nothing is held there");
    return rc;
}

/* An input that is still absent would end the next attempt as it ended the last. */
static bool is_still_doomed(const struct asking *a, const struct fl_inst *in)
{
    return in->doom != 0 && in->doom != UINT32_MAX &&
           a->run->slots[in->doom - 1].state == FL_SLOT_ABSENT;
}

static int retry_one(const struct asking *a, uint32_t inst, struct fl_err *reterr)
{
    const struct fl_inst *in = &a->run->insts[inst];
    struct fl_event *event;
    int rc;

    if (!in->final || fl_state_next(in->state, FL_HAPPEN_RETRY) == FL_STATE_COUNT ||
        in->state == FL_STATE_SKIPPED || (in->state == FL_STATE_CANCELLED && in->try_count == 0) ||
        in->try_count >= FL_CORE_TRIES_MAX || is_still_doomed(a, in))
        return 0;
    rc = emit(a, FL_EVENT_INSTANCE_RETRY, inst, &event, reterr);
    if (rc < 0)
        return rc;
    event->attempt = (int64_t)in->try_count + 1;
    event->until_ns = a->input->now_ns;
    return 0;
}

/* With "force": a running attempt whose worker cannot be reached is given up. */
static int give_up(const struct asking *a, uint32_t inst, struct fl_err *reterr)
{
    const struct fl_inst *in = &a->run->insts[inst];
    struct fl_event *event;
    int rc;

    if (in->state != FL_STATE_RUNNING && in->state != FL_STATE_LAUNCHED)
        return 0;
    if (!a->core->workers[fl_inst_last_try(in)->worker]->gone)
        return 0;
    rc = fl_emit_failed_end(a->events, a->input, a->run, inst, FL_STATE_LOST, "transient",
                            "given up by hand: its worker cannot be reached", &event, reterr);
    return rc < 0 ? rc : name_event(a, event, reterr);
}

static int ask_retry(const struct asking *a, struct fl_err *reterr)
{
    size_t before = a->events->count;
    bool force = json_is_true(json_object_get(a->input->message, "force"));
    bool cancelling = a->run->cancel_asked && a->run->state == FL_STATE_RUNNING;
    int rc = 0;

    for (uint32_t i = a->first; rc == 0 && i < a->last; i++) {
        rc = cancelling ? 0 : retry_one(a, i, reterr);
        if (rc == 0 && force)
            rc = give_up(a, i, reterr);
    }
    if (rc == 0 && a->events->count == before && cancelling)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "run '%s' is being cancelled; try again when it has ended", a->run->name);
    if (rc == 0 && a->events->count == before)
        return fl_err_set(
            reterr, FL_E_REFUSED, 0,
            "nothing to try again there: only what failed, timed out, was cancelled or lost "
            "can be, and not while an input of it is absent");
    return rc;
}

/* Which instances are meant: stage and key, all of a stage, or the whole run. */
static int find_meant(struct asking *a, const char *stage, const char *key, struct fl_err *reterr)
{
    const struct fl_plan *plan = a->run->plan;
    int32_t s;
    int rc;

    a->whole_run = !stage;
    a->first = 0;
    a->last = plan->inst_count;
    if (!stage)
        return 0;
    s = fl_workflow_stage(plan->workflow, stage, strlen(stage));
    if (s != FL_NONE && !key) {
        a->first = plan->stages[s].inst_first;
        a->last = a->first + plan->stages[s].inst_count;
        return 0;
    }
    rc = fl_run_find(a->run, stage, key, &a->first, reterr);
    a->last = a->first + 1;
    return rc;
}

int fl_decide_request(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr)
{
    struct asking a = {.core = core, .input = input, .events = events};
    const char *verb;
    const char *run;
    const char *stage;
    const char *key;
    int rc;

    rc = fl_json_string(input->message, "verb", &verb, reterr);
    if (rc == 0)
        rc = fl_json_string(input->message, "run", &run, reterr);
    if (rc == 0)
        rc = fl_json_string_opt(input->message, "stage", NULL, &stage, reterr);
    if (rc == 0)
        rc = fl_json_string_opt(input->message, "key", NULL, &key, reterr);
    if (rc < 0)
        return rc;
    a.run = fl_core_run(core, run);
    if (!a.run)
        return fl_err_set(reterr, FL_E_NOENT, 0, "there is no run '%.200s'", run);
    rc = find_meant(&a, stage, key, reterr);
    if (rc < 0)
        return rc;
    if (strcmp(verb, "cancel") == 0)
        return ask_cancel(&a, reterr);
    if (strcmp(verb, "hold") == 0)
        return ask_hold(&a, true, reterr);
    if (strcmp(verb, "release") == 0)
        return ask_hold(&a, false, reterr);
    if (strcmp(verb, "retry") == 0)
        return ask_retry(&a, reterr);
    return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                      "unknown request '%.60s'; accepted: cancel, hold, release, retry", verb);
}
