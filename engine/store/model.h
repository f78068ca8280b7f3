#ifndef FL_STORE_MODEL_H
#define FL_STORE_MODEL_H

/* The read model: a second state, fed with committed events only, that every question is answered
 * from (never from the live state). It follows the store by itself: being told that there is more
 * is enough, so nothing can be lost between the two, and no queue can overflow.
 * Owns: a read-only handle on the store and its own state. Threads: any; one lock inside, held for
 * one answer or for FL_MODEL_CHUNK events at a time. Limits: FL_MODEL_EVENTS_MAX events an answer.
 */

#include "engine/base/json.h"
#include "engine/core/core.h"
#include "engine/store/store.h"

#define FL_MODEL_CHUNK 200
#define FL_MODEL_EVENTS_MAX 1000

/* Applies the stored events with number > *seq to core, at most limit (0: all), in order; makes
 * the workflows that they name known first. *seq follows. Serves recovery and the read model.
 * FL_E_BUG: an event contradicts the state; FL_E_NOENT: a workflow is missing; those of store.h. */
int fl_store_replay(struct fl_store *store, struct fl_core *core, size_t limit, uint64_t *seq,
                    struct fl_err *reterr);

/* The state after the last event, or after event `until` if there are more: from the newest
 * snapshot that can be used, and the events after it; limit: at most so many of them (0: all), the
 * caller goes on with fl_store_replay. ret_base (may be NULL) is that of the snapshot, 0 for none.
 * ret_passed (code 0: none) says why a snapshot was passed over: it is damaged, or of another
 * version. Errors as fl_store_replay. */
int fl_store_recover(struct fl_store *store, uint64_t until, size_t limit,
                     struct fl_core **ret_core, uint64_t *ret_seq, uint64_t *ret_base,
                     struct fl_err *ret_passed, struct fl_err *reterr);

struct fl_model;

/* The state in a folder, read-only. Nothing is applied yet: the first catching up begins with a
 * snapshot where there is one. Errors as fl_store_open. */
int fl_model_create(const char *folder, struct fl_model **ret_model, struct fl_err *reterr);
void fl_model_destroy(struct fl_model *model);
FL_DEFINE_AUTO(struct fl_model *, fl_model_destroy)

/* A workflow that the live state has planned, so that the model need not read and plan it again;
 * taken over. Never waits for an answer under way. */
void fl_model_offer_plan(struct fl_model *model, struct fl_plan *plan);
/* The state as a snapshot, and the last event that it has. data is the caller's. Errors as
 * fl_core_save. */
int fl_model_save(struct fl_model *model, char **ret_data, size_t *ret_size, uint64_t *ret_seq,
                  struct fl_err *reterr);

/* Applies everything that the store has by now. After a failure the model stays where it was. */
int fl_model_catch_up(struct fl_model *model, struct fl_err *reterr);

/* One step of it: FL_MODEL_CHUNK events at most; *ret_more when there may be more. */
int fl_model_step(struct fl_model *model, bool *ret_more, struct fl_err *reterr);
/* Applies what it has up to event `until`: the state as it was then. FL_E_NOENT: there are not so
 * many. Not after a later event was applied. */
int fl_model_catch_up_to(struct fl_model *model, uint64_t until, struct fl_err *reterr);
/* A model of the state in a folder as it was just before a run was dropped from it: what is asked
 * of a run of long ago is answered from that. Reads all events up to there; ret_seq is the last
 * one. FL_E_NOENT: the run was not dropped. */
int fl_model_create_past(const char *folder, const char *run, struct fl_model **ret_model,
                         uint64_t *ret_seq, struct fl_err *reterr);
/* The time of an event [ns since 1970, UTC]. FL_E_NOENT. */
int fl_model_time(struct fl_model *model, uint64_t seq, int64_t *ret_ns, struct fl_err *reterr);

/* What every answer says from now on under "alarm": an object, or NULL for nothing any more; taken
 * over. {"alarm":"disk.full","since_ns","held","error","effect"}. */
void fl_model_alarm(struct fl_model *model, json_t *alarm);

/* The event of the snapshot that it began with; 0: none, or nothing was applied yet. */
uint64_t fl_model_base(struct fl_model *model);
/* Number of the last event applied. */
uint64_t fl_model_seq(struct fl_model *model);

/* Answers a request {"verb":"runs|status|why|log|workers|events", …}; ret_json gets a new
 * reference, always an object. Members: "run" (else the newest run), "stage" (why, log), "attempt"
 * (log), "from" and "limit" (events; instances of status), "brief" (status). The answer to runs,
 * status, workers and events carries "seq", the number of the last event that it knows of.
 * FL_E_USAGE: unknown verb or missing member; FL_E_NOENT names what there is. */
int fl_model_answer(struct fl_model *model, const json_t *request, int64_t now_ns,
                    json_t **ret_json, struct fl_err *reterr);
/* True for a verb that fl_model_answer knows. */
bool fl_model_knows(const char *verb);

#endif
