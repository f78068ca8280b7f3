/* The coordinator's loop over its real bus and store, on a disk that waits, is full, or fails. */
#include "config.h"

#include "tests/lib/test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/bus/keys.h"
#include "engine/coordinator/coordinator.h"
#include "engine/spec/spec.h"
#include "engine/world/file.h"
#include "tests/unit/store/broken_vfs.h"

#include "engine/base/banned.h"

#define PATIENCE_NS ((int64_t)60 * 1000000000)
#define ITEMS_MAX 8

static const char workflow_text[] =
    "workflow: { name = \"w\"; sites: { s: { root = \"site\"; }; };"
    " pools: { p: { site = \"s\"; cores = 4; }; };"
    " stages: { one: { program = \"/bin/true\"; pool = \"p\"; }; }; };";

/* A coordinator in a thread of its own, a client and a worker of it. */
struct office {
    struct fl_coordinator *coordinator;
    pthread_t thread;
    int rc;
    struct fl_err err;
    struct fl_bus_client *client;
    struct fl_bus_client *worker;
    json_t *workflow;
    json_t *heard; /* all messages that came, {"client":[…],"worker":[…]} */
};

static void *office_main(void *arg)
{
    struct office *office = arg;

    office->rc = fl_coordinator_run(office->coordinator, &office->err);
    return NULL;
}

static int read_text(const char *path, size_t limit, struct fl_buf *out, struct fl_err *reterr,
                     void *arg)
{
    (void)path;
    (void)limit;
    fl_buf_puts(out, arg);
    return fl_buf_check(out, reterr);
}

static void compile(struct office *office)
{
    const struct fl_spec_options options = {.read = read_text,
                                            .arg = (void *)(uintptr_t)workflow_text};
    struct fl_diagnostics list = {0};
    struct fl_workflow *workflow = NULL;
    struct fl_err err = {0};

    if (fl_spec_load("workflow.cfg", &options, &workflow, &list, &err) < 0)
        fail_msg("%s", list.count ? list.items[0].text : err.text);
    assert_ok(fl_workflow_to_json(workflow, &office->workflow, &err), err);
    fl_workflow_destroy(workflow);
}

static void office_start(struct office *office)
{
    struct fl_coordinator_config config = {.world = fl_world_real(),
                                           .state = "state",
                                           .listen = "tcp://127.0.0.1:0",
                                           .vfs = broken_vfs_name()};
    struct fl_err err = {0};
    const char *endpoint;

    memset(office, 0, sizeof(*office));
    office->heard = json_pack("{s:[], s:[]}", "client", "worker");
    assert_non_null(office->heard);
    compile(office);
    assert_ok(fl_keys_setup(fl_world_real(), "state/keys", "node1", &err), err);
    assert_ok(fl_coordinator_create(&config, &office->coordinator, &err), err);
    endpoint = fl_coordinator_endpoint(office->coordinator);
    assert_ok(fl_bus_connect(fl_world_real(), "state/keys", "client", endpoint, NULL,
                             &office->client, &err),
              err);
    assert_ok(fl_bus_connect(fl_world_real(), "state/keys", "worker", endpoint, NULL,
                             &office->worker, &err),
              err);
    assert_int_equal(pthread_create(&office->thread, NULL, office_main, office), 0);
}

static void office_end(struct office *office)
{
    fl_coordinator_stop(office->coordinator);
    assert_int_equal(pthread_join(office->thread, NULL), 0);
    fl_bus_client_destroy(office->client);
    fl_bus_client_destroy(office->worker);
    fl_coordinator_destroy(office->coordinator);
    json_decref(office->workflow);
    json_decref(office->heard);
}

static void take(struct fl_bus_client *bus, json_t *list)
{
    struct fl_bus_event event = {0};

    while (fl_bus_client_recv(bus, &event, NULL) == 0) {
        assert_true(event.kind != FL_BUS_RESET && event.kind != FL_BUS_CLOSED);
        if (event.message)
            assert_int_equal(json_array_append_new(list, event.message), 0);
    }
}

/* The first message with a member of this value (a text or a number), or NULL. */
static json_t *find(const struct office *office, const char *who, const char *name,
                    const char *text, json_int_t number)
{
    size_t i;
    json_t *message;

    json_array_foreach(json_object_get(office->heard, who), i, message)
    {
        const json_t *value = json_object_get(message, name);

        if (text ? json_is_string(value) && strcmp(json_string_value(value), text) == 0
                 : json_is_integer(value) && json_integer_value(value) == number)
            return message;
    }
    return NULL;
}

/* Waits for such a message. */
static json_t *await(struct office *office, const char *who, const char *name, const char *text,
                     json_int_t number)
{
    const struct fl_world *world = fl_world_real();
    int64_t until_ns = fl_world_mono_ns(world) + PATIENCE_NS;
    json_t *message = NULL;

    while (!message) {
        struct fl_wait_item items[ITEMS_MAX];
        size_t count = fl_bus_client_wait_items(office->client, items, ITEMS_MAX);
        int64_t now_ns = fl_world_mono_ns(world);
        int64_t due_ns = fl_bus_client_timer(office->client);

        if (fl_bus_client_timer(office->worker) < due_ns)
            due_ns = fl_bus_client_timer(office->worker);
        count += fl_bus_client_wait_items(office->worker, items + count, ITEMS_MAX - count);
        (void)fl_world_wait(world, items, count, due_ns > now_ns ? due_ns - now_ns : 0, NULL);
        take(office->client, json_object_get(office->heard, "client"));
        take(office->worker, json_object_get(office->heard, "worker"));
        message = find(office, who, name, text, number);
        if (!message && now_ns > until_ns)
            fail_msg("the %s never heard of %s %s %lld", who, name, text ? text : "",
                     (long long)number);
    }
    return message;
}

static void ask(struct office *office, int id, json_t *request)
{
    struct fl_err err = {0};

    assert_non_null(request);
    assert_int_equal(json_object_set_new(request, "type", json_string("request")), 0);
    assert_int_equal(json_object_set_new(request, "id", json_integer(id)), 0);
    assert_ok(fl_bus_client_send(office->client, request, &err), err);
    json_decref(request);
}

static void submit(struct office *office, int id, const char *cycle)
{
    ask(office, id,
        json_pack("{s:s, s:s, s:O}", "verb", "submit", "cycle", cycle, "workflow",
                  office->workflow));
}

static const json_t *ask_runs(struct office *office, int id)
{
    ask(office, id, json_pack("{s:s}", "verb", "runs"));
    return json_object_get(await(office, "client", "id", NULL, id), "result");
}

static void hello(struct office *office)
{
    struct fl_err err = {0};
    json_t *message =
        json_pack("{s:s, s:s, s:[{s:s, s:s, s:i, s:i}], s:[{s:s, s:s}], s:[]}", "type", "hello",
                  "worker", "node1", "pools", "pool", "p", "site", "s", "cores", 4, "jobs", 4,
                  "sites", "site", "s", "root", "/s", "attempts");

    assert_non_null(message);
    assert_ok(fl_bus_client_send(office->worker, message, &err), err);
    json_decref(message);
    (void)await(office, "worker", "type", "welcome", 0);
}

/* A launch or a reply that left before its commit would be of something that a crash takes back:
 * the stage runs, and nobody knows of it. Questions must not wait for the disk. */
static void nothing_leaves_before_its_own_commit(void **state)
{
    struct office office;

    (void)state;
    office_start(&office);
    hello(&office);
    broken_vfs_close_gate();
    submit(&office, 1, "20261124T0000Z");
    broken_vfs_await_gate();
    submit(&office, 2, "20261124T0600Z"); /* decided while the first is written */
    assert_int_equal(json_array_size(json_object_get(ask_runs(&office, 3), "runs")), 0);
    assert_int_equal(json_array_size(json_object_get(ask_runs(&office, 4), "runs")), 0);
    assert_null(find(&office, "client", "id", NULL, 1));
    assert_null(find(&office, "client", "id", NULL, 2));
    assert_null(find(&office, "worker", "type", "launch", 0));
    broken_vfs_open_gate();
    assert_true(json_is_true(json_object_get(await(&office, "client", "id", NULL, 1), "ok")));
    assert_true(json_is_true(json_object_get(await(&office, "client", "id", NULL, 2), "ok")));
    (void)await(&office, "worker", "type", "launch", 0);
    assert_int_equal(json_array_size(json_object_get(ask_runs(&office, 5), "runs")), 2);
    office_end(&office);
    assert_int_equal(office.rc, 0);
}

/* Asks until the answer has an alarm, or none any more. */
static const char *await_alarm(struct office *office, int *id, bool wanted)
{
    for (;;) {
        const json_t *alarm = json_object_get(ask_runs(office, ++*id), "alarm");

        if (wanted == (alarm != NULL))
            return alarm ? json_string_value(json_object_get(alarm, "alarm")) : "";
    }
}

/* A full disk or a failing write at night: an alarm, no decision lost, nothing accepted that
 * cannot be recorded, and on it goes. */
static void a_disk_that_cannot_be_written_holds_everything_and_loses_nothing(void **state)
{
    static const enum broken_vfs_fault faults[] = {BROKEN_VFS_FULL, BROKEN_VFS_WRITE};
    static const char *const names[] = {"disk.full", "store.write"};
    static const char *const cycles[] = {"20261124T0000Z", "20261124T0600Z"};
    struct office office;
    int id = 100;

    (void)state;
    office_start(&office);
    hello(&office);
    for (int i = 0; i < 2; i++) {
        json_t *reply;

        broken_vfs_arm(faults[i], 0);
        submit(&office, i, cycles[i]);
        assert_string_equal(await_alarm(&office, &id, true), names[i]);
        submit(&office, ++id, "20261125T0000Z");
        reply = await(&office, "client", "id", NULL, id);
        assert_string_equal(
            json_string_value(json_object_get(json_object_get(reply, "error"), "code")),
            "FL_E_NOSPACE");
        assert_null(find(&office, "client", "id", NULL, i));
        assert_null(find(&office, "worker", "type", "launch", 0));
        assert_true(broken_vfs_disarm());
        reply = await(&office, "client", "id", NULL, i);
        assert_true(json_is_true(json_object_get(reply, "ok")));
        (void)await_alarm(&office, &id, false);
        assert_int_equal(json_array_size(json_object_get(ask_runs(&office, ++id), "runs")), i + 1);
        (void)await(&office, "worker", "type", "launch", 0);
        (void)json_array_clear(json_object_get(office.heard, "worker"));
    }
    office_end(&office);
    assert_int_equal(office.rc, 0);
}

/* After a failed sync the kernel may have dropped what it could not write: only a new start, from
 * what is on the disk, knows what is true. */
static void a_failed_sync_ends_it_and_nothing_has_left(void **state)
{
    struct office office;

    (void)state;
    office_start(&office);
    hello(&office);
    broken_vfs_arm(BROKEN_VFS_SYNC, 0);
    submit(&office, 1, "20261124T0000Z");
    assert_int_equal(pthread_join(office.thread, NULL), 0);
    assert_true(broken_vfs_disarm());
    assert_int_equal(office.rc, FL_E_IO);
    take(office.client, json_object_get(office.heard, "client"));
    take(office.worker, json_object_get(office.heard, "worker"));
    assert_null(find(&office, "client", "id", NULL, 1));
    assert_null(find(&office, "worker", "type", "launch", 0));
    fl_bus_client_destroy(office.client);
    fl_bus_client_destroy(office.worker);
    fl_coordinator_destroy(office.coordinator);
    json_decref(office.workflow);
    json_decref(office.heard);
}

/* `fairlead stop` with a batch on its way: it is finished, and its replies go out. */
static void a_stop_waits_for_the_commit(void **state)
{
    struct office office;

    (void)state;
    office_start(&office);
    hello(&office);
    broken_vfs_close_gate();
    submit(&office, 1, "20261124T0000Z");
    broken_vfs_await_gate();
    submit(&office, 2, "20261124T0600Z");
    (void)ask_runs(&office, 3); /* the second submit was taken before it */
    fl_coordinator_stop(office.coordinator);
    broken_vfs_open_gate();
    assert_true(json_is_true(json_object_get(await(&office, "client", "id", NULL, 1), "ok")));
    assert_true(json_is_true(json_object_get(await(&office, "client", "id", NULL, 2), "ok")));
    office_end(&office);
    assert_int_equal(office.rc, 0);
}

/* The worker says that the body of its first launch has begun, as it was allowed to. */
static void begin(struct office *office)
{
    const json_t *spec = json_object_get(await(office, "worker", "type", "launch", 0), "spec");
    json_t *message = json_pack("{s:s, s:O, s:i, s:{s:s, s:O, s:b}}", "type", "attempt", "id",
                                json_object_get(spec, "id"), "index", 1, "event", "type", "begin",
                                "token", json_object_get(spec, "token"), "granted", 1);
    struct fl_err err = {0};

    assert_non_null(message);
    assert_ok(fl_bus_client_send(office->worker, message, &err), err);
    json_decref(message);
}

/* That a body runs goes into the record with whatever comes next; a night in which nothing else
 * comes must not leave `status` saying that it has not begun. */
static void what_is_only_for_the_record_is_recorded_without_company(void **state)
{
    struct office office;
    const json_t *result;
    const json_t *event;
    int id = 1;

    (void)state;
    office_start(&office);
    hello(&office);
    submit(&office, id, "20261124T0000Z");
    begin(&office);
    for (json_int_t next = 1;;) {
        ask(&office, ++id,
            json_pack("{s:s, s:I, s:i, s:b}", "verb", "events", "from", next, "limit", 1, "wait",
                      1));
        result = json_object_get(await(&office, "client", "id", NULL, id), "result");
        event = json_array_get(json_object_get(result, "events"), 0);
        assert_non_null(event);
        next = json_integer_value(json_object_get(result, "next"));
        if (strcmp(json_string_value(json_object_get(event, "type")), "attempt-begun") == 0)
            break;
    }
    office_end(&office);
    assert_int_equal(office.rc, 0);
}

#define FOLDER_TEST(name) \
    cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(nothing_leaves_before_its_own_commit),
        FOLDER_TEST(a_disk_that_cannot_be_written_holds_everything_and_loses_nothing),
        FOLDER_TEST(a_failed_sync_ends_it_and_nothing_has_left),
        FOLDER_TEST(a_stop_waits_for_the_commit),
        FOLDER_TEST(what_is_only_for_the_record_is_recorded_without_company),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
