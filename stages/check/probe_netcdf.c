/* Inventory of a NetCDF file. */
#include "config.h"

#include <math.h>
#include <netcdf.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/json.h"
#include "engine/base/time.h"
#include "stages/check/probe.h"
#include "stages/check/probe_impl.h"
#include "stages/common/nc.h"

#include "engine/base/banned.h"

/* A file open twice for reading: by number for its lists, and by our handle for values. */
struct inventory {
    const char *path;
    int id;
    struct fl_nc *nc;
    json_t *doc;
};

static int nc_error(const struct inventory *inventory, int status, const char *what,
                    struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_DATA, status, "'%s': %s: %s", inventory->path, what,
                      nc_strerror(status));
}

static int list_dims(const struct inventory *inventory, struct fl_err *reterr)
{
    json_t *dims = json_object();
    int rc = fl_probe_set(inventory->doc, "dimensions", dims, reterr);
    char name[NC_MAX_NAME + 1];
    int ids[NC_MAX_DIMS];
    size_t length;
    int count = 0;
    int status;

    if (rc < 0)
        return rc;
    status = nc_inq_dimids(inventory->id, &count, ids, 0);
    for (int i = 0; status == NC_NOERR && i < count; i++) {
        status = nc_inq_dim(inventory->id, ids[i], name, &length);
        if (status == NC_NOERR)
            rc = fl_probe_set(dims, name, json_integer((json_int_t)length), reterr);
        if (rc < 0)
            return rc;
    }
    return status == NC_NOERR ? 0 : nc_error(inventory, status, "dimensions", reterr);
}

/* The text attributes of the file. */
static int list_attributes(const struct inventory *inventory, struct fl_err *reterr)
{
    json_t *attributes = json_object();
    int rc = fl_probe_set(inventory->doc, "attributes", attributes, reterr);
    char name[NC_MAX_NAME + 1];
    int count = 0;
    int status;

    if (rc < 0)
        return rc;
    status = nc_inq_natts(inventory->id, &count);
    for (int i = 0; status == NC_NOERR && i < count; i++) {
        fl_auto(fl_buf_release) struct fl_buf text;

        fl_buf_init(&text, 0);
        status = nc_inq_attname(inventory->id, NC_GLOBAL, i, name);
        if (status == NC_NOERR && fl_nc_att(inventory->nc, FL_NC_GLOBAL, name, &text, NULL) == 0) {
            rc = fl_probe_set(attributes, name, fl_probe_text(text.data), reterr);
            if (rc < 0)
                return rc;
        }
    }
    return status == NC_NOERR ? 0 : nc_error(inventory, status, "attributes", reterr);
}

static size_t shape_size(const struct fl_nc_var *var)
{
    size_t count = 1;

    for (int i = 0; i < var->rank; i++) {
        if (var->shape[i] > FL_PROBE_POINTS_MAX || count * var->shape[i] > FL_PROBE_POINTS_MAX)
            return SIZE_MAX;
        count *= var->shape[i];
    }
    return count;
}

/* Share of finite values that are not missing, and their range. */
static int add_range(const struct inventory *inventory, const char *name,
                     const struct fl_nc_var *var, json_t *entry, struct fl_err *reterr)
{
    size_t count = shape_size(var);
    double low = INFINITY;
    double high = -INFINITY;
    size_t finite = 0;
    double *values;
    int rc;

    if (var->type == FL_NC_TEXT || var->type == FL_NC_OTHER || count == 0 || count == SIZE_MAX)
        return 0;
    values = malloc(count * sizeof(*values));
    if (!values)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s': variable '%s'", inventory->path, name);
    rc = fl_nc_get_double(inventory->nc, name, NULL, NULL, values, reterr);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        double value = values[i] * var->scale + var->offset;

        if (!isfinite(value) || (var->has_fill && values[i] == var->fill))
            continue;
        finite++;
        low = fmin(low, value);
        high = fmax(high, value);
    }
    free(values);
    if (rc == 0)
        rc = fl_probe_set(entry, "finite_share", json_real((double)finite / (double)count), reterr);
    if (rc == 0 && finite > 0)
        rc = fl_probe_set(entry, "min", json_real(low), reterr);
    if (rc == 0 && finite > 0)
        rc = fl_probe_set(entry, "max", json_real(high), reterr);
    return rc;
}

static int add_dims(const struct inventory *inventory, int var_id, json_t *entry,
                    struct fl_err *reterr)
{
    json_t *dims = json_array();
    json_t *shape = json_array();
    char name[NC_MAX_NAME + 1];
    int ids[NC_MAX_VAR_DIMS];
    size_t length;
    int rank = 0;
    int rc = fl_probe_set(entry, "dims", dims, reterr);
    int status;

    if (rc == 0)
        rc = fl_probe_set(entry, "shape", shape, reterr);
    else
        json_decref(shape);
    if (rc < 0)
        return rc;
    status = nc_inq_var(inventory->id, var_id, NULL, NULL, &rank, ids, NULL);
    for (int i = 0; status == NC_NOERR && i < rank; i++) {
        status = nc_inq_dim(inventory->id, ids[i], name, &length);
        if (status == NC_NOERR &&
            (json_array_append_new(dims, json_string(name)) < 0 ||
             json_array_append_new(shape, json_integer((json_int_t)length)) < 0))
            return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    }
    return status == NC_NOERR ? 0 : nc_error(inventory, status, "a variable", reterr);
}

static int add_words(const struct inventory *inventory, const char *name, json_t *entry,
                     struct fl_err *reterr)
{
    static const char *const words[] = {"units", "standard_name", "long_name", "description"};
    int rc = 0;

    for (size_t i = 0; i < FL_COUNT(words) && rc == 0; i++) {
        fl_auto(fl_buf_release) struct fl_buf text;

        fl_buf_init(&text, 0);
        if (fl_nc_att(inventory->nc, name, words[i], &text, NULL) == 0)
            rc = fl_probe_set(entry, words[i], fl_probe_text(text.data), reterr);
    }
    return rc;
}

static int set_times(const struct inventory *inventory, const char *variable, size_t count,
                     struct fl_cycle first, struct fl_cycle last, struct fl_err *reterr)
{
    char from[FL_TIME_TEXT_MAX];
    char to[FL_TIME_TEXT_MAX];

    fl_cycle_format_extended(first, from);
    fl_cycle_format_extended(last, to);
    return fl_probe_set(inventory->doc, "times",
                        json_pack("{s:s, s:I, s:s, s:s}", "variable", variable, "count",
                                  (json_int_t)count, "first", from, "last", to),
                        reterr);
}

/* The first variable with units "... since ..." that we understand gives the file's times. */
static int add_times(const struct inventory *inventory, const char *name,
                     const struct fl_nc_var *var, struct fl_err *reterr)
{
    struct fl_cycle epoch = {0};
    size_t count = shape_size(var);
    double step_s = 0;
    double *values;
    int rc;

    if (json_object_get(inventory->doc, "times") || var->rank > 1 || count == 0 ||
        count == SIZE_MAX || var->type == FL_NC_TEXT || var->type == FL_NC_OTHER ||
        fl_nc_time_units(inventory->nc, name, &epoch, &step_s, NULL) < 0)
        return 0;
    values = malloc(count * sizeof(*values));
    if (!values)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s': variable '%s'", inventory->path, name);
    rc = fl_nc_get_double(inventory->nc, name, NULL, NULL, values, reterr);
    if (rc == 0 && fabs(values[0] * step_s) < 1e11 && fabs(values[count - 1] * step_s) < 1e11)
        rc = set_times(inventory, name, count,
                       (struct fl_cycle){epoch.s + llround(values[0] * step_s)},
                       (struct fl_cycle){epoch.s + llround(values[count - 1] * step_s)}, reterr);
    free(values);
    return rc;
}

/* "2005-08-28_00:00:00" of WRF to a time. */
static bool wrf_time(const char *text, struct fl_cycle *ret_time)
{
    char iso[FL_TIME_TEXT_MAX] = "";

    memcpy(iso, text, 19);
    iso[10] = 'T';
    iso[19] = 'Z';
    return fl_cycle_parse(iso, ret_time, NULL) == 0;
}

/* WRF writes its times as text, Times(Time, 19). */
static int add_wrf_times(const struct inventory *inventory, struct fl_err *reterr)
{
    struct fl_nc_var var;
    struct fl_cycle first;
    struct fl_cycle last;
    char *text;
    int rc = 0;

    if (json_object_get(inventory->doc, "times") || !fl_nc_has_var(inventory->nc, "Times") ||
        fl_nc_var(inventory->nc, "Times", NULL, NULL, &var, NULL) < 0)
        return 0;
    if (var.type != FL_NC_TEXT || var.rank != 2 || var.shape[1] != 19 || var.shape[0] == 0 ||
        var.shape[0] > FL_PROBE_TIMES_MAX)
        return 0;
    text = calloc(var.shape[0], 19);
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s': variable 'Times'", inventory->path);
    rc = fl_nc_get_text(inventory->nc, "Times", NULL, NULL, text, reterr);
    if (rc == 0 && wrf_time(text, &first) && wrf_time(text + 19 * (var.shape[0] - 1), &last))
        rc = set_times(inventory, "Times", var.shape[0], first, last, reterr);
    free(text);
    return rc;
}

static const char *type_name(enum fl_nc_type type)
{
    switch (type) {
    case FL_NC_BYTE:
        return "byte";
    case FL_NC_INT:
        return "int";
    case FL_NC_FLOAT:
        return "float";
    case FL_NC_DOUBLE:
        return "double";
    case FL_NC_TEXT:
        return "text";
    case FL_NC_OTHER:
        break;
    }
    return "other";
}

static int add_variable(const struct inventory *inventory, int var_id, json_t *list,
                        struct fl_err *reterr)
{
    char name[NC_MAX_NAME + 1];
    struct fl_nc_var var;
    json_t *entry = json_object();
    int status = nc_inq_varname(inventory->id, var_id, name);
    int rc = 0;

    if (!entry || json_array_append_new(list, entry) < 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (status != NC_NOERR)
        return nc_error(inventory, status, "a variable", reterr);
    rc = fl_probe_set(entry, "name", fl_probe_text(name), reterr);
    if (rc == 0)
        rc = add_dims(inventory, var_id, entry, reterr);
    if (rc == 0)
        rc = add_words(inventory, name, entry, reterr);
    /* A variable of more dimensions than our reader takes is listed without its range. */
    if (rc < 0 || fl_nc_var(inventory->nc, name, NULL, NULL, &var, NULL) < 0)
        return rc;
    rc = fl_probe_set(entry, "type", json_string(type_name(var.type)), reterr);
    if (rc == 0)
        rc = add_range(inventory, name, &var, entry, reterr);
    if (rc == 0)
        rc = add_times(inventory, name, &var, reterr);
    return rc;
}

static int list_variables(const struct inventory *inventory, struct fl_err *reterr)
{
    json_t *list = json_array();
    int rc = fl_probe_set(inventory->doc, "variables", list, reterr);
    int count = 0;
    int status;

    if (rc < 0)
        return rc;
    status = nc_inq_nvars(inventory->id, &count);
    if (status != NC_NOERR)
        return nc_error(inventory, status, "variables", reterr);
    for (int i = 0; i < count && rc == 0; i++)
        rc = add_variable(inventory, i, list, reterr);
    return rc == 0 ? add_wrf_times(inventory, reterr) : rc;
}

int fl_probe_netcdf(const char *path, json_t *doc, struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    struct inventory inventory = {path, -1, NULL, doc};
    int rc = fl_nc_open(path, &nc, reterr);
    int status;

    if (rc < 0)
        return rc;
    inventory.nc = nc;
    status = nc_open(path, NC_NOWRITE, &inventory.id);
    if (status != NC_NOERR)
        return nc_error(&inventory, status, "open", reterr);
    rc = list_dims(&inventory, reterr);
    if (rc == 0)
        rc = list_attributes(&inventory, reterr);
    if (rc == 0)
        rc = list_variables(&inventory, reterr);
    (void)nc_close(inventory.id); /* only read */
    return rc;
}
