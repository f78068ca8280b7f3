#ifndef FL_CORE_LIMITS_H
#define FL_CORE_LIMITS_H

/* What running stages take of named limits and of the resources of their pools, as one call of
 * advance sees it: counted from the attempts under way when the first stage asks, then kept as the
 * call gives more away. A limit belongs to its workflow by name: all runs of it share it.
 * Owns: its tables. Threads: one at a time. Limits: none of its own. */

#include "engine/core/state.h"

struct fl_limit_use {
    const char *workflow; /* borrowed from the plans */
    const char *limit;
    int64_t used;
    bool kept; /* for one that has waited too long: nobody passes it */
};

struct fl_need_use {
    uint32_t worker;
    uint32_t pool; /* among the worker's */
    const char *name;
    int64_t used;
};

struct fl_limits {
    bool counted;
    struct fl_limit_use *limits;
    size_t limit_count;
    size_t limit_room;
    struct fl_need_use *needs;
    size_t need_count;
    size_t need_room;
};

void fl_limits_release(struct fl_limits *limits);

/* Index of the limit among the workflow's that does not let stage s of the run start now, or
 * FL_NONE. A stage that follows what others still make leaves room in its limits for them. */
int fl_limits_full(struct fl_limits *limits, const struct fl_core *core, const struct fl_run *run,
                   uint32_t s, int32_t *ret_limit, struct fl_err *reterr);
/* How much of a limit a start of stage s must leave for the stages before it. */
int64_t fl_limits_left(const struct fl_run *run, uint32_t s, int32_t limit);
/* Nobody takes more of it in this call, so that stage s gets its turn; not where that stage waits
 * for those who would take it. */
int fl_limits_keep(struct fl_limits *limits, const struct fl_run *run, uint32_t s, int32_t limit,
                   struct fl_err *reterr);
/* True when a pool of a worker has what the stage needs; *ret_need is the first that is lacking. */
int fl_needs_fit(struct fl_limits *limits, const struct fl_core *core, const struct fl_workflow *wf,
                 const struct fl_stage *stage, uint32_t worker, uint32_t pool, bool *ret_fits,
                 size_t *ret_need, struct fl_err *reterr);
/* A stage takes its share, at a pool of a worker. */
int fl_limits_take(struct fl_limits *limits, const struct fl_workflow *wf,
                   const struct fl_stage *stage, uint32_t worker, uint32_t pool,
                   struct fl_err *reterr);
/* How much of a resource a worker's pool has: what the worker says, else what the workflow says. */
int64_t fl_needs_offer(const struct fl_core *core, const struct fl_workflow *wf, int32_t wf_pool,
                       uint32_t worker, uint32_t pool, const char *name);

#endif
