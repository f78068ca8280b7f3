/* What people read: columns that stand under each other, times in UTC, the state that matters
 * first. */
#include "config.h"

#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/summary.h"
#include "engine/cli/text.h"

#include "engine/base/banned.h"

/* A watch officer reads down the columns. */
static void the_columns_of_a_table_stand_under_each_other(void **state)
{
    static const char *const heads[] = {"STAGE", "STATE", "NOTE"};
    static const char *const first[] = {"forecast", "running", NULL};
    static const char *const second[] = {"größe", "ok", "x"};
    fl_auto(fl_table_release) struct fl_table table = {0};
    struct fl_err err = {0};
    char *text;
    FILE *file = tmpfile();

    (void)state;
    fl_table_init(&table, 3, heads, 1);
    fl_table_row(&table, first);
    fl_table_row(&table, second);
    assert_non_null(file);
    assert_ok(fl_table_print(&table, file, " ", &err), err);
    text = calloc(1, 512);
    rewind(file);
    assert_true(fread(text, 1, 511, file) > 0);
    assert_string_equal(text, " STAGE     STATE    NOTE\n"
                              " forecast  running\n"
                              " größe     ok       x\n");
    free(text);
    (void)fclose(file);
}

/* The times of an answer are compared to show that work overlapped: below the second too. */
static void times_are_read_to_the_nanosecond(void **state)
{
    json_t *value = json_string("1970-01-02T00:00:01.250000001Z");
    char text[64];

    (void)state;
    assert_true(fl_text_time_ns(value) == INT64_C(86401250000001));
    json_decref(value);
    value = json_string("yesterday");
    assert_true(fl_text_time_ns(value) == 0);
    json_decref(value);
    assert_true(fl_text_time_ns(NULL) == 0);
    assert_string_equal(fl_text_time(INT64_C(86401250000001), INT64_C(86400000000000), text, 64),
                        "00:00:01");
    assert_string_equal(fl_text_time(INT64_C(86401250000001), 1, text, 64), "1970-01-02 00:00:01");
    assert_string_equal(fl_text_time(0, 1, text, 64), "");
}

/* Spans in the unit that a person would choose. */
static void spans_are_said_in_a_fitting_unit(void **state)
{
    char text[64];

    (void)state;
    assert_string_equal(fl_text_span(850000000, text, 64), "850 ms");
    assert_string_equal(fl_text_span(7200000000, text, 64), "7.2 s");
    assert_string_equal(fl_text_span(INT64_C(192000000000), text, 64), "3 min 12 s");
    assert_string_equal(fl_text_span(INT64_C(7500000000000), text, 64), "2 h 05 min");
}

/* One failed lead among fifty that went well is what the line must say. */
static void the_note_says_what_is_not_well(void **state)
{
    static const char text[] =
        "{\"stage\":\"prep\",\"state\":\"failed\",\"instances\":3,\"done\":1,\"degraded\":2,"
        "\"counts\":{\"failed\":1,\"waiting\":1,\"succeeded\":1},"
        "\"begun\":\"2026-11-24T00:00:00.100Z\"}";
    json_t *entry = json_loads(text, 0, NULL);
    struct fl_summary sum;
    char note[128];

    (void)state;
    assert_non_null(entry);
    sum = fl_summary_of(entry, "stage");
    assert_string_equal(sum.name, "prep");
    assert_int_equal(sum.done, 1);
    assert_true(sum.begun_ns > 0);
    assert_true(sum.ended_ns == 0);
    fl_summary_note(&sum, note, sizeof(note));
    assert_string_equal(note, "1 failed, 1 waiting, 2 degraded");
    json_decref(entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_columns_of_a_table_stand_under_each_other),
        cmocka_unit_test(times_are_read_to_the_nanosecond),
        cmocka_unit_test(spans_are_said_in_a_fitting_unit),
        cmocka_unit_test(the_note_says_what_is_not_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
