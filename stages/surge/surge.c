/* The run: set up, step, output. */
#include "config.h"

#include "stages/surge/surge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "stages/common/contract.h"
#include "stages/common/nc.h"
#include "stages/common/prov.h"
#include "stages/surge/forcing.h"
#include "stages/surge/grid.h"
#include "stages/surge/note.h"
#include "stages/surge/output.h"
#include "stages/surge/settings.h"
#include "stages/surge/stations.h"
#include "stages/surge/swe.h"

#include "engine/base/banned.h"

/* All that a run holds. */
struct run {
    const struct fl_surge_settings *settings;
    struct fl_mpi mpi;
    struct fl_contract *contract; /* rank 0 speaks; NULL elsewhere */
    struct fl_prov *prov;
    struct fl_surge_grid grid;
    struct fl_stations stations;
    struct fl_swe *swe;
    struct fl_forcing *forcing;
    struct fl_output *output;
    int64_t start_minute;
    double cold_start_s;
    bool is_continued;     /* from a restart of this very cycle */
    bool has_series_start; /* the restart holds this minute's levels at the stations */
};

static void run_release(struct run *run)
{
    fl_output_destroy(run->output);
    fl_forcing_destroy(run->forcing);
    fl_swe_destroy(run->swe);
    fl_stations_release(&run->stations);
    fl_surge_grid_release(&run->grid);
    fl_prov_destroy(run->prov);
    fl_contract_close(run->contract);
}
FL_DEFINE_AUTO_VALUE(struct run, run_release)

/* Rank 0: the files that are there at the start. */
static int read_inputs(struct run *run, const char *settings_path, struct fl_err *reterr)
{
    const struct fl_surge_settings *s = run->settings;
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    int rc = fl_contract_open(&run->contract, reterr);

    if (rc == 0)
        rc = fl_prov_create(PACKAGE_NAME "-surge " PACKAGE_VERSION, &run->prov, reterr);
    if (rc == 0)
        rc = fl_nc_open(s->grid, &nc, reterr);
    if (rc == 0)
        rc = fl_surge_grid_read(nc, s->physics.film_m, &run->grid, reterr);
    if (rc == 0 && s->stations)
        rc = fl_stations_read(s->stations, &run->grid, s->within_km, &run->stations, reterr);
    if (rc == 0)
        rc = fl_surge_note(run->prov, run->contract, settings_path, NULL, reterr);
    if (rc == 0)
        rc = fl_surge_note(run->prov, run->contract, s->grid, nc, reterr);
    if (rc == 0 && s->stations)
        rc = fl_surge_note(run->prov, run->contract, s->stations, NULL, reterr);
    return rc;
}

/* The grid and the stations' cells from rank 0 to all. */
static int share_inputs(struct run *run, struct fl_err *reterr)
{
    struct fl_surge_grid *grid = &run->grid;
    size_t sizes[3] = {grid->nlat, grid->nlon, run->stations.count};
    size_t cells;
    bool is_reader = run->mpi.rank == 0;
    int rc = fl_mpi_share(&run->mpi, sizes, sizeof(sizes), reterr);

    if (rc < 0)
        return rc;
    if (!is_reader)
        rc = fl_surge_grid_init(grid, sizes[0], sizes[1], reterr);
    if (!is_reader && rc == 0)
        rc = fl_stations_init(&run->stations, sizes[2], reterr);
    rc = fl_mpi_agree(&run->mpi, rc, reterr);
    if (rc < 0)
        return rc;
    cells = sizes[0] * sizes[1];
    rc = fl_mpi_share(&run->mpi, grid->lat, sizes[0] * sizeof(double), reterr);
    if (rc == 0)
        rc = fl_mpi_share(&run->mpi, grid->lon, sizes[1] * sizeof(double), reterr);
    if (rc == 0)
        rc = fl_mpi_share(&run->mpi, grid->depth, cells * sizeof(double), reterr);
    if (rc == 0)
        rc = fl_mpi_share(&run->mpi, grid->sea, cells, reterr);
    if (rc == 0)
        rc = fl_mpi_share(&run->mpi, run->stations.list, sizes[2] * sizeof(struct fl_station),
                          reterr);
    return rc;
}

/* From rest at the first lead, or from a restart file. */
static int start_state(struct run *run, const struct fl_output_setup *setup, struct fl_err *reterr)
{
    const struct fl_surge_settings *s = run->settings;
    struct fl_restart restart = {0};
    int64_t series_minute = s->leads.first.minutes;
    int rc = 0;

    run->start_minute = s->leads.first.minutes;
    run->cold_start_s = 60.0 * (double)run->start_minute;
    if (s->restart) {
        rc = fl_restart_read(setup, &restart, reterr);
        run->start_minute = restart.minute;
        run->cold_start_s = restart.cold_start_s;
        run->is_continued = restart.same_cycle;
        run->has_series_start = restart.has_series;
        series_minute = restart.first_minute;
    } else {
        fl_swe_start_maxima(run->swe, run->cold_start_s);
    }
    if (rc == 0)
        rc = fl_mpi_agree(&run->mpi, fl_output_create(setup, series_minute, &run->output, reterr),
                          reterr);
    if (rc == 0 && s->restart)
        rc = fl_output_resume(run->output, &restart, reterr);
    return rc;
}

static int set_up(struct run *run, const char *settings_path, struct fl_err *reterr)
{
    struct fl_forcing_setup forcing;
    struct fl_output_setup output;
    int rc = run->mpi.rank == 0 ? read_inputs(run, settings_path, reterr) : 0;

    rc = fl_mpi_agree(&run->mpi, rc, reterr);
    if (rc == 0)
        rc = share_inputs(run, reterr);
    if (rc == 0)
        rc = fl_mpi_agree(
            &run->mpi,
            fl_swe_create(&run->grid, &run->settings->physics, &run->mpi, &run->swe, reterr),
            reterr);
    if (rc < 0)
        return rc;
    output = (struct fl_output_setup){.settings = run->settings,
                                      .grid = &run->grid,
                                      .stations = &run->stations,
                                      .contract = run->contract,
                                      .prov = run->prov,
                                      .swe = run->swe};
    rc = start_state(run, &output, reterr);
    if (rc < 0)
        return rc;
    forcing = (struct fl_forcing_setup){.settings = run->settings,
                                        .grid = &run->grid,
                                        .contract = run->contract,
                                        .prov = run->prov,
                                        .swe = run->swe};
    return fl_mpi_agree(
        &run->mpi,
        fl_forcing_create(&forcing, 60.0 * (double)run->start_minute, &run->forcing, reterr),
        reterr);
}

static void say_start(const struct run *run)
{
    const struct fl_surge_grid *grid = &run->grid;
    char cycle[FL_TIME_TEXT_MAX];
    char lead[FL_TIME_TEXT_MAX];
    char place[FL_PLACE_TEXT];
    size_t cells = 0;

    for (size_t k = 0; k < grid->nlat * grid->nlon; k++)
        cells += grid->sea[k] ? 1 : 0;
    fl_cycle_format(run->settings->cycle, cycle);
    fl_lead_format((struct fl_lead){.minutes = (int32_t)run->start_minute}, lead);
    (void)printf("surge: %zu x %zu cells, %zu of them sea; time step %.6g s (%lld a minute); %d "
                 "rank%s\n",
                 grid->nlon, grid->nlat, cells, run->swe->dt_s, (long long)run->swe->steps_a_minute,
                 run->mpi.size, run->mpi.size > 1 ? "s" : "");
    (void)printf("surge: cycle %s from %s, %s\n", cycle, lead,
                 run->settings->restart ? run->settings->restart : "at rest");
    for (size_t k = 0; k < run->stations.count; k++) {
        const struct fl_station *station = &run->stations.list[k];

        fl_surge_place(station->lat, station->lon, place);
        (void)printf("surge: station %s: cell %s, %.1f km off\n", station->name, place,
                     station->km);
    }
    (void)fflush(stdout);
}

/* Output, restart and word of a minute that is a declared lead. */
static int write_lead(struct run *run, struct fl_lead lead, struct fl_err *reterr)
{
    const struct fl_surge_settings *s = run->settings;
    bool is_start = lead.minutes == run->start_minute;
    bool is_hour = fl_leads_find(&s->leads, lead) >= 0 && !(is_start && run->is_continued);
    bool is_restart =
        s->name_restart && s->restart_every_s > 0 && !is_start &&
        (lead.minutes - s->leads.first.minutes) * (int64_t)60 % s->restart_every_s == 0;
    struct fl_output_extremes extremes = {0};
    char text[FL_TIME_TEXT_MAX];
    char place[FL_PLACE_TEXT];
    int rc = 0;

    if (is_hour)
        rc = fl_output_hour(run->output, lead, &extremes, reterr);
    if (rc == 0 && is_restart)
        rc = fl_output_restart(run->output, lead, run->cold_start_s, reterr);
    if (rc == 0 && is_hour && run->mpi.rank == 0) {
        fl_lead_format(lead, text);
        fl_surge_place(extremes.highest_lat, extremes.highest_lon, place);
        (void)printf("surge: %s highest %.3f m at %s, lowest %.3f m\n", text, extremes.highest_m,
                     place, extremes.lowest_m);
        (void)fflush(stdout);
        rc = fl_contract_progress(run->contract, lead, reterr);
    }
    return is_hour ? fl_mpi_agree(&run->mpi, rc, reterr) : rc;
}

static double ramp_at(const struct run *run, double time_s)
{
    double ramp_s = (double)run->settings->ramp_s;
    double passed = time_s - run->cold_start_s;

    if (passed >= ramp_s)
        return 1.0;
    return passed > 0.0 ? 0.5 * (1.0 - cos(M_PI * passed / ramp_s)) : 0.0;
}

/* The steps of one minute. Times come from whole numbers, never from sums: a continued run has the
 * same bits. */
static int run_minute(struct run *run, int64_t minute, struct fl_err *reterr)
{
    struct fl_swe *swe = run->swe;
    int64_t steps = swe->steps_a_minute;
    int rc = fl_swe_exchange(swe, reterr);

    if (rc == 0)
        fl_swe_bottom(swe);
    for (int64_t step = 0; rc == 0 && step < steps; step++) {
        double middle_s = 60.0 * ((double)(minute * steps + step) + 0.5) / (double)steps;
        double end_s = 60.0 * (double)(minute * steps + step + 1) / (double)steps;
        double weight = 0.0;

        rc = fl_forcing_reach(run->forcing, middle_s, &weight, reterr);
        if (rc < 0)
            return rc;
        fl_swe_air(swe, weight, ramp_at(run, middle_s));
        rc = fl_swe_step(swe, end_s, reterr);
    }
    return rc;
}

/* Puts the time before a message about the water. */
static int note_time(int rc, int64_t minute, struct fl_err *reterr)
{
    char lead[FL_TIME_TEXT_MAX];

    fl_lead_format((struct fl_lead){.minutes = (int32_t)minute}, lead);
    return rc < 0 ? fl_err_note(reterr, rc, "at %s", lead) : 0;
}

static int run_all(struct run *run, struct fl_err *reterr)
{
    int64_t end = run->settings->leads.last.minutes;
    int rc = 0;

    if (!run->has_series_start)
        fl_output_record(run->output, run->start_minute);
    rc = fl_swe_exchange(run->swe, reterr);
    if (rc == 0)
        rc = write_lead(run, (struct fl_lead){.minutes = (int32_t)run->start_minute}, reterr);
    for (int64_t minute = run->start_minute; rc == 0 && minute < end; minute++) {
        rc = run_minute(run, minute, reterr);
        if (rc == 0)
            rc = note_time(fl_swe_sane(run->swe, &run->grid, reterr), minute + 1, reterr);
        rc = fl_mpi_agree(&run->mpi, rc, reterr);
        if (rc < 0)
            return rc;
        rc = fl_swe_exchange(run->swe, reterr);
        fl_output_record(run->output, minute + 1);
        if (rc == 0)
            rc = write_lead(run, (struct fl_lead){.minutes = (int32_t)(minute + 1)}, reterr);
    }
    if (rc == 0)
        rc = fl_output_final(run->output, run->settings->leads.last, reterr);
    return rc;
}

int fl_surge_run(const struct fl_surge_settings *settings, const char *settings_path,
                 const struct fl_mpi *mpi, struct fl_err *reterr)
{
    fl_auto(run_release) struct run run = {.settings = settings, .mpi = *mpi};
    int rc = set_up(&run, settings_path, reterr);

    if (rc < 0)
        return rc;
    if (mpi->rank == 0)
        say_start(&run);
    rc = run_all(&run, reterr);
    if (rc == 0 && mpi->rank == 0) {
        if (fl_prov_is_degraded(run.prov))
            (void)printf("surge: warning: degraded: %s\n", fl_prov_degraded_text(run.prov));
        (void)printf("surge: done\n");
        (void)fflush(stdout);
    }
    return rc;
}
