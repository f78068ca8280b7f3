/* Strict configuration files of the stages. */
#include "config.h"

#include "stages/common/cfg.h"

#include <string.h>

#include "tests/lib/test.h"

static struct fl_cfg *open_text(const char *text)
{
    struct fl_cfg *cfg = NULL;
    struct fl_err err = {0};

    test_file_write("a.cfg", text, strlen(text));
    assert_ok(fl_cfg_open("a.cfg", &cfg, &err), err);
    return cfg;
}

/* Each type arrives as written; a whole number is a number too. */
static void values_of_every_type_are_read(void **state)
{
    struct fl_cfg *cfg =
        open_text("name = \"x\";\nreal = 2;\nwhole = 7;\nyes = true;\n"
                  "step = \"PT10M\";\nat = \"20181009T0600Z\";\nlead = \"+006\";\n"
                  "kind = \"b\";\nlist = [1.5, 2.5];\nedges = (\"south\", \"west\");\n"
                  "stations = ({name = \"p\";}, {name = \"q\";});\n");
    const char *const kinds[] = {"a", "b"};
    const char *texts[4] = {NULL};
    double values[4];
    double real = 0;
    int64_t whole = 0;
    int64_t seconds = 0;
    size_t count = 0;
    bool yes = false;
    struct fl_cycle at = {0};
    struct fl_lead lead = {0};
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_cfg_string(cfg, "name", &texts[0], &err), err);
    assert_string_equal(texts[0], "x");
    assert_ok(fl_cfg_real(cfg, "real", 0, 3, &real, &err), err);
    assert_true(real == 2.0);
    assert_ok(fl_cfg_int(cfg, "whole", 0, 9, &whole, &err), err);
    assert_int_equal(whole, 7);
    assert_ok(fl_cfg_bool_opt(cfg, "yes", false, &yes, &err), err);
    assert_true(yes);
    assert_ok(fl_cfg_duration(cfg, "step", 60, 3600, &seconds, &err), err);
    assert_int_equal(seconds, 600);
    assert_ok(fl_cfg_time(cfg, "at", &at, &err), err);
    assert_int_equal(at.s, 1539064800);
    assert_ok(fl_cfg_lead(cfg, "lead", &lead, &err), err);
    assert_int_equal(lead.minutes, 360);
    assert_ok(fl_cfg_choice(cfg, "kind", kinds, 2, NULL, &count, &err), err);
    assert_int_equal(count, 1);
    assert_ok(fl_cfg_reals(cfg, "list", values, 4, &count, &err), err);
    assert_int_equal(count, 2);
    assert_true(values[1] == 2.5);
    assert_ok(fl_cfg_strings(cfg, "edges", texts, 4, &count, &err), err);
    assert_string_equal(texts[1], "west");
    assert_ok(fl_cfg_count(cfg, "stations", 9, &count, &err), err);
    assert_int_equal(count, 2);
    assert_ok(fl_cfg_string(cfg, "stations.[1].name", &texts[0], &err), err);
    assert_string_equal(texts[0], "q");
    assert_ok(fl_cfg_real_opt(cfg, "absent", 4.5, 0, 9, &real, &err), err);
    assert_true(real == 4.5);
    assert_ok(fl_cfg_reject_unknown(cfg, &err), err);
    fl_cfg_close(cfg);
}

/* A mistyped key would otherwise be ignored, and the run be made with the default. */
static void an_unknown_key_is_refused_with_its_line_and_what_is_accepted(void **state)
{
    struct fl_cfg *cfg = open_text("a = 1;\ntrack = { file = \"x\";\n  spede = 3; };\n");
    const char *text = NULL;
    double real;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_cfg_real(cfg, "a", 0, 9, &real, &err), err);
    assert_ok(fl_cfg_string(cfg, "track.file", &text, &err), err);
    assert_ok(fl_cfg_real_opt(cfg, "track.speed", 1, 0, 9, &real, &err), err);
    assert_fails_with(fl_cfg_reject_unknown(cfg, &err), FL_E_CONFIG, err,
                      "a.cfg:3: unknown key 'spede' in track; accepted: file, speed");
    fl_cfg_close(cfg);
}

/* The person who must change the file is told where and to what. */
static void wrong_values_name_file_line_and_what_is_accepted(void **state)
{
    struct fl_cfg *cfg = open_text("a = 1;\nb = \"two\";\nstep = \"soon\";\nkind = \"c\";\n");
    const char *const kinds[] = {"x", "y"};
    const char *text = NULL;
    double real = 0;
    int64_t whole = 0;
    size_t index = 0;
    struct fl_err err = {0};

    (void)state;
    assert_fails_with(fl_cfg_string(cfg, "a", &text, &err), FL_E_CONFIG, err, "a.cfg:1: key 'a'");
    assert_fails_with(fl_cfg_real(cfg, "b", 0, 5, &real, &err), FL_E_CONFIG, err,
                      "a.cfg:2: key 'b': it must be a number within 0 to 5");
    assert_fails_with(fl_cfg_real(cfg, "a", 2, 5, &real, &err), FL_E_CONFIG, err, "2 to 5");
    assert_fails_with(fl_cfg_int(cfg, "gone", 0, 5, &whole, &err), FL_E_CONFIG, err, "missing");
    assert_fails_with(fl_cfg_duration(cfg, "step", 0, 3600, &whole, &err), FL_E_CONFIG, err,
                      "a.cfg:3: key 'step'");
    assert_fails_with(fl_cfg_choice(cfg, "kind", kinds, 2, "x", &index, &err), FL_E_CONFIG, err,
                      "one of \"x\" \"y\"");
    fl_cfg_close(cfg);
}

/* A broken file is a matter of configuration, with its line; included files could be anywhere. */
static void broken_files_and_includes_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {{"a = 1;\nb = ;\n", "a.cfg:2: "},
                 {"a = 1;\n @include \"x\"\n", "a.cfg:2: @include"}};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct fl_cfg *cfg = NULL;
        struct fl_err err = {0};

        test_file_write("a.cfg", cases[i].text, strlen(cases[i].text));
        assert_fails_with(fl_cfg_open("a.cfg", &cfg, &err), FL_E_CONFIG, err, cases[i].words);
        assert_null(cfg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)
        T(values_of_every_type_are_read),
        T(an_unknown_key_is_refused_with_its_line_and_what_is_accepted),
        T(wrong_values_name_file_line_and_what_is_accepted),
        T(broken_files_and_includes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
