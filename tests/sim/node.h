#ifndef FL_TESTS_SIM_NODE_H
#define FL_TESTS_SIM_NODE_H

/* A machine with the engine's own worker on it, turn by turn, and the supervisors that it started,
 * which outlive it.
 * Owns: the machine, the worker. Threads: one. Limits: those of the parts. */

#include "engine/worker/worker.h"
#include "tests/sim/facts.h"
#include "tests/sim/machine.h"

struct node {
    int number; /* from 1; its worker is "w1" */
    struct machine *machine;
    struct fl_worker *worker; /* NULL: it is down */
    struct facts *facts;
    unsigned failures; /* syncs that failed and have had their effect */
    unsigned lives;
};

void node_open(struct node *node, int number, struct machine *machine, struct facts *facts);
void node_close(struct node *node);
/* One turn of the worker; starts it when it is down. */
void node_turn(struct node *node);
/* The worker is killed: now. */
void node_kill(struct node *node);
/* The disk loses all about one attempt. */
void node_lose_folder(struct node *node);

#endif
