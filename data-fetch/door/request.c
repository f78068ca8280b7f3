/* Requests: files and their ranges, and grants. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data-fetch/door/private.h"
#include "engine/base/time.h"

#include "engine/base/banned.h"

#define ETAG_MAX 80
#define BLOCK \
    ((size_t)65536) /* read and encrypted at a time; a quarter of it costs 15 % more CPU */
#define SECOND_NS INT64_C(1000000000)
#define TOO_LARGE 413 /* the library has called it by several names */
#define GRANTS_PATH "/grants"

/* One request. */
struct asked {
    struct conn *conn;
    bool post;
    unsigned status; /* of the answer to a body that is too long or not wanted now */
    struct fl_buf body;
};

/* What an answer is read from. */
struct part {
    struct conn *conn;
    int fd;
    uint64_t first;
};

static struct conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static const char *peer_of(const struct conn *conn)
{
    return conn->door->plain ? NULL : conn->peer;
}

static int64_t now_s(const struct fl_door *door)
{
    return fl_world_utc_ns(door->world) / SECOND_NS;
}

/* A page of one line. */
static enum MHD_Result answer_page(struct MHD_Connection *mhd, unsigned status, const char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_NO;

    if (!response)
        return MHD_NO;
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, "Allow", "GET, HEAD"); /* a courtesy */
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        (void)MHD_add_response_header(response, "Retry-After", "1");
    if (text[0])
        (void)MHD_add_response_header(response, "Content-Type", "text/plain");
    result = MHD_queue_response(mhd, status, response);
    MHD_destroy_response(response);
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

/* A file that has become shorter ends the connection: what was promised cannot be kept. */
static ssize_t read_part(void *arg, uint64_t at, char *data, size_t size)
{
    struct part *part = arg;
    ssize_t n;

    do {
        n = pread(part->fd, data, size, (off_t)(part->first + at));
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    part->conn->sent = at + (uint64_t)n;
    part->conn->door->counts.bytes += (uint64_t)n;
    return n;
}

static void part_free(void *arg)
{
    struct part *part = arg;

    (void)close(part->fd); /* only read */
    free(part);
}

/* Takes the descriptor. */
static struct MHD_Response *make_response(struct conn *conn, int fd, uint64_t first, uint64_t count)
{
    struct part *part = calloc(1, sizeof(*part));
    struct MHD_Response *response;

    if (!part) {
        (void)close(fd); /* nothing was read */
        return NULL;
    }
    *part = (struct part){.conn = conn, .fd = fd, .first = first};
    response = MHD_create_response_from_callback(count, BLOCK, read_part, part, part_free);
    if (!response)
        part_free(part);
    return response;
}

/* Sends the file, or the part that was asked for. Takes the descriptor. */
static enum MHD_Result answer_file(struct conn *conn, struct MHD_Connection *mhd, int fd,
                                   const struct stat *info)
{
    const char *wanted = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Range");
    const char *if_range = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "If-Range");
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
        return answer_page(mhd, MHD_HTTP_RANGE_NOT_SATISFIABLE, "");
    }
    if (kind == FL_DOOR_PART)
        (void)snprintf(range, sizeof(range), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
                       first + count - 1, size);
    response = make_response(conn, fd, first, count);
    if (!response)
        return MHD_NO;
    if (add_headers(response, info, etag, range))
        result = MHD_queue_response(
            mhd, kind == FL_DOOR_PART ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, response);
    MHD_destroy_response(response); /* closes the descriptor when sent */
    return result;
}

static enum MHD_Result answer_get(struct conn *conn, struct MHD_Connection *mhd, const char *url)
{
    struct fl_door *door = conn->door;
    struct stat info;
    int fd;

    if (url[0] != '/' || !fl_door_path_is_open(url + 1))
        return answer_page(mhd, MHD_HTTP_NOT_FOUND, "");
    if (!door->open_to_all && !fl_grants_allow(door->grants, peer_of(conn), url + 1, now_s(door))) {
        door->counts.denied++;
        return answer_page(mhd, MHD_HTTP_FORBIDDEN, "no grant names this file\n");
    }
    fd = fl_door_open_file(door->root_fd, url + 1, NULL);
    if (fd < 0)
        return answer_page(
            mhd, fd == FL_E_NOENT ? MHD_HTTP_NOT_FOUND : MHD_HTTP_SERVICE_UNAVAILABLE, "");
    if (fstat(fd, &info) != 0) {
        (void)close(fd); /* nothing was read */
        return answer_page(mhd, MHD_HTTP_SERVICE_UNAVAILABLE, "");
    }
    return answer_file(conn, mhd, fd, &info);
}

/* ---- grants ---- */

static enum MHD_Result answer_grant(struct conn *conn, struct MHD_Connection *mhd,
                                    const struct asked *asked)
{
    struct fl_door *door = conn->door;
    struct fl_err err = {0};
    char page[sizeof(err.text) + 2];
    int rc;

    if (asked->status)
        return answer_page(mhd, asked->status, "");
    if (asked->body.failed)
        return answer_page(mhd, TOO_LARGE, "");
    rc = fl_grants_add(door->grants, asked->body.data, asked->body.size, peer_of(conn), now_s(door),
                       &err);
    if (rc == 0)
        return answer_page(mhd, MHD_HTTP_NO_CONTENT, "");
    if (rc == FL_E_PERM)
        fl_door_refused(door, conn->peer[0] ? conn->peer : conn->address, err.text);
    (void)snprintf(page, sizeof(page), "%s\n", err.text);
    return answer_page(mhd,
                       rc == FL_E_PERM      ? MHD_HTTP_FORBIDDEN
                       : rc == FL_E_PARSE   ? MHD_HTTP_BAD_REQUEST
                       : rc == FL_E_TOO_BIG ? TOO_LARGE
                                            : MHD_HTTP_SERVICE_UNAVAILABLE,
                       page);
}

/* The head of a request has come. */
static enum MHD_Result begin(struct MHD_Connection *mhd, const char *url, const char *method,
                             void **state)
{
    struct conn *conn = conn_of(mhd);
    struct asked *asked = conn ? calloc(1, sizeof(*asked)) : NULL;

    if (!asked)
        return MHD_NO;
    *asked = (struct asked){.conn = conn};
    fl_buf_init(&asked->body, FL_GRANT_POST_MAX);
    conn->asked = true;
    conn->since_ns = fl_world_mono_ns(conn->door->world);
    if (strcmp(method, "POST") == 0 && strcmp(url, GRANTS_PATH) == 0) {
        asked->post = true;
        if (conn->door->open_to_all) /* needs none: a reader need not know */
            asked->status = MHD_HTTP_NO_CONTENT;
        else if (conn->door->posts >= FL_DOOR_POSTS_MAX)
            asked->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        else
            conn->door->posts++;
    }
    *state = asked;
    return MHD_YES;
}

enum MHD_Result fl_door_answer(void *arg, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **state)
{
    struct asked *asked = *state;
    struct fl_door *door = arg;

    (void)version;
    if (!asked) /* answered now, the connection could not be used again */
        return begin(mhd, url, method, state);
    if (*upload_size) {
        if (!asked->post)
            return MHD_NO; /* a body that nobody asked for */
        if (!asked->status && !asked->body.failed)
            fl_buf_add(&asked->body, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    door->counts.requests++;
    asked->conn->answering = true;
    asked->conn->sent = asked->conn->moved = 0;
    asked->conn->since_ns = fl_world_mono_ns(door->world);
    if (asked->post)
        return answer_grant(asked->conn, mhd, asked);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return answer_page(mhd, MHD_HTTP_METHOD_NOT_ALLOWED, "");
    return answer_get(asked->conn, mhd, url);
}

void fl_door_answered(void *arg, struct MHD_Connection *mhd, void **state,
                      enum MHD_RequestTerminationCode code)
{
    struct asked *asked = *state;

    (void)arg;
    (void)mhd;
    (void)code;
    if (!asked)
        return;
    asked->conn->answering = false;
    asked->conn->since_ns = fl_world_mono_ns(asked->conn->door->world);
    if (asked->post && !asked->status)
        asked->conn->door->posts--;
    fl_buf_release(&asked->body);
    free(asked);
    *state = NULL;
}
