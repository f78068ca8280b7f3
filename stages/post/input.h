#ifndef FL_POST_INPUT_H
#define FL_POST_INPUT_H

/* Reading what the surge model writes: hourly fields, maxima, station series.
 * Owns: the arrays of what was read. Threads: one thread of a process reads NetCDF.
 * Limits: FL_STATIONS_MAX stations, FL_SERIES_MAX times. */

#include "stages/post/raster.h"
#include "engine/base/time.h"

#define FL_STATIONS_MAX 64
#define FL_SERIES_MAX ((size_t)1000 * 1000)
#define FL_STATION_NAME_MAX 96

struct fl_prov;

/* One output time. Fields that are not in the file have nlat 0. */
struct fl_hour {
    struct fl_cycle cycle; /* the epoch of the time axis */
    struct fl_cycle valid;
    struct fl_raster zeta; /* [m] */
    struct fl_raster u;    /* [m s-1] depth-averaged */
    struct fl_raster v;
    struct fl_raster zeta_max;    /* [m] so far */
    struct fl_raster time_of_max; /* [s] since cycle */
    struct fl_raster depth;       /* [m] */
};

struct fl_maximum {
    struct fl_cycle cycle;
    bool has_period;
    struct fl_cycle from; /* of time_coverage_start and _end */
    struct fl_cycle to;
    struct fl_raster zeta_max;    /* [m] */
    struct fl_raster time_of_max; /* [s] since cycle */
};

struct fl_station {
    char name[FL_STATION_NAME_MAX];
    struct fl_point cell; /* centre of the model cell */
    double distance_km;   /* from the place asked for; NaN when the file does not say */
};

struct fl_series {
    struct fl_cycle cycle;
    size_t station_count;
    struct fl_station station[FL_STATIONS_MAX];
    size_t time_count;
    double *time_s; /* (time_count), since cycle, ascending */
    float *zeta;    /* (station, time) [m]; missing is NaN */
};

/* Each reads a file and, when prov is not NULL, merges its sources and marks into it.
 * FL_E_NOENT, FL_E_DATA, FL_E_MISMATCH with file and variable. */
int fl_hour_read(const char *path, struct fl_prov *prov, struct fl_hour *ret_hour,
                 struct fl_err *reterr);
void fl_hour_release(struct fl_hour *hour);
FL_DEFINE_AUTO_VALUE(struct fl_hour, fl_hour_release)

int fl_maximum_read(const char *path, struct fl_prov *prov, struct fl_maximum *ret_maximum,
                    struct fl_err *reterr);
void fl_maximum_release(struct fl_maximum *maximum);
FL_DEFINE_AUTO_VALUE(struct fl_maximum, fl_maximum_release)

int fl_series_read(const char *path, struct fl_prov *prov, struct fl_series *ret_series,
                   struct fl_err *reterr);
void fl_series_release(struct fl_series *series);
FL_DEFINE_AUTO_VALUE(struct fl_series, fl_series_release)

#endif
