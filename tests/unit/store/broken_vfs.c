/* A shim over SQLite's default disk layer. */
#include "config.h"

#include "tests/unit/store/broken_vfs.h"

#include <sqlite3.h>
#include <stddef.h>

#include "engine/base/macro.h"

#include "engine/base/banned.h"

struct broken_file {
    sqlite3_file base;
    sqlite3_file *real; /* lies right behind this struct */
};

/* The fault table of this test. */
static struct {
    bool armed;
    bool hit;
    enum broken_vfs_fault fault;
    int left;
} plan;

static sqlite3_vfs shim;
static sqlite3_vfs *below;

static bool fails_now(bool is_write)
{
    if (!plan.armed || is_write != (plan.fault != BROKEN_VFS_SYNC))
        return false;
    if (plan.left-- > 0)
        return false;
    plan.hit = true;
    return true;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct broken_file *)(void *)file)->real;
}

static int shim_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}
static int shim_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
    return real_of(file)->pMethods->xRead(real_of(file), data, size, offset);
}
static int shim_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    if (fails_now(true))
        return plan.fault == BROKEN_VFS_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    return real_of(file)->pMethods->xWrite(real_of(file), data, size, offset);
}
static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}
static int shim_sync(sqlite3_file *file, int flags)
{
    if (fails_now(false))
        return SQLITE_IOERR_FSYNC;
    return real_of(file)->pMethods->xSync(real_of(file), flags);
}
static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}
static int shim_lock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xLock(real_of(file), lock);
}
static int shim_unlock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}
static int shim_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}
static int shim_control(sqlite3_file *file, int op, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}
static int shim_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}
static int shim_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}
static int shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}
static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}
static void shim_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}
static int shim_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_traits,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                     int *out_flags)
{
    struct broken_file *broken = (struct broken_file *)(void *)file;
    int rc;

    (void)vfs;
    broken->real = (sqlite3_file *)(void *)(broken + 1);
    rc = below->xOpen(below, name, broken->real, flags, out_flags);
    file->pMethods = broken->real->pMethods ? &methods : NULL;
    return rc;
}

const char *broken_vfs_name(void)
{
    if (!below) {
        below = sqlite3_vfs_find(NULL);
        fl_assert(below);
        shim = *below;
        shim.zName = "broken";
        shim.szOsFile = below->szOsFile + (int)sizeof(struct broken_file);
        shim.xOpen = shim_open;
        fl_assert(sqlite3_vfs_register(&shim, 0) == SQLITE_OK);
    }
    return shim.zName;
}

void broken_vfs_arm(enum broken_vfs_fault fault, int nth)
{
    plan.armed = true;
    plan.hit = false;
    plan.fault = fault;
    plan.left = nth;
}

bool broken_vfs_disarm(void)
{
    plan.armed = false;
    return plan.hit;
}
