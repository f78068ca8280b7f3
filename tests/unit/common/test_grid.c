/* Grids and the interpolation between them. */
#include "config.h"

#include "stages/common/grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"

static struct fl_grid *make_grid(double west, double east, double south, double north, double per)
{
    struct fl_grid *grid = NULL;
    struct fl_err err = {0};

    assert_ok(fl_grid_create(west, east, south, north, per, &grid, &err), err);
    return grid;
}

/* Interpolates f(lat, lon) = a + b lat + c lon from the axes to the grid; largest error. */
static double linear_error(const double *lat, size_t nlat, const double *lon, size_t nlon,
                           const struct fl_grid *grid)
{
    double *source = calloc(nlat * nlon, sizeof(*source));
    double *target = calloc(grid->nlat * grid->nlon, sizeof(*target));
    struct fl_bilinear *bilinear = NULL;
    struct fl_err err = {0};
    double worst = 0;

    assert_true(source && target);
    for (size_t j = 0; j < nlat; j++) {
        for (size_t i = 0; i < nlon; i++)
            source[j * nlon + i] = 3.0 + 0.5 * lat[j] - 0.25 * fmod(lon[i] + 360.0, 360.0);
    }
    assert_ok(fl_bilinear_create(lat, nlat, lon, nlon, grid, &bilinear, &err), err);
    assert_true(fl_bilinear_fits(bilinear, lat, nlat, lon, nlon));
    fl_bilinear_apply(bilinear, source, target);
    for (size_t j = 0; j < grid->nlat; j++) {
        for (size_t i = 0; i < grid->nlon; i++) {
            double want = 3.0 + 0.5 * grid->lat[j] - 0.25 * fmod(grid->lon[i] + 360.0, 360.0);

            worst = fmax(worst, fabs(target[j * grid->nlon + i] - want));
        }
    }
    fl_bilinear_destroy(bilinear);
    free(source);
    free(target);
    return worst;
}

/* Cells fill the box: a shift of half a cell would move the coast. */
static void cell_centres_lie_inside_the_box(void **state)
{
    struct fl_grid *grid = make_grid(-91.0, -81.5, 23.0, 31.0, 24.0);

    (void)state;
    assert_int_equal(grid->nlon, 228);
    assert_int_equal(grid->nlat, 192);
    assert_true(fabs(grid->lon[0] - (-91.0 + 1.0 / 48.0)) < 1e-12);
    assert_true(fabs(grid->lat[191] - (31.0 - 1.0 / 48.0)) < 1e-12);
    assert_true(fabs(fl_grid_cell_max_m(grid) - 4633.0) < 5.0);
    fl_grid_destroy(grid);
}

/* A box that does not hold whole cells would end elsewhere than its configuration says. */
static void boxes_of_broken_cells_are_refused(void **state)
{
    struct fl_grid *grid = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_fails_with(fl_grid_create(0, 1.03, 0, 1, 24, &grid, &err), FL_E_CONFIG, err,
                      "longitude");
    assert_fails_with(fl_grid_create(0, 1, 1, 0, 24, &grid, &err), FL_E_CONFIG, err, "latitude");
    assert_null(grid);
}

/* The interpolation itself adds nothing: linear fields come through exactly. */
static void linear_fields_are_interpolated_exactly(void **state)
{
    double lat[] = {20.0, 22.0, 25.0, 29.0, 33.0}; /* uneven on purpose */
    double lon[] = {265.0, 269.0, 272.0, 280.0};
    struct fl_grid *grid = make_grid(-91.0, -81.5, 23.0, 31.0, 4.0);

    (void)state;
    assert_true(linear_error(lat, 5, lon, 4, grid) < 1e-11);
    fl_grid_destroy(grid);
}

/* A model grid across the seam of a 0..360 file takes values from both its ends. */
static void the_seam_of_a_global_source_is_closed(void **state)
{
    double lat[] = {-90.0, 0.0, 90.0};
    double lon[360];
    double source[3 * 360];
    double target[16];
    struct fl_grid *grid = make_grid(-2.0, 2.0, 10.0, 14.0, 1.0);
    struct fl_bilinear *bilinear = NULL;
    struct fl_err err = {0};

    (void)state;
    for (int i = 0; i < 360; i++)
        lon[i] = i;
    for (int k = 0; k < 3 * 360; k++)
        source[k] = k % 360 < 180 ? k % 360 : k % 360 - 360; /* linear over the seam */
    assert_ok(fl_bilinear_create(lat, 3, lon, 360, grid, &bilinear, &err), err);
    fl_bilinear_apply(bilinear, source, target);
    for (size_t i = 0; i < 4; i++)
        assert_true(fabs(target[i] - grid->lon[i]) < 1e-12);
    fl_bilinear_destroy(bilinear);
    fl_grid_destroy(grid);
}

/* Across the date line, -180..180 and 0..360 mean the same place. */
static void the_date_line_is_crossed(void **state)
{
    double lat[] = {-10.0, 10.0};
    double lon[] = {170.0, 175.0, 180.0, 185.0, 190.0};
    struct fl_grid *west = make_grid(-179.0, -172.0, -5.0, 5.0, 2.0);
    struct fl_grid *east = make_grid(172.0, 179.0, -5.0, 5.0, 2.0);

    (void)state;
    assert_true(linear_error(lat, 2, lon, 5, west) < 1e-11);
    assert_true(linear_error(lat, 2, lon, 5, east) < 1e-11);
    fl_grid_destroy(west);
    fl_grid_destroy(east);
}

/* A regional file that does not hold the grid must not be stretched over it. */
static void sources_that_do_not_hold_the_grid_are_refused(void **state)
{
    double lat[] = {20.0, 30.0};
    double lon[] = {265.0, 280.0};
    double down[] = {30.0, 20.0};
    struct fl_grid *north = make_grid(-90.0, -88.0, 28.0, 31.0, 4.0);
    struct fl_grid *west = make_grid(-97.0, -88.0, 25.0, 28.0, 4.0);
    struct fl_bilinear *bilinear = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_fails_with(fl_bilinear_create(lat, 2, lon, 2, north, &bilinear, &err), FL_E_MISMATCH,
                      err, "covers latitudes 20 to 30");
    assert_fails_with(fl_bilinear_create(lat, 2, lon, 2, west, &bilinear, &err), FL_E_MISMATCH, err,
                      "the grid needs");
    assert_fails_with(fl_bilinear_create(down, 2, lon, 2, west, &bilinear, &err), FL_E_DATA, err,
                      "do not ascend");
    fl_grid_destroy(north);
    fl_grid_destroy(west);
}

/* A missing value spoils the cells that it touches, and no others. */
static void missing_values_spoil_only_what_they_touch(void **state)
{
    double lat[] = {0.0, 1.0, 2.0};
    double lon[] = {0.0, 1.0, 2.0};
    double source[9] = {1, 1, 1, 1, 1, 1, 1, 1, NAN};
    double target[16];
    struct fl_grid *grid = make_grid(0.0, 2.0, 0.0, 2.0, 2.0);
    struct fl_bilinear *bilinear = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_bilinear_create(lat, 3, lon, 3, grid, &bilinear, &err), err);
    fl_bilinear_apply(bilinear, source, target);
    for (size_t k = 0; k < 16; k++)
        assert_int_equal(isnan(target[k]), k / 4 >= 2 && k % 4 >= 2);
    fl_bilinear_destroy(bilinear);
    fl_grid_destroy(grid);
}

/* Distances decide which station a cell serves. */
static void distances_on_the_sphere_are_right(void **state)
{
    (void)state;
    assert_true(fabs(fl_grid_distance_m(0, 0, 0, 1) - 111194.9) < 5.0);
    assert_true(fabs(fl_grid_distance_m(89, 10, 89, -170) - 222389.9) < 10.0);
    assert_true(fl_grid_distance_m(30, 179.99, 30, -179.99) < 2000.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cell_centres_lie_inside_the_box),
        cmocka_unit_test(boxes_of_broken_cells_are_refused),
        cmocka_unit_test(linear_fields_are_interpolated_exactly),
        cmocka_unit_test(the_seam_of_a_global_source_is_closed),
        cmocka_unit_test(the_date_line_is_crossed),
        cmocka_unit_test(sources_that_do_not_hold_the_grid_are_refused),
        cmocka_unit_test(missing_values_spoil_only_what_they_touch),
        cmocka_unit_test(distances_on_the_sphere_are_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
