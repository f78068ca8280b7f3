#ifndef FL_WORKER_BODY_H
#define FL_WORKER_BODY_H

/* What is started for an attempt: argument list and environment of the stage contract.
 * Owns: its texts. Threads: one at a time. Limits: FL_BODY_ITEMS_MAX arguments, as many variables.
 */

#include <stddef.h>

#include "engine/base/path.h"
#include "engine/worker/spec.h"
#include "engine/world/world.h"

#define FL_BODY_ITEMS_MAX 16384

struct fl_body_list {
    char **items; /* ends in NULL */
    size_t count;
    size_t room;
};

struct fl_body {
    char path[FL_PATH_MAX]; /* executable */
    struct fl_body_list argv;
    struct fl_body_list envp;
};

/* folder: the attempt's, absolute. socket: where the stage speaks to. tools: folder of
 * fairlead-event, or "". inherited: the environment that is passed on, but for FAIRLEAD_*. The
 * working folder is the stage's when it is called, so that "./run.sh" is found. FL_E_NOENT for a
 * program that is not there. */
int fl_body_init(struct fl_body *body, const struct fl_world *world, const struct fl_spec *spec,
                 const char *folder, const char *socket, const char *tools, char *const *inherited,
                 struct fl_err *reterr);
void fl_body_release(struct fl_body *body);

#endif
