/* Symbols over the map. */
#include "config.h"

#include "stages/post/marks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

static const struct fl_colour ink = {0.08, 0.08, 0.1};
static const struct fl_colour storm_red = {0.80, 0.05, 0.10};

static void block_symbol(struct fl_labels *labels, double x, double y, double half)
{
    fl_labels_block(labels, (struct fl_box){x - half, y - half, 2 * half, 2 * half});
}

void fl_mark_fix(struct fl_canvas *canvas, double x, double y)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);

    cairo_new_path(cairo);
    cairo_arc(cairo, x, y, 3.8, 0, 2 * acos(-1.0));
    fl_canvas_colour(canvas, (struct fl_colour){1, 1, 1}, 1);
    cairo_fill_preserve(cairo);
    fl_canvas_colour(canvas, ink, 1);
    cairo_set_line_width(cairo, 1.6);
    cairo_stroke(cairo);
}

/* Whether a place in the frame is labelled here, and not in the inset. */
static bool labels_here(const struct fl_panel *panel, struct fl_point place)
{
    const struct fl_extent *hidden = &panel->hidden;

    if (!fl_frame_has(&panel->frame, place))
        return false;
    return !panel->has_hidden || place.lon < hidden->west || place.lon > hidden->east ||
           place.lat < hidden->south || place.lat > hidden->north;
}

/* The usual sign of a tropical cyclone in the northern hemisphere. */
void fl_mark_storm(struct fl_canvas *canvas, double x, double y)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);
    double pi = acos(-1.0);

    for (int pass = 0; pass < 2; pass++) {
        bool halo = pass == 0;

        fl_canvas_colour(canvas, halo ? (struct fl_colour){1, 1, 1} : storm_red, 1);
        cairo_set_line_width(cairo, halo ? 6.5 : 3.4);
        cairo_new_path(cairo);
        cairo_arc(cairo, x - 4.5, y, 12, 1.5 * pi + 0.35, 2 * pi - 0.1);
        cairo_stroke(cairo);
        cairo_arc(cairo, x + 4.5, y, 12, 0.5 * pi + 0.35, pi - 0.1);
        cairo_stroke(cairo);
        cairo_arc(cairo, x, y, halo ? 8.8 : 7.2, 0, 2 * pi);
        cairo_fill(cairo);
    }
    cairo_arc(cairo, x, y, 2.6, 0, 2 * pi);
    fl_canvas_colour(canvas, (struct fl_colour){1, 1, 1}, 1);
    cairo_fill(cairo);
}

void fl_mark_place(struct fl_canvas *canvas, double x, double y)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);

    cairo_new_path(cairo);
    cairo_rectangle(cairo, x - 3.5, y - 3.5, 7, 7);
    fl_canvas_colour(canvas, (struct fl_colour){1, 1, 1}, 1);
    cairo_fill_preserve(cairo);
    fl_canvas_colour(canvas, ink, 1);
    cairo_set_line_width(cairo, 1.6);
    cairo_stroke(cairo);
}

void fl_mark_diamond(struct fl_canvas *canvas, double x, double y)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);

    cairo_new_path(cairo);
    cairo_move_to(cairo, x, y - 6.5);
    cairo_line_to(cairo, x + 6.5, y);
    cairo_line_to(cairo, x, y + 6.5);
    cairo_line_to(cairo, x - 6.5, y);
    cairo_close_path(cairo);
    fl_canvas_colour(canvas, ink, 1);
    cairo_fill_preserve(cairo);
    fl_canvas_colour(canvas, (struct fl_colour){1, 1, 1}, 1);
    cairo_set_line_width(cairo, 1.4);
    cairo_stroke(cairo);
}

void fl_mark_arrow(struct fl_canvas *canvas, double x, double y, double dx, double dy)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);
    double length = hypot(dx, dy);
    double head = fmin(5.5, 2.5 + length * 0.16);
    double ux = dx / length;
    double uy = dy / length;
    double tip_x = x + dx / 2;
    double tip_y = y + dy / 2;

    cairo_new_path(cairo);
    cairo_move_to(cairo, x - dx / 2, y - dy / 2);
    cairo_line_to(cairo, tip_x - ux * head * 0.8, tip_y - uy * head * 0.8);
    fl_canvas_colour(canvas, (struct fl_colour){0.10, 0.13, 0.20}, 0.75);
    cairo_set_line_width(cairo, 1.1);
    cairo_stroke(cairo);
    cairo_move_to(cairo, tip_x, tip_y);
    cairo_line_to(cairo, tip_x - ux * head - uy * head * 0.45,
                  tip_y - uy * head + ux * head * 0.45);
    cairo_line_to(cairo, tip_x - ux * head + uy * head * 0.45,
                  tip_y - uy * head - ux * head * 0.45);
    cairo_close_path(cairo);
    cairo_fill(cairo);
}

void fl_marks_arrows(struct fl_canvas *canvas, const struct fl_panel *panel,
                     const struct fl_raster *u, const struct fl_raster *v, double spacing)
{
    const struct fl_frame *frame = &panel->frame;
    const struct fl_box *box = &frame->box;

    for (double y = box->y + spacing / 2; y < box->y + box->h - 4; y += spacing) {
        for (double x = box->x + spacing / 2; x < box->x + box->w - 4; x += spacing) {
            double lat = fl_frame_lat(frame, y);
            double lon = fl_frame_lon(frame, x);
            double east = fl_raster_sample(u, lat, lon);
            double north = fl_raster_sample(v, lat, lon);
            double speed = hypot(east, north);
            double length;

            if (!isfinite(speed) || speed < 0.1)
                continue;
            length = fmin(speed * FL_ARROW_SCALE, spacing * 1.6);
            fl_mark_arrow(canvas, x, y, east / speed * length, -north / speed * length);
        }
    }
}

/* The track between two instants as a path. */
static void track_path(cairo_t *cairo, const struct fl_frame *frame, const struct fl_track *track)
{
    cairo_new_path(cairo);
    for (size_t i = 0; i < track->count; i++)
        cairo_line_to(cairo, fl_frame_x(frame, track->fix[i].place.lon),
                      fl_frame_y(frame, track->fix[i].place.lat));
}

/* Keeps labels off the line, by small boxes along it. */
static void track_block(const struct fl_frame *frame, const struct fl_track *track,
                        struct fl_labels *labels)
{
    for (size_t i = 0; i + 1 < track->count; i++) {
        double x0 = fl_frame_x(frame, track->fix[i].place.lon);
        double y0 = fl_frame_y(frame, track->fix[i].place.lat);
        double dx = fl_frame_x(frame, track->fix[i + 1].place.lon) - x0;
        double dy = fl_frame_y(frame, track->fix[i + 1].place.lat) - y0;
        int steps = (int)(hypot(dx, dy) / 9) + 1;

        if (steps > 200)
            continue;
        for (int k = 0; k <= steps; k++) {
            double x = x0 + dx * k / steps;
            double y = y0 + dy * k / steps;

            if (x >= frame->box.x && x <= frame->box.x + frame->box.w && y >= frame->box.y &&
                y <= frame->box.y + frame->box.h)
                block_symbol(labels, x, y, 2.5);
        }
    }
}

void fl_marks_track(struct fl_canvas *canvas, const struct fl_panel *panel,
                    const struct fl_track *track, const struct fl_cycle *valid,
                    struct fl_labels *labels)
{
    const struct fl_frame *frame = &panel->frame;
    cairo_t *cairo = fl_canvas_cairo(canvas);
    struct fl_point now;

    track_block(frame, track, labels);
    track_path(cairo, frame, track);
    fl_canvas_colour(canvas, (struct fl_colour){1, 1, 1}, 0.85);
    cairo_set_line_width(cairo, 5);
    cairo_stroke_preserve(cairo);
    fl_canvas_colour(canvas, ink, 1);
    cairo_set_line_width(cairo, 2);
    cairo_stroke(cairo);
    for (size_t i = 0; i < track->count; i++) {
        double x = fl_frame_x(frame, track->fix[i].place.lon);
        double y = fl_frame_y(frame, track->fix[i].place.lat);

        if (!fl_frame_has(frame, track->fix[i].place))
            continue;
        fl_mark_fix(canvas, x, y);
        block_symbol(labels, x, y, 5);
    }
    if (!valid || !fl_track_at(track, *valid, &now) || !fl_frame_has(frame, now))
        return;
    fl_mark_storm(canvas, fl_frame_x(frame, now.lon), fl_frame_y(frame, now.lat));
    block_symbol(labels, fl_frame_x(frame, now.lon), fl_frame_y(frame, now.lat), 12);
}

void fl_marks_track_labels(struct fl_canvas *canvas, const struct fl_panel *panel,
                           const struct fl_track *track, struct fl_labels *labels)
{
    const struct fl_frame *frame = &panel->frame;
    static const struct fl_text_style style = {12, false, FL_ANCHOR_LEFT, {0.08, 0.08, 0.1}, 2};
    char text[FL_TIME_TEXT_MAX];

    for (size_t i = 0; i < track->count; i++) {
        const struct fl_fix *fix = &track->fix[i];

        if (!labels_here(panel, fix->place))
            continue;
        if (fl_cycle_strftime(fix->time, fix->time.s % 3600 == 0 ? "%d/%HZ" : "%d/%H:%MZ", text,
                              sizeof(text), NULL) < 0)
            continue;
        (void)fl_labels_put(labels, canvas, &style, FL_SIDE_WEST, fl_frame_x(frame, fix->place.lon),
                            fl_frame_y(frame, fix->place.lat), 9, text);
    }
}

void fl_marks_places(struct fl_canvas *canvas, const struct fl_panel *panel,
                     const struct fl_map_place *places, size_t count, struct fl_labels *labels)
{
    const struct fl_frame *frame = &panel->frame;
    for (size_t i = 0; i < count; i++) {
        double x = fl_frame_x(frame, places[i].place.lon);
        double y = fl_frame_y(frame, places[i].place.lat);

        if (!fl_frame_has(frame, places[i].place))
            continue;
        fl_mark_place(canvas, x, y);
        block_symbol(labels, x, y, 5);
    }
}

/* "+1.25 m" with a true minus sign. */
static void level_text(double level_m, char *text, size_t size)
{
    double shown = fabs(level_m) < 0.005 ? 0 : level_m;

    (void)snprintf(text, size, "%s%.2f m", shown < 0 ? "\u2212" : (shown > 0 ? "+" : ""),
                   fabs(shown));
}

void fl_marks_place_labels(struct fl_canvas *canvas, const struct fl_panel *panel,
                           const struct fl_map_place *places, size_t count,
                           struct fl_labels *labels)
{
    const struct fl_frame *frame = &panel->frame;
    static const struct fl_text_style style = {13, true, FL_ANCHOR_LEFT, {0.08, 0.08, 0.1}, 2.2};
    char text[FL_FACT_TEXT_MAX + 32];
    char level[32] = "";

    for (size_t i = 0; i < count; i++) {
        if (!labels_here(panel, places[i].place))
            continue;
        level[0] = 0;
        if (isfinite(places[i].level_m))
            level_text(places[i].level_m, level, sizeof(level));
        (void)snprintf(text, sizeof(text), "%s%s%s", places[i].name, *level ? "  " : "", level);
        (void)fl_labels_put(labels, canvas, &style, FL_SIDE_EAST,
                            fl_frame_x(frame, places[i].place.lon),
                            fl_frame_y(frame, places[i].place.lat), 9, text);
    }
}

void fl_marks_extreme(struct fl_canvas *canvas, const struct fl_panel *panel,
                      const struct fl_raster *level, bool lowest, bool with_place,
                      struct fl_labels *labels)
{
    const struct fl_frame *frame = &panel->frame;
    static const struct fl_text_style style = {14, true, FL_ANCHOR_LEFT, {0.08, 0.08, 0.1}, 2.5};
    struct fl_point place;
    char value[32];
    char text[64];
    char full[128];
    size_t index;
    enum fl_side side = lowest ? FL_SIDE_WEST : FL_SIDE_EAST;
    double x;
    double y;

    if (!(lowest ? fl_raster_lowest(level, &index) : fl_raster_peak(level, &index)))
        return;
    place = fl_raster_place(level, index);
    /* At rest the first point of all would be marked. */
    if (!labels_here(panel, place) || fabs((double)level->value[index]) < FL_EXTREME_MIN_M)
        return;
    level_text((double)level->value[index], value, sizeof(value));
    (void)snprintf(text, sizeof(text), "%s %s", lowest ? "min" : "max", value);
    (void)snprintf(full, sizeof(full), "%s  (%.2f\u00b0%s %.2f\u00b0%s)", text, fabs(place.lat),
                   place.lat < 0 ? "S" : "N", fabs(place.lon), place.lon < 0 ? "W" : "E");
    x = fl_frame_x(frame, place.lon);
    y = fl_frame_y(frame, place.lat);
    fl_mark_diamond(canvas, x, y);
    block_symbol(labels, x, y, 7);
    if (!with_place || !fl_labels_put(labels, canvas, &style, side, x, y, 11, full))
        (void)fl_labels_put(labels, canvas, &style, side, x, y, 11, text); /* no room: no label */
}
