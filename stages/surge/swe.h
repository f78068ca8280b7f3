#ifndef FL_SURGE_SWE_H
#define FL_SURGE_SWE_H

/* The shallow-water core: depth-averaged motion on an Arakawa C grid on the sphere, one block of
 * latitude rows a rank. The equations and the scheme are in README. It knows no files.
 * Owns: its fields. Threads: one. Limits: at least FL_SWE_HALO rows a rank.
 *
 * A field has (rows.count + 2 * FL_SWE_HALO) rows of `stride` doubles; fl_swe_at gives the index of
 * row j (of this rank, from -FL_SWE_HALO) and column i (from -1 to nlon). zeta and all that is of
 * the water column or the air stands at the centre of cell (j,i); u at its east face, v at its
 * north face; u(j,-1) and v(-1,i) are the grid's western and southern edge. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "stages/common/mpi.h"

struct fl_surge_grid;

#define FL_SWE_HALO 3 /* rows of neighbours a step needs, so that one exchange a step is enough */
#define FL_SWE_GRAVITY 9.81 /* [m s-2] */

enum fl_swe_edge {
    FL_SWE_WEST = 1u << 0,
    FL_SWE_EAST = 1u << 1,
    FL_SWE_SOUTH = 1u << 2,
    FL_SWE_NORTH = 1u << 3,
};

struct fl_swe_physics {
    double manning; /* [s m-1/3] */
    double drag_a;  /* drag coefficient x 1000 = min(a + b U, cap), U in [m s-1] */
    double drag_b;
    double drag_cap;
    double rho_air;        /* [kg m-3] */
    double rho_water;      /* [kg m-3] */
    double p_env_pa;       /* air pressure that lifts nothing [Pa] */
    double viscosity_m2_s; /* horizontal eddy viscosity [m2 s-1] */
    double film_m;         /* depth that the limiter on outgoing flux leaves [m] */
    double cfl;            /* part of the largest stable time step that is used */
    double omega_s;        /* rotation of the Earth [rad s-1]; 0 in a non-rotating basin */
    bool advection;
    unsigned open_edges; /* enum fl_swe_edge */
};

/* The values of the man page. */
struct fl_swe_physics fl_swe_defaults(void);

struct fl_swe {
    struct fl_swe_physics physics;
    struct fl_mpi mpi;
    size_t nlat, nlon;
    size_t stride;
    struct fl_rows rows;
    int64_t steps_a_minute;
    double dt_s; /* 60 / steps_a_minute */

    /* Per row (index j + FL_SWE_HALO): lengths [m], areas [m2], Coriolis parameter [s-1]. */
    double dy;
    double *dx, *dx_north; /* width of a cell in its middle, at its north face */
    double *area;
    double *f, *f_north;
    double *tan_r, *tan_r_north; /* tan(latitude) / Earth's radius [m-1] */
    double *wn, *ws;             /* weights of y-advection of u: cos ratio / dy [m-1] */
    double *wn_north, *ws_north; /* the same for v */

    double *depth;                 /* [m]; 1 on land, so that nothing divides by 0 */
    double *sea;                   /* 1 or 0 */
    double *face_u, *face_v;       /* 1 where both cells are sea, else 0 */
    double *zeta;                  /* [m] */
    double *u, *v;                 /* [m s-1] */
    double *zeta_max;              /* highest so far [m] */
    double *time_of_max;           /* [s] on the caller's clock */
    double *wind_u[2], *wind_v[2]; /* 10 m wind of two times [m s-1] */
    double *msl[2];                /* air pressure [Pa] */

    double *u_new, *v_new, *hu, *hv, *qu, *qv, *limit; /* scratch of a step */
    double *tau_x, *tau_y;                             /* stress / rho_water [m2 s-2] */
    double *ib;                                        /* inverse-barometer elevation [m] */
    double *drag_u, *drag_v;                           /* bottom drag coefficient at the faces */
    double *send[2], *recv[2];
    double *block; /* all fields in one piece */
};

/* Rows are shared out, fields are at rest, maxima at -infinity. FL_E_CONFIG when a rank would get
 * fewer than FL_SWE_HALO rows; FL_E_NOMEM. Collective in the sense that all ranks bring the same
 * grid. */
int fl_swe_create(const struct fl_surge_grid *grid, const struct fl_swe_physics *physics,
                  const struct fl_mpi *mpi, struct fl_swe **ret_swe, struct fl_err *reterr);
void fl_swe_destroy(struct fl_swe *swe);
FL_DEFINE_AUTO(struct fl_swe *, fl_swe_destroy)

static inline size_t fl_swe_at(const struct fl_swe *swe, ptrdiff_t j, ptrdiff_t i)
{
    return (size_t)((j + FL_SWE_HALO) * (ptrdiff_t)swe->stride + i + 1);
}

/* Stress and inverse barometer from the two forcing times: (1 - weight) of the first and weight of
 * the second, times ramp (0 to 1). */
void fl_swe_air(struct fl_swe *swe, double weight, double ramp);
/* Bottom drag from the present depth of water; once a minute is often enough. */
void fl_swe_bottom(struct fl_swe *swe);
/* One time step; `time_s` at its end goes into time_of_max. All ranks. */
int fl_swe_step(struct fl_swe *swe, double time_s, struct fl_err *reterr);
/* Brings the neighbours' rows in (fl_swe_step begins with it; outputs need it too). All ranks. */
int fl_swe_exchange(struct fl_swe *swe, struct fl_err *reterr);
/* Puts the present zeta into the maxima: for the start. */
void fl_swe_start_maxima(struct fl_swe *swe, double time_s);

/* FL_E_DATA with place and values of the first cell whose water is not a number, |zeta| > 20 m or
 * speed > 10 m/s. Own rows only. */
int fl_swe_sane(const struct fl_swe *swe, const struct fl_surge_grid *grid, struct fl_err *reterr);
/* Water above the bottom in the own rows [m3]. */
double fl_swe_volume(const struct fl_swe *swe);

#endif
