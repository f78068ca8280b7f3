#ifndef FL_FETCH_LEDGER_H
#define FL_FETCH_LEDGER_H

/* The custody ledger of a destination: one row a delivered version of a file, never edited but for
 * the time at which a later version took its place. SQLite, DIR/.fairlead/custody.db.
 * Writers hold the destination's lock (fl_ledger_lock); readers need none.
 * Owns: the database connection. Threads: one at a time.
 * Limits: FL_LEDGER_BUSY_MS of waiting for another connection. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/base/err.h"
#include "engine/base/time.h"

#define FL_LEDGER_FOLDER ".fairlead"
#define FL_LEDGER_BUSY_MS 20000

struct fl_ledger;
struct fl_world;

/* Texts are borrowed; "" where nothing is known. */
struct fl_custody {
    const char *set;
    const char *file;
    uint64_t size;
    const char *sha256;
    const char *run;
    const char *stage;
    const char *output;
    const char *lead;
    const char *cycle;
    const char *valid_time;
    const char *degraded;   /* JSON array, "[]" when not degraded */
    const char *origin;     /* URL or path it came from */
    const char *created;    /* UTC, when the file was made at its origin */
    const char *sent;       /* UTC, when it was asked for */
    const char *received;   /* UTC, when it was whole, verified and synced here */
    const char *superseded; /* UTC, "" while it is the present version */
};

/* The destination's lock, waited for. Release with fl_lock_release. Makes DIR/.fairlead. */
int fl_ledger_lock(const struct fl_world *world, const char *dir, int *ret_fd,
                   struct fl_err *reterr);

/* write false: FL_E_NOENT when there is no ledger. FL_E_IO, FL_E_DATA for a file that is none. */
int fl_ledger_open(const struct fl_world *world, const char *dir, bool write,
                   struct fl_ledger **ret_ledger, struct fl_err *reterr);
void fl_ledger_close(struct fl_ledger *ledger);
FL_DEFINE_AUTO(struct fl_ledger *, fl_ledger_close)

/* The present version of a file: its digest ("" when there is none) and run. */
int fl_ledger_find(struct fl_ledger *ledger, const char *set, const char *file,
                   char sha256[static FL_DIGEST_HEX], char *run, size_t run_size,
                   struct fl_err *reterr);
/* Durable when it returns. The present version, if there is one, is no longer. */
int fl_ledger_supersede(struct fl_ledger *ledger, const char *set, const char *file,
                        const char *when, struct fl_err *reterr);
/* Durable when it returns. The new version becomes the present one (the old one superseded). */
int fl_ledger_add(struct fl_ledger *ledger, const struct fl_custody *row, struct fl_err *reterr);

/* Rows by set, file and time; set NULL: all; present: only present versions. A negative return of
 * fn ends the walk. */
typedef int (*fl_ledger_fn)(const struct fl_custody *row, void *arg);
int fl_ledger_each(struct fl_ledger *ledger, const char *set, bool present, fl_ledger_fn fn,
                   void *arg, struct fl_err *reterr);

#endif
