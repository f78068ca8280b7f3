#ifndef FL_TESTS_GOLDEN_SURGE_FIELDS_H
#define FL_TESTS_GOLDEN_SURGE_FIELDS_H

/* Files like those of the surge model, from an analytic storm that crosses a rough outline of the
 * north-eastern Gulf of Mexico: a rise right of its track, a drawdown left of it. For tests of what
 * reads such files; the water is invented. Owns: nothing. Threads: one. Limits: none. */

#include "engine/base/err.h"
#include "engine/base/time.h"

#define GOLDEN_STATIONS 4
#define GOLDEN_HOURS 54

/* Level [m] at a place and time [h] after the start; NaN on land. */
double golden_level(double lat, double lon, double hour);

/* degraded: a cause for the attribute fairlead_degraded, or NULL. step: of the grid [degrees]. */
int golden_hour(const char *path, struct fl_cycle cycle, struct fl_lead lead, double step,
                const char *degraded, struct fl_err *reterr);
int golden_maximum(const char *path, struct fl_cycle cycle, double step, const char *degraded,
                   struct fl_err *reterr);
/* Every ten minutes; the names of Michael's gauges. */
int golden_stations(const char *path, struct fl_cycle cycle, const char *degraded,
                    struct fl_err *reterr);

#endif
