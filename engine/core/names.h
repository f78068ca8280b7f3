#ifndef FL_CORE_NAMES_H
#define FL_CORE_NAMES_H

/* Names with the number that each stands for, found at a cost that does not grow with their count;
 * and words: texts that come again and again, kept once and spoken of by number.
 * Owns: fl_names only its table (names are borrowed), fl_words its texts. Threads: one at a time.
 * Limits: UINT32_MAX - 1 names. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

struct fl_names {
    struct fl_name {
        const char *name; /* borrowed; NULL: an empty place */
        uint32_t hash;
        uint32_t v;
    } * items;
    size_t count;
    size_t room; /* a power of two */
};

bool fl_names_find(const struct fl_names *names, const char *name, uint32_t *ret_v);
/* The same for a name that does not end with a NUL. */
bool fl_names_find_sized(const struct fl_names *names, const char *name, size_t size,
                         uint32_t *ret_v);
/* A name that is not there yet. FL_E_NOMEM. */
int fl_names_add(struct fl_names *names, const char *name, uint32_t v, struct fl_err *reterr);
/* False when it is not there. */
bool fl_names_drop(struct fl_names *names, const char *name);
void fl_names_release(struct fl_names *names);

struct fl_words {
    struct fl_names index;
    char **items;
    size_t count;
    size_t room;
};

/* The number of a text, made when it is new; the text itself then lives as long as words.
 * FL_E_NOMEM. */
int fl_words_number(struct fl_words *words, const char *text, uint32_t *ret_v,
                    struct fl_err *reterr);
void fl_words_release(struct fl_words *words);

#endif
