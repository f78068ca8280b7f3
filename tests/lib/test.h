#ifndef FL_TESTS_LIB_TEST_H
#define FL_TESTS_LIB_TEST_H

/* What unit tests share: cmocka with its includes in order, a scratch folder, sample data. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/err.h"

/* Makes an empty folder below the build's working folder and enters it; removed by
 * test_folder_leave. Fit for cmocka's setup and teardown. */
int test_folder_enter(void **state);
int test_folder_leave(void **state);

bool test_file_exists(const char *path);
/* True when the folder is absent or holds nothing. */
bool test_folder_is_empty(const char *path);
void test_file_write(const char *path, const void *data, size_t size);
/* Whole file as a NUL-terminated text; free with free(). Fails the test when it cannot be read. */
char *test_file_read(const char *path, size_t *ret_size);

/* Path of a sample file below --with-sample-data, or skips the test when there is none. */
const char *test_sample(const char *name, char *path, size_t size);

/* Fails with the message of err unless rc is 0. */
#define assert_ok(rc, err) \
    do { \
        if ((rc) != 0) \
            fail_msg("%s: %s", fl_err_name(rc), (err).text); \
    } while (0)
/* Fails unless rc is the error and its text has the words. */
#define assert_fails_with(rc, want, err, words) \
    do { \
        if ((rc) != (want)) \
            fail_msg("expected %s, got %s: %s", fl_err_name(want), fl_err_name(rc), (err).text); \
        if (!strstr((err).text, (words))) \
            fail_msg("'%s' does not say '%s'", (err).text, (words)); \
    } while (0)

#endif
