#ifndef FL_LINES_FINISHER_H
#define FL_LINES_FINISHER_H

/* Hashing and syncing beside the network: threads that read files back in order while their bytes
 * land, as far as they are whole from the start, and sync and close them at the end. So a hash
 * costs what sha256sum costs, and neither the disk nor the hash holds the network up. Owns: its
 * threads and their buffers; jobs are the caller's until they are taken or cancelled. Threads: one
 * caller; FL_FINISHER_THREADS of its own, or none. Limits: none of its own. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/digest.h"

#define FL_FINISHER_THREADS 2

struct fl_finisher;
struct fl_world;

/* Zero it, then set fd, path and digest (and copy_from). */
struct fl_finish_job {
    int fd;                   /* readable; closed by the finisher at the end (also on failure) */
    const char *path;         /* for messages */
    const char *copy_from;    /* a file to copy into fd first; NULL */
    struct fl_digest *digest; /* fed here */
    void *arg;                /* the caller's */
    /* how it ended, valid once taken */
    int rc;
    struct fl_err err;
    int64_t size;     /* hashed; of a copy, its size */
    int64_t mtime_ns; /* of copy_from */
    char hex[FL_DIGEST_HEX];
    /* private */
    int64_t ready;
    int64_t synced;
    bool last;
    bool queued;
    bool busy;
    bool done;
    struct fl_finish_job *next;
};

/* threads 0: everything happens within fl_finisher_feed. bell_fd (of fl_wake_create, or -1) rings
 * when a job has ended. FL_E_NOMEM. */
int fl_finisher_create(const struct fl_world *world, int threads, int bell_fd,
                       struct fl_finisher **ret_finisher, struct fl_err *reterr);
/* Jobs under way are given up. */
void fl_finisher_destroy(struct fl_finisher *finisher);
FL_DEFINE_AUTO(struct fl_finisher *, fl_finisher_destroy)

/* The first `ready` bytes are there; last: and that is all. Of a copy: 0, last. */
void fl_finisher_feed(struct fl_finisher *finisher, struct fl_finish_job *job, int64_t ready,
                      bool last);
/* The next job that has ended, or NULL. */
struct fl_finish_job *fl_finisher_take(struct fl_finisher *finisher);
/* Forgets a job; nothing touches it afterwards. Its fd stays open unless it has ended. */
void fl_finisher_cancel(struct fl_finisher *finisher, struct fl_finish_job *job);

#endif
