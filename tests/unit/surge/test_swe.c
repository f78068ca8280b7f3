/* The shallow-water core against named solutions. Each check has a sabotaged twin that must fail: a
 * check that cannot fail proves nothing. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stages/surge/grid.h"
#include "stages/surge/swe.h"
#include "tests/lib/test.h"

#define STEP_DEG 0.04
#define CROSSINGS 8

/* A basin of even depth with its southern edge at lat. */
static void make_basin(struct fl_surge_grid *grid, size_t nlat, size_t nlon, double lat,
                       double depth_m)
{
    struct fl_err err = {0};

    assert_ok(fl_surge_grid_init(grid, nlat, nlon, &err), err);
    for (size_t j = 0; j < nlat; j++)
        grid->lat[j] = lat + STEP_DEG * (double)j;
    for (size_t i = 0; i < nlon; i++)
        grid->lon[i] = STEP_DEG * (double)i;
    for (size_t k = 0; k < nlat * nlon; k++) {
        grid->depth[k] = depth_m;
        grid->sea[k] = 1;
    }
}

/* No wind, no rotation, no friction, all edges closed. */
static struct fl_swe_physics still_physics(void)
{
    struct fl_swe_physics physics = fl_swe_defaults();

    physics.omega_s = 0.0;
    physics.manning = 0.0;
    physics.viscosity_m2_s = 0.0;
    physics.open_edges = 0;
    return physics;
}

static struct fl_swe *make_model(const struct fl_surge_grid *grid,
                                 const struct fl_swe_physics *physics)
{
    struct fl_mpi mpi = fl_mpi_alone();
    struct fl_swe *swe = NULL;
    struct fl_err err = {0};

    assert_ok(fl_swe_create(grid, physics, &mpi, &swe, &err), err);
    return swe;
}

static void fill(const struct fl_swe *swe, double *field, double value)
{
    for (size_t k = 0; k < (swe->rows.count + 2 * FL_SWE_HALO) * swe->stride; k++)
        field[k] = value;
}

/* Steady air from now on. */
static void set_wind(struct fl_swe *swe, double u, double v)
{
    for (int n = 0; n < 2; n++) {
        fill(swe, swe->wind_u[n], u);
        fill(swe, swe->wind_v[n], v);
    }
}

/* Whole minutes, with a ramp over the first ramp_minutes. */
static void run_minutes(struct fl_swe *swe, int first, int count, int ramp_minutes)
{
    struct fl_err err = {0};

    for (int minute = first; minute < first + count; minute++) {
        double ramp = minute < ramp_minutes ? (double)minute / ramp_minutes : 1.0;

        assert_ok(fl_swe_exchange(swe, &err), err);
        fl_swe_bottom(swe);
        fl_swe_air(swe, 0.0, ramp);
        for (int64_t step = 0; step < swe->steps_a_minute; step++)
            assert_ok(fl_swe_step(swe, 60.0 * minute, &err), err);
    }
}

/* The same numbers on each machine; 0 to 1. */
static double noise(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / 16777216.0;
}

/* Depths without order from 2 to 4000 m, and land. */
static void make_rough(struct fl_surge_grid *grid)
{
    unsigned seed = 7;

    make_basin(grid, 24, 30, 20.0, 1.0);
    for (size_t k = 0; k < grid->nlat * grid->nlon; k++) {
        grid->depth[k] = 2.0 + 4000.0 * pow(noise(&seed), 4);
        grid->sea[k] = noise(&seed) < 0.85 ? 1 : 0;
    }
}

static bool stays_at_rest(double extra_pa)
{
    fl_auto(fl_surge_grid_release) struct fl_surge_grid grid = {0};
    fl_auto(fl_swe_destroy) struct fl_swe *swe = NULL;
    struct fl_swe_physics physics = fl_swe_defaults();
    bool rest = true;

    physics.open_edges = 0;
    make_rough(&grid);
    swe = make_model(&grid, &physics);
    for (ptrdiff_t j = 0; j < 24; j++) {
        for (ptrdiff_t i = 0; i < 30; i++)
            swe->zeta[fl_swe_at(swe, j, i)] = 0.37;
    }
    swe->msl[0][fl_swe_at(swe, 12, 14)] += extra_pa;
    swe->msl[0][fl_swe_at(swe, 4, 7)] += extra_pa;
    run_minutes(swe, 0, 30, 0);
    for (ptrdiff_t j = 0; j < 24; j++) {
        for (ptrdiff_t i = 0; i < 30; i++) {
            size_t k = fl_swe_at(swe, j, i);

            rest = rest && swe->zeta[k] == 0.37 && swe->u[k] == 0.0 && swe->v[k] == 0.0;
        }
    }
    return rest;
}

/* Water that a rough bottom sets in motion by itself would be read as a surge. */
static void lake_at_rest_stays_exactly_at_rest(void **state)
{
    (void)state;
    assert_true(stays_at_rest(0.0));
    assert_false(stays_at_rest(1.0));
}

/* A storm over shallow water with land, that bares cells; sabotage: one edge open, no limiter. */
static void run_shallow(unsigned open_edges, double film_m, double *ret_loss, double *ret_lowest)
{
    fl_auto(fl_surge_grid_release) struct fl_surge_grid grid = {0};
    fl_auto(fl_swe_destroy) struct fl_swe *swe = NULL;
    struct fl_swe_physics physics = fl_swe_defaults();
    unsigned seed = 3;
    double before;

    physics.open_edges = open_edges;
    physics.film_m = film_m;
    make_basin(&grid, 20, 60, 29.0, 2.0);
    for (size_t k = 0; k < grid.nlat * grid.nlon; k++) {
        grid.depth[k] = 2.0 + 0.5 * noise(&seed);
        grid.sea[k] = noise(&seed) < 0.9 ? 1 : 0;
    }
    swe = make_model(&grid, &physics);
    set_wind(swe, 35.0, 20.0);
    before = fl_swe_volume(swe);
    *ret_lowest = INFINITY;
    for (int minute = 0; minute < 360; minute++) {
        run_minutes(swe, minute, 1, 30);
        for (ptrdiff_t j = 0; j < 20; j++) {
            for (ptrdiff_t i = 0; i < 60; i++) {
                size_t k = fl_swe_at(swe, j, i);

                if (swe->sea[k] > 0.0)
                    *ret_lowest = fmin(*ret_lowest, swe->depth[k] + swe->zeta[k]);
            }
        }
    }
    *ret_loss = fabs(fl_swe_volume(swe) / before - 1.0);
}

/* Water out of nothing, or cells with less than none, would poison every level around. */
static void mass_and_the_film_are_kept(void **state)
{
    double loss;
    double lowest;

    (void)state;
    run_shallow(0, 0.05, &loss, &lowest);
    assert_true(loss < 1e-13);
    assert_true(lowest >= 0.05 * (1.0 - 1e-9));
    assert_true(lowest < 0.06); /* the storm did bare cells: the limiter was at work */
    run_shallow(FL_SWE_EAST, 0.05, &loss, &lowest);
    assert_false(loss < 1e-13);
    run_shallow(0, -1e9, &loss, &lowest);
    assert_false(lowest >= 0.05 * (1.0 - 1e-9));
}

/* Period of the first seiche of a closed flat channel, from the times at which the western end
 * passes through 0. */
static double seiche_period_s(double depth_m)
{
    fl_auto(fl_surge_grid_release) struct fl_surge_grid grid = {0};
    fl_auto(fl_swe_destroy) struct fl_swe *swe = NULL;
    struct fl_swe_physics physics = still_physics();
    struct fl_err err = {0};
    double crossings[CROSSINGS];
    int count = 0;
    double last;

    make_basin(&grid, 3, 50, -STEP_DEG, depth_m);
    swe = make_model(&grid, &physics);
    for (ptrdiff_t j = 0; j < 3; j++) {
        for (ptrdiff_t i = 0; i < 50; i++)
            swe->zeta[fl_swe_at(swe, j, i)] = 0.01 * cos(M_PI * ((double)i + 0.5) / 50.0);
    }
    fl_swe_air(swe, 0.0, 1.0);
    last = swe->zeta[fl_swe_at(swe, 1, 0)];
    for (int step = 1; count < CROSSINGS && step < 100000; step++) {
        double now;

        assert_ok(fl_swe_step(swe, step * swe->dt_s, &err), err);
        now = swe->zeta[fl_swe_at(swe, 1, 0)];
        if (now * last < 0.0)
            crossings[count++] = (step - now / (now - last)) * swe->dt_s;
        last = now;
    }
    assert_int_equal(count, CROSSINGS);
    return 2.0 * (crossings[CROSSINGS - 1] - crossings[0]) / (double)(CROSSINGS - 1);
}

/* Merian: T = 2 L / sqrt(g h). Waves of the wrong speed bring the surge at the wrong hour. */
static void seiche_has_merians_period(void **state)
{
    double length_m = 50 * STEP_DEG * M_PI / 180.0 * FL_EARTH_RADIUS_M;
    double merian_s = 2.0 * length_m / sqrt(FL_SWE_GRAVITY * 20.0);

    (void)state;
    assert_true(fabs(seiche_period_s(20.0) / merian_s - 1.0) < 0.01);
    assert_false(fabs(seiche_period_s(20.0 * 1.05) / merian_s - 1.0) < 0.01);
}

/* Level at the eastern end of a closed channel under a steady west wind. */
static double set_up_m(double drag_factor)
{
    fl_auto(fl_surge_grid_release) struct fl_surge_grid grid = {0};
    fl_auto(fl_swe_destroy) struct fl_swe *swe = NULL;
    struct fl_swe_physics physics = still_physics();

    physics.manning = 0.06;
    physics.drag_a *= drag_factor;
    physics.drag_b *= drag_factor;
    make_basin(&grid, 3, 50, -STEP_DEG, 8.0);
    swe = make_model(&grid, &physics);
    set_wind(swe, 20.0, 0.0);
    run_minutes(swe, 0, 72 * 60, 24 * 60);
    return swe->zeta[fl_swe_at(swe, 1, 49)];
}

/* Without a current the slope carries the wind: g H dH/dx = tau / rho, so H^2 = A + 2 tau x / (rho
 * g), where A follows from the volume. Set-up is most of a surge in shallow water. */
static void steady_wind_gives_the_analytic_set_up(void **state)
{
    struct fl_swe_physics p = fl_swe_defaults();
    double length_m = 50 * STEP_DEG * M_PI / 180.0 * FL_EARTH_RADIUS_M;
    double tau = p.rho_air * 1e-3 * (p.drag_a + p.drag_b * 20.0) * 20.0 * 20.0;
    double slope = 2.0 * tau / (p.rho_water * FL_SWE_GRAVITY);
    double low = 0.0;
    double high = 64.0;
    double end_m;

    (void)state;
    for (int round = 0; round < 100; round++) { /* the mean of H over the channel is 8 m */
        double a = 0.5 * (low + high);
        double mean = (pow(a + slope * length_m, 1.5) - pow(a, 1.5)) / (1.5 * slope * length_m);

        if (mean < 8.0)
            low = a;
        else
            high = a;
    }
    end_m = sqrt(low + slope * length_m * (49.5 / 50.0)) - 8.0;
    assert_true(end_m > 1.0);
    assert_true(fabs(set_up_m(1.0) / end_m - 1.0) < 0.01);
    assert_false(fabs(set_up_m(1.1) / end_m - 1.0) < 0.01);
}

/* Largest difference from the inverse barometer under a low that does not move, as a part of it. */
static double barometer_error(double told_part)
{
    fl_auto(fl_surge_grid_release) struct fl_surge_grid grid = {0};
    fl_auto(fl_swe_destroy) struct fl_swe *swe = NULL;
    struct fl_swe_physics physics = fl_swe_defaults();
    double worst = 0.0;
    double highest = 0.0;

    physics.omega_s = 0.0;
    make_basin(&grid, 40, 40, 20.0, 200.0);
    swe = make_model(&grid, &physics);
    for (ptrdiff_t j = 0; j < 40; j++) {
        for (ptrdiff_t i = 0; i < 40; i++) {
            double r2 = (double)((j - 20) * (j - 20) + (i - 18) * (i - 18));

            swe->msl[0][fl_swe_at(swe, j, i)] -= told_part * 8000.0 * exp(-r2 / 50.0);
        }
    }
    run_minutes(swe, 0, 12 * 60, 6 * 60);
    for (ptrdiff_t j = 0; j < 40; j++) {
        for (ptrdiff_t i = 0; i < 40; i++) {
            double r2 = (double)((j - 20) * (j - 20) + (i - 18) * (i - 18));
            double ib = 8000.0 * exp(-r2 / 50.0) / (physics.rho_water * FL_SWE_GRAVITY);

            worst = fmax(worst, fabs(swe->zeta[fl_swe_at(swe, j, i)] - ib));
            highest = fmax(highest, ib);
        }
    }
    return worst / highest;
}

/* 80 hPa lift the sea by 0.8 m; open edges must let that water in. */
static void resting_low_lifts_the_inverse_barometer(void **state)
{
    (void)state;
    assert_true(barometer_error(1.0) < 0.02);
    assert_false(barometer_error(0.9) < 0.02);
}

/* Highest level that is left of a hump of 1 m when its waves have reached the edges many times. */
static double left_of_a_hump_m(unsigned open_edges)
{
    fl_auto(fl_surge_grid_release) struct fl_surge_grid grid = {0};
    fl_auto(fl_swe_destroy) struct fl_swe *swe = NULL;
    struct fl_swe_physics physics = still_physics();
    double highest = 0.0;

    physics.open_edges = open_edges;
    make_basin(&grid, 40, 40, 20.0, 100.0);
    swe = make_model(&grid, &physics);
    for (ptrdiff_t j = 0; j < 40; j++) {
        for (ptrdiff_t i = 0; i < 40; i++) {
            double r2 = (double)((j - 20) * (j - 20) + (i - 18) * (i - 18));

            swe->zeta[fl_swe_at(swe, j, i)] = exp(-r2 / 16.0);
        }
    }
    run_minutes(swe, 0, 5 * 60, 0);
    for (ptrdiff_t j = 0; j < 40; j++) {
        for (ptrdiff_t i = 0; i < 40; i++)
            highest = fmax(highest, fabs(swe->zeta[fl_swe_at(swe, j, i)]));
    }
    return highest;
}

/* A wave that leaves must not come back from an edge that is only the map's. */
static void open_edges_let_waves_out(void **state)
{
    unsigned all = FL_SWE_WEST | FL_SWE_EAST | FL_SWE_SOUTH | FL_SWE_NORTH;

    (void)state;
    assert_true(left_of_a_hump_m(all) < 0.01);
    assert_false(left_of_a_hump_m(0) < 0.01);
}

/* Angle that a current in the middle of a wide basin has turned to the right within 4 hours. */
static double turned_rad(double omega_s)
{
    fl_auto(fl_surge_grid_release) struct fl_surge_grid grid = {0};
    fl_auto(fl_swe_destroy) struct fl_swe *swe = NULL;
    struct fl_swe_physics physics = still_physics();
    size_t middle;

    physics.omega_s = omega_s;
    make_basin(&grid, 91, 121, 43.2, 10.0);
    swe = make_model(&grid, &physics);
    fill(swe, swe->u, 0.2);
    run_minutes(swe, 0, 4 * 60, 0);
    middle = fl_swe_at(swe, 45, 60);
    return atan2(-swe->v[middle], swe->u[middle]);
}

/* The Earth turns currents to the right on the northern hemisphere, by f t: the other way round a
 * surge would run along the wrong coast. */
static void currents_turn_to_the_right_at_the_inertial_rate(void **state)
{
    double omega_s = fl_swe_defaults().omega_s;
    double want = 2.0 * omega_s * sin((43.2 + 45.25 * STEP_DEG) * M_PI / 180.0) * 4.0 * 3600.0;

    (void)state;
    assert_true(fabs(turned_rad(omega_s) / want - 1.0) < 0.02);
    assert_false(fabs(turned_rad(-omega_s) / want - 1.0) < 0.02);
}

/* Water that is not a number must stop the run and say where, never reach a map. */
static void absurd_water_is_found_with_its_place(void **state)
{
    fl_auto(fl_surge_grid_release) struct fl_surge_grid grid = {0};
    fl_auto(fl_swe_destroy) struct fl_swe *swe = NULL;
    struct fl_swe_physics physics = still_physics();
    struct fl_err err = {0};

    (void)state;
    make_basin(&grid, 5, 6, 20.0, 10.0);
    swe = make_model(&grid, &physics);
    assert_ok(fl_swe_sane(swe, &grid, &err), err);
    swe->v[fl_swe_at(swe, 3, 2)] = -10.5;
    assert_fails_with(fl_swe_sane(swe, &grid, &err), FL_E_DATA, err, "20.120 N 0.080 E");
    swe->v[fl_swe_at(swe, 3, 2)] = 0.0;
    swe->zeta[fl_swe_at(swe, 0, 5)] = NAN;
    assert_fails_with(fl_swe_sane(swe, &grid, &err), FL_E_DATA, err, "20.000 N 0.200 E");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lake_at_rest_stays_exactly_at_rest),
        cmocka_unit_test(mass_and_the_film_are_kept),
        cmocka_unit_test(seiche_has_merians_period),
        cmocka_unit_test(steady_wind_gives_the_analytic_set_up),
        cmocka_unit_test(resting_low_lifts_the_inverse_barometer),
        cmocka_unit_test(open_edges_let_waves_out),
        cmocka_unit_test(currents_turn_to_the_right_at_the_inertial_rate),
        cmocka_unit_test(absurd_water_is_found_with_its_place),
    };

    return cmocka_run_group_tests_name("swe", tests, NULL, NULL);
}
