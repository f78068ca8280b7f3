/* Events as compact JSON text, written without a tree in between: what the store keeps of each. */
#include "config.h"

#include <stddef.h>
#include <string.h>

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
