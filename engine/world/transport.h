#ifndef FL_WORLD_TRANSPORT_H
#define FL_WORLD_TRANSPORT_H

/* Datagrams between the coordinator and its peers, as one table of functions: ZeroMQ with CURVE in
 * the real world (zmq.c), a network that loses and repeats in the simulated one. A transport may
 * lose, repeat and reorder whole packets; it never changes or joins them. engine/bus puts sessions
 * on top.
 * Owns: sockets and what is on its way in them. Threads: the one that made it.
 * Limits: FL_TRANSPORT_PACKET_MAX bytes a packet; queues of FL_TRANSPORT_HWM packets a peer. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/world/world.h"

#define FL_TRANSPORT_PACKET_MAX ((size_t)16 * 1024 * 1024)
#define FL_TRANSPORT_HWM 1000
#define FL_TRANSPORT_USER_MAX 96 /* "worker/NAME" or "client/NAME", with the NUL */
#define FL_KEY_TEXT 41           /* a CURVE key in Z85, with the NUL */

/* The way to a peer. Valid until the peer's connection ends; a client knows one peer and leaves it
 * zero. */
struct fl_route {
    uint8_t size;
    uint8_t bytes[31];
};

/* What arrived. data is borrowed until the next call on the same transport. */
struct fl_packet {
    struct fl_route from;
    const char *user; /* who the transport proved the sender to be; "" when it proves nothing */
    const void *data;
    size_t size_bytes;
};

/* Peers that were turned away, since the beginning. */
struct fl_refusals {
    uint64_t count;
    char last[160]; /* address, key and reason of the last one, for people */
};

struct fl_transport_ops {
    /* Never waits. FL_E_AGAIN (queue full: later), FL_E_NET (no such peer now), FL_E_TOO_BIG. */
    int (*send)(void *self, const struct fl_route *to, const void *data, size_t size_bytes,
                struct fl_err *reterr);
    /* Never waits. FL_E_AGAIN when nothing is there. */
    int (*receive)(void *self, struct fl_packet *ret_packet, struct fl_err *reterr);
    /* Fills at most room items to wait on; returns how many. */
    size_t (*wait_items)(void *self, struct fl_wait_item *items, size_t room);
    void (*refusals)(const void *self, struct fl_refusals *ret_refusals);
    void (*destroy)(void *self);
};

struct fl_transport {
    const struct fl_transport_ops *ops;
    void *self;
};

/* Sends what still lies in the sockets for at most a second, then closes. Takes NULL. */
void fl_transport_destroy(struct fl_transport *transport);
FL_DEFINE_AUTO(struct fl_transport *, fl_transport_destroy)

/* Decides on a peer's public key (Z85): writes user and returns 0, or refuses with a negative code.
 * Called in the thread of the transport, from receive. */
typedef int (*fl_transport_allow_fn)(const char *public_key, char user[FL_TRANSPORT_USER_MAX],
                                     void *arg);

/* A ZeroMQ ROUTER bound to endpoint ("tcp://127.0.0.1:*" picks a port) that speaks CURVE alone and
 * asks allow about every key before a byte of the peer is delivered (ZAP, RFC 27, answered in this
 * thread).
 * FL_E_CONFIG for an endpoint that cannot be used, FL_E_EXISTS when it is taken, FL_E_NOMEM. */
int fl_transport_listen(const char *endpoint, const char *public_key, const char *secret_key,
                        fl_transport_allow_fn allow, void *arg, struct fl_transport **ret_transport,
                        struct fl_err *reterr);
/* A ZeroMQ DEALER that connects to endpoint, and again whenever the connection breaks. Each time
 * the connection has come to stand, receive gives an empty packet, which no peer sends. */
int fl_transport_connect(const char *endpoint, const char *server_public_key,
                         const char *public_key, const char *secret_key,
                         struct fl_transport **ret_transport, struct fl_err *reterr);
/* The address a listening transport has: "tcp://127.0.0.1:40213". Borrowed. */
const char *fl_transport_endpoint(const struct fl_transport *transport);

/* A fresh CURVE key pair. FL_E_UNSUPPORTED when the library has no CURVE. */
int fl_transport_keypair(char public_key[FL_KEY_TEXT], char secret_key[FL_KEY_TEXT],
                         struct fl_err *reterr);
/* The public key that belongs to a secret one. FL_E_PARSE when it is no key. */
int fl_transport_public_of(const char *secret_key, char public_key[FL_KEY_TEXT],
                           struct fl_err *reterr);

#endif
