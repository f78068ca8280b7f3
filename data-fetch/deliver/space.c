/* Waiting for room. */
#include "config.h"

#include "data-fetch/deliver/space.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data-fetch/deliver/ledger.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define SPARE_BYTES ((uint64_t)512 * 1024) /* for ledger and manifest */
#define FIRST_NS (INT64_C(1000000000) / 4)
#define LAST_NS (INT64_C(15) * 1000000000)
#define FULL ".full"
#define ORDER_DIGITS 20

void fl_space_open(struct fl_space *space, const struct fl_world *world, const char *dir,
                   int64_t order, fl_space_fn fn, void *arg)
{
    char folder[FL_PATH_MAX];
    int used;

    *space = (struct fl_space){
        .world = world, .fd = -1, .order = order < 0 ? 0 : order, .fn = fn, .arg = arg};
    (void)snprintf(space->dir, sizeof(space->dir), "%s", dir);
    used = snprintf(folder, sizeof(folder), "%s/" FL_LEDGER_FOLDER "/queue", dir);
    if (used < 0 || (size_t)used + 64 >= sizeof(folder) ||
        fl_dir_make(world, folder, 0755, NULL) < 0)
        return; /* without a place it waits on its own */
    (void)snprintf(space->place, sizeof(space->place), "%.*s/%0*" PRId64 ".%ld", used, folder,
                   ORDER_DIGITS, space->order, (long)getpid());
    space->fd = world->ops->open(space->place, O_RDWR | O_CREAT, 0644, world->arg);
    if (space->fd < 0 || world->ops->lock(space->fd, world->arg) < 0)
        space->place[0] = '\0';
}

static void rename_place(struct fl_space *space, bool full)
{
    size_t size = strlen(space->place);
    char path[FL_PATH_MAX];

    if (size == 0)
        return;
    if (full)
        (void)snprintf(path, sizeof(path), "%.4000s" FULL, space->place);
    else
        (void)snprintf(path, sizeof(path), "%.*s", (int)(size - strlen(FULL)), space->place);
    if (space->world->ops->rename(space->place, path, space->world->arg) == 0)
        memcpy(space->place, path, strlen(path) + 1);
}

void fl_space_close(struct fl_space *space)
{
    if (space->place[0])
        (void)space->world->ops->unlink(space->place, space->world->arg); /* or it is stale */
    if (space->fd >= 0)
        (void)space->world->ops->close(space->fd, space->world->arg);
    space->fd = -1;
    space->place[0] = '\0';
}

struct looking {
    const struct fl_space *space;
    char folder[FL_PATH_MAX];
    bool earlier;
};

/* Somebody who waits, is alive, and whose bytes are needed before ours. */
static int look_at(const char *name, bool is_dir, void *arg)
{
    struct looking *l = arg;
    const struct fl_world *world = l->space->world;
    const char *own = fl_path_base(l->space->place);
    size_t size = strlen(name);
    char path[FL_PATH_MAX];
    int fd;

    if (is_dir || size < strlen(FULL) || strcmp(name + size - strlen(FULL), FULL) != 0 ||
        strcmp(name, own) >= 0 || fl_path_join(l->folder, name, path, sizeof(path), NULL) < 0)
        return 0;
    fd = world->ops->open(path, O_RDWR, 0, world->arg);
    if (fd < 0)
        return 0;
    if (world->ops->lock(fd, world->arg) < 0)
        l->earlier = true;
    else
        (void)world->ops->unlink(path, world->arg); /* whoever it was is dead */
    (void)world->ops->close(fd, world->arg);
    return 0;
}

static bool is_first(const struct fl_space *space)
{
    struct looking l = {.space = space};

    if (!space->place[0])
        return true;
    (void)snprintf(l.folder, sizeof(l.folder), "%.*s",
                   (int)(fl_path_base(space->place) - space->place - 1), space->place);
    (void)space->world->ops->list(l.folder, look_at, &l, space->world->arg); /* none: nobody */
    return !l.earlier;
}

int fl_space_wait(struct fl_space *space, uint64_t bytes, struct fl_err *reterr)
{
    const struct fl_world *world = space->world;
    int64_t wait_ns = FIRST_NS;
    char text[512];

    for (;;) {
        int64_t room = world->ops->free_bytes(space->dir, world->arg);
        int rc;

        if (room < 0)
            return fl_err_errno(reterr, (int)-room, "free space of '%s'", space->dir);
        if ((uint64_t)room >= bytes + SPARE_BYTES && (!space->waits || is_first(space)))
            break;
        if (!space->waits) {
            space->waits = true;
            rename_place(space, true);
            (void)snprintf(text, sizeof(text),
                           "'%.300s' is full: %" PRIu64 " bytes are needed, %" PRId64
                           " are free; the delivery waits and goes on by itself",
                           space->dir, bytes, room);
            space->fn(true, text, space->arg);
        }
        rc = fl_world_wait(world, NULL, 0, wait_ns, reterr);
        if (rc < 0 && rc != FL_E_TIMEOUT)
            return rc;
        wait_ns = wait_ns * 2 < LAST_NS ? wait_ns * 2 : LAST_NS;
    }
    if (space->waits) {
        space->waits = false;
        rename_place(space, false);
        (void)snprintf(text, sizeof(text), "'%.300s' has room again; the delivery goes on",
                       space->dir);
        space->fn(false, text, space->arg);
    }
    return 0;
}
