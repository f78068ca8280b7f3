/* cancel, hold and release. */
#include "config.h"

#include "engine/core/request.h"

#include "engine/base/banned.h"

/* Cancels one instance according to how far it has come. */
static int cancel_one(const struct fl_asking *a, uint32_t inst, struct fl_err *reterr)
{
    const struct fl_inst *in = &a->run->insts[inst];
    struct fl_event *event;
    int rc;

    switch (in->state) {
    case FL_STATE_WAITING:
    case FL_STATE_READY:
    case FL_STATE_HELD:
        rc = fl_asking_emit(a, FL_EVENT_INSTANCE_ENDED, inst, &event, reterr);
        if (rc == 0)
            event->state = fl_state_name(FL_STATE_CANCELLED);
        return rc;
    case FL_STATE_LOST:
        if (!in->undecided)
            return 0;
        rc = fl_asking_emit(a, FL_EVENT_INSTANCE_ENDED, inst, &event, reterr);
        if (rc == 0)
            event->state = fl_state_name(FL_STATE_CANCELLED);
        return rc;
    case FL_STATE_LAUNCHED: /* its body may have begun: only its worker can say that it is not */
    case FL_STATE_RUNNING:
        return a->whole_run ? 0 : fl_asking_emit(a, FL_EVENT_CANCEL_ASKED, inst, &event, reterr);
    case FL_STATE_SUCCEEDED:
    case FL_STATE_FAILED:
    case FL_STATE_TIMED_OUT:
    case FL_STATE_CANCELLED:
    case FL_STATE_SKIPPED:
    case FL_STATE_EXPIRED:
    case FL_STATE_REUSED:
    case FL_STATE_COUNT:
        break;
    }
    return 0;
}

int fl_request_cancel(const struct fl_asking *a, struct fl_err *reterr)
{
    size_t before = a->events->count;
    struct fl_event *event;
    int rc = 0;

    if (a->run->state != FL_STATE_RUNNING)
        return fl_err_set(reterr, FL_E_REFUSED, 0, "run '%s' has ended: it is %s", a->run->name,
                          fl_state_name(a->run->state));
    if (a->whole_run)
        rc = fl_asking_emit(a, FL_EVENT_CANCEL_ASKED, UINT32_MAX, &event, reterr);
    if (rc == 0)
        rc = fl_asking_each(a, cancel_one, reterr);
    if (rc == 0 && a->events->count == before)
        return fl_asking_refuse(a, "nothing to cancel", reterr);
    return rc;
}

static int hold_one(const struct fl_asking *a, uint32_t inst, struct fl_err *reterr)
{
    struct fl_event *event;

    if (fl_state_next(a->run->insts[inst].state, FL_HAPPEN_HOLD) == FL_STATE_COUNT)
        return 0;
    return fl_asking_emit(a, FL_EVENT_HELD, inst, &event, reterr);
}

static int release_one(const struct fl_asking *a, uint32_t inst, struct fl_err *reterr)
{
    struct fl_event *event;

    if (fl_state_next(a->run->insts[inst].state, FL_HAPPEN_RELEASE) == FL_STATE_COUNT)
        return 0;
    return fl_asking_emit(a, FL_EVENT_RELEASED, inst, &event, reterr);
}

static int ask_hold(const struct fl_asking *a, bool hold, struct fl_err *reterr)
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
        return fl_asking_emit(a, hold ? FL_EVENT_HELD : FL_EVENT_RELEASED, UINT32_MAX, &event,
                              reterr);
    }
    rc = fl_asking_each(a, hold ? hold_one : release_one, reterr);
    if (rc == 0 && a->events->count == before)
        return fl_asking_refuse(a, hold ? "nothing to hold" : "nothing is held there", reterr);
    return rc;
}

int fl_request_hold(const struct fl_asking *asking, struct fl_err *reterr)
{
    return ask_hold(asking, true, reterr);
}

int fl_request_release(const struct fl_asking *asking, struct fl_err *reterr)
{
    return ask_hold(asking, false, reterr);
}
