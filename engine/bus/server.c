/* The coordinator's end of the bus: a session for every peer. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/bus/message.h"

#include "engine/base/banned.h"

#define PENDING_MAX 4     /* events that one packet can cause */
#define PUMP_PACKETS 32   /* packets taken before acknowledgements go out */
#define AWAY_NS INT64_MAX /* timer of a peer that is away */

struct peer {
    struct peer *next;
    struct fl_bus_peer id;
    enum fl_bus_role role;
    struct fl_session *session;
    struct fl_route route;
    bool gone;
    char name[FL_TRANSPORT_USER_MAX];
};

struct fl_bus_server {
    const struct fl_world *world;
    struct fl_transport *transport;
    struct fl_bus_limits limits;
    struct peer *peers;
    size_t peer_count;
    uint64_t peer_last;
    uint64_t number; /* of this server process, random, never 0 */
    struct fl_bus_event pending[PENDING_MAX];
    char pending_name[PENDING_MAX][FL_TRANSPORT_USER_MAX];
    size_t pending_count;
    size_t pending_at;
    unsigned taken;                        /* packets since the last pump */
    uint8_t replaced[FL_SESSION_ID_BYTES]; /* the last session that lost its name */
    struct fl_refusals refusals;
    struct fl_buf packet;
    void *kept;
    void (*kept_destroy)(void *thing);
};

int fl_bus_server_create(const struct fl_world *world, struct fl_transport *transport,
                         const struct fl_bus_limits *limits, struct fl_bus_server **ret_server,
                         struct fl_err *reterr)
{
    struct fl_bus_server *server = calloc(1, sizeof(*server));
    int rc;

    fl_assert(world && transport);
    if (!server)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "bus: out of memory");
    rc = fl_world_random(world, &server->number, sizeof(server->number), reterr);
    if (rc < 0) {
        free(server);
        return rc;
    }
    server->number |= 1;
    server->world = world;
    server->transport = transport;
    if (limits)
        server->limits = *limits;
    else
        fl_bus_limits_default(&server->limits);
    fl_buf_init(&server->packet, FL_TRANSPORT_PACKET_MAX);
    *ret_server = server;
    return 0;
}

static void peer_free(struct peer *peer)
{
    fl_session_destroy(peer->session);
    free(peer);
}

static void peer_unlink(struct fl_bus_server *server, struct peer *peer)
{
    struct peer **slot = &server->peers;

    while (*slot && *slot != peer)
        slot = &(*slot)->next;
    fl_assert(*slot);
    *slot = peer->next;
    server->peer_count--;
}

void fl_bus_server_destroy(struct fl_bus_server *server)
{
    if (!server)
        return;
    while (server->peers) {
        struct peer *peer = server->peers;

        server->peers = peer->next;
        peer_free(peer);
    }
    while (server->pending_at < server->pending_count)
        json_decref(server->pending[server->pending_at++].message);
    fl_transport_destroy(server->transport);
    if (server->kept)
        server->kept_destroy(server->kept);
    fl_buf_release(&server->packet);
    free(server);
}

void fl_bus_server_keep(struct fl_bus_server *server, void *thing, void (*destroy)(void *thing))
{
    fl_assert(!server->kept);
    server->kept = thing;
    server->kept_destroy = destroy;
}

/* Queues an event of a peer; takes message over. */
static void tell(struct fl_bus_server *server, enum fl_bus_kind kind, const struct peer *peer,
                 json_t *message)
{
    size_t at = server->pending_count;

    fl_assert(at < PENDING_MAX);
    (void)snprintf(server->pending_name[at], sizeof(server->pending_name[at]), "%s", peer->name);
    server->pending[at] = (struct fl_bus_event){.kind = kind,
                                                .peer = peer->id,
                                                .role = peer->role,
                                                .name = server->pending_name[at],
                                                .message = message};
    server->pending_count = at + 1;
}

static void refuse(struct fl_bus_server *server, const char *what)
{
    server->refusals.count++;
    (void)snprintf(server->refusals.last, sizeof(server->refusals.last), "%s", what);
}

static void peer_close(struct fl_bus_server *server, struct peer *peer)
{
    tell(server, FL_BUS_CLOSED, peer, NULL);
    peer_unlink(server, peer);
    peer_free(peer);
}

static void answer(struct fl_bus_server *server, const struct fl_route *route,
                   const uint8_t id[static FL_SESSION_ID_BYTES], enum fl_frame_kind kind)
{
    struct fl_frame frame = {.kind = kind, .server = server->number};

    memcpy(frame.id, id, FL_SESSION_ID_BYTES);
    /* lost with the connection at worst: the peer's next packet asks again */
    (void)fl_bus_put(server->transport, route, &frame, &server->packet, NULL);
}

static struct peer *find_session(const struct fl_bus_server *server, const uint8_t *id)
{
    struct peer *peer = server->peers;

    while (peer && memcmp(fl_session_id(peer->session), id, FL_SESSION_ID_BYTES) != 0)
        peer = peer->next;
    return peer;
}

static struct peer *find_worker(const struct fl_bus_server *server, const char *name)
{
    struct peer *peer = server->peers;

    while (peer && (peer->role != FL_BUS_WORKER || strcmp(peer->name, name) != 0))
        peer = peer->next;
    return peer;
}

/* A session begins; a worker's older one ends. */
static int peer_open(struct fl_bus_server *server, const struct fl_packet *packet,
                     const struct fl_frame *frame, enum fl_bus_role role, const char *name,
                     int64_t now_ns, struct peer **ret_peer, struct fl_err *reterr)
{
    struct peer *older = role == FL_BUS_WORKER ? find_worker(server, name) : NULL;
    struct peer *peer;
    int rc;

    if (!older && server->peer_count >= server->limits.peers_max)
        return fl_err_set(reterr, FL_E_FULL, 0, "%zu peers already; '%s' must wait",
                          server->peer_count, name);
    peer = calloc(1, sizeof(*peer));
    if (!peer)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "peer: out of memory");
    rc = fl_session_create(&server->limits.session, frame->id, server->number, now_ns,
                           &peer->session, reterr);
    if (rc < 0) {
        free(peer);
        return rc;
    }
    if (older) {
        memcpy(server->replaced, fl_session_id(older->session), FL_SESSION_ID_BYTES);
        answer(server, &older->route, server->replaced, FL_FRAME_REPLACED);
        peer_close(server, older);
    }
    peer->id.v = ++server->peer_last;
    peer->role = role;
    peer->route = packet->from;
    (void)snprintf(peer->name, sizeof(peer->name), "%s", name);
    peer->next = server->peers;
    server->peers = peer;
    server->peer_count++;
    tell(server, FL_BUS_OPENED, peer, NULL);
    *ret_peer = peer;
    return 0;
}

static void take_message(struct fl_bus_server *server, const struct peer *peer,
                         const struct fl_frame *frame)
{
    fl_json_auto json_t *message = NULL;
    struct fl_err err = {0};
    int rc = fl_bus_unpack(frame, &message, &err);

    if (rc == 0)
        rc = fl_bus_may_say(peer->role, peer->name, message, &err);
    if (rc < 0)
        refuse(server, err.text);
    else
        tell(server, FL_BUS_MESSAGE, peer, FL_STEAL(message));
}

/* The peer a frame belongs to: known, new, or none (then it was answered). */
static struct peer *peer_of(struct fl_bus_server *server, const struct fl_packet *packet,
                            const struct fl_frame *frame, int64_t now_ns)
{
    struct peer *peer = find_session(server, frame->id);
    enum fl_bus_role role = FL_BUS_CLIENT;
    const char *name = NULL;
    struct fl_err err = {0};
    int rc = fl_bus_user(packet->user, &role, &name, &err);

    if (rc == 0 && peer && (peer->role != role || strcmp(peer->name, name) != 0))
        rc = fl_err_set(&err, FL_E_REFUSED, 0, "the key of '%s' used a session of '%s'",
                        packet->user, peer->name);
    if (rc < 0) {
        refuse(server, err.text);
        return NULL;
    }
    if (peer)
        return peer;
    if (memcmp(frame->id, server->replaced, FL_SESSION_ID_BYTES) == 0) {
        answer(server, &packet->from, frame->id, FL_FRAME_REPLACED);
    } else if (frame->kind == FL_FRAME_BYE) {
        return NULL;
    } else if (frame->server != 0) {
        answer(server, &packet->from, frame->id, FL_FRAME_UNKNOWN);
    } else {
        rc = peer_open(server, packet, frame, role, name, now_ns, &peer, &err);
        if (rc < 0)
            refuse(server, err.text);
    }
    return peer;
}

static void take_packet(struct fl_bus_server *server, const struct fl_packet *packet,
                        int64_t now_ns)
{
    struct fl_frame frame;
    struct fl_err err = {0};
    struct peer *peer;

    if (fl_frame_decode(packet->data, packet->size_bytes, &frame, &err) < 0) {
        refuse(server, err.text);
        return;
    }
    if (frame.kind == FL_FRAME_UNKNOWN || frame.kind == FL_FRAME_REPLACED) {
        refuse(server, "a peer sent a frame that only a server may send");
        return;
    }
    peer = peer_of(server, packet, &frame, now_ns);
    if (!peer)
        return;
    if (memcmp(&peer->route, &packet->from, sizeof(peer->route)) != 0) {
        peer->route = packet->from;
        fl_session_reconnect(peer->session);
    }
    if (peer->gone) {
        peer->gone = false;
        fl_session_reconnect(peer->session);
        tell(server, FL_BUS_BACK, peer, NULL);
    }
    switch (fl_session_take(peer->session, &frame, now_ns)) {
    case FL_SESSION_MESSAGE:
        take_message(server, peer, &frame);
        break;
    case FL_SESSION_OVER:
        peer_close(server, peer);
        break;
    case FL_SESSION_NOTHING:
    case FL_SESSION_LOST:
        break;
    }
}

/* Sends what is due to every peer. drained: all that had arrived was taken, so that a silent peer
 * is one that said nothing (at most one is found a call). */
static void pump_all(struct fl_bus_server *server, int64_t now_ns, bool drained)
{
    struct peer *next;

    for (struct peer *peer = server->peers; peer; peer = next) {
        next = peer->next;
        if (!peer->gone)
            fl_bus_pump(server->transport, &peer->route, peer->session, now_ns, &server->packet);
        if (!drained || server->pending_count > 0)
            continue;
        if (!peer->gone && fl_session_gone(peer->session, now_ns)) {
            peer->gone = true;
            tell(server, FL_BUS_GONE, peer, NULL);
        } else if (peer->gone && peer->role == FL_BUS_CLIENT &&
                   now_ns >= fl_session_lease_end(peer->session) + server->limits.forget_ns) {
            peer_close(server, peer);
        }
    }
    server->taken = 0;
}

int fl_bus_server_recv(struct fl_bus_server *server, struct fl_bus_event *ret_event,
                       struct fl_err *reterr)
{
    int64_t now_ns = fl_world_mono_ns(server->world);

    if (server->pending_at == server->pending_count)
        server->pending_at = server->pending_count = 0;
    while (server->pending_count == 0) {
        struct fl_packet packet;
        int rc = server->transport->ops->receive(server->transport->self, &packet, reterr);

        if (rc == 0) {
            take_packet(server, &packet, now_ns);
            server->taken++;
        }
        if (rc < 0 || server->taken >= PUMP_PACKETS)
            pump_all(server, now_ns, rc < 0);
        if (rc < 0 && server->pending_count == 0)
            return rc;
    }
    *ret_event = server->pending[server->pending_at++];
    return 0;
}

static int peer_send(struct fl_bus_server *server, struct peer *peer, const json_t *message,
                     struct fl_err *reterr)
{
    int rc = fl_bus_queue(peer->session, message, server->limits.message_max, reterr);

    if (rc < 0)
        return fl_err_note(reterr, rc, "to '%s'", peer->name);
    if (!peer->gone)
        fl_bus_pump(server->transport, &peer->route, peer->session, fl_world_mono_ns(server->world),
                    &server->packet);
    return 0;
}

int fl_bus_server_send(struct fl_bus_server *server, struct fl_bus_peer peer, const json_t *message,
                       struct fl_err *reterr)
{
    struct peer *found = server->peers;

    while (found && found->id.v != peer.v)
        found = found->next;
    if (!found)
        return fl_err_set(reterr, FL_E_NOENT, 0, "no peer %llu any more",
                          (unsigned long long)peer.v);
    return peer_send(server, found, message, reterr);
}

int fl_bus_server_send_worker(struct fl_bus_server *server, const char *name, const json_t *message,
                              struct fl_err *reterr)
{
    struct peer *found = find_worker(server, name);

    if (!found)
        return fl_err_set(reterr, FL_E_NOENT, 0, "worker '%s' is not connected", name);
    return peer_send(server, found, message, reterr);
}

size_t fl_bus_server_wait_items(struct fl_bus_server *server, struct fl_wait_item *items,
                                size_t room)
{
    return server->transport->ops->wait_items(server->transport->self, items, room);
}

int64_t fl_bus_server_timer(const struct fl_bus_server *server)
{
    int64_t due_ns = AWAY_NS;

    if (server->pending_at < server->pending_count)
        return 0;
    for (const struct peer *peer = server->peers; peer; peer = peer->next) {
        int64_t one_ns = AWAY_NS;

        if (!peer->gone) {
            int64_t lease_ns = fl_session_lease_end(peer->session);

            one_ns = fl_session_timer(peer->session);
            if (lease_ns < one_ns)
                one_ns = lease_ns;
        } else if (peer->role == FL_BUS_CLIENT) {
            one_ns = fl_session_lease_end(peer->session) + server->limits.forget_ns;
        }
        if (one_ns < due_ns)
            due_ns = one_ns;
    }
    return due_ns;
}

void fl_bus_server_refusals(const struct fl_bus_server *server, struct fl_refusals *ret_refusals)
{
    struct fl_refusals below = {0};

    server->transport->ops->refusals(server->transport->self, &below);
    *ret_refusals = server->refusals.count > 0 ? server->refusals : below;
    ret_refusals->count = server->refusals.count + below.count;
}

size_t fl_bus_server_waiting(const struct fl_bus_server *server)
{
    size_t count = 0;

    for (const struct peer *peer = server->peers; peer; peer = peer->next) {
        if (!peer->gone)
            count += fl_session_waiting(peer->session);
    }
    return count;
}

const char *fl_bus_server_endpoint(const struct fl_bus_server *server)
{
    return fl_transport_endpoint(server->transport);
}
