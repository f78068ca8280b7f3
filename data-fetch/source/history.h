#ifndef FL_FETCH_HISTORY_H
#define FL_FETCH_HISTORY_H

/* A file held against the same product of other cycles: an upload that was cut off with its index
 * is whole by all its own signs, and only its size and its count of messages give it away.
 * Pure. Owns: nothing. Threads: any. Limits: none. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

struct fl_book_size;

enum fl_history_act { FL_HISTORY_REFUSE, FL_HISTORY_WARN, FL_HISTORY_PASS };

/* What a source says of its files' regularity (the group `history` of the catalogue). */
struct fl_history_rule {
    int cycles;                  /* so many others must be known */
    int percent;                 /* of the median: fewer bytes or messages are too few */
    enum fl_history_act few;     /* below percent */
    enum fl_history_act changed; /* another count of messages than the median */
};
#define FL_HISTORY_DEFAULT \
    ((struct fl_history_rule){ \
        .cycles = 3, .percent = 80, .few = FL_HISTORY_REFUSE, .changed = FL_HISTORY_WARN})

/* bytes, messages: of the file; 0 where it is not known. past: of the same lead and selection in
 * other cycles. FL_HISTORY_PASS when nothing is odd (or too little is known); else what the rule
 * says, and *ret_why tells what was found and what was expected (FL_E_MISMATCH). */
enum fl_history_act fl_history_judge(const struct fl_history_rule *rule,
                                     const struct fl_book_size *past, uint64_t bytes,
                                     uint64_t messages, struct fl_err *ret_why);

#endif
