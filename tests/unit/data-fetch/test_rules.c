/* What the transfers of a site tell and leave each other. */
#include "config.h"

#include "data-fetch/lines/rules.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/world/world.h"
#include "tests/lib/test.h"

static struct fl_share_record other(int64_t deadline_s, bool wants, int running)
{
    struct fl_share_record record = {.deadline_s = deadline_s, .count = 1};

    (void)snprintf(record.lines[0].site, sizeof(record.lines[0].site), "hpc");
    (void)snprintf(record.lines[0].line, sizeof(record.lines[0].line), "a");
    record.lines[0].wants = wants;
    record.lines[0].state.running = running;
    record.lines[0].state.bytes_s = 1e6;
    return record;
}

static void decide(struct fl_rules *rules, const struct fl_share_record *records, size_t count)
{
    fl_rules_begin(rules);
    for (size_t i = 0; i < count; i++)
        fl_rules_see(rules, &records[i]);
    fl_rules_end(rules);
}

/* The storm surge of tonight waits behind the archive of last year. */
static void bytes_that_are_needed_sooner_go_first(void **state)
{
    struct fl_rule_line lines[] = {{.site = "hpc", .line = "a"}, {.site = "hpc", .line = "b"}};
    struct fl_rules rules = {.deadline_s = 1000, .lines = lines, .count = 2};
    struct fl_share_record sooner = other(900, true, 4);
    struct fl_share_record later = other(1100, true, 4);
    struct fl_share_record never = other(0, true, 4);
    struct fl_share_record content = other(900, false, 4); /* all it wants is on its way */

    (void)state;
    decide(&rules, &sooner, 1);
    assert_true(lines[0].held);
    assert_false(lines[1].held); /* it does not use that one */
    decide(&rules, &later, 1);
    assert_false(lines[0].held);
    decide(&rules, &never, 1);
    assert_false(lines[0].held);
    decide(&rules, &content, 1);
    assert_false(lines[0].held);
    rules.deadline_s = 0;
    decide(&rules, &later, 1);
    assert_true(lines[0].held);
    decide(&rules, &never, 1);
    assert_false(lines[0].held); /* equals share */
}

/* A cap that each process takes for itself is none. */
static void caps_are_shared(void **state)
{
    struct fl_rule_line lines[] = {{.site = "hpc", .line = "a", .cap_bytes_s = 1000, .bytes_s = 30},
                                   {.site = "hpc", .line = "b", .bytes_s = 10}};
    struct fl_rules rules = {.lines = lines, .count = 2};
    struct fl_share_record equals[3] = {other(0, true, 1), other(0, true, 2), other(0, true, 0)};

    (void)state;
    decide(&rules, NULL, 0);
    assert_int_equal(lines[0].may_bytes_s, 1000);
    assert_int_equal(lines[1].may_bytes_s, 0);
    decide(&rules, equals, 3); /* the third has nothing running */
    assert_int_equal(lines[0].may_bytes_s, 333);
    rules.site_cap_bytes_s = 1200;
    decide(&rules, NULL, 0);
    assert_int_equal(lines[0].may_bytes_s, 900);
    assert_int_equal(lines[1].may_bytes_s, 300);
    decide(&rules, equals, 3);
    assert_int_equal(lines[0].may_bytes_s, 300);
    assert_int_equal(lines[1].may_bytes_s, 100);
}

/* The reserve is for operations, and others leave it. */
static void the_reserve_is_left_to_operations(void **state)
{
    struct fl_rule_line lines[] = {{.site = "hpc", .line = "a", .cap_bytes_s = 1000},
                                   {.site = "hpc", .line = "b", .most_bytes_s = 500},
                                   {.site = "hpc", .line = "c"}};
    struct fl_rules rules = {.reserve_percent = 30, .lines = lines, .count = 3};

    (void)state;
    decide(&rules, NULL, 0);
    assert_int_equal(lines[0].may_bytes_s, 700);
    assert_int_equal(lines[1].may_bytes_s, 350);
    assert_int_equal(lines[2].may_bytes_s, 0); /* nothing known yet */
    rules.operations = true;
    decide(&rules, NULL, 0);
    assert_int_equal(lines[0].may_bytes_s, 1000);
    assert_int_equal(lines[1].may_bytes_s, 0);
}

struct seen {
    int count;
    struct fl_share_record last;
};

static void see(const struct fl_share_record *record, void *arg)
{
    struct seen *seen = arg;

    seen->count++;
    seen->last = *record;
}

/* One that was killed must not hold the others up, nor leave anything to clean up. */
static void the_dead_are_not_heard(void **state)
{
    const struct fl_world *world = fl_world_real();
    struct fl_share_record record = other(77, true, 3);
    struct fl_share *share = NULL;
    struct seen seen = {0};
    struct fl_err err = {0};
    pid_t child;
    int pipes[2];
    char byte = 0;

    (void)state;
    assert_ok(fl_share_each(world, "shared", NULL, see, &seen, &err), err);
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        record.deadline_s = 99;
        if (fl_share_open(world, "shared", &share, &err) < 0 ||
            fl_share_tell(share, &record, &err) < 0 || write(pipes[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_ok(fl_share_open(world, "shared", &share, &err), err);
    assert_ok(fl_share_tell(share, &record, &err), err);
    assert_ok(fl_share_each(world, "shared", share, see, &seen, &err), err);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.last.deadline_s, 99);
    assert_int_equal(seen.last.pid, child);
    assert_string_equal(seen.last.lines[0].line, "a");
    assert_int_equal(seen.last.lines[0].state.running, 3);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    seen.count = 0;
    assert_ok(fl_share_each(world, "shared", share, see, &seen, &err), err);
    assert_int_equal(seen.count, 0);
    fl_share_close(share);
    assert_true(test_folder_is_empty("shared"));
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_needed_sooner_go_first),
        cmocka_unit_test(caps_are_shared),
        cmocka_unit_test(the_reserve_is_left_to_operations),
        cmocka_unit_test_setup_teardown(the_dead_are_not_heard, test_folder_enter,
                                        test_folder_leave),
    };

    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
