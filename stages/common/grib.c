/* GRIB files through ecCodes. */
#include "config.h"

#include "stages/common/grib.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <eccodes.h>

#include "engine/world/file.h"
#include "stages/common/grib_impl.h"

#include "engine/base/banned.h"

/* What stands for a missing value while decoding: far outside any field. */
#define MISSING 9.0e33

struct fl_grib_file {
    char *path;
    struct fl_buf bytes;
    struct fl_buf single; /* the current field as a message of its own, when it shares one */
    size_t at;            /* of the current message */
    size_t size;          /* of the current message; 0 before the first */
    size_t field;
    size_t fields;
    codes_handle *handle; /* of the current field; points into bytes or single */
};

/* ---- keys ---- */

static int key_int(codes_handle *handle, const char *key)
{
    long value = 0;

    if (codes_get_long(handle, key, &value) != 0 || value == CODES_MISSING_LONG)
        return -1;
    return (int)value;
}

static void key_text(codes_handle *handle, const char *key, char text[static FL_GRIB_NAME_MAX])
{
    size_t size = FL_GRIB_NAME_MAX;

    if (codes_get_string(handle, key, text, &size) != 0)
        (void)snprintf(text, FL_GRIB_NAME_MAX, "unknown");
    text[FL_GRIB_NAME_MAX - 1] = 0;
}

/* Reference and valid time from the header's parts. */
static void read_times(codes_handle *handle, struct fl_grib_info *info)
{
    size_t size = 2;
    long minutes = 0;

    info->has_time = false;
    if (fl_cycle_from_parts(key_int(handle, "year"), key_int(handle, "month"),
                            key_int(handle, "day"), key_int(handle, "hour"),
                            key_int(handle, "minute"), 0, &info->reference, NULL) < 0)
        return;
    /* endStep in minutes whatever the header's unit is: the handle is our own. */
    if (codes_set_string(handle, "stepUnits", "m", &size) != 0 ||
        codes_get_long(handle, "endStep", &minutes) != 0)
        return;
    info->step_s = (int64_t)minutes * 60;
    info->valid.s = info->reference.s + info->step_s;
    info->has_time = true;
}

static void read_keys(codes_handle *handle, struct fl_grib_info *info)
{
    info->edition = key_int(handle, "edition");
    info->centre = key_int(handle, "centre");
    info->discipline = key_int(handle, "discipline");
    info->category = key_int(handle, "parameterCategory");
    info->number = key_int(handle, "parameterNumber");
    info->level_type =
        key_int(handle, info->edition == 1 ? "indicatorOfTypeOfLevel" : "typeOfFirstFixedSurface");
    info->member = key_int(handle, "perturbationNumber");
    if (codes_get_double(handle, "level", &info->level) != 0)
        info->level = NAN;
    key_text(handle, "shortName", info->short_name);
    key_text(handle, "typeOfLevel", info->type_of_level);
    key_text(handle, "units", info->units);
    key_text(handle, "gridType", info->grid_type);
    read_times(handle, info);
}

/* ---- one message ---- */

int fl_grib_check_message(const void *memory, size_t size, struct fl_grib_info *ret_info,
                          struct fl_err *reterr)
{
    struct fl_grib_info info = {0};
    struct fl_buf single;
    codes_handle *handle;
    size_t length = 0;
    int rc;

    fl_assert(ret_info);
    rc = fl_grib_scan(memory, size, 0, &length, &info.fields, reterr);
    if (rc < 0)
        return rc;
    if (length != size)
        return fl_err_set(reterr, FL_E_DATA, 0, "one GRIB message of %zu bytes, then %zu more",
                          length, size - length);
    fl_buf_init(&single, FL_GRIB_FILE_MAX);
    if (info.fields > 1)
        rc = fl_grib_extract(memory, size, 0, &single, reterr);
    if (rc == 0) {
        handle = info.fields > 1 ? codes_handle_new_from_message(NULL, single.data, single.size)
                                 : codes_handle_new_from_message(NULL, memory, size);
        if (handle) {
            info.size = size;
            read_keys(handle, &info);
            (void)codes_handle_delete(handle); /* nothing to lose */
            *ret_info = info;
        } else {
            rc = fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                            "ecCodes cannot read the GRIB message of %zu bytes", size);
        }
    }
    fl_buf_release(&single);
    return rc;
}

/* ---- files ---- */

int fl_grib_open(const char *path, struct fl_grib_file **ret_file, struct fl_err *reterr)
{
    fl_auto(fl_grib_close) struct fl_grib_file *file = calloc(1, sizeof(*file));
    int rc;

    fl_assert(path);
    fl_assert(ret_file);
    if (!file)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s'", path);
    fl_buf_init(&file->bytes, FL_GRIB_FILE_MAX);
    fl_buf_init(&file->single, FL_GRIB_FILE_MAX);
    file->path = strdup(path);
    if (!file->path)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s'", path);
    rc = fl_file_read(fl_world_real(), path, FL_GRIB_FILE_MAX, &file->bytes, reterr);
    if (rc < 0)
        return rc;
    if (file->bytes.size == 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s': empty; a GRIB file was expected", path);
    *ret_file = FL_STEAL(file);
    return 0;
}

void fl_grib_close(struct fl_grib_file *file)
{
    if (!file)
        return;
    if (file->handle)
        (void)codes_handle_delete(file->handle); /* nothing to lose */
    fl_buf_release(&file->bytes);
    fl_buf_release(&file->single);
    free(file->path);
    free(file);
}

/* Steps to the next field; *ret_more false at the end. */
static int advance(struct fl_grib_file *file, bool *ret_more, struct fl_err *reterr)
{
    int rc;

    *ret_more = true;
    if (file->size > 0 && file->field + 1 < file->fields) {
        file->field++;
        return 0;
    }
    file->at += file->size;
    file->size = 0;
    file->field = 0;
    while (file->at < file->bytes.size && file->bytes.data[file->at] == 0)
        file->at++;
    if (file->at >= file->bytes.size) {
        *ret_more = false;
        return 0;
    }
    rc = fl_grib_scan(file->bytes.data + file->at, file->bytes.size - file->at, file->at,
                      &file->size, &file->fields, reterr);
    return rc < 0 ? fl_err_note(reterr, rc, "'%s'", file->path) : 0;
}

int fl_grib_next(struct fl_grib_file *file, struct fl_grib_info *ret_info, bool *ret_more,
                 struct fl_err *reterr)
{
    const unsigned char *message;
    struct fl_grib_info info = {0};
    int rc;

    fl_assert(file);
    fl_assert(ret_info);
    if (file->handle)
        (void)codes_handle_delete(file->handle); /* nothing to lose */
    file->handle = NULL;
    rc = advance(file, ret_more, reterr);
    if (rc < 0 || !*ret_more)
        return rc;
    message = (const unsigned char *)file->bytes.data + file->at;
    if (file->fields > 1) {
        fl_buf_clear(&file->single);
        rc = fl_grib_extract(message, file->size, file->field, &file->single, reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "'%s'", file->path);
        file->handle = codes_handle_new_from_message(NULL, file->single.data, file->single.size);
    } else {
        file->handle = codes_handle_new_from_message(NULL, message, file->size);
    }
    if (!file->handle)
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "'%s': ecCodes cannot read the message at offset %zu", file->path,
                          file->at);
    info.offset = file->at;
    info.size = file->size;
    info.field = file->field;
    info.fields = file->fields;
    read_keys(file->handle, &info);
    *ret_info = info;
    return 0;
}

/* ---- grid and values ---- */

static int need_long(const struct fl_grib_file *file, const char *key, long *ret_value,
                     struct fl_err *reterr)
{
    int status = codes_get_long(file->handle, key, ret_value);

    if (status != 0 || *ret_value == CODES_MISSING_LONG)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, status, "'%s' message at offset %zu: no %s",
                          file->path, file->at, key);
    return 0;
}

static int need_double(const struct fl_grib_file *file, const char *key, double *ret_value,
                       struct fl_err *reterr)
{
    int status = codes_get_double(file->handle, key, ret_value);

    if (status != 0)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, status, "'%s' message at offset %zu: no %s",
                          file->path, file->at, key);
    return 0;
}

/* Degrees from first to last along the scanned direction, longitudes taken round the globe. */
static double longitude_span(double first, double last, bool negative)
{
    double span = negative ? first - last : last - first;

    while (span < 0)
        span += 360.0;
    return span;
}

int fl_grib_grid(const struct fl_grib_file *file, struct fl_grib_grid *ret_grid,
                 struct fl_err *reterr)
{
    static const char *const keys[] = {"Ni",
                                       "Nj",
                                       "iScansNegatively",
                                       "jScansPositively",
                                       "jPointsAreConsecutive",
                                       "alternativeRowScanning"};
    char type[FL_GRIB_NAME_MAX];
    struct fl_grib_grid grid = {0};
    long n[FL_COUNT(keys)] = {0};
    double lat_last = 0;
    double lon_last = 0;
    int rc = 0;

    fl_assert(file && file->handle);
    key_text(file->handle, "gridType", type);
    if (strcmp(type, "regular_ll") != 0)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "'%s' message at offset %zu: grid type '%s'; only regular "
                          "latitude-longitude grids (regular_ll) are read",
                          file->path, file->at, type);
    for (size_t i = 0; rc == 0 && i < FL_COUNT(keys); i++)
        rc = need_long(file, keys[i], &n[i], reterr);
    if (rc == 0)
        rc = need_double(file, "latitudeOfFirstGridPointInDegrees", &grid.lat_first, reterr);
    if (rc == 0)
        rc = need_double(file, "longitudeOfFirstGridPointInDegrees", &grid.lon_first, reterr);
    if (rc == 0)
        rc = need_double(file, "latitudeOfLastGridPointInDegrees", &lat_last, reterr);
    if (rc == 0)
        rc = need_double(file, "longitudeOfLastGridPointInDegrees", &lon_last, reterr);
    if (rc < 0)
        return rc;
    if (n[0] < 2 || n[1] < 2 || n[0] > 100000 || n[1] > 100000)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "'%s' message at offset %zu: grid of %ld x %ld points", file->path,
                          file->at, n[0], n[1]);
    grid.ni = (size_t)n[0];
    grid.nj = (size_t)n[1];
    grid.i_negative = n[2] != 0;
    grid.j_positive = n[3] != 0;
    grid.j_consecutive = n[4] != 0;
    grid.alternating = n[5] != 0;
    grid.di = longitude_span(grid.lon_first, lon_last, grid.i_negative) / (double)(grid.ni - 1);
    grid.dj = (grid.j_positive ? lat_last - grid.lat_first : grid.lat_first - lat_last) /
              (double)(grid.nj - 1);
    if (!(grid.di > 0) || !(grid.dj > 0) || grid.di * (double)(grid.ni - 1) > 360.0 + 1e-6 ||
        fabs(grid.lat_first) > 90.001 || fabs(lat_last) > 90.001)
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "'%s' message at offset %zu: corners %g,%g and %g,%g do not fit the scan",
                          file->path, file->at, grid.lat_first, grid.lon_first, lat_last, lon_last);
    *ret_grid = grid;
    return 0;
}

int fl_grib_values(const struct fl_grib_file *file, double *values, size_t count,
                   struct fl_err *reterr)
{
    size_t got = 0;
    int status;

    fl_assert(file && file->handle);
    fl_assert(values);
    status = codes_get_size(file->handle, "values", &got);
    if (status == 0 && got != count)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s' message at offset %zu: %zu values; %zu were expected", file->path,
                          file->at, got, count);
    if (status == 0)
        status = codes_set_double(file->handle, "missingValue", MISSING);
    if (status == 0)
        status = codes_get_double_array(file->handle, "values", values, &got);
    if (status != 0 || got != count)
        return fl_err_set(reterr, FL_E_DATA, status,
                          "'%s' message at offset %zu: the values cannot be decoded: %s",
                          file->path, file->at, codes_get_error_message(status));
    for (size_t i = 0; i < count; i++) {
        if (values[i] == MISSING || !isfinite(values[i]))
            values[i] = NAN;
    }
    return 0;
}

int fl_grib_values_sorted(const struct fl_grib_file *file, const struct fl_grib_grid *grid,
                          double *lat, double *lon, double *values, struct fl_err *reterr)
{
    const size_t ni = grid->ni;
    const size_t nj = grid->nj;
    double west = grid->lon_first - (grid->i_negative ? grid->di * (double)(ni - 1) : 0.0);
    double south = grid->lat_first - (grid->j_positive ? 0.0 : grid->dj * (double)(nj - 1));
    double *raw = malloc(ni * nj * sizeof(*raw));
    int rc;

    fl_assert(lat && lon && values);
    if (!raw)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "%zu values", ni * nj);
    rc = fl_grib_values(file, raw, ni * nj, reterr);
    for (size_t k = 0; rc == 0 && k < ni * nj; k++) {
        size_t inner = grid->j_consecutive ? nj : ni;
        size_t row = k / inner;
        size_t place = k % inner;
        size_t i;
        size_t j;

        if (grid->alternating && row % 2 == 1)
            place = inner - 1 - place;
        i = grid->j_consecutive ? row : place;
        j = grid->j_consecutive ? place : row;
        if (grid->i_negative)
            i = ni - 1 - i;
        if (!grid->j_positive)
            j = nj - 1 - j;
        values[j * ni + i] = raw[k];
    }
    free(raw);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < ni; i++)
        lon[i] = west + grid->di * (double)i;
    for (size_t j = 0; j < nj; j++)
        lat[j] = south + grid->dj * (double)j;
    return 0;
}
