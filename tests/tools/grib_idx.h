#ifndef FL_TOOLS_GRIB_IDX_H
#define FL_TOOLS_GRIB_IDX_H

/* The index that wgrib2 would write for a GRIB2 file, made from the headers of its messages:
 * N:OFFSET:d=YYYYMMDDHH:VAR:LEVEL:FORECAST:
 * Owns: nothing. Threads: one at a time. Limits: files of FL_GRIB_IDX_MAX bytes, one field a
 * message, the parameters and levels in the table, instantaneous fields. */

#include "engine/base/buf.h"

#define FL_GRIB_IDX_MAX ((size_t)256 * 1024 * 1024)

/* Appends one line a message. FL_E_DATA for bytes that are no GRIB2, FL_E_UNSUPPORTED for a
 * parameter, level or time form that the table lacks; both name the message and its offset. */
int fl_grib_idx(const char *data, size_t size, struct fl_buf *out, struct fl_err *reterr);
/* Reads the GRIB file and publishes the index beside it as FILE.idx. */
int fl_grib_idx_file(const char *path, struct fl_err *reterr);

#endif
