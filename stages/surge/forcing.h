#ifndef FL_SURGE_FORCING_H
#define FL_SURGE_FORCING_H

/* The air above the model: wind and pressure fields from force files, taken as the files arrive.
 * Two times are held, around the moment that the model is at. Rank 0 reads; all ranks get their
 * rows.
 * Owns: the open file, the list of files, field buffers. Threads: one. Limits: FL_FORCING_TIMES_MAX
 * fields a file. */

#include <stddef.h>

#include "engine/base/err.h"
#include "engine/base/time.h"

struct fl_contract;
struct fl_forcing;
struct fl_prov;
struct fl_surge_grid;
struct fl_surge_settings;
struct fl_swe;

#define FL_FORCING_TIMES_MAX ((size_t)100000)

/* What a forcing needs; all borrowed for its life. */
struct fl_forcing_setup {
    const struct fl_surge_settings *settings;
    const struct fl_surge_grid *grid;
    const struct fl_contract *contract; /* inputs.json; may be NULL */
    struct fl_prov *prov;               /* gets inputs, sources and marks as files are used */
    struct fl_swe *swe;                 /* gets the fields */
};

/* Starts before the file that holds start_s, the run's first second after the cycle. */
int fl_forcing_create(const struct fl_forcing_setup *setup, double start_s,
                      struct fl_forcing **ret_forcing, struct fl_err *reterr);
void fl_forcing_destroy(struct fl_forcing *forcing);
FL_DEFINE_AUTO(struct fl_forcing *, fl_forcing_destroy)

/* Collective: reads on, waiting for files, until the two times held are around time_s [s since
 * cycle]; *ret_weight is the weight of the second.
 * FL_E_TIMEOUT when a file does not appear, FL_E_MISMATCH for a file on another grid, of another
 * time, with other units; FL_E_DATA for missing, absurd or non-numbers and for gaps in time. */
int fl_forcing_reach(struct fl_forcing *forcing, double time_s, double *ret_weight,
                     struct fl_err *reterr);

#endif
