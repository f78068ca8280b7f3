#ifndef FL_PREP_PREP_H
#define FL_PREP_PREP_H

/* fairlead-prep: the model grid from a relief, and the forcing of a model from GRIB winds and a
 * best track. The two commands of the program; the parts are in domain.h, background.h, track.h
 * and vortex.h.
 * Owns: nothing between calls. Threads: one (NetCDF). Limits: FL_PREP_GRIBS_MAX GRIB files,
 * FL_PREP_STEPS_MAX times a file. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"
#include "engine/base/time.h"

#define FL_PREP_PROGRAM "fairlead-prep"
#define FL_PREP_GRIBS_MAX 64
#define FL_PREP_STEPS_MAX 4096

struct fl_contract;

/* fairlead-prep grid. */
struct fl_prep_grid_options {
    const char *cfg;
    const char *to;     /* a relative name goes below FAIRLEAD_OUTPUT_DIR when that is set */
    const char *output; /* announced under this name */
};

/* fairlead-prep forcing. */
struct fl_prep_forcing_options {
    const char *cfg;
    const char *grid;
    const char *gribs[FL_PREP_GRIBS_MAX];
    size_t grib_count;
    struct fl_cycle cycle;
    struct fl_lead from; /* the file covers (from, lead]; equal: that one time */
    struct fl_lead lead;
    const char *bridged; /* cause that allows a wide gap; NULL: only as inputs.json says */
    const char *to;
    const char *output;
};

/* Makes the grid file and announces it. FL_E_CONFIG, FL_E_NOENT, FL_E_DATA, FL_E_MISMATCH, and the
 * errors of files and of the contract. */
int fl_prep_grid(const struct fl_prep_grid_options *options, struct fl_contract *contract,
                 struct fl_err *reterr);
/* Makes the forcing file and announces it. FL_E_MISMATCH when the GRIB files do not hold what was
 * asked for (times, area, parameters), FL_E_DATA when they are broken; else as above. */
int fl_prep_forcing(const struct fl_prep_forcing_options *options, struct fl_contract *contract,
                    struct fl_err *reterr);

#endif
