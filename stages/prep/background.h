#ifndef FL_PREP_BACKGROUND_H
#define FL_PREP_BACKGROUND_H

/* Winds and pressure of GRIB files on the model grid, by valid time.
 * Owns: its fields. Threads: one. Limits: FL_BACKGROUND_TIMES_MAX valid times. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/time.h"

#define FL_BACKGROUND_TIMES_MAX 512

enum fl_background_kind {
    FL_BACKGROUND_U,
    FL_BACKGROUND_V,
    FL_BACKGROUND_MSL,
    FL_BACKGROUND_KINDS
};

struct fl_grid;
struct fl_background;

/* What one time is made of. */
struct fl_background_bracket {
    size_t before; /* index of a valid time, and of the next (the same when it fits exactly) */
    size_t after;
    double weight; /* of after */
    int64_t gap_s; /* between the two; 0 when it fits exactly */
};

/* Reads the 10 m winds and the pressure at mean sea level of all files and interpolates them to the
 * grid. Where two files hold the same valid time, the later reference time counts.
 * FL_E_DATA: a broken file, missing or absurd values; FL_E_MISMATCH: no wind, one component only,
 * pressure at some valid times only, several ensemble members, an area that does not hold the grid;
 * FL_E_UNSUPPORTED: another kind of grid. */
int fl_background_read(const char *const *paths, size_t count, const struct fl_grid *grid,
                       struct fl_background **ret_background, struct fl_err *reterr);
void fl_background_destroy(struct fl_background *background);
FL_DEFINE_AUTO(struct fl_background *, fl_background_destroy)

size_t fl_background_count(const struct fl_background *background);
struct fl_cycle fl_background_valid(const struct fl_background *background, size_t index);
bool fl_background_has_msl(const struct fl_background *background);
/* True when this file (index into paths) holds 10 m wind for the time. */
bool fl_background_file_holds(const struct fl_background *background, size_t file,
                              struct fl_cycle valid);
/* The valid times of one file as a text for messages; "none". */
void fl_background_file_times(const struct fl_background *background, size_t file, char *text,
                              size_t size);

/* The valid times about a time. FL_E_MISMATCH when it lies outside of them all. */
int fl_background_bracket(const struct fl_background *background, struct fl_cycle time,
                          struct fl_background_bracket *ret_bracket, struct fl_err *reterr);
/* Linear in time, shape of the grid. kind MSL only when there is one. */
void fl_background_at(const struct fl_background *background,
                      const struct fl_background_bracket *bracket, enum fl_background_kind kind,
                      double *values);

#endif
