#ifndef FL_POST_MARKS_H
#define FL_POST_MARKS_H

/* What is drawn over the field: track, arrows, places, extremes, and the legend's symbols.
 * Owns: nothing. Threads: one a canvas. Limits: none of its own. */

#include "stages/post/label.h"
#include "stages/post/map.h"

/* What a panel shows: its frame and, on a map with an inset, the part that is left to that: symbols
 * are drawn there, labels are not. */
struct fl_panel {
    struct fl_frame frame;
    bool has_hidden;
    struct fl_extent hidden;
};

/* Pixels an arrow is long for 1 m s-1. */
#define FL_ARROW_SCALE 34.0
/* A smaller extreme is not marked [m]. */
#define FL_EXTREME_MIN_M 0.1

/* The line and the fixes; the labels come later, by fl_marks_track_labels, when the symbols of
 * everything have taken their places. */
void fl_marks_track(struct fl_canvas *canvas, const struct fl_panel *panel,
                    const struct fl_track *track, const struct fl_cycle *valid,
                    struct fl_labels *labels);
/* Date and hour in UTC at each fix. */
void fl_marks_track_labels(struct fl_canvas *canvas, const struct fl_panel *panel,
                           const struct fl_track *track, struct fl_labels *labels);
/* Arrows on an even net of pixels, where the speed is above 0.1 m s-1. */
void fl_marks_arrows(struct fl_canvas *canvas, const struct fl_panel *panel,
                     const struct fl_raster *u, const struct fl_raster *v, double spacing);
/* Squares of the places and their labels. */
void fl_marks_places(struct fl_canvas *canvas, const struct fl_panel *panel,
                     const struct fl_map_place *places, size_t count, struct fl_labels *labels);
void fl_marks_place_labels(struct fl_canvas *canvas, const struct fl_panel *panel,
                           const struct fl_map_place *places, size_t count,
                           struct fl_labels *labels);
/* Diamond and value of the largest (or lowest) level inside the frame; with its position when
 * wanted. */
void fl_marks_extreme(struct fl_canvas *canvas, const struct fl_panel *panel,
                      const struct fl_raster *level, bool lowest, bool with_place,
                      struct fl_labels *labels);

/* Symbols alone, for the legend. */
void fl_mark_fix(struct fl_canvas *canvas, double x, double y);
void fl_mark_storm(struct fl_canvas *canvas, double x, double y);
void fl_mark_place(struct fl_canvas *canvas, double x, double y);
void fl_mark_diamond(struct fl_canvas *canvas, double x, double y);
void fl_mark_arrow(struct fl_canvas *canvas, double x, double y, double dx, double dy);

#endif
