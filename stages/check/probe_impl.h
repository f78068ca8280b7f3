#ifndef FL_CHECK_PROBE_IMPL_H
#define FL_CHECK_PROBE_IMPL_H

/* Private to the probe's parts. Owns: nothing. Threads: any. Limits: none. */

#include <jansson.h>

#include "engine/base/err.h"

/* Takes value (which may be NULL: FL_E_NOMEM). */
int fl_probe_set(json_t *object, const char *key, json_t *value, struct fl_err *reterr);
/* A JSON string of outside text: bytes that are not UTF-8 become '?'. NULL when memory ends. */
json_t *fl_probe_text(const char *text);

#endif
