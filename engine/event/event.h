#ifndef FL_EVENT_EVENT_H
#define FL_EVENT_EVENT_H

/* The event vocabulary: facts that the coordinator has recorded, never edited. One struct with
 * typed fields, one table that says which fields each type has, one JSON codec for bus, store and
 * stream.
 * Owns: an event owns the texts that were set with fl_event_set_text; others are borrowed from
 * whoever made it (names that a state or a plan has) and live as long as that does: whoever drops a
 * run or a plan keeps its names until no event under way can speak of them.
 * fl_event_keep makes all of them its own. Threads: one at a time.
 * Limits: FL_EVENT_TEXT_MAX bytes a text. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/base/ids.h"
#include "engine/base/time.h"

#define FL_EVENT_VERSION 1
#define FL_EVENT_TEXT_MAX 16384
#define FL_EVENT_OWN_BYTES 192      /* of texts that stand in the event itself */
#define FL_EVENT_NOWHERE UINT32_MAX /* no run, instance or slot */

/* X(NAME, "name"). Which fields each type must have is a table in event.c.
 * run-created     a run of workflow `digest` for `cycle` (params: compact JSON text in `text`)
 * run-ended       state succeeded, failed or cancelled
 * worker-joined   a worker and one of its pools (one event a pool): site, pool, cores, jobs;
 * `text`: URL of the site's file door. A site without a pool comes without `pool` worker-left     a
 * worker said goodbye, or its lease ran out attempt-launched  the intent to start: worker, pool,
 * site, token; `text`: JSON of rendered file digests attempt-begun   the supervisor asked
 * begin(token) and was let go attempt-noted   warning or progress milestone worth keeping (`text`)
 * attempt-degraded  the stage reported a substitution of its own
 * attempt-ended   state succeeded, failed, timed-out, cancelled or lost; code, signal, class
 * output-accepted an output exists for the rest of the world: lead (of the output), path below the
 * site's root output-absent   a declared output will not come, by an explicit rule instance-ended
 * an instance ended without an attempt: skipped, expired, cancelled, failed instance-retry  a new
 * attempt may start at until_ns cancel-asked    a person asked a run (stage empty) or one instance
 * to stop held, released  a person's hold on an instance, on a run (stage empty), or on all of an
 * installed workflow (`workflow`, no run)
 * action-taken    a person did something: its number is on all events that follow from it; `text`:
 * compact JSON of what was asked
 * param-set       parameter `output` of a run, or of one stage of it, is `text` until until_ns (0:
 * for good); without text what the workflow says holds again
 * workflow-installed  its cycles become runs by themselves; `text`: JSON of start, stop, held
 * workflow-reloaded   the cycles to come are those of `digest`
 * workflow-removed    no more cycles of it; its runs go on
 * cycle-skipped   a cycle of an installed workflow that is not run, and `why`
 * run-dropped     an ended run that nothing needs any more is forgotten, and cleaned by workers
 * run-paged       an ended run is held in memory no more; what it made stays
 * need-unmet      an instance is ready and wants more of `cause` (pool, cores, a resource) than any
 * known worker can give: `why`; told once a run, stage and cause
 * run-replanned   a run goes on by the version `digest` of its workflow
 * state-set       a person says that an instance has succeeded, failed, is skipped, or waits again
 * time-came       the time until_ns, which triggers of the run wait for, has come
 * signalled       somebody or something told the run of event `output`
 * file-arrived    the file `path` that a trigger of the instance waits for is there
 * source-arrived  lead `lead` of cycle `cycle` of source `output`, which triggers of the run wait
 * for, is there; with `cause`: it was given up
 * set-declared    the members of set `output` of the run: a JSON list in `text`
 * set-delivered   all that delivery `stage` of the run takes is at `site`: files, size; sha256 is
 * the root digest: SHA-256 over the digests of the receipts, a line each, in the order of instances
 * removal-asked   the worker of `site` is told to remove what instances first to last - 1 of the
 * run keep there, as far as it was delivered and nothing needs it files-removed   it has: files,
 * size; with `cause`: it could not, and is asked again at until_ns custody-noted   the ledger at
 * `site`, the destination of delivery `stage`, knows of that removal
 * deadline-at-risk  deadline number `index` of the stage, until_ns, will be missed by `files`
 * products, as far as is known
 * deadline-passed   it has been
 * product-withdrawn  a person recalled the delivered file `path` of the run
 */
#define FL_EVENT_TYPES(X) \
    X(RUN_CREATED, "run-created") \
    X(RUN_ENDED, "run-ended") \
    X(WORKER_JOINED, "worker-joined") \
    X(WORKER_LEFT, "worker-left") \
    X(ATTEMPT_LAUNCHED, "attempt-launched") \
    X(ATTEMPT_BEGUN, "attempt-begun") \
    X(ATTEMPT_NOTED, "attempt-noted") \
    X(ATTEMPT_DEGRADED, "attempt-degraded") \
    X(ATTEMPT_ENDED, "attempt-ended") \
    X(OUTPUT_ACCEPTED, "output-accepted") \
    X(OUTPUT_ABSENT, "output-absent") \
    X(INSTANCE_ENDED, "instance-ended") \
    X(INSTANCE_RETRY, "instance-retry") \
    X(CANCEL_ASKED, "cancel-asked") \
    X(HELD, "held") \
    X(RELEASED, "released") \
    X(ACTION_TAKEN, "action-taken") \
    X(PARAM_SET, "param-set") \
    X(WORKFLOW_INSTALLED, "workflow-installed") \
    X(WORKFLOW_RELOADED, "workflow-reloaded") \
    X(WORKFLOW_REMOVED, "workflow-removed") \
    X(CYCLE_SKIPPED, "cycle-skipped") \
    X(RUN_DROPPED, "run-dropped") \
    X(RUN_PAGED, "run-paged") \
    X(NEED_UNMET, "need-unmet") \
    X(STATE_SET, "state-set") \
    X(RUN_REPLANNED, "run-replanned") \
    X(TIME_CAME, "time-came") \
    X(SIGNALLED, "signalled") \
    X(FILE_ARRIVED, "file-arrived") \
    X(SOURCE_ARRIVED, "source-arrived") \
    X(SET_DECLARED, "set-declared") \
    X(SET_DELIVERED, "set-delivered") \
    X(REMOVAL_ASKED, "removal-asked") \
    X(FILES_REMOVED, "files-removed") \
    X(CUSTODY_NOTED, "custody-noted") \
    X(DEADLINE_AT_RISK, "deadline-at-risk") \
    X(DEADLINE_PASSED, "deadline-passed") \
    X(PRODUCT_WITHDRAWN, "product-withdrawn")

enum fl_event_type {
#define FL_EVENT_ENUM(NAME, name) FL_EVENT_##NAME,
    FL_EVENT_TYPES(FL_EVENT_ENUM)
#undef FL_EVENT_ENUM
        FL_EVENT_TYPE_COUNT
};

/* Where an event belongs in the state that made it: indexes, so that apply need not look names up.
 * A hint: apply takes it only when the event's texts are the very ones of that place, so that an
 * event that was read back, or that another state made, is looked up by its names. Not written. */
struct fl_event_place {
    const void *plan; /* that the numbers below are of */
    uint32_t run;
    uint32_t inst;
    uint32_t slot;
};

struct fl_event_block;
struct fl_event;

/* Events to be used again: whoever makes very many has one, and gives it to its lists. It outlives
 * the events that were made with it. Threads: that of the making and the destroying. */
struct fl_event_pool {
    struct fl_event *spare; /* private */
    size_t spare_count;
};
#define FL_EVENT_SPARE_MAX 4096 /* more are given back to the heap */
void fl_event_pool_release(struct fl_event_pool *pool);

/* NULL: a text that is not there. A number that is 0 is not written. */
struct fl_event {
    struct fl_seq seq; /* 0 until committed */
    int64_t time_ns;   /* UTC, nanoseconds since 1970 */
    enum fl_event_type type;
    struct fl_event_place place;
    const char *who; /* person, program or worker that caused it */
    const char *why;
    const char *run;      /* "surge/20261124T0000Z#east2" */
    const char *workflow; /* of an installed one, and of the runs that it makes */
    const char *stage;    /* name of the stage */
    const char *key;      /* "+006" for an instance of a set of leads; NULL otherwise */
    const char *worker;
    const char *pool;
    const char *site;
    const char *token;
    const char *output; /* name of the output */
    const char *lead;   /* lead of the output, "+006"; NULL when it has none */
    const char *path;   /* below the site's root */
    const char *sha256;
    const char *state;  /* a state of section 6 of the design */
    const char *class;  /* error class of a failure */
    const char *cause;  /* of an absence or a degradation */
    const char *age;    /* ISO 8601 duration */
    const char *digest; /* of a compiled workflow */
    const char *cycle;
    const char *resources; /* of a worker's pool: compact JSON {"memory":68719476736,"gpus":4} */
    const char *degraded;  /* compact JSON: [{"cause":…,"age":…},…] */
    const char *text;
    int64_t attempt;
    int64_t index; /* number of the entry in the attempt's spool that this event came from */
    int64_t cores;
    int64_t jobs;
    int64_t size;
    int64_t code;
    int64_t signal;
    int64_t until_ns;
    int64_t action;  /* number of the person's action that it follows from */
    int64_t files;   /* how many */
    int64_t first;   /* of a range of the run's instances */
    int64_t last;    /* the one after its end */
    json_t *carried; /* what was made on the way to it and its effect needs; owned, not written */
    struct fl_event_pool *home;    /* private: where it goes back to, or NULL */
    struct fl_event *next;         /* private: in the pool */
    struct fl_event_block *blocks; /* private: texts of its own that do not fit below */
    uint32_t own_used;
    char own[FL_EVENT_OWN_BYTES];
};

/* An event of a type without texts. A text is given to it by
 * fl_event_set_text(event, &event->stage, text), which copies, or by assigning one that outlives
 * the event. */
int fl_event_create(enum fl_event_type type, struct fl_event **ret_event, struct fl_err *reterr);
/* The same with a pool (NULL: without). */
int fl_event_make(struct fl_event_pool *pool, enum fl_event_type type, struct fl_event **ret_event,
                  struct fl_err *reterr);
void fl_event_destroy(struct fl_event *event);
FL_DEFINE_AUTO(struct fl_event *, fl_event_destroy)
/* Copies text (NULL clears) into a field of the event. FL_E_NOMEM, FL_E_TOO_BIG. */
int fl_event_set_text(struct fl_event *event, const char **field, const char *text,
                      struct fl_err *reterr);
/* Makes every text the event's own, so that it may outlive the state that made it. FL_E_NOMEM. */
int fl_event_keep(struct fl_event *event, struct fl_err *reterr);

const char *fl_event_type_name(enum fl_event_type type);

/* {"v":1,"seq":7,"time":"2026-11-24T00:00:00.123456789Z","type":"attempt-ended","run":…}: members
 * in a fixed order, absent fields left out. New reference. */
int fl_event_to_json(const struct fl_event *event, json_t **ret_json, struct fl_err *reterr);
/* The same as compact text, appended to out. FL_E_PARSE for a text that is not UTF-8; out is then
 * not what it was. */
int fl_event_to_text(const struct fl_event *event, struct fl_buf *out, struct fl_err *reterr);
/* FL_E_PARSE: unknown type, missing required field, wrong type. Unknown members are passed over (a
 * newer version may have more); a version above ours plus one is FL_E_UNSUPPORTED. */
int fl_event_from_json(const json_t *json, struct fl_event **ret_event, struct fl_err *reterr);
/* The same from text; what fl_event_to_text wrote is read without a tree in between. */
int fl_event_from_text(const char *text, size_t size, struct fl_event **ret_event,
                       struct fl_err *reterr);

/* A bounded list of events: what one decision yields. Owns its events. */
struct fl_events {
    struct fl_event **items;
    size_t count;
    size_t room;
    struct fl_event_pool *pool; /* borrowed; NULL: its events come from the heap */
};
#define FL_EVENTS_MAX 200000 /* one turn's batch */
void fl_events_release(struct fl_events *events);
FL_DEFINE_AUTO_VALUE(struct fl_events, fl_events_release)
/* Destroys the events and keeps the room for others. */
void fl_events_clear(struct fl_events *events);
/* Takes ownership on success. FL_E_FULL, FL_E_NOMEM. */
int fl_events_add(struct fl_events *events, struct fl_event *event, struct fl_err *reterr);

#endif
