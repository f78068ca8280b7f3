/* The fetch: what may be asked for when, the earliest lead first. */
#include "config.h"

#include "data-fetch/pull/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/pull/job.h"
#include "data-fetch/source/plan.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define MIRROR_PATIENCE_NS \
    (5 * SECOND_NS)                       /* a mirror that is not to be asked for longer is left \
                                           */
#define ONLY_PATIENCE_NS (60 * SECOND_NS) /* the same where there is no other */

static int64_t now_ns(const struct fl_fetch *fetch)
{
    return fl_world_mono_ns(fetch->world);
}

int fl_job_url(const struct fl_job *job, bool index, struct fl_buf *url, struct fl_err *reterr)
{
    const struct fl_fetch_options *options = job->fetch->options;
    const struct fl_fetch_want *want = job->want;
    int rc;

    fl_buf_printf(url, "%s/", options->source->mirrors[job->mirror].url);
    rc = index ? fl_ask_index_path(options->ask, job->part, want->cycle, want->source_lead, url,
                                   reterr)
               : fl_ask_path(options->ask, job->part, want->cycle, want->source_lead, url, reterr);
    return rc < 0 ? rc : fl_buf_check(url, reterr);
}

struct fl_ask_time fl_job_time(const struct fl_job *job)
{
    return (struct fl_ask_time){.cycle = job->want->cycle, .valid = job->want->valid};
}

static void index_done(const struct fl_http_reply *reply, void *arg)
{
    struct fl_job *job = arg;
    struct fl_err why = {0};
    struct fl_err told = {0};
    enum fl_verdict verdict;
    char text[300];

    job->transfer = NULL;
    fl_manners_answered(&job->fetch->manners, job->mirror, reply, text, sizeof(text));
    if (text[0])
        fl_job_note(job, "transfer.manners", text);
    verdict = fl_judge_index(job, reply, &why);
    if (why.code < 0)
        (void)fl_err_set(&told, why.code, why.foreign, "%s: %s",
                         job->fetch->options->source->mirrors[job->mirror].url, why.text);
    fl_job_act_index(job, verdict, reply, &told);
}

static int ask_index(struct fl_job *job, struct fl_err *reterr)
{
    struct fl_http_request request = {
        .body_max = FL_INDEX_BYTES_MAX, .done = index_done, .arg = job};
    const struct fl_http_tls tls = {.ca = job->fetch->options->ca};
    fl_auto(fl_buf_release) struct fl_buf url;
    int rc;

    fl_buf_init(&url, 0);
    rc = fl_job_url(job, true, &url, reterr);
    if (rc < 0)
        return rc;
    request.url = url.data;
    request.tls = tls.ca ? &tls : NULL;
    request.http2 = job->fetch->manners.mirrors[job->mirror].http2;
    rc = fl_http_start(job->fetch->http, &request, &job->transfer, reterr);
    if (rc == 0)
        job->state = FL_JOB_ASKING;
    return rc;
}

/* What one look at everything found. */
struct look {
    int64_t now;
    int64_t wake;                       /* when the next one has something to do */
    size_t room;                        /* requests that may still start */
    int64_t due[FL_SOURCE_MIRRORS_MAX]; /* a mirror that said no says it until then */
};

static void wake_at(struct look *look, int64_t at)
{
    look->wake = at < look->wake ? at : look->wake;
}

/* May the job send one more request to its mirror now? A mirror that will not be free for long is
 * left for the next. */
static bool may_ask(struct fl_job *job, struct look *look)
{
    struct fl_fetch *fetch = job->fetch;
    size_t mirror = job->mirror;
    bool others = fetch->options->source->mirror_count > 1;
    int64_t patience = others ? MIRROR_PATIENCE_NS : ONLY_PATIENCE_NS;
    struct fl_err why = {0};

    if (look->room == 0)
        return false;
    if (look->due[mirror] == 0) {
        if (fl_manners_ask(&fetch->manners, mirror, &look->due[mirror])) {
            look->due[mirror] = 0;
            look->room--;
            return true;
        }
    }
    if (look->due[mirror] == INT64_MAX) /* an answer will make room and bring us here again */
        return false;
    if (look->due[mirror] > look->now + patience &&
        (others || look->due[mirror] > fetch->start_ns + job->want->give_up_ns)) {
        (void)fl_err_set(&why, job->last.code < 0 ? job->last.code : FL_E_NET, 0,
                         "%s: not to be asked for another %" PRId64 " s",
                         fetch->options->source->mirrors[mirror].url,
                         (look->due[mirror] - look->now) / SECOND_NS);
        if (job->last.code < 0)
            why = job->last;
        fl_job_act_index(job, FL_VERDICT_LEAVE, NULL, &why);
        wake_at(look, look->now);
        return false;
    }
    wake_at(look, look->due[mirror]);
    return false;
}

/* The request did not start after all. */
static int not_started(struct fl_job *job, int rc)
{
    if (rc < 0)
        fl_manners_answered(&job->fetch->manners, job->mirror, NULL, NULL, 0);
    return rc;
}

static int start_ranges(struct fl_job *job, struct look *look, struct fl_err *reterr)
{
    size_t limit = job->known ? 1 : job->range_count; /* first: is it still the same? */
    bool gap = false;

    for (size_t i = job->ranges_begun; i < limit; i++) {
        struct fl_range *range = &job->ranges[i];
        int rc;

        if (range->state == FL_RANGE_WAITING && range->at_ns <= look->now) {
            if (!may_ask(job, look))
                return 0;
            rc = not_started(job, fl_range_start(range, reterr));
            if (rc < 0)
                return rc;
        } else if (range->state == FL_RANGE_WAITING) {
            wake_at(look, range->at_ns);
            gap = true;
        }
        if (!gap)
            job->ranges_begun = i + 1;
    }
    return 0;
}

/* A part without an index goes to its file at once. */
static int go_whole(struct fl_job *job, struct look *look, struct fl_err *reterr)
{
    int rc = fl_judge_whole(job, reterr);

    if (rc < 0)
        return rc;
    fl_job_go_on(job);
    wake_at(look, job->state == FL_JOB_HELD ? job->at_ns : look->now);
    return 0;
}

/* A mirror that keeps files for some days is not asked for older ones. */
static bool keeps(const struct fl_job *job)
{
    int64_t keeps_s = job->fetch->options->source->mirrors[job->mirror].keeps_s;
    int64_t age_s = fl_world_utc_ns(job->fetch->world) / SECOND_NS - job->want->cycle.s;

    return keeps_s == 0 || age_s <= keeps_s;
}

static int start_job(struct fl_job *job, struct look *look, struct fl_err *reterr)
{
    struct fl_fetch *fetch = job->fetch;
    struct fl_err why = {0};
    char path[FL_PATH_MAX];
    uint64_t size = 0;

    if (job->state == FL_JOB_RANGES)
        return start_ranges(job, look, reterr);
    if (job->state != FL_JOB_WAITING && job->state != FL_JOB_HELD)
        return 0;
    if (job->at_ns > look->now) {
        wake_at(look, job->at_ns);
        return 0;
    }
    if (job->state == FL_JOB_HELD) {
        (void)snprintf(path, sizeof(path), "%s/%s", fetch->options->folder, job->want->name);
        if (fl_job_is_whole(fetch->world, fetch->options, job->want, &size))
            fl_job_ended(job, 0, path, size, true);
        else
            fl_job_go_on(job);
        wake_at(look, job->state == FL_JOB_HELD ? job->at_ns : look->now);
        return 0;
    }
    if (!keeps(job)) {
        (void)fl_err_set(&why, FL_E_NOT_YET, 0, "%s: does not keep cycles of that age",
                         fetch->options->source->mirrors[job->mirror].url);
        fl_job_act_index(job, FL_VERDICT_LEAVE, NULL, &why);
        wake_at(look, job->state == FL_JOB_WAITING ? job->at_ns : look->now);
        return 0;
    }
    if (fetch->options->source->index_kind == FL_INDEX_NONE)
        return go_whole(job, look, reterr);
    return may_ask(job, look) ? not_started(job, ask_index(job, reterr)) : 0;
}

/* Starts what may start, earliest lead first. *ret_wake: when something may start next. */
static int start_due(struct fl_fetch *fetch, int64_t *ret_wake, struct fl_err *reterr)
{
    size_t limit = fetch->options->inflight ? fetch->options->inflight : FL_FETCH_INFLIGHT_MAX;
    size_t active = fl_http_active(fetch->http);
    struct look look = {
        .now = now_ns(fetch), .wake = INT64_MAX, .room = active < limit ? limit - active : 0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && fetch->rc == 0 && i < fetch->count; i++)
        rc = start_job(&fetch->jobs[i], &look, reterr);
    *ret_wake = look.wake;
    return rc;
}

static int run_loop(struct fl_fetch *fetch, struct fl_err *reterr)
{
    while (fetch->ended < fetch->count && fetch->rc == 0) {
        int64_t wake = 0;
        int64_t now;
        int rc = start_due(fetch, &wake, reterr);

        if (rc < 0)
            return rc;
        now = now_ns(fetch);
        if (fl_http_active(fetch->http) > 0 && wake > now + SECOND_NS)
            wake = now + SECOND_NS;
        if (fetch->ended == fetch->count || fetch->rc < 0)
            break;
        rc = fl_http_turn(fetch->http,
                          wake == INT64_MAX ? -1
                          : wake > now      ? wake - now
                                            : 0,
                          reterr);
        if (rc < 0)
            return rc;
        if (now_ns(fetch) >= fetch->stall_ns) {
            fetch->stall_ns = now_ns(fetch) + SECOND_NS;
            fl_ranges_look_for_stalls(fetch);
        }
    }
    if (fetch->rc < 0 && reterr)
        *reterr = fetch->err;
    return fetch->rc;
}

/* When the lead is looked for first: later than the catalogue says, or earlier, if the book knows
 * better. */
static int64_t first_look(struct fl_fetch *fetch, const struct fl_fetch_want *want)
{
    int64_t age_s = fl_world_utc_ns(fetch->world) / SECOND_NS - want->cycle.s;
    struct fl_book_arrival known;
    int64_t wait_s;

    if (want->wait_ns <= 0)
        return fetch->start_ns;
    fl_book_arrival(fetch->book, fetch->options->source->name, want->source_lead, &known);
    if (known.count < FL_FETCH_KNOWN_MIN)
        return fetch->start_ns + want->wait_ns;
    wait_s = known.earliest_s - age_s - fetch->options->poll_ns / SECOND_NS;
    return fetch->start_ns + (wait_s > 0 ? wait_s * SECOND_NS : 0);
}

static void begin(struct fl_fetch *fetch, const struct fl_fetch_want *wants)
{
    fetch->start_ns = now_ns(fetch);
    fetch->stall_ns = fetch->start_ns + SECOND_NS;
    for (size_t i = 0; i < fetch->count; i++) {
        struct fl_job *job = &fetch->jobs[i];
        char path[FL_PATH_MAX];
        uint64_t size = 0;

        *job = (struct fl_job){.fetch = fetch,
                               .want = &wants[i],
                               .state = FL_JOB_WAITING,
                               .total = -1,
                               .partial = {.fd = -1, .log_fd = -1}};
        job->at_ns = first_look(fetch, &wants[i]);
        (void)snprintf(path, sizeof(path), "%s/%s", fetch->options->folder, wants[i].name);
        if (fl_job_is_whole(fetch->world, fetch->options, &wants[i], &size))
            fl_job_ended(job, 0, path, size, true);
    }
}

int fl_fetch_run(const struct fl_world *world, const struct fl_fetch_options *options,
                 const struct fl_fetch_want *wants, size_t count, struct fl_err *reterr)
{
    struct fl_fetch fetch = {
        .world = world, .options = options, .count = count, .book = options->book};
    fl_auto(fl_book_close) struct fl_book *none = NULL;
    int rc;

    fl_assert(options->end);
    fl_assert(options->source->mirror_count > 0);
    if (count == 0)
        return 0;
    rc = fl_http_create(&options->limits, &fetch.http, reterr);
    if (rc == 0 && !fetch.book) {
        rc = fl_book_open(world, NULL, NULL, NULL, &none, reterr);
        fetch.book = none;
    }
    if (rc == 0) {
        fetch.jobs = calloc(count, sizeof(*fetch.jobs));
        if (!fetch.jobs)
            rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for %zu leads", count);
    }
    if (rc == 0) {
        fl_manners_init(&fetch.manners, world, fetch.book, options->source);
        begin(&fetch, wants);
        rc = run_loop(&fetch, reterr);
        fl_manners_end(&fetch.manners);
    }
    for (size_t i = 0; fetch.jobs && i < count; i++) {
        fl_job_reset(&fetch.jobs[i]);
        fl_partial_leave(&fetch.jobs[i].partial);
    }
    fl_http_destroy(fetch.http);
    free(fetch.jobs);
    return rc;
}
