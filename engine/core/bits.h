#ifndef FL_CORE_BITS_H
#define FL_CORE_BITS_H

/* A set of numbers below a fixed count, as a tree of words: the next member is found in as many
 * steps as the tree is high (four for two million), however few there are.
 * Owns: its words. Threads: one at a time. Limits: 2^30 numbers. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

#define FL_BITS_LEVELS 5
#define FL_BITS_NONE UINT32_MAX

struct fl_bits {
    uint64_t *levels[FL_BITS_LEVELS]; /* [0]: a bit a number; above: a bit a word that is not 0 */
    uint32_t height;                  /* 0: nothing was made, and the set is empty */
    uint32_t members;
};

/* An empty set of numbers below count. FL_E_NOMEM. */
int fl_bits_init(struct fl_bits *bits, uint32_t count, struct fl_err *reterr);
void fl_bits_release(struct fl_bits *bits);
/* Adding what is there, and dropping what is not, is fine. */
void fl_bits_add(struct fl_bits *bits, uint32_t at);
void fl_bits_drop(struct fl_bits *bits, uint32_t at);
bool fl_bits_has(const struct fl_bits *bits, uint32_t at);
/* The first member that is not less than from, or FL_BITS_NONE. */
uint32_t fl_bits_next(const struct fl_bits *bits, uint32_t from);

/* for (uint32_t i = fl_bits_next(bits, 0); i != FL_BITS_NONE; i = fl_bits_next(bits, i + 1)) */

#endif
