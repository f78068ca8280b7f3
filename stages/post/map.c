/* Layout of the map picture. */
#include "config.h"

#include "stages/post/map.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "stages/post/banner.h"
#include "stages/post/marks.h"
#include "stages/post/paint.h"

#include "engine/base/banned.h"

#define MAP_WIDTH 1120     /* the whole picture, pixels */
#define MAP_LEFT 64        /* room for the latitudes */
#define MAP_PANEL 920      /* width of the map itself */
#define MAP_PANEL_HIGH 980 /* a taller map gets narrower instead */
#define MAP_TITLE 88       /* the title block */
#define MAP_FOOT 102       /* longitudes, legend, source */
#define SPREAD_ROUNDS 2    /* cells by which the field is drawn on towards the coast */

static const struct fl_colour water_colour = {0.878, 0.906, 0.925}; /* sea that is not modelled */
static const struct fl_colour land_colour = {0.867, 0.847, 0.804};
static const struct fl_colour coast_colour = {0.25, 0.23, 0.20};

static void title_draw(const struct fl_map *map, struct fl_canvas *canvas, double right)
{
    static const struct fl_text_style big = {25, true, FL_ANCHOR_LEFT, {0.05, 0.08, 0.15}, 0};
    static const struct fl_text_style when = {19, true, FL_ANCHOR_RIGHT, {0.05, 0.08, 0.15}, 0};
    static const struct fl_text_style more = {14.5, false, FL_ANCHOR_LEFT, {0.25, 0.27, 0.32}, 0};
    struct fl_text_style more_right = more;
    double when_width = fl_canvas_text_width(canvas, &when, map->when);
    double more_width = fl_canvas_text_width(canvas, &more, map->when_more);

    more_right.anchor = FL_ANCHOR_RIGHT;
    fl_canvas_text_fit(canvas, &big, MAP_LEFT, 42, right - MAP_LEFT - when_width - 30, map->title);
    fl_canvas_text(canvas, &when, right, 42, map->when);
    fl_canvas_text_fit(canvas, &more, MAP_LEFT, 69, right - MAP_LEFT - more_width - 30,
                       map->subtitle);
    fl_canvas_text(canvas, &more_right, right, 69, map->when_more);
}

/* Field, land and lines of one panel: the map or its inset. */
static int panel_ground(const struct fl_map *map, struct fl_canvas *canvas,
                        const struct fl_frame *frame, const struct fl_raster *spread,
                        struct fl_err *reterr)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);
    int rc;

    cairo_new_path(cairo);
    cairo_rectangle(cairo, frame->box.x, frame->box.y, frame->box.w, frame->box.h);
    fl_canvas_colour(canvas, water_colour, 1);
    cairo_fill(cairo);
    rc = fl_paint_field(canvas, frame, spread, map->bands, reterr);
    if (rc < 0)
        return rc;
    cairo_save(cairo);
    cairo_rectangle(cairo, frame->box.x, frame->box.y, frame->box.w, frame->box.h);
    cairo_clip(cairo);
    fl_coast_path(map->coast, frame, cairo);
    fl_canvas_colour(canvas, land_colour, 1);
    cairo_fill(cairo);
    cairo_restore(cairo);
    return 0;
}

/* The coastline itself and all symbols; labels last. */
static void panel_marks(const struct fl_map *map, struct fl_canvas *canvas,
                        const struct fl_panel *panel, bool is_inset, struct fl_labels *labels)
{
    const struct fl_box *box = &panel->frame.box;
    cairo_t *cairo = fl_canvas_cairo(canvas);

    cairo_save(cairo);
    cairo_rectangle(cairo, box->x, box->y, box->w, box->h);
    cairo_clip(cairo);
    fl_coast_path(map->coast, &panel->frame, cairo);
    fl_canvas_colour(canvas, coast_colour, 1);
    cairo_set_line_width(cairo, is_inset ? 1.2 : 0.9);
    cairo_stroke(cairo);
    if (map->u && map->v)
        fl_marks_arrows(canvas, panel, map->u, map->v, is_inset ? 34 : 30);
    if (map->track)
        fl_marks_track(canvas, panel, map->track, map->valid, labels);
    fl_marks_places(canvas, panel, map->places, map->place_count, labels);
    fl_marks_extreme(canvas, panel, map->level, false, true, labels);
    if (map->mark_lowest)
        fl_marks_extreme(canvas, panel, map->level, true, false, labels);
    fl_marks_place_labels(canvas, panel, map->places, map->place_count, labels);
    if (map->track)
        fl_marks_track_labels(canvas, panel, map->track, labels);
    cairo_restore(cairo);
}

static struct fl_box inset_box(const struct fl_map *map, const struct fl_box *panel)
{
    double w = panel->w * 0.40;
    double h = fl_extent_height(&map->inset, w);
    bool east = strstr(map->inset_corner, "east") != NULL;
    bool north = strstr(map->inset_corner, "north") != NULL;

    if (h > panel->h * 0.45) {
        w *= panel->h * 0.45 / h;
        h = panel->h * 0.45;
    }
    return (struct fl_box){floor(east ? panel->x + panel->w - w - 10 : panel->x + 10),
                           floor(north ? panel->y + 10 : panel->y + panel->h - h - 10), ceil(w),
                           ceil(h)};
}

/* The rectangle on the main map that the inset magnifies. */
static void inset_outline(const struct fl_map *map, struct fl_canvas *canvas,
                          const struct fl_frame *frame)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);
    double x = fl_frame_x(frame, map->inset.west);
    double y = fl_frame_y(frame, map->inset.north);

    cairo_new_path(cairo);
    cairo_rectangle(cairo, x, y, fl_frame_x(frame, map->inset.east) - x,
                    fl_frame_y(frame, map->inset.south) - y);
    fl_canvas_colour(canvas, (struct fl_colour){0.1, 0.1, 0.1}, 0.9);
    cairo_set_line_width(cairo, 1.3);
    cairo_stroke(cairo);
}

static int inset_draw(const struct fl_map *map, struct fl_canvas *canvas,
                      const struct fl_panel *inset, const struct fl_raster *spread,
                      struct fl_err *reterr)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);
    const struct fl_box *box = &inset->frame.box;
    struct fl_labels labels;
    int rc;

    cairo_new_path(cairo);
    cairo_rectangle(cairo, box->x - 3, box->y - 3, box->w + 6, box->h + 6);
    fl_canvas_colour(canvas, (struct fl_colour){1, 1, 1}, 1);
    cairo_fill(cairo);
    rc = panel_ground(map, canvas, &inset->frame, spread, reterr);
    if (rc < 0)
        return rc;
    fl_labels_init(&labels, (struct fl_box){box->x + 3, box->y + 3, box->w - 6, box->h - 6});
    panel_marks(map, canvas, inset, true, &labels);
    fl_frame_border(&inset->frame, canvas, 1.4);
    return 0;
}

/* One legend entry: a symbol drawn by the caller at x, its text, and where the next one starts. */
static double legend_text(struct fl_canvas *canvas, double x, double y, const char *text)
{
    static const struct fl_text_style style = {12.5, false, FL_ANCHOR_LEFT, {0.15, 0.15, 0.15}, 0};

    fl_canvas_text(canvas, &style, x, y + 4.5, text);
    return x + fl_canvas_text_width(canvas, &style, text) + 26;
}

static double legend_track(const struct fl_map *map, struct fl_canvas *canvas,
                           const struct fl_frame *frame, double x, double y)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);
    struct fl_point now;

    cairo_move_to(cairo, x, y);
    cairo_line_to(cairo, x + 30, y);
    fl_canvas_colour(canvas, (struct fl_colour){0.08, 0.08, 0.1}, 1);
    cairo_set_line_width(cairo, 2);
    cairo_stroke(cairo);
    fl_mark_fix(canvas, x + 15, y);
    x = legend_text(canvas, x + 38, y, "best track, fixes as day/hour UTC");
    if (!map->valid || !fl_track_at(map->track, *map->valid, &now) || !fl_frame_has(frame, now))
        return x;
    fl_mark_storm(canvas, x + 8, y);
    return legend_text(canvas, x + 26, y, "centre at valid time");
}

static double round_km(double km)
{
    static const double steps[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};
    double best = steps[0];

    for (size_t i = 0; i < FL_COUNT(steps); i++)
        if (steps[i] <= km)
            best = steps[i];
    return best;
}

static void scale_bar(struct fl_canvas *canvas, const struct fl_frame *frame, double right,
                      double y)
{
    static const struct fl_text_style style = {12.5, false, FL_ANCHOR_RIGHT, {0.15, 0.15, 0.15}, 0};
    cairo_t *cairo = fl_canvas_cairo(canvas);
    double km = round_km(130 / fl_frame_pixels_per_km(frame));
    double left = right - km * fl_frame_pixels_per_km(frame);
    char text[32];

    (void)snprintf(text, sizeof(text), "%g km", km);
    fl_canvas_text(canvas, &style, left - 8, y + 4.5, text);
    cairo_new_path(cairo);
    cairo_move_to(cairo, left, y - 4);
    cairo_line_to(cairo, left, y + 4);
    cairo_move_to(cairo, left, y);
    cairo_line_to(cairo, right, y);
    cairo_move_to(cairo, right, y - 4);
    cairo_line_to(cairo, right, y + 4);
    fl_canvas_colour(canvas, (struct fl_colour){0.15, 0.15, 0.15}, 1);
    cairo_set_line_width(cairo, 1.6);
    cairo_stroke(cairo);
}

static void foot_draw(const struct fl_map *map, struct fl_canvas *canvas,
                      const struct fl_frame *frame)
{
    static const struct fl_text_style style = {11, false, FL_ANCHOR_LEFT, {0.38, 0.38, 0.40}, 0};
    double right = frame->box.x + frame->box.w;
    double y = frame->box.y + frame->box.h + 40;
    double x = MAP_LEFT + 2;
    const char *second = strchr(map->source, '\n');
    char first[512];

    if (map->track && map->track->count > 0)
        x = legend_track(map, canvas, frame, x, y);
    if (map->place_count > 0) {
        fl_mark_place(canvas, x + 4, y);
        x = legend_text(canvas, x + 16, y, "tide station");
    }
    if (map->u && map->v) {
        fl_mark_arrow(canvas, x + FL_ARROW_SCALE / 2, y, FL_ARROW_SCALE, 0);
        (void)legend_text(canvas, x + FL_ARROW_SCALE + 8, y, "current 1 m/s"); /* the last one */
    }
    scale_bar(canvas, frame, right, y);
    (void)snprintf(first, sizeof(first), "%.*s",
                   (int)(second ? (size_t)(second - map->source) : strlen(map->source)),
                   map->source);
    fl_canvas_text_fit(canvas, &style, MAP_LEFT, y + 30, MAP_WIDTH - MAP_LEFT - 20, first);
    if (second)
        fl_canvas_text_fit(canvas, &style, MAP_LEFT, y + 46, MAP_WIDTH - MAP_LEFT - 20, second + 1);
}

/* Where the panel stands: as wide as there is room, unless that makes it too tall. */
static struct fl_frame panel_frame(const struct fl_map *map, double top)
{
    double w = MAP_PANEL;
    double h = fl_extent_height(&map->extent, w);

    if (h > MAP_PANEL_HIGH) {
        w *= MAP_PANEL_HIGH / h;
        h = MAP_PANEL_HIGH;
    }
    return (struct fl_frame){{MAP_LEFT, top, floor(w), floor(h)}, map->extent};
}

static int map_panels(const struct fl_map *map, struct fl_canvas *canvas,
                      const struct fl_frame *frame, struct fl_err *reterr)
{
    fl_auto(fl_raster_release) struct fl_raster spread = {0};
    struct fl_panel whole = {*frame, map->has_inset, map->inset};
    struct fl_panel inset = {.frame = {{0, 0, 0, 0}, map->inset}};
    struct fl_labels labels;
    int rc = fl_raster_copy(&spread, map->level, reterr);

    if (rc == 0)
        rc = fl_raster_spread(&spread, SPREAD_ROUNDS, reterr);
    if (rc == 0)
        rc = panel_ground(map, canvas, frame, &spread, reterr);
    if (rc < 0)
        return rc;
    fl_frame_graticule(frame, canvas, true);
    fl_labels_init(&labels, (struct fl_box){frame->box.x + 4, frame->box.y + 4, frame->box.w - 8,
                                            frame->box.h - 8});
    if (map->has_inset) {
        inset.frame.box = inset_box(map, &frame->box);
        fl_labels_block(&labels, inset.frame.box);
    }
    panel_marks(map, canvas, &whole, false, &labels);
    if (map->has_inset)
        inset_outline(map, canvas, frame);
    fl_frame_border(frame, canvas, 1.2);
    return map->has_inset ? inset_draw(map, canvas, &inset, &spread, reterr) : 0;
}

int fl_map_draw(const struct fl_map *map, struct fl_canvas **ret_canvas, struct fl_err *reterr)
{
    fl_auto(fl_canvas_destroy) struct fl_canvas *canvas = NULL;
    double banner = fl_banner_height(map->degraded);
    struct fl_frame frame = panel_frame(map, MAP_TITLE + banner);
    double right = frame.box.x + frame.box.w;
    int rc;

    fl_assert(map->level && map->bands && map->coast);
    rc = fl_extent_check(&map->extent, reterr);
    if (rc == 0 && map->has_inset)
        rc = fl_extent_check(&map->inset, reterr);
    if (rc == 0)
        rc = fl_canvas_create(MAP_WIDTH, (int)(frame.box.y + frame.box.h) + MAP_FOOT, &canvas,
                              reterr);
    if (rc < 0)
        return rc;
    title_draw(map, canvas, MAP_WIDTH - 24);
    fl_banner_draw(canvas, MAP_TITLE - 6, map->degraded);
    rc = map_panels(map, canvas, &frame, reterr);
    if (rc < 0)
        return rc;
    fl_paint_bar(canvas, map->bands,
                 (struct fl_box){right + 30, frame.box.y + 52, 24, frame.box.h - 70},
                 map->bar_title);
    foot_draw(map, canvas, &frame);
    *ret_canvas = FL_STEAL(canvas);
    return 0;
}
