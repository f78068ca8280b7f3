/* Retries by cause, and lost attempts. */
#include "config.h"

#include "engine/core/retry.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

#define DELAY_MAX_S 86400.0
#define UNPROVED "unproved"

/* How exact a rule's cause is for an end; 0: it does not hold. */
static int exactness(const char *cause, const struct fl_ending *end)
{
    char exact[32] = "";

    if (end->signal)
        (void)snprintf(exact, sizeof(exact), "signal_%lld", (long long)end->signal);
    else if (end->code)
        (void)snprintf(exact, sizeof(exact), "exit_%lld", (long long)end->code);
    if (*exact && strcmp(cause, exact) == 0)
        return 5;
    if (end->check && strcmp(cause, "check") == 0)
        return 4;
    if ((end->state == FL_STATE_TIMED_OUT || end->state == FL_STATE_LOST) &&
        strcmp(cause, fl_state_name(end->state)) == 0)
        return 3;
    if (end->class && strcmp(cause, end->class) == 0)
        return 2;
    return strcmp(cause, "any") == 0;
}

bool fl_again_rule(const struct fl_stage *stage, const struct fl_ending *end,
                   struct fl_again *ret_again)
{
    bool short_form =
        end->class && (strcmp(end->class, "transient") == 0 || strcmp(end->class, "limit") == 0);
    int best = 0;

    for (size_t i = 0; i < stage->rule_count; i++) {
        const struct fl_retry_rule *rule = &stage->rules[i];
        int exact = exactness(rule->cause, end);

        if (exact <= best)
            continue;
        best = exact;
        *ret_again =
            (struct fl_again){rule->cause, rule->tries, rule->delay_s, rule->grow, rule->overlap};
    }
    if (short_form && best < 2) {
        *ret_again = (struct fl_again){end->class, stage->retry.tries, stage->retry.delay_s,
                                       stage->retry.grow, false};
        return true;
    }
    return best > 0;
}

bool fl_again_of(const struct fl_stage *stage, const struct fl_attempt *attempt,
                 struct fl_again *ret_again)
{
    const struct fl_ending end = {.state = attempt->state,
                                  .class = fl_attempt_class(attempt),
                                  .code = attempt->code,
                                  .signal = attempt->signal,
                                  .check = attempt->check};

    return fl_again_rule(stage, &end, ret_again);
}

/* Attempts before the last one that ended by the same cause. */
static int64_t earlier(const struct fl_run *run, uint32_t inst, const char *cause)
{
    const struct fl_inst *in = &run->insts[inst];
    int64_t count = 0;

    for (uint32_t t = 0; t + 1 < in->try_count; t++) {
        struct fl_again again;

        count += fl_state_is_end(in->tries[t].state) &&
                 fl_again_of(fl_inst_stage(run, inst), &in->tries[t], &again) &&
                 strcmp(again.cause, cause) == 0;
    }
    return count;
}

/* Time of the next attempt, or 0 when there is none. */
static int64_t next_try_ns(const struct fl_run *run, uint32_t inst, const struct fl_ending *end,
                           int64_t now_ns, struct fl_again *ret_again)
{
    const struct fl_inst *in = &run->insts[inst];
    double delay_s;
    int64_t before;

    if (run->cancel_asked || fl_inst_last_try(in)->cancel_asked || in->doom ||
        in->try_count >= FL_CORE_TRIES_MAX)
        return 0;
    if (end->by_hand) {
        *ret_again = (struct fl_again){.cause = NULL};
        return now_ns;
    }
    if (!fl_again_rule(fl_inst_stage(run, inst), end, ret_again))
        return 0;
    if (end->state == FL_STATE_LOST && !end->proved &&
        (strcmp(ret_again->cause, "lost") != 0 || !ret_again->overlap))
        return 0;
    before = earlier(run, inst, ret_again->cause);
    if (before + 1 >= ret_again->tries)
        return 0;
    delay_s = (double)ret_again->delay_s;
    for (int64_t t = 0; t < before && delay_s < DELAY_MAX_S; t++)
        delay_s *= ret_again->grow;
    return now_ns + (int64_t)((delay_s < DELAY_MAX_S ? delay_s : DELAY_MAX_S) * 1e9);
}

bool fl_again_allowed(const struct fl_run *run, uint32_t inst, const struct fl_ending *end)
{
    struct fl_again again;

    return next_try_ns(run, inst, end, 1, &again) != 0;
}

static int emit_retry(struct fl_events *events, const struct fl_run *run, uint32_t inst,
                      int64_t now_ns, int64_t until_ns, const struct fl_again *again,
                      const char *why, struct fl_err *reterr)
{
    const struct fl_inst *in = &run->insts[inst];
    struct fl_event *event;
    char text[FL_CORE_REASON_MAX];
    char at[FL_TIME_TEXT_MAX];
    int rc = fl_emit(events, FL_EVENT_INSTANCE_RETRY, now_ns, run, inst, &event, reterr);

    if (rc < 0)
        return rc;
    event->attempt = (int64_t)in->try_count + 1;
    event->until_ns = until_ns;
    event->who = "fairlead";
    fl_cycle_format_extended((struct fl_cycle){until_ns / 1000000000}, at);
    if (!again->cause)
        return fl_emit_text(event, &event->why, why, reterr);
    (void)snprintf(text, sizeof(text), "attempt %u at %s (%s: %lld of %lld), after: %.600s",
                   in->try_count + 1u, at, again->cause,
                   (long long)earlier(run, inst, again->cause) + 2, (long long)again->tries,
                   why ? why : "a failure");
    return fl_emit_text(event, &event->why, text, reterr);
}

int fl_emit_failed_end(struct fl_events *events, const struct fl_input *input,
                       const struct fl_run *run, uint32_t inst, const struct fl_ending *end,
                       const char *why, struct fl_event **ret_event, struct fl_err *reterr)
{
    struct fl_again again;
    int64_t until_ns = next_try_ns(run, inst, end, input->now_ns, &again);
    struct fl_event *event;
    int rc = fl_emit(events, FL_EVENT_ATTEMPT_ENDED, input->now_ns, run, inst, &event, reterr);

    if (rc < 0)
        return rc;
    event->attempt = run->insts[inst].try_count;
    event->until_ns = until_ns;
    event->state = fl_state_name(end->state);
    event->code = end->code;
    event->signal = end->signal;
    if (end->check)
        event->cause = "check";
    if (end->state == FL_STATE_LOST && !end->proved && until_ns == 0)
        event->cause = UNPROVED;
    rc = fl_emit_text(event, &event->class, end->class, reterr);
    if (rc == 0)
        rc = fl_emit_text(event, &event->why, why, reterr);
    if (rc == 0)
        rc = fl_emit_text(event, &event->who, input->worker ? input->worker : input->who, reterr);
    if (rc == 0 && until_ns)
        rc = emit_retry(events, run, inst, input->now_ns, until_ns, &again, why, reterr);
    if (rc == 0)
        *ret_event = event;
    return rc;
}

int fl_emit_proof(struct fl_events *events, const struct fl_input *input, const struct fl_run *run,
                  uint32_t inst, const char *why, struct fl_err *reterr)
{
    const struct fl_ending end = {.state = FL_STATE_LOST, .class = "transient", .proved = true};
    char text[FL_CORE_REASON_MAX];
    struct fl_again again;
    int64_t until_ns = next_try_ns(run, inst, &end, input->now_ns, &again);
    struct fl_event *event;
    int rc;

    if (until_ns)
        return emit_retry(events, run, inst, input->now_ns, until_ns, &again, why, reterr);
    rc = fl_emit(events, FL_EVENT_INSTANCE_ENDED, input->now_ns, run, inst, &event, reterr);
    if (rc < 0)
        return rc;
    event->state = fl_state_name(FL_STATE_FAILED);
    event->who = "fairlead";
    (void)snprintf(text, sizeof(text), "it was lost, %.700s; no rule allows another attempt", why);
    return fl_emit_text(event, &event->why, text, reterr);
}
