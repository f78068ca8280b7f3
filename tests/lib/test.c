/* Shared helpers of the unit tests. */
#include "config.h"

#include "tests/lib/test.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct test_folder {
    char back[4096];
    char path[4200];
};

int test_folder_enter(void **state)
{
    struct test_folder *folder = calloc(1, sizeof(*folder));

    if (!folder || !getcwd(folder->back, sizeof(folder->back)))
        return -1;
    (void)snprintf(folder->path, sizeof(folder->path), "%s/test-XXXXXX", folder->back);
    if (!mkdtemp(folder->path) || chdir(folder->path) != 0)
        return -1;
    *state = folder;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

int test_folder_leave(void **state)
{
    struct test_folder *folder = *state;
    int rc = chdir(folder->back);

    if (rc == 0)
        rc = nftw(folder->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(folder);
    *state = NULL;
    return rc;
}

bool test_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool test_folder_is_empty(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    if (!dir)
        return true;
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count <= 2;
}

void test_file_write(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

char *test_file_read(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    char *data;
    long size;

    if (!file)
        fail_msg("cannot open '%s'", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    data = calloc(1, (size_t)size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, file), (size_t)size);
    assert_int_equal(fclose(file), 0);
    if (ret_size)
        *ret_size = (size_t)size;
    return data;
}

const char *test_sample(const char *name, char *path, size_t size)
{
    const char *root = getenv("FL_SAMPLE_DATA");

    if (!root || !*root)
        skip();
    (void)snprintf(path, size, "%s/%s", root, name);
    if (!test_file_exists(path))
        skip();
    return path;
}
