/* Housekeeping: what the sites keep of runs that the coordinator has dropped goes. */
#include "config.h"

#include "engine/worker/private.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

/* True while something of the run is still here to be told of. */
static bool is_in_use(const struct fl_worker *worker, const char *run)
{
    size_t size = strlen(run);

    for (const struct attempt *attempt = worker->attempts; attempt; attempt = attempt->next)
        if (strncmp(attempt->id, run, size) == 0 && attempt->id[size] == '/')
            return true;
    return false;
}

static void clean_run(struct fl_worker *worker, const char *run)
{
    char below[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    int used = snprintf(below, sizeof(below), "work/%s", run);

    if (used < 0 || (size_t)used >= sizeof(below) || run[0] == '.' || !strchr(run, '/') ||
        is_in_use(worker, run))
        return; /* no run's name, or told too early: the next hello brings it again */
    for (size_t i = 0; i < worker->site_count; i++) {
        struct fl_err err = {0};
        int rc = fl_path_join(worker->sites[i].root, below, path, sizeof(path), &err);

        if (rc == 0)
            rc = fl_dir_remove(worker->world, path, &err);
        if (rc < 0)
            fl_log(FL_LOG_WARN, "run.clean", "run='%s' error='%s'", run, err.text);
    }
}

void fl_worker_clean(struct fl_worker *worker, const json_t *message)
{
    const json_t *runs = json_object_get(message, "runs");

    for (size_t i = 0; i < json_array_size(runs); i++) {
        const char *run = json_string_value(json_array_get(runs, i));

        if (run)
            clean_run(worker, run);
    }
}
