/* One time step of the shallow-water core, row by row. Loops have no branches, so that compilers
 * turn them into vector code; every cell is computed by the same operations in the same order on
 * any number of ranks. Scheme and sources: README. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "stages/surge/swe.h"
#include "stages/surge/swe_impl.h"

#include "engine/base/banned.h"

static inline double not_below_0(double x)
{
    return x > 0.0 ? x : 0.0;
}

static inline double not_above_0(double x)
{
    return x < 0.0 ? x : 0.0;
}

void fl_swe_air(struct fl_swe *swe, double weight, double ramp)
{
    const struct fl_swe_physics *p = &swe->physics;
    size_t count = (swe->rows.count + 2 * FL_SWE_HALO) * swe->stride;
    const double *restrict u0 = swe->wind_u[0];
    const double *restrict u1 = swe->wind_u[1];
    const double *restrict v0 = swe->wind_v[0];
    const double *restrict v1 = swe->wind_v[1];
    const double *restrict p0 = swe->msl[0];
    const double *restrict p1 = swe->msl[1];
    double *restrict tau_x = swe->tau_x;
    double *restrict tau_y = swe->tau_y;
    double *restrict ib = swe->ib;
    const double a = p->drag_a, b = p->drag_b, cap = p->drag_cap, p_env = p->p_env_pa;
    const double stress = ramp * 1e-3 * p->rho_air / p->rho_water;
    const double lift = ramp / (p->rho_water * FL_SWE_GRAVITY);

    FL_NO_ALIAS
    for (size_t k = 0; k < count; k++) {
        double u = u0[k] + weight * (u1[k] - u0[k]);
        double v = v0[k] + weight * (v1[k] - v0[k]);
        double speed = sqrt(u * u + v * v);
        double drag = a + b * speed;

        drag = stress * speed * (drag < cap ? drag : cap);
        tau_x[k] = drag * u;
        tau_y[k] = drag * v;
        ib[k] = lift * (p_env - (p0[k] + weight * (p1[k] - p0[k])));
    }
}

void fl_swe_bottom(struct fl_swe *swe)
{
    const double *depth = swe->depth;
    const double *zeta = swe->zeta;
    const double strength = FL_SWE_GRAVITY * swe->physics.manning * swe->physics.manning;
    const double film = swe->physics.film_m;
    ptrdiff_t rows = (ptrdiff_t)swe->rows.count;

    for (ptrdiff_t j = -FL_SWE_HALO; j < rows + FL_SWE_HALO - 1; j++) {
        size_t o = fl_swe_at(swe, j, 0);

        for (size_t k = o; k < o + swe->nlon; k++) {
            size_t n = k + swe->stride;
            double here = depth[k] + zeta[k];
            double east = 0.5 * (here + depth[k + 1] + zeta[k + 1]);
            double north = 0.5 * (here + depth[n] + zeta[n]);

            /* Manning: c = g n^2 / H^(1/3). */
            swe->drag_u[k] = swe->face_u[k] > 0.0 ? strength / cbrt(fmax(east, film)) : 0.0;
            swe->drag_v[k] = swe->face_v[k] > 0.0 ? strength / cbrt(fmax(north, film)) : 0.0;
        }
    }
}

/* Depth of water at the faces and transport through them, row j. */
static void transport_row(struct fl_swe *swe, ptrdiff_t j)
{
    size_t o = fl_swe_at(swe, j, -1);
    size_t n = o + swe->stride;
    size_t count = swe->nlon + 1;
    const double *restrict d = swe->depth + o;
    const double *restrict d_n = swe->depth + n;
    const double *restrict z = swe->zeta + o;
    const double *restrict z_n = swe->zeta + n;
    const double *restrict u = swe->u + o;
    const double *restrict v = swe->v + o;
    double *restrict hu = swe->hu + o;
    double *restrict hv = swe->hv + o;
    double *restrict qu = swe->qu + o;
    double *restrict qv = swe->qv + o;

    FL_NO_ALIAS
    for (size_t k = 0; k < count; k++) {
        double here = d[k] + z[k];

        hu[k] = 0.5 * (here + (d[k + 1] + z[k + 1]));
        hv[k] = 0.5 * (here + (d_n[k] + z_n[k]));
        qu[k] = hu[k] * u[k];
        qv[k] = hv[k] * v[k];
    }
    hv[count] = d[count] + z[count];
    qv[count] = hv[count] * v[count];
}

/* Eastward momentum at the faces inside row j. */
static void u_row(struct fl_swe *swe, ptrdiff_t j)
{
    size_t o = fl_swe_at(swe, j, 0);
    size_t r = (size_t)(j + FL_SWE_HALO);
    ptrdiff_t up = (ptrdiff_t)swe->stride;
    ptrdiff_t count = (ptrdiff_t)swe->nlon - 1;
    const double *restrict u = swe->u + o;
    const double *restrict v = swe->v + o;
    const double *restrict z = swe->zeta + o;
    const double *restrict ib = swe->ib + o;
    const double *restrict hu = swe->hu + o;
    const double *restrict qu = swe->qu + o;
    const double *restrict qv = swe->qv + o;
    const double *restrict tau = swe->tau_x + o;
    const double *restrict drag = swe->drag_u + o;
    const double *restrict face = swe->face_u + o;
    double *restrict out = swe->u_new + o;
    const double dt = swe->dt_s;
    const double inv_dx = 1.0 / swe->dx[r];
    const double inv_dy = 1.0 / swe->dy;
    const double slope = FL_SWE_GRAVITY * inv_dx;
    const double wn = swe->wn[r], ws = swe->ws[r], f = swe->f[r], tan_r = swe->tan_r[r];
    const double adv = swe->physics.advection ? 0.5 : 0.0;
    const double nu_x = swe->physics.viscosity_m2_s * inv_dx * inv_dx;
    const double nu_y = swe->physics.viscosity_m2_s * inv_dy * inv_dy;

    FL_NO_ALIAS
    for (ptrdiff_t k = 0; k < count; k++) {
        double here = u[k];
        double cross = 0.25 * ((v[k] + v[k + 1]) + (v[k - up] + v[k + 1 - up]));
        double inv_h = 1.0 / hu[k];
        double e = u[k + 1] - here, w = here - u[k - 1];
        double n = u[k + up] - here, s = here - u[k - up];
        double carried =
            adv *
            ((not_above_0(qu[k] + qu[k + 1]) * e + not_below_0(qu[k - 1] + qu[k]) * w) * inv_dx +
             (not_above_0(qv[k] + qv[k + 1]) * wn * n +
              not_below_0(qv[k - up] + qv[k + 1 - up]) * ws * s));
        double push = (f + tan_r * here) * cross -
                      slope * ((z[k + 1] - ib[k + 1]) - (z[k] - ib[k])) +
                      (0.5 * (tau[k] + tau[k + 1]) - carried) * inv_h + nu_x * (e - w) +
                      nu_y * (face[k + up] * n - face[k - up] * s);
        double rub = dt * drag[k] * sqrt(here * here + cross * cross) * inv_h;

        out[k] = face[k] * (here + dt * push) / (1.0 + rub);
    }
}

/* Northward momentum at the north faces of row j, with the new u in its Coriolis term. */
static void v_row(struct fl_swe *swe, ptrdiff_t j)
{
    size_t o = fl_swe_at(swe, j, 0);
    size_t r = (size_t)(j + FL_SWE_HALO);
    ptrdiff_t up = (ptrdiff_t)swe->stride;
    ptrdiff_t count = (ptrdiff_t)swe->nlon;
    const double *restrict u = swe->u_new + o;
    const double *restrict v = swe->v + o;
    const double *restrict z = swe->zeta + o;
    const double *restrict ib = swe->ib + o;
    const double *restrict hv = swe->hv + o;
    const double *restrict qu = swe->qu + o;
    const double *restrict qv = swe->qv + o;
    const double *restrict tau = swe->tau_y + o;
    const double *restrict drag = swe->drag_v + o;
    const double *restrict face = swe->face_v + o;
    double *restrict out = swe->v_new + o;
    const double dt = swe->dt_s;
    const double inv_dx = 1.0 / swe->dx_north[r];
    const double inv_dy = 1.0 / swe->dy;
    const double slope = FL_SWE_GRAVITY * inv_dy;
    const double wn = swe->wn_north[r], ws = swe->ws_north[r];
    const double f = swe->f_north[r], tan_r = swe->tan_r_north[r];
    const double adv = swe->physics.advection ? 0.5 : 0.0;
    const double nu_x = swe->physics.viscosity_m2_s * inv_dx * inv_dx;
    const double nu_y = swe->physics.viscosity_m2_s * inv_dy * inv_dy;

    FL_NO_ALIAS
    for (ptrdiff_t k = 0; k < count; k++) {
        double here = v[k];
        double cross = 0.25 * ((u[k - 1] + u[k]) + (u[k - 1 + up] + u[k + up]));
        double inv_h = 1.0 / hv[k];
        double e = v[k + 1] - here, w = here - v[k - 1];
        double n = v[k + up] - here, s = here - v[k - up];
        double carried =
            adv *
            ((not_above_0(qu[k] + qu[k + up]) * e + not_below_0(qu[k - 1] + qu[k - 1 + up]) * w) *
                 inv_dx +
             (not_above_0(qv[k] + qv[k + up]) * wn * n + not_below_0(qv[k - up] + qv[k]) * ws * s));
        double push = -(f + tan_r * cross) * cross -
                      slope * ((z[k + up] - ib[k + up]) - (z[k] - ib[k])) +
                      (0.5 * (tau[k] + tau[k + up]) - carried) * inv_h +
                      nu_x * (face[k + 1] * e - face[k - 1] * w) + nu_y * (n - s);
        double rub = dt * drag[k] * sqrt(here * here + cross * cross) * inv_h;

        out[k] = face[k] * (here + dt * push) / (1.0 + rub);
    }
}

/* Radiating edges (Flather 1976): the outward current of a long wave that leaves, around the
 * elevation that the air pressure alone would hold. Row j of u. */
static void edge_columns(struct fl_swe *swe, ptrdiff_t j)
{
    size_t w = fl_swe_at(swe, j, 0);
    size_t e = fl_swe_at(swe, j, (ptrdiff_t)swe->nlon - 1);
    double west = swe->physics.open_edges & FL_SWE_WEST ? swe->sea[w] : 0.0;
    double east = swe->physics.open_edges & FL_SWE_EAST ? swe->sea[e] : 0.0;

    swe->u_new[w - 1] = -west * sqrt(FL_SWE_GRAVITY / swe->hu[w - 1]) * (swe->zeta[w] - swe->ib[w]);
    swe->u_new[e] = east * sqrt(FL_SWE_GRAVITY / swe->hu[e]) * (swe->zeta[e] - swe->ib[e]);
}

/* The same for v: its row j is the grid's southern or northern edge; `inner` is the row of cells
 * beside it. */
static void edge_row(struct fl_swe *swe, ptrdiff_t j, ptrdiff_t inner, bool open, double outward)
{
    size_t o = fl_swe_at(swe, j, 0);
    size_t c = fl_swe_at(swe, inner, 0);

    FL_NO_ALIAS
    for (size_t k = 0; k < swe->nlon; k++) {
        double sea = open ? swe->sea[c + k] : 0.0;

        swe->v_new[o + k] = outward * sea * sqrt(FL_SWE_GRAVITY / swe->hv[o + k]) *
                            (swe->zeta[c + k] - swe->ib[c + k]);
    }
}

/* Part of the outgoing flux that leaves film_m of water in each cell of row j. */
static void limit_row(struct fl_swe *swe, ptrdiff_t j)
{
    size_t o = fl_swe_at(swe, j, 0);
    size_t r = (size_t)(j + FL_SWE_HALO);
    ptrdiff_t up = (ptrdiff_t)swe->stride;
    ptrdiff_t count = (ptrdiff_t)swe->nlon;
    const double *restrict u = swe->u_new + o;
    const double *restrict v = swe->v_new + o;
    const double *restrict hu = swe->hu + o;
    const double *restrict hv = swe->hv + o;
    const double *restrict d = swe->depth + o;
    const double *restrict z = swe->zeta + o;
    double *restrict limit = swe->limit + o;
    const double dy = swe->dy, north = swe->dx_north[r], south = swe->dx_north[r - 1];
    const double room = swe->area[r] / swe->dt_s, film = swe->physics.film_m;

    FL_NO_ALIAS
    for (ptrdiff_t k = 0; k < count; k++) {
        double out = dy * (not_below_0(hu[k] * u[k]) - not_above_0(hu[k - 1] * u[k - 1])) +
                     north * not_below_0(hv[k] * v[k]) -
                     south * not_above_0(hv[k - up] * v[k - up]);
        double there = room * not_below_0(d[k] + z[k] - film);
        double part = there / (out > there ? out : there + 1.0);

        limit[k] = out > there ? part : 1.0;
    }
}

/* Puts the limits of the cells that give water onto the currents between `before` and `after`. */
static void give_row(double *restrict current, const double *restrict before,
                     const double *restrict after, size_t count)
{
    FL_NO_ALIAS
    for (size_t k = 0; k < count; k++)
        current[k] *= current[k] > 0.0 ? before[k] : after[k];
}

/* Continuity of row j, and the maxima. */
static void zeta_row(struct fl_swe *swe, ptrdiff_t j, double time_s)
{
    size_t o = fl_swe_at(swe, j, 0);
    size_t r = (size_t)(j + FL_SWE_HALO);
    ptrdiff_t up = (ptrdiff_t)swe->stride;
    ptrdiff_t count = (ptrdiff_t)swe->nlon;
    const double *restrict u = swe->u_new + o;
    const double *restrict v = swe->v_new + o;
    const double *restrict hu = swe->hu + o;
    const double *restrict hv = swe->hv + o;
    double *restrict z = swe->zeta + o;
    double *restrict top = swe->zeta_max + o;
    double *restrict when = swe->time_of_max + o;
    const double dy = swe->dy, north = swe->dx_north[r], south = swe->dx_north[r - 1];
    const double rate = swe->dt_s / swe->area[r];

    FL_NO_ALIAS
    for (ptrdiff_t k = 0; k < count; k++) {
        double in = dy * (hu[k - 1] * u[k - 1] - hu[k] * u[k]) +
                    (south * (hv[k - up] * v[k - up]) - north * (hv[k] * v[k]));
        double now = z[k] + rate * in;

        z[k] = now;
        when[k] = now > top[k] ? time_s : when[k];
        top[k] = now > top[k] ? now : top[k];
    }
}

/* Momentum of all rows that the limits and fluxes of the own rows depend on. */
static void move_water(struct fl_swe *swe)
{
    ptrdiff_t rows = (ptrdiff_t)swe->rows.count;
    unsigned open = swe->physics.open_edges;

    for (ptrdiff_t j = -FL_SWE_HALO; j < rows + FL_SWE_HALO - 1; j++)
        transport_row(swe, j);
    transport_row(swe, rows + FL_SWE_HALO - 1);
    for (ptrdiff_t j = -2; j < rows + 2; j++) {
        u_row(swe, j);
        edge_columns(swe, j);
    }
    for (ptrdiff_t j = -2; j < rows + 1; j++)
        v_row(swe, j);
    if (fl_swe_is_bottom(swe))
        edge_row(swe, -1, 0, open & FL_SWE_SOUTH, -1.0);
    if (fl_swe_is_top(swe))
        edge_row(swe, rows - 1, rows - 1, open & FL_SWE_NORTH, 1.0);
    for (ptrdiff_t j = fl_swe_is_bottom(swe) ? 0 : -1; j < rows + (fl_swe_is_top(swe) ? 0 : 1); j++)
        limit_row(swe, j);
    for (ptrdiff_t j = -1; j < rows; j++) {
        size_t o = fl_swe_at(swe, j, -1);

        give_row(swe->u_new + o, swe->limit + o, swe->limit + o + 1, swe->nlon + 1);
        give_row(swe->v_new + o, swe->limit + o, swe->limit + o + swe->stride, swe->stride);
    }
}

int fl_swe_step(struct fl_swe *swe, double time_s, struct fl_err *reterr)
{
    double *old;
    int rc = fl_swe_exchange(swe, reterr);

    if (rc < 0)
        return rc;
    move_water(swe);
    for (ptrdiff_t j = 0; j < (ptrdiff_t)swe->rows.count; j++)
        zeta_row(swe, j, time_s);
    old = swe->u;
    swe->u = swe->u_new;
    swe->u_new = old;
    old = swe->v;
    swe->v = swe->v_new;
    swe->v_new = old;
    return 0;
}
