/* A shim over SQLite's default disk layer. */
#include "config.h"

#include "tests/unit/store/broken_vfs.h"

#include <pthread.h>
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
    bool shut;    /* the gate */
    bool waiting; /* a sync stands at it */
} plan;

static pthread_mutex_t plan_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t plan_changed = PTHREAD_COND_INITIALIZER;

static sqlite3_vfs shim;
static sqlite3_vfs *below;

/* *ret_fault: which one. */
static bool fails_now(bool is_write, enum broken_vfs_fault *ret_fault)
{
    bool fails;

    (void)pthread_mutex_lock(&plan_lock);
    fails = plan.armed && is_write == (plan.fault != BROKEN_VFS_SYNC) && plan.left-- <= 0;
    plan.hit |= fails;
    *ret_fault = plan.fault;
    (void)pthread_mutex_unlock(&plan_lock);
    return fails;
}

static void pass_gate(void)
{
    (void)pthread_mutex_lock(&plan_lock);
    while (plan.shut) {
        plan.waiting = true;
        (void)pthread_cond_broadcast(&plan_changed);
        (void)pthread_cond_wait(&plan_changed, &plan_lock);
    }
    plan.waiting = false;
    (void)pthread_mutex_unlock(&plan_lock);
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
    enum broken_vfs_fault fault;

    if (fails_now(true, &fault))
        return fault == BROKEN_VFS_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    return real_of(file)->pMethods->xWrite(real_of(file), data, size, offset);
}
static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}
static int shim_sync(sqlite3_file *file, int flags)
{
    enum broken_vfs_fault fault;

    pass_gate();
    if (fails_now(false, &fault))
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
    (void)pthread_mutex_lock(&plan_lock);
    plan.armed = true;
    plan.hit = false;
    plan.fault = fault;
    plan.left = nth;
    (void)pthread_mutex_unlock(&plan_lock);
}

bool broken_vfs_disarm(void)
{
    bool hit;

    (void)pthread_mutex_lock(&plan_lock);
    plan.armed = false;
    hit = plan.hit;
    (void)pthread_mutex_unlock(&plan_lock);
    return hit;
}

void broken_vfs_close_gate(void)
{
    (void)pthread_mutex_lock(&plan_lock);
    plan.shut = true;
    (void)pthread_mutex_unlock(&plan_lock);
}

void broken_vfs_await_gate(void)
{
    (void)pthread_mutex_lock(&plan_lock);
    while (!plan.waiting)
        (void)pthread_cond_wait(&plan_changed, &plan_lock);
    (void)pthread_mutex_unlock(&plan_lock);
}

void broken_vfs_open_gate(void)
{
    (void)pthread_mutex_lock(&plan_lock);
    plan.shut = false;
    (void)pthread_cond_broadcast(&plan_changed);
    (void)pthread_mutex_unlock(&plan_lock);
}
