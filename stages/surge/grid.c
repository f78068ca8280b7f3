/* Reading and checking the model's grid. */
#include "config.h"

#include "stages/surge/grid.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/common/nc.h"

#include "engine/base/banned.h"

#define DEEPEST_M 12000.0

int fl_surge_grid_init(struct fl_surge_grid *grid, size_t nlat, size_t nlon, struct fl_err *reterr)
{
    struct fl_surge_grid made = {.nlat = nlat, .nlon = nlon};

    if (nlat == 0 || nlon == 0 || nlat > FL_GRID_SIDE_MAX || nlon > FL_GRID_SIDE_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "a grid of %zu x %zu cells, limit %zu a side",
                          nlat, nlon, FL_GRID_SIDE_MAX);
    made.lat = calloc(nlat, sizeof(*made.lat));
    made.lon = calloc(nlon, sizeof(*made.lon));
    made.depth = calloc(nlat * nlon, sizeof(*made.depth));
    made.sea = calloc(nlat * nlon, sizeof(*made.sea));
    if (!made.lat || !made.lon || !made.depth || !made.sea) {
        fl_surge_grid_release(&made);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "a grid of %zu x %zu cells: out of memory", nlat,
                          nlon);
    }
    *grid = made;
    return 0;
}

void fl_surge_grid_release(struct fl_surge_grid *grid)
{
    free(grid->lat);
    free(grid->lon);
    free(grid->depth);
    free(grid->sea);
    memset(grid, 0, sizeof(*grid));
}

int fl_surge_grid_read(const struct fl_nc *nc, double min_depth_m, struct fl_surge_grid *ret_grid,
                       struct fl_err *reterr)
{
    fl_auto(fl_surge_grid_release) struct fl_surge_grid grid = {0};
    fl_auto(fl_grid_destroy) struct fl_grid *file = NULL;
    char place[FL_PLACE_TEXT];
    size_t cells = 0;
    int rc = fl_grid_read(nc, &file, reterr);

    if (rc == 0)
        rc = fl_surge_grid_init(&grid, file->nlat, file->nlon, reterr);
    if (rc < 0)
        return rc;
    fl_assert(grid.lat);
    fl_assert(grid.lon);
    memcpy(grid.lat, file->lat, file->nlat * sizeof(double));
    memcpy(grid.lon, file->lon, file->nlon * sizeof(double));
    memcpy(grid.sea, file->mask, file->nlat * file->nlon);
    for (size_t k = 0; k < file->nlat * file->nlon; k++) {
        if (!grid.sea[k])
            continue; /* land holds a fill value in the file, 0 here */
        grid.depth[k] = (double)file->depth[k];
        cells++;
        if (!(grid.depth[k] > min_depth_m && grid.depth[k] < DEEPEST_M)) {
            fl_surge_place(grid.lat[k / file->nlon], grid.lon[k % file->nlon], place);
            return fl_err_set(reterr, FL_E_DATA, 0,
                              "'%s': depth = %g m at %s, expected more than %g, less "
                              "than %g m at sea",
                              fl_nc_path(nc), grid.depth[k], place, min_depth_m, DEEPEST_M);
        }
    }
    if (cells == 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s': mask has no sea (1) at all", fl_nc_path(nc));
    if (file->nlat < 3 || file->nlon < 3)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s': %zu x %zu cells, expected 3 a side or more", fl_nc_path(nc),
                          file->nlat, file->nlon);
    *ret_grid = grid;
    memset(&grid, 0, sizeof(grid)); /* handed out */
    return 0;
}

bool fl_surge_grid_nearest(const struct fl_surge_grid *grid, double lat, double lon, size_t *ret_j,
                           size_t *ret_i, double *ret_km)
{
    double best = INFINITY;

    for (size_t j = 0; j < grid->nlat; j++) {
        for (size_t i = 0; i < grid->nlon; i++) {
            double km;

            if (!grid->sea[j * grid->nlon + i])
                continue;
            km = fl_grid_distance_m(lat, lon, grid->lat[j], grid->lon[i]) / 1000.0;
            if (km < best) {
                best = km;
                *ret_j = j;
                *ret_i = i;
            }
        }
    }
    *ret_km = best;
    return best < INFINITY;
}

void fl_surge_place(double lat, double lon, char text[static FL_PLACE_TEXT])
{
    (void)snprintf(text, FL_PLACE_TEXT, "%.3f %c %.3f %c", fabs(lat), lat < 0.0 ? 'S' : 'N',
                   fabs(lon), lon < 0.0 ? 'W' : 'E');
}
