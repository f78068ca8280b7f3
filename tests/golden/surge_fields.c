/* The analytic storm and the files made of it. */
#include "config.h"

#include "tests/golden/surge_fields.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/common/nc.h"
#include "stages/common/prov.h"

#include "engine/base/banned.h"

#define WEST (-91.0)
#define SOUTH 23.0
#define SPAN_LON 9.5
#define SPAN_LAT 8.0

/* Land is north of this line; a rough outline, typed by hand. Longitude, latitude. */
static const double coast[][2] = {
    {-91.1, 29.2},  {-90.2, 29.1},  {-89.4, 29.0},  {-89.1, 29.3},  {-89.5, 30.1},  {-88.9, 30.35},
    {-88.0, 30.25}, {-87.2, 30.33}, {-86.5, 30.36}, {-85.9, 30.2},  {-85.6, 30.05}, {-85.4, 29.75},
    {-85.3, 29.68}, {-85.0, 29.62}, {-84.6, 29.85}, {-84.3, 30.05}, {-84.0, 30.1},  {-83.6, 29.75},
    {-83.2, 29.2},  {-82.8, 29.05}, {-82.7, 28.4},  {-82.8, 27.8},  {-82.5, 27.2},  {-82.0, 26.5},
    {-81.8, 26.0},  {-81.35, 25.6}, {-81.3, 31.2},  {-91.2, 31.2},
};

static const struct {
    const char *name;
    double lat;
    double lon;
    double distance_km;
} stations[GOLDEN_STATIONS] = {
    {"Apalachicola", 29.625, -85.0, 2.1},
    {"Panama City", 30.083, -85.75, 4.5},
    {"Cedar Key", 29.083, -83.125, 2.6},
    {"Mexico Beach pier", 29.875, -85.542, 6.3},
};

static bool is_land(double lat, double lon)
{
    bool inside = false;

    for (size_t i = 0, j = FL_COUNT(coast) - 1; i < FL_COUNT(coast); j = i++) {
        double y0 = coast[i][1];
        double y1 = coast[j][1];

        if ((y0 > lat) != (y1 > lat) &&
            lon < coast[i][0] + (lat - y0) / (y1 - y0) * (coast[j][0] - coast[i][0]))
            inside = !inside;
    }
    return inside;
}

/* Distance to the outline [km], flat earth. */
static double coast_km(double lat, double lon)
{
    double best = 1e9;

    for (size_t i = 0; i + 3 < FL_COUNT(coast); i++) {
        double ax = (coast[i][0] - lon) * 97;
        double ay = (coast[i][1] - lat) * 111;
        double dx = (coast[i + 1][0] - coast[i][0]) * 97;
        double dy = (coast[i + 1][1] - coast[i][1]) * 111;
        double t = -(ax * dx + ay * dy) / (dx * dx + dy * dy);

        t = fmin(fmax(t, 0), 1);
        best = fmin(best, hypot(ax + t * dx, ay + t * dy));
    }
    return best;
}

static void storm_at(double hour, double *ret_lat, double *ret_lon)
{
    static const double way[][3] = {
        {0, 22.7, -85.2}, {24, 26.6, -86.5}, {41.5, 30.0, -85.5}, {54, 32.8, -83.2}};
    size_t leg = 0;
    double t;

    while (leg + 2 < FL_COUNT(way) && hour > way[leg + 1][0])
        leg++;
    t = (hour - way[leg][0]) / (way[leg + 1][0] - way[leg][0]);
    *ret_lat = way[leg][1] + t * (way[leg + 1][1] - way[leg][1]);
    *ret_lon = way[leg][2] + t * (way[leg + 1][2] - way[leg][2]);
}

/* The level where the distance to the coast is known. */
static double level_at(double lat, double lon, double hour, double off_km)
{
    double storm_lat;
    double storm_lon;
    double east;
    double north;
    double side;
    double rise;

    storm_at(hour, &storm_lat, &storm_lon);
    east = (lon - storm_lon) * 97;
    north = (lat - storm_lat) * 111;
    side = east / (east > 0 ? 38.0 : 60.0);
    rise = side * exp(0.5 - 0.5 * side * side) * (east > 0 ? 4.4 : 1.9);
    rise += 1.1 * exp(-pow((east - 190) / 120, 2));
    return 0.55 * exp(-(east * east + north * north) / 8100) +
           rise * exp(-off_km / 30) * exp(-pow((north + 15) / 120, 2));
}

double golden_level(double lat, double lon, double hour)
{
    return is_land(lat, lon) ? NAN : level_at(lat, lon, hour, coast_km(lat, lon));
}

struct grid {
    size_t nlat;
    size_t nlon;
    size_t size;
    double *lat;
    double *lon;
    float *off_km; /* negative on land */
};

static void grid_release(struct grid *grid)
{
    free(grid->lat);
    free(grid->lon);
    free(grid->off_km);
}
FL_DEFINE_AUTO_VALUE(struct grid, grid_release)

static int grid_init(struct grid *grid, double step, struct fl_err *reterr)
{
    grid->nlat = (size_t)lround(SPAN_LAT / step) + 1;
    grid->nlon = (size_t)lround(SPAN_LON / step) + 1;
    grid->size = grid->nlat * grid->nlon;
    grid->lat = calloc(grid->nlat, sizeof(*grid->lat));
    grid->lon = calloc(grid->nlon, sizeof(*grid->lon));
    grid->off_km = calloc(grid->size, sizeof(*grid->off_km));
    if (!grid->lat || !grid->lon || !grid->off_km)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    for (size_t j = 0; j < grid->nlat; j++)
        grid->lat[j] = SOUTH + step * (double)j;
    for (size_t i = 0; i < grid->nlon; i++)
        grid->lon[i] = WEST + step * (double)i;
    for (size_t k = 0; k < grid->size; k++) {
        double lat = grid->lat[k / grid->nlon];
        double lon = grid->lon[k % grid->nlon];

        grid->off_km[k] = is_land(lat, lon) ? -1.0f : (float)coast_km(lat, lon);
    }
    return 0;
}

static float *field_new(const struct grid *grid, struct fl_err *reterr)
{
    float *field = calloc(grid->size, sizeof(*field));

    if (!field)
        (void)fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory"); /* the caller returns it */
    return field;
}

static int provenance(struct fl_nc *nc, const char *degraded, const char *title,
                      struct fl_err *reterr)
{
    fl_auto(fl_prov_destroy) struct fl_prov *prov = NULL;
    int rc = fl_prov_create("surge_fields 1", &prov, reterr);

    if (rc == 0)
        rc = fl_prov_source_digest(
            prov, "analytic", "0000000000000000000000000000000000000000000000000000000000000000",
            reterr);
    if (rc == 0 && degraded)
        rc = fl_prov_degraded(prov, degraded, "PT9H", reterr);
    return rc == 0 ? fl_prov_write(prov, nc, title, "analytic fields for tests", reterr) : rc;
}

static int define_fields(struct fl_nc *nc, const char *const names[], const char *const units[],
                         const char *const dims[], size_t count, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        struct fl_nc_def def = {.name = names[i],
                                .type = FL_NC_FLOAT,
                                .dims = dims[i],
                                .units = units[i],
                                .long_name = names[i],
                                .has_fill = true};

        if (strncmp(names[i], "zeta", 4) == 0) {
            def.standard_name = "sea_surface_height_above_geoid";
            def.datum = "mean sea level";
        }
        rc = fl_nc_def_var(nc, &def, reterr);
    }
    return rc;
}

static int put_axes(struct fl_nc *nc, const struct grid *grid, struct fl_err *reterr)
{
    int rc = fl_nc_put_double(nc, "lat", NULL, NULL, grid->lat, reterr);

    return rc == 0 ? fl_nc_put_double(nc, "lon", NULL, NULL, grid->lon, reterr) : rc;
}

/* What is 0 zeta, 1 u, 2 v. The current turns around the storm. */
static void fill_hour(const struct grid *grid, double hour, int what, float *field)
{
    double storm_lat;
    double storm_lon;

    storm_at(hour, &storm_lat, &storm_lon);
    for (size_t k = 0; k < grid->size; k++) {
        double lat = grid->lat[k / grid->nlon];
        double lon = grid->lon[k % grid->nlon];
        double east = (lon - storm_lon) * 97;
        double north = (lat - storm_lat) * 111;
        double r = fmax(hypot(east, north), 1e-6);
        double speed = 1.5 * r / 45 * exp(1 - r / 45);

        field[k] = (float)(what == 0   ? level_at(lat, lon, hour, (double)grid->off_km[k])
                           : what == 1 ? -speed * north / r
                                       : speed * east / r);
        if (grid->off_km[k] < 0)
            field[k] = (float)FL_NC_FILL;
    }
}

/* Maxima of the hours 0 to last. */
static void fill_maxima(const struct grid *grid, int last, float *zeta_max, float *time_of_max)
{
    for (size_t k = 0; k < grid->size; k++) {
        double lat = grid->lat[k / grid->nlon];
        double lon = grid->lon[k % grid->nlon];

        zeta_max[k] = time_of_max[k] = (float)FL_NC_FILL;
        for (int hour = 0; hour <= last && grid->off_km[k] >= 0; hour++) {
            float level = (float)level_at(lat, lon, hour, (double)grid->off_km[k]);

            if (hour == 0 || level > zeta_max[k]) {
                zeta_max[k] = level;
                time_of_max[k] = (float)(hour * 3600);
            }
        }
    }
}

static int put_hour(struct fl_nc *nc, const struct grid *grid, struct fl_lead lead,
                    struct fl_err *reterr)
{
    static const char *const names[] = {"zeta", "u", "v"};
    double seconds = lead.minutes * 60.0;
    float *field = field_new(grid, reterr);
    float *when = field_new(grid, reterr);
    int rc = field && when ? 0 : FL_E_NOMEM;

    if (rc == 0)
        rc = put_axes(nc, grid, reterr);
    if (rc == 0)
        rc = fl_nc_put_double(nc, "time", (const size_t[]){0}, (const size_t[]){1}, &seconds,
                              reterr);
    for (int what = 0; what < 3 && rc == 0; what++) {
        fill_hour(grid, lead.minutes / 60.0, what, field);
        rc = fl_nc_put_float(nc, names[what], (const size_t[]){0, 0, 0},
                             (const size_t[]){1, grid->nlat, grid->nlon}, field, reterr);
    }
    if (rc == 0) {
        fill_maxima(grid, lead.minutes / 60, field, when);
        rc = fl_nc_put_float(nc, "zeta_max", NULL, NULL, field, reterr);
    }
    if (rc == 0)
        rc = fl_nc_put_float(nc, "time_of_max", NULL, NULL, when, reterr);
    free(field);
    free(when);
    return rc;
}

int golden_hour(const char *path, struct fl_cycle cycle, struct fl_lead lead, double step,
                const char *degraded, struct fl_err *reterr)
{
    static const char *const names[] = {"zeta", "u", "v", "zeta_max", "time_of_max"};
    static const char *const units[] = {"m", "m s-1", "m s-1", "m", "s"};
    static const char *const dims[] = {"time lat lon", "time lat lon", "time lat lon", "lat lon",
                                       "lat lon"};
    fl_auto(grid_release) struct grid grid = {0};
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    int rc = grid_init(&grid, step, reterr);

    if (rc == 0)
        rc = fl_nc_create(path, &nc, reterr);
    if (rc == 0)
        rc = fl_nc_def_time(nc, cycle, 0, reterr);
    if (rc == 0)
        rc = fl_nc_def_lat_lon(nc, grid.nlat, grid.nlon, reterr);
    if (rc == 0)
        rc = define_fields(nc, names, units, dims, FL_COUNT(names), reterr);
    if (rc == 0)
        rc = provenance(nc, degraded, "analytic hour", reterr);
    if (rc == 0)
        rc = fl_nc_end_define(nc, reterr);
    if (rc == 0)
        rc = put_hour(nc, &grid, lead, reterr);
    return rc == 0 ? fl_nc_settle(nc, reterr) : rc;
}

static int put_maxima(struct fl_nc *nc, const struct grid *grid, struct fl_err *reterr)
{
    float *field = field_new(grid, reterr);
    float *when = field_new(grid, reterr);
    int rc = field && when ? 0 : FL_E_NOMEM;

    if (rc == 0)
        rc = put_axes(nc, grid, reterr);
    if (rc == 0) {
        fill_maxima(grid, GOLDEN_HOURS, field, when);
        rc = fl_nc_put_float(nc, "zeta_max", NULL, NULL, field, reterr);
    }
    if (rc == 0)
        rc = fl_nc_put_float(nc, "time_of_max", NULL, NULL, when, reterr);
    free(field);
    free(when);
    return rc;
}

int golden_maximum(const char *path, struct fl_cycle cycle, double step, const char *degraded,
                   struct fl_err *reterr)
{
    static const char *const names[] = {"zeta_max", "time_of_max"};
    static const char *const units[] = {"m", "s"};
    static const char *const dims[] = {"lat lon", "lat lon"};
    char text[FL_TIME_TEXT_MAX];
    fl_auto(grid_release) struct grid grid = {0};
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    int rc = grid_init(&grid, step, reterr);

    fl_cycle_format_extended(cycle, text);
    if (rc == 0)
        rc = fl_nc_create(path, &nc, reterr);
    if (rc == 0)
        rc = fl_nc_def_lat_lon(nc, grid.nlat, grid.nlon, reterr);
    if (rc == 0)
        rc = define_fields(nc, names, units, dims, FL_COUNT(names), reterr);
    if (rc == 0)
        rc = provenance(nc, degraded, "analytic maxima", reterr);
    if (rc == 0)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "time_coverage_start", text, reterr);
    fl_cycle_format_extended(fl_cycle_add(cycle, (struct fl_lead){GOLDEN_HOURS * 60}), text);
    if (rc == 0)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "time_coverage_end", text, reterr);
    if (rc == 0)
        rc = fl_nc_end_define(nc, reterr);
    if (rc == 0)
        rc = put_maxima(nc, &grid, reterr);
    return rc == 0 ? fl_nc_settle(nc, reterr) : rc;
}

#define NAME_WIDTH 32
#define STATION_TIMES (GOLDEN_HOURS * 6 + 1)

static int put_stations(struct fl_nc *nc, struct fl_err *reterr)
{
    char names[GOLDEN_STATIONS][NAME_WIDTH] = {{0}};
    double lat[GOLDEN_STATIONS];
    double lon[GOLDEN_STATIONS];
    double km[GOLDEN_STATIONS];
    double times[STATION_TIMES];
    float zeta[STATION_TIMES];
    int rc = 0;

    for (size_t t = 0; t < STATION_TIMES; t++)
        times[t] = (double)t * 600;
    for (size_t s = 0; s < GOLDEN_STATIONS && rc == 0; s++) {
        (void)snprintf(names[s], NAME_WIDTH, "%s", stations[s].name);
        lat[s] = stations[s].lat;
        lon[s] = stations[s].lon;
        km[s] = stations[s].distance_km;
        for (size_t t = 0; t < STATION_TIMES; t++)
            zeta[t] = (float)level_at(lat[s], lon[s], times[t] / 3600, 3);
        rc = fl_nc_put_float(nc, "zeta", (const size_t[]){s, 0}, (const size_t[]){1, STATION_TIMES},
                             zeta, reterr);
    }
    if (rc == 0)
        rc = fl_nc_put_double(nc, "time", (const size_t[]){0}, (const size_t[]){STATION_TIMES},
                              times, reterr);
    if (rc == 0)
        rc = fl_nc_put_double(nc, "lat", NULL, NULL, lat, reterr);
    if (rc == 0)
        rc = fl_nc_put_double(nc, "lon", NULL, NULL, lon, reterr);
    if (rc == 0)
        rc = fl_nc_put_double(nc, "distance_km", NULL, NULL, km, reterr);
    return rc == 0 ? fl_nc_put_text(nc, "station_name", NULL, NULL, names[0], reterr) : rc;
}

int golden_stations(const char *path, struct fl_cycle cycle, const char *degraded,
                    struct fl_err *reterr)
{
    static const struct fl_nc_def defs[] = {
        {.name = "station_name",
         .type = FL_NC_TEXT,
         .dims = "station name_strlen",
         .long_name = "station",
         .cf_role = "timeseries_id"},
        {.name = "lat",
         .type = FL_NC_DOUBLE,
         .dims = "station",
         .units = "degrees_north",
         .standard_name = "latitude"},
        {.name = "lon",
         .type = FL_NC_DOUBLE,
         .dims = "station",
         .units = "degrees_east",
         .standard_name = "longitude"},
        {.name = "distance_km", .type = FL_NC_DOUBLE, .dims = "station", .units = "km"},
        {.name = "zeta",
         .type = FL_NC_FLOAT,
         .dims = "station time",
         .units = "m",
         .standard_name = "sea_surface_height_above_geoid",
         .datum = "mean sea level",
         .coordinates = "station_name lat lon",
         .has_fill = true},
    };
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    int rc = fl_nc_create(path, &nc, reterr);

    if (rc == 0)
        rc = fl_nc_def_dim(nc, "station", GOLDEN_STATIONS, reterr);
    if (rc == 0)
        rc = fl_nc_def_dim(nc, "name_strlen", NAME_WIDTH, reterr);
    if (rc == 0)
        rc = fl_nc_def_time(nc, cycle, STATION_TIMES, reterr);
    for (size_t i = 0; i < FL_COUNT(defs) && rc == 0; i++)
        rc = fl_nc_def_var(nc, &defs[i], reterr);
    if (rc == 0)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "featureType", "timeSeries", reterr);
    if (rc == 0)
        rc = provenance(nc, degraded, "analytic stations", reterr);
    if (rc == 0)
        rc = fl_nc_end_define(nc, reterr);
    if (rc == 0)
        rc = put_stations(nc, reterr);
    return rc == 0 ? fl_nc_settle(nc, reterr) : rc;
}
