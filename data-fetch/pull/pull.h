#ifndef FL_FETCH_PULL_H
#define FL_FETCH_PULL_H

/* Whole files from URLs or local paths, several at a time, verified while they are written.
 * Owns: the items' temporaries while it runs. Threads: one at a time.
 * Limits: FL_PULL_INFLIGHT_MAX at a time, FL_PULL_TRIES_MAX tries each, FL_PULL_SIZE_MAX bytes a
 * file whose size is not told. */

#include <stdbool.h>

#include "data-fetch/http/http.h"
#include "data-fetch/pull/incoming.h"

#define FL_PULL_INFLIGHT_MAX 8
#define FL_PULL_TRIES_MAX 6
#define FL_PULL_SIZE_MAX (INT64_C(1) << 40)

struct fl_pull_item {
    /* asked for */
    const char *url;    /* or NULL: */
    const char *local;  /* a file on this disk */
    const char *path;   /* where it goes */
    int64_t size;       /* -1: not told */
    const char *sha256; /* NULL: not told */
    bool skip;          /* is not wanted after all */
    bool hold;          /* the caller settles or drops incoming itself, after the run */
    void *arg;          /* the caller's */
    /* how it came */
    struct fl_incoming incoming; /* verified, closed, synced; not yet under its name */
    char digest[FL_DIGEST_HEX];
    int64_t modified_s; /* Last-Modified or mtime; -1 */
    int64_t sent_ns;    /* UTC, when it was asked for */
    /* private */
    struct fl_pull *pull;
    int tries;
    int state;
    int64_t at_ns;
    struct fl_err err;
};

/* Called for each item that has come and has been verified; usually settles item->incoming.
 * A negative return ends the run. */
typedef int (*fl_pull_whole_fn)(struct fl_pull_item *item, struct fl_err *reterr, void *arg);

/* FL_E_MISMATCH when size or digest differ (the text says which), FL_E_NET, FL_E_TIMEOUT and
 * FL_E_NOT_YET after the tries, FL_E_NOENT for a local file, disk errors, errors of fn. */
int fl_pull_run(const struct fl_world *world, struct fl_pull_item *items, size_t count,
                fl_pull_whole_fn fn, void *arg, struct fl_err *reterr);

#endif
