/* retry: another attempt, and giving up one whose worker cannot be reached. */
#include "config.h"

#include "engine/core/request.h"
#include "engine/core/retry.h"

#include "engine/base/banned.h"

/* An input that is still absent would end the next attempt as it ended the last. */
static bool is_still_doomed(const struct fl_asking *a, const struct fl_inst *in)
{
    return fl_doom_is_absence(in->doom) && a->run->slots[in->doom - 1].state == FL_SLOT_ABSENT;
}

/* The first retry in a run that has ended opens it, and with it what was cancelled unstarted. */
static bool is_opened(const struct fl_asking *a, const struct fl_inst *in)
{
    const struct fl_event *last = a->events->items[a->events->count - 1]; /* the action at least */

    return in->state == FL_STATE_CANCELLED && in->try_count == 0 &&
           a->run->state != FL_STATE_RUNNING && last->type == FL_EVENT_INSTANCE_RETRY;
}

static int retry_one(const struct fl_asking *a, uint32_t inst, struct fl_err *reterr)
{
    const struct fl_inst *in = &a->run->insts[inst];
    struct fl_event *event;
    int rc;

    if (!(in->final || (in->undecided && a->force)) ||
        fl_state_next(in->state, FL_HAPPEN_RETRY) == FL_STATE_COUNT ||
        in->state == FL_STATE_SKIPPED || is_opened(a, in) || in->try_count >= FL_CORE_TRIES_MAX ||
        is_still_doomed(a, in))
        return 0;
    rc = fl_asking_emit(a, FL_EVENT_INSTANCE_RETRY, inst, &event, reterr);
    if (rc < 0)
        return rc;
    event->attempt = (int64_t)in->try_count + 1;
    event->until_ns = a->input->now_ns;
    return 0;
}

static bool has_undecided(const struct fl_asking *a)
{
    for (size_t r = 0; a->run->undecided > 0 && r < a->range_count; r++)
        for (uint32_t i = a->ranges[r].first; i < a->ranges[r].last; i++)
            if (a->run->insts[i].undecided)
                return true;
    return false;
}

/* With "force": a running attempt whose worker cannot be reached is given up. */
static int give_up(const struct fl_asking *a, uint32_t inst, struct fl_err *reterr)
{
    const struct fl_inst *in = &a->run->insts[inst];
    const struct fl_ending end = {
        .state = FL_STATE_LOST, .class = "transient", .proved = true, .by_hand = true};
    const struct fl_worker *worker;
    char title[FL_CORE_ID_MAX];
    struct fl_event *event;
    int rc;

    if (in->state != FL_STATE_RUNNING && in->state != FL_STATE_LAUNCHED)
        return 0;
    worker = a->core->workers[fl_inst_last_try(in)->worker];
    if (!worker->gone)
        return 0;
    fl_inst_title(a->run, inst, title, sizeof(title));
    if (a->input->now_ns - worker->since_ns < FL_REQUEST_GONE_S * INT64_C(1000000000))
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "%s is at worker '%s', which is gone for %lld s only and may come back "
                          "with it; ask again when it has been gone for %d s",
                          title, worker->name,
                          (long long)((a->input->now_ns - worker->since_ns) / 1000000000),
                          FL_REQUEST_GONE_S);
    rc = fl_emit_failed_end(a->events, a->input, a->run, inst, &end,
                            "given up by hand: its worker cannot be reached", &event, reterr);
    return rc < 0 ? rc : fl_asking_name(a, event, reterr);
}

int fl_request_retry(const struct fl_asking *a, struct fl_err *reterr)
{
    size_t before = a->events->count;
    bool cancelling = a->run->cancel_asked && a->run->state == FL_STATE_RUNNING;
    int rc = 0;

    if (!cancelling)
        rc = fl_asking_each(a, retry_one, reterr);
    if (rc == 0 && a->force)
        rc = fl_asking_each(a, give_up, reterr);
    if (rc == 0 && a->events->count == before && cancelling)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "run '%s' is being cancelled; try again when it has ended", a->run->name);
    if (rc == 0 && a->events->count == before && !a->force && has_undecided(a))
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "it is lost, and nothing proves its body dead: when you know that it is, "
                          "retry with --force");
    if (rc == 0 && a->events->count == before)
        return fl_asking_refuse(
            a,
            "nothing to try again (only what failed, timed out, was cancelled or lost can be, and "
            "not while an input of it is absent)",
            reterr);
    return rc;
}
