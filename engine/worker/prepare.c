/* The folder of an attempt before its supervisor takes it. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/world/file.h"
#include "engine/worker/private.h"

#include "engine/base/banned.h"

#define INPUTS_MAX ((size_t)16 * 1024 * 1024)

int fl_live_path(const struct site *site, const char *id, char path[FL_PATH_MAX],
                 struct fl_err *reterr)
{
    int used = snprintf(path, FL_PATH_MAX, "%s/work/.live/%s", site->root, id);

    if (used < 0 || used >= FL_PATH_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path of attempt '%s' is too long", id);
    for (char *at = path + used - strlen(id); *at; at++)
        *at = *at == '/' ? '%' : *at;
    return 0;
}

/* A second name of one file: that is made faster than a file. Where it cannot be, a file it is. */
int fl_live_mark(struct fl_worker *worker, const struct site *site, const char *id,
                 struct fl_err *reterr)
{
    const struct fl_world *world = worker->world;
    char mark[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    int rc = fl_live_path(site, id, path, reterr);

    if (rc == 0)
        rc = fl_path_join(site->root, "work/.live/.mark", mark, sizeof(mark), reterr);
    if (rc < 0)
        return rc;
    rc = world->ops->link(mark, path, world->arg);
    if (rc < 0 && rc != -EEXIST) {
        rc = world->ops->open(path, O_WRONLY | O_CREAT, 0644, world->arg);
        if (rc >= 0)
            (void)world->ops->close(rc, world->arg); /* it is empty */
    }
    return rc >= 0 || rc == -EEXIST ? 0 : fl_err_errno(reterr, -rc, "mark '%s'", path);
}

void fl_live_clear(struct fl_worker *worker, const struct site *site, const char *id)
{
    char path[FL_PATH_MAX];

    /* one that stays is looked at again by the next worker, which comes to the same result */
    if (fl_live_path(site, id, path, NULL) == 0 &&
        worker->world->ops->unlink(path, worker->world->arg) < 0)
        (void)fl_dir_remove(worker->world, path, NULL); /* earlier versions made folders */
}

static int file_in(const struct attempt *attempt, const char *rel, char path[FL_PATH_MAX],
                   struct fl_err *reterr)
{
    return fl_path_join(attempt->folder, rel, path, FL_PATH_MAX, reterr);
}

static int write_all(struct fl_worker *worker, int fd, const char *text, const char *name,
                     struct fl_err *reterr)
{
    size_t size = strlen(text);
    int64_t done = 0;

    while ((size_t)done < size) {
        ssize_t n = worker->world->ops->pwrite(fd, text + done, size - (size_t)done, done,
                                               worker->world->arg);

        if (n == -EINTR)
            continue;
        if (n <= 0)
            return fl_err_errno(reterr, n < 0 ? (int)-n : EIO, "write '%s'", name);
        done += n;
    }
    return 0;
}

static int publish_json(struct fl_worker *worker, const char *path, const json_t *json, int mode,
                        struct fl_err *reterr)
{
    char *text = fl_json_text(json);
    int rc;

    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s': out of memory", path);
    rc = fl_file_publish_mode(worker->world, path, text, strlen(text), mode, reterr);
    free(text);
    return rc;
}

/* One file of the site under its name in DATA, by a link, or as a copy when the entry says "copy":
 * true. Of the size that was accepted, or refused: somebody
 * has changed it since. */
static int provide(struct fl_worker *worker, const struct attempt *attempt, const json_t *entry,
                   struct fl_err *reterr)
{
    char from[FL_PATH_MAX];
    char to[FL_PATH_MAX];
    char name[FL_PATH_MAX];
    const char *file;
    const char *path;
    int64_t size = -1;
    struct fl_stat info;
    char *slash;
    int rc = fl_json_string(entry, "file", &file, reterr);

    if (json_object_get(entry, "url"))
        return rc; /* at another site: the stage fetches it */
    if (rc == 0)
        rc = fl_json_string(entry, "path", &path, reterr);
    if (rc == 0)
        rc = fl_json_int_opt(entry, "size", -1, &size, reterr);
    if (rc == 0)
        rc = fl_path_join(attempt->site->root, path, from, sizeof(from), reterr);
    if (rc == 0 && snprintf(name, sizeof(name), "data/%s", file) >= (int)sizeof(name))
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "file name of %zu bytes", strlen(file));
    if (rc == 0)
        rc = file_in(attempt, name, to, reterr);
    if (rc == 0)
        rc = fl_file_stat(worker->world, from, &info, reterr);
    if (rc == 0 && size >= 0 && info.size_bytes != (uint64_t)size)
        rc = fl_err_set(reterr, FL_E_MISMATCH, 0, "'%s' has %llu bytes where %lld were accepted",
                        from, (unsigned long long)info.size_bytes, (long long)size);
    if (rc < 0)
        return fl_err_note(reterr, rc, "input '%s'", file);
    slash = strchr(file, '/') ? strrchr(to, '/') : NULL;
    if (slash) { /* data/ itself is there */
        *slash = '\0';
        rc = fl_dir_make(worker->world, to, 0755, reterr);
        *slash = '/';
    }
    if (rc == 0 && json_is_true(json_object_get(entry, "copy")))
        rc = fl_file_exists(worker->world, to) ? 0 : fl_file_copy(worker->world, from, to, reterr);
    else if (rc == 0)
        rc = fl_file_provide(worker->world, from, to, reterr);
    return rc == FL_E_EXISTS ? 0 : rc;
}

static int provide_all(struct fl_worker *worker, const struct attempt *attempt,
                       const json_t *inputs, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < (inputs ? json_array_size(inputs) : 0); i++)
        rc = provide(worker, attempt, json_array_get(inputs, i), reterr);
    return rc;
}

/* The supervisor is not there yet: nobody reads it before it is whole. fd is closed. */
static int write_inputs(struct fl_worker *worker, const struct fl_spec *spec, int fd,
                        struct fl_err *reterr)
{
    fl_json_auto json_t *json =
        json_pack("{s:i,s:s,s:s,s:s,s:s,s:s*,s:I,s:o,s:O*}", "version", 1, "run", spec->run,
                  "workflow", spec->workflow, "cycle", spec->cycle, "stage", spec->stage, "lead",
                  spec->lead, "attempt", (json_int_t)spec->attempt, "inputs",
                  spec->inputs ? json_incref((json_t *)(uintptr_t)spec->inputs) : json_array(),
                  "grants", spec->grants);
    char *text = json ? fl_json_text(json) : NULL;
    int rc = text ? write_all(worker, fd, text, "inputs.json", reterr)
                  : fl_err_set(reterr, FL_E_NOMEM, 0, "inputs.json: out of memory");

    (void)worker->world->ops->close(fd, worker->world->arg); /* see supervisor.h for what lasts */
    free(text);
    return rc;
}

/* A script ("#!") can be run. */
static int write_file(struct fl_worker *worker, const char *path, const char *content,
                      struct fl_err *reterr)
{
    const struct fl_world *world = worker->world;
    int fd = world->ops->open(path, O_WRONLY | O_CREAT | O_TRUNC,
                              strncmp(content, "#!", 2) == 0 ? 0755 : 0644, world->arg);
    int rc;

    if (fd < 0)
        return fl_err_errno(reterr, -fd, "make '%s'", path);
    rc = write_all(worker, fd, content, path, reterr);
    (void)world->ops->close(fd, world->arg); /* see supervisor.h for what lasts */
    return rc;
}

/* Rendered files. */
static int write_files(struct fl_worker *worker, const struct attempt *attempt,
                       const struct fl_spec *spec, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < (spec->files ? json_array_size(spec->files) : 0); i++) {
        const json_t *entry = json_array_get(spec->files, i);
        const char *name = json_string_value(json_object_get(entry, "name"));
        const char *content = json_string_value(json_object_get(entry, "content"));
        char rel[FL_PATH_MAX];
        char path[FL_PATH_MAX];

        if (!fl_name_is_safe(name) ||
            snprintf(rel, sizeof(rel), "data/%s", name) >= (int)sizeof(rel))
            return fl_err_set(reterr, FL_E_PERM, 0, "'%.200s' is no plain file name", name);
        rc = file_in(attempt, rel, path, reterr);
        if (rc == 0)
            rc = write_file(worker, path, content, reterr);
    }
    return rc;
}

/* spec.json comes last: a folder that has it is whole. Only we may read it, it holds the token. */
static int write_spec(struct fl_worker *worker, const struct attempt *attempt,
                      const struct fl_spec *spec, struct fl_err *reterr)
{
    const struct fl_world *world = worker->world;
    fl_json_auto json_t *json = json_copy(spec->json);
    char fresh[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    char *text;
    int rc = file_in(attempt, "spec.new", fresh, reterr);
    int fd;

    if (rc == 0)
        rc = file_in(attempt, "spec.json", path, reterr);
    if (rc < 0)
        return rc;
    if (!json || json_object_set_new(json, "root", json_string(attempt->site->root)) != 0 ||
        (attempt->site->file[0] &&
         json_object_set_new(json, "site_file", json_string(attempt->site->file)) != 0))
        return fl_err_set(reterr, FL_E_NOMEM, 0, "spec.json: out of memory");
    fd = world->ops->open(fresh, O_WRONLY, 0, world->arg);
    if (fd < 0)
        return fl_err_errno(reterr, -fd, "open '%s'", fresh);
    text = fl_json_text(json);
    rc = text ? write_all(worker, fd, text, fresh, reterr)
              : fl_err_set(reterr, FL_E_NOMEM, 0, "spec.json: out of memory");
    free(text);
    (void)world->ops->close(fd, world->arg); /* see supervisor.h for what lasts */
    if (rc == 0) {
        int renamed = world->ops->rename(fresh, path, world->arg);

        if (renamed < 0)
            rc = fl_err_errno(reterr, -renamed, "rename '%s'", fresh);
    }
    return rc;
}

/* The attempt's folder, empty but for what every one has. */
static int take_folder(struct fl_worker *worker, const struct attempt *attempt, int *ret_inputs_fd,
                       struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    struct fl_stat info;
    int rc = file_in(attempt, "spec.json", path, reterr);

    if (rc < 0)
        return rc;
    if (fl_file_exists(worker->world, path))
        return fl_err_set(reterr, FL_E_EXISTS, 0, "attempt '%s' is known already", attempt->id);
    if (worker->world->ops->stat(attempt->folder, &info, worker->world->arg) == 0)
        rc = fl_dir_remove(worker->world, attempt->folder, reterr); /* half-made */
    return rc < 0 ? rc : fl_ready_take(worker, attempt, ret_inputs_fd, reterr);
}

int fl_prepare_folder(struct fl_worker *worker, struct attempt *attempt, const struct fl_spec *spec,
                      struct fl_err *reterr)
{
    int inputs_fd = -1;
    int rc = take_folder(worker, attempt, &inputs_fd, reterr);

    if (rc == 0)
        rc = write_inputs(worker, spec, inputs_fd, reterr);
    if (rc == 0)
        rc = provide_all(worker, attempt, spec->inputs, reterr);
    if (rc == 0)
        rc = write_files(worker, attempt, spec, reterr);
    if (rc == 0)
        rc = write_spec(worker, attempt, spec, reterr);
    return rc;
}

/* True when list has an entry for the same file of the same input: two inputs may have files in
 * common. */
static bool has_entry(const json_t *list, const json_t *wanted)
{
    size_t i;
    json_t *entry;

    json_array_foreach((json_t *)(uintptr_t)list, i, entry)
    {
        if (json_equal(json_object_get(entry, "file"), json_object_get(wanted, "file")) &&
            json_equal(json_object_get(entry, "input"), json_object_get(wanted, "input")))
            return true;
    }
    return false;
}

/* True when a grant was not there yet. */
static bool add_grants(json_t *json, const json_t *grants)
{
    json_t *list = json_object_get(json, "grants");
    bool changed = false;

    if (!list && json_array_size(grants) > 0 &&
        json_object_set_new(json, "grants", json_array()) == 0)
        list = json_object_get(json, "grants");
    for (size_t i = 0; list && i < json_array_size(grants); i++) {
        json_t *grant = json_array_get(grants, i);
        bool have = false;

        for (size_t k = 0; k < json_array_size(list) && !have; k++)
            have = json_equal(json_array_get(list, k), grant);
        if (!have)
            changed = json_array_append(list, grant) == 0;
    }
    return changed;
}

int fl_prepare_more(struct fl_worker *worker, struct attempt *attempt, const json_t *message,
                    struct fl_err *reterr)
{
    const json_t *inputs = json_object_get(message, "inputs");
    fl_auto(fl_buf_release) struct fl_buf text;
    fl_json_auto json_t *json = NULL;
    char path[FL_PATH_MAX];
    json_t *list;
    bool changed = false;
    int rc = file_in(attempt, "data/inputs.json", path, reterr);

    fl_buf_init(&text, INPUTS_MAX);
    if (rc == 0)
        rc = fl_file_read(worker->world, path, INPUTS_MAX, &text, reterr);
    if (rc == 0)
        rc = fl_json_parse(text.data, text.size, &json, reterr);
    list = json ? json_object_get(json, "inputs") : NULL;
    if (rc == 0 && !json_is_array(list))
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "'%s' has no list 'inputs'", path);
    for (size_t i = 0; rc == 0 && i < json_array_size(inputs); i++) {
        json_t *entry = json_array_get(inputs, i);
        const char *file = NULL;

        rc = fl_json_string(entry, "file", &file, reterr);
        if (rc == 0 && !fl_path_is_safe(file))
            rc = fl_err_set(reterr, FL_E_PERM, 0, "'%.200s' is no safe file name", file);
        if (rc == 0 && !has_entry(list, entry))
            changed = json_array_append(list, entry) == 0;
    }
    if (rc == 0)
        changed = add_grants(json, json_object_get(message, "grants")) || changed;
    if (rc == 0 && changed)
        rc = publish_json(worker, path, json, 0444, reterr);
    if (rc == 0)
        rc = provide_all(worker, attempt, inputs, reterr);
    return rc;
}
