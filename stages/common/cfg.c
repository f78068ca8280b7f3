/* Strict libconfig files. */
#include "config.h"

#include "stages/common/cfg.h"

#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"

#include "engine/base/banned.h"

#define PATH_MAX_BYTES 256

/* A key that was asked for, indices written as []: "stations.[]" and "name". */
struct asked {
    char group[PATH_MAX_BYTES];
    const char *key; /* into path */
    char path[PATH_MAX_BYTES];
};

struct fl_cfg {
    config_t config;
    char *file;
    struct asked *asked;
    size_t asked_count;
};

/* ---- which keys were asked for ---- */

/* Replaces each index of a path: "a.[12].b" becomes "a.[].b". */
static void without_indices(const char *path, char out[static PATH_MAX_BYTES])
{
    size_t used = 0;
    bool inside = false;

    for (const char *p = path; *p && used + 1 < PATH_MAX_BYTES; p++) {
        if (*p == ']')
            inside = false;
        if (!inside)
            out[used++] = *p;
        if (*p == '[')
            inside = true;
    }
    out[used] = 0;
}

static void remember(struct fl_cfg *cfg, const char *path)
{
    struct asked *entry = &cfg->asked[cfg->asked_count];
    const char *dot;

    fl_assert(strlen(path) < PATH_MAX_BYTES);
    without_indices(path, entry->path);
    for (size_t i = 0; i < cfg->asked_count; i++) {
        if (strcmp(cfg->asked[i].path, entry->path) == 0)
            return;
    }
    fl_assert(cfg->asked_count + 1 < FL_CFG_KEYS_MAX);
    dot = strrchr(entry->path, '.');
    entry->key = dot ? dot + 1 : entry->path;
    (void)snprintf(entry->group, sizeof(entry->group), "%.*s", dot ? (int)(dot - entry->path) : 0,
                   entry->path);
    cfg->asked_count++;
    if (dot) { /* the groups on the way are known too */
        char group[PATH_MAX_BYTES];

        (void)snprintf(group, sizeof(group), "%s", entry->group);
        remember(cfg, group);
    }
}

static bool was_asked(const struct fl_cfg *cfg, const char *path)
{
    for (size_t i = 0; i < cfg->asked_count; i++) {
        if (strcmp(cfg->asked[i].path, path) == 0)
            return true;
    }
    return false;
}

static config_setting_t *find(const struct fl_cfg *cfg, const char *path)
{
    return *path ? config_lookup(&cfg->config, path) : config_root_setting(&cfg->config);
}

static config_setting_t *ask(struct fl_cfg *cfg, const char *path)
{
    fl_assert(cfg);
    fl_assert(path && *path);
    remember(cfg, path);
    return find(cfg, path);
}

/* ---- errors ---- */

static int line_of(const struct fl_cfg *cfg, const char *path)
{
    char at[PATH_MAX_BYTES];
    const config_setting_t *setting;

    (void)snprintf(at, sizeof(at), "%s", path);
    while (!(setting = find(cfg, at))) {
        char *dot = strrchr(at, '.');

        *(dot ? dot : at) = 0;
    }
    return config_setting_source_line(setting) > 0 ? (int)config_setting_source_line(setting) : 1;
}

int fl_cfg_error(const struct fl_cfg *cfg, const char *path, struct fl_err *reterr, const char *fmt,
                 ...)
{
    char text[FL_ERR_TEXT_MAX];
    va_list args;

    fl_assert(cfg);
    fl_assert(path);
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* cut at the limit */
    va_end(args);
    return fl_err_set(reterr, FL_E_CONFIG, 0, "%s:%d: key '%s': %s", cfg->file, line_of(cfg, path),
                      path, text);
}

static int not_what_is_wanted(const struct fl_cfg *cfg, const char *path, const char *wanted,
                              struct fl_err *reterr)
{
    return fl_cfg_error(cfg, path, reterr,
                        find(cfg, path) ? "it must be %s" : "missing; it must be %s", wanted);
}

/* ---- open and close ---- */

/* libconfig would open included files by itself. */
static int refuse_includes(const char *path, const struct fl_buf *text, struct fl_err *reterr)
{
    int line = 1;

    if (memchr(text->data, 0, text->size))
        return fl_err_set(reterr, FL_E_CONFIG, 0, "%s:1: a NUL byte; it must be a libconfig text",
                          path);
    for (const char *p = text->data; *p; line++) {
        const char *word = p + strspn(p, " \t");

        if (strncmp(word, "@include", strlen("@include")) == 0)
            return fl_err_set(reterr, FL_E_CONFIG, 0,
                              "%s:%d: @include is not accepted here; put all keys into one file",
                              path, line);
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    return 0;
}

int fl_cfg_open(const char *path, struct fl_cfg **ret_cfg, struct fl_err *reterr)
{
    fl_auto(fl_cfg_close) struct fl_cfg *cfg = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc;

    fl_assert(path);
    fl_assert(ret_cfg);
    fl_buf_init(&text, FL_CFG_FILE_MAX);
    rc = fl_file_read(fl_world_real(), path, FL_CFG_FILE_MAX, &text, reterr);
    if (rc == 0)
        rc = refuse_includes(path, &text, reterr);
    if (rc < 0)
        return rc;
    cfg = calloc(1, sizeof(*cfg));
    if (!cfg)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s'", path);
    config_init(&cfg->config);
    cfg->file = strdup(path);
    cfg->asked = calloc(FL_CFG_KEYS_MAX, sizeof(*cfg->asked));
    if (!cfg->file || !cfg->asked)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s'", path);
    if (config_read_string(&cfg->config, text.data) != CONFIG_TRUE)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "%s:%d: %s", path,
                          config_error_line(&cfg->config), config_error_text(&cfg->config));
    *ret_cfg = FL_STEAL(cfg);
    return 0;
}

void fl_cfg_close(struct fl_cfg *cfg)
{
    if (!cfg)
        return;
    config_destroy(&cfg->config);
    free(cfg->file);
    free(cfg->asked);
    free(cfg);
}

const char *fl_cfg_file(const struct fl_cfg *cfg)
{
    fl_assert(cfg);
    return cfg->file;
}

bool fl_cfg_has(struct fl_cfg *cfg, const char *path)
{
    return ask(cfg, path) != NULL;
}

/* ---- values ---- */

int fl_cfg_string(struct fl_cfg *cfg, const char *path, const char **ret_text,
                  struct fl_err *reterr)
{
    const config_setting_t *setting = ask(cfg, path);

    fl_assert(ret_text);
    if (!setting || config_setting_type(setting) != CONFIG_TYPE_STRING)
        return not_what_is_wanted(cfg, path, "a text in double quotes", reterr);
    *ret_text = config_setting_get_string(setting);
    return 0;
}

int fl_cfg_string_opt(struct fl_cfg *cfg, const char *path, const char *fallback,
                      const char **ret_text, struct fl_err *reterr)
{
    if (!ask(cfg, path)) {
        *ret_text = fallback;
        return 0;
    }
    return fl_cfg_string(cfg, path, ret_text, reterr);
}

int fl_cfg_real(struct fl_cfg *cfg, const char *path, double min, double max, double *ret_value,
                struct fl_err *reterr)
{
    const config_setting_t *setting = ask(cfg, path);
    int type = setting ? config_setting_type(setting) : CONFIG_TYPE_NONE;
    char wanted[96] = "a number";
    double value = NAN;

    fl_assert(ret_value);
    if (isfinite(min) && isfinite(max))
        (void)snprintf(wanted, sizeof(wanted), "a number within %g to %g", min, max);
    else if (isfinite(min))
        (void)snprintf(wanted, sizeof(wanted), "a number of at least %g", min);
    else if (isfinite(max))
        (void)snprintf(wanted, sizeof(wanted), "a number of at most %g", max);
    if (type == CONFIG_TYPE_FLOAT)
        value = config_setting_get_float(setting);
    else if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64)
        value = (double)config_setting_get_int64(setting);
    if (!isfinite(value) || value < min || value > max)
        return not_what_is_wanted(cfg, path, wanted, reterr);
    *ret_value = value;
    return 0;
}

int fl_cfg_real_opt(struct fl_cfg *cfg, const char *path, double fallback, double min, double max,
                    double *ret_value, struct fl_err *reterr)
{
    if (!ask(cfg, path)) {
        *ret_value = fallback;
        return 0;
    }
    return fl_cfg_real(cfg, path, min, max, ret_value, reterr);
}

int fl_cfg_int(struct fl_cfg *cfg, const char *path, int64_t min, int64_t max, int64_t *ret_value,
               struct fl_err *reterr)
{
    const config_setting_t *setting = ask(cfg, path);
    int type = setting ? config_setting_type(setting) : CONFIG_TYPE_NONE;
    char wanted[96];
    int64_t value;

    fl_assert(ret_value);
    (void)snprintf(wanted, sizeof(wanted), "a whole number within %lld to %lld", (long long)min,
                   (long long)max);
    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
        return not_what_is_wanted(cfg, path, wanted, reterr);
    value = config_setting_get_int64(setting);
    if (value < min || value > max)
        return not_what_is_wanted(cfg, path, wanted, reterr);
    *ret_value = value;
    return 0;
}

int fl_cfg_int_opt(struct fl_cfg *cfg, const char *path, int64_t fallback, int64_t min, int64_t max,
                   int64_t *ret_value, struct fl_err *reterr)
{
    if (!ask(cfg, path)) {
        *ret_value = fallback;
        return 0;
    }
    return fl_cfg_int(cfg, path, min, max, ret_value, reterr);
}

int fl_cfg_bool_opt(struct fl_cfg *cfg, const char *path, bool fallback, bool *ret_value,
                    struct fl_err *reterr)
{
    const config_setting_t *setting = ask(cfg, path);

    fl_assert(ret_value);
    if (!setting) {
        *ret_value = fallback;
        return 0;
    }
    if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
        return not_what_is_wanted(cfg, path, "true or false", reterr);
    *ret_value = config_setting_get_bool(setting) == CONFIG_TRUE;
    return 0;
}

int fl_cfg_time(struct fl_cfg *cfg, const char *path, struct fl_cycle *ret_time,
                struct fl_err *reterr)
{
    const char *text = NULL;

    fl_assert(ret_time);
    if (fl_cfg_string(cfg, path, &text, NULL) < 0 || fl_cycle_parse(text, ret_time, NULL) < 0)
        return not_what_is_wanted(cfg, path, "a time such as \"20181009T0000Z\"", reterr);
    return 0;
}

int fl_cfg_duration(struct fl_cfg *cfg, const char *path, int64_t min_s, int64_t max_s,
                    int64_t *ret_seconds, struct fl_err *reterr)
{
    const char *text = NULL;
    char least[FL_TIME_TEXT_MAX];
    char most[FL_TIME_TEXT_MAX];
    char wanted[128];
    int64_t value = 0;

    fl_assert(ret_seconds);
    fl_duration_format(min_s, least);
    fl_duration_format(max_s, most);
    (void)snprintf(wanted, sizeof(wanted), "a duration within \"%s\" to \"%s\"", least, most);
    if (fl_cfg_string(cfg, path, &text, NULL) < 0 || fl_duration_parse(text, &value, NULL) < 0 ||
        value < min_s || value > max_s)
        return not_what_is_wanted(cfg, path, wanted, reterr);
    *ret_seconds = value;
    return 0;
}

int fl_cfg_duration_opt(struct fl_cfg *cfg, const char *path, int64_t fallback_s, int64_t min_s,
                        int64_t max_s, int64_t *ret_seconds, struct fl_err *reterr)
{
    if (!ask(cfg, path)) {
        *ret_seconds = fallback_s;
        return 0;
    }
    return fl_cfg_duration(cfg, path, min_s, max_s, ret_seconds, reterr);
}

int fl_cfg_lead(struct fl_cfg *cfg, const char *path, struct fl_lead *ret_lead,
                struct fl_err *reterr)
{
    const char *text = NULL;

    fl_assert(ret_lead);
    if (fl_cfg_string(cfg, path, &text, NULL) < 0 || fl_lead_parse(text, ret_lead, NULL) < 0)
        return not_what_is_wanted(cfg, path, "a lead such as \"+006\"", reterr);
    return 0;
}

int fl_cfg_choice(struct fl_cfg *cfg, const char *path, const char *const *words, size_t count,
                  const char *fallback, size_t *ret_index, struct fl_err *reterr)
{
    const char *text = fallback;
    char wanted[512] = "one of";
    size_t used = strlen(wanted);

    fl_assert(ret_index);
    if (!ask(cfg, path) && fallback)
        text = fallback;
    else if (fl_cfg_string(cfg, path, &text, NULL) < 0)
        text = NULL;
    for (size_t i = 0; i < count; i++) {
        if (text && strcmp(text, words[i]) == 0) {
            *ret_index = i;
            return 0;
        }
        if (used < sizeof(wanted))
            used += (size_t)snprintf(wanted + used, sizeof(wanted) - used, " \"%s\"", words[i]);
    }
    return not_what_is_wanted(cfg, path, wanted, reterr);
}

/* ---- lists ---- */

int fl_cfg_count(struct fl_cfg *cfg, const char *path, size_t max, size_t *ret_count,
                 struct fl_err *reterr)
{
    const config_setting_t *setting = ask(cfg, path);
    size_t count;

    fl_assert(ret_count);
    if (!setting) {
        *ret_count = 0;
        return 0;
    }
    if (!config_setting_is_aggregate(setting))
        return not_what_is_wanted(cfg, path, "a list", reterr);
    count = (size_t)config_setting_length(setting);
    if (count > max)
        return fl_cfg_error(cfg, path, reterr, "%zu members; the limit is %zu", count, max);
    *ret_count = count;
    return 0;
}

int fl_cfg_reals(struct fl_cfg *cfg, const char *path, double *values, size_t max,
                 size_t *ret_count, struct fl_err *reterr)
{
    size_t count = 0;
    int rc = fl_cfg_count(cfg, path, max, &count, reterr);

    for (size_t i = 0; rc == 0 && i < count; i++) {
        char member[PATH_MAX_BYTES];

        (void)snprintf(member, sizeof(member), "%s.[%zu]", path, i);
        rc = fl_cfg_real(cfg, member, -INFINITY, INFINITY, &values[i], reterr);
    }
    if (rc == 0)
        *ret_count = count;
    return rc;
}

int fl_cfg_strings(struct fl_cfg *cfg, const char *path, const char **texts, size_t max,
                   size_t *ret_count, struct fl_err *reterr)
{
    size_t count = 0;
    int rc = fl_cfg_count(cfg, path, max, &count, reterr);

    for (size_t i = 0; rc == 0 && i < count; i++) {
        char member[PATH_MAX_BYTES];

        (void)snprintf(member, sizeof(member), "%s.[%zu]", path, i);
        rc = fl_cfg_string(cfg, member, &texts[i], reterr);
    }
    if (rc == 0)
        *ret_count = count;
    return rc;
}

/* ---- what nobody asked for ---- */

static int unknown_key(const struct fl_cfg *cfg, const config_setting_t *setting, const char *group,
                       struct fl_err *reterr)
{
    char accepted[512] = "";
    size_t used = 0;

    for (size_t i = 0; i < cfg->asked_count && used < sizeof(accepted); i++) {
        if (strcmp(cfg->asked[i].group, group) == 0)
            used += (size_t)snprintf(accepted + used, sizeof(accepted) - used, "%s%s",
                                     used ? ", " : "", cfg->asked[i].key);
    }
    return fl_err_set(reterr, FL_E_CONFIG, 0, "%s:%u: unknown key '%s'%s%s; accepted: %s",
                      cfg->file, (unsigned)config_setting_source_line(setting),
                      config_setting_name(setting) ? config_setting_name(setting) : "(list member)",
                      *group ? " in " : "", group, *accepted ? accepted : "nothing");
}

static int reject_below(const struct fl_cfg *cfg, const config_setting_t *parent,
                        const char *parent_path, struct fl_err *reterr)
{
    int count = config_setting_length(parent);

    for (int i = 0; i < count; i++) {
        const config_setting_t *setting = config_setting_get_elem(parent, (unsigned)i);
        const char *name = config_setting_name(setting);
        char path[PATH_MAX_BYTES];
        int used = snprintf(path, sizeof(path), "%s%s%s", parent_path, *parent_path ? "." : "",
                            name ? name : "[]");
        int rc = 0;

        if (used < 0 || (size_t)used >= sizeof(path) || !was_asked(cfg, path))
            rc = unknown_key(cfg, setting, parent_path, reterr);
        else if (config_setting_is_aggregate(setting))
            rc = reject_below(cfg, setting, path, reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int fl_cfg_reject_unknown(struct fl_cfg *cfg, struct fl_err *reterr)
{
    fl_assert(cfg);
    return reject_below(cfg, config_root_setting(&cfg->config), "", reterr);
}
