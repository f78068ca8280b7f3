/* The calls of engine/world that know no world, on the machine whose turn it is. They stand in
 * for the real ones at link time. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/bus/keys.h"
#include "engine/world/channel.h"
#include "engine/world/local.h"
#include "engine/world/process.h"
#include "engine/world/tree.h"
#include "engine/world/wake.h"
#include "engine/world/watch.h"
#include "tests/sim/channel.h"
#include "tests/sim/machine.h"
#include "tests/sim/stage.h"
#include "engine/base/banned.h"

/* ---------------------------------------------------------------- watch.h */

struct fl_watch {
    int fd;
    struct {
        int fd; /* 0: free */
        uint64_t key;
    } items[MACHINE_FDS_MAX];
    int used;
    int next; /* whose turn it is to be looked at first */
};

int fl_watch_create(struct fl_watch **ret_watch, struct fl_err *reterr)
{
    struct fl_watch *watch = calloc(1, sizeof(*watch));

    (void)reterr;
    fl_assert(watch);
    watch->fd = machine_fd_open(machine_now(), (struct fd){.kind = FD_WATCH});
    *ret_watch = watch;
    return 0;
}

void fl_watch_destroy(struct fl_watch *watch)
{
    if (!watch)
        return;
    machine_fd_close(machine_now(), watch->fd);
    free(watch);
}

int fl_watch_fd(const struct fl_watch *watch)
{
    return watch->fd;
}

int fl_watch_add(struct fl_watch *watch, int fd, uint64_t key, struct fl_err *reterr)
{
    int at = 0;

    (void)reterr;
    while (at < watch->used && watch->items[at].fd != 0)
        at++;
    fl_assert(at < MACHINE_FDS_MAX);
    watch->items[at].fd = fd;
    watch->items[at].key = key;
    if (at == watch->used)
        watch->used++;
    return 0;
}

void fl_watch_remove(struct fl_watch *watch, int fd)
{
    for (int i = 0; i < watch->used; i++) {
        if (watch->items[i].fd == fd)
            watch->items[i].fd = 0;
    }
}

bool fl_watch_next(struct fl_watch *watch, uint64_t *ret_key)
{
    for (int i = 0; i < watch->used; i++) {
        int at = (watch->next + i) % watch->used;

        if (watch->items[at].fd == 0 || !machine_fd_ready(machine_now(), watch->items[at].fd))
            continue;
        watch->next = (at + 1) % watch->used;
        *ret_key = watch->items[at].key;
        return true;
    }
    return false;
}

/* Files that arrive from outside: none do here. */
int fl_notify_create(int *ret_fd, struct fl_err *reterr)
{
    return fl_wake_create(ret_fd, reterr);
}

int fl_notify_add(int fd, const char *folder, int *ret_id, struct fl_err *reterr)
{
    (void)fd;
    (void)folder;
    (void)reterr;
    *ret_id = 1;
    return 0;
}

void fl_notify_remove(int fd, int id)
{
    (void)fd;
    (void)id;
}

void fl_notify_read(int fd, fl_notify_fn fn, void *arg)
{
    (void)fd;
    (void)fn;
    (void)arg;
}

bool fl_notify_settled(const char *path)
{
    (void)path;
    return true;
}

/* ---------------------------------------------------------------- wake.h */

int fl_wake_create(int *ret_fd, struct fl_err *reterr)
{
    (void)reterr;
    *ret_fd = machine_fd_open(machine_now(), (struct fd){.kind = FD_BELL});
    return 0;
}

void fl_wake_ring(int fd)
{
    machine_fd(machine_now(), fd)->rung = true;
}

void fl_wake_clear(int fd)
{
    machine_fd(machine_now(), fd)->rung = false;
}

void fl_wake_close(int fd)
{
    machine_fd_close(machine_now(), fd);
}

/* ---------------------------------------------------------------- local.h */

int fl_local_folder(const struct fl_world *world, char *path, size_t size, struct fl_err *reterr)
{
    (void)world;
    (void)reterr;
    (void)snprintf(path, size, "/run");
    return 0;
}

void fl_local_close(int fd)
{
    machine_fd_close(machine_now(), fd);
}

int fl_pipe_create(int ret_fds[2], struct fl_err *reterr)
{
    ret_fds[0] = ret_fds[1] = -1;
    return fl_err_set(reterr, FL_E_UNSUPPORTED, 0, "no pipes here");
}

ssize_t fl_pipe_read(int fd, void *data, size_t size)
{
    (void)fd;
    (void)data;
    (void)size;
    return FL_E_AGAIN;
}

/* ---------------------------------------------------------------- channel.h */

static int channel_fd(struct channel *channel, int side)
{
    return machine_fd_open(machine_now(),
                           (struct fd){.kind = FD_CHANNEL, .channel = channel, .side = side});
}

int fl_channel_pair(int ret_fds[2], struct fl_err *reterr)
{
    struct channel *channel = channel_create();

    (void)reterr;
    ret_fds[0] = channel_fd(channel, 0);
    ret_fds[1] = channel_fd(channel, 1);
    return 0;
}

int fl_channel_connect(const char *name, int *ret_fd, struct fl_err *reterr)
{
    struct channel *channel =
        machine_is_dead(machine_now()) ? NULL : stages_connect(machine_now(), name);

    if (!channel)
        return fl_err_set(reterr, FL_E_NET, 0, "nobody listens at '%s'", name);
    *ret_fd = channel_fd(channel, 0);
    return 0;
}

int fl_channel_send(int fd, const void *data, size_t size, struct fl_err *reterr)
{
    const struct fd *it = machine_fd(machine_now(), fd);

    (void)reterr;
    if (!it || machine_is_dead(machine_now()))
        return FL_E_NET;
    return channel_send(it->channel, it->side, data, size);
}

int fl_channel_receive(int fd, void *data, size_t room, size_t *ret_size, struct fl_err *reterr)
{
    const struct fd *it = machine_fd(machine_now(), fd);

    (void)reterr;
    return it ? channel_receive(it->channel, it->side, data, room, ret_size) : FL_E_NET;
}

/* ---------------------------------------------------------------- tree.h, process.h */

int fl_tree_start(pid_t pid, uint64_t *ret_ticks, struct fl_err *reterr)
{
    if (!stages_alive(machine_now(), pid))
        return fl_err_set(reterr, FL_E_NOENT, 0, "no process %ld", (long)pid);
    *ret_ticks = (uint64_t)pid * 7;
    return 0;
}

int fl_tree_boot(char *text, size_t size, struct fl_err *reterr)
{
    (void)reterr;
    (void)snprintf(text, size, "boot-%u", machine_now()->boot);
    return 0;
}

size_t fl_tree_marked(const char *marker, pid_t *pids, size_t room)
{
    return machine_is_dead(machine_now()) ? 0 : stages_marked(machine_now(), marker, pids, room);
}

void fl_tree_values(const char *name, fl_tree_value_fn fn, void *arg)
{
    (void)name; /* of bodies, FAIRLEAD_TOKEN alone is asked for */
    if (!machine_is_dead(machine_now()))
        stages_tokens(machine_now(), fn, arg);
}

int fl_process_spawn(const struct fl_world *world, const struct fl_spawn *spawn, pid_t *ret_pid,
                     struct fl_err *reterr)
{
    pid_t pid = world->ops->spawn(spawn, world->arg);

    if (pid < 0)
        return fl_err_errno(reterr, -pid, "start '%s'", spawn->path);
    *ret_pid = pid;
    return 0;
}

bool fl_process_ended(const struct fl_world *world, pid_t pid, struct fl_exit *ret_exit)
{
    int status = 0;

    if (world->ops->reap(pid, &status, world->arg) <= 0)
        return false;
    *ret_exit = (struct fl_exit){.code = -1, .signal = -status};
    if (status > 0)
        *ret_exit = (struct fl_exit){.code = status - 1};
    return true;
}

int fl_process_kill(const struct fl_world *world, pid_t pid, int signal, struct fl_err *reterr)
{
    int rc = world->ops->kill(pid, signal, world->arg);

    return rc < 0 ? fl_err_set(reterr, FL_E_NOENT, -rc, "no process %ld", (long)pid) : 0;
}

int fl_process_find(const struct fl_world *world, const char *name, char *path, size_t size,
                    struct fl_err *reterr)
{
    (void)world;
    (void)reterr;
    (void)snprintf(path, size, "/bin/%s", name);
    return 0;
}

/* ---------------------------------------------------------------- keys.h */

int fl_bus_connect(const struct fl_world *world, const char *keys_dir, const char *name,
                   const char *endpoint, const struct fl_bus_limits *limits,
                   struct fl_bus_client **ret_client, struct fl_err *reterr)
{
    const struct machine *machine = world->arg;

    (void)keys_dir;
    (void)name;
    (void)endpoint;
    return fl_bus_client_create(world, sim_net_transport(machine->net, machine->number), limits,
                                ret_client, reterr);
}

int fl_bus_listen(const struct fl_world *world, const char *keys_dir, const char *endpoint,
                  const struct fl_bus_limits *limits, struct fl_bus_server **ret_server,
                  struct fl_err *reterr)
{
    const struct machine *machine = world->arg;

    (void)keys_dir;
    (void)endpoint;
    return fl_bus_server_create(world, sim_net_transport(machine->net, machine->number), limits,
                                ret_server, reterr);
}
