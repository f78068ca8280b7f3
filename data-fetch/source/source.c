/* The fields of a catalogue file, read strictly. */
#include "config.h"

#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/catalogue.h"
#include "engine/base/expand.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define MERGE_GAP_DEFAULT 262144
#define CONNECTIONS_DEFAULT 4

/* One field: its setting, and the file for messages. */
struct reader {
    const char *path;
    struct fl_err *err;
};

static int bad(const struct reader *reader, const config_setting_t *at, const char *fmt, ...)
    FL_PRINTF(3, 4);

static int bad(const struct reader *reader, const config_setting_t *at, const char *fmt, ...)
{
    char text[700];
    va_list args;

    va_start(args, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang 14 loses the va_start above */
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return fl_err_set(reader->err, FL_E_CONFIG, 0, "%s:%u: %s", reader->path,
                      (unsigned)config_setting_source_line(at), text);
}

/* Refuses members of a group that are not in the NULL-terminated list. */
static int known_keys(const struct reader *reader, const config_setting_t *group,
                      const char *const *names)
{
    char list[300] = "";
    size_t used = 0;

    if (!config_setting_is_group(group))
        return bad(reader, group, "'%s' must be a group { ... }",
                   config_setting_name(group) ? config_setting_name(group) : "entry");
    for (size_t i = 0; names[i] && used < sizeof(list); i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", names[i]);
    for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
        const config_setting_t *member = config_setting_get_elem(group, i);
        bool known = false;

        for (size_t k = 0; names[k] && !known; k++)
            known = strcmp(names[k], config_setting_name(member)) == 0;
        if (!known)
            return bad(reader, member, "unknown key '%s'; accepted: %s",
                       config_setting_name(member), list);
    }
    return 0;
}

/* A text member into out. needed: absence is an error, else out becomes "". */
static int get_text(const struct reader *reader, const config_setting_t *group, const char *key,
                    bool needed, char *out, size_t size)
{
    const config_setting_t *member = config_setting_get_member(group, key);
    const char *text;

    out[0] = '\0';
    if (!member)
        return needed ? bad(reader, group, "key '%s' is missing", key) : 0;
    text = config_setting_get_string(member);
    if (!text)
        return bad(reader, member, "'%s' must be a text in quotes", key);
    if (strlen(text) >= size)
        return bad(reader, member, "'%s' is longer than %zu bytes", key, size - 1);
    (void)snprintf(out, size, "%s", text);
    return 0;
}

static int get_duration(const struct reader *reader, const config_setting_t *group, const char *key,
                        int64_t *ret_seconds)
{
    char text[FL_TIME_TEXT_MAX];
    int rc = get_text(reader, group, key, true, text, sizeof(text));

    if (rc == 0 && fl_duration_parse(text, ret_seconds, NULL) < 0)
        rc = bad(reader, config_setting_get_member(group, key),
                 "'%s' is not a duration: '%s'; accepted: such as PT20S, PT6H", key, text);
    if (rc == 0 && *ret_seconds < 0)
        rc = bad(reader, config_setting_get_member(group, key), "'%s' is negative", key);
    return rc;
}

/* An optional whole number within limits. */
static int get_number(const struct reader *reader, const config_setting_t *group, const char *key,
                      int low, int high, int fallback, int *ret_value)
{
    const config_setting_t *member = config_setting_get_member(group, key);

    *ret_value = fallback;
    if (!member)
        return 0;
    if (config_setting_type(member) != CONFIG_TYPE_INT)
        return bad(reader, member, "'%s' must be a whole number", key);
    *ret_value = config_setting_get_int(member);
    if (*ret_value < low || *ret_value > high)
        return bad(reader, member, "'%s' is %d; accepted: %d to %d", key, *ret_value, low, high);
    return 0;
}

/* A list or array member with 1 to max entries. */
static int get_list(const struct reader *reader, const config_setting_t *group, const char *key,
                    size_t max, const config_setting_t **ret_list, size_t *ret_count)
{
    const config_setting_t *list = config_setting_get_member(group, key);

    if (!list)
        return bad(reader, group, "key '%s' is missing", key);
    if (!config_setting_is_list(list) && !config_setting_is_array(list))
        return bad(reader, list, "'%s' must be a list", key);
    *ret_count = (size_t)config_setting_length(list);
    if (*ret_count < 1 || *ret_count > max)
        return bad(reader, list, "'%s' has %zu entries; accepted: 1 to %zu", key, *ret_count, max);
    *ret_list = list;
    return 0;
}

static int read_leads(const struct reader *reader, const config_setting_t *group,
                      struct fl_source *source)
{
    const config_setting_t *list = NULL;
    int rc = get_list(reader, group, "leads", FL_SOURCE_LEADS_MAX, &list, &source->leads_count);

    for (size_t i = 0; rc == 0 && i < source->leads_count; i++) {
        const char *text = config_setting_get_string_elem(list, (int)i);

        if (!text || fl_leads_parse(text, &source->leads[i], NULL) < 0)
            rc = bad(reader, list,
                     "entry %zu of 'leads' is not a set of leads; accepted: such as "
                     "\"+000/+120/1\"",
                     i + 1);
    }
    return rc;
}

static int read_limit(const struct reader *reader, const config_setting_t *entry, const char *key,
                      int64_t open, struct fl_cycle *ret_cycle)
{
    char text[FL_TIME_TEXT_MAX];
    int rc = get_text(reader, entry, key, false, text, sizeof(text));

    ret_cycle->s = open;
    if (rc == 0 && text[0] && fl_cycle_parse(text, ret_cycle, NULL) < 0)
        rc = bad(reader, entry, "'%s' is not a cycle: '%s'; accepted: such as 20210322T1200Z", key,
                 text);
    return rc;
}

static int any_name(const char *name, const char *format, struct fl_buf *out, struct fl_err *reterr,
                    void *arg)
{
    struct fl_lead lead = {.minutes = 180};
    struct fl_cycle cycle = {.s = 1539043200};

    (void)arg;
    return fl_expand_time(name, format, cycle, &lead, out, reterr);
}

static int read_paths(const struct reader *reader, const config_setting_t *group,
                      struct fl_source *source)
{
    static const char *const keys[] = {"from", "until", "path", NULL};
    const config_setting_t *list = NULL;
    int rc = get_list(reader, group, "paths", FL_SOURCE_PATHS_MAX, &list, &source->path_count);

    for (unsigned i = 0; rc == 0 && i < source->path_count; i++) {
        const config_setting_t *entry = config_setting_get_elem(list, i);
        struct fl_source_path *path = &source->paths[i];
        fl_auto(fl_buf_release) struct fl_buf sample;
        struct fl_err err = {0};

        fl_buf_init(&sample, 0);
        rc = known_keys(reader, entry, keys);
        if (rc == 0)
            rc = read_limit(reader, entry, "from", INT64_MIN, &path->from);
        if (rc == 0)
            rc = read_limit(reader, entry, "until", INT64_MAX, &path->until);
        if (rc == 0)
            rc = get_text(reader, entry, "path", true, path->pattern, sizeof(path->pattern));
        if (rc == 0 && fl_expand(path->pattern, any_name, &sample, &err, NULL) < 0)
            rc = bad(reader, entry, "path '%s': %s", path->pattern, err.text);
        if (rc == 0 && !fl_path_is_safe(sample.data))
            rc = bad(reader, entry, "path '%s' is not a plain relative path", path->pattern);
    }
    return rc;
}

static int read_mirrors(const struct reader *reader, const config_setting_t *group,
                        struct fl_source *source)
{
    static const char *const keys[] = {"url", "connections", "per_minute", NULL};
    const config_setting_t *list = NULL;
    int rc =
        get_list(reader, group, "mirrors", FL_SOURCE_MIRRORS_MAX, &list, &source->mirror_count);

    for (unsigned i = 0; rc == 0 && i < source->mirror_count; i++) {
        const config_setting_t *entry = config_setting_get_elem(list, i);
        struct fl_source_mirror *mirror = &source->mirrors[i];
        size_t length;

        rc = known_keys(reader, entry, keys);
        if (rc == 0)
            rc = get_text(reader, entry, "url", true, mirror->url, sizeof(mirror->url));
        if (rc == 0)
            rc = get_number(reader, entry, "connections", 1, FL_SOURCE_CONNECTIONS_MAX,
                            CONNECTIONS_DEFAULT, &mirror->connections);
        if (rc == 0)
            rc = get_number(reader, entry, "per_minute", 1, 100000, 0, &mirror->per_minute);
        length = strlen(mirror->url);
        if (rc == 0 && strncmp(mirror->url, "http://", 7) != 0 &&
            strncmp(mirror->url, "https://", 8) != 0)
            rc = bad(reader, entry, "mirror '%s' is not a URL; accepted: http://…, https://…",
                     mirror->url);
        if (rc == 0 && mirror->url[length - 1] == '/')
            mirror->url[length - 1] = '\0';
    }
    return rc;
}

static int read_groups(const struct reader *reader, const config_setting_t *group,
                       struct fl_source *source)
{
    static const char *const cycle_keys[] = {"every", NULL};
    static const char *const wait_keys[] = {"first", "poll", "give_up", NULL};
    const config_setting_t *cycles = config_setting_get_member(group, "cycles");
    const config_setting_t *wait = config_setting_get_member(group, "wait");
    int rc = cycles ? known_keys(reader, cycles, cycle_keys)
                    : bad(reader, group, "key 'cycles' is missing");

    if (rc == 0)
        rc = get_duration(reader, cycles, "every", &source->every_s);
    if (rc == 0 && (source->every_s == 0 || 86400 % source->every_s != 0))
        rc = bad(reader, cycles, "'every' must divide a day");
    if (rc == 0)
        rc = wait ? known_keys(reader, wait, wait_keys)
                  : bad(reader, group, "key 'wait' is missing");
    if (rc == 0)
        rc = get_duration(reader, wait, "first", &source->first_s);
    if (rc == 0)
        rc = get_duration(reader, wait, "poll", &source->poll_s);
    if (rc == 0)
        rc = get_duration(reader, wait, "give_up", &source->give_up_s);
    if (rc == 0 && source->poll_s == 0)
        rc = bad(reader, wait, "'poll' is zero");
    return rc;
}

static int read_source(const struct reader *reader, const config_setting_t *group,
                       struct fl_source *source)
{
    static const char *const keys[] = {"name",  "title", "licence",   "cycles",
                                       "leads", "paths", "index",     "mirrors",
                                       "wait",  "html",  "merge_gap", NULL};
    char html[16];
    int gap = 0;
    int rc = known_keys(reader, group, keys);

    if (rc == 0)
        rc = get_text(reader, group, "name", true, source->name, sizeof(source->name));
    if (rc == 0)
        rc = get_text(reader, group, "title", false, source->title, sizeof(source->title));
    if (rc == 0)
        rc = get_text(reader, group, "licence", false, source->licence, sizeof(source->licence));
    if (rc == 0)
        rc = read_groups(reader, group, source);
    if (rc == 0)
        rc = read_leads(reader, group, source);
    if (rc == 0)
        rc = read_paths(reader, group, source);
    if (rc == 0)
        rc = get_text(reader, group, "index", true, source->index, sizeof(source->index));
    if (rc == 0)
        rc = read_mirrors(reader, group, source);
    if (rc == 0)
        rc = get_text(reader, group, "html", false, html, sizeof(html));
    if (rc == 0 && html[0] && strcmp(html, "refuse") != 0 && strcmp(html, "not-yet") != 0)
        rc = bad(reader, config_setting_get_member(group, "html"),
                 "'html' is '%s'; accepted: refuse, not-yet", html);
    source->html_is_not_yet = rc == 0 && strcmp(html, "not-yet") == 0;
    if (rc == 0)
        rc = get_number(reader, group, "merge_gap", 0, 64 * 1024 * 1024, MERGE_GAP_DEFAULT, &gap);
    source->merge_gap_bytes = (uint64_t)gap;
    return rc;
}

int fl_source_read(const struct fl_world *world, const char *path, struct fl_source *ret_source,
                   struct fl_err *reterr)
{
    static const char *const keys[] = {"source", NULL};
    struct reader reader = {.path = path, .err = reterr};
    struct fl_source *source = calloc(1, sizeof(*source));
    fl_auto(fl_buf_release) struct fl_buf text;
    const config_setting_t *group;
    config_t config;
    int rc;

    fl_buf_init(&text, 0);
    config_init(&config);
    rc = source ? fl_file_read(world, path, FL_SOURCE_BYTES_MAX, &text, reterr)
                : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0 && config_read_string(&config, text.data) != CONFIG_TRUE)
        rc = fl_err_set(reterr, FL_E_CONFIG, 0, "%s:%d: %s", path, config_error_line(&config),
                        config_error_text(&config));
    if (rc == 0)
        rc = known_keys(&reader, config_root_setting(&config), keys);
    if (rc == 0) {
        group = config_lookup(&config, "source");
        rc = group ? read_source(&reader, group, source)
                   : fl_err_set(reterr, FL_E_CONFIG, 0, "%s: the group 'source' is missing", path);
    }
    if (rc == 0)
        *ret_source = *source;
    config_destroy(&config);
    free(source);
    return rc;
}
