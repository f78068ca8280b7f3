#ifndef FL_DELIVER_ENDING_H
#define FL_DELIVER_ENDING_H

/* Versions that cease to be: withdrawn because they are bad, retired by rule. Order, so that a kill
 * leaves the manifest true: they leave ledger and manifest, then their files are moved or removed,
 * then the ledger says that it is done; what a killed process left is carried out by the next one.
 * Owns: nothing. Threads: one at a time, the destination's lock held. Limits: none of its own. */

#include "data-fetch/deliver/manifest.h"

#define FL_WITHDRAWN ".withdrawn"           /* folder of the set: files moved aside */
#define FL_WITHDRAWN_NOTICE "WITHDRAWN.txt" /* file of the set */

struct fl_ending {
    const struct fl_world *world;
    struct fl_ledger *ledger;
    const char *dir;
    const struct fl_signer *signer; /* NULL: unsigned */
    size_t moved;
    size_t removed;
};

/* Writes the manifest of a set and carries out what its rows say is under way. */
int fl_ending_carry_out(struct fl_ending *ending, const char *set, struct fl_err *reterr);
/* The same for all sets where something is under way. */
int fl_ending_resume(struct fl_ending *ending, struct fl_err *reterr);

#endif
