/* The custody ledger in SQLite. */
#include "config.h"

#include "data-fetch/deliver/ledger.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"

#include "engine/base/banned.h"

#define CACHE_KIB "-4096"

/* Statements that are made once. */
enum statement { FIND, SAME, BANNED, END, FORGET, ADD, REMOVED, STATEMENT_COUNT };

struct fl_ledger {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    char path[FL_PATH_MAX];
};

static const char *const sql[STATEMENT_COUNT] = {
    [FIND] = "SELECT sha256, run FROM custody"
             " WHERE set_name = ?1 AND file = ?2 AND superseded = '' AND delivery = ''",
    [SAME] = "SELECT set_name || '/' || file FROM custody"
             " WHERE sha256 = ?1 AND superseded = '' AND delivery = '' LIMIT 1",
    [BANNED] = "SELECT why FROM custody WHERE set_name = ?1 AND file = ?2 AND sha256 = ?3"
               " AND ending IN ('withdrawn', 'withdrawing') LIMIT 1",
    [END] = "UPDATE custody SET superseded = ?1, ending = ?2, why = ?3"
            " WHERE set_name = ?4 AND file = ?5 AND superseded = '' AND delivery = ''",
    [FORGET] = "DELETE FROM custody WHERE set_name = ?1 AND file = ?2 AND delivery = ?3"
               " AND superseded = ''",
    [ADD] = "INSERT INTO custody (set_name, file, sha256, run, stage, output, lead, cycle,"
            " valid_time, degraded, origin, created, sent, received, delivery, size)"
            " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
    [REMOVED] = "UPDATE custody SET removed = ?1 WHERE run = ?2 AND file = ?3 AND removed = ''",
};

/* Columns that came later are added to a ledger that is there. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS custody ("
    " id INTEGER PRIMARY KEY, set_name TEXT NOT NULL, file TEXT NOT NULL,"
    " size INTEGER NOT NULL, sha256 TEXT NOT NULL, run TEXT NOT NULL, stage TEXT NOT NULL,"
    " output TEXT NOT NULL, lead TEXT NOT NULL, cycle TEXT NOT NULL, valid_time TEXT NOT NULL,"
    " degraded TEXT NOT NULL, origin TEXT NOT NULL, created TEXT NOT NULL, sent TEXT NOT NULL,"
    " received TEXT NOT NULL, superseded TEXT NOT NULL DEFAULT '');";
static const char *const columns[] = {"removed", "ending", "why", "delivery"};
static const char indexes[] =
    "DROP INDEX IF EXISTS custody_present;"
    "CREATE UNIQUE INDEX IF NOT EXISTS custody_now ON custody(set_name, file)"
    " WHERE superseded = '' AND delivery = '';"
    "CREATE INDEX IF NOT EXISTS custody_file ON custody(set_name, file, id);"
    "CREATE INDEX IF NOT EXISTS custody_content ON custody(sha256)"
    " WHERE superseded = '' AND delivery = '';"
    "CREATE INDEX IF NOT EXISTS custody_waits ON custody(delivery, file) WHERE delivery <> '';"
    "CREATE INDEX IF NOT EXISTS custody_run ON custody(run, file);";

static int bad(const struct fl_ledger *ledger, int foreign, struct fl_err *reterr)
{
    int code = FL_E_IO;

    if (foreign == SQLITE_FULL)
        code = FL_E_NOSPACE;
    else if (foreign == SQLITE_BUSY || foreign == SQLITE_LOCKED)
        code = FL_E_LOCKED;
    else if (foreign == SQLITE_NOTADB || foreign == SQLITE_CORRUPT)
        code = FL_E_DATA;
    else if (foreign == SQLITE_NOMEM)
        code = FL_E_NOMEM;
    return fl_err_set(reterr, code, foreign, "ledger '%s': %s", ledger->path,
                      ledger->db ? sqlite3_errmsg(ledger->db) : sqlite3_errstr(foreign));
}

static int folder_of(const char *dir, char *path, size_t size, struct fl_err *reterr)
{
    if (snprintf(path, size, "%s/" FL_LEDGER_FOLDER, dir) >= (int)size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", dir);
    return 0;
}

int fl_ledger_lock(const struct fl_world *world, const char *dir, int *ret_fd,
                   struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc = folder_of(dir, path, sizeof(path) - 8, reterr);

    if (rc == 0)
        rc = fl_dir_make(world, path, 0755, reterr);
    if (rc < 0)
        return rc;
    memcpy(path + strlen(path), "/lock", 6);
    return fl_lock_wait(world, path, ret_fd, reterr);
}

static int run_sql(struct fl_ledger *ledger, const char *text, struct fl_err *reterr)
{
    int foreign = sqlite3_exec(ledger->db, text, NULL, NULL, NULL);

    return foreign == SQLITE_OK ? 0 : bad(ledger, foreign, reterr);
}

static bool has_column(struct fl_ledger *ledger, const char *name)
{
    return sqlite3_table_column_metadata(ledger->db, NULL, "custody", name, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

static int bring_up(struct fl_ledger *ledger, struct fl_err *reterr)
{
    int rc = run_sql(ledger, schema, reterr);

    for (size_t i = 0; rc == 0 && i < FL_COUNT(columns); i++) {
        char text[128];

        if (has_column(ledger, columns[i]))
            continue;
        (void)snprintf(text, sizeof(text),
                       "ALTER TABLE custody ADD COLUMN %s TEXT NOT NULL DEFAULT ''", columns[i]);
        rc = run_sql(ledger, text, reterr);
    }
    return rc < 0 ? rc : run_sql(ledger, indexes, reterr);
}

int fl_ledger_open(const struct fl_world *world, const char *dir, bool write,
                   struct fl_ledger **ret_ledger, struct fl_err *reterr)
{
    fl_auto(fl_ledger_close) struct fl_ledger *ledger = calloc(1, sizeof(*ledger));
    int flags = write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
    int rc = ledger ? folder_of(dir, ledger->path, sizeof(ledger->path) - 16, reterr)
                    : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    int foreign;

    if (rc == 0 && write)
        rc = fl_dir_make(world, ledger->path, 0755, reterr);
    if (rc < 0)
        return rc;
    memcpy(ledger->path + strlen(ledger->path), "/custody.db", 12);
    if (!write && !fl_file_exists(world, ledger->path))
        return fl_err_set(reterr, FL_E_NOENT, 0, "'%s' holds no ledger of deliveries", dir);
    foreign = sqlite3_open_v2(ledger->path, &ledger->db, flags, NULL);
    if (foreign != SQLITE_OK)
        return bad(ledger, foreign, reterr);
    (void)sqlite3_busy_timeout(ledger->db, FL_LEDGER_BUSY_MS);
    rc = run_sql(ledger, "PRAGMA cache_size = " CACHE_KIB, reterr);
    if (rc == 0 && write)
        rc = run_sql(ledger, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", reterr);
    if (rc == 0 && (write || !has_column(ledger, columns[FL_COUNT(columns) - 1])))
        rc = bring_up(ledger, reterr);
    if (rc < 0)
        return rc;
    *ret_ledger = FL_STEAL(ledger);
    return 0;
}

void fl_ledger_close(struct fl_ledger *ledger)
{
    if (!ledger)
        return;
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(ledger->statements[i]); /* their steps told */
    (void)sqlite3_close(ledger->db);                   /* no statement is left open */
    free(ledger);
}

int fl_ledger_begin(struct fl_ledger *ledger, struct fl_err *reterr)
{
    return run_sql(ledger, "BEGIN IMMEDIATE", reterr);
}

int fl_ledger_commit(struct fl_ledger *ledger, struct fl_err *reterr)
{
    return run_sql(ledger, "COMMIT", reterr);
}

void fl_ledger_rollback(struct fl_ledger *ledger)
{
    if (!sqlite3_get_autocommit(ledger->db))
        (void)sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL); /* closing does it as well */
}

/* Binds texts from 1 on (NULL ends the list). */
static int bind(const struct fl_ledger *ledger, sqlite3_stmt *statement, const char *const *texts,
                struct fl_err *reterr)
{
    int foreign = SQLITE_OK;

    for (int i = 0; foreign == SQLITE_OK && texts[i]; i++)
        foreign = sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
    return foreign == SQLITE_OK ? 0 : bad(ledger, foreign, reterr);
}

static int ready(struct fl_ledger *ledger, enum statement which, const char *const *texts,
                 sqlite3_stmt **ret_statement, struct fl_err *reterr)
{
    sqlite3_stmt **statement = &ledger->statements[which];
    int foreign =
        *statement ? SQLITE_OK : sqlite3_prepare_v2(ledger->db, sql[which], -1, statement, NULL);

    if (foreign != SQLITE_OK)
        return bad(ledger, foreign, reterr);
    *ret_statement = *statement;
    return bind(ledger, *statement, texts, reterr);
}

/* Leaves the statement fit for its next use. */
static void done(sqlite3_stmt *statement)
{
    (void)sqlite3_reset(statement); /* the step told */
    (void)sqlite3_clear_bindings(statement);
}

static int execute(struct fl_ledger *ledger, enum statement which, const char *const *texts,
                   struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int rc = ready(ledger, which, texts, &statement, reterr);

    if (rc == 0) {
        int foreign = sqlite3_step(statement);

        rc = foreign == SQLITE_DONE ? 0 : bad(ledger, foreign, reterr);
    }
    if (statement)
        done(statement);
    return rc;
}

static const char *column(sqlite3_stmt *statement, int at)
{
    const unsigned char *text = sqlite3_column_text(statement, at);

    return text ? (const char *)text : "";
}

int fl_ledger_find(struct fl_ledger *ledger, const char *set, const char *file,
                   char sha256[static FL_DIGEST_HEX], char *run, size_t run_size,
                   struct fl_err *reterr)
{
    const char *const texts[] = {set, file, NULL};
    sqlite3_stmt *statement = NULL;
    int rc = ready(ledger, FIND, texts, &statement, reterr);
    int foreign;

    if (rc < 0)
        return rc;
    sha256[0] = '\0';
    run[0] = '\0';
    foreign = sqlite3_step(statement);
    if (foreign == SQLITE_ROW) {
        (void)snprintf(sha256, FL_DIGEST_HEX, "%s", column(statement, 0));
        (void)snprintf(run, run_size, "%s", column(statement, 1));
    } else if (foreign != SQLITE_DONE) {
        rc = bad(ledger, foreign, reterr);
    }
    done(statement);
    return rc;
}

int fl_ledger_same(struct fl_ledger *ledger, const char *sha256, char *path, size_t size,
                   struct fl_err *reterr)
{
    const char *const texts[] = {sha256, NULL};
    sqlite3_stmt *statement = NULL;
    int rc = ready(ledger, SAME, texts, &statement, reterr);
    int foreign;

    if (rc < 0)
        return rc;
    path[0] = '\0';
    foreign = sqlite3_step(statement);
    if (foreign == SQLITE_ROW)
        (void)snprintf(path, size, "%s", column(statement, 0));
    else if (foreign != SQLITE_DONE)
        rc = bad(ledger, foreign, reterr);
    done(statement);
    return rc;
}

int fl_ledger_withdrawn(struct fl_ledger *ledger, const char *set, const char *file,
                        const char *sha256, bool *ret_withdrawn, char *why, size_t size,
                        struct fl_err *reterr)
{
    const char *const texts[] = {set, file, sha256, NULL};
    sqlite3_stmt *statement = NULL;
    int rc = ready(ledger, BANNED, texts, &statement, reterr);
    int foreign;

    if (rc < 0)
        return rc;
    foreign = sqlite3_step(statement);
    *ret_withdrawn = foreign == SQLITE_ROW;
    if (foreign == SQLITE_ROW)
        (void)snprintf(why, size, "%s", column(statement, 0));
    else if (foreign != SQLITE_DONE)
        rc = bad(ledger, foreign, reterr);
    done(statement);
    return rc;
}

int fl_ledger_end(struct fl_ledger *ledger, const char *set, const char *file, const char *when,
                  const char *ending, const char *why, struct fl_err *reterr)
{
    const char *const texts[] = {when, ending, why, set, file, NULL};

    return execute(ledger, END, texts, reterr);
}

int fl_ledger_removed(struct fl_ledger *ledger, const char *run, const char *file, const char *when,
                      struct fl_err *reterr)
{
    const char *const texts[] = {when, run, file, NULL};

    return execute(ledger, REMOVED, texts, reterr);
}

int fl_ledger_add(struct fl_ledger *ledger, const struct fl_custody *row, struct fl_err *reterr)
{
    const char *delivery = row->delivery ? row->delivery : "";
    const char *const before[] = {row->set, row->file, delivery, NULL};
    const char *const texts[] = {row->set,        row->file,     row->sha256, row->run,
                                 row->stage,      row->output,   row->lead,   row->cycle,
                                 row->valid_time, row->degraded, row->origin, row->created,
                                 row->sent,       row->received, delivery,    NULL};
    sqlite3_stmt *statement = NULL;
    int rc = *delivery ? execute(ledger, FORGET, before, reterr)
                       : fl_ledger_end(ledger, row->set, row->file, row->received, "replaced", "",
                                       reterr);

    if (rc == 0)
        rc = ready(ledger, ADD, texts, &statement, reterr);
    if (rc == 0) {
        int foreign = sqlite3_bind_int64(statement, 16, (sqlite3_int64)row->size);

        if (foreign == SQLITE_OK)
            foreign = sqlite3_step(statement);
        rc = foreign == SQLITE_DONE ? 0 : bad(ledger, foreign, reterr);
    }
    if (statement)
        done(statement);
    return rc;
}

/* One statement that is rarely needed. A number of its first row, when there is one. */
static int ask(struct fl_ledger *ledger, const char *text, const char *const *texts,
               uint64_t *ret_number, struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int foreign = sqlite3_prepare_v2(ledger->db, text, -1, &statement, NULL);
    int rc = foreign == SQLITE_OK ? bind(ledger, statement, texts, reterr)
                                  : bad(ledger, foreign, reterr);

    if (rc == 0) {
        foreign = sqlite3_step(statement);
        if (foreign == SQLITE_ROW && ret_number)
            *ret_number = (uint64_t)sqlite3_column_int64(statement, 0);
        if (foreign != SQLITE_ROW && foreign != SQLITE_DONE)
            rc = bad(ledger, foreign, reterr);
    }
    (void)sqlite3_finalize(statement); /* the step told */
    return rc;
}

int fl_ledger_waiting(struct fl_ledger *ledger, const char *delivery, uint64_t *ret_count,
                      struct fl_err *reterr)
{
    const char *const texts[] = {delivery, NULL};

    *ret_count = 0;
    return ask(ledger, "SELECT count(*) FROM custody WHERE delivery = ?1", texts, ret_count,
               reterr);
}

int fl_ledger_arrived(struct fl_ledger *ledger, const char *delivery, const char *when,
                      struct fl_err *reterr)
{
    const char *const texts[] = {when, delivery, NULL};

    return ask(ledger, "UPDATE custody SET received = ?1 WHERE delivery = ?2", texts, NULL, reterr);
}

int fl_ledger_publish(struct fl_ledger *ledger, const char *delivery, const char *when,
                      struct fl_err *reterr)
{
    const char *const replaced[] = {when, delivery, NULL};
    const char *const seen[] = {delivery, NULL};
    int rc = ask(ledger,
                 "UPDATE custody SET superseded = ?1, ending = 'replaced' WHERE superseded = ''"
                 " AND delivery = '' AND (set_name, file) IN"
                 " (SELECT set_name, file FROM custody WHERE delivery = ?2)",
                 replaced, NULL, reterr);

    return rc < 0 ? rc
                  : ask(ledger, "UPDATE custody SET delivery = '' WHERE delivery = ?1", seen, NULL,
                        reterr);
}

int fl_ledger_settle(struct fl_ledger *ledger, const char *set, const char *from, const char *to,
                     struct fl_err *reterr)
{
    const char *const texts[] = {to, from, set, NULL};

    return ask(ledger, "UPDATE custody SET ending = ?1 WHERE ending = ?2 AND set_name = ?3", texts,
               NULL, reterr);
}

static const char *const walks[] = {
    [FL_LEDGER_ALL] = " WHERE (?1 IS NULL OR set_name = ?1) ORDER BY set_name, file, id",
    [FL_LEDGER_PRESENT] = " WHERE superseded = '' AND delivery = ''"
                          " AND (?1 IS NULL OR set_name = ?1) ORDER BY set_name, file",
    [FL_LEDGER_ENDING] = " WHERE superseded <> '' AND (ending = ?2 OR (?2 IS NULL AND ending IN"
                         " ('withdrawing', 'retiring'))) AND (?1 IS NULL OR set_name = ?1)"
                         " ORDER BY set_name, file, id",
    [FL_LEDGER_WAITING] = " WHERE delivery = ?2 AND delivery <> '' AND (?1 IS NULL OR"
                          " set_name = ?1) ORDER BY file",
};

static int walk(struct fl_ledger *ledger, sqlite3_stmt *statement, fl_ledger_fn fn, void *arg,
                struct fl_err *reterr)
{
    int foreign = SQLITE_ROW;
    int rc = 0;

    while (rc == 0 && (foreign = sqlite3_step(statement)) == SQLITE_ROW) {
        struct fl_custody row = {.set = column(statement, 0),
                                 .file = column(statement, 1),
                                 .sha256 = column(statement, 2),
                                 .run = column(statement, 3),
                                 .stage = column(statement, 4),
                                 .output = column(statement, 5),
                                 .lead = column(statement, 6),
                                 .cycle = column(statement, 7),
                                 .valid_time = column(statement, 8),
                                 .degraded = column(statement, 9),
                                 .origin = column(statement, 10),
                                 .created = column(statement, 11),
                                 .sent = column(statement, 12),
                                 .received = column(statement, 13),
                                 .superseded = column(statement, 14),
                                 .removed = column(statement, 15),
                                 .ending = column(statement, 16),
                                 .why = column(statement, 17),
                                 .delivery = column(statement, 18),
                                 .size = (uint64_t)sqlite3_column_int64(statement, 19)};

        rc = fn(&row, arg);
    }
    if (rc == 0)
        rc = foreign == SQLITE_DONE ? 0 : bad(ledger, foreign, reterr);
    return rc < 0 ? rc : 0;
}

int fl_ledger_each(struct fl_ledger *ledger, enum fl_ledger_which which, const char *set,
                   const char *delivery, fl_ledger_fn fn, void *arg, struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    char text[1024];
    int foreign;
    int rc = 0;

    (void)snprintf(text, sizeof(text),
                   "SELECT set_name, file, sha256, run, stage, output, lead, cycle, valid_time,"
                   " degraded, origin, created, sent, received, superseded, removed, ending, why,"
                   " delivery, size FROM custody%s",
                   walks[which]);
    foreign = sqlite3_prepare_v2(ledger->db, text, -1, &statement, NULL);
    if (foreign == SQLITE_OK && set)
        foreign = sqlite3_bind_text(statement, 1, set, -1, SQLITE_STATIC);
    if (foreign == SQLITE_OK && delivery &&
        (which == FL_LEDGER_WAITING || which == FL_LEDGER_ENDING))
        foreign = sqlite3_bind_text(statement, 2, delivery, -1, SQLITE_STATIC);
    rc = foreign == SQLITE_OK ? walk(ledger, statement, fn, arg, reterr)
                              : bad(ledger, foreign, reterr);
    (void)sqlite3_finalize(statement); /* the step told */
    return rc;
}
