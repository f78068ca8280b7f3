/* Times that were taken, as a line of JSON. */
#include "config.h"

#include "bench/engine/took.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/banned.h"

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

void took_report(int64_t *took_ns, size_t count)
{
    const size_t late = count * 99 / 100;
    const size_t middle = count / 2;

    qsort(took_ns, count, sizeof(*took_ns), compare);
    (void)printf("{\"count\":%zu,\"median_ms\":%.4f,\"p99_ms\":%.4f,\"max_ms\":%.4f}\n", count,
                 (double)took_ns[middle] * 1e-6, (double)took_ns[late] * 1e-6,
                 (double)took_ns[count - 1] * 1e-6);
}
