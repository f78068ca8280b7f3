#ifndef FL_BASE_IDS_H
#define FL_BASE_IDS_H

/* Ids as one-member structs, so that mixing kinds fails to compile. */

#include <stdint.h>

struct fl_stage_id { /* index of a stage in its workflow */
    uint32_t v;
};
struct fl_instance_id { /* index of an instance in its run */
    uint32_t v;
};
struct fl_run_id { /* index of a run in the state, in order of creation */
    uint32_t v;
};
struct fl_seq { /* number of an event, from 1 */
    uint64_t v;
};

#endif
