/* Judging answers: is this the index, is this the range. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/pull/job.h"
#include "data-fetch/source/frame.h"

#include "engine/base/banned.h"

bool fl_judge_is_html(const char *body, size_t size)
{
    size_t at = 0;

    while (at < size && body[at] && strchr(" \t\r\n", body[at]))
        at++;
    return at < size && body[at] == '<';
}

enum fl_verdict fl_judge_status(const struct fl_fetch_options *options,
                                const struct fl_http_reply *reply, const char *what,
                                struct fl_err *why)
{
    if (reply->rc < 0 && reply->rc != FL_E_TOO_BIG) {
        (void)fl_err_set(why, reply->rc, 0, "%s: %s", what, reply->why);
        return reply->rc == FL_E_NOMEM ? FL_VERDICT_BROKEN : FL_VERDICT_AGAIN;
    }
    if (fl_manners_is_refusal(reply)) {
        (void)fl_err_set(why, FL_E_NET, 0, "%s: the server refuses us (status %ld)", what,
                         reply->status);
        return FL_VERDICT_LEAVE;
    }
    if (reply->status == 404 || reply->status == 410) {
        (void)fl_err_set(why, FL_E_NOT_YET, 0, "%s: not there (status %ld)", what, reply->status);
        return FL_VERDICT_NOT_YET;
    }
    if (fl_http_status_is_transient(reply->status)) {
        (void)fl_err_set(why, FL_E_NET, 0, "%s: the server answered %ld", what, reply->status);
        return FL_VERDICT_AGAIN;
    }
    if ((reply->status == 200 || reply->status == 206) &&
        fl_judge_is_html(reply->body, reply->size)) {
        if (options->source->html_is_not_yet) {
            (void)fl_err_set(why, FL_E_NOT_YET, 0, "%s: an HTML page with status %ld (not yet)",
                             what, reply->status);
            return FL_VERDICT_NOT_YET;
        }
        (void)fl_err_set(why, FL_E_DATA, 0, "%s: an HTML page with status %ld, not data", what,
                         reply->status);
        return FL_VERDICT_BAD;
    }
    if (reply->status == 416) {
        (void)fl_err_set(why, FL_E_DATA, 0, "%s: the index reaches beyond the end of the file",
                         what);
        return FL_VERDICT_BAD;
    }
    if (reply->status != 200 && reply->status != 206 && reply->status != 412 &&
        reply->status != 304) {
        (void)fl_err_set(why, FL_E_NET, 0, "%s: the server answered %ld", what, reply->status);
        return FL_VERDICT_BAD;
    }
    return FL_VERDICT_GOOD;
}

const char *fl_judge_product(const struct fl_job *job)
{
    const char *name = fl_ask_part_name(job->fetch->options->ask, job->part);

    return *name ? name : "*";
}

/* Much less than in other cycles is a file that was cut short, or is still being written. */
static bool is_short(struct fl_job *job, const char *what, uint64_t bytes, uint64_t messages,
                     struct fl_err *why)
{
    const struct fl_source *source = job->fetch->options->source;
    struct fl_book_size usual;
    struct fl_err odd = {0};
    char text[FL_ERR_TEXT_MAX + 60];

    fl_book_size(job->fetch->book, source->name, job->want->cycle, job->want->source_lead,
                 fl_judge_product(job), &usual);
    switch (fl_history_judge(&source->history, &usual, bytes, messages, &odd)) {
    case FL_HISTORY_REFUSE:
        (void)fl_err_set(why, FL_E_MISMATCH, 0, "%s: %s: it is cut short, or not complete yet",
                         what, odd.text);
        return true;
    case FL_HISTORY_WARN:
        (void)snprintf(text, sizeof(text), "%s: %s", what, odd.text);
        fl_job_note(job, "transfer.odd", text);
        return false;
    case FL_HISTORY_PASS:
        return false;
    }
    return false;
}

enum fl_verdict fl_judge_length(struct fl_job *job, int64_t bytes, struct fl_err *why)
{
    return bytes > 0 && is_short(job, "data", (uint64_t)bytes, 0, why) ? FL_VERDICT_NOT_YET
                                                                       : FL_VERDICT_GOOD;
}

/* What identifies the bytes: path below the mirror, index, the messages, and what is made of
 * them. index NULL: there is none. */
static int identify(struct fl_job *job, const struct fl_http_reply *index, struct fl_err *reterr)
{
    const struct fl_ask *ask = job->fetch->options->ask;
    fl_auto(fl_digest_destroy) struct fl_digest *digest = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc = fl_digest_create(&digest, reterr);

    fl_buf_init(&text, 0);
    if (rc == 0)
        rc = fl_ask_path(ask, job->part, job->want->cycle, job->want->source_lead, &text, reterr);
    if (rc < 0)
        return rc;
    fl_buf_putc(&text, '\n');
    if (!fl_ask_is_plain(ask))
        fl_buf_printf(&text, "%s\n", fl_ask_digest(ask));
    for (size_t i = 0; job->plan && i < job->plan->message_count; i++)
        fl_buf_printf(&text, "%" PRIu64 "\n", job->plan->messages[i].offset);
    rc = fl_buf_check(&text, reterr);
    if (rc < 0)
        return rc;
    fl_digest_add(digest, text.data, text.size);
    if (index)
        fl_digest_add(digest, index->body, index->size);
    fl_digest_finish(digest, job->key);
    return 0;
}

int fl_judge_whole(struct fl_job *job, struct fl_err *reterr)
{
    job->index_lines = 0;
    job->last_offset = 0;
    return identify(job, NULL, reterr);
}

enum fl_verdict fl_judge_index(struct fl_job *job, const struct fl_http_reply *reply,
                               struct fl_err *why)
{
    const struct fl_fetch_options *options = job->fetch->options;
    fl_auto(fl_index_destroy) struct fl_index *index = NULL;
    enum fl_verdict verdict = fl_judge_status(options, reply, "index", why);
    uint64_t gap = options->source->mirrors[job->mirror].per_minute > 0
                       ? options->source->merge_gap_bytes
                       : 0; /* holes are fetched along only where requests are counted */
    struct fl_ask_time time = fl_job_time(job);
    int rc;

    if (verdict != FL_VERDICT_GOOD)
        return verdict;
    if (reply->rc < 0) {
        (void)fl_err_set(why, FL_E_DATA, 0, "index: longer than %zu bytes", FL_INDEX_BYTES_MAX);
        return FL_VERDICT_BAD;
    }
    rc = fl_index_parse_kind(options->source->index_kind, reply->body, reply->size, &index, why);
    if (rc == 0) {
        job->index_lines = fl_index_count(index);
        job->last_offset = 0;
        for (size_t i = 0; i < job->index_lines; i++) {
            uint64_t offset = fl_index_at(index, i)->offset;

            job->last_offset = offset > job->last_offset ? offset : job->last_offset;
        }
        if (is_short(job, "index", 0, job->index_lines, why))
            return FL_VERDICT_NOT_YET;
        rc = fl_ask_plan_of(options->ask, job->part, &time, index, gap, &job->plan, why);
    }
    if (rc == 0)
        rc = identify(job, reply, why);
    if (rc == FL_E_NOMEM)
        return FL_VERDICT_BROKEN;
    return rc < 0 ? FL_VERDICT_BAD : FL_VERDICT_GOOD;
}
