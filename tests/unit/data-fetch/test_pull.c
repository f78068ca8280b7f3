/* Whole files from servers that behave, and from those that do not. */
#include "config.h"

#include "data-fetch/lines/pull.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/lines/landing.h"
#include "engine/world/file.h"
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "tests/unit/data-fetch/server.h"

#define SIZE ((size_t)3 * 1024 * 1024 + 17)

struct got {
    int rc;
    struct fl_err err;
    int whole;
};

static char sha[FL_DIGEST_HEX];

/* Bytes that tell where they are from. */
static void make_file(const char *path, unsigned seed, char hex[static FL_DIGEST_HEX])
{
    unsigned char *data = malloc(SIZE);

    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (unsigned char)((i * 2654435761u >> 13) + i / 65536 + seed);
    fl_digest_memory(data, SIZE, hex);
    test_file_write(path, data, SIZE);
    free(data);
}

static void serve(struct server *origin, const char *rules)
{
    static const char *const argv[] = {"tests/tools/origin", "--root",      "root", "--rules",
                                       "rules.cfg",          "--until-eof", NULL};
    char text[600];
    struct fl_err err = {0};

    assert_ok(fl_dir_make(fl_world_real(), "root", 0755, &err), err);
    make_file("root/f.bin", 0, sha);
    (void)snprintf(text, sizeof(text), "rules = ( %s );\n", rules);
    test_file_write("rules.cfg", text, strlen(text));
    server_start(origin, argv);
}

static int settle(struct fl_pull_item *item, struct fl_err *reterr, void *arg)
{
    struct got *got = arg;

    got->whole++;
    return fl_incoming_settle(&item->incoming, reterr);
}

static struct got pull_by(const struct fl_world *world, const char *url, const char *digest,
                          int64_t size)
{
    char whole_url[200];
    struct fl_pull_item item = {
        .url = whole_url, .path = "to/f.bin", .sha256 = digest, .size = size};
    struct fl_pull_options options = {.patience_ns = INT64_C(20000000000)};
    struct got got = {0};

    (void)snprintf(whole_url, sizeof(whole_url), "%s/f.bin", url);
    got.rc = fl_pull_run_with(world, &options, &item, 1, settle, &got, &got.err);
    return got;
}

static void is_whole(const struct got *got)
{
    char hex[FL_DIGEST_HEX];
    struct fl_err err = {0};

    assert_ok(got->rc, got->err);
    assert_int_equal(got->whole, 1);
    assert_ok(fl_file_digest(fl_world_real(), "to/f.bin", hex, NULL, &err), err);
    assert_string_equal(hex, sha);
    assert_true(test_folder_is_empty("to/.incoming"));
}

static void again(void)
{
    struct fl_err err = {0};

    assert_ok(fl_dir_remove(fl_world_real(), "to", &err), err);
}

/* Whatever is told beforehand: size and digest, one of them, or nothing. */
static void a_file_comes_whatever_is_known_of_it(void **state)
{
    static const char *const rules[] = {"", "{ path = \"f.bin\"; no_ranges = true; }"};

    (void)state;
    for (size_t r = 0; r < FL_COUNT(rules); r++) {
        struct server origin;

        serve(&origin, rules[r]);
        for (int known = 0; known < 4; known++) {
            struct got got = pull_by(fl_world_real(), origin.url, known & 1 ? sha : NULL,
                                     known & 2 ? (int64_t)SIZE : -1);

            is_whole(&got);
            again();
        }
        server_stop(&origin);
    }
}

/* An empty file is a file. */
static void an_empty_file_is_whole(void **state)
{
    struct server origin;
    struct fl_stat info;

    (void)state;
    serve(&origin, "");
    test_file_write("root/f.bin", "", 0);
    for (int known = 0; known < 2; known++) {
        struct got got = pull_by(fl_world_real(), origin.url, NULL, known ? 0 : -1);

        assert_ok(got.rc, got.err);
        assert_ok(fl_file_stat(fl_world_real(), "to/f.bin", &info, &got.err), got.err);
        assert_int_equal(info.size_bytes, 0);
        again();
    }
    server_stop(&origin);
}

/* A connection that ends in the middle costs what it had not brought, no more. */
static void servers_that_stumble_are_asked_for_the_rest(void **state)
{
    static const char *const rules[] = {
        "{ path = \"f.bin\"; times = 3; reset_after_bytes = 100000; }",
        "{ path = \"f.bin\"; times = 3; close_after_bytes = 100000; }",
        "{ path = \"f.bin\"; times = 2; status = 503; }",
        "{ path = \"f.bin\"; times = 2; status = 404; }",
        "{ path = \"f.bin\"; times = 2; stall_after_bytes = 50000; }",
        "{ path = \"f.bin\"; no_ranges = true; times = 2; close_after_bytes = 2000000; }",
    };

    (void)state;
    for (size_t r = 0; r < FL_COUNT(rules); r++) {
        struct server origin;
        struct got got;

        serve(&origin, rules[r]);
        got = pull_by(fl_world_real(), origin.url, sha, (int64_t)SIZE);
        is_whole(&got);
        again();
        server_stop(&origin);
    }
}

/* Bytes that are not what was promised have no name here. */
static void wrong_bytes_are_refused_with_the_reason(void **state)
{
    static const struct {
        const char *rules;
        bool digest;
        int64_t size;
        int code;
        const char *says;
    } cases[] = {
        {"{ path = \"f.bin\"; corrupt_byte = 1000000; }", true, (int64_t)SIZE, FL_E_MISMATCH,
         "has SHA-256"},
        {"", false, (int64_t)SIZE + 1, FL_E_MISMATCH, "were promised"},
        {"", false, 1000, FL_E_MISMATCH, "were promised"},
        {"{ path = \"f.bin\"; truncate_bytes = 5000; }", true, (int64_t)SIZE, FL_E_MISMATCH,
         "has 5000 bytes"},
        {"{ path = \"f.bin\"; wrong_range = true; }", true, -1, FL_E_MISMATCH, "were asked for"},
        {"{ path = \"f.bin\"; never = true; }", true, -1, FL_E_NOT_YET, "not there"},
        {"{ path = \"f.bin\"; status = 500; }", true, -1, FL_E_NET, "answered 500"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct server origin;
        struct got got;

        serve(&origin, cases[i].rules);
        got = pull_by(fl_world_real(), origin.url, cases[i].digest ? sha : NULL, cases[i].size);
        if (got.rc != cases[i].code)
            fail_msg("case %zu: %s: %s", i, fl_err_name(got.rc), got.err.text);
        assert_fails_with(got.rc, cases[i].code, got.err, cases[i].says);
        assert_int_equal(got.whole, 0);
        assert_false(test_file_exists("to/f.bin"));
        again();
        server_stop(&origin);
    }
}

/* A file that is replaced while it comes: the bytes are of one version, never of both. */
static void a_file_that_changes_meanwhile_is_of_one_version(void **state)
{
    struct server origin;
    char other[FL_DIGEST_HEX];
    struct got got;

    (void)state;
    make_file("other.bin", 7, other);
    serve(&origin, "{ path = \"f.bin\"; replace = \"other.bin\"; replace_after = 2; }");
    got = pull_by(fl_world_real(), origin.url, NULL, -1);
    memcpy(sha, other, sizeof(sha));
    is_whole(&got);
    server_stop(&origin);
}

/* A full or failing disk leaves nothing under the name, and the next run needs no help. */
static void whichever_write_fails_the_name_holds_nothing_or_all(void **state)
{
    struct server origin;

    (void)state;
    serve(&origin, "");
    for (int nth = 0; nth < 400; nth += nth < 12 ? 1 : 7) {
        struct got got;

        fault_arm(nth, nth % 2 ? EIO : ENOSPC);
        got = pull_by(fault_world(), origin.url, sha, (int64_t)SIZE);
        if (!fault_disarm()) {
            is_whole(&got);
            server_stop(&origin);
            return;
        }
        if (got.rc < 0 && test_file_exists("to/f.bin"))
            got = (struct got){.whole = 1}; /* the sync of its folder failed */
        else
            got = pull_by(fl_world_real(), origin.url, sha, (int64_t)SIZE);
        is_whole(&got);
        again();
    }
    fail_msg("never ran out of faults");
}

/* What an earlier run left is not asked for again: a server that has lost it is good enough. */
static void a_later_run_asks_for_what_is_missing(void **state)
{
    struct fl_landing_of of = {.url = "", .sha256 = sha, .size = (int64_t)SIZE, .etag = ""};
    struct fl_landing landing;
    struct server origin;
    struct got got;
    struct fl_err err = {0};
    size_t size = 0;
    char *data;

    (void)state;
    serve(&origin, "{ path = \"f.bin\"; corrupt_byte = 10; }");
    data = test_file_read("root/f.bin", &size);
    assert_ok(fl_landing_open(&landing, fl_world_real(), "to/f.bin", &of, &err), err);
    assert_ok(fl_landing_told(&landing, &of, &err), err);
    assert_ok(fl_landing_write(&landing, 0, data, 1000000, &err), err);
    fl_landing_close(&landing, true);
    free(data);
    got = pull_by(fl_world_real(), origin.url, sha, (int64_t)SIZE);
    is_whole(&got);
    server_stop(&origin);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_file_comes_whatever_is_known_of_it),
        IN_FOLDER(an_empty_file_is_whole),
        IN_FOLDER(servers_that_stumble_are_asked_for_the_rest),
        IN_FOLDER(wrong_bytes_are_refused_with_the_reason),
        IN_FOLDER(a_file_that_changes_meanwhile_is_of_one_version),
        IN_FOLDER(whichever_write_fails_the_name_holds_nothing_or_all),
        IN_FOLDER(a_later_run_asks_for_what_is_missing),
    };

    return cmocka_run_group_tests_name("pull", tests, NULL, NULL);
}
