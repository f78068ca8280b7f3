/* The probe: what files are, from inside. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "stages/check/probe.h"
#include "tests/golden/surge_fields.h"
#include "tests/lib/test.h"

static json_t *probed(const char *path)
{
    json_t *doc = NULL;
    struct fl_err err = {0};

    assert_ok(fl_probe(fl_world_real(), path, &doc, &err), err);
    return doc;
}

static const char *text_at(const json_t *doc, const char *group, const char *key)
{
    const json_t *from = group ? json_object_get(doc, group) : doc;
    const char *text = json_string_value(json_object_get(from, key));

    return text ? text : "";
}

/* The variable of a name, or a failed test. */
static const json_t *variable(const json_t *doc, const char *name)
{
    const json_t *list = json_object_get(doc, "variables");
    const json_t *entry;
    size_t i;

    json_array_foreach(list, i,
                       entry) if (strcmp(text_at(entry, NULL, "name"), name) == 0) return entry;
    fail_msg("no variable '%s'", name);
    return NULL;
}

/* A model output: dimensions, times and ranges as they are. */
static void netcdf_is_described(void **state)
{
    struct fl_err err = {0};
    json_t *doc;

    (void)state;
    assert_ok(golden_hour("a.nc", (struct fl_cycle){1539043200}, (struct fl_lead){2520}, 0.25, NULL,
                          &err),
              err);
    doc = probed("a.nc");
    assert_string_equal(text_at(doc, NULL, "kind"), "netcdf");
    assert_string_equal(text_at(doc, "times", "first"), "2018-10-10T18:00:00Z");
    assert_string_equal(text_at(doc, "attributes", "Conventions"), "CF-1.8");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(doc, "dimensions"), "lon")),
                     39);
    assert_true(json_real_value(json_object_get(variable(doc, "zeta"), "max")) > 1);
    assert_true(json_real_value(json_object_get(variable(doc, "zeta"), "min")) > -9);
    assert_true(json_real_value(json_object_get(variable(doc, "zeta"), "finite_share")) < 1);
    json_decref(doc);
}

/* An error page that came in place of data is called by its name. */
static void other_kinds_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        size_t size;
        const char *kind;
    } cases[] = {{"<!DOCTYPE HTML><html>", 21, "html"},
                 {"a,b\n1,2\n", 8, "text"},
                 {"", 0, "empty"},
                 {"\1\2\3\4", 4, "unknown"}};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        json_t *doc;

        test_file_write("x", cases[i].text, cases[i].size);
        doc = probed("x");
        assert_string_equal(text_at(doc, NULL, "kind"), cases[i].kind);
        json_decref(doc);
    }
}

/* A file cut short is an error of class DATA that names it, never a crash. */
static void broken_files_are_refused(void **state)
{
    static const char *const heads[] = {"CDF\1xx", "\211HDF\r\n\032\n", "GRIBxxxx\2aaaa",
                                        "\211PNG\r\n\032\n"};
    json_t *doc = NULL;
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(heads); i++) {
        int rc;

        test_file_write("cut", heads[i], strlen(heads[i]));
        rc = fl_probe(fl_world_real(), "cut", &doc, &err);
        assert_true(rc < 0);
        assert_int_equal(fl_err_class(rc), FL_CLASS_DATA);
        assert_non_null(strstr(err.text, "cut"));
    }
    assert_int_equal(fl_probe(fl_world_real(), "gone", &doc, &err), FL_E_NOENT);
}

/* WRF's times are those inside, whichever way they are written. */
static void real_wrf_output_is_described(void **state)
{
    char path[4096];
    json_t *doc = probed(test_sample("wrfout-sample/wrfout-4steps-subset.nc", path, sizeof(path)));

    (void)state;
    assert_string_equal(text_at(doc, "times", "first"), "2005-08-28T12:00:00Z");
    assert_string_equal(text_at(doc, "times", "last"), "2005-08-28T21:00:00Z");
    assert_non_null(variable(doc, "PSFC"));
    json_decref(doc);
}

static void real_roms_output_is_described(void **state)
{
    char path[4096];
    json_t *doc = probed(test_sample("roms-samples/od_Nordic_subset.nc", path, sizeof(path)));

    (void)state;
    assert_string_equal(text_at(doc, "times", "first"), "2016-02-02T12:00:00Z");
    assert_non_null(variable(doc, "zeta"));
    json_decref(doc);
}

static void real_grib_is_described(void **state)
{
    char path[4096];
    json_t *doc = probed(
        test_sample("gfs-1p00-wind10m-michael2018/gfs.20181009.t00z.pgrb2.1p00.wind10m.f003.grib2",
                    path, sizeof(path)));

    (void)state;
    assert_string_equal(text_at(doc, NULL, "kind"), "grib");
    assert_int_equal(json_integer_value(json_object_get(doc, "field_count")), 2);
    assert_string_equal(text_at(doc, "times", "first"), "2018-10-09T03:00:00Z");
    json_decref(doc);
}

/* Every real sample is either described or refused with its name. */
static void real_samples_never_crash(void **state)
{
    static const char *const names[] = {
        "broken-inputs/era5-levels-corrupted.grib",
        "broken-inputs/gfs.20181010.t18z.pgrb2.1p00.f000.error-page.html",
        "roms-samples/gr_WCOFS_subset.nc",
        "fvcom-sample/gr_FVCOM.nc",
        "era5-us/gc_era5_1995-07-14T12.nc",
        "bathymetry/fd_etopo60.cdf",
        "ecmwf-storm-2013/mv_fc_storm.grib",
        "gfs-wafs-2007/wafsgfs_L.20070110.t06z.f060.grib2",
    };
    char path[4096];

    (void)state;
    for (size_t i = 0; i < FL_COUNT(names); i++) {
        json_t *doc = NULL;
        struct fl_err err = {0};
        int rc = fl_probe(fl_world_real(), test_sample(names[i], path, sizeof(path)), &doc, &err);

        if (rc < 0)
            assert_true(err.text[0] != 0);
        json_decref(doc);
    }
}

#define WITH_FOLDER(test) \
    cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(netcdf_is_described),
        WITH_FOLDER(other_kinds_are_told_apart),
        WITH_FOLDER(broken_files_are_refused),
        cmocka_unit_test(real_wrf_output_is_described),
        cmocka_unit_test(real_roms_output_is_described),
        cmocka_unit_test(real_grib_is_described),
        cmocka_unit_test(real_samples_never_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
