/* One file to an S3-compatible store: a PUT, or an upload in parts that goes on where it stopped.
 * Each body is signed with its SHA-256 and comes with its MD5, so that the store checks what it
 * got; parts that are there already are held against the local file by their MD5. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/s3.h"

#include "engine/base/banned.h"

#define MIB (INT64_C(1) << 20)
#define MD5_BYTES 16
#define SHA_BYTES 32
#define OLD_MAX 8 /* left-over uploads of one key that are ended at a time */

enum phase {
    PHASE_HEAD, /* is it there? */
    PHASE_FIND, /* an upload of it under way? */
    PHASE_ABORT,
    PHASE_LIST, /* its parts */
    PHASE_INIT, /* a new one */
    PHASE_HASH, /* the next body, piece by piece */
    PHASE_PUT,
    PHASE_COMPLETE,
    PHASE_VERIFY,
    PHASE_UNDO, /* it has the name of another content: away with it */
};

struct part {
    int64_t size; /* [bytes] there; -1: not there */
    char etag[FL_S3_ETAG_MAX];
};

struct upload {
    char key[FL_PATH_MAX];
    char id[FL_S3_ID_MAX];
    char *old[OLD_MAX];
    size_t old_count;
    bool in_parts;
    bool fresh; /* begun by us now: its name says what is in it */
    int64_t part_bytes;
    int count;
    int number; /* of the present part, from 1 */
    int marker; /* of the listing of parts */
    int64_t from;
    int64_t size;
    EVP_MD_CTX *md5;
    EVP_MD_CTX *sha;
    char md5_hex[2 * MD5_BYTES + 1];
    char md5_text[32];
    char sha_hex[FL_DIGEST_HEX];
    struct part *parts;
};

static struct upload *upload_of(const struct fl_dest_job *job)
{
    return job->more;
}

static void go_on(struct fl_dest_job *job, enum phase phase);

void fl_s3_drop(struct fl_dest_job *job)
{
    struct upload *upload = upload_of(job);

    fl_net_drop(job);
    if (!upload)
        return;
    for (size_t i = 0; i < upload->old_count; i++)
        free(upload->old[i]);
    EVP_MD_CTX_free(upload->md5);
    EVP_MD_CTX_free(upload->sha);
    free(upload->parts);
    free(upload);
    job->more = NULL;
}

/* Larger parts for what would have more than the most. */
static int64_t part_bytes_of(const struct fl_dest_job *job)
{
    int64_t bytes = job->dest->spec.part_bytes ? job->dest->spec.part_bytes : FL_S3_PART_BYTES;
    int64_t least = (job->size + FL_S3_PARTS_MAX - 1) / FL_S3_PARTS_MAX;

    return bytes >= least ? bytes : (least + MIB - 1) / MIB * MIB;
}

int fl_s3_start(struct fl_dest_job *job, struct fl_err *reterr)
{
    struct upload *upload;
    int rc = fl_dest_job_open(job, reterr);

    if (rc < 0)
        return rc;
    fl_assert(job->task == FL_DEST_SEND);
    job->more = upload = calloc(1, sizeof(*upload));
    if (upload) {
        upload->part_bytes = part_bytes_of(job);
        upload->in_parts = job->size > upload->part_bytes;
        upload->count =
            upload->in_parts ? (int)((job->size + upload->part_bytes - 1) / upload->part_bytes) : 1;
        upload->parts = calloc((size_t)upload->count, sizeof(*upload->parts));
        upload->md5 = EVP_MD_CTX_new();
        upload->sha = EVP_MD_CTX_new();
    }
    if (!upload || !upload->parts || !upload->md5 || !upload->sha)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for an upload");
    for (int i = 0; i < upload->count; i++)
        upload->parts[i].size = -1;
    rc = fl_s3_key(job->dest, job->final, upload->key, sizeof(upload->key), reterr);
    job->sent = 0;
    if (rc == 0)
        go_on(job, PHASE_HEAD);
    return rc;
}

/* ---- what is there ---- */

static bool is_ours(const struct fl_dest_job *job, const struct fl_http_reply *reply)
{
    const char *meta = fl_http_header(reply, FL_S3_META);

    return reply->rc == 0 && reply->status == 200 && reply->length == job->size && meta &&
           strcmp(meta, job->sha256) == 0;
}

static void head_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    bool absent = reply->rc == 0 && (reply->status == 404 || reply->status == 403);

    job->transfer = NULL;
    if (is_ours(job, reply)) {
        job->there = true;
        job->proof = job->proven ? FL_DEST_PROOF_GIVEN : FL_DEST_PROOF_CHECKSUM;
        fl_dest_job_end(job, 0);
    } else if (absent || !fl_net_fails(job, reply, "look at")) {
        go_on(job, upload_of(job)->in_parts ? PHASE_FIND : PHASE_HASH);
    }
}

static void keep_old(const char *id, void *arg)
{
    struct upload *upload = arg;

    if (upload->old_count < OLD_MAX)
        upload->old[upload->old_count] = strdup(id);
    if (upload->old_count < OLD_MAX && upload->old[upload->old_count])
        upload->old_count++;
}

/* A store that does not tell of uploads gets a new one. */
static void find_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    struct upload *upload = upload_of(job);
    bool told = reply->rc == 0 && reply->status == 200;

    job->transfer = NULL;
    if (reply->rc < 0 && fl_net_fails(job, reply, "look for uploads of"))
        return;
    if (!told || fl_s3_take_uploads(upload->key, upload->id, sizeof(upload->id), keep_old, upload,
                                    reply->body, reply->size, NULL) < 0)
        upload->id[0] = '\0';
    if (job->restart && upload->id[0]) {
        keep_old(upload->id, upload);
        upload->id[0] = '\0';
    }
    go_on(job, PHASE_ABORT);
}

static void abort_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;

    (void)reply; /* it may have been ended by another; the bucket's own rules end the rest */
    job->transfer = NULL;
    go_on(job, PHASE_ABORT);
}

static void keep_part(int number, int64_t size, const char *etag, void *arg)
{
    struct upload *upload = arg;

    if (number < 1 || number > upload->count)
        return;
    upload->parts[number - 1].size = size;
    (void)snprintf(upload->parts[number - 1].etag, FL_S3_ETAG_MAX, "%s", etag);
}

static void list_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    struct upload *upload = upload_of(job);
    struct fl_err err = {0};
    int next = 0;
    int rc;

    job->transfer = NULL;
    if (reply->rc == 0 && reply->status != 200) { /* gone, or not told: a new one */
        go_on(job, PHASE_INIT);
        return;
    }
    if (fl_net_fails(job, reply, "list the parts of"))
        return;
    rc = fl_s3_take_parts(keep_part, upload, &next, reply->body, reply->size, &err);
    if (rc < 0)
        fl_dest_job_fail(job, rc, "the parts of '%.200s' at %s: %s", job->final, job->dest->where,
                         err.text);
    else if (next > upload->marker) {
        upload->marker = next;
        go_on(job, PHASE_LIST);
    } else {
        go_on(job, PHASE_HASH);
    }
}

static void init_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    struct upload *upload = upload_of(job);
    struct fl_err err = {0};
    int rc;

    job->transfer = NULL;
    if (fl_net_fails(job, reply, "begin the upload of"))
        return;
    rc = fl_s3_take_upload(upload->id, sizeof(upload->id), reply->body, reply->size, &err);
    if (rc < 0) {
        fl_dest_job_fail(job, rc, "'%.200s' at %s: %s", job->final, job->dest->where, err.text);
        return;
    }
    upload->fresh = true;
    for (int i = 0; i < upload->count; i++)
        upload->parts[i].size = -1;
    go_on(job, PHASE_HASH);
}

/* ---- the bodies ---- */

static ssize_t give(void *data, size_t room, int64_t offset, void *arg)
{
    struct fl_dest_job *job = arg;

    return fl_net_give(data, room, upload_of(job)->from + offset, job);
}

static int begin_body(struct fl_dest_job *job, int number, struct fl_err *reterr)
{
    struct upload *upload = upload_of(job);
    int64_t left;

    upload->number = number;
    upload->from = (int64_t)(number - 1) * upload->part_bytes;
    left = job->size - upload->from;
    upload->size = left < upload->part_bytes ? left : upload->part_bytes;
    job->offset = 0;
    if (EVP_DigestInit_ex(upload->md5, EVP_md5(), NULL) != 1 ||
        EVP_DigestInit_ex(upload->sha, EVP_sha256(), NULL) != 1)
        return fl_err_set(reterr, FL_E_BUG, 0, "MD5 or SHA-256 is not there");
    return number == 1 ? fl_dest_job_digest(job, reterr) : 0;
}

static void to_hex(const unsigned char *bytes, size_t count, char *hex)
{
    for (size_t i = 0; i < count; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

static void end_body(struct upload *upload)
{
    unsigned char md5[EVP_MAX_MD_SIZE];
    unsigned char sha[EVP_MAX_MD_SIZE];

    int ended = EVP_DigestFinal_ex(upload->md5, md5, NULL) == 1 &&
                EVP_DigestFinal_ex(upload->sha, sha, NULL) == 1;

    fl_assert(ended);
    to_hex(md5, MD5_BYTES, upload->md5_hex);
    to_hex(sha, SHA_BYTES, upload->sha_hex);
    (void)EVP_EncodeBlock((unsigned char *)upload->md5_text, md5, MD5_BYTES);
}

/* The file must still be the one that was hashed: the last body is known, nothing is seen yet. */
static bool has_changed(struct fl_dest_job *job)
{
    if (fl_dest_job_equal(job))
        return false;
    job->own = true;
    fl_dest_job_fail(job, FL_E_MISMATCH,
                     "'%.300s' has other bytes than its digest %.16s… says: it was changed while "
                     "it was sent",
                     job->local, job->sha256);
    return true;
}

/* After a body: the next one, or the end. */
static void after_body(struct fl_dest_job *job)
{
    struct upload *upload = upload_of(job);
    struct fl_err err = {0};
    int rc;

    if (upload->number == upload->count) {
        go_on(job, upload->in_parts ? PHASE_COMPLETE : PHASE_VERIFY);
        return;
    }
    rc = begin_body(job, upload->number + 1, &err);
    job->phase = PHASE_HASH;
    if (rc < 0)
        fl_dest_job_fail(job, rc, "%s", err.text);
}

static void hashed(struct fl_dest_job *job)
{
    struct upload *upload = upload_of(job);
    const struct part *part = &upload->parts[upload->number - 1];

    end_body(upload);
    if (upload->number == upload->count && has_changed(job))
        return;
    if (part->size == upload->size && strcmp(part->etag, upload->md5_hex) == 0)
        after_body(job);
    else
        go_on(job, PHASE_PUT);
}

int fl_s3_step(struct fl_dest_job *job, struct fl_err *reterr)
{
    const struct fl_world *world = job->dest->world;
    struct upload *upload = upload_of(job);
    size_t room;
    ssize_t n = 0;

    if (job->phase != PHASE_HASH)
        return 0;
    room = (uint64_t)upload->size - job->offset < FL_DEST_PIECE
               ? (size_t)((uint64_t)upload->size - job->offset)
               : FL_DEST_PIECE;
    if (room > 0)
        n = world->ops->pread(job->fd, job->dest->piece, room, upload->from + (int64_t)job->offset,
                              world->arg);
    if (n == -EINTR)
        return 1;
    job->own = n < 0 || (n == 0 && room > 0);
    if (n < 0)
        return fl_err_errno(reterr, (int)-n, "local file '%s'", job->local);
    if (n == 0 && room > 0)
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "local file '%s' has become shorter",
                          job->local);
    if (n > 0 && (EVP_DigestUpdate(upload->md5, job->dest->piece, (size_t)n) != 1 ||
                  EVP_DigestUpdate(upload->sha, job->dest->piece, (size_t)n) != 1))
        return fl_err_set(reterr, FL_E_BUG, 0, "a digest cannot go on");
    fl_digest_add(job->digest, job->dest->piece, (size_t)n);
    job->offset += (uint64_t)n;
    if (job->offset == (uint64_t)upload->size)
        hashed(job);
    return 1;
}

static void put_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    struct upload *upload = upload_of(job);
    struct part *part = &upload->parts[upload->number - 1];
    size_t length = strlen(reply->etag);

    job->transfer = NULL;
    if (upload->in_parts && reply->rc == 0 && reply->status == 404 && !upload->fresh) {
        upload->id[0] = '\0'; /* the upload that was found is gone */
        go_on(job, PHASE_INIT);
        return;
    }
    if (fl_net_fails(job, reply, "put"))
        return;
    part->size = upload->size;
    (void)snprintf(part->etag, sizeof(part->etag), "%.*s",
                   (int)(length >= 2 && reply->etag[0] == '"' ? length - 2 : length),
                   reply->etag + (reply->etag[0] == '"'));
    after_body(job);
}

/* ---- the end ---- */

static void complete_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;

    job->transfer = NULL;
    if (fl_net_fails(job, reply, "end the upload of"))
        return;
    if (fl_s3_is_error(reply->body, reply->size))
        fl_dest_job_fail(job, FL_E_AGAIN, "end the upload of '%.200s' at %s: %.300s", job->final,
                         job->dest->where, reply->body);
    else
        go_on(job, PHASE_VERIFY);
}

static void verify_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    const char *meta;

    job->transfer = NULL;
    if (fl_net_fails(job, reply, "look at"))
        return;
    meta = fl_http_header(reply, FL_S3_META);
    if (reply->length != job->size) {
        fl_dest_job_fail(job, FL_E_MISMATCH,
                         "'%.200s' at %s has %" PRId64 " bytes where %" PRId64 " were sent",
                         job->final, job->dest->where, reply->length, job->size);
        job->own = true;
    } else if (meta && strcmp(meta, job->sha256) != 0) {
        go_on(job, PHASE_UNDO);
    } else {
        job->proof = FL_DEST_PROOF_CHECKSUM;
        fl_dest_job_end(job, 0);
    }
}

/* An upload that was begun for another content carries its digest as a name. */
static void undo_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    struct upload *upload = upload_of(job);

    job->transfer = NULL;
    if (fl_net_fails(job, reply, "remove"))
        return;
    if (job->restart) {
        fl_dest_job_fail(job, FL_E_AGAIN, "'%.200s' at %s was written by another meanwhile",
                         job->final, job->dest->where);
        return;
    }
    job->restart = true;
    upload->id[0] = '\0';
    go_on(job, upload->in_parts ? PHASE_INIT : PHASE_HASH);
}

/* ---- the requests ---- */

static int start(struct fl_dest_job *job, const char *method, struct fl_buf *query,
                 const char *const *headers, fl_http_done_fn done, struct fl_err *reterr)
{
    struct fl_http_request request = {
        .method = method, .headers = headers, .body_max = FL_NET_ANSWER_MAX, .done = done};
    int rc = fl_buf_check(query, reterr);

    if (strcmp(method, "POST") == 0)
        request.content = "";
    return rc == 0 ? fl_net_start(job, upload_of(job)->key, query->data, &request, reterr) : rc;
}

static int start_find(struct fl_dest_job *job, struct fl_buf *query, struct fl_err *reterr)
{
    struct fl_http_request request = {.body_max = FL_NET_ANSWER_MAX, .done = find_done};

    fl_buf_puts(query, "?uploads=");
    fl_s3_query(query, "prefix", upload_of(job)->key);
    return fl_net_start(job, "", query->data, &request, reterr);
}

static int start_abort(struct fl_dest_job *job, struct fl_buf *query, struct fl_err *reterr)
{
    struct upload *upload = upload_of(job);
    int rc;

    if (upload->old_count == 0) {
        go_on(job, upload->id[0] ? PHASE_LIST : PHASE_INIT);
        return 0;
    }
    fl_s3_query(query, "uploadId", upload->old[--upload->old_count]);
    free(upload->old[upload->old_count]);
    rc = start(job, "DELETE", query, NULL, abort_done, reterr);
    return rc;
}

static int start_list(struct fl_dest_job *job, struct fl_buf *query, struct fl_err *reterr)
{
    char marker[16];

    (void)snprintf(marker, sizeof(marker), "%d", upload_of(job)->marker);
    fl_s3_query(query, "uploadId", upload_of(job)->id);
    if (upload_of(job)->marker)
        fl_s3_query(query, "part-number-marker", marker);
    return start(job, "GET", query, NULL, list_done, reterr);
}

static int start_put(struct fl_dest_job *job, struct fl_buf *query, struct fl_err *reterr)
{
    struct upload *upload = upload_of(job);
    struct fl_http_auth auth = fl_net_of(job->dest)->auth;
    char md5[64];
    char meta[FL_DIGEST_HEX + 32];
    char number[16];
    const char *headers[] = {md5, NULL, NULL};
    struct fl_http_request request = {.method = "PUT",
                                      .headers = headers,
                                      .source = give,
                                      .source_size = upload->size,
                                      .auth = &auth,
                                      .body_max = FL_HTTP_PAGE_MAX,
                                      .done = put_done};

    auth.body_sha256 = upload->sha_hex;
    (void)snprintf(md5, sizeof(md5), "Content-MD5: %s", upload->md5_text);
    (void)snprintf(meta, sizeof(meta), FL_S3_META ": %s", job->sha256);
    if (upload->in_parts) {
        (void)snprintf(number, sizeof(number), "%d", upload->number);
        fl_s3_query(query, "partNumber", number);
        fl_s3_query(query, "uploadId", upload->id);
    } else {
        headers[1] = meta;
    }
    if (upload->size == 0) {
        request.source = NULL;
        request.content = "";
    }
    return fl_net_start(job, upload->key, query->data, &request, reterr);
}

static int start_complete(struct fl_dest_job *job, struct fl_buf *query, struct fl_err *reterr)
{
    struct upload *upload = upload_of(job);
    fl_auto(fl_buf_release) struct fl_buf body;
    struct fl_http_request request = {
        .method = "POST", .body_max = FL_NET_ANSWER_MAX, .done = complete_done};
    int rc;

    fl_buf_init(&body, FL_NET_ANSWER_MAX);
    fl_buf_puts(&body, "<CompleteMultipartUpload>");
    for (int i = 0; i < upload->count; i++)
        fl_buf_printf(&body, "<Part><PartNumber>%d</PartNumber><ETag>\"%s\"</ETag></Part>", i + 1,
                      upload->parts[i].etag);
    fl_buf_puts(&body, "</CompleteMultipartUpload>");
    rc = fl_buf_check(&body, reterr);
    request.content = body.data;
    request.content_size = body.size;
    fl_s3_query(query, "uploadId", upload->id);
    return rc == 0 ? fl_net_start(job, upload->key, query->data, &request, reterr) : rc;
}

static int do_phase(struct fl_dest_job *job, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf query;
    char meta[FL_DIGEST_HEX + 32];
    const char *headers[] = {meta, NULL};

    fl_buf_init(&query, FL_PATH_MAX);
    (void)snprintf(meta, sizeof(meta), FL_S3_META ": %s", job->sha256);
    switch ((enum phase)job->phase) {
    case PHASE_HEAD:
        return start(job, "HEAD", &query, NULL, head_done, reterr);
    case PHASE_FIND:
        return start_find(job, &query, reterr);
    case PHASE_ABORT:
        return start_abort(job, &query, reterr);
    case PHASE_LIST:
        return start_list(job, &query, reterr);
    case PHASE_INIT:
        fl_buf_puts(&query, "?uploads=");
        return start(job, "POST", &query, headers, init_done, reterr);
    case PHASE_HASH:
        return begin_body(job, 1, reterr);
    case PHASE_PUT:
        return start_put(job, &query, reterr);
    case PHASE_COMPLETE:
        return start_complete(job, &query, reterr);
    case PHASE_VERIFY:
        return start(job, "HEAD", &query, NULL, verify_done, reterr);
    case PHASE_UNDO:
        return start(job, "DELETE", &query, NULL, undo_done, reterr);
    }
    return fl_err_set(reterr, FL_E_BUG, 0, "a job in no phase");
}

static void go_on(struct fl_dest_job *job, enum phase phase)
{
    struct fl_err err = {0};
    int rc;

    job->phase = (int)phase;
    rc = do_phase(job, &err);
    if (rc < 0) {
        job->err = err;
        fl_dest_job_end(job, rc);
    }
}
