/* Path safety. */
#include "config.h"

#include "engine/base/path.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

#define COMPONENT_MAX 255

static bool component_is_safe(const char *at, size_t size)
{
    if (size == 0 || size > COMPONENT_MAX)
        return false;
    if (at[0] == '.' && (size == 1 || (size == 2 && at[1] == '.')))
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)at[i];

        if (c < 0x20 || c == 0x7f || c == '\\')
            return false;
    }
    return true;
}

bool fl_path_is_safe(const char *path)
{
    const char *at = path;

    fl_assert(path);
    if (strnlen(path, FL_PATH_MAX) >= FL_PATH_MAX)
        return false;
    for (;;) {
        size_t size = strcspn(at, "/");

        if (!component_is_safe(at, size))
            return false;
        if (at[size] == '\0')
            return true;
        at += size + 1;
    }
}

bool fl_name_is_safe(const char *name)
{
    return fl_path_is_safe(name) && !strchr(name, '/') && name[0] != '.';
}

int fl_path_join(const char *root, const char *rel, char *path, size_t size, struct fl_err *reterr)
{
    int used;

    if (!fl_path_is_safe(rel))
        return fl_err_set(reterr, FL_E_PERM, 0,
                          "path '%.200s' is not a plain relative path below its root", rel);
    used = snprintf(path, size, "%s/%s", root, rel);
    if (used < 0 || (size_t)used >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s/%.200s' is longer than %zu bytes",
                          root, rel, size - 1);
    return 0;
}

const char *fl_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}
