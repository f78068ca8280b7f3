#ifndef FL_FETCH_SETTINGS_H
#define FL_FETCH_SETTINGS_H

/* A libconfig file read strictly: what is unknown, of the wrong kind or out of range is refused
 * with file, line, what was found and what is accepted. (The file is not called config.h because
 * that is the one of the build.)
 * A getter leaves *ret as it was when the key is absent: the caller puts the default there first.
 * Owns: the parsed file. Texts and settings handed out live as long. Threads: one at a time.
 * Limits: the file's size, by the caller. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

struct config_setting_t; /* libconfig's */
struct fl_settings;
struct fl_world;

/* FL_E_NOENT, FL_E_TOO_BIG, FL_E_IO; FL_E_CONFIG for a syntax error. */
int fl_settings_read(const struct fl_world *world, const char *path, size_t size_max,
                     struct fl_settings **ret_settings, struct fl_err *reterr);
/* The same from a text; path is only for messages. */
int fl_settings_parse(const char *text, const char *path, struct fl_settings **ret_settings,
                      struct fl_err *reterr);
void fl_settings_destroy(struct fl_settings *settings);
FL_DEFINE_AUTO(struct fl_settings *, fl_settings_destroy)

/* The whole file, a group without a name. */
const struct config_setting_t *fl_settings_root(const struct fl_settings *settings);
const char *fl_settings_path(const struct fl_settings *settings);

/* "FILE:LINE: ..." as FL_E_CONFIG, for what only the caller can judge. `at` NULL: "FILE: ...". */
int fl_settings_bad(const struct fl_settings *settings, const struct config_setting_t *at,
                    struct fl_err *reterr, const char *fmt, ...) FL_PRINTF(4, 5);

/* ---- what follows fails with FL_E_CONFIG ---- */

/* `group` must be a group and all its keys in the NULL-terminated list. */
int fl_settings_known(const struct fl_settings *settings, const struct config_setting_t *group,
                      const char *const *keys, struct fl_err *reterr);
/* A member that is a group with these keys (NULL: any). Absent and not needed: NULL. */
int fl_settings_group(const struct fl_settings *settings, const struct config_setting_t *group,
                      const char *key, const char *const *keys, bool needed,
                      const struct config_setting_t **ret_group, struct fl_err *reterr);
/* A member that is a list ( ) or an array [ ] of low to high entries. Absent and low 0: NULL and 0
 * entries. */
int fl_settings_list(const struct fl_settings *settings, const struct config_setting_t *group,
                     const char *key, size_t low, size_t high,
                     const struct config_setting_t **ret_list, size_t *ret_count,
                     struct fl_err *reterr);
/* Members of a list, an array or a group, by position. name is NULL but in groups. */
size_t fl_settings_count(const struct config_setting_t *list);
const struct config_setting_t *fl_settings_at(const struct config_setting_t *list, size_t index);
const char *fl_settings_name(const struct config_setting_t *setting);
const struct config_setting_t *fl_settings_member(const struct config_setting_t *group,
                                                  const char *key);
/* Entry of a list as a text. */
int fl_settings_text_at(const struct fl_settings *settings, const struct config_setting_t *list,
                        size_t index, const char **ret_text, struct fl_err *reterr);

/* A text that stays in the settings; absent and not needed: *ret as it was. */
int fl_settings_text(const struct fl_settings *settings, const struct config_setting_t *group,
                     const char *key, bool needed, const char **ret_text, struct fl_err *reterr);
/* The same, copied; absent and not needed: "". */
int fl_settings_copy(const struct fl_settings *settings, const struct config_setting_t *group,
                     const char *key, bool needed, char *out, size_t size, struct fl_err *reterr);
/* One of a NULL-terminated list of words: its index. */
int fl_settings_word(const struct fl_settings *settings, const struct config_setting_t *group,
                     const char *key, const char *const *words, bool needed, int *ret_index,
                     struct fl_err *reterr);
int fl_settings_int(const struct fl_settings *settings, const struct config_setting_t *group,
                    const char *key, int64_t low, int64_t high, int64_t *ret_value,
                    struct fl_err *reterr);
/* A whole number or one with a point. */
int fl_settings_number(const struct fl_settings *settings, const struct config_setting_t *group,
                       const char *key, double low, double high, double *ret_value,
                       struct fl_err *reterr);
int fl_settings_bool(const struct fl_settings *settings, const struct config_setting_t *group,
                     const char *key, bool *ret_value, struct fl_err *reterr);
/* ISO 8601, not negative [s]. */
int fl_settings_duration(const struct fl_settings *settings, const struct config_setting_t *group,
                         const char *key, bool needed, int64_t *ret_seconds, struct fl_err *reterr);
/* "64G" or "64GiB" (powers of 1024), "64GB" (powers of 1000), or a whole number [bytes]. */
int fl_settings_bytes(const struct fl_settings *settings, const struct config_setting_t *group,
                      const char *key, int64_t *ret_bytes, struct fl_err *reterr);
/* "400Mbit", "2.5Gbit", "50MB" or "50MiB", all for one second [bytes s-1], more than 0. */
int fl_settings_rate(const struct fl_settings *settings, const struct config_setting_t *group,
                     const char *key, int64_t *ret_bytes_s, struct fl_err *reterr);

/* The texts alone. FL_E_PARSE. */
int fl_bytes_parse(const char *text, int64_t *ret_bytes, struct fl_err *reterr);
int fl_rate_parse(const char *text, int64_t *ret_bytes_s, struct fl_err *reterr);

#endif
