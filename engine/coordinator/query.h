#ifndef FL_COORDINATOR_QUERY_H
#define FL_COORDINATOR_QUERY_H

/* The query service: a thread of its own that keeps the read model up to date and answers questions
 * from it, so that a long answer never delays a decision.
 * Owns: its thread, the read model, questions and answers on their way. Threads: the calls are for
 * the loop's thread; the model may be asked from any. Limits: capacity questions; a full queue is
 * FL_E_FULL to the one who asks. */

#include "engine/store/model.h"
#include "engine/world/world.h"

/* An "events" request with "wait": true is answered when there is something, or after this long. */
#define FL_QUERY_WAIT_NS ((int64_t)20 * 1000000000)

/* In the middle of ten thousand launches an answer of a moment ago is worth more than a new one
 * later; each says as of which event it is. */
#define FL_QUERY_FRESH_NS ((int64_t)5 * 1000000)

struct fl_query;

/* Called in the query thread after new events were applied, and about every 10 s. */
typedef void (*fl_query_news_fn)(void *arg);

/* Takes a snapshot of the read model (data, when it is true); data NULL asks whether it would. In
 * the query thread. */
typedef bool (*fl_query_offer_fn)(uint64_t seq, char *data, size_t size, void *arg);

/* A snapshot is offered after so many events, of a large state more rarely (an event for each
 * FL_QUERY_SAVE_BYTES of the last one), and sooner when nothing happens for a while. Making one
 * takes the read model for about 5 ms a megabyte. */
#define FL_QUERY_SAVE_EVENTS 20000
#define FL_QUERY_SAVE_IDLE_EVENTS 500
#define FL_QUERY_SAVE_BYTES 512

/* Opens the state's read model, with the plans of the live state; the thread, started with
 * fl_query_start, brings it up to date. */
int fl_query_create(const struct fl_world *world, const char *state, const struct fl_core *live,
                    size_t capacity, struct fl_query **ret_query, struct fl_err *reterr);
int fl_query_start(struct fl_query *query, fl_query_news_fn news, fl_query_offer_fn offer,
                   void *arg, struct fl_err *reterr);
/* Ends the thread. */
void fl_query_stop(struct fl_query *query);
void fl_query_destroy(struct fl_query *query);
FL_DEFINE_AUTO(struct fl_query *, fl_query_destroy)

struct fl_model *fl_query_model(struct fl_query *query);

/* A workflow that the live state has planned; taken over. */
void fl_query_offer_plan(struct fl_query *query, struct fl_plan *plan);

/* What every answer says from now on under "alarm" (NULL: nothing any more); taken over. */
void fl_query_alarm(struct fl_query *query, json_t *alarm);

/* There are new committed events. */
void fl_query_advance(struct fl_query *query);

/* request gets a reference. FL_E_FULL. tag comes back with the answer, which knows of event told:
 * who asks after a reply sees what the reply was about. It knows of event seq too, the last one
 * there is, unless the read model has more than FL_QUERY_FRESH_NS to catch up with. */
int fl_query_ask(struct fl_query *query, uint64_t tag, uint64_t seq, uint64_t told, json_t *request,
                 struct fl_err *reterr);
/* The next answer: {"type":"reply","id",…}, a reference for the caller; NULL when there is none. */
json_t *fl_query_take(struct fl_query *query, uint64_t *ret_tag);
/* Readable when an answer waits. */
int fl_query_fd(const struct fl_query *query);

/* The bus message that answers a request: ok with a result (taken over), or an error. NULL when
 * memory ends. */
json_t *fl_query_reply(const json_t *request, int rc, json_t *result, const struct fl_err *err);

#endif
