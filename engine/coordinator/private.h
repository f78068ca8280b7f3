#ifndef FL_COORDINATOR_PRIVATE_H
#define FL_COORDINATOR_PRIVATE_H

/* The coordinator's own struct, shared by its files alone.
 * Owns: see struct fl_coordinator. Threads: the loop's. Limits: those of coordinator.h. */

#include "engine/base/path.h"
#include "engine/bus/keys.h"
#include "engine/coordinator/coordinator.h"
#include "engine/coordinator/query.h"
#include "engine/core/core.h"
#include "engine/http/http.h"
#include "engine/store/store.h"

/* A worker as the bus knows it. */
struct worker_link {
    char *name;
    struct fl_bus_peer peer; /* 0: no session now */
    json_t *hello;           /* the last one; NULL before the first */
};

enum after_kind {
    AFTER_SEND,   /* a reply to a client */
    AFTER_ANSWER, /* an attempt's message is answered from the state: ack, refuse, forget */
    AFTER_RESYNC, /* a worker said hello: welcome, then all that it must be told again */
};

/* What waits for the commit of this turn. */
struct after {
    enum after_kind kind;
    struct fl_bus_peer peer;
    json_t *message; /* the reply, the attempt's message, or the hello */
    char *worker;    /* NULL for a client */
};

struct fl_coordinator {
    const struct fl_world *world;
    char state[FL_PATH_MAX];
    char keys[FL_PATH_MAX];
    int lock_fd;
    int stop_fd;
    struct fl_store *store;
    struct fl_core *core; /* the live state */
    uint64_t seq;         /* last committed event that the live state has */
    struct fl_bus_server *bus;
    struct fl_query *query;
    struct fl_http *http;
    int64_t epoch;
    uint64_t refused; /* keys turned away that were told already */

    json_t *sites; /* by name; see FL_COORDINATOR_SITES_FILE */
    struct worker_link *links;
    size_t link_count;
    size_t link_room;

    /* of the turn */
    struct fl_events batch; /* applied to the live state, not yet committed */
    struct after *afters;
    size_t after_count;
    bool disk_full;
    bool stopping;
};

/* ------------------------------------------------------------------ inputs.c */
/* Takes one bus event in: decides, applies to the live state, notes what waits for the commit. */
int fl_coordinator_take(struct fl_coordinator *c, const struct fl_bus_event *event,
                        struct fl_err *reterr);
/* Every worker that the state believes to be there and is not: gone. */
int fl_coordinator_drop_workers(struct fl_coordinator *c, const char *reason,
                                struct fl_err *reterr);
/* Adds what the state itself allows by now, until there is nothing more. */
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

/* ------------------------------------------------------------------ turn.c */
/* Commits the batch, then lets out its effects and whatever waited for it. FL_E_NOSPACE: the batch
 * is kept and nothing went out. */
int fl_coordinator_commit(struct fl_coordinator *c, struct fl_err *reterr);

#endif
