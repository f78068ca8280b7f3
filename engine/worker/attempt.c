/* Attempts in a worker's hands: following, orders, acknowledgement. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"
#include "engine/world/local.h"
#include "engine/world/process.h"
#include "engine/world/tree.h"
#include "engine/worker/private.h"
#include "engine/worker/supervisor.h"

#include "engine/base/banned.h"

#define SMALL_FILE ((size_t)16 * 1024)
#define ENTRIES_A_TURN 1000

int fl_attempt_add(struct fl_worker *worker, struct site *site, const char *id,
                   struct attempt **ret_attempt, struct fl_err *reterr)
{
    struct attempt *attempt;
    int rc;

    if (worker->attempt_count >= FL_WORKER_ATTEMPTS_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "this worker holds %d attempts already",
                          FL_WORKER_ATTEMPTS_MAX);
    attempt = calloc(1, sizeof(*attempt));
    if (!attempt)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "attempt: out of memory");
    attempt->site = site;
    attempt->source = (struct source){.kind = SOURCE_ATTEMPT, .owner = attempt};
    attempt->sweep_source = (struct source){.kind = SOURCE_SWEEP, .owner = attempt};
    attempt->pidfd = attempt->folder_id = attempt->lock_fd = -1;
    attempt->retry_ns = INT64_MAX;
    (void)snprintf(attempt->id, sizeof(attempt->id), "%s", id);
    attempt->orders = json_array();
    rc = attempt->orders ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "attempt: out of memory");
    if (rc == 0 && snprintf(attempt->folder, FL_PATH_MAX, "%s/work/%s", site->root, id) >=
                       FL_PATH_MAX - FL_SPEC_ID_MAX)
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "path of attempt '%s' is too long", id);
    if (rc == 0)
        rc = fl_spool_reader_init(&attempt->reader, worker->world, attempt->folder, reterr);
    if (rc < 0) {
        json_decref(attempt->orders);
        free(attempt);
        return rc;
    }
    attempt->next = worker->attempts;
    worker->attempts = attempt;
    worker->attempt_count++;
    *ret_attempt = attempt;
    return 0;
}

static void drop_pidfd(struct fl_worker *worker, struct attempt *attempt)
{
    if (attempt->pidfd < 0)
        return;
    fl_watch_remove(worker->watch, attempt->pidfd);
    fl_local_close(attempt->pidfd);
    attempt->pidfd = -1;
}

static void drop_sweep(struct fl_worker *worker, struct attempt *attempt)
{
    while (attempt->sweep_count > 0) {
        int fd = attempt->sweep_fd[--attempt->sweep_count];

        fl_watch_remove(worker->watch, fd);
        fl_local_close(fd);
    }
}

void fl_attempt_free(struct fl_worker *worker, struct attempt *attempt)
{
    struct attempt **slot = &worker->attempts;

    while (*slot && *slot != attempt)
        slot = &(*slot)->next;
    fl_assert(*slot);
    *slot = attempt->next;
    worker->attempt_count--;
    if (attempt->folder_id >= 0)
        fl_notify_remove(worker->folders_fd, attempt->folder_id);
    drop_pidfd(worker, attempt);
    drop_sweep(worker, attempt);
    fl_lock_release(worker->world, attempt->lock_fd);
    fl_spool_reader_release(&attempt->reader);
    json_decref(attempt->orders);
    json_decref(attempt->held);
    free(attempt);
}

/* No more will be said of it: its marker goes, and our memory of it. */
static void finish(struct fl_worker *worker, struct attempt *attempt)
{
    fl_live_clear(worker, attempt->site, attempt->id);
    attempt->finished = true;
    attempt->retry_ns = INT64_MAX;
    if (!attempt->is_child || attempt->pidfd < 0)
        fl_attempt_free(worker, attempt);
    /* else: its supervisor is about to exit, and is reaped then */
}

static void retry_in(struct fl_worker *worker, struct attempt *attempt, int64_t wait_ns)
{
    attempt->retry_ns = fl_world_mono_ns(worker->world) + wait_ns;
}

static int watch_folder(struct fl_worker *worker, struct attempt *attempt, struct fl_err *reterr)
{
    return fl_notify_add(worker->folders_fd, attempt->folder, &attempt->folder_id, reterr);
}

static int watch_supervisor(struct fl_worker *worker, struct attempt *attempt, pid_t pid,
                            struct fl_err *reterr)
{
    int fd = worker->world->ops->pidfd(pid, worker->world->arg);
    int rc;

    if (fd < 0)
        return fl_err_errno(reterr, -fd, "watch process %ld", (long)pid);
    rc = fl_watch_add(worker->watch, fd, (uint64_t)(uintptr_t)&attempt->source, reterr);
    if (rc < 0) {
        fl_local_close(fd);
        return rc;
    }
    drop_pidfd(worker, attempt);
    attempt->pidfd = fd;
    attempt->pid = pid;
    return 0;
}

int fl_attempt_start(struct fl_worker *worker, struct attempt *attempt, int64_t grant_ns,
                     struct fl_err *reterr)
{
    char until[32];
    const char *const argv[] = {worker->supervisor, "--grant-until", until, attempt->folder, NULL};
    const struct fl_world *world = worker->world;
    char log[FL_PATH_MAX];
    char cwd[FL_PATH_MAX];
    pid_t pid = 0;
    int log_fd;
    int rc = fl_path_join(attempt->folder, "log/supervisor", log, sizeof(log), reterr);

    (void)snprintf(until, sizeof(until), "%lld", (long long)grant_ns);
    if (rc == 0)
        rc = fl_path_join(attempt->folder, "data", cwd, sizeof(cwd), reterr);
    if (rc == 0 && attempt->folder_id < 0)
        rc = watch_folder(worker, attempt, reterr);
    if (rc < 0)
        return rc;
    log_fd = world->ops->open(log, O_WRONLY | O_CREAT | O_APPEND, 0644, world->arg);
    if (log_fd < 0)
        return fl_err_errno(reterr, -log_fd, "open '%s'", log);
    const struct fl_spawn spawn = {.path = worker->supervisor,
                                   .argv = argv,
                                   .cwd = cwd,
                                   .stdin_fd = -1,
                                   .stdout_fd = log_fd,
                                   .stderr_fd = log_fd,
                                   .new_session = true};

    rc = fl_process_spawn(world, &spawn, &pid, reterr);
    (void)world->ops->close(log_fd, world->arg); /* the child has its own */
    if (rc < 0)
        return rc;
    attempt->is_child = true;
    rc = watch_supervisor(worker, attempt, pid, reterr);
    if (rc < 0) { /* it must not run unwatched */
        struct fl_exit ended;

        (void)fl_process_kill(world, pid, SIGKILL, NULL);
        (void)fl_process_ended(world, pid, &ended);
    }
    return rc;
}

static int read_json(struct fl_worker *worker, const struct attempt *attempt, const char *file,
                     json_t **ret_json, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    char path[FL_PATH_MAX];
    int rc = fl_path_join(attempt->folder, file, path, sizeof(path), reterr);

    fl_buf_init(&text, FL_JSON_MAX);
    if (rc == 0)
        rc = fl_file_read(worker->world, path, FL_JSON_MAX, &text, reterr);
    if (rc == 0)
        rc = fl_json_parse(text.data, text.size, ret_json, reterr);
    return rc;
}

/* ---------------------------------------------------------------- orders */

static void send_order(struct fl_worker *worker, struct attempt *attempt, const json_t *order)
{
    char *text = fl_json_text(order);
    struct fl_err err = {0};
    int rc;

    (void)worker;
    rc = text ? fl_local_send(attempt->control, text, strlen(text), &err) : FL_E_NOMEM;
    free(text);
    if (rc < 0 && rc != FL_E_NET) /* nobody there: it has ended, or its death is seen soon */
        fl_log(FL_LOG_WARN, "order.failed", "attempt='%s' error='%s'", attempt->id, err.text);
}

void fl_attempt_order(struct fl_worker *worker, struct attempt *attempt, const json_t *order)
{
    const char *type = json_string_value(json_object_get(order, "type"));
    size_t at = 0;

    if (attempt->control[0]) {
        send_order(worker, attempt, order);
        return;
    }
    /* one of each type at most: the newest says all that those before it said */
    while (at < json_array_size(attempt->orders)) {
        const char *have =
            json_string_value(json_object_get(json_array_get(attempt->orders, at), "type"));

        if (type && have && strcmp(type, have) == 0)
            (void)json_array_remove(attempt->orders, at);
        else
            at++;
    }
    (void)json_array_append(attempt->orders, (json_t *)(uintptr_t)order);
}

/* supervisor.json: where it listens, and which process it is. */
static int find_supervisor(struct fl_worker *worker, struct attempt *attempt, struct fl_err *reterr)
{
    fl_json_auto json_t *json = NULL;
    const char *control = NULL;
    const char *boot = NULL;
    char boot_now[64];
    int64_t pid = 0;
    int64_t start = 0;
    uint64_t start_now = 0;
    int rc = read_json(worker, attempt, FL_SUPERVISOR_FILE, &json, reterr);

    if (rc == 0)
        rc = fl_json_string(json, "control", &control, reterr);
    if (rc == 0)
        rc = fl_json_string(json, "boot", &boot, reterr);
    if (rc == 0)
        rc = fl_json_int(json, "pid", &pid, reterr);
    if (rc == 0)
        rc = fl_json_int(json, "start", &start, reterr);
    if (rc == 0 && strlen(control) >= sizeof(attempt->control))
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "socket path is too long");
    if (rc < 0)
        return rc;
    if (attempt->pidfd < 0) {
        rc = fl_tree_boot(boot_now, sizeof(boot_now), reterr);
        if (rc == 0 && strcmp(boot, boot_now) != 0)
            rc = fl_err_set(reterr, FL_E_NOENT, 0, "the machine was started again since");
        if (rc == 0)
            rc = watch_supervisor(worker, attempt, (pid_t)pid, reterr);
        if (rc == 0) /* after the pidfd: now the number cannot be another's unnoticed */
            rc = fl_tree_start((pid_t)pid, &start_now, reterr);
        if (rc == 0 && start_now != (uint64_t)start)
            rc = fl_err_set(reterr, FL_E_NOENT, 0, "process %lld is another one now",
                            (long long)pid);
        if (rc < 0) {
            drop_pidfd(worker, attempt);
            return rc;
        }
    }
    (void)snprintf(attempt->control, sizeof(attempt->control), "%s", control);
    for (size_t i = 0; i < json_array_size(attempt->orders); i++)
        send_order(worker, attempt, json_array_get(attempt->orders, i));
    (void)json_array_clear(attempt->orders);
    return 0;
}

/* ---------------------------------------------------------------- the spool */

/* Sends one entry. FL_E_FULL: it is held, and comes first next time. */
static int send_entry(struct fl_worker *worker, struct attempt *attempt, int64_t index,
                      json_t *event)
{
    fl_json_auto json_t *message = NULL;
    struct fl_err err = {0};
    const char *type = json_string_value(json_object_get(event, "type"));
    int rc = 0;

    if (type && strcmp(type, "end") == 0)
        attempt->end_index = index;
    if (attempt->forgotten || index <= attempt->acked)
        return 0;
    if (attempt->known[0] && type && strcmp(type, "begin") == 0)
        (void)json_object_set_new(event, "known", json_string(attempt->known));
    message = json_pack("{s:s,s:s,s:I,s:O}", "type", "attempt", "id", attempt->id, "index",
                        (json_int_t)index, "event", event);
    rc = message ? fl_bus_client_send(worker->bus, message, &err) : FL_E_NOMEM;
    if (rc == 0)
        return 0;
    if (rc != FL_E_FULL)
        fl_log(FL_LOG_WARN, "report.failed", "attempt='%s' index=%lld error='%s'", attempt->id,
               (long long)index, err.text);
    attempt->held = json_incref(event);
    attempt->held_index = index;
    return rc;
}

static void send_new(struct fl_worker *worker, struct attempt *attempt)
{
    struct fl_err err = {0};
    int rc = 0;

    if (attempt->held) {
        json_t *event = FL_STEAL(attempt->held);

        rc = send_entry(worker, attempt, attempt->held_index, event);
        json_decref(event);
    }
    for (int i = 0; rc == 0 && i < ENTRIES_A_TURN; i++) {
        fl_json_auto json_t *event = NULL;
        int64_t index = 0;

        rc = fl_spool_next(&attempt->reader, &index, &event, &err);
        if (rc == 0)
            rc = send_entry(worker, attempt, index, event);
        else if (rc == FL_E_PARSE && !attempt->dead)
            fl_log(FL_LOG_WARN, "spool.unreadable", "attempt='%s' error='%s'", attempt->id,
                   err.text);
    }
    if (rc == 0) /* there is more */
        attempt->retry_ns = 0;
}

void fl_attempt_follow(struct fl_worker *worker, struct attempt *attempt)
{
    if (attempt->finished)
        return;
    if (!attempt->control[0] && !attempt->dead)
        (void)find_supervisor(worker, attempt, NULL); /* not there yet: the folder tells when */
    if (worker->said || attempt->forgotten)
        send_new(worker, attempt);
    if (attempt->end_index > 0 && (attempt->forgotten || attempt->acked >= attempt->end_index))
        finish(worker, attempt);
}

void fl_attempt_resend(struct attempt *attempt)
{
    json_decref(attempt->held);
    attempt->held = NULL;
    fl_spool_rewind(&attempt->reader);
}

void fl_attempt_ack(struct fl_worker *worker, struct attempt *attempt, int64_t index)
{
    if (index > attempt->acked)
        attempt->acked = index;
    if (attempt->end_index > 0 && attempt->acked >= attempt->end_index)
        finish(worker, attempt);
}

void fl_attempt_forget(struct fl_worker *worker, struct attempt *attempt)
{
    fl_json_auto json_t *order =
        json_pack("{s:s,s:s,s:i}", "type", "cancel", "reason",
                  "the coordinator does not know this attempt", "grace_s", 0);

    attempt->forgotten = true;
    if (order)
        fl_attempt_order(worker, attempt, order); /* one that has ended hears nothing of it */
    fl_attempt_follow(worker, attempt);
}

/* ---------------------------------------------------------------- death */

/* end.json and the last line of the spool, written in the supervisor's stead. */
static int write_end(struct fl_worker *worker, struct attempt *attempt, json_t *end,
                     struct fl_err *reterr)
{
    struct fl_spool_writer writer = {0};
    char path[FL_PATH_MAX];
    char *text = end ? fl_json_text(end) : NULL;
    int rc = text ? fl_path_join(attempt->folder, FL_SPOOL_END_FILE, path, sizeof(path), reterr)
                  : fl_err_set(reterr, FL_E_NOMEM, 0, "end: out of memory");

    if (rc == 0)
        rc = fl_spool_open(&writer, worker->world, attempt->folder, reterr);
    if (rc == 0)
        rc = fl_file_publish(worker->world, path, text, strlen(text), reterr);
    if (rc == 0)
        rc = fl_spool_add(&writer, end, true, reterr);
    free(text);
    return rc;
}

/* The sockets of a supervisor that could not remove them itself. */
static void remove_sockets(struct fl_worker *worker, const struct attempt *attempt)
{
    static const char tail[] = ".control";
    fl_json_auto json_t *json = NULL;
    const char *control = NULL;
    char event[128];
    size_t stem;

    if (read_json(worker, attempt, FL_SUPERVISOR_FILE, &json, NULL) < 0 ||
        fl_json_string(json, "control", &control, NULL) < 0 || strlen(control) < sizeof(tail))
        return;
    stem = strlen(control) - (sizeof(tail) - 1);
    if (strcmp(control + stem, tail) != 0 ||
        snprintf(event, sizeof(event), "%.*s.event", (int)stem, control) >= (int)sizeof(event))
        return;
    /* what stays is a name of no use in our own folder */
    (void)fl_file_remove(worker->world, control, NULL);
    (void)fl_file_remove(worker->world, event, NULL);
}

/* The tree is gone: what end.json says, or that its supervisor died. */
static void end_dead(struct fl_worker *worker, struct attempt *attempt)
{
    fl_json_auto json_t *end = NULL;
    struct fl_err err = {0};
    char reason[256];
    int rc;

    (void)snprintf(reason, sizeof(reason), "supervisor died%s%s", attempt->death[0] ? ": " : "",
                   attempt->death);
    if (read_json(worker, attempt, FL_SPOOL_END_FILE, &end, NULL) < 0)
        end = fl_spool_end("failed", -1, 0, "transient", reason);
    remove_sockets(worker, attempt);
    rc = write_end(worker, attempt, end, &err);
    if (rc < 0) {
        fl_log(FL_LOG_ERROR, "end.failed", "attempt='%s' error='%s' again_in_s=5", attempt->id,
               err.text);
        retry_in(worker, attempt, INT64_C(5000000000));
        return;
    }
    fl_lock_release(worker->world, attempt->lock_fd);
    attempt->lock_fd = -1;
    fl_attempt_follow(worker, attempt);
}

void fl_attempt_sweep(struct fl_worker *worker, struct attempt *attempt)
{
    pid_t pids[FL_WORKER_SWEEP_MAX];
    char marker[160];
    size_t count;

    fl_assert(attempt->dead);
    drop_sweep(worker, attempt);
    attempt->retry_ns = INT64_MAX;
    (void)snprintf(marker, sizeof(marker), "FAIRLEAD_TOKEN=%s", attempt->token);
    count = attempt->token[0] ? fl_tree_marked(marker, pids, FL_WORKER_SWEEP_MAX) : 0;
    if (count == 0) {
        end_dead(worker, attempt);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        int fd = worker->world->ops->pidfd(pids[i], worker->world->arg);

        (void)fl_process_kill(worker->world, pids[i], SIGKILL, NULL); /* gone is as good */
        if (fd < 0)
            continue;
        if (fl_watch_add(worker->watch, fd, (uint64_t)(uintptr_t)&attempt->sweep_source, NULL) < 0)
            fl_local_close(fd);
        else
            attempt->sweep_fd[attempt->sweep_count++] = fd;
    }
    retry_in(worker, attempt, INT64_C(1000000000)); /* should a pidfd not have been had */
}

/* Who has the lock is the supervisor: another one, that we did not know of, may. */
static bool adopt_holder(struct fl_worker *worker, struct attempt *attempt, const char *path)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    long pid = 0;

    fl_buf_init(&text, SMALL_FILE);
    if (fl_file_read(worker->world, path, SMALL_FILE, &text, NULL) == 0)
        pid = strtol(text.data, NULL, 10);
    attempt->is_child = false;
    return pid > 0 && watch_supervisor(worker, attempt, (pid_t)pid, NULL) == 0;
}

/* No supervisor is known to live. Proves it by taking its lock; then either starts one (nothing had
 * begun) or sweeps the tree and ends the attempt. */
static void settle_dead(struct fl_worker *worker, struct attempt *attempt, bool may_start)
{
    char path[FL_PATH_MAX];
    struct fl_spool_writer writer = {0};
    struct fl_err err = {0};
    int rc = fl_path_join(attempt->folder, FL_SUPERVISOR_LOCK, path, sizeof(path), &err);

    if (rc == 0)
        rc = fl_lock_take(worker->world, path, &attempt->lock_fd, &err);
    if (rc == FL_E_LOCKED) {
        attempt->control[0] = '\0';
        if (!adopt_holder(worker, attempt, path))
            retry_in(worker, attempt, INT64_C(100000000)); /* it has not written who it is yet */
        fl_attempt_follow(worker, attempt);
        return;
    }
    if (rc == 0)
        rc = fl_spool_open(&writer, worker->world, attempt->folder, &err);
    if (rc == 0 && may_start && writer.index == 0) {
        fl_lock_release(worker->world, attempt->lock_fd);
        attempt->lock_fd = -1;
        rc = fl_attempt_start(worker, attempt, 0, &err);
        if (rc == 0)
            return;
    }
    if (rc < 0) {
        fl_log(FL_LOG_ERROR, "attempt.unsettled", "attempt='%s' error='%s' again_in_s=5",
               attempt->id, err.text);
        retry_in(worker, attempt, INT64_C(5000000000));
        return;
    }
    attempt->dead = true;
    fl_attempt_sweep(worker, attempt);
}

/* Reads what it spooled last, whether it can be sent now or not. */
static bool has_end(struct fl_worker *worker, const struct attempt *attempt)
{
    struct fl_spool_reader reader;
    bool found = false;
    int rc = fl_spool_reader_init(&reader, worker->world, attempt->folder, NULL);

    while (rc == 0 && !found) {
        fl_json_auto json_t *event = NULL;
        const char *type;
        int64_t index;

        rc = fl_spool_next(&reader, &index, &event, NULL);
        type = rc == 0 ? json_string_value(json_object_get(event, "type")) : NULL;
        found = type && strcmp(type, "end") == 0;
    }
    fl_spool_reader_release(&reader);
    return found;
}

void fl_attempt_died(struct fl_worker *worker, struct attempt *attempt)
{
    struct fl_exit ended = {.code = -1};

    drop_pidfd(worker, attempt);
    if (attempt->is_child && fl_process_ended(worker->world, attempt->pid, &ended)) {
        if (ended.signal > 0)
            (void)snprintf(attempt->death, sizeof(attempt->death), "by signal %d", ended.signal);
        else
            (void)snprintf(attempt->death, sizeof(attempt->death),
                           "with exit code %d (see log/supervisor)", ended.code);
    }
    attempt->pid = 0;
    if (attempt->finished) {
        fl_attempt_free(worker, attempt);
        return;
    }
    if (attempt->end_index == 0 && !has_end(worker, attempt))
        settle_dead(worker, attempt, false);
    else
        fl_attempt_follow(worker, attempt);
}

void fl_attempt_retry(struct fl_worker *worker, struct attempt *attempt)
{
    attempt->retry_ns = INT64_MAX;
    if (attempt->dead)
        fl_attempt_sweep(worker, attempt);
    else if (attempt->pidfd < 0 && attempt->end_index == 0)
        fl_attempt_adopt(worker, attempt);
    else
        fl_attempt_follow(worker, attempt);
}

void fl_attempt_adopt(struct fl_worker *worker, struct attempt *attempt)
{
    fl_json_auto json_t *spec = NULL;
    const char *token = "";
    struct fl_err err = {0};
    int rc = read_json(worker, attempt, "spec.json", &spec, &err);

    if (rc == 0)
        rc = fl_json_string(spec, "token", &token, &err);
    if (rc < 0) { /* half-made: the coordinator will ask for it again */
        fl_log(FL_LOG_WARN, "attempt.half_made", "attempt='%s' error='%s'", attempt->id, err.text);
        if (rc == FL_E_NOENT)
            (void)fl_dir_remove(worker->world, attempt->folder, NULL);
        finish(worker, attempt);
        return;
    }
    (void)snprintf(attempt->token, sizeof(attempt->token), "%s", token);
    if (attempt->folder_id < 0 && watch_folder(worker, attempt, &err) < 0)
        fl_log(FL_LOG_WARN, "folder.unwatched", "attempt='%s' error='%s'", attempt->id, err.text);
    rc = find_supervisor(worker, attempt, &err);
    if (rc == 0) {
        fl_log(FL_LOG_INFO, "attempt.adopted", "attempt='%s' supervisor=%ld", attempt->id,
               (long)attempt->pid);
        fl_attempt_follow(worker, attempt);
        return;
    }
    (void)snprintf(attempt->death, sizeof(attempt->death), "%s",
                   "found dead when its worker was started again");
    if (rc == FL_E_NOENT && !fl_file_exists(worker->world, attempt->reader.path)) {
        settle_dead(worker, attempt, true);
        return;
    }
    fl_attempt_died(worker, attempt);
}

void fl_attempt_fail(struct fl_worker *worker, struct attempt *attempt, const struct fl_err *why)
{
    fl_json_auto json_t *end =
        fl_spool_end("failed", -1, 0, fl_err_class_name(fl_err_class(why->code)), why->text);
    struct fl_err err = {0};

    fl_log(FL_LOG_WARN, "launch.failed", "attempt='%s' error='%s'", attempt->id, why->text);
    if (write_end(worker, attempt, end, &err) == 0) {
        fl_attempt_follow(worker, attempt);
        return;
    }
    /* not even that could be written: said once, and the coordinator asks again after a crash */
    if (end)
        (void)send_entry(worker, attempt, 1, end);
    finish(worker, attempt);
}
