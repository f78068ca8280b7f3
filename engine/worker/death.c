/* Attempts whose supervisor is dead: proof, the end of what it left, and the record of it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"
#include "engine/world/local.h"
#include "engine/worker/private.h"
#include "engine/worker/supervisor.h"

#include "engine/base/banned.h"

#define AGAIN_NS INT64_C(5000000000) /* after what a person may have to mend */
#define SOON_NS INT64_C(100000000)
#define SWEEP_NS INT64_C(1000000000) /* should a pidfd not have been had */

int fl_death_end(struct fl_worker *worker, struct attempt *attempt, const json_t *end,
                 struct fl_err *reterr)
{
    struct fl_spool_writer writer = {0};
    int rc = end ? fl_spool_open(&writer, worker->world, attempt->folder, reterr)
                 : fl_err_set(reterr, FL_E_NOMEM, 0, "end of an attempt: out of memory");

    if (rc < 0)
        return rc;
    rc = fl_spool_add(&writer, end, reterr);
    if (rc == 0)
        rc = fl_spool_sync(&writer, reterr);
    fl_spool_close(&writer);
    return rc;
}

/* The socket that a dead supervisor has left. Before its lock is taken, which writes over what it
 * said of itself. */
static void note_socket(struct fl_worker *worker, struct attempt *attempt)
{
    fl_json_auto json_t *json = NULL;
    const char *path = NULL;
    char folder[64];

    if (fl_attempt_json(worker, attempt, FL_SUPERVISOR_FILE, &json, NULL) == 0 &&
        fl_json_string(json, "socket", &path, NULL) == 0 &&
        fl_local_folder(worker->world, folder, sizeof(folder), NULL) == 0 &&
        strncmp(path, folder, strlen(folder)) == 0 && !strstr(path, "/../"))
        (void)snprintf(attempt->socket, sizeof(attempt->socket), "%s", path);
}

/* The tree is gone. */
static void end_dead(struct fl_worker *worker, struct attempt *attempt)
{
    fl_json_auto json_t *end = NULL;
    struct fl_err err = {0};
    char reason[256];
    int rc;

    (void)snprintf(reason, sizeof(reason), "supervisor died%s%s", attempt->death[0] ? ": " : "",
                   attempt->death);
    end = fl_spool_end("failed", -1, 0, "transient", reason);
    if (attempt->socket[0])
        (void)fl_file_remove(worker->world, attempt->socket, NULL); /* a name of no use */
    rc = fl_death_end(worker, attempt, end, &err);
    if (rc < 0) {
        fl_log(FL_LOG_ERROR, "end.failed", "attempt='%s' error='%s' again_in_s=5", attempt->id,
               err.text);
        fl_attempt_retry_in(worker, attempt, AGAIN_NS);
        return;
    }
    fl_lock_release(worker->world, attempt->lock_fd);
    attempt->lock_fd = -1;
    attempt->dead = false;
    fl_attempt_follow(worker, attempt);
}

void fl_death_sweep(struct fl_worker *worker, struct attempt *attempt)
{
    fl_assert(attempt->dead);
    attempt->retry_ns = INT64_MAX;
    if (fl_sweep(worker, attempt->token, &attempt->sweep))
        fl_attempt_retry_in(worker, attempt, SWEEP_NS);
    else
        end_dead(worker, attempt);
}

/* Nothing has begun, and it is certain that nothing will but what is started now. */
static int start_again(struct fl_worker *worker, struct attempt *attempt, struct fl_err *reterr)
{
    fl_lock_release(worker->world, attempt->lock_fd);
    attempt->lock_fd = -1;
    return fl_holder_give(worker, attempt, 0, reterr);
}

void fl_death_settle(struct fl_worker *worker, struct attempt *attempt, bool may_start)
{
    char path[FL_PATH_MAX];
    struct fl_spool_writer writer = {0};
    struct fl_err err = {0};
    int rc = fl_path_join(attempt->folder, FL_SUPERVISOR_FILE, path, sizeof(path), &err);

    note_socket(worker, attempt);
    if (rc == 0)
        rc = fl_lock_take(worker->world, path, &attempt->lock_fd, &err);
    if (rc == FL_E_LOCKED) { /* another one, that we did not know of: it says who it is, or will */
        if (fl_holder_find(worker, attempt, NULL) < 0)
            fl_attempt_retry_in(worker, attempt, SOON_NS);
        fl_attempt_follow(worker, attempt);
        return;
    }
    if (rc == 0)
        rc = fl_spool_open(&writer, worker->world, attempt->folder, &err);
    if (rc == 0)
        fl_spool_close(&writer);
    if (rc == 0 && may_start && writer.index == 0) {
        rc = start_again(worker, attempt, &err);
        if (rc == 0)
            return;
    }
    if (rc < 0) {
        fl_lock_release(worker->world, attempt->lock_fd);
        attempt->lock_fd = -1;
        fl_log(FL_LOG_ERROR, "attempt.unsettled", "attempt='%s' error='%s' again_in_s=5",
               attempt->id, err.text);
        fl_attempt_retry_in(worker, attempt, AGAIN_NS);
        return;
    }
    attempt->dead = true;
    fl_death_sweep(worker, attempt);
}
