#ifndef FL_WORKER_GUARD_H
#define FL_WORKER_GUARD_H

/* Inputs that a stage sees by a link are the accepted files themselves: whether it changed one.
 * Owns: its list. Threads: one at a time. Limits: sees size, time of change and identity of a file,
 * not its bytes. */

#include <jansson.h>
#include <stddef.h>

#include "engine/world/world.h"

struct fl_guard_file {
    char *path; /* of the accepted file */
    char *file; /* its name in DATA */
    struct fl_stat was;
};

struct fl_guard {
    struct fl_guard_file *files;
    size_t count;
};

/* Notes how the inputs stand in folder now; those that were copied are the stage's own. */
int fl_guard_init(struct fl_guard *guard, const struct fl_world *world, const char *folder,
                  const json_t *inputs, struct fl_err *reterr);
void fl_guard_release(struct fl_guard *guard);
/* FL_E_CONFIG names the first input that is not as it was. */
int fl_guard_check(const struct fl_guard *guard, const struct fl_world *world,
                   struct fl_err *reterr);

#endif
