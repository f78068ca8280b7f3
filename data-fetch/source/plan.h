#ifndef FL_FETCH_PLAN_H
#define FL_FETCH_PLAN_H

/* From an index and a selection to the byte ranges to ask for.
 * A range holds whole messages; adjacent messages (and those no further apart than the merge gap)
 * share one. Ranges are cut at a message border once they are FL_PLAN_RANGE_BYTES long.
 * Owns: its messages, ranges and field texts. Threads: one at a time.
 * Limits: FL_PLAN_SELECT_MAX expressions. */

#include <stdbool.h>

#include "data-fetch/source/index.h"
#include "data-fetch/source/keys.h"

#define FL_PLAN_SELECT_MAX 64
#define FL_ASK_KEYS_MAX 64 /* sets of keys */
#define FL_PLAN_RANGE_BYTES ((uint64_t)8 * 1024 * 1024)

/* A set of keys that the line could not decide alone: which of its conditions are open. */
struct fl_plan_open {
    uint16_t keys; /* which set */
    uint16_t conditions;
};

/* What a field of a message must turn out to be. */
struct fl_plan_field {
    uint32_t field; /* within its message, from 1; 0: the only one */
    enum fl_index_kind kind;
    char *variable;
    char *level;
    char *forecast;
    char *member;     /* "" when the line told none */
    uint64_t selects; /* bit i: the i-th expression chose it */
    uint64_t keys;    /* bit i: the i-th set of keys chose it for sure */
    struct fl_plan_open *open;
    size_t open_count;
};

/* One message: its place in the source file, and its fields that were asked for. */
struct fl_plan_message {
    uint32_t number;
    uint64_t offset;
    uint64_t end; /* 0: up to the end of the file */
    struct fl_plan_field *fields;
    size_t count;
};

struct fl_plan_range {
    uint64_t first;       /* [bytes] */
    uint64_t end;         /* [bytes], exclusive; 0: up to the end of the file */
    size_t message_first; /* index into messages */
    size_t message_count;
};

struct fl_plan {
    struct fl_plan_message *messages; /* by offset */
    size_t message_count;
    struct fl_plan_range *ranges;
    size_t range_count;
};

/* A set of POSIX extended regular expressions over ":VAR:LEVEL:FORECAST:". */
struct fl_select;

/* FL_E_CONFIG names the expression and what regcomp says. Free with fl_select_destroy. */
int fl_select_create(const char *const *expressions, size_t count, struct fl_select **ret_select,
                     struct fl_err *reterr);
void fl_select_destroy(struct fl_select *select);
FL_DEFINE_AUTO(struct fl_select *, fl_select_destroy)

/* What chooses lines: each expression and each set of keys; when there is neither, all. */
struct fl_plan_choice {
    const struct fl_select *select; /* may be NULL */
    struct fl_keys *const *keys;
    size_t key_count;
    const struct fl_lead *lead; /* lines of other leads do not count; NULL: all leads */
};

/* As fl_plan_make below, by any choice. */
int fl_plan_choose(const struct fl_index *index, const struct fl_plan_choice *choice,
                   uint64_t gap_bytes, struct fl_plan **ret_plan, struct fl_err *reterr);

/* select NULL: everything. gap_bytes: the largest hole that two messages of one range may have
 * between them. FL_E_MISMATCH when an expression matches no line (named in the text); FL_E_NOMEM.
 * Free with fl_plan_destroy. */
int fl_plan_make(const struct fl_index *index, const struct fl_select *select, uint64_t gap_bytes,
                 struct fl_plan **ret_plan, struct fl_err *reterr);
void fl_plan_destroy(struct fl_plan *plan);
FL_DEFINE_AUTO(struct fl_plan *, fl_plan_destroy)

/* Number of expressions, and one of them. */
size_t fl_select_count(const struct fl_select *select);
const char *fl_select_text(const struct fl_select *select, size_t at);

/* Bytes of all ranges; *ret_open is set when the last has no known end (then not counted). */
uint64_t fl_plan_bytes(const struct fl_plan *plan, bool *ret_open);
/* "first-last" or "first-", as in a Range header after "bytes=". */
void fl_plan_range_text(const struct fl_plan_range *range, char *text, size_t size);

#endif
