/* Judging answers: is this the index, is this the range. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/pull/job.h"
#include "data-fetch/source/frame.h"

#include "engine/base/banned.h"

#define COUNT_KNOWN_MIN 3 /* cycles that make an experience */
#define COUNT_PERCENT 80  /* of the median number of lines: fewer are a file cut short */

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

/* Holds the lines of the index against the request, before anything is fetched by them. */
static int check_lines(const struct fl_index *index, const struct fl_plan *plan,
                       const struct fl_fetch_want *want, struct fl_err *why)
{
    char found[FL_TIME_TEXT_MAX];
    char wanted[FL_TIME_TEXT_MAX];

    for (size_t i = 0; i < fl_index_count(index); i++) {
        struct fl_cycle cycle = fl_index_at(index, i)->cycle;

        if (cycle.s == want->cycle.s)
            continue;
        fl_cycle_format(cycle, found);
        fl_cycle_format(want->cycle, wanted);
        return fl_err_set(why, FL_E_MISMATCH, 0,
                          "the index is of cycle %s (line %zu); asked for was %s", found, i + 1,
                          wanted);
    }
    for (size_t i = 0; i < plan->message_count; i++) {
        for (size_t k = 0; k < plan->messages[i].count; k++) {
            const struct fl_plan_field *field = &plan->messages[i].fields[k];
            struct fl_lead lead = {0};

            if (fl_index_forecast(field->forecast, &lead) &&
                fl_cycle_add(want->cycle, lead).s != want->valid.s) {
                fl_cycle_format(want->valid, wanted);
                return fl_err_set(why, FL_E_MISMATCH, 0,
                                  "the index says ':%s:%s:%s:' where a field valid at %s was "
                                  "asked for",
                                  field->variable, field->level, field->forecast, wanted);
            }
        }
    }
    return 0;
}

/* An index much shorter than those of other cycles stands beside a file that was cut short, or is
 * still being written. */
static bool is_short(struct fl_job *job, struct fl_err *why)
{
    const char *source = job->fetch->options->source->name;
    struct fl_book_size usual;

    fl_book_size(job->fetch->book, source, job->want->cycle, job->want->source_lead, "*", &usual);
    if (usual.count < COUNT_KNOWN_MIN || job->index_lines * 100 >= usual.messages * COUNT_PERCENT)
        return false;
    (void)fl_err_set(why, FL_E_NOT_YET, 0,
                     "index: %zu fields; other cycles had %" PRIu64
                     ": the file is cut short, or not complete yet",
                     job->index_lines, usual.messages);
    return true;
}

/* What identifies the bytes: index and selection, and (as key) the path below the mirror. */
static int identify(struct fl_job *job, const struct fl_http_reply *reply, struct fl_err *reterr)
{
    fl_auto(fl_digest_destroy) struct fl_digest *digest = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc = fl_digest_create(&digest, reterr);

    fl_buf_init(&text, 0);
    if (rc == 0)
        rc = fl_source_path(job->fetch->options->source, job->want->cycle, job->want->source_lead,
                            &text, reterr);
    if (rc < 0)
        return rc;
    fl_buf_putc(&text, '\n');
    for (size_t i = 0; i < job->plan->message_count; i++)
        fl_buf_printf(&text, "%" PRIu64 "\n", job->plan->messages[i].offset);
    rc = fl_buf_check(&text, reterr);
    if (rc < 0)
        return rc;
    fl_digest_add(digest, text.data, text.size);
    fl_digest_add(digest, reply->body, reply->size);
    fl_digest_finish(digest, job->key);
    return 0;
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
        if (is_short(job, why))
            return FL_VERDICT_NOT_YET;
        rc = fl_plan_make(index, options->select, gap, &job->plan, why);
    }
    if (rc == 0)
        rc = check_lines(index, job->plan, job->want, why);
    if (rc == 0)
        rc = identify(job, reply, why);
    if (rc == FL_E_NOMEM)
        return FL_VERDICT_BROKEN;
    return rc < 0 ? FL_VERDICT_BAD : FL_VERDICT_GOOD;
}
