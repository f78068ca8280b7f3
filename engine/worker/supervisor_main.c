/* fairlead-supervisor: holds one attempt of a stage. */
#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/world/wake.h"
#include "engine/worker/supervisor.h"

#include "engine/base/banned.h"

static const char usage[] =
    "Usage: fairlead-supervisor [--grant-until NS] FOLDER\n"
    "\n"
    "Holds one attempt of a stage: starts its program when the coordinator lets it begin, keeps "
    "its\n"
    "logs, takes what it says, ends its whole process tree, and writes how it ended. Started by\n"
    "fairlead-worker; FOLDER (absolute) is the attempt's, with spec.json in it.\n"
    "\n"
    "  --grant-until NS  it may begin without a question until then (monotonic clock)\n"
    "  --help            this text\n"
    "  --version         the version\n";

/* 0: go on; otherwise *ret_code is the exit code. */
static int options(int argc, char **argv, int64_t *ret_grant_ns, int *ret_code)
{
    static const struct option known[] = {{"grant-until", required_argument, NULL, 'g'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        if (option == 'g') {
            *ret_grant_ns = strtoll(optarg, NULL, 10);
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
    if (optind + 1 == argc)
        return 0;
    (void)fputs("fairlead-supervisor: one folder is expected; try --help\n", stderr);
    *ret_code = fl_err_exit_code(FL_E_USAGE);
    return 1;
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    fl_auto(fl_supervisor_destroy) struct fl_supervisor *supervisor = NULL;
    struct fl_err err = {0};
    int64_t grant_ns = 0;
    int signals_fd = -1;
    int code = 0;
    int rc;

    if (options(argc, argv, &grant_ns, &code))
        return code;
    fl_log_init("fairlead-supervisor", FL_LOG_INFO);
    rc = fl_signals_open(signals, FL_COUNT(signals), &signals_fd, &err);
    if (rc == 0)
        rc = fl_supervisor_create(fl_world_real(), argv[optind], grant_ns, signals_fd, environ,
                                  &supervisor, &err);
    if (rc == 0)
        rc = fl_supervisor_run(supervisor, &err);
    if (rc < 0)
        fl_log(FL_LOG_ERROR, "supervisor.failed", "folder='%s' error=%s what='%s'", argv[optind],
               fl_err_name(rc), err.text);
    fl_wake_close(signals_fd);
    return fl_err_exit_code(rc);
}
