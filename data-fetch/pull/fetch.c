/* The fetch: which lead asks when, and what becomes of it. */
#include "config.h"

#include "data-fetch/pull/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/frame.h"
#include "data-fetch/pull/job.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define BACKOFF_NS (SECOND_NS / 4)
#define RETRY_AFTER_MAX_S 300
#define REFUSED_BYTES_MAX ((size_t)64 * 1024 * 1024)

struct fl_fetch {
    const struct fl_world *world;
    const struct fl_fetch_options *options;
    struct fl_http *http;
    struct fl_job *jobs;
    size_t count;
    size_t ended;
    size_t asking[FL_SOURCE_MIRRORS_MAX];   /* requests in flight at each mirror */
    int64_t next_ns[FL_SOURCE_MIRRORS_MAX]; /* when the next one may go there */
    int64_t start_ns;
    int rc; /* of the run */
    struct fl_err err;
};

static int64_t now_ns(const struct fl_fetch *fetch)
{
    return fl_world_mono_ns(fetch->world);
}

static void note(const struct fl_job *job, const char *event, const char *text)
{
    if (job->fetch->options->note)
        job->fetch->options->note(job->want, event, text, job->fetch->options->arg);
}

static void run_failed(struct fl_fetch *fetch, int rc, const struct fl_err *err)
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

static void job_ended(struct fl_job *job, int rc, const char *path, uint64_t size, bool reused)
{
    struct fl_fetch *fetch = job->fetch;
    struct fl_err err = {0};
    struct fl_fetch_end end = {.want = job->want,
                               .rc = rc,
                               .why = job->last.text,
                               .path = path,
                               .size = size,
                               .reused = reused,
                               .wait_ns = now_ns(fetch) - fetch->start_ns};

    fl_job_reset(job);
    job->state = FL_JOB_ENDED;
    fetch->ended++;
    rc = fetch->options->end(&end, &err, fetch->options->arg);
    if (rc < 0)
        run_failed(fetch, rc, &err);
}

/* The file is complete in its temporary: give it its name and a record. */
static void job_publish(struct fl_job *job)
{
    struct fl_fetch *fetch = job->fetch;
    struct fl_err err = {0};
    char hex[FL_DIGEST_HEX];
    char path[FL_PATH_MAX];
    uint64_t size = job->incoming.size;
    int rc = fl_incoming_finish(&job->incoming, hex, &err);

    (void)snprintf(path, sizeof(path), "%s", job->incoming.path);
    if (rc == 0)
        rc = fl_incoming_settle(&job->incoming, &err);
    if (rc == 0)
        rc = fl_job_record(fetch->world, fetch->options, job->want, hex, size, &err);
    if (rc < 0) {
        job->state = FL_JOB_ENDED;
        fetch->ended++;
        run_failed(fetch, rc, &err);
        return;
    }
    job_ended(job, 0, path, size, false);
}

/* A data error says more than "not there yet": it is kept as the round's reason. */
static void job_reason(struct fl_job *job, const struct fl_err *why)
{
    if (job->last.code == 0 || fl_err_class(job->last.code) != FL_CLASS_DATA ||
        fl_err_class(why->code) == FL_CLASS_DATA)
        job->last = *why;
}

/* The present mirror has not got it: the next one, or the next round, or the end. */
static void job_next_mirror(struct fl_job *job)
{
    struct fl_fetch *fetch = job->fetch;
    int64_t now = now_ns(fetch);
    int64_t end_ns = fetch->start_ns + job->want->give_up_ns;

    fl_job_reset(job);
    job->tries = 0;
    job->restarts = 0;
    if (++job->mirror < fetch->options->source->mirror_count) {
        wait_until(job, now);
        return;
    }
    job->mirror = 0;
    if (now >= end_ns) {
        job_ended(job, job->last.code, NULL, 0, false);
        return;
    }
    if (strncmp(job->told, job->last.text, sizeof(job->told) - 1) != 0) {
        (void)snprintf(job->told, sizeof(job->told), "%s", job->last.text);
        note(job, "transfer.waiting", job->last.text); /* once a reason, not once a look */
    }
    job->last.code = 0;
    wait_until(job,
               now + fetch->options->poll_ns < end_ns ? now + fetch->options->poll_ns : end_ns);
}

/* The same request again after a while, or the next mirror. */
static void job_try_again(struct fl_job *job, int64_t retry_after_s)
{
    struct fl_fetch *fetch = job->fetch;
    int64_t pause_ns = BACKOFF_NS << job->tries;
    uint32_t dice = 0;

    if (++job->tries >= FL_FETCH_TRIES_MAX) {
        job_next_mirror(job);
        return;
    }
    if (fl_world_random(fetch->world, &dice, sizeof(dice), NULL) == 0)
        pause_ns += pause_ns * (int64_t)(dice % 1000) / 1000;
    if (retry_after_s >= 0)
        pause_ns =
            (retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S) * SECOND_NS;
    note(job, "transfer.retry", job->last.text);
    wait_until(job, now_ns(fetch) + pause_ns);
}

static void keep_aside(struct fl_job *job, const struct fl_http_reply *reply, const char *text)
{
    struct fl_fetch *fetch = job->fetch;
    struct fl_err err = {0};
    char path[FL_PATH_MAX] = "";
    char line[FL_ERR_TEXT_MAX + FL_PATH_MAX];

    if ((reply->status == 200 || reply->status == 206) && reply->size > 0 &&
        reply->size <= REFUSED_BYTES_MAX &&
        fl_refused_keep(fetch->world, fetch->options->folder, job->want->name, reply->body,
                        reply->size, path, &err) < 0)
        note(job, "transfer.refused", err.text); /* the evidence is lost, the refusal stands */
    (void)snprintf(line, sizeof(line), "%s%s%s", text, path[0] ? "; kept as " : "", path);
    note(job, "transfer.refused", line);
}

static void act_on(struct fl_job *job, enum fl_verdict verdict, const struct fl_http_reply *reply,
                   const struct fl_err *why)
{
    switch (verdict) {
    case FL_VERDICT_GOOD:
        job->tries = 0;
        if (job->range == job->plan->range_count)
            job_publish(job);
        else
            wait_until(job, now_ns(job->fetch));
        return;
    case FL_VERDICT_NOT_YET:
        job_reason(job, why);
        job_next_mirror(job);
        return;
    case FL_VERDICT_AGAIN:
        job_reason(job, why);
        job_try_again(job, reply->retry_after_s);
        return;
    case FL_VERDICT_RESTART:
        job_reason(job, why);
        fl_job_reset(job);
        if (++job->restarts < FL_FETCH_TRIES_MAX)
            job_try_again(job, -1);
        else
            job_next_mirror(job);
        return;
    case FL_VERDICT_BAD:
        job_reason(job, why);
        keep_aside(job, reply, why->text);
        job_next_mirror(job);
        return;
    case FL_VERDICT_BROKEN:
        job->state = FL_JOB_ENDED;
        job->fetch->ended++;
        run_failed(job->fetch, why->code, why);
        return;
    }
}

static void answered(const struct fl_http_reply *reply, void *arg)
{
    struct fl_job *job = arg;
    struct fl_fetch *fetch = job->fetch;
    struct fl_err why = {0};
    struct fl_err told = {0};
    enum fl_verdict verdict;

    fetch->asking[job->mirror]--;
    if (job->plan)
        verdict = fl_job_take_range(job, fetch->options, fetch->world, reply, &why);
    else
        verdict = fl_job_take_index(job, fetch->options, reply, &why);
    if (why.code < 0)
        (void)fl_err_set(&told, why.code, why.foreign, "%s: %s",
                         fetch->options->source->mirrors[job->mirror].url, why.text);
    act_on(job, verdict, reply, &told);
}

static int job_ask(struct fl_job *job, struct fl_err *reterr)
{
    struct fl_fetch *fetch = job->fetch;
    const struct fl_source *source = fetch->options->source;
    const struct fl_source_mirror *mirror = &source->mirrors[job->mirror];
    struct fl_http_request request = {.done = answered, .arg = job};
    fl_auto(fl_buf_release) struct fl_buf url;
    char range[64];
    int rc;

    fl_buf_init(&url, 0);
    fl_buf_printf(&url, "%s/", mirror->url);
    rc = fl_source_path(source, job->want->cycle, job->want->source_lead, &url, reterr);
    if (rc < 0)
        return rc;
    if (job->plan) {
        fl_plan_range_text(&job->plan->ranges[job->range], range, sizeof(range));
        request.range = range;
        request.if_range = job->etag[0] ? job->etag : NULL;
        request.body_max = fl_job_range_max(job);
    } else {
        fl_buf_puts(&url, source->index);
        request.body_max = FL_INDEX_BYTES_MAX;
    }
    request.url = url.data;
    rc = fl_http_start(fetch->http, &request, NULL, reterr);
    if (rc < 0)
        return rc;
    job->state = FL_JOB_ASKING;
    fetch->asking[job->mirror]++;
    if (mirror->per_minute > 0)
        fetch->next_ns[job->mirror] = now_ns(fetch) + 60 * SECOND_NS / mirror->per_minute;
    return 0;
}

/* Starts what may start, earliest lead first. *ret_wake: when something may start next. */
static int start_due(struct fl_fetch *fetch, int64_t *ret_wake, struct fl_err *reterr)
{
    const struct fl_source *source = fetch->options->source;
    size_t limit = fetch->options->inflight ? fetch->options->inflight : FL_FETCH_INFLIGHT_MAX;
    int64_t now = now_ns(fetch);

    *ret_wake = INT64_MAX;
    for (size_t i = 0; i < fetch->count; i++) {
        struct fl_job *job = &fetch->jobs[i];
        int64_t due = job->at_ns;
        int rc;

        if (job->state != FL_JOB_WAITING)
            continue;
        if (fetch->next_ns[job->mirror] > due)
            due = fetch->next_ns[job->mirror];
        if (due > now) {
            *ret_wake = due < *ret_wake ? due : *ret_wake;
            continue;
        }
        if (fetch->asking[job->mirror] >= (size_t)source->mirrors[job->mirror].connections ||
            fl_http_active(fetch->http) >= limit)
            continue; /* an answer will make room and bring us here again */
        rc = job_ask(job, reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int run_loop(struct fl_fetch *fetch, struct fl_err *reterr)
{
    while (fetch->ended < fetch->count && fetch->rc == 0) {
        int64_t wake = 0;
        int64_t timeout;
        int rc = start_due(fetch, &wake, reterr);

        if (rc < 0)
            return rc;
        timeout = wake == INT64_MAX ? -1 : wake - now_ns(fetch);
        rc = fl_http_turn(fetch->http, wake != INT64_MAX && timeout < 0 ? 0 : timeout, reterr);
        if (rc < 0)
            return rc;
    }
    if (fetch->rc < 0 && reterr)
        *reterr = fetch->err;
    return fetch->rc;
}

int fl_fetch_run(const struct fl_world *world, const struct fl_fetch_options *options,
                 const struct fl_fetch_want *wants, size_t count, struct fl_err *reterr)
{
    struct fl_fetch fetch = {.world = world, .options = options, .count = count};
    int rc;

    fl_assert(options->end);
    fl_assert(options->source->mirror_count > 0);
    if (count == 0)
        return 0;
    rc = fl_http_create(&options->limits, &fetch.http, reterr);
    if (rc < 0)
        return rc;
    fetch.jobs = calloc(count, sizeof(*fetch.jobs));
    if (!fetch.jobs)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for %zu leads", count);
    fetch.start_ns = now_ns(&fetch);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct fl_job *job = &fetch.jobs[i];
        char path[FL_PATH_MAX];
        uint64_t size = 0;

        *job = (struct fl_job){
            .fetch = &fetch, .want = &wants[i], .total = -1, .incoming = {.fd = -1}};
        wait_until(job, fetch.start_ns + wants[i].wait_ns);
        (void)snprintf(path, sizeof(path), "%s/%s", options->folder, wants[i].name);
        if (fl_job_is_whole(world, options, &wants[i], &size))
            job_ended(job, 0, path, size, true);
    }
    if (rc == 0)
        rc = run_loop(&fetch, reterr);
    fl_http_destroy(fetch.http);
    for (size_t i = 0; fetch.jobs && i < count; i++)
        fl_job_reset(&fetch.jobs[i]);
    free(fetch.jobs);
    return rc;
}
