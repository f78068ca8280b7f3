/* The event vocabulary as tables: fields with their JSON names, types with their required fields.
 */
#include "config.h"

#include "engine/event/fields.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

enum field_kind { FIELD_TEXT, FIELD_NUMBER };

/* X(member, kind): in the order in which they are written. */
#define FIELDS(X) \
    X(who, FIELD_TEXT) \
    X(why, FIELD_TEXT) \
    X(run, FIELD_TEXT) \
    X(workflow, FIELD_TEXT) \
    X(stage, FIELD_TEXT) \
    X(key, FIELD_TEXT) \
    X(attempt, FIELD_NUMBER) \
    X(index, FIELD_NUMBER) \
    X(worker, FIELD_TEXT) \
    X(pool, FIELD_TEXT) \
    X(site, FIELD_TEXT) \
    X(token, FIELD_TEXT) \
    X(output, FIELD_TEXT) \
    X(lead, FIELD_TEXT) \
    X(path, FIELD_TEXT) \
    X(size, FIELD_NUMBER) \
    X(sha256, FIELD_TEXT) \
    X(state, FIELD_TEXT) \
    X(code, FIELD_NUMBER) \
    X(signal, FIELD_NUMBER) \
    X(class, FIELD_TEXT) \
    X(cause, FIELD_TEXT) \
    X(age, FIELD_TEXT) \
    X(degraded, FIELD_TEXT) \
    X(digest, FIELD_TEXT) \
    X(cycle, FIELD_TEXT) \
    X(cores, FIELD_NUMBER) \
    X(jobs, FIELD_NUMBER) \
    X(resources, FIELD_TEXT) \
    X(until_ns, FIELD_NUMBER) \
    X(action, FIELD_NUMBER) \
    X(files, FIELD_NUMBER) \
    X(first, FIELD_NUMBER) \
    X(last, FIELD_NUMBER) \
    X(text, FIELD_TEXT)

enum field {
#define FIELD_ENUM(member, kind) F_##member,
    FIELDS(FIELD_ENUM)
#undef FIELD_ENUM
        F_COUNT
};
_Static_assert(F_COUNT <= 64, "field bits are held in 64 bits");

const struct fl_event_field fl_event_fields[F_COUNT] = {
#define FIELD_ROW(member, kind) \
    {#member, sizeof(#member) - 1, offsetof(struct fl_event, member), (kind) == FIELD_TEXT},
    FIELDS(FIELD_ROW)
#undef FIELD_ROW
};
const size_t fl_event_field_count = F_COUNT;

#define B(member) (UINT64_C(1) << F_##member)
#define B_ATTEMPT (B(run) | B(stage) | B(attempt))

struct type_row {
    const char *name;
    uint64_t required; /* text fields that must be there; numbers that must be there and not 0 */
};

static const struct type_row types[] = {
    [FL_EVENT_RUN_CREATED] = {"run-created", B(run) | B(digest) | B(cycle)},
    [FL_EVENT_RUN_ENDED] = {"run-ended", B(run) | B(state)},
    [FL_EVENT_WORKER_JOINED] = {"worker-joined", B(worker) | B(site)},
    [FL_EVENT_WORKER_LEFT] = {"worker-left", B(worker)},
    [FL_EVENT_ATTEMPT_LAUNCHED] = {"attempt-launched",
                                   B_ATTEMPT | B(worker) | B(pool) | B(site) | B(token)},
    [FL_EVENT_ATTEMPT_BEGUN] = {"attempt-begun", B_ATTEMPT},
    [FL_EVENT_ATTEMPT_NOTED] = {"attempt-noted", B_ATTEMPT | B(text)},
    [FL_EVENT_ATTEMPT_DEGRADED] = {"attempt-degraded", B_ATTEMPT | B(cause)},
    [FL_EVENT_ATTEMPT_ENDED] = {"attempt-ended", B_ATTEMPT | B(state)},
    [FL_EVENT_OUTPUT_ACCEPTED] = {"output-accepted",
                                  B_ATTEMPT | B(output) | B(path) | B(sha256) | B(site)},
    [FL_EVENT_OUTPUT_ABSENT] = {"output-absent", B(run) | B(stage) | B(output) | B(cause)},
    [FL_EVENT_INSTANCE_ENDED] = {"instance-ended", B(run) | B(stage) | B(state)},
    [FL_EVENT_INSTANCE_RETRY] = {"instance-retry", B_ATTEMPT | B(until_ns)},
    [FL_EVENT_CANCEL_ASKED] = {"cancel-asked", B(run)},
    [FL_EVENT_HELD] = {"held", 0}, /* run or workflow */
    [FL_EVENT_RELEASED] = {"released", 0},
    [FL_EVENT_ACTION_TAKEN] = {"action-taken", B(action) | B(text)},
    [FL_EVENT_STATE_SET] = {"state-set", B(run) | B(stage) | B(state)},
    [FL_EVENT_RUN_REPLANNED] = {"run-replanned", B(run) | B(digest)},
    [FL_EVENT_PARAM_SET] = {"param-set", B(run) | B(output)},
    [FL_EVENT_WORKFLOW_INSTALLED] = {"workflow-installed", B(workflow) | B(digest)},
    [FL_EVENT_WORKFLOW_RELOADED] = {"workflow-reloaded", B(workflow) | B(digest)},
    [FL_EVENT_WORKFLOW_REMOVED] = {"workflow-removed", B(workflow)},
    [FL_EVENT_CYCLE_SKIPPED] = {"cycle-skipped", B(workflow) | B(cycle)},
    [FL_EVENT_RUN_DROPPED] = {"run-dropped", B(run)},
    [FL_EVENT_NEED_UNMET] = {"need-unmet", B(run) | B(stage) | B(cause) | B(why)},
    [FL_EVENT_RUN_PAGED] = {"run-paged", B(run)},
    [FL_EVENT_TIME_CAME] = {"time-came", B(run) | B(until_ns)},
    [FL_EVENT_SIGNALLED] = {"signalled", B(run) | B(output)},
    [FL_EVENT_FILE_ARRIVED] = {"file-arrived", B(run) | B(stage) | B(path)},
    [FL_EVENT_SOURCE_ARRIVED] = {"source-arrived", B(run) | B(output) | B(cycle) | B(lead)},
    [FL_EVENT_SET_DECLARED] = {"set-declared", B(run) | B(output) | B(text)},
    [FL_EVENT_SET_DELIVERED] = {"set-delivered", B(run) | B(stage) | B(site) | B(sha256)},
    [FL_EVENT_REMOVAL_ASKED] = {"removal-asked", B(run) | B(site) | B(last)},
    [FL_EVENT_FILES_REMOVED] = {"files-removed", B(run) | B(site) | B(last)},
    [FL_EVENT_PRODUCT_WITHDRAWN] = {"product-withdrawn", B(run) | B(path)},
    [FL_EVENT_DEADLINE_AT_RISK] = {"deadline-at-risk", B(run) | B(stage) | B(until_ns) | B(index)},
    [FL_EVENT_DEADLINE_PASSED] = {"deadline-passed", B(run) | B(stage) | B(until_ns) | B(index)},
    [FL_EVENT_CUSTODY_NOTED] = {"custody-noted", B(run) | B(stage) | B(site) | B(last)},
};
_Static_assert(FL_COUNT(types) == FL_EVENT_TYPE_COUNT, "every type has its row");

static const char **text_slot(struct fl_event *event, enum field f)
{
    return (const char **)(void *)((char *)event + fl_event_fields[f].offset);
}

static int64_t *number_slot(struct fl_event *event, enum field f)
{
    return (int64_t *)(void *)((char *)event + fl_event_fields[f].offset);
}

/* Texts of an event that do not fit into it. */
struct fl_event_block {
    struct fl_event_block *next;
    char bytes[];
};

int fl_event_create(enum fl_event_type type, struct fl_event **ret_event, struct fl_err *reterr)
{
    return fl_event_make(NULL, type, ret_event, reterr);
}

int fl_event_make(struct fl_event_pool *pool, enum fl_event_type type, struct fl_event **ret_event,
                  struct fl_err *reterr)
{
    struct fl_event *event = pool ? pool->spare : NULL;

    fl_assert((unsigned)type < FL_EVENT_TYPE_COUNT);
    fl_assert(ret_event);
    if (event) {
        pool->spare = event->next;
        pool->spare_count--;
    } else {
        event = malloc(sizeof(*event));
    }
    if (!event)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for an event");
    memset(event, 0, offsetof(struct fl_event, own));
    event->home = pool;
    event->type = type;
    event->place =
        (struct fl_event_place){NULL, FL_EVENT_NOWHERE, FL_EVENT_NOWHERE, FL_EVENT_NOWHERE};
    *ret_event = event;
    return 0;
}

void fl_event_destroy(struct fl_event *event)
{
    if (!event)
        return;
    while (event->blocks) {
        struct fl_event_block *block = event->blocks;

        event->blocks = block->next;
        free(block);
    }
    json_decref(event->carried);
    if (event->home && event->home->spare_count < FL_EVENT_SPARE_MAX) {
        event->next = event->home->spare;
        event->home->spare = event;
        event->home->spare_count++;
    } else {
        free(event);
    }
}

void fl_event_pool_release(struct fl_event_pool *pool)
{
    while (pool->spare) {
        struct fl_event *event = pool->spare;

        pool->spare = event->next;
        free(event);
    }
    pool->spare_count = 0;
}

char *fl_event_room(struct fl_event *event, size_t size)
{
    struct fl_event_block *block;

    if (size < FL_EVENT_OWN_BYTES - event->own_used) {
        char *room = event->own + event->own_used;

        event->own_used += (uint32_t)size + 1;
        return room;
    }
    block = malloc(sizeof(*block) + size + 1);
    if (!block)
        return NULL;
    block->next = event->blocks;
    event->blocks = block;
    return block->bytes;
}

int fl_event_set_text(struct fl_event *event, const char **field, const char *text,
                      struct fl_err *reterr)
{
    char *room;
    size_t size;

    fl_assert(event);
    fl_assert(field);
    if (!text) {
        *field = NULL;
        return 0;
    }
    size = strnlen(text, FL_EVENT_TEXT_MAX + 1);
    if (size > FL_EVENT_TEXT_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "a text of an event has at most %d bytes",
                          FL_EVENT_TEXT_MAX);
    room = fl_event_room(event, size);
    if (!room)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a text of an event");
    *field = memcpy(room, text, size + 1);
    return 0;
}

static bool is_own(const struct fl_event *event, const char *text)
{
    const struct fl_event_block *block = event->blocks;

    if (text >= event->own && text < event->own + event->own_used)
        return true;
    while (block && text != block->bytes)
        block = block->next;
    return block != NULL;
}

int fl_event_keep(struct fl_event *event, struct fl_err *reterr)
{
    int rc = 0;

    fl_assert(event);
    for (enum field f = 0; rc == 0 && f < F_COUNT; f++) {
        const char *text =
            fl_event_fields[f].is_text ? fl_event_text_at(event, &fl_event_fields[f]) : NULL;

        if (text && !is_own(event, text))
            rc = fl_event_set_text(event, text_slot(event, f), text, reterr);
    }
    return rc;
}

const char *fl_event_type_name(enum fl_event_type type)
{
    fl_assert((unsigned)type < FL_EVENT_TYPE_COUNT);
    return types[type].name;
}

static int time_from_text(const char *text, int64_t *ret_ns, struct fl_err *reterr)
{
    const char *dot = strchr(text, '.');
    char seconds[FL_TIME_TEXT_MAX];
    struct fl_cycle at;
    int64_t ns = 0;
    size_t size;
    int rc;

    if (!dot || strlen(dot) != 11 || dot[10] != 'Z' || strspn(dot + 1, "0123456789") != 9)
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "'%.60s' is not a time of an event; accepted: "
                          "2026-11-24T00:00:00.000000000Z",
                          text);
    size = (size_t)(dot - text);
    if (size + 2 > sizeof(seconds))
        return fl_err_set(reterr, FL_E_PARSE, 0, "'%.60s' is not a time of an event", text);
    memcpy(seconds, text, size);
    seconds[size] = 'Z';
    seconds[size + 1] = '\0';
    rc = fl_cycle_parse(seconds, &at, reterr);
    if (rc < 0)
        return rc;
    for (int i = 1; i <= 9; i++)
        ns = ns * 10 + (dot[i] - '0');
    *ret_ns = at.s * 1000000000 + ns;
    return 0;
}

int fl_event_to_json(const struct fl_event *event, json_t **ret_json, struct fl_err *reterr)
{
    fl_json_auto json_t *json = json_object();
    char time[FL_EVENT_TIME_MAX];
    int bad = 0;

    fl_assert(event);
    fl_assert(ret_json);
    fl_event_time_to_text(event->time_ns, time);
    bad |= json_object_set_new(json, "v", json_integer(FL_EVENT_VERSION));
    bad |= json_object_set_new(json, "seq", json_integer((json_int_t)event->seq.v));
    bad |= json_object_set_new(json, "time", json_string(time));
    bad |= json_object_set_new(json, "type", json_string(types[event->type].name));
    for (enum field f = 0; f < F_COUNT; f++) {
        if (fl_event_fields[f].is_text && fl_event_text_at(event, &fl_event_fields[f]))
            bad |= json_object_set_new(json, fl_event_fields[f].name,
                                       json_string(fl_event_text_at(event, &fl_event_fields[f])));
        if (!fl_event_fields[f].is_text && fl_event_number_at(event, &fl_event_fields[f]) != 0)
            bad |=
                json_object_set_new(json, fl_event_fields[f].name,
                                    json_integer(fl_event_number_at(event, &fl_event_fields[f])));
    }
    if (bad) /* a text that is not UTF-8, or no memory */
        return fl_err_set(reterr, FL_E_PARSE, 0, "event %s has a text that is not UTF-8",
                          types[event->type].name);
    *ret_json = FL_STEAL(json);
    return 0;
}

bool fl_event_type_find(const char *name, size_t size, enum fl_event_type *ret_type)
{
    for (enum fl_event_type type = 0; type < FL_EVENT_TYPE_COUNT; type++) {
        if (strncmp(types[type].name, name, size) == 0 && types[type].name[size] == '\0') {
            *ret_type = type;
            return true;
        }
    }
    return false;
}

bool fl_event_is_whole(const struct fl_event *event)
{
    for (enum field f = 0; f < F_COUNT; f++) {
        if (!((types[event->type].required >> f) & 1))
            continue;
        if (fl_event_fields[f].is_text ? !fl_event_text_at(event, &fl_event_fields[f])
                                       : fl_event_number_at(event, &fl_event_fields[f]) == 0)
            return false;
    }
    return true;
}

static int type_from_name(const char *name, enum fl_event_type *ret_type, struct fl_err *reterr)
{
    if (fl_event_type_find(name, strlen(name), ret_type))
        return 0;
    return fl_err_set(reterr, FL_E_PARSE, 0, "unknown type of event '%.60s'", name);
}

static int field_from_json(struct fl_event *event, enum field f, const json_t *json,
                           struct fl_err *reterr)
{
    bool required = (types[event->type].required >> f) & 1;
    const char *text;
    int rc;

    if (!fl_event_fields[f].is_text) {
        rc = fl_json_int_opt(json, fl_event_fields[f].name, 0, number_slot(event, f), reterr);
        if (rc == 0 && required && *number_slot(event, f) == 0)
            rc = fl_err_set(reterr, FL_E_PARSE, 0, "member '%s' is missing",
                            fl_event_fields[f].name);
        return rc;
    }
    if (required)
        rc = fl_json_string(json, fl_event_fields[f].name, &text, reterr);
    else
        rc = fl_json_string_opt(json, fl_event_fields[f].name, NULL, &text, reterr);
    if (rc < 0)
        return rc;
    rc = fl_event_set_text(event, text_slot(event, f), text, reterr);
    return rc < 0 ? fl_err_note(reterr, rc, "member '%s'", fl_event_fields[f].name) : 0;
}

int fl_event_from_json(const json_t *json, struct fl_event **ret_event, struct fl_err *reterr)
{
    fl_auto(fl_event_destroy) struct fl_event *event = NULL;
    enum fl_event_type type = FL_EVENT_RUN_CREATED;
    const char *text = NULL;
    int64_t version = 0;
    int64_t seq = 0;
    int rc;

    fl_assert(ret_event);
    if (!json_is_object(json))
        return fl_err_set(reterr, FL_E_PARSE, 0, "an event is a JSON object");
    rc = fl_json_int(json, "v", &version, reterr);
    if (rc == 0 && (version < 1 || version > FL_EVENT_VERSION + 1))
        rc = fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                        "event of version %lld; this program reads versions 1 to %d",
                        (long long)version, FL_EVENT_VERSION + 1);
    if (rc == 0)
        rc = fl_json_string(json, "type", &text, reterr);
    if (rc == 0)
        rc = type_from_name(text, &type, reterr);
    if (rc == 0)
        rc = fl_event_create(type, &event, reterr);
    if (rc == 0)
        rc = fl_json_int_opt(json, "seq", 0, &seq, reterr);
    if (rc == 0)
        rc = fl_json_string(json, "time", &text, reterr);
    if (rc == 0)
        rc = time_from_text(text, &event->time_ns, reterr);
    if (rc < 0)
        return rc;
    if (seq < 0)
        return fl_err_set(reterr, FL_E_PARSE, 0, "member 'seq' must not be negative");
    event->seq.v = (uint64_t)seq;
    for (enum field f = 0; f < F_COUNT; f++) {
        rc = field_from_json(event, f, json, reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "event %s", types[type].name);
    }
    *ret_event = FL_STEAL(event);
    return 0;
}

void fl_events_clear(struct fl_events *events)
{
    for (size_t i = 0; i < events->count; i++)
        fl_event_destroy(events->items[i]);
    events->count = 0;
}

void fl_events_release(struct fl_events *events)
{
    fl_events_clear(events);
    free(events->items);
    *events = (struct fl_events){.pool = events->pool};
}

int fl_events_add(struct fl_events *events, struct fl_event *event, struct fl_err *reterr)
{
    fl_assert(event);
    if (events->count >= FL_EVENTS_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "more than %d events in one batch", FL_EVENTS_MAX);
    if (events->count == events->room) {
        size_t room = events->room ? events->room * 2 : 16;
        struct fl_event **items = realloc(events->items, room * sizeof(struct fl_event *));

        if (!items)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a list of events");
        events->items = items;
        events->room = room;
    }
    events->items[events->count++] = event;
    return 0;
}
