#ifndef FL_FETCH_BRING_H
#define FL_FETCH_BRING_H

/* The inputs of a stage as things to pull: what stage and deliver share.
 * Owns: the items and their texts. Threads: one at a time. Limits: FL_CONTRACT_INPUTS_MAX inputs.
 */

#include <stddef.h>

#include "data-fetch/lines/pull.h"
#include "stages/common/contract.h"
#include "stages/common/inputs.h"

struct fl_bring {
    struct fl_inputs *inputs;
    struct fl_pull_item *items; /* item i brings inputs->list[i]; item->arg points to it */
    char **paths;
    char **locals;
    size_t count;
};

/* Reads inputs.json at `path` (its folder is where inputs without a url lie) and prepares an item
 * for each input, to go to folder/FILE. FL_E_NOENT when there is no such file, FL_E_PARSE,
 * FL_E_PERM for a file name that is hidden or leaves the folder, FL_E_NOMEM. */
int fl_bring_read(const struct fl_world *world, const char *path, const char *folder,
                  struct fl_bring *bring, struct fl_err *reterr);
void fl_bring_release(struct fl_bring *bring);
FL_DEFINE_AUTO_VALUE(struct fl_bring, fl_bring_release)

/* How they are pulled: by this site's lines (site may be NULL), with the grants that came with
 * them. Borrows both. */
struct fl_pull_options fl_bring_options(const struct fl_bring *bring, const struct fl_site *site);

/* True for a relative path without hidden components. */
bool fl_bring_name_is_open(const char *name);

#endif
