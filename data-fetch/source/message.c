/* Checks of GRIB messages. */
#include "config.h"

#include "data-fetch/source/message.h"

#include <eccodes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/frame.h"
#include "data-fetch/source/message_line.h"

#include "engine/base/banned.h"

int fl_message_long(codes_handle *handle, const char *key, long *ret_value, struct fl_err *reterr)
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
        int rc = fl_message_long(handle, keys[i], &parts[i], reterr);

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
    rc = fl_message_long(handle, "indicatorOfUnitOfTimeRange", &unit, reterr);
    if (rc == 0)
        rc = fl_message_long(handle, "forecastTime", &ahead, reterr);
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

/* Edition 1 has other keys; ecCodes counts the valid time for us. */
static int get_times_1(codes_handle *handle, struct fl_cycle *ret_cycle, struct fl_cycle *ret_valid,
                       struct fl_err *reterr)
{
    static const char *const keys[4] = {"dataDate", "dataTime", "validityDate", "validityTime"};
    struct fl_cycle *const times[2] = {ret_cycle, ret_valid};
    long parts[4];

    for (size_t i = 0; i < FL_COUNT(parts); i++) {
        int rc = fl_message_long(handle, keys[i], &parts[i], reterr);

        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < FL_COUNT(times); i++) {
        long date = parts[2 * i];
        long time = parts[2 * i + 1];

        if (fl_cycle_from_parts((int)(date / 10000), (int)(date / 100 % 100), (int)(date % 100),
                                (int)(time / 100), (int)(time % 100), 0, times[i], reterr) < 0)
            return fl_err_note(reterr, FL_E_DATA, "the time in the message");
    }
    return 0;
}

static int check_times(codes_handle *handle, const struct fl_message_want *want, bool asked,
                       struct fl_err *reterr)
{
    long edition = 0;
    struct fl_cycle cycle = {0};
    struct fl_cycle valid = {0};
    char found[FL_TIME_TEXT_MAX];
    char wanted[FL_TIME_TEXT_MAX];
    int rc = fl_message_long(handle, "edition", &edition, reterr);

    if (rc == 0)
        rc = edition == 1 ? get_times_1(handle, &cycle, &valid, reterr)
                          : get_times(handle, &cycle, &valid, reterr);
    if (rc < 0)
        return rc;
    if (cycle.s != want->cycle.s) {
        fl_cycle_format(cycle, found);
        fl_cycle_format(want->cycle, wanted);
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "the message is of cycle %s; asked for was %s",
                          found, wanted);
    }
    if (asked && valid.s != want->valid.s) {
        fl_cycle_format(valid, found);
        fl_cycle_format(want->valid, wanted);
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "the message is valid at %s; asked for was %s",
                          found, wanted);
    }
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

/* What a callback of a field gets. */
struct check {
    const struct fl_message_want *want;
    struct fl_message_found found;
};

/* A key of the message as a text. */
static bool key_value(const char *name, char *text, size_t size, void *arg)
{
    return codes_get_string(arg, name, text, &size) == CODES_SUCCESS;
}

/* True when the field is asked for; notes which sets of keys it has. */
static bool is_wanted(codes_handle *handle, struct check *check, const struct fl_plan_field *line)
{
    const struct fl_message_want *want = check->want;
    bool wanted = line ? line->selects != 0 || line->keys != 0 : want->key_count == 0;

    if (line) {
        check->found.keys |= line->keys;
        if (line->selects == 0 && line->keys == 0 && line->open_count == 0)
            wanted = true; /* nothing was selected: everything is asked for */
    }
    for (size_t i = 0; line && i < line->open_count; i++) {
        const struct fl_plan_open *open = &line->open[i];

        if (open->keys < want->key_count &&
            fl_keys_message(want->keys[open->keys], open->conditions, key_value, handle, NULL, 0)) {
            check->found.keys |= UINT64_C(1) << open->keys;
            wanted = true;
        }
    }
    for (size_t i = 0; !line && want->count == 0 && i < want->key_count; i++) {
        if (fl_keys_message(want->keys[i], FL_KEYS_ALL, key_value, handle, NULL, 0)) {
            check->found.keys |= UINT64_C(1) << i;
            wanted = true;
        }
    }
    return wanted && (line || want->count == 0);
}

static int check_expects(codes_handle *handle, const struct fl_message_want *want,
                         struct fl_err *reterr)
{
    char why[200];

    for (size_t i = 0; i < want->expect_count; i++) {
        if (!fl_keys_message(want->expects[i], FL_KEYS_ALL, key_value, handle, why, sizeof(why)))
            return fl_err_set(reterr, FL_E_MISMATCH, 0, "the message is not of this source: its %s",
                              why);
    }
    return 0;
}

/* The line of the index for a field of the message, or NULL. */
static const struct fl_plan_field *line_of(const struct fl_message_want *want, uint32_t field)
{
    for (size_t i = 0; i < want->count; i++) {
        if (want->fields[i].field == field || (want->fields[i].field == 0 && field == 1))
            return &want->fields[i];
    }
    return NULL;
}

/* A field that the library cannot take: its templates say why, most often they are newer. */
static int not_decoded(const unsigned char *bytes, size_t size, uint32_t field,
                       struct fl_err *reterr)
{
    unsigned templates[2] = {0, 0}; /* of sections 4 and 5 */
    char version[32];
    size_t at = size > 16 && bytes[7] == 2 ? 16 : size;

    while (at + 11 < size) {
        size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                        (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        unsigned section = bytes[at + 4];

        if (section == 4 || section == 5)
            templates[section - 4] = section == 4 ? (unsigned)(bytes[at + 7] << 8 | bytes[at + 8])
                                                  : (unsigned)(bytes[at + 9] << 8 | bytes[at + 10]);
        if (length < 5 || length > size - at)
            break;
        at += length;
    }
    (void)snprintf(version, sizeof(version), "%ld", codes_get_api_version());
    return fl_err_set(reterr, FL_E_DATA, 0,
                      "field %u of the message cannot be decoded by ecCodes %s (product template "
                      "4.%u, data template 5.%u)",
                      field, version, templates[0], templates[1]);
}

/* A template that the library does not know has none of its keys. */
static bool has_time(codes_handle *handle)
{
    return codes_is_defined(handle, "indicatorOfUnitOfTimeRange") ||
           codes_is_defined(handle, "yearOfEndOfOverallTimeInterval") ||
           codes_is_defined(handle, "validityDate");
}

/* One field against its line. */
static int check_field(const void *data, size_t size, uint32_t field, struct fl_err *reterr,
                       void *arg)
{
    struct check *check = arg;
    const struct fl_message_want *want = check->want;
    const struct fl_plan_field *line = line_of(want, field);
    codes_handle *handle = codes_handle_new_from_message(NULL, data, size);
    bool wanted;
    int rc;

    if (!handle)
        return not_decoded(data, size, field, reterr);
    wanted = is_wanted(handle, check, line);
    rc = has_time(handle) ? check_times(handle, want, wanted, reterr)
                          : not_decoded(data, size, field, reterr);
    if (rc == 0 && wanted)
        rc = check_expects(handle, want, reterr);
    if (rc == 0 && wanted && line)
        rc = fl_message_line(handle, line, reterr);
    if (rc == 0)
        rc = check_values(handle, reterr);
    if (rc == 0 && wanted && want->field)
        rc = want->field(data, size, handle, reterr, want->arg);
    check->found.wanted += wanted;
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

int fl_message_look(const void *data, size_t size, const struct fl_message_want *want,
                    struct fl_message_found *ret_found, struct fl_err *reterr)
{
    struct check check = {.want = want};
    int rc;

    fl_assert(data);
    fl_assert(want);
    rc = fl_frame_check(data, size, reterr);
    if (rc == 0 && ((const unsigned char *)data)[7] == 1) { /* edition 1 has one field a message */
        check.found.fields = 1;
        rc = check_field(data, size, 1, reterr, &check);
    } else if (rc == 0) {
        rc = fl_frame_fields(data, size, check_field, &check.found.fields, reterr, &check);
    }
    if (rc == 0 && check.found.fields < highest_field(want))
        rc = fl_err_set(reterr, FL_E_MISMATCH, 0,
                        "the message holds %u fields; the index names field %u", check.found.fields,
                        highest_field(want));
    if (rc == 0 && ret_found)
        *ret_found = check.found;
    return rc;
}

int fl_message_check(const void *data, size_t size, const struct fl_message_want *want,
                     struct fl_err *reterr)
{
    return fl_message_look(data, size, want, NULL, reterr);
}
