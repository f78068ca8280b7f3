#ifndef FL_TESTS_DESTINATION_FILES_H
#define FL_TESTS_DESTINATION_FILES_H

/* Files to send in tests: their making, a source that gives them in turn, and how each ended. */

#include "data-fetch/destination/destination.h"
#include "tests/lib/test.h"

#define FILES_MAX 64

struct files {
    struct fl_dest_file file[FILES_MAX];
    char sha256[FILES_MAX][FL_DIGEST_HEX];
    char local[FILES_MAX][64];
    size_t count;
    size_t next;
    /* how they ended */
    size_t ended;
    size_t failed;
    size_t there;
    uint64_t sent;
    enum fl_dest_proof proof; /* of the last */
    char why[512];            /* of the last that failed */
};

/* Makes the local file "local/NAME" of size bytes that depend on seed, and adds it. */
void files_add(struct files *files, const char *name, size_t size, unsigned seed);
/* The bytes of such a file at an offset. */
void files_fill(void *data, size_t size, uint64_t offset, unsigned seed);
/* A source of them from the start; what has ended is counted anew. */
struct fl_dest_source files_source(struct files *files);
/* Fails the test unless what is at the destination has the digest of file i. */
void files_check(struct fl_destination *dest, const struct files *files, size_t i,
                 const char *path);

#endif
