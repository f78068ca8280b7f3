/* The sea of a grid, and relief onto it. */
#include "config.h"

#include "stages/prep/domain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stages/common/cfg.h"
#include "stages/common/contract.h"
#include "stages/common/grid.h"
#include "stages/common/nc.h"
#include "stages/prep/prep.h"
#include "tests/lib/test.h"

/* A grid of 1-degree cells whose elevations are drawn: '#' land at 5 m, '.' sea at -10 m, ',' at
 * -0.5 m. The first line is the northernmost row. */
static struct fl_grid *draw(const char *const *lines, size_t count)
{
    struct fl_grid *grid = NULL;
    struct fl_err err = {0};
    size_t width = strlen(lines[0]);

    assert_ok(fl_grid_create(0, (double)width, 0, (double)count, 1.0, &grid, &err), err);
    for (size_t j = 0; j < count; j++) {
        for (size_t i = 0; i < width; i++) {
            char c = lines[count - 1 - j][i];

            grid->elevation[j * width + i] = c == '#' ? 5.0F : c == ',' ? -0.5F : -10.0F;
        }
    }
    return grid;
}

/* The sea of a grid, drawn the same way, against what is wanted. */
static void assert_sea(const struct fl_grid *grid, const char *const *lines)
{
    for (size_t j = 0; j < grid->nlat; j++) {
        for (size_t i = 0; i < grid->nlon; i++) {
            bool want = lines[grid->nlat - 1 - j][i] != '#';

            if ((grid->mask[j * grid->nlon + i] == 1) != want)
                fail_msg("cell %zu,%zu is %d", j, i, grid->mask[j * grid->nlon + i]);
        }
    }
}

/* Lakes below sea level, and water joined by a corner alone, take no part in the model: it would
 * pile up there without an outlet. */
static void lakes_and_ponds_are_no_sea(void **state)
{
    static const char *const relief[] = {
        "########.", /* one cell on the open east edge: a pond */
        "#########", /**/
        "##.##..##", /* a lake, and one more */
        "###,#..##", /* joined to the sea by a corner only: no */
        "....#####", /**/
        "....,,,..",
    };
    static const char *const sea[] = {
        "#########", "#########", "#########", "###.#####", "....#####", ".........",
    };
    const struct fl_domain domain = {
        .open_edges = FL_EDGE_SOUTH | FL_EDGE_EAST, .depth_min_m = 2.0, .pond_cells_min = 3};
    struct fl_grid *grid = draw(relief, 6);
    struct fl_err err = {0};
    size_t count = 0;

    (void)state;
    assert_ok(fl_domain_flood(&domain, grid, &count, &err), err);
    assert_sea(grid, sea);
    assert_int_equal(count, 14);
    assert_true(grid->depth[0] == 10.0F);
    assert_true(grid->depth[4] == 2.0F); /* the minimum depth */
    assert_true(grid->depth[5 * 9] == (float)FL_NC_FILL);
    fl_grid_destroy(grid);
}

/* A wrong edge in the configuration must not give a model without sea. */
static void a_domain_without_sea_is_refused(void **state)
{
    static const char *const relief[] = {"###", "#.#", "###"};
    const struct fl_domain domain = {.open_edges = FL_EDGE_NORTH, .depth_min_m = 2.0};
    struct fl_grid *grid = draw(relief, 3);
    struct fl_err err = {0};
    size_t count = 0;

    (void)state;
    assert_fails_with(fl_domain_flood(&domain, grid, &count, &err), FL_E_MISMATCH, err, "no sea");
    fl_grid_destroy(grid);
}

/* A relief file: elevation = 10 lat - lon (longitudes 0..360), rows from the north when descends.
 */
static void write_relief(bool descends, bool with_hole)
{
    struct fl_nc *nc = NULL;
    struct fl_err err = {0};
    double lat[21];
    double lon[37];
    float values[21 * 37];
    const struct fl_nc_def y = {
        .name = "y", .type = FL_NC_DOUBLE, .dims = "y", .units = "degrees_north"};
    const struct fl_nc_def x = {
        .name = "x", .type = FL_NC_DOUBLE, .dims = "x", .units = "degrees_east"};
    const struct fl_nc_def z = {
        .name = "z", .type = FL_NC_FLOAT, .dims = "y x", .units = "meters", .has_fill = true};

    for (int j = 0; j < 21; j++)
        lat[j] = descends ? 40.0 - j : 20.0 + j;
    for (int i = 0; i < 37; i++)
        lon[i] = 250.0 + i;
    for (int k = 0; k < 21 * 37; k++)
        values[k] = (float)(10.0 * lat[k / 37] - lon[k % 37]);
    if (with_hole)
        values[10 * 37 + 20] = (float)FL_NC_FILL;
    assert_ok(fl_nc_create("relief.nc", &nc, &err), err);
    assert_ok(fl_nc_def_dim(nc, "y", 21, &err), err);
    assert_ok(fl_nc_def_dim(nc, "x", 37, &err), err);
    assert_ok(fl_nc_def_var(nc, &y, &err), err);
    assert_ok(fl_nc_def_var(nc, &x, &err), err);
    assert_ok(fl_nc_def_var(nc, &z, &err), err);
    assert_ok(fl_nc_end_define(nc, &err), err);
    assert_ok(fl_nc_put_double(nc, "y", NULL, NULL, lat, &err), err);
    assert_ok(fl_nc_put_double(nc, "x", NULL, NULL, lon, &err), err);
    assert_ok(fl_nc_put_float(nc, "z", NULL, NULL, values, &err), err);
    assert_ok(fl_nc_settle(nc, &err), err);
    fl_nc_destroy(nc);
}

static const struct fl_domain relief_domain = {
    .relief_file = "relief.nc", .relief_variable = "z", .relief_lat = "y", .relief_lon = "x"};

/* Rows from the north or from the south, longitudes east of Greenwich: the same coast. */
static void relief_of_either_row_order_is_placed_exactly(void **state)
{
    (void)state;
    for (int descends = 0; descends < 2; descends++) {
        struct fl_grid *grid = NULL;
        struct fl_err err = {0};

        write_relief(descends != 0, false);
        assert_ok(fl_grid_create(-95, -90, 25, 30, 4.0, &grid, &err), err);
        assert_ok(fl_domain_relief(&relief_domain, grid, &err), err);
        for (size_t k = 0; k < grid->nlat * grid->nlon; k++)
            assert_true(fabs((double)grid->elevation[k] - (10.0 * grid->lat[k / grid->nlon] -
                                                           (grid->lon[k % grid->nlon] + 360.0))) <
                        1e-3);
        fl_grid_destroy(grid);
    }
}

/* A hole in the relief, or a relief that ends before the domain does, must not become a coast. */
static void holes_and_short_reliefs_are_refused(void **state)
{
    struct fl_grid *grid = NULL;
    struct fl_grid *wide = NULL;
    struct fl_domain domain = relief_domain;
    struct fl_err err = {0};

    (void)state;
    write_relief(false, true);
    assert_ok(fl_grid_create(-95, -85, 25, 35, 4.0, &grid, &err), err);
    assert_fails_with(fl_domain_relief(&domain, grid, &err), FL_E_DATA, err, "elevation at");
    assert_ok(fl_grid_create(-120, -85, 25, 35, 1.0, &wide, &err), err);
    assert_fails_with(fl_domain_relief(&domain, wide, &err), FL_E_MISMATCH, err, "the grid needs");
    domain.relief_variable = "depth";
    assert_fails_with(fl_domain_relief(&domain, grid, &err), FL_E_MISMATCH, err, "'depth'");
    domain.relief_file = "gone.nc";
    assert_fails_with(fl_domain_relief(&domain, grid, &err), FL_E_NOENT, err, "gone.nc");
    fl_grid_destroy(grid);
    fl_grid_destroy(wide);
}

static int make_grid(const char *cfg, const char *to, struct fl_err *err)
{
    const struct fl_prep_grid_options options = {.cfg = "domain.cfg", .to = to, .output = "grid"};
    struct fl_contract *contract = NULL;
    int rc;

    test_file_write("domain.cfg", cfg, strlen(cfg));
    assert_ok(fl_contract_open(&contract, err), *err);
    rc = fl_prep_grid(&options, contract, err);
    fl_contract_close(contract);
    return rc;
}

#define DOMAIN_TEXT \
    "west = -95; east = -85; south = 25; north = 35; cells_per_degree = 4;\n" \
    "open_edges = [\"south\"]; pond_cells_min = 5;\n" \
    "relief = { file = \"relief.nc\"; variable = \"z\"; latitude = \"y\"; longitude = \"x\"; };\n"

/* The whole command: what it writes is what a model reads, the same bytes each time. */
static void the_grid_file_is_read_back_and_has_the_same_bytes_each_time(void **state)
{
    struct fl_grid *grid = NULL;
    struct fl_err err = {0};
    size_t size[2] = {0};
    char *bytes[2];

    (void)state;
    write_relief(true, false);
    assert_ok(make_grid(DOMAIN_TEXT, "a.nc", &err), err);
    assert_ok(make_grid(DOMAIN_TEXT, "b.nc", &err), err);
    assert_ok(fl_grid_load("a.nc", &grid, &err), err);
    assert_int_equal(grid->nlat, 40);
    for (size_t k = 0; k < grid->nlat * grid->nlon; k++) {
        assert_int_equal(grid->mask[k], grid->elevation[k] < 0.0F);
        if (grid->mask[k])
            assert_true(grid->depth[k] ==
                        (grid->elevation[k] < -2.0F ? -grid->elevation[k] : 2.0F));
    }
    fl_grid_destroy(grid);
    for (int i = 0; i < 2; i++)
        bytes[i] = test_file_read(i ? "b.nc" : "a.nc", &size[i]);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
    free(bytes[0]);
    free(bytes[1]);
}

/* A slip in the domain's configuration is found before anything is made. */
static void slips_in_the_configuration_are_named(void **state)
{
    struct fl_err err = {0};

    (void)state;
    write_relief(true, false);
    assert_fails_with(make_grid(DOMAIN_TEXT "depth_mim = 3;\n", "a.nc", &err), FL_E_CONFIG, err,
                      "domain.cfg:4: unknown key 'depth_mim'; accepted: west");
    assert_fails_with(make_grid("west = -95;\n", "a.nc", &err), FL_E_CONFIG, err, "'east'");
    assert_fails_with(make_grid("west = -95; east = -85; south = 25; north = 35;\n"
                                "cells_per_degree = 4; open_edges = [\"up\"];\n",
                                "a.nc", &err),
                      FL_E_CONFIG, err, "domain.cfg:2: key 'open_edges.[0]'");
    assert_false(test_file_exists("a.nc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)
        T(lakes_and_ponds_are_no_sea),
        T(a_domain_without_sea_is_refused),
        T(relief_of_either_row_order_is_placed_exactly),
        T(holes_and_short_reliefs_are_refused),
        T(the_grid_file_is_read_back_and_has_the_same_bytes_each_time),
        T(slips_in_the_configuration_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
