/* Leads of sources that triggers wait for: a child a cycle of a source looks out for them
 * (fairlead-transfer await), by the source's own rule, and tells each in a line.
 * A child that fails is started again; one that is not wanted any more, or whose worker is gone,
 * hears the end of its input and ends. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/world/local.h"
#include "engine/world/process.h"
#include "engine/worker/private.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define WAIT_MAX_NS (300 * SECOND_NS)
#define LOOKOUTS_MAX 4096
#define CHILDREN_MAX 64 /* at once; the others wait for one to end */
#define SETS_MAX 1000
#define LINE_MAX 4096

static struct lookout *find(const struct fl_worker *worker, const char *id)
{
    struct lookout *at = worker->lookouts;

    while (at && (at->leaving || strcmp(at->id, id) != 0))
        at = at->next;
    return at;
}

static void shut(struct fl_worker *worker, int *fd)
{
    if (*fd < 0)
        return;
    fl_watch_remove(worker->watch, *fd);
    fl_local_close(*fd);
    *fd = -1;
}

static void lookout_free(struct fl_worker *worker, struct lookout *lookout)
{
    struct lookout **slot = &worker->lookouts;

    while (*slot != lookout)
        slot = &(*slot)->next;
    *slot = lookout->next;
    shut(worker, &lookout->told_fd);
    shut(worker, &lookout->pidfd);
    fl_local_close(lookout->keep_fd);
    json_decref(lookout->sets);
    free(lookout->id);
    free(lookout->source_name);
    free(lookout->cycle);
    free(lookout);
}

/* It is wanted no more; its process, if it has one, is let end. */
static void lookout_leave(struct fl_worker *worker, struct lookout *lookout)
{
    if (lookout->pid <= 0) {
        lookout_free(worker, lookout);
        return;
    }
    lookout->leaving = true;
    lookout->next_ns = INT64_MAX;
    shut(worker, &lookout->told_fd);
    fl_local_close(lookout->keep_fd);
    lookout->keep_fd = -1;
}

/* ---------------------------------------------------------------- what is told */

/* False when it could not be sent: the coordinator asks again after the next hello. */
static bool tell(struct fl_worker *worker, const struct lookout *lookout, const char *lead,
                 const char *cause)
{
    fl_json_auto json_t *news = json_pack("{s:s,s:s,s:s,s:s*}", "type", "available", "id",
                                          lookout->id, "lead", lead, "cause", cause);

    if (news && cause && json_object_set_new(news, "absent", json_true()) != 0)
        return false;
    if (news && fl_bus_client_send(worker->bus, news, NULL) == 0)
        return true;
    worker->hello_due = true;
    return false;
}

/* Nothing of it can come: what a person must change is said of each lead. */
static bool tell_none(struct fl_worker *worker, const struct lookout *lookout, const char *why)
{
    char cause[LINE_MAX];

    (void)snprintf(cause, sizeof(cause), "%s (worker %s)", why, worker->name);
    for (size_t i = 0; i < json_array_size(lookout->sets); i++) {
        struct fl_leads leads;

        if (fl_leads_parse(json_string_value(json_array_get(lookout->sets, i)), &leads, NULL) < 0)
            continue;
        for (size_t k = 0; k < fl_leads_count(&leads); k++) {
            char text[FL_TIME_TEXT_MAX];

            fl_lead_format(fl_leads_at(&leads, k), text);
            if (!tell(worker, lookout, text, cause))
                return false;
        }
    }
    return true;
}

/* {"lead":"+003"}, {"lead":"+003","absent":true,"cause":"…"}, {"error":"…"}. False: it is over. */
static bool take_line(struct fl_worker *worker, struct lookout *lookout, const char *line,
                      size_t size)
{
    fl_json_auto json_t *json = NULL;
    const char *lead = NULL;
    const char *text = NULL;
    bool absent = false;

    if (fl_json_parse(line, size, &json, NULL) < 0)
        return true;
    if (fl_json_string(json, "error", &text, NULL) == 0) {
        fl_log(FL_LOG_ERROR, "await.refused", "source='%s' cycle=%s error='%s'",
               lookout->source_name, lookout->cycle, text);
        (void)tell_none(worker, lookout, text); /* or it is asked again */
        return false;
    }
    if (fl_json_string(json, "lead", &lead, NULL) < 0 ||
        fl_json_bool_opt(json, "absent", false, &absent, NULL) < 0 ||
        fl_json_string_opt(json, "cause", "given up", &text, NULL) < 0)
        return true;
    lookout->wait_ns = SECOND_NS; /* it works */
    return tell(worker, lookout, lead, absent ? text : NULL);
}

/* All whole lines that have come. False: it is over. */
static bool take_lines(struct fl_worker *worker, struct lookout *lookout)
{
    char *end;

    while ((end = memchr(lookout->line, '\n', lookout->size)) != NULL) {
        size_t size = (size_t)(end - lookout->line);

        if (!take_line(worker, lookout, lookout->line, size))
            return false;
        lookout->size -= size + 1;
        memmove(lookout->line, end + 1, lookout->size);
    }
    if (lookout->size == sizeof(lookout->line))
        lookout->size = 0; /* no line of ours is so long */
    return true;
}

/* ---------------------------------------------------------------- the process */

static int lookout_spawn(struct fl_worker *worker, struct lookout *lookout, struct fl_err *reterr)
{
    const char *argv[SETS_MAX * 2 + 10];
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    size_t count = 0;
    int rc;

    argv[count++] = worker->transfer;
    argv[count++] = "await";
    argv[count++] = "--source";
    argv[count++] = lookout->source_name;
    argv[count++] = "--cycle";
    argv[count++] = lookout->cycle;
    for (size_t i = 0; i < json_array_size(lookout->sets); i++) {
        argv[count++] = "--leads";
        argv[count++] = json_string_value(json_array_get(lookout->sets, i));
    }
    argv[count++] = "--until-eof";
    argv[count] = NULL;
    rc = fl_pipe_create(in, reterr);
    if (rc == 0)
        rc = fl_pipe_create(out, reterr);
    if (rc == 0) {
        const struct fl_spawn spawn = {.path = worker->transfer,
                                       .argv = argv,
                                       .cwd = lookout->site->root,
                                       .stdin_fd = in[0],
                                       .stdout_fd = out[1],
                                       .stderr_fd = 2,
                                       .new_session = true};

        rc = fl_process_spawn(worker->world, &spawn, &lookout->pid, reterr);
    }
    fl_local_close(in[0]);
    fl_local_close(out[1]);
    if (rc < 0) {
        fl_local_close(in[1]);
        fl_local_close(out[0]);
        return rc;
    }
    lookout->keep_fd = in[1];
    lookout->told_fd = out[0];
    lookout->size = 0;
    return 0;
}

static void again_later(struct fl_worker *worker, struct lookout *lookout)
{
    lookout->next_ns = fl_world_mono_ns(worker->world) + lookout->wait_ns;
    lookout->wait_ns = lookout->wait_ns * 2 > WAIT_MAX_NS ? WAIT_MAX_NS : lookout->wait_ns * 2;
}

static void lookout_start(struct fl_worker *worker, struct lookout *lookout)
{
    uint64_t key = (uint64_t)(uintptr_t)&lookout->source;
    struct fl_err err = {0};
    int rc;

    lookout->next_ns = INT64_MAX;
    rc = lookout_spawn(worker, lookout, &err);
    if (rc == 0) {
        lookout->pidfd = worker->world->ops->pidfd(lookout->pid, worker->world->arg);
        rc = lookout->pidfd < 0 ? fl_err_errno(&err, -lookout->pidfd, "watch a process")
                                : fl_watch_add(worker->watch, lookout->pidfd, key, &err);
    }
    if (rc == 0)
        rc = fl_watch_add(worker->watch, lookout->told_fd, key, &err);
    if (rc == 0)
        return;
    fl_log(FL_LOG_WARN, "await.failed", "source='%s' cycle=%s error='%s' again_in_s=%lld",
           lookout->source_name, lookout->cycle, err.text,
           (long long)(lookout->wait_ns / SECOND_NS));
    if (lookout->pid > 0)
        lookout_leave(worker, lookout);
    else
        again_later(worker, lookout);
}

static void ended(struct fl_worker *worker, struct lookout *lookout, const struct fl_exit *how)
{
    lookout->pid = 0;
    shut(worker, &lookout->pidfd);
    shut(worker, &lookout->told_fd);
    fl_local_close(lookout->keep_fd);
    lookout->keep_fd = -1;
    if (lookout->leaving || how->code == 0) {
        lookout_free(worker, lookout); /* it has told all */
        return;
    }
    fl_log(FL_LOG_WARN, "await.ended", "source='%s' cycle=%s code=%d signal=%d again_in_s=%lld",
           lookout->source_name, lookout->cycle, how->code, how->signal,
           (long long)(lookout->wait_ns / SECOND_NS));
    again_later(worker, lookout);
}

void fl_await_look(struct fl_worker *worker, struct lookout *lookout)
{
    struct fl_exit how;
    ssize_t n = 1;

    while (lookout->told_fd >= 0 && n > 0) {
        n = fl_pipe_read(lookout->told_fd, lookout->line + lookout->size,
                         sizeof(lookout->line) - lookout->size);
        if (n > 0) {
            lookout->size += (size_t)n;
            if (!take_lines(worker, lookout))
                lookout_leave(worker, lookout); /* it has a process: it stays in the list */
        } else if (n != FL_E_AGAIN) {
            shut(worker, &lookout->told_fd);
        }
    }
    if (lookout->pid > 0 && fl_process_ended(worker->world, lookout->pid, &how))
        ended(worker, lookout, &how);
}

void fl_await_timer(struct fl_worker *worker, int64_t now_ns)
{
    struct lookout *next;
    size_t running = 0;

    for (struct lookout *at = worker->lookouts; at; at = at->next)
        running += at->pid > 0;
    for (struct lookout *at = worker->lookouts; at && running < CHILDREN_MAX; at = next) {
        next = at->next;
        if (at->pid > 0 || at->leaving || now_ns < at->next_ns)
            continue;
        lookout_start(worker, at);
        running++;
    }
}

int64_t fl_await_next_ns(const struct fl_worker *worker)
{
    int64_t next_ns = INT64_MAX;
    size_t running = 0;

    for (const struct lookout *at = worker->lookouts; at; at = at->next) {
        running += at->pid > 0;
        if (at->pid <= 0 && at->next_ns < next_ns)
            next_ns = at->next_ns;
    }
    return running < CHILDREN_MAX ? next_ns : INT64_MAX;
}

/* ---------------------------------------------------------------- what is asked */

static int lookout_add(struct fl_worker *worker, const char *id, struct site *site,
                       const char *source, const char *cycle, const json_t *sets,
                       struct fl_err *reterr)
{
    struct lookout *lookout;
    size_t count = 0;

    for (const struct lookout *at = worker->lookouts; at; at = at->next)
        count++;
    if (count >= LOOKOUTS_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "%d sources are looked out for already",
                          LOOKOUTS_MAX);
    lookout = calloc(1, sizeof(*lookout));
    if (!lookout)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "await: out of memory");
    lookout->next = worker->lookouts;
    worker->lookouts = lookout;
    lookout->source = (struct source){.kind = SOURCE_LOOKOUT, .owner = lookout};
    lookout->site = site;
    lookout->pidfd = lookout->keep_fd = lookout->told_fd = -1;
    lookout->wait_ns = SECOND_NS;
    lookout->id = strdup(id);
    lookout->source_name = strdup(source);
    lookout->cycle = strdup(cycle);
    lookout->sets = json_deep_copy(sets);
    if (lookout->id && lookout->source_name && lookout->cycle && lookout->sets)
        return 0; /* the next turn starts it */
    lookout_free(worker, lookout);
    return fl_err_set(reterr, FL_E_NOMEM, 0, "await: out of memory");
}

int fl_await_begin(struct fl_worker *worker, const json_t *message, struct fl_err *reterr)
{
    const json_t *sets = json_object_get(message, "leads");
    const char *id = NULL;
    const char *name = NULL;
    const char *source = NULL;
    const char *cycle = NULL;
    struct lookout *lookout;
    struct site *site;
    int rc = fl_json_string(message, "id", &id, reterr);

    if (rc == 0)
        rc = fl_json_string(message, "site", &name, reterr);
    if (rc == 0)
        rc = fl_json_string(message, "source", &source, reterr);
    if (rc == 0)
        rc = fl_json_string(message, "cycle", &cycle, reterr);
    if (rc < 0)
        return rc;
    site = fl_worker_site(worker, name);
    if (!site)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "worker '%s' has no site '%s'", worker->name,
                          name);
    for (size_t i = 0; i < json_array_size(sets); i++)
        if (!json_is_string(json_array_get(sets, i)))
            return fl_err_set(reterr, FL_E_PARSE, 0, "await: leads that are no texts");
    if (json_array_size(sets) == 0 || json_array_size(sets) > SETS_MAX)
        return fl_err_set(reterr, FL_E_PARSE, 0, "await: no leads, or more than %d sets", SETS_MAX);
    lookout = find(worker, id);
    if (lookout && json_equal((json_t *)(uintptr_t)sets, lookout->sets))
        return 0; /* asked for again */
    if (lookout)
        lookout_leave(worker, lookout); /* for other leads */
    rc = lookout_add(worker, id, site, source, cycle, sets, reterr);
    if (rc == 0 && !worker->transfer[0]) {
        lookout = find(worker, id);
        (void)tell_none(worker, lookout, "fairlead-transfer is not installed here");
        lookout_free(worker, lookout);
    }
    return rc;
}

void fl_await_end(struct fl_worker *worker, const char *id)
{
    struct lookout *lookout = find(worker, id);

    if (lookout)
        lookout_leave(worker, lookout);
}

void fl_await_clear(struct fl_worker *worker)
{
    struct lookout *next;

    for (struct lookout *at = worker->lookouts; at; at = next) {
        next = at->next;
        if (!at->leaving)
            lookout_leave(worker, at);
    }
}

void fl_await_release(struct fl_worker *worker)
{
    fl_await_clear(worker);
    while (worker->lookouts) {
        struct lookout *lookout = worker->lookouts;
        struct fl_wait_item item = {.fd = lookout->pidfd};
        struct fl_exit how;

        if (lookout->pidfd < 0 || fl_world_wait(worker->world, &item, 1, SECOND_NS, NULL) < 0)
            (void)fl_process_kill(worker->world, lookout->pid, SIGKILL, NULL);
        if (lookout->pidfd >= 0)
            (void)fl_world_wait(worker->world, &item, 1, SECOND_NS, NULL);
        (void)fl_process_ended(worker->world, lookout->pid, &how);
        lookout_free(worker, lookout);
    }
}
