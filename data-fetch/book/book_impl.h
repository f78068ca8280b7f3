#ifndef FL_FETCH_BOOK_IMPL_H
#define FL_FETCH_BOOK_IMPL_H

/* The book's inside, private to the folder: one connection, prepared statements, and what stands
 * in when it fails. Owns, threads, limits: book.h. */

#include <sqlite3.h>

#include "data-fetch/book/book.h"
#include "engine/world/world.h"

#define FL_BOOK_NAME_MAX 256

/* The share of one process while the book fails. */
struct fl_book_share {
    char provider[FL_BOOK_NAME_MAX];
    double tokens;
    int64_t at_ns;
    int64_t cool_ns; /* nothing goes there before */
    int64_t refusals;
};

struct fl_book {
    const struct fl_world *world;
    sqlite3 *db;            /* NULL: not open */
    char path[FL_PATH_MAX]; /* "": never used */
    int64_t rest_ns;        /* not looked at before */
    bool told;
    fl_book_warn_fn warn;
    void *arg;
    int64_t pid;
    int64_t born; /* of this process, in ticks since the machine started */
    struct fl_book_share shares[FL_BOOK_PROVIDERS_MAX];
    size_t share_count;
};

int64_t fl_book_now(const struct fl_book *book); /* [ns] monotonic */
/* True when the book can be used now; opens it when need be. */
bool fl_book_ready(struct fl_book *book);
/* The book has failed: tell it once, leave it for a while. */
void fl_book_failed(struct fl_book *book, int foreign);

/* Prepares sql and binds its values by the letters of kinds: s text, i int64_t, d double. NULL when
 * the book has failed. End with fl_book_end. */
sqlite3_stmt *fl_book_prepare(struct fl_book *book, const char *sql, const char *kinds, ...);
/* True for a row; false at the end or when the book has failed (it is then NULL again). */
bool fl_book_step(struct fl_book *book, sqlite3_stmt *statement);
void fl_book_end(sqlite3_stmt *statement);
/* A statement without rows. False when the book has failed. */
bool fl_book_run(struct fl_book *book, const char *sql, const char *kinds, ...);
/* When a process began, in ticks since the machine started; 0: there is none. */
int64_t fl_book_born(const struct fl_world *world, int64_t pid);
/* A write transaction; false when the book has failed. */
bool fl_book_begin(struct fl_book *book);
bool fl_book_commit(struct fl_book *book);

#endif
