#ifndef FL_PREP_TRACK_H
#define FL_PREP_TRACK_H

/* A tropical cyclone's best track: fixes read from a CSV table, and where the storm is in between.
 * Owns: its fixes. Threads: reading from any. Limits: FL_TRACK_FIXES_MAX fixes, lines of
 * FL_TRACK_LINE_MAX bytes. */

#include <stddef.h>

#include "engine/base/err.h"
#include "engine/base/time.h"

#define FL_TRACK_FIXES_MAX 1000
#define FL_TRACK_LINE_MAX 1024
#define FL_KNOT_MS 0.514444 /* one international knot [m s-1] */
#define FL_NAUTICAL_MILE_M 1852.0

/* Wind speeds whose radii a track has, and the quadrants, in the order of its columns. */
enum { FL_TRACK_R34, FL_TRACK_R50, FL_TRACK_R64, FL_TRACK_SPEEDS };
enum { FL_TRACK_NE, FL_TRACK_SE, FL_TRACK_SW, FL_TRACK_NW, FL_TRACK_QUADRANTS };

struct fl_fix {
    struct fl_cycle time;
    double lat;
    double lon;
    double vmax_kt;                                         /* 1-minute sustained wind at 10 m */
    double pmin_hpa;                                        /* central pressure */
    double radius_nmi[FL_TRACK_SPEEDS][FL_TRACK_QUADRANTS]; /* 0: none */
};

struct fl_track {
    struct fl_fix *fixes; /* at least 2, times ascend */
    size_t count;
};

/* The storm between two fixes. */
struct fl_track_place {
    const struct fl_fix *before;
    const struct fl_fix *after;
    double weight; /* of after, 0 to 1 */
    double lat;    /* on the great circle between the fixes */
    double lon;
    double move_east_ms; /* translation; continuous in time */
    double move_north_ms;
    double vmax_kt; /* linear in time */
    double pmin_hpa;
};

/* Lines that begin with # are comments; the first other line names the columns, which are those of
 * NOAA's best tracks as a table: time_utc, lat_n, lon_e, vmax_kt, pmin_hpa, r34_ne ... r64_nw, in
 * any order, all of them, no others. FL_E_NOENT; FL_E_DATA with file:line, what and what is
 * accepted. */
int fl_track_read(const char *path, struct fl_track **ret_track, struct fl_err *reterr);
void fl_track_destroy(struct fl_track *track);
FL_DEFINE_AUTO(struct fl_track *, fl_track_destroy)

/* FL_E_MISMATCH when the track does not cover the time. */
int fl_track_at(const struct fl_track *track, struct fl_cycle time,
                struct fl_track_place *ret_place, struct fl_err *reterr);

#endif
