#ifndef FL_POST_CANVAS_H
#define FL_POST_CANVAS_H

/* A picture in memory: a cairo surface, the fonts, text with a halo, and the PNG at the end.
 * Text is drawn with the font file that was found at configure, without hinting, so that the same
 * input gives the same bytes. Owns: surface, context, fonts. Threads: one at a time.
 * Limits: 8192 x 8192 pixels. */

#include <cairo/cairo.h>
#include <stdbool.h>

#include "engine/base/err.h"
#include "engine/world/world.h"
#include "stages/post/palette.h"

struct fl_canvas;

struct fl_box { /* pixels; y grows downward */
    double x;
    double y;
    double w;
    double h;
};

enum fl_anchor { FL_ANCHOR_LEFT, FL_ANCHOR_CENTRE, FL_ANCHOR_RIGHT };

struct fl_text_style {
    double size; /* pixels */
    bool bold;
    enum fl_anchor anchor;
    struct fl_colour colour;
    double halo; /* width of the white rim, pixels; 0 for none */
};

/* White. FL_E_NOMEM, FL_E_NOENT when the font cannot be read. */
int fl_canvas_create(int width, int height, struct fl_canvas **ret_canvas, struct fl_err *reterr);
void fl_canvas_destroy(struct fl_canvas *canvas);
FL_DEFINE_AUTO(struct fl_canvas *, fl_canvas_destroy)

cairo_t *fl_canvas_cairo(struct fl_canvas *canvas);
cairo_surface_t *fl_canvas_surface(struct fl_canvas *canvas);
int fl_canvas_width(const struct fl_canvas *canvas);
int fl_canvas_height(const struct fl_canvas *canvas);

void fl_canvas_colour(struct fl_canvas *canvas, struct fl_colour colour, double alpha);
/* Text with its baseline at y. */
void fl_canvas_text(struct fl_canvas *canvas, const struct fl_text_style *style, double x, double y,
                    const char *text);
double fl_canvas_text_width(struct fl_canvas *canvas, const struct fl_text_style *style,
                            const char *text);
/* Text that is made smaller, by at most a third, then cut with dots, to stay within width. */
void fl_canvas_text_fit(struct fl_canvas *canvas, const struct fl_text_style *style, double x,
                        double y, double width, const char *text);

/* Writes the PNG, whole or not at all. The errors of fl_file_publish. */
int fl_canvas_publish(struct fl_canvas *canvas, const struct fl_world *world, const char *path,
                      struct fl_err *reterr);

#endif
