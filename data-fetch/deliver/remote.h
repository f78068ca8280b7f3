#ifndef FL_DELIVER_REMOTE_H
#define FL_DELIVER_REMOTE_H

/* A set at a destination of the site file (SFTP, S3, WebDAV, a folder). Its files have come to this
 * site under hidden names, and their rows wait; here they go on, a window at a time, each proven by
 * the far side before it counts, and are shown: by one rename or file by file, MANIFEST last.
 * Owns: nothing between calls. Threads: one at a time. Limits: FL_REMOTE_WINDOW files at a time. */

#include "data-fetch/deliver/manifest.h"

#define FL_REMOTE_WINDOW 64

struct fl_destination;

struct fl_remote {
    const struct fl_world *world;
    struct fl_destination *dest;
    struct fl_ledger *ledger;
    const char *set;
    const char *delivery; /* the key of the rows that wait */
    const char *hidden;   /* where the files lie */
    const struct fl_signer *signer;
    bool whole;
};

/* Errors of destination.h. After it the rows are present. ret_hex: SHA-256 of MANIFEST. */
int fl_remote_publish(const struct fl_remote *remote, char ret_hex[static FL_DIGEST_HEX],
                      struct fl_err *reterr);

#endif
