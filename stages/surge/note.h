#ifndef FL_SURGE_NOTE_H
#define FL_SURGE_NOTE_H

/* Noting an input file in the provenance: its digest, what it carries, what inputs.json says of it.
 * Owns: nothing. Threads: one. Limits: those of prov. */

#include "engine/base/err.h"

struct fl_contract;
struct fl_nc;
struct fl_prov;

/* nc is the open file when it is a NetCDF file, else NULL. contract may be NULL. */
int fl_surge_note(struct fl_prov *prov, const struct fl_contract *contract, const char *path,
                  const struct fl_nc *nc, struct fl_err *reterr);

#endif
