#ifndef FL_DESTINATION_DRIVER_H
#define FL_DESTINATION_DRIVER_H

/* What the drivers and the common part share, private to the folder.
 * A driver does jobs (one file to send or to release) without blocking: `start` begins one; it goes
 * on by `step` (a bounded piece of work, for what has no descriptor to wait for) or by answers of
 * the network; the driver ends it with fl_dest_job_end. All else a driver does at once.
 * Owns: see the structs. Threads: one at a time. Limits: destination.h. */

#include "data-fetch/destination/destination.h"
#include "data-fetch/destination/spec.h"
#include "data-fetch/http/http.h"
#include "engine/world/world.h"

#define FL_DEST_PIECE ((size_t)1024 * 1024) /* of one step */
#define FL_DEST_SECRET_MAX 4096

enum fl_dest_task {
    FL_DEST_SEND,
    FL_DEST_RELEASE,
};

enum fl_dest_job_state {
    FL_DEST_JOB_FREE,
    FL_DEST_JOB_HASHING, /* the local file, whose digest was not told */
    FL_DEST_JOB_RUNNING, /* the driver has it */
    FL_DEST_JOB_WAITING, /* for its next try, at at_ns */
    FL_DEST_JOB_ENDED,
};

struct fl_dest_job {
    struct fl_dest_set *set;
    struct fl_destination *dest;
    enum fl_dest_task task;
    enum fl_dest_job_state state;
    bool started; /* the driver has it */
    char local[FL_PATH_MAX];
    char name[FL_PATH_MAX];
    char hidden[FL_PATH_MAX]; /* where it comes in, relative to the destination */
    char final[FL_PATH_MAX];  /* and its place */
    char sha256[FL_DIGEST_HEX];
    int64_t size;
    bool proven;
    void *arg;
    int fd; /* of the local file; -1 */
    struct fl_digest *digest;
    uint64_t offset; /* of whatever goes on */
    uint64_t end;    /* and where that ends */
    int tries;
    int64_t at_ns;
    int64_t retry_after_s; /* what the far side asks for; -1 */
    /* result */
    int rc;
    struct fl_err err;
    bool own; /* the error is this file's alone: the others go on */
    bool there;
    uint64_t sent;
    enum fl_dest_proof proof;
    /* the driver's */
    int phase;
    int out;                           /* descriptor; -1 */
    bool resumed;                      /* part of it was there */
    bool restart;                      /* from the start, whatever is there */
    struct fl_http_transfer *transfer; /* in flight; NULL */
    fl_http_done_fn done;              /* once what goes before it is over */
    const void *own_data;
    void *more; /* freed by the driver's drop */
};

/* Ends a job: rc 0 or an error, whose text is in job->err already. */
void fl_dest_job_end(struct fl_dest_job *job, int rc);
/* The same with this text. */
void fl_dest_job_fail(struct fl_dest_job *job, int rc, const char *fmt, ...) FL_PRINTF(3, 4);
/* Opens the local file and holds it against what was told. Errors are the job's own. */
int fl_dest_job_open(struct fl_dest_job *job, struct fl_err *reterr);
/* A new digest. FL_E_NOMEM. */
int fl_dest_job_digest(struct fl_dest_job *job, struct fl_err *reterr);
/* Compares the digest so far with the file's, and begins a new one. */
bool fl_dest_job_equal(struct fl_dest_job *job);

struct fl_dest_driver {
    const char *kind;
    int (*open)(struct fl_destination *dest, struct fl_err *reterr);
    void (*close)(struct fl_destination *dest);
    /* Once before the first file: is the destination's own folder there? May be NULL. */
    int (*ready)(struct fl_destination *dest, struct fl_err *reterr);
    /* jobs; errors of start end the job */
    int (*start)(struct fl_dest_job *job, struct fl_err *reterr);
    int (*step)(struct fl_dest_job *job, struct fl_err *reterr); /* 1: did something; 0: waits */
    void (*drop)(struct fl_dest_job *job); /* frees what start took; the job is over */
    /* at once */
    int (*stat)(struct fl_destination *dest, const char *path, struct fl_dest_stat *ret_stat,
                struct fl_err *reterr);
    int (*list)(struct fl_destination *dest, const char *path, bool hidden, fl_dest_list_fn fn,
                struct fl_err *reterr, void *arg);
    int (*read)(struct fl_destination *dest, const char *path, fl_dest_sink_fn sink, void *arg,
                struct fl_err *reterr);
    /* atomic, replaces */
    int (*put)(struct fl_destination *dest, const char *path, const void *data, size_t size,
               struct fl_err *reterr);
    /* of a file or a folder; FL_E_EXISTS when `to` is there */
    int (*move)(struct fl_destination *dest, const char *from, const char *to, bool folder,
                struct fl_err *reterr);
    int (*remove)(struct fl_destination *dest, const char *path, struct fl_err *reterr);
    int (*remove_tree)(struct fl_destination *dest, const char *path, struct fl_err *reterr);
    int (*space)(struct fl_destination *dest, uint64_t *ret_bytes, struct fl_err *reterr);
};

struct fl_destination {
    const struct fl_world *world;
    const struct fl_dest_driver *driver;
    struct fl_destination_spec spec;
    struct fl_dest_caps caps;
    char where[FL_PATH_MAX];
    char secrets[FL_PATH_MAX]; /* folder; "" */
    struct fl_http *http;      /* NULL: no network */
    int inflight;
    bool is_ready;
    char *piece; /* FL_DEST_PIECE bytes for whoever needs them now */
    void *state; /* the driver's */
};

struct fl_dest_set {
    struct fl_destination *dest;
    enum fl_dest_mode mode;
    char path[FL_PATH_MAX];
    char hidden[FL_PATH_MAX]; /* FL_DEST_WHOLE: the folder that will become path */
    char key[FL_DEST_NAME_MAX];
};

extern const struct fl_dest_driver fl_dest_directory;
extern const struct fl_dest_driver fl_dest_sftp;
extern const struct fl_dest_driver fl_dest_webdav;
extern const struct fl_dest_driver fl_dest_s3;

/* "FOLDER/NAME", or NAME when folder is "". FL_E_TOO_BIG, FL_E_PERM. */
int fl_dest_join(const char *folder, const char *name, char *out, size_t size,
                 struct fl_err *reterr);
/* "DIR/.BASE.KEY.part" for "DIR/BASE": the hidden name of a file or a folder. FL_E_TOO_BIG. */
int fl_dest_hidden_name(const char *path, const char *key, char *out, size_t size,
                        struct fl_err *reterr);
/* A component begins with '.'. */
bool fl_dest_is_hidden(const char *path);
/* The text before the last slash, "" when there is none. */
void fl_dest_folder_of(const char *path, char *out, size_t size);

/* send.c */
int fl_dest_run(struct fl_dest_set *set, enum fl_dest_task task,
                const struct fl_dest_source *source, struct fl_err *reterr);

#endif
