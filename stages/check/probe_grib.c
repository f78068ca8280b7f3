/* Inventory of a GRIB file. */
#include "config.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/base/time.h"
#include "stages/check/probe.h"
#include "stages/check/probe_impl.h"
#include "stages/common/grib.h"

#include "engine/base/banned.h"

/* Over all fields. */
struct span {
    size_t fields;
    bool has_time;
    struct fl_cycle first;
    struct fl_cycle last;
};

static int add_time(json_t *entry, const char *key, struct fl_cycle time, struct fl_err *reterr)
{
    char text[FL_TIME_TEXT_MAX];

    fl_cycle_format_extended(time, text);
    return fl_probe_set(entry, key, json_string(text), reterr);
}

/* Range of a field on a regular grid; others are listed without. */
static int add_range(const struct fl_grib_file *file, json_t *entry, struct fl_err *reterr)
{
    struct fl_grib_grid grid;
    double low = INFINITY;
    double high = -INFINITY;
    size_t finite = 0;
    double *values;
    size_t count;
    int rc;

    if (fl_grib_grid(file, &grid, NULL) < 0 || grid.ni == 0 || grid.nj == 0 ||
        grid.nj > FL_PROBE_POINTS_MAX / grid.ni)
        return 0;
    count = grid.ni * grid.nj;
    values = malloc(count * sizeof(*values));
    if (!values)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "a field of %zu values", count);
    rc = fl_grib_values(file, values, count, reterr);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (!isfinite(values[i]))
            continue;
        finite++;
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    free(values);
    if (rc == 0)
        rc = fl_probe_set(entry, "shape",
                          json_pack("[I, I]", (json_int_t)grid.nj, (json_int_t)grid.ni), reterr);
    if (rc == 0)
        rc = fl_probe_set(entry, "finite_share", json_real((double)finite / (double)count), reterr);
    if (rc == 0 && finite > 0)
        rc = fl_probe_set(entry, "min", json_real(low), reterr);
    if (rc == 0 && finite > 0)
        rc = fl_probe_set(entry, "max", json_real(high), reterr);
    return rc;
}

static int add_field(const struct fl_grib_file *file, const struct fl_grib_info *info, json_t *list,
                     struct fl_err *reterr)
{
    json_t *entry =
        json_pack("{s:o, s:o, s:o, s:o, s:i, s:I}", "name", fl_probe_text(info->short_name),
                  "type_of_level", fl_probe_text(info->type_of_level), "units",
                  fl_probe_text(info->units), "grid", fl_probe_text(info->grid_type), "edition",
                  info->edition, "offset", (json_int_t)info->offset);
    int rc = 0;

    if (!entry || json_array_append_new(list, entry) < 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (isfinite(info->level))
        rc = fl_probe_set(entry, "level", json_real(info->level), reterr);
    if (rc == 0 && info->member >= 0)
        rc = fl_probe_set(entry, "member", json_integer(info->member), reterr);
    if (rc == 0 && info->has_time)
        rc = add_time(entry, "reference_time", info->reference, reterr);
    if (rc == 0 && info->has_time)
        rc = add_time(entry, "valid_time", info->valid, reterr);
    return rc == 0 ? add_range(file, entry, reterr) : rc;
}

static void span_add(struct span *span, const struct fl_grib_info *info)
{
    span->fields++;
    if (!info->has_time)
        return;
    if (!span->has_time || info->valid.s < span->first.s)
        span->first = info->valid;
    if (!span->has_time || info->valid.s > span->last.s)
        span->last = info->valid;
    span->has_time = true;
}

int fl_probe_grib(const char *path, json_t *doc, struct fl_err *reterr)
{
    fl_auto(fl_grib_close) struct fl_grib_file *file = NULL;
    json_t *list = json_array();
    struct span span = {0};
    struct fl_grib_info info;
    bool more = false;
    int rc = fl_probe_set(doc, "fields", list, reterr);

    if (rc == 0)
        rc = fl_grib_open(path, &file, reterr);
    while (rc == 0) {
        rc = fl_grib_next(file, &info, &more, reterr);
        if (rc < 0 || !more)
            break;
        span_add(&span, &info);
        if (span.fields <= FL_PROBE_FIELDS_MAX)
            rc = add_field(file, &info, list, reterr);
    }
    if (rc == 0)
        rc = fl_probe_set(doc, "field_count", json_integer((json_int_t)span.fields), reterr);
    if (rc < 0 || !span.has_time)
        return rc;
    rc = fl_probe_set(doc, "times", json_object(), reterr);
    if (rc == 0)
        rc = add_time(json_object_get(doc, "times"), "first", span.first, reterr);
    return rc == 0 ? add_time(json_object_get(doc, "times"), "last", span.last, reterr) : rc;
}
