#ifndef FL_TESTS_SIM_NET_H
#define FL_TESTS_SIM_NET_H

/* The time, and a network between a coordinator (node 0) and workers (nodes 1 …) that loses,
 * repeats and reorders packets and can be cut. Owns: packets under way. Threads: one. Limits:
 * SIM_PACKETS_MAX packets; more are lost. */

#include "engine/world/transport.h"
#include "engine/world/world.h"
#include "tests/sim/random.h"

#define SIM_PACKETS_MAX 20000
#define SIM_NODES_MAX 8
#define SIM_CLIENT 7 /* the node that has a client's key; the others have workers' */

struct sim_packet {
    int from;
    int to;
    int64_t due_ns;
    size_t size_bytes;
    void *data;
};

struct sim_net {
    struct sim_random *random;
    int64_t now_ns; /* monotonic everywhere; UTC where the machine's clock is right */
    uint32_t lose;  /* of a thousand packets */
    uint32_t repeat;
    uint32_t reorder;
    uint32_t delay;           /* some arrive only after what takes their place */
    bool mute[SIM_NODES_MAX]; /* by node: a process that is dead sends nothing */
    bool cut[SIM_NODES_MAX];
    /* By node: asked before each packet, true when the process is dead by now. */
    bool (*is_dead[SIM_NODES_MAX])(void *arg);
    void *is_dead_arg[SIM_NODES_MAX];
    /* Sees all that node 0 sends, before anything happens to it. */
    void (*look)(const void *data, size_t size_bytes, void *arg);
    void *look_arg;
    struct sim_packet *packets;
    size_t count;
};

void sim_net_init(struct sim_net *net, struct sim_random *random, int64_t now_ns);
void sim_net_release(struct sim_net *net);
/* The end of a node. Destroyed with fl_transport_destroy. */
struct fl_transport *sim_net_transport(struct sim_net *net, int node);

#endif
