#ifndef FL_TESTS_SIM_GRAPH_H
#define FL_TESTS_SIM_GRAPH_H

/* Random small workflows: chains, fan-outs, fan-ins, per-lead stages, followers, inputs that reach
 * into earlier cycles. What was drawn is also kept in plain words, for checks that do not lean on
 * the core's own reading of a workflow.
 * Owns: nothing. Threads: one. Limits: SIM_STAGES_MAX stages of SIM_LEADS leads, SIM_RUNS_MAX
 * cycles. */

#include "engine/base/buf.h"
#include "tests/sim/random.h"

#define SIM_STAGES_MAX 7
#define SIM_LEADS 4
#define SIM_INPUTS_MAX 4
#define SIM_RUNS_MAX 3
#define SIM_CYCLE_S (6 * 3600)

struct sim_input {
    unsigned from; /* number of the stage */
    bool follow;
    bool bridged;
    bool first_of; /* of two earlier cycles, else cold */
};

struct sim_stage {
    bool there;
    char name[8];
    bool per;  /* an instance a lead */
    bool wide; /* an output a lead */
    unsigned cores;
    unsigned tries;
    struct sim_input inputs[SIM_INPUTS_MAX];
    unsigned input_count;
    unsigned at_s;    /* not before so long after the cycle; 0: any time */
    unsigned lost;    /* tries for a lost attempt; 0: no rule */
    bool counts;      /* its trigger is met by two of a stage's instances */
    unsigned when[2]; /* stages, when has_when */
    bool has_when;
};

struct sim_graph {
    struct sim_stage stages[SIM_STAGES_MAX];
    unsigned stage_count; /* with those that are not there */
    unsigned pool_jobs;
};

/* without: a bit for each stage that is left out; the others stay as they are. */
void sim_graph_draw(uint64_t seed, uint32_t without, struct sim_graph *graph);
/* The same as a workflow file. */
void sim_graph_text(const struct sim_graph *graph, struct fl_buf *out);
/* Number of a stage by its name, or SIM_STAGES_MAX. */
unsigned sim_graph_find(const struct sim_graph *graph, const char *name);

#endif
