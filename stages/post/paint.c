/* Bands to pixels. */
#include "config.h"

#include "stages/post/paint.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

#define SAMPLES 2 /* a pixel, each way */

/* Where one sample line or column falls on the grid. */
struct place {
    size_t index;
    float part; /* 0 to 1; negative: outside the grid */
};

static struct place place_on(const double *axis, size_t count, double x)
{
    double step = (axis[count - 1] - axis[0]) / (double)(count - 1);
    double at = (x - axis[0]) / step;
    struct place place = {0, -1.0f};

    /* Half a cell beyond the outer points belongs to them. */
    if (!(at >= -0.5) || at > (double)count - 0.5)
        return place;
    at = fmin(fmax(at, 0), (double)(count - 1));
    place.index = at >= (double)(count - 1) ? count - 2 : (size_t)at;
    place.part = (float)(at - (double)place.index);
    return place;
}

struct painter {
    const struct fl_raster *raster;
    const struct fl_bands *bands;
    struct fl_colour colours[FL_BANDS_MAX + 1];
    struct place *columns; /* (width * SAMPLES) */
    struct place *rows;    /* (height * SAMPLES) */
};

/* The sample's band, or -1 where the field is missing. */
static int sample_band(const struct painter *painter, const struct place *row,
                       const struct place *column)
{
    const struct fl_raster *raster = painter->raster;
    const float *from;
    float value;

    if (row->part < 0 || column->part < 0)
        return -1;
    from = raster->value + row->index * raster->nlon + column->index;
    value = (1 - row->part) * ((1 - column->part) * from[0] + column->part * from[1]) +
            row->part *
                ((1 - column->part) * from[raster->nlon] + column->part * from[raster->nlon + 1]);
    if (!isfinite(value))
        return -1;
    return (int)fl_bands_find(painter->bands, (double)value);
}

/* One pixel: the mean of its samples over what was there. */
static uint32_t pixel_mix(const struct painter *painter, const struct place *rows,
                          const struct place *columns, uint32_t under)
{
    double r = 0;
    double g = 0;
    double b = 0;

    for (int v = 0; v < SAMPLES; v++) {
        for (int u = 0; u < SAMPLES; u++) {
            int band = sample_band(painter, rows + v, columns + u);

            if (band >= 0) {
                r += painter->colours[band].r * 255;
                g += painter->colours[band].g * 255;
                b += painter->colours[band].b * 255;
            } else {
                r += (double)(under >> 16 & 255);
                g += (double)(under >> 8 & 255);
                b += (double)(under & 255);
            }
        }
    }
    return (uint32_t)lround(r / (SAMPLES * SAMPLES)) << 16 |
           (uint32_t)lround(g / (SAMPLES * SAMPLES)) << 8 |
           (uint32_t)lround(b / (SAMPLES * SAMPLES));
}

static void painter_places(struct painter *painter, const struct fl_frame *frame, int x0, int y0,
                           size_t width, size_t height)
{
    const struct fl_raster *raster = painter->raster;

    for (size_t i = 0; i < width * SAMPLES; i++) {
        double lon = fl_frame_lon(frame, x0 + ((double)i + 0.5) / SAMPLES);

        painter->columns[i] = place_on(raster->lon, raster->nlon, lon);
    }
    for (size_t j = 0; j < height * SAMPLES; j++) {
        double lat = fl_frame_lat(frame, y0 + ((double)j + 0.5) / SAMPLES);

        painter->rows[j] = place_on(raster->lat, raster->nlat, lat);
    }
}

int fl_paint_field(struct fl_canvas *canvas, const struct fl_frame *frame,
                   const struct fl_raster *raster, const struct fl_bands *bands,
                   struct fl_err *reterr)
{
    cairo_surface_t *surface = fl_canvas_surface(canvas);
    int x0 = (int)floor(frame->box.x);
    int y0 = (int)floor(frame->box.y);
    size_t width = (size_t)(ceil(frame->box.x + frame->box.w) - x0);
    size_t height = (size_t)(ceil(frame->box.y + frame->box.h) - y0);
    struct painter painter = {.raster = raster, .bands = bands};
    unsigned char *data;
    size_t stride;

    fl_assert(x0 >= 0 && y0 >= 0);
    fl_assert(x0 + (int)width <= fl_canvas_width(canvas));
    fl_assert(y0 + (int)height <= fl_canvas_height(canvas));
    painter.columns = calloc(width * SAMPLES, sizeof(*painter.columns));
    painter.rows = calloc(height * SAMPLES, sizeof(*painter.rows));
    if (!painter.columns || !painter.rows) {
        free(painter.columns);
        free(painter.rows);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "painting %zu x %zu pixels", width, height);
    }
    for (size_t band = 0; band < fl_bands_total(bands); band++)
        painter.colours[band] = fl_bands_colour(bands, band);
    painter_places(&painter, frame, x0, y0, width, height);
    cairo_surface_flush(surface);
    data = cairo_image_surface_get_data(surface);
    stride = (size_t)cairo_image_surface_get_stride(surface);
    for (size_t j = 0; j < height; j++) {
        unsigned char *line = data + ((size_t)y0 + j) * stride + (size_t)x0 * 4;

        for (size_t i = 0; i < width; i++) {
            uint32_t pixel;

            memcpy(&pixel, line + 4 * i, 4);
            pixel = pixel_mix(&painter, painter.rows + j * SAMPLES, painter.columns + i * SAMPLES,
                              pixel);
            memcpy(line + 4 * i, &pixel, 4);
        }
    }
    cairo_surface_mark_dirty(surface);
    free(painter.columns);
    free(painter.rows);
    return 0;
}

/* Edges without trailing zeros; true minus sign. */
static void edge_text(double edge, char *text, size_t size)
{
    (void)snprintf(text, size, "%s%g", edge < 0 ? "\u2212" : "", fabs(edge));
}

/* The open bands at both ends are drawn as triangles. */
static void bar_cell(cairo_t *cairo, const struct fl_box *cell, size_t band, size_t last)
{
    double x = cell->x;
    double y = cell->y;
    double w = cell->w;
    double h = cell->h;

    cairo_new_path(cairo);
    if (band == 0) {
        cairo_move_to(cairo, x, y);
        cairo_line_to(cairo, x + w, y);
        cairo_line_to(cairo, x + w / 2, y + h);
    } else if (band == last) {
        cairo_move_to(cairo, x, y + h);
        cairo_line_to(cairo, x + w, y + h);
        cairo_line_to(cairo, x + w / 2, y);
    } else {
        cairo_rectangle(cairo, x, y, w, h);
    }
    cairo_close_path(cairo);
}

void fl_paint_bar(struct fl_canvas *canvas, const struct fl_bands *bands, struct fl_box box,
                  const char *title)
{
    static const struct fl_text_style tick = {12.5, false, FL_ANCHOR_LEFT, {0.1, 0.1, 0.1}, 0};
    static const struct fl_text_style head = {13, true, FL_ANCHOR_LEFT, {0.1, 0.1, 0.1}, 0};
    cairo_t *cairo = fl_canvas_cairo(canvas);
    size_t total = fl_bands_total(bands);
    double step = box.h / (double)total;
    size_t every = (size_t)ceil(tick.size * 1.15 / step); /* a low bar has room for some only */
    char text[32];

    fl_canvas_text(canvas, &head, box.x - 2, box.y - 12, title);
    for (size_t band = 0; band < total; band++) {
        struct fl_box cell = {box.x, box.y + box.h - step * (double)(band + 1), box.w, step};

        bar_cell(cairo, &cell, band, total - 1);
        fl_canvas_colour(canvas, fl_bands_colour(bands, band), 1);
        cairo_fill_preserve(cairo);
        fl_canvas_colour(canvas, (struct fl_colour){0.2, 0.2, 0.2}, 1);
        cairo_set_line_width(cairo, 0.8);
        cairo_stroke(cairo);
    }
    for (size_t i = 0; i < bands->count; i += every) {
        edge_text(bands->edge[i], text, sizeof(text));
        fl_canvas_text(canvas, &tick, box.x + box.w + 8,
                       box.y + box.h - step * (double)(i + 1) + 4.5, text);
    }
}
