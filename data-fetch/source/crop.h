#ifndef FL_FETCH_CROP_H
#define FL_FETCH_CROP_H

/* Cutting an area out of a GRIB2 field on a regular latitude-longitude grid, without loss: the
 * whole numbers that the field is packed as are kept with their reference value and scale factors,
 * so that each point decodes to the value that it had; they are written with simple packing,
 * whatever packing they came in (a bit map where points are missing). Owns: nothing. Threads: one
 * at a time. Limits: those of a message. Source: WMO Manual on Codes, FM 92 GRIB edition 2,
 * templates 3.0 and 5.0. */

#include "engine/base/buf.h"

/* [degrees]; from west eastwards to east, also over the date line and the prime meridian. */
struct fl_area {
    double north;
    double west;
    double south;
    double east;
};

/* "N/W/S/E", such as 50/-100/10/-60. FL_E_CONFIG says what is wrong. */
int fl_area_parse(const char *text, struct fl_area *ret_area, struct fl_err *reterr);

/* Appends the field cut to the grid points within the area. handle: ecCodes' codes_handle of the
 * field. FL_E_UNSUPPORTED names the grid or packing that cannot be cut; FL_E_MISMATCH when no grid
 * point lies in the area; FL_E_DATA, FL_E_NOMEM. */
int fl_crop_field(const void *data, size_t size, void *handle, const struct fl_area *area,
                  struct fl_buf *out, struct fl_err *reterr);

#endif
