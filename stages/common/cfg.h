#ifndef FL_COMMON_CFG_H
#define FL_COMMON_CFG_H

/* Strict reading of a stage's libconfig file. Every error is `file:line: what; what is accepted`.
 * A key is named by its path from the top: "output.every", "stations.[3].name".
 * Each key asked for counts as known; fl_cfg_reject_unknown at the end refuses all others, so ask
 * for every key first, whether or not its value will be used.
 * Owns: the parsed file. Threads: one at a time. Limits: FL_CFG_FILE_MAX bytes a file,
 * FL_CFG_KEYS_MAX different keys; @include is refused. */

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/time.h"

#define FL_CFG_FILE_MAX ((size_t)1024 * 1024)
#define FL_CFG_KEYS_MAX 512

struct fl_cfg;

/* FL_E_NOENT, FL_E_TOO_BIG, FL_E_CONFIG with file and line of a syntax error. */
int fl_cfg_open(const char *path, struct fl_cfg **ret_cfg, struct fl_err *reterr);
/* NULL is fine. */
void fl_cfg_close(struct fl_cfg *cfg);
FL_DEFINE_AUTO(struct fl_cfg *, fl_cfg_close)

/* The file's path as opened; borrowed. */
const char *fl_cfg_file(const struct fl_cfg *cfg);
/* True when the key (or group, or list) stands in the file. Counts as asked for. */
bool fl_cfg_has(struct fl_cfg *cfg, const char *path);

/* Values. The plain form fails when the key is missing, the _opt form gives fallback.
 * FL_E_CONFIG: missing, another type, or outside min..max (both allowed; -INFINITY and INFINITY
 * for no limit). Texts are borrowed until close. */
int fl_cfg_string(struct fl_cfg *cfg, const char *path, const char **ret_text,
                  struct fl_err *reterr);
int fl_cfg_string_opt(struct fl_cfg *cfg, const char *path, const char *fallback,
                      const char **ret_text, struct fl_err *reterr);
int fl_cfg_real(struct fl_cfg *cfg, const char *path, double min, double max, double *ret_value,
                struct fl_err *reterr);
int fl_cfg_real_opt(struct fl_cfg *cfg, const char *path, double fallback, double min, double max,
                    double *ret_value, struct fl_err *reterr);
int fl_cfg_int(struct fl_cfg *cfg, const char *path, int64_t min, int64_t max, int64_t *ret_value,
               struct fl_err *reterr);
int fl_cfg_int_opt(struct fl_cfg *cfg, const char *path, int64_t fallback, int64_t min, int64_t max,
                   int64_t *ret_value, struct fl_err *reterr);
int fl_cfg_bool_opt(struct fl_cfg *cfg, const char *path, bool fallback, bool *ret_value,
                    struct fl_err *reterr);
/* A time, "20181009T0000Z"; a duration in seconds, "PT10M"; a lead, "+006". */
int fl_cfg_time(struct fl_cfg *cfg, const char *path, struct fl_cycle *ret_time,
                struct fl_err *reterr);
int fl_cfg_duration(struct fl_cfg *cfg, const char *path, int64_t min_s, int64_t max_s,
                    int64_t *ret_seconds, struct fl_err *reterr);
int fl_cfg_duration_opt(struct fl_cfg *cfg, const char *path, int64_t fallback_s, int64_t min_s,
                        int64_t max_s, int64_t *ret_seconds, struct fl_err *reterr);
int fl_cfg_lead(struct fl_cfg *cfg, const char *path, struct fl_lead *ret_lead,
                struct fl_err *reterr);
/* One of the words; *ret_index is its index. fallback may be NULL: then the key is required. */
int fl_cfg_choice(struct fl_cfg *cfg, const char *path, const char *const *words, size_t count,
                  const char *fallback, size_t *ret_index, struct fl_err *reterr);

/* Lists, arrays and groups: number of members (0 when it is missing), at most max. Members of a
 * list of groups are then asked for as "stations.[0].name". */
int fl_cfg_count(struct fl_cfg *cfg, const char *path, size_t max, size_t *ret_count,
                 struct fl_err *reterr);
/* An array or list of numbers; 0 numbers when it is missing. */
int fl_cfg_reals(struct fl_cfg *cfg, const char *path, double *values, size_t max,
                 size_t *ret_count, struct fl_err *reterr);
/* An array or list of texts (borrowed). */
int fl_cfg_strings(struct fl_cfg *cfg, const char *path, const char **texts, size_t max,
                   size_t *ret_count, struct fl_err *reterr);

/* Refuses the first key that nobody asked for, naming what is accepted beside it. FL_E_CONFIG. */
int fl_cfg_reject_unknown(struct fl_cfg *cfg, struct fl_err *reterr);

/* For checks of one's own: "file:line: key 'path': text" with FL_E_CONFIG. The line is that of the
 * key, or of the nearest group that holds it. */
int fl_cfg_error(const struct fl_cfg *cfg, const char *path, struct fl_err *reterr, const char *fmt,
                 ...) FL_PRINTF(4, 5);

#endif
