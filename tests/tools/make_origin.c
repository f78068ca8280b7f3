/* Lays out what the test origin serves for the demonstration workflow. Not installed.
 *
 *   make_origin --best-track TABLE.csv [--every SECONDS] --to FOLDER
 *   make_origin --gfs FOLDER_OF_REAL_FILES --to FOLDER
 *   origin --root FOLDER/root --rules FOLDER/rules.cfg
 */

#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "tests/tools/origin_data.h"

#include "engine/base/banned.h"

static const char usage[] =
    "usage: make_origin --best-track TABLE.csv [--every SECONDS] --to FOLDER\n"
    "       make_origin --gfs FOLDER --to FOLDER\n"
    "Writes FOLDER/root and FOLDER/rules.cfg for `origin`. --every: a further lead appears each\n"
    "SECONDS after the origin's start (default 0: all are there).\n";

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"best-track", required_argument, NULL, 'b'},
        {"gfs", required_argument, NULL, 'g'},
        {"every", required_argument, NULL, 'e'},
        {"to", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *table = NULL, *gfs = NULL, *to = NULL;
    double every_s = 0;
    struct fl_err err = {0};
    char *end;
    int c, rc;
    bool bad = false;

    fl_log_init("make_origin", FL_LOG_INFO);
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'b':
            table = optarg;
            break;
        case 'g':
            gfs = optarg;
            break;
        case 'e':
            every_s = strtod(optarg, &end);
            bad = bad || *end || end == optarg || !(every_s >= 0 && every_s <= 3600);
            break;
        case 't':
            to = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            bad = true;
        }
    }
    if (bad || !to || (table != NULL) == (gfs != NULL) || optind != argc) {
        fputs(usage, stderr);
        return fl_err_exit_code(FL_E_USAGE);
    }
    rc = table ? fl_origin_best_track(table, every_s, to, &err) : fl_origin_gfs(gfs, to, &err);
    if (rc < 0)
        fl_log(FL_LOG_ERROR, "make_origin.failed", "%s", err.text);
    return fl_err_exit_code(rc);
}
