#ifndef FL_FETCH_HTTP_H
#define FL_FETCH_HTTP_H

/* HTTP requests, many at a time, on libcurl's multi interface.
 * The caller starts requests and takes turns; a turn waits for the network or a time limit and
 * calls back for each request that has ended. Nothing the server says about names or lengths is
 * trusted: bodies have a limit, answers other than 200 and 206 keep FL_HTTP_PAGE_MAX bytes.
 * Only http and https, also after a redirect (from https to
 * https alone). A '#' in a URL is sent as %23 (a transfer has no use
 * for a fragment, and run names may hold one). Loopback addresses never go through a proxy.
 * Owns: the connections, the requests in flight. Threads: one at a time.
 * Limits: FL_HTTP_ACTIVE_MAX requests in flight, FL_HTTP_REDIRECTS_MAX redirects. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"

#define FL_HTTP_ACTIVE_MAX 64
#define FL_HTTP_REDIRECTS_MAX 5
#define FL_HTTP_PAGE_MAX ((size_t)64 * 1024)
#define FL_HTTP_ETAG_MAX 200

struct fl_http;

/* Waiting bounds of one transfer. */
struct fl_http_limits {
    int64_t connect_s; /* to get a connection */
    int64_t stall_s;   /* with fewer than stall_bytes a second */
    int64_t stall_bytes;
};
#define FL_HTTP_LIMITS_DEFAULT \
    ((struct fl_http_limits){.connect_s = 10, .stall_s = 30, .stall_bytes = 1024})

/* How a request ended. Borrowed until the callback returns. */
struct fl_http_reply {
    int rc;      /* 0: an answer came whole; FL_E_NET, FL_E_TIMEOUT, FL_E_TOO_BIG, sink's error */
    long status; /* 200, 206, 404, ...; 0 when none came */
    const char *body;
    size_t size;
    const char *etag;     /* "" when none */
    const char *if_range; /* an ETag fit for If-Range, "" when none or weak */
    int64_t range_first;  /* Content-Range; -1 when none */
    int64_t range_last;
    int64_t range_total;   /* -1 when "*" or none */
    int64_t modified_s;    /* Last-Modified, seconds since 1970; -1 when none */
    int64_t retry_after_s; /* -1 when none */
    const char *why;       /* one line for a person when rc < 0 */
};

/* Takes the next piece of a 200 or 206 body. A negative FL_E_* ends the transfer. */
typedef int (*fl_http_sink_fn)(const void *data, size_t size, void *arg);
/* May start new requests. */
typedef void (*fl_http_done_fn)(const struct fl_http_reply *reply, void *arg);

struct fl_http_request {
    const char *url;
    const char *range;    /* "a-b", "a-" or NULL */
    const char *if_range; /* ETag or NULL */
    size_t body_max;      /* [bytes] of the body kept in memory (without a sink), or let through */
    fl_http_sink_fn sink; /* NULL: the body is collected in the reply */
    fl_http_done_fn done;
    void *arg; /* of sink and done */
};

/* FL_E_NOMEM, FL_E_BUG. Free with fl_http_destroy (which drops what is in flight, unanswered). */
int fl_http_create(const struct fl_http_limits *limits, struct fl_http **ret_http,
                   struct fl_err *reterr);
void fl_http_destroy(struct fl_http *http);
FL_DEFINE_AUTO(struct fl_http *, fl_http_destroy)

/* FL_E_FULL, FL_E_NOMEM, FL_E_CONFIG for a URL that is none. */
int fl_http_start(struct fl_http *http, const struct fl_http_request *request,
                  struct fl_err *reterr);
size_t fl_http_active(const struct fl_http *http);
/* Waits at most timeout_ns for something to happen and calls back. FL_E_NET. */
int fl_http_turn(struct fl_http *http, int64_t timeout_ns, struct fl_err *reterr);

/* A status that may be another one later: 408, 425, 429, 500, 502, 503, 504. */
bool fl_http_status_is_transient(long status);

#endif
