#ifndef FL_DELIVER_HASHES_H
#define FL_DELIVER_HASHES_H

/* Whether a name was seen before, among very many: 64 bits of its SHA-256 each.
 * Owns: the table. Threads: one at a time. Limits: 16 bytes a name at most, once it has grown. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

struct fl_hashes {
    uint64_t *table; /* 0: free */
    size_t room;
    size_t count;
};

/* FL_E_EXISTS when it was there already. FL_E_NOMEM. */
int fl_hashes_add(struct fl_hashes *hashes, const char *name, struct fl_err *reterr);
void fl_hashes_release(struct fl_hashes *hashes);

#endif
