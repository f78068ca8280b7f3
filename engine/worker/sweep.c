/* What still runs with an attempt's token, ended and followed to its end. */
#include "config.h"

#include <signal.h>
#include <stdio.h>

#include "engine/world/local.h"
#include "engine/world/process.h"
#include "engine/world/tree.h"
#include "engine/worker/private.h"

#include "engine/base/banned.h"

void fl_sweep_drop(struct fl_worker *worker, struct sweep *sweep)
{
    while (sweep->count > 0) {
        int fd = sweep->fd[--sweep->count];

        fl_watch_remove(worker->watch, fd);
        fl_local_close(fd);
    }
}

bool fl_sweep(struct fl_worker *worker, const char *token, struct sweep *sweep)
{
    pid_t pids[FL_WORKER_SWEEP_MAX];
    char marker[160];
    size_t count;

    fl_sweep_drop(worker, sweep);
    (void)snprintf(marker, sizeof(marker), "FAIRLEAD_TOKEN=%s", token);
    count = token[0] ? fl_tree_marked(marker, pids, FL_WORKER_SWEEP_MAX) : 0;
    for (size_t i = 0; i < count; i++) {
        int fd = worker->world->ops->pidfd(pids[i], worker->world->arg);

        (void)fl_process_kill(worker->world, pids[i], SIGKILL, NULL); /* gone is as good */
        if (fd < 0)
            continue;
        if (fl_watch_add(worker->watch, fd, (uint64_t)(uintptr_t)&sweep->source, NULL) < 0)
            fl_local_close(fd);
        else
            sweep->fd[sweep->count++] = fd;
    }
    return count > 0;
}
