/* The driver for S3-compatible stores.
 * There is no rename: an object appears whole under its name, by one PUT or by the end of an upload
 * in parts, and the manifest that is put last publishes the set. */
#include "config.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/s3.h"

#include "engine/base/banned.h"

#define INFLIGHT 8
#define PAGE "1000"

static struct fl_s3 *state_of(const struct fl_destination *dest)
{
    return dest->state;
}

int fl_s3_key(const struct fl_destination *dest, const char *path, char *out, size_t size,
              struct fl_err *reterr)
{
    const char *prefix = state_of(dest)->prefix;
    int used = snprintf(out, size, "%s%s%s", prefix, prefix[0] && path[0] ? "/" : "", path);

    if (used < 0 || (size_t)used >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the key of '%.200s' is too long", path);
    return 0;
}

void fl_s3_query(struct fl_buf *query, const char *name, const char *value)
{
    fl_buf_printf(query, "%c%s=", query->size ? '&' : '?', name);
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;

        if (isalnum(c) || strchr("-._~", c))
            fl_buf_putc(query, (char)c);
        else
            fl_buf_printf(query, "%%%02X", c);
    }
}

/* Path style: the bucket begins the path; else it is in the host. */
static int place_bucket(struct fl_destination *dest, struct fl_err *reterr)
{
    struct fl_s3 *s3 = state_of(dest);
    struct fl_net *net = &s3->net;
    char base[FL_PATH_MAX];
    const char *host = strstr(net->base, "://") + 3;
    int used;

    (void)snprintf(s3->prefix, sizeof(s3->prefix), "%s", net->root[0] ? net->root + 1 : "");
    if (dest->spec.bucket_in_host) {
        (void)snprintf(base, sizeof(base), "%s", net->base);
        net->root[0] = '\0';
        used = snprintf(net->base, sizeof(net->base), "%.*s%s.%s", (int)(host - net->base), base,
                        dest->spec.bucket, base + (host - net->base));
    } else {
        used = snprintf(net->root, sizeof(net->root), "/%s", dest->spec.bucket);
    }
    if (used >= (int)sizeof(net->base))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the URL is too long");
    used = snprintf(dest->where, sizeof(dest->where), "%s%s%s%s", net->base, net->root,
                    s3->prefix[0] ? "/" : "", s3->prefix);
    return used < (int)sizeof(dest->where)
               ? 0
               : fl_err_set(reterr, FL_E_TOO_BIG, 0, "the URL is too long");
}

static int s3_open(struct fl_destination *dest, struct fl_err *reterr)
{
    int rc;

    dest->inflight = dest->spec.inflight ? dest->spec.inflight : INFLIGHT;
    dest->caps = (struct fl_dest_caps){.kind = "s3",
                                       .move = true,
                                       .list = true,
                                       .resume = true,
                                       .synced = true,
                                       .proof = FL_DEST_PROOF_CHECKSUM};
    rc = fl_net_open(dest, sizeof(struct fl_s3), reterr);
    return rc == 0 ? place_bucket(dest, reterr) : rc;
}

/* One request about the object of a path, or (path NULL) about the bucket. */
static int ask(struct fl_destination *dest, const char *method, const char *path, const char *query,
               const char *const *headers, struct fl_answer *answer, struct fl_err *reterr)
{
    struct fl_http_request request = {.method = method, .headers = headers, .keep_redirects = true};
    char key[FL_PATH_MAX] = "";
    int rc = path ? fl_s3_key(dest, path, key, sizeof(key), reterr) : 0;

    return rc == 0 ? fl_net_ask(dest, key, query, &request, answer, reterr) : rc;
}

/* ---- what is there ---- */

static int ask_page(struct fl_destination *dest, const char *prefix, const char *token,
                    const char *page, struct fl_answer *answer, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf query;
    int rc;

    fl_buf_init(&query, 2 * FL_PATH_MAX);
    fl_s3_query(&query, "list-type", "2");
    fl_s3_query(&query, "max-keys", page);
    fl_s3_query(&query, "prefix", prefix);
    if (token[0])
        fl_s3_query(&query, "continuation-token", token);
    rc = fl_buf_check(&query, reterr);
    if (rc == 0)
        rc = ask(dest, NULL, NULL, query.data, NULL, answer, reterr);
    if (rc == 0)
        rc = fl_net_judge_answer(dest, answer, "list the bucket", reterr);
    if (rc == FL_E_NOENT)
        rc = fl_err_set(reterr, FL_E_CONFIG, 404, "the bucket of %s does not exist", dest->where);
    return rc;
}

/* The prefix of what lies in a folder, with its slash. */
static int folder_prefix(struct fl_destination *dest, const char *path, char *out, size_t size,
                         struct fl_err *reterr)
{
    int rc = fl_s3_key(dest, path, out, size - 1, reterr);

    if (rc == 0 && out[0]) {
        size_t length = strlen(out);

        out[length] = '/';
        out[length + 1] = '\0';
    }
    return rc;
}

static int is_folder(struct fl_destination *dest, const char *path, bool *ret_is,
                     struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    fl_auto(fl_list_release) struct fl_list list = {0};
    char prefix[FL_PATH_MAX];
    char next[FL_S3_ID_MAX];
    int rc = folder_prefix(dest, path, prefix, sizeof(prefix), reterr);

    fl_answer_init(&answer);
    if (rc == 0)
        rc = ask_page(dest, prefix, "", "1", &answer, reterr);
    if (rc == 0)
        rc = fl_s3_take_list(&list, next, sizeof(next), answer.body.data, answer.body.size, reterr);
    *ret_is = list.count > 0;
    return rc;
}

static int s3_stat(struct fl_destination *dest, const char *path, struct fl_dest_stat *ret_stat,
                   struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    char what[300];
    bool folder = false;
    int rc;

    fl_answer_init(&answer);
    (void)snprintf(what, sizeof(what), "look at '%.200s'", path);
    rc = ask(dest, "HEAD", path, NULL, NULL, &answer, reterr);
    if (rc == 0)
        rc = fl_net_judge_answer(dest, &answer, what, reterr);
    if (rc == 0) {
        *ret_stat = (struct fl_dest_stat){.size = answer.length > 0 ? (uint64_t)answer.length : 0,
                                          .modified_s = answer.modified_s};
        return 0;
    }
    if (rc != FL_E_NOENT && rc != FL_E_PERM) /* 403 without the right to list means absent too */
        return rc;
    rc = is_folder(dest, path, &folder, reterr);
    if (rc == 0 && !folder)
        rc = fl_err_set(reterr, FL_E_NOENT, 0, "'%.200s' does not exist at %s", path, dest->where);
    if (rc == 0)
        *ret_stat = (struct fl_dest_stat){.is_folder = true, .modified_s = -1};
    return rc;
}

static int s3_list(struct fl_destination *dest, const char *path, bool hidden, fl_dest_list_fn fn,
                   struct fl_err *reterr, void *arg)
{
    char prefix[FL_PATH_MAX];
    char next[FL_S3_ID_MAX] = "";
    int rc = folder_prefix(dest, path, prefix, sizeof(prefix), reterr);
    bool more = true;

    while (rc == 0 && more) {
        fl_auto(fl_answer_release) struct fl_answer answer;
        fl_auto(fl_list_release) struct fl_list list = {0};

        fl_answer_init(&answer);
        rc = ask_page(dest, prefix, next, PAGE, &answer, reterr);
        if (rc == 0)
            rc = fl_s3_take_list(&list, next, sizeof(next), answer.body.data, answer.body.size,
                                 reterr);
        more = next[0] && list.count > 0;
        for (size_t i = 0; rc == 0 && i < list.count; i++) {
            const char *below = list.entries[i].name + strlen(prefix);

            if (strncmp(list.entries[i].name, prefix, strlen(prefix)) == 0 &&
                fl_path_is_safe(below) && (hidden || !fl_dest_is_hidden(below)))
                rc = fn(below, &list.entries[i].stat, reterr, arg);
        }
    }
    return rc;
}

static int s3_read(struct fl_destination *dest, const char *path, fl_dest_sink_fn sink, void *arg,
                   struct fl_err *reterr)
{
    char key[FL_PATH_MAX];
    int rc = fl_s3_key(dest, path, key, sizeof(key), reterr);

    return rc == 0 ? fl_net_read(dest, key, sink, arg, reterr) : rc;
}

/* ---- changing it ---- */

static int s3_put(struct fl_destination *dest, const char *path, const void *data, size_t size,
                  struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    unsigned char md5[EVP_MAX_MD_SIZE];
    unsigned char text[32];
    char hex[FL_DIGEST_HEX];
    char header[64];
    char meta[FL_DIGEST_HEX + 32];
    const char *headers[] = {header, meta, NULL};
    struct fl_http_request request = {
        .method = "PUT", .headers = headers, .content = size ? data : "", .content_size = size};
    char key[FL_PATH_MAX];
    char what[300];
    int rc = fl_s3_key(dest, path, key, sizeof(key), reterr);

    fl_answer_init(&answer);
    if (!EVP_Digest(data, size, md5, NULL, EVP_md5(), NULL))
        return fl_err_set(reterr, FL_E_BUG, 0, "MD5 is not there");
    (void)EVP_EncodeBlock(text, md5, 16);
    (void)snprintf(header, sizeof(header), "Content-MD5: %s", (char *)text);
    fl_digest_memory(data, size, hex);
    (void)snprintf(meta, sizeof(meta), FL_S3_META ": %s", hex);
    (void)snprintf(what, sizeof(what), "put '%.200s'", path);
    if (rc == 0)
        rc = fl_net_ask(dest, key, NULL, &request, &answer, reterr);
    if (rc == 0)
        rc = fl_net_judge_answer(dest, &answer, what, reterr);
    return rc == FL_E_NOENT ? FL_E_CONFIG : rc;
}

static int s3_remove(struct fl_destination *dest, const char *path, struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    char what[300];
    int rc;

    fl_answer_init(&answer);
    (void)snprintf(what, sizeof(what), "remove '%.200s'", path);
    rc = ask(dest, "DELETE", path, NULL, NULL, &answer, reterr);
    if (rc == 0)
        rc = fl_net_judge_answer(dest, &answer, what, reterr);
    return rc == FL_E_NOENT ? 0 : rc;
}

/* By the store itself, up to 5 GiB; then the old one goes. */
static int s3_move(struct fl_destination *dest, const char *from, const char *to, bool folder,
                   struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    struct fl_dest_stat info;
    char url[2 * FL_PATH_MAX];
    char header[2 * FL_PATH_MAX + 64];
    const char *headers[] = {header, NULL};
    char key[FL_PATH_MAX];
    char what[300];
    const struct fl_net *net = fl_net_of(dest);
    int rc = s3_stat(dest, to, &info, reterr);

    fl_assert(!folder);
    fl_answer_init(&answer);
    if (rc == 0)
        return fl_err_set(reterr, FL_E_EXISTS, 0, "'%.200s' is there already at %s", to,
                          dest->where);
    if (rc != FL_E_NOENT)
        return rc;
    rc = fl_s3_key(dest, from, key, sizeof(key), reterr);
    if (rc == 0)
        rc = fl_net_url(dest, key, "", url, sizeof(url), reterr);
    if (rc < 0)
        return rc;
    (void)snprintf(header, sizeof(header), "x-amz-copy-source: %s%s%s",
                   dest->spec.bucket_in_host ? "/" : "",
                   dest->spec.bucket_in_host ? dest->spec.bucket : "", url + strlen(net->base));
    (void)snprintf(what, sizeof(what), "copy '%.120s' to '%.120s'", from, to);
    rc = ask(dest, "PUT", to, NULL, headers, &answer, reterr);
    if (rc == 0)
        rc = fl_net_judge_answer(dest, &answer, what, reterr);
    if (rc == 0 && fl_s3_is_error(answer.body.data, answer.body.size))
        rc = fl_err_set(reterr, FL_E_AGAIN, 0, "%s at %s: %.300s", what, dest->where,
                        answer.body.data);
    return rc == 0 ? s3_remove(dest, from, reterr) : rc;
}

struct names {
    struct fl_list list;
};

static int keep_name(const char *path, const struct fl_dest_stat *stat, struct fl_err *reterr,
                     void *arg)
{
    struct names *names = arg;

    return fl_list_add(&names->list, path, stat, reterr);
}

static int s3_remove_tree(struct fl_destination *dest, const char *path, struct fl_err *reterr)
{
    struct names names = {0};
    int rc = s3_list(dest, path, true, keep_name, reterr, &names);

    for (size_t i = 0; rc == 0 && i < names.list.count; i++) {
        char below[FL_PATH_MAX];

        rc = fl_dest_join(path, names.list.entries[i].name, below, sizeof(below), reterr);
        if (rc == 0)
            rc = s3_remove(dest, below, reterr);
    }
    fl_list_release(&names.list);
    return rc;
}

const struct fl_dest_driver fl_dest_s3 = {
    .kind = "s3",
    .open = s3_open,
    .close = fl_net_close,
    .start = fl_s3_start,
    .step = fl_s3_step,
    .drop = fl_s3_drop,
    .stat = s3_stat,
    .list = s3_list,
    .read = s3_read,
    .put = s3_put,
    .move = s3_move,
    .remove = s3_remove,
    .remove_tree = s3_remove_tree,
};
