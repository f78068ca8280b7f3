#ifndef FL_TESTS_SIM_RANDOM_H
#define FL_TESTS_SIM_RANDOM_H

/* Repeatable chance. A stream of its own for each purpose keeps the others as they are when one of
 * them is asked for less (a smaller graph, fewer faults).
 * Owns: nothing. Threads: one. Limits: none. */

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
    uint64_t state;
};

/* The stream number `number` of a seed. */
struct sim_random sim_random_stream(uint64_t seed, uint64_t number);
uint64_t sim_random(struct sim_random *random);
/* A number of 0 … below - 1. */
uint32_t sim_pick(struct sim_random *random, uint32_t below);
/* True n times of a thousand. */
bool sim_chance(struct sim_random *random, uint32_t n);

#endif
