#ifndef FL_TESTS_SIM_GRAPH_H
#define FL_TESTS_SIM_GRAPH_H

/* Random small workflows: chains, fan-outs over leads, members and sets that a stage says, fan-ins,
 * followers, inputs that reach into earlier cycles, limits, rules by exit code; submitted cycle by
 * cycle or installed. What was drawn is also kept in plain words, for checks that do not lean on
 * the core's own reading of a workflow.
 * Owns: nothing. Threads: one. Limits: SIM_STAGES_MAX stages of SIM_LEADS leads, SIM_RUNS_MAX
 * cycles. */

#include "engine/base/buf.h"
#include "tests/sim/random.h"

#define SIM_STAGES_MAX 7
#define SIM_LEADS 4
#define SIM_MEMBERS 3 /* of the named set; the most of the set that a stage says */
#define SIM_LIMIT 2   /* what all that use the limit may hold */
#define SIM_INPUTS_MAX 4
#define SIM_RUNS_MAX 3
#define SIM_CYCLE_S (6 * 3600)
#define SIM_EXIT 3 /* the code that stages have rules for */

/* Along what the outputs of a stage lie. */
enum sim_axis {
    SIM_ONE,
    SIM_BY_LEAD,
    SIM_BY_MEMBER,
    SIM_BY_SAID,
    SIM_AXES,
};

/* Where an output stands among those of its stage: those of each axis after those of the one before
 */
#define SIM_SLOTS (1 + SIM_LEADS + 2 * SIM_MEMBERS)

struct sim_input {
    unsigned from; /* number of the stage */
    bool follow;
    bool bridged;
    bool first_of; /* of two earlier cycles, else cold */
};

struct sim_stage {
    bool there;
    char name[8];
    enum sim_axis axis;
    bool per;  /* an instance for each of its outputs */
    bool says; /* the members of the set */
    unsigned cores;
    unsigned tries;
    struct sim_input inputs[SIM_INPUTS_MAX];
    unsigned input_count;
    unsigned at_s;    /* not before so long after the cycle; 0: any time */
    unsigned lost;    /* tries for a lost attempt; 0: no rule */
    unsigned exits;   /* tries after exit code SIM_EXIT; 0: no rule */
    unsigned uses;    /* of the limit */
    bool counts;      /* its trigger is met by two of a stage's instances */
    unsigned when[2]; /* stages, when has_when */
    bool has_when;
};

struct sim_graph {
    struct sim_stage stages[SIM_STAGES_MAX];
    unsigned stage_count; /* with those that are not there */
    unsigned pool_jobs;
    unsigned said;  /* members of the set that a stage says */
    bool installed; /* the coordinator makes the cycles */
};

/* without: a bit for each stage that is left out; the others stay as they are. */
void sim_graph_draw(uint64_t seed, uint32_t without, struct sim_graph *graph);
/* The same as a workflow file of so many cycles. */
void sim_graph_text(const struct sim_graph *graph, unsigned runs, struct fl_buf *out);
/* The slots of what a stage makes. */
void sim_graph_slots(const struct sim_graph *graph, unsigned stage, unsigned *ret_first,
                     unsigned *ret_count);
/* The slot of a member, as events name it: "+003", "m02", "a"; NULL: of what has none. */
unsigned sim_graph_slot(const char *member);
/* Number of a stage by its name, or SIM_STAGES_MAX. One that says the set is named after how many
 * members it has: "say2". */
unsigned sim_graph_find(const struct sim_graph *graph, const char *name);

#endif
