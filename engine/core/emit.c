/* Making events: names of run and instance filled in, texts cut to what an event may hold. */
#include "config.h"

#include "engine/core/state.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/text.h"
#include "engine/base/banned.h"

#define DELAY_MAX_S 86400.0
#define EMIT_TEXT_MAX 2000

int fl_emit(struct fl_events *events, enum fl_event_type type, int64_t now_ns,
            const struct fl_run *run, uint32_t inst, struct fl_event **ret_event,
            struct fl_err *reterr)
{
    fl_auto(fl_event_destroy) struct fl_event *event = NULL;
    char key[FL_KEY_TEXT_MAX];
    int rc = fl_event_make(events->pool, type, &event, reterr);

    if (rc < 0)
        return rc;
    event->time_ns = now_ns;
    if (run) { /* names outlive the event */
        event->run = run->name;
        event->place.run = run->index;
    }
    if (run && inst != UINT32_MAX) {
        event->stage = fl_inst_stage(run, inst)->name;
        event->place.inst = inst;
        rc = fl_event_set_text(event, &event->key, fl_inst_key(run, inst, key), reterr);
    }
    if (rc == 0)
        rc = fl_events_add(events, event, reterr);
    if (rc < 0)
        return rc;
    *ret_event = FL_STEAL(event);
    return 0;
}

void fl_text_clean(char *text)
{
    bool good = fl_text_is_utf8(text, strlen(text));

    for (size_t i = 0; !good && text[i]; i++)
        if ((unsigned char)text[i] >= 0x80)
            text[i] = '?';
}

int fl_emit_text(struct fl_event *event, const char **field, const char *text,
                 struct fl_err *reterr)
{
    char cut[EMIT_TEXT_MAX + 1];
    size_t size = text ? strlen(text) : 0;

    if (size <= EMIT_TEXT_MAX && (!text || fl_text_is_utf8(text, size)))
        return fl_event_set_text(event, field, text, reterr);
    if (size > EMIT_TEXT_MAX)
        size = EMIT_TEXT_MAX;
    memcpy(cut, text, size);
    cut[size] = '\0';
    fl_text_clean(cut);
    return fl_event_set_text(event, field, cut, reterr);
}

/* Time of the next attempt, or 0 when there is none. */
static int64_t next_try_ns(const struct fl_run *run, uint32_t inst, const char *class,
                           int64_t now_ns)
{
    const struct fl_retry *retry = &fl_inst_stage(run, inst)->retry;
    const struct fl_inst *in = &run->insts[inst];
    const struct fl_attempt *attempt = fl_inst_last_try(in);
    double delay_s = (double)retry->delay_s;

    if (run->cancel_asked || attempt->cancel_asked || in->doom ||
        (int64_t)in->try_count >= retry->tries || in->try_count >= FL_CORE_TRIES_MAX)
        return 0;
    if (strcmp(class, "transient") != 0 && strcmp(class, "limit") != 0)
        return 0;
    for (uint32_t t = 1; t < in->try_count && delay_s < DELAY_MAX_S; t++)
        delay_s *= retry->grow;
    return now_ns + (int64_t)((delay_s < DELAY_MAX_S ? delay_s : DELAY_MAX_S) * 1e9);
}

static int emit_retry(struct fl_events *events, const struct fl_run *run, uint32_t inst,
                      int64_t now_ns, int64_t until_ns, const char *why, struct fl_err *reterr)
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
    fl_cycle_format_extended((struct fl_cycle){until_ns / 1000000000}, at);
    (void)snprintf(text, sizeof(text), "attempt %u of %lld at %s, after: %.600s", in->try_count + 1,
                   (long long)fl_inst_stage(run, inst)->retry.tries, at, why ? why : "a failure");
    return fl_emit_text(event, &event->why, text, reterr);
}

int fl_emit_failed_end(struct fl_events *events, const struct fl_input *input,
                       const struct fl_run *run, uint32_t inst, enum fl_state state,
                       const char *class, const char *why, struct fl_event **ret_event,
                       struct fl_err *reterr)
{
    int64_t until_ns = next_try_ns(run, inst, class, input->now_ns);
    struct fl_event *event;
    int rc = fl_emit(events, FL_EVENT_ATTEMPT_ENDED, input->now_ns, run, inst, &event, reterr);

    if (rc < 0)
        return rc;
    event->attempt = run->insts[inst].try_count;
    event->until_ns = until_ns;
    event->state = fl_state_name(state);
    rc = fl_emit_text(event, &event->class, class, reterr);
    if (rc == 0)
        rc = fl_emit_text(event, &event->why, why, reterr);
    if (rc == 0)
        rc = fl_emit_text(event, &event->who, input->worker ? input->worker : input->who, reterr);
    if (rc == 0 && until_ns)
        rc = emit_retry(events, run, inst, input->now_ns, until_ns, why, reterr);
    if (rc == 0)
        *ret_event = event;
    return rc;
}
