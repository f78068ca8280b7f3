#ifndef FL_TESTS_WORKER_NODE_H
#define FL_TESTS_WORKER_NODE_H

/* A coordinator's end of the real bus, and a worker on it: embedded, or a process of its own. */

#include <jansson.h>
#include <sys/types.h>

#include "engine/bus/keys.h"
#include "engine/worker/worker.h"
#include "tests/lib/test.h"

#define NODE_ID "wf/20181009T0000Z/stage/1"
#define NODE_FOLDER "hpc/work/" NODE_ID

struct node {
    struct fl_bus_server *server;
    struct fl_worker *worker; /* embedded; NULL: none, or a process */
    pid_t pid;                /* of a worker process; 0: none */
    int pidfd;
    bool no_go; /* do not answer begin */
    bool no_ack;
    bool doors;     /* of an embedded worker */
    json_t *seen;   /* array of {"id","index","event"} in the order of arrival, repeats left out */
    json_t *others; /* array of messages that are neither of an attempt nor a hello */
    json_t *hello;  /* the last one */
    int hellos;
};

/* In a scratch folder of its own: keys, a listening server. */
void node_open(struct node *node);
void node_close(struct node *node);
void node_embed(struct node *node);   /* a worker in this thread */
void node_process(struct node *node); /* a worker of its own; waits for nothing */
void node_kill(struct node *node);    /* SIGKILL, and reaped */

/* A spec for a shell script, with a token of its own; more is merged into it (and released). */
json_t *node_spec(const char *script, json_t *more);
void node_launch(struct node *node, json_t *spec); /* spec is released */
void node_say(struct node *node, json_t *message); /* message is released */

/* Turns everything until an event of this type of the attempt NODE_ID has come; borrowed. */
const json_t *node_until(struct node *node, const char *type);
/* Turns everything until this many events of the type have come, of any attempt. */
void node_until_count(struct node *node, const char *type, int count);
/* Turns everything until a message of this type has come; borrowed. */
const json_t *node_until_message(struct node *node, const char *type);
void node_until_hello(struct node *node, int count);
const char *node_text(const json_t *event, const char *key);
/* Number of events of a type that have come. */
int node_count(const struct node *node, const char *type);
/* True while the process runs (a zombie does not). */
bool node_runs(pid_t pid);
pid_t node_pid_in(const char *path); /* a number in a file */
/* A script with the path of fairlead-event in $E; free with free(). */
char *node_script(const char *body);
/* Embeds a worker and launches such a script as NODE_ID; more as in node_spec. */
void node_run(struct node *node, const char *body, json_t *more);
void node_assert_end(const json_t *end, const char *state, const char *class, const char *reason);
/* True when the standard output of NODE_ID has the words. */
bool node_log_has(const char *words);
/* What the supervisor says of itself. New reference. */
json_t *node_supervisor(void);
const char *node_event_program(void);

#endif
