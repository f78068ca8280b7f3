/* A worker's or a command's end of the bus: one session at a time. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/bus/message.h"

#include "engine/base/banned.h"

struct fl_bus_client {
    const struct fl_world *world;
    struct fl_transport *transport;
    struct fl_bus_limits limits;
    struct fl_session *session;
    bool opened; /* OPENED was told for this session */
    bool gone;
    bool closed; /* for good */
    struct fl_bus_event pending[3];
    size_t pending_count;
    size_t pending_at;
    struct fl_buf packet;
};

static const struct fl_route server_route = {0};

static int session_begin(struct fl_bus_client *client, struct fl_err *reterr)
{
    uint8_t id[FL_SESSION_ID_BYTES];
    struct fl_session *session = NULL;
    int rc = fl_world_random(client->world, id, sizeof(id), reterr);

    if (rc == 0)
        rc = fl_session_create(&client->limits.session, id, 0, fl_world_mono_ns(client->world),
                               &session, reterr);
    if (rc < 0)
        return rc;
    fl_session_destroy(client->session);
    client->session = session;
    client->opened = false;
    client->gone = false;
    return 0;
}

int fl_bus_client_create(const struct fl_world *world, struct fl_transport *transport,
                         const struct fl_bus_limits *limits, struct fl_bus_client **ret_client,
                         struct fl_err *reterr)
{
    struct fl_bus_client *client = calloc(1, sizeof(*client));
    int rc;

    fl_assert(world && transport);
    if (!client)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "bus: out of memory");
    client->world = world;
    if (limits)
        client->limits = *limits;
    else
        fl_bus_limits_default(&client->limits);
    rc = session_begin(client, reterr);
    if (rc < 0) {
        free(client);
        return rc;
    }
    client->transport = transport;
    fl_buf_init(&client->packet, FL_TRANSPORT_PACKET_MAX);
    *ret_client = client;
    return 0;
}

void fl_bus_client_destroy(struct fl_bus_client *client)
{
    if (!client)
        return;
    if (client->opened && !client->closed) {
        struct fl_frame bye = {.kind = FL_FRAME_BYE, .server = fl_session_server(client->session)};

        memcpy(bye.id, fl_session_id(client->session), FL_SESSION_ID_BYTES);
        /* a courtesy: without it the server waits for the lease */
        (void)fl_bus_put(client->transport, &server_route, &bye, &client->packet, NULL);
    }
    while (client->pending_at < client->pending_count)
        json_decref(client->pending[client->pending_at++].message);
    fl_session_destroy(client->session);
    fl_transport_destroy(client->transport);
    fl_buf_release(&client->packet);
    free(client);
}

static void tell(struct fl_bus_client *client, enum fl_bus_kind kind, json_t *message)
{
    fl_assert(client->pending_count < FL_COUNT(client->pending));
    client->pending[client->pending_count++] =
        (struct fl_bus_event){.kind = kind, .name = "coordinator", .message = message};
}

static void client_pump(struct fl_bus_client *client, int64_t now_ns)
{
    if (!client->closed)
        fl_bus_pump(client->transport, &server_route, client->session, now_ns, &client->packet);
}

static int take_packet(struct fl_bus_client *client, const struct fl_packet *packet, int64_t now_ns,
                       struct fl_err *reterr)
{
    struct fl_frame frame;
    json_t *message = NULL;
    enum fl_session_news news;

    if (packet->size_bytes == 0) { /* the connection is new, and maybe the server: speak at once */
        fl_session_reconnect(client->session);
        return 0;
    }
    if (client->closed || fl_frame_decode(packet->data, packet->size_bytes, &frame, NULL) < 0)
        return 0; /* our server speaks our protocol; anything else is noise */
    if (memcmp(frame.id, fl_session_id(client->session), FL_SESSION_ID_BYTES) != 0)
        return 0; /* of a session that has ended */
    news = fl_session_take(client->session, &frame, now_ns);
    if (news == FL_SESSION_LOST) {
        client->closed = true;
        tell(client, FL_BUS_CLOSED, NULL);
        return 0;
    }
    if (news == FL_SESSION_OVER) {
        tell(client, FL_BUS_RESET, NULL);
        return session_begin(client, reterr);
    }
    if (!client->opened && fl_session_heard(client->session)) {
        client->opened = true;
        tell(client, FL_BUS_OPENED, NULL);
    }
    if (client->gone) {
        client->gone = false;
        tell(client, FL_BUS_BACK, NULL);
    }
    if (news == FL_SESSION_MESSAGE && fl_bus_unpack(&frame, &message, NULL) == 0)
        tell(client, FL_BUS_MESSAGE, message);
    return 0;
}

int fl_bus_client_recv(struct fl_bus_client *client, struct fl_bus_event *ret_event,
                       struct fl_err *reterr)
{
    int64_t now_ns = fl_world_mono_ns(client->world);

    if (client->pending_at == client->pending_count)
        client->pending_at = client->pending_count = 0;
    while (client->pending_count == 0) {
        struct fl_packet packet;
        int rc = client->transport->ops->receive(client->transport->self, &packet, reterr);

        if (rc == 0) {
            rc = take_packet(client, &packet, now_ns, reterr);
            if (rc < 0)
                return rc;
            continue;
        }
        client_pump(client, now_ns);
        if (!client->gone && !client->closed && fl_session_gone(client->session, now_ns)) {
            client->gone = true;
            tell(client, FL_BUS_GONE, NULL);
            break;
        }
        return rc;
    }
    *ret_event = client->pending[client->pending_at++];
    return 0;
}

int fl_bus_client_send(struct fl_bus_client *client, const json_t *message, struct fl_err *reterr)
{
    int rc;

    if (client->closed)
        return fl_err_set(reterr, FL_E_REFUSED, 0, "another process has taken our name");
    rc = fl_bus_queue(client->session, message, client->limits.message_max, reterr);
    if (rc == 0)
        client_pump(client, fl_world_mono_ns(client->world));
    return rc;
}

size_t fl_bus_client_wait_items(struct fl_bus_client *client, struct fl_wait_item *items,
                                size_t room)
{
    return client->transport->ops->wait_items(client->transport->self, items, room);
}

int64_t fl_bus_client_timer(const struct fl_bus_client *client)
{
    int64_t due_ns;

    if (client->pending_at < client->pending_count)
        return 0;
    if (client->closed)
        return INT64_MAX;
    due_ns = fl_session_timer(client->session);
    if (!client->gone && fl_session_lease_end(client->session) < due_ns)
        due_ns = fl_session_lease_end(client->session);
    return due_ns;
}

size_t fl_bus_client_waiting(const struct fl_bus_client *client)
{
    return fl_session_waiting(client->session);
}

int64_t fl_bus_client_present_ns(const struct fl_bus_client *client)
{
    return client->closed ? 0 : fl_session_present_ns(client->session);
}
