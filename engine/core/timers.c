/* A heap of times over a set. What leaves the set stays in the heap until its time comes. */
#include "config.h"

#include "engine/core/timers.h"

#include <stdlib.h>

#include "engine/core/state.h"

#include "engine/base/banned.h"

#define STALE_MAX 64 /* and as many as the set has: then the heap is made anew */

struct timer {
    int64_t at_ns;
    uint32_t inst;
};

struct fl_timer_heap {
    struct timer *items;
    size_t count;
    size_t room;
    int64_t since_ns; /* no time up to here is in it any more */
    bool valid;       /* all later times of the set are in it */
};

int fl_timers_init(struct fl_timers *timers, uint32_t count, struct fl_err *reterr)
{
    timers->heap = calloc(1, sizeof(*timers->heap));
    if (!timers->heap)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the state of the runs");
    return fl_bits_init(&timers->set, count, reterr);
}

void fl_timers_release(struct fl_timers *timers)
{
    fl_bits_release(&timers->set);
    if (timers->heap)
        free(timers->heap->items);
    free(timers->heap);
    timers->heap = NULL;
}

static bool is_before(const struct timer *a, const struct timer *b)
{
    return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->inst < b->inst);
}

static bool heap_push(struct fl_timer_heap *heap, struct timer timer)
{
    size_t at = heap->count;

    if (heap->count == heap->room) {
        size_t room = heap->room ? heap->room * 2 : 64;
        struct timer *items = realloc(heap->items, room * sizeof(*items));

        if (!items)
            return false;
        heap->items = items;
        heap->room = room;
    }
    heap->count++;
    for (; at > 0 && is_before(&timer, &heap->items[(at - 1) / 2]); at = (at - 1) / 2)
        heap->items[at] = heap->items[(at - 1) / 2];
    heap->items[at] = timer;
    return true;
}

static void heap_pop(struct fl_timer_heap *heap)
{
    struct timer last = heap->items[--heap->count];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < heap->count && is_before(&heap->items[child + 1], &heap->items[child]))
            child++;
        if (child >= heap->count || !is_before(&heap->items[child], &last))
            break;
        heap->items[at] = heap->items[child];
        at = child;
    }
    if (heap->count > 0)
        heap->items[at] = last;
}

void fl_timers_add(struct fl_timers *timers, const struct fl_inst *insts, uint32_t inst)
{
    struct fl_timer_heap *heap = timers->heap;
    struct timer timer = {insts[inst].not_before_ns, inst};

    fl_bits_add(&timers->set, inst);
    if (heap->valid && timer.at_ns > heap->since_ns)
        heap->valid =
            heap->count <= 2 * (size_t)timers->set.members + STALE_MAX && heap_push(heap, timer);
}

void fl_timers_drop(struct fl_timers *timers, uint32_t inst)
{
    fl_bits_drop(&timers->set, inst);
}

static int64_t look_through(const struct fl_timers *timers, const struct fl_inst *insts,
                            int64_t since_ns)
{
    int64_t next = INT64_MAX;

    for (uint32_t i = fl_bits_next(&timers->set, 0); i != FL_BITS_NONE;
         i = fl_bits_next(&timers->set, i + 1))
        if (insts[i].not_before_ns > since_ns && insts[i].not_before_ns < next)
            next = insts[i].not_before_ns;
    return next;
}

/* All times after since_ns. */
static void heap_make(const struct fl_timers *timers, const struct fl_inst *insts, int64_t since_ns)
{
    struct fl_timer_heap *heap = timers->heap;

    heap->count = 0;
    heap->since_ns = since_ns;
    heap->valid = true;
    for (uint32_t i = fl_bits_next(&timers->set, 0); i != FL_BITS_NONE && heap->valid;
         i = fl_bits_next(&timers->set, i + 1))
        if (insts[i].not_before_ns > since_ns)
            heap->valid = heap_push(heap, (struct timer){insts[i].not_before_ns, i});
}

/* Its instance waits for this time. */
static bool is_true(const struct fl_timers *timers, const struct fl_inst *insts,
                    const struct timer *timer)
{
    return fl_bits_has(&timers->set, timer->inst) &&
           insts[timer->inst].not_before_ns == timer->at_ns;
}

int64_t fl_timers_after_ns(const struct fl_timers *timers, const struct fl_inst *insts,
                           int64_t since_ns)
{
    struct fl_timer_heap *heap = timers->heap;

    if (timers->set.members == 0)
        return INT64_MAX;
    if (!heap->valid || since_ns < heap->since_ns) /* a clock may jump back */
        heap_make(timers, insts, since_ns);
    if (!heap->valid)
        return look_through(timers, insts, since_ns);
    heap->since_ns = since_ns;
    while (heap->count > 0 &&
           (heap->items[0].at_ns <= since_ns || !is_true(timers, insts, &heap->items[0])))
        heap_pop(heap);
    return heap->count > 0 ? heap->items[0].at_ns : INT64_MAX;
}
