/* Opening, inquiring and reading NetCDF files. */
#include "config.h"

#include "stages/common/nc.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netcdf.h>

#include "engine/base/buf.h"
#include "engine/world/file.h"
#include "stages/common/nc_impl.h"

#include "engine/base/banned.h"

static int code_of_status(int status, bool writing)
{
    if (status == NC_ENOMEM)
        return FL_E_NOMEM;
    if (status == NC_EPERM || status == EACCES)
        return FL_E_PERM;
    if (status == ENOSPC)
        return FL_E_NOSPACE;
    if (status == ENOENT)
        return FL_E_NOENT;
    if (writing)
        return status > 0 || status == NC_EHDFERR || status == NC_EIO ? FL_E_IO : FL_E_BUG;
    return status > 0 ? FL_E_IO : FL_E_DATA;
}

int fl_nc_fail(const struct fl_nc *nc, int status, const char *var, const char *doing,
               struct fl_err *reterr)
{
    int code = code_of_status(status, nc->writing);

    if (var)
        return fl_err_set(reterr, code, status, "'%s': %s '%s': %s", nc->path, doing, var,
                          nc_strerror(status));
    return fl_err_set(reterr, code, status, "'%s': %s: %s", nc->path, doing, nc_strerror(status));
}

int fl_nc_var_id(const struct fl_nc *nc, const char *name, int *ret_id, struct fl_err *reterr)
{
    int status;

    *ret_id = NC_GLOBAL;
    if (!name)
        return 0;
    status = nc_inq_varid(nc->id, name, ret_id);
    if (status == NC_ENOTVAR)
        return fl_err_set(reterr, FL_E_MISMATCH, status, "'%s' has no variable '%s'", nc->path,
                          name);
    return status ? fl_nc_fail(nc, status, name, "look up", reterr) : 0;
}

int fl_nc_open(const char *path, struct fl_nc **ret_nc, struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = calloc(1, sizeof(*nc));
    int status;

    fl_assert(path);
    fl_assert(ret_nc);
    if (!nc)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "open '%s': out of memory", path);
    if (strlen(path) >= sizeof(nc->path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", path);
    if (strstr(path, "://")) /* NetCDF would take it for an address and go to the network */
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%.200s' is an address, expected a file", path);
    memcpy(nc->path, path, strlen(path) + 1);
    status = nc_open(path, NC_NOWRITE, &nc->id);
    if (status == NC_ENOTNC || status == NC_EHDFERR)
        return fl_err_set(reterr, FL_E_DATA, status, "'%s' is not a whole NetCDF file: %s", path,
                          nc_strerror(status));
    if (status)
        return fl_nc_fail(nc, status, NULL, "open", reterr);
    nc->open = true;
    *ret_nc = FL_STEAL(nc);
    return 0;
}

const char *fl_nc_path(const struct fl_nc *nc)
{
    return nc->path;
}

int fl_nc_dim(const struct fl_nc *nc, const char *name, size_t *ret_length, struct fl_err *reterr)
{
    int id;
    int status = nc_inq_dimid(nc->id, name, &id);

    if (status == NC_EBADDIM)
        return fl_err_set(reterr, FL_E_MISMATCH, status, "'%s' has no dimension '%s'", nc->path,
                          name);
    if (status == NC_NOERR)
        status = nc_inq_dimlen(nc->id, id, ret_length);
    return status ? fl_nc_fail(nc, status, name, "look at dimension", reterr) : 0;
}

int fl_nc_want_dim(const struct fl_nc *nc, const char *name, size_t length, struct fl_err *reterr)
{
    size_t found = 0;
    int rc = fl_nc_dim(nc, name, &found, reterr);

    if (rc < 0)
        return rc;
    if (found != length)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s': dimension '%s' has length %zu, expected %zu", nc->path, name,
                          found, length);
    return 0;
}

bool fl_nc_has_var(const struct fl_nc *nc, const char *name)
{
    int id;

    return nc_inq_varid(nc->id, name, &id) == NC_NOERR;
}

static enum fl_nc_type type_of(nc_type type)
{
    switch (type) {
    case NC_BYTE:
        return FL_NC_BYTE;
    case NC_INT:
        return FL_NC_INT;
    case NC_FLOAT:
        return FL_NC_FLOAT;
    case NC_DOUBLE:
        return FL_NC_DOUBLE;
    case NC_CHAR:
        return FL_NC_TEXT;
    default:
        return FL_NC_OTHER;
    }
}

/* The names of a variable's dimensions, "time lat lon", and their lengths. */
static int var_shape(const struct fl_nc *nc, const char *name, struct fl_nc_var *var, char *dims,
                     size_t size, struct fl_err *reterr)
{
    int dimids[NC_MAX_VAR_DIMS];
    nc_type type;
    size_t at = 0;
    int status = nc_inq_var(nc->id, var->id, NULL, &type, &var->rank, dimids, NULL);

    if (status == NC_NOERR && var->rank > FL_NC_RANK_MAX)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s': variable '%s' has %d dimensions, at most %d are read", nc->path,
                          name, var->rank, FL_NC_RANK_MAX);
    dims[0] = '\0';
    for (int i = 0; status == NC_NOERR && i < var->rank; i++) {
        char dim[NC_MAX_NAME + 1];

        status = nc_inq_dim(nc->id, dimids[i], dim, &var->shape[i]);
        if (status == NC_NOERR && at < size)
            at += (size_t)snprintf(dims + at, size - at, "%s%s", i ? " " : "", dim);
    }
    var->type = type_of(status == NC_NOERR ? type : NC_NAT);
    return status ? fl_nc_fail(nc, status, name, "look at variable", reterr) : 0;
}

static bool att_number(const struct fl_nc *nc, int var_id, const char *name, double *ret_value)
{
    size_t length = 0;
    nc_type type;

    return nc_inq_att(nc->id, var_id, name, &type, &length) == NC_NOERR && length == 1 &&
           type != NC_CHAR && nc_get_att_double(nc->id, var_id, name, ret_value) == NC_NOERR;
}

static bool is_listed(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list;; at++) {
        size_t n = strcspn(at, "|");

        if (n == length && memcmp(at, word, n) == 0)
            return true;
        at += n;
        if (!*at)
            return false;
    }
}

static int check_units(const struct fl_nc *nc, const char *name, const char *units,
                       struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf found;
    int rc;

    fl_buf_init(&found, FL_NC_ATT_MAX);
    rc = fl_nc_att(nc, name, "units", &found, reterr);
    if (rc == FL_E_NOENT && !*units)
        return 0;
    if (rc == FL_E_NOENT)
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "'%s': variable '%s' has no units, expected %s",
                          nc->path, name, units);
    if (rc < 0)
        return rc;
    if (!is_listed(units, found.data))
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s': variable '%s' has units '%.100s', expected %s", nc->path, name,
                          found.data, *units ? units : "none");
    return 0;
}

int fl_nc_var(const struct fl_nc *nc, const char *name, const char *dims, const char *units,
              struct fl_nc_var *ret_var, struct fl_err *reterr)
{
    struct fl_nc_var var = {.scale = 1.0};
    char found[FL_NC_RANK_MAX * (NC_MAX_NAME + 2)];
    int rc = fl_nc_var_id(nc, name, &var.id, reterr);

    if (rc == 0)
        rc = var_shape(nc, name, &var, found, sizeof(found), reterr);
    if (rc < 0)
        return rc;
    if (dims && strcmp(dims, found) != 0)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s': variable '%s' has dimensions (%s), expected (%s)", nc->path, name,
                          found, dims);
    rc = units ? check_units(nc, name, units, reterr) : 0;
    if (rc < 0)
        return rc;
    var.has_fill = att_number(nc, var.id, "_FillValue", &var.fill) ||
                   att_number(nc, var.id, "missing_value", &var.fill);
    (void)att_number(nc, var.id, "scale_factor", &var.scale); /* stays 1 when absent */
    (void)att_number(nc, var.id, "add_offset", &var.offset);  /* stays 0 when absent */
    if (ret_var)
        *ret_var = var;
    return 0;
}

int fl_nc_block(const struct fl_nc *nc, const char *name, const size_t **start,
                const size_t **count, size_t *zeros, size_t *shape, int *ret_id,
                struct fl_err *reterr)
{
    struct fl_nc_var var;
    int rc = fl_nc_var(nc, name, NULL, NULL, &var, reterr);

    if (rc < 0)
        return rc;
    memset(zeros, 0, FL_NC_RANK_MAX * sizeof(*zeros));
    memcpy(shape, var.shape, FL_NC_RANK_MAX * sizeof(*shape));
    if (nc->writing && var.rank > 0 && shape[0] == 0)
        shape[0] = 1; /* the first record of an unlimited dimension */
    if (!*start)
        *start = zeros;
    if (!*count)
        *count = shape;
    *ret_id = var.id;
    return 0;
}

#define DEFINE_GET(suffix, type, call) \
    int fl_nc_get_##suffix(const struct fl_nc *nc, const char *name, const size_t *start, \
                           const size_t *count, type *values, struct fl_err *reterr) \
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
        return status ? fl_nc_fail(nc, status, name, "read", reterr) : 0; \
    }

DEFINE_GET(double, double, nc_get_vara_double)
DEFINE_GET(float, float, nc_get_vara_float)
DEFINE_GET(byte, signed char, nc_get_vara_schar)
DEFINE_GET(text, char, nc_get_vara_text)

static int att_fail(const struct fl_nc *nc, int status, const char *var, const char *name,
                    struct fl_err *reterr)
{
    int code = status == NC_ENOTATT ? FL_E_NOENT : code_of_status(status, nc->writing);

    return fl_err_set(reterr, code, status, "'%s': attribute '%s%s%s': %s", nc->path,
                      var ? var : "", var ? ":" : "", name, nc_strerror(status));
}

int fl_nc_att(const struct fl_nc *nc, const char *var, const char *name, struct fl_buf *out,
              struct fl_err *reterr)
{
    int var_id;
    size_t length = 0;
    nc_type type = NC_NAT;
    char *text;
    int status;
    int rc = fl_nc_var_id(nc, var, &var_id, reterr);

    if (rc < 0)
        return rc;
    status = nc_inq_att(nc->id, var_id, name, &type, &length);
    if (status)
        return att_fail(nc, status, var, name, reterr);
    if (type != NC_CHAR)
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "'%s': attribute '%s%s%s' is no text", nc->path,
                          var ? var : "", var ? ":" : "", name);
    if (length > FL_NC_ATT_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "'%s': attribute '%s' has %zu bytes, limit %zu",
                          nc->path, name, length, FL_NC_ATT_MAX);
    text = calloc(length + 1, 1);
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s': out of memory", nc->path);
    status = nc_get_att_text(nc->id, var_id, name, text);
    if (status == NC_NOERR)
        fl_buf_puts(out, text);
    free(text);
    if (status)
        return att_fail(nc, status, var, name, reterr);
    return fl_buf_check(out, reterr);
}

int fl_nc_att_double(const struct fl_nc *nc, const char *var, const char *name, double *ret_value,
                     struct fl_err *reterr)
{
    int var_id;
    int rc = fl_nc_var_id(nc, var, &var_id, reterr);

    if (rc < 0)
        return rc;
    if (nc_inq_att(nc->id, var_id, name, NULL, NULL) != NC_NOERR)
        return att_fail(nc, NC_ENOTATT, var, name, reterr);
    if (!att_number(nc, var_id, name, ret_value))
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "'%s': attribute '%s%s%s' is no number",
                          nc->path, var ? var : "", var ? ":" : "", name);
    return 0;
}

/* "seconds since 2018-10-09 00:00:00", also with "T", a fraction of seconds of zero, "Z", "UTC". */
static bool parse_since(const char *text, struct fl_cycle *ret_epoch, double *ret_step_s)
{
    static const struct {
        const char *name;
        double step_s;
    } steps[] = {{"second", 1.0}, {"minute", 60.0}, {"hour", 3600.0}, {"day", 86400.0}};
    char unit[16];
    int year, month, day;
    int hour = 0;
    int minute = 0;
    double second = 0.0;
    char split = ' ';
    size_t length;
    int n = sscanf(text, "%15s since %d-%d-%d%c%d:%d:%lf", unit, &year, &month, &day, &split, &hour,
                   &minute, &second);

    if (n < 4 || (n > 4 && split != ' ' && split != 'T') || floor(second) != second)
        return false;
    length = strlen(unit);
    if (length > 1 && unit[length - 1] == 's')
        unit[length - 1] = '\0';
    for (size_t i = 0; i < FL_COUNT(steps); i++) {
        if (strcmp(unit, steps[i].name) == 0) {
            *ret_step_s = steps[i].step_s;
            return second >= 0.0 && second < 60.0 &&
                   fl_cycle_from_parts(year, month, day, hour, minute, (int)second, ret_epoch,
                                       NULL) == 0;
        }
    }
    return false;
}

int fl_nc_time_units(const struct fl_nc *nc, const char *name, struct fl_cycle *ret_epoch,
                     double *ret_step_s, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf units;
    fl_auto(fl_buf_release) struct fl_buf calendar;
    int rc;

    fl_buf_init(&units, FL_NC_ATT_MAX);
    fl_buf_init(&calendar, FL_NC_ATT_MAX);
    rc = fl_nc_att(nc, name, "units", &units, reterr);
    if (rc < 0)
        return rc == FL_E_NOENT ? FL_E_MISMATCH : rc;
    if (!parse_since(units.data, ret_epoch, ret_step_s))
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s': variable '%s' has units '%.100s', expected 'seconds since "
                          "YYYY-MM-DD HH:MM:SS' (or minutes, hours, days)",
                          nc->path, name, units.data);
    rc = fl_nc_att(nc, name, "calendar", &calendar, reterr);
    if (rc == FL_E_NOENT)
        return 0;
    if (rc == 0 && !is_listed("standard|gregorian|proleptic_gregorian", calendar.data))
        rc = fl_err_set(reterr, FL_E_MISMATCH, 0,
                        "'%s': variable '%s' has calendar '%.50s', expected standard", nc->path,
                        name, calendar.data);
    return rc;
}
