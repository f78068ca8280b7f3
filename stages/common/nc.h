#ifndef FL_COMMON_NC_H
#define FL_COMMON_NC_H

/* NetCDF files: checked calls, CF metadata, and files that appear only whole.
 * A file to write is created under a hidden temporary name (NetCDF-4, classic model, deflate 1 and
 * shuffle) and gets its own name by fl_nc_settle. Errors name the file and the variable.
 * Owns: the open file and its temporary. Threads: one thread of a process calls NetCDF.
 * Limits: FL_NC_RANK_MAX dimensions a variable, FL_NC_ATT_MAX bytes a text attribute read. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"
#include "engine/base/time.h"

struct fl_buf;

#define FL_NC_RANK_MAX 6
#define FL_NC_ATT_MAX ((size_t)256 * 1024)
#define FL_NC_GLOBAL NULL /* as a variable's name: the file's own attributes */
/* Fill value of all float and double data variables of ours. */
#define FL_NC_FILL (-9999.0)

enum fl_nc_type { FL_NC_BYTE, FL_NC_INT, FL_NC_FLOAT, FL_NC_DOUBLE, FL_NC_TEXT, FL_NC_OTHER };

struct fl_nc;

/* What inquiry tells of a variable. */
struct fl_nc_var {
    int id;
    enum fl_nc_type type;
    int rank;
    size_t shape[FL_NC_RANK_MAX];
    bool has_fill; /* _FillValue (else missing_value) is there */
    double fill;
    double scale; /* scale_factor and add_offset; 1 and 0 when absent. Not applied by fl_nc_get_* */
    double offset;
};

/* A data or coordinate variable to define. Members that are NULL or 0 are left out. */
struct fl_nc_def {
    const char *name;
    enum fl_nc_type type;
    const char *dims; /* names separated by blanks: "time lat lon"; "" or NULL: a scalar */
    const char *units;
    const char *standard_name;
    const char *long_name;
    const char *axis;     /* "X" "Y" "Z" "T" */
    const char *positive; /* "up" "down" */
    const char *calendar;
    const char *cell_methods;
    const char *coordinates;
    const char *cf_role;
    const char *datum; /* attribute vertical_datum, e.g. "mean sea level" */
    bool has_fill;     /* _FillValue = FL_NC_FILL (float and double only) */
    bool exact;        /* no compression: restart files */
};

/* Opens for reading. FL_E_NOENT; FL_E_DATA when it is not a NetCDF file, or a broken one. */
int fl_nc_open(const char *path, struct fl_nc **ret_nc, struct fl_err *reterr);
/* Creates the file that will become path; makes path's hidden folder. FL_E_IO, FL_E_NOSPACE,
 * FL_E_PERM, FL_E_NOENT (no such folder). */
int fl_nc_create(const char *path, struct fl_nc **ret_nc, struct fl_err *reterr);
/* Closes, syncs and renames a created file to its path. After a failure there is no such file
 * (an older one under the name stays). The handle is still to be destroyed. */
int fl_nc_settle(struct fl_nc *nc, struct fl_err *reterr);
/* Closes. A created file that has not settled is removed. NULL is fine. */
void fl_nc_destroy(struct fl_nc *nc);
FL_DEFINE_AUTO(struct fl_nc *, fl_nc_destroy)
/* The path given at open or create; borrowed. */
const char *fl_nc_path(const struct fl_nc *nc);

/* Reading. A dimension or variable that is missing, or of another shape, type or unit than asked
 * for, is FL_E_MISMATCH with file, name, expected and found. */

/* Length of a dimension. */
int fl_nc_dim(const struct fl_nc *nc, const char *name, size_t *ret_length, struct fl_err *reterr);
/* A dimension that must have this length. */
int fl_nc_want_dim(const struct fl_nc *nc, const char *name, size_t length, struct fl_err *reterr);
bool fl_nc_has_var(const struct fl_nc *nc, const char *name);
/* Looks a variable up and checks it. dims: its dimensions in order, "time lat lon" (NULL: any).
 * units: accepted spellings separated by '|', "m s-1|m/s" (NULL: any; "" : must have none).
 * ret_var may be NULL. */
int fl_nc_var(const struct fl_nc *nc, const char *name, const char *dims, const char *units,
              struct fl_nc_var *ret_var, struct fl_err *reterr);
/* A block of a variable; start and count have as many members as it has dimensions (NULL: all of
 * it). Values are converted to the C type by NetCDF; a value that does not fit is FL_E_DATA. */
int fl_nc_get_double(const struct fl_nc *nc, const char *name, const size_t *start,
                     const size_t *count, double *values, struct fl_err *reterr);
int fl_nc_get_float(const struct fl_nc *nc, const char *name, const size_t *start,
                    const size_t *count, float *values, struct fl_err *reterr);
int fl_nc_get_byte(const struct fl_nc *nc, const char *name, const size_t *start,
                   const size_t *count, signed char *values, struct fl_err *reterr);
int fl_nc_get_text(const struct fl_nc *nc, const char *name, const size_t *start,
                   const size_t *count, char *values, struct fl_err *reterr);
/* Appends a text attribute to out. var FL_NC_GLOBAL: of the file. FL_E_NOENT when it is absent,
 * FL_E_MISMATCH when it is no text, FL_E_TOO_BIG. */
int fl_nc_att(const struct fl_nc *nc, const char *var, const char *name, struct fl_buf *out,
              struct fl_err *reterr);
int fl_nc_att_double(const struct fl_nc *nc, const char *var, const char *name, double *ret_value,
                     struct fl_err *reterr);
/* The epoch and step of a CF time variable's units, "seconds since 2018-10-09 00:00:00" (also
 * minutes, hours, days): instant = epoch + value * ret_step_s. FL_E_MISMATCH for other units or a
 * calendar that is not standard, gregorian or proleptic_gregorian. */
int fl_nc_time_units(const struct fl_nc *nc, const char *name, struct fl_cycle *ret_epoch,
                     double *ret_step_s, struct fl_err *reterr);

/* Writing. Definitions come first, then fl_nc_end_define, then the values. */

/* length 0: unlimited. */
int fl_nc_def_dim(struct fl_nc *nc, const char *name, size_t length, struct fl_err *reterr);
int fl_nc_def_var(struct fl_nc *nc, const struct fl_nc_def *def, struct fl_err *reterr);
/* Dimensions lat and lon with their double coordinate variables [degrees_north, degrees_east]. */
int fl_nc_def_lat_lon(struct fl_nc *nc, size_t nlat, size_t nlon, struct fl_err *reterr);
/* Dimension time (length 0: unlimited) and double time(time), "seconds since CYCLE". */
int fl_nc_def_time(struct fl_nc *nc, struct fl_cycle cycle, size_t length, struct fl_err *reterr);
/* "seconds since 2018-10-09 00:00:00". */
void fl_nc_time_text(struct fl_cycle cycle, char *text, size_t size);
int fl_nc_put_att(struct fl_nc *nc, const char *var, const char *name, const char *text,
                  struct fl_err *reterr);
int fl_nc_put_att_double(struct fl_nc *nc, const char *var, const char *name, double value,
                         struct fl_err *reterr);
int fl_nc_put_att_int(struct fl_nc *nc, const char *var, const char *name, int value,
                      struct fl_err *reterr);
int fl_nc_end_define(struct fl_nc *nc, struct fl_err *reterr);
/* A block of values; start and count as for reading. NULL stands for the whole variable, and for
 * the first record when its unlimited dimension is still empty. */
int fl_nc_put_double(struct fl_nc *nc, const char *name, const size_t *start, const size_t *count,
                     const double *values, struct fl_err *reterr);
int fl_nc_put_float(struct fl_nc *nc, const char *name, const size_t *start, const size_t *count,
                    const float *values, struct fl_err *reterr);
int fl_nc_put_byte(struct fl_nc *nc, const char *name, const size_t *start, const size_t *count,
                   const signed char *values, struct fl_err *reterr);
int fl_nc_put_text(struct fl_nc *nc, const char *name, const size_t *start, const size_t *count,
                   const char *values, struct fl_err *reterr);

#endif
