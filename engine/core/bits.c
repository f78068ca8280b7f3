/* A tree of words. */
#include "config.h"

#include "engine/core/bits.h"

#include <stdlib.h>

#include "engine/base/banned.h"

int fl_bits_init(struct fl_bits *bits, uint32_t count, struct fl_err *reterr)
{
    size_t sizes[FL_BITS_LEVELS];
    size_t total = 0;
    size_t size = count;
    uint32_t height = 0;
    uint64_t *words;

    fl_assert(count <= UINT32_C(1) << 30);
    do { /* a word more than needed, so that one past the end may be asked for */
        size = size / 64 + 1;
        sizes[height++] = size;
        total += size;
    } while (size > 1);
    words = calloc(total, sizeof(*words));
    if (!words)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the state of the runs");
    *bits = (struct fl_bits){.height = height};
    for (uint32_t level = 0; level < height; level++) {
        bits->levels[level] = words;
        words += sizes[level];
    }
    return 0;
}

void fl_bits_release(struct fl_bits *bits)
{
    free(bits->levels[0]);
    *bits = (struct fl_bits){0};
}

void fl_bits_add(struct fl_bits *bits, uint32_t at)
{
    fl_assert(bits->height > 0);
    if (fl_bits_has(bits, at))
        return;
    bits->members++;
    for (uint32_t level = 0; level < bits->height; level++) {
        bits->levels[level][at / 64] |= UINT64_C(1) << (at % 64);
        at /= 64;
    }
}

void fl_bits_drop(struct fl_bits *bits, uint32_t at)
{
    if (!fl_bits_has(bits, at))
        return;
    bits->members--;
    for (uint32_t level = 0; level < bits->height; level++) {
        bits->levels[level][at / 64] &= ~(UINT64_C(1) << (at % 64));
        if (bits->levels[level][at / 64])
            return;
        at /= 64;
    }
}

bool fl_bits_has(const struct fl_bits *bits, uint32_t at)
{
    return bits->height > 0 && (bits->levels[0][at / 64] >> (at % 64)) & 1;
}

uint32_t fl_bits_next(const struct fl_bits *bits, uint32_t from)
{
    uint64_t at = from;
    uint32_t level = 0;

    if (bits->members == 0)
        return FL_BITS_NONE;
    for (;;) { /* up, until a word has a member to the right */
        uint64_t word = bits->levels[level][at / 64] >> (at % 64);

        if (word) {
            at += (uint64_t)__builtin_ctzll(word);
            break;
        }
        at = at / 64 + 1;
        if (++level == bits->height)
            return FL_BITS_NONE;
    }
    while (level > 0) { /* and down to it */
        level--;
        at = at * 64 + (uint64_t)__builtin_ctzll(bits->levels[level][at]);
    }
    return (uint32_t)at;
}
