#ifndef FL_WORLD_PROCESS_H
#define FL_WORLD_PROCESS_H

/* Starting and ending processes of a world.
 * Owns: nothing. Threads: any (posix_spawn, never fork). Limits: none. */

#include "engine/world/world.h"

/* How a process ended. */
struct fl_exit {
    int code;   /* exit code, or -1 when a signal ended it */
    int signal; /* 0, or the signal */
};

/* FL_E_NOENT when the program is not found, FL_E_PERM, FL_E_IO. */
int fl_process_spawn(const struct fl_world *world, const struct fl_spawn *spawn, pid_t *ret_pid,
                     struct fl_err *reterr);
/* True and the way it ended when our child has ended. */
bool fl_process_ended(const struct fl_world *world, pid_t pid, struct fl_exit *ret_exit);
/* FL_E_NOENT when there is no such process. signal 0 only looks. */
int fl_process_kill(const struct fl_world *world, pid_t pid, int signal, struct fl_err *reterr);
/* Our own working folder from now on. FL_E_NOENT, FL_E_PERM. */
int fl_process_enter(const char *path, struct fl_err *reterr);
/* Standard error goes to the end of a file from now on. */
int fl_process_log_to(const char *path, struct fl_err *reterr);
/* Folder of our own executable, for finding the programs installed beside it. FL_E_IO. */
int fl_process_folder(char *path, size_t size, struct fl_err *reterr);
/* Full path of program `name`: as it stands when it has a slash; else in our own folder; in the
 * build tree's folders (engine/worker, data-fetch, stages/NAME) beside our own; in FL_BINDIR and
 * FL_LIBEXECDIR; in PATH. FL_E_NOENT names the places looked at. */
int fl_process_find(const struct fl_world *world, const char *name, char *path, size_t size,
                    struct fl_err *reterr);

#endif
