#ifndef FL_HTTP_HTTP_H
#define FL_HTTP_HTTP_H

/* The API, the event stream and the pages, read-only (GET and HEAD), answered from the read model.
 *   GET /api/runs            the runs, newest first
 *   GET /api/runs/RUN        one run with its stages (RUN percent-encoded or as it is)
 *   GET /api/why?run=RUN&stage=STAGE
 *   GET /api/workers
 *   GET /api/events?from=N&limit=M
 *   GET /api/events/stream   server-sent events; ?from=N, or goes on after Last-Event-ID
 *   GET /…                   a file of the web folder
 * An error is {"error":{"code","text"}} with a fitting status. On a loopback address only requests
 * that name a loopback host are answered, so that no page of elsewhere can read through a name that
 * points here.
 * Owns: its socket, its thread and the streams. Threads: any for fl_http_notify; create and destroy
 * by one. Limits: FL_HTTP_CONNECTIONS_MAX connections, FL_HTTP_STREAMS_MAX streams. */

#include <stddef.h>

#include "engine/store/model.h"
#include "engine/world/world.h"

#define FL_HTTP_CONNECTIONS_MAX 256
#define FL_HTTP_STREAMS_MAX 64
#define FL_HTTP_FILE_MAX ((size_t)4 * 1024 * 1024)

struct fl_http;

struct fl_http_config {
    const struct fl_world *world;
    const char *listen; /* "127.0.0.1:8090", "[::1]:0": numeric; port 0 picks one */
    const char *web;    /* folder of the static files; NULL: none */
    struct fl_model *model;
};

/* FL_E_CONFIG: not an address; FL_E_EXISTS: the port is taken; FL_E_PERM. */
int fl_http_create(const struct fl_http_config *config, struct fl_http **ret_http,
                   struct fl_err *reterr);
void fl_http_destroy(struct fl_http *http);
FL_DEFINE_AUTO(struct fl_http *, fl_http_destroy)

/* "127.0.0.1:8090". Borrowed. */
const char *fl_http_address(const struct fl_http *http);

/* The model has new events (or some time has passed): streams go on. */
void fl_http_notify(struct fl_http *http);

/* The folder of the pages: of the source tree when this program stands in its build tree, else
 * where they are installed. FL_E_NOENT. */
int fl_http_find_web(char *path, size_t size, struct fl_err *reterr);

#endif
