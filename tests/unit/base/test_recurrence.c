/* Recurrences and calendars. */
#include "config.h"

#include "engine/base/recurrence.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"

static struct fl_cycle cycle_of(const char *text, enum fl_calendar calendar)
{
    struct fl_err err = {0};
    struct fl_cycle cycle;

    assert_ok(fl_cycle_parse_in(text, calendar, &cycle, &err), err);
    return cycle;
}

static struct fl_recurrence rule_of(const char *text, enum fl_calendar calendar)
{
    struct fl_err err = {0};
    struct fl_recurrence rule;

    assert_ok(fl_recurrence_parse(text, calendar, NULL, &rule, &err), err);
    return rule;
}

/* The points as a text, joined by spaces. */
static void points_of(const struct fl_recurrence *rule, int64_t limit, char *text, size_t size)
{
    struct fl_cycle at;

    text[0] = '\0';
    for (int64_t i = 0; i < limit && fl_recurrence_nth(rule, i, &at); i++) {
        char one[FL_TIME_TEXT_MAX];

        fl_cycle_format(at, one);
        (void)snprintf(text + strlen(text), size - strlen(text), "%s%s", i ? " " : "", one);
    }
}

static const struct {
    const char *rule;
    enum fl_calendar calendar;
    int limit;
    const char *points;
} cases[] = {
    {"R/20261231T1200Z/PT6H", FL_CALENDAR_STANDARD, 3,
     "20261231T1200Z 20261231T1800Z 20270101T0000Z"},
    {"R2/20261124T0000Z/PT6H", FL_CALENDAR_STANDARD, 9, "20261124T0000Z 20261124T0600Z"},
    {"R1/20261124T0000Z/PT6H", FL_CALENDAR_STANDARD, 9, "20261124T0000Z"},
    {"R3/20261124T0000Z/20261124T0300Z", FL_CALENDAR_STANDARD, 9,
     "20261124T0000Z 20261124T0300Z 20261124T0600Z"},
    {"R3/PT6H/20270101T0000Z", FL_CALENDAR_STANDARD, 9,
     "20261231T1200Z 20261231T1800Z 20270101T0000Z"},
    {"R4/20280131T0000Z/P1M", FL_CALENDAR_STANDARD, 9,
     "20280131T0000Z 20280229T0000Z 20280331T0000Z 20280430T0000Z"},
    {"R3/20270130T0600Z/P1M", FL_CALENDAR_STANDARD, 9,
     "20270130T0600Z 20270228T0600Z 20270330T0600Z"},
    {"R3/P1M/20270331T0000Z", FL_CALENDAR_STANDARD, 9,
     "20270131T0000Z 20270228T0000Z 20270331T0000Z"},
    {"R5/20240229T0000Z/P1Y", FL_CALENDAR_STANDARD, 9,
     "20240229T0000Z 20250228T0000Z 20260228T0000Z 20270228T0000Z 20280229T0000Z"},
    {"R3/20261115T0000Z/P1M1D", FL_CALENDAR_STANDARD, 9,
     "20261115T0000Z 20261216T0000Z 20270117T0000Z"},
    {"R3/20280228T0000Z/P1D", FL_CALENDAR_STANDARD, 9,
     "20280228T0000Z 20280229T0000Z 20280301T0000Z"},
    {"R3/20280228T0000Z/P1D", FL_CALENDAR_NOLEAP, 9,
     "20280228T0000Z 20280301T0000Z 20280302T0000Z"},
    {"R4/20280229T0000Z/P1D", FL_CALENDAR_360_DAY, 9,
     "20280229T0000Z 20280230T0000Z 20280301T0000Z 20280302T0000Z"},
    {"R3/20271230T1200Z/PT12H", FL_CALENDAR_360_DAY, 9,
     "20271230T1200Z 20280101T0000Z 20280101T1200Z"},
    {"R3/18500131T0000Z/P1M", FL_CALENDAR_NOLEAP, 9,
     "18500131T0000Z 18500228T0000Z 18500331T0000Z"},
    {"R2/00010101T0000Z/P9998Y", FL_CALENDAR_NOLEAP, 0, NULL}, /* longer than any period */
    {"R/21991231T1200Z/PT6H", FL_CALENDAR_STANDARD, 9, "21991231T1200Z 21991231T1800Z"},
};

/* A cycle made for a wrong day runs a forecast that nobody asked for, at the one time of the year
 * when nobody looks. */
static void points_are_those_of_the_calendar(void **state)
{
    char text[512];

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct fl_recurrence rule;

        if (!cases[i].points) {
            assert_int_equal(
                fl_recurrence_parse(cases[i].rule, cases[i].calendar, NULL, &rule, NULL),
                FL_E_PARSE);
            continue;
        }
        rule = rule_of(cases[i].rule, cases[i].calendar);
        points_of(&rule, cases[i].limit, text, sizeof(text));
        assert_string_equal(text, cases[i].points);
    }
}

/* After a restart cycles are found again by their place on the rule. */
static void every_point_is_found_at_its_own_index_and_nothing_between(void **state)
{
    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct fl_recurrence rule;
        struct fl_cycle at;

        if (!cases[i].points)
            continue;
        rule = rule_of(cases[i].rule, cases[i].calendar);
        for (int64_t k = 0; k < 2000 && fl_recurrence_nth(&rule, k, &at); k++) {
            struct fl_cycle before = {at.s - 1};
            struct fl_cycle after = {at.s + 1};
            struct fl_cycle next;
            bool has_next = fl_recurrence_nth(&rule, k + 1, &next);

            assert_int_equal(fl_recurrence_find(&rule, at), k);
            assert_int_equal(fl_recurrence_at_or_after(&rule, at), k);
            assert_int_equal(fl_recurrence_at_or_before(&rule, at), k);
            assert_int_equal(fl_recurrence_at_or_after(&rule, before), k);
            assert_int_equal(fl_recurrence_at_or_before(&rule, before), k - 1);
            assert_int_equal(fl_recurrence_at_or_after(&rule, after), has_next ? k + 1 : -1);
            assert_int_equal(fl_recurrence_at_or_before(&rule, after), k);
            assert_int_equal(fl_recurrence_find(&rule, after), -1);
            if (has_next)
                assert_true(next.s > at.s);
        }
    }
}

/* A person who asks for a cycle that is not on the rule is told the two that are. */
static void a_cycle_off_the_recurrence_is_answered_with_its_neighbours(void **state)
{
    struct fl_recurrence rule = rule_of("R4/20261124T0000Z/PT6H", FL_CALENDAR_STANDARD);
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_recurrence_check(&rule, cycle_of("20261124T0600Z", FL_CALENDAR_STANDARD), &err),
              err);
    assert_int_equal(
        fl_recurrence_check(&rule, cycle_of("20261124T0700Z", FL_CALENDAR_STANDARD), &err),
        FL_E_REFUSED);
    assert_non_null(strstr(err.text, "nearest points are 20261124T0600Z and 20261124T1200Z"));
    assert_int_equal(
        fl_recurrence_check(&rule, cycle_of("20261123T0000Z", FL_CALENDAR_STANDARD), &err),
        FL_E_REFUSED);
    assert_non_null(strstr(err.text, "before the recurrence"));
    assert_non_null(strstr(err.text, "first point is 20261124T0000Z"));
    assert_int_equal(
        fl_recurrence_check(&rule, cycle_of("20261124T1801Z", FL_CALENDAR_STANDARD), &err),
        FL_E_REFUSED);
    assert_non_null(strstr(err.text, "last point is 20261124T1800Z"));
    assert_int_equal(
        fl_recurrence_check(&rule, cycle_of("20261124T0600Z", FL_CALENDAR_NOLEAP), &err),
        FL_E_REFUSED);
}

/* What cannot be meant is refused with what would be accepted, never read as something else. */
static void what_is_no_recurrence_is_refused_in_words(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } bad[] = {
        {"", "three parts"},
        {"R", "three parts"},
        {"R/20261124T0000Z", "three parts"},
        {"R/20261124T0000Z/PT6H/PT6H", "three parts"},
        {"20261124T0000Z/PT6H/PT6H", "begin with R"},
        {"R0/20261124T0000Z/PT6H", "no points"},
        {"R-3/20261124T0000Z/PT6H", "negative number"},
        {"Rx/20261124T0000Z/PT6H", "no number"},
        {"R99999999999999999999/20261124T0000Z/PT6H", "too many points"},
        {"R/20261124T0000Z/PT0S", "is zero"},
        {"R/20261124T0000Z/P0M", "is zero"},
        {"R/20261124T0000Z/-PT6H", "is negative"},
        {"R/20261124T0000Z/P", "is not a period"},
        {"R/20261124T0000Z/PT", "is not a period"},
        {"R/20261124T0000Z/P6H", "is not a period"},
        {"R/20261124T0000Z/PT6", "is not a period"},
        {"R/20261124T0000Z/P99999999999999999999Y", "is too long"},
        {"R/20261124T0000Z/PT9999999999999999999S", "is too long"},
        {"R/20261124T0000Z/P401Y", "is too long"},
        {"R/PT6H/PT6H", "two periods"},
        {"R/20261124T0000Z/20261124T0000Z", "not after the first"},
        {"R/20261124T0600Z/20261124T0000Z", "not after the first"},
        {"R/PT6H/20261124T0000Z", "no first point"},
        {"R1000000000/20261124T0000Z/PT6H", "beyond the years"},
        {"R1000000/P1D/20261124T0000Z", "beyond the years"},
        {"R/20260230T0000Z/PT6H", "no such time"},
        {"PT6H", "no first point"},
    };
    struct fl_recurrence rule = {.count = 77};
    struct fl_err long_err = {0};
    struct fl_cycle from;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(bad); i++) {
        struct fl_err err = {0};

        assert_int_equal(fl_recurrence_parse(bad[i].text, FL_CALENDAR_STANDARD, NULL, &rule, &err),
                         FL_E_PARSE);
        if (!strstr(err.text, bad[i].says))
            fail_msg("'%s' was answered: %s", bad[i].text, err.text);
        assert_int_equal(rule.count, 77);
    }
    assert_int_equal(fl_recurrence_parse("R7/20261124T0000Z/28261124T0600Z", FL_CALENDAR_NOLEAP,
                                         NULL, &rule, &long_err),
                     FL_E_PARSE);
    assert_non_null(strstr(long_err.text, "more than 400 years"));
    assert_int_equal(fl_cycle_parse_in("00010101T0000Z", FL_CALENDAR_360_DAY, &from, NULL), 0);
    assert_int_equal(
        fl_recurrence_parse("R/PT6S/20261125T0000Z", FL_CALENDAR_360_DAY, &from, &rule, &long_err),
        FL_E_PARSE);
    assert_non_null(strstr(long_err.text, "too many points"));
}

/* `every = "PT6H"` with `from`, and a rule that only says where it ends. */
static void a_rule_without_a_start_begins_where_the_workflow_does(void **state)
{
    struct fl_cycle from = cycle_of("20261124T0100Z", FL_CALENDAR_STANDARD);
    struct fl_recurrence rule;
    struct fl_err err = {0};
    char text[512];

    (void)state;
    assert_ok(fl_recurrence_parse("PT6H", FL_CALENDAR_STANDARD, &from, &rule, &err), err);
    points_of(&rule, 2, text, sizeof(text));
    assert_string_equal(text, "20261124T0100Z 20261124T0700Z");
    assert_ok(
        fl_recurrence_parse("R/PT6H/20261124T1800Z", FL_CALENDAR_STANDARD, &from, &rule, &err),
        err);
    points_of(&rule, 9, text, sizeof(text));
    assert_string_equal(text, "20261124T0600Z 20261124T1200Z 20261124T1800Z");
    assert_int_equal(
        fl_recurrence_parse("R/PT6H/20261123T1800Z", FL_CALENDAR_STANDARD, &from, &rule, &err),
        FL_E_PARSE);
    assert_non_null(strstr(err.text, "ends before it begins"));
}

/* A rule that is shown or stored must be read again as the same. */
static void a_recurrence_survives_a_round_trip(void **state)
{
    char text[FL_RECURRENCE_TEXT_MAX];
    struct fl_recurrence again;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct fl_recurrence rule;

        if (!cases[i].points)
            continue;
        rule = rule_of(cases[i].rule, cases[i].calendar);
        fl_recurrence_format(&rule, text);
        again = rule_of(text, cases[i].calendar);
        assert_int_equal(again.anchor.s, rule.anchor.s);
        assert_int_equal(again.period.months, rule.period.months);
        assert_int_equal(again.period.seconds, rule.period.seconds);
        assert_int_equal(again.first, rule.first);
        assert_int_equal(again.count, rule.count);
    }
    again = rule_of("R/20260101T0000Z/P1Y6M2DT3H", FL_CALENDAR_STANDARD);
    fl_recurrence_format(&again, text);
    assert_string_equal(text, "R/20260101T0000Z/P1Y6M2DT3H");
}

/* All days of 800 years, in each calendar: no day twice, none left out. */
static void days_follow_each_other_in_every_calendar(void **state)
{
    (void)state;
    for (int c = 0; c < FL_CALENDAR_COUNT; c++) {
        enum fl_calendar calendar = (enum fl_calendar)c;
        int first = calendar == FL_CALENDAR_STANDARD ? 1900 : 1;
        int last = calendar == FL_CALENDAR_STANDARD ? 2199 : 800;
        struct fl_cycle before = {0};

        for (int year = first; year <= last; year++) {
            for (int month = 1; month <= 12; month++) {
                int days = fl_calendar_month_days(calendar, year, month);

                for (int day = 1; day <= days; day++) {
                    struct fl_date date = {year, month, day, 23, 59, 59};
                    struct fl_date back;
                    struct fl_cycle at;

                    assert_int_equal(fl_cycle_from_date(calendar, &date, &at, NULL), 0);
                    fl_cycle_date(at, &back);
                    assert_memory_equal(&back, &date, sizeof(date));
                    assert_int_equal(fl_cycle_calendar(at), calendar);
                    if (before.s)
                        assert_int_equal(at.s - before.s, 86400);
                    before = at;
                }
                assert_int_equal(
                    fl_cycle_from_date(calendar, &(struct fl_date){year, month, days + 1, 0, 0, 0},
                                       &(struct fl_cycle){0}, NULL),
                    FL_E_PARSE);
            }
        }
    }
}

/* A file name of a climate run carries the date of its own calendar. */
static void names_are_made_in_the_calendar_of_the_cycle(void **state)
{
    struct fl_cycle cycle = cycle_of("20280230T0600Z", FL_CALENDAR_360_DAY);
    struct fl_err err = {0};
    char text[64];

    (void)state;
    assert_ok(fl_cycle_strftime(cycle, "%Y%m%d%H.%j", text, sizeof(text), &err), err);
    assert_string_equal(text, "2028023006.060");
    cycle = fl_cycle_add(cycle, (struct fl_lead){24 * 60});
    fl_cycle_format_extended(cycle, text);
    assert_string_equal(text, "2028-03-01T06:00:00Z");
    assert_int_equal(fl_cycle_parse("20280230T0600Z", &cycle, NULL), FL_E_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_those_of_the_calendar),
        cmocka_unit_test(every_point_is_found_at_its_own_index_and_nothing_between),
        cmocka_unit_test(a_cycle_off_the_recurrence_is_answered_with_its_neighbours),
        cmocka_unit_test(what_is_no_recurrence_is_refused_in_words),
        cmocka_unit_test(a_rule_without_a_start_begins_where_the_workflow_does),
        cmocka_unit_test(a_recurrence_survives_a_round_trip),
        cmocka_unit_test(days_follow_each_other_in_every_calendar),
        cmocka_unit_test(names_are_made_in_the_calendar_of_the_cycle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
