/* The tables under the live state: sets of numbers, names, words. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/bits.h"
#include "engine/core/names.h"
#include "engine/core/state.h"
#include "tests/lib/test.h"

/* An instance that is ready and is not found would never be launched; one that is found twice would
 * be launched twice. */
static void members_of_a_set_are_found_in_order(void **state)
{
    static const uint32_t counts[] = {0, 1, 63, 64, 65, 4095, 4096, 4097, 300000};

    (void)state;
    for (size_t c = 0; c < FL_COUNT(counts); c++) {
        bool *have = calloc((size_t)counts[c] + 1, sizeof(*have));
        struct fl_bits bits = {0};
        struct fl_err err = {0};
        uint32_t random = 7;
        uint32_t members = 0;
        uint32_t at;

        assert_non_null(have);
        assert_ok(fl_bits_init(&bits, counts[c], &err), err);
        assert_int_equal(fl_bits_next(&bits, 0), FL_BITS_NONE);
        for (uint32_t i = 0; counts[c] > 0 && i < 2000; i++) {
            random = random * 1664525 + 1013904223;
            at = random / 3 % counts[c];
            have[at] = random % 3 > 0;
            if (have[at])
                fl_bits_add(&bits, at);
            else
                fl_bits_drop(&bits, at);
        }
        at = fl_bits_next(&bits, 0);
        for (uint32_t i = 0; i < counts[c]; i++) {
            assert_int_equal(fl_bits_has(&bits, i), have[i]);
            members += have[i];
            if (!have[i])
                continue;
            assert_int_equal(at, i);
            at = fl_bits_next(&bits, at + 1);
        }
        assert_int_equal(at, FL_BITS_NONE);
        assert_int_equal(bits.members, members);
        fl_bits_release(&bits);
        free(have);
    }
}

static int64_t look_through(const struct fl_inst *insts, const bool *have, uint32_t count,
                            int64_t since_ns)
{
    int64_t next = INT64_MAX;

    for (uint32_t i = 0; i < count; i++)
        if (have[i] && insts[i].not_before_ns > since_ns && insts[i].not_before_ns < next)
            next = insts[i].not_before_ns;
    return next;
}

/* A coordinator that slept past the time of a retry would start it when something else woke it. Ten
 * thousand of them come and go, some are due and find no room, times are changed, and the clock
 * jumps back. */
static void the_next_of_many_times_is_known(void **state)
{
    enum { COUNT = 10000, STEPS = 20000 };
    struct fl_inst *insts = calloc(COUNT, sizeof(*insts));
    bool *have = calloc(COUNT, sizeof(*have));
    struct fl_timers timers = {0};
    struct fl_err err = {0};
    uint32_t random = 11;
    int64_t now = 1000000;

    (void)state;
    assert_non_null(insts);
    assert_non_null(have);
    assert_ok(fl_timers_init(&timers, COUNT, &err), err);
    assert_true(fl_timers_after_ns(&timers, insts, now) == INT64_MAX);
    for (int step = 0; step < STEPS; step++) {
        uint32_t at;

        random = random * 1664525 + 1013904223;
        at = random / 7 % COUNT;
        if (have[at]) {
            fl_timers_drop(&timers, at);
            have[at] = false;
        } else {
            insts[at].not_before_ns = now + (int64_t)(random % 100000) - 20000;
            fl_timers_add(&timers, insts, at);
            have[at] = true;
        }
        now += random % 50;
        if (random % 997 == 0)
            now -= 60000;
        if (step % 10 == 0)
            assert_true(fl_timers_after_ns(&timers, insts, now) ==
                        look_through(insts, have, COUNT, now));
    }
    fl_timers_release(&timers);
    free(have);
    free(insts);
}

/* A run that was dropped must not be found, and must not hide another one. */
static void names_come_and_go(void **state)
{
    static char texts[3000][16];
    struct fl_names names = {0};
    struct fl_err err = {0};
    uint32_t v = 0;

    (void)state;
    assert_false(fl_names_find(&names, "x", &v));
    for (uint32_t i = 0; i < FL_COUNT(texts); i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "name%u", i);
        assert_ok(fl_names_add(&names, texts[i], i, &err), err);
    }
    for (uint32_t i = 0; i < FL_COUNT(texts); i += 3)
        assert_true(fl_names_drop(&names, texts[i]));
    assert_false(fl_names_drop(&names, texts[0]));
    for (uint32_t i = 0; i < FL_COUNT(texts); i++) {
        assert_int_equal(fl_names_find(&names, texts[i], &v), i % 3 != 0);
        if (i % 3 != 0)
            assert_int_equal(v, i);
    }
    assert_true(fl_names_find_sized(&names, "name1-and-more", 5, &v));
    assert_int_equal(v, 1);
    fl_names_release(&names);
}

/* Two numbers for one pool would share out its jobs twice. */
static void a_word_has_one_number(void **state)
{
    struct fl_words words = {0};
    struct fl_err err = {0};
    char text[16];
    uint32_t v = 0;

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof(text), "pool%u", i % 100);
        assert_ok(fl_words_number(&words, text, &v, &err), err);
        assert_int_equal(v, i % 100);
        assert_string_equal(words.items[v], text);
    }
    fl_words_release(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_a_set_are_found_in_order),
        cmocka_unit_test(the_next_of_many_times_is_known),
        cmocka_unit_test(names_come_and_go),
        cmocka_unit_test(a_word_has_one_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
