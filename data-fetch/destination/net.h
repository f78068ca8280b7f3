#ifndef FL_DESTINATION_NET_H
#define FL_DESTINATION_NET_H

/* What the drivers over a network share, private to the folder: where the far side is and as whom,
 * one question at a time, one file in flight, and what an answer means.
 * Owns: secrets while the destination is open (wiped after). Threads: one at a time.
 * Limits: FL_NET_ANSWER_MAX bytes of an answer that is kept. */

#include "data-fetch/destination/driver.h"
#include "data-fetch/destination/secret.h"

#define FL_NET_ANSWER_MAX ((size_t)16 * 1024 * 1024)
#define FL_NET_HEADERS_MAX 8

struct fl_net {
    char base[FL_PATH_MAX]; /* scheme://host[:port] */
    char root[FL_PATH_MAX]; /* path there, "" or "/a/b", decoded */
    char password[FL_SECRET_MAX];
    char user[FL_SECRET_MAX];
    char token[FL_SECRET_MAX + 32]; /* "Authorization: Bearer …" */
    char key_file[FL_PATH_MAX];
    struct fl_http_auth auth;
    struct fl_http_tls tls;
    struct fl_http_route route;
};

/* An answer kept. */
struct fl_answer {
    int rc; /* as of fl_http_reply */
    enum fl_http_cause cause;
    long status;
    struct fl_buf body;
    int64_t length;
    int64_t modified_s;
    int64_t retry_after_s;
    char etag[FL_HTTP_ETAG_MAX];
    char dav[200]; /* header DAV */
    char free[32]; /* of SFTP's statvfs: blocks, and their size */
    char block[32];
    char why[256];
    bool done;
};
void fl_answer_init(struct fl_answer *answer);
void fl_answer_release(struct fl_answer *answer);
FL_DEFINE_AUTO_VALUE(struct fl_answer, fl_answer_release)

/* Reads url, secrets and certificates of the spec; net is the start of the driver's state, which
 * is allocated here (size bytes, zeroed) and freed by fl_net_close. */
int fl_net_open(struct fl_destination *dest, size_t size, struct fl_err *reterr);
void fl_net_close(struct fl_destination *dest);
struct fl_net *fl_net_of(const struct fl_destination *dest);

/* The URL of a path ("" the root), with `query` after it ("" none). FL_E_TOO_BIG. */
int fl_net_url(const struct fl_destination *dest, const char *path, const char *query, char *out,
               size_t size, struct fl_err *reterr);

/* Asks and waits; other jobs go on meanwhile. headers etc. as in the request; url is made of path
 * and query. FL_E_* only when it could not be asked: what came is in answer (answer->rc too). */
int fl_net_ask(struct fl_destination *dest, const char *path, const char *query,
               const struct fl_http_request *request, struct fl_answer *answer,
               struct fl_err *reterr);
/* The same without waiting, for a job: done is called with job. */
int fl_net_start(struct fl_dest_job *job, const char *path, const char *query,
                 const struct fl_http_request *request, struct fl_err *reterr);
void fl_net_drop(struct fl_dest_job *job);

/* What an answer other than a good one means. what: "put 'a/b'". 0 for a 2xx; FL_E_NOENT (404),
 * FL_E_PERM (401, 403, credentials, certificates, host keys), FL_E_NOSPACE (507), FL_E_EXISTS
 * (412), FL_E_TOO_BIG (413), FL_E_NET or FL_E_AGAIN for what may be another one later,
 * FL_E_UNSUPPORTED (405, 501), FL_E_CONFIG for the rest. */
int fl_net_judge(const struct fl_destination *dest, int rc, long status, const char *why,
                 const char *page, const char *what, struct fl_err *reterr);
int fl_net_judge_answer(const struct fl_destination *dest, const struct fl_answer *answer,
                        const char *what, struct fl_err *reterr);
/* The same for the reply to a job, which ends with it when it is not good: true then. */
bool fl_net_fails(struct fl_dest_job *job, const struct fl_http_reply *reply, const char *what);

/* Reads a file in pieces. FL_E_NOENT. */
int fl_net_read(struct fl_destination *dest, const char *path, fl_dest_sink_fn sink, void *arg,
                struct fl_err *reterr);
/* Fails with FL_E_MISMATCH unless a small file there has these bytes. */
int fl_net_check(struct fl_destination *dest, const char *path, const void *data, size_t size,
                 struct fl_err *reterr);

/* Source of the job's local file, for fl_http_request. */
ssize_t fl_net_give(void *data, size_t room, int64_t offset, void *job);

/* ---- one file, for protocols with names that can be changed and files that can be read back ----
 */

/* What differs. */
struct fl_net_file_ops {
    /* Starts the upload of the job's file to job->hidden from job->offset on; 0: from the start. */
    int (*upload)(struct fl_dest_job *job, fl_http_done_fn done, struct fl_err *reterr);
    /* Judges the answer to it. FL_E_NOSPACE, ... */
    int (*uploaded)(struct fl_dest_job *job, const struct fl_http_reply *reply,
                    struct fl_err *reterr);
    /* Starts the release: job->hidden gets the name job->final. */
    int (*rename)(struct fl_dest_job *job, fl_http_done_fn done, struct fl_err *reterr);
    int (*renamed)(struct fl_dest_job *job, const struct fl_http_reply *reply,
                   struct fl_err *reterr);
    /* Where a file in job->hidden may go on: asked by HEAD before the upload (WebDAV). */
    bool head_first;
    bool head; /* HEAD tells the size */
};
/* The answer about job->final when nothing is under job->hidden: there: an earlier try has done the
 * release; else the file was never sent. */
void fl_net_was_renamed(struct fl_dest_job *job, bool there);
int fl_net_file_start(struct fl_dest_job *job, const struct fl_net_file_ops *ops,
                      struct fl_err *reterr);

#endif
