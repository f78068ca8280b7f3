/* Snapshots in parts. */
#include "config.h"

#include "engine/store/snapshots.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/digest.h"
#include "engine/store/impl.h"

#include "engine/base/banned.h"

void fl_snapshot_writer_release(struct fl_snapshot_writer *writer)
{
    free(writer->data);
    *writer = (struct fl_snapshot_writer){0};
}

static size_t parts_of(size_t size)
{
    return (size + FL_SNAPSHOT_PART - 1) / FL_SNAPSHOT_PART;
}

/* Runs a bound statement that gives no rows. */
static int step_out(struct fl_store *store, enum fl_sql which, sqlite3_stmt *statement, int bound,
                    struct fl_err *reterr)
{
    int rc = bound == SQLITE_OK
                 ? fl_store_run(store, which, "write a snapshot to", reterr)
                 : fl_store_error(store, sqlite3_extended_errcode(store->db), "write to", reterr);

    (void)sqlite3_clear_bindings(statement);
    return rc;
}

static int part_add(struct fl_store *store, const struct fl_snapshot_writer *writer,
                    struct fl_err *reterr)
{
    size_t from = writer->part * FL_SNAPSHOT_PART;
    size_t size = writer->size - from < FL_SNAPSHOT_PART ? writer->size - from : FL_SNAPSHOT_PART;
    sqlite3_stmt *statement = NULL;
    int rc = fl_store_statement(store, SQL_PART_ADD, &statement, reterr);
    int bound;

    if (rc < 0)
        return rc;
    bound = sqlite3_bind_int64(statement, 1, (sqlite3_int64)writer->seq);
    if (bound == SQLITE_OK)
        bound = sqlite3_bind_int64(statement, 2, (sqlite3_int64)writer->part);
    if (bound == SQLITE_OK)
        bound = sqlite3_bind_blob(statement, 3, writer->data + from, (int)size, SQLITE_STATIC);
    return step_out(store, SQL_PART_ADD, statement, bound, reterr);
}

/* From here on it counts; the oldest does not any more. */
static int head_add(struct fl_store *store, const struct fl_snapshot_writer *writer,
                    struct fl_err *reterr)
{
    char digest[FL_DIGEST_HEX];
    sqlite3_stmt *statement = NULL;
    int rc = fl_store_statement(store, SQL_SNAPSHOT_ADD, &statement, reterr);
    int bound;

    if (rc < 0)
        return rc;
    fl_digest_memory(writer->data, writer->size, digest);
    bound = sqlite3_bind_int64(statement, 1, (sqlite3_int64)writer->seq);
    if (bound == SQLITE_OK)
        bound = sqlite3_bind_int64(statement, 2, writer->format);
    if (bound == SQLITE_OK)
        bound = sqlite3_bind_int64(statement, 3, (sqlite3_int64)parts_of(writer->size));
    if (bound == SQLITE_OK)
        bound = sqlite3_bind_int64(statement, 4, (sqlite3_int64)writer->size);
    if (bound == SQLITE_OK)
        bound = fl_store_bind(statement, 5, digest);
    rc = step_out(store, SQL_SNAPSHOT_ADD, statement, bound, reterr);
    return rc < 0 ? rc : fl_store_run(store, SQL_SNAPSHOT_DROP, "write to", reterr);
}

int fl_snapshot_write(struct fl_store *store, struct fl_snapshot_writer *writer,
                      struct fl_err *reterr)
{
    size_t parts = parts_of(writer->size);
    bool sweeps = writer->part > parts;
    int rc = fl_store_begin(store, reterr);

    fl_assert(writer->data);
    if (rc == 0 && writer->part < parts)
        rc = part_add(store, writer, reterr);
    else if (rc == 0 && !sweeps)
        rc = head_add(store, writer, reterr);
    else if (rc == 0)
        rc = fl_store_run(store, SQL_PART_DROP, "write to", reterr); /* one that none owns */
    if (rc == 0 && sweeps)
        sweeps = sqlite3_changes(store->db) > 0;
    else if (rc == 0)
        sweeps = true;
    rc = fl_store_finish(store, rc, reterr);
    writer->part++;
    if (rc == 0 && sweeps)
        return 1;
    fl_snapshot_writer_release(writer);
    return rc;
}

static int parts_read(struct fl_store *store, uint64_t seq, struct fl_buf *out,
                      struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int step;
    int rc = fl_store_statement(store, SQL_PART_GET, &statement, reterr);

    if (rc < 0)
        return rc;
    if (sqlite3_bind_int64(statement, 1, (sqlite3_int64)seq) != SQLITE_OK)
        return fl_store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    while ((step = sqlite3_step(statement)) == SQLITE_ROW)
        fl_buf_add(out, sqlite3_column_blob(statement, 0),
                   (size_t)sqlite3_column_bytes(statement, 0));
    if (step != SQLITE_DONE)
        rc = fl_store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    (void)sqlite3_reset(statement);
    return rc < 0 ? rc : fl_buf_check(out, reterr);
}

int fl_snapshot_read(struct fl_store *store, uint64_t until, struct fl_buf *out, uint64_t *ret_seq,
                     int *ret_format, struct fl_err *reterr)
{
    char digest[FL_DIGEST_HEX] = "";
    char found[FL_DIGEST_HEX];
    size_t before = out->size;
    sqlite3_stmt *statement = NULL;
    const char *text;
    int64_t size = 0;
    int rc;

    if (store->schema < 2)
        return fl_err_set(reterr, FL_E_NOENT, 0, "'%s' is of a schema without snapshots",
                          store->path);
    rc = fl_store_statement(store, SQL_SNAPSHOT_GET, &statement, reterr);
    if (rc < 0)
        return rc;
    if (sqlite3_bind_int64(statement, 1, until > INT64_MAX ? INT64_MAX : (sqlite3_int64)until) !=
        SQLITE_OK)
        return fl_store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *ret_seq = (uint64_t)sqlite3_column_int64(statement, 0);
        *ret_format = sqlite3_column_int(statement, 1);
        size = sqlite3_column_int64(statement, 2);
        text = (const char *)sqlite3_column_text(statement, 3);
        if (text && strlen(text) < sizeof(digest))
            memcpy(digest, text, strlen(text) + 1);
        rc = 0;
    } else if (rc == SQLITE_DONE) {
        rc = fl_err_set(reterr, FL_E_NOENT, 0, "'%s' holds no snapshot", store->path);
    } else {
        rc = fl_store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    }
    (void)sqlite3_reset(statement);
    if (rc == 0)
        rc = parts_read(store, *ret_seq, out, reterr);
    if (rc < 0)
        return rc;
    fl_digest_memory(out->data + before, out->size - before, found);
    if ((int64_t)(out->size - before) != size || strcmp(found, digest) != 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s': the snapshot after event %llu is damaged",
                          store->path, (unsigned long long)*ret_seq);
    return 0;
}
