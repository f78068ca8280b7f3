#ifndef FL_POST_MAP_H
#define FL_POST_MAP_H

/* The map picture of a water level: bands, coast, graticule, track, stations, legend.
 * Owns: nothing; draws on the canvas it makes. Threads: one at a time. Limits: those of the parts.
 */

#include "stages/post/coast.h"
#include "stages/post/facts.h"

#define FL_MAP_PLACES_MAX 32

/* A named place, with the level there when the grid resolves it. */
struct fl_map_place {
    struct fl_point place;
    char name[FL_FACT_TEXT_MAX];
    double level_m; /* NaN: only the name is shown */
};

struct fl_map {
    const struct fl_raster *level; /* [m] */
    const struct fl_raster *u;     /* [m s-1] eastward, for arrows; may be NULL */
    const struct fl_raster *v;
    const struct fl_bands *bands;
    const struct fl_coast *coast;
    const struct fl_track *track; /* may be NULL */
    const struct fl_cycle *valid; /* marks the position on the track; may be NULL */
    struct fl_extent extent;
    bool has_inset; /* a magnified part, drawn in the corner that is named */
    struct fl_extent inset;
    const char *inset_corner; /* "south-west" "south-east" "north-west" "north-east" */
    const struct fl_map_place *places;
    size_t place_count;
    bool mark_lowest;      /* also the lowest level, when it is below -0.1 m */
    const char *title;     /* "Hurricane Michael: water level" */
    const char *when;      /* "Valid 10 Oct 2018 18:00 UTC" */
    const char *subtitle;  /* left, second line */
    const char *when_more; /* right, second line */
    const char *bar_title; /* "m above mean sea level" */
    const char *source;    /* bottom lines; may hold one newline */
    const char *degraded;  /* causes, one a line; NULL or "" when not degraded */
};

/* Draws the whole picture. FL_E_NOMEM, FL_E_NOENT (font), FL_E_DATA (extent). */
int fl_map_draw(const struct fl_map *map, struct fl_canvas **ret_canvas, struct fl_err *reterr);

#endif
