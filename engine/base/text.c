/* Texts on the heap. */
#include "config.h"

#include "engine/base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

int fl_text_set(char **field, const char *text, struct fl_err *reterr)
{
    char *copy = text ? strdup(text) : NULL;

    fl_assert(field);
    if (text && !copy)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a text");
    free(*field);
    *field = copy;
    return 0;
}

/* Bytes of the character that begins at text, at most left of them; 0 when it is not one. */
static size_t character_size(const unsigned char *text, size_t left)
{
    unsigned char lead = text[0];
    size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((lead == 0xe0 && text[1] < 0xa0) || (lead == 0xed && text[1] > 0x9f) ||
        (lead == 0xf0 && text[1] < 0x90) || (lead == 0xf4 && text[1] > 0x8f))
        return 0;
    return size;
}

bool fl_text_is_utf8(const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0;

    while (at < size) {
        uint64_t eight;
        size_t step;

        if (size - at >= sizeof(eight)) { /* plain ASCII, eight bytes at a time */
            memcpy(&eight, bytes + at, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof(eight);
                continue;
            }
        }
        step = character_size(bytes + at, size - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

size_t fl_text_distance(const char *a, const char *b)
{
    size_t row[FL_TEXT_DISTANCE_BYTES + 1];
    size_t m = strnlen(a, FL_TEXT_DISTANCE_BYTES);
    size_t n = strnlen(b, FL_TEXT_DISTANCE_BYTES);

    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}
