/* Files that come in pieces, and their journals. */
#include "config.h"

#include "data-fetch/lines/landing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/lines/journal.h"
#include "engine/world/file.h"
#include "tests/lib/fault.h"
#include "tests/lib/test.h"

#define MIB INT64_C(1048576)
#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PART "to/.incoming/f.bin.part"
#define JOURNAL "to/.incoming/f.bin.journal"

static const struct fl_landing_of proven = {
    .url = "http://h/f.bin", .sha256 = SHA, .size = 4 * MIB, .etag = ""};
static const struct fl_landing_of unproven = {
    .url = "http://h/f.bin", .size = 4 * MIB, .etag = "\"one\""};

static void open_it(struct fl_landing *landing, const struct fl_landing_of *of)
{
    struct fl_err err = {0};

    assert_ok(fl_landing_open(landing, fl_world_real(), "to/f.bin", of, &err), err);
}

static void write_at(struct fl_landing *landing, int64_t offset, size_t size)
{
    struct fl_err err = {0};
    char *data = malloc(size);

    assert_non_null(data);
    memset(data, 'x', size);
    assert_ok(fl_landing_write(landing, offset, data, size, &err), err);
    free(data);
}

static void told(struct fl_landing *landing, const struct fl_landing_of *of)
{
    struct fl_err err = {0};

    assert_ok(fl_landing_told(landing, of, &err), err);
}

static void gap_is(const struct fl_landing *landing, int64_t from, int64_t first, int64_t end)
{
    struct fl_part gap;

    assert_true(fl_landing_gap(landing, from, &gap));
    assert_int_equal(gap.first, first);
    assert_int_equal(gap.end, end);
}

/* What is thought to be there and is not is a hole in a forecast. */
static void gaps_are_what_was_not_written(void **state)
{
    struct fl_landing landing;
    struct fl_part gap;

    (void)state;
    open_it(&landing, &proven);
    told(&landing, &proven);
    gap_is(&landing, 0, 0, 4 * MIB);
    write_at(&landing, MIB, 100);
    write_at(&landing, 3 * MIB, 100);
    gap_is(&landing, 0, 0, MIB);
    gap_is(&landing, MIB, MIB + 100, 3 * MIB);
    gap_is(&landing, MIB + 100, MIB + 100, 3 * MIB);
    gap_is(&landing, 3 * MIB, 3 * MIB + 100, 4 * MIB);
    assert_int_equal(fl_landing_prefix(&landing), 0);
    write_at(&landing, 0, MIB);
    assert_int_equal(fl_landing_prefix(&landing), MIB + 100);
    write_at(&landing, MIB + 100, (size_t)(2 * MIB - 100));
    assert_int_equal(landing.count, 1);
    write_at(&landing, 3 * MIB + 100, (size_t)(MIB - 100));
    assert_true(fl_landing_whole(&landing));
    assert_false(fl_landing_gap(&landing, 0, &gap));
    fl_landing_close(&landing, false);
    assert_true(test_folder_is_empty("to/.incoming"));
}

/* A transfer that is killed after four hours must not begin anew. */
static void a_later_process_takes_up_what_is_there(void **state)
{
    struct fl_landing landing;

    (void)state;
    open_it(&landing, &proven);
    told(&landing, &proven);
    write_at(&landing, 0, (size_t)MIB);
    write_at(&landing, 2 * MIB, 1000);
    fl_landing_close(&landing, true);
    assert_true(test_file_exists(PART));

    open_it(&landing, &proven);
    assert_int_equal(landing.resumed, MIB + 1000);
    gap_is(&landing, 0, MIB, 2 * MIB);
    gap_is(&landing, 2 * MIB, 2 * MIB + 1000, 4 * MIB);
    fl_landing_close(&landing, true);
}

/* Bytes of another file under our name are the worst mixture there is. */
static void other_bytes_are_not_taken_up(void **state)
{
    struct fl_landing_of other = proven;
    struct fl_landing landing;

    (void)state;
    for (int n = 0; n < 4; n++) {
        open_it(&landing, n == 3 ? &unproven : &proven);
        told(&landing, n == 3 ? &unproven : &proven);
        write_at(&landing, 0, (size_t)MIB);
        fl_landing_close(&landing, true);
        other = n == 3 ? unproven : proven;
        if (n == 0)
            other.sha256 = "bbbb";
        if (n == 1)
            other.size = 5 * MIB;
        if (n == 2)
            other.sha256 = NULL; /* no ETag in the journal: nothing would prove it */
        if (n == 3)
            other.url = "http://other/f.bin";
        open_it(&landing, &other);
        assert_int_equal(landing.resumed, 0);
        gap_is(&landing, 0, 0, other.size);
        fl_landing_close(&landing, false);
    }
    open_it(&landing, &unproven);
    told(&landing, &unproven);
    write_at(&landing, 0, (size_t)MIB);
    fl_landing_close(&landing, true);
    open_it(&landing, &unproven);
    assert_int_equal(landing.resumed, MIB); /* the same address, size and ETag */
    assert_string_equal(landing.etag, "\"one\"");
    fl_landing_close(&landing, false);
}

static int count_part(int64_t first, int64_t end, void *arg)
{
    int64_t *sum = arg;

    *sum += end - first;
    return 0;
}

static bool parse(const char *text, const char *boot, const struct fl_landing_of *of, int64_t *sum)
{
    struct fl_journal_head head;
    char *copy = strdup(text);
    bool same;

    assert_non_null(copy);
    *sum = 0;
    same = fl_journal_parse(copy, strlen(copy), boot, of, &head, count_part, sum);
    free(copy);
    return same;
}

#define HEAD(sha, size, etag) \
    "fairlead journal 1\nurl http://h/f.bin\nsha256 " sha "\nsize " size "\netag " etag \
    "\nboot b1\n"

/* A journal may end anywhere, and be anything. */
static void torn_and_strange_journals_are_read_with_care(void **state)
{
    static const char *const strange[] = {
        "",
        "x",
        "fairlead journal 2\n",
        "fairlead journal 1\nurl a\n",
        HEAD(SHA, "4194304", "") "0 x\n",
        HEAD(SHA, "4194304", "") "5 5\n",
        HEAD(SHA, "4194304", "") "-1 5\n",
        HEAD(SHA, "4194304", "") "0 99999999999999999999\n",
        HEAD(SHA, "x", "") "0 5\n",
        HEAD(SHA, "4194304", "") "0 5 \n",
    };
    const char *good = HEAD(SHA, "4194304", "") "0 10\n20 30\n";
    int64_t sum;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(strange); i++)
        assert_false(parse(strange[i], "b1", &proven, &sum));
    assert_true(parse(good, "b1", &proven, &sum));
    assert_int_equal(sum, 20);
    assert_true(parse(HEAD(SHA, "4194304", "") "0 10\n20 3", "b1", &proven, &sum));
    assert_int_equal(sum, 10);                     /* the torn line is not read */
    assert_true(parse(good, "b2", &proven, &sum)); /* the digest will decide */
    assert_true(parse(HEAD("", "4194304", "\"one\"") "0 10\n", "b1", &unproven, &sum));
    assert_false(parse(HEAD("", "4194304", "\"one\"") "0 10\n", "b2", &unproven, &sum));
    assert_false(parse(HEAD("", "4194304", "\"one\"") "0 10\n", "", &unproven, &sum));
    assert_false(parse(HEAD("", "4194304", "W/\"one\"") "0 10\n", "b1", &unproven, &sum));
}

/* A journal that says more than the disk holds is not believed. */
static void a_journal_of_bytes_that_are_gone_is_not_believed(void **state)
{
    struct fl_landing landing;
    int fd;

    (void)state;
    open_it(&landing, &proven);
    told(&landing, &proven);
    write_at(&landing, 0, (size_t)MIB);
    fl_landing_close(&landing, true);
    fd = open(PART, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    (void)fl_world_real()->ops->close(fd, NULL);
    open_it(&landing, &proven);
    assert_int_equal(landing.resumed, 0);
    fl_landing_close(&landing, false);
}

/* Two transfers of one file at the same time have each their own hidden one. */
static void only_one_process_has_the_journal(void **state)
{
    struct fl_landing first;
    struct fl_landing second;

    (void)state;
    open_it(&first, &proven);
    open_it(&second, &proven);
    assert_non_null(first.journal);
    assert_null(second.journal);
    assert_string_not_equal(first.temp, second.temp);
    fl_landing_close(&second, true);
    fl_landing_close(&first, false);
    assert_true(test_folder_is_empty("to/.incoming"));
}

/* A small file is fetched again sooner than a journal is read. */
static void small_files_have_no_journal(void **state)
{
    struct fl_landing_of small = proven;
    struct fl_landing landing;

    (void)state;
    small.size = 1000;
    open_it(&landing, &small);
    assert_null(landing.journal);
    fl_landing_close(&landing, true);
    assert_true(test_folder_is_empty("to/.incoming"));
}

static int all_of_it(const struct fl_world *world, struct fl_err *err)
{
    struct fl_incoming incoming = {.fd = -1};
    struct fl_landing landing;
    char *data = calloc(1, (size_t)(2 * MIB));
    int rc = fl_landing_open(&landing, world, "to/f.bin", &proven, err);

    assert_non_null(data);
    if (rc == 0)
        rc = fl_landing_told(&landing, &proven, err);
    for (int half = 1; rc == 0 && half >= 0; half--) {
        rc = fl_landing_write(&landing, half * 2 * MIB, data, (size_t)(2 * MIB), err);
        if (rc == 0)
            rc = fl_landing_note(&landing, err);
    }
    free(data);
    if (rc == 0) {
        rc = world->ops->close(landing.fd, world->arg);
        landing.fd = -1;
        if (rc < 0)
            rc = fl_err_errno(err, -rc, "close");
    }
    if (rc < 0) {
        fl_landing_close(&landing, true);
        return rc;
    }
    fl_landing_give(&landing, &incoming);
    rc = fl_incoming_settle(&incoming, err);
    fl_incoming_drop(&incoming);
    return rc;
}

/* A reader never sees half a file, whichever call fails; the next one needs no help. */
static void the_name_holds_nothing_or_all(void **state)
{
    (void)state;
    for (int nth = 0; nth < 200; nth++) {
        struct fl_err err = {0};
        struct fl_stat info;
        int rc;

        fault_arm(nth, nth % 2 ? EIO : ENOSPC);
        rc = all_of_it(fault_world(), &err);
        if (!fault_disarm()) {
            assert_ok(rc, err);
            return;
        }
        if (rc < 0 && fl_file_stat(fl_world_real(), "to/f.bin", &info, NULL) == 0)
            assert_int_equal(info.size_bytes, 4 * MIB); /* the last sync failed */
        assert_ok(all_of_it(fl_world_real(), &err), err);
        assert_true(test_file_exists("to/f.bin"));
        assert_true(test_folder_is_empty("to/.incoming"));
        (void)fl_file_remove(fl_world_real(), "to/f.bin", NULL);
    }
    fail_msg("never ran out of faults");
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(gaps_are_what_was_not_written),
        IN_FOLDER(a_later_process_takes_up_what_is_there),
        IN_FOLDER(other_bytes_are_not_taken_up),
        cmocka_unit_test(torn_and_strange_journals_are_read_with_care),
        IN_FOLDER(a_journal_of_bytes_that_are_gone_is_not_believed),
        IN_FOLDER(only_one_process_has_the_journal),
        IN_FOLDER(small_files_have_no_journal),
        IN_FOLDER(the_name_holds_nothing_or_all),
    };

    return cmocka_run_group_tests_name("landing", tests, NULL, NULL);
}
