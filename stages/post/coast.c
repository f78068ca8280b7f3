/* Shape file reading and clipping. */
#include "config.h"

#include "stages/post/coast.h"

#include <shapefil.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

/* Cut this far outside the frame, so that no cut edge is ever drawn [degrees]. */
#define COAST_MARGIN 0.3

struct ring {
    size_t first;
    size_t count;
};

struct fl_coast {
    struct fl_point *points;
    size_t count;
    size_t room;
    struct ring *rings;
    size_t ring_count;
    size_t ring_room;
};

/* A ring on its way through the four cuts. */
struct ring_buffer {
    struct fl_point *points;
    size_t count;
    size_t room;
};

static int buffer_add(struct ring_buffer *buffer, struct fl_point point, struct fl_err *reterr)
{
    if (buffer->count == buffer->room) {
        size_t room = buffer->room ? buffer->room * 2 : 1024;
        struct fl_point *grown;

        if (room > 2 * FL_COAST_POINTS_MAX)
            return fl_err_set(reterr, FL_E_TOO_BIG, 0, "a coastline of more than %zu points",
                              FL_COAST_POINTS_MAX);
        grown = realloc(buffer->points, room * sizeof(*grown));
        if (!grown)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "a coastline of %zu points", room);
        buffer->points = grown;
        buffer->room = room;
    }
    buffer->points[buffer->count++] = point;
    return 0;
}

/* One of the four edges: west, east, south, north. Positive inside. */
static double inside_by(int edge, const struct fl_extent *cut, struct fl_point p)
{
    switch (edge) {
    case 0:
        return p.lon - cut->west;
    case 1:
        return cut->east - p.lon;
    case 2:
        return p.lat - cut->south;
    default: /* 3, north */
        return cut->north - p.lat;
    }
}

/* Sutherland-Hodgman against one edge. */
static int cut_edge(int edge, const struct fl_extent *cut, const struct ring_buffer *from,
                    struct ring_buffer *to, struct fl_err *reterr)
{
    to->count = 0;
    for (size_t i = 0; i < from->count; i++) {
        struct fl_point a = from->points[i > 0 ? i - 1 : from->count - 1];
        struct fl_point b = from->points[i];
        double da = inside_by(edge, cut, a);
        double db = inside_by(edge, cut, b);
        int rc = 0;

        if ((da >= 0) != (db >= 0)) {
            double t = da / (da - db);

            rc = buffer_add(
                to, (struct fl_point){a.lat + t * (b.lat - a.lat), a.lon + t * (b.lon - a.lon)},
                reterr);
        }
        if (rc == 0 && db >= 0)
            rc = buffer_add(to, b, reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int coast_keep(struct fl_coast *coast, const struct ring_buffer *ring, struct fl_err *reterr)
{
    if (ring->count < 3)
        return 0;
    if (coast->count + ring->count > FL_COAST_POINTS_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "a coastline of more than %zu points",
                          FL_COAST_POINTS_MAX);
    if (coast->count + ring->count > coast->room) {
        size_t room = (coast->count + ring->count) * 2;
        struct fl_point *grown = realloc(coast->points, room * sizeof(*grown));

        if (!grown)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "a coastline of %zu points", room);
        coast->points = grown;
        coast->room = room;
    }
    if (coast->ring_count == coast->ring_room) {
        size_t room = coast->ring_room ? coast->ring_room * 2 : 256;
        struct ring *grown = realloc(coast->rings, room * sizeof(*grown));

        if (!grown)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "a coastline of %zu rings", room);
        coast->rings = grown;
        coast->ring_room = room;
    }
    memcpy(coast->points + coast->count, ring->points, ring->count * sizeof(*ring->points));
    coast->rings[coast->ring_count++] = (struct ring){coast->count, ring->count};
    coast->count += ring->count;
    return 0;
}

/* Cuts one ring of a shape and keeps what is left. shift: added to longitudes [degrees]. */
static int ring_cut(struct fl_coast *coast, const SHPObject *shape, int first, int end,
                    double shift, const struct fl_extent *cut, struct ring_buffer work[2],
                    struct fl_err *reterr)
{
    int from = 0;
    int rc = 0;

    work[0].count = 0;
    for (int i = first; i < end && rc == 0; i++)
        rc = buffer_add(&work[0], (struct fl_point){shape->padfY[i], shape->padfX[i] + shift},
                        reterr);
    for (int edge = 0; edge < 4 && rc == 0; edge++) {
        rc = cut_edge(edge, cut, &work[from], &work[1 - from], reterr);
        from = 1 - from;
    }
    if (rc < 0)
        return rc;
    return coast_keep(coast, &work[from], reterr);
}

static bool shape_touches(const SHPObject *shape, double shift, const struct fl_extent *cut)
{
    return shape->dfXMax + shift >= cut->west && shape->dfXMin + shift <= cut->east &&
           shape->dfYMax >= cut->south && shape->dfYMin <= cut->north;
}

static int shape_cut(struct fl_coast *coast, const SHPObject *shape, const struct fl_extent *cut,
                     struct ring_buffer work[2], struct fl_err *reterr)
{
    /* An extent in 0..360 also wants the western hemisphere, 360 degrees further on. */
    for (double shift = 0; shift <= 360; shift += 360) {
        if (!shape_touches(shape, shift, cut))
            continue;
        for (int part = 0; part < shape->nParts; part++) {
            int first = shape->panPartStart[part];
            int end = part + 1 < shape->nParts ? shape->panPartStart[part + 1] : shape->nVertices;
            int rc = ring_cut(coast, shape, first, end, shift, cut, work, reterr);

            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

static int shapes_cut(struct fl_coast *coast, SHPHandle file, int count, const char *path,
                      const struct fl_extent *cut, struct fl_err *reterr)
{
    struct ring_buffer work[2] = {{0}, {0}};
    int rc = 0;

    for (int i = 0; i < count && rc == 0; i++) {
        SHPObject *shape = SHPReadObject(file, i);

        if (!shape) {
            rc = fl_err_set(reterr, FL_E_DATA, 0, "coastline '%s': shape %d of %d cannot be read",
                            path, i, count);
            break;
        }
        rc = shape_cut(coast, shape, cut, work, reterr);
        SHPDestroyObject(shape);
    }
    free(work[0].points);
    free(work[1].points);
    return rc;
}

int fl_coast_load(const char *path, const struct fl_extent *extent, struct fl_coast **ret_coast,
                  struct fl_err *reterr)
{
    struct fl_extent cut = {extent->west - COAST_MARGIN, extent->east + COAST_MARGIN,
                            extent->south - COAST_MARGIN, extent->north + COAST_MARGIN};
    fl_auto(fl_coast_destroy) struct fl_coast *coast = NULL;
    SHPHandle file;
    int count = 0;
    int type = 0;
    int rc;

    fl_assert(path);
    fl_assert(ret_coast);
    coast = calloc(1, sizeof(*coast));
    if (!coast)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "coastline '%s'", path);
    file = SHPOpen(path, "rb");
    if (!file)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "coastline '%s' cannot be opened as a shape file; on Debian: apt-get "
                          "install libmagics++-data",
                          path);
    SHPGetInfo(file, &count, &type, NULL, NULL);
    if (type != SHPT_POLYGON)
        rc = fl_err_set(reterr, FL_E_DATA, 0,
                        "coastline '%s' holds shapes of type %d; expected polygons (type %d)", path,
                        type, SHPT_POLYGON);
    else
        rc = shapes_cut(coast, file, count, path, &cut, reterr);
    SHPClose(file);
    if (rc < 0)
        return rc;
    *ret_coast = FL_STEAL(coast);
    return 0;
}

void fl_coast_destroy(struct fl_coast *coast)
{
    if (!coast)
        return;
    free(coast->points);
    free(coast->rings);
    free(coast);
}

size_t fl_coast_rings(const struct fl_coast *coast)
{
    return coast->ring_count;
}

void fl_coast_path(const struct fl_coast *coast, const struct fl_frame *frame, cairo_t *cairo)
{
    for (size_t r = 0; r < coast->ring_count; r++) {
        const struct fl_point *points = coast->points + coast->rings[r].first;

        cairo_new_sub_path(cairo);
        for (size_t i = 0; i < coast->rings[r].count; i++)
            cairo_line_to(cairo, fl_frame_x(frame, points[i].lon),
                          fl_frame_y(frame, points[i].lat));
        cairo_close_path(cairo);
    }
}
