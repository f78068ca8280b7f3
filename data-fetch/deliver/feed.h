#ifndef FL_DELIVER_FEED_H
#define FL_DELIVER_FEED_H

/* What a delivery takes, a window of files at a time: an inputs.json of any length, or all files
 * below a folder. It can be gone through more than once.
 * Owns: nothing between calls. Threads: one at a time.
 * Limits: FL_FEED_WINDOW files at a time, FL_FEED_ENTRY_MAX bytes an entry, FL_FEED_HEAD_MAX of
 * what is no input; memory does not grow with the number of files. */

#include <stddef.h>

#include "engine/base/path.h"
#include "stages/common/contract.h"

#define FL_FEED_WINDOW 64
#define FL_FEED_ENTRY_MAX ((size_t)256 * 1024)
#define FL_FEED_HEAD_MAX ((size_t)16 * 1024 * 1024) /* all but the inputs: grants */

struct fl_inputs;
struct fl_world;

struct fl_feed {
    const struct fl_world *world;
    const char *inputs; /* path of an inputs.json; inputs without a url lie in its folder */
    const char *folder; /* or: all that is below it but hidden names */
};

/* inputs: borrowed until it returns; folder: where those without a url lie. A negative return ends
 * the walk. */
typedef int (*fl_feed_fn)(const struct fl_input *inputs, size_t count, const char *folder,
                          struct fl_err *reterr, void *arg);

/* FL_E_NOENT, FL_E_PARSE with the place, FL_E_PERM for a name that is hidden or leaves the folder,
 * and the errors of fn. */
int fl_feed_each(const struct fl_feed *feed, fl_feed_fn fn, void *arg, struct fl_err *reterr);

/* What else an inputs.json has (grants), without its inputs; NULL for a folder. The same errors. */
int fl_feed_head(const struct fl_feed *feed, struct fl_inputs **ret_inputs, struct fl_err *reterr);

#endif
