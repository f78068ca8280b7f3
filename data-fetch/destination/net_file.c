/* One file to a place with names that can be changed and files that can be read back: is it there
 * already; what of it is; the upload; the proof. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/destination/net.h"

#include "engine/base/banned.h"

enum phase {
    PHASE_FINAL,  /* is it under its name? */
    PHASE_HIDDEN, /* what is under its hidden one? */
    PHASE_UPLOAD,
    PHASE_VERIFY,
    PHASE_RENAME,
};

static const struct fl_net_file_ops *ops_of(const struct fl_dest_job *job)
{
    return job->own_data;
}

static void go_on(struct fl_dest_job *job, enum phase phase);

static void end_proven(struct fl_dest_job *job, enum fl_dest_proof proof, bool there)
{
    job->proof = proof;
    job->there = there;
    fl_dest_job_end(job, 0);
}

/* ---- reading what is there ---- */

static int add_to_digest(const void *data, size_t size, void *arg)
{
    struct fl_dest_job *job = arg;

    fl_digest_add(job->digest, data, size);
    job->offset += size;
    return 0;
}

/* Another size is another file: its bytes need not come. */
static int check_length(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;

    return reply->length >= 0 && reply->status < 300 && reply->length != job->size ? FL_E_MISMATCH
                                                                                   : 0;
}

static bool is_absent(const struct fl_http_reply *reply)
{
    return reply->rc == FL_E_NOENT || (reply->rc == 0 && reply->status == 404);
}

static bool is_other(const struct fl_dest_job *job, const struct fl_http_reply *reply)
{
    return reply->rc == FL_E_MISMATCH || reply->rc == FL_E_TOO_BIG ||
           job->offset != (uint64_t)job->size;
}

static void read_back_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    bool first = job->phase == PHASE_FINAL;

    job->transfer = NULL;
    if (is_absent(reply)) {
        if (first)
            go_on(job, PHASE_HIDDEN);
        else
            fl_dest_job_fail(job, FL_E_AGAIN, "'%.300s' is gone right after it was sent to %s",
                             job->hidden, job->dest->where);
        return;
    }
    if (reply->rc != FL_E_MISMATCH && reply->rc != FL_E_TOO_BIG &&
        fl_net_fails(job, reply, "read back"))
        return;
    if (!is_other(job, reply) && fl_dest_job_equal(job)) {
        end_proven(job, FL_DEST_PROOF_READ, first);
    } else if (first) {
        go_on(job, PHASE_HIDDEN);
    } else if (job->resumed) { /* what an earlier try left may be to blame */
        job->resumed = false;
        job->restart = true;
        go_on(job, PHASE_UPLOAD);
    } else {
        job->own = true;
        fl_dest_job_fail(job, FL_E_MISMATCH,
                         "'%.300s' read back from %s is not what was sent: %" PRIu64
                         " bytes, expected %" PRId64 " with digest %.16s…",
                         job->name, job->dest->where, job->offset, job->size, job->sha256);
    }
}

static int read_back(struct fl_dest_job *job, const char *path, struct fl_err *reterr)
{
    struct fl_http_request request = {.body_max = (size_t)job->size,
                                      .head = check_length,
                                      .sink = add_to_digest,
                                      .done = read_back_done};
    int rc = fl_dest_job_digest(job, reterr);

    job->offset = 0;
    return rc == 0 ? fl_net_start(job, path, NULL, &request, reterr) : rc;
}

/* ---- its size alone ---- */

static void size_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    bool head = ops_of(job)->head;
    int64_t found = head ? reply->length : reply->rc == 0 && reply->bytes == 1 ? job->size : -1;
    bool first = job->phase == PHASE_FINAL;

    job->transfer = NULL;
    if (job->size == 0 && !head)
        found = reply->rc == 0 ? 0 : -1;
    /* over SFTP a range past the end is an error of its own: it says only that the size differs */
    if (!is_absent(reply) && (head || fl_err_class(reply->rc) == FL_CLASS_CONFIG) &&
        fl_net_fails(job, reply, "look at"))
        return;
    if (is_absent(reply))
        found = -1;
    if (found == job->size && (job->proven || job->phase == PHASE_VERIFY)) {
        end_proven(job, job->proven ? FL_DEST_PROOF_GIVEN : FL_DEST_PROOF_NONE, first);
    } else if (first) {
        go_on(job, PHASE_HIDDEN);
    } else if (job->phase == PHASE_HIDDEN) {
        job->resumed = found == job->size;
        job->restart = found > job->size;
        job->offset = found > 0 && found < job->size ? (uint64_t)found : 0;
        go_on(job, job->resumed ? PHASE_VERIFY : PHASE_UPLOAD);
    } else {
        fl_dest_job_fail(job, FL_E_AGAIN, "'%.300s' at %s has not the size that was sent",
                         job->hidden, job->dest->where);
    }
}

static int ask_size(struct fl_dest_job *job, const char *path, struct fl_err *reterr)
{
    char range[32];
    struct fl_http_request request = {.method = "HEAD", .body_max = 1, .done = size_done};

    if (!ops_of(job)->head) { /* its last byte: there when the file is at least as long */
        (void)snprintf(range, sizeof(range), "%" PRId64 "-", job->size - 1);
        request.method = NULL;
        request.range = job->size > 0 ? range : NULL;
    }
    return fl_net_start(job, path, NULL, &request, reterr);
}

/* ---- the upload ---- */

static void upload_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    struct fl_err err = {0};
    int rc;

    job->transfer = NULL;
    if (job->sent == 0 && job->size > 0 && reply->rc == 0)
        job->resumed = true; /* it was whole already */
    rc = ops_of(job)->uploaded(job, reply, &err);
    if (rc < 0 && job->state == FL_DEST_JOB_RUNNING) {
        job->err = err;
        job->retry_after_s = reply->retry_after_s;
        fl_dest_job_end(job, rc);
    }
    if (rc == 0)
        go_on(job, PHASE_VERIFY);
    if (rc == 1)
        go_on(job, PHASE_UPLOAD);
}

static void rename_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    struct fl_err err = {0};
    int rc;

    job->transfer = NULL;
    rc = ops_of(job)->renamed(job, reply, &err);
    if (job->state != FL_DEST_JOB_RUNNING || job->transfer)
        return;
    job->err = err;
    fl_dest_job_end(job, rc);
}

static int do_phase(struct fl_dest_job *job, struct fl_err *reterr)
{
    const struct fl_net_file_ops *ops = ops_of(job);

    switch ((enum phase)job->phase) {
    case PHASE_FINAL:
        return job->proven ? ask_size(job, job->final, reterr) : read_back(job, job->final, reterr);
    case PHASE_HIDDEN:
        if (job->proven || ops->head_first)
            return ask_size(job, job->hidden, reterr);
        job->phase = PHASE_UPLOAD;
        return ops->upload(job, upload_done, reterr);
    case PHASE_UPLOAD:
        return ops->upload(job, upload_done, reterr);
    case PHASE_VERIFY:
        return job->dest->spec.trust_size ? ask_size(job, job->hidden, reterr)
                                          : read_back(job, job->hidden, reterr);
    case PHASE_RENAME:
        return ops->rename(job, rename_done, reterr);
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

void fl_net_was_renamed(struct fl_dest_job *job, bool there)
{
    job->transfer = NULL;
    if (there) {
        job->there = true;
        fl_dest_job_end(job, 0);
    } else {
        job->own = true;
        fl_dest_job_fail(job, FL_E_NOENT, "'%.300s' was not sent to %s", job->name,
                         job->dest->where);
    }
}

int fl_net_file_start(struct fl_dest_job *job, const struct fl_net_file_ops *ops,
                      struct fl_err *reterr)
{
    int rc = job->task == FL_DEST_SEND ? fl_dest_job_open(job, reterr) : 0;

    if (rc < 0)
        return rc;
    job->own_data = ops;
    job->resumed = false;
    job->restart = false;
    job->phase = job->task == FL_DEST_RELEASE     ? PHASE_RENAME
                 : job->set->mode == FL_DEST_EACH ? PHASE_FINAL
                                                  : PHASE_HIDDEN;
    return do_phase(job, reterr);
}
