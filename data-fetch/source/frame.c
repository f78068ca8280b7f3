/* The frame of GRIB messages. */
#include "config.h"

#include "data-fetch/source/frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

#define FRAME_MIN 16
#define END_SIZE 4
#define SECTION_COUNT 8 /* 0 to 7; the end mark is section 8 */

static const char frame_end[] = "7777";

int fl_frame_length(const void *data, size_t size, uint64_t *ret_length, struct fl_err *reterr)
{
    const unsigned char *at = data;
    uint64_t length = 0;

    if (size >= 4 && memcmp(at, "GRIB", 4) != 0) {
        size_t skip = 0;
        char shown[5];

        while (skip < size && (at[skip] == ' ' || at[skip] == '\n' || at[skip] == '\r'))
            skip++;
        if (skip + 1 < size && at[skip] == '<')
            return fl_err_set(reterr, FL_E_DATA, 0,
                              "the bytes are an HTML or XML page, not GRIB: '%.60s'",
                              (const char *)at + skip);
        for (size_t i = 0; i < 4; i++)
            shown[i] = at[i] >= 0x20 && at[i] < 0x7f ? (char)at[i] : '.';
        shown[4] = '\0';
        return fl_err_set(reterr, FL_E_DATA, 0, "the bytes begin with '%s', not with 'GRIB'",
                          shown);
    }
    if (size < FRAME_MIN)
        return fl_err_set(reterr, FL_E_DATA, 0, "%zu bytes are too few for a GRIB message", size);
    switch (at[7]) {
    case 1:
        length = ((uint64_t)at[4] << 16) | ((uint64_t)at[5] << 8) | at[6];
        break;
    case 2:
        for (size_t i = 8; i < 16; i++)
            length = (length << 8) | at[i];
        break;
    default:
        return fl_err_set(reterr, FL_E_DATA, 0, "GRIB edition %d; accepted: 1, 2", at[7]);
    }
    if (length < FRAME_MIN + END_SIZE)
        return fl_err_set(reterr, FL_E_DATA, 0, "the message says it is %" PRIu64 " bytes long",
                          length);
    *ret_length = length;
    return 0;
}

int fl_frame_check(const void *data, size_t size, struct fl_err *reterr)
{
    const char *at = data;
    uint64_t length = 0;
    int rc = fl_frame_length(data, size, &length, reterr);

    if (rc < 0)
        return rc;
    if (size > FL_MESSAGE_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "a message of %zu bytes; the limit is %zu", size,
                          FL_MESSAGE_MAX);
    if (length != size)
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "the message says it is %" PRIu64 " bytes long, the index says %zu",
                          length, size);
    if (memcmp(at + size - END_SIZE, frame_end, END_SIZE) != 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "the message of %zu bytes does not end in '7777'",
                          size);
    return 0;
}

/* Where the newest section of each number stands. */
struct sections {
    const unsigned char *at[SECTION_COUNT];
    size_t size[SECTION_COUNT];
};

/* A message of the sections at hand: what came last of each number. */
static void join_sections(const struct sections *sections, struct fl_buf *out)
{
    uint64_t length;

    fl_buf_clear(out);
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (sections->at[i])
            fl_buf_add(out, sections->at[i], sections->size[i]);
    }
    fl_buf_add(out, frame_end, END_SIZE);
    length = out->size;
    for (size_t i = 0; i < 8 && !out->failed; i++)
        out->data[8 + i] = (char)(length >> (56 - 8 * i));
}

/* The section at `at`: its number and size. 0 when it does not fit into the `left` bytes. */
static size_t section_size(const unsigned char *at, size_t left, unsigned *ret_number)
{
    size_t size;

    if (left < 5)
        return 0;
    size = ((size_t)at[0] << 24) | ((size_t)at[1] << 16) | ((size_t)at[2] << 8) | at[3];
    *ret_number = at[4];
    return size >= 5 && size <= left ? size : 0;
}

int fl_frame_fields(const void *data, size_t size, fl_frame_field_fn fn, uint32_t *ret_count,
                    struct fl_err *reterr, void *arg)
{
    fl_auto(fl_buf_release) struct fl_buf one;
    struct sections sections = {.at = {data}, .size = {FRAME_MIN}};
    const unsigned char *start = data;
    size_t at = FRAME_MIN;
    uint32_t count = 0;
    int rc = 0;

    fl_buf_init(&one, FL_MESSAGE_MAX);
    if (size < FRAME_MIN + END_SIZE || start[7] != 2)
        return fl_err_set(reterr, FL_E_DATA, 0, "GRIB edition %d; inventories describe edition 2",
                          size > 7 ? start[7] : 0);
    while (rc == 0 && at < size - END_SIZE) {
        unsigned number = 0;
        size_t length = section_size(start + at, size - END_SIZE - at, &number);

        if (length == 0 || number == 0 || number >= SECTION_COUNT)
            return fl_err_set(reterr, FL_E_DATA, 0,
                              "the section at byte %zu of the message does not fit into its %zu "
                              "bytes",
                              at, size);
        /* a bit map "as before" (indicator 254) stands for the one that came before */
        if (number != 6 || length < 6 || start[at + 5] != 254 || !sections.at[6]) {
            sections.at[number] = start + at;
            sections.size[number] = length;
        }
        at += length;
        if (number == 7) {
            if (++count > FL_FRAME_FIELDS_MAX)
                return fl_err_set(reterr, FL_E_TOO_BIG, 0, "more than %d fields in a message",
                                  FL_FRAME_FIELDS_MAX);
            join_sections(&sections, &one);
            rc = fl_buf_check(&one, reterr);
            if (rc == 0)
                rc = fn(one.data, one.size, count, reterr, arg);
        }
    }
    if (rc == 0 && count == 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "the message has no data section");
    if (rc == 0)
        *ret_count = count;
    return rc;
}
