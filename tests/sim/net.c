/* The simulated network. */
#include "config.h"

#include "tests/sim/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

struct end {
    struct fl_transport transport;
    struct sim_net *net;
    int node;
    void *taken; /* the packet that receive gave last */
    char user[FL_TRANSPORT_USER_MAX];
};

void sim_net_init(struct sim_net *net, struct sim_random *random, int64_t now_ns)
{
    *net = (struct sim_net){.random = random, .now_ns = now_ns};
    net->packets = calloc(SIM_PACKETS_MAX, sizeof(*net->packets));
    fl_assert(net->packets);
}

void sim_net_release(struct sim_net *net)
{
    for (size_t i = 0; i < net->count; i++)
        free(net->packets[i].data);
    free(net->packets);
}

static void put(struct sim_net *net, int from, int to, const void *data, size_t size_bytes)
{
    struct sim_packet *packet = &net->packets[net->count];

    if (net->count == SIM_PACKETS_MAX)
        return; /* lost: sessions send again */
    packet->from = from;
    packet->to = to;
    packet->due_ns = sim_chance(net->random, net->delay)
                         ? net->now_ns + (int64_t)sim_pick(net->random, 30000) * 1000000
                         : 0;
    packet->size_bytes = size_bytes;
    packet->data = malloc(size_bytes);
    fl_assert(packet->data);
    memcpy(packet->data, data, size_bytes);
    net->count++;
}

static int end_send(void *self, const struct fl_route *to, const void *data, size_t size_bytes,
                    struct fl_err *reterr)
{
    struct end *end = self;
    struct sim_net *net = end->net;
    int node = to->size ? to->bytes[0] : 0;

    (void)reterr;
    if (net->is_dead[end->node])
        (void)net->is_dead[end->node](net->is_dead_arg[end->node]); /* mutes it */
    if (net->mute[end->node])
        return 0;
    if (end->node == 0 && net->look)
        net->look(data, size_bytes, net->look_arg);
    if (net->cut[end->node] || net->cut[node])
        return 0;
    if (!sim_chance(net->random, net->lose))
        put(net, end->node, node, data, size_bytes);
    if (sim_chance(net->random, net->repeat))
        put(net, end->node, node, data, size_bytes);
    return 0;
}

static int end_receive(void *self, struct fl_packet *ret_packet, struct fl_err *reterr)
{
    struct end *end = self;
    struct sim_net *net = end->net;
    bool reorder = sim_chance(net->random, net->reorder);
    size_t at = net->count;

    for (size_t i = 0; i < net->count; i++) {
        if (net->packets[i].to != end->node || net->packets[i].due_ns > net->now_ns)
            continue;
        at = i;
        if (!reorder || sim_chance(net->random, 500))
            break;
    }
    if (at == net->count)
        return fl_err_set(reterr, FL_E_AGAIN, 0, "nothing is there");
    free(end->taken);
    end->taken = net->packets[at].data;
    if (net->packets[at].from == SIM_CLIENT)
        (void)snprintf(end->user, sizeof(end->user), "client/desk");
    else
        (void)snprintf(end->user, sizeof(end->user), "worker/w%d", net->packets[at].from);
    *ret_packet = (struct fl_packet){
        .user = end->node == 0 ? end->user : "",
        .data = end->taken,
        .size_bytes = net->packets[at].size_bytes,
    };
    if (end->node == 0)
        ret_packet->from = (struct fl_route){1, {(uint8_t)net->packets[at].from}};
    memmove(&net->packets[at], &net->packets[at + 1],
            (net->count - at - 1) * sizeof(*net->packets));
    net->count--;
    return 0;
}

static size_t end_wait_items(void *self, struct fl_wait_item *items, size_t room)
{
    (void)self;
    (void)items;
    (void)room;
    return 0;
}

static void end_refusals(const void *self, struct fl_refusals *ret_refusals)
{
    (void)self;
    *ret_refusals = (struct fl_refusals){0};
}

static void end_destroy(void *self)
{
    struct end *end = self;

    free(end->taken);
    free(end); /* the transport lies in it */
}

static const struct fl_transport_ops end_ops = {end_send, end_receive, end_wait_items, end_refusals,
                                                end_destroy};

struct fl_transport *sim_net_transport(struct sim_net *net, int node)
{
    struct end *end = calloc(1, sizeof(*end));

    fl_assert(end);
    end->net = net;
    end->node = node;
    end->transport = (struct fl_transport){&end_ops, end};
    return &end->transport;
}
