#ifndef FL_FETCH_INCOMING_H
#define FL_FETCH_INCOMING_H

/* A file on its way in: a hidden temporary beside its place, hashed while it is written, that gets
 * its name only when whole. Also where refused bytes are put.
 * Owns: the descriptor, the temporary (removed when dropped). Threads: one at a time.
 * Limits: FL_REFUSED_MAX refused files of one name. */

#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/base/path.h"

#define FL_REFUSED ".refused"
#define FL_REFUSED_MAX 8

struct fl_world;

struct fl_incoming {
    const struct fl_world *world;
    struct fl_digest *digest;
    char *path;    /* the name to be */
    char *temp;    /* NULL once settled or dropped */
    char *journal; /* of a file that came in pieces, removed with the temporary; NULL: none */
    int journal_fd;
    int fd; /* -1 when none is open */
    uint64_t size;
};

/* mkdir -p of the folder that path lies in. */
int fl_incoming_make_folder(const struct fl_world *world, const char *path, struct fl_err *reterr);
/* Makes path's folder and an empty temporary in it. FL_E_NOSPACE, FL_E_IO, FL_E_PERM,
 * FL_E_NOMEM. */
int fl_incoming_open(struct fl_incoming *incoming, const struct fl_world *world, const char *path,
                     struct fl_err *reterr);
int fl_incoming_add(struct fl_incoming *incoming, const void *data, size_t size,
                    struct fl_err *reterr);
/* Ends the writing: the temporary is closed and synced, and its digest known. */
int fl_incoming_finish(struct fl_incoming *incoming, char hex[static FL_DIGEST_HEX],
                       struct fl_err *reterr);
/* After finish: gives it its name. */
int fl_incoming_settle(struct fl_incoming *incoming, struct fl_err *reterr);
/* After finish, of a file that came in pieces: its temporary gets a name of its own, so that
 * another process may begin the same file, and the journal goes. */
int fl_incoming_unhitch(struct fl_incoming *incoming, struct fl_err *reterr);
/* Forgets it; a temporary that has not been settled is removed. Fit for a zeroed struct. */
void fl_incoming_drop(struct fl_incoming *incoming);

/* Keeps refused bytes as folder/.refused/NAME, numbered; past the limit they are dropped.
 * ret_path (may be NULL, size FL_PATH_MAX) tells where. */
int fl_refused_keep(const struct fl_world *world, const char *folder, const char *name,
                    const void *data, size_t size, char *ret_path, struct fl_err *reterr);

#endif
