/* The bus over real ZeroMQ sockets on the loopback, with CURVE. */
#include "config.h"

#include "engine/bus/bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/bus/keys.h"
#include "engine/world/file.h"
#include "tests/lib/test.h"

#define PATIENCE_NS INT64_C(20000000000) /* only ever reached when something is broken */
#define ITEMS_MAX 16

/* A server and up to two clients that are turned together in one thread. */
struct room {
    struct fl_bus_server *server;
    struct fl_bus_client *client[2];
    struct fl_bus_event at_server; /* the last event seen there */
    struct fl_bus_event at_client;
    char name[FL_TRANSPORT_USER_MAX];
};

static void keep(struct fl_bus_event *slot, const struct fl_bus_event *event)
{
    json_decref(slot->message);
    *slot = *event;
}

static void room_wait(struct room *room)
{
    struct fl_wait_item items[ITEMS_MAX];
    int64_t now_ns = fl_world_mono_ns(fl_world_real());
    int64_t due_ns = now_ns + PATIENCE_NS;
    size_t count = 0;

    if (room->server) {
        count += fl_bus_server_wait_items(room->server, items, ITEMS_MAX);
        if (fl_bus_server_timer(room->server) < due_ns)
            due_ns = fl_bus_server_timer(room->server);
    }
    for (int i = 0; i < 2; i++) {
        if (!room->client[i])
            continue;
        count += fl_bus_client_wait_items(room->client[i], items + count, ITEMS_MAX - count);
        if (fl_bus_client_timer(room->client[i]) < due_ns)
            due_ns = fl_bus_client_timer(room->client[i]);
    }
    (void)fl_world_wait(fl_world_real(), items, count, due_ns > now_ns ? due_ns - now_ns : 0, NULL);
}

/* Turns everything until an event of this kind is seen at the server (or at client 0). */
static void until(struct room *room, bool at_server, enum fl_bus_kind kind)
{
    int64_t end_ns = fl_world_mono_ns(fl_world_real()) + PATIENCE_NS;
    struct fl_bus_event event;
    struct fl_err err = {0};

    while (fl_world_mono_ns(fl_world_real()) < end_ns) {
        if (room->server && fl_bus_server_recv(room->server, &event, &err) == 0) {
            (void)snprintf(room->name, sizeof(room->name), "%s", event.name);
            keep(&room->at_server, &event);
            if (at_server && event.kind == kind)
                return;
            continue;
        }
        if (room->client[1] && fl_bus_client_recv(room->client[1], &event, &err) == 0) {
            json_decref(event.message);
            continue;
        }
        if (room->client[0] && fl_bus_client_recv(room->client[0], &event, &err) == 0) {
            keep(&room->at_client, &event);
            if (!at_server && event.kind == kind)
                return;
            continue;
        }
        room_wait(room);
    }
    fail_msg("no event %d at the %s", kind, at_server ? "server" : "client");
}

static void room_close(struct room *room)
{
    for (int i = 0; i < 2; i++)
        fl_bus_client_destroy(room->client[i]);
    fl_bus_server_destroy(room->server);
    json_decref(room->at_server.message);
    json_decref(room->at_client.message);
}

static void room_open(struct room *room, const char *endpoint)
{
    struct fl_err err = {0};

    assert_ok(fl_keys_setup(fl_world_real(), "keys", "w1", &err), err);
    assert_ok(fl_bus_listen(fl_world_real(), "keys", endpoint, NULL, &room->server, &err), err);
}

static void say(struct fl_bus_client *client, const char *type)
{
    fl_json_auto json_t *message = json_pack("{s:s}", "type", type);
    struct fl_err err = {0};

    assert_ok(fl_bus_client_send(client, message, &err), err);
}

/* The plain road: a worker is known by its key, and both sides hear each other. */
static void worker_and_coordinator_talk(void **state)
{
    struct room room = {0};
    struct fl_err err = {0};
    fl_json_auto json_t *welcome = json_pack("{s:s,s:i}", "type", "welcome", "epoch", 3);

    (void)state;
    room_open(&room, "tcp://127.0.0.1:*");
    assert_ok(fl_bus_connect(fl_world_real(), "keys", "worker", fl_bus_server_endpoint(room.server),
                             NULL, &room.client[0], &err),
              err);
    say(room.client[0], "hello");
    until(&room, true, FL_BUS_MESSAGE);
    assert_string_equal(room.name, "w1");
    assert_int_equal(room.at_server.role, FL_BUS_WORKER);
    assert_ok(fl_bus_server_send_worker(room.server, "w1", welcome, &err), err);
    assert_int_equal(fl_bus_server_send_worker(room.server, "w2", welcome, &err), FL_E_NOENT);
    until(&room, false, FL_BUS_MESSAGE);
    assert_int_equal(json_integer_value(json_object_get(room.at_client.message, "epoch")), 3);
    room_close(&room);
}

/* Whoever is not on the list must not be able to make the coordinator parse a single byte; once
 * on the list, it gets in without a restart. */
static void unknown_key_delivers_nothing_until_it_is_allowed(void **state)
{
    struct room room = {0};
    struct fl_refusals refusals = {0};
    struct fl_keys keys = {0};
    struct fl_err err = {0};
    struct fl_bus_event event;

    (void)state;
    room_open(&room, "tcp://127.0.0.1:*");
    assert_ok(fl_keys_make(fl_world_real(), "strange", "worker", &err), err);
    assert_ok(fl_keys_load(fl_world_real(), "strange", "worker", &keys, &err), err);
    assert_ok(
        fl_file_copy(fl_world_real(), "keys/coordinator.pub", "strange/coordinator.pub", &err),
        err);
    assert_ok(fl_bus_connect(fl_world_real(), "strange", "worker",
                             fl_bus_server_endpoint(room.server), NULL, &room.client[0], &err),
              err);
    say(room.client[0], "hello");
    while (refusals.count < 1) {
        assert_int_equal(fl_bus_server_recv(room.server, &event, &err), FL_E_AGAIN);
        assert_int_equal(fl_bus_client_recv(room.client[0], &event, &err), FL_E_AGAIN);
        fl_bus_server_refusals(room.server, &refusals);
        room_wait(&room);
    }
    assert_non_null(strstr(refusals.last, keys.public_key));
    assert_ok(fl_keys_allow(fl_world_real(), "keys", FL_BUS_WORKER, "w9", keys.public_key, &err),
              err);
    until(&room, true, FL_BUS_MESSAGE);
    assert_string_equal(room.name, "w9");
    room_close(&room);
}

/* A stolen worker key must not cancel the night's run, nor speak for another node. */
static void peers_say_only_what_their_key_allows(void **state)
{
    fl_json_auto json_t *other = json_pack("{s:s,s:s}", "type", "hello", "worker", "w2");
    struct fl_refusals refusals = {0};
    struct room room = {0};
    struct fl_err err = {0};

    (void)state;
    room_open(&room, "tcp://127.0.0.1:*");
    assert_ok(fl_bus_connect(fl_world_real(), "keys", "worker", fl_bus_server_endpoint(room.server),
                             NULL, &room.client[0], &err),
              err);
    assert_ok(fl_bus_connect(fl_world_real(), "keys", "client", fl_bus_server_endpoint(room.server),
                             NULL, &room.client[1], &err),
              err);
    say(room.client[0], "request");
    assert_ok(fl_bus_client_send(room.client[0], other, &err), err);
    say(room.client[0], "bye");
    until(&room, true, FL_BUS_MESSAGE);
    assert_string_equal(json_string_value(json_object_get(room.at_server.message, "type")), "bye");
    fl_bus_server_refusals(room.server, &refusals);
    assert_int_equal(refusals.count, 2);
    assert_non_null(strstr(refusals.last, "spoke as worker 'w2'"));

    say(room.client[1], "attempt");
    say(room.client[1], "request");
    until(&room, true, FL_BUS_MESSAGE);
    assert_string_equal(json_string_value(json_object_get(room.at_server.message, "type")),
                        "request");
    assert_int_equal(room.at_server.role, FL_BUS_CLIENT);
    fl_bus_server_refusals(room.server, &refusals);
    assert_int_equal(refusals.count, 3);
    room_close(&room);
}

/* A coordinator that was killed and started again hears its workers again, each told to begin
 * anew, so that nothing is taken for said that the new process never heard. */
static void restarted_coordinator_makes_workers_say_hello_again(void **state)
{
    struct room room = {0};
    struct fl_err err = {0};
    char endpoint[128];

    (void)state;
    room_open(&room, "tcp://127.0.0.1:*");
    (void)snprintf(endpoint, sizeof(endpoint), "%s", fl_bus_server_endpoint(room.server));
    assert_ok(
        fl_bus_connect(fl_world_real(), "keys", "worker", endpoint, NULL, &room.client[0], &err),
        err);
    say(room.client[0], "hello");
    until(&room, true, FL_BUS_MESSAGE);
    fl_bus_server_destroy(room.server);
    room.server = NULL;
    say(room.client[0], "attempt");
    assert_ok(fl_bus_listen(fl_world_real(), "keys", endpoint, NULL, &room.server, &err), err);
    until(&room, false, FL_BUS_RESET);
    say(room.client[0], "hello");
    until(&room, true, FL_BUS_MESSAGE);
    assert_string_equal(json_string_value(json_object_get(room.at_server.message, "type")),
                        "hello");
    room_close(&room);
}

/* The night's restart took a second longer than it need, until the workers' timers came round: a
 * connection that stands again is the sign. No timer here comes round within the hour. */
static void restarted_coordinator_is_noticed_without_a_timer(void **state)
{
    const int64_t hour_ns = INT64_C(3600000000000);
    struct fl_bus_limits limits;
    struct room room = {0};
    struct fl_err err = {0};
    char endpoint[128];

    (void)state;
    fl_bus_limits_default(&limits);
    limits.session.alive_ns = hour_ns;
    limits.session.resend_ns = hour_ns;
    limits.session.lease_ns = 3 * hour_ns;
    (void)alarm(120); /* fails rather than waits an hour */
    room_open(&room, "tcp://127.0.0.1:*");
    (void)snprintf(endpoint, sizeof(endpoint), "%s", fl_bus_server_endpoint(room.server));
    assert_ok(
        fl_bus_connect(fl_world_real(), "keys", "worker", endpoint, &limits, &room.client[0], &err),
        err);
    say(room.client[0], "hello");
    until(&room, true, FL_BUS_MESSAGE);
    fl_bus_server_destroy(room.server);
    room.server = NULL;
    assert_ok(fl_bus_listen(fl_world_real(), "keys", endpoint, NULL, &room.server, &err), err);
    until(&room, false, FL_BUS_RESET);
    room_close(&room);
    (void)alarm(0);
}

/* Two processes with one worker's key would each run half of its stages: the older is told to
 * end. */
static void newer_process_of_a_worker_takes_its_name(void **state)
{
    struct room room = {0};
    struct fl_err err = {0};

    (void)state;
    room_open(&room, "tcp://127.0.0.1:*");
    assert_ok(fl_bus_connect(fl_world_real(), "keys", "worker", fl_bus_server_endpoint(room.server),
                             NULL, &room.client[0], &err),
              err);
    until(&room, true, FL_BUS_OPENED);
    assert_ok(fl_bus_connect(fl_world_real(), "keys", "worker", fl_bus_server_endpoint(room.server),
                             NULL, &room.client[1], &err),
              err);
    until(&room, true, FL_BUS_CLOSED);
    until(&room, false, FL_BUS_CLOSED);
    assert_int_equal(fl_bus_client_send(room.client[0], json_null(), &err), FL_E_REFUSED);
    room_close(&room);
}

/* A message that no peer could take is refused where it is made. */
static void message_beyond_the_limit_is_refused_at_the_sender(void **state)
{
    struct fl_bus_limits limits;
    struct room room = {0};
    struct fl_err err = {0};
    char big[2048];
    fl_json_auto json_t *message = NULL;

    (void)state;
    fl_bus_limits_default(&limits);
    limits.message_max = 1024;
    room_open(&room, "tcp://127.0.0.1:*");
    assert_ok(fl_bus_connect(fl_world_real(), "keys", "worker", fl_bus_server_endpoint(room.server),
                             &limits, &room.client[0], &err),
              err);
    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    message = json_pack("{s:s,s:s}", "type", "hello", "host", big);
    assert_fails_with(fl_bus_client_send(room.client[0], message, &err), FL_E_TOO_BIG, err, "1024");
    room_close(&room);
}

/* When the command ends, the coordinator need not keep its session for a minute. */
static void client_that_ends_says_bye(void **state)
{
    struct room room = {0};
    struct fl_err err = {0};

    (void)state;
    room_open(&room, "tcp://127.0.0.1:*");
    assert_ok(fl_bus_connect(fl_world_real(), "keys", "client", fl_bus_server_endpoint(room.server),
                             NULL, &room.client[0], &err),
              err);
    until(&room, false, FL_BUS_OPENED);
    until(&room, true, FL_BUS_OPENED);
    fl_bus_client_destroy(room.client[0]);
    room.client[0] = NULL;
    until(&room, true, FL_BUS_CLOSED);
    assert_string_equal(room.name, "local");
    room_close(&room);
}

/* A worker that fell silent is told of once, its messages wait, and nothing is lost when it is
 * back. */
static void silent_peer_is_gone_and_back_without_loss(void **state)
{
    fl_json_auto json_t *order = json_pack("{s:s}", "type", "launch");
    struct fl_bus_limits limits;
    struct room room = {0};
    struct fl_bus_client *sleeper;
    struct fl_err err = {0};

    (void)state;
    fl_bus_limits_default(&limits);
    limits.session.lease_ns = INT64_C(300000000);
    limits.session.alive_ns = INT64_C(50000000);
    assert_ok(fl_keys_setup(fl_world_real(), "keys", "w1", &err), err);
    assert_ok(
        fl_bus_listen(fl_world_real(), "keys", "tcp://127.0.0.1:*", &limits, &room.server, &err),
        err);
    assert_ok(fl_bus_connect(fl_world_real(), "keys", "worker", fl_bus_server_endpoint(room.server),
                             &limits, &room.client[0], &err),
              err);
    say(room.client[0], "hello");
    until(&room, true, FL_BUS_MESSAGE);
    sleeper = FL_STEAL(room.client[0]);
    until(&room, true, FL_BUS_GONE);
    assert_ok(fl_bus_server_send_worker(room.server, "w1", order, &err), err);
    assert_int_equal(fl_bus_server_waiting(room.server), 0); /* nothing is waited for */
    room.client[0] = sleeper;
    until(&room, true, FL_BUS_BACK);
    until(&room, false, FL_BUS_MESSAGE);
    assert_string_equal(json_string_value(json_object_get(room.at_client.message, "type")),
                        "launch");
    room_close(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(worker_and_coordinator_talk, test_folder_enter,
                                        test_folder_leave),
        cmocka_unit_test_setup_teardown(unknown_key_delivers_nothing_until_it_is_allowed,
                                        test_folder_enter, test_folder_leave),
        cmocka_unit_test_setup_teardown(peers_say_only_what_their_key_allows, test_folder_enter,
                                        test_folder_leave),
        cmocka_unit_test_setup_teardown(restarted_coordinator_makes_workers_say_hello_again,
                                        test_folder_enter, test_folder_leave),
        cmocka_unit_test_setup_teardown(restarted_coordinator_is_noticed_without_a_timer,
                                        test_folder_enter, test_folder_leave),
        cmocka_unit_test_setup_teardown(newer_process_of_a_worker_takes_its_name, test_folder_enter,
                                        test_folder_leave),
        cmocka_unit_test_setup_teardown(message_beyond_the_limit_is_refused_at_the_sender,
                                        test_folder_enter, test_folder_leave),
        cmocka_unit_test_setup_teardown(silent_peer_is_gone_and_back_without_loss,
                                        test_folder_enter, test_folder_leave),
        cmocka_unit_test_setup_teardown(client_that_ends_says_bye, test_folder_enter,
                                        test_folder_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
