#ifndef FL_POST_BANNER_H
#define FL_POST_BANNER_H

/* The DEGRADED banner of pictures: causes with their age, one a line.
 * Owns: nothing. Threads: one a canvas. Limits: FL_BANNER_LINES causes are shown, the rest is
 * counted. */

#include "stages/post/canvas.h"

#define FL_BANNER_LINES 3

/* Height [pixels] for these causes; 0 when text is NULL or "". */
double fl_banner_height(const char *degraded);
/* Across the whole width of the canvas, from y down. Nothing when there is no cause. */
void fl_banner_draw(struct fl_canvas *canvas, double y, const char *degraded);

#endif
