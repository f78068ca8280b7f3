/* What an attempt says, entry by entry of its spool: each entry becomes events that carry its
 * index. */
#include "config.h"

#include "engine/core/decide.h"
#include "engine/core/declare.h"
#include "engine/core/retry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/path.h"
#include "engine/base/banned.h"

#define SAID_MAX 16

struct saying {
    const struct fl_core *core;
    const struct fl_input *input;
    struct fl_events *events;
    const struct fl_run *run;
    const struct fl_inst *in;
    const struct fl_attempt *attempt;
    uint32_t inst;
    uint32_t number;
    int64_t index;
    const char *id;
    const json_t *entry; /* the event of the message */
    struct said {        /* its members, the first SAID_MAX of them */
        const char *key;
        const json_t *value;
    } said[SAID_MAX];
    size_t said_count;
};

/* A few members are found sooner by going through them than by their hashes. */
static void take_members(const json_t *object, struct said *members, size_t *count)
{
    json_t *walked = (json_t *)(uintptr_t)object; /* it is only read */

    for (void *at = json_object_iter(walked); at && *count < SAID_MAX;
         at = json_object_iter_next(walked, at))
        members[(*count)++] = (struct said){json_object_iter_key(at), json_object_iter_value(at)};
}

static int emit(const struct saying *s, enum fl_event_type type, struct fl_event **ret_event,
                struct fl_err *reterr)
{
    int rc = fl_emit(s->events, type, s->input->now_ns, s->run, s->inst, ret_event, reterr);

    if (rc < 0)
        return rc;
    (*ret_event)->attempt = s->number;
    (*ret_event)->index = s->index;
    (*ret_event)->who = s->core->workers[s->attempt->worker]->name; /* it is the sender */
    return 0;
}

static int emit_note(const struct saying *s, const char *text, struct fl_err *reterr)
{
    struct fl_event *event;
    int rc = emit(s, FL_EVENT_ATTEMPT_NOTED, &event, reterr);

    return rc < 0 ? rc : fl_emit_text(event, &event->text, text, reterr);
}

static const json_t *said(const struct saying *s, const char *key)
{
    for (size_t i = 0; i < s->said_count; i++)
        if (s->said[i].key[0] == key[0] && strcmp(s->said[i].key, key) == 0)
            return s->said[i].value;
    return s->said_count < SAID_MAX ? NULL : json_object_get(s->entry, key);
}

static const char *text_of(const struct saying *s, const char *key)
{
    return json_string_value(said(s, key));
}

static int64_t number_of(const struct saying *s, const char *key)
{
    return json_integer_value(said(s, key));
}

/* A supervisor asks to begin, or (granted) says that it has begun, as the launch let it: that is a
 * fact, whatever has been asked for meanwhile. */
static int say_begin(const struct saying *s, struct fl_err *reterr)
{
    const char *own = fl_attempt_token(s->attempt);
    const char *known = text_of(s, "known"); /* of this launch: the attempt was there before it */
    const char *token = known ? known : text_of(s, "token");
    bool granted = json_is_true(said(s, "granted"));
    struct fl_event *event;

    if (s->attempt->state != FL_STATE_LAUNCHED || !token || strcmp(token, own) != 0 ||
        (!granted && (s->attempt->cancel_asked || s->run->cancel_asked)))
        /* fl_core_answer refuses it; the entry counts, or what follows it would be a gap */
        return emit_note(s,
                         "warn: a begin was refused: it is no longer wanted, or the token is not"
                         " the attempt's",
                         reterr);
    return emit(s, FL_EVENT_ATTEMPT_BEGUN, &event, reterr);
}

static int say_begun(const struct saying *s, struct fl_err *reterr)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "process %lld", (long long)number_of(s, "pid"));
    return emit_note(s, text, reterr);
}

/* Marks that a file of this attempt carries: those of the inputs it was launched with and what the
 * stage has said; for a lead, of followed inputs only those that it may have used; for a file
 * without lead, all. */
static int inherit_follow(const struct saying *s, uint32_t slot, json_t **marks,
                          struct fl_err *reterr)
{
    const struct fl_stage *stage = fl_inst_stage(s->run, s->inst);
    struct fl_lead lead = {0};
    bool has_lead = fl_plan_slot_lead(s->run->plan, slot, &lead);
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < stage->input_count; i++) {
        fl_auto(fl_picks_release) struct fl_picks picks = {0};
        fl_json_auto json_t *bridged = NULL;
        enum fl_resolve result;
        uint32_t doom;

        if (!stage->inputs[i].follow || !s->run->marks) /* a run without marks has no marked file */
            continue;
        rc =
            fl_resolve_input(s->core, s->run, s->inst, i, &picks, &bridged, &result, &doom, reterr);
        for (size_t p = 0; rc == 0 && p < picks.count; p++) {
            const struct fl_slot *from = &picks.items[p].run->slots[picks.items[p].slot];
            const struct fl_plan *plan = picks.items[p].run->plan;
            struct fl_lead before;
            uint32_t earlier;

            if (!fl_slot_marks(from))
                continue;
            if (has_lead && fl_plan_slot_next(plan, picks.items[p].slot, -1, &earlier) &&
                fl_plan_slot_lead(plan, earlier, &before) && lead.minutes <= before.minutes)
                continue; /* the stretch that this member forces begins after the member before it
                           */
            rc = fl_marks_add(marks, fl_slot_marks(from), reterr);
        }
    }
    return rc;
}

static int set_marks(const struct saying *s, uint32_t slot, struct fl_event *event,
                     struct fl_err *reterr)
{
    fl_json_auto json_t *marks = json_incref(fl_attempt_marks(s->attempt));
    const json_t *own = said(s, "degraded");
    char *text;
    int rc = 0;

    if (json_is_array(own))
        rc = fl_marks_add(&marks, own, reterr);
    if (rc == 0)
        rc = inherit_follow(s, slot, &marks, reterr);
    if (rc < 0 || !marks)
        return rc;
    text = fl_json_text(marks);
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a degraded mark");
    rc = fl_event_set_text(event, &event->degraded, text, reterr);
    free(text);
    return rc;
}

/* Files are where they belong: below the folder of this attempt's outputs. */
static bool path_is_own(const struct saying *s, const char *path)
{
    size_t size = strlen(s->id);

    return path && strncmp(path, "work/", 5) == 0 && strncmp(path + 5, s->id, size) == 0 &&
           strncmp(path + 5 + size, "/out/", 5) == 0 &&
           fl_path_is_safe(path + 10 + size); /* an id is safe */
}

static bool is_sha256(const char *text)
{
    size_t size = 0;

    while (text &&
           ((text[size] >= '0' && text[size] <= '9') || (text[size] >= 'a' && text[size] <= 'f')))
        size++;
    return size == 64 && text[size] == '\0';
}

static bool same_sha256(const struct fl_slot *slot, const char *sha256)
{
    char have[FL_DIGEST_HEX];

    fl_slot_sha256(slot, have);
    return strcmp(have, sha256) == 0;
}

static int say_output(const struct saying *s, struct fl_err *reterr)
{
    const char *output = text_of(s, "output");
    const char *path = text_of(s, "path");
    const char *sha256 = text_of(s, "sha256");
    struct fl_err why = {0};
    struct fl_event *event;
    char lead[FL_MEMBER_TEXT_MAX];
    uint32_t slot;
    int rc;

    if (!output || !is_sha256(sha256) || !path_is_own(s, path))
        return emit_note(s, "warn: an output was refused: no name, digest or proper path", reterr);
    if (fl_run_find_slot(s->run, s->inst, output, text_of(s, "lead"), &slot, &why) < 0) {
        char text[FL_CORE_REASON_MAX];

        (void)snprintf(text, sizeof(text), "warn: an output was refused: %.800s", why.text);
        return emit_note(s, text, reterr);
    }
    if (s->run->slots[slot].state == FL_SLOT_ACCEPTED && !fl_slot_is_gone(&s->run->slots[slot]) &&
        same_sha256(&s->run->slots[slot], sha256))
        return emit_note(s, "an output came again with the same digest", reterr);
    rc = emit(s, FL_EVENT_OUTPUT_ACCEPTED, &event, reterr);
    if (rc < 0)
        return rc;
    event->size = number_of(s, "size");
    rc = fl_emit_name(
        event, &event->output, s->run,
        fl_inst_stage(s->run, s->inst)->outputs[s->run->plan->slots[slot].output].name, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->lead, fl_plan_slot_member(s->run->plan, slot, lead),
                               reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->path, path, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->sha256, sha256, reterr);
    event->site = fl_core_word(s->core, s->attempt->site);
    event->place.slot = slot;
    return rc < 0 ? rc : set_marks(s, slot, event, reterr);
}

int fl_decide_absent(const struct fl_run *run, uint32_t inst, uint32_t slot, struct fl_event *event,
                     const char *cause, const char *age, struct fl_err *reterr)
{
    const struct fl_plan_slot *ps = &run->plan->slots[slot];
    char text[FL_MEMBER_TEXT_MAX];
    int rc;

    event->place.slot = slot;
    rc = fl_emit_name(event, &event->output, run,
                      fl_inst_stage(run, inst)->outputs[ps->output].name, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->lead, fl_plan_slot_member(run->plan, slot, text),
                               reterr);
    if (rc == 0)
        rc = fl_emit_text(event, &event->cause, cause, reterr);
    if (rc == 0)
        rc = fl_emit_text(event, &event->age, age, reterr);
    return rc;
}

static int say_absent(const struct saying *s, struct fl_err *reterr)
{
    const char *output = text_of(s, "output");
    const char *cause = text_of(s, "cause");
    struct fl_event *event;
    uint32_t slot;
    int rc;

    if (!output || fl_run_find_slot(s->run, s->inst, output, text_of(s, "lead"), &slot, NULL) < 0 ||
        s->run->slots[slot].state == FL_SLOT_ACCEPTED)
        return emit_note(s, "warn: an absence was refused: no such output, or it is there", reterr);
    rc = emit(s, FL_EVENT_OUTPUT_ABSENT, &event, reterr);
    if (rc < 0)
        return rc;
    return fl_decide_absent(s->run, s->inst, slot, event, cause ? cause : "absent",
                            text_of(s, "age"), reterr);
}

static int say_progress(const struct saying *s, struct fl_err *reterr)
{
    const json_t *fraction = said(s, "fraction");
    const char *lead = text_of(s, "lead");
    char text[128];

    if (lead)
        (void)snprintf(text, sizeof(text), "progress %.40s", lead);
    else
        (void)snprintf(text, sizeof(text), "progress %.0f%%", 100 * json_number_value(fraction));
    return emit_note(s, text, reterr);
}

static int say_warn(const struct saying *s, struct fl_err *reterr)
{
    const char *said = text_of(s, "text");
    char text[FL_CORE_REASON_MAX];

    (void)snprintf(text, sizeof(text), "warn: %.900s", said ? said : "");
    return emit_note(s, text, reterr);
}

static int say_degraded(const struct saying *s, struct fl_err *reterr)
{
    const char *cause = text_of(s, "cause");
    struct fl_event *event;
    int rc = emit(s, FL_EVENT_ATTEMPT_DEGRADED, &event, reterr);

    if (rc == 0)
        rc = fl_emit_text(event, &event->cause, cause ? cause : "a substitution of the stage's own",
                          reterr);
    if (rc == 0)
        rc = fl_emit_text(event, &event->age, text_of(s, "age"), reterr);
    return rc;
}

/* Calls fn for each slot of the instance. */
typedef int (*slot_fn)(const struct saying *s, uint32_t slot, void *arg, struct fl_err *reterr);

static int each_slot(const struct saying *s, slot_fn fn, void *arg, struct fl_err *reterr)
{
    const struct fl_plan *plan = s->run->plan;
    const struct fl_stage *stage = fl_inst_stage(s->run, s->inst);
    const struct fl_plan_stage *ps = &plan->stages[plan->inst_stage[s->inst]];
    int rc = 0;

    for (size_t o = 0; rc == 0 && o < stage->output_count; o++)
        for (uint32_t m = 0; rc == 0 && m < ps->slot_own[o]; m++)
            rc = fn(s, fl_plan_inst_slot(plan, s->inst, o) + m, arg, reterr);
    return rc;
}

static int find_missing(const struct saying *s, uint32_t slot, void *arg, struct fl_err *reterr)
{
    int64_t *missing = arg;

    (void)reterr;
    if (s->run->slots[slot].state == FL_SLOT_PENDING && *missing < 0)
        *missing = slot;
    return 0;
}

static int make_absent(const struct saying *s, uint32_t slot, void *arg, struct fl_err *reterr)
{
    struct fl_event *event;
    int rc;

    (void)arg;
    if (s->run->slots[slot].state != FL_SLOT_PENDING)
        return 0;
    rc = emit(s, FL_EVENT_OUTPUT_ABSENT, &event, reterr);
    if (rc < 0)
        return rc;
    return fl_decide_absent(s->run, s->inst, slot, event, "the stage ended without it", NULL,
                            reterr);
}

static const char *class_of(const struct saying *s, enum fl_state state)
{
    const char *class = text_of(s, "class");

    if (class)
        return class;
    if (state == FL_STATE_LOST)
        return "transient";
    switch (number_of(s, "code")) {
    case 75:
        return "transient";
    case 78:
        return "config";
    case 70:
        return "bug";
    default:
        return number_of(s, "signal") ? "transient" : "data";
    }
}

static int end_failed(const struct saying *s, enum fl_state state, const char *class,
                      const char *why, struct fl_err *reterr)
{
    const char *cause = text_of(s, "cause");
    const struct fl_ending end = {.state = state,
                                  .class = class,
                                  .code = number_of(s, "code"),
                                  .signal = number_of(s, "signal"),
                                  .check = cause && strcmp(cause, "check") == 0,
                                  .proved = true};
    struct fl_event *event;
    int rc = fl_emit_failed_end(s->events, s->input, s->run, s->inst, &end, why, &event, reterr);

    if (rc == 0)
        event->index = s->index;
    return rc;
}

static int say_end(const struct saying *s, struct fl_err *reterr)
{
    const char *name = text_of(s, "state");
    enum fl_state state = name ? fl_state_from_name(name) : FL_STATE_FAILED;
    const char *why = text_of(s, "reason");
    struct fl_event *event;
    int64_t missing = -1;
    char text[FL_CORE_REASON_MAX];
    int rc;

    if (state == FL_STATE_COUNT || fl_state_ending(state) == FL_HAPPENING_COUNT ||
        fl_state_next(s->in->state, fl_state_ending(state)) == FL_STATE_COUNT)
        state = FL_STATE_FAILED; /* an end that cannot be from here on */
    if (state != FL_STATE_SUCCEEDED)
        return end_failed(s, state, class_of(s, state), why, reterr);
    rc = each_slot(s, find_missing, &missing, reterr);
    if (rc == 0 && missing >= 0 &&
        fl_inst_stage(s->run, s->inst)->success.outputs == FL_SUCCESS_ALL) {
        const struct fl_plan_slot *ps = &s->run->plan->slots[missing];
        char member[FL_MEMBER_TEXT_MAX];
        const char *lead_text = fl_plan_slot_member(s->run->plan, (uint32_t)missing, member);

        (void)snprintf(
            text, sizeof(text), "output '%s' %s was not announced, though the stage ended well",
            fl_inst_stage(s->run, s->inst)->outputs[ps->output].name, lead_text ? lead_text : "");
        return end_failed(s, FL_STATE_FAILED, "data", text, reterr);
    }
    if (rc == 0 && missing >= 0)
        rc = each_slot(s, make_absent, NULL, reterr);
    if (rc == 0)
        rc = emit(s, FL_EVENT_ATTEMPT_ENDED, &event, reterr);
    if (rc < 0)
        return rc;
    event->state = fl_state_name(FL_STATE_SUCCEEDED);
    return fl_emit_text(event, &event->why, why, reterr);
}

/* Why members cannot be those of a set of the run; *ret_plan is the plan with them. */
static int check_set(const struct saying *s, const char *name, const json_t *members,
                     struct fl_err *why)
{
    fl_auto(fl_plan_destroy) struct fl_plan *plan = NULL;
    const struct fl_workflow *wf = s->run->plan->workflow;
    int32_t index = name ? fl_workflow_set(wf, name) : FL_NONE;

    if (index == FL_NONE || wf->sets[index].kind != FL_SET_DECLARED)
        return fl_err_set(why, FL_E_NOENT, 0, "there is no declared set '%.60s'", name ? name : "");
    if (&wf->stages[wf->sets[index].by] != fl_inst_stage(s->run, s->inst))
        return fl_err_set(why, FL_E_REFUSED, 0, "the members of set '%s' are said by stage '%s'",
                          name, wf->stages[wf->sets[index].by].name);
    for (size_t i = 0; i < json_array_size(members); i++)
        if (!json_is_string(json_array_get(members, i)))
            return fl_err_set(why, FL_E_PARSE, 0, "a member of set '%s' is no text", name);
    if (wf->sets[index].known)
        return fl_set_is_said_again(&wf->sets[index], members)
                   ? FL_E_EXISTS
                   : fl_err_set(why, FL_E_REFUSED, 0,
                                "the members of set '%s' were said already, and were others", name);
    return fl_plan_declare(s->run->plan, index, members, &plan, why);
}

/* The members of a set: once; what is no good is told, and the set stays unknown. */
static int say_set(const struct saying *s, struct fl_err *reterr)
{
    const json_t *members = json_object_get(s->entry, "members");
    const char *name = text_of(s, "set");
    struct fl_err why = {0};
    struct fl_event *event;
    char text[FL_CORE_REASON_MAX];
    char *list;
    int rc = json_is_array(members)
                 ? check_set(s, name, members, &why)
                 : fl_err_set(&why, FL_E_PARSE, 0, "a set needs a list of members");

    if (rc == FL_E_EXISTS)
        return emit_note(s, "the members of a set came again, the same", reterr);
    if (rc < 0) {
        (void)snprintf(text, sizeof(text), "warn: %.800s", why.text);
        return emit_note(s, text, reterr);
    }
    list = fl_json_text(members);
    if (!list)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the members of a set");
    rc = emit(s, FL_EVENT_SET_DECLARED, &event, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->output, name, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->text, list, reterr);
    free(list);
    return rc;
}

static const struct saying_row {
    const char *type;
    int (*say)(const struct saying *s, struct fl_err *reterr);
} rows[] = {
    {"begin", say_begin},       {"begun", say_begun},       {"output", say_output},
    {"absent", say_absent},     {"progress", say_progress}, {"warn", say_warn},
    {"degraded", say_degraded}, {"set", say_set},           {"end", say_end},
};

/* What was said cannot be recorded (a mark longer than an event's text, say). The entry counts all
 * the same, or all that follows, the end too, would be a gap: the attempt would never end. */
static int say_refused(const struct saying *s, const char *type, size_t before,
                       const struct fl_err *why, struct fl_err *reterr)
{
    char text[FL_CORE_REASON_MAX];

    while (s->events->count > before)
        fl_event_destroy(s->events->items[--s->events->count]);
    (void)snprintf(text, sizeof(text), "warn: '%.20s' was refused: %.800s", type, why->text);
    if (strcmp(type, "end") == 0)
        return end_failed(s, FL_STATE_FAILED, "bug", text, reterr);
    return emit_note(s, text, reterr);
}

static int take_message(struct saying *s, const char **ret_type, struct fl_err *reterr)
{
    struct said members[SAID_MAX];
    size_t count = 0;
    const json_t *index = NULL;
    int rc = 0;

    take_members(s->input->message, members, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(members[i].key, "id") == 0)
            s->id = json_string_value(members[i].value);
        else if (strcmp(members[i].key, "index") == 0)
            index = members[i].value;
        else if (strcmp(members[i].key, "event") == 0)
            s->entry = members[i].value;
    }
    s->index = json_integer_value(index);
    if (!s->id || !json_is_integer(index) || !json_is_object(s->entry)) { /* says what is wrong */
        rc = fl_json_string(s->input->message, "id", &s->id, reterr);
        if (rc == 0)
            rc = fl_json_int(s->input->message, "index", &s->index, reterr);
        if (rc == 0)
            rc = fl_json_object_opt(s->input->message, "event", &s->entry, reterr);
    }
    if (rc < 0)
        return rc;
    take_members(s->entry, s->said, &s->said_count);
    *ret_type = text_of(s, "type");
    return *ret_type ? 0 : fl_json_string(s->entry, "type", ret_type, reterr);
}

int fl_decide_attempt(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr)
{
    struct saying s = {.core = core, .input = input, .events = events};
    struct fl_inst_ref ref;
    const char *type;
    int rc;

    rc = take_message(&s, &type, reterr);
    if (rc < 0)
        return rc;
    if (fl_core_find_attempt(core, s.id, &ref, &s.number, NULL) < 0)
        return 0; /* not one of ours: fl_core_answer says so */
    s.run = ref.run;
    s.inst = ref.inst;
    s.in = &ref.run->insts[ref.inst];
    s.attempt = &s.in->tries[s.number - 1];
    if (s.in->undecided && s.number == s.in->try_count && strcmp(type, "end") == 0)
        return fl_emit_proof(events, input, s.run, s.inst, "and its worker has found its end",
                             reterr);
    if (fl_state_is_end(s.attempt->state) ||
        strcmp(core->workers[s.attempt->worker]->name, input->worker) != 0 ||
        s.index != (int64_t)s.attempt->index + 1)
        return 0; /* old, repeated, or a gap: the answer tells from where to go on */
    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        size_t before = events->count;
        struct fl_err why;

        if (strcmp(rows[i].type, type) != 0)
            continue;
        why.foreign = 0; /* all else is written on failure; a kilobyte need not be cleared */
        why.text[0] = '\0';
        rc = rows[i].say(&s, &why);
        if (rc < 0 && fl_err_class(rc) != FL_CLASS_BUG && rc != FL_E_NOMEM)
            return say_refused(&s, type, before, &why, reterr);
        if (rc < 0)
            return fl_err_set(reterr, rc, why.foreign, "%s", why.text);
        return 0;
    }
    return emit_note(&s, "something of an unknown kind was said", reterr);
}
