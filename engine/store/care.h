#ifndef FL_STORE_CARE_H
#define FL_STORE_CARE_H

/* Looking after a record: whether it is whole, a copy of it while it is written, and going on from
 * a copy. All but the restore work beside a coordinator that runs.
 * Owns: nothing between calls. Threads: any. Limits: those of store.h. */

#include "engine/store/store.h"
#include "engine/world/world.h"

/* What was found. */
struct fl_store_report {
    int schema;
    uint64_t events; /* numbered from 1 without a gap, unless a problem says otherwise */
    uint64_t workflows;
    uint64_t bytes;
    uint64_t held; /* runs that a restore has held */
    size_t problems;
};

/* Told once for each problem, as a line for people. */
typedef void (*fl_store_problem_fn)(const char *text, void *arg);

/* Reads all of it: SQLite's own check, the numbers of the events, each event by itself and against
 * the state before it, each workflow against its digest, each snapshot against the state that the
 * events give. Problems are no error of the call.
 * Errors as fl_store_open. */
int fl_store_verify(const char *folder, fl_store_problem_fn fn, void *arg,
                    struct fl_store_report *ret_report, struct fl_err *reterr);

/* A copy of the record as it is now into another folder (made when absent), by SQLite's backup: the
 * writer goes on meanwhile. The copy appears whole or not at all, and is checked by SQLite.
 * FL_E_EXISTS: there is a record already; FL_E_NOSPACE; errors as fl_store_open. */
int fl_store_backup(const struct fl_world *world, const char *folder, const char *to_folder,
                    struct fl_store_report *ret_report, struct fl_err *reterr);

/* A state folder (made when absent) whose record is that of a backup. What has not ended is held,
 * so that nothing starts before a person has looked; who goes into the record. The count of lives
 * jumps, so that none that came after the backup has the same number. FL_E_EXISTS: the state has a
 * record already; FL_E_LOCKED: a coordinator owns it. */
int fl_store_restore(const struct fl_world *world, const char *backup_folder, const char *folder,
                     const char *who, struct fl_store_report *ret_report, struct fl_err *reterr);

#endif
