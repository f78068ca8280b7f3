/* Bilinear interpolation between latitude-longitude grids: weights along each axis apart. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stages/common/grid.h"

#include "engine/base/banned.h"

#define SEAM_SLACK 1.5  /* a seam this much wider than a step still closes the globe */
#define EDGE_SLACK 1e-6 /* [degrees] by which a point may lie outside */

/* A target point between two source points: value = low * (1 - weight) + high * weight. */
struct between {
    size_t low;
    size_t high;
    double weight;
};

struct fl_bilinear {
    double *lat; /* the source's axes */
    double *lon;
    size_t nlat;
    size_t nlon;
    size_t target_nlat;
    size_t target_nlon;
    struct between *rows;
    struct between *columns;
};

static int check_ascending(const char *name, const double *axis, size_t count,
                           struct fl_err *reterr)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(axis[i]) || (i > 0 && axis[i] <= axis[i - 1]))
            return fl_err_set(reterr, FL_E_DATA, 0, "%s of the source do not ascend at index %zu",
                              name, i);
    }
    return 0;
}

/* The pair of an ascending axis that holds value; false when none does. */
static bool find_between(const double *axis, size_t count, double value, struct between *ret)
{
    size_t low = 0;
    size_t high = count - 1;

    if (value < axis[0] && value > axis[0] - EDGE_SLACK)
        value = axis[0];
    if (value > axis[count - 1] && value < axis[count - 1] + EDGE_SLACK)
        value = axis[count - 1];
    if (value < axis[0] || value > axis[count - 1])
        return false;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (axis[middle] <= value)
            low = middle;
        else
            high = middle;
    }
    *ret = (struct between){low, high, (value - axis[low]) / (axis[high] - axis[low])};
    return true;
}

/* The same round the globe. */
static bool find_column(const struct fl_bilinear *b, double lon, struct between *ret)
{
    const double first = b->lon[0];
    const double last = b->lon[b->nlon - 1];
    const double step = (last - first) / (double)(b->nlon - 1);
    const double seam = first + 360.0 - last;
    double value = lon - 360.0 * floor((lon - first + EDGE_SLACK) / 360.0);

    if (find_between(b->lon, b->nlon, value, ret))
        return true;
    if (value < last || seam > SEAM_SLACK * step)
        return false;
    *ret = (struct between){b->nlon - 1, 0, (value - last) / seam};
    return true;
}

static int fill_weights(struct fl_bilinear *b, const struct fl_grid *grid, struct fl_err *reterr)
{
    bool inside = true;

    for (size_t j = 0; j < grid->nlat && inside; j++)
        inside = find_between(b->lat, b->nlat, grid->lat[j], &b->rows[j]);
    for (size_t i = 0; i < grid->nlon && inside; i++)
        inside = find_column(b, grid->lon[i], &b->columns[i]);
    if (!inside)
        return fl_err_set(
            reterr, FL_E_MISMATCH, 0,
            "the source covers latitudes %g to %g, longitudes %g to %g; the grid needs "
            "%g to %g and %g to %g",
            b->lat[0], b->lat[b->nlat - 1], b->lon[0], b->lon[b->nlon - 1], grid->lat[0],
            grid->lat[grid->nlat - 1], grid->lon[0], grid->lon[grid->nlon - 1]);
    return 0;
}

static double *copy_axis(const double *axis, size_t count)
{
    double *copy = calloc(count, sizeof(*copy));

    if (copy)
        memcpy(copy, axis, count * sizeof(*copy));
    return copy;
}

int fl_bilinear_create(const double *lat, size_t nlat, const double *lon, size_t nlon,
                       const struct fl_grid *grid, struct fl_bilinear **ret_bilinear,
                       struct fl_err *reterr)
{
    fl_auto(fl_bilinear_destroy) struct fl_bilinear *b = NULL;
    int rc;

    fl_assert(lat && lon && grid && ret_bilinear);
    fl_assert(nlat >= 2 && nlon >= 2);
    rc = check_ascending("latitudes", lat, nlat, reterr);
    if (rc == 0)
        rc = check_ascending("longitudes", lon, nlon, reterr);
    if (rc < 0)
        return rc;
    b = calloc(1, sizeof(*b));
    if (!b)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "interpolation");
    b->nlat = nlat;
    b->nlon = nlon;
    b->target_nlat = grid->nlat;
    b->target_nlon = grid->nlon;
    b->lat = copy_axis(lat, nlat);
    b->lon = copy_axis(lon, nlon);
    b->rows = calloc(grid->nlat, sizeof(*b->rows));
    b->columns = calloc(grid->nlon, sizeof(*b->columns));
    if (!b->lat || !b->lon || !b->rows || !b->columns)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "interpolation");
    rc = fill_weights(b, grid, reterr);
    if (rc == 0)
        *ret_bilinear = FL_STEAL(b);
    return rc;
}

void fl_bilinear_destroy(struct fl_bilinear *bilinear)
{
    if (!bilinear)
        return;
    free(bilinear->lat);
    free(bilinear->lon);
    free(bilinear->rows);
    free(bilinear->columns);
    free(bilinear);
}

bool fl_bilinear_fits(const struct fl_bilinear *bilinear, const double *lat, size_t nlat,
                      const double *lon, size_t nlon)
{
    fl_assert(bilinear);
    return nlat == bilinear->nlat && nlon == bilinear->nlon &&
           memcmp(lat, bilinear->lat, nlat * sizeof(*lat)) == 0 &&
           memcmp(lon, bilinear->lon, nlon * sizeof(*lon)) == 0;
}

/* A point of no weight does not count: so a missing neighbour spoils only what it touches. */
static double mix(double low, double high, double weight)
{
    if (weight <= 0.0)
        return low;
    if (weight >= 1.0)
        return high;
    return low * (1.0 - weight) + high * weight;
}

void fl_bilinear_apply(const struct fl_bilinear *bilinear, const double *source, double *target)
{
    fl_assert(bilinear && source && target);
    for (size_t j = 0; j < bilinear->target_nlat; j++) {
        const struct between *row = &bilinear->rows[j];
        const double *south = source + row->low * bilinear->nlon;
        const double *north = source + row->high * bilinear->nlon;

        for (size_t i = 0; i < bilinear->target_nlon; i++) {
            const struct between *column = &bilinear->columns[i];

            target[j * bilinear->target_nlon + i] =
                mix(mix(south[column->low], south[column->high], column->weight),
                    mix(north[column->low], north[column->high], column->weight), row->weight);
        }
    }
}
