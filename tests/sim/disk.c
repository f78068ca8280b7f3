/* Files, and what has reached the disk of them. */
#include "config.h"

#include "tests/sim/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/macro.h"
#include "engine/base/banned.h"

struct entry {
    char *name;
    struct file *file;
};

struct file {
    uint64_t number;
    unsigned refs; /* names, open descriptors, the journal */
    bool is_dir;
    uint32_t mode;
    int locked;
    /* a folder */
    struct entry *entries;
    size_t entry_count;
    size_t entry_room;
    /* a file */
    uint8_t *seen;  /* as processes see it */
    uint8_t *kept;  /* as it is on the disk; zeros where nothing was written */
    uint8_t *dirty; /* one a sector */
    uint64_t seen_size;
    uint64_t kept_size;
    uint64_t room;
    bool is_dirty;
    size_t dirty_first; /* sectors */
    size_t dirty_end;
};

/* A change of a name that no sync has made durable yet. */
struct change {
    struct file *folder;
    struct file *file;
    char *name;
    bool added;   /* else removed */
    bool goes_on; /* happened together with the one before */
};

struct disk {
    struct sim_random *random;
    struct file *root;
    uint64_t number;
    bool mute;
    bool full;
    bool fail_sync;
    unsigned sync_failures;
    struct change *journal;
    size_t journal_count;
    size_t journal_room;
    struct file **dirty; /* each holds a reference */
    size_t dirty_count;
    size_t dirty_room;
};

static void *more(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    *room = *room ? *room * 2 : 8;
    items = realloc(items, *room * size);
    fl_assert(items);
    return items;
}

static char *copy_name(const char *name, size_t size)
{
    char *copy = strndup(name, size);

    fl_assert(copy);
    return copy;
}

static struct file *file_create(struct disk *disk, bool is_dir, int mode)
{
    struct file *file = calloc(1, sizeof(*file));

    fl_assert(file);
    file->number = ++disk->number;
    file->is_dir = is_dir;
    file->mode = (uint32_t)mode;
    return file;
}

void disk_ref(struct file *file)
{
    file->refs++;
}

void disk_unref(struct disk *disk, struct file *file)
{
    fl_assert(file->refs > 0);
    if (--file->refs > 0)
        return;
    for (size_t i = 0; i < file->entry_count; i++) {
        disk_unref(disk, file->entries[i].file);
        free(file->entries[i].name);
    }
    free(file->entries);
    free(file->seen);
    free(file->kept);
    free(file->dirty);
    free(file);
}

struct disk *disk_create(struct sim_random *random)
{
    struct disk *disk = calloc(1, sizeof(*disk));

    fl_assert(disk);
    disk->random = random;
    disk->root = file_create(disk, true, 0755);
    disk_ref(disk->root);
    return disk;
}

static void journal_clear(struct disk *disk, size_t from)
{
    for (size_t i = from; i < disk->journal_count; i++) {
        disk_unref(disk, disk->journal[i].file);
        disk_unref(disk, disk->journal[i].folder);
        free(disk->journal[i].name);
    }
    disk->journal_count = from;
}

static void dirty_clear(struct disk *disk)
{
    for (size_t i = 0; i < disk->dirty_count; i++)
        disk_unref(disk, disk->dirty[i]);
    disk->dirty_count = 0;
}

void disk_destroy(struct disk *disk)
{
    journal_clear(disk, 0);
    dirty_clear(disk);
    disk_unref(disk, disk->root);
    free(disk->journal);
    free(disk->dirty);
    free(disk);
}

void disk_mute(struct disk *disk, bool mute)
{
    disk->mute = mute;
}

void disk_fill(struct disk *disk, bool full)
{
    disk->full = full;
}

void disk_fail_sync(struct disk *disk, bool fail)
{
    disk->fail_sync = fail;
}

unsigned disk_sync_failures(const struct disk *disk)
{
    return disk->sync_failures;
}

/* ---------------------------------------------------------------- names */

static struct entry *entry_find(const struct file *folder, const char *name, size_t size)
{
    for (size_t i = 0; i < folder->entry_count; i++) {
        if (strncmp(folder->entries[i].name, name, size) == 0 &&
            folder->entries[i].name[size] == '\0')
            return &folder->entries[i];
    }
    return NULL;
}

static void entry_put(struct file *folder, const char *name, struct file *file)
{
    folder->entries =
        more(folder->entries, folder->entry_count, &folder->entry_room, sizeof(struct entry));
    folder->entries[folder->entry_count++] = (struct entry){copy_name(name, strlen(name)), file};
    disk_ref(file);
}

static void entry_drop(struct disk *disk, struct file *folder, const char *name)
{
    struct entry *entry = entry_find(folder, name, strlen(name));
    struct file *file;

    if (!entry)
        return;
    file = entry->file;
    free(entry->name);
    memmove(entry, entry + 1,
            (size_t)(folder->entries + folder->entry_count - entry - 1) * sizeof(*entry));
    folder->entry_count--;
    disk_unref(disk, file);
}

static void journal_add(struct disk *disk, struct file *folder, const char *name, struct file *file,
                        bool added, bool goes_on)
{
    disk->journal =
        more(disk->journal, disk->journal_count, &disk->journal_room, sizeof(struct change));
    disk->journal[disk->journal_count++] =
        (struct change){folder, file, copy_name(name, strlen(name)), added, goes_on};
    disk_ref(folder);
    disk_ref(file);
}

static void name_add(struct disk *disk, struct file *folder, const char *name, struct file *file,
                     bool goes_on)
{
    journal_add(disk, folder, name, file, true, goes_on);
    entry_put(folder, name, file);
}

static void name_drop(struct disk *disk, struct file *folder, const char *name, bool goes_on)
{
    journal_add(disk, folder, name, entry_find(folder, name, strlen(name))->file, false, goes_on);
    entry_drop(disk, folder, name);
}

/* The folder of a path, its last name, and the file there (NULL: none). */
static int walk(const struct disk *disk, const char *path, struct file **ret_folder, char name[256],
                struct file **ret_file)
{
    struct file *folder = disk->root;
    struct file *file = disk->root;

    name[0] = '\0';
    for (;;) {
        const struct entry *entry;
        size_t size;

        path += strspn(path, "/");
        if (*path == '\0')
            break;
        if (!file)
            return -ENOENT;
        if (!file->is_dir)
            return -ENOTDIR;
        size = strcspn(path, "/");
        if (size > 255)
            return -ENAMETOOLONG;
        folder = file;
        memcpy(name, path, size);
        name[size] = '\0';
        entry = entry_find(folder, path, size);
        file = entry ? entry->file : NULL;
        path += size;
    }
    *ret_folder = folder;
    *ret_file = file;
    return 0;
}

int disk_open(struct disk *disk, const char *path, int flags, int mode, struct file **ret_file)
{
    char name[256];
    struct file *folder;
    struct file *file;
    int rc = walk(disk, path, &folder, name, &file);

    if (rc < 0)
        return rc;
    if (!file && !(flags & O_CREAT))
        return -ENOENT;
    if (file && (flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if (file && file->is_dir && (flags & O_ACCMODE) != O_RDONLY)
        return -EISDIR;
    if (file && !file->is_dir && (flags & O_DIRECTORY))
        return -ENOTDIR;
    if (!file) {
        if (disk->mute)
            return -EIO;
        if (disk->full)
            return -ENOSPC;
        file = file_create(disk, false, mode);
        name_add(disk, folder, name, file, false);
    }
    disk_ref(file);
    *ret_file = file;
    if (flags & O_TRUNC)
        return disk_truncate(disk, file, 0);
    return 0;
}

int disk_rename(struct disk *disk, const char *from, const char *to)
{
    char old_name[256];
    char new_name[256];
    struct file *old_folder;
    struct file *new_folder;
    struct file *file;
    struct file *there;
    int rc = walk(disk, from, &old_folder, old_name, &file);

    if (rc == 0 && !file)
        rc = -ENOENT;
    if (rc == 0)
        rc = walk(disk, to, &new_folder, new_name, &there);
    if (rc < 0 || disk->mute)
        return rc;
    disk_ref(file);
    name_drop(disk, old_folder, old_name, false);
    if (there)
        name_drop(disk, new_folder, new_name, true);
    name_add(disk, new_folder, new_name, file, true);
    disk_unref(disk, file);
    return 0;
}

int disk_unlink(struct disk *disk, const char *path, bool is_dir)
{
    char name[256];
    struct file *folder;
    struct file *file;
    int rc = walk(disk, path, &folder, name, &file);

    if (rc < 0)
        return rc;
    if (!file)
        return -ENOENT;
    if (file->is_dir != is_dir)
        return is_dir ? -ENOTDIR : -EISDIR;
    if (file->entry_count > 0)
        return -ENOTEMPTY;
    if (!disk->mute)
        name_drop(disk, folder, name, false);
    return 0;
}

int disk_mkdir(struct disk *disk, const char *path, int mode)
{
    char name[256];
    struct file *folder;
    struct file *file;
    int rc = walk(disk, path, &folder, name, &file);

    if (rc < 0)
        return rc;
    if (file)
        return -EEXIST;
    if (disk->mute)
        return -EIO;
    if (disk->full)
        return -ENOSPC;
    name_add(disk, folder, name, file_create(disk, true, mode), false);
    return 0;
}

int disk_link(struct disk *disk, const char *from, const char *to)
{
    char name[256];
    struct file *folder;
    struct file *file;
    struct file *there;
    int rc = walk(disk, from, &folder, name, &file);

    if (rc == 0 && !file)
        rc = -ENOENT;
    if (rc == 0)
        rc = walk(disk, to, &folder, name, &there);
    if (rc < 0)
        return rc;
    if (there)
        return -EEXIST;
    if (!disk->mute)
        name_add(disk, folder, name, file, false);
    return 0;
}

int disk_stat(struct disk *disk, const char *path, struct fl_stat *ret_stat)
{
    char name[256];
    struct file *folder;
    struct file *file;
    int rc = walk(disk, path, &folder, name, &file);

    if (rc < 0)
        return rc;
    if (!file)
        return -ENOENT;
    *ret_stat = (struct fl_stat){.size_bytes = file->seen_size,
                                 .inode = file->number,
                                 .mode = file->mode,
                                 .is_dir = file->is_dir};
    return 0;
}

int disk_list(struct disk *disk, const char *path, fl_list_fn fn, void *arg)
{
    char name[256];
    struct file *folder;
    struct file *file;
    int rc = walk(disk, path, &folder, name, &file);
    char **names;
    size_t count;

    if (rc < 0)
        return rc;
    if (!file)
        return -ENOENT;
    if (!file->is_dir)
        return -ENOTDIR;
    /* fn may remove what it is told */
    count = file->entry_count;
    names = calloc(count + 1, sizeof(*names));
    fl_assert(names);
    for (size_t i = 0; i < count; i++)
        names[i] = copy_name(file->entries[i].name, strlen(file->entries[i].name));
    disk_ref(file);
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = entry_find(file, names[i], strlen(names[i]));

        if (rc == 0 && entry)
            rc = fn(names[i], entry->file->is_dir, arg);
        free(names[i]);
    }
    free(names);
    disk_unref(disk, file);
    return rc < 0 ? rc : 0;
}

/* ---------------------------------------------------------------- content */

static void make_room(struct file *file, uint64_t size)
{
    uint64_t room = file->room ? file->room : DISK_SECTOR_BYTES;

    if (size <= file->room)
        return;
    while (room < size)
        room *= 2;
    file->seen = realloc(file->seen, room);
    file->kept = realloc(file->kept, room);
    file->dirty = realloc(file->dirty, room / DISK_SECTOR_BYTES);
    fl_assert(file->seen && file->kept && file->dirty);
    memset(file->seen + file->room, 0, room - file->room);
    memset(file->kept + file->room, 0, room - file->room);
    memset(file->dirty + file->room / DISK_SECTOR_BYTES, 0,
           (room - file->room) / DISK_SECTOR_BYTES);
    file->room = room;
}

static void make_dirty(struct disk *disk, struct file *file, uint64_t from, uint64_t to)
{
    size_t first = from / DISK_SECTOR_BYTES;
    size_t end = (to + DISK_SECTOR_BYTES - 1) / DISK_SECTOR_BYTES;

    if (!file->is_dirty) {
        file->is_dirty = true;
        file->dirty_first = first;
        file->dirty_end = end;
        disk->dirty = more(disk->dirty, disk->dirty_count, &disk->dirty_room, sizeof(file));
        disk->dirty[disk->dirty_count++] = file;
        disk_ref(file);
    }
    if (first < file->dirty_first)
        file->dirty_first = first;
    if (end > file->dirty_end)
        file->dirty_end = end;
    if (end > first)
        memset(file->dirty + first, 1, end - first);
}

int64_t disk_read(const struct file *file, void *data, size_t size, uint64_t offset)
{
    if (file->is_dir)
        return -EISDIR;
    if (offset >= file->seen_size)
        return 0;
    if (size > file->seen_size - offset)
        size = (size_t)(file->seen_size - offset);
    memcpy(data, file->seen + offset, size);
    return (int64_t)size;
}

int64_t disk_write(struct disk *disk, struct file *file, const void *data, size_t size,
                   uint64_t offset)
{
    if (disk->mute)
        return (int64_t)size;
    if (disk->full && offset + size > file->seen_size)
        return -ENOSPC;
    if (size == 0)
        return 0;
    make_room(file, offset + size);
    memcpy(file->seen + offset, data, size);
    if (offset + size > file->seen_size)
        file->seen_size = offset + size;
    make_dirty(disk, file, offset, offset + size);
    return (int64_t)size;
}

int disk_truncate(struct disk *disk, struct file *file, uint64_t size)
{
    uint64_t old = file->seen_size;

    if (disk->mute || size == old)
        return 0;
    if (disk->full && size > old)
        return -ENOSPC;
    make_room(file, size);
    if (size < old)
        memset(file->seen + size, 0, old - size);
    file->seen_size = size;
    make_dirty(disk, file, size < old ? size : old, size < old ? old : size);
    return 0;
}

static void make_clean(struct disk *disk, struct file *file)
{
    if (!file->is_dirty)
        return;
    file->is_dirty = false;
    for (size_t i = 0; i < disk->dirty_count; i++) {
        if (disk->dirty[i] == file) {
            memmove(&disk->dirty[i], &disk->dirty[i + 1],
                    (disk->dirty_count - i - 1) * sizeof(file));
            disk->dirty_count--;
            break;
        }
    }
    disk_unref(disk, file);
}

/* Each unsynced sector is written or lost: lost of a thousand are. */
static void settle_sectors(struct disk *disk, struct file *file, uint32_t lost)
{
    for (size_t s = file->dirty_first; s < file->dirty_end; s++) {
        size_t at = s * DISK_SECTOR_BYTES;

        if (!file->dirty[s])
            continue;
        file->dirty[s] = 0;
        if (lost < 1000 && !sim_chance(disk->random, lost))
            memcpy(file->kept + at, file->seen + at, DISK_SECTOR_BYTES);
    }
    if (lost < 1000 && !sim_chance(disk->random, lost))
        file->kept_size = file->seen_size;
    if (file->room > file->kept_size)
        memset(file->kept + file->kept_size, 0, file->room - file->kept_size);
    if (file->room > 0)
        memcpy(file->seen, file->kept, file->room);
    file->seen_size = file->kept_size;
}

int disk_sync(struct disk *disk, struct file *file)
{
    if (disk->mute)
        return 0;
    if (disk->fail_sync) {
        disk->fail_sync = false;
        disk->sync_failures++;
        if (file->is_dirty)
            settle_sectors(disk, file, 500);
        disk_ref(file);
        make_clean(disk, file);
        disk_unref(disk, file);
        return -EIO;
    }
    if (file->is_dirty) {
        for (size_t s = file->dirty_first; s < file->dirty_end; s++) {
            if (file->dirty[s])
                memcpy(file->kept + s * DISK_SECTOR_BYTES, file->seen + s * DISK_SECTOR_BYTES,
                       DISK_SECTOR_BYTES);
            file->dirty[s] = 0;
        }
        file->kept_size = file->seen_size;
        disk_ref(file);
        make_clean(disk, file);
        disk_unref(disk, file);
    }
    journal_clear(disk, 0);
    return 0;
}

static void undo(struct disk *disk, const struct change *change)
{
    if (change->added)
        entry_drop(disk, change->folder, change->name);
    else
        entry_put(change->folder, change->name, change->file);
}

void disk_power_loss(struct disk *disk)
{
    static const uint32_t tempers[] = {0, 100, 500, 900, 1000, 1000};
    uint32_t lost = tempers[sim_pick(disk->random, FL_COUNT(tempers))];
    size_t keep = lost == 0      ? disk->journal_count
                  : lost == 1000 ? 0
                                 : sim_pick(disk->random, (uint32_t)disk->journal_count + 1);

    while (keep < disk->journal_count && disk->journal[keep].goes_on)
        keep++;
    for (size_t i = disk->journal_count; i > keep; i--)
        undo(disk, &disk->journal[i - 1]);
    journal_clear(disk, 0);
    for (size_t i = 0; i < disk->dirty_count; i++) {
        disk->dirty[i]->is_dirty = false;
        settle_sectors(disk, disk->dirty[i], lost);
    }
    dirty_clear(disk);
}

uint64_t disk_size(const struct file *file)
{
    return file->seen_size;
}

bool disk_is_dir(const struct file *file)
{
    return file->is_dir;
}

int *disk_lock(struct file *file)
{
    return &file->locked;
}
