/* physics_window MAX.nc STATIONS.nc: holds a run of Hurricane Michael against the window in which
 * an honest surge must lie (tide and waves are not in it; metres above mean sea level). Prints a
 * line a criterion; exit 0 when all hold, 1 when one does not, 2 when the files cannot be read. */
#include "config.h"

#include <math.h>
#include <netcdf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/macro.h"

#include "engine/base/banned.h"

#define NAME_MAX_BYTES 128
#define FILL_LIMIT 1e20

struct peak {
    double level_m;
    double lat;
    double lon;
    double hours; /* after 2018-10-09T00Z */
};

static void must(int rc, const char *what)
{
    if (rc == NC_NOERR)
        return;
    (void)fprintf(stderr, "physics_window: %s: %s\n", what, nc_strerror(rc));
    exit(2);
}

static size_t dim_length(int file, const char *name)
{
    size_t length = 0;
    int id = 0;

    must(nc_inq_dimid(file, name, &id), name);
    must(nc_inq_dimlen(file, id, &length), name);
    return length;
}

static double *read_all(int file, const char *name, size_t count)
{
    double *values = calloc(count, sizeof(*values));
    int id = 0;

    if (!values)
        exit(2);
    must(nc_inq_varid(file, name, &id), name);
    must(nc_get_var_double(file, id, values), name);
    return values;
}

static struct peak highest_water(const char *path)
{
    struct peak peak = {.level_m = -INFINITY};
    int file = 0;
    size_t nlat;
    size_t nlon;
    double *level;
    double *when;
    double *lat;
    double *lon;

    must(nc_open(path, NC_NOWRITE, &file), path);
    nlat = dim_length(file, "lat");
    nlon = dim_length(file, "lon");
    level = read_all(file, "zeta_max", nlat * nlon);
    when = read_all(file, "time_of_max", nlat * nlon);
    lat = read_all(file, "lat", nlat);
    lon = read_all(file, "lon", nlon);
    for (size_t i = 0; i < nlat * nlon; i++) {
        if (fabs(level[i]) > FILL_LIMIT || !(level[i] > peak.level_m))
            continue;
        peak = (struct peak){level[i], lat[i / nlon], lon[i % nlon], when[i] / 3600.0};
    }
    free(level);
    free(when);
    free(lat);
    free(lon);
    (void)nc_close(file);
    return peak;
}

/* Highest level of the station whose name begins with `name`. */
static double station_peak(const char *path, const char *name)
{
    double peak = -INFINITY;
    bool found = false;
    int file = 0;
    int names = 0;
    size_t nstation;
    size_t ntime;
    size_t nchar;
    int dims[2];
    double *level;

    must(nc_open(path, NC_NOWRITE, &file), path);
    nstation = dim_length(file, "station");
    ntime = dim_length(file, "time");
    must(nc_inq_varid(file, "station_name", &names), "station_name");
    must(nc_inq_vardimid(file, names, dims), "station_name");
    must(nc_inq_dimlen(file, dims[1], &nchar), "station_name");
    level = read_all(file, "zeta", nstation * ntime);
    for (size_t s = 0; s < nstation; s++) {
        char text[NAME_MAX_BYTES] = "";
        const size_t start[2] = {s, 0};
        const size_t count[2] = {1, nchar < NAME_MAX_BYTES - 1 ? nchar : NAME_MAX_BYTES - 1};

        must(nc_get_vara_text(file, names, start, count, text), "station_name");
        if (strncmp(text, name, strlen(name)) != 0)
            continue;
        found = true;
        for (size_t t = 0; t < ntime; t++)
            peak = fmax(peak, level[s * ntime + t]);
    }
    free(level);
    (void)nc_close(file);
    if (!found) {
        (void)fprintf(stderr, "physics_window: no station '%s' in %s\n", name, path);
        exit(2);
    }
    return peak;
}

static bool within(const char *what, double value, double low, double high)
{
    bool ok = value >= low && value <= high;

    (void)printf("%s: %s %.3f, window %.2f to %.2f\n", ok ? "holds" : "FAILS", what, value, low,
                 high);
    return ok;
}

int main(int argc, char **argv)
{
    struct peak peak;
    bool ok = true;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: physics_window MAX.nc STATIONS.nc\n");
        return 2;
    }
    peak = highest_water(argv[1]);
    ok &= within("highest water [m]", peak.level_m, 3.5, 5.2);
    ok &= within("its latitude [degrees_north]", peak.lat, 29.65, 30.05);
    ok &= within("its longitude [degrees_east]", peak.lon, -85.60, -85.15);
    ok &= within("its time [h after 2018-10-10T00Z]", peak.hours - 24.0, 17.0, 19.0);
    ok &= within("Apalachicola [m]", station_peak(argv[2], "Apalachicola"), 1.8, 3.0);
    ok &= within("Cedar Key [m]", station_peak(argv[2], "Cedar Key"), 0.7, 1.5);
    return ok ? 0 : 1;
}
