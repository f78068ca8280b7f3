/* The structure of GRIB messages. Source: WMO Manual on Codes, volume I.2, FM 92 GRIB (editions 1
 * and 2). */
#include "config.h"

#include "stages/common/grib_impl.h"

#include <ctype.h>
#include <string.h>

#include "engine/base/buf.h"

#include "engine/base/banned.h"

#define HEAD_1 8      /* bytes of section 0, edition 1 */
#define HEAD_2 16     /* edition 2 */
#define TAIL 4        /* "7777" */
#define SECTION_MAX 7 /* highest section number before the end */
#define BITMAP_PREVIOUS 254

/* A section of the message: where, and its number of bytes. */
struct span {
    size_t at;
    size_t size;
};

static uint64_t big_endian(const unsigned char *bytes, size_t count)
{
    uint64_t value = 0;

    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* The first bytes as text for a person: an HTML page shows itself. */
static void first_words(const unsigned char *bytes, size_t size, char text[static 64])
{
    size_t used = 0;

    for (size_t i = 0; i < size && used < 60; i++)
        text[used++] = isprint(bytes[i]) ? (char)bytes[i] : '.';
    text[used] = 0;
}

/* Walks the sections of an edition-2 message whose length is known to be there; counts its fields.
 */
static int scan_sections(const unsigned char *bytes, size_t size, uint64_t base, size_t *ret_fields,
                         struct fl_err *reterr)
{
    size_t at = HEAD_2;
    size_t fields = 0;
    unsigned before = 0;

    while (at + TAIL < size) {
        uint64_t length = at + 5 <= size - TAIL ? big_endian(bytes + at, 4) : 0;
        unsigned number = length ? bytes[at + 4] : 0;

        if (length < 5 || length > size - TAIL - at || number < 1 || number > SECTION_MAX)
            return fl_err_set(reterr, FL_E_DATA, 0,
                              "GRIB message at offset %llu: broken section at offset %llu",
                              (unsigned long long)base, (unsigned long long)(base + at));
        /* After the values (7) a further field begins with section 2, 3 or 4. */
        if (number != before + 1 && !(number == 3 && before == 1) &&
            !(before == 7 && number >= 2 && number <= 4))
            return fl_err_set(reterr, FL_E_DATA, 0,
                              "GRIB message at offset %llu: section %u follows section %u",
                              (unsigned long long)base, number, before);
        fields += number == 7;
        before = number;
        at += (size_t)length;
    }
    if (before != 7 || fields == 0 || fields > FL_GRIB_FIELDS_MAX)
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "GRIB message at offset %llu: %zu fields, ends after section %u",
                          (unsigned long long)base, fields, before);
    *ret_fields = fields;
    return 0;
}

int fl_grib_scan(const void *memory, size_t size, uint64_t base, size_t *ret_size,
                 size_t *ret_fields, struct fl_err *reterr)
{
    const unsigned char *bytes = memory;
    unsigned long long at = base;
    uint64_t length = 0;
    unsigned edition;

    fl_assert(memory || size == 0);
    if (size < HEAD_1 || memcmp(bytes, "GRIB", 4) != 0) {
        char words[64];

        first_words(bytes, size, words);
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "offset %llu: a GRIB message must begin here; %zu bytes are left: '%s'",
                          at, size, words);
    }
    edition = bytes[7];
    if (edition == 1)
        length = big_endian(bytes + 4, 3);
    else if (edition == 2 && size >= HEAD_2)
        length = big_endian(bytes + 8, 8);
    else
        return fl_err_set(
            reterr, FL_E_DATA, 0,
            "GRIB message at offset %llu: edition %u, %zu bytes; editions 1 and 2 are "
            "read",
            at, edition, size);
    if (edition == 1 && length >= 0x800000)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "GRIB1 message at offset %llu: larger than 8 MiB", at);
    if (length > size || length < (edition == 1 ? HEAD_1 : HEAD_2) + TAIL)
        return fl_err_set(
            reterr, FL_E_DATA, 0,
            "GRIB message at offset %llu: its length is %llu bytes, but %zu are there", at,
            (unsigned long long)length, size);
    if (memcmp(bytes + length - TAIL, "7777", TAIL) != 0)
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "GRIB message at offset %llu: no 7777 at its end, offset %llu", at,
                          (unsigned long long)(base + length - TAIL));
    *ret_size = (size_t)length;
    *ret_fields = 1;
    return edition == 2 ? scan_sections(bytes, (size_t)length, base, ret_fields, reterr) : 0;
}

int fl_grib_extract(const unsigned char *message, size_t size, size_t field, struct fl_buf *out,
                    struct fl_err *reterr)
{
    struct span spans[SECTION_MAX + 1] = {{0, 0}};
    struct span bitmap = {0, 0}; /* the last one that holds its own bits */
    size_t at = HEAD_2;
    size_t seen = 0;
    size_t total = HEAD_2 + TAIL;
    unsigned char head[HEAD_2];

    while (at + TAIL < size && seen <= field) {
        size_t length = (size_t)big_endian(message + at, 4);
        unsigned number = message[at + 4];

        fl_assert(number >= 1 && number <= SECTION_MAX && length >= 5);
        spans[number] = (struct span){at, length};
        if (number == 6 && length >= 6 && message[at + 5] < BITMAP_PREVIOUS)
            bitmap = spans[6];
        seen += number == 7;
        at += length;
    }
    fl_assert(seen == field + 1);
    if (spans[6].size >= 6 && message[spans[6].at + 5] == BITMAP_PREVIOUS && bitmap.size > 0)
        spans[6] = bitmap;
    for (unsigned i = 1; i <= SECTION_MAX; i++)
        total += spans[i].size;
    memcpy(head, message, HEAD_2);
    for (unsigned i = 0; i < 8; i++)
        head[8 + i] = (unsigned char)((uint64_t)total >> (56 - 8 * i));
    fl_buf_add(out, head, sizeof(head));
    for (unsigned i = 1; i <= SECTION_MAX; i++)
        fl_buf_add(out, message + spans[i].at, spans[i].size);
    fl_buf_add(out, "7777", TAIL);
    return fl_buf_check(out, reterr);
}
