#ifndef FL_BASE_MACRO_H
#define FL_BASE_MACRO_H

/* Asserts, cleanup on scope exit, and a few attributes.
 * Owns: nothing. Threads: any. Limits: none. */

#include <stddef.h>

/* Our own mistakes only; stays on in releases. Bad files, peers and users are errors, never
 * asserts. */
#define fl_assert(cond) \
    do { \
        if (__builtin_expect(!(cond), 0)) \
            fl_assert_failed(#cond, __FILE__, __LINE__); \
    } while (0)

#ifdef FL_ASSERT_SLOW
#define fl_assert_slow(cond) fl_assert(cond)
#else
#define fl_assert_slow(cond) ((void)sizeof(!(cond)))
#endif

/* Prints the condition and its place to standard error and aborts. */
_Noreturn void fl_assert_failed(const char *cond, const char *file, int line);

#define FL_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define FL_MUST_USE __attribute__((warn_unused_result))
#define FL_UNUSED __attribute__((unused))

/* fl_auto(fl_plan_destroy) struct fl_plan *plan = NULL; calls fl_plan_destroy(plan) at scope exit.
 * The destroy function is made usable with FL_DEFINE_AUTO(type, destroy), once, beside its
 * declaration. */
#define fl_auto(destroy) __attribute__((cleanup(destroy##_auto)))
#define FL_DEFINE_AUTO(type, destroy) \
    FL_UNUSED static inline void destroy##_auto(type *slot) \
    { \
        if (*slot) \
            destroy(*slot); \
    }
/* The same for a struct held by value: release(&value). */
#define FL_DEFINE_AUTO_VALUE(type, release) \
    FL_UNUSED static inline void release##_auto(type *value) \
    { \
        release(value); \
    }

/* Hands an fl_auto pointer out: the variable forgets it. */
#define FL_STEAL(pointer) \
    __extension__({ \
        __typeof__(pointer) stolen_ = (pointer); \
        (pointer) = NULL; \
        stolen_; \
    })

#endif
