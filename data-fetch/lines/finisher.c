/* Hashing and syncing beside the network. */
#include "config.h"

#include "data-fetch/lines/finisher.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

#define PIECE_BYTES ((size_t)256 * 1024)
#define TURN_BYTES ((int64_t)16 * 1024 * 1024) /* then another job has its turn */
#define SYNC_BYTES ((int64_t)64 * 1024 * 1024) /* then they are on their way to the disk */

struct fl_finisher {
    const struct fl_world *world;
    int bell_fd;
    pthread_mutex_t lock;
    pthread_cond_t work; /* something is queued, or it is over */
    pthread_cond_t rest; /* a job is no longer worked on */
    struct fl_finish_job *queue;
    struct fl_finish_job *done;
    char *pieces[FL_FINISHER_THREADS + 1]; /* the last one is the caller's */
    pthread_t threads[FL_FINISHER_THREADS];
    int thread_count;
    int next_piece;
    bool over;
};

/* ---- the work, without the lock ---- */

static int hash_some(const struct fl_world *world, struct fl_finish_job *job, char *piece,
                     int64_t ready)
{
    int64_t until = ready - job->size > TURN_BYTES ? job->size + TURN_BYTES : ready;

    while (job->size < until) {
        size_t want = PIECE_BYTES;
        ssize_t n;

        if ((int64_t)want > until - job->size)
            want = (size_t)(until - job->size);
        n = world->ops->pread(job->fd, piece, want, job->size, world->arg);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return fl_err_errno(&job->err, (int)-n, "read '%s'", job->path);
        if (n == 0)
            return fl_err_set(&job->err, FL_E_IO, 0, "'%s' is shorter than what was written",
                              job->path);
        fl_digest_add(job->digest, piece, (size_t)n);
        job->size += n;
    }
    if (job->size - job->synced >= SYNC_BYTES) { /* so that little is left to do at the end */
        int rc = world->ops->sync(job->fd, world->arg);

        if (rc < 0)
            return fl_err_errno(&job->err, -rc, "sync '%s'", job->path);
        job->synced = job->size;
    }
    return 0;
}

static int write_all(const struct fl_world *world, struct fl_finish_job *job, const char *piece,
                     size_t size, int64_t offset)
{
    while (size > 0) {
        ssize_t n = world->ops->pwrite(job->fd, piece, size, offset, world->arg);

        if (n == -EINTR)
            continue;
        if (n < 0)
            return fl_err_errno(&job->err, (int)-n, "write '%s'", job->path);
        piece += n;
        size -= (size_t)n;
        offset += n;
    }
    return 0;
}

static int copy_all(const struct fl_world *world, struct fl_finish_job *job, char *piece)
{
    struct fl_stat info;
    int rc = fl_file_stat(world, job->copy_from, &info, &job->err);
    int fd = rc == 0 ? world->ops->open(job->copy_from, O_RDONLY, 0, world->arg) : -1;

    if (rc == 0 && fd < 0)
        return fl_err_errno(&job->err, -fd, "open '%s'", job->copy_from);
    while (rc == 0) {
        ssize_t n = world->ops->pread(fd, piece, PIECE_BYTES, job->size, world->arg);

        if (n == -EINTR)
            continue;
        if (n < 0)
            rc = fl_err_errno(&job->err, (int)-n, "read '%s'", job->copy_from);
        if (n <= 0)
            break;
        fl_digest_add(job->digest, piece, (size_t)n);
        rc = write_all(world, job, piece, (size_t)n, job->size);
        job->size += n;
    }
    if (fd >= 0)
        (void)world->ops->close(fd, world->arg); /* only read */
    job->mtime_ns = rc == 0 ? info.mtime_ns : 0;
    return rc;
}

static int end_file(const struct fl_world *world, struct fl_finish_job *job)
{
    int rc = world->ops->sync(job->fd, world->arg);

    if (rc < 0)
        return fl_err_errno(&job->err, -rc, "sync '%s'", job->path);
    rc = world->ops->close(job->fd, world->arg);
    job->fd = -1;
    if (rc < 0)
        return fl_err_errno(&job->err, -rc, "close '%s'", job->path);
    fl_digest_finish(job->digest, job->hex);
    return 0;
}

/* True when the job has ended. */
static bool work_on(const struct fl_world *world, struct fl_finish_job *job, char *piece,
                    int64_t ready, bool last)
{
    if (job->copy_from)
        job->rc = copy_all(world, job, piece);
    else
        job->rc = hash_some(world, job, piece, ready);
    if (job->rc == 0 && last && (job->copy_from || job->size == ready)) {
        job->rc = end_file(world, job);
        return true;
    }
    return job->rc < 0;
}

/* ---- queues, with the lock ---- */

static void enqueue(struct fl_finish_job **queue, struct fl_finish_job *job)
{
    while (*queue)
        queue = &(*queue)->next;
    job->next = NULL;
    *queue = job;
}

static struct fl_finish_job *dequeue(struct fl_finish_job **queue)
{
    struct fl_finish_job *job = *queue;

    if (job) {
        *queue = job->next;
        job->next = NULL;
    }
    return job;
}

static void cut(struct fl_finish_job **queue, const struct fl_finish_job *job)
{
    while (*queue && *queue != job)
        queue = &(*queue)->next;
    if (*queue)
        *queue = job->next;
}

static void end_job(struct fl_finisher *finisher, struct fl_finish_job *job)
{
    if (job->fd >= 0)
        (void)finisher->world->ops->close(job->fd, finisher->world->arg); /* it has failed */
    job->fd = -1;
    job->done = true;
    enqueue(&finisher->done, job);
    if (finisher->bell_fd >= 0)
        fl_wake_ring(finisher->bell_fd);
}

/* One turn of the oldest job; the lock is held, but not during the work. */
static void take_turn(struct fl_finisher *finisher, char *piece)
{
    struct fl_finish_job *job = dequeue(&finisher->queue);
    int64_t ready = job->ready;
    bool last = job->last;
    bool ended;

    job->queued = false;
    job->busy = true;
    (void)pthread_mutex_unlock(&finisher->lock);
    ended = work_on(finisher->world, job, piece, ready, last);
    (void)pthread_mutex_lock(&finisher->lock);
    job->busy = false;
    if (ended) {
        end_job(finisher, job);
    } else if (job->size < job->ready || job->last != last) {
        job->queued = true;
        enqueue(&finisher->queue, job);
    }
    (void)pthread_cond_broadcast(&finisher->rest);
}

static void *thread_main(void *arg)
{
    struct fl_finisher *finisher = arg;
    char *piece;

    (void)pthread_mutex_lock(&finisher->lock);
    piece = finisher->pieces[finisher->next_piece++];
    while (!finisher->over) {
        if (finisher->queue)
            take_turn(finisher, piece);
        else
            (void)pthread_cond_wait(&finisher->work, &finisher->lock);
    }
    (void)pthread_mutex_unlock(&finisher->lock);
    return NULL;
}

/* ---- the caller's side ---- */

int fl_finisher_create(const struct fl_world *world, int threads, int bell_fd,
                       struct fl_finisher **ret_finisher, struct fl_err *reterr)
{
    struct fl_finisher *finisher = calloc(1, sizeof(*finisher));

    fl_assert(threads >= 0 && threads <= FL_FINISHER_THREADS);
    if (!finisher)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    finisher->world = world;
    finisher->bell_fd = bell_fd;
    (void)pthread_mutex_init(&finisher->lock, NULL); /* cannot fail with default attributes */
    (void)pthread_cond_init(&finisher->work, NULL);
    (void)pthread_cond_init(&finisher->rest, NULL);
    for (size_t i = 0; i < FL_COUNT(finisher->pieces); i++) {
        finisher->pieces[i] = malloc(PIECE_BYTES);
        if (!finisher->pieces[i]) {
            fl_finisher_destroy(finisher);
            return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
        }
    }
    for (int i = 0; i < threads; i++) { /* fewer threads are slower, not wrong */
        if (pthread_create(&finisher->threads[i], NULL, thread_main, finisher) != 0)
            break;
        finisher->thread_count++;
    }
    *ret_finisher = finisher;
    return 0;
}

void fl_finisher_destroy(struct fl_finisher *finisher)
{
    if (!finisher)
        return;
    (void)pthread_mutex_lock(&finisher->lock);
    finisher->over = true;
    (void)pthread_cond_broadcast(&finisher->work);
    (void)pthread_mutex_unlock(&finisher->lock);
    for (int i = 0; i < finisher->thread_count; i++)
        (void)pthread_join(finisher->threads[i], NULL); /* they end by themselves */
    for (size_t i = 0; i < FL_COUNT(finisher->pieces); i++)
        free(finisher->pieces[i]);
    (void)pthread_cond_destroy(&finisher->rest);
    (void)pthread_cond_destroy(&finisher->work);
    (void)pthread_mutex_destroy(&finisher->lock);
    free(finisher);
}

void fl_finisher_feed(struct fl_finisher *finisher, struct fl_finish_job *job, int64_t ready,
                      bool last)
{
    (void)pthread_mutex_lock(&finisher->lock);
    fl_assert(!job->done || job->rc < 0);
    if (!job->done) {
        job->ready = ready;
        job->last = last;
        if (!job->queued && !job->busy) {
            job->queued = true;
            enqueue(&finisher->queue, job);
        }
    }
    while (finisher->thread_count == 0 && finisher->queue)
        take_turn(finisher, finisher->pieces[FL_FINISHER_THREADS]);
    (void)pthread_cond_signal(&finisher->work);
    (void)pthread_mutex_unlock(&finisher->lock);
}

struct fl_finish_job *fl_finisher_take(struct fl_finisher *finisher)
{
    struct fl_finish_job *job;

    (void)pthread_mutex_lock(&finisher->lock);
    job = dequeue(&finisher->done);
    (void)pthread_mutex_unlock(&finisher->lock);
    return job;
}

void fl_finisher_cancel(struct fl_finisher *finisher, struct fl_finish_job *job)
{
    (void)pthread_mutex_lock(&finisher->lock);
    while (job->busy)
        (void)pthread_cond_wait(&finisher->rest, &finisher->lock);
    if (job->queued)
        cut(&finisher->queue, job);
    if (job->done)
        cut(&finisher->done, job);
    job->queued = false;
    (void)pthread_mutex_unlock(&finisher->lock);
}
