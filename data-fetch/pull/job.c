/* Judging answers: is this the index, are these the messages. */
#include "config.h"

#include "data-fetch/pull/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/source/frame.h"
#include "data-fetch/source/message.h"

#include "engine/base/banned.h"

static bool is_html(const struct fl_http_reply *reply)
{
    size_t at = 0;

    while (at < reply->size && strchr(" \t\r\n", reply->body[at]) && reply->body[at])
        at++;
    return at < reply->size && reply->body[at] == '<';
}

/* What every answer shares. GOOD: status 200 or 206 with a body to look at. */
static enum fl_verdict judge_status(const struct fl_fetch_options *options,
                                    const struct fl_http_reply *reply, const char *what,
                                    struct fl_err *why)
{
    if (reply->rc < 0 && reply->rc != FL_E_TOO_BIG) {
        (void)fl_err_set(why, reply->rc, 0, "%s: %s", what, reply->why);
        return reply->rc == FL_E_NOMEM ? FL_VERDICT_BROKEN : FL_VERDICT_AGAIN;
    }
    if (reply->status == 404 || reply->status == 410) {
        (void)fl_err_set(why, FL_E_NOT_YET, 0, "%s: not there (status %ld)", what, reply->status);
        return FL_VERDICT_NOT_YET;
    }
    if (fl_http_status_is_transient(reply->status)) {
        (void)fl_err_set(why, FL_E_NET, 0, "%s: the server answered %ld", what, reply->status);
        return FL_VERDICT_AGAIN;
    }
    if ((reply->status == 200 || reply->status == 206) && is_html(reply)) {
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
    if (reply->status != 200 && reply->status != 206 && reply->status != 412) {
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

enum fl_verdict fl_job_take_index(struct fl_job *job, const struct fl_fetch_options *options,
                                  const struct fl_http_reply *reply, struct fl_err *why)
{
    fl_auto(fl_index_destroy) struct fl_index *index = NULL;
    enum fl_verdict verdict = judge_status(options, reply, "index", why);
    int rc;

    if (verdict != FL_VERDICT_GOOD)
        return verdict;
    if (reply->rc < 0) {
        (void)fl_err_set(why, FL_E_DATA, 0, "index: longer than %zu bytes", FL_INDEX_BYTES_MAX);
        return FL_VERDICT_BAD;
    }
    rc = fl_index_parse(reply->body, reply->size, &index, why);
    if (rc == 0)
        rc =
            fl_plan_make(index, options->select, options->source->merge_gap_bytes, &job->plan, why);
    if (rc == 0)
        rc = check_lines(index, job->plan, job->want, why);
    if (rc == FL_E_NOMEM)
        return FL_VERDICT_BROKEN;
    if (rc < 0) {
        fl_plan_destroy(job->plan);
        job->plan = NULL;
        return FL_VERDICT_BAD;
    }
    job->range = 0;
    job->etag[0] = '\0';
    job->total = -1;
    return FL_VERDICT_GOOD;
}

size_t fl_job_range_max(const struct fl_job *job)
{
    const struct fl_plan_range *range = &job->plan->ranges[job->range];

    return range->end ? (size_t)(range->end - range->first) : FL_MESSAGE_MAX;
}

/* The range header against the request. */
static int check_range(struct fl_job *job, const struct fl_http_reply *reply, struct fl_err *why)
{
    const struct fl_plan_range *range = &job->plan->ranges[job->range];
    int64_t last = range->end ? (int64_t)range->end - 1 : reply->range_total - 1;

    if (reply->range_first != (int64_t)range->first || reply->range_last != last ||
        (int64_t)reply->size != last - (int64_t)range->first + 1)
        return fl_err_set(why, FL_E_DATA, 0,
                          "asked for bytes %" PRIu64 "-%" PRId64 ", got %" PRId64 "-%" PRId64
                          " of %" PRId64 " in %zu bytes",
                          range->first, last, reply->range_first, reply->range_last,
                          reply->range_total, reply->size);
    return 0;
}

/* Checks each message of the range and appends it to the temporary file. */
static int take_messages(struct fl_job *job, const struct fl_http_reply *reply, struct fl_err *disk,
                         struct fl_err *why)
{
    const struct fl_plan_range *range = &job->plan->ranges[job->range];
    uint64_t stop = (uint64_t)reply->range_last + 1;

    for (size_t i = 0; i < range->message_count; i++) {
        const struct fl_plan_message *message = &job->plan->messages[range->message_first + i];
        uint64_t end = message->end ? message->end : stop;
        const char *data;
        size_t size;
        struct fl_message_want want = {.cycle = job->want->cycle,
                                       .valid = job->want->valid,
                                       .fields = message->fields,
                                       .count = message->count};
        int rc;

        if (message->offset >= stop || end > stop)
            return fl_err_set(why, FL_E_DATA, 0,
                              "the file ends at byte %" PRIu64 ", within message %u of the index",
                              stop, message->number);
        data = reply->body + (message->offset - range->first);
        size = (size_t)(end - message->offset);
        rc = fl_message_check(data, size, &want, why);
        if (rc < 0)
            return fl_err_note(why, rc, "message %u (':%s:%s:%s:' at byte %" PRIu64 ")",
                               message->number, message->fields[0].variable,
                               message->fields[0].level, message->fields[0].forecast,
                               message->offset);
        disk->code = fl_incoming_add(&job->incoming, data, size, disk);
        if (disk->code < 0)
            return disk->code;
    }
    return 0;
}

enum fl_verdict fl_job_take_range(struct fl_job *job, const struct fl_fetch_options *options,
                                  const struct fl_world *world, const struct fl_http_reply *reply,
                                  struct fl_err *why)
{
    enum fl_verdict verdict = judge_status(options, reply, "data", why);
    struct fl_err disk = {0};
    char path[FL_PATH_MAX];
    int rc;

    if (verdict != FL_VERDICT_GOOD)
        return verdict;
    if (reply->status == 412 || (reply->status == 200 && job->etag[0]) ||
        (job->etag[0] && reply->if_range[0] && strcmp(job->etag, reply->if_range) != 0) ||
        (job->total >= 0 && reply->range_total >= 0 && job->total != reply->range_total)) {
        (void)fl_err_set(why, FL_E_NET, 0, "data: the file was replaced while it was fetched");
        return FL_VERDICT_RESTART;
    }
    if (reply->status == 200 || reply->rc < 0) {
        (void)fl_err_set(why, FL_E_DATA, 0,
                         "data: the server did not keep to the byte range (status %ld)",
                         reply->status);
        return FL_VERDICT_BAD;
    }
    rc = check_range(job, reply, why);
    if (rc == 0 && job->incoming.fd < 0) {
        (void)snprintf(path, sizeof(path), "%s/%s", options->folder, job->want->name);
        if (fl_incoming_open(&job->incoming, world, path, why) < 0)
            return FL_VERDICT_BROKEN;
    }
    if (rc == 0)
        rc = take_messages(job, reply, &disk, why);
    if (disk.code < 0) {
        *why = disk;
        return FL_VERDICT_BROKEN;
    }
    if (rc < 0)
        return rc == FL_E_NOMEM ? FL_VERDICT_BROKEN : FL_VERDICT_BAD;
    (void)snprintf(job->etag, sizeof(job->etag), "%s", reply->if_range);
    job->total = reply->range_total;
    job->range++;
    return FL_VERDICT_GOOD;
}

void fl_job_reset(struct fl_job *job)
{
    fl_plan_destroy(job->plan);
    job->plan = NULL;
    job->range = 0;
    job->etag[0] = '\0';
    job->total = -1;
    fl_incoming_drop(&job->incoming);
    job->incoming = (struct fl_incoming){.fd = -1};
}
