/* SQLite on simulated disks. */
#include "config.h"

#include "tests/sim/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/machine.h"
#include "engine/base/banned.h"

#define REGIONS_MAX 64

/* What connections to one file of one machine share: the index of the log, and locks. */
struct shared {
    const struct machine *machine;
    const struct file *file; /* NULL: free */
    unsigned users;
    void *regions[REGIONS_MAX];
    int holders[SQLITE_SHM_NLOCK];              /* readers, or -1 for one who writes */
    int level_count[SQLITE_LOCK_EXCLUSIVE + 1]; /* of the file's own locks, by level */
};

struct vfs_file {
    sqlite3_file base;
    struct machine *machine;
    struct file *file;
    struct shared *shared; /* NULL: no lock was asked for yet */
    bool has_shm;
    int level;
    unsigned reads; /* a bit a lock that it shares */
    unsigned writes;
    int last_errno;
    char *remove; /* path of a file that goes with its closing, or NULL */
};

static struct shared shareds[VFS_SHARED_MAX];

static struct shared *shared_of(struct vfs_file *f)
{
    struct shared *free_one = NULL;

    if (f->shared)
        return f->shared;
    for (size_t i = 0; i < VFS_SHARED_MAX; i++) {
        if (shareds[i].file == f->file && shareds[i].machine == f->machine)
            f->shared = &shareds[i];
        else if (!shareds[i].file)
            free_one = &shareds[i];
    }
    if (!f->shared) {
        fl_assert(free_one);
        *free_one = (struct shared){.machine = f->machine, .file = f->file};
        f->shared = free_one;
    }
    f->shared->users++;
    return f->shared;
}

static void shared_leave(struct vfs_file *f)
{
    struct shared *shared = f->shared;

    if (!shared)
        return;
    f->shared = NULL;
    if (--shared->users > 0)
        return;
    for (size_t i = 0; i < REGIONS_MAX; i++)
        free(shared->regions[i]);
    *shared = (struct shared){0};
}

static struct vfs_file *of(sqlite3_file *file)
{
    return (struct vfs_file *)(void *)file;
}

static int failed(struct vfs_file *f, int64_t rc, int code)
{
    f->last_errno = (int)-rc;
    return rc == -ENOSPC ? SQLITE_FULL : code;
}

static int vfs_unlock(sqlite3_file *file, int level);

static int vfs_close(sqlite3_file *file)
{
    struct vfs_file *f = of(file);

    (void)vfs_unlock(file, SQLITE_LOCK_NONE);
    shared_leave(f);
    if (f->remove) {
        (void)disk_unlink(f->machine->disk, f->remove, false);
        free(f->remove);
    }
    disk_unref(f->machine->disk, f->file);
    return SQLITE_OK;
}

static int vfs_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
    struct vfs_file *f = of(file);
    int64_t n = machine_is_dead(f->machine)
                    ? -EIO
                    : disk_read(f->file, data, (size_t)size, (uint64_t)offset);

    if (n < 0)
        return failed(f, n, SQLITE_IOERR_READ);
    if (n == size)
        return SQLITE_OK;
    memset((char *)data + n, 0, (size_t)(size - n));
    return SQLITE_IOERR_SHORT_READ;
}

static int vfs_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    struct vfs_file *f = of(file);
    int64_t n = machine_is_dead(f->machine)
                    ? -EIO
                    : disk_write(f->machine->disk, f->file, data, (size_t)size, (uint64_t)offset);

    return n < 0 ? failed(f, n, SQLITE_IOERR_WRITE) : SQLITE_OK;
}

static int vfs_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct vfs_file *f = of(file);
    int rc = machine_is_dead(f->machine) ? -EIO
                                         : disk_truncate(f->machine->disk, f->file, (uint64_t)size);

    return rc < 0 ? failed(f, rc, SQLITE_IOERR_TRUNCATE) : SQLITE_OK;
}

static int vfs_sync(sqlite3_file *file, int flags)
{
    struct vfs_file *f = of(file);
    int rc = machine_is_dead(f->machine) ? -EIO : disk_sync(f->machine->disk, f->file);

    (void)flags;
    return rc < 0 ? failed(f, rc, SQLITE_IOERR_FSYNC) : SQLITE_OK;
}

static int vfs_size(sqlite3_file *file, sqlite3_int64 *size)
{
    *size = (sqlite3_int64)disk_size(of(file)->file);
    return SQLITE_OK;
}

static int vfs_lock(sqlite3_file *file, int level)
{
    struct vfs_file *f = of(file);
    struct shared *shared = shared_of(f);
    int others[SQLITE_LOCK_EXCLUSIVE + 1];

    if (level <= f->level)
        return SQLITE_OK;
    memcpy(others, shared->level_count, sizeof(others));
    others[f->level]--;
    if (others[SQLITE_LOCK_EXCLUSIVE] > 0 ||
        (level == SQLITE_LOCK_SHARED && others[SQLITE_LOCK_PENDING] > 0) ||
        (level == SQLITE_LOCK_RESERVED &&
         others[SQLITE_LOCK_RESERVED] + others[SQLITE_LOCK_PENDING] > 0) ||
        (level == SQLITE_LOCK_EXCLUSIVE &&
         others[SQLITE_LOCK_SHARED] + others[SQLITE_LOCK_RESERVED] + others[SQLITE_LOCK_PENDING] >
             0))
        return SQLITE_BUSY;
    shared->level_count[f->level]--;
    shared->level_count[level]++;
    f->level = level;
    return SQLITE_OK;
}

static int vfs_unlock(sqlite3_file *file, int level)
{
    struct vfs_file *f = of(file);

    if (!f->shared || f->level <= level)
        return SQLITE_OK;
    f->shared->level_count[f->level]--;
    f->shared->level_count[level]++;
    f->level = level;
    return SQLITE_OK;
}

static int vfs_reserved(sqlite3_file *file, int *out)
{
    const struct shared *shared = shared_of(of(file));

    *out = shared->level_count[SQLITE_LOCK_RESERVED] + shared->level_count[SQLITE_LOCK_PENDING] +
               shared->level_count[SQLITE_LOCK_EXCLUSIVE] >
           0;
    return SQLITE_OK;
}

static int vfs_control(sqlite3_file *file, int op, void *arg)
{
    if (op == SQLITE_FCNTL_LAST_ERRNO) {
        *(int *)arg = of(file)->last_errno;
        return SQLITE_OK;
    }
    return SQLITE_NOTFOUND;
}

static int vfs_sector(sqlite3_file *file)
{
    (void)file;
    return DISK_SECTOR_BYTES;
}

static int vfs_traits(sqlite3_file *file)
{
    (void)file;
    return 0; /* nothing is promised */
}

static int vfs_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    struct vfs_file *f = of(file);
    struct shared *shared = shared_of(f);

    if (page >= REGIONS_MAX)
        return SQLITE_IOERR_SHMMAP;
    f->has_shm = true;
    if (!shared->regions[page] && extend) {
        shared->regions[page] = calloc(1, (size_t)size);
        fl_assert(shared->regions[page]);
    }
    *out = shared->regions[page];
    return SQLITE_OK;
}

static int vfs_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    struct vfs_file *f = of(file);
    struct shared *shared = shared_of(f);
    unsigned *mine = flags & SQLITE_SHM_SHARED ? &f->reads : &f->writes;

    for (int i = offset; flags & SQLITE_SHM_LOCK && i < offset + n; i++) {
        int holders = shared->holders[i] - (f->reads & (1u << i) ? 1 : 0);

        if (*mine & (1u << i))
            continue;
        if (holders < 0 || (flags & SQLITE_SHM_EXCLUSIVE && holders > 0))
            return SQLITE_BUSY;
    }
    for (int i = offset; i < offset + n; i++) {
        bool has = *mine & (1u << i);

        if (flags & SQLITE_SHM_LOCK && !has) {
            *mine |= 1u << i;
            shared->holders[i] = flags & SQLITE_SHM_SHARED ? shared->holders[i] + 1 : -1;
        } else if (flags & SQLITE_SHM_UNLOCK && has) {
            *mine &= ~(1u << i);
            shared->holders[i] = flags & SQLITE_SHM_SHARED ? shared->holders[i] - 1 : 0;
        }
    }
    return SQLITE_OK;
}

static void vfs_shm_barrier(sqlite3_file *file)
{
    (void)file;
}

static int vfs_shm_unmap(sqlite3_file *file, int remove)
{
    struct vfs_file *f = of(file);

    (void)remove;
    for (int i = 0; i < SQLITE_SHM_NLOCK && f->shared; i++) {
        if (f->reads & (1u << i))
            f->shared->holders[i]--;
        if (f->writes & (1u << i))
            f->shared->holders[i] = 0;
    }
    f->reads = f->writes = 0;
    f->has_shm = false;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_unlock,
    .xCheckReservedLock = vfs_reserved,
    .xFileControl = vfs_control,
    .xSectorSize = vfs_sector,
    .xDeviceCharacteristics = vfs_traits,
    .xShmMap = vfs_shm_map,
    .xShmLock = vfs_shm_lock,
    .xShmBarrier = vfs_shm_barrier,
    .xShmUnmap = vfs_shm_unmap,
};

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *out_flags)
{
    struct vfs_file *f = of(file);
    struct machine *machine = machine_now();
    char temp[64];
    int open_flags = flags & SQLITE_OPEN_READONLY ? O_RDONLY : O_RDWR;
    int rc;

    (void)vfs;
    memset(f, 0, sizeof(*f));
    f->machine = machine;
    if (flags & SQLITE_OPEN_CREATE)
        open_flags |= O_CREAT;
    if (!name) {
        (void)snprintf(temp, sizeof(temp), "/temp.%llu",
                       (unsigned long long)sim_random(&machine->salt));
        name = temp;
    }
    rc = machine_is_dead(machine) ? -EIO
                                  : disk_open(machine->disk, name, open_flags, 0644, &f->file);
    if (rc < 0)
        return rc == -ENOSPC ? SQLITE_FULL : SQLITE_CANTOPEN;
    if (flags & SQLITE_OPEN_DELETEONCLOSE)
        f->remove = strdup(name);
    if (out_flags)
        *out_flags = flags;
    file->pMethods = &methods;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    struct machine *machine = machine_now();
    int rc = machine_is_dead(machine) ? -EIO : disk_unlink(machine->disk, name, false);
    struct file *root = NULL;

    (void)vfs;
    if (rc == -ENOENT)
        return SQLITE_IOERR_DELETE_NOENT;
    if (rc == 0 && sync_folder && disk_open(machine->disk, "/", O_DIRECTORY, 0, &root) == 0) {
        rc = disk_sync(machine->disk, root);
        disk_unref(machine->disk, root);
    }
    return rc < 0 ? SQLITE_IOERR_DELETE : SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    struct machine *machine = machine_now();
    struct fl_stat info = {0};

    (void)vfs;
    *out = !machine_is_dead(machine) && disk_stat(machine->disk, name, &info) == 0 &&
           (flags != SQLITE_ACCESS_EXISTS || info.size_bytes > 0);
    return SQLITE_OK;
}

static int vfs_full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    (void)snprintf(out, (size_t)size, "%s", name);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    struct machine *machine = machine_now();

    (void)vfs;
    for (int i = 0; i < size; i++)
        out[i] = (char)sim_random(&machine->salt);
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
    (void)vfs;
    *out = 2461369.5; /* 2026-11-24; nothing of ours asks SQLite for the time */
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    if (size > 0)
        out[0] = '\0';
    return 0;
}

void sim_vfs_register(void)
{
    static sqlite3_vfs vfs = {.iVersion = 1,
                              .szOsFile = (int)sizeof(struct vfs_file),
                              .mxPathname = 4096,
                              .zName = "sim",
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_full_name,
                              .xRandomness = vfs_randomness,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_time,
                              .xGetLastError = vfs_last_error};

    /* each run of a seed draws the same salts: SQLite's own generator is seeded once a process */
    fl_assert(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}
