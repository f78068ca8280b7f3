/* What was learned, and what is fetched or whole at this site. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/book/book_impl.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define RATE_NEW 0.3 /* weight of the newest measurement */
#define STAT_MAX ((size_t)4096)
#define BORN_FIELD 22 /* of /proc/PID/stat, proc(5) */

/* ---- experience ---- */

void fl_book_arrived(struct fl_book *book, const char *source, struct fl_cycle cycle,
                     struct fl_lead lead, int64_t delay_s)
{
    (void)(fl_book_begin(book) && /* each tells its own failure; nothing depends on it */
           fl_book_run(book,
                       "INSERT INTO arrivals (source, lead, cycle, delay_s) VALUES (?, ?, ?, ?)"
                       " ON CONFLICT DO UPDATE SET delay_s = min(delay_s, excluded.delay_s)",
                       "siii", source, (int64_t)lead.minutes, cycle.s, delay_s) &&
           fl_book_run(book,
                       "DELETE FROM arrivals WHERE source = ?1 AND lead = ?2 AND cycle NOT IN"
                       " (SELECT cycle FROM arrivals WHERE source = ?1 AND lead = ?2"
                       "  ORDER BY cycle DESC LIMIT ?3)",
                       "sii", source, (int64_t)lead.minutes, (int64_t)FL_BOOK_ARRIVALS_MAX) &&
           fl_book_commit(book));
}

void fl_book_arrival(struct fl_book *book, const char *source, struct fl_lead lead,
                     struct fl_book_arrival *ret_arrival)
{
    sqlite3_stmt *row = fl_book_prepare(
        book, "SELECT delay_s FROM arrivals WHERE source = ? AND lead = ? ORDER BY delay_s", "si",
        source, (int64_t)lead.minutes);
    int64_t delays[FL_BOOK_ARRIVALS_MAX + 1];
    int64_t count = 0;

    while (count <= FL_BOOK_ARRIVALS_MAX && fl_book_step(book, row))
        delays[count++] = sqlite3_column_int64(row, 0);
    fl_book_end(row);
    *ret_arrival = (struct fl_book_arrival){.count = count};
    if (count == 0)
        return;
    ret_arrival->earliest_s = delays[count / 10];
    ret_arrival->median_s = delays[count / 2];
    ret_arrival->latest_s = delays[count - 1 - count / 10];
}

void fl_book_sized(struct fl_book *book, const char *source, struct fl_cycle cycle,
                   struct fl_lead lead, const char *selection, uint64_t bytes, uint64_t messages)
{
    (void)(fl_book_begin(book) && /* each tells its own failure; nothing depends on it */
           fl_book_run(book,
                       "INSERT OR REPLACE INTO sizes (source, selection, lead, cycle, bytes,"
                       " messages) VALUES (?, ?, ?, ?, ?, ?)",
                       "ssiiii", source, selection, (int64_t)lead.minutes, cycle.s, (int64_t)bytes,
                       (int64_t)messages) &&
           fl_book_run(book,
                       "DELETE FROM sizes WHERE source = ?1 AND selection = ?2 AND lead = ?3 AND"
                       " cycle NOT IN (SELECT cycle FROM sizes WHERE source = ?1 AND selection ="
                       " ?2 AND lead = ?3 ORDER BY cycle DESC LIMIT ?4)",
                       "ssii", source, selection, (int64_t)lead.minutes,
                       (int64_t)FL_BOOK_SIZES_MAX) &&
           fl_book_commit(book));
}

static int by_size(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

void fl_book_size(struct fl_book *book, const char *source, struct fl_cycle cycle,
                  struct fl_lead lead, const char *selection, struct fl_book_size *ret_size)
{
    sqlite3_stmt *row = fl_book_prepare(book,
                                        "SELECT bytes, messages FROM sizes WHERE source = ? AND"
                                        " selection = ? AND lead = ? AND cycle <> ?",
                                        "ssii", source, selection, (int64_t)lead.minutes, cycle.s);
    uint64_t bytes[FL_BOOK_SIZES_MAX + 1];
    uint64_t messages[FL_BOOK_SIZES_MAX + 1];
    size_t count = 0;

    while (count <= FL_BOOK_SIZES_MAX && fl_book_step(book, row)) {
        bytes[count] = (uint64_t)sqlite3_column_int64(row, 0);
        messages[count++] = (uint64_t)sqlite3_column_int64(row, 1);
    }
    fl_book_end(row);
    *ret_size = (struct fl_book_size){.count = (int64_t)count};
    if (count == 0)
        return;
    qsort(bytes, count, sizeof(*bytes), by_size);
    qsort(messages, count, sizeof(*messages), by_size);
    ret_size->bytes = bytes[count / 2];
    ret_size->messages = messages[count / 2];
}

void fl_book_rate_add(struct fl_book *book, const char *provider, const char *mode, double bytes_s)
{
    (void)fl_book_run(book,
                      "INSERT INTO rates (provider, mode, bytes_s) VALUES (?1, ?2, ?3) ON CONFLICT"
                      " DO UPDATE SET bytes_s = bytes_s + ?4 * (excluded.bytes_s - bytes_s)",
                      "ssdd", provider, mode, bytes_s, RATE_NEW);
}

double fl_book_rate(struct fl_book *book, const char *provider, const char *mode)
{
    sqlite3_stmt *row = fl_book_prepare(
        book, "SELECT bytes_s FROM rates WHERE provider = ? AND mode = ?", "ss", provider, mode);
    double rate = fl_book_step(book, row) ? sqlite3_column_double(row, 0) : 0;

    fl_book_end(row);
    return rate;
}

/* ---- once at a site ---- */

void fl_book_whole(struct fl_book *book, const char *key, const char *etag, const char *path,
                   const char *sha256, uint64_t size)
{
    (void)(fl_book_begin(book) && /* each tells its own failure; nothing depends on it */
           fl_book_run(book, "DELETE FROM whole WHERE key = ?", "s", key) &&
           fl_book_run(book,
                       "INSERT INTO whole (key, etag, path, sha256, size) VALUES (?, ?, ?, ?, ?)",
                       "ssssi", key, etag, path, sha256, (int64_t)size) &&
           fl_book_run(book, "DELETE FROM whole WHERE id <= (SELECT max(id) FROM whole) - ?", "i",
                       (int64_t)FL_BOOK_WHOLE_MAX) &&
           fl_book_commit(book));
}

bool fl_book_find(struct fl_book *book, const char *key, struct fl_book_file *ret_file)
{
    sqlite3_stmt *row =
        fl_book_prepare(book, "SELECT etag, path, sha256, size FROM whole WHERE key = ?", "s", key);
    bool found = fl_book_step(book, row);

    if (found) {
        (void)snprintf(ret_file->etag, sizeof(ret_file->etag), "%s", sqlite3_column_text(row, 0));
        (void)snprintf(ret_file->path, sizeof(ret_file->path), "%s", sqlite3_column_text(row, 1));
        (void)snprintf(ret_file->sha256, sizeof(ret_file->sha256), "%s",
                       sqlite3_column_text(row, 2));
        ret_file->size = (uint64_t)sqlite3_column_int64(row, 3);
    }
    fl_book_end(row);
    return found;
}

void fl_book_forget(struct fl_book *book, const char *key)
{
    (void)fl_book_run(book, "DELETE FROM whole WHERE key = ?", "s", key);
}

/* The field is counted after the name, which may hold anything. */
int64_t fl_book_born(const struct fl_world *world, int64_t pid)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    char path[64];
    const char *at;

    fl_buf_init(&text, STAT_MAX);
    (void)snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
    if (fl_file_read(world, path, STAT_MAX, &text, NULL) < 0)
        return 0;
    at = strrchr(text.data, ')');
    for (int field = 2; at && field < BORN_FIELD; field++) {
        at = strchr(at + 1, ' ');
        if (field == 2 && at && (at[1] == 'Z' || at[1] == 'X'))
            return 0; /* it has ended, and its parent has not looked yet */
    }
    return at ? (int64_t)strtoll(at + 1, NULL, 10) : 0;
}

bool fl_book_lease(struct fl_book *book, const char *key, int64_t *ret_holder)
{
    sqlite3_stmt *row;
    int64_t pid = 0;
    int64_t born = 0;

    *ret_holder = 0;
    if (!fl_book_begin(book))
        return true; /* twice is better than never */
    row = fl_book_prepare(book, "SELECT pid, born FROM under_way WHERE key = ?", "s", key);
    if (fl_book_step(book, row)) {
        pid = sqlite3_column_int64(row, 0);
        born = sqlite3_column_int64(row, 1);
    }
    fl_book_end(row);
    if (pid > 0 && !(pid == book->pid && born == book->born) && born != 0 &&
        fl_book_born(book->world, pid) == born) {
        (void)fl_book_commit(book); /* nothing was written */
        *ret_holder = pid;
        return false;
    }
    if (fl_book_run(book, "INSERT OR REPLACE INTO under_way (key, pid, born) VALUES (?, ?, ?)",
                    "sii", key, book->pid, book->born))
        (void)fl_book_commit(book); /* twice is better than never */
    return true;
}

void fl_book_release(struct fl_book *book, const char *key)
{
    (void)fl_book_run(book, "DELETE FROM under_way WHERE key = ? AND pid = ? AND born = ?", "sii",
                      key, book->pid, book->born);
}
