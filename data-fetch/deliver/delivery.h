#ifndef FL_FETCH_DELIVERY_H
#define FL_FETCH_DELIVERY_H

/* Products into the folder of a set, with manifest and ledger.
 *
 * Order, so that a kill at any point leaves the manifest true: the files come in under hidden
 * names, verified and synced, without a lock. Then, under the destination's lock: versions that
 * will be replaced leave ledger and manifest; the new ones get their names; they enter the ledger;
 * the manifest is written again. A file whose process died before its row was written is found by
 * its content next time.
 * Owns: the inputs and their hidden files. Threads: one at a time; many processes at once.
 * Limits: FL_CONTRACT_INPUTS_MAX inputs. */

#include <stdbool.h>

#include "data-fetch/stage/bring.h"

struct fl_delivery {
    /* asked for */
    const struct fl_world *world;
    const char *set; /* relative path below dir */
    const char *dir; /* the products folder */
    const char *run; /* whose products they are */
    /* what came of it */
    char folder[FL_PATH_MAX]; /* dir/set */
    struct fl_bring bring;    /* the inputs; an item that was sent has its digest */
    size_t sent;              /* files that were not there already */
    uint64_t bytes;
    bool *there; /* private */
};

/* Delivers the inputs listed in the file `inputs`. FL_E_REFUSED when another run delivered one of
 * the names with other content, FL_E_USAGE for a set that leaves the folder, the errors of
 * fl_bring_read, fl_pull_run and of the ledger. What MANIFEST lists is true on every way out. */
int fl_delivery_run(struct fl_delivery *delivery, const char *inputs, struct fl_err *reterr);
void fl_delivery_release(struct fl_delivery *delivery);
FL_DEFINE_AUTO_VALUE(struct fl_delivery, fl_delivery_release)

#endif
