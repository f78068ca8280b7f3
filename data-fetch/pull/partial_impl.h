#ifndef FL_FETCH_PARTIAL_IMPL_H
#define FL_FETCH_PARTIAL_IMPL_H

/* The journal of a lead on its way in, private to partial.c and partial_log.c. Its first line is
 *     fairlead-partial 1 BOOT FILES
 * and then
 *     I FILE IDENTITY COUNT BASE     a plan; its messages with known sizes stand from BASE on
 *     S FILE MESSAGE SIZE            a size of that plan
 *     F FILE                         nothing of the file is here
 *     E FILE TOTAL ETAG              the validator
 *     M FILE MESSAGE AT SIZE         a message is here
 * A last line without its end is none. Owns, threads, limits: partial.h. */

#include "data-fetch/pull/partial.h"

int fl_partial_put(const struct fl_world *world, int fd, const char *path, uint64_t at,
                   const void *data, size_t size, struct fl_err *reterr);
/* Reads the journal; begins a new one when there is none, or none that counts. */
int fl_partial_recall(struct fl_partial *partial, struct fl_err *reterr);
int fl_partial_log_plan(struct fl_partial *partial, size_t file, uint64_t base,
                        struct fl_err *reterr);
int fl_partial_log_validator(struct fl_partial *partial, size_t file, struct fl_err *reterr);
int fl_partial_log_forget(struct fl_partial *partial, size_t file, struct fl_err *reterr);
int fl_partial_log_piece(struct fl_partial *partial, size_t file, size_t piece,
                         struct fl_err *reterr);

#endif
