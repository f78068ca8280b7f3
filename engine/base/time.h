#ifndef FL_BASE_TIME_H
#define FL_BASE_TIME_H

/* Calendar time in UTC, durations, forecast leads and sets of leads.
 * Owns: nothing. Threads: any. Limits: years 1900 to 2199 (of model calendars 1 to 9999); leads
 * within +-100000 hours; FL_LEADS_MAX members a set. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

#define FL_TIME_TEXT_MAX 32
#define FL_LEADS_MAX 4096

/* standard: proleptic Gregorian, the only one that a clock follows. The others belong to climate
 * models: twelve months of 30 days; and no leap days. */
enum fl_calendar { FL_CALENDAR_STANDARD, FL_CALENDAR_360_DAY, FL_CALENDAR_NOLEAP };
#define FL_CALENDAR_COUNT 3

/* An instant: seconds since 1970-01-01T00:00Z of its calendar, and FL_CALENDAR_SPAN times the
 * calendar, so that instants of different calendars are never equal and those of one can be
 * subtracted and compared. A cycle is one of these, always data, never the wall clock. */
struct fl_cycle {
    int64_t s;
};
#define FL_CALENDAR_SPAN (INT64_C(1) << 40)

struct fl_date {
    int year;
    int month; /* 1 to 12 */
    int day;
    int hour;
    int minute;
    int second;
};

/* "standard", "360_day", "noleap". */
const char *fl_calendar_name(enum fl_calendar calendar);
/* FL_E_PARSE. */
int fl_calendar_parse(const char *text, enum fl_calendar *ret_calendar, struct fl_err *reterr);
/* The calendar that an instant belongs to. */
enum fl_calendar fl_cycle_calendar(struct fl_cycle cycle);
/* Days since 1970-01-01 of its calendar. */
int64_t fl_cycle_day(struct fl_cycle cycle);
void fl_cycle_date(struct fl_cycle cycle, struct fl_date *ret_date);
/* FL_E_PARSE when there is no such date in that calendar. */
int fl_cycle_from_date(enum fl_calendar calendar, const struct fl_date *date,
                       struct fl_cycle *ret_cycle, struct fl_err *reterr);
/* True within the years that can be written. */
bool fl_cycle_in_range(struct fl_cycle cycle);
int fl_calendar_month_days(enum fl_calendar calendar, int year, int month);

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
/* The same in a calendar; 30 February is a day of 360_day. */
int fl_cycle_parse_in(const char *text, enum fl_calendar calendar, struct fl_cycle *ret_cycle,
                      struct fl_err *reterr);
/* Basic: "20261124T0000Z" (seconds, when there are any: "20261124T000030Z"). Extended:
 * "2026-11-24T00:00:00Z". */
void fl_cycle_format(struct fl_cycle cycle, char text[static FL_TIME_TEXT_MAX]);
void fl_cycle_format_extended(struct fl_cycle cycle, char text[static FL_TIME_TEXT_MAX]);
/* strftime in UTC with a bounded format. FL_E_TOO_BIG, FL_E_PARSE for an empty result. */
int fl_cycle_strftime(struct fl_cycle cycle, const char *format, char *text, size_t size,
                      struct fl_err *reterr);
struct fl_cycle fl_cycle_add(struct fl_cycle cycle, struct fl_lead lead);
/* Date parts to an instant of the standard calendar; month 1-12. FL_E_PARSE when out of range. */
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
