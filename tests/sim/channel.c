/* Channels in memory. */
#include "config.h"

#include "tests/sim/channel.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/err.h"
#include "engine/base/banned.h"

struct message {
    void *data;
    size_t size;
};

struct channel {
    unsigned held[2];                     /* how often each side is */
    struct message queue[2][CHANNEL_MAX]; /* to each side */
    size_t count[2];
};

struct channel *channel_create(void)
{
    struct channel *channel = calloc(1, sizeof(*channel));

    fl_assert(channel);
    channel->held[0] = channel->held[1] = 1;
    return channel;
}

void channel_hold(struct channel *channel, int side)
{
    channel->held[side]++;
}

void channel_leave(struct channel *channel, int side)
{
    fl_assert(channel->held[side] > 0);
    if (--channel->held[side] > 0 || channel->held[1 - side] > 0)
        return;
    for (int i = 0; i < 2; i++) {
        for (size_t m = 0; m < channel->count[i]; m++)
            free(channel->queue[i][m].data);
    }
    free(channel);
}

int channel_send(struct channel *channel, int side, const void *data, size_t size)
{
    int to = 1 - side;
    struct message *message;

    if (channel->held[to] == 0)
        return FL_E_NET;
    if (channel->count[to] == CHANNEL_MAX)
        return FL_E_AGAIN;
    message = &channel->queue[to][channel->count[to]++];
    message->data = malloc(size);
    message->size = size;
    fl_assert(message->data);
    memcpy(message->data, data, size);
    return 0;
}

int channel_receive(struct channel *channel, int side, void *data, size_t room, size_t *ret_size)
{
    struct message message;

    if (channel->count[side] == 0)
        return channel->held[1 - side] == 0 ? FL_E_NET : FL_E_AGAIN;
    message = channel->queue[side][0];
    memmove(&channel->queue[side][0], &channel->queue[side][1],
            --channel->count[side] * sizeof(message));
    if (message.size <= room)
        memcpy(data, message.data, message.size);
    *ret_size = message.size;
    free(message.data);
    return message.size <= room ? 0 : FL_E_TOO_BIG;
}

bool channel_ready(const struct channel *channel, int side)
{
    return channel->count[side] > 0 || channel->held[1 - side] == 0;
}
