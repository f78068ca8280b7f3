#ifndef FL_WORLD_CHANNEL_H
#define FL_WORLD_CHANNEL_H

/* Whole messages in order between two processes of one user on one machine, which also tells each
 * when the other is gone. Nothing here ever waits: a peer that is stopped stops nobody else.
 * Owns: nothing; descriptors are closed with fl_local_close. Threads: any.
 * Limits: what the kernel buffers (fl_channel_send tells FL_E_AGAIN, and FL_E_TOO_BIG). */

#include <stddef.h>

#include "engine/base/err.h"
#include "engine/world/world.h"

#define FL_CHANNEL_NAME_MAX 64

/* Two ends. The second is for a child's standard input. */
int fl_channel_pair(int ret_fds[2], struct fl_err *reterr);
/* In the child: the end that came as standard input, moved where no program started from here
 * inherits it; standard input is /dev/null then. FL_E_USAGE when it is no channel. */
int fl_channel_take_stdin(int *ret_fd, struct fl_err *reterr);

/* Listens under a name of this machine's network namespace, which lies in no folder. */
int fl_channel_listen(const char *name, int *ret_fd, struct fl_err *reterr);
/* FL_E_AGAIN when nobody has come. Processes of other users are turned away. */
int fl_channel_accept(int fd, int *ret_fd, struct fl_err *reterr);
/* FL_E_NET when nobody listens, FL_E_AGAIN when too many wait to be let in. */
int fl_channel_connect(const char *name, int *ret_fd, struct fl_err *reterr);

/* size > 0. FL_E_AGAIN (full: wait for it to become writable), FL_E_NET (the peer is gone),
 * FL_E_TOO_BIG. */
int fl_channel_send(int fd, const void *data, size_t size, struct fl_err *reterr);
/* FL_E_AGAIN when nothing is there, FL_E_NET when the peer is gone and all it sent was taken,
 * FL_E_TOO_BIG for a message that was longer than room, and is lost. */
int fl_channel_receive(int fd, void *data, size_t room, size_t *ret_size, struct fl_err *reterr);

#endif
