#ifndef FL_SURGE_OUTPUT_H
#define FL_SURGE_OUTPUT_H

/* What the model writes: fields at each lead, restarts, maxima, station series. Fields are gathered
 * on rank 0, which writes whole files and announces each.
 * Owns: gather buffers and the station series so far. Threads: one. Limits: FL_OUTPUT_SERIES_MAX
 * values of station series a run. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/time.h"

struct fl_contract;
struct fl_output;
struct fl_prov;
struct fl_stations;
struct fl_surge_grid;
struct fl_surge_settings;
struct fl_swe;

#define FL_OUTPUT_SERIES_MAX ((size_t)100 * 1000 * 1000)

/* All borrowed for the life of the output. contract and prov are used on rank 0 only. */
struct fl_output_setup {
    const struct fl_surge_settings *settings;
    const struct fl_surge_grid *grid;
    const struct fl_stations *stations;
    struct fl_contract *contract;
    struct fl_prov *prov;
    struct fl_swe *swe;
};

/* A summary of the field for the progress line. */
struct fl_output_extremes {
    double highest_m, highest_lat, highest_lon;
    double lowest_m;
};

/* Where a run stands that a restart file was read from. */
struct fl_restart {
    int64_t minute;       /* after our cycle */
    int64_t first_minute; /* of the series where they go on, else equal to minute */
    double cold_start_s;  /* start of the ramp, after our cycle */
    bool same_cycle;      /* then maxima go on */
    bool has_series;      /* of the same cycle and the same stations: they go on, too */
};

int fl_output_create(const struct fl_output_setup *setup, int64_t first_minute,
                     struct fl_output **ret_output, struct fl_err *reterr);
void fl_output_destroy(struct fl_output *output);
FL_DEFINE_AUTO(struct fl_output *, fl_output_destroy)

/* Each of these is collective. */

/* The stations' water levels now. */
void fl_output_record(struct fl_output *output, int64_t minute);
int fl_output_hour(struct fl_output *output, struct fl_lead lead,
                   struct fl_output_extremes *ret_extremes, struct fl_err *reterr);
int fl_output_restart(struct fl_output *output, struct fl_lead lead, double cold_start_s,
                      struct fl_err *reterr);
/* max.nc and stations.nc, at the end. */
int fl_output_final(struct fl_output *output, struct fl_lead lead, struct fl_err *reterr);

/* Collective: sets the model to the state in the restart file of the settings. Maxima go on when it
 * is of the same cycle, and start anew otherwise. FL_E_MISMATCH for another grid or a time outside
 * of the run, and the errors of reading. */
int fl_restart_read(const struct fl_output_setup *setup, struct fl_restart *ret_restart,
                    struct fl_err *reterr);
/* Collective: takes the series so far from the file, where they go on. */
int fl_output_resume(struct fl_output *output, const struct fl_restart *restart,
                     struct fl_err *reterr);

#endif
