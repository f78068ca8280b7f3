/* libconfig files, read strictly. */
#include "config.h"

#include "data-fetch/command/settings.h"

#include <inttypes.h>
#include <libconfig.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/time.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define KEYS_TEXT_MAX 500

struct fl_settings {
    config_t config;
    char path[FL_PATH_MAX];
};

int fl_settings_parse(const char *text, const char *path, struct fl_settings **ret_settings,
                      struct fl_err *reterr)
{
    struct fl_settings *settings = calloc(1, sizeof(*settings));
    int rc = 0;

    fl_assert(text && path);
    if (!settings)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for '%s'", path);
    (void)snprintf(settings->path, sizeof(settings->path), "%s", path); /* for messages */
    config_init(&settings->config);
    if (config_read_string(&settings->config, text) != CONFIG_TRUE) {
        rc = fl_err_set(reterr, FL_E_CONFIG, 0, "%s:%d: %s",
                        config_error_file(&settings->config) ? config_error_file(&settings->config)
                                                             : path,
                        config_error_line(&settings->config), config_error_text(&settings->config));
    }
    if (rc < 0) {
        fl_settings_destroy(settings);
        return rc;
    }
    *ret_settings = settings;
    return 0;
}

int fl_settings_read(const struct fl_world *world, const char *path, size_t size_max,
                     struct fl_settings **ret_settings, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc;

    fl_buf_init(&text, 0);
    rc = fl_file_read(world, path, size_max, &text, reterr);
    if (rc == 0 && strlen(text.data) != text.size)
        rc = fl_err_set(reterr, FL_E_CONFIG, 0, "%s: has a NUL byte: it is no text", path);
    return rc == 0 ? fl_settings_parse(text.data, path, ret_settings, reterr) : rc;
}

void fl_settings_destroy(struct fl_settings *settings)
{
    if (!settings)
        return;
    config_destroy(&settings->config);
    free(settings);
}

const config_setting_t *fl_settings_root(const struct fl_settings *settings)
{
    return config_root_setting(&settings->config);
}

const char *fl_settings_path(const struct fl_settings *settings)
{
    return settings->path;
}

int fl_settings_bad(const struct fl_settings *settings, const config_setting_t *at,
                    struct fl_err *reterr, const char *fmt, ...)
{
    unsigned line = at ? config_setting_source_line(at) : 0;
    char text[FL_ERR_TEXT_MAX - 200];
    va_list args;

    va_start(args, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang 14 loses the va_start above */
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (line == 0) /* the whole file */
        return fl_err_set(reterr, FL_E_CONFIG, 0, "%s: %s", settings->path, text);
    return fl_err_set(reterr, FL_E_CONFIG, 0, "%s:%u: %s",
                      config_setting_source_file(at) ? config_setting_source_file(at)
                                                     : settings->path,
                      line, text);
}

/* ---- groups and lists ---- */

static void list_words(const char *const *words, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; words[i] && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", words[i]);
}

static bool is_word(const char *const *words, const char *text)
{
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0)
            return true;
    }
    return false;
}

int fl_settings_known(const struct fl_settings *settings, const config_setting_t *group,
                      const char *const *keys, struct fl_err *reterr)
{
    const char *name = config_setting_name(group);
    char list[KEYS_TEXT_MAX];

    if (!config_setting_is_group(group))
        return fl_settings_bad(settings, group, reterr, "%s%s%s must be a group { ... }",
                               name ? "'" : "", name ? name : "the entry", name ? "'" : "");
    list_words(keys, list, sizeof(list));
    for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
        const config_setting_t *member = config_setting_get_elem(group, i);

        if (!is_word(keys, config_setting_name(member)))
            return fl_settings_bad(settings, member, reterr, "unknown key '%s'; accepted: %s",
                                   config_setting_name(member), list);
    }
    return 0;
}

int fl_settings_group(const struct fl_settings *settings, const config_setting_t *group,
                      const char *key, const char *const *keys, bool needed,
                      const config_setting_t **ret_group, struct fl_err *reterr)
{
    const config_setting_t *member = config_setting_get_member(group, key);
    int rc = 0;

    *ret_group = NULL;
    if (!member)
        return needed ? fl_settings_bad(settings, group, reterr, "key '%s' is missing", key) : 0;
    if (!config_setting_is_group(member))
        return fl_settings_bad(settings, member, reterr, "'%s' must be a group { ... }", key);
    if (keys)
        rc = fl_settings_known(settings, member, keys, reterr);
    if (rc == 0)
        *ret_group = member;
    return rc;
}

int fl_settings_list(const struct fl_settings *settings, const config_setting_t *group,
                     const char *key, size_t low, size_t high, const config_setting_t **ret_list,
                     size_t *ret_count, struct fl_err *reterr)
{
    const config_setting_t *list = config_setting_get_member(group, key);
    size_t count;

    *ret_list = NULL;
    *ret_count = 0;
    if (!list)
        return low ? fl_settings_bad(settings, group, reterr, "key '%s' is missing", key) : 0;
    if (!config_setting_is_list(list) && !config_setting_is_array(list))
        return fl_settings_bad(settings, list, reterr, "'%s' must be a list", key);
    count = (size_t)config_setting_length(list);
    if (count < low || count > high)
        return fl_settings_bad(settings, list, reterr, "'%s' has %zu entries; accepted: %zu to %zu",
                               key, count, low, high);
    *ret_list = list;
    *ret_count = count;
    return 0;
}

size_t fl_settings_count(const config_setting_t *list)
{
    return config_setting_is_aggregate(list) ? (size_t)config_setting_length(list) : 0;
}

const config_setting_t *fl_settings_at(const config_setting_t *list, size_t index)
{
    const config_setting_t *entry = config_setting_get_elem(list, (unsigned)index);

    fl_assert(entry);
    return entry;
}

const char *fl_settings_name(const config_setting_t *setting)
{
    return config_setting_name(setting);
}

const config_setting_t *fl_settings_member(const config_setting_t *group, const char *key)
{
    return config_setting_get_member(group, key);
}

int fl_settings_text_at(const struct fl_settings *settings, const config_setting_t *list,
                        size_t index, const char **ret_text, struct fl_err *reterr)
{
    const char *text = config_setting_get_string_elem(list, (int)index);
    const char *name = config_setting_name(list);

    if (!text)
        return fl_settings_bad(settings, fl_settings_at(list, index), reterr,
                               "entry %zu of '%s' must be a text in quotes", index + 1,
                               name ? name : "the list");
    *ret_text = text;
    return 0;
}

/* ---- values ---- */

int fl_settings_text(const struct fl_settings *settings, const config_setting_t *group,
                     const char *key, bool needed, const char **ret_text, struct fl_err *reterr)
{
    const config_setting_t *member = config_setting_get_member(group, key);
    const char *text;

    if (!member)
        return needed ? fl_settings_bad(settings, group, reterr, "key '%s' is missing", key) : 0;
    text = config_setting_get_string(member);
    if (!text)
        return fl_settings_bad(settings, member, reterr, "'%s' must be a text in quotes", key);
    *ret_text = text;
    return 0;
}

int fl_settings_copy(const struct fl_settings *settings, const config_setting_t *group,
                     const char *key, bool needed, char *out, size_t size, struct fl_err *reterr)
{
    const char *text = "";
    int rc = fl_settings_text(settings, group, key, needed, &text, reterr);

    out[0] = '\0';
    if (rc < 0)
        return rc;
    if (strlen(text) >= size)
        return fl_settings_bad(settings, config_setting_get_member(group, key), reterr,
                               "'%s' is longer than %zu bytes", key, size - 1);
    (void)snprintf(out, size, "%s", text);
    return 0;
}

int fl_settings_word(const struct fl_settings *settings, const config_setting_t *group,
                     const char *key, const char *const *words, bool needed, int *ret_index,
                     struct fl_err *reterr)
{
    const char *text = NULL;
    char list[KEYS_TEXT_MAX];
    int rc = fl_settings_text(settings, group, key, needed, &text, reterr);

    if (rc < 0 || !text)
        return rc;
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret_index = i;
            return 0;
        }
    }
    list_words(words, list, sizeof(list));
    return fl_settings_bad(settings, config_setting_get_member(group, key), reterr,
                           "'%s' is '%s'; accepted: %s", key, text, list);
}

int fl_settings_int(const struct fl_settings *settings, const config_setting_t *group,
                    const char *key, int64_t low, int64_t high, int64_t *ret_value,
                    struct fl_err *reterr)
{
    const config_setting_t *member = config_setting_get_member(group, key);
    int type = member ? config_setting_type(member) : CONFIG_TYPE_NONE;
    int64_t value;

    if (!member)
        return 0;
    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
        return fl_settings_bad(settings, member, reterr, "'%s' must be a whole number", key);
    value = config_setting_get_int64(member);
    if (value < low || value > high)
        return fl_settings_bad(settings, member, reterr,
                               "'%s' is %" PRId64 "; accepted: %" PRId64 " to %" PRId64, key, value,
                               low, high);
    *ret_value = value;
    return 0;
}

int fl_settings_number(const struct fl_settings *settings, const config_setting_t *group,
                       const char *key, double low, double high, double *ret_value,
                       struct fl_err *reterr)
{
    const config_setting_t *member = config_setting_get_member(group, key);
    double value;

    if (!member)
        return 0;
    if (!config_setting_is_number(member))
        return fl_settings_bad(settings, member, reterr, "'%s' must be a number", key);
    value = config_setting_type(member) == CONFIG_TYPE_FLOAT
                ? config_setting_get_float(member)
                : (double)config_setting_get_int64(member);
    if (!(value >= low && value <= high))
        return fl_settings_bad(settings, member, reterr, "'%s' is %g; accepted: %g to %g", key,
                               value, low, high);
    *ret_value = value;
    return 0;
}

int fl_settings_bool(const struct fl_settings *settings, const config_setting_t *group,
                     const char *key, bool *ret_value, struct fl_err *reterr)
{
    const config_setting_t *member = config_setting_get_member(group, key);

    if (!member)
        return 0;
    if (config_setting_type(member) != CONFIG_TYPE_BOOL)
        return fl_settings_bad(settings, member, reterr, "'%s' must be true or false", key);
    *ret_value = config_setting_get_bool(member) != 0;
    return 0;
}

int fl_settings_duration(const struct fl_settings *settings, const config_setting_t *group,
                         const char *key, bool needed, int64_t *ret_seconds, struct fl_err *reterr)
{
    const config_setting_t *member = config_setting_get_member(group, key);
    const char *text = NULL;
    int64_t seconds = 0;
    int rc = fl_settings_text(settings, group, key, needed, &text, reterr);

    if (rc < 0 || !text)
        return rc;
    if (fl_duration_parse(text, &seconds, NULL) < 0)
        return fl_settings_bad(settings, member, reterr,
                               "'%s' is not a duration: '%s'; accepted: such as PT20S, PT6H, P30D",
                               key, text);
    if (seconds < 0)
        return fl_settings_bad(settings, member, reterr, "'%s' is negative", key);
    *ret_seconds = seconds;
    return 0;
}

/* ---- amounts ---- */

/* "12.5" and a unit from the table into a whole number of the first unit. */
struct unit {
    const char *name;
    double size;
};

static int amount(const char *text, const struct unit *units, size_t count, int64_t *ret_value)
{
    char *end = NULL;
    double value;

    if (text[0] < '0' || text[0] > '9') /* strtod takes signs, blanks, nan and 0x as well */
        return FL_E_PARSE;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return FL_E_PARSE;
    value = strtod(text, &end);
    for (size_t i = 0; i < count; i++) {
        double whole = value * units[i].size;

        if (strcmp(end, units[i].name) != 0)
            continue;
        if (!(whole < 9e15))
            return FL_E_PARSE;
        *ret_value = (int64_t)floor(whole + 0.5);
        return 0;
    }
    return FL_E_PARSE;
}

#define KIB 1024.0
#define MIB (KIB * KIB)
#define GIB (MIB * KIB)
#define TIB (GIB * KIB)
#define BYTES_HELP "accepted: such as \"500M\", \"64GiB\" (powers of 1024), \"64GB\" (of 1000)"
#define RATE_HELP "accepted: such as \"400Mbit\", \"2.5Gbit\", \"50MB\", \"50MiB\", for a second"

int fl_bytes_parse(const char *text, int64_t *ret_bytes, struct fl_err *reterr)
{
    static const struct unit units[] = {
        {"", 1},     {"B", 1},     {"K", KIB},   {"M", MIB},   {"G", GIB},
        {"T", TIB},  {"KiB", KIB}, {"MiB", MIB}, {"GiB", GIB}, {"TiB", TIB},
        {"kB", 1e3}, {"KB", 1e3},  {"MB", 1e6},  {"GB", 1e9},  {"TB", 1e12},
    };

    if (amount(text, units, FL_COUNT(units), ret_bytes) < 0)
        return fl_err_set(reterr, FL_E_PARSE, 0, "'%.100s' is not an amount of bytes; " BYTES_HELP,
                          text);
    return 0;
}

int fl_rate_parse(const char *text, int64_t *ret_bytes_s, struct fl_err *reterr)
{
    static const struct unit units[] = {
        {"bit", 0.125},  {"kbit", 125}, {"Kbit", 125}, {"Mbit", 125e3}, {"Gbit", 125e6},
        {"Tbit", 125e9}, {"kB", 1e3},   {"KB", 1e3},   {"MB", 1e6},     {"GB", 1e9},
        {"KiB", KIB},    {"MiB", MIB},  {"GiB", GIB},
    };
    int64_t bytes_s = 0;

    if (amount(text, units, FL_COUNT(units), &bytes_s) < 0 || bytes_s < 1)
        return fl_err_set(reterr, FL_E_PARSE, 0, "'%.100s' is not a rate; " RATE_HELP, text);
    *ret_bytes_s = bytes_s;
    return 0;
}

int fl_settings_bytes(const struct fl_settings *settings, const config_setting_t *group,
                      const char *key, int64_t *ret_bytes, struct fl_err *reterr)
{
    const config_setting_t *member = config_setting_get_member(group, key);
    struct fl_err err = {0};
    const char *text;

    if (member && config_setting_is_number(member))
        return fl_settings_int(settings, group, key, 0, INT64_MAX, ret_bytes, reterr);
    text = member ? config_setting_get_string(member) : NULL;
    if (member && !text)
        return fl_settings_bad(settings, member, reterr,
                               "'%s' must be an amount of bytes; " BYTES_HELP, key);
    if (text && fl_bytes_parse(text, ret_bytes, &err) < 0)
        return fl_settings_bad(settings, member, reterr, "'%s': %s", key, err.text);
    return 0;
}

int fl_settings_rate(const struct fl_settings *settings, const config_setting_t *group,
                     const char *key, int64_t *ret_bytes_s, struct fl_err *reterr)
{
    const config_setting_t *member = config_setting_get_member(group, key);
    const char *text = member ? config_setting_get_string(member) : NULL;
    struct fl_err err = {0};

    if (member && !text)
        return fl_settings_bad(settings, member, reterr, "'%s' must be a rate; " RATE_HELP, key);
    if (text && fl_rate_parse(text, ret_bytes_s, &err) < 0)
        return fl_settings_bad(settings, member, reterr, "'%s': %s", key, err.text);
    return 0;
}
