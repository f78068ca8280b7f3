#ifndef FL_CORE_SNAPSHOT_IMPL_H
#define FL_CORE_SNAPSHOT_IMPL_H

/* Shared by the parts of the snapshot. Owns: nothing. Threads: one. Limits: those of snapshot.h. */

#include "engine/base/pack.h"
#include "engine/core/state.h"

struct fl_snap {
    struct fl_pack pack;
    struct fl_core *core; /* saving: never changed */
};

void fl_snap_bool(struct fl_snap *s, bool *value);
void fl_snap_json(struct fl_snap *s, json_t **value);
/* A list of numbers below `below`. */
void fl_snap_list(struct fl_snap *s, uint32_t **list, size_t *count, uint32_t below);
/* A number below `below`; another one spoils. */
void fl_snap_index(struct fl_snap *s, uint32_t *value, uint64_t below);
/* One run; loading makes it. */
void fl_snap_run(struct fl_snap *s, struct fl_run **run);

#endif
