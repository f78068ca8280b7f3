/* Packing, unpacking and judging messages of the bus. */
#include "config.h"

#include "engine/bus/message.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/path.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)

void fl_bus_limits_default(struct fl_bus_limits *limits)
{
    *limits = (struct fl_bus_limits){
        .peers_max = 4096,
        .forget_ns = 60 * SECOND_NS,
        .message_max = FL_TRANSPORT_PACKET_MAX - FL_FRAME_HEAD_BYTES,
    };
    fl_session_limits_default(&limits->session);
}

int fl_bus_queue(struct fl_session *session, const json_t *message, size_t message_max,
                 struct fl_err *reterr)
{
    char *text = fl_json_text(message);
    size_t size;
    int rc;

    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "message: out of memory");
    size = strlen(text);
    rc = size > message_max
             ? fl_err_set(reterr, FL_E_TOO_BIG, 0, "message of %zu bytes; the limit is %zu", size,
                          message_max)
             : fl_session_push(session, text, size, reterr);
    free(text);
    return rc;
}

int fl_bus_unpack(const struct fl_frame *frame, json_t **ret_message, struct fl_err *reterr)
{
    fl_json_auto json_t *message = NULL;
    const char *type;
    int rc = fl_json_parse(frame->data, frame->size_bytes, &message, reterr);

    if (rc == 0 && !json_is_object(message))
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "message is no JSON object");
    if (rc == 0)
        rc = fl_json_string(message, "type", &type, reterr);
    if (rc == 0)
        *ret_message = FL_STEAL(message);
    return rc;
}

int fl_bus_may_say(enum fl_bus_role role, const char *name, const json_t *message,
                   struct fl_err *reterr)
{
    const char *type;
    const char *worker;
    int rc = fl_json_string(message, "type", &type, reterr);

    if (rc < 0)
        return rc;
    if (strcmp(type, "request") == 0) {
        if (role == FL_BUS_CLIENT)
            return 0;
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "worker '%s' sent a request; requests come from client keys", name);
    }
    if (role != FL_BUS_WORKER)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "client '%s' sent a message of type '%s'; accepted: request", name, type);
    rc = fl_json_string_opt(message, "worker", name, &worker, reterr);
    if (rc == 0 && strcmp(worker, name) != 0)
        rc = fl_err_set(reterr, FL_E_REFUSED, 0, "the key of worker '%s' spoke as worker '%s'",
                        name, worker);
    return rc;
}

int fl_bus_user(const char *user, enum fl_bus_role *ret_role, const char **ret_name,
                struct fl_err *reterr)
{
    static const char *const prefix[] = {[FL_BUS_WORKER] = "worker/", [FL_BUS_CLIENT] = "client/"};

    for (size_t i = 0; i < FL_COUNT(prefix); i++) {
        size_t length = strlen(prefix[i]);

        if (strncmp(user, prefix[i], length) != 0 || !fl_name_is_safe(user + length))
            continue;
        *ret_role = (enum fl_bus_role)i;
        *ret_name = user + length;
        return 0;
    }
    return fl_err_set(reterr, FL_E_REFUSED, 0, "'%s' is neither worker/NAME nor client/NAME", user);
}

int fl_bus_put(struct fl_transport *transport, const struct fl_route *route,
               const struct fl_frame *frame, struct fl_buf *packet, struct fl_err *reterr)
{
    uint8_t head[FL_FRAME_HEAD_BYTES];
    int rc;

    fl_frame_encode(frame, head);
    fl_buf_clear(packet);
    fl_buf_add(packet, head, sizeof(head));
    if (frame->size_bytes > 0)
        fl_buf_add(packet, frame->data, frame->size_bytes);
    rc = fl_buf_check(packet, reterr);
    if (rc < 0)
        return rc;
    return transport->ops->send(transport->self, route, packet->data, packet->size, reterr);
}

void fl_bus_pump(struct fl_transport *transport, const struct fl_route *route,
                 struct fl_session *session, int64_t now_ns, struct fl_buf *packet)
{
    struct fl_frame frame;

    while (fl_session_next(session, now_ns, &frame)) {
        if (fl_bus_put(transport, route, &frame, packet, NULL) < 0) {
            /* queue full or peer away: the session keeps the message and tries again */
            fl_session_undo(session, &frame, now_ns);
            return;
        }
    }
}
