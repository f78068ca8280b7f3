/* Which cells are sea: a flood from the open edges. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "stages/common/grid.h"
#include "stages/common/nc.h"
#include "stages/prep/domain.h"

#include "engine/base/banned.h"

/* Cells still to be looked at, and the marks: 0 dry, 1 below sea level, 2 reached. */
struct flood {
    const struct fl_grid *grid;
    signed char *state;
    size_t *queue; /* the body found so far stands in it */
    size_t count;
};

static void place_of(const struct fl_grid *grid, size_t cell, size_t *ret_i, size_t *ret_j)
{
    fl_assert(grid->nlon > 0);
    *ret_i = cell % grid->nlon;
    *ret_j = cell / grid->nlon;
}

static void take(struct flood *flood, size_t cell)
{
    if (flood->state[cell] != 1)
        return;
    flood->state[cell] = 2;
    flood->queue[flood->count++] = cell;
}

/* The whole body of water that holds cell: it then stands in the queue. */
static void spread(struct flood *flood, size_t cell)
{
    const size_t nlon = flood->grid->nlon;
    const size_t nlat = flood->grid->nlat;

    flood->count = 0;
    take(flood, cell);
    for (size_t next = 0; next < flood->count; next++) {
        size_t at = flood->queue[next];
        size_t i;
        size_t j;

        place_of(flood->grid, at, &i, &j);
        if (i > 0)
            take(flood, at - 1);
        if (i + 1 < nlon)
            take(flood, at + 1);
        if (j > 0)
            take(flood, at - nlon);
        if (j + 1 < nlat)
            take(flood, at + nlon);
    }
}

static bool on_open_edge(const struct fl_grid *grid, size_t cell, unsigned edges)
{
    size_t i;
    size_t j;

    place_of(grid, cell, &i, &j);
    return (j == 0 && (edges & FL_EDGE_SOUTH)) ||
           (j == grid->nlat - 1 && (edges & FL_EDGE_NORTH)) || (i == 0 && (edges & FL_EDGE_WEST)) ||
           (i == grid->nlon - 1 && (edges & FL_EDGE_EAST));
}

static void set_sea(const struct fl_domain *domain, struct fl_grid *grid, size_t cell)
{
    double depth = -(double)grid->elevation[cell];

    grid->mask[cell] = 1;
    grid->depth[cell] = (float)(depth > domain->depth_min_m ? depth : domain->depth_min_m);
}

int fl_domain_flood(const struct fl_domain *domain, struct fl_grid *grid, size_t *ret_sea,
                    struct fl_err *reterr)
{
    const size_t cells = grid->nlat * grid->nlon;
    struct flood flood = {.grid = grid};
    size_t sea = 0;

    fl_assert(domain && ret_sea);
    flood.state = calloc(cells, sizeof(*flood.state));
    flood.queue = calloc(cells, sizeof(*flood.queue));
    if (!flood.state || !flood.queue) {
        free(flood.state);
        free(flood.queue);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "flood of %zu cells", cells);
    }
    for (size_t k = 0; k < cells; k++) {
        flood.state[k] = grid->elevation[k] < 0.0F;
        grid->mask[k] = 0;
        grid->depth[k] = (float)FL_NC_FILL;
    }
    for (size_t k = 0; k < cells; k++) {
        if (flood.state[k] != 1 || !on_open_edge(grid, k, domain->open_edges))
            continue;
        spread(&flood, k);
        if ((double)flood.count < domain->pond_cells_min)
            continue;
        for (size_t n = 0; n < flood.count; n++)
            set_sea(domain, grid, flood.queue[n]);
        sea += flood.count;
    }
    free(flood.state);
    free(flood.queue);
    if (sea == 0)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "no sea: no cell below sea level is joined to an open edge");
    *ret_sea = sea;
    return 0;
}
