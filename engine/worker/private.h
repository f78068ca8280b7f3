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
#define FL_WORKER_SPARES_MAX 8 /* supervisors that wait for an attempt */
#define FL_WORKER_READY_MAX 8  /* folders made before they are needed, at each site */

/* What a descriptor in the watch belongs to. */
enum source_kind {
    SOURCE_BELL,
    SOURCE_CHANNEL,
    SOURCE_DEATH,
    SOURCE_SWEEP,
    SOURCE_PROOF,
    SOURCE_FOLDERS,
    SOURCE_LOOKOUT,
    SOURCE_DOOR,
    SOURCE_CHORE
};
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
    char url[400];   /* "": not known */
    bool settled;    /* told its address, or failed once */
    int64_t next_ns; /* when it is started again, or is no longer waited for; INT64_MAX */
    int64_t wait_ns; /* before the next start */
};

/* A folder for an attempt, made before it is needed: ROOT/work/.ready/NUMBER/1. */
struct ready {
    char path[FL_PATH_MAX]; /* of NUMBER */
    int inputs_fd;          /* its inputs.json, which only this descriptor may write; -1 */
    size_t step;            /* how far it has come */
};

struct site {
    char name[FL_TRANSPORT_USER_MAX];
    char root[FL_PATH_MAX]; /* absolute */
    char file[FL_PATH_MAX]; /* its site file, absolute; "": none */
    bool keys;              /* the worker's folder of keys has a pair for it */
    int lock_fd;
    struct ready ready[FL_WORKER_READY_MAX];
    size_t ready_count;
    struct ready making; /* the next one */
    struct door door;
};

struct pool {
    char name[FL_TRANSPORT_USER_MAX];
    char site[FL_TRANSPORT_USER_MAX];
    int64_t cores;
    int64_t jobs;
    json_t *resources; /* object of amounts; NULL: none */
};

/* A supervisor, as far as its worker knows it: a child that waits for an attempt or holds one, or
 * one that an earlier worker started. */
struct holder {
    struct holder *next; /* in the list of those without an attempt */
    struct source channel_source;
    struct source death_source;
    struct attempt *attempt; /* NULL: it waits, or is about to, or leaves */
    bool waits;
    bool starts; /* it was given its attempt, and has not said a word */
    pid_t pid;
    int pidfd;
    int channel_fd; /* -1: it hears us no more */
    bool is_child;
};

/* Processes that were told to end, watched until they have. */
struct sweep {
    struct source source;
    int fd[FL_WORKER_SWEEP_MAX]; /* pidfds */
    size_t count;
};

struct attempt {
    struct attempt *next;
    struct site *site;
    struct holder *holder; /* NULL: dead, or not known, or free for the next */
    char id[FL_SPEC_ID_MAX + 1];
    char folder[FL_PATH_MAX];
    char token[130];
    char known[130]; /* token of a later launch of what is here already; "": none */
    json_t *orders;  /* array: what it must be told when it can hear it */
    struct fl_spool_reader reader;
    json_t *held; /* an entry that found the bus full */
    int64_t held_index;
    int64_t acked;     /* the coordinator has entries up to here */
    int64_t end_index; /* of the `end` entry; 0: none yet */
    json_t *end;       /* that entry */
    bool unsynced;     /* its record is not on the disk for certain */
    bool forgotten;    /* the coordinator wants to hear no more of it */
    bool dead;         /* its supervisor is dead and left no end: the tree is swept */
    bool settled;      /* its record had been lost again, and was given an end */
    int lock_fd;       /* of a dead supervisor; -1 */
    char death[160];   /* how it died */
    char socket[128];  /* that it left; "": none is known */
    struct sweep sweep;
    int64_t retry_ns; /* INT64_MAX: nothing to try again */
};

/* Processes of an attempt of which nothing else is left: they are ended, and its end is told. */
struct proof {
    struct proof *next;
    struct sweep sweep;
    char id[FL_SPEC_ID_MAX + 1];
    char token[130];
    int64_t index; /* of the entry that end is */
    json_t *end;
    int64_t retry_ns;
};

/* A file that somebody waits for. */
struct arrival {
    struct arrival *next;
    struct site *site;
    char id[FL_SPEC_ID_MAX + 1];
    char path[FL_PATH_MAX]; /* below the site's root */
    int folder_id;          /* of the folder watched: the file's, or the nearest above it that is
                               there; -1: none */
    bool told;
};

/* Leads of a cycle of a source that somebody waits for, and the process that looks for them. */
struct lookout {
    struct lookout *next;
    struct source source;
    struct site *site;
    char *id;
    char *source_name;
    char *cycle;
    json_t *sets;    /* array of sets of leads */
    pid_t pid;       /* 0: none */
    int pidfd;       /* -1 */
    int keep_fd;     /* its standard input: its end is the process's end */
    int told_fd;     /* its standard output */
    bool leaving;    /* it is wanted no more */
    int64_t next_ns; /* when its process is started (again); INT64_MAX */
    int64_t wait_ns; /* before the next start */
    size_t size;     /* of what has come of a line */
    char line[4096];
};

/* A run whose files go. */
struct cleaning {
    struct cleaning *next;
    struct site *site;
    char run[FL_SPEC_ID_MAX + 1]; /* "": left by an earlier worker */
    char trash[FL_PATH_MAX];
    int64_t bytes;
};

struct removal;

struct fl_worker {
    const struct fl_world *world;
    char name[FL_TRANSPORT_USER_MAX];
    struct fl_bus_client *bus;
    struct fl_watch *watch;
    struct source bell;
    int bell_fd;
    bool stopping;
    bool opened;    /* the coordinator was heard in this session */
    bool said;      /* hello was said in this session */
    bool hello_due; /* and must be said (again) */
    struct site sites[FL_WORKER_SITES_MAX];
    size_t site_count;
    struct pool pools[FL_WORKER_POOLS_MAX];
    size_t pool_count;
    bool no_doors;
    char keys_dir[FL_PATH_MAX]; /* absolute, when it is there */
    struct attempt *attempts;
    size_t attempt_count;
    json_t *told;   /* array: ids of the last attempts that ended and were acknowledged */
    json_t *strays; /* object: tokens of processes whose attempt was not found at the start */
    struct proof *proofs;
    struct arrival *arrivals;
    struct source folders;
    struct lookout *lookouts;
    int folders_fd; /* -1: nothing was ever waited for */
    struct cleaning *cleanings;
    uint64_t trash_number;
    struct removal *removals; /* in the order in which they came */
    bool removal_waits;       /* the first of them, for an attempt that has not ended */
    json_t *due;              /* launches that wait; see due.c */
    int64_t due_ns;           /* when the next one starts in any case; INT64_MAX: none waits */
    int64_t stuck_ns;         /* they found the disk full: when they are tried again; INT64_MAX */
    size_t start_count;       /* attempts that were given to a supervisor and have not begun */
    struct holder *spares;    /* without an attempt: those that wait, and those that leave */
    size_t spare_count;       /* those that wait */
    size_t spare_max;
    int64_t stock_ns; /* when spares and folders are made again; INT64_MAX */
    uint64_t ready_number;
    bool was_busy;                /* in this turn */
    char *buffer;                 /* for what comes through a channel */
    char supervisor[FL_PATH_MAX]; /* program */
    char transfer[FL_PATH_MAX];   /* program of the doors; "": none found */
};

#define FL_WORKER_TOLD_MAX 1000

/* ---------------------------------------------------------------- worker.c */
struct site *fl_worker_site(struct fl_worker *worker, const char *name);
struct attempt *fl_worker_find(struct fl_worker *worker, const char *id);
/* A message of the coordinator. */
void fl_worker_take(struct fl_worker *worker, const json_t *message);
/* A launch message whose spec has an id. FL_E_NOSPACE: the disk is full, and nothing was done; any
 * other error was told to the coordinator. */
int fl_worker_launch(struct fl_worker *worker, const json_t *message, int64_t grant_ns,
                     struct fl_err *reterr);

/* ---------------------------------------------------------------- due.c */
/* A launch that takes its turn, which may be now; a second one of the same id replaces it.
 * FL_E_FULL. */
int fl_due_add(struct fl_worker *worker, const char *id, const json_t *message, int64_t grant_ns,
               struct fl_err *reterr);
/* A message about a launch that waits. True: no more is to be done about it. */
bool fl_due_take(struct fl_worker *worker, const char *type, const char *id, const json_t *message);
/* Starts those that can start. */
void fl_due_step(struct fl_worker *worker);
int64_t fl_due_timer(const struct fl_worker *worker);
void fl_due_clear(struct fl_worker *worker);

/* ---------------------------------------------------------------- attempt.c */
/* A new entry in the list. FL_E_FULL, FL_E_NOMEM. */
int fl_attempt_add(struct fl_worker *worker, struct site *site, const char *id,
                   struct attempt **ret_attempt, struct fl_err *reterr);
/* Takes up one that was found on the disk. The attempt may be gone afterwards, here and below. */
void fl_attempt_adopt(struct fl_worker *worker, struct attempt *attempt);
/* Reads what it has spooled, and sends what is new. */
void fl_attempt_follow(struct fl_worker *worker, struct attempt *attempt);
/* A line of its spool came through the channel. */
void fl_attempt_line(struct fl_worker *worker, struct attempt *attempt, const char *line,
                     size_t size);
/* Its supervisor has ended it, which the coordinator cannot hear now. */
void fl_attempt_unheard(struct fl_worker *worker, struct attempt *attempt);
/* Its supervisor has ended (death says how) and is its holder no more. */
void fl_attempt_died(struct fl_worker *worker, struct attempt *attempt);
/* Time has come for what was put off. */
void fl_attempt_retry(struct fl_worker *worker, struct attempt *attempt);
void fl_attempt_retry_in(struct fl_worker *worker, struct attempt *attempt, int64_t wait_ns);
/* Passes an order on to the supervisor, now or when it can be reached. */
void fl_attempt_order(struct fl_worker *worker, struct attempt *attempt, const json_t *order);
void fl_attempt_ack(struct fl_worker *worker, struct attempt *attempt, int64_t index);
void fl_attempt_forget(struct fl_worker *worker, struct attempt *attempt);
/* What is not acknowledged is sent again, from the first on. */
void fl_attempt_resend(struct attempt *attempt);
/* Ends it without a supervisor: it could not be prepared. */
void fl_attempt_fail(struct fl_worker *worker, struct attempt *attempt, const struct fl_err *why);
void fl_attempt_free(struct fl_worker *worker, struct attempt *attempt);
int fl_attempt_json(struct fl_worker *worker, const struct attempt *attempt, const char *file,
                    json_t **ret_json, struct fl_err *reterr);

/* ---------------------------------------------------------------- sweep.c */
/* Ends all processes that have the token in their environment, and watches them: each end comes
 * from sweep->source. False when there was none. */
bool fl_sweep(struct fl_worker *worker, const char *token, struct sweep *sweep);
/* Watches no more. */
void fl_sweep_drop(struct fl_worker *worker, struct sweep *sweep);

/* ---------------------------------------------------------------- death.c */
/* No supervisor is known to live. Proves it by taking its lock; then either starts one (may_start,
 * and nothing had begun), which asks before it begins, or sweeps the tree and ends the attempt. */
void fl_death_settle(struct fl_worker *worker, struct attempt *attempt, bool may_start);
/* A process of the tree has ended, or is looked for again. */
void fl_death_sweep(struct fl_worker *worker, struct attempt *attempt);
/* The last line of the spool, written in the supervisor's stead. end is borrowed. */
int fl_death_end(struct fl_worker *worker, struct attempt *attempt, const json_t *end,
                 struct fl_err *reterr);

/* ---------------------------------------------------------------- holder.c */
/* Gives the attempt to a supervisor, one that waits or a new one. grant_ns: see supervisor.h. */
int fl_holder_give(struct fl_worker *worker, struct attempt *attempt, int64_t grant_ns,
                   struct fl_err *reterr);
/* Finds the supervisor of an attempt by supervisor.json. FL_E_NOENT: it is dead, or there is none.
 */
int fl_holder_find(struct fl_worker *worker, struct attempt *attempt, struct fl_err *reterr);
/* FL_E_AGAIN: it cannot take it now. FL_E_NET: it hears us no more. */
int fl_holder_say(struct fl_worker *worker, struct holder *holder, const json_t *order);
void fl_holder_hear(struct fl_worker *worker, struct holder *holder);
void fl_holder_died(struct fl_worker *worker, struct holder *holder);
/* Its attempt is no more. */
void fl_holder_release(struct fl_worker *worker, struct holder *holder);
/* Lets go of all that have no attempt: they end. */
void fl_holder_drop_all(struct fl_worker *worker);
/* One more that waits, when there is none. */
void fl_holder_stock(struct fl_worker *worker);

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
/* More inputs of a stage that follows (a message provide): inputs.json first, then the files. Those
 * that are there already are passed over. */
int fl_prepare_more(struct fl_worker *worker, struct attempt *attempt, const json_t *message,
                    struct fl_err *reterr);

/* ---------------------------------------------------------------- ready.c */
/* Gives a folder that was made before the attempt's name. *ret_inputs_fd: its empty inputs.json,
 * to be written and closed. */
int fl_ready_take(struct fl_worker *worker, const struct attempt *attempt, int *ret_inputs_fd,
                  struct fl_err *reterr);
/* Makes one more file of the next one: a launch that comes meanwhile waits for no more than that.
 * False when there are enough. */
bool fl_ready_stock(struct fl_worker *worker, struct site *site);
void fl_ready_clear(struct fl_worker *worker, struct site *site);

/* ---------------------------------------------------------------- proof.c */
/* Looks for processes that belong to none of the attempts that were found. */
void fl_proof_strays(struct fl_worker *worker);
bool fl_proof_is_stray(const struct fl_worker *worker, const char *token);
/* Ends every process with the token; then tells end (which is taken) as the end of the attempt, its
 * entry of that index. */
void fl_proof_begin(struct fl_worker *worker, const char *id, const char *token, int64_t index,
                    json_t *end);
void fl_proof_step(struct fl_worker *worker, struct proof *proof);
void fl_proof_release(struct fl_worker *worker);

/* ---------------------------------------------------------------- clean.c */
/* The files of a run at all sites, a few in each turn. Refused, and logged, while an attempt of it
 * is held here. */
void fl_clean_begin(struct fl_worker *worker, const char *run);
/* What an earlier worker left in its trash. */
void fl_clean_resume(struct fl_worker *worker);
void fl_clean_step(struct fl_worker *worker);
void fl_clean_release(struct fl_worker *worker);

/* ---------------------------------------------------------------- remove.c */
/* An order "remove" or "removed-at-source", carried out a few files in each turn. */
int fl_remove_begin(struct fl_worker *worker, const json_t *message, struct fl_err *reterr);
void fl_remove_step(struct fl_worker *worker);
/* Forgets all: what is still wanted is asked for again. */
void fl_remove_clear(struct fl_worker *worker);

/* ---------------------------------------------------------------- arrive.c */
int fl_arrive_watch(struct fl_worker *worker, const json_t *message, struct fl_err *reterr);
void fl_arrive_unwatch(struct fl_worker *worker, const char *id);
void fl_arrive_look(struct fl_worker *worker); /* the folders have news */
void fl_arrive_clear(struct fl_worker *worker);

/* ---------------------------------------------------------------- await.c */
int fl_await_begin(struct fl_worker *worker, const json_t *message, struct fl_err *reterr);
void fl_await_end(struct fl_worker *worker, const char *id);
/* Something of its process is readable; it may be gone afterwards. */
void fl_await_look(struct fl_worker *worker, struct lookout *lookout);
void fl_await_timer(struct fl_worker *worker, int64_t now_ns);
int64_t fl_await_next_ns(const struct fl_worker *worker);
void fl_await_clear(struct fl_worker *worker);   /* a new session: what is wanted is asked anew */
void fl_await_release(struct fl_worker *worker); /* and waits for their ends */

/* ---------------------------------------------------------------- door.c */
void fl_door_init(struct door *door);
/* Finds the site's keys; a site with keys and without a site file is given one that says so, so
 * that its transfers know them. */
int fl_door_prepare(struct fl_worker *worker, struct site *site, struct fl_err *reterr);
void fl_door_start(struct fl_worker *worker, struct site *site);
/* Something of its process is readable. True when the sites' addresses have changed. */
bool fl_door_look(struct fl_worker *worker, struct site *site);
/* A timer of it may be due. */
bool fl_door_timer(struct fl_worker *worker, struct site *site, int64_t now_ns);
void fl_door_stop(struct fl_worker *worker, struct site *site);

#endif
