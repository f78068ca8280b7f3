/* A folder as a destination. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/world/file.h"
#include "tests/lib/fault.h"
#include "tests/unit/data-fetch/destination/files.h"

#define MIB ((size_t)1024 * 1024)

static struct fl_destination *open_folder(const struct fl_world *world)
{
    struct fl_destination *dest = NULL;
    struct fl_err err = {0};

    (void)mkdir("to", 0755); /* may be there */
    assert_ok(fl_destination_open_folder(world, "to", &dest, &err), err);
    return dest;
}

static struct fl_dest_set *begin(struct fl_destination *dest, enum fl_dest_mode mode)
{
    struct fl_dest_set *set = NULL;
    struct fl_err err = {0};

    assert_ok(fl_dest_begin(dest, "day/run", "k1", mode, &set, &err), err);
    return set;
}

static void send_all(struct fl_dest_set *set, struct files *files)
{
    struct fl_dest_source source = files_source(files);
    struct fl_err err = {0};

    assert_ok(fl_dest_send(set, &source, &err), err);
    assert_int_equal(files->ended, files->count);
}

static void release_all(struct fl_dest_set *set, struct files *files)
{
    struct fl_dest_source source = files_source(files);
    struct fl_err err = {0};

    assert_ok(fl_dest_release(set, &source, &err), err);
    assert_int_equal(files->failed, 0);
}

/* A reader of the archive would take half a forecast for a whole one. */
static void a_whole_set_is_not_seen_before_it_is_published(void **state)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fl_world_real());
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *set = begin(dest, FL_DEST_WHOLE);
    struct files files = {0};
    struct fl_err err = {0};

    (void)state;
    files_add(&files, "a.nc", 3 * MIB + 7, 1);
    files_add(&files, "maps/b.png", 0, 2);
    send_all(set, &files);
    assert_int_equal(files.proof, FL_DEST_PROOF_WRITTEN);
    assert_ok(fl_dest_put(set, "MANIFEST", "m\n", 2, &err), err);
    assert_false(test_file_exists("to/day/run"));
    assert_ok(fl_dest_publish(set, &err), err);
    files_check(dest, &files, 0, "day/run/a.nc");
    files_check(dest, &files, 1, "day/run/maps/b.png");
    assert_true(test_file_exists("to/day/run/MANIFEST"));
    assert_false(test_file_exists("to/day/.run.k1.part"));
}

/* Two processes that publish the same set must not mix their files. */
static void a_set_published_meanwhile_is_not_replaced(void **state)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fl_world_real());
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *set = begin(dest, FL_DEST_WHOLE);
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *again = NULL;
    struct files files = {0};
    struct fl_err err = {0};

    (void)state;
    files_add(&files, "a.nc", 100, 1);
    send_all(set, &files);
    assert_int_equal(mkdir("to/day/run", 0755), 0);
    test_file_write("to/day/run/other", "x", 1);
    assert_fails_with(fl_dest_publish(set, &err), FL_E_EXISTS, err, "day/run");
    assert_false(test_file_exists("to/day/run/a.nc"));
    again = begin(dest, FL_DEST_WHOLE);
    assert_int_equal(fl_dest_set_mode(again), FL_DEST_EACH);
    assert_ok(fl_dest_abandon(set, &err), err);
    assert_false(test_file_exists("to/day/.run.k1.part"));
}

/* The older version stays readable until the new one is whole. */
static void single_files_are_replaced_by_their_release(void **state)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fl_world_real());
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *set = begin(dest, FL_DEST_EACH);
    struct files first = {0};
    struct files second = {0};

    (void)state;
    files_add(&first, "a.nc", 1000, 1);
    send_all(set, &first);
    release_all(set, &first);
    files_check(dest, &first, 0, "day/run/a.nc");
    files_add(&second, "a.nc", 1000, 2);
    send_all(set, &second);
    files_check(dest, &first, 0, "day/run/a.nc");
    release_all(set, &second);
    files_check(dest, &second, 0, "day/run/a.nc");
    release_all(set, &second); /* twice does no harm */
    assert_int_equal(second.there, 1);
}

/* A rerun that made the same bytes again would fill the line for nothing. */
static void what_is_there_already_is_not_sent_again(void **state)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fl_world_real());
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *set = begin(dest, FL_DEST_EACH);
    struct files files = {0};

    (void)state;
    files_add(&files, "a.nc", 2 * MIB, 1);
    send_all(set, &files);
    assert_int_equal(files.sent, 2 * MIB);
    release_all(set, &files);
    send_all(set, &files);
    assert_int_equal(files.sent, 0);
    assert_int_equal(files.there, 1);
    assert_int_equal(files.proof, FL_DEST_PROOF_READ);
    files.file[0].proven = true;
    send_all(set, &files);
    assert_int_equal(files.proof, FL_DEST_PROOF_GIVEN);
}

/* After a kill the rest goes over, not the whole. */
static void a_file_goes_on_where_it_stopped(void **state)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fl_world_real());
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *set = begin(dest, FL_DEST_WHOLE);
    char *part = malloc(2 * MIB);
    struct files files = {0};
    struct fl_err err = {0};

    (void)state;
    assert_non_null(part);
    files_add(&files, "a.nc", 3 * MIB, 1);
    files_fill(part, 2 * MIB, 0, 1);
    assert_ok(fl_dir_make(fl_world_real(), "to/day/.run.k1.part", 0755, &err), err);
    test_file_write("to/day/.run.k1.part/a.nc", part, 2 * MIB);
    free(part);
    send_all(set, &files);
    assert_int_equal(files.sent, MIB);
    assert_ok(fl_dest_publish(set, &err), err);
    files_check(dest, &files, 0, "day/run/a.nc");
}

/* What was left may be of another version, or torn: the proof finds it. */
static void a_wrong_beginning_is_thrown_away(void **state)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fl_world_real());
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *set = begin(dest, FL_DEST_WHOLE);
    struct files files = {0};
    struct fl_err err = {0};

    (void)state;
    files_add(&files, "a.nc", MIB, 1);
    files_add(&files, "b.nc", 10, 1);
    assert_ok(fl_dir_make(fl_world_real(), "to/day/.run.k1.part", 0755, &err), err);
    test_file_write("to/day/.run.k1.part/a.nc", "not the first bytes", 19);
    test_file_write("to/day/.run.k1.part/b.nc", "longer than the file", 20);
    send_all(set, &files);
    assert_int_equal(files.sent, MIB + 10);
    assert_ok(fl_dest_publish(set, &err), err);
    files_check(dest, &files, 0, "day/run/a.nc");
    files_check(dest, &files, 1, "day/run/b.nc");
}

/* One file that changed under our hands must not stop the others, nor get its name. */
static void a_changed_file_is_refused_and_the_others_go_on(void **state)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fl_world_real());
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *set = begin(dest, FL_DEST_EACH);
    struct files files = {0};
    struct fl_dest_source source = files_source(&files);
    struct fl_err err = {0};

    (void)state;
    files_add(&files, "a.nc", 100, 1);
    files_add(&files, "b.nc", 100, 2);
    files_add(&files, "c.nc", 100, 3);
    files_add(&files, "d.nc", 100, 4);
    files.file[0].sha256 = files.sha256[1];
    files.file[2].size = 99;
    files.file[3].local = "local/none";
    source = files_source(&files);
    assert_fails_with(fl_dest_send(set, &source, &err), FL_E_MISMATCH, err, "local/0");
    assert_int_equal(files.ended, 4);
    assert_int_equal(files.failed, 3);
    assert_false(test_file_exists("to/day/run/a.nc"));
}

/* A file without a digest is hashed by us, so that the proof is one. */
static void a_digest_that_is_not_told_is_made(void **state)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fl_world_real());
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *set = begin(dest, FL_DEST_WHOLE);
    struct files files = {0};

    (void)state;
    files_add(&files, "a.nc", 2 * MIB + 1, 1);
    files.file[0].sha256 = NULL;
    files.file[0].size = -1;
    send_all(set, &files); /* the end's digest is compared there */
}

/* Names from outside never leave the destination. */
static void names_that_leave_the_set_are_refused(void **state)
{
    static const char *const names[] = {"../a", "/a", "a/../b", ".a", "a/.b", "", "a//b", "a\nb"};
    fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fl_world_real());
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *set = begin(dest, FL_DEST_WHOLE);
    struct fl_dest_set *none = NULL;
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(names); i++) {
        struct files files = {0};
        struct fl_dest_source source;

        files_add(&files, names[i], 10, 1);
        source = files_source(&files);
        assert_fails_with(fl_dest_send(set, &source, &err), FL_E_USAGE, err, "is accepted");
        if (!names[i][0]) /* as a set it is the destination itself */
            continue;
        assert_fails_with(fl_dest_begin(dest, names[i], "k", FL_DEST_EACH, &none, &err), FL_E_USAGE,
                          err, "is accepted");
        assert_null(none);
    }
    assert_fails_with(fl_dest_begin(dest, "a", "k/1", FL_DEST_EACH, &none, &err), FL_E_USAGE, err,
                      "are accepted");
    assert_fails_with(fl_dest_remove(dest, "../local/0", &err), FL_E_PERM, err, "below");
}

/* A mount that is missing is not filled below its mount point. */
static void a_missing_folder_is_not_made(void **state)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fl_world_real());
    struct fl_dest_set *set = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_int_equal(rmdir("to"), 0);
    assert_fails_with(fl_dest_begin(dest, "a", NULL, FL_DEST_WHOLE, &set, &err), FL_E_CONFIG, err,
                      "mount");
    assert_false(test_file_exists("to"));
}

static int count_file(const char *path, const struct fl_dest_stat *info, struct fl_err *reterr,
                      void *arg)
{
    (void)reterr;
    (void)info;
    assert_null(strstr(path, ".."));
    (*(size_t *)arg)++;
    return 0;
}

/* Retention and withdrawal stand on these. */
static void what_is_there_is_listed_moved_and_removed(void **state)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fl_world_real());
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *set = begin(dest, FL_DEST_EACH);
    struct fl_dest_stat info;
    struct files files = {0};
    struct fl_err err = {0};
    uint64_t bytes = 0;
    size_t count = 0;

    (void)state;
    files_add(&files, "a.nc", 10, 1);
    files_add(&files, "m/b.nc", 20, 2);
    send_all(set, &files);
    assert_ok(fl_dest_list(dest, "", false, count_file, &err, &count), err);
    assert_int_equal(count, 0);
    assert_ok(fl_dest_list(dest, "", true, count_file, &err, &count), err);
    assert_int_equal(count, 2);
    release_all(set, &files);
    count = 0;
    assert_ok(fl_dest_list(dest, "day", false, count_file, &err, &count), err);
    assert_int_equal(count, 2);
    assert_ok(fl_dest_move(dest, "day/run/a.nc", ".withdrawn/day/a.nc", &err), err);
    files_check(dest, &files, 0, ".withdrawn/day/a.nc");
    assert_fails_with(fl_dest_stat(dest, "day/run/a.nc", &info, &err), FL_E_NOENT, err, "a.nc");
    assert_fails_with(fl_dest_move(dest, "day/run/m/b.nc", ".withdrawn/day/a.nc", &err),
                      FL_E_EXISTS, err, "there already");
    assert_ok(fl_dest_stat(dest, "day/run/m/b.nc", &info, &err), err);
    assert_int_equal(info.size, 20);
    assert_ok(fl_dest_remove(dest, "day/run/m/b.nc", &err), err);
    assert_ok(fl_dest_remove(dest, "day/run/m/b.nc", &err), err);
    assert_ok(fl_dest_remove_tree(dest, "day", &err), err);
    assert_false(test_file_exists("to/day"));
    assert_ok(fl_dest_space(dest, &bytes, &err), err);
    assert_true(bytes > 0);
}

/* Names at the file system's limit have hidden names too, and each its own. */
static void the_longest_names_are_sent(void **state)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fl_world_real());
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *set = begin(dest, FL_DEST_EACH);
    char long_name[2][256];
    struct files files = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        memset(long_name[i], 'n', 255);
        long_name[i][254] = (char)('a' + i);
        long_name[i][255] = '\0';
        files_add(&files, long_name[i], 10, 1);
    }
    send_all(set, &files);
    release_all(set, &files);
    assert_int_equal(files.there, 0);
}

/* Whatever disk call fails, the names hold nothing or the right bytes, and the next try ends well.
 */
static void each_failing_disk_call_leaves_nothing_or_the_whole(void **state)
{
    static const int errnums[] = {EIO, ENOSPC};

    (void)state;
    for (size_t e = 0; e < FL_COUNT(errnums); e++) {
        for (int nth = 0; nth < 200; nth++) {
            fl_auto(fl_destination_close) struct fl_destination *dest = open_folder(fault_world());
            struct fl_dest_set *set = NULL;
            struct files files = {0};
            struct fl_dest_source source;
            struct fl_err err = {0};
            bool hit;
            int rc;

            files_add(&files, "a.nc", MIB + 5, 1);
            files_add(&files, "b.nc", 5, 2);
            source = files_source(&files);
            assert_ok(fl_dest_begin(dest, "r", "k", FL_DEST_WHOLE, &set, &err), err);
            fault_arm(nth, errnums[e]);
            rc = fl_dest_send(set, &source, &err);
            if (rc == 0)
                rc = fl_dest_put(set, "MANIFEST", "m", 1, &err);
            if (rc == 0)
                rc = fl_dest_publish(set, &err);
            hit = fault_disarm();
            if (test_file_exists("to/r/MANIFEST")) {
                files_check(dest, &files, 0, "r/a.nc");
                files_check(dest, &files, 1, "r/b.nc");
            } else {
                assert_true(rc < 0);
                assert_false(test_file_exists("to/r"));
                source = files_source(&files);
                assert_ok(fl_dest_send(set, &source, &err), err);
                assert_ok(fl_dest_put(set, "MANIFEST", "m", 1, &err), err);
                assert_ok(fl_dest_publish(set, &err), err);
                files_check(dest, &files, 0, "r/a.nc");
            }
            fl_dest_set_destroy(set);
            assert_ok(fl_dir_remove(fl_world_real(), "to", &err), err);
            if (!hit)
                break;
            assert_true(nth < 199);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_set_is_not_seen_before_it_is_published),
        TEST(a_set_published_meanwhile_is_not_replaced),
        TEST(single_files_are_replaced_by_their_release),
        TEST(what_is_there_already_is_not_sent_again),
        TEST(a_file_goes_on_where_it_stopped),
        TEST(a_wrong_beginning_is_thrown_away),
        TEST(a_changed_file_is_refused_and_the_others_go_on),
        TEST(a_digest_that_is_not_told_is_made),
        TEST(names_that_leave_the_set_are_refused),
        TEST(a_missing_folder_is_not_made),
        TEST(what_is_there_is_listed_moved_and_removed),
        TEST(the_longest_names_are_sent),
        TEST(each_failing_disk_call_leaves_nothing_or_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
