/* NetCDF files and their provenance. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/world/file.h"
#include "stages/common/contract.h"
#include "stages/common/nc.h"
#include "stages/common/prov.h"
#include "tests/lib/test.h"

static const size_t nlat = 3;
static const size_t nlon = 4;

/* A small field file; with prov when it is not NULL. */
static void write_field(const char *path, const struct fl_prov *prov)
{
    static const struct fl_nc_def def = {.name = "zeta",
                                         .type = FL_NC_FLOAT,
                                         .dims = "time lat lon",
                                         .units = "m",
                                         .datum = "mean sea level",
                                         .has_fill = true};
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    struct fl_err err = {0};
    struct fl_cycle cycle;
    const double lat[] = {1, 2, 3};
    const double lon[] = {4, 5, 6, 7};
    const double time = 3600.0;
    float zeta[12];

    for (int i = 0; i < 12; i++)
        zeta[i] = (float)i / 3.0f;
    assert_ok(fl_cycle_parse("20181009T0000Z", &cycle, &err), err);
    assert_ok(fl_nc_create(path, &nc, &err), err);
    assert_ok(fl_nc_def_time(nc, cycle, 0, &err), err);
    assert_ok(fl_nc_def_lat_lon(nc, nlat, nlon, &err), err);
    assert_ok(fl_nc_def_var(nc, &def, &err), err);
    if (prov)
        assert_ok(fl_prov_write(prov, nc, "a field", "made by a test", &err), err);
    assert_ok(fl_nc_end_define(nc, &err), err);
    assert_ok(fl_nc_put_double(nc, "lat", NULL, NULL, lat, &err), err);
    assert_ok(fl_nc_put_double(nc, "lon", NULL, NULL, lon, &err), err);
    assert_ok(fl_nc_put_double(nc, "time", NULL, NULL, &time, &err), err);
    assert_ok(fl_nc_put_float(nc, "zeta", NULL, NULL, zeta, &err), err);
    assert_false(test_file_exists(path));
    assert_ok(fl_nc_settle(nc, &err), err);
    assert_true(test_file_exists(path));
}

/* What one stage writes the next must read back to the last bit, under its name only when whole. */
static void field_is_whole_and_comes_back(void **state)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    struct fl_nc_var var;
    struct fl_err err = {0};
    struct fl_cycle epoch;
    double step_s;
    float zeta[12];

    (void)state;
    write_field("a.nc", NULL);
    assert_true(test_folder_is_empty(FL_INCOMING));
    assert_ok(fl_nc_open("a.nc", &nc, &err), err);
    assert_ok(fl_nc_want_dim(nc, "lat", nlat, &err), err);
    assert_ok(fl_nc_var(nc, "zeta", "time lat lon", "m|metre", &var, &err), err);
    assert_int_equal(var.type, FL_NC_FLOAT);
    assert_true(var.has_fill);
    assert_true(var.fill == FL_NC_FILL);
    assert_ok(fl_nc_get_float(nc, "zeta", NULL, NULL, zeta, &err), err);
    for (int i = 0; i < 12; i++)
        assert_true(zeta[i] == (float)i / 3.0f);
    assert_ok(fl_nc_time_units(nc, "time", &epoch, &step_s, &err), err);
    assert_int_equal(epoch.s, 1539043200);
    assert_true(step_s == 1.0);
}

/* A file of the wrong kind must be refused with what was expected, not read as if it were right. */
static void mismatch_names_file_variable_and_expected(void **state)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    struct fl_err err = {0};

    (void)state;
    write_field("a.nc", NULL);
    test_file_write("b.nc", "CDF no, this is text", 20);
    assert_ok(fl_nc_open("a.nc", &nc, &err), err);
    assert_fails_with(fl_nc_want_dim(nc, "lon", 9, &err), FL_E_MISMATCH, err, "expected 9");
    assert_fails_with(fl_nc_var(nc, "msl", NULL, NULL, NULL, &err), FL_E_MISMATCH, err, "'msl'");
    assert_fails_with(fl_nc_var(nc, "zeta", "lat lon", NULL, NULL, &err), FL_E_MISMATCH, err,
                      "(time lat lon), expected (lat lon)");
    assert_fails_with(fl_nc_var(nc, "zeta", NULL, "Pa", NULL, &err), FL_E_MISMATCH, err,
                      "units 'm', expected Pa");
    fl_nc_destroy(FL_STEAL(nc));
    assert_fails_with(fl_nc_open("none.nc", &nc, &err), FL_E_NOENT, err, "none.nc");
    assert_fails_with(fl_nc_open("b.nc", &nc, &err), FL_E_DATA, err, "b.nc");
    assert_fails_with(fl_nc_open("http://127.0.0.1:1/x.nc", &nc, &err), FL_E_USAGE, err, "address");
}

/* A stage that dies or gives up half-way leaves nothing under the published name. */
static void abandoned_file_leaves_nothing(void **state)
{
    struct fl_nc *nc = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_nc_create("gone.nc", &nc, &err), err);
    assert_ok(fl_nc_def_dim(nc, "x", 3, &err), err);
    fl_nc_destroy(nc);
    assert_false(test_file_exists("gone.nc"));
    assert_true(test_folder_is_empty(FL_INCOMING));
    assert_fails_with(fl_nc_create("no-folder/x.nc", &nc, &err), FL_E_NOENT, err, "no-folder");
}

/* Sources and marks must follow the data through every file made from them. */
static void provenance_is_carried_on(void **state)
{
    fl_auto(fl_prov_destroy) struct fl_prov *first = NULL;
    fl_auto(fl_prov_destroy) struct fl_prov *second = NULL;
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    const struct fl_degraded *marks;
    size_t count = 0;
    struct fl_err err = {0};

    (void)state;
    fl_buf_init(&text, 0);
    (void)setenv("FAIRLEAD_RUN", "surge/20181009T0000Z", 1); /* memory apart it cannot fail */
    test_file_write("z.grib2", "GRIB", 4);
    test_file_write("a.grib2", "GRIB", 4);
    assert_ok(fl_prov_create("first 1.0", &first, &err), err);
    assert_ok(fl_prov_source(first, NULL, "z.grib2", &err), err);
    assert_ok(fl_prov_source(first, NULL, "a.grib2", &err), err);
    assert_ok(fl_prov_source(first, NULL, "a.grib2", &err), err);
    assert_ok(fl_prov_degraded(first, "cycle 18Z missing\nreally", "PT6H", &err), err);
    write_field("one.nc", first);

    assert_ok(fl_nc_open("one.nc", &nc, &err), err);
    assert_ok(fl_prov_create("second 1.0", &second, &err), err);
    assert_false(fl_prov_is_degraded(second));
    assert_ok(fl_prov_merge(second, nc, &err), err);
    assert_ok(fl_prov_input(second, "in.nc", "one.nc", &err), err);
    assert_true(fl_prov_is_degraded(second));
    assert_string_equal(fl_prov_degraded_text(second), "cycle 18Z missing?really [age PT6H]");
    assert_ok(fl_prov_marks(second, &marks, &count, &err), err);
    assert_int_equal(count, 1);
    assert_string_equal(marks[0].cause, "cycle 18Z missing?really");
    assert_string_equal(marks[0].age, "PT6H");
    write_field("two.nc", second);
    fl_nc_destroy(FL_STEAL(nc));

    assert_ok(fl_nc_open("two.nc", &nc, &err), err);
    assert_ok(fl_nc_att(nc, FL_NC_GLOBAL, "fairlead_sources", &text, &err), err);
    assert_non_null(strstr(text.data, "a.grib2 sha256:"));
    assert_non_null(strstr(text.data, "\nz.grib2 sha256:"));
    fl_buf_clear(&text);
    assert_ok(fl_nc_att(nc, FL_NC_GLOBAL, "fairlead_inputs", &text, &err), err);
    assert_true(strncmp(text.data, "in.nc sha256:", 13) == 0);
    fl_buf_clear(&text);
    assert_ok(fl_nc_att(nc, FL_NC_GLOBAL, "fairlead_run", &text, &err), err);
    assert_string_equal(text.data, "surge/20181009T0000Z");
    assert_int_equal(fl_nc_att(nc, FL_NC_GLOBAL, "fairlead_stage", &text, &err), FL_E_NOENT);
}

/* A run repeated with the same inputs must give the same bytes: its digest is its proof. */
static void same_content_gives_same_bytes(void **state)
{
    char first[FL_DIGEST_HEX];
    char second[FL_DIGEST_HEX];
    struct fl_err err = {0};

    (void)state;
    write_field("a.nc", NULL);
    write_field("b.nc", NULL);
    assert_ok(fl_file_digest(fl_world_real(), "a.nc", first, NULL, &err), err);
    assert_ok(fl_file_digest(fl_world_real(), "b.nc", second, NULL, &err), err);
    assert_string_equal(first, second);
}

/* A season of inputs must not make an attribute without end: the tail becomes one digest. */
static void long_lists_are_bounded(void **state)
{
    fl_auto(fl_prov_destroy) struct fl_prov *prov = NULL;
    struct fl_err err = {0};
    char hex[FL_DIGEST_HEX];
    char name[32];
    size_t lines = 1;

    (void)state;
    fl_digest_memory("x", 1, hex);
    assert_ok(fl_prov_create("p 1", &prov, &err), err);
    for (int i = 0; i < 600; i++) {
        (void)snprintf(name, sizeof(name), "f%03d", i);
        assert_ok(fl_prov_source_digest(prov, name, hex, &err), err);
    }
    for (const char *at = fl_prov_sources_text(prov); *at; at++)
        lines += *at == '\n';
    assert_int_equal(lines, FL_PROV_WRITTEN_MAX);
    assert_non_null(strstr(fl_prov_sources_text(prov), "(and-121-more,-all-lines) sha256:"));
    write_field("long.nc", prov);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FOLDER_TEST(name) \
    cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)
        FOLDER_TEST(field_is_whole_and_comes_back),
        FOLDER_TEST(mismatch_names_file_variable_and_expected),
        FOLDER_TEST(abandoned_file_leaves_nothing),
        FOLDER_TEST(provenance_is_carried_on),
        FOLDER_TEST(same_content_gives_same_bytes),
        FOLDER_TEST(long_lists_are_bounded),
    };

    return cmocka_run_group_tests_name("nc", tests, NULL, NULL);
}
