/* What the test origin serves: the made background, the made indexes, the layout of both demos. */

#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"
#include "tests/lib/test.h"
#include "tests/tools/grib_idx.h"
#include "tests/tools/origin_data.h"

#include "engine/base/banned.h"

/* An index that differs from the real ones would let a wrong reader of indexes pass. */
static void made_indexes_equal_the_real_ones(void **state)
{
    (void)state;
    static const char *const samples[] = {
        "gdaswave-wcoast/gdaswave.20211130.t00z.wcoast.0p16.f000.grib2",
        "gfswave-atlocn/gfswave.20230823.t18z.atlocn.0p16.f001.grib2",
    };
    for (size_t i = 0; i < FL_COUNT(samples); i++) {
        fl_auto(fl_buf_release) struct fl_buf text;
        char path[FL_PATH_MAX], name[256];
        struct fl_err err = {0};
        size_t size, idx_size;
        char *grib = test_file_read(test_sample(samples[i], path, sizeof(path)), &size);
        char *idx;

        snprintf(name, sizeof(name), "%s.idx", samples[i]);
        idx = test_file_read(test_sample(name, path, sizeof(path)), &idx_size);
        fl_buf_init(&text, 0);
        assert_ok(fl_grib_idx(grib, size, &text, &err), err);
        assert_string_equal(text.data, idx);
        free(grib);
        free(idx);
    }
}

/* Damage is named where it is; an index of a damaged file would hide it. */
static void damaged_files_get_no_index(void **state)
{
    (void)state;
    fl_auto(fl_buf_release) struct fl_buf grib;
    fl_auto(fl_buf_release) struct fl_buf text;
    struct fl_err err = {0};

    fl_buf_init(&grib, 0);
    fl_buf_init(&text, 0);
    assert_ok(fl_background_file(&fl_background_gulf, (struct fl_cycle){1539043200},
                                 (struct fl_lead){180}, &grib, &err),
              err);
    assert_fails_with(fl_grib_idx(grib.data, grib.size - 1, &text, &err), FL_E_DATA, err,
                      "message 7 at byte");
    assert_fails_with(fl_grib_idx("<html>an error page</html>", 26, &text, &err), FL_E_DATA, err,
                      "no GRIB message at byte 0");
}

/* With a storm in the background, the model would show a surge that the track did not make. */
static void background_is_calm_everywhere_and_always(void **state)
{
    (void)state;
    for (double hours = 0; hours <= 54; hours += 3)
        for (double lat = -90; lat <= 90; lat += 2.5)
            for (double lon = 0; lon < 360; lon += 2.5) {
                double u, v, msl;
                fl_background_at(lat, lon, hours, &u, &v, &msl);
                assert_true(hypot(u, v) < 6.0);
                assert_true(msl > 101000 && msl < 101600);
            }
}

/* The same bytes each time, with the wanted messages among others. */
static void best_track_origin_is_complete_and_the_same_each_time(void **state)
{
    (void)state;
    static const char file[] = "one/root/gfs.2018100900/gfs.t00z.pgrb2.0p50.f054";
    struct fl_err err = {0};
    char *idx, *table, *rules, first[FL_DIGEST_HEX], second[FL_DIGEST_HEX];

    test_file_write("table.csv", "a,b\n", 4);
    assert_ok(fl_origin_best_track("table.csv", 0.5, "one", &err), err);
    assert_ok(fl_origin_best_track("table.csv", 0.5, "two", &err), err);
    assert_ok(fl_file_digest(fl_world_real(), file, first, NULL, &err), err);
    assert_ok(fl_file_digest(fl_world_real(), "two/root/gfs.2018100900/gfs.t00z.pgrb2.0p50.f054",
                             second, NULL, &err),
              err);
    assert_string_equal(first, second);
    idx = test_file_read("one/root/gfs.2018100900/gfs.t00z.pgrb2.0p50.f054.idx", NULL);
    assert_non_null(strstr(idx, ":d=2018100900:PRMSL:mean sea level:54 hour fcst:\n"));
    assert_non_null(strstr(idx, ":d=2018100900:UGRD:850 mb:54 hour fcst:\n"));
    assert_non_null(strstr(idx, ":d=2018100900:UGRD:10 m above ground:54 hour fcst:\n"));
    assert_non_null(strstr(idx, ":d=2018100900:VGRD:10 m above ground:54 hour fcst:\n"));
    table = test_file_read("one/root/atcf/al142018-michael.csv", NULL);
    assert_string_equal(table, "a,b\n");
    rules = test_file_read("one/rules.cfg", NULL);
    assert_non_null(strstr(rules, "f054*\"; appears_s = 9.000;"));
    free(idx);
    free(table);
    free(rules);
}

/* The cycle that the real source never had is absent here too, with the very page it sent. */
static void gfs_origin_lacks_the_missing_cycle_as_the_source_did(void **state)
{
    (void)state;
    struct fl_err err = {0};
    char from[FL_PATH_MAX], page[FL_PATH_MAX];
    char *made, *real, *rules, *idx;

    test_sample("gfs-1p00-wind10m-michael2018", from, sizeof(from));
    test_sample("broken-inputs/gfs.20181010.t18z.pgrb2.1p00.f003.error-page.html", page,
                sizeof(page));
    assert_ok(fl_origin_gfs(from, "gfs", &err), err);
    assert_true(test_file_exists("gfs/root/gfs.2018101012/gfs.t12z.pgrb2.1p00.f003"));
    assert_false(test_file_exists("gfs/root/gfs.2018101018"));
    idx = test_file_read("gfs/root/gfs.2018101012/gfs.t12z.pgrb2.1p00.f000.idx", NULL);
    assert_non_null(strstr(idx, "1:0:d=2018101012:UGRD:10 m above ground:anl:\n"));
    rules = test_file_read("gfs/rules.cfg", NULL);
    assert_non_null(strstr(rules, "gfs.2018101018/gfs.t18z.pgrb2.1p00.f003*"));
    made = test_file_read("gfs/absent.2018101018.gfs.t18z.pgrb2.1p00.f003.html", NULL);
    real = test_file_read(page, NULL);
    assert_string_equal(made, real);
    free(made);
    free(real);
    free(rules);
    free(idx);
    assert_fails_with(fl_origin_gfs("gfs", "gfs2", &err), FL_E_NOENT, err, "no files gfs.");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)
    const struct CMUnitTest tests[] = {
        TEST(made_indexes_equal_the_real_ones),
        TEST(damaged_files_get_no_index),
        TEST(background_is_calm_everywhere_and_always),
        TEST(best_track_origin_is_complete_and_the_same_each_time),
        TEST(gfs_origin_lacks_the_missing_cycle_as_the_source_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
