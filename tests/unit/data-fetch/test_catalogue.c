/* Catalogue files. */
#include "config.h"

#include "data-fetch/source/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/world.h"
#include "tests/lib/test.h"
#include "tests/unit/data-fetch/server.h"

#define PROGRAM "data-fetch/fairlead-transfer"

#define GOOD_HEAD \
    "source: {\n" \
    "  name = \"mine\"; cycles = { every = \"PT6H\"; }; leads = [\"+000/+048/3\"];\n"
#define GOOD_PATHS "  paths = ( { path = \"x.{cycle:%Y%m%d%H}.f{lead:hhh}\"; } );\n"
#define GOOD_TAIL \
    "  index = \".idx\"; mirrors = ( { url = \"http://127.0.0.1:1/\"; } );\n" \
    "  wait = { first = \"PT1H\"; poll = \"PT20S\"; give_up = \"PT7H\"; };\n"

static int read_text(const char *text, struct fl_source *source, struct fl_err *err)
{
    test_file_write("mine.cfg", text, strlen(text));
    return fl_source_read(fl_world_real(), "mine.cfg", source, err);
}

static void path_is(const char *name, const char *cycle_text, int32_t minutes, const char *wanted)
{
    struct fl_source *source = calloc(1, sizeof(*source));
    fl_auto(fl_buf_release) struct fl_buf path;
    struct fl_lead lead = {.minutes = minutes};
    struct fl_cycle cycle = {0};
    struct fl_err err = {0};

    fl_buf_init(&path, 0);
    assert_non_null(source);
    assert_ok(fl_source_find(fl_world_real(), NULL, name, source, &err), err);
    assert_ok(fl_cycle_parse(cycle_text, &cycle, &err), err);
    assert_ok(fl_source_path(source, cycle, lead, &path, &err), err);
    assert_string_equal(path.data, wanted);
    assert_true(fl_source_has_lead(source, cycle, lead));
    free(source);
}

/* A wrong path is a forecast that waits seven hours for a file that has long been there. */
static void paths_follow_the_layouts_of_their_dates(void **state)
{
    (void)state;
    path_is("gfs.1p00", "20181010T1800Z", 0, "gfs.2018101018/gfs.t18z.pgrb2.1p00.f000");
    path_is("gfs.0p50", "20181009T0000Z", 180, "gfs.2018100900/gfs.t00z.pgrb2.0p50.f003");
    path_is("gfs.0p25", "20200101T0600Z", 21 * 60, "gfs.20200101/06/gfs.t06z.pgrb2.0p25.f021");
    path_is("gfs.0p25", "20261124T0000Z", 384 * 60,
            "gfs.20261124/00/atmos/gfs.t00z.pgrb2.0p25.f384");
    path_is("gfswave.atlocn.0p16", "20230823T1800Z", 60,
            "gfs.20230823/18/wave/gridded/gfswave.t18z.atlocn.0p16.f001.grib2");
    path_is("hrrr.sfc", "20231104T0100Z", 5 * 60, "hrrr.20231104/conus/hrrr.t01z.wrfsfcf05.grib2");
    path_is("hrrr.subh", "20231104T0100Z", 495, "hrrr.20231104/conus/hrrr.t01z.wrfsubhf09.grib2");
    path_is("ecmwf.ifs.oper", "20240101T0000Z", 0,
            "20240101/00z/0p4-beta/oper/20240101000000-0h-oper-fc.grib2");
    path_is("ecmwf.ifs.oper", "20250101T0600Z", 24 * 60,
            "20250101/06z/ifs/0p25/scda/20250101060000-24h-scda-fc.grib2");
    path_is("ecmwf.ifs.oper", "20260512T0600Z", 24 * 60,
            "20260512/06z/ifs/0p25/oper/20260512060000-24h-oper-fc.grib2");
    path_is("ecmwf.ifs.enfo", "20260512T0000Z", 24 * 60,
            "20260512/00z/ifs/0p25/enfo/20260512000000-24h-enfo-ef.grib2");
    path_is("ecmwf.aifs.wave", "20260628T0000Z", 6 * 60,
            "20260628/00z/aifs-single/0p25/wave/20260628000000-6h-wave-fc.grib2");
}

static const char *value_of(const char *dimension, void *arg)
{
    const char *const *values = arg;

    for (; *values; values += 2) {
        if (strcmp(values[0], dimension) == 0)
            return values[1];
    }
    return NULL;
}

/* A member, a variable or a region is a file of its own: another member's name would be another
 * forecast. */
static void a_dimension_chooses_the_file(void **state)
{
    static const struct {
        const char *source;
        const char *cycle;
        int32_t minutes;
        const char *values[9];
        const char *path;
    } cases[] = {
        {"gefs.0p50.a",
         "20261124T0000Z",
         6 * 60,
         {"member", "p07"},
         "gefs.20261124/00/atmos/pgrb2ap5/gep07.t00z.pgrb2a.0p50.f006"},
        {"icon.eu.single",
         "20261124T0300Z",
         30 * 60,
         {"variable", "t_2m"},
         "nwp/icon-eu/grib/03/t_2m/icon-eu_europe_regular-lat-lon_single-level_2026112403_030_"
         "T_2M.grib2.bz2"},
        {"icon.d2.pressure",
         "20261124T0300Z",
         60,
         {"variable", "u", "level", "850"},
         "nwp/icon-d2/grib/03/u/icon-d2_germany_regular-lat-lon_pressure-level_2026112403_001_850_"
         "u.grib2.bz2"},
        {"rtofs.2d",
         "20261124T0000Z",
         12 * 60,
         {"kind", "prog"},
         "rtofs.20261124/rtofs_glo_2ds_f012_prog.nc"},
        {"cmems.phy.3d-6h",
         "20261124T0000Z",
         6 * 60,
         {"variable", "thetao"},
         "GLOBAL_ANALYSISFORECAST_PHY_001_024/cmems_mod_glo_phy-thetao_anfc_0.083deg_PT6H-i_202406/"
         "2026/11/glo12_rg_6h-i_20261124-06h_3D-thetao_fcst_R20261124.nc"},
        {"hycom.espc",
         "20261124T1200Z",
         180,
         {"kind", "ssh", "variable", "surf_el", "north", "20", "south", "10"},
         NULL},
    };
    struct fl_source *source = calloc(1, sizeof(*source));
    struct fl_err err = {0};

    (void)state;
    assert_non_null(source);
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        fl_auto(fl_buf_release) struct fl_buf path;
        struct fl_cycle cycle = {0};
        struct fl_lead lead = {.minutes = cases[i].minutes};
        int rc;

        fl_buf_init(&path, 0);
        assert_ok(fl_source_find(fl_world_real(), NULL, cases[i].source, source, &err), err);
        assert_ok(fl_cycle_parse(cases[i].cycle, &cycle, &err), err);
        assert_true(fl_source_has_cycle(source, cycle));
        assert_true(fl_source_has_lead(source, cycle, lead));
        rc = fl_source_path_of(source, cycle, lead, value_of, (void *)cases[i].values, &path, &err);
        if (!cases[i].path) {
            assert_fails_with(rc, FL_E_CONFIG, err, "--with east=VALUE");
            continue;
        }
        assert_ok(rc, err);
        assert_string_equal(path.data, cases[i].path);
    }
    free(source);
}

/* A lead that a cycle does not have would be waited for until the give-up time. */
static void leads_depend_on_the_hour_of_the_cycle(void **state)
{
    struct fl_source *source = calloc(1, sizeof(*source));
    struct fl_cycle six = {.s = 6 * 3600};
    struct fl_cycle seven = {.s = 7 * 3600};
    struct fl_lead far = {.minutes = 48 * 60};
    struct fl_err err = {0};
    char text[200];

    (void)state;
    assert_non_null(source);
    assert_ok(fl_source_find(fl_world_real(), NULL, "hrrr.sfc", source, &err), err);
    assert_true(fl_source_has_lead(source, six, far));
    assert_false(fl_source_has_lead(source, seven, far));
    fl_source_leads_text(source, seven, text, sizeof(text));
    assert_string_equal(text, "+000/+018/001");
    assert_int_equal(fl_source_expected_s(source, (struct fl_lead){0}), 50 * 60);
    assert_int_equal(fl_source_expected_s(source, (struct fl_lead){.minutes = 9 * 60}),
                     50 * 60 + 23 * 30);
    assert_int_equal(fl_source_expected_s(source, (struct fl_lead){.minutes = 90 * 60}), 106 * 60);
    assert_ok(fl_source_find(fl_world_real(), NULL, "hycom.gofs31", source, &err), err);
    assert_true(fl_source_has_cycle(source, (struct fl_cycle){.s = 12 * 3600}));
    assert_false(fl_source_has_cycle(source, (struct fl_cycle){.s = 0}));
    free(source);
}

/* A mistyped key that is passed over is a limit that does not hold. */
static void mistakes_are_named_with_file_and_line(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } broken[] = {
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " htlm = \"refuse\"; };", "mine.cfg:6: unknown key 'htlm'"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " html = \"maybe\"; };", "accepted: refuse, not-yet"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " title = 5; };", "'title' must be a text"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " format = \"hdf\"; };", "accepted: grib, netcdf"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " packing = \"bzip2\"; };", "its kind is \"none\""},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " expect = ( { keys = \"gridtype=x\"; } ); };",
         "did you mean 'gridType'"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " expect = ( { when = \"m=1\"; keys = \"Ni=1\"; } ); };",
         "accepted: DIMENSION=GLOB"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " arrivals = ( { lead = \"x\"; after = \"PT1H\"; } ); };",
         "accepted: such as +006"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " dimensions = ( { name = \"m\"; } ); };",
         "dimension 'm' is in no path"},
        {GOOD_HEAD
         "paths = ( { path = \"x{m:long}\"; } ); dimensions = ( { name = \"m\"; } );" GOOD_TAIL
         "};",
         "accepted: upper, lower, digits"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL
         " dimensions = ( { name = \"m\"; values = [\"p3..p1\"]; } ); };",
         "'p3..p1' goes down"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL
         " dimensions = ( { name = \"m\"; values = [\"a\"]; default = \"b\"; } ); };",
         "none of the values"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " dimensions = ( { name = \"lead\"; } ); };", "is a time"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " history = { few = \"ignore\"; }; };",
         "accepted: refuse, warn, pass"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " history = { percent = 200; }; };", "1 to 100"},
        {GOOD_HEAD "paths = ( { hours = [\"24\"]; path = \"x\"; } );" GOOD_TAIL "};",
         "accepted: \"00\" to \"23\""},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " merge_gap = -1; };", "'merge_gap' is -1"},
        {GOOD_HEAD GOOD_TAIL "};", "key 'paths' is missing"},
        {GOOD_HEAD "paths = ( { path = \"../{lead}\"; } );" GOOD_TAIL "};", "plain relative path"},
        {GOOD_HEAD "paths = ( { path = \"x.{step}\"; } );" GOOD_TAIL "};", "unknown name 'step'"},
        {GOOD_HEAD "paths = ( { path = \"x\"; since = \"x\"; } );" GOOD_TAIL "};",
         "unknown key 'since'; accepted: from, until, hours, path"},
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL "}; other = 1;", "unknown key 'other'"},
        {"source: {", "syntax error"},
        {"", "'source' is missing"},
    };
    struct fl_source *source = calloc(1, sizeof(*source));
    struct fl_err err = {0};

    (void)state;
    assert_non_null(source);
    assert_ok(read_text(GOOD_HEAD GOOD_PATHS GOOD_TAIL "};", source, &err), err);
    assert_string_equal(source->mirrors[0].url, "http://127.0.0.1:1");
    assert_false(source->html_is_not_yet);
    for (size_t i = 0; i < FL_COUNT(broken); i++)
        assert_fails_with(read_text(broken[i].text, source, &err), FL_E_CONFIG, err,
                          broken[i].says);
    free(source);
}

/* A site's own sources stand beside the installed ones, and in front of them. */
static void a_folder_of_ones_own_comes_first(void **state)
{
    struct fl_source *source = calloc(1, sizeof(*source));
    struct fl_err err = {0};

    (void)state;
    assert_non_null(source);
    assert_ok(read_text(GOOD_HEAD GOOD_PATHS GOOD_TAIL "};", source, &err), err);
    assert_ok(fl_source_find(fl_world_real(), ".", "mine", source, &err), err);
    assert_fails_with(fl_source_find(fl_world_real(), NULL, "mine", source, &err), FL_E_NOENT, err,
                      "gfs.0p25");
    assert_fails_with(fl_source_find(fl_world_real(), NULL, "..", source, &err), FL_E_NOENT, err,
                      "known:");
    free(source);
}

/* What the manual page shows must run. */
static void the_catalogue_can_be_looked_at(void **state)
{
    static const struct {
        const char *argv[16];
        int code;
    } commands[] = {
        {{PROGRAM, "--version", NULL}, 0},
        {{PROGRAM, "--help", NULL}, 0},
        {{PROGRAM, "get", "--help", NULL}, 0},
        {{PROGRAM, "sources", NULL}, 0},
        {{PROGRAM, "sources", "--json", NULL}, 0},
        {{PROGRAM, "show", "gfs.0p25", NULL}, 0},
        {{PROGRAM, "show", "icon.eu.pressure", "--json", NULL}, 0},
        {{PROGRAM, "show", NULL}, 78},
        {{PROGRAM, "show", "gfs.none", NULL}, 78},
        {{PROGRAM, "plan", "--source", "gfs.1p00", "--cycle", "20181009T0000Z", "--leads",
          "+000/+054/3", "--series", "every=PT6H,leads=+000/+003/3", NULL},
         0},
        {{PROGRAM, "plan", "--source", "gefs.0p25", "--cycle", "20261124T0000Z", "--leads", "+000",
          "--with", "member=p0*", NULL},
         0},
        {{PROGRAM, "plan", "--source", "gefs.0p25", "--cycle", "20261124T0000Z", "--leads", "+000",
          "--json", NULL},
         78},
        {{PROGRAM, "plan", "--source", "ecmwf.ifs.oper", "--cycle", "20261124T0000Z", "--leads",
          "+000/+144/3", "--keys", "shortName=10u/10v/msl", "--keys",
          "param=t/u/v/q/gh,levtype=pl,levelist=1000/850/700/500/300", "--area", "60/-20/30/40",
          NULL},
         0},
        {{PROGRAM, "plan", "--source", "icon.eu.single", "--with", "variable=u_10m/v_10m/pmsl",
          "--cycle", "20261124T0000Z", "--leads", "+000/+048/1", "--json", NULL},
         0},
        {{PROGRAM, "plan", "--source", "icon.eu.single", "--cycle", "20261124T0000Z", "--leads",
          "+500", NULL},
         78},
        {{PROGRAM, "plan", "--source", "gfs.1p00", "--cycle", "yesterday", "--leads", "+000", NULL},
         78},
        {{PROGRAM, "fetch", NULL}, 78},
        {{PROGRAM, NULL}, 78},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(commands); i++) {
        int code = command_run(commands[i].argv, NULL);

        if (code != commands[i].code)
            fail_msg("command %zu (%s) ended with %d", i, commands[i].argv[1], code);
    }
}

static int ask_of(const struct fl_source *source, const char *path, void *arg)
{
    size_t *count = arg;
    char first[300];

    (*count)++;
    assert_true(source->title[0] && source->licence[0]);
    assert_true(strstr(path, source->name) != NULL);
    fl_source_leads_text(source, (struct fl_cycle){.s = source->offset_s}, first, sizeof(first));
    assert_string_not_equal(first, "none");
    return 0;
}

/* A file of the catalogue that cannot be read is a source that nobody can use. */
static void each_source_of_the_catalogue_reads(void **state)
{
    struct fl_err err = {0};
    size_t count = 0;

    (void)state;
    assert_ok(fl_source_each(fl_world_real(), NULL, ask_of, &count, &err), err);
    assert_true(count >= 48);
}

/* What the manual page shows is a source. */
static void the_example_of_the_manual_is_a_source(void **state)
{
    const char *top = getenv("FL_TOP_SRCDIR");
    struct fl_source *source;
    struct fl_err err = {0};
    char path[4096];
    char *page;
    char *from;
    char *to;

    (void)state;
    if (!top)
        skip();
    source = calloc(1, sizeof(*source));
    assert_non_null(source);
    (void)snprintf(path, sizeof(path), "%s/man/fairlead-source.5", top);
    page = test_file_read(path, NULL);
    from = strstr(page, ".nf\nsource: {");
    assert_non_null(from);
    to = strstr(from, ".fi");
    assert_non_null(to);
    *to = '\0';
    assert_ok(fl_source_parse(from + 4, "fairlead-source.5", source, &err), err);
    assert_string_equal(source->name, "mymodel");
    assert_string_equal(source->mirrors[0].provider, "data.example");
    assert_int_equal(source->history.percent, 80);
    free(page);
    free(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_catalogue_can_be_looked_at),
        cmocka_unit_test(paths_follow_the_layouts_of_their_dates),
        cmocka_unit_test(a_dimension_chooses_the_file),
        cmocka_unit_test(each_source_of_the_catalogue_reads),
        cmocka_unit_test(the_example_of_the_manual_is_a_source),
        cmocka_unit_test(leads_depend_on_the_hour_of_the_cycle),
        cmocka_unit_test_setup_teardown(mistakes_are_named_with_file_and_line, test_folder_enter,
                                        test_folder_leave),
        cmocka_unit_test_setup_teardown(a_folder_of_ones_own_comes_first, test_folder_enter,
                                        test_folder_leave),
    };

    return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
