#ifndef FL_CHECK_PROBE_H
#define FL_CHECK_PROBE_H

/* What a file is and holds, read from inside: for the engine and for people, who do not link
 * NetCDF or ecCodes. Owns: nothing. Threads: one thread of a process calls NetCDF.
 * Limits: FL_PROBE_POINTS_MAX values a variable are looked at; a larger one is listed without its
 * range. FL_PROBE_FIELDS_MAX GRIB fields are listed, the rest is counted. */

#include <jansson.h>

#include "engine/base/err.h"
#include "engine/world/world.h"

#define FL_PROBE_POINTS_MAX ((size_t)64 * 1024 * 1024)
#define FL_PROBE_FIELDS_MAX 4096
#define FL_PROBE_TIMES_MAX 10000

/* {"version":1, "file", "size", "kind": "netcdf" "grib" "png" "html" "text" "empty" "unknown",
 *  "dimensions": {name: length}, "attributes": {name: text},
 *  "variables": [{name, type, dims, shape, units, finite_share, min, max}],
 *  "times": {"count", "first", "last"}, "fields": [...] (GRIB)}.
 * New reference. FL_E_NOENT; FL_E_DATA when the file begins like one of its kind but is broken;
 * FL_E_UNSUPPORTED for GRIB that cannot be read; FL_E_NOMEM. */
int fl_probe(const struct fl_world *world, const char *path, json_t **ret_doc,
             struct fl_err *reterr);

/* The parts for one kind each; they add members to doc. */
int fl_probe_netcdf(const char *path, json_t *doc, struct fl_err *reterr);
int fl_probe_grib(const char *path, json_t *doc, struct fl_err *reterr);

#endif
