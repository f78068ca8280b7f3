/* Workers of the simulation. */
#include "config.h"

#include "tests/sim/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

static void send(struct node *node, json_t *message)
{
    struct fl_err err = {0};

    fl_assert(message);
    if (node->client && fl_bus_client_send(node->client, message, &err) < 0)
        node->broken = "the queue of a worker is full";
    json_decref(message);
}

static void send_entry(struct node *node, const struct folder *f, size_t index)
{
    send(node, json_pack("{s:s,s:s,s:I,s:O}", "type", "attempt", "id", f->id, "index",
                         (json_int_t)index, "event", f->spool[index - 1]));
}

static void spool(struct node *node, struct folder *f, json_t *entry)
{
    fl_assert(entry);
    fl_assert(f->spool_count < NODE_SPOOL_MAX);
    f->spool[f->spool_count++] = entry;
    if (node->said_hello)
        send_entry(node, f, f->spool_count);
}

static void say_hello(struct node *node)
{
    json_t *live = json_array();
    char name[8];

    (void)snprintf(name, sizeof(name), "w%d", node->number);
    for (size_t i = 0; i < node->folder_count; i++)
        if (node->folders[i].exists)
            (void)json_array_append_new(live, json_string(node->folders[i].id));
    send(node, json_pack("{s:s,s:s,s:[{s:s,s:s,s:i,s:i}],s:[{s:s,s:s}],s:o}", "type", "hello",
                         "worker", name, "pools", "pool", "local", "site", "local", "cores",
                         NODE_CORES, "jobs", NODE_JOBS, "sites", "site", "local", "door",
                         "http://127.0.0.1:1", "attempts", live));
    node->said_hello = true;
    for (size_t i = 0; i < node->folder_count; i++)
        if (node->folders[i].exists)
            for (size_t n = (size_t)node->folders[i].acked; n < node->folders[i].spool_count; n++)
                send_entry(node, &node->folders[i], n + 1);
}

static struct folder *folder_of(struct node *node, const char *id)
{
    for (size_t i = 0; i < node->folder_count; i++)
        if (strcmp(node->folders[i].id, id) == 0)
            return &node->folders[i];
    return NULL;
}

static void folder_clear(struct folder *f)
{
    json_decref(f->outputs);
    for (size_t n = 0; n < f->spool_count; n++)
        json_decref(f->spool[n]);
    memset(f, 0, sizeof(*f));
}

/* The four bits of an input by its name, "i2". */
static uint32_t input_bits(const char *input)
{
    return UINT32_C(15) << ((uint32_t)(input[1] - '0') * SIM_LEADS);
}

static void count_members(struct folder *f, const json_t *inputs)
{
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        const json_t *one = json_array_get(inputs, i);
        const char *input = json_string_value(json_object_get(one, "input"));
        const char *lead = json_string_value(json_object_get(one, "lead"));

        if (input && lead)
            f->members |= UINT32_C(1) << ((uint32_t)(input[1] - '0') * SIM_LEADS +
                                          (uint32_t)strtoul(lead + 1, NULL, 10) / 3);
    }
}

static void end_body(struct node *node, struct folder *f, const char *state, const char *class)
{
    f->body = BODY_ENDED;
    spool(node, f,
          json_pack("{s:s,s:s,s:i,s:s*}", "type", "end", "state", state, "code",
                    strcmp(state, "succeeded") ? 1 : 0, "class", class));
}

static void start_body(struct node *node, struct folder *f)
{
    f->body = BODY_RUNS;
    if (++f->starts > 1)
        node->broken = "the body of an attempt started twice";
}

/* Until when the coordinator cannot have given this worker up; then a launch that carries the grant
 * starts its body without a question. */
static bool may_begin(const struct node *node, const json_t *message)
{
    return json_is_true(json_object_get(message, "grant")) &&
           node->net->now_ns < fl_bus_client_present_ns(node->client);
}

static struct folder *make_folder(struct node *node, const json_t *spec, struct folder *f)
{
    const json_t *follow = json_object_get(spec, "follow");

    if (!f) {
        fl_assert(node->folder_count < NODE_FOLDERS_MAX);
        f = &node->folders[node->folder_count++];
    }
    folder_clear(f); /* one that a disk has lost is made anew */
    f->exists = true;
    (void)snprintf(f->id, sizeof(f->id), "%s", json_string_value(json_object_get(spec, "id")));
    (void)snprintf(f->token, sizeof(f->token), "%s",
                   json_string_value(json_object_get(spec, "token")));
    f->outputs = json_incref(json_object_get(spec, "outputs"));
    for (size_t i = 0; i < json_array_size(follow); i++)
        f->wanted |= input_bits(json_string_value(json_array_get(follow, i)));
    count_members(f, json_object_get(spec, "inputs"));
    return f;
}

static void on_launch(struct node *node, const json_t *message)
{
    const json_t *spec = json_object_get(message, "spec");
    struct folder *f = folder_of(node, json_string_value(json_object_get(spec, "id")));
    bool runs = f && f->body == BODY_RUNS;

    if (f && !f->lost)
        return; /* the folder is there, or was: made once only */
    if (f && json_is_true(json_object_get(message, "grant")))
        node->broken = "a launch with a grant came twice";
    f = make_folder(node, spec, f);
    if (runs) { /* found by its token, and killed */
        end_body(node, f, "failed", "transient");
    } else if (may_begin(node, message)) {
        spool(node, f,
              json_pack("{s:s,s:s,s:b}", "type", "begin", "token", f->token, "granted", true));
        start_body(node, f);
    } else {
        spool(node, f, json_pack("{s:s,s:s}", "type", "begin", "token", f->token));
    }
}

static void on_go(struct node *node, struct folder *f, const json_t *message)
{
    const char *token = json_string_value(json_object_get(message, "token"));

    if (f->body != BODY_WAITS || !token || strcmp(token, f->token) != 0)
        return;
    start_body(node, f);
    spool(node, f, json_pack("{s:s,s:i}", "type", "begun", "pid", 1));
}

static void on_message(struct node *node, const json_t *message)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *id = json_string_value(json_object_get(message, "id"));
    struct folder *f = id ? folder_of(node, id) : NULL;

    if (strcmp(type, "again") == 0) {
        say_hello(node);
        return;
    }
    if (strcmp(type, "launch") == 0) {
        on_launch(node, message);
        return;
    }
    if (strcmp(type, "prove") == 0 && (!f || !f->exists)) {
        if (f) /* a body that runs is killed */
            f->body = BODY_ENDED;
        send(node, json_pack("{s:s,s:s,s:i,s:{s:s,s:s}}", "type", "attempt", "id", id, "index", 1,
                             "event", "type", "end", "state", "lost"));
        return;
    }
    if (strcmp(type, "cancel") == 0 && (!f || (f->lost && !f->exists))) {
        /* its launch, or all that was left of it, is lost; a body that runs is killed */
        if (f)
            f->body = BODY_ENDED;
        send(node, json_pack("{s:s,s:s,s:i,s:{s:s,s:s}}", "type", "attempt", "id", id, "index", 1,
                             "event", "type", "end", "state", "cancelled"));
        return;
    }
    if (!f || !f->exists)
        return;
    if (strcmp(type, "go") == 0)
        on_go(node, f, message);
    else if ((strcmp(type, "refuse") == 0 && f->body == BODY_WAITS) ||
             (strcmp(type, "cancel") == 0 && f->body != BODY_ENDED))
        end_body(node, f, "cancelled", NULL);
    else if (strcmp(type, "provide") == 0)
        count_members(f, json_object_get(message, "inputs"));
    else if (strcmp(type, "ack") == 0 &&
             json_integer_value(json_object_get(message, "index")) > f->acked)
        f->acked = json_integer_value(json_object_get(message, "index"));
    else if (strcmp(type, "forget") == 0)
        f->exists = false;
}

void node_poll(struct node *node)
{
    struct fl_bus_event event;

    while (node->client && fl_bus_client_recv(node->client, &event, NULL) == 0) {
        switch (event.kind) {
        case FL_BUS_OPENED:
            say_hello(node);
            break;
        case FL_BUS_MESSAGE:
            on_message(node, event.message);
            json_decref(event.message);
            break;
        case FL_BUS_RESET:
            node->said_hello = false;
            break;
        case FL_BUS_GONE:
        case FL_BUS_BACK:
        case FL_BUS_ROOM:
            break;
        case FL_BUS_CLOSED:
            node->broken = "a live worker lost its name to a packet of one that is dead";
            return;
        }
    }
}

void node_step(struct node *node)
{
    static const char *const classes[] = {"transient", "limit", "data", "config"};
    struct sim_random *random = node->net->random;
    struct folder *f;
    const json_t *output;
    uint32_t luck;
    char path[256];
    char sha[FL_DIGEST_HEX];

    if (node->folder_count == 0)
        return;
    f = &node->folders[sim_pick(random, (uint32_t)node->folder_count)];
    if (!f->exists || f->body != BODY_RUNS)
        return;
    luck = sim_pick(random, 1000);
    if (node->net->faults && luck < 20) {
        end_body(node, f, luck < 3 ? "timed-out" : "failed", classes[sim_pick(random, 4)]);
        return;
    }
    if (f->said == json_array_size(f->outputs)) {
        if ((f->members & f->wanted) == f->wanted)
            end_body(node, f, "succeeded", NULL);
        return;
    }
    output = json_array_get(f->outputs, f->said++);
    if (node->net->faults && luck > 985) {
        spool(node, f,
              json_pack("{s:s,s:s,s:s*,s:s}", "type", "absent", "output", "o", "lead",
                        json_string_value(json_object_get(output, "lead")), "cause", "not there"));
        return;
    }
    (void)snprintf(path, sizeof(path), "work/%s/out/%s", f->id,
                   json_string_value(json_object_get(output, "file")));
    fl_digest_memory(path, strlen(path) / 2, sha);
    spool(node, f,
          json_pack("{s:s,s:s,s:s*,s:s,s:i,s:s}", "type", "output", "output", "o", "lead",
                    json_string_value(json_object_get(output, "lead")), "path", path, "size", 1,
                    "sha256", sha));
}

void node_start(struct node *node)
{
    node->said_hello = false;
    fl_assert(fl_bus_client_create(&node->net->world, sim_net_transport(node->net, node->number),
                                   NULL, &node->client, NULL) == 0);
}

void node_kill(struct node *node)
{
    node->net->mute = true;
    fl_bus_client_destroy(node->client);
    node->net->mute = false;
    node->client = NULL;
}

void node_release(struct node *node)
{
    node_kill(node);
    for (size_t i = 0; i < node->folder_count; i++)
        folder_clear(&node->folders[i]);
}

void node_lose_folder(struct node *node)
{
    if (node->folder_count > 0) {
        struct folder *f =
            &node->folders[sim_pick(node->net->random, (uint32_t)node->folder_count)];

        f->lost |= f->exists;
        f->exists = false;
    }
    node_kill(node);
    node_start(node);
}
