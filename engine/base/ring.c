/* The bounded queue. */
#include "config.h"

#include "engine/base/ring.h"

#include <stdint.h>
#include <stdlib.h>

#include "engine/base/banned.h"

struct fl_ring {
    size_t capacity;
    size_t first;
    size_t count;
    void *items[];
};

int fl_ring_create(size_t capacity, struct fl_ring **ret_ring, struct fl_err *reterr)
{
    struct fl_ring *ring;

    fl_assert(capacity >= 1);
    fl_assert(ret_ring);
    fl_assert(capacity <= (SIZE_MAX - sizeof(*ring)) / sizeof(ring->items[0]));
    ring = malloc(sizeof(*ring) + capacity * sizeof(ring->items[0])); /* nobody reads it unset */
    if (!ring)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "ring of %zu items: out of memory", capacity);
    ring->capacity = capacity;
    ring->first = ring->count = 0;
    *ret_ring = ring;
    return 0;
}

void fl_ring_destroy(struct fl_ring *ring)
{
    free(ring);
}

int fl_ring_push(struct fl_ring *ring, void *item)
{
    fl_assert(item);
    if (ring->count == ring->capacity)
        return FL_E_FULL;
    ring->items[(ring->first + ring->count) % ring->capacity] = item;
    ring->count++;
    return 0;
}

void *fl_ring_pop(struct fl_ring *ring)
{
    void *item = fl_ring_peek(ring);

    if (!item)
        return NULL;
    ring->first = (ring->first + 1) % ring->capacity;
    ring->count--;
    return item;
}

void *fl_ring_peek(const struct fl_ring *ring)
{
    return ring->count ? ring->items[ring->first] : NULL;
}

size_t fl_ring_count(const struct fl_ring *ring)
{
    return ring->count;
}
