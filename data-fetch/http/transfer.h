#ifndef FL_FETCH_HTTP_TRANSFER_H
#define FL_FETCH_HTTP_TRANSFER_H

/* One request in flight, private to the folder: what it holds, how libcurl is told of it
 * (request.c), what the server says to it (answer.c).
 * Owns: the easy handle and everything given to it. Threads: one at a time. Limits: http.h. */

#include <curl/curl.h>

#include "data-fetch/http/http.h"

#define FL_HTTP_URL_MAX 4096

struct fl_http_transfer {
    struct fl_http *http;
    struct fl_http_request request; /* url, route and so on are not read after the start */
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    struct curl_slist *before;
    struct curl_slist *after;
    char *content;      /* our body, when it was given whole */
    int64_t given;      /* [bytes] of our body that libcurl has taken */
    struct fl_buf body; /* of the answer, without a sink; or an error page */
    struct fl_buf head; /* header lines of the answer, each ended by '\n' */
    char etag[FL_HTTP_ETAG_MAX];
    char why[CURL_ERROR_SIZE];
    int64_t range_first;
    int64_t range_last;
    int64_t range_total;
    int64_t retry_after_s;
    uint64_t let_through;
    int rc;         /* of a callback, or FL_E_TOO_BIG */
    bool begun;     /* head was called */
    int fd;         /* its socket; -1 not known, or gone */
    bool cancelled; /* taken out once libcurl is not running */
    struct fl_http_transfer *next;
    struct fl_http_transfer *previous;
};

struct fl_http {
    CURLM *multi;
    CURLSH *share; /* TLS sessions */
    struct fl_http_limits limits;
    struct fl_http_transfer *transfers;
    size_t active;
    int sockets[2 * FL_HTTP_ACTIVE_MAX]; /* open ones; -1: free */
    bool turning;                        /* libcurl is running: handles stay where they are */
    bool any_cancelled;
};

/* request.c: tells libcurl everything. FL_E_CONFIG, FL_E_TOO_BIG, FL_E_NOMEM. */
int fl_http_prepare(struct fl_http_transfer *transfer, struct fl_err *reterr);

/* socket.c: lets a transfer know its socket. */
CURLcode fl_http_watch_socket(struct fl_http_transfer *transfer);

/* answer.c: libcurl's callbacks; the reply as it stands now. */
size_t fl_http_take_header(char *line, size_t one, size_t size, void *transfer);
size_t fl_http_take_body(char *data, size_t one, size_t size, void *transfer);
size_t fl_http_give_body(char *data, size_t one, size_t size, void *transfer);
int fl_http_seek_body(void *transfer, curl_off_t offset, int origin);
void fl_http_describe(struct fl_http_transfer *transfer, CURLcode code,
                      struct fl_http_reply *ret_reply);

#endif
