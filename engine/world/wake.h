#ifndef FL_WORLD_WAKE_H
#define FL_WORLD_WAKE_H

/* Descriptors that a world's wait can watch: a bell between threads, and signals as something to
 * read instead of an interruption.
 * Owns: nothing; the caller closes the descriptor with fl_wake_close. Threads: any. Limits: none.
 */

#include <stddef.h>

#include "engine/base/err.h"

/* A bell: readable from the first ring until it is cleared. FL_E_IO. */
int fl_wake_create(int *ret_fd, struct fl_err *reterr);
/* Safe from any thread and from a signal handler. */
void fl_wake_ring(int fd);
void fl_wake_clear(int fd);

/* Blocks the signals in this thread (and those that it starts later) and gives a descriptor that is
 * readable when one has come. Call before any thread is started. FL_E_IO. */
int fl_signals_open(const int *signals, size_t count, int *ret_fd, struct fl_err *reterr);
/* A signal that would end the process does nothing to it (programs started from it have it as it
 * was). */
void fl_signals_ignore(int signal);
/* The oldest signal that has come, or 0. */
int fl_signals_take(int fd);

void fl_wake_close(int fd);

#endif
