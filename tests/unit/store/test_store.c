/* The store: whole batches or nothing, in order, beside readers, on a full disk. */
#include "config.h"

#include "tests/lib/test.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "engine/store/store.h"
#include "engine/world/file.h"
#include "tests/unit/store/broken_vfs.h"

#include "engine/base/banned.h"

static struct fl_store *open_store(bool read_only, const char *vfs)
{
    struct fl_store_config config = {.folder = ".", .read_only = read_only, .vfs = vfs};
    struct fl_store *store = NULL;
    struct fl_err err = {0};

    assert_ok(fl_store_open(&config, &store, &err), err);
    return store;
}

/* A batch of `count` warnings whose texts are numbered from `first` and filled up to `size`. */
static void make_batch(struct fl_events *events, int first, int count, size_t size)
{
    char text[FL_EVENT_TEXT_MAX];
    struct fl_err err = {0};

    for (int i = 0; i < count; i++) {
        struct fl_event *event = NULL;
        int used = snprintf(text, sizeof(text), "%d ", first + i);

        memset(text + used, 'x', sizeof(text) - (size_t)used);
        text[size > (size_t)used ? size : (size_t)used] = '\0';
        assert_ok(fl_event_create(FL_EVENT_ATTEMPT_NOTED, &event, &err), err);
        event->time_ns = 1542000000000000000 + i;
        event->attempt = 1;
        assert_ok(fl_event_set_text(event, &event->run, "surge/20181009T0000Z", &err), err);
        assert_ok(fl_event_set_text(event, &event->stage, "prep", &err), err);
        assert_ok(fl_event_set_text(event, &event->text, text, &err), err);
        assert_ok(fl_events_add(events, event, &err), err);
    }
}

static int append(struct fl_store *store, int first, int count, struct fl_err *reterr)
{
    struct fl_events events = {0};
    int rc;

    make_batch(&events, first, count, 0);
    rc = fl_store_append(store, events.items, events.count, reterr);
    for (size_t i = 0; i < events.count; i++)
        assert_true(rc == 0 ? events.items[i]->seq.v > 0 : events.items[i]->seq.v == 0);
    fl_events_release(&events);
    return rc;
}

struct seen {
    uint64_t last;
    int count;
};

static int see(const struct fl_event *event, void *arg, struct fl_err *reterr)
{
    struct seen *seen = arg;

    (void)reterr;
    assert_true(event->seq.v == seen->last + 1);
    assert_int_equal(strtol(event->text, NULL, 10), seen->count);
    seen->last = event->seq.v;
    seen->count++;
    return 0;
}

static int count_events(struct fl_store *store)
{
    struct seen seen = {0};
    struct fl_err err = {0};

    assert_ok(fl_store_load(store, 1, 0, see, &seen, &err), err);
    return seen.count;
}

/* Recovery that saw events in another order, or lost the newest, would launch a stage again. */
static void events_come_back_in_order_after_a_restart(void **state)
{
    struct fl_store *store = open_store(false, NULL);
    struct fl_err err = {0};
    uint64_t last = 0;

    (void)state;
    assert_ok(append(store, 0, 3, &err), err);
    assert_ok(append(store, 3, 2, &err), err);
    fl_store_destroy(store);
    store = open_store(false, NULL);
    assert_int_equal(count_events(store), 5);
    assert_ok(append(store, 5, 1, &err), err);
    assert_ok(fl_store_last_seq(store, &last, &err), err);
    assert_int_equal(last, 6);
    assert_int_equal(count_events(store), 6);
    fl_store_destroy(store);
}

/* Half a batch on the disk would be a decision that nobody made. */
static void a_batch_is_whole_or_absent_whichever_write_fails(void **state)
{
    static const enum broken_vfs_fault faults[] = {BROKEN_VFS_FULL, BROKEN_VFS_WRITE,
                                                   BROKEN_VFS_SYNC};

    (void)state;
    for (size_t f = 0; f < FL_COUNT(faults); f++) {
        bool hit = true;

        for (int nth = 0; hit; nth++) {
            struct fl_store *store = open_store(false, broken_vfs_name());
            struct fl_err err = {0};
            int before = count_events(store);
            int rc;
            int after;

            assert_true(nth < 1000);
            broken_vfs_arm(faults[f], nth);
            rc = append(store, before, 40, &err);
            hit = broken_vfs_disarm();
            if (rc < 0 && faults[f] != BROKEN_VFS_SYNC) {
                assert_int_equal(rc, faults[f] == BROKEN_VFS_FULL ? FL_E_NOSPACE : FL_E_AGAIN);
                assert_ok(append(store, before, 40, &err), err); /* goes on when it can */
            } else if (rc < 0)
                assert_int_equal(append(store, before, 1, &err), FL_E_IO); /* no second chance */
            fl_store_destroy(store);
            store = open_store(false, NULL);
            after = count_events(store);
            if (rc == 0 || faults[f] != BROKEN_VFS_SYNC)
                assert_int_equal(after, before + 40);
            else
                assert_true(after == before || after == before + 40);
            fl_store_destroy(store);
        }
    }
}

/* `fairlead status` beside a running coordinator must neither block it nor see half a turn. */
static void a_reader_sees_whole_batches_beside_the_writer(void **state)
{
    struct fl_store *store = open_store(false, NULL);
    struct fl_store *reader = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_ok(append(store, 0, 2, &err), err);
    reader = open_store(true, NULL);
    assert_int_equal(count_events(reader), 2);
    assert_ok(append(store, 2, 5, &err), err);
    assert_int_equal(count_events(reader), 7);
    fl_store_destroy(store);
    assert_int_equal(count_events(reader), 7);
    fl_store_destroy(reader);
    reader = open_store(true, NULL);
    assert_int_equal(count_events(reader), 7);
    fl_store_destroy(reader);
}

/* Asking for the status of an empty folder must not make a state there. */
static void a_reader_makes_nothing(void **state)
{
    struct fl_store_config config = {.folder = ".", .read_only = true};
    struct fl_store *store = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_int_equal(fl_store_open(&config, &store, &err), FL_E_NOENT);
    assert_false(test_file_exists(FL_STORE_FILE));
}

/* An old binary on a new state would misread it. */
static void a_newer_schema_is_refused_by_name(void **state)
{
    struct fl_store_config config = {.folder = "."};
    struct fl_store *store = open_store(false, NULL);
    struct fl_err err = {0};
    sqlite3 *db = NULL;

    (void)state;
    fl_store_destroy(store);
    store = NULL;
    assert_int_equal(sqlite3_open(FL_STORE_FILE, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "pragma user_version=99", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    assert_fails_with(fl_store_open(&config, &store, &err), FL_E_UNSUPPORTED, err, "schema 99");
}

/* The tables as the first version made them. */
static const char schema_1[] =
    "create table event(seq integer primary key, time_ns integer not null, type text not null,"
    " run text, stage text, body text not null);"
    "create index event_run on event(run, seq);"
    "create table workflow(digest text primary key, body text not null) without rowid;"
    "create table counter(name text primary key, value integer not null) without rowid;"
    "insert into counter(name, value) values('epoch', 7);"
    "insert into event values(1, 5, 'attempt-noted', 'r/20181009T0000Z', 'prep',"
    " '{\"v\":1,\"seq\":1,\"time\":\"2026-11-24T00:00:00.000000000Z\",\"type\":\"attempt-noted\","
    "\"run\":\"r/20181009T0000Z\",\"stage\":\"prep\",\"attempt\":1,\"text\":\"0 said\"}');"
    "pragma application_id=1179403313; pragma user_version=1; pragma journal_mode=wal;";

static int64_t schema_of_file(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int64_t version;

    assert_int_equal(sqlite3_open(FL_STORE_FILE, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "pragma user_version", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    version = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return version;
}

static void make_schema_1(void)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(FL_STORE_FILE, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, schema_1, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

/* An upgrade that lost the record, or the count of lives, would start everything again. */
static void a_record_of_the_first_schema_is_brought_up_to_date(void **state)
{
    struct fl_store *store;
    struct fl_err err = {0};
    int64_t epoch = 0;

    (void)state;
    make_schema_1();
    store = open_store(true, NULL); /* a question to it changes nothing */
    assert_int_equal(count_events(store), 1);
    fl_store_destroy(store);
    assert_int_equal(schema_of_file(), 1);
    store = open_store(false, NULL);
    assert_int_equal(count_events(store), 1);
    assert_ok(fl_store_next_epoch(store, &epoch, &err), err);
    assert_int_equal(epoch, 8);
    assert_ok(append(store, 1, 2, &err), err);
    fl_store_destroy(store);
    assert_int_equal(schema_of_file(), FL_STORE_SCHEMA);
    store = open_store(false, NULL);
    assert_int_equal(count_events(store), 3);
    fl_store_destroy(store);
}

/* Half an upgrade would be of neither version. */
static void an_upgrade_is_whole_or_absent_whichever_write_fails(void **state)
{
    struct fl_store_config config = {.folder = ".", .vfs = broken_vfs_name()};
    bool hit = true;

    (void)state;
    for (int nth = 0; hit; nth++) {
        struct fl_store *store = NULL;
        struct fl_err err = {0};
        int rc;

        assert_true(nth < 1000);
        (void)remove(FL_STORE_FILE);
        (void)remove(FL_STORE_FILE "-wal");
        (void)remove(FL_STORE_FILE "-shm");
        make_schema_1();
        broken_vfs_arm(BROKEN_VFS_WRITE, nth);
        rc = fl_store_open(&config, &store, &err);
        fl_store_destroy(store);
        hit = broken_vfs_disarm();
        assert_true(hit || rc == 0);
        assert_int_equal(schema_of_file(), rc == 0 ? FL_STORE_SCHEMA : 1);
        store = open_store(false, NULL);
        assert_int_equal(count_events(store), 1);
        fl_store_destroy(store);
    }
}

/* A file that is no database of ours is left alone. */
static void a_strange_file_is_refused(void **state)
{
    struct fl_store_config config = {.folder = "."};
    struct fl_store *store = NULL;
    struct fl_err err = {0};
    char junk[8192];

    (void)state;
    memset(junk, 'j', sizeof(junk));
    test_file_write(FL_STORE_FILE, junk, sizeof(junk));
    assert_int_equal(fl_store_open(&config, &store, &err), FL_E_DATA);
}

/* A full disk at night: the batch waits, and nothing is lost when space returns. */
static void a_full_disk_holds_the_batch_until_there_is_space(void **state)
{
    struct fl_store *store = open_store(false, NULL);
    struct fl_events events = {0};
    struct rlimit limit;
    struct rlimit old;
    struct fl_err err = {0};
    struct stat info;
    int rc;

    (void)state;
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_ok(append(store, 0, 2, &err), err);
    assert_int_equal(stat(FL_STORE_FILE "-wal", &info), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = (rlim_t)info.st_size + 20000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    make_batch(&events, 2, 50, 2000);
    rc = fl_store_append(store, events.items, events.count, &err);
    assert_fails_with(rc, FL_E_NOSPACE, err, "fairlead.db");
    assert_int_equal(count_events(store), 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_ok(fl_store_append(store, events.items, events.count, &err), err);
    assert_int_equal(count_events(store), 52);
    fl_events_release(&events);
    fl_store_destroy(store);
}

/* A run is one event that names its workflow: the workflow must be there, byte for byte. */
static void workflows_are_kept_by_digest(void **state)
{
    struct fl_store *store = open_store(false, NULL);
    fl_auto(fl_buf_release) struct fl_buf text = {0};
    struct fl_err err = {0};

    (void)state;
    fl_buf_init(&text, 0);
    assert_ok(fl_store_put_workflow(store, "abc", "{\"a\":1}", 7, &err), err);
    assert_ok(fl_store_put_workflow(store, "abc", "{\"a\":1}", 7, &err), err);
    fl_store_destroy(store);
    store = open_store(true, NULL);
    assert_ok(fl_store_get_workflow(store, "abc", &text, &err), err);
    assert_string_equal(text.data, "{\"a\":1}");
    assert_int_equal(fl_store_get_workflow(store, "abd", &text, &err), FL_E_NOENT);
    fl_store_destroy(store);
}

/* Each life of the coordinator has a number of its own, or old tokens could be taken for new. */
static void the_epoch_grows_with_every_start(void **state)
{
    struct fl_store *store = open_store(false, NULL);
    struct fl_err err = {0};
    int64_t first = 0;
    int64_t second = 0;

    (void)state;
    assert_ok(fl_store_next_epoch(store, &first, &err), err);
    fl_store_destroy(store);
    store = open_store(false, NULL);
    assert_ok(fl_store_next_epoch(store, &second, &err), err);
    assert_int_equal(second, first + 1);
    fl_store_destroy(store);
}

/* What is on the disk at this moment, as a machine that goes down leaves it. */
static void copy_as_it_is(const char *from, const char *to)
{
    struct fl_err err = {0};

    assert_ok(fl_file_copy(fl_world_real(), from, to, &err), err);
}

/* A log that is longer than what was written to it must neither hide the events in it, nor give
 * what it held before, to the start after a crash. */
static void a_log_that_was_made_ahead_holds_what_was_committed_and_no_more(void **state)
{
    const size_t bytes = (size_t)1 << 20;
    struct fl_store_config copy = {.folder = "copy"};
    struct fl_store *store = open_store(false, NULL);
    struct fl_store *after = NULL;
    struct fl_err err = {0};
    struct stat info;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_ok(fl_store_reserve(store, bytes, &err), err); /* again: no harm */
        assert_ok(append(store, 10 * i, 10, &err), err);
        assert_int_equal(stat(FL_STORE_FILE "-wal", &info), 0);
        assert_true(info.st_size >= (off_t)bytes);
    }
    assert_ok(fl_dir_make(fl_world_real(), "copy", 0755, &err), err);
    copy_as_it_is(FL_STORE_FILE, "copy/" FL_STORE_FILE);
    copy_as_it_is(FL_STORE_FILE "-wal", "copy/" FL_STORE_FILE "-wal");
    assert_ok(fl_store_open(&copy, &after, &err), err);
    assert_int_equal(count_events(after), 30);
    assert_ok(append(after, 30, 10, &err), err);
    assert_int_equal(count_events(after), 40);
    fl_store_destroy(after);
    fl_store_destroy(store);
}

#define FOLDER_TEST(name) \
    cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(events_come_back_in_order_after_a_restart),
        FOLDER_TEST(a_batch_is_whole_or_absent_whichever_write_fails),
        FOLDER_TEST(a_reader_sees_whole_batches_beside_the_writer),
        FOLDER_TEST(a_reader_makes_nothing),
        FOLDER_TEST(a_newer_schema_is_refused_by_name),
        FOLDER_TEST(a_record_of_the_first_schema_is_brought_up_to_date),
        FOLDER_TEST(an_upgrade_is_whole_or_absent_whichever_write_fails),
        FOLDER_TEST(a_strange_file_is_refused),
        FOLDER_TEST(a_full_disk_holds_the_batch_until_there_is_space),
        FOLDER_TEST(workflows_are_kept_by_digest),
        FOLDER_TEST(the_epoch_grows_with_every_start),
        FOLDER_TEST(a_log_that_was_made_ahead_holds_what_was_committed_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
