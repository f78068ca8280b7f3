#ifndef FL_TESTS_SIM_SIM_H
#define FL_TESTS_SIM_SIM_H

/* Deterministic simulation: the engine's core, coordinator, store, bus and workers on simulated
 * machines, which crash, lose power, fill up and are cut off, while people ask for this and that.
 * One seed fixes all of it. Then the faults stop, and every run must end. See README.
 * Owns: all of one simulation. Threads: one. Limits: SIM_STEPS_MAX steps a seed. */

#include <stddef.h>

#include "engine/base/digest.h"
#include "tests/sim/graph.h"

#define SIM_STEPS_MAX 20000
#define SIM_FAULT_STEPS 2000

/* X(NAME, "name") */
#define SIM_FAULTS(X) \
    X(KILL_COORDINATOR, "kill-coordinator") \
    X(KILL_WORKER, "kill-worker") \
    X(KILL_SUPERVISOR, "kill-supervisor") \
    X(KILL_CLIENT, "kill-client") \
    X(POWER_COORDINATOR, "power-coordinator") \
    X(POWER_WORKER, "power-worker") \
    X(PARTITION, "partition") \
    X(PACKETS, "packets") \
    X(FULL_COORDINATOR, "full-coordinator") \
    X(FULL_WORKER, "full-worker") \
    X(SYNC_COORDINATOR, "sync-coordinator") \
    X(SYNC_WORKER, "sync-worker") \
    X(CLOCK, "clock") \
    X(FOLDER, "folder") \
    X(STAGES, "stages") \
    X(PEOPLE, "people")

enum sim_fault {
#define SIM_FAULT_ENUM(NAME, name) SIM_##NAME,
    SIM_FAULTS(SIM_FAULT_ENUM)
#undef SIM_FAULT_ENUM
        SIM_FAULT_COUNT
};
const char *sim_fault_name(enum sim_fault fault);

/* Less of everything makes a failure easier to understand. */
struct sim_config {
    uint64_t seed;
    uint32_t faults;  /* a bit each */
    uint32_t steps;   /* with faults */
    uint32_t runs;    /* at most */
    uint32_t without; /* stages: a bit each */
    bool tells;       /* every event, as a comment */
};
#define SIM_ALL_FAULTS ((UINT32_C(1) << SIM_FAULT_COUNT) - 1)

/* What chance had come to at each step: two plays of one seed are the same, or part at a step. */
struct sim_trace {
    uint64_t at[SIM_STEPS_MAX];
    uint32_t count;
};

/* 0, or -1; why (of size bytes) gets one line: what happened, or what is broken. hash: of all that
 * was committed. trace: NULL, or filled when its count is 0, else compared with. */
int sim_run(const struct sim_config *config, struct sim_trace *trace,
            char hash[static FL_DIGEST_HEX], char *why, size_t size);

#endif
