#ifndef FL_WORLD_LOCAL_H
#define FL_WORLD_LOCAL_H

/* Datagrams between processes of one machine and one user, and pipes.
 * Owns: nothing; descriptors are closed with fl_local_close. Threads: any.
 * Limits: FL_LOCAL_DATAGRAM_MAX bytes a datagram; socket paths of FL_LOCAL_PATH_MAX bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine/base/err.h"
#include "engine/world/world.h"

#define FL_LOCAL_DATAGRAM_MAX ((size_t)64 * 1024)
#define FL_LOCAL_PATH_MAX 108 /* sockaddr_un, with the NUL */

/* The folder for our sockets: /run/user/UID/fairlead, or /tmp/fairlead-UID; made with mode 0700.
 * FL_E_PERM when somebody else owns it. */
int fl_local_folder(const struct fl_world *world, char *path, size_t size, struct fl_err *reterr);

/* A datagram socket that others can send to; replaces a dead one at the path. */
int fl_local_bind(const char *path, int *ret_fd, struct fl_err *reterr);
/* Never waits: FL_E_AGAIN. size 0 is a datagram of no bytes. Longer ones are cut to room + 1 bytes
 * in *ret_size, so that the caller can tell. */
int fl_local_receive(int fd, void *data, size_t room, size_t *ret_size, struct fl_err *reterr);
/* Waits while the other's queue is full. FL_E_NET: nobody is there. */
int fl_local_send(const char *path, const void *data, size_t size, struct fl_err *reterr);

/* ret_fds[0] is the end to read from; it does not wait. Both close on exec. */
int fl_pipe_create(int ret_fds[2], struct fl_err *reterr);
/* Bytes read, 0 at the end, FL_E_AGAIN when there is nothing now, FL_E_IO. */
ssize_t fl_pipe_read(int fd, void *data, size_t size);

void fl_local_close(int fd); /* -1 is fine */

#endif
