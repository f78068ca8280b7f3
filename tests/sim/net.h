#ifndef FL_TESTS_SIM_NET_H
#define FL_TESTS_SIM_NET_H

/* A world with a simulated clock and randomness, and a network between a coordinator (node 0) and
 * workers (nodes 1 …) that loses, repeats and reorders packets and can be cut.
 * Owns: packets under way. Threads: one. Limits: SIM_PACKETS_MAX packets; more are lost. */

#include "engine/world/transport.h"
#include "engine/world/world.h"
#include "tests/sim/graph.h"

#define SIM_PACKETS_MAX 20000
#define SIM_NODES_MAX 8

struct sim_packet {
    int from;
    int to;
    size_t size_bytes;
    void *data;
};

struct sim_net {
    struct sim_random *random;
    int64_t now_ns; /* both clocks: monotonic from here, UTC the same */
    bool faults;
    bool mute; /* nothing is sent: a process that is killed says no goodbye */
    bool cut[SIM_NODES_MAX];
    struct sim_packet *packets;
    size_t count;
    struct fl_world world;
};

void sim_net_init(struct sim_net *net, struct sim_random *random, int64_t now_ns);
void sim_net_release(struct sim_net *net);
/* The end of a node. Destroyed with fl_transport_destroy. */
struct fl_transport *sim_net_transport(struct sim_net *net, int node);

#endif
