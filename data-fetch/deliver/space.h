#ifndef FL_DELIVER_SPACE_H
#define FL_DELIVER_SPACE_H

/* Room at the destination. Who finds none says so, once, and waits until there is; of several
 * deliveries that wait at one destination the one whose bytes are needed first goes on first: each
 * has a file ORDER.PID in DIR/.fairlead/queue, locked while it lives, and called ORDER.PID.full
 * while it waits. Nothing tells when a file system gets room again: it is looked at, every quarter
 * of a second at first and every 15 s in the end.
 * Owns: its file in the queue. Threads: one at a time. Limits: none of its own. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/path.h"

struct fl_world;

typedef void (*fl_space_fn)(bool full, const char *text, void *arg);

struct fl_space {
    const struct fl_world *world;
    char dir[FL_PATH_MAX];
    char place[FL_PATH_MAX]; /* in the queue; "": it could not be made */
    int fd;
    int64_t order; /* lower goes first */
    fl_space_fn fn;
    void *arg;
    bool waits;
};

/* Takes its place in the queue. fn is told when it has to wait and when it goes on. */
void fl_space_open(struct fl_space *space, const struct fl_world *world, const char *dir,
                   int64_t order, fl_space_fn fn, void *arg);
void fl_space_close(struct fl_space *space);
/* Returns when there is room for so many bytes (and a little more). FL_E_IO. */
int fl_space_wait(struct fl_space *space, uint64_t bytes, struct fl_err *reterr);

#endif
