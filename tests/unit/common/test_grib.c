/* GRIB files as centres really send them. */
#include "config.h"

#include "stages/common/grib.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"

#define GFS "gfs-1p00-wind10m-michael2018/gfs.20181009.t00z.pgrb2.1p00.wind10m.f003.grib2"

/* Number of fields of a sample file, and the last one's description. */
static size_t count_fields(const char *name, struct fl_grib_info *last)
{
    char path[4096];
    struct fl_grib_file *file = NULL;
    struct fl_err err = {0};
    bool more = true;
    size_t count = 0;

    assert_ok(fl_grib_open(test_sample(name, path, sizeof(path)), &file, &err), err);
    for (;;) {
        assert_ok(fl_grib_next(file, last, &more, &err), err);
        if (!more)
            break;
        count++;
    }
    fl_grib_close(file);
    return count;
}

/* Cycle, lead, parameter and level come from the header: a file's name may lie. */
static void a_real_file_tells_what_it_holds(void **state)
{
    struct fl_grib_info info = {0};
    char text[FL_TIME_TEXT_MAX];

    (void)state;
    assert_int_equal(count_fields(GFS, &info), 2);
    assert_string_equal(info.short_name, "10v");
    assert_int_equal(info.discipline, 0);
    assert_int_equal(info.category, 2);
    assert_int_equal(info.number, 3);
    assert_int_equal(info.level_type, 103);
    assert_true(info.level == 10.0);
    assert_string_equal(info.grid_type, "regular_ll");
    assert_true(info.has_time);
    fl_cycle_format(info.reference, text);
    assert_string_equal(text, "20181009T0000Z");
    fl_cycle_format(info.valid, text);
    assert_string_equal(text, "20181009T0300Z");
    assert_int_equal(info.step_s, 3 * 3600);
    assert_int_equal(info.member, -1);
}

/* Values of a north-to-south file come out south to north, in the range that wind has. */
static void values_are_sorted_and_plausible(void **state)
{
    char path[4096];
    struct fl_grib_file *file = NULL;
    struct fl_grib_info info;
    struct fl_grib_grid grid;
    struct fl_err err = {0};
    bool more = false;
    double *raw;
    double *sorted;
    double lat[181];
    double lon[360];

    (void)state;
    assert_ok(fl_grib_open(test_sample(GFS, path, sizeof(path)), &file, &err), err);
    assert_ok(fl_grib_next(file, &info, &more, &err), err);
    assert_ok(fl_grib_grid(file, &grid, &err), err);
    assert_int_equal(grid.ni, 360);
    assert_int_equal(grid.nj, 181);
    assert_false(grid.j_positive);
    raw = calloc(grid.ni * grid.nj, sizeof(*raw));
    sorted = calloc(grid.ni * grid.nj, sizeof(*sorted));
    assert_true(raw && sorted);
    assert_ok(fl_grib_values(file, raw, grid.ni * grid.nj, &err), err);
    assert_ok(fl_grib_values_sorted(file, &grid, lat, lon, sorted, &err), err);
    assert_true(lat[0] == -90.0 && lat[180] == 90.0 && lon[0] == 0.0 && lon[359] == 359.0);
    for (size_t k = 0; k < grid.ni * grid.nj; k++)
        assert_true(fabs(raw[k]) < 60.0);
    assert_true(raw[5 * 360 + 7] == sorted[175 * 360 + 7]);
    assert_fails_with(fl_grib_values(file, raw, 7, &err), FL_E_MISMATCH, err, "7 were expected");
    free(raw);
    free(sorted);
    fl_grib_close(file);
}

/* Some centres put many fields into one message; each is a field of its own. */
static void fields_inside_one_message_are_told_apart(void **state)
{
    struct fl_grib_info info = {0};

    (void)state;
    assert_true(count_fields("jma-meps-mfwam-cmc/jma-meps-20190605T00-pall-first20.grib2", &info) >
                2);
    assert_true(info.fields > 1);
    assert_int_equal(info.field, info.fields - 1);
    assert_true(info.has_time);
}

/* NUL padding between messages is no damage. */
static void padding_between_messages_is_passed_over(void **state)
{
    struct fl_grib_info info = {0};

    (void)state;
    assert_true(count_fields("ecmwf-storm-2013/mv_ens_storm.grib", &info) > 1);
    assert_int_equal(info.edition, 1);
    assert_true(info.has_time);
}

/* A mirror's error page came with status 200: it must show itself in the message. */
static void an_error_page_is_refused_by_its_first_words(void **state)
{
    char path[4096];
    struct fl_grib_file *file = NULL;
    struct fl_grib_info info;
    struct fl_err err = {0};
    bool more = false;
    char *text;
    size_t size = 0;

    (void)state;
    (void)test_sample("broken-inputs/gfs.20181010.t18z.pgrb2.1p00.f000.error-page.html", path,
                      sizeof(path));
    assert_ok(fl_grib_open(path, &file, &err), err);
    assert_fails_with(fl_grib_next(file, &info, &more, &err), FL_E_DATA, err, "<");
    fl_grib_close(file);
    text = test_file_read(path, &size);
    assert_fails_with(fl_grib_check_message(text, size, &info, &err), FL_E_DATA, err, "offset 0");
    free(text);
}

/* Every way in which a transfer can damage a message is seen before anyone decodes it. */
static void damage_is_found_with_its_offset(void **state)
{
    char path[4096];
    struct fl_grib_info info;
    struct fl_err err = {0};
    size_t size = 0;
    size_t first = 0;
    size_t fields = 0;
    char *bytes = test_file_read(test_sample(GFS, path, sizeof(path)), &size);
    struct fl_grib_file *file = NULL;
    bool more = false;

    (void)state;
    assert_ok(fl_grib_scan(bytes, size, 0, &first, &fields, &err), err);
    assert_int_equal(fields, 1);
    assert_ok(fl_grib_check_message(bytes, first, &info, &err), err);
    assert_string_equal(info.short_name, "10u");
    assert_fails_with(fl_grib_check_message(bytes, size, &info, &err), FL_E_DATA, err, "then");
    assert_fails_with(fl_grib_check_message(bytes, first - 1, &info, &err), FL_E_DATA, err,
                      "are there");
    bytes[first - 2] = 'x';
    assert_fails_with(fl_grib_check_message(bytes, first, &info, &err), FL_E_DATA, err, "7777");
    bytes[first - 2] = '7';
    bytes[16] = 0x7f; /* length of section 1 */
    assert_fails_with(fl_grib_check_message(bytes, first, &info, &err), FL_E_DATA, err,
                      "broken section at offset 16");
    bytes[16] = 0;
    bytes[7] = 9;
    assert_fails_with(fl_grib_check_message(bytes, first, &info, &err), FL_E_DATA, err,
                      "edition 9");
    bytes[7] = 2;
    bytes[first] = 'X'; /* the second message's magic: never silently passed over */
    test_file_write("damaged.grib2", bytes, size);
    assert_ok(fl_grib_open("damaged.grib2", &file, &err), err);
    assert_ok(fl_grib_next(file, &info, &more, &err), err);
    {
        char offset[64];

        (void)snprintf(offset, sizeof(offset), "offset %zu", first);
        assert_fails_with(fl_grib_next(file, &info, &more, &err), FL_E_DATA, err, offset);
    }
    fl_grib_close(file);
    test_file_write("empty.grib2", "", 0);
    assert_fails_with(fl_grib_open("empty.grib2", &file, &err), FL_E_DATA, err, "empty");
    free(bytes);
}

/* Grids that we cannot interpolate are refused by name, not read as if they were regular. */
static void other_grids_are_refused_by_name(void **state)
{
    static const char *const names[][2] = {
        {"hrrr-nam-samples/nam.20070124.t00z.awp211.f012.grib2", "lambert"},
        {"gfs-wafs-2007/wafsgfs_L.20070110.t06z.f060.grib2", "reduced_ll"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(names); i++) {
        char path[4096];
        struct fl_grib_file *file = NULL;
        struct fl_grib_info info;
        struct fl_grib_grid grid;
        struct fl_err err = {0};
        bool more = false;

        assert_ok(fl_grib_open(test_sample(names[i][0], path, sizeof(path)), &file, &err), err);
        assert_ok(fl_grib_next(file, &info, &more, &err), err);
        assert_fails_with(fl_grib_grid(file, &grid, &err), FL_E_UNSUPPORTED, err, names[i][1]);
        fl_grib_close(file);
    }
}

/* Land of a wave file is missing, not zero. */
static void missing_values_are_nan(void **state)
{
    char path[4096];
    struct fl_grib_file *file = NULL;
    struct fl_grib_info info;
    struct fl_grib_grid grid;
    struct fl_err err = {0};
    bool more = true;
    size_t missing = 0;
    double *values;

    (void)state;
    assert_ok(
        fl_grib_open(test_sample("gfswave-atlocn/gfswave.20230823.t18z.atlocn.0p16.f001.grib2",
                                 path, sizeof(path)),
                     &file, &err),
        err);
    while (more) {
        assert_ok(fl_grib_next(file, &info, &more, &err), err);
        if (more && strcmp(info.short_name, "swh") == 0)
            break;
    }
    assert_true(more);
    assert_ok(fl_grib_grid(file, &grid, &err), err);
    values = calloc(grid.ni * grid.nj, sizeof(*values));
    assert_non_null(values);
    assert_ok(fl_grib_values(file, values, grid.ni * grid.nj, &err), err);
    for (size_t k = 0; k < grid.ni * grid.nj; k++) {
        missing += isnan(values[k]) ? 1 : 0;
        assert_true(isnan(values[k]) || (values[k] >= 0 && values[k] < 30));
    }
    assert_true(missing > 1000 && missing < grid.ni * grid.nj);
    free(values);
    fl_grib_close(file);
}

/* A message whose template is new still counts as a whole message; its unknowns are marked. */
static void unknown_templates_do_not_hide_the_rest_of_a_file(void **state)
{
    struct fl_grib_info info = {0};

    (void)state;
    assert_true(count_fields("ecmwf-opendata-samples/gb_aifs-single-wave.grib2", &info) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)
        T(a_real_file_tells_what_it_holds),
        T(values_are_sorted_and_plausible),
        T(fields_inside_one_message_are_told_apart),
        T(padding_between_messages_is_passed_over),
        T(an_error_page_is_refused_by_its_first_words),
        T(damage_is_found_with_its_offset),
        T(other_grids_are_refused_by_name),
        T(missing_values_are_nan),
        T(unknown_templates_do_not_hide_the_rest_of_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
