/* Sequence numbers, acknowledgement, resending and leases of one end of a conversation. */
#include "config.h"

#include "engine/bus/session.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

#define MAGIC "FLB1"
#define SECOND_NS INT64_C(1000000000)
#define RETRY_NS (SECOND_NS / 20) /* after the transport had no room */

struct message {
    struct message *next;
    uint64_t seq;
    size_t size_bytes;
    uint8_t data[];
};

struct fl_session {
    struct fl_session_limits limits;
    uint8_t id[FL_SESSION_ID_BYTES];
    uint64_t server; /* the server's number; a client learns it */
    bool is_server;
    bool heard;
    struct message *first; /* unacknowledged, in order of seq */
    struct message *last;
    struct message *unsent; /* the first one of them not under way; NULL: none */
    size_t queued;
    size_t queued_bytes;
    uint64_t seq_queued; /* last seq given out */
    uint64_t seq_sent;   /* last seq put on the wire since the last rewind */
    uint64_t seq_acked;  /* by the other end */
    uint64_t seq_taken;  /* from the other end, in order */
    bool ack_due;
    int64_t stamp_ns; /* server: latest taken; client: latest that came back */
    int64_t heard_ns;
    int64_t alive_due_ns;  /* when something must go out */
    int64_t resend_due_ns; /* INT64_MAX: nothing under way */
    int64_t resend_wait_ns;
    int64_t hold_ns; /* the transport was full: nothing before this */
};

static void put64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value = value << 8 | at[i];
    return value;
}

/* "FLB1", kind, 3 zero bytes, stamp, session id, server, seq, ack; then the message. */
_Static_assert(4 + 4 + 8 + FL_SESSION_ID_BYTES + 3 * 8 == FL_FRAME_HEAD_BYTES, "frame head");

void fl_frame_encode(const struct fl_frame *frame, uint8_t *head)
{
    memset(head, 0, FL_FRAME_HEAD_BYTES);
    memcpy(head, MAGIC, 4);
    head[4] = (uint8_t)frame->kind;
    memcpy(head + 16, frame->id, FL_SESSION_ID_BYTES);
    put64(head + 8, (uint64_t)frame->stamp_ns);
    put64(head + 32, frame->server);
    put64(head + 40, frame->seq);
    put64(head + 48, frame->ack);
}

int fl_frame_decode(const void *packet, size_t size_bytes, struct fl_frame *ret_frame,
                    struct fl_err *reterr)
{
    const uint8_t *head = packet;
    struct fl_frame frame = {0};

    if (size_bytes < FL_FRAME_HEAD_BYTES || memcmp(head, MAGIC, 4) != 0)
        return fl_err_set(reterr, FL_E_PARSE, 0, "%zu bytes that are no frame of version 1",
                          size_bytes);
    if (head[4] < FL_FRAME_DATA || head[4] > FL_FRAME_BYE)
        return fl_err_set(reterr, FL_E_PARSE, 0, "frame of unknown kind %u", head[4]);
    frame.kind = (enum fl_frame_kind)head[4];
    memcpy(frame.id, head + 16, FL_SESSION_ID_BYTES);
    frame.stamp_ns = (int64_t)get64(head + 8);
    frame.server = get64(head + 32);
    frame.seq = get64(head + 40);
    frame.ack = get64(head + 48);
    frame.data = head + FL_FRAME_HEAD_BYTES;
    frame.size_bytes = size_bytes - FL_FRAME_HEAD_BYTES;
    *ret_frame = frame;
    return 0;
}

void fl_session_limits_default(struct fl_session_limits *limits)
{
    *limits = (struct fl_session_limits){
        .alive_ns = 2 * SECOND_NS,
        .lease_ns = 15 * SECOND_NS,
        .resend_ns = SECOND_NS,
        .queue_max = 16384,
        .queue_bytes_max = (size_t)64 * 1024 * 1024,
        .window_max = 64,
    };
}

int fl_session_create(const struct fl_session_limits *limits,
                      const uint8_t id[static FL_SESSION_ID_BYTES], uint64_t server, int64_t now_ns,
                      struct fl_session **ret_session, struct fl_err *reterr)
{
    struct fl_session *session = calloc(1, sizeof(*session));

    if (!session)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "session: out of memory");
    session->limits = *limits;
    memcpy(session->id, id, FL_SESSION_ID_BYTES);
    session->server = server;
    session->is_server = server != 0;
    session->heard_ns = now_ns;
    session->alive_due_ns = now_ns; /* a client introduces itself at once */
    session->resend_due_ns = INT64_MAX;
    session->resend_wait_ns = limits->resend_ns;
    session->hold_ns = now_ns;
    *ret_session = session;
    return 0;
}

static void drop_first(struct fl_session *session)
{
    struct message *message = session->first;

    session->first = message->next;
    if (!session->first)
        session->last = NULL;
    if (session->unsent == message)
        session->unsent = session->first;
    session->queued--;
    session->queued_bytes -= message->size_bytes;
    free(message);
}

void fl_session_destroy(struct fl_session *session)
{
    if (!session)
        return;
    while (session->first)
        drop_first(session);
    free(session);
}

int fl_session_push(struct fl_session *session, const void *data, size_t size_bytes,
                    struct fl_err *reterr)
{
    struct message *message;

    if (session->queued >= session->limits.queue_max ||
        session->queued_bytes + size_bytes > session->limits.queue_bytes_max)
        return fl_err_set(reterr, FL_E_FULL, 0,
                          "%zu messages (%zu bytes) wait for the other end already",
                          session->queued, session->queued_bytes);
    message = malloc(sizeof(*message) + size_bytes);
    if (!message)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "message: out of memory");
    message->next = NULL;
    message->seq = ++session->seq_queued;
    message->size_bytes = size_bytes;
    memcpy(message->data, data, size_bytes);
    if (session->last)
        session->last->next = message;
    else
        session->first = message;
    session->last = message;
    if (!session->unsent)
        session->unsent = message;
    session->queued++;
    session->queued_bytes += size_bytes;
    return 0;
}

/* All that is not acknowledged goes out again. */
static void rewind_to_first(struct fl_session *session)
{
    session->unsent = session->first;
    session->seq_sent = session->seq_acked;
    session->resend_due_ns = INT64_MAX;
}

static void take_ack(struct fl_session *session, uint64_t ack, int64_t now_ns)
{
    bool moved = false;

    if (ack > session->seq_queued)
        return; /* an acknowledgement of what was never sent: not for this session */
    while (session->first && session->first->seq <= ack) {
        drop_first(session);
        moved = true;
    }
    if (ack > session->seq_acked)
        session->seq_acked = ack;
    if (session->seq_sent < session->seq_acked)
        session->seq_sent = session->seq_acked;
    if (moved) {
        session->resend_wait_ns = session->limits.resend_ns;
        session->resend_due_ns =
            session->seq_sent > session->seq_acked ? now_ns + session->resend_wait_ns : INT64_MAX;
    }
}

enum fl_session_news fl_session_take(struct fl_session *session, const struct fl_frame *frame,
                                     int64_t now_ns)
{
    fl_assert(memcmp(frame->id, session->id, FL_SESSION_ID_BYTES) == 0);
    if (!session->is_server && session->server != 0 && frame->server != session->server)
        /* an older or a newer server process: the newer will say so itself */
        return frame->kind == FL_FRAME_UNKNOWN ? FL_SESSION_OVER : FL_SESSION_NOTHING;
    session->heard_ns = now_ns;
    if (frame->kind == FL_FRAME_UNKNOWN || frame->kind == FL_FRAME_BYE)
        return FL_SESSION_OVER;
    if (frame->kind == FL_FRAME_REPLACED)
        return FL_SESSION_LOST;
    session->heard = true;
    if (!session->is_server && session->server == 0) {
        session->server = frame->server;
        session->ack_due = true; /* proves that this end is alive: the session begins with it */
        session->alive_due_ns = now_ns;
    }
    if (frame->stamp_ns > session->stamp_ns && (session->is_server || frame->stamp_ns <= now_ns))
        session->stamp_ns = frame->stamp_ns;
    take_ack(session, frame->ack, now_ns);
    if (frame->kind == FL_FRAME_ALIVE)
        return FL_SESSION_NOTHING;
    session->ack_due = true;
    if (frame->seq != session->seq_taken + 1)
        return FL_SESSION_NOTHING;
    session->seq_taken = frame->seq;
    return FL_SESSION_MESSAGE;
}

static void fill_frame(const struct fl_session *session, enum fl_frame_kind kind, uint64_t seq,
                       int64_t now_ns, struct fl_frame *frame)
{
    *frame = (struct fl_frame){.kind = kind,
                               .server = session->server,
                               .seq = seq,
                               .ack = session->seq_taken,
                               .stamp_ns = session->is_server ? session->stamp_ns : now_ns};
    memcpy(frame->id, session->id, FL_SESSION_ID_BYTES);
}

/* A client that has not been given the session's number yet says nothing but that it is there. */
static bool may_talk(const struct fl_session *session)
{
    return session->is_server || session->server != 0;
}

static int64_t alive_wait_ns(const struct fl_session *session)
{
    const struct fl_session_limits *limits = &session->limits;

    return may_talk(session) || limits->alive_ns < limits->resend_ns ? limits->alive_ns
                                                                     : limits->resend_ns;
}

bool fl_session_next(struct fl_session *session, int64_t now_ns, struct fl_frame *ret_frame)
{
    struct message *message;

    if (now_ns < session->hold_ns)
        return false;
    if (now_ns >= session->resend_due_ns) {
        int64_t most_ns = session->limits.alive_ns * 4;

        rewind_to_first(session);
        session->resend_wait_ns *= 2;
        if (session->resend_wait_ns > most_ns)
            session->resend_wait_ns = most_ns;
    }
    message = may_talk(session) ? session->unsent : NULL;
    if (message && message->seq <= session->seq_acked + session->limits.window_max) {
        fill_frame(session, FL_FRAME_DATA, message->seq, now_ns, ret_frame);
        ret_frame->data = message->data;
        ret_frame->size_bytes = message->size_bytes;
        session->unsent = message->next;
        session->seq_sent = message->seq;
        if (session->resend_due_ns == INT64_MAX)
            session->resend_due_ns = now_ns + session->resend_wait_ns;
    } else if (session->ack_due || now_ns >= session->alive_due_ns) {
        fill_frame(session, FL_FRAME_ALIVE, session->seq_sent, now_ns, ret_frame);
    } else {
        return false;
    }
    session->ack_due = false;
    session->alive_due_ns = now_ns + alive_wait_ns(session);
    return true;
}

void fl_session_undo(struct fl_session *session, const struct fl_frame *frame, int64_t now_ns)
{
    session->hold_ns = now_ns + RETRY_NS;
    if (frame->kind == FL_FRAME_DATA) {
        struct message *message = session->first;

        while (message && message->seq < frame->seq)
            message = message->next;
        session->unsent = message;
        session->seq_sent = frame->seq - 1;
        if (session->seq_sent <= session->seq_acked)
            session->resend_due_ns = INT64_MAX;
    }
    session->ack_due = true;
}

int64_t fl_session_timer(const struct fl_session *session)
{
    int64_t due_ns = session->alive_due_ns;

    if (session->resend_due_ns < due_ns)
        due_ns = session->resend_due_ns;
    if (session->ack_due ||
        (may_talk(session) && session->unsent &&
         session->unsent->seq <= session->seq_acked + session->limits.window_max))
        due_ns = 0;
    return due_ns < session->hold_ns ? session->hold_ns : due_ns;
}

void fl_session_reconnect(struct fl_session *session)
{
    rewind_to_first(session);
    session->resend_wait_ns = session->limits.resend_ns;
    session->hold_ns = 0;
    session->ack_due = true; /* something goes out now, if only to be heard */
}

bool fl_session_heard(const struct fl_session *session)
{
    return session->heard;
}

bool fl_session_gone(const struct fl_session *session, int64_t now_ns)
{
    return now_ns >= fl_session_lease_end(session);
}

int64_t fl_session_lease_end(const struct fl_session *session)
{
    return session->heard_ns + session->limits.lease_ns;
}

int64_t fl_session_present_ns(const struct fl_session *session)
{
    return session->stamp_ns > 0 ? session->stamp_ns + session->limits.lease_ns : 0;
}

uint64_t fl_session_server(const struct fl_session *session)
{
    return session->server;
}

const uint8_t *fl_session_id(const struct fl_session *session)
{
    return session->id;
}

size_t fl_session_waiting(const struct fl_session *session)
{
    return session->queued;
}
