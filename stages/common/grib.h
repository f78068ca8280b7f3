#ifndef FL_COMMON_GRIB_H
#define FL_COMMON_GRIB_H

/* GRIB messages: whole or not (magic, edition, length, sections, 7777), what they hold, and their
 * values. Fields inside one message are told apart. Nothing is believed of a file's name.
 * Owns: an open file's bytes and the decoded field. Threads: one at a time a handle.
 * Limits: FL_GRIB_FILE_MAX bytes a file, FL_GRIB_FIELDS_MAX fields a message; GRIB1 messages below
 * 8 MiB. Needs ecCodes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/time.h"

#define FL_GRIB_FILE_MAX ((size_t)2 * 1024 * 1024 * 1024)
#define FL_GRIB_FIELDS_MAX 65536
#define FL_GRIB_NAME_MAX 64

/* What one field is. Numbers are those of the WMO tables; -1 where the edition has none or the
 * library does not know the template. */
struct fl_grib_info {
    uint64_t offset; /* of the message in its file or memory */
    uint64_t size;   /* bytes of the message */
    size_t field;    /* index of the field in its message */
    size_t fields;   /* fields of the message */
    int edition;
    int centre;
    int discipline;
    int category;
    int number;
    int level_type; /* code table 4.5, first fixed surface (edition 1: table 3) */
    int member;     /* perturbation number; -1: not of an ensemble */
    double level;   /* [units of its type]; NAN when unknown */
    bool has_time;  /* reference, valid and step are known */
    struct fl_cycle reference;
    struct fl_cycle valid;                /* end of the interval of an accumulated field */
    int64_t step_s;                       /* valid - reference */
    char short_name[FL_GRIB_NAME_MAX];    /* "10u"; "unknown" when the tables do not have it */
    char type_of_level[FL_GRIB_NAME_MAX]; /* "heightAboveGround" */
    char units[FL_GRIB_NAME_MAX];         /* "m s**-1" */
    char grid_type[FL_GRIB_NAME_MAX];     /* "regular_ll" */
};

/* A regular latitude-longitude grid as scanned. di, dj [degrees, > 0], from the corners. */
struct fl_grib_grid {
    size_t ni; /* points along a parallel */
    size_t nj; /* along a meridian */
    double lat_first;
    double lon_first; /* as in the file */
    double di;
    double dj;
    bool i_negative;    /* first row goes westwards */
    bool j_positive;    /* rows go northwards */
    bool j_consecutive; /* columns first */
    bool alternating;   /* every second row runs the other way */
};

struct fl_grib_file;

/* Structure alone, without ecCodes, of the message with which memory begins (more may follow).
 * FL_E_DATA names the offset (counted from base) and what was found. */
int fl_grib_scan(const void *memory, size_t size, uint64_t base, size_t *ret_size,
                 size_t *ret_fields, struct fl_err *reterr);

/* One whole message and nothing else; info is of its first field. FL_E_DATA for a broken one
 * (an HTML page is shown by its first words), FL_E_UNSUPPORTED when ecCodes cannot read its keys.
 */
int fl_grib_check_message(const void *memory, size_t size, struct fl_grib_info *ret_info,
                          struct fl_err *reterr);

/* Reads the file. FL_E_NOENT, FL_E_TOO_BIG, FL_E_IO; FL_E_DATA when it is empty. */
int fl_grib_open(const char *path, struct fl_grib_file **ret_file, struct fl_err *reterr);
void fl_grib_close(struct fl_grib_file *file);
FL_DEFINE_AUTO(struct fl_grib_file *, fl_grib_close)

/* The next field; *ret_more is false at the end of the file. NUL bytes between messages are
 * padding; anything else there is FL_E_DATA with the offset. */
int fl_grib_next(struct fl_grib_file *file, struct fl_grib_info *ret_info, bool *ret_more,
                 struct fl_err *reterr);
/* Of the field that fl_grib_next gave. FL_E_UNSUPPORTED names a grid that is not regular
 * latitude-longitude. */
int fl_grib_grid(const struct fl_grib_file *file, struct fl_grib_grid *ret_grid,
                 struct fl_err *reterr);
/* Values in the order of scanning; missing is NaN. FL_E_MISMATCH when count is not the field's. */
int fl_grib_values(const struct fl_grib_file *file, double *values, size_t count,
                   struct fl_err *reterr);
/* The same on the sorted grid: south to north, each row west to east from lon_west; shape (nj, ni).
 * lat (nj) and lon (ni) [degrees] ascend. */
int fl_grib_values_sorted(const struct fl_grib_file *file, const struct fl_grib_grid *grid,
                          double *lat, double *lon, double *values, struct fl_err *reterr);

#endif
