#ifndef FL_POST_LABEL_H
#define FL_POST_LABEL_H

/* Labels that do not cover each other: each takes the first free place around its point.
 * Owns: the list of taken boxes. Threads: one at a time. Limits: FL_LABELS_MAX boxes; what is
 * beyond is drawn without a check. */

#include "stages/post/canvas.h"

#define FL_LABELS_MAX 512

struct fl_labels {
    struct fl_box bounds; /* labels stay inside */
    size_t count;
    struct fl_box taken[FL_LABELS_MAX];
};

/* Where a label goes first. */
enum fl_side { FL_SIDE_EAST, FL_SIDE_WEST };

void fl_labels_init(struct fl_labels *labels, struct fl_box bounds);
/* Keeps labels off a box. */
void fl_labels_block(struct fl_labels *labels, struct fl_box box);
/* Draws text beside the point (x, y), gap pixels from it, the first of: the side asked for, the
 * other one, above, below, the corners, then the same further out with a thin line to the point.
 * False when no place was free: nothing is drawn. */
bool fl_labels_put(struct fl_labels *labels, struct fl_canvas *canvas,
                   const struct fl_text_style *style, enum fl_side side, double x, double y,
                   double gap, const char *text);

#endif
