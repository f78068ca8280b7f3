/* Files to send in tests. */
#include "config.h"

#include "tests/unit/data-fetch/destination/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/banned.h"

void files_fill(void *data, size_t size, uint64_t offset, unsigned seed)
{
    unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++) {
        uint64_t at = offset + i;

        bytes[i] = (unsigned char)((at * 2654435761u + seed * 40503u + (at >> 13) * 7u) >> 5);
    }
}

void files_add(struct files *files, const char *name, size_t size, unsigned seed)
{
    size_t i = files->count++;
    char *data = malloc(size + 1);

    assert_true(i < FILES_MAX);
    assert_non_null(data);
    (void)mkdir("local", 0755); /* may be there */
    files_fill(data, size, 0, seed);
    (void)snprintf(files->local[i], sizeof(files->local[i]), "local/%zu", i);
    test_file_write(files->local[i], data, size);
    fl_digest_memory(data, size, files->sha256[i]);
    free(data);
    files->file[i] = (struct fl_dest_file){.local = files->local[i],
                                           .name = name,
                                           .sha256 = files->sha256[i],
                                           .size = (int64_t)size,
                                           .arg = (void *)i};
}

static int give(struct fl_dest_file *ret_file, struct fl_err *reterr, void *arg)
{
    struct files *files = arg;

    (void)reterr;
    if (files->next == files->count)
        return 0;
    *ret_file = files->file[files->next++];
    return 1;
}

static int take_end(const struct fl_dest_end *end, struct fl_err *reterr, void *arg)
{
    struct files *files = arg;
    size_t i = (size_t)end->arg;

    (void)reterr;
    files->ended++;
    files->failed += end->rc < 0;
    files->there += end->there;
    files->sent += end->sent;
    files->proof = end->proof;
    if (end->rc < 0)
        (void)snprintf(files->why, sizeof(files->why), "%s", end->why);
    else
        assert_string_equal(end->sha256, files->sha256[i]);
    return 0;
}

struct fl_dest_source files_source(struct files *files)
{
    files->next = files->ended = files->failed = files->there = 0;
    files->sent = 0;
    files->why[0] = '\0';
    return (struct fl_dest_source){.next = give, .end = take_end, .arg = files};
}

void files_check(struct fl_destination *dest, const struct files *files, size_t i, const char *path)
{
    char hex[FL_DIGEST_HEX] = "";
    struct fl_err err = {0};

    assert_ok(fl_dest_digest(dest, path, hex, NULL, &err), err);
    assert_string_equal(hex, files->sha256[i]);
}
