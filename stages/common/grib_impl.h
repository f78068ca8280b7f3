#ifndef FL_COMMON_GRIB_IMPL_H
#define FL_COMMON_GRIB_IMPL_H

/* Private to grib.c and grib_scan.c. */

#include "stages/common/grib.h"

struct fl_buf;

/* Takes the field with this index out of a scanned edition-2 message as a message of its own,
 * appended to out. A bitmap that an earlier field of the message defined comes along. */
int fl_grib_extract(const unsigned char *message, size_t size, size_t field, struct fl_buf *out,
                    struct fl_err *reterr);

#endif
