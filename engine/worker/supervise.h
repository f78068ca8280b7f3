#ifndef FL_WORKER_SUPERVISE_H
#define FL_WORKER_SUPERVISE_H

/* The inside of a supervisor, shared by its files; private to engine/worker.
 * Owns: see supervisor.h. Threads: one. Limits: see supervisor.h. */

#include "engine/base/digest.h"
#include "engine/base/path.h"
#include "engine/base/ring.h"
#include "engine/world/process.h"
#include "engine/worker/bodylog.h"
#include "engine/worker/guard.h"
#include "engine/worker/spec.h"
#include "engine/worker/spool.h"
#include "engine/worker/supervisor.h"

enum supervise_state {
    SUPERVISE_ASKING,  /* begin is spooled, no word yet */
    SUPERVISE_RUNNING, /* the body runs */
    SUPERVISE_ENDING,  /* TERM was sent to what is left of the tree */
    SUPERVISE_KILLING, /* KILL was sent */
    SUPERVISE_CLOSING, /* the tree is gone: the last outputs are hashed */
    SUPERVISE_DONE,
};

/* Why it ends, when it does not end by itself. */
enum supervise_cause {
    CAUSE_NONE,
    CAUSE_REFUSED,
    CAUSE_CANCELLED,
    CAUSE_TIMED_OUT,
    CAUSE_FAILED, /* it could not be started, or the worker could not serve it */
};

/* A declared output. */
struct supervise_output {
    const char *output; /* borrowed from the spec */
    const char *lead;   /* NULL: none */
    const char *file;
    bool said; /* announced, or said to be absent */
};

/* An announced file on its way through the hash. */
struct supervise_job {
    char *output;
    char *lead; /* NULL: none */
    char *file;
    json_t *degraded; /* NULL: not */
};

struct fl_post {
    const struct fl_world *world;
    char *const *environment;
    int signals_fd;
    int channel_fd; /* -1: no worker hears us */
    bool is_first;  /* the channel is that of the worker that started us */
    bool behind;    /* the worker has not been told all: it is to read the record */
    int listen_fd;
    int event_fd;
    char name[64]; /* that a later worker connects to */
    char event_path[128];
    char boot[64]; /* of the machine; with pid and start it names this process */
    uint64_t start;
    char tools[FL_PATH_MAX]; /* folder of fairlead-event; "": not found */
    char *buffer;            /* FL_LOCAL_DATAGRAM_MAX bytes, for what arrives */
};

/* Bytes of a stream that found the disk full. */
struct supervise_rest {
    char *data;
    size_t size;
};

struct fl_supervisor {
    const struct fl_world *world;
    struct fl_post *post;
    char folder[FL_PATH_MAX];
    struct fl_spec spec;
    enum supervise_state state;
    enum supervise_cause cause;
    char reason[FL_ERR_TEXT_MAX];
    const char *class; /* of CAUSE_FAILED */
    int lock_fd;
    struct fl_spool_writer spool;
    struct fl_buf untold;     /* lines that the worker is told with the next one */
    json_t *held;             /* array: entries that found the disk full, oldest first */
    int64_t held_ns;          /* when they are tried again; INT64_MAX: none */
    bool where_due;           /* supervisor.json found the disk full */
    bool ended;               /* the end is among the entries, or written */
    struct fl_bodylog log[2]; /* stdout, stderr */
    struct supervise_rest rest[2];
    int pipe_fd[2];
    struct fl_guard guard;
    struct fl_words words;
    int words_of; /* stream the words are looked for in; -1: a file, or none */
    pid_t body;
    bool body_ended;
    bool tree_gone;
    bool swept; /* outputs that nobody announced have been looked for */
    struct fl_exit exit;
    int64_t limit_ns;    /* time limit; INT64_MAX: none */
    int64_t kill_ns;     /* when KILL follows TERM; INT64_MAX: not now */
    int64_t progress_ns; /* when a held progress event may be spooled */
    json_t *progress;
    struct supervise_output *outputs;
    size_t output_count;
    struct fl_ring *jobs;
    struct fl_digest *digest; /* NULL until the first output */
    bool folders_synced;      /* all those above out/ */
    int job_fd;               /* file of the first job while it is hashed; -1 */
    int64_t job_offset;
};

/* Writes an entry into the record and tells the worker. A full disk is no error: the entry is kept.
 * event is borrowed. */
int fl_tell(struct fl_supervisor *supervisor, const json_t *event, struct fl_err *reterr);
/* The same, told together with the next entry: nobody waits for it. FL_E_NOSPACE: it is not kept.
 */
int fl_tell_later(struct fl_supervisor *supervisor, const json_t *event, struct fl_err *reterr);
/* Tries again what was kept. */
int fl_tell_held(struct fl_supervisor *supervisor, struct fl_err *reterr);
/* Space for more: otherwise nothing that makes entries is taken in. */
bool fl_tell_room(const struct fl_supervisor *supervisor);
/* Something that the worker should log. */
void fl_tell_alarm(struct fl_supervisor *supervisor, const char *text);
/* The worker hears again: it is told to read what it missed. */
void fl_post_catch_up(struct fl_post *post);
/* A worker that connects takes the place of the one before it. */
void fl_post_accept(struct fl_post *post);
/* The next order. FL_E_AGAIN: none. */
int fl_post_order(struct fl_post *post, json_t **ret_order);

/* One datagram of the stage. Errors are of the supervisor (a full disk), never of the stage: what
 * it says wrongly becomes a warning. */
int fl_announce_take(struct fl_supervisor *supervisor, const char *data, size_t size,
                     struct fl_err *reterr);
/* Hashes the next piece of what was announced; *ret_more when there is more to do. */
int fl_announce_step(struct fl_supervisor *supervisor, bool *ret_more, struct fl_err *reterr);
/* Declared outputs that are there though nobody announced them are announced now. Only for a body
 * that ended well: one that failed may have left half of a file. */
int fl_announce_present(struct fl_supervisor *supervisor, struct fl_err *reterr);
/* Progress that was held back, if any. */
int fl_announce_progress(struct fl_supervisor *supervisor, bool now, struct fl_err *reterr);
int fl_announce_warn(struct fl_supervisor *supervisor, struct fl_err *reterr, const char *fmt, ...)
    FL_PRINTF(3, 4);
void fl_announce_job_free(struct supervise_job *job);

/* True when exit code and log are as the success rule wants them: what the body left is whole. */
bool fl_verdict_ended_well(struct fl_supervisor *supervisor);
/* The end event by the success rule. New reference; NULL when memory ends. */
json_t *fl_verdict(struct fl_supervisor *supervisor);

#endif
