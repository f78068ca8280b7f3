#ifndef FL_CHECK_CHECK_H
#define FL_CHECK_CHECK_H

/* Holding files against their rules. What is wrong with a file is evidence, never an error of
 * these functions; errors are those of the machine (memory, reading rules).
 * Owns: nothing. Threads: one thread of a process calls NetCDF.
 * Limits: FL_CHECK_POINTS_MAX values a variable, FL_CHECK_TEXT_MAX bytes a CSV. */

#include <stdbool.h>

#include "engine/base/time.h"
#include "engine/world/world.h"
#include "stages/check/rules.h"
#include "stages/check/verdict.h"

#define FL_CHECK_POINTS_MAX ((size_t)128 * 1024 * 1024)
#define FL_CHECK_TEXT_MAX ((size_t)256 * 1024 * 1024)

/* What was asked for, against which content is held. */
struct fl_asked {
    bool has_cycle;
    struct fl_cycle cycle;
    bool has_lead;
    struct fl_lead lead;
    bool in_run;       /* started by the engine: fairlead_run and kin must be there */
    const char *marks; /* causes that inputs.json gives for this file, one a line; "" for none */
};

/* Any file: finds its rule, its size and digest, then the checks of its type. A file without a
 * rule fails. */
int fl_check_file(const struct fl_world *world, const struct fl_rules *rules, const char *path,
                  const struct fl_asked *asked, struct fl_findings *findings,
                  struct fl_err *reterr);

/* The checks of each type; fl_check_file calls them. */
int fl_check_netcdf(const char *path, const struct fl_rule *rule, const struct fl_asked *asked,
                    struct fl_findings *findings, struct fl_err *reterr);
int fl_check_png(const char *path, const struct fl_rule *rule, struct fl_findings *findings,
                 struct fl_err *reterr);
int fl_check_csv(const struct fl_world *world, const char *path, const struct fl_rule *rule,
                 const struct fl_asked *asked, struct fl_findings *findings, struct fl_err *reterr);

#endif
