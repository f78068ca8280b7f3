#ifndef FL_TOOLS_BACKGROUND_H
#define FL_TOOLS_BACKGROUND_H

/* A made-up calm atmosphere in GRIB2, packed and labelled as GFS labels its 0.5 degree files: weak
 * trade winds, 1010 to 1016 hPa, no storm. The same cycle and lead give the same bytes.
 * Owns: nothing. Threads: one at a time. Limits: a regular grid of 0.5 degrees. */

#include "engine/base/buf.h"
#include "engine/base/time.h"

/* Part of the globe covered [degrees]; longitudes as GFS has them, 0 to 360. */
struct fl_background_area {
    double west, east;   /* first and last longitude */
    double north, south; /* first and last latitude */
};

/* The globe, and the part around the Gulf of Mexico. */
extern const struct fl_background_area fl_background_globe;
extern const struct fl_background_area fl_background_gulf;

/* The fields at a place: eastward and northward wind at 10 m [m s-1], pressure at mean sea level
 * [Pa]; hours since the cycle. */
void fl_background_at(double lat, double lon, double hours, double *ret_u, double *ret_v,
                      double *ret_msl);

/* Appends the file of one lead: PRMSL, UGRD and VGRD at 850 mb (twice the wind at 10 m, so that a
 * wrong choice shows), TMP at 2 m, UGRD and VGRD at 10 m, TMP at the surface.
 * FL_E_BUG when ecCodes fails or the packed values do not decode to what was packed. */
int fl_background_file(const struct fl_background_area *area, struct fl_cycle cycle,
                       struct fl_lead lead, struct fl_buf *out, struct fl_err *reterr);

#endif
