#ifndef FL_CLI_CLIENT_H
#define FL_CLI_CLIENT_H

/* Whom a command asks: the coordinator that owns the state folder, or, when none runs, the store
 * itself, read-only. Both give the same answers.
 * Owns: the connection or the read model. Threads: one. Limits: FL_CLIENT_PENDING_MAX requests
 * under way; a coordinator that does not answer within FL_CLIENT_ANSWER_NS is an error. */

#include "engine/base/json.h"
#include "engine/base/path.h"
#include "engine/bus/bus.h"
#include "engine/store/model.h"
#include "engine/world/world.h"

#define FL_CLIENT_PENDING_MAX 8
#define FL_CLIENT_ANSWER_NS ((int64_t)30 * 1000000000)

struct fl_client {
    const struct fl_world *world;
    char state[FL_PATH_MAX];
    char endpoint[256]; /* "" when offline */
    char http[128];
    struct fl_bus_client *bus; /* NULL: offline */
    struct fl_model *model;    /* NULL: online */
    int64_t pid;               /* of the coordinator; 0: not known */
    int alarm_fd;              /* also ends a wait that was given a descriptor; -1: none */
    int64_t last_id;
    json_t *replies[FL_CLIENT_PENDING_MAX]; /* arrived and not yet asked for */
    size_t reply_count;
};

enum fl_client_need {
    FL_CLIENT_ANY, /* a question: the store will do */
    FL_CLIENT_LIVE /* an action: only a running coordinator will do */
};

/* FL_E_NOENT: no state there, or (LIVE) no coordinator; FL_E_TIMEOUT: it does not answer. */
int fl_client_open(struct fl_client *client, const struct fl_world *world, const char *state,
                   enum fl_client_need need, struct fl_err *reterr);
/* To an endpoint that is known, with the keys of a folder. */
int fl_client_connect(struct fl_client *client, const struct fl_world *world, const char *state,
                      const char *endpoint, const char *keys, struct fl_err *reterr);
void fl_client_release(struct fl_client *client);
FL_DEFINE_AUTO_VALUE(struct fl_client, fl_client_release)

/* "user@host": who asks. */
void fl_client_who(char *text, size_t size);
/* Sends a request (taken over; "type", "id" and "who" are put in). */
int fl_client_start(struct fl_client *client, json_t *request, int64_t *ret_id,
                    struct fl_err *reterr);
/* Waits for the answer to a request. FL_E_AGAIN: fd (when >= 0) or the alarm is
 * readable; call again.
 * FL_E_TIMEOUT. The error of the answer itself comes back as it was made. */
int fl_client_wait(struct fl_client *client, int64_t id, int64_t timeout_ns, int fd,
                   json_t **ret_result, struct fl_err *reterr);
/* The whole status of a run (NULL: the newest), asked for in parts where it is large. */
int fl_client_status(struct fl_client *client, const char *run, json_t **ret_status,
                     struct fl_err *reterr);
/* Both, for a request that is answered at once. request is taken over. */
int fl_client_ask(struct fl_client *client, json_t *request, json_t **ret_result,
                  struct fl_err *reterr);

#endif
