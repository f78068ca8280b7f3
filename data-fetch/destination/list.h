#ifndef FL_DESTINATION_LIST_H
#define FL_DESTINATION_LIST_H

/* What a far side says of its folders, private to the folder: entries read from its answers, and
 * walks over trees by asking for one folder after another.
 * Owns: the names. Threads: one at a time. Limits: FL_LIST_MAX entries of a folder,
 * FL_LIST_DEPTH_MAX folders deep. Names that are no plain component are left out. */

#include "data-fetch/destination/destination.h"

#define FL_LIST_MAX ((size_t)1 << 20)
#define FL_LIST_DEPTH_MAX 32

struct fl_list_entry {
    char *name;
    struct fl_dest_stat stat;
};

struct fl_list {
    struct fl_list_entry *entries;
    size_t count;
    size_t room;
};

void fl_list_release(struct fl_list *list);
FL_DEFINE_AUTO_VALUE(struct fl_list, fl_list_release)
/* A copy of the name. FL_E_NOMEM, FL_E_TOO_BIG. */
int fl_list_add(struct fl_list *list, const char *name, const struct fl_dest_stat *stat,
                struct fl_err *reterr);
const struct fl_list_entry *fl_list_find(const struct fl_list *list, const char *name);

/* The lines of `ls -l`, as SFTP servers give them. FL_E_DATA for one that is none. */
int fl_list_take_long(struct fl_list *list, const char *text, struct fl_err *reterr);

/* Asks for the entries of one folder. FL_E_NOENT. */
typedef int (*fl_list_folder_fn)(struct fl_destination *dest, const char *path,
                                 struct fl_list *list, struct fl_err *reterr);
/* All files below a folder. */
int fl_list_walk(struct fl_destination *dest, const char *path, bool hidden,
                 fl_list_folder_fn folder, fl_dest_list_fn fn, struct fl_err *reterr, void *arg);
typedef int (*fl_list_remove_fn)(struct fl_destination *dest, const char *path,
                                 struct fl_err *reterr);
/* Removes a folder and all in it; one that is not there is fine. */
int fl_list_remove(struct fl_destination *dest, const char *path, fl_list_folder_fn folder,
                   fl_list_remove_fn remove_file, fl_list_remove_fn remove_folder,
                   struct fl_err *reterr);

#endif
