/* Dates to instants and back, by counting days in each calendar. */
#include "config.h"

#include "engine/base/time.h"

#include <string.h>

#include "engine/base/banned.h"

#define DAY_S 86400
#define STANDARD_YEAR_MIN 1900
#define STANDARD_YEAR_MAX 2199
#define MODEL_YEAR_MIN 1
#define MODEL_YEAR_MAX 9999

static const char *const calendar_names[FL_CALENDAR_COUNT] = {"standard", "360_day", "noleap"};

static const int noleap_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

const char *fl_calendar_name(enum fl_calendar calendar)
{
    fl_assert(calendar < FL_CALENDAR_COUNT);
    return calendar_names[calendar];
}

int fl_calendar_parse(const char *text, enum fl_calendar *ret_calendar, struct fl_err *reterr)
{
    for (int i = 0; i < FL_CALENDAR_COUNT; i++) {
        if (strcmp(calendar_names[i], text) == 0) {
            *ret_calendar = (enum fl_calendar)i;
            return 0;
        }
    }
    return fl_err_set(reterr, FL_E_PARSE, 0,
                      "'%.40s' is not a calendar; accepted: standard, 360_day, noleap", text);
}

/* Rounds down, also below zero. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

enum fl_calendar fl_cycle_calendar(struct fl_cycle cycle)
{
    int64_t calendar = floor_div(cycle.s + FL_CALENDAR_SPAN / 2, FL_CALENDAR_SPAN);

    fl_assert(calendar >= 0);
    fl_assert(calendar < FL_CALENDAR_COUNT);
    return (enum fl_calendar)calendar;
}

static int64_t own_seconds(struct fl_cycle cycle)
{
    return cycle.s - (int64_t)fl_cycle_calendar(cycle) * FL_CALENDAR_SPAN;
}

int64_t fl_cycle_day(struct fl_cycle cycle)
{
    return floor_div(own_seconds(cycle), DAY_S);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int fl_calendar_month_days(enum fl_calendar calendar, int year, int month)
{
    fl_assert(month >= 1);
    fl_assert(month <= 12);
    if (calendar == FL_CALENDAR_360_DAY)
        return 30;
    if (calendar == FL_CALENDAR_STANDARD && month == 2 && is_leap(year))
        return 29;
    return noleap_before[month] - noleap_before[month - 1];
}

/* Days from 1970-01-01 to a civil date: era of 400 years, year starting in March. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    int64_t y = year - (month <= 2 ? 1 : 0);
    int64_t era = floor_div(y, 400);
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t days, struct fl_date *date)
{
    int64_t z = days + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;

    date->day = (int)(doy - (153 * mp + 2) / 5 + 1);
    date->month = (int)(mp < 10 ? mp + 3 : mp - 9);
    date->year = (int)(yoe + era * 400 + (date->month <= 2 ? 1 : 0));
}

static int64_t days_of(enum fl_calendar calendar, const struct fl_date *d)
{
    switch (calendar) {
    case FL_CALENDAR_STANDARD:
        return days_from_civil(d->year, d->month, d->day);
    case FL_CALENDAR_360_DAY:
        return (int64_t)(d->year - 1970) * 360 + (d->month - 1) * 30 + d->day - 1;
    case FL_CALENDAR_NOLEAP:
        return (int64_t)(d->year - 1970) * 365 + noleap_before[d->month - 1] + d->day - 1;
    }
    fl_assert(false);
    return 0;
}

static void date_of_days(enum fl_calendar calendar, int64_t days, struct fl_date *date)
{
    int64_t rest;

    switch (calendar) {
    case FL_CALENDAR_STANDARD:
        civil_from_days(days, date);
        return;
    case FL_CALENDAR_360_DAY:
        rest = days - floor_div(days, 360) * 360;
        date->year = (int)(1970 + floor_div(days, 360));
        date->month = (int)(rest / 30 + 1);
        date->day = (int)(rest % 30 + 1);
        return;
    case FL_CALENDAR_NOLEAP:
        rest = days - floor_div(days, 365) * 365;
        date->year = (int)(1970 + floor_div(days, 365));
        for (date->month = 1; noleap_before[date->month] <= rest; date->month++)
            ;
        date->day = (int)(rest - noleap_before[date->month - 1] + 1);
        return;
    }
    fl_assert(false);
}

void fl_cycle_date(struct fl_cycle cycle, struct fl_date *ret_date)
{
    int64_t days = fl_cycle_day(cycle);
    int64_t rest = own_seconds(cycle) - days * DAY_S;

    date_of_days(fl_cycle_calendar(cycle), days, ret_date);
    ret_date->hour = (int)(rest / 3600);
    ret_date->minute = (int)(rest / 60 % 60);
    ret_date->second = (int)(rest % 60);
}

static int year_min(enum fl_calendar calendar)
{
    return calendar == FL_CALENDAR_STANDARD ? STANDARD_YEAR_MIN : MODEL_YEAR_MIN;
}

static int year_max(enum fl_calendar calendar)
{
    return calendar == FL_CALENDAR_STANDARD ? STANDARD_YEAR_MAX : MODEL_YEAR_MAX;
}

int fl_cycle_from_date(enum fl_calendar calendar, const struct fl_date *d,
                       struct fl_cycle *ret_cycle, struct fl_err *reterr)
{
    if (d->year < year_min(calendar) || d->year > year_max(calendar) || d->month < 1 ||
        d->month > 12 || d->day < 1 ||
        d->day > fl_calendar_month_days(calendar, d->year, d->month) || d->hour < 0 ||
        d->hour > 23 || d->minute < 0 || d->minute > 59 || d->second < 0 || d->second > 59)
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "no such time in the %s calendar: %04d-%02d-%02dT%02d:%02d:%02dZ (years "
                          "%d to %d)",
                          calendar == FL_CALENDAR_STANDARD ? "UTC" : fl_calendar_name(calendar),
                          d->year, d->month, d->day, d->hour, d->minute, d->second,
                          year_min(calendar), year_max(calendar));
    ret_cycle->s = (int64_t)calendar * FL_CALENDAR_SPAN + days_of(calendar, d) * DAY_S +
                   d->hour * 3600 + d->minute * 60 + d->second;
    return 0;
}

int fl_cycle_from_parts(int year, int month, int day, int hour, int minute, int second,
                        struct fl_cycle *ret_cycle, struct fl_err *reterr)
{
    return fl_cycle_from_date(FL_CALENDAR_STANDARD,
                              &(struct fl_date){year, month, day, hour, minute, second}, ret_cycle,
                              reterr);
}

bool fl_cycle_in_range(struct fl_cycle cycle)
{
    int64_t calendar = floor_div(cycle.s + FL_CALENDAR_SPAN / 2, FL_CALENDAR_SPAN);
    struct fl_date date;

    if (calendar < 0 || calendar >= FL_CALENDAR_COUNT)
        return false;
    fl_cycle_date(cycle, &date);
    return date.year >= year_min((enum fl_calendar)calendar) &&
           date.year <= year_max((enum fl_calendar)calendar);
}
