/* How an attempt ended, by the success rule of its stage. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/time.h"
#include "engine/world/file.h"
#include "engine/worker/supervise.h"

#include "engine/base/banned.h"

#define LOOK_BYTES 65536
#define SHELL_SIGNAL 128 /* a shell or mpirun that passes a signal on ends with 128 + signal */

static bool is_outside_signal(int signal)
{
    return signal == SIGKILL || signal == SIGTERM || signal == SIGHUP || signal == SIGINT;
}

/* The class of an exit code (sysexits.h), or of a signal. A code that says nothing is taken as
 * "bug": doing the same again would end the same. What was killed from outside may work again. */
static const char *exit_class(const struct fl_exit *ended)
{
    if (ended->signal > 0)
        return fl_err_class_name(is_outside_signal(ended->signal) ? FL_CLASS_TRANSIENT
                                                                  : FL_CLASS_BUG);
    switch (ended->code) {
    case 75:
        return fl_err_class_name(FL_CLASS_TRANSIENT);
    case 65:
    case 66:
        return fl_err_class_name(FL_CLASS_DATA);
    case 64:
    case 78:
    case 126:
    case 127:
        return fl_err_class_name(FL_CLASS_CONFIG);
    default:
        return fl_err_class_name(ended->code > SHELL_SIGNAL &&
                                         is_outside_signal(ended->code - SHELL_SIGNAL)
                                     ? FL_CLASS_TRANSIENT
                                     : FL_CLASS_BUG);
    }
}

/* Looks for the words in a file of DATA or out/, as far as it is there. */
static int look_in_file(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    const struct fl_world *world = supervisor->world;
    char folder[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    char *piece;
    int64_t at = 0;
    ssize_t n = 0;
    int fd;
    int rc = fl_path_join(supervisor->folder, "data", folder, sizeof(folder), reterr);

    if (rc == 0)
        rc = fl_path_join(folder, supervisor->spec.success_log, path, sizeof(path), reterr);
    if (rc < 0)
        return rc;
    fd = world->ops->open(path, O_RDONLY, 0, world->arg);
    if (fd < 0)
        return fl_err_errno(reterr, -fd, "open '%s'", path);
    piece = malloc(LOOK_BYTES);
    while (piece && rc == 0) {
        n = world->ops->pread(fd, piece, LOOK_BYTES, at, world->arg);
        if (n == -EINTR)
            continue;
        if (n <= 0)
            break;
        rc = fl_words_look(&supervisor->words, piece, (size_t)n, reterr);
        at += n;
    }
    (void)world->ops->close(fd, world->arg); /* it was only read */
    if (!piece)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "read '%s': out of memory", path);
    free(piece);
    return n < 0 ? fl_err_errno(reterr, (int)-n, "read '%s'", path) : rc;
}

/* The log's part of the rule. FL_E_DATA when it is broken. */
static int judge_log(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    const struct fl_spec *spec = &supervisor->spec;

    if (!spec->success_log)
        return 0;
    if (supervisor->words_of < 0 && look_in_file(supervisor, reterr) < 0)
        return fl_err_note(reterr, FL_E_DATA, "the success rule's log");
    if (supervisor->words.forbidden)
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s' has the forbidden words '%s'",
                          spec->success_log, supervisor->words.forbidden);
    if (spec->success_has && !supervisor->words.found)
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s' does not have the words '%s'",
                          spec->success_log, spec->success_has);
    return 0;
}

static int judge_outputs(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    const struct supervise_output *first = NULL;
    size_t missing = 0;

    for (size_t i = 0; supervisor->spec.success_outputs && i < supervisor->output_count; i++) {
        if (supervisor->outputs[i].said)
            continue;
        first = first ? first : &supervisor->outputs[i];
        missing++;
    }
    if (missing == 0)
        return 0;
    return fl_err_set(reterr, FL_E_DATA, 0,
                      "%zu of %zu declared outputs %s missing; the first is '%s'%s%s (file '%s')",
                      missing, supervisor->output_count, missing == 1 ? "is" : "are", first->output,
                      first->lead ? " " : "", first->lead ? first->lead : "", first->file);
}

static json_t *verdict_by_itself(struct fl_supervisor *supervisor)
{
    const struct fl_exit *ended = &supervisor->exit;
    struct fl_err err = {0};
    char reason[FL_ERR_TEXT_MAX];

    if (ended->signal > 0) {
        (void)snprintf(reason, sizeof(reason), "'%s' was ended by signal %d (%s)",
                       supervisor->spec.program, ended->signal, strsignal(ended->signal));
        return fl_spool_end("failed", -1, ended->signal, exit_class(ended), reason);
    }
    if (judge_log(supervisor, &err) < 0 && supervisor->words.forbidden)
        return fl_spool_end("failed", ended->code, 0, fl_err_class_name(FL_CLASS_DATA), err.text);
    if (ended->code != supervisor->spec.success_exit) {
        (void)snprintf(
            reason, sizeof(reason), "'%s' ended with exit code %d where %lld means success",
            supervisor->spec.program, ended->code, (long long)supervisor->spec.success_exit);
        return fl_spool_end("failed", ended->code, 0, exit_class(ended), reason);
    }
    if (judge_log(supervisor, &err) < 0 || judge_outputs(supervisor, &err) < 0)
        return fl_spool_end("failed", ended->code, 0, fl_err_class_name(FL_CLASS_DATA), err.text);
    if (fl_guard_check(&supervisor->guard, supervisor->world, &err) < 0)
        return fl_spool_end("failed", ended->code, 0, fl_err_class_name(FL_CLASS_CONFIG), err.text);
    return fl_spool_end("succeeded", ended->code, 0, NULL, NULL);
}

bool fl_verdict_ended_well(struct fl_supervisor *supervisor)
{
    return supervisor->cause == CAUSE_NONE && supervisor->exit.signal == 0 &&
           supervisor->exit.code == supervisor->spec.success_exit &&
           judge_log(supervisor, NULL) == 0;
}

json_t *fl_verdict(struct fl_supervisor *supervisor)
{
    int code = supervisor->body_ended ? supervisor->exit.code : -1;
    int signal = supervisor->body_ended ? supervisor->exit.signal : 0;

    switch (supervisor->cause) {
    case CAUSE_NONE:
        return verdict_by_itself(supervisor);
    case CAUSE_REFUSED:
    case CAUSE_CANCELLED:
        return fl_spool_end("cancelled", code, signal, NULL, supervisor->reason);
    case CAUSE_TIMED_OUT:
        return fl_spool_end("timed-out", code, signal, fl_err_class_name(FL_CLASS_LIMIT),
                            supervisor->reason);
    case CAUSE_FAILED:
        return fl_spool_end("failed", code, signal, supervisor->class, supervisor->reason);
    }
    return NULL;
}
