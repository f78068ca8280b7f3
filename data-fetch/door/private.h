#ifndef FL_FETCH_DOOR_PRIVATE_H
#define FL_FETCH_DOOR_PRIVATE_H

/* The door's own structs, shared by its files alone.
 * Owns: see struct fl_door. Threads: the caller's. Limits: those of door.h. */

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <sys/socket.h>

#include "data-fetch/door/door.h"
#include "data-fetch/door/grants.h"
#include "engine/base/buf.h"
#include "engine/world/certificate.h"
#include "engine/world/world.h"

#define FL_DOOR_POSTS_MAX 8 /* bodies that are taken in at the same time */

struct listener {
    int fd;
    uint16_t port;
    char url[FL_DOOR_ADDRESS_MAX + 300];
};

/* A connection, from its arrival to its end. */
struct conn {
    struct conn *next;
    struct fl_door *door;
    struct MHD_Connection *mhd; /* NULL before the library knows it */
    gnutls_session_t session;
    int fd;
    char address[FL_DOOR_ADDRESS_MAX]; /* without the port */
    char peer[FL_CERTIFICATE_NAME_MAX + 1];
    const char *refused; /* why the handshake was ended by us */
    bool told;           /* it has said which certificate it has */
    bool proved;         /* it is `peer` */
    bool asked;          /* a whole request has come on it */
    bool answering;
    bool shut;
    int64_t since_ns; /* it is waited for since then: for a request, or for the answer to move */
    uint64_t moved;   /* bytes of the answer by then */
    uint64_t sent;    /* by now */
};

struct fl_door {
    const struct fl_world *world;
    struct MHD_Daemon *daemon;
    int epoll_fd;
    int root_fd;
    bool plain;
    bool open_to_all;
    bool ending;
    struct listener listeners[FL_DOOR_LISTEN_MAX];
    size_t listener_count;
    size_t connections_max;
    size_t posts;
    struct conn *conns;
    struct fl_sign_key *grant_key;
    struct fl_grants *grants;
    struct fl_door_counts counts;
    struct fl_door_counts told; /* by the last line of figures */
    int64_t told_ns;
    int64_t log_since_ns; /* the minute of the lines about refusals */
    unsigned log_lines;
    uint64_t log_passed; /* lines left out in it */
};

/* ---- listen.c ---- */
/* Binds and listens on one address. */
int fl_door_listen(struct fl_door *door, const char *listen, struct fl_err *reterr);
/* Takes what waits on a listener, within the limits. */
void fl_door_accept(struct fl_door *door, const struct listener *listener);

/* ---- peer.c ---- */
/* Makes the library's options for TLS. Texts are appended to the buffers, which the caller keeps
 * until the daemon runs and wipes. */
int fl_door_read_keys(struct fl_door *door, const struct fl_door_config *config, struct fl_buf *key,
                      struct fl_buf *certificate, struct fl_buf *authority, struct fl_err *reterr);
/* A connection that the library has begun: its peer will have to prove itself. */
void fl_door_demand(struct conn *conn);
/* Says (at a bounded rate) and counts that somebody was not let in. */
void fl_door_refused(struct fl_door *door, const char *address, const char *why);
/* A bounded line: event, who, why. */
void fl_door_tell(struct fl_door *door, const char *event, const char *who, const char *why);

/* ---- request.c ---- */
enum MHD_Result fl_door_answer(void *arg, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **state);
void fl_door_answered(void *arg, struct MHD_Connection *mhd, void **state,
                      enum MHD_RequestTerminationCode code);

#endif
