#ifndef FL_TESTS_SIM_CHANNEL_H
#define FL_TESTS_SIM_CHANNEL_H

/* Messages in order between two processes of one simulated machine (engine/world/channel.h). Each
 * side may be held more than once, as descriptors are; it is gone with the last.
 * Owns: what is on its way. Threads: one. Limits: CHANNEL_MAX messages each way. */

#include <stdbool.h>
#include <stddef.h>

#define CHANNEL_MAX 16

struct channel;

/* Each side is held once. */
struct channel *channel_create(void);
void channel_hold(struct channel *channel, int side);
void channel_leave(struct channel *channel, int side);
/* 0, FL_E_AGAIN, FL_E_NET. */
int channel_send(struct channel *channel, int side, const void *data, size_t size);
/* 0, FL_E_AGAIN, FL_E_NET, FL_E_TOO_BIG. */
int channel_receive(struct channel *channel, int side, void *data, size_t room, size_t *ret_size);
/* True when receive would give anything but FL_E_AGAIN. */
bool channel_ready(const struct channel *channel, int side);

#endif
