#ifndef FL_COMMON_GRID_H
#define FL_COMMON_GRID_H

/* Latitude-longitude grids, the model grid's file, and bilinear interpolation between them.
 * Arrays are row by row from the south, each row from west to east: shape (nlat, nlon), index
 * j * nlon + i. Angles in degrees, longitudes of the model grid within -180..180.
 * Owns: its arrays. Threads: reading from any. Limits: FL_GRID_POINTS_MAX points an axis. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"

struct fl_nc;

#define FL_GRID_POINTS_MAX 100000
#define FL_EARTH_RADIUS_M 6371229.0 /* sphere of GRIB2, WMO code table 3.2, entry 6 */

/* The model grid: cell centres and, once known, what is sea. */
struct fl_grid {
    size_t nlat;
    size_t nlon;
    double *lat;       /* (nlat) ascending, even */
    double *lon;       /* (nlon) ascending, even */
    float *elevation;  /* (nlat, nlon) [m, positive up, mean sea level], interpolated relief */
    float *depth;      /* [m, positive down]; FL_NC_FILL on land */
    signed char *mask; /* 1 sea, 0 land */
};

/* cells_per_degree cells a degree fill the box exactly; centres lie inside it.
 * FL_E_CONFIG when the box does not hold a whole number (2 or more) of cells; FL_E_NOMEM. All land
 * at elevation 0 to begin with. */
int fl_grid_create(double west, double east, double south, double north, double cells_per_degree,
                   struct fl_grid **ret_grid, struct fl_err *reterr);
/* NULL is fine. */
void fl_grid_destroy(struct fl_grid *grid);
FL_DEFINE_AUTO(struct fl_grid *, fl_grid_destroy)

/* Reads lat, lon, depth, mask and elevation of a grid file. FL_E_MISMATCH and FL_E_DATA when it is
 * not one (names, units, order, even spacing, mask of 0 and 1, depth > 0 at sea are checked). */
int fl_grid_read(const struct fl_nc *nc, struct fl_grid **ret_grid, struct fl_err *reterr);
/* The same of a file by name. */
int fl_grid_load(const char *path, struct fl_grid **ret_grid, struct fl_err *reterr);

/* Spacing in degrees; largest side of a cell in metres, at the parallel nearest the equator. */
double fl_grid_dlat(const struct fl_grid *grid);
double fl_grid_dlon(const struct fl_grid *grid);
double fl_grid_cell_max_m(const struct fl_grid *grid);

/* Great-circle distance [m] between two points [degrees]. */
double fl_grid_distance_m(double lat_a, double lon_a, double lat_b, double lon_b);

/* Bilinear interpolation from a source with sorted axes to the model grid. */
struct fl_bilinear;

/* lat (nlat) and lon (nlon) [degrees] ascend, not necessarily evenly; longitudes in any range of at
 * most 360. A source that goes round the globe is closed over its seam. FL_E_MISMATCH names both
 * areas when the source does not hold the grid; FL_E_DATA for axes that do not ascend. */
int fl_bilinear_create(const double *lat, size_t nlat, const double *lon, size_t nlon,
                       const struct fl_grid *grid, struct fl_bilinear **ret_bilinear,
                       struct fl_err *reterr);
void fl_bilinear_destroy(struct fl_bilinear *bilinear);
FL_DEFINE_AUTO(struct fl_bilinear *, fl_bilinear_destroy)
/* True when it was made for these axes. */
bool fl_bilinear_fits(const struct fl_bilinear *bilinear, const double *lat, size_t nlat,
                      const double *lon, size_t nlon);
/* source: shape (nlat, nlon) of the source; target: shape of the grid. NaN where a corner that has
 * weight is NaN. Exact for fields linear in latitude and longitude. */
void fl_bilinear_apply(const struct fl_bilinear *bilinear, const double *source, double *target);

#endif
