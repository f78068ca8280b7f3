#ifndef FL_FETCH_CATALOGUE_H
#define FL_FETCH_CATALOGUE_H

/* The catalogue: one libconfig file a source, NAME.cfg, with everything about it that is not code:
 * paths by date, cycles, leads that depend on the cycle's hour, dimensions (member, variable,
 * level, region, ...), mirrors, waiting, terms. fairlead-source(5) is the grammar. An unknown key,
 * a wrong type or a bad value is FL_E_CONFIG with file, line and what is accepted.
 * Owns: nothing outside its structs. Threads: any. Limits: the FL_SOURCE_*_MAX below. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data-fetch/source/history.h"
#include "data-fetch/source/index.h"
#include "engine/base/buf.h"
#include "engine/base/time.h"

#define FL_SOURCE_NAME_MAX 64
#define FL_SOURCE_TEXT_MAX 512
#define FL_SOURCE_SETS_MAX 4  /* sets of leads in a group */
#define FL_SOURCE_LEADS_MAX 8 /* groups of leads */
#define FL_SOURCE_PATHS_MAX 8
#define FL_SOURCE_MIRRORS_MAX 8
#define FL_SOURCE_BYTES_MAX ((size_t)1024 * 1024)
#define FL_SOURCE_CONNECTIONS_MAX 32
#define FL_SOURCE_DIMENSIONS_MAX 6
#define FL_SOURCE_VALUES_MAX 160 /* of one dimension */
#define FL_SOURCE_VALUE_MAX 40
#define FL_SOURCE_EXPECT_MAX 8
#define FL_SOURCE_ARRIVALS_MAX 8

enum fl_source_format { FL_FORMAT_GRIB, FL_FORMAT_NETCDF };
enum fl_source_packing { FL_PACKING_NONE, FL_PACKING_BZIP2 };

/* Which cycles an entry holds for. */
struct fl_source_span {
    struct fl_cycle from;  /* INT64_MIN when open */
    struct fl_cycle until; /* INT64_MAX when open; exclusive */
    uint32_t hours;        /* bit H: cycles at hour H */
};

struct fl_source_leads {
    struct fl_source_span span;
    struct fl_leads sets[FL_SOURCE_SETS_MAX];
    size_t count;
};

struct fl_source_path {
    struct fl_source_span span;
    char pattern[FL_SOURCE_TEXT_MAX];
};

struct fl_source_mirror {
    char url[FL_SOURCE_TEXT_MAX];      /* without a slash at its end */
    char provider[FL_SOURCE_NAME_MAX]; /* whose quota it counts against: the host unless told */
    int connections;
    int per_minute;  /* most requests a minute; 0: no limit */
    int64_t keeps_s; /* how long after the cycle it has a file; 0: for ever */
};

/* One thing that a source has several of: a file for each value. */
struct fl_source_dimension {
    char name[FL_SOURCE_VALUE_MAX];
    char title[FL_SOURCE_TEXT_MAX];
    char values[FL_SOURCE_VALUES_MAX][FL_SOURCE_VALUE_MAX];
    size_t count;                       /* 0: any plain word */
    char standard[FL_SOURCE_VALUE_MAX]; /* the value when none is asked for; "": must be asked */
};

/* Keys that every message must have, refused otherwise (see keys.h for their grammar). */
struct fl_source_expect {
    char when[FL_SOURCE_NAME_MAX]; /* "NAME=GLOB" of a dimension; "": always */
    char keys[FL_SOURCE_TEXT_MAX]; /* may hold {NAME} and {NAME:digits} */
};

/* When a lead is there, by experience: between two of them evenly. */
struct fl_source_arrival {
    struct fl_lead lead;
    int64_t after_s; /* the cycle time */
};

struct fl_source {
    char name[FL_SOURCE_NAME_MAX];
    char title[FL_SOURCE_TEXT_MAX];
    char licence[FL_SOURCE_TEXT_MAX]; /* terms of use */
    char credit[FL_SOURCE_TEXT_MAX];  /* the line that goes with products; "" when none is asked */
    int64_t every_s;
    int64_t offset_s; /* of the first cycle of a day after 00Z */
    struct fl_source_leads leads[FL_SOURCE_LEADS_MAX];
    size_t leads_count;
    int64_t
        file_spans_s; /* a file holds the leads of that long up to the one of its name; 0: one */
    struct fl_source_dimension dimensions[FL_SOURCE_DIMENSIONS_MAX];
    size_t dimension_count;
    struct fl_source_path paths[FL_SOURCE_PATHS_MAX];
    size_t path_count;
    enum fl_index_kind index_kind;
    char index[FL_SOURCE_NAME_MAX];          /* put at the end of the path; "" without an index */
    char index_replaces[FL_SOURCE_NAME_MAX]; /* end of the path taken off before */
    enum fl_source_format format;
    enum fl_source_packing packing;
    struct fl_source_mirror mirrors[FL_SOURCE_MIRRORS_MAX];
    size_t mirror_count;
    char grid[FL_SOURCE_TEXT_MAX]; /* keys of the grid that every message has; "": any. A mirror of
                                      one's own may have a part of it: clear this then */
    struct fl_source_expect expects[FL_SOURCE_EXPECT_MAX];
    size_t expect_count;
    struct fl_source_arrival arrivals[FL_SOURCE_ARRIVALS_MAX];
    size_t arrival_count;
    int64_t first_s;
    int64_t poll_s;
    int64_t give_up_s;
    bool html_is_not_yet;
    uint64_t merge_gap_bytes;
    struct fl_history_rule history;
};

struct fl_world;

/* Reads one file. FL_E_NOENT, FL_E_CONFIG (file:line: what; accepted: ...), FL_E_NOMEM. */
int fl_source_read(const struct fl_world *world, const char *path, struct fl_source *ret_source,
                   struct fl_err *reterr);
/* The same from a text; path is for messages. */
int fl_source_parse(const char *text, const char *path, struct fl_source *ret_source,
                    struct fl_err *reterr);

/* A source by name, or by path when it has a slash or ends in ".cfg". extra (may be NULL) is a
 * folder looked at before that of FAIRLEAD_CATALOGUE, the installed catalogue and the one of the
 * build tree.
 * FL_E_NOENT names the folders looked at and what they hold. */
int fl_source_find(const struct fl_world *world, const char *extra, const char *name,
                   struct fl_source *ret_source, struct fl_err *reterr);

/* The file that fl_source_find would read. */
int fl_source_locate(const struct fl_world *world, const char *extra, const char *name, char *path,
                     size_t size, struct fl_err *reterr);

/* Calls fn with each source, in the order of names; of a name found twice the first counts. Errors
 * of reading and of fn. */
typedef int (*fl_source_fn)(const struct fl_source *source, const char *path, void *arg);
int fl_source_each(const struct fl_world *world, const char *extra, fl_source_fn fn, void *arg,
                   struct fl_err *reterr);

/* True when that cycle has this lead. */
bool fl_source_has_lead(const struct fl_source *source, struct fl_cycle cycle, struct fl_lead lead);
/* True when there is a cycle at that time. */
bool fl_source_has_cycle(const struct fl_source *source, struct fl_cycle cycle);
/* The sets of leads of a cycle as a text: "+000/+120/1, +123/+384/3". */
void fl_source_leads_text(const struct fl_source *source, struct fl_cycle cycle, char *text,
                          size_t size);
/* Seconds after the cycle time when a lead is there by experience: between the arrivals evenly,
 * outside them the nearest; without any, the first look. */
int64_t fl_source_expected_s(const struct fl_source *source, struct fl_lead lead);

/* The value of a dimension in a path; NULL when there is no such dimension. */
typedef const char *(*fl_source_value_fn)(const char *dimension, void *arg);
/* Path below a mirror. value may be NULL for a source without dimensions. FL_E_CONFIG when no
 * pattern covers the cycle. */
int fl_source_path_of(const struct fl_source *source, struct fl_cycle cycle, struct fl_lead lead,
                      fl_source_value_fn value, void *arg, struct fl_buf *out,
                      struct fl_err *reterr);
/* The same for each dimension's standard value. */
int fl_source_path(const struct fl_source *source, struct fl_cycle cycle, struct fl_lead lead,
                   struct fl_buf *out, struct fl_err *reterr);
/* A text with {NAME}, {NAME:upper}, {NAME:lower}, {NAME:digits} of dimensions filled in. */
int fl_source_expand(const struct fl_source *source, const char *text, fl_source_value_fn value,
                     void *arg, struct fl_buf *out, struct fl_err *reterr);

#endif
