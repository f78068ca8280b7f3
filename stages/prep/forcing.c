/* The command that makes a forcing file. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/path.h"
#include "stages/common/cfg.h"
#include "stages/common/contract.h"
#include "stages/common/grid.h"
#include "stages/common/nc.h"
#include "stages/common/prov.h"
#include "stages/prep/background.h"
#include "stages/prep/prep.h"
#include "stages/prep/track.h"
#include "stages/prep/vortex.h"

#include "engine/base/banned.h"

#define STEP_DEFAULT_S 600
#define GAP_DEFAULT_S (3 * 3600)
#define BRIDGE_DEFAULT_S (9 * 3600)
#define DAY_S ((int64_t)86400)

/* All that one forcing file is made of. */
struct forcing {
    const struct fl_prep_forcing_options *options;
    struct fl_contract *contract;
    struct fl_cfg *cfg;
    struct fl_grid *grid;
    struct fl_background *background;
    struct fl_track *track; /* NULL: no vortex */
    struct fl_prov *prov;
    struct fl_vortex_settings vortex;
    const char *track_file;
    int64_t step_s;
    int64_t max_gap_s;
    int64_t bridge_max_s;
    int64_t widest_gap_s;
    size_t time_count;
    double *fields[FL_BACKGROUND_KINDS]; /* at one time */
    float *packed;
};

static void forcing_release(struct forcing *f)
{
    fl_cfg_close(f->cfg);
    fl_grid_destroy(f->grid);
    fl_background_destroy(f->background);
    fl_track_destroy(f->track);
    fl_prov_destroy(f->prov);
    for (int kind = 0; kind < FL_BACKGROUND_KINDS; kind++)
        free(f->fields[kind]);
    free(f->packed);
}
FL_DEFINE_AUTO_VALUE(struct forcing, forcing_release)

/* ---- what is asked for ---- */

static int read_settings(struct forcing *f, struct fl_err *reterr)
{
    int rc = fl_cfg_open(f->options->cfg, &f->cfg, reterr);

    if (rc == 0)
        rc = fl_cfg_duration_opt(f->cfg, "step", STEP_DEFAULT_S, 1, DAY_S, &f->step_s, reterr);
    if (rc == 0)
        rc = fl_cfg_duration_opt(f->cfg, "max_gap", GAP_DEFAULT_S, 1, 30 * DAY_S, &f->max_gap_s,
                                 reterr);
    if (rc == 0)
        rc = fl_cfg_duration_opt(f->cfg, "bridge_max", BRIDGE_DEFAULT_S, 1, 30 * DAY_S,
                                 &f->bridge_max_s, reterr);
    if (rc == 0)
        rc = fl_vortex_read(f->cfg, f->options->cycle, &f->track_file, &f->vortex, reterr);
    if (rc == 0)
        rc = fl_cfg_reject_unknown(f->cfg, reterr);
    if (rc == 0 && f->bridge_max_s < f->max_gap_s)
        rc = fl_cfg_error(f->cfg, "bridge_max", reterr, "shorter than max_gap");
    return rc;
}

static int count_times(struct forcing *f, struct fl_err *reterr)
{
    int64_t span_s = (int64_t)(f->options->lead.minutes - f->options->from.minutes) * 60;

    if (span_s < 0 || span_s % f->step_s != 0 || span_s / f->step_s > FL_PREP_STEPS_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "--from to --lead is %lld s; it must be 0 to %d whole steps of %lld s",
                          (long long)span_s, FL_PREP_STEPS_MAX, (long long)f->step_s);
    f->time_count = span_s == 0 ? 1 : (size_t)(span_s / f->step_s);
    return 0;
}

/* The nth time of the file; the last is that of the lead. */
static struct fl_cycle time_at(const struct forcing *f, size_t n)
{
    struct fl_cycle time = fl_cycle_add(f->options->cycle, f->options->lead);

    time.s -= (int64_t)(f->time_count - 1 - n) * f->step_s;
    return time;
}

/* ---- is it what was asked for ---- */

/* A file that inputs.json describes, and does not call a substitute, must hold the time that was
 * asked for: its name proves nothing. */
static int check_against_inputs(const struct forcing *f, struct fl_err *reterr)
{
    for (size_t i = 0; i < f->options->grib_count; i++) {
        const char *path = f->options->gribs[i];
        const struct fl_input *input = fl_contract_input_of_file(f->contract, path);
        struct fl_cycle want;
        char asked[FL_TIME_TEXT_MAX];
        char found[256];

        if (!input || input->degraded_count > 0)
            continue;
        if (input->has_valid_time)
            want = input->valid_time;
        else if (input->has_cycle && input->has_lead)
            want = fl_cycle_add(input->cycle, input->lead);
        else
            continue;
        if (fl_background_file_holds(f->background, i, want))
            continue;
        fl_cycle_format(want, asked);
        fl_background_file_times(f->background, i, found, sizeof(found));
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s' was asked for as valid at %s; the valid times inside are: %s", path,
                          asked, found);
    }
    return 0;
}

/* A gap may be bridged when one of the files is a declared substitute, or by --bridged. */
static bool may_bridge(const struct forcing *f)
{
    if (f->options->bridged)
        return true;
    for (size_t i = 0; i < f->options->grib_count; i++) {
        const struct fl_input *input = fl_contract_input_of_file(f->contract, f->options->gribs[i]);

        if (input && input->degraded_count > 0)
            return true;
    }
    return false;
}

static int refuse_gap(const struct forcing *f, const struct fl_background_bracket *bracket,
                      struct fl_cycle time, bool bridged, struct fl_err *reterr)
{
    char before[FL_TIME_TEXT_MAX];
    char after[FL_TIME_TEXT_MAX];
    char asked[FL_TIME_TEXT_MAX];
    char gap[FL_TIME_TEXT_MAX];
    char most[FL_TIME_TEXT_MAX];

    fl_cycle_format(fl_background_valid(f->background, bracket->before), before);
    fl_cycle_format(fl_background_valid(f->background, bracket->after), after);
    fl_cycle_format(time, asked);
    fl_duration_format(bracket->gap_s, gap);
    fl_duration_format(bridged ? f->bridge_max_s : f->max_gap_s, most);
    return fl_err_set(
        reterr, FL_E_MISMATCH, 0,
        "no forcing for %s: between %s and %s the GRIB files leave a gap of %s; %s is "
        "%s%s",
        asked, before, after, gap, bridged ? "bridge_max" : "max_gap", most,
        bridged ? "" : ", and no input is marked as a substitute");
}

static int check_cover(struct forcing *f, struct fl_err *reterr)
{
    const bool bridged = may_bridge(f);
    const int64_t most_s = bridged ? f->bridge_max_s : f->max_gap_s;

    for (size_t n = 0; n < f->time_count; n++) {
        struct fl_background_bracket bracket;
        int rc = fl_background_bracket(f->background, time_at(f, n), &bracket, reterr);

        if (rc < 0)
            return rc;
        if (bracket.gap_s > most_s)
            return refuse_gap(f, &bracket, time_at(f, n), bridged, reterr);
        if (bracket.gap_s > f->widest_gap_s)
            f->widest_gap_s = bracket.gap_s;
    }
    return 0;
}

/* ---- inputs ---- */

static int read_inputs(struct forcing *f, struct fl_err *reterr)
{
    const size_t cells_max = SIZE_MAX / sizeof(double);
    size_t cells;
    int rc = fl_grid_load(f->options->grid, &f->grid, reterr);

    if (rc == 0)
        rc = fl_background_read(f->options->gribs, f->options->grib_count, f->grid, &f->background,
                                reterr);
    if (rc == 0)
        rc = check_against_inputs(f, reterr);
    if (rc == 0)
        rc = check_cover(f, reterr);
    if (rc == 0 && f->track_file)
        rc = fl_track_read(f->track_file, &f->track, reterr);
    if (rc < 0)
        return rc;
    cells = f->grid->nlat * f->grid->nlon;
    fl_assert(cells < cells_max);
    for (int kind = 0; kind < FL_BACKGROUND_KINDS; kind++) {
        f->fields[kind] = calloc(cells, sizeof(double));
        if (!f->fields[kind])
            return fl_err_set(reterr, FL_E_NOMEM, 0, "forcing of %zu cells", cells);
    }
    f->packed = calloc(cells, sizeof(*f->packed));
    if (!f->packed)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "forcing of %zu cells", cells);
    return 0;
}

/* Marks of the inputs, and our own when a gap was bridged; said aloud when it was. */
static int mark_degraded(struct forcing *f, struct fl_err *reterr)
{
    const bool bridging = f->widest_gap_s > f->max_gap_s;
    const struct fl_degraded *marks = NULL;
    size_t count = fl_contract_degraded_of_inputs(f->contract, &marks);
    char age[FL_TIME_TEXT_MAX];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = fl_prov_degraded(f->prov, marks[i].cause, marks[i].age, reterr);
        if (rc == 0 && bridging)
            rc = fl_contract_degraded(f->contract, marks[i].cause, marks[i].age, reterr);
    }
    if (rc == 0 && bridging && f->options->bridged) {
        fl_duration_format(f->widest_gap_s, age);
        rc = fl_prov_degraded(f->prov, f->options->bridged, age, reterr);
        if (rc == 0)
            rc = fl_contract_degraded(f->contract, f->options->bridged, age, reterr);
    }
    return rc;
}

static int describe_sources(struct forcing *f, struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *grid = NULL;
    int rc = fl_prov_create(FL_PREP_PROGRAM " " PACKAGE_VERSION, &f->prov, reterr);

    for (size_t i = 0; rc == 0 && i < f->options->grib_count; i++)
        rc = fl_prov_source(f->prov, NULL, f->options->gribs[i], reterr);
    if (rc == 0 && f->track_file)
        rc = fl_prov_source(f->prov, NULL, f->track_file, reterr);
    if (rc == 0)
        rc = fl_prov_input(f->prov, NULL, f->options->cfg, reterr);
    if (rc == 0)
        rc = fl_prov_input(f->prov, NULL, f->options->grid, reterr);
    if (rc == 0)
        rc = fl_nc_open(f->options->grid, &grid, reterr);
    if (rc == 0)
        rc = fl_prov_merge(f->prov, grid, reterr);
    return rc == 0 ? mark_degraded(f, reterr) : rc;
}

/* ---- the file ---- */

static bool has_msl(const struct forcing *f)
{
    return f->track || fl_background_has_msl(f->background);
}

static int define_variables(const struct forcing *f, struct fl_nc *nc, struct fl_err *reterr)
{
    static const struct fl_nc_def variables[FL_BACKGROUND_KINDS] = {
        {.name = "u10",
         .type = FL_NC_FLOAT,
         .dims = "time lat lon",
         .units = "m s-1",
         .standard_name = "eastward_wind",
         .long_name = "eastward wind at 10 m, 10-minute mean"},
        {.name = "v10",
         .type = FL_NC_FLOAT,
         .dims = "time lat lon",
         .units = "m s-1",
         .standard_name = "northward_wind",
         .long_name = "northward wind at 10 m, 10-minute mean"},
        {.name = "msl",
         .type = FL_NC_FLOAT,
         .dims = "time lat lon",
         .units = "Pa",
         .standard_name = "air_pressure_at_mean_sea_level",
         .long_name = "air pressure at mean sea level"},
    };
    char units[64];
    const struct fl_nc_def reference = {.name = "forecast_reference_time",
                                        .type = FL_NC_DOUBLE,
                                        .units = units,
                                        .standard_name = "forecast_reference_time",
                                        .long_name = "cycle",
                                        .calendar = "standard"};
    int rc = fl_nc_def_time(nc, f->options->cycle, 0, reterr);

    fl_nc_time_text(f->options->cycle, units, sizeof(units));
    if (rc == 0)
        rc = fl_nc_def_lat_lon(nc, f->grid->nlat, f->grid->nlon, reterr);
    if (rc == 0)
        rc = fl_nc_def_var(nc, &reference, reterr);
    for (int kind = 0; rc == 0 && kind < FL_BACKGROUND_KINDS; kind++) {
        if (kind != FL_BACKGROUND_MSL || has_msl(f))
            rc = fl_nc_def_var(nc, &variables[kind], reterr);
    }
    return rc;
}

static int define_file(const struct forcing *f, struct fl_nc *nc, struct fl_err *reterr)
{
    char history[256];
    char step[FL_TIME_TEXT_MAX];
    char from[FL_TIME_TEXT_MAX];
    char lead[FL_TIME_TEXT_MAX];
    char start[FL_TIME_TEXT_MAX];
    char end[FL_TIME_TEXT_MAX];
    int rc = define_variables(f, nc, reterr);

    fl_duration_format(f->step_s, step);
    fl_lead_format(f->options->from, from);
    fl_lead_format(f->options->lead, lead);
    fl_cycle_format_extended(time_at(f, 0), start);
    fl_cycle_format_extended(time_at(f, f->time_count - 1), end);
    (void)snprintf(history, sizeof(history),
                   "forcing: %zu times after %s up to %s, step %s, from %zu GRIB files%s",
                   f->time_count, from, lead, step, f->options->grib_count,
                   f->track ? " and the vortex of a best track" : "");
    if (rc == 0)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "time_coverage_start", start, reterr);
    if (rc == 0)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "time_coverage_end", end, reterr);
    if (rc == 0)
        rc = fl_prov_write(f->prov, nc, "Wind and pressure on the model grid", history, reterr);
    return rc == 0 ? fl_nc_end_define(nc, reterr) : rc;
}

static int put_field(struct forcing *f, struct fl_nc *nc, const char *name, size_t n,
                     const double *field, struct fl_err *reterr)
{
    const size_t start[3] = {n, 0, 0};
    const size_t count[3] = {1, f->grid->nlat, f->grid->nlon};

    for (size_t k = 0; k < f->grid->nlat * f->grid->nlon; k++)
        f->packed[k] = (float)field[k];
    return fl_nc_put_float(nc, name, start, count, f->packed, reterr);
}

/* Computes and writes one time. */
static int write_time(struct forcing *f, struct fl_nc *nc, size_t n, struct fl_err *reterr)
{
    static const char *const names[FL_BACKGROUND_KINDS] = {"u10", "v10", "msl"};
    const struct fl_cycle time = time_at(f, n);
    const double seconds = (double)(time.s - f->options->cycle.s);
    const size_t one = 1;
    struct fl_background_bracket bracket;
    struct fl_vortex vortex;
    int rc = fl_background_bracket(f->background, time, &bracket, reterr);

    for (int kind = 0; rc == 0 && kind < FL_BACKGROUND_KINDS; kind++) {
        if (kind != FL_BACKGROUND_MSL || fl_background_has_msl(f->background)) {
            fl_background_at(f->background, &bracket, (enum fl_background_kind)kind,
                             f->fields[kind]);
            continue;
        }
        for (size_t k = 0; k < f->grid->nlat * f->grid->nlon; k++)
            f->fields[kind][k] = f->vortex.environment_pa;
    }
    if (rc == 0 && f->track) {
        rc = fl_vortex_init(&vortex, &f->vortex, f->track, time, reterr);
        if (rc == 0)
            rc = fl_vortex_apply(&vortex, f->grid, f->fields[FL_BACKGROUND_U],
                                 f->fields[FL_BACKGROUND_V], f->fields[FL_BACKGROUND_MSL], reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "'%s'", f->track_file);
    }
    if (rc == 0)
        rc = fl_nc_put_double(nc, "time", &n, &one, &seconds, reterr);
    for (int kind = 0; rc == 0 && kind < FL_BACKGROUND_KINDS; kind++) {
        if (kind != FL_BACKGROUND_MSL || has_msl(f))
            rc = put_field(f, nc, names[kind], n, f->fields[kind], reterr);
    }
    return rc;
}

static int write_file(struct forcing *f, const char *path, struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    const double reference = 0.0; /* seconds since the cycle */
    int rc = fl_nc_create(path, &nc, reterr);

    if (rc == 0)
        rc = define_file(f, nc, reterr);
    if (rc == 0)
        rc = fl_nc_put_double(nc, "lat", NULL, NULL, f->grid->lat, reterr);
    if (rc == 0)
        rc = fl_nc_put_double(nc, "lon", NULL, NULL, f->grid->lon, reterr);
    if (rc == 0)
        rc = fl_nc_put_double(nc, "forecast_reference_time", NULL, NULL, &reference, reterr);
    for (size_t n = 0; rc == 0 && n < f->time_count; n++)
        rc = write_time(f, nc, n, reterr);
    return rc == 0 ? fl_nc_settle(nc, reterr) : rc;
}

static int announce(struct forcing *f, struct fl_err *reterr)
{
    const struct fl_degraded *marks = NULL;
    size_t count = fl_contract_degraded_of_inputs(f->contract, &marks);
    char age[FL_TIME_TEXT_MAX];
    struct fl_degraded own = {f->options->bridged, age};

    fl_duration_format(f->widest_gap_s, age);
    if (f->options->bridged && f->widest_gap_s > f->max_gap_s && count == 0) {
        marks = &own;
        count = 1;
    }
    return fl_contract_output_marked(f->contract, f->options->output, &f->options->lead,
                                     f->options->to, marks, count, reterr);
}

int fl_prep_forcing(const struct fl_prep_forcing_options *options, struct fl_contract *contract,
                    struct fl_err *reterr)
{
    fl_auto(forcing_release) struct forcing f = {.options = options, .contract = contract};
    char path[FL_PATH_MAX];
    int rc;

    fl_assert(options && contract);
    rc = read_settings(&f, reterr);
    if (rc == 0)
        rc = count_times(&f, reterr);
    if (rc == 0)
        rc = read_inputs(&f, reterr);
    if (rc == 0)
        rc = describe_sources(&f, reterr);
    if (rc == 0)
        rc = fl_contract_place(contract, options->to, path, sizeof(path), reterr);
    if (rc == 0)
        rc = write_file(&f, path, reterr);
    return rc == 0 ? announce(&f, reterr) : rc;
}
