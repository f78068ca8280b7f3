#ifndef FL_FETCH_LEDGER_H
#define FL_FETCH_LEDGER_H

/* The custody ledger of a destination: one row a delivered version of a file, never edited but for
 * what becomes of it: it is seen, its source copy is removed, it is no longer the present version.
 * SQLite, DIR/.fairlead/custody.db. Writers hold the destination's lock (fl_ledger_lock); readers
 * need none. Files in DIR/.fairlead/removed, which the site's worker puts there, say what was
 * removed at its source; they are taken into the ledger by the next writer.
 * Owns: the database connection. Threads: one at a time.
 * Limits: FL_LEDGER_BUSY_MS of waiting for another connection. Memory does not grow with rows. */

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
    const char *removed;    /* UTC, when its copy at the source was gone */
    const char *superseded; /* UTC, "" while it is the present version */
    const char *ending;   /* how it ceased to be: "replaced", "withdrawn", "retired"; while that is
                             under way: "withdrawing", "retiring" */
    const char *why;      /* of a withdrawal */
    const char *delivery; /* "": seen; else the key of a set that is not published yet */
};

/* The destination's lock, waited for. Release with fl_lock_release. Makes DIR/.fairlead. */
int fl_ledger_lock(const struct fl_world *world, const char *dir, int *ret_fd,
                   struct fl_err *reterr);

/* write false: FL_E_NOENT when there is no ledger. FL_E_IO, FL_E_DATA for a file that is none. */
int fl_ledger_open(const struct fl_world *world, const char *dir, bool write,
                   struct fl_ledger **ret_ledger, struct fl_err *reterr);
void fl_ledger_close(struct fl_ledger *ledger);
FL_DEFINE_AUTO(struct fl_ledger *, fl_ledger_close)
/* Takes in what workers say of removals at the source; the lock is held. */
int fl_ledger_absorb(struct fl_ledger *ledger, const struct fl_world *world, const char *dir,
                     struct fl_err *reterr);

/* Several changes that come into being together, durably, with fl_ledger_commit. A connection that
 * is closed before it takes them back. */
int fl_ledger_begin(struct fl_ledger *ledger, struct fl_err *reterr);
int fl_ledger_commit(struct fl_ledger *ledger, struct fl_err *reterr);
void fl_ledger_rollback(struct fl_ledger *ledger);

/* The present version of a file: its digest ("" when there is none) and run. */
int fl_ledger_find(struct fl_ledger *ledger, const char *set, const char *file,
                   char sha256[static FL_DIGEST_HEX], char *run, size_t run_size,
                   struct fl_err *reterr);
/* A present file of any set with that content, as "SET/FILE"; "" when there is none. */
int fl_ledger_same(struct fl_ledger *ledger, const char *sha256, char *path, size_t size,
                   struct fl_err *reterr);
/* True for content that was withdrawn from that place, and why. */
int fl_ledger_withdrawn(struct fl_ledger *ledger, const char *set, const char *file,
                        const char *sha256, bool *ret_withdrawn, char *why, size_t size,
                        struct fl_err *reterr);
/* The present version, if there is one, is no longer. Durable, unless within begin and commit, as
 * all that follows. */
int fl_ledger_end(struct fl_ledger *ledger, const char *set, const char *file, const char *when,
                  const char *ending, const char *why, struct fl_err *reterr);
/* The new version becomes the present one (the old one is replaced), or, with a delivery, waits to
 * be seen (an earlier one of that delivery is forgotten). */
int fl_ledger_add(struct fl_ledger *ledger, const struct fl_custody *row, struct fl_err *reterr);
/* What waits of a delivery: how many files. */
int fl_ledger_waiting(struct fl_ledger *ledger, const char *delivery, uint64_t *ret_count,
                      struct fl_err *reterr);
/* What waits has been received at a destination beyond this one. The set is published: all of it is
 * present now. */
int fl_ledger_arrived(struct fl_ledger *ledger, const char *delivery, const char *when,
                      struct fl_err *reterr);
int fl_ledger_publish(struct fl_ledger *ledger, const char *delivery, const char *when,
                      struct fl_err *reterr);
/* Files of a run whose source copies are gone. */
int fl_ledger_removed(struct fl_ledger *ledger, const char *run, const char *file, const char *when,
                      struct fl_err *reterr);

/* An ending that is under way ("withdrawing", "retiring") is carried out. */
int fl_ledger_settle(struct fl_ledger *ledger, const char *set, const char *from, const char *to,
                     struct fl_err *reterr);

/* Rows by set, file and time; set NULL: all; present: only present versions, or those that wait
 * under `delivery`, or those with the ending `delivery` (NULL: one that is under way). fn
 * ends the walk with 1 (which is no error) or a negative return. */
enum fl_ledger_which { FL_LEDGER_ALL, FL_LEDGER_PRESENT, FL_LEDGER_ENDING, FL_LEDGER_WAITING };
typedef int (*fl_ledger_fn)(const struct fl_custody *row, void *arg);
int fl_ledger_each(struct fl_ledger *ledger, enum fl_ledger_which which, const char *set,
                   const char *delivery, fl_ledger_fn fn, void *arg, struct fl_err *reterr);

#endif
