#ifndef FL_FETCH_DOOR_H
#define FL_FETCH_DOOR_H

/* The file door of a site: HTTP/1.1 with GET, HEAD and single byte ranges on the accepted outputs
 * below a root, `work/ID/N/out/...` and nothing else. No listing, no hidden name, no link followed,
 * no way out of the root (the kernel resolves beneath it).
 * With keys it speaks TLS 1.3 alone and both ends prove themselves: who shows no certificate of the
 * sites' authority is refused in the handshake, logged (FL_DOOR_LOG_MAX lines a minute) and
 * counted. A peer is the site that its certificate names. It may read what grants for it name (see
 * grants.h), which it hands in by POST /grants. Without keys it is plain HTTP, on loopback alone.
 * Owns: its sockets, open files while they are sent, the grants. Threads: one.
 * Limits: `connections` at once, half of them from one address and from one peer; a connection that
 * asks for nothing whole in FL_DOOR_ASK_S, or moves fewer than FL_DOOR_SLOW_BYTES in that time
 * of an answer, is ended; requests of FL_DOOR_HEAD_MAX bytes, FL_GRANT_POST_MAX bytes for grants.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

#define FL_DOOR_CONNECTIONS 64
#define FL_DOOR_CONNECTIONS_MAX 1024
#define FL_DOOR_LISTEN_MAX 16
#define FL_DOOR_ASK_S 60
#define FL_DOOR_SLOW_BYTES 4096
#define FL_DOOR_HEAD_MAX 32768
#define FL_DOOR_LOG_MAX 10
#define FL_DOOR_END_S 10 /* that answers under way have when it is to end */
#define FL_DOOR_ADDRESS_MAX 80

struct fl_door;
struct fl_world;

/* What it has done so far. */
struct fl_door_counts {
    uint64_t requests;
    uint64_t bytes;   /* of files, sent */
    uint64_t refused; /* peers that did not prove themselves */
    uint64_t denied;  /* requests without a grant */
    uint64_t turned;  /* connections beyond the limits, or that were too slow */
    size_t open;      /* connections now */
    size_t grants;    /* held now */
};

struct fl_door_config {
    const struct fl_world *world;
    const char *root;
    const char *site;          /* our name; NULL with plain: grants for any site count */
    const char *keys;          /* folder with SITE.pem, SITE.key, ca.pem, grant.pub; see
                                  engine/bus/sites.h */
    bool plain;                /* no TLS: on loopback addresses alone */
    bool open;                 /* no grants: whoever may connect may read all */
    const char *const *listen; /* "a.b.c.d:PORT", "[v6]:PORT"; port 0 takes a free one */
    size_t listen_count;
    size_t connections; /* 0: FL_DOOR_CONNECTIONS */
};

/* An address that this host does not have yet is listened on all the same.
 * FL_E_USAGE for an address that is none, FL_E_UNSUPPORTED for plain HTTP beyond loopback,
 * FL_E_LOCKED when a port is taken, FL_E_NOENT when root is no folder or a key is missing,
 * FL_E_PERM for a secret key that others can read, FL_E_PARSE for one that is none. */
int fl_door_open(const struct fl_door_config *config, struct fl_door **ret_door,
                 struct fl_err *reterr);
/* Ends what is open at once. */
void fl_door_close(struct fl_door *door);
FL_DEFINE_AUTO(struct fl_door *, fl_door_close)

/* "https://127.0.0.1:4711" of the index'th address; for one that means all of this host's, its name
 * stands there. Borrowed. */
const char *fl_door_url(const struct fl_door *door, size_t index);
uint16_t fl_door_port(const struct fl_door *door, size_t index);
void fl_door_counts(const struct fl_door *door, struct fl_door_counts *ret_counts);

/* Serves until stop_fd is readable, then takes no new request and ends when those under way are
 * answered or FL_DOOR_END_S have passed; at once when it is readable again, or when end_fd (-1:
 * none) is at its end. Logs what a person should know. FL_E_IO. */
int fl_door_run(struct fl_door *door, int stop_fd, int end_fd, struct fl_err *reterr);

/* True for a path that the door may serve, by its name alone: work/.../N/out/... with N the number
 * of an attempt, no hidden component. */
bool fl_door_path_is_open(const char *path);
/* Opens root/path for reading when it is a regular file reached without any link. A descriptor, or
 * FL_E_NOENT (also for whatever is refused: the caller tells nobody why), FL_E_IO. */
int fl_door_open_file(int root_fd, const char *path, struct fl_err *reterr);

/* One range of a file of `size` bytes from a Range header: "bytes=a-b", "a-", "-n". */
enum fl_door_range { FL_DOOR_WHOLE, FL_DOOR_PART, FL_DOOR_NONE };
/* WHOLE for NULL and for what is not understood (several ranges too); NONE when no byte is in it.
 */
enum fl_door_range fl_door_range_parse(const char *header, uint64_t size, uint64_t *ret_first,
                                       uint64_t *ret_count);

#endif
