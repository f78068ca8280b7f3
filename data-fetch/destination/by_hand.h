#ifndef FL_DESTINATION_BY_HAND_H
#define FL_DESTINATION_BY_HAND_H

/* What people do with destinations: trying one step by step, and bringing files there.
 * Owns: nothing between calls. Threads: one at a time. Limits: those of destination.h. */

#include "data-fetch/destination/destination.h"

struct fl_site;

/* Opens what --to says: a name of the site file, or a folder when it has a slash in it. */
int fl_destination_named(const struct fl_world *world, const struct fl_site *site, const char *name,
                         struct fl_destination **ret_dest, struct fl_err *reterr);

/* How a step went. rc 0: words say what was found; else why it failed and what may help. */
typedef void (*fl_dest_step_fn)(const char *step, int rc, const char *words, void *arg);
/* Tries each step with a small set and removes it again: reaching, space, sending, reading back,
 * publishing, resuming where it is told, removing. The first error. */
int fl_destination_try(struct fl_destination *dest, fl_dest_step_fn step, void *arg,
                       struct fl_err *reterr);

#endif
