/* The store on SQLite. Write-ahead log with synchronous=FULL: a commit returns when its pages and
 * the commit record are on the disk; a torn last write is cut off at the next open. */
#include "config.h"

#include "engine/store/store.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/path.h"

#include "engine/base/banned.h"

#define APPLICATION_ID 0x464c4431 /* "FLD1" */
#define BUSY_MS 5000              /* a reader that recovers the log holds it for a moment */

enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_EVENT_ADD,
    SQL_EVENT_LAST,
    SQL_EVENT_LOAD,
    SQL_WORKFLOW_PUT,
    SQL_WORKFLOW_GET,
    SQL_EPOCH_ADD,
    SQL_EPOCH_GET,
    SQL_COUNT
};

static const char *const sql_texts[SQL_COUNT] = {
    [SQL_BEGIN] = "begin immediate",
    [SQL_COMMIT] = "commit",
    [SQL_ROLLBACK] = "rollback",
    [SQL_EVENT_ADD] = "insert into event(seq, time_ns, type, run, stage, body) values(?,?,?,?,?,?)",
    [SQL_EVENT_LAST] = "select max(seq) from event",
    [SQL_EVENT_LOAD] = "select seq, body from event where seq >= ? order by seq limit ?",
    [SQL_WORKFLOW_PUT] = "insert or ignore into workflow(digest, body) values(?,?)",
    [SQL_WORKFLOW_GET] = "select body from workflow where digest = ?",
    [SQL_EPOCH_ADD] = "update counter set value = value + 1 where name = 'epoch'",
    [SQL_EPOCH_GET] = "select value from counter where name = 'epoch'",
};

static const char schema_text[] =
    "create table event(seq integer primary key, time_ns integer not null, type text not null,"
    " run text, stage text, body text not null);"
    "create index event_run on event(run, seq);"
    "create table workflow(digest text primary key, body text not null) without rowid;"
    "create table counter(name text primary key, value integer not null) without rowid;"
    "insert into counter(name, value) values('epoch', 0);";

struct fl_store {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_COUNT]; /* made at first use */
    char path[FL_PATH_MAX];
    uint64_t last_seq;
    int log_pages; /* in the write-ahead log after the last commit */
    bool read_only;
    bool sync_failed;
    bool broken; /* a sync failed: what is on the disk is not known */
};

/* The errno behind SQLite's last error. A commit that fails does not carry it to the connection:
 * then the log file itself is asked. */
static int store_errno(struct fl_store *store)
{
    int found = sqlite3_system_errno(store->db);
    sqlite3_file *log = NULL;

    if (found == 0 &&
        sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&log) ==
            SQLITE_OK &&
        log && log->pMethods)
        (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &found);
    return found;
}

/* Turns SQLite's last error into ours. */
static int store_error(struct fl_store *store, int sqlite_rc, const char *what,
                       struct fl_err *reterr)
{
    int system_errno = store_errno(store);
    char system[128];
    int code;

    switch (sqlite_rc & 0xff) {
    case SQLITE_FULL:
        code = FL_E_NOSPACE;
        break;
    case SQLITE_IOERR:
        if (sqlite_rc == SQLITE_IOERR_FSYNC || sqlite_rc == SQLITE_IOERR_DIR_FSYNC)
            store->sync_failed = true;
        code = sqlite_rc != SQLITE_IOERR_FSYNC && sqlite_rc != SQLITE_IOERR_DIR_FSYNC &&
                       (system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG)
                   ? FL_E_NOSPACE
                   : FL_E_IO;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = FL_E_LOCKED;
        break;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        code = FL_E_DATA;
        break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        code = FL_E_PERM;
        break;
    case SQLITE_CANTOPEN:
        code = system_errno == ENOENT ? FL_E_NOENT : FL_E_PERM;
        break;
    case SQLITE_NOMEM:
        code = FL_E_NOMEM;
        break;
    case SQLITE_CONSTRAINT:
        code = FL_E_BUG;
        break;
    default:
        code = FL_E_IO;
        break;
    }
    if ((sqlite_rc & 0xff) == SQLITE_IOERR && system_errno != 0)
        return fl_err_set(reterr, code, sqlite_rc, "%s '%s': %s (%s)", what, store->path,
                          sqlite3_errmsg(store->db),
                          strerror_r(system_errno, system, sizeof(system)));
    return fl_err_set(reterr, code, sqlite_rc, "%s '%s': %s", what, store->path,
                      sqlite3_errmsg(store->db));
}

static int store_statement(struct fl_store *store, enum statement which, sqlite3_stmt **ret,
                           struct fl_err *reterr)
{
    if (!store->statements[which]) {
        int rc = sqlite3_prepare_v3(store->db, sql_texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                    &store->statements[which], NULL);

        if (rc != SQLITE_OK)
            return store_error(store, rc, "prepare a statement of", reterr);
    }
    *ret = store->statements[which];
    return 0;
}

/* Runs a statement that gives no rows. */
static int store_run(struct fl_store *store, enum statement which, const char *what,
                     struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int rc = store_statement(store, which, &statement, reterr);

    if (rc < 0)
        return rc;
    rc = sqlite3_step(statement);
    if (rc != SQLITE_DONE) {
        rc = store_error(store, sqlite3_extended_errcode(store->db), what, reterr);
        (void)sqlite3_reset(statement); /* repeats the error we have */
        return rc;
    }
    (void)sqlite3_reset(statement);
    return 0;
}

/* The first column of a one-row statement; 0 when it is null. */
static int store_number(struct fl_store *store, enum statement which, int64_t *ret_value,
                        struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int rc = store_statement(store, which, &statement, reterr);

    if (rc < 0)
        return rc;
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *ret_value = sqlite3_column_int64(statement, 0);
        rc = 0;
    } else {
        rc = store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    }
    (void)sqlite3_reset(statement);
    return rc;
}

static int store_exec(struct fl_store *store, const char *sql, const char *what,
                      struct fl_err *reterr)
{
    int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    if (rc != SQLITE_OK)
        return store_error(store, sqlite3_extended_errcode(store->db), what, reterr);
    return 0;
}

static int pragma_number(struct fl_store *store, const char *sql, int64_t *ret_value,
                         struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *ret_value = sqlite3_column_int64(statement, 0);
        rc = 0;
    } else {
        rc = store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    }
    (void)sqlite3_finalize(statement);
    return rc;
}

/* Ours, of a version that we know; makes the tables in an empty file. */
static int store_check_schema(struct fl_store *store, struct fl_err *reterr)
{
    char sql[sizeof(schema_text) + 128];
    int64_t version = 0;
    int64_t application = 0;
    int64_t pages = 0;
    int rc = pragma_number(store, "pragma user_version", &version, reterr);

    if (rc == 0)
        rc = pragma_number(store, "pragma application_id", &application, reterr);
    if (rc == 0)
        rc = pragma_number(store, "select count(*) from sqlite_master", &pages, reterr);
    if (rc < 0)
        return rc;
    if (application == APPLICATION_ID && version > FL_STORE_SCHEMA)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "state '%s' has schema %lld, made by a newer Fairlead; this one knows up "
                          "to %d",
                          store->path, (long long)version, FL_STORE_SCHEMA);
    if (application == APPLICATION_ID && version >= 1)
        return 0;
    if (application != 0 || pages != 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s' is a database of another program",
                          store->path);
    if (store->read_only)
        return fl_err_set(reterr, FL_E_NOENT, 0, "'%s' holds no state yet", store->path);
    (void)snprintf(sql, sizeof(sql),
                   "begin immediate; %s pragma application_id=%d; pragma user_version=%d; commit",
                   schema_text, APPLICATION_ID, FL_STORE_SCHEMA);
    return store_exec(store, sql, "make the tables of", reterr);
}

/* SQLite tells how long the log is after each commit; moving it into the file is for fl_store_tidy.
 */
static int log_grew(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct fl_store *store = arg;

    (void)db;
    (void)name;
    store->log_pages = pages;
    return SQLITE_OK;
}

static int store_connect(struct fl_store *store, const struct fl_store_config *config,
                         struct fl_err *reterr)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    int rc;

    if (!config->read_only)
        flags |= SQLITE_OPEN_CREATE;
    rc = sqlite3_open_v2(store->path, &store->db, flags, config->vfs);
    if (!store->db)
        return fl_err_set(reterr, FL_E_NOMEM, rc, "open '%s': out of memory", store->path);
    (void)sqlite3_extended_result_codes(store->db, 1);
    if (rc != SQLITE_OK)
        return store_error(store, sqlite3_extended_errcode(store->db), "open", reterr);
    (void)sqlite3_busy_timeout(store->db, BUSY_MS);
    if (config->read_only) {
        /* a reader never moves the log into the file, not even when it closes last */
        (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        return store_exec(store, "pragma query_only=on", "open", reterr);
    }
    rc = store_exec(store, "pragma journal_mode=wal", "open", reterr);
    if (rc == 0)
        rc = store_exec(store, "pragma synchronous=full; pragma journal_size_limit=67108864",
                        "open", reterr);
    (void)sqlite3_wal_hook(store->db, log_grew, store);
    return rc;
}

int fl_store_open(const struct fl_store_config *config, struct fl_store **ret_store,
                  struct fl_err *reterr)
{
    fl_auto(fl_store_destroy) struct fl_store *store = NULL;
    int rc;

    fl_assert(config && config->folder);
    fl_assert(ret_store);
    store = calloc(1, sizeof(*store));
    if (!store)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    store->read_only = config->read_only;
    rc = snprintf(store->path, sizeof(store->path), "%s/%s", config->folder, FL_STORE_FILE);
    if (rc < 0 || (size_t)rc >= sizeof(store->path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "state folder '%.200s': the name is too long",
                          config->folder);
    rc = store_connect(store, config, reterr);
    if (rc == 0)
        rc = store_check_schema(store, reterr);
    if (rc == 0)
        rc = fl_store_last_seq(store, &store->last_seq, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "state folder '%s'", config->folder);
    *ret_store = FL_STEAL(store);
    return 0;
}

void fl_store_destroy(struct fl_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < SQL_COUNT; i++)
        (void)sqlite3_finalize(store->statements[i]);
    if (store->db)
        (void)sqlite3_close(store->db); /* all statements are gone: it cannot be busy */
    free(store);
}

static int bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    return text ? sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC)
                : sqlite3_bind_null(statement, at);
}

static int event_insert(struct fl_store *store, const struct fl_event *event, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf body = {0};
    sqlite3_stmt *statement = NULL;
    int rc;

    fl_buf_init(&body, 0);
    rc = fl_event_to_text(event, &body, reterr);
    if (rc == 0)
        rc = store_statement(store, SQL_EVENT_ADD, &statement, reterr);
    if (rc < 0)
        return rc;
    if (sqlite3_bind_int64(statement, 1, (sqlite3_int64)event->seq.v) != SQLITE_OK ||
        sqlite3_bind_int64(statement, 2, event->time_ns) != SQLITE_OK ||
        bind_text(statement, 3, fl_event_type_name(event->type)) != SQLITE_OK ||
        bind_text(statement, 4, event->run) != SQLITE_OK ||
        bind_text(statement, 5, event->stage) != SQLITE_OK ||
        bind_text(statement, 6, body.data) != SQLITE_OK)
        rc = store_error(store, sqlite3_extended_errcode(store->db), "bind an event for", reterr);
    else
        rc = store_run(store, SQL_EVENT_ADD, "write an event to", reterr);
    (void)sqlite3_clear_bindings(statement);
    return rc;
}

static int workflow_insert(struct fl_store *store, const struct fl_store_workflow *workflow,
                           struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int rc;

    fl_assert(workflow->digest && workflow->text);
    if (workflow->size > FL_STORE_WORKFLOW_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "a workflow of %zu bytes; the limit is %zu",
                          workflow->size, FL_STORE_WORKFLOW_MAX);
    rc = store_statement(store, SQL_WORKFLOW_PUT, &statement, reterr);
    if (rc < 0)
        return rc;
    if (bind_text(statement, 1, workflow->digest) != SQLITE_OK ||
        sqlite3_bind_text(statement, 2, workflow->text, (int)workflow->size, SQLITE_STATIC) !=
            SQLITE_OK)
        rc = store_error(store, sqlite3_extended_errcode(store->db), "bind a workflow", reterr);
    else
        rc = store_run(store, SQL_WORKFLOW_PUT, "write a workflow to", reterr);
    (void)sqlite3_clear_bindings(statement);
    return rc;
}

static int store_begin(struct fl_store *store, struct fl_err *reterr)
{
    fl_assert(!store->read_only);
    if (store->broken)
        return fl_err_set(reterr, FL_E_IO, 0,
                          "'%s': an earlier write failed; end and recover from the disk",
                          store->path);
    return store_run(store, SQL_BEGIN, "begin a transaction on", reterr);
}

/* Ends a transaction: commit when rc is 0, else roll back and keep the first error. What was
 * written without being synced is of no account: the next try writes it again in the same place.
 * After a failed sync the kernel may have dropped what it could not write (and say so only once).
 */
static int store_finish(struct fl_store *store, int rc, struct fl_err *reterr)
{
    if (rc == 0)
        rc = store_run(store, SQL_COMMIT, "commit to", reterr);
    if (rc == 0)
        return 0;
    if (!sqlite3_get_autocommit(store->db))
        (void)store_run(store, SQL_ROLLBACK, "roll back", NULL); /* the first error counts */
    if (rc == FL_E_IO && !store->sync_failed && !store->broken)
        return FL_E_AGAIN;
    if (rc == FL_E_IO || rc == FL_E_DATA || rc == FL_E_BUG)
        store->broken = true;
    return rc;
}

int fl_store_commit(struct fl_store *store, const struct fl_store_batch *batch,
                    struct fl_err *reterr)
{
    int rc;

    fl_assert(store && batch);
    if (batch->count == 0 && batch->workflow_count == 0)
        return 0;
    if (batch->count > FL_STORE_BATCH_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "a batch of %zu events; the limit is %d",
                          batch->count, FL_STORE_BATCH_MAX);
    rc = store_begin(store, reterr);
    for (size_t i = 0; i < batch->workflow_count && rc == 0; i++)
        rc = workflow_insert(store, &batch->workflows[i], reterr);
    for (size_t i = 0; i < batch->count && rc == 0; i++) {
        batch->events[i]->seq.v = store->last_seq + 1 + i;
        rc = event_insert(store, batch->events[i], reterr);
    }
    rc = store_finish(store, rc, reterr);
    if (rc < 0) {
        for (size_t i = 0; i < batch->count; i++)
            batch->events[i]->seq.v = 0;
        return rc;
    }
    store->last_seq += batch->count;
    return 0;
}

int fl_store_append(struct fl_store *store, struct fl_event *const *events, size_t count,
                    struct fl_err *reterr)
{
    const struct fl_store_batch batch = {.events = events, .count = count};

    return fl_store_commit(store, &batch, reterr);
}

int fl_store_put_workflow(struct fl_store *store, const char *digest, const char *text, size_t size,
                          struct fl_err *reterr)
{
    const struct fl_store_workflow workflow = {.digest = digest, .text = text, .size = size};
    const struct fl_store_batch batch = {.workflows = &workflow, .workflow_count = 1};

    return fl_store_commit(store, &batch, reterr);
}

int fl_store_tidy(struct fl_store *store, struct fl_err *reterr)
{
    int rc;

    if (store->log_pages < FL_STORE_TIDY_PAGES || store->broken)
        return 0;
    store->log_pages = 0; /* when it fails, the next commit tells how long it is */
    rc = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc == SQLITE_OK)
        return 0;
    rc = store_error(store, rc, "move the log into", reterr);
    store->broken = store->sync_failed;
    return rc;
}

int fl_store_last_seq(struct fl_store *store, uint64_t *ret_seq, struct fl_err *reterr)
{
    int64_t last = 0;
    int rc = store_number(store, SQL_EVENT_LAST, &last, reterr);

    if (rc < 0)
        return rc;
    *ret_seq = (uint64_t)last;
    return 0;
}

/* One row: number and JSON, to an event, to fn. */
static int event_give(struct fl_store *store, sqlite3_stmt *statement, fl_store_event_fn fn,
                      void *arg, struct fl_err *reterr)
{
    fl_auto(fl_event_destroy) struct fl_event *event = NULL;
    fl_json_auto json_t *json = NULL;
    sqlite3_int64 seq = sqlite3_column_int64(statement, 0);
    const char *body = (const char *)sqlite3_column_text(statement, 1);
    int size = sqlite3_column_bytes(statement, 1);
    int rc;

    if (!body || size < 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s': event %lld has no body", store->path,
                          (long long)seq);
    rc = fl_json_parse(body, (size_t)size, &json, reterr);
    if (rc == 0)
        rc = fl_event_from_json(json, &event, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "'%s', event %lld", store->path, (long long)seq);
    event->seq.v = (uint64_t)seq;
    return fn(event, arg, reterr);
}

int fl_store_load(struct fl_store *store, uint64_t from, size_t limit, fl_store_event_fn fn,
                  void *arg, struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int rc = store_statement(store, SQL_EVENT_LOAD, &statement, reterr);

    if (rc < 0)
        return rc;
    if (sqlite3_bind_int64(statement, 1, from > INT64_MAX ? INT64_MAX : (int64_t)from) !=
            SQLITE_OK ||
        sqlite3_bind_int64(statement, 2, limit ? (int64_t)limit : -1) != SQLITE_OK)
        return store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    for (;;) {
        int step = sqlite3_step(statement);

        if (step == SQLITE_ROW)
            rc = event_give(store, statement, fn, arg, reterr);
        else if (step != SQLITE_DONE)
            rc = store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
        if (step != SQLITE_ROW || rc < 0)
            break;
    }
    (void)sqlite3_reset(statement);
    return rc < 0 ? rc : 0;
}

int fl_store_get_workflow(struct fl_store *store, const char *digest, struct fl_buf *out,
                          struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int rc = store_statement(store, SQL_WORKFLOW_GET, &statement, reterr);

    if (rc < 0)
        return rc;
    if (bind_text(statement, 1, digest) != SQLITE_OK)
        return store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        fl_buf_add(out, sqlite3_column_text(statement, 0),
                   (size_t)sqlite3_column_bytes(statement, 0));
        rc = fl_buf_check(out, reterr);
    } else if (rc == SQLITE_DONE) {
        rc =
            fl_err_set(reterr, FL_E_NOENT, 0, "'%s' holds no workflow %.12s…", store->path, digest);
    } else {
        rc = store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    }
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return rc;
}

int fl_store_next_epoch(struct fl_store *store, int64_t *ret_epoch, struct fl_err *reterr)
{
    int64_t epoch = 0;
    int rc = store_begin(store, reterr);

    if (rc < 0)
        return rc;
    rc = store_run(store, SQL_EPOCH_ADD, "write to", reterr);
    if (rc == 0)
        rc = store_number(store, SQL_EPOCH_GET, &epoch, reterr);
    rc = store_finish(store, rc, reterr);
    if (rc == 0)
        *ret_epoch = epoch;
    return rc;
}
