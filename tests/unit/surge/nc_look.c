/* Looks into NetCDF files for the shell tests.
 *   nc_look same A B VAR...   exit 0 when each variable has the same shape and the same bits
 *   nc_look att FILE NAME     prints a global attribute; exit 1 when it is absent */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "stages/common/nc.h"

#include "engine/base/banned.h"

static int same_variable(const struct fl_nc *a, const struct fl_nc *b, const char *name,
                         struct fl_err *err)
{
    struct fl_nc_var va;
    struct fl_nc_var vb;
    size_t count = 1;
    double *values;
    int rc = fl_nc_var(a, name, NULL, NULL, &va, err);

    if (rc == 0)
        rc = fl_nc_var(b, name, NULL, NULL, &vb, err);
    if (rc < 0)
        return rc;
    for (int k = 0; k < va.rank; k++)
        count *= va.shape[k];
    if (va.rank != vb.rank || memcmp(va.shape, vb.shape, sizeof(va.shape)) != 0)
        return fl_err_set(err, FL_E_MISMATCH, 0, "%s: shapes differ", name);
    values = calloc(2 * count + 2, sizeof(*values));
    if (!values)
        return fl_err_set(err, FL_E_NOMEM, 0, "out of memory");
    rc = fl_nc_get_double(a, name, NULL, NULL, values, err);
    if (rc == 0)
        rc = fl_nc_get_double(b, name, NULL, NULL, values + count, err);
    if (rc == 0 && memcmp(values, values + count, count * sizeof(*values)) != 0)
        rc = fl_err_set(err, FL_E_MISMATCH, 0, "%s: values differ", name);
    free(values);
    return rc;
}

static int same_files(int count, char **args, struct fl_err *err)
{
    fl_auto(fl_nc_destroy) struct fl_nc *a = NULL;
    fl_auto(fl_nc_destroy) struct fl_nc *b = NULL;
    int rc = fl_nc_open(args[0], &a, err);

    if (rc == 0)
        rc = fl_nc_open(args[1], &b, err);
    for (int k = 2; rc == 0 && k < count; k++)
        rc = same_variable(a, b, args[k], err);
    return rc;
}

static int print_attribute(char **args, struct fl_err *err)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc = fl_nc_open(args[0], &nc, err);

    fl_buf_init(&text, 0);
    if (rc == 0)
        rc = fl_nc_att(nc, FL_NC_GLOBAL, args[1], &text, err);
    if (rc == 0)
        (void)puts(text.data);
    return rc;
}

int main(int argc, char **argv)
{
    struct fl_err err = {0};
    int rc = FL_E_USAGE;

    if (argc > 4 && strcmp(argv[1], "same") == 0)
        rc = same_files(argc - 2, argv + 2, &err);
    else if (argc == 4 && strcmp(argv[1], "att") == 0)
        rc = print_attribute(argv + 2, &err);
    if (rc < 0)
        (void)fprintf(stderr, "nc_look: %s\n", err.text);
    return rc < 0 ? 1 : 0;
}
