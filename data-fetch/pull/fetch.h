#ifndef FL_FETCH_FETCH_H
#define FL_FETCH_FETCH_H

/* Pulling the leads of a source: by inventories (index, selection, ranges), or whole files where
 * there are none; checks; publishing. A lead may come from several files (members, variables),
 * which are joined in one.
 * The ranges of all leads are in flight together, those of early leads first, as many as each
 * mirror takes. Each message is verified as it comes and goes to its place in a hidden file; a
 * fetch that was killed goes on with what is missing. A file that is not there yet is looked for
 * again until the give-up time; a bad one sends the lead to the next mirror, and when none is left
 * back to waiting. Nothing is published unless every message in it has been checked. The same bytes
 * wanted twice at a site are fetched once (by the book).
 * Owns: jobs while fl_fetch_run runs. Threads: one at a time. Limits: FL_FETCH_TRIES_MAX tries of
 * one request without a new message, FL_FETCH_INFLIGHT_MAX requests at a time, FL_LEADS_MAX
 * jobs. */

#include "data-fetch/source/catalogue.h"
#include "data-fetch/book/book.h"
#include "data-fetch/http/http.h"
#include "data-fetch/source/ask.h"
#include "engine/base/path.h"

#define FL_FETCH_TRIES_MAX 4
#define FL_FETCH_INFLIGHT_MAX 64
#define FL_FETCH_KNOWN_MIN 3 /* cycles that make an experience */
#define FL_FETCH_NAME_MAX 256

struct fl_world;

/* One lead to get. */
struct fl_fetch_want {
    struct fl_lead lead;   /* of the run: names the file */
    struct fl_cycle valid; /* what the file must be valid at */
    struct fl_cycle cycle; /* of the source */
    struct fl_lead source_lead;
    int64_t wait_ns;              /* from the start to the first look */
    int64_t give_up_ns;           /* from the start to the last; at least one round is made */
    char name[FL_FETCH_NAME_MAX]; /* file name below the folder */
};

/* How a lead ended. */
struct fl_fetch_end {
    const struct fl_fetch_want *want;
    int rc;           /* 0: path is whole; else why it was given up */
    const char *why;  /* one line, when rc < 0 */
    const char *path; /* when rc == 0 */
    uint64_t size;    /* [bytes] of the file */
    bool reused;      /* it was whole already */
    int64_t wait_ns;  /* from the start to the end */
};
/* A negative return ends the run with that error. */
typedef int (*fl_fetch_end_fn)(const struct fl_fetch_end *end, struct fl_err *reterr, void *arg);
/* For the log: what was refused or put off, and why. */
typedef void (*fl_fetch_note_fn)(const struct fl_fetch_want *want, const char *event,
                                 const char *text, void *arg);

struct fl_fetch_options {
    const struct fl_source *source; /* its mirrors are used in order */
    const struct fl_ask *ask;       /* of that source */
    const char *folder;
    int64_t poll_ns;
    size_t inflight;      /* requests at a time; 0: FL_FETCH_INFLIGHT_MAX */
    struct fl_book *book; /* NULL: none */
    const char *ca;       /* PEM file of the authorities to believe; NULL: the system's */
    struct fl_http_limits limits;
    fl_fetch_end_fn end;
    fl_fetch_note_fn note;
    void *arg;
};

/* Ends when each lead has ended (given up ones included, which is no error of the run). The errors
 * of end, of the disk (FL_E_NOSPACE, FL_E_IO, ...), FL_E_CONFIG, FL_E_NOMEM. */
int fl_fetch_run(const struct fl_world *world, const struct fl_fetch_options *options,
                 const struct fl_fetch_want *wants, size_t count, struct fl_err *reterr);

#endif
