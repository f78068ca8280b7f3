#ifndef FL_SURGE_GRID_H
#define FL_SURGE_GRID_H

/* The model's grid: an evenly spaced longitude-latitude grid with depth and sea mask.
 * Owns: its arrays. Threads: one at a time. Limits: FL_GRID_SIDE_MAX cells a side. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"
#include "stages/common/grid.h"

struct fl_nc;

#define FL_GRID_SIDE_MAX ((size_t)20000)

/* Shape (nlat, nlon), last index fastest; row 0 is the southernmost, column 0 the westernmost. */
struct fl_surge_grid {
    size_t nlat;
    size_t nlon;
    double *lat;      /* [degrees north], nlat, ascending */
    double *lon;      /* [degrees east], nlon, ascending */
    double *depth;    /* [m], positive down from mean sea level; 0 on land */
    signed char *sea; /* 1 sea, 0 land */
};

/* Zeroed arrays. FL_E_NOMEM, FL_E_TOO_BIG. */
int fl_surge_grid_init(struct fl_surge_grid *grid, size_t nlat, size_t nlon, struct fl_err *reterr);
void fl_surge_grid_release(struct fl_surge_grid *grid);
FL_DEFINE_AUTO_VALUE(struct fl_surge_grid, fl_surge_grid_release)

/* Takes a grid file that fl_grid_read accepts, whose sea is deeper than min_depth_m everywhere
 * (else FL_E_DATA with the place), and that has sea at all. */
int fl_surge_grid_read(const struct fl_nc *nc, double min_depth_m, struct fl_surge_grid *ret_grid,
                       struct fl_err *reterr);

/* The sea cell nearest to a place; false when there is none. */
bool fl_surge_grid_nearest(const struct fl_surge_grid *grid, double lat, double lon, size_t *ret_j,
                           size_t *ret_i, double *ret_km);

#define FL_PLACE_TEXT 40
/* "29.812 N 85.312 W". */
void fl_surge_place(double lat, double lon, char text[static FL_PLACE_TEXT]);

#endif
