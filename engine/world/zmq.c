/* The real message transport: ZeroMQ with CURVE, and ZAP answered in the thread of the socket. */
#include "config.h"

#include "engine/world/transport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "engine/base/banned.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_DOMAIN "fairlead"
#define ZAP_FRAMES_MAX 8
#define ZAP_ROUND_MAX 64 /* handshakes answered in one call */
#define LINGER_MS 1000
#define HANDSHAKE_MS 5000 /* also the time after which a refused peer tries again */
#define RECONNECT_MS 20
#define RECONNECT_MAX_MS 160
#define CURVE_OVERHEAD_BYTES 4096
#define KEY_BYTES 32

struct zmq_end {
    struct fl_transport face;
    void *context;
    void *socket;
    void *zap;     /* server */
    void *monitor; /* client: tells when a connection stands */
    bool is_server;
    fl_transport_allow_fn allow;
    void *allow_arg;
    zmq_msg_t current; /* what the last receive lent out */
    bool has_current;
    char user[FL_TRANSPORT_USER_MAX];
    char endpoint[128];
    struct fl_refusals refusals;
};

/* One ZAP request, RFC 27: version, id, domain, address, routing id, mechanism, key. */
struct zap_request {
    char id[64];
    size_t id_size;
    char address[64];
    char mechanism[16];
    char key[FL_KEY_TEXT];
    bool whole;
};

static void zap_field(char *out, size_t room, const void *data, size_t size)
{
    size_t used = size < room ? size : room - 1;

    memcpy(out, data, used);
    out[used] = '\0';
}

/* False when there is no request. */
static bool zap_read(struct zmq_end *end, struct zap_request *request)
{
    int part = 0;
    int more = 1;

    memset(request, 0, sizeof(*request));
    while (more) {
        zmq_msg_t msg;
        const uint8_t *data;
        size_t size;

        (void)zmq_msg_init(&msg);
        if (zmq_msg_recv(&msg, end->zap, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&msg);
            return part > 0;
        }
        data = zmq_msg_data(&msg);
        size = zmq_msg_size(&msg);
        if (part == 1 && size < sizeof(request->id)) {
            memcpy(request->id, data, size);
            request->id_size = size;
        } else if (part == 3) {
            zap_field(request->address, sizeof(request->address), data, size);
        } else if (part == 5) {
            zap_field(request->mechanism, sizeof(request->mechanism), data, size);
        } else if (part == 6 && size == KEY_BYTES) {
            request->whole = zmq_z85_encode(request->key, data, KEY_BYTES) != NULL;
        }
        more = zmq_msg_more(&msg);
        (void)zmq_msg_close(&msg);
        if (++part > ZAP_FRAMES_MAX)
            request->whole = false;
    }
    return true;
}

static void zap_frame(struct zmq_end *end, const void *data, size_t size, bool more)
{
    /* an inproc reply to a waiting handshake: when it cannot be sent the handshake times out */
    (void)zmq_send(end->zap, data, size, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
}

/* Refused with 300, "try later": a peer whose key is put on the list afterwards gets in by itself,
 * while 400 would make its library give up for ever. */
static void zap_answer(struct zmq_end *end, const struct zap_request *request)
{
    char user[FL_TRANSPORT_USER_MAX] = "";
    const char *reason = "not a CURVE key";
    int rc = FL_E_REFUSED;

    if (request->whole && strcmp(request->mechanism, "CURVE") == 0) {
        rc = end->allow(request->key, user, end->allow_arg);
        reason = "its key is not on the allow-list";
    }
    if (rc < 0) {
        end->refusals.count++;
        (void)snprintf(end->refusals.last, sizeof(end->refusals.last), "address %s, key '%s': %s",
                       request->address, request->key, reason);
    }
    zap_frame(end, "1.0", 3, true);
    zap_frame(end, request->id, request->id_size, true);
    zap_frame(end, rc < 0 ? "300" : "200", 3, true);
    zap_frame(end, rc < 0 ? reason : "OK", rc < 0 ? strlen(reason) : 2, true);
    zap_frame(end, user, rc < 0 ? 0 : strlen(user), true);
    zap_frame(end, "", 0, false);
}

static void zap_serve(struct zmq_end *end)
{
    struct zap_request request;

    for (int i = 0; i < ZAP_ROUND_MAX && zap_read(end, &request); i++)
        zap_answer(end, &request);
}

static int end_send(void *self, const struct fl_route *to, const void *data, size_t size_bytes,
                    struct fl_err *reterr)
{
    struct zmq_end *end = self;

    if (size_bytes > FL_TRANSPORT_PACKET_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "packet of %zu bytes; the limit is %zu",
                          size_bytes, FL_TRANSPORT_PACKET_MAX);
    if (end->is_server) {
        int rc = zmq_send(end->socket, to->bytes, to->size, ZMQ_DONTWAIT | ZMQ_SNDMORE);

        if (rc < 0 && errno == EHOSTUNREACH)
            return fl_err_set(reterr, FL_E_NET, errno, "the peer is not connected");
        if (rc < 0)
            return fl_err_set(reterr, FL_E_AGAIN, errno, "send: %s", zmq_strerror(errno));
    }
    if (zmq_send(end->socket, data, size_bytes, ZMQ_DONTWAIT) < 0)
        return fl_err_set(reterr, FL_E_AGAIN, errno, "send: %s", zmq_strerror(errno));
    return 0;
}

static void end_drop(struct zmq_end *end)
{
    if (end->has_current)
        (void)zmq_msg_close(&end->current);
    end->has_current = false;
}

/* Reads one frame into current. */
static int end_frame(struct zmq_end *end, struct fl_err *reterr)
{
    end_drop(end);
    (void)zmq_msg_init(&end->current);
    end->has_current = true;
    if (zmq_msg_recv(&end->current, end->socket, ZMQ_DONTWAIT) < 0) {
        int code = errno == EAGAIN || errno == EINTR ? FL_E_AGAIN : FL_E_NET;

        return fl_err_set(reterr, code, errno, "receive: %s", zmq_strerror(errno));
    }
    return 0;
}

/* True once for each time that the connection has come to stand. */
static bool connection_stands(struct zmq_end *end)
{
    char frame[64]; /* event and value; the address is of no interest */
    bool stands = false;

    while (!stands && zmq_recv(end->monitor, frame, sizeof(frame), ZMQ_DONTWAIT) >= 0) {
        int more = 0;
        size_t size = sizeof(more);

        (void)zmq_getsockopt(end->monitor, ZMQ_RCVMORE, &more, &size);
        stands = more == 0; /* the second frame: one event is read whole */
    }
    return stands;
}

/* Before the socket connects. */
static int watch_connection(struct zmq_end *end, struct fl_err *reterr)
{
    static const char endpoint[] = "inproc://connection";
    int linger = 0;

    if (zmq_socket_monitor(end->socket, endpoint, ZMQ_EVENT_HANDSHAKE_SUCCEEDED) != 0)
        return fl_err_errno(reterr, errno, "watch a connection");
    end->monitor = zmq_socket(end->context, ZMQ_PAIR);
    if (!end->monitor || zmq_setsockopt(end->monitor, ZMQ_LINGER, &linger, sizeof(linger)) != 0 ||
        zmq_connect(end->monitor, endpoint) != 0)
        return fl_err_errno(reterr, errno, "watch a connection");
    return 0;
}

static int end_receive(void *self, struct fl_packet *ret_packet, struct fl_err *reterr)
{
    struct zmq_end *end = self;
    struct fl_packet packet = {.user = ""};
    const char *user;
    int rc;

    if (end->zap)
        zap_serve(end);
    if (end->monitor && connection_stands(end)) {
        *ret_packet = packet; /* empty: nothing that the other end sends is */
        return 0;
    }
    rc = end_frame(end, reterr);
    if (rc < 0)
        return rc;
    if (end->is_server) {
        size_t size = zmq_msg_size(&end->current);

        if (size > sizeof(packet.from.bytes) || !zmq_msg_more(&end->current))
            return fl_err_set(reterr, FL_E_AGAIN, 0, "a message without a route");
        packet.from.size = (uint8_t)size;
        memcpy(packet.from.bytes, zmq_msg_data(&end->current), size);
        rc = end_frame(end, reterr);
        if (rc < 0)
            return rc;
    }
    user = zmq_msg_gets(&end->current, "User-Id");
    (void)snprintf(end->user, sizeof(end->user), "%s", user ? user : "");
    if (zmq_msg_more(&end->current)) { /* no message of ours has more than one frame */
        while (zmq_msg_more(&end->current) && end_frame(end, reterr) == 0)
            continue;
        return fl_err_set(reterr, FL_E_AGAIN, 0, "a message of too many frames");
    }
    packet.user = end->user;
    packet.data = zmq_msg_data(&end->current);
    packet.size_bytes = zmq_msg_size(&end->current);
    *ret_packet = packet;
    return 0;
}

static size_t end_wait_items(void *self, struct fl_wait_item *items, size_t room)
{
    struct zmq_end *end = self;
    size_t count = 0;

    if (count < room)
        items[count++] = (struct fl_wait_item){.fd = -1, .zmq = end->socket};
    if (end->zap && count < room)
        items[count++] = (struct fl_wait_item){.fd = -1, .zmq = end->zap};
    if (end->monitor && count < room)
        items[count++] = (struct fl_wait_item){.fd = -1, .zmq = end->monitor};
    return count;
}

static void end_refusals(const void *self, struct fl_refusals *ret_refusals)
{
    *ret_refusals = ((const struct zmq_end *)self)->refusals;
}

static void end_destroy(void *self)
{
    struct zmq_end *end = self;

    end_drop(end);
    if (end->monitor) {
        (void)zmq_socket_monitor(end->socket, NULL, 0);
        (void)zmq_close(end->monitor);
    }
    if (end->socket)
        (void)zmq_close(end->socket);
    if (end->zap)
        (void)zmq_close(end->zap);
    if (end->context) {
        while (zmq_ctx_term(end->context) < 0 && errno == EINTR)
            continue;
    }
    free(end);
}

static const struct fl_transport_ops zmq_ops = {
    .send = end_send,
    .receive = end_receive,
    .wait_items = end_wait_items,
    .refusals = end_refusals,
    .destroy = end_destroy,
};

static int set_number(struct zmq_end *end, int option, int value)
{
    return zmq_setsockopt(end->socket, option, &value, sizeof(value));
}

static int set_text(struct zmq_end *end, int option, const char *text)
{
    return zmq_setsockopt(end->socket, option, text, strlen(text));
}

/* A context and a socket with every limit set. */
static int end_create(int type, struct zmq_end **ret_end, struct fl_err *reterr)
{
    int64_t message_max = (int64_t)FL_TRANSPORT_PACKET_MAX + CURVE_OVERHEAD_BYTES;
    struct zmq_end *end = calloc(1, sizeof(*end));
    int rc;

    if (!end)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "message socket: out of memory");
    end->face.ops = &zmq_ops;
    end->face.self = end;
    end->context = zmq_ctx_new();
    if (end->context)
        end->socket = zmq_socket(end->context, type);
    if (!end->socket) {
        rc = fl_err_errno(reterr, errno, "make a message socket");
        end_destroy(end);
        return rc;
    }
    rc = zmq_setsockopt(end->socket, ZMQ_MAXMSGSIZE, &message_max, sizeof(message_max));
    rc |= set_number(end, ZMQ_SNDHWM, FL_TRANSPORT_HWM);
    rc |= set_number(end, ZMQ_RCVHWM, FL_TRANSPORT_HWM);
    rc |= set_number(end, ZMQ_LINGER, LINGER_MS);
    rc |= set_number(end, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    rc |= set_number(end, ZMQ_TCP_KEEPALIVE, 1);
    fl_assert(rc == 0);
    *ret_end = end;
    return 0;
}

static int key_error(const char *whose, struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_CONFIG, errno, "the %s key is no CURVE key of 40 Z85 characters",
                      whose);
}

/* Makes end a CURVE server whose peers are asked about before they are let in. */
static int end_guard(struct zmq_end *end, const char *public_key, const char *secret_key,
                     struct fl_err *reterr)
{
    int linger = 0;

    end->is_server = true;
    end->zap = zmq_socket(end->context, ZMQ_REP);
    if (!end->zap || zmq_setsockopt(end->zap, ZMQ_LINGER, &linger, sizeof(linger)) != 0 ||
        zmq_bind(end->zap, ZAP_ENDPOINT) != 0)
        return fl_err_errno(reterr, errno, "bind %s", ZAP_ENDPOINT);
    if (set_text(end, ZMQ_CURVE_PUBLICKEY, public_key) != 0 ||
        set_text(end, ZMQ_CURVE_SECRETKEY, secret_key) != 0)
        return key_error("server's", reterr);
    if (set_number(end, ZMQ_CURVE_SERVER, 1) != 0 || set_text(end, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN) != 0)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, errno, "this libzmq has no CURVE");
    if (set_number(end, ZMQ_ROUTER_MANDATORY, 1) != 0)
        return fl_err_errno(reterr, errno, "set up a message socket");
    return 0;
}

int fl_transport_listen(const char *endpoint, const char *public_key, const char *secret_key,
                        fl_transport_allow_fn allow, void *arg, struct fl_transport **ret_transport,
                        struct fl_err *reterr)
{
    struct zmq_end *end = NULL;
    size_t size;
    int rc;

    fl_assert(endpoint && allow);
    rc = end_create(ZMQ_ROUTER, &end, reterr);
    if (rc < 0)
        return rc;
    end->allow = allow;
    end->allow_arg = arg;
    rc = end_guard(end, public_key, secret_key, reterr);
    if (rc == 0 && zmq_bind(end->socket, endpoint) != 0)
        rc = fl_err_set(reterr, errno == EADDRINUSE ? FL_E_EXISTS : FL_E_CONFIG, errno,
                        "listen at '%s': %s", endpoint, zmq_strerror(errno));
    size = sizeof(end->endpoint);
    if (rc == 0 && zmq_getsockopt(end->socket, ZMQ_LAST_ENDPOINT, end->endpoint, &size) != 0)
        rc = fl_err_errno(reterr, errno, "listen at '%s'", endpoint);
    if (rc < 0) {
        end_destroy(end);
        return rc;
    }
    *ret_transport = &end->face;
    return 0;
}

int fl_transport_connect(const char *endpoint, const char *server_public_key,
                         const char *public_key, const char *secret_key,
                         struct fl_transport **ret_transport, struct fl_err *reterr)
{
    struct zmq_end *end = NULL;
    int rc = end_create(ZMQ_DEALER, &end, reterr);

    if (rc < 0)
        return rc;
    (void)snprintf(end->endpoint, sizeof(end->endpoint), "%s", endpoint);
    if (set_text(end, ZMQ_CURVE_SERVERKEY, server_public_key) != 0)
        rc = key_error("server's", reterr);
    else if (set_text(end, ZMQ_CURVE_PUBLICKEY, public_key) != 0 ||
             set_text(end, ZMQ_CURVE_SECRETKEY, secret_key) != 0)
        rc = key_error("own", reterr);
    else if (set_number(end, ZMQ_RECONNECT_IVL, RECONNECT_MS) != 0 ||
             set_number(end, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) != 0)
        rc = fl_err_errno(reterr, errno, "set up a message socket");
    else if ((rc = watch_connection(end, reterr)) == 0 && zmq_connect(end->socket, endpoint) != 0)
        rc = fl_err_set(reterr, FL_E_CONFIG, errno, "connect to '%s': %s", endpoint,
                        zmq_strerror(errno));
    if (rc < 0) {
        end_destroy(end);
        return rc;
    }
    *ret_transport = &end->face;
    return 0;
}

const char *fl_transport_endpoint(const struct fl_transport *transport)
{
    if (transport->ops != &zmq_ops)
        return "";
    return ((const struct zmq_end *)transport->self)->endpoint;
}

void fl_transport_destroy(struct fl_transport *transport)
{
    if (transport)
        transport->ops->destroy(transport->self);
}

int fl_transport_keypair(char public_key[FL_KEY_TEXT], char secret_key[FL_KEY_TEXT],
                         struct fl_err *reterr)
{
    if (zmq_curve_keypair(public_key, secret_key) != 0)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, errno, "make a CURVE key: %s",
                          zmq_strerror(errno));
    return 0;
}

int fl_transport_public_of(const char *secret_key, char public_key[FL_KEY_TEXT],
                           struct fl_err *reterr)
{
    if (strlen(secret_key) != FL_KEY_TEXT - 1 || zmq_curve_public(public_key, secret_key) != 0)
        return fl_err_set(reterr, FL_E_PARSE, 0, "not a CURVE key of 40 Z85 characters");
    return 0;
}
