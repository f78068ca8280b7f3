#ifndef FL_CORE_STATE_H
#define FL_CORE_STATE_H

/* The live state, private to engine/core: runs, instances, output slots, attempts, workers.
 * Owns: all of it; plans are shared by the runs of one workflow. Threads: one at a time.
 * Limits: FL_CORE_*_MAX. */

#include "engine/core/core.h"
#include "engine/base/buf.h"
#include "engine/base/path.h"
#include "engine/core/actions.h"
#include "engine/core/bits.h"
#include "engine/core/timers.h"
#include "engine/core/names.h"
#include "engine/core/params.h"
#include "engine/core/plan.h"

#define FL_CORE_TRIES_MAX 1000
#define FL_CORE_WORKER_POOLS_MAX 100
#define FL_CORE_MARKS_MAX \
    32 /* degraded marks that one file or run carries; later ones are dropped */
#define FL_CORE_REASON_MAX 1024
#define FL_CORE_GONE_MAX \
    100000                 /* instances of a run that were removed and whose attempts are known */
#define FL_CORE_ID_MAX 768 /* run, stage with members, attempt */

/* X(NAME, "name"): section 6 of the design. */
#define FL_STATES(X) \
    X(WAITING, "waiting") \
    X(READY, "ready") \
    X(LAUNCHED, "launched") \
    X(RUNNING, "running") \
    X(SUCCEEDED, "succeeded") \
    X(FAILED, "failed") \
    X(TIMED_OUT, "timed-out") \
    X(CANCELLED, "cancelled") \
    X(LOST, "lost") \
    X(HELD, "held") \
    X(SKIPPED, "skipped") \
    X(EXPIRED, "expired") \
    X(REUSED, "reused")

enum __attribute__((packed)) fl_state { /* a byte: there are very many */
#define FL_STATE_ENUM(NAME, name) FL_STATE_##NAME,
                                        FL_STATES(FL_STATE_ENUM)
#undef FL_STATE_ENUM
                                            FL_STATE_COUNT
};

/* What can happen to an instance. */
#define FL_HAPPENINGS(X) \
    X(NEEDS_MET) \
    X(NEEDS_UNMET) \
    X(LAUNCH) \
    X(BEGIN) \
    X(SUCCEED) \
    X(FAIL) \
    X(TIME_OUT) \
    X(CANCEL) \
    X(LOSE) \
    X(SKIP) \
    X(EXPIRE) \
    X(HOLD) X(RELEASE) X(RETRY) X(SET_SUCCEEDED) X(SET_FAILED) X(SET_SKIPPED) X(SET_WAITING)

enum fl_happening {
#define FL_HAPPENING_ENUM(NAME) FL_HAPPEN_##NAME,
    FL_HAPPENINGS(FL_HAPPENING_ENUM)
#undef FL_HAPPENING_ENUM
        FL_HAPPENING_COUNT
};

/* The table: next state, or FL_STATE_COUNT when the pair is refused. */
enum fl_state fl_state_next(enum fl_state state, enum fl_happening happening);
const char *fl_state_name(enum fl_state state);
const char *fl_happening_name(enum fl_happening happening);
/* FL_STATE_COUNT when there is none of that name. */
enum fl_state fl_state_from_name(const char *name);
/* The happening that leads to an end state, or FL_HAPPENING_COUNT. */
enum fl_happening fl_state_ending(enum fl_state state);
/* True for an end. */
bool fl_state_is_end(enum fl_state state);
/* True for an end that lets what comes after it go on. */
bool fl_state_is_good(enum fl_state state);

/* What only an attempt under way needs, or few have. */
struct fl_attempt_more {
    char *token;    /* NULL once it has ended: nothing of it is let in any more */
    char *class;    /* of a failure */
    char *progress; /* last one noted */
    json_t *marks;  /* of the inputs it was launched with, and what it said itself; or NULL */
};

struct fl_attempt {
    enum fl_state state; /* launched, running, or an end */
    bool cancel_asked : 1;
    bool check : 1; /* its outputs were refused by the stage's checks */
    int16_t signal;
    uint32_t worker;
    uint32_t pool; /* words of the core */
    uint32_t site;
    int32_t cores;
    int32_t code;
    uint32_t index; /* highest spool entry recorded */
    uint64_t order; /* of the launch among all events */
    int64_t launched_ns;
    int64_t begun_ns;
    int64_t ended_ns;
    struct fl_attempt_more *more; /* or NULL: none of it */
};

/* Why an instance can never start: slot + 1 that is absent without a rule for it, or one of these.
 */
#define FL_DOOM_NO_CHOICE UINT32_MAX /* nothing of a first_of list is there */
#define FL_DOOM_NEVER \
    (UINT32_MAX - 1)                    /* its trigger can never be true, or an input never comes \
                                         */
#define FL_DOOM_FOLLOW (UINT32_MAX - 2) /* what it follows no longer comes */
static inline bool fl_doom_is_absence(uint32_t doom)
{
    return doom > 0 && doom < FL_DOOM_FOLLOW;
}

struct fl_inst {
    enum fl_state state;
    bool final : 1;        /* ended, and no retry follows */
    bool undecided : 1;    /* lost, and nothing proves its body dead: it waits */
    bool held : 1;         /* a person's hold; state is held when it had not started */
    bool set : 1;          /* a person gave it its state */
    bool begun : 1;        /* some attempt has begun */
    uint16_t try_count;    /* FL_CORE_TRIES_MAX fits */
    uint32_t doom;         /* FL_DOOM_*: why it can never start, or must stop; 0: it is fine */
    int64_t not_before_ns; /* a retry waits until then */
    int64_t ready_ns;      /* when it became ready */
    char *reason;          /* why it is in its state; may be NULL */
    struct fl_attempt *tries;
};

enum __attribute__((packed)) fl_slot_state { FL_SLOT_PENDING, FL_SLOT_ACCEPTED, FL_SLOT_ABSENT };

/* What is known of an output that is there, or that will not come. */
struct fl_made {
    int64_t size;
    uint64_t order; /* of the acceptance among all events */
    int64_t accepted_ns;
    json_t *marks;  /* or NULL */
    uint32_t site;  /* word of the core; of an accepted one */
    uint16_t path;  /* where the texts begin in texts; 0: there is none */
    uint16_t cause; /* of an absence */
    uint16_t age;
    uint8_t gone; /* FL_GONE_*: an accepted file that is removed at its source */
    unsigned char sha256[32];
    char texts[]; /* begins with a NUL */
};

/* Of an accepted file: its removal at the source was asked for, or is done. */
enum { FL_GONE_NO, FL_GONE_ASKED, FL_GONE_DONE, FL_GONE_COUNT };

struct fl_slot {
    struct fl_made *made; /* NULL: pending */
    uint32_t attempt;
    enum fl_slot_state state;
};

/* What is ready in one pool. */
struct fl_ready {
    struct fl_bits set;
    int64_t cores_min; /* no stage of this pool takes fewer, */
    int64_t cores_max; /* and none takes more */
    bool needs;        /* some stage of it needs resources */
};

/* A file that a trigger of an instance waited for has come: its leaf of `when`. */
struct fl_arrival {
    uint32_t inst;
    uint32_t leaf;
};

/* A lead of a source that triggers of the run wait for: it is there, or was given up. */
struct fl_sourced {
    char *source;
    struct fl_cycle cycle; /* of the source */
    int32_t minutes;       /* the lead */
    bool absent;
    char *cause; /* of an absence */
};

/* Attempts of an instance that a run no longer has. One of that name that comes back goes on from
 * their number: an id stands for one attempt, also on the workers, for ever. */
struct fl_gone {
    char *name; /* "prep.m03.f003" */
    struct fl_attempt *tries;
    uint16_t try_count;
};

/* How far the removal of delivered files at their sources has come: see custody.h. */
enum fl_removal_phase { FL_REMOVAL_IDLE, FL_REMOVAL_ASKED, FL_REMOVAL_NOTING, FL_REMOVAL_COUNT };
struct fl_removal {
    enum fl_removal_phase phase;
    bool cleared;   /* each instance was looked at once: the working folders are gone */
    bool left;      /* some products stay, for a later cycle takes them */
    bool due;       /* it may be that none does any more */
    bool anew;      /* an instance was tried again meanwhile: all is looked at once more */
    uint32_t first; /* instances of the batch under way, or of the last one */
    uint32_t last;
    uint32_t noting; /* delivery whose ledger is told */
    uint32_t tries;  /* of this batch that failed */
    int64_t again_ns;
};

struct fl_run {
    uint32_t index;
    char *name;    /* "surge/20261124T0000Z#east2" */
    char *variant; /* or NULL */
    struct fl_cycle cycle;
    const struct fl_plan *plan;
    struct fl_plan *own_plan; /* that very plan, when sets were declared in this run; or NULL */
    json_t *params;           /* that it was submitted with */
    struct fl_overrides overrides;
    enum fl_state state; /* running, or an end */
    bool cancel_asked;
    bool held;
    int64_t created_ns;
    int64_t ended_ns;
    char *who;
    json_t *marks; /* or NULL */
    struct fl_inst *insts;
    struct fl_slot *slots;
    struct fl_term *terms;
    int32_t *progress; /* lead of each instance in minutes; NULL: no trigger asks */
    struct fl_far *fars;
    struct fl_reach *reach; /* what terms of other runs count in this one; or NULL */
    int64_t clock_come_s;   /* triggers of the clock up to this time after the cycle have come */
    char **signals;         /* names of those received */
    size_t signal_count;
    struct fl_arrival *arrivals; /* files that triggers waited for */
    size_t arrival_count;
    struct fl_sourced *sourced; /* leads of sources that triggers waited for */
    size_t sourced_count;
    struct fl_ready *ready; /* by pool of the workflow */
    uint32_t ready_total;
    struct fl_bits live; /* instances that are launched or running */
    uint32_t *open;      /* instances of each stage that are not final */
    bool *rendered;      /* stages that were launched, with the parameters of now */
    uint32_t counts[FL_STATE_COUNT];
    int64_t *pool_jobs;     /* attempts under way, by pool of the workflow */
    struct fl_bits doomed;  /* instances that advance must end or stop */
    struct fl_bits revived; /* skipped ones that could start after all */
    uint32_t bad;           /* instances whose ends make the run fail */
    uint32_t *histories;    /* number of the history of each stage + 1, as far as it was looked up;
                               NULL: of none */
    uint32_t *starved;      /* for each stage: needs of it that were told to be unmet, a bit each;
                               NULL: none */
    uint32_t *unstarted;    /* instances of each stage that have had no attempt and no end */
    uint32_t *expiring;     /* stages that can be too late */
    bool ordered;           /* some stage has a priority, or a deadline after it */
    int64_t *latest_s; /* when each stage must have started for its products to come in time [UTC];
                          NULL without deadlines */
    size_t expiring_count;
    uint32_t undecided; /* instances that are lost and wait for proof or a person */
    uint32_t flow;      /* index + 1 of the installed workflow that made it; 0: none did */
    bool first;         /* the first cycle of an operation */
    uint64_t rules[2];  /* recurrences of the workflow that its cycle is on, a bit each */
    uint32_t *excluded; /* stages that are no part of it */
    size_t excluded_count;
    struct fl_timers timers; /* of the instances that wait for a time */
    struct fl_gone *gone;
    size_t gone_count;
    size_t gone_room;
    unsigned char *due_told; /* FL_DUE_* for each deadline of the plan */
    struct fl_removal removal;
    uint64_t told; /* deliveries of the plan, a bit each, whose sets were told to be complete */
};

/* A pool at a site, with all that offer it. Follows from the workers. */
struct fl_place {
    uint32_t pool; /* words of the core */
    uint32_t site;
    int64_t free_jobs; /* of those that can be reached */
    struct fl_place_member {
        uint32_t worker;
        uint32_t pool; /* among the worker's */
    } * members;
    size_t member_count;
    size_t member_room;
};

struct fl_worker_pool {
    uint32_t pool; /* words of the core */
    uint32_t site;
    uint32_t place;
    int64_t cores;
    int64_t jobs;
    int64_t used_cores;
    int64_t used_jobs;
    json_t *resources; /* object of amounts, as the worker says; NULL: it says nothing */
};

struct fl_worker_site {
    uint32_t site; /* word of the core */
    char *door;
};

struct fl_worker {
    char *name;
    bool gone;
    char *reason; /* why it is gone */
    int64_t since_ns;
    struct fl_worker_pool *pools;
    size_t pool_count;
    struct fl_worker_site *sites;
    size_t site_count;
};

/* Names of ended runs that are held no more, in a ring; see paging.h. */
struct fl_paged {
    char **names;
    size_t count;
    size_t room;
    size_t next; /* the oldest, once the ring is full */
    struct fl_names index;
};

/* How long a stage took, the last times; see history.h. */
#define FL_HISTORY_KEPT 16
struct fl_history {
    char *name; /* "surge/forecast": workflow and stage */
    uint64_t order;
    uint32_t took_ms[FL_HISTORY_KEPT];
    uint32_t count;
    uint32_t next; /* where the next one goes */
};

struct fl_core {
    struct fl_plan **plans;
    size_t plan_count;
    struct fl_names plan_names;
    struct fl_run **runs; /* NULL: dropped */
    size_t run_count;
    size_t live_runs; /* those that are not dropped */
    struct fl_names run_names;
    uint32_t *active; /* runs that have not ended, ascending */
    size_t active_count;
    size_t active_room;
    uint32_t *removing; /* runs that have ended and have more to remove, ascending */
    size_t removing_count;
    size_t removing_room;
    struct fl_worker **workers;
    size_t worker_count;
    struct fl_names worker_names;
    struct fl_words words;  /* pools and sites */
    struct fl_flow **flows; /* installed workflows, also those that were removed again */
    size_t flow_count;
    struct fl_names flow_names;
    char **dropped; /* names of runs that were dropped, the last FL_CORE_DROPPED_MAX */
    size_t dropped_count;
    size_t dropped_next;
    struct fl_paged paged;
    struct fl_history *histories;
    size_t history_count;
    size_t history_room;
    struct fl_names history_names;
    uint32_t *ended; /* runs that have ended and may be paged, in the order of their ends */
    size_t ended_count;
    size_t ended_room;
    struct fl_place *places;
    size_t place_count;
    struct fl_words run_words; /* names of runs that do not exist and are waited for */
    struct fl_awaited {
        uint32_t name; /* word of run_words */
        uint32_t run;
        uint32_t far;
    } * awaited;
    size_t awaited_count;
    size_t awaited_room;
    uint64_t event_count;
    struct fl_actions actions;
};

/* The text of a word of the core: a pool, a site. */
const char *fl_core_word(const struct fl_core *core, uint32_t word);

/* What few attempts have; NULL when this one has not. */
static inline const char *fl_attempt_token(const struct fl_attempt *attempt)
{
    return attempt->more ? attempt->more->token : NULL;
}
static inline const char *fl_attempt_class(const struct fl_attempt *attempt)
{
    return attempt->more ? attempt->more->class : NULL;
}
static inline const char *fl_attempt_progress(const struct fl_attempt *attempt)
{
    return attempt->more ? attempt->more->progress : NULL;
}
static inline json_t *fl_attempt_marks(const struct fl_attempt *attempt)
{
    return attempt->more ? attempt->more->marks : NULL;
}
static inline json_t *fl_slot_marks(const struct fl_slot *slot)
{
    return slot->made ? slot->made->marks : NULL;
}
/* Below the root of its site; NULL unless it is there. */
static inline const char *fl_slot_path(const struct fl_slot *slot)
{
    return slot->made && slot->made->path ? slot->made->texts + slot->made->path : NULL;
}
/* Of an absence; NULL when none was given. */
static inline const char *fl_slot_cause(const struct fl_slot *slot)
{
    return slot->made && slot->made->cause ? slot->made->texts + slot->made->cause : NULL;
}
static inline const char *fl_slot_age(const struct fl_slot *slot)
{
    return slot->made && slot->made->age ? slot->made->texts + slot->made->age : NULL;
}
/* Its file was, or is just being, removed after it was delivered. */
static inline bool fl_slot_is_gone(const struct fl_slot *slot)
{
    return slot->made && slot->made->gone != FL_GONE_NO;
}
void fl_made_destroy(struct fl_made *made);
/* The digest of an accepted output in hexadecimal. */
void fl_slot_sha256(const struct fl_slot *slot, char hex[static FL_DIGEST_HEX]);

/* The plan of a workflow by its digest, or NULL. */
const struct fl_plan *fl_core_plan(const struct fl_core *core, const char *digest);
struct fl_run *fl_core_run(const struct fl_core *core, const char *name);
struct fl_worker *fl_core_worker(const struct fl_core *core, const char *name);
struct fl_worker_pool *fl_worker_pool(const struct fl_worker *worker, uint32_t pool);
/* Index of a pool at a site; false when nobody has ever offered it. */
bool fl_core_place(const struct fl_core *core, const char *pool, const char *site,
                   uint32_t *ret_place);
/* Who offers what, anew: after a worker came, went or changed its pools. FL_E_NOMEM. */
int fl_core_places(struct fl_core *core, struct fl_err *reterr);
/* Counts an attempt in (1) or out (-1) of the use of a worker's pool. */
void fl_core_use(struct fl_core *core, uint32_t worker, uint32_t pool, int64_t cores, int sign);
/* URL of the file door of a site, or NULL when no worker serves it now. */
const char *fl_core_door(const struct fl_core *core, uint32_t site);

/* A run of plan with every instance waiting. */
int fl_run_create(const struct fl_plan *plan, const char *name, struct fl_run **ret_run,
                  struct fl_err *reterr);
void fl_run_destroy(struct fl_run *run);
void fl_gone_release(struct fl_gone *gone);
/* Sets ordered and latest_s from plan, cycle, and how long stages take. FL_E_NOMEM. */
int fl_run_slack(const struct fl_core *core, struct fl_run *run, struct fl_err *reterr);
FL_DEFINE_AUTO(struct fl_run *, fl_run_destroy)
void fl_core_worker_destroy(struct fl_worker *worker);

/* An instance, and the names it goes by. */
struct fl_inst_ref {
    struct fl_run *run;
    uint32_t inst;
};
const struct fl_stage *fl_inst_stage(const struct fl_run *run, uint32_t inst);
/* "m03,+006", or NULL; text is the buffer. */
const char *fl_inst_key(const struct fl_run *run, uint32_t inst, char text[static FL_KEY_TEXT_MAX]);
/* "prep(m03,+003)" or "grid". */
void fl_inst_title(const struct fl_run *run, uint32_t inst, char *text, size_t size);
/* "prep.m03.f003" or "grid": fit for a shell and for a folder. */
void fl_inst_plain(const struct fl_run *run, uint32_t inst, char *text, size_t size);
/* "surge/20261124T0000Z/prep.f003/1". */
void fl_attempt_id(const struct fl_run *run, uint32_t inst, uint32_t attempt, char *text,
                   size_t size);
/* The instance that stage and key name. FL_E_NOENT. */
int fl_run_find(const struct fl_run *run, const char *stage, const char *key, uint32_t *ret_inst,
                struct fl_err *reterr);
/* Those of a stage that a key, or the first members of one, stands for; in text or file form.
 * FL_E_NOENT. */
int fl_run_find_members(const struct fl_run *run, int32_t stage, const char *key, bool file,
                        uint32_t *ret_first, uint32_t *ret_count, struct fl_err *reterr);
/* The instance that "prep.m03.f003" names. FL_E_NOENT. */
int fl_run_find_plain(const struct fl_run *run, const char *text, uint32_t *ret_inst,
                      struct fl_err *reterr);
/* The attempt that an id names; attempt is its number. FL_E_NOENT; FL_E_NOT_YET: the next one of
 * its instance, which a worker can know of only when the record was restored from a backup. */
int fl_core_find_attempt(const struct fl_core *core, const char *id, struct fl_inst_ref *ret_ref,
                         uint32_t *ret_attempt, struct fl_err *reterr);
struct fl_attempt *fl_inst_last_try(const struct fl_inst *inst);
/* The slot of an output of an instance; lead: the member of the output's own set; without such a
 * set NULL, or a member of the instance. FL_E_NOENT. */
int fl_run_find_slot(const struct fl_run *run, uint32_t inst, const char *output, const char *lead,
                     uint32_t *ret_slot, struct fl_err *reterr);

/* Degraded marks: arrays of {"cause","age"?}, NULL for none. Adds those of more that are new;
 * *marks is replaced, never changed in place, so that it may be shared. */
int fl_marks_add(json_t **marks, const json_t *more, struct fl_err *reterr);
int fl_marks_add_one(json_t **marks, const char *cause, const char *age, struct fl_err *reterr);
/* Takes off those whose cause begins so. */
int fl_marks_drop(json_t **marks, const char *start, struct fl_err *reterr);
/* Marks of a file of an earlier cycle: they are told with that, and end there, so that a warm start
 * from a degraded run does not mark all later cycles for ever. */
int fl_marks_hand_on(json_t **marks, const json_t *earlier, struct fl_err *reterr);
json_t *fl_marks_parse(const char *text);

/* What an input comes to, seen from one instance. */
enum fl_resolve { FL_RESOLVE_OK, FL_RESOLVE_WAIT, FL_RESOLVE_DOOM };
struct fl_pick {
    const struct fl_run *run;
    uint32_t slot;
    uint32_t input;
};
struct fl_picks {
    struct fl_pick *items;
    size_t count;
    size_t room;
};
void fl_picks_release(struct fl_picks *picks);
FL_DEFINE_AUTO_VALUE(struct fl_picks, fl_picks_release)
/* picks and marks may be NULL. Follow inputs give the members that are there and are never waited
 * for. *ret_doom is slot + 1 of what is absent without a rule. */
int fl_resolve_input(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                     uint32_t input, struct fl_picks *picks, json_t **marks,
                     enum fl_resolve *ret_result, uint32_t *ret_doom, struct fl_err *reterr);

/* True when an instance makes no more of its outputs. One that passes an absence on has just to say
 * so. */
static inline bool fl_inst_is_over(const struct fl_run *run, uint32_t inst)
{
    const struct fl_inst *in = &run->insts[inst];

    return in->final && !(in->state == FL_STATE_SKIPPED && fl_doom_is_absence(in->doom));
}
/* The nearest slots before and after an absent one, along its leads, that are not absent. False
 * when there is none, or they are further apart than max_s. */
struct fl_bridge {
    uint32_t before;
    uint32_t after;
    struct fl_lead lead_before;
    struct fl_lead lead_after;
};
bool fl_find_bridge(const struct fl_run *run, uint32_t slot, int64_t max_s,
                    struct fl_bridge *ret_bridge);
/* The run that a source reaches into: this one, or the official one of its other cycle; or NULL. */
const struct fl_run *fl_source_run(const struct fl_core *core, const struct fl_run *run,
                                   const struct fl_source *source);
/* The i-th slot that a source means there for an instance. False past the last one, and when the
 * other run, of another version of the workflow, has none of its names. */
bool fl_source_slot(const struct fl_run *run, uint32_t inst, size_t input, size_t source,
                    const struct fl_run *other, uint32_t i, uint32_t *ret_slot);

/* The value of a parameter for a stage of the run, as it is rendered; text is a buffer. */
const char *fl_run_param(const struct fl_run *run, const char *stage, const struct fl_param *param,
                         char *text, size_t size);

/* Applies an event that the state machine allows. FL_E_BUG. */
int fl_inst_happen(struct fl_run *run, uint32_t inst, enum fl_happening happening,
                   struct fl_err *reterr);

/* The launch spec of an attempt, from the state alone. The texts of its files with their digests
 * are in "files". FL_E_CONFIG when a template cannot be rendered. */
int fl_render_spec(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                   uint32_t attempt, const char *token, uint32_t pool, uint32_t site,
                   json_t **ret_spec, json_t **ret_marks, struct fl_err *reterr);
/* The same as far as it differs between the instances of a stage that has no files of its own: its
 * inputs, and their marks. */
int fl_render_check(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                    uint32_t site, json_t **ret_marks, struct fl_err *reterr);
/* A template that has no inputs or outputs in it, for an instance. FL_E_NOENT for an unknown name.
 */
int fl_render_path(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                   const char *text, struct fl_buf *out, struct fl_err *reterr);
/* One entry of inputs.json for a slot. New reference, or NULL when memory ends. */
/* The name in DATA of a file that an instance takes. */
void fl_input_file(const struct fl_run *run, uint32_t inst, const struct fl_pick *pick,
                   char file[static FL_PATH_MAX]);
json_t *fl_render_input(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                        const struct fl_pick *pick, uint32_t site);

/* Appends an event of run (and instance, unless UINT32_MAX) and gives it back, borrowed, for more
 * fields. Names that the state or its plans own may be assigned to these; other texts are set. */
int fl_emit(struct fl_events *events, enum fl_event_type type, int64_t now_ns,
            const struct fl_run *run, uint32_t inst, struct fl_event **ret_event,
            struct fl_err *reterr);
/* Makes valid UTF-8 of a text whose parts may have been cut inside a character. */
void fl_text_clean(char *text);
/* Sets a text that may be longer than an event may hold: it is cut. */
/* A name out of the run's plan: borrowed where that outlives the event. FL_E_NOMEM. */
int fl_emit_name(struct fl_event *event, const char **field, const struct fl_run *run,
                 const char *name, struct fl_err *reterr);
int fl_emit_text(struct fl_event *event, const char **field, const char *text,
                 struct fl_err *reterr);
/* Why an instance that waits cannot start, in words (which of its needs is missing, and why). */
void fl_why_blocked(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                    struct fl_buf *out);

#endif
