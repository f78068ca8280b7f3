/* What workers say of removals at the source, taken into the ledger. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/deliver/ledger.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define NOTE_MAX ((size_t)16 * 1024 * 1024)
#define NAMES_MAX 10000 /* notes in one go; the next writer takes more */

struct names {
    char **items;
    size_t count;
};

static int add_name(const char *name, bool is_dir, void *arg)
{
    struct names *names = arg;
    size_t size = strlen(name);

    if (is_dir || name[0] == '.' || size < 5 || strcmp(name + size - 5, ".json") != 0 ||
        names->count == NAMES_MAX)
        return 0;
    names->items[names->count] = strdup(name);
    names->count += names->items[names->count] != NULL;
    return 0;
}

/* One note, all of it or nothing. */
static int take_note(struct fl_ledger *ledger, const json_t *note, struct fl_err *reterr)
{
    const char *run = NULL;
    const json_t *files = NULL;
    int64_t time_s = 0;
    char when[FL_TIME_TEXT_MAX];
    int rc = fl_json_string(note, "run", &run, reterr);

    if (rc == 0)
        rc = fl_json_array_opt(note, "files", &files, reterr);
    if (rc == 0)
        rc = fl_json_int(note, "time_s", &time_s, reterr);
    if (rc < 0)
        return rc;
    fl_cycle_format_extended((struct fl_cycle){.s = time_s}, when);
    rc = fl_ledger_begin(ledger, reterr);
    for (size_t i = 0; rc == 0 && i < json_array_size(files); i++) {
        const char *file = json_string_value(json_array_get(files, i));

        if (file)
            rc = fl_ledger_removed(ledger, run, file, when, reterr);
    }
    if (rc == 0)
        rc = fl_ledger_commit(ledger, reterr);
    if (rc < 0)
        fl_ledger_rollback(ledger);
    return rc;
}

static int take_file(struct fl_ledger *ledger, const struct fl_world *world, const char *path,
                     struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    fl_json_auto json_t *note = NULL;
    struct fl_err why = {0};
    int rc;

    fl_buf_init(&text, NOTE_MAX);
    rc = fl_file_read(world, path, NOTE_MAX, &text, reterr);
    if (rc < 0)
        return rc;
    if (fl_json_parse(text.data, text.size, &note, &why) < 0 ||
        (rc = take_note(ledger, note, &why)) == FL_E_PARSE) {
        fl_log(FL_LOG_WARN, "custody.note", "'%s' is no note of a removal: %s; it is passed over",
               path, why.text);
        return 0;
    }
    if (rc < 0) {
        *reterr = why;
        return rc;
    }
    return fl_file_remove(world, path, reterr);
}

int fl_ledger_absorb(struct fl_ledger *ledger, const struct fl_world *world, const char *dir,
                     struct fl_err *reterr)
{
    struct names names = {.items = calloc(NAMES_MAX, sizeof(char *))};
    char folder[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    int rc = names.items ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0 && snprintf(folder, sizeof(folder), "%s/" FL_LEDGER_FOLDER "/removed", dir) >=
                       (int)sizeof(folder))
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", dir);
    if (rc == 0)
        (void)fl_dir_list(world, folder, add_name, &names, NULL); /* most often there is none */
    for (size_t i = 0; rc == 0 && i < names.count; i++) {
        rc = fl_path_join(folder, names.items[i], path, sizeof(path), reterr);
        if (rc == 0)
            rc = take_file(ledger, world, path, reterr);
    }
    for (size_t i = 0; i < names.count; i++)
        free(names.items[i]);
    free(names.items);
    return rc;
}
