#ifndef FL_CLI_SUMMARY_H
#define FL_CLI_SUMMARY_H

/* The instances of a run summed up, one entry a stage in graph order.
 * Owns: its entries; names are borrowed from the answer. Threads: one.
 * Limits: FL_WORKFLOW_STAGES_MAX stages. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"

/* The states of section 6 of the design, worst news first. */
enum fl_summary_state {
    FL_SUMMARY_FAILED,
    FL_SUMMARY_TIMED_OUT,
    FL_SUMMARY_LOST,
    FL_SUMMARY_CANCELLED,
    FL_SUMMARY_HELD,
    FL_SUMMARY_RUNNING,
    FL_SUMMARY_LAUNCHED,
    FL_SUMMARY_READY,
    FL_SUMMARY_WAITING,
    FL_SUMMARY_EXPIRED,
    FL_SUMMARY_SKIPPED,
    FL_SUMMARY_REUSED,
    FL_SUMMARY_SUCCEEDED,
    FL_SUMMARY_STATES
};

struct fl_summary_stage {
    const char *name;
    size_t instances;
    size_t counts[FL_SUMMARY_STATES];
    int64_t begun_ns;    /* the first begin; 0: none yet */
    int64_t ended_ns;    /* the last end, once all have ended; else 0 */
    size_t degraded;     /* instances with a mark */
    const json_t *worst; /* the first instance in the worst state */
};

struct fl_summary {
    struct fl_summary_stage *stages;
    size_t count;
};

/* instances: the "stages" of a status answer; borrowed as long as the summary lives. FL_E_NOMEM. */
int fl_summary_init(struct fl_summary *summary, const json_t *instances, struct fl_err *reterr);
void fl_summary_release(struct fl_summary *summary);
FL_DEFINE_AUTO_VALUE(struct fl_summary, fl_summary_release)

/* The state that a person wants to hear of first. */
const char *fl_summary_state(const struct fl_summary_stage *stage);
/* Instances that need nothing more. */
size_t fl_summary_done(const struct fl_summary_stage *stage);
/* What is worth saying beside state and count: other states, the reason of a failure, marks. */
void fl_summary_note(const struct fl_summary_stage *stage, char *text, size_t size);
const char *fl_summary_state_name(enum fl_summary_state state);

#endif
