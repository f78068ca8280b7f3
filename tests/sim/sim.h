#ifndef FL_TESTS_SIM_SIM_H
#define FL_TESTS_SIM_SIM_H

/* Deterministic simulation of the real core, the real bus and the log (on request the real store)
 * against workers, a network and a coordinator that fail: one seed fixes the graph, the clock, the
 * order of packets and every fault. After the faults have stopped each run must end.
 * Owns: all of one simulation. Threads: one. Limits: SIM_STEPS_MAX steps a seed. */

#include <stddef.h>

#include "engine/base/digest.h"
#include "tests/sim/graph.h"

#define SIM_STEPS_MAX 60000

/* 0, or -1; why (of size bytes) gets one line: what happened, or what is broken. hash: of all
 * committed events. folder: for the store (empty, exists), or NULL. */
int sim_run(uint64_t seed, const char *folder, char hash[static FL_DIGEST_HEX], char *why,
            size_t size);

#endif
