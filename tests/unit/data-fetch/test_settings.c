/* Settings read strictly. */
#include "config.h"

#include "data-fetch/command/settings.h"

#include <string.h>

#include "engine/world/world.h"
#include "tests/lib/test.h"

static struct fl_settings *read_text(const char *text)
{
    struct fl_settings *settings = NULL;
    struct fl_err err = {0};

    assert_ok(fl_settings_parse(text, "my.cfg", &settings, &err), err);
    return settings;
}

/* A limit read as another number than the one written is a limit nobody set. */
static void amounts_and_rates_mean_what_is_written(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } bytes[] = {{"0", 0},  {"64G", INT64_C(68719476736)},  {"1.5KiB", 1536}, {"2MB", 2000000},
                 {"7B", 7}, {"1TB", INT64_C(1000000000000)}},
      rates[] = {{"400Mbit", 50000000},
                 {"2.5Gbit", 312500000},
                 {"50MB", 50000000},
                 {"8bit", 1},
                 {"1MiB", 1048576}};
    static const char *const no_bytes[] = {"",  "-1",  " 5",   "5 G",  "0x10", "nan",
                                           "G", "5Gb", "1e99", "5,5G", "inf",  "1.2.3"};
    static const char *const no_rates[] = {"",       "400",  "400M",     "0Mbit",
                                           "-1Mbit", "1bit", "400mbit/s"};
    int64_t value = 0;
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(bytes); i++) {
        assert_ok(fl_bytes_parse(bytes[i].text, &value, &err), err);
        assert_int_equal(value, bytes[i].value);
    }
    for (size_t i = 0; i < FL_COUNT(rates); i++) {
        assert_ok(fl_rate_parse(rates[i].text, &value, &err), err);
        assert_int_equal(value, rates[i].value);
    }
    for (size_t i = 0; i < FL_COUNT(no_bytes); i++) {
        assert_fails_with(fl_bytes_parse(no_bytes[i], &value, &err), FL_E_PARSE, err, "accepted:");
    }
    for (size_t i = 0; i < FL_COUNT(no_rates); i++)
        assert_fails_with(fl_rate_parse(no_rates[i], &value, &err), FL_E_PARSE, err, "accepted:");
}

/* What is not said keeps its default; what is said is taken. */
static void an_absent_key_keeps_the_default(void **state)
{
    fl_auto(fl_settings_destroy) struct fl_settings *settings =
        read_text("n = 5; d = \"PT1H\"; on = true; x = 2; list = [\"a\", \"b\"]; cap = \"8Mbit\";");
    const struct config_setting_t *root = fl_settings_root(settings);
    const struct config_setting_t *list = NULL;
    static const char *const words[] = {"a", "b", NULL};
    const char *text = NULL;
    int64_t n = 7;
    double x = 0.5;
    bool on = false;
    size_t count = 0;
    int word = 1;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_settings_int(settings, root, "m", 0, 9, &n, &err), err);
    assert_int_equal(n, 7);
    assert_ok(fl_settings_int(settings, root, "n", 0, 9, &n, &err), err);
    assert_int_equal(n, 5);
    assert_ok(fl_settings_duration(settings, root, "d", true, &n, &err), err);
    assert_int_equal(n, 3600);
    assert_ok(fl_settings_bool(settings, root, "on", &on, &err), err);
    assert_true(on);
    assert_ok(fl_settings_number(settings, root, "x", 0, 9, &x, &err), err);
    assert_true(x == 2.0);
    assert_ok(fl_settings_rate(settings, root, "cap", &n, &err), err);
    assert_int_equal(n, 1000000);
    assert_ok(fl_settings_word(settings, root, "none", words, false, &word, &err), err);
    assert_int_equal(word, 1);
    assert_ok(fl_settings_list(settings, root, "list", 1, 2, &list, &count, &err), err);
    assert_int_equal(count, 2);
    assert_ok(fl_settings_text_at(settings, list, 1, &text, &err), err);
    assert_string_equal(text, "b");
    assert_ok(fl_settings_list(settings, root, "none", 0, 2, &list, &count, &err), err);
    assert_int_equal(count, 0);
}

static int read_all(const struct fl_settings *settings, struct fl_err *err)
{
    static const char *const keys[] = {"n",   "x",    "on",   "d", "size",
                                       "cap", "word", "list", "g", NULL};
    static const char *const words[] = {"fast", "slow", NULL};
    static const char *const inner[] = {"a", NULL};
    const struct config_setting_t *root = fl_settings_root(settings);
    const struct config_setting_t *at = NULL;
    int64_t n = 0;
    double x = 0;
    bool on = false;
    size_t count = 0;
    int word = 0;
    char text[4];
    int rc = fl_settings_known(settings, root, keys, err);

    rc = rc < 0 ? rc : fl_settings_int(settings, root, "n", 1, 9, &n, err);
    rc = rc < 0 ? rc : fl_settings_number(settings, root, "x", 0, 1, &x, err);
    rc = rc < 0 ? rc : fl_settings_bool(settings, root, "on", &on, err);
    rc = rc < 0 ? rc : fl_settings_duration(settings, root, "d", false, &n, err);
    rc = rc < 0 ? rc : fl_settings_bytes(settings, root, "size", &n, err);
    rc = rc < 0 ? rc : fl_settings_rate(settings, root, "cap", &n, err);
    rc = rc < 0 ? rc : fl_settings_word(settings, root, "word", words, false, &word, err);
    rc = rc < 0 ? rc : fl_settings_list(settings, root, "list", 0, 2, &at, &count, err);
    rc = rc < 0 ? rc : fl_settings_group(settings, root, "g", inner, false, &at, err);
    rc = rc < 0 || !at ? rc : fl_settings_copy(settings, at, "a", true, text, sizeof(text), err);
    return rc;
}

/* A mistyped key that is passed over is a limit that does not hold. */
static void mistakes_are_named_with_file_and_line(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } broken[] = {
        {"n = 5;\nm = 6;", "my.cfg:2: unknown key 'm'; accepted: n, x, on, d"},
        {"n = 5", NULL},
        {"\nn = ;", "my.cfg:2: syntax error"},
        {"n = 10;", "my.cfg:1: 'n' is 10; accepted: 1 to 9"},
        {"n = 1.5;", "'n' must be a whole number"},
        {"x = 2;", "'x' is 2; accepted: 0 to 1"},
        {"x = \"a\";", "'x' must be a number"},
        {"on = 1;", "'on' must be true or false"},
        {"d = \"1h\";", "not a duration: '1h'; accepted: such as"},
        {"d = \"-PT1H\";", "'d' is negative"},
        {"size = \"5 G\";", "accepted: such as \"500M\""},
        {"size = -5;", "'size' is -5"},
        {"cap = 5;", "'cap' must be a rate"},
        {"cap = \"5M\";", "not a rate"},
        {"word = \"quick\";", "'word' is 'quick'; accepted: fast, slow"},
        {"list = 5;", "'list' must be a list"},
        {"list = [1, 2, 3];", "'list' has 3 entries; accepted: 0 to 2"},
        {"g = 5;", "'g' must be a group"},
        {"g = { };", "key 'a' is missing"},
        {"g = { a = \"long\"; };", "'a' is longer than 3 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(broken); i++) {
        fl_auto(fl_settings_destroy) struct fl_settings *settings = NULL;
        struct fl_err err = {0};
        int rc = fl_settings_parse(broken[i].text, "my.cfg", &settings, &err);

        if (rc == 0)
            rc = read_all(settings, &err);
        if (broken[i].says)
            assert_fails_with(rc, FL_E_CONFIG, err, broken[i].says);
        else
            assert_ok(rc, err);
    }
}

/* A file that is not there, or is no text, is said to be so. */
static void files_are_read_with_a_limit(void **state)
{
    struct fl_settings *settings = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_fails_with(fl_settings_read(fl_world_real(), "none.cfg", 100, &settings, &err),
                      FL_E_NOENT, err, "none.cfg");
    test_file_write("a.cfg", "n = 1;\0 m = 2;", 14);
    assert_fails_with(fl_settings_read(fl_world_real(), "a.cfg", 100, &settings, &err), FL_E_CONFIG,
                      err, "a.cfg: has a NUL byte");
    assert_fails_with(fl_settings_read(fl_world_real(), "a.cfg", 5, &settings, &err), FL_E_TOO_BIG,
                      err, "a.cfg");
    test_file_write("a.cfg", "n = 1;", 6);
    assert_ok(fl_settings_read(fl_world_real(), "a.cfg", 100, &settings, &err), err);
    assert_string_equal(fl_settings_path(settings), "a.cfg");
    fl_settings_destroy(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_and_rates_mean_what_is_written),
        cmocka_unit_test(an_absent_key_keeps_the_default),
        cmocka_unit_test(mistakes_are_named_with_file_and_line),
        cmocka_unit_test_setup_teardown(files_are_read_with_a_limit, test_folder_enter,
                                        test_folder_leave),
    };

    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
