/* The loop that holds one attempt. */
#include "config.h"

#include "engine/worker/supervisor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/base/time.h"
#include "engine/world/file.h"
#include "engine/world/local.h"
#include "engine/world/tree.h"
#include "engine/world/wake.h"
#include "engine/worker/body.h"
#include "engine/worker/supervise.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define LEFTOVER_GRACE_S 2 /* for what a body left behind when it ended by itself */
#define PIPE_BYTES 65536
#define DATAGRAMS_A_TURN 64
#define SPEC_MAX ((size_t)16 * 1024 * 1024)

static const char *const stream_name[2] = {"stdout", "stderr"};

/* ---------------------------------------------------------------- making */

static int load_spec(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    fl_json_auto json_t *json = NULL;
    char path[FL_PATH_MAX];
    int rc = fl_path_join(supervisor->folder, "spec.json", path, sizeof(path), reterr);

    fl_buf_init(&text, SPEC_MAX);
    if (rc == 0)
        rc = fl_file_read(supervisor->world, path, SPEC_MAX, &text, reterr);
    if (rc == 0)
        rc = fl_json_parse(text.data, text.size, &json, reterr);
    if (rc == 0)
        rc = fl_spec_init(&supervisor->spec, json, reterr);
    if (rc == 0 && (!supervisor->spec.root || supervisor->spec.root[0] != '/'))
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "'root' is not an absolute path");
    return rc < 0 ? fl_err_note(reterr, rc, "'%s'", path) : 0;
}

static int load_outputs(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    const json_t *outputs = supervisor->spec.outputs;
    size_t count = outputs ? json_array_size(outputs) : 0;

    supervisor->outputs = calloc(count + 1, sizeof(*supervisor->outputs));
    if (!supervisor->outputs)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "outputs: out of memory");
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(outputs, i);
        struct supervise_output *output = &supervisor->outputs[i];

        output->output = json_string_value(json_object_get(entry, "output"));
        output->lead = json_string_value(json_object_get(entry, "lead"));
        output->file = json_string_value(json_object_get(entry, "file"));
    }
    supervisor->output_count = count;
    return 0;
}

/* supervisor.json: who holds the attempt, by the lock on it, and how a worker finds it again. Its
 * first line is the process id alone, as in every lock. */
static int tell_where(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    const struct fl_post *post = supervisor->post;
    char text[512];
    ssize_t n;
    int used;

    used = snprintf(text, sizeof(text),
                    "%ld\n{\"pid\":%ld,\"start\":%llu,\"boot\":\"%s\",\"name\":\"%s\","
                    "\"socket\":\"%s\"}\n",
                    (long)getpid(), (long)getpid(), (unsigned long long)post->start, post->boot,
                    post->name, post->event_path);
    if (used < 0 || (size_t)used >= sizeof(text))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "supervisor.json of %d bytes", used);
    n = supervisor->world->ops->pwrite(supervisor->lock_fd, text, (size_t)used, 0,
                                       supervisor->world->arg);
    return n == used ? 0
                     : fl_err_errno(reterr, n < 0 ? (int)-n : ENOSPC, "write '%s/%s'",
                                    supervisor->folder, FL_SUPERVISOR_FILE);
}

/* The lock comes first: who has it is the attempt's supervisor, whatever pids say. */
static int take_attempt(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc = fl_path_join(supervisor->folder, FL_SUPERVISOR_FILE, path, sizeof(path), reterr);

    if (rc == 0)
        rc = fl_lock_take(supervisor->world, path, &supervisor->lock_fd, reterr);
    if (rc == 0)
        rc = fl_spool_open(&supervisor->spool, supervisor->world, supervisor->folder, reterr);
    if (rc == 0 && supervisor->spool.index > 0)
        rc = fl_err_set(reterr, FL_E_EXISTS, 0, "attempt '%s' has been begun before",
                        supervisor->folder);
    return rc;
}

static int open_logs(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    const struct fl_spec *spec = &supervisor->spec;
    int rc = fl_words_init(&supervisor->words, spec->success_has, spec->success_forbid, reterr);

    supervisor->words_of = -1;
    for (int i = 0; i < 2 && rc == 0; i++) {
        char path[FL_PATH_MAX];
        int used = snprintf(path, sizeof(path), "%s/log/%s", supervisor->folder, stream_name[i]);

        if (used < 0 || (size_t)used >= sizeof(path))
            return fl_err_set(reterr, FL_E_TOO_BIG, 0, "log path is too long");
        if (spec->success_log && strcmp(spec->success_log, stream_name[i]) == 0)
            supervisor->words_of = i;
        rc = fl_bodylog_open(&supervisor->log[i], supervisor->world, path, spec->log_max_bytes,
                             reterr);
    }
    return rc;
}

void fl_supervisor_destroy(struct fl_supervisor *supervisor)
{
    struct supervise_job *job;

    if (!supervisor)
        return;
    while (supervisor->jobs && (job = fl_ring_pop(supervisor->jobs)) != NULL)
        fl_announce_job_free(job);
    fl_ring_destroy(supervisor->jobs);
    fl_digest_destroy(supervisor->digest);
    for (int i = 0; i < 2; i++) {
        fl_local_close(supervisor->pipe_fd[i]);
        fl_local_close(supervisor->log[i].fd);
        free(supervisor->rest[i].data);
    }
    fl_local_close(supervisor->job_fd);
    fl_words_release(&supervisor->words);
    fl_guard_release(&supervisor->guard);
    json_decref(supervisor->progress);
    json_decref(supervisor->held);
    free(supervisor->outputs);
    fl_spec_release(&supervisor->spec);
    fl_spool_close(&supervisor->spool);
    fl_buf_release(&supervisor->untold);
    fl_lock_release(supervisor->world, supervisor->lock_fd);
    free(supervisor);
}

/* ---------------------------------------------------------------- the body */

static FL_PRINTF(3, 4) void set_cause(struct fl_supervisor *supervisor, enum supervise_cause cause,
                                      const char *fmt, ...)
{
    va_list args;

    supervisor->cause = cause;
    va_start(args, fmt);
    (void)vsnprintf(supervisor->reason, sizeof(supervisor->reason), fmt, args); /* cut if longer */
    va_end(args);
}

/* Starts the body with its streams in pipes. */
static int body_spawn(struct fl_supervisor *supervisor, const struct fl_body *body,
                      struct fl_err *reterr)
{
    char cwd[FL_PATH_MAX];
    int out[2] = {-1, -1};
    int error[2] = {-1, -1};
    int rc = fl_path_join(supervisor->folder, "data", cwd, sizeof(cwd), reterr);

    if (rc == 0)
        rc = fl_pipe_create(out, reterr);
    if (rc == 0)
        rc = fl_pipe_create(error, reterr);
    if (rc == 0) {
        const struct fl_spawn spawn = {.path = body->path,
                                       .argv = (const char *const *)body->argv.items,
                                       .envp = (const char *const *)body->envp.items,
                                       .cwd = cwd,
                                       .stdin_fd = -1,
                                       .stdout_fd = out[1],
                                       .stderr_fd = error[1],
                                       .new_session = true};

        rc = fl_process_spawn(supervisor->world, &spawn, &supervisor->body, reterr);
    }
    fl_local_close(out[1]);
    fl_local_close(error[1]);
    if (rc < 0) {
        fl_local_close(out[0]);
        fl_local_close(error[0]);
        return rc;
    }
    supervisor->pipe_fd[0] = out[0];
    supervisor->pipe_fd[1] = error[0];
    return 0;
}

/* The coordinator said go. A body that cannot be started is the attempt's failure, not ours. */
static int body_start(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    fl_json_auto json_t *begun = NULL;
    struct fl_body body;
    struct fl_err why = {0};
    int rc = fl_body_init(&body, supervisor->world, &supervisor->spec, supervisor->folder,
                          supervisor->post->event_path, supervisor->post->tools,
                          supervisor->post->environment, &why);

    if (rc == 0) {
        rc = fl_guard_init(&supervisor->guard, supervisor->world, supervisor->folder,
                           supervisor->spec.inputs, &why);
        if (rc == 0)
            rc = body_spawn(supervisor, &body, &why);
        fl_body_release(&body);
    }
    if (rc < 0) {
        enum fl_err_class class =
            rc == FL_E_NOENT || rc == FL_E_PERM ? FL_CLASS_CONFIG : fl_err_class(rc);

        supervisor->class = fl_err_class_name(class);
        set_cause(supervisor, CAUSE_FAILED, "%s", why.text);
        supervisor->state = SUPERVISE_CLOSING;
        return 0;
    }
    supervisor->state = SUPERVISE_RUNNING;
    if (supervisor->spec.time_limit_s > 0)
        supervisor->limit_ns =
            fl_world_mono_ns(supervisor->world) + supervisor->spec.time_limit_s * SECOND_NS;
    begun = json_pack("{s:s,s:I}", "type", "begun", "pid", (json_int_t)supervisor->body);
    return fl_tell(supervisor, begun, reterr);
}

/* The record of the begin comes before the body: whoever finds it knows that a body may have been.
 * Without a grant, or with one that came too late to be sure of, the coordinator is asked. */
static int begin(struct fl_supervisor *supervisor, int64_t grant_ns, struct fl_err *reterr)
{
    bool granted = fl_world_mono_ns(supervisor->world) < grant_ns;
    fl_json_auto json_t *event =
        json_pack("{s:s,s:s}", "type", "begin", "token", supervisor->spec.token);
    int rc = FL_E_NOSPACE;

    if (!event)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "begin: out of memory");
    supervisor->state = SUPERVISE_ASKING;
    if (granted) {
        (void)json_object_set_new(event, "granted", json_true());
        rc = fl_tell_later(supervisor, event, reterr);
        (void)json_object_del(event, "granted");
    }
    if (rc == FL_E_NOSPACE) /* when there is space, the grant is old: it asks */
        return fl_tell(supervisor, event, reterr);
    return rc < 0 ? rc : body_start(supervisor, reterr);
}

/* All but the attempt itself. */
static struct fl_supervisor *supervisor_new(struct fl_post *post)
{
    struct fl_supervisor *supervisor = calloc(1, sizeof(*supervisor));

    if (!supervisor)
        return NULL;
    supervisor->world = post->world;
    supervisor->post = post;
    supervisor->lock_fd = supervisor->job_fd = supervisor->spool.fd = -1;
    supervisor->pipe_fd[0] = supervisor->pipe_fd[1] = -1;
    supervisor->log[0].fd = supervisor->log[1].fd = -1;
    supervisor->limit_ns = supervisor->kill_ns = supervisor->held_ns = INT64_MAX;
    fl_buf_init(&supervisor->untold, FL_SPOOL_LINE_MAX);
    return supervisor;
}

int fl_supervisor_create(struct fl_post *post, const char *folder, int64_t grant_ns,
                         struct fl_supervisor **ret_supervisor, struct fl_err *reterr)
{
    fl_auto(fl_supervisor_destroy) struct fl_supervisor *supervisor = supervisor_new(post);
    char cwd[FL_PATH_MAX];
    int rc = 0;

    if (!supervisor)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "supervisor: out of memory");
    if (folder[0] != '/' ||
        snprintf(supervisor->folder, FL_PATH_MAX, "%s", folder) >= FL_PATH_MAX - FL_SPEC_ID_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%.200s' is not an absolute path of an attempt",
                          folder);
    rc = load_spec(supervisor, reterr);
    if (rc == 0)
        rc = fl_path_join(folder, "data", cwd, sizeof(cwd), reterr);
    if (rc == 0)
        rc = fl_process_enter(cwd, reterr);
    if (rc == 0)
        rc = take_attempt(supervisor, reterr);
    if (rc == 0)
        rc = fl_tree_adopt(reterr);
    if (rc == 0)
        rc = load_outputs(supervisor, reterr);
    if (rc == 0)
        rc = fl_ring_create(FL_SUPERVISOR_OUTPUTS_MAX, &supervisor->jobs, reterr);
    if (rc == 0)
        rc = open_logs(supervisor, reterr);
    if (rc == 0)
        rc = tell_where(supervisor, reterr);
    if (rc == FL_E_NOSPACE) { /* until then a later worker knows it by its lock alone */
        supervisor->where_due = true;
        supervisor->held_ns = fl_world_mono_ns(supervisor->world) + SECOND_NS;
        rc = 0;
    }
    if (rc == 0)
        rc = begin(supervisor, grant_ns, reterr);
    if (rc == 0)
        *ret_supervisor = FL_STEAL(supervisor);
    return rc;
}

/* TERM to the whole tree; KILL follows after the grace. */
static void tree_end(struct fl_supervisor *supervisor, int64_t grace_s)
{
    (void)fl_tree_signal(SIGTERM);
    supervisor->state = SUPERVISE_ENDING;
    supervisor->kill_ns = fl_world_mono_ns(supervisor->world) + grace_s * SECOND_NS;
}

static void tree_kill(struct fl_supervisor *supervisor)
{
    (void)fl_tree_signal(SIGKILL);
    supervisor->state = SUPERVISE_KILLING;
    supervisor->kill_ns = INT64_MAX;
}

static void stop(struct fl_supervisor *supervisor, enum supervise_cause cause, const char *reason,
                 int64_t grace_s)
{
    switch (supervisor->state) {
    case SUPERVISE_ASKING:
        set_cause(supervisor, cause, "%s", reason);
        supervisor->state = SUPERVISE_CLOSING;
        break;
    case SUPERVISE_RUNNING:
        set_cause(supervisor, cause, "%s", reason);
        tree_end(supervisor, grace_s);
        break;
    case SUPERVISE_ENDING:
        if (grace_s == 0)
            tree_kill(supervisor);
        break;
    case SUPERVISE_KILLING:
    case SUPERVISE_CLOSING:
    case SUPERVISE_DONE:
        break; /* too late to change how it ended */
    }
}

/* ---------------------------------------------------------------- what happens */

static int take_order(struct fl_supervisor *supervisor, const json_t *json, struct fl_err *reterr)
{
    const char *type = "";
    const char *text = "";
    int64_t grace_s = supervisor->spec.grace_s;

    if (fl_json_string(json, "type", &type, NULL) < 0)
        return 0; /* only our own worker can send here; noise is left alone */
    if (strcmp(type, "go") == 0 && supervisor->state == SUPERVISE_ASKING) {
        if (fl_json_string(json, "token", &text, NULL) == 0 &&
            strcmp(text, supervisor->spec.token) == 0)
            return body_start(supervisor, reterr);
    } else if (strcmp(type, "refuse") == 0 && supervisor->state == SUPERVISE_ASKING) {
        (void)fl_json_string_opt(json, "reason", "no reason given", &text, NULL);
        set_cause(supervisor, CAUSE_REFUSED, "not let begin: %s", text);
        supervisor->state = SUPERVISE_CLOSING;
    } else if (strcmp(type, "cancel") == 0) {
        (void)fl_json_string_opt(json, "reason", "cancelled", &text, NULL);
        (void)fl_json_int_opt(json, "grace_s", grace_s, &grace_s, NULL);
        stop(supervisor, CAUSE_CANCELLED, text, grace_s < 0 ? 0 : grace_s);
    } else if (strcmp(type, "fail") == 0) {
        (void)fl_json_string_opt(json, "reason", "the worker failed it", &text, NULL);
        supervisor->class = fl_err_class_name(FL_CLASS_TRANSIENT);
        stop(supervisor, CAUSE_FAILED, text, grace_s);
    }
    return 0;
}

static int take_orders(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < DATAGRAMS_A_TURN; i++) {
        fl_json_auto json_t *order = NULL;

        if (fl_post_order(supervisor->post, &order) < 0)
            break;
        rc = take_order(supervisor, order, reterr);
    }
    return rc;
}

/* What the stage says, at most `most` of it. */
static int take_datagrams(struct fl_supervisor *supervisor, int most, struct fl_err *reterr)
{
    char *data = supervisor->post->buffer;
    size_t size = 0;
    int rc = 0;

    while (rc == 0 && most-- > 0 && fl_tell_room(supervisor) &&
           fl_local_receive(supervisor->post->event_fd, data, FL_LOCAL_DATAGRAM_MAX, &size, NULL) ==
               0) {
        if (size > FL_LOCAL_DATAGRAM_MAX)
            rc = fl_announce_warn(supervisor, reterr,
                                  "what the stage said was longer than %zu bytes and was not taken",
                                  FL_LOCAL_DATAGRAM_MAX);
        else
            rc = fl_announce_take(supervisor, data, size, reterr);
    }
    return rc;
}

/* Into the log. What finds the disk full is kept, and no more is read until it is written; any
 * other log that cannot be written loses bytes, never the attempt. */
static void log_bytes(struct fl_supervisor *supervisor, int stream, const char *data, size_t size)
{
    struct supervise_rest *rest = &supervisor->rest[stream];
    struct fl_bodylog *log = &supervisor->log[stream];
    int64_t before = log->total;
    struct fl_err why = {0};
    size_t done;
    char *copy;

    if (fl_bodylog_write(log, data, size, &why) != FL_E_NOSPACE)
        return;
    done = (size_t)(log->total - before);
    copy = malloc(size - done);
    if (!copy)
        return;
    memcpy(copy, data + done, size - done);
    rest->data = copy;
    rest->size = size - done;
    if (supervisor->held_ns == INT64_MAX) {
        fl_tell_alarm(supervisor, why.text);
        supervisor->held_ns = fl_world_mono_ns(supervisor->world) + SECOND_NS;
    }
}

/* Tries again what found the disk full. */
static void log_rest(struct fl_supervisor *supervisor)
{
    for (int i = 0; i < 2; i++) {
        struct supervise_rest rest = supervisor->rest[i];

        if (!rest.data)
            continue;
        supervisor->rest[i] = (struct supervise_rest){0};
        log_bytes(supervisor, i, rest.data, rest.size);
        free(rest.data);
    }
}

/* What the body printed. last: the tree is gone, and nothing more is waited for. */
static void take_stream(struct fl_supervisor *supervisor, int stream, bool last)
{
    char data[PIPE_BYTES];
    ssize_t n;

    if (supervisor->rest[stream].data)
        return;
    n = fl_pipe_read(supervisor->pipe_fd[stream], data, sizeof(data));
    if (n == FL_E_AGAIN && !last)
        return;
    if (n <= 0) {
        fl_local_close(supervisor->pipe_fd[stream]);
        supervisor->pipe_fd[stream] = -1;
        return;
    }
    if (supervisor->words_of == stream)
        (void)fl_words_look(&supervisor->words, data, (size_t)n, NULL);
    log_bytes(supervisor, stream, data, (size_t)n);
}

static void take_children(struct fl_supervisor *supervisor)
{
    struct fl_exit ended;
    pid_t pid;
    int rc;

    while ((rc = fl_tree_reap(&pid, &ended)) > 0) {
        if (pid != supervisor->body)
            continue;
        supervisor->body_ended = true;
        supervisor->exit = ended;
    }
    if (rc == FL_E_NOENT && supervisor->body > 0)
        supervisor->tree_gone = true;
    if (supervisor->state == SUPERVISE_KILLING && !supervisor->tree_gone)
        (void)fl_tree_signal(SIGKILL); /* what was started in between */
}

static void take_signals(struct fl_supervisor *supervisor)
{
    int signal;

    while ((signal = fl_signals_take(supervisor->post->signals_fd)) > 0) {
        if (signal == SIGCHLD)
            take_children(supervisor);
        else
            stop(supervisor, CAUSE_CANCELLED, "the supervisor was asked to end by a signal",
                 supervisor->spec.grace_s);
    }
}

/* ---------------------------------------------------------------- the loop */

static int64_t next_timer(const struct fl_supervisor *supervisor)
{
    int64_t due_ns = supervisor->kill_ns;

    if (supervisor->limit_ns < due_ns && supervisor->state == SUPERVISE_RUNNING)
        due_ns = supervisor->limit_ns;
    if (supervisor->progress && supervisor->progress_ns < due_ns)
        due_ns = supervisor->progress_ns;
    if (supervisor->held_ns < due_ns)
        due_ns = supervisor->held_ns;
    return due_ns;
}

static void wait_for_news(struct fl_supervisor *supervisor, bool busy)
{
    const struct fl_post *post = supervisor->post;
    struct fl_wait_item items[7];
    int64_t now_ns = fl_world_mono_ns(supervisor->world);
    int64_t due_ns = next_timer(supervisor);
    int64_t timeout_ns = due_ns == INT64_MAX ? -1 : due_ns > now_ns ? due_ns - now_ns : 0;
    size_t count = 0;

    items[count++] = (struct fl_wait_item){.fd = post->signals_fd};
    items[count++] = (struct fl_wait_item){.fd = post->listen_fd};
    if (fl_tell_room(supervisor))
        items[count++] = (struct fl_wait_item){.fd = post->event_fd};
    if (post->channel_fd >= 0)
        items[count++] = (struct fl_wait_item){.fd = post->channel_fd};
    if (post->channel_fd >= 0 && post->behind)
        items[count++] = (struct fl_wait_item){.fd = post->channel_fd, .want_write = true};
    for (int i = 0; i < 2; i++) {
        if (supervisor->pipe_fd[i] >= 0 && !supervisor->rest[i].data)
            items[count++] = (struct fl_wait_item){.fd = supervisor->pipe_fd[i]};
    }
    /* all are read without waiting afterwards, so which one was ready does not matter */
    (void)fl_world_wait(supervisor->world, items, count, busy ? 0 : timeout_ns, NULL);
}

static int take_timers(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    int64_t now_ns = fl_world_mono_ns(supervisor->world);
    int rc = 0;

    if (supervisor->state == SUPERVISE_RUNNING && now_ns >= supervisor->limit_ns) {
        char limit[FL_TIME_TEXT_MAX];

        fl_duration_format(supervisor->spec.time_limit_s, limit);
        set_cause(supervisor, CAUSE_TIMED_OUT, "the time limit of %s was reached", limit);
        tree_end(supervisor, supervisor->spec.grace_s);
    }
    if (supervisor->state == SUPERVISE_ENDING && now_ns >= supervisor->kill_ns)
        tree_kill(supervisor);
    if (now_ns >= supervisor->held_ns) {
        supervisor->held_ns = INT64_MAX;
        log_rest(supervisor);
        supervisor->where_due = supervisor->where_due && tell_where(supervisor, NULL) < 0;
        if (supervisor->where_due)
            supervisor->held_ns = now_ns + SECOND_NS;
        rc = fl_tell_held(supervisor, reterr);
    }
    return rc < 0 ? rc : fl_announce_progress(supervisor, false, reterr);
}

/* From running towards the end, as the tree comes to its own. */
static void move_on(struct fl_supervisor *supervisor)
{
    if (supervisor->state == SUPERVISE_RUNNING && supervisor->body_ended && !supervisor->tree_gone)
        tree_end(supervisor, LEFTOVER_GRACE_S);
    if (!supervisor->tree_gone ||
        (supervisor->state != SUPERVISE_RUNNING && supervisor->state != SUPERVISE_ENDING &&
         supervisor->state != SUPERVISE_KILLING))
        return;
    supervisor->state = SUPERVISE_CLOSING;
    supervisor->kill_ns = INT64_MAX;
}

/* What the tree left in pipes and in the socket. False while a full disk keeps some of it there. */
static int drain(struct fl_supervisor *supervisor, bool *ret_dry, struct fl_err *reterr)
{
    int rc;

    *ret_dry = false;
    for (int i = 0; i < 2; i++) {
        while (supervisor->pipe_fd[i] >= 0 && !supervisor->rest[i].data)
            take_stream(supervisor, i, true);
    }
    rc = take_datagrams(supervisor, INT32_MAX, reterr);
    *ret_dry = fl_tell_room(supervisor) && !supervisor->rest[0].data && !supervisor->rest[1].data;
    return rc;
}

/* All is hashed: the end. It is told before it is synced: see supervisor.h. */
static int close_attempt(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    fl_json_auto json_t *end = NULL;
    int rc = fl_announce_progress(supervisor, true, reterr);

    for (int i = 0; i < 2; i++)
        (void)fl_bodylog_close(&supervisor->log[i], NULL); /* a log loses, never the attempt */
    if (rc < 0)
        return rc;
    end = fl_verdict(supervisor);
    rc = fl_tell(supervisor, end, reterr);
    supervisor->ended = rc == 0;
    return rc;
}

/* The end is told; done when it is written as well. A worker that has heard it sees to its sync. */
static int finish(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    if (json_array_size(supervisor->held) > 0)
        return 0;
    supervisor->state = SUPERVISE_DONE;
    if (supervisor->post->channel_fd >= 0 && !supervisor->post->behind)
        return 0;
    return fl_spool_sync(&supervisor->spool, reterr);
}

static int closing(struct fl_supervisor *supervisor, bool *busy, struct fl_err *reterr)
{
    bool dry = false;
    int rc;

    if (supervisor->ended)
        return finish(supervisor, reterr);
    rc = drain(supervisor, &dry, reterr);
    if (rc < 0 || !dry)
        return rc;
    if (!supervisor->swept && fl_verdict_ended_well(supervisor))
        rc = fl_announce_present(supervisor, reterr);
    supervisor->swept = true;
    *busy = fl_ring_count(supervisor->jobs) > 0;
    if (rc == 0 && !*busy)
        rc = close_attempt(supervisor, reterr);
    return rc == 0 && supervisor->ended ? finish(supervisor, reterr) : rc;
}

static int turn(struct fl_supervisor *supervisor, bool *busy, struct fl_err *reterr)
{
    int rc;

    wait_for_news(supervisor, *busy);
    take_signals(supervisor);
    for (int i = 0; i < 2; i++) {
        if (supervisor->pipe_fd[i] >= 0)
            take_stream(supervisor, i, false);
    }
    fl_post_accept(supervisor->post);
    fl_post_catch_up(supervisor->post);
    rc = take_datagrams(supervisor, DATAGRAMS_A_TURN, reterr);
    if (rc == 0)
        rc = take_orders(supervisor, reterr);
    if (rc == 0)
        rc = take_timers(supervisor, reterr);
    if (rc < 0)
        return rc;
    move_on(supervisor);
    *busy = false;
    if (fl_tell_room(supervisor))
        rc = fl_announce_step(supervisor, busy, reterr);
    if (rc < 0 || *busy || supervisor->state != SUPERVISE_CLOSING)
        return rc;
    return closing(supervisor, busy, reterr);
}

int fl_supervisor_run(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    struct fl_exit ended;
    pid_t pid;
    bool busy = false;
    int rc = 0;

    while (rc == 0 && supervisor->state != SUPERVISE_DONE)
        rc = turn(supervisor, &busy, reterr);
    if (rc == 0 || supervisor->body <= 0)
        return rc;
    /* our own failure: nothing may run on unseen */
    while (fl_tree_reap(&pid, &ended) != FL_E_NOENT) {
        struct fl_wait_item item = {.fd = supervisor->post->signals_fd};

        (void)fl_tree_signal(SIGKILL);
        (void)fl_world_wait(supervisor->world, &item, 1, SECOND_NS, NULL);
        while (fl_signals_take(supervisor->post->signals_fd) > 0)
            continue;
    }
    return rc;
}
