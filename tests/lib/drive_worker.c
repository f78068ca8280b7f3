/* The simulated worker of a drive, and what tests say and look at by hand. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/state.h"
#include "tests/lib/drive_impl.h"
#include "tests/lib/test.h"

#include "engine/base/banned.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

const char *drive_id(const struct drive *d, const char *attempt, char text[DRIVE_ID_MAX])
{
    (void)snprintf(text, DRIVE_ID_MAX, "%s/%s", d->run, attempt);
    return text;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static const struct fl_attempt *attempt_of(const struct drive *d, const char *id,
                                           struct fl_inst_ref *ref)
{
    uint32_t number;
    struct fl_err err = {0};

    if (fl_core_find_attempt(d->core, id, ref, &number, &err) < 0)
        fail_msg("%s", err.text);
    return &ref->run->insts[ref->inst].tries[number - 1];
}

/* Takes event. */
static int say_json(struct drive *d, const char *id, int64_t index, json_t *event)
{
    struct fl_inst_ref ref;
    const struct fl_attempt *attempt = attempt_of(d, id, &ref);
    char worker[128];

    (void)snprintf(worker, sizeof(worker), "%s", d->core->workers[attempt->worker]->name);
    return drive_feed(d, FL_INPUT_ATTEMPT, worker,
                      json_pack("{s:s,s:s,s:I,s:o}", "type", "attempt", "id", id, "index",
                                (json_int_t)(index ? index : attempt->index + 1), "event", event));
}

static void must_say(struct drive *d, const char *id, json_t *event)
{
    if (say_json(d, id, 0, event) < 0)
        fail_msg("%s: %s", id, d->err.text);
}

/* JSON with ' for ". */
static json_t *json_of(struct drive *d, const char *event)
{
    char *text = strdup(event);
    json_t *json = NULL;

    assert_non_null(text);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    assert_ok(fl_json_parse(text, strlen(text), &json, &d->err), d->err);
    free(text);
    return json;
}

int drive_say(struct drive *d, const char *attempt, int64_t index, const char *event)
{
    char id[DRIVE_ID_MAX];

    return say_json(d, drive_id(d, attempt, id), index, json_of(d, event));
}

static void begin(struct drive *d, const char *id)
{
    struct fl_inst_ref ref;
    const char *token = fl_attempt_token(attempt_of(d, id, &ref));

    must_say(d, id, json_pack("{s:s,s:s}", "type", "begin", "token", token ? token : "gone"));
}

void drive_begin(struct drive *d, const char *attempt)
{
    char id[DRIVE_ID_MAX];

    begin(d, drive_id(d, attempt, id));
}

static void output(struct drive *d, const char *id, const char *name, const char *lead,
                   const char *file)
{
    must_say(d, id,
             json_pack("{s:s,s:s,s:s*,s:o,s:i,s:s}", "type", "output", "output", name, "lead", lead,
                       "path", json_sprintf("work/%s/out/%s", id, file), "size", 7, "sha256", SHA));
}

void drive_output(struct drive *d, const char *attempt, const char *name, const char *lead)
{
    char id[DRIVE_ID_MAX];
    char file[256];

    (void)snprintf(file, sizeof(file), "%s%s%s", name, lead ? "." : "", lead ? lead + 1 : "");
    output(d, drive_id(d, attempt, id), name, lead, file);
}

void drive_end(struct drive *d, const char *attempt, const char *state)
{
    char id[DRIVE_ID_MAX];

    must_say(d, drive_id(d, attempt, id), json_pack("{s:s,s:s}", "type", "end", "state", state));
}

static const struct drive_rule *rule_for(const struct drive *d, const char *stage, const char *lead,
                                         bool failure, int64_t attempt)
{
    for (size_t i = 0; i < DRIVE_RULES_MAX && d->rules[i].stage; i++) {
        const struct drive_rule *rule = &d->rules[i];

        if (strcmp(rule->stage, stage) != 0 || (rule->class != NULL) != failure)
            continue;
        if (rule->lead && (!lead || strcmp(rule->lead, lead) != 0))
            continue;
        if (!failure || rule->attempts == 0 || attempt <= rule->attempts)
            return rule;
    }
    return NULL;
}

/* The last lead that was handed over through followed inputs; INT32_MAX without any. */
static int32_t horizon(const json_t *known)
{
    const json_t *follow = json_object_get(json_object_get(known, "spec"), "follow");

    if (json_array_size(follow) == 0)
        return INT32_MAX;
    return (int32_t)json_integer_value(json_object_get(known, "horizon"));
}

static void take_members(json_t *known, const json_t *inputs)
{
    const json_t *follow = json_object_get(json_object_get(known, "spec"), "follow");
    int32_t last = (int32_t)json_integer_value(json_object_get(known, "horizon"));

    for (size_t i = 0; i < json_array_size(inputs); i++) {
        const json_t *entry = json_array_get(inputs, i);
        const char *lead_text = text_of(entry, "lead");
        struct fl_lead lead;
        bool followed = false;

        for (size_t f = 0; f < json_array_size(follow); f++)
            followed |=
                strcmp(json_string_value(json_array_get(follow, f)), text_of(entry, "input")) == 0;
        if (followed && lead_text && fl_lead_parse(lead_text, &lead, NULL) == 0 &&
            lead.minutes > last)
            last = lead.minutes;
    }
    (void)json_object_set_new(known, "horizon", json_integer(last));
}

static void finish(struct drive *d, const char *id, json_t *known, const json_t *spec)
{
    const struct drive_rule *rule = rule_for(d, text_of(spec, "stage"), text_of(spec, "lead"), true,
                                             json_integer_value(json_object_get(spec, "attempt")));

    (void)json_object_set_new(known, "ended", json_true());
    if (rule)
        must_say(d, id,
                 json_pack("{s:s,s:s,s:s,s:s}", "type", "end", "state", "failed", "class",
                           rule->class, "reason", "as the test wants it"));
    else
        must_say(d, id, json_pack("{s:s,s:s}", "type", "end", "state", "succeeded"));
}

/* One more step of a body: an output for which its forcing is there, or its end. */
static bool body_step(struct drive *d, const char *id, json_t *known)
{
    const json_t *spec = json_object_get(known, "spec");
    const json_t *outputs = json_object_get(spec, "outputs");
    size_t said = (size_t)json_integer_value(json_object_get(known, "said"));
    int64_t number = json_integer_value(json_object_get(spec, "attempt"));
    const struct drive_rule *rule;
    const json_t *one;
    const char *lead_text;
    struct fl_lead lead = {INT32_MIN};

    if (json_is_true(json_object_get(known, "ended")) ||
        !json_is_true(json_object_get(known, "going")))
        return false;
    if (d->told && strcmp(d->teller, text_of(spec, "stage")) == 0 &&
        !json_object_get(known, "told")) {
        (void)json_object_set_new(known, "told", json_true());
        must_say(d, id, json_of(d, d->told));
        return true;
    }
    if (said == json_array_size(outputs) ||
        rule_for(d, text_of(spec, "stage"), text_of(spec, "lead"), true, number)) {
        finish(d, id, known, spec);
        return true;
    }
    one = json_array_get(outputs, said);
    lead_text = text_of(one, "lead");
    if (lead_text)
        (void)fl_lead_parse(lead_text, &lead, NULL); /* a member of another kind of set has none */
    if (lead.minutes > horizon(known))
        return false;
    (void)json_object_set_new(known, "said", json_integer((json_int_t)said + 1));
    rule = rule_for(d, text_of(spec, "stage"), lead_text, false, number);
    if (rule)
        must_say(d, id,
                 json_pack("{s:s,s:s,s:s*,s:s,s:s*}", "type", "absent", "output",
                           text_of(one, "output"), "lead", lead_text, "cause", rule->cause, "age",
                           rule->age));
    else
        output(d, id, text_of(one, "output"), lead_text, text_of(one, "file"));
    return true;
}

static void take_launch(struct drive *d, const json_t *message)
{
    json_t *spec = json_object_get(message, "spec");
    const char *id = text_of(spec, "id");
    json_t *known;

    if (json_object_get(d->attempts, id))
        return;
    known = json_pack("{s:O,s:i,s:i}", "spec", spec, "said", 0, "horizon", -1);
    (void)json_object_set_new(d->attempts, id, known);
    take_members(known, json_object_get(spec, "inputs"));
    begin(d, id);
}

/* It is done at once. */
static void take_removal(struct drive *d, const json_t *message, enum fl_input_type type)
{
    json_t *done = json_copy((json_t *)(uintptr_t)message);
    int64_t files = 0;

    for (size_t i = 0; i < json_array_size(json_object_get(message, "folders")); i++)
        files += (int64_t)json_array_size(
            json_object_get(json_array_get(json_object_get(message, "folders"), i), "go"));
    if (type == FL_INPUT_REMOVED)
        (void)json_object_set_new(done, "files", json_integer(files));
    if (d->fail_removals > 0 && type == FL_INPUT_REMOVED) {
        d->fail_removals--;
        (void)json_object_set_new(done, "error", json_string("the disk does not answer"));
    }
    if (drive_feed(d, type, "worker", done) < 0)
        fail_msg("%s", d->err.text);
}

static void take_message(struct drive *d, const json_t *message)
{
    const char *type = text_of(message, "type");
    const char *id = text_of(message, "id");
    json_t *known = id ? json_object_get(d->attempts, id) : NULL;

    if (strcmp(type, "launch") == 0) {
        take_launch(d, message);
    } else if (strcmp(type, "remove") == 0) {
        take_removal(d, message, FL_INPUT_REMOVED);
    } else if (strcmp(type, "removed-at-source") == 0) {
        take_removal(d, message, FL_INPUT_NOTED);
    } else if (!known) {
        return;
    } else if (strcmp(type, "go") == 0) {
        (void)json_object_set_new(known, "going", json_true());
    } else if (strcmp(type, "provide") == 0) {
        take_members(known, json_object_get(message, "inputs"));
    } else if (strcmp(type, "cancel") == 0 && !json_is_true(json_object_get(known, "ended"))) {
        (void)json_object_set_new(known, "ended", json_true());
        must_say(d, id, json_pack("{s:s,s:s}", "type", "end", "state", "cancelled"));
    } else if (strcmp(type, "forget") == 0) {
        (void)json_object_del(d->attempts, id);
    }
}

static bool take_next(struct drive *d)
{
    fl_json_auto json_t *pair = json_incref(json_array_get(d->queue, 0));

    if (!pair)
        return false;
    (void)json_array_remove(d->queue, 0);
    take_message(d, json_array_get(pair, 1));
    return true;
}

static bool is_follower(const json_t *known)
{
    return json_array_size(json_object_get(json_object_get(known, "spec"), "follow")) > 0;
}

static bool any_step(struct drive *d, bool followers)
{
    char id[DRIVE_ID_MAX];
    const char *key;
    json_t *known;

    json_object_foreach(d->attempts, key, known)
    {
        (void)snprintf(id, sizeof(id), "%s", key);
        if (d->lag && is_follower(known) != followers)
            continue;
        if (body_step(d, id, known))
            return true;
    }
    return false;
}

void drive_work(struct drive *d)
{
    while (!d->mute && (take_next(d) || any_step(d, false) || (d->lag && any_step(d, true))))
        ;
}

static bool message_is(const json_t *message, const char *type, const char *id)
{
    const char *is = text_of(message, "id");

    if (!is)
        is = text_of(json_object_get(message, "spec"), "id");
    return strcmp(text_of(message, "type"), type) == 0 && (!id || (is && strcmp(is, id) == 0));
}

size_t drive_count(const struct drive *d, const char *type, const char *attempt)
{
    char id[DRIVE_ID_MAX];
    size_t count = 0;

    if (attempt)
        (void)drive_id(d, attempt, id);
    for (size_t i = 0; i < json_array_size(d->queue); i++)
        count +=
            message_is(json_array_get(json_array_get(d->queue, i), 1), type, attempt ? id : NULL);
    return count;
}

size_t drive_cleans(const struct drive *d, const char *run)
{
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(d->queue); i++) {
        const json_t *message = json_array_get(json_array_get(d->queue, i), 1);
        const json_t *runs = json_object_get(message, "runs");

        for (size_t r = 0; message_is(message, "clean", NULL) && r < json_array_size(runs); r++)
            count += strcmp(json_string_value(json_array_get(runs, r)), run) == 0;
    }
    return count;
}

const json_t *drive_message(const struct drive *d, const char *type, const char *attempt)
{
    char id[DRIVE_ID_MAX];

    if (attempt)
        (void)drive_id(d, attempt, id);
    for (size_t i = json_array_size(d->queue); i-- > 0;) {
        const json_t *message = json_array_get(json_array_get(d->queue, i), 1);

        if (message_is(message, type, attempt ? id : NULL))
            return message;
    }
    fail_msg("no message '%s' for %s", type, attempt ? attempt : "anyone");
    return NULL;
}

void drive_clear(struct drive *d)
{
    (void)json_array_clear(d->queue);
}

/* "prep.f003" of the run. */
static const struct fl_inst *inst_of(const struct drive *d, const char *instance)
{
    const struct fl_run *run = fl_core_run(d->core, d->run);
    char name[FL_CORE_ID_MAX];

    assert_non_null(run);
    for (uint32_t i = 0; i < run->plan->inst_count; i++) {
        fl_inst_plain(run, i, name, sizeof(name));
        if (strcmp(name, instance) == 0)
            return &run->insts[i];
    }
    fail_msg("no instance '%s'", instance);
    return NULL;
}

const char *drive_state(const struct drive *d, const char *instance)
{
    if (!instance)
        return fl_state_name(fl_core_run(d->core, d->run)->state);
    return fl_state_name(inst_of(d, instance)->state);
}

const char *drive_reason(const struct drive *d, const char *instance)
{
    const char *reason = inst_of(d, instance)->reason;

    return reason ? reason : "";
}

const char *drive_marks(const struct drive *d, const char *stage, const char *name,
                        const char *lead)
{
    for (size_t i = d->log.count; i-- > 0;) {
        const struct fl_event *event = d->log.items[i];

        if (event->type == FL_EVENT_OUTPUT_ACCEPTED && strcmp(event->run, d->run) == 0 &&
            strcmp(event->stage, stage) == 0 && strcmp(event->output, name) == 0 &&
            (!lead || (event->lead && strcmp(event->lead, lead) == 0)))
            return event->degraded ? event->degraded : "";
    }
    fail_msg("output %s.%s %s was never accepted", stage, name, lead ? lead : "");
    return NULL;
}

size_t drive_events(const struct drive *d, enum fl_event_type type, const char *stage)
{
    size_t count = 0;

    for (size_t i = 0; i < d->log.count; i++)
        count += d->log.items[i]->type == type &&
                 (!stage || (d->log.items[i]->stage && strcmp(d->log.items[i]->stage, stage) == 0));
    return count;
}
