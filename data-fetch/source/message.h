#ifndef FL_FETCH_MESSAGE_H
#define FL_FETCH_MESSAGE_H

/* Proof that bytes are the GRIB2 message that was asked for: its frame (frame.h), and its content,
 * decoded by ecCodes and held against the request: reference time, valid time, parameter, level;
 * the values must decode.
 * Owns: nothing between calls. Threads: one at a time. Limits: FL_MESSAGE_MAX bytes a message. */

#include <stddef.h>
#include <stdint.h>

#include "data-fetch/source/plan.h"

struct fl_message_want {
    struct fl_cycle cycle; /* the source's */
    struct fl_cycle valid;
    const struct fl_plan_field *fields; /* count 0: any parameter and level */
    size_t count;
};

/* Exactly one message. FL_E_DATA when it cannot be decoded, FL_E_MISMATCH when it is something else
 * than was asked (the text says what was found and what was wanted),
 * FL_E_TOO_BIG. */
int fl_message_check(const void *data, size_t size, const struct fl_message_want *want,
                     struct fl_err *reterr);

#endif
