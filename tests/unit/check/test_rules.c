/* The gate: each rule lets a right file through and stops a wrong one. */
#include "config.h"

#include <cairo/cairo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/check/check.h"
#include "stages/common/nc.h"
#include "tests/lib/test.h"

#define NLAT 4
#define NLON 5

/* A small product and what is wrong with it. */
struct product {
    const char *conventions; /* NULL: left out */
    const char *title;
    const char *cycle; /* attribute fairlead_cycle */
    const char *degraded;
    const char *units;
    const char *standard_name;
    const char *dims; /* of zeta */
    double time_s;
    float value;  /* at one point; all others are 1 */
    size_t holes; /* sea points that are missing */
};

static const struct product right = {.conventions = "CF-1.8",
                                     .title = "t",
                                     .cycle = "20181009T0000Z",
                                     .units = "m",
                                     .standard_name = "sea_surface_height_above_geoid",
                                     .dims = "time lat lon",
                                     .time_s = 6 * 3600,
                                     .value = 2};

static void product_define(struct fl_nc *nc, const struct product *product)
{
    struct fl_nc_def zeta = {.name = "zeta",
                             .type = FL_NC_FLOAT,
                             .dims = product->dims,
                             .units = product->units,
                             .standard_name = product->standard_name,
                             .has_fill = true};
    struct fl_nc_def depth = {
        .name = "depth", .type = FL_NC_FLOAT, .dims = "lat lon", .units = "m", .has_fill = true};
    const char *const attributes[][2] = {{"Conventions", product->conventions},
                                         {"title", product->title},
                                         {"fairlead_cycle", product->cycle},
                                         {"fairlead_degraded", product->degraded}};
    struct fl_err err = {0};

    assert_ok(fl_nc_def_time(nc, (struct fl_cycle){1539043200}, 1, &err), err);
    assert_ok(fl_nc_def_lat_lon(nc, NLAT, NLON, &err), err);
    assert_ok(fl_nc_def_var(nc, &zeta, &err), err);
    assert_ok(fl_nc_def_var(nc, &depth, &err), err);
    for (size_t i = 0; i < FL_COUNT(attributes); i++)
        if (attributes[i][1])
            assert_ok(fl_nc_put_att(nc, FL_NC_GLOBAL, attributes[i][0], attributes[i][1], &err),
                      err);
    assert_ok(fl_nc_put_att_double(nc, FL_NC_GLOBAL, "peak", 1.5, &err), err);
    assert_ok(fl_nc_end_define(nc, &err), err);
}

static void product_write(const char *path, const struct product *product)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    struct fl_err err = {0};
    float zeta[NLAT * NLON];
    float depth[NLAT * NLON];

    assert_ok(fl_nc_create(path, &nc, &err), err);
    product_define(nc, product);
    for (size_t i = 0; i < NLAT * NLON; i++) {
        zeta[i] = i < product->holes ? (float)FL_NC_FILL : 1;
        depth[i] = 10;
    }
    zeta[NLAT * NLON - 2] = product->value;
    zeta[NLAT * NLON - 1] = depth[NLAT * NLON - 1] = (float)FL_NC_FILL; /* land */
    assert_ok(fl_nc_put_double(nc, "time", NULL, NULL, &product->time_s, &err), err);
    assert_ok(fl_nc_put_float(nc, "zeta", NULL, NULL, zeta, &err), err);
    assert_ok(fl_nc_put_float(nc, "depth", NULL, NULL, depth, &err), err);
    assert_ok(fl_nc_settle(nc, &err), err);
}

static const char rules_text[] =
    "rules = (\n"
    "  { files = \"p*.nc\"; type = \"netcdf\"; conventions = \"CF-1.8\"; time = \"lead\";\n"
    "    attributes = [\"title\", \"peak\"];\n"
    "    variables = ( { name = \"zeta\"; dims = \"time lat lon\"; units = \"m\";\n"
    "      standard_name = \"sea_surface_height_above_geoid\";\n"
    "      sea = \"depth\"; missing_max = 0.1; min = -5.0; max = 9.0; } ); },\n"
    "  { files = \"s*.nc\"; type = \"netcdf\"; time = \"PT10M\"; },\n"
    "  { files = \"*.png\"; type = \"png\"; width_min = 50; height_min = 50; side_max = 200;\n"
    "    colours_min = 4; },\n"
    "  { files = \"peaks.csv\"; type = \"csv\"; text_columns = [\"name\"]; missing_max = 0.5; },\n"
    "  { files = \"*.csv\"; type = \"csv\"; columns = [\"a\"]; time_column = \"time_utc\";\n"
    "    time = \"PT10M\"; rows_min = 2; min = -5.0; max = 9.0; }\n"
    ");\n";

/* The gate's verdict on one file, and that the evidence names the check when it is not a pass. */
static enum fl_verdict judge(const char *path, const struct fl_asked *asked, const char *check)
{
    static struct fl_rules rules;
    fl_auto(fl_findings_destroy) struct fl_findings *findings = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    struct fl_err err = {0};
    enum fl_verdict verdict;
    char wanted[64];

    fl_buf_init(&text, 0);
    test_file_write("rules.cfg", rules_text, sizeof(rules_text) - 1);
    assert_ok(fl_rules_load("rules.cfg", &rules, &err), err);
    assert_ok(fl_findings_create(&findings, &err), err);
    assert_ok(fl_check_file(fl_world_real(), &rules, path, asked, findings, &err), err);
    fl_rules_release(&rules);
    verdict = fl_findings_verdict(findings);
    fl_findings_text(findings, &text);
    (void)snprintf(wanted, sizeof(wanted), "%-8s %s: %s: ", fl_verdict_name(verdict), path, check);
    if (*check && !strstr(text.data, wanted))
        fail_msg("no '%s' in:\n%s", wanted, text.data);
    if (!*check && verdict != FL_VERDICT_PASS)
        fail_msg("not a pass:\n%s", text.data);
    return verdict;
}

static const struct fl_asked asked_six = {
    .has_cycle = true, .cycle = {1539043200}, .has_lead = true, .lead = {360}, .marks = ""};

/* A right product passes: a gate that stops everything is switched off. */
static void right_product_passes(void **state)
{
    static const struct fl_asked nothing = {.marks = ""};

    (void)state;
    product_write("p.nc", &right);
    assert_int_equal(judge("p.nc", &asked_six, ""), FL_VERDICT_PASS);
    assert_int_equal(judge("p.nc", &nothing, ""), FL_VERDICT_PASS);
}

/* Each single fault is stopped, and the evidence names the check that saw it. */
static void each_fault_of_a_product_is_stopped(void **state)
{
    static const struct {
        struct product product;
        const char *check;
    } cases[] = {
        {{NULL, "t", "20181009T0000Z", NULL, "m", "sea_surface_height_above_geoid", "time lat lon",
          21600, 2, 0},
         "conventions"},
        {{"COARDS", "t", "20181009T0000Z", NULL, "m", "sea_surface_height_above_geoid",
          "time lat lon", 21600, 2, 0},
         "conventions"},
        {{"CF-1.8", NULL, "20181009T0000Z", NULL, "m", "sea_surface_height_above_geoid",
          "time lat lon", 21600, 2, 0},
         "attributes"},
        {{"CF-1.8", "t", "20181008T0000Z", NULL, "m", "sea_surface_height_above_geoid",
          "time lat lon", 21600, 2, 0},
         "cycle"},
        {{"CF-1.8", "t", "20181009T0000Z", NULL, "cm", "sea_surface_height_above_geoid",
          "time lat lon", 21600, 2, 0},
         "variable"},
        {{"CF-1.8", "t", "20181009T0000Z", NULL, "m", "sea_surface_height_above_geoid", "lat lon",
          21600, 2, 0},
         "variable"},
        {{"CF-1.8", "t", "20181009T0000Z", NULL, "m", "sea_floor_depth_below_geoid", "time lat lon",
          21600, 2, 0},
         "standard_name"},
        {{"CF-1.8", "t", "20181009T0000Z", NULL, "m", "sea_surface_height_above_geoid",
          "time lat lon", 18000, 2, 0},
         "time"},
        {{"CF-1.8", "t", "20181009T0000Z", NULL, "m", "sea_surface_height_above_geoid",
          "time lat lon", 21600, 99, 0},
         "range"},
        {{"CF-1.8", "t", "20181009T0000Z", NULL, "m", "sea_surface_height_above_geoid",
          "time lat lon", 21600, -99, 0},
         "range"},
        {{"CF-1.8", "t", "20181009T0000Z", NULL, "m", "sea_surface_height_above_geoid",
          "time lat lon", 21600, NAN, 0},
         "finite"},
        {{"CF-1.8", "t", "20181009T0000Z", NULL, "m", "sea_surface_height_above_geoid",
          "time lat lon", 21600, 2, 4},
         "missing"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        product_write("p.nc", &cases[i].product);
        assert_int_equal(judge("p.nc", &asked_six, cases[i].check), FL_VERDICT_FAIL);
    }
}

/* One missing point in nineteen is within the tenth that is accepted; land does not count. */
static void few_missing_points_pass(void **state)
{
    struct product product = right;

    (void)state;
    product.holes = 1;
    product_write("p.nc", &product);
    assert_int_equal(judge("p.nc", &asked_six, ""), FL_VERDICT_PASS);
}

/* A degraded input must show in the file: a lost mark stops it, a kept one makes it degraded. */
static void degraded_mark_is_not_lost(void **state)
{
    struct product product = right;
    struct fl_asked asked = asked_six;

    (void)state;
    product_write("p.nc", &product);
    asked.marks = "late wind [age PT9H]";
    assert_int_equal(judge("p.nc", &asked, "degraded"), FL_VERDICT_FAIL);
    product.degraded = "late wind [age PT9H]";
    product_write("p.nc", &product);
    assert_int_equal(judge("p.nc", &asked, "degraded"), FL_VERDICT_DEGRADED);
    assert_int_equal(judge("p.nc", &asked_six, "degraded"), FL_VERDICT_DEGRADED);
}

/* Inside a run the provenance of the run must be there. */
static void run_names_are_asked_for_in_a_run(void **state)
{
    struct fl_asked asked = asked_six;

    (void)state;
    product_write("p.nc", &right);
    asked.in_run = true;
    assert_int_equal(judge("p.nc", &asked, "attributes"), FL_VERDICT_FAIL);
}

static void axis_write(const char *path, const double *times, size_t count)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    struct fl_err err = {0};

    assert_ok(fl_nc_create(path, &nc, &err), err);
    assert_ok(fl_nc_def_time(nc, (struct fl_cycle){1539043200}, count, &err), err);
    assert_ok(fl_nc_end_define(nc, &err), err);
    assert_ok(fl_nc_put_double(nc, "time", NULL, NULL, times, &err), err);
    assert_ok(fl_nc_settle(nc, &err), err);
}

/* A series with a hole looks like calm water. */
static void time_axis_has_no_gap(void **state)
{
    static const double even[] = {0, 600, 1200, 1800};
    static const double gap[] = {0, 600, 1800, 2400};
    static const double late[] = {7200, 7800, 8400, 9000};

    (void)state;
    axis_write("s.nc", even, 4);
    assert_int_equal(judge("s.nc", &asked_six, ""), FL_VERDICT_PASS);
    axis_write("s.nc", gap, 4);
    assert_int_equal(judge("s.nc", &asked_six, "time"), FL_VERDICT_FAIL);
    axis_write("s.nc", late, 4);
    assert_int_equal(judge("s.nc", &asked_six, "time"), FL_VERDICT_FAIL);
    axis_write("s.nc", even, 1);
    assert_int_equal(judge("s.nc", &asked_six, "time"), FL_VERDICT_FAIL);
}

static void picture_write(const char *path, int size, int colours)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, size, size);
    cairo_t *cairo = cairo_create(surface);

    for (int i = 0; i < colours; i++) {
        cairo_set_source_rgb(cairo, i / 10.0, 0, 0);
        cairo_rectangle(cairo, i * 5, 0, 5, size);
        cairo_fill(cairo);
    }
    cairo_destroy(cairo);
    assert_int_equal(cairo_surface_write_to_png(surface, path), CAIRO_STATUS_SUCCESS);
    cairo_surface_destroy(surface);
}

/* A blank, small, huge or half picture is not sent out. */
static void pictures_are_whole_and_not_blank(void **state)
{
    size_t size;
    char *data;

    (void)state;
    picture_write("a.png", 100, 8);
    assert_int_equal(judge("a.png", &asked_six, ""), FL_VERDICT_PASS);
    data = test_file_read("a.png", &size);
    test_file_write("half.png", data, size / 2);
    free(data);
    assert_int_equal(judge("half.png", &asked_six, "open"), FL_VERDICT_FAIL);
    picture_write("a.png", 100, 1);
    assert_int_equal(judge("a.png", &asked_six, "colours"), FL_VERDICT_FAIL);
    picture_write("a.png", 40, 8);
    assert_int_equal(judge("a.png", &asked_six, "picture"), FL_VERDICT_FAIL);
    picture_write("a.png", 300, 8);
    assert_int_equal(judge("a.png", &asked_six, "picture"), FL_VERDICT_FAIL);
}

/* Tables that a program would misread are stopped. */
static void tables_are_in_order(void **state)
{
    static const struct {
        const char *text;
        const char *check; /* "" for a pass */
    } cases[] = {
        {"# c\ntime_utc,a\n2018-10-09T00:00:00Z,1\n2018-10-09T00:10:00Z,-1.5\n", ""},
        {"time_utc,b\n2018-10-09T00:00:00Z,1\n2018-10-09T00:10:00Z,2\n", "heading"},
        {"a,b\n1,2\n3,4\n", "heading"},
        {"# only a comment\n", "heading"},
        {"time_utc,a\n2018-10-09T00:00:00Z,1\n", "rows"},
        {"time_utc,a\n2018-10-09T00:00:00Z,1\n2018-10-09T00:10:00Z\n", "rows"},
        {"time_utc,a\n2018-10-09T00:10:00Z,1\n2018-10-09T00:00:00Z,2\n", "times"},
        {"time_utc,a\n2018-10-09T00:00:00Z,1\n2018-10-09T00:20:00Z,2\n", "times"},
        {"time_utc,a\n2018-10-08T00:00:00Z,1\n2018-10-08T00:10:00Z,2\n", "times"},
        {"time_utc,a\nyesterday,1\n2018-10-08T00:10:00Z,2\n", "times"},
        {"time_utc,a\n2018-10-09T00:00:00Z,nan\n2018-10-09T00:10:00Z,2\n", "values"},
        {"time_utc,a\n2018-10-09T00:00:00Z,1e\n2018-10-09T00:10:00Z,2\n", "values"},
        {"time_utc,a\n2018-10-09T00:00:00Z,\n2018-10-09T00:10:00Z,2\n", "missing"},
        {"time_utc,a\n2018-10-09T00:00:00Z,1\n2018-10-09T00:10:00Z,10\n", "range"},
    };
    struct fl_asked asked = asked_six;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        test_file_write("t.csv", cases[i].text, strlen(cases[i].text));
        assert_int_equal(judge("t.csv", &asked_six, cases[i].check),
                         *cases[i].check ? FL_VERDICT_FAIL : FL_VERDICT_PASS);
    }
    test_file_write("t.csv", cases[0].text, strlen(cases[0].text));
    asked.marks = "late wind";
    assert_int_equal(judge("t.csv", &asked, "degraded"), FL_VERDICT_FAIL);
    test_file_write("peaks.csv", "# DEGRADED: late wind\nname,x\nPier,1\n", 36);
    assert_int_equal(judge("peaks.csv", &asked, "degraded"), FL_VERDICT_DEGRADED);
}

/* What nobody wrote a rule for does not slip through, nor does what is not there or not itself. */
static void strange_files_are_stopped(void **state)
{
    static const char page[] = "<html>Data file is not present</html>";

    (void)state;
    test_file_write("other.bin", page, sizeof(page) - 1);
    assert_int_equal(judge("other.bin", &asked_six, "rule"), FL_VERDICT_FAIL);
    assert_int_equal(judge("p-gone.nc", &asked_six, "read"), FL_VERDICT_FAIL);
    test_file_write("p.nc", page, sizeof(page) - 1);
    assert_int_equal(judge("p.nc", &asked_six, "open"), FL_VERDICT_FAIL);
    test_file_write("p.nc", "", 0);
    assert_int_equal(judge("p.nc", &asked_six, "size"), FL_VERDICT_FAIL);
    test_file_write("t.csv", "a\0b", 3);
    assert_int_equal(judge("t.csv", &asked_six, "open"), FL_VERDICT_FAIL);
}

/* A misspelt rule would check nothing. */
static void rules_are_strict(void **state)
{
    static const char *const cases[][2] = {
        {"rules = ( { files = \"*\"; type = \"netcdf\"; variable = ( ); } );", "variable"},
        {"rules = ( { files = \"*\"; type = \"zip\"; } );", "type"},
        {"rules = ( { files = \"*\"; type = \"csv\"; time = \"often\"; } );", "often"},
        {"rules = ( );", "no rules"},
        {"rules = ( { type = \"csv\"; } );", "files"},
        {"rules = ( { files = \"*\"; type = \"png\"; conventions = \"CF-1.8\"; } );",
         "conventions"},
    };
    struct fl_rules rules;
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        test_file_write("r.cfg", cases[i][0], strlen(cases[i][0]));
        assert_fails_with(fl_rules_load("r.cfg", &rules, &err), FL_E_CONFIG, err, cases[i][1]);
    }
}

/* The report is JSON with the verdict of each file. */
static void report_names_files_and_verdicts(void **state)
{
    fl_auto(fl_findings_destroy) struct fl_findings *findings = NULL;
    fl_auto(fl_buf_release) struct fl_buf out;
    struct fl_err err = {0};

    (void)state;
    fl_buf_init(&out, 0);
    assert_ok(fl_findings_create(&findings, &err), err);
    assert_ok(fl_findings_file(findings, "a.nc", "00", &err), err);
    fl_findings_add(findings, FL_VERDICT_PASS, "range", "0 to 1 \xff");
    assert_ok(fl_findings_file(findings, "b.nc", NULL, &err), err);
    fl_findings_add(findings, FL_VERDICT_DEGRADED, "degraded", "x");
    assert_ok(fl_findings_json(findings, "20181009T0000Z", NULL, &out, &err), err);
    assert_non_null(strstr(out.data, "\"verdict\": \"degraded\""));
    assert_non_null(strstr(out.data, "\"file\": \"a.nc\""));
    assert_non_null(strstr(out.data, "\"verdict\": \"pass\""));
    assert_non_null(strstr(out.data, "\"cycle\": \"20181009T0000Z\""));
}

#define WITH_FOLDER(test) \
    cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(right_product_passes),
        WITH_FOLDER(each_fault_of_a_product_is_stopped),
        WITH_FOLDER(few_missing_points_pass),
        WITH_FOLDER(degraded_mark_is_not_lost),
        WITH_FOLDER(run_names_are_asked_for_in_a_run),
        WITH_FOLDER(time_axis_has_no_gap),
        WITH_FOLDER(pictures_are_whole_and_not_blank),
        WITH_FOLDER(tables_are_in_order),
        WITH_FOLDER(strange_files_are_stopped),
        WITH_FOLDER(rules_are_strict),
        cmocka_unit_test(report_names_files_and_verdicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
