/* Whether a stage wrote into its inputs. */
#include "config.h"

#include "engine/worker/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

static int guard_add(struct fl_guard *guard, const struct fl_world *world, const char *folder,
                     const char *file, struct fl_err *reterr)
{
    struct fl_guard_file *one = &guard->files[guard->count];
    char path[FL_PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/data/%s", folder, file) >= (int)sizeof(path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path of input '%s' is too long", file);
    one->path = realpath(path, NULL);
    if (!one->path)
        return 0; /* not there: the stage will say so itself, if it needs it */
    one->file = strdup(file);
    guard->count++;
    if (!one->file)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "inputs: out of memory");
    return fl_file_stat(world, one->path, &one->was, reterr);
}

int fl_guard_init(struct fl_guard *guard, const struct fl_world *world, const char *folder,
                  const json_t *inputs, struct fl_err *reterr)
{
    size_t count = inputs ? json_array_size(inputs) : 0;
    int rc = 0;

    guard->count = 0;
    guard->files = calloc(count + 1, sizeof(*guard->files));
    if (!guard->files)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "inputs: out of memory");
    for (size_t i = 0; i < count && rc == 0; i++) {
        const json_t *entry = json_array_get(inputs, i);
        const char *file = json_string_value(json_object_get(entry, "file"));

        if (file && !json_object_get(entry, "url") && !json_is_true(json_object_get(entry, "copy")))
            rc = guard_add(guard, world, folder, file, reterr);
    }
    if (rc < 0)
        fl_guard_release(guard);
    return rc;
}

void fl_guard_release(struct fl_guard *guard)
{
    for (size_t i = 0; i < guard->count; i++) {
        free(guard->files[i].path);
        free(guard->files[i].file);
    }
    free(guard->files);
    memset(guard, 0, sizeof(*guard));
}

int fl_guard_check(const struct fl_guard *guard, const struct fl_world *world,
                   struct fl_err *reterr)
{
    for (size_t i = 0; i < guard->count; i++) {
        const struct fl_guard_file *one = &guard->files[i];
        struct fl_stat now;

        if (fl_file_stat(world, one->path, &now, NULL) == 0 && now.inode == one->was.inode &&
            now.size_bytes == one->was.size_bytes && now.mtime_ns == one->was.mtime_ns)
            continue;
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "the stage changed its input '%s', which is the accepted file '%s' "
                          "itself; a stage that writes into its inputs needs them as copies",
                          one->file, one->path);
    }
    return 0;
}
