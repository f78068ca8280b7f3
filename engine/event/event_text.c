/* Events as compact JSON text, written and read without a tree in between: what the store keeps of
 * each. The reader takes just what the writer writes; anything else goes the way of the tree, which
 * also says what is wrong. */
#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "engine/event/fields.h"

#include "engine/base/banned.h"

#define PAIRS \
    "00010203040506070809" \
    "10111213141516171819" \
    "20212223242526272829" \
    "30313233343536373839" \
    "40414243444546474849" \
    "50515253545556575859" \
    "60616263646566676869" \
    "70717273747576777879" \
    "80818283848586878889" \
    "90919293949596979899"

static void put_number(struct fl_buf *out, int64_t value)
{
    char text[24];
    char *at = text + sizeof(text);
    uint64_t rest = value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;

    while (rest >= 10) {
        at -= 2;
        memcpy(at, &PAIRS[2 * (rest % 100)], 2);
        rest /= 100;
    }
    if (rest > 0 || at == text + sizeof(text))
        *--at = (char)('0' + rest);
    else if (*at == '0') /* the upper one of the last pair */
        at++;
    if (value < 0)
        *--at = '-';
    fl_buf_add(out, at, (size_t)(text + sizeof(text) - at));
}

/* A text in quotes, with what JSON asks to be escaped. False when it is not UTF-8. */
static bool put_text(struct fl_buf *out, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t size = strlen(text);
    size_t from = 0;

    fl_buf_putc(out, '"');
    for (size_t at = 0; at < size; at++) {
        unsigned char c = (unsigned char)text[at];
        char escaped[6] = {'\\', (char)c};
        size_t escaped_size = 2;

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        fl_buf_add(out, text + from, at - from);
        from = at + 1;
        switch (c) {
        case '"':
        case '\\':
            break;
        case '\b':
            escaped[1] = 'b';
            break;
        case '\f':
            escaped[1] = 'f';
            break;
        case '\n':
            escaped[1] = 'n';
            break;
        case '\r':
            escaped[1] = 'r';
            break;
        case '\t':
            escaped[1] = 't';
            break;
        default:
            memcpy(escaped, "\\u00", 4);
            escaped[4] = digits[c >> 4];
            escaped[5] = digits[c & 15];
            escaped_size = 6;
            break;
        }
        fl_buf_add(out, escaped, escaped_size);
    }
    fl_buf_add(out, text + from, size - from);
    fl_buf_putc(out, '"');
    return fl_text_is_utf8(text, size);
}

/* Days since 1970-01-01 and back, proleptic Gregorian, in years of 365 days that begin in March
 * (H. Hinnant, chrono-Compatible Low-Level Date Algorithms). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400; /* y >= 0 here */
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void put_two(char *at, int64_t value)
{
    memcpy(at, &PAIRS[2 * value], 2);
}

void fl_event_time_to_text(int64_t time_ns, char text[static FL_EVENT_TIME_MAX])
{
    int64_t s = time_ns / 1000000000;
    int64_t ns = time_ns % 1000000000;
    int64_t days;
    int64_t era;
    int64_t of_era;
    int64_t year;
    int64_t of_year;
    int64_t month;

    if (ns < 0) {
        ns += 1000000000;
        s--;
    }
    days = (s >= 0 ? s : s - 86399) / 86400;
    s -= days * 86400;
    days += 719468; /* from 0000-03-01; not negative for any 64-bit number of nanoseconds */
    era = days / 146097;
    of_era = days - era * 146097;
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * year + year / 4 - year / 100);
    month = (5 * of_year + 2) / 153;
    memcpy(text, "0000-00-00T00:00:00.000000000Z", sizeof("0000-00-00T00:00:00.000000000Z"));
    put_two(text + 8, of_year - (153 * month + 2) / 5 + 1);
    month += month < 10 ? 3 : -9;
    put_two(text + 5, month);
    year += era * 400 + (month <= 2);
    put_two(text, year / 100);
    put_two(text + 2, year % 100);
    put_two(text + 11, s / 3600);
    put_two(text + 14, s / 60 % 60);
    put_two(text + 17, s % 60);
    for (char *at = text + 28; ns > 0; at--) {
        *at = (char)('0' + ns % 10);
        ns /= 10;
    }
}

int fl_event_to_text(const struct fl_event *event, struct fl_buf *out, struct fl_err *reterr)
{
    char time[FL_EVENT_TIME_MAX];
    bool good = true;

    fl_assert(event);
    fl_assert(out);
    fl_event_time_to_text(event->time_ns, time);
    fl_buf_puts(out, "{\"v\":");
    put_number(out, FL_EVENT_VERSION);
    fl_buf_puts(out, ",\"seq\":");
    put_number(out, (int64_t)event->seq.v);
    fl_buf_puts(out, ",\"time\":\"");
    fl_buf_puts(out, time);
    fl_buf_puts(out, "\",\"type\":\"");
    fl_buf_puts(out, fl_event_type_name(event->type));
    fl_buf_putc(out, '"');
    for (size_t f = 0; f < fl_event_field_count; f++) {
        const struct fl_event_field *field = &fl_event_fields[f];
        const char *text = field->is_text ? fl_event_text_at(event, field) : NULL;
        int64_t number = field->is_text ? 0 : fl_event_number_at(event, field);

        if (!text && number == 0)
            continue;
        fl_buf_add(out, ",\"", 2);
        fl_buf_add(out, field->name, field->name_size);
        fl_buf_add(out, "\":", 2);
        if (text)
            good &= put_text(out, text);
        else
            put_number(out, number);
    }
    fl_buf_putc(out, '}');
    if (!good)
        return fl_err_set(reterr, FL_E_PARSE, 0, "event %s has a text that is not UTF-8",
                          fl_event_type_name(event->type));
    return fl_buf_check(out, reterr);
}

/* What is left to read. */
struct reading {
    const char *at;
    const char *end;
    struct fl_event *event;
    size_t field; /* that comes next when all are there in their order */
};

static bool skip(struct reading *r, const char *text, size_t size)
{
    if ((size_t)(r->end - r->at) < size || memcmp(r->at, text, size) != 0)
        return false;
    r->at += size;
    return true;
}

static bool read_number(struct reading *r, int64_t *ret_value)
{
    bool negative = skip(r, "-", 1);
    const char *first = r->at;
    uint64_t value = 0;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && r->at - first < 19)
        value = value * 10 + (uint64_t)(*r->at++ - '0');
    if (r->at == first || (*first == '0' && r->at - first > 1) || value > INT64_MAX ||
        (r->at < r->end && *r->at != ',' && *r->at != '}')) /* also the lowest of all */
        return false;
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool read_digits(const char *text, size_t count, int64_t *ret_value)
{
    int64_t value = 0;

    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *ret_value = value;
    return true;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool read_time(struct reading *r)
{
    static const int days_in[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *t = r->at;
    int64_t year, month, day, hour, minute, second, ns;

    if (r->end - t < 31 || t[4] != '-' || t[7] != '-' || t[10] != 'T' || t[13] != ':' ||
        t[16] != ':' || t[19] != '.' || t[29] != 'Z' || !read_digits(t, 4, &year) ||
        !read_digits(t + 5, 2, &month) || !read_digits(t + 8, 2, &day) ||
        !read_digits(t + 11, 2, &hour) || !read_digits(t + 14, 2, &minute) ||
        !read_digits(t + 17, 2, &second) || !read_digits(t + 20, 9, &ns))
        return false;
    if (year < 1900 || year > 2199 || month < 1 || month > 12 || day < 1 ||
        day > days_in[month] + (month == 2 && is_leap(year)) || hour > 23 || minute > 59 ||
        second > 59)
        return false; /* the other reader says what is accepted */
    r->event->time_ns =
        ((days_of(year, month, day) * 24 + hour) * 60 + minute) * INT64_C(60000000000) +
        second * 1000000000 + ns;
    r->at += 30;
    return true;
}

/* Up to the closing quote; the opening one has been read. False for what is escaped. */
static bool read_text(struct reading *r, const char **ret_text)
{
    const char *quote = memchr(r->at, '"', (size_t)(r->end - r->at));
    size_t size = quote ? (size_t)(quote - r->at) : 0;
    char *room;

    if (!quote || size > FL_EVENT_TEXT_MAX || memchr(r->at, '\\', size) ||
        !fl_text_is_utf8(r->at, size))
        return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)r->at[i] < 0x20)
            return false;
    room = fl_event_room(r->event, size);
    if (!room)
        return false;
    memcpy(room, r->at, size);
    room[size] = '\0';
    *ret_text = room;
    r->at = quote + 1;
    return true;
}

/* The field whose name stands here, in the order of the table. */
static const struct fl_event_field *read_name(struct reading *r)
{
    for (; r->field < fl_event_field_count; r->field++) {
        const struct fl_event_field *field = &fl_event_fields[r->field];

        if ((size_t)(r->end - r->at) > field->name_size && r->at[field->name_size] == '"' &&
            memcmp(r->at, field->name, field->name_size) == 0) {
            r->at += field->name_size + 1;
            r->field++;
            return field;
        }
    }
    return NULL;
}

static bool read_fields(struct reading *r)
{
    while (skip(r, ",\"", 2)) {
        const struct fl_event_field *field = read_name(r);
        char *place = (char *)r->event + (field ? field->offset : 0);

        if (!field || !skip(r, ":", 1))
            return false;
        if (field->is_text) {
            if (!skip(r, "\"", 1) || !read_text(r, (const char **)(void *)place))
                return false;
        } else if (!read_number(r, (int64_t *)(void *)place)) {
            return false;
        }
    }
    return skip(r, "}", 1) && r->at == r->end;
}

static bool read_event(struct reading *r)
{
    enum fl_event_type type;
    const char *quote;
    int64_t seq;

    if (!skip(r, "{\"v\":1,\"seq\":", sizeof("{\"v\":1,\"seq\":") - 1) || !read_number(r, &seq) ||
        seq < 0 || !skip(r, ",\"time\":\"", sizeof(",\"time\":\"") - 1) || !read_time(r) ||
        !skip(r, "\",\"type\":\"", sizeof("\",\"type\":\"") - 1))
        return false;
    quote = memchr(r->at, '"', (size_t)(r->end - r->at));
    if (!quote || !fl_event_type_find(r->at, (size_t)(quote - r->at), &type))
        return false;
    r->at = quote + 1;
    r->event->type = type;
    r->event->seq.v = (uint64_t)seq;
    return read_fields(r) && fl_event_is_whole(r->event);
}

int fl_event_from_text(const char *text, size_t size, struct fl_event **ret_event,
                       struct fl_err *reterr)
{
    fl_auto(fl_event_destroy) struct fl_event *event = NULL;
    struct reading r = {.at = text, .end = text + size};
    fl_json_auto json_t *json = NULL;
    int rc = fl_event_create(FL_EVENT_RUN_CREATED, &event, reterr);

    if (rc < 0)
        return rc;
    r.event = event;
    if (read_event(&r)) {
        *ret_event = FL_STEAL(event);
        return 0;
    }
    rc = fl_json_parse(text, size, &json, reterr);
    return rc < 0 ? rc : fl_event_from_json(json, ret_event, reterr);
}
