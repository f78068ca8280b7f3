#ifndef FL_TESTS_SIM_FACTS_H
#define FL_TESTS_SIM_FACTS_H

/* What the committed events say, read from the store as another process would, and held against the
 * invariants of the design one by one. Two readings go on side by side: the core's own (a replay),
 * and a plain one of attempts and outputs that does not lean on the core.
 * Owns: both readings. Threads: one. Limits: none of its own. */

#include "engine/core/core.h"
#include "engine/store/store.h"
#include "tests/sim/graph.h"
#include "tests/sim/stage.h"

#define NODE_CORES 2
#define NODE_JOBS 3
#define SIM_NODES 2

enum output_fact { OUTPUT_PENDING, OUTPUT_ACCEPTED, OUTPUT_ABSENT };

struct attempt_fact {
    char id[160];
    char token[FL_DIGEST_HEX];
    unsigned run;
    unsigned stage;
    unsigned node; /* of its worker */
    bool begun;
    bool ended;
    int64_t index; /* highest entry of its spool that is recorded */
};

struct facts {
    const struct sim_graph *graph;
    struct ledger *ledger;
    struct fl_core *core;
    uint64_t seq;      /* last event read */
    uint64_t promised; /* last one that somebody outside may have heard of */
    uint64_t *chain;   /* by number: a digest of all events up to it */
    size_t chain_room;
    struct attempt_fact *attempts;
    size_t attempt_count;
    size_t attempt_room;
    int64_t latest_ns; /* that any event has had: a clock may have gone back since */
    size_t live;       /* attempts that have not ended */
    enum output_fact outputs[SIM_RUNS_MAX][SIM_STAGES_MAX][SIM_SLOTS];
    bool said[SIM_RUNS_MAX]; /* the set is known */
    bool installed;
    bool created[SIM_RUNS_MAX];
    bool ended[SIM_RUNS_MAX];
    bool lost[SIM_RUNS_MAX]; /* an attempt of it was */
    bool tells;              /* every event to standard output, as a comment of TAP */
    char broken[512];        /* the first broken invariant; "": none */
};

void facts_init(struct facts *facts, const struct sim_graph *graph, struct ledger *ledger);
void facts_release(struct facts *facts);
void facts_broken(struct facts *facts, const char *fmt, ...) FL_PRINTF(2, 3);

/* Reads on from where it was. */
void facts_read(struct facts *facts, struct fl_store *store);
/* The coordinator is up again: what was promised must still be there. Then reads on. */
void facts_recover(struct facts *facts, struct fl_store *store);
/* A frame that the coordinator sends: what it says must have been committed. */
void facts_look(struct facts *facts, const void *packet, size_t size);
/* The attempt that an id names, or NULL. */
const struct attempt_fact *facts_find(const struct facts *facts, const char *id);
/* "sim/20261124T0600Z" */
const char *facts_run_name(unsigned run);

/* Appends what has not ended. */
void facts_stuck(const struct fl_core *core, struct fl_buf *out);
/* All of a state that matters, as one digest. */
void facts_picture(const struct fl_core *core, char hex[static FL_DIGEST_HEX]);

#endif
