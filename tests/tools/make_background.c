/* Writes GRIB2 files of a calm 0.5 degree background, labelled as GFS files. Not installed.
 *
 *   make_background --cycle 20181009T0000Z --leads +000/+054/3 [--global] --to FOLDER
 *
 * Files: FOLDER/gfs.tHHz.pgrb2.0p50.fFFF and their .idx.
 */

#include "config.h"

#include <getopt.h>
#include <stdio.h>

#include "engine/base/log.h"
#include "tests/tools/origin_data.h"

#include "engine/base/banned.h"

static const char usage[] =
    "usage: make_background --cycle CYCLE --leads SET [--global] --to FOLDER\n";

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"cycle", required_argument, NULL, 'c'},
        {"leads", required_argument, NULL, 'l'},
        {"to", required_argument, NULL, 't'},
        {"global", no_argument, NULL, 'g'},
        {NULL, 0, NULL, 0},
    };
    const struct fl_background_area *area = &fl_background_gulf;
    const char *cycle_text = NULL, *leads_text = NULL, *to = NULL;
    struct fl_cycle cycle;
    struct fl_leads leads;
    struct fl_err err = {0};
    int c, rc;
    bool bad = false;

    fl_log_init("make_background", FL_LOG_INFO);
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == 'c')
            cycle_text = optarg;
        else if (c == 'l')
            leads_text = optarg;
        else if (c == 't')
            to = optarg;
        else if (c == 'g')
            area = &fl_background_globe;
        else
            bad = true;
    }
    if (bad || !cycle_text || !leads_text || !to || optind != argc) {
        fputs(usage, stderr);
        return fl_err_exit_code(FL_E_USAGE);
    }
    rc = fl_cycle_parse(cycle_text, &cycle, &err);
    if (rc == 0)
        rc = fl_leads_parse(leads_text, &leads, &err);
    if (rc == 0)
        rc = fl_origin_background(area, cycle, &leads, to, &err);
    if (rc < 0)
        fl_log(FL_LOG_ERROR, "make_background.failed", "%s", err.text);
    return fl_err_exit_code(rc);
}
