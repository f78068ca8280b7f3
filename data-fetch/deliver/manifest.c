/* MANIFEST and MANIFEST.json. */
#include "config.h"

#include "data-fetch/deliver/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define HEX_DIGITS (FL_DIGEST_HEX - 1)

struct writing {
    struct fl_buf text;
    json_t *files;
    int rc;
};

static int add_text(json_t *object, const char *key, const char *text)
{
    return *text ? json_object_set_new(object, key, json_string(text)) : 0;
}

static int add_row(const struct fl_custody *row, void *arg)
{
    struct writing *writing = arg;
    json_t *entry = json_pack("{ss sI ss}", "file", row->file, "size", (json_int_t)row->size,
                              "sha256", row->sha256);
    json_t *degraded = json_loads(row->degraded, 0, NULL);

    fl_buf_printf(&writing->text, "%s  %s\n", row->sha256, row->file);
    if (!entry || add_text(entry, "run", row->run) < 0 ||
        add_text(entry, "stage", row->stage) < 0 || add_text(entry, "output", row->output) < 0 ||
        add_text(entry, "lead", row->lead) < 0 || add_text(entry, "cycle", row->cycle) < 0 ||
        add_text(entry, "valid_time", row->valid_time) < 0)
        writing->rc = FL_E_NOMEM;
    if (entry && json_array_size(degraded) > 0 && json_object_set(entry, "degraded", degraded) < 0)
        writing->rc = FL_E_NOMEM;
    json_decref(degraded);
    if (json_array_append_new(writing->files, entry) < 0)
        writing->rc = FL_E_NOMEM;
    return writing->rc;
}

static int publish(const struct fl_world *world, const char *folder, const char *name,
                   const char *text, size_t size, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", folder);
    return fl_file_publish(world, path, text, size, reterr);
}

char *fl_manifest_text(const struct json_t *doc)
{
    char *text = doc ? json_dumps(doc, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    size_t size = text ? strlen(text) : 0;
    char *line = text ? realloc(text, size + 2) : NULL;

    if (line)
        memcpy(line + size, "\n", 2);
    else
        free(text);
    return line;
}

int fl_manifest_write(const struct fl_world *world, struct fl_ledger *ledger, const char *set,
                      const char *folder, struct fl_err *reterr)
{
    struct writing writing = {.files = json_array()};
    fl_json_auto json_t *doc = NULL;
    char *text = NULL;
    int rc;

    fl_buf_init(&writing.text, 0);
    fl_buf_printf(&writing.text, "# %s: verify with: sha256sum -c " FL_MANIFEST "\n", set);
    rc = fl_ledger_each(ledger, set, true, add_row, &writing, reterr);
    if (rc == 0)
        rc = fl_buf_check(&writing.text, reterr);
    if (rc == 0) {
        doc = json_pack("{si ss sO}", "version", 1, "set", set, "files", writing.files);
        text = fl_manifest_text(doc);
        rc = text ? publish(world, folder, FL_MANIFEST_JSON, text, strlen(text), reterr)
                  : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the manifest");
    }
    if (rc == 0)
        rc = publish(world, folder, FL_MANIFEST, writing.text.data, writing.text.size, reterr);
    free(text);
    json_decref(writing.files);
    fl_buf_release(&writing.text);
    return rc;
}

/* "HEX  FILE" in place; false when the line is something else. */
static bool split_line(char *line, const char **ret_hex, const char **ret_file)
{
    if (strspn(line, "0123456789abcdef") != HEX_DIGITS || line[HEX_DIGITS] != ' ' ||
        (line[HEX_DIGITS + 1] != ' ' && line[HEX_DIGITS + 1] != '*'))
        return false;
    line[HEX_DIGITS] = '\0';
    *ret_hex = line;
    *ret_file = line + HEX_DIGITS + 2;
    return fl_path_is_safe(*ret_file);
}

static int check_file(const struct fl_world *world, const char *folder, const char *file,
                      const char *hex, char *wrong, size_t size)
{
    char found[FL_DIGEST_HEX];
    char path[FL_PATH_MAX];
    struct fl_err err = {0};

    if (fl_path_join(folder, file, path, sizeof(path), &err) < 0 ||
        fl_file_digest(world, path, found, NULL, &err) < 0)
        return snprintf(wrong, size, "%s", err.text);
    if (strcmp(found, hex) != 0)
        return snprintf(wrong, size, "SHA-256 is %s, the MANIFEST says %s", found, hex);
    return 0;
}

int fl_manifest_check(const struct fl_world *world, const char *folder, fl_manifest_fn fn,
                      void *arg, size_t *ret_files, size_t *ret_wrong, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    char path[FL_PATH_MAX];
    char *line;
    int rc;

    fl_buf_init(&text, 0);
    *ret_files = *ret_wrong = 0;
    rc = fl_path_join(folder, FL_MANIFEST, path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_file_read(world, path, FL_BUF_LIMIT, &text, reterr);
    line = text.data;
    for (size_t number = 1; rc == 0 && line && *line; number++) {
        char *end = strchr(line, '\n');
        const char *hex = NULL;
        const char *file = NULL;
        char wrong[FL_ERR_TEXT_MAX] = "";

        if (end)
            *end = '\0';
        if (line[0] != '#' && line[0]) {
            if (!split_line(line, &hex, &file))
                return fl_err_set(reterr, FL_E_PARSE, 0, "%s:%zu: not 'SHA256  FILE': '%.100s'",
                                  path, number, line);
            (*ret_files)++;
            if (check_file(world, folder, file, hex, wrong, sizeof(wrong)) != 0)
                (*ret_wrong)++;
            rc = fn(file, wrong[0] ? wrong : NULL, arg);
        }
        line = end ? end + 1 : NULL;
    }
    return rc;
}
