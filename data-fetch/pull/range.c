/* Ranges in flight: each message is verified when its last byte has come, written at its place, and
 * noted in the journal, before the next one begins. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/pull/job.h"
#include "data-fetch/source/frame.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define STALL_NS (5 * SECOND_NS)    /* shorter silences are no stall */
#define WHOLE_MAX ((size_t)1 << 40) /* bytes of a file without an index */
#define STALL_PART 20               /* of its own mean rate: below is a stall */

/* ---- making them ---- */

static int open_partial(struct fl_job *job, struct fl_err *reterr)
{
    const struct fl_plan *plan = job->plan;
    const struct fl_ask *ask = job->fetch->options->ask;
    size_t count = plan ? plan->message_count : 1; /* a whole file is one piece */
    uint64_t *sizes = calloc(count ? count : 1, sizeof(*sizes));
    char path[FL_PATH_MAX];
    int rc = 0;

    if (!sizes)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a plan");
    for (size_t i = 0; plan && i < count && fl_ask_is_plain(ask); i++)
        sizes[i] = plan->messages[i].end ? plan->messages[i].end - plan->messages[i].offset : 0;
    if (job->partial.fd < 0) {
        (void)snprintf(path, sizeof(path), "%s/%s", job->fetch->options->folder, job->want->name);
        rc = fl_partial_open(&job->partial, job->fetch->world, path, fl_ask_parts(ask), reterr);
    }
    if (rc == 0)
        rc = fl_partial_plan(&job->partial, job->part, job->key, sizes, count, reterr);
    free(sizes);
    return rc;
}

/* A piece that a killed fetch has brought was looked at then: what it counts for is not known. */
static void count_here(struct fl_job *job, const struct fl_partial_piece *piece)
{
    job->tally.keys = UINT64_MAX;
    job->tally.bytes += piece->size;
    job->tally.messages++;
}

static void add_range(struct fl_job *job, size_t message)
{
    struct fl_range *range = &job->ranges[job->range_count++];

    *range = (struct fl_range){.job = job, .message = message, .stop = message + 1};
    fl_buf_init(&range->bytes, FL_MESSAGE_MAX);
}

int fl_ranges_make(struct fl_job *job, struct fl_err *reterr)
{
    const struct fl_plan *plan = job->plan;
    const struct fl_partial_piece *pieces;
    bool quota = job->fetch->manners.mirrors[job->mirror].per_minute > 0;
    int rc = open_partial(job, reterr);

    if (rc < 0)
        return rc;
    pieces = job->partial.files[job->part].pieces;
    job->ranges = calloc(plan ? plan->message_count + 1 : 1, sizeof(*job->ranges));
    if (!job->ranges)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for ranges");
    job->range_count = job->ranges_done = job->ranges_begun = 0;
    if (!plan && pieces[0].here)
        count_here(job, &pieces[0]);
    else if (!plan)
        add_range(job, 0);
    for (size_t i = 0; plan && i < plan->range_count; i++) {
        const struct fl_plan_range *from = &plan->ranges[i];
        struct fl_range *range = NULL;

        for (size_t k = from->message_first; k < from->message_first + from->message_count; k++) {
            if (pieces[k].here) { /* a killed fetch has brought it */
                count_here(job, &pieces[k]);
                range = NULL;
                continue;
            }
            /* holes are fetched along only where requests are counted */
            if (range && !quota && plan->messages[k - 1].end != plan->messages[k].offset)
                range = NULL;
            if (!range) {
                add_range(job, k);
                range = &job->ranges[job->range_count - 1];
            }
            range->stop = k + 1;
        }
    }
    return 0;
}

void fl_ranges_cancel(struct fl_job *job)
{
    for (size_t i = 0; i < job->range_count; i++) {
        struct fl_range *range = &job->ranges[i];

        if (!range->transfer)
            continue;
        fl_http_cancel(range->transfer);
        range->transfer = NULL;
        range->state = FL_RANGE_WAITING;
        fl_manners_answered(&job->fetch->manners, job->mirror, NULL, NULL, 0);
    }
}

void fl_ranges_free(struct fl_job *job)
{
    fl_ranges_cancel(job);
    for (size_t i = 0; i < job->range_count; i++) {
        fl_buf_release(&job->ranges[i].bytes);
        fl_whole_destroy(job->ranges[i].whole);
    }
    free(job->ranges);
    job->ranges = NULL;
    job->range_count = job->ranges_done = job->ranges_begun = 0;
}

/* ---- the answer begins ---- */

/* Ends the transfer with a verdict. */
static int stop_with(struct fl_range *range, enum fl_verdict verdict, int rc)
{
    range->verdict = verdict;
    return rc;
}

/* "URL ETAG": what the messages on disk came by. */
static void validator_text(const struct fl_job *job, const char *etag, char *text, size_t size)
{
    (void)snprintf(text, size, "%s %s", job->fetch->options->source->mirrors[job->mirror].url,
                   etag);
}

/* Is the file still the one that the first messages came from? */
static bool is_replaced(const struct fl_job *job, const struct fl_http_reply *reply)
{
    const struct fl_partial_file *file = &job->partial.files[job->part];
    const char *url = job->fetch->options->source->mirrors[job->mirror].url;
    char text[FL_PARTIAL_ETAG_MAX];

    if (job->total >= 0 && reply->range_total >= 0 && job->total != reply->range_total)
        return true;
    if (job->etag[0] && reply->etag[0] && strcmp(job->etag, reply->etag) != 0)
        return true;
    if (file->missing == file->count || !file->etag[0])
        return false;
    /* What an earlier round brought: another mirror has other ETags, but the same length. */
    if (file->total >= 0 && reply->range_total >= 0 && file->total != reply->range_total)
        return true;
    validator_text(job, reply->etag, text, sizeof(text));
    return strncmp(file->etag, url, strlen(url)) == 0 && file->etag[strlen(url)] == ' ' &&
           strcmp(file->etag, text) != 0;
}

static int note_validator(struct fl_range *range, const struct fl_http_reply *reply)
{
    struct fl_job *job = range->job;
    char text[FL_PARTIAL_ETAG_MAX];

    if (job->total >= 0)
        return 0;
    (void)snprintf(job->etag, sizeof(job->etag), "%s", reply->etag);
    job->etag_strong = reply->if_range[0] != '\0';
    job->total = reply->range_total;
    validator_text(job, reply->etag, text, sizeof(text));
    return fl_partial_validator(&job->partial, job->part, text, reply->range_total, &range->why);
}

/* The range header against the request. */
static int check_range(struct fl_range *range, const struct fl_http_reply *reply)
{
    const struct fl_job *job = range->job;
    const struct fl_plan_message *last = &job->plan->messages[range->stop - 1];
    int64_t first = (int64_t)job->plan->messages[range->message].offset;
    int64_t end = last->end ? (int64_t)last->end - 1 : reply->range_total - 1;

    if (reply->range_first != first || reply->range_last != end || end < first ||
        (reply->length >= 0 && reply->length != end - first + 1))
        return fl_err_set(&range->why, FL_E_DATA, 0,
                          "data: asked for bytes %" PRId64 "-%" PRId64 ", got %" PRId64 "-%" PRId64
                          " of %" PRId64,
                          first, end, reply->range_first, reply->range_last, reply->range_total);
    if (reply->range_total >= 0 && (uint64_t)reply->range_total <= job->last_offset)
        return fl_err_set(&range->why, FL_E_NOT_YET, 0,
                          "data: the file has %" PRId64 " bytes; the index goes on at byte %" PRIu64
                          ": the one is stale, or the other not complete",
                          reply->range_total, job->last_offset);
    range->at = (uint64_t)first;
    range->end = (uint64_t)end + 1;
    return 0;
}

/* Of a part without an index. */
static int whole_head(struct fl_range *range, const struct fl_http_reply *reply)
{
    range->page = reply->status != 200;
    if (range->page)
        return 0;
    range->job->total = reply->length;
    range->verdict = fl_judge_length(range->job, reply->length, &range->why);
    return range->verdict == FL_VERDICT_GOOD ? 0 : FL_E_MISMATCH;
}

static int range_head(const struct fl_http_reply *reply, void *arg)
{
    struct fl_range *range = arg;
    int rc;

    if (!range->job->plan)
        return whole_head(range, reply);
    if (reply->status == 200 && range->job->etag_strong) {
        (void)fl_err_set(&range->why, FL_E_NET, 0,
                         "data: the file was replaced while it was fetched");
        return stop_with(range, FL_VERDICT_RESTART, FL_E_MISMATCH);
    }
    range->page = reply->status != 206;
    if (range->page)
        return 0;
    if (is_replaced(range->job, reply)) {
        (void)fl_err_set(&range->why, FL_E_NET, 0,
                         "data: the file was replaced while it was fetched");
        return stop_with(range, FL_VERDICT_RESTART, FL_E_MISMATCH);
    }
    rc = check_range(range, reply);
    if (rc == FL_E_NOT_YET)
        return stop_with(range, FL_VERDICT_NOT_YET, FL_E_MISMATCH);
    if (rc < 0)
        return stop_with(range, FL_VERDICT_BAD, FL_E_MISMATCH);
    if (range->job->total < 0 &&
        fl_judge_length(range->job, reply->range_total, &range->why) != FL_VERDICT_GOOD)
        return stop_with(range, FL_VERDICT_NOT_YET, FL_E_MISMATCH);
    rc = note_validator(range, reply);
    return rc < 0 ? stop_with(range, FL_VERDICT_BROKEN, rc) : 0;
}

/* ---- the bytes ---- */

/* Bytes that were found right go to their place. */
static int put_bytes(const void *data, size_t size, void *arg)
{
    struct fl_range *range = arg;
    struct fl_job *job = range->job;
    int rc = fl_partial_write(&job->partial, job->part, range->message, range->emitted, data, size,
                              &range->why);

    if (rc < 0)
        return stop_with(range, FL_VERDICT_BROKEN, rc);
    range->emitted += size;
    return 0;
}

static int take_message(struct fl_range *range, const char *data, size_t size)
{
    struct fl_job *job = range->job;
    const struct fl_plan_message *message = &job->plan->messages[range->message];
    const struct fl_fetch_options *options = job->fetch->options;
    const struct fl_ask_time time = fl_job_time(job);
    int rc;

    range->emitted = 0;
    rc = fl_ask_take(options->ask, job->part, &time, message, data, size, &job->tally, put_bytes,
                     range, &range->why);
    if (rc == FL_E_NOMEM || range->verdict == FL_VERDICT_BROKEN)
        return stop_with(range, FL_VERDICT_BROKEN, rc);
    if (rc < 0) {
        rc = fl_err_note(&range->why, rc, "message %u (':%s:%s:%s:' at byte %" PRIu64 ")",
                         message->number, message->fields[0].variable, message->fields[0].level,
                         message->fields[0].forecast, message->offset);
        return stop_with(range, FL_VERDICT_BAD, rc);
    }
    rc = fl_partial_mark(&job->partial, job->part, range->message, range->emitted,
                         fl_ask_is_plain(options->ask) ? data : NULL, &range->why);
    if (rc < 0)
        return stop_with(range, FL_VERDICT_BROKEN, rc);
    range->message++;
    range->progress = true;
    return 0;
}

/* Something else than the range came: enough of it to tell what. */
static int take_page(struct fl_range *range, const char *data, size_t size)
{
    size_t room = FL_HTTP_PAGE_MAX - range->bytes.size;

    fl_buf_add(&range->bytes, data, size < room ? size : room);
    if (size < room)
        return 0;
    (void)fl_err_set(&range->why, FL_E_DATA, 0,
                     "data: the server sends the whole file, not the "
                     "byte range asked for");
    return stop_with(range, FL_VERDICT_BAD, FL_E_MISMATCH);
}

/* What is refused of a whole file: as much as shows what it is. */
static int refuse_whole(struct fl_range *range, const char *data, size_t size, int rc)
{
    if (range->verdict == FL_VERDICT_BROKEN || rc == FL_E_NOMEM)
        return stop_with(range, FL_VERDICT_BROKEN, rc);
    fl_buf_clear(&range->bytes);
    fl_buf_add(&range->bytes, data, size < FL_HTTP_PAGE_MAX ? size : FL_HTTP_PAGE_MAX);
    rc = fl_err_note(&range->why, rc, "data");
    return stop_with(range, FL_VERDICT_BAD, rc);
}

static int take_whole(struct fl_range *range, const char *data, size_t size)
{
    const struct fl_source *source = range->job->fetch->options->source;
    bool first = range->at == 0;
    int rc;

    range->at += size;
    if (first && source->html_is_not_yet && fl_judge_is_html(data, size)) {
        (void)fl_err_set(&range->why, FL_E_NOT_YET, 0,
                         "data: an HTML page with status 200 (not yet)");
        return stop_with(range, FL_VERDICT_NOT_YET, FL_E_NOT_YET);
    }
    rc = fl_whole_add(range->whole, data, size, &range->why);
    return rc < 0 ? refuse_whole(range, data, size, rc) : 0;
}

/* The file has come to its end. */
static void end_whole(struct fl_range *range)
{
    struct fl_job *job = range->job;
    int rc = fl_whole_end(range->whole, &range->why);

    if (rc < 0) {
        (void)refuse_whole(range, NULL, 0, rc);
        return;
    }
    rc = fl_partial_mark(&job->partial, job->part, 0, range->emitted, NULL, &range->why);
    if (rc < 0) {
        (void)stop_with(range, FL_VERDICT_BROKEN, rc);
        return;
    }
    range->message = range->stop;
    range->progress = true;
}

static int range_sink(const void *arg_data, size_t size, void *arg)
{
    struct fl_range *range = arg;
    const char *data = arg_data;

    if (range->page)
        return take_page(range, data, size);
    if (!range->job->plan)
        return take_whole(range, data, size);
    while (size > 0 && range->message < range->stop) {
        const struct fl_plan_message *message = &range->job->plan->messages[range->message];
        uint64_t end = message->end ? message->end : range->end;
        uint64_t skip = message->offset > range->at ? message->offset - range->at : 0;
        uint64_t left = end - (range->at > message->offset ? range->at : message->offset);
        size_t n = size;
        int rc = 0;

        if (skip > 0) { /* a hole that was fetched along */
            n = skip < size ? (size_t)skip : size;
        } else {
            n = left < size ? (size_t)left : size;
            if (range->bytes.size == 0 && n == left) { /* all of it, in one piece */
                rc = take_message(range, data, n);
            } else {
                fl_buf_add(&range->bytes, data, n);
                if (range->bytes.failed) {
                    (void)fl_err_set(&range->why, FL_E_TOO_BIG, 0,
                                     "message %u is longer than %zu bytes", message->number,
                                     FL_MESSAGE_MAX);
                    return stop_with(range, FL_VERDICT_BAD, FL_E_TOO_BIG);
                }
                if (n == left) {
                    rc = take_message(range, range->bytes.data, range->bytes.size);
                    if (rc == 0) /* a refused message stays, to be kept aside */
                        fl_buf_clear(&range->bytes);
                }
            }
        }
        if (rc < 0)
            return rc;
        data += n;
        size -= n;
        range->at += n;
    }
    return 0;
}

/* ---- the end of a request ---- */

static void range_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_range *range = arg;
    struct fl_job *job = range->job;
    struct fl_http_reply shown = *reply;
    enum fl_verdict verdict = range->verdict;
    struct fl_err why = {0};
    char told[300];

    range->transfer = NULL;
    range->state = FL_RANGE_WAITING;
    fl_manners_answered(&job->fetch->manners, job->mirror, reply, told, sizeof(told));
    if (told[0])
        fl_job_note(job, "transfer.manners", told);
    if (!job->plan && verdict == FL_VERDICT_GOOD && reply->status == 200 && reply->rc == 0) {
        end_whole(range);
        verdict = range->verdict;
    } else if (verdict == FL_VERDICT_GOOD && reply->status != (job->plan ? 206 : 200)) {
        if (range->page && range->bytes.size > 0) {
            shown.body = range->bytes.data;
            shown.size = range->bytes.size;
        }
        verdict = fl_judge_status(job->fetch->options, &shown, "data", &range->why);
        if (verdict == FL_VERDICT_GOOD && reply->status == 304 && job->known) {
            verdict = FL_VERDICT_SAME;
        } else if (verdict == FL_VERDICT_GOOD) {
            verdict = reply->status == 412 ? FL_VERDICT_RESTART : FL_VERDICT_BAD;
            (void)fl_err_set(&range->why, FL_E_DATA, 0,
                             "data: the server did not keep to the byte range (status %ld)",
                             reply->status);
        }
    } else if (verdict == FL_VERDICT_GOOD && range->message < range->stop) {
        verdict = FL_VERDICT_AGAIN;
        (void)fl_err_set(&range->why, reply->rc < 0 ? reply->rc : FL_E_NET, 0, "data: %s",
                         reply->rc < 0 ? reply->why : "the answer ended early");
        if (reply->rc == FL_E_TOO_BIG)
            verdict = FL_VERDICT_BAD;
    }
    if (range->why.code < 0)
        (void)fl_err_set(&why, range->why.code, range->why.foreign, "%s: %s",
                         job->fetch->options->source->mirrors[job->mirror].url, range->why.text);
    fl_job_act_range(range, verdict, reply, &why);
}

/* The range header, and how long the answer may be. */
static size_t ask_range(const struct fl_range *range, char *text, size_t size)
{
    const struct fl_plan *plan = range->job->plan;
    const struct fl_plan_range asked = {.first = plan->messages[range->message].offset,
                                        .end = plan->messages[range->stop - 1].end};
    size_t most = asked.end ? (size_t)(asked.end - asked.first) : FL_MESSAGE_MAX;

    fl_plan_range_text(&asked, text, size);
    return most < FL_HTTP_PAGE_MAX ? FL_HTTP_PAGE_MAX : most;
}

/* A whole file comes from its beginning. */
static int begin_whole(struct fl_range *range, struct fl_err *reterr)
{
    struct fl_job *job = range->job;
    const struct fl_ask_time time = fl_job_time(job);
    const uint64_t size = 0;
    int rc = 0;

    if (range->whole) { /* what an earlier try brought of it is of no use */
        rc = fl_partial_forget(&job->partial, job->part, reterr);
        if (rc == 0)
            rc = fl_partial_plan(&job->partial, job->part, job->key, &size, 1, reterr);
    }
    if (rc < 0)
        return rc;
    fl_whole_destroy(range->whole);
    range->whole = NULL;
    range->at = range->emitted = 0;
    return fl_whole_create(job->fetch->options->ask, job->part, &time, &job->tally, put_bytes,
                           range, &range->whole, reterr);
}

int fl_range_start(struct fl_range *range, struct fl_err *reterr)
{
    struct fl_job *job = range->job;
    struct fl_http_request request = {
        .head = range_head, .sink = range_sink, .done = range_done, .arg = range};
    const struct fl_http_tls tls = {.ca = job->fetch->options->ca};
    fl_auto(fl_buf_release) struct fl_buf url;
    char match[FL_HTTP_ETAG_MAX + 32];
    const char *headers[] = {match, NULL};
    char text[64];
    int rc;

    fl_buf_init(&url, 0);
    rc = fl_job_url(job, false, &url, reterr);
    if (rc == 0 && !job->plan)
        rc = begin_whole(range, reterr);
    if (rc < 0)
        return rc;
    request.url = url.data;
    request.body_max = WHOLE_MAX;
    if (job->plan) {
        request.body_max = ask_range(range, text, sizeof(text));
        request.range = text;
        request.if_range = job->etag_strong ? job->etag : NULL;
    }
    request.tls = tls.ca ? &tls : NULL;
    request.http2 = job->fetch->manners.mirrors[job->mirror].http2;
    if (job->known) {
        (void)snprintf(match, sizeof(match), "If-None-Match: %.200s", job->known->etag);
        request.headers = headers;
    }
    fl_buf_clear(&range->bytes);
    range->verdict = FL_VERDICT_GOOD;
    range->why = (struct fl_err){0};
    range->page = range->progress = false;
    range->seen_bytes = 0;
    range->start_ns = range->seen_ns = fl_world_mono_ns(job->fetch->world);
    rc = fl_http_start(job->fetch->http, &request, &range->transfer, reterr);
    if (rc == 0)
        range->state = FL_RANGE_ASKING;
    return rc;
}

/* ---- stalls ---- */

/* True when for a while next to nothing came of what its own mean rate promises. */
static bool has_stalled(struct fl_range *range, int64_t now)
{
    struct fl_http_stats stats;
    double mean, fresh;

    fl_http_stats(range->transfer, &stats);
    if (stats.bytes == 0) /* nothing yet: the time limits of connecting and answering hold */
        return false;
    if (range->seen_bytes > 0 && now - range->seen_ns < STALL_NS)
        return false;
    mean = (double)range->seen_bytes / (double)(range->seen_ns - range->start_ns + SECOND_NS);
    fresh = (double)(stats.bytes - range->seen_bytes) / (double)(now - range->seen_ns + 1);
    range->seen_bytes = stats.bytes;
    range->seen_ns = now;
    return fresh * STALL_PART < mean;
}

void fl_ranges_look_for_stalls(struct fl_fetch *fetch)
{
    int64_t now = fl_world_mono_ns(fetch->world);

    for (size_t i = 0; i < fetch->count; i++) {
        struct fl_job *job = &fetch->jobs[i];

        for (size_t k = 0; job->state == FL_JOB_RANGES && k < job->range_count; k++) {
            struct fl_range *range = &job->ranges[k];
            struct fl_err why = {0};

            if (!range->transfer || !has_stalled(range, now))
                continue;
            fl_http_cancel(range->transfer);
            range->transfer = NULL;
            range->state = FL_RANGE_WAITING;
            fl_manners_answered(&fetch->manners, job->mirror, NULL, NULL, 0);
            (void)fl_err_set(&why, FL_E_TIMEOUT, 0, "%s: data: stalled",
                             fetch->options->source->mirrors[job->mirror].url);
            fl_job_act_range(range, FL_VERDICT_AGAIN, NULL, &why);
        }
    }
}
