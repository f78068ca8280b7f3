/* The coordinator's end of the bus: a session for every peer. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/bus/message.h"

#include "engine/base/banned.h"

#define PENDING_MAX 8     /* events that one packet can cause */
#define REPLACED_MAX 4    /* older sessions of a worker that are remembered */
#define KNOCKS_A_NAME 8   /* sessions of one worker that have not begun */
#define PUMP_PACKETS 32   /* packets taken before acknowledgements go out */
#define AWAY_NS INT64_MAX /* timer of a peer that is away */

struct peer {
    struct peer *next;
    struct fl_bus_peer id;
    enum fl_bus_role role;
    struct fl_session *session;
    struct fl_route route;
    bool gone;
    bool full; /* its queue was: nothing more is queued until it is empty */
    uint8_t replaced[REPLACED_MAX]
                    [FL_SESSION_ID_BYTES]; /* the last ones that lost its name to it */
    unsigned replaced_at;
    char name[FL_TRANSPORT_USER_MAX];
};

/* A session that has been answered and has not begun: the peer must say its number first. */
struct knock {
    struct knock *next;
    uint8_t id[FL_SESSION_ID_BYTES];
    uint64_t number;
    enum fl_bus_role role;
    int64_t heard_ns;
    char name[FL_TRANSPORT_USER_MAX];
};

struct fl_bus_server {
    const struct fl_world *world;
    struct fl_transport *transport;
    struct fl_bus_limits limits;
    struct peer *peers;
    size_t peer_count;
    uint64_t peer_last;
    struct knock *knocks; /* newest first */
    size_t knock_count;
    struct fl_bus_event pending[PENDING_MAX];
    char pending_name[PENDING_MAX][FL_TRANSPORT_USER_MAX];
    size_t pending_count;
    size_t pending_at;
    unsigned taken; /* packets since the last pump */
    struct fl_refusals refusals;
    bool held[2]; /* by role: messages are not taken */
    struct fl_buf packet;
    void *kept;
    void (*kept_destroy)(void *thing);
};

int fl_bus_server_create(const struct fl_world *world, struct fl_transport *transport,
                         const struct fl_bus_limits *limits, struct fl_bus_server **ret_server,
                         struct fl_err *reterr)
{
    struct fl_bus_server *server = calloc(1, sizeof(*server));

    fl_assert(world && transport);
    if (!server)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "bus: out of memory");
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
    while (server->knocks) {
        struct knock *knock = server->knocks;

        server->knocks = knock->next;
        free(knock);
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

/* number: the session's, so that its end believes it. */
static void answer(struct fl_bus_server *server, const struct fl_route *route,
                   const uint8_t id[static FL_SESSION_ID_BYTES], uint64_t number,
                   enum fl_frame_kind kind)
{
    struct fl_frame frame = {.kind = kind, .server = number};

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

/* ---------------------------------------------------------------- how a session begins */

static void knock_drop(struct fl_bus_server *server, struct knock **slot)
{
    struct knock *knock = *slot;

    *slot = knock->next;
    server->knock_count--;
    free(knock);
}

static struct knock **knock_slot(struct fl_bus_server *server, const uint8_t *id)
{
    struct knock **slot = &server->knocks;

    while (*slot && memcmp((*slot)->id, id, FL_SESSION_ID_BYTES) != 0)
        slot = &(*slot)->next;
    return slot;
}

/* Makes room: what is too old goes, the oldest of a worker that has too many, and the oldest of all
 * when there are too many. A process that lives knocks again. */
static void knocks_trim(struct fl_bus_server *server, enum fl_bus_role role, const char *name,
                        int64_t now_ns)
{
    unsigned same = 0;

    for (struct knock **slot = &server->knocks; *slot;) {
        bool is_same =
            role == FL_BUS_WORKER && (*slot)->role == role && strcmp((*slot)->name, name) == 0;
        bool is_last = !(*slot)->next && server->knock_count >= server->limits.peers_max;

        same += is_same;
        if (is_last || (is_same && same >= KNOCKS_A_NAME) ||
            now_ns - (*slot)->heard_ns > server->limits.session.lease_ns)
            knock_drop(server, slot);
        else
            slot = &(*slot)->next;
    }
}

/* Answers a knock with the number of the session that it may begin. */
static int take_knock(struct fl_bus_server *server, const struct fl_packet *packet,
                      const struct fl_frame *frame, enum fl_bus_role role, const char *name,
                      int64_t now_ns, struct fl_err *reterr)
{
    struct knock *knock = *knock_slot(server, frame->id);
    int rc;

    if (!knock) {
        knocks_trim(server, role, name, now_ns);
        knock = calloc(1, sizeof(*knock));
        if (!knock)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "peer: out of memory");
        rc = fl_world_random(server->world, &knock->number, sizeof(knock->number), reterr);
        if (rc < 0) {
            free(knock);
            return rc;
        }
        knock->number |= 1; /* 0 means none */
        memcpy(knock->id, frame->id, sizeof(knock->id));
        knock->role = role;
        (void)snprintf(knock->name, sizeof(knock->name), "%s", name);
        knock->next = server->knocks;
        server->knocks = knock;
        server->knock_count++;
    }
    knock->heard_ns = now_ns;
    answer(server, &packet->from, frame->id, knock->number, FL_FRAME_ALIVE);
    return 0;
}

/* A worker's older session ends, and so does what was about to begin before this one: the process
 * that this one belongs to came later. What knocked after it may still take its place. */
static void replace_older(struct fl_bus_server *server, struct peer *peer, struct peer *older,
                          struct knock **knocks)
{
    if (older) {
        memcpy(peer->replaced, older->replaced, sizeof(peer->replaced));
        peer->replaced_at = older->replaced_at;
        memcpy(peer->replaced[peer->replaced_at++ % REPLACED_MAX], fl_session_id(older->session),
               FL_SESSION_ID_BYTES);
        answer(server, &older->route, fl_session_id(older->session),
               fl_session_server(older->session), FL_FRAME_REPLACED);
        peer_close(server, older);
    }
    while (*knocks) {
        if ((*knocks)->role == FL_BUS_WORKER && strcmp((*knocks)->name, peer->name) == 0)
            knock_drop(server, knocks);
        else
            knocks = &(*knocks)->next;
    }
}

/* A peer that knocked has said the number back: the session begins. */
static int peer_open(struct fl_bus_server *server, const struct fl_packet *packet,
                     struct knock **slot, int64_t now_ns, struct peer **ret_peer,
                     struct fl_err *reterr)
{
    const struct knock *knock = *slot;
    struct peer *older = knock->role == FL_BUS_WORKER ? find_worker(server, knock->name) : NULL;
    struct peer *peer;
    int rc;

    if (!older && server->peer_count >= server->limits.peers_max)
        return fl_err_set(reterr, FL_E_FULL, 0, "%zu peers already; '%s' must wait",
                          server->peer_count, knock->name);
    peer = calloc(1, sizeof(*peer));
    if (!peer)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "peer: out of memory");
    rc = fl_session_create(&server->limits.session, knock->id, knock->number, now_ns,
                           &peer->session, reterr);
    if (rc < 0) {
        free(peer);
        return rc;
    }
    peer->role = knock->role;
    (void)snprintf(peer->name, sizeof(peer->name), "%s", knock->name);
    knock_drop(server, slot);
    if (peer->role == FL_BUS_WORKER)
        replace_older(server, peer, older, slot);
    peer->id.v = ++server->peer_last;
    peer->route = packet->from;
    peer->next = server->peers;
    server->peers = peer;
    server->peer_count++;
    tell(server, FL_BUS_OPENED, peer, NULL);
    *ret_peer = peer;
    return 0;
}

static bool was_replaced(const struct fl_bus_server *server, enum fl_bus_role role,
                         const char *name, const uint8_t *id)
{
    const struct peer *peer = role == FL_BUS_WORKER ? find_worker(server, name) : NULL;

    for (unsigned i = 0; peer && i < REPLACED_MAX && i < peer->replaced_at; i++) {
        if (memcmp(peer->replaced[i], id, FL_SESSION_ID_BYTES) == 0)
            return true;
    }
    return false;
}

/* A frame of a session that has not begun, or is over: *ret_peer when it begins with it. */
static int take_stranger(struct fl_bus_server *server, const struct fl_packet *packet,
                         const struct fl_frame *frame, enum fl_bus_role role, const char *name,
                         int64_t now_ns, struct peer **ret_peer, struct fl_err *reterr)
{
    struct knock **slot = knock_slot(server, frame->id);

    if (was_replaced(server, role, name, frame->id)) {
        answer(server, &packet->from, frame->id, frame->server, FL_FRAME_REPLACED);
        return 0;
    }
    if (frame->kind == FL_FRAME_BYE) {
        if (*slot)
            knock_drop(server, slot);
        return 0;
    }
    if (frame->server == 0)
        return take_knock(server, packet, frame, role, name, now_ns, reterr);
    if (*slot && (*slot)->number == frame->server && (*slot)->role == role &&
        strcmp((*slot)->name, name) == 0)
        return peer_open(server, packet, slot, now_ns, ret_peer, reterr);
    answer(server, &packet->from, frame->id, frame->server, FL_FRAME_UNKNOWN);
    return 0;
}

/* ---------------------------------------------------------------- packets */

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
    if (rc == 0 && peer)
        return frame->server == fl_session_server(peer->session) ? peer : NULL; /* a late knock */
    if (rc == 0)
        rc = take_stranger(server, packet, frame, role, name, now_ns, &peer, &err);
    if (rc < 0) {
        refuse(server, err.text);
        return NULL;
    }
    return peer;
}

static void tell_room(struct fl_bus_server *server, struct peer *peer)
{
    if (!peer->full || fl_session_waiting(peer->session) > 0)
        return;
    peer->full = false;
    tell(server, FL_BUS_ROOM, peer, NULL);
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
    if (frame.kind == FL_FRAME_DATA && server->held[peer->role])
        frame.kind = FL_FRAME_ALIVE; /* heard, but not taken */
    switch (fl_session_take(peer->session, &frame, now_ns)) {
    case FL_SESSION_MESSAGE:
        take_message(server, peer, &frame);
        tell_room(server, peer);
        break;
    case FL_SESSION_OVER:
        peer_close(server, peer);
        break;
    case FL_SESSION_NOTHING:
    case FL_SESSION_LOST:
        tell_room(server, peer);
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
        } else if (peer->role == FL_BUS_CLIENT &&
                   (peer->full || (peer->gone && now_ns >= fl_session_lease_end(peer->session) +
                                                               server->limits.forget_ns))) {
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

void fl_bus_server_hold(struct fl_bus_server *server, bool workers, bool clients)
{
    server->held[FL_BUS_WORKER] = workers;
    server->held[FL_BUS_CLIENT] = clients;
}

static int peer_send(struct fl_bus_server *server, struct peer *peer, const json_t *message,
                     struct fl_err *reterr)
{
    int rc = peer->full ? fl_err_set(reterr, FL_E_AGAIN, 0, "its queue has been full")
                        : fl_bus_queue(peer->session, message, server->limits.message_max, reterr);

    if (rc == FL_E_FULL)
        peer->full = true;
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
