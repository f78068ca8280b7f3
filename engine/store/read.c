/* Reading the store: events in order, workflows. */
#include "config.h"

#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/store/impl.h"

#include "engine/base/banned.h"

int fl_store_last_seq(struct fl_store *store, uint64_t *ret_seq, struct fl_err *reterr)
{
    int64_t last = 0;
    int rc = fl_store_number(store, SQL_EVENT_LAST, &last, reterr);

    if (rc < 0)
        return rc;
    *ret_seq = (uint64_t)last;
    return 0;
}

int fl_store_dropped(struct fl_store *store, const char *run, uint64_t *ret_seq,
                     struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int64_t seq = 0;
    int rc = fl_store_statement(store, SQL_EVENT_DROP, &statement, reterr);

    if (rc < 0)
        return rc;
    if (fl_store_bind(statement, 1, run) != SQLITE_OK)
        rc = fl_store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    else
        rc = fl_store_number(store, SQL_EVENT_DROP, &seq, reterr);
    (void)sqlite3_clear_bindings(statement);
    if (rc == 0 && seq == 0)
        rc = fl_err_set(reterr, FL_E_NOENT, 0, "run '%s' was not dropped", run);
    if (rc == 0)
        *ret_seq = (uint64_t)seq;
    return rc;
}

/* One row: number and JSON, to an event, to fn. */
static int event_give(struct fl_store *store, sqlite3_stmt *statement, fl_store_event_fn fn,
                      void *arg, struct fl_err *reterr)
{
    fl_auto(fl_event_destroy) struct fl_event *event = NULL;
    sqlite3_int64 seq = sqlite3_column_int64(statement, 0);
    const char *body = (const char *)sqlite3_column_text(statement, 1);
    int size = sqlite3_column_bytes(statement, 1);
    int rc;

    if (!body || size < 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s': event %lld has no body", store->path,
                          (long long)seq);
    rc = fl_event_from_text(body, (size_t)size, &event, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "'%s', event %lld", store->path, (long long)seq);
    event->seq.v = (uint64_t)seq;
    return fn(event, arg, reterr);
}

int fl_store_load(struct fl_store *store, uint64_t from, size_t limit, fl_store_event_fn fn,
                  void *arg, struct fl_err *reterr)
{
    sqlite3_stmt *statement = NULL;
    int rc = fl_store_statement(store, SQL_EVENT_LOAD, &statement, reterr);

    if (rc < 0)
        return rc;
    if (sqlite3_bind_int64(statement, 1, from > INT64_MAX ? INT64_MAX : (int64_t)from) !=
            SQLITE_OK ||
        sqlite3_bind_int64(statement, 2, limit ? (int64_t)limit : -1) != SQLITE_OK)
        return fl_store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    for (;;) {
        int step = sqlite3_step(statement);

        if (step == SQLITE_ROW)
            rc = event_give(store, statement, fn, arg, reterr);
        else if (step != SQLITE_DONE)
            rc = fl_store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
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
    int rc = fl_store_statement(store, SQL_WORKFLOW_GET, &statement, reterr);

    if (rc < 0)
        return rc;
    if (fl_store_bind(statement, 1, digest) != SQLITE_OK)
        return fl_store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        fl_buf_add(out, sqlite3_column_text(statement, 0),
                   (size_t)sqlite3_column_bytes(statement, 0));
        rc = fl_buf_check(out, reterr);
    } else if (rc == SQLITE_DONE) {
        rc =
            fl_err_set(reterr, FL_E_NOENT, 0, "'%s' holds no workflow %.12s…", store->path, digest);
    } else {
        rc = fl_store_error(store, sqlite3_extended_errcode(store->db), "read", reterr);
    }
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return rc;
}
