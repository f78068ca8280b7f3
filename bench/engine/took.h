#ifndef FL_BENCH_ENGINE_TOOK_H
#define FL_BENCH_ENGINE_TOOK_H

/* Times that were taken, told. Owns: nothing. Threads: one. Limits: none. */

#include <stddef.h>
#include <stdint.h>

/* Sorts count (> 0) times in nanoseconds, and prints a line of JSON: count, median, p99 and maximum
 * in milliseconds. */
void took_report(int64_t *took_ns, size_t count);

#endif
