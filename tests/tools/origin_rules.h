#ifndef FL_TOOLS_ORIGIN_RULES_H
#define FL_TOOLS_ORIGIN_RULES_H

/* How the test origin misbehaves: a libconfig file with one list `rules`, read strictly.
 * The first rule whose pattern matches the path and whose count of requests is not used up decides;
 * without one the file is served as it is.
 * Owns: the rules and their counters. Threads: fl_rules_pick any. Limits: FL_RULES_MAX rules. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

#define FL_RULES_MAX 256

struct fl_rule {
    const char *path;       /* fnmatch pattern on the path without its first slash; * crosses / */
    int64_t skip;           /* requests that are left alone first */
    int64_t times;          /* requests that are then affected; -1: all */
    bool never;             /* the file never appears */
    double appears_s;       /* [s] from the start; before that it is absent; 0: there */
    int status;             /* answer instead of the file (while it is absent: default 404) */
    const char *page;       /* file (beside the rules) sent as HTML with that status */
    int retry_after_s;      /* Retry-After with that status; -1: none */
    bool no_ranges;         /* 200 and the whole file, whatever Range says */
    bool wrong_range;       /* Content-Range one byte off */
    int64_t truncate_bytes; /* the file seems to end here; -1: whole */
    int64_t stall_after_bytes; /* of the body, then silence */
    int64_t reset_after_bytes; /* then a TCP reset */
    int64_t close_after_bytes; /* then an orderly close, short of Content-Length */
    int64_t corrupt_byte;      /* offset in the file of one byte sent inverted */
    int64_t rate_bytes;        /* [bytes/s]; 0: full speed */
    const char *replace;       /* file (beside the rules) served instead, */
    int64_t replace_after;     /* once this many requests have been answered */
    int64_t seen;              /* private: requests that matched */
};

struct fl_rules;

/* path NULL: no rules. FL_E_CONFIG with file:line, FL_E_NOENT. */
int fl_rules_load(const char *path, struct fl_rules **ret_rules, struct fl_err *reterr);
void fl_rules_destroy(struct fl_rules *rules);
FL_DEFINE_AUTO(struct fl_rules *, fl_rules_destroy)

/* The rule for one more request of path, copied into ret_rule with `seen` as the number of this
 * request among its matches (from 0); its texts are borrowed from rules. False: serve as is. */
bool fl_rules_pick(struct fl_rules *rules, const char *path, struct fl_rule *ret_rule);
/* Path of a file named in a rule. FL_E_PERM, FL_E_TOO_BIG. */
int fl_rules_file(const struct fl_rules *rules, const char *name, char *path, size_t size,
                  struct fl_err *reterr);

#endif
