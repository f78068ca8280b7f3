#ifndef FL_CORE_REQUEST_H
#define FL_CORE_REQUEST_H

/* What people ask for, verb by verb; private to engine/core. Every request that is granted begins
 * with an action-taken event that has a number, and all that follows from it bears that number: so
 * the record says who did what and why, and the action can be undone. A verb only decides: a dry
 * run is the same call whose events are thrown away.
 * Owns: a fl_asking owns its ranges. Threads: one at a time. Limits: FL_REQUEST_OBJECTS_MAX. */

#include "engine/core/decide.h"
#include "engine/core/params.h"

#define FL_REQUEST_OBJECTS_MAX 1000
#define FL_REQUEST_GONE_S \
    30 /* a worker that went less long ago may come back with what it runs \
        */

/* Instances first … last - 1. */
struct fl_range {
    uint32_t first;
    uint32_t last;
};

struct fl_asking {
    const struct fl_core *core;
    const struct fl_input *input;
    struct fl_events *events;
    const struct fl_run *run;
    const char *verb;
    int64_t action;
    int64_t undoes; /* number of the action that an undo takes back, or 0 */
    json_t *asked;  /* what the record says of the request; a verb may add to it */
    bool force;
    bool whole_run; /* no object was named */
    struct fl_range *ranges;
    size_t range_count;
};

/* Finds the run and the objects that the request names: "which" is a list of stages, instances
 * ("prep.f003", "post(m01,+006)") and groups; none means the whole run. FL_E_NOENT names what there
 * is. */
int fl_asking_find(struct fl_asking *asking, struct fl_err *reterr);
void fl_asking_release(struct fl_asking *asking);
FL_DEFINE_AUTO_VALUE(struct fl_asking, fl_asking_release)

/* An event of the action: with who, why and its number. */
int fl_asking_emit(const struct fl_asking *asking, enum fl_event_type type, uint32_t inst,
                   struct fl_event **ret_event, struct fl_err *reterr);
/* The same three for an event that was made elsewhere. */
int fl_asking_name(const struct fl_asking *asking, struct fl_event *event, struct fl_err *reterr);
typedef int (*fl_asking_fn)(const struct fl_asking *asking, uint32_t inst, struct fl_err *reterr);
/* Calls fn for each instance that is meant, once. */
int fl_asking_each(const struct fl_asking *asking, fl_asking_fn fn, struct fl_err *reterr);
/* FL_E_REFUSED: what cannot be done, and the state of each object that was named (bounded):
 * "nothing to hold: prep(+003) is running, make has succeeded and 3 more". */
int fl_asking_refuse(const struct fl_asking *asking, const char *what, struct fl_err *reterr);
/* "set by ann (key k1): gauge broken", cut to size. */
void fl_asking_cause(const struct fl_asking *asking, const char *what, char *text, size_t size);

/* One function a verb. FL_E_REFUSED says why nothing can be done. */
int fl_request_cancel(const struct fl_asking *asking, struct fl_err *reterr);
int fl_request_hold(const struct fl_asking *asking, struct fl_err *reterr);
int fl_request_release(const struct fl_asking *asking, struct fl_err *reterr);
int fl_request_retry(const struct fl_asking *asking, struct fl_err *reterr);
int fl_request_skip(const struct fl_asking *asking, struct fl_err *reterr);
int fl_request_set_state(const struct fl_asking *asking, struct fl_err *reterr);
int fl_request_set_parameter(const struct fl_asking *asking, struct fl_err *reterr);
int fl_request_reload_run(const struct fl_asking *asking, struct fl_err *reterr);
int fl_request_insert(const struct fl_asking *asking, struct fl_err *reterr);
int fl_request_remove(const struct fl_asking *asking, struct fl_err *reterr);
int fl_request_signal(const struct fl_asking *asking, struct fl_err *reterr);
int fl_request_withdraw(const struct fl_asking *asking, struct fl_err *reterr);
int fl_request_undo(const struct fl_asking *asking, struct fl_err *reterr);
/* The action that an undo is about ("number", or the last that is not undone), and its run. */
int fl_undo_find(struct fl_asking *asking, struct fl_err *reterr);
int fl_undo_state(const struct fl_asking *asking, const struct fl_action *action,
                  struct fl_err *reterr);
int fl_undo_replan(const struct fl_asking *asking, const json_t *asked, struct fl_err *reterr);
int fl_undo_parameter(const struct fl_asking *asking, const json_t *asked, struct fl_err *reterr);

#endif
