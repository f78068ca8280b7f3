#ifndef FL_FETCH_HTTP_H
#define FL_FETCH_HTTP_H

/* Requests to servers, many at a time, on libcurl's multi interface: the only user of libcurl.
 * The caller starts requests and takes turns; a turn waits for the network (and for descriptors of
 * the caller's) or a time limit, and calls back for each request that has ended. Nothing the server
 * says about names or lengths is trusted: bodies have a limit, answers other than 2xx keep
 * FL_HTTP_PAGE_MAX bytes.
 * Schemes: http, https, sftp, ftp. Redirects are followed for GET and HEAD alone, to http and https
 * (from https to https alone). TLS 1.2 at least. A '#' in a URL is sent as %23 (a transfer has no
 * use for a fragment, and run names may hold one). Loopback addresses and requests with a route
 * never go through a proxy.
 * Owns: the connections, the requests in flight. Threads: one at a time.
 * Limits: FL_HTTP_ACTIVE_MAX requests in flight, FL_HTTP_REDIRECTS_MAX redirects,
 * FL_HTTP_HEAD_MAX bytes of header lines. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/base/buf.h"

#define FL_HTTP_ACTIVE_MAX 256
#define FL_HTTP_REDIRECTS_MAX 5
#define FL_HTTP_PAGE_MAX ((size_t)64 * 1024)
#define FL_HTTP_HEAD_MAX ((size_t)64 * 1024)
#define FL_HTTP_ETAG_MAX 200
#define FL_HTTP_ADDRESS_MAX 64

struct fl_http;
struct fl_http_transfer; /* one request in flight */
struct fl_wait_item;

/* Waiting bounds of one transfer. */
struct fl_http_limits {
    int64_t connect_s; /* to get a connection, handshakes included */
    int64_t stall_s;   /* with fewer than stall_bytes a second */
    int64_t stall_bytes;
    int64_t total_s; /* from start to end; 0: none */
};
#define FL_HTTP_LIMITS_DEFAULT \
    ((struct fl_http_limits){.connect_s = 10, .stall_s = 30, .stall_bytes = 1024})

/* Over which way. All may be left out. */
struct fl_http_route {
    const char *local;      /* address or interface to send from; NULL or "": any */
    const char *connect_to; /* "host:port" or "[v6]:port" dialled in place of the URL's */
    int64_t cap_bytes_s;    /* most bytes a second, either way; 0: none */
};

/* Who we are and whom we expect. Paths of PEM files; NULL: the system's authorities, no certificate
 * of our own. */
struct fl_http_tls {
    const char *ca;
    const char *cert;
    const char *key;
    const char *name; /* the name its certificate must show: the URL's host is replaced by it, the
                         address dialled stays the URL's (or the route's); NULL: the URL's host */
    bool only_1_3;    /* nothing below TLS 1.3 */
};

/* What we prove ourselves with. */
struct fl_http_auth {
    const char *user;        /* access key id for AWS */
    const char *password;    /* secret access key for AWS; pass phrase of the key file for SFTP */
    const char *token;       /* session token for AWS; NULL */
    const char *region;      /* set: AWS signature version 4 */
    const char *service;     /* of that; NULL: "s3" */
    const char *body_sha256; /* of the body, as 64 hex digits, for AWS; NULL: UNSIGNED-PAYLOAD
                                (bodies given as `content` are hashed here) */
    const char *key_file;    /* SFTP: private key */
    const char *known_hosts; /* SFTP: the server's key must be in it */
    const char *host_key;    /* SFTP: or be this one, the Base64 after "SHA256:" */
};

/* What an error over SFTP comes from, where the code alone does not tell. */
enum fl_http_cause {
    FL_HTTP_CAUSE_OTHER,
    FL_HTTP_CAUSE_COMMAND, /* one of `before` or `after` was refused; `why` has the server's word */
    FL_HTTP_CAUSE_LONGER,  /* what is there is longer than our body */
    FL_HTTP_CAUSE_WRITE,   /* the server failed to take our body, and does not say why */
};

/* How a request ended, or (for head) how its answer begins. Borrowed until the callback returns. */
struct fl_http_reply {
    int rc;      /* 0: an answer came whole; FL_E_NET, FL_E_TIMEOUT, FL_E_TOO_BIG, FL_E_PERM (a
                    certificate, key or host key was refused), the error of head, sink or source */
    long status; /* 200, 206, 404, ...; 0 when none came; SFTP: 0 */
    const char *body;
    size_t size;
    uint64_t bytes;       /* of the body so far, sink or not */
    uint64_t sent_bytes;  /* of our body */
    int64_t length;       /* Content-Length of the answer; -1 not told */
    const char *etag;     /* "" when none */
    const char *if_range; /* an ETag fit for If-Range, "" when none or weak */
    int64_t range_first;  /* Content-Range; -1 when none */
    int64_t range_last;
    int64_t range_total;   /* -1 when "*" or none */
    int64_t modified_s;    /* Last-Modified, seconds since 1970; -1 when none */
    int64_t retry_after_s; /* from now (a date is counted from the local clock); -1 when none */
    const char *why;       /* one line for a person when rc < 0 */
    enum fl_http_cause cause;
    const char *url; /* where it came from, after redirects */
    long redirects;
    const char *address; /* of the server, "" when none */
    uint16_t local_port; /* tells the connection: equal ports, one connection */
    bool fresh;          /* a connection was made for it */
    bool http2;
    int64_t connect_ns;    /* from the start; 0 on a connection that was there */
    int64_t first_byte_ns; /* from the start to the answer's first byte */
    int64_t total_ns;
    const struct fl_http_transfer *transfer;
};

/* The answer's final status and header lines are here, the first byte of its body is not. Negative:
 * the transfer ends with it. Not called for an answer without a body. May be left out. */
typedef int (*fl_http_head_fn)(const struct fl_http_reply *reply, void *arg);
/* Takes the next piece of a 2xx body. A negative FL_E_* ends the transfer. */
typedef int (*fl_http_sink_fn)(const void *data, size_t size, void *arg);
/* Fills at most room bytes of our body from byte offset on; how many, or a negative FL_E_*. Called
 * with an earlier offset when the body has to be sent again. */
typedef ssize_t (*fl_http_source_fn)(void *data, size_t room, int64_t offset, void *arg);
/* May start and cancel requests. */
typedef void (*fl_http_done_fn)(const struct fl_http_reply *reply, void *arg);

struct fl_http_request {
    const char *url;
    const char *method;         /* NULL: GET, or PUT with a body; HEAD, PUT, POST, DELETE, ... */
    const char *const *headers; /* "Name: value", NULL at the end; NULL: none */
    const char *range;          /* "a-b", "a-" or NULL */
    const char *if_range;       /* ETag or NULL */
    /* our body: content, or source */
    const void *content; /* copied */
    size_t content_size;
    fl_http_source_fn source;
    int64_t source_size; /* [bytes] */
    /* SFTP: offset at which our body goes on in the file that is there; -1: at its end, which the
     * source is told by its first offset (one past source_size ends the transfer) */
    int64_t resume_from;
    bool make_folders; /* SFTP: those that are missing above the file */
    /* SFTP commands as of curl's QUOTE ("rename /a /b"), before and after; NULL at the end */
    const char *const *before;
    const char *const *after;
    /* the answer's */
    size_t body_max;      /* [bytes] of the body kept in memory (without a sink), or let through */
    fl_http_head_fn head; /* or NULL */
    fl_http_sink_fn sink; /* NULL: the body is collected in the reply */
    fl_http_done_fn done;
    void *arg; /* of head, sink, source and done */
    /* NULL: none, none, none, those of fl_http_create. Read while fl_http_start runs only. */
    const struct fl_http_route *route;
    const struct fl_http_tls *tls;
    const struct fl_http_auth *auth;
    const struct fl_http_limits *limits;
    bool http2;          /* share one connection by HTTP/2 where the server has it */
    bool keep_redirects; /* a redirect is an answer like others */
};

/* FL_E_NOMEM. Free with fl_http_destroy (which drops what is in flight, unanswered). */
int fl_http_create(const struct fl_http_limits *limits, struct fl_http **ret_http,
                   struct fl_err *reterr);
void fl_http_destroy(struct fl_http *http);
FL_DEFINE_AUTO(struct fl_http *, fl_http_destroy)

/* *ret_transfer (may be NULL) is good until done is called or the transfer is cancelled.
 * FL_E_FULL, FL_E_NOMEM, FL_E_CONFIG for a URL that is none. */
int fl_http_start(struct fl_http *http, const struct fl_http_request *request,
                  struct fl_http_transfer **ret_transfer, struct fl_err *reterr);
/* Ends it at once; done is not called, neither is anything else. From any callback too. */
void fl_http_cancel(struct fl_http_transfer *transfer);
/* A new cap from now on, in bytes a second; 0: none. */
void fl_http_cap(struct fl_http_transfer *transfer, int64_t cap_bytes_s);

size_t fl_http_active(const struct fl_http *http);
/* Waits at most timeout_ns (< 0: for ever) for something to happen and calls back. FL_E_NET. */
int fl_http_turn(struct fl_http *http, int64_t timeout_ns, struct fl_err *reterr);
/* The same, and for the descriptors of items (no ZeroMQ sockets), at most FL_HTTP_ITEMS_MAX, whose
 * `ready` is set. */
#define FL_HTTP_ITEMS_MAX 16
int fl_http_turn_with(struct fl_http *http, struct fl_wait_item *items, size_t count,
                      int64_t timeout_ns, struct fl_err *reterr);

/* What the kernel and libcurl know of a transfer now; also within callbacks. */
struct fl_http_stats {
    uint64_t bytes; /* of the answer's body so far */
    uint64_t sent_bytes;
    int64_t rtt_ns;      /* smoothed, TCP_INFO; -1 without a connection */
    int64_t rtt_var_ns;  /* its variation */
    int64_t retransmits; /* segments we sent again on this connection; -1 without one */
    int64_t segments;    /* segments we sent on this connection; -1 without one, or when the kernel
                            does not tell */
};
void fl_http_stats(const struct fl_http_transfer *transfer, struct fl_http_stats *ret_stats);

/* Value of a header line of the answer (the last of that name), without space around it; NULL
 * when there is none. Borrowed like the reply. Any case of name. */
const char *fl_http_header(const struct fl_http_reply *reply, const char *name);

/* A status that may be another one later: 408, 425, 429, 500, 502, 503, 504. */
bool fl_http_status_is_transient(long status);

#endif
