#ifndef FL_WORLD_FILE_H
#define FL_WORLD_FILE_H

/* Whole-file and folder operations on a world's disk, each safe against a crash at any point.
 * Temporary names live in a hidden folder FL_INCOMING of the same file system, never where readers
 * look. Owns: nothing between calls. Threads: any. Limits: paths of FL_PATH_MAX bytes. */

#include "engine/base/buf.h"
#include "engine/base/digest.h"
#include "engine/base/path.h"
#include "engine/world/world.h"

#define FL_INCOMING ".incoming"

/* Reads a whole file of at most limit bytes into out (which is initialised by the caller and
 * appended to). FL_E_NOENT, FL_E_TOO_BIG, FL_E_IO, FL_E_PERM. */
int fl_file_read(const struct fl_world *world, const char *path, size_t limit, struct fl_buf *out,
                 struct fl_err *reterr);

/* The file appears under path only whole: written beside, synced, renamed, folder synced.
 * Replaces an older one in one step. FL_E_NOSPACE, FL_E_IO, ... ; then path is as it was. */
int fl_file_publish(const struct fl_world *world, const char *path, const void *data, size_t size,
                    struct fl_err *reterr);
/* The same with a mode that the file has from its first moment on (0600: nobody else ever reads
 * it). */
int fl_file_publish_mode(const struct fl_world *world, const char *path, const void *data,
                         size_t size, int mode, struct fl_err *reterr);

/* A name for a temporary file that will become path: "DIR/.incoming/BASE.RANDOM"; makes the hidden
 * folder. */
int fl_file_incoming(const struct fl_world *world, const char *path, char *temp, size_t size,
                     struct fl_err *reterr);
/* Gives a finished, closed temporary file its name: sync, rename, sync folder; removes it on
 * failure. */
int fl_file_settle(const struct fl_world *world, const char *temp, const char *path,
                   struct fl_err *reterr);

/* Appends a record in one write and syncs it when sync is set. Creates the file. */
int fl_file_append(const struct fl_world *world, const char *path, const void *data, size_t size,
                   bool sync, struct fl_err *reterr);

/* Size and SHA-256 of a file, read in pieces. ret_size may be NULL. */
int fl_file_digest(const struct fl_world *world, const char *path, char hex[static FL_DIGEST_HEX],
                   uint64_t *ret_size, struct fl_err *reterr);

/* FL_E_NOENT when there is none. */
int fl_file_stat(const struct fl_world *world, const char *path, struct fl_stat *ret_stat,
                 struct fl_err *reterr);
bool fl_file_exists(const struct fl_world *world, const char *path);
/* Removes a file; one that is not there is fine. */
int fl_file_remove(const struct fl_world *world, const char *path, struct fl_err *reterr);
/* Copies in pieces, whole or not at all. */
int fl_file_copy(const struct fl_world *world, const char *from, const char *to,
                 struct fl_err *reterr);
/* Makes `to` show the content of `from`: a hard link, else a symbolic link to its absolute path,
 * else a copy. `to` appears in one step. FL_E_EXISTS when it is there. */
int fl_file_provide(const struct fl_world *world, const char *from, const char *to,
                    struct fl_err *reterr);

/* mkdir -p. */
int fl_dir_make(const struct fl_world *world, const char *path, int mode, struct fl_err *reterr);
/* rm -r; a folder that is not there is fine. Symbolic links are removed, never followed. */
int fl_dir_remove(const struct fl_world *world, const char *path, struct fl_err *reterr);
/* Sorted names (files and folders) below path: calls fn in order. FL_E_NOENT. */
int fl_dir_list(const struct fl_world *world, const char *path, fl_list_fn fn, void *arg,
                struct fl_err *reterr);
int fl_dir_sync(const struct fl_world *world, const char *path, struct fl_err *reterr);

/* What a program that has just been started gives a predecessor that is about to be gone. */
#define FL_LOCK_START_NS INT64_C(3000000000)

/* Takes an exclusive lock on a file (made when absent) and writes our process id into it.
 * FL_E_LOCKED names the holder; a dead one is waited out for up to 10 s (it may have left the lock
 * to a child that has not become a program yet). Release with fl_lock_release. */
int fl_lock_take(const struct fl_world *world, const char *path, int *ret_fd,
                 struct fl_err *reterr);
/* The same, but waits for the holder to let go. For programs that do one thing, never for a
 * daemon's loop. */
int fl_lock_wait(const struct fl_world *world, const char *path, int *ret_fd,
                 struct fl_err *reterr);
/* The same, for a program's start: a holder that lives has patience_ns to be gone. One that was
 * killed has its locks until the kernel has taken it down, and nothing shows that from outside. */
int fl_lock_take_within(const struct fl_world *world, const char *path, int64_t patience_ns,
                        int *ret_fd, struct fl_err *reterr);
void fl_lock_release(const struct fl_world *world, int fd);

#endif
