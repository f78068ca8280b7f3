/* The model grid and its file. */
#include "config.h"

#include "stages/common/grid.h"

#include <math.h>
#include <stdlib.h>

#include "stages/common/nc.h"

#include "engine/base/banned.h"

#define EVEN_TOLERANCE 1e-6 /* [degrees] */

static double radians(double degrees)
{
    return degrees * (M_PI / 180.0);
}

static int make_room(size_t nlat, size_t nlon, struct fl_grid **ret_grid, struct fl_err *reterr)
{
    fl_auto(fl_grid_destroy) struct fl_grid *grid = calloc(1, sizeof(*grid));

    if (!grid)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "grid of %zu x %zu", nlat, nlon);
    grid->nlat = nlat;
    grid->nlon = nlon;
    grid->lat = calloc(nlat, sizeof(*grid->lat));
    grid->lon = calloc(nlon, sizeof(*grid->lon));
    grid->elevation = calloc(nlat * nlon, sizeof(*grid->elevation));
    grid->depth = calloc(nlat * nlon, sizeof(*grid->depth));
    grid->mask = calloc(nlat * nlon, sizeof(*grid->mask));
    if (!grid->lat || !grid->lon || !grid->elevation || !grid->depth || !grid->mask)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "grid of %zu x %zu", nlat, nlon);
    *ret_grid = FL_STEAL(grid);
    return 0;
}

/* Whole number of cells between two edges, or an error that names them. */
static int cells_between(const char *what, double from, double to, double per_degree,
                         size_t *ret_count, struct fl_err *reterr)
{
    double cells = (to - from) * per_degree;
    double whole = nearbyint(cells);

    if (!(whole >= 2) || whole > FL_GRID_POINTS_MAX || fabs(cells - whole) > 1e-6 * whole)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "%s %g to %g at %g cells a degree is %g cells; it must be a whole number "
                          "within 2 to %d",
                          what, from, to, per_degree, cells, FL_GRID_POINTS_MAX);
    *ret_count = (size_t)whole;
    return 0;
}

int fl_grid_create(double west, double east, double south, double north, double cells_per_degree,
                   struct fl_grid **ret_grid, struct fl_err *reterr)
{
    struct fl_grid *grid = NULL;
    size_t nlat = 0;
    size_t nlon = 0;
    int rc;

    fl_assert(ret_grid);
    rc = cells_between("longitude", west, east, cells_per_degree, &nlon, reterr);
    if (rc == 0)
        rc = cells_between("latitude", south, north, cells_per_degree, &nlat, reterr);
    if (rc == 0)
        rc = make_room(nlat, nlon, &grid, reterr);
    if (rc < 0)
        return rc;
    for (size_t j = 0; j < nlat; j++)
        grid->lat[j] = south + ((double)j + 0.5) / cells_per_degree;
    for (size_t i = 0; i < nlon; i++)
        grid->lon[i] = west + ((double)i + 0.5) / cells_per_degree;
    for (size_t k = 0; k < nlat * nlon; k++)
        grid->depth[k] = (float)FL_NC_FILL;
    *ret_grid = grid;
    return 0;
}

void fl_grid_destroy(struct fl_grid *grid)
{
    if (!grid)
        return;
    free(grid->lat);
    free(grid->lon);
    free(grid->elevation);
    free(grid->depth);
    free(grid->mask);
    free(grid);
}

/* ---- reading ---- */

static int check_axis(const struct fl_nc *nc, const char *name, const double *axis, size_t count,
                      double least, double most, struct fl_err *reterr)
{
    double step = (axis[count - 1] - axis[0]) / (double)(count - 1);

    if (!(step > 0) || axis[0] < least || axis[count - 1] > most)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s': %s goes from %g to %g; it must ascend within %g to %g",
                          fl_nc_path(nc), name, axis[0], axis[count - 1], least, most);
    for (size_t i = 0; i < count; i++) {
        if (!(fabs(axis[i] - (axis[0] + step * (double)i)) < EVEN_TOLERANCE))
            return fl_err_set(reterr, FL_E_MISMATCH, 0,
                              "'%s': %s is not evenly spaced at index %zu", fl_nc_path(nc), name,
                              i);
    }
    return 0;
}

static int check_cells(const struct fl_nc *nc, const struct fl_grid *grid, struct fl_err *reterr)
{
    for (size_t k = 0; k < grid->nlat * grid->nlon; k++) {
        if (grid->mask[k] != 0 && grid->mask[k] != 1)
            return fl_err_set(reterr, FL_E_DATA, 0,
                              "'%s': mask is %d at %zu,%zu; it must be 0 or 1", fl_nc_path(nc),
                              grid->mask[k], k / grid->nlon, k % grid->nlon);
        if (grid->mask[k] == 1 && !(grid->depth[k] > 0.0F && grid->depth[k] < 12000.0F))
            return fl_err_set(reterr, FL_E_DATA, 0,
                              "'%s': depth is %g m in the sea cell %zu,%zu; it must be above 0",
                              fl_nc_path(nc), (double)grid->depth[k], k / grid->nlon,
                              k % grid->nlon);
    }
    return 0;
}

int fl_grid_read(const struct fl_nc *nc, struct fl_grid **ret_grid, struct fl_err *reterr)
{
    fl_auto(fl_grid_destroy) struct fl_grid *grid = NULL;
    size_t nlat = 0;
    size_t nlon = 0;
    int rc;

    fl_assert(ret_grid);
    rc = fl_nc_dim(nc, "lat", &nlat, reterr);
    if (rc == 0)
        rc = fl_nc_dim(nc, "lon", &nlon, reterr);
    if (rc == 0 && (nlat < 2 || nlon < 2 || nlat > FL_GRID_POINTS_MAX || nlon > FL_GRID_POINTS_MAX))
        rc = fl_err_set(reterr, FL_E_MISMATCH, 0, "'%s': %zu x %zu points", fl_nc_path(nc), nlat,
                        nlon);
    if (rc == 0)
        rc = fl_nc_var(nc, "lat", "lat", "degrees_north", NULL, reterr);
    if (rc == 0)
        rc = fl_nc_var(nc, "lon", "lon", "degrees_east", NULL, reterr);
    if (rc == 0)
        rc = fl_nc_var(nc, "depth", "lat lon", "m", NULL, reterr);
    if (rc == 0)
        rc = fl_nc_var(nc, "mask", "lat lon", NULL, NULL, reterr);
    if (rc == 0)
        rc = fl_nc_var(nc, "elevation", "lat lon", "m", NULL, reterr);
    if (rc == 0)
        rc = make_room(nlat, nlon, &grid, reterr);
    if (rc == 0)
        rc = fl_nc_get_double(nc, "lat", NULL, NULL, grid->lat, reterr);
    if (rc == 0)
        rc = fl_nc_get_double(nc, "lon", NULL, NULL, grid->lon, reterr);
    if (rc == 0)
        rc = fl_nc_get_float(nc, "depth", NULL, NULL, grid->depth, reterr);
    if (rc == 0)
        rc = fl_nc_get_byte(nc, "mask", NULL, NULL, grid->mask, reterr);
    if (rc == 0)
        rc = fl_nc_get_float(nc, "elevation", NULL, NULL, grid->elevation, reterr);
    if (rc == 0)
        rc = check_axis(nc, "lat", grid->lat, nlat, -90.0, 90.0, reterr);
    if (rc == 0)
        rc = check_axis(nc, "lon", grid->lon, nlon, -180.0, 360.0, reterr);
    if (rc == 0)
        rc = check_cells(nc, grid, reterr);
    if (rc == 0)
        *ret_grid = FL_STEAL(grid);
    return rc;
}

int fl_grid_load(const char *path, struct fl_grid **ret_grid, struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    int rc = fl_nc_open(path, &nc, reterr);

    return rc < 0 ? rc : fl_grid_read(nc, ret_grid, reterr);
}

/* ---- distances ---- */

double fl_grid_dlat(const struct fl_grid *grid)
{
    return (grid->lat[grid->nlat - 1] - grid->lat[0]) / (double)(grid->nlat - 1);
}

double fl_grid_dlon(const struct fl_grid *grid)
{
    return (grid->lon[grid->nlon - 1] - grid->lon[0]) / (double)(grid->nlon - 1);
}

double fl_grid_cell_max_m(const struct fl_grid *grid)
{
    double south = grid->lat[0];
    double north = grid->lat[grid->nlat - 1];
    double nearest = south > 0 ? south : north < 0 ? north : 0.0;
    double along = radians(fl_grid_dlon(grid)) * cos(radians(nearest));
    double across = radians(fl_grid_dlat(grid));

    return FL_EARTH_RADIUS_M * (along > across ? along : across);
}

double fl_grid_distance_m(double lat_a, double lon_a, double lat_b, double lon_b)
{
    /* haversine: exact enough at all distances below the antipode */
    double half_lat = sin(radians(lat_b - lat_a) / 2.0);
    double half_lon = sin(radians(lon_b - lon_a) / 2.0);
    double a =
        half_lat * half_lat + cos(radians(lat_a)) * cos(radians(lat_b)) * half_lon * half_lon;

    return 2.0 * FL_EARTH_RADIUS_M * asin(sqrt(a < 1.0 ? a : 1.0));
}
