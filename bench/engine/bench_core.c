/* The core alone: what loading a workflow file and playing a run of it cost, without bus and store.
 *   bench_core load FILE            compile, make the run: seconds and memory
 *   bench_core play FILE [JOBS]     play it to its end, JOBS attempts at a time (1000)
 * Prints one line of JSON. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/engine/play.h"
#include "engine/spec/spec.h"
#include "engine/world/file.h"
#include "engine/world/memory.h"

#include "engine/base/banned.h"

#define STATUS_MAX ((size_t)64 * 1024)

static double seconds(int64_t ns)
{
    return (double)ns * 1e-9;
}

/* "VmRSS" and the like of this process [kB]; -1 when it cannot be read. */
static long memory_kb(const char *name)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    const char *line;

    fl_buf_init(&text, STATUS_MAX);
    if (fl_file_read(fl_world_real(), "/proc/self/status", STATUS_MAX, &text, NULL) < 0)
        return -1;
    line = strstr(text.data, name);
    return line ? strtol(line + strlen(name) + 1, NULL, 10) : -1;
}

static int read_file(const char *path, size_t limit, struct fl_buf *out, struct fl_err *reterr,
                     void *arg)
{
    (void)arg;
    return fl_file_read(fl_world_real(), path, limit, out, reterr);
}

static int compile(const char *path, struct fl_workflow **ret_workflow, struct fl_err *reterr)
{
    const struct fl_spec_options options = {.read = read_file};
    struct fl_diagnostics list = {0};
    int rc = fl_spec_load(path, &options, ret_workflow, &list, reterr);

    for (size_t i = 0; rc < 0 && i < list.count; i++)
        (void)fprintf(stderr, "%s\n", list.items[i].text);
    return rc;
}

static size_t instances(const struct fl_workflow *workflow)
{
    size_t count = 0;

    for (size_t i = 0; i < workflow->stage_count; i++)
        count += fl_stage_instances(workflow, &workflow->stages[i]);
    return count;
}

static int load(const char *path, struct fl_err *reterr)
{
    fl_auto(play_destroy) struct play *play = NULL;
    struct fl_workflow *workflow = NULL;
    long before_kb = memory_kb("VmRSS");
    int64_t start_ns = fl_world_mono_ns(fl_world_real());
    int64_t compiled_ns;
    size_t count;
    int rc = compile(path, &workflow, reterr);

    if (rc < 0)
        return rc;
    compiled_ns = fl_world_mono_ns(fl_world_real());
    count = instances(workflow);
    rc = play_create(1, &play, reterr);
    if (rc < 0) {
        fl_workflow_destroy(workflow);
        return rc;
    }
    rc = play_submit(play, workflow, reterr);
    if (rc < 0)
        return rc;
    (void)printf("{\"stages\":%zu,\"compile_s\":%.4f,\"submit_s\":%.4f,\"load_s\":%.4f,"
                 "\"grown_kb\":%ld,\"rss_kb\":%ld,\"peak_kb\":%ld}\n",
                 count, seconds(compiled_ns - start_ns),
                 seconds(fl_world_mono_ns(fl_world_real()) - compiled_ns),
                 seconds(fl_world_mono_ns(fl_world_real()) - start_ns),
                 memory_kb("VmRSS") - before_kb, memory_kb("VmRSS"), memory_kb("VmHWM"));
    return 0;
}

static int play_file(const char *path, int64_t jobs, struct fl_err *reterr)
{
    fl_auto(play_destroy) struct play *play = NULL;
    struct fl_workflow *workflow = NULL;
    const struct play_times *t;
    int64_t start_ns;
    clock_t before;
    double share;
    double core_s;
    size_t count;
    int rc = compile(path, &workflow, reterr);

    if (rc < 0)
        return rc;
    count = instances(workflow);
    rc = play_create(jobs, &play, reterr);
    if (rc < 0) {
        fl_workflow_destroy(workflow);
        return rc;
    }
    rc = play_submit(play, workflow, reterr);
    start_ns = fl_world_mono_ns(fl_world_real());
    before = clock();
    if (rc == 0)
        rc = play_run(play, reterr);
    /* what others took of the machine meanwhile is not the core's */
    share = (double)(clock() - before) / CLOCKS_PER_SEC /
            seconds(fl_world_mono_ns(fl_world_real()) - start_ns);
    if (rc < 0)
        return rc;
    t = play_times(play);
    if (t->ended != count)
        return fl_err_set(reterr, FL_E_BUG, 0, "%llu of %zu stages have ended",
                          (unsigned long long)t->ended, count);
    core_s = share * seconds(t->decide_ns + t->apply_ns + t->advance_ns);
    (void)printf("{\"stages\":%zu,\"inputs\":%llu,\"events\":%llu,\"seconds\":%.4f,"
                 "\"events_a_second\":%.0f,\"decide_s\":%.4f,\"apply_s\":%.4f,\"advance_s\":%.4f,"
                 "\"effects_s\":%.4f,\"rss_kb\":%ld}\n",
                 count, (unsigned long long)t->inputs, (unsigned long long)t->events, core_s,
                 (double)t->events / core_s, seconds(t->decide_ns), seconds(t->apply_ns),
                 seconds(t->advance_ns), seconds(t->effects_ns), memory_kb("VmRSS"));
    return 0;
}

int main(int argc, char **argv)
{
    struct fl_err err = {0};
    int rc;

    fl_memory_tune(); /* as the daemon does */
    if (argc == 3 && strcmp(argv[1], "load") == 0)
        rc = load(argv[2], &err);
    else if ((argc == 3 || argc == 4) && strcmp(argv[1], "play") == 0)
        rc = play_file(argv[2], argc == 4 ? strtoll(argv[3], NULL, 10) : 1000, &err);
    else
        rc = fl_err_set(&err, FL_E_USAGE, 0,
                        "usage: bench_core load FILE | bench_core play FILE [JOBS]");
    if (rc < 0)
        (void)fprintf(stderr, "bench_core: %s\n", err.text);
    return fl_err_exit_code(rc);
}
