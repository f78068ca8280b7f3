/* Many files on their way at once: which start, which try again, which end the run. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/driver.h"

#include "engine/base/banned.h"

#define BACKOFF_NS INT64_C(1000000000) /* doubled with each try */
#define RETRY_AFTER_MAX_S 300

struct run {
    struct fl_dest_set *set;
    struct fl_destination *dest;
    enum fl_dest_task task;
    const struct fl_dest_source *source;
    struct fl_dest_job *jobs;
    size_t slots;
    size_t active;
    bool dry;      /* the source had none when last asked */
    bool stopping; /* nothing new is started */
    int rc;        /* of the first file that failed, or what ends the run */
    struct fl_err err;
};

/* ---- for the drivers ---- */

void fl_dest_job_end(struct fl_dest_job *job, int rc)
{
    fl_assert(job->state == FL_DEST_JOB_RUNNING || job->state == FL_DEST_JOB_HASHING);
    job->rc = rc;
    job->state = FL_DEST_JOB_ENDED;
}

void fl_dest_job_fail(struct fl_dest_job *job, int rc, const char *fmt, ...)
{
    char text[FL_ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    fl_dest_job_end(job, fl_err_set(&job->err, rc, 0, "%s", text));
}

int fl_dest_job_open(struct fl_dest_job *job, struct fl_err *reterr)
{
    const struct fl_world *world = job->dest->world;
    struct fl_stat info;
    int rc;

    if (job->fd >= 0)
        return 0;
    job->own = true; /* until it is open */
    rc = world->ops->stat(job->local, &info, world->arg);
    if (rc < 0)
        return fl_err_errno(reterr, -rc, "local file '%s'", job->local);
    job->fd = world->ops->open(job->local, O_RDONLY, 0, world->arg);
    if (job->fd < 0) {
        rc = fl_err_errno(reterr, -job->fd, "local file '%s'", job->local);
        job->fd = -1;
        return rc;
    }
    if (info.is_link) { /* its size is not the file's */
        info.size_bytes = 0;
        for (ssize_t n = 1; n > 0; info.size_bytes += n > 0 ? (uint64_t)n : 0)
            n = world->ops->pread(job->fd, job->dest->piece, FL_DEST_PIECE,
                                  (int64_t)info.size_bytes, world->arg);
    }
    if (info.is_dir)
        return fl_err_set(reterr, FL_E_USAGE, EISDIR, "'%s' is a folder, not a file", job->local);
    if (job->size >= 0 && info.size_bytes != (uint64_t)job->size)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "local file '%s' has %llu bytes where %lld were told", job->local,
                          (unsigned long long)info.size_bytes, (long long)job->size);
    job->size = (int64_t)info.size_bytes;
    job->own = false;
    return 0;
}

int fl_dest_job_digest(struct fl_dest_job *job, struct fl_err *reterr)
{
    fl_digest_destroy(job->digest);
    job->digest = NULL;
    return fl_digest_create(&job->digest, reterr);
}

bool fl_dest_job_equal(struct fl_dest_job *job)
{
    char hex[FL_DIGEST_HEX];

    fl_digest_finish(job->digest, hex);
    return strcmp(hex, job->sha256) == 0;
}

/* ---- one job ---- */

/* A piece of the local file into the digest; at its end the digest is known. */
static int hash_piece(struct fl_dest_job *job, struct fl_err *reterr)
{
    const struct fl_world *world = job->dest->world;
    ssize_t n = world->ops->pread(job->fd, job->dest->piece, FL_DEST_PIECE, (int64_t)job->offset,
                                  world->arg);

    job->own = n < 0;
    if (n < 0 && n != -EINTR)
        return fl_err_errno(reterr, (int)-n, "local file '%s'", job->local);
    if (n > 0) {
        fl_digest_add(job->digest, job->dest->piece, (size_t)n);
        job->offset += (uint64_t)n;
    }
    if (n == 0 && job->offset != (uint64_t)job->size) {
        job->own = true;
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "local file '%s' changed while it was read",
                          job->local);
    }
    if (n == 0) {
        fl_digest_finish(job->digest, job->sha256);
        job->state = FL_DEST_JOB_RUNNING;
    }
    return 0;
}

static void drop(struct fl_dest_job *job)
{
    const struct fl_world *world = job->dest->world;

    if (job->dest->driver->drop)
        job->dest->driver->drop(job);
    if (job->fd >= 0)
        (void)world->ops->close(job->fd, world->arg); /* was only read */
    job->fd = -1;
    fl_digest_destroy(job->digest);
    job->digest = NULL;
}

static void begin(struct fl_dest_job *job)
{
    struct fl_err err = {0};
    int rc = 0;

    job->tries++;
    job->state = FL_DEST_JOB_RUNNING;
    job->rc = 0;
    job->own = false;
    job->there = false;
    job->retry_after_s = -1;
    job->offset = 0;
    job->phase = 0;
    if (job->task == FL_DEST_SEND && !job->sha256[0]) {
        job->state = FL_DEST_JOB_HASHING;
        rc = fl_dest_job_open(job, &err);
        if (rc == 0)
            rc = fl_dest_job_digest(job, &err);
    }
    if (rc < 0) {
        job->err = err;
        fl_dest_job_end(job, rc);
    }
}

/* The names at the destination, once the digest is known. */
static int name_places(struct fl_dest_job *job, struct fl_err *reterr)
{
    const struct fl_dest_set *set = job->set;
    char key[17];
    int rc = fl_dest_join(set->path, job->name, job->final, sizeof(job->final), reterr);

    job->own = rc < 0;
    if (rc == 0 && set->mode == FL_DEST_WHOLE)
        return fl_path_join(set->hidden, job->name, job->hidden, sizeof(job->hidden), reterr);
    (void)snprintf(key, sizeof(key), "%.16s", job->sha256);
    if (rc == 0)
        rc = fl_dest_hidden_name(job->final, key, job->hidden, sizeof(job->hidden), reterr);
    return rc;
}

/* Does what can be done now. True when there was something. */
static bool advance(struct fl_dest_job *job, int64_t now_ns)
{
    const struct fl_dest_driver *driver = job->dest->driver;
    struct fl_err err = {0};
    bool busy = true;
    int rc = 0;

    if (job->state == FL_DEST_JOB_WAITING && job->at_ns <= now_ns)
        begin(job);
    if (job->state == FL_DEST_JOB_HASHING) {
        rc = hash_piece(job, &err);
    } else if (job->state == FL_DEST_JOB_RUNNING && !job->final[0]) {
        rc = name_places(job, &err);
    } else if (job->state == FL_DEST_JOB_RUNNING && !job->started) {
        job->started = true;
        rc = driver->start(job, &err);
    } else if (job->state == FL_DEST_JOB_RUNNING && driver->step) {
        rc = driver->step(job, &err);
        busy = rc != 0;
    } else {
        busy = false;
    }
    if (rc < 0) {
        job->err = err;
        fl_dest_job_end(job, rc);
    }
    return busy;
}

/* ---- the run ---- */

static bool tries_again(const struct fl_dest_job *job)
{
    return job->rc < 0 && fl_err_class(job->rc) == FL_CLASS_TRANSIENT && job->rc != FL_E_NOSPACE &&
           job->rc != FL_E_NOMEM && job->rc != FL_E_CANCELLED && job->tries < FL_DEST_TRIES_MAX;
}

static bool ends_the_run(const struct fl_dest_job *job)
{
    return job->rc < 0 && !job->own &&
           (fl_err_class(job->rc) == FL_CLASS_CONFIG || job->rc == FL_E_NOSPACE ||
            job->rc == FL_E_NOMEM || fl_err_class(job->rc) == FL_CLASS_BUG);
}

static void keep_first(struct run *run, int rc, const struct fl_err *err)
{
    if (run->rc == 0) {
        run->rc = rc;
        run->err = *err;
    }
}

/* A job has ended: another try, or the word to the caller. */
static void settle(struct run *run, struct fl_dest_job *job)
{
    struct fl_err err = {0};
    struct fl_dest_end end;
    int rc;

    drop(job);
    if (tries_again(job) && !run->stopping) {
        int64_t wait_ns = BACKOFF_NS << (job->tries - 1);

        if (job->retry_after_s > 0)
            wait_ns =
                (job->retry_after_s < RETRY_AFTER_MAX_S ? job->retry_after_s : RETRY_AFTER_MAX_S) *
                INT64_C(1000000000);
        job->state = FL_DEST_JOB_WAITING;
        job->started = false;
        job->at_ns = fl_world_mono_ns(run->dest->world) + wait_ns;
        return;
    }
    end = (struct fl_dest_end){.name = job->name,
                               .arg = job->arg,
                               .rc = job->rc,
                               .why = job->rc < 0 ? job->err.text : "",
                               .sha256 = job->sha256,
                               .size = job->size > 0 ? (uint64_t)job->size : 0,
                               .sent = job->sent,
                               .there = job->there,
                               .proof = job->proof,
                               .ended_ns = fl_world_utc_ns(run->dest->world),
                               .tries = job->tries};
    if (ends_the_run(job)) {
        if (!run->stopping)
            run->rc = 0; /* this one matters more than an earlier file's */
        run->stopping = true;
    }
    if (job->rc < 0)
        keep_first(run, job->rc, &job->err);
    rc = run->source->end ? run->source->end(&end, &err, run->source->arg) : 0;
    if (rc < 0) {
        run->stopping = true;
        run->rc = rc;
        run->err = err;
    }
    job->state = FL_DEST_JOB_FREE;
    run->active--;
}

static int take_file(struct run *run, struct fl_dest_job *job, const struct fl_dest_file *file,
                     struct fl_err *reterr)
{
    if (!fl_path_is_safe(file->name) || fl_dest_is_hidden(file->name))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "file name '%.200s': a relative path without '..' and hidden parts is "
                          "accepted",
                          file->name);
    if (run->task == FL_DEST_SEND && strlen(file->local) >= FL_PATH_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", file->local);
    fl_assert(run->task == FL_DEST_SEND || file->sha256);
    *job = (struct fl_dest_job){.set = run->set,
                                .dest = run->dest,
                                .task = run->task,
                                .size = file->size,
                                .proven = file->proven,
                                .arg = file->arg,
                                .fd = -1,
                                .out = -1,
                                .retry_after_s = -1};
    if (run->task == FL_DEST_SEND)
        (void)snprintf(job->local, sizeof(job->local), "%s", file->local);
    (void)snprintf(job->name, sizeof(job->name), "%s", file->name);
    (void)snprintf(job->sha256, sizeof(job->sha256), "%s", file->sha256 ? file->sha256 : "");
    run->active++;
    begin(job);
    return 0;
}

/* New jobs for the free places. */
static void fill(struct run *run)
{
    run->dry = false;
    for (size_t i = 0; i < run->slots && !run->dry && !run->stopping; i++) {
        struct fl_dest_file file = {.size = -1};
        struct fl_err err = {0};
        int rc;

        if (run->jobs[i].state != FL_DEST_JOB_FREE)
            continue;
        rc = run->source->next(&file, &err, run->source->arg);
        run->dry = rc == 0;
        if (rc > 0)
            rc = take_file(run, &run->jobs[i], &file, &err);
        if (rc < 0) {
            run->stopping = true;
            run->rc = rc;
            run->err = err;
        }
    }
}

/* Until the network has something, or the next try is due. */
static int wait_for_more(struct run *run, int64_t now_ns, struct fl_err *reterr)
{
    int64_t timeout_ns = INT64_C(60000000000);
    int rc;

    for (size_t i = 0; i < run->slots; i++) {
        const struct fl_dest_job *job = &run->jobs[i];

        if (job->state == FL_DEST_JOB_WAITING && job->at_ns - now_ns < timeout_ns)
            timeout_ns = job->at_ns > now_ns ? job->at_ns - now_ns : 0;
    }
    if (run->dest->http)
        return fl_http_turn(run->dest->http, timeout_ns, reterr);
    rc = fl_world_wait(run->dest->world, NULL, 0, timeout_ns, reterr);
    return rc == FL_E_TIMEOUT ? 0 : rc;
}

static void go_on(struct run *run)
{
    while (!run->stopping) {
        int64_t now_ns = fl_world_mono_ns(run->dest->world);
        bool busy = false;
        struct fl_err err = {0};
        int rc = 0;

        fill(run);
        if (run->active == 0)
            return;
        for (size_t i = 0; i < run->slots; i++) {
            if (run->jobs[i].state == FL_DEST_JOB_FREE)
                continue;
            busy |= advance(&run->jobs[i], now_ns);
            if (run->jobs[i].state == FL_DEST_JOB_ENDED) {
                settle(run, &run->jobs[i]);
                busy = true;
            }
        }
        if (!busy)
            rc = wait_for_more(run, now_ns, &err);
        else if (run->dest->http)
            rc = fl_http_turn(run->dest->http, 0, &err);
        if (rc < 0) {
            keep_first(run, rc, &err);
            run->stopping = true;
        }
    }
}

/* The run ends without it; what lies hidden is gone on with next time. */
static void cancel(struct run *run, struct fl_dest_job *job)
{
    struct fl_err err = {0};
    struct fl_dest_end end = {.name = job->name,
                              .arg = job->arg,
                              .rc = FL_E_CANCELLED,
                              .why = "the run has ended before it",
                              .sha256 = job->sha256,
                              .sent = job->sent,
                              .ended_ns = fl_world_utc_ns(run->dest->world),
                              .tries = job->tries};

    drop(job);
    if (run->source->end)
        (void)run->source->end(&end, &err, run->source->arg); /* the run has failed already */
}

int fl_dest_run(struct fl_dest_set *set, enum fl_dest_task task,
                const struct fl_dest_source *source, struct fl_err *reterr)
{
    struct run run = {.set = set, .dest = set->dest, .task = task, .source = source};

    fl_assert(source->next);
    run.slots = (size_t)set->dest->inflight;
    fl_assert(run.slots > 0 && run.slots <= FL_DEST_INFLIGHT_MAX);
    run.jobs = calloc(run.slots, sizeof(*run.jobs));
    if (!run.jobs)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for files in flight");
    go_on(&run);
    for (size_t i = 0; i < run.slots; i++) {
        if (run.jobs[i].state != FL_DEST_JOB_FREE)
            cancel(&run, &run.jobs[i]);
    }
    free(run.jobs);
    if (run.rc < 0)
        return fl_err_set(reterr, run.rc, run.err.foreign, "%s", run.err.text);
    return 0;
}
