#ifndef FL_POST_PRODUCT_H
#define FL_POST_PRODUCT_H

/* The NetCDF products for users: one output time, and the maximum over the run.
 * Levels are rounded to FL_PRODUCT_STEP_M, so that they compress well; the attribute
 * least_significant_digit says so. Owns: nothing. Threads: one thread of a process writes NetCDF.
 * Limits: none of its own. */

#include "stages/post/settings.h"
#include "stages/post/input.h"

/* [m] or [m s-1]: a power of two, so that the last bits are zero. */
#define FL_PRODUCT_STEP_M (1.0 / 1024)

struct fl_prov;

/* Level, current speed and direction (towards, degrees from north), maximum so far.
 * The errors of fl_nc_create and fl_nc_settle. */
int fl_product_hour(const char *path, const struct fl_hour *hour,
                    const struct fl_post_config *config, const struct fl_prov *prov,
                    struct fl_err *reterr);
/* Maximum level and its time; the peak's place and time are global attributes. */
int fl_product_maximum(const char *path, const struct fl_maximum *maximum,
                       const struct fl_post_config *config, const struct fl_prov *prov,
                       struct fl_err *reterr);

#endif
