#ifndef FL_FETCH_MESSAGE_LINE_H
#define FL_FETCH_MESSAGE_LINE_H

/* A decoded field against its line of an index; private to message.c.
 * Owns: nothing. Threads: one at a time. Limits: none. */

#include <eccodes.h>

#include "data-fetch/source/plan.h"

/* A whole number of the message. FL_E_DATA names the key. */
int fl_message_long(codes_handle *handle, const char *key, long *ret_value, struct fl_err *reterr);

/* Parameter, level, interval, member. FL_E_MISMATCH says what was found and what the line says;
 * FL_E_DATA. */
int fl_message_line(codes_handle *handle, const struct fl_plan_field *line, struct fl_err *reterr);

#endif
