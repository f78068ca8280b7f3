#ifndef FL_FETCH_KEYS_H
#define FL_FETCH_KEYS_H

/* Selection by the keys of GRIB (ecCodes) and of MARS:
 *     shortName=10u/10v,typeOfLevel=heightAboveGround,level=10
 *     param=gh/t/q,levtype=pl,levelist=1000/850/500,type=pf,number=1/to/50/by/2
 * A comma joins conditions that all must hold, a slash the values of which one must; A/to/B and
 * A/to/B/by/N are whole numbers. Numbers are compared as numbers. What a line of an index can tell
 * is decided by it (names of wgrib2 and of ECMWF are both understood); the rest is left to the
 * decoded message.
 * Owns: its conditions. Threads: one at a time. Limits: FL_KEYS_TERMS_MAX conditions,
 * FL_KEYS_VALUES_MAX values each. */

#include <stdbool.h>
#include <stddef.h>

#include "data-fetch/source/index.h"

#define FL_KEYS_TERMS_MAX 16
#define FL_KEYS_VALUES_MAX 400
#define FL_KEYS_ALL UINT32_MAX
#define FL_KEYS_TEXT_MAX ((size_t)8192)

struct fl_keys;

/* What a line says of a set of conditions. */
enum fl_keys_answer {
    FL_KEYS_NO,
    FL_KEYS_MAYBE, /* what can be told holds; the message decides */
    FL_KEYS_YES,
};

/* FL_E_CONFIG names the place, what was found and what is accepted; kind is the index that the keys
 * will be held against (a name that neither it nor GRIB knows is refused). Free with
 * fl_keys_destroy. */
int fl_keys_parse(const char *text, enum fl_index_kind kind, struct fl_keys **ret_keys,
                  struct fl_err *reterr);
void fl_keys_destroy(struct fl_keys *keys);
FL_DEFINE_AUTO(struct fl_keys *, fl_keys_destroy)

/* The text it was parsed from; borrowed. */
const char *fl_keys_text(const struct fl_keys *keys);
/* *ret_open: the conditions (bit i: the i-th) that the line leaves to the message. */
enum fl_keys_answer fl_keys_line(const struct fl_keys *keys, const struct fl_index_line *line,
                                 uint32_t *ret_open);

/* The value of a key in a decoded message as a text (numbers as ecCodes prints them), or false when
 * the message has no such key. */
typedef bool (*fl_keys_value_fn)(const char *name, char *text, size_t size, void *arg);
/* Holds the open conditions (FL_KEYS_ALL: all) against a message. ret_why (size bytes, may be NULL)
 * says the first that does not hold: "Ni is 360; wanted 1440". */
bool fl_keys_message(const struct fl_keys *keys, uint32_t open, fl_keys_value_fn value, void *arg,
                     char *ret_why, size_t size);

/* The values of a condition by its name, as they were given; false when there is none. */
typedef void (*fl_keys_each_fn)(const char *value, void *arg);
bool fl_keys_values(const struct fl_keys *keys, const char *name, fl_keys_each_fn fn, void *arg);

#endif
