/* Gathering fields on rank 0 and writing the model's product files. */
#include "config.h"

#include "stages/surge/output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/path.h"
#include "stages/common/contract.h"
#include "stages/common/nc.h"
#include "stages/common/prov.h"
#include "stages/surge/grid.h"
#include "stages/surge/output_impl.h"
#include "stages/surge/settings.h"
#include "stages/surge/stations.h"
#include "stages/surge/swe.h"

#include "engine/base/banned.h"

#define DATUM "mean sea level"
#define LEVEL_NAME "sea_surface_height_above_geoid"

static const struct fl_nc_def def_zeta_max = {
    .name = "zeta_max",
    .type = FL_NC_FLOAT,
    .dims = "lat lon",
    .units = "m",
    .standard_name = LEVEL_NAME,
    .long_name = "highest water level so far, of every time step",
    .cell_methods = "time: maximum",
    .datum = DATUM,
    .has_fill = true,
};
static const struct fl_nc_def def_depth = {
    .name = "depth",
    .type = FL_NC_FLOAT,
    .dims = "lat lon",
    .units = "m",
    .standard_name = "sea_floor_depth_below_geoid",
    .long_name = "depth of the sea floor",
    .positive = "down",
    .datum = DATUM,
    .has_fill = true,
};

int fl_output_create(const struct fl_output_setup *setup, int64_t first_minute,
                     struct fl_output **ret_output, struct fl_err *reterr)
{
    fl_auto(fl_output_destroy) struct fl_output *output = calloc(1, sizeof(*output));
    const struct fl_surge_grid *grid = setup->grid;
    size_t room = (grid->nlat + 1) * (grid->nlon + 1);
    int64_t minutes = setup->settings->leads.last.minutes - first_minute + 1;

    if (!output)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    output->setup = *setup;
    output->first_minute = first_minute;
    output->minute_count = minutes > 0 ? (size_t)minutes : 0;
    if (output->minute_count * setup->stations->count > FL_OUTPUT_SERIES_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0,
                          "%zu stations for %zu minutes: more than %zu values of series",
                          setup->stations->count, output->minute_count, FL_OUTPUT_SERIES_MAX);
    if (room < output->minute_count)
        room = output->minute_count; /* one series goes through the same buffer */
    output->full = calloc(room, sizeof(double));
    output->values = calloc(room, sizeof(float));
    output->mine = calloc((setup->swe->rows.count + 1) * (grid->nlon + 1), sizeof(double));
    output->series = calloc(output->minute_count * setup->stations->count + 1, sizeof(double));
    output->joined = calloc(output->minute_count * setup->stations->count + 1, sizeof(double));
    if (!output->full || !output->values || !output->mine || !output->series || !output->joined)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    *ret_output = FL_STEAL(output);
    return 0;
}

void fl_output_destroy(struct fl_output *output)
{
    if (!output)
        return;
    free(output->full);
    free(output->values);
    free(output->mine);
    free(output->series);
    free(output->joined);
    free(output);
}

void fl_output_record(struct fl_output *output, int64_t minute)
{
    const struct fl_stations *stations = output->setup.stations;
    const struct fl_swe *swe = output->setup.swe;
    size_t at = (size_t)(minute - output->first_minute) * stations->count;

    fl_assert(minute >= output->first_minute);
    fl_assert((size_t)(minute - output->first_minute) < output->minute_count);
    for (size_t k = 0; k < stations->count; k++) {
        size_t j = stations->list[k].j;

        if (j >= swe->rows.first && j < swe->rows.first + swe->rows.count)
            output->series[at + k] = swe->zeta[fl_swe_at(swe, (ptrdiff_t)(j - swe->rows.first),
                                                         (ptrdiff_t)stations->list[k].i)];
    }
}

int fl_output_join_series(struct fl_output *output, struct fl_err *reterr)
{
    const struct fl_mpi *mpi = &output->setup.swe->mpi;
    size_t count = output->minute_count * output->setup.stations->count;

    if (mpi->size == 1) {
        memcpy(output->joined, output->series, count * sizeof(double));
        return 0;
    }
    /* One rank has each value, the others 0: the sum is exact. */
    return fl_mpi_check(
        MPI_Reduce(output->series, output->joined, (int)count, MPI_DOUBLE, MPI_SUM, 0, mpi->comm),
        "join the stations' series", reterr);
}

int fl_output_gather(struct fl_output *output, const double *field, enum fl_output_point point,
                     struct fl_err *reterr)
{
    const struct fl_swe *swe = output->setup.swe;
    size_t nlon = swe->nlon;

    for (size_t j = 0; j < swe->rows.count; j++) {
        const double *row = field + fl_swe_at(swe, (ptrdiff_t)j, 0);
        double *out = output->mine + j * nlon;

        switch (point) {
        case FL_POINT_CENTRE:
        case FL_POINT_NORTH:
            memcpy(out, row, nlon * sizeof(double));
            break;
        case FL_POINT_U_TO_CENTRE:
            for (ptrdiff_t i = 0; i < (ptrdiff_t)nlon; i++)
                out[i] = 0.5 * (row[i - 1] + row[i]);
            break;
        case FL_POINT_V_TO_CENTRE:
            for (ptrdiff_t i = 0; i < (ptrdiff_t)nlon; i++)
                out[i] = 0.5 * (row[i - (ptrdiff_t)swe->stride] + row[i]);
            break;
        case FL_POINT_EAST:
            memcpy(output->mine + j * (nlon + 1), row - 1, (nlon + 1) * sizeof(double));
            break;
        }
    }
    return fl_mpi_gather_rows(&swe->mpi, swe->nlat, point == FL_POINT_EAST ? nlon + 1 : nlon,
                              output->mine, output->full, reterr);
}

int fl_output_path(const struct fl_output *output, const char *pattern, struct fl_lead lead,
                   char *path, size_t size, struct fl_err *reterr)
{
    const struct fl_surge_settings *settings = output->setup.settings;
    fl_auto(fl_buf_release) struct fl_buf name;
    int rc;

    fl_buf_init(&name, FL_PATH_MAX - 1);
    if (strcmp(settings->folder, ".") != 0)
        fl_buf_printf(&name, "%s/", settings->folder);
    rc = fl_surge_settings_name(settings, pattern, lead, &name, reterr);
    return rc == 0 ? fl_contract_place(output->setup.contract, name.data, path, size, reterr) : rc;
}

int fl_output_announce(struct fl_output *output, const char *key, const struct fl_lead *lead,
                       const char *path, struct fl_err *reterr)
{
    const struct fl_degraded *marks = NULL;
    size_t count = 0;
    int rc = fl_prov_marks(output->setup.prov, &marks, &count, reterr);

    return rc == 0 ? fl_contract_output_marked(output->setup.contract, key, lead, path, marks,
                                               count, reterr)
                   : rc;
}

/* Rank 0: the gathered field as floats with land as fill value. */
static int put_full(struct fl_output *output, struct fl_nc *nc, const char *name,
                    const double *full, struct fl_err *reterr)
{
    const struct fl_surge_grid *grid = output->setup.grid;

    for (size_t k = 0; k < grid->nlat * grid->nlon; k++)
        output->values[k] = grid->sea[k] ? (float)full[k] : (float)FL_NC_FILL;
    return fl_nc_put_float(nc, name, NULL, NULL, output->values, reterr);
}

/* All ranks: gathers a field; rank 0 (nc not NULL, rc so far) writes it. */
static int write_field(struct fl_output *output, struct fl_nc *nc, const char *name,
                       const double *field, enum fl_output_point point, int rc,
                       struct fl_err *reterr)
{
    struct fl_err gather_err = {0};
    int gather_rc = fl_output_gather(output, field, point, &gather_err);

    if (rc < 0)
        return rc;
    if (gather_rc < 0) {
        if (reterr)
            *reterr = gather_err;
        return gather_rc;
    }
    return nc ? put_full(output, nc, name, output->full, reterr) : 0;
}

static int define_places(struct fl_output *output, struct fl_nc *nc, const char *title,
                         struct fl_err *reterr)
{
    const struct fl_surge_grid *grid = output->setup.grid;
    const struct fl_surge_settings *settings = output->setup.settings;
    char units[64];
    const struct fl_nc_def when = {
        .name = "time_of_max",
        .type = FL_NC_FLOAT,
        .dims = "lat lon",
        .units = units,
        .long_name = "time of the highest water level so far",
        .calendar = "standard",
        .has_fill = true,
    };
    char reference[FL_TIME_TEXT_MAX];
    int rc = fl_nc_def_lat_lon(nc, grid->nlat, grid->nlon, reterr);

    fl_nc_time_text(settings->cycle, units, sizeof(units));
    fl_cycle_format_extended(settings->cycle, reference);
    if (rc == 0)
        rc = fl_nc_def_var(nc, &def_depth, reterr);
    if (rc == 0)
        rc = fl_nc_def_var(nc, &def_zeta_max, reterr);
    if (rc == 0)
        rc = fl_nc_def_var(nc, &when, reterr);
    if (rc == 0)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "forecast_reference_time", reference, reterr);
    return rc == 0 ? fl_prov_write(output->setup.prov, nc, title,
                                   "water levels by the shallow-"
                                   "water equations from wind and air pressure; no tide, no waves",
                                   reterr)
                   : rc;
}

static int put_places(struct fl_output *output, struct fl_nc *nc, struct fl_err *reterr)
{
    const struct fl_surge_grid *grid = output->setup.grid;
    int rc = fl_nc_put_double(nc, "lat", NULL, NULL, grid->lat, reterr);

    if (rc == 0)
        rc = fl_nc_put_double(nc, "lon", NULL, NULL, grid->lon, reterr);
    return rc == 0 ? put_full(output, nc, "depth", grid->depth, reterr) : rc;
}

/* Rank 0: makes an hour file with all but the fields. */
static int begin_hour(struct fl_output *output, struct fl_lead lead, const char *path,
                      struct fl_nc **ret_nc, struct fl_err *reterr)
{
    const struct fl_nc_def fields[] = {
        {.name = "zeta",
         .type = FL_NC_FLOAT,
         .dims = "time lat lon",
         .units = "m",
         .standard_name = LEVEL_NAME,
         .long_name = "water level",
         .datum = DATUM,
         .has_fill = true},
        {.name = "u",
         .type = FL_NC_FLOAT,
         .dims = "time lat lon",
         .units = "m s-1",
         .standard_name = "barotropic_eastward_sea_water_velocity",
         .long_name = "depth-averaged eastward current",
         .has_fill = true},
        {.name = "v",
         .type = FL_NC_FLOAT,
         .dims = "time lat lon",
         .units = "m s-1",
         .standard_name = "barotropic_northward_sea_water_velocity",
         .long_name = "depth-averaged northward current",
         .has_fill = true},
    };
    const struct fl_surge_settings *settings = output->setup.settings;
    double time_s = lead.minutes * 60.0;
    int rc = fl_nc_create(path, ret_nc, reterr);

    if (rc == 0)
        rc = fl_nc_def_time(*ret_nc, settings->cycle, 1, reterr);
    if (rc == 0)
        rc = define_places(output, *ret_nc, settings->title, reterr);
    for (size_t k = 0; rc == 0 && k < FL_COUNT(fields); k++)
        rc = fl_nc_def_var(*ret_nc, &fields[k], reterr);
    if (rc == 0)
        rc = fl_nc_end_define(*ret_nc, reterr);
    if (rc == 0)
        rc = fl_nc_put_double(*ret_nc, "time", NULL, NULL, &time_s, reterr);
    return rc == 0 ? put_places(output, *ret_nc, reterr) : rc;
}

/* Rank 0: highest and lowest of the gathered zeta. */
static void find_extremes(const struct fl_output *output, struct fl_output_extremes *extremes)
{
    const struct fl_surge_grid *grid = output->setup.grid;

    extremes->highest_m = -INFINITY;
    extremes->lowest_m = INFINITY;
    for (size_t k = 0; k < grid->nlat * grid->nlon; k++) {
        if (!grid->sea[k])
            continue;
        if (output->full[k] > extremes->highest_m) {
            extremes->highest_m = output->full[k];
            extremes->highest_lat = grid->lat[k / grid->nlon];
            extremes->highest_lon = grid->lon[k % grid->nlon];
        }
        extremes->lowest_m = fmin(extremes->lowest_m, output->full[k]);
    }
}

int fl_output_hour(struct fl_output *output, struct fl_lead lead,
                   struct fl_output_extremes *ret_extremes, struct fl_err *reterr)
{
    struct fl_swe *swe = output->setup.swe;
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    char path[FL_PATH_MAX];
    int rc = 0;

    if (swe->mpi.rank == 0) {
        rc = fl_output_path(output, output->setup.settings->name_hour, lead, path, sizeof(path),
                            reterr);
        if (rc == 0)
            rc = begin_hour(output, lead, path, &nc, reterr);
    }
    rc = write_field(output, nc, "zeta", swe->zeta, FL_POINT_CENTRE, rc, reterr);
    if (swe->mpi.rank == 0)
        find_extremes(output, ret_extremes);
    rc = write_field(output, nc, "u", swe->u, FL_POINT_U_TO_CENTRE, rc, reterr);
    rc = write_field(output, nc, "v", swe->v, FL_POINT_V_TO_CENTRE, rc, reterr);
    rc = write_field(output, nc, "zeta_max", swe->zeta_max, FL_POINT_CENTRE, rc, reterr);
    rc = write_field(output, nc, "time_of_max", swe->time_of_max, FL_POINT_CENTRE, rc, reterr);
    if (rc == 0 && nc)
        rc = fl_nc_settle(nc, reterr);
    if (rc == 0 && nc)
        rc = fl_output_announce(output, "hour", &lead, path, reterr);
    return fl_mpi_agree(&swe->mpi, rc, reterr);
}

static int write_max(struct fl_output *output, struct fl_lead lead, struct fl_err *reterr)
{
    struct fl_swe *swe = output->setup.swe;
    const struct fl_surge_settings *settings = output->setup.settings;
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    char path[FL_PATH_MAX];
    int rc = 0;

    if (swe->mpi.rank == 0) {
        rc = fl_output_path(output, settings->name_max, lead, path, sizeof(path), reterr);
        if (rc == 0)
            rc = fl_nc_create(path, &nc, reterr);
        if (rc == 0)
            rc = define_places(output, nc, settings->title, reterr);
        if (rc == 0)
            rc = fl_nc_end_define(nc, reterr);
        if (rc == 0)
            rc = put_places(output, nc, reterr);
    }
    rc = write_field(output, nc, "zeta_max", swe->zeta_max, FL_POINT_CENTRE, rc, reterr);
    rc = write_field(output, nc, "time_of_max", swe->time_of_max, FL_POINT_CENTRE, rc, reterr);
    if (rc == 0 && nc)
        rc = fl_nc_settle(nc, reterr);
    if (rc == 0 && nc)
        rc = fl_output_announce(output, "max", NULL, path, reterr);
    return fl_mpi_agree(&swe->mpi, rc, reterr);
}

int fl_output_final(struct fl_output *output, struct fl_lead lead, struct fl_err *reterr)
{
    const struct fl_mpi *mpi = &output->setup.swe->mpi;
    const struct fl_surge_settings *settings = output->setup.settings;
    int rc = settings->name_max ? write_max(output, lead, reterr) : 0;

    if (rc == 0 && settings->name_stations && output->setup.stations->count > 0) {
        rc = fl_output_join_series(output, reterr);
        if (rc == 0 && mpi->rank == 0)
            rc = fl_output_stations(output, lead, reterr);
        rc = fl_mpi_agree(mpi, rc, reterr);
    }
    return rc;
}
