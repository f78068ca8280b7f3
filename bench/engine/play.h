#ifndef FL_BENCH_PLAY_H
#define FL_BENCH_PLAY_H

/* A run in the core alone: one made-up worker that answers at once, no bus, no store. Only the
 * core's own calls are timed, not the making of the messages.
 * Owns: the core. Threads: one. Limits: PLAY_TURN_MAX inputs a turn, as the coordinator's loop. */

#include "engine/core/core.h"

#define PLAY_TURN_MAX 1000

struct play_times {
    int64_t decide_ns;
    int64_t apply_ns;
    int64_t advance_ns;
    int64_t effects_ns;
    uint64_t events;
    uint64_t inputs;
    uint64_t ended; /* attempts */
};

struct play;

/* jobs: attempts of each pool at a time. */
int play_create(int64_t jobs, struct play **ret_play, struct fl_err *reterr);
void play_destroy(struct play *play);
FL_DEFINE_AUTO(struct play *, play_destroy)

/* Takes the compiled workflow and makes a run of it; no worker is there yet. */
int play_submit(struct play *play, struct fl_workflow *workflow, struct fl_err *reterr);
/* Lets the worker come, and plays until nothing more happens. */
int play_run(struct play *play, struct fl_err *reterr);
/* Borrowed. */
const struct play_times *play_times(const struct play *play);

#endif
