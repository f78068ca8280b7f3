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
    if (getenv("FAIRLEAD_CATALOGUE")) /* a centre's own sources */
        add_folder(world, folders, getenv("FAIRLEAD_CATALOGUE"), "");
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
    char known[900] = "";
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

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

int fl_source_read(const struct fl_world *world, const char *path, struct fl_source *ret_source,
                   struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc;

    fl_buf_init(&text, 0);
    rc = fl_file_read(world, path, FL_SOURCE_BYTES_MAX, &text, reterr);
    if (rc == 0 && strlen(text.data) != text.size)
        rc = fl_err_set(reterr, FL_E_CONFIG, 0, "%s: has a NUL byte: it is no text", path);
    return rc == 0 ? fl_source_parse(text.data, path, ret_source, reterr) : rc;
}

/* The file of a source in the first folder that has it. FL_E_NOENT. */
static int find_path(const struct fl_world *world, const struct folders *folders, const char *name,
                     char *path)
{
    for (size_t i = 0; i < folders->count && fl_name_is_safe(name); i++) {
        if (snprintf(path, FL_PATH_MAX, "%s/%s.cfg", folders->path[i], name) < FL_PATH_MAX &&
            fl_file_exists(world, path))
            return 0;
    }
    return FL_E_NOENT;
}

int fl_source_locate(const struct fl_world *world, const char *extra, const char *name, char *path,
                     size_t size, struct fl_err *reterr)
{
    size_t length = strlen(name);
    struct folders *folders;
    char found[FL_PATH_MAX];
    int rc = 0;

    if (strchr(name, '/') || (length > 4 && strcmp(name + length - 4, ".cfg") == 0)) {
        (void)snprintf(found, sizeof(found), "%s", name);
    } else {
        folders = calloc(1, sizeof(*folders));
        if (!folders)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
        find_folders(world, extra, folders);
        rc = find_path(world, folders, name, found);
        if (rc < 0)
            rc = not_found(world, folders, name, reterr);
        free(folders);
    }
    if (rc == 0 && (size_t)snprintf(path, size, "%s", found) >= size)
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "the path of '%.200s' is too long", name);
    return rc;
}

int fl_source_find(const struct fl_world *world, const char *extra, const char *name,
                   struct fl_source *ret_source, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc = fl_source_locate(world, extra, name, path, sizeof(path), reterr);

    return rc < 0 ? rc : fl_source_read(world, path, ret_source, reterr);
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
    for (size_t i = 0; rc == 0 && i < folders->count; i++)
        rc = fl_dir_list(world, folders->path[i], collect_name, names, reterr);
    if (rc == 0)
        qsort(names->name, names->count, sizeof(names->name[0]), by_name);
    for (size_t k = 0; rc == 0 && k < names->count; k++) {
        char path[FL_PATH_MAX];

        if (find_path(world, folders, names->name[k], path) < 0)
            continue; /* it went just now */
        rc = fl_source_read(world, path, source, reterr);
        if (rc == 0)
            rc = fn(source, path, arg);
    }
    free(folders);
    free(names);
    free(source);
    return rc;
}

static bool span_holds(const struct fl_source_span *span, struct fl_cycle cycle)
{
    int64_t hour = ((cycle.s % 86400) + 86400) % 86400 / 3600;

    return cycle.s >= span->from.s && cycle.s < span->until.s && (span->hours >> hour & 1) != 0;
}

/* The first group of leads that holds for a cycle; NULL when none does. */
static const struct fl_source_leads *leads_of(const struct fl_source *source, struct fl_cycle cycle)
{
    for (size_t i = 0; i < source->leads_count; i++) {
        if (span_holds(&source->leads[i].span, cycle))
            return &source->leads[i];
    }
    return NULL;
}

bool fl_source_has_lead(const struct fl_source *source, struct fl_cycle cycle, struct fl_lead lead)
{
    const struct fl_source_leads *leads = leads_of(source, cycle);

    for (size_t i = 0; leads && i < leads->count; i++) {
        if (fl_leads_find(&leads->sets[i], lead) >= 0)
            return true;
    }
    return false;
}

bool fl_source_has_cycle(const struct fl_source *source, struct fl_cycle cycle)
{
    return (cycle.s - source->offset_s) % source->every_s ==
           0; /* days begin at multiples of 86400 s */
}

void fl_source_leads_text(const struct fl_source *source, struct fl_cycle cycle, char *text,
                          size_t size)
{
    const struct fl_source_leads *leads = leads_of(source, cycle);
    size_t used = 0;

    (void)snprintf(text, size, "none");
    for (size_t i = 0; leads && i < leads->count && used < size; i++) {
        char set[80];

        fl_leads_format(&leads->sets[i], set, sizeof(set));
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", set);
    }
}

int64_t fl_source_expected_s(const struct fl_source *source, struct fl_lead lead)
{
    const struct fl_source_arrival *arrivals = source->arrivals;
    size_t count = source->arrival_count;

    if (count == 0)
        return source->first_s;
    for (size_t i = 0; i < count; i++) {
        int64_t ahead = lead.minutes - arrivals[i].lead.minutes;
        int64_t span;

        if (ahead <= 0 && i == 0)
            return arrivals[0].after_s;
        if (i + 1 == count || lead.minutes >= arrivals[i + 1].lead.minutes)
            continue;
        span = arrivals[i + 1].lead.minutes - arrivals[i].lead.minutes;
        return arrivals[i].after_s + (arrivals[i + 1].after_s - arrivals[i].after_s) * ahead / span;
    }
    return arrivals[count - 1].after_s;
}

/* ---- names in patterns ---- */

struct names_of {
    const struct fl_source *source;
    bool timed; /* cycle and lead are names too */
    struct fl_cycle cycle;
    struct fl_lead lead;
    fl_source_value_fn value;
    void *arg;
};

/* The value as the format says: upper, lower, digits. */
static int add_value(const char *value, const char *name, const char *format, struct fl_buf *out,
                     struct fl_err *reterr)
{
    bool upper = format && strcmp(format, "upper") == 0;
    bool lower = format && strcmp(format, "lower") == 0;
    bool digits = format && strcmp(format, "digits") == 0;

    if (format && !upper && !lower && !digits)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "unknown format '%s' of '%s'; accepted: upper, lower, digits", format,
                          name);
    for (const char *at = value; *at; at++) {
        char c = *at;

        if (digits && (c < '0' || c > '9'))
            continue;
        if (upper && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (lower && c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        fl_buf_putc(out, c);
    }
    return 0;
}

static int expand_name(const char *name, const char *format, struct fl_buf *out,
                       struct fl_err *reterr, void *arg)
{
    const struct names_of *of = arg;
    const char *value = of->value ? of->value(name, of->arg) : NULL;
    char known[300] = "cycle, valid, lead";
    size_t used = strlen(known);

    if (value)
        return add_value(value, name, format, out, reterr);
    for (size_t i = 0; i < of->source->dimension_count; i++) {
        if (strcmp(of->source->dimensions[i].name, name) == 0)
            return fl_err_set(reterr, FL_E_CONFIG, 0,
                              "source '%s' has many of '%s'; say which: --with %s=VALUE",
                              of->source->name, name, name);
    }
    if (of->timed &&
        (strcmp(name, "cycle") == 0 || strcmp(name, "valid") == 0 || strcmp(name, "lead") == 0))
        return fl_expand_time(name, format, of->cycle, &of->lead, out, reterr);
    for (size_t i = 0; i < of->source->dimension_count && used < sizeof(known); i++)
        used += (size_t)snprintf(known + used, sizeof(known) - used, ", %s",
                                 of->source->dimensions[i].name);
    return fl_err_set(reterr, FL_E_NOENT, 0, "unknown name '%s'; accepted: %s", name, known);
}

int fl_source_expand(const struct fl_source *source, const char *text, fl_source_value_fn value,
                     void *arg, struct fl_buf *out, struct fl_err *reterr)
{
    struct names_of of = {.source = source, .value = value, .arg = arg};

    return fl_expand(text, expand_name, out, reterr, &of);
}

int fl_source_path_of(const struct fl_source *source, struct fl_cycle cycle, struct fl_lead lead,
                      fl_source_value_fn value, void *arg, struct fl_buf *out,
                      struct fl_err *reterr)
{
    struct names_of of = {
        .source = source, .timed = true, .cycle = cycle, .lead = lead, .value = value, .arg = arg};
    char text[FL_TIME_TEXT_MAX];
    int32_t minutes = (int32_t)(source->file_spans_s / 60);

    if (minutes > 0 && lead.minutes % minutes != 0) /* it stands in the file of the next one */
        of.lead.minutes += minutes - lead.minutes % minutes;
    for (size_t i = 0; i < source->path_count; i++) {
        const struct fl_source_path *path = &source->paths[i];

        if (!span_holds(&path->span, cycle))
            continue;
        if (fl_expand(path->pattern, expand_name, out, reterr, &of) < 0)
            return fl_err_note(reterr, FL_E_CONFIG, "source '%s', path '%s'", source->name,
                               path->pattern);
        return 0;
    }
    fl_cycle_format(cycle, text);
    return fl_err_set(reterr, FL_E_CONFIG, 0, "source '%s' has no path pattern for cycle %s",
                      source->name, text);
}

static const char *standard_value(const char *dimension, void *arg)
{
    const struct fl_source *source = arg;

    for (size_t i = 0; i < source->dimension_count; i++) {
        if (strcmp(source->dimensions[i].name, dimension) == 0 && source->dimensions[i].standard[0])
            return source->dimensions[i].standard;
    }
    return NULL;
}

int fl_source_path(const struct fl_source *source, struct fl_cycle cycle, struct fl_lead lead,
                   struct fl_buf *out, struct fl_err *reterr)
{
    return fl_source_path_of(source, cycle, lead, standard_value, (void *)source, out, reterr);
}
