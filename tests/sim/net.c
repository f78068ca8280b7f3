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

static int64_t net_clock(void *arg)
{
    return ((struct sim_net *)arg)->now_ns;
}

static int net_random(void *out, size_t size, void *arg)
{
    uint8_t *bytes = out;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)sim_random(((struct sim_net *)arg)->random);
    return 0;
}

static const struct fl_world_ops net_ops = {
    .mono_ns = net_clock, .utc_ns = net_clock, .random = net_random};

void sim_net_init(struct sim_net *net, struct sim_random *random, int64_t now_ns)
{
    *net = (struct sim_net){.random = random, .now_ns = now_ns, .faults = true};
    net->world = (struct fl_world){&net_ops, net};
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
    if (net->mute || net->cut[end->node] || net->cut[node])
        return 0;
    if (!net->faults || !sim_chance(net->random, 30))
        put(net, end->node, node, data, size_bytes);
    if (net->faults && sim_chance(net->random, 30))
        put(net, end->node, node, data, size_bytes);
    return 0;
}

static int end_receive(void *self, struct fl_packet *ret_packet, struct fl_err *reterr)
{
    struct end *end = self;
    struct sim_net *net = end->net;
    bool reorder = net->faults && sim_chance(net->random, 100);
    size_t at = net->count;

    for (size_t i = 0; i < net->count; i++) {
        if (net->packets[i].to != end->node)
            continue;
        at = i;
        if (!reorder || sim_chance(net->random, 500))
            break;
    }
    if (at == net->count)
        return fl_err_set(reterr, FL_E_AGAIN, 0, "nothing is there");
    free(end->taken);
    end->taken = net->packets[at].data;
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
