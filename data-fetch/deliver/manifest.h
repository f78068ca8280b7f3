#ifndef FL_FETCH_MANIFEST_H
#define FL_FETCH_MANIFEST_H

/* The proof that stands in a delivered folder: MANIFEST (`sha256sum -c MANIFEST`) and MANIFEST.json
 * (the same files with run, stage, output, lead, valid time and marks). Both are made from the
 * ledger and replaced in one step each; neither holds a wall-clock time.
 * Owns: nothing between calls. Threads: one at a time. Limits: FL_JSON_MAX bytes. */

#include "data-fetch/deliver/ledger.h"

#define FL_MANIFEST "MANIFEST"
#define FL_MANIFEST_JSON "MANIFEST.json"

/* Writes both into folder from the present versions of the set. */
int fl_manifest_write(const struct fl_world *world, struct fl_ledger *ledger, const char *set,
                      const char *folder, struct fl_err *reterr);

struct json_t;
/* A document as people read it: indented, sorted keys, a line end. Free with free(). NULL when
 * memory ends (or doc is NULL). */
char *fl_manifest_text(const struct json_t *doc);

/* Called for each file of a folder's MANIFEST with what is wrong with it (NULL: nothing). */
typedef int (*fl_manifest_fn)(const char *file, const char *wrong, void *arg);
/* Holds the files of folder against its MANIFEST. *ret_wrong: how many do not fit.
 * FL_E_NOENT without a MANIFEST, FL_E_PARSE for a line that is none. */
int fl_manifest_check(const struct fl_world *world, const char *folder, fl_manifest_fn fn,
                      void *arg, size_t *ret_files, size_t *ret_wrong, struct fl_err *reterr);

#endif
