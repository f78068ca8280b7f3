#ifndef FL_BASE_TEXT_H
#define FL_BASE_TEXT_H

/* Texts on the heap. Owns: nothing. Threads: any. Limits: none of its own. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"

/* Replaces an owned text by a copy of another (NULL clears, which cannot fail). FL_E_NOMEM: *field
 * is what it was. */
int fl_text_set(char **field, const char *text, struct fl_err *reterr);

/* True for well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool fl_text_is_utf8(const char *text, size_t size);

#define FL_TEXT_DISTANCE_BYTES 64
/* Levenshtein distance (bytes put in, taken out or changed) of the first FL_TEXT_DISTANCE_BYTES of
 * two names: to tell a slip from another name. */
size_t fl_text_distance(const char *a, const char *b);

#endif
