#ifndef FL_TESTS_SIM_VFS_H
#define FL_TESTS_SIM_VFS_H

/* SQLite's disk layer on the disk of the machine whose turn it is. Becomes SQLite's default, so
 * that the engine's own store opens its files there.
 * Owns: the shared memory of write-ahead logs (gone with the last process that has it open).
 * Threads: one. Limits: VFS_SHARED_MAX files with a log at a time. */

#define VFS_SHARED_MAX 8

void sim_vfs_register(void);

#endif
