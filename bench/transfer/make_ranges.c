/* A GRIB2 file as forecast centres have them, with its inventory, and a selection in runs:
 *     make_ranges FILE BYTES PICKED
 * writes FILE (messages of 200 to 1,000 KiB on a grid of their own size, of cycle 2018-10-09 00Z,
 * +003), FILE.idx and FILE.ranges (lines "first last" of the PICKED messages, those of TMP, UGRD,
 * VGRD and HGT; the others are RH). The same bytes each time.
 * Owns: nothing. Threads: one. Limits: FIELDS_MAX messages. */
#include "config.h"

#include <eccodes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/macro.h"

#include "engine/base/banned.h"

#define FIELDS_MAX 5000
#define NJ 100
#define BITS 16

static const struct {
    const char *name;
    long category;
    long number;
} variables[] = {{"TMP", 0, 0}, {"UGRD", 2, 2}, {"VGRD", 2, 3}, {"HGT", 3, 5}, {"RH", 1, 1}};

struct making {
    FILE *grib;
    FILE *index;
    FILE *ranges;
    uint64_t at;
    uint32_t dice;
    double *values;
    long fields;
    long picked;
};

static uint32_t roll(struct making *making, uint32_t low, uint32_t high)
{
    making->dice = making->dice * 1664525u + 1013904223u; /* Numerical Recipes, 7.1 */
    return low + (making->dice >> 8) % (high - low + 1);
}

static int set_keys(codes_handle *handle, size_t variable, long level, long ni)
{
    const struct {
        const char *key;
        long value;
    } keys[] = {
        {"dataDate", 20181009},
        {"dataTime", 0},
        {"indicatorOfUnitOfTimeRange", 1},
        {"forecastTime", 3},
        {"discipline", 0},
        {"parameterCategory", variables[variable].category},
        {"parameterNumber", variables[variable].number},
        {"typeOfFirstFixedSurface", 100},
        {"scaleFactorOfFirstFixedSurface", 0},
        {"scaledValueOfFirstFixedSurface", level * 100},
        {"Ni", ni},
        {"Nj", NJ},
        {"bitsPerValue", BITS},
    };

    for (size_t i = 0; i < FL_COUNT(keys); i++) {
        if (codes_set_long(handle, keys[i].key, keys[i].value) != CODES_SUCCESS)
            return -1;
    }
    return 0;
}

static int make_field(struct making *making, bool pick)
{
    size_t variable = pick ? (size_t)(making->picked % 4) : 4;
    long level = 1 + making->fields; /* each its own, so that lines tell them apart */
    long ni = (long)roll(making, 1024, 5120);
    codes_handle *handle = codes_grib_handle_new_from_samples(NULL, "regular_ll_pl_grib2");
    const void *message = NULL;
    size_t size = 0;
    int rc = handle ? set_keys(handle, variable, level, ni) : -1;

    for (long i = 0; rc == 0 && i < ni * NJ; i++)
        making->values[i] = (double)roll(making, 0, 65535);
    if (rc == 0 && (codes_set_double_array(handle, "values", making->values, (size_t)(ni * NJ)) !=
                        CODES_SUCCESS ||
                    codes_get_message(handle, &message, &size) != CODES_SUCCESS ||
                    fwrite(message, 1, size, making->grib) != size))
        rc = -1;
    if (rc == 0) {
        (void)fprintf(making->index, "%ld:%llu:d=2018100900:%s:%ld mb:3 hour fcst:\n",
                      making->fields + 1, (unsigned long long)making->at, variables[variable].name,
                      level);
        if (pick)
            (void)fprintf(making->ranges, "%llu %llu\n", (unsigned long long)making->at,
                          (unsigned long long)(making->at + size - 1));
    }
    making->at += size;
    making->fields++;
    making->picked += pick;
    if (handle)
        (void)codes_handle_delete(handle); /* nothing to lose */
    return rc;
}

static FILE *open_beside(const char *path, const char *suffix)
{
    char name[4096];

    (void)snprintf(name, sizeof(name), "%s%s", path, suffix);
    return fopen(name, "w");
}

int main(int argc, char **argv)
{
    static const uint32_t runs[] = {1, 1, 1, 2, 2, 3, 5};
    static const uint32_t gaps[] = {0, 1, 1, 1, 2};
    struct making making = {.dice = 7};
    uint64_t most = argc > 3 ? strtoull(argv[2], NULL, 10) : 0;
    long wanted = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    int rc = 0;

    if (argc < 4 || most == 0 || wanted < 1) {
        (void)fprintf(stderr, "usage: make_ranges FILE BYTES PICKED\n");
        return 78;
    }
    making.grib = open_beside(argv[1], "");
    making.index = open_beside(argv[1], ".idx");
    making.ranges = open_beside(argv[1], ".ranges");
    making.values = calloc((size_t)5120 * NJ, sizeof(*making.values));
    if (!making.grib || !making.index || !making.ranges || !making.values) {
        perror(argv[1]);
        return 70;
    }
    while (rc == 0 && making.at < most && making.fields < FIELDS_MAX) {
        uint32_t run = runs[roll(&making, 0, 6)];
        uint32_t gap = gaps[roll(&making, 0, 4)];

        for (; rc == 0 && run > 0 && making.picked < wanted; run--)
            rc = make_field(&making, true);
        for (gap += making.picked == wanted; rc == 0 && gap > 0; gap--)
            rc = make_field(&making, false);
    }
    if (fclose(making.grib) != 0 || fclose(making.index) != 0 || fclose(making.ranges) != 0)
        rc = -1;
    free(making.values);
    if (rc == 0)
        (void)printf("{\"bytes\": %llu, \"messages\": %ld, \"picked\": %ld}\n",
                     (unsigned long long)making.at, making.fields, making.picked);
    return rc == 0 ? 0 : 70;
}
