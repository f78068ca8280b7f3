/* Best track and gauge tables. */
#include "config.h"

#include "stages/post/facts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

/* A number that may be absent: NaN for a missing column or an empty cell. */
static int number_opt(const struct fl_table *table, size_t row, const char *column,
                      double *ret_value, struct fl_err *reterr)
{
    if (!*fl_table_cell(table, row, fl_table_find(table, column))) {
        *ret_value = NAN;
        return 0;
    }
    return fl_table_number(table, row, column, ret_value, reterr);
}

static int place_read(const struct fl_table *table, size_t row, struct fl_point *ret_place,
                      struct fl_err *reterr)
{
    int rc = fl_table_number(table, row, "lat_n", &ret_place->lat, reterr);

    if (rc == 0)
        rc = fl_table_number(table, row, "lon_e", &ret_place->lon, reterr);
    if (rc < 0)
        return rc;
    if (fabs(ret_place->lat) > 90 || fabs(ret_place->lon) > 360)
        return fl_err_set(reterr, FL_E_PARSE, 0, "place %g N %g E is not on the globe",
                          ret_place->lat, ret_place->lon);
    return 0;
}

static int fix_read(const struct fl_table *table, size_t row, struct fl_fix *fix,
                    struct fl_err *reterr)
{
    int rc = fl_table_time(table, row, "time_utc", &fix->time, reterr);

    if (rc == 0)
        rc = place_read(table, row, &fix->place, reterr);
    if (rc == 0)
        rc = number_opt(table, row, "vmax_kt", &fix->vmax_kt, reterr);
    if (rc == 0)
        rc = number_opt(table, row, "pmin_hpa", &fix->pmin_hpa, reterr);
    return rc;
}

int fl_track_read(const struct fl_world *world, const char *path, struct fl_track *ret_track,
                  struct fl_err *reterr)
{
    fl_auto(fl_table_destroy) struct fl_table *table = NULL;
    int rc;

    ret_track->count = 0;
    rc = fl_table_read(world, path, &table, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "track");
    if (fl_table_rows(table) > FL_TRACK_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "track '%s': %zu fixes; the limit is %d", path,
                          fl_table_rows(table), FL_TRACK_MAX);
    for (size_t row = 0; row < fl_table_rows(table); row++) {
        rc = fix_read(table, row, &ret_track->fix[row], reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "track '%s'", path);
        if (row > 0 && ret_track->fix[row].time.s <= ret_track->fix[row - 1].time.s)
            return fl_err_set(reterr, FL_E_PARSE, 0, "track '%s': fix %zu is not after fix %zu",
                              path, row + 1, row);
        ret_track->count = row + 1;
    }
    return 0;
}

bool fl_track_at(const struct fl_track *track, struct fl_cycle time, struct fl_point *ret_place)
{
    for (size_t i = 0; i < track->count; i++) {
        const struct fl_fix *here = &track->fix[i];
        const struct fl_fix *next = i + 1 < track->count ? here + 1 : here;
        double part = 0;

        if (time.s < here->time.s || time.s > next->time.s)
            continue;
        if (next != here)
            part = (double)(time.s - here->time.s) / (double)(next->time.s - here->time.s);
        ret_place->lat = here->place.lat + part * (next->place.lat - here->place.lat);
        ret_place->lon = here->place.lon + part * (next->place.lon - here->place.lon);
        return true;
    }
    return false;
}

static void text_read(const struct fl_table *table, size_t row, const char *column,
                      const char *fallback, char *text, size_t size)
{
    const char *cell = fl_table_cell(table, row, fl_table_find(table, column));

    (void)snprintf(text, size, "%s", *cell ? cell : fallback);
}

static int gauge_read(const struct fl_table *table, size_t row, struct fl_gauge *gauge,
                      struct fl_err *reterr)
{
    int rc = place_read(table, row, &gauge->place, reterr);

    if (rc == 0)
        rc = number_opt(table, row, "peak_m", &gauge->peak_m, reterr);
    if (rc == 0)
        rc = number_opt(table, row, "datum_above_msl_m", &gauge->datum_above_msl_m, reterr);
    if (rc < 0)
        return rc;
    text_read(table, row, "station", "", gauge->name, sizeof(gauge->name));
    text_read(table, row, "id", "", gauge->id, sizeof(gauge->id));
    text_read(table, row, "datum", "datum not stated", gauge->datum, sizeof(gauge->datum));
    text_read(table, row, "source", "source not stated", gauge->source, sizeof(gauge->source));
    text_read(table, row, "note", "", gauge->note, sizeof(gauge->note));
    if (!*gauge->name)
        return fl_err_set(reterr, FL_E_PARSE, 0, "row %zu has no 'station'", row + 1);
    return 0;
}

int fl_gauges_read(const struct fl_world *world, const char *path, struct fl_gauges *ret_gauges,
                   struct fl_err *reterr)
{
    fl_auto(fl_table_destroy) struct fl_table *table = NULL;
    int rc;

    ret_gauges->count = 0;
    rc = fl_table_read(world, path, &table, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "gauges");
    if (fl_table_rows(table) > FL_GAUGES_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "gauges '%s': %zu rows; the limit is %d", path,
                          fl_table_rows(table), FL_GAUGES_MAX);
    for (size_t row = 0; row < fl_table_rows(table); row++) {
        rc = gauge_read(table, row, &ret_gauges->gauge[row], reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "gauges '%s'", path);
        ret_gauges->count = row + 1;
    }
    return 0;
}

const struct fl_gauge *fl_gauges_find(const struct fl_gauges *gauges, const char *name)
{
    for (size_t i = 0; i < gauges->count; i++)
        if (strcmp(gauges->gauge[i].name, name) == 0)
            return &gauges->gauge[i];
    return NULL;
}
