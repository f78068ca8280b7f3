#ifndef FL_FETCH_DELIVERY_H
#define FL_FETCH_DELIVERY_H

/* Products into the folder of a set, with manifest and ledger.
 *
 * Two ways to be seen. `each`: every file when it is there, complete, and MANIFEST after it; many
 * deliveries may add to a set. `whole`: all files come into a hidden folder beside the set's place
 * (PARENT/.arriving/NAME.KEY), MANIFEST last, and one rename shows them; a set that is there
 * already is added to file by file.
 *
 * Order, so that a kill at any point leaves the manifest true, a window of files at a time: they
 * come in under hidden names, verified and synced, without a lock. Then, under the destination's
 * lock: versions that will be replaced leave ledger and manifest; the new ones get their names;
 * they enter the ledger, all in one transaction. At the end the manifest is written again. A file
 * whose process died before its row was written is found by its content next time. Content that
 * stands in another set of the destination is copied there, not sent again; content that was
 * withdrawn from a place does not come back to it.
 *
 * A destination without room pauses the delivery (space.h).
 * Owns: the hidden files of a window. Threads: one at a time; many processes at once.
 * Limits: FL_FEED_WINDOW files at a time; memory grows by 16 bytes a file. */

#include <stdbool.h>

#include "data-fetch/deliver/feed.h"
#include "data-fetch/deliver/manifest.h"
#include "data-fetch/deliver/space.h"
#include "data-fetch/lines/pull.h"

struct fl_destination;

#define FL_ARRIVING ".arriving"
#define FL_DELIVERY_KEY 17 /* bytes of a key, with its NUL */

/* Told of each file of the delivery, in its order, when it is there. */
typedef int (*fl_delivery_fn)(const char *file, const char *sha256, struct fl_err *reterr,
                              void *arg);

struct fl_delivery {
    /* asked for */
    const struct fl_world *world;
    const char *set;   /* relative path below dir */
    const char *dir;   /* the products folder */
    const char *run;   /* whose products they are */
    const char *stage; /* which delivery of it; NULL: by hand */
    bool whole;
    struct fl_destination *dest; /* where the set goes on to from dir, which then keeps ledger and
                                    files on their way only; NULL: dir is the destination */
    const struct fl_signer *signer;     /* NULL: unsigned */
    const struct fl_pull_options *pull; /* NULL: none */
    struct fl_space *space;             /* NULL: room is not looked after */
    fl_delivery_fn fn;                  /* NULL: nobody is told */
    void *arg;
    /* what came of it */
    char folder[FL_PATH_MAX]; /* dir/set */
    char manifest[FL_DIGEST_HEX];
    size_t files;
    size_t sent;               /* files that were not there already */
    size_t reused;             /* of these, copied from another set here */
    uint64_t bytes;            /* of those that were sent */
    bool published;            /* by one rename */
    struct fl_delivering *now; /* private */
};

/* FL_E_REFUSED when another run delivered one of the names with other content, or when the content
 * was withdrawn; FL_E_USAGE for a set that leaves the folder, FL_E_CONFIG for two inputs of one
 * name, the errors of fl_feed_each, fl_pull_run and of the ledger. What MANIFEST lists is true on
 * every way out. */
int fl_delivery_run(struct fl_delivery *delivery, const struct fl_feed *feed,
                    struct fl_err *reterr);

#endif
