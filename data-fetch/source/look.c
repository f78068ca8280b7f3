/* A look into NetCDF files, by the program that can read them. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/source/ask_impl.h"
#include "engine/base/json.h"
#include "engine/base/path.h"
#include "engine/world/local.h"
#include "engine/world/process.h"

#include "engine/base/banned.h"

#define PROGRAM "fairlead-check"
#define ANSWER_MAX ((size_t)4 * 1024 * 1024)
#define LOOK_MAX_NS INT64_C(600000000000) /* a 1 GB file is read once by then */

/* Reads the pipe to its end. FL_E_TIMEOUT when that takes longer than LOOK_MAX_NS. */
static int read_answer(const struct fl_world *world, int fd, struct fl_buf *answer,
                       struct fl_err *reterr)
{
    int64_t end_ns = fl_world_mono_ns(world) + LOOK_MAX_NS;
    char piece[16384];

    for (;;) {
        struct fl_wait_item item = {.fd = fd};
        int64_t left_ns = end_ns - fl_world_mono_ns(world);
        ssize_t n;

        if (left_ns <= 0)
            return fl_err_set(reterr, FL_E_TIMEOUT, 0, PROGRAM " did not answer in %lld s",
                              (long long)(LOOK_MAX_NS / 1000000000));
        if (world->ops->wait(&item, 1, left_ns, world->arg) <= 0)
            continue;
        n = fl_pipe_read(fd, piece, sizeof(piece));
        if (n == FL_E_AGAIN)
            continue;
        if (n < 0)
            return fl_err_set(reterr, FL_E_IO, 0, "the answer of " PROGRAM " cannot be read");
        if (n == 0)
            return fl_buf_check(answer, reterr);
        fl_buf_add(answer, piece, (size_t)n);
    }
}

/* Waits for the end of our child; one that does not end is ended. */
static void reap(const struct fl_world *world, pid_t pid, struct fl_exit *ret_exit)
{
    int pidfd = world->ops->pidfd(pid, world->arg);
    struct fl_wait_item item = {.fd = pidfd};

    if (!fl_process_ended(world, pid, ret_exit) && pidfd >= 0) {
        if (world->ops->wait(&item, 1, LOOK_MAX_NS, world->arg) <= 0) {
            (void)fl_process_kill(world, pid, SIGKILL, NULL); /* it may have ended just now */
            (void)world->ops->wait(&item, 1, -1, world->arg);
        }
        (void)fl_process_ended(world, pid, ret_exit);
    }
    fl_local_close(pidfd);
}

/* What the program says of the file. */
static int probe(const struct fl_world *world, const char *path, json_t **ret_doc,
                 struct fl_err *reterr)
{
    char program[FL_PATH_MAX];
    const char *const argv[] = {program, "probe", path, "--json", NULL};
    struct fl_spawn spawn = {.path = program, .argv = argv, .stdin_fd = -1, .stderr_fd = -1};
    fl_auto(fl_buf_release) struct fl_buf answer;
    struct fl_exit ended = {.code = -1};
    int fds[2] = {-1, -1};
    pid_t pid = 0;
    int rc;

    fl_buf_init(&answer, ANSWER_MAX);
    rc = fl_process_find(world, PROGRAM, program, sizeof(program), reterr);
    if (rc == 0)
        rc = fl_pipe_create(fds, reterr);
    spawn.stdout_fd = fds[1];
    if (rc == 0)
        rc = fl_process_spawn(world, &spawn, &pid, reterr);
    fl_local_close(fds[1]);
    if (rc == 0) {
        rc = read_answer(world, fds[0], &answer, reterr);
        if (rc < 0)
            (void)fl_process_kill(world, pid, SIGKILL, NULL); /* it may have ended just now */
        reap(world, pid, &ended);
    }
    fl_local_close(fds[0]);
    if (rc == 0 && ended.code != 0)
        rc =
            fl_err_set(reterr, FL_E_DATA, 0,
                       "the file cannot be read as NetCDF (" PROGRAM " ended with %d)", ended.code);
    return rc < 0 ? rc : fl_json_parse(answer.data, answer.size, ret_doc, reterr);
}

static int check_kind(const json_t *doc, struct fl_err *reterr)
{
    const char *kind = NULL;

    if (fl_json_string(doc, "kind", &kind, NULL) < 0 || strcmp(kind, "netcdf") != 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "the file is '%s'; expected was NetCDF",
                          kind ? kind : "unknown");
    return 0;
}

/* The valid time must lie within the file's. A file whose times cannot be read has none to hold. */
static int check_times(const json_t *doc, const struct fl_ask_time *time, struct fl_err *reterr)
{
    const json_t *times = NULL;
    const char *first = NULL;
    const char *last = NULL;
    struct fl_cycle from;
    struct fl_cycle to;
    char wanted[FL_TIME_TEXT_MAX];

    if (fl_json_object_opt(doc, "times", &times, NULL) < 0 || !times ||
        fl_json_string(times, "first", &first, NULL) < 0 ||
        fl_json_string(times, "last", &last, NULL) < 0 || fl_cycle_parse(first, &from, NULL) < 0 ||
        fl_cycle_parse(last, &to, NULL) < 0)
        return 0;
    if (time->valid.s >= from.s && time->valid.s <= to.s)
        return 0;
    fl_cycle_format_extended(time->valid, wanted);
    return fl_err_set(reterr, FL_E_MISMATCH, 0,
                      "the file has times from %s to %s; asked for was %s", first, last, wanted);
}

struct looking {
    const json_t *doc;
    char missing[200];
};

static void look_for(const char *value, void *arg)
{
    struct looking *looking = arg;
    const json_t *list = json_object_get(looking->doc, "variables");
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        const char *name = NULL;

        if (fl_json_string(one, "name", &name, NULL) == 0 && strcmp(name, value) == 0)
            return;
    }
    if (!looking->missing[0])
        (void)snprintf(looking->missing, sizeof(looking->missing), "%s", value);
}

static int check_variables(const struct fl_ask *ask, const json_t *doc, struct fl_err *reterr)
{
    struct looking looking = {.doc = doc};
    char known[300] = "";
    size_t used = 0;
    const json_t *one;
    size_t i;

    for (size_t k = 0; k < ask->key_count; k++)
        (void)fl_keys_values(ask->keys[k], "variable", look_for, &looking);
    if (!looking.missing[0])
        return 0;
    json_array_foreach(json_object_get(doc, "variables"), i, one)
    {
        const char *name = NULL;

        if (used < sizeof(known) && fl_json_string(one, "name", &name, NULL) == 0)
            used += (size_t)snprintf(known + used, sizeof(known) - used, " %s", name);
    }
    return fl_err_set(reterr, FL_E_MISMATCH, 0, "the file has no variable '%s'; it has:%s",
                      looking.missing, known);
}

int fl_ask_look(const struct fl_ask *ask, const struct fl_world *world,
                const struct fl_ask_time *time, const char *path, struct fl_err *reterr)
{
    fl_json_auto json_t *doc = NULL;
    int rc;

    if (ask->source->format != FL_FORMAT_NETCDF)
        return 0;
    rc = probe(world, path, &doc, reterr);
    if (rc == 0)
        rc = check_kind(doc, reterr);
    if (rc == 0)
        rc = check_times(doc, time, reterr);
    return rc < 0 ? rc : check_variables(ask, doc, reterr);
}
