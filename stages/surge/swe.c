/* Making the shallow-water core: metrics, masks, time step; and checks of its state. */
#include "config.h"

#include "stages/surge/swe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stages/surge/grid.h"
#include "stages/surge/swe_impl.h"

#include "engine/base/banned.h"

#define RADIANS (M_PI / 180.0)
#define OMEGA_S 7.292115e-5 /* WGS 84 */
/* The time step leaves room for a surge this high and a current this fast. */
#define SURGE_ROOM_M 6.0
#define CURRENT_ROOM_M_S 3.0
#define ZETA_LIMIT_M 20.0
#define SPEED_LIMIT_M_S 10.0

struct fl_swe_physics fl_swe_defaults(void)
{
    return (struct fl_swe_physics){
        .manning = 0.025,
        .drag_a = 0.75,
        .drag_b = 0.067,
        .drag_cap = 2.8,
        .rho_air = 1.15,
        .rho_water = 1025.0,
        .p_env_pa = 101000.0,
        .viscosity_m2_s = 20.0,
        .film_m = 0.05,
        .cfl = 0.8,
        .omega_s = OMEGA_S,
        .advection = true,
        .open_edges = FL_SWE_WEST | FL_SWE_EAST | FL_SWE_SOUTH | FL_SWE_NORTH,
    };
}

/* Points all fields into one block of memory. */
static int take_memory(struct fl_swe *swe, struct fl_err *reterr)
{
    size_t rows = swe->rows.count + 2 * FL_SWE_HALO;
    size_t field = rows * swe->stride;
    size_t packet = 3 * FL_SWE_HALO * swe->stride;
    double **fields[] = {
        &swe->depth,     &swe->sea,       &swe->face_u,    &swe->face_v,      &swe->zeta,
        &swe->u,         &swe->v,         &swe->zeta_max,  &swe->time_of_max, &swe->wind_u[0],
        &swe->wind_u[1], &swe->wind_v[0], &swe->wind_v[1], &swe->msl[0],      &swe->msl[1],
        &swe->u_new,     &swe->v_new,     &swe->hu,        &swe->hv,          &swe->qu,
        &swe->qv,        &swe->limit,     &swe->tau_x,     &swe->tau_y,       &swe->ib,
        &swe->drag_u,    &swe->drag_v,
    };
    double **lines[] = {
        &swe->dx,          &swe->dx_north, &swe->area, &swe->f,        &swe->f_north,  &swe->tan_r,
        &swe->tan_r_north, &swe->wn,       &swe->ws,   &swe->wn_north, &swe->ws_north,
    };
    double **packets[] = {&swe->send[0], &swe->send[1], &swe->recv[0], &swe->recv[1]};
    double *at;

    swe->block =
        calloc(FL_COUNT(fields) * field + FL_COUNT(lines) * rows + FL_COUNT(packets) * packet,
               sizeof(double));
    if (!swe->block)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "a grid of %zu x %zu cells: out of memory",
                          swe->nlat, swe->nlon);
    at = swe->block;
    for (size_t k = 0; k < FL_COUNT(fields); k++, at += field)
        *fields[k] = at;
    for (size_t k = 0; k < FL_COUNT(lines); k++, at += rows)
        *lines[k] = at;
    for (size_t k = 0; k < FL_COUNT(packets); k++, at += packet)
        *packets[k] = at;
    return 0;
}

static void fill_metrics(struct fl_swe *swe, const struct fl_surge_grid *grid)
{
    double dlat = (grid->lat[grid->nlat - 1] - grid->lat[0]) / (double)(grid->nlat - 1);
    double dlon = (grid->lon[grid->nlon - 1] - grid->lon[0]) / (double)(grid->nlon - 1);
    double width = FL_EARTH_RADIUS_M * dlon * RADIANS;

    swe->dy = FL_EARTH_RADIUS_M * dlat * RADIANS;
    for (size_t k = 0; k < swe->rows.count + 2 * FL_SWE_HALO; k++) {
        /* From the row's number in the whole grid, so that every rank gets the same bits. */
        double row = (double)(swe->rows.first + k) - FL_SWE_HALO;
        double lat = (grid->lat[0] + dlat * row) * RADIANS;
        double north = (grid->lat[0] + dlat * (row + 0.5)) * RADIANS;
        double south = (grid->lat[0] + dlat * (row - 0.5)) * RADIANS;
        double above = (grid->lat[0] + dlat * (row + 1.0)) * RADIANS;

        swe->dx[k] = width * cos(lat);
        swe->dx_north[k] = width * cos(north);
        swe->area[k] = width * FL_EARTH_RADIUS_M * (sin(north) - sin(south));
        swe->f[k] = 2.0 * swe->physics.omega_s * sin(lat);
        swe->f_north[k] = 2.0 * swe->physics.omega_s * sin(north);
        swe->tan_r[k] = tan(lat) / FL_EARTH_RADIUS_M;
        swe->tan_r_north[k] = tan(north) / FL_EARTH_RADIUS_M;
        swe->wn[k] = cos(north) / cos(lat) / swe->dy;
        swe->ws[k] = cos(south) / cos(lat) / swe->dy;
        swe->wn_north[k] = cos(above) / cos(north) / swe->dy;
        swe->ws_north[k] = cos(lat) / cos(north) / swe->dy;
    }
}

/* Depths and masks, also in the ghost rows and columns: outside the grid depth goes on, sea does
 * not. */
static void fill_masks(struct fl_swe *swe, const struct fl_surge_grid *grid)
{
    ptrdiff_t nlat = (ptrdiff_t)grid->nlat;
    ptrdiff_t nlon = (ptrdiff_t)grid->nlon;
    ptrdiff_t rows = (ptrdiff_t)swe->rows.count;

    for (ptrdiff_t j = -FL_SWE_HALO; j < rows + FL_SWE_HALO; j++) {
        ptrdiff_t row = j + (ptrdiff_t)swe->rows.first;
        bool inside = row >= 0 && row < nlat;

        row = row < 0 ? 0 : row >= nlat ? nlat - 1 : row;
        for (ptrdiff_t i = -1; i <= nlon; i++) {
            ptrdiff_t column = i < 0 ? 0 : i >= nlon ? nlon - 1 : i;
            size_t from = (size_t)(row * nlon + column);

            swe->depth[fl_swe_at(swe, j, i)] = grid->sea[from] ? grid->depth[from] : 1.0;
            swe->sea[fl_swe_at(swe, j, i)] =
                inside && i >= 0 && i < nlon && grid->sea[from] ? 1.0 : 0.0;
        }
    }
    for (ptrdiff_t j = -FL_SWE_HALO; j < rows + FL_SWE_HALO; j++) {
        for (ptrdiff_t i = -1; i < nlon; i++)
            swe->face_u[fl_swe_at(swe, j, i)] =
                swe->sea[fl_swe_at(swe, j, i)] * swe->sea[fl_swe_at(swe, j, i + 1)];
        for (ptrdiff_t i = -1; i <= nlon && j < rows + FL_SWE_HALO - 1; i++)
            swe->face_v[fl_swe_at(swe, j, i)] =
                swe->sea[fl_swe_at(swe, j, i)] * swe->sea[fl_swe_at(swe, j + 1, i)];
    }
}

/* The largest step that divides a minute and keeps the fastest long wave under the limit of the
 * forward-backward scheme, dt c sqrt(1/dx^2 + 1/dy^2) <= 1. Over the whole grid: all ranks agree.
 */
static int64_t find_steps(const struct fl_surge_grid *grid, const struct fl_swe_physics *physics,
                          double dy)
{
    double dlon = (grid->lon[grid->nlon - 1] - grid->lon[0]) / (double)(grid->nlon - 1);
    double fastest = 0.0; /* [s-1] */

    for (size_t j = 0; j < grid->nlat; j++) {
        double dx = FL_EARTH_RADIUS_M * dlon * RADIANS * cos(grid->lat[j] * RADIANS);
        double deepest = 0.0;
        double rate;

        for (size_t i = 0; i < grid->nlon; i++) {
            if (grid->sea[j * grid->nlon + i])
                deepest = fmax(deepest, grid->depth[j * grid->nlon + i]);
        }
        rate = (sqrt(FL_SWE_GRAVITY * (deepest + SURGE_ROOM_M)) + CURRENT_ROOM_M_S) *
               sqrt(1.0 / (dx * dx) + 1.0 / (dy * dy));
        fastest = deepest > 0.0 ? fmax(fastest, rate) : fastest;
    }
    return (int64_t)fmax(1.0, ceil(60.0 * fastest / physics->cfl));
}

int fl_swe_create(const struct fl_surge_grid *grid, const struct fl_swe_physics *physics,
                  const struct fl_mpi *mpi, struct fl_swe **ret_swe, struct fl_err *reterr)
{
    fl_auto(fl_swe_destroy) struct fl_swe *swe = calloc(1, sizeof(*swe));
    int rc;

    fl_assert(grid);
    fl_assert(ret_swe);
    if (!swe)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (mpi->size > 1 && grid->nlat / (size_t)mpi->size < FL_SWE_HALO)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "%d ranks for %zu rows of cells: at most %zu ranks have %d rows each",
                          mpi->size, grid->nlat, grid->nlat / FL_SWE_HALO, FL_SWE_HALO);
    swe->physics = *physics;
    swe->mpi = *mpi;
    swe->nlat = grid->nlat;
    swe->nlon = grid->nlon;
    swe->stride = grid->nlon + 2;
    swe->rows = fl_mpi_rows(grid->nlat, mpi->rank, mpi->size);
    rc = take_memory(swe, reterr);
    if (rc < 0)
        return rc;
    fill_metrics(swe, grid);
    fill_masks(swe, grid);
    swe->steps_a_minute = find_steps(grid, physics, swe->dy);
    swe->dt_s = 60.0 / (double)swe->steps_a_minute;
    for (size_t k = 0; k < (swe->rows.count + 2 * FL_SWE_HALO) * swe->stride; k++) {
        swe->zeta_max[k] = -INFINITY;
        swe->limit[k] = 1.0;
        swe->msl[0][k] = physics->p_env_pa;
        swe->msl[1][k] = physics->p_env_pa;
    }
    *ret_swe = FL_STEAL(swe);
    return 0;
}

void fl_swe_destroy(struct fl_swe *swe)
{
    if (!swe)
        return;
    free(swe->block);
    free(swe);
}

void fl_swe_start_maxima(struct fl_swe *swe, double time_s)
{
    for (size_t k = 0; k < (swe->rows.count + 2 * FL_SWE_HALO) * swe->stride; k++) {
        swe->zeta_max[k] = swe->zeta[k];
        swe->time_of_max[k] = time_s;
    }
}

static inline bool is_out_of_bounds(const struct fl_swe *swe, size_t k)
{
    return !(fabs(swe->zeta[k]) <= ZETA_LIMIT_M && fabs(swe->u[k]) <= SPEED_LIMIT_M_S &&
             fabs(swe->v[k]) <= SPEED_LIMIT_M_S); /* true for what is not a number, too */
}

int fl_swe_sane(const struct fl_swe *swe, const struct fl_surge_grid *grid, struct fl_err *reterr)
{
    for (size_t j = 0; j < swe->rows.count; j++) {
        size_t row = fl_swe_at(swe, (ptrdiff_t)j, 0);
        char place[FL_PLACE_TEXT];
        size_t bad = 0;

        for (size_t k = row; k < row + swe->nlon; k++)
            bad += (size_t)is_out_of_bounds(swe, k);
        if (bad == 0)
            continue;
        for (size_t i = 0; i < swe->nlon; i++) {
            size_t k = row + i;

            if (!is_out_of_bounds(swe, k))
                continue;
            fl_surge_place(grid->lat[swe->rows.first + j], grid->lon[i], place);
            return fl_err_set(reterr, FL_E_DATA, 0,
                              "water out of bounds at %s (cell %zu,%zu): zeta %g m, u %g m/s, v %g "
                              "m/s, depth %g m; accepted |zeta| <= %g, |u|, |v| <= %g",
                              place, swe->rows.first + j, i, swe->zeta[k], swe->u[k], swe->v[k],
                              swe->depth[k], ZETA_LIMIT_M, SPEED_LIMIT_M_S);
        }
    }
    return 0;
}

double fl_swe_volume(const struct fl_swe *swe)
{
    double volume = 0.0;

    for (size_t j = 0; j < swe->rows.count; j++) {
        for (size_t i = 0; i < swe->nlon; i++) {
            size_t k = fl_swe_at(swe, (ptrdiff_t)j, (ptrdiff_t)i);

            volume += swe->sea[k] * swe->area[j + FL_SWE_HALO] * (swe->depth[k] + swe->zeta[k]);
        }
    }
    return volume;
}
