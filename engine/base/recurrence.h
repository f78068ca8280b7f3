#ifndef FL_BASE_RECURRENCE_H
#define FL_BASE_RECURRENCE_H

/* ISO 8601 recurrences of cycle points: R[n]/START/PERIOD, R[n]/START/END, R[n]/PERIOD/END.
 * Months and years are calendar units counted from the first point (from the last one in the third
 * form), and a day that a month lacks becomes its last: R/20260131T0000Z/P1M gives 31 January,
 * 28 February, 31 March.
 * Owns: nothing. Threads: any. Limits: the years of the calendar; periods of up to 400 years. */

#include "engine/base/time.h"

#define FL_RECURRENCE_TEXT_MAX 128

/* More than nothing. */
struct fl_period {
    int64_t months;
    int64_t seconds;
};

struct fl_recurrence {
    struct fl_cycle anchor;
    struct fl_period period;
    int64_t first; /* point 0 is the anchor and so many periods */
    int64_t count; /* points; 0: without end */
};

/* "PT6H", "P1M", "P1Y6M", "P2W". Refused, in words: negative, zero, more than 400 years.
 * FL_E_PARSE. */
int fl_period_parse(const char *text, struct fl_period *ret_period, struct fl_err *reterr);
void fl_period_format(const struct fl_period *period, char text[static FL_RECURRENCE_TEXT_MAX]);
/* cycle and `times` periods (may be negative). FL_E_TOO_BIG outside the years of the calendar. */
int fl_cycle_add_period(struct fl_cycle cycle, const struct fl_period *period, int64_t times,
                        struct fl_cycle *ret_cycle, struct fl_err *reterr);

/* Reads a recurrence. from: where an endless rule without a start begins, that is PERIOD alone and
 * R/PERIOD/END (whose first point is the earliest on it that is not before from); NULL: such a rule
 * is refused. FL_E_PARSE says what is wrong and what would be accepted. */
int fl_recurrence_parse(const char *text, enum fl_calendar calendar, const struct fl_cycle *from,
                        struct fl_recurrence *ret_recurrence, struct fl_err *reterr);
/* "R5/20261124T0000Z/PT6H"; of the third form "R5/PT6H/20261125T0000Z". */
void fl_recurrence_format(const struct fl_recurrence *recurrence,
                          char text[static FL_RECURRENCE_TEXT_MAX]);

/* The index-th point, from 0; false past the last one (or the last year of the calendar). */
bool fl_recurrence_nth(const struct fl_recurrence *recurrence, int64_t index,
                       struct fl_cycle *ret_cycle);
/* Index of the first point that is not before cycle, or -1. */
int64_t fl_recurrence_at_or_after(const struct fl_recurrence *recurrence, struct fl_cycle cycle);
/* Index of the last point that is not after cycle, or -1. */
int64_t fl_recurrence_at_or_before(const struct fl_recurrence *recurrence, struct fl_cycle cycle);
/* Index of cycle, or -1 when it is not on the recurrence. */
int64_t fl_recurrence_find(const struct fl_recurrence *recurrence, struct fl_cycle cycle);
/* 0 when cycle is on it; else FL_E_REFUSED with the two nearest points. */
int fl_recurrence_check(const struct fl_recurrence *recurrence, struct fl_cycle cycle,
                        struct fl_err *reterr);

#endif
