/* Restart files: the whole state in double, from which a run goes on bit for bit. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/path.h"
#include "stages/common/nc.h"
#include "stages/common/prov.h"
#include "stages/surge/grid.h"
#include "stages/surge/note.h"
#include "stages/surge/output_impl.h"
#include "stages/surge/settings.h"
#include "stages/surge/stations.h"
#include "stages/surge/swe.h"

#include "engine/base/banned.h"

static int define_state(struct fl_output *output, struct fl_nc *nc, struct fl_err *reterr)
{
    const struct fl_surge_grid *grid = output->setup.grid;
    const struct fl_surge_settings *settings = output->setup.settings;
    char units[64];
    const struct fl_nc_def defs[] = {
        {.name = "time",
         .type = FL_NC_DOUBLE,
         .units = units,
         .standard_name = "time",
         .long_name = "time of the state",
         .calendar = "standard"},
        {.name = "cold_start",
         .type = FL_NC_DOUBLE,
         .units = units,
         .long_name = "start from rest: the ramp counts from here",
         .calendar = "standard"},
        {.name = "zeta", .type = FL_NC_DOUBLE, .dims = "lat lon", .units = "m", .exact = true},
        {.name = "u",
         .type = FL_NC_DOUBLE,
         .dims = "lat lon_face",
         .units = "m s-1",
         .exact = true},
        {.name = "v",
         .type = FL_NC_DOUBLE,
         .dims = "lat_face lon",
         .units = "m s-1",
         .exact = true},
        {.name = "zeta_max", .type = FL_NC_DOUBLE, .dims = "lat lon", .units = "m", .exact = true},
        {.name = "time_of_max",
         .type = FL_NC_DOUBLE,
         .dims = "lat lon",
         .units = units,
         .calendar = "standard",
         .exact = true},
        {.name = "station_name", .type = FL_NC_TEXT, .dims = "station name_length", .exact = true},
        {.name = "series",
         .type = FL_NC_DOUBLE,
         .dims = "minute station",
         .units = "m",
         .long_name = "water level at the stations, each minute so far",
         .exact = true},
        {.name = "series_start", .type = FL_NC_DOUBLE, .units = units, .calendar = "standard"},
    };
    size_t with_series = output->setup.stations->count ? 0 : 3;
    int rc = fl_nc_def_lat_lon(nc, grid->nlat, grid->nlon, reterr);

    fl_nc_time_text(settings->cycle, units, sizeof(units));
    if (rc == 0)
        rc = fl_nc_def_dim(nc, "lat_face", grid->nlat + 1, reterr);
    if (rc == 0)
        rc = fl_nc_def_dim(nc, "lon_face", grid->nlon + 1, reterr);
    if (rc == 0 && with_series == 0) {
        rc = fl_nc_def_dim(nc, "station", output->setup.stations->count, reterr);
        if (rc == 0)
            rc = fl_nc_def_dim(nc, "name_length", FL_STATION_TEXT, reterr);
        if (rc == 0)
            rc = fl_nc_def_dim(nc, "minute", output->state_minutes, reterr);
    }
    for (size_t k = 0; rc == 0 && k < FL_COUNT(defs) - with_series; k++)
        rc = fl_nc_def_var(nc, &defs[k], reterr);
    if (rc == 0)
        rc = fl_prov_write(output->setup.prov, nc, settings->title, "state of the model", reterr);
    return rc == 0 ? fl_nc_end_define(nc, reterr) : rc;
}

/* Rank 0: all but the fields. */
static int put_rest(struct fl_output *output, struct fl_nc *nc, double time_s, double cold_start_s,
                    struct fl_err *reterr)
{
    const struct fl_surge_grid *grid = output->setup.grid;
    const struct fl_stations *stations = output->setup.stations;
    double start_s = 60.0 * (double)output->first_minute;
    int rc = fl_nc_put_double(nc, "lat", NULL, NULL, grid->lat, reterr);

    if (rc == 0)
        rc = fl_nc_put_double(nc, "lon", NULL, NULL, grid->lon, reterr);
    if (rc == 0)
        rc = fl_nc_put_double(nc, "time", NULL, NULL, &time_s, reterr);
    if (rc == 0)
        rc = fl_nc_put_double(nc, "cold_start", NULL, NULL, &cold_start_s, reterr);
    if (rc < 0 || stations->count == 0)
        return rc;
    rc = fl_nc_put_double(nc, "series_start", NULL, NULL, &start_s, reterr);
    if (rc == 0)
        rc = fl_nc_put_double(nc, "series", NULL, NULL, output->joined, reterr);
    for (size_t k = 0; rc == 0 && k < stations->count; k++) {
        const size_t at[] = {k, 0};
        const size_t count[] = {1, FL_STATION_TEXT};

        rc = fl_nc_put_text(nc, "station_name", at, count, stations->list[k].name, reterr);
    }
    return rc;
}

/* All ranks: one field of the state. */
static int put_field(struct fl_output *output, struct fl_nc *nc, const char *name,
                     const double *field, enum fl_output_point point, int rc, struct fl_err *reterr)
{
    const struct fl_swe *swe = output->setup.swe;
    const size_t start[] = {point == FL_POINT_NORTH ? 1 : 0, 0};
    const size_t count[] = {swe->nlat, swe->nlon + (point == FL_POINT_EAST ? 1 : 0)};
    struct fl_err gather_err = {0};
    int gather_rc = fl_output_gather(output, field, point, &gather_err);

    if (rc == 0 && gather_rc < 0) {
        *reterr = gather_err;
        rc = gather_rc;
    }
    return rc == 0 && nc ? fl_nc_put_double(nc, name, start, count, output->full, reterr) : rc;
}

int fl_output_restart(struct fl_output *output, struct fl_lead lead, double cold_start_s,
                      struct fl_err *reterr)
{
    struct fl_swe *swe = output->setup.swe;
    const struct fl_surge_settings *settings = output->setup.settings;
    const size_t south[] = {0, 0};
    const size_t edge[] = {1, swe->nlon};
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    char path[FL_PATH_MAX];
    int rc = fl_mpi_agree(&swe->mpi, fl_output_join_series(output, reterr), reterr);

    if (rc < 0)
        return rc;
    if (swe->mpi.rank == 0) {
        output->state_minutes = (size_t)(lead.minutes - output->first_minute) + 1;
        rc = fl_output_path(output, settings->name_restart, lead, path, sizeof(path), reterr);
        if (rc == 0)
            rc = fl_nc_create(path, &nc, reterr);
        if (rc == 0)
            rc = define_state(output, nc, reterr);
        if (rc == 0)
            rc = put_rest(output, nc, lead.minutes * 60.0, cold_start_s, reterr);
        if (rc == 0)
            rc = fl_nc_put_double(nc, "v", south, edge, swe->v + fl_swe_at(swe, -1, 0), reterr);
    }
    rc = put_field(output, nc, "zeta", swe->zeta, FL_POINT_CENTRE, rc, reterr);
    rc = put_field(output, nc, "u", swe->u, FL_POINT_EAST, rc, reterr);
    rc = put_field(output, nc, "v", swe->v, FL_POINT_NORTH, rc, reterr);
    rc = put_field(output, nc, "zeta_max", swe->zeta_max, FL_POINT_CENTRE, rc, reterr);
    rc = put_field(output, nc, "time_of_max", swe->time_of_max, FL_POINT_CENTRE, rc, reterr);
    if (rc == 0 && nc)
        rc = fl_nc_settle(nc, reterr);
    if (rc == 0 && nc)
        rc = fl_output_announce(output, "restart", &lead, path, reterr);
    return fl_mpi_agree(&swe->mpi, rc, reterr);
}

/* Rank 0: a time of the file as seconds after our cycle. */
static int get_time(const struct fl_nc *nc, const char *name, struct fl_cycle cycle,
                    double *ret_time_s, bool *ret_same, struct fl_err *reterr)
{
    struct fl_cycle epoch = {0};
    double step_s = 1.0;
    int rc = fl_nc_var(nc, name, "", NULL, NULL, reterr);

    if (rc == 0)
        rc = fl_nc_time_units(nc, name, &epoch, &step_s, reterr);
    if (rc == 0)
        rc = fl_nc_get_double(nc, name, NULL, NULL, ret_time_s, reterr);
    if (rc < 0)
        return rc;
    *ret_time_s = *ret_time_s * step_s + (double)(epoch.s - cycle.s);
    *ret_same = epoch.s == cycle.s;
    return 0;
}

/* Rank 0: whether the file's series are of our stations, and where they start. */
static int look_at_series(const struct fl_nc *nc, const struct fl_output_setup *setup,
                          struct fl_restart *restart, struct fl_err *reterr)
{
    const struct fl_stations *stations = setup->stations;
    size_t count = 0;
    double start_s = 0.0;
    bool same;

    if (!restart->same_cycle || stations->count == 0 || !fl_nc_has_var(nc, "series") ||
        fl_nc_dim(nc, "station", &count, reterr) < 0 || count != stations->count)
        return 0; /* the series start anew */
    for (size_t k = 0; k < count; k++) {
        const size_t at[] = {k, 0};
        const size_t size[] = {1, FL_STATION_TEXT};
        char name[FL_STATION_TEXT] = "";
        int rc = fl_nc_get_text(nc, "station_name", at, size, name, reterr);

        if (rc < 0)
            return rc;
        if (memcmp(name, stations->list[k].name, FL_STATION_TEXT) != 0)
            return 0;
    }
    restart->has_series = true;
    if (get_time(nc, "series_start", setup->settings->cycle, &start_s, &same, reterr) < 0)
        return FL_E_MISMATCH;
    restart->first_minute = (int64_t)llround(start_s / 60.0);
    return fl_nc_want_dim(nc, "minute", (size_t)(restart->minute - restart->first_minute + 1),
                          reterr);
}

/* Rank 0: opens and checks the file, and finds where it stands. */
static int open_state(const struct fl_output_setup *setup, struct fl_nc **ret_nc,
                      struct fl_restart *restart, struct fl_err *reterr)
{
    const struct fl_surge_settings *settings = setup->settings;
    double time_s = 0.0;
    bool same = false;
    int rc = fl_nc_open(settings->restart, ret_nc, reterr);

    if (rc == 0)
        rc = fl_nc_want_dim(*ret_nc, "lat", setup->grid->nlat, reterr);
    if (rc == 0)
        rc = fl_nc_want_dim(*ret_nc, "lon", setup->grid->nlon, reterr);
    if (rc == 0)
        rc = get_time(*ret_nc, "time", settings->cycle, &time_s, &restart->same_cycle, reterr);
    if (rc == 0)
        rc =
            get_time(*ret_nc, "cold_start", settings->cycle, &restart->cold_start_s, &same, reterr);
    if (rc < 0)
        return rc;
    restart->minute = (int64_t)llround(time_s / 60.0);
    restart->first_minute = restart->minute;
    if (fabs(time_s - 60.0 * (double)restart->minute) > 1e-6 || restart->minute < 0 ||
        restart->minute >= settings->leads.last.minutes)
        return fl_err_set(
            reterr, FL_E_MISMATCH, 0,
            "'%s': its time is %.0f s after the cycle; expected a whole minute from 0 "
            "to before %d s, the run's end",
            settings->restart, time_s, settings->leads.last.minutes * 60);
    rc = look_at_series(*ret_nc, setup, restart, reterr);
    return rc == 0 ? fl_surge_note(setup->prov, setup->contract, settings->restart, *ret_nc, reterr)
                   : rc;
}

/* All ranks: one field of the file into the model's own rows. */
static int get_field(const struct fl_output_setup *setup, const struct fl_nc *nc, const char *name,
                     enum fl_output_point point, double *full, double *mine, double *field,
                     struct fl_err *reterr)
{
    struct fl_swe *swe = setup->swe;
    size_t first = point == FL_POINT_NORTH ? 1 : 0;
    size_t width = swe->nlon + (point == FL_POINT_EAST ? 1 : 0);
    size_t before = 0;
    int rc = 0;

    if (swe->mpi.rank == 0) {
        rc = fl_nc_var(nc, name,
                       point == FL_POINT_NORTH  ? "lat_face lon"
                       : point == FL_POINT_EAST ? "lat lon_face"
                                                : "lat lon",
                       NULL, NULL, reterr);
        if (rc == 0)
            rc = fl_nc_get_double(nc, name, NULL, NULL, full, reterr);
    }
    rc = fl_mpi_agree(&swe->mpi, rc, reterr);
    if (rc == 0)
        rc = fl_mpi_agree(&swe->mpi,
                          fl_mpi_scatter_rows(&swe->mpi, swe->nlat, width, 0, full + first * width,
                                              mine, &before, reterr),
                          reterr);
    if (rc < 0)
        return rc;
    for (size_t j = 0; j < swe->rows.count; j++)
        memcpy(field + fl_swe_at(swe, (ptrdiff_t)j, point == FL_POINT_EAST ? -1 : 0),
               mine + j * width, width * sizeof(double));
    if (first && swe->mpi.rank == 0)
        memcpy(field + fl_swe_at(swe, -1, 0), full, width * sizeof(double));
    return 0;
}

static int get_state(const struct fl_output_setup *setup, const struct fl_nc *nc, double *full,
                     double *mine, bool with_maxima, struct fl_err *reterr)
{
    struct fl_swe *swe = setup->swe;
    const struct {
        const char *name;
        enum fl_output_point point;
        double *field;
    } fields[] = {
        {"zeta", FL_POINT_CENTRE, swe->zeta},
        {"u", FL_POINT_EAST, swe->u},
        {"v", FL_POINT_NORTH, swe->v},
        {"zeta_max", FL_POINT_CENTRE, swe->zeta_max},
        {"time_of_max", FL_POINT_CENTRE, swe->time_of_max},
    };
    int rc = 0;

    for (size_t k = 0; rc == 0 && k < FL_COUNT(fields) - (with_maxima ? 0 : 2); k++)
        rc = get_field(setup, nc, fields[k].name, fields[k].point, full, mine, fields[k].field,
                       reterr);
    return rc;
}

int fl_restart_read(const struct fl_output_setup *setup, struct fl_restart *ret_restart,
                    struct fl_err *reterr)
{
    struct fl_swe *swe = setup->swe;
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    struct fl_restart restart = {0};
    size_t room = (swe->nlat + 1) * (swe->nlon + 1);
    double *full = malloc(room * sizeof(double));
    double *mine = malloc(room * sizeof(double));
    int rc = full && mine ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0 && swe->mpi.rank == 0)
        rc = open_state(setup, &nc, &restart, reterr);
    rc = fl_mpi_agree(&swe->mpi, rc, reterr);
    if (rc == 0)
        rc = fl_mpi_share(&swe->mpi, &restart, sizeof(restart), reterr);
    if (rc == 0)
        rc = get_state(setup, nc, full, mine, restart.same_cycle, reterr);
    if (rc == 0 && !restart.same_cycle)
        fl_swe_start_maxima(swe, 60.0 * (double)restart.minute);
    free(full);
    free(mine);
    if (rc == 0)
        *ret_restart = restart;
    return rc;
}

int fl_output_resume(struct fl_output *output, const struct fl_restart *restart,
                     struct fl_err *reterr)
{
    const struct fl_mpi *mpi = &output->setup.swe->mpi;
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    int rc = 0;

    /* On rank 0 alone: joining adds the other ranks' zeros. */
    if (mpi->rank == 0 && restart->has_series) {
        rc = fl_nc_open(output->setup.settings->restart, &nc, reterr);
        if (rc == 0)
            rc = fl_nc_get_double(nc, "series", NULL, NULL, output->series, reterr);
    }
    return fl_mpi_agree(mpi, rc, reterr);
}
