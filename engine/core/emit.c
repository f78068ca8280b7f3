/* Making events: names of run and instance filled in, texts cut to what an event may hold. */
#include "config.h"

#include "engine/core/state.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/text.h"
#include "engine/base/banned.h"

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
        event->place.plan = run->plan;
    }
    if (run && inst != UINT32_MAX) {
        event->place.inst = inst;
        rc = fl_emit_name(event, &event->stage, run, fl_inst_stage(run, inst)->name, reterr);
    }
    if (rc == 0 && run && inst != UINT32_MAX) {
        rc = fl_event_set_text(event, &event->key, fl_inst_key(run, inst, key), reterr);
    }
    if (rc == 0)
        rc = fl_events_add(events, event, reterr);
    if (rc < 0)
        return rc;
    *ret_event = FL_STEAL(event);
    return 0;
}

int fl_emit_name(struct fl_event *event, const char **field, const struct fl_run *run,
                 const char *name, struct fl_err *reterr)
{
    if (run->own_plan) /* another may take its place while the event is under way */
        return fl_event_set_text(event, field, name, reterr);
    *field = name;
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
