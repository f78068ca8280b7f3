#ifndef FL_WORLD_WATCH_H
#define FL_WORLD_WATCH_H

/* Many things to wait for behind one descriptor, and folders that say when something in them
 * changes. Both give descriptors for a world's wait, so that nothing is polled.
 * Owns: the set; not the descriptors put into it. Threads: one at a time.
 * Limits: the kernel's (fs.inotify.max_user_watches, open files). */

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"

struct fl_watch;

int fl_watch_create(struct fl_watch **ret_watch, struct fl_err *reterr);
void fl_watch_destroy(struct fl_watch *watch);
FL_DEFINE_AUTO(struct fl_watch *, fl_watch_destroy)
/* Readable when anything in the set is. */
int fl_watch_fd(const struct fl_watch *watch);
/* key comes back from fl_watch_next. FL_E_FULL, FL_E_IO. */
int fl_watch_add(struct fl_watch *watch, int fd, uint64_t key, struct fl_err *reterr);
/* Before fd is closed. */
void fl_watch_remove(struct fl_watch *watch, int fd);
/* The key of something that is readable now; false when nothing is. */
bool fl_watch_next(struct fl_watch *watch, uint64_t *ret_key);

/* Folders: fd for a wait; close it with fl_wake_close. */
int fl_notify_create(int *ret_fd, struct fl_err *reterr);
/* Says when a file in folder is made, closed by a writer, or renamed into it. FL_E_NOENT,
 * FL_E_FULL. */
int fl_notify_add(int fd, const char *folder, int *ret_id, struct fl_err *reterr);
/* False while some process has the file open for writing, as far as that can be found out. */
bool fl_notify_settled(const char *path);
void fl_notify_remove(int fd, int id);
/* name is "" when the kernel lost count and everything must be looked at (id is then -1). */
typedef void (*fl_notify_fn)(int id, const char *name, void *arg);
/* Calls fn for what happened since; never waits. */
void fl_notify_read(int fd, fl_notify_fn fn, void *arg);

#endif
