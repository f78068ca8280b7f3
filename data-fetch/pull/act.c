/* What becomes of a lead after an answer: go on, wait, another mirror, or the end. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/pull/incoming.h"
#include "data-fetch/pull/job.h"
#include "data-fetch/source/plan.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define BACKOFF_NS (SECOND_NS / 4)
#define HELD_NS (SECOND_NS / 2) /* between two looks at what another process fetches */
#define REFUSED_BYTES_MAX ((size_t)64 * 1024 * 1024)

static int64_t now_ns(const struct fl_job *job)
{
    return fl_world_mono_ns(job->fetch->world);
}

void fl_job_note(const struct fl_job *job, const char *event, const char *text)
{
    if (job->fetch->options->note)
        job->fetch->options->note(job->want, event, text, job->fetch->options->arg);
}

void fl_run_failed(struct fl_fetch *fetch, int rc, const struct fl_err *err)
{
    if (fetch->rc < 0)
        return;
    fetch->rc = rc;
    fetch->err = *err;
}

static void wait_until(struct fl_job *job, int64_t at_ns)
{
    job->state = FL_JOB_WAITING;
    job->at_ns = at_ns;
}

void fl_job_reset(struct fl_job *job)
{
    if (job->transfer) {
        fl_http_cancel(job->transfer);
        job->transfer = NULL;
        fl_manners_answered(&job->fetch->manners, job->mirror, NULL, NULL, 0);
    }
    fl_ranges_free(job);
    fl_plan_destroy(job->plan);
    job->plan = NULL;
    free(job->known);
    job->known = NULL;
    if (job->leased)
        fl_book_release(job->fetch->book, job->key);
    job->leased = false;
    job->etag[0] = '\0';
    job->etag_strong = false;
    job->total = -1;
}

void fl_job_ended(struct fl_job *job, int rc, const char *path, uint64_t size, bool reused)
{
    struct fl_fetch *fetch = job->fetch;
    struct fl_err err = {0};
    struct fl_fetch_end end = {.want = job->want,
                               .rc = rc,
                               .why = job->last.text,
                               .path = path,
                               .size = size,
                               .reused = reused,
                               .wait_ns = now_ns(job) - fetch->start_ns};

    fl_job_reset(job);
    if (fl_err_class(rc) == FL_CLASS_DATA)
        fl_partial_drop(&job->partial);
    else
        fl_partial_leave(&job->partial); /* for the next time */
    job->state = FL_JOB_ENDED;
    fetch->ended++;
    rc = fetch->options->end(&end, &err, fetch->options->arg);
    if (rc < 0)
        fl_run_failed(fetch, rc, &err);
}

static void job_broken(struct fl_job *job, const struct fl_err *err)
{
    fl_job_reset(job);
    fl_partial_leave(&job->partial);
    job->state = FL_JOB_ENDED;
    job->fetch->ended++;
    fl_run_failed(job->fetch, err->code, err);
}

static void job_next_mirror(struct fl_job *job);
static void job_reason(struct fl_job *job, const struct fl_err *why);

/* ---- whole ---- */

/* All has come, and it is not what was asked for. */
static void job_unfit(struct fl_job *job, const struct fl_err *why)
{
    struct fl_err told = {0};

    (void)fl_err_set(&told, why->code, 0, "%s: %s",
                     job->fetch->options->source->mirrors[job->mirror].url, why->text);
    fl_job_note(job, "transfer.refused", told.text);
    job_reason(job, &told);
    fl_ranges_free(job);
    fl_partial_drop(&job->partial);
    job_next_mirror(job);
}

/* What later cycles are told of the source's file. */
static void tell_size(struct fl_job *job)
{
    struct fl_fetch *fetch = job->fetch;

    if (job->total > 0)
        fl_book_sized(fetch->book, fetch->options->source->name, job->want->cycle,
                      job->want->source_lead, fl_judge_product(job), (uint64_t)job->total,
                      job->index_lines);
}

/* What the site is told of our file. */
static void tell_book(struct fl_job *job, const char *path, const char *hex, uint64_t size)
{
    struct fl_fetch *fetch = job->fetch;
    char *full = realpath(path, NULL);

    if (full && fl_ask_parts(fetch->options->ask) == 1)
        fl_book_whole(fetch->book, job->key, job->etag, full, hex, size);
    free(full);
}

/* The file is complete in its hidden place: give it its name and a record. */
static void job_publish(struct fl_job *job)
{
    struct fl_fetch *fetch = job->fetch;
    struct fl_err err = {0};
    char hex[FL_DIGEST_HEX];
    char path[FL_PATH_MAX];
    uint64_t size = 0;
    struct fl_ask_time time = fl_job_time(job);
    int rc;

    rc = fl_ask_end(fetch->options->ask, &job->tally, &err);
    if (rc == 0)
        rc = fl_partial_finish(&job->partial, hex, &size, &err);
    if (rc == 0)
        rc = fl_ask_look(fetch->options->ask, fetch->world, &time, job->partial.temp, &err);
    if (fl_err_class(rc) == FL_CLASS_DATA) {
        job_unfit(job, &err);
        return;
    }
    (void)snprintf(path, sizeof(path), "%s", job->partial.path);
    if (rc == 0)
        rc = fl_partial_settle(&job->partial, &err);
    if (rc == 0)
        rc = fl_job_record(fetch->world, fetch->options, job->want, hex, size, &err);
    if (rc < 0) {
        job_broken(job, &err);
        return;
    }
    tell_book(job, path, hex, size);
    fl_job_ended(job, 0, path, size, false);
}

/* The present part is here: the next one, or the end. */
static void part_done(struct fl_job *job)
{
    if (job->plan || job->range_count > 0)
        tell_size(job);
    if (job->part + 1 == fl_ask_parts(job->fetch->options->ask)) {
        job_publish(job);
        return;
    }
    fl_job_reset(job);
    job->part++;
    job->tries = 0;
    wait_until(job, now_ns(job));
}

/* The source confirms that a file of this site is what it has: copied, and proved by its digest.
 * When it is not what the book says, the book forgets it and the ranges are fetched. */
static void job_copy(struct fl_job *job)
{
    struct fl_fetch *fetch = job->fetch;
    struct fl_book_file known = *job->known;
    struct fl_err err = {0};
    char hex[FL_DIGEST_HEX];
    char path[FL_PATH_MAX];
    char temp[FL_PATH_MAX];
    uint64_t size = 0;
    int rc;

    (void)snprintf(path, sizeof(path), "%s/%s", fetch->options->folder, job->want->name);
    rc = fl_file_incoming(fetch->world, path, temp, sizeof(temp), &err);
    if (rc == 0)
        rc = fl_file_copy(fetch->world, known.path, temp, &err);
    if (rc == 0)
        rc = fl_file_digest(fetch->world, temp, hex, &size, &err);
    if (rc == 0 && (strcmp(hex, known.sha256) != 0 || size != known.size))
        rc = FL_E_MISMATCH;
    if (rc < 0) {
        (void)fl_file_remove(fetch->world, temp, NULL); /* hidden */
        fl_book_forget(fetch->book, job->key);
        free(job->known);
        job->known = NULL;
        return;
    }
    rc = fl_file_settle(fetch->world, temp, path, &err);
    if (rc == 0)
        rc = fl_job_record(fetch->world, fetch->options, job->want, hex, size, &err);
    fl_ranges_free(job);
    fl_partial_drop(&job->partial);
    if (rc < 0)
        job_broken(job, &err);
    else
        fl_job_ended(job, 0, path, size, true);
}

/* ---- not this time ---- */

/* A data error says more than "not there yet": it is kept as the round's reason. */
static void job_reason(struct fl_job *job, const struct fl_err *why)
{
    if (job->last.code == 0 || fl_err_class(job->last.code) != FL_CLASS_DATA ||
        fl_err_class(why->code) == FL_CLASS_DATA)
        job->last = *why;
}

/* Leads before this one of the same cycle that are not there either. */
static size_t leads_ahead(const struct fl_job *job)
{
    size_t count = 0;

    for (const struct fl_job *other = job->fetch->jobs; other < job; other++)
        count += other->state == FL_JOB_WAITING && other->was_absent &&
                 other->want->cycle.s == job->want->cycle.s;
    return count;
}

/* The present mirror has not got it: the next one, or the next round, or the end. */
static void job_next_mirror(struct fl_job *job)
{
    struct fl_fetch *fetch = job->fetch;
    int64_t now = now_ns(job);
    int64_t end_ns = fetch->start_ns + job->want->give_up_ns;
    int64_t look_ns;

    fl_job_reset(job);
    job->tries = 0;
    job->restarts = 0;
    job->part = 0; /* what has come of it is known again by its index */
    if (++job->mirror < fetch->options->source->mirror_count) {
        wait_until(job, now);
        return;
    }
    job->mirror = 0;
    if (now >= end_ns) {
        fl_job_ended(job, job->last.code, NULL, 0, false);
        return;
    }
    if (strncmp(job->told, job->last.text, sizeof(job->told) - 1) != 0) {
        (void)snprintf(job->told, sizeof(job->told), "%s", job->last.text);
        fl_job_note(job, "transfer.waiting", job->last.text); /* once a reason, not once a look */
    }
    job->was_absent = job->was_absent || job->last.code == FL_E_NOT_YET;
    job->last.code = 0;
    look_ns = fl_manners_look_ns(&fetch->manners, job->want->cycle, job->want->source_lead,
                                 fl_world_utc_ns(fetch->world) / SECOND_NS, fetch->options->poll_ns,
                                 leads_ahead(job));
    wait_until(job, now + look_ns < end_ns ? now + look_ns : end_ns);
}

/* Full jitter; the first time nearly at once. */
static int64_t backoff(const struct fl_job *job, int tries)
{
    uint32_t dice = UINT32_MAX;

    (void)fl_world_random(job->fetch->world, &dice, sizeof(dice), NULL); /* else the longest */
    return (int64_t)((double)(BACKOFF_NS << tries) * ((double)dice / (double)UINT32_MAX));
}

/* 429 and 503 speak for the whole mirror: with another one at hand, that is asked. */
static bool is_overloaded(const struct fl_job *job, const struct fl_http_reply *reply)
{
    return reply && (reply->status == 429 || reply->status == 503) &&
           job->mirror + 1 < job->fetch->options->source->mirror_count;
}

static void keep_aside(struct fl_job *job, const char *body, size_t size, const char *text)
{
    struct fl_fetch *fetch = job->fetch;
    struct fl_err err = {0};
    char path[FL_PATH_MAX] = "";
    char line[FL_ERR_TEXT_MAX + FL_PATH_MAX];

    if (size > 0 && size <= REFUSED_BYTES_MAX &&
        fl_refused_keep(fetch->world, fetch->options->folder, job->want->name, body, size, path,
                        &err) < 0)
        fl_job_note(job, "transfer.refused",
                    err.text); /* the evidence is lost, the refusal stands */
    (void)snprintf(line, sizeof(line), "%s%s%s", text, path[0] ? "; kept as " : "", path);
    fl_job_note(job, "transfer.refused", line);
}

/* From the index again: the file is another one now. */
static void job_restart(struct fl_job *job)
{
    struct fl_err err = {0};
    int64_t pause = backoff(job, job->restarts);

    fl_job_reset(job);
    if (job->partial.fd >= 0 && fl_partial_forget(&job->partial, job->part, &err) < 0) {
        job_broken(job, &err);
        return;
    }
    if (++job->restarts >= FL_FETCH_TRIES_MAX) {
        job_next_mirror(job);
        return;
    }
    fl_job_note(job, "transfer.retry", job->last.text);
    wait_until(job, now_ns(job) + pause);
}

/* ---- going on ---- */

/* True when this process fetches the same for another lead. */
static bool is_under_way(const struct fl_job *job)
{
    for (size_t i = 0; i < job->fetch->count; i++) {
        const struct fl_job *other = &job->fetch->jobs[i];

        if (other != job && other->state == FL_JOB_RANGES && strcmp(other->key, job->key) == 0)
            return true;
    }
    return false;
}

/* A file of this site that may be the same; the source is asked whether it is. */
static void find_known(struct fl_job *job)
{
    struct fl_fetch *fetch = job->fetch;
    struct fl_book_file *known = malloc(sizeof(*known));
    struct fl_stat info;

    fl_assert(!job->known);
    if (!known)
        return;
    if (fl_book_find(fetch->book, job->key, known) && known->etag[0] &&
        fl_file_stat(fetch->world, known->path, &info, NULL) == 0 && info.size_bytes == known->size)
        job->known = known;
    else
        free(known);
}

static void job_hold(struct fl_job *job, const char *who)
{
    if (strcmp(job->told, who) != 0) {
        (void)snprintf(job->told, sizeof(job->told), "%s", who);
        fl_job_note(job, "transfer.waiting", who);
    }
    job->state = FL_JOB_HELD;
    job->at_ns = now_ns(job) + HELD_NS;
}

void fl_job_go_on(struct fl_job *job)
{
    struct fl_fetch *fetch = job->fetch;
    struct fl_err err = {0};
    int64_t holder = 0;
    char who[160];
    int rc;

    if (is_under_way(job)) {
        job_hold(job, "the same bytes are being fetched for another lead");
        return;
    }
    if (fl_ask_parts(fetch->options->ask) == 1)
        find_known(job);
    if (!job->known && !fl_book_lease(fetch->book, job->key, &holder)) {
        (void)snprintf(who, sizeof(who), "process %" PRId64 " fetches the same bytes", holder);
        job_hold(job, who);
        return;
    }
    job->leased = !job->known;
    rc = fl_ranges_make(job, &err);
    if (rc == FL_E_LOCKED) {
        free(job->known);
        job->known = NULL;
        job_hold(job, err.text);
        return;
    }
    if (rc < 0) {
        job_broken(job, &err);
        return;
    }
    job->state = FL_JOB_RANGES;
    if (job->range_count == 0) { /* a killed fetch had brought all */
        free(job->known);
        job->known = NULL;
        part_done(job);
    }
}

/* When it was seen not to be there, its coming is an observation. */
static void note_arrival(struct fl_job *job)
{
    struct fl_fetch *fetch = job->fetch;
    int64_t utc_s = fl_world_utc_ns(fetch->world) / SECOND_NS;

    if (job->was_absent && utc_s > job->want->cycle.s)
        fl_book_arrived(fetch->book, fetch->options->source->name, job->want->cycle,
                        job->want->source_lead, utc_s - job->want->cycle.s);
    job->was_absent = false;
}

void fl_job_act_index(struct fl_job *job, enum fl_verdict verdict,
                      const struct fl_http_reply *reply, const struct fl_err *why)
{
    if (why->code < 0)
        job_reason(job, why);
    switch (verdict) {
    case FL_VERDICT_GOOD:
    case FL_VERDICT_SAME:
        job->tries = 0;
        note_arrival(job);
        fl_job_go_on(job);
        return;
    case FL_VERDICT_AGAIN:
        if (++job->tries >= FL_FETCH_TRIES_MAX || is_overloaded(job, reply)) {
            job_next_mirror(job);
            return;
        }
        fl_job_note(job, "transfer.retry", job->last.text);
        wait_until(job, now_ns(job) + backoff(job, job->tries - 1));
        return;
    case FL_VERDICT_RESTART:
        job_restart(job);
        return;
    case FL_VERDICT_BAD:
        keep_aside(job, reply->body, reply->status == 200 || reply->status == 206 ? reply->size : 0,
                   why->text);
        job_next_mirror(job);
        return;
    case FL_VERDICT_NOT_YET:
    case FL_VERDICT_LEAVE:
        job_next_mirror(job);
        return;
    case FL_VERDICT_BROKEN:
        job_broken(job, why);
        return;
    }
}

static void range_again(struct fl_range *range, const struct fl_http_reply *reply)
{
    struct fl_job *job = range->job;

    if (range->progress)
        range->tries = 0;
    if (++range->tries >= FL_FETCH_TRIES_MAX || is_overloaded(job, reply)) {
        job_next_mirror(job);
        return;
    }
    fl_job_note(job, "transfer.retry", job->last.text);
    range->at_ns = now_ns(job) + backoff(job, range->tries - 1);
    if ((size_t)(range - job->ranges) < job->ranges_begun)
        job->ranges_begun = (size_t)(range - job->ranges);
}

void fl_job_act_range(struct fl_range *range, enum fl_verdict verdict,
                      const struct fl_http_reply *reply, const struct fl_err *why)
{
    struct fl_job *job = range->job;
    size_t at = (size_t)(range - job->ranges);

    if (why->code < 0)
        job_reason(job, why);
    if (job->known && verdict != FL_VERDICT_SAME) { /* it is not what the source has now */
        free(job->known);
        job->known = NULL;
    }
    switch (verdict) {
    case FL_VERDICT_GOOD:
        range->state = FL_RANGE_DONE;
        fl_buf_release(&range->bytes);
        fl_buf_init(&range->bytes, FL_HTTP_PAGE_MAX);
        if (++job->ranges_done == job->range_count)
            part_done(job);
        return;
    case FL_VERDICT_SAME:
        job->ranges_begun = at;
        job_copy(job);
        return;
    case FL_VERDICT_AGAIN:
        range_again(range, reply);
        return;
    case FL_VERDICT_RESTART:
        job_restart(job);
        return;
    case FL_VERDICT_BAD:
        keep_aside(job, range->bytes.data, range->bytes.size, why->text);
        job_next_mirror(job);
        return;
    case FL_VERDICT_NOT_YET:
    case FL_VERDICT_LEAVE:
        job_next_mirror(job);
        return;
    case FL_VERDICT_BROKEN:
        job_broken(job, why);
        return;
    }
}
