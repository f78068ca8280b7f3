/* A machine behind the world's table. */
#include "config.h"

#include "tests/sim/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/channel.h"
#include "tests/sim/stage.h"
#include "engine/base/banned.h"

static struct machine *now; /* whose turn it is: one simulation at a time */

void machine_turn(struct machine *machine)
{
    now = machine;
}

struct machine *machine_now(void)
{
    fl_assert(now);
    return now;
}

void machine_die(struct machine *machine)
{
    machine->dead = true;
    machine->die_after = 0;
    disk_mute(machine->disk, true);
    machine->net->mute[machine->number] = true;
}

bool machine_is_dead(struct machine *machine)
{
    if (!machine->dead && machine->die_after > 0 && --machine->die_after == 0)
        machine_die(machine);
    return machine->dead;
}

void machine_bury(struct machine *machine)
{
    for (int i = MACHINE_FD_FIRST; i < machine->fd_used; i++) {
        if ((machine->fds[i].kind != FD_FREE && machine->fds[i].pid == 0) ||
            machine->fds[i].kind == FD_PID)
            machine_fd_close(machine, i);
    }
    machine->dead = false;
    machine->die_after = 0;
    disk_mute(machine->disk, false);
    machine->net->mute[machine->number] = false;
    stages_orphan(machine);
    if (machine->power_fails)
        machine_power_loss(machine);
    machine->power_fails = false;
}

void machine_fill(struct machine *machine, bool full)
{
    machine->full = full;
    disk_fill(machine->disk, full);
}

void machine_power_loss(struct machine *machine)
{
    stages_power_loss(machine);
    disk_power_loss(machine->disk);
    machine->boot++;
}

/* ---------------------------------------------------------------- descriptors */

int machine_fd_open(struct machine *machine, struct fd fd)
{
    for (int i = MACHINE_FD_FIRST; i < MACHINE_FDS_MAX; i++) {
        if (machine->fds[i].kind != FD_FREE)
            continue;
        machine->fds[i] = fd;
        if (i >= machine->fd_used)
            machine->fd_used = i + 1;
        return i;
    }
    return -EMFILE;
}

struct fd *machine_fd(struct machine *machine, int number)
{
    if (number < MACHINE_FD_FIRST || number >= MACHINE_FDS_MAX ||
        machine->fds[number].kind == FD_FREE)
        return NULL;
    return &machine->fds[number];
}

void machine_fd_close(struct machine *machine, int number)
{
    struct fd *fd = machine_fd(machine, number);

    if (!fd)
        return;
    if (fd->file) {
        if (*disk_lock(fd->file) == number)
            *disk_lock(fd->file) = 0;
        disk_unref(machine->disk, fd->file);
    }
    if (fd->channel)
        channel_leave(fd->channel, fd->side);
    *fd = (struct fd){0};
}

bool machine_fd_ready(struct machine *machine, int number)
{
    const struct fd *fd = machine_fd(machine, number);

    if (!fd)
        return false;
    switch (fd->kind) {
    case FD_BELL:
        return fd->rung;
    case FD_PID:
        return !stages_alive(machine, fd->pid);
    case FD_CHANNEL:
        return channel_ready(fd->channel, fd->side);
    case FD_WATCH:
    case FD_FILE:
    case FD_FREE:
        break;
    }
    return false;
}

/* ---------------------------------------------------------------- the table */

static int64_t sim_mono_ns(void *arg)
{
    return ((struct machine *)arg)->net->now_ns;
}

static int64_t sim_utc_ns(void *arg)
{
    const struct machine *machine = arg;

    return machine->net->now_ns + machine->utc_offset_ns;
}

static int sim_random_bytes(void *out, size_t size, void *arg)
{
    uint8_t *bytes = out;
    uint64_t drawn = 0;

    for (size_t i = 0; i < size; i++) {
        if (i % 8 == 0)
            drawn = sim_random(((struct machine *)arg)->random);
        bytes[i] = (uint8_t)(drawn >> (8 * (i % 8)));
    }
    return 0;
}

static int sim_open(const char *path, int flags, int mode, void *arg)
{
    struct machine *machine = arg;
    struct fd fd = {.kind = FD_FILE, .append = (flags & O_APPEND) != 0};
    int rc =
        machine_is_dead(machine) ? -EIO : disk_open(machine->disk, path, flags, mode, &fd.file);
    int number;

    if (rc < 0)
        return rc;
    fd.pid = stages_acting(machine);
    number = machine_fd_open(machine, fd);
    if (number < 0)
        disk_unref(machine->disk, fd.file);
    return number;
}

static ssize_t sim_pread(int fd, void *data, size_t size, int64_t offset, void *arg)
{
    struct machine *machine = arg;
    const struct fd *it = machine_fd(machine, fd);

    if (!it || !it->file)
        return -EBADF;
    return machine_is_dead(machine) ? -EIO : disk_read(it->file, data, size, (uint64_t)offset);
}

static ssize_t sim_pwrite(int fd, const void *data, size_t size, int64_t offset, void *arg)
{
    struct machine *machine = arg;
    const struct fd *it = machine_fd(machine, fd);

    if (!it || !it->file)
        return -EBADF;
    if (machine_is_dead(machine))
        return -EIO;
    return disk_write(machine->disk, it->file, data, size,
                      it->append || offset < 0 ? disk_size(it->file) : (uint64_t)offset);
}

static int sim_truncate(int fd, int64_t size, void *arg)
{
    struct machine *machine = arg;
    const struct fd *it = machine_fd(machine, fd);

    if (!it || !it->file)
        return -EBADF;
    return machine_is_dead(machine) ? -EIO : disk_truncate(machine->disk, it->file, (uint64_t)size);
}

static int sim_sync(int fd, void *arg)
{
    struct machine *machine = arg;
    const struct fd *it = machine_fd(machine, fd);

    if (!it || !it->file)
        return -EBADF;
    return machine_is_dead(machine) ? -EIO : disk_sync(machine->disk, it->file);
}

static int sim_close(int fd, void *arg)
{
    machine_fd_close(arg, fd);
    return 0;
}

static int sim_lock(int fd, void *arg)
{
    const struct fd *it = machine_fd(arg, fd);
    int *holder = it && it->file ? disk_lock(it->file) : NULL;

    if (!holder)
        return -EBADF;
    if (*holder != 0 && *holder != fd)
        return -EWOULDBLOCK;
    *holder = fd;
    return 0;
}

static int sim_rename(const char *from, const char *to, void *arg)
{
    struct machine *machine = arg;

    return machine_is_dead(machine) ? -EIO : disk_rename(machine->disk, from, to);
}

static int sim_unlink(const char *path, void *arg)
{
    struct machine *machine = arg;

    return machine_is_dead(machine) ? -EIO : disk_unlink(machine->disk, path, false);
}

static int sim_mkdir(const char *path, int mode, void *arg)
{
    struct machine *machine = arg;

    return machine_is_dead(machine) ? -EIO : disk_mkdir(machine->disk, path, mode);
}

static int sim_rmdir(const char *path, void *arg)
{
    struct machine *machine = arg;

    return machine_is_dead(machine) ? -EIO : disk_unlink(machine->disk, path, true);
}

static int sim_link(const char *from, const char *to, void *arg)
{
    struct machine *machine = arg;

    return machine_is_dead(machine) ? -EIO : disk_link(machine->disk, from, to);
}

static int sim_symlink(const char *target, const char *path, void *arg)
{
    (void)target;
    (void)path;
    (void)arg;
    return -EPERM; /* this file system has none */
}

static int sim_stat(const char *path, struct fl_stat *ret_stat, void *arg)
{
    struct machine *machine = arg;

    return machine_is_dead(machine) ? -EIO : disk_stat(machine->disk, path, ret_stat);
}

static int sim_list(const char *path, fl_list_fn fn, void *fn_arg, void *arg)
{
    struct machine *machine = arg;

    return machine_is_dead(machine) ? -EIO : disk_list(machine->disk, path, fn, fn_arg);
}

static int64_t sim_free_bytes(const char *path, void *arg)
{
    (void)path;
    (void)arg;
    return INT64_C(1) << 40;
}

static pid_t sim_spawn(const struct fl_spawn *spawn, void *arg)
{
    struct machine *machine = arg;

    return machine_is_dead(machine) ? -EIO : stage_spawn(machine, spawn->stdin_fd);
}

static int sim_pidfd(pid_t pid, void *arg)
{
    struct machine *machine = arg;

    if (machine_is_dead(machine))
        return -EIO;
    if (!stages_known(machine, pid))
        return -ESRCH;
    return machine_fd_open(machine, (struct fd){.kind = FD_PID, .pid = pid});
}

static int sim_reap(pid_t pid, int *ret_status, void *arg)
{
    struct machine *machine = arg;

    return machine_is_dead(machine) ? -EIO : stages_reap(machine, pid, ret_status);
}

static int sim_kill(pid_t pid, int signal, void *arg)
{
    struct machine *machine = arg;

    return machine_is_dead(machine) ? -EIO : stages_kill(machine, pid, signal);
}

/* Nothing happens while one waits: others have their turns afterwards. */
static int sim_wait(struct fl_wait_item *items, size_t count, int64_t timeout_ns, void *arg)
{
    struct machine *machine = arg;
    int ready = 0;

    for (size_t i = 0; i < count; i++) {
        items[i].ready = machine_fd_ready(machine, items[i].fd);
        ready += items[i].ready;
    }
    if (machine->waits_end) {
        machine->waited = true;
        return -ECANCELED;
    }
    if (ready == 0 && timeout_ns > 0)
        machine->net->now_ns += timeout_ns;
    return ready;
}

static const struct fl_world_ops sim_ops = {
    .mono_ns = sim_mono_ns,
    .utc_ns = sim_utc_ns,
    .random = sim_random_bytes,
    .open = sim_open,
    .pread = sim_pread,
    .pwrite = sim_pwrite,
    .truncate = sim_truncate,
    .sync = sim_sync,
    .close = sim_close,
    .lock = sim_lock,
    .lock_wait = sim_lock,
    .rename = sim_rename,
    .unlink = sim_unlink,
    .mkdir = sim_mkdir,
    .rmdir = sim_rmdir,
    .link = sim_link,
    .symlink = sim_symlink,
    .stat = sim_stat,
    .list = sim_list,
    .free_bytes = sim_free_bytes,
    .spawn = sim_spawn,
    .pidfd = sim_pidfd,
    .reap = sim_reap,
    .kill = sim_kill,
    .wait = sim_wait,
};

static bool dead_now(void *arg)
{
    return machine_is_dead(arg);
}

struct machine *machine_create(int number, struct sim_net *net, struct sim_random *random)
{
    struct machine *machine = calloc(1, sizeof(*machine));

    fl_assert(machine);
    machine->number = number;
    machine->net = net;
    machine->random = random;
    machine->pid_last = 100;
    machine->fd_used = MACHINE_FD_FIRST;
    machine->disk = disk_create(random);
    machine->world = (struct fl_world){&sim_ops, machine};
    net->is_dead[number] = dead_now;
    net->is_dead_arg[number] = machine;
    return machine;
}

void machine_destroy(struct machine *machine)
{
    if (!machine)
        return;
    stages_release(machine);
    for (int i = MACHINE_FD_FIRST; i < machine->fd_used; i++)
        machine_fd_close(machine, i);
    disk_destroy(machine->disk);
    free(machine);
}
