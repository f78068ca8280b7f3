#ifndef FL_CLI_TEXT_H
#define FL_CLI_TEXT_H

/* What people read: aligned tables, times in UTC, durations, states in colour on a terminal.
 * Owns: the cells of a table. Threads: one. Limits: FL_TABLE_COLUMNS_MAX columns. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/buf.h"

#define FL_TABLE_COLUMNS_MAX 12

/* True when stream is a terminal and NO_COLOR is not set (https://no-color.org). */
bool fl_text_color(FILE *stream);
/* The escape that begins the colour of a state, or "". */
const char *fl_text_state_color(const char *state, bool color);
const char *fl_text_reset(bool color);

/* A time of an answer: ISO text or nanoseconds since 1970. 0 when it is absent. */
int64_t fl_text_time_ns(const json_t *value);
/* "09:01:02" on the day of `day_ns`, else "2026-11-24 09:01:02"; "" for 0. */
const char *fl_text_time(int64_t time_ns, int64_t day_ns, char *text, size_t size);
/* "850 ms", "7.2 s", "3 min 12 s", "2 h 05 min". */
const char *fl_text_span(int64_t span_ns, char *text, size_t size);

/* A member that is a text, or "". Borrowed. */
const char *fl_text_of(const json_t *object, const char *key);

struct fl_table {
    struct fl_buf cells; /* each ends in a NUL */
    size_t columns;
    size_t count;
    int state_column; /* coloured as a state; -1: none */
};
void fl_table_init(struct fl_table *table, size_t columns, const char *const *heads,
                   int state_column);
void fl_table_release(struct fl_table *table);
FL_DEFINE_AUTO_VALUE(struct fl_table, fl_table_release)
/* columns cells; NULL is an empty one. */
void fl_table_row(struct fl_table *table, const char *const *cells);
int fl_table_print(const struct fl_table *table, FILE *stream, const char *indent,
                   struct fl_err *reterr);

#endif
