/* fairlead-surge: the command line. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "stages/common/mpi.h"
#include "stages/surge/settings.h"
#include "stages/surge/surge.h"

#include "engine/base/banned.h"

static const char usage[] =
    "usage: mpirun -np N fairlead-surge SURGE.cfg\n"
    "       fairlead-surge --check SURGE.cfg\n"
    "\n"
    "2-D storm-surge model: water level and depth-averaged current from wind and air pressure.\n"
    "Reads grid, stations and forcing files named in SURGE.cfg, the forcing as it arrives; writes\n"
    "fields at each lead, restarts, maxima and station series.\n"
    "\n"
    "  -c, --check    read SURGE.cfg, say what is wrong with it, and stop\n"
    "  -h, --help     this text\n"
    "  -V, --version  the version\n"
    "\n"
    "Exit codes: 0 done; 65 an input breaks its contract, or the water went out of bounds;\n"
    "70 internal error; 75 may work later (a forcing file did not come in time); 78 usage or\n"
    "configuration. See man fairlead-surge.\n";

/* What the command line asks for. */
struct asked {
    bool only_check;
    const char *settings;
};

/* -1: go on; else the exit code. */
static int parse_arguments(int argc, char **argv, struct asked *asked)
{
    static const struct option options[] = {
        {"check", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "chV", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            asked->only_check = true;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        case 'V':
            (void)printf("fairlead-surge %s\n", PACKAGE_VERSION);
            return 0;
        default: /* getopt has said what is wrong */
            (void)fputs("try 'fairlead-surge --help'\n", stderr);
            return fl_err_exit_code(FL_E_USAGE);
        }
    }
    if (argc - optind != 1) {
        (void)fprintf(stderr,
                      "fairlead-surge: %d files given, expected one SURGE.cfg; try "
                      "'fairlead-surge --help'\n",
                      argc - optind);
        return fl_err_exit_code(FL_E_USAGE);
    }
    asked->settings = argv[optind];
    return -1;
}

static int run(const struct asked *asked, const struct fl_mpi *mpi, struct fl_err *reterr)
{
    fl_auto(fl_surge_settings_release) struct fl_surge_settings settings = {.cfg = NULL};
    int rc = fl_mpi_agree(mpi, fl_surge_settings_read(asked->settings, &settings, reterr), reterr);

    if (rc < 0)
        return rc;
    if (asked->only_check) {
        if (mpi->rank == 0)
            (void)printf("%s: ok\n", asked->settings);
        return 0;
    }
    return fl_surge_run(&settings, asked->settings, mpi, reterr);
}

int main(int argc, char **argv)
{
    struct asked asked = {.only_check = false};
    struct fl_mpi mpi = fl_mpi_alone();
    struct fl_err err = {0};
    int code = parse_arguments(argc, argv, &asked);
    int rc;

    if (code >= 0)
        return code;
    fl_log_init("fairlead-surge", FL_LOG_INFO);
    rc = asked.only_check ? 0 : fl_mpi_init(&argc, &argv, &mpi, &err);
    if (rc == 0)
        rc = run(&asked, &mpi, &err);
    if (rc < 0 && mpi.rank == 0)
        fl_log(FL_LOG_ERROR, "surge.failed", "%s: %s", fl_err_text(rc), err.text);
    if (!asked.only_check)
        fl_mpi_finish(&mpi);
    return rc < 0 ? fl_err_exit_code(rc) : 0;
}
