/* The failing world. */
#include "config.h"

#include "tests/lib/fault.h"

static struct {
    int left; /* calls until the failure; < 0: not armed */
    int errnum;
    bool hit;
} fault_table = {.left = -1};

static bool fault_now(void)
{
    if (fault_table.left < 0 || fault_table.left-- > 0)
        return false;
    fault_table.hit = true;
    return true;
}

#define REAL (fl_world_real()->ops)

static int fault_open(const char *path, int flags, int mode, void *arg)
{
    return fault_now() ? -fault_table.errnum : REAL->open(path, flags, mode, arg);
}
static ssize_t fault_pwrite(int fd, const void *data, size_t size, int64_t offset, void *arg)
{
    return fault_now() ? -fault_table.errnum : REAL->pwrite(fd, data, size, offset, arg);
}
static int fault_truncate(int fd, int64_t size, void *arg)
{
    return fault_now() ? -fault_table.errnum : REAL->truncate(fd, size, arg);
}
static int fault_sync(int fd, void *arg)
{
    return fault_now() ? -fault_table.errnum : REAL->sync(fd, arg);
}
static int fault_rename(const char *from, const char *to, void *arg)
{
    return fault_now() ? -fault_table.errnum : REAL->rename(from, to, arg);
}
static int fault_link(const char *from, const char *to, void *arg)
{
    return fault_now() ? -fault_table.errnum : REAL->link(from, to, arg);
}
static int fault_mkdir(const char *path, int mode, void *arg)
{
    return fault_now() ? -fault_table.errnum : REAL->mkdir(path, mode, arg);
}

const struct fl_world *fault_world(void)
{
    static struct fl_world_ops ops;
    static struct fl_world world;

    ops = *REAL;
    ops.open = fault_open;
    ops.pwrite = fault_pwrite;
    ops.truncate = fault_truncate;
    ops.sync = fault_sync;
    ops.rename = fault_rename;
    ops.link = fault_link;
    ops.mkdir = fault_mkdir;
    world.ops = &ops;
    return &world;
}

void fault_arm(int nth, int errnum)
{
    fault_table.left = nth;
    fault_table.errnum = errnum;
    fault_table.hit = false;
}

bool fault_disarm(void)
{
    fault_table.left = -1;
    return fault_table.hit;
}
