#ifndef FL_FETCH_BUNZIP_H
#define FL_FETCH_BUNZIP_H

/* bzip2 unpacked while it comes; several streams one after the other are one file.
 * Owns: libbz2's state. Threads: one at a time. Limits: FL_BUNZIP_PIECE bytes a call of emit. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"

#define FL_BUNZIP_PIECE ((size_t)64 * 1024)

struct fl_bunzip;
typedef int (*fl_bunzip_emit_fn)(const void *data, size_t size, struct fl_err *reterr, void *arg);

/* FL_E_NOMEM. Free with fl_bunzip_destroy. */
int fl_bunzip_create(fl_bunzip_emit_fn emit, void *arg, struct fl_bunzip **ret_bunzip,
                     struct fl_err *reterr);
void fl_bunzip_destroy(struct fl_bunzip *bunzip);
FL_DEFINE_AUTO(struct fl_bunzip *, fl_bunzip_destroy)
/* FL_E_DATA with the byte of the packed file; the errors of emit. */
int fl_bunzip_add(struct fl_bunzip *bunzip, const void *data, size_t size, struct fl_err *reterr);
/* FL_E_DATA when the file ends inside a stream, or was empty. */
int fl_bunzip_end(struct fl_bunzip *bunzip, struct fl_err *reterr);

#endif
