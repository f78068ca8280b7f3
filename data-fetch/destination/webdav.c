/* The driver for WebDAV servers, and for those that know PUT, DELETE, MKCOL and MOVE alone.
 * A file comes in under a hidden name, is read back, and gets its name by MOVE. A PUT that was cut
 * begins again, unless the site file says that the server knows pieces (PUT with Content-Range). */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/list.h"
#include "data-fetch/destination/net.h"
#include "data-fetch/destination/webdav.h"

#include "engine/base/banned.h"

#define INFLIGHT 8
#define PIECE_BYTES (INT64_C(32) << 20)
#define URL_BYTES (FL_PATH_MAX + 64)

struct webdav {
    struct fl_net net; /* first: fl_net_of */
    bool root_seen;
    char made[FL_PATH_MAX]; /* the folder that was last made sure of; "" none yet */
};

static struct webdav *state_of(const struct fl_destination *dest)
{
    return dest->state;
}

/* ---- jobs: folders, then the file ---- */

static int put_file(struct fl_dest_job *job, struct fl_err *reterr);
static int make_next(struct fl_dest_job *job, struct fl_err *reterr);

static void fail_with(struct fl_dest_job *job, int rc, const struct fl_err *err)
{
    job->err = *err;
    fl_dest_job_end(job, rc);
}

static bool is_made(long status) /* or was there: 405, or sent on to it */
{
    return (status >= 200 && status < 300) || status == 405 || (status >= 301 && status <= 308);
}

static void folder_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    struct fl_err err = {0};
    int rc;

    job->transfer = NULL;
    if (reply->rc == 0 && (reply->status == 404 || reply->status == 409)) {
        fl_dest_job_fail(job, FL_E_CONFIG,
                         "make the folder of '%.300s' at %s: status %ld; the destination's own "
                         "folder must be there",
                         job->hidden, job->dest->where, reply->status);
        return;
    }
    if ((reply->rc < 0 || !is_made(reply->status)) &&
        fl_net_fails(job, reply, "make the folder of"))
        return;
    rc = make_next(job, &err);
    if (rc < 0)
        fail_with(job, rc, &err);
}

/* The next folder above the hidden file, from job->end on; after the last, the file. */
static int make_next(struct fl_dest_job *job, struct fl_err *reterr)
{
    struct fl_http_request request = {
        .method = "MKCOL", .body_max = FL_HTTP_PAGE_MAX, .done = folder_done};
    char folder[FL_PATH_MAX];
    const char *slash = strchr(job->hidden + job->end, '/');

    if (!slash) {
        fl_dest_folder_of(job->hidden, state_of(job->dest)->made, FL_PATH_MAX);
        return put_file(job, reterr);
    }
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - job->hidden), job->hidden);
    job->end = (uint64_t)(slash - job->hidden) + 1;
    return fl_net_start(job, folder, "/", &request, reterr);
}

/* ---- the upload ---- */

struct piece {
    int64_t from;
    int64_t size;
};

/* What goes over next: all, or a piece from job->offset on. */
static struct piece next_piece(const struct fl_dest_job *job)
{
    int64_t most = job->dest->spec.part_bytes ? job->dest->spec.part_bytes : PIECE_BYTES;
    struct piece piece = {.size = job->size};

    if (job->dest->spec.pieces) {
        piece.from = (int64_t)job->offset;
        piece.size = job->size - piece.from < most ? job->size - piece.from : most;
    }
    return piece;
}

static ssize_t give(void *data, size_t room, int64_t offset, void *arg)
{
    struct fl_dest_job *job = arg;

    return fl_net_give(data, room, next_piece(job).from + offset, job);
}

static int put_file(struct fl_dest_job *job, struct fl_err *reterr)
{
    struct piece piece = next_piece(job);
    char range[96];
    const char *headers[] = {NULL, NULL};
    struct fl_http_request request = {.method = "PUT",
                                      .headers = headers,
                                      .source = give,
                                      .source_size = piece.size,
                                      .body_max = FL_HTTP_PAGE_MAX,
                                      .done = job->done};

    if (piece.from > 0) { /* the first one, without a range, makes the file anew */
        (void)snprintf(range, sizeof(range),
                       "Content-Range: bytes %" PRId64 "-%" PRId64 "/%" PRId64, piece.from,
                       piece.from + piece.size - 1, job->size);
        headers[0] = range;
    }
    if (piece.size == 0) {
        request.source = NULL;
        request.content = "";
    }
    return fl_net_start(job, job->hidden, NULL, &request, reterr);
}

static int upload(struct fl_dest_job *job, fl_http_done_fn done, struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];

    job->done = done;
    if (job->restart || !job->dest->spec.pieces)
        job->offset = 0;
    job->restart = false;
    fl_dest_folder_of(job->hidden, folder, sizeof(folder));
    if (!folder[0] || strcmp(folder, state_of(job->dest)->made) == 0)
        return put_file(job, reterr);
    job->end = 0;
    return make_next(job, reterr);
}

static int uploaded(struct fl_dest_job *job, const struct fl_http_reply *reply,
                    struct fl_err *reterr)
{
    struct piece piece = next_piece(job);
    char what[400];
    int rc;

    if (reply->rc == 0 && reply->status == 404)
        state_of(job->dest)->made[0] = '\0'; /* someone has removed the folder */
    (void)snprintf(what, sizeof(what), "put '%.300s'", job->final);
    rc = fl_net_judge(job->dest, reply->rc, reply->status, reply->why, reply->body, what, reterr);
    job->own = rc == FL_E_MISMATCH || rc == FL_E_TOO_BIG;
    if (rc == FL_E_NOENT)
        rc = FL_E_AGAIN;
    if (rc < 0 || !job->dest->spec.pieces)
        return rc;
    job->offset += (uint64_t)piece.size;
    return job->offset < (uint64_t)job->size ? 1 : 0;
}

/* ---- the name ---- */

/* Headers of a MOVE; texts of URL_BYTES. */
static int move_headers(const struct fl_destination *dest, const char *to, bool folder, char *text,
                        struct fl_err *reterr)
{
    static const char name[] = "Destination: ";

    memcpy(text, name, sizeof(name));
    return fl_net_url(dest, to, folder ? "/" : "", text + strlen(name), URL_BYTES - sizeof(name),
                      reterr);
}

static int rename_to_final(struct fl_dest_job *job, fl_http_done_fn done, struct fl_err *reterr)
{
    char destination[URL_BYTES];
    const char *headers[] = {destination, "Overwrite: T", NULL};
    struct fl_http_request request = {
        .method = "MOVE", .headers = headers, .body_max = FL_HTTP_PAGE_MAX, .done = done};
    int rc = move_headers(job->dest, job->final, false, destination, reterr);

    return rc == 0 ? fl_net_start(job, job->hidden, NULL, &request, reterr) : rc;
}

/* Nothing under the hidden name: an earlier try may have done it. */
static void was_renamed(const struct fl_http_reply *reply, void *arg)
{
    const struct fl_dest_job *job = arg;

    fl_net_was_renamed(arg, reply->rc == 0 && reply->status == 200 &&
                                (job->size < 0 || reply->length < 0 || reply->length == job->size));
}

static int renamed(struct fl_dest_job *job, const struct fl_http_reply *reply,
                   struct fl_err *reterr)
{
    struct fl_http_request request = {.method = "HEAD", .body_max = 1, .done = was_renamed};

    if (reply->rc == 0 && reply->status == 404)
        return fl_net_start(job, job->final, NULL, &request, reterr);
    if (!fl_net_fails(job, reply, "rename"))
        fl_dest_job_end(job, 0);
    return 0;
}

static const struct fl_net_file_ops file_ops = {
    .upload = upload,
    .uploaded = uploaded,
    .rename = rename_to_final,
    .renamed = renamed,
    .head_first = true,
    .head = true,
};

static int webdav_start(struct fl_dest_job *job, struct fl_err *reterr)
{
    return fl_net_file_start(job, &file_ops, reterr);
}

/* ---- at once ---- */

static int webdav_open(struct fl_destination *dest, struct fl_err *reterr)
{
    dest->inflight = dest->spec.inflight ? dest->spec.inflight : INFLIGHT;
    dest->caps = (struct fl_dest_caps){.kind = "webdav",
                                       .whole = true,
                                       .hidden = true,
                                       .move = true,
                                       .list = true,
                                       .resume = dest->spec.pieces,
                                       .space = true,
                                       .proof = dest->spec.trust_size ? FL_DEST_PROOF_NONE
                                                                      : FL_DEST_PROOF_READ};
    return fl_net_open(dest, sizeof(struct webdav), reterr);
}

/* One request without more than headers. */
static int ask(struct fl_destination *dest, const char *method, const char *path, const char *query,
               const char *const *headers, struct fl_answer *answer, struct fl_err *reterr)
{
    struct fl_http_request request = {.method = method, .headers = headers, .keep_redirects = true};

    return fl_net_ask(dest, path, query, &request, answer, reterr);
}

static int propfind(struct fl_destination *dest, const char *path, const char *depth,
                    struct fl_answer *answer, struct fl_err *reterr)
{
    static const char ask_for[] =
        "<?xml version=\"1.0\"?><propfind xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/>"
        "<getlastmodified/><quota-available-bytes/></prop></propfind>";
    const char *headers[] = {depth, "Content-Type: application/xml", NULL};
    struct fl_http_request request = {.method = "PROPFIND",
                                      .headers = headers,
                                      .content = ask_for,
                                      .content_size = sizeof(ask_for) - 1};
    char what[300];
    int rc = fl_net_ask(dest, path, "/", &request, answer, reterr);

    (void)snprintf(what, sizeof(what), "list the folder '%.200s'", path);
    return rc == 0 ? fl_net_judge_answer(dest, answer, what, reterr) : rc;
}

/* The destination's own folder, once. A server that knows no PROPFIND sends a HEAD for a folder on
 * to its name with a slash. */
static int check_root(struct fl_destination *dest, struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    int rc;

    fl_answer_init(&answer);
    if (state_of(dest)->root_seen)
        return 0;
    rc = propfind(dest, "", "Depth: 0", &answer, reterr);
    if (answer.done && answer.rc == 0 && answer.status != 401 && answer.status != 404 && rc < 0) {
        fl_buf_clear(&answer.body);
        rc = ask(dest, "HEAD", "", fl_net_of(dest)->root[0] ? "" : "/", NULL, &answer, reterr);
        if (rc < 0)
            return rc;
        /* one that may not be listed may still be written to */
        if (answer.rc < 0 || answer.status < 301 || answer.status > 403 || answer.status == 401)
            rc = fl_net_judge_answer(dest, &answer, "look at the folder", reterr);
    }
    if (rc == FL_E_NOENT)
        return fl_err_set(reterr, FL_E_CONFIG, 404, "the folder of %s does not exist", dest->where);
    state_of(dest)->root_seen = rc == 0;
    return rc;
}

static int webdav_stat(struct fl_destination *dest, const char *path, struct fl_dest_stat *ret_stat,
                       struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    char what[300];
    int rc = check_root(dest, reterr);

    fl_answer_init(&answer);
    (void)snprintf(what, sizeof(what), "look at '%.200s'", path);
    if (rc == 0)
        rc = ask(dest, "HEAD", path, NULL, NULL, &answer, reterr);
    if (rc < 0)
        return rc;
    if (answer.rc == 0 && answer.status >= 301 && answer.status <= 308) { /* to itself with a '/' */
        *ret_stat = (struct fl_dest_stat){.is_folder = true, .modified_s = -1};
        return 0;
    }
    rc = fl_net_judge_answer(dest, &answer, what, reterr);
    if (rc == 0)
        *ret_stat = (struct fl_dest_stat){.size = answer.length > 0 ? (uint64_t)answer.length : 0,
                                          .modified_s = answer.modified_s};
    return rc;
}

static int list_folder(struct fl_destination *dest, const char *path, struct fl_list *list,
                       struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    size_t parts;
    int rc;

    fl_answer_init(&answer);
    rc = propfind(dest, path, "Depth: 1", &answer, reterr);
    if (rc < 0)
        return rc;
    parts = fl_webdav_parts(fl_net_of(dest)->root) + (path[0] ? 1 : 0);
    return fl_webdav_take_list(list, parts + fl_webdav_parts(path), answer.body.data,
                               answer.body.size, reterr);
}

static int webdav_list(struct fl_destination *dest, const char *path, bool hidden,
                       fl_dest_list_fn fn, struct fl_err *reterr, void *arg)
{
    return fl_list_walk(dest, path, hidden, list_folder, fn, reterr, arg);
}

static int webdav_space(struct fl_destination *dest, uint64_t *ret_bytes, struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    int64_t bytes = -1;
    int rc;

    fl_answer_init(&answer);
    rc = propfind(dest, "", "Depth: 0", &answer, reterr);
    if (rc == 0)
        rc = fl_webdav_take_space(&bytes, answer.body.data, answer.body.size, reterr);
    if (rc < 0 && rc != FL_E_UNSUPPORTED)
        return rc;
    if (rc < 0 || bytes < 0)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0, "%s does not tell its free space",
                          dest->where);
    *ret_bytes = (uint64_t)bytes;
    return 0;
}

/* Makes the folders above a path. */
static int make_folders(struct fl_destination *dest, const char *path, struct fl_err *reterr)
{
    int rc = check_root(dest, reterr);

    for (size_t i = 0; rc == 0 && path[i]; i++) {
        fl_auto(fl_answer_release) struct fl_answer answer;
        char folder[FL_PATH_MAX];

        fl_answer_init(&answer);
        if (path[i] != '/')
            continue;
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)i, path);
        rc = ask(dest, "MKCOL", folder, "/", NULL, &answer, reterr);
        if (rc == 0 && (answer.rc < 0 || !is_made(answer.status)))
            rc = fl_net_judge_answer(dest, &answer, "make a folder", reterr);
    }
    return rc;
}

static int move(struct fl_destination *dest, const char *from, const char *to, bool folder,
                bool replace, struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    char destination[URL_BYTES];
    const char *headers[] = {destination, replace ? "Overwrite: T" : "Overwrite: F", NULL};
    char what[300];
    int rc = move_headers(dest, to, folder, destination, reterr);

    fl_answer_init(&answer);
    (void)snprintf(what, sizeof(what), "rename '%.120s' to '%.120s'", from, to);
    if (rc == 0)
        rc = ask(dest, "MOVE", from, folder ? "/" : "", headers, &answer, reterr);
    return rc == 0 ? fl_net_judge_answer(dest, &answer, what, reterr) : rc;
}

static int webdav_move(struct fl_destination *dest, const char *from, const char *to, bool folder,
                       struct fl_err *reterr)
{
    int rc = make_folders(dest, to, reterr);

    return rc == 0 ? move(dest, from, to, folder, false, reterr) : rc;
}

static int webdav_put(struct fl_destination *dest, const char *path, const void *data, size_t size,
                      struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    struct fl_http_request request = {
        .method = "PUT", .content = size ? data : "", .content_size = size};
    char hidden[FL_PATH_MAX];
    char what[300];
    int rc = fl_dest_hidden_name(path, "put", hidden, sizeof(hidden), reterr);

    fl_answer_init(&answer);
    (void)snprintf(what, sizeof(what), "put '%.200s'", path);
    if (rc == 0)
        rc = make_folders(dest, path, reterr);
    if (rc == 0)
        rc = fl_net_ask(dest, hidden, NULL, &request, &answer, reterr);
    if (rc == 0)
        rc = fl_net_judge_answer(dest, &answer, what, reterr);
    if (rc == 0)
        rc = fl_net_check(dest, hidden, data, size, reterr);
    return rc == 0 ? move(dest, hidden, path, false, true, reterr) : rc;
}

static int remove_by(struct fl_destination *dest, const char *path, const char *query,
                     struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    char what[300];
    int rc;

    fl_answer_init(&answer);
    (void)snprintf(what, sizeof(what), "remove '%.200s'", path);
    rc = ask(dest, "DELETE", path, query, NULL, &answer, reterr);
    if (rc == 0)
        rc = fl_net_judge_answer(dest, &answer, what, reterr);
    return rc == FL_E_NOENT ? 0 : rc;
}

static int webdav_remove(struct fl_destination *dest, const char *path, struct fl_err *reterr)
{
    return remove_by(dest, path, NULL, reterr);
}

static int webdav_remove_tree(struct fl_destination *dest, const char *path, struct fl_err *reterr)
{
    state_of(dest)->made[0] = '\0';
    return remove_by(dest, path, "/", reterr);
}

const struct fl_dest_driver fl_dest_webdav = {
    .kind = "webdav",
    .open = webdav_open,
    .close = fl_net_close,
    .ready = check_root,
    .start = webdav_start,
    .drop = fl_net_drop,
    .stat = webdav_stat,
    .list = webdav_list,
    .read = fl_net_read,
    .put = webdav_put,
    .move = webdav_move,
    .remove = webdav_remove,
    .remove_tree = webdav_remove_tree,
    .space = webdav_space,
};
