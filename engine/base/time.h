#ifndef FL_BASE_TIME_H
#define FL_BASE_TIME_H

/* Calendar time in UTC, durations, forecast leads and sets of leads (standard calendar).
 * Owns: nothing. Threads: any. Limits: years 1900 to 2199; leads within +-100000 hours;
 * FL_LEADS_MAX members a set. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

#define FL_TIME_TEXT_MAX 32
#define FL_LEADS_MAX 4096

/* An instant: seconds since 1970-01-01T00:00Z. A cycle is one of these, always data, never the wall
 * clock. */
struct fl_cycle {
    int64_t s;
};

/* Forecast time after the cycle, in minutes. */
struct fl_lead {
    int32_t minutes;
};

/* An ascending set first, first+step, ... last. */
struct fl_leads {
    struct fl_lead first;
    struct fl_lead last;
    int32_t step_minutes; /* >= 1 */
};

/* "20261124T0000Z", "2026-11-24T00:00Z", "2026-11-24T00:00:00Z", "20261124T000000Z". FL_E_PARSE. */
int fl_cycle_parse(const char *text, struct fl_cycle *ret_cycle, struct fl_err *reterr);
/* Basic: "20261124T0000Z" (seconds, when there are any: "20261124T000030Z"). Extended:
 * "2026-11-24T00:00:00Z". */
void fl_cycle_format(struct fl_cycle cycle, char text[static FL_TIME_TEXT_MAX]);
void fl_cycle_format_extended(struct fl_cycle cycle, char text[static FL_TIME_TEXT_MAX]);
/* strftime in UTC with a bounded format. FL_E_TOO_BIG, FL_E_PARSE for an empty result. */
int fl_cycle_strftime(struct fl_cycle cycle, const char *format, char *text, size_t size,
                      struct fl_err *reterr);
struct fl_cycle fl_cycle_add(struct fl_cycle cycle, struct fl_lead lead);
/* Date parts to an instant; month 1-12. FL_E_PARSE when out of range. */
int fl_cycle_from_parts(int year, int month, int day, int hour, int minute, int second,
                        struct fl_cycle *ret_cycle, struct fl_err *reterr);

/* ISO 8601 duration of weeks, days, hours, minutes, seconds: "PT6H", "-P1DT12H", "+PT4H30M".
 * FL_E_PARSE. */
int fl_duration_parse(const char *text, int64_t *ret_seconds, struct fl_err *reterr);
/* "PT6H", "P1DT12H", "-PT90S" normalised: "-PT1M30S". */
void fl_duration_format(int64_t seconds, char text[static FL_TIME_TEXT_MAX]);

/* "+006", "006", "6", "+006:10", "-003"; also a duration "PT6H". FL_E_PARSE. */
int fl_lead_parse(const char *text, struct fl_lead *ret_lead, struct fl_err *reterr);
/* "+006", "+006:10". */
void fl_lead_format(struct fl_lead lead, char text[static FL_TIME_TEXT_MAX]);
/* As in file names: "f006", "f006m10". lead >= 0. */
void fl_lead_format_file(struct fl_lead lead, char text[static FL_TIME_TEXT_MAX]);

/* "+000/+048/3" (first/last/step in hours, or HHH:MM) or one lead. FL_E_PARSE, FL_E_TOO_BIG. */
int fl_leads_parse(const char *text, struct fl_leads *ret_leads, struct fl_err *reterr);
size_t fl_leads_count(const struct fl_leads *leads);
struct fl_lead fl_leads_at(const struct fl_leads *leads, size_t index);
/* Index of lead in the set, or -1. */
int64_t fl_leads_find(const struct fl_leads *leads, struct fl_lead lead);
void fl_leads_format(const struct fl_leads *leads, char *text, size_t size);

#endif
