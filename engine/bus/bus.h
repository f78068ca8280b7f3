#ifndef FL_BUS_BUS_H
#define FL_BUS_BUS_H

/* Messages (JSON objects with a "type") between the coordinator and its workers and clients: once,
 * in order, over any transport. A peer is what its key says: a worker speaks for its own name only,
 * and requests come from client keys only.
 * Owns: its transport and the sessions. Threads: the one that made it.
 * Limits: struct fl_bus_limits; a full queue is FL_E_FULL at the sender. A worker whose queue at
 * the server was full once is sent nothing more (no gap can arise) until it has taken all of it:
 * then the server tells ROOM, and the coordinator asks it to say hello again, which brings it, from
 * the state, everything that it lacks. A client is cut off instead, and has to ask again. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/bus/session.h"
#include "engine/world/transport.h"
#include "engine/world/world.h"

struct fl_bus_limits {
    struct fl_session_limits session;
    size_t peers_max;   /* sessions a server holds, and as many that knock (default 4096) */
    int64_t forget_ns;  /* a client (not a worker) silent for so long is dropped (60 s) */
    size_t message_max; /* bytes of one message (16 MiB less the frame) */
};
void fl_bus_limits_default(struct fl_bus_limits *limits);

enum fl_bus_role { FL_BUS_WORKER, FL_BUS_CLIENT };

struct fl_bus_peer {
    uint64_t v; /* never used again by the same server; 0 is nobody */
};

enum fl_bus_kind {
    FL_BUS_OPENED,  /* server: a session began. client: the server was heard for the first time in
                       this session: say who you are */
    FL_BUS_MESSAGE, /* message is set */
    FL_BUS_GONE,    /* silent for longer than the lease; the session is kept */
    FL_BUS_BACK,    /* heard again after GONE, nothing was lost */
    FL_BUS_ROOM,    /* server: a worker has taken all that was queued when its queue became full;
                       it can be sent to again, beginning with what it missed */
    FL_BUS_CLOSED, /* server: the session ended (bye, replaced by a newer one of the same worker, or
                      a client that was forgotten). client: another process has our name; for good
                    */
    FL_BUS_RESET,  /* client: the server is a new process that does not know us; what was queued is
                      dropped and a new session begins: OPENED follows */
};

struct fl_bus_event {
    enum fl_bus_kind kind;
    struct fl_bus_peer peer; /* 0 at a client */
    enum fl_bus_role role;   /* server */
    const char *name;        /* server: the peer's name by its key; borrowed until the next call */
    json_t *message;         /* MESSAGE: a reference for the caller; else NULL */
};

/* ------------------------------------------------------------------ server */
struct fl_bus_server;

/* Takes the transport over on success. FL_E_NOMEM, FL_E_IO (no randomness). */
int fl_bus_server_create(const struct fl_world *world, struct fl_transport *transport,
                         const struct fl_bus_limits *limits, struct fl_bus_server **ret_server,
                         struct fl_err *reterr);
void fl_bus_server_destroy(struct fl_bus_server *server);
FL_DEFINE_AUTO(struct fl_bus_server *, fl_bus_server_destroy)

/* The next thing that happened; sends heartbeats and repeats as due on the way. Never waits.
 * FL_E_AGAIN when there is nothing (wait on the items until fl_bus_server_timer). */
int fl_bus_server_recv(struct fl_bus_server *server, struct fl_bus_event *ret_event,
                       struct fl_err *reterr);
/* From now on messages of workers, or clients, are left with their senders, who send them again;
 * heartbeats are taken and answered all the same, so that nobody is taken for gone. For a time in
 * which nothing can be taken in; ends by the same call. */
void fl_bus_server_hold(struct fl_bus_server *server, bool workers, bool clients);
/* Queues and sends. message is borrowed. FL_E_NOENT (no such peer), FL_E_FULL (then
 * FL_E_AGAIN until ROOM), FL_E_TOO_BIG. */
int fl_bus_server_send(struct fl_bus_server *server, struct fl_bus_peer peer, const json_t *message,
                       struct fl_err *reterr);
/* To the session of a worker by name. FL_E_NOENT when there is none. */
int fl_bus_server_send_worker(struct fl_bus_server *server, const char *name, const json_t *message,
                              struct fl_err *reterr);
/* Items to wait on (at most room; 4 are enough). */
size_t fl_bus_server_wait_items(struct fl_bus_server *server, struct fl_wait_item *items,
                                size_t room);
/* Monotonic time at which recv must be called though nothing arrived; INT64_MAX: never. */
int64_t fl_bus_server_timer(const struct fl_bus_server *server);
/* Keys turned away by the transport, and messages that a peer had no right to send. */
void fl_bus_server_refusals(const struct fl_bus_server *server, struct fl_refusals *ret_refusals);
/* Messages that no peer has acknowledged yet, over all peers that are not gone. */
size_t fl_bus_server_waiting(const struct fl_bus_server *server);
/* The transport's address ("tcp://127.0.0.1:40213"; "" when it has none). Borrowed. */
const char *fl_bus_server_endpoint(const struct fl_bus_server *server);

/* ------------------------------------------------------------------ client */
struct fl_bus_client;

/* Takes the transport over on success. */
int fl_bus_client_create(const struct fl_world *world, struct fl_transport *transport,
                         const struct fl_bus_limits *limits, struct fl_bus_client **ret_client,
                         struct fl_err *reterr);
/* Says bye, so that the server need not wait for the lease. Takes NULL. */
void fl_bus_client_destroy(struct fl_bus_client *client);
FL_DEFINE_AUTO(struct fl_bus_client *, fl_bus_client_destroy)

/* Queues; goes out as soon as the server can be reached. FL_E_FULL, FL_E_TOO_BIG, FL_E_REFUSED
 * after CLOSED. */
int fl_bus_client_send(struct fl_bus_client *client, const json_t *message, struct fl_err *reterr);
/* As fl_bus_server_recv. */
int fl_bus_client_recv(struct fl_bus_client *client, struct fl_bus_event *ret_event,
                       struct fl_err *reterr);
size_t fl_bus_client_wait_items(struct fl_bus_client *client, struct fl_wait_item *items,
                                size_t room);
int64_t fl_bus_client_timer(const struct fl_bus_client *client);
size_t fl_bus_client_waiting(const struct fl_bus_client *client);
/* Monotonic time until which the server cannot have counted us as gone in this session, whatever
 * was lost on the way since; 0 when nothing is known. */
int64_t fl_bus_client_present_ns(const struct fl_bus_client *client);

#endif
