#ifndef FL_COORDINATOR_PRIVATE_H
#define FL_COORDINATOR_PRIVATE_H

/* The coordinator's own struct, shared by its files alone.
 * Owns: see struct fl_coordinator. Threads: the loop's. Limits: those of coordinator.h. */

#include "engine/base/path.h"
#include "engine/bus/keys.h"
#include "engine/coordinator/commit.h"
#include "engine/coordinator/coordinator.h"
#include "engine/coordinator/query.h"
#include "engine/core/core.h"
#include "engine/http/http.h"
#include "engine/store/store.h"

#define FL_COORDINATOR_ENTROPY 64 /* hex digits */

enum link_news { LINK_SAME, LINK_LOST, LINK_ENDED, LINK_BACK };

/* A worker as the bus knows it. */
struct worker_link {
    char *name;
    struct fl_bus_peer peer; /* 0: no session now */
    json_t *hello;           /* the last one; NULL before the first */
    enum link_news news;     /* what became of it while no decision could be made */
};

enum after_kind {
    AFTER_SEND,   /* a reply to a client */
    AFTER_ANSWER, /* an attempt's message is answered from the state: ack, refuse, forget */
    AFTER_RESYNC, /* a worker said hello: welcome, then all that it must be told again */
};

/* What waits for the commit of its batch. */
struct after {
    enum after_kind kind;
    struct fl_bus_peer peer;
    json_t *message; /* the reply, the attempt's message, or the hello */
    char *worker;    /* NULL for a client */
};

/* What becomes durable together, and what goes out then. A batch is open (decisions add to it),
 * then in flight (handed to the commit thread: nothing of it changes). */
struct batch {
    struct fl_events events;             /* applied to the live state already */
    struct fl_store_workflow *workflows; /* digest and text are owned */
    size_t workflow_count;
    struct after *afters; /* room for FL_COORDINATOR_TURN_MAX */
    size_t after_count;
    struct fl_effects out; /* messages to workers, made when it is handed over */
    size_t out_sent;       /* so many of them have left */
    bool urgent;           /* something waits for its commit */
    int64_t since_ns;      /* monotonic: when the first of it came; while it is not empty */
};

/* Why the record cannot be written now. */
struct trouble {
    int rc;           /* 0: it can */
    int64_t since_ns; /* UTC */
    int64_t retry_ns; /* monotonic: when the batch in flight is tried again */
};

struct fl_coordinator {
    const struct fl_world *world;
    char state[FL_PATH_MAX];
    char keys[FL_PATH_MAX];
    int lock_fd;
    int stop_fd;
    struct fl_store *store; /* the commit thread's from its start on */
    struct fl_commit *commit;
    struct fl_core *core; /* the live state: has all of open and flight */
    uint64_t seq;         /* last committed event */
    uint64_t told_seq;    /* the last one when an action was answered */
    int64_t advanced_ns;  /* time to which the live state was advanced */
    struct fl_bus_server *bus;
    struct fl_query *query;
    struct fl_http *http;
    int64_t epoch;
    struct fl_sign_key *grant_key; /* NULL: none; see grants.c */
    uint64_t refused;              /* keys turned away that were told already */

    json_t *sites; /* by name; see FL_COORDINATOR_SITES_FILE */
    struct worker_link *links;
    size_t link_count;
    size_t link_room;

    struct fl_event_pool events;              /* that the batches' come from */
    char entropy[FL_COORDINATOR_ENTROPY + 1]; /* of this turn; "" until it is needed */
    struct batch batches[2];
    struct batch *open;
    struct batch *flight;    /* NULL: none */
    bool given;              /* the commit thread has it */
    bool committed;          /* it is written, and on its way out */
    int64_t flight_since_ns; /* monotonic */
    bool more;               /* the turn ended at its bound: there is more to do at once */
    bool holding;            /* messages are left with the peers; see stuck.c */
    struct trouble trouble;
    bool stopping;
};

/* ------------------------------------------------------------------ inputs.c */
/* Takes one bus event in: decides, applies to the live state, notes what waits for the commit. */
int fl_coordinator_take(struct fl_coordinator *c, const struct fl_bus_event *event,
                        struct fl_err *reterr);
/* Decides on what became of workers while no decision could be made. */
int fl_coordinator_take_news(struct fl_coordinator *c, struct fl_err *reterr);
/* A worker's session ended, went silent or was heard again: noted, or decided on at once. */
int fl_coordinator_take_link(struct fl_coordinator *c, const struct fl_bus_event *event,
                             struct fl_err *reterr);
/* Every worker that the state believes to be there and is not: gone. */
int fl_coordinator_drop_workers(struct fl_coordinator *c, const char *reason,
                                struct fl_err *reterr);
/* Adds what the state itself allows by now, until there is nothing more or the turn is full (then
 * c->more is set). */
int fl_coordinator_advance(struct fl_coordinator *c, struct fl_err *reterr);

/* ------------------------------------------------------------------ requests.c */
/* A client's request: answered by the query service, or decided here. */
int fl_coordinator_request(struct fl_coordinator *c, const struct fl_bus_event *event,
                           struct fl_err *reterr);
/* Decides on an input and applies the events to the live state. */
int fl_coordinator_decide(struct fl_coordinator *c, const struct fl_input *input,
                          struct fl_err *reterr);
/* Notes a message to be sent after the commit; takes message over, also on failure. */
int fl_coordinator_after(struct fl_coordinator *c, enum after_kind kind, struct fl_bus_peer peer,
                         const char *worker, json_t *message, struct fl_err *reterr);

/* ------------------------------------------------------------------ sites.c */
/* Keeps where the sites of a hello lie. A failure is logged: nothing depends on it. */
void fl_coordinator_note_sites(struct fl_coordinator *c, const char *worker, const json_t *hello);

/* ------------------------------------------------------------------ batch.c */
void fl_batch_clear(struct batch *batch);
/* Digest and text are copied. */
int fl_batch_add_workflow(struct batch *batch, const char *digest, const char *text,
                          struct fl_err *reterr);
/* Nothing to write and nothing to say. */
bool fl_batch_is_empty(const struct batch *batch);
/* No more inputs fit. */
bool fl_batch_is_full(const struct batch *batch);
/* Marks that it is empty no more. urgent: it does not wait for company. */
void fl_batch_note(struct fl_coordinator *c, struct batch *batch, bool urgent);
/* When it is to be written at the latest (monotonic): at once, unless nothing follows from it but
 * that it is recorded. */
int64_t fl_batch_due(const struct batch *batch);
/* Makes the messages that its events and inputs ask for, from the live state as it is now. */
int fl_batch_prepare(struct fl_coordinator *c, struct batch *batch, struct fl_err *reterr);
/* Sends some of them, and in the end the replies: its events are committed. False: there is more.
 */
bool fl_batch_let_out(struct fl_coordinator *c, struct batch *batch);
/* A worker begins anew and will be told everything: what waits for it is dropped. */
void fl_batch_drop_worker(struct batch *batch, const char *worker);
/* To a peer. One that cannot be reached now loses nothing: a worker is told again at its next
 * hello, a client asks again. FL_E_AGAIN of the bus: its queue was full, which was said;
 * FL_BUS_ROOM follows. */
void fl_coordinator_send(struct fl_coordinator *c, struct fl_bus_peer peer, const json_t *message);

/* ------------------------------------------------------------------ grants.c */
/* Takes (or makes) the key that grants are signed with. Without it the log says what follows. */
void fl_coordinator_load_grant_key(struct fl_coordinator *c);
/* Puts into a launch or provide what its attempt may read at the doors of other sites. Other
 * messages are left alone. FL_E_NOMEM, FL_E_BUG. */
int fl_coordinator_add_grants(const struct fl_coordinator *c, json_t *message,
                              struct fl_err *reterr);

/* ------------------------------------------------------------------ stuck.c */
/* The batch in flight could not be written for now: alarm, and everything waits. */
void fl_coordinator_stuck(struct fl_coordinator *c, int rc, const struct fl_err *err);
/* It was written after all. */
int fl_coordinator_unstuck(struct fl_coordinator *c, struct fl_err *reterr);
/* Takes what arrives while no decision can be made: heartbeats and questions are answered, actions
 * refused, workers' messages left with the workers. */
int fl_coordinator_hold_out(struct fl_coordinator *c, struct fl_err *reterr);

#endif
