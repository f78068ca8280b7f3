/* make_surge_fields DIR [CAUSE]: surge.fLLL.nc (six-hourly and the landfall), max.nc and
 * stations.nc of the analytic storm, degraded when a cause is given. */
#include "config.h"

#include <stdio.h>

#include "tests/golden/surge_fields.h"

#include "engine/base/banned.h"

int main(int argc, char **argv)
{
    static const int leads[] = {0, 6, 12, 18, 24, 30, 36, 41, 42, 48, 54};
    const char *cause = argc > 2 ? argv[2] : NULL;
    struct fl_err err = {0};
    struct fl_cycle cycle;
    char path[4096];
    int rc;

    if (argc < 2) {
        (void)fputs("usage: make_surge_fields DIR [CAUSE]\n", stderr);
        return 78;
    }
    rc = fl_cycle_parse("20181009T0000Z", &cycle, &err);
    for (size_t i = 0; i < FL_COUNT(leads) && rc == 0; i++) {
        (void)snprintf(path, sizeof(path), "%s/surge.f%03d.nc", argv[1], leads[i]);
        rc = golden_hour(path, cycle, (struct fl_lead){leads[i] * 60}, 1.0 / 24, cause, &err);
    }
    (void)snprintf(path, sizeof(path), "%s/max.nc", argv[1]);
    if (rc == 0)
        rc = golden_maximum(path, cycle, 1.0 / 24, cause, &err);
    (void)snprintf(path, sizeof(path), "%s/stations.nc", argv[1]);
    if (rc == 0)
        rc = golden_stations(path, cycle, cause, &err);
    if (rc < 0)
        (void)fprintf(stderr, "make_surge_fields: %s\n", err.text);
    return rc < 0 ? fl_err_exit_code(rc) : 0;
}
