#ifndef FL_LINES_RATE_H
#define FL_LINES_RATE_H

/* Bytes a second of something that is not always busy: a mean over the last second or so of busy
 * time, right from the first bytes on. No clock of its own.
 * Owns: nothing. Threads: one at a time. Limits: none. */

#include <stdbool.h>
#include <stdint.h>

struct fl_rate {
    double bytes;  /* fading */
    double busy_s; /* fading alike, so that bytes / busy_s is a rate from the first moment */
    int64_t at_ns;
    bool busy;
};

/* It is busy from now on (waiting for bytes counts), or not. */
void fl_rate_busy(struct fl_rate *rate, bool busy, int64_t now_ns);
void fl_rate_add(struct fl_rate *rate, int64_t bytes, int64_t now_ns);
/* [bytes s-1]; 0 before the first bytes. Silence counts. */
double fl_rate_now(const struct fl_rate *rate, int64_t now_ns);

#endif
