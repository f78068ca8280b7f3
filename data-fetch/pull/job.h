#ifndef FL_FETCH_JOB_H
#define FL_FETCH_JOB_H

/* One lead on its way, private to the fetch: its state, its plan, the ranges in flight, and the
 * judgement of what the server answers.
 * Owns: plan, ranges, hidden file. Threads: one at a time. Limits: those of fetch.h. */

#include "data-fetch/pull/fetch.h"
#include "data-fetch/pull/manners.h"
#include "data-fetch/pull/partial.h"
#include "engine/base/buf.h"

enum fl_job_state {
    FL_JOB_WAITING, /* for at_ns, then the index */
    FL_JOB_ASKING,  /* for the index */
    FL_JOB_HELD,    /* another process fetches the same: looked at again at at_ns */
    FL_JOB_RANGES,  /* ranges are in flight or may start */
    FL_JOB_ENDED,
};

enum fl_range_state { FL_RANGE_WAITING, FL_RANGE_ASKING, FL_RANGE_DONE };

/* What an answer means. */
enum fl_verdict {
    FL_VERDICT_GOOD,    /* taken; go on */
    FL_VERDICT_NOT_YET, /* the source does not have it yet */
    FL_VERDICT_AGAIN,   /* transient: the same request again */
    FL_VERDICT_LEAVE,   /* we are not wanted there: the next mirror, nothing is wrong with the bytes
                         */
    FL_VERDICT_RESTART, /* the file was replaced: from the index again */
    FL_VERDICT_SAME,    /* what lies here already is what the source has */
    FL_VERDICT_BAD,     /* refused: next mirror */
    FL_VERDICT_BROKEN,  /* our own disk or memory: the run ends */
};

struct fl_fetch;
struct fl_job;

/* A run of messages asked for by one request. */
struct fl_range {
    struct fl_job *job;
    enum fl_range_state state;
    size_t message;                    /* the first that is not here yet */
    size_t stop;                       /* behind the last */
    int64_t at_ns;                     /* may start then */
    int tries;                         /* without a new message */
    struct fl_http_transfer *transfer; /* in flight */
    uint64_t at;                       /* [bytes] in the source's file: the next byte that comes */
    uint64_t end;                      /* of the answer, exclusive */
    struct fl_buf bytes;               /* of the message on its way; or of a page instead of data */
    bool page;
    bool progress;           /* a message came by this request */
    struct fl_whole *whole;  /* a file without an index, on its way */
    uint64_t emitted;        /* [bytes] of the present message that were taken */
    enum fl_verdict verdict; /* of head or sink, when they ended it */
    struct fl_err why;
    uint64_t seen_bytes; /* for finding stalls */
    int64_t seen_ns;
    int64_t start_ns;
};

struct fl_job {
    struct fl_fetch *fetch;
    const struct fl_fetch_want *want;
    enum fl_job_state state;
    int64_t at_ns;
    size_t mirror; /* index into the source's mirrors */
    int restarts;  /* at the present mirror, because the file was replaced meanwhile */
    int tries;     /* of the index at the present mirror */
    struct fl_http_transfer *transfer; /* of the index */
    size_t part;                       /* which of the files that the lead comes from */
    struct fl_ask_tally tally;         /* of all of them */
    struct fl_plan *plan;              /* NULL without an index */
    uint64_t last_offset; /* of the index, wanted or not: the file must reach beyond it */
    size_t index_lines;
    struct fl_range *ranges;
    size_t range_count;
    size_t ranges_done;
    size_t ranges_begun;         /* all before are done or in flight: where the next look begins */
    struct fl_partial partial;   /* fd -1: not open */
    char etag[FL_HTTP_ETAG_MAX]; /* of the data file at this mirror; "" not known or none */
    bool etag_strong;
    int64_t total;              /* [bytes] of the data file; -1 not known */
    char key[FL_DIGEST_HEX];    /* what the site knows these bytes by */
    struct fl_book_file *known; /* a file that may be the same, to be confirmed */
    bool leased;
    bool was_absent;    /* it was seen not to be there: its arrival is an observation */
    char told[160];     /* what the log was last told about waiting */
    struct fl_err last; /* why the present round has not succeeded; code 0: nothing yet */
};

struct fl_fetch {
    const struct fl_world *world;
    const struct fl_fetch_options *options;
    struct fl_http *http;
    struct fl_book *book;
    struct fl_manners manners;
    struct fl_job *jobs;
    size_t count;
    size_t ended;
    int64_t start_ns;
    int64_t stall_ns; /* when stalls are looked for next */
    int rc;           /* of the run */
    struct fl_err err;
};

/* ---- judge.c ---- */

/* What every answer shares. GOOD: status 200 or 206 (304, 412) to look at further. */
enum fl_verdict fl_judge_status(const struct fl_fetch_options *options,
                                const struct fl_http_reply *reply, const char *what,
                                struct fl_err *why);
bool fl_judge_is_html(const char *body, size_t size);
/* The answer to the index request; GOOD: the plan is set. */
enum fl_verdict fl_judge_index(struct fl_job *job, const struct fl_http_reply *reply,
                               struct fl_err *why);
/* The same for a part without an index: there is nothing to read. */
int fl_judge_whole(struct fl_job *job, struct fl_err *reterr);
/* The length of the present part's file against its past. GOOD, or NOT_YET. */
enum fl_verdict fl_judge_length(struct fl_job *job, int64_t bytes, struct fl_err *why);
/* By what the book knows the sizes of the present part's file. */
const char *fl_judge_product(const struct fl_job *job);

/* ---- range.c ---- */

/* Ranges of what is missing of the plan. Opens the hidden file. FL_E_LOCKED, FL_E_NOMEM, disk. */
int fl_ranges_make(struct fl_job *job, struct fl_err *reterr);
int fl_range_start(struct fl_range *range, struct fl_err *reterr);
/* Ends all that is in flight of a job, unheard. */
void fl_ranges_cancel(struct fl_job *job);
void fl_ranges_free(struct fl_job *job);
/* A transfer that has fallen far below its own rate: cancelled, to be asked for again. */
void fl_ranges_look_for_stalls(struct fl_fetch *fetch);

/* ---- act.c: what becomes of a job ---- */

void fl_job_note(const struct fl_job *job, const char *event, const char *text);
void fl_job_act_index(struct fl_job *job, enum fl_verdict verdict,
                      const struct fl_http_reply *reply, const struct fl_err *why);
/* body, size: what was refused, to keep aside. */
void fl_job_act_range(struct fl_range *range, enum fl_verdict verdict,
                      const struct fl_http_reply *reply, const struct fl_err *why);
void fl_job_ended(struct fl_job *job, int rc, const char *path, uint64_t size, bool reused);
/* Forgets what was planned; what has come stays in its hidden file. */
void fl_job_reset(struct fl_job *job);
/* Held or planned: goes on with the ranges, or waits for who has them. */
void fl_job_go_on(struct fl_job *job);
void fl_run_failed(struct fl_fetch *fetch, int rc, const struct fl_err *err);

/* ---- fetch.c ---- */

/* URL of the present part of the lead at its mirror, or of its index. */
int fl_job_url(const struct fl_job *job, bool index, struct fl_buf *url, struct fl_err *reterr);
/* What is asked for, in the source's time. */
struct fl_ask_time fl_job_time(const struct fl_job *job);

/* ---- record.c: the record beside a whole file, by which it is known again ---- */

int fl_job_record(const struct fl_world *world, const struct fl_fetch_options *options,
                  const struct fl_fetch_want *want, const char *sha256, uint64_t size,
                  struct fl_err *reterr);
/* True when the file is there, as recorded, for the same request. */
bool fl_job_is_whole(const struct fl_world *world, const struct fl_fetch_options *options,
                     const struct fl_fetch_want *want, uint64_t *ret_size);

#endif
