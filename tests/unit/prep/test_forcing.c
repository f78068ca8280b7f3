/* GRIB winds onto the model grid, and the whole forcing command. */
#include "config.h"

#include <eccodes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "stages/common/contract.h"
#include "stages/common/grid.h"
#include "stages/common/nc.h"
#include "stages/prep/background.h"
#include "stages/prep/prep.h"
#include "tests/lib/test.h"

#define GFS "gfs-1p00-wind10m-michael2018/gfs.2018%s.pgrb2.1p00.wind10m.%s.grib2"

static const struct fl_cycle cycle = {1539043200}; /* 2018-10-09T00:00Z */

/* ---- making GRIB files ---- */

/* One field to write: a + b lat + c lon, longitudes 0..360. */
struct made {
    long category;
    long number;
    long level_type;
    long level;
    double a;
    double b;
    double c;
    long hours; /* forecast time after the cycle of 2018-10-09 00Z */
    bool i_negative;
    bool j_positive;
    bool j_consecutive;
    bool global; /* all longitudes at 1 degree, else 260..290 */
};

static void set_long(codes_handle *handle, const char *key, long value)
{
    if (codes_set_long(handle, key, value) != 0)
        fail_msg("cannot set %s", key);
}

static void set_double(codes_handle *handle, const char *key, double value)
{
    if (codes_set_double(handle, key, value) != 0)
        fail_msg("cannot set %s", key);
}

static void set_area(codes_handle *h, const struct made *made, long ni, long nj)
{
    const double west = made->global ? 0.0 : 260.0;
    const double east = west + (double)(ni - 1);

    set_long(h, "Ni", ni);
    set_long(h, "Nj", nj);
    set_double(h, "latitudeOfFirstGridPointInDegrees", made->j_positive ? 10.0 : 40.0);
    set_double(h, "latitudeOfLastGridPointInDegrees", made->j_positive ? 40.0 : 10.0);
    set_double(h, "longitudeOfFirstGridPointInDegrees", made->i_negative ? east : west);
    set_double(h, "longitudeOfLastGridPointInDegrees", made->i_negative ? west : east);
    set_double(h, "iDirectionIncrementInDegrees", 1.0);
    set_double(h, "jDirectionIncrementInDegrees", 1.0);
    set_long(h, "iScansNegatively", made->i_negative);
    set_long(h, "jScansPositively", made->j_positive);
    set_long(h, "jPointsAreConsecutive", made->j_consecutive);
}

static void add_field(struct fl_buf *out, const struct made *made)
{
    const long ni = made->global ? 360 : 31;
    const long nj = 31;
    codes_handle *h = codes_grib_handle_new_from_samples(NULL, "regular_ll_sfc_grib2");
    double *values = calloc((size_t)(ni * nj), sizeof(*values));
    const void *message = NULL;
    size_t size = 0;

    assert_true(h && values);
    set_long(h, "dataDate", 20181009);
    set_long(h, "dataTime", 0);
    set_long(h, "forecastTime", made->hours);
    set_long(h, "discipline", 0);
    set_long(h, "parameterCategory", made->category);
    set_long(h, "parameterNumber", made->number);
    set_long(h, "typeOfFirstFixedSurface", made->level_type);
    set_long(h, "scaleFactorOfFirstFixedSurface", 0);
    set_long(h, "scaledValueOfFirstFixedSurface", made->level);
    set_area(h, made, ni, nj);
    for (long k = 0; k < ni * nj; k++) {
        long i = made->j_consecutive ? k / nj : k % ni;
        long j = made->j_consecutive ? k % nj : k / ni;
        double lon = (made->global ? 0.0 : 260.0) + (double)(made->i_negative ? ni - 1 - i : i);
        double lat = 10.0 + (double)(made->j_positive ? j : nj - 1 - j);

        values[k] = made->a + made->b * lat + made->c * lon;
    }
    set_long(h, "bitsPerValue", 24);
    assert_int_equal(codes_set_double_array(h, "values", values, (size_t)(ni * nj)), 0);
    assert_int_equal(codes_get_message(h, &message, &size), 0);
    fl_buf_add(out, message, size);
    (void)codes_handle_delete(h);
    free(values);
}

/* A file with u = 5 + hours + lat/10, v = lon/100 - 2 and, when asked for, a pressure. */
static void write_grib(const char *name, long hours, bool with_msl, struct made shape)
{
    fl_auto(fl_buf_release) struct fl_buf out;
    struct made field = shape;

    fl_buf_init(&out, 0);
    field.hours = hours;
    field.category = 2;
    field.level_type = 103;
    field.level = 10;
    field.number = 2;
    field.a = 5.0 + (double)hours;
    field.b = 0.1;
    field.c = 0.0;
    add_field(&out, &field);
    field.number = 3;
    field.a = -2.0;
    field.b = 0.0;
    field.c = 0.01;
    add_field(&out, &field);
    field.level = 80; /* a level that nobody asked for */
    add_field(&out, &field);
    if (with_msl) {
        field.category = 3;
        field.number = 1;
        field.level_type = 101;
        field.level = 0;
        field.a = 100000.0;
        field.b = 10.0;
        field.c = 0.0;
        add_field(&out, &field);
    }
    test_file_write(name, out.data, out.size);
}

/* A small model grid: 91..87 W, 25..29 N, 2 cells a degree. */
static struct fl_grid *small_grid(void)
{
    struct fl_grid *grid = NULL;
    struct fl_err err = {0};

    assert_ok(fl_grid_create(-91, -87, 25, 29, 2.0, &grid, &err), err);
    return grid;
}

static void write_grid(void)
{
    static const char text[] =
        "west = -91; east = -87; south = 25; north = 29; cells_per_degree = 24;\n"
        "open_edges = [\"south\"];\n"
        "relief = { file = \"relief.nc\"; variable = \"z\"; };\n";
    const struct fl_prep_grid_options options = {
        .cfg = "domain.cfg", .to = "grid.nc", .output = "grid"};
    const struct fl_nc_def z = {.name = "z", .type = FL_NC_FLOAT, .dims = "lat lon", .units = "m"};
    struct fl_contract *contract = NULL;
    struct fl_nc *nc = NULL;
    struct fl_err err = {0};
    double axis[2][2] = {{20, 40}, {-100, -80}};
    float values[4] = {-50, -50, -50, -50};

    assert_ok(fl_nc_create("relief.nc", &nc, &err), err);
    assert_ok(fl_nc_def_lat_lon(nc, 2, 2, &err), err);
    assert_ok(fl_nc_def_var(nc, &z, &err), err);
    assert_ok(fl_nc_end_define(nc, &err), err);
    assert_ok(fl_nc_put_double(nc, "lat", NULL, NULL, axis[0], &err), err);
    assert_ok(fl_nc_put_double(nc, "lon", NULL, NULL, axis[1], &err), err);
    assert_ok(fl_nc_put_float(nc, "z", NULL, NULL, values, &err), err);
    assert_ok(fl_nc_settle(nc, &err), err);
    fl_nc_destroy(nc);
    test_file_write("domain.cfg", text, strlen(text));
    assert_ok(fl_contract_open(&contract, &err), err);
    assert_ok(fl_prep_grid(&options, contract, &err), err);
    fl_contract_close(contract);
}

static int enter(void **state)
{
    static const char *const names[] = {"FAIRLEAD_RUN",    "FAIRLEAD_STAGE",      "FAIRLEAD_CYCLE",
                                        "FAIRLEAD_SOCKET", "FAIRLEAD_OUTPUT_DIR", "DATA"};

    for (size_t i = 0; i < FL_COUNT(names); i++)
        (void)unsetenv(names[i]);
    return test_folder_enter(state);
}

/* The command on these GRIB files for (from, lead] hours. */
static int make(const char *cfg, long from, long lead, const char *bridged,
                const char *const *gribs, struct fl_err *err)
{
    struct fl_prep_forcing_options options = {.cfg = "forcing.cfg",
                                              .grid = "grid.nc",
                                              .cycle = cycle,
                                              .from = {(int32_t)from * 60},
                                              .lead = {(int32_t)lead * 60},
                                              .bridged = bridged,
                                              .to = "force.nc",
                                              .output = "forcing"};
    struct fl_contract *contract = NULL;
    int rc;

    while (gribs[options.grib_count]) {
        options.gribs[options.grib_count] = gribs[options.grib_count];
        options.grib_count++;
    }
    test_file_write("forcing.cfg", cfg, strlen(cfg));
    assert_ok(fl_contract_open(&contract, err), *err);
    rc = fl_prep_forcing(&options, contract, err);
    fl_contract_close(contract);
    return rc;
}

/* ---- fields ---- */

/* Whatever way a centre scans its grid, the wind lands in the same place. */
static void every_scan_order_gives_the_same_field(void **state)
{
    (void)state;
    for (int scan = 0; scan < 16; scan++) {
        const struct made shape = {.i_negative = scan & 1,
                                   .j_positive = (scan & 2) != 0,
                                   .j_consecutive = (scan & 4) != 0,
                                   .global = (scan & 8) != 0};
        const char *const paths[] = {"a.grib2"};
        struct fl_grid *grid = small_grid();
        struct fl_background *background = NULL;
        struct fl_background_bracket bracket;
        struct fl_err err = {0};
        double u[64];
        double v[64];

        write_grib("a.grib2", 0, false, shape);
        assert_ok(fl_background_read(paths, 1, grid, &background, &err), err);
        assert_ok(fl_background_bracket(background, cycle, &bracket, &err), err);
        assert_int_equal(bracket.gap_s, 0);
        fl_background_at(background, &bracket, FL_BACKGROUND_U, u);
        fl_background_at(background, &bracket, FL_BACKGROUND_V, v);
        for (size_t k = 0; k < 64; k++) {
            assert_true(fabs(u[k] - (5.0 + 0.1 * grid->lat[k / 8])) < 1e-5);
            assert_true(fabs(v[k] - (0.01 * (grid->lon[k % 8] + 360.0) - 2.0)) < 1e-5);
        }
        assert_false(fl_background_has_msl(background));
        fl_background_destroy(background);
        fl_grid_destroy(grid);
    }
}

/* Half a wind, a pressure that comes and goes, or none at all is not a forcing. */
static void incomplete_files_are_refused(void **state)
{
    const struct made shape = {0};
    const char *const none[] = {"t.grib2"};
    const char *const mixed[] = {"a.grib2", "b.grib2"};
    fl_auto(fl_buf_release) struct fl_buf out;
    struct fl_grid *grid = small_grid();
    struct fl_background *background = NULL;
    struct made field = {.category = 0, .number = 0, .level_type = 103, .level = 2, .a = 280};
    struct fl_err err = {0};

    (void)state;
    fl_buf_init(&out, 0);
    add_field(&out, &field);
    test_file_write("t.grib2", out.data, out.size);
    assert_fails_with(fl_background_read(none, 1, grid, &background, &err), FL_E_MISMATCH, err,
                      "'t.grib2' holds no 10 m wind");
    field = (struct made){.category = 2, .number = 2, .level_type = 103, .level = 10, .a = 3};
    add_field(&out, &field);
    test_file_write("t.grib2", out.data, out.size);
    assert_fails_with(fl_background_read(none, 1, grid, &background, &err), FL_E_MISMATCH, err,
                      "northward");
    field = (struct made){.category = 2, .number = 3, .level_type = 103, .level = 10, .a = 900};
    add_field(&out, &field);
    test_file_write("t.grib2", out.data, out.size);
    assert_fails_with(fl_background_read(none, 1, grid, &background, &err), FL_E_DATA, err,
                      "is 900");
    write_grib("a.grib2", 0, true, shape);
    write_grib("b.grib2", 3, false, shape);
    assert_fails_with(fl_background_read(mixed, 2, grid, &background, &err), FL_E_MISMATCH, err,
                      "1 of 2 valid times have pressure");
    assert_null(background);
    fl_grid_destroy(grid);
}

/* Real files of a real storm: the wind is there, and has the size that it had. */
static void real_gfs_files_are_decoded(void **state)
{
    char path[2][4096];
    char name[256];
    const char *const paths[] = {path[0], path[1]};
    struct fl_grid *grid = NULL;
    struct fl_background *background = NULL;
    struct fl_background_bracket bracket;
    struct fl_err err = {0};
    double most = 0;
    double *u;
    double *v;

    (void)state;
    (void)snprintf(name, sizeof(name), GFS, "1010.t12z", "f003");
    (void)test_sample(name, path[0], sizeof(path[0]));
    (void)snprintf(name, sizeof(name), GFS, "1010.t12z", "f000");
    (void)test_sample(name, path[1], sizeof(path[1]));
    assert_ok(fl_grid_create(-91, -81.5, 23, 31, 24.0, &grid, &err), err);
    assert_ok(fl_background_read(paths, 2, grid, &background, &err), err);
    assert_int_equal(fl_background_count(background), 2);
    assert_int_equal(fl_background_valid(background, 1).s - cycle.s, 39 * 3600);
    assert_ok(
        fl_background_bracket(background, (struct fl_cycle){cycle.s + 37 * 3600}, &bracket, &err),
        err);
    assert_int_equal(bracket.gap_s, 3 * 3600);
    assert_true(fabs(bracket.weight - 1.0 / 3.0) < 1e-12);
    u = calloc(grid->nlat * grid->nlon, sizeof(*u));
    v = calloc(grid->nlat * grid->nlon, sizeof(*v));
    assert_true(u && v);
    fl_background_at(background, &bracket, FL_BACKGROUND_U, u);
    fl_background_at(background, &bracket, FL_BACKGROUND_V, v);
    for (size_t k = 0; k < grid->nlat * grid->nlon; k++)
        most = fmax(most, hypot(u[k], v[k]));
    assert_true(most > 20.0 && most < 45.0);
    free(u);
    free(v);
    fl_background_destroy(background);
    fl_grid_destroy(grid);
}

/* ---- the command ---- */

/* Every step after `from` up to the lead, linear between the valid times, and no pressure where the
 * files have none. */
static void the_file_has_every_step_linear_in_time(void **state)
{
    const struct made shape = {0};
    const char *const gribs[] = {"b.grib2", "a.grib2", NULL}; /* any order */
    struct fl_nc *nc = NULL;
    struct fl_err err = {0};
    fl_auto(fl_buf_release) struct fl_buf text;
    size_t times = 0;
    double time[18];
    size_t cells = 96 * 96;
    double *u = calloc(18 * cells, sizeof(*u));

    (void)state;
    fl_buf_init(&text, 0);
    assert_non_null(u);
    write_grid();
    write_grib("a.grib2", 0, false, shape);
    write_grib("b.grib2", 3, false, shape);
    assert_ok(make("step = \"PT10M\";\n", 0, 3, NULL, gribs, &err), err);
    assert_ok(fl_nc_open("force.nc", &nc, &err), err);
    assert_ok(fl_nc_dim(nc, "time", &times, &err), err);
    assert_int_equal(times, 18);
    assert_ok(fl_nc_get_double(nc, "time", NULL, NULL, time, &err), err);
    assert_ok(fl_nc_get_double(nc, "u10", NULL, NULL, u, &err), err);
    for (size_t n = 0; n < 18; n++) {
        assert_true(time[n] == 600.0 * (double)(n + 1));
        assert_true(fabs(u[n * cells] - (5.0 + time[n] / 3600.0 + 0.1 * (25.0 + 1.0 / 48.0))) <
                    1e-4);
    }
    assert_false(fl_nc_has_var(nc, "msl"));
    assert_ok(fl_nc_att(nc, FL_NC_GLOBAL, "time_coverage_start", &text, &err), err);
    assert_string_equal(text.data, "2018-10-09T00:10:00Z");
    assert_fails_with(fl_nc_att(nc, FL_NC_GLOBAL, "fairlead_degraded", &text, &err), FL_E_NOENT,
                      err, "fairlead_degraded");
    fl_nc_destroy(nc);
    free(u);
}

/* The first file of a run has its own time alone, and the pressure of the files when they have it.
 */
static void one_time_and_pressure_are_written(void **state)
{
    const struct made shape = {0};
    const char *const gribs[] = {"a.grib2", NULL};
    struct fl_nc *nc = NULL;
    struct fl_err err = {0};
    const size_t start[3] = {0, 0, 0};
    const size_t count[3] = {1, 1, 1};
    size_t times = 0;
    double msl = 0;

    (void)state;
    write_grid();
    write_grib("a.grib2", 0, true, shape);
    assert_ok(make("", 0, 0, NULL, gribs, &err), err);
    assert_ok(fl_nc_open("force.nc", &nc, &err), err);
    assert_ok(fl_nc_dim(nc, "time", &times, &err), err);
    assert_int_equal(times, 1);
    assert_ok(fl_nc_get_double(nc, "msl", start, count, &msl, &err), err);
    assert_true(fabs(msl - (100000.0 + 10.0 * (25.0 + 1.0 / 48.0))) < 0.1);
    fl_nc_destroy(nc);
}

/* Wrong times, a gap, an error page, a slip in the configuration: each by name, and no file. */
static void what_does_not_fit_is_refused(void **state)
{
    const struct made shape = {0};
    const char *const early[] = {"a.grib2", "b.grib2", NULL};
    const char *const apart[] = {"a.grib2", "c.grib2", NULL};
    const char *const page[] = {"a.grib2", "page.html", NULL};
    struct fl_err err = {0};

    (void)state;
    write_grid();
    write_grib("a.grib2", 0, false, shape);
    write_grib("b.grib2", 3, false, shape);
    write_grib("c.grib2", 9, false, shape);
    test_file_write("page.html", "<html>not here</html>", 21);
    assert_fails_with(make("", 3, 6, NULL, early, &err), FL_E_MISMATCH, err,
                      "no forcing for 20181009T0310Z: the GRIB files hold valid times "
                      "20181009T0000Z to 20181009T0300Z");
    assert_fails_with(
        make("", 3, 6, NULL, apart, &err), FL_E_MISMATCH, err,
        "between 20181009T0000Z and 20181009T0900Z the GRIB files leave a gap of PT9H");
    assert_int_equal(fl_err_exit_code(FL_E_MISMATCH), 65);
    assert_fails_with(make("bridge_max = \"PT6H\";\n", 3, 6, "lost", apart, &err), FL_E_MISMATCH,
                      err, "bridge_max is PT6H");
    assert_fails_with(make("", 0, 3, NULL, page, &err), FL_E_DATA, err, "<html>not here");
    assert_fails_with(make("max_gab = \"PT3H\";\n", 0, 3, NULL, early, &err), FL_E_CONFIG, err,
                      "forcing.cfg:1: unknown key 'max_gab'; accepted: step, max_gap, bridge_max");
    assert_fails_with(make("step = \"PT7M\";\n", 0, 3, NULL, early, &err), FL_E_USAGE, err,
                      "whole steps");
    assert_false(test_file_exists("force.nc"));
}

static void assert_degraded(const char *want)
{
    struct fl_nc *nc = NULL;
    struct fl_err err = {0};
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    assert_ok(fl_nc_open("force.nc", &nc, &err), err);
    assert_ok(fl_nc_att(nc, FL_NC_GLOBAL, "fairlead_degraded", &text, &err), err);
    assert_string_equal(text.data, want);
    fl_nc_destroy(nc);
}

/* A gap is bridged only where that was declared, and the file says so ever after; so does the stage
 * to its engine. */
static void a_declared_gap_is_bridged_and_marked(void **state)
{
    static const char inputs[] =
        "{\"version\":1,\"inputs\":[{\"input\":\"grib\",\"file\":\"c.grib2\","
        "\"cycle\":\"20181009T0000Z\",\"lead\":\"+006\","
        "\"degraded\":[{\"cause\":\"cycle 06Z missing\",\"age\":\"PT9H\"}]}]}";
    const struct made shape = {0};
    const char *const gribs[] = {"a.grib2", "c.grib2", NULL};
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "sock"};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    char event[2][4096] = {"", ""};
    struct fl_err err = {0};

    (void)state;
    write_grid();
    write_grib("a.grib2", 0, false, shape);
    write_grib("c.grib2", 9, false, shape);
    assert_ok(make("", 3, 6, "by hand", gribs, &err), err);
    assert_degraded("by hand [age PT9H]");
    test_file_write("inputs.json", inputs, strlen(inputs));
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setenv("FAIRLEAD_SOCKET", "sock", 1), 0);
    assert_ok(make("", 3, 6, NULL, gribs, &err), err);
    (void)unsetenv("FAIRLEAD_SOCKET");
    assert_degraded("cycle 06Z missing [age PT9H]");
    for (int i = 0; i < 2; i++)
        assert_true(recv(fd, event[i], sizeof(event[i]) - 1, MSG_DONTWAIT) > 0);
    assert_string_equal(event[0],
                        "{\"age\":\"PT9H\",\"cause\":\"cycle 06Z missing\",\"type\":\"degraded\"}");
    assert_string_equal(event[1],
                        "{\"degraded\":[{\"age\":\"PT9H\",\"cause\":\"cycle 06Z missing\"}],"
                        "\"file\":\"force.nc\",\"lead\":\"+006\",\"output\":\"forcing\","
                        "\"type\":\"output\"}");
    (void)close(fd);
}

/* Yesterday's file under today's name is refused by what is inside. */
static void a_file_with_another_time_than_asked_for_is_refused(void **state)
{
    static const char inputs[] =
        "{\"version\":1,\"inputs\":[{\"input\":\"grib\",\"file\":\"b.grib2\","
        "\"cycle\":\"20181009T0000Z\",\"lead\":\"+006\"}]}";
    const struct made shape = {0};
    const char *const gribs[] = {"a.grib2", "b.grib2", NULL};
    struct fl_err err = {0};

    (void)state;
    write_grid();
    write_grib("a.grib2", 0, false, shape);
    write_grib("b.grib2", 3, false, shape);
    test_file_write("inputs.json", inputs, strlen(inputs));
    assert_fails_with(make("", 0, 3, NULL, gribs, &err), FL_E_MISMATCH, err,
                      "'b.grib2' was asked for as valid at 20181009T0600Z; the valid times inside "
                      "are: 20181009T0300Z");
}

/* With a track: pressure comes with the vortex, and a rerun gives the same bytes, so that its
 * products need not be made and sent again. */
static void a_vortex_is_added_and_the_bytes_are_the_same_each_time(void **state)
{
    static const char table[] =
        "time_utc,lat_n,lon_e,vmax_kt,pmin_hpa,r34_ne,r34_se,r34_sw,r34_nw,r50_ne,r50_se,r50_sw,"
        "r50_nw,r64_ne,r64_se,r64_sw,r64_nw\n"
        "2018-10-09T00:00Z,26.0,-89.0,100,950,150,120,90,80,70,60,40,40,40,35,25,25\n"
        "2018-10-09T06:00Z,28.0,-89.0,100,950,150,120,90,80,70,60,40,40,40,35,25,25\n";
    static const char cfg[] = "track = { file = \"track.csv\"; landfall = \"20181010T1730Z\"; };\n";
    const struct made shape = {0};
    const char *const gribs[] = {"a.grib2", "b.grib2", NULL};
    struct fl_nc *nc = NULL;
    struct fl_err err = {0};
    size_t size[2] = {0};
    char *bytes[2];
    size_t cells = 96 * 96;
    double *msl = calloc(18 * cells, sizeof(*msl));
    double least = INFINITY;

    (void)state;
    assert_non_null(msl);
    write_grid();
    write_grib("a.grib2", 0, false, shape);
    write_grib("b.grib2", 3, false, shape);
    test_file_write("track.csv", table, strlen(table));
    for (int i = 0; i < 2; i++) {
        assert_ok(make(cfg, 0, 3, NULL, gribs, &err), err);
        bytes[i] = test_file_read("force.nc", &size[i]);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
    free(bytes[0]);
    free(bytes[1]);
    assert_ok(fl_nc_open("force.nc", &nc, &err), err);
    assert_ok(fl_nc_get_double(nc, "msl", NULL, NULL, msl, &err), err);
    for (size_t k = 0; k < 18 * cells; k++)
        least = fmin(least, msl[k]);
    assert_true(least > 94999.0 && least < 95200.0);
    fl_nc_destroy(nc);
    free(msl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, enter, test_folder_leave)
        T(every_scan_order_gives_the_same_field),
        T(incomplete_files_are_refused),
        T(real_gfs_files_are_decoded),
        T(the_file_has_every_step_linear_in_time),
        T(one_time_and_pressure_are_written),
        T(what_does_not_fit_is_refused),
        T(a_declared_gap_is_bridged_and_marked),
        T(a_file_with_another_time_than_asked_for_is_refused),
        T(a_vortex_is_added_and_the_bytes_are_the_same_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
