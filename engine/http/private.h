#ifndef FL_HTTP_PRIVATE_H
#define FL_HTTP_PRIVATE_H

/* The HTTP server's own structs, shared by its files alone.
 * Owns: see struct fl_http. Threads: the library's and those that notify; one lock.
 * Limits: those of http.h. */

#include <microhttpd.h>
#include <pthread.h>

#include "engine/base/path.h"
#include "engine/http/http.h"

struct stream;

struct fl_http {
    const struct fl_world *world;
    struct fl_model *model;
    struct MHD_Daemon *daemon;
    char web[FL_PATH_MAX]; /* "": none */
    char address[80];
    bool loopback;

    pthread_mutex_t lock; /* guards what follows */
    struct stream *streams;
    size_t stream_count;
    uint64_t news; /* counts the notifications */
    bool closing;
};

/* ------------------------------------------------------------------ http.c */
/* Queues a response with the security headers and drops it. */
enum MHD_Result fl_http_queue(struct MHD_Connection *connection, unsigned status,
                              const char *content_type, struct MHD_Response *response);
/* {"error":{…}} with the status that fits the code. */
enum MHD_Result fl_http_error(struct MHD_Connection *connection, int rc, const struct fl_err *err);

/* ------------------------------------------------------------------ api.c */
/* path: what follows "/api/". */
enum MHD_Result fl_http_api(struct fl_http *http, struct MHD_Connection *connection,
                            const char *path);

/* ------------------------------------------------------------------ stream.c */
enum MHD_Result fl_http_stream(struct fl_http *http, struct MHD_Connection *connection);
/* Lets all streams that sleep go on. */
void fl_http_streams_wake(struct fl_http *http, bool closing);

/* ------------------------------------------------------------------ pages.c */
/* path: begins with a slash. */
enum MHD_Result fl_http_page(struct fl_http *http, struct MHD_Connection *connection,
                             const char *path);

#endif
