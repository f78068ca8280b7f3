#ifndef FL_LINES_LANDING_H
#define FL_LINES_LANDING_H

/* A file that comes in pieces: each is written at its offset in a hidden temporary, and a journal
 * beside it tells which bytes are there, so that a later process fetches only what is missing.
 *
 * The journal is a text, DIR/.incoming/NAME.journal, appended to: a head that says what the bytes
 * are of (digest, or address, size and ETag) and since which start of the machine they were
 * written, then a line "FIRST END" for what was written since the line before. A line is written
 * after its bytes, and holds after a kill because the kernel has both. After a loss of power it
 * need not: then it counts only when the file's digest is known, which decides in the end anyway. A
 * last line without its end is not read. Who writes holds a lock on the journal; when another
 * process has it, or the file is small, the temporary has a name of its own and no journal.
 *
 * Owns: descriptors, temporary and journal until they are handed over or dropped. Threads: one at a
 * time. Limits: FL_LANDING_PARTS_MAX separate pieces; past it what lies furthest is fetched again.
 */

#include <stdbool.h>
#include <stdint.h>

#include "data-fetch/pull/incoming.h"

#define FL_LANDING_PARTS_MAX 512
#define FL_LANDING_FRESH_MAX 64
#define FL_LANDING_JOURNAL_MIN (INT64_C(1024) * 1024) /* smaller files have no journal */
#define FL_LANDING_ETAG_MAX 200

struct fl_part {
    int64_t first;
    int64_t end;
};

/* What the bytes are of. Texts are borrowed. */
struct fl_landing_of {
    const char *url;
    const char *sha256; /* or NULL */
    int64_t size;       /* -1: not known */
    const char *etag;   /* "" */
};

struct fl_landing {
    const struct fl_world *world;
    char *path; /* the name to be */
    char *temp;
    char *journal; /* its path; NULL: none */
    int fd;
    int journal_fd;
    int64_t size; /* -1: not known */
    char etag[FL_LANDING_ETAG_MAX];
    struct fl_part *parts; /* what is there, in order, with gaps between */
    size_t count;
    struct fl_part fresh[FL_LANDING_FRESH_MAX]; /* and not yet in the journal */
    size_t fresh_count;
    int64_t resumed;    /* bytes that were there from the start */
    int64_t touched_ns; /* the last write to the journal */
};

/* FL_E_NOSPACE, FL_E_IO, FL_E_PERM, FL_E_NOMEM. */
int fl_landing_open(struct fl_landing *landing, const struct fl_world *world, const char *path,
                    const struct fl_landing_of *of, struct fl_err *reterr);
/* Size and ETag are known now (of as in open). A journal is begun when the bytes deserve one.
 * FL_E_NOMEM and errors of the disk. */
int fl_landing_told(struct fl_landing *landing, const struct fl_landing_of *of,
                    struct fl_err *reterr);
int fl_landing_write(struct fl_landing *landing, int64_t offset, const void *data, size_t size,
                     struct fl_err *reterr);
/* Tells the journal what was written since. */
int fl_landing_note(struct fl_landing *landing, struct fl_err *reterr);
/* Bytes that are there from the start on without a gap. */
int64_t fl_landing_prefix(const struct fl_landing *landing);
bool fl_landing_whole(const struct fl_landing *landing);
/* The first gap at or after `from`: false when there is none. end is the size, or INT64_MAX when
 * that is not known. */
bool fl_landing_gap(const struct fl_landing *landing, int64_t from, struct fl_part *ret_gap);
/* Nothing is there any more. */
int fl_landing_reset(struct fl_landing *landing, struct fl_err *reterr);
/* Hands everything over: incoming has temporary and journal (fd must be closed), landing nothing.
 */
void fl_landing_give(struct fl_landing *landing, struct fl_incoming *incoming);
/* keep: temporary and journal stay for a later process, when there is a journal. */
void fl_landing_close(struct fl_landing *landing, bool keep);

#endif
