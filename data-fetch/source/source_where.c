/* The fields of a catalogue file that say where a source's files lie: leads, dimensions, paths,
 * index, mirrors. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/source_impl.h"
#include "engine/base/path.h"

#include "engine/base/banned.h"

#define CONNECTIONS_DEFAULT 4
#define HOURS_ALL 0xffffffu

typedef const struct config_setting_t setting;

/* ---- spans: from, until, hours ---- */

static int read_limit(const struct fl_source_reader *reader, setting *entry, const char *key,
                      int64_t open, struct fl_cycle *ret_cycle)
{
    const char *text = NULL;
    int rc = fl_settings_text(reader->settings, entry, key, false, &text, reader->err);

    ret_cycle->s = open;
    if (rc == 0 && text && fl_cycle_parse(text, ret_cycle, NULL) < 0)
        rc = fl_settings_bad(reader->settings, fl_settings_member(entry, key), reader->err,
                             "'%s' is not a cycle: '%s'; accepted: such as 20210322T1200Z", key,
                             text);
    return rc;
}

static int read_hours(const struct fl_source_reader *reader, setting *entry, uint32_t *ret_hours)
{
    setting *list = NULL;
    size_t count = 0;
    int rc = fl_settings_list(reader->settings, entry, "hours", 0, 24, &list, &count, reader->err);

    *ret_hours = count ? 0 : HOURS_ALL;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const char *text = NULL;

        rc = fl_settings_text_at(reader->settings, list, i, &text, reader->err);
        if (rc == 0 && (strlen(text) != 2 || strspn(text, "0123456789") != 2 ||
                        (text[0] - '0') * 10 + text[1] - '0' > 23))
            rc = fl_settings_bad(reader->settings, fl_settings_at(list, i), reader->err,
                                 "'%s' is no hour of the day; accepted: \"00\" to \"23\"", text);
        if (rc == 0)
            *ret_hours |= 1u << ((text[0] - '0') * 10 + text[1] - '0');
    }
    return rc;
}

static int read_span(const struct fl_source_reader *reader, setting *entry,
                     struct fl_source_span *span)
{
    int rc = read_limit(reader, entry, "from", INT64_MIN, &span->from);

    if (rc == 0)
        rc = read_limit(reader, entry, "until", INT64_MAX, &span->until);
    if (rc == 0 && span->from.s >= span->until.s)
        rc = fl_settings_bad(reader->settings, entry, reader->err, "'until' is not after 'from'");
    return rc < 0 ? rc : read_hours(reader, entry, &span->hours);
}

/* ---- leads ---- */

static int add_set(const struct fl_source_reader *reader, struct fl_source_leads *leads,
                   setting *list, size_t at)
{
    const char *text = NULL;
    struct fl_err why = {0};
    int rc = fl_settings_text_at(reader->settings, list, at, &text, reader->err);

    if (rc == 0 && fl_leads_parse(text, &leads->sets[leads->count], &why) < 0)
        rc = fl_settings_bad(reader->settings, fl_settings_at(list, at), reader->err,
                             "'%s' is no set of leads: %s; accepted: such as +000/+120/1", text,
                             why.text);
    if (rc == 0)
        leads->count++;
    return rc;
}

/* leads = ["+000/+120/1", ...] for all cycles, or ( { hours, from, until, sets }, ... ). */
int fl_source_read_leads(const struct fl_source_reader *reader, setting *group)
{
    static const char *const keys[] = {"from", "until", "hours", "sets", NULL};
    struct fl_source *source = reader->source;
    setting *list = NULL;
    size_t count = 0;
    int rc = fl_settings_list(reader->settings, group, "leads", 1, FL_SOURCE_LEADS_MAX, &list,
                              &count, reader->err);

    if (rc == 0 && fl_settings_count(fl_settings_at(list, 0)) == 0) { /* plain texts */
        struct fl_source_leads *leads = &source->leads[0];

        leads->span =
            (struct fl_source_span){.from.s = INT64_MIN, .until.s = INT64_MAX, .hours = HOURS_ALL};
        source->leads_count = 1;
        if (count > FL_SOURCE_SETS_MAX)
            return fl_settings_bad(reader->settings, list, reader->err,
                                   "'leads' has %zu sets; accepted: 1 to %d", count,
                                   FL_SOURCE_SETS_MAX);
        for (size_t i = 0; rc == 0 && i < count; i++)
            rc = add_set(reader, leads, list, i);
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct fl_source_leads *leads = &source->leads[i];
        setting *entry = fl_settings_at(list, i);
        setting *sets = NULL;
        size_t set_count = 0;

        rc = fl_settings_known(reader->settings, entry, keys, reader->err);
        if (rc == 0)
            rc = read_span(reader, entry, &leads->span);
        if (rc == 0)
            rc = fl_settings_list(reader->settings, entry, "sets", 1, FL_SOURCE_SETS_MAX, &sets,
                                  &set_count, reader->err);
        for (size_t k = 0; rc == 0 && k < set_count; k++)
            rc = add_set(reader, leads, sets, k);
        source->leads_count++;
    }
    return rc;
}

/* ---- dimensions ---- */

static bool is_word(const char *text)
{
    return *text && *text != '.' && strlen(text) < FL_SOURCE_VALUE_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-") ==
               strlen(text);
}

static int add_value(const struct fl_source_reader *reader, setting *at,
                     struct fl_source_dimension *dim, const char *value)
{
    if (!is_word(value))
        return fl_settings_bad(reader->settings, at, reader->err,
                               "'%s' is no value; accepted: letters, digits, _ . + -, fewer than "
                               "%d, or a range p01..p30",
                               value, FL_SOURCE_VALUE_MAX);
    if (dim->count == FL_SOURCE_VALUES_MAX)
        return fl_settings_bad(reader->settings, at, reader->err,
                               "dimension '%s' has more than %d values", dim->name,
                               FL_SOURCE_VALUES_MAX);
    (void)snprintf(dim->values[dim->count++], FL_SOURCE_VALUE_MAX, "%s", value);
    return 0;
}

/* "p01..p30": the same beginning, numbers of as many digits going up. */
static int add_values(const struct fl_source_reader *reader, setting *at,
                      struct fl_source_dimension *dim, const char *text)
{
    const char *dots = strstr(text, "..");
    char first[FL_SOURCE_VALUE_MAX];
    size_t head;
    size_t digits;
    long from;
    long to;
    int rc = 0;

    if (!dots)
        return add_value(reader, at, dim, text);
    head = strcspn(text, "0123456789.");
    digits = strspn(text + head, "0123456789");
    if (digits == 0 || digits > 6 || head + digits != (size_t)(dots - text) ||
        dots - text >= FL_SOURCE_VALUE_MAX || strncmp(text, dots + 2, head) != 0 ||
        strspn(dots + 2 + head, "0123456789") != strlen(dots + 2 + head) ||
        strlen(dots + 2 + head) < digits || strlen(dots + 2 + head) > 6)
        return fl_settings_bad(reader->settings, at, reader->err,
                               "'%s' is no range of values; accepted: such as p01..p30", text);
    from = strtol(text + head, NULL, 10);
    to = strtol(dots + 2 + head, NULL, 10);
    if (to < from)
        return fl_settings_bad(reader->settings, at, reader->err, "'%s' goes down", text);
    for (long i = from; i <= to && rc == 0; i++) {
        (void)snprintf(first, sizeof(first), "%.*s%0*ld", (int)head, text, (int)digits, i);
        rc = add_value(reader, at, dim, first);
    }
    return rc;
}

static int check_dimension(const struct fl_source_reader *reader, setting *entry,
                           const struct fl_source_dimension *dim)
{
    static const char *const taken[] = {"cycle", "lead", "valid"};
    const struct fl_source *source = reader->source;
    bool known = dim->count == 0 || !dim->standard[0];

    if (!is_word(dim->name))
        return fl_settings_bad(reader->settings, entry, reader->err, "'%s' is no name", dim->name);
    for (size_t i = 0; i < FL_COUNT(taken); i++) {
        if (strcmp(dim->name, taken[i]) == 0)
            return fl_settings_bad(reader->settings, entry, reader->err,
                                   "dimension '%s': that name is a time", dim->name);
    }
    for (size_t i = 0; i < source->dimension_count; i++) {
        if (strcmp(dim->name, source->dimensions[i].name) == 0)
            return fl_settings_bad(reader->settings, entry, reader->err,
                                   "dimension '%s' stands there twice", dim->name);
    }
    for (size_t i = 0; i < dim->count; i++)
        known = known || strcmp(dim->values[i], dim->standard) == 0;
    if (!known)
        return fl_settings_bad(reader->settings, entry, reader->err,
                               "the default '%s' is none of the values of '%s'", dim->standard,
                               dim->name);
    return 0;
}

int fl_source_read_dimensions(const struct fl_source_reader *reader, setting *group)
{
    static const char *const keys[] = {"name", "title", "values", "default", NULL};
    struct fl_source *source = reader->source;
    setting *list = NULL;
    size_t count = 0;
    int rc = fl_settings_list(reader->settings, group, "dimensions", 0, FL_SOURCE_DIMENSIONS_MAX,
                              &list, &count, reader->err);

    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct fl_source_dimension *dim = &source->dimensions[i];
        setting *entry = fl_settings_at(list, i);
        setting *values = NULL;
        size_t value_count = 0;

        rc = fl_settings_known(reader->settings, entry, keys, reader->err);
        if (rc == 0)
            rc = fl_settings_copy(reader->settings, entry, "name", true, dim->name,
                                  sizeof(dim->name), reader->err);
        if (rc == 0)
            rc = fl_settings_copy(reader->settings, entry, "title", false, dim->title,
                                  sizeof(dim->title), reader->err);
        if (rc == 0)
            rc = fl_settings_copy(reader->settings, entry, "default", false, dim->standard,
                                  sizeof(dim->standard), reader->err);
        if (rc == 0)
            rc = fl_settings_list(reader->settings, entry, "values", 0, FL_SOURCE_VALUES_MAX,
                                  &values, &value_count, reader->err);
        for (size_t k = 0; rc == 0 && k < value_count; k++) {
            const char *text = NULL;

            rc = fl_settings_text_at(reader->settings, values, k, &text, reader->err);
            if (rc == 0)
                rc = add_values(reader, fl_settings_at(values, k), dim, text);
        }
        if (rc == 0)
            rc = check_dimension(reader, entry, dim);
        source->dimension_count += rc == 0;
    }
    return rc;
}

/* ---- paths ---- */

/* Stands in for a value while a pattern is tried. */
const char *fl_source_sample_value(const char *dimension, void *arg)
{
    const struct fl_source *source = arg;

    for (size_t i = 0; i < source->dimension_count; i++) {
        const struct fl_source_dimension *dim = &source->dimensions[i];

        if (strcmp(dim->name, dimension) == 0)
            return dim->standard[0] ? dim->standard : (dim->count ? dim->values[0] : "1");
    }
    return NULL;
}

/* The part of a path up to the question mark must be plain; what follows is a query. */
static bool path_is_plain(char *path)
{
    char *query = strchr(path, '?');

    if (query)
        *query = '\0';
    return fl_path_is_safe(path) && (!query || !strpbrk(query + 1, " \t\r\n\\\"<>"));
}

static int check_pattern(const struct fl_source_reader *reader, setting *entry,
                         const struct fl_source_path *path)
{
    struct fl_source *source = reader->source;
    fl_auto(fl_buf_release) struct fl_buf sample;
    struct fl_err why = {0};
    struct fl_cycle cycle = {.s = 1539043200};
    struct fl_lead lead = {.minutes = 180};
    struct fl_source *one = calloc(1, sizeof(*one));
    int rc;

    fl_buf_init(&sample, 0);
    if (!one)
        return fl_err_set(reader->err, FL_E_NOMEM, 0, "out of memory");
    *one = *source;
    one->path_count = 1;
    one->paths[0] = *path;
    one->paths[0].span =
        (struct fl_source_span){.from.s = INT64_MIN, .until.s = INT64_MAX, .hours = HOURS_ALL};
    rc = fl_source_path_of(one, cycle, lead, fl_source_sample_value, source, &sample, &why);
    free(one);
    if (rc < 0)
        return fl_settings_bad(reader->settings, entry, reader->err, "%s", why.text);
    if (!path_is_plain(sample.data))
        return fl_settings_bad(reader->settings, entry, reader->err,
                               "path '%s' is not a plain relative path", path->pattern);
    return 0;
}

int fl_source_read_paths(const struct fl_source_reader *reader, setting *group)
{
    static const char *const keys[] = {"from", "until", "hours", "path", NULL};
    struct fl_source *source = reader->source;
    setting *list = NULL;
    int rc = fl_settings_list(reader->settings, group, "paths", 1, FL_SOURCE_PATHS_MAX, &list,
                              &source->path_count, reader->err);

    for (size_t i = 0; rc == 0 && i < source->path_count; i++) {
        setting *entry = fl_settings_at(list, i);
        struct fl_source_path *path = &source->paths[i];

        rc = fl_settings_known(reader->settings, entry, keys, reader->err);
        if (rc == 0)
            rc = read_span(reader, entry, &path->span);
        if (rc == 0)
            rc = fl_settings_copy(reader->settings, entry, "path", true, path->pattern,
                                  sizeof(path->pattern), reader->err);
        if (rc == 0)
            rc = check_pattern(reader, entry, path);
    }
    for (size_t i = 0; rc == 0 && i < source->dimension_count; i++) {
        const struct fl_source_dimension *dim = &source->dimensions[i];
        char word[FL_SOURCE_VALUE_MAX + 2];
        bool used = false;

        (void)snprintf(word, sizeof(word), "{%s", dim->name);
        for (size_t k = 0; k < source->path_count; k++)
            used = used || strstr(source->paths[k].pattern, word);
        if (!used)
            rc = fl_settings_bad(reader->settings, list, reader->err,
                                 "dimension '%s' is in no path; accepted: {%s}, {%s:upper}, "
                                 "{%s:lower}, {%s:digits}",
                                 dim->name, dim->name, dim->name, dim->name, dim->name);
    }
    return rc;
}

/* ---- the rest: index, mirrors, waiting, expectations ---- */

int fl_source_read_index(const struct fl_source_reader *reader, setting *group)
{
    static const char *const keys[] = {"kind", "suffix", "replaces", NULL};
    static const char *const kinds[] = {"none", "idx", "ecmwf", NULL};
    static const char *const suffixes[] = {"", ".idx", ".index"};
    struct fl_source *source = reader->source;
    setting *index = fl_settings_member(group, "index");
    const char *suffix = NULL;
    int kind = 0;
    int rc;

    if (!index)
        return fl_settings_bad(reader->settings, group, reader->err,
                               "key 'index' is missing; accepted: { kind = \"idx\"; }, \"ecmwf\", "
                               "\"none\"");
    if (fl_settings_count(index) == 0 &&
        fl_settings_text(reader->settings, group, "index", true, &suffix, NULL) == 0) {
        source->index_kind = FL_INDEX_IDX; /* the short form: the suffix of wgrib2's inventory */
        return fl_settings_copy(reader->settings, group, "index", true, source->index,
                                sizeof(source->index), reader->err);
    }
    rc = fl_settings_known(reader->settings, index, keys, reader->err);
    if (rc == 0)
        rc = fl_settings_word(reader->settings, index, "kind", kinds, true, &kind, reader->err);
    source->index_kind = (enum fl_index_kind)kind;
    if (rc == 0)
        rc = fl_settings_copy(reader->settings, index, "suffix", false, source->index,
                              sizeof(source->index), reader->err);
    if (rc == 0)
        rc = fl_settings_copy(reader->settings, index, "replaces", false, source->index_replaces,
                              sizeof(source->index_replaces), reader->err);
    if (rc == 0 && !source->index[0])
        (void)snprintf(source->index, sizeof(source->index), "%s", suffixes[kind]);
    if (rc == 0 && kind == FL_INDEX_NONE && (source->index[0] || source->index_replaces[0]))
        rc = fl_settings_bad(reader->settings, index, reader->err,
                             "'suffix' and 'replaces' belong to an index; kind is \"none\"");
    return rc;
}

/* The host of a URL. */
static void host_of(const char *url, char *host, size_t size)
{
    const char *from = strstr(url, "://");
    const char *user;
    size_t length;

    from = from ? from + 3 : url;
    length = strcspn(from, "/?#");
    user = memchr(from, '@', length);
    if (user) {
        length -= (size_t)(user + 1 - from);
        from = user + 1;
    }
    (void)snprintf(host, size, "%.*s", (int)(length < size ? length : size - 1), from);
}

static int read_mirror(const struct fl_source_reader *reader, setting *entry,
                       struct fl_source_mirror *mirror)
{
    static const char *const keys[] = {"url",      "connections", "per_minute",
                                       "provider", "keeps",       NULL};
    int64_t connections = CONNECTIONS_DEFAULT;
    int64_t per_minute = 0;
    size_t length;
    int rc = fl_settings_known(reader->settings, entry, keys, reader->err);

    if (rc == 0)
        rc = fl_settings_copy(reader->settings, entry, "url", true, mirror->url,
                              sizeof(mirror->url), reader->err);
    if (rc == 0)
        rc = fl_settings_int(reader->settings, entry, "connections", 1, FL_SOURCE_CONNECTIONS_MAX,
                             &connections, reader->err);
    if (rc == 0)
        rc = fl_settings_int(reader->settings, entry, "per_minute", 1, 100000, &per_minute,
                             reader->err);
    if (rc == 0)
        rc = fl_settings_copy(reader->settings, entry, "provider", false, mirror->provider,
                              sizeof(mirror->provider), reader->err);
    if (rc == 0)
        rc = fl_settings_duration(reader->settings, entry, "keeps", false, &mirror->keeps_s,
                                  reader->err);
    if (rc < 0)
        return rc;
    if (strncmp(mirror->url, "http://", 7) != 0 && strncmp(mirror->url, "https://", 8) != 0 &&
        strncmp(mirror->url, "ftp://", 6) != 0 && strncmp(mirror->url, "ftps://", 7) != 0)
        return fl_settings_bad(reader->settings, entry, reader->err,
                               "mirror '%s' is not a URL; accepted: https://…, http://…, ftp://…",
                               mirror->url);
    length = strlen(mirror->url);
    if (mirror->url[length - 1] == '/')
        mirror->url[length - 1] = '\0';
    if (!mirror->provider[0])
        host_of(mirror->url, mirror->provider, sizeof(mirror->provider));
    mirror->connections = (int)connections;
    mirror->per_minute = (int)per_minute;
    return 0;
}

int fl_source_read_mirrors(const struct fl_source_reader *reader, setting *group)
{
    struct fl_source *source = reader->source;
    setting *list = NULL;
    int rc = fl_settings_list(reader->settings, group, "mirrors", 1, FL_SOURCE_MIRRORS_MAX, &list,
                              &source->mirror_count, reader->err);

    for (size_t i = 0; rc == 0 && i < source->mirror_count; i++)
        rc = read_mirror(reader, fl_settings_at(list, i), &source->mirrors[i]);
    return rc;
}
