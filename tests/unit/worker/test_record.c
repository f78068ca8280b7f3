/* What stays of an attempt: logs of bounded size, the spool. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/json.h"
#include "engine/world/file.h"
#include "engine/worker/bodylog.h"
#include "engine/worker/spec.h"
#include "engine/worker/spool.h"
#include "tests/lib/test.h"

#define LIMIT 65536

/* A model in a print loop must not fill the disk, and both how it began and how it ended are what
 * one looks for. */
static void log_keeps_head_and_tail_within_its_limit(void **state)
{
    struct fl_bodylog log;
    struct fl_words words;
    struct fl_err err = {0};
    json_t *forbid = json_pack("[s]", "line 77777 is bad");
    char line[64];
    size_t size = 0;
    char *text;

    (void)state;
    assert_ok(fl_bodylog_open(&log, fl_world_real(), "stdout", LIMIT, &err), err);
    assert_ok(fl_words_init(&words, "line 50000\n", forbid, &err), err);
    for (int i = 1; i <= 100000; i++) {
        int used = snprintf(line, sizeof(line), "line %d\n", i);

        assert_ok(fl_bodylog_write(&log, line, (size_t)used, &err), err);
        assert_ok(fl_words_look(&words, line, (size_t)used, &err), err);
    }
    assert_ok(fl_bodylog_close(&log, &err), err);
    text = test_file_read("stdout", &size);
    assert_true(size <= LIMIT + 100);
    assert_true(size >= LIMIT / 2 + LIMIT / 4);
    assert_int_equal(strncmp(text, "line 1\nline 2\n", 14), 0);
    assert_string_equal(text + size - 12, "line 100000\n");
    assert_non_null(strstr(text, "bytes left out here]"));
    assert_null(strstr(text, "line 50000\n"));
    assert_true(words.found); /* looked for in all that came, not in what was kept */
    assert_null(words.forbidden);
    assert_false(test_file_exists("stdout.part"));
    assert_false(test_file_exists("stdout.older"));
    free(text);
    fl_words_release(&words);
    json_decref(forbid);
}

/* A log that fits is as it came, byte for byte. */
static void short_log_is_whole(void **state)
{
    struct fl_bodylog log;
    struct fl_err err = {0};
    char *text;

    (void)state;
    assert_ok(fl_bodylog_open(&log, fl_world_real(), "stdout", LIMIT, &err), err);
    assert_ok(fl_bodylog_write(&log, "abc", 3, &err), err);
    assert_ok(fl_bodylog_close(&log, &err), err);
    text = test_file_read("stdout", NULL);
    assert_string_equal(text, "abc");
    free(text);
}

/* "NaN" is found however the pieces were cut that the pipe gave. */
static void words_are_found_across_any_cut(void **state)
{
    static const char stream[] = "one two NaN three surge: done";
    struct fl_err err = {0};
    json_t *forbid = json_pack("[s]", "NaN");

    (void)state;
    for (size_t step = 1; step < sizeof(stream); step++) {
        struct fl_words words;

        assert_ok(fl_words_init(&words, "surge: done", forbid, &err), err);
        for (size_t at = 0; at < sizeof(stream) - 1; at += step) {
            size_t left = sizeof(stream) - 1 - at;

            assert_ok(fl_words_look(&words, stream + at, left < step ? left : step, &err), err);
        }
        assert_true(words.found);
        assert_string_equal(words.forbidden, "NaN");
        fl_words_release(&words);
    }
    json_decref(forbid);
    for (int i = 0; i < 2; i++) { /* one letter, and nothing at all: nothing to carry over */
        struct fl_words words;

        assert_ok(fl_words_init(&words, i == 0 ? "w" : NULL, NULL, &err), err);
        assert_ok(fl_words_look(&words, stream, sizeof(stream) - 1, &err), err);
        assert_int_equal(words.found, i == 0);
        fl_words_release(&words);
    }
}

/* A supervisor that died in the middle of a line leaves a spool that can be read and gone on
 * with. */
static void torn_spool_is_cut_and_gone_on_with(void **state)
{
    struct fl_spool_writer writer;
    struct fl_spool_reader reader;
    struct fl_err err = {0};
    json_t *event = NULL;
    json_t *end = fl_spool_end("failed", -1, 9, "transient", "why");
    int64_t index = 0;

    (void)state;
    assert_ok(fl_spool_open(&writer, fl_world_real(), ".", &err), err);
    assert_ok(fl_spool_add(&writer, end, &err), err);
    assert_ok(fl_file_append(fl_world_real(), FL_SPOOL_FILE, "{\"index\":2,\"ev", 14, false, &err),
              err);
    assert_ok(fl_spool_reader_init(&reader, fl_world_real(), ".", &err), err);
    assert_ok(fl_spool_next(&reader, &index, &event, &err), err);
    assert_int_equal(index, 1);
    assert_int_equal(json_integer_value(json_object_get(event, "signal")), 9);
    json_decref(event);
    assert_int_equal(fl_spool_next(&reader, &index, &event, &err), FL_E_AGAIN);
    fl_spool_close(&writer);
    assert_ok(fl_spool_open(&writer, fl_world_real(), ".", &err), err);
    assert_int_equal(writer.index, 1);
    assert_ok(fl_spool_add(&writer, end, &err), err);
    assert_ok(fl_spool_next(&reader, &index, &event, &err), err);
    assert_int_equal(index, 2);
    json_decref(event);
    json_decref(end);
    fl_spool_close(&writer);
    fl_spool_reader_release(&reader);
}

/* An id or a file name from the bus never leaves the site's root. */
static void spec_with_names_that_leave_their_folder_is_refused(void **state)
{
    static const char *const ids[] = {"../x/c/s/1", "/etc/c/s/1", "w/../../s/1", "w%c/s/1", ""};
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(ids); i++)
        assert_false(fl_spec_id_is_safe(ids[i]));
    assert_true(fl_spec_id_is_safe("surge/20181009T0000Z#east2/prep.f003/1"));
    for (int i = 0; i < 2; i++) {
        struct fl_spec spec;
        const char *name = i == 0 ? "../../x" : "x.nc";
        json_t *json = json_pack(
            "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:[{s:s,s:s}]}", "id", "w/c/s/1", "run", "w/c",
            "workflow", "w", "cycle", "20181009T0000Z", "stage", "s", "token", "0123456789abcdef",
            "site", "hpc", "program", "true", "attempt", 1, "outputs", "output", "x", "file", name);

        if (i == 0) {
            assert_fails_with(fl_spec_init(&spec, json, &err), FL_E_PERM, err, "output 1");
        } else {
            assert_ok(fl_spec_init(&spec, json, &err), err);
            fl_spec_release(&spec);
        }
        json_decref(json);
    }
}

#define ON(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(log_keeps_head_and_tail_within_its_limit),
        ON(short_log_is_whole),
        ON(words_are_found_across_any_cut),
        ON(torn_spool_is_cut_and_gone_on_with),
        ON(spec_with_names_that_leave_their_folder_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
