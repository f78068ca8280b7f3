/* The file door on libmicrohttpd. */
#include "config.h"

#include "data-fetch/door/door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/time.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

#define ETAG_MAX 80
#define LISTEN_MAX 80

struct fl_door {
    struct MHD_Daemon *daemon;
    int root_fd;
    uint16_t port;
};

/* "a.b.c.d:port", "[addr6]:port" to an address. */
static int parse_listen(const char *listen, struct sockaddr_storage *ret_address,
                        struct fl_err *reterr)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;
    const char *colon = strrchr(listen, ':');
    char host[LISTEN_MAX];
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;
    size_t length = colon ? (size_t)(colon - listen) : 0;
    bool loopback;

    if (!colon || end == colon + 1 || *end || port < 0 || port > 65535 || length == 0 ||
        length >= sizeof(host))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "listen address '%s'; accepted: such as 127.0.0.1:0, [::1]:4711", listen);
    memset(ret_address, 0, sizeof(*ret_address));
    if (listen[0] == '[' && listen[length - 1] == ']') {
        (void)snprintf(host, sizeof(host), "%.*s", (int)length - 2, listen + 1);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        loopback =
            inet_pton(AF_INET6, host, &v6->sin6_addr) == 1 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    } else {
        (void)snprintf(host, sizeof(host), "%.*s", (int)length, listen);
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        loopback = inet_pton(AF_INET, host, &v4->sin_addr) == 1 &&
                   (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    }
    if (!loopback)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "the door cannot listen on '%s': it speaks plain HTTP without proof of "
                          "identity, so only on loopback addresses (127.0.0.1, [::1])",
                          listen);
    return 0;
}

static enum MHD_Result answer_status(struct MHD_Connection *connection, unsigned status)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_NO;

    if (response) {
        if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
            (void)MHD_add_response_header(response, "Allow", "GET, HEAD"); /* a courtesy */
        result = MHD_queue_response(connection, status, response);
        MHD_destroy_response(response);
    }
    return result;
}

static void make_etag(const struct stat *info, char etag[static ETAG_MAX])
{
    (void)snprintf(etag, ETAG_MAX, "\"%" PRIx64 "-%" PRIx64 ".%lx-%" PRIx64 "\"",
                   (uint64_t)info->st_ino, (uint64_t)info->st_mtim.tv_sec, info->st_mtim.tv_nsec,
                   (uint64_t)info->st_size);
}

static bool add_headers(struct MHD_Response *response, const struct stat *info, const char *etag,
                        const char *range)
{
    char modified[64];

    return (!range[0] || MHD_add_response_header(response, "Content-Range", range) == MHD_YES) &&
           MHD_add_response_header(response, "ETag", etag) == MHD_YES &&
           MHD_add_response_header(response, "Accept-Ranges", "bytes") == MHD_YES &&
           MHD_add_response_header(response, "Content-Type", "application/octet-stream") ==
               MHD_YES &&
           fl_cycle_strftime((struct fl_cycle){.s = info->st_mtim.tv_sec},
                             "%a, %d %b %Y %H:%M:%S GMT", modified, sizeof(modified), NULL) == 0 &&
           MHD_add_response_header(response, "Last-Modified", modified) == MHD_YES;
}

/* Sends the file, or the part that was asked for. Takes the descriptor. */
static enum MHD_Result answer_file(struct MHD_Connection *connection, int fd,
                                   const struct stat *info)
{
    const char *wanted = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");
    const char *if_range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-Range");
    uint64_t size = (uint64_t)info->st_size;
    uint64_t first = 0;
    uint64_t count = size;
    char etag[ETAG_MAX];
    char range[96] = "";
    struct MHD_Response *response;
    enum fl_door_range kind;
    enum MHD_Result result = MHD_NO;

    make_etag(info, etag);
    if (if_range && strcmp(if_range, etag) != 0)
        wanted = NULL; /* it is another file by now: all of it */
    kind = fl_door_range_parse(wanted, size, &first, &count);
    if (kind == FL_DOOR_NONE) {
        (void)close(fd); /* nothing was read */
        return answer_status(connection, MHD_HTTP_RANGE_NOT_SATISFIABLE);
    }
    if (kind == FL_DOOR_PART)
        (void)snprintf(range, sizeof(range), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
                       first + count - 1, size);
    response = MHD_create_response_from_fd_at_offset64(count, fd, first);
    if (!response) {
        (void)close(fd); /* nothing was read */
        return MHD_NO;
    }
    if (add_headers(response, info, etag, range))
        result = MHD_queue_response(
            connection, kind == FL_DOOR_PART ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, response);
    MHD_destroy_response(response); /* closes the descriptor when sent */
    return result;
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    const struct fl_door *door = arg;
    struct stat info;
    int fd;

    static const char seen;

    (void)version;
    (void)upload;
    if (!*state) { /* the head alone has come; answered now, the connection could not be used again
                    */
        *state = (void *)(uintptr_t)&seen;
        return MHD_YES;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return *upload_size ? MHD_NO /* a body that nobody asked for */
                            : answer_status(connection, MHD_HTTP_METHOD_NOT_ALLOWED);
    if (url[0] != '/')
        return answer_status(connection, MHD_HTTP_NOT_FOUND);
    fd = fl_door_open_file(door->root_fd, url + 1, NULL);
    if (fd < 0)
        return answer_status(connection,
                             fd == FL_E_NOENT ? MHD_HTTP_NOT_FOUND : MHD_HTTP_SERVICE_UNAVAILABLE);
    if (fstat(fd, &info) != 0) {
        (void)close(fd); /* nothing was read */
        return answer_status(connection, MHD_HTTP_SERVICE_UNAVAILABLE);
    }
    return answer_file(connection, fd, &info);
}

/* The library's log goes nowhere: what a peer does wrong is its own affair. */
static void quiet(void *arg, const char *fmt, va_list args)
{
    (void)arg;
    (void)fmt;
    (void)args;
}

static int start(struct fl_door *door, const struct sockaddr_storage *address, const char *listen,
                 struct fl_err *reterr)
{
    unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ERROR_LOG;
    const union MHD_DaemonInfo *info;

    if (address->ss_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    errno = 0;
    door->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, answer, door, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
        MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)address, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)FL_DOOR_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)FL_DOOR_IDLE_S,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_END);
    if (!door->daemon)
        return errno == EADDRINUSE
                   ? fl_err_set(reterr, FL_E_LOCKED, errno, "'%s' is taken by another process",
                                listen)
                   : fl_err_set(reterr, FL_E_NET, errno, "cannot listen on '%s': %s", listen,
                                errno ? strerror(errno) : "refused by the HTTP library");
    info = MHD_get_daemon_info(door->daemon, MHD_DAEMON_INFO_BIND_PORT);
    if (!info)
        return fl_err_set(reterr, FL_E_BUG, 0, "the HTTP library does not know its port");
    door->port = info->port;
    return 0;
}

int fl_door_open(const char *root, const char *listen, struct fl_door **ret_door,
                 struct fl_err *reterr)
{
    const struct fl_world *world = fl_world_real();
    fl_auto(fl_door_close) struct fl_door *door = NULL;
    struct sockaddr_storage address;
    int rc = parse_listen(listen, &address, reterr);

    fl_assert(ret_door);
    if (rc < 0)
        return rc;
    door = calloc(1, sizeof(*door));
    if (!door)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    door->root_fd = world->ops->open(root, O_PATH | O_DIRECTORY, 0, world->arg);
    if (door->root_fd < 0) {
        rc = fl_err_errno(reterr, -door->root_fd, "root folder '%s'", root);
        door->root_fd = -1;
        return rc;
    }
    rc = start(door, &address, listen, reterr);
    if (rc < 0)
        return rc;
    *ret_door = FL_STEAL(door);
    return 0;
}

void fl_door_close(struct fl_door *door)
{
    if (!door)
        return;
    if (door->daemon)
        MHD_stop_daemon(door->daemon);
    if (door->root_fd >= 0)
        (void)close(door->root_fd); /* only looked through */
    free(door);
}

uint16_t fl_door_port(const struct fl_door *door)
{
    return door->port;
}
