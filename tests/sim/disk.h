#ifndef FL_TESTS_SIM_DISK_H
#define FL_TESTS_SIM_DISK_H

/* The disk of one simulated machine, in memory: folders and files as a process sees them, and what
 * of them has reached the disk. A sync makes a file's content durable, and all names changed so far
 * (as a journalling file system does). When power is lost, what was not synced may be lost: content
 * sector by sector, so that a write can be torn; names from the newest back.
 * Owns: all files. Threads: one. Limits: none but memory. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/world/world.h"
#include "tests/sim/random.h"

#define DISK_SECTOR_BYTES 512

struct disk;
struct file;

struct disk *disk_create(struct sim_random *random);
void disk_destroy(struct disk *disk);

/* From now on nothing is written, and nobody is told: what a process does that has been killed. */
void disk_mute(struct disk *disk, bool mute);
/* Nothing that needs space succeeds (-ENOSPC). */
void disk_fill(struct disk *disk, bool full);
/* The next sync fails (-EIO); of what it was to write some is lost, and reads as it was before. */
void disk_fail_sync(struct disk *disk, bool fail);
/* Syncs that have failed so far. */
unsigned disk_sync_failures(const struct disk *disk);
void disk_power_loss(struct disk *disk);

/* All give 0 (or a count) or a negative errno. Paths are absolute. */
int disk_open(struct disk *disk, const char *path, int flags, int mode, struct file **ret_file);
void disk_ref(struct file *file);
void disk_unref(struct disk *disk, struct file *file);
int64_t disk_read(const struct file *file, void *data, size_t size, uint64_t offset);
int64_t disk_write(struct disk *disk, struct file *file, const void *data, size_t size,
                   uint64_t offset);
int disk_truncate(struct disk *disk, struct file *file, uint64_t size);
int disk_sync(struct disk *disk, struct file *file);
int disk_rename(struct disk *disk, const char *from, const char *to);
int disk_unlink(struct disk *disk, const char *path, bool is_dir);
int disk_mkdir(struct disk *disk, const char *path, int mode);
int disk_link(struct disk *disk, const char *from, const char *to);
int disk_stat(struct disk *disk, const char *path, struct fl_stat *ret_stat);
int disk_list(struct disk *disk, const char *path, fl_list_fn fn, void *arg);

uint64_t disk_size(const struct file *file);
bool disk_is_dir(const struct file *file);
/* Whoever holds the exclusive lock of a file: a number of the caller's, 0: nobody. */
int *disk_lock(struct file *file);

#endif
