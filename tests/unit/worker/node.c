/* The coordinator's end of the bus for the tests of the worker. */
#include "config.h"

#include "tests/unit/worker/node.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/world/file.h"
#include "engine/world/process.h"
#include "engine/world/wake.h"

#define PATIENCE_NS INT64_C(60000000000) /* only ever reached when something is broken */
#define ITEMS_MAX 16

void node_open(struct node *node)
{
    struct fl_err err = {0};

    memset(node, 0, sizeof(*node));
    node->pidfd = -1;
    node->seen = json_array();
    node->others = json_array();
    assert_ok(fl_keys_setup(fl_world_real(), "keys", "w1", &err), err);
    assert_ok(
        fl_bus_listen(fl_world_real(), "keys", "tcp://127.0.0.1:*", NULL, &node->server, &err),
        err);
}

void node_close(struct node *node)
{
    fl_worker_destroy(node->worker);
    node->worker = NULL;
    if (node->pid > 0)
        node_kill(node);
    fl_bus_server_destroy(node->server);
    json_decref(node->seen);
    json_decref(node->others);
    json_decref(node->hello);
}

void node_embed(struct node *node)
{
    const struct fl_worker_pool pool = {.pool = "hpc", .site = "hpc", .cores = 2, .jobs = 8};
    const struct fl_worker_site site = {.site = "hpc", .root = "hpc"};
    const struct fl_worker_config config = {.name = "w1",
                                            .coordinator = fl_bus_server_endpoint(node->server),
                                            .keys_dir = "keys",
                                            .pools = &pool,
                                            .pool_count = 1,
                                            .sites = &site,
                                            .site_count = 1,
                                            .no_doors = !node->doors};
    struct fl_err err = {0};

    assert_ok(fl_worker_create(fl_world_real(), &config, &node->worker, &err), err);
}

void node_process(struct node *node)
{
    char path[4096];
    const char *const argv[] = {"fairlead-worker",
                                "--name",
                                "w1",
                                "--coordinator",
                                fl_bus_server_endpoint(node->server),
                                "--keys",
                                "keys",
                                "--site",
                                "hpc=hpc",
                                "--pool",
                                "hpc:site=hpc,cores=2,jobs=8",
                                "--no-doors",
                                NULL};
    struct fl_spawn spawn = {.argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = 2};
    struct fl_err err = {0};

    assert_ok(fl_process_find(fl_world_real(), "fairlead-worker", path, sizeof(path), &err), err);
    spawn.path = path;
    assert_ok(fl_process_spawn(fl_world_real(), &spawn, &node->pid, &err), err);
    node->pidfd = fl_world_real()->ops->pidfd(node->pid, NULL);
    assert_true(node->pidfd >= 0);
}

void node_kill(struct node *node)
{
    struct fl_wait_item item = {.fd = node->pidfd};
    struct fl_exit ended;
    struct fl_err err = {0};

    (void)kill(node->pid, SIGKILL);
    assert_ok(fl_world_wait(fl_world_real(), &item, 1, PATIENCE_NS, &err), err);
    assert_true(fl_process_ended(fl_world_real(), node->pid, &ended));
    fl_wake_close(node->pidfd);
    node->pid = 0;
    node->pidfd = -1;
}

json_t *node_spec(const char *script, json_t *more)
{
    struct fl_err err = {0};
    char token[65];
    json_t *spec;

    assert_ok(fl_world_random_hex(fl_world_real(), token, 64, &err), err);
    spec =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:[],s:[{s:s,s:s}],s:[],s:{s:i,s:s}}",
                  "id", NODE_ID, "run", "wf/20181009T0000Z", "workflow", "wf", "cycle",
                  "20181009T0000Z", "stage", "stage", "attempt", 1, "token", token, "pool", "hpc",
                  "site", "hpc", "program", "./run.sh", "args", "files", "name", "run.sh",
                  "content", script, "outputs", "success", "exit", 0, "outputs", "all");
    assert_non_null(spec);
    if (more)
        assert_int_equal(json_object_update(spec, more), 0);
    json_decref(more);
    return spec;
}

void node_say(struct node *node, json_t *message)
{
    struct fl_err err = {0};

    assert_non_null(message);
    assert_ok(fl_bus_server_send_worker(node->server, "w1", message, &err), err);
    json_decref(message);
}

void node_launch(struct node *node, json_t *spec)
{
    node_say(node, json_pack("{s:s,s:o}", "type", "launch", "spec", spec));
}

static bool seen_before(const struct node *node, const char *id, json_int_t index)
{
    size_t i;
    json_t *one;

    json_array_foreach(node->seen, i, one)
    {
        if (strcmp(node_text(one, "id"), id) == 0 &&
            json_integer_value(json_object_get(one, "index")) == index)
            return true;
    }
    return false;
}

static void take_attempt(struct node *node, const json_t *message)
{
    const char *id = node_text(message, "id");
    json_int_t index = json_integer_value(json_object_get(message, "index"));
    const json_t *event = json_object_get(message, "event");

    if (!seen_before(node, id, index))
        (void)json_array_append(node->seen, (json_t *)(uintptr_t)message);
    if (!node->no_ack && strcmp(node_text(event, "type"), "end") == 0)
        node_say(node, json_pack("{s:s,s:s}", "type", "forget", "id", id));
    else if (!node->no_ack)
        node_say(node, json_pack("{s:s,s:s,s:I}", "type", "ack", "id", id, "index", index));
    if (!node->no_go && strcmp(node_text(event, "type"), "begin") == 0)
        node_say(node, json_pack("{s:s,s:s,s:s}", "type", "go", "id", id, "token",
                                 node_text(event, "token")));
}

static void take_event(struct node *node, struct fl_bus_event *event)
{
    const char *type;

    if (event->kind != FL_BUS_MESSAGE)
        return;
    type = node_text(event->message, "type");
    if (strcmp(type, "hello") == 0) {
        json_decref(node->hello);
        node->hello = json_incref(event->message);
        node->hellos++;
        node_say(node, json_pack("{s:s,s:i}", "type", "welcome", "epoch", 1));
    } else if (strcmp(type, "attempt") == 0) {
        take_attempt(node, event->message);
    } else {
        (void)json_array_append(node->others, event->message);
    }
    json_decref(event->message);
}

static void turn(struct node *node, int64_t end_ns)
{
    struct fl_wait_item items[ITEMS_MAX];
    struct fl_bus_event event;
    struct fl_err err = {0};
    int64_t due_ns;
    int64_t now_ns;
    size_t count = 0;
    bool news = false;

    while (fl_bus_server_recv(node->server, &event, &err) == 0) {
        take_event(node, &event);
        news = true;
    }
    if (node->worker && fl_worker_turn(node->worker, &err) < 0)
        fail_msg("worker: %s", err.text);
    if (news)
        return; /* it may be what is waited for */
    due_ns = fl_bus_server_timer(node->server);
    if (node->worker && fl_worker_timer(node->worker) < due_ns)
        due_ns = fl_worker_timer(node->worker);
    now_ns = fl_world_mono_ns(fl_world_real());
    if (now_ns >= end_ns)
        fail_msg("waited in vain");
    count += fl_bus_server_wait_items(node->server, items, ITEMS_MAX);
    if (node->worker)
        count += fl_worker_wait_items(node->worker, items + count, ITEMS_MAX - count);
    if (due_ns > end_ns)
        due_ns = end_ns;
    (void)fl_world_wait(fl_world_real(), items, count, due_ns > now_ns ? due_ns - now_ns : 0, NULL);
}

const json_t *node_until(struct node *node, const char *type)
{
    int64_t end_ns = fl_world_mono_ns(fl_world_real()) + PATIENCE_NS;

    for (;;) {
        size_t i;
        json_t *one;

        json_array_foreach(node->seen, i, one)
        {
            const json_t *event = json_object_get(one, "event");

            if (strcmp(node_text(one, "id"), NODE_ID) == 0 &&
                strcmp(node_text(event, "type"), type) == 0)
                return event;
        }
        turn(node, end_ns);
    }
}

void node_until_count(struct node *node, const char *type, int count)
{
    int64_t end_ns = fl_world_mono_ns(fl_world_real()) + PATIENCE_NS;

    while (node_count(node, type) < count)
        turn(node, end_ns);
}

const json_t *node_until_message(struct node *node, const char *type)
{
    int64_t end_ns = fl_world_mono_ns(fl_world_real()) + PATIENCE_NS;

    for (;;) {
        size_t i;
        json_t *one;

        json_array_foreach(node->others, i, one)
        {
            if (strcmp(node_text(one, "type"), type) == 0)
                return one;
        }
        turn(node, end_ns);
    }
}

void node_until_hello(struct node *node, int count)
{
    int64_t end_ns = fl_world_mono_ns(fl_world_real()) + PATIENCE_NS;

    while (node->hellos < count)
        turn(node, end_ns);
}

const char *node_text(const json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));

    return text ? text : "";
}

int node_count(const struct node *node, const char *type)
{
    int count = 0;
    size_t i;
    json_t *one;

    json_array_foreach(node->seen, i, one)
    {
        if (strcmp(node_text(json_object_get(one, "event"), "type"), type) == 0)
            count++;
    }
    return count;
}

bool node_runs(pid_t pid)
{
    struct fl_buf text;
    char path[64];
    const char *end;
    bool runs;

    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    fl_buf_init(&text, 0);
    runs = fl_file_read(fl_world_real(), path, 4096, &text, NULL) == 0;
    end = runs ? strrchr(text.data, ')') : NULL;
    runs = end && end[2] != 'Z';
    fl_buf_release(&text);
    return runs;
}

pid_t node_pid_in(const char *path)
{
    char *text = test_file_read(path, NULL);
    pid_t pid = (pid_t)strtol(text, NULL, 10);

    free(text);
    assert_true(pid > 1);
    return pid;
}

/* A script with the path of fairlead-event in $E; free with free(). */
char *node_script(const char *body)
{
    struct fl_buf text;

    fl_buf_init(&text, 0);
    fl_buf_printf(&text, "#!/bin/sh\nset -e\nE='%s'\n%s", node_event_program(), body);
    return fl_buf_steal(&text);
}

void node_run(struct node *node, const char *body, json_t *more)
{
    char *text = node_script(body);

    node_embed(node);
    node_until_hello(node, 1);
    node_launch(node, node_spec(text, more));
    free(text);
}

void node_assert_end(const json_t *end, const char *state, const char *class, const char *reason)
{
    if (strcmp(node_text(end, "state"), state) != 0 ||
        strcmp(node_text(end, "class"), class) != 0 || !strstr(node_text(end, "reason"), reason))
        fail_msg("ended '%s' class '%s': %s", node_text(end, "state"), node_text(end, "class"),
                 node_text(end, "reason"));
}

bool node_log_has(const char *words)
{
    char *text = test_file_read(NODE_FOLDER "/log/stdout", NULL);
    bool found = strstr(text, words) != NULL;

    free(text);
    return found;
}

json_t *node_supervisor(void)
{
    char *text = test_file_read(NODE_FOLDER "/supervisor.json", NULL);
    json_t *json = json_loads(strchr(text, '{'), 0, NULL); /* behind the process id */

    free(text);
    assert_non_null(json);
    return json;
}

const char *node_event_program(void)
{
    static char path[4096];
    struct fl_err err = {0};

    assert_ok(fl_process_find(fl_world_real(), "fairlead-event", path, sizeof(path), &err), err);
    return path;
}
