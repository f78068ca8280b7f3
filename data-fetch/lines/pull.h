#ifndef FL_LINES_PULL_H
#define FL_LINES_PULL_H

/* Whole files from URLs or local paths, in pieces over all lines there are, many at a time,
 * verified and synced while they come.
 * A file's pieces land in a hidden temporary (landing.h); what an earlier process left there is
 * taken up. The files of one server, or of one site, share its lines (bond.h). A file has its name
 * only when all its bytes are there, hashed, compared and synced.
 * Owns: the items' temporaries while it runs. Threads: one at a time; finisher.h's beside it.
 * Limits: FL_PULL_ACTIVE_MAX files at a time, FL_PULL_GROUPS_MAX servers at a time,
 * FL_PULL_TRIES_MAX tries each, FL_PULL_SIZE_MAX bytes a file whose size is not told. Memory does
 * not grow with the count or the size of files. */

#include <stdbool.h>

#include "data-fetch/http/http.h"
#include "data-fetch/pull/incoming.h"

#define FL_PULL_ACTIVE_MAX 64
#define FL_PULL_GROUPS_MAX 8
#define FL_PULL_CONNECTIONS_MAX 8 /* to a server that is no site */
#define FL_PULL_TRIES_MAX 6
#define FL_PULL_SIZE_MAX (INT64_C(1) << 40)

struct fl_grant;
struct fl_site;

struct fl_pull_item {
    /* asked for */
    const char *url;    /* or NULL: */
    const char *local;  /* a file on this disk */
    const char *site;   /* whose door the url is; NULL: a server of the world */
    const char *path;   /* where it goes */
    const char *sha256; /* NULL: not told */
    int64_t size;       /* -1: not told */
    bool skip;          /* is not wanted after all */
    bool hold;          /* the caller settles or drops incoming itself, after the run */
    void *arg;          /* the caller's */
    /* how it came */
    struct fl_incoming incoming; /* verified, closed, synced; not yet under its name */
    char digest[FL_DIGEST_HEX];
    int64_t modified_s; /* Last-Modified or mtime; -1 */
    int64_t sent_ns;    /* UTC, when it was asked for */
};

/* How a run is meant. Zero is good. */
struct fl_pull_options {
    const struct fl_site *site;    /* this site: its keys, and its peers' lines, the ways to them */
    const struct fl_grant *grants; /* handed in at the doors of their sites before all else */
    size_t grant_count;
    bool operations;     /* the reserve of the lines is for such as this */
    int64_t deadline_s;  /* of the last byte, seconds since 1970; 0: none */
    int64_t patience_ns; /* without a byte by any line; 0: a minute, to a site two */
};

/* Called for each item that has come and has been verified; usually settles item->incoming.
 * A negative return ends the run. */
typedef int (*fl_pull_whole_fn)(struct fl_pull_item *item, struct fl_err *reterr, void *arg);

/* FL_E_MISMATCH when size or digest differ (the text says which) or the file changes all the time,
 * FL_E_NET, FL_E_TIMEOUT and FL_E_NOT_YET after the tries, FL_E_NOENT for a local file, disk
 * errors, errors of fn. What is not whole is left for the next run to take up. */
int fl_pull_run_with(const struct fl_world *world, const struct fl_pull_options *options,
                     struct fl_pull_item *items, size_t count, fl_pull_whole_fn fn, void *arg,
                     struct fl_err *reterr);
/* Without options. */
int fl_pull_run(const struct fl_world *world, struct fl_pull_item *items, size_t count,
                fl_pull_whole_fn fn, void *arg, struct fl_err *reterr);

#endif
