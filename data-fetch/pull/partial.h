#ifndef FL_FETCH_PARTIAL_H
#define FL_FETCH_PARTIAL_H

/* A lead on its way in: a hidden file beside its place that takes verified messages in any order,
 * and a journal of those that it has, so that a killed fetch goes on with what is missing.
 *     DIR/.incoming/NAME.part      the messages, each at its place in the finished file where that
 *                                  is known, else wherever there is room
 *     DIR/.incoming/NAME.part.log  one line a message, written after its bytes; lines of files say
 *                                  by which index and validator they belong
 * A message belongs to one of the source's files that the lead comes from. What was written before
 * the machine's last start is not believed (the disk may have the line and not the bytes).
 * Owns: both files, locked; the digest. Threads: one at a time. Limits: FL_PARTIAL_FILES_MAX files,
 * FL_PARTIAL_LOG_MAX bytes of journal. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/base/path.h"

#define FL_PARTIAL_FILES_MAX 4096
#define FL_PARTIAL_LOG_MAX ((size_t)64 * 1024 * 1024)
#define FL_PARTIAL_ETAG_MAX 200

struct fl_world;

struct fl_partial_piece {
    uint64_t at;   /* in the hidden file */
    uint64_t room; /* 0: not known */
    uint64_t size;
    bool placed;
    bool here; /* whole and verified */
};

struct fl_partial_file {
    char identity[FL_DIGEST_HEX]; /* of index and selection; "": no plan yet */
    char etag[FL_PARTIAL_ETAG_MAX];
    int64_t total; /* [bytes] of the source's file; -1 not known */
    struct fl_partial_piece *pieces;
    size_t count;
    size_t missing;
};

struct fl_partial {
    const struct fl_world *world;
    char path[FL_PATH_MAX];
    char temp[FL_PATH_MAX];
    char log[FL_PATH_MAX];
    int fd; /* -1: not open */
    int log_fd;
    uint64_t log_size;
    uint64_t tail; /* first byte that no piece has */
    struct fl_partial_file *files;
    size_t count;
    struct fl_digest *digest; /* of the pieces in order, as far as they are here */
    uint64_t size;            /* of those */
    size_t next_file;
    size_t next_piece;
    bool scattered; /* a piece is not where the finished file has it */
};

/* Opens the hidden file for path, with what it has. FL_E_LOCKED: another process is at it;
 * disk errors. Fit for fl_partial_leave and fl_partial_drop afterwards. */
int fl_partial_open(struct fl_partial *partial, const struct fl_world *world, const char *path,
                    size_t files, struct fl_err *reterr);
/* The messages of a file: sizes[i] bytes, 0 when not known. What is here of the same identity is
 * kept. */
int fl_partial_plan(struct fl_partial *partial, size_t file, const char *identity,
                    const uint64_t *sizes, size_t count, struct fl_err *reterr);
/* Tells by which validator the messages of a file came. */
int fl_partial_validator(struct fl_partial *partial, size_t file, const char *etag, int64_t total,
                         struct fl_err *reterr);
/* The source's file is another one now: nothing of it is here. */
int fl_partial_forget(struct fl_partial *partial, size_t file, struct fl_err *reterr);
/* Bytes of a message, from `from` on. */
int fl_partial_write(struct fl_partial *partial, size_t file, size_t piece, uint64_t from,
                     const void *data, size_t size, struct fl_err *reterr);
/* All its size bytes are written; data (NULL: on disk only) are the same bytes, to hash. */
int fl_partial_mark(struct fl_partial *partial, size_t file, size_t piece, uint64_t size,
                    const void *data, struct fl_err *reterr);
/* Every piece is here: the file is put in order, synced and closed; its digest and size. */
int fl_partial_finish(struct fl_partial *partial, char hex[static FL_DIGEST_HEX],
                      uint64_t *ret_size, struct fl_err *reterr);
/* After finish: gives it its name; the journal goes. */
int fl_partial_settle(struct fl_partial *partial, struct fl_err *reterr);
/* Closes it and keeps what is there for the next time. Fit for a zeroed struct with fd -1. */
void fl_partial_leave(struct fl_partial *partial);
/* Removes it. */
void fl_partial_drop(struct fl_partial *partial);

#endif
