#ifndef FL_SURGE_SWE_IMPL_H
#define FL_SURGE_SWE_IMPL_H

/* Private to swe.c, swe_halo.c and swe_step.c.
 * Owns: nothing. Threads: one. Limits: none. */

#include "stages/surge/swe.h"

/* Before a loop whose rounds do not depend on each other: restrict alone does not convince gcc 12.
 */
#if defined(__clang__)
#define FL_NO_ALIAS _Pragma("clang loop vectorize(assume_safety)")
#else
#define FL_NO_ALIAS _Pragma("GCC ivdep")
#endif

static inline bool fl_swe_is_bottom(const struct fl_swe *swe)
{
    return swe->mpi.rank == 0;
}

static inline bool fl_swe_is_top(const struct fl_swe *swe)
{
    return swe->mpi.rank == swe->mpi.size - 1;
}

#endif
