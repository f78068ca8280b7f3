/* Recurrences: the text, and the arithmetic. Each point is counted from the anchor, so that month
 * ends do not drift; searching is by halving, for any period. */
#include "config.h"

#include "engine/base/recurrence.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

#define PERIOD_YEARS_MAX 400
#define PERIOD_SECONDS_MAX ((int64_t)PERIOD_YEARS_MAX * 366 * 86400)
#define NUMBER_MAX INT64_C(1000000000000)
#define COUNT_MAX INT64_C(1000000000)

static int refuse_period(const char *text, const char *what, struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_PARSE, 0,
                      "period '%.60s' %s; accepted: PT6H, P1D, P1M, P1Y (up to %d years)", text,
                      what, PERIOD_YEARS_MAX);
}

/* One number and its letter. NULL, or what is wrong. */
static const char *take_part(const char **at, bool in_time, struct fl_period *period)
{
    static const struct {
        char letter;
        bool in_time;
        int64_t months;
        int64_t seconds;
    } units[] = {{'Y', false, 12, 0},    {'M', false, 1, 0},   {'W', false, 0, 7 * 86400},
                 {'D', false, 0, 86400}, {'H', true, 0, 3600}, {'M', true, 0, 60},
                 {'S', true, 0, 1}};
    int64_t value = 0;

    if (!isdigit((unsigned char)**at))
        return "is not a period";
    for (; isdigit((unsigned char)**at); (*at)++) {
        value = value * 10 + (**at - '0');
        if (value > NUMBER_MAX)
            return "is too long";
    }
    for (size_t i = 0; i < FL_COUNT(units); i++) {
        if (units[i].letter != **at || units[i].in_time != in_time)
            continue;
        (*at)++;
        period->months += value * units[i].months;
        period->seconds += value * units[i].seconds;
        return period->months > PERIOD_YEARS_MAX * 12 || period->seconds > PERIOD_SECONDS_MAX
                   ? "is too long"
                   : NULL;
    }
    return "is not a period";
}

int fl_period_parse(const char *text, struct fl_period *ret_period, struct fl_err *reterr)
{
    struct fl_period period = {0, 0};
    const char *wrong = NULL;
    const char *at = text;
    bool in_time = false;
    bool any = false;

    fl_assert(text);
    fl_assert(ret_period);
    if (*at == '-')
        return refuse_period(text, "is negative", reterr);
    if (*at == '+')
        at++;
    if (*at++ != 'P')
        return refuse_period(text, "is not a period", reterr);
    while (*at && !wrong) {
        if (*at == 'T' && !in_time && at[1]) {
            in_time = true;
            at++;
        }
        wrong = take_part(&at, in_time, &period);
        any = true;
    }
    if (!wrong && !any)
        wrong = "is not a period";
    if (!wrong && period.months == 0 && period.seconds == 0)
        wrong = "is zero";
    if (wrong)
        return refuse_period(text, wrong, reterr);
    *ret_period = period;
    return 0;
}

void fl_period_format(const struct fl_period *period, char text[static FL_RECURRENCE_TEXT_MAX])
{
    char rest[FL_TIME_TEXT_MAX] = "P";
    char years[24] = "";
    char months[24] = "";

    if (period->seconds || period->months == 0)
        fl_duration_format(period->seconds, rest);
    if (period->months / 12)
        (void)snprintf(years, sizeof(years), "%lldY", (long long)(period->months / 12));
    if (period->months % 12)
        (void)snprintf(months, sizeof(months), "%lldM", (long long)(period->months % 12));
    (void)snprintf(text, FL_RECURRENCE_TEXT_MAX, "P%s%s%s", years, months, rest + 1);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* False outside the years of the calendar. */
static bool add_months(struct fl_cycle *cycle, int64_t months)
{
    enum fl_calendar calendar = fl_cycle_calendar(*cycle);
    struct fl_date date;
    int64_t at;
    int64_t year;
    int days;

    fl_cycle_date(*cycle, &date);
    if (__builtin_add_overflow((int64_t)date.year * 12 + date.month - 1, months, &at))
        return false;
    year = floor_div(at, 12);
    if (year < 0 || year > 100000)
        return false;
    date.year = (int)year;
    date.month = (int)(at - year * 12) + 1;
    days = fl_calendar_month_days(calendar, date.year, date.month);
    if (date.day > days)
        date.day = days;
    return fl_cycle_from_date(calendar, &date, cycle, NULL) == 0;
}

static bool add_period(struct fl_cycle cycle, const struct fl_period *period, int64_t times,
                       struct fl_cycle *ret_cycle)
{
    enum fl_calendar calendar = fl_cycle_calendar(cycle);
    int64_t months;
    int64_t seconds;

    if (__builtin_mul_overflow(period->months, times, &months) ||
        __builtin_mul_overflow(period->seconds, times, &seconds))
        return false;
    if (months && !add_months(&cycle, months))
        return false;
    if (seconds > FL_CALENDAR_SPAN / 4 || seconds < -FL_CALENDAR_SPAN / 4)
        return false; /* longer than any calendar's years */
    cycle.s += seconds;
    if (!fl_cycle_in_range(cycle) || fl_cycle_calendar(cycle) != calendar)
        return false;
    *ret_cycle = cycle;
    return true;
}

int fl_cycle_add_period(struct fl_cycle cycle, const struct fl_period *period, int64_t times,
                        struct fl_cycle *ret_cycle, struct fl_err *reterr)
{
    char at[FL_TIME_TEXT_MAX];
    char length[FL_RECURRENCE_TEXT_MAX];

    if (add_period(cycle, period, times, ret_cycle))
        return 0;
    fl_cycle_format(cycle, at);
    fl_period_format(period, length);
    return fl_err_set(reterr, FL_E_TOO_BIG, 0,
                      "%s and %lld times %s lies outside the years of the calendar", at,
                      (long long)times, length);
}

bool fl_recurrence_nth(const struct fl_recurrence *r, int64_t index, struct fl_cycle *ret_cycle)
{
    int64_t times;

    if (index < 0 || (r->count && index >= r->count) ||
        __builtin_add_overflow(r->first, index, &times))
        return false;
    return add_period(r->anchor, &r->period, times, ret_cycle);
}

/* Index of the first point that is not before (or, with after, that is after) cycle; the number of
 * points when there is none. */
static int64_t bound(const struct fl_recurrence *r, struct fl_cycle cycle, bool after)
{
    int64_t low = 0;
    int64_t high = r->count ? r->count : FL_CALENDAR_SPAN;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        struct fl_cycle at;

        if (!fl_recurrence_nth(r, middle, &at) || at.s > cycle.s || (!after && at.s == cycle.s))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int64_t fl_recurrence_at_or_after(const struct fl_recurrence *r, struct fl_cycle cycle)
{
    int64_t index = bound(r, cycle, false);
    struct fl_cycle at;

    return fl_recurrence_nth(r, index, &at) ? index : -1;
}

int64_t fl_recurrence_at_or_before(const struct fl_recurrence *r, struct fl_cycle cycle)
{
    return bound(r, cycle, true) - 1;
}

int64_t fl_recurrence_find(const struct fl_recurrence *r, struct fl_cycle cycle)
{
    int64_t index = bound(r, cycle, false);
    struct fl_cycle at;

    return fl_recurrence_nth(r, index, &at) && at.s == cycle.s ? index : -1;
}

int fl_recurrence_check(const struct fl_recurrence *r, struct fl_cycle cycle, struct fl_err *reterr)
{
    int64_t after = fl_recurrence_at_or_after(r, cycle);
    int64_t before = fl_recurrence_at_or_before(r, cycle);
    char rule[FL_RECURRENCE_TEXT_MAX];
    char near[2][FL_TIME_TEXT_MAX];
    char asked[FL_TIME_TEXT_MAX];
    struct fl_cycle at;

    if (fl_cycle_calendar(cycle) == fl_cycle_calendar(r->anchor) && after >= 0 && after == before)
        return 0;
    fl_cycle_format(cycle, asked);
    fl_recurrence_format(r, rule);
    if (before >= 0 && fl_recurrence_nth(r, before, &at))
        fl_cycle_format(at, near[0]);
    if (after >= 0 && fl_recurrence_nth(r, after, &at))
        fl_cycle_format(at, near[1]);
    if (after < 0 || before < 0)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "cycle %s is %s the recurrence %s, whose %s point is %s", asked,
                          after < 0 ? "after" : "before", rule, after < 0 ? "last" : "first",
                          near[after < 0 ? 0 : 1]);
    return fl_err_set(reterr, FL_E_REFUSED, 0,
                      "cycle %s is not on the recurrence %s; the nearest points are %s and %s",
                      asked, rule, near[0], near[1]);
}

static int refuse(const char *text, const char *what, struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_PARSE, 0,
                      "recurrence '%.100s' %s; accepted: R/20261124T0000Z/PT6H, "
                      "R10/20261124T0000Z/P1M, R4/20261124T0000Z/20261124T0600Z, "
                      "R4/PT6H/20261125T0000Z",
                      text, what);
}

/* "R", "R5". */
static const char *read_count(const char *text, int64_t *ret_count)
{
    int64_t count = 0;

    if (*text++ != 'R')
        return "does not begin with R";
    if (*text == '-')
        return "has a negative number of points";
    for (const char *at = text; *at; at++) {
        if (!isdigit((unsigned char)*at))
            return "has no number after R";
        count = count * 10 + (*at - '0');
        if (count > COUNT_MAX)
            return "has too many points (1,000,000,000 at most)";
    }
    if (*text && count == 0)
        return "has no points";
    *ret_count = count;
    return NULL;
}

static bool is_period(const char *text)
{
    return *text == 'P' || *text == '-' || *text == '+';
}

/* Moves the first point of a rule that is counted back from its end. */
static int begin_from(const char *text, const struct fl_cycle *from, struct fl_recurrence *r,
                      struct fl_err *reterr)
{
    int64_t low = -FL_CALENDAR_SPAN;
    int64_t high = 0;
    struct fl_cycle at;

    if (!from)
        return refuse(text, "has no first point (give the number of points, or `from`)", reterr);
    if (fl_cycle_calendar(*from) != fl_cycle_calendar(r->anchor) || from->s > r->anchor.s)
        return refuse(text, "ends before it begins", reterr);
    while (low < high) { /* the least number of periods that is not before from */
        int64_t middle = low + (high - low) / 2;

        if (add_period(r->anchor, &r->period, middle, &at) && at.s >= from->s)
            high = middle;
        else
            low = middle + 1;
    }
    r->first = low;
    r->count = 1 - low;
    return 0;
}

/* The two parts after R[n]/. */
static int read_parts(const char *text, const char *a, const char *b, enum fl_calendar calendar,
                      const struct fl_cycle *from, struct fl_recurrence *r, struct fl_err *reterr)
{
    struct fl_cycle end;
    int rc;

    if (is_period(a) && is_period(b))
        return refuse(text, "has two periods and no point", reterr);
    if (is_period(a)) {
        rc = fl_period_parse(a, &r->period, reterr);
        if (rc == 0)
            rc = fl_cycle_parse_in(b, calendar, &r->anchor, reterr);
        if (rc < 0 || r->count)
            r->first = 1 - r->count;
        else
            rc = begin_from(text, from, r, reterr);
        return rc;
    }
    rc = fl_cycle_parse_in(a, calendar, &r->anchor, reterr);
    if (rc < 0)
        return rc;
    if (is_period(b))
        return fl_period_parse(b, &r->period, reterr);
    rc = fl_cycle_parse_in(b, calendar, &end, reterr);
    if (rc < 0)
        return rc;
    if (end.s <= r->anchor.s)
        return refuse(text, "has a second point that is not after the first", reterr);
    if (end.s - r->anchor.s > PERIOD_SECONDS_MAX)
        return refuse(text, "has a period of more than 400 years", reterr);
    r->period = (struct fl_period){0, end.s - r->anchor.s};
    return 0;
}

static int read_rule(const char *text, enum fl_calendar calendar, const struct fl_cycle *from,
                     struct fl_recurrence *r, struct fl_err *reterr)
{
    char copy[FL_RECURRENCE_TEXT_MAX];
    const char *wrong;
    char *a;
    char *b;

    if (strlen(text) >= sizeof(copy))
        return refuse(text, "is too long", reterr);
    memcpy(copy, text, strlen(text) + 1);
    a = strchr(copy, '/');
    b = a ? strchr(a + 1, '/') : NULL;
    if (!b || strchr(b + 1, '/'))
        return refuse(text, "does not have three parts", reterr);
    *a++ = '\0';
    *b++ = '\0';
    wrong = read_count(copy, &r->count);
    return wrong ? refuse(text, wrong, reterr) : read_parts(text, a, b, calendar, from, r, reterr);
}

int fl_recurrence_parse(const char *text, enum fl_calendar calendar, const struct fl_cycle *from,
                        struct fl_recurrence *ret_recurrence, struct fl_err *reterr)
{
    struct fl_recurrence r = {0};
    struct fl_cycle at;
    int rc;

    fl_assert(text);
    fl_assert(ret_recurrence);
    if (is_period(text) && from) {
        r.anchor = *from;
        rc = fl_period_parse(text, &r.period, reterr);
    } else if (is_period(text)) {
        return refuse(text, "has no first point (R/START/PERIOD gives one)", reterr);
    } else {
        rc = read_rule(text, calendar, from, &r, reterr);
    }
    if (rc < 0 && reterr && strncmp(reterr->text, "recurrence '", strlen("recurrence '")) == 0)
        return rc; /* it is named already */
    if (rc < 0)
        return fl_err_note(reterr, rc, "recurrence '%.100s'", text);
    if (r.count > COUNT_MAX) /* counted back from the end to the first point */
        return refuse(text, "has too many points (1,000,000,000 at most)", reterr);
    if (!fl_recurrence_nth(&r, 0, &at) || (r.count && !fl_recurrence_nth(&r, r.count - 1, &at)))
        return refuse(text, "goes beyond the years of the calendar", reterr);
    *ret_recurrence = r;
    return 0;
}

void fl_recurrence_format(const struct fl_recurrence *r, char text[static FL_RECURRENCE_TEXT_MAX])
{
    char period[FL_RECURRENCE_TEXT_MAX];
    char anchor[FL_TIME_TEXT_MAX];
    char count[24] = "";

    fl_period_format(&r->period, period);
    fl_cycle_format(r->anchor, anchor);
    if (r->count)
        (void)snprintf(count, sizeof(count), "%lld", (long long)r->count);
    if (r->first)
        (void)snprintf(text, FL_RECURRENCE_TEXT_MAX, "R%s/%.60s/%s", count, period, anchor);
    else
        (void)snprintf(text, FL_RECURRENCE_TEXT_MAX, "R%s/%s/%.60s", count, anchor, period);
}
