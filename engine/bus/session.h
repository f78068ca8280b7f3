#ifndef FL_BUS_SESSION_H
#define FL_BUS_SESSION_H

/* One end of a conversation over a transport that may lose, repeat and reorder: every message
 * arrives once and in order, or the other end is told that the session is over. Pure: no I/O, no
 * clock; time comes in as now_ns. Go-back-N: only the next expected message is taken, the rest is
 * sent again by timer.
 * How one begins: the client knocks (a frame without number), the server answers with a number that
 * it has drawn for this session, and the session is open once the server hears that number back.
 * Only a process that lives can do that, so that a late packet of a dead one begins nothing and
 * repeats nothing.
 * Owns: queued messages until they are acknowledged. Threads: one at a time.
 * Limits: struct fl_session_limits; a full queue is FL_E_FULL. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

#define FL_SESSION_ID_BYTES 16
#define FL_FRAME_HEAD_BYTES 56

/* What a packet on the wire is. */
enum fl_frame_kind {
    FL_FRAME_DATA = 1,     /* carries the message number seq */
    FL_FRAME_ALIVE = 2,    /* heartbeat and acknowledgement; seq is the last message sent */
    FL_FRAME_UNKNOWN = 3,  /* server: I do not know this session; begin a new one */
    FL_FRAME_REPLACED = 4, /* server: another process has taken this name; end */
    FL_FRAME_BYE = 5,      /* this end is done: no more will be sent or taken */
};

struct fl_frame {
    enum fl_frame_kind kind;
    uint8_t id[FL_SESSION_ID_BYTES]; /* random, chosen by the client */
    uint64_t server;  /* random number that the server drew for the session; 0: a client knocks */
    uint64_t seq;     /* from 1 */
    uint64_t ack;     /* last message taken in order */
    int64_t stamp_ns; /* client: its clock; server: the latest of the client's that it has taken */
    const void *data; /* borrowed */
    size_t size_bytes;
};

/* head holds FL_FRAME_HEAD_BYTES; the message follows it on the wire. */
void fl_frame_encode(const struct fl_frame *frame, uint8_t *head);
/* frame->data points into packet. FL_E_PARSE for what is no frame of version 1. */
int fl_frame_decode(const void *packet, size_t size_bytes, struct fl_frame *ret_frame,
                    struct fl_err *reterr);

struct fl_session_limits {
    int64_t alive_ns;  /* send something at least this often [ns] */
    int64_t lease_ns;  /* silence after which the other end counts as gone [ns] */
    int64_t resend_ns; /* first wait for an acknowledgement; doubles up to alive_ns * 4 [ns] */
    size_t queue_max;  /* messages waiting for acknowledgement */
    size_t queue_bytes_max;
    uint32_t window_max; /* messages under way at once */
};
/* 2 s, 15 s, 1 s, 16384 messages (all that a worker's hello can bring back, by number), 64 MiB,
 * 64. */
void fl_session_limits_default(struct fl_session_limits *limits);

struct fl_session;

/* server: the session's number at the server's end, 0 at a client's. FL_E_NOMEM. */
int fl_session_create(const struct fl_session_limits *limits,
                      const uint8_t id[static FL_SESSION_ID_BYTES], uint64_t server, int64_t now_ns,
                      struct fl_session **ret_session, struct fl_err *reterr);
void fl_session_destroy(struct fl_session *session);
FL_DEFINE_AUTO(struct fl_session *, fl_session_destroy)

/* Queues a message to be sent (copied). FL_E_FULL: nothing was queued. */
int fl_session_push(struct fl_session *session, const void *data, size_t size_bytes,
                    struct fl_err *reterr);

/* What a packet of the other end meant. */
enum fl_session_news {
    FL_SESSION_NOTHING, /* repeated, out of order, or no message */
    FL_SESSION_MESSAGE, /* frame->data is the next message in order */
    FL_SESSION_OVER,    /* the other end does not know this session any more, or said bye */
    FL_SESSION_LOST,    /* another process took the name */
};
/* Takes a packet of this session in. */
enum fl_session_news fl_session_take(struct fl_session *session, const struct fl_frame *frame,
                                     int64_t now_ns);
/* The next packet to put on the wire now, or false. Counts it as sent. */
bool fl_session_next(struct fl_session *session, int64_t now_ns, struct fl_frame *ret_frame);
/* The transport could not take the packet that fl_session_next gave: try again a little later. */
void fl_session_undo(struct fl_session *session, const struct fl_frame *frame, int64_t now_ns);
/* When fl_session_next may have something new (monotonic). */
int64_t fl_session_timer(const struct fl_session *session);
/* The way to the other end is new: what is unacknowledged goes out again at once, and a sign of
 * life when there is nothing. */
void fl_session_reconnect(struct fl_session *session);

bool fl_session_heard(const struct fl_session *session); /* anything, ever */
bool fl_session_gone(const struct fl_session *session, int64_t now_ns);
int64_t fl_session_lease_end(const struct fl_session *session); /* unless something is heard */
/* Client: until when, by its own clock, the server cannot have missed it for a whole lease: the
 * lease counted from the sending of the latest packet that the server has shown to have. 0 before
 * anything was heard. */
int64_t fl_session_present_ns(const struct fl_session *session);
uint64_t fl_session_server(const struct fl_session *session);
const uint8_t *fl_session_id(const struct fl_session *session);
size_t fl_session_waiting(const struct fl_session *session); /* messages not yet acknowledged */

#endif
