/* The custody ledger in SQLite. */
#include "config.h"

#include "data-fetch/deliver/ledger.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"

#include "engine/base/banned.h"

struct fl_ledger {
    sqlite3 *db;
    char path[FL_PATH_MAX];
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS custody ("
    " id INTEGER PRIMARY KEY, set_name TEXT NOT NULL, file TEXT NOT NULL,"
    " size INTEGER NOT NULL, sha256 TEXT NOT NULL, run TEXT NOT NULL, stage TEXT NOT NULL,"
    " output TEXT NOT NULL, lead TEXT NOT NULL, cycle TEXT NOT NULL, valid_time TEXT NOT NULL,"
    " degraded TEXT NOT NULL, origin TEXT NOT NULL, created TEXT NOT NULL, sent TEXT NOT NULL,"
    " received TEXT NOT NULL, superseded TEXT NOT NULL DEFAULT '');"
    "CREATE UNIQUE INDEX IF NOT EXISTS custody_present ON custody(set_name, file)"
    " WHERE superseded = '';";

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
        return fl_err_set(reterr, FL_E_NOENT, 0, "nothing was delivered into '%s': no ledger '%s'",
                          dir, ledger->path);
    foreign = sqlite3_open_v2(ledger->path, &ledger->db, flags, NULL);
    if (foreign == SQLITE_OK)
        foreign = sqlite3_busy_timeout(ledger->db, FL_LEDGER_BUSY_MS);
    if (foreign == SQLITE_OK && write)
        foreign = sqlite3_exec(ledger->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
                               NULL, NULL, NULL);
    if (foreign == SQLITE_OK && write)
        foreign = sqlite3_exec(ledger->db, schema, NULL, NULL, NULL);
    if (foreign != SQLITE_OK)
        return bad(ledger, foreign, reterr);
    *ret_ledger = FL_STEAL(ledger);
    return 0;
}

void fl_ledger_close(struct fl_ledger *ledger)
{
    if (!ledger)
        return;
    (void)sqlite3_close(ledger->db); /* no statement is left open */
    free(ledger);
}

/* Prepares sql with texts bound from 1 on (NULL ends the list). */
static int prepare(struct fl_ledger *ledger, const char *sql, const char *const *texts,
                   sqlite3_stmt **ret_statement, struct fl_err *reterr)
{
    int foreign = sqlite3_prepare_v2(ledger->db, sql, -1, ret_statement, NULL);

    for (int i = 0; foreign == SQLITE_OK && texts[i]; i++)
        foreign = sqlite3_bind_text(*ret_statement, i + 1, texts[i], -1, SQLITE_STATIC);
    if (foreign == SQLITE_OK)
        return 0;
    (void)bad(ledger, foreign, reterr);
    (void)sqlite3_finalize(*ret_statement); /* the error is kept above */
    return reterr ? reterr->code : FL_E_IO;
}

static int execute(struct fl_ledger *ledger, sqlite3_stmt *statement, struct fl_err *reterr)
{
    int foreign = sqlite3_step(statement);
    int rc = foreign == SQLITE_DONE ? 0 : bad(ledger, foreign, reterr);

    (void)sqlite3_finalize(statement); /* the step told */
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
    int foreign;
    int rc = prepare(ledger,
                     "SELECT sha256, run FROM custody"
                     " WHERE set_name = ?1 AND file = ?2 AND superseded = ''",
                     texts, &statement, reterr);

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
    (void)sqlite3_finalize(statement); /* the step told */
    return rc;
}

int fl_ledger_supersede(struct fl_ledger *ledger, const char *set, const char *file,
                        const char *when, struct fl_err *reterr)
{
    const char *const texts[] = {when, set, file, NULL};
    sqlite3_stmt *statement = NULL;
    int rc = prepare(ledger,
                     "UPDATE custody SET superseded = ?1"
                     " WHERE set_name = ?2 AND file = ?3 AND superseded = ''",
                     texts, &statement, reterr);

    return rc < 0 ? rc : execute(ledger, statement, reterr);
}

int fl_ledger_add(struct fl_ledger *ledger, const struct fl_custody *row, struct fl_err *reterr)
{
    const char *const texts[] = {row->set,        row->file,     row->sha256, row->run,
                                 row->stage,      row->output,   row->lead,   row->cycle,
                                 row->valid_time, row->degraded, row->origin, row->created,
                                 row->sent,       row->received, NULL};
    sqlite3_stmt *statement = NULL;
    int rc = fl_ledger_supersede(ledger, row->set, row->file, row->received, reterr);

    if (rc == 0)
        rc = prepare(ledger,
                     "INSERT INTO custody (set_name, file, sha256, run, stage, output, lead, cycle,"
                     " valid_time, degraded, origin, created, sent, received, size)"
                     " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
                     texts, &statement, reterr);
    if (rc < 0)
        return rc;
    if (sqlite3_bind_int64(statement, 15, (sqlite3_int64)row->size) != SQLITE_OK) {
        rc = bad(ledger, sqlite3_errcode(ledger->db), reterr);
        (void)sqlite3_finalize(statement); /* the error is kept above */
        return rc;
    }
    return execute(ledger, statement, reterr);
}

int fl_ledger_each(struct fl_ledger *ledger, const char *set, bool present, fl_ledger_fn fn,
                   void *arg, struct fl_err *reterr)
{
    const char *const texts[] = {present ? "1" : "0", set, NULL};
    sqlite3_stmt *statement = NULL;
    int foreign = SQLITE_ROW;
    int rc = prepare(ledger,
                     "SELECT set_name, file, sha256, run, stage, output, lead, cycle, valid_time,"
                     " degraded, origin, created, sent, received, superseded, size FROM custody"
                     " WHERE (?1 = '0' OR superseded = '') AND (?2 IS NULL OR set_name = ?2)"
                     " ORDER BY set_name, file, id",
                     texts, &statement, reterr);

    if (rc < 0)
        return rc;
    while (rc >= 0 && (foreign = sqlite3_step(statement)) == SQLITE_ROW) {
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
                                 .size = (uint64_t)sqlite3_column_int64(statement, 15)};

        rc = fn(&row, arg);
    }
    if (rc >= 0)
        rc = foreign == SQLITE_DONE ? 0 : bad(ledger, foreign, reterr);
    (void)sqlite3_finalize(statement); /* the step told */
    return rc;
}
