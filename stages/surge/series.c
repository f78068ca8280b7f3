/* The stations' series as a CF discrete sampling geometry. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/path.h"
#include "stages/common/nc.h"
#include "stages/common/prov.h"
#include "stages/surge/output_impl.h"
#include "stages/surge/settings.h"
#include "stages/surge/stations.h"

#include "engine/base/banned.h"

static const struct fl_nc_def defs[] = {
    {.name = "station_name",
     .type = FL_NC_TEXT,
     .dims = "station name_length",
     .long_name = "station name",
     .cf_role = "timeseries_id"},
    {.name = "station_id",
     .type = FL_NC_TEXT,
     .dims = "station name_length",
     .long_name = "station's identifier at its keeper"},
    {.name = "lat",
     .type = FL_NC_DOUBLE,
     .dims = "station",
     .units = "degrees_north",
     .standard_name = "latitude",
     .long_name = "latitude of the model's cell"},
    {.name = "lon",
     .type = FL_NC_DOUBLE,
     .dims = "station",
     .units = "degrees_east",
     .standard_name = "longitude",
     .long_name = "longitude of the model's cell"},
    {.name = "asked_lat",
     .type = FL_NC_DOUBLE,
     .dims = "station",
     .units = "degrees_north",
     .long_name = "latitude of the station"},
    {.name = "asked_lon",
     .type = FL_NC_DOUBLE,
     .dims = "station",
     .units = "degrees_east",
     .long_name = "longitude of the station"},
    {.name = "distance_km",
     .type = FL_NC_DOUBLE,
     .dims = "station",
     .units = "km",
     .long_name = "distance from the station to the model's cell"},
    {.name = "zeta",
     .type = FL_NC_FLOAT,
     .dims = "station time",
     .units = "m",
     .standard_name = "sea_surface_height_above_geoid",
     .long_name = "water level",
     .coordinates = "station_name lat lon",
     .datum = "mean sea level",
     .has_fill = true},
};

static int define(struct fl_output *output, struct fl_nc *nc, struct fl_err *reterr)
{
    const struct fl_surge_settings *settings = output->setup.settings;
    int rc = fl_nc_def_dim(nc, "station", output->setup.stations->count, reterr);

    if (rc == 0)
        rc = fl_nc_def_dim(nc, "name_length", FL_STATION_TEXT, reterr);
    if (rc == 0)
        rc = fl_nc_def_time(nc, settings->cycle, output->minute_count, reterr);
    for (size_t k = 0; rc == 0 && k < FL_COUNT(defs); k++)
        rc = fl_nc_def_var(nc, &defs[k], reterr);
    if (rc == 0)
        rc = fl_nc_put_att(nc, FL_NC_GLOBAL, "featureType", "timeSeries", reterr);
    if (rc == 0)
        rc = fl_prov_write(output->setup.prov, nc, settings->title,
                           "water levels at stations, each minute", reterr);
    return rc == 0 ? fl_nc_end_define(nc, reterr) : rc;
}

static int put_station(struct fl_output *output, struct fl_nc *nc, size_t k, struct fl_err *reterr)
{
    const struct fl_station *station = &output->setup.stations->list[k];
    const size_t at[] = {k, 0};
    const size_t text[] = {1, FL_STATION_TEXT};
    const size_t one[] = {1};
    const size_t line[] = {1, output->minute_count};
    const struct {
        const char *name;
        const double *value;
    } numbers[] = {
        {"lat", &station->lat},
        {"lon", &station->lon},
        {"asked_lat", &station->asked_lat},
        {"asked_lon", &station->asked_lon},
        {"distance_km", &station->km},
    };
    int rc = fl_nc_put_text(nc, "station_name", at, text, station->name, reterr);

    if (rc == 0)
        rc = fl_nc_put_text(nc, "station_id", at, text, station->id, reterr);
    for (size_t n = 0; rc == 0 && n < FL_COUNT(numbers); n++)
        rc = fl_nc_put_double(nc, numbers[n].name, at, one, numbers[n].value, reterr);
    for (size_t m = 0; m < output->minute_count; m++)
        output->full[m] = output->joined[m * output->setup.stations->count + k];
    return rc == 0 ? fl_nc_put_double(nc, "zeta", at, line, output->full, reterr) : rc;
}

static int put_series(struct fl_output *output, struct fl_nc *nc, struct fl_err *reterr)
{
    double *times = output->full;
    int rc;

    for (size_t m = 0; m < output->minute_count; m++)
        times[m] = 60.0 * (double)(output->first_minute + (int64_t)m);
    rc = fl_nc_put_double(nc, "time", NULL, NULL, times, reterr);
    for (size_t k = 0; rc == 0 && k < output->setup.stations->count; k++)
        rc = put_station(output, nc, k, reterr);
    return rc;
}

int fl_output_stations(struct fl_output *output, struct fl_lead lead, struct fl_err *reterr)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    char path[FL_PATH_MAX];
    int rc = fl_output_path(output, output->setup.settings->name_stations, lead, path, sizeof(path),
                            reterr);

    if (rc == 0)
        rc = fl_nc_create(path, &nc, reterr);
    if (rc == 0)
        rc = define(output, nc, reterr);
    if (rc == 0)
        rc = put_series(output, nc, reterr);
    if (rc == 0)
        rc = fl_nc_settle(nc, reterr);
    return rc == 0 ? fl_output_announce(output, "stations", NULL, path, reterr) : rc;
}
