/* A domain's configuration and the grid file. */
#include "config.h"

#include "stages/prep/domain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/path.h"
#include "stages/common/cfg.h"
#include "stages/common/contract.h"
#include "stages/common/grid.h"
#include "stages/common/nc.h"
#include "stages/common/prov.h"
#include "stages/prep/prep.h"

#include "engine/base/banned.h"

#define EDGES_MAX 4

/* ---- configuration ---- */

static int read_edges(struct fl_cfg *cfg, unsigned *ret_edges, struct fl_err *reterr)
{
    static const char *const words[] = {"south", "north", "west", "east"};
    size_t count = 0;
    unsigned edges = 0;
    int rc = fl_cfg_count(cfg, "open_edges", EDGES_MAX, &count, reterr);

    if (rc == 0 && count == 0)
        return fl_cfg_error(cfg, "open_edges", reterr,
                            "missing; it must be a list of south, north, west, east");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        char path[32];
        size_t edge = 0;

        (void)snprintf(path, sizeof(path), "open_edges.[%zu]", i);
        rc = fl_cfg_choice(cfg, path, words, FL_COUNT(words), NULL, &edge, reterr);
        edges |= 1u << edge;
    }
    *ret_edges = edges;
    return rc;
}

int fl_domain_read(struct fl_cfg *cfg, struct fl_domain *ret_domain, struct fl_err *reterr)
{
    struct fl_domain domain = {0};
    int rc;

    fl_assert(ret_domain);
    rc = fl_cfg_real(cfg, "west", -180, 180, &domain.west, reterr);
    if (rc == 0)
        rc = fl_cfg_real(cfg, "east", -180, 360, &domain.east, reterr);
    if (rc == 0)
        rc = fl_cfg_real(cfg, "south", -89, 89, &domain.south, reterr);
    if (rc == 0)
        rc = fl_cfg_real(cfg, "north", -89, 89, &domain.north, reterr);
    if (rc == 0)
        rc = fl_cfg_real(cfg, "cells_per_degree", 1e-2, 1e4, &domain.cells_per_degree, reterr);
    if (rc == 0)
        rc = read_edges(cfg, &domain.open_edges, reterr);
    if (rc == 0)
        rc = fl_cfg_string(cfg, "relief.file", &domain.relief_file, reterr);
    if (rc == 0)
        rc = fl_cfg_string(cfg, "relief.variable", &domain.relief_variable, reterr);
    if (rc == 0)
        rc = fl_cfg_string_opt(cfg, "relief.latitude", "lat", &domain.relief_lat, reterr);
    if (rc == 0)
        rc = fl_cfg_string_opt(cfg, "relief.longitude", "lon", &domain.relief_lon, reterr);
    if (rc == 0)
        rc = fl_cfg_real_opt(cfg, "depth_min", 2.0, 0.01, 1000.0, &domain.depth_min_m, reterr);
    if (rc == 0)
        rc = fl_cfg_real_opt(cfg, "pond_cells_min", 20.0, 1.0, 1e9, &domain.pond_cells_min, reterr);
    if (rc == 0)
        rc = fl_cfg_reject_unknown(cfg, reterr);
    if (rc == 0)
        *ret_domain = domain;
    return rc;
}

/* ---- the grid file ---- */

static int define_file(struct fl_nc *nc, const struct fl_grid *grid, const struct fl_domain *domain,
                       struct fl_err *reterr)
{
    static const struct fl_nc_def variables[] = {
        {.name = "depth",
         .type = FL_NC_FLOAT,
         .dims = "lat lon",
         .units = "m",
         .standard_name = "sea_floor_depth_below_geoid",
         .long_name = "still water depth",
         .positive = "down",
         .datum = "mean sea level",
         .has_fill = true},
        {.name = "mask",
         .type = FL_NC_BYTE,
         .dims = "lat lon",
         .units = "1",
         .standard_name = "sea_binary_mask",
         .long_name = "1 sea, 0 land"},
        {.name = "elevation",
         .type = FL_NC_FLOAT,
         .dims = "lat lon",
         .units = "m",
         .standard_name = "surface_altitude",
         .long_name = "relief interpolated to the cell centres",
         .positive = "up",
         .datum = "mean sea level"},
    };
    int rc = fl_nc_def_lat_lon(nc, grid->nlat, grid->nlon, reterr);

    for (size_t i = 0; rc == 0 && i < FL_COUNT(variables); i++)
        rc = fl_nc_def_var(nc, &variables[i], reterr);
    if (rc == 0)
        rc = fl_nc_put_att_double(nc, "depth", "minimum_depth", domain->depth_min_m, reterr);
    return rc;
}

static int write_values(struct fl_nc *nc, const struct fl_grid *grid, struct fl_err *reterr)
{
    int rc = fl_nc_put_double(nc, "lat", NULL, NULL, grid->lat, reterr);

    if (rc == 0)
        rc = fl_nc_put_double(nc, "lon", NULL, NULL, grid->lon, reterr);
    if (rc == 0)
        rc = fl_nc_put_float(nc, "depth", NULL, NULL, grid->depth, reterr);
    if (rc == 0)
        rc = fl_nc_put_byte(nc, "mask", NULL, NULL, grid->mask, reterr);
    if (rc == 0)
        rc = fl_nc_put_float(nc, "elevation", NULL, NULL, grid->elevation, reterr);
    return rc;
}

static int write_grid(const char *path, const struct fl_grid *grid, const struct fl_domain *domain,
                      const struct fl_prov *prov, size_t sea, struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    char history[256];
    int rc = fl_nc_create(path, &nc, reterr);

    (void)snprintf(history, sizeof(history),
                   "grid: %zu x %zu cells at %g a degree, %zu of them sea, relief by bilinear "
                   "interpolation",
                   grid->nlat, grid->nlon, domain->cells_per_degree, sea);
    if (rc == 0)
        rc = define_file(nc, grid, domain, reterr);
    if (rc == 0)
        rc = fl_prov_write(prov, nc, "Model grid and bathymetry", history, reterr);
    if (rc == 0)
        rc = fl_nc_end_define(nc, reterr);
    if (rc == 0)
        rc = write_values(nc, grid, reterr);
    if (rc == 0)
        rc = fl_nc_settle(nc, reterr);
    return rc;
}

/* ---- the command ---- */

static int describe_sources(const struct fl_prep_grid_options *options,
                            const struct fl_domain *domain, struct fl_contract *contract,
                            struct fl_prov **ret_prov, struct fl_err *reterr)
{
    fl_auto(fl_prov_destroy) struct fl_prov *prov = NULL;
    const struct fl_degraded *marks = NULL;
    size_t count = fl_contract_degraded_of_inputs(contract, &marks);
    int rc = fl_prov_create(FL_PREP_PROGRAM " " PACKAGE_VERSION, &prov, reterr);

    if (rc == 0)
        rc = fl_prov_source(prov, NULL, domain->relief_file, reterr);
    if (rc == 0)
        rc = fl_prov_input(prov, NULL, options->cfg, reterr);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = fl_prov_degraded(prov, marks[i].cause, marks[i].age, reterr);
    if (rc == 0)
        *ret_prov = FL_STEAL(prov);
    return rc;
}

/* A grid made from marked inputs carries their marks. */
static int announce(const struct fl_prep_grid_options *options, struct fl_contract *contract,
                    struct fl_err *reterr)
{
    const struct fl_degraded *marks = NULL;
    size_t count = fl_contract_degraded_of_inputs(contract, &marks);

    return fl_contract_output_marked(contract, options->output, NULL, options->to, marks, count,
                                     reterr);
}

int fl_prep_grid(const struct fl_prep_grid_options *options, struct fl_contract *contract,
                 struct fl_err *reterr)
{
    fl_auto(fl_cfg_close) struct fl_cfg *cfg = NULL;
    fl_auto(fl_grid_destroy) struct fl_grid *grid = NULL;
    fl_auto(fl_prov_destroy) struct fl_prov *prov = NULL;
    struct fl_domain domain = {0};
    char path[FL_PATH_MAX];
    size_t sea = 0;
    int rc = fl_cfg_open(options->cfg, &cfg, reterr);

    if (rc == 0)
        rc = fl_domain_read(cfg, &domain, reterr);
    if (rc < 0)
        return rc;
    rc = fl_grid_create(domain.west, domain.east, domain.south, domain.north,
                        domain.cells_per_degree, &grid, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "'%s'", options->cfg);
    rc = fl_domain_relief(&domain, grid, reterr);
    if (rc == 0)
        rc = fl_domain_flood(&domain, grid, &sea, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "'%s'", options->cfg);
    rc = describe_sources(options, &domain, contract, &prov, reterr);
    if (rc == 0)
        rc = fl_contract_place(contract, options->to, path, sizeof(path), reterr);
    if (rc == 0)
        rc = write_grid(path, grid, &domain, prov, sea, reterr);
    if (rc == 0)
        rc = announce(options, contract, reterr);
    return rc;
}
