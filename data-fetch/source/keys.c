/* Selection by keys. */
#include "config.h"

#include "data-fetch/source/keys.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/keys_names.h"
#include "data-fetch/source/ncep.h"

#include "engine/base/banned.h"

#define ACCEPTED \
    "accepted: KEY=VALUE/VALUE,KEY=..., such as shortName=10u/10v,typeOfLevel=heightAboveGround," \
    "level=10 or number=1/to/50"

#define NUMBER_ROOM 24

struct term {
    const char *name;
    enum fl_key_kind kind;
    const char **values; /* into the text */
    size_t count;
};

struct fl_keys {
    char *given;                   /* as it was given */
    char *text;                    /* cut into names and values */
    char *made[FL_KEYS_TERMS_MAX]; /* the numbers of a range, one after the other */
    struct term terms[FL_KEYS_TERMS_MAX];
    size_t count;
};

static bool to_number(const char *text, double *ret_number)
{
    char *end = NULL;

    if (!*text || !strchr("+-.0123456789", *text))
        return false;
    *ret_number = strtod(text, &end);
    return *end == '\0' && isfinite(*ret_number);
}

static bool same_number(double a, double b)
{
    return fabs(a - b) <= 1e-6 * fmax(1.0, fmax(fabs(a), fabs(b)));
}

/* "06" and "6" are the same, "fc" and "FC" are not. */
static bool same_value(const char *a, const char *b)
{
    double x = 0;
    double y = 0;

    return strcmp(a, b) == 0 || (to_number(a, &x) && to_number(b, &y) && same_number(x, y));
}

static bool has_value(const struct term *term, const char *value)
{
    for (size_t i = 0; i < term->count; i++) {
        if (same_value(term->values[i], value))
            return true;
    }
    return false;
}

static bool has_number(const struct term *term, double number)
{
    for (size_t i = 0; i < term->count; i++) {
        double value = 0;

        if (to_number(term->values[i], &value) && same_number(value, number))
            return true;
    }
    return false;
}

static bool to_whole(const char *text, long *ret_value)
{
    char *end = NULL;

    if (!text || !*text || strlen(text) > 9)
        return false;
    *ret_value = strtol(text, &end, 10);
    return *end == '\0';
}

/* first/to/last or first/to/last/by/step; parts are the texts between the slashes. */
static int add_range(struct fl_keys *keys, struct term *term, char *const *parts, size_t count,
                     struct fl_err *reterr)
{
    long first = 0;
    long last = 0;
    long step = 1;
    size_t wanted;
    char *made;

    if ((count != 3 && (count != 5 || strcmp(parts[3], "by") != 0)) ||
        !to_whole(parts[0], &first) || !to_whole(parts[2], &last) ||
        (count == 5 && !to_whole(parts[4], &step)) || last < first || step < 1)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "keys '%.200s': the range of '%s' is not whole numbers going up; "
                          "accepted: A/to/B, A/to/B/by/N",
                          keys->given, term->name);
    wanted = (size_t)((last - first) / step + 1);
    if (wanted > FL_KEYS_VALUES_MAX)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "keys '%.200s': '%s' has more than %d values",
                          keys->given, term->name, FL_KEYS_VALUES_MAX);
    made = malloc(wanted * NUMBER_ROOM);
    term->values = calloc(wanted, sizeof(*term->values));
    keys->made[term - keys->terms] = made;
    if (!made || !term->values)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for keys");
    for (; term->count < wanted; made += NUMBER_ROOM) {
        (void)snprintf(made, NUMBER_ROOM, "%ld", first + (long)term->count * step);
        term->values[term->count++] = made;
    }
    return 0;
}

static int parse_values(struct fl_keys *keys, struct term *term, char *text, struct fl_err *reterr)
{
    char *parts[FL_KEYS_VALUES_MAX];
    size_t count = 0;

    for (char *at = text; at;) {
        char *slash = strchr(at, '/');

        if (slash)
            *slash = '\0';
        if (!*at)
            return fl_err_set(reterr, FL_E_CONFIG, 0, "keys '%.200s': '%s' has an empty value; %s",
                              keys->given, term->name, ACCEPTED);
        if (count == FL_KEYS_VALUES_MAX)
            return fl_err_set(reterr, FL_E_CONFIG, 0, "keys '%.200s': '%s' has more than %d values",
                              keys->given, term->name, FL_KEYS_VALUES_MAX);
        parts[count++] = at;
        at = slash ? slash + 1 : NULL;
    }
    if (count > 1 && strcmp(parts[1], "to") == 0)
        return add_range(keys, term, parts, count, reterr);
    term->values = calloc(count, sizeof(*term->values));
    if (!term->values)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for keys");
    for (; term->count < count; term->count++)
        term->values[term->count] = parts[term->count];
    return 0;
}

/* Values that an index of this kind can never have are told at once. */
static int check_values(const struct fl_keys *keys, const struct term *term,
                        enum fl_index_kind kind, struct fl_err *reterr)
{
    for (size_t i = 0; i < term->count; i++) {
        int types[2];
        double scale;

        if (kind == FL_INDEX_IDX && term->kind == FL_KEY_PARAM &&
            !fl_short_name_is_known(term->values[i]))
            return fl_err_set(
                reterr, FL_E_CONFIG, 0,
                "keys '%.200s': the index of this source has wgrib2's names, and none "
                "is known for %s '%s'; accepted: ecCodes' short names (10u, msl, gh, "
                "...), wgrib2's own (UGRD), or a selection ':VAR:LEVEL:'",
                keys->given, term->name, term->values[i]);
        if (kind == FL_INDEX_IDX && term->kind == FL_KEY_TYPE_OF_LEVEL &&
            fl_type_of_level(term->values[i], types, &scale) == 0)
            return fl_err_set(reterr, FL_E_CONFIG, 0,
                              "keys '%.200s': no level in wgrib2's words is known for typeOfLevel "
                              "'%s'; accepted: surface, meanSea, heightAboveGround, isobaricInhPa, "
                              "hybrid, depthBelowLandLayer, ..., or a selection ':VAR:LEVEL:'",
                              keys->given, term->values[i]);
    }
    return 0;
}

static int parse_term(struct fl_keys *keys, char *text, enum fl_index_kind kind,
                      struct fl_err *reterr)
{
    struct term *term = &keys->terms[keys->count];
    char *equals = strchr(text, '=');
    int rc;

    if (!equals || equals == text)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "keys '%.200s': '%s' is no KEY=VALUE; %s",
                          keys->given, text, ACCEPTED);
    if (keys->count == FL_KEYS_TERMS_MAX)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "keys '%.200s': more than %d keys", keys->given,
                          FL_KEYS_TERMS_MAX);
    *equals = '\0';
    term->name = text;
    term->kind = fl_key_kind_of(text);
    if (!fl_key_is_known(text))
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "keys '%.200s': neither ecCodes nor the index has a key '%s'; did you "
                          "mean '%s'?",
                          keys->given, text, fl_key_nearest(text));
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->terms[i].name, text) == 0)
            return fl_err_set(reterr, FL_E_CONFIG, 0,
                              "keys '%.200s': '%s' stands there twice; join its values by '/'",
                              keys->given, text);
    }
    keys->count++;
    rc = parse_values(keys, term, equals + 1, reterr);
    return rc < 0 ? rc : check_values(keys, term, kind, reterr);
}

int fl_keys_parse(const char *text, enum fl_index_kind kind, struct fl_keys **ret_keys,
                  struct fl_err *reterr)
{
    fl_auto(fl_keys_destroy) struct fl_keys *keys = NULL;

    fl_assert(text);
    fl_assert(ret_keys);
    if (strlen(text) > FL_KEYS_TEXT_MAX)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "keys '%.60s...' has more than %zu bytes", text,
                          FL_KEYS_TEXT_MAX);
    keys = calloc(1, sizeof(*keys));
    if (keys) {
        keys->given = strdup(text);
        keys->text = strdup(text);
    }
    if (!keys || !keys->given || !keys->text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for keys");
    for (char *at = keys->text; at;) {
        char *comma = strchr(at, ',');
        int rc;

        if (comma)
            *comma = '\0';
        rc = parse_term(keys, at, kind, reterr);
        if (rc < 0)
            return rc;
        at = comma ? comma + 1 : NULL;
    }
    *ret_keys = FL_STEAL(keys);
    return 0;
}

void fl_keys_destroy(struct fl_keys *keys)
{
    if (!keys)
        return;
    for (size_t i = 0; i < keys->count; i++) {
        free(keys->terms[i].values);
        free(keys->made[i]);
    }
    free(keys->given);
    free(keys->text);
    free(keys);
}

const char *fl_keys_text(const struct fl_keys *keys)
{
    return keys->given;
}

static enum fl_keys_answer yes_or_no(bool yes)
{
    return yes ? FL_KEYS_YES : FL_KEYS_NO;
}

/* ---- lines of wgrib2 ---- */

static bool type_is_asked(const struct term *term, int type)
{
    for (size_t i = 0; i < term->count; i++) {
        int types[2];
        double scale;
        size_t count = fl_type_of_level(term->values[i], types, &scale);

        for (size_t k = 0; k < count; k++) {
            if (types[k] == type)
                return true;
        }
    }
    return false;
}

static enum fl_keys_answer idx_level(const struct term *term, const struct fl_index_line *line)
{
    struct fl_ncep_level level;

    if (!fl_ncep_level(line->level, &level))
        return FL_KEYS_NO; /* a level in words that no typeOfLevel of the table stands for */
    if (term->kind == FL_KEY_TYPE_OF_LEVEL)
        return yes_or_no(type_is_asked(term, level.type) ||
                         (level.type_other >= 0 && type_is_asked(term, level.type_other)));
    /* isobaric and pressure-from-ground levels are counted in hPa by ecCodes, in Pa by the table */
    return yes_or_no(
        has_number(term, level.type == 100 || level.type == 108 ? level.value / 100 : level.value));
}

static enum fl_keys_answer idx_step(const struct term *term, const struct fl_index_line *line)
{
    static const struct {
        const char *type;
        const char *word;
    } kinds[] = {{"accum", " acc "}, {"avg", " ave "}, {"max", " max "}, {"min", " min "}};
    struct fl_lead lead;
    char range[32];
    const char *dash = strchr(line->forecast, '-');

    if (term->kind == FL_KEY_STEP_TYPE) {
        for (size_t i = 0; i < FL_COUNT(kinds); i++) {
            if (strstr(line->forecast, kinds[i].word))
                return yes_or_no(has_value(term, kinds[i].type));
        }
        return dash ? FL_KEYS_MAYBE : yes_or_no(has_value(term, "instant"));
    }
    if (!fl_index_forecast(line->forecast, &lead) || lead.minutes % 60 != 0)
        return FL_KEYS_MAYBE;
    (void)snprintf(range, sizeof(range), "%.*s-%d", dash ? (int)(dash - line->forecast) : 0,
                   line->forecast, lead.minutes / 60);
    if (term->kind == FL_KEY_STEP_RANGE && strstr(line->forecast, "hour"))
        return yes_or_no(has_value(term, dash ? range : range + 1));
    return term->kind == FL_KEY_STEP ? yes_or_no(has_number(term, (double)lead.minutes / 60.0))
                                     : FL_KEYS_MAYBE;
}

static enum fl_keys_answer idx_code(const struct term *term, const struct fl_index_line *line)
{
    struct fl_ncep_variable codes;

    if (!fl_ncep_variable(line->variable, &codes))
        return FL_KEYS_MAYBE;
    if (strcmp(term->name, "discipline") == 0)
        return yes_or_no(has_number(term, codes.discipline));
    if (strcmp(term->name, "parameterCategory") == 0)
        return yes_or_no(has_number(term, codes.category));
    return yes_or_no(has_number(term, codes.number));
}

static enum fl_keys_answer idx_term(const struct term *term, const struct fl_index_line *line)
{
    switch (term->kind) {
    case FL_KEY_PARAM:
        for (size_t i = 0; i < term->count; i++) {
            if (fl_short_name_fits(term->values[i], line))
                return FL_KEYS_YES;
        }
        return FL_KEYS_NO;
    case FL_KEY_LEVEL:
    case FL_KEY_LEVELIST:
    case FL_KEY_TYPE_OF_LEVEL:
        return idx_level(term, line);
    case FL_KEY_STEP:
    case FL_KEY_STEP_RANGE:
    case FL_KEY_STEP_TYPE:
        return idx_step(term, line);
    case FL_KEY_NUMBER:
        return *line->member ? yes_or_no(has_value(term, line->member)) : FL_KEYS_MAYBE;
    case FL_KEY_CODE:
        return idx_code(term, line);
    case FL_KEY_LEVTYPE:
    case FL_KEY_MARS:
    case FL_KEY_OTHER:
        return FL_KEYS_MAYBE;
    }
    return FL_KEYS_MAYBE;
}

/* ---- lines of ECMWF ---- */

static bool is_isobaric(const char *type_of_level)
{
    return strncmp(type_of_level, "isobaricIn", 10) == 0;
}

static enum fl_keys_answer ecmwf_type_of_level(const struct term *term,
                                               const struct fl_index_line *line)
{
    const char *levtype = fl_index_value(line, "levtype");
    bool isobaric = levtype && strcmp(levtype, "pl") == 0;
    enum fl_keys_answer answer = FL_KEYS_NO;

    for (size_t i = 0; i < term->count; i++) {
        if (isobaric && is_isobaric(term->values[i]))
            return FL_KEYS_YES;
        if (!isobaric && !is_isobaric(term->values[i]))
            answer = FL_KEYS_MAYBE; /* "sfc" is many types of level */
    }
    return answer;
}

static enum fl_keys_answer ecmwf_number(const struct term *term, const struct fl_index_line *line)
{
    const char *type = fl_index_value(line, "type");

    if (*line->member)
        return yes_or_no(has_value(term, line->member));
    return yes_or_no(type && strcmp(type, "cf") == 0 && has_value(term, "0"));
}

static enum fl_keys_answer ecmwf_term(const struct term *term, const struct fl_index_line *line)
{
    const char *value;

    switch (term->kind) {
    case FL_KEY_PARAM:
        return yes_or_no(has_value(term, line->variable));
    case FL_KEY_LEVEL:
        value = fl_index_value(line, "levelist");
        return value ? yes_or_no(has_value(term, value)) : FL_KEYS_MAYBE;
    case FL_KEY_TYPE_OF_LEVEL:
        return ecmwf_type_of_level(term, line);
    case FL_KEY_NUMBER:
        return ecmwf_number(term, line);
    case FL_KEY_STEP:
        return yes_or_no(has_value(term, line->forecast));
    case FL_KEY_LEVELIST:
    case FL_KEY_LEVTYPE:
    case FL_KEY_MARS:
        value = fl_index_value(line, term->name);
        return yes_or_no(value && has_value(term, value));
    case FL_KEY_STEP_RANGE:
    case FL_KEY_STEP_TYPE:
    case FL_KEY_CODE:
    case FL_KEY_OTHER:
        return FL_KEYS_MAYBE;
    }
    return FL_KEYS_MAYBE;
}

static enum fl_keys_answer term_line(const struct term *term, const struct fl_index_line *line)
{
    switch (line->kind) {
    case FL_INDEX_IDX:
        return idx_term(term, line);
    case FL_INDEX_ECMWF:
        return ecmwf_term(term, line);
    case FL_INDEX_NONE:
        break;
    }
    return FL_KEYS_MAYBE;
}

enum fl_keys_answer fl_keys_line(const struct fl_keys *keys, const struct fl_index_line *line,
                                 uint32_t *ret_open)
{
    enum fl_keys_answer answer = FL_KEYS_YES;

    *ret_open = 0;
    for (size_t i = 0; i < keys->count; i++) {
        enum fl_keys_answer of_term = term_line(&keys->terms[i], line);

        if (of_term == FL_KEYS_MAYBE)
            *ret_open |= 1u << i;
        answer = of_term < answer ? of_term : answer;
    }
    return answer;
}

/* ---- messages ---- */

static bool term_message(const struct term *term, fl_keys_value_fn value, void *arg, char *found,
                         size_t size)
{
    if (!value(fl_key_in_message(term->name), found, size, arg)) {
        (void)snprintf(found, size, "not there");
        return false;
    }
    if (has_value(term, found))
        return true;
    /* the same parameter may have another of its names in the message */
    return strcmp(term->name, "shortName") == 0 && strcmp(found, "prmsl") == 0 &&
           has_value(term, "msl");
}

bool fl_keys_message(const struct fl_keys *keys, uint32_t open, fl_keys_value_fn value, void *arg,
                     char *ret_why, size_t size)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct term *term = &keys->terms[i];
        char found[80];

        if ((open & (1u << i)) == 0)
            continue;
        if (term_message(term, value, arg, found, sizeof(found)))
            continue;
        if (ret_why)
            (void)snprintf(ret_why, size, "%s is %s; wanted %s%s", term->name, found,
                           term->values[0], term->count > 1 ? " or others" : "");
        return false;
    }
    return true;
}

bool fl_keys_values(const struct fl_keys *keys, const char *name, fl_keys_each_fn fn, void *arg)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->terms[i].name, name) != 0)
            continue;
        for (size_t k = 0; k < keys->terms[i].count; k++)
            fn(keys->terms[i].values[k], arg);
        return true;
    }
    return false;
}
