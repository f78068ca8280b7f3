/* sabotage KIND FILE…: spoils the wind of forcing files in place, for twins of a run that must fail
 * its physics window. KIND: no-wind, swap (u and v exchanged), reverse-v. */
#include "config.h"

#include <netcdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/macro.h"

#include "engine/base/banned.h"

static void must(int rc, const char *what)
{
    if (rc == NC_NOERR)
        return;
    (void)fprintf(stderr, "sabotage: %s: %s\n", what, nc_strerror(rc));
    exit(2);
}

static size_t field_size(int file, int var)
{
    size_t total = 1;
    int dims[NC_MAX_VAR_DIMS];
    int ndims = 0;

    must(nc_inq_var(file, var, NULL, NULL, &ndims, dims, NULL), "wind");
    for (int i = 0; i < ndims; i++) {
        size_t length = 0;

        must(nc_inq_dimlen(file, dims[i], &length), "wind");
        total *= length;
    }
    return total;
}

static void spoil(const char *kind, const char *path)
{
    int file = 0;
    int uid = 0;
    int vid = 0;
    size_t count;
    float *u;
    float *v;

    must(nc_open(path, NC_WRITE, &file), path);
    must(nc_inq_varid(file, "u10", &uid), "u10");
    must(nc_inq_varid(file, "v10", &vid), "v10");
    count = field_size(file, uid);
    u = calloc(count, sizeof(*u));
    v = calloc(count, sizeof(*v));
    if (!u || !v)
        exit(2);
    must(nc_get_var_float(file, uid, u), "u10");
    must(nc_get_var_float(file, vid, v), "v10");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(kind, "no-wind") == 0)
            u[i] = v[i] = 0.0F;
        else if (strcmp(kind, "reverse-v") == 0)
            v[i] = -v[i];
    }
    must(nc_put_var_float(file, uid, strcmp(kind, "swap") == 0 ? v : u), "u10");
    must(nc_put_var_float(file, vid, strcmp(kind, "swap") == 0 ? u : v), "v10");
    free(u);
    free(v);
    must(nc_close(file), path);
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"no-wind", "swap", "reverse-v"};
    const char *kind = argc > 2 ? argv[1] : "";

    for (size_t i = 0; i < FL_COUNT(kinds); i++) {
        if (strcmp(kind, kinds[i]) != 0)
            continue;
        for (int file = 2; file < argc; file++)
            spoil(kind, argv[file]);
        return 0;
    }
    (void)fprintf(stderr, "usage: sabotage no-wind|swap|reverse-v FILE...\n");
    return 2;
}
