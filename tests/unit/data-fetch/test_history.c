/* Files against their past. */
#include "config.h"

#include "data-fetch/source/history.h"

#include <string.h>

#include "data-fetch/book/book.h"
#include "tests/lib/test.h"

/* GFS pgrb2b of 2024-10-20 18Z, f249: 71 MB and 112 messages where 238 MB and 349 were due, whole
 * by all its own signs. A model fed with it lacks levels. */
static void a_file_that_is_too_small_for_its_past_is_refused(void **state)
{
    const struct fl_history_rule rule = FL_HISTORY_DEFAULT;
    const struct fl_book_size past = {.count = 12, .bytes = 238000000, .messages = 349};
    struct fl_err why = {0};

    (void)state;
    assert_int_equal(fl_history_judge(&rule, &past, 71000000, 112, &why), FL_HISTORY_REFUSE);
    assert_non_null(strstr(why.text, "112 messages; 12 other cycles had 349"));
    assert_int_equal(fl_history_judge(&rule, &past, 71000000, 0, &why), FL_HISTORY_REFUSE);
    assert_non_null(strstr(why.text, "71000000 bytes; 12 other cycles had 238000000"));
    assert_int_equal(fl_history_judge(&rule, &past, 190400000, 349, &why), FL_HISTORY_PASS);
    assert_int_equal(fl_history_judge(&rule, &past, 190399999, 349, &why), FL_HISTORY_REFUSE);
    assert_int_equal(fl_history_judge(&rule, &past, 0, 0, &why), FL_HISTORY_PASS);
}

/* A new version of a model has more fields: that is told, not refused. */
static void another_count_is_told(void **state)
{
    struct fl_history_rule rule = FL_HISTORY_DEFAULT;
    const struct fl_book_size past = {.count = 3, .bytes = 1000, .messages = 349};
    struct fl_err why = {0};

    (void)state;
    assert_int_equal(fl_history_judge(&rule, &past, 1000, 350, &why), FL_HISTORY_WARN);
    assert_non_null(strstr(why.text, "350 messages"));
    rule.changed = FL_HISTORY_PASS;
    assert_int_equal(fl_history_judge(&rule, &past, 1000, 350, &why), FL_HISTORY_PASS);
    rule.few = FL_HISTORY_WARN;
    assert_int_equal(fl_history_judge(&rule, &past, 10, 349, &why), FL_HISTORY_WARN);
}

/* Two cycles are no experience: the first day of a new source must go through. */
static void too_little_past_judges_nothing(void **state)
{
    const struct fl_history_rule rule = FL_HISTORY_DEFAULT;
    const struct fl_book_size past = {.count = 2, .bytes = 1000, .messages = 349};
    struct fl_err why = {0};

    (void)state;
    assert_int_equal(fl_history_judge(&rule, &past, 1, 1, &why), FL_HISTORY_PASS);
    assert_int_equal(fl_history_judge(&rule, &(struct fl_book_size){.count = 9}, 1, 1, &why),
                     FL_HISTORY_PASS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_too_small_for_its_past_is_refused),
        cmocka_unit_test(another_count_is_told),
        cmocka_unit_test(too_little_past_judges_nothing),
    };

    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
