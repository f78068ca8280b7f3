#ifndef FL_SURGE_WAIT_H
#define FL_SURGE_WAIT_H

/* Waiting for a file to appear whole under its name, by the kernel's news of its folder.
 * Owns: nothing between calls. Threads: any. Limits: the caller's. */

#include <stdint.h>

#include "engine/base/err.h"

struct fl_world;

/* Called once when the file is not there at once. */
typedef void (*fl_wait_begin_fn)(const char *path, int64_t limit_s, void *arg);

/* Returns when path exists. FL_E_TIMEOUT after limit_s seconds, FL_E_NOENT when its folder does
 * not exist, FL_E_IO. */
int fl_surge_wait(const struct fl_world *world, const char *path, int64_t limit_s,
                  fl_wait_begin_fn begin, void *arg, struct fl_err *reterr);

#endif
