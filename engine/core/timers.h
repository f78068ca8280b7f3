#ifndef FL_CORE_TIMERS_H
#define FL_CORE_TIMERS_H

/* Instances that wait for a time, and which of the times comes next, however many they are.
 * What is told follows from the set and the instances alone; the heap beside it only saves looking
 * through all of them each time.
 * Owns: the set and the heap. Threads: one at a time, also where the timers are const (the heap is
 * brought up to date when it is asked). Limits: those of the run; a heap that finds no memory is
 * done without. */

#include "engine/core/bits.h"

struct fl_inst;
struct fl_timer_heap;

struct fl_timers {
    struct fl_bits set;         /* instances that are ready from not_before_ns on */
    struct fl_timer_heap *heap; /* private */
};

/* For instances below count. FL_E_NOMEM. */
int fl_timers_init(struct fl_timers *timers, uint32_t count, struct fl_err *reterr);
void fl_timers_release(struct fl_timers *timers);
/* The instance's time is set, and stays as long as it is in the set. */
void fl_timers_add(struct fl_timers *timers, const struct fl_inst *insts, uint32_t inst);
void fl_timers_drop(struct fl_timers *timers, uint32_t inst);
/* The first time after since_ns, or INT64_MAX. Costs what the times cost that have come since it
 * was asked last. */
int64_t fl_timers_after_ns(const struct fl_timers *timers, const struct fl_inst *insts,
                           int64_t since_ns);

#endif
