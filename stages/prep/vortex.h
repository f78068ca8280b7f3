#ifndef FL_PREP_VORTEX_H
#define FL_PREP_VORTEX_H

/* A hurricane's wind and pressure at one time, put onto the model grid.
 *
 * Pressure: Holland, p(r) = pc + (pn - pc) exp(-(Rm/r)^B), with B from the greatest wind and the
 *   central pressure, B = rho e vmax^2 / (pn - pc), kept within its limits.
 *   Source: Holland 1980, Mon. Wea. Rev. 108, 1212-1218.
 * Speed along a bearing: inside Rm Holland's shape; from Rm outwards straight lines in log(speed)
 *   over log(radius) through the radii of 64, 50 and 34 kt of the quadrant; beyond the last one,
 *   and in a quadrant without radii, Holland's shape. Between the middles of two quadrants, and
 *   between two fixes in time, a smooth mean of their speeds (never of their radii).
 * At Rm: the greatest wind right of the track, less by asymmetry x translation speed x
 *   (1 - cos(angle from there)); in the southern hemisphere left of the track.
 * Direction: along the circle, turned inwards by the inflow angle: from min at the centre over two
 *   thirds of the way at Rm to max at 1.2 Rm and beyond.
 *   Source: Bretschneider's rule as given by Phadke et al. 2003, Ocean Eng. 30, 553-578 (10 to 25
 *   degrees).
 * Averaging: speeds of a best track are 1-minute means; the factor makes 10-minute means of them.
 *   Source: Harper, Kepert, Ginger 2010, WMO/TD-1555, at sea 0.93.
 * Blend: the vortex alone up to the largest radius of 34 kt, the background alone beyond
 *   blend_outer times that, a smooth step of the distance between.
 *
 * Owns: nothing. Threads: any. Limits: grid spacing at most half the radius of maximum wind. */

#include "engine/base/err.h"
#include "engine/base/time.h"
#include "stages/prep/track.h"

struct fl_cfg;
struct fl_grid;

struct fl_vortex_settings {
    double environment_pa; /* pn */
    double b_min;
    double b_max;
    double air_density; /* rho [kg m-3] */
    double rmw_start_m; /* radius of maximum wind, linear in time between the two, then constant */
    double rmw_landfall_m;
    struct fl_cycle rmw_start; /* before it: rmw_start_m */
    struct fl_cycle landfall;
    double inflow_min; /* [degrees] */
    double inflow_max;
    double asymmetry;  /* part of the translation speed by which sides differ from the middle */
    double mean_10min; /* 10-minute over 1-minute mean */
    double blend_outer;
};

/* The vortex at one time. */
struct fl_vortex {
    struct fl_vortex_settings settings;
    struct fl_track_place place;
    double rmw_m;
    double b;
    double blend_from_m; /* the vortex alone up to here */
    double blend_to_m;   /* the background alone from here */
    double move_kt;
    double strong_bearing; /* [rad, clockwise from north] of the strongest wind at Rm */
    double hemisphere;     /* 1 north, -1 south: sense of rotation */
};

/* Reads the group track of a configuration; start is the default of rmw_start. *ret_file: the
 * track's table, borrowed from cfg; NULL when there is no such group. FL_E_CONFIG. */
int fl_vortex_read(struct fl_cfg *cfg, struct fl_cycle start, const char **ret_file,
                   struct fl_vortex_settings *ret_settings, struct fl_err *reterr);

/* FL_E_MISMATCH when the track does not cover the time; FL_E_DATA when the central pressure is not
 * below the environment's. */
int fl_vortex_init(struct fl_vortex *vortex, const struct fl_vortex_settings *settings,
                   const struct fl_track *track, struct fl_cycle time, struct fl_err *reterr);

/* 1-minute wind speed [kt] at distance [m] and bearing [rad, clockwise from north] of the centre.
 */
double fl_vortex_speed_kt(const struct fl_vortex *vortex, double distance_m, double bearing);
/* [Pa] */
double fl_vortex_pressure_pa(const struct fl_vortex *vortex, double distance_m);
/* [rad] */
double fl_vortex_inflow(const struct fl_vortex *vortex, double distance_m);
/* Weight of the vortex against the background, 1 to 0. */
double fl_vortex_weight(const struct fl_vortex *vortex, double distance_m);

/* Blends the vortex into the background, in place: u, v [m s-1, 10-minute mean], msl [Pa], shape
 * (nlat, nlon). FL_E_CONFIG when the grid is too coarse for the vortex. */
int fl_vortex_apply(const struct fl_vortex *vortex, const struct fl_grid *grid, double *u,
                    double *v, double *msl, struct fl_err *reterr);

#endif
