/* Folders of a far side. */
#include "config.h"

#include "data-fetch/destination/list.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/path.h"

#include "engine/base/banned.h"

#define FIELDS 8 /* before the name, in a line of `ls -l` */
#define SIZE_FIELD 4

void fl_list_release(struct fl_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->entries[i].name);
    free(list->entries);
    *list = (struct fl_list){0};
}

int fl_list_add(struct fl_list *list, const char *name, const struct fl_dest_stat *stat,
                struct fl_err *reterr)
{
    char *copy;

    if (list->count == FL_LIST_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "a folder with more than %zu entries",
                          FL_LIST_MAX);
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 32;
        struct fl_list_entry *entries = realloc(list->entries, room * sizeof(*entries));

        if (!entries)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a listing");
        list->entries = entries;
        list->room = room;
    }
    copy = strdup(name);
    if (!copy)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a listing");
    list->entries[list->count++] = (struct fl_list_entry){.name = copy, .stat = *stat};
    return 0;
}

const struct fl_list_entry *fl_list_find(const struct fl_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->entries[i].name, name) == 0)
            return &list->entries[i];
    }
    return NULL;
}

/* One line: -rw-r--r--    1 user     group         123 Nov 24 15:30 name */
static int take_line(struct fl_list *list, char *line, struct fl_err *reterr)
{
    struct fl_dest_stat stat = {.modified_s = -1};
    char *at = line;
    char *end = NULL;

    for (int field = 0; field < FIELDS; field++) {
        at += strspn(at, " ");
        if (field == SIZE_FIELD) {
            stat.size = strtoull(at, &end, 10);
            if (end == at || *end != ' ' || !isdigit((unsigned char)*at))
                at = "";
        }
        at += strcspn(at, " ");
    }
    if (*at != ' ' || !strchr("-dlbcps", line[0]))
        return fl_err_set(reterr, FL_E_DATA, 0, "a line of a listing is not understood: '%.100s'",
                          line);
    at++;
    if (line[0] == 'l' && strstr(at, " -> "))
        *strstr(at, " -> ") = '\0';
    stat.is_folder = line[0] == 'd';
    if (strcmp(at, ".") == 0 || strcmp(at, "..") == 0 || !fl_path_is_safe(at) || strchr(at, '/'))
        return 0;
    return fl_list_add(list, at, &stat, reterr);
}

int fl_list_take_long(struct fl_list *list, const char *text, struct fl_err *reterr)
{
    char line[1024];
    int rc = 0;

    while (rc == 0 && *text) {
        size_t length = strcspn(text, "\n");

        if (length > 0 && length < sizeof(line)) {
            memcpy(line, text, length);
            line[length - (text[length - 1] == '\r')] = '\0';
            rc = take_line(list, line, reterr);
        }
        text += length + (text[length] == '\n');
    }
    return rc;
}

struct walk {
    struct fl_destination *dest;
    const char *root;
    bool hidden;
    fl_list_folder_fn folder;
    fl_dest_list_fn fn;
    struct fl_err *reterr;
    void *arg;
};

static int join(const char *folder, const char *name, char *out, size_t size, struct fl_err *reterr)
{
    if (snprintf(out, size, "%s%s%s", folder, folder[0] ? "/" : "", name) >= (int)size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the path of '%.200s' is too long", name);
    return 0;
}

/* below: relative to the root of the walk. */
static int walk_folder(const struct walk *walk, const char *below, int depth)
{
    fl_auto(fl_list_release) struct fl_list list = {0};
    char full[FL_PATH_MAX];
    int rc;

    if (depth > FL_LIST_DEPTH_MAX)
        return fl_err_set(walk->reterr, FL_E_TOO_BIG, 0, "folders deeper than %d: '%.200s'",
                          FL_LIST_DEPTH_MAX, below);
    rc = below[0] ? join(walk->root, below, full, sizeof(full), walk->reterr) : 0;
    if (rc == 0)
        rc = walk->folder(walk->dest, below[0] ? full : walk->root, &list, walk->reterr);
    for (size_t i = 0; rc == 0 && i < list.count; i++) {
        const struct fl_list_entry *entry = &list.entries[i];
        char path[FL_PATH_MAX];

        if (entry->name[0] == '.' && !walk->hidden)
            continue;
        rc = join(below, entry->name, path, sizeof(path), walk->reterr);
        if (rc == 0 && entry->stat.is_folder)
            rc = walk_folder(walk, path, depth + 1);
        else if (rc == 0)
            rc = walk->fn(path, &entry->stat, walk->reterr, walk->arg);
    }
    return rc;
}

int fl_list_walk(struct fl_destination *dest, const char *path, bool hidden,
                 fl_list_folder_fn folder, fl_dest_list_fn fn, struct fl_err *reterr, void *arg)
{
    const struct walk walk = {.dest = dest,
                              .root = path,
                              .hidden = hidden,
                              .folder = folder,
                              .fn = fn,
                              .reterr = reterr,
                              .arg = arg};

    return walk_folder(&walk, "", 0);
}

static int remove_folder_of(struct fl_destination *dest, const char *path, fl_list_folder_fn folder,
                            fl_list_remove_fn remove_file, fl_list_remove_fn remove_folder,
                            int depth, struct fl_err *reterr)
{
    fl_auto(fl_list_release) struct fl_list list = {0};
    int rc = depth <= FL_LIST_DEPTH_MAX
                 ? folder(dest, path, &list, reterr)
                 : fl_err_set(reterr, FL_E_TOO_BIG, 0, "folders deeper than %d", FL_LIST_DEPTH_MAX);

    if (rc == FL_E_NOENT)
        return 0;
    for (size_t i = 0; rc == 0 && i < list.count; i++) {
        char below[FL_PATH_MAX];

        rc = join(path, list.entries[i].name, below, sizeof(below), reterr);
        if (rc == 0 && list.entries[i].stat.is_folder)
            rc = remove_folder_of(dest, below, folder, remove_file, remove_folder, depth + 1,
                                  reterr);
        else if (rc == 0)
            rc = remove_file(dest, below, reterr);
    }
    return rc == 0 ? remove_folder(dest, path, reterr) : rc;
}

int fl_list_remove(struct fl_destination *dest, const char *path, fl_list_folder_fn folder,
                   fl_list_remove_fn remove_file, fl_list_remove_fn remove_folder,
                   struct fl_err *reterr)
{
    return remove_folder_of(dest, path, folder, remove_file, remove_folder, 0, reterr);
}
