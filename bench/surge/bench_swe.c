/* Cost of a time step of the shallow-water core in one rank, beside what the memory of this machine
 * gives in the same run (STREAM triad, McCalpin 1995).
 *   bench_swe [ROWS COLUMNS STEPS]      default 1000 1000 20
 * Prints one line a quantity. The bytes of a step are those of the algorithm as it stands: each
 * field that a row pass reads or writes counts once. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/world/world.h"
#include "stages/surge/grid.h"
#include "stages/surge/swe.h"

#include "engine/base/banned.h"

#define STREAM_VALUES ((size_t)8 * 1000 * 1000)
#define STREAM_ROUNDS 10
/* Fields that a step streams: air 9, transport 8, u 12, v 12, limiter 7, its use 5, zeta 10. */
#define FIELDS_A_STEP 63.0

static double now_s(void)
{
    return (double)fl_world_mono_ns(fl_world_real()) * 1e-9;
}

/* Bytes a second of a = b + s c, the best of some rounds. */
static double triad(void)
{
    double *block = malloc(3 * STREAM_VALUES * sizeof(double));
    double best = 0.0;

    if (!block)
        return 0.0;
    for (size_t k = 0; k < 3 * STREAM_VALUES; k++)
        block[k] = (double)k;
    for (int round = 0; round < STREAM_ROUNDS; round++) {
        double *restrict a = block;
        const double *restrict b = block + STREAM_VALUES;
        const double *restrict c = block + 2 * STREAM_VALUES;
        double start = now_s();
        double rate;

        for (size_t k = 0; k < STREAM_VALUES; k++)
            a[k] = b[k] + 0.5 * c[k];
        rate = 3.0 * STREAM_VALUES * sizeof(double) / (now_s() - start);
        best = rate > best ? rate : best;
    }
    free(block);
    return best;
}

static int make_grid(struct fl_surge_grid *grid, size_t nlat, size_t nlon, struct fl_err *err)
{
    int rc = fl_surge_grid_init(grid, nlat, nlon, err);

    for (size_t j = 0; rc == 0 && j < nlat; j++)
        grid->lat[j] = 10.0 + 0.01 * (double)j;
    for (size_t i = 0; rc == 0 && i < nlon; i++)
        grid->lon[i] = 0.01 * (double)i;
    for (size_t k = 0; rc == 0 && k < nlat * nlon; k++) {
        grid->depth[k] = 20.0 + (double)(k % 97);
        grid->sea[k] = k % 1013 ? 1 : 0;
    }
    return rc;
}

static int measure(size_t nlat, size_t nlon, int steps, struct fl_err *err)
{
    fl_auto(fl_surge_grid_release) struct fl_surge_grid grid = {0};
    fl_auto(fl_swe_destroy) struct fl_swe *swe = NULL;
    struct fl_swe_physics physics = fl_swe_defaults();
    struct fl_mpi mpi = fl_mpi_alone();
    double memory = triad();
    double start;
    double step_s;
    int rc = make_grid(&grid, nlat, nlon, err);

    if (rc == 0)
        rc = fl_swe_create(&grid, &physics, &mpi, &swe, err);
    if (rc < 0)
        return rc;
    for (size_t k = 0; k < (nlat + 2 * FL_SWE_HALO) * swe->stride; k++)
        swe->wind_u[0][k] = swe->wind_u[1][k] = 15.0;
    fl_swe_bottom(swe);
    start = now_s();
    for (int step = 0; rc == 0 && step < steps; step++) {
        fl_swe_air(swe, 0.5, 1.0);
        rc = fl_swe_step(swe, step, err);
    }
    step_s = (now_s() - start) / steps;
    (void)printf("grid                  %zu x %zu, %d steps\n", nlat, nlon, steps);
    (void)printf("time a cell and step  %.2f ns\n", step_s * 1e9 / (double)(nlat * nlon));
    (void)printf("STREAM triad          %.2f GB/s\n", memory * 1e-9);
    (void)printf("step's own traffic    %.2f GB/s, %.0f %% of the triad\n",
                 FIELDS_A_STEP * sizeof(double) * (double)(nlat * nlon) / step_s * 1e-9,
                 100.0 * FIELDS_A_STEP * sizeof(double) * (double)(nlat * nlon) / step_s / memory);
    return rc;
}

int main(int argc, char **argv)
{
    size_t nlat = argc == 4 ? (size_t)strtoul(argv[1], NULL, 10) : 1000;
    size_t nlon = argc == 4 ? (size_t)strtoul(argv[2], NULL, 10) : 1000;
    int steps = argc == 4 ? (int)strtol(argv[3], NULL, 10) : 20;
    struct fl_err err = {0};
    int rc;

    if ((argc != 1 && argc != 4) || steps < 1) {
        (void)fputs("usage: bench_swe [ROWS COLUMNS STEPS]\n", stderr);
        return fl_err_exit_code(FL_E_USAGE);
    }
    rc = measure(nlat, nlon, steps, &err);
    if (rc < 0)
        (void)fprintf(stderr, "bench_swe: %s\n", err.text);
    return fl_err_exit_code(rc);
}
