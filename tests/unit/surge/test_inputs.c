/* The model's small readers: settings, stations, and the wait for a file. */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/world/file.h"
#include "stages/surge/grid.h"
#include "stages/surge/settings.h"
#include "stages/surge/stations.h"
#include "stages/surge/wait.h"
#include "tests/lib/test.h"

static const char good[] = "cycle = \"20181009T0000Z\"; leads = \"+000/+006/1\"; grid = \"g.nc\";\n"
                           "forcing: { file = \"force.{lead}.nc\"; leads = \"+000/+006/3\"; };\n";

static int read_settings(const char *more, struct fl_surge_settings *settings, struct fl_err *err)
{
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    fl_buf_printf(&text, "%s%s", good, more);
    test_file_write("surge.cfg", text.data, text.size);
    return fl_surge_settings_read("surge.cfg", settings, err);
}

/* The defaults are what the manual page promises; names follow the lead. */
static void settings_have_their_defaults(void **state)
{
    fl_auto(fl_surge_settings_release) struct fl_surge_settings s = {.cfg = NULL};
    fl_auto(fl_buf_release) struct fl_buf name;
    struct fl_err err = {0};

    (void)state;
    fl_buf_init(&name, 0);
    assert_ok(read_settings("physics: { drag_cap = 3; open = [\"south\"]; };", &s, &err), err);
    assert_int_equal(s.wait_s, 1800);
    assert_int_equal(s.gap_s, 900);
    assert_int_equal(s.ramp_s, 6 * 3600);
    assert_true(s.physics.manning == 0.025);
    assert_true(s.physics.drag_cap == 3.0);
    assert_int_equal(s.physics.open_edges, FL_SWE_SOUTH);
    assert_null(s.restart);
    assert_null(s.stations);
    assert_ok(fl_surge_settings_name(&s, s.forcing, (struct fl_lead){.minutes = 180}, &name, &err),
              err);
    assert_string_equal(name.data, "force.f003.nc");
}

/* A setting that cannot be meant must not start a run of hours. */
static void settings_that_cannot_be_meant_are_refused(void **state)
{
    static const struct {
        const char *more;
        const char *says;
    } bad[] = {
        {"physics: { manning = -1.0; };", "surge.cfg:3"},
        {"physics: { open = [\"up\"]; };", "accepted: west, east, south, north"},
        {"physics: { manning = \"low\"; };", "physics.manning"},
        {"output: { restart_every = \"PT90S\"; };", "whole minutes"},
        {"forcing_wait = 3;", "unknown key 'forcing_wait'"},
    };
    fl_auto(fl_surge_settings_release) struct fl_surge_settings s = {.cfg = NULL};
    struct fl_err err = {0};

    (void)state;
    for (size_t k = 0; k < FL_COUNT(bad); k++)
        assert_fails_with(read_settings(bad[k].more, &s, &err), FL_E_CONFIG, err, bad[k].says);
}

/* Sea in the east of column 3, land in the west. */
static void make_coast(struct fl_surge_grid *grid)
{
    struct fl_err err = {0};

    assert_ok(fl_surge_grid_init(grid, 5, 8, &err), err);
    for (size_t j = 0; j < 5; j++)
        grid->lat[j] = 29.0 + 0.1 * (double)j;
    for (size_t i = 0; i < 8; i++)
        grid->lon[i] = -86.0 + 0.1 * (double)i;
    for (size_t k = 0; k < 40; k++)
        grid->sea[k] = k % 8 > 3 ? 1 : 0;
}

/* A gauge stands on land: its series must come from the nearest water, and say how far that is. */
static void stations_go_to_the_nearest_sea_cell(void **state)
{
    static const char table[] = "# stations\r\n\nlon, lat,name,id,more\r\n"
                                "-85.72,29.21,\"Pier, old\",x1,\n-85.5,29.4,Buoy,42,z";
    fl_auto(fl_surge_grid_release) struct fl_surge_grid grid = {0};
    fl_auto(fl_stations_release) struct fl_stations stations = {0};
    struct fl_err err = {0};

    (void)state;
    make_coast(&grid);
    test_file_write("s.csv", table, sizeof(table) - 1);
    assert_ok(fl_stations_read("s.csv", &grid, 20.0, &stations, &err), err);
    assert_int_equal(stations.count, 2);
    assert_string_equal(stations.list[0].name, "Pier, old");
    assert_string_equal(stations.list[0].id, "x1");
    assert_int_equal(stations.list[0].i, 4);
    assert_int_equal(stations.list[0].j, 2);
    assert_true(stations.list[0].km > 11.6);
    assert_true(stations.list[0].km < 11.8);
    assert_string_equal(stations.list[1].name, "Buoy");
    fl_stations_release(&stations);
    assert_fails_with(fl_stations_read("s.csv", &grid, 10.0, &stations, &err), FL_E_DATA, err,
                      "line 4: 'Pier, old' lies 11.7 km");
}

/* A table with a slip names its line, instead of a station in the wrong sea. */
static void bad_station_tables_name_the_line(void **state)
{
    static const struct {
        const char *table;
        const char *says;
    } bad[] = {
        {"", "is empty"},
        {"name,id,lat\n", "line 1: no column 'lon'"},
        {"name,id,lat,lon\nA,1,29.1\n", "line 2: no value for 'lon'"},
        {"name,id,lat,lon\nA,1,29.1N,-85\n", "line 2: place '29.1N'"},
        {"name,id,lat,lon\nA,1,129.1,-85\n", "line 2: place"},
        {"name,id,lat,lon\n\n,1,29.1,-85.5\n", "line 3: name or id"},
        {"name,id,lat,lon\nA,1,nan,-85\n", "line 2: place"},
    };
    fl_auto(fl_surge_grid_release) struct fl_surge_grid grid = {0};
    struct fl_stations stations = {0};
    struct fl_err err = {0};

    (void)state;
    make_coast(&grid);
    for (size_t k = 0; k < FL_COUNT(bad); k++) {
        test_file_write("s.csv", bad[k].table, strlen(bad[k].table));
        assert_fails_with(fl_stations_read("s.csv", &grid, 20.0, &stations, &err), FL_E_DATA, err,
                          bad[k].says);
    }
}

/* Another thread brings the file only once the wait has begun. */
static void *bring(void *arg)
{
    const int *go = arg;
    char byte;
    ssize_t n = read(go[0], &byte, 1);

    if (n == 1)
        (void)fl_file_publish(fl_world_real(), "in/a.nc", "x", 1, NULL); /* the wait will tell */
    return NULL;
}

static void say_go(const char *path, int64_t limit_s, void *arg)
{
    const int *go = arg;

    assert_string_equal(path, "in/a.nc");
    assert_int_equal(limit_s, 60);
    assert_int_equal(write(go[1], "g", 1), 1);
}

/* Forcing that comes by one rename must wake the model; forcing that never comes must end it. */
static void waiting_ends_with_the_file_or_at_its_limit(void **state)
{
    const struct fl_world *world = fl_world_real();
    struct fl_err err = {0};
    pthread_t thread;
    int go[2];

    (void)state;
    assert_int_equal(pipe(go), 0);
    assert_ok(fl_dir_make(world, "in", 0755, &err), err);
    assert_int_equal(pthread_create(&thread, NULL, bring, go), 0);
    assert_ok(fl_surge_wait(world, "in/a.nc", 60, say_go, go, &err), err);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_ok(fl_surge_wait(world, "in/a.nc", 0, NULL, NULL, &err), err);
    assert_fails_with(fl_surge_wait(world, "in/b.nc", 0, NULL, NULL, &err), FL_E_TIMEOUT, err,
                      "'in/b.nc' did not appear within 0 s");
    assert_fails_with(fl_surge_wait(world, "none/b.nc", 1, NULL, NULL, &err), FL_E_NOENT, err,
                      "none/b.nc");
    (void)close(go[0]); /* nothing was buffered */
    (void)close(go[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FOLDER_TEST(name) \
    cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)
        FOLDER_TEST(settings_have_their_defaults),
        FOLDER_TEST(settings_that_cannot_be_meant_are_refused),
        FOLDER_TEST(stations_go_to_the_nearest_sea_cell),
        FOLDER_TEST(bad_station_tables_name_the_line),
        FOLDER_TEST(waiting_ends_with_the_file_or_at_its_limit),
    };

    return cmocka_run_group_tests_name("surge inputs", tests, NULL, NULL);
}
