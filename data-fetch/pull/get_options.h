#ifndef FL_FETCH_GET_OPTIONS_H
#define FL_FETCH_GET_OPTIONS_H

/* The command line of get. Texts are borrowed from it; NULL where an option was not given.
 * Owns: nothing. Threads: any. Limits: FL_PLAN_SELECT_MAX selections, FL_SOURCE_MIRRORS_MAX
 * mirrors. */

#include <stdbool.h>
#include <stdint.h>

#include "data-fetch/source/catalogue.h"
#include "data-fetch/source/plan.h"

struct fl_get_ask {
    const char *url; /* the whole-file form; NULL: the source form */
    const char *source_name;
    const char *catalogue;
    const char *cycle_text;
    const char *leads_text;
    const char *series_text;
    const char *name_pattern;
    const char *to;
    const char *output;
    const char *poll;
    const char *give_up;
    const char *missing_cause;
    const char *sha256;
    const char *book;
    const char *ca;
    const char *site;
    const char *selects[FL_PLAN_SELECT_MAX];
    size_t select_count;
    const char *keys[FL_ASK_KEYS_MAX];
    size_t key_count;
    const char *with[FL_SOURCE_DIMENSIONS_MAX];
    size_t with_count;
    const char *area;
    const char *mirrors[FL_SOURCE_MIRRORS_MAX];
    size_t mirror_count;
    int64_t size;    /* -1: not given */
    size_t inflight; /* 0: not given */
    bool missing_is_absent;
};

/* FL_E_USAGE names the option and what it accepts. */
int fl_get_parse(struct fl_get_ask *ret_ask, int argc, char **argv, struct fl_err *reterr);

#endif
