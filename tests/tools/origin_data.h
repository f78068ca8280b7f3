#ifndef FL_TOOLS_ORIGIN_DATA_H
#define FL_TOOLS_ORIGIN_DATA_H

/* Lays out document roots for the test origin, with the paths that the real sources use:
 *   TO/root/gfs.YYYYMMDDHH/gfs.tHHz.pgrb2.0p50.fFFF (and .idx)     files to serve
 *   TO/rules.cfg                                                   when they appear, what is absent
 * Owns: nothing. Threads: one at a time. Limits: FL_LEADS_MAX files a cycle. */

#include "tests/tools/background.h"

/* Background files of a cycle and their indexes, straight into folder `to`. */
int fl_origin_background(const struct fl_background_area *area, struct fl_cycle cycle,
                         const struct fl_leads *leads, const char *to, struct fl_err *reterr);

/* The calm background of 2018-10-09 00Z, +000 to +054 by 3 hours, and the best-track table under
 * atcf/al142018-michael.csv. File number k appears after k times every_s seconds. */
int fl_origin_best_track(const char *table, double every_s, const char *to, struct fl_err *reterr);

/* The real files gfs.YYYYMMDD.tHHz.pgrb2.1p00.wind10m.fFFF.grib2 of folder `from` under their
 * names of 2018, with indexes. A six-hourly cycle missing between the first and the last answers
 * with status 200 and an HTML page, as the source did. FL_E_NOENT when there are none. */
int fl_origin_gfs(const char *from, const char *to, struct fl_err *reterr);

#endif
