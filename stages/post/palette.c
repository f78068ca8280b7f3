/* The level scale: two hand-made halves that meet in near white. */
#include "config.h"

#include "stages/post/palette.h"

#include <math.h>

#include "engine/base/macro.h"

#include "engine/base/banned.h"

static const struct fl_colour above[] = {
    {0.980, 0.976, 0.957}, {0.996, 0.922, 0.737}, {0.988, 0.812, 0.506},
    {0.969, 0.651, 0.333}, {0.925, 0.463, 0.259}, {0.824, 0.278, 0.255},
    {0.659, 0.137, 0.294}, {0.459, 0.063, 0.294}, {0.255, 0.027, 0.216},
};
static const struct fl_colour below[] = {
    {0.980, 0.976, 0.957}, {0.812, 0.890, 0.941}, {0.620, 0.792, 0.894}, {0.404, 0.655, 0.835},
    {0.224, 0.502, 0.741}, {0.129, 0.341, 0.600}, {0.071, 0.192, 0.412},
};

size_t fl_bands_total(const struct fl_bands *bands)
{
    return bands->count + 1;
}

size_t fl_bands_find(const struct fl_bands *bands, double value)
{
    size_t low = 0;
    size_t high = bands->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (value >= bands->edge[middle])
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct fl_colour scale_at(const struct fl_colour *scale, size_t count, double t)
{
    double place = fmin(fmax(t, 0.0), 1.0) * (double)(count - 1);
    size_t index = (size_t)place;
    double part;

    if (index >= count - 1)
        return scale[count - 1];
    part = place - (double)index;
    return (struct fl_colour){
        scale[index].r * (1 - part) + scale[index + 1].r * part,
        scale[index].g * (1 - part) + scale[index + 1].g * part,
        scale[index].b * (1 - part) + scale[index + 1].b * part,
    };
}

struct fl_colour fl_palette_level(double strength)
{
    if (strength < 0)
        return scale_at(below, FL_COUNT(below), -strength);
    return scale_at(above, FL_COUNT(above), strength);
}

/* Middle of a band [m]; the open bands at both ends lie half a neighbour's width outside. */
static double band_middle(const struct fl_bands *bands, size_t band)
{
    size_t last = bands->count - 1;

    if (bands->count == 1)
        return bands->edge[0] + (band == 0 ? -1.0 : 1.0);
    if (band == 0)
        return bands->edge[0] - (bands->edge[1] - bands->edge[0]) / 2;
    if (band > last)
        return bands->edge[last] + (bands->edge[last] - bands->edge[last - 1]) / 2;
    return (bands->edge[band - 1] + bands->edge[band]) / 2;
}

struct fl_colour fl_bands_colour(const struct fl_bands *bands, size_t band)
{
    double middle;
    double reach;

    fl_assert(bands->count > 0 && bands->count <= FL_BANDS_MAX);
    fl_assert(band <= bands->count);
    middle = band_middle(bands, band);
    reach = middle < 0 ? band_middle(bands, 0) : band_middle(bands, bands->count);
    reach = fmax(fabs(reach), fabs(middle));
    if (reach < 1e-9 || (bands->count > 1 && band > 0 && band < bands->count &&
                         bands->edge[band - 1] < 0 && bands->edge[band] > 0))
        return fl_palette_level(0);
    /* The power gives the small levels, where most of a map lies, enough contrast. */
    return fl_palette_level(copysign(pow(fabs(middle) / reach, 0.62), middle));
}

double fl_colour_luminance(struct fl_colour colour)
{
    return 0.2126 * colour.r + 0.7152 * colour.g + 0.0722 * colour.b;
}
