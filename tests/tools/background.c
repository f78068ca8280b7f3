/* A calm GFS-like background in GRIB2: see background.h. */

#include "config.h"

#include <eccodes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/background.h"

#include "engine/base/banned.h"

#define GRID_STEP 0.5 /* [degrees] */

const struct fl_background_area fl_background_globe = {0, 359.5, 90, -90};
const struct fl_background_area fl_background_gulf = {250, 300, 45, 5};

void fl_background_at(double lat, double lon, double hours, double *ret_u, double *ret_v,
                      double *ret_msl)
{
    double north = lat * M_PI / 180;
    double wave = 2 * M_PI * (lon / 20 - hours / 48); /* 20 degrees long, passes in two days */

    /* Easterlies strongest at 18 N, calm in the westerlies; a weak easterly wave moves through. */
    *ret_u = -4.2 * cos((lat - 18) * M_PI / 60) * cos(north) + 0.5 * sin(wave);
    *ret_v = 0.9 * cos(wave) * cos(north);
    /* The subtropical ridge near 32 N. */
    *ret_msl = 101300 + 200 * cos((lat - 32) * M_PI / 45) + 60 * sin(wave) * cos(north);
}

enum field_kind { FIELD_U, FIELD_V, FIELD_MSL, FIELD_TMP };

/* One message. decimal: digits after the point that GFS keeps. */
static const struct field {
    enum field_kind kind;
    long category, number, surface, level;
    double factor;
    long decimal;
} fields[] = {
    {FIELD_MSL, 3, 1, 101, 0, 1, 1},   {FIELD_U, 2, 2, 100, 85000, 2, 2},
    {FIELD_V, 2, 3, 100, 85000, 2, 2}, {FIELD_TMP, 0, 0, 103, 2, 1, 2},
    {FIELD_U, 2, 2, 103, 10, 1, 2},    {FIELD_V, 2, 3, 103, 10, 1, 2},
    {FIELD_TMP, 0, 0, 1, 0, 1, 2},
};

static double field_at(const struct field *field, double lat, double lon, double hours)
{
    double u, v, msl;

    fl_background_at(lat, lon, hours, &u, &v, &msl);
    switch (field->kind) {
    case FIELD_U:
        return u * field->factor;
    case FIELD_V:
        return v * field->factor;
    case FIELD_MSL:
        return msl;
    case FIELD_TMP:
        return 300 - 0.35 * fabs(lat - 10);
    }
    return 0;
}

struct grid {
    const struct fl_background_area *area;
    size_t ni, nj;
    double *values; /* shape (nj, ni), from north to south */
};

static int set_header(codes_handle *handle, const struct grid *grid, const struct field *field,
                      struct fl_cycle cycle, struct fl_lead lead)
{
    char text[FL_TIME_TEXT_MAX];
    long date;

    if (fl_cycle_strftime(cycle, "%Y%m%d", text, sizeof(text), NULL) < 0)
        return -1;
    date = strtol(text, NULL, 10);
    const struct {
        const char *key;
        long value;
    } keys[] = {
        {"centre", 7}, /* kwbc */
        {"subCentre", 0},
        {"tablesVersion", 2},
        {"localTablesVersion", 1},
        {"significanceOfReferenceTime", 1},
        {"productionStatusOfProcessedData", 1}, /* a test product, and it says so */
        {"typeOfProcessedData", 1},
        {"dataDate", date},
        {"dataTime", (cycle.s % 86400) / 3600 * 100},
        {"shapeOfTheEarth", 6},
        {"Ni", (long)grid->ni},
        {"Nj", (long)grid->nj},
        {"iScansNegatively", 0},
        {"jScansPositively", 0},
        {"resolutionAndComponentFlags", 48},
        {"productDefinitionTemplateNumber", 0},
        {"parameterCategory", field->category},
        {"parameterNumber", field->number},
        {"typeOfGeneratingProcess", 2},
        {"backgroundProcess", 0},
        {"generatingProcessIdentifier", lead.minutes == 0 ? 81 : 96}, /* analysis, forecast */
        {"indicatorOfUnitOfTimeRange", 1},
        {"forecastTime", lead.minutes / 60},
        {"typeOfFirstFixedSurface", field->surface},
        {"scaleFactorOfFirstFixedSurface", 0},
        {"scaledValueOfFirstFixedSurface", field->level},
    };
    const struct {
        const char *key;
        double value;
    } degrees[] = {
        {"latitudeOfFirstGridPointInDegrees", grid->area->north},
        {"longitudeOfFirstGridPointInDegrees", grid->area->west},
        {"latitudeOfLastGridPointInDegrees", grid->area->south},
        {"longitudeOfLastGridPointInDegrees", grid->area->east},
        {"iDirectionIncrementInDegrees", GRID_STEP},
        {"jDirectionIncrementInDegrees", GRID_STEP},
    };
    for (size_t i = 0; i < FL_COUNT(keys); i++)
        if (codes_set_long(handle, keys[i].key, keys[i].value) != CODES_SUCCESS)
            return -1;
    for (size_t i = 0; i < FL_COUNT(degrees); i++)
        if (codes_set_double(handle, degrees[i].key, degrees[i].value) != CODES_SUCCESS)
            return -1;
    return 0;
}

/* Packs, and reads back: ecCodes 2.28 can return success and hold other numbers (it does with the
 * complex packing of the real files on the third of our messages; simple packing holds). */
static int set_values(codes_handle *handle, const struct grid *grid, const struct field *field)
{
    size_t count = grid->ni * grid->nj, size = count;
    double half = 0.51 * pow(10, -(double)field->decimal);
    double *check = calloc(count, sizeof(*check));
    const char *packing = "grid_simple";
    size_t length = strlen(packing);
    int rc = -1;

    /* The packing comes before the values: the other order can lose data. */
    if (!check || codes_set_string(handle, "packingType", packing, &length) != CODES_SUCCESS ||
        codes_set_long(handle, "bitsPerValue", 0) != CODES_SUCCESS ||
        codes_set_long(handle, "decimalScaleFactor", field->decimal) != CODES_SUCCESS ||
        codes_set_double_array(handle, "values", grid->values, count) != CODES_SUCCESS ||
        codes_get_double_array(handle, "values", check, &size) != CODES_SUCCESS || size != count)
        goto out;
    for (size_t i = 0; i < count; i++)
        if (!(fabs(check[i] - grid->values[i]) <= half))
            goto out;
    rc = 0;
out:
    free(check);
    return rc;
}

static int add_message(const struct grid *grid, const struct field *field, struct fl_cycle cycle,
                       struct fl_lead lead, struct fl_buf *out)
{
    codes_handle *handle = codes_grib_handle_new_from_samples(NULL, "regular_ll_pl_grib2");
    const void *data;
    size_t size;
    int rc = -1;

    if (!handle)
        return -1;
    for (size_t j = 0; j < grid->nj; j++)
        for (size_t i = 0; i < grid->ni; i++)
            grid->values[j * grid->ni + i] =
                field_at(field, grid->area->north - (double)j * GRID_STEP,
                         grid->area->west + (double)i * GRID_STEP, lead.minutes / 60.0);
    if (set_header(handle, grid, field, cycle, lead) == 0 && set_values(handle, grid, field) == 0 &&
        codes_get_message(handle, &data, &size) == CODES_SUCCESS) {
        fl_buf_add(out, data, size);
        rc = 0;
    }
    codes_handle_delete(handle);
    return rc;
}

int fl_background_file(const struct fl_background_area *area, struct fl_cycle cycle,
                       struct fl_lead lead, struct fl_buf *out, struct fl_err *reterr)
{
    struct grid grid = {.area = area,
                        .ni = (size_t)lround((area->east - area->west) / GRID_STEP) + 1,
                        .nj = (size_t)lround((area->north - area->south) / GRID_STEP) + 1};
    int rc = 0;

    grid.values = calloc(grid.ni * grid.nj, sizeof(*grid.values));
    if (!grid.values)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "background grid");
    for (size_t i = 0; i < FL_COUNT(fields) && rc == 0; i++)
        if (add_message(&grid, &fields[i], cycle, lead, out) < 0)
            rc = fl_err_set(reterr, FL_E_BUG, 0, "ecCodes cannot pack message %zu", i + 1);
    free(grid.values);
    return rc < 0 ? rc : fl_buf_check(out, reterr);
}
