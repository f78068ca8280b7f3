/* Sampling, spreading and searching a longitude-latitude field. */
#include "config.h"

#include "stages/post/raster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

int fl_raster_init(struct fl_raster *raster, size_t nlat, size_t nlon, struct fl_err *reterr)
{
    fl_assert(raster);
    *raster = (struct fl_raster){0};
    if (nlat < 2 || nlon < 2)
        return fl_err_set(reterr, FL_E_DATA, 0, "a grid of %zu x %zu points; at least 2 x 2", nlat,
                          nlon);
    if (nlat > FL_RASTER_MAX / nlon)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "a grid of %zu x %zu points; the limit is %zu",
                          nlat, nlon, FL_RASTER_MAX);
    raster->lat = calloc(nlat, sizeof(*raster->lat));
    raster->lon = calloc(nlon, sizeof(*raster->lon));
    raster->value = calloc(nlat * nlon, sizeof(*raster->value));
    if (!raster->lat || !raster->lon || !raster->value) {
        fl_raster_release(raster);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "a grid of %zu x %zu points", nlat, nlon);
    }
    raster->nlat = nlat;
    raster->nlon = nlon;
    for (size_t i = 0; i < nlat * nlon; i++)
        raster->value[i] = NAN;
    return 0;
}

void fl_raster_release(struct fl_raster *raster)
{
    if (!raster)
        return;
    free(raster->lat);
    free(raster->lon);
    free(raster->value);
    *raster = (struct fl_raster){0};
}

int fl_raster_copy(struct fl_raster *to, const struct fl_raster *from, struct fl_err *reterr)
{
    int rc = fl_raster_init(to, from->nlat, from->nlon, reterr);

    if (rc < 0)
        return rc;
    memcpy(to->lat, from->lat, from->nlat * sizeof(*to->lat));
    memcpy(to->lon, from->lon, from->nlon * sizeof(*to->lon));
    memcpy(to->value, from->value, from->nlat * from->nlon * sizeof(*to->value));
    return 0;
}

static bool axis_is_even(const double *axis, size_t count)
{
    double step = (axis[count - 1] - axis[0]) / (double)(count - 1);

    if (!(step > 0))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!(fabs(axis[i] - (axis[0] + step * (double)i)) <= 0.01 * step))
            return false;
    return true;
}

int fl_raster_check_axes(const struct fl_raster *raster, struct fl_err *reterr)
{
    if (!axis_is_even(raster->lat, raster->nlat))
        return fl_err_set(reterr, FL_E_DATA, 0, "'lat' does not ascend in even steps");
    if (!axis_is_even(raster->lon, raster->nlon))
        return fl_err_set(reterr, FL_E_DATA, 0, "'lon' does not ascend in even steps");
    return 0;
}

/* Place of a coordinate on an even axis: index and part of the step; false outside. */
static bool axis_place(const double *axis, size_t count, double x, size_t *ret_index,
                       double *ret_part)
{
    double step = (axis[count - 1] - axis[0]) / (double)(count - 1);
    double place = (x - axis[0]) / step;
    size_t index;

    if (!(place >= 0) || place > (double)(count - 1))
        return false;
    index = (size_t)place;
    if (index > count - 2)
        index = count - 2;
    *ret_index = index;
    *ret_part = place - (double)index;
    return true;
}

double fl_raster_sample(const struct fl_raster *raster, double lat, double lon)
{
    const float *row;
    size_t j;
    size_t i;
    double v;
    double u;

    if (!axis_place(raster->lat, raster->nlat, lat, &j, &v) ||
        !axis_place(raster->lon, raster->nlon, lon, &i, &u))
        return NAN;
    row = raster->value + j * raster->nlon + i;
    return (1 - v) * ((1 - u) * (double)row[0] + u * (double)row[1]) +
           v * ((1 - u) * (double)row[raster->nlon] + u * (double)row[raster->nlon + 1]);
}

/* Mean of the present neighbours of a point; NaN when there are none. */
static float neighbour_mean(const struct fl_raster *raster, const float *from, size_t j, size_t i)
{
    double sum = 0;
    int count = 0;

    for (size_t y = j > 0 ? j - 1 : 0; y <= j + 1 && y < raster->nlat; y++) {
        for (size_t x = i > 0 ? i - 1 : 0; x <= i + 1 && x < raster->nlon; x++) {
            float value = from[y * raster->nlon + x];

            if (isfinite(value)) {
                sum += (double)value;
                count++;
            }
        }
    }
    return count > 0 ? (float)(sum / count) : NAN;
}

int fl_raster_spread(struct fl_raster *raster, int rounds, struct fl_err *reterr)
{
    size_t size = raster->nlat * raster->nlon;
    float *before = malloc(size * sizeof(*before));

    if (!before)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "spreading a field of %zu points", size);
    for (int round = 0; round < rounds; round++) {
        memcpy(before, raster->value, size * sizeof(*before));
        for (size_t j = 0; j < raster->nlat; j++)
            for (size_t i = 0; i < raster->nlon; i++)
                if (!isfinite(before[j * raster->nlon + i]))
                    raster->value[j * raster->nlon + i] = neighbour_mean(raster, before, j, i);
    }
    free(before);
    return 0;
}

double fl_distance_km(struct fl_point a, struct fl_point b)
{
    double rad = acos(-1.0) / 180.0;
    double dlat = sin((b.lat - a.lat) * rad / 2);
    double dlon = sin((b.lon - a.lon) * rad / 2);
    double h = dlat * dlat + cos(a.lat * rad) * cos(b.lat * rad) * dlon * dlon;

    return 2 * FL_EARTH_KM * asin(fmin(1.0, sqrt(h)));
}

struct fl_point fl_raster_place(const struct fl_raster *raster, size_t index)
{
    fl_assert(index < raster->nlat * raster->nlon);
    return (struct fl_point){raster->lat[index / raster->nlon], raster->lon[index % raster->nlon]};
}

bool fl_raster_nearest(const struct fl_raster *raster, struct fl_point place, size_t *ret_index,
                       double *ret_km)
{
    double best = INFINITY;
    size_t best_index = 0;

    for (size_t k = 0; k < raster->nlat * raster->nlon; k++) {
        double km;

        if (!isfinite(raster->value[k]))
            continue;
        km = fl_distance_km(place, fl_raster_place(raster, k));
        if (km < best) {
            best = km;
            best_index = k;
        }
    }
    if (!isfinite(best))
        return false;
    *ret_index = best_index;
    *ret_km = best;
    return true;
}

/* Index of the extreme in the direction of sign (1: largest, -1: smallest). */
static bool extreme(const struct fl_raster *raster, double sign, size_t *ret_index)
{
    bool found = false;
    double best = 0;

    for (size_t k = 0; k < raster->nlat * raster->nlon; k++) {
        double value = sign * (double)raster->value[k];

        if (isfinite(value) && (!found || value > best)) {
            found = true;
            best = value;
            *ret_index = k;
        }
    }
    return found;
}

bool fl_raster_peak(const struct fl_raster *raster, size_t *ret_index)
{
    return extreme(raster, 1.0, ret_index);
}

bool fl_raster_lowest(const struct fl_raster *raster, size_t *ret_index)
{
    return extreme(raster, -1.0, ret_index);
}
