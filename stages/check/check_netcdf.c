/* NetCDF files: form, values, time, provenance. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/check/check.h"
#include "stages/common/nc.h"

#include "engine/base/banned.h"

struct checker {
    const struct fl_nc *nc;
    const struct fl_rule *rule;
    const struct fl_asked *asked;
    struct fl_findings *findings;
};

static void pass(const struct checker *checker, const char *check, const char *text)
{
    fl_findings_add(checker->findings, FL_VERDICT_PASS, check, "%s", text);
}

static void fail(const struct checker *checker, const char *check, const char *text)
{
    fl_findings_add(checker->findings, FL_VERDICT_FAIL, check, "%s", text);
}

/* A text attribute into out, which is emptied first; false when it is absent or no text. */
static bool attribute(const struct checker *checker, const char *var, const char *name,
                      struct fl_buf *out)
{
    fl_buf_clear(out);
    return fl_nc_att(checker->nc, var, name, out, NULL) == 0 && !out->failed;
}

static void check_conventions(const struct checker *checker)
{
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    if (!checker->rule->conventions)
        return;
    if (!attribute(checker, FL_NC_GLOBAL, "Conventions", &text))
        fl_findings_add(checker->findings, FL_VERDICT_FAIL, "conventions",
                        "no attribute 'Conventions'; expected '%s'", checker->rule->conventions);
    else if (!strstr(text.data, checker->rule->conventions))
        fl_findings_add(checker->findings, FL_VERDICT_FAIL, "conventions", "'%s'; expected '%s'",
                        text.data, checker->rule->conventions);
    else
        pass(checker, "conventions", text.data);
}

static void check_attributes(const struct checker *checker)
{
    static const char *const of_a_run[] = {"fairlead_workflow", "fairlead_run", "fairlead_cycle"};
    fl_auto(fl_buf_release) struct fl_buf text;
    size_t extra = checker->asked->in_run ? FL_COUNT(of_a_run) : 0;
    size_t missing = 0;

    fl_buf_init(&text, 0);
    for (size_t i = 0; i < checker->rule->attribute_count + extra; i++) {
        const char *name = i < checker->rule->attribute_count
                               ? checker->rule->attributes[i]
                               : of_a_run[i - checker->rule->attribute_count];

        double number;

        if ((attribute(checker, FL_NC_GLOBAL, name, &text) && text.size > 0) ||
            fl_nc_att_double(checker->nc, FL_NC_GLOBAL, name, &number, NULL) == 0)
            continue;
        missing++;
        fl_findings_add(checker->findings, FL_VERDICT_FAIL, "attributes",
                        "no global attribute '%s', or an empty one", name);
    }
    if (missing == 0 && checker->rule->attribute_count + extra > 0)
        fl_findings_add(checker->findings, FL_VERDICT_PASS, "attributes", "all %zu there",
                        checker->rule->attribute_count + extra);
}

/* The cycle that the file names must be the one asked for. */
static void check_cycle(const struct checker *checker)
{
    static const char *const names[] = {"fairlead_cycle", "reference_time"};
    fl_auto(fl_buf_release) struct fl_buf text;
    struct fl_cycle found;

    fl_buf_init(&text, 0);
    for (size_t i = 0; checker->asked->has_cycle && i < FL_COUNT(names); i++) {
        if (!attribute(checker, FL_NC_GLOBAL, names[i], &text))
            continue;
        if (fl_cycle_parse(text.data, &found, NULL) < 0 || found.s != checker->asked->cycle.s) {
            char wanted[FL_TIME_TEXT_MAX];

            fl_cycle_format_extended(checker->asked->cycle, wanted);
            fl_findings_add(checker->findings, FL_VERDICT_FAIL, "cycle",
                            "attribute '%s' is '%s'; expected %s", names[i], text.data, wanted);
        } else {
            fl_findings_add(checker->findings, FL_VERDICT_PASS, "cycle", "%s", text.data);
        }
    }
}

/* Inputs that are degraded must show in the file; a file that says so itself is degraded. */
static void check_mark(const struct checker *checker)
{
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    if (attribute(checker, FL_NC_GLOBAL, "fairlead_degraded", &text) && text.size > 0)
        fl_findings_add(checker->findings, FL_VERDICT_DEGRADED, "degraded", "%s", text.data);
    else if (*checker->asked->marks)
        fl_findings_add(checker->findings, FL_VERDICT_FAIL, "degraded",
                        "the input is degraded (%s), but there is no attribute "
                        "'fairlead_degraded'",
                        checker->asked->marks);
}

/* Values of a whole variable as double; NULL with evidence when that cannot be. */
static double *values_of(const struct checker *checker, const char *name,
                         const struct fl_nc_var *var, size_t *ret_count)
{
    struct fl_err why = {0};
    double *values;
    size_t count = 1;

    for (int i = 0; i < var->rank; i++) {
        if (var->shape[i] > FL_CHECK_POINTS_MAX ||
            count > FL_CHECK_POINTS_MAX / (var->shape[i] + 1)) {
            fl_findings_add(checker->findings, FL_VERDICT_FAIL, "read",
                            "variable '%s' has more than %zu values", name, FL_CHECK_POINTS_MAX);
            return NULL;
        }
        count *= var->shape[i];
    }
    values = calloc(count ? count : 1, sizeof(*values));
    if (!values ||
        (count > 0 && fl_nc_get_double(checker->nc, name, NULL, NULL, values, &why) < 0)) {
        fail(checker, "read", values ? why.text : "out of memory");
        free(values);
        return NULL;
    }
    *ret_count = count;
    return values;
}

static bool is_missing(double value, const struct fl_nc_var *var)
{
    return var->has_fill && value == var->fill;
}

/* Marks 1 where the sea variable has a value, for the last dimensions of a variable with `count`
 * points. NULL with evidence when shapes do not agree. */
static unsigned char *sea_of(const struct checker *checker, const struct fl_rule_var *wanted,
                             size_t count, size_t *ret_sea)
{
    struct fl_nc_var var;
    struct fl_err why = {0};
    unsigned char *sea;
    double *values;

    if (fl_nc_var(checker->nc, wanted->sea, NULL, NULL, &var, &why) < 0) {
        fail(checker, "sea", why.text);
        return NULL;
    }
    values = values_of(checker, wanted->sea, &var, ret_sea);
    if (!values)
        return NULL;
    if (*ret_sea == 0 || count % *ret_sea != 0) {
        fl_findings_add(checker->findings, FL_VERDICT_FAIL, "sea",
                        "'%s' has %zu points, '%s' %zu: not the same grid", wanted->sea, *ret_sea,
                        wanted->name, count);
        free(values);
        return NULL;
    }
    sea = calloc(*ret_sea, 1);
    for (size_t i = 0; sea && i < *ret_sea; i++)
        sea[i] = isfinite(values[i]) && !is_missing(values[i], &var);
    free(values);
    return sea;
}

/* What a pass over the values finds. */
struct tally {
    size_t asked; /* points that should have a value */
    size_t missing;
    size_t nan; /* NaN or infinite that is not the fill value */
    size_t low_index;
    size_t high_index;
    double low;
    double high;
};

static struct tally tally_values(const double *values, size_t count, const struct fl_nc_var *var,
                                 const unsigned char *sea, size_t sea_count)
{
    struct tally tally = {.low = INFINITY, .high = -INFINITY};

    for (size_t i = 0; i < count; i++) {
        double value = values[i] * var->scale + var->offset;

        tally.asked += !sea || sea[i % sea_count];
        if (is_missing(values[i], var) || (isnan(values[i]) && isnan(var->fill) && var->has_fill)) {
            tally.missing += !sea || sea[i % sea_count];
            continue;
        }
        if (!isfinite(value)) {
            tally.nan++;
            continue;
        }
        if (value < tally.low) {
            tally.low = value;
            tally.low_index = i;
        }
        if (value > tally.high) {
            tally.high = value;
            tally.high_index = i;
        }
    }
    return tally;
}

static void judge_values(const struct checker *checker, const struct fl_rule_var *wanted,
                         const struct tally *tally)
{
    double share = tally->asked ? (double)tally->missing / (double)tally->asked : 0;
    bool has_any = tally->low <= tally->high;

    fl_findings_add(checker->findings, tally->nan ? FL_VERDICT_FAIL : FL_VERDICT_PASS, "finite",
                    "%s: %zu values that are not finite", wanted->name, tally->nan);
    fl_findings_add(checker->findings,
                    share > wanted->missing_max ? FL_VERDICT_FAIL : FL_VERDICT_PASS, "missing",
                    "%s: %.1f %% of %zu %s missing; accepted %.1f %%", wanted->name, 100 * share,
                    tally->asked, wanted->sea ? "sea points" : "points", 100 * wanted->missing_max);
    if (!has_any)
        fl_findings_add(checker->findings, FL_VERDICT_FAIL, "range", "%s: no value at all",
                        wanted->name);
    else if (tally->low < wanted->min)
        fl_findings_add(checker->findings, FL_VERDICT_FAIL, "range",
                        "%s: lowest %g at point %zu is below %g", wanted->name, tally->low,
                        tally->low_index, wanted->min);
    else if (tally->high > wanted->max)
        fl_findings_add(checker->findings, FL_VERDICT_FAIL, "range",
                        "%s: highest %g at point %zu is above %g", wanted->name, tally->high,
                        tally->high_index, wanted->max);
    else
        fl_findings_add(checker->findings, FL_VERDICT_PASS, "range", "%s: %g to %g", wanted->name,
                        tally->low, tally->high);
}

static void check_values(const struct checker *checker, const struct fl_rule_var *wanted,
                         const struct fl_nc_var *var)
{
    unsigned char *sea = NULL;
    size_t sea_count = 1;
    size_t count = 0;
    double *values = values_of(checker, wanted->name, var, &count);

    if (!values)
        return;
    if (wanted->sea)
        sea = sea_of(checker, wanted, count, &sea_count);
    if (!wanted->sea || sea) {
        struct tally tally = tally_values(values, count, var, sea, sea_count);

        judge_values(checker, wanted, &tally);
    }
    free(sea);
    free(values);
}

static void check_variable(const struct checker *checker, const struct fl_rule_var *wanted)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    struct fl_nc_var var;
    struct fl_err why = {0};

    fl_buf_init(&text, 0);
    if (fl_nc_var(checker->nc, wanted->name, wanted->dims, wanted->units, &var, &why) < 0) {
        fail(checker, "variable", why.text);
        return;
    }
    fl_findings_add(checker->findings, FL_VERDICT_PASS, "variable", "%s: dimensions and units",
                    wanted->name);
    if (wanted->standard_name) {
        bool there = attribute(checker, wanted->name, "standard_name", &text);
        bool right = there && strcmp(text.data, wanted->standard_name) == 0;

        fl_findings_add(checker->findings, right ? FL_VERDICT_PASS : FL_VERDICT_FAIL,
                        "standard_name", "%s: '%s'; expected '%s'", wanted->name,
                        there ? text.data : "", wanted->standard_name);
    }
    check_values(checker, wanted, &var);
}

/* The time axis [s since its epoch]; NULL with evidence. */
static double *times_of(const struct checker *checker, struct fl_cycle *ret_epoch,
                        size_t *ret_count)
{
    struct fl_err why = {0};
    struct fl_nc_var var;
    double step_s = 0;
    double *times;

    if (fl_nc_var(checker->nc, "time", "time", NULL, &var, &why) < 0 ||
        fl_nc_time_units(checker->nc, "time", ret_epoch, &step_s, &why) < 0) {
        fail(checker, "time", why.text);
        return NULL;
    }
    times = values_of(checker, "time", &var, ret_count);
    for (size_t i = 0; times && i < *ret_count; i++)
        times[i] *= step_s;
    return times;
}

/* One time, cycle + lead. */
static void check_time_lead(const struct checker *checker, const double *times, size_t count,
                            struct fl_cycle epoch)
{
    const struct fl_asked *asked = checker->asked;
    char found[FL_TIME_TEXT_MAX];
    char wanted[FL_TIME_TEXT_MAX];
    struct fl_cycle valid;

    if (count != 1 || !isfinite(times[0]) || fabs(times[0]) > 1e11) {
        fl_findings_add(checker->findings, FL_VERDICT_FAIL, "time", "%zu times; expected one",
                        count);
        return;
    }
    valid.s = epoch.s + llround(times[0]);
    fl_cycle_format_extended(valid, found);
    if (!asked->has_cycle || !asked->has_lead) {
        fl_findings_add(checker->findings, FL_VERDICT_PASS, "time",
                        "valid at %s (no cycle and lead were asked for)", found);
        return;
    }
    fl_cycle_format_extended(fl_cycle_add(asked->cycle, asked->lead), wanted);
    fl_findings_add(checker->findings,
                    strcmp(found, wanted) == 0 ? FL_VERDICT_PASS : FL_VERDICT_FAIL, "time",
                    "valid at %s; expected %s", found, wanted);
}

/* Even steps without a gap, from the cycle on. */
static void check_time_every(const struct checker *checker, const double *times, size_t count,
                             struct fl_cycle epoch)
{
    double step = (double)checker->rule->every_s;

    if (count < 2) {
        fl_findings_add(checker->findings, FL_VERDICT_FAIL, "time",
                        "%zu times; expected several, each %g s", count, step);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        if (fabs(times[i] - times[i - 1] - step) <= 0.01)
            continue;
        fl_findings_add(checker->findings, FL_VERDICT_FAIL, "time",
                        "step of %g s before time %zu; expected %g s", times[i] - times[i - 1], i,
                        step);
        return;
    }
    if (checker->asked->has_cycle) {
        double first = (double)(epoch.s - checker->asked->cycle.s) + times[0];

        if (!(first >= -0.01 && first <= step + 0.01)) {
            fl_findings_add(checker->findings, FL_VERDICT_FAIL, "time",
                            "the axis begins %g s after the cycle; expected 0 to %g", first, step);
            return;
        }
    }
    fl_findings_add(checker->findings, FL_VERDICT_PASS, "time", "%zu times, each %g s", count,
                    step);
}

static void check_time(const struct checker *checker)
{
    struct fl_cycle epoch = {0};
    size_t count = 0;
    double *times;

    if (checker->rule->time == FL_TIME_NONE)
        return;
    times = times_of(checker, &epoch, &count);
    if (times && checker->rule->time == FL_TIME_LEAD)
        check_time_lead(checker, times, count, epoch);
    else if (times)
        check_time_every(checker, times, count, epoch);
    free(times);
}

int fl_check_netcdf(const char *path, const struct fl_rule *rule, const struct fl_asked *asked,
                    struct fl_findings *findings, struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    struct checker checker = {NULL, rule, asked, findings};
    struct fl_err why = {0};

    (void)reterr;
    if (fl_nc_open(path, &nc, &why) < 0) {
        fail(&checker, "open", why.text);
        return 0;
    }
    checker.nc = nc;
    check_conventions(&checker);
    check_attributes(&checker);
    check_cycle(&checker);
    check_mark(&checker);
    check_time(&checker);
    for (size_t i = 0; i < rule->var_count; i++)
        check_variable(&checker, &rule->var[i]);
    return 0;
}
