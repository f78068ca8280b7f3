#ifndef FL_FETCH_INDEX_H
#define FL_FETCH_INDEX_H

/* The inventory that stands beside a GRIB2 file, of two kinds.
 * wgrib2's `.idx`: one line a field,
 *     N:OFFSET:d=YYYYMMDDHH:VAR:LEVEL:FORECAST:[free text]
 * N may be `n.m` (fields packed into one message share their offset). The last message has no end.
 * ECMWF's `.index`: one JSON object a line with date, time, param, step, levtype, levelist, number,
 * ... as texts and _offset, _length [bytes]; in any order, unknown members and blank lines are
 * fine. A line then counts as VAR param, LEVEL "sfc" or "pl 500", FORECAST step.
 * Source: the inventory format of wgrib2; the files of ECMWF's open data.
 * Owns: the lines of a loaded index. Threads: one at a time. Limits: FL_INDEX_LINES_MAX lines,
 * FL_INDEX_BYTES_MAX bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/time.h"

#define FL_INDEX_LINES_MAX 20000
#define FL_INDEX_BYTES_MAX ((size_t)8 * 1024 * 1024)

enum fl_index_kind {
    FL_INDEX_NONE,  /* whole files */
    FL_INDEX_IDX,   /* wgrib2's inventory */
    FL_INDEX_ECMWF, /* one JSON object a line */
};

/* A member of an ECMWF line. */
struct fl_index_pair {
    const char *name;
    const char *value;
};

/* One field. Texts are borrowed from the index. */
struct fl_index_line {
    uint32_t number; /* of the message, from 1 */
    uint32_t field;  /* within the message, from 1; 0 when the line had no `.m` */
    uint64_t offset; /* [bytes] of the message's first byte */
    uint64_t end;    /* [bytes] first byte after the message; 0: up to the end of the file */
    struct fl_cycle cycle;
    const char *variable;
    const char *level;
    const char *forecast;
    const char *rest; /* free text after the forecast, "" when there is none */
    const char *key;  /* ":VAR:LEVEL:FORECAST:", what selections are matched against; an ECMWF line
                         with a member goes on "NUMBER:" */
    const char *member; /* of an ensemble: "12", "0" for the control; "" when the line tells none */
    enum fl_index_kind kind;
    const struct fl_index_pair *pairs; /* of an ECMWF line, as they stand */
    size_t pair_count;
};

struct fl_index;

/* FL_E_PARSE names the line and what is wrong with it; FL_E_TOO_BIG; FL_E_NOMEM.
 * An empty text is FL_E_PARSE. Free with fl_index_destroy. */
int fl_index_parse(const char *text, size_t size, struct fl_index **ret_index,
                   struct fl_err *reterr);
/* The same for an ECMWF index. */
int fl_index_parse_ecmwf(const char *text, size_t size, struct fl_index **ret_index,
                         struct fl_err *reterr);
/* Either, or FL_E_BUG for FL_INDEX_NONE. */
int fl_index_parse_kind(enum fl_index_kind kind, const char *text, size_t size,
                        struct fl_index **ret_index, struct fl_err *reterr);
void fl_index_destroy(struct fl_index *index);
FL_DEFINE_AUTO(struct fl_index *, fl_index_destroy)

size_t fl_index_count(const struct fl_index *index);
/* In the order of the file. Borrowed. */
const struct fl_index_line *fl_index_at(const struct fl_index *index, size_t at);

/* Minutes from the cycle to the valid time that a FORECAST text tells ("anl", "21 hour fcst",
 * "495 min fcst", "18-21 hour acc fcst": the end of the interval). False when it tells none. */
bool fl_index_forecast(const char *forecast, struct fl_lead *ret_lead);
/* The same for the FORECAST of either kind; ECMWF's is "6" or "0-24" [h]. */
bool fl_index_lead(enum fl_index_kind kind, const char *forecast, struct fl_lead *ret_lead);
/* A member of an ECMWF line by its name, or NULL. */
const char *fl_index_value(const struct fl_index_line *line, const char *name);

#endif
