#ifndef FL_TESTS_UNIT_STORE_BROKEN_VFS_H
#define FL_TESTS_UNIT_STORE_BROKEN_VFS_H

/* SQLite's disk layer with an nth write or sync that fails; everything else is the real one. */

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

#endif
