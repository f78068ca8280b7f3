/* Pulling under fire: disks that fail, clocks that jump, journals that are torn, and when to look
 * again. */
#include "config.h"

#include <eccodes.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data-fetch/pull/fetch.h"
#include "data-fetch/pull/manners.h"
#include "data-fetch/pull/partial.h"
#include "engine/world/file.h"
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "tests/unit/data-fetch/server.h"

#define SECOND INT64_C(1000000000)
#define GRIB "root/gfs.2018100900/gfs.t00z.pgrb2.1p00.f003"

/* Two winds at 10 m, each a run of its own: between them lies a temperature. */
static void make_file(void)
{
    static const struct {
        const char *name;
        long category;
        long number;
    } fields[] = {{"UGRD", 2, 2}, {"TMP", 0, 0}, {"VGRD", 2, 3}};
    struct fl_err err = {0};
    char index[600] = "";
    size_t at = 0;

    assert_ok(fl_dir_make(fl_world_real(), "root/gfs.2018100900", 0755, &err), err);
    for (size_t i = 0; i < FL_COUNT(fields); i++) {
        codes_handle *handle = codes_grib_handle_new_from_samples(NULL, "regular_ll_sfc_grib2");
        const struct {
            const char *key;
            long value;
        } keys[] = {
            {"dataDate", 20181009},
            {"dataTime", 0},
            {"indicatorOfUnitOfTimeRange", 1},
            {"forecastTime", 3},
            {"discipline", 0},
            {"parameterCategory", fields[i].category},
            {"parameterNumber", fields[i].number},
            {"typeOfFirstFixedSurface", 103},
            {"scaleFactorOfFirstFixedSurface", 0},
            {"scaledValueOfFirstFixedSurface", 10},
        };
        const void *data = NULL;
        size_t size = 0;

        assert_non_null(handle);
        for (size_t k = 0; k < FL_COUNT(keys); k++)
            assert_int_equal(codes_set_long(handle, keys[k].key, keys[k].value), CODES_SUCCESS);
        assert_int_equal(codes_get_message(handle, &data, &size), CODES_SUCCESS);
        (void)snprintf(index + strlen(index), sizeof(index) - strlen(index),
                       "%zu:%zu:d=2018100900:%s:10 m above ground:3 hour fcst:\n", i + 1, at,
                       fields[i].name);
        assert_int_equal(codes_write_message(handle, GRIB, i == 0 ? "w" : "a"), CODES_SUCCESS);
        if (i != 1)
            assert_int_equal(codes_write_message(handle, "expected", i == 0 ? "w" : "a"),
                             CODES_SUCCESS);
        at += size;
        assert_int_equal(codes_handle_delete(handle), CODES_SUCCESS);
    }
    test_file_write(GRIB ".idx", index, strlen(index));
}

static void origin_start(struct server *origin, const char *rules)
{
    static const char *const argv[] = {"tests/tools/origin", "--root",      "root", "--rules",
                                       "rules.cfg",          "--until-eof", NULL};
    char text[600];

    (void)snprintf(text, sizeof(text), "rules = ( %s );\n", rules);
    test_file_write("rules.cfg", text, strlen(text));
    server_start(origin, argv);
}

struct outcome {
    int ended;
    int rc;
    int refused;
};

static int ended(const struct fl_fetch_end *end, struct fl_err *reterr, void *arg)
{
    struct outcome *outcome = arg;

    (void)reterr;
    outcome->ended++;
    outcome->rc = end->rc;
    return 0;
}

static void noted(const struct fl_fetch_want *want, const char *event, const char *text, void *arg)
{
    (void)want;
    if (strcmp(event, "transfer.refused") == 0)
        print_message("# %s\n", text);
    ((struct outcome *)arg)->refused += strcmp(event, "transfer.refused") == 0;
}

/* Fetches the winds of f003 into got/x.grib2. */
static int fetch(const struct fl_world *world, const char *url, struct fl_book *book,
                 struct outcome *outcome)
{
    static const char *const expressions[] = {":(UGRD|VGRD):10 m above ground:"};
    const struct fl_ask_words words = {.selects = expressions, .select_count = 1};
    struct fl_source *source = calloc(1, sizeof(*source));
    struct fl_ask *ask = NULL;
    struct fl_fetch_want want = {
        .lead = {180}, .source_lead = {180}, .give_up_ns = 60 * SECOND, .name = "x.grib2"};
    struct fl_fetch_options options = {.source = source,
                                       .folder = "got",
                                       .poll_ns = SECOND / 100,
                                       .book = book,
                                       .limits = FL_HTTP_LIMITS_DEFAULT,
                                       .end = ended,
                                       .note = noted,
                                       .arg = outcome};
    struct fl_err err = {0};
    int rc;

    *outcome = (struct outcome){0};
    assert_non_null(source);
    assert_ok(fl_source_find(fl_world_real(), NULL, "gfs.1p00", source, &err), err);
    source->grid[0] = '\0';
    source->mirror_count = 1;
    source->mirrors[0] = (struct fl_source_mirror){.connections = 4};
    (void)snprintf(source->mirrors[0].url, sizeof(source->mirrors[0].url), "%s", url);
    assert_ok(fl_cycle_parse("20181009T0000Z", &want.cycle, &err), err);
    want.valid = fl_cycle_add(want.cycle, want.lead);
    assert_ok(fl_ask_create(source, &words, &ask, &err), err);
    options.ask = ask;
    assert_ok(fl_dir_make(fl_world_real(), "got", 0755, &err), err);
    rc = fl_fetch_run(world, &options, &want, 1, &err);
    fl_ask_destroy(ask);
    free(source);
    return rc;
}

static void is_right(const char *path)
{
    size_t size = 0, wanted_size = 0;
    char *data = test_file_read(path, &size);
    char *wanted = test_file_read("expected", &wanted_size);

    assert_int_equal(size, wanted_size);
    assert_memory_equal(data, wanted, size);
    free(data);
    free(wanted);
}

/* A disk that is full or broken at any write, sync or rename: never a wrong file under the name,
 * and the next start finishes and leaves nothing hidden behind. */
static void a_failing_disk_leaves_nothing_or_the_right_bytes(void **state)
{
    struct server origin;
    struct outcome outcome;
    struct fl_err err = {0};

    (void)state;
    make_file();
    origin_start(&origin, "");
    for (int nth = 0; nth < 200; nth++) {
        bool hit;
        int rc;

        fault_arm(nth, nth % 2 ? EIO : ENOSPC);
        rc = fetch(fault_world(), origin.url, NULL, &outcome);
        hit = fault_disarm();
        if (rc == 0 && outcome.rc == 0)
            assert_true(test_file_exists("got/x.grib2"));
        if (test_file_exists("got/x.grib2"))
            is_right("got/x.grib2");
        assert_int_equal(outcome.refused, 0);
        assert_int_equal(fetch(fl_world_real(), origin.url, NULL, &outcome), 0);
        assert_int_equal(outcome.rc, 0);
        is_right("got/x.grib2");
        assert_true(test_folder_is_empty("got/.incoming"));
        assert_ok(fl_dir_remove(fl_world_real(), "got", &err), err);
        if (!hit) {
            assert_true(nth > 10);
            server_stop(&origin);
            return;
        }
    }
    fail_msg("never ran out of faults");
}

/* ---- clocks ---- */

struct jumping {
    struct fl_world_ops ops;
    int64_t calls;
};

static int64_t jumping_utc(void *arg)
{
    struct jumping *jumping = arg;

    /* ten years ahead, ten years back, now, ... */
    return fl_world_utc_ns(fl_world_real()) +
           (jumping->calls++ % 3 - 1) * INT64_C(315360000) * SECOND;
}

/* A wall clock that jumps changes neither what is fetched nor whether it is waited for. */
static void a_clock_that_jumps_does_no_harm(void **state)
{
    struct jumping jumping = {.ops = *fl_world_real()->ops};
    const struct fl_world world = {.ops = &jumping.ops, .arg = &jumping};
    struct server origin;
    struct outcome outcome;
    struct fl_book *book = NULL;
    struct fl_err err = {0};

    (void)state;
    jumping.ops.utc_ns = jumping_utc;
    make_file();
    assert_ok(fl_book_open(&world, "book", NULL, NULL, &book, &err), err);
    origin_start(&origin, "{ path = \"*.idx\"; status = 404; never = true; times = 5; }");
    assert_int_equal(fetch(&world, origin.url, book, &outcome), 0);
    assert_int_equal(outcome.rc, 0);
    is_right("got/x.grib2");
    server_stop(&origin);
    fl_book_close(book);
}

/* ---- journals ---- */

#define PIECES 5

static void fill(struct fl_partial *partial, size_t count, bool backwards)
{
    struct fl_err err = {0};
    char data[64];

    for (size_t i = 0; i < count; i++) {
        size_t number = backwards ? PIECES - 1 - i : i;
        size_t size = 10 + 3 * number;

        if (partial->files[0].pieces[number].here)
            continue;
        memset(data, 'a' + (int)number, size);
        assert_ok(fl_partial_write(partial, 0, number, 0, data, size, &err), err);
        assert_ok(fl_partial_mark(partial, 0, number, size, data, &err), err);
    }
}

static void plan(struct fl_partial *partial, const char *identity, size_t *ret_missing)
{
    const uint64_t sizes[PIECES] = {10, 13, 16, 19, 0}; /* the last one's end is not known */
    struct fl_err err = {0};

    assert_ok(fl_partial_open(partial, fl_world_real(), "to/x", 1, &err), err);
    assert_ok(fl_partial_plan(partial, 0, identity, sizes, PIECES, &err), err);
    *ret_missing = partial->files[0].missing;
}

/* The bytes and the digest are those of the pieces in order. */
static void finish(struct fl_partial *partial)
{
    struct fl_err err = {0};
    char hex[FL_DIGEST_HEX], found[FL_DIGEST_HEX];
    uint64_t size = 0;
    char *data;
    size_t at = 0;

    assert_ok(fl_partial_finish(partial, hex, &size, &err), err);
    assert_int_equal(size, 10 + 13 + 16 + 19 + 22);
    assert_ok(fl_partial_settle(partial, &err), err);
    data = test_file_read("to/x", NULL);
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t k = 0; k < 10 + 3 * i; k++)
            assert_int_equal(data[at++], 'a' + (int)i);
    }
    fl_digest_memory(data, size, found);
    assert_string_equal(hex, found);
    free(data);
    assert_true(test_folder_is_empty("to/.incoming"));
}

/* A kill may leave any part of the journal's last line; a line that is not whole is none, and what
 * it spoke of is fetched again. */
static void a_journal_may_be_torn_anywhere(void **state)
{
    struct fl_partial partial;
    size_t log_size = 0, size = 0, missing = 0, best = PIECES;
    char *log, *data;
    struct fl_err err = {0};

    (void)state;
    plan(&partial, "first", &missing);
    assert_int_equal(missing, PIECES);
    fill(&partial, 3, true);
    fl_partial_leave(&partial);
    log = test_file_read("to/.incoming/x.part.log", &log_size);
    data = test_file_read("to/.incoming/x.part", &size);
    for (size_t cut = 0; cut <= log_size; cut++) {
        assert_ok(fl_dir_make(fl_world_real(), "to/.incoming", 0755, &err), err);
        test_file_write("to/.incoming/x.part.log", log, cut);
        test_file_write("to/.incoming/x.part", data, size);
        plan(&partial, "first", &missing);
        assert_true(missing >= 2 && missing <= PIECES);
        best = missing < best ? missing : best;
        fill(&partial, PIECES, cut % 2);
        finish(&partial);
    }
    assert_int_equal(best, 2);
    free(log);
    free(data);
}

/* What belongs to another index, or was there before the machine started, is not taken up; and only
 * one process at a time has the file. */
static void what_does_not_belong_is_not_taken_up(void **state)
{
    struct fl_partial partial, other;
    size_t size = 0, missing = 0;
    struct fl_err err = {0};
    char *log;

    (void)state;
    plan(&partial, "first", &missing);
    fill(&partial, 4, false);
    assert_fails_with(fl_partial_open(&other, fl_world_real(), "to/x", 1, &err), FL_E_LOCKED, err,
                      "another process");
    fl_partial_leave(&partial);
    plan(&partial, "second", &missing);
    assert_int_equal(missing, PIECES);
    fill(&partial, 4, false);
    fl_partial_leave(&partial);
    log = test_file_read("to/.incoming/x.part.log", &size);
    memcpy(strstr(log, "fairlead-partial 1 ") + strlen("fairlead-partial 1 "), "0000", 4);
    test_file_write("to/.incoming/x.part.log", log, size);
    free(log);
    plan(&partial, "second", &missing);
    assert_int_equal(missing, PIECES);
    fill(&partial, PIECES, false);
    finish(&partial);
}

/* ---- when to look again ---- */

/* Dense around the time that experience tells, seldom before and after, and never without a pause.
 */
static void looks_follow_experience(void **state)
{
    struct fl_source *source = calloc(1, sizeof(*source));
    struct fl_manners *manners = calloc(1, sizeof(*manners));
    const struct fl_cycle cycle = {1000 * 21600};
    const struct fl_lead lead = {180};
    const int64_t poll = 20 * SECOND;
    struct fl_book *book = NULL;
    struct fl_err err = {0};
    int64_t early, dense, late;

    (void)state;
    assert_non_null(source);
    assert_non_null(manners);
    (void)snprintf(source->name, sizeof(source->name), "gfs");
    assert_ok(fl_book_open(fl_world_real(), "book", NULL, NULL, &book, &err), err);
    fl_manners_init(manners, fl_world_real(), book, source);
    assert_int_equal(fl_manners_look_ns(manners, cycle, lead, cycle.s, poll, 0), poll);
    for (int64_t i = 1; i <= 10; i++)
        fl_book_arrived(book, "gfs", (struct fl_cycle){cycle.s - i * 21600}, lead, 12600 + 10 * i);
    early = fl_manners_look_ns(manners, cycle, lead, cycle.s + 3600, poll, 0);
    dense = fl_manners_look_ns(manners, cycle, lead, cycle.s + 12650, poll, 0);
    late = fl_manners_look_ns(manners, cycle, lead, cycle.s + 20000, poll, 0);
    assert_int_equal(early, 8 * poll);
    assert_int_equal(dense, poll / 4);
    assert_int_equal(late, 8 * poll);
    assert_int_equal(fl_manners_look_ns(manners, cycle, lead, cycle.s + 12650, poll, 9), 8 * poll);
    assert_true(fl_manners_look_ns(manners, cycle, lead, cycle.s + 12650, 1, 0) >= SECOND / 1000);
    fl_book_close(book);
    free(source);
    free(manners);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_failing_disk_leaves_nothing_or_the_right_bytes),
        IN_FOLDER(a_clock_that_jumps_does_no_harm),
        IN_FOLDER(a_journal_may_be_torn_anywhere),
        IN_FOLDER(what_does_not_belong_is_not_taken_up),
        IN_FOLDER(looks_follow_experience),
    };

    return cmocka_run_group_tests_name("fire", tests, NULL, NULL);
}
