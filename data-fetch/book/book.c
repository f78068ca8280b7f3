/* The book: opening, failing, and the ways in. */
#include "config.h"

#include "data-fetch/book/book.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data-fetch/book/book_impl.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id" /* random(4) */
#define BOOT_MAX ((size_t)64)
#define STRINGS(x) STRING(x)
#define STRING(x) #x

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS providers (name TEXT PRIMARY KEY, tokens REAL NOT NULL,"
    " at_ns INTEGER NOT NULL, cool_ns INTEGER NOT NULL DEFAULT 0, refusals INTEGER NOT NULL"
    " DEFAULT 0, probe_ns INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS rates (provider TEXT NOT NULL, mode TEXT NOT NULL,"
    " bytes_s REAL NOT NULL, PRIMARY KEY (provider, mode)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS arrivals (source TEXT NOT NULL, lead INTEGER NOT NULL,"
    " cycle INTEGER NOT NULL, delay_s INTEGER NOT NULL, PRIMARY KEY (source, lead, cycle))"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS sizes (source TEXT NOT NULL, selection TEXT NOT NULL,"
    " lead INTEGER NOT NULL, cycle INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " messages INTEGER NOT NULL, PRIMARY KEY (source, selection, lead, cycle)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS whole (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,"
    " etag TEXT NOT NULL, path TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS under_way (key TEXT PRIMARY KEY, pid INTEGER NOT NULL,"
    " born INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS machine (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " boot TEXT NOT NULL);";

int fl_book_folder(const char *dir, char *path, size_t size, struct fl_err *reterr)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int length;

    if (!dir)
        dir = getenv("FAIRLEAD_BOOK");
    if (dir && *dir)
        length = snprintf(path, size, "%s", dir);
    else if (state && *state == '/')
        length = snprintf(path, size, "%s/fairlead/transfer", state);
    else if (home && *home == '/')
        length = snprintf(path, size, "%s/.local/state/fairlead/transfer", home);
    else
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "no place for the book: HOME is not set; accepted: --book DIR, or "
                          "FAIRLEAD_BOOK or HOME in the environment");
    if (length < 0 || (size_t)length + sizeof("/" FL_BOOK_FILE) > size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the path of the book is too long");
    return 0;
}

int64_t fl_book_now(const struct fl_book *book)
{
    return fl_world_mono_ns(book->world);
}

static void book_drop(struct fl_book *book)
{
    (void)sqlite3_close_v2(book->db); /* in full once its last statement ends */
    book->db = NULL;
}

static void fail_because(struct fl_book *book, const char *why)
{
    char text[FL_PATH_MAX + 200];

    if (book->db)
        book_drop(book);
    book->rest_ns = fl_book_now(book) + FL_BOOK_REST_NS;
    if (book->told || !book->warn)
        return;
    book->told = true;
    (void)snprintf(text, sizeof(text),
                   "the book '%s' cannot be used (%.150s): going on without it, with a share of "
                   "1/" STRINGS(FL_BOOK_SHARE) " of each quota",
                   book->path, why);
    book->warn(text, book->arg);
}

void fl_book_failed(struct fl_book *book, int foreign)
{
    char why[160];

    (void)snprintf(why, sizeof(why), "%s",
                   book->db ? sqlite3_errmsg(book->db) : sqlite3_errstr(foreign));
    fail_because(book, why);
}

/* Monotonic times and processes of before the machine's start mean nothing now. */
static void book_settle(struct fl_book *book)
{
    fl_auto(fl_buf_release) struct fl_buf boot;
    sqlite3_stmt *row;
    bool same;

    fl_buf_init(&boot, BOOT_MAX);
    if (fl_file_read(book->world, BOOT_ID, BOOT_MAX, &boot, NULL) < 0)
        return; /* times that cannot be are still found, where they are read */
    row = fl_book_prepare(book, "SELECT 1 FROM machine WHERE boot = ?", "s", boot.data);
    same = fl_book_step(book, row);
    fl_book_end(row);
    if (same || !fl_book_begin(book))
        return;
    (void)(fl_book_run(book, "UPDATE providers SET at_ns = 0, cool_ns = 0, probe_ns = 0", "") &&
           fl_book_run(book, "DELETE FROM under_way", "") &&
           fl_book_run(book, "INSERT OR REPLACE INTO machine (one, boot) VALUES (1, ?)", "s",
                       boot.data) &&
           fl_book_commit(book)); /* each tells its own failure */
}

static void book_connect(struct fl_book *book)
{
    struct fl_err err = {0};
    char folder[FL_PATH_MAX];
    int rc;

    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(fl_path_base(book->path) - book->path - 1),
                   book->path);
    rc = fl_dir_make(book->world, folder, 0755, &err);
    if (rc < 0) {
        fail_because(book, err.text);
        return;
    }
    rc = sqlite3_open_v2(book->path, &book->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(book->db, FL_BOOK_BUSY_MS);
    if (rc == SQLITE_OK) /* what is lost with the machine is learned again */
        rc = sqlite3_exec(book->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;", NULL,
                          NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(book->db, schema, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        fl_book_failed(book, rc);
    else
        book_settle(book);
}

bool fl_book_ready(struct fl_book *book)
{
    if (book->db)
        return true;
    if (!book->path[0] || fl_book_now(book) < book->rest_ns)
        return false;
    book_connect(book);
    if (book->db)
        book->told = false;
    return book->db != NULL;
}

int fl_book_open(const struct fl_world *world, const char *folder, fl_book_warn_fn warn, void *arg,
                 struct fl_book **ret_book, struct fl_err *reterr)
{
    struct fl_book *book = calloc(1, sizeof(*book));

    if (!book)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the book");
    book->world = world;
    book->warn = warn;
    book->arg = arg;
    book->pid = (int64_t)getpid();
    if (folder)
        (void)snprintf(book->path, sizeof(book->path), "%s/" FL_BOOK_FILE, folder);
    book->born = fl_book_born(world, book->pid);
    (void)fl_book_ready(book); /* tells when it cannot be used */
    *ret_book = book;
    return 0;
}

void fl_book_close(struct fl_book *book)
{
    if (!book)
        return;
    if (book->db) {
        (void)fl_book_run(book, "DELETE FROM under_way WHERE pid = ? AND born = ?", "ii", book->pid,
                          book->born);
        if (book->db)
            book_drop(book);
    }
    free(book);
}

/* ---- statements ---- */

static sqlite3_stmt *prepare(struct fl_book *book, const char *sql, const char *kinds, va_list args)
{
    sqlite3_stmt *statement = NULL;
    int rc;

    if (!fl_book_ready(book))
        return NULL;
    rc = sqlite3_prepare_v2(book->db, sql, -1, &statement, NULL);
    for (int i = 0; rc == SQLITE_OK && kinds[i]; i++) {
        if (kinds[i] == 's')
            rc = sqlite3_bind_text(statement, i + 1, va_arg(args, const char *), -1,
                                   SQLITE_TRANSIENT);
        else if (kinds[i] == 'd')
            rc = sqlite3_bind_double(statement, i + 1, va_arg(args, double));
        else
            rc = sqlite3_bind_int64(statement, i + 1, va_arg(args, int64_t));
    }
    if (rc == SQLITE_OK)
        return statement;
    (void)sqlite3_finalize(statement); /* rc tells */
    fl_book_failed(book, rc);
    return NULL;
}

sqlite3_stmt *fl_book_prepare(struct fl_book *book, const char *sql, const char *kinds, ...)
{
    sqlite3_stmt *statement;
    va_list args;

    va_start(args, kinds);
    statement = prepare(book, sql, kinds, args);
    va_end(args);
    return statement;
}

bool fl_book_step(struct fl_book *book, sqlite3_stmt *statement)
{
    int rc = statement ? sqlite3_step(statement) : SQLITE_DONE;

    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        fl_book_failed(book, rc);
    return false;
}

void fl_book_end(sqlite3_stmt *statement)
{
    (void)sqlite3_finalize(statement); /* its step told */
}

bool fl_book_run(struct fl_book *book, const char *sql, const char *kinds, ...)
{
    sqlite3_stmt *statement;
    va_list args;

    va_start(args, kinds);
    statement = prepare(book, sql, kinds, args);
    va_end(args);
    if (!statement)
        return false;
    (void)fl_book_step(book, statement);
    fl_book_end(statement);
    return book->db != NULL;
}

bool fl_book_begin(struct fl_book *book)
{
    return fl_book_run(book, "BEGIN IMMEDIATE", "");
}

bool fl_book_commit(struct fl_book *book)
{
    return book->db && fl_book_run(book, "COMMIT", "");
}
