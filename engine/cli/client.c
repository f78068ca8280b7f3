/* Requests over the bus, or answered from the store. */
#include "config.h"

#include "engine/cli/client.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/bus/keys.h"
#include "engine/coordinator/coordinator.h"
#include "engine/world/file.h"
#include "engine/world/local.h"
#include "engine/world/process.h"

#include "engine/base/banned.h"

#define ENDPOINT_MAX ((size_t)16 * 1024)
#define CONNECT_NS ((int64_t)10 * 1000000000)
#define ITEMS_MAX 8
#define STATUS_PART 10000 /* instances of one answer */

static int remember_state(struct fl_client *client, const struct fl_world *world, const char *state,
                          struct fl_err *reterr)
{
    int used;

    memset(client, 0, sizeof(*client));
    client->world = world;
    client->alarm_fd = -1;
    used = snprintf(client->state, sizeof(client->state), "%s", state);
    if (used < 0 || (size_t)used >= sizeof(client->state))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "state folder '%.200s': the name is too long",
                          state);
    return 0;
}

/* Turns what a reply says into a result or its error. Takes reply over. */
static int reply_open(json_t *reply, json_t **ret_result, struct fl_err *reterr)
{
    fl_json_auto json_t *owned = reply;
    const json_t *error = json_object_get(owned, "error");
    const char *text = "no text";
    const char *name = "";
    int code = FL_E_BUG;

    if (json_is_true(json_object_get(owned, "ok"))) {
        *ret_result = json_incref(json_object_get(owned, "result"));
        return *ret_result ? 0 : fl_err_set(reterr, FL_E_PARSE, 0, "an answer without a result");
    }
    (void)fl_json_string_opt(error, "code", "", &name, NULL); /* an odd reply keeps the defaults */
    (void)fl_json_string_opt(error, "text", text, &text, NULL);
    for (int known = -1; known >= FL_E_CANCELLED; known--) {
        if (strcmp(fl_err_name(known), name) == 0)
            code = known;
    }
    return fl_err_set(reterr, code, 0, "%s", text);
}

static json_t *reply_take(struct fl_client *client, int64_t id)
{
    for (size_t i = 0; i < client->reply_count; i++) {
        json_t *reply = client->replies[i];

        if (json_integer_value(json_object_get(reply, "id")) == id) {
            client->replies[i] = client->replies[--client->reply_count];
            return reply;
        }
    }
    return NULL;
}

/* Takes in what has arrived; *ret_opened when the coordinator was heard for the first time. */
static int client_pump(struct fl_client *client, bool *ret_opened, struct fl_err *reterr)
{
    for (;;) {
        struct fl_bus_event event = {0};
        struct fl_err err = {0};
        int rc = fl_bus_client_recv(client->bus, &event, &err);

        if (rc == FL_E_AGAIN)
            return 0;
        if (rc < 0)
            return fl_err_set(reterr, rc, err.foreign, "%s", err.text);
        if (event.kind == FL_BUS_OPENED && ret_opened)
            *ret_opened = true;
        if (event.kind == FL_BUS_RESET || event.kind == FL_BUS_CLOSED)
            return fl_err_set(reterr, FL_E_NET, 0,
                              "the coordinator at %s has ended or was started again",
                              client->endpoint);
        if (event.kind == FL_BUS_MESSAGE && client->reply_count < FL_CLIENT_PENDING_MAX)
            client->replies[client->reply_count++] = event.message;
        else
            json_decref(event.message);
    }
}

/* Waits for the bus, or for fd: FL_E_AGAIN. */
static int client_sleep(struct fl_client *client, int64_t until_ns, int fd, struct fl_err *reterr)
{
    struct fl_wait_item items[ITEMS_MAX];
    size_t bus_count = fl_bus_client_wait_items(client->bus, items, ITEMS_MAX - 2);
    size_t count = bus_count;
    int64_t timer_ns = fl_bus_client_timer(client->bus);
    int64_t now_ns = fl_world_mono_ns(client->world);
    int rc;

    if (timer_ns > until_ns)
        timer_ns = until_ns;
    if (fd >= 0)
        items[count++] = (struct fl_wait_item){.fd = fd};
    if (fd >= 0 && client->alarm_fd >= 0)
        items[count++] = (struct fl_wait_item){.fd = client->alarm_fd};
    rc = fl_world_wait(client->world, items, count,
                       timer_ns == INT64_MAX ? -1 : (timer_ns > now_ns ? timer_ns - now_ns : 0),
                       reterr);
    if (rc < 0 && rc != FL_E_TIMEOUT)
        return rc;
    for (size_t i = bus_count; rc == 0 && i < count; i++) {
        if (items[i].ready)
            return FL_E_AGAIN;
    }
    return 0;
}

int fl_client_connect(struct fl_client *client, const struct fl_world *world, const char *state,
                      const char *endpoint, const char *keys, struct fl_err *reterr)
{
    struct fl_bus_limits limits;
    int64_t until_ns = fl_world_mono_ns(world) + CONNECT_NS;
    bool opened = false;
    int rc = remember_state(client, world, state, reterr);

    if (rc < 0)
        return rc;
    (void)snprintf(client->endpoint, sizeof(client->endpoint), "%s", endpoint);
    fl_bus_limits_default(&limits);
    rc = fl_bus_connect(world, keys, "client", endpoint, &limits, &client->bus, reterr);
    while (rc == 0 && !opened) {
        rc = client_pump(client, &opened, reterr);
        if (rc == 0 && !opened && fl_world_mono_ns(world) >= until_ns)
            rc = fl_err_set(reterr, FL_E_TIMEOUT, 0,
                            "the coordinator at %s does not answer (is the client key in '%s' on "
                            "its list?)",
                            endpoint, keys);
        if (rc == 0 && !opened)
            rc = client_sleep(client, until_ns, -1, reterr);
    }
    if (rc < 0)
        fl_client_release(client);
    return rc;
}

/* True when the process is there and has not ended. One that was killed is still there until its
 * parent has asked how: its descriptor is readable from its end on. */
static bool is_alive(const struct fl_world *world, pid_t pid)
{
    struct fl_wait_item item;
    int rc = FL_E_TIMEOUT;

    if (fl_process_kill(world, pid, 0, NULL) == FL_E_NOENT)
        return false;
    item = (struct fl_wait_item){.fd = world->ops->pidfd(pid, world->arg)};
    if (item.fd < 0)
        return true; /* not ours to watch: it is there */
    rc = fl_world_wait(world, &item, 1, 0, NULL);
    fl_local_close(item.fd);
    return rc < 0 || !item.ready;
}

/* Reads STATE/endpoint.json. FL_E_NOENT when there is none or its process is gone. */
static int endpoint_read(const struct fl_world *world, const char *state, json_t **ret_json,
                         struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text = {0};
    fl_json_auto json_t *json = NULL;
    char path[FL_PATH_MAX];
    int64_t pid = 0;
    int rc = fl_path_join(state, FL_COORDINATOR_ENDPOINT_FILE, path, sizeof(path), reterr);

    fl_buf_init(&text, ENDPOINT_MAX);
    if (rc == 0)
        rc = fl_file_read(world, path, ENDPOINT_MAX, &text, reterr);
    if (rc == 0)
        rc = fl_json_parse(text.data, text.size, &json, reterr);
    if (rc == 0)
        rc = fl_json_int(json, "pid", &pid, reterr);
    if (rc < 0)
        return rc;
    if (!is_alive(world, (pid_t)pid))
        return fl_err_set(reterr, FL_E_NOENT, 0, "the coordinator has ended");
    *ret_json = json_incref(json);
    return 0;
}

int fl_client_open(struct fl_client *client, const struct fl_world *world, const char *state,
                   enum fl_client_need need, struct fl_err *reterr)
{
    fl_json_auto json_t *json = NULL;
    const char *endpoint = NULL;
    const char *keys = NULL;
    const char *http = "";
    int rc;

    rc = endpoint_read(world, state, &json, reterr);
    if (rc == 0) {
        rc = fl_json_string(json, "endpoint", &endpoint, reterr);
        if (rc == 0)
            rc = fl_json_string(json, "keys", &keys, reterr);
        if (rc == 0)
            rc = fl_json_string_opt(json, "http", "", &http, reterr);
        if (rc == 0)
            rc = fl_client_connect(client, world, state, endpoint, keys, reterr);
        if (rc == 0)
            client->pid = json_integer_value(json_object_get(json, "pid"));
        if (rc == 0)
            (void)snprintf(client->http, sizeof(client->http), "%s", http);
        return rc;
    }
    if (need == FL_CLIENT_LIVE)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "no coordinator runs for state '%s'; start one: fairleadd --state %s (or "
                          "fairlead run FILE)",
                          state, state);
    rc = remember_state(client, world, state, reterr);
    if (rc == 0)
        rc = fl_model_create(client->state, &client->model, reterr);
    if (rc == FL_E_NOENT)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "no state at '%s': nothing was run there yet (say --state DIR)", state);
    if (rc == 0)
        rc = fl_model_catch_up(client->model, reterr);
    if (rc < 0)
        fl_client_release(client);
    return rc;
}

void fl_client_release(struct fl_client *client)
{
    for (size_t i = 0; i < client->reply_count; i++)
        json_decref(client->replies[i]);
    client->reply_count = 0;
    fl_bus_client_destroy(client->bus);
    client->bus = NULL;
    fl_model_destroy(client->model);
    client->model = NULL;
}

void fl_client_who(char *text, size_t size)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char space[4096];
    char host[128] = "localhost";

    (void)gethostname(host, sizeof(host) - 1); /* keeps the default when it fails */
    if (getpwuid_r(getuid(), &entry, space, sizeof(space), &found) == 0 && found)
        (void)snprintf(text, size, "%.60s@%.60s", found->pw_name, host);
    else
        (void)snprintf(text, size, "uid%lu@%.60s", (unsigned long)getuid(), host);
}

int fl_client_start(struct fl_client *client, json_t *request, int64_t *ret_id,
                    struct fl_err *reterr)
{
    fl_json_auto json_t *owned = request;
    char who[160];

    if (!owned)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    fl_client_who(who, sizeof(who));
    *ret_id = ++client->last_id;
    if (json_object_set_new(owned, "type", json_string("request")) != 0 ||
        json_object_set_new(owned, "id", json_integer((json_int_t)*ret_id)) != 0 ||
        json_object_set_new(owned, "who", json_string(who)) != 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    fl_assert(client->bus);
    return fl_bus_client_send(client->bus, owned, reterr);
}

int fl_client_wait(struct fl_client *client, int64_t id, int64_t timeout_ns, int fd,
                   json_t **ret_result, struct fl_err *reterr)
{
    int64_t until_ns = timeout_ns < 0 ? INT64_MAX : fl_world_mono_ns(client->world) + timeout_ns;

    for (;;) {
        json_t *reply;
        int rc = client_pump(client, NULL, reterr);

        if (rc < 0)
            return rc;
        reply = reply_take(client, id);
        if (reply)
            return reply_open(reply, ret_result, reterr);
        if (fl_world_mono_ns(client->world) >= until_ns)
            return fl_err_set(reterr, FL_E_TIMEOUT, 0, "the coordinator at %s does not answer",
                              client->endpoint);
        rc = client_sleep(client, until_ns, fd, reterr);
        if (rc < 0)
            return rc;
    }
}

int fl_client_ask(struct fl_client *client, json_t *request, json_t **ret_result,
                  struct fl_err *reterr)
{
    int64_t id = 0;
    int rc;

    if (client->model) {
        fl_json_auto json_t *owned = request;

        if (!owned)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
        return fl_model_answer(client->model, owned, fl_world_utc_ns(client->world), ret_result,
                               reterr);
    }
    rc = fl_client_start(client, request, &id, reterr);
    if (rc == 0)
        rc = fl_client_wait(client, id, FL_CLIENT_ANSWER_NS, -1, ret_result, reterr);
    return rc;
}

int fl_client_status(struct fl_client *client, const char *run, json_t **ret_status,
                     struct fl_err *reterr)
{
    fl_json_auto json_t *all = NULL;
    fl_json_auto json_t *name = run ? json_string(run) : NULL;
    json_int_t limit = STATUS_PART;
    json_int_t from = 0;
    json_int_t count = 1;

    while (from < count) {
        fl_json_auto json_t *part = NULL;
        json_t *request = json_pack("{s:s, s:O*, s:I, s:I}", "verb", "status", "run", name, "from",
                                    from, "limit", limit);
        int rc = fl_client_ask(client, request, &part, reterr);

        if (rc == FL_E_TOO_BIG && limit > 1) {
            limit /= 4; /* instances with many outputs */
            continue;
        }
        if (rc < 0)
            return rc;
        count = json_integer_value(json_object_get(part, "instances"));
        from += limit;
        if (!all) {
            json_decref(name);
            name = json_incref(json_object_get(part, "run")); /* the newest may change meanwhile */
            all = json_incref(part);
        } else if (json_array_extend(json_object_get(all, "stages"),
                                     json_object_get(part, "stages")) != 0) {
            return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
        }
    }
    *ret_status = json_incref(all);
    return 0;
}
