#ifndef FL_WORKER_PRIVATE_H
#define FL_WORKER_PRIVATE_H

/* The worker's own structs, shared by its files alone.
 * Owns: see worker.h. Threads: the worker's. Limits: worker.h. */

#include <jansson.h>
#include <sys/types.h>

#include "engine/base/path.h"
#include "engine/bus/bus.h"
#include "engine/world/watch.h"
#include "engine/worker/spec.h"
#include "engine/worker/spool.h"
#include "engine/worker/worker.h"

#define FL_WORKER_SWEEP_MAX 64 /* dying processes that are waited for at once */

/* What a descriptor in the watch belongs to. */
enum source_kind { SOURCE_BELL, SOURCE_FOLDERS, SOURCE_ATTEMPT, SOURCE_SWEEP, SOURCE_DOOR };
struct source {
    enum source_kind kind;
    void *owner;
};

/* The file door of a site: a child process. */
struct door {
    struct source source;
    pid_t pid;       /* 0: none */
    int pidfd;       /* -1 */
    int keep_fd;     /* its standard input: its end is the door's end */
    int told_fd;     /* its standard output: it tells its address there */
    char url[128];   /* "": not known */
    bool settled;    /* told its address, or failed once */
    int64_t next_ns; /* when it is started again, or is no longer waited for; INT64_MAX */
    int64_t wait_ns; /* before the next start */
};

struct site {
    char name[FL_TRANSPORT_USER_MAX];
    char root[FL_PATH_MAX]; /* absolute */
    int lock_fd;
    struct door door;
};

struct pool {
    char name[FL_TRANSPORT_USER_MAX];
    char site[FL_TRANSPORT_USER_MAX];
    int64_t cores;
    int64_t jobs;
};

struct attempt {
    struct attempt *next;
    struct source source;
    struct source sweep_source;
    struct site *site;
    char id[FL_SPEC_ID_MAX + 1];
    char folder[FL_PATH_MAX];
    char token[130];
    char known[130]; /* token of a later launch of what is here already; "": none */
    pid_t pid;       /* of the supervisor; 0: not known */
    int pidfd;       /* -1: it is dead, or not known */
    bool is_child;
    char control[128]; /* its socket; "": not known yet */
    json_t *orders;    /* array: what it must be told once its socket is known */
    int folder_id;     /* of the folders watched; -1 */
    struct fl_spool_reader reader;
    json_t *held; /* an entry that found the bus full */
    int64_t held_index;
    int64_t acked;     /* the coordinator has entries up to here */
    int64_t end_index; /* of the `end` entry; 0: none yet */
    bool forgotten;    /* the coordinator wants to hear no more of it */
    bool finished;     /* nothing more is said of it; only its supervisor's exit is waited for */
    bool dead;         /* its supervisor is dead and left no end: the tree is swept */
    int lock_fd;       /* of a dead supervisor; -1 */
    char death[160];   /* how it died */
    int sweep_fd[FL_WORKER_SWEEP_MAX];
    size_t sweep_count;
    int64_t retry_ns; /* INT64_MAX: nothing to try again */
};

struct fl_worker {
    const struct fl_world *world;
    char name[FL_TRANSPORT_USER_MAX];
    struct fl_bus_client *bus;
    struct fl_watch *watch;
    struct source bell;
    struct source folders;
    int bell_fd;
    int folders_fd;
    bool stopping;
    bool opened;    /* the coordinator was heard in this session */
    bool said;      /* hello was said in this session */
    bool hello_due; /* and must be said (again) */
    struct site sites[FL_WORKER_SITES_MAX];
    size_t site_count;
    struct pool pools[FL_WORKER_POOLS_MAX];
    size_t pool_count;
    bool no_doors;
    struct attempt *attempts;
    size_t attempt_count;
    char supervisor[FL_PATH_MAX]; /* program */
    char transfer[FL_PATH_MAX];   /* program of the doors; "": none found */
};

/* ---------------------------------------------------------------- worker.c */
struct site *fl_worker_site(struct fl_worker *worker, const char *name);
struct attempt *fl_worker_find(struct fl_worker *worker, const char *id);

/* ---------------------------------------------------------------- attempt.c */
/* A new entry in the list; not yet watched. FL_E_FULL, FL_E_NOMEM. */
int fl_attempt_add(struct fl_worker *worker, struct site *site, const char *id,
                   struct attempt **ret_attempt, struct fl_err *reterr);
/* Starts its supervisor. grant_ns: see supervisor.h. */
int fl_attempt_start(struct fl_worker *worker, struct attempt *attempt, int64_t grant_ns,
                     struct fl_err *reterr);
/* Takes up one that was found on the disk. */
void fl_attempt_adopt(struct fl_worker *worker, struct attempt *attempt);
/* Looks at its folder: where its supervisor is, what it has spooled; sends what is new. The attempt
 * may be gone afterwards. */
void fl_attempt_follow(struct fl_worker *worker, struct attempt *attempt);
/* Its supervisor's pidfd, or that of a swept process, became readable. */
void fl_attempt_died(struct fl_worker *worker, struct attempt *attempt);
void fl_attempt_sweep(struct fl_worker *worker, struct attempt *attempt);
/* Time has come for what was put off. */
void fl_attempt_retry(struct fl_worker *worker, struct attempt *attempt);
/* Passes an order on to the supervisor, now or when it can be reached. */
void fl_attempt_order(struct fl_worker *worker, struct attempt *attempt, const json_t *order);
void fl_attempt_ack(struct fl_worker *worker, struct attempt *attempt, int64_t index);
void fl_attempt_forget(struct fl_worker *worker, struct attempt *attempt);
/* What is not acknowledged is sent again, from the first on. */
void fl_attempt_resend(struct attempt *attempt);
/* Ends it without a supervisor: it could not be prepared. */
void fl_attempt_fail(struct fl_worker *worker, struct attempt *attempt, const struct fl_err *why);
void fl_attempt_free(struct fl_worker *worker, struct attempt *attempt);

/* ---------------------------------------------------------------- prepare.c */
/* The marker of an attempt that is not ended and acknowledged: ROOT/work/.live/ID with % for /. */
int fl_live_path(const struct site *site, const char *id, char path[FL_PATH_MAX],
                 struct fl_err *reterr);
int fl_live_mark(struct fl_worker *worker, const struct site *site, const char *id,
                 struct fl_err *reterr);
void fl_live_clear(struct fl_worker *worker, const struct site *site, const char *id);
/* The attempt's folder with inputs, files and spec.json (last). Removes a half-made one first.
 * FL_E_EXISTS when there is a whole one. */
int fl_prepare_folder(struct fl_worker *worker, struct attempt *attempt, const struct fl_spec *spec,
                      struct fl_err *reterr);
/* More inputs of a stage that follows: inputs.json first, then the files. Those that are there
 * already are passed over. */
int fl_prepare_more(struct fl_worker *worker, struct attempt *attempt, const json_t *inputs,
                    struct fl_err *reterr);

/* ---------------------------------------------------------------- door.c */
void fl_door_init(struct door *door);
void fl_door_start(struct fl_worker *worker, struct site *site);
/* Something of its process is readable. True when the sites' addresses have changed. */
bool fl_door_look(struct fl_worker *worker, struct site *site);
/* A timer of it may be due. */
bool fl_door_timer(struct fl_worker *worker, struct site *site, int64_t now_ns);
void fl_door_stop(struct fl_worker *worker, struct site *site);

#endif
