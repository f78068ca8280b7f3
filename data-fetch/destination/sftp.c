/* The driver for SFTP servers.
 * Its version 3 cannot rename onto a file: an older one is moved to a hidden name first, so that
 * for a moment there is none. What the server has on stable storage it does not tell. Errors
 * without a code of their own ("failure") are looked into: is the file system full? */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/list.h"
#include "data-fetch/destination/net.h"

#include "engine/base/banned.h"

#define INFLIGHT 4 /* connections; a server lets ten in that have not yet logged in */
#define QUOTES_MAX 80
#define OLD_KEY "old"

/* Commands of one request, as texts of their own. */
struct quotes {
    char *line[QUOTES_MAX + 1];
    size_t count;
    bool failed;
};

static void quotes_release(struct quotes *quotes)
{
    for (size_t i = 0; i < quotes->count; i++)
        free(quotes->line[i]);
    quotes->count = 0;
    quotes->line[0] = NULL;
}
FL_DEFINE_AUTO_VALUE(struct quotes, quotes_release)

/* A path as a command takes it: absolute, in quotes. */
static void add_path(struct fl_buf *out, const struct fl_destination *dest, const char *path)
{
    const struct fl_net *net = fl_net_of(dest);
    const char *parts[] = {net->root, path[0] || !net->root[0] ? "/" : "", path};

    fl_buf_puts(out, " \"");
    for (size_t i = 0; i < FL_COUNT(parts); i++) {
        for (const char *at = parts[i]; *at; at++) {
            if (*at == '"' || *at == '\\')
                fl_buf_putc(out, '\\');
            fl_buf_putc(out, *at);
        }
    }
    fl_buf_putc(out, '"');
}

/* command: with a '*' before it, its failure does not matter. b may be NULL. */
static void quote(struct quotes *quotes, const struct fl_destination *dest, const char *command,
                  const char *a, const char *b)
{
    struct fl_buf text;

    fl_assert(quotes->count < QUOTES_MAX);
    fl_buf_init(&text, 4 * FL_PATH_MAX);
    fl_buf_puts(&text, command);
    add_path(&text, dest, a);
    if (b)
        add_path(&text, dest, b);
    quotes->failed |= text.failed;
    quotes->line[quotes->count++] = fl_buf_steal(&text);
    quotes->line[quotes->count] = NULL;
    fl_buf_release(&text);
}

/* The folders above a path. */
static void quote_folders(struct quotes *quotes, const struct fl_destination *dest,
                          const char *path)
{
    char folder[FL_PATH_MAX];

    for (size_t i = 0; path[i] && quotes->count < QUOTES_MAX / 2; i++) {
        if (path[i] != '/')
            continue;
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)i, path);
        quote(quotes, dest, "*mkdir", folder, NULL);
    }
}

/* A request that is commands only. */
static struct fl_http_request commands_of(const struct quotes *quotes)
{
    return (struct fl_http_request){
        .method = "HEAD", .before = (const char *const *)quotes->line, .body_max = 1};
}

static int run_quotes(struct fl_destination *dest, const struct quotes *quotes, const char *what,
                      struct fl_answer *answer, struct fl_err *reterr)
{
    struct fl_http_request request = commands_of(quotes);
    int rc = quotes->failed ? fl_err_set(reterr, FL_E_TOO_BIG, 0, "%s: too long a path", what) : 0;

    if (rc == 0)
        rc = fl_net_ask(dest, "", "/", &request, answer, reterr);
    return rc == 0 ? fl_net_judge_answer(dest, answer, what, reterr) : rc;
}

static bool says(const char *why, const char *words)
{
    return why && strstr(why, words);
}

/* ---- jobs ---- */

static int upload(struct fl_dest_job *job, fl_http_done_fn done, struct fl_err *reterr)
{
    struct fl_http_request request = {.source = fl_net_give,
                                      .source_size = job->size,
                                      .resume_from = job->restart ? 0 : -1,
                                      .make_folders = true,
                                      .body_max = 1,
                                      .done = done};

    job->sent = 0;
    return fl_net_start(job, job->hidden, NULL, &request, reterr);
}

static uint64_t space_of(const char *blocks, const char *size)
{
    return blocks && size ? strtoull(blocks, NULL, 10) * strtoull(size, NULL, 10) : UINT64_MAX;
}

/* After a failure without a reason: a full file system is one. */
static void why_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;
    uint64_t space = UINT64_MAX;

    job->transfer = NULL;
    if (reply->rc == 0)
        space = space_of(fl_http_header(reply, "f_bavail"), fl_http_header(reply, "f_frsize"));
    if (space < (uint64_t)job->size)
        fl_dest_job_fail(job, FL_E_NOSPACE, "put '%.300s' at %s: %" PRIu64 " bytes are free there",
                         job->final, job->dest->where, space);
    else
        fl_dest_job_end(job, job->err.code);
}

static int ask_why(struct fl_dest_job *job, struct fl_err *reterr)
{
    fl_auto(quotes_release) struct quotes quotes = {0};
    struct fl_http_request request;

    quote(&quotes, job->dest, "statvfs", "", NULL);
    request = commands_of(&quotes);
    request.done = why_done;
    return fl_net_start(job, "", "/", &request, reterr);
}

static int uploaded(struct fl_dest_job *job, const struct fl_http_reply *reply,
                    struct fl_err *reterr)
{
    char what[400];
    int rc;

    if (reply->rc == 0)
        return 0;
    if (reply->cause == FL_HTTP_CAUSE_LONGER && !job->restart) {
        job->restart = true; /* what is there is longer */
        return 1;
    }
    (void)snprintf(what, sizeof(what), "put '%.300s'", job->final);
    rc = fl_net_judge(job->dest, reply->rc, 0, reply->why, NULL, what, &job->err);
    job->own = rc == FL_E_MISMATCH;
    if (says(reply->why, "Permission denied"))
        rc = job->err.code = FL_E_PERM;
    if (rc == FL_E_NOENT) /* the destination itself is there */
        rc = fl_err_set(&job->err, FL_E_PERM, 0,
                        "%s at %s: its folder cannot be made there (permission denied?): %s", what,
                        job->dest->where, reply->why);
    if (rc == FL_E_NET && reply->cause == FL_HTTP_CAUSE_WRITE)
        return ask_why(job, reterr) < 0 ? rc : 2;
    *reterr = job->err;
    return rc;
}

static int rename_to_final(struct fl_dest_job *job, fl_http_done_fn done, struct fl_err *reterr)
{
    fl_auto(quotes_release) struct quotes quotes = {0};
    struct fl_http_request request;

    quote(&quotes, job->dest, "rename", job->hidden, job->final);
    request = commands_of(&quotes);
    request.done = done;
    return fl_net_start(job, "", "/", &request, reterr);
}

static int quote_replacement(struct quotes *quotes, const struct fl_destination *dest,
                             const char *from, const char *to, struct fl_err *reterr)
{
    char old[FL_PATH_MAX];
    int rc = fl_dest_hidden_name(to, OLD_KEY, old, sizeof(old), reterr);

    if (rc < 0)
        return rc;
    quote(quotes, dest, "*rm", old, NULL);
    quote(quotes, dest, "rename", to, old);
    quote(quotes, dest, "rename", from, to);
    quote(quotes, dest, "*rm", old, NULL);
    return 0;
}

static void replaced(const struct fl_http_reply *reply, void *arg)
{
    struct fl_dest_job *job = arg;

    job->transfer = NULL;
    if (!fl_net_fails(job, reply, "rename"))
        fl_dest_job_end(job, 0);
}

/* Nothing under the hidden name: an earlier try may have done it. */
static void was_renamed(const struct fl_http_reply *reply, void *arg)
{
    const struct fl_dest_job *job = arg;

    fl_net_was_renamed(arg, reply->rc == 0 || (job->size < 0 && reply->rc == FL_E_TOO_BIG));
}

static int renamed(struct fl_dest_job *job, const struct fl_http_reply *reply,
                   struct fl_err *reterr)
{
    fl_auto(quotes_release) struct quotes quotes = {0};
    struct fl_http_request request;
    char range[32];
    int rc;

    if (reply->rc == 0 || reply->cause != FL_HTTP_CAUSE_COMMAND ||
        says(reply->why, "Permission denied")) {
        if (!fl_net_fails(job, reply, "rename"))
            fl_dest_job_end(job, 0);
        return 0;
    }
    if (says(reply->why, "not found") || says(reply->why, "No such file")) {
        request = (struct fl_http_request){.body_max = 1, .done = was_renamed};
        (void)snprintf(range, sizeof(range), "%" PRId64 "-", job->size - 1);
        request.range = job->size > 0 ? range : NULL;
        return fl_net_start(job, job->final, NULL, &request, reterr);
    }
    rc = quote_replacement(&quotes, job->dest, job->hidden, job->final, reterr);
    if (rc < 0)
        return rc;
    request = commands_of(&quotes);
    request.done = replaced;
    return fl_net_start(job, "", "/", &request, reterr);
}

static const struct fl_net_file_ops file_ops = {
    .upload = upload,
    .uploaded = uploaded,
    .rename = rename_to_final,
    .renamed = renamed,
};

static int sftp_start(struct fl_dest_job *job, struct fl_err *reterr)
{
    return fl_net_file_start(job, &file_ops, reterr);
}

/* ---- at once ---- */

static int sftp_open(struct fl_destination *dest, struct fl_err *reterr)
{
    dest->inflight = dest->spec.inflight ? dest->spec.inflight : INFLIGHT;
    dest->caps = (struct fl_dest_caps){.kind = "sftp",
                                       .whole = true,
                                       .hidden = true,
                                       .move = true,
                                       .list = true,
                                       .resume = true,
                                       .space = true,
                                       .proof = dest->spec.trust_size ? FL_DEST_PROOF_NONE
                                                                      : FL_DEST_PROOF_READ};
    return fl_net_open(dest, sizeof(struct fl_net), reterr);
}

/* Entries of one folder. FL_E_NOENT. */
static int list_folder(struct fl_destination *dest, const char *path, struct fl_list *list,
                       struct fl_err *reterr)
{
    fl_auto(fl_answer_release) struct fl_answer answer;
    struct fl_http_request request = {0};
    char what[300];
    int rc;

    fl_answer_init(&answer);
    (void)snprintf(what, sizeof(what), "list folder '%.200s'", path);
    rc = fl_net_ask(dest, path, "/", &request, &answer, reterr);
    if (rc == 0)
        rc = fl_net_judge_answer(dest, &answer, what, reterr);
    if (rc < 0 && (says(answer.why, "not found") || says(answer.why, "No such file")))
        rc = FL_E_NOENT;
    if (rc == FL_E_NOENT && !path[0])
        return fl_err_set(reterr, FL_E_CONFIG, 0, "the folder of %s does not exist", dest->where);
    return rc == 0 ? fl_list_take_long(list, answer.body.data, reterr) : rc;
}

static int sftp_stat(struct fl_destination *dest, const char *path, struct fl_dest_stat *ret_stat,
                     struct fl_err *reterr)
{
    fl_auto(fl_list_release) struct fl_list list = {0};
    const struct fl_list_entry *entry;
    char folder[FL_PATH_MAX];
    int rc;

    fl_dest_folder_of(path, folder, sizeof(folder));
    rc = list_folder(dest, folder, &list, reterr);
    if (rc == FL_E_NOENT) { /* is the root there at all? */
        fl_list_release(&list);
        rc = list_folder(dest, "", &list, reterr);
        if (rc == 0)
            rc = FL_E_NOENT;
    }
    entry = rc == 0 ? fl_list_find(&list, fl_path_base(path)) : NULL;
    if (rc == FL_E_NOENT || (rc == 0 && !entry))
        return fl_err_set(reterr, FL_E_NOENT, 0, "'%.200s' does not exist at %s", path,
                          dest->where);
    if (rc == 0)
        *ret_stat = entry->stat;
    return rc;
}

static int sftp_list(struct fl_destination *dest, const char *path, bool hidden, fl_dest_list_fn fn,
                     struct fl_err *reterr, void *arg)
{
    return fl_list_walk(dest, path, hidden, list_folder, fn, reterr, arg);
}

static int exists_or(struct fl_destination *dest, const char *path, int rc, struct fl_err *reterr)
{
    struct fl_dest_stat info;
    struct fl_err ignored;

    if (sftp_stat(dest, path, &info, &ignored) == 0)
        return fl_err_set(reterr, FL_E_EXISTS, 0, "'%.200s' is there already at %s", path,
                          dest->where);
    return rc;
}

static int sftp_move(struct fl_destination *dest, const char *from, const char *to, bool folder,
                     struct fl_err *reterr)
{
    fl_auto(quotes_release) struct quotes quotes = {0};
    fl_auto(fl_answer_release) struct fl_answer answer;
    char what[300];
    int rc;

    (void)folder;
    fl_answer_init(&answer);
    (void)snprintf(what, sizeof(what), "rename '%.120s' to '%.120s'", from, to);
    quote_folders(&quotes, dest, to);
    quote(&quotes, dest, "rename", from, to);
    rc = run_quotes(dest, &quotes, what, &answer, reterr);
    if (rc < 0 && answer.cause == FL_HTTP_CAUSE_COMMAND) {
        int code = says(answer.why, "not found")           ? FL_E_NOENT
                   : says(answer.why, "Permission denied") ? FL_E_PERM
                                                           : FL_E_IO;

        if (reterr)
            reterr->code = code;
        return code == FL_E_IO ? exists_or(dest, to, code, reterr) : code;
    }
    return rc;
}

static int sftp_put(struct fl_destination *dest, const char *path, const void *data, size_t size,
                    struct fl_err *reterr)
{
    fl_auto(quotes_release) struct quotes quotes = {0};
    fl_auto(fl_answer_release) struct fl_answer answer;
    struct fl_http_request request = {.content = data, .content_size = size, .make_folders = true};
    char hidden[FL_PATH_MAX];
    char what[300];
    int rc = fl_dest_hidden_name(path, "put", hidden, sizeof(hidden), reterr);

    fl_answer_init(&answer);
    (void)snprintf(what, sizeof(what), "put '%.200s'", path);
    if (rc == 0)
        rc = fl_net_ask(dest, hidden, NULL, &request, &answer, reterr);
    if (rc == 0)
        rc = fl_net_judge_answer(dest, &answer, what, reterr);
    if (rc < 0 && says(answer.why, "Permission denied"))
        rc = FL_E_PERM;
    if (rc == 0)
        rc = fl_net_check(dest, hidden, data, size, reterr);
    if (rc < 0)
        return rc;
    rc = sftp_move(dest, hidden, path, false, reterr);
    if (rc != FL_E_EXISTS)
        return rc;
    rc = quote_replacement(&quotes, dest, hidden, path, reterr);
    return rc == 0 ? run_quotes(dest, &quotes, what, &answer, reterr) : rc;
}

static int remove_by(struct fl_destination *dest, const char *command, const char *path,
                     struct fl_err *reterr)
{
    fl_auto(quotes_release) struct quotes quotes = {0};
    fl_auto(fl_answer_release) struct fl_answer answer;
    char what[300];
    int rc;

    fl_answer_init(&answer);
    (void)snprintf(what, sizeof(what), "remove '%.200s'", path);
    quote(&quotes, dest, command, path, NULL);
    rc = run_quotes(dest, &quotes, what, &answer, reterr);
    if (rc < 0 && (says(answer.why, "not found") || says(answer.why, "No such file")))
        return 0;
    if (rc < 0 && says(answer.why, "Permission denied") && reterr)
        rc = reterr->code = FL_E_PERM;
    return rc;
}

static int sftp_remove(struct fl_destination *dest, const char *path, struct fl_err *reterr)
{
    return remove_by(dest, "rm", path, reterr);
}

static int remove_folder(struct fl_destination *dest, const char *path, struct fl_err *reterr)
{
    return remove_by(dest, "rmdir", path, reterr);
}

static int sftp_remove_tree(struct fl_destination *dest, const char *path, struct fl_err *reterr)
{
    return fl_list_remove(dest, path, list_folder, sftp_remove, remove_folder, reterr);
}

static int sftp_space(struct fl_destination *dest, uint64_t *ret_bytes, struct fl_err *reterr)
{
    fl_auto(quotes_release) struct quotes quotes = {0};
    fl_auto(fl_answer_release) struct fl_answer answer;
    int rc;

    fl_answer_init(&answer);
    quote(&quotes, dest, "statvfs", "", NULL);
    rc = run_quotes(dest, &quotes, "ask for the free space", &answer, reterr);
    if (rc < 0 && answer.cause == FL_HTTP_CAUSE_COMMAND)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0, "%s does not tell its free space: %s",
                          dest->where, answer.why);
    if (rc < 0)
        return rc;
    if (!answer.free[0] || !answer.block[0])
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0, "%s does not tell its free space",
                          dest->where);
    *ret_bytes = space_of(answer.free, answer.block);
    return 0;
}

/* Uploads make the folders they need, but not this one. Not every server knows statvfs. */
static int sftp_ready(struct fl_destination *dest, struct fl_err *reterr)
{
    fl_auto(fl_list_release) struct fl_list list = {0};
    struct fl_err ignored = {0};
    uint64_t bytes = 0;
    int rc = sftp_space(dest, &bytes, &ignored);

    if (rc == FL_E_UNSUPPORTED)
        return list_folder(dest, "", &list, reterr);
    if (rc < 0)
        return fl_err_set(reterr, rc, 0, "%s", ignored.text);
    return 0;
}

const struct fl_dest_driver fl_dest_sftp = {
    .kind = "sftp",
    .open = sftp_open,
    .close = fl_net_close,
    .ready = sftp_ready,
    .start = sftp_start,
    .drop = fl_net_drop,
    .stat = sftp_stat,
    .list = sftp_list,
    .read = fl_net_read,
    .put = sftp_put,
    .move = sftp_move,
    .remove = sftp_remove,
    .remove_tree = sftp_remove_tree,
    .space = sftp_space,
};
