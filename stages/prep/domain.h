#ifndef FL_PREP_DOMAIN_H
#define FL_PREP_DOMAIN_H

/* The model domain: its configuration, the relief, and which cells are sea.
 * Owns: nothing between calls. Threads: one (NetCDF). Limits: those of the grid. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"

struct fl_cfg;
struct fl_grid;

enum fl_edge {
    FL_EDGE_SOUTH = 1u << 0,
    FL_EDGE_NORTH = 1u << 1,
    FL_EDGE_WEST = 1u << 2,
    FL_EDGE_EAST = 1u << 3,
};

/* What a domain's configuration says; texts are borrowed from it. */
struct fl_domain {
    double west; /* [degrees], edges of the outermost cells */
    double east;
    double south;
    double north;
    double cells_per_degree;
    const char *relief_file;
    const char *relief_variable;
    const char *relief_lat; /* its axes' names */
    const char *relief_lon;
    unsigned open_edges; /* fl_edge */
    double depth_min_m;
    double pond_cells_min; /* a sea of fewer cells is no sea */
};

/* FL_E_CONFIG. */
int fl_domain_read(struct fl_cfg *cfg, struct fl_domain *ret_domain, struct fl_err *reterr);

/* Interpolates the relief [m, positive up] onto grid->elevation. FL_E_NOENT, FL_E_MISMATCH (axes,
 * units, area), FL_E_DATA (missing values inside the domain). */
int fl_domain_relief(const struct fl_domain *domain, struct fl_grid *grid, struct fl_err *reterr);

/* Sets mask and depth from elevation. Sea: elevation below 0 and joined to sea on an open edge,
 * cells side by side (not by a corner), in a body of at least pond_cells_min cells. Depth is at
 * least depth_min_m. Returns the number of sea cells in *ret_sea. FL_E_MISMATCH when there is none;
 * FL_E_NOMEM. */
int fl_domain_flood(const struct fl_domain *domain, struct fl_grid *grid, size_t *ret_sea,
                    struct fl_err *reterr);

#endif
