#ifndef FL_COMMON_MPI_H
#define FL_COMMON_MPI_H

/* MPI with errors that return, agreement between ranks, and rows shared out to ranks.
 * Every rank calls the same collectives in the same order, on failure too: agree, then act.
 * A struct fl_mpi of one rank that never met MPI_Init (fl_mpi_alone) is fine everywhere here: then
 * no call to MPI is made.
 * Owns: a duplicate of MPI_COMM_WORLD. Threads: one. Limits: blocks of INT_MAX values a rank. */

#include <stdbool.h>
#include <stddef.h>

#include <mpi.h>

#include "engine/base/err.h"

struct fl_mpi {
    MPI_Comm comm;
    int rank;
    int size;
};

/* Rows j of 0..total-1 that a rank holds, in order of ranks; the first ranks have one more where
 * they do not share out evenly. */
struct fl_rows {
    size_t first;
    size_t count;
};

/* The one rank of a program that does without MPI. */
struct fl_mpi fl_mpi_alone(void);
/* MPI_Init, errors that return, a communicator of our own. FL_E_BUG with MPI's text. */
int fl_mpi_init(int *argc, char ***argv, struct fl_mpi *ret_mpi, struct fl_err *reterr);
/* MPI_Finalize; all ranks. */
void fl_mpi_finish(struct fl_mpi *mpi);

/* Collective: every rank brings its own result (0, or an error with its text in err). When any rank
 * has failed all get the code and the text of the lowest rank that has; else 0. */
int fl_mpi_agree(const struct fl_mpi *mpi, int rc, struct fl_err *err) FL_MUST_USE;
/* Turns an MPI status into 0 or FL_E_BUG with MPI's text. */
int fl_mpi_check(int status, const char *doing, struct fl_err *reterr);

/* Collective: size bytes from rank 0 to all. */
int fl_mpi_share(const struct fl_mpi *mpi, void *data, size_t size, struct fl_err *reterr);

struct fl_rows fl_mpi_rows(size_t total, int rank, int size);
/* Collective: rows of `width` doubles of all ranks joined on rank 0 (full may be NULL elsewhere).
 */
int fl_mpi_gather_rows(const struct fl_mpi *mpi, size_t total, size_t width, const double *mine,
                       double *full, struct fl_err *reterr);
/* Collective: from rank 0's full field each rank gets its rows, and as many of the `halo` rows
 * before and after them as there are; *ret_before tells how many came before. mine has room for
 * count + 2 halo rows. */
int fl_mpi_scatter_rows(const struct fl_mpi *mpi, size_t total, size_t width, size_t halo,
                        const double *full, double *mine, size_t *ret_before,
                        struct fl_err *reterr);

#endif
