#ifndef FL_FETCH_FRAME_H
#define FL_FETCH_FRAME_H

/* The frame of GRIB messages, without any library: magic, edition, length, end mark, sections, and
 * the cutting of a message that packs several fields into messages of one field each.
 * Pure. Owns: nothing. Threads: any. Limits: FL_MESSAGE_MAX bytes a message, FL_FRAME_FIELDS_MAX
 * fields. Source: WMO Manual on Codes, FM 92 GRIB edition 2, sections 0 to 8. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"

#define FL_MESSAGE_MAX ((size_t)64 * 1024 * 1024)
#define FL_FRAME_FIELDS_MAX 1000

/* The length that the message at data tells of itself; size bytes are at hand (at least 16).
 * FL_E_DATA when it is not a GRIB message; an HTML page is called by its name. */
int fl_frame_length(const void *data, size_t size, uint64_t *ret_length, struct fl_err *reterr);

/* Exactly one whole message of edition 1 or 2: magic, its own length equal to size, end mark.
 * FL_E_DATA, FL_E_TOO_BIG. */
int fl_frame_check(const void *data, size_t size, struct fl_err *reterr);

/* Called for each field of a message with a message of that field alone (borrowed until the return)
 * and its number from 1. */
typedef int (*fl_frame_field_fn)(const void *data, size_t size, uint32_t field,
                                 struct fl_err *reterr, void *arg);

/* Walks the fields of a whole edition 2 message. *ret_count: how many. FL_E_DATA when the sections
 * do not fit the frame, and for edition 1 (the inventories describe edition 2 alone); the errors
 * of fn. */
int fl_frame_fields(const void *data, size_t size, fl_frame_field_fn fn, uint32_t *ret_count,
                    struct fl_err *reterr, void *arg);

#endif
