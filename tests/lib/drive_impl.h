#ifndef FL_TESTS_LIB_DRIVE_IMPL_H
#define FL_TESTS_LIB_DRIVE_IMPL_H

/* Shared by the parts of drive. Owns: nothing. Threads: one. Limits: DRIVE_ID_MAX. */

#include "engine/base/path.h"
#include "tests/lib/drive.h"

#define DRIVE_ID_MAX 768

/* "prep.f003/1" to the whole id. */
const char *drive_id(const struct drive *d, const char *attempt, char text[DRIVE_ID_MAX]);

#endif
