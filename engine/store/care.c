/* Check, backup and restore of a record. */
#include "config.h"

#include "engine/store/care.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/snapshot.h"
#include "engine/core/view.h"
#include "engine/store/impl.h"
#include "engine/store/model.h"
#include "engine/store/snapshots.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define PROBLEMS_MAX 20        /* that SQLite's own check tells */
#define BACKUP_PAGES 4096      /* of one step */
#define RESTORE_EPOCHS 1000000 /* more lives than a coordinator ever has */
#define ENTROPY_DIGITS 64
#define FOLDER_MODE 0755
#define LOCK_FILE "lock"

struct verify {
    struct fl_store *store;
    fl_store_problem_fn fn;
    void *arg;
    struct fl_store_report *report;
};

static void problem(struct verify *v, const char *text)
{
    v->report->problems++;
    if (v->fn)
        v->fn(text, v->arg);
}

/* Calls fn with the first column of each row. */
static int each_text(struct fl_store *store, const char *sql,
                     void (*fn)(struct verify *v, sqlite3_stmt *row), struct verify *v,
                     struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int step = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    int rc = 0;

    if (step == SQLITE_OK) {
        while ((step = sqlite3_step(statement)) == SQLITE_ROW)
            fn(v, statement);
    }
    if (step != SQLITE_DONE)
        rc = fl_store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    (void)sqlite3_finalize(statement);
    return rc;
}

static void take_integrity(struct verify *v, sqlite3_stmt *row)
{
    const char *text = (const char *)sqlite3_column_text(row, 0);

    if (!text || strcmp(text, "ok") != 0)
        problem(v, text ? text : "SQLite's check ran out of memory");
}

static void take_workflow(struct verify *v, sqlite3_stmt *row)
{
    const char *digest = (const char *)sqlite3_column_text(row, 0);
    const char *body = (const char *)sqlite3_column_text(row, 1);
    char found[FL_DIGEST_HEX];
    char line[256];

    v->report->workflows++;
    if (digest && body) {
        fl_digest_memory(body, (size_t)sqlite3_column_bytes(row, 1), found);
        if (strcmp(found, digest) == 0)
            return;
    }
    (void)snprintf(line, sizeof(line), "workflow %.12s... is not what its digest says",
                   digest ? digest : "?");
    problem(v, line);
}

static int verify_numbers(struct verify *v, struct fl_err *reterr)
{
    int64_t first = 0;
    int64_t count = 0;
    int64_t last = 0;
    char line[256];
    int rc = fl_store_ask(v->store, "select count(*) from event", &count, reterr);

    if (rc == 0)
        rc = fl_store_ask(v->store, "select min(seq) from event", &first, reterr);
    if (rc == 0)
        rc = fl_store_ask(v->store, "select max(seq) from event", &last, reterr);
    if (rc < 0)
        return rc;
    v->report->events = (uint64_t)count;
    if (count > 0 && (first != 1 || last != count)) {
        (void)snprintf(line, sizeof(line),
                       "events %" PRId64 " to %" PRId64 " are there, but only %" PRId64
                       " of them: some are missing",
                       first, last, count);
        problem(v, line);
    }
    return 0;
}

/* The newest snapshot up to `until` against the state that the events before it give; core is in
 * that state. */
static int verify_snapshot(struct verify *v, struct fl_core *core, uint64_t seq,
                           struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf stored;
    fl_auto(fl_buf_release) struct fl_buf made;
    char line[256];
    struct fl_err err = {0};
    uint64_t found = 0;
    int format = 0;
    int rc;

    fl_buf_init(&stored, FL_SNAPSHOT_MAX);
    fl_buf_init(&made, FL_SNAPSHOT_MAX);
    rc = fl_snapshot_read(v->store, seq, &stored, &found, &format, &err);
    if (rc < 0) {
        problem(v, err.text);
        return 0;
    }
    if (format != FL_SNAPSHOT_FORMAT)
        return 0; /* of another version: it is not read */
    rc = fl_core_save(core, &made, reterr);
    if (rc == 0 && (stored.size != made.size || memcmp(stored.data, made.data, made.size) != 0)) {
        (void)snprintf(line, sizeof(line),
                       "the snapshot after event %" PRIu64 " is not the state that the events give",
                       seq);
        problem(v, line);
    }
    return rc;
}

/* The number of the first snapshot after an event, or UINT64_MAX. */
static int snapshot_after(struct verify *v, uint64_t seq, uint64_t *ret_seq, struct fl_err *reterr)
{
    char sql[128];
    int64_t found = 0;
    int rc = 0;

    (void)snprintf(sql, sizeof(sql), "select min(seq) from snapshot where seq > %" PRIu64, seq);
    if (v->store->schema >= 2)
        rc = fl_store_ask(v->store, sql, &found, reterr);
    *ret_seq = found > 0 ? (uint64_t)found : UINT64_MAX;
    return rc;
}

/* Every event, applied to the state before it; and the snapshots on the way. */
static int verify_events(struct verify *v, struct fl_err *reterr)
{
    fl_auto(fl_core_destroy) struct fl_core *core = NULL;
    struct fl_err err = {0};
    uint64_t next = 0;
    uint64_t seq = 0;
    int rc = fl_core_create(&core, reterr);

    while (rc == 0 && next != UINT64_MAX) {
        rc = snapshot_after(v, next, &next, reterr);
        if (rc < 0)
            return rc;
        rc = fl_store_replay(v->store, core, next == UINT64_MAX ? 0 : (size_t)(next - seq), &seq,
                             &err);
        if (rc == FL_E_NOMEM || rc == FL_E_IO) {
            *reterr = err;
            return rc;
        }
        if (rc < 0) {
            problem(v, err.text);
            return 0;
        }
        if (next != UINT64_MAX && seq == next)
            rc = verify_snapshot(v, core, next, reterr);
    }
    return rc;
}

static int store_bytes(struct fl_store *store, uint64_t *ret_bytes, struct fl_err *reterr)
{
    int64_t pages = 0;
    int64_t size = 0;
    int rc = fl_store_ask(store, "pragma page_count", &pages, reterr);

    if (rc == 0)
        rc = fl_store_ask(store, "pragma page_size", &size, reterr);
    *ret_bytes = (uint64_t)(pages * size);
    return rc;
}

int fl_store_verify(const char *folder, fl_store_problem_fn fn, void *arg,
                    struct fl_store_report *ret_report, struct fl_err *reterr)
{
    const struct fl_store_config config = {.folder = folder, .read_only = true};
    fl_auto(fl_store_destroy) struct fl_store *store = NULL;
    struct verify v = {.fn = fn, .arg = arg, .report = ret_report};
    int rc;

    fl_assert(folder && ret_report);
    *ret_report = (struct fl_store_report){0};
    rc = fl_store_open(&config, &store, reterr);
    if (rc < 0)
        return rc;
    v.store = store;
    ret_report->schema = store->schema;
    rc = fl_store_exec(store, "begin", "read", reterr); /* all of it from one moment */
    if (rc == 0)
        rc = each_text(store, "pragma integrity_check(20)", take_integrity, &v, reterr);
    if (rc == 0)
        rc = verify_numbers(&v, reterr);
    if (rc == 0)
        rc = each_text(store, "select digest, body from workflow", take_workflow, &v, reterr);
    if (rc == 0)
        rc = store_bytes(store, &ret_report->bytes, reterr);
    if (rc == 0)
        rc = verify_events(&v, reterr);
    if (rc == FL_E_DATA) { /* too damaged to be read on */
        problem(&v, reterr->text);
        rc = 0;
    }
    return rc;
}

/* Copies the database of a store into a new file. */
static int copy_database(struct fl_store *store, const char *path, struct fl_err *reterr)
{
    sqlite3 *to = NULL;
    sqlite3_backup *backup = NULL;
    int step = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    int rc = 0;

    if (step == SQLITE_OK)
        backup = sqlite3_backup_init(to, "main", store->db, "main");
    if (backup) {
        do {
            step = sqlite3_backup_step(backup, BACKUP_PAGES);
        } while (step == SQLITE_OK);
        (void)sqlite3_backup_finish(backup); /* says again what the last step said */
    } else {
        step = to ? sqlite3_extended_errcode(to) : SQLITE_NOMEM;
    }
    if (step != SQLITE_DONE)
        rc = fl_err_set(reterr, (step & 0xff) == SQLITE_FULL ? FL_E_NOSPACE : FL_E_IO, step,
                        "copy '%s' to '%s': %s", store->path, path, sqlite3_errstr(step));
    if (sqlite3_close(to) != SQLITE_OK && rc == 0)
        rc = fl_err_set(reterr, FL_E_IO, 0, "close '%s'", path);
    return rc;
}

/* The record of one folder, as it is now, as the record of another that has none. */
static int copy_record(const struct fl_world *world, const char *folder, const char *to_folder,
                       struct fl_err *reterr)
{
    const struct fl_store_config config = {.folder = folder, .read_only = true};
    fl_auto(fl_store_destroy) struct fl_store *store = NULL;
    char path[FL_PATH_MAX];
    char temp[FL_PATH_MAX];
    int rc = fl_store_open(&config, &store, reterr);

    if (rc == 0)
        rc = fl_dir_make(world, to_folder, FOLDER_MODE, reterr);
    if (rc == 0)
        rc = fl_path_join(to_folder, FL_STORE_FILE, path, sizeof(path), reterr);
    if (rc < 0)
        return rc;
    if (fl_file_exists(world, path))
        return fl_err_set(reterr, FL_E_EXISTS, 0,
                          "'%s' is there already; name a folder without a record", path);
    rc = fl_file_incoming(world, path, temp, sizeof(temp), reterr);
    /* one read transaction around all steps: what is written meanwhile does not start it over */
    if (rc == 0)
        rc = fl_store_exec(store, "begin; select count(*) from counter", "read", reterr);
    if (rc == 0)
        rc = copy_database(store, temp, reterr);
    if (rc == 0)
        return fl_file_settle(world, temp, path, reterr);
    (void)fl_file_remove(world, temp, NULL); /* the error we return matters more */
    return rc;
}

/* What SQLite says of a copy, and how much there is in it. */
static int report_copy(const char *folder, struct fl_store_report *report, struct fl_err *reterr)
{
    const struct fl_store_config config = {.folder = folder, .read_only = true};
    fl_auto(fl_store_destroy) struct fl_store *store = NULL;
    struct verify v = {.report = report};
    int64_t number = 0;
    int rc = fl_store_open(&config, &store, reterr);

    if (rc < 0)
        return rc;
    report->schema = store->schema;
    v.store = store;
    rc = each_text(store, "pragma integrity_check(1)", take_integrity, &v, reterr);
    if (rc == 0)
        rc = verify_numbers(&v, reterr);
    if (rc == 0)
        rc = fl_store_ask(store, "select count(*) from workflow", &number, reterr);
    report->workflows = (uint64_t)number;
    if (rc == 0)
        rc = store_bytes(store, &report->bytes, reterr);
    if (rc == 0 && report->problems > 0)
        rc = fl_err_set(reterr, FL_E_DATA, 0,
                        "the copy in '%s' is damaged; see fairlead store check", folder);
    return rc;
}

int fl_store_backup(const struct fl_world *world, const char *folder, const char *to_folder,
                    struct fl_store_report *ret_report, struct fl_err *reterr)
{
    int rc = copy_record(world, folder, to_folder, reterr);

    *ret_report = (struct fl_store_report){0};
    if (rc == 0)
        rc = report_copy(to_folder, ret_report, reterr);
    return rc < 0 ? fl_err_note(reterr, rc, "backup") : 0;
}

/* Holds a run that has not ended. */
static int hold_run(const struct fl_world *world, struct fl_store *store, struct fl_core *core,
                    const char *run, const char *who, struct fl_err *reterr)
{
    fl_auto(fl_events_release) struct fl_events events = {0};
    fl_json_auto json_t *message = json_pack("{s:s, s:s}", "verb", "hold", "run", run);
    char entropy[ENTROPY_DIGITS + 1];
    struct fl_input input = {.type = FL_INPUT_REQUEST,
                             .now_ns = fl_world_utc_ns(world),
                             .who = who,
                             .why = "restored from a backup: release it when its workers have "
                                    "said what they did since",
                             .entropy = entropy,
                             .message = message};
    int rc = message ? fl_world_random_hex(world, entropy, ENTROPY_DIGITS, reterr)
                     : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0)
        rc = fl_core_decide(core, &input, &events, reterr);
    for (size_t i = 0; rc == 0 && i < events.count; i++)
        rc = fl_core_apply(core, events.items[i], reterr);
    if (rc == 0)
        rc = fl_store_append(store, events.items, events.count, reterr);
    return rc;
}

static int hold_runs(const struct fl_world *world, struct fl_store *store, const char *who,
                     uint64_t *ret_held, struct fl_err *reterr)
{
    fl_auto(fl_core_destroy) struct fl_core *core = NULL;
    fl_json_auto json_t *runs = NULL;
    uint64_t seq = 0;
    size_t i;
    json_t *run;
    int rc = fl_core_create(&core, reterr);

    if (rc == 0)
        rc = fl_store_replay(store, core, 0, &seq, reterr);
    if (rc == 0)
        rc = fl_view_runs(core, &runs, reterr);
    if (rc < 0)
        return rc;
    json_array_foreach(json_object_get(runs, "runs"), i, run)
    {
        const char *state = json_string_value(json_object_get(run, "state"));
        const char *name = json_string_value(json_object_get(run, "run"));

        if (!state || !name || strcmp(state, "running") != 0 ||
            json_is_true(json_object_get(run, "held")))
            continue;
        rc = hold_run(world, store, core, name, who, reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "hold %s", name);
        (*ret_held)++;
    }
    return 0;
}

int fl_store_restore(const struct fl_world *world, const char *backup_folder, const char *folder,
                     const char *who, struct fl_store_report *ret_report, struct fl_err *reterr)
{
    const struct fl_store_config config = {.folder = folder};
    fl_auto(fl_store_destroy) struct fl_store *store = NULL;
    char path[FL_PATH_MAX];
    int64_t epoch = 0;
    int lock_fd = -1;
    int rc = fl_dir_make(world, folder, FOLDER_MODE, reterr);

    *ret_report = (struct fl_store_report){0};
    if (rc == 0)
        rc = fl_path_join(folder, LOCK_FILE, path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_lock_take(world, path, &lock_fd, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "restore");
    rc = copy_record(world, backup_folder, folder, reterr);
    if (rc == 0)
        rc = report_copy(folder, ret_report, reterr);
    if (rc == 0)
        rc = fl_store_open(&config, &store, reterr);
    if (rc == 0)
        rc = fl_store_add_epochs(store, RESTORE_EPOCHS, &epoch, reterr);
    if (rc == 0)
        rc = hold_runs(world, store, who, &ret_report->held, reterr);
    fl_lock_release(world, lock_fd);
    return rc < 0 ? fl_err_note(reterr, rc, "restore") : 0;
}
