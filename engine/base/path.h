#ifndef FL_BASE_PATH_H
#define FL_BASE_PATH_H

/* Names from outside are data: checks that a path stays under its root. No I/O.
 * Owns: nothing. Threads: any. Limits: FL_PATH_MAX bytes. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"

#define FL_PATH_MAX 4096

/* True for a relative path of plain components: no empty, "." or ".." component, no control
 * character, no backslash, at most FL_PATH_MAX - 1 bytes, components of at most 255. */
bool fl_path_is_safe(const char *path);
/* True for one plain component that is also not hidden. */
bool fl_name_is_safe(const char *name);
/* root "/" rel into path. FL_E_TOO_BIG; FL_E_PERM when rel is not safe. */
int fl_path_join(const char *root, const char *rel, char *path, size_t size, struct fl_err *reterr);
/* The part after the last slash. */
const char *fl_path_base(const char *path);

#endif
