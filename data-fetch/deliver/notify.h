#ifndef FL_DELIVER_NOTIFY_H
#define FL_DELIVER_NOTIFY_H

/* Telling others of a set by a POST of JSON to their URLs: {"event":"delivered"|"withdrawn"|
 * "retired","set","run","folder","manifest","files","bytes",…}. A listener that does not answer
 * holds nothing up: it is tried FL_NOTIFY_TRIES times within a minute, then a warning says so.
 * Owns: nothing between calls. Threads: one at a time. Limits: FL_NOTIFY_MAX URLs. */

#include <jansson.h>
#include <stddef.h>

#include "engine/base/err.h"

#define FL_NOTIFY_MAX 8
#define FL_NOTIFY_TRIES 3

struct fl_world;

struct fl_notify {
    const char *urls[FL_NOTIFY_MAX];
    size_t count;
};

/* An option's value. FL_E_FULL, FL_E_USAGE for what is no http(s) URL. */
int fl_notify_add(struct fl_notify *notify, const char *url, struct fl_err *reterr);
/* Takes body (NULL is a lack of memory). How many were not reached, or FL_E_NOMEM. */
int fl_notify_send(const struct fl_notify *notify, const struct fl_world *world, json_t *body,
                   struct fl_err *reterr);

#endif
