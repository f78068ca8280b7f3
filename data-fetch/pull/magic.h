#ifndef FL_FETCH_MAGIC_H
#define FL_FETCH_MAGIC_H

/* Whether the first bytes of a file fit its name: an error page that came with status 200 is not a
 * NetCDF file, whatever its name. Pure. Owns: the table of names. Threads: any.
 * Limits: names without a known ending may hold anything but a web page. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"

#define FL_MAGIC_BYTES 512 /* as much of the file is looked at */

/* FL_E_DATA says what the bytes are and what the name promises. */
int fl_magic_check(const char *name, const void *head, size_t size, struct fl_err *reterr);

#endif
