/* The relief under a grid, from a NetCDF file of any longitudes and either order of rows. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/common/grid.h"
#include "stages/common/nc.h"
#include "stages/prep/domain.h"

#include "engine/base/banned.h"

/* Lowest and highest points of the earth's surface, with room [m]. */
#define RELIEF_LOWEST (-12000.0)
#define RELIEF_HIGHEST 9000.0

/* A piece of the relief: the rows that the grid needs over all longitudes, from the south. */
struct relief {
    double *lat;
    double *lon;
    double *values;
    size_t nlat;
    size_t nlon;
    size_t first; /* row of the file with which the piece begins */
    bool descends;
};

static void relief_release(struct relief *relief)
{
    free(relief->lat);
    free(relief->lon);
    free(relief->values);
}
FL_DEFINE_AUTO_VALUE(struct relief, relief_release)

static int read_axis(const struct fl_nc *nc, const char *name, const char *units, double **ret_axis,
                     size_t *ret_count, struct fl_err *reterr)
{
    struct fl_nc_var var;
    double *axis;
    int rc = fl_nc_var(nc, name, name, units, &var, reterr);

    if (rc < 0)
        return rc;
    if (var.shape[0] < 2 || var.shape[0] > FL_GRID_POINTS_MAX)
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "'%s': %s has %zu points", fl_nc_path(nc), name,
                          var.shape[0]);
    axis = calloc(var.shape[0], sizeof(*axis));
    if (!axis)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s'", fl_nc_path(nc));
    rc = fl_nc_get_double(nc, name, NULL, NULL, axis, reterr);
    if (rc < 0) {
        free(axis);
        return rc;
    }
    *ret_axis = axis;
    *ret_count = var.shape[0];
    return 0;
}

/* Keeps of the latitudes those that hold the grid, with one row to spare on either side. */
static void choose_rows(struct relief *relief, const struct fl_grid *grid)
{
    const double south = grid->lat[0];
    const double north = grid->lat[grid->nlat - 1];
    size_t low = 0;
    size_t high = relief->nlat - 1;

    relief->descends = relief->lat[0] > relief->lat[relief->nlat - 1];
    if (relief->descends) {
        for (size_t a = 0, b = relief->nlat - 1; a < b; a++, b--) {
            double kept = relief->lat[a];

            relief->lat[a] = relief->lat[b];
            relief->lat[b] = kept;
        }
    }
    while (low + 2 < relief->nlat && relief->lat[low + 1] <= south)
        low++;
    while (high > low + 1 && relief->lat[high - 1] >= north)
        high--;
    relief->first = relief->descends ? relief->nlat - 1 - high : low;
    relief->nlat = high - low + 1;
    memmove(relief->lat, relief->lat + low, relief->nlat * sizeof(*relief->lat));
}

/* The chosen rows, unpacked, missing as NaN, from the south. */
static int read_rows(const struct fl_nc *nc, const char *variable, const struct fl_nc_var *var,
                     struct relief *relief, struct fl_err *reterr)
{
    const size_t count = relief->nlat * relief->nlon;
    const size_t start[2] = {relief->first, 0};
    const size_t shape[2] = {relief->nlat, relief->nlon};
    int rc;

    relief->values = calloc(count, sizeof(*relief->values));
    if (!relief->values)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s'", fl_nc_path(nc));
    rc = fl_nc_get_double(nc, variable, start, shape, relief->values, reterr);
    if (rc < 0)
        return rc;
    for (size_t k = 0; k < count; k++) {
        double raw = relief->values[k];

        relief->values[k] =
            var->has_fill && raw == var->fill ? NAN : raw * var->scale + var->offset;
    }
    for (size_t a = 0, b = relief->nlat - 1; relief->descends && a < b; a++, b--) {
        for (size_t i = 0; i < relief->nlon; i++) {
            double kept = relief->values[a * relief->nlon + i];

            relief->values[a * relief->nlon + i] = relief->values[b * relief->nlon + i];
            relief->values[b * relief->nlon + i] = kept;
        }
    }
    return 0;
}

static int put_on_grid(const struct fl_nc *nc, const struct relief *relief, struct fl_grid *grid,
                       struct fl_err *reterr)
{
    fl_auto(fl_bilinear_destroy) struct fl_bilinear *bilinear = NULL;
    double *target;
    int rc = fl_bilinear_create(relief->lat, relief->nlat, relief->lon, relief->nlon, grid,
                                &bilinear, reterr);

    if (rc < 0)
        return fl_err_note(reterr, rc, "'%s'", fl_nc_path(nc));
    target = calloc(grid->nlat * grid->nlon, sizeof(*target));
    if (!target)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s'", fl_nc_path(nc));
    fl_bilinear_apply(bilinear, relief->values, target);
    for (size_t k = 0; rc == 0 && k < grid->nlat * grid->nlon; k++) {
        if (!(target[k] > RELIEF_LOWEST && target[k] < RELIEF_HIGHEST))
            rc = fl_err_set(reterr, FL_E_DATA, 0,
                            "'%s': elevation at %g N %g E is %g m; it must be within %g to %g",
                            fl_nc_path(nc), grid->lat[k / grid->nlon], grid->lon[k % grid->nlon],
                            target[k], RELIEF_LOWEST, RELIEF_HIGHEST);
        else
            grid->elevation[k] = (float)target[k];
    }
    free(target);
    return rc;
}

int fl_domain_relief(const struct fl_domain *domain, struct fl_grid *grid, struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    fl_auto(relief_release) struct relief relief = {0};
    struct fl_nc_var var;
    char dims[512];
    int rc;

    fl_assert(domain && grid);
    rc = fl_nc_open(domain->relief_file, &nc, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "relief");
    (void)snprintf(dims, sizeof(dims), "%s %s", domain->relief_lat, domain->relief_lon);
    rc = fl_nc_var(nc, domain->relief_variable, dims, "m|meter|meters|metre|metres", &var, reterr);
    if (rc == 0)
        rc = read_axis(nc, domain->relief_lat, "degrees_north|degree_north|degreesN|degrees_N",
                       &relief.lat, &relief.nlat, reterr);
    if (rc == 0)
        rc = read_axis(nc, domain->relief_lon, "degrees_east|degree_east|degreesE|degrees_E",
                       &relief.lon, &relief.nlon, reterr);
    if (rc < 0)
        return rc;
    choose_rows(&relief, grid);
    rc = read_rows(nc, domain->relief_variable, &var, &relief, reterr);
    if (rc == 0)
        rc = put_on_grid(nc, &relief, grid, reterr);
    return rc;
}
