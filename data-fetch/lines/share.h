#ifndef FL_LINES_SHARE_H
#define FL_LINES_SHARE_H

/* What the transfers that run at a site tell each other: one small file a process, in the folder
 * `lines` of the site's book, locked as long as its process lives. A file whose lock can be had is
 * that of a dead process, and is removed. So nothing is left to clean up after a kill.
 * Owns: this process's file. Threads: one at a time. Limits: FL_SHARE_LINES_MAX lines told,
 * FL_SHARE_BYTES a file; what is torn by a read at the same moment is left out this time. */

#include <stdbool.h>
#include <stdint.h>

#include "data-fetch/lines/bond.h"
#include "data-fetch/lines/site.h"

#define FL_SHARE_FOLDER "lines"
#define FL_SHARE_LINES_MAX 16
#define FL_SHARE_BYTES ((size_t)16 * 1024)

struct fl_share;

struct fl_share_line {
    char site[FL_SITE_NAME_MAX];
    char line[FL_SITE_NAME_MAX];
    bool wants; /* has something to fetch by it that waits */
    struct fl_bond_state state;
    int64_t retransmits; /* of our segments, on the connections open now */
    int64_t segments;
};

struct fl_share_record {
    int64_t pid;
    int64_t began_s;    /* UTC */
    int64_t deadline_s; /* UTC; 0: none */
    bool operations;
    struct fl_share_line lines[FL_SHARE_LINES_MAX];
    size_t count;
};

/* folder is made when absent. FL_E_IO, FL_E_PERM, FL_E_NOSPACE, FL_E_NOMEM. */
int fl_share_open(const struct fl_world *world, const char *folder, struct fl_share **ret_share,
                  struct fl_err *reterr);
void fl_share_close(struct fl_share *share);
FL_DEFINE_AUTO(struct fl_share *, fl_share_close)
/* What we do now. */
int fl_share_tell(struct fl_share *share, const struct fl_share_record *record,
                  struct fl_err *reterr);

typedef void (*fl_share_fn)(const struct fl_share_record *record, void *arg);
/* Calls fn for each other process that lives (own: this one's handle, or NULL). No folder: nobody.
 */
int fl_share_each(const struct fl_world *world, const char *folder, const struct fl_share *own,
                  fl_share_fn fn, void *arg, struct fl_err *reterr);

/* The folder below that of the book (fl_book_folder). FL_E_CONFIG, FL_E_TOO_BIG. */
int fl_share_folder(char *path, size_t size, struct fl_err *reterr);

#endif
