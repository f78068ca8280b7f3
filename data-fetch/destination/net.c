/* The far side of a network: where, as whom, one question at a time, what answers mean. */
#include "config.h"

#include "data-fetch/destination/net.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

#define STALL_S 60 /* the far side may think for long over a large file */
#define WHY_MAX 200

struct fl_net *fl_net_of(const struct fl_destination *dest)
{
    return dest->state;
}

/* ---- opening ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The path of a URL without its escapes and without slashes at its end. */
static int decode_path(const char *path, char *out, size_t size, struct fl_err *reterr)
{
    size_t used = 0;

    for (; *path && used + 1 < size; path++) {
        char c = *path;

        if (c == '%' && hex_digit(path[1]) >= 0 && hex_digit(path[2]) >= 0) {
            c = (char)(hex_digit(path[1]) * 16 + hex_digit(path[2]));
            path += 2;
        }
        if ((unsigned char)c < ' ')
            return fl_err_set(reterr, FL_E_CONFIG, 0, "a control character in the path of the URL");
        out[used++] = c;
    }
    while (used > 0 && out[used - 1] == '/')
        used--;
    out[used] = '\0';
    return 0;
}

static int read_secrets(struct fl_destination *dest, struct fl_net *net, struct fl_err *reterr)
{
    const struct fl_destination_spec *spec = &dest->spec;
    const char *password = spec->password[0]     ? spec->password
                           : spec->passphrase[0] ? spec->passphrase
                           : spec->secret_key[0] ? spec->secret_key
                                                 : "";
    char token[FL_SECRET_MAX];
    int rc = 0;

    (void)snprintf(net->user, sizeof(net->user), "%s",
                   spec->access_key[0] ? spec->access_key : spec->user);
    if (fl_secret_is_reference(spec->access_key))
        rc = fl_secret_read(dest->world, dest->secrets, spec->access_key, net->user,
                            sizeof(net->user), reterr);
    if (rc == 0 && password[0])
        rc = fl_secret_read(dest->world, dest->secrets, password, net->password,
                            sizeof(net->password), reterr);
    if (rc == 0 && spec->key[0])
        rc = fl_secret_path(dest->world, dest->secrets, spec->key, net->key_file,
                            sizeof(net->key_file), reterr);
    if (rc == 0 && spec->token[0]) {
        rc = fl_secret_read(dest->world, dest->secrets, spec->token, token, sizeof(token), reterr);
        if (rc == 0)
            (void)snprintf(net->token, sizeof(net->token), "Authorization: Bearer %s", token);
        fl_secret_wipe(token, sizeof(token));
    }
    return rc;
}

static int check_file(const struct fl_destination *dest, const char *what, const char *path,
                      struct fl_err *reterr)
{
    struct fl_stat info;
    int rc = path[0] ? dest->world->ops->stat(path, &info, dest->world->arg) : 0;

    if (rc == -ENOENT)
        return fl_err_set(reterr, FL_E_CONFIG, ENOENT, "the file of '%s', '%s', does not exist",
                          what, path);
    return rc < 0 ? fl_err_errno(reterr, -rc, "the file of '%s', '%s'", what, path) : 0;
}

int fl_net_open(struct fl_destination *dest, size_t size, struct fl_err *reterr)
{
    const struct fl_destination_spec *spec = &dest->spec;
    struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
    struct fl_net *net = calloc(1, size);
    const char *path;
    int rc;

    fl_assert(size >= sizeof(*net));
    if (!net)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a destination");
    dest->state = net;
    path = strstr(spec->url, "://") + 3;
    path += strcspn(path, "/");
    (void)snprintf(net->base, sizeof(net->base), "%.*s", (int)(path - spec->url), spec->url);
    (void)snprintf(dest->where, sizeof(dest->where), "%s", spec->url);
    rc = decode_path(path, net->root, sizeof(net->root), reterr);
    if (rc == 0)
        rc = read_secrets(dest, net, reterr);
    if (rc == 0)
        rc = check_file(dest, "ca", spec->ca, reterr);
    if (rc == 0)
        rc = check_file(dest, "known_hosts", spec->known_hosts, reterr);
    if (rc < 0)
        return rc;
    net->auth = (struct fl_http_auth){
        .user = net->user[0] ? net->user : NULL,
        .password = net->password[0] ? net->password : NULL,
        .region = spec->region[0] ? spec->region : NULL,
        .key_file = net->key_file[0] ? net->key_file : NULL,
        .known_hosts = spec->known_hosts[0] ? spec->known_hosts : NULL,
        .host_key = spec->host_key[0] ? spec->host_key + strlen("SHA256:") : NULL,
    };
    net->tls = (struct fl_http_tls){.ca = spec->ca[0] ? spec->ca : NULL};
    net->route = (struct fl_http_route){.cap_bytes_s = spec->cap_bytes_s / dest->inflight};
    limits.stall_s = STALL_S;
    return fl_http_create(&limits, &dest->http, reterr);
}

void fl_net_close(struct fl_destination *dest)
{
    struct fl_net *net = dest->state;

    if (!net)
        return;
    fl_http_destroy(dest->http);
    dest->http = NULL;
    fl_secret_wipe(net->password, sizeof(net->password));
    fl_secret_wipe(net->token, sizeof(net->token));
    free(net);
    dest->state = NULL;
}

static void add_escaped(struct fl_buf *out, const char *path)
{
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;

        if (isalnum(c) || strchr("-._~/", c))
            fl_buf_putc(out, (char)c);
        else
            fl_buf_printf(out, "%%%02X", c);
    }
}

int fl_net_url(const struct fl_destination *dest, const char *path, const char *query, char *out,
               size_t size, struct fl_err *reterr)
{
    const struct fl_net *net = dest->state;
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, size);
    fl_buf_puts(&text, net->base);
    add_escaped(&text, net->root);
    if (path[0])
        fl_buf_putc(&text, '/');
    add_escaped(&text, path);
    fl_buf_puts(&text, query);
    if (text.failed || text.size >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the URL of '%.200s' is too long", path);
    memcpy(out, text.data, text.size + 1);
    return 0;
}

/* ---- asking ---- */

void fl_answer_init(struct fl_answer *answer)
{
    *answer = (struct fl_answer){.length = -1, .modified_s = -1, .retry_after_s = -1};
    fl_buf_init(&answer->body, FL_NET_ANSWER_MAX);
}

void fl_answer_release(struct fl_answer *answer)
{
    fl_buf_release(&answer->body);
}

static void keep_header(const struct fl_http_reply *reply, const char *name, char *out, size_t size)
{
    const char *value = fl_http_header(reply, name);

    (void)snprintf(out, size, "%s", value ? value : "");
}

static void answered(const struct fl_http_reply *reply, void *arg)
{
    struct fl_answer *answer = arg;

    answer->done = true;
    answer->rc = reply->rc;
    answer->cause = reply->cause;
    answer->status = reply->status;
    answer->length = reply->length;
    answer->modified_s = reply->modified_s;
    answer->retry_after_s = reply->retry_after_s;
    fl_buf_add(&answer->body, reply->body, reply->size);
    (void)snprintf(answer->etag, sizeof(answer->etag), "%s", reply->etag);
    (void)snprintf(answer->why, sizeof(answer->why), "%.200s", reply->why ? reply->why : "");
    keep_header(reply, "DAV", answer->dav, sizeof(answer->dav));
    keep_header(reply, "f_bavail", answer->free, sizeof(answer->free));
    keep_header(reply, "f_frsize", answer->block, sizeof(answer->block));
}

/* The headers of the request, and the token when there is one. */
static int start(struct fl_destination *dest, const char *path, const char *query,
                 const struct fl_http_request *request, struct fl_http_transfer **ret_transfer,
                 struct fl_err *reterr)
{
    const struct fl_net *net = dest->state;
    const char *headers[FL_NET_HEADERS_MAX + 2];
    struct fl_http_request full = *request;
    char url[FL_PATH_MAX];
    size_t count = 0;
    int rc = fl_net_url(dest, path, query ? query : "", url, sizeof(url), reterr);

    for (; request->headers && request->headers[count]; count++) {
        fl_assert(count < FL_NET_HEADERS_MAX);
        headers[count] = request->headers[count];
    }
    if (net->token[0])
        headers[count++] = net->token;
    headers[count] = NULL;
    full.url = url;
    full.headers = headers;
    full.auth = full.auth ? full.auth : &net->auth;
    full.tls = &net->tls;
    full.route = &net->route;
    return rc == 0 ? fl_http_start(dest->http, &full, ret_transfer, reterr) : rc;
}

int fl_net_ask(struct fl_destination *dest, const char *path, const char *query,
               const struct fl_http_request *request, struct fl_answer *answer,
               struct fl_err *reterr)
{
    struct fl_http_transfer *transfer = NULL;
    struct fl_http_request full = *request;
    int rc;

    full.done = answered;
    if (full.sink) {
        fl_assert(full.arg == answer); /* one context for both */
    } else {
        full.body_max = FL_NET_ANSWER_MAX;
        full.arg = answer;
    }
    answer->done = false;
    rc = start(dest, path, query, &full, &transfer, reterr);
    while (rc == 0 && !answer->done)
        rc = fl_http_turn(dest->http, -1, reterr);
    if (rc < 0 && transfer && !answer->done)
        fl_http_cancel(transfer);
    return rc;
}

struct reading {
    struct fl_answer answer; /* first: it is the context of the answer too */
    fl_dest_sink_fn sink;
    void *arg;
};

static int pass_on(const void *data, size_t size, void *arg)
{
    struct reading *reading = arg;

    return reading->sink(data, size, reading->arg);
}

int fl_net_read(struct fl_destination *dest, const char *path, fl_dest_sink_fn sink, void *arg,
                struct fl_err *reterr)
{
    struct reading reading = {.sink = sink, .arg = arg};
    struct fl_http_request request = {
        .sink = pass_on, .arg = &reading.answer, .body_max = SIZE_MAX};
    char what[300];
    int rc;

    fl_answer_init(&reading.answer);
    (void)snprintf(what, sizeof(what), "read '%.200s'", path);
    rc = fl_net_ask(dest, path, NULL, &request, &reading.answer, reterr);
    if (rc == 0)
        rc = fl_net_judge_answer(dest, &reading.answer, what, reterr);
    fl_answer_release(&reading.answer);
    return rc;
}

struct comparison {
    const char *data;
    size_t size;
    size_t at;
};

static int compare(const void *data, size_t size, void *arg)
{
    struct comparison *with = arg;

    if (size > with->size - with->at || memcmp(data, with->data + with->at, size) != 0)
        return FL_E_MISMATCH;
    with->at += size;
    return 0;
}

int fl_net_check(struct fl_destination *dest, const char *path, const void *data, size_t size,
                 struct fl_err *reterr)
{
    struct comparison with = {.data = data, .size = size};
    int rc = fl_net_read(dest, path, compare, &with, reterr);

    if (rc == FL_E_MISMATCH || (rc == 0 && with.at != size))
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%.200s' read back from %s is not what was sent", path, dest->where);
    return rc;
}

int fl_net_start(struct fl_dest_job *job, const char *path, const char *query,
                 const struct fl_http_request *request, struct fl_err *reterr)
{
    struct fl_http_request full = *request;

    fl_assert(!job->transfer);
    full.arg = job;
    return start(job->dest, path, query, &full, &job->transfer, reterr);
}

void fl_net_drop(struct fl_dest_job *job)
{
    if (job->transfer)
        fl_http_cancel(job->transfer);
    job->transfer = NULL;
}

ssize_t fl_net_give(void *data, size_t room, int64_t offset, void *arg)
{
    struct fl_dest_job *job = arg;
    ssize_t n = job->dest->world->ops->pread(job->fd, data, room, offset, job->dest->world->arg);

    if (job->sent == 0 && offset > 0)
        job->resumed = true;
    if (n <= 0)
        return n < 0 ? FL_E_IO : FL_E_MISMATCH; /* it has become shorter */
    job->sent += (uint64_t)n;
    return n;
}

/* ---- judging ---- */

/* The text between <NAME> and </NAME> in a page of any kind, for people. */
static bool page_says(const char *page, const char *name, char *out, size_t size)
{
    char open[32];
    const char *at;

    (void)snprintf(open, sizeof(open), "<%s>", name);
    at = page ? strstr(page, open) : NULL;
    if (!at)
        return false;
    at += strlen(open);
    (void)snprintf(out, size, "%.*s", (int)(strcspn(at, "<") < size ? strcspn(at, "<") : size - 1),
                   at);
    return true;
}

static int code_of_status(long status)
{
    if (status == 401 || status == 403)
        return FL_E_PERM;
    if (status == 404 || status == 410)
        return FL_E_NOENT;
    if (status == 405 || status == 501)
        return FL_E_UNSUPPORTED;
    if (status == 412)
        return FL_E_EXISTS;
    if (status == 413)
        return FL_E_TOO_BIG;
    if (status == 507)
        return FL_E_NOSPACE;
    if (status == 423 || status == 409)
        return FL_E_AGAIN;
    return fl_http_status_is_transient(status) ? FL_E_AGAIN : FL_E_CONFIG;
}

static const char *hint_of_status(long status)
{
    switch (status) {
    case 401:
        return " (the user or the password is not accepted)";
    case 403:
        return " (not permitted)";
    case 405:
    case 501:
        return " (the server does not do this)";
    case 507:
        return " (no space left there)";
    default:
        return status >= 300 && status < 400 ? " (a redirect; say its target as 'url')" : "";
    }
}

int fl_net_judge(const struct fl_destination *dest, int rc, long status, const char *why,
                 const char *page, const char *what, struct fl_err *reterr)
{
    char said[WHY_MAX] = "";
    char code[64] = "";

    if (rc < 0)
        return fl_err_set(reterr, rc, 0, "%s at %s: %s", what, dest->where, why);
    if (status == 0 || (status >= 200 && status < 300))
        return 0;
    if (page_says(page, "Code", code, sizeof(code)))
        (void)page_says(page, "Message", said, sizeof(said));
    rc = code_of_status(status);
    /* a store's words for a passing state and for a wrong clock */
    if (strcmp(code, "SlowDown") == 0 || strcmp(code, "RequestTimeout") == 0)
        rc = FL_E_AGAIN;
    if (strcmp(code, "NoSuchBucket") == 0 || strcmp(code, "PermanentRedirect") == 0)
        rc = FL_E_CONFIG;
    if (strcmp(code, "BadDigest") == 0 || strcmp(code, "XAmzContentSHA256Mismatch") == 0)
        rc = FL_E_AGAIN; /* changed on the way: our own file was looked at before */
    if (strcmp(code, "QuotaExceeded") == 0 || strstr(code, "StorageFull"))
        rc = FL_E_NOSPACE;
    return fl_err_set(reterr, rc, (int)status, "%s at %s: status %ld%s%s%s%s%s", what, dest->where,
                      status, hint_of_status(status), code[0] ? ", " : "", code,
                      said[0] ? ": " : "", said);
}

int fl_net_judge_answer(const struct fl_destination *dest, const struct fl_answer *answer,
                        const char *what, struct fl_err *reterr)
{
    return fl_net_judge(dest, answer->rc, answer->status, answer->why, answer->body.data, what,
                        reterr);
}

bool fl_net_fails(struct fl_dest_job *job, const struct fl_http_reply *reply, const char *what)
{
    struct fl_err err = {0};
    char text[FL_PATH_MAX + 32];
    int rc;

    (void)snprintf(text, sizeof(text), "%s '%.300s'", what, job->final);
    rc = fl_net_judge(job->dest, reply->rc, reply->status, reply->why, reply->body, text, &err);
    if (rc == 0)
        return false;
    job->err = err;
    job->own = rc == FL_E_MISMATCH || rc == FL_E_TOO_BIG;
    job->retry_after_s = reply->retry_after_s;
    fl_dest_job_end(job, rc);
    return true;
}
