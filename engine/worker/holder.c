/* Supervisors: started ahead, given attempts, heard through their channels. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/channel.h"
#include "engine/world/local.h"
#include "engine/world/process.h"
#include "engine/world/tree.h"
#include "engine/worker/private.h"
#include "engine/worker/supervisor.h"

#include "engine/base/banned.h"

#define LINES_A_TURN 256

/* ---------------------------------------------------------------- making */

static struct holder *holder_new(struct fl_err *reterr)
{
    struct holder *holder = calloc(1, sizeof(*holder));

    if (!holder) {
        (void)fl_err_set(reterr, FL_E_NOMEM, 0, "supervisor: out of memory");
        return NULL;
    }
    holder->channel_source = (struct source){.kind = SOURCE_CHANNEL, .owner = holder};
    holder->death_source = (struct source){.kind = SOURCE_DEATH, .owner = holder};
    holder->pidfd = holder->channel_fd = -1;
    return holder;
}

static void hang_up(struct fl_worker *worker, struct holder *holder)
{
    if (holder->channel_fd < 0)
        return;
    fl_watch_remove(worker->watch, holder->channel_fd);
    fl_local_close(holder->channel_fd);
    holder->channel_fd = -1;
    if (holder->waits)
        worker->spare_count--;
    holder->waits = false;
}

/* It has begun its attempt, or asks to, or will not. */
static void has_started(struct fl_worker *worker, struct holder *holder)
{
    if (holder->starts)
        worker->start_count--;
    holder->starts = false;
}

static void holder_free(struct fl_worker *worker, struct holder *holder)
{
    has_started(worker, holder);
    hang_up(worker, holder);
    if (holder->pidfd >= 0) {
        fl_watch_remove(worker->watch, holder->pidfd);
        fl_local_close(holder->pidfd);
    }
    free(holder);
}

static int watch_channel(struct fl_worker *worker, struct holder *holder, int fd,
                         struct fl_err *reterr)
{
    int rc = fl_watch_add(worker->watch, fd, (uint64_t)(uintptr_t)&holder->channel_source, reterr);

    if (rc < 0)
        fl_local_close(fd);
    else
        holder->channel_fd = fd;
    return rc;
}

static int watch_process(struct fl_worker *worker, struct holder *holder, pid_t pid,
                         struct fl_err *reterr)
{
    int fd = worker->world->ops->pidfd(pid, worker->world->arg);
    int rc;

    if (fd < 0)
        return fl_err_errno(reterr, -fd, "watch process %ld", (long)pid);
    rc = fl_watch_add(worker->watch, fd, (uint64_t)(uintptr_t)&holder->death_source, reterr);
    if (rc < 0) {
        fl_local_close(fd);
        return rc;
    }
    holder->pidfd = fd;
    holder->pid = pid;
    return 0;
}

static int spawn(struct fl_worker *worker, struct holder *holder, int channel_fd,
                 struct fl_err *reterr)
{
    const char *const argv[] = {worker->supervisor, "--wait", NULL};
    const struct fl_spawn how = {.path = worker->supervisor,
                                 .argv = argv,
                                 .stdin_fd = channel_fd,
                                 .stdout_fd = -1,
                                 .stderr_fd = -1,
                                 .new_session = true};
    pid_t pid = 0;
    int rc = fl_process_spawn(worker->world, &how, &pid, reterr);

    if (rc < 0)
        return rc;
    holder->is_child = true;
    rc = watch_process(worker, holder, pid, reterr);
    if (rc < 0) { /* it must not run unwatched */
        struct fl_exit ended;

        (void)fl_process_kill(worker->world, pid, SIGKILL, NULL);
        (void)fl_process_ended(worker->world, pid, &ended);
    }
    return rc;
}

/* ---------------------------------------------------------------- spares */

static void list_add(struct fl_worker *worker, struct holder *holder)
{
    holder->attempt = NULL;
    holder->next = worker->spares;
    worker->spares = holder;
}

static void list_remove(struct fl_worker *worker, const struct holder *holder)
{
    struct holder **slot = &worker->spares;

    while (*slot && *slot != holder)
        slot = &(*slot)->next;
    fl_assert(*slot);
    *slot = holder->next;
}

/* It can take an attempt; one too many ends instead, when no launch waits for it. */
static void set_waiting(struct fl_worker *worker, struct holder *holder)
{
    if (worker->spare_count >= worker->spare_max && json_object_size(worker->due) == 0) {
        hang_up(worker, holder);
    } else if (holder->channel_fd >= 0 && !holder->waits) {
        holder->waits = true;
        worker->spare_count++;
    }
}

static struct holder *find_waiting(const struct fl_worker *worker)
{
    struct holder *holder = worker->spares;

    while (holder && !holder->waits)
        holder = holder->next;
    return holder;
}

static void give_to(struct fl_worker *worker, struct holder *holder, struct attempt *attempt)
{
    list_remove(worker, holder);
    if (holder->waits)
        worker->spare_count--;
    holder->waits = false;
    holder->starts = true;
    worker->start_count++;
    holder->attempt = attempt;
    attempt->holder = holder;
}

void fl_holder_release(struct fl_worker *worker, struct holder *holder)
{
    holder->attempt->holder = NULL;
    list_add(worker, holder);
}

static int holder_start(struct fl_worker *worker, struct holder **ret_holder, struct fl_err *reterr)
{
    struct holder *holder = holder_new(reterr);
    int fds[2] = {-1, -1};
    int rc = holder ? fl_channel_pair(fds, reterr) : FL_E_NOMEM;

    if (rc == 0)
        rc = watch_channel(worker, holder, fds[0], reterr);
    if (rc == 0)
        rc = spawn(worker, holder, fds[1], reterr);
    fl_local_close(fds[1]);
    if (rc < 0) {
        if (holder)
            holder_free(worker, holder);
        return rc;
    }
    list_add(worker, holder);
    *ret_holder = holder;
    return 0;
}

void fl_holder_stock(struct fl_worker *worker)
{
    struct holder *holder = NULL;

    if (json_object_size(worker->due) > 0)
        return;
    while (worker->spare_count > worker->spare_max) /* launches waited, and do no more */
        hang_up(worker, find_waiting(worker));
    if (worker->spare_count > 0 || worker->spare_max == 0)
        return;
    /* when it cannot be started, the launch that needs one says why */
    if (holder_start(worker, &holder, NULL) == 0)
        set_waiting(worker, holder);
}

/* ---------------------------------------------------------------- giving */

int fl_holder_say(struct fl_worker *worker, struct holder *holder, const json_t *order)
{
    char *text;
    int rc;

    if (holder->channel_fd < 0)
        return FL_E_NET;
    text = fl_json_text(order);
    rc = text ? fl_channel_send(holder->channel_fd, text, strlen(text), NULL) : FL_E_NOMEM;
    free(text);
    if (rc == FL_E_NET)
        hang_up(worker, holder);
    return rc;
}

int fl_holder_give(struct fl_worker *worker, struct attempt *attempt, int64_t grant_ns,
                   struct fl_err *reterr)
{
    fl_json_auto json_t *order =
        json_pack("{s:s,s:I}", "folder", attempt->folder, "grant_ns", (json_int_t)grant_ns);
    struct holder *holder;
    int rc;

    if (!order)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "attempt: out of memory");
    worker->stock_ns = 0; /* in turns in which nothing else is to be done */
    while ((holder = find_waiting(worker)) != NULL) {
        if (fl_holder_say(worker, holder, order) == 0) {
            give_to(worker, holder, attempt);
            return 0;
        }
        hang_up(worker, holder); /* it has died, or hears badly; its death is seen */
    }
    rc = holder_start(worker, &holder, reterr);
    if (rc < 0)
        return rc;
    rc = fl_holder_say(worker, holder, order);
    if (rc < 0) {
        hang_up(worker, holder);
        return fl_err_set(reterr, rc, 0, "give attempt '%s' to its supervisor: %s", attempt->id,
                          fl_err_text(rc));
    }
    give_to(worker, holder, attempt);
    return 0;
}

/* ---------------------------------------------------------------- finding */

/* The process that supervisor.json names is that one still, and the one that has the lock. */
static int find_process(struct fl_worker *worker, struct holder *holder, const json_t *json,
                        struct fl_err *reterr)
{
    const char *boot = NULL;
    char boot_now[64];
    int64_t pid = 0;
    int64_t start = 0;
    uint64_t start_now = 0;
    int rc = fl_json_string(json, "boot", &boot, reterr);

    if (rc == 0)
        rc = fl_json_int(json, "pid", &pid, reterr);
    if (rc == 0)
        rc = fl_json_int(json, "start", &start, reterr);
    if (rc == 0)
        rc = fl_tree_boot(boot_now, sizeof(boot_now), reterr);
    if (rc == 0 && strcmp(boot, boot_now) != 0)
        rc = fl_err_set(reterr, FL_E_NOENT, 0, "the machine was started again since");
    if (rc == 0)
        rc = watch_process(worker, holder, (pid_t)pid, reterr);
    if (rc == 0) /* after the pidfd: now the number cannot be another's unnoticed */
        rc = fl_tree_start((pid_t)pid, &start_now, reterr);
    if (rc == 0 && start_now != (uint64_t)start)
        rc = fl_err_set(reterr, FL_E_NOENT, 0, "process %lld is another one now", (long long)pid);
    return rc;
}

int fl_holder_find(struct fl_worker *worker, struct attempt *attempt, struct fl_err *reterr)
{
    fl_json_auto json_t *json = NULL;
    struct holder *holder = holder_new(reterr);
    const char *name = NULL;
    int fd = -1;
    int rc =
        holder ? fl_attempt_json(worker, attempt, FL_SUPERVISOR_FILE, &json, reterr) : FL_E_NOMEM;

    if (rc == 0)
        rc = fl_json_string(json, "name", &name, reterr);
    if (rc == 0 && (!*name || strlen(name) >= FL_CHANNEL_NAME_MAX))
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "'name' of the supervisor is not one");
    if (rc == 0)
        rc = find_process(worker, holder, json, reterr);
    if (rc == 0) {
        rc = fl_channel_connect(name, &fd, reterr);
        if (rc == 0)
            rc = watch_channel(worker, holder, fd, reterr);
        else if (rc == FL_E_NET)
            rc = 0; /* it is about to end: its death is seen */
    }
    if (rc < 0) {
        if (holder)
            holder_free(worker, holder);
        return rc;
    }
    holder->attempt = attempt;
    attempt->holder = holder;
    return 0;
}

/* ---------------------------------------------------------------- hearing */

static void take_note(struct fl_worker *worker, struct holder *holder, const json_t *json)
{
    struct attempt *attempt = holder->attempt;
    const char *note = json_string_value(json_object_get(json, "note"));

    if (!note) {
        fl_log(FL_LOG_WARN, "note.unknown", "supervisor=%ld", (long)holder->pid);
    } else if (strcmp(note, "free") == 0) {
        if (attempt)
            fl_holder_release(worker, holder);
        set_waiting(worker, holder);
        if (attempt && attempt->end_index == 0) /* its last words could not be passed on */
            fl_attempt_unheard(worker, attempt);
    } else if (strcmp(note, "read") == 0 && attempt) {
        fl_attempt_follow(worker, attempt);
    } else if (strcmp(note, "alarm") == 0 && attempt) {
        fl_log(FL_LOG_ERROR, "disk.full",
               "attempt='%s' error='%s' effect='nothing is lost; it goes on when there is space'",
               attempt->id, json_string_value(json_object_get(json, "text")));
    }
}

/* Entries of its record, one a line. */
static void take_entries(struct fl_worker *worker, struct holder *holder, const char *lines,
                         size_t size)
{
    while (size > 0 && holder->attempt) { /* the last one may end it */
        const char *end = memchr(lines, '\n', size);
        size_t length = end ? (size_t)(end - lines) : size;

        fl_attempt_line(worker, holder->attempt, lines, length);
        length += end != NULL;
        lines += length;
        size -= length;
    }
}

/* True when there may be more. */
static bool hear_one(struct fl_worker *worker, struct holder *holder)
{
    static const char entry[] = "{\"index\":";
    fl_json_auto json_t *json = NULL;
    size_t size = 0;
    int rc;

    if (holder->channel_fd < 0)
        return false;
    rc = fl_channel_receive(holder->channel_fd, worker->buffer, FL_SPOOL_LINE_MAX, &size, NULL);
    if (rc < 0) {
        if (rc != FL_E_AGAIN)
            hang_up(worker, holder);
        return false;
    }
    has_started(worker, holder);
    if (size > sizeof(entry) && memcmp(worker->buffer, entry, sizeof(entry) - 1) == 0) {
        take_entries(worker, holder, worker->buffer, size);
    } else if (fl_json_parse(worker->buffer, size, &json, NULL) == 0) {
        take_note(worker, holder, json);
    }
    return true;
}

void fl_holder_hear(struct fl_worker *worker, struct holder *holder)
{
    for (int i = 0; i < LINES_A_TURN; i++) {
        if (!hear_one(worker, holder))
            return;
    }
}

void fl_holder_died(struct fl_worker *worker, struct holder *holder)
{
    struct attempt *attempt;
    struct fl_exit ended = {.code = -1};
    bool known = holder->is_child && fl_process_ended(worker->world, holder->pid, &ended);

    while (hear_one(worker, holder)) /* what it said last */
        continue;
    attempt = holder->attempt;
    if (attempt)
        attempt->holder = NULL;
    else
        list_remove(worker, holder);
    holder_free(worker, holder);
    if (!attempt)
        return;
    if (known && ended.signal > 0)
        (void)snprintf(attempt->death, sizeof(attempt->death), "by signal %d", ended.signal);
    else if (known)
        (void)snprintf(attempt->death, sizeof(attempt->death),
                       "with exit code %d (see supervisor.log in its folder)", ended.code);
    fl_attempt_died(worker, attempt);
}

void fl_holder_drop_all(struct fl_worker *worker)
{
    while (worker->spares) {
        struct holder *holder = worker->spares;

        worker->spares = holder->next;
        holder_free(worker, holder);
    }
}
