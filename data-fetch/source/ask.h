#ifndef FL_FETCH_ASK_H
#define FL_FETCH_ASK_H

/* What is asked of a source: which of its files (dimensions), which fields (selections, keys),
 * which part of the grid (area); and what follows from it for a lead: the parts that it comes from,
 * their paths, the byte ranges, and whether the bytes that came are what was asked for.
 *
 * A lead comes from one part a combination of the values asked for (members, variables, levels);
 * what the parts give is joined in their order. For each part: with an index, fl_ask_plan and then
 * fl_ask_take for each message of its ranges; without one, fl_whole_*. After the last part
 * fl_ask_end, and for NetCDF fl_ask_look on the finished file.
 * Owns: its selections and keys; borrows the source. Threads: one at a time.
 * Limits: FL_PLAN_SELECT_MAX selections, FL_ASK_KEYS_MAX sets of keys, FL_ASK_PARTS_MAX parts. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data-fetch/source/catalogue.h"
#include "data-fetch/source/plan.h"
#include "engine/base/digest.h"

#define FL_ASK_PARTS_MAX 4096

/* As a person says it; borrowed while fl_ask_create runs. */
struct fl_ask_words {
    const char *const *selects; /* POSIX expressions over ":VAR:LEVEL:FORECAST:" */
    size_t select_count;
    const char *const *keys; /* "shortName=10u/10v,level=10" */
    size_t key_count;
    const char *const *with; /* "member=p01/p02" */
    size_t with_count;
    const char *area; /* "N/W/S/E" [degrees] or NULL */
};

struct fl_ask;
struct fl_world;

/* FL_E_CONFIG names the word, what was found and what is accepted; FL_E_TOO_BIG, FL_E_NOMEM. Free
 * with fl_ask_destroy. */
int fl_ask_create(const struct fl_source *source, const struct fl_ask_words *words,
                  struct fl_ask **ret_ask, struct fl_err *reterr);
void fl_ask_destroy(struct fl_ask *ask);
FL_DEFINE_AUTO(struct fl_ask *, fl_ask_destroy)

const struct fl_source *fl_ask_source(const struct fl_ask *ask);
/* Parts of a lead, 1 or more. */
size_t fl_ask_parts(const struct fl_ask *ask);
/* "member=p01 level=850", "" for a source without dimensions; borrowed. */
const char *fl_ask_part_name(const struct fl_ask *ask, size_t part);
/* The request in one way of saying it: {"select": [...], "keys": [...], "with": {...}, "area":
 * ...}. New reference; NULL when memory ends. */
json_t *fl_ask_json(const struct fl_ask *ask);
/* SHA-256 of that and the source's name: what a size or a file on disk is remembered by. */
const char *fl_ask_digest(const struct fl_ask *ask);

/* Paths below a mirror. fl_ask_index_path: only when the source has an index. FL_E_CONFIG. */
int fl_ask_path(const struct fl_ask *ask, size_t part, struct fl_cycle cycle, struct fl_lead lead,
                struct fl_buf *out, struct fl_err *reterr);
int fl_ask_index_path(const struct fl_ask *ask, size_t part, struct fl_cycle cycle,
                      struct fl_lead lead, struct fl_buf *out, struct fl_err *reterr);

/* The time that is asked for, of the source. */
struct fl_ask_time {
    struct fl_cycle cycle;
    struct fl_cycle valid;
};

/* Reads the index of a part, holds its cycle and valid time against the request, and makes the
 * plan. FL_E_PARSE, FL_E_MISMATCH (also a selection that matches no line), FL_E_TOO_BIG,
 * FL_E_NOMEM. */
int fl_ask_plan(const struct fl_ask *ask, size_t part, const struct fl_ask_time *time,
                const char *text, size_t size, struct fl_plan **ret_plan, struct fl_err *reterr);

/* The same of an index that has been read, with another merge gap. */
int fl_ask_plan_of(const struct fl_ask *ask, size_t part, const struct fl_ask_time *time,
                   const struct fl_index *index, uint64_t gap_bytes, struct fl_plan **ret_plan,
                   struct fl_err *reterr);
/* True when the messages are taken as they are: no area, and nothing that is left out after a
 * look. */
bool fl_ask_is_plain(const struct fl_ask *ask);
/* The plan of a part by an index of any cycle, unheld: what a fetch would come to. The errors of
 * fl_ask_plan. */
int fl_ask_estimate(const struct fl_ask *ask, size_t part, struct fl_lead lead, const char *text,
                    size_t size, struct fl_plan **ret_plan, struct fl_err *reterr);

/* What has come of a lead so far; zeroed by the caller. */
struct fl_ask_tally {
    size_t messages;  /* taken */
    size_t left_out;  /* looked at and not asked for */
    uint64_t bytes;   /* given on */
    uint64_t keys;    /* bit i: the i-th set of keys has got something */
    uint64_t selects; /* the same for selections, of parts with an index */
};
/* Takes bytes that were found right. A negative return ends the call with that value. */
typedef int (*fl_ask_emit_fn)(const void *data, size_t size, void *arg);

/* Holds one message against the request and gives it on (cut to the area, if any). message NULL: of
 * a file without an index. Zero bytes behind the message are padding and left out.
 * FL_E_DATA: not a whole message, cannot be decoded; FL_E_MISMATCH: of another cycle, time,
 * parameter, level, member, grid: the text says what was found and what was expected;
 * FL_E_UNSUPPORTED: an area of a grid that cannot be cut; FL_E_NOMEM; what emit returns. */
int fl_ask_take(const struct fl_ask *ask, size_t part, const struct fl_ask_time *time,
                const struct fl_plan_message *message, const void *data, size_t size,
                struct fl_ask_tally *tally, fl_ask_emit_fn emit, void *arg, struct fl_err *reterr);

/* After the last part: FL_E_MISMATCH when a selection or a set of keys got nothing. */
int fl_ask_end(const struct fl_ask *ask, const struct fl_ask_tally *tally, struct fl_err *reterr);

/* A NetCDF file that has come whole: looked into by fairlead-check. FL_E_MISMATCH when it does not
 * have the valid time or a variable that was asked for; FL_E_DATA when it cannot be read. */
int fl_ask_look(const struct fl_ask *ask, const struct fl_world *world,
                const struct fl_ask_time *time, const char *path, struct fl_err *reterr);

/* ---- a part without an index, as its bytes come ---- */

struct fl_whole;

/* Borrows all but `time`. FL_E_NOMEM. Free with fl_whole_destroy. */
int fl_whole_create(const struct fl_ask *ask, size_t part, const struct fl_ask_time *time,
                    struct fl_ask_tally *tally, fl_ask_emit_fn emit, void *arg,
                    struct fl_whole **ret_whole, struct fl_err *reterr);
void fl_whole_destroy(struct fl_whole *whole);
FL_DEFINE_AUTO(struct fl_whole *, fl_whole_destroy)
/* The next bytes: unpacked, cut into messages, each taken as by fl_ask_take. The text of an error
 * begins with the byte of the (unpacked) file. The errors of fl_ask_take. */
int fl_whole_add(struct fl_whole *whole, const void *data, size_t size, struct fl_err *reterr);
/* The end of the file. FL_E_DATA when it lies inside a message or a packed block. */
int fl_whole_end(struct fl_whole *whole, struct fl_err *reterr);

#endif
