/* Inventories, selections, ranges. */
#include "config.h"

#include "data-fetch/source/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/series.h"
#include "tests/lib/test.h"

static struct fl_index *parse_ok(const char *text)
{
    struct fl_index *index = NULL;
    struct fl_err err = {0};

    assert_ok(fl_index_parse(text, strlen(text), &index, &err), err);
    return index;
}

static struct fl_plan *plan_ok(const struct fl_index *index, const char *expression, uint64_t gap)
{
    fl_auto(fl_select_destroy) struct fl_select *select = NULL;
    struct fl_plan *plan = NULL;
    struct fl_err err = {0};

    if (expression)
        assert_ok(fl_select_create(&expression, 1, &select, &err), err);
    assert_ok(fl_plan_make(index, select, gap, &plan, &err), err);
    return plan;
}

/* An index of a real centre that we cannot read stops a forecast for no reason. */
static void every_real_index_is_read_whole(void **state)
{
    static const struct {
        const char *name;
        size_t lines;
    } files[] = {
        {"idx-index-samples/20221014.gfs.t06z.pgrb2.0p25.f021.idx", 743},
        {"idx-index-samples/20231104.gfs.t00z.pgrb2.0p25.f000.idx", 696},
        {"idx-index-samples/20231104.gfs.t00z.pgrb2.0p25.f021.idx", 743},
        {"idx-index-samples/20231104.hrrr.t01z.wrfsfcf05.grib2.idx", 173},
        {"idx-index-samples/20231104.hrrr.t01z.wrfsubhf09.grib2.idx", 196},
        {"idx-index-samples/gfs.20241214.12.atmos.gfs.t12z.pgrb2b.1p00.f003.idx", 349},
        {"idx-index-samples/gfs.20250219.00.wave.gridded.gfswave.t00z.global.0p16.f000.grib2.idx",
         19},
        {"gfswave-atlocn/gfswave.20230823.t18z.atlocn.0p16.f001.grib2.idx", 19},
        {"gdaswave-wcoast/gdaswave.20211130.t00z.wcoast.0p16.f000.grib2.idx", 19},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(files); i++) {
        fl_auto(fl_index_destroy) struct fl_index *index = NULL;
        struct fl_err err = {0};
        char path[4096];
        size_t size = 0;
        char *text = test_file_read(test_sample(files[i].name, path, sizeof(path)), &size);
        int rc = fl_index_parse(text, size, &index, &err);
        size_t lines = 0;

        for (size_t k = 0; k < size; k++)
            lines += text[k] == '\n' || (k + 1 == size && text[k] != '\n');
        free(text);
        assert_ok(rc, err);
        assert_int_equal(fl_index_count(index), lines);
        assert_int_equal(lines, files[i].lines);
        for (size_t k = 0; k < lines; k++) {
            const struct fl_index_line *line = fl_index_at(index, k);
            struct fl_lead lead = {0};

            assert_true(line->end == 0 || line->end > line->offset);
            assert_true(fl_index_forecast(line->forecast, &lead));
        }
    }
}

/* A range that is one byte off makes every message of a file unreadable. */
static void ranges_of_a_real_index_are_the_messages(void **state)
{
    fl_auto(fl_index_destroy) struct fl_index *index = NULL;
    fl_auto(fl_plan_destroy) struct fl_plan *plan = NULL;
    char path[4096];
    char range[64];
    char *text = test_file_read(
        test_sample("idx-index-samples/20231104.gfs.t00z.pgrb2.0p25.f021.idx", path, sizeof(path)),
        NULL);

    (void)state;
    index = parse_ok(text);
    free(text);
    plan = plan_ok(index, ":(UGRD|VGRD):10 m above ground:|:PRMSL:mean sea level:", 0);
    assert_int_equal(plan->message_count, 3);
    assert_int_equal(plan->range_count, 2);
    fl_plan_range_text(&plan->ranges[0], range, sizeof(range));
    assert_string_equal(range, "0-1000995");
    fl_plan_range_text(&plan->ranges[1], range, sizeof(range));
    assert_string_equal(range, "428651621-430565443");
    assert_int_equal(plan->ranges[1].message_count, 2);
}

/* U and V packed into one message share an offset: a length from their difference would be 0. */
static void fields_of_one_message_share_a_range(void **state)
{
    fl_auto(fl_index_destroy) struct fl_index *index =
        parse_ok("1:0:d=2023110400:HGT:500 mb:anl:\n"
                 "2.1:100:d=2023110400:UGRD:500 mb:anl:\n"
                 "2.2:100:d=2023110400:VGRD:500 mb:anl:\n"
                 "3:300:d=2023110400:TMP:500 mb:anl:\n");
    fl_auto(fl_plan_destroy) struct fl_plan *plan = plan_ok(index, ":[UV]GRD:", 0);

    (void)state;
    assert_int_equal(fl_index_at(index, 1)->field, 1);
    assert_int_equal(fl_index_at(index, 1)->end, 300);
    assert_int_equal(fl_index_at(index, 2)->end, 300);
    assert_int_equal(plan->message_count, 1);
    assert_int_equal(plan->messages[0].count, 2);
    assert_int_equal(plan->ranges[0].end, 300);
}

/* The last message has no end in the index; files beyond 2 GiB are ordinary. */
static void the_last_message_is_open_and_offsets_are_wide(void **state)
{
    fl_auto(fl_index_destroy) struct fl_index *index =
        parse_ok("1:0:d=2023110400:TMP:surface:anl:\n"
                 "2:5000000000:d=2023110400:UGRD:surface:anl:ENS=+1:prob >0.1\r\n");
    fl_auto(fl_plan_destroy) struct fl_plan *plan = plan_ok(index, ":UGRD:", 0);
    char range[64];
    bool open = false;

    (void)state;
    assert_string_equal(fl_index_at(index, 1)->rest, "ENS=+1:prob >0.1");
    fl_plan_range_text(&plan->ranges[0], range, sizeof(range));
    assert_string_equal(range, "5000000000-");
    assert_int_equal(fl_plan_bytes(plan, &open), 0);
    assert_true(open);
}

/* Every range is a request, and a centre counts requests; every hole is bytes for nothing. */
static void ranges_merge_over_small_holes_only(void **state)
{
    fl_auto(fl_index_destroy) struct fl_index *index =
        parse_ok("1:0:d=2023110400:A:surface:anl:\n"
                 "2:100:d=2023110400:B:surface:anl:\n"
                 "3:150:d=2023110400:A:surface:6 hour fcst:\n"
                 "4:250:d=2023110400:B:surface:6 hour fcst:\n"
                 "5:900:d=2023110400:A:surface:9 hour fcst:\n");
    fl_auto(fl_plan_destroy) struct fl_plan *none = plan_ok(index, ":A:", 0);
    fl_auto(fl_plan_destroy) struct fl_plan *small = plan_ok(index, ":A:", 50);
    fl_auto(fl_plan_destroy) struct fl_plan *all = plan_ok(index, NULL, 0);

    (void)state;
    assert_int_equal(none->range_count, 3);
    assert_int_equal(small->range_count, 2);
    assert_int_equal(small->ranges[0].message_count, 2);
    assert_int_equal(all->range_count, 1);
    assert_int_equal(all->message_count, 5);
}

/* One message of 200 MB is one range, but a run of them is cut, or memory would hold the file. */
static void long_runs_are_cut_between_messages(void **state)
{
    fl_auto(fl_index_destroy) struct fl_index *index =
        parse_ok("1:0:d=2023110400:A:surface:anl:\n"
                 "2:6000000:d=2023110400:B:surface:anl:\n"
                 "3:12000000:d=2023110400:C:surface:anl:\n"
                 "4:13000000:d=2023110400:D:surface:anl:\n");
    fl_auto(fl_plan_destroy) struct fl_plan *plan = plan_ok(index, ":[ABC]:", 0);

    (void)state;
    assert_int_equal(plan->range_count, 2);
    assert_int_equal(plan->ranges[0].message_count, 1);
    assert_int_equal(plan->ranges[1].first, 6000000);
    assert_int_equal(plan->ranges[1].end, 13000000);
}

/* A field that silently is not there becomes a forecast without wind. */
static void a_selection_without_a_line_is_refused(void **state)
{
    fl_auto(fl_index_destroy) struct fl_index *index =
        parse_ok("1:0:d=2023110400:TMP:surface:anl:\n");
    static const char *const expressions[] = {":TMP:", ":PRMSL:mean sea level:"};
    fl_auto(fl_select_destroy) struct fl_select *select = NULL;
    struct fl_plan *plan = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_select_create(expressions, 2, &select, &err), err);
    assert_fails_with(fl_plan_make(index, select, 0, &plan, &err), FL_E_MISMATCH, err,
                      ":PRMSL:mean sea level:");
    assert_null(plan);
}

/* Half an index (the centre is still writing it) must not be taken for a whole one. */
static void broken_lines_are_named(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } broken[] = {
        {"", "no lines"},
        {"<!DOCTYPE html>\n", "fewer than six fields"},
        {"1:0:d=2023110400:TMP:surface\n", "fewer than six fields"},
        {"x:0:d=2023110400:TMP:surface:anl:\n", "number"},
        {"0:0:d=2023110400:TMP:surface:anl:\n", "number"},
        {"1.0:0:d=2023110400:TMP:surface:anl:\n", "number"},
        {"1:-5:d=2023110400:TMP:surface:anl:\n", "offset"},
        {"1:99999999999999999999:d=2023110400:TMP:surface:anl:\n", "offset"},
        {"1:0:d=2023130400:TMP:surface:anl:\n", "date"},
        {"1:0:2023110400:TMP:surface:anl:\n", "date"},
        {"1:0:d=2023110400::surface:anl:\n", "empty"},
        {"1:0:d=2023110400:TMP:surface:anl:\n2:0:d=2023110400:RH:surface:anl:\n", "same byte"},
        {"1.1:0:d=2023110400:TMP:surface:anl:\n1.1:0:d=2023110400:RH:surface:anl:\n", "same byte"},
        {"1:0:d=2023110400:TMP:surface:anl:\n2:10:d=20231104", "line 2"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(broken); i++) {
        struct fl_index *index = NULL;
        struct fl_err err = {0};

        assert_fails_with(fl_index_parse(broken[i].text, strlen(broken[i].text), &index, &err),
                          FL_E_PARSE, err, broken[i].says);
    }
}

/* A bad pattern must be told when the stage starts, with what regcomp says. */
static void a_bad_expression_is_a_config_error(void **state)
{
    static const char *const expression = ":(UGRD:";
    struct fl_select *select = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_fails_with(fl_select_create(&expression, 1, &select, &err), FL_E_CONFIG, err, ":(UGRD:");
}

/* An interval is valid at its end; a wrong reading shifts rain by hours. */
static void forecast_texts_tell_their_valid_time(void **state)
{
    static const struct {
        const char *text;
        int32_t minutes;
    } known[] = {{"anl", 0},
                 {"21 hour fcst", 1260},
                 {"495 min fcst", 495},
                 {"18-21 hour acc fcst", 1260},
                 {"0-6 hour ave fcst", 360},
                 {"3 day fcst", 4320},
                 {"0-1 day acc fcst", 1440}};
    struct fl_lead lead = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(known); i++) {
        assert_true(fl_index_forecast(known[i].text, &lead));
        assert_int_equal(lead.minutes, known[i].minutes);
    }
    assert_false(fl_index_forecast("analysis/forecast error", &lead));
}

/* A hindcast takes each valid time from the newest cycle that has it. */
static void a_series_takes_the_newest_cycle(void **state)
{
    struct fl_series series = {0};
    struct fl_cycle cycle = {0};
    struct fl_cycle valid = {0};
    struct fl_lead lead = {0};
    struct fl_err err = {0};
    char text[FL_TIME_TEXT_MAX];

    (void)state;
    assert_ok(fl_series_parse("every=PT6H,leads=+000/+003/3", &series, &err), err);
    assert_ok(fl_cycle_parse("20181010T2100Z", &valid, &err), err);
    assert_ok(fl_series_map(&series, valid, &cycle, &lead, &err), err);
    fl_cycle_format(cycle, text);
    assert_string_equal(text, "20181010T1800Z");
    assert_int_equal(lead.minutes, 180);
    assert_ok(fl_cycle_parse("20181010T2200Z", &valid, &err), err);
    assert_fails_with(fl_series_map(&series, valid, &cycle, &lead, &err), FL_E_NOENT, err,
                      "20181010T2200Z");
    assert_fails_with(fl_series_parse("every=PT5H,leads=+000", &series, &err), FL_E_USAGE, err,
                      "divide a day");
    assert_fails_with(fl_series_parse("leads=+000", &series, &err), FL_E_USAGE, err, "every=");
}

/* What holds for every index that was accepted, however it came about. */
static void check_accepted(const struct fl_index *index)
{
    fl_auto(fl_plan_destroy) struct fl_plan *plan = plan_ok(index, NULL, 1000);
    uint64_t before = 0;

    for (size_t i = 0; i < plan->range_count; i++) {
        const struct fl_plan_range *range = &plan->ranges[i];

        assert_true(range->message_count > 0);
        assert_true(i == 0 || range->first >= before);
        assert_true(range->end ? range->end > range->first : i + 1 == plan->range_count);
        before = range->end;
    }
}

/* A cut or garbled index (the network, a disk, a centre's mistake) is refused or read, never
 * crashed on: each cut, and a few thousand changed bytes, of a real one. */
static void damaged_indexes_do_no_harm(void **state)
{
    static const char noise[] = ":.\n\r\0d=-9x";
    char path[4096];
    size_t size = 0;
    char *text = test_file_read(
        test_sample("gfswave-atlocn/gfswave.20230823.t18z.atlocn.0p16.f001.grib2.idx", path,
                    sizeof(path)),
        &size);

    (void)state;
    for (size_t i = 0; i < size * 5; i++) {
        fl_auto(fl_index_destroy) struct fl_index *index = NULL;
        struct fl_err err = {0};
        size_t at = i / 5;
        char kept = text[at];
        int rc;

        if (i % 5 > 0)
            text[at] = noise[(at + i) % sizeof(noise)];
        rc = fl_index_parse(text, i % 5 == 0 ? at : size, &index, &err);
        text[at] = kept;
        if (rc == 0)
            check_accepted(index);
        else
            assert_int_equal(rc, FL_E_PARSE);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_real_index_is_read_whole),
        cmocka_unit_test(ranges_of_a_real_index_are_the_messages),
        cmocka_unit_test(fields_of_one_message_share_a_range),
        cmocka_unit_test(the_last_message_is_open_and_offsets_are_wide),
        cmocka_unit_test(ranges_merge_over_small_holes_only),
        cmocka_unit_test(long_runs_are_cut_between_messages),
        cmocka_unit_test(a_selection_without_a_line_is_refused),
        cmocka_unit_test(broken_lines_are_named),
        cmocka_unit_test(a_bad_expression_is_a_config_error),
        cmocka_unit_test(forecast_texts_tell_their_valid_time),
        cmocka_unit_test(a_series_takes_the_newest_cycle),
        cmocka_unit_test(damaged_indexes_do_no_harm),
    };

    return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
