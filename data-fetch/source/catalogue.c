/* Sources: finding their files, and what follows from their fields. The fields themselves are read
 * in source.c. */
#include "config.h"

#include "data-fetch/source/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/expand.h"
#include "engine/base/path.h"
#include "engine/world/file.h"
#include "engine/world/process.h"

#include "engine/base/banned.h"

#define FOLDERS_MAX 4
#define NAMES_MAX 256

/* Where catalogue files are looked for, in order. */
struct folders {
    char path[FOLDERS_MAX][FL_PATH_MAX];
    size_t count;
};

static void add_folder(const struct fl_world *world, struct folders *folders, const char *base,
                       const char *rel)
{
    char *path = folders->path[folders->count];

    if (folders->count < FOLDERS_MAX &&
        snprintf(path, FL_PATH_MAX, "%s%s", base, rel) < FL_PATH_MAX && fl_file_exists(world, path))
        folders->count++;
}

static void find_folders(const struct fl_world *world, const char *extra, struct folders *folders)
{
    char own[FL_PATH_MAX];

    folders->count = 0;
    if (extra)
        add_folder(world, folders, extra, "");
    if (fl_process_folder(own, sizeof(own), NULL) == 0 && strcmp(own, FL_BINDIR) != 0)
        add_folder(world, folders, FL_TRANSFER_SRCDIR, "/catalogue"); /* in the build tree */
    add_folder(world, folders, FL_DATADIR, "/catalogue");
}

struct names {
    char name[NAMES_MAX][FL_SOURCE_NAME_MAX];
    size_t count;
};

static int collect_name(const char *name, bool is_dir, void *arg)
{
    struct names *names = arg;
    size_t length = strlen(name);

    if (is_dir || name[0] == '.' || length <= 4 || strcmp(name + length - 4, ".cfg") != 0 ||
        length - 4 >= FL_SOURCE_NAME_MAX || names->count == NAMES_MAX)
        return 0;
    (void)snprintf(names->name[names->count], FL_SOURCE_NAME_MAX, "%.*s", (int)(length - 4), name);
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->name[i], names->name[names->count]) == 0)
            return 0;
    }
    names->count++;
    return 0;
}

static int not_found(const struct fl_world *world, const struct folders *folders, const char *name,
                     struct fl_err *reterr)
{
    struct names *names = calloc(1, sizeof(*names));
    char known[400] = "";
    char where[400] = "";
    size_t used = 0;

    for (size_t i = 0; i < folders->count; i++) {
        used += (size_t)snprintf(where + used, sizeof(where) - used, "%s'%s'", i ? ", " : "",
                                 folders->path[i]);
        if (names)
            (void)fl_dir_list(world, folders->path[i], collect_name, names, NULL);
        if (used >= sizeof(where))
            break;
    }
    used = 0;
    for (size_t i = 0; names && i < names->count && used < sizeof(known); i++)
        used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
                                 names->name[i]);
    free(names);
    return fl_err_set(reterr, FL_E_NOENT, 0,
                      "source '%s' is in no catalogue (looked in %s); known: %s; or give the path "
                      "of a .cfg file",
                      name, where[0] ? where : "none", known[0] ? known : "none");
}

int fl_source_find(const struct fl_world *world, const char *extra, const char *name,
                   struct fl_source *ret_source, struct fl_err *reterr)
{
    size_t length = strlen(name);
    struct folders *folders;
    int rc = FL_E_NOENT;

    if (strchr(name, '/') || (length > 4 && strcmp(name + length - 4, ".cfg") == 0))
        return fl_source_read(world, name, ret_source, reterr);
    folders = calloc(1, sizeof(*folders));
    if (!folders)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    find_folders(world, extra, folders);
    for (size_t i = 0; i < folders->count && fl_name_is_safe(name); i++) {
        char path[FL_PATH_MAX];

        if (snprintf(path, sizeof(path), "%s/%s.cfg", folders->path[i], name) >=
                (int)sizeof(path) ||
            !fl_file_exists(world, path))
            continue;
        rc = fl_source_read(world, path, ret_source, reterr);
        break;
    }
    if (rc == FL_E_NOENT)
        rc = not_found(world, folders, name, reterr);
    free(folders);
    return rc;
}

int fl_source_each(const struct fl_world *world, const char *extra, fl_source_fn fn, void *arg,
                   struct fl_err *reterr)
{
    struct folders *folders = calloc(1, sizeof(*folders));
    struct names *names = calloc(1, sizeof(*names));
    struct fl_source *source = calloc(1, sizeof(*source));
    int rc = 0;

    if (!folders || !names || !source)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        find_folders(world, extra, folders);
    for (size_t i = 0; rc == 0 && i < folders->count; i++) {
        size_t before = names->count;

        rc = fl_dir_list(world, folders->path[i], collect_name, names, reterr);
        for (size_t k = before; k < names->count && rc == 0; k++) {
            char path[FL_PATH_MAX];

            if (snprintf(path, sizeof(path), "%s/%s.cfg", folders->path[i], names->name[k]) >=
                (int)sizeof(path))
                continue;
            rc = fl_source_read(world, path, source, reterr);
            if (rc == 0)
                rc = fn(source, path, arg);
        }
    }
    free(folders);
    free(names);
    free(source);
    return rc;
}

bool fl_source_has_lead(const struct fl_source *source, struct fl_lead lead)
{
    for (size_t i = 0; i < source->leads_count; i++) {
        if (fl_leads_find(&source->leads[i], lead) >= 0)
            return true;
    }
    return false;
}

bool fl_source_has_cycle(const struct fl_source *source, struct fl_cycle cycle)
{
    return cycle.s % source->every_s == 0; /* days begin at multiples of 86400 s */
}

struct names_of {
    struct fl_cycle cycle;
    struct fl_lead lead;
};

static int expand_name(const char *name, const char *format, struct fl_buf *out,
                       struct fl_err *reterr, void *arg)
{
    const struct names_of *of = arg;

    return fl_expand_time(name, format, of->cycle, &of->lead, out, reterr);
}

int fl_source_path(const struct fl_source *source, struct fl_cycle cycle, struct fl_lead lead,
                   struct fl_buf *out, struct fl_err *reterr)
{
    struct names_of of = {.cycle = cycle, .lead = lead};
    char text[FL_TIME_TEXT_MAX];

    for (size_t i = 0; i < source->path_count; i++) {
        const struct fl_source_path *path = &source->paths[i];

        if (cycle.s >= path->from.s && cycle.s < path->until.s) {
            if (fl_expand(path->pattern, expand_name, out, reterr, &of) < 0)
                return fl_err_note(reterr, FL_E_CONFIG, "source '%s', path '%s'", source->name,
                                   path->pattern);
            return 0;
        }
    }
    fl_cycle_format(cycle, text);
    return fl_err_set(reterr, FL_E_CONFIG, 0, "source '%s' has no path pattern for cycle %s",
                      source->name, text);
}
