/* Creating NetCDF files: definitions with CF attributes, values, and the settling of the file. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <netcdf.h>

#include "engine/world/file.h"
#include "stages/common/nc.h"
#include "stages/common/nc_impl.h"

#include "engine/base/banned.h"

#define DEFLATE_LEVEL 1

int fl_nc_create(const char *path, struct fl_nc **ret_nc, struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = calloc(1, sizeof(*nc));
    int status;
    int rc;

    fl_assert(path);
    fl_assert(ret_nc);
    if (!nc)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "create '%s': out of memory", path);
    if (strlen(path) >= sizeof(nc->path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", path);
    memcpy(nc->path, path, strlen(path) + 1);
    rc = fl_file_incoming(fl_world_real(), path, nc->temp, sizeof(nc->temp), reterr);
    if (rc < 0)
        return rc;
    nc->writing = true;
    status = nc_create(nc->temp, NC_NETCDF4 | NC_CLASSIC_MODEL | NC_NOCLOBBER, &nc->id);
    if (status)
        return fl_nc_fail(nc, status, NULL, "create", reterr);
    nc->open = true;
    nc->created = true;
    /* Every variable is written whole by us; filling it first would cost a pass. */
    status = nc_set_fill(nc->id, NC_NOFILL, NULL);
    if (status)
        return fl_nc_fail(nc, status, NULL, "create", reterr);
    *ret_nc = FL_STEAL(nc);
    return 0;
}

int fl_nc_settle(struct fl_nc *nc, struct fl_err *reterr)
{
    int status;
    int rc;

    fl_assert(nc->open);
    fl_assert(nc->created);
    status = nc_close(nc->id);
    nc->open = false;
    if (status)
        return fl_nc_fail(nc, status, NULL, "close", reterr);
    rc = fl_file_settle(fl_world_real(), nc->temp, nc->path, reterr);
    nc->created = false; /* settled, or removed by the failed settle */
    return rc;
}

void fl_nc_destroy(struct fl_nc *nc)
{
    if (!nc)
        return;
    if (nc->open)
        (void)nc_close(nc->id); /* what is to be kept was settled */
    if (nc->created)
        (void)fl_file_remove(fl_world_real(), nc->temp, NULL); /* an orphan harms nobody */
    free(nc);
}

int fl_nc_def_dim(struct fl_nc *nc, const char *name, size_t length, struct fl_err *reterr)
{
    int id;
    int status = nc_def_dim(nc->id, name, length ? length : NC_UNLIMITED, &id);

    return status ? fl_nc_fail(nc, status, name, "define dimension", reterr) : 0;
}

static nc_type foreign_type(enum fl_nc_type type)
{
    switch (type) {
    case FL_NC_BYTE:
        return NC_BYTE;
    case FL_NC_INT:
        return NC_INT;
    case FL_NC_FLOAT:
        return NC_FLOAT;
    case FL_NC_DOUBLE:
        return NC_DOUBLE;
    case FL_NC_TEXT:
        return NC_CHAR;
    case FL_NC_OTHER:
        break;
    }
    return NC_NAT;
}

/* Ids of the dimensions in "time lat lon". */
static int find_dims(struct fl_nc *nc, const struct fl_nc_def *def, int *dimids, int *ret_rank,
                     struct fl_err *reterr)
{
    const char *at = def->dims ? def->dims : "";

    *ret_rank = 0;
    while (*at) {
        char name[NC_MAX_NAME + 1];
        size_t n = strcspn(at, " ");
        int status;

        fl_assert(n > 0);
        fl_assert(n < sizeof(name));
        fl_assert(*ret_rank < FL_NC_RANK_MAX);
        memcpy(name, at, n);
        name[n] = '\0';
        status = nc_inq_dimid(nc->id, name, &dimids[*ret_rank]);
        if (status)
            return fl_nc_fail(nc, status, name, "find dimension", reterr);
        (*ret_rank)++;
        at += n + (at[n] == ' ' ? 1 : 0);
    }
    return 0;
}

static int def_attributes(struct fl_nc *nc, const struct fl_nc_def *def, struct fl_err *reterr)
{
    const struct {
        const char *name;
        const char *text;
    } atts[] = {
        {"units", def->units},
        {"standard_name", def->standard_name},
        {"long_name", def->long_name},
        {"axis", def->axis},
        {"positive", def->positive},
        {"calendar", def->calendar},
        {"cell_methods", def->cell_methods},
        {"coordinates", def->coordinates},
        {"cf_role", def->cf_role},
        {"vertical_datum", def->datum},
    };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < FL_COUNT(atts); i++) {
        if (atts[i].text)
            rc = fl_nc_put_att(nc, def->name, atts[i].name, atts[i].text, reterr);
    }
    return rc;
}

static int def_fill(struct fl_nc *nc, const struct fl_nc_def *def, int id, struct fl_err *reterr)
{
    const float fill_float = (float)FL_NC_FILL;
    const double fill_double = FL_NC_FILL;
    int status;

    fl_assert(def->type == FL_NC_FLOAT || def->type == FL_NC_DOUBLE);
    if (def->type == FL_NC_FLOAT)
        status = nc_put_att_float(nc->id, id, "_FillValue", NC_FLOAT, 1, &fill_float);
    else
        status = nc_put_att_double(nc->id, id, "_FillValue", NC_DOUBLE, 1, &fill_double);
    return status ? fl_nc_fail(nc, status, def->name, "set fill value of", reterr) : 0;
}

int fl_nc_def_var(struct fl_nc *nc, const struct fl_nc_def *def, struct fl_err *reterr)
{
    int dimids[FL_NC_RANK_MAX];
    int rank;
    int id;
    int status;
    int rc;

    fl_assert(def->name);
    fl_assert(def->type != FL_NC_OTHER);
    rc = find_dims(nc, def, dimids, &rank, reterr);
    if (rc < 0)
        return rc;
    status = nc_def_var(nc->id, def->name, foreign_type(def->type), rank, dimids, &id);
    if (status == NC_NOERR && rank > 0 && !def->exact)
        status = nc_def_var_deflate(nc->id, id, 1, 1, DEFLATE_LEVEL);
    if (status)
        return fl_nc_fail(nc, status, def->name, "define", reterr);
    if (def->has_fill) {
        rc = def_fill(nc, def, id, reterr);
        if (rc < 0)
            return rc;
    }
    return def_attributes(nc, def, reterr);
}

int fl_nc_def_lat_lon(struct fl_nc *nc, size_t nlat, size_t nlon, struct fl_err *reterr)
{
    static const struct fl_nc_def lat = {.name = "lat",
                                         .type = FL_NC_DOUBLE,
                                         .dims = "lat",
                                         .units = "degrees_north",
                                         .standard_name = "latitude",
                                         .long_name = "latitude",
                                         .axis = "Y"};
    static const struct fl_nc_def lon = {.name = "lon",
                                         .type = FL_NC_DOUBLE,
                                         .dims = "lon",
                                         .units = "degrees_east",
                                         .standard_name = "longitude",
                                         .long_name = "longitude",
                                         .axis = "X"};
    int rc = fl_nc_def_dim(nc, "lat", nlat, reterr);

    if (rc == 0)
        rc = fl_nc_def_dim(nc, "lon", nlon, reterr);
    if (rc == 0)
        rc = fl_nc_def_var(nc, &lat, reterr);
    return rc == 0 ? fl_nc_def_var(nc, &lon, reterr) : rc;
}

void fl_nc_time_text(struct fl_cycle cycle, char *text, size_t size)
{
    char stamp[FL_TIME_TEXT_MAX];

    /* The format is ours and fits: it cannot fail. */
    (void)fl_cycle_strftime(cycle, "%Y-%m-%d %H:%M:%S", stamp, sizeof(stamp), NULL);
    (void)snprintf(text, size, "seconds since %s", stamp);
}

int fl_nc_def_time(struct fl_nc *nc, struct fl_cycle cycle, size_t length, struct fl_err *reterr)
{
    char units[64];
    const struct fl_nc_def def = {.name = "time",
                                  .type = FL_NC_DOUBLE,
                                  .dims = "time",
                                  .units = units,
                                  .standard_name = "time",
                                  .long_name = "valid time",
                                  .axis = "T",
                                  .calendar = "standard"};
    int rc;

    fl_nc_time_text(cycle, units, sizeof(units));
    rc = fl_nc_def_dim(nc, "time", length, reterr);
    return rc == 0 ? fl_nc_def_var(nc, &def, reterr) : rc;
}

int fl_nc_put_att(struct fl_nc *nc, const char *var, const char *name, const char *text,
                  struct fl_err *reterr)
{
    int id;
    int status;
    int rc = fl_nc_var_id(nc, var, &id, reterr);

    if (rc < 0)
        return rc;
    status = nc_put_att_text(nc->id, id, name, strlen(text), text);
    return status ? fl_nc_fail(nc, status, name, "write attribute", reterr) : 0;
}

int fl_nc_put_att_double(struct fl_nc *nc, const char *var, const char *name, double value,
                         struct fl_err *reterr)
{
    int id;
    int status;
    int rc = fl_nc_var_id(nc, var, &id, reterr);

    if (rc < 0)
        return rc;
    status = nc_put_att_double(nc->id, id, name, NC_DOUBLE, 1, &value);
    return status ? fl_nc_fail(nc, status, name, "write attribute", reterr) : 0;
}

int fl_nc_put_att_int(struct fl_nc *nc, const char *var, const char *name, int value,
                      struct fl_err *reterr)
{
    int id;
    int status;
    int rc = fl_nc_var_id(nc, var, &id, reterr);

    if (rc < 0)
        return rc;
    status = nc_put_att_int(nc->id, id, name, NC_INT, 1, &value);
    return status ? fl_nc_fail(nc, status, name, "write attribute", reterr) : 0;
}

int fl_nc_end_define(struct fl_nc *nc, struct fl_err *reterr)
{
    int status = nc_enddef(nc->id);

    return status ? fl_nc_fail(nc, status, NULL, "end of definitions", reterr) : 0;
}

#define DEFINE_PUT(suffix, type, call) \
    int fl_nc_put_##suffix(struct fl_nc *nc, const char *name, const size_t *start, \
                           const size_t *count, const type *values, struct fl_err *reterr) \
    { \
        size_t zeros[FL_NC_RANK_MAX]; \
        size_t shape[FL_NC_RANK_MAX]; \
        int id; \
        int status; \
        int rc = fl_nc_block(nc, name, &start, &count, zeros, shape, &id, reterr); \
\
        if (rc < 0) \
            return rc; \
        status = call(nc->id, id, start, count, values); \
        return status ? fl_nc_fail(nc, status, name, "write", reterr) : 0; \
    }

DEFINE_PUT(double, double, nc_put_vara_double)
DEFINE_PUT(float, float, nc_put_vara_float)
DEFINE_PUT(byte, signed char, nc_put_vara_schar)
DEFINE_PUT(text, char, nc_put_vara_text)
