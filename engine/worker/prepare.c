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

int fl_live_mark(struct fl_worker *worker, const struct site *site, const char *id,
                 struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    char folder[FL_PATH_MAX];
    int rc = fl_live_path(site, id, path, reterr);

    if (rc == 0)
        rc = fl_path_join(site->root, "work/.live", folder, sizeof(folder), reterr);
    if (rc == 0)
        rc = fl_dir_make(worker->world, path, 0755, reterr);
    if (rc == 0)
        rc = fl_dir_sync(worker->world, folder, reterr);
    return rc;
}

void fl_live_clear(struct fl_worker *worker, const struct site *site, const char *id)
{
    char path[FL_PATH_MAX];

    /* one that stays is looked at again by the next worker, which comes to the same result */
    if (fl_live_path(site, id, path, NULL) == 0)
        (void)fl_dir_remove(worker->world, path, NULL);
}

static int file_in(const struct attempt *attempt, const char *rel, char path[FL_PATH_MAX],
                   struct fl_err *reterr)
{
    return fl_path_join(attempt->folder, rel, path, FL_PATH_MAX, reterr);
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
    slash = strrchr(to, '/');
    *slash = '\0';
    rc = fl_dir_make(worker->world, to, 0755, reterr);
    *slash = '/';
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

static int write_inputs(struct fl_worker *worker, const struct attempt *attempt,
                        const struct fl_spec *spec, struct fl_err *reterr)
{
    fl_json_auto json_t *json =
        json_pack("{s:i,s:s,s:s,s:s,s:s,s:s*,s:I,s:o}", "version", 1, "run", spec->run, "workflow",
                  spec->workflow, "cycle", spec->cycle, "stage", spec->stage, "lead", spec->lead,
                  "attempt", (json_int_t)spec->attempt, "inputs",
                  spec->inputs ? json_incref((json_t *)(uintptr_t)spec->inputs) : json_array());
    char path[FL_PATH_MAX];
    int rc = file_in(attempt, "data/inputs.json", path, reterr);

    if (!json)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "inputs.json: out of memory");
    return rc < 0 ? rc : publish_json(worker, path, json, 0444, reterr);
}

/* Rendered files; a script ("#!") can be run. */
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
            rc = fl_file_publish_mode(worker->world, path, content, strlen(content),
                                      strncmp(content, "#!", 2) == 0 ? 0755 : 0644, reterr);
    }
    return rc;
}

/* spec.json comes last: a folder that has it is whole. Only we may read it, it holds the token. */
static int write_spec(struct fl_worker *worker, const struct attempt *attempt,
                      const struct fl_spec *spec, struct fl_err *reterr)
{
    fl_json_auto json_t *json = json_copy(spec->json);
    char path[FL_PATH_MAX];
    int rc = file_in(attempt, "spec.json", path, reterr);

    if (!json || json_object_set_new(json, "root", json_string(attempt->site->root)) != 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "spec.json: out of memory");
    return rc < 0 ? rc : publish_json(worker, path, json, 0600, reterr);
}

static int make_folders(struct fl_worker *worker, const struct attempt *attempt,
                        struct fl_err *reterr)
{
    static const char *const parts[] = {"data", "out", "log"};
    const struct fl_world *world = worker->world;
    char path[FL_PATH_MAX];
    char *slash;
    int rc = file_in(attempt, "spec.json", path, reterr);

    if (rc == 0 && fl_file_exists(world, path))
        rc = fl_err_set(reterr, FL_E_EXISTS, 0, "attempt '%s' is known already", attempt->id);
    if (rc == 0)
        rc = fl_dir_remove(world, attempt->folder, reterr); /* half-made by a worker that died */
    if (rc < 0)
        return rc;
    (void)snprintf(path, sizeof(path), "%s", attempt->folder);
    slash = strrchr(path, '/');
    *slash = '\0';
    rc = fl_dir_make(world, path, 0755, reterr);
    if (rc == 0) {
        int made = world->ops->mkdir(attempt->folder, 0755, world->arg);

        if (made < 0)
            rc = fl_err_errno(reterr, -made, "make folder '%s'", attempt->folder);
    }
    for (size_t i = 0; i < FL_COUNT(parts) && rc == 0; i++) {
        rc = file_in(attempt, parts[i], path, reterr);
        if (rc == 0)
            rc = fl_dir_make(world, path, 0755, reterr);
    }
    return rc;
}

int fl_prepare_folder(struct fl_worker *worker, struct attempt *attempt, const struct fl_spec *spec,
                      struct fl_err *reterr)
{
    int rc = make_folders(worker, attempt, reterr);

    if (rc == 0)
        rc = write_inputs(worker, attempt, spec, reterr);
    if (rc == 0)
        rc = provide_all(worker, attempt, spec->inputs, reterr);
    if (rc == 0)
        rc = write_files(worker, attempt, spec, reterr);
    if (rc == 0)
        rc = write_spec(worker, attempt, spec, reterr);
    return rc;
}

/* True when list has an entry for the same file. */
static bool has_file(const json_t *list, const char *file)
{
    size_t i;
    json_t *entry;

    json_array_foreach((json_t *)(uintptr_t)list, i, entry)
    {
        const char *known = json_string_value(json_object_get(entry, "file"));

        if (known && strcmp(known, file) == 0)
            return true;
    }
    return false;
}

int fl_prepare_more(struct fl_worker *worker, struct attempt *attempt, const json_t *inputs,
                    struct fl_err *reterr)
{
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
        if (rc == 0 && !has_file(list, file))
            changed = json_array_append(list, entry) == 0;
    }
    if (rc == 0 && changed)
        rc = publish_json(worker, path, json, 0444, reterr);
    if (rc == 0)
        rc = provide_all(worker, attempt, inputs, reterr);
    return rc;
}
