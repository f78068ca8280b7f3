#ifndef FL_TESTS_UNIT_STORE_BROKEN_VFS_H
#define FL_TESTS_UNIT_STORE_BROKEN_VFS_H

/* SQLite's disk layer with an nth write or sync that fails, or with syncs that wait at a gate;
 * everything else is the real one.
 * Owns: its table of faults. Threads: any. Limits: one fault at a time. */

#include <stdbool.h>

enum broken_vfs_fault {
    BROKEN_VFS_FULL,  /* a write finds no space */
    BROKEN_VFS_WRITE, /* a write fails */
    BROKEN_VFS_SYNC,  /* a sync fails */
};

/* Registers the layer (once) and gives its name for fl_store_config. */
const char *broken_vfs_name(void);
/* The nth (from 0) call from now on that the fault is about fails, and all after it. */
void broken_vfs_arm(enum broken_vfs_fault fault, int nth);
/* True when a call failed. */
bool broken_vfs_disarm(void);
/* From now on every sync waits. */
void broken_vfs_close_gate(void);
/* Waits until a sync stands at the gate. */
void broken_vfs_await_gate(void);
void broken_vfs_open_gate(void);

#endif
