#ifndef FL_CORE_CORE_H
#define FL_CORE_CORE_H

/* The pure heart: decide(state, input) -> events; apply(state, event); effects(state, event).
 * No I/O, no clock, no randomness: time and tokens enter as inputs. Recovery and replay call apply
 * alone. The same state, fed with committed events only, serves as the read model that queries walk
 * (view.h). Owns: the live state. Threads: one at a time. Limits: named FL_CORE_*_MAX; a full table
 * is FL_E_FULL. */

#include "engine/core/workflow.h"
#include "engine/event/event.h"

#define FL_CORE_RUNS_MAX 10000
#define FL_CORE_WORKERS_MAX 2000

struct fl_core;

int fl_core_create(struct fl_core **ret_core, struct fl_err *reterr);
void fl_core_destroy(struct fl_core *core);
FL_DEFINE_AUTO(struct fl_core *, fl_core_destroy)

/* Makes a compiled workflow known under its digest before a run-created event names it. Takes the
 * workflow on success; a digest that is known already is fine (the workflow is then destroyed). */
int fl_core_add_workflow(struct fl_core *core, const char *digest, struct fl_workflow *workflow,
                         struct fl_err *reterr);
bool fl_core_has_workflow(const struct fl_core *core, const char *digest);

/* What follows from a workflow alone. It never changes, so two states of one process may have it
 * together (the live one and the read model): large graphs are planned, and kept, once. */
struct fl_plan;
/* That of a workflow that the core knows, to be given to another core with fl_core_add_plan, or
 * back with fl_plan_destroy, from any thread; NULL for one that it does not know. */
struct fl_plan *fl_core_share_plan(const struct fl_core *core, const char *digest);
/* The index-th digest that the core knows; NULL past the last one. */
const char *fl_core_digest(const struct fl_core *core, size_t index);
/* Takes the plan on success; one of a digest that is known already is fine. */
int fl_core_add_plan(struct fl_core *core, struct fl_plan *plan, struct fl_err *reterr);
const char *fl_plan_digest(const struct fl_plan *plan);
void fl_plan_destroy(struct fl_plan *plan);

/* What can come in. `message` is borrowed. */
enum fl_input_type {
    FL_INPUT_SUBMIT,       /* message: {"digest","cycle","variant"?,"params":{}} */
    FL_INPUT_WORKER_HELLO, /* message: the bus message "hello"; without "attempts": heard again,
                              nothing was lost */
    FL_INPUT_WORKER_GONE,  /* goodbye or lease over: {"reason"} */
    FL_INPUT_ATTEMPT,      /* message: the bus message "attempt": {"id","index","event":{…}} */
    FL_INPUT_REQUEST,      /* message: {"verb":"cancel|hold|release|retry","run","stage"?,"key"?} */
    FL_INPUT_ARRIVED,      /* message: the bus message "arrived": {"id","path","size"}, or
                              "available": {"id","lead","absent"?,"cause"?} */
    FL_INPUT_REMOVED,      /* message: the bus message "removed": {"run","first","last",…} */
    FL_INPUT_NOTED,        /* message: the bus message "noted": {"run","first","last","delivery"} */
    FL_INPUT_TICK,         /* only time has passed */
};

struct fl_input {
    enum fl_input_type type;
    int64_t now_ns;     /* UTC */
    const char *worker; /* name of the worker that sent it; NULL otherwise */
    const char *who;    /* who asked */
    const char *why;
    const char *entropy; /* hex digits that nobody can guess, fresh for this turn of the loop:
                            tokens are made from them and what they are for */
    const json_t *message;
};

/* Appends to events what follows from the input; the state is not changed. Refusals of a person's
 * request are errors (FL_E_NOENT, FL_E_REFUSED, FL_E_EXISTS …) with text; a repeated or stale
 * message from a worker gives no events and 0. */
int fl_core_decide(const struct fl_core *core, const struct fl_input *input,
                   struct fl_events *events, struct fl_err *reterr);

/* Everything that the state itself now allows: instances that became ready and find room in a pool,
 * retries that are due, runs that have ended. Call after applying what decide gave, until it adds
 * nothing; the state is not changed. */
int fl_core_advance(const struct fl_core *core, const struct fl_input *tick,
                    struct fl_events *events, struct fl_err *reterr);

/* Changes the state by one event. Fails only for an event that contradicts the state (FL_E_BUG):
 * recovery then stops. */
int fl_core_apply(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);

/* Time of the next timer (retry due, lease over), or INT64_MAX. */
int64_t fl_core_next_timer_ns(const struct fl_core *core);
/* The same for a caller that has advanced the state to since: what was due by then and did not
 * happen waits for something else than time. */
int64_t fl_core_timer_after_ns(const struct fl_core *core, int64_t since_ns);

/* What a committed event asks of the outside, after it was applied: messages to workers, in order.
 */
struct fl_effect {
    const char *worker; /* borrowed from the state */
    json_t *message;    /* launch, go, provide, cancel, forget, remove …; owned by the list */
};
struct fl_effects {
    struct fl_effect *items;
    size_t count;
    size_t room;
};
void fl_effects_release(struct fl_effects *effects);
FL_DEFINE_AUTO_VALUE(struct fl_effects, fl_effects_release)
int fl_core_effects(const struct fl_core *core, const struct fl_event *event,
                    struct fl_effects *effects, struct fl_err *reterr);

/* The answer to an attempt message, after what it gave was committed: `ack` with the highest index
 * recorded; `forget` when its end is recorded or the attempt is not known; `refuse` for a begin
 * that may not start. */
int fl_core_answer(const struct fl_core *core, const char *worker, const json_t *message,
                   struct fl_effects *effects, struct fl_err *reterr);

/* After a hello was applied: what the worker must be told again so that nothing is lost (launch for
 * attempts that it does not know, go for those begun, provide for what follows, cancel, forget).
 * live: array of the attempt ids in the hello. */
int fl_core_resync(const struct fl_core *core, const char *worker, const json_t *live,
                   struct fl_effects *effects, struct fl_err *reterr);

/* The site that an attempt was launched at and when [ns since 1970], by its id. Borrowed.
 * FL_E_NOENT, FL_E_NOT_YET. */
int fl_core_launched(const struct fl_core *core, const char *id, const char **ret_site,
                     int64_t *ret_ns);

#endif
