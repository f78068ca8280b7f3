#ifndef FL_POST_FACTS_H
#define FL_POST_FACTS_H

/* What pictures show beside the model: the best track and the published peaks of gauges.
 * Owns: fixed arrays. Threads: any for reading. Limits: FL_TRACK_MAX fixes, FL_GAUGES_MAX
 * gauges. */

#include "stages/post/table.h"

#define FL_TRACK_MAX 512
#define FL_GAUGES_MAX 64
#define FL_FACT_TEXT_MAX 96

struct fl_fix {
    struct fl_cycle time;
    struct fl_point place;
    double vmax_kt;  /* 1-minute sustained; NaN when absent */
    double pmin_hpa; /* NaN when absent */
};

struct fl_track {
    size_t count;
    struct fl_fix fix[FL_TRACK_MAX]; /* times ascend */
};

struct fl_gauge {
    char name[FL_FACT_TEXT_MAX];
    char id[FL_FACT_TEXT_MAX];
    struct fl_point place;
    double peak_m;            /* above its datum; NaN when none is published */
    double datum_above_msl_m; /* NaN when not given */
    char datum[FL_FACT_TEXT_MAX];
    char source[FL_FACT_TEXT_MAX]; /* "source not stated" when the table has none */
    char note[FL_FACT_TEXT_MAX];
};

struct fl_gauges {
    size_t count;
    struct fl_gauge gauge[FL_GAUGES_MAX];
};

/* Columns time_utc, lat_n, lon_e; vmax_kt and pmin_hpa may be missing. FL_E_PARSE (also for times
 * that do not ascend), FL_E_TOO_BIG, the errors of fl_table_read. */
int fl_track_read(const struct fl_world *world, const char *path, struct fl_track *ret_track,
                  struct fl_err *reterr);
/* Position between the fixes, linear in time; false before the first and after the last. */
bool fl_track_at(const struct fl_track *track, struct fl_cycle time, struct fl_point *ret_place);

/* Columns station, lat_n, lon_e; peak_m, datum, id, source, note, datum_above_msl_m may be missing
 * or empty. The errors of fl_track_read. */
int fl_gauges_read(const struct fl_world *world, const char *path, struct fl_gauges *ret_gauges,
                   struct fl_err *reterr);
const struct fl_gauge *fl_gauges_find(const struct fl_gauges *gauges, const char *name);

#endif
