/* The server: its socket, who may ask, and what every answer carries. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/http/private.h"

#include "engine/base/banned.h"

#define IDLE_SECONDS 60u
#define MEMORY_BYTES ((size_t)32 * 1024)

static const struct {
    const char *name;
    const char *value;
} headers[] = {
    {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "
                                "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
                                "form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};

enum MHD_Result fl_http_queue(struct MHD_Connection *connection, unsigned status,
                              const char *content_type, struct MHD_Response *response)
{
    enum MHD_Result result = MHD_NO;

    if (!response)
        return MHD_NO;
    for (size_t i = 0; i < FL_COUNT(headers); i++)
        (void)MHD_add_response_header(response, headers[i].name, headers[i].value);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static unsigned error_status(int rc)
{
    switch (rc) {
    case FL_E_NOENT:
        return MHD_HTTP_NOT_FOUND;
    case FL_E_USAGE:
    case FL_E_PARSE:
    case FL_E_CONFIG:
        return MHD_HTTP_BAD_REQUEST;
    case FL_E_PERM:
    case FL_E_REFUSED:
        return MHD_HTTP_FORBIDDEN;
    case FL_E_UNSUPPORTED:
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    case FL_E_FULL:
    case FL_E_AGAIN:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    default:
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
}

enum MHD_Result fl_http_error(struct MHD_Connection *connection, int rc, const struct fl_err *err)
{
    fl_json_auto json_t *json =
        json_pack("{s:{s:s, s:s}}", "error", "code", fl_err_name(rc), "text", err->text);
    char *text = json ? fl_json_text(json) : NULL;

    if (!text)
        return MHD_NO;
    return fl_http_queue(
        connection, error_status(rc), "application/json",
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
}

/* True when the Host header names this machine itself (with any port). */
static bool host_is_loopback(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

    for (size_t i = 0; host && i < FL_COUNT(names); i++) {
        size_t size = strlen(names[i]);

        if (strncmp(host, names[i], size) == 0 && (host[size] == '\0' || host[size] == ':'))
            return true;
    }
    return false;
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request)
{
    struct fl_http *http = arg;
    struct fl_err err = {0};
    const char *host;

    (void)version;
    (void)upload;
    if (!*request) {
        *request = http; /* the first call has the headers alone: answer at the second */
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0; /* a body has no meaning here: dropped */
        return MHD_YES;
    }
    host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    if (http->loopback && !host_is_loopback(host))
        return fl_http_error(connection,
                             fl_err_set(&err, FL_E_REFUSED, 0,
                                        "host '%.80s' is not this machine; ask for localhost",
                                        host ? host : ""),
                             &err);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return fl_http_error(
            connection,
            fl_err_set(&err, FL_E_UNSUPPORTED, 0, "method '%.20s'; accepted: GET, HEAD", method),
            &err);
    if (strncmp(url, "/api/", 5) == 0)
        return fl_http_api(http, connection, url + 5);
    return fl_http_page(http, connection, url);
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

/* "127.0.0.1:8090" or "[::1]:8090". */
static int address_parse(const char *text, union address *address, bool *ret_loopback,
                         struct fl_err *reterr)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;
    char *end = NULL;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    bool bracketed = size > 2 && text[0] == '[' && text[size - 1] == ']';

    memset(address, 0, sizeof(*address));
    if (!colon || colon[1] < '0' || colon[1] > '9' || *end != '\0' || port > 65535 || size == 0 ||
        size >= sizeof(host))
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "'%.80s' is no address; accepted: 127.0.0.1:8090, [::1]:8090", text);
    memcpy(host, text + (bracketed ? 1 : 0), size - (bracketed ? 2 : 0));
    host[size - (bracketed ? 2 : 0)] = '\0';
    if (!bracketed && inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons((uint16_t)port);
        *ret_loopback = (ntohl(address->v4.sin_addr.s_addr) >> 24) == 127;
        return 0;
    }
    if (bracketed && inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons((uint16_t)port);
        *ret_loopback = IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
        return 0;
    }
    return fl_err_set(reterr, FL_E_CONFIG, 0,
                      "'%.80s' is no numeric address; accepted: 127.0.0.1:8090, [::1]:8090", text);
}

static int server_start(struct fl_http *http, const char *listen, struct fl_err *reterr)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    union address address;
    const union MHD_DaemonInfo *info;
    int rc = address_parse(listen, &address, &http->loopback, reterr);

    if (rc < 0)
        return rc;
    if (address.any.sa_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    errno = 0;
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, answer, http, MHD_OPTION_SOCK_ADDR, &address.any,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)FL_HTTP_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        MEMORY_BYTES, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
    if (!http->daemon)
        return fl_err_errno(reterr, errno ? errno : EADDRINUSE, "serve HTTP at '%s'", listen);
    info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
    (void)snprintf(http->address, sizeof(http->address), "%.*s:%u",
                   (int)(strrchr(listen, ':') - listen), listen, info ? info->port : 0u);
    return 0;
}

int fl_http_create(const struct fl_http_config *config, struct fl_http **ret_http,
                   struct fl_err *reterr)
{
    fl_auto(fl_http_destroy) struct fl_http *http = calloc(1, sizeof(*http));
    int rc;

    fl_assert(config && config->world && config->listen && config->model);
    if (!http)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    http->world = config->world;
    http->model = config->model;
    (void)pthread_mutex_init(&http->lock, NULL); /* cannot fail with default attributes */
    if (config->web && strlen(config->web) < sizeof(http->web))
        (void)snprintf(http->web, sizeof(http->web), "%s", config->web);
    rc = server_start(http, config->listen, reterr);
    if (rc < 0)
        return rc;
    *ret_http = FL_STEAL(http);
    return 0;
}

void fl_http_destroy(struct fl_http *http)
{
    if (!http)
        return;
    if (http->daemon) {
        fl_http_streams_wake(http, true); /* none may sleep while the server stops */
        MHD_stop_daemon(http->daemon);
    }
    (void)pthread_mutex_destroy(&http->lock);
    free(http);
}

const char *fl_http_address(const struct fl_http *http)
{
    return http->address;
}

void fl_http_notify(struct fl_http *http)
{
    fl_http_streams_wake(http, false);
}
