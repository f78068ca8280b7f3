/* Snapshots in the store: a start from one gives the state that all the events give; one that is
 * damaged, half-written or of another version is passed over. */
#include "config.h"

#include "tests/lib/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/snapshot.h"
#include "engine/store/care.h"
#include "engine/store/model.h"
#include "engine/store/snapshots.h"
#include "tests/lib/dump.h"

#include "engine/base/banned.h"

static struct fl_store *open_store(bool read_only)
{
    struct fl_store_config config = {.folder = ".", .read_only = read_only};
    struct fl_store *store = NULL;
    struct fl_err err = {0};

    assert_ok(fl_store_open(&config, &store, &err), err);
    return store;
}

/* Workers that come, one an event, with names long enough to make a snapshot of several parts. */
static void add_workers(struct fl_store *store, int first, int count)
{
    struct fl_events events = {0};
    struct fl_err err = {0};
    char name[1000];

    for (int i = first; i < first + count; i++) {
        struct fl_event *event = NULL;

        (void)snprintf(name, sizeof(name), "w%d-%0800d", i, i);
        assert_ok(fl_event_create(FL_EVENT_WORKER_JOINED, &event, &err), err);
        event->time_ns = 1542000000000000000 + i;
        event->cores = 2;
        event->jobs = 4;
        assert_ok(fl_event_set_text(event, &event->worker, name, &err), err);
        assert_ok(fl_event_set_text(event, &event->pool, "hpc", &err), err);
        assert_ok(fl_event_set_text(event, &event->site, "hpc", &err), err);
        assert_ok(fl_events_add(&events, event, &err), err);
    }
    assert_ok(fl_store_append(store, events.items, events.count, &err), err);
    fl_events_release(&events);
}

/* The state as the record has it; *ret_base: event of the snapshot, *ret_passed: why not a newer.
 */
static char *state_of(uint64_t until, uint64_t *ret_seq, uint64_t *ret_base,
                      struct fl_err *ret_passed)
{
    struct fl_store *store = open_store(true);
    struct fl_core *core = NULL;
    struct fl_err err = {0};
    char *text;

    assert_ok(fl_store_recover(store, until, 0, &core, ret_seq, ret_base, ret_passed, &err), err);
    text = dump_core(core);
    fl_core_destroy(core);
    fl_store_destroy(store);
    return text;
}

/* Starts a snapshot of the state as it is. */
static void offer(struct fl_snapshot_writer *writer)
{
    struct fl_model *model = NULL;
    struct fl_err err = {0};

    *writer = (struct fl_snapshot_writer){.format = FL_SNAPSHOT_FORMAT};
    assert_ok(fl_model_create(".", &model, &err), err);
    assert_ok(fl_model_catch_up(model, &err), err);
    assert_ok(fl_model_save(model, &writer->data, &writer->size, &writer->seq, &err), err);
    fl_model_destroy(model);
    assert_true(writer->size > 2 * FL_SNAPSHOT_PART);
}

static void write_all(struct fl_store *store, struct fl_snapshot_writer *writer)
{
    struct fl_err err = {0};
    int rc;

    do {
        rc = fl_snapshot_write(store, writer, &err);
        if (rc < 0)
            fail_msg("%s", err.text);
    } while (rc == 1);
    assert_null(writer->data);
}

static int64_t sql(const char *text)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int64_t value = 0;

    assert_int_equal(sqlite3_open(FL_STORE_FILE, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
    if (sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return value;
}

/* A start that took another state from a snapshot than the events give would decide wrongly ever
 * after. */
static void a_start_from_a_snapshot_is_a_start_from_all_events(void **state)
{
    struct fl_store *store = open_store(false);
    struct fl_snapshot_writer writer;
    struct fl_err passed = {0};
    uint64_t seq = 0;
    uint64_t base = 0;
    char *all;
    char *some;

    (void)state;
    add_workers(store, 0, 400);
    all = state_of(UINT64_MAX, &seq, &base, &passed);
    assert_int_equal(seq, 400);
    assert_int_equal(base, 0);
    offer(&writer);
    write_all(store, &writer);
    some = state_of(UINT64_MAX, &seq, &base, &passed);
    assert_int_equal(seq, 400);
    assert_int_equal(base, 400);
    assert_string_equal(some, all);
    free(all);
    free(some);
    add_workers(store, 400, 30); /* and what came later */
    some = state_of(UINT64_MAX, &seq, &base, &passed);
    assert_int_equal(seq, 430);
    assert_int_equal(base, 400);
    assert_int_equal(passed.code, 0);
    sql("delete from snapshot");
    all = state_of(UINT64_MAX, &seq, &base, &passed);
    assert_int_equal(base, 0);
    assert_string_equal(some, all);
    free(all);
    free(some);
    fl_store_destroy(store);
}

/* The state of last night is asked for: a later snapshot does not know it. */
static void an_earlier_state_comes_from_an_earlier_snapshot(void **state)
{
    struct fl_store *store = open_store(false);
    struct fl_snapshot_writer writer;
    struct fl_err passed = {0};
    uint64_t seq = 0;
    uint64_t base = 0;
    uint64_t again = 0;
    char *before;
    char *after;

    (void)state;
    add_workers(store, 0, 400);
    before = state_of(350, &seq, &base, &passed);
    assert_int_equal(seq, 350);
    for (int i = 0; i < 4; i++) {
        offer(&writer);
        write_all(store, &writer);
        add_workers(store, 400 + 10 * i, 10);
    }
    assert_int_equal(sql("select count(*) from snapshot"), FL_SNAPSHOTS_KEPT);
    assert_int_equal(sql("select count(distinct seq) from snapshot_part"), FL_SNAPSHOTS_KEPT);
    free(state_of(425, &seq, &base, &passed));
    assert_int_equal(base, 420);
    after = state_of(350, &seq, &again, &passed);
    assert_int_equal(again, 0);
    assert_string_equal(after, before);
    free(before);
    free(after);
    fl_store_destroy(store);
}

/* A disk that has lost a sector, a process killed in the middle, a program of last year: the events
 * are the truth. */
static void what_cannot_be_used_is_passed_over(void **state)
{
    struct fl_store *store = open_store(false);
    struct fl_snapshot_writer writer;
    struct fl_err passed = {0};
    struct fl_err err = {0};
    uint64_t seq = 0;
    uint64_t base = 0;
    char *all;
    char *some;

    (void)state;
    add_workers(store, 0, 400);
    offer(&writer);
    write_all(store, &writer);
    add_workers(store, 400, 10);
    offer(&writer);
    assert_int_equal(fl_snapshot_write(store, &writer, &err), 1); /* and there it was killed */
    fl_snapshot_writer_release(&writer);
    all = state_of(UINT64_MAX, &seq, &base, &passed);
    assert_int_equal(base, 400);
    offer(&writer);
    write_all(store, &writer);
    some = state_of(UINT64_MAX, &seq, &base, &passed);
    assert_int_equal(base, 410);
    assert_string_equal(some, all);
    free(some);
    sql("update snapshot_part set body = zeroblob(length(body)) where seq = 410 and part = 1");
    some = state_of(UINT64_MAX, &seq, &base, &passed);
    assert_int_equal(base, 400);
    assert_string_equal(some, all);
    free(some);
    assert_non_null(strstr(passed.text, "snapshot after event 410 is damaged"));
    sql("update snapshot set format = 77 where seq = 400");
    some = state_of(UINT64_MAX, &seq, &base, &passed);
    assert_int_equal(base, 0);
    assert_string_equal(some, all);
    free(some);
    free(all);
    fl_store_destroy(store);
}

static void keep_problem(const char *text, void *arg)
{
    (void)snprintf(arg, 256, "%s", text);
}

/* A snapshot that is whole and yet another state would be believed at the next start. */
static void a_check_holds_each_snapshot_against_the_events(void **state)
{
    struct fl_store *store = open_store(false);
    struct fl_snapshot_writer writer;
    struct fl_snapshot_writer other;
    struct fl_store_report report = {0};
    struct fl_err err = {0};
    char text[256] = "";

    (void)state;
    add_workers(store, 0, 400);
    offer(&writer);
    write_all(store, &writer);
    add_workers(store, 400, 10);
    offer(&other);
    other.seq = 405; /* a wrong state under this number */
    add_workers(store, 410, 10);
    assert_ok(fl_store_verify(".", keep_problem, text, &report, &err), err);
    assert_string_equal(text, "");
    assert_int_equal(report.problems, 0);
    assert_int_equal(report.events, 420);
    write_all(store, &other);
    assert_ok(fl_store_verify(".", keep_problem, text, &report, &err), err);
    assert_int_equal(report.problems, 1);
    assert_non_null(strstr(text, "snapshot after event 405 is not the state"));
    fl_store_destroy(store);
}

static int no_need(struct fl_core *core, const char *digest, void *arg, struct fl_err *reterr)
{
    (void)core;
    (void)digest;
    (void)arg;
    return fl_err_set(reterr, FL_E_NOENT, 0, "no workflow");
}

/* The digest stands before it; should it ever fail, a wrong byte must not bring the daemon down. */
static void a_wrong_byte_is_refused_or_read_but_never_followed(void **state)
{
    struct fl_store *store = open_store(false);
    struct fl_snapshot_writer writer;
    struct fl_core *core = NULL;
    struct fl_err err = {0};
    char *copy;

    (void)state;
    add_workers(store, 0, 400);
    offer(&writer);
    copy = malloc(writer.size);
    assert_non_null(copy);
    for (size_t i = 0; i < 3000; i++) {
        size_t at = i < 1000 ? i : (i * 7919) % writer.size;

        memcpy(copy, writer.data, writer.size);
        copy[at] = (char)(copy[at] ^ (1 << i % 8) ^ 0x80);
        core = NULL;
        if (fl_core_load(copy, i % 2 ? writer.size : at, no_need, NULL, &core, &err) == 0)
            fl_core_destroy(core);
    }
    assert_int_equal(fl_core_load(writer.data, writer.size - 1, no_need, NULL, &core, &err),
                     FL_E_DATA);
    assert_fails_with(fl_core_load("FLSNAPX", 7, no_need, NULL, &core, &err), FL_E_UNSUPPORTED, err,
                      "format 88");
    free(copy);
    fl_snapshot_writer_release(&writer);
    fl_store_destroy(store);
}

/* What the structs that a snapshot walks look like. When this fails: walk the new field in
 * engine/core/snapshot*.c, show it in tests/lib/dump.c, raise FL_SNAPSHOT_FORMAT, and put the new
 * number here. */
static const struct {
    const char *file;
    const char *name;
    uint32_t looks;
} walked[] = {
    {"state.h", "fl_attempt_more", 0xe10a70f5}, {"state.h", "fl_attempt", 0x8ceceebb},
    {"state.h", "fl_inst", 0x637f89da},         {"state.h", "fl_made", 0x7a96f94f},
    {"state.h", "fl_slot", 0x5f0bfc89},         {"state.h", "fl_run", 0x6c88bf99},
    {"state.h", "fl_worker_pool", 0xb56a5af8},  {"state.h", "fl_worker_site", 0x17316852},
    {"state.h", "fl_worker", 0xb31fc59f},       {"state.h", "fl_core", 0x7327f364},
    {"flow.h", "fl_flow", 0x3ef12ffd},          {"actions.h", "fl_action", 0x6c4fd457},
    {"actions.h", "fl_actions", 0x47951b29},    {"params.h", "fl_override", 0x5a6a598d},
    {"params.h", "fl_overrides", 0x39c44b77},   {"state.h", "fl_paged", 0xb8709887},
    {"state.h", "fl_history", 0xc30003d7},
};

/* A number for the text of a struct, without comments and spaces. */
static uint32_t looks_of(const char *text, const char *name)
{
    uint64_t hash = DUMP_HASH_START;
    char begin[64];
    const char *at;

    (void)snprintf(begin, sizeof(begin), "\nstruct %s {", name);
    at = strstr(text, begin);
    if (!at)
        fail_msg("struct %s is not where it was", name);
    for (at++; strncmp(at, "\n};", 3) != 0 && *at; at++) {
        char one[2] = {*at, '\0'};

        if (strncmp(at, "/*", 2) == 0) {
            at = strstr(at, "*/");
            assert_non_null(at);
            at++;
            continue;
        }
        if (*at != ' ' && *at != '\n')
            hash = dump_hash_text(hash, one);
    }
    return (uint32_t)(hash ^ hash >> 32);
}

/* A field that a snapshot forgets is lost at the next restart, and nobody knows why. */
static void the_state_has_the_fields_that_a_snapshot_walks(void **state)
{
    bool same = true;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(walked); i++) {
        char path[1024];
        char *text;
        uint32_t looks;

        (void)snprintf(path, sizeof(path), "%s/engine/core/%s", getenv("FL_TOP_SRCDIR"),
                       walked[i].file);
        text = test_file_read(path, NULL);
        looks = looks_of(text, walked[i].name);
        if (looks != walked[i].looks)
            print_message("struct %s of engine/core/%s looks like 0x%08x now\n", walked[i].name,
                          walked[i].file, looks);
        same &= looks == walked[i].looks;
        free(text);
    }
    if (!same)
        fail_msg("see the comment above the table of this test");
}

#define FOLDER_TEST(name) \
    cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(a_start_from_a_snapshot_is_a_start_from_all_events),
        FOLDER_TEST(an_earlier_state_comes_from_an_earlier_snapshot),
        FOLDER_TEST(what_cannot_be_used_is_passed_over),
        cmocka_unit_test(the_state_has_the_fields_that_a_snapshot_walks),
        FOLDER_TEST(a_check_holds_each_snapshot_against_the_events),
        FOLDER_TEST(a_wrong_byte_is_refused_or_read_but_never_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
