#ifndef FL_FETCH_DOOR_H
#define FL_FETCH_DOOR_H

/* The file door of a site: HTTP/1.1 with GET, HEAD and single byte ranges on the accepted outputs
 * below a root, `work/ID/N/out/...` and nothing else. No listing, no hidden name, no link followed,
 * no way out of the root (the kernel resolves beneath it).
 * Plain HTTP without proof of identity, so it listens on loopback addresses only.
 * Owns: its port, one thread of libmicrohttpd, open files while they are sent. Threads: one caller.
 * Limits: FL_DOOR_CONNECTIONS_MAX at once, FL_DOOR_IDLE_S seconds of silence each. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"

#define FL_DOOR_CONNECTIONS_MAX 64
#define FL_DOOR_IDLE_S 60

struct fl_door;

/* listen: "127.0.0.1:PORT" or "[::1]:PORT"; port 0 takes a free one. FL_E_USAGE for something else,
 * FL_E_UNSUPPORTED for an address that is not loopback, FL_E_LOCKED when the port is taken,
 * FL_E_NOENT when root is no folder. */
int fl_door_open(const char *root, const char *listen, struct fl_door **ret_door,
                 struct fl_err *reterr);
/* Ends open transfers. */
void fl_door_close(struct fl_door *door);
FL_DEFINE_AUTO(struct fl_door *, fl_door_close)

uint16_t fl_door_port(const struct fl_door *door);

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
