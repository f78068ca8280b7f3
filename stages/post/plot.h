#ifndef FL_POST_PLOT_H
#define FL_POST_PLOT_H

/* The station picture: one panel a station over a common UTC axis, the modelled peak, the
 * published one as a level line, thresholds, and the facts in words beside each panel.
 * Owns: nothing; draws on the canvas it makes. Threads: one at a time.
 * Limits: FL_PLOT_PANELS_MAX stations; the rest is left to the CSV. */

#include "stages/post/canvas.h"
#include "stages/post/peaks.h"

#define FL_PLOT_PANELS_MAX 12

struct fl_plot {
    const struct fl_series *series;
    const struct fl_peak *peaks; /* one a station */
    const struct fl_post_config *config;
    const char *source;   /* bottom line */
    const char *degraded; /* causes, one a line; "" or NULL when not degraded */
};

/* FL_E_NOMEM, FL_E_NOENT (font). */
int fl_plot_draw(const struct fl_plot *plot, struct fl_canvas **ret_canvas, struct fl_err *reterr);

#endif
