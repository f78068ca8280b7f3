#ifndef FL_TESTS_SIM_GRAPH_H
#define FL_TESTS_SIM_GRAPH_H

/* Random small workflows: chains, fan-outs, fan-ins, per-lead stages, followers.
 * Owns: nothing. Threads: one. Limits: SIM_STAGES_MAX stages of SIM_LEADS leads. */

#include "engine/core/workflow.h"

#define SIM_STAGES_MAX 7
#define SIM_LEADS 4

struct sim_random {
    uint64_t state;
};
uint64_t sim_random(struct sim_random *random);
/* A number of 0 … below - 1. */
uint32_t sim_pick(struct sim_random *random, uint32_t below);
/* True n times of a thousand. */
bool sim_chance(struct sim_random *random, uint32_t n);

struct fl_workflow *sim_graph(struct sim_random *random);

#endif
