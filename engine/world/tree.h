#ifndef FL_WORLD_TREE_H
#define FL_WORLD_TREE_H

/* Process trees: all that a process has started, however it hid (setsid, double fork).
 * Owns: nothing. Threads: any; fl_tree_reap takes every child, so only in a program whose children
 * are all its own. Limits: FL_TREE_MAX processes looked at in one call. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/base/err.h"
#include "engine/world/process.h"

#define FL_TREE_MAX 65536

/* From now on orphans below us become our children (PR_SET_CHILD_SUBREAPER): while there is a
 * descendant there is a child. */
int fl_tree_adopt(struct fl_err *reterr);
/* One of our children that has ended. 1, or 0 when none has, or FL_E_NOENT when there is no child
 * at all. */
int fl_tree_reap(pid_t *ret_pid, struct fl_exit *ret_exit);
/* Sends signal to every descendant of ours; returns how many there were. Call again after each
 * reaped child until fl_tree_reap says FL_E_NOENT: what was started in between is then found. */
size_t fl_tree_signal(int signal);

/* When a process started, in clock ticks since boot: with the pid it names one process of one boot.
 * FL_E_NOENT. */
int fl_tree_start(pid_t pid, uint64_t *ret_ticks, struct fl_err *reterr);
/* Text that names this boot of the machine. */
int fl_tree_boot(char *text, size_t size, struct fl_err *reterr);

/* Calls fn with the value of an environment variable for each process that has it, where we may
 * look. */
typedef void (*fl_tree_value_fn)(pid_t pid, const char *value, void *arg);
void fl_tree_values(const char *name, fl_tree_value_fn fn, void *arg);

/* Processes of our user that have "marker" ("NAME=VALUE") in their environment, and all below
 * them; never ourselves. Zombies do not count. Returns how many were put into pids. */
size_t fl_tree_marked(const char *marker, pid_t *pids, size_t room);

#endif
