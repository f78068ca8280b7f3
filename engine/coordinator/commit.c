/* The commit thread: sleeps on a condition, rings a bell. */
#include "config.h"

#include "engine/coordinator/commit.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/core/snapshot.h"
#include "engine/store/snapshots.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

struct fl_commit {
    struct fl_store *store;
    pthread_t thread;
    bool started;
    int done_fd;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t given;
    struct fl_store_batch batch; /* valid while under_way */
    bool under_way;
    bool done;
    bool stopping;
    int rc;
    struct fl_err err;
    struct fl_snapshot_writer offered; /* data NULL: none */
    bool writing;                      /* the thread has one */
};

enum work { WORK_END, WORK_BATCH, WORK_SNAPSHOT };

/* What is next: a batch before a piece of a snapshot. */
static enum work work_await(struct fl_commit *commit, struct fl_store_batch *ret_batch,
                            struct fl_snapshot_writer *writer)
{
    enum work work = WORK_END;

    (void)pthread_mutex_lock(&commit->lock);
    commit->writing = writer->data != NULL;
    while (!commit->under_way && !commit->stopping && !writer->data && !commit->offered.data)
        (void)pthread_cond_wait(&commit->given, &commit->lock);
    if (commit->under_way) {
        work = WORK_BATCH;
        *ret_batch = commit->batch;
    } else if (!commit->stopping) {
        work = WORK_SNAPSHOT;
        if (!writer->data) {
            *writer = commit->offered;
            commit->offered = (struct fl_snapshot_writer){0};
            commit->writing = true;
        }
    }
    (void)pthread_mutex_unlock(&commit->lock);
    return work;
}

static void do_batch(struct fl_commit *commit, const struct fl_store_batch *batch)
{
    struct fl_err err = {0};
    int rc = fl_store_commit(commit->store, batch, &err);

    (void)pthread_mutex_lock(&commit->lock);
    commit->under_way = false;
    commit->done = true;
    commit->rc = rc;
    commit->err = err;
    (void)pthread_mutex_unlock(&commit->lock);
    fl_wake_ring(commit->done_fd);
}

static void do_snapshot(struct fl_commit *commit, struct fl_snapshot_writer *writer)
{
    uint64_t seq = writer->seq;
    struct fl_err err = {0};
    int rc = fl_snapshot_write(commit->store, writer, &err);

    if (rc < 0)
        fl_log(FL_LOG_WARN, "snapshot.failed",
               "event=%llu error='%s' effect='the next one is tried'", (unsigned long long)seq,
               err.text);
    if (rc == 0)
        fl_log(FL_LOG_DEBUG, "snapshot.written", "event=%llu", (unsigned long long)seq);
}

static void *commit_main(void *arg)
{
    struct fl_commit *commit = arg;
    struct fl_snapshot_writer writer = {0};
    struct fl_store_batch batch;
    enum work work;

    while ((work = work_await(commit, &batch, &writer)) != WORK_END) {
        struct fl_err err = {0};

        if (work == WORK_BATCH)
            do_batch(commit, &batch);
        else
            do_snapshot(commit, &writer);
        if (fl_store_tidy(commit->store, &err) < 0)
            fl_log(FL_LOG_WARN, "store.tidy", "error='%s' effect='tried again later'", err.text);
    }
    fl_snapshot_writer_release(&writer);
    return NULL;
}

int fl_commit_create(struct fl_store *store, struct fl_commit **ret_commit, struct fl_err *reterr)
{
    fl_auto(fl_commit_destroy) struct fl_commit *commit = calloc(1, sizeof(*commit));
    int rc;

    fl_assert(store && ret_commit);
    if (!commit)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    commit->store = store;
    commit->done_fd = -1;
    (void)pthread_mutex_init(&commit->lock, NULL); /* cannot fail with default attributes */
    (void)pthread_cond_init(&commit->given, NULL);
    rc = fl_wake_create(&commit->done_fd, reterr);
    if (rc < 0)
        return rc;
    rc = pthread_create(&commit->thread, NULL, commit_main, commit);
    if (rc != 0)
        return fl_err_errno(reterr, rc, "start the commit thread");
    commit->started = true;
    *ret_commit = FL_STEAL(commit);
    return 0;
}

void fl_commit_destroy(struct fl_commit *commit)
{
    if (!commit)
        return;
    if (commit->started) {
        (void)pthread_mutex_lock(&commit->lock);
        commit->stopping = true;
        (void)pthread_cond_signal(&commit->given);
        (void)pthread_mutex_unlock(&commit->lock);
        (void)pthread_join(commit->thread, NULL);
    }
    fl_snapshot_writer_release(&commit->offered);
    fl_wake_close(commit->done_fd);
    (void)pthread_cond_destroy(&commit->given);
    (void)pthread_mutex_destroy(&commit->lock);
    free(commit);
}

void fl_commit_give(struct fl_commit *commit, const struct fl_store_batch *batch)
{
    (void)pthread_mutex_lock(&commit->lock);
    fl_assert(!commit->under_way && !commit->done);
    commit->batch = *batch;
    commit->under_way = true;
    (void)pthread_cond_signal(&commit->given);
    (void)pthread_mutex_unlock(&commit->lock);
}

bool fl_commit_take(struct fl_commit *commit, int *ret_rc, struct fl_err *ret_err)
{
    bool done;

    (void)pthread_mutex_lock(&commit->lock);
    done = commit->done;
    if (done) {
        *ret_rc = commit->rc;
        *ret_err = commit->err;
        commit->done = false;
        fl_wake_clear(commit->done_fd);
    }
    (void)pthread_mutex_unlock(&commit->lock);
    return done;
}

bool fl_commit_offer(struct fl_commit *commit, uint64_t seq, char *data, size_t size)
{
    bool room;

    (void)pthread_mutex_lock(&commit->lock);
    room = !commit->writing && !commit->offered.data;
    if (room && data) {
        commit->offered = (struct fl_snapshot_writer){
            .seq = seq, .format = FL_SNAPSHOT_FORMAT, .data = data, .size = size};
        (void)pthread_cond_signal(&commit->given);
    }
    (void)pthread_mutex_unlock(&commit->lock);
    return room;
}

int fl_commit_fd(const struct fl_commit *commit)
{
    return commit->done_fd;
}
