#ifndef FL_LINES_JOURNAL_H
#define FL_LINES_JOURNAL_H

/* The text of a landing's journal: see landing.h. Owns: nothing. Threads: one at a time.
 * Limits: FL_JOURNAL_BYTES_MAX; a longer one is as none. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data-fetch/lines/landing.h"

#define FL_JOURNAL_BYTES_MAX ((size_t)8 * 1024 * 1024)

struct fl_journal_head {
    int64_t size;
    char etag[FL_LANDING_ETAG_MAX];
};

typedef int (*fl_journal_fn)(int64_t first, int64_t end, void *arg);

/* Empties it and writes a head. Errors of the disk. */
int fl_journal_begin(const struct fl_world *world, int fd, const char *path,
                     const struct fl_landing_of *of, struct fl_err *reterr);
int fl_journal_add(const struct fl_world *world, int fd, const char *path,
                   const struct fl_part *parts, size_t count, struct fl_err *reterr);
/* *ret_same: it is of these bytes and may be believed; then fn was called for each part. A journal
 * that is empty, torn or of something else is not the same, which is no error. */
int fl_journal_read(const struct fl_world *world, const char *path, const struct fl_landing_of *of,
                    struct fl_journal_head *ret_head, bool *ret_same, fl_journal_fn fn, void *arg,
                    struct fl_err *reterr);
/* The same from a text; boot is this start of the machine. */
bool fl_journal_parse(char *text, size_t size, const char *boot, const struct fl_landing_of *of,
                      struct fl_journal_head *ret_head, fl_journal_fn fn, void *arg);

#endif
