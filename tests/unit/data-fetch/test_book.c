/* The book of a site: many processes, one memory, and no transfer that waits for it. */
#include "config.h"

#include "data-fetch/book/book.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/world/world.h"
#include "tests/lib/test.h"

#define SECOND INT64_C(1000000000)

/* The real world with a clock of the test's. */
struct clock {
    struct fl_world_ops ops;
    int64_t now_ns;
};

static int64_t clock_now(void *arg)
{
    return ((struct clock *)arg)->now_ns;
}

static struct fl_world clock_world(struct clock *clock)
{
    clock->ops = *fl_world_real()->ops;
    clock->ops.mono_ns = clock_now;
    clock->now_ns = 1000 * SECOND;
    return (struct fl_world){.ops = &clock->ops, .arg = clock};
}

static void count_warning(const char *text, void *arg)
{
    assert_non_null(strstr(text, "share of 1/8"));
    (*(int *)arg)++;
}

static struct fl_book *book_of(const struct fl_world *world, const char *folder, int *warnings)
{
    struct fl_book *book = NULL;
    struct fl_err err = {0};

    assert_ok(fl_book_open(world, folder, warnings ? count_warning : NULL, warnings, &book, &err),
              err);
    return book;
}

/* NOMADS blocks an address for good after 120 hits in a minute, whoever at the site made them. */
static void a_quota_is_shared_by_all_processes(void **state)
{
    struct clock clock;
    struct fl_world world = clock_world(&clock);
    fl_auto(fl_book_close) struct fl_book *one = book_of(&world, "b", NULL);
    fl_auto(fl_book_close) struct fl_book *other = book_of(&world, "b", NULL);
    int gone[10] = {0}; /* in each minute */

    (void)state;
    for (int minute = 0; minute < 10; minute++) {
        for (int64_t end = clock.now_ns + 60 * SECOND; clock.now_ns < end;
             clock.now_ns += SECOND / 10) {
            gone[minute] += fl_book_ask(one, "nomads", 100) == 0;
            gone[minute] += fl_book_ask(other, "nomads", 100) == 0;
        }
        assert_true(gone[minute] <= 110);
        assert_true(gone[minute] >= 99);
    }
    assert_int_equal(fl_book_ask(one, "unlimited", 0), 0);
}

/* The wait that is told is the true one: waking earlier would be a busy loop. */
static void the_wait_that_is_told_is_enough(void **state)
{
    struct clock clock;
    struct fl_world world = clock_world(&clock);
    fl_auto(fl_book_close) struct fl_book *book = book_of(&world, "b", NULL);
    int64_t wait;

    (void)state;
    assert_int_equal(fl_book_ask(book, "slow", 6), 0);
    wait = fl_book_ask(book, "slow", 6);
    assert_true(wait > 9 * SECOND && wait < 11 * SECOND);
    clock.now_ns += wait;
    assert_int_equal(fl_book_ask(book, "slow", 6), 0);
}

/* A host that refuses us is left alone by all, and then asked once, not by everybody. */
static void a_refusal_cools_the_host_and_one_probe_follows(void **state)
{
    struct clock clock;
    struct fl_world world = clock_world(&clock);
    fl_auto(fl_book_close) struct fl_book *one = book_of(&world, "b", NULL);
    fl_auto(fl_book_close) struct fl_book *other = book_of(&world, "b", NULL);
    sqlite3 *db = NULL;

    (void)state;
    assert_int_equal(fl_book_refused(one, "host"), FL_BOOK_COOL_NS);
    assert_true(fl_book_ask(other, "host", 0) >= FL_BOOK_COOL_NS);
    clock.now_ns += FL_BOOK_COOL_NS;
    assert_int_equal(fl_book_ask(one, "host", 0), 0);
    assert_true(fl_book_ask(other, "host", 0) > 0);
    assert_int_equal(fl_book_refused(one, "host"), 2 * FL_BOOK_COOL_NS);
    clock.now_ns += 2 * FL_BOOK_COOL_NS;
    assert_int_equal(fl_book_ask(one, "host", 0), 0);
    fl_book_fine(one, "host");
    assert_int_equal(fl_book_ask(other, "host", 0), 0);
    fl_book_patience(other, "host", 5 * SECOND);
    assert_int_equal(fl_book_ask(one, "host", 0), 5 * SECOND);
    assert_int_equal(sqlite3_open("b/book.db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE machine SET boot = 'x'", NULL, NULL, NULL), 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    fl_book_close(one);
    clock.now_ns = 10; /* the machine has started anew */
    one = book_of(&world, "b", NULL);
    assert_int_equal(fl_book_ask(one, "host", 0), 0);
}

/* A book full of rubbish, or held by somebody for ever, must not stop a forecast. */
static void a_broken_or_locked_book_stops_nothing(void **state)
{
    struct clock clock;
    struct fl_world world = clock_world(&clock);
    struct fl_book *book;
    struct fl_book_file file;
    struct fl_book_size size;
    int64_t holder;
    int warnings = 0;
    int gone = 0;
    sqlite3 *db = NULL;

    (void)state;
    test_file_write("book.db", "rubbish rubbish rubbish rubbish rubbish", 39);
    book = book_of(&world, ".", &warnings);
    assert_int_equal(warnings, 1);
    for (int i = 0; i < 600; i++, clock.now_ns += SECOND / 10)
        gone += fl_book_ask(book, "nomads", 80) == 0;
    assert_true(gone >= 10 && gone <= 11);
    assert_true(fl_book_lease(book, "k", &holder));
    fl_book_sized(book, "s", (struct fl_cycle){0}, (struct fl_lead){0}, "x", 1, 1);
    fl_book_size(book, "s", (struct fl_cycle){9}, (struct fl_lead){0}, "x", &size);
    assert_int_equal(size.count, 0);
    assert_false(fl_book_find(book, "k", &file));
    assert_int_equal(warnings, 1);
    fl_book_close(book);

    book = book_of(&world, "held", &warnings);
    assert_int_equal(fl_book_ask(book, "nomads", 100), 0);
    assert_int_equal(sqlite3_open("held/book.db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(fl_book_ask(book, "nomads", 100), 0); /* of our share */
    assert_int_equal(warnings, 2);
    assert_true(fl_book_ask(book, "nomads", 100) > 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    clock.now_ns += FL_BOOK_REST_NS;
    assert_int_equal(fl_book_ask(book, "nomads", 100), 0);
    fl_book_close(book);
    book = book_of(&world, NULL, &warnings);
    assert_int_equal(fl_book_ask(book, "nomads", 0), 0);
    fl_book_close(book);
    assert_int_equal(warnings, 2);
}

/* Polling follows these, and a half-sized file is found by them. */
static void experience_is_kept_and_bounded(void **state)
{
    fl_auto(fl_book_close) struct fl_book *book = book_of(fl_world_real(), "b", NULL);
    const struct fl_lead lead = {180};
    struct fl_book_arrival arrival;
    struct fl_book_size size;

    (void)state;
    fl_book_arrival(book, "gfs", lead, &arrival);
    assert_int_equal(arrival.count, 0);
    for (int64_t i = 0; i < 2 * FL_BOOK_ARRIVALS_MAX; i++) {
        fl_book_arrived(book, "gfs", (struct fl_cycle){i * 21600}, lead, 12000 + i);
        fl_book_arrived(book, "gfs", (struct fl_cycle){i * 21600}, lead, 99999);
        fl_book_sized(book, "gfs", (struct fl_cycle){i * 21600}, lead, "sel", (uint64_t)(1000 + i),
                      10);
    }
    fl_book_arrival(book, "gfs", lead, &arrival);
    assert_int_equal(arrival.count, FL_BOOK_ARRIVALS_MAX);
    assert_int_equal(arrival.median_s, 12000 + FL_BOOK_ARRIVALS_MAX * 3 / 2);
    assert_true(arrival.earliest_s < arrival.median_s && arrival.median_s < arrival.latest_s);
    fl_book_size(book, "gfs", (struct fl_cycle){79 * 21600}, lead, "sel", &size);
    assert_int_equal(size.count, FL_BOOK_SIZES_MAX - 1);
    assert_int_equal(size.messages, 10);
    fl_book_size(book, "gfs", (struct fl_cycle){0}, lead, "other", &size);
    assert_int_equal(size.count, 0);
    assert_true(fl_book_rate(book, "s3", "h2") == 0);
    fl_book_rate_add(book, "s3", "h2", 100);
    fl_book_rate_add(book, "s3", "h2", 200);
    assert_true(fl_book_rate(book, "s3", "h2") == 130);
}

/* Two stages want the same bytes: one fetches, and when it is killed the other goes on. */
static void a_lease_ends_with_its_process(void **state)
{
    struct fl_book *book = book_of(fl_world_real(), "b", NULL);
    struct fl_book_file file;
    int64_t holder = 0;
    int ready[2];
    int status;
    char byte;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    fl_book_close(book);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct fl_book *mine = NULL;

        (void)fl_book_open(fl_world_real(), "b", NULL, NULL, &mine, NULL);
        byte = (char)fl_book_lease(mine, "key", &holder);
        (void)!write(ready[1], &byte, 1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    book = book_of(fl_world_real(), "b", NULL);
    assert_false(fl_book_lease(book, "key", &holder));
    assert_int_equal(holder, pid);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(fl_book_lease(book, "key", &holder));
    assert_true(fl_book_lease(book, "key", &holder));
    fl_book_release(book, "key");
    fl_book_whole(book, "key", "\"e\"", "/a/b", "00ff", 7);
    assert_true(fl_book_find(book, "key", &file));
    assert_string_equal(file.path, "/a/b");
    assert_string_equal(file.etag, "\"e\"");
    assert_int_equal(file.size, 7);
    fl_book_forget(book, "key");
    assert_false(fl_book_find(book, "key", &file));
    fl_book_close(book);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_quota_is_shared_by_all_processes),
        IN_FOLDER(the_wait_that_is_told_is_enough),
        IN_FOLDER(a_refusal_cools_the_host_and_one_probe_follows),
        IN_FOLDER(a_broken_or_locked_book_stops_nothing),
        IN_FOLDER(experience_is_kept_and_bounded),
        IN_FOLDER(a_lease_ends_with_its_process),
    };

    return cmocka_run_group_tests_name("book", tests, NULL, NULL);
}
