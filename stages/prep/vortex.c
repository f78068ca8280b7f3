/* A hurricane's wind and pressure: see vortex.h for the formulas and their sources. */
#include "config.h"

#include "stages/prep/vortex.h"

#include <math.h>
#include <stdlib.h>

#include "stages/common/cfg.h"
#include "stages/common/grid.h"

#include "engine/base/banned.h"

#define RADIUS_LEAST_M 1.0
#define RADIUS_APART 1.02     /* anchors of a profile lie at least this factor apart */
#define SPEED_LEFT_LEAST 0.5  /* the weak side keeps at least this part of the greatest wind */
#define RMW_WITHOUT_RADII 5.0 /* a storm without radii is blended out from so many Rm on */

static double radians(double degrees)
{
    return degrees * (M_PI / 180.0);
}

static double clip(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

/* ---- settings ---- */

int fl_vortex_read(struct fl_cfg *cfg, struct fl_cycle start, const char **ret_file,
                   struct fl_vortex_settings *ret_settings, struct fl_err *reterr)
{
    struct fl_vortex_settings s = {.rmw_start = start};
    const char *file = NULL;
    /* Name, default, limits, slot and the unit's factor. Defaults: vortex.h names their sources. */
    const struct {
        const char *path;
        double fallback;
        double min;
        double max;
        double factor;
        double *slot;
    } table[] = {
        {"track.environment_hpa", 1010.0, 950.0, 1050.0, 100.0, &s.environment_pa},
        {"track.b_min", 1.0, 0.5, 3.0, 1.0, &s.b_min},
        {"track.b_max", 2.2, 0.5, 3.0, 1.0, &s.b_max},
        {"track.air_density", 1.15, 1.0, 1.4, 1.0, &s.air_density},
        {"track.rmw_start_km", 27.0, 5.0, 200.0, 1000.0, &s.rmw_start_m},
        {"track.rmw_landfall_km", 20.0, 5.0, 200.0, 1000.0, &s.rmw_landfall_m},
        {"track.inflow_min_deg", 10.0, 0.0, 45.0, 1.0, &s.inflow_min},
        {"track.inflow_max_deg", 25.0, 0.0, 45.0, 1.0, &s.inflow_max},
        {"track.asymmetry", 0.5, 0.0, 1.0, 1.0, &s.asymmetry},
        {"track.mean_10min", 0.93, 0.5, 1.2, 1.0, &s.mean_10min},
        {"track.blend_outer", 2.0, 1.1, 10.0, 1.0, &s.blend_outer},
    };
    int rc = 0;

    fl_assert(ret_file && ret_settings);
    if (!fl_cfg_has(cfg, "track")) {
        *ret_file = NULL;
        return 0;
    }
    rc = fl_cfg_string(cfg, "track.file", &file, reterr);
    for (size_t i = 0; rc == 0 && i < FL_COUNT(table); i++) {
        rc = fl_cfg_real_opt(cfg, table[i].path, table[i].fallback, table[i].min, table[i].max,
                             table[i].slot, reterr);
        *table[i].slot *= table[i].factor;
    }
    if (rc == 0 && fl_cfg_has(cfg, "track.rmw_start"))
        rc = fl_cfg_time(cfg, "track.rmw_start", &s.rmw_start, reterr);
    if (rc == 0)
        rc = fl_cfg_time(cfg, "track.landfall", &s.landfall, reterr);
    if (rc == 0 && s.b_min > s.b_max)
        rc = fl_cfg_error(cfg, "track.b_min", reterr, "above b_max");
    if (rc == 0 && s.inflow_min > s.inflow_max)
        rc = fl_cfg_error(cfg, "track.inflow_min_deg", reterr, "above inflow_max_deg");
    if (rc < 0)
        return rc;
    *ret_file = file;
    *ret_settings = s;
    return 0;
}

/* ---- at one time ---- */

static double rmw_at(const struct fl_vortex_settings *s, struct fl_cycle time)
{
    double whole = (double)(s->landfall.s - s->rmw_start.s);
    double part = whole > 0 ? clip((double)(time.s - s->rmw_start.s) / whole, 0.0, 1.0) : 1.0;

    return s->rmw_start_m + (s->rmw_landfall_m - s->rmw_start_m) * part;
}

/* Largest radius of 34 kt [m] of a fix; 0 when it has none. */
static double reach_of(const struct fl_fix *fix)
{
    double reach = 0.0;

    for (int q = 0; q < FL_TRACK_QUADRANTS; q++)
        reach = fmax(reach, fix->radius_nmi[FL_TRACK_R34][q]);
    return reach * FL_NAUTICAL_MILE_M;
}

int fl_vortex_init(struct fl_vortex *vortex, const struct fl_vortex_settings *settings,
                   const struct fl_track *track, struct fl_cycle time, struct fl_err *reterr)
{
    struct fl_vortex v = {.settings = *settings};
    double vmax_ms;
    double deficit_pa;
    double least;
    int rc = fl_track_at(track, time, &v.place, reterr);

    fl_assert(vortex);
    if (rc < 0)
        return rc;
    deficit_pa = settings->environment_pa - v.place.pmin_hpa * 100.0;
    if (!(deficit_pa > 0))
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "central pressure of %g hPa; the environment's is %g hPa",
                          v.place.pmin_hpa, settings->environment_pa / 100.0);
    vmax_ms = v.place.vmax_kt * FL_KNOT_MS;
    v.b = clip(settings->air_density * M_E * vmax_ms * vmax_ms / deficit_pa, settings->b_min,
               settings->b_max);
    v.rmw_m = rmw_at(settings, time);
    least = RMW_WITHOUT_RADII * v.rmw_m;
    v.blend_from_m = fmax(reach_of(v.place.before), least) * (1.0 - v.place.weight) +
                     fmax(reach_of(v.place.after), least) * v.place.weight;
    v.blend_to_m = v.blend_from_m * settings->blend_outer;
    v.hemisphere = v.place.lat < 0 ? -1.0 : 1.0;
    v.move_kt = hypot(v.place.move_east_ms, v.place.move_north_ms) / FL_KNOT_MS;
    v.strong_bearing = atan2(v.place.move_east_ms, v.place.move_north_ms) + v.hemisphere * M_PI_2;
    *vortex = v;
    return 0;
}

/* ---- profiles ---- */

/* Holland's shape of the wind: 1 at Rm. */
static double holland_shape(const struct fl_vortex *vortex, double distance_m)
{
    double power = pow(vortex->rmw_m / fmax(distance_m, RADIUS_LEAST_M), vortex->b);

    return sqrt(power * exp(1.0 - power));
}

/* Speed [kt] at a distance in one quadrant of one fix, when the wind at Rm is core_kt. shape is
 * holland_shape of the distance. */
static double quadrant_speed(const struct fl_vortex *vortex, const struct fl_fix *fix, int quadrant,
                             double core_kt, double distance_m, double shape)
{
    static const double speeds_kt[FL_TRACK_SPEEDS] = {34.0, 50.0, 64.0};
    double radius_m[FL_TRACK_SPEEDS + 1] = {vortex->rmw_m};
    double speed_kt[FL_TRACK_SPEEDS + 1] = {core_kt};
    size_t count = 1;

    for (int s = FL_TRACK_R64; s >= FL_TRACK_R34; s--) {
        double radius = fix->radius_nmi[s][quadrant] * FL_NAUTICAL_MILE_M;

        if (radius <= radius_m[count - 1] * RADIUS_APART)
            continue;
        /* A table may have 64 kt where the weak side's core would be below: the table is right. */
        if (count == 1)
            speed_kt[0] = fmax(core_kt, speeds_kt[s]);
        radius_m[count] = radius;
        speed_kt[count++] = speeds_kt[s];
    }
    if (distance_m <= radius_m[0])
        return speed_kt[0] * shape;
    for (size_t i = 1; i < count; i++) {
        double part;

        if (distance_m > radius_m[i])
            continue;
        part = log(distance_m / radius_m[i - 1]) / log(radius_m[i] / radius_m[i - 1]);
        return speed_kt[i - 1] * pow(speed_kt[i] / speed_kt[i - 1], part);
    }
    return count == 1 ? speed_kt[0] * shape
                      : speed_kt[count - 1] * shape / holland_shape(vortex, radius_m[count - 1]);
}

double fl_vortex_speed_kt(const struct fl_vortex *vortex, double distance_m, double bearing)
{
    const double vmax_kt = vortex->place.vmax_kt;
    const double weights[2] = {1.0 - vortex->place.weight, vortex->place.weight};
    const struct fl_fix *const fixes[2] = {vortex->place.before, vortex->place.after};
    double lost_kt = vortex->settings.asymmetry * vortex->move_kt *
                     (1.0 - cos(bearing - vortex->strong_bearing));
    double core_kt = fmax(vmax_kt - lost_kt, vmax_kt * SPEED_LEFT_LEAST);
    double shape = holland_shape(vortex, distance_m);
    /* Quadrants from the middle of NE on, clockwise. */
    double turn = bearing / M_PI_2 - 0.5;
    double whole = floor(turn);
    int first = (int)(whole - 4.0 * floor(whole / 4.0));
    int second = (first + 1) % FL_TRACK_QUADRANTS;
    double mix = 0.5 - 0.5 * cos(M_PI * (turn - whole));
    double speed = 0.0;

    for (int f = 0; f < 2; f++) {
        if (weights[f] <= 0.0)
            continue;
        speed +=
            weights[f] *
            ((1.0 - mix) * quadrant_speed(vortex, fixes[f], first, core_kt, distance_m, shape) +
             mix * quadrant_speed(vortex, fixes[f], second, core_kt, distance_m, shape));
    }
    return speed;
}

double fl_vortex_pressure_pa(const struct fl_vortex *vortex, double distance_m)
{
    double pmin_pa = vortex->place.pmin_hpa * 100.0;
    double power = pow(vortex->rmw_m / fmax(distance_m, RADIUS_LEAST_M), vortex->b);

    return pmin_pa + (vortex->settings.environment_pa - pmin_pa) * exp(-power);
}

double fl_vortex_inflow(const struct fl_vortex *vortex, double distance_m)
{
    const double x = distance_m / vortex->rmw_m;
    const double part = x < 1.0 ? x * (2.0 / 3.0) : x < 1.2 ? 2.0 / 3.0 + (x - 1.0) / 0.6 : 1.0;

    return radians(vortex->settings.inflow_min +
                   (vortex->settings.inflow_max - vortex->settings.inflow_min) * part);
}

double fl_vortex_weight(const struct fl_vortex *vortex, double distance_m)
{
    double x =
        clip((distance_m - vortex->blend_from_m) / (vortex->blend_to_m - vortex->blend_from_m), 0.0,
             1.0);

    return 1.0 - x * x * (3.0 - 2.0 * x);
}

/* ---- onto the grid ---- */

/* Sines and cosines of the rows' latitudes and of the columns' longitudes from the centre. */
struct angles {
    double *sin_lat;
    double *cos_lat;
    double *sin_lon;
    double *cos_lon;
};

static void angles_release(struct angles *angles)
{
    free(angles->sin_lat);
    free(angles->cos_lat);
    free(angles->sin_lon);
    free(angles->cos_lon);
}
FL_DEFINE_AUTO_VALUE(struct angles, angles_release)

static int angles_init(struct angles *angles, const struct fl_grid *grid, double centre_lon,
                       struct fl_err *reterr)
{
    angles->sin_lat = calloc(grid->nlat, sizeof(double));
    angles->cos_lat = calloc(grid->nlat, sizeof(double));
    angles->sin_lon = calloc(grid->nlon, sizeof(double));
    angles->cos_lon = calloc(grid->nlon, sizeof(double));
    if (!angles->sin_lat || !angles->cos_lat || !angles->sin_lon || !angles->cos_lon)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "vortex on a grid of %zu x %zu", grid->nlat,
                          grid->nlon);
    for (size_t j = 0; j < grid->nlat; j++) {
        angles->sin_lat[j] = sin(radians(grid->lat[j]));
        angles->cos_lat[j] = cos(radians(grid->lat[j]));
    }
    for (size_t i = 0; i < grid->nlon; i++) {
        angles->sin_lon[i] = sin(radians(grid->lon[i] - centre_lon));
        angles->cos_lon[i] = cos(radians(grid->lon[i] - centre_lon));
    }
    return 0;
}

/* Wind of the vortex [m s-1, 10-minute mean] at a distance and bearing; (out_east, out_north) is
 * the unit vector away from the centre there. */
static void wind_at(const struct fl_vortex *vortex, double distance_m, double bearing,
                    double out_east, double out_north, double *ret_u, double *ret_v)
{
    double speed =
        fl_vortex_speed_kt(vortex, distance_m, bearing) * FL_KNOT_MS * vortex->settings.mean_10min;
    double inflow = fl_vortex_inflow(vortex, distance_m);
    /* Along the circle, anticlockwise in the north, is the outward vector turned left. */
    double along = vortex->hemisphere * speed * cos(inflow);
    double inward = speed * sin(inflow);

    *ret_u = -out_north * along - out_east * inward;
    *ret_v = out_east * along - out_north * inward;
}

int fl_vortex_apply(const struct fl_vortex *vortex, const struct fl_grid *grid, double *u,
                    double *v, double *msl, struct fl_err *reterr)
{
    fl_auto(angles_release) struct angles a = {0};
    const double sin0 = sin(radians(vortex->place.lat));
    const double cos0 = cos(radians(vortex->place.lat));
    int rc;

    fl_assert(grid && u && v && msl);
    if (fl_grid_cell_max_m(grid) > vortex->rmw_m / 2.0)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "cells of %.1f km are too coarse for a vortex: they must not exceed half "
                          "its radius of maximum wind, %.1f km",
                          fl_grid_cell_max_m(grid) / 1000.0, vortex->rmw_m / 2000.0);
    rc = angles_init(&a, grid, vortex->place.lon, reterr);
    if (rc < 0)
        return rc;
    for (size_t k = 0; k < grid->nlat * grid->nlon; k++) {
        const size_t j = k / grid->nlon;
        const size_t i = k % grid->nlon;
        /* The cell seen from the centre: east, north, and along the radius of the earth. */
        const double east = a.cos_lat[j] * a.sin_lon[i];
        const double north = cos0 * a.sin_lat[j] - sin0 * a.cos_lat[j] * a.cos_lon[i];
        const double up = sin0 * a.sin_lat[j] + cos0 * a.cos_lat[j] * a.cos_lon[i];
        const double side = hypot(east, north);
        const double distance = FL_EARTH_RADIUS_M * atan2(side, up);
        const double weight = fl_vortex_weight(vortex, distance);
        double wind_u = 0.0;
        double wind_v = 0.0;

        if (weight <= 0.0)
            continue;
        if (side > 0.0) /* the outward vector as it points at the cell, not at the centre */
            wind_at(vortex, distance, atan2(east, north), cos0 * a.sin_lon[i] / side,
                    (cos0 * a.sin_lat[j] * a.cos_lon[i] - sin0 * a.cos_lat[j]) / side, &wind_u,
                    &wind_v);
        u[k] = weight * wind_u + (1.0 - weight) * u[k];
        v[k] = weight * wind_v + (1.0 - weight) * v[k];
        msl[k] = weight * fl_vortex_pressure_pa(vortex, distance) + (1.0 - weight) * msl[k];
    }
    return 0;
}
