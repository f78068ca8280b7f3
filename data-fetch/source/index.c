/* Parser of wgrib2 inventories. */
#include "config.h"

#include "data-fetch/source/index_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

#define LINE_SHOWN 120

/* Decimal digits up to `stop`; *ret_after is behind the stop. */
static bool read_number(const char *at, char stop, uint64_t *ret_value, const char **ret_after)
{
    uint64_t value = 0;
    const char *digit = at;

    for (; *digit >= '0' && *digit <= '9'; digit++) {
        uint64_t next;

        if (__builtin_mul_overflow(value, (uint64_t)10, &next) ||
            __builtin_add_overflow(next, (uint64_t)(*digit - '0'), &next))
            return false;
        value = next;
    }
    if (digit == at || *digit != stop)
        return false;
    *ret_value = value;
    *ret_after = digit + 1;
    return true;
}

static bool read_date(const char *text, struct fl_cycle *ret_cycle)
{
    int parts[4] = {0};
    static const int digits[4] = {4, 2, 2, 2};

    if (strncmp(text, "d=", 2) != 0 || strlen(text) != 12)
        return false;
    text += 2;
    for (size_t i = 0; i < FL_COUNT(parts); i++) {
        for (int n = 0; n < digits[i]; n++, text++) {
            if (*text < '0' || *text > '9')
                return false;
            parts[i] = parts[i] * 10 + (*text - '0');
        }
    }
    return fl_cycle_from_parts(parts[0], parts[1], parts[2], parts[3], 0, 0, ret_cycle, NULL) == 0;
}

/* Ends the field that starts at *at and returns it; *at moves behind it. NULL when there is none.
 */
static char *take_field(char **at)
{
    char *field = *at;
    char *colon = field ? strchr(field, ':') : NULL;

    if (!field)
        return NULL;
    if (colon)
        *colon = '\0';
    *at = colon ? colon + 1 : NULL;
    return field;
}

static int bad_line(size_t number, const char *line, const char *what, struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_PARSE, 0,
                      "index line %zu '%.*s': %s; accepted: N:OFFSET:d=YYYYMMDDHH:VAR:LEVEL:"
                      "FORECAST:",
                      number, LINE_SHOWN, line, what);
}

/* "N" or "N.M". */
static bool read_message(const char *text, struct fl_index_line *line)
{
    uint64_t number = 0;
    uint64_t field = 0;
    const char *after = NULL;

    if (read_number(text, '.', &number, &after)) {
        if (!read_number(after, '\0', &field, &after) || field == 0)
            return false;
    } else if (!read_number(text, '\0', &number, &after)) {
        return false;
    }
    if (number == 0 || number > UINT32_MAX || field > UINT32_MAX)
        return false;
    line->number = (uint32_t)number;
    line->field = (uint32_t)field;
    return true;
}

/* Where the free text tells of a member: "ENS=+12", "ENS=low-res ctl", "ENS=hi-res ctl". The number
 * is put behind the keys. */
static const char *find_member(const char *rest, char **keys)
{
    const char *ens = rest ? strstr(rest, "ENS=") : NULL;
    char *member = *keys;
    size_t digits;

    if (!ens)
        return "";
    ens += 4;
    if (strstr(ens, "ctl"))
        return "0";
    ens += *ens == '+';
    digits = strspn(ens, "0123456789");
    if (digits == 0 || (ens[digits] && ens[digits] != ':'))
        return "";
    memcpy(member, ens, digits);
    member[digits] = '\0';
    *keys += digits + 1;
    return member;
}

/* `text` is one line without its end; keys is where the key goes (room for the line is there). */
static int parse_line(char *text, size_t number, struct fl_index_line *line, char **keys,
                      struct fl_err *reterr)
{
    char shown[LINE_SHOWN];
    char *rest = text;
    const char *after = NULL;
    char *fields[6];
    char *key = *keys;

    (void)snprintf(shown, sizeof(shown), "%s", text);
    for (size_t i = 0; i < FL_COUNT(fields); i++)
        fields[i] = take_field(&rest);
    if (!fields[5])
        return bad_line(number, shown, "it has fewer than six fields", reterr);
    if (!read_message(fields[0], line))
        return bad_line(number, shown, "its message number is not N or N.M", reterr);
    if (!read_number(fields[1], '\0', &line->offset, &after) || line->offset > INT64_MAX)
        return bad_line(number, shown, "its offset is not a number of bytes", reterr);
    if (!read_date(fields[2], &line->cycle))
        return bad_line(number, shown, "its date is not d=YYYYMMDDHH", reterr);
    if (!*fields[3] || !*fields[5])
        return bad_line(number, shown, "its variable or forecast is empty", reterr);
    line->variable = fields[3];
    line->level = fields[4];
    line->forecast = fields[5];
    line->rest = rest ? rest : "";
    line->kind = FL_INDEX_IDX;
    line->key = key;
    *keys +=
        1 + (size_t)snprintf(key, strlen(fields[3]) + strlen(fields[4]) + strlen(fields[5]) + 5,
                             ":%s:%s:%s:", fields[3], fields[4], fields[5]);
    line->member = find_member(rest, keys);
    return 0;
}

static int by_offset(const void *a, const void *b)
{
    const struct fl_index_line *left = *(struct fl_index_line *const *)a;
    const struct fl_index_line *right = *(struct fl_index_line *const *)b;

    if (left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    return left->field < right->field ? -1 : left->field > right->field;
}

/* The end of each message is the smallest offset above its own. Lines share an offset only as
 * fields N.1, N.2, ... of one message. */
static int find_ends(struct fl_index *index, struct fl_err *reterr)
{
    struct fl_index_line **order = malloc(index->count * sizeof(struct fl_index_line *));
    uint64_t end = 0;
    int rc = 0;

    if (!order)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for an index of %zu lines",
                          index->count);
    for (size_t i = 0; i < index->count; i++)
        order[i] = &index->lines[i];
    qsort(order, index->count, sizeof(*order), by_offset);
    for (size_t i = index->count; i > 0 && rc == 0; i--) {
        struct fl_index_line *line = order[i - 1];
        const struct fl_index_line *before = i > 1 ? order[i - 2] : NULL;

        line->end = end;
        if (!before || before->offset != line->offset)
            end = line->offset;
        else if (before->number != line->number || before->field == 0 ||
                 before->field == line->field)
            rc = fl_err_set(reterr, FL_E_PARSE, 0,
                            "the index has messages %u and %u at the same byte %llu",
                            before->number, line->number, (unsigned long long)line->offset);
    }
    free(order);
    return rc;
}

static size_t count_lines(const char *text, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++)
        count += text[i] == '\n' || i + 1 == size;
    return count;
}

static int parse_lines(struct fl_index *index, struct fl_err *reterr)
{
    char *keys = index->keys;
    size_t number = 0;

    for (char *line = index->text; line && *line;) {
        char *end = strchr(line, '\n');
        char *next = end ? end + 1 : NULL;
        int rc;

        number++;
        if (end)
            *end = '\0';
        if (end && end > line && end[-1] == '\r')
            end[-1] = '\0';
        if (*line) {
            rc = parse_line(line, number, &index->lines[index->count], &keys, reterr);
            if (rc < 0)
                return rc;
            index->count++;
        }
        line = next;
    }
    if (index->count == 0)
        return fl_err_set(reterr, FL_E_PARSE, 0, "the index has no lines");
    return find_ends(index, reterr);
}

int fl_index_prepare(const char *text, size_t size, struct fl_index **ret_index,
                     struct fl_err *reterr)
{
    fl_auto(fl_index_destroy) struct fl_index *index = NULL;
    size_t room;

    fl_assert(text || size == 0);
    fl_assert(ret_index);
    if (size > FL_INDEX_BYTES_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "an index of %zu bytes; the limit is %zu", size,
                          FL_INDEX_BYTES_MAX);
    if (size > 0 && memchr(text, '\0', size))
        return fl_err_set(reterr, FL_E_PARSE, 0, "the index has a zero byte: it is not a text");
    room = count_lines(text, size);
    if (room > FL_INDEX_LINES_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "an index of %zu lines; the limit is %d", room,
                          FL_INDEX_LINES_MAX);
    index = calloc(1, sizeof(*index));
    if (index) {
        index->text = malloc(size + 1);
        index->keys_room = FL_INDEX_KEYS_ROOM(size, room);
        index->keys = malloc(index->keys_room);
        index->lines = calloc(room + 1, sizeof(*index->lines));
    }
    if (!index || !index->text || !index->keys || !index->lines)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for an index of %zu bytes", size);
    if (size > 0)
        memcpy(index->text, text, size);
    index->text[size] = '\0';
    *ret_index = FL_STEAL(index);
    return 0;
}

int fl_index_parse(const char *text, size_t size, struct fl_index **ret_index,
                   struct fl_err *reterr)
{
    fl_auto(fl_index_destroy) struct fl_index *index = NULL;
    int rc = fl_index_prepare(text, size, &index, reterr);

    if (rc == 0)
        rc = parse_lines(index, reterr);
    if (rc < 0)
        return rc;
    *ret_index = FL_STEAL(index);
    return 0;
}

int fl_index_parse_kind(enum fl_index_kind kind, const char *text, size_t size,
                        struct fl_index **ret_index, struct fl_err *reterr)
{
    switch (kind) {
    case FL_INDEX_IDX:
        return fl_index_parse(text, size, ret_index, reterr);
    case FL_INDEX_ECMWF:
        return fl_index_parse_ecmwf(text, size, ret_index, reterr);
    case FL_INDEX_NONE:
        break;
    }
    return fl_err_set(reterr, FL_E_BUG, 0, "a source without an index has none to read");
}

void fl_index_destroy(struct fl_index *index)
{
    if (!index)
        return;
    free(index->text);
    free(index->keys);
    free(index->pairs);
    free(index->lines);
    free(index);
}

size_t fl_index_count(const struct fl_index *index)
{
    return index->count;
}

const struct fl_index_line *fl_index_at(const struct fl_index *index, size_t at)
{
    fl_assert(at < index->count);
    return &index->lines[at];
}

bool fl_index_forecast(const char *forecast, struct fl_lead *ret_lead)
{
    static const struct {
        const char *unit;
        int64_t minutes;
    } units[] = {{"min ", 1}, {"hour ", 60}, {"day ", 1440}};
    uint64_t value = 0;
    const char *at = forecast;

    if (strcmp(forecast, "anl") == 0 || strcmp(forecast, "analysis") == 0) {
        ret_lead->minutes = 0;
        return true;
    }
    if (read_number(at, '-', &value, &at)) { /* an interval: what counts is its end */
        if (!read_number(at, ' ', &value, &at))
            return false;
    } else if (!read_number(forecast, ' ', &value, &at)) {
        return false;
    }
    for (size_t i = 0; i < FL_COUNT(units); i++) {
        if (strncmp(at, units[i].unit, strlen(units[i].unit)) == 0 && value <= 100000) {
            ret_lead->minutes = (int32_t)((int64_t)value * units[i].minutes);
            return true;
        }
    }
    return false;
}
