/* Reading force files in order of their leads. */
#include "config.h"

#include "stages/surge/forcing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/log.h"
#include "engine/base/path.h"
#include "engine/world/world.h"
#include "stages/common/nc.h"
#include "stages/surge/grid.h"
#include "stages/surge/note.h"
#include "stages/surge/settings.h"
#include "stages/surge/swe.h"
#include "stages/surge/wait.h"

#include "engine/base/banned.h"

#define WIND_UNITS "m s-1|m/s|m s**-1"
#define WIND_LIMIT_M_S 150.0
#define MSL_LOWEST_PA 80000.0
#define MSL_HIGHEST_PA 112000.0
#define PLACE_TOLERANCE_DEG 1e-4

struct fl_forcing {
    struct fl_forcing_setup setup;
    size_t next_file; /* index into forcing_leads of the file to open next */
    char path[FL_PATH_MAX];
    struct fl_nc *nc; /* the open file; rank 0 only, like all that follows */
    double *times;    /* of the open file [s since cycle] */
    size_t time_count;
    size_t next_time;
    bool has_msl;
    char last_path[FL_PATH_MAX]; /* where the second time came from */
    double *full;                /* one field of the grid */
    /* All ranks: */
    double *mine;   /* own rows of a field, with the halo */
    double time[2]; /* of the two fields held [s since cycle] */
    int held;       /* 0, 1 or 2 */
};

int fl_forcing_create(const struct fl_forcing_setup *setup, double start_s,
                      struct fl_forcing **ret_forcing, struct fl_err *reterr)
{
    fl_auto(fl_forcing_destroy) struct fl_forcing *forcing = calloc(1, sizeof(*forcing));
    const struct fl_leads *leads = &setup->settings->forcing_leads;
    const struct fl_surge_grid *grid = setup->grid;
    size_t rows = setup->swe->rows.count + 2 * FL_SWE_HALO;

    if (!forcing)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    forcing->setup = *setup;
    forcing->full = malloc(grid->nlat * grid->nlon * sizeof(double));
    forcing->mine = malloc(rows * grid->nlon * sizeof(double));
    if (!forcing->full || !forcing->mine)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (leads->first.minutes * 60.0 > start_s)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "the forcing starts at %d min, after the run's start at %g min",
                          leads->first.minutes, start_s / 60.0);
    while (forcing->next_file + 1 < fl_leads_count(leads) &&
           fl_leads_at(leads, forcing->next_file + 1).minutes * 60.0 <= start_s)
        forcing->next_file++;
    *ret_forcing = FL_STEAL(forcing);
    return 0;
}

void fl_forcing_destroy(struct fl_forcing *forcing)
{
    if (!forcing)
        return;
    fl_nc_destroy(forcing->nc);
    free(forcing->times);
    free(forcing->full);
    free(forcing->mine);
    free(forcing);
}

static void say_waiting(const char *path, int64_t limit_s, void *arg)
{
    (void)arg;
    fl_log(FL_LOG_INFO, "forcing.wait", "file='%s' limit_s=%lld", path, (long long)limit_s);
}

/* lat or lon of the file against the grid's. */
static int check_axis(struct fl_forcing *forcing, const char *name, const double *axis,
                      size_t count, struct fl_err *reterr)
{
    double *found = forcing->full; /* nlat * nlon values, more than enough */
    int rc = fl_nc_want_dim(forcing->nc, name, count, reterr);

    if (rc == 0)
        rc = fl_nc_var(forcing->nc, name, name, NULL, NULL, reterr);
    if (rc == 0)
        rc = fl_nc_get_double(forcing->nc, name, NULL, NULL, found, reterr);
    for (size_t k = 0; rc == 0 && k < count; k++) {
        if (!(fabs(found[k] - axis[k]) <= PLACE_TOLERANCE_DEG))
            rc = fl_err_set(reterr, FL_E_MISMATCH, 0,
                            "'%s': %s[%zu] = %.6f, expected %.6f as in grid '%s'", forcing->path,
                            name, k, found[k], axis[k], forcing->setup.settings->grid);
    }
    return rc;
}

/* The file's times as seconds since our cycle; the last must be the file's own lead. */
static int read_times(struct fl_forcing *forcing, struct fl_lead lead, struct fl_err *reterr)
{
    struct fl_cycle epoch;
    struct fl_nc_var var;
    double step_s = 1.0;
    double last;
    char text[FL_TIME_TEXT_MAX];
    int rc = fl_nc_var(forcing->nc, "time", "time", NULL, &var, reterr);

    if (rc == 0)
        rc = fl_nc_time_units(forcing->nc, "time", &epoch, &step_s, reterr);
    if (rc < 0)
        return rc;
    if (var.shape[0] < 1 || var.shape[0] > FL_FORCING_TIMES_MAX)
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s': %zu times, expected 1 to %zu", forcing->path,
                          var.shape[0], FL_FORCING_TIMES_MAX);
    free(forcing->times);
    forcing->times = malloc(var.shape[0] * sizeof(double));
    if (!forcing->times)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = fl_nc_get_double(forcing->nc, "time", NULL, NULL, forcing->times, reterr);
    if (rc < 0)
        return rc;
    forcing->time_count = var.shape[0];
    forcing->next_time = 0;
    for (size_t k = 0; k < forcing->time_count; k++)
        forcing->times[k] =
            forcing->times[k] * step_s + (double)(epoch.s - forcing->setup.settings->cycle.s);
    last = forcing->times[forcing->time_count - 1];
    fl_lead_format(lead, text);
    if (!(fabs(last - lead.minutes * 60.0) < 0.5))
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s': the last time is %.0f s after the cycle, expected lead %s (%d s)",
                          forcing->path, last, text, lead.minutes * 60);
    return 0;
}

/* All ranks: until the next file is there. Each waits for itself, so that none spins in MPI while
 * the chain before the model needs the processors. */
static int await_next(struct fl_forcing *forcing, struct fl_err *reterr)
{
    const struct fl_surge_settings *settings = forcing->setup.settings;
    bool reader = forcing->setup.swe->mpi.rank == 0;
    fl_auto(fl_buf_release) struct fl_buf name;
    struct fl_lead lead;
    int rc;

    fl_buf_init(&name, FL_PATH_MAX - 1); /* before any return: it is released at each */
    if (forcing->next_file >= fl_leads_count(&settings->forcing_leads))
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "the forcing ends with '%s' at %.0f s after the cycle, before the run",
                          forcing->path, forcing->time[1]);
    lead = fl_leads_at(&settings->forcing_leads, forcing->next_file);
    rc = fl_surge_settings_name(settings, settings->forcing, lead, &name, reterr);
    if (rc < 0)
        return rc;
    memcpy(forcing->path, name.data, name.size + 1);
    return fl_surge_wait(fl_world_real(), forcing->path, settings->wait_s,
                         reader ? say_waiting : NULL, NULL, reterr);
}

/* Rank 0: opens and checks the file that is there now. */
static int open_next(struct fl_forcing *forcing, struct fl_err *reterr)
{
    const struct fl_surge_settings *settings = forcing->setup.settings;
    const struct fl_surge_grid *grid = forcing->setup.grid;
    struct fl_lead lead = fl_leads_at(&settings->forcing_leads, forcing->next_file);
    int rc;

    fl_nc_destroy(FL_STEAL(forcing->nc));
    rc = fl_nc_open(forcing->path, &forcing->nc, reterr);
    if (rc == 0)
        rc = read_times(forcing, lead, reterr);
    if (rc == 0)
        rc = check_axis(forcing, "lat", grid->lat, grid->nlat, reterr);
    if (rc == 0)
        rc = check_axis(forcing, "lon", grid->lon, grid->nlon, reterr);
    if (rc == 0)
        rc = fl_nc_var(forcing->nc, "u10", "time lat lon", WIND_UNITS, NULL, reterr);
    if (rc == 0)
        rc = fl_nc_var(forcing->nc, "v10", "time lat lon", WIND_UNITS, NULL, reterr);
    forcing->has_msl = rc == 0 && fl_nc_has_var(forcing->nc, "msl");
    if (forcing->has_msl)
        rc = fl_nc_var(forcing->nc, "msl", "time lat lon", "Pa", NULL, reterr);
    return rc == 0 ? fl_surge_note(forcing->setup.prov, forcing->setup.contract, forcing->path,
                                   forcing->nc, reterr)
                   : rc;
}

/* Rank 0: one field of the next time, checked. */
static int read_field(struct fl_forcing *forcing, const char *name, double low, double high,
                      struct fl_err *reterr)
{
    const struct fl_surge_grid *grid = forcing->setup.grid;
    const size_t start[] = {forcing->next_time, 0, 0};
    const size_t count[] = {1, grid->nlat, grid->nlon};
    double *full = forcing->full;
    char place[FL_PLACE_TEXT];
    int rc = fl_nc_get_double(forcing->nc, name, start, count, full, reterr);

    for (size_t k = 0; rc == 0 && k < grid->nlat * grid->nlon; k++) {
        if (full[k] >= low && full[k] <= high)
            continue;
        fl_surge_place(grid->lat[k / grid->nlon], grid->lon[k % grid->nlon], place);
        rc = fl_err_set(reterr, FL_E_DATA, 0,
                        "'%s': %s = %g at %s, %.0f s after the cycle; expected values from %g to "
                        "%g, none missing",
                        forcing->path, name, full[k], place, forcing->times[forcing->next_time],
                        low, high);
    }
    return rc;
}

/* All ranks: rank 0's full field into the second of the two held. */
static int spread_field(struct fl_forcing *forcing, int rc, double *field, struct fl_err *reterr)
{
    struct fl_swe *swe = forcing->setup.swe;
    size_t before = 0;
    size_t nlon = swe->nlon;

    rc = fl_mpi_agree(&swe->mpi, rc, reterr);
    if (rc == 0)
        rc = fl_mpi_agree(&swe->mpi,
                          fl_mpi_scatter_rows(&swe->mpi, swe->nlat, nlon, FL_SWE_HALO,
                                              forcing->full, forcing->mine, &before, reterr),
                          reterr);
    if (rc < 0)
        return rc;
    for (ptrdiff_t j = -(ptrdiff_t)before; j < (ptrdiff_t)swe->rows.count + FL_SWE_HALO; j++) {
        if ((ptrdiff_t)swe->rows.first + j >= (ptrdiff_t)swe->nlat)
            break;
        memcpy(field + fl_swe_at(swe, j, 0), forcing->mine + (size_t)(j + (ptrdiff_t)before) * nlon,
               nlon * sizeof(double));
    }
    return 0;
}

static void swap(double **pair)
{
    double *first = pair[0];

    pair[0] = pair[1];
    pair[1] = first;
}

/* Rank 0: a gap in time before the next field stops the run. */
static int check_gap(const struct fl_forcing *forcing, struct fl_err *reterr)
{
    double gap_max_s = (double)forcing->setup.settings->gap_s;
    double gap_s;

    if (forcing->held == 0)
        return 0;
    gap_s = forcing->times[forcing->next_time] - forcing->time[1];
    if (!(gap_s > 0.0 && gap_s <= gap_max_s))
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "forcing fields are %.0f s apart, at most %.0f s is accepted: %.0f s "
                          "after the cycle in '%s', then %.0f s in '%s'",
                          gap_s, gap_max_s, forcing->time[1], forcing->last_path,
                          forcing->times[forcing->next_time], forcing->path);
    return 0;
}

/* All ranks: rank 0 has a next field, of the open file or of the next one. */
static int find_next(struct fl_forcing *forcing, struct fl_err *reterr)
{
    const struct fl_mpi *mpi = &forcing->setup.swe->mpi;
    bool reader = mpi->rank == 0;
    bool needs_file = reader && (!forcing->nc || forcing->next_time >= forcing->time_count);
    int rc = fl_mpi_share(mpi, &needs_file, sizeof(needs_file), reterr);

    if (rc == 0 && needs_file)
        rc = fl_mpi_agree(mpi, await_next(forcing, reterr), reterr);
    if (rc < 0)
        return rc;
    if (reader && needs_file)
        rc = open_next(forcing, reterr);
    if (needs_file)
        forcing->next_file++;
    if (reader && rc == 0)
        rc = check_gap(forcing, reterr);
    return fl_mpi_agree(mpi, rc, reterr);
}

/* The second field becomes the first, and the next one is read. */
static int advance(struct fl_forcing *forcing, struct fl_err *reterr)
{
    struct fl_swe *swe = forcing->setup.swe;
    bool reader = swe->mpi.rank == 0;
    double told[2] = {0.0, 0.0};
    int rc = find_next(forcing, reterr);

    if (rc < 0)
        return rc;
    if (reader) {
        told[0] = forcing->times[forcing->next_time];
        told[1] = forcing->has_msl ? 1.0 : 0.0;
    }
    rc = fl_mpi_share(&swe->mpi, told, sizeof(told), reterr);
    if (rc < 0)
        return rc;
    swap(swe->wind_u);
    swap(swe->wind_v);
    swap(swe->msl);
    if (reader)
        rc = read_field(forcing, "u10", -WIND_LIMIT_M_S, WIND_LIMIT_M_S, reterr);
    rc = spread_field(forcing, rc, swe->wind_u[1], reterr);
    if (rc < 0)
        return rc;
    if (reader)
        rc = read_field(forcing, "v10", -WIND_LIMIT_M_S, WIND_LIMIT_M_S, reterr);
    rc = spread_field(forcing, rc, swe->wind_v[1], reterr);
    if (rc < 0)
        return rc;
    if (reader && told[1] > 0.0)
        rc = read_field(forcing, "msl", MSL_LOWEST_PA, MSL_HIGHEST_PA, reterr);
    for (size_t k = 0; reader && !(told[1] > 0.0) && k < swe->nlat * swe->nlon; k++)
        forcing->full[k] = swe->physics.p_env_pa;
    rc = spread_field(forcing, rc, swe->msl[1], reterr);
    if (rc < 0)
        return rc;
    forcing->time[0] = forcing->time[1];
    forcing->time[1] = told[0];
    forcing->held += forcing->held < 2 ? 1 : 0;
    if (reader) {
        memcpy(forcing->last_path, forcing->path, sizeof(forcing->last_path));
        forcing->next_time++;
    }
    return 0;
}

int fl_forcing_reach(struct fl_forcing *forcing, double time_s, double *ret_weight,
                     struct fl_err *reterr)
{
    while (forcing->held < 2 || forcing->time[1] < time_s) {
        int rc = advance(forcing, reterr);

        if (rc < 0)
            return rc;
    }
    if (forcing->time[0] > time_s)
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "the forcing starts %.0f s after the cycle, the run needs %.0f s",
                          forcing->time[0], time_s);
    *ret_weight = (time_s - forcing->time[0]) / (forcing->time[1] - forcing->time[0]);
    return 0;
}
