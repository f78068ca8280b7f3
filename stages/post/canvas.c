/* Surface, fonts and text on cairo and FreeType. */
#include "config.h"

#include "stages/post/canvas.h"

#include <cairo/cairo-ft.h>
#include <ft2build.h>
#include <freetype/freetype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"

#include "engine/base/banned.h"

#define CANVAS_SIDE_MAX 8192
#define PNG_SIZE_MAX ((size_t)64 * 1024 * 1024)

struct fl_canvas {
    cairo_surface_t *surface;
    cairo_t *cairo;
    cairo_font_face_t *regular;
    cairo_font_face_t *bold;
    int width;
    int height;
};

/* What a cairo font face needs for as long as cairo keeps it. */
struct face_owner {
    FT_Library library;
    FT_Face face;
};

static void face_owner_free(void *arg)
{
    struct face_owner *owner = arg;

    (void)FT_Done_Face(owner->face);        /* nothing can be done about a failed release */
    (void)FT_Done_FreeType(owner->library); /* the same */
    free(owner);
}

/* Loads a font file. NULL when it cannot be read. */
static cairo_font_face_t *face_load(const char *path)
{
    static const cairo_user_data_key_t key;
    struct face_owner *owner = calloc(1, sizeof(*owner));
    cairo_font_face_t *face;

    if (!owner)
        return NULL;
    if (FT_Init_FreeType(&owner->library) != 0) {
        free(owner);
        return NULL;
    }
    if (FT_New_Face(owner->library, path, 0, &owner->face) != 0) {
        (void)FT_Done_FreeType(owner->library); /* the load has failed already */
        free(owner);
        return NULL;
    }
    face = cairo_ft_font_face_create_for_ft_face(owner->face, FT_LOAD_NO_HINTING);
    if (cairo_font_face_set_user_data(face, &key, owner, face_owner_free) != CAIRO_STATUS_SUCCESS) {
        cairo_font_face_destroy(face);
        face_owner_free(owner);
        return NULL;
    }
    return face;
}

/* The bold face stands beside the regular one ("X-Bold.ttf"), else it is made from it. */
static cairo_font_face_t *bold_load(const char *regular)
{
    char path[FL_PATH_MAX];
    const char *dot = strrchr(regular, '.');
    cairo_font_face_t *face = NULL;

    if (dot) {
        (void)snprintf(path, sizeof(path), "%.*s-Bold%s", (int)(dot - regular), regular, dot);
        face = face_load(path);
    }
    if (face)
        return face;
    face = face_load(regular);
    if (face)
        cairo_ft_font_face_set_synthesize(face, CAIRO_FT_SYNTHESIZE_BOLD);
    return face;
}

static void canvas_prepare(struct fl_canvas *canvas)
{
    cairo_font_options_t *options = cairo_font_options_create();

    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_set_font_options(canvas->cairo, options);
    cairo_font_options_destroy(options);
    cairo_set_line_join(canvas->cairo, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(canvas->cairo, CAIRO_LINE_CAP_ROUND);
    cairo_set_source_rgb(canvas->cairo, 1, 1, 1);
    cairo_paint(canvas->cairo);
}

int fl_canvas_create(int width, int height, struct fl_canvas **ret_canvas, struct fl_err *reterr)
{
    fl_auto(fl_canvas_destroy) struct fl_canvas *canvas = NULL;

    fl_assert(ret_canvas);
    fl_assert(width > 0 && width <= CANVAS_SIDE_MAX && height > 0 && height <= CANVAS_SIDE_MAX);
    canvas = calloc(1, sizeof(*canvas));
    if (!canvas)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "a picture of %d x %d", width, height);
    canvas->width = width;
    canvas->height = height;
    canvas->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    canvas->cairo = cairo_create(canvas->surface);
    if (cairo_status(canvas->cairo) != CAIRO_STATUS_SUCCESS)
        return fl_err_set(reterr, FL_E_NOMEM, (int)cairo_status(canvas->cairo),
                          "a picture of %d x %d: %s", width, height,
                          cairo_status_to_string(cairo_status(canvas->cairo)));
    canvas->regular = face_load(FL_FONT);
    canvas->bold = bold_load(FL_FONT);
    if (!canvas->regular || !canvas->bold)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "font '%s' cannot be read; on Debian: apt-get install fonts-dejavu-core",
                          FL_FONT);
    canvas_prepare(canvas);
    *ret_canvas = FL_STEAL(canvas);
    return 0;
}

void fl_canvas_destroy(struct fl_canvas *canvas)
{
    if (!canvas)
        return;
    if (canvas->cairo)
        cairo_destroy(canvas->cairo);
    if (canvas->surface)
        cairo_surface_destroy(canvas->surface);
    if (canvas->regular)
        cairo_font_face_destroy(canvas->regular);
    if (canvas->bold)
        cairo_font_face_destroy(canvas->bold);
    free(canvas);
}

cairo_t *fl_canvas_cairo(struct fl_canvas *canvas)
{
    return canvas->cairo;
}

cairo_surface_t *fl_canvas_surface(struct fl_canvas *canvas)
{
    return canvas->surface;
}

int fl_canvas_width(const struct fl_canvas *canvas)
{
    return canvas->width;
}

int fl_canvas_height(const struct fl_canvas *canvas)
{
    return canvas->height;
}

void fl_canvas_colour(struct fl_canvas *canvas, struct fl_colour colour, double alpha)
{
    cairo_set_source_rgba(canvas->cairo, colour.r, colour.g, colour.b, alpha);
}

static void style_select(struct fl_canvas *canvas, const struct fl_text_style *style)
{
    cairo_set_font_face(canvas->cairo, style->bold ? canvas->bold : canvas->regular);
    cairo_set_font_size(canvas->cairo, style->size);
}

double fl_canvas_text_width(struct fl_canvas *canvas, const struct fl_text_style *style,
                            const char *text)
{
    cairo_text_extents_t extents;

    style_select(canvas, style);
    cairo_text_extents(canvas->cairo, text, &extents);
    return extents.x_advance;
}

void fl_canvas_text(struct fl_canvas *canvas, const struct fl_text_style *style, double x, double y,
                    const char *text)
{
    cairo_t *cairo = canvas->cairo;
    double width = fl_canvas_text_width(canvas, style, text);

    if (style->anchor == FL_ANCHOR_CENTRE)
        x -= width / 2;
    else if (style->anchor == FL_ANCHOR_RIGHT)
        x -= width;
    if (style->halo > 0) {
        cairo_new_path(cairo);
        cairo_move_to(cairo, x, y);
        cairo_text_path(cairo, text);
        cairo_set_source_rgba(cairo, 1, 1, 1, 0.9);
        cairo_set_line_width(cairo, 2 * style->halo);
        cairo_stroke(cairo);
    }
    fl_canvas_colour(canvas, style->colour, 1);
    cairo_move_to(cairo, x, y);
    cairo_show_text(cairo, text);
    cairo_new_path(cairo);
}

/* Cuts whole UTF-8 characters from the end of text until it and three dots fit. */
static void text_cut(struct fl_canvas *canvas, const struct fl_text_style *style, double width,
                     char *text, size_t size)
{
    char tried[1100];
    size_t length = strlen(text);

    (void)snprintf(tried, sizeof(tried), "%s", text);
    while (length > 0 && fl_canvas_text_width(canvas, style, tried) > width) {
        do
            length--;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80);
        (void)snprintf(tried, sizeof(tried), "%.*s...", (int)length, text);
    }
    (void)snprintf(text, size, "%s", tried);
}

void fl_canvas_text_fit(struct fl_canvas *canvas, const struct fl_text_style *style, double x,
                        double y, double width, const char *text)
{
    struct fl_text_style fitted = *style;
    double natural = fl_canvas_text_width(canvas, style, text);
    char shown[1024];

    (void)snprintf(shown, sizeof(shown), "%s", text);
    if (natural > width) {
        double factor = width / natural;

        fitted.size *= factor > 0.67 ? factor * 0.995 : 0.67;
        text_cut(canvas, &fitted, width, shown, sizeof(shown));
    }
    fl_canvas_text(canvas, &fitted, x, y, shown);
}

static cairo_status_t png_chunk(void *arg, const unsigned char *data, unsigned int size)
{
    struct fl_buf *buf = arg;

    fl_buf_add(buf, data, size);
    return buf->failed ? CAIRO_STATUS_WRITE_ERROR : CAIRO_STATUS_SUCCESS;
}

int fl_canvas_publish(struct fl_canvas *canvas, const struct fl_world *world, const char *path,
                      struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf png;
    cairo_status_t status;
    int rc;

    fl_buf_init(&png, PNG_SIZE_MAX);
    cairo_surface_flush(canvas->surface);
    status = cairo_surface_write_to_png_stream(canvas->surface, png_chunk, &png);
    rc = fl_buf_check(&png, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "picture '%s'", path);
    if (status != CAIRO_STATUS_SUCCESS || cairo_status(canvas->cairo) != CAIRO_STATUS_SUCCESS)
        return fl_err_set(reterr, FL_E_BUG, (int)status, "picture '%s': %s", path,
                          cairo_status_to_string(status));
    return fl_file_publish(world, path, png.data, png.size, reterr);
}
