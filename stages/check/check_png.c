/* PNG pictures: whole, of a sensible size, not blank. */
#include "config.h"

#include <cairo/cairo.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stages/check/check.h"

#include "engine/base/banned.h"

/* Colours are counted in 15 bits, so that shades of smooth edges do not make a blank page rich. */
#define COLOUR_BITS 15

static int64_t colour_count(cairo_surface_t *surface, unsigned char *seen)
{
    const unsigned char *data = cairo_image_surface_get_data(surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    size_t width = (size_t)cairo_image_surface_get_width(surface);
    size_t height = (size_t)cairo_image_surface_get_height(surface);
    int64_t count = 0;

    for (size_t y = 0; y < height; y++) {
        for (size_t x = 0; x < width; x++) {
            uint32_t pixel;
            uint32_t colour;

            memcpy(&pixel, data + y * stride + 4 * x, 4);
            colour = (pixel >> 19 & 31) << 10 | (pixel >> 11 & 31) << 5 | (pixel >> 3 & 31);
            count += !seen[colour];
            seen[colour] = 1;
        }
    }
    return count;
}

static void check_surface(cairo_surface_t *surface, const struct fl_rule *rule, unsigned char *seen,
                          struct fl_findings *findings)
{
    int width = cairo_image_surface_get_width(surface);
    int height = cairo_image_surface_get_height(surface);
    cairo_format_t format = cairo_image_surface_get_format(surface);
    int64_t colours;

    if (width < rule->width_min || height < rule->height_min || width > rule->side_max ||
        height > rule->side_max)
        fl_findings_add(findings, FL_VERDICT_FAIL, "picture",
                        "%d x %d pixels; expected at least %" PRId64 " x %" PRId64
                        " and sides of at most %" PRId64,
                        width, height, rule->width_min, rule->height_min, rule->side_max);
    else
        fl_findings_add(findings, FL_VERDICT_PASS, "picture", "%d x %d pixels", width, height);
    if (format != CAIRO_FORMAT_RGB24 && format != CAIRO_FORMAT_ARGB32) {
        fl_findings_add(findings, FL_VERDICT_FAIL, "colours", "not an RGB picture");
        return;
    }
    colours = colour_count(surface, seen);
    fl_findings_add(findings, colours < rule->colours_min ? FL_VERDICT_FAIL : FL_VERDICT_PASS,
                    "colours", "%" PRId64 " colours; expected at least %" PRId64, colours,
                    rule->colours_min);
}

int fl_check_png(const char *path, const struct fl_rule *rule, struct fl_findings *findings,
                 struct fl_err *reterr)
{
    unsigned char *seen = calloc((size_t)1 << COLOUR_BITS, 1);
    cairo_surface_t *surface;

    if (!seen)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s': out of memory", path);
    surface = cairo_image_surface_create_from_png(path);
    if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS)
        fl_findings_add(findings, FL_VERDICT_FAIL, "open", "cannot be decoded as PNG: %s",
                        cairo_status_to_string(cairo_surface_status(surface)));
    else
        check_surface(surface, rule, seen, findings);
    cairo_surface_destroy(surface);
    free(seen);
    return 0;
}
