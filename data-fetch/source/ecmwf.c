/* Parser of ECMWF's indices: one JSON object a line. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/index_impl.h"
#include "engine/base/json.h"

#include "engine/base/banned.h"

#define LINE_SHOWN 120
#define PAIRS_MAX 40 /* members of a line that are kept */

/* Where the texts of an index go, one after the other. */
struct arena {
    char *at;
    size_t left;
};

static int bad_line(size_t number, const char *what, struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_PARSE, 0,
                      "index line %zu: %s; accepted: {\"date\": \"20240301\", \"time\": \"1200\", "
                      "\"step\": \"6\", \"param\": \"10u\", \"levtype\": \"sfc\", ..., "
                      "\"_offset\": 0, \"_length\": 1}",
                      number, what);
}

/* NULL when there is no room (which FL_INDEX_KEYS_ROOM should rule out). */
static const char *keep(struct arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    char *kept = arena->at;

    if (size > arena->left)
        return NULL;
    memcpy(kept, text, size);
    arena->at += size;
    arena->left -= size;
    return kept;
}

static bool keep_pair(struct arena *arena, struct fl_index_pair *pair, const char *name,
                      const json_t *value)
{
    char number[24];
    const char *text = json_string_value(value);

    if (json_is_integer(value)) {
        (void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        text = number;
    }
    pair->name = keep(arena, name);
    pair->value = text ? keep(arena, text) : NULL;
    return pair->name && pair->value;
}

/* "20240301" and "1200", "12", "0". */
static bool read_date(const char *date, const char *time, struct fl_cycle *ret_cycle)
{
    size_t length = time ? strlen(time) : 0;
    int day = 0;
    int clock = 0;

    if (!date || strlen(date) != 8 || strspn(date, "0123456789") != 8 || length == 0 ||
        length > 4 || strspn(time, "0123456789") != length)
        return false;
    for (size_t i = 0; i < 8; i++)
        day = day * 10 + (date[i] - '0');
    for (size_t i = 0; i < length; i++)
        clock = clock * 10 + (time[i] - '0');
    if (length <= 2)
        clock *= 100;
    return fl_cycle_from_parts(day / 10000, day / 100 % 100, day % 100, clock / 100, clock % 100, 0,
                               ret_cycle, NULL) == 0;
}

/* The texts that the line shares with wgrib2's: level, forecast, key. */
static bool make_texts(struct arena *arena, struct fl_index_line *line)
{
    const char *type = fl_index_value(line, "levtype");
    const char *level = fl_index_value(line, "levelist");
    const char *step = fl_index_value(line, "step");
    const char *number = fl_index_value(line, "number");
    const char *fcmonth = fl_index_value(line, "fcmonth");
    int size;

    line->variable = fl_index_value(line, "param");
    line->forecast = step ? step : (fcmonth ? fcmonth : "");
    line->member = number ? number : "";
    line->rest = "";
    line->level = arena->at;
    size = snprintf(arena->at, arena->left, "%s%s%s", type ? type : "", level ? " " : "",
                    level ? level : "");
    if (size < 0 || (size_t)size >= arena->left)
        return false;
    arena->at += size + 1;
    arena->left -= (size_t)size + 1;
    line->key = arena->at;
    size = snprintf(arena->at, arena->left, ":%s:%s:%s:%s%s", line->variable, line->level,
                    line->forecast, line->member, number ? ":" : "");
    if (size < 0 || (size_t)size >= arena->left)
        return false;
    arena->at += size + 1;
    arena->left -= (size_t)size + 1;
    return true;
}

static int take_line(const json_t *object, size_t number, struct arena *arena,
                     struct fl_index_pair *pairs, struct fl_index_line *line, struct fl_err *reterr)
{
    int64_t offset = -1;
    int64_t length = -1;
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return bad_line(number, "it is not a JSON object", reterr);
    if (fl_json_int(object, "_offset", &offset, NULL) < 0 || offset < 0)
        return bad_line(number, "'_offset' is not a number of bytes", reterr);
    if (fl_json_int(object, "_length", &length, NULL) < 0 || length <= 0 ||
        length > INT64_MAX - offset)
        return bad_line(number, "'_length' is not a number of bytes", reterr);
    *line = (struct fl_index_line){.kind = FL_INDEX_ECMWF,
                                   .number = (uint32_t)number,
                                   .offset = (uint64_t)offset,
                                   .end = (uint64_t)(offset + length),
                                   .pairs = pairs};
    json_object_foreach((json_t *)object, name, value)
    {
        if (name[0] == '_' || (!json_is_string(value) && !json_is_integer(value)) ||
            line->pair_count == PAIRS_MAX)
            continue; /* a member that nobody can ask for */
        if (!keep_pair(arena, &pairs[line->pair_count], name, value))
            return fl_err_set(reterr, FL_E_BUG, 0, "no room for the texts of index line %zu",
                              number);
        line->pair_count++;
    }
    if (!fl_index_value(line, "param"))
        return bad_line(number, "'param' is missing", reterr);
    if (!fl_index_value(line, "step") && !fl_index_value(line, "fcmonth"))
        return bad_line(number, "'step' is missing", reterr);
    if (!read_date(fl_index_value(line, "date"), fl_index_value(line, "time"), &line->cycle))
        return bad_line(number, "'date' and 'time' are not YYYYMMDD and HHMM", reterr);
    if (!make_texts(arena, line))
        return fl_err_set(reterr, FL_E_BUG, 0, "no room for the texts of index line %zu", number);
    return 0;
}

static int by_offset(const void *a, const void *b)
{
    const struct fl_index_line *left = *(struct fl_index_line *const *)a;
    const struct fl_index_line *right = *(struct fl_index_line *const *)b;

    if (left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

/* Each line has bytes of its own. */
static int check_overlap(const struct fl_index *index, struct fl_err *reterr)
{
    const struct fl_index_line **order = malloc(index->count * sizeof(struct fl_index_line *));
    int rc = 0;

    if (!order)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for an index of %zu lines",
                          index->count);
    for (size_t i = 0; i < index->count; i++)
        order[i] = &index->lines[i];
    qsort(order, index->count, sizeof(*order), by_offset);
    for (size_t i = 1; i < index->count && rc == 0; i++) {
        if (order[i]->offset < order[i - 1]->end)
            rc = fl_err_set(
                reterr, FL_E_PARSE, 0,
                "index line %u begins at byte %" PRIu64 ", inside line %u (up to byte %" PRIu64 ")",
                order[i]->number, order[i]->offset, order[i - 1]->number, order[i - 1]->end);
    }
    free(order);
    return rc;
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t\r")] == '\0';
}

static int parse_lines(struct fl_index *index, struct fl_err *reterr)
{
    struct arena arena = {.at = index->keys, .left = index->keys_room};
    size_t number = 0;
    size_t used = 0;

    for (char *line = index->text; line && *line;) {
        fl_json_auto json_t *object = NULL;
        char *end = strchr(line, '\n');
        char *next = end ? end + 1 : NULL;
        char what[LINE_SHOWN + 60];
        int rc = 0;

        number++;
        if (end)
            *end = '\0';
        if (!is_blank(line)) {
            if (fl_json_parse(line, strlen(line), &object, NULL) < 0) {
                (void)snprintf(what, sizeof(what), "'%.*s' is not JSON", LINE_SHOWN, line);
                return bad_line(number, what, reterr);
            }
            rc = take_line(object, number, &arena, &index->pairs[used], &index->lines[index->count],
                           reterr);
            if (rc < 0)
                return rc;
            used += index->lines[index->count++].pair_count;
        }
        line = next;
    }
    if (index->count == 0)
        return fl_err_set(reterr, FL_E_PARSE, 0, "the index has no lines");
    return check_overlap(index, reterr);
}

int fl_index_parse_ecmwf(const char *text, size_t size, struct fl_index **ret_index,
                         struct fl_err *reterr)
{
    fl_auto(fl_index_destroy) struct fl_index *index = NULL;
    size_t colons = 0;
    int rc = fl_index_prepare(text, size, &index, reterr);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < size; i++)
        colons += text[i] == ':'; /* a member has one, at least */
    index->pairs = calloc(colons + PAIRS_MAX, sizeof(*index->pairs));
    if (!index->pairs)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for an index of %zu bytes", size);
    rc = parse_lines(index, reterr);
    if (rc < 0)
        return rc;
    *ret_index = FL_STEAL(index);
    return 0;
}

const char *fl_index_value(const struct fl_index_line *line, const char *name)
{
    for (size_t i = 0; i < line->pair_count; i++) {
        if (strcmp(line->pairs[i].name, name) == 0)
            return line->pairs[i].value;
    }
    return NULL;
}

/* Hours "6", or "0-24" (the end counts). */
static bool read_hours(const char *text, struct fl_lead *ret_lead)
{
    const char *dash = strchr(text, '-');
    const char *digits = dash ? dash + 1 : text;
    long hours;
    char *end = NULL;

    if (*digits < '0' || *digits > '9' || strlen(digits) > 5)
        return false;
    hours = strtol(digits, &end, 10);
    if (*end == 'm' && end[1] == '\0') { /* "90m" */
        ret_lead->minutes = (int32_t)hours;
        return true;
    }
    ret_lead->minutes = (int32_t)hours * 60;
    return *end == '\0';
}

bool fl_index_lead(enum fl_index_kind kind, const char *forecast, struct fl_lead *ret_lead)
{
    return kind == FL_INDEX_ECMWF ? read_hours(forecast, ret_lead)
                                  : fl_index_forecast(forecast, ret_lead);
}
