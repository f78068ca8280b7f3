/* Fuzzes both ends of a session of the bus over a wire that the input rules: packets come late,
 * twice, never, out of order, changed, or made up. Whatever comes, each message arrives once and in
 * order, until an end says that the session is over. A byte is a step: its low bits say which, its
 * high bits how. */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/bus/session.h"

#include "engine/base/banned.h"

#define WIRE_MAX 32
#define PACKET_MAX 256
#define SERVER_NUMBER 77

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct packet {
    uint8_t bytes[PACKET_MAX];
    size_t size;
};

struct end {
    struct fl_session *session;
    uint32_t said;
    uint32_t heard;
    bool over;
    struct packet wire[WIRE_MAX]; /* towards this end */
    size_t wire_count;
};

struct pair {
    struct end ends[2];
    int64_t now_ns;
    bool forged; /* a packet was made up that may carry our session's number: no promise holds */
};

static void open_pair(struct pair *pair)
{
    const uint8_t id[FL_SESSION_ID_BYTES] = {1, 2, 3};
    struct fl_session_limits limits;

    memset(pair, 0, sizeof(*pair));
    pair->now_ns = 1000000000;
    fl_session_limits_default(&limits);
    limits.window_max = 4;
    limits.queue_max = 16;
    fl_assert(fl_session_create(&limits, id, 0, pair->now_ns, &pair->ends[0].session, NULL) == 0);
    fl_assert(fl_session_create(&limits, id, SERVER_NUMBER, pair->now_ns, &pair->ends[1].session,
                                NULL) == 0);
}

static void say(struct end *end)
{
    uint32_t number = end->said + 1;

    if (fl_session_push(end->session, &number, sizeof(number), NULL) == 0)
        end->said = number;
}

/* What an end wants to send goes on the wire of the other; a full wire loses it. */
static void pump(struct pair *pair, int from)
{
    struct end *to = &pair->ends[1 - from];
    struct fl_frame frame;

    while (fl_session_next(pair->ends[from].session, pair->now_ns, &frame)) {
        struct packet *packet = &to->wire[to->wire_count];

        fl_assert(FL_FRAME_HEAD_BYTES + frame.size_bytes <= PACKET_MAX);
        if (to->wire_count == WIRE_MAX)
            continue;
        fl_frame_encode(&frame, packet->bytes);
        if (frame.size_bytes)
            memcpy(packet->bytes + FL_FRAME_HEAD_BYTES, frame.data, frame.size_bytes);
        packet->size = FL_FRAME_HEAD_BYTES + frame.size_bytes;
        to->wire_count++;
    }
}

static void take(struct pair *pair, int at, const struct packet *packet)
{
    struct end *end = &pair->ends[at];
    struct fl_frame frame;
    enum fl_session_news news;
    uint32_t number;

    if (fl_frame_decode(packet->bytes, packet->size, &frame, NULL) < 0)
        return;
    if (memcmp(frame.id, fl_session_id(end->session), FL_SESSION_ID_BYTES) != 0)
        return; /* the bus never hands these over */
    if (frame.kind == FL_FRAME_UNKNOWN || frame.kind == FL_FRAME_REPLACED ||
        frame.kind == FL_FRAME_BYE)
        end->over = true;
    news = fl_session_take(end->session, &frame, pair->now_ns);
    if (news == FL_SESSION_OVER || news == FL_SESSION_LOST) {
        end->over = true;
        return;
    }
    if (news != FL_SESSION_MESSAGE || pair->forged || end->over)
        return;
    fl_assert(frame.size_bytes == sizeof(number));
    memcpy(&number, frame.data, sizeof(number));
    fl_assert(number == end->heard + 1); /* once, in order, none missing */
    fl_assert(number <= pair->ends[1 - at].said);
    end->heard = number;
}

static void deliver(struct pair *pair, int at, size_t which, bool keep)
{
    struct end *end = &pair->ends[at];
    struct packet packet;

    if (end->wire_count == 0)
        return;
    which %= end->wire_count;
    packet = end->wire[which];
    if (!keep)
        end->wire[which] = end->wire[--end->wire_count];
    take(pair, at, &packet);
}

/* Bytes of the input as a packet; with `ours` under the session's own number. */
static size_t forge(struct pair *pair, int at, const uint8_t *data, size_t size, bool ours)
{
    const uint8_t *id = fl_session_id(pair->ends[at].session);
    struct packet packet = {.size = size < PACKET_MAX ? size : PACKET_MAX};
    struct fl_frame frame;

    memcpy(packet.bytes, data, packet.size);
    if (fl_frame_decode(packet.bytes, packet.size, &frame, NULL) < 0)
        return packet.size;
    if (ours)
        memcpy(frame.id, id, FL_SESSION_ID_BYTES);
    if (memcmp(frame.id, id, FL_SESSION_ID_BYTES) == 0) {
        pair->forged = true;
        (void)fl_session_take(pair->ends[at].session, &frame, pair->now_ns);
    }
    return packet.size;
}

static size_t step(struct pair *pair, const uint8_t *data, size_t size)
{
    int at = data[0] >> 7;
    uint8_t how = (data[0] >> 3) & 15;

    switch (data[0] & 7) {
    case 0:
        say(&pair->ends[at]);
        break;
    case 1:
        pump(pair, at);
        break;
    case 2:
        deliver(pair, at, 0, false);
        break;
    case 3:
        deliver(pair, at, how, false);
        break;
    case 4:
        deliver(pair, at, how, true);
        break;
    case 5: /* lost */
        if (pair->ends[at].wire_count > 0)
            pair->ends[at].wire_count--;
        break;
    case 6:
        pair->now_ns += (int64_t)how * how * 100000000;
        (void)fl_session_gone(pair->ends[at].session, pair->now_ns);
        break;
    default:
        if (how == 0)
            fl_session_reconnect(pair->ends[at].session);
        else
            return 1 + forge(pair, at, data + 1, size - 1, how == 1);
    }
    return 1;
}

/* A wire that loses no more: all that was said arrives. */
static void heal(struct pair *pair)
{
    for (int round = 0; round < 200; round++) {
        pair->now_ns += 1000000000;
        for (int at = 0; at < 2; at++) {
            pump(pair, at);
            while (pair->ends[1 - at].wire_count > 0)
                deliver(pair, 1 - at, 0, false);
        }
    }
    fl_assert(pair->ends[0].heard == pair->ends[1].said);
    fl_assert(pair->ends[1].heard == pair->ends[0].said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pair *pair = malloc(sizeof(*pair));
    size_t at = 0;

    fl_assert(pair);
    open_pair(pair);
    while (at < size)
        at += step(pair, data + at, size - at);
    if (!pair->forged && !pair->ends[0].over && !pair->ends[1].over)
        heal(pair);
    fl_session_destroy(pair->ends[0].session);
    fl_session_destroy(pair->ends[1].session);
    free(pair);
    return 0;
}
