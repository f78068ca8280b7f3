#ifndef FL_FETCH_JOB_H
#define FL_FETCH_JOB_H

/* One lead on its way, private to the fetch: its state, what it has so far, and the checks of what
 * the server answered.
 * Owns: plan, temporary file. Threads: one at a time. Limits: those of fetch.h. */

#include "data-fetch/pull/fetch.h"
#include "data-fetch/pull/incoming.h"

enum fl_job_state {
    FL_JOB_WAITING, /* may start at at_ns */
    FL_JOB_ASKING,  /* a request is in flight */
    FL_JOB_ENDED,
};

struct fl_fetch;

struct fl_job {
    struct fl_fetch *fetch;
    const struct fl_fetch_want *want;
    enum fl_job_state state;
    int64_t at_ns;
    size_t mirror;        /* index into the source's mirrors */
    int restarts;         /* at the present mirror, because the file was replaced meanwhile */
    int tries;            /* of the present request at the present mirror */
    struct fl_plan *plan; /* NULL: the index is next */
    size_t range;         /* the next one */
    struct fl_incoming incoming;
    char etag[FL_HTTP_ETAG_MAX]; /* of the data file, fit for If-Range */
    int64_t total;               /* [bytes] of the data file; -1 not known */
    char told[160];              /* what the log was last told about waiting */
    struct fl_err last;          /* why the present round has not succeeded; code 0: nothing yet */
};

/* What an answer means for the job. */
enum fl_verdict {
    FL_VERDICT_GOOD,    /* taken; go on */
    FL_VERDICT_NOT_YET, /* the source does not have it yet */
    FL_VERDICT_AGAIN,   /* transient: the same request again */
    FL_VERDICT_RESTART, /* the file was replaced: from the index again */
    FL_VERDICT_BAD,     /* refused: next mirror */
    FL_VERDICT_BROKEN,  /* our own disk or memory: the run ends */
};

/* Judges the answer to the index request; GOOD: plan is set. why gets the reason otherwise. */
enum fl_verdict fl_job_take_index(struct fl_job *job, const struct fl_fetch_options *options,
                                  const struct fl_http_reply *reply, struct fl_err *why);
/* Judges the answer to the present range; GOOD: its messages are in the temporary file. */
enum fl_verdict fl_job_take_range(struct fl_job *job, const struct fl_fetch_options *options,
                                  const struct fl_world *world, const struct fl_http_reply *reply,
                                  struct fl_err *why);
/* Largest body that the present range may have. */
size_t fl_job_range_max(const struct fl_job *job);
/* Forgets plan and temporary file. */
void fl_job_reset(struct fl_job *job);

/* The record beside a whole file, by which it is known again. */
int fl_job_record(const struct fl_world *world, const struct fl_fetch_options *options,
                  const struct fl_fetch_want *want, const char *sha256, uint64_t size,
                  struct fl_err *reterr);
/* True when the file is there, as recorded, for the same request. */
bool fl_job_is_whole(const struct fl_world *world, const struct fl_fetch_options *options,
                     const struct fl_fetch_want *want, uint64_t *ret_size);

#endif
