#ifndef FL_BASE_RING_H
#define FL_BASE_RING_H

/* A first-in first-out queue of pointers with a fixed limit.
 * Owns: its slots, never what the pointers point to. Threads: one at a time. Limits: capacity. */

#include <stddef.h>

#include "engine/base/err.h"

struct fl_ring;

/* capacity >= 1. FL_E_NOMEM. Free with fl_ring_destroy. */
int fl_ring_create(size_t capacity, struct fl_ring **ret_ring, struct fl_err *reterr);
void fl_ring_destroy(struct fl_ring *ring);
FL_DEFINE_AUTO(struct fl_ring *, fl_ring_destroy)

/* FL_E_FULL when capacity items are queued: nothing is dropped. item is not NULL. */
int fl_ring_push(struct fl_ring *ring, void *item);
/* The oldest item, or NULL when empty. */
void *fl_ring_pop(struct fl_ring *ring);
void *fl_ring_peek(const struct fl_ring *ring);
size_t fl_ring_count(const struct fl_ring *ring);

#endif
