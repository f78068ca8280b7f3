/* The coordinator's loop around the core, without anything that is not the core. */
#include "config.h"

#include "bench/engine/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

#define START_NS (INT64_C(1795500000) * 1000000000)
#define WORKER "w1"

struct play {
    struct fl_core *core;
    struct fl_event_pool pool; /* as the coordinator has it */
    struct fl_events events;   /* of the turn */
    struct play_times times;
    int64_t jobs;
    json_t *hello;
    json_t **queue; /* messages that the worker has yet to say, in order */
    size_t queue_at;
    size_t queue_count;
    size_t queue_room;
    uint64_t fed;
    uint64_t seq;
};

static int64_t now_ns(void)
{
    return fl_world_mono_ns(fl_world_real());
}

int play_create(int64_t jobs, struct play **ret_play, struct fl_err *reterr)
{
    fl_auto(play_destroy) struct play *play = calloc(1, sizeof(*play));
    int rc;

    if (!play)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    play->jobs = jobs;
    play->events.pool = &play->pool;
    rc = fl_core_create(&play->core, reterr);
    if (rc < 0)
        return rc;
    *ret_play = FL_STEAL(play);
    return 0;
}

void play_destroy(struct play *play)
{
    if (!play)
        return;
    while (play->queue_at < play->queue_count)
        json_decref(play->queue[play->queue_at++]);
    free(play->queue);
    json_decref(play->hello);
    fl_events_release(&play->events);
    fl_event_pool_release(&play->pool);
    fl_core_destroy(play->core);
    free(play);
}

const struct play_times *play_times(const struct play *play)
{
    return &play->times;
}

static int say(struct play *play, json_t *message, struct fl_err *reterr)
{
    if (message && play->queue_count == play->queue_room) {
        size_t room = play->queue_room ? 2 * play->queue_room : 1024;
        json_t **queue = realloc(play->queue, room * sizeof(*queue));

        if (!queue) {
            json_decref(message);
            message = NULL;
        } else {
            play->queue = queue;
            play->queue_room = room;
        }
    }
    if (!message)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    play->queue[play->queue_count++] = message;
    return 0;
}

/* An entry of the spool of an attempt. */
static int say_entry(struct play *play, const char *id, int index, json_t *event,
                     struct fl_err *reterr)
{
    return say(play,
               event ? json_pack("{s:s,s:s,s:i,s:o}", "type", "attempt", "id", id, "index", index,
                                 "event", event)
                     : NULL,
               reterr);
}

/* What the worker says to what it is told: what may go has begun, and ends at once. */
static int obey(struct play *play, const json_t *told, struct fl_err *reterr)
{
    const char *type = json_string_value(json_object_get(told, "type"));
    const json_t *spec = json_object_get(told, "spec");
    const char *id = json_string_value(json_object_get(spec ? spec : told, "id"));
    bool grant = json_is_true(json_object_get(told, "grant"));
    int rc = 0;

    if (strcmp(type, "launch") == 0)
        rc = say_entry(play, id, 1,
                       json_pack("{s:s,s:O,s:b}", "type", "begin", "token",
                                 json_object_get(spec, "token"), "granted", grant),
                       reterr);
    else if (strcmp(type, "go") != 0)
        return 0;
    if (rc == 0 && (grant || !spec))
        rc = say_entry(play, id, 2, json_pack("{s:s,s:i}", "type", "begun", "pid", 4711), reterr);
    if (rc == 0 && (grant || !spec))
        rc = say_entry(play, id, 3,
                       json_pack("{s:s,s:s,s:i}", "type", "end", "state", "succeeded", "code", 0),
                       reterr);
    return rc;
}

static int apply_all(struct play *play, struct fl_events *events, size_t from,
                     struct fl_err *reterr)
{
    int64_t start_ns = now_ns();
    int rc = 0;

    for (size_t i = from; i < events->count && rc == 0; i++) {
        events->items[i]->seq.v = ++play->seq;
        play->times.ended += events->items[i]->type == FL_EVENT_ATTEMPT_ENDED;
        rc = fl_core_apply(play->core, events->items[i], reterr);
    }
    play->times.apply_ns += now_ns() - start_ns;
    return rc;
}

static int tell(struct play *play, const struct fl_events *events, struct fl_err *reterr)
{
    fl_auto(fl_effects_release) struct fl_effects effects = {0};
    int64_t start_ns = now_ns();
    int rc = 0;

    for (size_t i = 0; i < events->count && rc == 0; i++)
        rc = fl_core_effects(play->core, events->items[i], &effects, reterr);
    play->times.effects_ns += now_ns() - start_ns;
    for (size_t i = 0; i < effects.count && rc == 0; i++)
        rc = obey(play, effects.items[i].message, reterr);
    return rc;
}

static void input_fill(struct play *play, struct fl_input *input, char entropy[65])
{
    (void)snprintf(entropy, 65, "%064llx", (unsigned long long)++play->fed);
    input->entropy = entropy;
    input->now_ns = START_NS + (int64_t)play->fed * 1000;
    input->who = WORKER;
    input->worker = WORKER;
}

static int decide(struct play *play, enum fl_input_type type, const json_t *message,
                  struct fl_events *events, struct fl_err *reterr)
{
    struct fl_input input = {.type = type, .message = message};
    char entropy[65];
    size_t before = events->count;
    int64_t start_ns;
    int rc;

    input_fill(play, &input, entropy);
    start_ns = now_ns();
    rc = fl_core_decide(play->core, &input, events, reterr);
    play->times.decide_ns += now_ns() - start_ns;
    play->times.inputs++;
    return rc < 0 ? rc : apply_all(play, events, before, reterr);
}

static int advance(struct play *play, struct fl_events *events, struct fl_err *reterr)
{
    size_t before;
    int rc = 0;

    do {
        struct fl_input tick = {.type = FL_INPUT_TICK};
        char entropy[65];
        int64_t start_ns;

        before = events->count;
        input_fill(play, &tick, entropy);
        start_ns = now_ns();
        rc = fl_core_advance(play->core, &tick, events, reterr);
        play->times.advance_ns += now_ns() - start_ns;
        if (rc == 0)
            rc = apply_all(play, events, before, reterr);
    } while (rc == 0 && events->count > before);
    return rc;
}

/* Up to a turn's worth of what the worker has to say. */
static int turn(struct play *play, struct fl_err *reterr)
{
    struct fl_events *events = &play->events;
    int rc = 0;

    fl_events_clear(events);
    for (int i = 0; i < PLAY_TURN_MAX && play->queue_at < play->queue_count && rc == 0; i++) {
        json_t *kept = play->queue[play->queue_at++];
        json_t *message = json_deep_copy(kept); /* new, as one that was just parsed is */

        json_decref(kept);
        rc = message ? decide(play, FL_INPUT_ATTEMPT, message, events, reterr)
                     : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
        json_decref(message);
    }
    if (play->queue_at == play->queue_count)
        play->queue_at = play->queue_count = 0;
    if (rc == 0)
        rc = advance(play, events, reterr);
    play->times.events += events->count;
    return rc < 0 ? rc : tell(play, events, reterr);
}

static json_t *make_hello(const struct play *play, const struct fl_workflow *workflow)
{
    json_t *hello = json_pack("{s:s,s:i,s:s,s:[],s:[],s:[]}", "type", "hello", "v", 1, "worker",
                              WORKER, "attempts", "pools", "sites");

    for (size_t i = 0; hello && i < workflow->pool_count; i++)
        (void)json_array_append_new(json_object_get(hello, "pools"),
                                    json_pack("{s:s,s:s,s:I,s:I}", "pool", workflow->pools[i].name,
                                              "site", workflow->sites[workflow->pools[i].site].name,
                                              "cores", (json_int_t)play->jobs, "jobs",
                                              (json_int_t)play->jobs));
    for (size_t i = 0; hello && i < workflow->site_count; i++)
        (void)json_array_append_new(
            json_object_get(hello, "sites"),
            json_pack("{s:s,s:s}", "site", workflow->sites[i].name, "door", "http://127.0.0.1:1"));
    return hello;
}

int play_submit(struct play *play, struct fl_workflow *workflow, struct fl_err *reterr)
{
    fl_auto(fl_events_release) struct fl_events events = {0};
    fl_json_auto json_t *submit = NULL;
    char digest[FL_DIGEST_HEX];
    int rc;

    play->hello = make_hello(play, workflow);
    rc = fl_workflow_digest(workflow, digest, reterr);
    submit = json_pack("{s:s,s:s}", "digest", digest, "cycle", "20261124T0000Z");
    if (rc == 0 && (!play->hello || !submit))
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc < 0) {
        fl_workflow_destroy(workflow);
        return rc;
    }
    rc = fl_core_add_workflow(play->core, digest, workflow, reterr);
    if (rc == 0)
        rc = decide(play, FL_INPUT_SUBMIT, submit, &events, reterr);
    if (rc == 0)
        rc = advance(play, &events, reterr);
    return rc;
}

int play_run(struct play *play, struct fl_err *reterr)
{
    fl_auto(fl_events_release) struct fl_events events = {0};
    int rc;

    memset(&play->times, 0, sizeof(play->times));
    rc = decide(play, FL_INPUT_WORKER_HELLO, play->hello, &events, reterr);
    if (rc == 0)
        rc = advance(play, &events, reterr);
    if (rc == 0)
        rc = tell(play, &events, reterr);
    while (rc == 0 && play->queue_count > 0)
        rc = turn(play, reterr);
    return rc;
}
