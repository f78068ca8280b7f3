/* Best tracks and the wind and pressure made of them. */
#include "config.h"

#include "stages/prep/vortex.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/common/cfg.h"
#include "stages/common/grid.h"
#include "tests/lib/test.h"

#define HEADER \
    "# comment\n" \
    "time_utc,lat_n,lon_e,vmax_kt,pmin_hpa,r34_ne,r34_se,r34_sw,r34_nw,r50_ne,r50_se,r50_sw,r50_" \
    "nw," \
    "r64_ne,r64_se,r64_sw,r64_nw\n"
/* Northwards along 85 W at 10 kt; radii in every quadrant but NW. */
#define NORTHWARD \
    HEADER "2018-10-09T00:00Z,25.0,-85.0,100,950,150,120,90,0,70,60,40,0,40,35,25,0\n" \
           "2018-10-09T06:00Z,26.0,-85.0,100,950,150,120,90,0,70,60,40,0,40,35,25,0\n"

static const struct fl_cycle start = {1539043200}; /* 2018-10-09T00:00Z */

static struct fl_track *track_of(const char *text)
{
    struct fl_track *track = NULL;
    struct fl_err err = {0};

    test_file_write("track.csv", text, strlen(text));
    assert_ok(fl_track_read("track.csv", &track, &err), err);
    return track;
}

static struct fl_vortex_settings default_settings(void)
{
    static const char text[] =
        "track = { file = \"track.csv\"; landfall = \"20181010T1730Z\"; };\n";
    struct fl_vortex_settings settings = {0};
    struct fl_cfg *cfg = NULL;
    struct fl_err err = {0};
    const char *file = NULL;

    test_file_write("a.cfg", text, strlen(text));
    assert_ok(fl_cfg_open("a.cfg", &cfg, &err), err);
    assert_ok(fl_vortex_read(cfg, start, &file, &settings, &err), err);
    assert_string_equal(file, "track.csv");
    assert_ok(fl_cfg_reject_unknown(cfg, &err), err);
    fl_cfg_close(cfg);
    return settings;
}

/* The vortex so many seconds after the start. */
static struct fl_vortex vortex_at(const char *text, int64_t seconds)
{
    const struct fl_vortex_settings settings = default_settings();
    const struct fl_cycle time = {start.s + seconds};
    struct fl_track *track = track_of(text);
    struct fl_fix fixes[2];
    struct fl_vortex vortex = {0};
    struct fl_err err = {0};

    assert_ok(fl_vortex_init(&vortex, &settings, track, time, &err), err);
    /* Only the two fixes about the time are looked at: keep them beyond the track. */
    fixes[0] = *vortex.place.before;
    fixes[1] = *vortex.place.after;
    fl_track_destroy(track);
    {
        static struct fl_fix kept[2];

        memcpy(kept, fixes, sizeof(kept));
        vortex.place.before = &kept[0];
        vortex.place.after = &kept[1];
    }
    return vortex;
}

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%g is not %g within %g", got, want, tolerance);
}

static double radians(double degrees)
{
    return degrees * M_PI / 180.0;
}

/* ---- tracks ---- */

/* The storm is where the table says at a fix, and on the great circle between two. */
static void positions_follow_the_great_circle(void **state)
{
    struct fl_track *track =
        track_of(HEADER "2018-10-09T00:00Z,60.0,-170.0,100,950,0,0,0,0,0,0,0,0,0,0,0,0\n"
                        "2018-10-09T06:00Z,60.0,170.0,80,970,0,0,0,0,0,0,0,0,0,0,0,0\n");
    struct fl_track_place place;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_track_at(track, start, &place, &err), err);
    assert_near(place.lat, 60.0, 1e-9);
    assert_near(place.lon, -170.0, 1e-9);
    assert_ok(fl_track_at(track, (struct fl_cycle){start.s + 3 * 3600}, &place, &err), err);
    assert_near(fabs(place.lon), 180.0, 1e-9); /* over the date line */
    assert_near(place.lat, atan(tan(radians(60.0)) / cos(radians(10.0))) * 180.0 / M_PI, 1e-9);
    assert_near(place.vmax_kt, 90.0, 1e-9);
    assert_near(place.pmin_hpa, 960.0, 1e-9);
    assert_true(place.move_east_ms < 0);
    assert_fails_with(fl_track_at(track, (struct fl_cycle){start.s - 600}, &place, &err),
                      FL_E_MISMATCH, err, "covers 20181009T0000Z to 20181009T0600Z");
    fl_track_destroy(track);
}

/* A table that was edited by hand is refused where it is wrong, not half read. */
static void bad_tables_are_refused_with_their_line(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"time_utc,lat_n\n", "track.csv:1: 2 columns"},
        {"time_utc,lat\n", "track.csv:1: unknown column 'lat'"},
        {HEADER "2018-10-09T00:00Z,25.0\n", "track.csv:3: 2 fields"},
        {HEADER "soon,25.0,-85.0,100,950,0,0,0,0,0,0,0,0,0,0,0,0\n", "track.csv:3: time_utc"},
        {HEADER "2018-10-09T00:00Z,95.0,-85.0,100,950,0,0,0,0,0,0,0,0,0,0,0,0\n",
         "lat_n is '95.0'"},
        {HEADER "2018-10-09T00:00Z,25.0,-85.0,fast,950,0,0,0,0,0,0,0,0,0,0,0,0\n", "vmax_kt"},
        {HEADER "2018-10-09T00:00Z,25.0,-85.0,100,950,9,0,0,0,10,0,0,0,0,0,0,0\n", "radii in NE"},
        {HEADER "2018-10-09T00:00Z,25.0,-85.0,100,950,0,0,0,0,0,0,0,0,0,0,0,0\n", "1 fixes"},
        {HEADER "2018-10-09T00:00Z,25.0,-85.0,100,950,0,0,0,0,0,0,0,0,0,0,0,0\n"
                "2018-10-09T00:00Z,25.0,-85.0,100,950,0,0,0,0,0,0,0,0,0,0,0,0\n",
         "track.csv:4: the times do not ascend"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct fl_track *track = NULL;
        struct fl_err err = {0};

        test_file_write("track.csv", cases[i].text, strlen(cases[i].text));
        assert_fails_with(fl_track_read("track.csv", &track, &err), FL_E_DATA, err, cases[i].words);
        assert_null(track);
    }
}

/* ---- profiles ---- */

/* Pressure: the table's in the centre, the environment's far away, rising all the way. */
static void pressure_has_the_tables_minimum_in_the_centre(void **state)
{
    struct fl_vortex vortex = vortex_at(NORTHWARD, 0);
    double before = 0;

    (void)state;
    assert_near(fl_vortex_pressure_pa(&vortex, 0.0), 95000.0, 0.01);
    for (int km = 0; km < 1500; km += 5) {
        double here = fl_vortex_pressure_pa(&vortex, 1e3 * km);

        assert_true(here >= before);
        before = here;
    }
    assert_true(before > 100900.0 && before <= 101000.0);
    assert_true(vortex.b >= 1.0 && vortex.b <= 2.2);
    assert_near(vortex.b, 1.15 * M_E * pow(100 * FL_KNOT_MS, 2) / 6000.0, 1e-9);
}

/* The greatest wind of the table stands right of the track at the radius of maximum wind, and
 * nowhere is it exceeded. */
static void the_greatest_wind_is_right_of_the_track_at_its_radius(void **state)
{
    struct fl_vortex vortex = vortex_at(NORTHWARD, 3 * 3600);
    double most = 0;
    double most_r = 0;
    double most_bearing = 0;

    (void)state;
    for (int bearing = 0; bearing < 360; bearing += 2) {
        for (int km = 1; km < 400; km++) {
            double speed = fl_vortex_speed_kt(&vortex, 1e3 * km, radians(bearing));

            if (speed > most) {
                most = speed;
                most_r = 1e3 * km;
                most_bearing = bearing;
            }
        }
    }
    assert_near(most, 100.0, 0.2);
    assert_near(most_r, vortex.rmw_m, 1e3);
    assert_near(most_bearing, 90.0, 2.0);
    assert_near(vortex.move_kt, 10.0, 0.1);
    assert_near(fl_vortex_speed_kt(&vortex, vortex.rmw_m, radians(90)) -
                    fl_vortex_speed_kt(&vortex, vortex.rmw_m, radians(270)),
                10.0, 0.2); /* the translation speed between the two sides */
}

/* The radii of the table are reproduced in the middle of each quadrant. */
static void quadrant_radii_are_reproduced(void **state)
{
    static const double radii[3][3] = {{150, 120, 90}, {70, 60, 40}, {40, 35, 25}};
    static const double speeds[3] = {34, 50, 64};
    struct fl_vortex vortex = vortex_at(NORTHWARD, 2 * 3600);

    (void)state;
    for (int s = 0; s < 3; s++) {
        for (int q = 0; q < 3; q++)
            assert_near(
                fl_vortex_speed_kt(&vortex, radii[s][q] * FL_NAUTICAL_MILE_M, radians(45 + 90 * q)),
                speeds[s], 0.05);
    }
    /* NW has none: Holland's shape, which falls off from the core. */
    assert_near(fl_vortex_speed_kt(&vortex, 3 * vortex.rmw_m, radians(315)) /
                    fl_vortex_speed_kt(&vortex, vortex.rmw_m, radians(315)),
                sqrt(pow(1.0 / 3.0, vortex.b) * exp(1 - pow(1.0 / 3.0, vortex.b))), 1e-6);
}

/* No jump anywhere: a step in the wind makes waves in the model that are not there. */
static void wind_is_continuous_in_radius_bearing_and_time(void **state)
{
    static const char changing[] =
        HEADER "2018-10-09T00:00Z,25.0,-85.0,100,950,150,120,90,0,70,60,40,0,40,35,25,0\n"
               "2018-10-09T06:00Z,26.0,-86.0,60,970,100,0,90,40,70,0,0,0,0,0,0,0\n"
               "2018-10-09T12:00Z,27.0,-84.0,120,930,100,90,90,40,70,20,0,0,30,0,0,0\n";
    double before[8] = {0};

    (void)state;
    for (int64_t t = 0; t <= 12 * 3600; t += 600) {
        struct fl_vortex vortex = vortex_at(changing, t);

        for (int b = 0; b < 8; b++) {
            double speed = fl_vortex_speed_kt(&vortex, 60e3, radians(45 * b));

            if (t > 0)
                assert_true(fabs(speed - before[b]) < 4.0);
            before[b] = speed;
        }
        for (int bearing = 0; bearing < 360; bearing++)
            assert_true(fabs(fl_vortex_speed_kt(&vortex, 50e3, radians(bearing)) -
                             fl_vortex_speed_kt(&vortex, 50e3, radians(bearing + 1))) < 3.0);
        for (int step = 2; step < 1200; step++)
            assert_true(fabs(fl_vortex_speed_kt(&vortex, 500.0 * step, 1.0) -
                             fl_vortex_speed_kt(&vortex, 500.0 * (step + 1), 1.0)) < 6.0);
    }
}

/* 27 km at the start, 20 km at landfall, between them a straight line, then constant. */
static void the_radius_of_maximum_wind_shrinks_to_landfall(void **state)
{
    static const char longer[] =
        HEADER "2018-10-09T00:00Z,25.0,-85.0,100,950,0,0,0,0,0,0,0,0,0,0,0,0\n"
               "2018-10-11T06:00Z,30.0,-85.0,100,950,0,0,0,0,0,0,0,0,0,0,0,0\n";
    const int64_t landfall_s = 41 * 3600 + 1800;

    (void)state;
    assert_near(vortex_at(longer, 0).rmw_m, 27000.0, 1e-6);
    assert_near(vortex_at(longer, landfall_s / 2).rmw_m, 23500.0, 1e-6);
    assert_near(vortex_at(longer, landfall_s).rmw_m, 20000.0, 1e-6);
    assert_near(vortex_at(longer, landfall_s + 6 * 3600).rmw_m, 20000.0, 1e-6);
}

/* 10 degrees in the centre, 25 outside, without a jump. */
static void the_inflow_angle_grows_with_radius(void **state)
{
    struct fl_vortex vortex = vortex_at(NORTHWARD, 0);

    (void)state;
    assert_near(fl_vortex_inflow(&vortex, 0.0), radians(10), 1e-12);
    assert_near(fl_vortex_inflow(&vortex, vortex.rmw_m), radians(20), 1e-9);
    assert_near(fl_vortex_inflow(&vortex, vortex.rmw_m * 0.999999), radians(20), 1e-4);
    assert_near(fl_vortex_inflow(&vortex, vortex.rmw_m * 1.2), radians(25), 1e-6);
    assert_near(fl_vortex_inflow(&vortex, vortex.rmw_m * 9), radians(25), 1e-12);
}

/* ---- onto the grid ---- */

struct put {
    struct fl_grid *grid;
    double *u;
    double *v;
    double *msl;
};

/* A background of 1 m/s from the west at 1015 hPa with the vortex in it. */
static struct put put_on(const struct fl_vortex *vortex, double west, double east, double south,
                         double north)
{
    struct put put = {0};
    struct fl_err err = {0};
    size_t cells;

    assert_ok(fl_grid_create(west, east, south, north, 20.0, &put.grid, &err), err);
    cells = put.grid->nlat * put.grid->nlon;
    put.u = calloc(cells, sizeof(double));
    put.v = calloc(cells, sizeof(double));
    put.msl = calloc(cells, sizeof(double));
    assert_true(put.u && put.v && put.msl);
    for (size_t k = 0; k < cells; k++) {
        put.u[k] = 1.0;
        put.msl[k] = 101500.0;
    }
    assert_ok(fl_vortex_apply(vortex, put.grid, put.u, put.v, put.msl, &err), err);
    return put;
}

static void put_release(struct put *put)
{
    fl_grid_destroy(put->grid);
    free(put->u);
    free(put->v);
    free(put->msl);
}

static size_t cell_at(const struct put *put, double lat, double lon)
{
    size_t best = 0;
    double least = INFINITY;

    for (size_t k = 0; k < put->grid->nlat * put->grid->nlon; k++) {
        double far = fl_grid_distance_m(lat, lon, put->grid->lat[k / put->grid->nlon],
                                        put->grid->lon[k % put->grid->nlon]);

        if (far < least) {
            least = far;
            best = k;
        }
    }
    return best;
}

/* North of a northern hurricane the wind blows from the east and inwards; so round the compass.
 * With u and v swapped, or turned the wrong way, the surge comes on the wrong coast. */
static void the_wind_turns_anticlockwise_and_inwards_in_the_north(void **state)
{
    struct fl_vortex vortex = vortex_at(NORTHWARD, 0);
    struct put put = put_on(&vortex, -88, -82, 22, 28);
    size_t north = cell_at(&put, 26.0, -85.0);
    size_t east = cell_at(&put, 25.0, -84.0);
    size_t south = cell_at(&put, 24.0, -85.0);
    size_t west = cell_at(&put, 25.0, -86.0);

    (void)state;
    assert_true(put.u[north] < -10 && put.v[north] < 0);
    assert_true(put.v[east] > 10 && put.u[east] < 0);
    assert_true(put.u[south] > 10 && put.v[south] > 0);
    assert_true(put.v[west] < -10 && put.u[west] > 0);
    assert_near(atan2(-put.v[north], -put.u[north]), radians(25), radians(3));
    assert_true(hypot(put.u[east], put.v[east]) > hypot(put.u[west], put.v[west]));
    put_release(&put);
}

/* South of the equator it is the other way round, and the strong side is the left. */
static void the_southern_hemisphere_is_mirrored(void **state)
{
    struct fl_vortex vortex =
        vortex_at(HEADER "2018-10-09T00:00Z,-20.0,60.0,100,950,0,0,0,0,0,0,0,0,0,0,0,0\n"
                         "2018-10-09T06:00Z,-21.0,60.0,100,950,0,0,0,0,0,0,0,0,0,0,0,0\n",
                  0);
    struct put put = put_on(&vortex, 58, 62, -22, -18);
    size_t north = cell_at(&put, -19.5, 60.0);
    size_t east = cell_at(&put, -20.0, 60.5);
    size_t west = cell_at(&put, -20.0, 59.5);

    (void)state;
    assert_true(put.u[north] > 10 && put.v[north] < 0);
    /* Moving south, the left side is the east, where the wind blows south. */
    assert_true(put.v[east] < -10 && put.u[east] < 0);
    assert_true(hypot(put.u[east], put.v[east]) > hypot(put.u[west], put.v[west]));
    put_release(&put);
}

/* 10-minute means in m/s on the grid; the minimum of pressure near the centre; the background
 * untouched far away. */
static void the_grid_has_ten_minute_winds_and_an_untouched_far_field(void **state)
{
    struct fl_vortex vortex = vortex_at(NORTHWARD, 0);
    struct put put = put_on(&vortex, -100, -82, 22, 28);
    double most = 0;
    double least = INFINITY;
    size_t far = cell_at(&put, 25.0, -99.0);
    size_t next = cell_at(&put, 25.0, -85.0 - 150 * 1.852 / 100.8 * 1.5);

    (void)state;
    for (size_t k = 0; k < put.grid->nlat * put.grid->nlon; k++) {
        most = fmax(most, hypot(put.u[k], put.v[k]));
        least = fmin(least, put.msl[k]);
    }
    assert_near(most, 100 * FL_KNOT_MS * 0.93, 0.5);
    assert_true(least >= 95000.0 && least < 95100.0);
    assert_true(put.u[far] == 1.0 && put.v[far] == 0.0 && put.msl[far] == 101500.0);
    /* In the middle of the blend: between the two. */
    assert_near(fl_vortex_weight(&vortex, vortex.blend_from_m), 1.0, 1e-12);
    assert_near(fl_vortex_weight(&vortex, vortex.blend_from_m * 1.5), 0.5, 1e-9);
    assert_near(fl_vortex_weight(&vortex, vortex.blend_to_m), 0.0, 1e-12);
    assert_true(put.msl[next] > 100900.0 && put.msl[next] < 101500.0);
    put_release(&put);
}

/* A grid that cannot hold the eye would smear the storm out without a word. */
static void a_grid_too_coarse_for_the_vortex_is_refused(void **state)
{
    struct fl_vortex vortex = vortex_at(NORTHWARD, 0);
    struct fl_grid *grid = NULL;
    struct fl_err err = {0};
    double field[3][16] = {{0}};

    (void)state;
    assert_ok(fl_grid_create(-88, -86, 24, 26, 2.0, &grid, &err), err);
    assert_fails_with(fl_vortex_apply(&vortex, grid, field[0], field[1], field[2], &err),
                      FL_E_CONFIG, err, "too coarse");
    fl_grid_destroy(grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)
        T(positions_follow_the_great_circle),
        T(bad_tables_are_refused_with_their_line),
        T(pressure_has_the_tables_minimum_in_the_centre),
        T(the_greatest_wind_is_right_of_the_track_at_its_radius),
        T(quadrant_radii_are_reproduced),
        T(wind_is_continuous_in_radius_bearing_and_time),
        T(the_radius_of_maximum_wind_shrinks_to_landfall),
        T(the_inflow_angle_grows_with_radius),
        T(the_wind_turns_anticlockwise_and_inwards_in_the_north),
        T(the_southern_hemisphere_is_mirrored),
        T(the_grid_has_ten_minute_winds_and_an_untouched_far_field),
        T(a_grid_too_coarse_for_the_vortex_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
