#ifndef FL_POST_FRAME_H
#define FL_POST_FRAME_H

/* The map projection: equirectangular, true to scale at the middle latitude, and the graticule.
 * Pure but for drawing on a canvas. Owns: nothing. Threads: one a canvas. Limits: the extent does
 * not cross the date line. */

#include <stdbool.h>

#include "stages/post/canvas.h"
#include "stages/post/raster.h"

struct fl_extent { /* degrees */
    double west;
    double east;
    double south;
    double north;
};

struct fl_frame {
    struct fl_box box; /* pixels */
    struct fl_extent extent;
};

/* FL_E_DATA unless west < east, south < north, all within -180..360 and -89..89. */
int fl_extent_check(const struct fl_extent *extent, struct fl_err *reterr);
/* The outer edge of a grid's cells. */
struct fl_extent fl_extent_of(const struct fl_raster *raster);
/* Height that belongs to a width at equal scale in both directions (at the middle latitude). */
double fl_extent_height(const struct fl_extent *extent, double width);

double fl_frame_x(const struct fl_frame *frame, double lon);
double fl_frame_y(const struct fl_frame *frame, double lat);
double fl_frame_lon(const struct fl_frame *frame, double x);
double fl_frame_lat(const struct fl_frame *frame, double y);
bool fl_frame_has(const struct fl_frame *frame, struct fl_point place);
/* Pixels a kilometre along the middle latitude. */
double fl_frame_pixels_per_km(const struct fl_frame *frame);

/* Lines each whole step, and the degrees outside the frame when labels is set. */
void fl_frame_graticule(const struct fl_frame *frame, struct fl_canvas *canvas, bool labels);
void fl_frame_border(const struct fl_frame *frame, struct fl_canvas *canvas, double width);

#endif
