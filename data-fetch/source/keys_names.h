#ifndef FL_FETCH_KEYS_NAMES_H
#define FL_FETCH_KEYS_NAMES_H

/* What the names of keys mean, private to keys.c. Pure (but for a look into ecCodes' sample
 * message). Owns: the tables. Threads: any. Limits: the names in the tables.
 * Source: ecCodes' definitions of shortName and typeOfLevel, WMO table 4.5. */

#include <stdbool.h>
#include <stddef.h>

#include "data-fetch/source/index.h"

/* How a key is held against a line of an index. */
enum fl_key_kind {
    FL_KEY_PARAM,         /* shortName, param */
    FL_KEY_LEVEL,         /* level */
    FL_KEY_LEVELIST,      /* levelist */
    FL_KEY_TYPE_OF_LEVEL, /* typeOfLevel */
    FL_KEY_LEVTYPE,       /* levtype */
    FL_KEY_NUMBER,        /* number, perturbationNumber */
    FL_KEY_STEP,          /* step, endStep */
    FL_KEY_STEP_RANGE,
    FL_KEY_STEP_TYPE,
    FL_KEY_CODE,  /* discipline, parameterCategory, parameterNumber */
    FL_KEY_MARS,  /* type, stream, class, ...: members of ECMWF's lines */
    FL_KEY_OTHER, /* the message alone tells */
};

enum fl_key_kind fl_key_kind_of(const char *name);
/* The key of ecCodes that tells what a key of MARS asks for. */
const char *fl_key_in_message(const char *name);
/* True when ecCodes, or an index of this kind, can know a key of that name. */
bool fl_key_is_known(const char *name);
/* The nearest name of the tables, for a hint. */
const char *fl_key_nearest(const char *name);

/* Calls for shortName `name` on a wgrib2 line: true when VAR and LEVEL are that parameter. */
bool fl_short_name_fits(const char *name, const struct fl_index_line *line);
/* True when a shortName is in the table or is one of wgrib2's own names. */
bool fl_short_name_is_known(const char *name);
/* Codes of table 4.5 that a typeOfLevel stands for: their number, 0 when it is not in the table.
 * *ret_scale: from the level's number in ecCodes to the unit of the table. */
size_t fl_type_of_level(const char *name, int types[static 2], double *ret_scale);

#endif
