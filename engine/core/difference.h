#ifndef FL_CORE_DIFFERENCE_H
#define FL_CORE_DIFFERENCE_H

/* What one version of a workflow has that another has not, stage by stage; private to engine/core.
 * Stages are the same when their names are. Owns: its list. Threads: any. Limits: those of the
 * workflow. */

#include "engine/core/workflow.h"

enum fl_change_kind {
    FL_CHANGE_ADDED,
    FL_CHANGE_REMOVED,
    FL_CHANGE_DEFINITION, /* another program, input, trigger, resource … */
    FL_CHANGE_SHAPE,      /* also its instances or outputs are others */
};

struct fl_change {
    enum fl_change_kind kind;
    const char *stage; /* borrowed from the workflow that has it */
};

struct fl_difference {
    struct fl_change *items; /* in the order of the new workflow, removed ones last */
    size_t count;
    bool shared; /* parameters, limits, pools or sites are others */
};

/* FL_E_NOMEM. Free with fl_difference_release. */
int fl_workflow_difference(const struct fl_workflow *old, const struct fl_workflow *new,
                           struct fl_difference *ret_difference, struct fl_err *reterr);
void fl_difference_release(struct fl_difference *difference);
FL_DEFINE_AUTO_VALUE(struct fl_difference, fl_difference_release)
/* "added", "removed", "changed". */
const char *fl_change_name(enum fl_change_kind kind);

#endif
