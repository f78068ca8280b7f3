/* Texts of times, durations and leads; no C library time zone is touched. */
#include "config.h"

#include "engine/base/time.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/banned.h"

#define LEAD_MINUTES_MAX (100000 * 60)
#define DURATION_SECONDS_MAX ((int64_t)400 * 366 * 86400)

/* Reads exactly count digits. */
static bool take_digits(const char **at, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)**at))
            return false;
        *value = *value * 10 + (**at - '0');
        (*at)++;
    }
    return true;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool cycle_scan(const char *at, int part[6])
{
    bool extended;

    if (!take_digits(&at, 4, &part[0]))
        return false;
    extended = take_char(&at, '-');
    if (!take_digits(&at, 2, &part[1]) || (extended && !take_char(&at, '-')) ||
        !take_digits(&at, 2, &part[2]) || !take_char(&at, 'T') || !take_digits(&at, 2, &part[3]) ||
        (extended && !take_char(&at, ':')) || !take_digits(&at, 2, &part[4]))
        return false;
    part[5] = 0;
    if (*at != 'Z') {
        if ((extended && !take_char(&at, ':')) || !take_digits(&at, 2, &part[5]))
            return false;
    }
    return take_char(&at, 'Z') && *at == '\0';
}

int fl_cycle_parse_in(const char *text, enum fl_calendar calendar, struct fl_cycle *ret_cycle,
                      struct fl_err *reterr)
{
    int p[6];

    fl_assert(text);
    fl_assert(ret_cycle);
    if (!cycle_scan(text, p))
        return fl_err_set(
            reterr, FL_E_PARSE, 0,
            "'%.40s' is not a UTC time; accepted: 20261124T0000Z or 2026-11-24T00:00Z", text);
    return fl_cycle_from_date(calendar, &(struct fl_date){p[0], p[1], p[2], p[3], p[4], p[5]},
                              ret_cycle, reterr);
}

int fl_cycle_parse(const char *text, struct fl_cycle *ret_cycle, struct fl_err *reterr)
{
    return fl_cycle_parse_in(text, FL_CALENDAR_STANDARD, ret_cycle, reterr);
}

void fl_cycle_format(struct fl_cycle cycle, char text[static FL_TIME_TEXT_MAX])
{
    char seconds[4] = "";
    struct fl_date d;

    fl_cycle_date(cycle, &d);
    if (d.second)
        (void)snprintf(seconds, sizeof(seconds), "%02u", (unsigned)d.second % 100);
    (void)snprintf(text, FL_TIME_TEXT_MAX, "%04d%02d%02dT%02d%02d%sZ", d.year, d.month, d.day,
                   d.hour, d.minute, seconds);
}

void fl_cycle_format_extended(struct fl_cycle cycle, char text[static FL_TIME_TEXT_MAX])
{
    struct fl_date d;

    fl_cycle_date(cycle, &d);
    (void)snprintf(text, FL_TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02dZ", d.year, d.month, d.day,
                   d.hour, d.minute, d.second);
}

static void broken_down(struct fl_cycle cycle, struct tm *tm)
{
    enum fl_calendar calendar = fl_cycle_calendar(cycle);
    struct fl_cycle year_start;
    struct fl_date d;
    int64_t days = fl_cycle_day(cycle);

    fl_cycle_date(cycle, &d);
    memset(tm, 0, sizeof(*tm));
    tm->tm_year = d.year - 1900;
    tm->tm_mon = d.month - 1;
    tm->tm_mday = d.day;
    tm->tm_hour = d.hour;
    tm->tm_min = d.minute;
    tm->tm_sec = d.second;
    tm->tm_wday = (int)(((days % 7) + 11) % 7); /* 1970-01-01 was a Thursday */
    if (fl_cycle_from_date(calendar, &(struct fl_date){d.year, 1, 1, 0, 0, 0}, &year_start, NULL) ==
        0)
        tm->tm_yday = (int)(days - fl_cycle_day(year_start));
}

int fl_cycle_strftime(struct fl_cycle cycle, const char *format, char *text, size_t size,
                      struct fl_err *reterr)
{
    struct tm tm;

    broken_down(cycle, &tm);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
    "-Wformat-nonliteral" /* the format is a user's pattern by design; output is bounded */
    if (strftime(text, size, format, &tm) == 0)
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "time format '%.80s' gives nothing, or more than %zu bytes", format,
                          size);
#pragma GCC diagnostic pop
    return 0;
}

struct fl_cycle fl_cycle_add(struct fl_cycle cycle, struct fl_lead lead)
{
    return (struct fl_cycle){.s = cycle.s + (int64_t)lead.minutes * 60};
}

static bool duration_scan(const char *at, int64_t *total, bool *ret_long)
{
    bool in_time = false;
    bool any = false;

    if (!take_char(&at, 'P'))
        return false;
    while (*at) {
        int64_t unit = 0;
        char *end = NULL;
        long value;

        if (*at == 'T' && !in_time) {
            in_time = true;
            at++;
            continue;
        }
        if (!isdigit((unsigned char)*at))
            return false;
        value = strtol(at, &end, 10);
        if (value > 1000000000L) {
            *ret_long = true;
            value = 0;
        }
        at = end;
        switch (*at) {
        case 'W':
            unit = in_time ? 0 : 7 * 86400;
            break;
        case 'D':
            unit = in_time ? 0 : 86400;
            break;
        case 'H':
            unit = in_time ? 3600 : 0;
            break;
        case 'M':
            unit = in_time ? 60 : 0;
            break;
        case 'S':
            unit = in_time ? 1 : 0;
            break;
        default:
            return false;
        }
        if (unit == 0)
            return false;
        *total += value * unit;
        if (*total > DURATION_SECONDS_MAX) {
            *ret_long = true;
            *total = 0;
        }
        any = true;
        at++;
    }
    return any;
}

int fl_duration_parse(const char *text, int64_t *ret_seconds, struct fl_err *reterr)
{
    const char *at = text;
    int64_t total = 0;
    bool too_long = false;
    int sign = 1;

    fl_assert(text);
    fl_assert(ret_seconds);
    if (*at == '+' || *at == '-')
        sign = *at++ == '-' ? -1 : 1;
    if (!duration_scan(at, &total, &too_long))
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "'%.40s' is not a duration; accepted: PT6H, P1DT12H, PT90S", text);
    if (too_long)
        return fl_err_set(reterr, FL_E_PARSE, 0, "'%.40s' is too long; accepted: up to P%lldD",
                          text, (long long)(DURATION_SECONDS_MAX / 86400));
    *ret_seconds = sign * total;
    return 0;
}

void fl_duration_format(int64_t seconds, char text[static FL_TIME_TEXT_MAX])
{
    int64_t s = seconds < 0 ? -seconds : seconds;
    char days[24] = "";
    char parts[3][24] = {"", "", ""};
    const int64_t value[3] = {s / 3600 % 24, s / 60 % 60, s % 60};

    if (s / 86400)
        (void)snprintf(days, sizeof(days), "%lldD", (long long)(s / 86400));
    for (int i = 0; i < 3; i++) {
        if (value[i] || (s == 0 && i == 2))
            (void)snprintf(parts[i], sizeof(parts[i]), "%d%c", (int)value[i], "HMS"[i]);
    }
    (void)snprintf(text, FL_TIME_TEXT_MAX, "%sP%s%s%s%s%s", seconds < 0 ? "-" : "", days,
                   parts[0][0] || parts[1][0] || parts[2][0] ? "T" : "", parts[0], parts[1],
                   parts[2]);
}

int fl_lead_parse(const char *text, struct fl_lead *ret_lead, struct fl_err *reterr)
{
    const char *at = text;
    char *end = NULL;
    int sign = 1;
    int minutes = 0;
    int64_t seconds;
    long hours;

    fl_assert(text);
    fl_assert(ret_lead);
    if (*at == '+' || *at == '-')
        sign = *at++ == '-' ? -1 : 1;
    if (*at == 'P') {
        int rc = fl_duration_parse(text, &seconds, reterr);

        if (rc < 0)
            return rc;
        if (seconds % 60 || seconds / 60 > LEAD_MINUTES_MAX || seconds / 60 < -LEAD_MINUTES_MAX)
            return fl_err_set(reterr, FL_E_PARSE, 0,
                              "lead '%.40s' is not whole minutes within %d hours", text,
                              LEAD_MINUTES_MAX / 60);
        ret_lead->minutes = (int32_t)(seconds / 60);
        return 0;
    }
    hours = isdigit((unsigned char)*at) ? strtol(at, &end, 10) : -1;
    if (hours < 0 || hours > LEAD_MINUTES_MAX / 60)
        goto bad;
    at = end;
    if (take_char(&at, ':') && (!take_digits(&at, 2, &minutes) || minutes > 59))
        goto bad;
    if (*at)
        goto bad;
    ret_lead->minutes = (int32_t)(sign * (hours * 60 + minutes));
    return 0;
bad:
    return fl_err_set(reterr, FL_E_PARSE, 0, "'%.40s' is not a lead; accepted: +006, +006:10, PT6H",
                      text);
}

/* At least three digits; gives the place behind them. Hours and minutes of a lead are formatted for
 * each event, so by hand. */
static char *put_hours(char *at, int hours)
{
    char digits[12];
    int count = 0;

    while (hours > 0 || count < 3) {
        digits[count++] = (char)('0' + hours % 10);
        hours /= 10;
    }
    while (count > 0)
        *at++ = digits[--count];
    *at = '\0';
    return at;
}

static void put_minutes(char *at, char mark, int minutes)
{
    at[0] = mark;
    at[1] = (char)('0' + minutes / 10);
    at[2] = (char)('0' + minutes % 10);
    at[3] = '\0';
}

void fl_lead_format(struct fl_lead lead, char text[static FL_TIME_TEXT_MAX])
{
    int minutes = lead.minutes < 0 ? -lead.minutes : lead.minutes;
    char *at;

    text[0] = lead.minutes < 0 ? '-' : '+';
    at = put_hours(text + 1, minutes / 60);
    if (minutes % 60)
        put_minutes(at, ':', minutes % 60);
}

void fl_lead_format_file(struct fl_lead lead, char text[static FL_TIME_TEXT_MAX])
{
    char *at;

    fl_assert(lead.minutes >= 0);
    text[0] = 'f';
    at = put_hours(text + 1, lead.minutes / 60);
    if (lead.minutes % 60)
        put_minutes(at, 'm', lead.minutes % 60);
}

/* The step: hours, or HHH:MM, or a duration; more than nothing. */
static int step_parse(const char *text, int32_t *ret_minutes, struct fl_err *reterr)
{
    struct fl_lead step;
    int rc = fl_lead_parse(text, &step, reterr);

    if (rc < 0)
        return rc;
    if (step.minutes <= 0)
        return fl_err_set(reterr, FL_E_PARSE, 0, "step '%.40s' of a set of leads must be positive",
                          text);
    *ret_minutes = step.minutes;
    return 0;
}

int fl_leads_parse(const char *text, struct fl_leads *ret_leads, struct fl_err *reterr)
{
    char copy[96];
    char *slash[2];
    struct fl_leads leads;
    int rc;

    fl_assert(text);
    fl_assert(ret_leads);
    if (strlen(text) >= sizeof(copy))
        return fl_err_set(reterr, FL_E_PARSE, 0, "'%.40s…' is too long for a set of leads", text);
    memcpy(copy, text, strlen(text) + 1);
    slash[0] = strchr(copy, '/');
    if (!slash[0]) {
        rc = fl_lead_parse(copy, &leads.first, reterr);
        if (rc < 0)
            return rc;
        leads.last = leads.first;
        leads.step_minutes = 60;
        *ret_leads = leads;
        return 0;
    }
    slash[1] = strchr(slash[0] + 1, '/');
    if (!slash[1])
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "'%.40s' is not a set of leads; accepted: +000/+048/3 or +006", text);
    *slash[0] = *slash[1] = '\0';
    rc = fl_lead_parse(copy, &leads.first, reterr);
    if (rc == 0)
        rc = fl_lead_parse(slash[0] + 1, &leads.last, reterr);
    if (rc == 0)
        rc = step_parse(slash[1] + 1, &leads.step_minutes, reterr);
    if (rc < 0)
        return rc;
    if (leads.last.minutes < leads.first.minutes ||
        (leads.last.minutes - leads.first.minutes) % leads.step_minutes)
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "leads '%.40s': the last must be the first plus a multiple of the step",
                          text);
    if (fl_leads_count(&leads) > FL_LEADS_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "leads '%.40s' has %zu members; the limit is %d",
                          text, fl_leads_count(&leads), FL_LEADS_MAX);
    *ret_leads = leads;
    return 0;
}

size_t fl_leads_count(const struct fl_leads *leads)
{
    return (size_t)((leads->last.minutes - leads->first.minutes) / leads->step_minutes) + 1;
}

struct fl_lead fl_leads_at(const struct fl_leads *leads, size_t index)
{
    fl_assert(index < fl_leads_count(leads));
    return (struct fl_lead){.minutes = leads->first.minutes + (int32_t)index * leads->step_minutes};
}

int64_t fl_leads_find(const struct fl_leads *leads, struct fl_lead lead)
{
    int32_t offset = lead.minutes - leads->first.minutes;

    if (offset < 0 || lead.minutes > leads->last.minutes || offset % leads->step_minutes)
        return -1;
    return offset / leads->step_minutes;
}

void fl_leads_format(const struct fl_leads *leads, char *text, size_t size)
{
    char first[FL_TIME_TEXT_MAX];
    char last[FL_TIME_TEXT_MAX];
    char step[FL_TIME_TEXT_MAX];

    fl_lead_format(leads->first, first);
    fl_lead_format(leads->last, last);
    fl_lead_format((struct fl_lead){.minutes = leads->step_minutes}, step);
    if (leads->first.minutes == leads->last.minutes)
        (void)snprintf(text, size, "%s", first);
    else
        (void)snprintf(text, size, "%s/%s/%s", first, last, step + 1);
}
