/* MPI helpers whose errors return. */
#include "config.h"

#include "stages/common/mpi.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FL_WITH_ASAN
#endif
#endif
#if defined(FL_WITH_ASAN) || defined(__SANITIZE_ADDRESS__)
/* MPI loads parts, lets them leak and unloads them: no list of names could excuse those leaks. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

struct fl_mpi fl_mpi_alone(void)
{
    return (struct fl_mpi){.comm = MPI_COMM_NULL, .rank = 0, .size = 1};
}

int fl_mpi_check(int status, const char *doing, struct fl_err *reterr)
{
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;

    if (status == MPI_SUCCESS)
        return 0;
    if (MPI_Error_string(status, text, &length) != MPI_SUCCESS)
        length = 0;
    return fl_err_set(reterr, FL_E_BUG, status, "MPI: %s: %.*s", doing, length, text);
}

int fl_mpi_init(int *argc, char ***argv, struct fl_mpi *ret_mpi, struct fl_err *reterr)
{
    struct fl_mpi mpi = {.comm = MPI_COMM_NULL};
    int rc = fl_mpi_check(MPI_Init(argc, argv), "start", reterr);

    if (rc == 0)
        rc = fl_mpi_check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN),
                          "set error handler", reterr);
    if (rc == 0)
        rc = fl_mpi_check(MPI_Comm_dup(MPI_COMM_WORLD, &mpi.comm), "copy communicator", reterr);
    if (rc == 0)
        rc = fl_mpi_check(MPI_Comm_rank(mpi.comm, &mpi.rank), "ask for rank", reterr);
    if (rc == 0)
        rc = fl_mpi_check(MPI_Comm_size(mpi.comm, &mpi.size), "ask for size", reterr);
    if (rc == 0)
        *ret_mpi = mpi;
    return rc;
}

void fl_mpi_finish(struct fl_mpi *mpi)
{
    if (mpi->comm != MPI_COMM_NULL)
        (void)MPI_Comm_free(&mpi->comm); /* the end of the program frees what stays */
    (void)MPI_Finalize();
}

int fl_mpi_agree(const struct fl_mpi *mpi, int rc, struct fl_err *err)
{
    struct fl_err told = {0};
    int lowest = 0;
    int mine;
    int status;

    if (mpi->size == 1)
        return rc;
    mine = rc < 0 ? mpi->rank : mpi->size;
    status = MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, mpi->comm);
    if (status != MPI_SUCCESS)
        return fl_mpi_check(status, "agree on an error", err);
    if (lowest == mpi->size)
        return 0;
    if (mpi->rank == lowest) {
        if (err)
            told = *err;
        told.code = rc;
    }
    status = MPI_Bcast(&told, (int)sizeof(told), MPI_BYTE, lowest, mpi->comm);
    if (status != MPI_SUCCESS)
        return fl_mpi_check(status, "share an error", err);
    if (err)
        *err = told;
    return told.code;
}

int fl_mpi_share(const struct fl_mpi *mpi, void *data, size_t size, struct fl_err *reterr)
{
    if (mpi->size == 1)
        return 0;
    fl_assert(size <= INT_MAX);
    return fl_mpi_check(MPI_Bcast(data, (int)size, MPI_BYTE, 0, mpi->comm), "share", reterr);
}

struct fl_rows fl_mpi_rows(size_t total, int rank, int size)
{
    size_t each = total / (size_t)size;
    size_t more = total % (size_t)size;
    size_t at = (size_t)rank;
    struct fl_rows rows;

    rows.first = at * each + (at < more ? at : more);
    rows.count = each + (at < more ? 1 : 0);
    return rows;
}

/* A rank's rows with up to halo rows on each side. */
static struct fl_rows with_halo(size_t total, int rank, int size, size_t halo, size_t *ret_before)
{
    struct fl_rows rows = fl_mpi_rows(total, rank, size);
    size_t before = rows.first < halo ? rows.first : halo;
    size_t rest = total - rows.first - rows.count;

    rows.count += before + (rest < halo ? rest : halo);
    rows.first -= before;
    *ret_before = before;
    return rows;
}

/* Counts and displacements of all ranks; counts in the first half. Free with free(). */
static int blocks_of(const struct fl_mpi *mpi, size_t total, size_t width, size_t halo,
                     int **ret_blocks, struct fl_err *reterr)
{
    int *blocks = calloc((size_t)mpi->size * 2, sizeof(*blocks));

    if (!blocks)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (total * width > INT_MAX) {
        free(blocks);
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "a field of %zu x %zu values, limit %d", total,
                          width, INT_MAX);
    }
    for (int rank = 0; rank < mpi->size; rank++) {
        size_t before;
        struct fl_rows rows = with_halo(total, rank, mpi->size, halo, &before);

        blocks[rank] = (int)(rows.count * width);
        blocks[mpi->size + rank] = (int)(rows.first * width);
    }
    *ret_blocks = blocks;
    return 0;
}

int fl_mpi_gather_rows(const struct fl_mpi *mpi, size_t total, size_t width, const double *mine,
                       double *full, struct fl_err *reterr)
{
    int *blocks = NULL;
    int status;
    int rc;

    if (mpi->size == 1) {
        memcpy(full, mine, total * width * sizeof(*full));
        return 0;
    }
    rc = blocks_of(mpi, total, width, 0, &blocks, reterr);
    if (rc < 0)
        return rc;
    status = MPI_Gatherv(mine, blocks[mpi->rank], MPI_DOUBLE, full, blocks, blocks + mpi->size,
                         MPI_DOUBLE, 0, mpi->comm);
    free(blocks);
    return fl_mpi_check(status, "gather rows", reterr);
}

int fl_mpi_scatter_rows(const struct fl_mpi *mpi, size_t total, size_t width, size_t halo,
                        const double *full, double *mine, size_t *ret_before, struct fl_err *reterr)
{
    int *blocks = NULL;
    int status;
    int rc;

    if (mpi->size == 1) {
        memcpy(mine, full, total * width * sizeof(*mine));
        *ret_before = 0;
        return 0;
    }
    (void)with_halo(total, mpi->rank, mpi->size, halo, ret_before); /* for the count before */
    rc = blocks_of(mpi, total, width, halo, &blocks, reterr);
    if (rc < 0)
        return rc;
    status = MPI_Scatterv(full, blocks, blocks + mpi->size, MPI_DOUBLE, mine, blocks[mpi->rank],
                          MPI_DOUBLE, 0, mpi->comm);
    free(blocks);
    return fl_mpi_check(status, "scatter rows", reterr);
}
