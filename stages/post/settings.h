#ifndef FL_POST_SETTINGS_H
#define FL_POST_SETTINGS_H

/* What POST.cfg says: the words on the pictures, the bands, the extent, tables of facts.
 * Owns: the parsed file, into which its texts point. Threads: any for reading.
 * Limits: FL_THRESHOLDS_MAX thresholds, FL_BANDS_MAX levels. */

#include "stages/post/frame.h"

#define FL_THRESHOLDS_MAX 8

enum fl_kind { FL_KIND_HINDCAST, FL_KIND_ANALYSIS, FL_KIND_FORECAST };

struct fl_threshold {
    double level_m;
    const char *label;
    const char *station; /* NULL: all stations */
};

struct fl_post_config {
    struct fl_cfg *file;
    enum fl_kind kind;
    const char *event;       /* "Hurricane Michael"; "" for none */
    const char *note;        /* "hindcast; no tide, no waves" */
    const char *datum;       /* "mean sea level" */
    const char *datum_short; /* "MSL", for the colour bar */
    const char *model;       /* "fairlead-surge, 1/24 degree" */
    const char *source;      /* where the forcing and the relief come from */
    const char *track;       /* NULL: none */
    const char *gauges;      /* NULL: none */
    const char *coastline;
    struct fl_bands levels;
    struct fl_bands max_levels;
    bool arrows;
    bool has_domain;
    struct fl_extent domain;
    bool has_inset;
    struct fl_extent inset;
    const char *inset_corner;
    double near_km; /* a station further from its cell is "shown only" */
    size_t threshold_count;
    struct fl_threshold threshold[FL_THRESHOLDS_MAX];
};

/* FL_E_CONFIG with file:line. A hindcast whose words say "forecast" is refused. */
int fl_post_config_load(const char *path, struct fl_post_config *ret_config, struct fl_err *reterr);
void fl_post_config_release(struct fl_post_config *config);
FL_DEFINE_AUTO_VALUE(struct fl_post_config, fl_post_config_release)

/* "hindcast", "analysis", "forecast". */
const char *fl_kind_name(enum fl_kind kind);

#endif
