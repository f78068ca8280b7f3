/* The store on SQLite. Write-ahead log with synchronous=FULL: a commit returns when its pages and
 * the commit record are on the disk; a torn last write is cut off at the next open. */
#include "config.h"

#include "engine/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/store/impl.h"

#include "engine/base/banned.h"

#define BUSY_MS 5000 /* a reader that recovers the log holds it for a moment */

static const char *const sql_texts[SQL_COUNT] = {
    [SQL_BEGIN] = "begin immediate",
    [SQL_COMMIT] = "commit",
    [SQL_ROLLBACK] = "rollback",
    [SQL_EVENT_ADD] = "insert into event(seq, time_ns, type, run, stage, body) values(?,?,?,?,?,?)",
    [SQL_EVENT_LAST] = "select max(seq) from event",
    [SQL_EVENT_LOAD] = "select seq, body from event where seq >= ? order by seq limit ?",
    [SQL_EVENT_DROP] = "select max(seq) from event where run = ? and type in"
                       " ('run-dropped', 'run-paged')",
    [SQL_WORKFLOW_PUT] = "insert or ignore into workflow(digest, body) values(?,?)",
    [SQL_WORKFLOW_GET] = "select body from workflow where digest = ?",
    [SQL_EPOCH_ADD] = "update counter set value = value + ? where name = 'epoch'",
    [SQL_EPOCH_GET] = "select value from counter where name = 'epoch'",
    [SQL_PART_ADD] = "insert or replace into snapshot_part(seq, part, body) values(?,?,?)",
    /* of a snapshot that is gone, or whose writer died */
    [SQL_PART_DROP] = "delete from snapshot_part where rowid in (select rowid from snapshot_part"
                      " where seq not in (select seq from snapshot) limit 4)",
    [SQL_PART_GET] = "select body from snapshot_part where seq = ?1 and part <"
                     " (select parts from snapshot where seq = ?1) order by part",
    [SQL_SNAPSHOT_ADD] =
        "insert or replace into snapshot(seq, format, parts, size, digest) values(?,?,?,?,?)",
    /* FL_SNAPSHOTS_KEPT */
    [SQL_SNAPSHOT_DROP] = "delete from snapshot where seq not in (select seq from snapshot"
                          " order by seq desc limit 2)",
    [SQL_SNAPSHOT_GET] = "select seq, format, size, digest from snapshot where seq <= ?"
                         " order by seq desc limit 1",
};

/* What brings the schema of each version to the next; a new file goes through all of them. */
static const char *const schema_steps[FL_STORE_SCHEMA] = {
    /* 1: events, workflows, the count of lives */
    "create table event(seq integer primary key, time_ns integer not null, type text not null,"
    " run text, stage text, body text not null);"
    "create index event_run on event(run, seq);"
    "create table workflow(digest text primary key, body text not null) without rowid;"
    "create table counter(name text primary key, value integer not null) without rowid;"
    "insert into counter(name, value) values('epoch', 0);",
    /* 2: snapshots of the state after an event; one counts when its row is there, written last */
    "create table snapshot(seq integer primary key, format integer not null, parts integer not "
    "null,"
    " size integer not null, digest text not null);"
    "create table snapshot_part(seq integer not null, part integer not null, body blob not null,"
    " primary key(seq, part));",
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
int fl_store_error(struct fl_store *store, int sqlite_rc, const char *what, struct fl_err *reterr)
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

int fl_store_statement(struct fl_store *store, enum fl_sql which, sqlite3_stmt **ret,
                       struct fl_err *reterr)
{
    if (!store->statements[which]) {
        int rc = sqlite3_prepare_v3(store->db, sql_texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                    &store->statements[which], NULL);

        if (rc != SQLITE_OK)
            return fl_store_error(store, rc, "prepare a statement of", reterr);
    }
    *ret = store->statements[which];
    return 0;
}

/* Runs a statement that gives no rows. */
int fl_store_run(struct fl_store *store, enum fl_sql which, const char *what, struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int rc = fl_store_statement(store, which, &statement, reterr);

    if (rc < 0)
        return rc;
    rc = sqlite3_step(statement);
    if (rc != SQLITE_DONE) {
        rc = fl_store_error(store, sqlite3_extended_errcode(store->db), what, reterr);
        (void)sqlite3_reset(statement); /* repeats the error we have */
        return rc;
    }
    (void)sqlite3_reset(statement);
    return 0;
}

/* The first column of a one-row statement; 0 when it is null. */
int fl_store_number(struct fl_store *store, enum fl_sql which, int64_t *ret_value,
                    struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int rc = fl_store_statement(store, which, &statement, reterr);

    if (rc < 0)
        return rc;
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *ret_value = sqlite3_column_int64(statement, 0);
        rc = 0;
    } else {
        rc = fl_store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    }
    (void)sqlite3_reset(statement);
    return rc;
}

int fl_store_exec(struct fl_store *store, const char *sql, const char *what, struct fl_err *reterr)
{
    int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    if (rc != SQLITE_OK)
        return fl_store_error(store, sqlite3_extended_errcode(store->db), what, reterr);
    return 0;
}

int fl_store_ask(struct fl_store *store, const char *sql, int64_t *ret_value, struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *ret_value = sqlite3_column_int64(statement, 0);
        rc = 0;
    } else {
        rc = fl_store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    }
    (void)sqlite3_finalize(statement);
    return rc;
}

/* From `version` to ours, in one transaction. */
static int schema_raise(struct fl_store *store, int version, struct fl_err *reterr)
{
    char stamp[128];
    int rc = fl_store_exec(store, "begin immediate", "bring up to date", reterr);

    for (int step = version; rc == 0 && step < FL_STORE_SCHEMA; step++)
        rc = fl_store_exec(store, schema_steps[step], "bring up to date", reterr);
    (void)snprintf(stamp, sizeof(stamp), "pragma application_id=%d; pragma user_version=%d; commit",
                   FL_STORE_APPLICATION, FL_STORE_SCHEMA);
    if (rc == 0)
        rc = fl_store_exec(store, stamp, "bring up to date", reterr);
    if (rc < 0 && !sqlite3_get_autocommit(store->db))
        (void)fl_store_exec(store, "rollback", "roll back", NULL); /* the first error counts */
    if (rc == 0)
        store->schema = FL_STORE_SCHEMA;
    return rc;
}

/* Ours, of a version that we know; makes the tables in an empty file. */
static int store_check_schema(struct fl_store *store, struct fl_err *reterr)
{
    int64_t version = 0;
    int64_t application = 0;
    int64_t tables = 0;
    int rc = fl_store_ask(store, "pragma user_version", &version, reterr);

    if (rc == 0)
        rc = fl_store_ask(store, "pragma application_id", &application, reterr);
    if (rc == 0)
        rc = fl_store_ask(store, "select count(*) from sqlite_master", &tables, reterr);
    if (rc < 0)
        return rc;
    if (application == FL_STORE_APPLICATION && version > FL_STORE_SCHEMA)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "state '%s' has schema %lld, made by a newer Fairlead; this one knows up "
                          "to %d: use the newer one, or a backup from before",
                          store->path, (long long)version, FL_STORE_SCHEMA);
    if (application == FL_STORE_APPLICATION && version >= 1) {
        store->schema = (int)version;
        return version == FL_STORE_SCHEMA || store->read_only
                   ? 0
                   : schema_raise(store, (int)version, reterr);
    }
    if (application != 0 || tables != 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s' is a database of another program",
                          store->path);
    if (store->read_only)
        return fl_err_set(reterr, FL_E_NOENT, 0, "'%s' holds no state yet", store->path);
    return schema_raise(store, 0, reterr);
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
        return fl_store_error(store, sqlite3_extended_errcode(store->db), "open", reterr);
    (void)sqlite3_busy_timeout(store->db, BUSY_MS);
    if (config->read_only) {
        /* a reader never moves the log into the file, not even when it closes last */
        (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        return fl_store_exec(store, "pragma query_only=on", "open", reterr);
    }
    rc = fl_store_exec(store, "pragma journal_mode=wal", "open", reterr);
    if (rc == 0)
        rc = fl_store_exec(store, "pragma synchronous=full; pragma journal_size_limit=67108864",
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
