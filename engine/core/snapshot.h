#ifndef FL_CORE_SNAPSHOT_H
#define FL_CORE_SNAPSHOT_H

/* The whole live state as bytes, and back: what a start needs besides the events that came later.
 * One walk saves and loads (engine/base/pack.h). What follows from the rest (tables of names, who
 * offers what) is made anew. Compiled workflows are named by digest, not held.
 * A new field of the state must be walked here, and the format number raised (test_snapshot knows
 * what the structs were). A snapshot of another format is not read: the events are replayed.
 * Owns: nothing. Threads: one at a time. Limits: FL_SNAPSHOT_MAX bytes. */

#include "engine/base/buf.h"
#include "engine/core/core.h"

#define FL_SNAPSHOT_FORMAT 10
#define FL_SNAPSHOT_MAX ((size_t)1024 * 1024 * 1024)

/* Appends the state to out. FL_E_TOO_BIG: more than the buffer may hold. */
int fl_core_save(const struct fl_core *core, struct fl_buf *out, struct fl_err *reterr);

/* Makes a workflow known to the core by its digest (fl_core_add_workflow). */
typedef int (*fl_core_need_fn)(struct fl_core *core, const char *digest, void *arg,
                               struct fl_err *reterr);
/* A core in the state that was saved. FL_E_UNSUPPORTED: of another format. FL_E_DATA: not what
 * fl_core_save has made, or of a workflow that has changed; FL_E_NOMEM; errors of need. */
int fl_core_load(const void *data, size_t size, fl_core_need_fn need, void *arg,
                 struct fl_core **ret_core, struct fl_err *reterr);

#endif
