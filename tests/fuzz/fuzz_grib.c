/* Fuzzes the walk through a GRIB message. What the scan accepts must come apart into fields that it
 * accepts again, each alone in its message. */

#include "config.h"

#include <stdint.h>

#include "engine/base/buf.h"
#include "stages/common/grib_impl.h"

#include "engine/base/banned.h"

#define FIELDS_TRIED 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t length = 0;
    size_t fields = 0;

    if (fl_grib_scan(data, size, 0, &length, &fields, NULL) < 0)
        return 0;
    fl_assert(length <= size && fields >= 1);
    for (size_t field = 0; fields > 1 && field < fields && field < FIELDS_TRIED; field++) {
        struct fl_buf single;
        size_t single_length = 0;
        size_t single_fields = 0;

        fl_buf_init(&single, 0);
        if (fl_grib_extract(data, length, field, &single, NULL) == 0) {
            fl_assert(fl_grib_scan(single.data, single.size, 0, &single_length, &single_fields,
                                   NULL) == 0);
            fl_assert(single_length == single.size && single_fields == 1);
        }
        fl_buf_release(&single);
    }
    return 0;
}
