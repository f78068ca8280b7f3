/* What comes of outputs that were accepted or will not come. */
#include "config.h"

#include "engine/core/apply.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

static uint16_t add_text(char *texts, size_t *used, const char *text)
{
    size_t at = *used;

    if (!text)
        return 0;
    memcpy(texts + at, text, strlen(text) + 1);
    *used += strlen(text) + 1;
    return (uint16_t)at; /* FL_EVENT_TEXT_MAX bounds each of three */
}
_Static_assert(3 * (FL_EVENT_TEXT_MAX + 1) < UINT16_MAX, "places in the texts of a slot");

static size_t text_room(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static bool read_hex(const char *hex, unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < 2 * count; i++) {
        char c = hex[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (digit < 0)
            return false;
        bytes[i / 2] = (unsigned char)((bytes[i / 2] << 4) | digit);
    }
    return hex[2 * count] == '\0';
}

static int slot_fill(struct fl_core *core, struct fl_slot *slot, const struct fl_event *event,
                     struct fl_err *reterr)
{
    size_t room = 1 + text_room(event->path) + text_room(event->cause) + text_room(event->age);
    size_t size = offsetof(struct fl_made, texts) + room;
    struct fl_made *made = calloc(1, size > sizeof(*made) ? size : sizeof(*made));
    size_t used = 1;
    int rc = 0;

    if (!made)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for an output");
    made->path = add_text(made->texts, &used, event->path);
    made->cause = add_text(made->texts, &used, event->cause);
    made->age = add_text(made->texts, &used, event->age);
    if (event->sha256 && !read_hex(event->sha256, made->sha256, sizeof(made->sha256)))
        rc = fl_apply_bug(event, reterr, "its digest is none");
    if (rc == 0 && event->site)
        rc = fl_words_number(&core->words, event->site, &made->site, reterr);
    if (rc < 0) {
        free(made);
        return rc;
    }
    made->marks = fl_marks_parse(event->degraded);
    made->size = event->size;
    made->accepted_ns = event->time_ns;
    made->order = core->event_count;
    fl_made_destroy(slot->made);
    slot->made = made;
    slot->attempt = (uint32_t)event->attempt;
    return 0;
}

/* True for a slot of the instance's stage whose name is the very text of an output's. */
static bool is_slot_of(const struct fl_run *run, uint32_t inst, uint32_t slot, const char *output)
{
    const struct fl_plan_slot *ps;

    if (slot >= run->plan->slot_count)
        return false;
    ps = &run->plan->slots[slot];
    return ps->stage == run->plan->inst_stage[inst] &&
           fl_inst_stage(run, inst)->outputs[ps->output].name == output;
}

int fl_apply_output(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    bool accepted = event->type == FL_EVENT_OUTPUT_ACCEPTED;
    struct fl_attempt *attempt;
    enum fl_slot_state was;
    struct fl_lead lead;
    struct fl_run *run;
    uint32_t inst;
    uint32_t slot;
    int rc;

    if (accepted || event->attempt > 0)
        rc = fl_apply_find_attempt(core, event, &run, &inst, &attempt, reterr);
    else
        rc = fl_apply_find(core, event, &run, &inst, reterr);
    if (rc < 0)
        return rc;
    slot = event->place.plan == run->plan ? event->place.slot : FL_EVENT_NOWHERE;
    if (!is_slot_of(run, inst, slot, event->output) &&
        fl_run_find_slot(run, inst, event->output, event->lead, &slot, reterr) < 0)
        return fl_apply_bug(event, reterr, "no such output");
    was = run->slots[slot].state;
    if (!accepted && was == FL_SLOT_ACCEPTED)
        return fl_apply_bug(event, reterr, "the output is there already");
    rc = slot_fill(core, &run->slots[slot], event, reterr);
    if (rc == 0 && accepted)
        rc = fl_apply_marks(&run->marks, event->degraded, reterr);
    if (rc < 0)
        return rc;
    run->slots[slot].state = accepted ? FL_SLOT_ACCEPTED : FL_SLOT_ABSENT;
    if (was == run->slots[slot].state)
        return 0;
    rc = fl_apply_slot_changed(core, run, slot, was, event->time_ns, reterr);
    if (rc == 0 && accepted && fl_plan_slot_lead(run->plan, slot, &lead))
        rc = fl_apply_progress(core, run, inst, lead.minutes, event->time_ns, reterr);
    return rc;
}
