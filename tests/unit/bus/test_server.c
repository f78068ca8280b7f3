/* The server's end over a wire in memory, where the test decides what arrives, when and how often.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/bus/bus.h"
#include "tests/lib/test.h"

#define ENDS 4 /* the server, and three client processes */
#define PACKETS 400
#define PACKET_MAX 256

struct packet {
    int from;
    int to;
    size_t size;
    uint8_t bytes[PACKET_MAX];
};

/* Packets that were sent and have not arrived. */
struct wire {
    struct packet packets[PACKETS];
    size_t count;
    int64_t now_ns;
    uint64_t random;
    const char *user; /* who every client is */
    struct packet taken;
    struct end {
        struct fl_transport transport;
        struct wire *wire;
        int number;
    } ends[ENDS];
};

static int wire_send(void *self, const struct fl_route *to, const void *data, size_t size,
                     struct fl_err *reterr)
{
    struct end *end = self;
    struct packet *packet = &end->wire->packets[end->wire->count++];

    (void)reterr;
    assert_true(size <= PACKET_MAX && end->wire->count <= PACKETS);
    packet->from = end->number;
    packet->to = to->size ? to->bytes[0] : 0;
    packet->size = size;
    memcpy(packet->bytes, data, size);
    return 0;
}

static int wire_receive(void *self, struct fl_packet *ret_packet, struct fl_err *reterr)
{
    struct end *end = self;
    struct wire *wire = end->wire;
    size_t at = 0;

    while (at < wire->count && wire->packets[at].to != end->number)
        at++;
    if (at == wire->count)
        return fl_err_set(reterr, FL_E_AGAIN, 0, "nothing");
    wire->taken = wire->packets[at];
    memmove(&wire->packets[at], &wire->packets[at + 1],
            (wire->count - at - 1) * sizeof(wire->packets[0]));
    wire->count--;
    *ret_packet = (struct fl_packet){.user = end->number == 0 ? wire->user : "",
                                     .from = {1, {(uint8_t)wire->taken.from}},
                                     .data = wire->taken.bytes,
                                     .size_bytes = wire->taken.size};
    return 0;
}

static size_t wire_items(void *self, struct fl_wait_item *items, size_t room)
{
    (void)self;
    (void)items;
    (void)room;
    return 0;
}

static void wire_refusals(const void *self, struct fl_refusals *ret_refusals)
{
    (void)self;
    *ret_refusals = (struct fl_refusals){0};
}

static void wire_destroy(void *self)
{
    (void)self;
}

static const struct fl_transport_ops wire_ops = {wire_send, wire_receive, wire_items, wire_refusals,
                                                 wire_destroy};

static int64_t wire_clock(void *arg)
{
    return ((struct wire *)arg)->now_ns;
}

static int wire_random(void *out, size_t size, void *arg)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)out)[i] = (uint8_t)(++((struct wire *)arg)->random);
    return 0;
}

static const struct fl_world_ops world_ops = {
    .mono_ns = wire_clock, .utc_ns = wire_clock, .random = wire_random};

struct bench {
    struct wire wire;
    struct fl_world world;
    struct fl_bus_server *server;
    struct fl_bus_client *clients[ENDS];
    int hellos;
    int opened;
    int closed;
    int rooms;
};

static void bench_init(struct bench *bench, const struct fl_bus_limits *limits)
{
    struct fl_err err = {0};

    memset(bench, 0, sizeof(*bench));
    bench->wire.user = "worker/w1";
    bench->wire.now_ns = 1;
    bench->world = (struct fl_world){&world_ops, &bench->wire};
    for (int i = 0; i < ENDS; i++) {
        struct end *end = &bench->wire.ends[i];

        end->wire = &bench->wire;
        end->number = i;
        end->transport = (struct fl_transport){&wire_ops, end};
    }
    assert_ok(fl_bus_server_create(&bench->world, &bench->wire.ends[0].transport, limits,
                                   &bench->server, &err),
              err);
}

static void start(struct bench *bench, int number, const char *says)
{
    fl_json_auto json_t *message = json_pack("{s:s}", "type", says);
    struct fl_err err = {0};

    assert_ok(fl_bus_client_create(&bench->world, &bench->wire.ends[number].transport, NULL,
                                   &bench->clients[number], &err),
              err);
    assert_ok(fl_bus_client_send(bench->clients[number], message, &err), err);
}

static void bench_release(struct bench *bench)
{
    for (int i = 1; i < ENDS; i++)
        fl_bus_client_destroy(bench->clients[i]);
    fl_bus_server_destroy(bench->server);
}

/* As by kill -9: no goodbye. */
static void kill_client(struct bench *bench, int number)
{
    size_t count = bench->wire.count;

    fl_bus_client_destroy(bench->clients[number]);
    bench->clients[number] = NULL;
    bench->wire.count = count;
}

static void serve(struct bench *bench)
{
    struct fl_bus_event event;

    while (fl_bus_server_recv(bench->server, &event, NULL) == 0) {
        bench->hellos += event.kind == FL_BUS_MESSAGE;
        bench->opened += event.kind == FL_BUS_OPENED;
        bench->closed += event.kind == FL_BUS_CLOSED;
        bench->rooms += event.kind == FL_BUS_ROOM;
        json_decref(event.message);
    }
}

/* Takes what has arrived at a client; how many times it was told that its name was taken. */
static int look(struct bench *bench, int number)
{
    struct fl_bus_event event;
    int closed = 0;

    while (fl_bus_client_recv(bench->clients[number], &event, NULL) == 0) {
        closed += event.kind == FL_BUS_CLOSED;
        json_decref(event.message);
    }
    return closed;
}

static void settle(struct bench *bench, int number)
{
    for (int i = 0; i < 5; i++) {
        serve(bench);
        assert_int_equal(look(bench, number), 0);
    }
}

/* Everything that was sent and has not arrived, for a second time or a later one. */
static void hold_back(struct bench *bench, struct wire *held)
{
    *held = bench->wire;
    bench->wire.count = 0;
}

static void let_go(struct bench *bench, const struct wire *held)
{
    for (size_t i = 0; i < held->count; i++)
        bench->wire.packets[bench->wire.count++] = held->packets[i];
}

/* A worker was killed and started again. What its first process had sent and the network had held
 * back must not take the name from the second: it would end itself with all the node's stages. */
static void late_packets_of_a_dead_worker_do_not_replace_its_successor(void **state)
{
    static struct bench bench;
    static struct wire first;
    static struct wire second;

    (void)state;
    bench_init(&bench, NULL);
    start(&bench, 1, "hello");
    (void)look(&bench, 1);
    hold_back(&bench, &first); /* its knock */
    let_go(&bench, &first);
    serve(&bench);
    (void)look(&bench, 1);
    hold_back(&bench, &second); /* its number said back, and its hello */
    assert_true(second.count > 0);
    kill_client(&bench, 1);

    start(&bench, 2, "hello");
    settle(&bench, 2);
    assert_int_equal(bench.opened, 1);
    assert_int_equal(bench.hellos, 1);
    for (int i = 0; i < 3; i++) {
        let_go(&bench, &first);
        let_go(&bench, &second);
        settle(&bench, 2);
    }
    assert_int_equal(bench.opened, 1);
    assert_int_equal(bench.hellos, 1);
    assert_int_equal(bench.closed, 0);
    bench_release(&bench);
}

/* Also when the dead one's packets come first, or between: the live process has the name in the
 * end, and it alone. */
static void process_that_lives_has_the_name_in_the_end(void **state)
{
    static struct bench bench;
    static struct wire late;

    (void)state;
    bench_init(&bench, NULL);
    start(&bench, 1, "hello");
    serve(&bench);
    (void)look(&bench, 1);
    hold_back(&bench, &late);
    kill_client(&bench, 1);
    start(&bench, 2, "hello");
    (void)look(&bench, 2);
    serve(&bench); /* it has knocked */
    let_go(&bench, &late);
    serve(&bench); /* the dead one begins */
    assert_int_equal(bench.hellos, 1);
    settle(&bench, 2);
    assert_int_equal(bench.hellos, 2);
    assert_int_equal(bench.opened, 2);
    assert_int_equal(bench.closed, 1);
    bench_release(&bench);
}

/* A request that is sent twice by the network after its command has ended would be carried out
 * twice. */
static void session_that_has_ended_cannot_be_said_again(void **state)
{
    static struct bench bench;
    static struct wire held;

    (void)state;
    bench_init(&bench, NULL);
    bench.wire.user = "client/local";
    start(&bench, 1, "request");
    serve(&bench);
    (void)look(&bench, 1);
    hold_back(&bench, &held);
    let_go(&bench, &held);
    settle(&bench, 1);
    assert_int_equal(bench.hellos, 1);
    fl_bus_client_destroy(bench.clients[1]);
    bench.clients[1] = NULL;
    serve(&bench);
    assert_int_equal(bench.closed, 1);
    let_go(&bench, &held);
    serve(&bench);
    assert_int_equal(bench.hellos, 1);
    assert_int_equal(bench.opened, 1);
    bench_release(&bench);
}

/* A full queue must not lose an order in silence: nothing more goes in, so that there is no gap,
 * and the coordinator is told when it can bring everything again. */
static void full_queue_of_a_worker_ends_in_room(void **state)
{
    fl_json_auto json_t *order = json_pack("{s:s}", "type", "launch");
    static struct bench bench;
    struct fl_bus_limits limits;
    struct fl_err err = {0};
    int sent = 0;

    (void)state;
    fl_bus_limits_default(&limits);
    limits.session.queue_max = 10;
    bench_init(&bench, &limits);
    start(&bench, 1, "hello");
    settle(&bench, 1);
    while (sent < 100 && fl_bus_server_send_worker(bench.server, "w1", order, &err) == 0)
        sent++;
    assert_int_equal(sent, 10);
    assert_int_equal(fl_bus_server_send_worker(bench.server, "w1", order, &err), FL_E_AGAIN);
    serve(&bench);
    assert_int_equal(bench.rooms, 0);
    settle(&bench, 1);
    assert_int_equal(bench.rooms, 1);
    assert_ok(fl_bus_server_send_worker(bench.server, "w1", order, &err), err);
    bench_release(&bench);
}

/* A key that knocks without end takes a bounded place, and none from others. */
static void knocks_are_bounded(void **state)
{
    static struct bench bench;

    (void)state;
    bench_init(&bench, NULL);
    for (int i = 0; i < 100; i++) { /* processes that die at once */
        start(&bench, 1, "hello");
        serve(&bench);
        kill_client(&bench, 1);
        bench.wire.count = 0;
    }
    start(&bench, 2, "hello");
    settle(&bench, 2);
    assert_int_equal(bench.hellos, 1);
    bench_release(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_packets_of_a_dead_worker_do_not_replace_its_successor),
        cmocka_unit_test(process_that_lives_has_the_name_in_the_end),
        cmocka_unit_test(session_that_has_ended_cannot_be_said_again),
        cmocka_unit_test(full_queue_of_a_worker_ends_in_room),
        cmocka_unit_test(knocks_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
