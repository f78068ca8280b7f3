#ifndef FL_TESTS_SIM_NODE_H
#define FL_TESTS_SIM_NODE_H

/* A simulated worker: its end of the bus, and what stands on its disk about each attempt (which
 * outlives the worker). Bodies do what the draw says: outputs, absences, failures of each class.
 * Owns: its client, its folders. Threads: one. Limits: NODE_FOLDERS_MAX, NODE_SPOOL_MAX. */

#include <jansson.h>

#include "engine/bus/bus.h"
#include "tests/sim/net.h"

#define NODE_FOLDERS_MAX 1000
#define NODE_SPOOL_MAX 64
#define NODE_CORES 2
#define NODE_JOBS 3

enum body { BODY_WAITS, BODY_RUNS, BODY_ENDED };

struct folder {
    bool exists;
    bool lost; /* with its disk, while it was wanted */
    char id[128];
    char token[FL_DIGEST_HEX];
    json_t *outputs;
    size_t said;      /* outputs announced */
    uint32_t members; /* a bit for each followed member that it has */
    uint32_t wanted;  /* the bits that it waits for */
    enum body body;
    uint32_t starts; /* of the body, ever */
    json_t *spool[NODE_SPOOL_MAX];
    size_t spool_count;
    int64_t acked;
};

struct node {
    int number; /* from 1; its name is "w1" */
    struct sim_net *net;
    struct fl_bus_client *client;
    bool said_hello;
    struct folder folders[NODE_FOLDERS_MAX];
    size_t folder_count;
    const char *broken; /* a broken invariant, or NULL */
};

void node_start(struct node *node);
/* As by kill -9: folders stay, no goodbye. */
void node_kill(struct node *node);
void node_release(struct node *node);
/* Takes what has arrived. */
void node_poll(struct node *node);
/* One step of one running body. */
void node_step(struct node *node);
/* A disk is lost with one attempt. The worker starts anew. */
void node_lose_folder(struct node *node);

#endif
