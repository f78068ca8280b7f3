#ifndef FL_BASE_JSON_H
#define FL_BASE_JSON_H

/* Strict reading of jansson values: a missing or mistyped member is an error that names it.
 * Owns: nothing. Threads: any. Limits: FL_JSON_MAX bytes a document, depth as jansson's. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"

#define FL_JSON_MAX ((size_t)16 * 1024 * 1024)

FL_UNUSED static inline void fl_json_decref_auto(json_t **slot)
{
    json_decref(*slot);
}
/* fl_json_auto json_t *doc = NULL; drops the reference at scope exit. */
#define fl_json_auto __attribute__((cleanup(fl_json_decref_auto)))

/* Parses one document (object or array). FL_E_PARSE with line and column, FL_E_TOO_BIG. New
 * reference. */
int fl_json_parse(const char *text, size_t size, json_t **ret_doc, struct fl_err *reterr);

/* Members of an object; borrowed. FL_E_PARSE when missing or of another type.
 * The _opt forms give fallback when the member is missing or null, and fail on another type only.
 */
int fl_json_string(const json_t *object, const char *key, const char **ret_text,
                   struct fl_err *reterr);
int fl_json_string_opt(const json_t *object, const char *key, const char *fallback,
                       const char **ret_text, struct fl_err *reterr);
int fl_json_int(const json_t *object, const char *key, int64_t *ret_value, struct fl_err *reterr);
int fl_json_int_opt(const json_t *object, const char *key, int64_t fallback, int64_t *ret_value,
                    struct fl_err *reterr);
int fl_json_real_opt(const json_t *object, const char *key, double fallback, double *ret_value,
                     struct fl_err *reterr);
int fl_json_bool_opt(const json_t *object, const char *key, bool fallback, bool *ret_value,
                     struct fl_err *reterr);
int fl_json_array_opt(const json_t *object, const char *key, const json_t **ret_array,
                      struct fl_err *reterr);
int fl_json_object_opt(const json_t *object, const char *key, const json_t **ret_object,
                       struct fl_err *reterr);

/* Compact text with sorted keys: the same value gives the same bytes. Free with free(). NULL when
 * memory ends. */
char *fl_json_text(const json_t *value);

#endif
