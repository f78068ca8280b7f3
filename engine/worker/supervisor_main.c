/* fairlead-supervisor: holds one attempt of a stage after the other. */
#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/path.h"
#include "engine/world/channel.h"
#include "engine/world/process.h"
#include "engine/world/wake.h"
#include "engine/worker/supervisor.h"

#include "engine/base/banned.h"

static const char usage[] =
    "Usage: fairlead-supervisor FOLDER\n"
    "       fairlead-supervisor --wait\n"
    "\n"
    "Holds one attempt of a stage: starts its program when the coordinator lets it begin, keeps "
    "its\n"
    "logs, takes what it says, ends its whole process tree, and writes how it ended. FOLDER\n"
    "(absolute) is the attempt's, with spec.json in it.\n"
    "\n"
    "  --wait     take attempts from the worker at the other end of standard input, one after\n"
    "             the other (so fairlead-worker starts it)\n"
    "  --help     this text\n"
    "  --version  the version\n";

/* 0: go on; otherwise *ret_code is the exit code. */
static int options(int argc, char **argv, bool *ret_wait, int *ret_code)
{
    static const struct option known[] = {{"wait", no_argument, NULL, 'w'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        if (option == 'w') {
            *ret_wait = true;
            continue;
        }
        *ret_code = option == '?' ? fl_err_exit_code(FL_E_USAGE) : 0;
        if (option == 'h')
            (void)fputs(usage, stdout);
        else if (option == 'V')
            (void)puts("fairlead-supervisor " PACKAGE_VERSION);
        else
            (void)fputs("try fairlead-supervisor --help\n", stderr);
        return 1;
    }
    if (optind + (*ret_wait ? 0 : 1) == argc)
        return 0;
    (void)fputs("fairlead-supervisor: one folder, or --wait, is expected; try --help\n", stderr);
    *ret_code = fl_err_exit_code(FL_E_USAGE);
    return 1;
}

/* One attempt, from taking its folder to its end. */
static int hold(struct fl_post *post, const char *folder, int64_t grant_ns, struct fl_err *reterr)
{
    fl_auto(fl_supervisor_destroy) struct fl_supervisor *supervisor = NULL;
    int rc = fl_supervisor_create(post, folder, grant_ns, &supervisor, reterr);

    return rc < 0 ? rc : fl_supervisor_run(supervisor, reterr);
}

/* Its own failure: into the attempt's log, where standard error leads nowhere. */
static void complain(const char *folder, bool to_file, const struct fl_err *err, int rc)
{
    char path[FL_PATH_MAX];

    if (to_file && fl_path_join(folder, "supervisor.log", path, sizeof(path), NULL) == 0)
        (void)fl_process_log_to(path, NULL); /* then it is said where nobody reads it */
    fl_log(FL_LOG_ERROR, "supervisor.failed", "folder='%s' error=%s what='%s'", folder,
           fl_err_name(rc), err->text);
}

static int serve(struct fl_post *post, struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];
    int64_t grant_ns = 0;
    int rc;

    while ((rc = fl_post_wait(post, folder, sizeof(folder), &grant_ns, reterr)) == 0) {
        rc = hold(post, folder, grant_ns, reterr);
        if (rc < 0) {
            complain(folder, true, reterr, rc);
            return rc;
        }
        fl_post_free(post);
    }
    return rc < 0 ? rc : 0;
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    fl_auto(fl_post_destroy) struct fl_post *post = NULL;
    struct fl_err err = {0};
    int signals_fd = -1;
    int channel_fd = -1;
    bool wait = false;
    int code = 0;
    int rc;

    if (options(argc, argv, &wait, &code))
        return code;
    fl_log_init("fairlead-supervisor", FL_LOG_INFO);
    fl_signals_ignore(SIGXFSZ); /* a limit of file size is a full disk, not our end */
    rc = fl_signals_open(signals, FL_COUNT(signals), &signals_fd, &err);
    if (rc == 0 && wait)
        rc = fl_channel_take_stdin(&channel_fd, &err);
    if (rc == 0)
        rc = fl_post_create(fl_world_real(), channel_fd, signals_fd, environ, &post, &err);
    if (rc == 0 && wait) {
        rc = serve(post, &err);
    } else if (rc == 0) {
        rc = hold(post, argv[optind], 0, &err);
        if (rc < 0)
            complain(argv[optind], false, &err, rc);
    } else {
        complain("", false, &err, rc);
    }
    fl_wake_close(signals_fd);
    return fl_err_exit_code(rc);
}
