#ifndef FL_FETCH_MESSAGE_H
#define FL_FETCH_MESSAGE_H

/* Proof that bytes are the GRIB message that was asked for: its frame (frame.h), and its content,
 * decoded by ecCodes and held against the request: reference time, valid time (of an interval: its
 * end, beginning and kind), parameter, level, member, and the keys that every message of the source
 * has; the values must decode.
 * Owns: nothing between calls. Threads: one at a time. Limits: FL_MESSAGE_MAX bytes a message. */

#include <stddef.h>
#include <stdint.h>

#include "data-fetch/source/plan.h"

/* A field that is asked for, as a message of its own (borrowed). handle is ecCodes' codes_handle.
 */
typedef int (*fl_message_field_fn)(const void *data, size_t size, void *handle,
                                   struct fl_err *reterr, void *arg);

struct fl_message_want {
    struct fl_cycle cycle; /* the source's */
    struct fl_cycle valid;
    const struct fl_plan_field *fields; /* lines of the index; count 0: there are none */
    size_t count;
    struct fl_keys *const *keys; /* sets of keys, one of which a field must have to be asked for */
    size_t key_count;            /* 0: by the lines alone; without lines: all fields */
    struct fl_keys *const *expects; /* what every field that is asked for must have */
    size_t expect_count;
    fl_message_field_fn field; /* may be NULL */
    void *arg;
};

struct fl_message_found {
    uint32_t fields; /* in the message */
    uint32_t wanted; /* of them, asked for */
    uint64_t keys;   /* bit i: a field has the i-th set of keys */
};

/* Exactly one message. FL_E_DATA when it cannot be decoded, FL_E_MISMATCH when it is something else
 * than was asked (the text says what was found and what was wanted),
 * FL_E_TOO_BIG; the errors of field. ret_found may be NULL. */
int fl_message_look(const void *data, size_t size, const struct fl_message_want *want,
                    struct fl_message_found *ret_found, struct fl_err *reterr);
/* The same, with nothing told. */
int fl_message_check(const void *data, size_t size, const struct fl_message_want *want,
                     struct fl_err *reterr);

#endif
