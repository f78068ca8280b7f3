#ifndef FL_POST_RASTER_H
#define FL_POST_RASTER_H

/* One two-dimensional field on a regular longitude-latitude grid, and what maps and tables ask of
 * it. Pure. Owns: its arrays. Threads: one at a time. Limits: FL_RASTER_MAX points. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"

#define FL_RASTER_MAX ((size_t)64 * 1024 * 1024)
#define FL_EARTH_KM 6371.0 /* mean radius */

struct fl_raster {
    size_t nlat;
    size_t nlon;
    double *lat;  /* [degrees_north], (nlat), ascending, evenly spaced */
    double *lon;  /* [degrees_east], (nlon), ascending, evenly spaced */
    float *value; /* (nlat, nlon), last index fastest; missing is NaN */
};

struct fl_point {
    double lat;
    double lon;
};

/* All values NaN. FL_E_NOMEM, FL_E_TOO_BIG; FL_E_DATA below 2 x 2 points. */
int fl_raster_init(struct fl_raster *raster, size_t nlat, size_t nlon, struct fl_err *reterr);
void fl_raster_release(struct fl_raster *raster);
FL_DEFINE_AUTO_VALUE(struct fl_raster, fl_raster_release)
int fl_raster_copy(struct fl_raster *to, const struct fl_raster *from, struct fl_err *reterr);
/* FL_E_DATA unless lat and lon ascend in even steps (to 1 % of a step). */
int fl_raster_check_axes(const struct fl_raster *raster, struct fl_err *reterr);

/* Bilinear between the four points around; NaN outside and where one of the four is missing. */
double fl_raster_sample(const struct fl_raster *raster, double lat, double lon);
/* Gives missing points next to present ones the mean of these (8 neighbours), `rounds` times: a
 * margin for drawing up to the coast. FL_E_NOMEM. */
int fl_raster_spread(struct fl_raster *raster, int rounds, struct fl_err *reterr);

/* Index of the present point nearest to a place and its distance [km]; false when all are
 * missing. */
bool fl_raster_nearest(const struct fl_raster *raster, struct fl_point place, size_t *ret_index,
                       double *ret_km);
/* Index of the largest value, the first of equals; false when all are missing. */
bool fl_raster_peak(const struct fl_raster *raster, size_t *ret_index);
bool fl_raster_lowest(const struct fl_raster *raster, size_t *ret_index);
struct fl_point fl_raster_place(const struct fl_raster *raster, size_t index);

/* Great-circle distance [km] (haversine). */
double fl_distance_km(struct fl_point a, struct fl_point b);

#endif
