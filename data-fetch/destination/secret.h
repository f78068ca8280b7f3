#ifndef FL_DESTINATION_SECRET_H
#define FL_DESTINATION_SECRET_H

/* Secrets by reference: "secret:NAME" is the file NAME of the site's folder of secrets. The file
 * must be a regular one that only its owner may read. Its content is never in an error text.
 * Owns: nothing. Threads: any. Limits: FL_SECRET_MAX bytes. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"

#define FL_SECRET_MAX 4096

struct fl_world;

/* "secret:" and a plain file name follows. */
bool fl_secret_is_reference(const char *text);
/* Path of the file, checked. FL_E_CONFIG for what is no reference or when there is no folder,
 * FL_E_NOENT, FL_E_PERM when others may read or write it. */
int fl_secret_path(const struct fl_world *world, const char *folder, const char *reference,
                   char *path, size_t size, struct fl_err *reterr);
/* Its first line. Also FL_E_TOO_BIG, FL_E_CONFIG for an empty one or one with control characters.
 * Wipe it with fl_secret_wipe. */
int fl_secret_read(const struct fl_world *world, const char *folder, const char *reference,
                   char *out, size_t size, struct fl_err *reterr);
void fl_secret_wipe(void *data, size_t size);

#endif
