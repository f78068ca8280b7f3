#ifndef FL_POST_JOB_H
#define FL_POST_JOB_H

/* The two jobs of fairlead-post: a map and a product for one output time, and the summary of a
 * run. Both read the settings, check what they read against the run they are part of, write their
 * files whole, and announce them.
 * Owns: nothing between calls. Threads: one thread of a process calls NetCDF.
 * Limits: a few fields in memory. */

#include "engine/base/err.h"

struct fl_contract;
struct fl_world;

#define FL_POST_PROGRAM "fairlead-post " PACKAGE_VERSION

struct fl_job_map {
    const char *settings;
    const char *field;   /* surge.fLLL.nc */
    const char *map;     /* PNG to write; NULL: none */
    const char *product; /* NetCDF to write; NULL: none */
};

struct fl_job_summary {
    const char *settings;
    const char *max;      /* max.nc */
    const char *stations; /* stations.nc */
    const char *folder;   /* where max.png, max.nc, stations.csv, stations.png, peaks.csv go */
};

/* Outputs `map` and `product` with the lead. FL_E_MISMATCH when the field is of another cycle or
 * lead than the environment says; the errors of the parts. */
int fl_job_map(const struct fl_world *world, struct fl_contract *contract,
               const struct fl_job_map *job, struct fl_err *reterr);
/* Outputs `max_map`, `max`, `series`, `plot`, `peaks`; prints the table of peaks. */
int fl_job_summary(const struct fl_world *world, struct fl_contract *contract,
                   const struct fl_job_summary *job, struct fl_err *reterr);

#endif
