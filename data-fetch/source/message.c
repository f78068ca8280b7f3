/* Checks of GRIB messages. */
#include "config.h"

#include "data-fetch/source/message.h"

#include <eccodes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/frame.h"
#include "data-fetch/source/ncep.h"

#include "engine/base/banned.h"

static int get_long(codes_handle *handle, const char *key, long *ret_value, struct fl_err *reterr)
{
    int rc = codes_get_long(handle, key, ret_value);

    if (rc != CODES_SUCCESS)
        return fl_err_set(reterr, FL_E_DATA, rc, "the message has no readable '%s': %s", key,
                          codes_get_error_message(rc));
    return 0;
}

/* Six date keys to an instant. */
static int get_date(codes_handle *handle, const char *const keys[6], struct fl_cycle *ret_time,
                    struct fl_err *reterr)
{
    long parts[6];

    for (size_t i = 0; i < FL_COUNT(parts); i++) {
        int rc = get_long(handle, keys[i], &parts[i], reterr);

        if (rc < 0)
            return rc;
    }
    if (fl_cycle_from_parts((int)parts[0], (int)parts[1], (int)parts[2], (int)parts[3],
                            (int)parts[4], (int)parts[5], ret_time, reterr) < 0)
        return fl_err_note(reterr, FL_E_DATA, "the time in the message");
    return 0;
}

/* Minutes of one unit of table 4.4, or 0 when it is none of the fixed ones. */
static int64_t unit_minutes(long unit)
{
    static const int64_t minutes[] = {1, 60, 1440};
    static const int64_t hours[] = {3, 6, 12};

    if (unit >= 0 && unit <= 2)
        return minutes[unit];
    if (unit >= 10 && unit <= 12)
        return hours[unit - 10] * 60;
    return 0;
}

/* Reference time, and the time that the field is valid at (the end of an interval). */
static int get_times(codes_handle *handle, struct fl_cycle *ret_cycle, struct fl_cycle *ret_valid,
                     struct fl_err *reterr)
{
    static const char *const reference[6] = {"year", "month", "day", "hour", "minute", "second"};
    static const char *const interval[6] = {
        "yearOfEndOfOverallTimeInterval",   "monthOfEndOfOverallTimeInterval",
        "dayOfEndOfOverallTimeInterval",    "hourOfEndOfOverallTimeInterval",
        "minuteOfEndOfOverallTimeInterval", "secondOfEndOfOverallTimeInterval"};
    long unit = 0;
    long ahead = 0;
    int rc = get_date(handle, reference, ret_cycle, reterr);

    if (rc < 0)
        return rc;
    if (codes_is_defined(handle, interval[0]))
        return get_date(handle, interval, ret_valid, reterr);
    rc = get_long(handle, "indicatorOfUnitOfTimeRange", &unit, reterr);
    if (rc == 0)
        rc = get_long(handle, "forecastTime", &ahead, reterr);
    if (rc < 0)
        return rc;
    if (unit == 13) {
        ret_valid->s = ret_cycle->s + ahead;
        return 0;
    }
    if (unit_minutes(unit) == 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "forecast time in unit %ld of table 4.4", unit);
    ret_valid->s = ret_cycle->s + ahead * unit_minutes(unit) * 60;
    return 0;
}

static int check_times(codes_handle *handle, const struct fl_message_want *want,
                       struct fl_err *reterr)
{
    struct fl_cycle cycle = {0};
    struct fl_cycle valid = {0};
    char found[FL_TIME_TEXT_MAX];
    char wanted[FL_TIME_TEXT_MAX];
    int rc = get_times(handle, &cycle, &valid, reterr);

    if (rc < 0)
        return rc;
    if (cycle.s != want->cycle.s) {
        fl_cycle_format(cycle, found);
        fl_cycle_format(want->cycle, wanted);
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "the message is of cycle %s; asked for was %s",
                          found, wanted);
    }
    if (valid.s != want->valid.s) {
        fl_cycle_format(valid, found);
        fl_cycle_format(want->valid, wanted);
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "the message is valid at %s; asked for was %s",
                          found, wanted);
    }
    return 0;
}

static int check_variable(codes_handle *handle, const char *name, struct fl_err *reterr)
{
    struct fl_ncep_variable want;
    long found[3] = {0};
    int rc;

    if (!fl_ncep_variable(name, &want))
        return 0; /* a name that we have no codes for: time and frame are what can be held */
    rc = get_long(handle, "discipline", &found[0], reterr);
    if (rc == 0)
        rc = get_long(handle, "parameterCategory", &found[1], reterr);
    if (rc == 0)
        rc = get_long(handle, "parameterNumber", &found[2], reterr);
    if (rc == 0 &&
        (found[0] != want.discipline || found[1] != want.category || found[2] != want.number))
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "the message has parameter %ld.%ld.%ld; '%s' is %d.%d.%d", found[0],
                          found[1], found[2], name, want.discipline, want.category, want.number);
    return rc;
}

static int surface_value(codes_handle *handle, const char *scale_key, const char *value_key,
                         double *ret_value, struct fl_err *reterr)
{
    long scale = 0;
    long value = 0;
    int rc = get_long(handle, scale_key, &scale, reterr);

    if (rc == 0)
        rc = get_long(handle, value_key, &value, reterr);
    if (rc == 0)
        *ret_value = (double)value * pow(10.0, -(double)scale);
    return rc;
}

static int check_level(codes_handle *handle, const char *text, struct fl_err *reterr)
{
    struct fl_ncep_level want;
    double value = 0;
    double second = 0;
    long type = 0;
    int rc;

    if (!fl_ncep_level(text, &want))
        return 0;
    rc = get_long(handle, "typeOfFirstFixedSurface", &type, reterr);
    if (rc == 0 && want.has_value)
        rc = surface_value(handle, "scaleFactorOfFirstFixedSurface",
                           "scaledValueOfFirstFixedSurface", &value, reterr);
    if (rc == 0 && want.has_second)
        rc = surface_value(handle, "scaleFactorOfSecondFixedSurface",
                           "scaledValueOfSecondFixedSurface", &second, reterr);
    if (rc < 0)
        return rc;
    if ((type != want.type && type != want.type_other) ||
        (want.has_value && fabs(value - want.value) > 1e-6 * fmax(1.0, fabs(want.value))) ||
        (want.has_second && fabs(second - want.second) > 1e-6 * fmax(1.0, fabs(want.second))))
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "the message is at surface type %ld, value %g; '%s' is type %d, value %g",
                          type, value, text, want.type, want.value);
    return 0;
}

static int check_values(codes_handle *handle, struct fl_err *reterr)
{
    size_t count = 0;
    double *values;
    int rc = codes_get_size(handle, "values", &count);

    if (rc == CODES_SUCCESS && count > FL_MESSAGE_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "a field of %zu points", count);
    values = rc == CODES_SUCCESS ? calloc(count ? count : 1, sizeof(*values)) : NULL;
    if (rc == CODES_SUCCESS && !values)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a field of %zu points", count);
    if (rc == CODES_SUCCESS)
        rc = codes_get_double_array(handle, "values", values, &count);
    free(values);
    if (rc != CODES_SUCCESS)
        return fl_err_set(reterr, FL_E_DATA, rc, "the field's values cannot be decoded: %s",
                          codes_get_error_message(rc));
    return 0;
}

struct check {
    const struct fl_message_want *want;
};

/* One field against each wanted line of its number. */
static int check_field(const void *data, size_t size, uint32_t field, struct fl_err *reterr,
                       void *arg)
{
    const struct fl_message_want *want = ((struct check *)arg)->want;
    codes_handle *handle = codes_handle_new_from_message(NULL, data, size);
    int rc;

    if (!handle)
        return fl_err_set(reterr, FL_E_DATA, 0, "field %u of the message cannot be decoded", field);
    rc = check_times(handle, want, reterr);
    for (size_t i = 0; i < want->count && rc == 0; i++) {
        const struct fl_plan_field *line = &want->fields[i];

        if (line->field != field && !(line->field == 0 && field == 1))
            continue;
        rc = check_variable(handle, line->variable, reterr);
        if (rc == 0)
            rc = check_level(handle, line->level, reterr);
    }
    if (rc == 0)
        rc = check_values(handle, reterr);
    if (codes_handle_delete(handle) != CODES_SUCCESS && rc == 0)
        rc = fl_err_set(reterr, FL_E_BUG, 0, "a GRIB handle could not be released");
    return rc;
}

static uint32_t highest_field(const struct fl_message_want *want)
{
    uint32_t highest = 1;

    for (size_t i = 0; i < want->count; i++)
        highest = want->fields[i].field > highest ? want->fields[i].field : highest;
    return highest;
}

int fl_message_check(const void *data, size_t size, const struct fl_message_want *want,
                     struct fl_err *reterr)
{
    struct check check = {.want = want};
    uint32_t fields = 0;
    int rc;

    fl_assert(data);
    fl_assert(want);
    rc = fl_frame_check(data, size, reterr);
    if (rc == 0)
        rc = fl_frame_fields(data, size, check_field, &fields, reterr, &check);
    if (rc == 0 && fields < highest_field(want))
        rc = fl_err_set(reterr, FL_E_MISMATCH, 0,
                        "the message holds %u fields; the index names field %u", fields,
                        highest_field(want));
    return rc;
}
