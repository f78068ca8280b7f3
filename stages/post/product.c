/* Product files. */
#include "config.h"

#include "stages/post/product.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "stages/common/nc.h"
#include "stages/common/prov.h"

#include "engine/base/banned.h"

/* CF requires degrees for directions. Source of the names: CF standard name table. */
static const struct fl_nc_def hour_defs[] = {
    {.name = "zeta",
     .type = FL_NC_FLOAT,
     .dims = "time lat lon",
     .units = "m",
     .standard_name = "sea_surface_height_above_geoid",
     .long_name = "water level",
     .has_fill = true},
    {.name = "speed",
     .type = FL_NC_FLOAT,
     .dims = "time lat lon",
     .units = "m s-1",
     .standard_name = "sea_water_speed",
     .long_name = "speed of the depth-averaged current",
     .has_fill = true},
    {.name = "direction",
     .type = FL_NC_FLOAT,
     .dims = "time lat lon",
     .units = "degree",
     .standard_name = "sea_water_velocity_to_direction",
     .long_name = "direction to which the depth-averaged current flows, clockwise from north",
     .has_fill = true},
    {.name = "zeta_max",
     .type = FL_NC_FLOAT,
     .dims = "lat lon",
     .units = "m",
     .standard_name = "sea_surface_height_above_geoid",
     .long_name = "maximum water level so far",
     .cell_methods = "time: maximum",
     .has_fill = true},
    {.name = "depth",
     .type = FL_NC_FLOAT,
     .dims = "lat lon",
     .units = "m",
     .standard_name = "sea_floor_depth_below_geoid",
     .long_name = "undisturbed water depth",
     .positive = "down",
     .has_fill = true},
};

enum { DEF_ZETA, DEF_SPEED, DEF_DIRECTION, DEF_ZETA_MAX, DEF_DEPTH };

/* The values of a raster as they are written: rounded, missing as the fill value. */
static int put_rounded(struct fl_nc *nc, const char *name, const struct fl_raster *raster,
                       double step, struct fl_err *reterr)
{
    size_t count = raster->nlat * raster->nlon;
    float *values = calloc(count, sizeof(*values));
    int rc;

    if (!values)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s': variable '%s'", fl_nc_path(nc), name);
    for (size_t i = 0; i < count; i++) {
        double value = (double)raster->value[i];

        values[i] = isfinite(value) ? (float)(round(value / step) * step + 0.0) : (float)FL_NC_FILL;
    }
    rc = fl_nc_put_float(nc, name, NULL, NULL, values, reterr);
    free(values);
    return rc;
}

static int define_level(struct fl_nc *nc, const struct fl_nc_def *def, const char *datum,
                        struct fl_err *reterr)
{
    struct fl_nc_def full = *def;
    int rc;

    full.datum = datum;
    rc = fl_nc_def_var(nc, &full, reterr);
    if (rc == 0)
        rc = fl_nc_put_att_int(nc, def->name, "least_significant_digit", 3, reterr);
    return rc;
}

static int put_axes(struct fl_nc *nc, const struct fl_raster *raster, struct fl_err *reterr)
{
    int rc = fl_nc_put_double(nc, "lat", NULL, NULL, raster->lat, reterr);

    if (rc == 0)
        rc = fl_nc_put_double(nc, "lon", NULL, NULL, raster->lon, reterr);
    return rc;
}

/* Speed and direction from components; a point needs both. */
static int current_turn(const struct fl_hour *hour, struct fl_raster *speed,
                        struct fl_raster *direction, struct fl_err *reterr)
{
    size_t count = hour->u.nlat * hour->u.nlon;
    int rc = fl_raster_init(speed, hour->u.nlat, hour->u.nlon, reterr);

    if (rc == 0)
        rc = fl_raster_init(direction, hour->u.nlat, hour->u.nlon, reterr);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        double east = (double)hour->u.value[i];
        double north = (double)hour->v.value[i];
        double degrees = atan2(east, north) * 180.0 / acos(-1.0);

        speed->value[i] = (float)hypot(east, north);
        direction->value[i] = (float)(degrees < 0 ? degrees + 360 : degrees);
    }
    return rc;
}

static int hour_define(struct fl_nc *nc, const struct fl_hour *hour,
                       const struct fl_post_config *config, struct fl_err *reterr)
{
    int rc = fl_nc_def_time(nc, hour->cycle, 1, reterr);

    if (rc == 0)
        rc = fl_nc_def_lat_lon(nc, hour->zeta.nlat, hour->zeta.nlon, reterr);
    if (rc == 0)
        rc = define_level(nc, &hour_defs[DEF_ZETA], config->datum, reterr);
    if (rc == 0 && hour->u.nlat && hour->v.nlat)
        rc = define_level(nc, &hour_defs[DEF_SPEED], NULL, reterr);
    if (rc == 0 && hour->u.nlat && hour->v.nlat)
        rc = fl_nc_def_var(nc, &hour_defs[DEF_DIRECTION], reterr);
    if (rc == 0 && hour->zeta_max.nlat)
        rc = define_level(nc, &hour_defs[DEF_ZETA_MAX], config->datum, reterr);
    if (rc == 0 && hour->depth.nlat)
        rc = define_level(nc, &hour_defs[DEF_DEPTH], config->datum, reterr);
    return rc;
}

static int hour_put(struct fl_nc *nc, const struct fl_hour *hour, struct fl_err *reterr)
{
    fl_auto(fl_raster_release) struct fl_raster speed = {0};
    fl_auto(fl_raster_release) struct fl_raster direction = {0};
    double since_s = (double)(hour->valid.s - hour->cycle.s);
    int rc =
        fl_nc_put_double(nc, "time", (const size_t[]){0}, (const size_t[]){1}, &since_s, reterr);

    if (rc == 0)
        rc = put_axes(nc, &hour->zeta, reterr);
    if (rc == 0)
        rc = put_rounded(nc, "zeta", &hour->zeta, FL_PRODUCT_STEP_M, reterr);
    if (rc == 0 && hour->u.nlat && hour->v.nlat) {
        rc = current_turn(hour, &speed, &direction, reterr);
        if (rc == 0)
            rc = put_rounded(nc, "speed", &speed, FL_PRODUCT_STEP_M, reterr);
        if (rc == 0)
            rc = put_rounded(nc, "direction", &direction, 0.125, reterr);
    }
    if (rc == 0 && hour->zeta_max.nlat)
        rc = put_rounded(nc, "zeta_max", &hour->zeta_max, FL_PRODUCT_STEP_M, reterr);
    if (rc == 0 && hour->depth.nlat)
        rc = put_rounded(nc, "depth", &hour->depth, FL_PRODUCT_STEP_M, reterr);
    return rc;
}

/* Words about the run that are the same for all products. */
static int put_words(struct fl_nc *nc, const struct fl_post_config *config, struct fl_cycle cycle,
                     struct fl_cycle from, struct fl_cycle to, struct fl_err *reterr)
{
    char text[FL_TIME_TEXT_MAX];
    int rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "comment", config->note, reterr);

    if (rc == 0)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "product_kind", fl_kind_name(config->kind), reterr);
    if (rc == 0 && *config->model)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "model", config->model, reterr);
    if (rc == 0 && *config->source)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "references", config->source, reterr);
    fl_cycle_format_extended(cycle, text);
    if (rc == 0)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "reference_time", text, reterr);
    fl_cycle_format_extended(from, text);
    if (rc == 0)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "time_coverage_start", text, reterr);
    fl_cycle_format_extended(to, text);
    if (rc == 0)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "time_coverage_end", text, reterr);
    return rc;
}

int fl_product_hour(const char *path, const struct fl_hour *hour,
                    const struct fl_post_config *config, const struct fl_prov *prov,
                    struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    char title[256];
    int rc;

    fl_assert(hour->zeta.nlat > 0);
    (void)snprintf(title, sizeof(title), "%s%sWater level and current, %s", config->event,
                   *config->event ? ": " : "", fl_kind_name(config->kind));
    rc = fl_nc_create(path, &nc, reterr);
    if (rc == 0)
        rc = hour_define(nc, hour, config, reterr);
    if (rc == 0)
        rc = put_words(nc, config, hour->cycle, hour->valid, hour->valid, reterr);
    if (rc == 0)
        rc = fl_prov_write(prov, nc, title, "product of one output time", reterr);
    if (rc == 0)
        rc = fl_nc_end_define(nc, reterr);
    if (rc == 0)
        rc = hour_put(nc, hour, reterr);
    if (rc == 0)
        rc = fl_nc_settle(nc, reterr);
    return rc;
}

/* Place, time and value of the peak as attributes. */
static int put_peak(struct fl_nc *nc, const struct fl_maximum *maximum, struct fl_err *reterr)
{
    struct fl_point place;
    char text[FL_TIME_TEXT_MAX];
    size_t index;
    double seconds;
    int rc;

    if (!fl_raster_peak(&maximum->zeta_max, &index))
        return fl_err_set(reterr, FL_E_DATA, 0, "'zeta_max' has no value at all");
    place = fl_raster_place(&maximum->zeta_max, index);
    rc = fl_nc_put_att_double(nc, FL_NC_GLOBAL, "peak_level_m",
                              round((double)maximum->zeta_max.value[index] * 1000) / 1000, reterr);
    if (rc == 0)
        rc = fl_nc_put_att_double(nc, FL_NC_GLOBAL, "peak_lat", place.lat, reterr);
    if (rc == 0)
        rc = fl_nc_put_att_double(nc, FL_NC_GLOBAL, "peak_lon", place.lon, reterr);
    seconds = (double)maximum->time_of_max.value[index];
    if (rc < 0 || !isfinite(seconds))
        return rc;
    fl_cycle_format_extended((struct fl_cycle){maximum->cycle.s + llround(seconds)}, text);
    return fl_nc_put_att(nc, FL_NC_GLOBAL, "peak_time", text, reterr);
}

static int maximum_define(struct fl_nc *nc, const struct fl_maximum *maximum,
                          const struct fl_post_config *config, struct fl_err *reterr)
{
    char units[64];
    struct fl_nc_def level = hour_defs[DEF_ZETA_MAX];
    struct fl_nc_def when = {.name = "time_of_max",
                             .type = FL_NC_DOUBLE,
                             .dims = "lat lon",
                             .units = units,
                             .long_name = "time of the maximum water level",
                             .calendar = "standard",
                             .has_fill = true};
    int rc = fl_nc_def_lat_lon(nc, maximum->zeta_max.nlat, maximum->zeta_max.nlon, reterr);

    fl_nc_time_text(maximum->cycle, units, sizeof(units));
    level.long_name = "maximum water level";
    if (rc == 0)
        rc = define_level(nc, &level, config->datum, reterr);
    if (rc == 0)
        rc = fl_nc_def_var(nc, &when, reterr);
    return rc;
}

int fl_product_maximum(const char *path, const struct fl_maximum *maximum,
                       const struct fl_post_config *config, const struct fl_prov *prov,
                       struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    char title[256];
    int rc;

    (void)snprintf(title, sizeof(title), "%s%sMaximum water level, %s", config->event,
                   *config->event ? ": " : "", fl_kind_name(config->kind));
    rc = fl_nc_create(path, &nc, reterr);
    if (rc == 0)
        rc = maximum_define(nc, maximum, config, reterr);
    if (rc == 0)
        rc = put_words(nc, config, maximum->cycle,
                       maximum->has_period ? maximum->from : maximum->cycle,
                       maximum->has_period ? maximum->to : maximum->cycle, reterr);
    if (rc == 0)
        rc = put_peak(nc, maximum, reterr);
    if (rc == 0)
        rc = fl_prov_write(prov, nc, title, "product of the maxima over the run", reterr);
    if (rc == 0)
        rc = fl_nc_end_define(nc, reterr);
    if (rc == 0)
        rc = put_axes(nc, &maximum->zeta_max, reterr);
    if (rc == 0)
        rc = put_rounded(nc, "zeta_max", &maximum->zeta_max, FL_PRODUCT_STEP_M, reterr);
    if (rc == 0)
        rc = put_rounded(nc, "time_of_max", &maximum->time_of_max, 1, reterr);
    if (rc == 0)
        rc = fl_nc_settle(nc, reterr);
    return rc;
}
