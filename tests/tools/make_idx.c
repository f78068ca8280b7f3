/* Writes FILE.idx, as wgrib2 would, beside each GRIB2 file. Not installed.
 *
 *   make_idx FILE...        make_idx --print FILE
 */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/world/file.h"
#include "tests/tools/grib_idx.h"

#include "engine/base/banned.h"

static int print_idx(const char *path, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf grib;
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc;

    fl_buf_init(&grib, FL_GRIB_IDX_MAX);
    fl_buf_init(&text, 0);
    rc = fl_file_read(fl_world_real(), path, FL_GRIB_IDX_MAX, &grib, reterr);
    if (rc == 0)
        rc = fl_grib_idx(grib.data, grib.size, &text, reterr);
    if (rc == 0)
        fputs(text.data, stdout);
    return rc;
}

int main(int argc, char **argv)
{
    struct fl_err err = {0};
    int rc = 0;

    fl_log_init("make_idx", FL_LOG_INFO);
    if (argc < 2 || (argv[1][0] == '-' && (strcmp(argv[1], "--print") != 0 || argc != 3))) {
        fputs("usage: make_idx FILE... | make_idx --print FILE\n", stderr);
        return fl_err_exit_code(FL_E_USAGE);
    }
    if (strcmp(argv[1], "--print") == 0)
        rc = print_idx(argv[2], &err);
    else
        for (int i = 1; i < argc && rc == 0; i++)
            rc = fl_grib_idx_file(argv[i], &err);
    if (rc < 0)
        fl_log(FL_LOG_ERROR, "make_idx.failed", "%s", err.text);
    return fl_err_exit_code(rc);
}
