/* Times, durations, leads. */
#include "config.h"

#include "engine/base/time.h"

#include <string.h>

#include "tests/lib/test.h"

/* A cycle read wrongly pulls yesterday's forecast. */
static void cycle_survives_a_round_trip(void **state)
{
    static const char *const cases[] = {"20261124T0000Z", "20240229T1800Z", "19991231T2359Z",
                                        "20000101T0000Z", "19690720T2017Z", "20181010T173015Z"};
    char text[FL_TIME_TEXT_MAX];
    struct fl_cycle cycle;
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        assert_ok(fl_cycle_parse(cases[i], &cycle, &err), err);
        fl_cycle_format(cycle, text);
        assert_string_equal(text, cases[i]);
    }
    assert_ok(fl_cycle_parse("2018-10-10T18:00Z", &cycle, &err), err);
    assert_int_equal(cycle.s, 1539194400);
    fl_cycle_format_extended(cycle, text);
    assert_string_equal(text, "2018-10-10T18:00:00Z");
}

/* A date that does not exist must not become its neighbour. */
static void impossible_times_are_refused(void **state)
{
    static const char *const cases[] = {
        "20230229T0000Z", "20231301T0000Z",   "20231224T2400Z", "20231224T0000",
        "20231224",       "2023-12-24T0000Z", "18000101T0000Z", ""};
    struct fl_cycle cycle;
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++)
        assert_int_equal(fl_cycle_parse(cases[i], &cycle, &err), FL_E_PARSE);
}

/* Deadlines and retry delays are durations. */
static void durations_are_read_and_normalised(void **state)
{
    static const struct {
        const char *in;
        int64_t seconds;
        const char *out;
    } cases[] = {{"PT6H", 21600, "PT6H"},        {"-PT90S", -90, "-PT1M30S"},
                 {"P1DT12H", 129600, "P1DT12H"}, {"+PT4H30M", 16200, "PT4H30M"},
                 {"P1W", 604800, "P7D"},         {"PT0S", 0, "PT0S"}};
    char text[FL_TIME_TEXT_MAX];
    struct fl_err err = {0};
    int64_t seconds;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        assert_ok(fl_duration_parse(cases[i].in, &seconds, &err), err);
        assert_int_equal(seconds, cases[i].seconds);
        fl_duration_format(seconds, text);
        assert_string_equal(text, cases[i].out);
    }
    assert_int_equal(fl_duration_parse("6H", &seconds, &err), FL_E_PARSE);
    assert_int_equal(fl_duration_parse("P", &seconds, &err), FL_E_PARSE);
    assert_fails_with(fl_duration_parse("PT99999999999H", &seconds, &err), FL_E_PARSE, err,
                      "too long; accepted: up to P");
    assert_fails_with(fl_duration_parse("PT6X", &seconds, &err), FL_E_PARSE, err, "not a duration");
}

/* Leads name files and products. */
static void leads_and_sets_of_leads(void **state)
{
    char text[64];
    struct fl_leads leads;
    struct fl_lead lead;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_lead_parse("+006:10", &lead, &err), err);
    assert_int_equal(lead.minutes, 370);
    fl_lead_format_file(lead, text);
    assert_string_equal(text, "f006m10");
    fl_lead_format(lead, text);
    assert_string_equal(text, "+006:10");
    assert_ok(fl_leads_parse("+000/+048/3", &leads, &err), err);
    assert_int_equal(fl_leads_count(&leads), 17);
    assert_int_equal(fl_leads_find(&leads, (struct fl_lead){.minutes = 540}), 3);
    assert_int_equal(fl_leads_find(&leads, (struct fl_lead){.minutes = 541}), -1);
    fl_leads_format(&leads, text, sizeof(text));
    assert_string_equal(text, "+000/+048/003");
    assert_int_equal(fl_leads_parse("+000/+047/3", &leads, &err), FL_E_PARSE);
    assert_int_equal(fl_leads_parse("+000/+048/0", &leads, &err), FL_E_PARSE);
    assert_int_equal(fl_leads_parse("+000/+90000/0:01", &leads, &err), FL_E_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cycle_survives_a_round_trip),
        cmocka_unit_test(impossible_times_are_refused),
        cmocka_unit_test(durations_are_read_and_normalised),
        cmocka_unit_test(leads_and_sets_of_leads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
