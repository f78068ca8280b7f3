/* Equirectangular frame and graticule. */
#include "config.h"

#include "stages/post/frame.h"

#include <math.h>
#include <stdio.h>

#include "engine/base/banned.h"

int fl_extent_check(const struct fl_extent *extent, struct fl_err *reterr)
{
    if (!(extent->west < extent->east) || !(extent->south < extent->north) ||
        !(extent->west >= -180) || !(extent->east <= 360) || !(extent->south >= -89) ||
        !(extent->north <= 89))
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "extent west %g east %g south %g north %g; expected west < east within "
                          "-180..360 and south < north within -89..89",
                          extent->west, extent->east, extent->south, extent->north);
    return 0;
}

struct fl_extent fl_extent_of(const struct fl_raster *raster)
{
    const double *lon = raster->lon;
    const double *lat = raster->lat;
    double dx = (lon[raster->nlon - 1] - lon[0]) / (double)(raster->nlon - 1);
    double dy = (lat[raster->nlat - 1] - lat[0]) / (double)(raster->nlat - 1);

    return (struct fl_extent){lon[0] - dx / 2, lon[raster->nlon - 1] + dx / 2, lat[0] - dy / 2,
                              lat[raster->nlat - 1] + dy / 2};
}

static double middle_cosine(const struct fl_extent *extent)
{
    return cos((extent->south + extent->north) / 2 * acos(-1.0) / 180.0);
}

double fl_extent_height(const struct fl_extent *extent, double width)
{
    return width * (extent->north - extent->south) /
           ((extent->east - extent->west) * middle_cosine(extent));
}

double fl_frame_x(const struct fl_frame *frame, double lon)
{
    const struct fl_extent *extent = &frame->extent;

    return frame->box.x + (lon - extent->west) / (extent->east - extent->west) * frame->box.w;
}

double fl_frame_y(const struct fl_frame *frame, double lat)
{
    const struct fl_extent *extent = &frame->extent;

    return frame->box.y + (extent->north - lat) / (extent->north - extent->south) * frame->box.h;
}

double fl_frame_lon(const struct fl_frame *frame, double x)
{
    const struct fl_extent *extent = &frame->extent;

    return extent->west + (x - frame->box.x) / frame->box.w * (extent->east - extent->west);
}

double fl_frame_lat(const struct fl_frame *frame, double y)
{
    const struct fl_extent *extent = &frame->extent;

    return extent->north - (y - frame->box.y) / frame->box.h * (extent->north - extent->south);
}

bool fl_frame_has(const struct fl_frame *frame, struct fl_point place)
{
    const struct fl_extent *extent = &frame->extent;

    return place.lon >= extent->west && place.lon <= extent->east && place.lat >= extent->south &&
           place.lat <= extent->north;
}

double fl_frame_pixels_per_km(const struct fl_frame *frame)
{
    double km_per_degree = FL_EARTH_KM * acos(-1.0) / 180.0 * middle_cosine(&frame->extent);

    return frame->box.w / ((frame->extent.east - frame->extent.west) * km_per_degree);
}

/* About six lines across. */
static double graticule_step(double span)
{
    static const double steps[] = {0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 15, 20, 30};

    for (size_t i = 0; i < FL_COUNT(steps); i++)
        if (span / steps[i] <= 10)
            return steps[i];
    return 45;
}

static void degree_text(double value, bool is_lon, char *text, size_t size)
{
    double wrapped = is_lon && value > 180 ? value - 360 : value;
    const char *side = is_lon ? (wrapped < 0 ? "W" : "E") : (wrapped < 0 ? "S" : "N");

    if (fabs(wrapped) < 1e-9)
        side = "";
    (void)snprintf(text, size, "%g\u00b0%s", fabs(wrapped), side);
}

void fl_frame_graticule(const struct fl_frame *frame, struct fl_canvas *canvas, bool labels)
{
    static const struct fl_text_style below = {12, false, FL_ANCHOR_CENTRE, {0.2, 0.2, 0.2}, 0};
    static const struct fl_text_style beside = {12, false, FL_ANCHOR_RIGHT, {0.2, 0.2, 0.2}, 0};
    const struct fl_extent *extent = &frame->extent;
    const struct fl_box *box = &frame->box;
    cairo_t *cairo = fl_canvas_cairo(canvas);
    double step = graticule_step(fmax(extent->east - extent->west, extent->north - extent->south));
    char text[32];

    for (double lon = ceil(extent->west / step) * step; lon <= extent->east; lon += step) {
        double x = floor(fl_frame_x(frame, lon)) + 0.5;

        cairo_move_to(cairo, x, box->y);
        cairo_line_to(cairo, x, box->y + box->h);
        degree_text(lon, true, text, sizeof(text));
        if (labels)
            fl_canvas_text(canvas, &below, x, box->y + box->h + 17, text);
        cairo_move_to(cairo, x, box->y);
        cairo_line_to(cairo, x, box->y + box->h);
        fl_canvas_colour(canvas, (struct fl_colour){0.1, 0.15, 0.25}, 0.16);
        cairo_set_line_width(cairo, 1);
        cairo_stroke(cairo);
    }
    for (double lat = ceil(extent->south / step) * step; lat <= extent->north; lat += step) {
        double y = floor(fl_frame_y(frame, lat)) + 0.5;

        degree_text(lat, false, text, sizeof(text));
        if (labels)
            fl_canvas_text(canvas, &beside, box->x - 8, y + 4, text);
        cairo_move_to(cairo, box->x, y);
        cairo_line_to(cairo, box->x + box->w, y);
        fl_canvas_colour(canvas, (struct fl_colour){0.1, 0.15, 0.25}, 0.16);
        cairo_set_line_width(cairo, 1);
        cairo_stroke(cairo);
    }
}

void fl_frame_border(const struct fl_frame *frame, struct fl_canvas *canvas, double width)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);

    cairo_new_path(cairo);
    cairo_rectangle(cairo, frame->box.x, frame->box.y, frame->box.w, frame->box.h);
    fl_canvas_colour(canvas, (struct fl_colour){0.15, 0.15, 0.15}, 1);
    cairo_set_line_width(cairo, width);
    cairo_stroke(cairo);
}
