/* The rows and columns around a rank's own: from the neighbours, or the edge of the grid. */
#include "config.h"

#include <string.h>

#include "stages/surge/swe.h"
#include "stages/surge/swe_impl.h"

#include "engine/base/banned.h"

#define TAG_UP 1
#define TAG_DOWN 2

/* FL_SWE_HALO rows of zeta, u and v from row j on, to or from a packet. */
static void pack(const struct fl_swe *swe, ptrdiff_t j, double *packet)
{
    size_t size = FL_SWE_HALO * swe->stride;
    size_t at = fl_swe_at(swe, j, -1);

    memcpy(packet, swe->zeta + at, size * sizeof(double));
    memcpy(packet + size, swe->u + at, size * sizeof(double));
    memcpy(packet + 2 * size, swe->v + at, size * sizeof(double));
}

static void unpack(struct fl_swe *swe, ptrdiff_t j, const double *packet)
{
    size_t size = FL_SWE_HALO * swe->stride;
    size_t at = fl_swe_at(swe, j, -1);

    memcpy(swe->zeta + at, packet, size * sizeof(double));
    memcpy(swe->u + at, packet + size, size * sizeof(double));
    memcpy(swe->v + at, packet + 2 * size, size * sizeof(double));
}

static void copy_row(struct fl_swe *swe, double *field, ptrdiff_t from, ptrdiff_t to)
{
    memcpy(field + fl_swe_at(swe, to, -1), field + fl_swe_at(swe, from, -1),
           swe->stride * sizeof(double));
}

/* Beyond the grid's edges everything goes on as it is at the edge. */
static void fill_edges(struct fl_swe *swe)
{
    ptrdiff_t rows = (ptrdiff_t)swe->rows.count;
    ptrdiff_t last = (ptrdiff_t)swe->nlon - 1;

    for (ptrdiff_t k = 1; fl_swe_is_bottom(swe) && k <= FL_SWE_HALO; k++) {
        copy_row(swe, swe->zeta, 0, -k);
        copy_row(swe, swe->u, 0, -k);
        if (k > 1)
            copy_row(swe, swe->v, -1, -k); /* v(-1) is the southern edge itself */
    }
    for (ptrdiff_t k = 0; fl_swe_is_top(swe) && k < FL_SWE_HALO; k++) {
        copy_row(swe, swe->zeta, rows - 1, rows + k);
        copy_row(swe, swe->u, rows - 1, rows + k);
        copy_row(swe, swe->v, rows - 1, rows + k);
    }
    for (ptrdiff_t j = -FL_SWE_HALO; j < rows + FL_SWE_HALO; j++) {
        swe->zeta[fl_swe_at(swe, j, -1)] = swe->zeta[fl_swe_at(swe, j, 0)];
        swe->zeta[fl_swe_at(swe, j, last + 1)] = swe->zeta[fl_swe_at(swe, j, last)];
        swe->v[fl_swe_at(swe, j, -1)] = swe->v[fl_swe_at(swe, j, 0)];
        swe->v[fl_swe_at(swe, j, last + 1)] = swe->v[fl_swe_at(swe, j, last)];
    }
}

/* With both neighbours; beyond the first and the last rank there is none. */
static int swap_packets(struct fl_swe *swe, struct fl_err *reterr)
{
    const struct fl_mpi *mpi = &swe->mpi;
    int size = (int)(3 * FL_SWE_HALO * swe->stride);
    int below = fl_swe_is_bottom(swe) ? MPI_PROC_NULL : mpi->rank - 1;
    int above = fl_swe_is_top(swe) ? MPI_PROC_NULL : mpi->rank + 1;
    MPI_Request requests[4];
    int status[5];
    int rc = 0;

    status[0] = MPI_Irecv(swe->recv[0], size, MPI_DOUBLE, below, TAG_UP, mpi->comm, &requests[0]);
    status[1] = MPI_Irecv(swe->recv[1], size, MPI_DOUBLE, above, TAG_DOWN, mpi->comm, &requests[1]);
    status[2] = MPI_Isend(swe->send[0], size, MPI_DOUBLE, below, TAG_DOWN, mpi->comm, &requests[2]);
    status[3] = MPI_Isend(swe->send[1], size, MPI_DOUBLE, above, TAG_UP, mpi->comm, &requests[3]);
    status[4] = MPI_Waitall(4, requests, MPI_STATUSES_IGNORE);
    for (size_t k = 0; rc == 0 && k < FL_COUNT(status); k++)
        rc = fl_mpi_check(status[k], "exchange rows with the neighbours", reterr);
    return rc;
}

int fl_swe_exchange(struct fl_swe *swe, struct fl_err *reterr)
{
    ptrdiff_t rows = (ptrdiff_t)swe->rows.count;
    int rc;

    if (swe->mpi.size > 1) {
        pack(swe, 0, swe->send[0]);
        pack(swe, rows - FL_SWE_HALO, swe->send[1]);
        rc = swap_packets(swe, reterr);
        if (rc < 0)
            return rc;
        if (!fl_swe_is_bottom(swe))
            unpack(swe, -FL_SWE_HALO, swe->recv[0]);
        if (!fl_swe_is_top(swe))
            unpack(swe, rows, swe->recv[1]);
    }
    fill_edges(swe);
    return 0;
}
