#ifndef FL_POST_PALETTE_H
#define FL_POST_PALETTE_H

/* Colour bands of a water level: blue below zero, near white at zero, yellow to dark violet above.
 * Darkness grows with distance from zero on both sides, so that the order survives in grey and for
 * the colour-blind. Pure. Owns: nothing. Threads: any. Limits: FL_BANDS_MAX edges. */

#include <stddef.h>

#define FL_BANDS_MAX 48

struct fl_colour { /* 0 to 1 */
    double r;
    double g;
    double b;
};

/* Edges of the bands, ascending; below the first and above the last there is one band each. */
struct fl_bands {
    size_t count;
    double edge[FL_BANDS_MAX]; /* [m] */
};

/* Number of bands: count + 1. */
size_t fl_bands_total(const struct fl_bands *bands);
/* Band of a value: 0 below the first edge, count at or above the last. */
size_t fl_bands_find(const struct fl_bands *bands, double value);
/* Colour of a band, from the middle of its edges. */
struct fl_colour fl_bands_colour(const struct fl_bands *bands, size_t band);
/* The continuous scale: strength in -1 (deep blue) .. 0 (white) .. 1 (dark violet), clamped. */
struct fl_colour fl_palette_level(double strength);
/* Relative luminance 0 to 1. Source: ITU-R BT.709 weights. */
double fl_colour_luminance(struct fl_colour colour);

#endif
