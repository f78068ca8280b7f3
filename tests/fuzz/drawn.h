#ifndef FL_TESTS_FUZZ_DRAWN_H
#define FL_TESTS_FUZZ_DRAWN_H

/* A workflow of the simulation's drawing, compiled. Owns: nothing. Threads: any. Limits: those of
 * tests/sim/graph.h. */

#include "engine/core/workflow.h"

/* The same seed, the same workflow. Free with fl_workflow_destroy. */
struct fl_workflow *fuzz_drawn(uint64_t seed);

#endif
