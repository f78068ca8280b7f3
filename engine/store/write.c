/* Writing to the store: batches, the epoch, the log's move into the file. */
#include "config.h"

#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/store/impl.h"

#include "engine/base/banned.h"

#define RESERVE_PIECE 65536

int fl_store_bind(sqlite3_stmt *statement, int at, const char *text)
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
        rc = fl_store_statement(store, SQL_EVENT_ADD, &statement, reterr);
    if (rc < 0)
        return rc;
    if (sqlite3_bind_int64(statement, 1, (sqlite3_int64)event->seq.v) != SQLITE_OK ||
        sqlite3_bind_int64(statement, 2, event->time_ns) != SQLITE_OK ||
        fl_store_bind(statement, 3, fl_event_type_name(event->type)) != SQLITE_OK ||
        fl_store_bind(statement, 4, event->run) != SQLITE_OK ||
        fl_store_bind(statement, 5, event->stage) != SQLITE_OK ||
        fl_store_bind(statement, 6, body.data) != SQLITE_OK)
        rc =
            fl_store_error(store, sqlite3_extended_errcode(store->db), "bind an event for", reterr);
    else
        rc = fl_store_run(store, SQL_EVENT_ADD, "write an event to", reterr);
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
    rc = fl_store_statement(store, SQL_WORKFLOW_PUT, &statement, reterr);
    if (rc < 0)
        return rc;
    if (fl_store_bind(statement, 1, workflow->digest) != SQLITE_OK ||
        sqlite3_bind_text(statement, 2, workflow->text, (int)workflow->size, SQLITE_STATIC) !=
            SQLITE_OK)
        rc = fl_store_error(store, sqlite3_extended_errcode(store->db), "bind a workflow", reterr);
    else
        rc = fl_store_run(store, SQL_WORKFLOW_PUT, "write a workflow to", reterr);
    (void)sqlite3_clear_bindings(statement);
    return rc;
}

int fl_store_begin(struct fl_store *store, struct fl_err *reterr)
{
    fl_assert(!store->read_only);
    if (store->broken)
        return fl_err_set(reterr, FL_E_IO, 0,
                          "'%s': an earlier write failed; end and recover from the disk",
                          store->path);
    return fl_store_run(store, SQL_BEGIN, "begin a transaction on", reterr);
}

/* A sync failed: what we see of the log may not be what is on the disk. Nothing is moved from it
 * into the file any more, not when it is closed either: the next start checks every page of it. */
static void store_break(struct fl_store *store)
{
    store->broken = true;
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* Ends a transaction: commit when rc is 0, else roll back and keep the first error. What was
 * written without being synced is of no account: the next try writes it again in the same place.
 * After a failed sync the kernel may have dropped what it could not write (and say so only once).
 */
int fl_store_finish(struct fl_store *store, int rc, struct fl_err *reterr)
{
    if (rc == 0)
        rc = fl_store_run(store, SQL_COMMIT, "commit to", reterr);
    if (rc == 0)
        return 0;
    if (!sqlite3_get_autocommit(store->db))
        (void)fl_store_run(store, SQL_ROLLBACK, "roll back", NULL); /* the first error counts */
    if (rc == FL_E_IO && !store->sync_failed && !store->broken)
        return FL_E_AGAIN;
    if (rc == FL_E_IO || rc == FL_E_DATA || rc == FL_E_BUG)
        store_break(store);
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
    rc = fl_store_begin(store, reterr);
    for (size_t i = 0; i < batch->workflow_count && rc == 0; i++)
        rc = workflow_insert(store, &batch->workflows[i], reterr);
    for (size_t i = 0; i < batch->count && rc == 0; i++) {
        batch->events[i]->seq.v = store->last_seq + 1 + i;
        rc = event_insert(store, batch->events[i], reterr);
    }
    rc = fl_store_finish(store, rc, reterr);
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

/* Zeros up to there, and a sync. SQLite's own code. */
static int log_extend(sqlite3_file *log, sqlite3_int64 bytes)
{
    static const char zeros[RESERVE_PIECE];
    sqlite3_int64 size = 0;
    bool longer;
    int rc = log->pMethods->xFileSize(log, &size);

    longer = rc == SQLITE_OK && size < bytes;
    while (rc == SQLITE_OK && size < bytes) {
        rc = log->pMethods->xWrite(log, zeros, RESERVE_PIECE, size);
        size += RESERVE_PIECE;
    }
    return longer ? log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) : SQLITE_OK;
}

int fl_store_reserve(struct fl_store *store, size_t bytes, struct fl_err *reterr)
{
    sqlite3_file *log = NULL;
    int rc = fl_store_begin(store, reterr); /* opens the log, and nobody else writes to it */
    int synced = SQLITE_OK;

    if (rc < 0)
        return rc;
    if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&log) ==
            SQLITE_OK &&
        log && log->pMethods)
        synced = log_extend(log, (sqlite3_int64)bytes);
    rc = fl_store_run(store, SQL_ROLLBACK, "end a transaction on", reterr);
    if (rc == 0 && synced != SQLITE_OK) {
        rc = fl_err_set(reterr, FL_E_IO, synced, "'%s': the log cannot be synced", store->path);
        store_break(store);
    }
    return rc;
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
    rc = fl_store_error(store, rc, "move the log into", reterr);
    if (store->sync_failed)
        store_break(store);
    return rc;
}

int fl_store_add_epochs(struct fl_store *store, int64_t count, int64_t *ret_epoch,
                        struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int64_t epoch = 0;
    int rc = fl_store_begin(store, reterr);

    if (rc < 0)
        return rc;
    rc = fl_store_statement(store, SQL_EPOCH_ADD, &statement, reterr);
    if (rc == 0 && sqlite3_bind_int64(statement, 1, count) != SQLITE_OK)
        rc = fl_store_error(store, sqlite3_extended_errcode(store->db), "write to", reterr);
    if (rc == 0)
        rc = fl_store_run(store, SQL_EPOCH_ADD, "write to", reterr);
    if (rc == 0)
        rc = fl_store_number(store, SQL_EPOCH_GET, &epoch, reterr);
    rc = fl_store_finish(store, rc, reterr);
    if (rc == 0)
        *ret_epoch = epoch;
    return rc;
}

int fl_store_next_epoch(struct fl_store *store, int64_t *ret_epoch, struct fl_err *reterr)
{
    return fl_store_add_epochs(store, 1, ret_epoch, reterr);
}
