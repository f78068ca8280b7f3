/* Sessions over a network that loses, repeats and reorders. */
#include "config.h"

#include "engine/bus/session.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"

#define SECOND_NS INT64_C(1000000000)
#define WIRE_MAX 512
#define MESSAGES 200

static const uint8_t id[FL_SESSION_ID_BYTES] = "fifteen letters";

/* A repeatable source of chance, so that a failing seed fails again. */
struct dice {
    uint64_t state;
};

static uint32_t roll(struct dice *dice, uint32_t sides)
{
    dice->state = dice->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(dice->state >> 33) % sides;
}

struct wire {
    struct {
        uint8_t bytes[FL_FRAME_HEAD_BYTES + 16];
        size_t size;
    } packet[WIRE_MAX];
    size_t count;
};

static void wire_put(struct wire *wire, const struct fl_frame *frame)
{
    size_t at = wire->count;

    if (at == WIRE_MAX)
        return; /* a full network loses */
    fl_frame_encode(frame, wire->packet[at].bytes);
    assert_true(frame->size_bytes <= 16);
    if (frame->size_bytes > 0)
        memcpy(wire->packet[at].bytes + FL_FRAME_HEAD_BYTES, frame->data, frame->size_bytes);
    wire->packet[at].size = FL_FRAME_HEAD_BYTES + frame->size_bytes;
    wire->count++;
}

struct end {
    struct fl_session *session;
    struct wire out;
    uint32_t got;
};

static void end_flush(struct end *end, int64_t now_ns)
{
    struct fl_frame frame;

    while (fl_session_next(end->session, now_ns, &frame))
        wire_put(&end->out, &frame);
}

/* Takes one packet from anywhere in the wire; one in `loss` is lost, one in `loss` stays for a
 * second delivery. */
static void deliver(struct end *from, struct end *to, struct dice *dice, uint32_t loss,
                    int64_t now_ns)
{
    struct fl_frame frame;
    struct fl_err err = {0};
    size_t at;

    if (from->out.count == 0)
        return;
    at = roll(dice, (uint32_t)from->out.count);
    assert_ok(fl_frame_decode(from->out.packet[at].bytes, from->out.packet[at].size, &frame, &err),
              err);
    if (loss == 0 || roll(dice, loss) != 0) {
        enum fl_session_news news = fl_session_take(to->session, &frame, now_ns);

        assert_true(news == FL_SESSION_NOTHING || news == FL_SESSION_MESSAGE);
        if (news == FL_SESSION_MESSAGE) {
            uint32_t number;

            assert_int_equal(frame.size_bytes, sizeof(number));
            memcpy(&number, frame.data, sizeof(number));
            assert_int_equal(number, to->got); /* once and in order */
            to->got++;
        }
    }
    if (loss == 0 || roll(dice, loss) != 0) {
        from->out.count--;
        from->out.packet[at] = from->out.packet[from->out.count];
    }
}

static void run_seed(uint64_t seed)
{
    struct dice dice = {.state = seed};
    struct fl_session_limits limits;
    struct end client = {0};
    struct end server = {0};
    struct fl_err err = {0};
    uint32_t pushed[2] = {0, 0};
    int64_t now_ns = SECOND_NS;
    uint32_t loss = 2 + roll(&dice, 6);
    int steps = 0;

    fl_session_limits_default(&limits);
    limits.window_max = 1 + roll(&dice, 20);
    assert_ok(fl_session_create(&limits, id, 0, now_ns, &client.session, &err), err);
    assert_ok(fl_session_create(&limits, id, 77, now_ns, &server.session, &err), err);
    while (client.got < MESSAGES || server.got < MESSAGES) {
        struct fl_session *ends[2] = {client.session, server.session};

        for (int i = 0; i < 2; i++) {
            if (pushed[i] < MESSAGES && roll(&dice, 3) == 0) {
                assert_ok(fl_session_push(ends[i], &pushed[i], sizeof(pushed[i]), &err), err);
                pushed[i]++;
            }
        }
        end_flush(&client, now_ns);
        end_flush(&server, now_ns);
        deliver(&client, &server, &dice, loss, now_ns);
        deliver(&server, &client, &dice, loss, now_ns);
        now_ns += roll(&dice, 2) ? SECOND_NS / 100 : SECOND_NS / 3;
        if (++steps > 200000)
            fail_msg("seed %llu never ends: %u and %u of %d arrived", (unsigned long long)seed,
                     client.got, server.got, MESSAGES);
    }
    fl_session_destroy(client.session);
    fl_session_destroy(server.session);
}

/* A lost or repeated launch would leave a stage waiting for ever or run it twice. */
static void every_message_arrives_once_in_order_whatever_the_network_does(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++)
        run_seed(seed);
}

/* A coordinator that cannot be reached must push back on the producer, never eat its memory. */
static void full_queue_refuses_and_forgets_nothing(void **state)
{
    struct fl_session_limits limits;
    struct fl_session *session = NULL;
    struct fl_err err = {0};

    (void)state;
    fl_session_limits_default(&limits);
    limits.queue_max = 3;
    limits.queue_bytes_max = 100;
    assert_ok(fl_session_create(&limits, id, 0, 0, &session, &err), err);
    for (int i = 0; i < 3; i++)
        assert_ok(fl_session_push(session, "12345", 5, &err), err);
    assert_fails_with(fl_session_push(session, "12345", 5, &err), FL_E_FULL, err, "3 messages");
    assert_int_equal(fl_session_waiting(session), 3);
    fl_session_destroy(session);

    limits.queue_max = 1000;
    assert_ok(fl_session_create(&limits, id, 0, 0, &session, &err), err);
    for (int i = 0; i < 20; i++)
        assert_ok(fl_session_push(session, "12345", 5, &err), err);
    assert_int_equal(fl_session_push(session, "1", 1, &err), FL_E_FULL);
    fl_session_destroy(session);
}

/* A worker that only computes must not look dead, and a dead one must be noticed. */
static void silence_is_broken_by_heartbeats_and_ends_a_lease(void **state)
{
    struct fl_session_limits limits;
    struct fl_session *session = NULL;
    struct fl_frame frame;
    struct fl_err err = {0};
    int64_t due_ns;

    (void)state;
    fl_session_limits_default(&limits);
    assert_ok(fl_session_create(&limits, id, 0, 0, &session, &err), err);
    assert_true(fl_session_next(session, 0, &frame));
    assert_int_equal(frame.kind, FL_FRAME_ALIVE);
    assert_int_equal(frame.server, 0); /* a knock: nothing was heard yet */
    due_ns = fl_session_timer(session);
    assert_int_equal(due_ns, limits.resend_ns);
    assert_false(fl_session_next(session, due_ns - 1, &frame));
    frame = (struct fl_frame){.kind = FL_FRAME_ALIVE, .server = 5};
    memcpy(frame.id, id, sizeof(id));
    assert_int_equal(fl_session_take(session, &frame, 0), FL_SESSION_NOTHING);
    assert_true(fl_session_next(session, 0, &frame)); /* the number is said back at once */
    assert_int_equal(frame.server, 5);
    due_ns = fl_session_timer(session);
    assert_int_equal(due_ns, limits.alive_ns);
    assert_false(fl_session_next(session, due_ns - 1, &frame));
    assert_true(fl_session_next(session, due_ns, &frame));
    assert_false(fl_session_gone(session, limits.lease_ns - 1));
    assert_true(fl_session_gone(session, limits.lease_ns));
    assert_int_equal(fl_session_lease_end(session), limits.lease_ns);
    fl_session_destroy(session);
}

/* What is said before the session has begun could be said twice: by a late packet of a process that
 * is dead, to a coordinator that has forgotten it. */
static void no_message_leaves_before_the_session_has_its_number(void **state)
{
    struct fl_session_limits limits;
    struct fl_session *session = NULL;
    struct fl_frame frame;
    struct fl_err err = {0};

    (void)state;
    fl_session_limits_default(&limits);
    assert_ok(fl_session_create(&limits, id, 0, 0, &session, &err), err);
    assert_ok(fl_session_push(session, "12345", 5, &err), err);
    assert_true(fl_session_next(session, 0, &frame));
    assert_int_equal(frame.kind, FL_FRAME_ALIVE);
    assert_false(fl_session_next(session, 0, &frame));
    assert_int_equal(fl_session_timer(session), limits.resend_ns);
    frame.server = 9;
    assert_int_equal(fl_session_take(session, &frame, 0), FL_SESSION_NOTHING);
    assert_int_equal(fl_session_timer(session), 0);
    assert_true(fl_session_next(session, 0, &frame));
    assert_int_equal(frame.kind, FL_FRAME_DATA);
    assert_int_equal(frame.server, 9);
    fl_session_destroy(session);
}

/* A restarted coordinator must not take the middle of a conversation for its beginning. */
static void another_server_process_is_told_apart(void **state)
{
    struct fl_session_limits limits;
    struct fl_session *session = NULL;
    struct fl_frame frame = {.kind = FL_FRAME_DATA, .server = 5, .seq = 1};
    struct fl_err err = {0};

    (void)state;
    fl_session_limits_default(&limits);
    memcpy(frame.id, id, sizeof(id));
    assert_ok(fl_session_create(&limits, id, 0, 0, &session, &err), err);
    assert_int_equal(fl_session_take(session, &frame, 0), FL_SESSION_MESSAGE);
    frame.server = 6;
    frame.seq = 2;
    assert_int_equal(fl_session_take(session, &frame, 0), FL_SESSION_NOTHING);
    frame.kind = FL_FRAME_UNKNOWN;
    assert_int_equal(fl_session_take(session, &frame, 0), FL_SESSION_OVER);
    fl_session_destroy(session);
}

/* A worker that was frozen must know that it may have been given up: what it hears then was sent to
 * the one that it was. */
static void client_knows_until_when_it_is_not_missed(void **state)
{
    static const uint8_t number[FL_SESSION_ID_BYTES] = {7};
    struct fl_session_limits limits;
    struct fl_session *client = NULL;
    struct fl_session *server = NULL;
    struct fl_frame frame;
    struct fl_err err = {0};

    (void)state;
    fl_session_limits_default(&limits);
    assert_ok(fl_session_create(&limits, number, 0, 100, &client, &err), err);
    assert_ok(fl_session_create(&limits, number, 5, 0, &server, &err), err);
    assert_int_equal(fl_session_present_ns(client), 0);
    assert_true(fl_session_next(client, 100, &frame));
    assert_int_equal(fl_session_take(server, &frame, 900), FL_SESSION_NOTHING);
    assert_ok(fl_session_push(server, "launch", 6, &err), err);
    assert_true(fl_session_next(server, 901, &frame));
    assert_int_equal(fl_session_take(client, &frame, 5000), FL_SESSION_MESSAGE);
    assert_int_equal(fl_session_present_ns(client), 100 + limits.lease_ns);
    assert_true(fl_session_next(client, 6000, &frame));
    assert_int_equal(fl_session_present_ns(client),
                     100 + limits.lease_ns); /* not known to be heard */
    fl_session_destroy(client);
    fl_session_destroy(server);
}

/* What does not start as our frames do is refused before anything is believed of it. */
static void foreign_bytes_are_no_frame(void **state)
{
    uint8_t bytes[FL_FRAME_HEAD_BYTES] = "FLB1";
    struct fl_frame frame;
    struct fl_err err = {0};

    (void)state;
    assert_int_equal(fl_frame_decode("GET /", 5, &frame, &err), FL_E_PARSE);
    assert_fails_with(fl_frame_decode(bytes, sizeof(bytes), &frame, &err), FL_E_PARSE, err,
                      "unknown kind 0");
    bytes[4] = FL_FRAME_DATA;
    assert_ok(fl_frame_decode(bytes, sizeof(bytes), &frame, &err), err);
    assert_int_equal(fl_frame_decode(bytes, sizeof(bytes) - 1, &frame, &err), FL_E_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_arrives_once_in_order_whatever_the_network_does),
        cmocka_unit_test(full_queue_refuses_and_forgets_nothing),
        cmocka_unit_test(silence_is_broken_by_heartbeats_and_ends_a_lease),
        cmocka_unit_test(no_message_leaves_before_the_session_has_its_number),
        cmocka_unit_test(another_server_process_is_told_apart),
        cmocka_unit_test(client_knows_until_when_it_is_not_missed),
        cmocka_unit_test(foreign_bytes_are_no_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
