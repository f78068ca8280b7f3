#ifndef FL_FETCH_ASK_IMPL_H
#define FL_FETCH_ASK_IMPL_H

/* Private to ask.c, ask_create.c, whole.c and look.c. */

#include "data-fetch/source/ask.h"
#include "data-fetch/source/crop.h"

struct fl_ask_part {
    char *name;
    uint16_t values[FL_SOURCE_DIMENSIONS_MAX];     /* index into the dimension's chosen values */
    struct fl_keys *expects[FL_SOURCE_EXPECT_MAX]; /* borrowed from the request */
    size_t expect_count;
};

/* The values of a dimension that are asked for. */
struct fl_ask_values {
    char **values;
    size_t count;
};

struct fl_ask {
    const struct fl_source *source;
    struct fl_select *select;
    struct fl_keys *keys[FL_ASK_KEYS_MAX];
    size_t key_count;
    struct fl_ask_values with[FL_SOURCE_DIMENSIONS_MAX];
    struct fl_ask_part *parts;
    size_t part_count;
    struct fl_keys **expects; /* of all parts, each text once */
    size_t expect_count;
    bool has_area;
    struct fl_area area;
    char area_text[80];
    char digest[FL_DIGEST_HEX];
};

/* The value of a dimension for a part; NULL when the source has no such dimension. */
const char *fl_ask_value(const struct fl_ask *ask, size_t part, const char *dimension);
/* The same for the expansion of a pattern; arg is the struct. */
struct fl_ask_values_of {
    const struct fl_ask *ask;
    size_t part;
};
const char *fl_ask_value_of(const char *dimension, void *arg);

#endif
