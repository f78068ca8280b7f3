#ifndef FL_POST_PEAKS_H
#define FL_POST_PEAKS_H

/* Modelled peaks beside published ones, and the tables made of the series.
 * Pure but for the buffers. Owns: nothing. Threads: any. Limits: those of the series. */

#include "engine/base/buf.h"
#include "stages/post/settings.h"
#include "stages/post/facts.h"
#include "stages/post/input.h"

struct fl_peak {
    const struct fl_station *station;
    const struct fl_gauge *gauge; /* NULL: nothing published under this name */
    bool found;                   /* the series has a value */
    double level_m;               /* modelled */
    struct fl_cycle time;
    double distance_km; /* station to model cell; NaN when not known */
    bool shown_only;    /* too far to be compared */
};

/* One for each station of the series. near_km: a station whose cell is further off is shown
 * only. gauges may be NULL. */
void fl_peaks_find(const struct fl_series *series, const struct fl_gauges *gauges, double near_km,
                   struct fl_peak peaks[static FL_STATIONS_MAX]);

/* The published peak's datum in words, with what is known of its difference to the model's:
 * "MHHW; about 0.2 m above MSL, approximate and unverified". */
void fl_peak_datum_text(const struct fl_peak *peak, const struct fl_post_config *config, char *text,
                        size_t size);

/* stations.csv: comments, then time_utc and a column a station [m]; a missing value is empty.
 * degraded: causes, one a line. */
void fl_series_csv(const struct fl_series *series, const struct fl_peak *peaks,
                   const struct fl_post_config *config, const char *degraded, struct fl_buf *out);
/* peaks.csv. */
void fl_peaks_csv(const struct fl_peak *peaks, size_t count, const struct fl_post_config *config,
                  const char *degraded, struct fl_buf *out);
/* The same for people, in columns. */
void fl_peaks_table(const struct fl_peak *peaks, size_t count, const struct fl_post_config *config,
                    struct fl_buf *out);

#endif
