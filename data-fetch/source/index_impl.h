#ifndef FL_FETCH_INDEX_IMPL_H
#define FL_FETCH_INDEX_IMPL_H

/* Private to index.c and ecmwf.c. */

#include "data-fetch/source/index.h"

struct fl_index {
    char *text; /* the lines, cut into fields in place */
    char *keys; /* texts made from the lines: keys, levels, values of members */
    size_t keys_room;
    struct fl_index_line *lines;
    size_t count;
    struct fl_index_pair *pairs; /* of all ECMWF lines, one after the other */
};

/* Enough for the texts that are made from so many bytes and lines: a line's members with their
 * ends, its key and its level are together shorter than three lines and some marks. */
#define FL_INDEX_KEYS_ROOM(size, lines) ((size)*3 + (lines)*64 + 64)

/* An empty index with its limits checked and room for the lines of the text, which is copied. */
int fl_index_prepare(const char *text, size_t size, struct fl_index **ret_index,
                     struct fl_err *reterr);

#endif
