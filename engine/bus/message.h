#ifndef FL_BUS_MESSAGE_H
#define FL_BUS_MESSAGE_H

/* What server and client of the bus share: packing messages, and who may say what. Private to
 * engine/bus. Owns: nothing. Threads: any. Limits: fl_bus_limits. */

#include "engine/base/buf.h"
#include "engine/bus/bus.h"

/* JSON into a session's queue. FL_E_TOO_BIG, FL_E_FULL. */
int fl_bus_queue(struct fl_session *session, const json_t *message, size_t message_max,
                 struct fl_err *reterr);
/* A message from the wire: an object with a "type". FL_E_PARSE. New reference. */
int fl_bus_unpack(const struct fl_frame *frame, json_t **ret_message, struct fl_err *reterr);
/* FL_E_REFUSED when a peer of this role and name may not say that to the coordinator. */
int fl_bus_may_say(enum fl_bus_role role, const char *name, const json_t *message,
                   struct fl_err *reterr);
/* "worker/NAME" or "client/NAME" apart. FL_E_REFUSED. name points into user. */
int fl_bus_user(const char *user, enum fl_bus_role *ret_role, const char **ret_name,
                struct fl_err *reterr);

/* Puts one frame onto the transport; packet is scratch. */
int fl_bus_put(struct fl_transport *transport, const struct fl_route *route,
               const struct fl_frame *frame, struct fl_buf *packet, struct fl_err *reterr);
/* Puts all that the session has to send now onto the transport. */
void fl_bus_pump(struct fl_transport *transport, const struct fl_route *route,
                 struct fl_session *session, int64_t now_ns, struct fl_buf *packet);

/* Something that the server's transport stands on: destroyed after the transport. */
void fl_bus_server_keep(struct fl_bus_server *server, void *thing, void (*destroy)(void *thing));

#endif
