/* What a stage says: outputs are looked at and hashed before anybody hears of them. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/world/file.h"
#include "engine/worker/supervise.h"

#include "engine/base/banned.h"

#define HASH_BYTES ((size_t)1024 * 1024) /* a turn */
#define PROGRESS_NS INT64_C(1000000000)
#define MARK_TEXT_MAX ((size_t)1000)
#define MARK_UNREADABLE "a substitution of the stage's own, told in no readable way"

int fl_announce_warn(struct fl_supervisor *supervisor, struct fl_err *reterr, const char *fmt, ...)
{
    fl_json_auto json_t *event = NULL;
    char text[FL_ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* cut when longer */
    va_end(args);
    event = json_pack("{s:s,s:s%}", "type", "warn", "text", text, strlen(text));
    if (!event) /* not UTF-8 */
        event = json_pack("{s:s,s:s}", "type", "warn", "text", "a message that is not UTF-8");
    return fl_tell(supervisor, event, reterr);
}

void fl_announce_job_free(struct supervise_job *job)
{
    if (!job)
        return;
    free(job->output);
    free(job->lead);
    free(job->file);
    json_decref(job->degraded);
    free(job);
}

static struct supervise_output *find_output(struct fl_supervisor *supervisor, const char *output,
                                            const char *lead)
{
    for (size_t i = 0; i < supervisor->output_count; i++) {
        struct supervise_output *known = &supervisor->outputs[i];

        if (strcmp(known->output, output) == 0 &&
            (known->lead && lead ? strcmp(known->lead, lead) == 0 : !known->lead && !lead))
            return known;
    }
    return NULL;
}

/* The file of an output, which must be a regular one inside out/ by every link on the way. */
static int output_path(struct fl_supervisor *supervisor, const char *file, char path[FL_PATH_MAX],
                       struct fl_err *reterr)
{
    char root[FL_PATH_MAX];
    char real_root[FL_PATH_MAX];
    char real[FL_PATH_MAX];
    struct fl_stat info;
    size_t length;
    int rc = fl_path_join(supervisor->folder, "out", root, sizeof(root), reterr);

    if (rc == 0)
        rc = fl_path_join(root, file, path, FL_PATH_MAX, reterr);
    if (rc == 0)
        rc = fl_file_stat(supervisor->world, path, &info, reterr);
    if (rc == 0 && (info.is_link || info.is_dir))
        rc = fl_err_set(reterr, FL_E_PERM, 0, "'%s' is not a plain file", file);
    if (rc < 0)
        return rc;
    if (!realpath(root, real_root) || !realpath(path, real))
        return fl_err_errno(reterr, errno, "follow '%s'", path);
    length = strlen(real_root);
    if (strncmp(real, real_root, length) != 0 || real[length] != '/')
        return fl_err_set(reterr, FL_E_PERM, 0, "'%s' lies outside the output folder", file);
    return 0;
}

static int job_add(struct fl_supervisor *supervisor, const char *output, const char *lead,
                   const char *file, const json_t *degraded, struct fl_err *reterr)
{
    struct supervise_job *job = calloc(1, sizeof(*job));
    int rc = job ? 0 : FL_E_NOMEM;

    if (job) {
        job->output = strdup(output);
        job->lead = lead ? strdup(lead) : NULL;
        job->file = strdup(file);
        job->degraded = degraded ? json_deep_copy(degraded) : NULL;
        if (!job->output || (lead && !job->lead) || !job->file || (degraded && !job->degraded))
            rc = FL_E_NOMEM;
    }
    if (rc == 0)
        rc = fl_ring_push(supervisor->jobs, job);
    if (rc < 0) {
        fl_announce_job_free(job);
        return fl_err_set(reterr, rc, 0, "output '%s': %s", output, fl_err_text(rc));
    }
    return 0;
}

/* The marks of an output as they will be read everywhere: objects with a cause, and an age when it
 * is known. One that is something else still marks. NULL: none. */
static int read_marks(const json_t *event, json_t **ret_marks, struct fl_err *said)
{
    const json_t *given = NULL;
    json_t *marks = NULL;
    int rc = fl_json_array_opt(event, "degraded", &given, said);

    for (size_t i = 0; rc == 0 && i < json_array_size(given); i++) {
        const json_t *mark = json_array_get(given, i);
        const char *cause = json_string_value(json_object_get(mark, "cause"));
        const char *age = json_string_value(json_object_get(mark, "age"));

        if (!marks)
            marks = json_array();
        if (json_array_append_new(
                marks, json_pack("{s:s,s:s*}", "cause",
                                 cause && strlen(cause) <= MARK_TEXT_MAX ? cause : MARK_UNREADABLE,
                                 "age", age && strlen(age) <= MARK_TEXT_MAX ? age : NULL)) != 0)
            rc = fl_err_set(said, FL_E_NOMEM, 0, "marks: out of memory");
    }
    if (rc < 0)
        json_decref(marks);
    else
        *ret_marks = marks;
    return rc;
}

static int take_output(struct fl_supervisor *supervisor, const json_t *event, struct fl_err *said)
{
    const char *output;
    const char *lead;
    const char *file;
    fl_json_auto json_t *degraded = NULL;
    char path[FL_PATH_MAX];
    struct supervise_output *known;
    int rc = fl_json_string(event, "output", &output, said);

    if (rc == 0)
        rc = fl_json_string_opt(event, "lead", NULL, &lead, said);
    if (rc == 0)
        rc = fl_json_string(event, "file", &file, said);
    if (rc == 0)
        rc = read_marks(event, &degraded, said);
    if (rc < 0)
        return rc;
    known = find_output(supervisor, output, lead);
    if (!known)
        return fl_err_set(said, FL_E_MISMATCH, 0,
                          "the stage announced output '%s'%s%s, which is not declared for it",
                          output, lead ? " " : "", lead ? lead : "");
    rc = output_path(supervisor, file, path, said);
    if (rc == 0)
        rc = job_add(supervisor, output, lead, file, degraded, said);
    if (rc == 0)
        known->said = true;
    return rc;
}

static int take_absent(struct fl_supervisor *supervisor, const json_t *event, struct fl_err *said)
{
    const char *output;
    const char *lead;
    const char *cause;
    struct supervise_output *known;
    int rc = fl_json_string(event, "output", &output, said);

    if (rc == 0)
        rc = fl_json_string_opt(event, "lead", NULL, &lead, said);
    if (rc == 0)
        rc = fl_json_string(event, "cause", &cause, said);
    if (rc < 0)
        return rc;
    known = find_output(supervisor, output, lead);
    if (!known)
        return fl_err_set(said, FL_E_MISMATCH, 0,
                          "the stage said that output '%s' is absent, which is not declared for it",
                          output);
    known->said = true;
    return fl_tell(supervisor, event, said);
}

int fl_announce_progress(struct fl_supervisor *supervisor, bool now, struct fl_err *reterr)
{
    int64_t now_ns = fl_world_mono_ns(supervisor->world);
    int rc;

    if (!supervisor->progress || (!now && now_ns < supervisor->progress_ns))
        return 0;
    rc = fl_tell(supervisor, supervisor->progress, reterr);
    json_decref(supervisor->progress);
    supervisor->progress = NULL;
    supervisor->progress_ns = now_ns + PROGRESS_NS;
    return rc;
}

static int take_note(struct fl_supervisor *supervisor, const json_t *event, const char *need,
                     struct fl_err *said)
{
    const char *text;
    int rc = fl_json_string(event, need, &text, said);

    return rc < 0 ? rc : fl_tell(supervisor, event, said);
}

int fl_announce_take(struct fl_supervisor *supervisor, const char *data, size_t size,
                     struct fl_err *reterr)
{
    fl_json_auto json_t *event = NULL;
    struct fl_err said = {0};
    const char *type = "";
    int rc = fl_json_parse(data, size, &event, &said);

    if (rc == 0)
        rc = fl_json_string(event, "type", &type, &said);
    if (rc == 0 && strcmp(type, "progress") == 0) {
        json_decref(supervisor->progress);
        supervisor->progress = json_incref(event);
        return fl_announce_progress(supervisor, false, reterr);
    }
    if (rc < 0)
        ; /* told below */
    else if (strcmp(type, "output") == 0)
        rc = take_output(supervisor, event, &said);
    else if (strcmp(type, "absent") == 0)
        rc = take_absent(supervisor, event, &said);
    else if (strcmp(type, "warn") == 0)
        rc = take_note(supervisor, event, "text", &said);
    else if (strcmp(type, "degraded") == 0)
        rc = take_note(supervisor, event, "cause", &said);
    else if (strcmp(type, "set") == 0)
        rc = take_note(supervisor, event, "set", &said);
    else
        rc = fl_err_set(&said, FL_E_PARSE, 0,
                        "type '%.40s'; accepted: output, absent, progress, warn, degraded, set",
                        type);
    if (rc < 0)
        return fl_announce_warn(supervisor, reterr, "what the stage said was not taken: %s",
                                said.text);
    return 0;
}

/* The file of the first job could not be read or hashed: the stage is told on by a warning, and the
 * output counts as missing. */
static int job_fail(struct fl_supervisor *supervisor, struct supervise_job *job,
                    const struct fl_err *why, struct fl_err *reterr)
{
    struct supervise_output *known = find_output(supervisor, job->output, job->lead);
    int rc = fl_announce_warn(supervisor, reterr, "output '%s': %s", job->output, why->text);

    if (known)
        known->said = false;
    return rc;
}

static int job_spool(struct fl_supervisor *supervisor, const struct supervise_job *job,
                     const char *hex, struct fl_err *reterr)
{
    fl_json_auto json_t *event = NULL;
    char path[FL_PATH_MAX];
    int used = snprintf(path, sizeof(path), "work/%s/out/%s", supervisor->spec.id, job->file);

    if (used < 0 || (size_t)used >= sizeof(path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path of output '%s'", job->output);
    event = json_pack("{s:s,s:s,s:s*,s:s,s:I,s:s,s:O*}", "type", "output", "output", job->output,
                      "lead", job->lead, "path", path, "size", (json_int_t)supervisor->job_offset,
                      "sha256", hex, "degraded", job->degraded);
    return fl_tell(supervisor, event, reterr);
}

static void job_end(struct fl_supervisor *supervisor)
{
    char hex[FL_DIGEST_HEX];

    if (supervisor->job_fd >= 0)
        (void)supervisor->world->ops->close(supervisor->job_fd, supervisor->world->arg);
    supervisor->job_fd = -1;
    supervisor->job_offset = 0;
    if (supervisor->digest)
        fl_digest_finish(supervisor->digest, hex); /* ready for the next */
    fl_announce_job_free(fl_ring_pop(supervisor->jobs));
}

static int job_open(struct fl_supervisor *supervisor, const struct supervise_job *job,
                    struct fl_err *why)
{
    char path[FL_PATH_MAX];
    int rc = output_path(supervisor, job->file, path, why);
    int fd;

    if (rc == 0 && !supervisor->digest)
        rc = fl_digest_create(&supervisor->digest, why);
    if (rc < 0)
        return rc;
    fd = supervisor->world->ops->open(path, O_RDONLY | O_NOFOLLOW, 0, supervisor->world->arg);
    if (fd < 0)
        return fl_err_errno(why, -fd, "open '%s'", path);
    supervisor->job_fd = fd;
    supervisor->job_offset = 0;
    return 0;
}

/* Hashes a piece. 1: there is more of the file, 0: it is whole. */
static int job_piece(struct fl_supervisor *supervisor, struct fl_err *why)
{
    char *piece = malloc(HASH_BYTES);
    ssize_t n;

    if (!piece)
        return fl_err_set(why, FL_E_NOMEM, 0, "hash: out of memory");
    do
        n = supervisor->world->ops->pread(supervisor->job_fd, piece, HASH_BYTES,
                                          supervisor->job_offset, supervisor->world->arg);
    while (n == -EINTR);
    if (n > 0) {
        fl_digest_add(supervisor->digest, piece, (size_t)n);
        supervisor->job_offset += n;
    }
    free(piece);
    return n < 0 ? fl_err_errno(why, (int)-n, "read") : n > 0;
}

/* Syncs the folders from that of the file up to (without) stop. */
static int sync_up(struct fl_supervisor *supervisor, char *path, const char *stop,
                   struct fl_err *why)
{
    size_t least = strlen(stop);
    int rc = 0;

    for (char *slash = strrchr(path, '/'); rc == 0 && slash && (size_t)(slash - path) > least;
         slash = strrchr(path, '/')) {
        *slash = '\0';
        rc = fl_dir_sync(supervisor->world, path, why);
    }
    return rc;
}

/* Others are about to rely on the file: it, and every folder on the way to it, outlives the machine
 * from now on. */
static int job_sync(struct fl_supervisor *supervisor, const struct supervise_job *job,
                    struct fl_err *why)
{
    char path[FL_PATH_MAX];
    int rc = supervisor->world->ops->sync(supervisor->job_fd, supervisor->world->arg);

    if (rc < 0)
        return fl_err_errno(why, -rc, "sync");
    rc = output_path(supervisor, job->file, path, why);
    if (rc == 0)
        rc = sync_up(supervisor, path,
                     supervisor->folders_synced ? supervisor->folder : supervisor->spec.root, why);
    supervisor->folders_synced |= rc == 0;
    return rc;
}

int fl_announce_step(struct fl_supervisor *supervisor, bool *ret_more, struct fl_err *reterr)
{
    struct supervise_job *job = fl_ring_peek(supervisor->jobs);
    struct fl_err why = {0};
    char hex[FL_DIGEST_HEX];
    int rc = 0;
    int done;

    *ret_more = job != NULL;
    if (!job)
        return 0;
    done = supervisor->job_fd < 0 ? job_open(supervisor, job, &why) : 0;
    if (done == 0)
        done = job_piece(supervisor, &why);
    if (done > 0)
        return 0;
    if (done == 0)
        done = job_sync(supervisor, job, &why);
    if (done < 0) {
        rc = job_fail(supervisor, job, &why, reterr);
    } else {
        fl_digest_finish(supervisor->digest, hex);
        rc = fl_announce_progress(supervisor, true, reterr);
        if (rc == 0)
            rc = job_spool(supervisor, job, hex, reterr);
    }
    job_end(supervisor);
    return rc;
}

int fl_announce_present(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc = 0;

    for (size_t i = 0; i < supervisor->output_count && rc == 0; i++) {
        struct supervise_output *known = &supervisor->outputs[i];

        if (known->said || output_path(supervisor, known->file, path, NULL) < 0)
            continue;
        rc = job_add(supervisor, known->output, known->lead, known->file, NULL, reterr);
        known->said = rc == 0;
    }
    return rc;
}
