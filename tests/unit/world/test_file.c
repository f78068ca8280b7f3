/* Files that are whole or absent. */
#include "config.h"

#include "engine/world/file.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/fault.h"
#include "tests/lib/test.h"

static size_t incoming_files;

static int count_one(const char *name, bool is_dir, void *arg)
{
    (void)name;
    (void)is_dir;
    (void)arg;
    incoming_files++;
    return 0;
}

/* A reader never sees half a file, whichever call fails. */
static void publish_is_whole_or_absent(void **state)
{
    (void)state;
    for (int nth = 0; nth < 100; nth++) {
        struct fl_err err = {0};
        bool hit;
        int rc;

        fault_arm(nth, EIO);
        rc = fl_file_publish(fault_world(), "out.nc", "abc", 3, &err);
        hit = fault_disarm();
        if (!hit) {
            assert_ok(rc, err);
            assert_true(nth >= 5); /* mkdir, open, write, open, sync, rename, open, sync */
            return;
        }
        assert_true(rc < 0);
        if (test_file_exists(
                "out.nc")) { /* renamed, then the folder's sync failed: whole at least */
            char *text = test_file_read("out.nc", NULL);

            assert_string_equal(text, "abc");
            free(text);
            assert_ok(fl_file_remove(fl_world_real(), "out.nc", &err), err);
        }
        incoming_files = 0;
        (void)fl_dir_list(fl_world_real(), FL_INCOMING, count_one, NULL, NULL);
        assert_true(incoming_files <= 1);
        assert_ok(fl_dir_remove(fl_world_real(), FL_INCOMING, &err), err);
    }
    fail_msg("never ran out of faults");
}

/* A full disk is told apart from a broken one: the first waits, the second stops. */
static void full_disk_has_its_own_code(void **state)
{
    struct fl_err err = {0};

    (void)state;
    fault_arm(2, ENOSPC);
    assert_fails_with(fl_file_publish(fault_world(), "out.nc", "abc", 3, &err), FL_E_NOSPACE, err,
                      "No space left");
    (void)fault_disarm();
    assert_false(test_file_exists("out.nc"));
    assert_true(test_folder_is_empty(FL_INCOMING));
}

/* Two daemons on one state folder would decide twice. */
static void lock_names_its_holder(void **state)
{
    struct fl_err err = {0};
    int first = -1;
    int second = -1;

    (void)state;
    assert_ok(fl_lock_take(fl_world_real(), "lock", &first, &err), err);
    assert_fails_with(fl_lock_take(fl_world_real(), "lock", &second, &err), FL_E_LOCKED, err,
                      "held by process");
    fl_lock_release(fl_world_real(), first);
    assert_ok(fl_lock_take(fl_world_real(), "lock", &second, &err), err);
    fl_lock_release(fl_world_real(), second);
}

static struct {
    pid_t holder;
    struct fl_world_ops ops;
} dying;

/* The holder dies only once somebody looks how it is. */
static int kill_then_pidfd(pid_t pid, void *arg)
{
    (void)arg;
    assert_int_equal(pid, dying.holder);
    (void)kill(dying.holder, SIGKILL);
    return fl_world_real()->ops->pidfd(pid, fl_world_real()->arg);
}

/* The same command right after a kill -9 was refused ("held by process N"): the killed one has its
 * locks until the kernel has taken it down, and is a zombie until its parent looks. */
static void a_start_outwaits_a_holder_that_is_being_killed(void **state)
{
    struct fl_world world = *fl_world_real();
    struct fl_err err = {0};
    int told[2];
    int fd = -1;
    char byte = 0;
    int status = 0;

    (void)state;
    assert_int_equal(pipe(told), 0);
    dying.holder = fork();
    if (dying.holder == 0) {
        if (fl_lock_take(fl_world_real(), "lock", &fd, &err) == 0)
            (void)!write(told[1], "l", 1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_fails_with(fl_lock_take(fl_world_real(), "lock", &fd, &err), FL_E_LOCKED, err,
                      "held by process");
    dying.ops = *world.ops;
    dying.ops.pidfd = kill_then_pidfd;
    world.ops = &dying.ops;
    assert_ok(fl_lock_take_within(&world, "lock", INT64_C(60000000000), &fd, &err), err);
    fl_lock_release(fl_world_real(), fd);
    assert_int_equal(waitpid(dying.holder, &status, 0), dying.holder);
    (void)close(told[0]);
    (void)close(told[1]);
}

/* Removing a work folder must not follow a link out of it. */
static void tree_removal_stays_inside(void **state)
{
    const struct fl_world *world = fl_world_real();
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_dir_make(world, "keep", 0755, &err), err);
    test_file_write("keep/data", "x", 1);
    assert_ok(fl_dir_make(world, "work/a/b", 0755, &err), err);
    assert_int_equal(world->ops->symlink("../../keep", "work/a/link", world->arg), 0);
    assert_ok(fl_dir_remove(world, "work", &err), err);
    assert_false(test_file_exists("work"));
    assert_true(test_file_exists("keep/data"));
    assert_ok(fl_dir_remove(world, "work", &err), err);
}

/* The digest of a copy equals that of its source. */
static void copies_keep_their_digest(void **state)
{
    const struct fl_world *world = fl_world_real();
    char a[FL_DIGEST_HEX];
    char b[FL_DIGEST_HEX];
    uint64_t size = 0;
    struct fl_err err = {0};

    (void)state;
    test_file_write("a", "hello", 5);
    assert_ok(fl_file_copy(world, "a", "b", &err), err);
    assert_ok(fl_file_provide(world, "a", "c", &err), err);
    assert_int_equal(fl_file_provide(world, "a", "c", &err), FL_E_EXISTS);
    assert_ok(fl_file_digest(world, "a", a, &size, &err), err);
    assert_int_equal(size, 5);
    assert_ok(fl_file_digest(world, "b", b, NULL, &err), err);
    assert_string_equal(a, b);
    assert_ok(fl_file_digest(world, "c", b, NULL, &err), err);
    assert_string_equal(a, b);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(publish_is_whole_or_absent),
        IN_FOLDER(full_disk_has_its_own_code),
        IN_FOLDER(lock_names_its_holder),
        IN_FOLDER(a_start_outwaits_a_holder_that_is_being_killed),
        IN_FOLDER(tree_removal_stays_inside),
        IN_FOLDER(copies_keep_their_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
