#ifndef FL_POST_PAINT_H
#define FL_POST_PAINT_H

/* Filling a map frame with colour bands, and the colour bar that explains them.
 * Owns: nothing. Threads: one a canvas. Limits: none of its own. */

#include "stages/post/frame.h"

/* Bilinear from the grid to 2 x 2 samples a pixel, so that band edges are smooth lines. Where the
 * field is missing the picture stays as it is. FL_E_NOMEM. */
int fl_paint_field(struct fl_canvas *canvas, const struct fl_frame *frame,
                   const struct fl_raster *raster, const struct fl_bands *bands,
                   struct fl_err *reterr);
/* A vertical colour bar with a tick at each edge of a band; title above it. */
void fl_paint_bar(struct fl_canvas *canvas, const struct fl_bands *bands, struct fl_box box,
                  const char *title);

#endif
