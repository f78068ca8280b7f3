#ifndef FL_CORE_PARAMS_H
#define FL_CORE_PARAMS_H

/* Parameters that a person has set in a run, for all of it or for one stage, for good or until a
 * time; private to engine/core. What was rendered before keeps the value it had.
 * Owns: its texts. Threads: one at a time. Limits: FL_CORE_OVERRIDES_MAX a run. */

#include "engine/core/workflow.h"

#define FL_CORE_OVERRIDES_MAX 1000
#define FL_CORE_PARAM_BYTES_MAX 1000

struct fl_override {
    char *stage; /* NULL: of the whole run */
    char *name;
    char *value;
    int64_t until_ns; /* 0: for good */
};

struct fl_overrides {
    struct fl_override *items;
    size_t count;
};

/* The value of the parameter for the stage, or NULL: that of the stage itself comes first. stage
 * may be NULL. */
const struct fl_override *fl_overrides_find(const struct fl_overrides *overrides, const char *stage,
                                            const char *name);
/* The one that was set for exactly this stage, or for the run; NULL when there is none. */
const struct fl_override *fl_overrides_own(const struct fl_overrides *overrides, const char *stage,
                                           const char *name);
/* value NULL: takes it back. FL_E_FULL, FL_E_NOMEM. */
int fl_overrides_set(struct fl_overrides *overrides, const char *stage, const char *name,
                     const char *value, int64_t until_ns, struct fl_err *reterr);
void fl_overrides_release(struct fl_overrides *overrides);
/* Next expiry, or INT64_MAX. */
int64_t fl_overrides_next_ns(const struct fl_overrides *overrides);

/* True for a value that the parameter may have. FL_E_USAGE names its type. */
int fl_param_check(const struct fl_param *param, const char *value, struct fl_err *reterr);

#endif
