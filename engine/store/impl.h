#ifndef FL_STORE_IMPL_H
#define FL_STORE_IMPL_H

/* What the parts of the store on SQLite share.
 * Owns: see struct fl_store. Threads: one at a time. Limits: those of store.h. */

#include <sqlite3.h>

#include "engine/base/path.h"
#include "engine/store/store.h"

#define FL_STORE_APPLICATION 0x464c4431 /* "FLD1" */

enum fl_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_EVENT_ADD,
    SQL_EVENT_LAST,
    SQL_EVENT_LOAD,
    SQL_EVENT_DROP,
    SQL_WORKFLOW_PUT,
    SQL_WORKFLOW_GET,
    SQL_EPOCH_ADD,
    SQL_EPOCH_GET,
    SQL_PART_ADD,
    SQL_PART_DROP,
    SQL_PART_GET,
    SQL_SNAPSHOT_ADD,
    SQL_SNAPSHOT_DROP,
    SQL_SNAPSHOT_GET,
    SQL_COUNT
};

struct fl_store {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_COUNT]; /* made at first use */
    char path[FL_PATH_MAX];
    uint64_t last_seq;
    int log_pages; /* in the write-ahead log after the last commit */
    int schema;    /* of the file: older than ours only when read_only */
    bool read_only;
    bool sync_failed;
    bool broken; /* a sync failed: what is on the disk is not known */
};

/* Turns SQLite's error into ours. */
int fl_store_error(struct fl_store *store, int sqlite_rc, const char *what, struct fl_err *reterr);
/* The statement, made at its first use. */
int fl_store_statement(struct fl_store *store, enum fl_sql which, sqlite3_stmt **ret,
                       struct fl_err *reterr);
/* Runs a statement that gives no rows. */
int fl_store_run(struct fl_store *store, enum fl_sql which, const char *what,
                 struct fl_err *reterr);
/* The first column of a one-row statement; 0 when it is null. */
int fl_store_number(struct fl_store *store, enum fl_sql which, int64_t *ret_value,
                    struct fl_err *reterr);
int fl_store_exec(struct fl_store *store, const char *sql, const char *what, struct fl_err *reterr);
/* The first column of the first row of any query. */
int fl_store_ask(struct fl_store *store, const char *sql, int64_t *ret_value,
                 struct fl_err *reterr);
int fl_store_begin(struct fl_store *store, struct fl_err *reterr);
/* Ends a transaction: commit when rc is 0, else roll back and keep the first error. */
int fl_store_finish(struct fl_store *store, int rc, struct fl_err *reterr);
/* NULL text is null. */
int fl_store_bind(sqlite3_stmt *statement, int at, const char *text);

#endif
