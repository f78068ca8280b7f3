#ifndef FL_FETCH_CATALOGUE_H
#define FL_FETCH_CATALOGUE_H

/* The catalogue: one libconfig file a source, NAME.cfg, with everything that is not code. Fields:
 *
 * source: {
 *   name    = "gfs.1p00";            the file's own name
 *   title   = "...";                 one line for people
 *   licence = "...";                 terms and the credit line they ask for
 *   cycles  = { every = "PT6H"; };   cycle times, counted from 00Z
 *   leads   = ["+000/+120/1", ...];  sets of leads that a cycle has
 *   paths   = ( { from = "20210322T1200Z"; until = "..."; path = "gfs.{cycle:%Y%m%d}/..."; } );
 *                                    below a mirror; from (inclusive) and until (exclusive) are
 *                                    cycle times and optional; the first that fits counts; names:
 *                                    {cycle:STRFTIME} {valid:STRFTIME} {lead:hhh} {lead:hh}
 * {lead:h} index   = ".idx";                put after the path: the inventory mirrors = ( { url =
 * "https://..."; connections = 4; per_minute = 100; } );   in order wait    = { first = "PT3H20M";
 * poll = "PT20S"; give_up = "PT7H"; }; first, give_up: after the cycle time; poll: between two
 * looks html    = "refuse" | "not-yet";  what an HTML page with status 200 means merge_gap =
 * 262144;              [bytes] largest hole fetched along between two messages
 * };
 *
 * An unknown key, a wrong type or a bad value is FL_E_CONFIG with file and line.
 * Owns: nothing outside its structs. Threads: any. Limits: the FL_SOURCE_*_MAX below. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/time.h"

#define FL_SOURCE_NAME_MAX 64
#define FL_SOURCE_TEXT_MAX 512
#define FL_SOURCE_LEADS_MAX 8
#define FL_SOURCE_PATHS_MAX 8
#define FL_SOURCE_MIRRORS_MAX 8
#define FL_SOURCE_BYTES_MAX ((size_t)1024 * 1024)
#define FL_SOURCE_CONNECTIONS_MAX 32

struct fl_source_path {
    struct fl_cycle from;  /* INT64_MIN when open */
    struct fl_cycle until; /* INT64_MAX when open */
    char pattern[FL_SOURCE_TEXT_MAX];
};

struct fl_source_mirror {
    char url[FL_SOURCE_TEXT_MAX]; /* without a slash at its end */
    int connections;
    int per_minute; /* most requests a minute; 0: no limit */
};

struct fl_source {
    char name[FL_SOURCE_NAME_MAX];
    char title[FL_SOURCE_TEXT_MAX];
    char licence[FL_SOURCE_TEXT_MAX];
    int64_t every_s;
    struct fl_leads leads[FL_SOURCE_LEADS_MAX];
    size_t leads_count;
    struct fl_source_path paths[FL_SOURCE_PATHS_MAX];
    size_t path_count;
    char index[FL_SOURCE_NAME_MAX];
    struct fl_source_mirror mirrors[FL_SOURCE_MIRRORS_MAX];
    size_t mirror_count;
    int64_t first_s;
    int64_t poll_s;
    int64_t give_up_s;
    bool html_is_not_yet;
    uint64_t merge_gap_bytes;
};

struct fl_world;

/* Reads one file. FL_E_NOENT, FL_E_CONFIG (file:line: what; accepted: ...), FL_E_NOMEM. */
int fl_source_read(const struct fl_world *world, const char *path, struct fl_source *ret_source,
                   struct fl_err *reterr);

/* A source by name, or by path when it has a slash or ends in ".cfg". extra (may be NULL) is a
 * folder looked at before the installed catalogue and the one of the build tree.
 * FL_E_NOENT names the folders looked at and what they hold. */
int fl_source_find(const struct fl_world *world, const char *extra, const char *name,
                   struct fl_source *ret_source, struct fl_err *reterr);

/* Calls fn with each source (a name found twice counts once). Errors of reading and of fn. */
typedef int (*fl_source_fn)(const struct fl_source *source, const char *path, void *arg);
int fl_source_each(const struct fl_world *world, const char *extra, fl_source_fn fn, void *arg,
                   struct fl_err *reterr);

/* True when a cycle has this lead. */
bool fl_source_has_lead(const struct fl_source *source, struct fl_lead lead);
/* True when there is a cycle at that time. */
bool fl_source_has_cycle(const struct fl_source *source, struct fl_cycle cycle);
/* Path below a mirror. FL_E_CONFIG when no pattern covers the cycle. */
int fl_source_path(const struct fl_source *source, struct fl_cycle cycle, struct fl_lead lead,
                   struct fl_buf *out, struct fl_err *reterr);

#endif
