#ifndef FL_CORE_LAUNCH_H
#define FL_CORE_LAUNCH_H

/* Launches within the limits of the pools; private to engine/core. The cost of a call is that of
 * what it launches and of the workers in the pools where something is ready and there is room; it
 * does not grow with the graph.
 * Owns: what one call has given away of each pool. Threads: one at a time.
 * Limits: FL_LAUNCH_MAX launches a call; the caller calls again. */

#include "engine/core/decide.h"
#include "engine/core/limits.h"

#define FL_LAUNCH_MAX 250

/* A pool of a worker as this call sees it: less what the call has given away. */
struct fl_offer {
    uint32_t worker;
    uint32_t pool; /* among the worker's */
    int64_t free_cores;
    int64_t free_jobs;
};

/* What is free at one place: a heap, most free cores first, then the worker known longest. */
struct fl_room {
    uint32_t place;
    struct fl_offer *offers;
    size_t count;
};

struct fl_launching {
    const struct fl_core *core;
    const struct fl_input *tick;
    struct fl_events *events;
    struct fl_room *rooms; /* of the places looked at so far */
    size_t room_count;
    size_t launches;
    struct fl_limits limits;
};

void fl_launching_release(struct fl_launching *launching);
FL_DEFINE_AUTO_VALUE(struct fl_launching, fl_launching_release)

/* Launches what is ready in all runs and finds room: by priority, then by slack (the latest time at
 * which a stage may start so that the products after it come in time), then older runs first, in
 * graph order. */
int fl_launch_all(struct fl_launching *l, struct fl_err *reterr);
/* True when something of a run may start at all: it is not held, nor its workflow, nor asked to
 * stop. */
bool fl_launch_may(const struct fl_core *core, const struct fl_run *run);
/* True when an instance that is ready would find room now. */
bool fl_launch_has_room(struct fl_launching *l, const struct fl_run *run, uint32_t inst);

/* An instance-ended event without an attempt. */
int fl_emit_inst_ended(struct fl_events *events, const struct fl_input *tick,
                       const struct fl_run *run, uint32_t inst, enum fl_state state,
                       const char *why, struct fl_event **ret_event, struct fl_err *reterr);

#endif
