/* wgrib2-style index of a GRIB2 file: see grib_idx.h. */

#include "config.h"

#include <eccodes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/world/file.h"
#include "tests/tools/grib_idx.h"

#include "engine/base/banned.h"

/* WMO GRIB2 code table 4.2 (discipline, category, number) and the names that wgrib2 gives. */
static const struct idx_var {
    long discipline;
    long category;
    long number;
    const char *name;
} idx_vars[] = {
    {0, 0, 0, "TMP"},     {0, 1, 1, "RH"},      {0, 2, 0, "WDIR"},   {0, 2, 1, "WIND"},
    {0, 2, 2, "UGRD"},    {0, 2, 3, "VGRD"},    {0, 3, 0, "PRES"},   {0, 3, 1, "PRMSL"},
    {0, 3, 5, "HGT"},     {10, 0, 3, "HTSGW"},  {10, 0, 4, "WVDIR"}, {10, 0, 5, "WVHGT"},
    {10, 0, 6, "WVPER"},  {10, 0, 7, "SWDIR"},  {10, 0, 8, "SWELL"}, {10, 0, 9, "SWPER"},
    {10, 0, 10, "DIRPW"}, {10, 0, 11, "PERPW"},
};

struct header {
    long edition, discipline, category, number, surface, date, time, template, unit, forecast;
    long scale, scaled;
};

static int read_header(codes_handle *handle, struct header *header)
{
    const struct {
        const char *key;
        long *to;
    } keys[] = {
        {"editionNumber", &header->edition},
        {"discipline", &header->discipline},
        {"parameterCategory", &header->category},
        {"parameterNumber", &header->number},
        {"typeOfFirstFixedSurface", &header->surface},
        {"scaleFactorOfFirstFixedSurface", &header->scale},
        {"scaledValueOfFirstFixedSurface", &header->scaled},
        {"dataDate", &header->date},
        {"dataTime", &header->time},
        {"productDefinitionTemplateNumber", &header->template},
        {"indicatorOfUnitOfTimeRange", &header->unit},
        {"forecastTime", &header->forecast},
    };
    for (size_t i = 0; i < FL_COUNT(keys); i++)
        if (codes_get_long(handle, keys[i].key, keys[i].to) != CODES_SUCCESS)
            return -1;
    return 0;
}

/* Code table 4.5. False: not one of ours. */
static bool level_text(const struct header *header, char *text, size_t size)
{
    double value = (double)header->scaled;

    for (long i = 0; i < header->scale && i < 9; i++)
        value /= 10;
    for (long i = 0; i > header->scale && i > -9; i--)
        value *= 10;
    switch (header->surface) {
    case 1:
        snprintf(text, size, "surface");
        return true;
    case 100:
        snprintf(text, size, "%g mb", value / 100);
        return true;
    case 101:
        snprintf(text, size, "mean sea level");
        return true;
    case 103:
        snprintf(text, size, "%g m above ground", value);
        return true;
    case 241:
        snprintf(text, size, "%g in sequence", value);
        return true;
    default:
        return false;
    }
}

/* Code table 4.4; instantaneous fields only. */
static bool forecast_text(const struct header *header, char *text, size_t size)
{
    if (header->template != 0 || header->unit > 1)
        return false;
    if (header->forecast == 0)
        snprintf(text, size, "anl");
    else
        snprintf(text, size, "%ld %s fcst", header->forecast, header->unit == 1 ? "hour" : "min");
    return true;
}

static int add_line(const void *data, size_t size, size_t number, size_t offset, struct fl_buf *out,
                    struct fl_err *reterr)
{
    codes_handle *handle = codes_handle_new_from_message(NULL, data, size);
    struct header header;
    char level[64], forecast[64];
    const char *name = NULL;
    int rc;

    if (!handle)
        return fl_err_set(reterr, FL_E_DATA, 0, "message %zu at byte %zu cannot be decoded", number,
                          offset);
    rc = read_header(handle, &header);
    codes_handle_delete(handle);
    if (rc < 0 || header.edition != 2)
        return fl_err_set(reterr, FL_E_DATA, 0, "message %zu at byte %zu is not plain GRIB2",
                          number, offset);
    for (size_t i = 0; i < FL_COUNT(idx_vars) && !name; i++)
        if (idx_vars[i].discipline == header.discipline &&
            idx_vars[i].category == header.category && idx_vars[i].number == header.number)
            name = idx_vars[i].name;
    if (!name || !level_text(&header, level, sizeof(level)) ||
        !forecast_text(&header, forecast, sizeof(forecast)))
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "message %zu at byte %zu: parameter %ld.%ld.%ld on surface %ld, "
                          "product template %ld, is not in the table",
                          number, offset, header.discipline, header.category, header.number,
                          header.surface, header.template);
    fl_buf_printf(out, "%zu:%zu:d=%08ld%02ld:%s:%s:%s:\n", number, offset, header.date,
                  header.time / 100, name, level, forecast);
    return 0;
}

int fl_grib_idx(const char *data, size_t size, struct fl_buf *out, struct fl_err *reterr)
{
    size_t offset = 0;

    fl_assert(data);
    fl_assert(out);
    for (size_t number = 1; offset < size; number++) {
        uint64_t length = 0;
        int rc;

        if (size - offset < 16 || memcmp(data + offset, "GRIB", 4) != 0)
            return fl_err_set(reterr, FL_E_DATA, 0, "no GRIB message at byte %zu", offset);
        for (int i = 8; i < 16; i++) /* GRIB2 section 0, octets 9-16 */
            length = length << 8 | (unsigned char)data[offset + (size_t)i];
        if (length < 20 || length > size - offset ||
            memcmp(data + offset + length - 4, "7777", 4) != 0)
            return fl_err_set(reterr, FL_E_DATA, 0, "message %zu at byte %zu is cut short", number,
                              offset);
        rc = add_line(data + offset, (size_t)length, number, offset, out, reterr);
        if (rc < 0)
            return rc;
        offset += (size_t)length;
    }
    return fl_buf_check(out, reterr);
}

int fl_grib_idx_file(const char *path, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf grib;
    fl_auto(fl_buf_release) struct fl_buf text;
    char to[FL_PATH_MAX];
    int rc;

    fl_buf_init(&grib, FL_GRIB_IDX_MAX);
    fl_buf_init(&text, 0);
    if ((size_t)snprintf(to, sizeof(to), "%s.idx", path) >= sizeof(to))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%s'", path);
    rc = fl_file_read(fl_world_real(), path, FL_GRIB_IDX_MAX, &grib, reterr);
    if (rc == 0)
        rc = fl_grib_idx(grib.data, grib.size, &text, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "index of '%s'", path);
    return fl_file_publish(fl_world_real(), to, text.data, text.size, reterr);
}
