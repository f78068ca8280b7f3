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
    assert_true(fl_source_has_lead(source, lead));
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
        {GOOD_HEAD GOOD_PATHS GOOD_TAIL " merge_gap = -1; };", "'merge_gap' is -1"},
        {GOOD_HEAD GOOD_TAIL "};", "key 'paths' is missing"},
        {GOOD_HEAD "paths = ( { path = \"../{lead}\"; } );" GOOD_TAIL "};", "plain relative path"},
        {GOOD_HEAD "paths = ( { path = \"x.{step}\"; } );" GOOD_TAIL "};", "unknown name 'step'"},
        {GOOD_HEAD "paths = ( { path = \"x\"; since = \"x\"; } );" GOOD_TAIL "};",
         "unknown key 'since'; accepted: from, until, path"},
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
        const char *argv[12];
        int code;
    } commands[] = {
        {{PROGRAM, "--version", NULL}, 0},
        {{PROGRAM, "--help", NULL}, 0},
        {{PROGRAM, "get", "--help", NULL}, 0},
        {{PROGRAM, "sources", NULL}, 0},
        {{PROGRAM, "show", "gfs.0p25", NULL}, 0},
        {{PROGRAM, "show", "gfs.none", NULL}, 78},
        {{PROGRAM, "plan", "--source", "gfs.1p00", "--cycle", "20181009T0000Z", "--leads",
          "+000/+054/3", "--series", "every=PT6H,leads=+000/+003/3", NULL},
         0},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_catalogue_can_be_looked_at),
        cmocka_unit_test(paths_follow_the_layouts_of_their_dates),
        cmocka_unit_test_setup_teardown(mistakes_are_named_with_file_and_line, test_folder_enter,
                                        test_folder_leave),
        cmocka_unit_test_setup_teardown(a_folder_of_ones_own_comes_first, test_folder_enter,
                                        test_folder_leave),
    };

    return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
