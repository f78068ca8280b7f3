/* The made-up worker. */
#include "config.h"

#include "bench/engine/hand.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/bus/keys.h"

#include "engine/base/banned.h"

#define TABLE_MIN 1024
#define SPOOL_MAX 3 /* begin, begun, end */

struct attempt {
    char *id;
    char *token;
    int said; /* entries of its spool */
    int acked;
    bool grant; /* of its launch: it need not ask */
    bool held;
    bool gone; /* the coordinator has said that it may be forgotten */
};

struct hand {
    struct hand_config config;
    struct fl_bus_client *client;
    struct attempt *table; /* open addressing; size is a power of two */
    size_t size;
    size_t used;
    bool greeted;
    struct hand_counts counts;
};

static uint64_t hash(const char *id)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; *id; id++)
        h = (h ^ (uint8_t)*id) * UINT64_C(1099511628211);
    return h ^ (h >> 29);
}

/* Where an id stands, or would. */
static struct attempt *seat(struct attempt *table, size_t size, const char *id)
{
    size_t at = (size_t)hash(id) & (size - 1);

    while (table[at].id && strcmp(table[at].id, id) != 0)
        at = (at + 1) & (size - 1);
    return &table[at];
}

static int table_grow(struct hand *hand, struct fl_err *reterr)
{
    size_t size = hand->size ? 2 * hand->size : TABLE_MIN;
    struct attempt *table;

    if (size > 2 * HAND_ATTEMPTS_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "more than %zu attempts", HAND_ATTEMPTS_MAX);
    table = calloc(size, sizeof(*table));
    if (!table)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    for (size_t i = 0; i < hand->size; i++)
        if (hand->table[i].id)
            *seat(table, size, hand->table[i].id) = hand->table[i];
    free(hand->table);
    hand->table = table;
    hand->size = size;
    return 0;
}

int hand_create(const struct hand_config *config, struct hand **ret_hand, struct fl_err *reterr)
{
    fl_auto(hand_destroy) struct hand *hand = calloc(1, sizeof(*hand));
    int rc;

    if (!hand)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    hand->config = *config;
    rc = table_grow(hand, reterr);
    if (rc == 0)
        rc = fl_bus_connect(fl_world_real(), config->keys, "worker", config->endpoint, NULL,
                            &hand->client, reterr);
    if (rc < 0)
        return rc;
    *ret_hand = FL_STEAL(hand);
    return 0;
}

void hand_destroy(struct hand *hand)
{
    if (!hand)
        return;
    fl_bus_client_destroy(hand->client);
    for (size_t i = 0; i < hand->size; i++) {
        free(hand->table[i].id);
        free(hand->table[i].token);
    }
    free(hand->table);
    free(hand);
}

static int send(struct hand *hand, json_t *message, struct fl_err *reterr)
{
    fl_json_auto json_t *owned = message;

    if (!owned)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    return fl_bus_client_send(hand->client, owned, reterr);
}

static int send_entry(struct hand *hand, const struct attempt *a, int index, struct fl_err *reterr)
{
    json_t *event;

    if (index == 1)
        event = json_pack("{s:s,s:s,s:b}", "type", "begin", "token", a->token, "granted", a->grant);
    else if (index == 2)
        event = json_pack("{s:s,s:i}", "type", "begun", "pid", 4711);
    else
        event = json_pack("{s:s,s:s,s:i}", "type", "end", "state", "succeeded", "code", 0);
    return send(hand,
                json_pack("{s:s,s:s,s:i,s:o}", "type", "attempt", "id", a->id, "index", index,
                          "event", event),
                reterr);
}

static int spool(struct hand *hand, struct attempt *a, struct fl_err *reterr)
{
    a->said++;
    return hand->greeted ? send_entry(hand, a, a->said, reterr) : 0;
}

static int greet(struct hand *hand, struct fl_err *reterr)
{
    json_t *live = json_array();
    int rc;

    for (size_t i = 0; live && i < hand->size; i++)
        if (hand->table[i].id && !hand->table[i].gone)
            (void)json_array_append_new(live, json_string(hand->table[i].id));
    hand->greeted = true;
    hand->counts.first_ns = 0;
    hand->counts.sessions++;
    rc = send(hand,
              json_pack("{s:s,s:i,s:s,s:s,s:[{s:s,s:s,s:I,s:I}],s:[{s:s,s:s}],s:o}", "type",
                        "hello", "v", 1, "worker", hand->config.name, "host", "bench", "pools",
                        "pool", hand->config.pool, "site", hand->config.site, "cores",
                        (json_int_t)hand->config.jobs, "jobs", (json_int_t)hand->config.jobs,
                        "sites", "site", hand->config.site, "door", "http://127.0.0.1:1",
                        "attempts", live),
              reterr);
    for (size_t i = 0; i < hand->size && rc == 0; i++) {
        const struct attempt *a = &hand->table[i];

        for (int n = a->acked + 1; a->id && !a->gone && n <= a->said && rc == 0; n++)
            rc = send_entry(hand, a, n, reterr);
    }
    return rc;
}

/* Says what may be said: all of it once the body may begin. */
static int say_on(struct hand *hand, struct attempt *a, bool may_begin, struct fl_err *reterr)
{
    int until = may_begin ? SPOOL_MAX : 1;
    int rc = 0;

    while (a->said < until && rc == 0)
        rc = spool(hand, a, reterr);
    return rc;
}

static int on_launch(struct hand *hand, const json_t *message, struct fl_err *reterr)
{
    const json_t *spec = json_object_get(message, "spec");
    const char *id = json_string_value(json_object_get(spec, "id"));
    const char *token = json_string_value(json_object_get(spec, "token"));
    struct attempt *a;
    int rc = 0;

    if (!id || !token)
        return fl_err_set(reterr, FL_E_PARSE, 0, "a launch without id or token");
    if (2 * hand->used >= hand->size)
        rc = table_grow(hand, reterr);
    if (rc < 0)
        return rc;
    a = seat(hand->table, hand->size, id);
    if (a->id) {
        hand->counts.again++;
        return 0;
    }
    a->id = strdup(id);
    a->token = strdup(token);
    if (!a->id || !a->token)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    hand->used++;
    hand->counts.launched++;
    if (!hand->counts.first_ns)
        hand->counts.first_ns = fl_world_mono_ns(fl_world_real());
    a->grant = json_is_true(json_object_get(message, "grant"));
    a->held = hand->config.hold && strstr(id, hand->config.hold);
    return a->held ? 0 : say_on(hand, a, a->grant, reterr);
}

static int on_message(struct hand *hand, const json_t *message, struct fl_err *reterr)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *id = json_string_value(json_object_get(message, "id"));
    struct attempt *a;

    if (strcmp(type, "launch") == 0)
        return on_launch(hand, message, reterr);
    if (strcmp(type, "again") == 0)
        return greet(hand, reterr); /* not everything that we were told was kept for us */
    a = id ? seat(hand->table, hand->size, id) : NULL;
    if (!a || !a->id)
        return 0;
    if (strcmp(type, "go") == 0)
        return say_on(hand, a, true, reterr);
    if (strcmp(type, "ack") == 0) {
        int64_t index = json_integer_value(json_object_get(message, "index"));

        if (index > a->acked && index <= a->said)
            a->acked = (int)index;
    }
    if (strcmp(type, "forget") == 0 && !a->gone) {
        a->gone = true;
        hand->counts.ended++;
        hand->counts.last_ended_ns = fl_world_mono_ns(fl_world_real());
    }
    return 0;
}

int hand_turn(struct hand *hand, struct fl_err *reterr)
{
    struct fl_bus_event event;
    int rc;

    while ((rc = fl_bus_client_recv(hand->client, &event, reterr)) == 0) {
        if (event.kind == FL_BUS_OPENED)
            rc = greet(hand, reterr);
        else if (event.kind == FL_BUS_RESET)
            hand->greeted = false;
        else if (event.kind == FL_BUS_CLOSED)
            rc = fl_err_set(reterr, FL_E_LOCKED, 0, "another process is '%s'", hand->config.name);
        else if (event.kind == FL_BUS_MESSAGE)
            rc = on_message(hand, event.message, reterr);
        json_decref(event.message);
        if (rc < 0)
            return rc;
    }
    return rc == FL_E_AGAIN ? 0 : rc;
}

int hand_release(struct hand *hand, struct fl_err *reterr)
{
    int rc = 0;

    hand->config.hold = NULL;
    for (size_t i = 0; i < hand->size && rc == 0; i++) {
        if (!hand->table[i].held)
            continue;
        hand->table[i].held = false;
        rc = say_on(hand, &hand->table[i], hand->table[i].grant, reterr);
    }
    return rc;
}

struct fl_bus_client *hand_client(struct hand *hand)
{
    return hand->client;
}

const struct hand_counts *hand_counts(const struct hand *hand)
{
    return &hand->counts;
}
