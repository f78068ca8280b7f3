/* A decoded field against its line of an index. */
#include "config.h"

#include "data-fetch/source/message_line.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/ncep.h"

#include "engine/base/banned.h"

#define ISOBARIC 100
#define HYBRID 105

static int check_variable(codes_handle *handle, const char *name, struct fl_err *reterr)
{
    struct fl_ncep_variable want;
    long found[3] = {0};
    int rc;

    if (!fl_ncep_variable(name, &want))
        return 0; /* a name that we have no codes for: time and frame are what can be held */
    rc = fl_message_long(handle, "discipline", &found[0], reterr);
    if (rc == 0)
        rc = fl_message_long(handle, "parameterCategory", &found[1], reterr);
    if (rc == 0)
        rc = fl_message_long(handle, "parameterNumber", &found[2], reterr);
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
    int rc = fl_message_long(handle, scale_key, &scale, reterr);

    if (rc == 0)
        rc = fl_message_long(handle, value_key, &value, reterr);
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
    rc = fl_message_long(handle, "typeOfFirstFixedSurface", &type, reterr);
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

/* ---- intervals: "18-21 hour acc fcst" ---- */

/* Hours from the reference time to where the interval begins; its kind of table 4.10. */
static int check_interval(codes_handle *handle, const char *forecast, struct fl_err *reterr)
{
    static const struct {
        const char *word;
        long code;
    } kinds[] = {{" ave ", 0}, {" acc ", 1}, {" max ", 2}, {" min ", 3}};
    static const struct {
        const char *word;
        long minutes;
    } units[] = {{" min ", 1}, {" hour ", 60}, {" day ", 1440}};
    static const long codes[] = {1, 60, 1440}; /* table 4.4: minute, hour, day */
    char *end = NULL;
    long begin = strtol(forecast, &end, 10);
    long unit = 0;
    long ahead = 0;
    long kind = 0;
    int rc;

    if (end == forecast || *end != '-')
        return 0;
    for (size_t i = 0; i < FL_COUNT(units); i++)
        begin *= strstr(end, units[i].word) ? units[i].minutes : 1;
    rc = fl_message_long(handle, "indicatorOfUnitOfTimeRange", &unit, reterr);
    if (rc == 0)
        rc = fl_message_long(handle, "forecastTime", &ahead, reterr);
    if (rc < 0)
        return rc;
    if (unit >= 0 && unit <= 2 && ahead * codes[unit] != begin)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "the message's interval begins %ld minutes after the cycle; '%s' begins "
                          "at %ld",
                          ahead * codes[unit], forecast, begin);
    for (size_t i = 0; i < FL_COUNT(kinds); i++) {
        if (!strstr(end, kinds[i].word))
            continue;
        if (codes_get_long(handle, "typeOfStatisticalProcessing", &kind) != CODES_SUCCESS)
            return fl_err_set(reterr, FL_E_MISMATCH, 0,
                              "the message is of one time; '%s' is of an interval", forecast);
        if (kind != kinds[i].code)
            return fl_err_set(reterr, FL_E_MISMATCH, 0,
                              "the message has statistical processing %ld of table 4.10; '%s' is "
                              "%ld",
                              kind, forecast, kinds[i].code);
    }
    return 0;
}

/* ---- ECMWF's names ---- */

/* True when the library knows the name and its parameter is that of the message after all. */
static bool is_other_name(codes_handle *handle, const char *name, bool *ret_known)
{
    static const char *const keys[] = {"discipline", "parameterCategory", "parameterNumber"};
    codes_handle *copy = codes_handle_clone(handle);
    size_t length = strlen(name);
    bool same = copy && codes_set_string(copy, "shortName", name, &length) == CODES_SUCCESS;

    *ret_known = same;
    for (size_t i = 0; same && i < FL_COUNT(keys); i++) {
        long mine = 0;
        long other = 0;

        same = codes_get_long(handle, keys[i], &mine) == CODES_SUCCESS &&
               codes_get_long(copy, keys[i], &other) == CODES_SUCCESS && mine == other;
    }
    if (copy)
        (void)codes_handle_delete(copy); /* a copy for looking */
    return same;
}

static int check_param(codes_handle *handle, const char *param, struct fl_err *reterr)
{
    char found[80];
    size_t size = sizeof(found);
    bool known = false;

    if (codes_get_string(handle, "shortName", found, &size) != CODES_SUCCESS ||
        strcmp(found, "unknown") == 0 || strcmp(found, param) == 0 ||
        is_other_name(handle, param, &known) || !known)
        return 0; /* a parameter that is newer than the library's tables: time and level hold */
    return fl_err_set(reterr, FL_E_MISMATCH, 0,
                      "the message has parameter '%s'; the index says '%s'", found, param);
}

static int check_levtype(codes_handle *handle, const char *level, struct fl_err *reterr)
{
    bool isobaric = strncmp(level, "pl", 2) == 0;
    bool model = strncmp(level, "ml ", 3) == 0;
    double wanted = strlen(level) > 3 ? strtod(level + 3, NULL) * (isobaric ? 100 : 1) : 0;
    double value = 0;
    long type = 0;
    int rc = fl_message_long(handle, "typeOfFirstFixedSurface", &type, reterr);

    if (rc == 0 && (isobaric || model))
        rc = surface_value(handle, "scaleFactorOfFirstFixedSurface",
                           "scaledValueOfFirstFixedSurface", &value, reterr);
    if (rc < 0)
        return rc;
    if ((isobaric != (type == ISOBARIC)) || (model && type != HYBRID) ||
        ((isobaric || model) && fabs(value - wanted) > 1e-6 * fmax(1.0, wanted)))
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "the message is at surface type %ld, value %g; the index says '%s'", type,
                          value, level);
    return 0;
}

static int check_member(codes_handle *handle, const char *member, struct fl_err *reterr)
{
    long number = 0;

    if (!*member)
        return 0;
    if (codes_get_long(handle, "perturbationNumber", &number) != CODES_SUCCESS)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "the message is of no ensemble; the index says member %s", member);
    if (number != strtol(member, NULL, 10))
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "the message is of member %ld; the index says %s", number, member);
    return 0;
}

int fl_message_line(codes_handle *handle, const struct fl_plan_field *line, struct fl_err *reterr)
{
    int rc;

    if (line->kind == FL_INDEX_ECMWF) {
        rc = check_param(handle, line->variable, reterr);
        if (rc == 0)
            rc = check_levtype(handle, line->level, reterr);
    } else {
        rc = check_variable(handle, line->variable, reterr);
        if (rc == 0)
            rc = check_level(handle, line->level, reterr);
        if (rc == 0)
            rc = check_interval(handle, line->forecast, reterr);
    }
    if (rc == 0 && line->member)
        rc = check_member(handle, line->member, reterr);
    return rc;
}
