#ifndef FL_TESTS_LIB_DUMP_H
#define FL_TESTS_LIB_DUMP_H

/* The whole live state of a core as text: the same text means the same state, tables and counters
 * included. Owns: nothing. Threads: one at a time. Limits: FL_BUF_LIMIT bytes. */

#include "engine/core/core.h"

/* Text of the state; free with free(). */
char *dump_core(const struct fl_core *core);
/* A number that stands for it. */
uint64_t dump_hash(const struct fl_core *core);
/* FNV-1a of a text, going on from a hash (start with DUMP_HASH_START). */
#define DUMP_HASH_START UINT64_C(14695981039346656037)
uint64_t dump_hash_text(uint64_t hash, const char *text);

#endif
