#ifndef FL_SURGE_STATIONS_H
#define FL_SURGE_STATIONS_H

/* Places whose water level is recorded every minute, each at the nearest sea cell.
 * Owns: its list. Threads: one at a time. Limits: FL_STATIONS_MAX. */

#include <stddef.h>

#include "engine/base/err.h"

struct fl_surge_grid;

#define FL_STATIONS_MAX 1000
#define FL_STATION_TEXT 64

struct fl_station {
    char name[FL_STATION_TEXT];
    char id[FL_STATION_TEXT];
    double asked_lat, asked_lon; /* [degrees] as in the file */
    double lat, lon;             /* of the cell's centre */
    double km;                   /* between the two */
    size_t j, i;                 /* the cell */
};

struct fl_stations {
    struct fl_station *list;
    size_t count;
};

/* Reads a CSV file with the columns name, id, lat, lon (in any order, among others; text in double
 * quotes may hold commas). FL_E_DATA names file and line; also for a place with no sea cell within
 * within_km. */
int fl_stations_read(const char *path, const struct fl_surge_grid *grid, double within_km,
                     struct fl_stations *ret_stations, struct fl_err *reterr);
/* Room for count stations, all zero. FL_E_NOMEM. */
int fl_stations_init(struct fl_stations *stations, size_t count, struct fl_err *reterr);
void fl_stations_release(struct fl_stations *stations);
FL_DEFINE_AUTO_VALUE(struct fl_stations, fl_stations_release)

#endif
