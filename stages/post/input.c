/* Reading fields, maxima and series. */
#include "config.h"

#include "stages/post/input.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "stages/common/nc.h"
#include "stages/common/prov.h"

#include "engine/base/banned.h"

static void fill_to_nan(float *values, size_t count, const struct fl_nc_var *var)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]) || (var->has_fill && values[i] == (float)var->fill))
            values[i] = NAN;
}

/* One field on the file's grid: `dims` is "time lat lon" with one time, or "lat lon". */
static int field_read(const struct fl_nc *nc, const char *name, const char *dims, const char *units,
                      size_t nlat, size_t nlon, struct fl_raster *raster, struct fl_err *reterr)
{
    struct fl_nc_var var;
    int rc = fl_nc_var(nc, name, dims, units, &var, reterr);

    if (rc == 0)
        rc = fl_raster_init(raster, nlat, nlon, reterr);
    if (rc == 0)
        rc = fl_nc_get_double(nc, "lat", NULL, NULL, raster->lat, reterr);
    if (rc == 0)
        rc = fl_nc_get_double(nc, "lon", NULL, NULL, raster->lon, reterr);
    if (rc == 0)
        rc = fl_nc_get_float(nc, name, NULL, NULL, raster->value, reterr);
    if (rc < 0)
        return rc;
    fill_to_nan(raster->value, nlat * nlon, &var);
    rc = fl_raster_check_axes(raster, reterr);
    return rc < 0 ? fl_err_note(reterr, rc, "'%s'", fl_nc_path(nc)) : 0;
}

/* The same when the variable is there; else raster stays empty. */
static int field_read_opt(const struct fl_nc *nc, const char *name, const char *dims,
                          const char *units, size_t nlat, size_t nlon, struct fl_raster *raster,
                          struct fl_err *reterr)
{
    if (!fl_nc_has_var(nc, name))
        return 0;
    return field_read(nc, name, dims, units, nlat, nlon, raster, reterr);
}

static int grid_size(const struct fl_nc *nc, size_t *ret_nlat, size_t *ret_nlon,
                     struct fl_err *reterr)
{
    int rc = fl_nc_dim(nc, "lat", ret_nlat, reterr);

    if (rc == 0)
        rc = fl_nc_dim(nc, "lon", ret_nlon, reterr);
    if (rc == 0)
        rc = fl_nc_var(nc, "lat", "lat", "degrees_north|degree_north|degrees_N", NULL, reterr);
    if (rc == 0)
        rc = fl_nc_var(nc, "lon", "lon", "degrees_east|degree_east|degrees_E", NULL, reterr);
    return rc;
}

/* The one time of an hourly file. */
static int hour_time(const struct fl_nc *nc, struct fl_hour *hour, struct fl_err *reterr)
{
    double value = NAN;
    double step_s = 0;
    int rc = fl_nc_want_dim(nc, "time", 1, reterr);

    if (rc == 0)
        rc = fl_nc_time_units(nc, "time", &hour->cycle, &step_s, reterr);
    if (rc == 0)
        rc = fl_nc_get_double(nc, "time", NULL, NULL, &value, reterr);
    if (rc < 0)
        return rc;
    if (!isfinite(value) || fabs(value * step_s) > 1e10)
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s': variable 'time' is %g", fl_nc_path(nc),
                          value);
    hour->valid.s = hour->cycle.s + llround(value * step_s);
    return 0;
}

static int hour_fields(const struct fl_nc *nc, struct fl_hour *hour, struct fl_err *reterr)
{
    static const char *const speed = "m s-1|m/s";
    size_t nlat = 0;
    size_t nlon = 0;
    int rc = grid_size(nc, &nlat, &nlon, reterr);

    if (rc == 0)
        rc = field_read(nc, "zeta", "time lat lon", "m", nlat, nlon, &hour->zeta, reterr);
    if (rc == 0)
        rc = field_read_opt(nc, "u", "time lat lon", speed, nlat, nlon, &hour->u, reterr);
    if (rc == 0)
        rc = field_read_opt(nc, "v", "time lat lon", speed, nlat, nlon, &hour->v, reterr);
    if (rc == 0)
        rc = field_read_opt(nc, "zeta_max", "lat lon", "m", nlat, nlon, &hour->zeta_max, reterr);
    if (rc == 0)
        rc = field_read_opt(nc, "time_of_max", "lat lon", NULL, nlat, nlon, &hour->time_of_max,
                            reterr);
    if (rc == 0)
        rc = field_read_opt(nc, "depth", "lat lon", "m", nlat, nlon, &hour->depth, reterr);
    return rc;
}

int fl_hour_read(const char *path, struct fl_prov *prov, struct fl_hour *ret_hour,
                 struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    struct fl_hour hour = {0};
    int rc;

    fl_assert(path);
    fl_assert(ret_hour);
    rc = fl_nc_open(path, &nc, reterr);
    if (rc == 0)
        rc = hour_time(nc, &hour, reterr);
    if (rc == 0)
        rc = hour_fields(nc, &hour, reterr);
    if (rc == 0 && prov)
        rc = fl_prov_merge(prov, nc, reterr);
    if (rc < 0) {
        fl_hour_release(&hour);
        return rc;
    }
    *ret_hour = hour;
    return 0;
}

void fl_hour_release(struct fl_hour *hour)
{
    fl_raster_release(&hour->zeta);
    fl_raster_release(&hour->u);
    fl_raster_release(&hour->v);
    fl_raster_release(&hour->zeta_max);
    fl_raster_release(&hour->time_of_max);
    fl_raster_release(&hour->depth);
}

/* A global attribute as a time; false when it is absent or no time. */
static bool att_time(const struct fl_nc *nc, const char *name, struct fl_cycle *ret_time)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    struct fl_err ignored = {0};

    fl_buf_init(&text, 0);
    return fl_nc_att(nc, FL_NC_GLOBAL, name, &text, &ignored) == 0 &&
           fl_cycle_parse(text.data, ret_time, &ignored) == 0;
}

/* The cycle of a file without a time axis: the attribute that every file of ours carries, or the
 * epoch in the units of time_of_max. */
static int maximum_cycle(const struct fl_nc *nc, struct fl_maximum *maximum, struct fl_err *reterr)
{
    double step_s = 0;

    if (att_time(nc, "fairlead_cycle", &maximum->cycle))
        return 0;
    if (fl_nc_has_var(nc, "time"))
        return fl_nc_time_units(nc, "time", &maximum->cycle, &step_s, reterr);
    if (fl_nc_time_units(nc, "time_of_max", &maximum->cycle, &step_s, NULL) == 0)
        return 0;
    if (att_time(nc, "time_coverage_start", &maximum->cycle))
        return 0;
    return fl_err_set(reterr, FL_E_MISMATCH, 0,
                      "'%s': no cycle; expected the attribute 'fairlead_cycle', a variable 'time' "
                      "or 'time_coverage_start'",
                      fl_nc_path(nc));
}

int fl_maximum_read(const char *path, struct fl_prov *prov, struct fl_maximum *ret_maximum,
                    struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    struct fl_maximum maximum = {0};
    size_t nlat = 0;
    size_t nlon = 0;
    int rc;

    fl_assert(path);
    fl_assert(ret_maximum);
    rc = fl_nc_open(path, &nc, reterr);
    if (rc == 0)
        rc = grid_size(nc, &nlat, &nlon, reterr);
    if (rc == 0)
        rc = maximum_cycle(nc, &maximum, reterr);
    if (rc == 0)
        rc = field_read(nc, "zeta_max", "lat lon", "m", nlat, nlon, &maximum.zeta_max, reterr);
    if (rc == 0)
        rc = field_read(nc, "time_of_max", "lat lon", NULL, nlat, nlon, &maximum.time_of_max,
                        reterr);
    if (rc == 0 && prov)
        rc = fl_prov_merge(prov, nc, reterr);
    if (rc < 0) {
        fl_maximum_release(&maximum);
        return rc;
    }
    maximum.has_period = att_time(nc, "time_coverage_start", &maximum.from) &&
                         att_time(nc, "time_coverage_end", &maximum.to);
    *ret_maximum = maximum;
    return 0;
}

void fl_maximum_release(struct fl_maximum *maximum)
{
    fl_raster_release(&maximum->zeta_max);
    fl_raster_release(&maximum->time_of_max);
}

/* Names are a character array (station, name_strlen); blanks and NULs at the end are padding. */
static int names_read(const struct fl_nc *nc, struct fl_series *series, struct fl_err *reterr)
{
    struct fl_nc_var var;
    size_t width;
    char *text;
    int rc = fl_nc_var(nc, "station_name", NULL, NULL, &var, reterr);

    if (rc < 0)
        return rc;
    if (var.type != FL_NC_TEXT || var.rank != 2 || var.shape[0] != series->station_count ||
        var.shape[1] == 0 || var.shape[1] > 1024)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s': variable 'station_name' is not text of (station, length)",
                          fl_nc_path(nc));
    width = var.shape[1];
    text = calloc(series->station_count + 1, width);
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s': station names", fl_nc_path(nc));
    rc = fl_nc_get_text(nc, "station_name", NULL, NULL, text, reterr);
    for (size_t i = 0; rc == 0 && i < series->station_count; i++) {
        size_t length = strnlen(text + i * width, width);

        while (length > 0 && text[i * width + length - 1] == ' ')
            length--;
        (void)snprintf(series->station[i].name, sizeof(series->station[i].name), "%.*s",
                       (int)length, text + i * width);
    }
    free(text);
    return rc;
}

static int stations_read(const struct fl_nc *nc, struct fl_series *series, struct fl_err *reterr)
{
    double lat[FL_STATIONS_MAX];
    double lon[FL_STATIONS_MAX];
    double km[FL_STATIONS_MAX];
    size_t count = 0;
    int rc = fl_nc_dim(nc, "station", &count, reterr);

    if (rc == 0 && (count == 0 || count > FL_STATIONS_MAX))
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "'%s': %zu stations; expected 1 to %d",
                        fl_nc_path(nc), count, FL_STATIONS_MAX);
    if (rc == 0)
        rc = fl_nc_var(nc, "lat", "station", NULL, NULL, reterr);
    if (rc == 0)
        rc = fl_nc_var(nc, "lon", "station", NULL, NULL, reterr);
    if (rc == 0)
        rc = fl_nc_get_double(nc, "lat", NULL, NULL, lat, reterr);
    if (rc == 0)
        rc = fl_nc_get_double(nc, "lon", NULL, NULL, lon, reterr);
    for (size_t i = 0; i < count && rc == 0; i++)
        km[i] = NAN;
    if (rc == 0 && fl_nc_has_var(nc, "distance_km")) {
        rc = fl_nc_var(nc, "distance_km", "station", NULL, NULL, reterr);
        if (rc == 0)
            rc = fl_nc_get_double(nc, "distance_km", NULL, NULL, km, reterr);
    }
    if (rc < 0)
        return rc;
    series->station_count = count;
    for (size_t i = 0; i < count; i++) {
        series->station[i].cell = (struct fl_point){lat[i], lon[i]};
        series->station[i].distance_km = km[i];
    }
    return names_read(nc, series, reterr);
}

static int series_times(const struct fl_nc *nc, struct fl_series *series, struct fl_err *reterr)
{
    double step_s = 0;
    int rc = fl_nc_dim(nc, "time", &series->time_count, reterr);

    if (rc == 0)
        rc = fl_nc_time_units(nc, "time", &series->cycle, &step_s, reterr);
    if (rc < 0)
        return rc;
    if (series->time_count == 0 || series->time_count > FL_SERIES_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "'%s': %zu times; expected 1 to %zu",
                          fl_nc_path(nc), series->time_count, FL_SERIES_MAX);
    series->time_s = calloc(series->time_count, sizeof(*series->time_s));
    if (!series->time_s)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s': %zu times", fl_nc_path(nc),
                          series->time_count);
    rc = fl_nc_get_double(nc, "time", NULL, NULL, series->time_s, reterr);
    for (size_t i = 0; rc == 0 && i < series->time_count; i++) {
        series->time_s[i] *= step_s;
        if (!isfinite(series->time_s[i]) || (i > 0 && !(series->time_s[i] > series->time_s[i - 1])))
            rc = fl_err_set(reterr, FL_E_DATA, 0, "'%s': variable 'time' does not ascend at %zu",
                            fl_nc_path(nc), i);
    }
    return rc;
}

static int series_values(const struct fl_nc *nc, struct fl_series *series, struct fl_err *reterr)
{
    size_t count = series->station_count * series->time_count;
    struct fl_nc_var var;
    int rc = fl_nc_var(nc, "zeta", NULL, "m", &var, reterr);
    bool turned;
    float *raw;

    if (rc < 0)
        return rc;
    turned = var.rank == 2 && var.shape[0] == series->time_count &&
             var.shape[1] == series->station_count && series->time_count != series->station_count;
    if (!turned && (var.rank != 2 || var.shape[0] != series->station_count ||
                    var.shape[1] != series->time_count))
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s': variable 'zeta' is not of (station, time) or (time, station)",
                          fl_nc_path(nc));
    raw = calloc(count, sizeof(*raw));
    series->zeta = calloc(count, sizeof(*series->zeta));
    if (!raw || !series->zeta)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "'%s': %zu values", fl_nc_path(nc), count);
    if (rc == 0)
        rc = fl_nc_get_float(nc, "zeta", NULL, NULL, raw, reterr);
    if (rc == 0) {
        fill_to_nan(raw, count, &var);
        for (size_t s = 0; s < series->station_count; s++)
            for (size_t t = 0; t < series->time_count; t++)
                series->zeta[s * series->time_count + t] =
                    turned ? raw[t * series->station_count + s] : raw[s * series->time_count + t];
    }
    free(raw);
    return rc;
}

int fl_series_read(const char *path, struct fl_prov *prov, struct fl_series *ret_series,
                   struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    struct fl_series series = {0};
    int rc;

    fl_assert(path);
    fl_assert(ret_series);
    rc = fl_nc_open(path, &nc, reterr);
    if (rc == 0)
        rc = stations_read(nc, &series, reterr);
    if (rc == 0)
        rc = series_times(nc, &series, reterr);
    if (rc == 0)
        rc = series_values(nc, &series, reterr);
    if (rc == 0 && prov)
        rc = fl_prov_merge(prov, nc, reterr);
    if (rc < 0) {
        fl_series_release(&series);
        return rc;
    }
    *ret_series = series;
    return 0;
}

void fl_series_release(struct fl_series *series)
{
    free(series->time_s);
    free(series->zeta);
    series->time_s = NULL;
    series->zeta = NULL;
}
