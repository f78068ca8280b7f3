/* Settings of the heap. */
#include "config.h"

#include "engine/world/memory.h"

#include <malloc.h>

#include "engine/base/banned.h"

void fl_memory_tune(void)
{
#ifdef M_MXFAST
    (void)mallopt(M_MXFAST, 0); /* a setting that is not taken costs only time */
#endif
}
