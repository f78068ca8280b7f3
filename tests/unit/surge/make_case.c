/* Makes a small storm-surge case in the current folder: grid.nc, force.fLLL.nc, stations.csv. A
 * moving low with its winds passes a shelf with a headland. Options spoil it, for the tests of what
 * is refused. */
#include "config.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"
#include "stages/common/nc.h"
#include "stages/common/prov.h"

#include "engine/base/banned.h"

struct made {
    size_t nlat;
    size_t nlon;
    int hours;
    int begin; /* hours by which the cycle comes later; the storm stays where it is */
    int only;  /* -1: all files, else the file of this hour */
    double step_deg;
    double deepest_m;
    const char *spoil; /* "" nan gap units size day short degraded nomask */
};

static int fail(int rc, const struct fl_err *err)
{
    if (rc < 0)
        (void)fprintf(stderr, "make_case: %s\n", err->text);
    return rc;
}

static double lat_of(const struct made *m, size_t j)
{
    return 25.0 + m->step_deg * (double)j;
}

static double lon_of(const struct made *m, size_t i)
{
    return -90.0 + m->step_deg * (double)i;
}

static int put_axes(const struct made *m, struct fl_nc *nc, struct fl_err *err)
{
    double axis[4096];
    int rc;

    for (size_t j = 0; j < m->nlat; j++)
        axis[j] = lat_of(m, j);
    rc = fl_nc_put_double(nc, "lat", NULL, NULL, axis, err);
    for (size_t i = 0; i < m->nlon; i++)
        axis[i] = lon_of(m, i);
    return rc == 0 ? fl_nc_put_double(nc, "lon", NULL, NULL, axis, err) : rc;
}

/* Deep in the south, a shelf, a coast in the north with a headland. */
static int make_grid(const struct made *m, struct fl_err *err)
{
    static const struct fl_nc_def defs[] = {
        {.name = "depth", .type = FL_NC_FLOAT, .dims = "lat lon", .units = "m", .has_fill = true},
        {.name = "elevation", .type = FL_NC_FLOAT, .dims = "lat lon", .units = "m"},
        {.name = "mask", .type = FL_NC_BYTE, .dims = "lat lon"},
    };
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    size_t count = m->nlat * m->nlon;
    float *depth = calloc(count, sizeof(*depth));
    float *elevation = calloc(count, sizeof(*elevation));
    signed char *mask = calloc(count, 1);
    int rc = depth && elevation && mask ? fl_nc_create("grid.nc", &nc, err) : FL_E_NOMEM;

    for (size_t k = 0; rc == 0 && k < count; k++) {
        size_t row = k / m->nlon;
        double y = (double)row / (double)(m->nlat - 1);
        double x = (double)(k - row * m->nlon) / (double)(m->nlon - 1);
        double coast = 0.85 - 0.15 * exp(-pow((x - 0.6) / 0.05, 2));
        double shelf = (coast - y) / 0.35;
        double deep = shelf > 1.0 ? 60.0 + (m->deepest_m - 60.0) * fmin(1.0, (shelf - 1.0) * 2.0)
                                  : 60.0 * shelf;
        bool sea = shelf > 0.0;

        mask[k] = sea ? 1 : 0;
        depth[k] = sea ? (float)fmax(2.0, deep) : (float)FL_NC_FILL;
        elevation[k] = sea ? -depth[k] : 5.0f;
    }
    if (rc == 0)
        rc = fl_nc_def_lat_lon(nc, m->nlat, m->nlon, err);
    for (size_t k = 0; rc == 0 && k < FL_COUNT(defs); k++)
        rc = fl_nc_def_var(nc, &defs[k], err);
    if (rc == 0)
        rc = fl_nc_end_define(nc, err);
    if (rc == 0)
        rc = put_axes(m, nc, err);
    if (rc == 0)
        rc = fl_nc_put_float(nc, "depth", NULL, NULL, depth, err);
    if (rc == 0)
        rc = fl_nc_put_float(nc, "elevation", NULL, NULL, elevation, err);
    if (rc == 0)
        rc = fl_nc_put_byte(nc, "mask", NULL, NULL, mask, err);
    if (rc == 0)
        rc = fl_nc_settle(nc, err);
    free(depth);
    free(elevation);
    free(mask);
    return rc;
}

/* Wind and pressure of a low that moves north at 20 km/h through the middle of the grid. */
static void fill_air(const struct made *m, double hour, float *u, float *v, float *p)
{
    double lat0 = lat_of(m, 0) + 0.18 * hour;
    double lon0 = lon_of(m, m->nlon / 2);

    for (size_t k = 0; k < m->nlat * m->nlon; k++) {
        double y = (lat_of(m, k / m->nlon) - lat0) * 111.2;
        double x = (lon_of(m, k % m->nlon) - lon0) * 111.2 * cos(28.0 * M_PI / 180.0);
        double r = sqrt(x * x + y * y) + 1e-9;
        double speed = 45.0 * (r / 40.0) * exp(1.0 - r / 40.0) + 3.0;

        u[k] = (float)(-speed * y / r);
        v[k] = (float)(speed * x / r);
        p[k] = (float)(101000.0 - 6000.0 * exp(-r / 60.0));
    }
}

static bool is_spoilt(const struct made *m, const char *how, int lead)
{
    return strcmp(m->spoil, how) == 0 && lead == 2;
}

static int define_air(const struct made *m, struct fl_nc *nc, int lead, struct fl_err *err)
{
    const struct fl_nc_def defs[] = {
        {.name = "u10",
         .type = FL_NC_FLOAT,
         .dims = "time lat lon",
         .units = is_spoilt(m, "units", lead) ? "knots" : "m s-1",
         .has_fill = true},
        {.name = "v10",
         .type = FL_NC_FLOAT,
         .dims = "time lat lon",
         .units = "m s-1",
         .has_fill = true},
        {.name = "msl",
         .type = FL_NC_FLOAT,
         .dims = "time lat lon",
         .units = "Pa",
         .has_fill = true},
    };
    fl_auto(fl_prov_destroy) struct fl_prov *prov = NULL;
    struct fl_cycle cycle;
    char source[32];
    char hex[FL_DIGEST_HEX];
    int rc = fl_cycle_parse(is_spoilt(m, "day", lead) ? "20181008T0000Z" : "20181009T0000Z", &cycle,
                            err);

    cycle.s += (int64_t)m->begin * 3600;
    (void)snprintf(source, sizeof(source), "gfs.f%03d", lead);
    fl_digest_memory(source, strlen(source), hex);
    if (rc == 0)
        rc = fl_prov_create("make_case 1", &prov, err);
    if (rc == 0)
        rc = fl_prov_source_digest(prov, source, hex, err);
    if (rc == 0 && is_spoilt(m, "degraded", lead))
        rc = fl_prov_degraded(prov, "cycle of 18Z missing", "PT6H", err);
    if (rc == 0)
        rc = fl_nc_def_time(nc, cycle, 0, err);
    if (rc == 0)
        rc = fl_nc_def_lat_lon(nc, m->nlat, m->nlon, err);
    for (size_t k = 0; rc == 0 && k < FL_COUNT(defs); k++)
        rc = fl_nc_def_var(nc, &defs[k], err);
    if (rc == 0)
        rc = fl_prov_write(prov, nc, "a moving low", "made for a test", err);
    return rc == 0 ? fl_nc_end_define(nc, err) : rc;
}

static int put_air(const struct made *m, struct fl_nc *nc, int lead, float *fields,
                   struct fl_err *err)
{
    size_t count = m->nlat * m->nlon;
    int first = lead == 0 ? 0 : lead * 6 - 5;
    size_t at = 0;
    int rc = put_axes(m, nc, err);

    for (int ten = first; rc == 0 && ten <= lead * 6; ten++, at++) {
        const size_t start[] = {at, 0, 0};
        const size_t block[] = {1, m->nlat, m->nlon};
        double time = ten * 600.0;

        if (is_spoilt(m, "gap", lead) && ten > first && ten < lead * 6) {
            at--;
            continue;
        }
        fill_air(m, m->begin + ten / 6.0, fields, fields + count, fields + 2 * count);
        if (is_spoilt(m, "nan", lead) && ten == lead * 6 - 2)
            fields[count / 3] = NAN;
        rc = fl_nc_put_double(nc, "time", start, block, &time, err);
        if (rc == 0)
            rc = fl_nc_put_float(nc, "u10", start, block, fields, err);
        if (rc == 0)
            rc = fl_nc_put_float(nc, "v10", start, block, fields + count, err);
        if (rc == 0)
            rc = fl_nc_put_float(nc, "msl", start, block, fields + 2 * count, err);
    }
    return rc;
}

static int make_force(const struct made *asked, int lead, struct fl_err *err)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    struct made m = *asked;
    char name[64];
    float *fields;
    int rc;

    if (is_spoilt(asked, "size", lead))
        m.nlon -= 1;
    (void)snprintf(name, sizeof(name), "force.f%03d.nc", lead);
    fields = calloc(3 * m.nlat * m.nlon, sizeof(*fields));
    rc = fields ? fl_nc_create(name, &nc, err) : FL_E_NOMEM;
    if (rc == 0)
        rc = define_air(&m, nc, lead, err);
    if (rc == 0)
        rc = put_air(&m, nc, lead, fields, err);
    free(fields);
    return rc == 0 ? fl_nc_settle(nc, err) : rc;
}

static int make_all(const struct made *m, struct fl_err *err)
{
    static const char stations[] = "# two places\nid,name,lat,lon\n1,\"Town, east\",26.35,-89.0\n"
                                   "2,Out at sea,25.6,-89.5\n";
    int rc = m->only >= 0 ? 0 : make_grid(m, err);

    if (rc == 0 && m->only < 0)
        rc = fl_file_publish(fl_world_real(), "stations.csv", stations, sizeof(stations) - 1, err);
    for (int lead = 0; rc == 0 && lead <= m->hours; lead++) {
        if (m->only < 0 || m->only == lead)
            rc = make_force(m, lead, err);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct made m = {.nlat = 40,
                     .nlon = 48,
                     .hours = 6,
                     .only = -1,
                     .step_deg = 1.0 / 24.0,
                     .deepest_m = 800.0,
                     .spoil = ""};
    struct fl_err err = {0};
    int option;

    while ((option = getopt(argc, argv, "y:x:h:b:o:d:s:")) != -1) {
        switch (option) {
        case 'y':
            m.nlat = (size_t)strtoul(optarg, NULL, 10);
            break;
        case 'x':
            m.nlon = (size_t)strtoul(optarg, NULL, 10);
            break;
        case 'h':
            m.hours = (int)strtol(optarg, NULL, 10);
            break;
        case 'b':
            m.begin = (int)strtol(optarg, NULL, 10);
            break;
        case 'o':
            m.only = (int)strtol(optarg, NULL, 10);
            break;
        case 'd':
            m.deepest_m = strtod(optarg, NULL);
            break;
        case 's':
            m.spoil = optarg;
            break;
        default:
            return 78;
        }
    }
    return fl_err_exit_code(fail(make_all(&m, &err), &err));
}
