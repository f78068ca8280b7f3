/* The HTTP side of the test origin: see origin_http.h. */

#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/path.h"
#include "engine/base/time.h"
#include "engine/world/world.h"
#include "tests/tools/origin_http.h"

#include "engine/base/banned.h"

struct fl_origin {
    const char *root;
    struct fl_rules *rules;
    struct MHD_Daemon *daemon;
    int stop_fd; /* readable when we are stopping */
    unsigned port;
    bool log;
    int64_t start_ns;
};

/* A file on its way out. */
struct body {
    const struct fl_origin *origin;
    struct fl_rule rule;
    int fd;
    int client_fd;
    int64_t offset; /* of the first byte sent, in the file */
};

/* What a request comes to. */
struct answer {
    int status;
    int64_t size;   /* of the file */
    int64_t offset; /* of the part sent */
    int64_t length; /* of the part sent */
    char etag[64];
    char modified[64];
};

/* Waits for timeout_ms (-1: for ever). False when we are stopping or the client has gone. */
static bool await(const struct body *body, int timeout_ms)
{
    struct pollfd items[2] = {{.fd = body->origin->stop_fd, .events = POLLIN},
                              {.fd = body->client_fd, .events = POLLRDHUP}};
    return poll(items, 2, timeout_ms) == 0;
}

static int64_t least_edge(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static ssize_t body_read(void *arg, uint64_t position, char *data, size_t max)
{
    struct body *body = arg;
    const struct fl_rule *rule = &body->rule;
    int64_t done = (int64_t)position;
    int64_t edge = least_edge(least_edge(rule->stall_after_bytes, rule->reset_after_bytes),
                              rule->close_after_bytes);
    ssize_t got;

    if (edge >= 0 && done >= edge) {
        if (edge == rule->stall_after_bytes)
            (void)await(body, -1); /* ends when the client or we give up */
        if (edge == rule->reset_after_bytes) {
            /* Dissolving the association sends a reset at once; a close would say FIN first. */
            struct sockaddr none = {.sa_family = AF_UNSPEC};
            (void)connect(body->client_fd, &none, sizeof(none));
        }
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (edge >= 0 && (int64_t)max > edge - done)
        max = (size_t)(edge - done);
    if (rule->rate_bytes > 0) {
        size_t piece = (size_t)(rule->rate_bytes / 20 + 1); /* 50 ms worth of bytes */
        max = max < piece ? max : piece;
        if (!await(body, 50))
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    got = pread(body->fd, data, max, body->offset + done);
    if (got <= 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    done = rule->corrupt_byte - body->offset - done;
    if (rule->corrupt_byte >= 0 && done >= 0 && done < got)
        data[done] = (char)~data[done];
    return got;
}

static void body_free(void *arg)
{
    struct body *body = arg;
    (void)close(body->fd); /* opened for reading: nothing to lose */
    free(body);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* One plain byte range of `Range`. 1: a part, 0: the whole (none, or several ranges, as object
 * stores answer), -1: outside the file. */
static int parse_range(const char *text, int64_t size, int64_t *ret_first, int64_t *ret_last)
{
    char *end;
    long long first, last;

    if (!text || strncmp(text, "bytes=", 6) != 0 || strchr(text, ','))
        return 0;
    text += 6;
    if (*text == '-') {
        last = strtoll(text + 1, &end, 10);
        if (*end || end == text + 1 || last <= 0)
            return *end || end == text + 1 ? 0 : -1;
        *ret_first = last > size ? 0 : size - last;
        *ret_last = size - 1;
        return size > 0 ? 1 : -1;
    }
    first = strtoll(text, &end, 10);
    if (end == text || *end != '-' || first < 0)
        return 0;
    text = end + 1;
    last = *text ? strtoll(text, &end, 10) : size - 1;
    if (*text && *end)
        return 0;
    if (first >= size)
        return -1;
    if (last < first)
        return 0;
    *ret_first = first;
    *ret_last = last >= size ? size - 1 : last;
    return 1;
}

/* Status and part of the file, by the conditional headers (RFC 9110, section 13) and Range. */
static void decide(struct MHD_Connection *connection, const struct fl_rule *rule,
                   struct answer *answer)
{
    const char *none = header(connection, "If-None-Match");
    const char *match = header(connection, "If-Match");
    const char *since = header(connection, "If-Modified-Since");
    const char *if_range = header(connection, "If-Range");
    int64_t first = 0, last = 0;
    int part;

    answer->status = MHD_HTTP_OK;
    answer->offset = 0;
    answer->length = answer->size;
    if (match && strcmp(match, "*") != 0 && !strstr(match, answer->etag)) {
        answer->status = MHD_HTTP_PRECONDITION_FAILED;
        return;
    }
    if (none ? strcmp(none, "*") == 0 || strstr(none, answer->etag) != NULL
             : since && strcmp(since, answer->modified) == 0) {
        answer->status = MHD_HTTP_NOT_MODIFIED;
        return;
    }
    if (rule->no_ranges)
        return;
    if (if_range && strcmp(if_range, answer->etag) != 0 && strcmp(if_range, answer->modified) != 0)
        return;
    part = parse_range(header(connection, "Range"), answer->size, &first, &last);
    if (part < 0)
        answer->status = MHD_HTTP_RANGE_NOT_SATISFIABLE;
    if (part > 0) {
        answer->status = MHD_HTTP_PARTIAL_CONTENT;
        answer->offset = first;
        answer->length = last - first + 1;
    }
}

static void add_headers(struct MHD_Response *response, const struct fl_rule *rule,
                        const struct answer *answer)
{
    char text[96];
    int64_t first = answer->offset + (rule->wrong_range ? 1 : 0);

    if (!rule->no_ranges)
        MHD_add_response_header(response, "Accept-Ranges", "bytes");
    MHD_add_response_header(response, "ETag", answer->etag);
    MHD_add_response_header(response, "Last-Modified", answer->modified);
    MHD_add_response_header(response, "Content-Type", "application/octet-stream");
    if (answer->status == MHD_HTTP_PARTIAL_CONTENT)
        snprintf(text, sizeof(text), "bytes %lld-%lld/%lld", (long long)first,
                 (long long)(first + answer->length - 1), (long long)answer->size);
    else if (answer->status == MHD_HTTP_RANGE_NOT_SATISFIABLE)
        snprintf(text, sizeof(text), "bytes */%lld", (long long)answer->size);
    else
        return;
    MHD_add_response_header(response, "Content-Range", text);
}

/* A short answer without a file: an error, or the page that a rule names. */
static enum MHD_Result send_page(const struct fl_origin *origin, struct MHD_Connection *connection,
                                 const struct fl_rule *rule, unsigned status)
{
    char text[64], path[FL_PATH_MAX];
    struct MHD_Response *response = NULL;
    enum MHD_Result result;

    if (rule->page && fl_rules_file(origin->rules, rule->page, path, sizeof(path), NULL) == 0) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        if (fd >= 0 && fstat(fd, &st) == 0)
            response = MHD_create_response_from_fd((size_t)st.st_size, fd);
    } else {
        int size = snprintf(text, sizeof(text), "<html><body>%u</body></html>\n", status);
        response = MHD_create_response_from_buffer((size_t)size, text, MHD_RESPMEM_MUST_COPY);
    }
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "text/html");
    if (rule->retry_after_s >= 0) {
        snprintf(text, sizeof(text), "%d", rule->retry_after_s);
        MHD_add_response_header(response, "Retry-After", text);
    }
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_file(const struct fl_origin *origin, struct MHD_Connection *connection,
                                 const struct fl_rule *rule, int fd, const struct answer *answer)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct MHD_Response *response;
    enum MHD_Result result;

    if (answer->status == MHD_HTTP_OK || answer->status == MHD_HTTP_PARTIAL_CONTENT) {
        struct body *body = calloc(1, sizeof(*body));
        if (!body || !info) {
            free(body);
            (void)close(fd);
            return MHD_NO;
        }
        *body = (struct body){.origin = origin,
                              .rule = *rule,
                              .fd = fd,
                              .client_fd = info->connect_fd,
                              .offset = answer->offset};
        response = MHD_create_response_from_callback((uint64_t)answer->length, 65536, body_read,
                                                     body, body_free);
        if (!response)
            body_free(body);
    } else {
        (void)close(fd);
        response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    }
    if (!response)
        return MHD_NO;
    add_headers(response, rule, answer);
    result = MHD_queue_response(connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Opens what the path stands for now. -1: nothing there. */
static int open_file(const struct fl_origin *origin, const char *path, const struct fl_rule *rule,
                     struct answer *answer)
{
    char full[FL_PATH_MAX];
    struct stat st;
    int rc, fd;

    if (rule->replace && rule->seen >= rule->replace_after)
        rc = fl_rules_file(origin->rules, rule->replace, full, sizeof(full), NULL);
    else
        rc = fl_path_join(origin->root, path, full, sizeof(full), NULL);
    if (rc < 0)
        return -1;
    fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return -1;
    }
    answer->size = st.st_size;
    if (rule->truncate_bytes >= 0 && rule->truncate_bytes < answer->size)
        answer->size = rule->truncate_bytes;
    snprintf(answer->etag, sizeof(answer->etag), "\"%llx-%llx%09lx\"",
             (unsigned long long)answer->size, (unsigned long long)st.st_mtim.tv_sec,
             (unsigned long)st.st_mtim.tv_nsec);
    rc = fl_cycle_strftime((struct fl_cycle){st.st_mtim.tv_sec}, "%a, %d %b %Y %H:%M:%S GMT",
                           answer->modified, sizeof(answer->modified), NULL);
    if (rc < 0)
        answer->modified[0] = 0;
    return fd;
}

static void log_line(const struct fl_origin *origin, struct MHD_Connection *connection,
                     const char *method, const char *path, int status, int64_t length)
{
    const char *range = header(connection, "Range");

    if (origin->log)
        fprintf(stderr, "%s '%s' range='%s' status=%d length=%lld\n", method, path,
                range ? range : "", status, (long long)length);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **ret_state)
{
    struct fl_origin *origin = arg;
    const char *path = url + 1;
    struct fl_rule rule = {.retry_after_s = -1,
                           .truncate_bytes = -1,
                           .stall_after_bytes = -1,
                           .reset_after_bytes = -1,
                           .close_after_bytes = -1,
                           .corrupt_byte = -1};
    struct answer answer = {0};
    double age_s = (double)(fl_world_mono_ns(fl_world_real()) - origin->start_ns) / 1e9;
    int status = 0, fd;
    bool absent;

    (void)version;
    (void)upload;
    if (!*ret_state) { /* the first of two calls: headers only, so that a refusal keeps the line */
        *ret_state = origin;
        return MHD_YES;
    }
    *upload_size = 0;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        status = MHD_HTTP_METHOD_NOT_ALLOWED;
    else if (*url != '/' || !fl_path_is_safe(path))
        status = MHD_HTTP_NOT_FOUND;
    else if (fl_rules_pick(origin->rules, path, &rule)) {
        absent = rule.never || age_s < rule.appears_s;
        if (absent)
            status = rule.status ? rule.status : MHD_HTTP_NOT_FOUND;
        else if (rule.appears_s <= 0)
            status = rule.status;
    }
    fd = status ? -1 : open_file(origin, path, &rule, &answer);
    if (fd < 0) {
        status = status ? status : MHD_HTTP_NOT_FOUND;
        log_line(origin, connection, method, path, status, -1);
        return send_page(origin, connection, &rule, (unsigned)status);
    }
    decide(connection, &rule, &answer);
    log_line(origin, connection, method, path, answer.status, answer.length);
    return send_file(origin, connection, &rule, fd, &answer);
}

int fl_origin_start(const char *root, const char *listen, struct fl_rules *rules, bool log,
                    struct fl_origin **ret_origin, struct fl_err *reterr)
{
    fl_auto(fl_origin_stop) struct fl_origin *origin = calloc(1, sizeof(*origin));
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64] = "";
    const char *colon = strrchr(listen, ':');
    char *end = NULL;
    unsigned long port;
    struct stat st;

    if (!origin)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "origin");
    origin->stop_fd = -1;
    if (stat(root, &st) < 0 || !S_ISDIR(st.st_mode))
        return fl_err_set(reterr, FL_E_NOENT, 0, "root '%s' is not a folder", root);
    port = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (!colon || end == colon + 1 || *end || port > 65535 ||
        (size_t)(colon - listen) >= sizeof(host))
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is not ADDRESS:PORT", listen);
    memcpy(host, listen, (size_t)(colon - listen));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || strncmp(host, "127.", 4) != 0)
        return fl_err_set(reterr, FL_E_REFUSED, 0, "'%s' is not a loopback address", host);
    address.sin_port = htons((uint16_t)port);
    origin->root = root;
    origin->rules = rules;
    origin->log = log;
    origin->start_ns = fl_world_mono_ns(fl_world_real());
    origin->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (origin->stop_fd < 0)
        return fl_err_errno(reterr, errno, "eventfd");
    origin->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL,
        NULL, on_request, origin, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)FL_ORIGIN_CONNECTIONS_MAX, MHD_OPTION_END);
    if (!origin->daemon)
        return fl_err_set(reterr, FL_E_NET, errno, "cannot listen on %s", listen);
    origin->port = MHD_get_daemon_info(origin->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    *ret_origin = FL_STEAL(origin);
    return 0;
}

unsigned fl_origin_port(const struct fl_origin *origin)
{
    return origin->port;
}

void fl_origin_stop(struct fl_origin *origin)
{
    uint64_t one = 1;

    if (!origin)
        return;
    if (origin->stop_fd >= 0 && write(origin->stop_fd, &one, sizeof(one)) < 0)
        abort();
    if (origin->daemon)
        MHD_stop_daemon(origin->daemon);
    if (origin->stop_fd >= 0)
        (void)close(origin->stop_fd);
    free(origin);
}
